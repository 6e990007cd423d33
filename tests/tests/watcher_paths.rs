//! Watching paths: what is missing comes, directories above move, links are made to point elsewhere.

mod watching;

use event_ports::ChangeKind::{Attributes, Created, Deleted, Failed, Modified, RenamedAway, Replaced};
use event_ports::{ChangeKind, FileId, WatchOptions, Watcher};
use event_ports_tests::OpenDescriptors;
use event_ports_tests::prelude::{blocked, case};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use watching::{Scene, odd_name};

#[test]
fn a_missing_file_is_waited_for() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch("file");
        assert_eq!(scene.news(), []);
        // What comes beside it is nobody's business.
        scene.write("other", "");
        assert_eq!(scene.news(), []);
        scene.write("file", "");
        assert_eq!(scene.news_of("file"), [Created]);
        scene.append("file", "x");
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn a_watcher_tells_what_it_has_seen_and_not_what_is_there() {
    case(|| {
        let mut scene = Scene::new();
        let path = scene.path("file");
        let id = || FileId::of(&fs::metadata(&path).expect("it is there"));
        assert_eq!(scene.watcher.file_at(&path), None, "not watched");
        scene.watch("file");
        assert_eq!(scene.watcher.file_at(&path), None, "not there");
        // A program that finds this one by itself, and means to hear of its end, will not.
        scene.write("file", "");
        assert_eq!(scene.watcher.file_at(&path), None, "not looked at");
        scene.remove("file");
        assert_eq!(scene.news(), []);
        scene.write("file", "");
        assert_eq!(scene.news_of("file"), [Created]);
        assert_eq!(scene.watcher.file_at(&path), Some(id()));
        scene.write("new", "");
        scene.rename("new", "file");
        assert_ne!(scene.watcher.file_at(&path), Some(id()), "not looked at");
        assert_eq!(scene.news_of("file"), [Replaced]);
        assert_eq!(scene.watcher.file_at(&path), Some(id()));
        // Nobody has seen this one, but the end of the one before is told.
        scene.write("new", "");
        scene.rename("new", "file");
        scene.remove("file");
        assert_eq!(scene.news_of("file"), [Deleted]);
        assert_eq!(scene.watcher.file_at(&path), None);
    });
}

#[test]
fn a_missing_file_may_come_by_renaming_or_linking() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch("file");
        scene.write("other", "");
        scene.rename("other", "file");
        assert_eq!(scene.news_of("file"), [Created]);
        scene.rename("file", "other");
        assert_eq!(scene.news_of("file"), [RenamedAway]);
        fs::hard_link(scene.path("other"), scene.path("file")).expect("linked");
        assert_eq!(scene.news_of("file"), [Created]);
    });
}

#[test]
fn several_missing_levels_are_waited_for() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch("a/b/c/d/file");
        for directory in ["a", "a/b", "a/b/c", "a/b/c/d"] {
            scene.make_directory(directory);
            assert_eq!(scene.news(), [], "{directory}");
        }
        scene.write("a/b/c/d/file", "");
        assert_eq!(scene.news_of("a/b/c/d/file"), [Created]);

        fs::remove_dir_all(scene.path("a")).expect("removed");
        assert_eq!(scene.news_of("a/b/c/d/file"), [Deleted]);
        fs::create_dir_all(scene.path("a/b/c/d")).expect("made");
        scene.write("a/b/c/d/file", "");
        assert_eq!(scene.news_of("a/b/c/d/file"), [Created]);
        scene.append("a/b/c/d/file", "x");
        assert_eq!(scene.news_of("a/b/c/d/file"), [Modified]);
    });
}

#[test]
fn a_file_that_should_be_a_directory_is_waited_for_to_become_one() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("a", "");
        scene.watch("a/file");
        assert_eq!(scene.news(), []);
        scene.remove("a");
        scene.make_directory("a");
        scene.write("a/file", "");
        assert_eq!(scene.news_of("a/file"), [Created]);
        fs::remove_dir_all(scene.path("a")).expect("removed");
        scene.write("a", "");
        assert_eq!(scene.news_of("a/file"), [Deleted]);
        scene.make_directory("new");
        scene.write("new/file", "");
        scene.remove("a");
        scene.rename("new", "a");
        assert_eq!(scene.news_of("a/file"), [Created]);
    });
}

