//! Pipes, pages, directories and what one does with descriptors.

use crate::errno::{EAGAIN, Errno, check, last_errno};
use libc::{c_int, c_short};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A pipe with non-blocking ends.
#[derive(Debug)]
pub struct Pipe {
    /// The end to read from.
    pub read: OwnedFd,
    /// The end to write to.
    pub write: OwnedFd,
}

impl Pipe {
    /// An empty pipe.
    ///
    /// # Panics
    /// If the system refuses one.
    #[must_use]
    pub fn new() -> Self {
        let mut ends = [-1; 2];
        // SAFETY: the array has room for both numbers.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0, "pipe: {:?}", last_errno());
        for end in ends {
            // SAFETY: F_SETFL takes an int.
            assert_eq!(unsafe { libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK) }, 0, "fcntl: {:?}", last_errno());
        }
        // SAFETY: pipe returned two new descriptors.
        let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        Self { read, write }
    }

    /// A pipe with something to read.
    #[must_use]
    pub fn ready() -> Self {
        let pipe = Self::new();
        write(&pipe.write);
        pipe
    }
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes one byte.
///
/// # Panics
/// If that fails.
pub fn write(fd: &impl AsRawFd) {
    assert_eq!(try_write(fd, &[0]), Ok(1), "one byte can be written");
}

/// Writes until nothing more fits.
///
/// # Panics
/// If writing fails otherwise.
pub fn fill(fd: &impl AsRawFd) {
    // The last byte of room needs the small writes.
    for size in [65536, 1] {
        let block = vec![0; size];
        loop {
            match try_write(fd, &block) {
                Ok(_) => {}
                Err(EAGAIN) => break,
                Err(errno) => panic!("write: {errno:?}"),
            }
        }
    }
}

/// Reads everything there is, up to the end or until a read would block. Returns how much it was.
///
/// # Panics
/// If reading fails otherwise.
pub fn read_all(fd: &impl AsRawFd) -> usize {
    let mut block = [0_u8; 65536];
    let mut total = 0;
    loop {
        // SAFETY: the block has room for as many bytes as are asked for.
        match unsafe { libc::read(fd.as_raw_fd(), block.as_mut_ptr().cast(), block.len()) } {
            0 => return total,
            -1 if last_errno() == EAGAIN => return total,
            -1 => panic!("read: {:?}", last_errno()),
            count => total += usize::try_from(count).expect("not negative"),
        }
    }
}

fn try_write(fd: &impl AsRawFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the slice is as long as said.
    let count = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| last_errno())
}

/// `close(2)`.
///
/// # Panics
/// If it fails.
pub fn close(fd: OwnedFd) {
    // SAFETY: the number was owned and no one uses it after this.
    assert_eq!(check(unsafe { libc::close(fd.into_raw_fd()) }).map(drop), Ok(()), "close succeeds");
}

/// `dup(2)`: the lowest free number.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn dup(fd: &impl AsRawFd) -> OwnedFd {
    // SAFETY: dup touches no memory; what it returns is new.
    unsafe { OwnedFd::from_raw_fd(check(libc::dup(fd.as_raw_fd())).expect("dup succeeds")) }
}

/// `dup2(2)`: makes an open number denote the same file as another.
///
/// # Panics
/// If it fails.
pub fn dup_onto(from: &impl AsRawFd, onto: &OwnedFd) {
    // SAFETY: dup2 touches no memory, and the number keeps its owner.
    let number = check(unsafe { libc::dup2(from.as_raw_fd(), onto.as_raw_fd()) });
    assert_eq!(number, Ok(onto.as_raw_fd()), "dup2 succeeds");
}

/// `poll(2)` of one descriptor: the bits reported, 0 on timeout.
///
/// # Panics
/// If it fails.
pub fn poll(fd: &impl AsRawFd, events: c_int, timeout_ms: c_int) -> c_int {
    let narrow = |bits: c_int| c_short::try_from(bits).expect("poll bits are short");
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: narrow(events), revents: 0 };
    // SAFETY: one entry is passed as one.
    check(unsafe { libc::poll(&raw mut entry, 1, timeout_ms) }).expect("poll succeeds");
    c_int::from(entry.revents)
}

/// Whether `poll(2)` says at once that a descriptor can be read.
#[must_use]
pub fn is_readable(fd: &impl AsRawFd) -> bool {
    poll(fd, event_ports_sys::POLLIN, 0) & event_ports_sys::POLLIN != 0
}

/// What may be done with a [`Page`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Reading only.
    ReadOnly,
    /// Nothing.
    None,
}

/// A page of memory that faults.
#[derive(Debug)]
pub struct Page(ptr::NonNull<libc::c_void>);

/// More than any page size, and all of it inaccessible alike.
const PAGE_LENGTH: usize = 65536;

impl Page {
    /// Maps such a page.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn new(protection: Protection) -> Self {
        let bits = match protection {
            Protection::ReadOnly => libc::PROT_READ,
            Protection::None => libc::PROT_NONE,
        };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
        // SAFETY: a new mapping touches no memory of ours.
        let page = unsafe { libc::mmap(ptr::null_mut(), PAGE_LENGTH, bits, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED, "mmap: {:?}", last_errno());
        Self(ptr::NonNull::new(page).expect("a mapping is not at address 0"))
    }

    /// Its address.
    #[must_use]
    pub const fn address<T>(&self) -> *mut T {
        self.0.as_ptr().cast()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one, of this length.
        unsafe { libc::munmap(self.0.as_ptr(), PAGE_LENGTH) };
    }
}

/// A directory of its own, removed with what is in it.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes one.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("event-ports-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Left by a process that had the same id, and was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a temporary directory can be made: {error}"),
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and returns its path.
    ///
    /// # Panics
    /// If that fails.
    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

/// Sends a descriptor over a socket pair and returns what arrives: the same open file under another number.
///
/// # Panics
/// If that fails.
#[must_use]
pub fn pass_over_socket(fd: &impl AsRawFd) -> OwnedFd {
    let (sender, receiver) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
    send_descriptor(sender.as_raw_fd(), fd.as_raw_fd()).expect("the descriptor can be sent");
    receive_descriptor(receiver.as_raw_fd()).expect("a descriptor arrives")
}

/// Room for one descriptor's control message, aligned as one.
#[repr(C, align(8))]
struct Control([u8; 64]);

fn message(byte: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = byte;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: a computation on a number.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as _) } as _;
    message
}

fn send_descriptor(socket: RawFd, fd: RawFd) -> io::Result<()> {
    let mut content = 0_u8;
    let mut byte = libc::iovec { iov_base: (&raw mut content).cast(), iov_len: 1 };
    let mut control = Control([0; 64]);
    let message = message(&mut byte, &mut control);
    // SAFETY: the control buffer has room for one header with one descriptor.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as _) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(fd);
    }
    // SAFETY: the message points at live buffers.
    let sent = unsafe { libc::sendmsg(socket, &raw const message, 0) };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn receive_descriptor(socket: RawFd) -> io::Result<OwnedFd> {
    let mut content = 0_u8;
    let mut byte = libc::iovec { iov_base: (&raw mut content).cast(), iov_len: 1 };
    let mut control = Control([0; 64]);
    let mut message = message(&mut byte, &mut control);
    // SAFETY: the message points at live buffers.
    if unsafe { libc::recvmsg(socket, &raw mut message, 0) } != 1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel wrote the control message; a header it returns holds one descriptor, which is new.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned()))
    }
}
