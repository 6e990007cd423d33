//! Paths that stay watched.

mod change;
mod directory;
mod engine;
mod guards;
mod iter;
mod node;
mod options;
mod post;
mod sentry;
mod slab;
mod snapshot;
mod story;
mod trail;

pub use change::{Change, ChangeKind, WatchError, WatchFailure};
pub use iter::Changes;
pub use options::{Depth, WatchOptions};
pub use snapshot::FileId;

use crate::time::Deadline;
use crate::{GetNError, PortCreateError, Waker};
use engine::Engine;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{self, Path};
use std::time::{Duration, Instant};

/// Watches any number of paths for as long as it lives, and reports what happens to them.
///
/// [`EventPort::associate_file`](crate::EventPort::associate_file) tells of one event of one file. A watcher goes on: it
/// associates again after each event, and follows *paths*, so a file that is replaced, or rotated away and made anew,
/// is picked up again.
///
/// ```
/// use event_ports::{ChangeKind, Watcher};
/// use std::time::Duration;
///
/// let directory = std::env::temp_dir().join(format!("event-ports-doc-watcher-{}", std::process::id()));
/// std::fs::create_dir(&directory)?;
/// let log = directory.join("log");
///
/// let mut watcher = Watcher::new()?;
/// watcher.watch(&log, 7)?; // it need not exist yet
/// std::fs::write(&log, "one\n")?;
/// let change = watcher.next(Some(Duration::from_secs(10)))?.expect("it was created");
/// assert_eq!((change.path, change.user, change.kind), (log.clone(), 7, ChangeKind::Created));
///
/// std::fs::remove_dir_all(&directory)?;
/// for change in watcher.changes_within(Duration::from_secs(10)) {
///     if change?.kind == ChangeKind::Deleted {
///         break;
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # What is watched
/// - **A file**: what happens to it, and to which file the path leads. Every directory and symbolic link on the way is
///   guarded, so that renaming a directory above or making a link point elsewhere is noticed.
/// - **A path where there is nothing yet**, or any more: the nearest directory that exists is watched until it comes.
/// - **A directory**: also its entries, each of them, and on request all that is below ([`Depth`]). New directories are
///   watched as they come, and what was made in them before that is reported. When a directory leaves, what is in it
///   leaves with it and is not reported one by one.
///
/// # What is reported
/// A watcher compares what it sees with what it saw, and events tell it where to look. So changes *coalesce*: of several
/// changes of one kind between two looks one is reported, and of a file that came and went nothing is. What is certain
/// is that **the last change is followed by a report**: who looks at the file after each report, sees it in its final
/// state. (Where the system's time stamps are so coarse that a file written twice has the same, the last report may be
/// of another kind.) Reports may be duplicates; none is a promise that the content differs.
///
/// Where a report says that there is no file any more, go by that, and do not look: you might find a new file which the
/// watcher has not seen yet. If it stays, it is reported; if it is gone by the time the watcher looks, nothing is. After
/// `watch`, [`file_at`](Self::file_at) tells whether the watcher has seen one.
///
/// Not noticed are stores through a memory mapping (FILE-28), and on network file systems what other machines do
/// (FILE-32); [`look_at_all`](Self::look_at_all) finds what left a trace in the times. A truncation to a length that is
/// not 0 is noticed with the next event (FILE-28). Where a mount point is on the way, the event comes *before* the mount is
/// done or undone (FILE-39); look at all afterwards.
///
/// # Errors
/// What is wrong with one path is reported as a change, [`ChangeKind::Failed`], and ends nothing: the path is looked at
/// again when something around it changes. [`watch`](Self::watch) returns what is wrong from the beginning. Directories
/// on the way that cannot be guarded (on Linux, that may not be read) are done without.
///
/// # Waiting for other things as well
/// A watcher has a port of its own, which it lends by [`AsFd`]. It is readable as long as there may be something to
/// take, so it can be associated with another port, or polled; then call [`next`](Self::next) with a zero timeout until
/// it returns `None`.
///
/// ```
/// use event_ports::{EventPort, PollEvents, Watcher};
/// use std::os::fd::AsFd;
/// use std::time::Duration;
///
/// let mut watcher = Watcher::new()?;
/// watcher.watch("/", 0)?;
/// let port = EventPort::new()?;
/// port.associate_fd(watcher.as_fd(), PollEvents::IN, 1)?;
/// # port.send(0, 0)?;
/// let event = port.get(None)?;
/// if event.user == 1 {
///     while let Some(change) = watcher.next(Some(Duration::ZERO))? {
///         println!("{change}");
///     }
///     port.associate_fd(watcher.as_fd(), PollEvents::IN, 1)?;
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Cost
/// Each file, directory entry, and directory or link on the way takes one association of the port, of which there are
/// 65,536 unless `process.max-port-events` says otherwise; on Linux also inotify watches. An event costs three system
/// calls, a directory's also its listing. Nothing is done in the background: all work is done by the thread that calls
/// `next`.
pub struct Watcher {
    engine: Engine,
}

