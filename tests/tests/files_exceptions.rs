//! Exceptions: deleting and renaming (FILE-33 … FILE-38, FILE-41 … FILE-43, V-43 … V-47).

#[cfg(target_os = "linux")]
use event_ports_tests::files::chmod;
use event_ports_tests::files::{FileObject, append, associate_file, dissociate_file, read_byte};
use event_ports_tests::prelude::*;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_DELETE, FILE_MODIFIED, FILE_NOFOLLOW, FILE_RENAME_FROM, FILE_RENAME_TO};
use sys::{FILE_TRUNC, PORT_SOURCE_FILE};

const ALL: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

fn delete(path: &Path) {
    fs::remove_file(path).expect("it can be deleted");
}

fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).expect("it can be renamed");
}

/// Does something to a watched name, and wants one exception for every mask, which ends the association.
fn excepts(operation: impl Fn(&Path), prepare: impl Fn(&Path), exception: c_int) {
    for pending in Pending::BOTH {
        for asked in [0, FILE_ACCESS, FILE_MODIFIED, FILE_ATTRIB, FILE_TRUNC, ALL] {
            let (port, dir) = (port(), TempDir::new());
            let path = dir.path().join("watched");
            prepare(&path);
            let object = FileObject::new(&path);
            assert_eq!(associate_file(&port, &object, asked | FILE_NOFOLLOW, 1), Ok(()));
            operation(&path);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, exception, 1)], "asked for {asked:#x}");
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "it is gone");
        }
    }
}

fn a_file(path: &Path) {
    fs::write(path, "1").expect("it can be written");
}

fn a_directory(path: &Path) {
    fs::create_dir(path).expect("it can be made");
}

fn beside(path: &Path) -> PathBuf {
    path.with_file_name("beside")
}

#[test]
fn v_43_deleting_is_an_exception_and_ends_the_association() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            delete(object.path());
            pending.place(&port);
            assert_eq!(get(&port, POLL), Ok(Some(Event::file(&object, FILE_DELETE, 1))));
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT));
        }
    });
}

#[test]
fn v_44_being_replaced_is_rename_to() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            let other = dir.file("other", b"2");
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            rename(&other, object.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_RENAME_TO, 1)]);
        }
    });
}

#[test]
fn v_45_being_renamed_is_rename_from() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            rename(object.path(), &dir.path().join("g"));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_RENAME_FROM, 1)]);
        }
    });
}

/// FILE-37.
#[test]
fn v_46_deleting_after_an_event_is_no_exception() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(object.path());
            pending.place(&port);
            delete(object.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}

/// FILE-34.
#[test]
fn v_47_an_exception_stays_queued_when_its_object_is_dissociated() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            delete(object.path());
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT));
            assert_eq!(get(&port, POLL), Ok(Some(Event::file(&object, FILE_DELETE, 1))));
        }
    });
}

#[test]
fn file_33_deleting_is_an_exception_whatever_was_asked_for() {
    case(|| {
        excepts(delete, a_file, FILE_DELETE);
        excepts(|path| fs::remove_dir(path).expect("it is empty"), a_directory, FILE_DELETE);
        excepts(delete, |path| symlink("nowhere", path).expect("it can be made"), FILE_DELETE);
        excepts(delete, |path| drop(event_ports_tests::files::fifo(path.to_owned())), FILE_DELETE);
    });
}

#[test]
fn file_33_deleting_is_an_exception_while_links_and_descriptors_are_left() {
    case(|| {
        fn with_link(path: &Path) {
            a_file(path);
            fs::hard_link(path, beside(path)).expect("a link can be made");
        }
        excepts(delete, with_link, FILE_DELETE);
        let file = std::cell::RefCell::new(None);
        excepts(
            delete,
            |path| {
                a_file(path);
                *file.borrow_mut() = Some(File::open(path).expect("it opens"));
            },
            FILE_DELETE,
        );
        excepts(
            |path| fs::remove_dir(path).expect("it is empty"),
            |path| {
                a_directory(path);
                *file.borrow_mut() = Some(File::open(path).expect("it opens"));
            },
            FILE_DELETE,
        );
    });
}

#[test]
fn file_33_being_renamed_is_an_exception_whatever_was_asked_for() {
    case(|| {
        for kind in [a_file, a_directory] {
            excepts(|path| rename(path, &beside(path)), kind, FILE_RENAME_FROM);
            excepts(
                |path| {
                    fs::create_dir(beside(path)).expect("it can be made");
                    rename(path, &beside(path).join("elsewhere"));
                },
                kind,
                FILE_RENAME_FROM,
            );
        }
    });
}

