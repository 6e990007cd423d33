//! The work of a watcher, one small task at a time.
//!
//! Everything follows from looking, and the events only say where to look. A look arms first and reports then, so what
//! happens after a report always gives another one:
//! 1. stat: what is there now;
//! 2. associate, with the times of that stat: what happened since then gives an event at once (FILE-25);
//! 3. stat again: a path that means another file by now is looked at once more (FILE-13);
//! 4. compare with the last look, and report.
//!
//! # Why no change is lost
//! A change comes after step 2 of some look, or before it.
//! - After it an event is on its way, and will lead to another look. Nothing takes it back: an object that is armed, and
//!   was not heard of, is not associated anew ([`Sentry::stands`](super::sentry::Sentry::stands)).
//! - Before it, the report of that look comes after the change, and that is all that is promised. There is a report if an
//!   event led to the look, or if the file looks different. Where there is neither, nobody has listened since the last look;
//!   then times that were too young at that look to tell are taken for a change
//!   ([`Snapshot::may_hide_a_change`]): clocks tick so slowly that two changes may have the same time.
//!
//! The path may come to mean another file, without a word from the one that is armed. Then a directory or link on the way
//! is another. Each of these has a guard, which is armed before the path is followed for the look that counts, and if one
//! could not be put where the path leads, the path is followed once more. If an entry is missing, the guard of its directory
//! listens to entries, too, and is armed before the entry is looked for.
//!
//! What was armed stays so only with what it stands for: an event of an object that has been given up since is of the past,
//! and the one in its place was armed after it.
//!
//! A file that comes and goes between two looks leaves nothing to be told. So a program that has looked there by itself
//! meanwhile knows of a file that the watcher has never seen: see [`Watcher::file_at`](crate::Watcher::file_at).

use super::change::{Change, ChangeKind, WatchFailure};
use super::node::{File, Node, NodeKey, Role, Root, RootKey};
use super::options::WatchOptions;
use super::post::{Heard, Post};
use super::sentry::{Armed, Sight};
use super::slab::Slab;
use super::snapshot::{FileId, Snapshot};
use super::story::Looks;
use super::trail::{End, Step, Trail};
use crate::{FileEvents, FileObj, PortCreateError};
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Something to do next.
pub(super) enum Task {
    /// Look at what a node stands for.
    Look(NodeKey),
    /// Take up a new entry of a directory.
    Attach(Attach),
    /// Disarm an object that is needed no more.
    Dismiss(FileObj),
}

pub(super) struct Attach {
    pub(super) directory: NodeKey,
    pub(super) name: OsString,
    /// Whether the entry was there when the program asked for the directory, so that it is no news.
    pub(super) is_old: bool,
}

/// What a look shows.
#[derive(Debug, Clone, Copy)]
struct View {
    now: Now,
    /// What keeps the path from being watched.
    failure: Option<WatchFailure>,
    /// Whether nobody has listened for a while before it: no event came, and none could.
    is_first_after_gap: bool,
}

#[derive(Debug, Clone, Copy)]
enum Now {
    /// There is a file.
    There(Snapshot),
    /// There is none.
    Gone,
    /// Nobody can tell.
    Hidden,
}

impl View {
    const GONE: Self = Self { now: Now::Gone, failure: None, is_first_after_gap: false };

    fn hidden(errno: i32) -> Self {
        Self { now: Now::Hidden, failure: Some(WatchFailure::new(errno)), ..Self::GONE }
    }

    /// Whether the file is there and watched.
    fn watched(&self) -> Option<&Snapshot> {
        match &self.now {
            Now::There(snapshot) if self.failure.is_none() => Some(snapshot),
            _ => None,
        }
    }
}

pub(super) struct Engine {
    pub(super) post: Post,
    pub(super) nodes: Slab<Node>,
    pub(super) roots: Slab<Root>,
    /// The roots, by what was asked for.
    by_path: HashMap<PathBuf, RootKey>,
    /// The guards, by their paths without links.
    pub(super) guards: HashMap<PathBuf, NodeKey>,
    pub(super) tasks: VecDeque<Task>,
    /// How many of the tasks take up entries that are no news.
    pub(super) old_entries: usize,
    ready: VecDeque<(RootKey, Change)>,
}

