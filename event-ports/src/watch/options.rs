//! What to watch a path for.

use crate::FileEvents;

/// How far watching a directory reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Depth {
    /// The directory itself: it is [`Modified`](crate::ChangeKind::Modified) when an entry came or went, and that is all
    /// there is to know.
    Itself,
    /// Its entries, too: which of them came, went, or changed. Each is watched.
    #[default]
    Entries,
    /// All that is below it. New directories are watched as they come.
    Tree,
}

/// What a [`Watcher`](crate::Watcher) shall report about a path.
///
/// That a file came, went or was replaced is always reported.
///
/// ```
/// use event_ports::{Depth, WatchOptions};
///
/// let options = WatchOptions::new().depth(Depth::Tree).attributes(false);
/// assert_ne!(options, WatchOptions::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct WatchOptions {
    depth: Depth,
    content: bool,
    attributes: bool,
    accessed: bool,
    follow: bool,
}

impl WatchOptions {
    /// Content and attributes, of a directory's entries as well; symbolic links stand for what they point to.
    pub const fn new() -> Self {
        Self { depth: Depth::Entries, content: true, attributes: true, accessed: false, follow: true }
    }

    /// How far watching a directory reaches. Means nothing for other files.
    pub const fn depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// Whether to report changes of content: [`Modified`](crate::ChangeKind::Modified) and
    /// [`Truncated`](crate::ChangeKind::Truncated).
    pub const fn content(mut self, content: bool) -> Self {
        self.content = content;
        self
    }

    /// Whether to report changes of attributes ([`Attributes`](crate::ChangeKind::Attributes)).
    pub const fn attributes(mut self, attributes: bool) -> Self {
        self.attributes = attributes;
        self
    }

    /// Whether to report that a file was read ([`Accessed`](crate::ChangeKind::Accessed)). Not reported of a directory
    /// whose entries are watched: the watcher itself reads that.
    pub const fn accessed(mut self, accessed: bool) -> Self {
        self.accessed = accessed;
        self
    }

    /// Whether symbolic links in place of the path's last name are followed. Links before it always are, entries of
    /// directories never.
    pub const fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    pub(super) const fn wants_content(&self) -> bool {
        self.content
    }

    pub(super) const fn wants_attributes(&self) -> bool {
        self.attributes
    }

    pub(super) const fn wants_accessed(&self) -> bool {
        self.accessed
    }

    pub(super) const fn follows(&self) -> bool {
        self.follow
    }

    /// Whether the entries of a directory are watched: of the one that was asked for, or of one below it.
    pub(super) const fn wants_entries(&self, is_below: bool) -> bool {
        matches!((self.depth, is_below), (Depth::Entries, false) | (Depth::Tree, _))
    }

    /// What to associate a file for.
    pub(super) fn events(&self, with_entries: bool) -> FileEvents {
        let mut events = FileEvents::empty();
        events.set(FileEvents::MODIFIED | FileEvents::TRUNC, self.content || with_entries);
        events.set(FileEvents::ATTRIB, self.attributes);
        // To read a directory's entries is an access, so the watcher would hear itself.
        events.set(FileEvents::ACCESS, self.accessed && !with_entries);
        events
    }
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_watched_as_far_as_asked() {
        let reach = |depth| {
            let options = WatchOptions::new().depth(depth);
            (options.wants_entries(false), options.wants_entries(true))
        };
        assert_eq!(reach(Depth::Itself), (false, false));
        assert_eq!(reach(Depth::Entries), (true, false));
        assert_eq!(reach(Depth::Tree), (true, true));
    }

    #[test]
    fn what_is_asked_for_may_be_asked_for() {
        for bits in 0..16 {
            let options = WatchOptions::new().content(bits & 1 != 0).attributes(bits & 2 != 0).accessed(bits & 4 != 0);
            let events = options.events(bits & 8 != 0);
            assert!(FileEvents::REQUESTABLE.contains(events));
            assert_eq!(events.contains(FileEvents::MODIFIED), bits & 9 != 0);
            assert_eq!(events.contains(FileEvents::ATTRIB), bits & 2 != 0);
            assert_eq!(events.contains(FileEvents::ACCESS), bits & 12 == 4);
        }
    }
}
