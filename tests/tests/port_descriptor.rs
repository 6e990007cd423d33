//! The port as a descriptor: what fstat, read, poll, dup and other ports see of it (PORT).

use event_ports_tests::prelude::*;
use std::time::{Duration, Instant};

fn status(fd: &impl AsRawFd) -> libc::stat {
    // SAFETY: all zero is a valid stat.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: there is room for the result.
    assert_eq!(unsafe { libc::fstat(fd.as_raw_fd(), &raw mut status) }, 0, "fstat: {:?}", last_errno());
    status
}

#[test]
fn port_01_fstat_shows_a_port_and_how_much_is_queued() {
    case(|| {
        const S_IFPORT: u64 = 0xE000;
        let port = port();
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(send(&port, 1, 0), Ok(()));
        let status = status(&port);
        assert_eq!(u64::from(status.st_mode) & 0xF000, S_IFPORT, "the type of file");
        assert_eq!(status.st_mode & 0o777, 0, "nobody's permissions");
        assert_eq!((status.st_size, status.st_ino), (2, 0));
        // SAFETY: no arguments.
        assert_eq!((status.st_uid, status.st_gid), unsafe { (libc::getuid(), libc::getgid()) });
    });
}

#[test]
fn port_02_a_port_is_neither_read_nor_written_nor_mapped() {
    case(|| {
        let port = port();
        let mut byte = 0_u8;
        // SAFETY: there is room for one byte.
        let read = unsafe { libc::read(port.as_raw_fd(), (&raw mut byte).cast(), 1) };
        assert_eq!((read, last_errno()), (-1, EBADF));
        // SAFETY: there is one byte.
        let written = unsafe { libc::write(port.as_raw_fd(), (&raw const byte).cast(), 1) };
        assert_eq!((written, last_errno()), (-1, EBADF));
        // SAFETY: a mapping that is refused; a granted one would touch nothing of ours.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_PRIVATE, port.as_raw_fd(), 0) };
        assert_eq!((mapped, last_errno()), (libc::MAP_FAILED, EACCES));
    });
}

#[test]
fn port_02_a_port_has_no_content() {
    case(|| {
        let port = port();
        let mut byte = 0_u8;
        // SAFETY: there is room for one byte.
        assert_eq!(unsafe { libc::read(port.as_raw_fd(), (&raw mut byte).cast(), 1) }, -1);
        // SAFETY: there is one byte.
        assert_eq!(unsafe { libc::write(port.as_raw_fd(), (&raw const byte).cast(), 1) }, -1);
        assert_eq!(send(&port, 1, 0), Ok(()), "the port is none the worse");
        assert_eq!(drain(&port), [Event::user(1, 0)]);
    });
}

#[test]
fn port_03_the_file_flags_are_minus_one_without_an_error() {
    case(|| {
        let port = port();
        set_errno(Errno(0));
        // SAFETY: F_GETFL takes no argument.
        let flags = unsafe { libc::fcntl(port.as_raw_fd(), libc::F_GETFL) };
        assert_eq!((flags, last_errno()), (-1, Errno(0)));
    });
}

#[test]
fn port_04_o_nonblock_does_not_keep_a_retrieval_from_waiting() {
    case(|| {
        let port = port();
        // SAFETY: F_SETFL takes an int.
        unsafe { libc::fcntl(port.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        let start = Instant::now();
        assert_eq!(get(&port, ms(20)), Err(ETIME));
        assert_eq!(getn(&port, 1, 1, ms(20)), Got::failed(ETIME, 0));
        assert!(start.elapsed() >= Duration::from_millis(40));
    });
}

#[test]
fn port_05_poll_says_whether_something_is_queued() {
    case(|| {
        let port = port();
        assert!(!is_readable(&port), "empty");
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert!(is_readable(&port), "a user event");
        assert_eq!(drain(&port).len(), 1);
        assert!(!is_readable(&port), "empty again");

        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        assert!(!is_readable(&port), "an association alone");
        write(&pipe.write);
        assert!(is_readable(&port), "a descriptor's event");
        assert_eq!(pending(&port), 1);
        assert!(is_readable(&port), "counting takes nothing");
        assert_eq!(drain(&port).len(), 1);
        assert!(!is_readable(&port), "the descriptor is ready, but disarmed");
    });
}

#[test]
fn port_05_a_blocked_poll_wakes_when_something_is_queued() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        let number = port.as_raw_fd();
        let waiter = blocked(move || poll(&number, POLLIN, -1));
        write(&pipe.write);
        assert_eq!(waiter.join(), POLLIN);
        assert_eq!(drain(&port).len(), 1);
        let waiter = blocked(move || poll(&number, POLLIN, -1));
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(waiter.join(), POLLIN);
    });
}

