//! The threads that do transfers on files.
//!
//! They are started when there is work that none of them is free for, up to a few, and end when there has been none for
//! a while.

use super::engine;
use super::state::State;
use crate::errno::{Errno, Result};
use crate::os::{self, thread};
use core::sync::atomic::Ordering;

/// Enough to keep a device busy. Every one of them may be waiting for a device or a server that does not answer.
const MOST: usize = 16;

/// How long a thread waits for work before it ends.
const PATIENCE: u64 = 5_000_000_000;

/// Sees that there will be a thread for one request more.
pub(crate) fn provide(state: &mut State) -> Result<()> {
    if state.idle_workers > 0 || state.workers >= MOST {
        return Ok(());
    }
    match thread::start_thread(run) {
        Ok(()) => state.workers += 1,
        // The ones there are will do it, later.
        Err(_) if state.workers > 0 => {}
        Err(_) => return Err(Errno::AGAIN),
    }
    Ok(())
}

fn run() {
    thread::name_thread(c"event-ports-aio");
    let Some(engine) = engine::existing() else { return };
    let mut state = engine.lock();
    loop {
        while let Some((at, job, identity)) = state.next_job() {
            drop(state);
            let result = match os::file_identity(job.fd) {
                Ok(now) if now == identity => job.perform(),
                // The descriptor has been closed, which cancels what has not begun.
                _ => Err(Errno::CANCELED),
            };
            state = engine.lock();
            let Some((news, departure)) = state.retire(at, result) else { continue };
            drop(state);
            // Before what has waited for this one can be complete, too.
            news.tell(engine);
            state = engine.lock();
            state.depart(engine, departure);
        }
        let seen = engine.work.load(Ordering::Relaxed);
        state.idle_workers += 1;
        drop(state);
        let before = os::monotonic_nanos();
        // Signals are blocked.
        let _ = os::futex_wait(&engine.work, seen, PATIENCE);
        state = engine.lock();
        state.idle_workers -= 1;
        if !state.has_work() && os::monotonic_nanos() - before >= PATIENCE {
            state.workers -= 1;
            return;
        }
    }
}
