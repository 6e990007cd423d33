//! Which descriptors a process has open.

use crate::raw;
use std::collections::BTreeSet;
use std::os::fd::RawFd;

/// Descriptors from here up are not looked at.
const HIGHEST: RawFd = 4096;

/// The descriptors that were open at some moment.
#[derive(Debug)]
pub struct OpenDescriptors(BTreeSet<RawFd>);

/// How often an implementation may need to be called before it has noticed all that was closed: some look at a part of
/// their ports each time.
const ROUNDS: usize = 200;

/// More than this need not be told of.
const TOLD: usize = 10;

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
        let mut told: Vec<String> = self.0.difference(&other.0).take(TOLD + 1).map(|&fd| describe(fd)).collect();
        if told.len() > TOLD {
            told[TOLD] = "and more".to_owned();
        }
        told
    }

    /// Describes the descriptors that are open now and were not then.
    #[must_use]
    pub fn opened_since(&self) -> Vec<String> {
        let mut left = Self::now().not_in(self);
        for _ in 0..ROUNDS {
            if left.is_empty() {
                break;
            }
            left = Self::now().not_in(self);
        }
        left
    }
}

fn describe(fd: RawFd) -> String {
    match std::fs::read_link(format!("/proc/self/fd/{fd}")) {
        Ok(target) => format!("{fd} ({})", target.display()),
        Err(_) => fd.to_string(),
    }
}
