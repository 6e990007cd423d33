//! The directories and links on the way to watched files. One object each, however many paths lead through it.
//!
//! A guard hears when its directory or link is renamed, removed or mounted over. It listens to the directory's entries
//! only while a path is waiting for one of them.

use super::change::WatchFailure;
use super::engine::Engine;
use super::node::{Guard, Node, NodeKey, Role, RootKey};
use super::sentry::{Armed, Sight};
use super::snapshot::FileId;
use super::trail::{End, Step, Trail};
use crate::FileEvents;
use std::collections::HashMap;
use std::mem;
use std::path::{Path, PathBuf};

/// How putting guards in place went.
pub(super) struct Held {
    /// Whether they were there before, so that nothing on the way can have changed unseen.
    pub(super) were_standing: bool,
    /// Whether all stand where the path leads through, but for those that the system does not allow. What is there may look
    /// like what was there before, though it is not, and has no guard.
    pub(super) are_standing: bool,
    /// If one that must listen cannot, why.
    pub(super) failure: Option<WatchFailure>,
}

impl Engine {
    /// Puts guards where a path leads through, and takes them away where it does not any more.
    pub(super) fn hold_guards(&mut self, root_key: RootKey, trail: &Trail) -> Held {
        let mut outcome = Held { were_standing: true, are_standing: true, failure: None };
        let Some(root) = self.roots.get(root_key) else { return outcome };
        let mut wanted: HashMap<&Path, bool> = trail.steps.iter().map(|step| (step.path.as_path(), false)).collect();
        if let End::Missing { directory, .. } | End::Failed { directory, .. } = &trail.end {
            wanted.insert(directory, true);
        }
        let doubts: Vec<PathBuf> = root.doubts.iter().filter_map(|doubt| Some(doubt.path.parent()?.into())).collect();
        wanted.extend(doubts.iter().map(|directory| (directory.as_path(), true)));

        let mut held = Vec::with_capacity(wanted.len());
        for (path, listens) in wanted {
            let key = self.guard_at(path);
            held.push(key);
            let Some(armed) = self.hold_guard(key, root_key, listens) else { continue };
            outcome.were_standing = false;
            match armed {
                Armed::Yes => {}
                Armed::Unsure | Armed::Gone => outcome.are_standing = false,
                Armed::No(errno) if listens => outcome.failure = Some(WatchFailure::new(errno)),
                Armed::No(_) => {}
            }
        }
        if let Some(root) = self.roots.get_mut(root_key) {
            let old = mem::replace(&mut root.guards, held.clone());
            for key in old {
                if !held.contains(&key) {
                    self.release_guard(key, root_key);
                }
            }
        }
        outcome
    }

    /// Takes a guard away from a root, and down if nobody else needs it.
    pub(super) fn release_guard(&mut self, key: NodeKey, root: RootKey) {
        let guard = self.nodes.get_mut(key).and_then(Node::guard_mut);
        if guard.is_some_and(|guard| guard.release(root)) {
            if let Some(mut node) = self.nodes.remove(key) {
                self.guards.remove(node.sentry.path());
                let object = node.sentry.relieve();
                self.dismiss(object);
            }
        }
    }

    /// A guard has heard something, or nobody knows whether it stands.
    pub(super) fn look_at_guard(&mut self, key: NodeKey) {
        let Some(node) = self.nodes.get_mut(key) else { return };
        let fired = mem::replace(&mut node.fired, FileEvents::empty());
        let before = node.guard_mut().and_then(|guard| guard.id);
        let armed = self.arm_guard(key);
        let Some(node) = self.nodes.get_mut(key) else { return };
        let path = node.sentry.path().to_owned();
        let Some(guard) = node.guard_mut() else { return };
        let is_same = guard.id.is_some() && guard.id == before;
        let has_moved = fired.is_exception() || !is_same || armed != Armed::Yes;
        // Said to be removed, and there: it may go without another word (FILE-38).
        let doubt = guard.id.filter(|_| is_same && fired.contains(FileEvents::DELETE));

        let holders: Vec<(RootKey, bool)> = guard.holders.iter().map(|(&root, &listens)| (root, listens)).collect();
        for (root_key, listens) in holders {
            let Some(root) = self.roots.get_mut(root_key) else { continue };
            root.doubts.extend(doubt.map(|id| Step { path: path.clone(), id }));
            if has_moved {
                root.above |= fired & FileEvents::EXCEPTIONS;
            }
            if has_moved || (listens && !root.doubts.is_empty()) {
                self.follow_again(root_key);
            } else if listens {
                let target = root.target;
                self.make_due(target);
            }
        }
    }

    /// The guard of a path, which is made if there is none.
    fn guard_at(&mut self, path: &Path) -> NodeKey {
        if let Some(&key) = self.guards.get(path) {
            return key;
        }
        let key = self.nodes.insert(Node::new(path.to_owned(), Role::Guard(Guard::default())));
        self.guards.insert(path.to_owned(), key);
        key
    }

    /// Gives a guard to a root, and arms it if that asks for more than it is armed for.
    fn hold_guard(&mut self, key: NodeKey, root: RootKey, listens: bool) -> Option<Armed> {
        let node = self.nodes.get_mut(key)?;
        let guard = node.guard_mut()?;
        guard.hold(root, listens);
        let wanted = guard.wanted();
        if node.sentry.is_armed_for(wanted) {
            return None;
        }
        let armed = self.arm_guard(key);
        if armed == Armed::Unsure {
            self.make_due(key);
        }
        Some(armed)
    }

    fn arm_guard(&mut self, key: NodeKey) -> Armed {
        let Some(node) = self.nodes.get_mut(key) else { return Armed::Gone };
        let Role::Guard(guard) = &mut node.role else { return Armed::Gone };
        let wanted = guard.wanted();
        let (armed, id) = match node.sentry.look() {
            Sight::There(seen) if node.sentry.stands(&seen, wanted) => (Armed::Yes, Some(FileId::of(&seen))),
            Sight::There(seen) => {
                (node.sentry.arm(&mut self.post, key.index(), &seen, wanted), Some(FileId::of(&seen)))
            }
            Sight::Gone => (Armed::Gone, None),
            Sight::Failed(errno) => (Armed::No(errno), None),
        };
        guard.id = id;
        armed
    }
}
