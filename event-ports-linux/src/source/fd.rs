//! Readiness of descriptors, over one-shot registrations in the port's epoll.
//!
//! epoll answers with a cookie. Ours names the slot and its generation, never memory: whatever answer comes late finds
//! that the generation has moved on.

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::sink::Sink;
use crate::slab::{NIL, Node, Phase, Slot};
use crate::types::PORT_SOURCE_FD;
use libc::c_int;

/// What poll(2) can report. Higher bits never match (FD-3), and some of them mean other things to epoll.
const POLL_BITS: u32 = 0xffff;

/// Reported whether asked for or not (FD-13).
const ALWAYS: u32 = (libc::POLLERR | libc::POLLHUP) as u32;

/// What a regular file or a directory is always ready for (FD-19).
const FILE_READY: u32 =
    (libc::POLLIN | libc::POLLRDNORM | libc::POLLRDBAND | libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND) as u32;

/// `Node::extra` of a slot whose descriptor epoll does not take, because it is always ready.
const UNPOLLABLE: u32 = 1;

fn descriptor(object: usize) -> Result<c_int> {
    c_int::try_from(object).map_err(|_| Errno::BADFD)
}

fn cookie(slot: Slot, node: &Node) -> u64 {
    u64::from(node.generation.get()) << 32 | u64::from(slot)
}

/// Associates a descriptor, or associates it anew (FD-1 … FD-20).
pub(crate) fn associate(port: &mut Locked, object: usize, events: c_int, user: usize) -> Result<()> {
    let fd = descriptor(object)?;
    if !port.fd_source {
        check_original(port)?;
    }
    let (slot, was) = match port.fds.get(object) {
        NIL => (new_slot(port, fd)?, Registration::None),
        slot => (slot, disarm(port, slot)),
    };
    let node = port.port.slab.node(slot);
    node.mask.set(events as u32 & POLL_BITS);
    node.user.set(user);
    node.generation.set(node.generation.get().wrapping_add(1));
    let armed = arm(port, fd, slot, was);
    if armed.is_ok() {
        port.fd_source = true;
    } else {
        // A failure ends the association that was (FD-4).
        port.ghosts |= was == Registration::Live;
        forget(port, object, slot);
    }
    armed
}

/// The first association of a descriptor, and of a file, goes by the number `port_create` returned (PORT-10).
pub(super) fn check_original(port: &Locked) -> Result<()> {
    let original = port.original_number;
    if original != port.number && !port.is_at(original) {
        return Err(if os::is_open(original) { Errno::BADFD } else { Errno::BADF });
    }
    Ok(())
}

fn new_slot(port: &mut Locked, fd: c_int) -> Result<Slot> {
    port.fds.reserve(fd as usize)?;
    let slab = &port.port.slab;
    let slot = match slab.allocate() {
        Some(slot) => slot,
        None => {
            if !os::is_open(fd) {
                return Err(Errno::BADFD);
            }
            super::new_slot(port)?
        }
    };
    let node = slab.node(slot);
    node.set_source(PORT_SOURCE_FD);
    node.object.set(fd as usize);
    node.extra.set(0);
    port.fds.set(fd as usize, slot);
    Ok(slot)
}

/// How the kernel's registration of a slot stands when it is associated.
#[derive(Clone, Copy, PartialEq)]
enum Registration {
    /// There is none.
    None,
    /// Spent: it fires no more until it is modified.
    Spent,
    /// It may fire, or may have fired without anyone having looked.
    Live,
}

/// Takes back what an earlier association may still bring.
fn disarm(port: &mut Locked, slot: Slot) -> Registration {
    let node = port.port.slab.node(slot);
    let was = node.phase();
    if was == Phase::Queued {
        port.unqueue(slot);
    }
    node.set_phase(Phase::Idle);
    if node.extra.get() == UNPOLLABLE {
        node.extra.set(0);
        return Registration::None;
    }
    if was == Phase::Armed {
        port.armed -= 1;
        return Registration::Live;
    }
    Registration::Spent
}

