//! Where retrieved events go: the caller's memory.

use crate::types::port_event;
use core::mem::MaybeUninit;

/// How many events are retrieved under one hold of the lock.
const ROUND: usize = 64;

/// A mark in `portev_pad`, which means nothing to callers (TYPE-2): the descriptor may have been closed meanwhile.
const UNCHECKED: u16 = 1;

/// The caller's list of events, and before it a stage. Some events turn out to be void after the port's lock is free
/// again, and what the caller has in its list must not change for those: it may tell by that what was written.
#[derive(Debug)]
pub(crate) struct Sink {
    list: *mut port_event,
    room: usize,
    filled: usize,
    stage: [MaybeUninit<port_event>; ROUND],
    staged: usize,
}

impl Sink {
    /// # Safety
    /// `list` has room for `room` events and is used by nobody else while the sink exists.
    #[inline]
    pub(crate) unsafe fn new(list: *mut port_event, room: usize) -> Self {
        Self { list, room, filled: 0, stage: [const { MaybeUninit::uninit() }; ROUND], staged: 0 }
    }

    /// How many events there is room for in this round.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        (self.room - self.filled).min(ROUND) - self.staged
    }

    /// How many events the caller has in its list.
    #[inline]
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// How many events are on the stage.
    #[inline]
    pub(crate) fn staged(&self) -> usize {
        self.staged
    }

    /// Adds an event. There is room for it.
    #[inline]
    pub(crate) fn put(&mut self, event: port_event) {
        debug_assert!(self.room() > 0);
        if let Some(place) = self.stage.get_mut(self.staged) {
            place.write(event);
            self.staged += 1;
        }
    }

    /// Adds an event that counts only if [`flush`](Self::flush) finds that it does.
    #[inline]
    pub(crate) fn put_unchecked(&mut self, event: port_event) {
        self.put(port_event { portev_pad: UNCHECKED, ..event });
    }

    /// Ends a round: gives the caller what is on the stage, asking `keep` about each event that is unchecked. Answers
    /// whether there was no room for more in this round, but is in the next.
    #[inline]
    pub(crate) fn flush(&mut self, mut keep: impl FnMut(&port_event) -> bool) -> bool {
        let full = self.staged == ROUND;
        for place in &self.stage[..self.staged] {
            // SAFETY: the first `staged` places have been written by `put`.
            let mut event = unsafe { place.assume_init_read() };
            if event.portev_pad == UNCHECKED {
                event.portev_pad = 0;
                if !keep(&event) {
                    continue;
                }
            }
            // SAFETY: `room` has kept `filled + staged` within the room that `new`'s caller has promised.
            unsafe { self.list.add(self.filled).write(event) };
            self.filled += 1;
        }
        self.staged = 0;
        full && self.filled < self.room
    }
}

#[cfg(test)]
mod tests {
    use super::{ROUND, Sink};
    use crate::types::port_event;
    use std::ptr;

    fn event(user: usize) -> port_event {
        port_event {
            portev_events: 0,
            portev_source: 4,
            portev_pad: 0,
            portev_object: 0,
            portev_user: ptr::without_provenance_mut(user),
        }
    }

    #[test]
    fn what_is_dropped_leaves_no_gap_no_mark_and_no_trace() {
        let mut list = [event(77); 5];
        // SAFETY: the list has room for its five events.
        let mut sink = unsafe { Sink::new(list.as_mut_ptr(), 5) };
        for user in 1..=5 {
            if user == 3 { sink.put(event(user)) } else { sink.put_unchecked(event(user)) }
        }
        assert_eq!((sink.filled(), sink.staged(), sink.room()), (0, 5, 0));
        assert!(!sink.flush(|event| event.portev_user.addr() % 2 == 0));
        assert_eq!((sink.filled(), sink.staged(), sink.room()), (3, 0, 2));
        let users: Vec<_> = list.iter().map(|e| (e.portev_user.addr(), e.portev_pad)).collect();
        assert_eq!(users, [(2, 0), (3, 0), (4, 0), (77, 0), (77, 0)]);
    }

    #[test]
    fn a_long_list_is_filled_in_rounds() {
        let mut list = [event(0); 2 * ROUND];
        // SAFETY: as above.
        let mut sink = unsafe { Sink::new(list.as_mut_ptr(), list.len()) };
        for round in [true, false] {
            while sink.room() > 0 {
                sink.put(event(1));
            }
            assert_eq!(sink.flush(|_| true), round);
        }
        assert!(list.iter().all(|e| e.portev_user.addr() == 1));
    }
}
