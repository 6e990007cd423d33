//! Files and several threads, and signal handlers (FILE-14, FILE-48, SYS-7).

use event_ports_tests::files::{FileObject, append, associate_file, dissociate_file};
use event_ports_tests::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use sys::{FILE_DELETE, FILE_MODIFIED, FILE_RENAME_TO};

/// The system's allocator, and whether it was asked for anything while it must not be.
struct Watched;

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

static CAUGHT: AtomicUsize = AtomicUsize::new(0);

fn note() {
    if FORBIDDEN.get() {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

static PORT: AtomicI32 = AtomicI32::new(-1);

extern "C" fn send_one(_signal: c_int) {
    FORBIDDEN.set(true);
    // SAFETY: the cookie is a number.
    let sent = unsafe { sys::port_send(PORT.load(Ordering::Relaxed), 1, std::ptr::null_mut()) };
    FORBIDDEN.set(false);
    assert_eq!(sent, 0);
}

/// SYS-7: `port_send` may be called in a signal handler, and there may be any event of a file to be seen then.
#[test]
fn sys_07_a_handler_that_sends_neither_allocates_nor_frees_whatever_files_have_to_tell() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        on_signal(libc::SIGUSR1, send_one, 0);
        // The first use of a number is not async-signal-safe.
        assert_eq!(send(&port, 1, 0), Ok(()));
        let objects: Vec<_> = (0..100).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        for object in &objects {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED | sys::FILE_TRUNC | sys::FILE_ATTRIB, 1), Ok(()));
        }
        let directory = FileObject::new(dir.path());
        assert_eq!(associate_file(&port, &directory, FILE_MODIFIED | sys::FILE_TRUNC, 1), Ok(()));
        for (at, object) in objects.iter().enumerate() {
            match at % 3 {
                0 => append(object.path()),
                1 => fs::remove_file(object.path()).expect("it can be deleted"),
                _ => fs::rename(object.path(), dir.path().join("away")).expect("it can be renamed"),
            }
        }
        // SAFETY: the handler is async-signal-safe.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        assert_eq!(CAUGHT.load(Ordering::Relaxed), 0, "calls of the allocator in the handler");
        let got = getn(&port, 1000, 1, POLL);
        assert_eq!(got.events.len(), 103);
        assert_eq!(got.events.last(), Some(&Event::user(1, 0)), "what files had to tell came first");
        // And the allocator is watched indeed.
        FORBIDDEN.set(true);
        drop(std::hint::black_box(Box::new(1)));
        FORBIDDEN.set(false);
        assert_eq!(CAUGHT.load(Ordering::Relaxed), 2);
    });
}

/// SYS-7: a handler interrupts whatever the library does with files.
#[test]
fn sys_07_a_handler_may_send_while_files_are_associated_and_retrieved() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        on_signal(libc::SIGUSR1, send_one, libc::SA_RESTART);
        assert_eq!(send(&port, 1, 0), Ok(()));
        let _storm = signal_storm(libc::SIGUSR1);
        for user in 1..3000 {
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, user), Ok(()));
            append(object.path());
            let mut seen = 0;
            while seen == 0 {
                let got = getn(&port, 64, 1, POLL);
                assert_eq!(got.result, Ok(()));
                for event in got.events.iter().filter(|event| event.source == sys::PORT_SOURCE_FILE) {
                    assert_eq!(*event, Event::file(&object, FILE_MODIFIED, user));
                    seen += 1;
                }
            }
            assert_eq!(seen, 1);
        }
        assert_eq!(CAUGHT.load(Ordering::Relaxed), 0);
    });
}

/// FILE-14, FILE-48: threads that associate, retrieve and dissociate the same objects, while files change, are deleted
/// and made anew. Each arming has one event at most, and its own cookie.
#[test]
fn file_14_threads_share_objects() {
    case(|| {
        const OBJECTS: usize = 8;
        const ROUNDS: usize = 3000;
        let (port, dir) = (port(), TempDir::new());
        let objects: Vec<_> = (0..OBJECTS).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        let stop = AtomicBool::new(false);
        let (armed, came) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..3)
                .map(|thread| {
                    let (port, objects, armed, came) = (&port, &objects, &armed, &came);
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let at = (round * 7 + thread) % OBJECTS;
                            match associate_file(port, &objects[at], FILE_MODIFIED, at) {
                                Ok(()) => drop(armed.fetch_add(1, Ordering::Relaxed)),
                                Err(errno) => assert_eq!(errno, ENOENT),
                            }
                            if round % 5 == 0 {
                                let done = dissociate_file(port, &objects[(at + 1) % OBJECTS]);
                                assert!(matches!(done, Ok(()) | Err(ENOENT)), "{done:?}");
                            }
                            let got = getn(port, 4, 1, POLL);
                            assert_eq!(got.result, Ok(()));
                            for event in &got.events {
                                assert_eq!(event.object, objects[event.user].address());
                                assert!([FILE_MODIFIED, FILE_DELETE, FILE_RENAME_TO].contains(&event.events));
                            }
                            came.fetch_add(got.events.len(), Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                let mut round = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    let path = objects[round % OBJECTS].path();
                    match round % 7 {
                        0 => {
                            fs::remove_file(path).expect("it is there");
                            fs::write(path, "1").expect("it can be written");
                        }
                        1 => fs::rename(dir.file("new", b"2"), path).expect("it can be renamed"),
                        _ => append(path),
                    }
                    round += 1;
                }
            });
            for worker in workers {
                worker.join().expect("no worker panics");
            }
            stop.store(true, Ordering::Relaxed);
        });
        let left = drain(&port).len();
        let (armed, came) = (armed.into_inner(), came.into_inner() + left);
        assert!(came <= armed, "{came} events of {armed} armings");
        assert!(came > ROUNDS / 100, "{came} events of {armed} armings");
        for object in &objects {
            let done = dissociate_file(&port, object);
            assert!(matches!(done, Ok(()) | Err(ENOENT)));
        }
        #[cfg(target_os = "linux")]
        assert_eq!(event_ports_tests::files::marks(), 0);
    });
}

