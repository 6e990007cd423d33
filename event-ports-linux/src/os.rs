//! The Linux system calls this crate makes, each as one safe function. Nothing else talks to the kernel.

pub(crate) mod io;
pub(crate) mod mq;
pub(crate) mod thread;
mod uncancelled;

use crate::errno::{Errno, Result};
use core::ffi::CStr;
use core::fmt::{self, Write as _};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::AtomicU32;
use libc::{c_char, c_int, c_void, epoll_event};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

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
    let n = check(unsafe { uncancelled::epoll_wait(epoll, batch.as_mut_ptr().cast(), max as c_int, 0) })?;
    // SAFETY: the kernel has written the first `n` entries.
    Ok(unsafe { core::slice::from_raw_parts(batch.as_ptr().cast(), n as usize) })
}

/// Waits up to `nanos` for events of an epoll, and collects them. `EINTR` after a signal.
pub(crate) fn epoll_wait(epoll: c_int, batch: &mut EpollBatch, nanos: u64) -> Result<&[epoll_event]> {
    let millis = nanos.div_ceil(1_000_000).min(c_int::MAX as u64) as c_int;
    // SAFETY: the kernel writes at most as many entries as `batch` has room for.
    let n = check(unsafe { uncancelled::epoll_wait(epoll, batch.as_mut_ptr().cast(), EPOLL_BATCH as c_int, millis) })?;
    // SAFETY: the kernel has written the first `n` entries.
    Ok(unsafe { core::slice::from_raw_parts(batch.as_ptr().cast(), n as usize) })
}

/// An event counter that holds 1 and so is always readable, close-on-exec and out of the way of low numbers.
pub(crate) fn readable_eventfd() -> Result<c_int> {
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    Ok(raise_fd(fd))
}

/// An event counter that holds 0, close-on-exec and out of the way of low numbers.
pub(crate) fn silent_eventfd() -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }).map(raise_fd)
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
    unsafe { uncancelled::write(fd, (&raw const one).cast(), 8) };
}

/// Closes a descriptor this crate owns. Linux closes it whatever close(2) answers.
pub(crate) fn close(fd: c_int) {
    uncancelled::close(fd);
}

/// Closes a descriptor on behalf of the caller, with close(2)'s own answer.
pub(crate) fn close_checked(fd: c_int) -> Result<()> {
    check(uncancelled::close(fd)).map(drop)
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
    fstat(fd).map(|st| identity(&st))
}

fn fstat(fd: c_int) -> Result<libc::stat> {
    let mut st = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `st` has room for the structure.
    check(unsafe { libc::fstat(fd, st.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and so has filled it.
    Ok(unsafe { st.assume_init() })
}

fn identity(st: &libc::stat) -> u64 {
    st.st_ino ^ st.st_dev.rotate_left(32)
}

/// Waits until `fd` is readable. `Ok(false)` when `nanos` have gone by first.
pub(crate) fn wait_readable(fd: c_int, nanos: u64) -> Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    check(uncancelled::poll(&mut poll, timespec(nanos))).map(|n| n > 0)
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

/// Wakes every thread that sleeps on the word.
pub(crate) fn futex_wake_all(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: FUTEX_WAKE does not access the memory at the address.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, c_int::MAX) };
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

/// Takes back what [`reserve_pages`] has made and nobody has seen.
///
/// # Safety
/// The range is such a mapping, and there is no pointer into it.
pub(crate) unsafe fn return_pages(at: *mut c_void, bytes: usize) {
    // SAFETY: the caller's promise. Failure only keeps the address space in use.
    unsafe { libc::munmap(at, bytes) };
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

/// A descriptor that is closed with its owner.
#[derive(Debug)]
pub(crate) struct Descriptor(c_int);

impl Drop for Descriptor {
    fn drop(&mut self) {
        close(self.0);
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open for as long as it is owned.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

/// An inotify instance for our own use.
pub(crate) fn inotify_create() -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) }).map(raise_fd)
}

/// Watches the very file behind `file`, whatever its name has become. `ENOTSUP` without /proc.
pub(crate) fn inotify_add(inotify: c_int, file: BorrowedFd<'_>, mask: u32) -> Result<c_int> {
    let path = ProcPath::new(file)?;
    // SAFETY: the path is a terminated string.
    let wd = unsafe { libc::inotify_add_watch(inotify, path.as_ptr(), mask) };
    check(wd).map_err(|e| if e == Errno::NOENT { Errno::NOTSUP } else { e })
}

/// Ends a watch. The kernel may have done so already, and then there is nothing to do.
pub(crate) fn inotify_remove(inotify: c_int, wd: c_int) {
    // SAFETY: takes no pointer.
    unsafe { libc::inotify_rm_watch(inotify, wd) };
}

/// How many bytes can be read at once.
pub(crate) fn bytes_to_read(fd: c_int) -> Result<usize> {
    let mut bytes: c_int = 0;
    // SAFETY: FIONREAD stores an int.
    check(unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut bytes) })?;
    Ok(bytes as usize)
}

