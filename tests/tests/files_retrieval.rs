//! Retrieving and dissociating files (FILE-44 … FILE-50, V-39, V-50, V-55).

use event_ports_tests::files::{FileObject, append, associate_file, chmod, dissociate_file, read_byte};
use event_ports_tests::prelude::*;
use std::fs;
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_DELETE, FILE_MODIFIED, PORT_SOURCE_FILE};

#[test]
fn file_44_what_an_event_holds() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            for user in [0, 1, usize::MAX] {
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, user), Ok(()));
                append(object.path());
                pending.place(&port);
                let event = Event { source: 7, object: object.address(), events: 2, user };
                assert_eq!(get(&port, POLL), Ok(Some(event)));
            }
        }
    });
}

/// FILE-45, V-55.
#[test]
fn v_55_a_child_does_not_get_its_parents_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(object.path());
            pending.place(&port);
            fork(|| assert_eq!(drain(&port), [])).join();
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_45_what_happens_in_a_childs_time_is_its_parents_event() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        fork(|| {
            append(object.path());
            assert_eq!(drain(&port), []);
            assert!(matches!(dissociate_file(&port, &object), Err(ENOENT | EINVAL)), "not the child's");
        })
        .join();
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
    });
}

/// FILE-45: the same address in a child is another watch.
#[test]
fn file_45_a_child_watches_for_itself() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        fork(|| {
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 2), Ok(()));
            read_byte(object.path());
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 2)]);
        })
        .join();
        append(object.path());
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
    });
}

/// FILE-46, LIMIT-2.
#[test]
fn file_46_a_spent_watch_keeps_its_slot_until_it_is_dissociated() {
    case(|| {
        for pending in Pending::BOTH {
            let dir = TempDir::new();
            limit_events(2);
            let port = port();
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(object.path());
            pending.place(&port);
            assert_eq!(drain(&port).len(), 1);
            assert_eq!(send(&port, 1, 0), Ok(()));
            assert_eq!(send(&port, 1, 0), Err(EAGAIN));
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT));
            assert_eq!(send(&port, 1, 0), Ok(()));
        }
    });
}

/// FILE-46: more than twenty watches of one file.
#[test]
fn file_46_spent_watches_of_a_file_make_room_for_others() {
    case(|| {
        let dir = TempDir::new();
        limit_events(30);
        let port = port();
        let file = dir.file("f", b"1");
        let objects: Vec<_> = (0..200).map(|_| FileObject::new(&file)).collect();
        for (user, object) in objects.iter().enumerate() {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            append(&file);
            assert_eq!(drain(&port), [Event::file(object, FILE_MODIFIED, user)]);
        }
        for object in &objects {
            assert_eq!(dissociate_file(&port, object), Err(ENOENT));
        }
    });
}

/// FILE-46: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_46_on_linux_the_spent_watch_of_any_file_makes_room_for_another() {
    case(|| {
        let dir = TempDir::new();
        limit_events(3);
        let port = port();
        let objects: Vec<_> = (0..10).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
        assert_eq!(associate_file(&port, &objects[0], FILE_MODIFIED, 0), Ok(()));
        for (user, object) in objects.iter().enumerate().skip(1) {
            assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            append(object.path());
            assert_eq!(drain(&port), [Event::file(object, FILE_MODIFIED, user)]);
        }
        append(objects[0].path());
        assert_eq!(drain(&port), [Event::file(&objects[0], FILE_MODIFIED, 0)], "one that is armed makes none");
    });
}

/// FILE-47: what happens instead on Linux: nothing is kept of a file whose event has been retrieved.
#[test]
#[cfg(target_os = "linux")]
fn file_47_on_linux_a_spent_watch_does_not_keep_a_deleted_file() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        append(object.path());
        assert_eq!(drain(&port).len(), 1);
        fs::remove_file(object.path()).expect("it can be deleted");
        assert_eq!(drain(&port), []);
        let open = fs::read_dir("/proc/self/fd").expect("it can be listed");
        for entry in open.filter_map(Result::ok) {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            assert!(!target.starts_with(dir.path()), "{} is kept", target.display());
        }
        assert_eq!(event_ports_tests::files::marks(), 0, "the kernel watches nothing");
    });
}

