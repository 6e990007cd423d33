//! The errors: one type per operation, with what the operation was about in public fields, and the system's error.
//!
//! Each turns into an [`io::Error`] with the same errno, so `?` works in functions that return `io::Result`.

use crate::{AioCompletion, AioOperation, Clock, EventSource};
use std::ffi::{NulError, OsString};
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// What to add to a message when a port is full.
fn full(source: &io::Error) -> &'static str {
    if has_errno(source, libc::EAGAIN) {
        ": the port holds as many events and associations as process.max-port-events allowed when it was created"
    } else {
        ""
    }
}

fn has_errno(source: &io::Error, errno: i32) -> bool {
    source.raw_os_error() == Some(errno)
}

/// Both say that the number is not the port it was: `EBADF` and `EBADFD`.
fn is_port_gone(source: &io::Error) -> bool {
    has_errno(source, libc::EBADF) || has_errno(source, libc::EBADFD)
}

/// `From<$error> for io::Error`, keeping the errno.
macro_rules! into_io_error {
    ($($error:ident),*) => { $(
        impl From<$error> for io::Error {
            fn from(error: $error) -> Self {
                error.source
            }
        }
    )* };
}

into_io_error!(
    PortCreateError,
    AssociateFdError,
    DissociateFdError,
    AssociateFileError,
    DissociateFileError,
    RefreshError,
    TimerCreateError,
    TimerError,
    AioError,
    AioListError,
    MqOpenError,
    MqError,
    MqNotifyError,
    SendError,
    AlertError,
    PendingError
);

/// Error returned by [`EventPort::new`](crate::EventPort::new).
#[derive(Debug, Error)]
#[error("cannot create an event port{}", self.hint())]
#[non_exhaustive]
pub struct PortCreateError {
    /// The system's error.
    pub source: io::Error,
}

impl PortCreateError {
    /// Whether a limit was reached: of ports (resource control `project.max-port-ids`) or of descriptors.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        [libc::EAGAIN, libc::EMFILE, libc::ENFILE].iter().any(|&errno| has_errno(&self.source, errno))
    }

    fn hint(&self) -> &'static str {
        if has_errno(&self.source, libc::EAGAIN) {
            ": there are as many ports as project.max-port-ids allows"
        } else {
            ""
        }
    }
}

/// Error returned by [`EventPort::associate_fd`](crate::EventPort::associate_fd).
#[derive(Debug, Error)]
#[error("cannot associate descriptor {fd} with a port{}", full(.source))]
pub struct AssociateFdError {
    /// The descriptor that was to be associated.
    pub fd: RawFd,
    /// The system's error.
    pub source: io::Error,
}

impl AssociateFdError {
    /// Whether the port is full: its associations and queued events are as many as `process.max-port-events` allowed
    /// when it was created (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }

    /// Whether the descriptor is not open (`EBADFD`).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        has_errno(&self.source, libc::EBADFD)
    }
}

/// Error returned by [`EventPort::dissociate_fd`](crate::EventPort::dissociate_fd).
#[derive(Debug, Error)]
#[error("cannot dissociate descriptor {fd} from a port")]
pub struct DissociateFdError {
    /// The descriptor that was to be dissociated.
    pub fd: RawFd,
    /// The system's error.
    pub source: io::Error,
}

impl DissociateFdError {
    /// Whether the descriptor is not open (`EBADFD`). Closing it has ended its association.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        has_errno(&self.source, libc::EBADFD)
    }

    /// Whether the association belongs to another process (`EACCES`): only the process that made it may end it.
    #[must_use]
    pub fn is_not_owner(&self) -> bool {
        has_errno(&self.source, libc::EACCES)
    }
}

