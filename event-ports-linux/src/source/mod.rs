//! The sources of events, one module each.

pub(crate) mod aio;
pub(crate) mod alert;
pub(crate) mod fd;
pub(crate) mod file;
pub(crate) mod mq;
pub(crate) mod timer;
pub(crate) mod user;

use crate::errno::{Errno, Result};
use crate::port::Locked;
use crate::sink::Sink;
use crate::slab::{Node, Slot};
use crate::types::{
    PORT_SOURCE_AIO, PORT_SOURCE_FD, PORT_SOURCE_FILE, PORT_SOURCE_MQ, PORT_SOURCE_TIMER, PORT_SOURCE_USER, port_event,
};
use libc::c_void;

/// The kernel says that what was registered for a slot in its `generation` has happened. Answers whether that brought
/// an event into the queue.
pub(crate) fn fired(port: &mut Locked, slot: Slot, generation: u32, events: u32) -> bool {
    let Some(node) = port.port.slab.find(slot) else { return helper_fired(port, slot) };
    match node.source() {
        PORT_SOURCE_FD => fd::fired(port, slot, generation, events),
        _ => false,
    }
}

/// The same while nothing is queued: an event that the sink can take at once goes there, another into the queue.
#[inline]
pub(crate) fn fired_at_once(port: &mut Locked, slot: Slot, generation: u32, events: u32, sink: &mut Sink) {
    match port.port.slab.find(slot).map(Node::source) {
        Some(PORT_SOURCE_FD) => fd::fired_at_once(port, slot, generation, events, sink),
        _ => {
            fired(port, slot, generation, events);
        }
    }
}

/// Turns a slot that was just taken from the queue into the event to return, or into nothing where the event has
/// become void. Gives back the slot where nothing holds it any more.
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    match port.port.slab.node(slot).source() {
        PORT_SOURCE_FD => fd::deliver(port, slot, sink),
        PORT_SOURCE_USER => user::deliver(port, slot, sink),
        PORT_SOURCE_TIMER => timer::deliver(port, slot, sink),
        PORT_SOURCE_FILE => file::deliver(port, slot, sink),
        PORT_SOURCE_AIO => aio::deliver(port, slot, sink),
        PORT_SOURCE_MQ => mq::deliver(port, slot, sink),
        _ => port.port.slab.release(slot),
    }
}

/// How many descriptors of its own a port may have for sources: one for each clock of timers, then those of files, then
/// the one of message queues.
pub(crate) const HELPERS: usize = MQ_HELPER + 1;

/// The first one of files.
const FILE_HELPERS: usize = timer::HELPERS;

/// The one of message queues.
const MQ_HELPER: usize = FILE_HELPERS + file::HELPERS;

/// What epoll answers for helpers: numbers that are no slot's.
const FIRST_HELPER: Slot = Slot::MAX - 0xff;

pub(crate) fn helper_cookie(which: usize) -> u64 {
    u64::from(FIRST_HELPER) + which as u64
}

/// A helper has news. Answers whether that brought an event into the queue.
#[cold]
fn helper_fired(port: &mut Locked, slot: Slot) -> bool {
    match slot.checked_sub(FIRST_HELPER).map(|which| which as usize) {
        Some(which) if which < timer::HELPERS => timer::fired(port, which),
        Some(which) if which < MQ_HELPER => file::fired(port, which - FILE_HELPERS),
        Some(MQ_HELPER) => mq::fired(port),
        _ => false,
    }
}

/// A slot for something new. `EAGAIN` if the port is full (LIMIT-1).
fn new_slot(port: &mut Locked) -> Result<Slot> {
    let slab = &port.port.slab;
    match slab.allocate() {
        Some(slot) => Ok(slot),
        None if fd::sweep_closed(port) | mq::sweep(port) => slab.allocate().ok_or(Errno::AGAIN),
        None => Err(Errno::AGAIN),
    }
}

/// A port ends: what sources have outside it must know.
pub(crate) fn end(port: &mut Locked) {
    timer::detach_all(port);
    mq::unregister_all(port);
}

/// This process is a forked child: what sources keep for the process is its parent's.
pub(crate) fn forget_all() {
    timer::forget_all();
    aio::forget_all();
}

/// The event as its slot describes it.
#[inline]
fn event(node: &Node) -> port_event {
    port_event {
        portev_events: node.events.get() as libc::c_int,
        portev_source: node.source() as u16,
        portev_pad: 0,
        portev_object: node.object.get(),
        portev_user: node.user.get() as *mut c_void,
    }
}