/// FILE-13: whatever file the path means when the call returns is the one that is watched, or its exception is told.
#[test]
fn file_13_a_path_that_becomes_another_file_during_the_call_is_watched_all_the_same() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        for round in 0..30 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..50 {
                        fs::rename(dir.file("new", b"2"), object.path()).expect("it can be renamed");
                    }
                });
                for _ in 0..50 {
                    assert_eq!(associate_file(&port, &object, 0, round), Ok(()));
                }
            });
            for event in drain(&port) {
                assert_eq!(event, Event::file(&object, FILE_RENAME_TO, event.user));
            }
            assert_eq!(associate_file(&port, &object, 0, round), Ok(()));
            fs::remove_file(object.path()).expect("it can be deleted");
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, round)]);
            fs::write(object.path(), "1").expect("it can be written");
        }
    });
}

/// FILE-13: once the path is left alone, what is armed is told of the next change, without being armed again.
#[test]
fn file_13_no_watch_is_left_on_a_file_that_the_path_does_not_mean() {
    case(|| {
        for round in 0..100 {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..round % 5 {
                        fs::rename(dir.file("new", b"2"), object.path()).expect("it can be renamed");
                    }
                });
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            });
            let events = drain(&port);
            if events.is_empty() {
                append(object.path());
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)], "round {round}");
            } else {
                assert_eq!(events, [Event::file(&object, FILE_RENAME_TO, 1)]);
            }
        }
    });
}

/// FILE-13: the same where the file is renamed during the call and another one takes its place, as logs are rotated.
#[test]
fn file_13_no_watch_is_left_on_a_file_that_is_renamed_during_the_call() {
    case(|| {
        for round in 0..200 {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            let associated = std::thread::scope(|scope| {
                let next = [dir.file("next", b"2"), dir.file("last", b"3")];
                let (object, dir) = (&object, &dir);
                scope.spawn(move || {
                    for next in next {
                        fs::rename(object.path(), dir.path().join("old")).expect("it can be renamed");
                        fs::rename(next, object.path()).expect("it can be renamed");
                    }
                });
                associate_file(&port, object, FILE_MODIFIED, 1)
            });
            let events = drain(&port);
            match associated {
                Err(errno) => assert_eq!((errno, &events[..]), (ENOENT, &[][..]), "round {round}"),
                Ok(()) if events.is_empty() => {
                    append(object.path());
                    assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)], "round {round}");
                }
                Ok(()) => {
                    assert_eq!(events, [Event::file(&object, sys::FILE_RENAME_FROM, 1)], "round {round}");
                }
            }
        }
    });
}

/// FILE-48: several threads wait, and each event goes to one of them.
#[test]
fn order_04_each_event_of_a_file_goes_to_one_thread() {
    case(|| {
        const TOTAL: usize = 500;
        let (port, dir) = (port(), TempDir::new());
        let objects: Vec<_> = (0..TOTAL).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        for (user, object) in objects.iter().enumerate() {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
        }
        let number = port.as_raw_fd();
        let threads = [(); 3].map(|()| {
            blocked(move || {
                let mut users = Vec::new();
                while let Ok(Some(event)) = get(&number, ms(20_000)) {
                    if event.source != sys::PORT_SOURCE_FILE {
                        break;
                    }
                    users.push(event.user);
                }
                users
            })
        });
        for object in &objects {
            append(object.path());
        }
        for _ in &threads {
            assert_eq!(send(&port, 1, 0), Ok(()));
        }
        let mut users: Vec<_> = threads.into_iter().flat_map(Blocked::join).collect();
        users.sort_unstable();
        assert_eq!(users, (0..TOTAL).collect::<Vec<_>>());
    });
}
