//! Crates for readiness on many systems: `polling` and `mio`, as their users use them for the same result.
//!
//! `polling` is one-shot, as ports are. `mio` is edge-triggered; asking again makes a descriptor that still is ready tell
//! so again. Neither lets several threads wait at once.

use crate::contestant::{BATCH, Contestant};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use polling::{Event, Poller};
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, RawFd};

pub(crate) struct Polling {
    poller: Poller,
    one: polling::Events,
    many: polling::Events,
}

impl Polling {
    pub(crate) fn new() -> Self {
        let events = |capacity| polling::Events::with_capacity(NonZeroUsize::new(capacity).expect("more than 0"));
        Self { poller: Poller::new().expect("a poller"), one: events(1), many: events(BATCH) }
    }
}

impl Contestant for Polling {
    fn register(&mut self, fd: RawFd, cookie: usize) {
        // SAFETY: the descriptors of a workload outlive its contestants.
        unsafe { self.poller.add(fd, Event::readable(cookie)) }.expect("an open descriptor");
    }

    fn arm(&mut self, fd: RawFd, cookie: usize) {
        // SAFETY: the descriptors of a workload outlive its contestants.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.poller.modify(fd, Event::readable(cookie)).expect("an open descriptor");
    }

    fn take_one(&mut self) -> usize {
        self.one.clear();
        self.poller.wait(&mut self.one, None).expect("an open poller");
        self.one.iter().next().expect("an event").key
    }

    fn take_many(&mut self) -> (usize, usize) {
        self.many.clear();
        let count = self.poller.wait(&mut self.many, None).expect("an open poller");
        (count, self.many.iter().map(|event| event.key).sum())
    }
}

pub(crate) struct Mio {
    poll: Poll,
    one: mio::Events,
    many: mio::Events,
}

impl Mio {
    pub(crate) fn new() -> Self {
        let poll = Poll::new().expect("a poll");
        Self { poll, one: mio::Events::with_capacity(1), many: mio::Events::with_capacity(BATCH) }
    }
}

impl Contestant for Mio {
    fn register(&mut self, fd: RawFd, cookie: usize) {
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&fd), Token(cookie), Interest::READABLE).expect("an open descriptor");
    }

    fn arm(&mut self, fd: RawFd, cookie: usize) {
        let registry = self.poll.registry();
        registry.reregister(&mut SourceFd(&fd), Token(cookie), Interest::READABLE).expect("an open descriptor");
    }

    fn take_one(&mut self) -> usize {
        self.poll.poll(&mut self.one, None).expect("an open poll");
        self.one.iter().next().expect("an event").token().0
    }

    fn take_many(&mut self) -> (usize, usize) {
        self.poll.poll(&mut self.many, None).expect("an open poll");
        let events = self.many.iter();
        events.fold((0, 0), |(count, sum), event| (count + 1, sum + event.token().0))
    }
}
