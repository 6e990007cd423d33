//! Watchers under load: nothing is lost at any speed, at any number, and nothing is left behind.

mod watching;

use event_ports::ChangeKind::{Created, Deleted, Failed, Modified};
use event_ports::{Depth, WatchOptions, Watcher};
use event_ports_tests::prelude::{case, case_within, limit_events};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use watching::Scene;
use watching::system::{rounds, watches};

/// On a loaded machine; in the long mode it may take as long as it takes.
fn long() -> Duration {
    Duration::from_secs(rounds(120) as u64)
}

/// How a file gets a new content.
type Save = fn(&Path, usize);

fn content(round: usize) -> String {
    // Always of the same length, so that the size tells nothing.
    format!("{round:020}")
}

fn in_place(path: &Path, round: usize) {
    let mut file = fs::OpenOptions::new().write(true).open(path).expect("opened");
    file.write_all(content(round).as_bytes()).expect("written");
}

fn truncate_and_write(path: &Path, round: usize) {
    fs::write(path, content(round)).expect("written");
}

fn write_and_rename(path: &Path, round: usize) {
    let new = path.with_extension("new");
    fs::write(&new, content(round)).expect("written");
    fs::rename(&new, path).expect("renamed");
}

fn remove_and_create(path: &Path, round: usize) {
    fs::remove_file(path).expect("removed");
    fs::write(path, content(round)).expect("written");
}

fn backup_and_create(path: &Path, round: usize) {
    let backup = path.with_extension("bak");
    fs::rename(path, &backup).expect("renamed");
    fs::write(path, content(round)).expect("written");
    fs::remove_file(&backup).expect("removed");
}

fn rename_the_directory(path: &Path, round: usize) {
    let directory = path.parent().expect("it is in one");
    let old = directory.with_extension("old");
    fs::rename(directory, &old).expect("renamed");
    fs::create_dir(directory).expect("made");
    fs::write(path, content(round)).expect("written");
    fs::remove_dir_all(&old).expect("removed");
}

/// A writer that never waits but for the reader to have seen the last of a few changes. The reader looks at the file when
/// a change is reported, and only then. If one is lost it waits in vain.
fn hammer(save: Save, rounds: usize) {
    hammer_with(save, rounds, |scene, path| scene.watcher.watch(path, 7).expect("watched"));
}

fn hammer_with(save: Save, rounds: usize, watch: impl FnOnce(&mut Scene, &Path)) {
    let mut scene = Scene::new();
    scene.make_directory("d");
    let path = scene.path("d/file");
    fs::write(&path, content(0)).expect("written");
    watch(&mut scene, &path);
    let seen = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (path, seen) = (&path, &seen);
        scope.spawn(move || {
            let mut round = 0;
            while round < rounds {
                // A burst, of a length that varies.
                for _ in 0..=(round * 7 % 5) {
                    round += 1;
                    save(path, round);
                }
                while seen.load(Ordering::SeqCst) < round {
                    thread::yield_now();
                }
            }
        });
        while seen.load(Ordering::SeqCst) < rounds {
            scene.next();
            let text = fs::read_to_string(path).unwrap_or_default();
            // It may be being written.
            if let (20, Ok(round)) = (text.len(), text.parse()) {
                seen.fetch_max(round, Ordering::SeqCst);
            }
        }
    });
}

#[test]
fn the_last_state_is_seen_of_a_file_written_in_place() {
    case_within(long(), || hammer(in_place, rounds(1000)));
}

#[test]
fn the_last_state_is_seen_of_a_file_truncated_and_written() {
    case_within(long(), || hammer(truncate_and_write, rounds(500)));
}

#[test]
fn the_last_state_is_seen_of_a_file_renamed_over() {
    case_within(long(), || hammer(write_and_rename, rounds(500)));
}

#[test]
fn the_last_state_is_seen_of_a_file_removed_and_created() {
    case_within(long(), || hammer(remove_and_create, rounds(500)));
}

#[test]
fn the_last_state_is_seen_of_a_file_backed_up_and_created() {
    case_within(long(), || hammer(backup_and_create, rounds(500)));
}

