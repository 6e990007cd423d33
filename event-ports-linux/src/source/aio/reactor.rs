//! Transfers that may have to wait for somebody else: on pipes, sockets and terminals.
//!
//! One thread watches the descriptors in an epoll of its own, and does what can be done without waiting. The epoll is
//! there only while there is something to watch.

use super::engine::{self, Engine};
use super::job::Operation;
use super::state::{Lane, State, Way};
use crate::errno::{Errno, Result};
use crate::os::{self, thread};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use libc::c_int;

/// What epoll answers for the counter that wakes the thread.
const WAKE: u64 = u64::MAX;

/// How often to look whether a watched descriptor has been closed, of which epoll says nothing.
const TICK: u64 = 1_000_000_000;

/// How long the thread stays without anything to watch.
const PATIENCE: u64 = 5_000_000_000;

const READ: u32 = (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) as u32;
const WRITE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// The thread and what it watches. Everything changes under the engine's lock.
#[derive(Debug)]
pub(crate) struct Reactor {
    /// -1 while there is nothing to watch.
    epoll: AtomicI32,
    /// A counter, watched too.
    wake: AtomicI32,
    runs: AtomicBool,
    /// Changes when there is something to watch again.
    begun: AtomicU32,
    /// Changes when the epoll has been closed.
    closed: AtomicU32,
}

impl Reactor {
    pub(crate) fn new() -> Self {
        Self {
            epoll: AtomicI32::new(-1),
            wake: AtomicI32::new(-1),
            runs: AtomicBool::new(false),
            begun: AtomicU32::new(0),
            closed: AtomicU32::new(0),
        }
    }

    fn epoll(&self) -> c_int {
        self.epoll.load(Ordering::Relaxed)
    }

    /// Begins to watch a descriptor, for nothing yet. `EPERM` if it cannot be watched.
    pub(crate) fn add(&self, state: &State, fd: c_int, lane: u32) -> Result<()> {
        if self.epoll() < 0 {
            self.open()?;
        }
        if !self.runs.load(Ordering::Relaxed) {
            thread::start_thread(run).map_err(|_| Errno::AGAIN)?;
            self.runs.store(true, Ordering::Relaxed);
        }
        let lane = state.lanes.get(lane).map_or(0, |l| cookie(l, lane));
        let added = os::epoll_add(self.epoll(), fd, libc::EPOLLONESHOT as u32, lane);
        added.map_err(|e| if e == Errno::PERM { e } else { Errno::AGAIN })?;
        self.begin();
        Ok(())
    }

    /// Gets the thread out of the sleep that it has without anything to watch.
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        os::futex_wake(&raw const self.begun);
    }

    /// Makes the thread look what there is to watch.
    pub(crate) fn wake(&self) {
        let wake = self.wake.load(Ordering::Relaxed);
        if wake >= 0 {
            os::eventfd_ring(wake);
        }
        self.begin();
    }

    fn open(&self) -> Result<()> {
        let epoll = os::epoll_create_hidden().map_err(|_| Errno::AGAIN)?;
        let wake = os::silent_eventfd().and_then(|wake| {
            let watch = (libc::EPOLLIN | libc::EPOLLET) as u32;
            os::epoll_add(epoll, wake, watch, WAKE).inspect_err(|_| os::close(wake)).map(|()| wake)
        });
        let wake = wake.map_err(|_| Errno::AGAIN).inspect_err(|_| os::close(epoll))?;
        self.epoll.store(epoll, Ordering::Relaxed);
        self.wake.store(wake, Ordering::Relaxed);
        Ok(())
    }

    /// Waits for what a lane's requests need. Fails if the descriptor has been closed.
    pub(crate) fn arm(&self, lane: &Lane, at: u32) -> Result<()> {
        let mut events = libc::EPOLLONESHOT as u32;
        if !lane.reads.is_empty() {
            events |= libc::EPOLLIN as u32;
        }
        if !lane.writes.is_empty() {
            events |= libc::EPOLLOUT as u32;
        }
        os::epoll_mod(self.epoll(), lane.fd, events, cookie(lane, at))
    }

    /// Watches a descriptor no more.
    pub(crate) fn remove(&self, fd: c_int) {
        // Fails if it has been closed.
        let _ = os::epoll_del(self.epoll(), fd);
    }

    /// On the reactor's own thread: closes the epoll when there is nothing left to watch.
    fn close_if_unused(&self, state: &State) {
        if state.streams == 0 {
            self.close_descriptors();
            self.closed.fetch_add(1, Ordering::Relaxed);
            os::futex_wake_all(&self.closed);
        }
    }

    /// Closes the descriptors; for a forked child, its copies of them.
    pub(crate) fn close_descriptors(&self) {
        for descriptor in [&self.epoll, &self.wake] {
            let fd = descriptor.swap(-1, Ordering::Relaxed);
            if fd >= 0 {
                os::close(fd);
            }
        }
    }

    /// On another thread: waits until the epoll is closed, if there is nothing left to watch. So a program that has all
    /// its events has all its descriptors back.
    pub(crate) fn settle(&self, engine: &Engine) {
        loop {
            let seen = self.closed.load(Ordering::Relaxed);
            {
                let state = engine.lock();
                if state.streams > 0 || self.epoll() < 0 {
                    return;
                }
                self.wake();
            }
            // Looks again after a signal, or if the wait was too long.
            let _ = os::futex_wait(&self.closed, seen, TICK);
        }
    }
}

