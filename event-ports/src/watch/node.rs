//! What a watcher keeps of each thing it has on its port.

use super::change::WatchFailure;
use super::options::WatchOptions;
use super::sentry::Sentry;
use super::slab::Key;
use super::snapshot::{FileId, Snapshot};
use super::trail::Step;
use crate::FileEvents;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) type NodeKey = Key<Node>;
pub(super) type RootKey = Key<Root>;

/// A path the program asked for.
pub(super) struct Root {
    /// As it was given, for reports.
    pub(super) given: PathBuf,
    /// The same, independent of the current directory.
    pub(super) absolute: PathBuf,
    pub(super) user: usize,
    pub(super) options: WatchOptions,
    /// The file it leads to, or would. It has a node either way.
    pub(super) target: NodeKey,
    /// The directories and links it leads through.
    pub(super) guards: Vec<NodeKey>,
    /// If it leads nowhere: the entry that is missing.
    pub(super) missing: Option<PathBuf>,
    /// What was said to have been removed, but was still there. The directories they are in are listened to.
    pub(super) doubts: Vec<Step>,
    /// What was heard from the guards.
    pub(super) above: FileEvents,
    /// Whether the path must be followed from its beginning at the next look.
    pub(super) must_follow: bool,
}

/// Something with an object on the port.
pub(super) struct Node {
    pub(super) sentry: Sentry,
    /// What was heard since the last look.
    pub(super) fired: FileEvents,
    /// Whether a look is due.
    pub(super) is_due: bool,
    pub(super) role: Role,
}

pub(super) enum Role {
    /// A file to be reported about.
    File(File),
    /// A directory or link on the way to such files.
    Guard(Guard),
}

pub(super) struct File {
    pub(super) root: RootKey,
    /// The directory whose entry it is, and the entry's name; `None` for the target of a root.
    pub(super) listed: Option<(NodeKey, OsString)>,
    /// What the last look showed.
    pub(super) seen: Option<Snapshot>,
    /// What keeps it from being watched.
    pub(super) failure: Option<WatchFailure>,
    /// If it is a directory whose entries are watched.
    pub(super) entries: Option<Entries>,
}

/// The entries of a directory.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) names: HashMap<OsString, Listed>,
    /// Counts the listings, to tell who was missing in the last.
    pub(super) round: u64,
}

pub(super) struct Listed {
    pub(super) node: NodeKey,
    /// The last listing it was in.
    pub(super) round: u64,
}

/// For whom a directory or link is watched.
#[derive(Default)]
pub(super) struct Guard {
    /// The roots that lead through it, and whether they want to hear of its entries.
    pub(super) holders: HashMap<RootKey, bool>,
    /// How many of them do.
    pub(super) listeners: usize,
    /// Which file it was when it was armed last.
    pub(super) id: Option<FileId>,
}

impl Node {
    pub(super) fn new(path: PathBuf, role: Role) -> Self {
        Self { sentry: Sentry::new(path), fired: FileEvents::empty(), is_due: false, role }
    }

    pub(super) fn file(&self) -> Option<&File> {
        match &self.role {
            Role::File(file) => Some(file),
            Role::Guard(_) => None,
        }
    }

    pub(super) fn file_mut(&mut self) -> Option<&mut File> {
        match &mut self.role {
            Role::File(file) => Some(file),
            Role::Guard(_) => None,
        }
    }

    pub(super) fn guard_mut(&mut self) -> Option<&mut Guard> {
        match &mut self.role {
            Role::Guard(guard) => Some(guard),
            Role::File(_) => None,
        }
    }
}

impl File {
    pub(super) fn new(root: RootKey, listed: Option<(NodeKey, OsString)>) -> Self {
        Self { root, listed, seen: None, failure: None, entries: None }
    }
}

impl Guard {
    /// What to arm it for. Exceptions always come, and are all that a mere passage is for.
    pub(super) fn wanted(&self) -> FileEvents {
        if self.listeners == 0 { FileEvents::empty() } else { FileEvents::MODIFIED | FileEvents::ATTRIB }
    }

    /// Notes that a root leads through here.
    pub(super) fn hold(&mut self, root: RootKey, listens: bool) {
        let before = self.holders.insert(root, listens).unwrap_or(false);
        self.listeners = self.listeners + usize::from(listens) - usize::from(before);
    }

    /// Notes that it does so no more. Whether nobody else does.
    pub(super) fn release(&mut self, root: RootKey) -> bool {
        let before = self.holders.remove(&root).unwrap_or(false);
        self.listeners -= usize::from(before);
        self.holders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::slab::Slab;

    #[test]
    fn a_guard_listens_as_long_as_anyone_wants_it() {
        let mut slab = Slab::<Root>::default();
        let root = |slab: &mut Slab<Root>| {
            let target = Slab::default().insert(Node::new("/".into(), Role::Guard(Guard::default())));
            slab.insert(Root {
                given: "/".into(),
                absolute: "/".into(),
                user: 0,
                options: WatchOptions::new(),
                target,
                guards: Vec::new(),
                missing: None,
                doubts: Vec::new(),
                above: FileEvents::empty(),
                must_follow: false,
            })
        };
        let (one, two) = (root(&mut slab), root(&mut slab));
        let mut guard = Guard::default();
        guard.hold(one, false);
        assert!(guard.wanted().is_empty());
        guard.hold(two, true);
        guard.hold(one, true);
        guard.hold(two, true);
        assert_eq!(guard.listeners, 2);
        assert!(guard.wanted().contains(FileEvents::MODIFIED));
        guard.hold(one, false);
        assert!(!guard.release(two));
        assert!(guard.wanted().is_empty());
        assert!(!guard.release(two));
        assert!(guard.release(one));
    }
}
