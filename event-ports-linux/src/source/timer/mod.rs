//! Timers that send events (`timer_create` with `SIGEV_PORT`).
//!
//! A timer costs a slot and a record, not a descriptor: the timers of a port lie in heaps, one for each clock, and one
//! timerfd for each clock in use wakes the port when the first of them is due. A timer whose event is queued is in no
//! heap; how often it has expired is seen when the event is retrieved (TIMER-5), and then it goes on.
//!
//! Expiring, retrieving and sending events get here in signal handlers too (`port_send`), so they neither allocate nor
//! free: creating a timer makes the room that it will need.

mod heap;
mod record;

pub(crate) use record::{forget_all, is_ours};

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::registry;
use crate::sink::Sink;
use crate::slab::{Node, Phase, Slot};
use crate::types::{PORT_SOURCE_TIMER, port_notify};
use heap::Heap;
use libc::{c_int, clockid_t, itimerspec, timespec};
use record::{Owned, Record};

/// The clocks that can wake a port. Their places here are the numbers used elsewhere.
const CLOCKS: [clockid_t; 3] = [libc::CLOCK_MONOTONIC, libc::CLOCK_REALTIME, libc::CLOCK_BOOTTIME];
const MONOTONIC: usize = 0;
const REALTIME: usize = 1;

/// How many descriptors of a port's helpers are timers'.
pub(crate) const HELPERS: usize = CLOCKS.len();

/// The longest time, in nanoseconds: 292 years.
const LONGEST: u64 = i64::MAX as u64;

/// The timers of a port.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    clocks: [Clock; CLOCKS.len()],
    /// What the kernel has been told to wait for may no longer be right.
    pub(crate) stale: bool,
}

/// The timers that run on one clock.
#[derive(Debug, Default)]
struct Clock {
    /// Those that are armed and have no event queued.
    heap: Heap,
    /// How many timers may get into the heap.
    members: usize,
    /// What the kernel waits for. 0 for nothing.
    programmed: u64,
}

/// The clocks that deadlines of a timer may be on. A relative time on the realtime clock is not affected when that is
/// set, so it is one on the monotonic clock.
fn bases(clock: usize) -> &'static [usize] {
    match clock {
        REALTIME => &[MONOTONIC, REALTIME],
        MONOTONIC => &[MONOTONIC],
        _ => &[2],
    }
}

fn now(clock: usize) -> u64 {
    os::clock_nanos(CLOCKS[clock])
}

/// Creates a timer (TIMER-1, TIMER-2) and returns its id.
pub(crate) fn create(clock: clockid_t, notify: port_notify) -> Result<usize> {
    let clock = CLOCKS.iter().position(|&c| c == clock).ok_or(Errno::INVAL)?;
    let mut port = registry::enter(notify.portnfy_port)?;
    let slot = super::new_slot(&mut port)?;
    let made = prepare(&mut port, clock).and_then(|()| record::allocate(&port));
    let Ok(record) = made.inspect_err(|_| port.port.slab.release(slot)) else { return made.map(|_| 0) };
    for &base in bases(clock) {
        port.timers.clocks[base].members += 1;
    }
    record.set_slot(slot);
    record.set_clock(clock as u32);
    record.set_base(bases(clock)[0] as u32);
    let node = port.port.slab.node(slot);
    node.set_source(PORT_SOURCE_TIMER);
    node.object.set(record.id() as usize);
    node.user.set(notify.portnfy_user as usize);
    node.events.set(0);
    Ok(record.id() as usize)
}

/// Makes sure that one more timer can run on a clock.
fn prepare(port: &mut Locked, clock: usize) -> Result<()> {
    for &base in bases(clock) {
        let members = port.timers.clocks[base].members;
        port.timers.clocks[base].heap.reserve(members + 1)?;
        if port.helper(base).is_none() {
            let fd = os::timerfd(CLOCKS[base]).map_err(resources)?;
            // Edge-triggered, so that one expiration is reported once, and need not be read.
            port.add_helper(base, fd, (libc::EPOLLIN | libc::EPOLLET) as u32).map_err(resources)?;
        }
    }
    Ok(())
}

