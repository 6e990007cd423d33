//! The requests whose events are to come, and the end of those that outlive their port.

use super::AioId;
use super::list::PinnedList;
use super::pinned::Pinned;
use crate::event::Slot;
use crate::port::Shared;
use crate::retrieve::{OnSignal, retrieve};
use crate::{source, sys};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, ptr, slice};

/// How often to look after a request that is cancelled, and whose event does not come.
const LOOK: Duration = Duration::from_millis(100);

/// For how long the events of requests that are over are waited for. If none comes, somebody has retrieved them by the
/// raw calls.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many lists that were refused are remembered. Their events, if any, are on their way already.
pub(super) const REFUSED: usize = 1024;

/// A request or a list.
#[derive(Debug, Clone)]
pub(crate) enum Pending {
    One(Arc<Pinned>),
    List(Arc<PinnedList>),
}

impl Pending {
    /// `portev_object` of its event.
    fn object(&self) -> usize {
        match self {
            Self::One(request) => request.address(),
            Self::List(list) => list.address(),
        }
    }

    fn requests(&self) -> &[Pinned] {
        match self {
            Self::One(request) => slice::from_ref(&**request),
            Self::List(list) => list.requests(),
        }
    }

    /// Whether the system may still use the memory.
    fn is_in_progress(&self) -> bool {
        self.requests().iter().any(Pinned::is_in_progress)
    }

    /// Whether an event is to come, and there is something to be given back.
    fn is_awaited(&self) -> bool {
        self.requests().iter().any(|request| request.is_own() && !request.is_taken())
    }

    fn cancel(&self) {
        // What cannot be cancelled is waited for.
        self.requests().iter().for_each(|request| drop(request.cancel()));
    }
}

/// A request or a list in the table.
#[derive(Debug)]
struct Entry {
    pending: Pending,
    /// The program's cookie.
    user: usize,
}

/// The requests of a port, by what their events have for a cookie.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<AioId, Entry>,
    /// Lists that were refused, in the order in which that happened. Some have an event to come, some have none, and
    /// nobody says which.
    refused: VecDeque<AioId>,
}

impl Requests {
    /// Adds a request, before its event can come.
    pub(crate) fn add(&self, id: AioId, user: usize, pending: Pending) {
        self.lock().entries.insert(id, Entry { pending, user });
    }

    /// Forgets a request that was not submitted.
    pub(crate) fn remove(&self, id: AioId) {
        // What it holds is dropped when the lock is free.
        let _removed = { self.lock().entries.remove(&id) };
    }

    /// Marks a list as refused, which is over and has given everything back.
    pub(crate) fn refused(&self, id: AioId) {
        let mut table = self.lock();
        let oldest = if table.refused.len() < REFUSED { None } else { table.refused.pop_front() };
        table.refused.push_back(id);
        let _forgotten = oldest.and_then(|oldest| table.entries.remove(&oldest));
        drop(table);
    }

    /// The request of an event, which is not in the table any more, with the program's cookie. `None` if it is none of
    /// this crate's, or not over: whatever the event is, the system may still use the memory.
    pub(crate) fn complete(&self, id: AioId, object: usize) -> Option<(Pending, usize)> {
        let mut table = self.lock();
        let pending = &table.entries.get(&id)?.pending;
        if pending.object() != object || pending.is_in_progress() {
            return None;
        }
        table.entries.remove(&id).map(|Entry { pending, user }| (pending, user))
    }

    /// Cancels what is in progress on a port that nobody has any more, and waits until all is over: the system must not
    /// use memory that is freed, nor send an event to a port that has got the number (AIO-8).
    pub(crate) fn end(&self, port: &Shared) {
        // Dropped in the end, when nothing is in progress: what requests hold is the program's, and may do anything when
        // it is dropped, panicking included. In a child of fork its parent's requests are among it.
        let mut over = self.take(|pending| !pending.is_awaited());
        if self.cancel_all() {
            // In alert mode nothing else could be retrieved.
            // SAFETY: no pointer is followed.
            unsafe { sys::port_alert(port.fd(), sys::PORT_ALERT_SET, 0, ptr::null_mut()) };
        }
        let mut last = Instant::now();
        while !self.lock().entries.is_empty() {
            if self.take_events(port, &mut over) {
                last = Instant::now();
                continue;
            }
            // A thread that was at a request may have found that it has to wait, and have put it back.
            self.cancel_all();
            if last.elapsed() >= PATIENCE {
                over.extend(self.take(|pending| !pending.is_in_progress()));
            }
        }
        for request in over.iter().flat_map(Pending::requests) {
            // A handle of it may live on, and holds nothing from now on.
            drop(request.complete());
        }
    }

    /// Cancels what can be cancelled now. Answers whether there is any request.
    fn cancel_all(&self) -> bool {
        let left: Vec<Pending> = self.lock().entries.values().map(|entry| entry.pending.clone()).collect();
        left.iter().for_each(Pending::cancel);
        !left.is_empty()
    }

    /// Waits a moment for events, and takes the requests that they are of. Whatever else comes is lost with the port.
    fn take_events(&self, port: &Shared, over: &mut Vec<Pending>) -> bool {
        let mut slots = [Slot::EMPTY; 32];
        let taken = retrieve(port, &mut slots, 1, Some(LOOK), OnSignal::WaitOn);
        let before = over.len();
        let events = slots[..taken.filled].iter().filter(|slot| slot.source() == source::AIO);
        over.extend(events.filter_map(|slot| self.complete(AioId(slot.user()), slot.object())).map(|(one, _)| one));
        over.len() > before
    }

    fn take(&self, which: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let mut table = self.lock();
        let ids: Vec<AioId> = table.entries.iter().filter(|(_, e)| which(&e.pending)).map(|(&id, _)| id).collect();
        ids.iter().filter_map(|id| table.entries.remove(id)).map(|entry| entry.pending).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it is held.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        // `end` has left nothing that is in progress. If it was cut short, that memory is better lost than used by the
        // system while it is another's.
        for (_, entry) in self.lock().entries.drain() {
            if entry.pending.is_in_progress() {
                mem::forget(entry);
            }
        }
    }
}