#[test]
fn port_05_what_is_left_behind_keeps_the_port_readable() {
    case(|| {
        let port = port();
        for user in 0..3 {
            assert_eq!(send(&port, 1, user), Ok(()));
        }
        for user in 0..3 {
            assert!(is_readable(&port), "before event {user}");
            assert_eq!(get(&port, POLL), Ok(Some(Event::user(1, user))));
        }
        assert!(!is_readable(&port));
    });
}

#[test]
fn port_05_poll_reports_room_for_more_events() {
    case(|| {
        limit_events(1);
        let port = port();
        assert_eq!(poll(&port, POLLOUT, 0), POLLOUT);
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(poll(&port, POLLOUT, 0), 0);
        assert_eq!(poll(&port, POLLIN | POLLOUT, 0), POLLIN);
    });
}

#[test]
fn port_05_pollrdnorm_is_never_reported() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(poll(&port, POLLRDNORM, 0), 0);
        assert_eq!(poll(&port, POLLIN | POLLRDNORM, 0), POLLIN);
    });
}

#[test]
fn port_07_alert_mode_does_not_make_a_port_readable() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert!(!is_readable(&port), "an alert is no queued event");
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert!(is_readable(&port), "but events are still seen");
        assert_eq!(get(&port, POLL), Ok(Some(Event::alert(7, 0))));
        assert!(is_readable(&port), "and stay");
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert!(is_readable(&port));
        assert_eq!(drain(&port).len(), 1);
        assert!(!is_readable(&port));
    });
}

#[test]
fn port_07_a_port_whose_last_event_is_taken_back_in_alert_mode_is_not_readable() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
            assert!(is_readable(&port));
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
            assert!(!is_readable(&port), "nothing but the alert is left");
            assert_eq!(get(&port, POLL), Ok(Some(Event::alert(7, 0))));
        }
    });
}

#[test]
fn port_08_a_user_event_on_an_inner_port_fires_the_outer_one() {
    case(|| {
        let (outer, inner) = (port(), port());
        assert_eq!(associate_fd(&outer, &inner, POLLIN, 1), Ok(()));
        assert_eq!(drain(&outer), [], "the inner port is empty");
        assert_eq!(send(&inner, 5, 0), Ok(()));
        assert_eq!(drain(&outer), [Event::fd(&inner, POLLIN, 1)]);
        assert_eq!(drain(&inner), [Event::user(5, 0)]);
    });
}

#[test]
fn port_08_a_descriptor_on_an_inner_port_fires_the_outer_one() {
    case(|| {
        let (outer, middle, inner) = (port(), port(), port());
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&inner, &pipe.read, POLLIN, 3), Ok(()));
        assert_eq!(associate_fd(&middle, &inner, POLLIN, 2), Ok(()));
        assert_eq!(associate_fd(&outer, &middle, POLLIN, 1), Ok(()));
        let number = outer.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        write(&pipe.write);
        assert_eq!(waiter.join(), Ok(Some(Event::fd(&middle, POLLIN, 1))));
        assert_eq!(drain(&middle), [Event::fd(&inner, POLLIN, 2)]);
        assert_eq!(drain(&inner), [Event::fd(&pipe.read, POLLIN, 3)]);
    });
}

#[test]
fn port_08_an_inner_port_that_holds_events_fires_at_association() {
    case(|| {
        for pending in Pending::BOTH {
            let (outer, inner) = (port(), port());
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&inner, &pipe.read, POLLIN, 2), Ok(()));
            pending.place(&inner);
            assert_eq!(associate_fd(&outer, &inner, POLLIN, 1), Ok(()));
            pending.place(&outer);
            assert_eq!(drain(&outer), [Event::fd(&inner, POLLIN, 1)]);
            assert_eq!(drain(&inner), [Event::fd(&pipe.read, POLLIN, 2)]);
            assert_eq!(associate_fd(&outer, &inner, POLLIN, 1), Ok(()), "drained first, associated again last");
            assert_eq!(drain(&outer), []);
        }
    });
}

