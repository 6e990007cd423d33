//! `port_dissociate` of a descriptor (FD-28, FD-29).

use event_ports_tests::prelude::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// FD-28.
#[test]
fn v_24_a_second_dissociation_finds_nothing() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
        assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
        write(&pipe.write);
        assert_eq!(drain(&port), [], "no event comes");
    });
}

/// FD-28.
#[test]
fn v_25_dissociation_removes_a_queued_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[]));
            assert!(!is_readable(&port));
        }
    });
}

/// FD-28.
#[test]
fn v_26_after_its_event_there_is_nothing_to_dissociate() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(get(&port, None), Ok(Some(Event::fd(&pipe.read, POLLIN, 1))));
            assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
            assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
        }
    });
}

/// FD-28.
#[test]
fn v_27_a_closed_number_is_enoent_before_the_first_association_and_ebadfd_after_it() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let closed = dup(&pipe.read).as_raw_fd();
        assert_eq!(dissociate_fd(&port, &closed), Err(ENOENT));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(dissociate_fd(&port, &closed), Err(EBADFD));
        assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
        assert_eq!(dissociate_fd(&port, &closed), Err(EBADFD), "even when none is left");
    });
}

#[test]
fn fd_28_an_object_beyond_int_is_ebadfd_before_and_after_the_first_association() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        for _ in 0..2 {
            for object in [usize::MAX, 1 << 31, (1 << 32) + pipe.read.as_raw_fd() as usize] {
                assert_eq!(dissociate(&port, PORT_SOURCE_FD, object), Err(EBADFD), "{object:#x}");
            }
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        }
    });
}

#[test]
fn fd_28_a_descriptor_of_another_port_is_enoent() {
    case(|| {
        let (one, other) = (port(), port());
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&one, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(dissociate_fd(&other, &pipe.read), Err(ENOENT));
        assert_eq!(associate_fd(&other, &pipe.write, POLLIN, 1), Ok(()));
        assert_eq!(dissociate_fd(&other, &pipe.read), Err(ENOENT));
        assert_eq!(dissociate_fd(&one, &pipe.read), Ok(()), "which is unharmed");
    });
}

#[test]
fn fd_28_a_duplicate_of_the_number_is_enoent() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        let duplicate = dup(&pipe.read);
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(dissociate_fd(&port, &duplicate), Err(ENOENT));
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
    });
}

#[test]
fn fd_28_an_association_can_be_made_again_after_every_kind_of_dissociation() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()), "armed");
            write(&pipe.write);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()), "queued");
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 3)]);
            assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT), "delivered");
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 4), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 4)]);
        }
    });
}

#[test]
fn fd_28_other_events_pass_a_removed_one() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (a, b, c) = (Pipe::ready(), Pipe::ready(), Pipe::ready());
            for (user, pipe) in [&a, &b, &c].into_iter().enumerate() {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            }
            pending.place(&port);
            assert_eq!(dissociate_fd(&port, &b.read), Ok(()));
            assert_eq!(drain(&port), [Event::fd(&a.read, POLLIN, 0), Event::fd(&c.read, POLLIN, 2)]);
        }
    });
}

#[test]
fn fd_29_either_the_event_comes_or_the_dissociation_succeeds() {
    case(|| {
        const ROUNDS: usize = 20_000;
        let port = port();
        let pipe = Pipe::ready();
        let stop = AtomicBool::new(false);
        let mut removed = HashSet::new();
        let seen = thread::scope(|scope| {
            let retriever = scope.spawn(|| {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    seen.extend(getn(&port, 8, 1, ms(1)).events.into_iter().map(|event| event.user));
                }
                seen
            });
            for user in 0..ROUNDS {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
                match dissociate_fd(&port, &pipe.read) {
                    Ok(()) => assert!(removed.insert(user)),
                    Err(errno) => assert_eq!(errno, ENOENT),
                }
            }
            stop.store(true, Ordering::Relaxed);
            retriever.join().expect("the retriever does not panic")
        });
        let distinct: HashSet<usize> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "no event comes twice");
        for user in 0..ROUNDS {
            assert_ne!(removed.contains(&user), distinct.contains(&user), "round {user}: removed or delivered");
        }
    });
}