#[test]
fn a_directory_above_that_is_renamed_takes_the_file_away() {
    case(|| {
        let mut scene = Scene::new();
        fs::create_dir_all(scene.path("a/b")).expect("made");
        scene.write("a/b/file", "old");
        scene.watch("a/b/file");
        scene.rename("a", "moved");
        assert_eq!(scene.news_of("a/b/file"), [RenamedAway]);
        // That is another path now.
        scene.append("moved/b/file", "x");
        assert_eq!(scene.news(), []);
        fs::create_dir_all(scene.path("a/b")).expect("made");
        scene.write("a/b/file", "new");
        assert_eq!(scene.news_of("a/b/file"), [Created]);

        // Another tree in its place before anyone looks.
        scene.rename("a", "moved again");
        scene.rename("moved", "a");
        assert_eq!(scene.news_of("a/b/file"), [Replaced]);
        scene.append("a/b/file", "x");
        assert_eq!(scene.news_of("a/b/file"), [Modified]);
        // And back: the same file is at the path, so nothing has happened to it.
        scene.rename("a", "c");
        scene.rename("c", "a");
        assert_eq!(scene.news(), []);
        scene.append("a/b/file", "x");
        assert_eq!(scene.news_of("a/b/file"), [Modified]);
    });
}

#[test]
fn a_link_stands_for_what_it_points_to() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("one", "1");
        scene.write("two", "2");
        scene.link("one", "link");
        scene.watch("link");
        scene.append("one", "x");
        assert_eq!(scene.news_of("link"), [Modified]);
        // As the current version of something is switched: at once.
        scene.link("two", "new");
        scene.rename("new", "link");
        assert_eq!(scene.news_of("link"), [Replaced]);
        scene.append("one", "x");
        assert_eq!(scene.news(), []);
        scene.append("two", "x");
        assert_eq!(scene.news_of("link"), [Modified]);
        // Not at once.
        scene.remove("link");
        assert_eq!(scene.news_of("link"), [Deleted]);
        scene.link("one", "link");
        assert_eq!(scene.news_of("link"), [Created]);
    });
}

#[test]
fn a_link_that_points_nowhere_is_waited_for() {
    case(|| {
        let mut scene = Scene::new();
        scene.make_directory("a");
        scene.link("a/b/file", "link");
        scene.watch("link");
        scene.make_directory("a/b");
        assert_eq!(scene.news(), []);
        scene.write("a/b/file", "");
        assert_eq!(scene.news_of("link"), [Created]);
        scene.remove("a/b/file");
        assert_eq!(scene.news_of("link"), [Deleted]);
        scene.write("other", "");
        scene.remove("link");
        scene.link("other", "link");
        assert_eq!(scene.news_of("link"), [Created]);
    });
}

#[test]
fn a_link_can_be_watched_itself() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("one", "");
        scene.link("one", "link");
        scene.watch_with("link", WatchOptions::new().follow(false));
        scene.append("one", "x");
        assert_eq!(scene.news(), []);
        scene.link("two", "new");
        scene.rename("new", "link");
        assert_eq!(scene.news_of("link"), [Replaced]);
        scene.remove("link");
        assert_eq!(scene.news_of("link"), [Deleted]);
    });
}

// As volumes of configuration are: the files are links through a link that is switched from one directory to another.
#[test]
fn a_directory_behind_a_link_that_is_switched() {
    case(|| {
        let mut scene = Scene::new();
        for version in ["v1", "v2"] {
            scene.make_directory(version);
            scene.write(format!("{version}/config"), version);
            scene.write(format!("{version}/{version}-only"), version);
        }
        scene.link("v1", "current");
        scene.link("current/config", "config");
        scene.watch("config");
        scene.watch("current");
        scene.link("v2", "new");
        scene.rename("new", "current");
        let mut news = scene.news();
        news.sort_by_key(|(name, _)| name.clone());
        let expected = [
            ("config", Replaced),
            ("current", Replaced),
            ("current/config", Replaced),
            ("current/v1-only", Deleted),
            ("current/v2-only", Created),
        ];
        assert_eq!(news, expected.map(|(name, kind)| (name.to_owned(), kind)));
        fs::remove_dir_all(scene.path("v1")).expect("removed");
        assert_eq!(scene.news(), []);
        scene.append("v2/config", "x");
        let mut news = scene.news();
        news.sort_by_key(|(name, _)| name.clone());
        assert_eq!(news, [("config".into(), Modified), ("current/config".into(), Modified)]);
    });
}

