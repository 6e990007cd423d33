//! From the kernel's notices to events.

use super::associations::Binding;
use super::notices::{Notice, Notices};
use super::recheck::{self, Place};
use super::stamps::{Look, Seen};
use super::table::{NONE, Number};
use super::{Files, except, fire, node};
use crate::os;
use crate::port::Locked;
use crate::slab::Phase;
use crate::types::{
    FILE_ACCESS, FILE_ATTRIB, FILE_DELETE, FILE_MODIFIED, FILE_RENAME_FROM, FILE_RENAME_TO, FILE_TRUNC, UNMOUNTED,
};
use core::ffi::CStr;
use libc::{IN_ACCESS, IN_ATTRIB, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_IGNORED, IN_ISDIR, IN_MODIFY};
use libc::{IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO, IN_Q_OVERFLOW, IN_UNMOUNT};

const ACCESS: u32 = FILE_ACCESS as u32;
const MODIFIED: u32 = FILE_MODIFIED as u32;
const ATTRIB: u32 = FILE_ATTRIB as u32;
const TRUNC: u32 = FILE_TRUNC as u32;

/// What a directory tells of the names in it.
pub(super) const NAMES: u32 = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

/// What the kernel has to tell of a file so that an association with it gets `asked`.
pub(super) fn needed(asked: u32, directory: bool, binding: Binding) -> u32 {
    let mut needed = IN_DELETE_SELF;
    if asked & ACCESS != 0 {
        needed |= IN_ACCESS;
    }
    if asked & (MODIFIED | ATTRIB | TRUNC) != 0 {
        // Of a directory, IN_MODIFY would tell of every file in it.
        needed |= if directory { NAMES | IN_CREATE } else { IN_MODIFY };
    }
    if asked & (ACCESS | MODIFIED | ATTRIB) != 0 {
        // Setting times is a change of attributes to the kernel.
        needed |= IN_ATTRIB | IN_MOVE_SELF;
    }
    if matches!(binding, Binding::Path | Binding::Nothing) {
        needed |= IN_ATTRIB | IN_MOVE_SELF;
    }
    needed
}

/// Does what a batch of notices says.
pub(super) fn batch(port: &mut Locked, bytes: &mut [u8]) {
    let mut notices = Notices::new(bytes);
    while let Some((notice, mut rest)) = notices.split_first() {
        dispatch(port, &notice, &mut rest);
        notices = rest;
    }
}

fn dispatch(port: &mut Locked, notice: &Notice<'_>, rest: &mut Notices<'_>) {
    if notice.mask & IN_Q_OVERFLOW != 0 {
        recheck::after_overflow(port);
        return;
    }
    let Some(mark) = port.files.marks.find(notice.wd) else { return };
    if notice.mask & IN_IGNORED != 0 {
        port.files.marks.lost(mark);
        return;
    }
    with_mark(port, mark, |port| {
        if notice.mask & IN_UNMOUNT != 0 {
            unmounted(port, mark);
        } else if notice.mask & IN_MOVED_FROM != 0 {
            let pair = |n: &Notice<'_>| n.mask & IN_MOVED_TO != 0 && n.cookie == notice.cookie;
            match rest.take(pair) {
                Some(to) => renamed(port, mark, notice, &to),
                None => entry_changed(port, mark, notice),
            }
        } else if !notice.name.is_empty() {
            entry_changed(port, mark, notice);
        } else {
            changed(port, mark, notice, rest);
        }
    });
}

/// Keeps a mark while its associations may end, and afterwards has the kernel drop it if it serves nobody any more.
fn with_mark(port: &mut Locked, mark: Number, run: impl FnOnce(&mut Locked)) {
    port.files.marks.hold_again(mark);
    run(port);
    port.files.silence_if_idle(mark);
    port.files.release_mark(mark);
}

/// Calls `each` for every armed association of a file, in the order in which they were armed.
fn each_armed(port: &mut Locked, mark: Number, mut each: impl FnMut(&mut Locked, Number, u32)) {
    let mut at = port.files.marks.table[mark].targets.first;
    while at != NONE {
        let next = port.files.associations.table[at].links.after;
        let node = node(port, at);
        if node.phase() == Phase::Armed {
            each(port, at, node.mask.get());
        }
        at = next;
    }
}

/// One operation has brought `events` (FILE-27).
fn offer(port: &mut Locked, mark: Number, events: u32) {
    each_armed(port, mark, |port, at, asked| {
        if events & asked != 0 {
            fire(port, at, events & asked);
        }
    });
}

/// Everything that any armed association of a file asks for.
fn asked_of(port: &mut Locked, mark: Number) -> u32 {
    let mut all = 0;
    each_armed(port, mark, |_, _, asked| all |= asked);
    all
}

