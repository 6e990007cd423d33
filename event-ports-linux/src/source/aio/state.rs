//! The requests that are not complete, and the order in which those on one file run.

use super::control::Control;
use super::engine::{Engine, News};
use super::job::{Job, Operation};
use super::notify::Notify;
use super::pool::Pool;
use super::worker;
use crate::errno::{Errno, Result};
use crate::hash::HashMap;
use crate::os::{self, io};
use core::sync::atomic::Ordering;
use libc::c_int;
use std::collections::{TryReserveError, VecDeque};

/// What the engine's lock protects.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) requests: Pool<Request>,
    by_address: HashMap<usize, u32>,
    /// What workers are to do next. Has room for every request.
    run: VecDeque<u32>,
    pub(crate) lanes: Pool<Lane>,
    lane_of: HashMap<(c_int, u64), u32>,
    pub(crate) lists: Pool<List>,
    pub(crate) workers: usize,
    pub(crate) idle_workers: usize,
    /// How many lanes are streams.
    pub(crate) streams: usize,
    serial: u64,
}

/// A request that is not complete.
#[derive(Debug)]
pub(crate) struct Request {
    /// The program's control block.
    control: *const Control,
    pub(crate) job: Job,
    /// How many bytes of a write are done.
    pub(crate) done: usize,
    notify: Notify,
    list: Option<u32>,
    pub(crate) lane: u32,
    serial: u64,
    /// Runs after the one before it of the same kind, on the same file.
    ordered: bool,
    /// Somebody wanted to cancel it while a thread was at it. If it has to wait now, it does not.
    unwanted: bool,
    place: Place,
}

// SAFETY: the control block is used from any thread, through atomics alone.
unsafe impl Send for Request {}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a queue of its lane.
    Lane,
    /// In the queue of the workers.
    Run,
    /// In the hands of a thread.
    Running,
}

/// The requests on one file that is open under one number.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) fd: c_int,
    /// Which file the number was. If it is another when a request's turn has come, that one is cancelled.
    pub(crate) identity: u64,
    /// Tells this lane from earlier ones with its number.
    pub(crate) serial: u64,
    pub(crate) way: Way,
    unfinished: usize,
    transfers: usize,
    barriers: VecDeque<Barrier>,
    /// Those that run one after the other; the first is with the workers.
    ordered: VecDeque<u32>,
    ordered_runs: bool,
    pub(crate) reads: VecDeque<u32>,
    pub(crate) writes: VecDeque<u32>,
}

impl Lane {
    /// Whether its number still is its file.
    pub(crate) fn is_open(&self) -> bool {
        os::file_identity(self.fd).is_ok_and(|now| now == self.identity)
    }
}

/// Who does a lane's transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Workers,
    Reactor { is_socket: bool },
}

/// A request that is over has left its lane; the lane does not know yet.
#[derive(Debug)]
#[must_use]
pub(crate) struct Departure {
    lane: u32,
    serial: u64,
    is_transfer: bool,
    /// The next one of those that run one after the other may run.
    was_first: bool,
}

/// A request to synchronise, which waits for the transfers submitted before it.
#[derive(Debug)]
struct Barrier {
    request: u32,
    serial: u64,
    before: usize,
}

/// A list of `lio_listio`.
#[derive(Debug)]
pub(crate) struct List {
    /// How many of its requests are not complete; one more while it is submitted.
    pub(crate) remaining: usize,
    pub(crate) started: bool,
    pub(crate) notify: Notify,
    /// Somebody waits for it, and removes it.
    pub(crate) awaited: bool,
}

/// What is known of a request when it is submitted.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) control: *const Control,
    pub(crate) job: Job,
    pub(crate) notify: Notify,
    pub(crate) list: Option<u32>,
}

impl State {
    /// The request of a control block.
    pub(crate) fn find(&self, control: usize) -> Option<u32> {
        self.by_address.get(&control).copied()
    }

    /// Whether a thread is at a request, which then may not put it back.
    pub(crate) fn cancel_running(&mut self, at: u32) -> Option<bool> {
        let request = self.requests.get_mut(at)?;
        request.unwanted |= request.place == Place::Running;
        Some(request.place == Place::Running)
    }

    /// Whether requests on a file are waiting.
    pub(crate) fn has_lane(&self, fd: c_int, identity: u64) -> bool {
        self.lane_of.contains_key(&(fd, identity))
    }

    /// Takes the next request that is for workers, with the identity of its file.
    pub(crate) fn next_job(&mut self) -> Option<(u32, Job, u64)> {
        let at = self.run.pop_front()?;
        let request = self.requests.get_mut(at)?;
        request.place = Place::Running;
        let (job, lane) = (request.job, request.lane);
        Some((at, job, self.lanes.get(lane)?.identity))
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.run.is_empty()
    }