#[test]
fn the_last_state_is_seen_of_a_file_whose_directory_is_replaced() {
    case_within(long(), || hammer(rename_the_directory, rounds(200)));
}

#[test]
fn the_last_state_is_seen_of_an_entry() {
    case_within(long(), || {
        for save in [in_place, truncate_and_write, write_and_rename, remove_and_create, backup_and_create] as [Save; 5]
        {
            hammer_with(save, rounds(100), |scene, _| scene.watch("d"));
        }
    });
}

#[test]
fn the_last_state_is_seen_in_a_tree() {
    case_within(long(), || {
        for save in [in_place, write_and_rename, remove_and_create, rename_the_directory] as [Save; 4] {
            hammer_with(save, rounds(100), |scene, _| scene.watch_tree(""));
        }
    });
}

#[test]
fn the_last_state_is_seen_behind_a_link() {
    case_within(long(), || {
        for save in [in_place, write_and_rename, remove_and_create, rename_the_directory] as [Save; 4] {
            hammer_with(save, rounds(100), |scene, _| {
                scene.link("d", "link");
                scene.link("link/file", "name");
                scene.watch("name");
            });
        }
    });
}

// Content alone: then a change of attributes gives no event that could stand in for a lost one.
#[test]
fn the_last_state_is_seen_by_who_asks_for_content_alone() {
    case_within(long(), || {
        for save in [in_place, truncate_and_write, write_and_rename] as [Save; 3] {
            hammer_with(save, rounds(200), |scene, path| {
                scene.watcher.watch_with(path, WatchOptions::new().attributes(false), 1).expect("watched");
            });
        }
    });
}

// A thousand times as many changes as are asked for, in what is not asked for.
#[test]
fn a_file_that_changes_all_the_time_keeps_nobody_from_leaving() {
    case(|| {
        let mut scene = Scene::new();
        scene.write("file", &content(0));
        scene.watch_with("file", WatchOptions::new().content(false).attributes(false));
        let path = scene.path("file");
        let is_done = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while is_done.load(Ordering::SeqCst) == 0 {
                    in_place(&path, 1);
                }
            });
            for timeout in [0, 1, 20] {
                let next = scene.watcher.next(Some(Duration::from_millis(timeout)));
                assert_eq!(next.expect("no error"), None);
            }
            is_done.store(1, Ordering::SeqCst);
        });
    });
}

const MANY: usize = 10_000;

#[test]
fn thousands_of_paths() {
    case_within(long(), || {
        let mut scene = Scene::new();
        let names: Vec<String> = (0..MANY).map(|number| format!("{}/{number}", number % 10)).collect();
        for directory in 0..10 {
            scene.make_directory(directory.to_string());
        }
        for name in &names {
            scene.write(name, "");
            scene.watch(name);
        }
        assert_eq!(scene.watcher.len(), MANY);
        assert_eq!(scene.news(), []);
        let all: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        for (kind, change) in [
            (Modified, (|scene, name| scene.append(name, "x")) as fn(&Scene, &str)),
            (Deleted, |scene, name| scene.remove(name)),
            (Created, |scene, name| scene.write(name, "")),
        ] {
            for name in &names {
                change(&scene, name);
            }
            let news = scene.news();
            assert!(news.iter().all(|&(_, found)| found == kind), "{kind}: {:?}", &news[..10]);
            assert_eq!(news.len(), MANY, "{kind}");
            assert_eq!(news.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>(), all);
        }
        for name in &names {
            assert!(scene.watcher.unwatch(scene.path(name)));
        }
        assert_eq!(scene.news(), []);
        assert_eq!(watches(), 0, "nothing is left behind");
    });
}

#[test]
fn thousands_of_entries() {
    case_within(long(), || {
        let mut scene = Scene::new();
        scene.make_directory("d");
        for number in 0..MANY {
            scene.write(format!("d/{number}"), "");
        }
        scene.watch("d");
        assert_eq!(scene.news(), []);
        scene.append("d/777", "x");
        assert_eq!(scene.news_of("d/777"), [Modified]);
        for number in 0..MANY / 2 {
            scene.rename(format!("d/{number}"), format!("d/new-{number}"));
        }
        let news = scene.news();
        let come = news.iter().filter(|&&(_, kind)| kind == Created).count();
        let gone = news.iter().filter(|&&(_, kind)| kind.is_gone()).count();
        assert_eq!((come, gone, news.len()), (MANY / 2, MANY / 2, MANY));
        scene.rename("d", "away");
        assert_eq!(scene.news().len(), 1);
        assert!(scene.watcher.unwatch(scene.path("d")));
        assert_eq!(scene.news(), []);
        assert_eq!(watches(), 0, "nothing is left behind");
    });
}

