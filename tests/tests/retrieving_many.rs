//! `port_getn` (GETN).

use event_ports_tests::prelude::*;
use std::ptr::null_mut;
use std::thread;
use std::time::{Duration, Instant};
use sys::port_event_t;

fn send_each(port: &impl AsRawFd, users: std::ops::Range<usize>) {
    for user in users {
        assert_eq!(send(port, 1, user), Ok(()));
    }
}

fn events_of(users: std::ops::Range<usize>) -> Vec<Event> {
    users.map(|user| Event::user(1, user)).collect()
}

/// GETN-7.
#[test]
fn v_02_a_zero_timeout_and_no_event_is_success_with_a_count_of_zero() {
    case(|| {
        let port = port();
        assert_eq!(getn(&port, 1, 1, POLL), Got::ok(&[]));
    });
}

/// GETN-8.
#[test]
fn v_03_partial_results_come_with_etime() {
    case(|| {
        let port = port();
        send_each(&port, 0..1);
        let start = Instant::now();
        assert_eq!(getn(&port, 4, 2, ms(10)), Got::with(Err(ETIME), &events_of(0..1)));
        assert!(start.elapsed() >= Duration::from_millis(10), "not before its time");
        assert_eq!(drain(&port), [], "they are taken");
    });
}

#[test]
fn getn_08_etime_without_any_event_counts_zero() {
    case(|| {
        let port = port();
        assert_eq!(getn(&port, 4, 2, ms(10)), Got::failed(ETIME, 0));
    });
}

#[test]
fn getn_08_descriptors_events_come_with_etime_too() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 7), Ok(()));
            pending.place(&port);
            let expected = Got::with(Err(ETIME), &[Event::fd(&pipe.read, POLLIN, 7)]);
            assert_eq!(getn(&port, 4, 3, ms(10)), expected);
            assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT), "delivered");
        }
    });
}

#[test]
fn getn_08_events_that_come_during_the_wait_come_with_etime() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 7), Ok(()));
        let number = port.as_raw_fd();
        let waiter = blocked(move || getn(&number, 8, 5, ms(1000)));
        send_each(&port, 0..2);
        write(&pipe.write);
        let mut got = waiter.join();
        assert_eq!((got.result, got.nget), (Err(ETIME), 3));
        got.events.sort_by_key(|event| event.source);
        assert_eq!(got.events, [Event::user(1, 0), Event::user(1, 1), Event::fd(&pipe.read, POLLIN, 7)]);
    });
}

/// GETN-2.
#[test]
fn v_05_a_count_beyond_the_capacity_is_einval() {
    case(|| {
        let port = port();
        send_each(&port, 0..1);
        assert_eq!(getn(&port, 1, 2, None), Got::failed(EINVAL, 2));
        assert_eq!(getn(&port, 1, u32::MAX, POLL), Got::failed(EINVAL, u32::MAX));
        assert_eq!(drain(&port), events_of(0..1), "still queued");
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(getn(&port, 1, 2, None), Got::failed(EINVAL, 2), "in alert mode too");
    });
}

/// GETN-3.
#[test]
fn v_06_a_capacity_of_zero_counts_what_is_queued() {
    case(|| {
        let port = port();
        send_each(&port, 0..3);
        let mut count = 99;
        // SAFETY: no entry is asked for, so no list is needed.
        let returned = unsafe { sys::port_getn(port.as_raw_fd(), null_mut(), 0, &raw mut count, null_mut()) };
        assert_eq!((returned, count), (0, 3));
        assert_eq!(drain(&port), events_of(0..3), "they stay");
    });
}

#[test]
fn getn_03_the_count_ignores_the_rest_of_the_arguments() {
    case(|| {
        let port = port();
        send_each(&port, 0..2);
        let invalid = Some(timespec(-1, -1));
        assert_eq!(getn(&port, 0, 0, invalid), Got { result: Ok(()), nget: 2, events: vec![] }, "the timeout");
        assert_eq!(getn(&port, 0, 5, None), Got { result: Ok(()), nget: 2, events: vec![] }, "the wanted count");
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(getn(&port, 0, 1, None), Got { result: Ok(()), nget: 2, events: vec![] }, "alert mode");
        let empty = port_without_events();
        assert_eq!(getn(&empty, 0, 1, None), Got { result: Ok(()), nget: 0, events: vec![] }, "it never waits");
    });
}

