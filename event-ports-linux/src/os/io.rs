//! Reading and writing.

use super::{check, fstat, identity, timespec, uncancelled};
use crate::errno::{Errno, Result};
use libc::{c_int, c_void};

/// What kind of file a descriptor is, and which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileKind {
    pub(crate) identity: u64,
    pub(crate) is_socket: bool,
    /// Reading and writing never wait for somebody else.
    pub(crate) is_storage: bool,
}

pub(crate) fn file_kind(fd: c_int) -> Result<FileKind> {
    let st = fstat(fd)?;
    let format = st.st_mode & libc::S_IFMT;
    Ok(FileKind {
        identity: identity(&st),
        is_socket: format == libc::S_IFSOCK,
        is_storage: matches!(format, libc::S_IFREG | libc::S_IFBLK | libc::S_IFDIR),
    })
}

/// The access mode and the flags a descriptor was opened with (`O_*`).
pub(crate) fn file_flags(fd: c_int) -> Result<c_int> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::fcntl(fd, libc::F_GETFL) })
}

/// Memory that the kernel reads from or writes to. It checks the addresses itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) at: *mut c_void,
    pub(crate) len: usize,
}

// SAFETY: what is done with the memory is unsafe, and says what it takes.
unsafe impl Send for Buffer {}

impl Buffer {
    fn vector(self) -> libc::iovec {
        libc::iovec { iov_base: self.at, iov_len: self.len }
    }
}

fn check_size(n: libc::ssize_t) -> Result<usize> {
    usize::try_from(n).map_err(|_| Errno::last())
}

/// Where in the file to read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Offset(libc::off_t),
    /// Where it stands: a stream.
    Here,
}

/// Reads.
///
/// # Safety
/// Until the call returns nobody else uses the buffer, unless it is unmapped memory, which is `EFAULT`.
pub(crate) unsafe fn read(fd: c_int, buffer: Buffer, at: At) -> Result<usize> {
    // SAFETY: the caller's promise.
    check_size(unsafe {
        match at {
            At::Offset(offset) => libc::pread(fd, buffer.at, buffer.len, offset),
            At::Here => uncancelled::read(fd, buffer.at, buffer.len),
        }
    })
}

/// Writes.
///
/// # Safety
/// Until the call returns nobody writes to the buffer, unless it is unmapped memory, which is `EFAULT`.
pub(crate) unsafe fn write(fd: c_int, buffer: Buffer, at: At) -> Result<usize> {
    // SAFETY: the caller's promise.
    check_size(unsafe {
        match at {
            At::Offset(offset) => libc::pwrite(fd, buffer.at, buffer.len, offset),
            At::Here => uncancelled::write(fd, buffer.at, buffer.len),
        }
    })
}

/// Reads what there is without waiting for it. `EAGAIN` if nothing is; `EOPNOTSUPP` or `EINVAL` if the file or the
/// kernel cannot do this.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn read_now(fd: c_int, buffer: Buffer, at: At) -> Result<usize> {
    let vector = buffer.vector();
    // SAFETY: the caller's promise.
    check_size(unsafe { uncancelled::preadv2(fd, &vector, offset_of(at), libc::RWF_NOWAIT) })
}

/// Writes what there is room for without waiting for more. Errors as of [`read_now`].
///
/// # Safety
/// As for [`write`].
pub(crate) unsafe fn write_now(fd: c_int, buffer: Buffer, at: At) -> Result<usize> {
    let vector = buffer.vector();
    // SAFETY: the caller's promise.
    check_size(unsafe { uncancelled::pwritev2(fd, &vector, offset_of(at), libc::RWF_NOWAIT) })
}

fn offset_of(at: At) -> libc::off_t {
    match at {
        At::Offset(offset) => offset,
        At::Here => -1,
    }
}

/// Receives what a socket holds without waiting.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn receive_now(fd: c_int, buffer: Buffer) -> Result<usize> {
    // SAFETY: the caller's promise.
    check_size(unsafe { uncancelled::recv(fd, buffer.at, buffer.len, libc::MSG_DONTWAIT) })
}

/// Sends what a socket takes without waiting, and without a signal.
///
/// # Safety
/// As for [`write`].
pub(crate) unsafe fn send_now(fd: c_int, buffer: Buffer) -> Result<usize> {
    // SAFETY: the caller's promise.
    check_size(unsafe { uncancelled::send(fd, buffer.at, buffer.len, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}

/// Brings what was written to a file, or its content alone, to the device.
pub(crate) fn sync(fd: c_int, content_alone: bool) -> Result<()> {
    check(if content_alone { uncancelled::fdatasync(fd) } else { uncancelled::fsync(fd) }).map(drop)
}

/// Which of `events` of poll(2) hold for a descriptor now.
pub(crate) fn poll_now(fd: c_int, events: i16) -> i16 {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    let n = uncancelled::poll(&mut poll, timespec(0));
    if n > 0 { poll.revents } else { 0 }
}
