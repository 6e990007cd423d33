//! Files, over inotify.
//!
//! Each port with an association of a file has one inotify instance, registered in the port's epoll. Whoever looks for
//! events *drains* it under the port's lock, and puts what the notices mean into the port's queue.
//!
//! inotify tells of inodes, and of names in directories. So an association has two marks: one on its file, for ordinary
//! events, and one on the directory that has the file's name, for deleting and renaming. Marks are shared. An association
//! that is spent keeps its slot (FILE-46), but the kernel's part of its marks goes as soon as that brings news for nobody.
//!
//! | module | what it does |
//! |---|---|
//! | `associate` | making an association, and making it anew |
//! | `path` | from a path to the file and the name it is watched by |
//! | `stamps` | times and sizes, and what their differences mean |
//! | `associations`, `marks`, `table` | what is known, without any memory being freed where events are fetched |
//! | `notices`, `dispatch` | from the kernel's notices to events |
//! | `recheck` | what no notice tells: mounts, and notices that were lost |

mod associate;
mod associations;
mod dispatch;
mod marks;
mod notices;
mod path;
mod recheck;
mod stamps;
mod table;

pub(crate) use associate::associate;
pub(crate) use recheck::look_at_mounts;

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::sink::Sink;
use crate::slab::{Node, Phase, Slot};
use associations::Associations;
use libc::c_int;
use marks::Marks;
use table::{NONE, Number};

/// `Node::extra` of a slot with an exception, whose association is gone (FILE-34). With an association it has that one's
/// number.
const EXCEPTION: u32 = NONE;

/// What a port knows of files. Protected by its lock.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// A file has been associated at some time (FILE-48, PORT-10).
    registered: bool,
    channel: Option<Channel>,
    marks: Marks,
    associations: Associations,
}

/// How many descriptors of its own a port may have for files.
pub(crate) const HELPERS: usize = 3;

/// The inotify instance.
const INOTIFY: usize = 0;
/// The table of mounts: being told that it has changed wears off when anybody polls the port, so this one wakes…
const MOUNTS: usize = 1;
/// … and this one is asked. Without /proc there is neither.
const MOUNTS_TO_ASK: usize = 2;

/// The way in which the kernel tells. Its descriptors are helpers of the port.
#[derive(Debug)]
struct Channel {
    inotify: c_int,
    mounts: Option<c_int>,
    /// For notices. Out while they are looked at.
    buffer: Option<Box<[u8]>>,
    /// For paths.
    scratch: Vec<u8>,
}

/// Room for many notices, and for the longest.
const BUFFER: usize = 16_384;

/// No notice is longer: a header, a name and what ends it.
const LONGEST_NOTICE: usize = 16 + 255 + 1;

/// Room for the longest path, and a name below it.
const SCRATCH: usize = libc::PATH_MAX as usize + 257;

impl Files {
    fn inotify(&self) -> Option<c_int> {
        self.channel.as_ref().map(|channel| channel.inotify)
    }

    fn release_mark(&mut self, at: Number) {
        if let (Some(inotify), true) = (self.inotify(), at != NONE) {
            self.marks.release(inotify, at);
        }
    }

    /// Drops the kernel's part of a mark that brings news for nobody.
    fn silence_if_idle(&mut self, at: Number) {
        if let (Some(inotify), true) = (self.inotify(), self.marks.table[at].is_idle()) {
            self.marks.silence(inotify, at);
        }
    }

    /// Drops the kernel's part of every mark that brings news for nobody. Answers whether there was any.
    fn silence_idle(&mut self) -> bool {
        self.inotify().is_some_and(|inotify| self.marks.silence_idle(inotify))
    }

    /// Makes an association a target of its mark, the last to be served.
    fn target(&mut self, at: Number) {
        let own = self.associations.table[at].own;
        self.associations.table.append(&mut self.marks.table[own].targets, at, |a| &mut a.links);
    }

    /// Undoes that.
    fn untarget(&mut self, at: Number) {
        let own = self.associations.table[at].own;
        self.associations.table.unlink(&mut self.marks.table[own].targets, at, |a| &mut a.links);
    }

    /// Begins to watch an association's name, if it has one to go by.
    fn watch_name(&mut self, at: Number) {
        let parent = self.associations.table[at].parent;
        if parent != NONE {
            self.associations.watch_name(at);
            self.marks.table[parent].names += 1;
        }
    }

