//! Associating files: arguments, paths, identity (FILE-1 … FILE-20, V-37, V-38, V-48, V-49).

use event_ports_tests::files::{
    FileObject, LONG_AGO, age, append, associate_file, c_path, chmod, dissociate_file, fifo, read_byte, set_times,
    without_privileges,
};
use event_ports_tests::prelude::*;
use event_ports_tests::{ELOOP, ENAMETOOLONG, ENOTDIR, ENOTSUP};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_DELETE, FILE_MODIFIED, FILE_NOFOLLOW, FILE_RENAME_FROM, FILE_RENAME_TO};
use sys::{FILE_TRUNC, PORT_SOURCE_FILE};

const ALL: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

#[test]
fn file_01_only_ordinary_events_and_nofollow_may_be_asked_for() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        for bit in 0..32 {
            let events = 1 << bit;
            let expected = if events & (ALL | FILE_NOFOLLOW) == 0 { Err(EINVAL) } else { Ok(()) };
            assert_eq!(associate_file(&port, &object, events, 0), expected, "{events:#x}");
            assert_eq!(associate_file(&port, &object, events | FILE_MODIFIED, 0), expected, "{events:#x} and others");
        }
        assert_eq!(associate_file(&port, &object, 0, 0), Ok(()), "exceptions only");
    });
}

#[test]
fn file_01_the_events_are_looked_at_before_the_object() {
    case(|| {
        let port = port();
        assert_eq!(associate(&port, PORT_SOURCE_FILE, 0, FILE_DELETE, 0), Err(EINVAL));
        let missing = FileObject::new("/nowhere/at/all");
        assert_eq!(associate_file(&port, &missing, FILE_DELETE, 0), Err(EINVAL));
    });
}

#[test]
fn v_48_an_exception_cannot_be_asked_for() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, FILE_DELETE, 0), Err(EINVAL));
        assert_eq!(dissociate_file(&port, &object), Err(EINVAL), "no file was ever associated");
    });
}

#[test]
fn file_02_a_null_object_is_efault() {
    case(|| {
        let port = port();
        assert_eq!(associate(&port, PORT_SOURCE_FILE, 0, FILE_MODIFIED, 0), Err(EFAULT));
        assert_eq!(associate(&port, PORT_SOURCE_FILE, 0, 0, 0), Err(EFAULT));
    });
}

#[test]
fn file_02_a_bad_address_is_efault() {
    case(|| {
        let (port, page) = (port(), Page::new(Protection::None));
        let object = page.address::<u8>().addr();
        assert_eq!(associate(&port, PORT_SOURCE_FILE, object, FILE_MODIFIED, 0), Err(EFAULT));
    });
}

#[test]
fn file_03_a_bad_name_is_efault() {
    case(|| {
        let (port, page) = (port(), Page::new(Protection::None));
        let mut object = FileObject::new("/");
        for name in [std::ptr::null_mut(), page.address()] {
            object.record().fo_name = name;
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(EFAULT), "{name:?}");
        }
    });
}

#[test]
fn file_03_a_name_that_is_too_long_is_enametoolong() {
    case(|| {
        let port = port();
        for name in ["x".repeat(300), format!("/tmp/{}", "x".repeat(300)), "./".repeat(9000)] {
            let object = FileObject::new(&name);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(ENAMETOOLONG), "{} long", name.len());
        }
    });
}

#[test]
fn file_03_object_and_name_are_read_during_the_call_only() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let mut object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 5), Ok(()));
            object.rename("/nowhere");
            object.record().fo_name = std::ptr::null_mut();
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 5)]);
        }
    });
}

#[test]
fn file_04_a_relative_path_is_resolved_once() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir, other) = (port(), TempDir::new(), TempDir::new());
            let (file, same_name) = (dir.file("f", b"1"), other.file("f", b"1"));
            std::env::set_current_dir(dir.path()).expect("the directory is there");
            for name in ["f", "./f", "../f"] {
                let object = FileObject::new(match name {
                    "../f" => Path::new("..").join(dir.path().file_name().expect("it has a name")).join("f"),
                    _ => name.into(),
                });
                std::env::set_current_dir(dir.path()).expect("the directory is there");
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()), "{name}");
                std::env::set_current_dir(other.path()).expect("the directory is there");
                append(&same_name);
                pending.place(&port);
                assert_eq!(drain(&port), [], "{name}");
                append(&file);
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)], "{name}");
            }
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            fs::remove_file(&file).expect("the file can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
            std::env::set_current_dir("/").expect("the root is there");
        }
    });
}

