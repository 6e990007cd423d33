//! The way from the root directory to a file: which directories and symbolic links a path leads through.
//!
//! A watch is bound to a file, not to a path (FILE-4). So whoever watches a path must hear when a directory on the way
//! is renamed, or a link is made to point elsewhere.

use super::snapshot::FileId;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// As many links as the systems follow themselves, or more.
const MOST_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trail {
    /// The directories and links it leads through, each by a path without links.
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To a file, whose path without links this is.
    Found(PathBuf),
    /// Nowhere, since a directory lacks an entry, or the entry is no directory and should be one.
    Missing {
        /// The directory.
        directory: PathBuf,
        /// The entry.
        entry: PathBuf,
    },
    /// Nobody can tell, since an entry of a directory cannot be looked at.
    Failed {
        /// The directory.
        directory: PathBuf,
        /// The errno.
        errno: i32,
    },
}

impl Trail {
    /// Follows an absolute path. A link that it ends with is followed if `follow` says so, or if a slash does (FILE-5).
    pub(super) fn of(path: &Path, follow: bool) -> Self {
        let text = path.as_os_str().as_bytes();
        let follow = follow || text.ends_with(b"/") || text.ends_with(b"/.");
        let mut walker = Walk { at: PathBuf::from("/"), steps: Vec::new(), ahead: Vec::new(), links: 0 };
        walker.prepend(path);
        let end = walker.reach(follow);
        Self { steps: walker.steps, end }
    }
}

struct Walk {
    /// Where the walk is: a directory, by a path without links.
    at: PathBuf,
    steps: Vec<Step>,
    /// The names still to be followed, last first.
    ahead: Vec<OsString>,
    links: usize,
}

impl Walk {
    /// Puts the names of a path before those that are still to be followed.
    fn prepend(&mut self, path: &Path) {
        if path.is_absolute() {
            self.at = PathBuf::from("/");
        }
        let names = path.components().rev().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            // No other systems than those without prefixes are supported.
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        self.ahead.extend(names);
    }

