//! The C library's functions that fail when they are told to. Each names the errors that the kernel may give for it
//! without the caller having done anything wrong.
//!
//! Variadic functions are defined with as many arguments as any caller gives: they are passed alike.

use super::switch::{Kind, belongs_to_library, fails};
use libc::{
    EACCES, EAGAIN, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENOBUFS, ENODEV, ENOENT, ENOMEM, ENOSPC, ENOSYS, EOPNOTSUPP,
};
use libc::{c_char, c_int, c_long, c_uint, c_ulong, c_void, epoll_event, off_t, size_t, ssize_t};
use std::ffi::CStr;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What a function returns when it fails.
trait Failure: Sized {
    fn failure(errno: c_int) -> Self;
}

fn set(errno: c_int) {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() = errno };
}

macro_rules! negative {
    ($($type:ty)*) => {
        $(impl Failure for $type {
            fn failure(errno: c_int) -> Self {
                set(errno);
                -1
            }
        })*
    };
}

negative! { c_int ssize_t }

/// As mmap(2) returns one.
#[repr(transparent)]
pub(crate) struct Mapping(*mut c_void);

impl Failure for Mapping {
    fn failure(errno: c_int) -> Self {
        set(errno);
        Self(libc::MAP_FAILED)
    }
}

impl Failure for *mut libc::DIR {
    fn failure(errno: c_int) -> Self {
        set(errno);
        ptr::null_mut()
    }
}

/// Of a function that returns its errno.
#[repr(transparent)]
pub(crate) struct Status(c_int);

impl Failure for Status {
    fn failure(errno: c_int) -> Self {
        Self(errno)
    }
}

/// The C library's own definition, for which there is a place in `cache`.
fn original(name: &CStr, cache: &AtomicPtr<c_void>) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: the name is a terminated string.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?} is in the C library");
    cache.store(found, Ordering::Relaxed);
    found
}

/// Defines functions as `name(arguments) -> type, errors, before`. What a failing call does before it fails, if anything,
/// is in `before`; it may tell that the call does not fail by returning its result.
macro_rules! interpose {
    (@before $original:ident ($($arg:ident),*)) => {};
    (@before $original:ident ($($arg:ident),*) $before:ident) => {
        // SAFETY: the caller's promise.
        if let Some(result) = unsafe { $before($original, $($arg),*) } {
            return result;
        }
    };
    ($($name:ident($($arg:ident: $type:ty),*) -> $ret:ty, $errnos:expr $(, $before:ident)?;)*) => {
        /// The names of the functions.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            /// Interposed.
            ///
            /// # Safety
            /// As for the C library's.
            #[unsafe(no_mangle)]
            pub(crate) unsafe extern "C" fn $name($($arg: $type),*) -> $ret {
                static ORIGINAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
                let original = original(
                    const { match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => c"",
                    } },
                    &ORIGINAL,
                );
                type Original = unsafe extern "C" fn($($type),*) -> $ret;
                // SAFETY: the C library's function of this name has this signature.
                let original = unsafe { mem::transmute::<*mut c_void, Original>(original) };
                let errnos: &'static [c_int] = $errnos;
                if let Some(errno) = fails(Kind::SystemCall, stringify!($name), errnos) {
                    interpose!(@before original ($($arg),*) $($before)?);
                    return <$ret>::failure(errno);
                }
                // SAFETY: the caller's promise.
                unsafe { original($($arg),*) }
            }
        )*
    };
}

const DESCRIPTORS: &[c_int] = &[EMFILE, ENFILE, ENOMEM];
const NEVER: &[c_int] = &[];

