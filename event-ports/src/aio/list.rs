//! Lists of requests, with one event for all.

use super::pinned::{Parts, Pinned};
use super::request::cancel;
use super::table::Pending;
use super::{AioCancel, AioCompletion, AioId, AioOperation};
use crate::keys::new_key;
use crate::{AioListError, EventPort, sys};
use std::cell::UnsafeCell;
use std::os::fd::{AsFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io, mem, thread};

/// Requests to be submitted together, which bring one event when all of them are complete.
///
/// ```
/// use event_ports::{AioList, Event, EventPort};
/// use std::fs::File;
/// use std::sync::Arc;
///
/// let path = std::env::temp_dir().join(format!("event-ports-doc-list-{}", std::process::id()));
/// let file = Arc::new(File::create(&path)?);
/// let mut list = AioList::new();
/// list.write(Arc::clone(&file), b"hello, ".to_vec(), 0);
/// list.write(Arc::clone(&file), b"world".to_vec(), 7);
///
/// let port = EventPort::new()?;
/// port.aio_list(list, 42)?;
///
/// let event = port.get(None)?;
/// let Event::AioList { list } = event.view() else { panic!("unexpected {event:?}") };
/// assert!(list.completions().iter().all(|completion| completion.result().is_ok()));
/// assert_eq!(std::fs::read(&path)?, b"hello, world");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
#[doc(alias = "lio_listio")]
pub struct AioList {
    requests: Vec<Pinned>,
}

impl AioList {
    /// A list without requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a read, as of [`EventPort::aio_read`]. Requests of a list run in no particular order.
    pub fn read<F: AsFd + Send + Sync + 'static>(&mut self, fd: Arc<F>, buffer: Vec<u8>, offset: u64) -> &mut Self {
        self.requests.push(Pinned::for_list(AioOperation::Read, Parts::new(fd, buffer), offset));
        self
    }

    /// Adds a write, as of [`EventPort::aio_write`]. Requests of a list run in no particular order.
    pub fn write<F: AsFd + Send + Sync + 'static>(&mut self, fd: Arc<F>, buffer: Vec<u8>, offset: u64) -> &mut Self {
        self.requests.push(Pinned::for_list(AioOperation::Write, Parts::new(fd, buffer), offset));
        self
    }

    /// How many requests it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// A list that was submitted, at one place for as long as it lives; as [`Pinned`] for each of its requests.
pub(crate) struct PinnedList {
    /// Its address is what the event has.
    event: UnsafeCell<sys::sigevent>,
    id: AioId,
    requests: Box<[Pinned]>,
    /// Held while the list is submitted, and, if that fails, until it is over. The event may come meanwhile; who
    /// retrieves it must know whether it is to have the results.
    submission: Mutex<()>,
}

// SAFETY: the structure is written before the submission only, and read by the system during that.
unsafe impl Send for PinnedList {}
// SAFETY: as above.
unsafe impl Sync for PinnedList {}

impl PinnedList {
    /// `portev_object` of its event.
    pub(crate) fn address(&self) -> usize {
        self.event.get().addr()
    }

    pub(crate) fn requests(&self) -> &[Pinned] {
        &self.requests
    }

    pub(crate) fn is_in_progress(&self) -> bool {
        self.requests.iter().any(Pinned::is_in_progress)
    }

    /// What the requests of a list that is complete give back: nothing if it was refused.
    pub(crate) fn complete(&self) -> AioListCompletion {
        let _submitted = self.submission();
        AioListCompletion { id: self.id, completions: self.requests.iter().filter_map(Pinned::complete).collect() }
    }
}

impl PinnedList {
    fn submission(&self) -> MutexGuard<'_, ()> {
        self.submission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PinnedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedList").field("id", &self.id).field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// A list that was submitted ([`EventPort::aio_list`]).
///
/// It serves to cancel the requests, and to know the event. Dropping it changes nothing: the event comes.
pub struct AioListRequest {
    list: Arc<PinnedList>,
}

impl AioListRequest {
    /// What the list's event says it is of.
    #[must_use]
    pub fn id(&self) -> AioId {
        self.list.id
    }