fn cookie(lane: &Lane, at: u32) -> u64 {
    lane.serial << 32 | u64::from(at)
}

fn run() {
    thread::name_thread(c"event-ports-aio");
    let Some(engine) = engine::existing() else { return };
    let reactor = &engine.reactor;
    let mut batch = [const { MaybeUninit::uninit() }; os::EPOLL_BATCH];
    let mut looked = os::monotonic_nanos();
    loop {
        let state = engine.lock();
        if state.streams == 0 {
            reactor.close_if_unused(&state);
            let seen = reactor.begun.load(Ordering::Relaxed);
            drop(state);
            let _ = os::futex_wait(&reactor.begun, seen, PATIENCE);
            let state = engine.lock();
            if state.streams == 0 && reactor.begun.load(Ordering::Relaxed) == seen {
                reactor.runs.store(false, Ordering::Relaxed);
                return;
            }
            continue;
        }
        let epoll = reactor.epoll();
        drop(state);
        // Fails for a debugger's sake at most.
        for event in os::epoll_wait(epoll, &mut batch, TICK).unwrap_or(&[]) {
            if event.u64 != WAKE {
                serve(engine, event.u64, event.events);
            }
        }
        let now = os::monotonic_nanos();
        if now - looked >= TICK {
            looked = now;
            look_for_closed(engine);
        }
    }
}

/// A descriptor is ready: does one transfer in each direction that it is ready for.
fn serve(engine: &Engine, cookie: u64, events: u32) {
    for (mask, operation) in [(READ, Operation::Read), (WRITE, Operation::Write)] {
        if events & mask != 0 {
            transfer(engine, cookie, operation);
        }
    }
    arm_again(engine, cookie);
}

fn lane_of(state: &mut State, answer: u64) -> Option<(u32, &mut Lane)> {
    let at = answer as u32;
    let lane = state.lanes.get_mut(at)?;
    (cookie(lane, at) == answer).then_some((at, lane))
}

fn transfer(engine: &Engine, cookie: u64, operation: Operation) {
    let mut state = engine.lock();
    let Some((_, lane)) = lane_of(&mut state, cookie) else { return };
    let Way::Reactor { is_socket } = lane.way else { return };
    let queue = if operation == Operation::Read { &mut lane.reads } else { &mut lane.writes };
    let Some(at) = queue.pop_front() else { return };
    let (fd, identity) = (lane.fd, lane.identity);
    let Some(job) = state.start(at) else { return };
    drop(state);
    let result = match os::file_identity(fd) {
        Ok(now) if now == identity => job.perform_on_stream(is_socket),
        _ => Err(Errno::CANCELED),
    };
    let mut state = engine.lock();
    let more = match result {
        Err(Errno::AGAIN) => Some(0),
        Ok(n) if operation == Operation::Write && n < job.buffer.len && n > 0 => Some(n),
        _ => None,
    };
    let result = match more.map(|more| state.put_back(at, more)) {
        Some(Ok(())) => return,
        Some(Err(e)) => Err(e),
        None => result,
    };
    let end = match result {
        Ok(n) => Ok(state.done(at) + n),
        // A write that was cut short says how far it came, like write(2).
        Err(_) if state.done(at) > 0 => Ok(state.done(at)),
        Err(e) => Err(e),
    };
    finish(engine, state, at, end);
}

fn finish(engine: &Engine, mut state: crate::lock::Held<'_, State>, at: u32, result: Result<usize>) {
    let Some((news, departure)) = state.retire(at, result) else { return };
    state.depart(engine, departure);
    engine.reactor.close_if_unused(&state);
    drop(state);
    news.tell(engine);
}

/// Waits for what the lane needs now. If its descriptor is gone, that cancels what waits for it.
fn arm_again(engine: &Engine, cookie: u64) {
    loop {
        let mut state = engine.lock();
        let Some((at, lane)) = lane_of(&mut state, cookie) else { return };
        if lane.way == Way::Workers || (lane.is_open() && engine.reactor.arm(lane, at).is_ok()) {
            return;
        }
        let Some(request) = lane.reads.pop_front().or_else(|| lane.writes.pop_front()) else { return };
        finish(engine, state, request, Err(Errno::CANCELED));
    }
}

fn look_for_closed(engine: &Engine) {
    let mut from = 0;
    loop {
        let state = engine.lock();
        let Some((at, lane)) = state.lanes.next(from) else { return };
        let answer = cookie(lane, at);
        drop(state);
        arm_again(engine, answer);
        from = at + 1;
    }
}