interpose! {
    epoll_create1(flags: c_int) -> c_int, DESCRIPTORS;
    epoll_ctl(epoll: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int, match op {
        libc::EPOLL_CTL_ADD => &[ENOMEM, ENOSPC],
        libc::EPOLL_CTL_MOD => &[ENOMEM],
        _ => NEVER,
    }, add_first;
    eventfd(value: c_uint, flags: c_int) -> c_int, &[EMFILE, ENFILE, ENOMEM, ENODEV];
    timerfd_create(clock: c_int, flags: c_int) -> c_int, &[EMFILE, ENFILE, ENOMEM, ENODEV];
    timerfd_settime(fd: c_int, flags: c_int, new: *const c_void, old: *mut c_void) -> c_int, NEVER;
    fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int, match command {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => &[EMFILE],
        _ => NEVER,
    };
    dup3(from: c_int, onto: c_int, flags: c_int) -> c_int, &[EMFILE, EINTR];
    opendir(path: *const c_char) -> *mut libc::DIR, &[EMFILE, ENOMEM, ENOENT];
    fstat(fd: c_int, st: *mut c_void) -> c_int, &[ENOMEM];
    statx(dir: c_int, path: *const c_char, flags: c_int, mask: c_uint, st: *mut c_void) -> c_int, &[ENOMEM, EIO];
    fstatfs(fd: c_int, st: *mut c_void) -> c_int, &[ENOMEM, EINTR, EIO];
    readlink(path: *const c_char, buffer: *mut c_char, len: size_t) -> ssize_t, &[ENOMEM, EIO];
    inotify_init1(flags: c_int) -> c_int, DESCRIPTORS;
    inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int, &[ENOSPC, ENOMEM, EACCES];
    inotify_rm_watch(fd: c_int, wd: c_int) -> c_int, NEVER;
    ioctl(fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int, &[ENOMEM];
    mmap(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, offset: off_t) -> Mapping, &[ENOMEM];
    madvise(at: *mut c_void, len: size_t, advice: c_int) -> c_int, &[ENOMEM, EINVAL];
    pread(fd: c_int, buffer: *mut c_void, len: size_t, offset: off_t) -> ssize_t, &[EINTR, EIO];
    pwrite(fd: c_int, buffer: *const c_void, len: size_t, offset: off_t) -> ssize_t, &[EINTR, EIO, ENOSPC];
    socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int, &[EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES];
    setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: c_uint) -> c_int, &[ENOMEM];
    pthread_create(
        thread: *mut c_void,
        attributes: *const c_void,
        entry: *mut c_void,
        argument: *mut c_void
    ) -> Status, &[EAGAIN];
    prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int, learn_threads(option, a);
}

/// The numbers of system calls that the library makes by `syscall`.
macro_rules! numbers {
    ($($name:ident: $errnos:expr;)*) => {
        const NUMBERS: &[(&str, c_long, Errors)] = &[$((stringify!($name), libc::$name, $errnos)),*];
    };
}

/// What a system call may fail with, by its first two arguments and the third.
type Errors = fn(c_ulong, c_ulong, c_ulong) -> &'static [c_int];

numbers! {
    SYS_close: |_, _, _| &[EINTR, EIO];
    SYS_epoll_pwait: |_, _, _| &[EINTR];
    SYS_fdatasync: |_, _, _| &[EIO];
    SYS_fsync: |_, _, _| &[EIO];
    SYS_futex: |_, op, _| if op as c_int & !libc::FUTEX_PRIVATE_FLAG == libc::FUTEX_WAIT { &[EINTR] } else { NEVER };
    SYS_mq_notify: |_, event, _| if event == 0 { NEVER } else { &[ENOMEM] };
    SYS_openat: |_, _, _| &[EMFILE, ENFILE, ENOMEM, EACCES, EINTR];
    SYS_ppoll: |_, _, _| &[EINTR, ENOMEM];
    SYS_preadv2: |_, _, _| &[EAGAIN, EOPNOTSUPP, ENOSYS, EIO];
    SYS_pwritev2: |_, _, _| &[EAGAIN, EOPNOTSUPP, ENOSYS, EIO, ENOSPC];
    SYS_read: |_, _, _| &[EINTR, EIO];
    SYS_recvfrom: |_, _, _| &[EINTR, ENOBUFS];
    SYS_rt_sigqueueinfo: |_, _, _| &[EAGAIN];
    SYS_sendto: |_, _, _| &[ENOBUFS, ENOMEM];
    // A counter's eight bytes can always be written.
    SYS_write: |_, _, len| if len == 8 { NEVER } else { &[EINTR, EIO] };
}

type Syscall = unsafe extern "C" fn(c_long, c_ulong, c_ulong, c_ulong, c_ulong, c_ulong, c_ulong) -> ssize_t;

/// Interposed.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn syscall(
    number: c_long,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
    e: c_ulong,
    f: c_ulong,
) -> ssize_t {
    static ORIGINAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    let original = original(c"syscall", &ORIGINAL);
    // SAFETY: the C library's function takes up to six arguments after the number.
    let original = unsafe { mem::transmute::<*mut c_void, Syscall>(original) };
    let known = NUMBERS.iter().find(|known| known.1 == number);
    let fault = known.and_then(|(name, _, errors)| fails(Kind::SystemCall, name, errors(a, b, c)));
    if fault.is_none() || number == libc::SYS_close {
        // SAFETY: the caller's promise. A descriptor is closed, whatever close(2) says.
        let result = unsafe { original(number, a, b, c, d, e, f) };
        return fault.map_or(result, ssize_t::failure);
    }
    fault.map_or(-1, ssize_t::failure)
}

/// The library's own threads name themselves first.
fn learn_threads(option: c_int, name: c_ulong) -> &'static [c_int] {
    // SAFETY: to name a thread is to give a terminated string.
    if option == libc::PR_SET_NAME && unsafe { CStr::from_ptr(name as *const c_char) } == c"event-ports-aio" {
        belongs_to_library();
    }
    NEVER
}

/// Whether a function is one of the above.
pub(crate) fn is_interposed(name: &str) -> bool {
    NAMES.contains(&name) || NUMBERS.iter().any(|known| known.0 == name)
}

type EpollCtl = unsafe extern "C" fn(c_int, c_int, c_int, *mut epoll_event) -> c_int;

/// Adding what is there already is refused before anything else can fail.
unsafe fn add_first(original: EpollCtl, epoll: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> Option<c_int> {
    if op != libc::EPOLL_CTL_ADD {
        return None;
    }
    // SAFETY: the caller's promise.
    let result = unsafe { original(epoll, op, fd, event) };
    if result != 0 {
        return Some(result);
    }
    // SAFETY: the event is not looked at.
    unsafe { original(epoll, libc::EPOLL_CTL_DEL, fd, event) };
    None
}
