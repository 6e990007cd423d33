//! Taking events from a port: the one place that calls `port_getn`.
//!
//! Never `port_get`, which returns success and no event for a zero timeout (GET-3). What the kernel says about how many
//! events it wrote is believed only as far as the slots bear it out: they are handed over with the source zeroed, and
//! the written ones have another (GETN-9, GETN-10, MEM-6).

use crate::event::Slot;
use crate::port::Shared;
use crate::time::{Deadline, slice};
use crate::{EventPort, GetError, GetNError, PortEvent, source, sys};
use libc::{c_uint, timespec};
use std::io;
use std::ptr;
use std::time::Duration;

/// How a retrieval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// There are as many events as were asked for, or the port is in alert mode and the last one says so.
    Filled,
    /// The time passed. There may be events, if fewer than were asked for.
    TimedOut,
    /// A signal arrived, and the caller wanted to know. There may be events, if fewer than were asked for.
    Interrupted,
}

/// What to do about a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// Wait on, until the same deadline.
    WaitOn,
    /// Return.
    Return,
}

/// How many slots the kernel wrote, and how the retrieval ended. The events are there in either case.
pub(crate) type Retrieved = (usize, io::Result<Outcome>);

impl Shared {
    /// Waits for `min` events (at least 1, at most as many as there are slots) and takes what there is room for.
    ///
    /// No slot may say it was written.
    #[inline]
    pub(crate) fn retrieve(
        &self,
        slots: &mut [Slot],
        min: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> Retrieved {
        debug_assert!(min >= 1 && min <= slots.len());
        let deadline = Deadline::after(timeout);
        let (mut filled, result) = self.attempt(slots, min, timeout);
        if result.is_ok() && filled >= min {
            return (filled, Ok(Outcome::Filled));
        }
        let outcome = self.wait_on(slots, min, &mut filled, (timeout, result), deadline, on_signal);
        (filled, outcome)
    }

    /// The rest of a retrieval whose first attempt did not bring what was asked for.
    #[cold]
    fn wait_on(
        &self,
        slots: &mut [Slot],
        min: usize,
        filled: &mut usize,
        first: (Option<Duration>, Result<(), i32>),
        deadline: Deadline,
        on_signal: OnSignal,
    ) -> io::Result<Outcome> {
        let (mut wait, mut result) = first;
        loop {
            // Alert mode brings one event whatever was asked for (GETN-13); asking for the rest would bring it again.
            let alerted = slots[..*filled].last().is_some_and(|last| last.source() == source::ALERT);
            if *filled >= min || alerted {
                return Ok(Outcome::Filled);
            }
            let left = match (deadline, result) {
                // A poll takes what there is and is over (GETN-7).
                (Deadline::Poll, Ok(())) => return Ok(Outcome::TimedOut),
                (_, Err(libc::EINTR)) if on_signal == OnSignal::Return => return Ok(Outcome::Interrupted),
                // Fewer events than the kernel counted (GETN-11), a signal, or a wait that ended: wait on if there is
                // time left by our clock.
                (_, Ok(()) | Err(libc::EINTR)) => deadline.remaining(),
                (_, Err(libc::ETIME)) => match deadline.remaining() {
                    Some(Duration::ZERO) => return Ok(Outcome::TimedOut),
                    left => left,
                },
                (_, Err(errno)) => return Err(io::Error::from_raw_os_error(errno)),
            };
            // With a zero wait that is a last look, which ends it.
            if left == Some(Duration::ZERO) && wait == Some(Duration::ZERO) && result.is_ok() {
                return Ok(Outcome::TimedOut);
            }
            wait = left;
            let (more, next) = self.attempt(&mut slots[*filled..], min - *filled, wait);
            *filled += more;
            result = next;
        }
    }

    /// One call of `port_getn`: how many events it wrote, and the errno if it failed.
    #[inline]
    fn attempt(&self, slots: &mut [Slot], min: usize, wait: Option<Duration>) -> (usize, Result<(), i32>) {
        let max = c_uint::try_from(slots.len()).unwrap_or(c_uint::MAX);
        let mut nget = c_uint::try_from(min).unwrap_or(c_uint::MAX);
        let mut time: timespec;
        let timeout = match wait {
            None => ptr::null_mut(),
            Some(wait) => {
                time = slice(wait);
                &raw mut time
            }
        };
        // SAFETY: `slots` has room for `max` events (`Slot` is transparent), `nget` and the timeout, if any, are valid
        // for the length of the call, which keeps none of them.
        let result = unsafe { sys::port_getn(self.fd(), slots.as_mut_ptr().cast(), max, &raw mut nget, timeout) };
        if result == 0 {
            return (count(slots, nget as usize), Ok(()));
        }
        failed(slots, nget as usize)
    }
}

/// The number of leading slots that were written, of at most `limit`.
#[inline]
fn count(slots: &[Slot], limit: usize) -> usize {
    slots.iter().take(limit).take_while(|slot| slot.source() != 0).count()
}

#[cold]
fn failed(slots: &[Slot], nget: usize) -> (usize, Result<(), i32>) {
    // `last_os_error` made from errno always has a number.
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    // Only a timeout says how many events there are (GETN-8); after any other error the slots alone do.
    let limit = if errno == libc::ETIME { nget } else { slots.len() };
    (count(slots, limit), Err(errno))
}

/// How many events [`EventPort::get_n`] takes per system call.
const CHUNK: usize = 128;

impl EventPort {
    /// `port_getn` for one event: waits for an event and takes it.
    ///
    /// Without a timeout it waits as long as it takes; a zero timeout only looks. The wait is measured on the monotonic
    /// clock, so it neither ends early nor late when the time of day is set, and goes on when a signal arrives. Any
    /// number of threads may wait at once; each event goes to one of them.
    ///
    /// An event of a descriptor or a file has spent its association: associate again to hear more.
    ///
    /// # Errors
    /// The time passed ([`GetError::is_timeout`]).
    ///
    /// See [port_get(3C)](https://illumos.org/man/3C/port_get).
    ///
    /// ```
    /// use event_ports::EventPort;
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// let error = port.get(Some(Duration::ZERO)).unwrap_err();
    /// assert!(error.is_timeout());
    /// port.send(1, 2)?;
    /// assert_eq!(port.get(Some(Duration::MAX))?.user, 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_get")]
    #[doc(alias = "port_getn")]
    #[inline]
    pub fn get(&self, timeout: Option<Duration>) -> Result<PortEvent, GetError> {
        let mut slots = [Slot::EMPTY];
        match self.shared.retrieve(&mut slots, 1, timeout, OnSignal::WaitOn) {
            (1, Ok(_)) => Ok(PortEvent::new(&slots[0], self.shared.extra(&slots[0]))),
            (_, result) => Err(get_error(timeout, result)),
        }
    }

