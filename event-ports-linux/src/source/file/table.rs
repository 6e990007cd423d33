//! Numbered elements, and lists through them.
//!
//! Taking an element out neither frees memory nor allocates any: that happens where events are fetched, and `port_send`
//! fetches events in signal handlers. What it held is freed when its number is used again, or by
//! [`Table::clear_out`].

use crate::errno::{Errno, Result};
use core::ops::{Index, IndexMut};

/// The number of an element.
pub(super) type Number = u32;

/// No element.
pub(super) const NONE: Number = Number::MAX;

#[derive(Debug)]
struct Entry<T> {
    value: T,
    used: bool,
    next_free: Number,
}

/// Elements by number. A number is used again after its element was removed.
#[derive(Debug)]
pub(super) struct Table<T> {
    entries: Vec<Entry<T>>,
    free: Number,
    used: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: NONE, used: 0 }
    }
}

impl<T> Table<T> {
    /// Makes sure that `more` elements can be inserted.
    pub(super) fn reserve(&mut self, more: usize) -> Result<()> {
        self.entries.try_reserve(more).map_err(|_| Errno::NOMEM)
    }

    /// Inserts an element, for which there is room.
    pub(super) fn insert(&mut self, value: T) -> Number {
        self.used += 1;
        let at = self.free;
        if let Some(entry) = self.entries.get_mut(at as usize) {
            self.free = entry.next_free;
            *entry = Entry { value, used: true, next_free: NONE };
            return at;
        }
        self.entries.push(Entry { value, used: true, next_free: NONE });
        (self.entries.len() - 1) as Number
    }

    /// Gives the number back.
    pub(super) fn remove(&mut self, at: Number) {
        let entry = &mut self.entries[at as usize];
        debug_assert!(entry.used);
        entry.used = false;
        entry.next_free = self.free;
        self.free = at;
        self.used -= 1;
    }

    /// Frees what a removed element holds.
    pub(super) fn clear_out(&mut self, at: Number, free: impl FnOnce(&mut T)) {
        free(&mut self.entries[at as usize].value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The numbers in use at the time each is asked for.
    pub(super) fn first(&self) -> Number {
        self.from(0)
    }

    /// The next number in use.
    pub(super) fn after(&self, at: Number) -> Number {
        self.from(at + 1)
    }

    fn from(&self, start: Number) -> Number {
        let start = start as usize;
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.iter().position(|entry| entry.used).map_or(NONE, |skipped| (start + skipped) as Number)
    }
}

impl<T> Index<Number> for Table<T> {
    type Output = T;
    fn index(&self, at: Number) -> &T {
        let entry = &self.entries[at as usize];
        debug_assert!(entry.used);
        &entry.value
    }
}

impl<T> IndexMut<Number> for Table<T> {
    fn index_mut(&mut self, at: Number) -> &mut T {
        let entry = &mut self.entries[at as usize];
        debug_assert!(entry.used);
        &mut entry.value
    }
}

/// The two ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) first: Number,
    pub(super) last: Number,
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

impl Default for List {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// An element's place in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Number,
    pub(super) after: Number,
}

impl Links {
    pub(super) const NOWHERE: Self = Self { before: NONE, after: NONE };
}

impl<T> Table<T> {
    /// Adds an element at the end of a list; `links` says where it keeps its place in lists of that kind.
    pub(super) fn append(&mut self, list: &mut List, at: Number, links: impl Fn(&mut T) -> &mut Links) {
        *links(&mut self[at]) = Links { before: list.last, after: NONE };
        if list.last == NONE {
            list.first = at;
        } else {
            links(&mut self[list.last]).after = at;
        }
        list.last = at;
    }

    /// Takes an element out of a list it is in.
    pub(super) fn unlink(&mut self, list: &mut List, at: Number, links: impl Fn(&mut T) -> &mut Links) {
        let Links { before, after } = core::mem::replace(links(&mut self[at]), Links::NOWHERE);
        if before == NONE {
            list.first = after;
        } else {
            links(&mut self[before]).after = after;
        }
        if after == NONE {
            list.last = before;
        } else {
            links(&mut self[after]).before = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Links, List, NONE, Table};

    fn listed(table: &Table<(char, Links)>, list: List) -> String {
        let mut at = list.first;
        let mut text = String::new();
        while at != NONE {
            text.push(table[at].0);
            at = table[at].1.after;
        }
        text
    }

    #[test]
    fn a_list_keeps_order_when_elements_leave_its_ends_and_its_middle() {
        let mut table = Table::default();
        let mut list = List::EMPTY;
        let numbers: Vec<_> = "abcde".chars().map(|c| table.insert((c, Links::NOWHERE))).collect();
        for &at in &numbers {
            table.append(&mut list, at, |e| &mut e.1);
        }
        assert_eq!(listed(&table, list), "abcde");
        for at in [2, 0, 4] {
            table.unlink(&mut list, numbers[at], |e| &mut e.1);
        }
        assert_eq!(listed(&table, list), "bd");
        table.append(&mut list, numbers[0], |e| &mut e.1);
        assert_eq!(listed(&table, list), "bda");
        for at in [1, 3, 0] {
            table.unlink(&mut list, numbers[at], |e| &mut e.1);
        }
        assert!(list.is_empty());
        assert_eq!(list.last, NONE);
    }

    #[test]
    fn removed_numbers_are_used_again_and_skipped_meanwhile() {
        let mut table = Table::default();
        table.reserve(3).unwrap();
        for c in "abc".chars() {
            table.insert((c, Links::NOWHERE));
        }
        table.remove(1);
        assert_eq!((table.first(), table.after(0), table.after(2)), (0, 2, NONE));
        assert_eq!(table.insert(('d', Links::NOWHERE)), 1);
        assert_eq!(table[1].0, 'd');
        for at in [0, 1, 2] {
            table.remove(at);
        }
        assert!(table.is_empty());
        assert_eq!(table.first(), NONE);
    }
}