#[test]
fn file_04_the_watch_is_bound_to_the_file_when_directories_above_are_renamed() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (above, now) = (dir.path().join("above"), dir.path().join("now"));
            fs::create_dir_all(above.join("dir")).expect("directories can be made");
            fs::write(above.join("dir/f"), "1").expect("a file can be written");
            let object = FileObject::new(above.join("dir/f"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            fs::rename(&above, &now).expect("it can be renamed");
            pending.place(&port);
            assert_eq!(drain(&port), [], "renaming a directory above is no exception");
            append(&now.join("dir/f"));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_04_the_name_stays_bound_when_directories_above_are_renamed() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (above, now) = (dir.path().join("above"), dir.path().join("now"));
            fs::create_dir_all(above.join("dir")).expect("directories can be made");
            fs::write(above.join("dir/f"), "1").expect("a file can be written");
            let (attrib, exception) = (FileObject::new(above.join("dir/f")), FileObject::new(above.join("dir/f")));
            assert_eq!(associate_file(&port, &attrib, FILE_ATTRIB, 1), Ok(()));
            assert_eq!(associate_file(&port, &exception, 0, 2), Ok(()));
            fs::rename(&above, &now).expect("it can be renamed");
            chmod(&now.join("dir/f"), 0o600);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&attrib, FILE_ATTRIB, 1)]);
            fs::remove_file(now.join("dir/f")).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&exception, FILE_DELETE, 2)]);
        }
    });
}

#[test]
fn file_05_symbolic_links_are_followed() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
            symlink("f", &link).expect("a link can be made");
            symlink(dir.path(), dir.path().join("dir")).expect("a link can be made");
            for path in [link.clone(), dir.path().join("dir/link")] {
                let object = FileObject::new(&path);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                append(&file);
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
                fs::remove_file(&link).expect("the link can be deleted");
                pending.place(&port);
                assert_eq!(drain(&port), [], "the link is not what is watched");
                // The next object need not have the same address.
                assert_eq!(dissociate_file(&port, &object), Ok(()));
                symlink("f", &link).expect("a link can be made");
            }
            let object = FileObject::new(&link);
            assert_eq!(associate_file(&port, &object, 0, 2), Ok(()));
            fs::rename(&file, dir.path().join("g")).expect("it can be renamed");
            pending.place(&port);
            assert!(drain(&port).contains(&Event::file(&object, FILE_RENAME_FROM, 2)), "the name is the target's");
        }
    });
}

#[test]
fn file_05_with_nofollow_the_link_itself_is_watched() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("link"));
            for target in ["f", "nowhere"] {
                symlink(target, &link).expect("a link can be made");
                let object = FileObject::new(&link);
                assert_eq!(associate_file(&port, &object, ALL | FILE_NOFOLLOW, 1), Ok(()));
                append(&file);
                pending.place(&port);
                assert_eq!(drain(&port), [], "the target's events are not the link's");
                set_times(&link, Some(LONG_AGO), Some(LONG_AGO));
                pending.place(&port);
                let expected = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB;
                assert_eq!(drain(&port), [Event::file(&object, expected, 1)], "NOFOLLOW itself is never returned");
                assert_eq!(associate_file(&port, &object, FILE_NOFOLLOW, 1), Ok(()));
                fs::remove_file(&link).expect("the link can be deleted");
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
            }
        }
    });
}

