//! Asynchronous I/O with `SIGEV_PORT`.

use crate::errno::{Errno, check, last_errno};
use crate::raw::Event;
use crate::timers::sigevent;
use event_ports_sys as sys;
use libc::{c_int, timespec};
use std::mem;
use std::os::fd::AsRawFd;
use std::ptr;
use std::slice;

/// What a request is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `aio_read`.
    Read,
    /// `aio_write`.
    Write,
    /// `aio_fsync` with `O_SYNC`.
    Sync,
}

impl Operation {
    /// The `portev_events` of its event.
    #[must_use]
    pub const fn code(self) -> c_int {
        match self {
            Self::Read => sys::AIOAREAD,
            Self::Write => sys::AIOAWRITE,
            Self::Sync => sys::AIOFSYNC,
        }
    }
}

/// A control block with its buffer, both in one place for life. Dropped, it ends the request first.
#[derive(Debug)]
pub struct Request {
    block: *mut sys::aiocb,
    buffer: *mut [u8],
    operation: Operation,
    notify: Option<(c_int, usize)>,
}

// SAFETY: the block and the buffer are the request's own.
unsafe impl Send for Request {}

impl Request {
    /// A request that has not been submitted. Without a port it tells nobody.
    #[must_use]
    pub fn new(operation: Operation, fd: &impl AsRawFd, data: Vec<u8>, offset: i64) -> Self {
        let buffer = Box::into_raw(data.into_boxed_slice());
        // SAFETY: all zeros is a valid aiocb.
        let mut block: sys::aiocb = unsafe { mem::zeroed() };
        block.aio_fildes = fd.as_raw_fd();
        block.aio_buf = buffer.cast();
        block.aio_nbytes = buffer.len();
        block.aio_offset = offset;
        block.aio_lio_opcode = match operation {
            Operation::Read => sys::LIO_READ,
            Operation::Write => sys::LIO_WRITE,
            Operation::Sync => sys::LIO_NOP,
        };
        block.aio_sigevent.sigev_notify = sys::SIGEV_NONE;
        Self { block: Box::into_raw(Box::new(block)), buffer, operation, notify: None }
    }

    /// The same with a port to tell.
    #[must_use]
    pub fn to(mut self, port: &impl AsRawFd, user: usize) -> Self {
        self.notify = Some((port.as_raw_fd(), user));
        self
    }

    /// `aio_read`, `aio_write` or `aio_fsync`.
    ///
    /// # Errors
    /// Its errno.
    pub fn submit(&self) -> Result<(), Errno> {
        self.with_notify(|| {
            // SAFETY: the block and the buffer stay until the request is over: see `drop`.
            check(unsafe {
                match self.operation {
                    Operation::Read => sys::aio_read(self.block),
                    Operation::Write => sys::aio_write(self.block),
                    Operation::Sync => sys::aio_fsync(libc::O_SYNC, self.block),
                }
            })
            .map(drop)
        })
    }

    /// Calls with the control block's `sigevent` complete. What it points to is read during the call only (AIO-1), and
    /// then is gone.
    fn with_notify<T>(&self, call: impl FnOnce() -> T) -> T {
        let Some((port, user)) = self.notify else { return call() };
        let user = ptr::without_provenance_mut(user);
        let mut notify = Box::new(sys::port_notify { portnfy_port: port, portnfy_user: user });
        // SAFETY: nothing else uses the block: the request is not submitted.
        unsafe { (*self.block).aio_sigevent = sigevent(&raw mut *notify) };
        let result = call();
        notify.portnfy_port = -1;
        result
    }

    /// Submits, which must succeed.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn started(self) -> Self {
        self.submit().expect("the request is accepted");
        self
    }

    /// The event of this request.
    ///
    /// # Panics
    /// If it has no port.
    #[must_use]
    pub fn event(&self) -> Event {
        let (_, user) = self.notify.expect("the request has a port");
        Event { source: sys::PORT_SOURCE_AIO, object: self.block.addr(), events: self.operation.code(), user }
    }

    /// Whether it is in progress.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.error() == libc::EINPROGRESS
    }

    fn error(&self) -> c_int {
        // SAFETY: the block is valid.
        unsafe { sys::aio_error(self.block) }
    }

    /// `aio_error` and `aio_return` of a request that is over: how many bytes.
    ///
    /// # Errors
    /// The errno of the transfer.
    ///
    /// # Panics
    /// If it is in progress.
    pub fn result(&self) -> Result<usize, Errno> {
        let error = self.error();
        assert_ne!(error, libc::EINPROGRESS, "the request is over");
        // SAFETY: the block is valid.
        let returned = unsafe { sys::aio_return(self.block) };
        assert_eq!(returned == -1, error != 0, "{returned} {error}");
        usize::try_from(returned).map_err(|_| Errno(error))
    }

    /// The buffer of a request that is over, or was not submitted.
    ///
    /// # Panics
    /// If it is in progress.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        assert!(!self.is_in_progress());
        // SAFETY: nobody writes to the buffer.
        unsafe { slice::from_raw_parts(self.buffer.cast(), self.buffer.len()) }
    }

    /// `aio_cancel` of this request.
    ///
    /// # Errors
    /// Its errno.
    pub fn cancel(&self) -> Result<c_int, Errno> {
        // SAFETY: the block is valid.
        check(unsafe { sys::aio_cancel((*self.block).aio_fildes, self.block) })
    }

    /// `aio_suspend` for this request alone.
    ///
    /// # Errors
    /// Its errno.
    pub fn suspend(&self, timeout: Option<timespec>) -> Result<(), Errno> {
        suspend(&[self], timeout)
    }

    /// Changes the control block before it is submitted.
    pub fn tweak(&mut self, change: impl FnOnce(&mut sys::aiocb)) {
        // SAFETY: nothing else uses the block: the request is not submitted.
        change(unsafe { &mut *self.block });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.error() == libc::EINPROGRESS {
            let _ = self.cancel();
            while self.is_in_progress() {
                let _ = self.suspend(None);
            }
        }
        // SAFETY: both came from a box, and the request is over.
        unsafe {
            drop(Box::from_raw(self.block));
            drop(Box::from_raw(self.buffer));
        }
    }
}

