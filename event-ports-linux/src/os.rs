//! The Linux system calls this crate makes, each as one safe function. Nothing else talks to the kernel.

use crate::errno::{Errno, Result};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::AtomicU32;
use libc::{c_int, c_void, epoll_event};

fn check(rc: c_int) -> Result<c_int> {
    if rc < 0 { Err(Errno::last()) } else { Ok(rc) }
}

pub(crate) fn epoll_create() -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::epoll_create1(0) })
}

/// An epoll descriptor for our own use, close-on-exec and out of the way of low numbers.
pub(crate) fn epoll_create_hidden() -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(raise_fd)
}

fn epoll_ctl(epoll: c_int, op: c_int, fd: c_int, events: u32, data: u64) -> Result<()> {
    let mut event = epoll_event { events, u64: data };
    // SAFETY: `event` outlives the call, and the kernel only reads it.
    check(unsafe { libc::epoll_ctl(epoll, op, fd, &raw mut event) }).map(drop)
}

pub(crate) fn epoll_add(epoll: c_int, fd: c_int, events: u32, data: u64) -> Result<()> {
    epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, events, data)
}

pub(crate) fn epoll_mod(epoll: c_int, fd: c_int, events: u32, data: u64) -> Result<()> {
    epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, events, data)
}

pub(crate) fn epoll_del(epoll: c_int, fd: c_int) -> Result<()> {
    epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

/// The most events one [`epoll_poll`] returns.
pub(crate) const EPOLL_BATCH: usize = 64;

/// Where [`epoll_poll`] puts its events.
pub(crate) type EpollBatch = [MaybeUninit<epoll_event>; EPOLL_BATCH];

/// Collects up to `max` events without waiting.
pub(crate) fn epoll_poll(epoll: c_int, batch: &mut EpollBatch, max: usize) -> Result<&[epoll_event]> {
    let max = max.clamp(1, EPOLL_BATCH);
    // SAFETY: the kernel writes at most `max` entries, and `batch` has room for as many.
    let n = check(unsafe { libc::epoll_wait(epoll, batch.as_mut_ptr().cast(), max as c_int, 0) })?;
    // SAFETY: the kernel has written the first `n` entries.
    Ok(unsafe { core::slice::from_raw_parts(batch.as_ptr().cast(), n as usize) })
}

/// An event counter that holds 1 and so is always readable, close-on-exec and out of the way of low numbers.
pub(crate) fn readable_eventfd() -> Result<c_int> {
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    Ok(raise_fd(fd))
}

/// Moves a descriptor of our own to a number programs do not expect to get next; keeps it where that cannot be.
fn raise_fd(fd: c_int) -> c_int {
    const FLOOR: c_int = 256;
    // SAFETY: takes no pointer.
    match check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, FLOOR) }) {
        Ok(high) => {
            close(fd);
            high
        }
        Err(_) => fd,
    }
}

/// Announces news to whoever waits for `fd`, an event counter.
pub(crate) fn eventfd_ring(fd: c_int) {
    let one = 1_u64;
    // SAFETY: the kernel reads the eight bytes of `one`. The counter cannot overflow in the life of a process, so
    // there is no error to report.
    unsafe { libc::write(fd, (&raw const one).cast(), 8) };
}

/// Closes a descriptor this crate owns. Linux closes it whatever close(2) answers.
pub(crate) fn close(fd: c_int) {
    // SAFETY: takes no pointer.
    unsafe { libc::close(fd) };
}

/// Closes a descriptor on behalf of the caller, with close(2)'s own answer.
pub(crate) fn close_checked(fd: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::close(fd) }).map(drop)
}

