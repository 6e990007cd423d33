//! The event slots of a port.
//!
//! A slot is what an association, or an event that belongs to none, holds from its beginning to its end; a port has a
//! fixed number of them (CREATE-5, LIMIT-1). They lie in memory that never moves and is never unmapped, and every field
//! is an atomic, so that no order of calls from any thread can make a slot's number lead to invalid memory. What the
//! fields *mean* is protected by the port's lock, or by a slot having just been allocated and known to nobody else.
//!
//! Allocation takes no lock and no memory from the allocator, because `port_send` may be called in a signal handler.

use crate::errno::Result;
use crate::os;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize};
use core::sync::atomic::Ordering;

/// The number of a slot. 0 is none.
pub(crate) type Slot = u32;

/// No slot.
pub(crate) const NIL: Slot = 0;

/// A 32-bit field.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A pointer-sized field.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Wide(AtomicUsize);

impl Wide {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Where an association stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phase {
    /// Nothing will come of it: not allocated, or its event has been retrieved and it was not associated again.
    Idle = 0,
    /// Waiting for something to happen.
    Armed = 1,
    /// Its event is in the port's queue.
    Queued = 2,
}

/// One slot.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct Node {
    /// Link of the queue, of the inbox or of the free list: a slot is in one of them at a time.
    pub(crate) next: Word,
    /// Back link of the queue.
    pub(crate) prev: Word,
    /// Counts the armings, so that an answer of the kernel to an earlier one is recognised.
    pub(crate) generation: Word,
    phase: Word,
    source: Word,
    /// What happened (`portev_events`).
    pub(crate) events: Word,
    /// What was asked for.
    pub(crate) mask: Word,
    /// Free for the source.
    pub(crate) extra: Word,
    /// `portev_object`.
    pub(crate) object: Wide,
    /// `portev_user`.
    pub(crate) user: Wide,
    /// Free for the source.
    pub(crate) wide: Wide,
    _line: Wide,
}

impl Node {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.get() {
            1 => Phase::Armed,
            2 => Phase::Queued,
            _ => Phase::Idle,
        }
    }
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase as u32);
    }
    /// One of `PORT_SOURCE_*`.
    pub(crate) fn source(&self) -> libc::c_int {
        self.source.get() as libc::c_int
    }
    pub(crate) fn set_source(&self, source: libc::c_int) {
        self.source.set(source as u32);
    }
}

/// All slots of a port.
#[derive(Debug)]
pub(crate) struct Slab {
    base: &'static [Node],
    /// How many slots the port's present life may use.
    limit: AtomicU32,
    /// How many have been used at least once; the ones beyond are still zero.
    fresh: AtomicU32,
    /// Head of the free list, with a counter that makes a changed list differ even where its head is the same.
    free: AtomicU64,
}

/// So many nodes, all zero.
#[cfg(not(loom))]
fn nodes(count: usize) -> Result<&'static [Node]> {
    let at = os::reserve_pages(count * size_of::<Node>())?;
    // SAFETY: the mapping has room for `count` nodes, is page-aligned, is never unmapped, and zero bytes are valid
    // atomics.
    Ok(unsafe { core::slice::from_raw_parts(at.cast::<Node>(), count) })
}

/// The model checker has to be told of each atomic.
#[cfg(loom)]
fn nodes(count: usize) -> Result<&'static [Node]> {
    Ok(Vec::leak((0..count).map(|_| Node::default()).collect()))
}

impl Slab {
    /// Reserves room for `capacity` slots.
    pub(crate) fn new(capacity: u32) -> Result<Self> {
        Ok(Self {
            base: nodes(capacity as usize)?,
            limit: AtomicU32::new(capacity),
            fresh: AtomicU32::new(0),
            free: AtomicU64::new(0),
        })
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.base.len() as u32
    }