#[test]
fn file_05_a_trailing_slash_follows_in_spite_of_nofollow() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (target, link) = (dir.path().join("target"), dir.path().join("link"));
            fs::create_dir(&target).expect("a directory can be made");
            symlink("target", &link).expect("a link can be made");
            let object = FileObject::new(format!("{}/", link.display()));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED | FILE_NOFOLLOW, 1), Ok(()));
            fs::write(target.join("f"), "1").expect("a file can be written");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_05_errors_of_the_lookup_are_passed_on() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        symlink("circle", dir.path().join("circle")).expect("a link can be made");
        symlink("nowhere", dir.path().join("dangling")).expect("a link can be made");
        let below = |path: &str| dir.path().join(path);
        for (path, errno) in [
            (below("missing"), ENOENT),
            (below("missing/f"), ENOENT),
            ("".into(), ENOENT),
            (below("dangling"), ENOENT),
            (below("f/g"), ENOTDIR),
            (format!("{}/", file.display()).into(), ENOTDIR),
            (below("circle"), ELOOP),
        ] {
            let object = FileObject::new(&path);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(errno), "{}", path.display());
        }
    });
}

#[test]
fn file_05_a_directory_that_may_not_be_searched_is_eacces() {
    case(|| {
        let dir = TempDir::new();
        fs::create_dir(dir.path().join("closed")).expect("a directory can be made");
        fs::write(dir.path().join("closed/f"), "1").expect("a file can be written");
        chmod(&dir.path().join("closed"), 0o000);
        without_privileges(|| {
            let port = port();
            let object = FileObject::new(dir.path().join("closed/f"));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(EACCES));
        })
        .join();
        chmod(&dir.path().join("closed"), 0o700);
    });
}

#[test]
fn v_49_a_missing_path_is_enoent() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.path().join("missing"));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(ENOENT));
    });
}

#[test]
fn file_06_a_directory_by_a_dot_loses_its_name_all_the_same() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (x, y) = (dir.path().join("x"), dir.path().join("y"));
            fs::create_dir(&x).expect("a directory can be made");
            let by_dot = FileObject::new(x.join("."));
            assert_eq!(associate_file(&port, &by_dot, 0, 1), Ok(()));
            std::env::set_current_dir(&x).expect("the directory is there");
            let here = FileObject::new(".");
            assert_eq!(associate_file(&port, &here, 0, 2), Ok(()));
            fs::rename(&x, &y).expect("it can be renamed");
            pending.place(&port);
            let expected = [Event::file(&by_dot, FILE_RENAME_FROM, 1), Event::file(&here, FILE_RENAME_FROM, 2)];
            assert_eq!(drain(&port), expected);
            assert_eq!(associate_file(&port, &here, 0, 3), Ok(()));
            fs::remove_dir(&y).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&here, FILE_DELETE, 3)]);
            std::env::set_current_dir("/").expect("the root is there");
        }
    });
}

#[test]
fn file_06_the_root_can_be_watched() {
    case(|| {
        let port = port();
        let object = FileObject::new("/");
        assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
        assert_eq!(dissociate_file(&port, &object), Ok(()));
    });
}

#[test]
fn file_07_by_two_dots_a_directory_s_name_is_not_its_own() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (x, y, z) = (dir.path().join("x"), dir.path().join("y"), dir.path().join("z"));
            fs::create_dir_all(x.join("below")).expect("directories can be made");
            let told = FileObject::new(x.join("below/.."));
            assert_eq!(associate_file(&port, &told, FILE_ATTRIB, 1), Ok(()));
            fs::rename(&x, &y).expect("it can be renamed");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&told, FILE_ATTRIB, 1)]);
            let untold = FileObject::new(y.join("below/.."));
            assert_eq!(associate_file(&port, &untold, 0, 2), Ok(()));
            fs::rename(&y, &z).expect("it can be renamed");
            pending.place(&port);
            assert_eq!(drain(&port), [], "not an exception");
            assert_eq!(dissociate_file(&port, &untold), Ok(()), "and so it still is there");
        }
    });
}

#[test]
fn file_08_an_unreadable_file_can_be_watched() {
    case(|| {
        let dir = TempDir::new();
        let file = dir.file("f", b"1");
        chmod(dir.path(), 0o755);
        chmod(&file, 0o000);
        without_privileges(|| {
            let port = port();
            assert_eq!(associate_file(&port, &FileObject::new(&file), FILE_MODIFIED, 0), Ok(()));
        })
        .join();
    });
}

