//! Taking events from a port: the one place that calls `port_getn`.
//!
//! Never `port_get`, which returns success and no event for a zero timeout (GET-3). What the kernel says about how many
//! events it wrote is believed only as far as the slots bear it out: they are handed over with the source zeroed, and
//! the written ones have another (GETN-9, GETN-10, MEM-6).

use crate::event::{Extra, Slot};
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

/// What a retrieval brought: the leading slots are written, whether or not it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retrieved {
    /// How many slots the kernel wrote.
    pub(crate) filled: usize,
    /// Whether one of them is of a source that has more to tell ([`Extra`](crate::event::Extra)).
    pub(crate) extras: bool,
    /// How it ended, or the errno.
    pub(crate) end: Result<Outcome, i32>,
}

/// `port_getn`, or what a test puts in its place.
pub(crate) trait GetN {
    /// Waits for `nget` events, takes as many as there are slots, and may say in `nget` how many that were. An error is
    /// the errno.
    fn getn(&self, slots: &mut [Slot], nget: &mut c_uint, wait: Option<Duration>) -> Result<(), i32>;
}

impl GetN for Shared {
    #[inline(always)]
    fn getn(&self, slots: &mut [Slot], nget: &mut c_uint, wait: Option<Duration>) -> Result<(), i32> {
        let max = c_uint::try_from(slots.len()).unwrap_or(c_uint::MAX);
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
        let result = unsafe { sys::port_getn(self.fd(), slots.as_mut_ptr().cast(), max, nget, timeout) };
        if result == 0 { Ok(()) } else { Err(errno()) }
    }
}

#[cold]
fn errno() -> i32 {
    // An error made from errno always has a number.
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}

/// Waits for `min` events (at least 1, at most as many as there are slots) and takes what there is room for.
///
/// No slot may say that it was written.
#[inline]
pub(crate) fn retrieve(
    port: &impl GetN,
    slots: &mut [Slot],
    min: usize,
    timeout: Option<Duration>,
    on_signal: OnSignal,
) -> Retrieved {
    // Apart, since only the last needs the clock, and much is gained by not keeping what it needs at hand.
    match timeout {
        None => until(port, slots, min, None, Deadline::Never, on_signal),
        Some(Duration::ZERO) => until(port, slots, min, timeout, Deadline::Poll, on_signal),
        Some(_) => within(port, slots, min, timeout, on_signal),
    }
}

/// [`retrieve`] for one event. If there is none, how it ended.
#[inline]
fn retrieve_one(port: &impl GetN, timeout: Option<Duration>) -> Result<Slot, Result<Outcome, i32>> {
    let mut slots = [Slot::EMPTY];
    // Written out for the case that needs no clock and brings the event at once.
    if timeout.is_none() && port.getn(&mut slots, &mut 1, None).is_ok() && slots[0].source() != 0 {
        return Ok(slots[0]);
    }
    retrieve_one_again(port, slots, timeout)
}

#[cold]
#[inline(never)]
fn retrieve_one_again(
    port: &impl GetN,
    mut slots: [Slot; 1],
    timeout: Option<Duration>,
) -> Result<Slot, Result<Outcome, i32>> {
    // A signal without an event (GET-6), which is waited on after anyway, unless a system gave both (MEM-6).
    if slots[0].source() != 0 {
        return Ok(slots[0]);
    }
    match retrieve(port, &mut slots, 1, timeout, OnSignal::WaitOn).end {
        Ok(Outcome::Filled) => Ok(slots[0]),
        end => Err(end),
    }
}

#[inline(never)]
fn within(
    port: &impl GetN,
    slots: &mut [Slot],
    min: usize,
    timeout: Option<Duration>,
    on_signal: OnSignal,
) -> Retrieved {
    let deadline = Deadline::after(timeout);
    until(port, slots, min, timeout, deadline, on_signal)
}