/// What running out of something means to the caller of `timer_create`.
fn resources(e: Errno) -> Errno {
    if e == Errno::NOMEM { e } else { Errno::AGAIN }
}

/// Arms or disarms a timer (TIMER-8). Returns what was set before.
pub(crate) fn settime(id: usize, flags: c_int, new: &itimerspec) -> Result<itimerspec> {
    let (value, interval) = (nanos(new.it_value)?, nanos(new.it_interval)?);
    match record::lock(id)? {
        Owned::Detached(orphan) => {
            let timer = orphan.record;
            timer.elapse(now(timer.base() as usize));
            let old = setting(timer);
            set(timer, flags, value, interval);
            Ok(old)
        }
        Owned::Attached(mut port, timer) => {
            catch_up(&mut port, timer);
            let old = setting(timer);
            clock_of(&mut port, timer).heap.remove(timer);
            set(timer, flags, value, interval);
            wind(&mut port, timer);
            catch_up(&mut port, timer);
            Ok(old)
        }
    }
}

/// What is left until a timer expires, and its interval.
pub(crate) fn gettime(id: usize) -> Result<itimerspec> {
    match record::lock(id)? {
        Owned::Detached(orphan) => Ok(setting(orphan.record)),
        Owned::Attached(_port, timer) => Ok(setting(timer)),
    }
}

/// How often the timer has expired unnoticed: the event says it, so never (TIMER-7).
pub(crate) fn getoverrun(id: usize) -> Result<c_int> {
    record::lock(id).map(|_| 0)
}

/// Ends a timer, and takes back its event if that was not retrieved yet (TIMER-9).
pub(crate) fn delete(id: usize) -> Result<()> {
    match record::lock(id)? {
        Owned::Detached(orphan) => orphan.release(),
        Owned::Attached(mut port, timer) => {
            let slot = timer.slot();
            if port.port.slab.node(slot).phase() == Phase::Queued {
                port.unqueue(slot);
            }
            clock_of(&mut port, timer).heap.remove(timer);
            port.timers.stale = true;
            for &base in bases(timer.clock() as usize) {
                port.timers.clocks[base].members -= 1;
            }
            port.port.slab.release(slot);
            record::release(timer);
        }
    }
    Ok(())
}

fn nanos(time: timespec) -> Result<u64> {
    if time.tv_sec < 0 || !(0..1_000_000_000).contains(&time.tv_nsec) {
        return Err(Errno::INVAL);
    }
    Ok((time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64).min(LONGEST))
}

fn set(timer: &Record, flags: c_int, value: u64, interval: u64) {
    let absolute = flags & libc::TIMER_ABSTIME != 0;
    let clock = timer.clock() as usize;
    let base = if clock == REALTIME && !absolute { MONOTONIC } else { clock };
    let start = if absolute { 0 } else { now(base) };
    timer.set_base(base as u32);
    timer.set_interval(interval);
    timer.set_deadline(if value == 0 { 0 } else { start.saturating_add(value).min(LONGEST) });
}

fn setting(timer: &Record) -> itimerspec {
    itimerspec {
        it_interval: os::timespec(timer.interval()),
        it_value: os::timespec(timer.remaining(now(timer.base() as usize))),
    }
}

fn clock_of<'a>(port: &'a mut Locked, timer: &Record) -> &'a mut Clock {
    &mut port.timers.clocks[timer.base() as usize]
}

/// Puts a timer into its heap if it is armed and has no event queued.
fn wind(port: &mut Locked, timer: &'static Record) {
    port.timers.stale = true;
    if timer.deadline() != 0 && port.port.slab.node(timer.slot()).phase() != Phase::Queued {
        clock_of(port, timer).heap.add(timer);
    }
}

