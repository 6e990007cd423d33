//! Ordinary events of files and directories (FILE-26 … FILE-32, V-42, V-51, V-52).

use event_ports_tests::files::{
    FileObject, LONG_AGO, age, append, associate_file, chmod, dissociate_file, fifo, open_truncating, read_byte,
    set_times, truncate,
};
use event_ports_tests::prelude::*;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_TRUNC};

const ALL: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

/// An operation on the watched file, and the bits it offers.
type Operation = (&'static str, fn(&Path), c_int);

/// Does each operation to a watched file, for every set of events that can be asked for, and wants one event with what
/// was offered and asked for, or none.
fn offers(operations: &[Operation], prepare: fn(&Path)) {
    for pending in Pending::BOTH {
        let (port, dir) = (port(), TempDir::new());
        let path = dir.path().join("watched");
        for &(name, operation, offered) in operations {
            for asked in requests() {
                prepare(&path);
                let object = FileObject::new(&path);
                assert_eq!(associate_file(&port, &object, asked, 1), Ok(()));
                operation(&path);
                pending.place(&port);
                let expected = offered & asked;
                let events = drain(&port);
                if expected == 0 {
                    assert_eq!(events, [], "{name}, asked for {asked:#x}");
                    assert_eq!(dissociate_file(&port, &object), Ok(()), "{name}, asked for {asked:#x}: still armed");
                } else {
                    assert_eq!(events, [Event::file(&object, expected, 1)], "{name}, asked for {asked:#x}");
                    assert_eq!(dissociate_file(&port, &object), Err(ENOENT));
                }
                remove(&path);
            }
        }
    }
}

/// Every set of ordinary events.
fn requests() -> impl Iterator<Item = c_int> {
    let bits = [FILE_ACCESS, FILE_MODIFIED, FILE_ATTRIB, FILE_TRUNC];
    (0..16).map(move |set| bits.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, bit)| bit).sum())
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.expect("it can be removed");
}

fn a_file(path: &Path) {
    fs::write(path, "content").expect("the file can be written");
    age(path);
}

fn a_directory(path: &Path) {
    fs::create_dir(path).expect("a directory can be made");
    fs::write(path.join("entry"), "content").expect("the file can be written");
    age(path);
}

fn beside(path: &Path) -> std::path::PathBuf {
    path.with_file_name("beside")
}

#[test]
fn file_26_the_watchers_own_operations_count_and_failed_ones_do_not() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
            fs::remove_dir(&file).expect_err("it is no directory");
            fs::create_dir(&file).expect_err("it is there");
            fs::rename(&file, dir.path().join("no/where")).expect_err("there is no such directory");
            fs::hard_link(&file, dir.path()).expect_err("that is there");
            // SAFETY: the pointer is to nothing, and so the call fails.
            let read = unsafe { libc::write(File::open(&file).expect("it opens").as_raw_fd(), std::ptr::null(), 1) };
            assert_eq!(read, -1);
            pending.place(&port);
            assert_eq!(drain(&port), []);
            let child = fork(|| append(&file));
            child.join();
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED | FILE_ATTRIB, 1)], "another process");
        }
    });
}

#[test]
fn file_27_later_operations_are_not_merged_into_the_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"12");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
            read_byte(&file);
            append(&file);
            chmod(&file, 0o600);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 1)]);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED | FILE_ATTRIB, 2), Ok(()));
            chmod(&file, 0o644);
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 2)]);
        }
    });
}

#[test]
fn file_27_an_operation_that_was_not_asked_for_leaves_the_watch_armed() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"12");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 1), Ok(()));
            append(&file);
            chmod(&file, 0o600);
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 1)]);
        }
    });
}

/// FILE-27.
#[test]
fn v_42_two_writes_are_one_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
            append(&file);
            assert_eq!(drain(&port), []);
        }
    });
}

