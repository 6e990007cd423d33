//! Asynchronous I/O as a source of events.
//!
//! The system writes to a control block and a buffer while the program does other things. Both belong to the crate from
//! the submission until the event has been retrieved, together with what keeps the descriptor open: the port's table
//! holds them, whatever the program drops (AIO-11).

mod list;
mod pinned;
mod request;
mod table;

pub use list::{AioList, AioListCompletion, AioListRequest};
pub use request::{AioCancel, AioCompletion, AioRequest, AioSync};
pub(crate) use table::Requests;

use crate::event::{Extra, Slot};
use crate::port::Shared;
use crate::{AioError, EventPort, sys};
use libc::c_int;
use pinned::{Parts, Pinned};
use std::os::fd::{AsFd, RawFd};
use std::sync::Arc;
use std::{fmt, ptr};
use table::Pending;

/// What keeps a descriptor open while a request uses it: any type that lends one, shared.
pub type AioFd = Arc<dyn AsFd + Send + Sync>;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AioOperation {
    /// `aio_read`.
    Read,
    /// `aio_write`.
    Write,
    /// `aio_fsync`.
    Sync,
}

impl fmt::Display for AioOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "fsync",
        })
    }
}

/// Which request an event is of.
///
/// No two requests or lists of a process have the same, at whatever time they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AioId(usize);

impl AioId {
    /// What tells the system where to send an event. It has the id in place of the program's cookie: addresses of
    /// control blocks come back, ids do not.
    fn notify(self, port: RawFd) -> sys::port_notify {
        sys::port_notify { portnfy_port: port, portnfy_user: ptr::without_provenance_mut(self.0) }
    }
}

impl EventPort {
    /// `aio_read` with `SIGEV_PORT`: reads up to `buffer.len()` bytes at `offset`, and sends an event when that is done.
    ///
    /// The event has the result and gives the buffer back ([`Event::Aio`](crate::Event::Aio)). Streams, such as
    /// pipes and sockets, have no offset; they should block, since the result of one that does not may be that there is
    /// nothing yet.
    ///
    /// The request holds `fd` and the buffer until its event has been retrieved or the port is closed. What is returned
    /// can be used to cancel the request; dropping that changes nothing. Dropping the port's last handle cancels what can
    /// be cancelled and waits for the rest, which may take as long as the transfer does.
    ///
    /// # Errors
    /// The descriptor is not for reading (`EBADF`), the port is full, or the system has too many requests
    /// ([`AioError::is_limit`]). The error gives the buffer back. What goes wrong with the transfer itself is in the
    /// event.
    ///
    /// See [aio_read(3C)](https://illumos.org/man/3C/aio_read).
    ///
    /// ```
    /// use event_ports::{Event, EventPort};
    /// use std::fs::File;
    /// use std::sync::Arc;
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-aio-{}", std::process::id()));
    /// std::fs::write(&path, "hello, world")?;
    /// let file = Arc::new(File::open(&path)?);
    /// # std::fs::remove_file(&path)?;
    ///
    /// let port = EventPort::new()?;
    /// port.aio_read(file, vec![0; 64], 7, 42)?;
    ///
    /// let event = port.get(None)?;
    /// assert_eq!(event.user, 42);
    /// match event.view() {
    ///     Event::Aio { completion } => {
    ///         let len = completion.result()?;
    ///         let buffer = completion.take_buffer().expect("nobody has taken it yet");
    ///         assert_eq!(&buffer[..len], b"world");
    ///     }
    ///     other => panic!("unexpected {other:?}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn aio_read<F>(&self, fd: Arc<F>, buffer: Vec<u8>, offset: u64, user: usize) -> Result<AioRequest, AioError>
    where
        F: AsFd + Send + Sync + 'static,
    {
        self.submit(AioOperation::Read, Parts::new(fd, buffer), offset, user, |block| {
            // SAFETY: `submit` gives a control block that is as `Pinned` promises.
            unsafe { sys::aio_read(block) }
        })
    }

    /// `aio_write` with `SIGEV_PORT`: writes the buffer at `offset`, and sends an event when that is done.
    ///
    /// As [`aio_read`](Self::aio_read). Fewer bytes may be written than there are. A file opened for appending is
    /// written at its end.
    ///
    /// # Errors
    /// As [`aio_read`](Self::aio_read).
    ///
    /// See [aio_write(3C)](https://illumos.org/man/3C/aio_write).
    ///
    /// ```
    /// use event_ports::{AioOperation, Event, EventPort};
    /// use std::fs::File;
    /// use std::sync::Arc;
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-write-{}", std::process::id()));
    /// let file = Arc::new(File::create(&path)?);
    ///
    /// let port = EventPort::new()?;
    /// port.aio_write(Arc::clone(&file), b"hello".to_vec(), 0, 0)?;
    /// let event = port.get(None)?;
    /// let Event::Aio { completion } = event.view() else { panic!("unexpected {event:?}") };
    /// assert_eq!((completion.operation(), completion.result()?), (AioOperation::Write, 5));
    /// assert_eq!(std::fs::read(&path)?, b"hello");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn aio_write<F>(&self, fd: Arc<F>, buffer: Vec<u8>, offset: u64, user: usize) -> Result<AioRequest, AioError>
    where
        F: AsFd + Send + Sync + 'static,
    {
        self.submit(AioOperation::Write, Parts::new(fd, buffer), offset, user, |block| {
            // SAFETY: `submit` gives a control block that is as `Pinned` promises.
            unsafe { sys::aio_write(block) }
        })
    }

