//! A port: its slots, its queue, who waits for it, and what makes its descriptor readable.
//!
//! The descriptor a program holds is an epoll descriptor. Associated descriptors are registered in it, so the kernel
//! itself makes the port readable when one of them is ready. Everything else is queued in user space; then a *bell*, an
//! eventfd that is always readable, is registered with `EPOLLIN` and makes the port readable, and with no events
//! otherwise. The bell also identifies the port: only in this port's epoll can its registration be modified.
//!
//! Waiting threads follow a leader: one waits for the kernel, the others for a word of their own. Whoever puts an event
//! into the queue sets it aside (a *claim*) for the thread to be served next, and wakes it.

use crate::errno::{Errno, Result};
use crate::fd_table::FdTable;
use crate::inbox::Inbox;
use crate::lock::{Held, Lock};
use crate::os;
use crate::queue::Queue;
use crate::sink::Sink;
use crate::slab::{NIL, Slab, Slot};
use crate::source::file::{self, Files};
use crate::source::timer::{self, Timers};
use crate::source::{self, HELPERS};
use crate::types::{PORT_SOURCE_ALERT, port_event};
use crate::waiters::{Place, WaitList, Waiter, sign};
use core::mem::{ManuallyDrop, MaybeUninit};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use libc::{c_int, c_void};

/// What epoll answers for the bell. Slots' answers have a generation above and a small number below.
const BELL: u64 = u64::MAX;

/// The stored alert (ALERT-1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alert {
    pub(crate) events: c_int,
    pub(crate) user: usize,
}

impl Alert {
    pub(crate) fn event(self) -> port_event {
        port_event {
            portev_events: self.events,
            portev_source: PORT_SOURCE_ALERT as u16,
            portev_pad: 0,
            portev_object: 0,
            portev_user: self.user as *mut c_void,
        }
    }
}

/// What the port's lock protects.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Which life of this structure it is. Odd while there is a port.
    pub(crate) life: usize,
    /// The number `port_create` returned (CREATE-6).
    pub(crate) original_number: c_int,
    /// Every number known to be this port.
    pub(crate) numbers: Vec<c_int>,
    /// The program dissociates descriptors before it closes them (`PORT_TRUST_DESCRIPTORS`).
    pub(crate) descriptors_are_trusted: bool,
    pub(crate) queue: Queue,
    pub(crate) fds: FdTable,
    /// A descriptor has been associated at some time (FD-28, PORT-10).
    pub(crate) fd_source: bool,
    /// How many registrations in the kernel may fire. An upper bound: a closed descriptor goes unnoticed.
    pub(crate) armed: usize,
    /// There may be registrations that nobody knows of any more: of closed descriptors that have duplicates.
    pub(crate) ghosts: bool,
    pub(crate) files: Files,
    pub(crate) alert: Option<Alert>,
    /// How often alert mode has been entered, and with what the last time: for threads that were on their way to events
    /// that had been set aside for them.
    pub(crate) alerts: u64,
    pub(crate) last_alert: Option<Alert>,
    pub(crate) waiters: WaitList,
    /// The thread that waits for the kernel.
    pub(crate) leader: Option<Place>,
    /// The leader wants more than what is queued and waits for news only.
    pub(crate) leader_wants_news: bool,
    /// The leader has to look.
    kick: bool,
    /// How many queued events are set aside for threads that were woken.
    claims: usize,
    /// The bell is registered with `EPOLLIN`.
    bell_on: bool,
    pub(crate) timers: Timers,
    /// How many message queues the port is registered with.
    pub(crate) queues: usize,
}

/// A port. Once made it is never freed: after its descriptor is closed it waits for a next life. So a thread that found
/// it by number just before can at worst find it dead.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) slab: Slab,
    state: Lock<State>,
    /// The same as `State::life`, for those who cannot take the lock.
    life: AtomicUsize,
    /// The number that stays this port while it lives (`PORT_TRUST_NUMBER`), or -1.
    trusted_number: AtomicI32,
    /// The bell's descriptor, or -1.
    bell: AtomicI32,
    /// Descriptors of sources' own that are registered for the port, or -1.
    helpers: [AtomicI32; HELPERS],
    /// Events sent while the lock was taken, the last one first.
    inbox: Inbox,
    /// Threads that are about to use the inbox.
    senders: AtomicUsize,
    /// The bell was modified by someone who did not hold the lock.
    bell_unsure: AtomicBool,
}

