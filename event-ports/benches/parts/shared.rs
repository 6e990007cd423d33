//! Contestants that several threads can use at once.

use crate::contestant::Contestant;
#[cfg(target_os = "linux")]
use crate::epoll::Epoll;
use crate::ports::{Raw, Safe};
use std::os::fd::RawFd;

pub(crate) trait Shared: Contestant + Sync {
    /// Waits for an event, takes it, and asks again for the descriptor that it was about.
    fn turn(&self, fds: &[RawFd]);
}

impl Shared for Safe {
    fn turn(&self, fds: &[RawFd]) {
        let cookie = self.get();
        self.associate(fds[cookie], cookie);
    }
}

impl Shared for Raw {
    fn turn(&self, fds: &[RawFd]) {
        let cookie = self.get();
        self.associate(fds[cookie], cookie);
    }
}

#[cfg(target_os = "linux")]
impl Shared for Epoll {
    fn turn(&self, fds: &[RawFd]) {
        let cookie = self.get();
        self.control(libc::EPOLL_CTL_MOD, fds[cookie], libc::EPOLLIN | libc::EPOLLONESHOT, cookie);
    }
}