    /// `aio_fsync` with `SIGEV_PORT`: brings what the requests submitted before have written to the device, and sends an
    /// event when that is done.
    ///
    /// # Errors
    /// As [`aio_read`](Self::aio_read); there is no buffer.
    ///
    /// See [aio_fsync(3C)](https://illumos.org/man/3C/aio_fsync).
    pub fn aio_fsync<F>(&self, fd: Arc<F>, sync: AioSync, user: usize) -> Result<AioRequest, AioError>
    where
        F: AsFd + Send + Sync + 'static,
    {
        let how = match sync {
            AioSync::All => libc::O_SYNC,
            AioSync::Data => libc::O_DSYNC,
        };
        self.submit(AioOperation::Sync, Parts::new(fd, Vec::new()), 0, user, |block| {
            // SAFETY: `submit` gives a control block that is as `Pinned` promises.
            unsafe { sys::aio_fsync(how, block) }
        })
    }

    /// Hands a request to the system by `call`.
    fn submit(
        &self,
        operation: AioOperation,
        parts: Parts,
        offset: u64,
        user: usize,
        call: impl FnOnce(*mut sys::aiocb) -> c_int,
    ) -> Result<AioRequest, AioError> {
        let (number, pinned) = (parts.number(), Pinned::new(operation, parts, offset));
        let request = Arc::new(pinned);
        // First, since another thread may retrieve the event before the call returns.
        self.shared.requests.add(request.id(), user, Pending::One(Arc::clone(&request)));
        match request.submit(self.fd(), call) {
            Ok(()) => Ok(AioRequest::new(request)),
            Err(source) => {
                self.shared.requests.remove(request.id());
                let buffer = request.take_parts().map(Parts::into_buffer).unwrap_or_default();
                Err(AioError { operation, fd: number, buffer, source })
            }
        }
    }
}

impl Shared {
    /// What more there is to the event of a request or a list, which ends with it; puts the program's cookie in its
    /// place.
    pub(crate) fn aio_extra(&self, slot: &mut Slot) -> Extra {
        let Some((pending, user)) = self.requests.complete(AioId(slot.user()), slot.object()) else {
            return Extra::None;
        };
        slot.set_user(user);
        match pending {
            Pending::One(request) => request.complete().map_or(Extra::None, Extra::Aio),
            Pending::List(list) => {
                let completion = list.complete();
                // A list of which a part was refused has given everything back already.
                if completion.completions().is_empty() { Extra::None } else { Extra::AioList(completion) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AioList, source};
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn s2_a_forged_event_reaches_nothing() {
        let port = EventPort::new().unwrap();
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let request = port.aio_read(Arc::new(reader), vec![0; 4], 0, 7).unwrap();
        let (AioId(key), object) = (request.id(), request.address());
        // One in progress is not over because somebody says so, and an id or an address alone is not enough.
        let forged = [(object, key), (object, 7), (object + 8, key), (8, key), (0, 0), (usize::MAX, key + 1)];
        for (object, user) in forged {
            let mut slot = Slot::written(sys::AIOAREAD, source::AIO, object, user);
            assert!(matches!(port.shared.extra(&mut slot), Extra::None), "{object:#x} {user}");
            assert_eq!((slot.object(), slot.user()), (object, user), "passed on as it is");
        }
        writer.write_all(b"abcd").unwrap();
        let event = port.get(Some(Duration::from_secs(30))).unwrap();
        assert!(matches!(event.view(), crate::Event::Aio { completion }
            if completion.take_buffer().as_deref() == Some(b"abcd")));
        // Neither can it be had a second time.
        let mut slot = Slot::written(sys::AIOAREAD, source::AIO, object, key);
        assert!(matches!(port.shared.extra(&mut slot), Extra::None));
    }

    #[test]
    fn lists_that_are_refused_do_not_pile_up() {
        let port = EventPort::new().unwrap();
        let directory = Arc::new(File::open("/").unwrap());
        for _ in 0..3000 {
            let mut list = AioList::new();
            // It is not open for writing.
            list.write(Arc::clone(&directory), vec![0; 16], 0);
            let error = port.aio_list(list, 0).unwrap_err();
            assert_eq!(error.completions.len(), 1);
        }
        assert_eq!(port.shared.requests.len(), table::REFUSED);
        assert_eq!(Arc::strong_count(&directory), 1);
    }
}