fn arm(port: &mut Locked, fd: c_int, slot: Slot, was: Registration) -> Result<()> {
    let node = port.port.slab.node(slot);
    let events = node.mask.get() | libc::EPOLLONESHOT as u32;
    let cookie = cookie(slot, node);
    let registered = match was {
        Registration::Spent => match os::epoll_mod(port.number, fd, events, cookie) {
            // The number has been closed and is another file now. The old registration has fired, so no ghost of it.
            Err(Errno::NOENT) => os::epoll_add(port.number, fd, events, cookie),
            other => other,
        },
        Registration::Live => {
            // Modifying would leave an event that is pending in its place; its place is at the end (FD-9).
            match os::epoll_del(port.number, fd) {
                Ok(()) => os::epoll_add(port.number, fd, events, cookie),
                Err(Errno::NOENT) => {
                    port.ghosts = true;
                    os::epoll_add(port.number, fd, events, cookie)
                }
                Err(e) => Err(e),
            }
        }
        Registration::None => match os::epoll_add(port.number, fd, events, cookie) {
            // Somebody has registered it behind our back.
            Err(Errno::EXIST) => os::epoll_mod(port.number, fd, events, cookie),
            other => other,
        },
    };
    match registered {
        Ok(()) => {
            node.set_phase(Phase::Armed);
            port.armed += 1;
            Ok(())
        }
        Err(Errno::PERM) => arm_unpollable(port, fd, slot),
        Err(e) => Err(explain(port, fd, e)),
    }
}

/// A regular file, a directory or a device without a poll routine.
fn arm_unpollable(port: &mut Locked, fd: c_int, slot: Slot) -> Result<()> {
    let node = port.port.slab.node(slot);
    node.wide.set(os::file_identity(fd).map_err(|e| if e == Errno::NOMEM { e } else { Errno::BADFD })? as usize);
    node.extra.set(UNPOLLABLE);
    let ready = node.mask.get() & FILE_READY;
    if ready == 0 {
        // Nothing will ever come, but the association is there.
        node.set_phase(Phase::Armed);
    } else {
        node.events.set(ready);
        // What the kernel holds has happened before (ORDER-1). If it cannot be had, this event comes first, no more.
        let _ = port.pull(usize::MAX);
        port.push(slot);
    }
    Ok(())
}

/// What an error of `epoll_ctl` means to the caller of `port_associate`.
fn explain(port: &Locked, fd: c_int, e: Errno) -> Errno {
    match e {
        Errno::BADF | Errno::INVAL if !os::is_open(fd) => Errno::BADFD,
        // An O_PATH descriptor: open, but of no use for this.
        Errno::BADF if port.is_at(port.number) => Errno::BADFD,
        Errno::NOSPC => Errno::AGAIN,
        e => port.explain(e),
    }
}

fn forget(port: &mut Locked, object: usize, slot: Slot) {
    let node = port.port.slab.node(slot);
    match node.phase() {
        Phase::Queued => port.unqueue(slot),
        Phase::Armed if node.extra.get() != UNPOLLABLE => port.armed -= 1,
        Phase::Armed | Phase::Idle => {}
    }
    port.fds.set(object, NIL);
    port.port.slab.release(slot);
}

/// Ends an association (FD-28).
pub(crate) fn dissociate(port: &mut Locked, object: usize) -> Result<()> {
    let fd = descriptor(object)?;
    if !port.fd_source {
        return Err(Errno::NOENT);
    }
    let slot = port.fds.get(object);
    if slot == NIL {
        return Err(if os::is_open(fd) { Errno::NOENT } else { Errno::BADFD });
    }
    let node = port.port.slab.node(slot);
    let pending = node.phase() != Phase::Idle;
    let same_file = match node.extra.get() {
        UNPOLLABLE => is_still(fd, node),
        _ => os::epoll_del(port.number, fd).is_ok(),
    };
    port.ghosts |= !same_file;
    forget(port, object, slot);
    match (same_file, pending) {
        (true, true) => Ok(()),
        (true, false) => Err(Errno::NOENT),
        (false, _) => Err(if os::is_open(fd) { Errno::NOENT } else { Errno::BADFD }),
    }
}