#[test]
fn file_33_being_replaced_is_an_exception_whatever_was_asked_for() {
    case(|| {
        for kind in [a_file, a_directory] {
            excepts(
                |path| {
                    kind(&beside(path));
                    rename(&beside(path), path);
                },
                kind,
                FILE_RENAME_TO,
            );
        }
    });
}

/// FILE-33: what editors and installers do.
#[test]
fn file_33_writing_a_new_file_and_renaming_it_over_the_old_one() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            for _ in 0..100 {
                assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
                let new = dir.file("new", b"2");
                rename(&new, object.path());
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_RENAME_TO, 1)]);
            }
        }
    });
}

/// FILE-33: the name is free again at once, and its inode may be too.
#[test]
fn file_33_deleting_and_making_anew_is_an_exception_every_time() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            for round in 0..100 {
                assert_eq!(associate_file(&port, &object, ALL, round), Ok(()));
                delete(object.path());
                a_file(object.path());
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, round)]);
            }
        }
    });
}

#[test]
fn file_34_an_exception_stays_whatever_becomes_of_its_object() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            delete(object.path());
            pending.place(&port);
            a_file(object.path());
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 3), Ok(()));
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
            append(object.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 3)]);
        }
    });
}

#[test]
fn file_35_the_exception_of_an_earlier_watch_is_told_apart_by_its_cookie() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            for round in 0..3 {
                assert_eq!(associate_file(&port, &object, 0, round), Ok(()));
                delete(object.path());
                a_file(object.path());
                pending.place(&port);
            }
            let deleted = |round| Event::file(&object, FILE_DELETE, round);
            assert_eq!(drain(&port), [deleted(0), deleted(1), deleted(2)]);
        }
    });
}

#[test]
fn file_36_without_a_slot_the_exception_is_dropped() {
    case(|| {
        let dir = TempDir::new();
        limit_events(1);
        let port = port();
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
        delete(object.path());
        assert_eq!(drain(&port), []);
        assert_eq!(dissociate_file(&port, &object), Err(ENOENT));
    });
}

/// FILE-36, LIMIT-2: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_36_on_linux_the_exception_takes_the_slot_of_its_association() {
    case(|| {
        for pending in Pending::BOTH {
            let dir = TempDir::new();
            limit_events(1);
            let port = port();
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            delete(object.path());
            pending.place(&port);
            assert_eq!(send(&port, 1, 1), Err(EAGAIN), "it still holds it");
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
            assert_eq!(send(&port, 1, 1), Ok(()));
        }
    });
}

#[test]
fn file_37_a_spent_watch_gets_no_exception() {
    case(|| {
        for pending in Pending::BOTH {
            for operation in [
                delete as fn(&Path),
                |path| rename(path, &beside(path)),
                |path| {
                    a_file(&beside(path));
                    rename(&beside(path), path);
                },
            ] {
                let (port, dir) = (port(), TempDir::new());
                let object = FileObject::new(dir.file("f", b"1"));
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                append(object.path());
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
                operation(object.path());
                pending.place(&port);
                assert_eq!(drain(&port), []);
                let there = object.path().exists();
                let expected = if there { Ok(()) } else { Err(ENOENT) };
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), expected);
                assert_eq!(drain(&port), []);
            }
        }
    });
}

/// FILE-37: what happens instead on Linux, if nobody has looked in between.
#[test]
#[cfg(target_os = "linux")]
fn file_37_on_linux_a_change_of_attributes_right_before_the_deletion_is_not_told_apart_from_it() {
    case(|| {
        for (pending, event) in [(Pending::InKernel, FILE_DELETE), (Pending::InQueue, FILE_ATTRIB)] {
            let (port, dir) = (port(), TempDir::new());
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 1), Ok(()));
            chmod(object.path(), 0o600);
            pending.place(&port);
            delete(object.path());
            assert_eq!(drain(&port), [Event::file(&object, event, 1)]);
        }
    });
}

/// FILE-38, FILE-26.
#[test]
fn file_38_deleting_what_cannot_be_deleted_is_no_exception() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let inner = dir.path().join("dir");
            a_directory(&inner);
            a_file(&inner.join("f"));
            let object = FileObject::new(&inner);
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            fs::remove_dir(&inner).expect_err("it is not empty");
            fs::remove_file(&inner).expect_err("it is no file");
            pending.place(&port);
            assert_eq!(drain(&port), []);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
        }
    });
}

