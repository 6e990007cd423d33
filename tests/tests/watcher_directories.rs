//! Watching directories: which entries come, go and change, and all that is below.

mod watching;

use event_ports::ChangeKind::{Attributes, Created, Deleted, Modified, RenamedAway, Replaced};
use event_ports::{ChangeKind, Depth, WatchOptions};
use event_ports_tests::prelude::case;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use watching::{Scene, odd_name};

fn sorted(mut news: Vec<(String, ChangeKind)>) -> Vec<(String, ChangeKind)> {
    news.sort_by(|(one, _), (two, _)| one.cmp(two));
    news
}

/// A directory `d` with two files, watched.
fn with_directory(options: WatchOptions) -> Scene {
    let mut scene = Scene::new();
    scene.make_directory("d");
    scene.write("d/a", "a");
    scene.write("d/b", "b");
    scene.watch_with("d", options);
    assert_eq!(scene.news(), [], "what is there is no news");
    scene
}

#[test]
fn entries_come_change_and_go() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new());
        for _ in 0..3 {
            scene.write("d/c", "");
            assert_eq!(scene.news_of("d/c"), [Created]);
            scene.append("d/c", "x");
            assert_eq!(scene.news_of("d/c"), [Modified]);
            scene.append("d/a", "x");
            assert_eq!(scene.news_of("d/a"), [Modified]);
            fs::set_permissions(scene.path("d/b"), fs::Permissions::from_mode(0o600)).expect("changed");
            assert_eq!(scene.news_of("d/b"), [Attributes]);
            scene.remove("d/c");
            assert_eq!(scene.news_of("d/c"), [Deleted]);
        }
    });
}

#[test]
fn entries_of_every_kind_come_and_go() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new());
        scene.make_directory("d/directory");
        scene.link("nowhere", "d/link");
        fs::hard_link(scene.path("d/a"), scene.path("d/hard")).expect("linked");
        let socket = std::os::unix::net::UnixListener::bind(scene.path("d/socket")).expect("bound");
        let news = sorted(scene.news());
        let expected = [
            ("d/a", Attributes),
            ("d/directory", Created),
            ("d/hard", Created),
            ("d/link", Created),
            ("d/socket", Created),
        ];
        assert_eq!(news, expected.map(|(name, kind)| (name.to_owned(), kind)));
        drop(socket);
        for name in ["d/link", "d/hard", "d/socket"] {
            scene.remove(name);
        }
        fs::remove_dir(scene.path("d/directory")).expect("removed");
        let news: BTreeSet<String> =
            scene.news().into_iter().filter(|&(_, kind)| kind == Deleted).map(|(name, _)| name).collect();
        assert_eq!(news, ["d/link", "d/hard", "d/socket", "d/directory"].map(String::from).into());
    });
}

#[test]
fn a_directory_can_be_watched_without_its_entries() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Itself));
        scene.write("d/c", "");
        assert_eq!(scene.news_of("d"), [Modified]);
        scene.append("d/a", "x");
        assert_eq!(scene.news(), []);
        scene.rename("d/a", "d/z");
        assert_eq!(scene.news_of("d"), [Modified]);
        fs::set_permissions(scene.path("d"), fs::Permissions::from_mode(0o700)).expect("changed");
        assert_eq!(scene.news_of("d"), [Attributes]);
    });
}

#[test]
fn a_renamed_entry_keeps_its_identity() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new());
        scene.rename("d/a", "d/z");
        let changes = scene.changes();
        let story: Vec<_> = changes.iter().map(|change| (change.path.clone(), change.kind)).collect();
        assert_eq!(story, [(scene.path("d/a"), RenamedAway), (scene.path("d/z"), Created)]);
        assert!(changes[0].id.is_some());
        assert_eq!(changes[0].id, changes[1].id);
        scene.append("d/z", "x");
        assert_eq!(scene.news_of("d/z"), [Modified]);
        // Over another.
        scene.rename("d/z", "d/b");
        assert_eq!(sorted(scene.news()), [("d/b".into(), Replaced), ("d/z".into(), RenamedAway)]);
        // Out, and in from elsewhere.
        scene.rename("d/b", "outside");
        assert_eq!(scene.news_of("d/b"), [RenamedAway]);
        scene.rename("outside", "d/inside");
        assert_eq!(scene.news_of("d/inside"), [Created]);
    });
}

