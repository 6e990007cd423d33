//! When a descriptor's event comes and what it says (FD-12 to FD-20).

use event_ports_tests::prelude::*;
use std::os::unix::net::UnixStream;

fn sockets() -> (UnixStream, UnixStream) {
    let (left, right) = UnixStream::pair().expect("a socket pair");
    for socket in [&left, &right] {
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
    }
    (left, right)
}

#[test]
fn fd_12_unread_data_fires_at_every_association() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            for user in 0..3 {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
                pending.place(&port);
                assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, user)]);
            }
            assert_eq!(read_all(&pipe.read), 1);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 9), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), []);
        }
    });
}

#[test]
fn fd_12_the_event_is_queued_before_the_call_returns() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        assert_eq!(pending(&port), 1);
    });
}

#[test]
fn fd_13_only_what_is_asked_for_is_reported() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (left, right) = sockets();
            write(&right);
            for (mask, expected) in [(POLLIN, POLLIN), (POLLOUT, POLLOUT), (POLLIN | POLLOUT, POLLIN | POLLOUT)] {
                assert_eq!(associate_fd(&port, &left, mask, 1), Ok(()));
                pending.place(&port);
                assert_eq!(drain(&port), [Event::fd(&left, expected, 1)], "asked for {mask:#x}");
            }
        }
    });
}

#[test]
fn fd_13_a_hang_up_is_reported_unasked() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            drop(pipe.write);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN | POLLHUP, 1)]);
            assert_eq!(associate_fd(&port, &pipe.read, 0, 2), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLHUP, 2)]);
        }
    });
}

#[test]
fn fd_13_the_writing_end_learns_that_nobody_reads() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.write, 0, 1), Ok(()));
            assert_eq!(drain(&port), []);
            drop(pipe.read);
            pending.place(&port);
            // Which of the two it is differs between systems.
            let events = drain(&port);
            assert_eq!(events.len(), 1, "{events:?}");
            assert_ne!(events[0].events & (POLLERR | POLLHUP), 0, "{events:?}");
            assert_eq!(events[0].events & !(POLLERR | POLLHUP), 0, "{events:?}");
        }
    });
}

#[test]
fn fd_15_a_wakeup_reports_what_it_announced() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (left, right) = sockets();
            fill(&left);
            assert_eq!(associate_fd(&port, &left, POLLIN | POLLOUT, 1), Ok(()));
            assert_eq!(drain(&port), [], "full, and nothing to read");
            write(&right);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&left, POLLIN, 1)]);
        }
    });
}

/// FD-15, FD-16.
#[test]
fn fd_15_a_condition_that_comes_later_is_not_merged_into_a_queued_event() {
    case(|| {
        let port = port();
        let (left, right) = sockets();
        fill(&left);
        assert_eq!(associate_fd(&port, &left, POLLIN | POLLOUT, 1), Ok(()));
        write(&right);
        Pending::InQueue.place(&port);
        assert!(read_all(&right) > 0, "the peer makes room");
        assert_eq!(drain(&port), [Event::fd(&left, POLLIN, 1)]);
        assert_eq!(drain(&port), [], "one event per association");
    });
}

/// FD-15, FD-16.
#[test]
fn fd_15_a_condition_that_comes_later_is_not_merged_into_an_event_nobody_has_looked_at() {
    case(|| {
        let port = port();
        let (left, right) = sockets();
        fill(&left);
        assert_eq!(associate_fd(&port, &left, POLLIN | POLLOUT, 1), Ok(()));
        write(&right);
        assert!(read_all(&right) > 0, "the peer makes room");
        assert_eq!(drain(&port), [Event::fd(&left, POLLIN, 1)]);
    });
}

/// FD-16.
#[test]
fn v_20_two_writes_are_one_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            write(&pipe.write);
            pending.place(&port);
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[Event::fd(&pipe.read, POLLIN, 1)]));
        }
    });
}

/// FD-12, FD-16.
#[test]
fn v_21_after_its_event_a_descriptor_is_silent_until_associated_again() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(drain(&port).len(), 1);
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[]));
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[]), "more data says nothing new");
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 2)]);
        }
    });
}

#[test]
fn fd_16_a_hang_up_after_the_event_is_silent_too() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(drain(&port).len(), 1);
        drop(pipe.write);
        assert_eq!(get(&port, ms(20)), Err(ETIME));
        assert!(!is_readable(&port));
    });
}

#[test]
fn fd_17_a_queued_event_outlives_its_condition() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        Pending::InQueue.place(&port);
        assert_eq!(read_all(&pipe.read), 1);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
    });
}

#[test]
fn fd_17_an_event_nobody_has_looked_at_outlives_its_condition() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(read_all(&pipe.read), 1);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
    });
}

#[test]
fn fd_17_an_event_whose_condition_went_and_came_is_delivered_once() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(read_all(&pipe.read), 1);
            write(&pipe.write);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
            assert_eq!(drain(&port), []);
        }
    });
}