/// FILE-48.
#[test]
fn v_50_dissociating_where_no_file_was_ever_associated_is_einval() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(dissociate_file(&port, &object), Err(EINVAL));
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        assert_eq!(dissociate_file(&port, &object), Err(EINVAL), "a descriptor is no file");
        assert_eq!(associate_file(&port, &object, 0, 0), Ok(()));
        assert_eq!(dissociate_file(&port, &object), Ok(()));
        assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "from now on");
    });
}

/// FILE-48.
#[test]
fn v_39_a_queued_event_is_taken_back() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(object.path());
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            assert_eq!(drain(&port), []);
            assert!(!is_readable(&port));
        }
    });
}

#[test]
fn file_48_results_of_dissociating() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let [object, other] = [dir.file("f", b"1"), dir.file("g", b"1")].map(FileObject::new);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(dissociate_file(&port, &other), Err(ENOENT), "not associated");
            assert_eq!(dissociate_file(&port, &object), Ok(()), "armed");
            append(object.path());
            pending.place(&port);
            assert_eq!(drain(&port), []);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(object.path());
            pending.place(&port);
            assert_eq!(drain(&port).len(), 1);
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "retrieved");
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            fs::remove_file(object.path()).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "an exception queued");
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "an exception retrieved");
        }
    });
}

#[test]
fn file_48_the_others_of_a_file_stay() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let [a, b, c] = [(); 3].map(|()| FileObject::new(&file));
            for (user, object) in [&a, &b, &c].into_iter().enumerate() {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            assert_eq!(dissociate_file(&port, &a), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &c), Ok(()));
            assert_eq!(drain(&port), [Event::file(&b, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_49_the_address_is_not_read() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        let address = object.address();
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        drop(object);
        assert_eq!(dissociate(&port, PORT_SOURCE_FILE, address), Ok(()));
        for address in [0, 1, usize::MAX, Page::new(Protection::None).address::<u8>().addr()] {
            assert_eq!(dissociate(&port, PORT_SOURCE_FILE, address), Err(ENOENT));
        }
    });
}

#[test]
fn file_50_success_means_that_no_event_of_this_association_comes() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        // Another thread keeps the event coming at any moment.
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    append(object.path());
                }
            });
            for user in 0..2000 {
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, user), Ok(()));
                assert_eq!(dissociate_file(&port, &object), Ok(()), "nobody has retrieved it");
                assert_eq!(drain(&port), []);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

/// ORDER-1: in the order in which they happened.
#[test]
fn order_01_files_among_others() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let [a, b] = [dir.file("f", b"1"), dir.file("g", b"1")].map(FileObject::new);
            for object in [&a, &b] {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED | FILE_ATTRIB, 1), Ok(()));
            }
            append(b.path());
            pending.place(&port);
            assert_eq!(send(&port, 1, 1), Ok(()));
            chmod(a.path(), 0o600);
            pending.place(&port);
            assert_eq!(send(&port, 2, 2), Ok(()));
            let expected = [
                Event::file(&b, FILE_MODIFIED | FILE_ATTRIB, 1),
                Event::user(1, 1),
                Event::file(&a, FILE_ATTRIB, 1),
                Event::user(2, 2),
            ];
            assert_eq!(drain(&port), expected);
        }
    });
}

/// FILE-14: each port has its own watches.
#[test]
fn file_14_ports_are_independent() {
    case(|| {
        for pending in Pending::BOTH {
            let (one, two, dir) = (port(), port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&one, &object, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&two, &object, FILE_MODIFIED, 2), Ok(()));
            append(object.path());
            pending.place(&one);
            pending.place(&two);
            assert_eq!(drain(&two), [Event::file(&object, FILE_MODIFIED, 2)]);
            assert_eq!(dissociate_file(&two, &object), Err(ENOENT));
            assert_eq!(drain(&one), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}
