//! The safe crate: several threads on one port, each event to exactly one of them.

use event_ports::{Event, EventPort, Events, PollEvents};
use event_ports_tests::prelude::{AsRawFd, Pipe, case, interrupt, on_signal, read_all, signal_storm, write};
use std::num::NonZeroI32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

const STOP: NonZeroI32 = NonZeroI32::MIN;

/// The three ways to take events, as one: the cookies taken, or none when the port is in alert mode.
fn take(way: usize, port: &EventPort, batch: &mut Events) -> Option<Vec<usize>> {
    match way % 3 {
        0 => {
            let event = port.get(None).expect("no error");
            (!matches!(event.view(), Event::Alert { .. })).then(|| vec![event.user])
        }
        1 => {
            let events = port.get_n(3, Some(Duration::from_millis(2))).expect("no error");
            let alerted = events.iter().any(|event| matches!(event.view(), Event::Alert { .. }));
            (!alerted).then(|| events.iter().map(|event| event.user).collect())
        }
        _ => {
            port.batch(batch).max(5).get().expect("no error");
            let alerted = batch.iter().any(|event| matches!(event.view(), Event::Alert { .. }));
            (!alerted).then(|| batch.iter().map(|event| event.user).collect())
        }
    }
}

/// Runs getters until what is produced is taken; returns every cookie, sorted.
fn collect(port: &EventPort, getters: usize, expected: usize, produce: impl FnOnce()) -> Vec<usize> {
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        let getters: Vec<_> = (0..getters)
            .map(|way| {
                let taken = &taken;
                scope.spawn(move || {
                    let mut batch = Events::with_capacity(8);
                    let mut cookies = Vec::new();
                    while let Some(more) = take(way, port, &mut batch) {
                        taken.fetch_add(more.len(), Ordering::SeqCst);
                        cookies.extend(more);
                    }
                    cookies
                })
            })
            .collect();
        produce();
        while taken.load(Ordering::SeqCst) < expected {
            thread::yield_now();
        }
        let _guard = port.alert(STOP, 0).expect("entered");
        let mut cookies: Vec<usize> = getters.into_iter().flat_map(|getter| getter.join().expect("no panic")).collect();
        cookies.sort_unstable();
        cookies
    })
}

/// ORDER-4.
#[test]
fn each_sent_event_reaches_one_getter() {
    case(|| {
        const EVENTS: usize = 30_000;
        for getters in [2, 6] {
            let port = port();
            let cookies = collect(&port, getters, EVENTS, || {
                thread::scope(|scope| {
                    for part in 0..3 {
                        let port = port.clone();
                        scope.spawn(move || {
                            for user in part * EVENTS / 3..(part + 1) * EVENTS / 3 {
                                port.send(1, user).expect("sent");
                            }
                        });
                    }
                });
            });
            assert_eq!(cookies, (0..EVENTS).collect::<Vec<_>>());
        }
    });
}

/// ORDER-4, FD-16.
#[test]
fn each_descriptors_event_reaches_one_getter() {
    case(|| {
        const PIPES: usize = 500;
        let port = port();
        let pipes: Vec<Pipe> = (0..PIPES).map(|_| Pipe::new()).collect();
        let cookies = collect(&port, 6, PIPES, || {
            for (user, pipe) in pipes.iter().enumerate() {
                port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, user).expect("associated");
                if user % 2 == 0 {
                    write(&pipe.write);
                }
            }
            for pipe in pipes.iter().skip(1).step_by(2) {
                write(&pipe.write);
            }
        });
        assert_eq!(cookies, (0..PIPES).collect::<Vec<_>>());
    });
}

#[test]
fn threads_that_take_read_and_associate_again_miss_no_byte() {
    case(|| {
        const BYTES: usize = 20_000;
        let port = port();
        let pipes: Vec<Pipe> = (0..7).map(|_| Pipe::new()).collect();
        for (user, pipe) in pipes.iter().enumerate() {
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, user).expect("associated");
        }
        let bytes = AtomicUsize::new(0);
        thread::scope(|scope| {
            for way in 0..5 {
                let (port, pipes, bytes) = (&port, &pipes, &bytes);
                scope.spawn(move || {
                    let mut batch = Events::with_capacity(8);
                    while let Some(cookies) = take(way, port, &mut batch) {
                        for user in cookies {
                            bytes.fetch_add(read_all(&pipes[user].read), Ordering::SeqCst);
                            port.associate_fd(pipes[user].read.as_raw_fd(), PollEvents::IN, user)
                                .expect("associated again");
                        }
                    }
                });
            }
            for byte in 0..BYTES {
                write(&pipes[byte % pipes.len()].write);
            }
            while bytes.load(Ordering::SeqCst) < BYTES {
                thread::yield_now();
            }
            // Kept until the threads have seen it: leaving the scope joins them.
            std::mem::forget(port.alert(STOP, 0).expect("entered"));
        });
        assert_eq!(bytes.into_inner(), BYTES);
    });
}

#[test]
fn getters_under_a_storm_of_signals_lose_nothing() {
    case(|| {
        const EVENTS: usize = 5_000;
        on_signal(libc::SIGUSR1, interrupt, 0);
        let port = port();
        let cookies = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                for user in 0..EVENTS {
                    port.send(1, user).expect("sent");
                    if user % 16 == 0 {
                        thread::yield_now();
                    }
                }
            });
            // The getter is this thread: the one that is interrupted.
            let storm = signal_storm(libc::SIGUSR1);
            let mut batch = Events::with_capacity(8);
            let mut cookies = Vec::new();
            while cookies.len() < EVENTS {
                port.batch(&mut batch).interruptible(cookies.len() % 2 == 0).get().expect("no error");
                cookies.extend(batch.iter().map(|event| event.user));
            }
            drop(storm);
            sender.join().expect("no panic");
            cookies
        });
        assert_eq!(cookies, (0..EVENTS).collect::<Vec<_>>(), "each once, in order");
    });
}

#[test]
fn ports_come_and_go_in_many_threads() {
    case(|| {
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    let pipe = Pipe::ready();
                    for round in 0..500 {
                        let port = port();
                        port.send(1, thread).expect("sent");
                        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, round).expect("associated");
                        let mut users: Vec<_> =
                            port.get_n(8, None).expect("events").iter().map(|event| event.user).collect();
                        if users.len() < 2 {
                            users.extend(port.get_n(8, None).expect("events").iter().map(|event| event.user));
                        }
                        users.sort_unstable();
                        let mut expected = [thread, round];
                        expected.sort_unstable();
                        assert_eq!(users, expected);
                    }
                });
            }
        });
    });
}

#[test]
fn the_last_handle_closes_the_port() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let clone = port.clone();
        let waker = port.waker(0, 0);
        assert_eq!(port, clone);
        drop(port);
        drop(clone);
        waker.wake().expect("the waker keeps the port");
        // SAFETY: F_GETFD takes no argument.
        assert_ne!(unsafe { libc::fcntl(number, libc::F_GETFD) }, -1, "still open");
        drop(waker);
        // SAFETY: as above.
        assert_eq!(unsafe { libc::fcntl(number, libc::F_GETFD) }, -1, "closed");
    });
}

#[test]
fn a_handle_dropped_by_another_thread_frees_the_number_for_a_new_port() {
    case(|| {
        for round in 0..200 {
            let old = port();
            old.send(1, round).expect("sent");
            thread::spawn(move || drop(old)).join().expect("no panic");
            let new = port();
            assert_eq!(new.pending().expect("a count"), 0, "nothing of the old port");
        }
    });
}