/// Error returned by [`EventPort::associate_file`](crate::EventPort::associate_file).
#[derive(Debug, Error)]
#[error("cannot associate {path:?} with a port")]
pub struct AssociateFileError {
    /// The path of the object.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl AssociateFileError {
    /// Whether there is no such file (`ENOENT`). It may have gone since the object was made.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        has_errno(&self.source, libc::ENOENT)
    }

    /// Whether the events asked for include some that may not be
    /// ([`FileEvents::REQUESTABLE`](crate::FileEvents::REQUESTABLE), `EINVAL`).
    #[must_use]
    pub fn is_invalid_events(&self) -> bool {
        has_errno(&self.source, libc::EINVAL)
    }

    /// Whether the file system does not tell of changes (`ENOTSUP`).
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        has_errno(&self.source, libc::ENOTSUP)
    }

    /// Whether a limit was reached: of the port (`EAGAIN`) or, on Linux, of inotify (`ENOSPC`, `EMFILE`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        [libc::EAGAIN, libc::ENOSPC, libc::EMFILE, libc::ENFILE].iter().any(|&errno| has_errno(&self.source, errno))
    }
}

/// Error returned by [`EventPort::dissociate_file`](crate::EventPort::dissociate_file).
#[derive(Debug, Error)]
#[error("cannot dissociate {path:?} from a port")]
pub struct DissociateFileError {
    /// The path of the object.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// Error returned by [`Timer::new`](crate::Timer::new).
#[derive(Debug, Error)]
#[error("cannot create a timer on the {clock:?} clock{}", self.hint())]
#[non_exhaustive]
pub struct TimerCreateError {
    /// The clock.
    pub clock: Clock,
    /// The system's error.
    pub source: io::Error,
}

impl TimerCreateError {
    /// Whether a limit was reached: the port is full, or the process has as many timers as it may have (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }

    fn hint(&self) -> &'static str {
        if self.is_limit() { ": the port is full (process.max-port-events), or there are too many timers" } else { "" }
    }
}

/// Error returned by the methods of a [`Timer`](crate::Timer).
#[derive(Debug, Error)]
#[error("cannot use a timer")]
#[non_exhaustive]
pub struct TimerError {
    /// The system's error.
    pub source: io::Error,
}

impl TimerError {
    /// Whether the interval is none that a timer can have, or the timer belongs to the process this one was forked from
    /// (`EINVAL`).
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        has_errno(&self.source, libc::EINVAL)
    }

    /// Whether a privilege is missing (`EPERM`), which illumos wants for intervals below 200 µs.
    #[must_use]
    pub fn is_not_permitted(&self) -> bool {
        has_errno(&self.source, libc::EPERM)
    }
}

/// Error returned by [`EventPort::aio_read`](crate::EventPort::aio_read) and its like.
#[derive(Debug, Error)]
#[error("cannot submit an asynchronous {operation} of descriptor {fd}{}", full(.source))]
#[non_exhaustive]
pub struct AioError {
    /// What was to be done.
    pub operation: AioOperation,
    /// The descriptor.
    pub fd: RawFd,
    /// The buffer that was given.
    pub buffer: Vec<u8>,
    /// The system's error.
    pub source: io::Error,
}

impl AioError {
    /// Whether a limit was reached: the port is full, or there are too many requests (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }
}

/// Error returned by [`EventPort::aio_list`](crate::EventPort::aio_list).
#[derive(Debug, Error)]
#[error("cannot submit a list of asynchronous requests{}", full(.source))]
#[non_exhaustive]
pub struct AioListError {
    /// What became of each request, in the order of the list.
    pub completions: Vec<AioCompletion>,
    /// The system's error.
    pub source: io::Error,
}

impl AioListError {
    /// Whether a limit was reached: the port is full, or there are too many requests (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }
}

/// Error returned by [`MessageQueueOptions::open`](crate::MessageQueueOptions::open) and
/// [`MessageQueue::unlink`](crate::MessageQueue::unlink).
#[derive(Debug, Error)]
#[error("cannot open or unlink message queue {name:?}")]
#[non_exhaustive]
pub struct MqOpenError {
    /// The queue's name.
    pub name: OsString,
    /// The system's error.
    pub source: io::Error,
}

impl MqOpenError {
    /// Whether there is no such queue (`ENOENT`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        has_errno(&self.source, libc::ENOENT)
    }

    /// Whether the queue that was to be made is there (`EEXIST`).
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        has_errno(&self.source, libc::EEXIST)
    }
}

/// Error returned by the methods of a [`MessageQueue`](crate::MessageQueue).
#[derive(Debug, Error)]
#[error("cannot use a message queue")]
#[non_exhaustive]
pub struct MqError {
    /// The system's error.
    pub source: io::Error,
}

