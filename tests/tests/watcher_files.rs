//! Watching single files: what happens to them, and how editors and rotation treat them.

mod watching;

use event_ports::ChangeKind::{Accessed, Attributes, Created, Deleted, Modified, RenamedAway, Replaced, Truncated};
use event_ports::{ChangeKind, FileId, WatchOptions};
use event_ports_tests::prelude::case;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use watching::Scene;

/// A scene with a file that is watched.
fn with_file() -> Scene {
    let mut scene = Scene::new();
    scene.write("file", "one, and rather long\n");
    scene.watch("file");
    assert_eq!(scene.news(), [], "what is there is no news");
    scene
}

#[test]
fn a_write_is_reported_every_time() {
    case(|| {
        let mut scene = with_file();
        for round in 0..5 {
            scene.append("file", "more\n");
            assert_eq!(scene.news_of("file"), [Modified], "round {round}");
        }
        assert_eq!(scene.news(), [], "once each");
    });
}

#[test]
fn changes_between_two_looks_are_one() {
    case(|| {
        let mut scene = with_file();
        for _ in 0..50 {
            scene.append("file", "more\n");
        }
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn an_open_descriptor_and_a_name_are_the_same_file() {
    case(|| {
        let mut scene = with_file();
        let mut file = fs::OpenOptions::new().append(true).open(scene.path("file")).expect("opened");
        file.write_all(b"by descriptor").expect("written");
        assert_eq!(scene.news_of("file"), [Modified]);
        fs::hard_link(scene.path("file"), scene.path("other")).expect("linked");
        assert_eq!(scene.news_of("file"), [Attributes], "the number of links");
        scene.append("other", "by another name");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn truncation_is_told_from_writing() {
    case(|| {
        let mut scene = with_file();
        let file = fs::OpenOptions::new().write(true).open(scene.path("file")).expect("opened");
        file.set_len(0).expect("truncated");
        assert_eq!(scene.news_of("file"), [Truncated]);
        scene.append("file", "new");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn attributes_are_told_from_content() {
    case(|| {
        let mut scene = with_file();
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(0o600)).expect("changed");
        assert_eq!(scene.news_of("file"), [Attributes]);
        scene.append("file", "x");
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(0o640)).expect("changed");
        assert_eq!(scene.news_of("file"), [Modified, Attributes]);
    });
}

#[test]
fn reading_is_reported_on_request() {
    case(|| {
        let mut scene = with_file();
        let read = |scene: &Scene| {
            let mut text = String::new();
            fs::File::open(scene.path("file")).expect("opened").read_to_string(&mut text).expect("read");
        };
        read(&scene);
        assert_eq!(scene.news(), []);
        scene.watch_with("file", WatchOptions::new().accessed(true));
        read(&scene);
        assert_eq!(scene.news_of("file"), [Accessed]);
        read(&scene);
        assert_eq!(scene.news_of("file"), [Accessed]);
    });
}

#[test]
fn only_what_is_asked_for_is_reported() {
    case(|| {
        let mut scene = with_file();
        scene.watch_with("file", WatchOptions::new().content(false).attributes(false));
        scene.append("file", "x");
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(0o600)).expect("changed");
        assert_eq!(scene.news(), []);
        scene.remove("file");
        assert_eq!(scene.news_of("file"), [Deleted]);

        scene.write("file", "x");
        scene.watch_with("file", WatchOptions::new().content(false));
        scene.append("file", "x");
        assert_eq!(scene.news(), []);
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(0o640)).expect("changed");
        assert_eq!(scene.news_of("file"), [Attributes]);
    });
}

#[test]
fn a_change_carries_cookie_path_and_identity() {
    case(|| {
        let mut scene = with_file();
        let id = FileId::of(&fs::metadata(scene.path("file")).expect("it is there"));
        scene.append("file", "x");
        scene.remove("file");
        let changes = scene.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        let change = &changes[0];
        assert_eq!((&change.path, change.user, change.kind), (&scene.path("file"), 7, Deleted));
        assert_eq!((change.id, change.is_dir), (Some(id), false));
    });
}

#[test]
fn a_deleted_file_that_comes_back_is_watched_again() {
    case(|| {
        let mut scene = with_file();
        for _ in 0..3 {
            scene.remove("file");
            assert_eq!(scene.news_of("file"), [Deleted]);
            scene.write("file", "");
            assert_eq!(scene.news_of("file"), [Created]);
            scene.append("file", "x");
            assert_eq!(scene.news_of("file"), [Modified]);
        }
    });
}

#[test]
fn what_came_and_went_between_two_looks_is_no_news() {
    case(|| {
        let mut scene = with_file();
        scene.remove("file");
        assert_eq!(scene.news_of("file"), [Deleted]);
        scene.write("file", "");
        scene.remove("file");
        assert_eq!(scene.news(), []);
    });
}

// FILE-37: a watch that is not armed hears nothing of the file's end.
#[test]
fn a_file_that_is_written_and_goes_before_the_next_look_is_missed_by_nobody() {
    case(|| {
        let mut scene = with_file();
        scene.append("file", "x");
        scene.rename("file", "away");
        let news = scene.news_of("file");
        assert!(matches!(news[..], [Deleted | RenamedAway]), "{news:?}");
        scene.rename("away", "file");
        assert_eq!(scene.news_of("file"), [Created]);
        scene.append("file", "x");
        scene.write("new", "");
        scene.rename("new", "file");
        assert_eq!(scene.news_of("file"), [Replaced]);
    });
}

// What editors do when they save.

#[test]
fn saved_by_writing_in_place() {
    case(|| {
        let mut scene = with_file();
        for round in 0..3 {
            let mut file = fs::OpenOptions::new().write(true).open(scene.path("file")).expect("opened");
            write!(file, "round {round}").expect("written");
            assert_eq!(scene.news_of("file"), [Modified]);
        }
    });
}

#[test]
fn saved_by_truncating_and_writing() {
    case(|| {
        let mut scene = with_file();
        for round in 0..3 {
            fs::write(scene.path("file"), format!("round {round}")).expect("written");
            let news = scene.news_of("file");
            assert!(matches!(news[..], [Modified] | [Truncated, Modified]), "{news:?}");
        }
    });
}

#[test]
fn saved_by_writing_a_new_file_and_renaming_it() {
    case(|| {
        let mut scene = with_file();
        for round in 0..3 {
            scene.write(".file.swp", &format!("round {round}"));
            scene.rename(".file.swp", "file");
            assert_eq!(scene.news_of("file"), [Replaced]);
        }
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

/// As vim does with `backupcopy=no`: the old file becomes the backup, which is removed when the new one is written.
#[test]
fn saved_by_renaming_to_a_backup_and_creating() {
    case(|| {
        let mut scene = with_file();
        for round in 0..3 {
            scene.rename("file", "file~");
            scene.write("file", &format!("round {round}"));
            scene.remove("file~");
            assert_eq!(scene.news_of("file"), [RenamedAway, Created]);
        }
        // The watcher may look in the middle.
        scene.rename("file", "file~");
        assert_eq!(scene.news_of("file"), [RenamedAway]);
        scene.write("file", "last");
        assert_eq!(scene.news_of("file"), [Created]);
        scene.remove("file~");
        assert_eq!(scene.news(), []);
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn saved_by_removing_and_creating() {
    case(|| {
        let mut scene = with_file();
        for _ in 0..3 {
            scene.remove("file");
            // It may well get the same inode number.
            scene.write("file", "new");
            let news = scene.news_of("file");
            assert_eq!(news, [Deleted, Created]);
            scene.append("file", "x");
            assert_eq!(scene.news_of("file"), [Modified]);
        }
    });
}

// What logrotate does.

#[test]
fn rotated_by_renaming_and_creating() {
    case(|| {
        let mut scene = with_file();
        for round in 0..5 {
            scene.append("file", "last line\n");
            assert_eq!(scene.news_of("file"), [Modified]);
            scene.rename("file", format!("file.{round}"));
            scene.write("file", "");
            assert_eq!(scene.news_of("file"), [RenamedAway, Created]);
            // A writer that has not noticed yet.
            scene.append(format!("file.{round}"), "late line\n");
            assert_eq!(scene.news(), []);
        }
    });
}

#[test]
fn rotated_by_copying_and_truncating() {
    case(|| {
        let mut scene = with_file();
        for _ in 0..5 {
            scene.append("file", "line\n");
            assert_eq!(scene.news_of("file"), [Modified]);
            fs::copy(scene.path("file"), scene.path("file.1")).expect("copied");
            let file = fs::OpenOptions::new().write(true).open(scene.path("file")).expect("opened");
            file.set_len(0).expect("truncated");
            assert_eq!(scene.news_of("file"), [Truncated]);
        }
    });
}

#[test]
fn replaced_by_a_file_of_another_type() {
    case(|| {
        let mut scene = with_file();
        scene.remove("file");
        scene.make_directory("file");
        assert_eq!(scene.news_of("file"), [Deleted, Created]);
        scene.write("file/entry", "");
        assert_eq!(scene.news(), [("file/entry".into(), Created)]);
        fs::remove_dir_all(scene.path("file")).expect("removed");
        scene.write("file", "");
        // FILE-37: the directory's end is heard only if its entry's was not heard first.
        let news = scene.news();
        assert!(matches!(&news[..], [.., (name, Created | Replaced)] if name == "file"), "{news:?}");
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

// The watcher itself.

#[test]
fn an_unwatched_path_is_silent() {
    case(|| {
        let mut scene = with_file();
        scene.append("file", "x");
        // Found, and not taken.
        assert!(scene.watcher.next(Some(Duration::ZERO)).expect("no error").is_some());
        scene.append("file", "x");
        assert!(scene.watcher.unwatch(scene.path("file")));
        assert!(!scene.watcher.unwatch(scene.path("file")));
        assert!(scene.watcher.is_empty());
        scene.remove("file");
        assert_eq!(scene.news(), []);
    });
}

#[test]
fn a_path_that_is_watched_again_has_the_new_cookie() {
    case(|| {
        let mut scene = with_file();
        scene.append("file", "x");
        let path = scene.path("file");
        scene.watcher.watch(&path, 8).expect("watched");
        assert_eq!(scene.watcher.len(), 1);
        scene.append("file", "x");
        let changes = scene.changes();
        assert_eq!(changes.iter().map(|change| (change.user, change.kind)).collect::<Vec<_>>(), [(8, Modified)]);
    });
}

#[test]
fn two_watchers_of_one_file_hear_both() {
    case(|| {
        let mut scene = with_file();
        let mut other = Scene::new();
        other.watcher.watch(scene.path("file"), 1).expect("watched");
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
        let kinds: Vec<ChangeKind> = other.changes().iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Modified]);
    });
}

#[test]
fn relative_paths_stay_where_they_were() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("file", "");
        std::env::set_current_dir(scene.path("")).expect("changed");
        scene.watcher.watch("file", 1).expect("watched");
        scene.watcher.watch("./missing", 2).expect("watched");
        std::env::set_current_dir("/").expect("changed");
        scene.append("file", "x");
        scene.write("missing", "x");
        let changes = scene.changes();
        let mut found: Vec<_> =
            changes.iter().map(|change| (change.path.to_str().expect("text"), change.user, change.kind)).collect();
        found.sort_by_key(|&(_, user, _)| user);
        assert_eq!(found, [("file", 1, Modified), ("./missing", 2, Created)]);
    });
}

#[test]
fn a_watcher_can_be_moved_to_another_thread() {
    case(|| {
        let mut scene = with_file();
        scene.append("file", "x");
        let mut scene = std::thread::spawn(move || {
            assert_eq!(scene.news_of("file"), [Modified]);
            scene
        })
        .join()
        .expect("no panic");
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}
