//! What every contestant can do, so that all of them do the same work.

use std::os::fd::RawFd;

/// How many events a batch has room for.
pub(crate) const BATCH: usize = 64;

/// Tells when descriptors are ready to be read from, once each time it is asked.
///
/// The cookie of a descriptor is its index in the list that the workload keeps. To look at it is the least a program does
/// with an event.
pub(crate) trait Contestant {
    /// Asks for the first time.
    fn register(&mut self, fd: RawFd, cookie: usize);

    /// Asks again, after an event.
    fn arm(&mut self, fd: RawFd, cookie: usize);

    /// Waits for an event, takes it, and returns its cookie.
    fn take_one(&mut self) -> usize;

    /// Waits for an event, takes as many as there are, up to [`BATCH`], and returns their number and the sum of their
    /// cookies.
    fn take_many(&mut self) -> (usize, usize);
}