    /// `aio_cancel`: cancels those of the requests that have not begun. The event comes in any case. What became of each
    /// is returned in the order of the list.
    ///
    /// # Errors
    /// What the system reports; none is known.
    ///
    /// See [aio_cancel(3C)](https://illumos.org/man/3C/aio_cancel).
    #[doc(alias = "aio_cancel")]
    pub fn cancel(&self) -> io::Result<Vec<AioCancel>> {
        self.list.requests.iter().map(cancel).collect()
    }
}

impl fmt::Debug for AioListRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AioListRequest").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// What the requests of a list have brought, in the order of the list ([`Event::AioList`](crate::Event::AioList)).
#[derive(Debug, Clone)]
pub struct AioListCompletion {
    id: AioId,
    completions: Arc<[AioCompletion]>,
}

impl AioListCompletion {
    /// Which list it was ([`AioListRequest::id`]).
    #[must_use]
    pub fn id(&self) -> AioId {
        self.id
    }

    /// The requests.
    #[must_use]
    pub fn completions(&self) -> &[AioCompletion] {
        &self.completions
    }
}

impl EventPort {
    /// `lio_listio` with `LIO_NOWAIT` and `SIGEV_PORT`: submits all requests of a list, and sends one event when all of
    /// them are complete ([`Event::AioList`](crate::Event::AioList)).
    ///
    /// The list holds its descriptors and buffers as single requests do.
    ///
    /// # Errors
    /// Some requests could not be submitted, for the reasons of [`aio_read`](Self::aio_read), or there is none. Those
    /// that were are cancelled or waited for. The error has what became of each and gives the buffers back. If some were
    /// submitted the list's event comes nevertheless, as [`Event::Other`](crate::Event::Other).
    ///
    /// See [lio_listio(3C)](https://illumos.org/man/3C/lio_listio).
    #[doc(alias = "lio_listio")]
    pub fn aio_list(&self, list: AioList, user: usize) -> Result<AioListRequest, AioListError> {
        if list.is_empty() {
            // No event would come (AIO-5).
            return Err(AioListError { completions: Vec::new(), source: io::Error::from_raw_os_error(libc::EINVAL) });
        }
        // SAFETY: all zeros is a valid sigevent, whose members are numbers and pointers that may be null.
        let event = UnsafeCell::new(unsafe { mem::zeroed() });
        let (requests, submission) = (list.requests.into(), Mutex::new(()));
        let list = Arc::new(PinnedList { event, id: AioId(new_key()), requests, submission });
        // First, since another thread may retrieve the event before the call returns.
        self.shared.requests.add(list.id, user, Pending::List(Arc::clone(&list)));
        let submission = list.submission();
        let Err(source) = submit(&list, self.fd()) else {
            drop(submission);
            return Ok(AioListRequest { list });
        };
        let completions = end(&list, source.raw_os_error().unwrap_or(libc::EIO));
        drop(submission);
        self.shared.requests.refused(list.id);
        Err(AioListError { completions, source })
    }
}

fn submit(list: &PinnedList, port: RawFd) -> io::Result<()> {
    let mut notify = list.id.notify(port);
    let event = list.event.get();
    // SAFETY: the list has not been submitted, so nobody else uses the structure.
    unsafe {
        (*event).sigev_notify = sys::SIGEV_PORT;
        (*event).sigev_value.sival_ptr = (&raw mut notify).cast();
    }
    let blocks: Vec<*mut sys::aiocb> = list.requests.iter().map(Pinned::block).collect();
    let count = blocks.len().try_into().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: there are that many blocks, each as `Pinned` promises; the sigevent is complete, and stays at its address,
    // though it is read, with what it points to, during the call only (AIO-1, AIO-3).
    if unsafe { sys::lio_listio(sys::LIO_NOWAIT, blocks.as_ptr(), count, event) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Ends a list of which a part could not be submitted.
fn end(list: &PinnedList, errno: i32) -> Vec<AioCompletion> {
    loop {
        // Again and again: a thread that was at a request may have found that it has to wait, and have put it back.
        list.requests().iter().for_each(|request| drop(request.cancel()));
        if !list.is_in_progress() {
            break;
        }
        // What cannot be cancelled is under way, and there is no call that waits for all.
        thread::sleep(Duration::from_millis(1));
    }
    list.requests.iter().filter_map(|request| request.complete_refused(errno)).collect()
}
