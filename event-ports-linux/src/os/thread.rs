//! Threads and signals.

use super::check;
use crate::errno::{Errno, Result};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;
use libc::{c_int, c_void};

/// Starts a thread that blocks every signal and that nobody joins.
pub(crate) fn start_thread(run: fn()) -> Result<()> {
    extern "C" fn entry(run: *mut c_void) -> *mut c_void {
        // SAFETY: `start_thread` has made the pointer from a `fn()`.
        let run = unsafe { core::mem::transmute::<*mut c_void, fn()>(run) };
        run();
        ptr::null_mut()
    }
    /// More than these threads use, the C library's own data for a thread included.
    const STACK: usize = 256 * 1024;
    let mut thread = 0;
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the structures are initialised by the first call on each. A thread inherits the mask of the one that starts
    // it, which is put back before anything else runs here. `entry` gets the pointer it expects.
    let rc = unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setdetachstate(attributes.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let rc = libc::pthread_create(&raw mut thread, attributes.as_ptr(), entry, run as *mut c_void);
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        rc
    };
    if rc == 0 { Ok(()) } else { Err(Errno(rc)) }
}

/// Names the calling thread, for debuggers.
pub(crate) fn name_thread(name: &CStr) {
    // SAFETY: the name is a terminated string; the kernel takes what it has room for.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Sends the signal of a completed request to this process, as the C library does it.
pub(crate) fn signal_completion(signal: c_int, value: libc::sigval) -> Result<()> {
    /// The members of `siginfo_t` that a signal with a value has, and its size.
    #[repr(C)]
    struct Info {
        signo: c_int,
        errno: c_int,
        code: c_int,
        _pad: c_int,
        pid: libc::pid_t,
        uid: libc::uid_t,
        value: libc::sigval,
        _rest: [u8; 128 - 32],
    }
    const _: () = assert!(size_of::<Info>() == size_of::<libc::siginfo_t>());
    // SAFETY: these take no pointers.
    let (pid, uid) = unsafe { (libc::getpid(), libc::getuid()) };
    let info = Info { signo: signal, errno: 0, code: libc::SI_ASYNCIO, _pad: 0, pid, uid, value, _rest: [0; 128 - 32] };
    // SAFETY: `info` outlives the call, and has the size of a `siginfo_t`.
    let rc = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, &raw const info) };
    check(rc as c_int).map(drop)
}
