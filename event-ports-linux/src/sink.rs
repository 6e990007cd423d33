//! Where retrieved events go: the caller's memory.

use crate::types::port_event;

/// The caller's list of events. Only events that count are ever written to it: callers may tell by what was in it
/// before how many there are (GETN-10).
#[derive(Debug)]
pub(crate) struct Sink {
    list: *mut port_event,
    room: usize,
    filled: usize,
}

impl Sink {
    /// # Safety
    /// `list` has room for `room` events and is used by nobody else while the sink exists.
    #[inline]
    pub(crate) unsafe fn new(list: *mut port_event, room: usize) -> Self {
        Self { list, room, filled: 0 }
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
            // SAFETY: `filled` is below `room`, up to which `new`'s caller has promised memory. It may be misaligned: the
            // kernel would not mind either.
            unsafe { self.list.add(self.filled).write_unaligned(event) };
            self.filled += 1;
        }
    }
}
