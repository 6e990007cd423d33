//! What no notice tells: where a path leads now, mounts, and what happened while notices were lost.

use super::associations::Binding;
use super::stamps::{Look, Seen};
use super::table::{NONE, Number};
use super::{Files, except, fire, node};
use crate::os;
use crate::port::Locked;
use crate::slab::Phase;
use crate::types::{FILE_ATTRIB, FILE_DELETE, FILE_RENAME_FROM, FILE_RENAME_TO, MOUNTEDOVER};

/// Where the path of an association leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// To its file.
    Here(Look),
    /// To something that was mounted over it.
    Covered,
    /// To another file.
    Replaced,
    /// Nowhere.
    Missing,
    /// It cannot be said: the path has become another on its way.
    Unknown,
}

impl Files {
    /// Looks where the path of an association leads.
    pub(super) fn look_at(&self, at: Number) -> Place {
        let association = &self.associations.table[at];
        let Some(path) = association.path.full() else { return Place::Unknown };
        let now = match os::stat(path) {
            Ok(st) => Look::new(&st),
            Err(e) if e.is_absence() && self.parent_is_in_place(at) => return Place::Missing,
            Err(_) => return Place::Unknown,
        };
        let other_mount = now.mount_root == Some(true) && now.mount != association.mount;
        if now.identity == *self.marks.table[association.own].identity() && !other_mount {
            Place::Here(now)
        } else if !self.parent_is_in_place(at) {
            Place::Unknown
        } else if other_mount {
            Place::Covered
        } else {
            Place::Replaced
        }
    }

    pub(super) fn parent_is_in_place(&self, at: Number) -> bool {
        let parent = self.associations.table[at].parent;
        if parent == NONE {
            // Its path is all there is to go by.
            return true;
        }
        let mark = &self.marks.table[parent];
        let Some(Ok(st)) = mark.path.full().map(os::stat) else { return false };
        Look::new(&st).identity == *mark.identity()
    }
}

/// Calls `each` for every association that is armed or has its event in the queue, file by file.
fn each_target(port: &mut Locked, mut each: impl FnMut(&mut Locked, Number)) {
    let mut mark = port.files.marks.table.first();
    while mark != NONE {
        // It may lose its last association meanwhile.
        port.files.marks.hold_again(mark);
        let mut at = port.files.marks.table[mark].targets.first;
        while at != NONE {
            let next = port.files.associations.table[at].links.after;
            each(port, at);
            at = next;
        }
        let next = port.files.marks.table.after(mark);
        port.files.release_mark(mark);
        mark = next;
    }
}

/// Finds the files that something was mounted over, if there have been mounts since the last look. To be done whenever
/// the kernel seems to have no events: somebody who has polled the port may have got what it had to say.
#[inline]
pub(crate) fn look_at_mounts(port: &mut Locked) {
    let asked = port.files.channel.as_ref().and_then(|channel| channel.mounts);
    if !asked.is_some_and(os::mounts_changed) {
        return;
    }
    find_covered(port);
}

#[cold]
fn find_covered(port: &mut Locked) {
    each_target(port, |port, at| {
        if matches!(port.files.look_at(at), Place::Covered) {
            except(port, at, MOUNTEDOVER);
        }
    });
    super::swallow_confirmations(port);
}

/// The kernel had more notices than it keeps. Gives every association that may have missed something its event.
pub(super) fn after_overflow(port: &mut Locked) {
    each_target(port, |port, at| {
        let node = node(port, at);
        if node.phase() != Phase::Armed {
            return;
        }
        let asked = node.mask.get();
        let association = &port.files.associations.table[at];
        let (own, binding) = (association.own, association.binding);
        let named = matches!(binding, Binding::Name | Binding::Path);
        match port.files.look_at(at) {
            Place::Here(now) => {
                let missed = port.files.marks.table[own].seen.missed(&now) & asked;
                if missed != 0 {
                    fire(port, at, missed);
                }
            }
            Place::Covered => except(port, at, MOUNTEDOVER),
            Place::Replaced if named => except(port, at, FILE_RENAME_TO),
            Place::Missing if named => except(port, at, FILE_DELETE),
            Place::Missing | Place::Replaced | Place::Unknown => surprise(port, at, asked),
        }
    });
    refresh_all(port);
}

/// Nobody can say whether something happened, so that it did is what has to be assumed.
fn surprise(port: &mut Locked, at: Number, asked: u32) {
    if asked == 0 {
        except(port, at, FILE_RENAME_FROM);
    } else {
        fire(port, at, asked);
    }
}

/// Takes what files look like now for what was last seen of them.
fn refresh_all(port: &mut Locked) {
    each_target(port, |port, at| {
        if node(port, at).phase() == Phase::Armed {
            if let Place::Here(now) = port.files.look_at(at) {
                let own = port.files.associations.table[at].own;
                port.files.marks.table[own].seen = Seen::now(now);
            }
        }
    });
}

/// What happens to an association of a file whose directory may not be watched, after a notice that could mean that it
/// lost its name. `moved`: it was renamed.
pub(super) fn follow_path(port: &mut Locked, at: Number, moved: bool) -> Option<Look> {
    match port.files.look_at(at) {
        Place::Here(now) => return Some(now),
        Place::Missing | Place::Replaced if moved => except(port, at, FILE_RENAME_FROM),
        Place::Missing => except(port, at, FILE_DELETE),
        Place::Replaced => except(port, at, FILE_RENAME_TO),
        Place::Covered | Place::Unknown => {
            if node(port, at).mask.get() & FILE_ATTRIB as u32 != 0 {
                fire(port, at, FILE_ATTRIB as u32);
            }
        }
    }
    None
}
