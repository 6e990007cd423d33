//! The sources of events, one module each.

pub(crate) mod alert;
pub(crate) mod fd;
pub(crate) mod user;

use crate::port::Locked;
use crate::sink::Sink;
use crate::slab::{Node, Slot};
use crate::types::{PORT_SOURCE_FD, PORT_SOURCE_USER, port_event};
use libc::c_void;

/// The kernel says that what was registered for a slot in its `generation` has happened. Answers whether that brought
/// an event into the queue.
pub(crate) fn fired(port: &mut Locked, slot: Slot, generation: u32, events: u32) -> bool {
    let Some(node) = port.port.slab.find(slot) else { return false };
    match node.source() {
        PORT_SOURCE_FD => fd::fired(port, slot, generation, events),
        _ => false,
    }
}

/// The same while nothing is queued: an event that the sink can take at once goes there, another into the queue.
#[inline]
pub(crate) fn fired_at_once(port: &mut Locked, slot: Slot, generation: u32, events: u32, sink: &mut Sink) {
    let Some(node) = port.port.slab.find(slot) else { return };
    match node.source() {
        PORT_SOURCE_FD => fd::fired_at_once(port, slot, generation, events, sink),
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
        _ => port.port.slab.release(slot),
    }
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
