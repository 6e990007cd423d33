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
}

impl Snapshot {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            id: FileId::of(metadata),
            mode: metadata.mode(),
            links: metadata.nlink(),
            owner: (metadata.uid(), metadata.gid()),
            size: metadata.size(),
            accessed: (metadata.atime(), metadata.atime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
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
        let (seconds, _) = self.changed;
        let changed = u64::try_from(seconds).ok().map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        changed.and_then(|changed| now.duration_since(changed).ok()).is_some_and(|age| age > LONG)
    }
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
        }
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