/// Makes `number` another number of `fd`'s file, close-on-exec as it was before.
pub(crate) fn replace_fd(fd: c_int, number: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    let flags = check(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    let cloexec = if flags & libc::FD_CLOEXEC != 0 { libc::O_CLOEXEC } else { 0 };
    // SAFETY: takes no pointer.
    check(unsafe { libc::dup3(fd, number, cloexec) }).map(drop)
}

pub(crate) fn is_open(fd: c_int) -> bool {
    // SAFETY: takes no pointer.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// A number that tells the file behind `fd` from other files that exist at the same time.
pub(crate) fn file_identity(fd: c_int) -> Result<u64> {
    let mut st = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `st` has room for the structure.
    check(unsafe { libc::fstat(fd, st.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and so has filled it.
    let st = unsafe { st.assume_init() };
    Ok(st.st_ino ^ st.st_dev.rotate_left(32))
}

/// Waits until `fd` is readable. `Ok(false)` when `nanos` have gone by first.
pub(crate) fn wait_readable(fd: c_int, nanos: u64) -> Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let timeout = timespec(nanos);
    // SAFETY: both structures outlive the call; the null signal mask leaves the thread's own in force.
    check(unsafe { libc::ppoll(&raw mut poll, 1, &raw const timeout, ptr::null()) }).map(|n| n > 0)
}

pub(crate) fn timespec(nanos: u64) -> libc::timespec {
    libc::timespec { tv_sec: (nanos / 1_000_000_000) as libc::time_t, tv_nsec: (nanos % 1_000_000_000) as libc::c_long }
}

/// Sleeps while `word` holds `expected`, for `nanos` at most. A signal ends it with `EINTR`, even one whose handler asks
/// for restarts, because the wait has a timeout. Waking, timing out and finding another value are all `Ok`.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, nanos: u64) -> Result<()> {
    let timeout = timespec(nanos);
    // SAFETY: the kernel reads `word`, which the reference keeps alive, and `timeout`.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            &raw const timeout,
        )
    };
    match check(rc as c_int) {
        Err(Errno::INTR) => Err(Errno::INTR),
        _ => Ok(()),
    }
}

/// Wakes the thread that sleeps on the word at `word`. The address is a key to the kernel: the memory may be gone.
pub(crate) fn futex_wake(word: *const AtomicU32) {
    // SAFETY: FUTEX_WAKE does not access the memory at the address.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

/// Nanoseconds of a clock that is never stepped.
pub(crate) fn monotonic_nanos() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call. CLOCK_MONOTONIC always exists, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds of a clock that exists.
pub(crate) fn clock_nanos(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call. The clock exists, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    // A time before 1970 counts as 1970.
    u64::try_from(now.tv_sec).map_or(0, |s| s * 1_000_000_000 + now.tv_nsec as u64)
}

/// A timer of the kernel as a descriptor, close-on-exec and out of the way of low numbers.
pub(crate) fn timerfd(clock: libc::clockid_t) -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::timerfd_create(clock, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) }).map(raise_fd)
}

/// Makes a [`timerfd`] readable when its clock shows `deadline`; never if that is 0.
pub(crate) fn timerfd_set(fd: c_int, deadline: u64) {
    let setting = libc::itimerspec { it_interval: timespec(0), it_value: timespec(deadline) };
    // SAFETY: `setting` outlives the call; nothing is written to a null old value. The call cannot fail: the descriptor
    // is a timer's and the time is valid.
    unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &raw const setting, ptr::null_mut()) };
}

/// Fresh zeroed pages that cost memory only once they are touched. They are never unmapped.
pub(crate) fn reserve_pages(bytes: usize) -> Result<*mut c_void> {
    // SAFETY: an anonymous mapping at an address of the kernel's choosing touches no existing memory.
    let at = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(at) }
}

/// Gives the memory behind pages from [`reserve_pages`] back; they read as zero afterwards.
///
/// # Safety
/// The range lies inside one such mapping, and nothing relies on what it holds.
pub(crate) unsafe fn discard_pages(at: *mut c_void, bytes: usize) {
    // SAFETY: the caller's promise. Failure only keeps the memory in use; the caller zeroes what must be zero.
    unsafe { libc::madvise(at, bytes, libc::MADV_DONTNEED) };
}

/// Makes a mapping from [`reserve_pages`] read as zero in a forked child.
///
/// # Safety
/// The range is such a mapping.
pub(crate) unsafe fn wipe_on_fork(at: *mut c_void, bytes: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    check(unsafe { libc::madvise(at, bytes, libc::MADV_WIPEONFORK) }).map(drop)
}

/// Whether a pointer can be one to memory of a program: a cheap check that finds null, small integers and addresses of
/// the kernel's half, and nothing else.
pub(crate) fn may_be_memory<T>(at: *const T) -> bool {
    const FIRST: usize = 4096;
    const BEYOND: usize = isize::MAX as usize;
    (FIRST..BEYOND).contains(&at.addr())
}

/// Calls `visit` with the number of each descriptor the process has open, until it answers `false`.
pub(crate) fn each_open_fd(mut visit: impl FnMut(c_int) -> bool) -> Result<()> {
    // SAFETY: the path is a terminated string.
    let dir = unsafe { libc::opendir(c"/proc/self/fd".as_ptr()) };
    if dir.is_null() {
        return Err(Errno::last());
    }
    loop {
        // SAFETY: `dir` is open, and only this thread uses it.
        let entry = unsafe { libc::readdir(dir) };
        if entry.is_null() {
            break;
        }
        // SAFETY: the entry stays valid until the next readdir, and its name is a terminated string.
        let name = unsafe { core::ffi::CStr::from_ptr((*entry).d_name.as_ptr()) };
        let number = name.to_str().ok().and_then(|s| s.parse::<c_int>().ok());
        if number.is_some_and(|fd| !visit(fd)) {
            break;
        }
    }
    // SAFETY: `dir` is open and not used again.
    unsafe { libc::closedir(dir) };
    Ok(())
}