    /// How many slots the port's present life may use.
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// The slot with a number that came out of this slab.
    pub(crate) fn node(&self, slot: Slot) -> &'static Node {
        &self.base[slot as usize - 1]
    }

    /// The slot with a number that came from elsewhere.
    pub(crate) fn find(&self, slot: Slot) -> Option<&'static Node> {
        self.base.get((slot as usize).wrapping_sub(1))
    }

    /// Takes a free slot. `None` at the limit.
    pub(crate) fn allocate(&self) -> Option<Slot> {
        let mut head = self.free.load(Ordering::Acquire);
        while head as u32 != NIL {
            let slot = head as u32;
            let rest = u64::from(self.node(slot).next.get()) | ((head >> 32).wrapping_add(1) << 32);
            match self.free.compare_exchange_weak(head, rest, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(slot),
                Err(now) => head = now,
            }
        }
        let limit = self.limit.load(Ordering::Relaxed);
        self.fresh
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()
            .map(|n| n + 1)
    }

    /// Gives a slot back.
    pub(crate) fn release(&self, slot: Slot) {
        let node = self.node(slot);
        node.set_phase(Phase::Idle);
        node.set_source(0);
        // An answer of the kernel to this association may still be on its way.
        node.generation.set(node.generation.get().wrapping_add(1));
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            node.next.set(head as u32);
            let new = u64::from(slot) | ((head >> 32).wrapping_add(1) << 32);
            match self.free.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// The slots that have been in use at some time, allocated or not.
    pub(crate) fn touched(&self) -> impl Iterator<Item = Slot> + use<> {
        1..=self.fresh.load(Ordering::Relaxed)
    }

    /// Forgets every slot and gives the memory back, for a next life with `limit` slots.
    ///
    /// Nobody else uses the slab meanwhile.
    pub(crate) fn reset(&self, limit: u32) {
        let used = self.fresh.swap(0, Ordering::Relaxed);
        self.free.store(0, Ordering::Relaxed);
        self.limit.store(limit.min(self.capacity()), Ordering::Relaxed);
        // A page that could not be given back keeps its old content, so the few that matter are not left to the kernel.
        if used > 1024 {
            // SAFETY: the range is the mapping of `new`, and zero bytes are valid nodes.
            unsafe { os::discard_pages(self.base.as_ptr().cast_mut().cast(), used as usize * size_of::<Node>()) };
        }
        for node in self.base.iter().take(used as usize) {
            node.set_phase(Phase::Idle);
            node.set_source(0);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{NIL, Slab};
    use std::collections::HashSet;

    #[test]
    fn limit_1_exactly_the_limit_can_be_allocated() {
        let slab = Slab::new(3).unwrap();
        let slots: HashSet<_> = (0..3).map(|_| slab.allocate().unwrap()).collect();
        assert_eq!(slots.len(), 3);
        assert!(!slots.contains(&NIL));
        assert_eq!(slab.allocate(), None);
        slab.release(2);
        assert_eq!(slab.allocate(), Some(2));
        assert_eq!(slab.allocate(), None);
    }

    #[test]
    fn threads_never_share_a_slot() {
        let slab = Slab::new(64).unwrap();
        std::thread::scope(|s| {
            for id in 1..=4_usize {
                let slab = &slab;
                s.spawn(move || {
                    for _ in 0..20_000 {
                        let Some(slot) = slab.allocate() else { continue };
                        let node = slab.node(slot);
                        node.user.set(id);
                        std::hint::spin_loop();
                        assert_eq!(node.user.get(), id, "two threads hold slot {slot}");
                        slab.release(slot);
                    }
                });
            }
        });
        let all: HashSet<_> = std::iter::from_fn(|| slab.allocate()).collect();
        assert_eq!(all.len(), 64, "slots were lost");
    }

    #[test]
    fn a_reset_slab_starts_anew_with_its_new_limit() {
        let slab = Slab::new(5000).unwrap();
        while slab.allocate().is_some() {}
        slab.reset(2);
        assert_eq!(slab.allocate(), Some(1));
        assert_eq!(slab.allocate(), Some(2));
        assert_eq!(slab.allocate(), None);
    }
}