/// A look at a file, by any path that still leads to it.
fn look(port: &mut Locked, mark: Number) -> Option<Look> {
    let mut found = None;
    each_armed(port, mark, |port, at, asked| {
        if found.is_none() && asked != 0 {
            if let Place::Here(now) = port.files.look_at(at) {
                found = Some(now);
            }
        }
    });
    found
}

/// Something has happened to a file, as opposed to a name in a directory.
fn changed(port: &mut Locked, mark: Number, notice: &Notice<'_>, rest: &Notices<'_>) {
    let mut now = None;
    if notice.mask & IN_ACCESS != 0 {
        let mut events = ACCESS;
        if asked_of(port, mark) & ATTRIB != 0 {
            // Setting the access time alone is told as if the file had been read. But reading changes no attribute.
            now = look(port, mark);
            let changed = now.is_some_and(|now| port.files.marks.table[mark].seen.attributes_changed(&now));
            if changed && !is_told_later(notice, rest, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF) {
                events |= ATTRIB;
            }
        }
        offer(port, mark, events);
    } else if notice.mask & IN_MODIFY != 0 {
        let mut events = MODIFIED | ATTRIB;
        if asked_of(port, mark) & TRUNC != 0 {
            now = look(port, mark);
            if now.is_some_and(|now| port.files.marks.table[mark].seen.was_cut(&now)) {
                events |= TRUNC;
            }
        }
        offer(port, mark, events);
    } else if notice.mask & IN_ATTRIB != 0 {
        each_armed(port, mark, |port, at, asked| {
            if let Some(look) = attributes_changed(port, at, asked, notice, rest) {
                now = Some(look);
            }
        });
    } else if notice.mask & IN_MOVE_SELF != 0 {
        each_armed(port, mark, moved);
    } else if notice.mask & IN_DELETE_SELF != 0 {
        each_armed(port, mark, deleted);
    }
    // Whoever is still armed compares with what the file is like from now on.
    if asked_of(port, mark) != 0 {
        if let Some(now) = now.or_else(|| look(port, mark)) {
            port.files.marks.table[mark].seen = Seen::now(now);
        }
    }
}

/// The attributes of a file have changed, or the number of its names, perhaps by one that is watched (FILE-41).
fn attributes_changed(
    port: &mut Locked,
    at: Number,
    asked: u32,
    notice: &Notice<'_>,
    rest: &Notices<'_>,
) -> Option<Look> {
    let binding = port.files.associations.table[at].binding;
    let wanted = asked & (ATTRIB | ACCESS | MODIFIED);
    let now = match binding {
        Binding::Path => Some(recheck::follow_path(port, at, false)?),
        _ if wanted == 0 => return None,
        Binding::Name if name_is_going(&port.files, at, rest) => return None,
        _ => match port.files.look_at(at) {
            Place::Here(now) => Some(now),
            // The directory will tell that the name is gone.
            Place::Missing | Place::Replaced if binding == Binding::Name => return None,
            _ => None,
        },
    };
    let own = port.files.associations.table[at].own;
    let set = now.map_or(0, |now| port.files.marks.table[own].seen.times_set(&now));
    let mut events = ATTRIB;
    if set & ACCESS != 0 && !is_told_later(notice, rest, IN_ACCESS) {
        events |= ACCESS;
    }
    if set & MODIFIED != 0 && !is_told_later(notice, rest, IN_MODIFY) {
        events |= MODIFIED;
    }
    if events & wanted != 0 {
        fire(port, at, events & wanted);
    }
    now
}

/// Whether what a look at the file shows is the doing of something that happened after a notice, and has its own.
fn is_told_later(notice: &Notice<'_>, rest: &Notices<'_>, mask: u32) -> bool {
    rest.any(|n| n.wd == notice.wd && n.mask & mask != 0 && n.name.is_empty())
}

/// Whether the directory is about to tell that the association's name was deleted.
fn name_is_going(files: &Files, at: Number, rest: &Notices<'_>) -> bool {
    let association = &files.associations.table[at];
    rest.any(|n| {
        n.mask & IN_DELETE != 0 && n.name == association.name() && files.marks.find(n.wd) == Some(association.parent)
    })
}

/// A name of the file has become another, and if it was the association's own name that has been told already.
fn moved(port: &mut Locked, at: Number, asked: u32) {
    let fire_attrib = |port: &mut Locked| {
        if asked & ATTRIB != 0 {
            fire(port, at, ATTRIB);
        }
    };
    match port.files.associations.table[at].binding {
        Binding::Nothing => except(port, at, FILE_RENAME_FROM),
        Binding::Path => {
            if recheck::follow_path(port, at, true).is_some() {
                fire_attrib(port);
            }
        }
        Binding::Name | Binding::OtherName | Binding::DotDot => fire_attrib(port),
    }
}

