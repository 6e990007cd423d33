//! From a `timer_t` to what is known about the timer.
//!
//! Records lie in memory that is never unmapped, and every field is an atomic, so a number that is no timer, or was one,
//! leads to nothing worse than a record of another life. What the fields mean is protected by the lock of the timer's
//! port; once the port has gone, by the lock of the table.

use crate::errno::{Errno, Result};
use crate::lock::{Held, Lock};
use crate::os;
use crate::port::{Locked, Port};
use crate::slab::Slot;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// What tells a `timer_t` of ours from one of the C library: those are small numbers, or have the highest bit set.
const OURS: u64 = 1 << 62;

/// The low bits of an id are the record's number, the ones above are never the same again.
const INDEX_BITS: u32 = 20;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
const SERIAL_MASK: u64 = (1 << (62 - INDEX_BITS)) - 1;

const CHUNK: usize = 4096;
const CHUNKS: usize = (1 << INDEX_BITS) / CHUNK;

/// [`Record::place`] of a timer that is in no heap.
const NOWHERE: u32 = u32::MAX;

/// How many timers there have been. Goes on in a forked child, so that ids of the parent mean nothing to it.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A timer.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Record {
    /// What the program knows it by. 0 while the record is free.
    id: AtomicU64,
    /// The port that gets its events. Null after that has gone (TIMER-12).
    port: AtomicPtr<Port>,
    /// When it expires next, in nanoseconds of the clock it runs on. 0 if it is disarmed.
    deadline: AtomicU64,
    /// The time from one expiration to the next. 0 if there is but one.
    interval: AtomicU64,
    /// Its slot in the port.
    slot: AtomicU32,
    /// The clock it was made with.
    clock: AtomicU32,
    /// The clock its deadline is on.
    base: AtomicU32,
    /// Where it stands in the heap of that clock.
    place: AtomicU32,
    /// The next free record, as its number plus 1.
    next_free: AtomicU32,
}

macro_rules! accessors {
    ($($get:ident $set:ident: $type:ty;)*) => {
        $(
            pub(crate) fn $get(&self) -> $type {
                self.$get.load(Ordering::Relaxed)
            }
            pub(crate) fn $set(&self, value: $type) {
                self.$get.store(value, Ordering::Relaxed);
            }
        )*
    };
}

impl Record {
    accessors! {
        deadline set_deadline: u64;
        interval set_interval: u64;
        slot set_slot: Slot;
        clock set_clock: u32;
        base set_base: u32;
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Acquire)
    }

    fn port(&self) -> Option<&'static Port> {
        // SAFETY: only `attach` stores anything but null, and ports live for ever.
        unsafe { self.port.load(Ordering::Acquire).as_ref() }
    }

    /// Gives the timer to a port, whose lock protects it from now on.
    pub(crate) fn attach(&self, port: &'static Port) {
        self.port.store(ptr::from_ref(port).cast_mut(), Ordering::Release);
    }

    /// Takes the timer from its port.
    pub(crate) fn detach(&self) {
        self.set_place(None);
        self.port.store(ptr::null_mut(), Ordering::Release);
    }

    /// Where the timer stands in a heap.
    pub(crate) fn place(&self) -> Option<usize> {
        let place = self.place.load(Ordering::Relaxed);
        (place != NOWHERE).then_some(place as usize)
    }

    pub(crate) fn set_place(&self, place: Option<usize>) {
        self.place.store(place.map_or(NOWHERE, |p| p as u32), Ordering::Relaxed);
    }

    /// How often the timer has expired by `now` since it was last asked; it goes on from there.
    pub(crate) fn elapse(&self, now: u64) -> u64 {
        let (deadline, interval) = (self.deadline(), self.interval());
        if deadline == 0 || deadline > now {
            return 0;
        }
        if interval == 0 {
            self.set_deadline(0);
            return 1;
        }
        let times = (now - deadline) / interval + 1;
        self.set_deadline(deadline.saturating_add(times.saturating_mul(interval)));
        times
    }

    /// How long it is until the timer expires next. 0 if it does not.
    pub(crate) fn remaining(&self, now: u64) -> u64 {
        match (self.deadline(), self.interval()) {
            (0, _) => 0,
            (deadline, _) if deadline > now => deadline - now,
            (_, 0) => 0,
            (deadline, interval) => interval - (now - deadline) % interval,
        }
    }
}