    /// `port_getn`: waits until there is an event and takes up to `max`; none if the time passes.
    ///
    /// Each call makes a new list. A loop that takes many events is better served by
    /// [`get_into`](Self::get_into), which reuses one.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_getn(3C)](https://illumos.org/man/3C/port_getn).
    ///
    /// ```
    /// use event_ports::EventPort;
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// for user in 0..3 {
    ///     port.send(1, user)?;
    /// }
    /// let events = port.get_n(10, Some(Duration::from_secs(1)))?;
    /// assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), [0, 1, 2]);
    /// assert!(port.get_n(10, Some(Duration::ZERO))?.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_getn")]
    pub fn get_n(&self, max: usize, timeout: Option<Duration>) -> Result<Vec<PortEvent>, GetNError> {
        let mut events = Vec::new();
        // Zero is the kernel's way to ask for the count (GETN-3).
        if max == 0 {
            return Ok(events);
        }
        let mut slots = [Slot::EMPTY; CHUNK];
        let mut wait = timeout;
        loop {
            let room = (max - events.len()).min(CHUNK);
            let (filled, result) = self.shared.retrieve(&mut slots[..room], 1, wait, OnSignal::WaitOn);
            events.extend(slots[..filled].iter_mut().map(|slot| {
                let event = PortEvent::new(slot, self.shared.extra(slot));
                slot.clear();
                event
            }));
            match result {
                // What was taken from the port must reach the caller, and the error will come again.
                Err(source) if events.is_empty() => return Err(GetNError { min: 1, max, timeout, source }),
                Err(_) => return Ok(events),
                Ok(_) if filled < room || events.len() == max => return Ok(events),
                // A full chunk: there may be more, but that is not to be waited for.
                Ok(_) => wait = Some(Duration::ZERO),
            }
        }
    }
}

#[cold]
fn get_error(timeout: Option<Duration>, result: io::Result<Outcome>) -> GetError {
    // Without an event and without an error the time has passed, be it that the kernel said so or that a poll found
    // nothing, for which it says nothing.
    let source = result.err().unwrap_or_else(|| io::Error::from_raw_os_error(libc::ETIME));
    GetError { timeout, source }
}