#[test]
fn file_28_what_operations_on_files_offer() {
    case(|| {
        let operations: &[Operation] = &[
            ("write", append, FILE_MODIFIED | FILE_ATTRIB),
            (
                "pwrite",
                |path| {
                    use std::os::unix::fs::FileExt as _;
                    let file = OpenOptions::new().write(true).open(path).expect("it opens");
                    file.write_all_at(b"x", 1).expect("it can be written");
                },
                FILE_MODIFIED | FILE_ATTRIB,
            ),
            (
                "write nothing",
                |path| {
                    let mut file = OpenOptions::new().write(true).open(path).expect("it opens");
                    assert_eq!(file.write(b"").expect("it can be written"), 0);
                },
                0,
            ),
            ("read", read_byte, FILE_ACCESS),
            (
                "read nothing",
                |path| assert_eq!(File::open(path).expect("it opens").read(&mut []).expect("it can be read"), 0),
                0,
            ),
            ("open and close", |path| drop(File::open(path).expect("it opens")), 0),
            ("stat", |path| assert!(fs::metadata(path).expect("it is there").is_file()), 0),
            (
                "lock",
                // SAFETY: no memory is touched.
                |path| assert_eq!(unsafe { libc::flock(File::open(path).expect("it opens").as_raw_fd(), 6) }, 0),
                0,
            ),
            ("chmod", |path| chmod(path, 0o600), FILE_ATTRIB),
            ("chown", |path| std::os::unix::fs::chown(path, Some(geteuid()), None).expect("to oneself"), FILE_ATTRIB),
            (
                "utimes",
                |path| set_times(path, Some(LONG_AGO + 1), Some(LONG_AGO + 1)),
                FILE_ATTRIB | FILE_ACCESS | FILE_MODIFIED,
            ),
            ("utimes of the modification", |path| set_times(path, None, Some(5)), FILE_ATTRIB | FILE_MODIFIED),
            (
                "a new link, and its end",
                |path| {
                    fs::hard_link(path, beside(path)).expect("a link can be made");
                    fs::remove_file(beside(path)).expect("it can be deleted");
                },
                FILE_ATTRIB,
            ),
        ];
        offers(operations, a_file);
    });
}

fn geteuid() -> u32 {
    // SAFETY: no conditions.
    unsafe { libc::geteuid() }
}

#[test]
fn file_28_setting_the_access_time_alone_is_a_change_of_attributes() {
    case(|| offers(&[("utimes", |path| set_times(path, Some(5), None), FILE_ATTRIB | FILE_ACCESS)], a_file));
}

/// FILE-28: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_28_on_linux_setting_the_access_time_alone_is_told_only_to_who_asks_for_accesses() {
    case(|| {
        for pending in Pending::BOTH {
            let dir = TempDir::new();
            let object = FileObject::new(dir.file("f", b"1"));
            for (asked, offered) in [
                (FILE_ATTRIB | FILE_ACCESS, FILE_ATTRIB | FILE_ACCESS),
                (FILE_ACCESS, FILE_ACCESS),
                (FILE_ATTRIB, 0),
                (ALL, FILE_ATTRIB | FILE_ACCESS),
            ] {
                // A port for each, because what one association asks for the kernel tells of the file.
                let port = port();
                age(object.path());
                assert_eq!(associate_file(&port, &object, asked, 1), Ok(()));
                set_times(object.path(), Some(5), None);
                pending.place(&port);
                let expected = if offered == 0 { vec![] } else { vec![Event::file(&object, offered, 1)] };
                assert_eq!(drain(&port), expected, "asked for {asked:#x}");
            }
        }
    });
}

