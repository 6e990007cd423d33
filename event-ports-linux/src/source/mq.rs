//! Message queues that send events (`mq_notify` with `SIGEV_PORT`).
//!
//! The kernel keeps the registration, and so all of its rules: one for each queue, system-wide, and gone when it has
//! fired (MQ-2, MQ-3). It tells a socket of the port's, with a cookie that names the slot and its generation.

use crate::errno::{Errno, Result};
use crate::os;
use crate::os::mq::{self, Note};
use crate::port::Locked;
use crate::registry;
use crate::sink::Sink;
use crate::slab::{Phase, Slot};
use crate::types::{PORT_SOURCE_MQ, port_notify};
use libc::{c_int, mqd_t};

/// How many registrations a port may have. Each takes room in the socket, and the kernel waits where there is none.
const MOST: usize = 256;

/// Asks for an event when a message comes to the empty queue (MQ-1).
pub(crate) fn register(queue: mqd_t, notify: port_notify) -> Result<()> {
    let mut port = registry::enter(notify.portnfy_port).map_err(|_| Errno::BADF)?;
    let identity = os::file_identity(queue)?;
    let socket = match port.helper(super::MQ_HELPER) {
        Some(socket) => socket,
        None => open(&mut port)?,
    };
    if port.queues >= MOST {
        // Some may be over.
        drain(&mut port, socket);
        if port.queues >= MOST {
            return Err(Errno::AGAIN);
        }
    }
    let slot = super::new_slot(&mut port)?;
    let node = port.port.slab.node(slot);
    node.set_source(PORT_SOURCE_MQ);
    node.object.set(queue as usize);
    node.user.set(notify.portnfy_user as usize);
    node.events.set(0);
    node.wide.set(identity as usize);
    node.generation.set(node.generation.get().wrapping_add(1));
    let cookie = u64::from(node.generation.get()) << 32 | u64::from(slot);
    mq::register(queue, socket, cookie).inspect_err(|_| port.port.slab.release(slot))?;
    node.set_phase(Phase::Armed);
    port.queues += 1;
    port.armed += 1;
    Ok(())
}

fn open(port: &mut Locked) -> Result<c_int> {
    let socket = mq::note_socket(MOST)?;
    let added = port.add_helper(super::MQ_HELPER, socket, (libc::EPOLLIN | libc::EPOLLET) as u32);
    // The limit of epoll's registrations.
    added.map_err(|e| if e == Errno::NOSPC { Errno::AGAIN } else { e }).map(|()| socket)
}

/// The socket has news. Answers whether that brought an event into the queue.
pub(crate) fn fired(port: &mut Locked) -> bool {
    port.helper(super::MQ_HELPER).is_some_and(|socket| drain(port, socket))
}

fn drain(port: &mut Locked, socket: c_int) -> bool {
    let mut any = false;
    // An error means that there is no note, or that the kernel had no memory for one.
    while let Ok(Note { cookie, arrived }) = mq::take_note(socket) {
        let (slot, generation) = (cookie as u32, (cookie >> 32) as u32);
        let Some(node) = port.port.slab.find(slot) else { continue };
        let valid = node.source() == PORT_SOURCE_MQ && node.phase() == Phase::Armed;
        if !valid || node.generation.get() != generation {
            continue;
        }
        port.queues -= 1;
        port.armed -= 1;
        if arrived {
            port.push(slot);
            any = true;
        } else {
            port.port.slab.release(slot);
        }
    }
    any
}

/// Frees the slots of registrations that were taken back. Answers whether there were any registrations to look at.
pub(crate) fn sweep(port: &mut Locked) -> bool {
    let registered = port.queues;
    fired(port);
    port.queues < registered
}

/// Hands out the event, whose slot ends with it (MQ-4).
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    sink.put(super::event(port.port.slab.node(slot)));
    port.port.slab.release(slot);
}

/// Takes the registrations of a port that ends back, so that queues are free for others (MQ-7).
pub(crate) fn unregister_all(port: &mut Locked) {
    // What has fired is over, and the queue may be registered with another port of this process by now.
    fired(port);
    if port.queues == 0 {
        return;
    }
    for slot in port.port.slab.touched() {
        let node = port.port.slab.node(slot);
        if node.source() != PORT_SOURCE_MQ || node.phase() != Phase::Armed {
            continue;
        }
        let queue = node.object.get() as mqd_t;
        if os::file_identity(queue).is_ok_and(|identity| identity as usize == node.wide.get()) {
            mq::unregister(queue);
        }
    }
}
