//! Registrations whose events carry a key of the crate's in place of the program's cookie.
//!
//! Ids of timers and of message queues come back as soon as they are free (TIMER-9), while an event with that id may be
//! on its way from the kernel to its reader. A key never comes back; so whatever comes late is about what it was about.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many registrations that are over can still be looked up. An event is on its way for a moment, or, if its thread
/// has to wait for a processor meanwhile, for some hundredths of a second: too short for so many to be made and ended.
const REMEMBERED: usize = 1 << 16;

/// The next key. Far from what programs that use the raw calls on the same port give as cookies, not that it mattered:
/// the object has to be right as well.
static NEXT: AtomicUsize = AtomicUsize::new(usize::MAX / 2 + 1);

/// A key that was never given out before.
pub(crate) fn new_key() -> usize {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The registrations of one source with a port.
#[derive(Debug)]
pub(crate) struct Keys<T> {
    table: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    entries: HashMap<usize, Entry<T>>,
    /// The keys of registrations that are over, in the order in which they ended.
    over: VecDeque<usize>,
}

/// What a key stands for.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T> {
    /// `portev_object` of its events.
    pub(crate) object: usize,
    /// The program's cookie.
    pub(crate) user: usize,
    pub(crate) subject: T,
}

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self { table: Mutex::new(Table { entries: HashMap::new(), over: VecDeque::new() }) }
    }
}

impl<T: Clone> Keys<T> {
    /// Adds a registration, before events can come.
    pub(crate) fn add(&self, key: usize, entry: Entry<T>) {
        self.lock().entries.insert(key, entry);
    }

    /// The registration of an event, if it is one of this crate's.
    pub(crate) fn find(&self, key: usize, object: usize) -> Option<Entry<T>> {
        self.lock().entries.get(&key).filter(|entry| entry.object == object).cloned()
    }

    /// Ends a registration. Its last event may be on its way.
    pub(crate) fn end(&self, key: usize) {
        let mut table = self.lock();
        table.over.push_back(key);
        if table.over.len() > REMEMBERED {
            if let Some(oldest) = table.over.pop_front() {
                table.entries.remove(&oldest);
            }
        }
    }

    /// Forgets a registration that will bring no event.
    pub(crate) fn remove(&self, key: usize) {
        self.lock().entries.remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // Nothing panics while it is held.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: usize, user: usize) -> Entry<()> {
        Entry { object, user, subject: () }
    }

    #[test]
    fn an_id_that_comes_back_is_another_registration() {
        let keys = Keys::default();
        let (old, new) = (new_key(), new_key());
        keys.add(old, entry(5, 1));
        keys.end(old);
        keys.add(new, entry(5, 2));
        assert_eq!(keys.find(old, 5).map(|e| e.user), Some(1), "an event that was on its way");
        assert_eq!(keys.find(new, 5).map(|e| e.user), Some(2));
        assert!(keys.find(new, 6).is_none(), "somebody else's");
        assert!(keys.find(5, 5).is_none());
    }

    #[test]
    fn what_is_over_is_forgotten_in_the_end() {
        let keys = Keys::default();
        let first = new_key();
        keys.add(first, entry(1, 1));
        keys.end(first);
        for _ in 0..REMEMBERED {
            assert!(keys.find(first, 1).is_some());
            let key = new_key();
            keys.add(key, entry(2, 2));
            keys.end(key);
        }
        assert!(keys.find(first, 1).is_none());
        assert_eq!(keys.lock().entries.len(), REMEMBERED);
    }
}
