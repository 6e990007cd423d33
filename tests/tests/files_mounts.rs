//! Mounting and unmounting (FILE-33, FILE-39, FILE-40, FILE-43).

use event_ports_tests::files::{FileObject, append, associate_file, dissociate_file, mount, unmount, with_mounts};
use event_ports_tests::prelude::*;
use std::fs;
use std::path::PathBuf;
use sys::{FILE_MODIFIED, MOUNTEDOVER, UNMOUNTED};

fn directory(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir(&path).expect("it can be made");
    path
}

#[test]
fn file_33_mounting_over_a_directory_is_an_exception() {
    case(|| {
        let dir = TempDir::new();
        let (at, elsewhere) = (directory(&dir, "at"), directory(&dir, "elsewhere"));
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                let [object, other] = [&at, &elsewhere].map(FileObject::new);
                assert_eq!(associate_file(&port, &other, FILE_MODIFIED, 2), Ok(()));
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                mount(&at);
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, MOUNTEDOVER, 1)]);
                assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "it is gone");
                assert_eq!(dissociate_file(&port, &other), Ok(()));
                assert_eq!(unmount(&at), Ok(()));
                assert_eq!(drain(&port), []);
            }
        });
    });
}

/// FILE-33: whoever polls the port learns of it, and nothing is lost by polling.
#[test]
fn file_33_being_mounted_over_makes_the_port_readable_and_wakes() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            let port = port();
            let object = FileObject::new(&at);
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            assert!(!is_readable(&port));
            mount(&at);
            assert!(is_readable(&port));
            assert_eq!(drain(&port), [Event::file(&object, MOUNTEDOVER, 1)]);
            assert!(!is_readable(&port));
            assert_eq!(unmount(&at), Ok(()));
            assert_eq!(associate_file(&port, &object, 0, 2), Ok(()));
            let number = port.as_raw_fd();
            let thread = blocked(move || get(&number, ms(10_000)));
            mount(&at);
            assert_eq!(thread.join(), Ok(Some(Event::file(&object, MOUNTEDOVER, 2))));
            assert_eq!(unmount(&at), Ok(()));
        });
    });
}

/// FILE-33.
#[test]
fn file_33_mounts_elsewhere_are_no_events() {
    case(|| {
        let dir = TempDir::new();
        let (at, below) = (directory(&dir, "at"), directory(&dir, "at/below"));
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                let [object, root] = [at.as_path(), "/".as_ref()].map(FileObject::new);
                assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
                assert_eq!(associate_file(&port, &root, 0, 1), Ok(()));
                mount(&below);
                pending.place(&port);
                assert_eq!(drain(&port), []);
                assert_eq!(unmount(&below), Ok(()));
                pending.place(&port);
                assert_eq!(drain(&port), []);
                assert!(!is_readable(&port));
                assert_eq!(dissociate_file(&port, &object), Ok(()));
            }
        });
    });
}

/// FILE-6: the root of a file system has no name, and can be mounted over.
#[test]
fn file_06_a_mount_point_can_be_watched_and_mounted_over() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                mount(&at);
                let object = FileObject::new(&at);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                fs::write(at.join("f"), "1").expect("it can be written");
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
                mount(&at);
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, MOUNTEDOVER, 2)]);
                assert_eq!(unmount(&at), Ok(()));
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 3), Ok(()));
                assert_eq!(unmount(&at), Ok(()));
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, UNMOUNTED, 3)]);
            }
        });
    });
}

/// FILE-33, FILE-43.
#[test]
fn file_33_unmounting_is_an_exception_for_files_and_directories() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                mount(&at);
                fs::write(at.join("f"), "1").expect("it can be written");
                fs::create_dir(at.join("dir")).expect("it can be made");
                let objects = ["f", "dir", "f"].map(|name| FileObject::new(at.join(name)));
                for (user, object) in objects.iter().enumerate() {
                    assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
                }
                assert_eq!(unmount(&at), Ok(()), "watches do not keep it");
                pending.place(&port);
                let mut events = drain(&port);
                events.sort_by_key(|event| event.user);
                assert_eq!(events, [0, 1, 2].map(|at| Event::file(&objects[at], UNMOUNTED, at)));
                for object in &objects {
                    assert_eq!(dissociate_file(&port, object), Err(ENOENT));
                }
            }
        });
    });
}

