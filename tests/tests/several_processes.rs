//! A port and its descriptors after fork, exec and exit (FD-24 to FD-28, SHARE, FORK, EXEC, EXIT, SEND-3).

use event_ports_tests::prelude::*;
use std::os::unix::process::CommandExt as _;

/// SEND-3, SHARE-1, FORK-1, FORK-3.
#[test]
fn v_56_a_child_receives_what_its_parent_sends() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        assert_eq!(send(&port, 5, 6), Ok(()));
        let child = fork(move || assert_eq!(get(&number, ms(10_000)), Ok(Some(Event::user(5, 6)))));
        child.join();
        assert_eq!(drain(&port), [], "and the parent does not");
    });
}

#[test]
fn send_03_an_event_survives_the_process_that_sent_it() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        fork(move || assert_eq!(send(&number, 5, 6), Ok(()))).join();
        assert_eq!(drain(&port), [Event::user(5, 6)]);
    });
}

/// ALERT-6, SHARE-1.
#[test]
fn alert_06_alert_mode_holds_in_every_process() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        fork(move || assert_eq!(get(&number, ms(10_000)), Ok(Some(Event::alert(7, 8))))).join();
        assert_eq!(get(&port, POLL), Ok(Some(Event::alert(7, 8))));
    });
}

#[test]
fn fd_24_another_process_may_associate_again_without_becoming_the_owner() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let (number, read) = (port.as_raw_fd(), pipe.read.as_raw_fd());
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        fork(move || {
            assert_eq!(associate_fd(&number, &read, POLLIN, 2), Ok(()));
            assert_eq!(dissociate_fd(&number, &read), Err(EACCES), "the parent is still the owner");
        })
        .join();
        write(&pipe.write);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 2)]);
    });
}

/// FD-25, SHARE-1, FORK-1, FORK-3.
#[test]
fn fd_25_a_child_with_the_same_descriptor_may_retrieve_its_event() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        let (number, read) = (port.as_raw_fd(), pipe.read.as_raw_fd());
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        fork(move || assert_eq!(get(&number, ms(10_000)), Ok(Some(Event::fd(&read, POLLIN, 1))))).join();
        assert_eq!(drain(&port), [], "the child took it");
    });
}

/// FD-25, PORT-6, GETN-3, ORDER-3, SHARE-1, SHARE-2.
#[test]
fn fd_25_a_child_without_the_descriptor_leaves_the_event_queued() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        let (number, read) = (port.as_raw_fd(), pipe.read.as_raw_fd());
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        fork(move || {
            // SAFETY: the child's copy, which the child does not use again.
            assert_eq!(unsafe { libc::close(read) }, 0);
            assert_eq!(send(&number, 5, 6), Ok(()));
            assert_eq!(drain(&number), [Event::user(5, 6)], "what is behind it can be retrieved");
            assert!(is_readable(&number), "poll sees it all the same");
            assert_eq!(pending(&number), 1, "and so does the count");
        })
        .join();
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
    });
}

/// FD-28, FORK-1.
#[test]
fn fd_28_only_the_owner_may_dissociate() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let (number, read) = (port.as_raw_fd(), pipe.read.as_raw_fd());
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        fork(move || assert_eq!(dissociate_fd(&number, &read), Err(EACCES))).join();
        write(&pipe.write);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)], "the child changed nothing");
    });
}

#[test]
fn fork_02_a_child_that_closes_the_port_takes_nothing_from_its_parent() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (queued, armed) = (Pipe::ready(), Pipe::new());
            assert_eq!(send(&port, 5, 6), Ok(()));
            assert_eq!(associate_fd(&port, &queued.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &armed.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            let number = port.as_raw_fd();
            fork(move || {
                // SAFETY: the child's copy, which the child does not use again.
                assert_eq!(unsafe { libc::close(number) }, 0);
            })
            .join();
            write(&armed.write);
            let expected = [Event::user(5, 6), Event::fd(&queued.read, POLLIN, 1), Event::fd(&armed.read, POLLIN, 2)];
            let mut events = drain(&port);
            events.sort_by_key(|event| event.source);
            assert_eq!(events, expected);
        }
    });
}

/// FORK-3: what a child should do.
#[test]
fn fork_03_a_child_closes_the_port_and_makes_its_own() {
    case(|| {
        for pending in Pending::BOTH {
            let parents = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&parents, &pipe.read, POLLIN, 1), Ok(()));
            assert_eq!(send(&parents, 3, 4), Ok(()));
            pending.place(&parents);
            let (number, read) = (parents.as_raw_fd(), pipe.read.as_raw_fd());
            write(&pipe.write);
            fork(move || {
                // SAFETY: the child's copy, which the child does not use again.
                assert_eq!(unsafe { libc::close(number) }, 0);
                let own = port();
                assert_eq!(drain(&own), [], "nothing of the parent's");
                assert_eq!(associate_fd(&own, &read, POLLIN, 9), Ok(()));
                assert_eq!(send(&own, 7, 8), Ok(()));
                let mut events = drain(&own);
                events.sort_by_key(|event| event.source);
                assert_eq!(events, [Event::user(7, 8), Event::fd(&read, POLLIN, 9)]);
            })
            .join();
            let mut events = drain(&parents);
            events.sort_by_key(|event| event.source);
            assert_eq!(events, [Event::user(3, 4), Event::fd(&pipe.read, POLLIN, 1)]);
        }
    });
}

