//! Times compared when a file is associated (FILE-21 … FILE-25, V-35, V-36, V-40, V-41).

use event_ports_tests::files::{
    FileObject, LONG_AGO, age, append, associate_file, chmod, dissociate_file, fifo, set_times,
};
use event_ports_tests::prelude::*;
use std::fs;
use std::path::Path;
use sys::{FILE_ACCESS, FILE_ATTRIB, FILE_MODIFIED, FILE_TRUNC};

const ALL: c_int = FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB | FILE_TRUNC;

/// Makes a time differ, so that it looks as if the caller had seen another.
type Change = fn(&mut sys::file_obj);

const ACCESS_EARLIER: Change = |object| object.fo_atime.tv_sec -= 1;
const MODIFICATION_EARLIER: Change = |object| object.fo_mtime.tv_sec -= 1;
const CHANGE_EARLIER: Change = |object| object.fo_ctime.tv_sec -= 1;

fn associated(port: &OwnedFd, path: &Path, events: c_int, changes: &[Change]) -> FileObject {
    let mut object = FileObject::stated(path);
    for change in changes {
        change(object.record());
    }
    assert_eq!(associate_file(port, &object, events, 1), Ok(()));
    object
}

#[test]
fn v_35_present_times_give_no_event() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        age(&file);
        let object = associated(&port, &file, FILE_MODIFIED, &[]);
        assert_eq!(drain(&port), []);
        assert_eq!(dissociate_file(&port, &object), Ok(()), "it is armed");
    });
}

#[test]
fn v_36_a_write_is_modified_and_no_more() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let object = associated(&port, &file, FILE_MODIFIED, &[]);
            append(&file);
            pending.place(&port);
            assert_eq!(get(&port, POLL), Ok(Some(Event::file(&object, FILE_MODIFIED, 1))));
            assert_eq!(drain(&port), []);
        }
    });
}

#[test]
fn file_21_times_of_zero_are_not_compared() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = FileObject::new(dir.file("f", b"1"));
        assert_eq!(associate_file(&port, &object, ALL, 1), Ok(()));
        assert_eq!(drain(&port), []);
    });
}

#[test]
fn file_22_each_time_counts_only_if_it_is_not_zero_and_its_event_is_asked_for() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let differing: [(Change, c_int); 3] =
            [(ACCESS_EARLIER, FILE_ACCESS), (MODIFICATION_EARLIER, FILE_MODIFIED), (CHANGE_EARLIER, FILE_ATTRIB)];
        for (change, event) in differing {
            let object = associated(&port, &file, ALL, &[change]);
            assert_eq!(drain(&port), [Event::file(&object, event, 1)], "{event:#x}");
            let object = associated(&port, &file, event, &[change]);
            assert_eq!(drain(&port), [Event::file(&object, event, 1)], "{event:#x} alone");
            let object = associated(&port, &file, ALL & !event, &[change]);
            assert_eq!(drain(&port), [], "all but {event:#x}");
            assert_eq!(dissociate_file(&port, &object), Ok(()));
        }
        let zero: [Change; 3] = [
            |object| object.fo_atime = timespec(0, 0),
            |object| object.fo_mtime = timespec(0, 0),
            |object| object.fo_ctime = timespec(0, 0),
        ];
        for change in zero {
            let object = associated(&port, &file, ALL, &[change]);
            assert_eq!(drain(&port), []);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
        }
    });
}

#[test]
fn file_22_a_later_time_counts_as_an_earlier_one_does() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        let changes: [Change; 4] = [
            |object| object.fo_mtime.tv_sec += 100,
            |object| object.fo_mtime.tv_sec = -5,
            |object| object.fo_mtime.tv_nsec = (object.fo_mtime.tv_nsec + 1) % 1_000_000_000,
            // Zero is both seconds and nanoseconds of zero.
            |object| object.fo_mtime = timespec(0, 1),
        ];
        for change in changes {
            let object = associated(&port, &file, FILE_MODIFIED, &[change]);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        }
    });
}

