//! The safe crate: file objects that are forgotten, dropped, forged, shared, and fought over. Whatever a program does, an
//! event has the object it is about, or says that it has none, and in the end nothing is left.

#[path = "watching/system.rs"]
mod system;

use event_ports::{Dissociated, Event, EventPort, EventSource, FileEvents, FileObj};
use event_ports_tests::TempDir;
use event_ports_tests::prelude::{AsRawFd as _, blocked, case, case_within, sys};
use std::collections::HashSet;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, mem, ptr, thread};
use system::{rounds, watches};

const MODIFIED: FileEvents = FileEvents::MODIFIED;

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

fn object(path: &Path) -> FileObj {
    FileObj::new(path).expect("the file is there")
}

fn append(path: &Path) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(b"x").expect("written");
}

/// What is queued: cookies and events. Each must have an object.
fn take(port: &EventPort) -> Vec<(usize, FileEvents)> {
    let events = port.get_n(64, Some(Duration::ZERO)).expect("no error");
    events
        .iter()
        .map(|event| {
            let object = event.as_file_obj().expect("the port knows it").expect("it is of a file");
            assert_eq!(object.id(), event.object);
            (event.user, event.file_events().expect("it is of a file"))
        })
        .collect()
}

/// Something that happens to a file, and the event of it.
#[derive(Clone, Copy)]
struct Deed {
    act: fn(&Path),
    event: FileEvents,
}

/// An ordinary one and the exceptions a program can cause.
const DEEDS: [Deed; 4] = [
    Deed { act: append, event: MODIFIED },
    Deed { act: |path| fs::remove_file(path).expect("removed"), event: FileEvents::DELETE },
    Deed {
        act: |path| fs::rename(path, path.with_extension("away")).expect("renamed"),
        event: FileEvents::RENAME_FROM,
    },
    Deed {
        act: |path| {
            let other = path.with_extension("other");
            fs::write(&other, "other").expect("written");
            fs::rename(other, path).expect("renamed");
        },
        event: FileEvents::RENAME_TO,
    },
];

fn file(directory: &TempDir) -> PathBuf {
    directory.file("file", b"content")
}

#[test]
fn s1_a_forgotten_object_is_found_by_its_event() {
    case(|| {
        let directory = TempDir::new();
        for deed in DEEDS {
            let port = port();
            let path = file(&directory);
            let object = object(&path);
            port.associate_file(&object, MODIFIED, 1).expect("associated");
            let id = object.id();
            mem::forget(object);
            (deed.act)(&path);
            let event = port.get(None).expect("an event");
            assert_eq!((event.user, event.object, event.file_events()), (1, id, Some(deed.event)));
            let object = event.as_file_obj().expect("known").expect("of a file");
            assert_eq!(object.path(), path);
            // Arming it again is as good as ever.
            let path = file(&directory);
            port.associate_file(&object, FileEvents::empty(), 2).expect("associated");
            fs::remove_file(path).expect("removed");
            assert_eq!(take(&port), [(2, FileEvents::DELETE)]);
        }
    });
}

#[test]
fn s2_an_object_dropped_while_armed_comes_with_its_event() {
    case(|| {
        let directory = TempDir::new();
        let port = port();
        for (user, deed) in DEEDS.into_iter().enumerate() {
            let path = file(&directory);
            port.associate_file(&object(&path), MODIFIED, user).expect("associated");
            (deed.act)(&path);
            let event = port.get(None).expect("an event");
            assert_eq!((event.user, event.file_events()), (user, Some(deed.event)));
            let object = event.as_file_obj().expect("known").expect("of a file");
            assert_eq!(object.path(), path);
        }
        // S4: the handles of the events were the last, and the watches are gone with them.
        assert_eq!(watches(), 0);
    });
}

#[test]
fn s2_an_object_dropped_while_queued_comes_with_its_event() {
    case(|| {
        let directory = TempDir::new();
        for deed in DEEDS {
            let port = port();
            let path = file(&directory);
            let object = object(&path);
            port.associate_file(&object, MODIFIED, 1).expect("associated");
            (deed.act)(&path);
            // Also when it has been counted, and so is in the queue for certain.
            assert_eq!(port.pending().expect("a count"), 1);
            drop(object);
            let event = port.get(None).expect("an event");
            assert_eq!((event.user, event.file_events()), (1, Some(deed.event)));
            match event.view() {
                Event::File { object, events } => assert_eq!((object.path(), events), (path.as_path(), deed.event)),
                other => panic!("{other:?}"),
            }
            drop(event);
            assert_eq!(watches(), 0);
        }
    });
}