/// FILE-28.
#[test]
fn file_28_unlinking_or_renaming_another_link_is_a_change_of_attributes() {
    case(|| {
        fn with_link(path: &Path) {
            a_file(path);
            fs::hard_link(path, beside(path)).expect("a link can be made");
        }
        offers(
            &[
                ("unlink", |path| fs::remove_file(beside(path)).expect("it can be deleted"), FILE_ATTRIB),
                (
                    "replace",
                    |path| {
                        let new = path.with_file_name("new");
                        fs::write(&new, "1").expect("it can be written");
                        fs::rename(&new, beside(path)).expect("it can be renamed");
                        fs::remove_file(beside(path)).expect("it can be deleted");
                    },
                    FILE_ATTRIB,
                ),
                (
                    "rename",
                    |path| {
                        fs::rename(beside(path), path.with_file_name("elsewhere")).expect("it can be renamed");
                        fs::remove_file(path.with_file_name("elsewhere")).expect("it can be deleted");
                    },
                    FILE_ATTRIB,
                ),
            ],
            with_link,
        );
    });
}

#[test]
fn file_28_creating_over_a_file_offers_everything_at_once() {
    case(|| {
        let events = FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;
        offers(&[("create", |path| drop(File::create(path).expect("it can be created")), events)], a_file);
    });
}

/// FILE-28.
#[test]
fn file_28_a_file_that_is_empty_can_be_created_over() {
    case(|| {
        fn empty(path: &Path) {
            fs::write(path, "").expect("it can be written");
        }
        let events = FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;
        offers(&[("create", |path| drop(File::create(path).expect("it can be created")), events)], empty);
    });
}

#[test]
fn file_28_reading_at_the_end_is_an_access() {
    case(|| {
        offers(
            &[(
                "read",
                |path| {
                    let mut file = OpenOptions::new().append(true).read(true).open(path).expect("it opens");
                    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).expect("it can be sought");
                    assert_eq!(file.read(&mut [0]).expect("it can be read"), 0);
                },
                FILE_ACCESS,
            )],
            a_file,
        );
    });
}

#[test]
fn file_28_mapping_is_an_access() {
    case(|| offers(&[("mmap", map, FILE_ACCESS)], a_file));
}

fn map(path: &Path) {
    let file = File::open(path).expect("it opens");
    // SAFETY: a new mapping touches no memory of ours.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 1, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    assert_ne!(at, libc::MAP_FAILED);
    // SAFETY: it has just been mapped.
    assert_eq!(unsafe { libc::munmap(at, 1) }, 0);
}

#[test]
fn file_28_stores_through_a_mapping_are_no_events() {
    case(|| {
        offers(
            &[(
                "store",
                |path| {
                    let file = OpenOptions::new().read(true).write(true).open(path).expect("it opens");
                    let protection = libc::PROT_READ | libc::PROT_WRITE;
                    // SAFETY: a new mapping touches no memory of ours, and the file has that byte.
                    unsafe {
                        let at = libc::mmap(std::ptr::null_mut(), 1, protection, libc::MAP_SHARED, file.as_raw_fd(), 0);
                        assert_ne!(at, libc::MAP_FAILED);
                        at.cast::<u8>().write_volatile(b'!');
                        assert_eq!(libc::munmap(at, 1), 0);
                    }
                },
                // Mapping itself is an access on illumos.
                if cfg!(target_os = "illumos") { FILE_ACCESS } else { 0 },
            )],
            a_file,
        );
    });
}

#[test]
fn file_28_truncating_to_nothing_is_trunc_alone() {
    case(|| offers(&[("truncate", |path| truncate(path, 0), FILE_TRUNC)], a_file));
}

#[test]
fn file_28_truncating_to_a_length_is_no_event() {
    case(|| offers(&[("shrink", |path| truncate(path, 3), 0), ("extend", |path| truncate(path, 99), 0)], a_file));
}