fn port_without_events() -> OwnedFd {
    port()
}

#[test]
fn getn_03_the_count_includes_descriptors() {
    case(|| {
        let port = port();
        let pipes = [Pipe::ready(), Pipe::new(), Pipe::ready()];
        for pipe in &pipes {
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
        }
        send_each(&port, 0..1);
        assert_eq!(pending(&port), 3);
        assert_eq!(pending(&port), 3, "counting changes nothing");
        write(&pipes[1].write);
        assert_eq!(pending(&port), 4);
        assert_eq!(dissociate_fd(&port, &pipes[0].read), Ok(()));
        assert_eq!(pending(&port), 3);
        assert_eq!(drain(&port).len(), 3);
        assert_eq!(pending(&port), 0);
    });
}

#[test]
fn getn_04_a_null_list_is_efault() {
    case(|| {
        let port = port();
        send_each(&port, 0..1);
        let mut count = 1;
        // SAFETY: a null list is the case.
        let returned = unsafe { sys::port_getn(port.as_raw_fd(), null_mut(), 1, &raw mut count, null_mut()) };
        assert_eq!((returned, last_errno(), count), (-1, EFAULT, 1));
    });
}

/// GETN-5.
#[test]
fn v_07_a_count_of_zero_retrieves_nothing() {
    case(|| {
        let port = port();
        send_each(&port, 0..1);
        assert_eq!(getn(&port, 4, 0, None), Got::ok(&[]));
        assert_eq!(drain(&port), events_of(0..1), "still queued");
        assert_eq!(getn(&port, 4, 0, None), Got::ok(&[]), "nor does it wait");
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(getn(&port, 4, 0, None), Got::ok(&[]), "in alert mode too");
    });
}

#[test]
fn getn_06_a_capacity_far_beyond_what_is_queued() {
    case(|| {
        let port = port();
        send_each(&port, 0..3);
        for max in [u32::MAX, i32::MAX as u32] {
            let mut list = [const { std::mem::MaybeUninit::<port_event_t>::uninit() }; 16];
            let mut count = 1;
            // SAFETY: no more events are queued than the list has room for, and no one sends more.
            let returned =
                unsafe { sys::port_getn(port.as_raw_fd(), list.as_mut_ptr().cast(), max, &raw mut count, null_mut()) };
            assert_eq!((returned, count), (0, 3), "capacity {max}");
            send_each(&port, 0..3);
        }
    });
}

#[test]
fn getn_06_a_whole_queue_in_one_call() {
    case(|| {
        const MANY: u32 = 20_000;
        // What the kernel may cut a call to when memory is short.
        const CUT: usize = 8_192;
        let port = port();
        send_each(&port, 0..MANY as usize);
        let got = getn(&port, MANY, 1, None);
        let taken = got.events.len();
        assert!(taken == MANY as usize || taken >= CUT, "{taken}");
        assert_eq!(got, Got::ok(&events_of(0..taken)));
        assert_eq!(pending(&port) as usize, MANY as usize - taken);
    });
}

#[test]
fn getn_06_many_descriptors_in_one_call() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipes: Vec<Pipe> = (0..300).map(|_| Pipe::ready()).collect();
            for (user, pipe) in pipes.iter().enumerate() {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            }
            pending.place(&port);
            let mut got = getn(&port, 1000, 1, None);
            got.events.sort_by_key(|event| event.user);
            let expected = pipes.iter().enumerate().map(|(user, pipe)| Event::fd(&pipe.read, POLLIN, user));
            assert_eq!(got, Got::ok(&expected.collect::<Vec<_>>()));
        }
    });
}

#[test]
fn getn_07_a_zero_timeout_returns_what_there_is() {
    case(|| {
        let port = port();
        send_each(&port, 0..2);
        assert_eq!(getn(&port, 8, 4, POLL), Got::ok(&events_of(0..2)));
        assert_eq!(getn(&port, 8, 4, POLL), Got::ok(&[]));
    });
}

/// GETN-1.
#[test]
fn v_10_more_than_asked_for_is_returned_in_order() {
    case(|| {
        let port = port();
        send_each(&port, 0..3);
        assert_eq!(getn(&port, 8, 1, None), Got::ok(&events_of(0..3)));
    });
}

