//! How long a retrieval may take.

use crate::errno::{Errno, Result};
use crate::os;
use libc::timespec;

/// The timeout as the caller gave it. It is examined only if the call has to wait (GET-9).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timeout {
    /// None: wait for ever.
    Forever,
    /// Read already (SYS-6).
    Value(timespec),
    /// Not read yet. Whoever makes one promises that it points to a `timespec` throughout the call.
    Pointer(*const timespec),
}

/// Until when to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Not at all: take what is there.
    Now,
    /// Until the monotonic clock shows so many nanoseconds.
    Deadline(u64),
    /// For ever.
    Forever,
}

impl Timeout {
    /// Checks the timeout, and starts it (GET-8).
    pub(crate) fn start(self) -> Result<Until> {
        let given = match self {
            Self::Forever => return Ok(Until::Forever),
            Self::Value(value) => value,
            Self::Pointer(at) if !os::may_be_memory(at) => return Err(Errno::FAULT),
            // SAFETY: the promise made with the variant.
            Self::Pointer(at) => unsafe { at.read_unaligned() },
        };
        if given.tv_sec < 0 || !(0..1_000_000_000).contains(&given.tv_nsec) {
            return Err(Errno::INVAL);
        }
        if given.tv_sec == 0 && given.tv_nsec == 0 {
            return Ok(Until::Now);
        }
        let nanos = (given.tv_sec as u64)
            .checked_mul(1_000_000_000)
            .and_then(|n| n.checked_add(given.tv_nsec as u64))
            .and_then(|n| n.checked_add(os::monotonic_nanos()));
        // What the clock cannot reach in 500 years is for ever.
        Ok(nanos.map_or(Until::Forever, Until::Deadline))
    }
}

impl Until {
    /// The nanoseconds left; at most `slice`, so that the caller comes back to look after other things.
    pub(crate) fn left(self, slice: u64) -> u64 {
        match self {
            Self::Now => 0,
            Self::Deadline(at) => at.saturating_sub(os::monotonic_nanos()).min(slice),
            Self::Forever => slice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Timeout, Until};
    use crate::errno::Errno;
    use libc::timespec;

    fn start(tv_sec: i64, tv_nsec: i64) -> Result<Until, Errno> {
        Timeout::Value(timespec { tv_sec, tv_nsec }).start()
    }

    #[test]
    fn get_8_refuses_what_is_no_time() {
        for (sec, nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MIN, 5)] {
            assert_eq!(start(sec, nsec), Err(Errno::INVAL), "{sec}.{nsec}");
        }
    }

    #[test]
    fn get_11_a_huge_timeout_neither_overflows_nor_ends_at_once() {
        assert_eq!(start(i64::MAX, 999_999_999), Ok(Until::Forever));
        assert!(matches!(start(1 << 33, 0), Ok(Until::Deadline(_))));
    }

    #[test]
    fn zero_is_a_look_and_one_nanosecond_is_a_wait() {
        assert_eq!(start(0, 0), Ok(Until::Now));
        assert!(matches!(start(0, 1), Ok(Until::Deadline(_))));
    }
}