#[test]
fn links_in_a_circle_are_a_failure() {
    case(|| {
        let mut scene = Scene::new();
        scene.link("b", "a");
        scene.link("a", "b");
        let path = scene.path("a/file");
        let error = scene.watcher.watch(&path, 0).expect_err("it leads nowhere");
        assert_eq!(error.failure().map(|failure| failure.errno()), Some(libc::ELOOP));
        assert_eq!(error.path, path);
        assert!(scene.watcher.is_empty());
        // When it comes to that later, it is reported, and so is the end of it.
        scene.remove("b");
        scene.watch("a/file");
        scene.link("a", "b");
        let news = scene.news();
        assert!(matches!(news[..], [(_, Failed(failure))] if failure.errno() == libc::ELOOP), "{news:?}");
        scene.remove("b");
        assert_eq!(scene.news(), []);
        scene.make_directory("b");
        scene.write("b/file", "");
        assert_eq!(scene.news_of("a/file"), [Created]);
    });
}

#[test]
fn a_path_through_a_directory_that_may_not_be_searched() {
    case(|| {
        let mut scene = Scene::new();
        scene.make_directory("closed");
        scene.write("closed/file", "");
        let close = |scene: &Scene, mode| {
            fs::set_permissions(scene.path("closed"), fs::Permissions::from_mode(mode)).expect("changed");
        };
        close(&scene, 0o400);
        if fs::metadata(scene.path("closed/file")).is_ok() {
            eprintln!("not run: this user may search any directory");
            return;
        }
        let path = scene.path("closed/file");
        let error = scene.watcher.watch(&path, 0).expect_err("it cannot be seen");
        assert!(error.failure().is_some_and(|failure| failure.is_denied()), "{error:?}");
        close(&scene, 0o700);
        scene.watch("closed/file");
        close(&scene, 0o400);
        scene.watcher.look_at_all();
        let news = scene.news();
        assert!(matches!(news[..], [(_, Failed(failure))] if failure.is_denied()), "{news:?}");
        close(&scene, 0o700);
        // It is as it was. But it was written just before, so its times do not prove that it was not written again unseen.
        let news = scene.news_of("closed/file");
        assert!(matches!(news[..], [] | [Modified]), "{news:?}");
        scene.append("closed/file", "x");
        assert_eq!(scene.news_of("closed/file"), [Modified]);
    });
}

#[test]
fn names_need_not_be_text() {
    case(|| {
        let mut scene = Scene::new();
        scene.make_directory(odd_name());
        let path = scene.path(odd_name()).join(odd_name());
        scene.watcher.watch(&path, 1).expect("watched");
        fs::write(&path, "").expect("written");
        let changes = scene.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!((&changes[0].path, changes[0].kind), (&path, Created));
    });
}

#[test]
fn paths_that_cannot_be_one_are_refused() {
    case(|| {
        let mut watcher = Watcher::new().expect("a watcher");
        for path in ["", "a\0b"] {
            let error = watcher.watch(path, 0).expect_err("no path");
            assert_eq!(error.failure(), None);
            assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);
        }
        let long = format!("/{}", "x".repeat(5000));
        let error = watcher.watch(&long, 0).expect_err("too long");
        assert_eq!(error.failure().map(|failure| failure.errno()), Some(libc::ENAMETOOLONG));
        assert!(watcher.is_empty());
    });
}

#[test]
fn the_root_can_be_watched_and_dots_lead_where_they_lead() {
    case(|| {
        let mut scene = Scene::new();
        scene.watcher.watch_with("/", WatchOptions::new().depth(event_ports::Depth::Itself), 1).expect("watched");
        scene.make_directory("a");
        scene.write("file", "");
        let path = scene.path("a/./../file");
        scene.watcher.watch(&path, 2).expect("watched");
        scene.append("file", "x");
        let kinds: Vec<ChangeKind> =
            scene.changes().into_iter().filter(|change| change.user == 2).map(|change| change.kind).collect();
        assert_eq!(kinds, [Modified]);
    });
}