/// epoll has an event for a registration.
pub(crate) fn fired(port: &mut Locked, slot: Slot, generation: u32, events: u32) -> bool {
    let valid = disarm_fired(port, slot, generation, events);
    if valid {
        port.push(slot);
    }
    valid
}

/// The same, with nothing queued before the event.
#[inline]
pub(crate) fn fired_at_once(port: &mut Locked, slot: Slot, generation: u32, events: u32, sink: &mut Sink) {
    if disarm_fired(port, slot, generation, events) {
        port.port.slab.node(slot).set_phase(Phase::Idle);
        deliver(port, slot, sink);
    }
}

#[inline]
fn disarm_fired(port: &mut Locked, slot: Slot, generation: u32, events: u32) -> bool {
    let node = port.port.slab.node(slot);
    let valid = node.phase() == Phase::Armed && node.generation.get() == generation;
    if valid {
        port.armed -= 1;
        node.events.set(events & (node.mask.get() | ALWAYS));
    }
    valid
}

/// Hands the event out, unless its descriptor has been closed (FD-21).
#[inline]
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    let node = port.port.slab.node(slot);
    if port.descriptors_are_trusted || is_associated(port, slot) {
        sink.put(super::event(node));
    } else {
        forget(port, node.object.get(), slot);
    }
}

/// Drops queued events whose descriptors have been closed, and their associations.
pub(crate) fn discard_void(port: &mut Locked) {
    if port.descriptors_are_trusted {
        return;
    }
    let mut slot = port.queue.first();
    while slot != NIL {
        let next = port.queue.after(&port.port.slab, slot);
        let node = port.port.slab.node(slot);
        if node.source() == PORT_SOURCE_FD && !is_associated(port, slot) {
            forget(port, node.object.get(), slot);
        }
        slot = next;
    }
}

/// Whether the number of an association still is the file that was associated.
///
/// The port is locked: nobody else makes or ends registrations meanwhile.
fn is_associated(port: &Locked, slot: Slot) -> bool {
    let node = port.port.slab.node(slot);
    let fd = node.object.get() as c_int;
    if node.extra.get() == UNPOLLABLE { is_still(fd, node) } else { is_registered(port.number, fd) }
}

/// Whether the epoll of `port` has `fd` as the file that it is now. Nothing there has changed after it.
///
/// A registration of a closed descriptor lives on while a duplicate does, so its event proves nothing. But adding the
/// pair of number and file anew fails exactly if it is there.
pub(crate) fn is_registered(port: c_int, fd: c_int) -> bool {
    match os::epoll_add(port, fd, libc::EPOLLONESHOT as u32, 0) {
        Err(Errno::EXIST) => true,
        Ok(()) => {
            // It has just been added, so this fails only if somebody has closed the number again, which removes it too.
            let _ = os::epoll_del(port, fd);
            false
        }
        Err(_) => false,
    }
}

fn is_still(fd: c_int, node: &Node) -> bool {
    match os::file_identity(fd) {
        Ok(identity) => identity as usize == node.wide.get(),
        Err(e) => e != Errno::BADF,
    }
}

/// Frees the slots of descriptors that have been closed. Answers whether there were any.
pub(crate) fn sweep_closed(port: &mut Locked) -> bool {
    let mut found = false;
    for slot in port.port.slab.touched() {
        let node = port.port.slab.node(slot);
        if node.source() != PORT_SOURCE_FD {
            continue;
        }
        let object = node.object.get();
        if port.fds.get(object) == slot && !is_associated(port, slot) {
            forget(port, object, slot);
            port.ghosts = true;
            found = true;
        }
    }
    found
}