#[test]
fn file_41_watches_of_other_links_see_a_change_of_attributes_and_stay() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
            fs::hard_link(&file, &link).expect("a link can be made");
            let [watched, other, deaf] = [&file, &link, &link].map(FileObject::new);
            assert_eq!(associate_file(&port, &other, FILE_ATTRIB, 2), Ok(()));
            assert_eq!(associate_file(&port, &deaf, FILE_ACCESS, 3), Ok(()));
            assert_eq!(associate_file(&port, &watched, FILE_ATTRIB, 1), Ok(()));
            delete(&file);
            pending.place(&port);
            let mut events = drain(&port);
            events.sort_by_key(|event| event.user);
            assert_eq!(events, [Event::file(&watched, FILE_DELETE, 1), Event::file(&other, FILE_ATTRIB, 2)]);
            read_byte(&link);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&deaf, FILE_ACCESS, 3)]);
        }
    });
}

#[test]
fn file_41_renaming_another_link_is_no_exception() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
            fs::hard_link(&file, &link).expect("a link can be made");
            let [attrib, nothing] = [(); 2].map(|()| FileObject::new(&file));
            assert_eq!(associate_file(&port, &attrib, FILE_ATTRIB, 1), Ok(()));
            assert_eq!(associate_file(&port, &nothing, 0, 2), Ok(()));
            rename(&link, &dir.path().join("other"));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&attrib, FILE_ATTRIB, 1)]);
            let new = dir.file("new", b"2");
            rename(&new, &dir.path().join("other"));
            pending.place(&port);
            assert_eq!(drain(&port), []);
            assert_eq!(dissociate_file(&port, &nothing), Ok(()));
        }
    });
}

/// FILE-41: the same name elsewhere, other names here.
#[test]
fn file_41_only_the_watched_name_in_its_own_directory_counts() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let inner = dir.path().join("dir");
            a_directory(&inner);
            let object = FileObject::new(dir.file("f", b"1"));
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            for name in ["F", "ff", "g", "f "] {
                dir.file(name, b"1");
                delete(&dir.path().join(name));
            }
            a_file(&inner.join("f"));
            let neighbour = FileObject::new(inner.join("g"));
            a_file(neighbour.path());
            assert_eq!(associate_file(&port, &neighbour, 0, 2), Ok(()));
            delete(&inner.join("f"));
            pending.place(&port);
            assert_eq!(drain(&port), []);
            delete(object.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
        }
    });
}

#[test]
fn file_42_the_order_of_a_renaming_over_another_file() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (source, target) = (dir.path().join("source"), dir.path().join("target"));
            a_directory(&source);
            a_directory(&target);
            a_file(&source.join("f"));
            a_file(&target.join("g"));
            let objects = [&source, &target, &source.join("f"), &target.join("g")].map(FileObject::new);
            for object in &objects {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, 1), Ok(()));
            }
            rename(&source.join("f"), &target.join("g"));
            pending.place(&port);
            let [source, target, moved, replaced] = &objects;
            let expected = [
                Event::file(replaced, FILE_RENAME_TO, 1),
                Event::file(moved, FILE_RENAME_FROM, 1),
                Event::file(target, FILE_MODIFIED, 1),
                Event::file(source, FILE_MODIFIED, 1),
            ];
            assert_eq!(drain(&port), expected);
        }
    });
}

#[test]
fn file_42_within_one_directory_that_is_told_once() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let objects = [dir.path().to_owned(), dir.file("f", b"1"), dir.file("g", b"2")].map(FileObject::new);
            for object in &objects {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, 1), Ok(()));
            }
            let [dir, moved, replaced] = &objects;
            rename(moved.path(), replaced.path());
            pending.place(&port);
            let expected = [
                Event::file(replaced, FILE_RENAME_TO, 1),
                Event::file(moved, FILE_RENAME_FROM, 1),
                Event::file(dir, FILE_MODIFIED, 1),
            ];
            assert_eq!(drain(&port), expected);
            assert_eq!(associate_file(&port, dir, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(drain(&port), []);
        }
    });
}