/// FILE-8: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_08_on_linux_an_unreadable_file_is_eacces_and_holds_nothing() {
    case(|| {
        let dir = TempDir::new();
        let (file, readable) = (dir.file("f", b"1"), dir.file("g", b"1"));
        chmod(dir.path(), 0o755);
        chmod(&file, 0o000);
        without_privileges(|| {
            limit_events(1);
            let port = port();
            let object = FileObject::new(&file);
            for _ in 0..3 {
                assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(EACCES));
            }
            assert_eq!(associate_file(&port, &FileObject::new(readable), FILE_MODIFIED, 0), Ok(()));
        })
        .join();
    });
}

#[test]
fn file_08_the_directory_needs_no_more_than_search_permission() {
    case(|| {
        for pending in Pending::BOTH {
            let dir = TempDir::new();
            let inner = dir.path().join("inner");
            fs::create_dir(&inner).expect("a directory can be made");
            let path = |name: &str| inner.join(name);
            for name in ["deleted", "renamed", "replaced", "other", "changed"] {
                fs::write(path(name), "1").expect("a file can be written");
            }
            fs::hard_link(path("changed"), path("link")).expect("a link can be made");
            chmod(dir.path(), 0o755);
            let ready = Pipe::new();
            let done = Pipe::new();
            chmod(&inner, 0o711);
            let child = without_privileges(|| {
                let port = port();
                let [deleted, renamed, replaced, changed] =
                    ["deleted", "renamed", "replaced", "changed"].map(|name| FileObject::new(path(name)));
                for (object, events) in [(&deleted, 0), (&renamed, 0), (&replaced, 0), (&changed, FILE_ATTRIB)] {
                    assert_eq!(associate_file(&port, object, events, 1), Ok(()));
                }
                write(&ready.write);
                assert_eq!(poll(&done.read, POLLIN, 10_000), POLLIN);
                pending.place(&port);
                let expected = [
                    Event::file(&deleted, FILE_DELETE, 1),
                    Event::file(&renamed, FILE_RENAME_FROM, 1),
                    Event::file(&replaced, FILE_RENAME_TO, 1),
                    Event::file(&changed, FILE_ATTRIB, 1),
                ];
                assert_eq!(drain(&port), expected);
            });
            assert_eq!(poll(&ready.read, POLLIN, 10_000), POLLIN);
            fs::remove_file(path("deleted")).expect("it can be deleted");
            fs::rename(path("renamed"), path("away")).expect("it can be renamed");
            fs::rename(path("other"), path("replaced")).expect("it can be renamed");
            fs::remove_file(path("link")).expect("it can be deleted");
            write(&done.write);
            child.join();
        }
    });
}

#[test]
fn file_09_files_of_every_kind_can_be_watched() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            fs::create_dir(dir.path().join("dir")).expect("a directory can be made");
            symlink("nowhere", dir.path().join("link")).expect("a link can be made");
            let socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("a socket");
            let paths = [
                dir.file("f", b"1"),
                dir.path().join("dir"),
                dir.path().join("link"),
                fifo(dir.path().join("fifo")),
                dir.path().join("socket"),
            ];
            for path in &paths {
                let object = FileObject::new(path);
                assert_eq!(associate_file(&port, &object, FILE_ATTRIB | FILE_NOFOLLOW, 1), Ok(()), "{path:?}");
                set_times(path, Some(LONG_AGO), Some(LONG_AGO));
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 1)], "{path:?}");
                assert_eq!(associate_file(&port, &object, FILE_NOFOLLOW, 1), Ok(()), "{path:?}");
                let away = dir.path().join("away");
                fs::rename(path, &away).expect("it can be renamed");
                pending.place(&port);
                assert_eq!(drain(&port), [Event::file(&object, FILE_RENAME_FROM, 1)], "{path:?}");
                fs::rename(&away, path).expect("it can be renamed");
            }
            drop(socket);
        }
    });
}

#[test]
fn file_09_a_device_can_be_watched() {
    case(|| {
        let port = port();
        let object = FileObject::new("/dev/null");
        assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 1), Ok(()));
        assert_eq!(dissociate_file(&port, &object), Ok(()));
    });
}