#[test]
fn a_deep_tree() {
    case(|| {
        let mut scene = Scene::new();
        scene.watch_tree("d");
        let mut name = "d".to_owned();
        for _ in 0..100 {
            scene.make_directory(&name);
            name.push_str("/d");
        }
        scene.write(&name, "");
        assert_eq!(scene.news().len(), 101);
        scene.append(&name, "x");
        assert_eq!(scene.news_of(&name), [Modified]);
    });
}

#[test]
fn rounds_of_coming_and_going_leave_nothing_behind() {
    case(|| {
        let mut scene = Scene::new();
        scene.make_directory("d");
        scene.watch_tree("d");
        scene.watch("missing/file");
        let mut left = Vec::new();
        for _ in 0..50 {
            fs::create_dir_all(scene.path("d/a/b")).expect("made");
            fs::create_dir(scene.path("missing")).expect("made");
            scene.write("d/a/b/file", "");
            scene.write("missing/file", "");
            assert_eq!(scene.news().len(), 4);
            fs::remove_dir_all(scene.path("d/a")).expect("removed");
            fs::remove_dir_all(scene.path("missing")).expect("removed");
            assert!(scene.news().iter().all(|&(_, kind)| kind == Deleted));
            left.push(watches());
        }
        assert_eq!(left.first(), left.last(), "{left:?}");
    });
}

// FILE-12: a port that is full makes no association, and illumos does not say so.
#[test]
fn a_full_port_is_a_failure_of_what_found_no_room() {
    case(|| {
        limit_events(60);
        let mut scene = Scene::new();
        scene.make_directory("d");
        for number in 0..100 {
            scene.write(format!("d/{number}"), "");
        }
        scene.watch("d");
        let failed: BTreeSet<String> = scene
            .news()
            .into_iter()
            .map(|(name, kind)| {
                assert!(matches!(kind, Failed(failure) if failure.is_limit()), "{name}: {kind}");
                name
            })
            .collect();
        // The directories on the way take some of the 60.
        assert!(failed.len() > 40 && failed.len() <= 60, "{}", failed.len());
        // The others are watched.
        for number in 0..100 {
            scene.append(format!("d/{number}"), "x");
        }
        let modified: BTreeSet<String> = scene
            .news()
            .into_iter()
            .map(|(name, kind)| {
                assert_eq!(kind, Modified, "{name}");
                name
            })
            .collect();
        assert_eq!(modified.len() + failed.len(), 100);
        assert!(modified.is_disjoint(&failed));
        // A path for which there is no room is refused.
        let path = scene.path("d/0");
        let error = scene.watcher.watch_with(path, WatchOptions::new(), 1).expect_err("there is no room");
        assert!(error.failure().is_some_and(|failure| failure.is_limit()), "{error:?}");
        // There is when others have gone. What failed may be looked at again.
        for name in &modified {
            scene.remove(name);
        }
        assert_eq!(scene.news().len(), modified.len());
        scene.watcher.look_at_all();
        let missed: BTreeSet<String> = scene.news().into_iter().map(|(name, _)| name).collect();
        assert_eq!(missed, failed, "they were written to, unheard");
        let some = failed.iter().next().expect("not empty");
        scene.append(some, "x");
        assert_eq!(scene.news_of(some), [Modified]);
    });
}

// FILE-10.
#[test]
fn a_file_system_that_does_not_tell_of_changes_is_a_failure() {
    case(|| {
        let mut watcher = Watcher::new().expect("a watcher");
        let options = WatchOptions::new().depth(Depth::Itself);
        let error = watcher.watch_with("/proc", options, 1).expect_err("nothing is told");
        assert!(error.failure().is_some_and(|failure| failure.is_unsupported()), "{error:?}");
    });
}
