//! System calls that the C library makes cancellation points, and that are none here (SYS-7).
//!
//! A thread that is cancelled is unwound, and leaves behind what it was about to put right: a lock, or a list that names
//! a place in its stack. `syscall` is no cancellation point. Threads of this crate are not cancelled, since nobody knows
//! them, so what they alone call may be the C library's.

use core::ptr;
use libc::{c_char, c_int, c_long, c_void, epoll_event, iovec, off_t, pollfd, sigset_t, ssize_t, timespec};

/// `close`.
pub(crate) fn close(fd: c_int) -> c_int {
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

/// `fsync`.
pub(crate) fn fsync(fd: c_int) -> c_int {
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_fsync, fd) as c_int }
}

/// `fdatasync`.
pub(crate) fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: takes no pointer.
    unsafe { libc::syscall(libc::SYS_fdatasync, fd) as c_int }
}

/// `read`.
///
/// # Safety
/// As for `read(2)`: the kernel may write `len` bytes at `at`.
pub(crate) unsafe fn read(fd: c_int, at: *mut c_void, len: usize) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_read, fd, at, len) as ssize_t }
}

/// `write`.
///
/// # Safety
/// As for `write(2)`: the kernel may read `len` bytes at `at`.
pub(crate) unsafe fn write(fd: c_int, at: *const c_void, len: usize) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_write, fd, at, len) as ssize_t }
}

/// `preadv2` into one piece of memory.
///
/// # Safety
/// As for [`read`], of what `vector` names.
pub(crate) unsafe fn preadv2(fd: c_int, vector: &iovec, offset: off_t, flags: c_int) -> ssize_t {
    let (low, high) = halves(offset);
    // SAFETY: the caller's promise.
    unsafe {
        libc::syscall(libc::SYS_preadv2, fd, &raw const *vector, 1_usize, low, high, c_long::from(flags)) as ssize_t
    }
}

/// `pwritev2` from one piece of memory.
///
/// # Safety
/// As for [`write`], of what `vector` names.
pub(crate) unsafe fn pwritev2(fd: c_int, vector: &iovec, offset: off_t, flags: c_int) -> ssize_t {
    let (low, high) = halves(offset);
    // SAFETY: the caller's promise.
    unsafe {
        libc::syscall(libc::SYS_pwritev2, fd, &raw const *vector, 1_usize, low, high, c_long::from(flags)) as ssize_t
    }
}

/// An offset as the kernel wants it, which on machines of 64 bits looks at the first half alone, and has it whole there.
fn halves(offset: off_t) -> (c_long, c_long) {
    #[allow(clippy::useless_conversion, reason = "off_t has 32 bits in some C libraries")]
    let whole = i64::from(offset);
    (whole as c_long, (whole >> 32) as c_long)
}

/// `recv`.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn recv(fd: c_int, at: *mut c_void, len: usize, flags: c_int) -> ssize_t {
    let (from, size) = (ptr::null_mut::<c_void>(), ptr::null_mut::<c_void>());
    // SAFETY: the caller's promise; no address is asked for.
    unsafe { libc::syscall(libc::SYS_recvfrom, fd, at, len, flags, from, size) as ssize_t }
}

/// `send`.
///
/// # Safety
/// As for [`write`].
pub(crate) unsafe fn send(fd: c_int, at: *const c_void, len: usize, flags: c_int) -> ssize_t {
    // SAFETY: the caller's promise; there is no address.
    unsafe { libc::syscall(libc::SYS_sendto, fd, at, len, flags, ptr::null::<c_void>(), 0_usize) as ssize_t }
}

/// `open`, where nothing is created.
///
/// # Safety
/// `path` is only used by the kernel, which checks it.
pub(crate) unsafe fn open(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags) as c_int }
}

/// `ppoll` of one descriptor, with the thread's own signal mask.
pub(crate) fn poll(descriptor: &mut pollfd, mut timeout: timespec) -> c_int {
    let (mask, size) = (ptr::null::<sigset_t>(), 0_usize);
    // SAFETY: both structures outlive the call, which may change them.
    unsafe { libc::syscall(libc::SYS_ppoll, &raw mut *descriptor, 1_usize, &raw mut timeout, mask, size) as c_int }
}

/// `epoll_wait`.
///
/// # Safety
/// The kernel may write `max` entries at `events`.
pub(crate) unsafe fn epoll_wait(epoll: c_int, events: *mut epoll_event, max: c_int, millis: c_int) -> c_int {
    let (mask, size) = (ptr::null::<sigset_t>(), 0_usize);
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_epoll_pwait, epoll, events, max, millis, mask, size) as c_int }
}
