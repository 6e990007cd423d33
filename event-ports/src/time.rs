//! Deadlines on the monotonic clock.
//!
//! The kernel turns a timeout into a deadline on the wall clock and gives up at once when that clock is stepped
//! (GET-10); it also takes timeouts no longer than it can add to the time of day (GET-11). So the crate keeps its own
//! deadline, waits in slices the kernel can count, and believes only its own clock.

use libc::timespec;
use std::time::{Duration, Instant};

/// The longest single wait asked of the kernel.
const LONGEST: Duration = Duration::from_secs(86_400);

/// When to stop waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// Never.
    Never,
    /// Before the first wait: take what there is.
    Poll,
    /// At this time.
    At(Instant),
}

impl Deadline {
    /// Reads the clock only if the timeout is neither absent nor zero. One beyond what the clock can count is no limit.
    #[inline]
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        match timeout {
            None => Self::Never,
            Some(Duration::ZERO) => Self::Poll,
            Some(timeout) => Instant::now().checked_add(timeout).map_or(Self::Never, Self::At),
        }
    }

    /// The time that is left; `None` without end.
    pub(crate) fn remaining(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Poll => Some(Duration::ZERO),
            Self::At(time) => Some(time.saturating_duration_since(Instant::now())),
        }
    }
}

/// A wait in the kernel's terms, no longer than it can take.
#[inline]
pub(crate) fn slice(wait: Duration) -> timespec {
    let wait = wait.min(LONGEST);
    // Both fit any width the fields have: at most a day, and less than 10^9.
    timespec { tv_sec: wait.as_secs() as _, tv_nsec: (wait.subsec_nanos() as i32).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_the_longest_timeout_is_no_limit() {
        assert_eq!(Deadline::after(Some(Duration::MAX)), Deadline::Never);
        assert_eq!(Deadline::after(None), Deadline::Never);
        assert_eq!(Deadline::Never.remaining(), None);
    }

    #[test]
    fn s7_no_wait_overflows_what_the_kernel_can_count() {
        for wait in [Duration::MAX, Duration::from_secs(u64::MAX >> 1), LONGEST + Duration::from_nanos(1)] {
            let slice = slice(wait);
            assert_eq!((slice.tv_sec, slice.tv_nsec), (86_400, 0));
        }
        let short = slice(Duration::new(1, 999_999_999));
        assert_eq!((short.tv_sec, short.tv_nsec), (1, 999_999_999));
    }

    #[test]
    fn s7_a_deadline_in_the_past_leaves_nothing() {
        assert_eq!(Deadline::Poll.remaining(), Some(Duration::ZERO));
        assert_eq!(Deadline::At(Instant::now()).remaining(), Some(Duration::ZERO));
        let left = Deadline::after(Some(Duration::from_secs(60))).remaining();
        assert!(left.is_some_and(|left| left > Duration::from_secs(50) && left <= Duration::from_secs(60)));
    }
}