/// FILE-15, ORDER-1: within one operation on one name, in the order of arming.
#[test]
fn file_33_watches_of_one_name_have_their_exceptions_in_the_order_of_arming() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let [a, b, c] = [(); 3].map(|()| FileObject::new(&file));
            for (user, object) in [&a, &b, &c].into_iter().enumerate() {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            // One that is armed keeps its place, whatever is asked for now; one whose event has come does not.
            assert_eq!(associate_file(&port, &a, FILE_ATTRIB, 0), Ok(()));
            assert_eq!(associate_file(&port, &a, ALL, 0), Ok(()));
            assert_eq!(associate_file(&port, &c, FILE_ACCESS, 2), Ok(()));
            read_byte(&file);
            pending.place(&port);
            for event in drain(&port) {
                let object = if event.user == 0 { &a } else { &c };
                assert_eq!(associate_file(&port, object, 0, event.user), Ok(()));
            }
            delete(&file);
            pending.place(&port);
            let deleted = |object, user| Event::file(object, FILE_DELETE, user);
            assert_eq!(drain(&port), [deleted(&b, 1), deleted(&a, 0), deleted(&c, 2)]);
        }
    });
}

/// FILE-42: the exception comes before the event of the directory.
#[test]
fn file_42_deleting_is_told_of_the_file_before_its_directory() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let objects = [dir.path().to_owned(), dir.file("f", b"1")].map(FileObject::new);
            for object in &objects {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, 1), Ok(()));
            }
            let [dir, file] = &objects;
            delete(file.path());
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(file, FILE_DELETE, 1), Event::file(dir, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_42_renaming_one_link_over_another_of_the_same_file_is_no_exception() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
            fs::hard_link(&file, &link).expect("a link can be made");
            let [a, b] = [&file, &link].map(FileObject::new);
            for object in [&a, &b] {
                assert_eq!(associate_file(&port, object, 0, 1), Ok(()));
            }
            rename(&file, &link);
            pending.place(&port);
            assert_eq!(drain(&port), []);
            for object in [&a, &b] {
                assert_eq!(dissociate_file(&port, object), Ok(()));
            }
        }
    });
}

/// FILE-42: the directory's own event.
#[test]
fn file_42_renaming_one_link_over_another_modifies_their_directory() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
        fs::hard_link(&file, &link).expect("a link can be made");
        let object = FileObject::new(dir.path());
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        rename(&file, &link);
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
    });
}

/// FILE-42: swapping two names is two renamings.
#[test]
#[cfg(target_os = "linux")]
fn file_42_on_linux_two_names_that_are_exchanged_are_renamed_and_replaced() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let [a, b] = [dir.file("a", b"1"), dir.file("b", b"2")].map(FileObject::new);
            for object in [&a, &b] {
                assert_eq!(associate_file(&port, object, 0, 1), Ok(()));
            }
            let [from, to] = [&a, &b].map(|object| event_ports_tests::files::c_path(object.path()));
            // SAFETY: both paths are strings.
            let swapped = unsafe {
                libc::renameat2(
                    libc::AT_FDCWD,
                    from.as_ptr(),
                    libc::AT_FDCWD,
                    to.as_ptr(),
                    libc::RENAME_EXCHANGE as libc::c_uint,
                )
            };
            assert_eq!(swapped, 0);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&b, FILE_RENAME_TO, 1), Event::file(&a, FILE_RENAME_FROM, 1)]);
        }
    });
}

#[test]
fn file_43_watches_do_not_keep_a_directory_from_being_removed() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let inner = dir.path().join("dir");
            a_directory(&inner);
            let file = inner.join("f");
            a_file(&file);
            let objects = [&inner, &file, &file].map(FileObject::new);
            for (user, object) in objects.iter().enumerate() {
                assert_eq!(associate_file(&port, object, FILE_ACCESS, user), Ok(()));
            }
            fs::remove_dir_all(&inner).expect("it can be removed");
            pending.place(&port);
            let mut events = drain(&port);
            events.sort_by_key(|event| event.user);
            // Removing all lists the directory first.
            assert_eq!(events[0], Event::file(&objects[0], FILE_ACCESS, 0));
            assert_eq!(events[1..], [1, 2].map(|at| Event::file(&objects[at], FILE_DELETE, at)));
        }
    });
}

/// FILE-33: many files at once.
#[test]
fn file_33_each_of_many_deleted_files_has_its_exception() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let objects: Vec<_> = (0..500).map(|n| FileObject::new(dir.file(&n.to_string(), b"1"))).collect();
            for (user, object) in objects.iter().enumerate() {
                assert_eq!(associate_file(&port, object, ALL, user), Ok(()));
            }
            for object in &objects {
                delete(object.path());
            }
            pending.place(&port);
            let got = getn(&port, 1000, 1, POLL);
            let expected: Vec<_> =
                objects.iter().enumerate().map(|(user, object)| Event::file(object, FILE_DELETE, user)).collect();
            assert_eq!(got, Got::ok(&expected));
            assert_eq!(dissociate(&port, PORT_SOURCE_FILE, objects[0].address()), Err(ENOENT));
        }
    });
}