#[test]
fn a_failed_watch_leaves_nothing_behind() {
    case(|| {
        let mut scene = Scene::new();
        scene.make_directory("a");
        scene.link("x", "x");
        for _ in 0..100 {
            let path = scene.path("a/../x/file");
            assert!(scene.watcher.watch(path, 0).is_err());
        }
        scene.write("a/file", "");
        fs::set_permissions(scene.path("a"), fs::Permissions::from_mode(0o755)).expect("changed");
        assert_eq!(scene.news(), []);
    });
}

// On the port of another, and asleep.

#[test]
fn a_waiting_watcher_wakes_for_a_change_and_for_its_waker() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch("file");
        let path = scene.path("file");
        let waker = scene.watcher.waker();
        let thread = blocked(move || {
            let first = scene.watcher.next(None).expect("no error");
            let second = scene.watcher.next(None).expect("no error");
            let third = scene.watcher.changes().next().is_none();
            (first.map(|change| change.kind), second.map(|change| change.kind), third, scene)
        });
        fs::write(&path, "").expect("written");
        assert!(thread.is_still_blocked(), "it waits for more");
        waker.wake().expect("woken");
        assert!(thread.is_still_blocked(), "it waits again");
        waker.wake().expect("woken");
        let (first, second, third, _scene) = thread.join();
        assert_eq!((first, second, third), (Some(Created), None, true));
    });
}

#[test]
fn wake_ups_coalesce_and_lose_no_change() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("file", "");
        scene.watch("file");
        let waker = scene.watcher.waker();
        for _ in 0..10 {
            waker.wake().expect("woken");
        }
        scene.append("file", "x");
        assert_eq!(scene.watcher.next(None).expect("no error"), None);
        assert_eq!(scene.news_of("file"), [Modified]);
    });
}

#[test]
fn a_timeout_passes_and_iterators_end() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("file", "");
        scene.watch("file");
        let start = std::time::Instant::now();
        assert_eq!(scene.watcher.next(Some(Duration::from_millis(30))).expect("no error"), None);
        assert!(start.elapsed() >= Duration::from_millis(30));
        scene.append("file", "x");
        let kinds: Vec<_> = scene
            .watcher
            .changes_within(Duration::from_millis(30))
            .map(|change| change.expect("no error").kind)
            .collect();
        assert_eq!(kinds, [Modified]);
        assert_eq!(scene.watcher.changes_within(Duration::ZERO).count(), 0);
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(0o600)).expect("changed");
        let kinds: Vec<_> = scene.watcher.changes().take(1).map(|change| change.expect("no error").kind).collect();
        assert_eq!(kinds, [Attributes]);
    });
}

#[test]
fn it_stays_readable_until_all_is_taken() {
    case(|| {
        use event_ports_tests::prelude::is_readable;
        let mut scene = Scene::new();
        for name in 0..100 {
            scene.write(name.to_string(), "");
            scene.watch(&name.to_string());
        }
        assert!(!is_readable(&scene.watcher));
        for name in 0..100 {
            scene.append(name.to_string(), "x");
        }
        // More than one event at a time is taken from the port.
        for taken in 0..100 {
            assert!(is_readable(&scene.watcher), "{taken} taken");
            let change = scene.watcher.next(Some(Duration::ZERO)).expect("no error").expect("there is more");
            assert_eq!(change.kind, Modified);
        }
        assert_eq!(scene.watcher.next(Some(Duration::ZERO)).expect("no error"), None);
        assert!(!is_readable(&scene.watcher));
    });
}

#[test]
fn watchers_leave_no_descriptor_behind() {
    case(|| {
        let before = OpenDescriptors::now();
        for _ in 0..50 {
            let mut scene = Scene::new();
            scene.write("file", "");
            scene.watch("");
            scene.watch("missing/file");
            scene.append("file", "x");
            assert_eq!(scene.news_of("file"), [Modified]);
        }
        assert_eq!(OpenDescriptors::now().not_in(&before), [""; 0]);
    });
}
