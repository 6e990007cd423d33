//! Files on Linux: limits of inotify, lost notices, many watches (FILE-11, FILE-12, FILE-46 and DEVIATIONS.md).
#![cfg(target_os = "linux")]

use event_ports_tests::files::{
    FileObject, age, append, associate_file, chmod, dissociate_file, marks, open_truncating, read_byte,
    with_inotify_limits,
};
use event_ports_tests::prelude::*;
use event_ports_tests::{ENOSPC, OpenDescriptors, TIME_LIMIT};
use std::fs;
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_DELETE, FILE_MODIFIED, FILE_RENAME_TO, FILE_TRUNC};

const ALL: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

#[test]
fn file_11_at_the_limit_of_inotify_watches_it_is_enospc_and_nothing_is_left() {
    case(|| {
        let dir = TempDir::new();
        let files = ["a", "b", "c", "d"].map(|name| dir.file(name, b"1"));
        with_inotify_limits(3, 10, || {
            let port = port();
            let [a, b, c, d] = files.each_ref().map(FileObject::new);
            for object in [&a, &b] {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, 1), Ok(()));
            }
            assert_eq!(marks(), 3, "two files and their directory");
            for _ in 0..3 {
                assert_eq!(associate_file(&port, &c, FILE_MODIFIED, 1), Err(ENOSPC));
                assert_eq!(dissociate_file(&port, &c), Err(ENOENT));
                assert_eq!(marks(), 3);
            }
            append(a.path());
            assert_eq!(drain(&port), [Event::file(&a, FILE_MODIFIED, 1)]);
            // What is kept only in case it is needed again makes room.
            assert_eq!(associate_file(&port, &c, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&port, &d, FILE_MODIFIED, 1), Err(ENOSPC));
            append(c.path());
            assert_eq!(drain(&port), [Event::file(&c, FILE_MODIFIED, 1)]);
            assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 1), Ok(()));
            for object in [&a, &b] {
                assert_eq!(dissociate_file(&port, object), Ok(()));
            }
            assert_eq!(dissociate_file(&port, &c), Err(ENOENT));
            assert_eq!(marks(), 0);
        });
    });
}

#[test]
fn file_19_at_the_limit_an_earlier_association_stays_as_it_was() {
    case(|| {
        let dir = TempDir::new();
        let (file, other) = (dir.file("a", b"1"), dir.file("b", b"1"));
        with_inotify_limits(2, 10, || {
            for pending in Pending::BOTH {
                let port = port();
                let mut object = FileObject::new(&file);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                object.rename(&other);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Err(ENOSPC));
                append(&file);
                pending.place(&port);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 3), Err(ENOSPC));
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 4), Ok(()));
                append(&other);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 4)]);
                close(port);
                // The number of watches goes down when the next port is made.
                drop(self::port());
            }
        });
    });
}

#[test]
fn file_11_at_the_limit_of_inotify_instances_it_is_emfile_and_nothing_is_left() {
    case(|| {
        let dir = TempDir::new();
        let files = ["a", "b"].map(|name| dir.file(name, b"1"));
        with_inotify_limits(100, 1, || {
            let (one, two) = (port(), port());
            let [a, b] = files.each_ref().map(FileObject::new);
            assert_eq!(associate_file(&one, &a, FILE_MODIFIED, 1), Ok(()));
            let before = OpenDescriptors::now();
            for _ in 0..3 {
                assert_eq!(associate_file(&two, &a, FILE_MODIFIED, 1), Err(EMFILE));
            }
            assert_eq!(OpenDescriptors::now().not_in(&before), [""; 0]);
            assert_eq!(associate_file(&one, &b, FILE_MODIFIED, 1), Ok(()), "one serves all files of a port");
        });
    });
}

#[test]
fn file_11_without_descriptors_it_is_emfile_and_nothing_is_left() {
    case(|| {
        let dir = TempDir::new();
        let file = dir.file("f", b"1");
        fork(|| {
            let port = port();
            let object = FileObject::new(&file);
            let before = OpenDescriptors::now();
            // Takes every number that is free and gives them back one after the other.
            limit_descriptors(64);
            let mut taken = Vec::new();
            // SAFETY: no memory is touched, and what is returned is new.
            while let fd @ 0.. = unsafe { libc::fcntl(port.as_raw_fd(), libc::F_DUPFD, 0) } {
                // SAFETY: as above.
                taken.push(unsafe { OwnedFd::from_raw_fd(fd) });
            }
            let mut failures = 0;
            while associate_file(&port, &object, FILE_MODIFIED, 1) != Ok(()) {
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Err(EMFILE));
                assert_eq!(dissociate_file(&port, &object), Err(EINVAL));
                failures += 1;
                taken.pop().expect("a few descriptors are enough");
            }
            assert!((2..=6).contains(&failures), "{failures}");
            drop(taken);
            append(&file);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
            close(port);
            assert_eq!(OpenDescriptors::now().not_in(&before), [""; 0]);
        })
        .join();
    });
}