/// `aio_cancel` of all requests on a descriptor.
///
/// # Errors
/// Its errno.
pub fn cancel_all(fd: &impl AsRawFd) -> Result<c_int, Errno> {
    // SAFETY: a null control block stands for all.
    check(unsafe { sys::aio_cancel(fd.as_raw_fd(), ptr::null_mut()) })
}

/// `aio_suspend`.
///
/// # Errors
/// Its errno.
///
/// # Panics
/// If there are too many requests for a count.
pub fn suspend(requests: &[&Request], timeout: Option<timespec>) -> Result<(), Errno> {
    let list: Vec<*const sys::aiocb> = requests.iter().map(|request| request.block.cast_const()).collect();
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = list.len().try_into().expect("few requests");
    // SAFETY: the list holds that many valid blocks.
    check(unsafe { sys::aio_suspend(list.as_ptr(), count, timeout) }).map(drop)
}

/// A list for `lio_listio`, with a place for its own notification.
#[derive(Debug)]
pub struct List {
    event: Box<sys::sigevent>,
    notify: Option<(c_int, usize)>,
}

impl List {
    /// A list that tells a port when it is complete.
    #[must_use]
    pub fn to(port: &impl AsRawFd, user: usize) -> Self {
        Self { event: Box::new(sigevent(ptr::null_mut())), notify: Some((port.as_raw_fd(), user)) }
    }

    /// A list that tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        let mut event = Box::new(sigevent(ptr::null_mut()));
        event.sigev_notify = sys::SIGEV_NONE;
        Self { event, notify: None }
    }

    /// `lio_listio`.
    ///
    /// # Errors
    /// Its errno.
    ///
    /// # Panics
    /// If there are too many requests for a count.
    pub fn submit(&mut self, mode: c_int, requests: &[Option<&Request>]) -> Result<(), Errno> {
        let list: Vec<*mut sys::aiocb> = requests.iter().map(|r| r.map_or(ptr::null_mut(), |r| r.block)).collect();
        let user = |user| ptr::without_provenance_mut(user);
        let mut notify = self
            .notify
            .map(|(port, cookie)| Box::new(sys::port_notify { portnfy_port: port, portnfy_user: user(cookie) }));
        if let Some(notify) = &mut notify {
            self.event.sigev_value.sival_ptr = ptr::from_mut(&mut **notify).cast();
        }
        let mut own: Vec<Box<sys::port_notify>> = Vec::new();
        for request in requests.iter().flatten() {
            if let Some((port, cookie)) = request.notify {
                own.push(Box::new(sys::port_notify { portnfy_port: port, portnfy_user: user(cookie) }));
                let last = own.last_mut().map(|notify| ptr::from_mut(&mut **notify)).expect("one was pushed");
                // SAFETY: nothing else uses the block: the request is not submitted.
                unsafe { (*request.block).aio_sigevent = sigevent(last) };
            }
        }
        let count = list.len().try_into().expect("few requests");
        // SAFETY: the list holds that many entries; the blocks and buffers stay until the requests are over, and the
        // sigevent as long as this list.
        check(unsafe { sys::lio_listio(mode, list.as_ptr(), count, &raw mut *self.event) }).map(drop)
    }

    /// The event of the list.
    ///
    /// # Panics
    /// If it has no port.
    #[must_use]
    pub fn event(&self) -> Event {
        let (_, user) = self.notify.expect("the list has a port");
        let object = ptr::from_ref(&*self.event).addr();
        Event { source: sys::PORT_SOURCE_AIO, object, events: sys::AIOLIO, user }
    }
}

/// A socket pair or a pipe whose ends block.
///
/// # Panics
/// If the system refuses it.
#[must_use]
pub fn blocking_pipe() -> (std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    use std::os::fd::FromRawFd;
    let mut ends = [-1; 2];
    // SAFETY: the array has room for both numbers.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0, "pipe: {:?}", last_errno());
    // SAFETY: pipe returned two new descriptors.
    let [read, write] = ends.map(|end| unsafe { std::os::fd::OwnedFd::from_raw_fd(end) });
    (read, write)
}
