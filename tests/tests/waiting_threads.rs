//! Several threads waiting on one port (WAIT).

use event_ports_tests::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn wait_01_the_most_recent_waiter_is_served_first() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiters: Vec<_> = (0..4).map(|_| blocked(move || get(&number, None))).collect();
        for (step, waiter) in waiters.into_iter().enumerate().rev() {
            assert_eq!(send(&port, 1, step), Ok(()));
            assert_eq!(waiter.join(), Ok(Some(Event::user(1, step))));
        }
    });
}

#[test]
fn wait_01_one_arrival_wakes_one_thread() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiters: Vec<_> = (0..4).map(|_| blocked(move || get(&number, None))).collect();
        for sent in 1..=4 {
            assert_eq!(send(&port, 1, sent), Ok(()));
            let waiting = waiters.iter().filter(|waiter| waiter.is_still_blocked()).count();
            assert_eq!(waiting, 4 - sent);
        }
        let mut users: Vec<_> =
            waiters.into_iter().map(|waiter| waiter.join().expect("success").expect("an event").user).collect();
        users.sort_unstable();
        assert_eq!(users, [1, 2, 3, 4]);
    });
}

#[test]
fn wait_01_one_ready_descriptor_wakes_one_thread() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let pipe = Pipe::new();
        let waiters: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
        for sent in 1..=3 {
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, sent), Ok(()));
            if sent == 1 {
                assert_eq!(waiters.iter().filter(|waiter| waiter.is_still_blocked()).count(), 3, "not ready yet");
                write(&pipe.write);
            }
            let waiting = waiters.iter().filter(|waiter| waiter.is_still_blocked()).count();
            assert_eq!(waiting, 3 - sent);
        }
        let mut users: Vec<_> =
            waiters.into_iter().map(|waiter| waiter.join().expect("success").expect("an event").user).collect();
        users.sort_unstable();
        assert_eq!(users, [1, 2, 3]);
    });
}

#[test]
fn wait_02_the_smaller_request_is_served_first() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let two = blocked(move || getn(&number, 8, 2, None));
        let one = blocked(move || getn(&number, 8, 1, None));
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(one.join(), Got::ok(&[Event::user(1, 1)]));
        assert!(two.is_still_blocked());
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert!(two.is_still_blocked());
        assert_eq!(send(&port, 1, 3), Ok(()));
        assert_eq!(two.join(), Got::ok(&[Event::user(1, 2), Event::user(1, 3)]));
    });
}

#[test]
fn wait_02_the_smaller_request_is_served_first_though_the_larger_came_later() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let one = blocked(move || getn(&number, 8, 1, None));
        let two = blocked(move || getn(&number, 8, 2, None));
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(one.join(), Got::ok(&[Event::user(1, 1)]));
        assert!(two.is_still_blocked());
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(send(&port, 1, 3), Ok(()));
        assert_eq!(two.join(), Got::ok(&[Event::user(1, 2), Event::user(1, 3)]));
    });
}

#[test]
fn wait_03_events_that_come_together_wake_as_many_threads() {
    case(|| {
        for _ in 0..20 {
            let port = port();
            let number = port.as_raw_fd();
            let waiters: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
            assert_eq!(sendn(&[number; 3], 1, 2).0, Ok(3));
            for waiter in waiters {
                assert_eq!(waiter.join(), Ok(Some(Event::user(1, 2))));
            }
        }
    });
}

#[test]
fn wait_03_descriptors_that_fire_together_wake_as_many_threads() {
    case(|| {
        for _ in 0..20 {
            let port = port();
            let number = port.as_raw_fd();
            let pipe = Pipe::new();
            let copies: Vec<OwnedFd> = (0..3).map(|_| dup(&pipe.read)).collect();
            for (user, copy) in copies.iter().enumerate() {
                assert_eq!(associate_fd(&port, copy, POLLIN, user), Ok(()));
            }
            let waiters: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
            write(&pipe.write);
            let mut users: Vec<_> =
                waiters.into_iter().map(|waiter| waiter.join().expect("success").expect("an event").user).collect();
            users.sort_unstable();
            assert_eq!(users, [0, 1, 2]);
        }
    });
}

#[test]
fn wait_03_a_thread_that_takes_only_part_wakes_the_next() {
    case(|| {
        for _ in 0..20 {
            let port = port();
            let number = port.as_raw_fd();
            let small = blocked(move || getn(&number, 1, 1, None));
            let next = blocked(move || getn(&number, 1, 1, None));
            assert_eq!(sendn(&[number, number], 1, 7).0, Ok(2));
            assert_eq!(small.join(), Got::ok(&[Event::user(1, 7)]));
            assert_eq!(next.join(), Got::ok(&[Event::user(1, 7)]));
        }
    });
}