/// FILE-46: the kernel's part of a spent watch goes as soon as it would wake somebody for nothing.
#[test]
fn file_46_a_spent_watch_of_a_busy_file_does_not_keep_the_port_busy() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        append(object.path());
        assert_eq!(drain(&port).len(), 1);
        for _ in 0..2 {
            append(object.path());
            assert_eq!(drain(&port), []);
        }
        append(object.path());
        assert!(!is_readable(&port), "nobody listens to the file");
        dir.file("g", b"1");
        fs::remove_file(dir.path().join("g")).expect("it can be deleted");
        assert_eq!(drain(&port), []);
        dir.file("g", b"1");
        fs::remove_file(dir.path().join("g")).expect("it can be deleted");
        assert!(!is_readable(&port), "nor to its directory");
        assert_eq!(marks(), 0);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
        append(object.path());
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
    });
}

#[test]
fn file_48_nothing_is_left_of_what_is_dissociated_or_excepted() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let objects: Vec<_> = (0..20).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        for object in &objects {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, 1), Ok(()));
        }
        assert_eq!(marks(), 21);
        for object in &objects[..10] {
            assert_eq!(dissociate_file(&port, object), Ok(()));
        }
        assert_eq!(marks(), 11);
        for object in &objects[10..] {
            fs::remove_file(object.path()).expect("it can be deleted");
        }
        assert_eq!(drain(&port).len(), 10);
        assert_eq!(marks(), 0);
        assert!(!is_readable(&port));
    });
}

/// Makes the kernel lose what happens next to the port's files.
fn overflow(port: &OwnedFd, dir: &TempDir) -> [FileObject; 2] {
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("it can be read");
    let queue: usize = queue.trim().parse().expect("it is a number");
    let noise = ["noise1", "noise2"].map(|name| FileObject::new(dir.file(name, b"1")));
    for object in &noise {
        assert_eq!(associate_file(port, object, FILE_MODIFIED, 77), Ok(()));
    }
    let files =
        noise.each_ref().map(|object| fs::OpenOptions::new().write(true).open(object.path()).expect("it opens"));
    // Equal notices one after the other are one, so they take turns.
    for _ in 0..queue {
        for file in &files {
            use std::os::unix::fs::FileExt as _;
            file.write_all_at(b"x", 0).expect("it can be written");
        }
    }
    noise
}

/// What comes of each object, in the order of their cookies, without the noise.
fn events_after_overflow(port: &OwnedFd) -> Vec<Event> {
    let mut events = drain(port);
    events.retain(|event| event.user != 77);
    events.sort_by_key(|event| event.user);
    events
}

#[test]
fn no_watch_goes_deaf_when_notices_are_lost() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let inner = dir.path().join("dir");
            fs::create_dir(&inner).expect("it can be made");
            let names = ["written", "cut", "changed", "deleted", "replaced", "silent", "read"];
            let files = names.map(|name| dir.file(name, b"content"));
            for file in &files {
                age(file);
            }
            let other = dir.file("other", b"2");
            age(&inner);
            // Times that are a moment old may be those of the change.
            std::thread::sleep(std::time::Duration::from_millis(50));
            let asked = [FILE_MODIFIED, FILE_TRUNC, FILE_ATTRIB, 0, ALL, ALL & !FILE_ACCESS, FILE_ACCESS];
            let objects = files.each_ref().map(FileObject::new);
            for (user, (object, asked)) in objects.iter().zip(asked).enumerate() {
                assert_eq!(associate_file(&port, object, asked, user), Ok(()));
            }
            let directory = FileObject::new(&inner);
            assert_eq!(associate_file(&port, &directory, FILE_MODIFIED, 10), Ok(()));
            let _noise = overflow(&port, &dir);
            let [written, cut, changed, deleted, replaced, silent, read] = &objects;
            append(written.path());
            open_truncating(cut.path());
            chmod(changed.path(), 0o600);
            fs::remove_file(deleted.path()).expect("it can be deleted");
            fs::rename(&other, replaced.path()).expect("it can be renamed");
            read_byte(read.path());
            fs::write(inner.join("new"), "1").expect("it can be written");
            pending.place(&port);
            let expected = [
                Event::file(written, FILE_MODIFIED, 0),
                Event::file(cut, FILE_TRUNC, 1),
                Event::file(changed, FILE_ATTRIB, 2),
                Event::file(deleted, FILE_DELETE, 3),
                Event::file(replaced, FILE_RENAME_TO, 4),
                Event::file(read, FILE_ACCESS, 6),
                Event::file(&directory, FILE_MODIFIED, 10),
            ];
            assert_eq!(events_after_overflow(&port), expected);
            // And those that stayed armed go on.
            append(silent.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(silent, FILE_MODIFIED | FILE_ATTRIB, 5)]);
        }
    });
}