/// All timers of the process.
#[derive(Debug)]
struct Table {
    free: Lock<Free>,
    /// Each chunk is mapped when a record in it is first used.
    chunks: [AtomicPtr<Record>; CHUNKS],
}

#[derive(Debug)]
struct Free {
    /// The record that was freed last, as its number plus 1.
    head: u32,
    /// How many records have been in use at some time.
    fresh: u32,
}

/// The table of this process. A forked child makes one of its own (TIMER-11).
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

fn existing() -> Option<&'static Table> {
    // SAFETY: a table is never unmapped.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

fn table() -> Result<&'static Table> {
    if let Some(table) = existing() {
        return Ok(table);
    }
    let fresh = os::reserve_pages(size_of::<Table>())?.cast::<Table>();
    let table = Table {
        free: Lock::new(Free { head: 0, fresh: 0 }),
        chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
    };
    // SAFETY: the mapping is aligned, large enough and ours alone.
    unsafe { fresh.write(table) };
    let at = match TABLE.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        // Another thread was first; this mapping is never used.
        Err(theirs) => theirs,
    };
    // SAFETY: a table is never unmapped.
    Ok(unsafe { &*at })
}

/// Forgets all timers: this process is a forked child, and they are its parent's.
pub(crate) fn forget_all() {
    TABLE.store(ptr::null_mut(), Ordering::Release);
}

impl Table {
    fn get(&self, index: usize) -> Option<&'static Record> {
        let chunk = self.chunks.get(index / CHUNK)?.load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        // SAFETY: a chunk is a mapping of CHUNK records that is never unmapped, and zero bytes are valid atomics.
        Some(unsafe { &*chunk.add(index % CHUNK) })
    }

    /// A record whose number was never used, with the memory for it.
    fn fresh(&self, free: &mut Free) -> Result<u32> {
        let index = free.fresh;
        let chunk = self.chunks.get(index as usize / CHUNK).ok_or(Errno::AGAIN)?;
        if chunk.load(Ordering::Relaxed).is_null() {
            let pages = os::reserve_pages(CHUNK * size_of::<Record>())?.cast::<Record>();
            chunk.store(pages, Ordering::Release);
        }
        free.fresh += 1;
        Ok(index)
    }
}

/// A record for a new timer. It can be found as soon as it is made, so the caller holds the lock of the port that the
/// timer is for.
pub(crate) fn allocate(port: &Locked) -> Result<&'static Record> {
    let table = table()?;
    let mut free = table.free.lock();
    let index = match free.head {
        0 => table.fresh(&mut free)?,
        head => head - 1,
    };
    let record = table.get(index as usize).ok_or(Errno::AGAIN)?;
    if free.head == index + 1 {
        free.head = record.next_free.load(Ordering::Relaxed);
    }
    record.set_deadline(0);
    record.set_interval(0);
    record.set_place(None);
    record.attach(port.port);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed) & SERIAL_MASK;
    record.id.store(OURS | serial << INDEX_BITS | u64::from(index), Ordering::Release);
    Ok(record)
}

/// Ends a timer. The caller holds the lock that protects it, and it is in no heap.
pub(crate) fn release(record: &'static Record) {
    if let Some(table) = existing() {
        put_back(&mut table.free.lock(), record);
    }
}

fn put_back(free: &mut Free, record: &'static Record) {
    let index = (record.id() & INDEX_MASK) as u32;
    record.id.store(0, Ordering::Release);
    record.next_free.store(free.head, Ordering::Relaxed);
    free.head = index + 1;
}

/// Whether an id is one that [`allocate`] may have given out.
pub(crate) fn is_ours(id: usize) -> bool {
    id as u64 & !(OURS - 1) == OURS
}

