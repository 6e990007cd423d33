//! The threads that wait for events of a port, in the order in which they are served.

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Alert;
use crate::sync::{AtomicI32, AtomicU32, AtomicUsize, futex_wait, futex_wake};
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;
use libc::c_int;

/// What a waiting thread is told, as bits of its word.
pub(crate) mod sign {
    /// Enough events are set aside for you.
    pub(crate) const CLAIM: u32 = 1;
    /// You are the one who watches the kernel now.
    pub(crate) const LEAD: u32 = 2;
    /// Return the alert that was left with you.
    pub(crate) const ALERT: u32 = 4;
    /// The descriptor you wait on was closed. Do not touch the port again.
    pub(crate) const CLOSED: u32 = 8;
}

/// A waiting thread's place in the list. It lives in the frame of the call that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Signs given and not yet taken; what the thread sleeps on.
    word: AtomicU32,
    /// How many events the thread wants at least.
    pub(crate) want: usize,
    /// The number the port was called by.
    pub(crate) number: c_int,
    alert_events: AtomicI32,
    alert_user: AtomicUsize,
    /// With [`sign::CLOSED`]: a descriptor that this thread has to close, or -1.
    bequest: AtomicI32,
}

impl Waiter {
    pub(crate) fn new(want: usize, number: c_int) -> Self {
        Self {
            word: AtomicU32::new(0),
            want,
            number,
            alert_events: AtomicI32::new(0),
            alert_user: AtomicUsize::new(0),
            bequest: AtomicI32::new(-1),
        }
    }

    /// The signs given since the last time.
    pub(crate) fn take_signs(&self) -> u32 {
        self.word.swap(0, Ordering::Acquire)
    }

    /// Sleeps until there is a sign, for `nanos` at most, or until a signal comes.
    pub(crate) fn sleep(&self, nanos: u64) -> Result<()> {
        futex_wait(&self.word, 0, nanos)
    }

    pub(crate) fn alert(&self) -> Alert {
        Alert { events: self.alert_events.load(Ordering::Relaxed), user: self.alert_user.load(Ordering::Relaxed) }
    }

    pub(crate) fn leave_alert(&self, alert: Alert) {
        self.alert_events.store(alert.events, Ordering::Relaxed);
        self.alert_user.store(alert.user, Ordering::Relaxed);
    }

    pub(crate) fn bequeath(&self, fd: c_int) {
        self.bequest.store(fd, Ordering::Relaxed);
    }

    /// Closes what the closer of the port has left to this thread.
    pub(crate) fn execute_bequest(&self) {
        let fd = self.bequest.load(Ordering::Relaxed);
        if fd >= 0 {
            os::close(fd);
        }
    }

    fn give(&self, sign: u32) {
        let word = ptr::from_ref(&self.word);
        // With CLOSED this is the last access: the thread may return, and its frame be gone, right after it.
        self.word.fetch_or(sign, Ordering::Release);
        futex_wake(word);
    }
}

/// A place in the list: a pointer to a [`Waiter`] of some thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(NonNull<Waiter>);

// SAFETY: a waiter consists of atomics and of fields that never change, so any thread may use it while it lives, and
// `WaitList::insert` and `Place::of` make the caller responsible for that.
unsafe impl Send for Place {}

impl Place {
    /// # Safety
    /// The waiter outlives every use of the place.
    pub(crate) unsafe fn of(waiter: &Waiter) -> Self {
        Self(NonNull::from(waiter))
    }

    pub(crate) fn is(self, waiter: &Waiter) -> bool {
        self.0 == NonNull::from(waiter)
    }

    pub(crate) fn get(&self) -> &Waiter {
        // SAFETY: the promise made to `of`.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn give(self, sign: u32) {
        self.get().give(sign);
    }
}

/// The waiting threads, first the one to be served next: those that want least, and among equals the one that came
/// last (WAIT-1, and what WAIT-2 means to do). Protected by the port's lock.
#[derive(Debug, Default)]
pub(crate) struct WaitList {
    places: Vec<Place>,
}

impl WaitList {
    /// Adds a thread.
    ///
    /// # Safety
    /// The waiter stays where it is until it has been removed, or was given [`sign::CLOSED`] or [`sign::ALERT`], under
    /// the lock that protects this list.
    pub(crate) unsafe fn insert(&mut self, waiter: &Waiter) -> Result<()> {
        self.places.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        let at = self.places.iter().position(|p| p.get().want >= waiter.want).unwrap_or(self.places.len());
        // SAFETY: the caller's promise.
        self.places.insert(at, unsafe { Place::of(waiter) });
        Ok(())
    }

    pub(crate) fn remove(&mut self, waiter: &Waiter) {
        self.places.retain(|p| !p.is(waiter));
    }

    pub(crate) fn contains(&self, waiter: &Waiter) -> bool {
        self.places.iter().any(|p| p.is(waiter))
    }

    /// The thread to be served next.
    pub(crate) fn first(&self) -> Option<Place> {
        self.places.first().copied()
    }

    /// The thread to be served last.
    pub(crate) fn last(&self) -> Option<Place> {
        self.places.last().copied()
    }

    pub(crate) fn remove_first(&mut self) {
        if !self.places.is_empty() {
            self.places.remove(0);
        }
    }

    /// Takes out every thread that `which` names, and hands it to `each`.
    pub(crate) fn extract(&mut self, which: impl Fn(&Waiter) -> bool, mut each: impl FnMut(Place)) {
        self.places.retain(|&place| {
            let out = which(place.get());
            if out {
                each(place);
            }
            !out
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{WaitList, Waiter};

    #[test]
    fn wait_1_least_first_and_the_last_comer_among_equals() {
        let waiters: Vec<_> = [2, 1, 3, 1, 2].into_iter().map(|want| Waiter::new(want, 0)).collect();
        let mut list = WaitList::default();
        for waiter in &waiters {
            // SAFETY: `waiters` outlives `list`.
            unsafe { list.insert(waiter) }.unwrap();
        }
        let mut order = Vec::new();
        while let Some(first) = list.first() {
            order.push(waiters.iter().position(|w| first.is(w)).unwrap());
            list.remove_first();
        }
        assert_eq!(order, [3, 1, 4, 0, 2]);
    }
}
