//! Making an association with a file, and making it anew.

use super::associations::{Association, Binding};
use super::path::{self, Target};
use super::recheck::Place;
use super::stamps::{Look, Seen, Times};
use super::table::{NONE, Number};
use super::{Files, catch_up, close_unused_channel, dispatch, except, fire, node, open_channel, swallow_confirmations};
use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::registry;
use crate::slab::{Phase, Slot};
use crate::source::fd;
use crate::types::{
    FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_NOFOLLOW, FILE_RENAME_TO, FILE_TRUNC, PORT_SOURCE_FILE, file_obj,
};
use core::ffi::CStr;
use core::ptr;
use libc::{c_char, c_int};
use std::os::fd::{AsFd as _, BorrowedFd};

/// What may be asked for (FILE-1).
const ORDINARY: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

/// How often to look the path up because it had become another file meanwhile (FILE-13).
const ATTEMPTS: usize = 16;

/// What the caller asks for.
#[derive(Debug, Clone, Copy)]
struct Request {
    object: usize,
    /// The path, which only the kernel reads.
    name: *const c_char,
    follow: bool,
    events: u32,
    user: usize,
    times: Times,
}

/// Associates a file, or associates it anew (FILE-1 … FILE-25).
///
/// # Safety
/// `object` is 0 or the address of a `file_obj`. If its name is the address of readable memory, that holds a terminated
/// string.
pub(crate) unsafe fn associate(number: c_int, object: usize, events: c_int, user: usize) -> Result<()> {
    // What is wrong with the port comes before what is wrong with the rest (SYS-5). What is wrong with its original
    // number comes later (FILE-11), but has to be seen before looking up takes descriptors.
    let (original, known) = {
        let port = registry::enter(number)?;
        let original = if port.files.registered { Ok(()) } else { fd::check_original(&port) };
        (original, port.files.associations.find(object).is_some())
    };
    if events & !(ORDINARY | FILE_NOFOLLOW) != 0 {
        return Err(Errno::INVAL);
    }
    let file = ptr::with_exposed_provenance::<file_obj>(object);
    if !os::may_be_memory(file) {
        return Err(Errno::FAULT);
    }
    // SAFETY: the caller's promise.
    let file = unsafe { file.read_unaligned() };
    let times = Times::asked(file.fo_atime, file.fo_mtime, file.fo_ctime);
    let (name, follow) = (file.fo_name.cast_const(), events & FILE_NOFOLLOW == 0);
    let request = Request { object, name, follow, events: (events & ORDINARY) as u32, user, times };
    // File systems may take their time, so paths are looked up without the port's lock.
    if known && os::stat_unchecked(name, false).is_ok() {
        // SAFETY: the kernel has just read the string, so it is there; the rest is the caller's promise.
        let path = unsafe { CStr::from_ptr(name) };
        if request.again(&mut registry::enter(number)?, path) {
            return Ok(());
        }
    }
    let mut attempts = 1;
    loop {
        // SAFETY: the caller's promise.
        let mut target = unsafe { path::look_up(name, follow) }?;
        original?;
        let mut port = registry::enter(number)?;
        let attempt = request.attempt(&mut port, &mut target, attempts == ATTEMPTS);
        match attempt.inspect_err(|_| close_unused_channel(&mut port))? {
            Attempt::Done => return Ok(()),
            Attempt::Overtaken => attempts += 1,
        }
    }
}

enum Attempt {
    Done,
    /// The path has come to mean another file meanwhile.
    Overtaken,
}

/// The marks of an association to be, which it holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    own: Number,
    parent: Number,
    binding: Binding,
    /// The file, when the marks were there.
    now: Look,
    /// By then, the path meant another file.
    replaced: bool,
}

