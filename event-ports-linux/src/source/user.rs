//! Events that programs send (`port_send`, `port_sendn`).
//!
//! Sending is async-signal-safe: it neither waits for the port's lock, which the interrupted thread may hold, nor
//! allocates memory. It looks a port up without a lock as well, once the number is known.

use crate::errno::Result;
use crate::port::{Locked, Port};
use crate::registry::{self, Entered};
use crate::sink::Sink;
use crate::slab::Slot;
use crate::types::PORT_SOURCE_USER;
use libc::c_int;

/// Sends one event (SEND-1).
pub(crate) fn send(number: c_int, events: c_int, user: usize) -> Result<()> {
    loop {
        match registry::enter_to_send(number)? {
            Entered::Locked(port) => return send_locked(port, events, user),
            Entered::Busy { port, life } => {
                if port.send_unlocked(number, life, |slot| fill(port, slot, events, user))? {
                    return Ok(());
                }
                // The port has ended, or the number has become another: look again.
                std::thread::yield_now();
            }
        }
    }
}

fn send_locked(mut port: Locked, events: c_int, user: usize) -> Result<()> {
    let slot = super::new_slot(&mut port)?;
    fill(port.port, slot, events, user);
    // What the kernel holds has happened before (ORDER-1). If it cannot be had, this event comes first, no more.
    let _ = port.pull(usize::MAX);
    port.push(slot);
    Ok(())
}

fn fill(port: &'static Port, slot: Slot, events: c_int, user: usize) {
    let node = port.slab.node(slot);
    node.set_source(PORT_SOURCE_USER);
    node.events.set(events as u32);
    node.object.set(0);
    node.user.set(user);
}

pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    sink.put(super::event(port.port.slab.node(slot)));
    port.port.slab.release(slot);
}
