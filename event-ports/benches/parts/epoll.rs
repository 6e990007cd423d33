//! Bare epoll with `EPOLLONESHOT`, the nearest to a port that Linux itself has: what a port there is measured by.

use crate::contestant::{BATCH, Contestant};
use libc::{EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLONESHOT, c_int, epoll_event};
use std::fs::File;
use std::io::{Error, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub(crate) struct Epoll {
    epoll: OwnedFd,
    list: [epoll_event; BATCH],
}

/// A place for an event.
const EMPTY: epoll_event = epoll_event { events: 0, u64: 0 };

impl Epoll {
    pub(crate) fn new() -> Self {
        // SAFETY: the call takes no pointer.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(epoll >= 0, "{}", Error::last_os_error());
        // SAFETY: the descriptor was made just now and is nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        Self { epoll, list: [EMPTY; BATCH] }
    }

    #[inline]
    pub(crate) fn control(&self, operation: c_int, fd: RawFd, events: c_int, cookie: usize) {
        let mut event = epoll_event { events: events as u32, u64: cookie as u64 };
        // SAFETY: `event` outlives the call, which only reads it.
        let done = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        assert_eq!(done, 0);
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        let mut event = EMPTY;
        // SAFETY: there is room for one event.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, -1) };
        assert_eq!(count, 1);
        event.u64 as usize
    }
}

impl Contestant for Epoll {
    fn register(&mut self, fd: RawFd, cookie: usize) {
        self.control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, cookie);
    }

    fn arm(&mut self, fd: RawFd, cookie: usize) {
        self.control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, cookie);
    }

    fn take_one(&mut self) -> usize {
        self.get()
    }

    fn take_many(&mut self) -> (usize, usize) {
        // SAFETY: there is room for as many events as the call is told.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.list.as_mut_ptr(), BATCH as c_int, -1) };
        assert!(count >= 1);
        let events = &self.list[..count as usize];
        (events.len(), events.iter().map(|event| event.u64 as usize).sum())
    }
}

/// A counter that makes its epoll ready: what a program on Linux wakes a loop with.
pub(crate) struct EventFd {
    epoll: Epoll,
    counter: File,
}

impl EventFd {
    pub(crate) fn new() -> Self {
        // SAFETY: the call takes no pointer.
        let counter = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        assert!(counter >= 0, "{}", Error::last_os_error());
        let epoll = Epoll::new();
        epoll.control(EPOLL_CTL_ADD, counter, EPOLLIN, 1);
        // SAFETY: the descriptor was made just now and is nobody else's.
        Self { epoll, counter: unsafe { File::from_raw_fd(counter) } }
    }

    pub(crate) fn send_and_take(&self) {
        (&self.counter).write_all(&1_u64.to_ne_bytes()).expect("an open counter");
        assert_eq!(self.epoll.get(), 1);
        let mut count = [0; 8];
        (&self.counter).read_exact(&mut count).expect("an open counter");
        assert_eq!(u64::from_ne_bytes(count), 1);
    }
}