impl Watcher {
    /// Makes a watcher that watches nothing yet, with a port of its own.
    ///
    /// # Errors
    /// As [`EventPort::new`](crate::EventPort::new).
    ///
    /// ```
    /// let watcher = event_ports::Watcher::new()?;
    /// assert!(watcher.is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Result<Self, PortCreateError> {
        Ok(Self { engine: Engine::new()? })
    }

    /// Watches a path, as [`WatchOptions::new`] says. Its changes come with the cookie `user`.
    ///
    /// It is not reported that what is there now is there; [`file_at`](Self::file_at) tells. There may be nothing: then it
    /// is reported when something comes. A relative path means the directory that is current now. Watching a path again replaces what was asked
    /// for before.
    ///
    /// # Errors
    /// The path is empty or holds a NUL byte, the file system does not tell of changes, permission is missing, or a limit
    /// is reached ([`WatchError::failure`]). Then the path is not watched. What is wrong with single entries of a
    /// directory is reported as [`ChangeKind::Failed`].
    ///
    /// ```
    /// use event_ports::Watcher;
    ///
    /// let mut watcher = Watcher::new()?;
    /// watcher.watch("/no/such/file", 1)?;
    /// assert!(watcher.watch("", 2).is_err());
    /// assert_eq!(watcher.paths().count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_associate")]
    pub fn watch(&mut self, path: impl AsRef<Path>, user: usize) -> Result<(), WatchError> {
        self.watch_with(path, WatchOptions::new(), user)
    }

    /// [`watch`](Self::watch) with options.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    ///
    /// ```
    /// use event_ports::{Depth, WatchOptions, Watcher};
    ///
    /// let mut watcher = Watcher::new()?;
    /// watcher.watch_with("/", WatchOptions::new().depth(Depth::Itself), 1)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn watch_with(&mut self, path: impl AsRef<Path>, options: WatchOptions, user: usize) -> Result<(), WatchError> {
        let path = path.as_ref();
        let failed = |source| WatchError { path: path.into(), source };
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the path holds a NUL byte")));
        }
        let absolute = path::absolute(path).map_err(failed)?;
        let added = self.engine.add(path, absolute, options, user);
        self.engine.post.take_notes();
        self.stay_readable();
        added.map_err(|failure| failed(failure.into()))
    }

    /// Stops watching a path. Changes of it that were found and not taken are dropped. Whether it was watched.
    ///
    /// ```
    /// let mut watcher = event_ports::Watcher::new()?;
    /// watcher.watch("/no/such/file", 1)?;
    /// assert!(watcher.unwatch("/no/such/file"));
    /// assert!(!watcher.unwatch("/no/such/file"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unwatch(&mut self, path: impl AsRef<Path>) -> bool {
        path::absolute(path).is_ok_and(|absolute| self.engine.remove(&absolute))
    }

    /// The paths that are watched, as they were given, in no particular order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.engine.given()
    }

    /// How many paths are watched. Entries of directories do not count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.engine.len()
    }

    /// Whether no path is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which file the watcher has seen at a watched path. `None` if there was none when it looked last, or if the path is
    /// not watched.
    ///
    /// What happens to that one will be reported. A program that looks by itself may find a newer one, which will be reported
    /// only if it stays. So look where the watcher has seen something, and leave the rest to the reports.
    ///
    /// ```
    /// use event_ports::{FileId, Watcher};
    ///
    /// let mut watcher = Watcher::new()?;
    /// watcher.watch("/", 1)?;
    /// watcher.watch("/no/such/file", 2)?;
    /// assert_eq!(watcher.file_at("/"), Some(FileId::of(&std::fs::metadata("/")?)));
    /// assert_eq!(watcher.file_at("/no/such/file"), None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn file_at(&self, path: impl AsRef<Path>) -> Option<FileId> {
        self.engine.file_at(&path::absolute(path).ok()?)
    }

    /// Has everything looked at again by the next calls of [`next`](Self::next): for file systems that do not tell of
    /// everything, and after mounting.
    ///
    /// ```
    /// use event_ports::Watcher;
    /// use std::time::Duration;
    ///
    /// let mut watcher = Watcher::new()?;
    /// watcher.watch("/no/such/file", 1)?;
    /// watcher.look_at_all();
    /// assert_eq!(watcher.next(Some(Duration::ZERO))?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn look_at_all(&mut self) {
        self.engine.doubt_all();
        self.stay_readable();
    }

    /// Waits for the next change: without a timeout as long as it takes; a zero timeout only looks.
    ///
    /// `None` says that the time has passed, or that the watcher was woken ([`waker`](Self::waker)).
    ///
    /// # Errors
    /// What the port reports; none is known.
    ///
    /// See [port_get(3C)](https://illumos.org/man/3C/port_get).
    #[doc(alias = "port_getn")]
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Change>, GetNError> {
        let change = self.work(Deadline::after(timeout));
        self.stay_readable();
        change
    }

    fn stay_readable(&mut self) {
        if !self.engine.is_idle() {
            self.engine.post.stay_readable();
        }
    }

    fn work(&mut self, deadline: Deadline) -> Result<Option<Change>, GetNError> {
        let mut may_listen = true;
        loop {
            if let Some(change) = self.engine.next_ready() {
                return Ok(Some(change));
            }
            self.engine.take_post();
            if self.engine.has_tasks() {
                self.engine.step();
                // Files that change faster than they can be looked at, but not in what is asked for, would keep it busy.
                if matches!(deadline, Deadline::At(time) if Instant::now() >= time) {
                    return Ok(self.engine.next_ready());
                }
                continue;
            }
            if !may_listen {
                return Ok(None);
            }
            let left = deadline.remaining();
            may_listen = left != Some(Duration::ZERO);
            self.engine.post.listen(left)?;
            if self.engine.post.waker().take() {
                return Ok(None);
            }
        }
    }

    /// The changes from now on, without end: until the watcher is woken ([`waker`](Self::waker)), or after an error.
    pub fn changes(&mut self) -> Changes<'_> {
        Changes::new(self, None)
    }

    /// The changes from now until the time has passed, which is not counted anew for each.
    pub fn changes_within(&mut self, timeout: Duration) -> Changes<'_> {
        Changes::new(self, Some(timeout))
    }

    /// Makes [`next`](Self::next) return `None`, and iterators end, once for any number of wake-ups: from another thread
    /// or from a signal handler. The watcher takes the wake-up itself.
    ///
    /// ```
    /// let mut watcher = event_ports::Watcher::new()?;
    /// let waker = watcher.waker();
    /// let thread = std::thread::spawn(move || waker.wake());
    /// assert_eq!(watcher.next(None)?, None);
    /// thread.join().unwrap()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.engine.post.waker().clone()
    }
}

impl AsFd for Watcher {
    /// The watcher's port, to be polled or associated, and for nothing else. See the warning at
    /// [`EventPort`](crate::EventPort).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.engine.post.port().as_fd()
    }
}

impl AsRawFd for Watcher {
    /// The number of the watcher's port. See [`as_fd`](AsFd::as_fd).
    fn as_raw_fd(&self) -> RawFd {
        self.engine.post.port().as_raw_fd()
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("fd", &self.as_raw_fd()).field("paths", &self.len()).finish_non_exhaustive()
    }
}