/// FILE-28, DOC-15: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_28_on_linux_truncating_is_a_modification_and_trunc_if_it_shrinks_the_file() {
    case(|| {
        let shrinks = FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;
        let operations: &[Operation] = &[
            ("truncate", |path| truncate(path, 0), shrinks),
            ("shrink", |path| truncate(path, 3), shrinks),
            ("extend", |path| truncate(path, 99), FILE_MODIFIED | FILE_ATTRIB),
            ("same size", |path| truncate(path, 7), FILE_MODIFIED | FILE_ATTRIB),
            ("open", open_truncating, shrinks),
        ];
        offers(operations, a_file);
    });
}

/// FILE-28: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_28_on_linux_reading_at_the_end_and_mapping_are_no_events() {
    case(|| {
        offers(
            &[
                ("mmap", map, 0),
                (
                    "read",
                    |path| {
                        let mut file = File::open(path).expect("it opens");
                        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).expect("it can be sought");
                        assert_eq!(file.read(&mut [0]).expect("it can be read"), 0);
                    },
                    0,
                ),
            ],
            a_file,
        );
    });
}

/// FILE-28: TRUNC is told by the size at the time anybody looks.
#[test]
#[cfg(target_os = "linux")]
fn file_28_on_linux_a_file_that_has_grown_again_is_not_seen_truncated() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let object = FileObject::new(&file);
        assert_eq!(associate_file(&port, &object, FILE_TRUNC | FILE_MODIFIED, 1), Ok(()));
        fs::write(&file, "longer").expect("it can be written");
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        assert_eq!(associate_file(&port, &object, FILE_TRUNC, 2), Ok(()));
        append(&file);
        assert_eq!(drain(&port), [], "growth is not asked for, but seen");
        truncate(&file, 6);
        assert_eq!(drain(&port), [Event::file(&object, FILE_TRUNC, 2)]);
    });
}

#[test]
fn file_29_opening_with_o_trunc_is_trunc_alone_to_who_asks_for_it() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED | FILE_TRUNC, 1), Ok(()));
            open_truncating(object.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_TRUNC, 1)]);
        }
    });
}

#[test]
fn file_29_opening_with_o_trunc_is_modified_to_who_asks_for_that_alone() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            for events in [FILE_MODIFIED, FILE_ATTRIB] {
                assert_eq!(associate_file(&port, &object, events, 1), Ok(()));
                open_truncating(object.path());
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, events, 1)]);
            }
        }
    });
}

#[test]
fn file_30_what_operations_in_directories_offer() {
    case(|| {
        const CHANGE: c_int = FILE_MODIFIED | FILE_ATTRIB;
        let operations: &[Operation] = &[
            ("create", |dir| fs::write(dir.join("new"), "1").expect("it can be written"), CHANGE | FILE_TRUNC),
            ("mkfifo", |dir| drop(fifo(dir.join("new"))), CHANGE | FILE_TRUNC),
            ("mkdir", |dir| fs::create_dir(dir.join("new")).expect("it can be made"), CHANGE),
            ("unlink", |dir| fs::remove_file(dir.join("entry")).expect("it can be deleted"), CHANGE),
            ("symlink", |dir| symlink("nowhere", dir.join("new")).expect("it can be made"), CHANGE),
            ("link", |dir| fs::hard_link(dir.join("entry"), dir.join("new")).expect("it can be made"), CHANGE),
            ("rename out of it", |dir| fs::rename(dir.join("entry"), beside(dir)).expect("it can be renamed"), CHANGE),
            (
                "rename within it",
                |dir| fs::rename(dir.join("entry"), dir.join("new")).expect("it can be renamed"),
                CHANGE,
            ),
            ("list", |dir| assert_eq!(fs::read_dir(dir).expect("it can be listed").count(), 1), FILE_ACCESS),
            ("chmod", |dir| chmod(dir, 0o700), FILE_ATTRIB),
            ("utimes", |dir| set_times(dir, Some(5), Some(6)), FILE_ATTRIB | FILE_ACCESS | FILE_MODIFIED),
        ];
        offers(operations, a_directory);
    });
}

