//! `port_associate` of a descriptor: its arguments, what it identifies, and associating again (FD-1 to FD-11).

use event_ports_tests::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// FD-1.
#[test]
fn v_29_an_object_beyond_int_is_ebadfd() {
    case(|| {
        let port = port();
        let beyond = [usize::MAX, 1 << 31, (1 << 31) + 1, 1 << 32, (1 << 32) + port.as_raw_fd() as usize];
        for object in beyond {
            assert_eq!(associate(&port, PORT_SOURCE_FD, object, POLLIN, 0), Err(EBADFD), "{object:#x}");
        }
        assert_eq!(associate(&port, PORT_SOURCE_FD, (1 << 31) - 1, POLLIN, 0), Err(EBADFD), "not open either");
    });
}

#[test]
fn fd_02_a_number_that_is_not_open_is_ebadfd() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let number = pipe.read.as_raw_fd();
        drop(pipe);
        assert_eq!(associate_fd(&port, &number, POLLIN, 0), Err(EBADFD));
        assert_eq!(associate_fd(&999, &number, POLLIN, 0), Err(EBADF), "EBADF is about the port");
        assert_eq!(pending(&port), 0);
    });
}

#[test]
fn fd_03_higher_bits_of_the_mask_are_accepted_and_never_match() {
    case(|| {
        for high in [1 << 16, 1 << 27, 1 << 28, 1 << 29, 1 << 30, i32::MIN, !0xFFFF] {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, high | POLLIN, 1), Ok(()), "{high:#x}");
            assert_eq!(drain(&port), [], "{high:#x}: nothing to read");
            write(&pipe.write);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)], "{high:#x}");
            assert_eq!(drain(&port), [], "{high:#x}: one-shot all the same");
            assert_eq!(associate_fd(&port, &pipe.read, high, 2), Ok(()));
            assert_eq!(drain(&port), [], "{high:#x} alone matches nothing");
        }
    });
}

#[test]
fn fd_03_a_mask_of_zero_reports_only_trouble() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, 0, 1), Ok(()));
        write(&pipe.write);
        assert_eq!(drain(&port), [], "data is not asked for");
        drop(pipe.write);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLHUP, 1)]);
        assert_eq!(drain(&port), [], "and that once");
    });
}

#[test]
fn fd_03_a_mask_of_zero_stays_quiet_for_a_pipe_that_has_hung_up_after_the_event() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        drop(pipe.write);
        assert_eq!(associate_fd(&port, &pipe.read, 0, 1), Ok(()));
        assert_eq!(get(&port, None), Ok(Some(Event::fd(&pipe.read, POLLHUP, 1))));
        assert_eq!(get(&port, ms(20)), Err(ETIME), "no storm of hang-ups");
        assert!(!is_readable(&port));
    });
}

#[test]
fn fd_04_an_error_of_the_poll_routine_removes_the_association() {
    case(|| {
        const POLLET: c_int = 0x2000;
        let port = port();
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        assert_eq!(associate_fd(&port, &file, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &file, POLLIN | POLLET, 2), Err(EPERM));
        assert_eq!(drain(&port), [], "the earlier event is gone");
        assert_eq!(dissociate_fd(&port, &file), Err(ENOENT), "and the association");
    });
}

#[test]
fn fd_05_associating_again_is_never_eexist() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        for user in 0..10 {
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
        }
        write(&pipe.write);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 9)]);
    });
}

#[test]
fn fd_06_a_number_that_denotes_another_file_is_another_association() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (old, new) = (Pipe::ready(), Pipe::new());
            // Keeps the old file open: only the number changes hands.
            let kept = dup(&old.read);
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            dup_onto(&new.read, &old.read);
            assert_eq!(dissociate_fd(&port, &old.read), Err(ENOENT), "nothing is associated under it");
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 2), Ok(()));
            assert_eq!(drain(&port), [], "the new file has nothing to read");
            write(&new.write);
            assert_eq!(drain(&port), [Event::fd(&old.read, POLLIN, 2)]);
            drop(kept);
        }
    });
}

#[test]
fn fd_07_one_descriptor_on_several_ports() {
    case(|| {
        for pending in Pending::BOTH {
            let ports = [port(), port(), port()];
            let pipe = Pipe::new();
            for (user, port) in ports.iter().enumerate() {
                assert_eq!(associate_fd(port, &pipe.read, POLLIN, user), Ok(()));
            }
            write(&pipe.write);
            ports.iter().for_each(|port| pending.place(port));
            assert_eq!(dissociate_fd(&ports[1], &pipe.read), Ok(()));
            assert_eq!(drain(&ports[0]), [Event::fd(&pipe.read, POLLIN, 0)]);
            assert_eq!(drain(&ports[1]), []);
            assert_eq!(drain(&ports[2]), [Event::fd(&pipe.read, POLLIN, 2)]);
        }
    });
}

