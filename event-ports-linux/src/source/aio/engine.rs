//! Asynchronous I/O of the process: who does it.
//!
//! Three kinds of thread work on them. The one that submits a request completes it at once where that needs no waiting.
//! A few [workers](super::worker) do transfers on files and devices, which end by themselves. What may have to wait for
//! somebody else, on pipes, sockets and terminals, is done by the [reactor](super::reactor) when it can be done; so it
//! never keeps a worker from its work, and can be cancelled until then.

use super::job::Operation;
use super::notify::Notify;
use super::reactor::Reactor;
use super::state::{State, Submission};
use crate::errno::{Errno, Result};
use crate::forever;
use crate::lock::{Held, Lock};
use crate::os::{self, io};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use libc::c_int;

/// All asynchronous I/O of the process.
#[derive(Debug)]
pub(crate) struct Engine {
    state: Lock<State>,
    /// Changes when there is work for a worker that sleeps.
    pub(crate) work: AtomicU32,
    /// Changes when a request is complete.
    pub(crate) completions: AtomicU32,
    /// How many threads sleep until that happens.
    pub(crate) sleepers: AtomicU32,
    pub(crate) reactor: Reactor,
    /// What a forked child has of its parent and does not use, so that what it holds is not taken for lost.
    _inherited: AtomicPtr<Self>,
}

/// What has to be told to others, once the lock is free.
#[derive(Debug)]
#[must_use]
pub(crate) struct News {
    one: Notify,
    list: Notify,
}

impl News {
    /// For a request that was completed when it was submitted.
    pub(crate) fn new(one: Notify, list: Notify) -> Self {
        Self { one, list }
    }

    pub(crate) fn tell(self, engine: &Engine) {
        self.one.send();
        self.list.send();
        engine.completions.fetch_add(1, Ordering::SeqCst);
        if engine.sleepers.load(Ordering::SeqCst) > 0 {
            os::futex_wake_all(&engine.completions);
        }
    }
}

static ENGINE: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());

/// The engine that a forked child has inherited.
static INHERITED: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());

/// The engine, if this process has used it.
pub(crate) fn existing() -> Option<&'static Engine> {
    // SAFETY: an engine that can be found here is never freed.
    unsafe { ENGINE.load(Ordering::Acquire).as_ref() }
}

/// The engine, made when it is first needed.
pub(crate) fn engine() -> Result<&'static Engine> {
    if let Some(engine) = existing() {
        return Ok(engine);
    }
    let fresh = forever::allocate(|| {
        Ok(Engine {
            state: Lock::new(State::default()),
            work: AtomicU32::new(0),
            completions: AtomicU32::new(0),
            sleepers: AtomicU32::new(0),
            reactor: Reactor::new(),
            _inherited: AtomicPtr::new(INHERITED.load(Ordering::Relaxed)),
        })
    })?;
    match ENGINE.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made.
        Ok(_) => Ok(unsafe { &*fresh }),
        Err(theirs) => {
            // Another thread was first.
            // SAFETY: made by `allocate`, and known to nobody else.
            unsafe { forever::free(fresh) };
            // SAFETY: an engine that can be found here is never freed.
            Ok(unsafe { &*theirs })
        }
    }
}

/// Forgets all requests: this process is a forked child, and they are its parent's (AIO-14).
pub(crate) fn forget_all() {
    if let Some(parents) = existing() {
        parents.reactor.close_descriptors();
        INHERITED.store(ptr::from_ref(parents).cast_mut(), Ordering::Relaxed);
        ENGINE.store(ptr::null_mut(), Ordering::Release);
    }
}

impl Engine {
    pub(crate) fn lock(&self) -> Held<'_, State> {
        self.state.lock()
    }

    /// Puts a request into its queue, and sees that somebody works on it.
    pub(crate) fn enqueue(&self, new: Submission, done: usize, kind: io::FileKind, flags: c_int) -> Result<()> {
        let mut state = self.lock();
        let lane = state.prepare(self, &new, kind, flags)?;
        let appends = flags & libc::O_APPEND != 0 && new.job.operation == Operation::Write;
        state.insert(self, new, done, lane, !kind.is_storage || appends);
        Ok(())
    }

    /// Cancels a request, unless a thread is at it. Answers whether it did; `None` if there is no such request.
    pub(crate) fn cancel(&self, mut state: Held<'_, State>, at: u32) -> Option<bool> {
        if state.cancel_running(at)? {
            return Some(false);
        }
        state.withdraw(at);
        let (news, departure) = state.retire(at, Err(Errno::CANCELED))?;
        state.depart(self, departure);
        drop(state);
        self.reactor.settle(self);
        news.tell(self);
        Some(true)
    }
}
