//! What a look at a file shows, and what has changed since an earlier look.

use crate::os;
use crate::types::{FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_TRUNC};
use libc::timespec;

/// Seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(i64, i64);

impl Time {
    fn of(stamp: &libc::statx_timestamp) -> Self {
        Self(stamp.tv_sec, i64::from(stamp.tv_nsec))
    }

    fn asked(time: timespec) -> Self {
        Self(time.tv_sec, time.tv_nsec)
    }

    fn is_zero(self) -> bool {
        self == Self(0, 0)
    }

    fn nanos(self) -> i128 {
        i128::from(self.0) * 1_000_000_000 + i128::from(self.1)
    }
}

/// The three times of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    access: Time,
    modification: Time,
    change: Time,
}

impl Times {
    /// The times of a `file_obj`.
    pub(super) fn asked(access: timespec, modification: timespec, change: timespec) -> Self {
        Self { access: Time::asked(access), modification: Time::asked(modification), change: Time::asked(change) }
    }

    /// The events that tell times which the caller last saw from these. A time of zero is not compared (FILE-22).
    pub(super) fn news(&self, seen: &Self) -> u32 {
        let news = |now: Time, seen: Time, event| if seen.is_zero() || now == seen { 0 } else { event as u32 };
        news(self.access, seen.access, FILE_ACCESS)
            | news(self.modification, seen.modification, FILE_MODIFIED)
            | news(self.change, seen.change, FILE_ATTRIB)
    }
}

/// What tells a file from every other, as far as the file system tells. Numbers of inodes are used again, so the time of
/// birth counts where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: (u32, u32),
    inode: u64,
    birth: Option<Time>,
}

impl Identity {
    /// Whether no other file will ever have it.
    pub(super) fn is_certain(&self) -> bool {
        self.birth.is_some()
    }
}

/// What a look at a file has shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) identity: Identity,
    pub(super) times: Times,
    pub(super) size: u64,
    /// Names the file has.
    pub(super) links: u32,
    /// Where a mount begins. `None` where the kernel does not tell.
    pub(super) mount_root: Option<bool>,
    /// Which mount it was seen through.
    pub(super) mount: u64,
    mode: u32,
}

impl Look {
    pub(super) fn new(st: &libc::statx) -> Self {
        let birth = st.stx_mask & libc::STATX_BTIME != 0;
        let root = libc::STATX_ATTR_MOUNT_ROOT as u64;
        Self {
            identity: Identity {
                device: (st.stx_dev_major, st.stx_dev_minor),
                inode: st.stx_ino,
                birth: birth.then(|| Time::of(&st.stx_btime)),
            },
            times: Times {
                access: Time::of(&st.stx_atime),
                modification: Time::of(&st.stx_mtime),
                change: Time::of(&st.stx_ctime),
            },
            size: st.stx_size,
            links: st.stx_nlink,
            mount_root: (st.stx_attributes_mask & root != 0).then_some(st.stx_attributes & root != 0),
            mount: st.stx_mnt_id,
            mode: u32::from(st.stx_mode) & libc::S_IFMT,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.mode == libc::S_IFDIR
    }

    pub(super) fn is_link(&self) -> bool {
        self.mode == libc::S_IFLNK
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.mode == libc::S_IFIFO
    }

    /// Whether it is a root of another file system than `parent`.
    pub(super) fn begins_mount_below(&self, parent: &Self) -> bool {
        self.mount_root.unwrap_or(self.identity.device != parent.identity.device)
    }
}

/// How long the times of a file may stay as they are while it changes: file systems take them from a clock that ticks
/// only so often.
const TICK: i128 = 20_000_000;

/// What was last seen of a watched file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    look: Look,
    /// It had changed a moment before, so a change right after need not show in its times.
    fresh: bool,
}

impl Seen {
    pub(super) fn now(look: Look) -> Self {
        let fresh = look.times.change.nanos() + TICK > os::system_time_nanos();
        Self { look, fresh }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.look.identity
    }

    pub(super) fn is_directory(&self) -> bool {
        self.look.is_directory()
    }

    /// The events that a change of attributes brings besides `FILE_ATTRIB`: of the times that it has set (FILE-28).
    pub(super) fn times_set(&self, now: &Look) -> u32 {
        let (then, now) = (&self.look.times, &now.times);
        let news = |changed, event| if changed { event as u32 } else { 0 };
        news(then.access != now.access, FILE_ACCESS) | news(then.modification != now.modification, FILE_MODIFIED)
    }

