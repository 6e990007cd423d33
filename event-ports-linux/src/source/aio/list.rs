//! Lists of requests (`lio_listio`).

use super::control::Control;
use super::engine::{self, Engine};
use super::job::Operation;
use super::notify::Notify;
use super::state::List;
use crate::errno::{Errno, Result};
use crate::os;
use crate::types::AIOLIO;
use core::sync::atomic::Ordering;
use libc::{aiocb, c_int, sigevent};

/// Submits a list, and with `LIO_WAIT` waits until it is complete (AIO-3 … AIO-5).
///
/// # Safety
/// `list` has `count` entries, each null or a control block as for [`read`](super::read). `event` is null or points to a
/// `sigevent` as `Notify::read` wants it.
pub(crate) unsafe fn submit_list(
    mode: c_int,
    list: *const *mut aiocb,
    count: usize,
    event: *const sigevent,
) -> Result<()> {
    let awaited = match mode {
        libc::LIO_WAIT => true,
        libc::LIO_NOWAIT => false,
        _ => return Err(Errno::INVAL),
    };
    let engine = engine::engine().map_err(|_| Errno::AGAIN)?;
    // SAFETY: the caller's promise.
    let notify = match unsafe { event.as_ref() } {
        // SAFETY: the caller's promise.
        Some(wanted) if !awaited => unsafe { Notify::read(wanted, event.addr(), AIOLIO) }?,
        _ => Notify::Nobody,
    };
    let at = begin(engine, notify, awaited)?;
    // SAFETY: the caller's promise.
    let submitted = unsafe { submit_entries(engine, at, list, count) };
    if awaited {
        wait(engine, at)?;
        // SAFETY: the caller's promise.
        let failed = (0..count).any(|i| unsafe { entry(list, i) }.is_some_and(|block| block.error() != 0));
        return submitted.and(if failed { Err(Errno::IO) } else { Ok(()) });
    }
    end(engine, at);
    submitted
}

fn begin(engine: &Engine, notify: Notify, awaited: bool) -> Result<u32> {
    let mut state = engine.lock();
    state.lists.reserve()?;
    Ok(state.lists.insert(List { remaining: 1, started: false, notify, awaited }))
}

/// # Safety
/// As for [`submit_list`].
unsafe fn entry<'a>(list: *const *mut aiocb, at: usize) -> Option<&'a Control> {
    // SAFETY: the caller's promise.
    let block = unsafe { list.add(at).read().cast::<Control>().as_ref() }?;
    (block.list_opcode != libc::LIO_NOP).then_some(block)
}

/// # Safety
/// As for [`submit_list`].
unsafe fn submit_entries(engine: &Engine, at: u32, list: *const *mut aiocb, count: usize) -> Result<()> {
    let mut outcome = Ok(());
    for i in 0..count {
        // SAFETY: the caller's promise.
        let Some(block) = (unsafe { entry(list, i) }) else { continue };
        let operation = match block.list_opcode {
            libc::LIO_READ => Ok(Operation::Read),
            libc::LIO_WRITE => Ok(Operation::Write),
            _ => Err(Errno::INVAL),
        };
        if let Some(list) = engine.lock().lists.get_mut(at) {
            list.remaining += 1;
        }
        // SAFETY: the caller's promise.
        let submitted = operation
            .inspect_err(|&e| block.finish(Err(e)))
            .and_then(|operation| unsafe { super::submit(block, operation, Some(at)) });
        let mut state = engine.lock();
        let Some(list) = state.lists.get_mut(at) else { continue };
        match submitted {
            Ok(()) => list.started = true,
            Err(e) => {
                list.remaining -= 1;
                if outcome != Err(Errno::AGAIN) {
                    outcome = Err(if e == Errno::AGAIN { e } else { Errno::IO });
                }
            }
        }
    }
    outcome
}

/// Everything is submitted: from now on the last request to be complete tells, unless that has been already.
fn end(engine: &Engine, at: u32) {
    let mut state = engine.lock();
    if state.lists.get(at).is_some_and(|list| list.started) {
        let notify = state.leave_list(at);
        drop(state);
        notify.send();
    } else {
        state.lists.remove(at);
    }
}

/// Waits until all requests of a list are complete. After a signal the list goes on, and tells nobody.
fn wait(engine: &Engine, at: u32) -> Result<()> {
    loop {
        let seen = engine.completions.load(Ordering::SeqCst);
        {
            let mut state = engine.lock();
            if state.lists.get(at).is_none_or(|list| list.remaining == 1) {
                state.lists.remove(at);
                return Ok(());
            }
        }
        engine.sleepers.fetch_add(1, Ordering::SeqCst);
        let slept = os::futex_wait(&engine.completions, seen, u64::from(u32::MAX));
        engine.sleepers.fetch_sub(1, Ordering::SeqCst);
        if slept.is_err() {
            let mut state = engine.lock();
            if let Some(list) = state.lists.get_mut(at) {
                list.awaited = false;
            }
            // Nobody is to be told by this.
            let _ = state.leave_list(at);
            return slept;
        }
    }
}