#[test]
fn an_entry_that_is_replaced_behind_the_watchers_back_is_found_by_listing() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new());
        // FILE-37: its watch is spent by the write, so that only the directory tells of the rest.
        scene.append("d/a", "x");
        scene.remove("d/a");
        scene.write("d/new", "");
        scene.rename("d/new", "d/a");
        let news = scene.news_of("d/a");
        assert!(matches!(news[..], [Replaced]), "{news:?}");
        scene.append("d/a", "x");
        assert_eq!(scene.news_of("d/a"), [Modified]);
    });
}

#[test]
fn only_a_tree_reaches_below_the_entries() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new());
        scene.make_directory("d/sub");
        assert_eq!(scene.news_of("d/sub"), [Created]);
        scene.write("d/sub/file", "");
        assert_eq!(scene.news_of("d/sub"), [Modified]);
        scene.append("d/sub/file", "x");
        assert_eq!(scene.news(), []);

        scene.watch_tree("d");
        scene.append("d/sub/file", "x");
        assert_eq!(scene.news_of("d/sub/file"), [Modified]);
        scene.write("d/sub/other", "x");
        assert_eq!(scene.news_of("d/sub/other"), [Created]);
    });
}

#[test]
fn a_new_subtree_is_reported_with_all_that_is_in_it() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        fs::create_dir_all(scene.path("d/x/y/z")).expect("made");
        scene.write("d/x/1", "");
        scene.write("d/x/y/z/2", "");
        let names: Vec<_> = sorted(scene.news());
        let expected = ["d/x", "d/x/1", "d/x/y", "d/x/y/z", "d/x/y/z/2"];
        assert_eq!(names, expected.map(|name| (name.to_owned(), Created)));
        scene.append("d/x/y/z/2", "x");
        assert_eq!(scene.news_of("d/x/y/z/2"), [Modified]);
        // One that was filled elsewhere.
        fs::create_dir_all(scene.path("outside/p")).expect("made");
        scene.write("outside/p/3", "");
        scene.rename("outside", "d/inside");
        let names: Vec<_> = sorted(scene.news());
        assert_eq!(names, ["d/inside", "d/inside/p", "d/inside/p/3"].map(|name| (name.to_owned(), Created)));
        // It leaves as one.
        scene.rename("d/inside", "outside");
        assert_eq!(scene.news_of("d/inside"), [RenamedAway]);
        scene.append("outside/p/3", "x");
        scene.write("outside/p/4", "x");
        assert_eq!(scene.news(), []);
        // Within the tree: it leaves, and comes with all that is in it.
        scene.rename("d/x", "d/w");
        let names: Vec<_> = scene.news();
        let (gone, come): (Vec<_>, Vec<_>) = names.into_iter().partition(|&(_, kind)| kind == RenamedAway);
        assert_eq!(gone, [("d/x".to_owned(), RenamedAway)]);
        assert_eq!(
            sorted(come),
            ["d/w", "d/w/1", "d/w/y", "d/w/y/z", "d/w/y/z/2"].map(|name| (name.to_owned(), Created))
        );
    });
}