impl Port {
    /// A port with room for `capacity` events, not alive yet.
    pub(crate) fn new(capacity: u32) -> Result<Self> {
        Ok(Self {
            slab: Slab::new(capacity)?,
            state: Lock::new(State::default()),
            life: AtomicUsize::new(0),
            trusted_number: AtomicI32::new(-1),
            bell: AtomicI32::new(-1),
            helpers: [const { AtomicI32::new(-1) }; HELPERS],
            inbox: Inbox::new(),
            senders: AtomicUsize::new(0),
            bell_unsure: AtomicBool::new(false),
        })
    }

    /// Begins a life behind the epoll descriptor `number`.
    pub(crate) fn begin(&'static self, number: c_int, limit: u32) -> Result<()> {
        let mut state = self.state.lock();
        state.numbers.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        let bell = os::readable_eventfd()?;
        if let Err(e) = os::epoll_add(number, bell, 0, BELL) {
            os::close(bell);
            return Err(e);
        }
        self.slab.reset(limit);
        let numbers = core::mem::take(&mut state.numbers);
        *state = State { life: state.life + 1, original_number: number, numbers, ..State::default() };
        state.numbers.push(number);
        self.bell.store(bell, Ordering::Relaxed);
        self.life.store(state.life, Ordering::Release);
        Ok(())
    }

    /// Takes the lock, for calls on the descriptor `number`.
    #[inline]
    pub(crate) fn lock(&'static self, number: c_int) -> Locked {
        Locked::new(self, self.state.lock(), number)
    }

    /// Takes the lock unless somebody has it, be it this very thread below a signal handler.
    #[inline]
    pub(crate) fn try_lock(&'static self, number: c_int) -> Option<Locked> {
        self.state.try_lock().map(|state| Locked::new(self, state, number))
    }

    /// Leaves an event for whoever has the lock. `Ok(false)` when the port is not the one that lived in `life`.
    pub(crate) fn send_unlocked(&'static self, number: c_int, life: usize, fill: impl FnOnce(Slot)) -> Result<bool> {
        self.senders.fetch_add(1, Ordering::SeqCst);
        let sent = self.put_in_inbox(number, life, fill);
        if matches!(sent, Ok(true)) {
            if let Some(state) = self.state.leave_note() {
                drop(Locked::new(self, state, number));
            }
        }
        self.senders.fetch_sub(1, Ordering::SeqCst);
        sent
    }

    fn put_in_inbox(&self, number: c_int, life: usize, fill: impl FnOnce(Slot)) -> Result<bool> {
        if self.life.load(Ordering::SeqCst) != life {
            return Ok(false);
        }
        if !self.trusts(number) {
            // Whether the bell is on is known to the holder of the lock alone, so this turns it on.
            let rung = os::epoll_mod(number, self.bell.load(Ordering::Relaxed), libc::EPOLLIN as u32, BELL);
            self.bell_unsure.store(true, Ordering::Relaxed);
            if rung.is_err() {
                return Ok(false);
            }
        }
        let slot = self.slab.allocate().ok_or(Errno::AGAIN)?;
        fill(slot);
        self.inbox.put(&self.slab, slot);
        Ok(true)
    }

    /// Whether the program has promised that `number` is this port.
    pub(crate) fn trusts(&self, number: c_int) -> bool {
        self.trusted_number.load(Ordering::Relaxed) == number
    }

    /// Takes the promise that `number` is this port, or takes it back.
    pub(crate) fn set_trusted_number(&self, number: Option<c_int>) {
        self.trusted_number.store(number.unwrap_or(-1), Ordering::Relaxed);
    }

    /// The life a port found in the table is in, if any.
    pub(crate) fn current_life(&self) -> usize {
        self.life.load(Ordering::Acquire)
    }

    /// Takes the lock, for a call that does not know the port by a number.
    pub(crate) fn lock_from_behind(&'static self) -> Locked {
        let mut locked = self.lock(-1);
        locked.number = locked.numbers.first().copied().unwrap_or(-1);
        locked
    }

    /// The bell's descriptor, for a forked child that has to close its copy.
    pub(crate) fn forget_bell(&self) -> Option<c_int> {
        let bell = self.bell.swap(-1, Ordering::Relaxed);
        (bell >= 0).then_some(bell)
    }