#[test]
fn file_30_moving_into_and_removing_from_a_directory() {
    case(|| {
        const CHANGE: c_int = FILE_MODIFIED | FILE_ATTRIB;
        fn with_neighbours(path: &Path) {
            a_directory(path);
            fs::create_dir(path.join("inner")).expect("a directory can be made");
            fs::write(beside(path), "1").expect("it can be written");
            age(path);
        }
        let operations: &[Operation] = &[
            ("rename into it", |dir| fs::rename(beside(dir), dir.join("new")).expect("it can be renamed"), CHANGE),
            ("replace in it", |dir| fs::rename(beside(dir), dir.join("entry")).expect("it can be renamed"), CHANGE),
            ("rmdir", |dir| fs::remove_dir(dir.join("inner")).expect("it can be deleted"), CHANGE),
        ];
        offers(operations, with_neighbours);
    });
}

#[test]
fn file_30_what_happens_inside_the_files_of_a_directory_is_no_event_of_it() {
    case(|| {
        offers(
            &[
                ("write", |dir| append(&dir.join("entry")), 0),
                ("read", |dir| read_byte(&dir.join("entry")), 0),
                ("chmod", |dir| chmod(&dir.join("entry"), 0o600), 0),
                ("truncate", |dir| truncate(&dir.join("entry"), 0), 0),
                ("in a directory below", |dir| fs::write(dir.join("below/new"), "1").expect("it can be written"), 0),
            ],
            |dir| {
                a_directory(dir);
                fs::create_dir(dir.join("below")).expect("a directory can be made");
            },
        );
    });
}

#[test]
fn file_30_setting_the_modification_time_of_a_directory_alone() {
    case(|| {
        offers(&[("utimes", |dir| set_times(dir, None, Some(5)), FILE_ATTRIB | FILE_MODIFIED)], a_directory);
    });
}

/// FILE-30: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_30_on_linux_setting_the_modification_time_of_a_directory_alone_is_no_event() {
    case(|| offers(&[("utimes", |dir| set_times(dir, None, Some(5)), 0)], a_directory));
}

/// FILE-30.
#[test]
fn v_51_creating_an_entry_modifies_the_directory() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.path());
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            dir.file("new", b"1");
            pending.place(&port);
            assert_eq!(get(&port, POLL), Ok(Some(Event::file(&object, FILE_MODIFIED, 1))));
        }
    });
}

/// FILE-30.
#[test]
fn v_52_creating_an_entry_truncates_the_directory() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.path());
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED | FILE_TRUNC, 1), Ok(()));
            dir.file("new", b"1");
            pending.place(&port);
            assert_eq!(get(&port, POLL), Ok(Some(Event::file(&object, 0x0010_0002, 1))));
        }
    });
}

#[test]
fn file_31_opening_an_existing_file_with_o_creat_is_no_event_of_its_directory() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(dir.path());
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED | FILE_TRUNC | FILE_ATTRIB, 1), Ok(()));
            drop(OpenOptions::new().append(true).create(true).open(file).expect("it opens"));
            pending.place(&port);
            assert_eq!(drain(&port), []);
        }
    });
}

/// FILE-26: a waiting thread is woken.
#[test]
fn file_26_an_event_wakes_a_waiting_thread() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let object = FileObject::new(&file);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        let number = port.as_raw_fd();
        let thread = blocked(move || get(&number, ms(10_000)));
        append(&file);
        assert_eq!(thread.join(), Ok(Some(Event::file(&object, FILE_MODIFIED, 1))));
    });
}

/// FILE-26, PORT-5: the port becomes readable, and is not once the event is taken.
#[test]
fn file_26_an_event_makes_the_port_readable() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            assert!(!is_readable(&port));
            append(&file);
            pending.place(&port);
            assert!(is_readable(&port));
            assert_eq!(drain(&port).len(), 1);
            assert!(!is_readable(&port));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            assert!(!is_readable(&port));
        }
    });
}