/// Of several threads any may be the one that an implementation lets watch the descriptors; it may leave for every reason.
#[test]
fn wait_03_whoever_is_left_hears_of_descriptors() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, 0);
        for leaver in 0..3 {
            let port = port();
            let number = port.as_raw_fd();
            let (first, second) = (Pipe::new(), Pipe::new());
            assert_eq!(associate_fd(&port, &first.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &second.read, POLLIN, 2), Ok(()));
            let mut waiters: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
            let interrupted = waiters.remove(leaver);
            signal_thread(interrupted.thread(), libc::SIGUSR1);
            assert_eq!(interrupted.join(), Err(EINTR));
            write(&first.write);
            write(&second.write);
            let mut users: Vec<_> =
                waiters.into_iter().map(|waiter| waiter.join().expect("success").expect("an event").user).collect();
            users.sort_unstable();
            assert_eq!(users, [1, 2], "thread {leaver} left");
        }
    });
}

#[test]
fn wait_03_whoever_is_left_by_a_timeout_hears_of_descriptors() {
    case(|| {
        for leaver in 0..2 {
            let port = port();
            let number = port.as_raw_fd();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            let timeouts = if leaver == 0 { [ms(1500), None] } else { [None, ms(1500)] };
            let mut waiters: Vec<_> = timeouts.map(|timeout| blocked(move || get(&number, timeout))).into();
            assert_eq!(waiters.remove(leaver).join(), Err(ETIME));
            write(&pipe.write);
            assert_eq!(waiters.remove(0).join(), Ok(Some(Event::fd(&pipe.read, POLLIN, 1))), "thread {leaver} left");
        }
    });
}

#[test]
fn wait_04_a_thread_that_need_not_wait_passes_those_that_do() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || getn(&number, 8, 2, None));
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert!(waiter.is_still_blocked(), "it wants two");
        assert_eq!(get(&port, None), Ok(Some(Event::user(1, 1))), "this thread wants one");
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert!(waiter.is_still_blocked(), "one of two again");
        assert_eq!(send(&port, 1, 3), Ok(()));
        assert_eq!(waiter.join(), Got::ok(&[Event::user(1, 2), Event::user(1, 3)]));
    });
}

#[test]
fn wait_05_no_wakeup_is_lost_to_a_thread_that_times_out() {
    case(|| {
        const EVENTS: usize = 3_000;
        let port = port();
        let taken = AtomicUsize::new(0);
        thread::scope(|scope| {
            // One thread may sleep for ever; three are always about to time out.
            scope.spawn(|| {
                while let Ok(Some(event)) = get(&port, None) {
                    if event.source == PORT_SOURCE_ALERT {
                        return;
                    }
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            });
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        match get(&port, Some(timespec(0, 50_000))) {
                            Err(errno) => assert_eq!(errno, ETIME),
                            Ok(Some(event)) if event.source == PORT_SOURCE_ALERT => return,
                            Ok(event) => {
                                assert!(event.is_some());
                                taken.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                });
            }
            for sent in 1..=EVENTS {
                assert_eq!(send(&port, 1, 0), Ok(()));
                // Nothing else is sent until somebody has taken this one.
                while taken.load(Ordering::SeqCst) < sent {
                    thread::yield_now();
                }
            }
            assert_eq!(alert(&port, PORT_ALERT_SET, 1, 0), Ok(()));
        });
    });
}

#[test]
fn wait_05_a_lone_sleeper_gets_the_event_that_a_timed_out_thread_left() {
    case(|| {
        const ROUNDS: usize = 100;
        on_signal(libc::SIGUSR1, interrupt, 0);
        let port = port();
        let number = port.as_raw_fd();
        for round in 0..ROUNDS {
            let sleeper = blocked(move || get(&number, None));
            // Later, so the first to be served; interrupted or woken, whichever comes first.
            let interrupted = blocked(move || get(&number, None));
            signal_thread(interrupted.thread(), libc::SIGUSR1);
            assert_eq!(send(&port, 1, round), Ok(()));
            match interrupted.join() {
                Err(errno) => assert_eq!(errno, EINTR),
                Ok(event) => {
                    assert_eq!(event, Some(Event::user(1, round)));
                    assert_eq!(send(&port, 1, round), Ok(()));
                }
            }
            assert_eq!(sleeper.join(), Ok(Some(Event::user(1, round))));
        }
    });
}