/// FORK-1, as far as Linux can: the child has a port to work with, and the parent's is out of its reach.
#[test]
#[cfg(target_os = "linux")]
fn fork_01_in_a_child_the_inherited_port_begins_anew() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (pipe, childs) = (Pipe::new(), Pipe::ready());
            assert_eq!(send(&port, 5, 6), Ok(()));
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            let (number, read, childs_read) = (port.as_raw_fd(), pipe.read.as_raw_fd(), childs.read.as_raw_fd());
            fork(move || {
                assert_eq!(drain(&number), [], "nothing of the parent's");
                assert_eq!(dissociate_fd(&number, &read), Err(ENOENT));
                assert_eq!(associate_fd(&number, &read, POLLIN, 2), Ok(()));
                assert_eq!(associate_fd(&number, &childs_read, POLLIN, 3), Ok(()));
                assert_eq!(send(&number, 1, 0), Ok(()));
                let mut events = drain(&number);
                events.sort_by_key(|event| event.source);
                assert_eq!(events, [Event::user(1, 0), Event::fd(&childs_read, POLLIN, 3)]);
                assert_eq!(alert(&number, PORT_ALERT_SET, 1, 0), Ok(()));
            })
            .join();
            write(&pipe.write);
            assert_eq!(drain(&port), [Event::user(5, 6), Event::fd(&pipe.read, POLLIN, 1)]);
        }
    });
}

/// FORK-1, PORT-11: all numbers of an inherited port are one port in the child, and close-on-exec stays as it was.
#[test]
#[cfg(target_os = "linux")]
fn fork_01_duplicates_of_an_inherited_port_stay_one_port() {
    case(|| {
        let port = port();
        let copy = dup(&port);
        assert_eq!(send(&copy, 1, 1), Ok(()));
        let (number, copied) = (port.as_raw_fd(), copy.as_raw_fd());
        let closing = |fd: i32| {
            // SAFETY: the call takes no pointer.
            unsafe { libc::fcntl(fd, libc::F_GETFD) }
        };
        let before = [closing(number), closing(copied)];
        fork(move || {
            assert_eq!(send(&copied, 5, 6), Ok(()));
            assert_eq!(drain(&number), [Event::user(5, 6)]);
            assert_eq!([closing(number), closing(copied)], before);
        })
        .join();
        assert_eq!(drain(&port), [Event::user(1, 1)]);
    });
}

#[test]
fn exit_01_the_end_of_a_process_ends_its_associations() {
    case(|| {
        let port = port();
        let (queued, armed) = (Pipe::ready(), Pipe::new());
        let (number, one, other) = (port.as_raw_fd(), queued.read.as_raw_fd(), armed.read.as_raw_fd());
        fork(move || {
            assert_eq!(associate_fd(&number, &one, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&number, &other, POLLIN, 2), Ok(()));
        })
        .join();
        write(&armed.write);
        assert_eq!(drain(&port), [], "though the parent has the descriptors");
    });
}

/// The part of a case that runs after exec: the port, the pipe's ends.
fn after_exec() -> Option<[OwnedFd; 3]> {
    let numbers = std::env::var(AFTER_EXEC).ok()?;
    let numbers: Vec<RawFd> = numbers.split(' ').map(|number| number.parse().expect("a number")).collect();
    let numbers: [RawFd; 3] = numbers.try_into().expect("three numbers");
    // SAFETY: the descriptors were open and owned before exec, by code that is gone.
    Some(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }))
}

const AFTER_EXEC: &str = "EVENT_PORTS_AFTER_EXEC";

/// Replaces the program by itself, in the same case.
fn exec_again(port: &OwnedFd, pipe: &Pipe) -> ! {
    let numbers = [port, &pipe.read, &pipe.write].map(|fd| fd.as_raw_fd().to_string()).join(" ");
    let mut command = std::process::Command::new(std::env::current_exe().expect("the test binary has a path"));
    let error = command.args(std::env::args_os().skip(1)).env(AFTER_EXEC, numbers).exec();
    panic!("exec: {error}");
}

#[test]
fn exec_01_a_port_and_its_associations_survive_exec() {
    case(|| {
        let Some([port, read, write_end]) = after_exec() else {
            let (port, pipe) = (port(), Pipe::new());
            assert_eq!(send(&port, 5, 6), Ok(()));
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 7), Ok(()));
            exec_again(&port, &pipe);
        };
        write(&write_end);
        assert_eq!(drain(&port), [Event::user(5, 6), Event::fd(&read, POLLIN, 7)]);
    });
}

/// EXEC-1, as far as Linux can.
#[test]
#[cfg(target_os = "linux")]
fn exec_01_a_port_that_survives_exec_is_no_port_any_more() {
    case(|| {
        let Some([port, read, write_end]) = after_exec() else {
            let (port, pipe) = (port(), Pipe::new());
            assert_eq!(send(&port, 5, 6), Ok(()));
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 7), Ok(()));
            exec_again(&port, &pipe);
        };
        write(&write_end);
        assert_eq!(get(&port, POLL), Err(EBADFD));
        assert_eq!(send(&port, 1, 0), Err(EBADFD));
        let own = event_ports_tests::port();
        assert_eq!(associate_fd(&own, &read, POLLIN, 8), Ok(()));
        assert_eq!(drain(&own), [Event::fd(&read, POLLIN, 8)]);
    });
}