    /// Undoes that.
    fn unwatch_name(&mut self, at: Number) {
        let parent = self.associations.table[at].parent;
        if parent != NONE {
            self.associations.unwatch_name(at);
            self.marks.table[parent].names -= 1;
        }
    }

    /// Moves an association whose event was retrieved to those that wait for nothing.
    fn spend(&mut self, at: Number) {
        self.untarget(at);
        self.associations.table.append(&mut self.associations.spent, at, |a| &mut a.links);
    }

    fn unspend(&mut self, at: Number) {
        self.associations.table.unlink(&mut self.associations.spent, at, |a| &mut a.links);
    }

    /// Puts an association into the lists of those that are armed.
    fn list(&mut self, at: Number) {
        self.target(at);
        self.watch_name(at);
    }

    /// Takes an association out of the lists that its phase says it is in.
    fn unlist(&mut self, at: Number, phase: Phase) {
        match phase {
            Phase::Armed => {
                self.unwatch_name(at);
                self.untarget(at);
            }
            Phase::Queued => self.untarget(at),
            Phase::Idle => self.unspend(at),
        }
    }

    /// Ends an association; its slot and its memory remain.
    fn forget(&mut self, object: usize, at: Number, phase: Phase) {
        self.unlist(at, phase);
        let (own, parent) = (self.associations.table[at].own, self.associations.table[at].parent);
        self.associations.remove(object, at);
        self.release_mark(own);
        self.release_mark(parent);
    }
}

/// Opens the way to the kernel, unless it is open.
fn open_channel(port: &mut Locked) -> Result<()> {
    if port.files.channel.is_some() {
        return Ok(());
    }
    let mut buffer = Vec::new();
    let mut scratch = Vec::new();
    buffer.try_reserve_exact(BUFFER).map_err(|_| Errno::NOMEM)?;
    scratch.try_reserve_exact(SCRATCH).map_err(|_| Errno::NOMEM)?;
    buffer.resize(BUFFER, 0);
    let opened = open_inotify(port).and_then(|inotify| Ok((inotify, open_mounts(port)?)));
    let (inotify, mounts) = opened.inspect_err(|_| close_helpers(port))?;
    port.files.channel = Some(Channel { inotify, mounts, buffer: Some(buffer.into_boxed_slice()), scratch });
    port.armed += 1;
    Ok(())
}

fn open_inotify(port: &mut Locked) -> Result<c_int> {
    let inotify = os::inotify_create()?;
    add_helper(port, INOTIFY, inotify, libc::EPOLLIN)?;
    Ok(inotify)
}

fn open_mounts(port: &mut Locked) -> Result<Option<c_int>> {
    let open = |mounts: Result<c_int>| match mounts {
        Ok(mounts) => Ok(Some(mounts)),
        Err(e) if e.is_shortage() => Err(e),
        Err(_) => Ok(None),
    };
    let Some(mounts) = open(os::open_mounts())? else { return Ok(None) };
    add_helper(port, MOUNTS, mounts, libc::EPOLLPRI)?;
    let ask = open(os::open_mounts())?;
    if let Some(ask) = ask {
        port.keep_helper(super::FILE_HELPERS + MOUNTS_TO_ASK, ask);
    }
    Ok(ask)
}

fn add_helper(port: &mut Locked, which: usize, fd: c_int, events: c_int) -> Result<()> {
    let added = port.add_helper(super::FILE_HELPERS + which, fd, events as u32);
    // The limit of epoll's registrations is no limit of inotify.
    added.map_err(|e| if e == Errno::NOSPC { Errno::AGAIN } else { e })
}

fn close_helpers(port: &mut Locked) {
    for which in 0..HELPERS {
        port.close_helper(super::FILE_HELPERS + which);
    }
}

/// Closes the way to the kernel, if it serves nobody. Done only after a failure, because it takes long.
fn close_unused_channel(port: &mut Locked) {
    if port.files.channel.is_some() && port.files.marks.table.is_empty() {
        close_helpers(port);
        port.files.channel = None;
        port.armed -= 1;
    }
}