#[test]
fn port_08_a_port_may_watch_itself() {
    case(|| {
        let port = port();
        assert_eq!(associate_fd(&port, &port, POLLIN, 1), Ok(()));
        assert_eq!(send(&port, 5, 0), Ok(()));
        assert!(drain(&port).contains(&Event::user(5, 0)));
    });
}

#[test]
fn port_08_ports_may_watch_each_other_in_a_circle() {
    case(|| {
        let (one, other) = (port(), port());
        assert_eq!(associate_fd(&one, &other, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&other, &one, POLLIN, 2), Ok(()));
        assert_eq!(send(&one, 5, 0), Ok(()));
        assert!(drain(&one).contains(&Event::user(5, 0)));
        assert_eq!(drain(&other), [Event::fd(&one, POLLIN, 2)]);
    });
}

#[test]
fn port_08_an_empty_retrieval_on_an_inner_port_fires_the_outer_one() {
    case(|| {
        let (outer, inner) = (port(), port());
        assert_eq!(associate_fd(&outer, &inner, POLLIN, 1), Ok(()));
        assert_eq!(drain(&inner), []);
        assert_eq!(drain(&outer), [Event::fd(&inner, POLLIN, 1)]);
    });
}

#[test]
fn port_09_associating_a_ready_descriptor_wakes_a_blocked_poll() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        let number = port.as_raw_fd();
        let waiter = blocked(move || poll(&number, POLLIN, -1));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        assert_eq!(waiter.join(), POLLIN);
    });
}

/// PORT-10, CREATE-6.
#[test]
fn v_34_the_first_association_needs_the_ports_first_number() {
    case(|| {
        let pipe = Pipe::new();
        let original = port();
        let duplicate = dup(&original);
        close(original);
        assert_eq!(associate_fd(&duplicate, &pipe.read, POLLIN, 0), Err(EBADF));
    });
}

#[test]
fn port_10_a_first_number_that_is_another_file_now_is_ebadfd() {
    case(|| {
        let pipe = Pipe::new();
        let original = port();
        let duplicate = dup(&original);
        dup_onto(&pipe.read, &original);
        assert_eq!(associate_fd(&duplicate, &pipe.read, POLLIN, 0), Err(EBADFD));
    });
}

#[test]
fn port_10_after_one_association_the_first_number_is_not_looked_at_again() {
    case(|| {
        let (first, second) = (Pipe::new(), Pipe::ready());
        let original = port();
        let duplicate = dup(&original);
        assert_eq!(associate_fd(&original, &first.read, POLLIN, 0), Ok(()));
        close(original);
        assert_eq!(associate_fd(&duplicate, &second.read, POLLIN, 9), Ok(()));
        assert_eq!(drain(&duplicate), [Event::fd(&second.read, POLLIN, 9)]);
    });
}

#[test]
fn port_11_duplicates_are_one_port() {
    case(|| {
        let original = port();
        let duplicate = dup(&original);
        // SAFETY: F_DUPFD takes an int; what it returns is new.
        let far = unsafe { OwnedFd::from_raw_fd(libc::fcntl(original.as_raw_fd(), libc::F_DUPFD, 100)) };
        assert!(far.as_raw_fd() >= 100);
        let passed = pass_over_socket(&original);
        let pipe = Pipe::new();
        for (user, sender) in [&original, &duplicate, &far, &passed].into_iter().enumerate() {
            assert_eq!(send(sender, 1, user), Ok(()));
        }
        assert_eq!(pending(&passed), 4);
        for (user, receiver) in [&passed, &far, &duplicate, &original].into_iter().enumerate() {
            assert_eq!(get(receiver, POLL), Ok(Some(Event::user(1, user))));
        }
        assert_eq!(associate_fd(&original, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&far, &pipe.read, POLLIN, 2), Ok(()), "the same association");
        write(&pipe.write);
        assert_eq!(drain(&passed), [Event::fd(&pipe.read, POLLIN, 2)]);
        assert_eq!(dissociate_fd(&duplicate, &pipe.read), Err(ENOENT));
    });
}

#[test]
fn port_11_a_thread_waiting_on_one_number_gets_what_is_sent_to_another() {
    case(|| {
        let original = port();
        let duplicate = dup(&original);
        let number = duplicate.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        assert_eq!(send(&original, 1, 2), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::user(1, 2))));
    });
}