#[test]
fn what_cannot_be_looked_at_after_lost_notices_has_its_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (above, now) = (dir.path().join("above"), dir.path().join("now"));
            fs::create_dir_all(&above).expect("it can be made");
            let [ordinary, exception] = ["f", "g"].map(|name| {
                fs::write(above.join(name), "1").expect("it can be written");
                FileObject::new(above.join(name))
            });
            assert_eq!(associate_file(&port, &ordinary, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&port, &exception, 0, 2), Ok(()));
            fs::rename(&above, &now).expect("it can be renamed");
            let _noise = overflow(&port, &dir);
            append(&now.join("f"));
            fs::remove_file(now.join("g")).expect("it can be deleted");
            pending.place(&port);
            let events = events_after_overflow(&port);
            assert_eq!(events[0], Event::file(&ordinary, FILE_MODIFIED, 1));
            assert_eq!((events.len(), events[1].object, events[1].user), (2, exception.address(), 2));
            assert_ne!(events[1].events & sys::FILE_EXCEPTION, 0);
        }
    });
}

/// Processor time this process has used, in nanoseconds.
fn processor_time() -> i64 {
    let mut time = timespec(0, 0);
    // SAFETY: the place is valid.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Kilobytes of memory this process uses.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("it can be read");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn ten_thousand_files_on_one_port() {
    // Making and deleting so many takes the disk its time where it has others to serve.
    case_within(4 * TIME_LIMIT, || {
        const COUNT: usize = 10_000;
        let each = |nanos: i64| nanos / i64::try_from(COUNT).expect("it fits");
        let (port, dir) = (port(), TempDir::new());
        let objects: Vec<_> = (0..COUNT).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        let before = (memory(), processor_time());
        for (user, object) in objects.iter().enumerate() {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
        }
        let time = each(processor_time() - before.1);
        println!("{COUNT} files: {time} ns and {} bytes each", (memory() - before.0) * 1024 / COUNT);
        assert_eq!(marks(), COUNT + 1);
        for round in 0..3 {
            for object in &objects {
                append(object.path());
            }
            let start = processor_time();
            for (user, object) in objects.iter().enumerate() {
                assert_eq!(get(&port, POLL), Ok(Some(Event::file(object, FILE_MODIFIED, user))), "round {round}");
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            println!("retrieving and arming again: {} ns each", each(processor_time() - start));
        }
        for object in &objects {
            fs::remove_file(object.path()).expect("it can be deleted");
        }
        let got = getn(&port, 20_000, 1, POLL);
        assert_eq!(got.events.len(), COUNT);
        assert!(got.events.iter().all(|event| event.events == FILE_DELETE));
        assert_eq!(marks(), 0);
    });
}

#[test]
fn ten_thousand_watches_of_one_file() {
    case(|| {
        const COUNT: usize = 10_000;
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let objects: Vec<_> = (0..COUNT).map(|_| FileObject::new(&file)).collect();
        for (user, object) in objects.iter().enumerate() {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
        }
        assert_eq!(marks(), 2);
        append(&file);
        let got = getn(&port, 20_000, 1, POLL);
        let in_order = got.events.iter().enumerate().all(|(user, event)| event.user == user);
        assert!(in_order && got.events.len() == COUNT);
        for (user, object) in objects.iter().enumerate() {
            assert_eq!(associate_file(&port, object, 0, user), Ok(()));
        }
        fs::remove_file(&file).expect("it can be deleted");
        let got = getn(&port, 20_000, 1, POLL);
        let in_order = got.events.iter().enumerate().all(|(user, event)| event.user == user);
        assert!(in_order && got.events.len() == COUNT);
    });
}

/// Memory and descriptors stay as they are however often watches come and go.
#[test]
fn watches_that_come_and_go_leave_nothing() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let object = FileObject::new(&file);
        let round = |times: usize| {
            for _ in 0..times {
                assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
                append(&file);
                assert_eq!(drain(&port).len(), 1);
                assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
                fs::remove_file(&file).expect("it can be deleted");
                assert_eq!(drain(&port).len(), 1);
                fs::write(&file, "1").expect("it can be written");
                assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
                assert_eq!(dissociate_file(&port, &object), Ok(()));
            }
        };
        round(100);
        let before = (memory(), OpenDescriptors::now());
        round(if std::env::var_os("EVENT_PORTS_LONG").is_some() { 10_000 } else { 3000 });
        assert_eq!(OpenDescriptors::now().not_in(&before.1), [""; 0]);
        assert!(memory() <= before.0 + 200, "{} kB grew to {} kB", before.0, memory());
        assert_eq!(marks(), 0);
    });
}

/// PORT-5: whoever polls a port is not woken by what happens beside the watched files any more than needed.
#[test]
fn closing_a_port_frees_what_its_files_hold() {
    case(|| {
        let dir = TempDir::new();
        let object = FileObject::new(dir.file("f", b"1"));
        for _ in 0..300 {
            // More than there may be inotify instances.
            let port = port();
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            close(port);
        }
        drop(port());
        assert_eq!(marks(), 0);
    });
}