impl MqError {
    /// Whether the queue is full, or empty, and is not to be waited for (`EAGAIN`).
    #[must_use]
    pub fn is_would_block(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }

    /// Whether the message is too long for the queue, or the buffer too short for its messages (`EMSGSIZE`).
    #[must_use]
    pub fn is_message_size(&self) -> bool {
        has_errno(&self.source, libc::EMSGSIZE)
    }
}

/// Error returned by [`MessageQueue::notify`](crate::MessageQueue::notify).
#[derive(Debug, Error)]
#[error("cannot have a message queue tell a port{}", full(.source))]
#[non_exhaustive]
pub struct MqNotifyError {
    /// The system's error.
    pub source: io::Error,
}

impl MqNotifyError {
    /// Whether somebody is to be told already (`EBUSY`).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        has_errno(&self.source, libc::EBUSY)
    }

    /// Whether the port is full (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }
}

/// Error returned by [`FileObj::new`](crate::FileObj::new) and [`FileObj::new_nofollow`](crate::FileObj::new_nofollow).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileObjError {
    /// The path holds a NUL byte, which no file name can.
    #[error("the path {path:?} holds a NUL byte")]
    InvalidPath {
        /// The path.
        path: PathBuf,
        /// Where the NUL is.
        source: NulError,
    },
    /// The times of the file cannot be read.
    #[error("cannot read the times of {path:?}")]
    Stat {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl FileObjError {
    /// The path the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::InvalidPath { path, .. } | Self::Stat { path, .. } => path,
        }
    }

    /// Whether there is no such file (`ENOENT`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Stat { source, .. } if has_errno(source, libc::ENOENT))
    }
}

impl From<FileObjError> for io::Error {
    fn from(error: FileObjError) -> Self {
        match error {
            FileObjError::InvalidPath { .. } => Self::new(io::ErrorKind::InvalidInput, error),
            FileObjError::Stat { source, .. } => source,
        }
    }
}

/// Error returned by [`FileObj::refresh`](crate::FileObj::refresh).
#[derive(Debug, Error)]
#[error("cannot read the times of {path:?}")]
pub struct RefreshError {
    /// The path of the object.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl RefreshError {
    /// Whether there is no such file any more (`ENOENT`).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        has_errno(&self.source, libc::ENOENT)
    }
}

/// Error returned by [`PortEvent::as_file_obj`](crate::PortEvent::as_file_obj): the event is about a file this crate
/// did not associate with the port, or whose association was interfered with through the raw calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event of source {event_source} is about object {object:#x}, which the port does not know")]
#[non_exhaustive]
pub struct ExtractFileObjError {
    /// Where the event comes from.
    pub event_source: EventSource,
    /// The object as the system gave it. Never to be taken for a pointer.
    pub object: usize,
}

impl From<ExtractFileObjError> for io::Error {
    fn from(error: ExtractFileObjError) -> Self {
        Self::new(io::ErrorKind::NotFound, error)
    }
}

/// Error returned by [`EventPort::send`](crate::EventPort::send), and for each port by
/// [`EventPort::send_n`](crate::EventPort::send_n).
#[derive(Debug, Error)]
#[error("cannot send event {events:#x} (user {user:#x}) to a port{}", full(.source))]
#[non_exhaustive]
pub struct SendError {
    /// The events that were to be sent.
    pub events: i32,
    /// The cookie that was to be sent.
    pub user: usize,
    /// The system's error.
    pub source: io::Error,
}

impl SendError {
    /// Whether the port is full: its associations and queued events are as many as `process.max-port-events` allowed
    /// when it was created (`EAGAIN`).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        has_errno(&self.source, libc::EAGAIN)
    }
}

/// Error returned by the calls that enter and leave alert mode.
#[derive(Debug, Error)]
#[error("cannot change the alert mode of a port (events {events:#x}, user {user:#x})")]
#[non_exhaustive]
pub struct AlertError {
    /// The events of the alert; 0 to leave alert mode.
    pub events: i32,
    /// The cookie of the alert.
    pub user: usize,
    /// The system's error.
    pub source: io::Error,
}