/// WAIT-6.
#[test]
fn v_57_closing_the_port_ends_a_wait_with_ebadf() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        let start = Instant::now();
        close(port);
        assert_eq!(waiter.join(), Err(EBADF));
        assert!(start.elapsed() < Duration::from_secs(5), "it is noticed soon: {:?}", start.elapsed());
    });
}

#[test]
fn wait_06_closing_the_port_ends_every_wait() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        let one = blocked(move || get(&number, None));
        let timed = blocked(move || get(&number, ms(3_600_000)));
        let many = blocked(move || getn(&number, 8, 3, None));
        let timed_many = blocked(move || getn(&number, 8, 3, ms(3_600_000)));
        let start = Instant::now();
        close(port);
        assert_eq!(one.join(), Err(EBADF));
        assert_eq!(timed.join(), Err(EBADF));
        assert_eq!(many.join(), Got::failed(EBADF, 3));
        assert_eq!(timed_many.join(), Got::failed(EBADF, 3));
        assert!(start.elapsed() < Duration::from_secs(10), "it is noticed soon: {:?}", start.elapsed());
    });
}

#[test]
fn wait_06_a_wait_on_a_closed_port_does_not_disturb_the_port_that_reuses_its_number() {
    case(|| {
        let old = port();
        let number = old.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        close(old);
        let new = port();
        assert_eq!(new.as_raw_fd(), number, "the lowest free number");
        assert_eq!(waiter.join(), Err(EBADF));
        assert_eq!(send(&new, 1, 2), Ok(()));
        assert_eq!(drain(&new), [Event::user(1, 2)]);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn wait_06_port_linux_close_ends_every_wait_at_once() {
    case(|| {
        for _ in 0..20 {
            let port = port();
            let number = port.as_raw_fd();
            let one = blocked(move || get(&number, None));
            let many = blocked(move || getn(&number, 8, 3, ms(3_600_000)));
            let start = Instant::now();
            // SAFETY: the number was owned; the threads that use it are what this is about.
            assert_eq!(unsafe { sys::linux::port_linux_close(port.into_raw_fd()) }, 0);
            assert_eq!(one.join(), Err(EBADF));
            assert_eq!(many.join(), Got::failed(EBADF, 3));
            assert!(start.elapsed() < Duration::from_millis(900), "not by the look once a second");
        }
    });
}

/// WAIT-4, with a descriptor associated.
#[test]
fn wait_04_a_look_after_taking_what_a_waiter_was_woken_for_finds_nothing() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        let number = port.as_raw_fd();
        let waiter = blocked(move || {
            loop {
                let event = get(&number, None).expect("a wait succeeds").expect("with an event");
                if event.events == 2 {
                    return event.events;
                }
            }
        });
        for _ in 0..10_000 {
            assert_eq!(send(&port, 1, 0), Ok(()));
            // The waiter, which is on its way, may have come first.
            let _ = get(&port, POLL);
            assert_eq!(get(&port, POLL), Ok(None));
        }
        assert_eq!(send(&port, 2, 0), Ok(()));
        assert_eq!(waiter.join(), 2);
    });
}

#[test]
fn wait_threads_that_wait_and_work_on_one_port() {
    case(|| {
        // Each thread takes an event, reads, and associates again: the pattern of a thread pool.
        const BYTES: usize = 3_000;
        let port = port();
        let pipes: Vec<Pipe> = (0..8).map(|_| Pipe::new()).collect();
        let read = AtomicUsize::new(0);
        thread::scope(|scope| {
            for (user, pipe) in pipes.iter().enumerate() {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            }
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let event = get(&port, None).expect("a wait succeeds").expect("with an event");
                        if event.source == PORT_SOURCE_ALERT {
                            return;
                        }
                        let pipe = &pipes[event.user];
                        read.fetch_add(read_all(&pipe.read), Ordering::SeqCst);
                        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, event.user), Ok(()));
                    }
                });
            }
            for byte in 0..BYTES {
                write(&pipes[byte % pipes.len()].write);
            }
            while read.load(Ordering::SeqCst) < BYTES {
                thread::yield_now();
            }
            assert_eq!(alert(&port, PORT_ALERT_SET, 1, 0), Ok(()));
        });
        assert_eq!(read.into_inner(), BYTES);
    });
}
