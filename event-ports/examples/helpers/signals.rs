//! SIGINT and SIGTERM as events.

use event_ports::Waker;
use libc::c_int;
use std::io;
use std::sync::OnceLock;

#[cfg(target_os = "illumos")]
use libc::___errno as errno_location;
#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;

/// What the handler wakes. Set once and never dropped, so the handler always finds it whole.
static WAKER: OnceLock<Waker> = OnceLock::new();

/// From now on SIGINT and SIGTERM wake a loop, where they would have ended the process.
///
/// A handler may do next to nothing: the signal may have interrupted anything, a memory allocation for instance. Sending
/// an event to a port is allowed, so the loop learns of the signal like of everything else.
pub(crate) fn wake_on_termination(waker: Waker) -> io::Result<()> {
    if WAKER.set(waker).is_err() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "signals wake another loop already"));
    }
    // SAFETY: all zeros is a valid `sigaction`: no flag and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as extern "C" fn(c_int) as libc::sighandler_t;
    // Calls that a signal interrupts are to go on; what the loop waits for is the event.
    action.sa_flags = libc::SA_RESTART;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: `action` is complete, and its handler does only what a handler may do.
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn handle(_signal: c_int) {
    // SAFETY: the address of this thread's errno is always valid, and a handler may ask for it.
    let errno = unsafe { errno_location() };
    // SAFETY: as above.
    let interrupted = unsafe { *errno };
    if let Some(waker) = WAKER.get() {
        // There is nobody to tell of an error.
        let _ = waker.wake();
    }
    // The code that was interrupted may be about to look at its errno.
    // SAFETY: as above.
    unsafe { *errno = interrupted };
}
