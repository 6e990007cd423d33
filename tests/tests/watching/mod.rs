//! What the tests of watchers share.

// Each test file uses a part of it.
#![allow(dead_code, reason = "compiled into several tests")]

pub(crate) mod system;

use event_ports::{Change, ChangeKind, Depth, WatchOptions, Watcher};
use event_ports_tests::{TempDir, is_readable};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than anything takes. A change that is not there by then will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A watcher and a directory for it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) watcher: Watcher,
    directory: TempDir,
    root: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new();
        // Without links, as reports of entries are.
        let root = directory.path().canonicalize().expect("it exists");
        Self { watcher: Watcher::new().expect("a watcher"), directory, root }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        if name == Path::new("") { self.root.clone() } else { self.root.join(name) }
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: &str) {
        fs::write(self.path(name), content).expect("written");
    }

    pub(crate) fn append(&self, name: impl AsRef<Path>, content: &str) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).expect("opened");
        file.write_all(content.as_bytes()).expect("written");
    }

    pub(crate) fn make_directory(&self, name: impl AsRef<Path>) {
        fs::create_dir(self.path(name)).expect("made");
    }

    pub(crate) fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    pub(crate) fn remove(&self, name: impl AsRef<Path>) {
        fs::remove_file(self.path(name)).expect("removed");
    }

    pub(crate) fn link(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(name)).expect("linked");
    }

    pub(crate) fn watch(&mut self, name: &str) {
        let path = self.path(name);
        self.watcher.watch(path, 7).expect("watched");
    }

    pub(crate) fn watch_with(&mut self, name: &str, options: WatchOptions) {
        let path = self.path(name);
        self.watcher.watch_with(path, options, 7).expect("watched");
    }

    pub(crate) fn watch_tree(&mut self, name: &str) {
        self.watch_with(name, WatchOptions::new().depth(Depth::Tree));
    }

    /// Everything there is to take now: events are queued before the call that caused them returns.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            let change = self.watcher.next(Some(Duration::ZERO)).expect("no error");
            let is_last = change.is_none() && !is_readable(&self.watcher);
            changes.extend(change);
            if is_last {
                return changes;
            }
        }
    }

    /// Everything there is to take now, as names and kinds.
    pub(crate) fn news(&mut self) -> Vec<(String, ChangeKind)> {
        let changes = self.changes();
        changes.into_iter().map(|change| (self.name(&change.path), change.kind)).collect()
    }

    /// The kinds there are to take now of one path. Nothing may have happened to another.
    pub(crate) fn news_of(&mut self, name: &str) -> Vec<ChangeKind> {
        let news = self.news();
        assert!(news.iter().all(|(path, _)| path == name), "all of {name:?}: {news:?}");
        news.into_iter().map(|(_, kind)| kind).collect()
    }

    /// Waits for a change.
    pub(crate) fn next(&mut self) -> (String, ChangeKind) {
        let change = self.watcher.next(Some(PATIENCE)).expect("no error").expect("a change comes");
        (self.name(&change.path), change.kind)
    }

    /// Waits for a change, and returns it with all that came before.
    pub(crate) fn until(&mut self, name: &str, kind: ChangeKind) -> Vec<(String, ChangeKind)> {
        let mut news = Vec::new();
        while news.last().is_none_or(|last| last != &(name.to_owned(), kind)) {
            assert!(news.len() < 100_000, "{name:?} {kind} does not come: {:?}", &news[..100]);
            news.push(self.next());
        }
        news
    }

    fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).expect("below the directory");
        below.to_str().expect("names of tests are text").to_owned()
    }
}

/// A name that is no text.
pub(crate) fn odd_name() -> &'static OsStr {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(b"\xff\xfe odd \xc3\n name")
}
