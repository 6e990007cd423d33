//! What one look at a file shows.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// Which file it is, whatever it is called.
///
/// Two names with the same identity at the same time are links of one file. A file that is created may get the inode
/// number of one that is gone; where the system tells when a file was born (Linux does), the two differ nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl FileId {
    /// The identity of the file that a program got `metadata` of, for instance of one it has open.
    ///
    /// ```
    /// use event_ports::FileId;
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// let root = std::fs::metadata("/")?;
    /// assert_eq!(FileId::of(&root).inode(), root.ino());
    /// assert_eq!(FileId::of(&root), FileId::of(&std::fs::metadata("/.")?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), born: metadata.created().ok() }
    }

    /// The device (`st_dev`).
    #[must_use]
    pub const fn device(&self) -> u64 {
        self.device
    }

    /// The inode number (`st_ino`).
    #[must_use]
    pub const fn inode(&self) -> u64 {
        self.inode
    }
}

/// A file as one look showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    id: FileId,
    mode: u32,
    links: u64,
    owner: (u32, u32),
    size: u64,
    accessed: (i64, i64),
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether it had changed a moment before the look, so that a change right after it need not show: file systems take
    /// times from a clock that ticks only so often.
    is_fresh: bool,
}

/// No such clock ticks more slowly.
const TICK: Duration = Duration::from_millis(20);

impl Snapshot {
    /// What a look at a time shows.
    pub(super) fn of(metadata: &Metadata, time: SystemTime) -> Self {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Self {
            id: FileId::of(metadata),
            mode: metadata.mode(),
            links: metadata.nlink(),
            owner: (metadata.uid(), metadata.gid()),
            size: metadata.size(),
            accessed: (metadata.atime(), metadata.atime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed,
            is_fresh: age(changed, time).is_none_or(|age| age < TICK),
        }
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn is_dir(&self) -> bool {
        self.has_type(libc::S_IFDIR)
    }

    pub(super) fn is_file(&self) -> bool {
        self.has_type(libc::S_IFREG)
    }

    fn has_type(&self, wanted: u32) -> bool {
        self.file_type() == wanted
    }

    fn file_type(&self) -> u32 {
        self.mode & libc::S_IFMT
    }

    /// Whether it is the same file, as far as can be told.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        // An inode number that is used again may come with another type, and then it is certain.
        self.id == other.id && self.file_type() == other.file_type()
    }

    /// Whether nothing is different that a look shows.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        *self == Self { is_fresh: self.is_fresh, ..*other }
    }

    /// Whether the file may have changed since this look, although it looks as it did then.
    pub(super) fn may_hide_a_change(&self) -> bool {
        self.is_fresh
    }

    pub(super) fn has_same_content(&self, other: &Self) -> bool {
        (self.size, self.modified) == (other.size, other.modified)
    }

    pub(super) fn was_accessed_since(&self, before: &Self) -> bool {
        self.accessed != before.accessed
    }

    /// Whether the attributes are the same that are no consequence of writing.
    pub(super) fn has_same_attributes(&self, other: &Self) -> bool {
        // The links of a directory are its content: they count its subdirectories, or all entries.
        (self.mode, self.owner) == (other.mode, other.owner) && (self.is_dir() || self.links == other.links)
    }

    pub(super) fn has_same_change_time(&self, other: &Self) -> bool {
        self.changed == other.changed
    }

    /// Whether the file is unchanged for so long that one which was created in its place could not look the same: the
    /// time of the last change cannot be set back.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        const LONG: Duration = Duration::from_secs(2);
        age(self.changed, now).is_some_and(|age| age > LONG)
    }
}

/// How long a time has passed; `None` if it is to come, or before all time.
fn age((seconds, nanoseconds): (i64, i64), now: SystemTime) -> Option<Duration> {
    let since_epoch = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
    now.duration_since(SystemTime::UNIX_EPOCH.checked_add(since_epoch)?).ok()
}

#[cfg(test)]
impl Snapshot {
    /// A regular file that was last touched at `time`.
    pub(super) fn example(inode: u64, size: u64, time: i64) -> Self {
        Self {
            id: FileId { device: 1, inode, born: None },
            mode: libc::S_IFREG | 0o644,
            links: 1,
            owner: (0, 0),
            size,
            accessed: (time, 0),
            modified: (time, 0),
            changed: (time, 0),
            is_fresh: false,
        }
    }

    pub(super) fn fresh(self) -> Self {
        Self { is_fresh: true, ..self }
    }

    pub(super) fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub(super) fn with_links(self, links: u64) -> Self {
        Self { links, ..self }
    }

    pub(super) fn with_change_time(self, time: i64) -> Self {
        Self { changed: (time, 0), ..self }
    }

    pub(super) fn with_access_time(self, time: i64) -> Self {
        Self { accessed: (time, 0), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_is_what_is_long_unchanged() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        assert!(Snapshot::example(1, 0, 990).is_settled(now));
        assert!(!Snapshot::example(1, 0, 999).is_settled(now));
        // A clock elsewhere may be ahead; what is older than time itself proves nothing.
        assert!(!Snapshot::example(1, 0, 2000).is_settled(now));
        assert!(!Snapshot::example(1, 0, -5).is_settled(now));
    }

    #[test]
    fn what_changed_within_a_tick_of_the_look_may_hide_a_change() {
        let metadata = std::fs::metadata("/").unwrap();
        let (seconds, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
        let changed =
            SystemTime::UNIX_EPOCH + Duration::new(seconds.try_into().unwrap(), nanoseconds.try_into().unwrap());
        assert!(Snapshot::of(&metadata, changed).may_hide_a_change());
        assert!(Snapshot::of(&metadata, changed + TICK / 2).may_hide_a_change());
        assert!(!Snapshot::of(&metadata, changed + TICK).may_hide_a_change());
        // The clock of a file system elsewhere says nothing.
        assert!(Snapshot::of(&metadata, changed - TICK).may_hide_a_change());
        let example = Snapshot::example(1, 10, 10);
        assert!(example.fresh().looks_like(&example) && example.looks_like(&example.fresh()));
        assert!(!example.looks_like(&example.with_links(2)));
    }

    #[test]
    fn an_inode_of_another_type_is_another_file() {
        let file = Snapshot::example(1, 0, 0);
        let link = file.with_mode(libc::S_IFLNK | 0o777);
        assert!(file.is_same_file(&file.with_mode(libc::S_IFREG | 0o600)));
        assert!(!file.is_same_file(&link));
        assert!(!file.is_same_file(&Snapshot::example(2, 0, 0)));
    }

    #[test]
    fn the_birth_time_tells_an_inode_number_that_was_used_again() {
        let born = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let id = |born| FileId { device: 1, inode: 2, born };
        assert_eq!(id(born(1)), id(born(1)));
        assert_ne!(id(born(1)), id(born(2)));
        assert_eq!(id(None), id(None));
    }
}