    fn reach(&mut self, follow: bool) -> End {
        while let Some(name) = self.ahead.pop() {
            if name == ".." {
                // The directory above, physically: `at` has no links. Above the root is the root.
                self.at.pop();
                continue;
            }
            let path = self.at.join(&name);
            let is_last = self.ahead.is_empty();
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() && (!is_last || follow) => {
                    if let Some(end) = self.follow(path, &metadata) {
                        return end;
                    }
                }
                Ok(_) if is_last => return End::Found(path),
                Ok(metadata) if metadata.is_dir() => {
                    self.steps.push(Step { path: path.clone(), id: FileId::of(&metadata) });
                    self.at = path;
                }
                Ok(_) => return self.missing(path),
                Err(error) => return self.stopped(path, &error),
            }
        }
        End::Found(self.at.clone())
    }

    /// Goes on where a link points to.
    fn follow(&mut self, link: PathBuf, metadata: &Metadata) -> Option<End> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Some(self.failed(libc::ELOOP));
        }
        match fs::read_link(&link) {
            Ok(target) => {
                self.steps.push(Step { path: link, id: FileId::of(metadata) });
                self.prepend(&target);
                None
            }
            Err(error) => Some(self.stopped(link, &error)),
        }
    }

    fn stopped(&self, entry: PathBuf, error: &io::Error) -> End {
        match error.raw_os_error() {
            // ENOTDIR, EINVAL: what was a directory, or a link, is none any more.
            Some(libc::ENOENT | libc::ENOTDIR | libc::EINVAL) => self.missing(entry),
            errno => self.failed(errno.unwrap_or(libc::EINVAL)),
        }
    }

    fn missing(&self, entry: PathBuf) -> End {
        End::Missing { directory: self.at.clone(), entry }
    }

    fn failed(&self, errno: i32) -> End {
        End::Failed { directory: self.at.clone(), errno }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A directory of a test's own, by a path without links.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("event-ports-trail-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().canonicalize().expect("there is one").join(name);
            fs::create_dir(&path).expect("the name is unused");
            Self(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        /// The steps below the directory, and the end.
        fn trail(&self, name: &str, follow: bool) -> (Vec<PathBuf>, End) {
            let trail = Trail::of(&self.path(name), follow);
            let is_below = |step: &Step| step.path != self.0 && step.path.starts_with(&self.0);
            let steps = trail.steps.into_iter().filter(is_below).map(|step| {
                assert_eq!(step.id, FileId::of(&fs::symlink_metadata(&step.path).expect("it is there")));
                step.path.strip_prefix(&self.0).expect("it is below").to_owned()
            });
            (steps.collect(), trail.end)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn directories_on_the_way_are_steps() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path("a/b")).unwrap();
        fs::write(scratch.path("a/b/file"), "").unwrap();
        assert_eq!(scratch.trail("a/b/file", true), (paths(&["a", "a/b"]), End::Found(scratch.path("a/b/file"))));
        assert_eq!(scratch.trail("a/b", true), (paths(&["a"]), End::Found(scratch.path("a/b"))));
        assert_eq!(scratch.trail("a//./b/", true), (paths(&["a"]), End::Found(scratch.path("a/b"))));
        assert_eq!(scratch.trail("a/b/../../a", true), (paths(&["a", "a/b"]), End::Found(scratch.path("a"))));
        assert_eq!(scratch.trail("a/b/..", true), (paths(&["a", "a/b"]), End::Found(scratch.path("a"))));
    }

    #[test]
    fn what_is_missing_is_named_with_its_directory() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("a")).unwrap();
        fs::write(scratch.path("file"), "").unwrap();
        let missing =
            |directory, entry| End::Missing { directory: scratch.path(directory), entry: scratch.path(entry) };
        assert_eq!(scratch.trail("a/b/c/d", true), (paths(&["a"]), missing("a", "a/b")));
        // No directory, but it may be replaced by one.
        assert_eq!(scratch.trail("file/b", true), (paths(&[]), missing("", "file")));
    }

    #[test]
    fn links_are_steps_and_lead_on() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("a")).unwrap();
        fs::write(scratch.path("a/file"), "").unwrap();
        symlink("a", scratch.path("relative")).unwrap();
        symlink(scratch.path("relative/file"), scratch.path("absolute")).unwrap();
        symlink("../gone", scratch.path("a/dangling")).unwrap();
        let found = End::Found(scratch.path("a/file"));
        assert_eq!(scratch.trail("absolute", true), (paths(&["absolute", "relative", "a"]), found));
        assert_eq!(scratch.trail("absolute", false), (paths(&[]), End::Found(scratch.path("absolute"))));
        // FILE-5: a slash at the end has it followed.
        for name in ["relative/", "relative/."] {
            assert_eq!(scratch.trail(name, false), (paths(&["relative"]), End::Found(scratch.path("a"))));
        }
        let missing = End::Missing { directory: scratch.path(""), entry: scratch.path("gone") };
        assert_eq!(scratch.trail("a/dangling", true), (paths(&["a", "a/dangling"]), missing));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let scratch = Scratch::new();
        symlink("b", scratch.path("a")).unwrap();
        symlink("a", scratch.path("b")).unwrap();
        let (steps, end) = scratch.trail("a", true);
        assert_eq!(steps.len(), MOST_LINKS);
        assert_eq!(end, End::Failed { directory: scratch.path(""), errno: libc::ELOOP });
    }

    #[test]
    fn the_root_is_found_without_a_step() {
        let root = Trail { steps: Vec::new(), end: End::Found("/".into()) };
        assert_eq!(Trail::of(Path::new("/"), true), root);
        assert_eq!(Trail::of(Path::new("/.."), true), root);
    }

    #[test]
    fn a_name_that_is_too_long_is_a_failure() {
        let name = "x".repeat(5000);
        let trail = Trail::of(&Path::new("/").join(name), true);
        assert_eq!(trail.end, End::Failed { directory: "/".into(), errno: libc::ENAMETOOLONG });
    }
}