    /// Does everything that can fail before a request can be inserted. Returns its lane.
    pub(crate) fn prepare(
        &mut self,
        engine: &Engine,
        new: &Submission,
        kind: io::FileKind,
        flags: c_int,
    ) -> Result<u32> {
        let full = |_| Errno::AGAIN;
        if self.find(new.control.addr()).is_some() {
            return Err(Errno::INVAL);
        }
        self.requests.reserve()?;
        self.by_address.try_reserve(1).map_err(full)?;
        self.run.try_reserve(self.requests.len() + 1 - self.run.len()).map_err(full)?;
        let key = (new.job.fd, kind.identity);
        let at = match self.lane_of.get(&key) {
            Some(&at) => at,
            None => self.new_lane(engine, key, kind, flags)?,
        };
        let made = self.make_room(at);
        if made.is_err() {
            self.drop_empty_lane(engine, at);
        }
        made.map(|()| at)
    }

    fn new_lane(&mut self, engine: &Engine, key: (c_int, u64), kind: io::FileKind, flags: c_int) -> Result<u32> {
        let (fd, identity) = key;
        self.lanes.reserve()?;
        self.lane_of.try_reserve(1).map_err(|_| Errno::AGAIN)?;
        self.serial += 1;
        let at = self.lanes.insert(Lane {
            fd,
            identity,
            serial: self.serial,
            way: Way::Workers,
            unfinished: 0,
            transfers: 0,
            barriers: VecDeque::new(),
            ordered: VecDeque::new(),
            ordered_runs: false,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        });
        self.lane_of.insert(key, at);
        // A descriptor that does not block is asked once, by a worker, and says EAGAIN itself.
        if kind.is_storage || flags & libc::O_NONBLOCK != 0 {
            return Ok(at);
        }
        match engine.reactor.add(self, fd, at) {
            Ok(()) => {
                if let Some(lane) = self.lanes.get_mut(at) {
                    lane.way = Way::Reactor { is_socket: kind.is_socket };
                    self.streams += 1;
                }
            }
            // A device that cannot be polled: it never lets anyone wait.
            Err(Errno::PERM) => engine.reactor.wake(),
            Err(e) => {
                engine.reactor.wake();
                self.drop_empty_lane(engine, at);
                return Err(e);
            }
        }
        Ok(at)
    }

    /// Makes room for a request in its lane, and sees that there is a thread for it.
    fn make_room(&mut self, at: u32) -> Result<()> {
        let lane = self.lanes.get_mut(at).ok_or(Errno::AGAIN)?;
        let mut room = || -> core::result::Result<(), TryReserveError> {
            lane.barriers.try_reserve(1)?;
            lane.ordered.try_reserve(1)?;
            lane.reads.try_reserve(1)?;
            lane.writes.try_reserve(1)
        };
        room().map_err(|_| Errno::AGAIN)?;
        match lane.way {
            Way::Workers => worker::provide(self),
            Way::Reactor { .. } => Ok(()),
        }
    }

    pub(crate) fn insert(&mut self, engine: &Engine, new: Submission, done: usize, lane_at: u32, one_by_one: bool) {
        self.serial += 1;
        let serial = self.serial;
        let Submission { control, job, notify, list } = new;
        let sync = matches!(job.operation, Operation::Sync { .. });
        let ordered = one_by_one && !sync;
        let (lane, unwanted, place) = (lane_at, false, Place::Lane);
        let request = Request { control, job, done, notify, list, lane, serial, ordered, unwanted, place };
        let at = self.requests.insert(request);
        self.by_address.insert(control.addr(), at);
        let Some(lane) = self.lanes.get_mut(lane_at) else { return };
        lane.unfinished += 1;
        let before = lane.transfers;
        lane.transfers += usize::from(!sync);
        let queue = match (job.operation, lane.way) {
            (Operation::Sync { .. }, _) if before > 0 => {
                lane.barriers.push_back(Barrier { request: at, serial, before });
                return;
            }
            (Operation::Read, Way::Reactor { .. }) => &mut lane.reads,
            (Operation::Write, Way::Reactor { .. }) => &mut lane.writes,
            _ if ordered && core::mem::replace(&mut lane.ordered_runs, true) => &mut lane.ordered,
            _ => {
                self.run_next(engine, at);
                return;
            }
        };
        queue.push_back(at);
        if lane.way != Way::Workers {
            // If the descriptor has been closed meanwhile, the reactor finds out.
            let _ = engine.reactor.arm(lane, lane_at);
        }
    }

    /// Gives a request to the workers.
    fn run_next(&mut self, engine: &Engine, at: u32) {
        if let Some(request) = self.requests.get_mut(at) {
            request.place = Place::Run;
            self.run.push_back(at);
            if self.idle_workers > 0 {
                engine.work.fetch_add(1, Ordering::Relaxed);
                os::futex_wake(&raw const engine.work);
            }
        }
    }