impl Request {
    fn attempt(&self, port: &mut Locked, target: &mut Target, last: bool) -> Result<Attempt> {
        open_channel(port)?;
        port.files.registered = true;
        // What has happened until now must not come as the event of an association that begins now.
        catch_up(port);
        port.files.associations.reserve()?;
        port.files.marks.reserve(3)?;
        let known = port.files.associations.find(self.object);
        let slot = match known {
            Some(at) => port.files.associations.table[at].slot,
            None => allocate(port)?,
        };
        let done = self.attempt_with(port, target, known, slot, last);
        if known.is_none() && !matches!(done, Ok(Attempt::Done)) {
            port.port.slab.release(slot);
        }
        swallow_confirmations(port);
        done
    }

    fn attempt_with(
        &self,
        port: &mut Locked,
        target: &mut Target,
        known: Option<Number>,
        slot: Slot,
        last: bool,
    ) -> Result<Attempt> {
        let held = match self.mark(port, target, last) {
            // The limit of the system. What is kept only in case it is needed again may make room.
            Err(Errno::NOSPC) if port.files.silence_idle() => self.mark(port, target, last)?,
            other => other?,
        };
        let Some(held) = held else { return Ok(Attempt::Overtaken) };
        match self.put(port, target, known, slot, held) {
            Ok(()) => Ok(Attempt::Done),
            Err(e) => {
                port.files.release_mark(held.own);
                port.files.release_mark(held.parent);
                Err(e)
            }
        }
    }

    /// Arms an association anew where it can be seen that nothing has become another since: by far the most common case,
    /// and by far the cheapest. Answers whether it could.
    fn again(&self, port: &mut Locked, path: &CStr) -> bool {
        catch_up(port);
        let Some(at) = port.files.associations.find(self.object) else { return false };
        let Some(now) = in_place(&port.files, at, path, self.events) else { return false };
        match take_back(port, at) {
            // It keeps its place among the others (FILE-15).
            Phase::Armed => {}
            was => {
                port.files.unlist(at, was);
                port.files.list(at);
            }
        }
        self.arm(port, at, &now);
        true
    }

    /// Puts the association in its place, and arms it. Nothing fails once the earlier one has been touched (FILE-19).
    fn put(&self, port: &mut Locked, target: &mut Target, known: Option<Number>, slot: Slot, held: Held) -> Result<()> {
        let same = known.filter(|&at| is_same(&port.files, at, target));
        let other_name = match same {
            Some(at) => kept_name(&port.files, at, target)?,
            None => None,
        };
        let binding = if other_name.is_some() { Binding::OtherName } else { held.binding };
        let path = core::mem::take(&mut target.path);
        let mut new = Association::new(slot, held.own, held.parent, path, binding, held.now.mount);
        new.other_name = other_name;
        if let (Some(parent), true) = (&mut target.parent, held.parent != NONE) {
            port.files.marks.table[held.parent].path = core::mem::take(&mut parent.path);
        }
        let at = match known {
            Some(at) => {
                self.replace(port, at, new, same.is_some());
                at
            }
            None => self.insert(port, new),
        };
        self.arm(port, at, &held.now);
        if held.replaced {
            except(port, at, FILE_RENAME_TO);
        }
        Ok(())
    }

    fn insert(&self, port: &mut Locked, new: Association) -> Number {
        let node = port.port.slab.node(new.slot);
        let at = port.files.associations.insert(self.object, new);
        port.files.list(at);
        node.set_source(PORT_SOURCE_FILE);
        node.object.set(self.object);
        node.extra.set(at);
        node.events.set(0);
        at
    }

    fn replace(&self, port: &mut Locked, at: Number, mut new: Association, same: bool) {
        let was = take_back(port, at);
        if !same {
            node(port, at).events.set(0);
        }
        let old = &port.files.associations.table[at];
        let marks = (old.own, old.parent);
        // One that is armed keeps its place among the others (FILE-15).
        if was == Phase::Armed && marks == (new.own, new.parent) && old.name() == new.name() {
            new.take_places(old);
            port.files.associations.table[at] = new;
        } else {
            port.files.unlist(at, was);
            port.files.associations.table[at] = new;
            port.files.list(at);
        }
        port.files.release_mark(marks.0);
        port.files.release_mark(marks.1);
    }

