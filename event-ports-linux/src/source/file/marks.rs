//! Marks: what the kernel watches for a port. It keeps one for each file, however many associations the file has, and
//! one for each directory that has the name of an associated file.
//!
//! A mark may outlive the kernel's part of it: the kernel drops its part when the file is deleted or unmounted, and we
//! drop it when it brings news for nobody.

use super::path::FilePath;
use super::stamps::{Identity, Look, Seen};
use super::table::{List, NONE, Number, Table};
use crate::errno::{Errno, Result};
use crate::hash::HashMap;
use crate::os;
use libc::c_int;

/// A mark.
#[derive(Debug)]
pub(super) struct Mark {
    /// The kernel's name for it. Meaningless while it is not `live`.
    wd: c_int,
    live: bool,
    /// What the kernel tells of it, while it is `live`.
    mask: u32,
    pub(super) seen: Seen,
    /// Where it is, if it has names to watch.
    pub(super) path: FilePath,
    /// The associations of the file that are armed, or whose event is queued, in the order in which they were armed.
    pub(super) targets: List,
    /// How many names in this directory are watched.
    pub(super) names: usize,
    /// How many associations refer to it.
    holders: usize,
}

impl Mark {
    pub(super) fn identity(&self) -> &Identity {
        self.seen.identity()
    }

    /// Whether the kernel tells all that is `needed`.
    pub(super) fn tells(&self, needed: u32) -> bool {
        self.live && self.mask & needed == needed
    }

    /// Whether nobody waits for anything that the kernel could say of it.
    pub(super) fn is_idle(&self) -> bool {
        self.targets.is_empty() && self.names == 0
    }
}

/// The marks of a port.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) table: Table<Mark>,
    by_wd: HashMap<c_int, Number>,
    /// The kernel has been asked to drop marks, and will confirm that.
    pub(super) confirmations: bool,
}

impl Marks {
    /// Makes sure that `more` marks can be held that are not yet.
    pub(super) fn reserve(&mut self, more: usize) -> Result<()> {
        self.by_wd.try_reserve(more).map_err(|_| Errno::NOMEM)?;
        self.table.reserve(more)
    }

    pub(super) fn find(&self, wd: c_int) -> Option<Number> {
        self.by_wd.get(&wd).copied()
    }

    /// Refers to the mark of a name that the kernel has just given, for telling `mask` besides what it told; there is
    /// room for it.
    pub(super) fn hold(&mut self, wd: c_int, mask: u32, look: Look) -> Number {
        let at = self.find(wd).unwrap_or_else(|| {
            let mark = Mark {
                wd,
                live: true,
                mask: 0,
                seen: Seen::now(look),
                path: FilePath::default(),
                targets: List::EMPTY,
                names: 0,
                holders: 0,
            };
            let at = self.table.insert(mark);
            self.by_wd.insert(wd, at);
            at
        });
        self.table[at].mask |= mask;
        self.table[at].holders += 1;
        at
    }

    /// Refers to a mark once more.
    pub(super) fn hold_again(&mut self, at: Number) {
        self.table[at].holders += 1;
    }

    /// Refers to a mark once less, and drops it if that was all.
    pub(super) fn release(&mut self, inotify: c_int, at: Number) {
        let mark = &mut self.table[at];
        mark.holders -= 1;
        if mark.holders == 0 {
            self.silence(inotify, at);
            self.table.remove(at);
        }
    }

    /// The kernel has dropped its part.
    pub(super) fn lost(&mut self, at: Number) {
        let mark = &mut self.table[at];
        if mark.live {
            mark.live = false;
            self.by_wd.remove(&mark.wd);
        }
    }

    /// Makes the kernel drop its part.
    pub(super) fn silence(&mut self, inotify: c_int, at: Number) {
        if self.table[at].live {
            os::inotify_remove(inotify, self.table[at].wd);
            self.confirmations = true;
            self.lost(at);
        }
    }

    /// Makes the kernel drop its part of every idle mark. Answers whether there was any.
    pub(super) fn silence_idle(&mut self, inotify: c_int) -> bool {
        let mut found = false;
        let mut at = self.table.first();
        while at != NONE {
            if self.table[at].live && self.table[at].is_idle() {
                self.silence(inotify, at);
                found = true;
            }
            at = self.table.after(at);
        }
        found
    }
}