#[test]
fn s2_an_armed_object_outlives_its_handles_but_not_its_port() {
    case(|| {
        let directory = TempDir::new();
        for _ in 0..20 {
            let port = port();
            let path = file(&directory);
            for user in 0..50 {
                port.associate_file(&object(&path), MODIFIED, user).expect("associated");
            }
            let clone = port.clone();
            drop(port);
            append(&path);
            let users: Vec<usize> = take(&clone).into_iter().map(|(user, _)| user).collect();
            assert_eq!(users, (0..50).collect::<Vec<_>>(), "in the order in which they were armed");
            for user in 0..50 {
                clone.associate_file(&object(&path), MODIFIED, user).expect("associated");
            }
        }
        assert_eq!(watches(), 0);
    });
}

#[test]
fn s2_no_new_object_has_the_address_of_one_with_an_event_to_come() {
    case(|| {
        let directory = TempDir::new();
        let port = port();
        let mut waiting = HashSet::new();
        for round in 0..200 {
            let path = directory.file(&format!("file-{round}"), b"");
            let object = object(&path);
            assert!(!waiting.contains(&object.id()), "an address has two meanings");
            port.associate_file(&object, MODIFIED, object.id()).expect("associated");
            // An exception stays queued whatever is done about it (FILE-34).
            fs::remove_file(&path).expect("removed");
            port.dissociate_file(&object).expect("no error");
            waiting.insert(object.id());
        }
        while !waiting.is_empty() {
            let event = port.get(None).expect("an event");
            assert_eq!((event.user, event.file_events()), (event.object, Some(FileEvents::DELETE)));
            let object = event.as_file_obj().expect("known").expect("of a file");
            assert_eq!(object.id(), event.object);
            assert!(waiting.remove(&event.object));
        }
        assert!(take(&port).is_empty());
    });
}

#[test]
fn s3_associated_again_while_queued_there_is_one_event_of_what_was_asked_for_last() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let mut object = object(&path);
        port.associate_file(&object, MODIFIED, 1).expect("associated");
        append(&path);
        assert_eq!(port.pending().expect("a count"), 1);
        object.refresh().expect("read");
        port.associate_file(&object, FileEvents::ATTRIB, 2).expect("associated");
        assert!(take(&port).is_empty(), "taken back");
        // Its bits do not leak into the next (FILE-20), which has the new cookie (FILE-17).
        let mode = fs::metadata(&path).expect("read").permissions();
        fs::set_permissions(&path, mode).expect("changed");
        assert_eq!(take(&port), [(2, FileEvents::ATTRIB)]);
        assert_eq!(port.dissociate_file(&object).expect("no error"), Dissociated::NotAssociated);
    });
}

#[test]
fn s3_a_queued_exception_and_the_event_of_the_next_association_both_come() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let mut object = object(&path);
        for user in 0..3 {
            // Or the times would differ, and the event be another.
            object.refresh().expect("read");
            port.associate_file(&object, MODIFIED, user).expect("associated");
            fs::remove_file(&path).expect("removed");
            fs::write(&path, "new").expect("written");
        }
        assert_eq!(port.dissociate_file(&object).expect("no error"), Dissociated::NotAssociated);
        drop(object);
        assert_eq!(take(&port), [0, 1, 2].map(|user| (user, FileEvents::DELETE)));
        assert_eq!(watches(), 0);
    });
}

#[test]
fn s3_removed_means_that_no_event_comes() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let mut object = object(&path);
        for is_queued in [false, true] {
            object.refresh().expect("read");
            port.associate_file(&object, MODIFIED, 1).expect("associated");
            if is_queued {
                append(&path);
            }
            assert_eq!(port.dissociate_file(&object).expect("no error"), Dissociated::Removed);
            append(&path);
            assert!(take(&port).is_empty());
            assert_eq!(port.dissociate_file(&object).expect("no error"), Dissociated::NotAssociated);
        }
    });
}

#[test]
fn s4_dropping_a_spent_object_releases_what_the_system_kept() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let mut objects = Vec::new();
        for user in 0..30 {
            let object = object(&path);
            port.associate_file(&object, MODIFIED, user).expect("associated");
            objects.push(object);
        }
        append(&path);
        assert_eq!(take(&port).len(), 30);
        // The file is gone, and its disk space is not held by watches nobody can use (FILE-47).
        fs::remove_file(&path).expect("removed");
        drop(objects);
        assert_eq!(watches(), 0);
        assert!(take(&port).is_empty());
    });
}

