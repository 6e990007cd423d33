//! Which descriptors a process has open.

use crate::raw;
use std::collections::BTreeSet;
use std::os::fd::RawFd;

/// Descriptors from here up are not looked at.
const HIGHEST: RawFd = 4096;

/// The descriptors that were open at some moment.
#[derive(Debug)]
pub struct OpenDescriptors(BTreeSet<RawFd>);

impl OpenDescriptors {
    /// Looks at every descriptor number.
    #[must_use]
    pub fn now() -> Self {
        raw::settle();
        // SAFETY: F_GETFD takes no argument and touches no memory.
        let is_open = |&fd: &RawFd| unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
        Self((0..HIGHEST).filter(is_open).collect())
    }

    /// Describes the descriptors that the other set lacks.
    #[must_use]
    pub fn not_in(&self, other: &Self) -> Vec<String> {
        self.0.difference(&other.0).map(|&fd| describe(fd)).collect()
    }
}

fn describe(fd: RawFd) -> String {
    match std::fs::read_link(format!("/proc/self/fd/{fd}")) {
        Ok(target) => format!("{fd} ({})", target.display()),
        Err(_) => fd.to_string(),
    }
}