#[test]
fn fd_18_a_delivered_association_still_holds_its_slot() {
    case(|| {
        for pending in Pending::BOTH {
            limit_events(1);
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port).len(), 1);
            assert_eq!(send(&port, 1, 0), Err(EAGAIN), "the slot is taken");
            assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT), "there is no event to prevent");
            assert_eq!(send(&port, 1, 0), Ok(()), "but the slot is free now");
        }
    });
}

#[test]
fn fd_18_closing_the_descriptor_frees_the_slot_of_a_delivered_association() {
    case(|| {
        limit_events(1);
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(drain(&port).len(), 1);
        close(pipe.read);
        assert_eq!(send(&port, 1, 0), Ok(()));
    });
}

/// FD-19.
#[test]
fn v_32_a_regular_file_is_ready_at_once() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let directory = TempDir::new();
            let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
            assert_eq!(associate_fd(&port, &file, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(get(&port, None), Ok(Some(Event::fd(&file, POLLIN, 1))));
        }
    });
}

#[test]
fn fd_19_files_and_directories_echo_what_is_asked_for() {
    case(|| {
        const ECHOED: c_int = POLLIN | POLLRDNORM | POLLRDBAND | POLLOUT | POLLWRBAND;
        let directory = TempDir::new();
        let empty = std::fs::File::open(directory.file("file", b"")).expect("the file opens");
        let folder = std::fs::File::open(directory.path()).expect("the directory opens");
        for object in [&empty, &folder] {
            for pending in Pending::BOTH {
                let port = port();
                for mask in [POLLIN, POLLRDNORM, POLLRDBAND, POLLOUT, POLLWRBAND, POLLIN | POLLOUT, ECHOED] {
                    assert_eq!(associate_fd(&port, object, mask, 1), Ok(()));
                    pending.place(&port);
                    assert_eq!(drain(&port), [Event::fd(object, mask, 1)], "asked for {mask:#x}");
                    assert_eq!(drain(&port), [], "one-shot");
                }
                for mask in [0, sys::POLLPRI, POLLHUP, POLLERR] {
                    assert_eq!(associate_fd(&port, object, mask, 1), Ok(()));
                    assert_eq!(drain(&port), [], "asked for {mask:#x}");
                }
            }
        }
    });
}

#[test]
fn fd_19_a_regular_file_is_associated_like_any_descriptor() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let directory = TempDir::new();
            let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
            assert_eq!(associate_fd(&port, &file, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &file, POLLOUT, 2), Ok(()));
            assert_eq!(drain(&port), [Event::fd(&file, POLLOUT, 2)], "again: the old event is replaced");
            assert_eq!(dissociate_fd(&port, &file), Err(ENOENT), "delivered");
            assert_eq!(associate_fd(&port, &file, POLLIN, 3), Ok(()));
            pending.place(&port);
            assert_eq!(dissociate_fd(&port, &file), Ok(()), "queued");
            assert_eq!(drain(&port), []);
            assert_eq!(associate_fd(&port, &file, 0, 4), Ok(()));
            assert_eq!(dissociate_fd(&port, &file), Ok(()), "armed");
            assert_eq!(associate_fd(&port, &file, POLLIN, 5), Ok(()));
            pending.place(&port);
            let duplicate = dup(&file);
            drop(file);
            assert_eq!(drain(&port), [], "closed");
            drop(duplicate);
        }
    });
}

#[test]
fn fd_19_a_thread_is_woken_by_a_regular_file() {
    case(|| {
        let port = port();
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        assert_eq!(associate_fd(&port, &file, POLLIN, 1), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::fd(&file, POLLIN, 1))));
    });
}

#[test]
fn fd_20_the_fields_of_a_descriptors_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            for user in [0, 1, usize::MAX, usize::MAX / 2 + 1] {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
                pending.place(&port);
                let object = pipe.read.as_raw_fd() as usize;
                let expected = Event { source: PORT_SOURCE_FD, object, events: POLLIN, user };
                assert_eq!(get(&port, POLL), Ok(Some(expected)));
            }
        }
    });
}

#[test]
fn fd_events_of_a_socket_that_connects_and_closes() {
    case(|| {
        let port = port();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        assert_eq!(associate_fd(&port, &listener, POLLIN, 1), Ok(()));
        assert_eq!(drain(&port), []);
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        assert_eq!(get(&port, None), Ok(Some(Event::fd(&listener, POLLIN, 1))));
        let (server, _address) = listener.accept().expect("a client waits");
        assert_eq!(associate_fd(&port, &server, POLLIN, 2), Ok(()));
        assert_eq!(drain(&port), []);
        drop(client);
        let event = get(&port, None).expect("the close is seen").expect("an event");
        assert_eq!((event.user, event.events & POLLIN), (2, POLLIN), "the end can be read");
    });
}
