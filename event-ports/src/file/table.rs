//! What a port knows about the file objects associated with it.
//!
//! The system knows an object by its address alone and says nothing when it has forgotten it (MEM-1, FILE-50). So the
//! port counts, for each object, the events that may still come, and holds the object as long as there is one. The
//! count is never too low:
//! - it grows *before* an association is made, since another thread may retrieve the event before the call returns;
//! - it shrinks when the event is retrieved, when the association could not be made, and when the system says that it
//!   removed one whose event was not yet retrieved (dissociation returning 0), and for no other reason. In particular
//!   not when it says that there is none (`ENOENT`): the event may be queued as an exception, or be on its way to the
//!   program in another thread (FILE-34, FILE-48).
//!
//! It may be too high, where the system drops an association and tells nobody (FILE-12, FILE-36): then the object lives
//! as long as the port.
//!
//! Nothing here makes a system call, and objects are handed out rather than dropped, since dropping one does.

use super::FileObj;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The objects of a port, by their address.
#[derive(Default)]
pub(super) struct Table {
    watches: HashMap<usize, Watch>,
}

struct Watch {
    /// There as long as an event may come. Otherwise absent, or the object would never be dropped.
    object: Option<FileObj>,
    /// How many events may still come.
    to_come: usize,
    /// Whether the system may hold a watch of this object, be it spent.
    kept: bool,
    /// The cookie of that watch.
    user: usize,
}

/// Whether the system must forget about the object before it is associated again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// No: it holds no watch of it, or a spent one that can be used again.
    Nothing,
    /// Yes: an event is still to come, whose bits would leak into the next (FILE-20), or the watch it keeps has another
    /// cookie, which systems before 2022 would keep (FILE-17).
    Dissociate,
}

impl Table {
    /// An association of `object` is about to be made.
    pub(super) fn expect(&mut self, object: &FileObj, user: usize) -> Before {
        match self.watches.entry(object.id()) {
            Entry::Vacant(entry) => {
                entry.insert(Watch { object: Some(object.clone()), to_come: 1, kept: true, user });
                Before::Nothing
            }
            Entry::Occupied(mut entry) => {
                let watch = entry.get_mut();
                let before = if watch.to_come > 0 || (watch.kept && watch.user != user) {
                    Before::Dissociate
                } else {
                    Before::Nothing
                };
                watch.object.get_or_insert_with(|| object.clone());
                watch.to_come += 1;
                watch.kept = true;
                watch.user = user;
                before
            }
        }
    }

    /// An event of the object was retrieved. `None` if none was to come: then it is not of an association made by this
    /// crate.
    pub(super) fn retrieved(&mut self, key: usize) -> Option<FileObj> {
        self.one_less(key)
    }

    /// One event less is to come: the system removed an association, or did not make one. What is returned must be
    /// dropped, but not under the lock.
    #[must_use]
    pub(super) fn retract(&mut self, key: usize) -> Option<FileObj> {
        self.one_less(key)
    }

    /// The system holds no watch of the object.
    pub(super) fn forgotten(&mut self, key: usize) {
        if let Some(watch) = self.watches.get_mut(&key) {
            watch.kept = false;
        }
    }

    /// The object is going away. Whether the system may hold a watch of it.
    pub(super) fn remove(&mut self, key: usize) -> bool {
        self.watches.remove(&key).is_some_and(|watch| watch.kept)
    }

    fn one_less(&mut self, key: usize) -> Option<FileObj> {
        let watch = self.watches.get_mut(&key)?;
        watch.to_come = watch.to_come.checked_sub(1)?;
        if watch.to_come == 0 { watch.object.take() } else { watch.object.clone() }
    }

    #[cfg(test)]
    pub(super) fn to_come(&self, key: usize) -> Option<usize> {
        let watch = self.watches.get(&key)?;
        assert_eq!(watch.object.is_some(), watch.to_come > 0);
        Some(watch.to_come)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> FileObj {
        FileObj::new("/").expect("the root exists")
    }

    #[test]
    fn s2_the_table_holds_an_object_as_long_as_an_event_may_come() {
        let mut table = Table::default();
        let object = object();
        let key = object.id();
        assert_eq!(table.to_come(key), None);
        assert_eq!(table.expect(&object, 1), Before::Nothing);
        drop(object);
        assert_eq!(table.to_come(key), Some(1));
        let back = table.retrieved(key).expect("an event was to come");
        assert_eq!(back.id(), key);
        // Now the handle just returned is the only one.
        assert_eq!(table.to_come(key), Some(0));
    }

    #[test]
    fn s2_an_event_nobody_expects_is_of_no_object() {
        let mut table = Table::default();
        let object = object();
        assert!(table.retrieved(object.id()).is_none());
        table.expect(&object, 1);
        assert!(table.retrieved(object.id()).is_some());
        assert!(table.retrieved(object.id()).is_none());
        assert_eq!(table.to_come(object.id()), Some(0));
    }

    #[test]
    fn s3_an_object_with_an_event_to_come_is_dissociated_first() {
        let mut table = Table::default();
        let object = object();
        assert_eq!(table.expect(&object, 1), Before::Nothing);
        assert_eq!(table.expect(&object, 1), Before::Dissociate);
        // The system removed the first: one is left.
        drop(table.retract(object.id()));
        assert_eq!(table.to_come(object.id()), Some(1));
        // The system knew of none: an exception of the second is queued, and both come.
        assert_eq!(table.expect(&object, 1), Before::Dissociate);
        assert_eq!(table.to_come(object.id()), Some(2));
        assert!(table.retrieved(object.id()).is_some());
        assert!(table.retrieved(object.id()).is_some());
        assert!(table.retrieved(object.id()).is_none());
    }

    #[test]
    fn s3_a_spent_watch_is_used_again_unless_its_cookie_changes() {
        // FILE-17: systems before 2022 keep the old cookie.
        let mut table = Table::default();
        let object = object();
        table.expect(&object, 1);
        table.retrieved(object.id());
        assert_eq!(table.expect(&object, 1), Before::Nothing);
        table.retrieved(object.id());
        assert_eq!(table.expect(&object, 2), Before::Dissociate);
        table.retrieved(object.id());
        table.forgotten(object.id());
        assert_eq!(table.expect(&object, 3), Before::Nothing);
    }

    #[test]
    fn s4_what_the_system_keeps_is_released_with_the_object() {
        let mut table = Table::default();
        let object = object();
        assert!(!table.remove(object.id()));
        table.expect(&object, 1);
        table.retrieved(object.id());
        assert!(table.remove(object.id()));
        table.expect(&object, 1);
        table.retrieved(object.id());
        table.forgotten(object.id());
        assert!(!table.remove(object.id()));
        assert_eq!(table.to_come(object.id()), None);
    }
}
