//! Where events are left for whoever has the port's lock (SYS-7).

use crate::slab::{NIL, Slab, Slot};
use crate::sync::AtomicU32;
use core::sync::atomic::Ordering;

/// A list through the `next` links of slots that nobody else has. Anybody may put one in, at any time; to take them out
/// is for the holder of the port's lock.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// The slot that came last.
    head: AtomicU32,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { head: AtomicU32::new(NIL) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed) == NIL
    }

    /// Puts a slot in.
    pub(crate) fn put(&self, slab: &Slab, slot: Slot) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            slab.node(slot).next.set(head);
            match self.head.compare_exchange_weak(head, slot, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes all out: the one that came first, through whose link the next is found, and so on up to [`NIL`].
    pub(crate) fn take_all(&self, slab: &Slab) -> Slot {
        let mut newest_first = self.head.swap(NIL, Ordering::Acquire);
        let mut oldest_first = NIL;
        while newest_first != NIL {
            let node = slab.node(newest_first);
            let rest = node.next.get();
            node.next.set(oldest_first);
            oldest_first = newest_first;
            newest_first = rest;
        }
        oldest_first
    }

    /// Forgets what is in it.
    pub(crate) fn clear(&self) {
        self.head.store(NIL, Ordering::Relaxed);
    }
}
