//! The queue of events that have happened and were not retrieved yet: first in, first out (ORDER-1).

use crate::slab::{NIL, Phase, Slab, Slot};

/// A list through the `next` and `prev` links of the slots in it. Protected by the port's lock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    head: Slot,
    tail: Slot,
    len: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push_back(&mut self, slab: &Slab, slot: Slot) {
        let node = slab.node(slot);
        debug_assert_ne!(node.phase(), Phase::Queued);
        node.set_phase(Phase::Queued);
        node.next.set(NIL);
        node.prev.set(self.tail);
        if self.tail == NIL {
            self.head = slot;
        } else {
            slab.node(self.tail).next.set(slot);
        }
        self.tail = slot;
        self.len += 1;
    }

    /// Takes the oldest event; its slot stays allocated.
    pub(crate) fn pop_front(&mut self, slab: &Slab) -> Option<Slot> {
        let slot = self.head;
        if slot == NIL {
            return None;
        }
        self.unlink(slab, slot);
        Some(slot)
    }

    /// The oldest event.
    pub(crate) fn first(&self) -> Slot {
        self.head
    }

    /// The event after a queued one, or [`NIL`].
    pub(crate) fn after(&self, slab: &Slab, slot: Slot) -> Slot {
        slab.node(slot).next.get()
    }

    /// Takes a queued event out, wherever it stands.
    pub(crate) fn unlink(&mut self, slab: &Slab, slot: Slot) {
        let node = slab.node(slot);
        debug_assert_eq!(node.phase(), Phase::Queued);
        let (prev, next) = (node.prev.get(), node.next.get());
        if prev == NIL {
            self.head = next;
        } else {
            slab.node(prev).next.set(next);
        }
        if next == NIL {
            self.tail = prev;
        } else {
            slab.node(next).prev.set(prev);
        }
        node.set_phase(Phase::Idle);
        self.len -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Queue;
    use crate::slab::Slab;

    #[test]
    fn keeps_order_when_events_are_taken_out_of_the_middle() {
        let slab = Slab::new(8).unwrap();
        let mut queue = Queue::default();
        let slots: Vec<_> = (0..5).map(|_| slab.allocate().unwrap()).collect();
        for &slot in &slots {
            queue.push_back(&slab, slot);
        }
        for i in [2, 0, 4] {
            queue.unlink(&slab, slots[i]);
        }
        queue.push_back(&slab, slots[2]);
        assert_eq!(queue.len(), 3);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_front(&slab)).collect();
        assert_eq!(order, [slots[1], slots[3], slots[2]]);
        assert_eq!(queue.len(), 0);
    }
}
