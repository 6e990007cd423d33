//! Error numbers as values.

use libc::c_int;

/// An error number of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

pub(crate) type Result<T> = core::result::Result<T, Errno>;

impl Errno {
    pub(crate) const ACCES: Self = Self(libc::EACCES);
    pub(crate) const AGAIN: Self = Self(libc::EAGAIN);
    pub(crate) const BADF: Self = Self(libc::EBADF);
    pub(crate) const BADFD: Self = Self(libc::EBADFD);
    pub(crate) const BUSY: Self = Self(libc::EBUSY);
    pub(crate) const CANCELED: Self = Self(libc::ECANCELED);
    pub(crate) const EXIST: Self = Self(libc::EEXIST);
    pub(crate) const FAULT: Self = Self(libc::EFAULT);
    pub(crate) const INTR: Self = Self(libc::EINTR);
    pub(crate) const INVAL: Self = Self(libc::EINVAL);
    pub(crate) const IO: Self = Self(libc::EIO);
    pub(crate) const MFILE: Self = Self(libc::EMFILE);
    pub(crate) const NAMETOOLONG: Self = Self(libc::ENAMETOOLONG);
    pub(crate) const NFILE: Self = Self(libc::ENFILE);
    pub(crate) const NOBUFS: Self = Self(libc::ENOBUFS);
    pub(crate) const NOENT: Self = Self(libc::ENOENT);
    pub(crate) const NOMEM: Self = Self(libc::ENOMEM);
    pub(crate) const NOSYS: Self = Self(libc::ENOSYS);
    pub(crate) const NOSPC: Self = Self(libc::ENOSPC);
    pub(crate) const NOTDIR: Self = Self(libc::ENOTDIR);
    pub(crate) const NOTSUP: Self = Self(libc::ENOTSUP);
    pub(crate) const PERM: Self = Self(libc::EPERM);
    pub(crate) const SPIPE: Self = Self(libc::ESPIPE);
    pub(crate) const TIME: Self = Self(libc::ETIME);

    /// The error the calling thread's last failed system call left.
    pub(crate) fn last() -> Self {
        // SAFETY: libc gives each thread its own, always valid errno location.
        Self(unsafe { *libc::__errno_location() })
    }

    /// Whether it says that a path leads nowhere.
    pub(crate) fn is_absence(self) -> bool {
        matches!(self, Self::NOENT | Self::NOTDIR)
    }

    /// Whether it says that there are no more descriptors, or no more memory.
    pub(crate) fn is_shortage(self) -> bool {
        matches!(self, Self::MFILE | Self::NFILE | Self::NOMEM)
    }

    /// Leaves this error where the C caller looks for it.
    pub(crate) fn set(self) {
        // SAFETY: as in `last`.
        unsafe { *libc::__errno_location() = self.0 };
    }
}