    /// Closes what sources have registered for the port.
    pub(crate) fn close_helpers(&self) {
        for helper in &self.helpers {
            let fd = helper.swap(-1, Ordering::Relaxed);
            if fd >= 0 {
                os::close(fd);
            }
        }
    }
}

/// A port with its lock held, together with the number it is called by.
///
/// Letting go restores what must hold whenever nobody has the lock: events are set aside for the threads to be served
/// next and these are woken; somebody leads if anybody waits; the bell is on exactly if there is an event that is not
/// set aside.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) port: &'static Port,
    pub(crate) number: c_int,
    state: ManuallyDrop<Held<'static, State>>,
}

impl core::ops::Deref for Locked {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl core::ops::DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked {
    #[inline]
    fn drop(&mut self) {
        self.restore();
        let (port, number) = (self.port, self.number);
        // SAFETY: the guard is not used again.
        unsafe { ManuallyDrop::take(&mut self.state) }.unlock_and(|state| {
            let mut again = ManuallyDrop::new(Self::new(port, state, number));
            again.restore();
            // SAFETY: `again` is never dropped, so its guard is released by the caller and nowhere else.
            unsafe { ManuallyDrop::take(&mut again.state) }
        });
    }
}

impl Locked {
    #[inline]
    fn new(port: &'static Port, state: Held<'static, State>, number: c_int) -> Self {
        let mut locked = Self { port, number, state: ManuallyDrop::new(state) };
        if !port.inbox.is_empty() {
            locked.empty_inbox();
        }
        locked
    }

    /// Whether another thread had the lock when this one came.
    pub(crate) fn contended(&self) -> bool {
        self.state.contended
    }

    pub(crate) fn alive(&self) -> bool {
        self.life % 2 == 1
    }

    /// Moves what was sent while the lock was taken into the queue, in the order in which it was sent.
    #[cold]
    fn empty_inbox(&mut self) {
        let slab = &self.port.slab;
        let mut oldest_first = self.port.inbox.take_all(slab);
        // What the kernel holds has happened before (ORDER-1). Nobody has verified the number yet, and what another epoll
        // holds is not ours to take.
        if self.is_at(self.number) {
            let _ = self.pull(usize::MAX);
        }
        while oldest_first != NIL {
            let slot = oldest_first;
            oldest_first = slab.node(slot).next.get();
            self.queue.push_back(slab, slot);
        }
    }

    /// Whether `number` is this port, by asking the kernel.
    pub(crate) fn is_at(&self, number: c_int) -> bool {
        // Nothing else is an answer. What is not known to be gone is not taken for gone: that would free it.
        !matches!(self.ring(number, self.bell_on), Err(Errno::BADF | Errno::INVAL | Errno::NOENT))
    }

    fn ring(&self, number: c_int, on: bool) -> Result<()> {
        let events = if on { libc::EPOLLIN as u32 } else { 0 };
        os::epoll_mod(number, self.port.bell.load(Ordering::Relaxed), events, BELL)
    }

    /// A source's own descriptor, if it has registered one.
    pub(crate) fn helper(&self, which: usize) -> Option<c_int> {
        let fd = self.port.helpers[which].load(Ordering::Relaxed);
        (fd >= 0).then_some(fd)
    }

    /// Registers a descriptor that a source has made; it is closed when the port ends.
    pub(crate) fn add_helper(&mut self, which: usize, fd: c_int, events: u32) -> Result<()> {
        os::epoll_add(self.number, fd, events, source::helper_cookie(which)).inspect_err(|_| os::close(fd))?;
        self.keep_helper(which, fd);
        Ok(())
    }

    /// Keeps a descriptor that a source has made and does not want registered, until the port ends.
    pub(crate) fn keep_helper(&mut self, which: usize, fd: c_int) {
        self.port.helpers[which].store(fd, Ordering::Relaxed);
    }

    /// Closes a source's own descriptor, if there is one.
    pub(crate) fn close_helper(&mut self, which: usize) {
        let fd = self.port.helpers[which].swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            os::close(fd);
        }
    }

    /// How many queued events are not set aside for a thread that was woken.
    pub(crate) fn unclaimed(&self) -> usize {
        self.queue.len().saturating_sub(self.claims)
    }

    /// Takes back what was set aside for a thread that has now come to fetch it.
    pub(crate) fn settle_claim(&mut self, waiter: &Waiter) {
        self.claims = self.claims.saturating_sub(waiter.want);
    }