    /// Lets an association that is in the lists of armed ones wait for what is asked for, and tells at once of what has
    /// changed since the caller looked (FILE-21 … FILE-24).
    fn arm(&self, port: &mut Locked, at: Number, now: &Look) {
        let own = port.files.associations.table[at].own;
        port.files.marks.table[own].seen = Seen::now(*now);
        let node = node(port, at);
        node.mask.set(self.events);
        node.user.set(self.user);
        node.set_phase(Phase::Armed);
        let news = now.times.news(&self.times) & self.events;
        if news != 0 && !now.is_fifo() {
            fire(port, at, news);
        }
    }
}

/// Takes an association's event out of the queue, if it is there. Returns the phase whose lists the association is in.
fn take_back(port: &mut Locked, at: Number) -> Phase {
    let was = node(port, at).phase();
    if was == Phase::Queued {
        let slot = port.files.associations.table[at].slot;
        port.unqueue(slot);
    }
    was
}

/// What the file of an association is like now, if its path is `path`, still leads there, and the kernel tells what is
/// `asked` for.
fn in_place(files: &Files, at: Number, path: &CStr, asked: u32) -> Option<Look> {
    let association = &files.associations.table[at];
    if association.binding != Binding::Name || association.other_name.is_some() || association.path.full() != Some(path)
    {
        return None;
    }
    let (own, parent) = (&files.marks.table[association.own], &files.marks.table[association.parent]);
    let needed = dispatch::needed(asked, own.seen.is_directory(), Binding::Name);
    if !own.tells(needed) || !parent.tells(dispatch::NAMES) || !association.path.is_in(&parent.path) {
        return None;
    }
    match files.look_at(at) {
        // A link would have to be followed. Without a time of birth the file might be another one with the same number.
        Place::Here(now) if !now.is_link() && now.identity.is_certain() && files.parent_is_in_place(at) => Some(now),
        _ => None,
    }
}

/// Whether an association is with the same file in the same directory (FILE-16).
fn is_same(files: &Files, at: Number, target: &Target) -> bool {
    let association = &files.associations.table[at];
    let same_directory = match &target.parent {
        None => association.binding == Binding::Nothing,
        Some(parent) if association.parent == NONE => association.path.is_in(&parent.path),
        Some(parent) => *files.marks.table[association.parent].identity() == parent.look.identity,
    };
    same_directory && *files.marks.table[association.own].identity() == target.look.identity
}

/// The name that an association with the same file in the same directory goes on to watch, where it is not that of the
/// new path (FILE-16). If both lead to the file the path is given the old one.
fn kept_name(files: &Files, at: Number, target: &mut Target) -> Result<Option<Box<CStr>>> {
    let old = files.associations.table[at].name();
    let Some(parent) = &target.parent else { return Ok(None) };
    if old == target.path.name() || old.is_empty() {
        return Ok(None);
    }
    if leads_to(parent.file.as_fd(), old, &target.look) {
        target.path = target.path.with_name(old)?;
        return Ok(None);
    }
    copy(old).map(Some)
}

fn copy(name: &CStr) -> Result<Box<CStr>> {
    let name = name.to_bytes_with_nul();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(name.len()).map_err(|_| Errno::NOMEM)?;
    bytes.extend_from_slice(name);
    // It was a terminated string, and still is.
    std::ffi::CString::from_vec_with_nul(bytes).map(std::ffi::CString::into_boxed_c_str).map_err(|_| Errno::INVAL)
}

fn leads_to(directory: BorrowedFd<'_>, name: &CStr, file: &Look) -> bool {
    os::stat_at(directory, name).is_ok_and(|st| Look::new(&st).identity == file.identity)
}