/// Error returned by [`EventPort::pending`](crate::EventPort::pending).
#[derive(Debug, Error)]
#[error("cannot count the events of a port")]
#[non_exhaustive]
pub struct PendingError {
    /// The system's error.
    pub source: io::Error,
}

/// Error returned by [`EventPort::get`](crate::EventPort::get).
#[derive(Debug, Error)]
#[error("no event from the port{}", within(*.timeout))]
#[non_exhaustive]
pub struct GetError {
    /// How long the call was to wait.
    pub timeout: Option<Duration>,
    /// The system's error; `ETIME` for a timeout.
    pub source: io::Error,
}

/// Error returned by [`EventPort::get_n`](crate::EventPort::get_n), [`EventPort::get_into`](crate::EventPort::get_into)
/// and [`Batch::get`](crate::Batch::get).
#[derive(Debug, Error)]
#[error("cannot get {min} to {max} events from the port{}", within(*.timeout))]
#[non_exhaustive]
pub struct GetNError {
    /// How many events the call was to wait for.
    pub min: usize,
    /// How many events the call was to return at most.
    pub max: usize,
    /// How long the call was to wait.
    pub timeout: Option<Duration>,
    /// The system's error.
    pub source: io::Error,
}

fn within(timeout: Option<Duration>) -> String {
    timeout.map(|timeout| format!(" within {timeout:?}")).unwrap_or_default()
}

impl GetError {
    /// Whether the time passed without an event (`ETIME`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        has_errno(&self.source, libc::ETIME)
    }

    /// Whether the port is no longer open (`EBADF`, `EBADFD`). Only code that closes the number behind the crate's back
    /// causes it.
    #[must_use]
    pub fn is_port_gone(&self) -> bool {
        is_port_gone(&self.source)
    }
}

/// A timeout becomes [`io::ErrorKind::TimedOut`]; anything else keeps its errno.
impl From<GetError> for io::Error {
    fn from(error: GetError) -> Self {
        if error.is_timeout() { Self::new(io::ErrorKind::TimedOut, error) } else { error.source }
    }
}

impl GetNError {
    /// Whether the batch cannot hold the number of events to wait for, or that number is zero (`EINVAL`).
    #[must_use]
    pub fn is_invalid_range(&self) -> bool {
        has_errno(&self.source, libc::EINVAL)
    }

    /// Whether the port is no longer open (`EBADF`, `EBADFD`). Only code that closes the number behind the crate's back
    /// causes it.
    #[must_use]
    pub fn is_port_gone(&self) -> bool {
        is_port_gone(&self.source)
    }
}

impl From<GetNError> for io::Error {
    fn from(error: GetNError) -> Self {
        error.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    #[test]
    fn the_limit_is_named() {
        let error = SendError { events: 1, user: 2, source: os(libc::EAGAIN) };
        assert!(error.is_limit());
        assert!(error.to_string().contains("process.max-port-events"), "{error}");
        let error = PortCreateError { source: os(libc::EAGAIN) };
        assert!(error.is_limit());
        assert!(error.to_string().contains("project.max-port-ids"), "{error}");
        let error = AssociateFdError { fd: 3, source: os(libc::EBADFD) };
        assert!(error.is_closed() && !error.is_limit());
        assert!(!error.to_string().contains("max-port-events"), "{error}");
    }

    #[test]
    fn the_errno_survives_the_way_to_io_error() {
        let error = AssociateFdError { fd: 3, source: os(libc::EBADFD) };
        assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::EBADFD));
        let error = GetError { timeout: None, source: os(libc::EBADF) };
        assert!(error.is_port_gone());
        assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_timeout_is_told_and_has_its_kind() {
        let error = GetError { timeout: Some(Duration::from_secs(1)), source: os(libc::ETIME) };
        assert!(error.is_timeout());
        assert_eq!(error.to_string(), "no event from the port within 1s");
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // ETIME is not ETIMEDOUT (CONST-6).
        assert!(!GetError { timeout: None, source: os(libc::ETIMEDOUT) }.is_timeout());
    }

    #[test]
    fn the_source_is_chained() {
        let error = AssociateFdError { fd: 3, source: os(libc::EBADFD) };
        assert!(std::error::Error::source(&error).is_some());
    }
}