    /// Whether anything but reading has happened to the file. Reading takes no time back, and that shows even where the
    /// time of change has not gone on since the last look.
    pub(super) fn attributes_changed(&self, now: &Look) -> bool {
        let (then, now) = (&self.look.times, &now.times);
        then.change != now.change || now.access < then.access
    }

    /// Whether a modification has cut the file. Nothing but that leaves a file empty.
    pub(super) fn was_cut(&self, now: &Look) -> bool {
        !now.is_directory() && (now.size < self.look.size || now.size == 0)
    }

    /// The events that may have been missed since. Reading leaves no reliable trace, so it is among them.
    pub(super) fn missed(&self, now: &Look) -> u32 {
        let changed = self.fresh || self.look.times.change != now.times.change;
        let modified = changed && (self.fresh || self.look.times.modification != now.times.modification);
        let cut = modified && (now.is_directory() || self.was_cut(now));
        let news = |happened, event| if happened { event as u32 } else { 0 };
        FILE_ACCESS as u32 | news(changed, FILE_ATTRIB) | news(modified, FILE_MODIFIED) | news(cut, FILE_TRUNC)
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, Seen, Time, Times};
    use crate::types::{FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_TRUNC};

    fn times(access: i64, modification: i64, change: i64) -> Times {
        Times { access: Time(access, 1), modification: Time(modification, 1), change: Time(change, 1) }
    }

    fn file(times: Times, size: u64) -> Look {
        // SAFETY: all zero is a valid statx.
        let mut look = Look::new(&unsafe { core::mem::zeroed() });
        look.times = times;
        look.size = size;
        look
    }

    #[test]
    fn file_22_each_time_is_compared_by_inequality_and_only_if_it_is_not_zero() {
        let now = times(10, 20, 30);
        assert_eq!(now.news(&now), 0);
        assert_eq!(now.news(&times(11, 20, 30)), FILE_ACCESS as u32);
        assert_eq!(now.news(&times(10, 19, 30)), FILE_MODIFIED as u32);
        assert_eq!(now.news(&times(10, 20, 31)), FILE_ATTRIB as u32);
        let zero = Time(0, 0);
        let unknown = Times { access: zero, modification: zero, change: zero };
        assert_eq!(now.news(&unknown), 0);
        assert_eq!(now.news(&Times { change: Time(30, 2), ..unknown }), FILE_ATTRIB as u32);
    }

    #[test]
    fn a_modification_that_leaves_less_or_nothing_has_cut_the_file() {
        let seen = Seen::now(file(times(1, 1, 1), 10));
        assert!(seen.was_cut(&file(times(1, 2, 2), 9)));
        assert!(!seen.was_cut(&file(times(1, 2, 2), 10)));
        assert!(Seen::now(file(times(1, 1, 1), 0)).was_cut(&file(times(1, 2, 2), 0)));
    }

    #[test]
    fn file_28_an_access_time_taken_back_is_a_change_of_attributes_within_a_tick_of_the_clock() {
        let seen = Seen::now(file(times(10, 1, 1), 1));
        assert!(seen.attributes_changed(&file(times(9, 1, 1), 1)));
        assert!(seen.attributes_changed(&file(times(11, 1, 2), 1)));
        assert!(!seen.attributes_changed(&file(times(11, 1, 1), 1)));
    }

    #[test]
    fn what_may_have_been_missed() {
        let (access, attrib, modified) = (FILE_ACCESS as u32, FILE_ATTRIB as u32, FILE_MODIFIED as u32);
        let old = Seen { look: file(times(1, 1, 1), 10), fresh: false };
        assert_eq!(old.missed(&file(times(1, 1, 1), 10)), access);
        assert_eq!(old.missed(&file(times(1, 1, 2), 10)), access | attrib);
        assert_eq!(old.missed(&file(times(1, 2, 2), 10)), access | attrib | modified);
        assert_eq!(old.missed(&file(times(1, 2, 2), 3)), access | attrib | modified | FILE_TRUNC as u32);
        let fresh = Seen { fresh: true, ..old };
        assert_eq!(fresh.missed(&file(times(1, 1, 1), 10)), access | attrib | modified);
    }

    #[test]
    fn what_changed_a_moment_ago_is_fresh() {
        let now = crate::os::system_time_nanos();
        let seconds = i64::try_from(now / 1_000_000_000).unwrap();
        assert!(Seen::now(file(times(1, 1, seconds + 1), 0)).fresh);
        assert!(!Seen::now(file(times(1, 1, seconds - 2), 0)).fresh);
    }
}
