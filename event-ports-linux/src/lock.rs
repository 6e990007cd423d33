//! A port's lock: a mutex that those who may not wait for it can leave a note at.
//!
//! `port_send` may run in a signal handler, above the very code that holds the lock. It then puts its event into the
//! port's inbox and leaves a note in the lock's own word; whoever unlocks takes the note in the same atomic step, so
//! none is missed and no fence is needed.

use crate::sync::{AtomicU32, futex_wait, futex_wake, spin_loop};
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering;

const HELD: u32 = 1;
/// Somebody sleeps until the lock is free.
const SLEEPERS: u32 = 2;
/// Somebody has left a note.
const NOTE: u32 = 4;

/// How often to look again before sleeping. What the lock protects takes a microsecond or less.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// A value that one thread at a time can use.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `Held` alone, of which there is one at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { word: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Takes the lock, waiting for it where another thread has it.
    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, T> {
        let contended = self.word.compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed).is_err();
        if contended {
            self.lock_slowly();
        }
        Held { lock: self, contended }
    }

    #[cold]
    fn lock_slowly(&self) {
        for _ in 0..SPINS {
            if self.acquire(0) {
                return;
            }
            spin_loop();
        }
        // Whoever has slept cannot know whether it was the last one, so it announces sleepers.
        while !self.acquire(SLEEPERS) {
            let word = self.word.load(Ordering::Relaxed);
            let sleeping = word | SLEEPERS;
            if word & HELD == 0
                || (word != sleeping
                    && self.word.compare_exchange(word, sleeping, Ordering::Relaxed, Ordering::Relaxed).is_err())
            {
                continue;
            }
            // A signal is no reason to give up; it is looked at when the call waits for events.
            let _ = futex_wait(&self.word, sleeping, u64::from(u32::MAX));
        }
    }

    fn acquire(&self, more: u32) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word & HELD == 0
            && self.word.compare_exchange(word, word | HELD | more, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock if it is free.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & HELD == 0 {
            match self.word.compare_exchange(word, word | HELD, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Held { lock: self, contended: false }),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Leaves a note. `Some` if the lock was free, and the note is for the caller; otherwise its holder gets it.
    pub(crate) fn leave_note(&self) -> Option<Held<'_, T>> {
        self.word.fetch_or(NOTE, Ordering::AcqRel);
        self.try_lock()
    }
}

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Held<'a, T> {
    lock: &'a Lock<T>,
    /// Another thread had the lock when it was asked for.
    pub(crate) contended: bool,
}

impl<T> Held<'_, T> {
    /// Lets go. Answers whether a note was left meanwhile.
    #[inline]
    pub(crate) fn unlock(self) -> bool {
        let held = ManuallyDrop::new(self);
        let word = held.lock.word.swap(0, Ordering::AcqRel);
        if word & SLEEPERS != 0 {
            futex_wake(&raw const held.lock.word);
        }
        word & NOTE != 0
    }
}

impl<'a, T> Held<'a, T> {
    /// Lets go, and has `settle` see to the notes that were left meanwhile, with the lock that it is lent for that.
    #[inline]
    pub(crate) fn unlock_and(self, mut settle: impl FnMut(Self) -> Self) {
        let lock: &'a Lock<T> = self.lock;
        let mut note = self.unlock();
        while note {
            // Whoever has the lock now sees to them.
            let Some(held) = lock.try_lock() else { break };
            note = settle(held).unlock();
        }
    }
}

impl<T> Drop for Held<'_, T> {
    /// Where nobody asks for a note there must be nobody to leave one.
    fn drop(&mut self) {
        let word = self.lock.word.swap(0, Ordering::AcqRel);
        if word & SLEEPERS != 0 {
            futex_wake(&raw const self.lock.word);
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Lock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_thread_at_a_time_and_none_sleeps_for_ever() {
        let lock = Lock::new(0_usize);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50_000 {
                        let mut held = lock.lock();
                        let seen = *held;
                        std::hint::spin_loop();
                        *held = seen + 1;
                        held.unlock();
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), 200_000);
    }

    #[test]
    fn every_note_is_taken_by_somebody() {
        let lock = Lock::new(0_usize);
        let (left, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // What a note is about; taken by whoever learns of the note.
        let collect = || taken.fetch_add(left.swap(0, Ordering::AcqRel), Ordering::AcqRel);
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for _ in 0..100_000 {
                        left.fetch_add(1, Ordering::AcqRel);
                        if let Some(held) = lock.leave_note() {
                            collect();
                            if held.unlock() {
                                collect();
                            }
                        }
                    }
                });
            }
            for _ in 0..2 {
                s.spawn(|| {
                    for _ in 0..100_000 {
                        if lock.lock().unlock() {
                            collect();
                        }
                    }
                });
            }
        });
        assert_eq!(left.load(Ordering::Acquire), 0, "a note was left that nobody was told of");
        assert_eq!(taken.load(Ordering::Acquire), 200_000);
    }
}
