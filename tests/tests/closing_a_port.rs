//! Closing a port, its duplicates, and what takes over its number (CLOSE).

use event_ports_tests::prelude::*;

#[test]
fn close_01_the_last_close_discards_everything() {
    case(|| {
        for pending in Pending::BOTH {
            let old = port();
            let (queued, armed) = (Pipe::ready(), Pipe::new());
            assert_eq!(send(&old, 1, 0), Ok(()));
            assert_eq!(associate_fd(&old, &queued.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&old, &armed.read, POLLIN, 2), Ok(()));
            assert_eq!(alert(&old, PORT_ALERT_SET, 7, 0), Ok(()));
            pending.place(&old);
            let number = old.as_raw_fd();
            close(old);
            assert_eq!(send(&number, 1, 0), Err(EBADF));

            let new = port();
            assert_eq!(new.as_raw_fd(), number, "the lowest free number");
            assert_eq!(get(&new, POLL), Ok(None), "no event, no alert");
            assert_eq!(dissociate_fd(&new, &armed.read), Err(ENOENT), "no association");
            write(&armed.write);
            assert_eq!(drain(&new), []);
            assert_eq!(associate_fd(&new, &armed.read, POLLIN, 3), Ok(()));
            assert_eq!(drain(&new), [Event::fd(&armed.read, POLLIN, 3)]);
        }
    });
}

#[test]
fn close_01_a_number_that_became_another_file_is_not_the_port() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 0), Ok(()));
        let number = port.as_raw_fd();
        close(port);
        let file = std::fs::File::open("/dev/null").expect("/dev/null opens");
        assert_eq!(file.as_raw_fd(), number, "the lowest free number");
        assert_eq!(send(&number, 1, 0), Err(EBADFD));
        assert_eq!(get(&number, POLL), Err(EBADFD));
        assert_eq!(getn(&number, 4, 1, POLL), Got::failed(EBADFD, 1));
        assert_eq!(getn(&number, 0, 0, POLL).result, Err(EBADFD));
        assert_eq!(associate_fd(&number, &0, POLLIN, 0), Err(EBADFD));
        assert_eq!(dissociate_fd(&number, &0), Err(EBADFD));
        assert_eq!(alert(&number, PORT_ALERT_SET, 1, 0), Err(EBADFD));
        assert_eq!(sendn(&[number], 1, 0), (Ok(0), vec![EBADFD.0]));
    });
}

#[test]
fn close_01_dup2_over_a_port_closes_it() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(send(&port, 1, 0), Ok(()));
        dup_onto(&pipe.read, &port);
        assert_eq!(send(&port, 1, 0), Err(EBADFD));
        assert_eq!(get(&port, POLL), Err(EBADFD));
    });
}

#[test]
fn close_01_dup2_of_a_port_over_a_port_is_the_one_port() {
    case(|| {
        let (kept, replaced) = (port(), port());
        assert_eq!(send(&replaced, 1, 1), Ok(()));
        assert_eq!(send(&kept, 1, 2), Ok(()));
        dup_onto(&kept, &replaced);
        assert_eq!(drain(&replaced), [Event::user(1, 2)], "the other's event is gone with it");
        assert_eq!(send(&replaced, 1, 3), Ok(()));
        assert_eq!(drain(&kept), [Event::user(1, 3)]);
    });
}

#[test]
fn close_01_a_port_lives_as_long_as_any_duplicate() {
    case(|| {
        let original = port();
        let duplicate = dup(&original);
        assert_eq!(send(&original, 1, 1), Ok(()));
        close(original);
        assert_eq!(send(&duplicate, 1, 2), Ok(()));
        assert_eq!(drain(&duplicate), [Event::user(1, 1), Event::user(1, 2)], "user events survive");
    });
}

#[test]
fn close_01_many_ports_one_after_the_other() {
    case(|| {
        let first = port();
        let number = first.as_raw_fd();
        close(first);
        let pipe = Pipe::ready();
        for user in 0..2_000 {
            let port = port();
            assert_eq!(drain(&port), []);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            assert_eq!(send(&port, 1, user), Ok(()));
            assert!(port.as_raw_fd() <= number + 8, "numbers are given back: {}", port.as_raw_fd());
        }
    });
}

/// CLOSE-2.
#[test]
fn v_33_closing_a_duplicate_wipes_the_associations() {
    case(|| {
        let port = port();
        let duplicate = dup(&port);
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        close(duplicate);
        write(&pipe.write);
        assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[]));
        assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
    });
}

#[test]
fn close_02_user_events_survive_the_close_of_a_duplicate_and_the_port_goes_on() {
    case(|| {
        let port = port();
        let duplicate = dup(&port);
        let pipe = Pipe::ready();
        assert_eq!(send(&duplicate, 1, 2), Ok(()));
        close(duplicate);
        assert_eq!(drain(&port), [Event::user(1, 2)]);
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 3)]);
    });
}

#[test]
fn close_03_nothing_is_told_of_what_a_close_discards() {
    case(|| {
        let (outer, inner) = (port(), port());
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&inner, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&outer, &inner, 0, 2), Ok(()));
        close(inner);
        assert_eq!(drain(&outer), [], "not even by a port that watched it");
        assert_eq!(dissociate_fd(&outer, &pipe.read), Err(ENOENT));
    });
}