#[test]
fn file_09_a_descriptor_s_path_watches_the_real_file() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let open = fs::File::open(&file).expect("it can be opened");
            let path = format!("/proc/{}/fd/{}", std::process::id(), open.as_raw_fd());
            let object = FileObject::new(&path);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
            // A file that has no name any more.
            fs::remove_file(&file).expect("it can be deleted");
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 2), Ok(()));
            // SAFETY: no memory is touched.
            assert_eq!(unsafe { libc::fchmod(open.as_raw_fd(), 0o600) }, 0);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 2)]);
        }
    });
}

#[test]
fn file_10_a_file_system_that_does_not_tell_is_enotsup() {
    case(|| {
        let port = port();
        let object = FileObject::new(format!("/proc/{}", std::process::id()));
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(ENOTSUP));
        #[cfg(target_os = "linux")]
        for path in ["/proc/version", "/sys/kernel", "/proc/self/ns/mnt"] {
            assert_eq!(associate_file(&port, &FileObject::new(path), 0, 0), Err(ENOTSUP), "{path}");
        }
        let pipe = Pipe::new();
        let path = format!("/proc/{}/fd/{}", std::process::id(), pipe.read.as_raw_fd());
        assert_eq!(associate_file(&port, &FileObject::new(path), 0, 0), Err(ENOTSUP));
    });
}

#[test]
fn file_11_errors_come_in_order() {
    case(|| {
        let (original, dir) = (port(), TempDir::new());
        let file = FileObject::new(dir.file("f", b"1"));
        let port = dup(&original);
        close(original);
        let missing = FileObject::new(dir.path().join("missing"));
        let untold = FileObject::new(format!("/proc/{}", std::process::id()));
        assert_eq!(associate_file(&port, &missing, FILE_DELETE, 0), Err(EINVAL));
        assert_eq!(associate(&port, PORT_SOURCE_FILE, 0, 0, 0), Err(EFAULT));
        assert_eq!(associate_file(&port, &missing, 0, 0), Err(ENOENT));
        assert_eq!(associate_file(&port, &untold, 0, 0), Err(ENOTSUP));
        assert_eq!(associate_file(&port, &file, 0, 0), Err(EBADF), "PORT-10");
        let pipe = Pipe::new();
        assert_eq!(associate_file(&pipe.read, &missing, FILE_DELETE, 0), Err(EBADFD), "SYS-5");
    });
}

/// PORT-10, V-34.
#[test]
fn port_10_the_first_file_goes_by_the_number_port_create_returned() {
    case(|| {
        let dir = TempDir::new();
        let object = FileObject::new(dir.file("f", b"1"));
        let original = port();
        let number = original.as_raw_fd();
        let port = dup(&original);
        close(original);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(EBADF), "closed");
        let pipe = Pipe::new();
        assert_eq!(pipe.read.as_raw_fd(), number);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Err(EBADFD), "another file");
        assert_eq!(dissociate_file(&port, &object), Err(EINVAL), "no file was ever associated");
        close(pipe.read);
        let back = dup(&port);
        assert_eq!(back.as_raw_fd(), number);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Ok(()), "the port again");
        // Closing a duplicate ends associations on illumos (CLOSE-2), but not the source's registration.
        close(back);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 0), Ok(()), "it is asked only once");
    });
}

/// FILE-12, LIMIT-3.
#[test]
fn file_12_at_the_limit_the_call_succeeds_and_associates_nothing() {
    case(|| {
        let dir = TempDir::new();
        limit_events(1);
        let port = port();
        let (one, other) = (FileObject::new(dir.file("f", b"1")), FileObject::new(dir.file("g", b"1")));
        assert_eq!(associate_file(&port, &one, FILE_MODIFIED, 0), Ok(()));
        assert_eq!(associate_file(&port, &other, FILE_MODIFIED, 0), Ok(()));
        assert_eq!(dissociate_file(&port, &other), Err(ENOENT));
    });
}