/// Reads from a descriptor that does not block.
pub(crate) fn read(fd: c_int, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer has room for its length.
    let n = unsafe { uncancelled::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    if n < 0 { Err(Errno::last()) } else { Ok(n as usize) }
}

/// Opens a path of the caller's for looking only: neither reads the file nor needs permission to. Symbolic links are
/// followed, up to the last component at least.
///
/// `path` is read by the kernel, which answers `EFAULT` where there is none.
pub(crate) fn look_up(path: *const c_char, flags: c_int) -> Result<Descriptor> {
    // SAFETY: the kernel reads the string, and checks the address.
    check(unsafe { uncancelled::open(path, libc::O_PATH | libc::O_CLOEXEC | flags) }).map(Descriptor)
}

/// What the file behind `file` is.
pub(crate) fn stat_of(file: BorrowedFd<'_>) -> Result<libc::statx> {
    statx(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

/// What a name in a directory means. Neither follows a symbolic link nor asks a server.
pub(crate) fn stat_at(dir: BorrowedFd<'_>, name: &CStr) -> Result<libc::statx> {
    statx(dir.as_raw_fd(), name, 0)
}

/// What a path means. Neither follows a symbolic link at its end nor asks a server.
pub(crate) fn stat(path: &CStr) -> Result<libc::statx> {
    statx(libc::AT_FDCWD, path, 0)
}

/// What a path of the caller's means. As in [`look_up`], it is the kernel who reads it.
pub(crate) fn stat_unchecked(path: *const c_char, follow: bool) -> Result<libc::statx> {
    statx_raw(libc::AT_FDCWD, path, if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW })
}

fn statx(dir: c_int, path: &CStr, flags: c_int) -> Result<libc::statx> {
    statx_raw(dir, path.as_ptr(), flags | libc::AT_SYMLINK_NOFOLLOW)
}

fn statx_raw(dir: c_int, path: *const c_char, flags: c_int) -> Result<libc::statx> {
    let flags = flags | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    let wanted = libc::STATX_BASIC_STATS | libc::STATX_BTIME | libc::STATX_MNT_ID;
    let mut st = MaybeUninit::<libc::statx>::uninit();
    // SAFETY: the kernel reads the string, and checks the address; `st` has room for the structure.
    check(unsafe { libc::statx(dir, path, flags, wanted, st.as_mut_ptr()) })?;
    // SAFETY: statx succeeded and so has filled it.
    Ok(unsafe { st.assume_init() })
}

/// The number that says which kind of file system `file` is on.
pub(crate) fn file_system_kind(file: BorrowedFd<'_>) -> Result<u32> {
    let mut st = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `st` has room for the structure.
    check(unsafe { libc::fstatfs(file.as_raw_fd(), st.as_mut_ptr()) })?;
    // SAFETY: fstatfs succeeded and so has filled it. Its type differs between C libraries; the number has 32 bits.
    Ok(unsafe { st.assume_init() }.f_type as u32)
}

/// Stores the path of `file` as the kernel knows it now, and returns its length.
pub(crate) fn path_of(file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    let path = ProcPath::new(file)?;
    // SAFETY: the path is a terminated string, and the buffer has room for its length.
    let n = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    match usize::try_from(n) {
        Ok(n) if n < buffer.len() => Ok(n),
        Ok(_) => Err(Errno::NAMETOOLONG),
        Err(_) if Errno::last() == Errno::NOENT => Err(Errno::NOTSUP),
        Err(_) => Err(Errno::last()),
    }
}

/// The name that /proc gives to a descriptor of this process.
struct ProcPath {
    text: [u8; 32],
    len: usize,
}

impl ProcPath {
    fn new(file: BorrowedFd<'_>) -> Result<Self> {
        let mut path = Self { text: [0; 32], len: 0 };
        write!(path, "/proc/self/fd/{}", file.as_raw_fd()).map_err(|_| Errno::BADF)?;
        Ok(path)
    }

    fn as_ptr(&self) -> *const c_char {
        self.text.as_ptr().cast()
    }
}

impl fmt::Write for ProcPath {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // The last byte stays, to end the string.
        let room = self.text[..31].get_mut(self.len..self.len + part.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.len += part.len();
        Ok(())
    }
}

/// The table of mounts as the calling thread sees them. `poll` tells that it has changed, once for each time it was
/// opened.
pub(crate) fn open_mounts() -> Result<c_int> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path is a terminated string.
    check(unsafe { uncancelled::open(c"/proc/thread-self/mountinfo".as_ptr(), flags) }).map(raise_fd)
}

/// Whether mounts have changed since the last time this was asked about the descriptor.
pub(crate) fn mounts_changed(mounts: c_int) -> bool {
    let mut poll = libc::pollfd { fd: mounts, events: libc::POLLPRI, revents: 0 };
    check(uncancelled::poll(&mut poll, timespec(0))).is_ok_and(|n| n > 0)
}

/// What the system's clock shows, in nanoseconds: the clock that file systems take their times from.
pub(crate) fn system_time_nanos() -> i128 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call. CLOCK_REALTIME always exists, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}
