//! One object on the port: looking at a path, and arming it so that nothing falls between the look and the watch.

use super::post::Post;
use super::snapshot::FileId;
use crate::{FileEvents, FileObj};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// What is at a path.
pub(super) enum Sight {
    /// A file. Links are not followed: the paths that are watched have none, but for one that is watched itself.
    There(Metadata),
    /// None.
    Gone,
    /// Nobody can tell, for this errno.
    Failed(i32),
}

impl Sight {
    pub(super) fn of(path: &Path) -> Self {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Self::There(metadata),
            Err(error) => Self::without(&error),
        }
    }

    fn without(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => Self::Gone,
            errno => Self::Failed(errno.unwrap_or(libc::EINVAL)),
        }
    }

    /// Whether it is that file.
    pub(super) fn is(&self, id: FileId) -> bool {
        matches!(self, Self::There(metadata) if FileId::of(metadata) == id)
    }
}

/// How arming a path ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Armed {
    /// The file that was seen is watched.
    Yes,
    /// The path has meant another file meanwhile, or none. Perhaps nothing is watched. It must be looked at again.
    Unsure,
    /// There is no file.
    Gone,
    /// It cannot be watched, for this errno.
    No(i32),
}

/// A path and its object.
pub(super) struct Sentry {
    path: PathBuf,
    object: Option<FileObj>,
}

impl Sentry {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, object: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn look(&self) -> Sight {
        Sight::of(&self.path)
    }

    /// Whether an event is of the object that stands here now. Another may have stood in its place before.
    pub(super) fn is(&self, object: &FileObj) -> bool {
        self.object.as_ref() == Some(object)
    }

    /// Watches the file that was just seen. What has happened since then comes as an event at once (FILE-25).
    pub(super) fn arm(&mut self, post: &mut Post, place: usize, seen: &Metadata, events: FileEvents) -> Armed {
        let is_new = self.object.is_none();
        let object = match &mut self.object {
            Some(object) => object,
            none => match FileObj::new_nofollow(&self.path) {
                Ok(object) => none.insert(object),
                Err(error) => return Self::refused(&error.into()),
            },
        };
        object.set_times(seen);
        if let Err(error) = post.arm(object, events, place, is_new) {
            // Whatever there was is let go, with the file it kept (FILE-19, FILE-47).
            post.disarm(object);
            self.object = None;
            return Self::refused(&error);
        }
        // The association may have found another file than the one that was seen; or have found that the path was
        // changing, and then nothing is watched and nobody says so (FILE-13).
        if self.look().is(FileId::of(seen)) { Armed::Yes } else { Armed::Unsure }
    }

    fn refused(error: &io::Error) -> Armed {
        match Sight::without(error) {
            Sight::Failed(errno) => Armed::No(errno),
            _ => Armed::Gone,
        }
    }

    /// Gives the object up. It is still to be disarmed.
    #[must_use]
    pub(super) fn relieve(&mut self) -> Option<FileObj> {
        self.object.take()
    }

    /// Moves on to another path. The old object is still to be disarmed.
    #[must_use]
    pub(super) fn relocate(&mut self, path: PathBuf) -> Option<FileObj> {
        self.path = path;
        self.relieve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sights_tell_what_is_not_there_from_what_cannot_be_seen() {
        assert!(matches!(Sight::of(Path::new("/")), Sight::There(metadata) if metadata.is_dir()));
        assert!(matches!(Sight::of(Path::new("/no/such/file")), Sight::Gone));
        let long = Path::new("/").join("x".repeat(5000));
        assert!(matches!(Sight::of(&long), Sight::Failed(libc::ENAMETOOLONG)));
        // Below a file there is nothing.
        let below = std::env::current_exe().unwrap().join("x");
        assert!(matches!(Sight::of(&below), Sight::Gone));
    }
}