impl Engine {
    pub(super) fn new() -> Result<Self, PortCreateError> {
        Ok(Self {
            post: Post::new()?,
            nodes: Slab::default(),
            roots: Slab::default(),
            by_path: HashMap::new(),
            guards: HashMap::new(),
            tasks: VecDeque::new(),
            old_entries: 0,
            ready: VecDeque::new(),
        })
    }

    /// Watches a path, and takes up what is there already.
    pub(super) fn add(
        &mut self,
        given: &Path,
        absolute: PathBuf,
        options: WatchOptions,
        user: usize,
    ) -> Result<(), WatchFailure> {
        self.remove(&absolute);
        // The two name each other, so one of the names comes later.
        let root = self.roots.insert(Root {
            given: given.to_owned(),
            absolute: absolute.clone(),
            user,
            options,
            target: NodeKey::NONE,
            guards: Vec::new(),
            missing: None,
            doubts: Vec::new(),
            above: FileEvents::empty(),
            must_follow: true,
        });
        let target = self.nodes.insert(Node::new(absolute.clone(), Role::File(File::new(root, None))));
        if let Some(root) = self.roots.get_mut(root) {
            root.target = target;
        }
        self.by_path.insert(absolute.clone(), root);
        self.look_at_target(root, true);
        let failure = self.nodes.get(target).and_then(Node::file).and_then(|file| file.failure);
        if let Some(failure) = failure {
            self.remove(&absolute);
            return Err(failure);
        }
        while self.old_entries > 0 {
            self.step();
        }
        Ok(())
    }

    /// Forgets a path. Whether it was watched.
    pub(super) fn remove(&mut self, absolute: &Path) -> bool {
        let Some(root) = self.by_path.remove(absolute).and_then(|key| Some((key, self.roots.remove(key)?))) else {
            return false;
        };
        let (key, root) = root;
        self.remove_node(root.target);
        for guard in root.guards {
            self.release_guard(guard, key);
        }
        true
    }

    /// The paths that were asked for, as they were given.
    pub(super) fn given(&self) -> impl Iterator<Item = &Path> {
        self.by_path.values().filter_map(|&key| Some(self.roots.get(key)?.given.as_path()))
    }

    /// Which file the last look at what was asked for has shown.
    pub(super) fn file_at(&self, absolute: &Path) -> Option<FileId> {
        let root = self.roots.get(*self.by_path.get(absolute)?)?;
        Some(self.nodes.get(root.target)?.file()?.seen?.id())
    }

    pub(super) fn len(&self) -> usize {
        self.roots.len()
    }

    /// Has everything looked at again.
    pub(super) fn doubt_all(&mut self) {
        let roots: Vec<_> = self.roots.keys().collect();
        for root in roots {
            if let Some(root) = self.roots.get_mut(root) {
                root.must_follow = true;
            }
        }
        let nodes: Vec<_> = self.nodes.keys().collect();
        for key in nodes {
            if let Some(node) = self.nodes.get_mut(key) {
                node.sentry.mistrust();
            }
            self.make_due(key);
        }
    }

    /// The next change that was found.
    pub(super) fn next_ready(&mut self) -> Option<Change> {
        while let Some((root, change)) = self.ready.pop_front() {
            // What was found before its path was given up is nobody's business any more.
            if self.roots.get(root).is_some() {
                return Some(change);
            }
        }
        None
    }

    /// Turns what the port has delivered into tasks.
    pub(super) fn take_post(&mut self) {
        while let Some(Heard { place, object, events }) = self.post.next() {
            let Some(key) = self.nodes.key_at(place) else { continue };
            if let Some(node) = self.nodes.get_mut(key) {
                if node.sentry.heard(&object) {
                    node.fired |= events;
                    self.make_due(key);
                }
            }
        }
    }

