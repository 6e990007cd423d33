//! Requests, and what becomes of them.

use super::pinned::{Parts, Pinned};
use super::{AioFd, AioId, AioOperation};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

/// What [`EventPort::aio_fsync`](crate::EventPort::aio_fsync) brings to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AioSync {
    /// Content and attributes, as fsync(3C) does (`O_SYNC`).
    All,
    /// The content, and what it takes to read it back, as fdatasync(3C) does (`O_DSYNC`).
    Data,
}

/// What became of an attempt to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AioCancel {
    /// The request is cancelled. Its event comes, and says so (`ECANCELED`).
    Canceled,
    /// The request is being carried out. Its event comes when that is done.
    InProgress,
    /// The request was over already.
    Done,
}

/// A request that was submitted ([`EventPort::aio_read`](crate::EventPort::aio_read) and its like).
///
/// It serves to cancel the request, and to know its event. Dropping it changes nothing: the event comes.
pub struct AioRequest {
    pinned: Arc<Pinned>,
}

impl AioRequest {
    pub(crate) fn new(pinned: Arc<Pinned>) -> Self {
        Self { pinned }
    }

    /// What the request's event says it is of.
    #[must_use]
    pub fn id(&self) -> AioId {
        self.pinned.id()
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> usize {
        self.pinned.address()
    }

    /// What the request does.
    #[must_use]
    pub fn operation(&self) -> AioOperation {
        self.pinned.operation()
    }

    /// `aio_cancel`: cancels the request, if it has not begun. Its event comes in any case (AIO-13).
    ///
    /// # Errors
    /// What the system reports; none is known.
    ///
    /// See [aio_cancel(3C)](https://illumos.org/man/3C/aio_cancel).
    ///
    /// ```
    /// use event_ports::{Event, EventPort};
    /// use std::os::unix::net::UnixStream;
    /// use std::sync::Arc;
    ///
    /// let port = EventPort::new()?;
    /// let (socket, other_end) = UnixStream::pair()?;
    /// let request = port.aio_read(Arc::new(socket), vec![0; 64], 0, 0)?;
    /// request.cancel()?;
    /// # drop(other_end);
    /// let event = port.get(None)?;
    /// assert!(matches!(event.view(), Event::Aio { completion } if completion.id() == request.id()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "aio_cancel")]
    pub fn cancel(&self) -> io::Result<AioCancel> {
        cancel(&self.pinned)
    }
}

impl fmt::Debug for AioRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AioRequest")
            .field("id", &self.id())
            .field("operation", &self.operation())
            .finish_non_exhaustive()
    }
}

pub(crate) fn cancel(pinned: &Pinned) -> io::Result<AioCancel> {
    match pinned.cancel() {
        None => Ok(AioCancel::Done),
        Some(Ok(libc::AIO_CANCELED)) => Ok(AioCancel::Canceled),
        Some(Ok(libc::AIO_NOTCANCELED)) => Ok(AioCancel::InProgress),
        Some(Ok(_)) => Ok(AioCancel::Done),
        Some(Err(error)) => Err(error),
    }
}

/// What a request has brought, and what it gives back ([`Event::Aio`](crate::Event::Aio)).
///
/// A clone is another handle of the same. When the last one goes, so does what was not taken.
#[derive(Clone)]
pub struct AioCompletion {
    id: AioId,
    operation: AioOperation,
    /// How many bytes, or the errno.
    result: Result<usize, i32>,
    back: Arc<Mutex<Back>>,
}

/// What has not been taken yet.
struct Back {
    fd: Option<AioFd>,
    buffer: Option<Vec<u8>>,
}

impl AioCompletion {
    pub(crate) fn new(id: AioId, operation: AioOperation, result: Result<usize, i32>, parts: Parts) -> Self {
        let (fd, buffer) = parts.into_parts();
        let back = Arc::new(Mutex::new(Back { fd: Some(fd), buffer: Some(buffer) }));
        Self { id, operation, result, back }
    }

    /// Which request it was ([`AioRequest::id`]).
    #[must_use]
    pub fn id(&self) -> AioId {
        self.id
    }

    /// What the request did.
    #[must_use]
    pub fn operation(&self) -> AioOperation {
        self.operation
    }

    /// How many bytes were transferred: what read(2) or write(2) would have returned, and 0 for fsync(3C).
    ///
    /// # Errors
    /// What went wrong with the transfer.
    pub fn result(&self) -> io::Result<usize> {
        self.result.map_err(io::Error::from_raw_os_error)
    }

    pub(crate) fn raw_result(&self) -> Result<usize, i32> {
        self.result
    }

    /// The same with an error for its result.
    pub(crate) fn failed(self, errno: i32) -> Self {
        Self { result: Err(errno), ..self }
    }

    /// Whether the request was cancelled (`ECANCELED`).
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.result == Err(libc::ECANCELED)
    }

    /// Takes the buffer back; `None` if somebody has. It has the length it was given with.
    #[must_use]
    pub fn take_buffer(&self) -> Option<Vec<u8>> {
        self.lock().buffer.take()
    }

    /// Takes back what has kept the descriptor open; `None` if somebody has.
    #[must_use]
    pub fn take_fd(&self) -> Option<AioFd> {
        self.lock().fd.take()
    }

    fn lock(&self) -> MutexGuard<'_, Back> {
        // Nothing panics while it is held.
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AioCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AioCompletion")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .field("result", &self.result())
            .finish_non_exhaustive()
    }
}
