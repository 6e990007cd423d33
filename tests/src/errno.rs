//! Error numbers that print their names.

use libc::c_int;
use std::fmt;
use std::io;

/// An error number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub c_int);

macro_rules! errnos {
    ($($name:ident)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of this system.")]
            pub const $name: Errno = Errno(libc::$name);
        )*

        fn name(errno: Errno) -> Option<&'static str> {
            match errno {
                $($name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

errnos! {
    EACCES EAGAIN EBADF EBADFD EBUSY ECANCELED EFAULT EINTR EINVAL EIO ELOOP EMFILE ENAMETOOLONG ENOENT ENOSPC ENOTDIR
    ENOTSUP EPERM EPIPE ETIME
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(*self) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", io::Error::from_raw_os_error(self.0)),
        }
    }
}

/// The calling thread's `errno`.
#[must_use]
pub fn last_errno() -> Errno {
    Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Sets the calling thread's `errno`: to see later whether a call set it, or to leave a signal handler as one came.
pub fn set_errno(errno: Errno) {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *location() = errno.0 };
}

#[cfg(target_os = "linux")]
unsafe fn location() -> *mut c_int {
    // SAFETY: no conditions.
    unsafe { libc::__errno_location() }
}

#[cfg(target_os = "illumos")]
unsafe fn location() -> *mut c_int {
    // SAFETY: no conditions.
    unsafe { libc::___errno() }
}

/// The result of a call that returns -1 on failure.
pub(crate) fn check(returned: c_int) -> Result<c_int, Errno> {
    if returned == -1 { Err(last_errno()) } else { Ok(returned) }
}