#[test]
fn a_tree_that_is_removed_and_made_anew() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        let mut known = BTreeSet::new();
        for round in 0..3 {
            fs::create_dir_all(scene.path("d/x/y")).expect("made");
            scene.write("d/x/y/file", "");
            let root = scene.path("");
            for change in scene.changes() {
                note(&mut known, &root, &change.path, change.kind);
            }
            assert!(known.is_superset(&["d/x", "d/x/y", "d/x/y/file"].map(String::from).into()), "{round}: {known:?}");
            // What is in a directory that goes may go without a word.
            fs::remove_dir_all(scene.path("d")).expect("removed");
            for change in scene.changes() {
                note(&mut known, &root, &change.path, change.kind);
            }
            assert!(known.is_empty(), "{round}: {known:?}");
            scene.make_directory("d");
            scene.write("d/a", "a");
            scene.write("d/b", "b");
        }
    });
}

#[test]
fn links_in_a_directory_are_not_followed() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        scene.make_directory("outside");
        scene.write("outside/file", "");
        scene.link("../outside", "d/link");
        scene.link("..", "d/up");
        assert_eq!(sorted(scene.news()), ["d/link", "d/up"].map(|name| (name.to_owned(), Created)));
        scene.append("outside/file", "x");
        scene.write("outside/new", "x");
        assert_eq!(scene.news(), []);
    });
}

#[test]
fn odd_names_are_entries_like_others() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        let path = scene.path("d").join(odd_name());
        fs::create_dir(&path).expect("made");
        fs::write(path.join(odd_name()), "").expect("written");
        let changes = scene.changes();
        let paths: Vec<&Path> = changes.iter().map(|change| change.path.as_path()).collect();
        assert_eq!(paths, [path.as_path(), path.join(odd_name()).as_path()]);
        assert!(changes.iter().all(|change| change.kind == Created));
        assert_eq!(changes.iter().map(|change| change.is_dir).collect::<Vec<_>>(), [true, false]);
    });
}

#[test]
fn a_missing_directory_is_watched_with_its_entries_when_it_comes() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch_tree("p/d");
        fs::create_dir_all(scene.path("p/d/sub")).expect("made");
        scene.write("p/d/sub/file", "");
        assert_eq!(sorted(scene.news()), ["p/d", "p/d/sub", "p/d/sub/file"].map(|name| (name.to_owned(), Created)));
        scene.rename("p", "q");
        assert_eq!(scene.news_of("p/d"), [RenamedAway]);
        scene.append("q/d/sub/file", "x");
        assert_eq!(scene.news(), []);
        scene.rename("q", "p");
        assert_eq!(sorted(scene.news()), ["p/d", "p/d/sub", "p/d/sub/file"].map(|name| (name.to_owned(), Created)));
    });
}

#[test]
fn an_entry_that_may_not_be_read_is_a_failure_of_its_own() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        scene.make_directory("d/closed");
        fs::set_permissions(scene.path("d/closed"), fs::Permissions::from_mode(0o000)).expect("changed");
        if fs::read_dir(scene.path("d/closed")).is_ok() {
            eprintln!("not run: this user may read any directory");
            return;
        }
        let news = scene.news();
        assert!(
            matches!(&news[..], [(one, Created), (two, ChangeKind::Failed(failure))]
                if one == "d/closed" && two == "d/closed" && failure.is_denied()),
            "{news:?}"
        );
        // The rest goes on.
        scene.append("d/a", "x");
        assert_eq!(scene.news_of("d/a"), [Modified]);
        fs::set_permissions(scene.path("d/closed"), fs::Permissions::from_mode(0o700)).expect("changed");
        fs::remove_dir(scene.path("d/closed")).expect("removed");
        assert_eq!(scene.news_of("d/closed"), [Deleted]);
    });
}

#[test]
fn a_tree_inside_a_tree_is_reported_to_both() {
    case(|| {
        let mut scene = with_directory(WatchOptions::new().depth(Depth::Tree));
        let path = scene.path("d/a");
        scene.watcher.watch(&path, 8).expect("watched");
        scene.append("d/a", "x");
        let mut users: Vec<usize> = scene.changes().iter().map(|change| change.user).collect();
        users.sort_unstable();
        assert_eq!(users, [7, 8]);
        assert!(scene.watcher.unwatch(scene.path("d")));
        scene.append("d/a", "x");
        let users: Vec<usize> = scene.changes().iter().map(|change| change.user).collect();
        assert_eq!(users, [8]);
    });
}

