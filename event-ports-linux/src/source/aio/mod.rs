//! Asynchronous I/O that sends events (`aio_read` and its family with `SIGEV_PORT`).
//!
//! | module | what it does |
//! |---|---|
//! | `control` | the program's `struct aiocb` |
//! | `notify` | who is told of a completion |
//! | `job` | the transfer itself |
//! | `engine`, `state` | the requests, and the order in which they run |
//! | `worker`, `reactor` | the threads that run them |
//! | `list` | `lio_listio` |
//! | `pool` | numbers for things |

mod control;
mod engine;
mod job;
mod list;
mod notify;
mod pool;
mod reactor;
mod state;
mod worker;

pub(crate) use engine::forget_all;
pub(crate) use list::submit_list;

use crate::errno::{Errno, Result};
use crate::os::{self, io};
use crate::port::Locked;
use crate::sink::Sink;
use crate::slab::Slot;
use crate::timeout::{Timeout, Until};
use crate::types::{AIOAREAD, AIOAWRITE, AIOFSYNC, SIGEV_PORT};
use control::Control;
use core::sync::atomic::Ordering;
use engine::{Engine, News};
use job::{Job, Operation};
use libc::{aiocb, c_int};
use notify::Notify;
use state::Submission;

/// `aio_reqprio` lowers the priority by so much at most. It is checked, and changes nothing.
const LOWEST_PRIORITY: c_int = 20;

/// How often to look after requests of the C library's own, which says nothing when they are complete.
const FOREIGN_SLICE: u64 = 1_000_000;

/// Whether a control block asks for an event.
pub(crate) fn wants_event(control: &aiocb) -> bool {
    control.aio_sigevent.sigev_notify == SIGEV_PORT
}

/// Submits a read (AIO-1).
///
/// # Safety
/// The control block, and the buffer it names, stay valid, in their place and unused by others until the event has been
/// retrieved or the request is over (AIO-11).
pub(crate) unsafe fn read(control: *const aiocb) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { submit(control.cast(), Operation::Read, None) }
}

/// Submits a write (AIO-1).
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn write(control: *const aiocb) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { submit(control.cast(), Operation::Write, None) }
}

/// Submits the request to bring what was written before to the device (AIO-1).
///
/// # Safety
/// As for [`read`]; there is no buffer.
pub(crate) unsafe fn fsync(how: c_int, control: *const aiocb) -> Result<()> {
    let content_alone = match how {
        libc::O_SYNC => false,
        libc::O_DSYNC => true,
        _ => return Err(Errno::INVAL),
    };
    // SAFETY: the caller's promise.
    unsafe { submit(control.cast(), Operation::Sync { content_alone }, None) }
}

/// # Safety
/// As for [`read`].
unsafe fn submit(control: *const Control, operation: Operation, list: Option<u32>) -> Result<()> {
    // SAFETY: the caller's promise.
    let block = unsafe { &*control };
    let engine = engine::engine().map_err(|_| Errno::AGAIN)?;
    if engine.lock().find(control.addr()).is_some() {
        // In use for another request, which must not be disturbed.
        return Err(Errno::INVAL);
    }
    block.begin();
    // SAFETY: the caller's promise.
    unsafe { try_submit(engine, control, operation, list) }.inspect_err(|&e| block.finish(Err(e)))
}

/// # Safety
/// As for [`read`].
unsafe fn try_submit(
    engine: &'static Engine,
    control: *const Control,
    operation: Operation,
    list: Option<u32>,
) -> Result<()> {
    // SAFETY: the caller's promise.
    let block = unsafe { &*control };
    if !(0..=LOWEST_PRIORITY).contains(&block.priority) || isize::try_from(block.len).is_err() {
        return Err(Errno::INVAL);
    }
    let flags = io::file_flags(block.fd)?;
    let reads_only = flags & libc::O_ACCMODE == libc::O_RDONLY;
    let writes_only = flags & libc::O_ACCMODE == libc::O_WRONLY;
    if flags & libc::O_PATH != 0 || if operation == Operation::Read { writes_only } else { reads_only } {
        return Err(Errno::BADF);
    }
    let code = match operation {
        Operation::Read => AIOAREAD,
        Operation::Write => AIOAWRITE,
        Operation::Sync { .. } => AIOFSYNC,
    };
    // SAFETY: the caller's promise.
    let notify = unsafe { Notify::read(&block.event, control.addr(), code) }?;
    let job = Job { fd: block.fd, operation, buffer: block.buffer(), offset: block.offset };
    let at_once = |result, notify| {
        block.finish(result);
        let list = list.map_or(Notify::Nobody, |list| engine.lock().leave_list(list));
        News::new(notify, list).tell(engine);
        Ok(())
    };
    if let Some(result) = job.try_at_once(flags) {
        return at_once(result, notify);
    }
    let kind = io::file_kind(block.fd).map_err(|e| if e == Errno::NOMEM { Errno::AGAIN } else { e })?;
    let mut done = 0;
    if !kind.is_storage && matches!(operation, Operation::Sync { .. }) {
        return at_once(job.perform(), notify);
    }
    if !kind.is_storage && flags & libc::O_NONBLOCK == 0 && !engine.lock().has_lane(block.fd, kind.identity) {
        match job.try_stream_at_once(kind.is_socket) {
            Some(Ok(n)) if operation == Operation::Write && n < block.len => done = n,
            Some(result) => return at_once(result, notify),
            None => {}
        }
    }
    engine.enqueue(Submission { control, job, notify, list }, done, kind, flags)
}