/// FILE-12, LIMIT-3: what happens instead on Linux.
#[test]
#[cfg(target_os = "linux")]
fn file_12_on_linux_the_limit_is_eagain() {
    case(|| {
        let dir = TempDir::new();
        limit_events(2);
        let port = port();
        let [a, b, c] = ["a", "b", "c"].map(|name| FileObject::new(dir.file(name, b"1")));
        assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 0), Ok(()));
        assert_eq!(associate_file(&port, &b, FILE_MODIFIED, 0), Ok(()));
        assert_eq!(associate_file(&port, &c, FILE_MODIFIED, 0), Err(EAGAIN));
        assert_eq!(associate_file(&port, &a, FILE_ATTRIB, 0), Ok(()), "one that has a slot needs no other");
        assert_eq!(dissociate_file(&port, &c), Err(ENOENT));
        assert_eq!(dissociate_file(&port, &b), Ok(()));
        assert_eq!(associate_file(&port, &c, FILE_MODIFIED, 0), Ok(()));
    });
}

/// FILE-14.
#[test]
fn file_14_the_address_is_the_identity() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, other) = (dir.file("f", b"1"), dir.file("g", b"1"));
            let mut object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            // The same address with another content is the same association.
            object.rename(&other);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            append(&file);
            append(&other);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
        }
    });
}

#[test]
fn file_15_objects_that_name_one_file_are_independent_and_in_the_order_of_arming() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let [a, b, c] = [(); 3].map(|()| FileObject::new(&file));
            for (user, object) in [&a, &b, &c].into_iter().enumerate() {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            // One that is armed keeps its place.
            assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 0), Ok(()));
            append(&file);
            pending.place(&port);
            let event = |object, user| Event::file(object, FILE_MODIFIED, user);
            assert_eq!(drain(&port), [event(&a, 0), event(&b, 1), event(&c, 2)]);
            // One that has been retrieved goes to the end.
            for (object, user) in [(&b, 1), (&a, 0), (&c, 2)] {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [event(&b, 1), event(&a, 0), event(&c, 2)]);
            // So does one whose event is queued.
            for (object, user) in [(&a, 0), (&b, 1), (&c, 2)] {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED | FILE_ATTRIB, user), Ok(()));
            }
            assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 0), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 0), Ok(()));
            assert_eq!(drain(&port).len(), 2);
            for (object, user) in [(&b, 1), (&c, 2)] {
                assert_eq!(associate_file(&port, object, FILE_MODIFIED, user), Ok(()));
            }
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [event(&a, 0), event(&b, 1), event(&c, 2)]);
        }
    });
}

#[test]
fn file_15_hard_links_of_a_file_are_watched_independently() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let link = dir.path().join("link");
            fs::hard_link(&file, &link).expect("a link can be made");
            let (a, b) = (FileObject::new(&file), FileObject::new(&link));
            assert_eq!(associate_file(&port, &a, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&port, &b, FILE_ACCESS, 2), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&a, FILE_MODIFIED, 1)]);
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&b, FILE_ACCESS, 2)]);
        }
    });
}

#[test]
fn file_16_associating_again_replaces_mask_and_cookie_and_arms() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 2), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), []);
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 2)]);
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [], "one-shot");
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 3), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [], "what happened before is not its event");
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 3)]);
        }
    });
}

#[test]
fn file_16_associating_again_takes_a_queued_event_back() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(drain(&port), []);
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
        }
    });
}

#[test]
fn file_16_another_hard_link_in_the_same_directory_leaves_the_old_name_in_force() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (a, b) = (dir.file("a", b"1"), dir.path().join("b"));
            fs::hard_link(&a, &b).expect("a link can be made");
            let mut object = FileObject::new(&a);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 1), Ok(()));
            object.rename(&b);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 2), Ok(()));
            fs::remove_file(&b).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 2)], "another name");
            fs::hard_link(&a, &b).expect("a link can be made");
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 3), Ok(()));
            fs::remove_file(&a).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 3)], "its name");
        }
    });
}

