//! Directories whose entries are watched.
//!
//! An event of a directory does not say which entry it is about (FILE-30), so the directory is listed and compared with
//! what is known: names, and inode numbers. It is listed *after* it was armed. So an entry that comes or goes is either
//! in the listing or gives another event, also in a directory that was made a moment ago.
//!
//! What a listing shows is only looked into: each entry that is new, missing or another file becomes a task of its own.

use super::change::WatchFailure;
use super::engine::{Attach, Engine, Task};
use super::node::{Entries, File, Listed, Node, NodeKey, Role};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

impl Engine {
    /// Compares a directory with what is known of its entries. If it cannot be read, why.
    pub(super) fn list(&mut self, key: NodeKey, is_old: bool) -> Option<WatchFailure> {
        let node = self.nodes.get_mut(key)?;
        let listing = Listing::of(node.sentry.path());
        let entries = node.file_mut()?.entries.get_or_insert_with(Entries::default);
        entries.round += 1;
        let round = entries.round;
        let mut known = Vec::new();
        for (name, inode) in listing.names {
            match entries.names.get_mut(&name) {
                Some(listed) => {
                    listed.round = round;
                    known.push((listed.node, inode));
                }
                None => {
                    self.old_entries += usize::from(is_old);
                    self.tasks.push_back(Task::Attach(Attach { directory: key, name, is_old }));
                }
            }
        }
        let missing: Vec<_> =
            entries.names.values().filter(|listed| listed.round != round).map(|listed| listed.node).collect();
        for (child, inode) in known {
            let seen = self.nodes.get(child).and_then(Node::file).and_then(|file| file.seen);
            if seen.is_none_or(|seen| seen.id().inode() != inode) {
                self.make_due(child);
            }
        }
        for child in missing {
            self.make_due(child);
        }
        match listing.error?.raw_os_error() {
            // It went meanwhile, which the next look will show.
            Some(libc::ENOENT | libc::ENOTDIR) => {
                self.make_due(key);
                None
            }
            errno => Some(WatchFailure::new(errno.unwrap_or(libc::EIO))),
        }
    }

    /// Takes up an entry that is not known yet.
    pub(super) fn attach(&mut self, Attach { directory, name, is_old }: Attach) {
        self.old_entries -= usize::from(is_old);
        let Some(node) = self.nodes.get(directory) else { return };
        let Some(File { root, entries: Some(entries), .. }) = node.file() else { return };
        if let Some(listed) = entries.names.get(&name) {
            // Two listings in a row have found it.
            let child = listed.node;
            self.make_due(child);
            return;
        }
        let round = entries.round;
        let path = node.sentry.path().join(&name);
        let file = File::new(*root, Some((directory, name.clone())));
        let child = self.nodes.insert(Node::new(path, Role::File(file)));
        if let Some(entries) = self.entries_mut(directory) {
            entries.names.insert(name, Listed { node: child, round });
        }
        self.look_at_entry(child, is_old);
    }

    /// A file is gone. An entry is struck off; the target of a root may come back.
    pub(super) fn leave(&mut self, key: NodeKey) {
        let Some(node) = self.nodes.get_mut(key) else { return };
        let listed = node.file_mut().and_then(|file| file.listed.take());
        match listed {
            Some((directory, name)) => {
                if let Some(entries) = self.entries_mut(directory) {
                    entries.names.remove(&name);
                }
                self.remove_node(key);
            }
            None => {
                let object = node.sentry.relieve();
                self.dismiss(object);
                self.drop_entries(key);
            }
        }
    }

    /// Forgets the entries of a directory that is none any more, or not to be listed.
    pub(super) fn drop_entries(&mut self, key: NodeKey) {
        let entries = self.nodes.get_mut(key).and_then(Node::file_mut).and_then(|file| file.entries.take());
        for listed in entries.into_iter().flat_map(|entries| entries.names.into_values()) {
            self.remove_node(listed.node);
        }
    }

    /// Forgets a node and all below it.
    pub(super) fn remove_node(&mut self, key: NodeKey) {
        let mut doomed = vec![key];
        while let Some(key) = doomed.pop() {
            let Some(mut node) = self.nodes.remove(key) else { continue };
            let object = node.sentry.relieve();
            self.dismiss(object);
            if let Role::File(File { entries: Some(entries), .. }) = node.role {
                doomed.extend(entries.names.into_values().map(|listed| listed.node));
            }
        }
    }

    /// The path of a root leads elsewhere. What is known below its target stays known, and is looked at in its new place.
    pub(super) fn relocate(&mut self, target: NodeKey, path: PathBuf) {
        if self.nodes.get(target).is_none_or(|node| node.sentry.path() == path) {
            return;
        }
        let mut moving = vec![(target, path)];
        while let Some((key, path)) = moving.pop() {
            let Some(node) = self.nodes.get_mut(key) else { continue };
            if let Some(entries) = node.file().and_then(|file| file.entries.as_ref()) {
                moving.extend(entries.names.iter().map(|(name, listed)| (listed.node, path.join(name))));
            }
            let object = node.sentry.relocate(path);
            self.dismiss(object);
            if key != target {
                self.make_due(key);
            }
        }
    }

    fn entries_mut(&mut self, directory: NodeKey) -> Option<&mut Entries> {
        self.nodes.get_mut(directory)?.file_mut()?.entries.as_mut()
    }
}

/// The names in a directory, with the inode numbers of what they stand for; of mount points, of what is below.
struct Listing {
    names: Vec<(OsString, u64)>,
    /// What kept it from being complete. Whether a name that is not in it is gone, a look at it will tell.
    error: Option<io::Error>,
}

impl Listing {
    fn of(path: &Path) -> Self {
        let mut names = Vec::new();
        let error = Self::read(path, &mut names).err();
        Self { names, error }
    }

    fn read(path: &Path, names: &mut Vec<(OsString, u64)>) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            names.push((entry.file_name(), entry.ino()));
        }
        Ok(())
    }
}