    pub(super) fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Whether there is something to do without waiting.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.ready.is_empty() && self.post.is_idle()
    }

    /// Does one task.
    pub(super) fn step(&mut self) {
        match self.tasks.pop_front() {
            Some(Task::Look(key)) => self.look(key),
            Some(Task::Attach(attach)) => self.attach(attach),
            Some(Task::Dismiss(object)) => self.post.disarm(&object),
            None => {}
        }
    }

    pub(super) fn make_due(&mut self, key: NodeKey) {
        if let Some(node) = self.nodes.get_mut(key) {
            if !node.is_due {
                node.is_due = true;
                self.tasks.push_back(Task::Look(key));
            }
        }
    }

    pub(super) fn dismiss(&mut self, object: Option<FileObj>) {
        self.tasks.extend(object.map(Task::Dismiss));
    }

    fn look(&mut self, key: NodeKey) {
        let Some(node) = self.nodes.get_mut(key) else { return };
        node.is_due = false;
        match &node.role {
            Role::Guard(_) => self.look_at_guard(key),
            Role::File(File { listed: None, root, .. }) => {
                let root = *root;
                self.look_at_target(root, false);
            }
            Role::File(File { listed: Some(_), .. }) => self.look_at_entry(key, false),
        }
    }

    /// Looks at an entry of a directory. `is_old` makes it no news that it is there.
    pub(super) fn look_at_entry(&mut self, key: NodeKey, is_old: bool) {
        let view = self.observe(key);
        self.tell(key, view, FileEvents::empty(), is_old);
    }

    /// Looks at the file a path leads to. `is_first` makes it no news that it is there.
    fn look_at_target(&mut self, root_key: RootKey, is_first: bool) {
        let Some(root) = self.roots.get_mut(root_key) else { return };
        let target = root.target;
        if !root.must_follow && self.look_briefly(root_key, target) {
            return;
        }
        let Some(root) = self.roots.get_mut(root_key) else { return };
        root.must_follow = false;
        root.doubts.retain(|doubt| Sight::of(&doubt.path).is(doubt.id));
        let trail = Trail::of(&root.absolute, root.options.follows());
        let held = self.hold_guards(root_key, &trail);
        let Some(root) = self.roots.get_mut(root_key) else { return };
        let mut is_settled = true;
        let mut end = trail.end;
        if !held.were_standing {
            // What has changed before the guards were in place, they have not seen.
            let again = Trail::of(&root.absolute, root.options.follows());
            is_settled = held.are_standing && again.steps == trail.steps && again.end == end;
            end = again.end;
        }
        let above = mem::replace(&mut root.above, FileEvents::empty());
        root.missing = None;
        let view = match end {
            End::Found(path) => {
                self.relocate(target, path);
                let view = self.observe(target);
                // Where it went is for the guards to tell, and they do not listen yet.
                is_settled &= !matches!(view.now, Now::Gone);
                view
            }
            End::Missing { entry, .. } => {
                root.missing = Some(entry);
                View { failure: held.failure, ..View::GONE }
            }
            End::Failed { errno, .. } => View::hidden(errno),
        };
        self.tell(target, view, above, is_first);
        if !is_settled {
            self.follow_again(root_key);
        }
    }

    /// Looks where the path led the last time. Whether that is all there is to do.
    fn look_briefly(&mut self, root_key: RootKey, target: NodeKey) -> bool {
        let (Some(root), Some(node)) = (self.roots.get(root_key), self.nodes.get(target)) else { return true };
        if let Some(entry) = &root.missing {
            return matches!(Sight::of(entry), Sight::Gone);
        }
        let Some(before) = node.file().filter(|file| file.failure.is_none()).and_then(|file| file.seen) else {
            return false;
        };
        if node.fired.is_exception() {
            return false;
        }
        let view = self.observe(target);
        let is_same = view.watched().is_some_and(|now| now.is_same_file(&before));
        if is_same {
            self.tell(target, view, FileEvents::empty(), false);
        }
        is_same
    }

    /// Has a path followed from its beginning.
    pub(super) fn follow_again(&mut self, root: RootKey) {
        if let Some(root) = self.roots.get_mut(root) {
            root.must_follow = true;
            let target = root.target;
            self.make_due(target);
        }
    }

    /// Looks at a file and arms it.
    fn observe(&mut self, key: NodeKey) -> View {
        let Some(node) = self.nodes.get_mut(key) else { return View::GONE };
        let Some(file) = node.file() else { return View::GONE };
        let Some(root) = self.roots.get(file.root) else { return View::GONE };
        let (before, lists) = (file.seen, file.listed.is_some());
        // Before the look, so that what it shows is taken to be younger rather than older than it is.
        let time = SystemTime::now();
        let metadata = match node.sentry.look() {
            Sight::There(metadata) => metadata,
            Sight::Gone => return View::GONE,
            Sight::Failed(errno) => return View::hidden(errno),
        };
        let seen = Snapshot::of(&metadata, time);
        let events = root.options.events(seen.is_dir() && root.options.wants_entries(lists));
        let known = before.filter(|before| before.is_same_file(&seen));
        if let (Some(before), true) = (known, node.sentry.stands(&metadata, events)) {
            // What has happened since is told when its event is there.
            return View { now: Now::There(before), failure: None, is_first_after_gap: false };
        }
        let is_first_after_gap = node.fired.is_empty();
        let failure = match node.sentry.arm(&mut self.post, key.index(), &metadata, events) {
            Armed::Yes => None,
            Armed::Unsure => {
                self.make_due(key);
                None
            }
            Armed::Gone => return View::GONE,
            Armed::No(errno) => Some(WatchFailure::new(errno)),
        };
        View { now: Now::There(seen), failure, is_first_after_gap }
    }

    /// Compares a look with the last one and reports. `is_old` makes it no news that the file is there.
    fn tell(&mut self, key: NodeKey, view: View, above: FileEvents, is_old: bool) {
        let Some(node) = self.nodes.get_mut(key) else { return };
        let fired = mem::replace(&mut node.fired, FileEvents::empty());
        let Some(file) = node.file_mut() else { return };
        let (root_key, before, is_target) = (file.root, file.seen, file.listed.is_none());
        let Some(options) = self.roots.get(root_key).map(|root| root.options) else { return };

        let now = match view.now {
            Now::There(now) => Some(now),
            Now::Gone => None,
            // What cannot be seen is taken to be as it was.
            Now::Hidden => before,
        };
        file.seen = now;
        let lists = now.is_some_and(|now| now.is_dir()) && options.wants_entries(!is_target);
        if !matches!(view.now, Now::Hidden) {
            let looks = Looks {
                before: before.as_ref(),
                now: now.as_ref(),
                fired,
                above,
                after_gap: view.is_first_after_gap,
                time: SystemTime::now(),
            };
            let story = looks.story(&options);
            for kind in story.kinds {
                let is_news = match kind {
                    ChangeKind::Created => !is_old,
                    // Which entries came and went is told by themselves.
                    ChangeKind::Modified => !lists,
                    _ => true,
                };
                if is_news {
                    let about = if kind.is_gone() { before } else { now };
                    self.report(root_key, key, kind, about);
                }
            }
            if let (true, true, Some(now)) = (story.is_doubtful, is_target, now) {
                self.doubt(root_key, key, &now);
            }
        }

        let failure = if view.watched().is_some() && lists { self.list(key, is_old) } else { view.failure };
        if !lists {
            self.drop_entries(key);
        }
        let Some(file) = self.nodes.get_mut(key).and_then(Node::file_mut) else { return };
        let old_failure = mem::replace(&mut file.failure, failure);
        // The program learns what is wrong with a path it asks for by the error it gets.
        if let Some(failure) = failure.filter(|_| failure != old_failure && !(is_old && is_target)) {
            self.report(root_key, key, ChangeKind::Failed(failure), now);
        }
        if matches!(view.now, Now::Gone) {
            self.leave(key);
        }
    }

    /// The file a path leads to was said to be removed, and is there. Its directory must tell when it goes. Of an entry
    /// it does so anyway.
    fn doubt(&mut self, root_key: RootKey, target: NodeKey, now: &Snapshot) {
        let (Some(root), Some(node)) = (self.roots.get_mut(root_key), self.nodes.get(target)) else { return };
        root.doubts.push(Step { path: node.sentry.path().to_owned(), id: now.id() });
        self.follow_again(root_key);
    }

    fn report(&mut self, root_key: RootKey, key: NodeKey, kind: ChangeKind, about: Option<Snapshot>) {
        let (Some(root), Some(node)) = (self.roots.get(root_key), self.nodes.get(key)) else { return };
        let base = self.nodes.get(root.target).map(|target| target.sentry.path());
        let path = match base.and_then(|base| node.sentry.path().strip_prefix(base).ok()) {
            // To join nothing would add a slash.
            Some(below) if !below.as_os_str().is_empty() => root.given.join(below),
            _ => root.given.clone(),
        };
        let id = about.map(|about| about.id());
        let is_dir = about.is_some_and(|about| about.is_dir());
        self.ready.push_back((root_key, Change { path, user: root.user, kind, id, is_dir }));
    }
}