/// The first attempt, which mostly is the only one.
#[inline(always)]
fn until(
    port: &impl GetN,
    slots: &mut [Slot],
    min: usize,
    wait: Option<Duration>,
    deadline: Deadline,
    on_signal: OnSignal,
) -> Retrieved {
    debug_assert!(min >= 1 && min <= slots.len());
    let attempt = attempt(port, slots, min, wait);
    if attempt.error.is_none() && attempt.filled >= min {
        return Retrieved { filled: attempt.filled, extras: attempt.extras, end: Ok(Outcome::Filled) };
    }
    wait_on(port, slots, min, attempt, wait, deadline, on_signal)
}

/// The rest of a retrieval whose first attempt did not bring what was asked for.
#[cold]
#[inline(never)]
fn wait_on(
    port: &impl GetN,
    slots: &mut [Slot],
    min: usize,
    first: Attempt,
    first_wait: Option<Duration>,
    deadline: Deadline,
    on_signal: OnSignal,
) -> Retrieved {
    let Attempt { mut filled, mut extras, mut error } = first;
    let mut wait = first_wait;
    let end = loop {
        // Alert mode brings one event whatever was asked for (GETN-13); asking for the rest would bring it again.
        let alerted = slots[..filled].last().is_some_and(|last| last.source() == source::ALERT);
        if filled >= min || alerted {
            break Ok(Outcome::Filled);
        }
        match error {
            // A look took what there was, and is over (GETN-7).
            None if wait == Some(Duration::ZERO) => break Ok(Outcome::TimedOut),
            // Fewer events than the kernel counted (GETN-11): wait for the rest.
            None => {}
            Some(libc::EINTR) if on_signal == OnSignal::Return => break Ok(Outcome::Interrupted),
            Some(libc::EINTR) => {}
            // Whether it is time is for our clock to say.
            Some(libc::ETIME) if deadline.remaining() == Some(Duration::ZERO) => break Ok(Outcome::TimedOut),
            Some(libc::ETIME) => {}
            Some(errno) => break Err(errno),
        }
        // If nothing is left, this is a last look.
        wait = deadline.remaining();
        let more = attempt(port, &mut slots[filled..], min - filled, wait);
        filled += more.filled;
        extras |= more.extras;
        error = more.error;
    };
    Retrieved { filled, extras, end }
}

/// What one call of `port_getn` brought.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    filled: usize,
    extras: bool,
    error: Option<i32>,
}

#[inline(always)]
fn attempt(port: &impl GetN, slots: &mut [Slot], min: usize, wait: Option<Duration>) -> Attempt {
    let mut nget = c_uint::try_from(min).unwrap_or(c_uint::MAX);
    let error = port.getn(slots, &mut nget, wait).err();
    // Only with success is the count to be relied on (GETN-9, GETN-10); otherwise the slots alone tell.
    let limit = if error.is_none() { (nget as usize).min(slots.len()) } else { slots.len() };
    let (filled, extras) = written(&slots[..limit]);
    Attempt { filled, extras, error }
}

/// How many leading slots were written, and whether there is more to one of them.
#[inline(always)]
fn written(slots: &[Slot]) -> (usize, bool) {
    // The sources that occur, as a set: one pass without a branch, since mostly all slots are written. Numbers that
    // share a bit are told apart by those who look closer.
    let seen = slots.iter().fold(0, |seen, slot| seen | source::bit(slot.source()));
    let filled = if seen & source::bit(0) == 0 { slots.len() } else { leading(slots) };
    (filled, seen & Extra::SOURCES != 0)
}

#[cold]
fn leading(slots: &[Slot]) -> usize {
    slots.iter().take_while(|slot| slot.source() != 0).count()
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
        match retrieve_one(&*self.shared, timeout) {
            Ok(mut slot) => {
                let extra = self.shared.extra(&mut slot);
                Ok(PortEvent::new(&slot, extra))
            }
            Err(end) => Err(get_error(timeout, end)),
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
        let mut wait = timeout;
        loop {
            let mut slots = [Slot::EMPTY; CHUNK];
            let room = (max - events.len()).min(CHUNK);
            let taken = retrieve(&*self.shared, &mut slots[..room], 1, wait, OnSignal::WaitOn);
            events.extend(slots[..taken.filled].iter_mut().map(|slot| {
                let extra = self.shared.extra(slot);
                PortEvent::new(slot, extra)
            }));
            match taken.end {
                // What was taken from the port must reach the caller, and the error will come again.
                Err(errno) if events.is_empty() => {
                    return Err(GetNError { min: 1, max, timeout, source: io::Error::from_raw_os_error(errno) });
                }
                Err(_) => return Ok(events),
                Ok(_) if taken.filled < room || events.len() == max => return Ok(events),
                // A full chunk: there may be more, but that is not to be waited for.
                Ok(_) => wait = Some(Duration::ZERO),
            }
        }
    }
}