/// The timer of an id. It may end at any time unless its lock is held.
pub(crate) fn find(id: usize) -> Option<&'static Record> {
    let record = existing()?.get((id as u64 & INDEX_MASK) as usize)?;
    (is_ours(id) && record.id() == id as u64).then_some(record)
}

/// A timer with the lock that protects it.
#[derive(Debug)]
pub(crate) enum Owned {
    /// It belongs to a port.
    Attached(Locked, &'static Record),
    /// Its port has gone (TIMER-12).
    Detached(Orphan),
}

/// The timer of an id, locked.
pub(crate) fn lock(id: usize) -> Result<Owned> {
    loop {
        let record = find(id).ok_or(Errno::INVAL)?;
        // The timer may end, and its port too, before the lock is taken; then look again.
        if let Some(port) = record.port() {
            let locked = port.lock_from_behind();
            if record.id() == id as u64 && record.port().is_some_and(|p| ptr::eq(p, port)) {
                return Ok(Owned::Attached(locked, record));
            }
        } else {
            let free = existing().ok_or(Errno::INVAL)?.free.lock();
            if record.id() == id as u64 && record.port().is_none() {
                return Ok(Owned::Detached(Orphan { record, free }));
            }
        }
    }
}

/// A timer without a port, with the lock of the table.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) record: &'static Record,
    free: Held<'static, Free>,
}

impl Orphan {
    /// Ends the timer.
    pub(crate) fn release(mut self) {
        put_back(&mut self.free, self.record);
    }
}

#[cfg(test)]
impl Record {
    /// A timer outside the table.
    fn unregistered() -> Self {
        Self {
            id: AtomicU64::new(0),
            port: AtomicPtr::new(ptr::null_mut()),
            deadline: AtomicU64::new(0),
            interval: AtomicU64::new(0),
            slot: AtomicU32::new(0),
            clock: AtomicU32::new(0),
            base: AtomicU32::new(0),
            place: AtomicU32::new(NOWHERE),
            next_free: AtomicU32::new(0),
        }
    }

    /// A timer outside the table, for a heap.
    pub(crate) fn leaked(deadline: u64) -> &'static Self {
        let record = Box::leak(Box::new(Self::unregistered()));
        record.set_deadline(deadline);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, is_ours};

    fn record(deadline: u64, interval: u64) -> Record {
        let record = Record::unregistered();
        record.set_deadline(deadline);
        record.set_interval(interval);
        record
    }

    #[test]
    fn timer_4_expirations_are_counted_and_the_rhythm_is_kept() {
        let record = record(100, 10);
        assert_eq!(record.elapse(99), 0);
        assert_eq!(record.elapse(100), 1);
        assert_eq!(record.elapse(109), 0);
        assert_eq!(record.elapse(135), 3);
        assert_eq!((record.deadline(), record.remaining(135)), (140, 5));
        // Late, but not asked yet.
        assert_eq!(record.remaining(163), 7);
    }

    #[test]
    fn a_timer_without_an_interval_expires_once() {
        let record = record(100, 0);
        assert_eq!(record.remaining(40), 60);
        assert_eq!(record.remaining(100), 0);
        assert_eq!(record.elapse(u64::MAX), 1);
        assert_eq!((record.elapse(u64::MAX), record.remaining(u64::MAX)), (0, 0));
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let record = record(u64::MAX / 2, u64::MAX / 2);
        assert_eq!(record.elapse(u64::MAX / 2), 1);
        assert_eq!(record.elapse(u64::MAX), 1);
        assert_eq!(record.deadline(), u64::MAX);
    }

    #[test]
    fn ids_of_the_c_library_are_not_ours() {
        for id in [0, 1, 0x7fff_ffff, usize::MAX, 1 << 63, 0x7fff_0000_0000, (1 << 63) | 0x3fff_8000_0000] {
            assert!(!is_ours(id), "{id:#x}");
        }
        assert!(is_ours(1 << 62));
    }
}