    /// What an error means that the kernel has given for this number: another thread may just have made the number
    /// something else.
    pub(crate) fn explain(&self, e: Errno) -> Errno {
        match e {
            Errno::BADF | Errno::INVAL if !self.is_at(self.number) => {
                if os::is_open(self.number) {
                    Errno::BADFD
                } else {
                    Errno::BADF
                }
            }
            e => e,
        }
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        let slab = &self.port.slab;
        self.state.queue.push_back(slab, slot);
    }

    pub(crate) fn unqueue(&mut self, slot: Slot) {
        let slab = &self.port.slab;
        self.state.queue.unlink(slab, slot);
    }

    /// Whether the kernel may hold events.
    pub(crate) fn kernel_may_have_events(&self) -> bool {
        self.armed > 0 || self.ghosts
    }

    /// Brings up to `max` events that the kernel holds into the queue.
    pub(crate) fn pull(&mut self, mut max: usize) -> Result<()> {
        if !self.kernel_may_have_events() {
            return Ok(());
        }
        let mut batch = [const { MaybeUninit::uninit() }; os::EPOLL_BATCH];
        // The bell, where it is on, takes one place of each answer. Somebody else may have turned it on.
        let mut bell = self.bell_on;
        let before = self.queue.len();
        while max > 0 {
            let ask = max.saturating_add(usize::from(bell)).min(os::EPOLL_BATCH);
            let ready = os::epoll_poll(self.number, &mut batch, ask).map_err(|e| self.explain(e))?;
            for event in ready {
                let cookie = event.u64;
                if cookie == BELL {
                    bell = true;
                } else if source::fired(self, cookie as u32, (cookie >> 32) as u32, event.events) {
                    max = max.saturating_sub(1);
                }
            }
            if ready.len() < ask {
                break;
            }
        }
        if self.queue.len() == before {
            file::look_at_mounts(self);
        }
        Ok(())
    }

    /// Moves events that the kernel holds straight into the sink, while nothing is queued before them.
    pub(crate) fn fetch(&mut self, sink: &mut Sink) -> Result<()> {
        if !self.kernel_may_have_events() {
            return Ok(());
        }
        let mut batch = [const { MaybeUninit::uninit() }; os::EPOLL_BATCH];
        let mut bell = self.bell_on;
        let before = sink.filled();
        while sink.room() > 0 && self.queue.len() == 0 {
            let ask = sink.room().saturating_add(usize::from(bell)).min(os::EPOLL_BATCH);
            let ready = match os::epoll_poll(self.number, &mut batch, ask) {
                Ok(ready) => ready,
                // What has been retrieved is no failure, and must reach the caller.
                Err(_) if sink.filled() > before => break,
                Err(e) => return Err(self.explain(e)),
            };
            for event in ready {
                let cookie = event.u64;
                if cookie == BELL {
                    bell = true;
                    continue;
                }
                let (slot, generation) = (cookie as u32, (cookie >> 32) as u32);
                if self.queue.len() == 0 && sink.room() > 0 {
                    source::fired_at_once(self, slot, generation, event.events, sink);
                } else {
                    source::fired(self, slot, generation, event.events);
                }
            }
            if ready.len() < ask {
                break;
            }
        }
        if sink.filled() == before && self.queue.len() == 0 {
            file::look_at_mounts(self);
        }
        Ok(())
    }

    /// Moves events out of the queue until the sink is full. Some may turn out to be void.
    pub(crate) fn take(&mut self, sink: &mut Sink) -> usize {
        let slab = &self.port.slab;
        let before = sink.filled();
        while sink.room() > 0 {
            let Some(slot) = self.state.queue.pop_front(slab) else { break };
            source::deliver(self, slot, sink);
        }
        sink.filled() - before
    }

    /// Sets events aside for the threads to be served next, and wakes them.
    pub(crate) fn dispatch(&mut self) {
        while let Some(first) = self.waiters.first() {
            let want = first.get().want;
            if want > self.unclaimed() {
                break;
            }
            self.waiters.remove_first();
            self.claims += want;
            self.kick_if_leader(first);
            first.give(sign::CLAIM);
        }
    }

    /// Makes sure that the leader, if it is this thread, notices the sign it is about to get: it waits for the port's
    /// descriptor, not for its word.
    pub(crate) fn kick_if_leader(&mut self, place: Place) {
        if self.leader == Some(place) {
            self.kick = true;
            if self.leader_wants_news {
                os::eventfd_ring(self.port.bell.load(Ordering::Relaxed));
            }
        }
    }