/// Takes the expirations up to now into the timer's event.
fn catch_up(port: &mut Locked, timer: &'static Record) {
    let now = now(timer.base() as usize);
    let is_due = || timer.deadline() != 0 && timer.deadline() <= now;
    if is_due() && port.port.slab.node(timer.slot()).phase() != Phase::Queued {
        // What the kernel holds has happened before (ORDER-1). If it cannot be had, this event comes first, no more.
        let _ = port.pull(usize::MAX);
    }
    if is_due() {
        expire(port, timer, now);
    }
}

/// Counts the expirations of a timer that is due, and queues its event unless that is queued already.
fn expire(port: &mut Locked, timer: &'static Record, now: u64) {
    clock_of(port, timer).heap.remove(timer);
    port.timers.stale = true;
    let node = port.port.slab.node(timer.slot());
    count(node, timer.elapse(now));
    if node.phase() != Phase::Queued {
        port.push(timer.slot());
    }
}

/// Adds expirations to an event (TIMER-4).
fn count(node: &Node, more: u64) {
    let all = u64::from(node.events.get()).saturating_add(more);
    node.events.set(all.min(c_int::MAX as u64) as u32);
}

/// The kernel says that timers on a clock are due. Answers whether that brought events into the queue.
pub(crate) fn fired(port: &mut Locked, clock: usize) -> bool {
    let now = now(clock);
    let mut any = false;
    while let Some(timer) = port.timers.clocks[clock].heap.first().filter(|t| t.deadline() <= now) {
        expire(port, timer, now);
        any = true;
    }
    // What it waited for is over, whether or not that was still wanted.
    if core::mem::take(&mut port.timers.clocks[clock].programmed) != 0 {
        port.armed -= 1;
    }
    port.timers.stale = true;
    any
}

/// Hands out a timer's event, with all expirations up to now, and lets the timer go on (TIMER-6).
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    let node = port.port.slab.node(slot);
    let Some(timer) = record::find(node.object.get()) else { return };
    if timer.deadline() != 0 {
        count(node, timer.elapse(now(timer.base() as usize)));
        wind(port, timer);
    }
    sink.put(super::event(node));
    node.events.set(0);
}

/// Tells the kernel what to wait for.
pub(crate) fn program(port: &mut Locked) {
    port.timers.stale = false;
    for base in 0..CLOCKS.len() {
        let clock = &mut port.timers.clocks[base];
        let first = clock.heap.first().map_or(0, Record::deadline);
        let before = core::mem::replace(&mut clock.programmed, first);
        if first == before {
            continue;
        }
        if let Some(fd) = port.helper(base) {
            os::timerfd_set(fd, first);
        }
        port.armed = port.armed + usize::from(before == 0) - usize::from(first == 0);
    }
}

/// Takes its timers from a port that ends. They go on, and tell nobody (TIMER-12).
pub(crate) fn detach_all(port: &mut Locked) {
    if port.timers.clocks.iter().all(|c| c.members == 0) {
        return;
    }
    for slot in port.port.slab.touched() {
        let node = port.port.slab.node(slot);
        if node.source() == PORT_SOURCE_TIMER {
            if let Some(timer) = record::find(node.object.get()) {
                timer.detach();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOCKS, MONOTONIC, REALTIME, Record, bases, now, set};

    #[test]
    fn setting_the_system_time_affects_absolute_times_alone() {
        let timer = Record::leaked(0);
        timer.set_clock(REALTIME as u32);
        set(timer, 0, 1_000_000_000, 0);
        assert_eq!(timer.base(), MONOTONIC as u32);
        assert!(timer.remaining(now(MONOTONIC)) <= 1_000_000_000);
        set(timer, libc::TIMER_ABSTIME, 1_000_000_000, 0);
        assert_eq!((timer.base(), timer.deadline()), (REALTIME as u32, 1_000_000_000));
    }

    #[test]
    fn a_timer_has_room_in_each_heap_it_may_get_into() {
        for clock in 0..CLOCKS.len() {
            for flags in [0, libc::TIMER_ABSTIME] {
                let timer = Record::leaked(0);
                timer.set_clock(clock as u32);
                set(timer, flags, 1, 0);
                assert!(bases(clock).contains(&(timer.base() as usize)));
            }
        }
    }
}