#[test]
fn file_40_unmounting_replaces_a_queued_event_and_passes_over_spent_watches() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                mount(&at);
                fs::write(at.join("f"), "1").expect("it can be written");
                let [queued, spent] = [(); 2].map(|()| FileObject::new(at.join("f")));
                assert_eq!(associate_file(&port, &spent, FILE_MODIFIED, 2), Ok(()));
                append(spent.path());
                assert_eq!(drain(&port), [Event::file(&spent, FILE_MODIFIED, 2)]);
                assert_eq!(associate_file(&port, &queued, FILE_MODIFIED, 1), Ok(()));
                append(queued.path());
                pending.place(&port);
                assert_eq!(unmount(&at), Ok(()));
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&queued, UNMOUNTED, 1)]);
                for object in [&queued, &spent] {
                    assert_eq!(dissociate_file(&port, object), Err(ENOENT));
                }
            }
        });
    });
}

#[test]
fn file_40_mounting_over_replaces_a_queued_event() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                let object = FileObject::new(&at);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                fs::write(at.join("f"), "1").expect("it can be written");
                fs::remove_file(at.join("f")).expect("it can be deleted");
                // The event has to be in the queue before anybody looks at the mounts.
                Pending::InQueue.place(&port);
                mount(&at);
                // While something is queued a look at the kernel needs a reason.
                assert_eq!(send(&port, 1, 7), Ok(()));
                pending.place(&port);
                let mut events = drain(&port);
                events.sort_by_key(|event| event.source);
                assert_eq!(events, [Event::user(1, 7), Event::file(&object, MOUNTEDOVER, 1)]);
                assert_eq!(unmount(&at), Ok(()));
            }
        });
    });
}

/// FILE-39.
#[test]
fn file_39_unmounting_is_told_even_if_it_fails() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            let port = port();
            mount(&at);
            fs::write(at.join("f"), "1").expect("it can be written");
            let object = FileObject::new(at.join("f"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            let open = fs::File::open(at.join("f")).expect("it opens");
            assert_eq!(unmount(&at), Err(EBUSY));
            let events = drain(&port);
            drop(open);
            assert_eq!(unmount(&at), Ok(()));
            assert_eq!(events, [Event::file(&object, UNMOUNTED, 1)]);
        });
    });
}

/// FILE-39: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_39_on_linux_only_an_unmounting_that_succeeds_is_told() {
    case(|| {
        let dir = TempDir::new();
        let at = directory(&dir, "at");
        with_mounts(|| {
            let port = port();
            mount(&at);
            fs::write(at.join("f"), "1").expect("it can be written");
            let object = FileObject::new(at.join("f"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            let open = fs::File::open(at.join("f")).expect("it opens");
            assert_eq!(unmount(&at), Err(EBUSY));
            assert_eq!(drain(&port), []);
            drop(open);
            assert_eq!(unmount(&at), Ok(()));
            assert_eq!(drain(&port), [Event::file(&object, UNMOUNTED, 1)]);
        });
    });
}

/// FILE-33: mounts of what is there already.
#[test]
#[cfg(target_os = "linux")]
fn file_33_on_linux_bind_mounts_over_files_and_over_themselves_are_exceptions() {
    use event_ports_tests::files::bind_mount;
    case(|| {
        let dir = TempDir::new();
        let (file, other, inner) = (dir.file("f", b"1"), dir.file("g", b"2"), directory(&dir, "dir"));
        with_mounts(|| {
            for pending in Pending::BOTH {
                let port = port();
                for (from, at) in [(&other, &file), (&file, &file), (&inner, &inner)] {
                    let object = FileObject::new(at);
                    assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                    bind_mount(from, at);
                    pending.place(&port);
                    assert_eq!(drain(&port), [Event::file(&object, MOUNTEDOVER, 1)]);
                    assert_eq!(unmount(at), Ok(()));
                }
                // Through a mount the watched file is the real one.
                bind_mount(&other, &file);
                let object = FileObject::new(&file);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                append(&other);
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
                assert_eq!(unmount(&file), Ok(()));
            }
        });
    });
}