#[test]
fn fd_08_a_duplicate_is_an_association_of_its_own() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            let duplicate = dup(&pipe.read);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &duplicate, POLLIN, 2), Ok(()));
            write(&pipe.write);
            pending.place(&port);
            let mut events = drain(&port);
            events.sort_by_key(|event| event.user);
            assert_eq!(events, [Event::fd(&pipe.read, POLLIN, 1), Event::fd(&duplicate, POLLIN, 2)]);

            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
            assert_eq!(associate_fd(&port, &duplicate, POLLIN, 4), Ok(()));
            pending.place(&port);
            close(duplicate);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 3)], "each has its own lifetime");
        }
    });
}

/// FD-9.
#[test]
fn v_22_associating_again_replaces_the_queued_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[Event::fd(&pipe.read, POLLIN, 2)]));
            assert_eq!(drain(&port), []);
        }
    });
}

/// FD-9.
#[test]
fn v_23_associating_again_moves_to_the_tail() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (a, b) = (Pipe::ready(), Pipe::ready());
            assert_eq!(associate_fd(&port, &a.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &b.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &a.read, POLLIN, 3), Ok(()));
            let expected = [Event::fd(&b.read, POLLIN, 2), Event::fd(&a.read, POLLIN, 3)];
            assert_eq!(drain(&port), expected);
        }
    });
}

#[test]
fn fd_09_associating_again_replaces_the_mask() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (left, right) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
            assert_eq!(associate_fd(&port, &left, POLLOUT, 1), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &left, POLLIN, 2), Ok(()));
            assert_eq!(drain(&port), [], "room to write is no longer asked for");
            write(&right);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&left, POLLIN, 2)]);
            assert_eq!(associate_fd(&port, &left, POLLOUT, 3), Ok(()));
            assert_eq!(drain(&port), [Event::fd(&left, POLLOUT, 3)], "nor are the old bits");
        }
    });
}

#[test]
fn fd_09_a_replaced_event_does_not_come_back_when_the_descriptor_is_no_longer_ready() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(read_all(&pipe.read), 1);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            assert_eq!(drain(&port), []);
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 2)]);
        }
    });
}

#[test]
fn fd_10_associating_again_needs_no_slot() {
    case(|| {
        for pending in Pending::BOTH {
            limit_events(2);
            let port = port();
            let (one, other, third) = (Pipe::ready(), Pipe::ready(), Pipe::ready());
            assert_eq!(associate_fd(&port, &one.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &other.read, POLLIN, 2), Ok(()));
            assert_eq!(associate_fd(&port, &third.read, POLLIN, 3), Err(EAGAIN), "the port is full");
            pending.place(&port);
            assert_eq!(associate_fd(&port, &one.read, POLLIN, 4), Ok(()), "queued");
            assert_eq!(drain(&port), [Event::fd(&other.read, POLLIN, 2), Event::fd(&one.read, POLLIN, 4)]);
            assert_eq!(associate_fd(&port, &other.read, POLLIN, 5), Ok(()), "delivered");
            assert_eq!(drain(&port), [Event::fd(&other.read, POLLIN, 5)]);
            assert_eq!(dissociate_fd(&port, &third.read), Err(ENOENT), "the refused one is not there");
        }
    });
}

#[test]
fn fd_11_two_threads_on_one_descriptor_do_no_harm() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
                }
            });
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let result = dissociate_fd(&port, &pipe.read);
                    assert!(result == Ok(()) || result == Err(ENOENT), "{result:?}");
                }
            });
            for _ in 0..20_000 {
                for event in drain(&port) {
                    assert_eq!(event, Event::fd(&pipe.read, POLLIN, 1));
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 2)], "the port is in order");
        assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
    });
}

#[test]
fn fd_many_descriptors_at_once() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipes: Vec<Pipe> = (0..200).map(|_| Pipe::new()).collect();
            for (user, pipe) in pipes.iter().enumerate() {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            }
            for pipe in pipes.iter().step_by(2) {
                write(&pipe.write);
            }
            pending.place(&port);
            let mut got = getn(&port, 256, 1, POLL);
            got.events.sort_by_key(|event| event.user);
            let expected = pipes.iter().enumerate().step_by(2);
            let expected: Vec<Event> = expected.map(|(user, pipe)| Event::fd(&pipe.read, POLLIN, user)).collect();
            assert_eq!(got, Got::ok(&expected));
        }
    });
}