    /// Marks the first request of a queue as running, for the reactor.
    pub(crate) fn start(&mut self, at: u32) -> Option<Job> {
        let request = self.requests.get_mut(at)?;
        request.place = Place::Running;
        Some(request.job.rest(request.done))
    }

    /// How many bytes of a request are transferred.
    pub(crate) fn done(&self, at: u32) -> usize {
        self.requests.get(at).map_or(0, |request| request.done)
    }

    /// Puts a request back to where the reactor has taken it from. Fails, and leaves it running, if it was to be
    /// cancelled.
    pub(crate) fn put_back(&mut self, at: u32, more: usize) -> Result<()> {
        let Some(request) = self.requests.get_mut(at) else { return Ok(()) };
        request.done += more;
        if request.unwanted {
            return Err(Errno::CANCELED);
        }
        request.place = Place::Lane;
        let (operation, lane) = (request.job.operation, request.lane);
        if let Some(lane) = self.lanes.get_mut(lane) {
            let queue = if operation == Operation::Read { &mut lane.reads } else { &mut lane.writes };
            queue.push_front(at);
        }
        Ok(())
    }

    /// Takes a request out of the queue that it waits in.
    pub(crate) fn withdraw(&mut self, at: u32) {
        let Some(request) = self.requests.get(at) else { return };
        if request.place == Place::Run {
            self.run.retain(|&other| other != at);
        } else if let Some(lane) = self.lanes.get_mut(request.lane) {
            lane.barriers.retain(|barrier| barrier.request != at);
            for queue in [&mut lane.ordered, &mut lane.reads, &mut lane.writes] {
                queue.retain(|&other| other != at);
            }
        }
    }

    /// Ends a request that is in no queue, and stores its result. Two things are left to do: telling whoever is to be told,
    /// without the lock, and letting go on what has waited for it.
    pub(crate) fn retire(&mut self, at: u32, result: Result<usize>) -> Option<(News, Departure)> {
        let request = self.requests.remove(at)?;
        self.by_address.remove(&request.control.addr());
        // SAFETY: whoever submitted the request keeps its control block valid until it is over (AIO-11), which it is
        // only now.
        unsafe { &*request.control }.finish(result);
        let list = request.list.map_or(Notify::Nobody, |list| self.leave_list(list));
        let departure = Departure {
            lane: request.lane,
            serial: request.serial,
            is_transfer: !matches!(request.job.operation, Operation::Sync { .. }),
            was_first: request.ordered && request.place != Place::Lane,
        };
        Some((News::new(request.notify, list), departure))
    }

    /// Lets those go on that have waited for a request.
    pub(crate) fn depart(&mut self, engine: &Engine, gone: Departure) {
        let Some(lane) = self.lanes.get_mut(gone.lane) else { return };
        lane.unfinished -= 1;
        if gone.was_first && lane.way == Way::Workers {
            match lane.ordered.pop_front() {
                Some(next) => self.run_next(engine, next),
                None => lane.ordered_runs = false,
            }
        }
        if gone.is_transfer {
            self.pass_barriers(engine, gone.lane, gone.serial);
        }
        self.drop_empty_lane(engine, gone.lane);
    }

    /// Counts a transfer as done for those that wait for it to synchronise.
    fn pass_barriers(&mut self, engine: &Engine, lane_at: u32, serial: u64) {
        let Some(lane) = self.lanes.get_mut(lane_at) else { return };
        lane.transfers -= 1;
        let mut open = VecDeque::new();
        core::mem::swap(&mut open, &mut lane.barriers);
        open.retain_mut(|barrier| {
            barrier.before -= usize::from(barrier.serial > serial);
            if barrier.before == 0 {
                self.run_next(engine, barrier.request);
            }
            barrier.before > 0
        });
        if let Some(lane) = self.lanes.get_mut(lane_at) {
            lane.barriers = open;
        }
    }

    fn drop_empty_lane(&mut self, engine: &Engine, at: u32) {
        let Some(lane) = self.lanes.get(at).filter(|lane| lane.unfinished == 0) else { return };
        self.lane_of.remove(&(lane.fd, lane.identity));
        let Some(lane) = self.lanes.remove(at) else { return };
        if lane.way != Way::Workers {
            self.streams -= 1;
            // If the number is another file now, what is registered is not this lane's.
            if lane.is_open() {
                engine.reactor.remove(lane.fd);
            }
        }
    }

    /// Counts a request of a list as done. Answers who is to be told, if it was the last.
    pub(crate) fn leave_list(&mut self, at: u32) -> Notify {
        let Some(list) = self.lists.get_mut(at) else { return Notify::Nobody };
        list.remaining -= 1;
        if list.remaining > 0 || list.awaited {
            return Notify::Nobody;
        }
        self.lists.remove(at).map_or(Notify::Nobody, |list| list.notify)
    }
}
