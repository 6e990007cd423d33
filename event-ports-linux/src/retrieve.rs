//! `port_get` and `port_getn`: taking events, and waiting for them.

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Locked;
use crate::registry;
use crate::sink::Sink;
use crate::source::fd;
use crate::timeout::{Timeout, Until};
use crate::waiters::{Place, Waiter, sign};
use libc::c_int;

/// How a retrieval ended; the events are in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With what was asked for, or with what there was for a call that may not wait.
    Done,
    /// By the clock, perhaps with fewer events than were asked for.
    TimedOut,
}

/// A leader looks after itself at least this often: a closed descriptor does not wake who waits for it (WAIT-6).
const LEADER_SLICE: u64 = 1_000_000_000;

/// A follower is woken whenever something concerns it. Only its sleep must have an end, for signals' sake.
const FOLLOWER_SLICE: u64 = 3_600_000_000_000;

/// How many events a leader with others behind it fetches at once.
const SHARED_BATCH: usize = 16;

/// How many events are pending (GETN-3).
pub(crate) fn count(number: c_int) -> Result<usize> {
    let mut port = registry::enter(number)?;
    port.pull(usize::MAX)?;
    fd::discard_void(&mut port);
    Ok(port.queue.len())
}

/// Retrieves at least `min` events, which is not 0, and as many more as there are and the sink takes.
///
/// With `partial`, running out of time takes what there is.
#[inline]
pub(crate) fn retrieve(number: c_int, sink: &mut Sink, min: usize, timeout: Timeout, partial: bool) -> Result<Outcome> {
    let mut port = registry::enter(number)?;
    if let Some(alert) = port.alert {
        sink.put(alert.event());
        return Ok(Outcome::Done);
    }
    // Some may be void: their descriptors have been closed. Then there may be others behind them.
    while gather(&mut port, sink, min)? {
        if sink.filled() > 0 {
            return Ok(Outcome::Done);
        }
    }
    retrieve_slowly(port, sink, min, timeout, partial)
}

/// The rest of [`retrieve`] where there are not enough events.
#[inline(never)]
fn retrieve_slowly(mut port: Locked, sink: &mut Sink, min: usize, timeout: Timeout, partial: bool) -> Result<Outcome> {
    let until = timeout.start()?;
    if until == Until::Now {
        port.take(sink);
        return Ok(Outcome::Done);
    }
    wait(port, sink, min, until, partial)
}

/// Takes events if there are `min`, after a look at what the kernel holds. Answers whether there were.
#[inline]
fn gather(port: &mut Locked, sink: &mut Sink, min: usize) -> Result<bool> {
    if port.contended() {
        // The next thread finds its events in the queue, and does not have to ask the kernel.
        port.pull(SHARED_BATCH.max(sink.room()))?;
    } else if min == 1 && port.queue.len() == 0 {
        port.fetch(sink)?;
    } else if port.queue.len() < sink.room() {
        port.pull(sink.room() - port.queue.len())?;
    }
    let enough = sink.filled() > 0 || port.queue.len() >= min;
    if enough && sink.room() > 0 {
        port.take(sink);
    }
    Ok(enough)
}

/// What to do after a look at the port.
enum Next {
    Wait,
    Return(Result<Outcome>),
    /// The descriptor is not this port any more (WAIT-6).
    Lost,
    /// The port has ended meanwhile: do not touch it again.
    Gone,
}

fn wait(port: Locked, sink: &mut Sink, min: usize, until: Until, partial: bool) -> Result<Outcome> {
    let waiter = Waiter::new(min, port.number);
    let call = Call { min, until, partial, life: port.life, alerts: port.alerts, waiter: &waiter };
    let mut news = News::default();
    let mut port = Some(port);
    loop {
        let Some(mut held) = port.take() else { return gone(&waiter) };
        let shelf = held.port;
        // SAFETY: every way out of this loop resigns and takes the waiter off the list first, unless the port has ended,
        // which does both.
        unsafe { stand_in_line(&mut held, &waiter) }?;
        let slept = call.sleep(held, &mut news);
        let signs = waiter.take_signs();
        if signs & sign::CLOSED != 0 {
            return gone(&waiter);
        }
        let mut held = shelf.lock(waiter.number);
        match call.look(&mut held, signs, slept, sink) {
            Next::Wait => port = Some(held),
            Next::Return(result) => {
                held.waiters.remove(&waiter);
                return result;
            }
            Next::Lost => {
                held.waiters.remove(&waiter);
                drop(held);
                registry::reconsider(waiter.number);
                return Err(Errno::BADF);
            }
            Next::Gone => {}
        }
    }
}

fn gone(waiter: &Waiter) -> Result<Outcome> {
    waiter.execute_bequest();
    Err(Errno::BADF)
}

