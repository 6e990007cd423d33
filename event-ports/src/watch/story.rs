//! From what was seen before, what is seen now, and what the events said, to what is reported.
//!
//! Events are hints. Several changes may have become one event, a change that came while nothing was armed gave none
//! (FILE-27, FILE-37), and an event may speak of what is not so yet (FILE-38). So looking decides, and the events tell
//! what cannot be seen: how a file went, that it was cut, or that something happened which left no trace.

use super::change::ChangeKind;
use super::options::WatchOptions;
use super::snapshot::Snapshot;
use crate::FileEvents;
use std::time::SystemTime;

/// What to report, in this order.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Story {
    pub(super) kinds: Vec<ChangeKind>,
    /// The system said that the name was removed, yet the file is there: its removal may still be under way (FILE-38).
    pub(super) is_doubtful: bool,
}

/// Two looks at a path, and what was heard between them.
pub(super) struct Looks<'a> {
    pub(super) before: Option<&'a Snapshot>,
    pub(super) now: Option<&'a Snapshot>,
    /// What the events of the path itself said.
    pub(super) fired: FileEvents,
    /// What those of the directories and links on the way to it said.
    pub(super) above: FileEvents,
    /// Whether nobody has listened to the path for a while between the two, so that nothing was heard.
    pub(super) after_gap: bool,
    pub(super) time: SystemTime,
}