/// A structure of a program that uses the raw calls on the port of a safe one.
struct Foreign {
    record: Box<sys::file_obj>,
    _name: CString,
}

impl Foreign {
    fn new(path: &Path) -> Self {
        let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        // SAFETY: all zero is a valid file_obj: no times, and no name yet.
        let mut record: Box<sys::file_obj> = Box::new(unsafe { mem::zeroed() });
        record.fo_name = name.as_ptr().cast_mut();
        Self { record, _name: name }
    }

    fn associate(&mut self, port: &EventPort, user: usize) {
        let object = ptr::from_mut(&mut *self.record).expose_provenance();
        // SAFETY: the record and its name are valid for the call, which keeps neither.
        let result = unsafe {
            sys::port_associate(
                port.as_raw_fd(),
                sys::PORT_SOURCE_FILE,
                object,
                MODIFIED.bits(),
                ptr::without_provenance_mut(user),
            )
        };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

#[test]
fn s2_an_event_of_a_foreign_association_has_no_object_and_all_its_numbers() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let mut foreign = Foreign::new(&path);
        foreign.associate(&port, 5);
        let id = ptr::from_ref(&*foreign.record).addr();
        // What the number points at may be gone long since.
        drop(foreign);
        append(&path);
        let event = port.get(None).expect("an event");
        assert_eq!((event.source, event.object, event.user), (EventSource::File, id, 5));
        assert_eq!(event.file_events(), Some(MODIFIED));
        let error = event.as_file_obj().expect_err("not of this crate");
        assert_eq!((error.event_source, error.object), (EventSource::File, id));
        assert!(matches!(event.view(), Event::Other { source: EventSource::File, .. }), "{event:?}");
    });
}

#[test]
fn s2_foreign_events_and_own_ones_are_told_apart() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let own = object(&path);
        port.associate_file(&own, MODIFIED, 1).expect("associated");
        let mut foreign: Vec<Foreign> = (0..10).map(|_| Foreign::new(&path)).collect();
        for foreign in &mut foreign {
            foreign.associate(&port, 2);
        }
        append(&path);
        let events = port.get_n(64, None).expect("no error");
        assert_eq!(events.len(), 11);
        for event in events {
            match event.as_file_obj() {
                Ok(object) => assert_eq!((object.as_ref(), event.user), (Some(&own), 1)),
                Err(error) => assert_eq!((error.object, event.user), (event.object, 2)),
            }
        }
    });
}

#[test]
fn s1_raw_calls_behind_the_crates_back_confuse_counts_and_no_more() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        // Taken away: its event does not come, and the object stays until the port goes.
        let taken = object(&path);
        port.associate_file(&taken, MODIFIED, 1).expect("associated");
        // SAFETY: the object is a number here; nothing is read from it (FILE-49).
        let result = unsafe { sys::port_dissociate(port.as_raw_fd(), sys::PORT_SOURCE_FILE, taken.id()) };
        assert_eq!(result, 0);
        // Given: an address of ours, associated by somebody else when the crate expects no event of it.
        let given = object(&path);
        port.associate_file(&given, MODIFIED, 2).expect("associated");
        assert_eq!(port.dissociate_file(&given).expect("no error"), Dissociated::Removed);
        // SAFETY: the address is that of a record of the crate, which is valid as long as the object is, and whose name
        // the crate has set.
        let result = unsafe {
            sys::port_associate(
                port.as_raw_fd(),
                sys::PORT_SOURCE_FILE,
                given.id(),
                MODIFIED.bits(),
                ptr::without_provenance_mut(3),
            )
        };
        assert_eq!(result, 0);
        append(&path);
        let events = port.get_n(64, None).expect("no error");
        assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), [3]);
        assert!(events[0].as_file_obj().is_err(), "not expected, so not claimed");
        drop((taken, given));
        let own = object(&path);
        port.associate_file(&own, MODIFIED, 4).expect("associated");
        append(&path);
        assert_eq!(take(&port), [(4, MODIFIED)]);
    });
}

#[test]
fn an_object_on_several_ports_sends_each_its_event() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let ports: Vec<EventPort> = (0..5).map(|_| port()).collect();
        let object = object(&path);
        for (user, port) in ports.iter().enumerate() {
            port.associate_file(&object, MODIFIED, user).expect("associated");
        }
        drop(object);
        append(&path);
        let mut objects = Vec::new();
        for (user, port) in ports.iter().enumerate() {
            let event = port.get(None).expect("an event");
            assert_eq!((event.user, event.file_events()), (user, Some(MODIFIED)));
            objects.push(event.as_file_obj().expect("known").expect("of a file"));
        }
        assert!(objects.iter().all(|object| *object == objects[0]), "the same, not copies");
        drop(ports);
        let port = port();
        port.associate_file(&objects[0], MODIFIED, 9).expect("a port of other days keeps it from nothing");
        drop(objects);
        // The times are of the first day, so the write is noticed.
        assert_eq!(take(&port), [(9, MODIFIED)]);
    });
}