/// What became of an attempt to cancel (`AIO_CANCELED` and its like).
fn verdict(canceled: bool, not_canceled: bool) -> c_int {
    match (canceled, not_canceled) {
        (_, true) => libc::AIO_NOTCANCELED,
        (true, false) => libc::AIO_CANCELED,
        (false, false) => libc::AIO_ALLDONE,
    }
}

/// Cancels a request, or all on a descriptor: those that have not begun. Their events come (AIO-13).
///
/// `Ok(None)` if the request is none of this crate's.
pub(crate) fn cancel(fd: c_int, control: *const aiocb) -> Result<Option<c_int>> {
    if !os::is_open(fd) {
        return Err(Errno::BADF);
    }
    let Some(engine) = engine::existing() else { return Ok(None) };
    if control.is_null() {
        return Ok(Some(cancel_all(engine, fd)));
    }
    let state = engine.lock();
    let Some(at) = state.find(control.addr()) else { return Ok(None) };
    if state.requests.get(at).is_some_and(|request| request.job.fd != fd) {
        return Err(Errno::INVAL);
    }
    Ok(engine.cancel(state, at).map(|canceled| verdict(canceled, !canceled)))
}

fn cancel_all(engine: &Engine, fd: c_int) -> c_int {
    let (mut canceled, mut not_canceled) = (false, false);
    let mut from = 0;
    loop {
        let state = engine.lock();
        let Some((at, request)) = state.requests.next(from) else { return verdict(canceled, not_canceled) };
        from = at + 1;
        if request.job.fd == fd {
            let outcome = engine.cancel(state, at);
            canceled |= outcome == Some(true);
            not_canceled |= outcome == Some(false);
        }
    }
}

/// Waits until one of the requests is complete. `EAGAIN` if the time has passed.
///
/// `Ok(false)` if all that are not complete are the C library's.
///
/// # Safety
/// `list` has `count` entries, each null or a control block.
pub(crate) unsafe fn suspend(list: *const *const aiocb, count: usize, timeout: Timeout) -> Result<bool> {
    let Some(engine) = engine::existing() else { return Ok(false) };
    let mut until = None;
    loop {
        let seen = engine.completions.load(Ordering::SeqCst);
        // SAFETY: the caller's promise.
        let (ours, foreign) = match unsafe { count_in_progress(engine, list, count) } {
            Some(counts) => counts,
            None => return Ok(true),
        };
        if ours == 0 {
            return Ok(false);
        }
        let until: Until = match until {
            Some(until) => until,
            None => *until.insert(timeout.start()?),
        };
        let nanos = until.left(if foreign > 0 { FOREIGN_SLICE } else { u64::from(u32::MAX) });
        if nanos == 0 {
            return Err(Errno::AGAIN);
        }
        engine.sleepers.fetch_add(1, Ordering::SeqCst);
        let slept = os::futex_wait(&engine.completions, seen, nanos);
        engine.sleepers.fetch_sub(1, Ordering::SeqCst);
        slept?;
    }
}

/// How many requests of a list are in progress: this crate's, and the C library's. `None` if one is complete.
///
/// # Safety
/// As for [`suspend`].
unsafe fn count_in_progress(engine: &Engine, list: *const *const aiocb, count: usize) -> Option<(usize, usize)> {
    let (mut ours, mut foreign) = (0, 0);
    for at in 0..count {
        // SAFETY: the caller's promise.
        let control = unsafe { list.add(at).read() }.cast::<Control>();
        // SAFETY: the caller's promise.
        let Some(block) = (unsafe { control.as_ref() }) else { continue };
        if block.error() != libc::EINPROGRESS {
            return None;
        }
        let is_ours = engine.lock().find(control.addr()).is_some();
        // It may have become complete between the two looks.
        if block.error() != libc::EINPROGRESS {
            return None;
        }
        *(if is_ours { &mut ours } else { &mut foreign }) += 1;
    }
    Some((ours, foreign))
}

/// Hands out the event of a request or a list, whose slot ends with it (AIO-2).
pub(crate) fn deliver(port: &mut Locked, slot: Slot, sink: &mut Sink) {
    sink.put(super::event(port.port.slab.node(slot)));
    port.port.slab.release(slot);
}