/// Makes, fills, moves and removes directories as fast as it can. Returns the files that are there in the end.
fn build(root: &Path, name: &str, rounds: usize) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    for round in 0..rounds {
        let top = format!("{name}{round}");
        let deep = root.join(&top).join("x/y");
        fs::create_dir_all(&deep).expect("made");
        for file in 0..3 {
            fs::write(deep.join(file.to_string()), "").expect("written");
        }
        fs::write(root.join(&top).join("x/0"), "").expect("written");
        match round % 4 {
            0 => fs::remove_dir_all(root.join(&top)).expect("removed"),
            1 => {
                fs::rename(root.join(&top), root.join(format!("{top}.moved"))).expect("renamed");
                left.extend(files_of(&format!("{top}.moved")));
            }
            2 => {
                fs::rename(root.join(&top).join("x/y"), root.join(&top).join("z")).expect("renamed");
                left.extend([format!("{top}/x/0")]);
                left.extend((0..3).map(|file| format!("{top}/z/{file}")));
            }
            _ => left.extend(files_of(&top)),
        }
    }
    left
}

fn files_of(top: &str) -> impl Iterator<Item = String> {
    let deep = (0..3).map(move |file| format!("{top}/x/y/{file}"));
    deep.collect::<Vec<_>>().into_iter().chain([format!("{top}/x/0")])
}

// What was created in a directory before it was watched is not lost, and what has gone is known to have gone.
#[test]
fn a_tree_that_grows_and_shrinks_while_it_is_watched_is_known_in_the_end() {
    case(|| {
        const ROUNDS: usize = 150;
        let mut scene = Scene::new();
        scene.make_directory("d");
        scene.watch_tree("d");
        let root = scene.path("d");
        let is_done = AtomicBool::new(false);
        let mut known = BTreeSet::new();
        let left: BTreeSet<String> = thread::scope(|scope| {
            let builders: Vec<_> = ["a", "b"]
                .map(|name| {
                    let root = root.clone();
                    scope.spawn(move || build(&root, name, ROUNDS))
                })
                .into();
            let waker = scene.watcher.waker();
            let is_done = &is_done;
            let waiting = scope.spawn(move || {
                let left: BTreeSet<String> =
                    builders.into_iter().flat_map(|builder| builder.join().expect("no panic")).collect();
                is_done.store(true, Ordering::SeqCst);
                waker.wake().expect("woken");
                left
            });
            while !is_done.load(Ordering::SeqCst) {
                if let Some(change) = scene.watcher.next(None).expect("no error") {
                    note(&mut known, &root, &change.path, change.kind);
                }
            }
            waiting.join().expect("no panic")
        });
        for change in scene.changes() {
            note(&mut known, &root, &change.path, change.kind);
        }
        let known: BTreeSet<String> = known.into_iter().filter(|name| !root.join(name).is_dir()).collect();
        assert_eq!(known, left);
        // And all of it is watched.
        for name in &left {
            fs::write(root.join(name), "x").expect("written");
        }
        let modified: BTreeSet<String> =
            scene.news().into_iter().filter(|&(_, kind)| kind == Modified).map(|(name, _)| name).collect();
        assert_eq!(modified, left.iter().map(|name| format!("d/{name}")).collect());
    });
}

/// Keeps count of what there is, as a program would.
fn note(known: &mut BTreeSet<String>, root: &Path, path: &Path, kind: ChangeKind) {
    let name = path.strip_prefix(root).expect("below the root").to_str().expect("text").to_owned();
    if kind.is_gone() {
        let below = format!("{name}/");
        known.retain(|known| *known != name && !known.starts_with(&below));
    } else {
        known.insert(name);
    }
}