/// A slot for an association. Where there is none the association that has been spent for longest gives its own: its
/// caller has been told that it is no longer associated.
fn allocate(port: &mut Locked) -> Result<Slot> {
    if let Ok(slot) = crate::source::new_slot(port) {
        return Ok(slot);
    }
    let oldest = port.files.associations.spent.first;
    if oldest == NONE {
        return Err(Errno::AGAIN);
    }
    let object = node(port, oldest).object.get();
    super::discard(port, object, oldest);
    port.port.slab.allocate().ok_or(Errno::AGAIN)
}

impl Request {
    /// Makes the kernel watch the file and its name. `None` if the path has come to lead elsewhere.
    fn mark(&self, port: &mut Locked, target: &Target, last: bool) -> Result<Option<Held>> {
        // Whether the name still leads to the file can be said only once the directory is watched.
        let parent = match &target.parent {
            Some(parent) => match add(port, parent.file.as_fd(), dispatch::NAMES | libc::IN_ONLYDIR, parent.look) {
                // Nobody but the file itself will tell.
                Err(Errno::ACCES) => NONE,
                other => other?,
            },
            None => NONE,
        };
        let held = self.mark_file(port, target, last, parent);
        if !matches!(&held, Ok(Some(held)) if held.parent == parent) {
            port.files.release_mark(parent);
        }
        held
    }

    fn mark_file(&self, port: &mut Locked, target: &Target, last: bool, parent: Number) -> Result<Option<Held>> {
        let in_place = target.parent.as_ref().map(|p| leads_to(p.file.as_fd(), target.path.name(), &target.look));
        let (binding, parent) = match in_place {
            None if target.astray && !last => return Ok(None),
            None => (Binding::Nothing, NONE),
            Some(false) if !last => return Ok(None),
            // Its directory is covered by another, or its file system has no lasting identities.
            Some(false) => (Binding::Nothing, NONE),
            Some(true) if parent == NONE => (Binding::Path, NONE),
            Some(true) if target.by_dotdot => (Binding::DotDot, parent),
            Some(true) => (Binding::Name, parent),
        };
        let needed = dispatch::needed(self.events, target.look.is_directory(), binding);
        let own = add(port, target.file.as_fd(), needed, target.look)?;
        let held = Held { own, parent, binding, now: target.look, replaced: false };
        let confirmed = self.confirm(port, target, last, held);
        if !matches!(confirmed, Ok(Some(_))) {
            port.files.release_mark(own);
        }
        confirmed
    }

    /// Looks at the file and where the path leads, now that the kernel tells of whatever changes that. The name in the
    /// directory need not be the path's: the file may have been renamed before the directory was looked for, or deleted,
    /// and then nothing would tell that the path means another file.
    fn confirm(&self, port: &mut Locked, target: &Target, last: bool, held: Held) -> Result<Option<Held>> {
        let now = Look::new(&os::stat_of(target.file.as_fd())?);
        let meant = Look::new(&os::stat_unchecked(self.name, self.follow)?);
        if meant.identity == now.identity {
            return Ok(Some(Held { now, ..held }));
        }
        if !last {
            return Ok(None);
        }
        // Where identities do not last the file can still be told by its mark. Otherwise the caller shall hear that it
        // was replaced, which it was each time it was looked up.
        let file = os::look_up(self.name, if self.follow { 0 } else { libc::O_NOFOLLOW })?;
        let other = add(port, file.as_fd(), libc::IN_DELETE_SELF, meant)?;
        port.files.release_mark(other);
        Ok(Some(Held { now, replaced: other != held.own, ..held }))
    }
}

/// Adds to what the kernel tells of a file.
fn add(port: &mut Locked, file: BorrowedFd<'_>, mask: u32, look: Look) -> Result<Number> {
    let inotify = port.files.inotify().ok_or(Errno::BADF)?;
    let wd = os::inotify_add(inotify, file, mask | libc::IN_MASK_ADD)?;
    Ok(port.files.marks.hold(wd, mask, look))
}