#[test]
fn file_16_a_name_that_is_gone_stays_in_force_too() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (a, b) = (dir.file("a", b"1"), dir.path().join("b"));
            let mut object = FileObject::new(&a);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&a);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
            fs::rename(&a, &b).expect("it can be renamed");
            object.rename(&b);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 2), Ok(()));
            chmod(&b, 0o600);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 2)]);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 3), Ok(()));
            fs::rename(&b, dir.path().join("c")).expect("it can be renamed");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 3)], "not the name it watches");
        }
    });
}

/// FILE-17.
#[test]
fn v_37_the_cookie_given_last_comes_with_the_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
        }
    });
}

#[test]
fn v_38_associating_a_changed_file_with_old_times_gives_one_event() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            age(&file);
            let object = FileObject::stated(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
        }
    });
}

#[test]
fn file_18_another_file_at_the_path_begins_a_new_watch() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, old) = (dir.file("f", b"1"), dir.path().join("old"));
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            // No exception: the association is not armed (FILE-37).
            fs::rename(&file, &old).expect("it can be renamed");
            fs::write(&file, "2").expect("it can be written");
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 2), Ok(()));
            assert_eq!(drain(&port), [], "the queued event is discarded");
            append(&old);
            read_byte(&old);
            pending.place(&port);
            assert_eq!(drain(&port), [], "the old file is not watched");
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 2)], "without the discarded event's bits");
        }
    });
}

#[test]
fn file_18_a_link_in_another_directory_begins_a_new_watch() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let (file, link) = (dir.file("f", b"1"), dir.path().join("dir/f"));
            fs::create_dir(dir.path().join("dir")).expect("a directory can be made");
            fs::hard_link(&file, &link).expect("a link can be made");
            let mut object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 1), Ok(()));
            object.rename(&link);
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 2), Ok(()));
            fs::remove_file(&file).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ATTRIB, 2)], "no longer its name");
            assert_eq!(associate_file(&port, &object, FILE_ATTRIB, 3), Ok(()));
            fs::remove_file(&link).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 3)]);
        }
    });
}

#[test]
fn file_19_an_error_leaves_the_earlier_association_as_it_was() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let mut object = FileObject::new(&file);
            let fail = |object: &mut FileObject| {
                assert_eq!(associate_file(&port, object, FILE_DELETE, 9), Err(EINVAL));
                object.rename(dir.path().join("missing"));
                assert_eq!(associate_file(&port, object, FILE_ACCESS, 9), Err(ENOENT));
                object.rename(format!("/proc/{}", std::process::id()));
                assert_eq!(associate_file(&port, object, FILE_ACCESS, 9), Err(ENOTSUP));
                object.record().fo_name = std::ptr::null_mut();
                assert_eq!(associate_file(&port, object, FILE_ACCESS, 9), Err(EFAULT));
                object.rename(&file);
            };
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            fail(&mut object);
            read_byte(&file);
            append(&file);
            pending.place(&port);
            fail(&mut object);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)], "armed, then queued");
            fail(&mut object);
            assert_eq!(dissociate_file(&port, &object), Err(ENOENT), "spent");
        }
    });
}

#[test]
fn file_20_bits_of_an_event_that_was_taken_back_come_with_the_next() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 2), Ok(()));
            assert_eq!(drain(&port), []);
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS | FILE_MODIFIED, 2)]);
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 3), Ok(()));
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 3)], "and only with the next");
        }
    });
}

#[test]
fn file_20_dissociating_forgets_the_bits() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = FileObject::new(&file);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&file);
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            assert_eq!(associate_file(&port, &object, FILE_ACCESS, 2), Ok(()));
            read_byte(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS, 2)]);
        }
    });
}

#[test]
fn file_names_need_not_be_text() {
    case(|| {
        use std::os::unix::ffi::OsStrExt as _;
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let path = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff\n\x01 \\"));
            fs::write(&path, "1").expect("it can be written");
            assert_eq!(c_path(&path).to_bytes().last(), Some(&b'\\'));
            let object = FileObject::new(&path);
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
            append(&path);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
            assert_eq!(associate_file(&port, &object, 0, 1), Ok(()));
            fs::remove_file(&path).expect("it can be deleted");
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_DELETE, 1)]);
        }
    });
}