/// Adds a thread to those that wait, unless it is there already, and makes it the leader if there is none.
///
/// # Safety
/// As for `WaitList::insert`; the waiter also resigns before it goes.
unsafe fn stand_in_line(port: &mut Locked, waiter: &Waiter) -> Result<()> {
    if !port.waiters.contains(waiter) {
        // SAFETY: the caller's promise.
        unsafe { port.waiters.insert(waiter) }?;
    }
    if port.leader.is_none() {
        // SAFETY: the caller's promise.
        port.leader = Some(unsafe { Place::of(waiter) });
    }
    Ok(())
}

/// What stays the same while one call waits.
struct Call<'a> {
    min: usize,
    until: Until,
    partial: bool,
    life: usize,
    alerts: u64,
    waiter: &'a Waiter,
}

impl Call<'_> {
    /// Lets go of the port and sleeps until there is something to look at. `EINTR` after a signal.
    fn sleep(&self, mut port: Locked, news: &mut News) -> Result<()> {
        if !port.leader.is_some_and(|p| p.is(self.waiter)) {
            drop(port);
            return self.waiter.sleep(self.until.left(FOLLOWER_SLICE));
        }
        let number = port.number;
        // With events in the queue that are too few for anyone the port stays readable; then only news counts.
        port.restore();
        if port.unclaimed() == 0 {
            drop(port);
            return os::wait_readable(number, self.until.left(LEADER_SLICE)).map(drop);
        }
        port.leader_wants_news = true;
        drop(port);
        news.wait(number, self.until.left(LEADER_SLICE))
    }

    /// Sees what the sleep has brought.
    fn look(&self, port: &mut Locked, signs: u32, slept: Result<()>, sink: &mut Sink) -> Next {
        if port.life != self.life {
            return Next::Gone;
        }
        port.resign(self.waiter);
        if signs & sign::ALERT != 0 {
            sink.put(self.waiter.alert().event());
            return Next::Return(Ok(Outcome::Done));
        }
        let mut claimed = signs & sign::CLAIM != 0;
        if let Some(alert) = port.last_alert.filter(|_| port.alerts != self.alerts) {
            // Set while this thread was on its way to events, and no longer in the line of those that wait (ALERT-5). Its
            // events are for others.
            if claimed {
                port.settle_claim(self.waiter);
            }
            sink.put(alert.event());
            return Next::Return(Ok(Outcome::Done));
        }
        if !claimed {
            if !port.is_at(port.number) {
                return Next::Lost;
            }
            if let Err(e) = port.pull(SHARED_BATCH.max(sink.room())) {
                return Next::Return(Err(e));
            }
            port.dispatch();
            // The events may have been set aside for this very thread.
            let more = self.waiter.take_signs();
            claimed = more & sign::CLAIM != 0;
        }
        if claimed {
            port.settle_claim(self.waiter);
            // Somebody may have taken them (WAIT-4), or they may be void.
            if port.queue.len() >= self.min && port.take(sink) > 0 {
                return Next::Return(Ok(Outcome::Done));
            }
        }
        if let Err(e) = slept {
            return Next::Return(Err(e));
        }
        if self.until.left(1) == 0 {
            if self.partial {
                port.take(sink);
            }
            return Next::Return(Ok(Outcome::TimedOut));
        }
        Next::Wait
    }
}

/// A way to wait for what happens next on a port that is readable already: an epoll with the port in it, edge-triggered.
#[derive(Default)]
struct News {
    epoll: Option<c_int>,
}

impl News {
    /// How long to wait between looks where there is no descriptor to be had for this.
    const TICK: u64 = 1_000_000;

    fn wait(&mut self, port: c_int, nanos: u64) -> Result<()> {
        if self.epoll.is_none() {
            self.epoll = Self::open(port).ok();
        }
        let Some(epoll) = self.epoll else {
            return os::wait_readable(-1, nanos.min(Self::TICK)).map(drop);
        };
        os::wait_readable(epoll, nanos)?;
        // Takes the edge. What it was is seen in the port itself.
        let mut batch = [const { core::mem::MaybeUninit::uninit() }; os::EPOLL_BATCH];
        os::epoll_poll(epoll, &mut batch, 1).map(drop)
    }

    fn open(port: c_int) -> Result<c_int> {
        let epoll = os::epoll_create_hidden()?;
        let edge = (libc::EPOLLIN | libc::EPOLLET) as u32;
        os::epoll_add(epoll, port, edge, 0).inspect_err(|_| os::close(epoll))?;
        Ok(epoll)
    }
}

impl Drop for News {
    fn drop(&mut self) {
        if let Some(epoll) = self.epoll {
            os::close(epoll);
        }
    }
}
