//! What a watcher reports.

use super::snapshot::FileId;
use crate::FileEvents;
use std::path::PathBuf;
use std::{fmt, io};
use thiserror::Error;

/// One thing that happened to a watched path, reported by a [`Watcher`](crate::Watcher).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Change {
    /// The path it is about: the one given to [`watch`](crate::Watcher::watch), or below it.
    pub path: PathBuf,
    /// The cookie given with the path, or with the directory whose entry this is.
    pub user: usize,
    /// What happened.
    pub kind: ChangeKind,
    /// Which file it happened to, where that is known: the one that went, or the one that is there now.
    ///
    /// An entry that was renamed within a watched directory is reported [`RenamedAway`](ChangeKind::RenamedAway) under
    /// its old name and [`Created`](ChangeKind::Created) under its new one, both with the same identity.
    pub id: Option<FileId>,
    /// Whether that file is a directory.
    pub is_dir: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.path, self.kind)
    }
}

/// What happened to a watched path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// There is a file at the path, and there was none before.
    Created,
    /// The content changed. Of a directory whose entries are not watched: entries came or went.
    Modified,
    /// The file was cut. What it holds may all be new.
    ///
    /// A file that has grown again beyond its former size before the watcher looked may be reported
    /// [`Modified`](Self::Modified) instead.
    Truncated,
    /// Attributes changed: mode, owner, times, number of links.
    Attributes,
    /// The file was read. Reported on request ([`WatchOptions::accessed`](crate::WatchOptions::accessed)).
    Accessed,
    /// The path leads to another file now.
    Replaced,
    /// The file has another name now, or a directory above it has, and there is none at the path any more.
    RenamedAway,
    /// There is no file at the path any more. Also when the system did not say how it went.
    Deleted,
    /// The file system is being unmounted, or was. If the path means something else in consequence, that is reported as
    /// well.
    Unmounted,
    /// Something is being mounted over the file, or was. If the path means something else in consequence, that is
    /// reported as well.
    MountedOver,
    /// The path cannot be watched now; see [`Watcher`](crate::Watcher#errors). Each reason is reported once.
    Failed(WatchFailure),
    /// The system reported something this crate has no name for.
    Unknown(FileEvents),
}

impl ChangeKind {
    /// Whether the file at the path went: what the program knows about it is about something that is there no more.
    #[must_use]
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::RenamedAway | Self::Deleted)
    }

    /// Whether there is a file at the path that the program has not seen yet.
    #[must_use]
    pub const fn is_new(self) -> bool {
        matches!(self, Self::Created | Self::Replaced)
    }

    /// Whether there may be something new to read.
    #[must_use]
    pub const fn is_content(self) -> bool {
        matches!(self, Self::Created | Self::Replaced | Self::Modified | Self::Truncated)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Truncated => "truncated",
            Self::Attributes => "attributes changed",
            Self::Accessed => "accessed",
            Self::Replaced => "replaced",
            Self::RenamedAway => "renamed away",
            Self::Deleted => "deleted",
            Self::Unmounted => "unmounted",
            Self::MountedOver => "mounted over",
            Self::Failed(failure) => return write!(f, "cannot be watched: {failure}"),
            Self::Unknown(events) => return write!(f, "unknown change: {events}"),
        })
    }
}

/// Why a path cannot be watched: an error of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{}", io::Error::from_raw_os_error(self.errno))]
pub struct WatchFailure {
    errno: i32,
}

impl WatchFailure {
    pub(super) const fn new(errno: i32) -> Self {
        Self { errno }
    }

    /// The system's number for it.
    #[must_use]
    pub const fn errno(self) -> i32 {
        self.errno
    }

    /// Whether the file system does not tell of changes (`ENOTSUP`).
    #[must_use]
    pub const fn is_unsupported(self) -> bool {
        self.errno == libc::ENOTSUP
    }

    /// Whether a limit was reached: of the port (`EAGAIN`, `process.max-port-events`) or, on Linux, of inotify
    /// (`ENOSPC`, `EMFILE`).
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(self.errno, libc::EAGAIN | libc::ENOSPC | libc::EMFILE | libc::ENFILE)
    }

    /// Whether permission is missing (`EACCES`, `EPERM`): to search a directory on the way, or on Linux to read the file.
    #[must_use]
    pub const fn is_denied(self) -> bool {
        matches!(self.errno, libc::EACCES | libc::EPERM)
    }
}

impl From<WatchFailure> for io::Error {
    fn from(failure: WatchFailure) -> Self {
        Self::from_raw_os_error(failure.errno)
    }
}

/// Error returned by [`Watcher::watch`](crate::Watcher::watch): the path is not watched.
#[derive(Debug, Error)]
#[error("cannot watch {path:?}")]
#[non_exhaustive]
pub struct WatchError {
    /// The path.
    pub path: PathBuf,
    /// What is wrong with it.
    pub source: io::Error,
}

impl WatchError {
    /// The system's reason; `None` if the path cannot be one, since it is empty or holds a NUL byte.
    #[must_use]
    pub fn failure(&self) -> Option<WatchFailure> {
        self.source.raw_os_error().map(WatchFailure::new)
    }
}

impl From<WatchError> for io::Error {
    fn from(error: WatchError) -> Self {
        error.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_tell_their_kind_and_keep_the_errno() {
        let failure = WatchFailure::new(libc::ENOTSUP);
        assert!(failure.is_unsupported() && !failure.is_limit() && !failure.is_denied());
        assert_eq!(io::Error::from(failure).raw_os_error(), Some(libc::ENOTSUP));
        assert!(WatchFailure::new(libc::EAGAIN).is_limit());
        assert!(WatchFailure::new(libc::EACCES).is_denied());
    }

    #[test]
    fn changes_print_what_happened() {
        let change = |kind| Change { path: "/a b".into(), user: 1, kind, id: None, is_dir: false };
        assert_eq!(change(ChangeKind::RenamedAway).to_string(), r#""/a b": renamed away"#);
        let failure = ChangeKind::Failed(WatchFailure::new(libc::EACCES));
        assert!(change(failure).to_string().starts_with(r#""/a b": cannot be watched: Permission denied"#));
        let unknown = ChangeKind::Unknown(FileEvents::from_bits_retain(8));
        assert_eq!(change(unknown).to_string(), r#""/a b": unknown change: 0x8"#);
    }
}