#[test]
fn file_23_all_that_differ_come_in_one_event_at_once() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            let changes = [ACCESS_EARLIER, MODIFICATION_EARLIER, CHANGE_EARLIER];
            let object = associated(&port, &file, ALL, &changes);
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_ACCESS | FILE_MODIFIED | FILE_ATTRIB, 1)]);
        }
    });
}

/// FILE-24.
#[test]
fn file_24_fifos_are_not_compared_and_truncation_has_no_time() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let changes = [ACCESS_EARLIER, MODIFICATION_EARLIER, CHANGE_EARLIER];
        let fifo = associated(&port, &fifo(dir.path().join("fifo")), ALL, &changes);
        assert_eq!(drain(&port), []);
        assert_eq!(dissociate_file(&port, &fifo), Ok(()));
        let file = associated(&port, &dir.file("f", b"1"), FILE_TRUNC, &changes);
        assert_eq!(drain(&port), []);
        assert_eq!(dissociate_file(&port, &file), Ok(()));
    });
}

#[test]
fn file_24_directories_and_links_are_compared() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let object = associated(&port, dir.path(), FILE_MODIFIED, &[MODIFICATION_EARLIER]);
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).expect("a link can be made");
        set_times(&link, Some(LONG_AGO), Some(LONG_AGO));
        let mut object = FileObject::new(&link);
        object.record().fo_mtime = timespec(LONG_AGO, 0);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED | sys::FILE_NOFOLLOW, 1), Ok(()));
        assert_eq!(drain(&port), [], "the link's own times");
        object.record().fo_mtime = timespec(LONG_AGO, 1);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED | sys::FILE_NOFOLLOW, 1), Ok(()));
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
    });
}

#[test]
fn file_25_what_happens_between_stat_and_associate_is_told_at_once() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"1");
        age(&file);
        let object = FileObject::stated(&file);
        append(&file);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 1)]);
    });
}

/// FILE-25: a writer at full speed, and a watcher that must end up with its last write.
#[test]
fn file_25_no_change_is_lost_between_an_event_and_arming_again() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = dir.file("f", b"");
        age(&file);
        let mut object = FileObject::stated(&file);
        assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        let total = 20_000;
        let writer = std::thread::spawn({
            let file = file.clone();
            move || {
                use std::io::Write as _;
                let mut file = fs::OpenOptions::new().append(true).open(file).expect("the file can be opened");
                for _ in 0..total {
                    file.write_all(b"+").expect("the file can be written");
                }
            }
        });
        let mut seen = 0;
        while seen < total {
            let got = get(&port, ms(10_000));
            assert_eq!(got, Ok(Some(Event::file(&object, FILE_MODIFIED, 1))), "after {seen} bytes");
            object.refresh();
            seen = fs::metadata(&file).expect("the file is there").len();
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 1), Ok(()));
        }
        writer.join().expect("the writer does not panic");
    });
}

#[test]
fn v_40_what_was_dissociated_comes_again_by_old_times() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            age(&file);
            let object = associated(&port, &file, FILE_MODIFIED, &[]);
            append(&file);
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)]);
        }
    });
}

#[test]
fn v_41_what_was_dissociated_does_not_come_again_by_new_times() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, dir) = (port(), TempDir::new());
            let file = dir.file("f", b"1");
            age(&file);
            let mut object = associated(&port, &file, FILE_MODIFIED, &[]);
            append(&file);
            pending.place(&port);
            assert_eq!(dissociate_file(&port, &object), Ok(()));
            object.refresh();
            assert_eq!(associate_file(&port, &object, FILE_MODIFIED, 2), Ok(()));
            assert_eq!(drain(&port), []);
            chmod(&file, 0o600);
            append(&file);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::file(&object, FILE_MODIFIED, 2)], "it is armed");
        }
    });
}
