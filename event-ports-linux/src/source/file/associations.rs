//! The associations of a port with files, by the address of their `file_obj` and by the names they watch.

use super::path::FilePath;
use super::table::{Links, List, NONE, Number, Table};
use crate::errno::{Errno, Result};
use crate::hash::HashMap;
use crate::slab::Slot;
use core::ffi::CStr;
use core::hash::BuildHasher as _;

/// How it is learned that the file is no longer where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// The directory tells by the name, which led to the file when it was armed.
    Name,
    /// The directory tells by the name, but that led elsewhere already (FILE-16).
    OtherName,
    /// The directory tells by the name, but that is not an exception (FILE-7).
    DotDot,
    /// The directory may not be watched: whenever something happens to the file its path is looked at.
    Path,
    /// The file itself tells; it has no name to go by (FILE-6).
    Nothing,
}

/// An association.
#[derive(Debug)]
pub(super) struct Association {
    pub(super) slot: Slot,
    /// The mark of its file.
    pub(super) own: Number,
    /// The mark of the directory with its name, or [`NONE`].
    pub(super) parent: Number,
    pub(super) path: FilePath,
    /// The name it watches, where that is not the last of the path.
    pub(super) other_name: Option<Box<CStr>>,
    pub(super) binding: Binding,
    /// The mount its file was seen through.
    pub(super) mount: u64,
    /// Its place among the targets of its mark, or among those whose event has been retrieved.
    pub(super) links: Links,
    namesakes: Links,
    key: u64,
}

impl Association {
    pub(super) fn new(slot: Slot, own: Number, parent: Number, path: FilePath, binding: Binding, mount: u64) -> Self {
        let (links, namesakes) = (Links::NOWHERE, Links::NOWHERE);
        Self { slot, own, parent, path, other_name: None, binding, mount, links, namesakes, key: 0 }
    }

    /// Takes over the places that another one, which it replaces, has in lists.
    pub(super) fn take_places(&mut self, other: &Self) {
        self.links = other.links;
        self.namesakes = other.namesakes;
        self.key = other.key;
    }

    /// The name it watches.
    pub(super) fn name(&self) -> &CStr {
        self.other_name.as_deref().unwrap_or_else(|| self.path.name())
    }
}

/// The associations of a port.
#[derive(Debug, Default)]
pub(super) struct Associations {
    pub(super) table: Table<Association>,
    by_object: HashMap<usize, Number>,
    /// Lists of those that watch the same name, or names whose hashes are equal.
    by_name: HashMap<u64, List>,
    /// Those whose event has been retrieved, the oldest first.
    pub(super) spent: List,
}

impl Associations {
    /// Makes sure that one more can be inserted and watch a name.
    pub(super) fn reserve(&mut self) -> Result<()> {
        self.by_object.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        self.by_name.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        self.table.reserve(1)
    }

    pub(super) fn find(&self, object: usize) -> Option<Number> {
        self.by_object.get(&object).copied()
    }

    /// Inserts an association; there is room for it.
    pub(super) fn insert(&mut self, object: usize, association: Association) -> Number {
        let at = self.table.insert(association);
        self.by_object.insert(object, at);
        at
    }

    /// Removes an association that is in no list and watches no name.
    pub(super) fn remove(&mut self, object: usize, at: Number) {
        self.by_object.remove(&object);
        self.table.remove(at);
    }

    fn key(&self, parent: Number, name: &CStr) -> u64 {
        self.by_name.hasher().hash_one((parent, name.to_bytes()))
    }

    /// Begins to watch the association's name.
    pub(super) fn watch_name(&mut self, at: Number) {
        let association = &self.table[at];
        let key = self.key(association.parent, association.name());
        self.table[at].key = key;
        let list = self.by_name.entry(key).or_default();
        self.table.append(list, at, |a| &mut a.namesakes);
    }

    /// Ends that.
    pub(super) fn unwatch_name(&mut self, at: Number) {
        let key = self.table[at].key;
        let Some(list) = self.by_name.get_mut(&key) else { return };
        self.table.unlink(list, at, |a| &mut a.namesakes);
        if list.is_empty() {
            self.by_name.remove(&key);
        }
    }

    /// The first association that may watch `name` in `parent`.
    pub(super) fn first_namesake(&self, parent: Number, name: &CStr) -> Number {
        self.by_name.get(&self.key(parent, name)).map_or(NONE, |list| list.first)
    }

    /// The one after it.
    pub(super) fn next_namesake(&self, at: Number) -> Number {
        self.table[at].namesakes.after
    }
}

#[cfg(test)]
mod tests {
    use super::{Association, Associations, Binding, FilePath, NONE, Number};

    fn names(all: &Associations, parent: Number, name: &std::ffi::CStr) -> Vec<Number> {
        let mut at = all.first_namesake(parent, name);
        std::iter::from_fn(|| {
            let this = at;
            at = if this == NONE { NONE } else { all.next_namesake(this) };
            (this != NONE).then_some(this)
        })
        .collect()
    }

    #[test]
    fn names_are_found_in_their_own_directory_in_the_order_of_arming() {
        let mut all = Associations::default();
        let mut add = |object, parent, other: Option<&std::ffi::CStr>| {
            all.reserve().unwrap();
            let mut new = Association::new(1, 0, parent, FilePath::default(), Binding::Name, 0);
            new.other_name = other.map(Into::into);
            let at = all.insert(object, new);
            all.watch_name(at);
            at
        };
        let (a, b) = (add(1, 7, Some(c"x")), add(2, 7, Some(c"x")));
        let (c, d, e) = (add(3, 8, Some(c"x")), add(4, 7, Some(c"y")), add(5, 7, Some(c"x")));
        assert_eq!(names(&all, 7, c"x"), [a, b, e]);
        assert_eq!(names(&all, 8, c"x"), [c]);
        assert_eq!(names(&all, 7, c"y"), [d]);
        all.unwatch_name(b);
        all.unwatch_name(a);
        all.watch_name(a);
        assert_eq!(names(&all, 7, c"x"), [e, a]);
        for at in [a, e, d] {
            all.unwatch_name(at);
        }
        assert_eq!(names(&all, 7, c"x"), []);
        all.remove(1, a);
        assert_eq!((all.find(1), all.find(3)), (None, Some(c)));
    }
}