#[cold]
fn get_error(timeout: Option<Duration>, end: Result<Outcome, i32>) -> GetError {
    // Without an event and without an error the time has passed, be it that the kernel said so or that a look found
    // nothing, for which it says nothing.
    GetError { timeout, source: io::Error::from_raw_os_error(end.err().unwrap_or(libc::ETIME)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::thread;

    /// What the kernel does when called: which events it writes, what it says how many they are (`None`: nothing), and
    /// what it returns.
    struct Step {
        writes: Vec<u16>,
        nget: Option<c_uint>,
        result: Result<(), i32>,
    }

    fn ok(writes: &[u16]) -> Step {
        Step { writes: writes.into(), nget: Some(writes.len() as c_uint), result: Ok(()) }
    }

    /// ETIME is the one error that comes with a count (GETN-8, GETN-9).
    fn fails(errno: i32, writes: &[u16]) -> Step {
        let nget = (errno == libc::ETIME).then_some(writes.len() as c_uint);
        Step { writes: writes.into(), nget, result: Err(errno) }
    }

    struct Kernel {
        steps: RefCell<std::vec::IntoIter<Step>>,
        calls: RefCell<Vec<(usize, c_uint, Option<Duration>)>>,
        written: Cell<usize>,
    }

    impl Kernel {
        fn new(steps: Vec<Step>) -> Self {
            Self { steps: RefCell::new(steps.into_iter()), calls: RefCell::default(), written: Cell::new(0) }
        }

        /// How many calls it got, each with how much room, how many to wait for, and how long.
        fn calls(&self) -> Vec<(usize, c_uint, Option<Duration>)> {
            assert_eq!(self.steps.borrow_mut().next().map(|step| step.result), None, "not all was asked for");
            self.calls.take()
        }
    }

    impl GetN for Kernel {
        fn getn(&self, slots: &mut [Slot], nget: &mut c_uint, wait: Option<Duration>) -> Result<(), i32> {
            self.calls.borrow_mut().push((slots.len(), *nget, wait));
            let step = self.steps.borrow_mut().next().expect("one call too many");
            assert!(slots.iter().all(|slot| slot.source() == 0));
            for (slot, source) in slots.iter_mut().zip(step.writes) {
                self.written.set(self.written.get() + 1);
                *slot = Slot::written(1, source, 0, self.written.get());
            }
            if let Some(count) = step.nget {
                *nget = count;
            }
            step.result
        }
    }

    const USER: u16 = sys::PORT_SOURCE_USER as u16;
    const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

    /// The events taken, by the order in which the kernel wrote them, and how it ended.
    fn run(
        kernel: &Kernel,
        room: usize,
        min: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> (Vec<usize>, Result<Outcome, i32>) {
        let mut slots = vec![Slot::EMPTY; room];
        let Retrieved { filled, end, .. } = retrieve(kernel, &mut slots, min, timeout, on_signal);
        (slots[..filled].iter().map(Slot::user).collect(), end)
    }

    #[test]
    fn one_call_when_the_events_are_there() {
        let kernel = Kernel::new(vec![ok(&[USER, source::FD])]);
        assert_eq!(run(&kernel, 8, 1, None, OnSignal::WaitOn), (vec![1, 2], Ok(Outcome::Filled)));
        assert_eq!(kernel.calls(), [(8, 1, None)]);
    }

    #[test]
    fn getn_7_a_look_is_one_call_whatever_it_finds() {
        let kernel = Kernel::new(vec![ok(&[])]);
        assert_eq!(run(&kernel, 8, 1, Some(Duration::ZERO), OnSignal::WaitOn), (vec![], Ok(Outcome::TimedOut)));
        let kernel = Kernel::new(vec![ok(&[USER])]);
        assert_eq!(run(&kernel, 8, 2, Some(Duration::ZERO), OnSignal::WaitOn), (vec![1], Ok(Outcome::TimedOut)));
    }

    #[test]
    fn getn_8_events_that_come_with_a_timeout_are_not_lost() {
        let kernel = Kernel::new(vec![fails(libc::ETIME, &[USER])]);
        // Long past when the first call returns.
        let timeout = Some(Duration::from_nanos(1));
        assert_eq!(run(&kernel, 8, 2, timeout, OnSignal::WaitOn), (vec![1], Ok(Outcome::TimedOut)));
        assert_eq!(kernel.calls(), [(8, 2, timeout)]);
    }

    #[test]
    fn getn_10_a_stale_count_brings_no_event() {
        let stale = Step { writes: vec![], nget: Some(2), result: Err(libc::ETIME) };
        let kernel = Kernel::new(vec![stale]);
        let timeout = Some(Duration::from_nanos(1));
        assert_eq!(run(&kernel, 8, 2, timeout, OnSignal::WaitOn), (vec![], Ok(Outcome::TimedOut)));
    }

    #[test]
    fn getn_9_after_a_signal_the_count_means_nothing() {
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[])]);
        assert_eq!(run(&kernel, 8, 2, None, OnSignal::Return), (vec![], Ok(Outcome::Interrupted)));
        // Some systems do return events with EINTR; the slots tell.
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[USER])]);
        assert_eq!(run(&kernel, 8, 2, None, OnSignal::Return), (vec![1], Ok(Outcome::Interrupted)));
    }

    #[test]
    fn s7_a_signal_does_not_end_the_wait() {
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[]), fails(libc::EINTR, &[USER]), ok(&[USER])]);
        assert_eq!(run(&kernel, 8, 2, HOUR, OnSignal::WaitOn), (vec![1, 2], Ok(Outcome::Filled)));
        let calls = kernel.calls();
        assert_eq!(calls.iter().map(|&(room, nget, _)| (room, nget)).collect::<Vec<_>>(), [(8, 2), (8, 2), (7, 1)]);
        // The deadline stays: what is left shrinks.
        assert!(calls.windows(2).all(|pair| pair[1].2 <= pair[0].2 && pair[1].2 > Some(Duration::from_secs(3000))));
    }

    #[test]
    fn s7_a_timeout_before_our_deadline_is_waited_out() {
        // GET-10: the time of day was set.
        let kernel = Kernel::new(vec![fails(libc::ETIME, &[USER]), ok(&[USER])]);
        assert_eq!(run(&kernel, 8, 2, HOUR, OnSignal::WaitOn), (vec![1, 2], Ok(Outcome::Filled)));
        assert_eq!(kernel.calls().len(), 2);
    }

    #[test]
    fn s7_the_longest_timeout_outlasts_the_longest_wait() {
        let kernel = Kernel::new(vec![fails(libc::ETIME, &[]), fails(libc::ETIME, &[]), ok(&[USER])]);
        assert_eq!(run(&kernel, 1, 1, Some(Duration::MAX), OnSignal::WaitOn), (vec![1], Ok(Outcome::Filled)));
        // Once the deadline is known to be beyond counting, the wait has no end.
        assert_eq!(kernel.calls(), [(1, 1, Some(Duration::MAX)), (1, 1, None), (1, 1, None)]);
    }

    #[test]
    fn getn_11_fewer_events_than_the_kernel_counted() {
        let kernel = Kernel::new(vec![ok(&[USER]), ok(&[USER, USER])]);
        assert_eq!(run(&kernel, 4, 3, None, OnSignal::WaitOn), (vec![1, 2, 3], Ok(Outcome::Filled)));
        assert_eq!(kernel.calls(), [(4, 3, None), (3, 2, None)]);
        // A slot that says nothing was not written, whatever the count.
        let kernel = Kernel::new(vec![Step { nget: Some(2), ..ok(&[]) }, ok(&[USER])]);
        assert_eq!(run(&kernel, 4, 1, None, OnSignal::WaitOn), (vec![1], Ok(Outcome::Filled)));
    }

    #[test]
    fn getn_13_an_alert_is_not_waited_on() {
        let kernel = Kernel::new(vec![ok(&[source::ALERT])]);
        assert_eq!(run(&kernel, 8, 8, None, OnSignal::WaitOn), (vec![1], Ok(Outcome::Filled)));
        // Nor if it comes while waiting for the rest.
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[USER]), ok(&[source::ALERT])]);
        assert_eq!(run(&kernel, 8, 8, None, OnSignal::WaitOn), (vec![1, 2], Ok(Outcome::Filled)));
    }

    #[test]
    fn an_error_leaves_the_events_taken_before() {
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[USER]), fails(libc::EBADF, &[])]);
        assert_eq!(run(&kernel, 8, 2, None, OnSignal::WaitOn), (vec![1], Err(libc::EBADF)));
    }

    #[test]
    fn sources_that_share_a_bit_are_told_apart() {
        // 32 looks like 0 to the set, and 39 like a file.
        let odd = [32, source::FILE + 32, 64];
        let kernel = Kernel::new(vec![ok(&odd)]);
        assert_eq!(run(&kernel, 3, 3, None, OnSignal::WaitOn), (vec![1, 2, 3], Ok(Outcome::Filled)));
    }

    #[test]
    fn one_event_by_the_short_way_and_the_long_one() {
        let kernel = Kernel::new(vec![ok(&[USER])]);
        assert_eq!(retrieve_one(&kernel, None).map(|slot| slot.user()).ok(), Some(1));
        assert_eq!(kernel.calls(), [(1, 1, None)]);
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[]), fails(libc::EINTR, &[]), ok(&[USER])]);
        assert_eq!(retrieve_one(&kernel, None).map(|slot| slot.user()).ok(), Some(1));
        assert_eq!(kernel.calls().len(), 3);
        // The event that came with a signal is not overwritten by the next.
        let kernel = Kernel::new(vec![fails(libc::EINTR, &[USER])]);
        assert_eq!(retrieve_one(&kernel, None).map(|slot| slot.user()).ok(), Some(1));
        let kernel = Kernel::new(vec![ok(&[])]);
        assert_eq!(retrieve_one(&kernel, Some(Duration::ZERO)).err(), Some(Ok(Outcome::TimedOut)));
        let kernel = Kernel::new(vec![fails(libc::EBADF, &[]), fails(libc::EBADF, &[])]);
        assert_eq!(retrieve_one(&kernel, None).err(), Some(Err(libc::EBADF)));
    }

    #[test]
    fn get_n_takes_more_than_a_chunk_in_order() {
        let port = EventPort::new().unwrap();
        let count = 2 * CHUNK + 7;
        let take = |max| {
            (0..count).for_each(|user| port.send(1, user).unwrap());
            let events = port.get_n(max, None).unwrap();
            assert!(events.iter().map(|event| event.user).eq(0..max.min(count)));
            events.len()
        };
        assert_eq!(take(usize::MAX), count);
        assert_eq!(port.pending().unwrap(), 0);
        assert_eq!(take(CHUNK + 1), CHUNK + 1);
        assert_eq!(port.get_n(usize::MAX, None).unwrap().len(), count - CHUNK - 1);
        // No wait for more after a full chunk, and no call at all for none.
        (0..CHUNK).for_each(|user| port.send(1, user).unwrap());
        assert_eq!(port.get_n(usize::MAX, None).unwrap().len(), CHUNK);
        assert!(port.get_n(0, None).unwrap().is_empty());
    }

    #[test]
    fn an_event_goes_to_one_of_the_threads_that_wait() {
        const EVENTS: usize = 3000;
        let port = EventPort::new().unwrap();
        let counts: Vec<usize> = thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| (0..).take_while(|_| port.get(None).unwrap().events == 1).count()))
                .collect();
            (0..EVENTS).for_each(|user| port.send(1, user).unwrap());
            takers.iter().for_each(|_| port.send(0, 0).unwrap());
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        });
        assert_eq!(counts.iter().sum::<usize>(), EVENTS);
    }
}
