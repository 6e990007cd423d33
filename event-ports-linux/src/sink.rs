//! Where retrieved events go: the caller's memory.

use crate::types::port_event;

/// A mark in `portev_pad`, which means nothing to callers (TYPE-2): the descriptor may have been closed meanwhile.
const UNCHECKED: u16 = 1;

/// The caller's list of events.
#[derive(Debug)]
pub(crate) struct Sink {
    list: *mut port_event,
    room: usize,
    filled: usize,
    unchecked: bool,
}

impl Sink {
    /// # Safety
    /// `list` has room for `room` events and is used by nobody else while the sink exists.
    pub(crate) unsafe fn new(list: *mut port_event, room: usize) -> Self {
        Self { list, room, filled: 0, unchecked: false }
    }

    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.room - self.filled
    }

    #[inline]
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Adds an event. There is room for it.
    #[inline]
    pub(crate) fn put(&mut self, event: port_event) {
        debug_assert!(self.room() > 0);
        if self.filled < self.room {
            // SAFETY: `filled` is below `room`, up to which `new`'s caller has promised memory.
            unsafe { self.list.add(self.filled).write(event) };
            self.filled += 1;
        }
    }

    /// Adds an event that counts only if [`check`](Self::check) says so.
    #[inline]
    pub(crate) fn put_unchecked(&mut self, event: port_event) {
        self.unchecked = true;
        self.put(port_event { portev_pad: UNCHECKED, ..event });
    }

    /// Whether there is something to check.
    #[inline]
    pub(crate) fn is_unchecked(&self) -> bool {
        self.unchecked
    }

    /// Asks `keep` about each event that is unchecked, and drops those it does not want.
    pub(crate) fn check(&mut self, mut keep: impl FnMut(&port_event) -> bool) {
        let mut kept = 0;
        for at in 0..self.filled {
            // SAFETY: the first `filled` events have been written by `put`.
            let mut event = unsafe { self.list.add(at).read() };
            if event.portev_pad == UNCHECKED {
                event.portev_pad = 0;
                if !keep(&event) {
                    continue;
                }
            }
            // SAFETY: `kept` is not above `at`.
            unsafe { self.list.add(kept).write(event) };
            kept += 1;
        }
        for at in kept..self.filled {
            // Callers tell what was written by the source, which they have set to zero (GETN-10).
            // SAFETY: as above.
            unsafe { (*self.list.add(at)).portev_source = 0 };
        }
        self.filled = kept;
        self.unchecked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::Sink;
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
    fn what_a_check_drops_leaves_no_gap_and_no_mark() {
        let mut list = [event(0); 5];
        // SAFETY: the list has room for its five events.
        let mut sink = unsafe { Sink::new(list.as_mut_ptr(), 5) };
        for user in 1..=5 {
            if user == 3 { sink.put(event(user)) } else { sink.put_unchecked(event(user)) }
        }
        sink.check(|event| event.portev_user.addr() % 2 == 0);
        assert_eq!((sink.filled(), sink.room(), sink.is_unchecked()), (3, 2, false));
        let users: Vec<_> = list[..3].iter().map(|e| (e.portev_user.addr(), e.portev_pad)).collect();
        assert_eq!(users, [(2, 0), (3, 0), (4, 0)]);
        assert!(list[3..].iter().all(|e| e.portev_source == 0), "what was dropped looks like an event");
    }
}
