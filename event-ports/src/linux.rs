//! What only the implementation on Linux has.
//!
//! Linux has no event ports; there the crate `event-ports-linux` implements them. By default it keeps every rule of the
//! original, some of which cost a system call on Linux. A program that keeps a promise can switch such a rule off. The
//! switches make a program faster, never different, as long as the promise is kept; on illumos there is nothing to
//! switch, and this module does not exist. So use it behind `cfg(target_os = "linux")`:
//!
//! ```
//! let port = event_ports::EventPort::new()?;
//! #[cfg(target_os = "linux")]
//! event_ports::linux::trust_descriptors(&port, true)?;
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::EventPort;
use crate::sys::linux::{
    PORT_TRUST_DESCRIPTORS, PORT_TRUST_NUMBER, port_linux_close, port_linux_set_max_events, port_linux_trust,
};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::RawFd;

/// Promises that descriptors which have duplicates are dissociated from the port before they are closed, or takes the
/// promise back.
///
/// A duplicate is what `dup`, `fork` and passing a descriptor to another process make. Linux does not tell a port that
/// a number was closed while a duplicate lives on, so without the promise a delivery costs one more system call to find
/// out. A program that promises and does not keep it gets events of descriptors it has closed, with the cookies they
/// were associated with.
///
/// # Errors
/// What the system reports; none is known for an open port.
///
/// ```
/// let port = event_ports::EventPort::new()?;
/// event_ports::linux::trust_descriptors(&port, true)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn trust_descriptors(port: &EventPort, trust: bool) -> io::Result<()> {
    set_trust(port.fd(), if trust { PORT_TRUST_NUMBER | PORT_TRUST_DESCRIPTORS } else { PORT_TRUST_NUMBER })
}

/// Sets how many events and associations each port created *from now on* can hold, in the whole process: what the
/// resource control `process.max-port-events` is on illumos, where it is set with prctl(1) instead. The default is the
/// same, 65,536.
///
/// # Errors
/// More than 16,777,216 is too many (`EINVAL`).
///
/// ```
/// # use std::num::NonZeroU32;
/// event_ports::linux::set_max_events(NonZeroU32::new(100_000).unwrap())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set_max_events(max: NonZeroU32) -> io::Result<()> {
    check(port_linux_set_max_events(max.get()))
}

/// `EventPort` owns the number, so nothing but its drop closes it.
pub(crate) fn trust_number(fd: RawFd) -> io::Result<()> {
    set_trust(fd, PORT_TRUST_NUMBER)
}

/// Closes a port and frees what it holds at once; an error leaves nothing to do.
///
/// # Safety
/// The caller owns the descriptor and does not use it again.
pub(crate) unsafe fn close(fd: RawFd) {
    // SAFETY: the caller's promise.
    unsafe { port_linux_close(fd) };
}

fn set_trust(fd: RawFd, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the number is an `EventPort`'s, which closes it by `close` above alone. Of descriptors the program promises
    // what it promises; that promise is about events, not about memory or anybody else's descriptors.
    check(unsafe { port_linux_trust(fd, flags) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