    /// Ends this thread's lead.
    pub(crate) fn resign(&mut self, waiter: &Waiter) {
        if self.leader.is_some_and(|p| p.is(waiter)) {
            self.leader = None;
            self.leader_wants_news = false;
            self.kick = false;
        }
    }

    #[inline]
    pub(crate) fn restore(&mut self) {
        let quiet = self.queue.len() == 0 && !self.bell_on && !self.kick && self.waiters.first().is_none();
        if !quiet || self.timers.stale || self.port.bell_unsure.load(Ordering::Relaxed) {
            self.restore_slowly();
        }
    }

    fn restore_slowly(&mut self) {
        if !self.alive() {
            return;
        }
        if self.timers.stale {
            timer::program(self);
        }
        self.dispatch();
        if self.leader.is_none() {
            if let Some(last) = self.waiters.last() {
                self.leader = Some(last);
                last.give(sign::LEAD);
            }
        }
        let on = self.unclaimed() > 0 || self.kick;
        let unsure = self.port.bell_unsure.swap(false, Ordering::Relaxed);
        if on != self.bell_on || unsure {
            // Fails only if no known number is the port any more. The next call by a number that is will do it.
            if self.ring(self.number, on).is_ok() || self.numbers.iter().any(|&n| self.ring(n, on).is_ok()) {
                self.bell_on = on;
            } else {
                self.port.bell_unsure.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Tells the waiting threads that `which` names that their descriptor is gone.
    pub(crate) fn turn_away(&mut self, which: impl Fn(&Waiter) -> bool) {
        let leader = self.leader;
        let mut leader_left = false;
        self.state.waiters.extract(which, |place| {
            leader_left |= leader == Some(place);
            place.give(sign::CLOSED);
        });
        if leader_left {
            self.state.leader = None;
            self.state.leader_wants_news = false;
            self.state.kick = false;
        }
    }

    /// Ends this life of the port: nothing that was queued or associated will ever come (CLOSE-1).
    pub(crate) fn end(mut self) {
        let port = self.port;
        self.life += 1;
        port.life.store(self.life, Ordering::SeqCst);
        while port.senders.load(Ordering::SeqCst) != 0 {
            std::thread::yield_now();
        }
        let bell = port.bell.swap(-1, Ordering::Relaxed);
        if let Some(leader) = self.leader {
            // The bell wakes the leader, so it has to stay until the leader has left. A claimed or alerted leader is no
            // longer in the list, but still behind the descriptor.
            if os::epoll_mod(self.number, bell, libc::EPOLLIN as u32, BELL).is_ok() {
                os::eventfd_ring(bell);
            }
            leader.get().bequeath(bell);
            if !self.waiters.contains(leader.get()) {
                leader.give(sign::CLOSED);
            }
        } else {
            os::close(bell);
        }
        let mut waiters = core::mem::take(&mut self.waiters);
        waiters.extract(|_| true, |place| place.give(sign::CLOSED));
        source::end(&mut self);
        port.close_helpers();
        port.inbox.clear();
        port.bell_unsure.store(false, Ordering::Relaxed);
        port.set_trusted_number(None);
        port.slab.reset(0);
        let life = self.life;
        **self.state = State { life, ..State::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::BELL;
    use crate::{os, registry, source::fd};
    use core::sync::atomic::Ordering;
    use std::os::fd::AsRawFd;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_bell_that_a_contending_sender_turned_on_does_not_keep_a_retrieval_busy() {
        let (answer, result) = mpsc::channel();
        std::thread::spawn(move || {
            let number = registry::create().unwrap();
            let (silent, _writer) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut port = registry::enter(number).unwrap();
            fd::associate(&mut port, silent.as_raw_fd() as usize, i32::from(libc::POLLIN), 0).unwrap();
            // What `send_unlocked` does, before its event is there.
            let bell = port.port.bell.load(Ordering::Relaxed);
            os::epoll_mod(number, bell, libc::EPOLLIN as u32, BELL).unwrap();
            port.pull(1).unwrap();
            answer.send(port.queue.len()).unwrap();
            drop(port);
            registry::close(number).unwrap();
        });
        assert_eq!(result.recv_timeout(Duration::from_secs(20)), Ok(0));
    }
}