/// The file is gone for good. Its directory has told or will tell so.
fn deleted(port: &mut Locked, at: Number, _asked: u32) {
    match port.files.associations.table[at].binding {
        Binding::Nothing => except(port, at, FILE_DELETE),
        Binding::Path => {
            recheck::follow_path(port, at, false);
        }
        Binding::Name | Binding::OtherName | Binding::DotDot => {}
    }
}

/// The file system is gone (FILE-40).
fn unmounted(port: &mut Locked, mark: Number) {
    let mut at = port.files.marks.table[mark].targets.first;
    while at != NONE {
        let next = port.files.associations.table[at].links.after;
        except(port, at, UNMOUNTED);
        at = next;
    }
}

/// A name in a directory has come or gone, without a counterpart.
fn entry_changed(port: &mut Locked, directory: Number, notice: &Notice<'_>) {
    let exception = match notice.mask & NAMES {
        IN_DELETE => FILE_DELETE,
        IN_MOVED_FROM => FILE_RENAME_FROM,
        IN_MOVED_TO => FILE_RENAME_TO,
        _ => 0,
    };
    if exception != 0 {
        name_changed(port, directory, notice.name, exception);
    }
    content_changed(port, directory, notice);
}

/// A name was renamed, and `to` is what it has become. The order is that of FILE-42.
fn renamed(port: &mut Locked, from_directory: Number, from: &Notice<'_>, to: &Notice<'_>) {
    let Some(to_directory) = port.files.marks.find(to.wd) else {
        entry_changed(port, from_directory, from);
        return;
    };
    with_mark(port, to_directory, |port| {
        name_changed(port, to_directory, to.name, FILE_RENAME_TO);
        name_changed(port, from_directory, from.name, FILE_RENAME_FROM);
        if to_directory != from_directory {
            content_changed(port, to_directory, to);
        }
    });
    content_changed(port, from_directory, from);
}

/// Something has happened to a name: an exception for those that watch it, all of which are armed (FILE-37).
fn name_changed(port: &mut Locked, directory: Number, name: &CStr, exception: libc::c_int) {
    let mut at = port.files.associations.first_namesake(directory, name);
    while at != NONE {
        let next = port.files.associations.next_namesake(at);
        let association = &port.files.associations.table[at];
        if association.parent == directory && association.name() == name {
            lost_name(port, at, exception);
        }
        at = next;
    }
}

fn lost_name(port: &mut Locked, at: Number, exception: libc::c_int) {
    if port.files.associations.table[at].binding == Binding::DotDot {
        if node(port, at).mask.get() & ATTRIB != 0 {
            fire(port, at, ATTRIB);
        }
        return;
    }
    // The file may be the very one that was renamed to this name, associated by a thread that was faster than the
    // kernel with its notice.
    if exception == FILE_RENAME_TO && matches!(port.files.look_at(at), Place::Here(_)) {
        return;
    }
    except(port, at, exception);
}

/// The content of a directory has changed (FILE-30).
fn content_changed(port: &mut Locked, directory: Number, notice: &Notice<'_>) {
    if notice.mask & (NAMES | IN_CREATE) == 0 {
        // Something in one of its files.
        return;
    }
    let asked = asked_of(port, directory);
    if asked == 0 {
        return;
    }
    let mut events = MODIFIED | ATTRIB;
    if asked & TRUNC != 0 && notice.mask & IN_CREATE != 0 && is_new_file(port, directory, notice) {
        events |= TRUNC;
    }
    offer(port, directory, events);
    if asked_of(port, directory) != 0 {
        if let Some(now) = look(port, directory) {
            port.files.marks.table[directory].seen = Seen::now(now);
        }
    }
}

/// Whether what was created is a file or a node, not a directory, a link or one more name.
fn is_new_file(port: &mut Locked, directory: Number, notice: &Notice<'_>) -> bool {
    if notice.mask & IN_ISDIR != 0 {
        return false;
    }
    let files = &mut port.files;
    let target = files.marks.table[directory].targets.first;
    let Some(channel) = &mut files.channel else { return false };
    let Some(path) = files.associations.table[target].path.full() else { return true };
    // Has room for both, and so is not moved.
    let scratch = &mut channel.scratch;
    scratch.clear();
    for part in [path.to_bytes(), b"/", notice.name.to_bytes_with_nul()] {
        if scratch.len() + part.len() <= scratch.capacity() {
            scratch.extend_from_slice(part);
        }
    }
    let Ok(path) = CStr::from_bytes_with_nul(scratch) else { return true };
    // What is gone already is taken for a file.
    os::stat(path).map_or(true, |st| {
        let look = Look::new(&st);
        !look.is_link() && look.links < 2
    })
}
