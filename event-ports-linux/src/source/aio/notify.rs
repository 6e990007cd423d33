//! What happens when a request, or a list of them, is complete.

use crate::errno::{Errno, Result};
use crate::os::thread;
use crate::port::Port;
use crate::registry;
use crate::slab::Slot;
use crate::types::{PORT_SOURCE_AIO, SIGEV_PORT, port_notify};
use core::mem::ManuallyDrop;
use libc::{c_int, sigevent, sigval};

/// Who is told.
#[derive(Debug)]
pub(crate) enum Notify {
    Nobody,
    Port(Reservation),
    Signal(c_int, sigval),
}

// SAFETY: the value of a signal is a pointer only to the program. Nobody here follows it.
unsafe impl Send for Notify {}

/// A slot of a port that waits for its event. It is held from the submission, so that the event cannot fail to fit
/// (AIO-7). Dropped, it gives the slot back: nothing was started.
#[derive(Debug)]
pub(crate) struct Reservation {
    port: &'static Port,
    life: usize,
    slot: Slot,
}

impl Reservation {
    /// Queues the event, unless the port is gone (AIO-16).
    fn queue(self) {
        let reserved = ManuallyDrop::new(self);
        let mut locked = reserved.port.lock_from_behind();
        if locked.life == reserved.life {
            locked.push(reserved.slot);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.port.lock_from_behind().life == self.life {
            self.port.slab.release(self.slot);
        }
    }
}

impl Notify {
    /// What a `sigevent` asks for, with the event's object and events in case it is one.
    ///
    /// # Safety
    /// With `SIGEV_PORT`, `sival_ptr` is null or points to a `port_notify`.
    pub(crate) unsafe fn read(event: &sigevent, object: usize, events: c_int) -> Result<Self> {
        match event.sigev_notify {
            SIGEV_PORT => {
                // SAFETY: the caller's promise.
                let notify = unsafe { event.sigev_value.sival_ptr.cast::<port_notify>().as_ref() };
                reserve(*notify.ok_or(Errno::FAULT)?, object, events).map(Self::Port)
            }
            // A structure of zeros asks for signal 0, which is none.
            libc::SIGEV_SIGNAL if event.sigev_signo != 0 => Ok(Self::Signal(event.sigev_signo, event.sigev_value)),
            libc::SIGEV_SIGNAL | libc::SIGEV_NONE => Ok(Self::Nobody),
            // Starting a thread for each completion is what this crate is there to avoid.
            _ => Err(Errno::INVAL),
        }
    }

    /// Tells whoever is to be told.
    pub(crate) fn send(self) {
        match self {
            Self::Nobody => {}
            Self::Port(reservation) => reservation.queue(),
            Self::Signal(signal, value) => {
                // Too many signals are queued already. The C library loses it as well.
                let _ = thread::signal_completion(signal, value);
            }
        }
    }
}

fn reserve(notify: port_notify, object: usize, events: c_int) -> Result<Reservation> {
    let mut locked = registry::enter(notify.portnfy_port).map_err(|_| Errno::INVAL)?;
    let slot = crate::source::new_slot(&mut locked)?;
    let node = locked.port.slab.node(slot);
    node.set_source(PORT_SOURCE_AIO);
    node.events.set(events as u32);
    node.object.set(object);
    node.user.set(notify.portnfy_user as usize);
    Ok(Reservation { port: locked.port, life: locked.life, slot })
}