#[test]
fn a_waiting_thread_gets_the_object_that_another_has_dropped() {
    case(|| {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let object = object(&path);
        port.associate_file(&object, MODIFIED, 1).expect("associated");
        let thread = blocked({
            let port = port.clone();
            move || port.get(None).expect("an event")
        });
        drop((port, object));
        append(&path);
        let event = thread.join();
        assert_eq!(event.as_file_obj().expect("known").expect("of a file").path(), path);
    });
}

// The handle that a thread drops may be the last, while another is associating a clone, or taking its event.
#[test]
fn s1_handles_dropped_by_threads_at_once() {
    case_within(Duration::from_secs(rounds(120) as u64), || {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let is_done = Arc::new(AtomicBool::new(false));
        let mut users = HashSet::new();
        thread::scope(|scope| {
            let getters: Vec<_> = (0..2)
                .map(|_| {
                    let (port, is_done) = (&port, is_done.clone());
                    scope.spawn(move || {
                        let mut users = Vec::new();
                        while !is_done.load(Ordering::SeqCst) {
                            users.extend(take(port).into_iter().map(|(user, _)| user));
                        }
                        users.extend(take(port).into_iter().map(|(user, _)| user));
                        users
                    })
                })
                .collect();
            for round in 0..rounds(500) {
                let object = object(&path);
                let dropped = [object.clone(), object.clone()];
                thread::scope(|scope| {
                    for handle in dropped {
                        scope.spawn(|| drop(handle));
                    }
                    scope.spawn(|| {
                        port.associate_file(&object, MODIFIED, round).expect("associated");
                        drop(object);
                    });
                });
                append(&path);
            }
            is_done.store(true, Ordering::SeqCst);
            for getter in getters {
                for user in getter.join().expect("no panic") {
                    assert!(users.insert(user), "{user} twice");
                }
            }
        });
        users.extend(take(&port).into_iter().map(|(user, _)| user));
        assert_eq!(users.len(), rounds(500), "each once");
        assert_eq!(watches(), 0);
    });
}

// The million: two threads that associate, dissociate and retrieve one object, while its file is written and replaced.
#[test]
fn s3_two_threads_arm_and_retrieve_one_object() {
    case_within(Duration::from_secs(rounds(120) as u64), || {
        let directory = TempDir::new();
        let path = file(&directory);
        let port = port();
        let shared = object(&path);
        let armed = AtomicUsize::new(0);
        let total = rounds(20_000);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..2)
                .map(|thread| {
                    let (port, armed, mut object) = (&port, &armed, shared.clone());
                    scope.spawn(move || {
                        let mut events = 0;
                        loop {
                            let user = armed.fetch_add(1, Ordering::SeqCst);
                            if user >= total {
                                return events;
                            }
                            // The file may be being replaced.
                            let _ = object.refresh();
                            let _ = port.associate_file(&object, MODIFIED | FileEvents::ATTRIB, user);
                            if user % 7 == thread {
                                port.dissociate_file(&object).expect("no error");
                            }
                            for event in port.get_n(4, Some(Duration::ZERO)).expect("no error") {
                                assert_eq!(event.as_file_obj().expect("known").as_ref(), Some(&object));
                                assert!(event.user <= armed.load(Ordering::SeqCst));
                                events += 1;
                            }
                        }
                    })
                })
                .collect();
            let other = path.with_extension("other");
            let mut round = 0_usize;
            while armed.load(Ordering::SeqCst) < total {
                round += 1;
                if round % 16 == 0 {
                    fs::write(&other, "other").expect("written");
                    fs::rename(&other, &path).expect("renamed");
                } else {
                    append(&path);
                }
            }
            let events: usize = workers.into_iter().map(|worker| worker.join().expect("no panic")).sum();
            assert!(events > 0, "some came");
        });
        let id = shared.id();
        port.dissociate_file(&shared).expect("no error");
        drop(shared);
        for event in port.get_n(64, Some(Duration::ZERO)).expect("no error") {
            assert_eq!(event.as_file_obj().expect("known").map(|object| object.id()), Some(id));
        }
        assert!(take(&port).is_empty());
        assert_eq!(watches(), 0);
    });
}