impl Looks<'_> {
    pub(super) fn story(&self, options: &WatchOptions) -> Story {
        let mut story = Story::default();
        let announced = self.fired | self.above;
        if self.before.is_some() || self.now.is_some() {
            for (event, kind) in
                [(FileEvents::UNMOUNTED, ChangeKind::Unmounted), (FileEvents::MOUNTEDOVER, ChangeKind::MountedOver)]
            {
                if announced.contains(event) {
                    story.kinds.push(kind);
                }
            }
        }
        match (self.before, self.now) {
            (None, None) => {}
            (None, Some(_)) => story.kinds.push(ChangeKind::Created),
            (Some(_), None) => story.kinds.push(self.departure(announced)),
            (Some(before), Some(now)) => self.both(before, now, options, &mut story),
        }
        let unknown = self.fired - FileEvents::REQUESTABLE - FileEvents::EXCEPTIONS;
        if !unknown.is_empty() {
            story.kinds.push(ChangeKind::Unknown(unknown));
        }
        story
    }

    /// How the file went.
    fn departure(&self, said: FileEvents) -> ChangeKind {
        if said.contains(FileEvents::RENAME_FROM) && !self.fired.contains(FileEvents::DELETE) {
            ChangeKind::RenamedAway
        } else {
            ChangeKind::Deleted
        }
    }

    /// There was a file, and there is one.
    fn both(&self, before: &Snapshot, now: &Snapshot, options: &WatchOptions, story: &mut Story) {
        let same = now.is_same_file(before);
        if self.fired.contains(FileEvents::DELETE) && same {
            story.is_doubtful = true;
            // One that was made in the place of the other looks different, or is very young.
            if now.looks_like(before) && now.is_settled(self.time) {
                return;
            }
        }
        if self.fired.intersects(FileEvents::DELETE | FileEvents::RENAME_FROM) {
            story.kinds.extend([self.departure(self.fired), ChangeKind::Created]);
        } else if !same || self.fired.contains(FileEvents::RENAME_TO) {
            story.kinds.push(ChangeKind::Replaced);
        } else {
            self.touched(before, now, options, story);
        }
    }

    /// It is the same file.
    fn touched(&self, before: &Snapshot, now: &Snapshot, options: &WatchOptions, story: &mut Story) {
        let mut content = false;
        let is_unsure = self.after_gap && before.may_hide_a_change();
        if options.wants_content() {
            // Making a file in a directory is told as a truncation of the directory (FILE-30).
            let cut = self.fired.contains(FileEvents::TRUNC);
            let truncated = now.is_file() && (cut || now.size() < before.size());
            let modified =
                cut || self.fired.contains(FileEvents::MODIFIED) || !now.has_same_content(before) || is_unsure;
            if truncated {
                story.kinds.push(ChangeKind::Truncated);
            }
            // An empty file holds nothing that was not cut.
            if modified && !(truncated && now.size() == 0) {
                story.kinds.push(ChangeKind::Modified);
            }
            content = truncated || modified;
        }
        if options.wants_attributes() {
            // To write changes a file's times, which is no news.
            let touched = self.fired.contains(FileEvents::ATTRIB) || !now.has_same_change_time(before) || is_unsure;
            if !now.has_same_attributes(before) || (touched && !content && now.has_same_content(before)) {
                story.kinds.push(ChangeKind::Attributes);
            }
        }
        if options.wants_accessed()
            && (self.fired.contains(FileEvents::ACCESS) || (now.was_accessed_since(before) && !content))
        {
            story.kinds.push(ChangeKind::Accessed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChangeKind::{
        Accessed, Attributes, Created, Deleted, Modified, MountedOver, RenamedAway, Replaced, Truncated, Unknown,
        Unmounted,
    };
    use std::time::Duration;

    const NONE: FileEvents = FileEvents::empty();
    const MODIFIED: FileEvents = FileEvents::MODIFIED;
    const ATTRIB: FileEvents = FileEvents::ATTRIB;
    const DELETE: FileEvents = FileEvents::DELETE;

    /// The time of these looks. A file of time 10 is long settled, one of time 100 is not.
    fn time() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(100)
    }

    fn heard(before: Option<Snapshot>, now: Option<Snapshot>, fired: FileEvents, above: FileEvents) -> Story {
        let looks = Looks { before: before.as_ref(), now: now.as_ref(), fired, above, after_gap: false, time: time() };
        looks.story(&WatchOptions::new().accessed(true))
    }

    fn kinds(before: Option<Snapshot>, now: Option<Snapshot>, fired: FileEvents) -> Vec<ChangeKind> {
        heard(before, now, fired, NONE).kinds
    }

    fn old() -> Snapshot {
        Snapshot::example(1, 10, 10)
    }

    fn other() -> Snapshot {
        Snapshot::example(2, 10, 10)
    }

    #[test]
    fn what_comes_and_goes() {
        assert_eq!(kinds(None, None, NONE), []);
        assert_eq!(kinds(None, Some(old()), NONE), [Created]);
        // FILE-37: gone without an event.
        assert_eq!(kinds(Some(old()), None, NONE), [Deleted]);
        assert_eq!(kinds(Some(old()), None, DELETE), [Deleted]);
        assert_eq!(kinds(Some(old()), None, FileEvents::RENAME_FROM), [RenamedAway]);
        // Renamed over, and the other one removed.
        assert_eq!(kinds(Some(old()), None, FileEvents::RENAME_TO), [Deleted]);
        // A directory above has another name now.
        assert_eq!(heard(Some(old()), None, NONE, FileEvents::RENAME_FROM).kinds, [RenamedAway]);
        assert_eq!(heard(Some(old()), None, DELETE, FileEvents::RENAME_FROM).kinds, [Deleted]);
    }

    #[test]
    fn another_file_at_the_path() {
        assert_eq!(kinds(Some(old()), Some(other()), NONE), [Replaced]);
        assert_eq!(kinds(Some(old()), Some(other()), FileEvents::RENAME_TO), [Replaced]);
        assert_eq!(kinds(Some(old()), Some(other()), FileEvents::RENAME_FROM), [RenamedAway, Created]);
        assert_eq!(kinds(Some(old()), Some(other()), DELETE), [Deleted, Created]);
        // With whatever else was heard: it was of the other file.
        assert_eq!(kinds(Some(old()), Some(other()), MODIFIED | ATTRIB), [Replaced]);
        // The same file came back.
        assert_eq!(kinds(Some(old()), Some(old()), FileEvents::RENAME_FROM), [RenamedAway, Created]);
        // A directory above was renamed and the path leads to the same file: nothing happened to it.
        assert_eq!(heard(Some(old()), Some(old()), NONE, FileEvents::RENAME_FROM).kinds, []);
    }

    #[test]
    fn file_38_a_removal_that_is_not_done_is_not_reported_yet() {
        let story = heard(Some(old()), Some(old()), DELETE, NONE);
        assert_eq!(story, Story { kinds: Vec::new(), is_doubtful: true });
        // It may be another file with the same inode number, and looks so.
        let again = Snapshot::example(1, 10, 100);
        let story = heard(Some(old()), Some(again), DELETE, NONE);
        assert_eq!(story, Story { kinds: vec![Deleted, Created], is_doubtful: true });
        // Too young to tell.
        let story = heard(Some(again), Some(again), DELETE, NONE);
        assert_eq!(story, Story { kinds: vec![Deleted, Created], is_doubtful: true });
        // Certainly another.
        assert!(!heard(Some(old()), Some(other()), DELETE, NONE).is_doubtful);
    }

    #[test]
    fn writing_is_a_modification_and_no_more() {
        let written = Snapshot::example(1, 20, 50);
        for fired in [NONE, MODIFIED, MODIFIED | ATTRIB, ATTRIB] {
            assert_eq!(kinds(Some(old()), Some(written), fired), [Modified], "{fired}");
        }
        // Nothing to be seen, but it happened.
        assert_eq!(kinds(Some(old()), Some(old()), MODIFIED | ATTRIB), [Modified]);
        // The mode, too.
        let mode = written.with_mode(libc::S_IFREG | 0o600);
        assert_eq!(kinds(Some(old()), Some(mode), MODIFIED | ATTRIB), [Modified, Attributes]);
    }

    #[test]
    fn truncation_is_heard_or_seen() {
        let empty = Snapshot::example(1, 0, 50);
        let shorter = Snapshot::example(1, 5, 50);
        let longer = Snapshot::example(1, 50, 50);
        // FILE-28, FILE-29.
        assert_eq!(kinds(Some(old()), Some(empty), FileEvents::TRUNC), [Truncated]);
        assert_eq!(kinds(Some(old()), Some(empty), FileEvents::TRUNC | MODIFIED | ATTRIB), [Truncated]);
        assert_eq!(kinds(Some(old()), Some(empty), NONE), [Truncated]);
        assert_eq!(kinds(Some(old()), Some(shorter), MODIFIED), [Truncated, Modified]);
        assert_eq!(kinds(Some(old()), Some(longer), FileEvents::TRUNC), [Truncated, Modified]);
        // Grown beyond its size again, unheard.
        assert_eq!(kinds(Some(old()), Some(longer), MODIFIED), [Modified]);
        // FILE-30: a directory that got an entry.
        let directory = old().with_mode(libc::S_IFDIR | 0o755);
        assert_eq!(kinds(Some(directory), Some(directory), FileEvents::TRUNC), [Modified]);
    }

    #[test]
    fn what_changed_a_moment_before_a_gap_may_have_changed_in_it() {
        let tell = |before: Snapshot, now: Snapshot, options: WatchOptions| {
            let looks = Looks {
                before: Some(&before),
                now: Some(&now),
                fired: NONE,
                above: NONE,
                after_gap: true,
                time: time(),
            };
            looks.story(&options).kinds
        };
        let all = WatchOptions::new();
        assert_eq!(tell(old(), old(), all), []);
        assert_eq!(tell(old().fresh(), old(), all), [Modified]);
        assert_eq!(tell(old().fresh(), old().fresh(), all), [Modified]);
        assert_eq!(tell(old().fresh(), old(), all.content(false)), [Attributes]);
        assert_eq!(tell(old().fresh(), old(), all.content(false).attributes(false)), []);
        // Written before the mode was changed.
        let mode = old().with_mode(libc::S_IFREG | 0o600);
        assert_eq!(tell(old().fresh(), mode, all), [Modified, Attributes]);
        assert_eq!(kinds(Some(old().fresh()), Some(old()), NONE), []);
    }

    #[test]
    fn attributes_and_access() {
        assert_eq!(kinds(Some(old()), Some(old().with_mode(libc::S_IFREG | 0o600)), NONE), [Attributes]);
        assert_eq!(kinds(Some(old()), Some(old().with_change_time(50)), NONE), [Attributes]);
        assert_eq!(kinds(Some(old()), Some(old()), ATTRIB), [Attributes]);
        assert_eq!(kinds(Some(old()), Some(old().with_links(2)), NONE), [Attributes]);
        let directory = old().with_mode(libc::S_IFDIR | 0o755);
        assert_eq!(kinds(Some(directory), Some(directory.with_links(3)), MODIFIED | ATTRIB), [Modified]);
        assert_eq!(kinds(Some(old()), Some(old()), FileEvents::ACCESS), [Accessed]);
        assert_eq!(kinds(Some(old()), Some(old().with_access_time(50)), NONE), [Accessed]);
        assert_eq!(kinds(Some(old()), Some(old()), NONE), []);
    }

    #[test]
    fn mounts_are_announced_and_then_seen() {
        // FILE-39: it may be yet to happen, or fail.
        assert_eq!(kinds(Some(old()), Some(old()), FileEvents::UNMOUNTED), [Unmounted]);
        assert_eq!(kinds(Some(old()), None, FileEvents::UNMOUNTED), [Unmounted, Deleted]);
        assert_eq!(kinds(Some(old()), Some(other()), FileEvents::MOUNTEDOVER), [MountedOver, Replaced]);
        assert_eq!(heard(Some(old()), Some(other()), NONE, FileEvents::MOUNTEDOVER).kinds, [MountedOver, Replaced]);
        assert_eq!(heard(None, None, NONE, FileEvents::MOUNTEDOVER).kinds, []);
    }

    #[test]
    fn s8_what_has_no_name_is_reported() {
        let odd = FileEvents::from_bits_retain(8);
        assert_eq!(kinds(Some(old()), Some(old()), odd), [Unknown(odd)]);
    }

    #[test]
    fn what_was_not_asked_for_is_not_reported() {
        let written = Snapshot::example(1, 20, 50).with_mode(libc::S_IFREG);
        let tell = |options: WatchOptions, now: &Snapshot, fired| {
            let before = old();
            let looks =
                Looks { before: Some(&before), now: Some(now), fired, above: NONE, after_gap: false, time: time() };
            looks.story(&options).kinds
        };
        let nothing = WatchOptions::new().content(false).attributes(false);
        assert_eq!(tell(nothing, &written, NONE), []);
        assert_eq!(tell(nothing, &other(), NONE), [Replaced]);
        assert_eq!(tell(nothing.content(true), &written, ATTRIB), [Modified]);
        assert_eq!(tell(nothing.attributes(true), &written, NONE), [Attributes]);
        // Written, and nothing else.
        assert_eq!(tell(nothing.attributes(true), &Snapshot::example(1, 20, 50), ATTRIB), []);
        assert_eq!(tell(nothing.accessed(true), &written, NONE), [Accessed]);
    }
}