#[test]
fn getn_01_never_more_than_the_capacity() {
    case(|| {
        let port = port();
        send_each(&port, 0..5);
        assert_eq!(getn(&port, 2, 1, None), Got::ok(&events_of(0..2)));
        assert_eq!(getn(&port, 2, 2, None), Got::ok(&events_of(2..4)));
        assert_eq!(getn(&port, 2, 1, None), Got::ok(&events_of(4..5)));
    });
}

#[test]
fn getn_01_it_waits_until_as_many_are_queued() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || getn(&number, 8, 3, None));
        send_each(&port, 0..1);
        assert!(waiter.is_still_blocked(), "one of three");
        send_each(&port, 1..2);
        assert!(waiter.is_still_blocked(), "two of three");
        send_each(&port, 2..3);
        assert_eq!(waiter.join(), Got::ok(&events_of(0..3)));
    });
}

#[test]
fn getn_01_descriptors_and_user_events_count_alike() {
    case(|| {
        let port = port();
        let (one, other) = (Pipe::new(), Pipe::new());
        assert_eq!(associate_fd(&port, &one.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &other.read, POLLIN, 2), Ok(()));
        let number = port.as_raw_fd();
        let waiter = blocked(move || getn(&number, 8, 3, None));
        write(&one.write);
        assert!(waiter.is_still_blocked(), "one of three");
        send_each(&port, 3..4);
        assert!(waiter.is_still_blocked(), "two of three");
        write(&other.write);
        let expected = [Event::fd(&one.read, POLLIN, 1), Event::user(1, 3), Event::fd(&other.read, POLLIN, 2)];
        assert_eq!(waiter.join(), Got::ok(&expected));
    });
}

#[test]
fn getn_09_on_an_interrupt_the_count_is_left_alone_and_nothing_is_taken() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, libc::SA_RESTART);
        let port = port();
        let pipe = Pipe::ready();
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 7), Ok(()));
        let number = port.as_raw_fd();
        for _ in 0..20 {
            let waiter = blocked(move || getn(&number, 8, 3, ms(60_000)));
            signal_thread(waiter.thread(), libc::SIGUSR1);
            assert_eq!(waiter.join(), Got::failed(EINTR, 3));
        }
        assert_eq!(drain(&port), [Event::user(1, 0), Event::fd(&pipe.read, POLLIN, 7)]);
    });
}

#[test]
fn getn_09_on_other_errors_the_count_is_left_alone() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(getn(&port, 3, 2, Some(timespec(-1, 0))), Got::failed(EINVAL, 2));
        assert_eq!(getn(&999, 3, 2, None), Got::failed(EBADF, 2));
        assert_eq!(getn(&pipe.read, 3, 2, None), Got::failed(EBADFD, 2));
    });
}

#[test]
fn getn_11_a_wait_that_succeeds_has_an_event() {
    case(|| {
        const EVENTS: usize = 20_000;
        let port = port();
        let total: usize = thread::scope(|scope| {
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut total = 0;
                        loop {
                            let got = getn(&port, 4, 1, None);
                            assert_eq!(got.result, Ok(()));
                            assert!(!got.events.is_empty(), "success means at least one event");
                            if got.events[0].source == PORT_SOURCE_ALERT {
                                return total;
                            }
                            total += got.events.len();
                        }
                    })
                })
                .collect();
            send_each(&port, 0..EVENTS);
            let number = port.as_raw_fd();
            while pending(&number) > 0 {
                thread::yield_now();
            }
            assert_eq!(alert(&port, PORT_ALERT_SET, 1, 0), Ok(()));
            receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).sum()
        });
        assert_eq!(total, EVENTS);
    });
}

#[test]
fn getn_12_events_that_cannot_be_stored_are_lost() {
    case(|| {
        let port = port();
        send_each(&port, 0..3);
        let page = Page::new(Protection::ReadOnly);
        let mut count = 1;
        // SAFETY: the page cannot be written, which is the case.
        let returned = unsafe { sys::port_getn(port.as_raw_fd(), page.address(), 2, &raw mut count, null_mut()) };
        assert_eq!((returned, last_errno(), count), (-1, EFAULT, 1));
        assert_eq!(drain(&port), events_of(2..3));
    });
}

/// GETN-13, ALERT-6.
#[test]
fn v_19_in_alert_mode_there_is_one_event_however_many_are_wanted() {
    case(|| {
        let port = port();
        send_each(&port, 0..3);
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        assert_eq!(getn(&port, 8, 8, None), Got::ok(&[Event::alert(7, 8)]));
    });
}
