//! The order in which events are retrieved, and who gets them (ORDER).

use event_ports_tests::prelude::*;
use std::thread;

#[test]
fn order_01_events_come_in_the_order_in_which_they_fired() {
    case(|| {
        let port = port();
        let (a, b) = (Pipe::new(), Pipe::new());
        assert_eq!(associate_fd(&port, &a.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &b.read, POLLIN, 2), Ok(()));
        // Whatever fired is looked at before the next fires: see the test below.
        let steps: [&dyn Fn(); 5] = [
            &|| assert_eq!(send(&port, 0, 10), Ok(())),
            &|| write(&b.write),
            &|| assert_eq!(send(&port, 0, 11), Ok(())),
            &|| write(&a.write),
            &|| assert_eq!(send(&port, 0, 12), Ok(())),
        ];
        for step in steps {
            step();
            Pending::InQueue.place(&port);
        }
        let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(users, [10, 2, 11, 1, 12]);
    });
}

#[test]
fn order_01_user_events_do_not_pass_descriptors_nobody_has_looked_at() {
    case(|| {
        let port = port();
        let (a, b) = (Pipe::new(), Pipe::new());
        assert_eq!(associate_fd(&port, &a.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &b.read, POLLIN, 2), Ok(()));
        assert_eq!(send(&port, 0, 10), Ok(()));
        write(&b.write);
        assert_eq!(send(&port, 0, 11), Ok(()));
        write(&a.write);
        assert_eq!(send(&port, 0, 12), Ok(()));
        let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(users, [10, 2, 11, 1, 12]);
    });
}

#[test]
fn order_01_descriptors_come_in_the_order_in_which_they_became_ready() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipes: Vec<Pipe> = (0..20).map(|_| Pipe::new()).collect();
            for (user, pipe) in pipes.iter().enumerate() {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            }
            let order: Vec<usize> = (0..20).map(|step| step * 7 % 20).collect();
            for &user in &order {
                write(&pipes[user].write);
            }
            pending.place(&port);
            let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
            assert_eq!(users, order);
        }
    });
}

#[test]
fn order_01_regular_files_are_queued_when_they_are_associated() {
    case(|| {
        let port = port();
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        assert_eq!(send(&port, 0, 1), Ok(()));
        assert_eq!(associate_fd(&port, &file, POLLIN, 2), Ok(()));
        assert_eq!(send(&port, 0, 3), Ok(()));
        let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(users, [1, 2, 3]);
    });
}

#[test]
fn order_02_what_a_retrieval_leaves_behind_keeps_its_order() {
    case(|| {
        let port = port();
        let mut users = Vec::new();
        let mut next = 0;
        while next < 30 {
            for _ in 0..3 {
                assert_eq!(send(&port, 0, next), Ok(()));
                next += 1;
            }
            users.extend(getn(&port, 2, 1, None).events.iter().map(|event| event.user));
        }
        users.extend(drain(&port).iter().map(|event| event.user));
        assert_eq!(users, (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn order_02_descriptors_left_behind_keep_their_order() {
    case(|| {
        let port = port();
        let pipes: Vec<Pipe> = (0..10).map(|_| Pipe::ready()).collect();
        for (user, pipe) in pipes.iter().enumerate() {
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
        }
        let mut users = Vec::new();
        for _ in 0..4 {
            users.extend(getn(&port, 3, 1, POLL).events.iter().map(|event| event.user));
        }
        assert_eq!(users, (0..10).collect::<Vec<_>>());
    });
}

/// Every event, whoever took it, sorted.
fn retrieved_by(threads: usize, port: &OwnedFd, produce: impl FnOnce()) -> Vec<usize> {
    thread::scope(|scope| {
        let receivers: Vec<_> = (0..threads)
            .map(|index| {
                scope.spawn(move || {
                    let mut users = Vec::new();
                    loop {
                        let max = 1 + u32::try_from(index % 4).expect("small");
                        for event in getn(port, max, 1, None).events {
                            if event.source == PORT_SOURCE_ALERT {
                                return users;
                            }
                            users.push(event.user);
                        }
                    }
                })
            })
            .collect();
        produce();
        // An alert hides what is queued, so it waits until nothing is.
        while pending(port) > 0 {
            thread::yield_now();
        }
        assert_eq!(alert(port, PORT_ALERT_SET, 1, 0), Ok(()));
        let mut users: Vec<usize> =
            receivers.into_iter().flat_map(|receiver| receiver.join().expect("no panic")).collect();
        users.sort_unstable();
        users
    })
}

#[test]
fn order_04_each_user_event_reaches_one_thread() {
    case(|| {
        const EVENTS: usize = 30_000;
        let port = port();
        let users = retrieved_by(6, &port, || {
            thread::scope(|scope| {
                for sender in 0..3 {
                    let port = &port;
                    scope.spawn(move || {
                        for index in 0..EVENTS / 3 {
                            assert_eq!(send(port, 1, sender * (EVENTS / 3) + index), Ok(()));
                        }
                    });
                }
            });
        });
        assert_eq!(users, (0..EVENTS).collect::<Vec<_>>());
    });
}

#[test]
fn order_04_each_descriptors_event_reaches_one_thread() {
    case(|| {
        const ROUNDS: usize = 300;
        const PIPES: usize = 20;
        let port = port();
        let pipes: Vec<Pipe> = (0..PIPES).map(|_| Pipe::new()).collect();
        let users = retrieved_by(4, &port, || {
            for round in 0..ROUNDS {
                for (index, pipe) in pipes.iter().enumerate() {
                    let _ = read_all(&pipe.read);
                    assert_eq!(associate_fd(&port, &pipe.read, POLLIN, round * PIPES + index), Ok(()));
                }
                for pipe in &pipes {
                    write(&pipe.write);
                }
                // Delivered is what cannot be dissociated any more; only then may the next round replace it.
                while pending(&port) > 0 {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(users, (0..ROUNDS * PIPES).collect::<Vec<_>>());
    });
}
