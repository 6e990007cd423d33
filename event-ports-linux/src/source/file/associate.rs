//! Making an association with a file, and making it anew.

use super::associations::{Association, Binding};
use super::path::{self, Target};
use super::stamps::{Identity, Look, Seen, Times};
use super::table::{NONE, Number};
use super::{close_unused_channel, dispatch, drain, fire, node, open_channel};
use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::registry;
use crate::slab::{Phase, Slot};
use crate::source::fd;
use crate::types::{FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_NOFOLLOW, FILE_TRUNC, PORT_SOURCE_FILE, file_obj};
use core::ffi::CStr;
use core::ptr;
use libc::c_int;
use std::os::fd::{AsFd as _, BorrowedFd};

/// What may be asked for (FILE-1).
const ORDINARY: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

/// How often to look the path up again because it had become another file meanwhile (FILE-13).
const ATTEMPTS: usize = 16;

/// What the caller asks for.
#[derive(Debug, Clone, Copy)]
struct Request {
    object: usize,
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
    let original =
        registry::enter(number).map(|port| if port.files.registered { Ok(()) } else { fd::check_original(&port) })?;
    if events & !(ORDINARY | FILE_NOFOLLOW) != 0 {
        return Err(Errno::INVAL);
    }
    if object == 0 {
        return Err(Errno::FAULT);
    }
    // SAFETY: the caller's promise.
    let file = unsafe { ptr::with_exposed_provenance::<file_obj>(object).read_unaligned() };
    let times = Times::asked(file.fo_atime, file.fo_mtime, file.fo_ctime);
    let request = Request { object, events: (events & ORDINARY) as u32, user, times };
    let mut attempts = 1;
    loop {
        // File systems may take their time, so this happens without the port's lock.
        // SAFETY: the caller's promise.
        let mut target = unsafe { path::look_up(file.fo_name, events & FILE_NOFOLLOW == 0) }?;
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
}

impl Request {
    fn attempt(&self, port: &mut Locked, target: &mut Target, last: bool) -> Result<Attempt> {
        open_channel(port)?;
        port.files.registered = true;
        // What has happened until now must not come as the event of an association that begins now.
        drain(port);
        port.files.associations.reserve()?;
        port.files.marks.reserve(2)?;
        let known = port.files.associations.find(self.object);
        let slot = match known {
            Some(at) => port.files.associations.table[at].slot,
            None => allocate(port)?,
        };
        let done = self.attempt_with(port, target, known, slot, last);
        if known.is_none() && !matches!(done, Ok(Attempt::Done)) {
            port.port.slab.release(slot);
        }
        // The kernel confirms marks that were dropped, which would wake somebody for nothing.
        if port.files.marks.confirmations {
            drain(port);
        }
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
        let held = match mark(port, target, self.events, last) {
            // The limit of the system. What is kept only in case it is needed again may make room.
            Err(Errno::NOSPC) if port.files.silence_idle() => mark(port, target, self.events, last)?,
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

    /// Puts the association in its place, and arms it. Nothing fails once the earlier one has been touched (FILE-19).
    fn put(&self, port: &mut Locked, target: &mut Target, known: Option<Number>, slot: Slot, held: Held) -> Result<()> {
        let before = known.map(|at| Before::of(port, at, target));
        let slab = &port.port.slab;
        let other_name = match &before {
            Some(before) if before.same => kept_name(port, target, before.at)?,
            _ => None,
        };
        let binding = if other_name.is_some() { Binding::OtherName } else { held.binding };
        let node = slab.node(slot);
        let path = core::mem::take(&mut target.path);
        let at = match before {
            None => {
                let new = Association::new(slot, held.own, held.parent, path, binding, held.now.mount);
                let at = port.files.associations.insert(self.object, new);
                node.set_source(PORT_SOURCE_FILE);
                node.object.set(self.object);
                node.extra.set(at);
                node.events.set(0);
                port.files.target(at);
                at
            }
            Some(Before { at, same }) => {
                let phase = node.phase();
                if phase == Phase::Queued {
                    port.unqueue(slot);
                }
                if !same {
                    node.events.set(0);
                }
                let stays = phase == Phase::Armed && port.files.associations.table[at].own == held.own;
                if stays {
                    port.files.unwatch_name(at);
                } else {
                    port.files.unlist(at, phase);
                }
                let association = &mut port.files.associations.table[at];
                let marks = (association.own, association.parent);
                association.own = held.own;
                association.parent = held.parent;
                association.path = path;
                association.binding = binding;
                association.mount = held.now.mount;
                port.files.release_mark(marks.0);
                port.files.release_mark(marks.1);
                if !stays {
                    port.files.target(at);
                }
                at
            }
        };
        port.files.associations.table[at].other_name = other_name;
        if let Some(parent) = &mut target.parent {
            if held.parent != NONE {
                port.files.marks.table[held.parent].path = core::mem::take(&mut parent.path);
            }
        }
        port.files.marks.table[held.own].seen = Seen::now(held.now);
        node.mask.set(self.events);
        node.user.set(self.user);
        node.set_phase(Phase::Armed);
        port.files.watch_name(at);
        self.compare(port, at, &held.now);
        Ok(())
    }

    /// Tells at once of what has changed since the caller looked (FILE-21 … FILE-24).
    fn compare(&self, port: &mut Locked, at: Number, now: &Look) {
        let news = now.times.news(&self.times) & self.events;
        if news != 0 && !now.is_fifo() {
            fire(port, at, news);
        }
    }
}

/// An association that is made anew.
struct Before {
    at: Number,
    /// It is the same file, in the same directory (FILE-16).
    same: bool,
}

impl Before {
    fn of(port: &Locked, at: Number, target: &Target) -> Self {
        let association = &port.files.associations.table[at];
        let identity = |mark: Number| port.files.marks.table[mark].identity();
        let parent: Option<&Identity> = (association.parent != NONE).then(|| identity(association.parent));
        let same = *identity(association.own) == target.look.identity
            && parent == target.parent.as_ref().map(|parent| &parent.look.identity);
        Self { at, same }
    }
}

/// The name that an association with the same file in the same directory goes on to watch, where it is not that of the
/// new path (FILE-16). If both lead to the file the path is given the old one.
fn kept_name(port: &Locked, target: &mut Target, at: Number) -> Result<Option<Box<CStr>>> {
    let old = port.files.associations.table[at].name();
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
    if let Some(slot) = port.port.slab.allocate() {
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

/// Makes the kernel watch the file and its name. `None` if the name has come to lead elsewhere.
fn mark(port: &mut Locked, target: &Target, asked: u32, last: bool) -> Result<Option<Held>> {
    // Whether the name still leads to the file can be said only once the directory is watched.
    let parent = match &target.parent {
        Some(parent) => match add(port, parent.file.as_fd(), dispatch::NAMES | libc::IN_ONLYDIR, parent.look) {
            // Nobody but the file itself will tell.
            Err(Errno::ACCES) => NONE,
            other => other?,
        },
        None => NONE,
    };
    let held = mark_file(port, target, asked, last, parent);
    if !matches!(&held, Ok(Some(held)) if held.parent == parent) {
        port.files.release_mark(parent);
    }
    held
}

fn mark_file(port: &mut Locked, target: &Target, asked: u32, last: bool, parent: Number) -> Result<Option<Held>> {
    let in_place = target.parent.as_ref().map(|p| leads_to(p.file.as_fd(), target.path.name(), &target.look));
    let (binding, parent) = match in_place {
        None => (Binding::Nothing, NONE),
        Some(false) if !last => return Ok(None),
        // Its name has been deleted, or its file system has no lasting identities.
        Some(false) => (Binding::Nothing, NONE),
        Some(true) if parent == NONE => (Binding::Path, NONE),
        Some(true) if target.by_dotdot => (Binding::DotDot, parent),
        Some(true) => (Binding::Name, parent),
    };
    let needed = dispatch::needed(asked, target.look.is_directory(), binding);
    let own = add(port, target.file.as_fd(), needed, target.look)?;
    match os::stat_of(target.file.as_fd()) {
        Ok(st) => Ok(Some(Held { own, parent, binding, now: Look::new(&st) })),
        Err(e) => {
            port.files.release_mark(own);
            Err(e)
        }
    }
}

/// Adds to what the kernel tells of a file.
fn add(port: &mut Locked, file: BorrowedFd<'_>, mask: u32, look: Look) -> Result<Number> {
    let mask = mask | libc::IN_MASK_ADD;
    let inotify = port.files.inotify().ok_or(Errno::BADF)?;
    let wd = os::inotify_add(inotify, file, mask)?;
    Ok(port.files.marks.hold(wd, look))
}