/// epoll has news for one of the helpers. Answers whether that brought events into the queue.
pub(crate) fn fired(port: &mut Locked, which: usize) -> bool {
    let before = port.queue.len();
    match which {
        INOTIFY => drain(port),
        _ => look_at_mounts(port),
    }
    port.queue.len() > before
}

/// Brings what has happened until now into the queue, before anything is done that fires at once (ORDER-1).
fn catch_up(port: &mut Locked) {
    // Where there is nothing but files, there is a cheaper way to ask.
    if port.ghosts || port.armed > usize::from(port.files.channel.is_some()) {
        // If it cannot be had, it comes later, no more.
        let _ = port.pull(usize::MAX);
    }
    drain(port);
}

/// Turns every notice that the kernel has into what it means.
fn drain(port: &mut Locked) {
    let Some(mut buffer) = port.files.channel.as_mut().and_then(|channel| channel.buffer.take()) else { return };
    // A file that changes faster than this can follow must not keep the caller here, so what comes from now on counts no
    // more. How much is there already is asked only where once is not enough.
    let mut left = None;
    loop {
        port.files.marks.confirmations = false;
        let Some(inotify) = port.files.inotify() else { break };
        let Ok(read) = os::read(inotify, &mut buffer) else { break };
        dispatch::batch(port, &mut buffer[..read]);
        if buffer.len() - read >= LONGEST_NOTICE && !port.files.marks.confirmations {
            break;
        }
        let Some(inotify) = port.files.inotify() else { break };
        let before = left.map_or_else(|| os::bytes_to_read(inotify).unwrap_or(0), |left: usize| left - left.min(read));
        left = Some(before);
        if before == 0 {
            break;
        }
    }
    if let Some(channel) = &mut port.files.channel {
        channel.buffer = Some(buffer);
    }
}

/// Takes what the kernel says of marks that it was made to drop: it would wake somebody for nothing.
fn swallow_confirmations(port: &mut Locked) {
    if port.files.marks.confirmations {
        drain(port);
    }
}

/// Puts an ordinary event into the queue (FILE-27).
fn fire(port: &mut Locked, at: Number, events: u32) {
    let slot = port.files.associations.table[at].slot;
    let node = port.port.slab.node(slot);
    // Bits of an event that was taken back by associating anew come with this one (FILE-20).
    node.events.set(node.events.get() | events);
    port.files.unwatch_name(at);
    port.push(slot);
}

/// Ends an association with an exception (FILE-33). Its slot becomes the exception's, so that there always is one.
fn except(port: &mut Locked, at: Number, event: c_int) {
    let slot = port.files.associations.table[at].slot;
    let node = port.port.slab.node(slot);
    let phase = node.phase();
    if phase == Phase::Queued {
        port.unqueue(slot);
    }
    port.files.forget(node.object.get(), at, phase);
    node.extra.set(EXCEPTION);
    node.events.set(event as u32);
    port.push(slot);
}

fn node(port: &Locked, at: Number) -> &'static Node {
    port.port.slab.node(port.files.associations.table[at].slot)
}

/// Hands an event out. After an ordinary one the association stays, and waits for nothing (FILE-46).
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    let node = port.port.slab.node(slot);
    sink.put(super::event(node));
    if node.extra.get() == EXCEPTION {
        port.port.slab.release(slot);
    } else {
        node.events.set(0);
        port.files.spend(node.extra.get());
    }
}

/// Ends an association (FILE-48).
pub(crate) fn dissociate(port: &mut Locked, object: usize) -> Result<()> {
    if !port.files.registered {
        return Err(Errno::INVAL);
    }
    catch_up(port);
    let at = port.files.associations.find(object).ok_or(Errno::NOENT)?;
    let phase = node(port, at).phase();
    discard(port, object, at);
    swallow_confirmations(port);
    if phase == Phase::Idle { Err(Errno::NOENT) } else { Ok(()) }
}

/// Ends an association, and frees all it has.
fn discard(port: &mut Locked, object: usize, at: Number) {
    let slot = port.files.associations.table[at].slot;
    let phase = port.port.slab.node(slot).phase();
    if phase == Phase::Queued {
        port.unqueue(slot);
    }
    port.files.forget(object, at, phase);
    port.files.associations.table.clear_out(at, |association| {
        association.path = path::FilePath::default();
        association.other_name = None;
    });
    port.port.slab.release(slot);
}
