//! Sequences at which the system and the model of the test `model` disagreed once, as small as they could be made.

use event_ports_tests::files::{FileObject, append, associate_file};
use event_ports_tests::model::{Kind, Sequence, Step, Times, World};
use event_ports_tests::prelude::*;

const ROOM: u32 = 65536;

/// Runs the steps twice: with each event in the queue when the next thing happens, and where it was found.
fn agree(limit: u32, steps: &[Step]) {
    for eager in [true, false] {
        let sequence = Sequence { limit, eager, steps: steps.to_vec() };
        assert_eq!(World::run(&TempDir::new(), &sequence).map(drop), Ok(()), "{sequence:?}");
    }
}

#[test]
fn fd_28_an_association_that_failed_is_none() {
    case(|| {
        agree(ROOM, &[Step::Associate { port: 0, number: 1, mask: POLLIN }, Step::Dissociate { port: 0, number: 3 }]);
    });
}

#[test]
fn order_01_a_regular_file_does_not_pass_what_fired_before() {
    case(|| {
        agree(
            ROOM,
            &[
                Step::Open { number: 2, kind: Kind::Regular },
                Step::Open { number: 3, kind: Kind::PipeWrite },
                Step::Associate { port: 0, number: 3, mask: POLLOUT },
                Step::Associate { port: 0, number: 2, mask: POLLIN },
            ],
        );
    });
}

#[test]
fn order_01_a_timer_set_to_the_past_does_not_pass_what_fired_before() {
    case(|| {
        agree(
            ROOM,
            &[
                Step::Open { number: 3, kind: Kind::PipeRead },
                Step::Fire { number: 3 },
                Step::CreateTimer { timer: 0, port: 0 },
                Step::Associate { port: 0, number: 3, mask: POLLIN },
                Step::Expire { timer: 0 },
            ],
        );
    });
}

#[test]
fn order_01_a_file_associated_with_old_times_does_not_pass_what_fired_before() {
    case(|| {
        agree(
            ROOM,
            &[
                Step::Open { number: 0, kind: Kind::PipeRead },
                Step::Associate { port: 0, number: 0, mask: POLLIN },
                Step::CreateFile { path: 3 },
                Step::Fire { number: 0 },
                Step::AssociateFile { port: 0, object: 3, mask: sys::FILE_ACCESS, times: Times::Old },
            ],
        );
    });
}

/// The world looks at its ports before it changes a file, and so does not get here.
#[test]
fn order_01_what_associating_a_file_finds_does_not_pass_what_fired_before() {
    case(|| {
        let (port, pipe, directory) = (port(), Pipe::new(), TempDir::new());
        let objects = ["a", "b"].map(|name| FileObject::new(directory.file(name, b"content")));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_file(&port, &objects[0], sys::FILE_MODIFIED, 2), Ok(()));
        write(&pipe.write);
        append(objects[0].path());
        assert_eq!(associate_file(&port, &objects[1], sys::FILE_MODIFIED, 3), Ok(()));
        let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(users, [1, 2]);
    });
}

#[test]
fn limit_02_a_file_gets_the_slot_of_a_descriptor_that_was_closed() {
    case(|| {
        agree(
            2,
            &[
                Step::CreateFile { path: 0 },
                Step::Open { number: 4, kind: Kind::PipeRead },
                Step::AssociateFile { port: 0, object: 0, mask: sys::FILE_ACCESS, times: Times::Zero },
                Step::Associate { port: 0, number: 4, mask: POLLIN },
                Step::Close { number: 4 },
                Step::AssociateFile { port: 0, object: 4, mask: sys::FILE_ACCESS, times: Times::Zero },
            ],
        );
    });
}

/// A thread that was woken for an event that somebody else takes still is a thread that waits.
#[test]
fn alert_05_a_thread_on_its_way_to_an_event_that_was_taken_gets_the_alert() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let mut taken = 0;
        for round in 0..20 {
            let waiter = blocked(move || get(&number, None));
            assert_eq!(send(&port, 1, 1), Ok(()));
            let first = get(&port, POLL);
            assert_eq!(alert(&port, PORT_ALERT_SET, 2, round), Ok(()));
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
            assert_eq!(send(&port, 1, 3), Ok(()));
            let second = waiter.join();
            if first == Ok(None) {
                assert_eq!(second, Ok(Some(Event::user(1, 1))), "the thread was quicker");
            } else {
                assert_eq!((first, second), (Ok(Some(Event::user(1, 1))), Ok(Some(Event::alert(2, round)))));
                taken += 1;
            }
            assert_eq!(drain(&port), [Event::user(1, 3)]);
        }
        println!("{taken} times the event was taken");
    });
}

#[test]
fn alert_06_a_thread_on_its_way_to_an_event_does_not_return_one_in_alert_mode() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        for round in 0..20 {
            let waiter = blocked(move || get(&number, None));
            assert_eq!(send(&port, 1, 1), Ok(()));
            let first = get(&port, POLL);
            assert_eq!(alert(&port, PORT_ALERT_SET, 2, round), Ok(()));
            assert_eq!(send(&port, 1, 3), Ok(()));
            let second = waiter.join();
            let event = if first == Ok(None) { Event::user(1, 1) } else { Event::alert(2, round) };
            assert_eq!(second, Ok(Some(event)));
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
            assert_eq!(drain(&port), [Event::user(1, 3)]);
        }
    });
}
