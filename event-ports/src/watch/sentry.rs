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
    /// On which file the object is armed, and for what; `None` if it was heard of, or if nobody can say.
    armed: Option<(FileId, FileEvents)>,
}

impl Sentry {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, object: None, armed: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn look(&self) -> Sight {
        Sight::of(&self.path)
    }

    /// An event was delivered. Whether it is of the object that stands here now: another may have stood in its place
    /// before, of which an exception may still come (FILE-34).
    pub(super) fn heard(&mut self, object: &FileObj) -> bool {
        let is_ours = self.object.as_ref() == Some(object);
        if is_ours {
            self.armed = None;
        }
        is_ours
    }

    /// Whether the object is armed for at least this.
    pub(super) fn is_armed_for(&self, events: FileEvents) -> bool {
        self.armed.is_some_and(|(_, armed)| armed.contains(events))
    }

    /// Whether the file that was just seen is the one it is armed on, and for this. Then whatever has happened since is on its
    /// way as an event. To associate anew would take that back, and compare times that may not show it.
    pub(super) fn stands(&self, seen: &Metadata, events: FileEvents) -> bool {
        self.is_armed_for(events) && self.armed.is_some_and(|(armed, _)| armed == FileId::of(seen))
    }

    /// Has the next arming associate the object in any case.
    pub(super) fn mistrust(&mut self) {
        self.armed = None;
    }

    /// Watches the file that was just seen. What has happened since then comes as an event at once (FILE-25), if it shows in
    /// the times.
    pub(super) fn arm(&mut self, post: &mut Post, place: usize, seen: &Metadata, events: FileEvents) -> Armed {
        let id = FileId::of(seen);
        self.armed = None;
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
        if !self.look().is(id) {
            return Armed::Unsure;
        }
        self.armed = Some((id, events));
        Armed::Yes
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
        self.armed = None;
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
    use std::time::Duration;

    const MODIFIED: FileEvents = FileEvents::MODIFIED;

    #[test]
    fn it_stands_on_the_file_it_was_armed_on_until_it_is_heard() {
        let path = std::env::temp_dir().join(format!("event-ports-sentry-{}", std::process::id()));
        fs::write(&path, "one").unwrap();
        let mut post = Post::new().unwrap();
        let mut sentry = Sentry::new(path.clone());
        let look = |sentry: &Sentry| match sentry.look() {
            Sight::There(metadata) => metadata,
            _ => panic!("it is there"),
        };
        let seen = look(&sentry);
        assert!(!sentry.stands(&seen, MODIFIED));
        assert_eq!(sentry.arm(&mut post, 0, &seen, MODIFIED), Armed::Yes);
        assert!(sentry.stands(&seen, MODIFIED) && sentry.stands(&seen, FileEvents::empty()));
        assert!(!sentry.stands(&seen, MODIFIED | FileEvents::ATTRIB));
        let other = fs::metadata("/").unwrap();
        assert!(!sentry.stands(&other, MODIFIED));

        // An event on its way changes nothing; one that is there does.
        fs::write(&path, "two").unwrap();
        assert!(sentry.stands(&look(&sentry), MODIFIED));
        while post.is_idle() {
            post.listen(Some(Duration::from_secs(30))).unwrap();
        }
        let heard = post.next().unwrap();
        assert!(!sentry.heard(&FileObj::new("/").unwrap()));
        assert!(sentry.is_armed_for(MODIFIED));
        assert!(sentry.heard(&heard.object));
        assert!(!sentry.is_armed_for(FileEvents::empty()));

        let seen = look(&sentry);
        assert_eq!(sentry.arm(&mut post, 0, &seen, MODIFIED), Armed::Yes);
        sentry.mistrust();
        assert!(!sentry.stands(&seen, MODIFIED));
        fs::remove_file(&path).unwrap();
        assert_eq!(sentry.arm(&mut post, 0, &seen, MODIFIED), Armed::Gone);
        assert!(!sentry.is_armed_for(FileEvents::empty()));
    }

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
