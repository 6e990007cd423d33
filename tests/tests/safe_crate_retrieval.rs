//! The safe crate: deadlines, signals and batches.

use event_ports::{Event, EventPort, EventSource, Events, Outcome, PollEvents};
use event_ports_tests::prelude::{
    AsRawFd, Pending, Pipe, blocked, case, interrupt, on_signal, read_all, signal_storm, signal_thread, write,
};
use std::num::NonZeroI32;
use std::time::{Duration, Instant};

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

fn users(events: &Events) -> Vec<usize> {
    events.iter().map(|event| event.user).collect()
}

const TICK: Option<Duration> = Some(Duration::from_millis(20));
const POLL: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_timeout_says_so_and_is_not_early() {
    case(|| {
        let port = port();
        for nanoseconds in [1, 999, 1_000_000, 20_000_000] {
            let timeout = Duration::from_nanos(nanoseconds);
            let start = Instant::now();
            let error = port.get(Some(timeout)).expect_err("nothing is queued");
            assert!(start.elapsed() >= timeout, "{nanoseconds} ns");
            assert!(error.is_timeout() && !error.is_port_gone());
            assert_eq!(error.timeout, Some(timeout));
        }
    });
}

/// GET-3: what succeeds without an event is a timeout here.
#[test]
fn a_zero_timeout_looks_and_does_not_wait() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        assert!(port.get(POLL).expect_err("nothing is queued").is_timeout());
        assert!(port.get_n(8, POLL).expect("a poll").is_empty());
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
        assert_eq!(port.get(POLL).expect("an event").user, 1);
        port.send(2, 3).expect("sent");
        assert_eq!(port.get_n(8, POLL).expect("a poll").len(), 1);
    });
}

/// GET-11.
#[test]
fn the_longest_timeouts_wait_for_the_event() {
    case(|| {
        let port = port();
        let timeouts = [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(i64::MAX as u64)];
        for timeout in timeouts.map(Some).into_iter().chain([None]) {
            let waiter = blocked({
                let port = port.clone();
                move || port.get(timeout).map(|event| event.user)
            });
            port.send(1, 7).expect("sent");
            assert_eq!(waiter.join().expect("an event"), 7, "{timeout:?}");
        }
    });
}

#[test]
fn signals_neither_end_a_wait_nor_prolong_it() {
    case(|| {
        const WAIT: Duration = Duration::from_millis(300);
        on_signal(libc::SIGUSR1, interrupt, 0);
        let port = port();
        let mut events = Events::with_capacity(8);
        let storm = signal_storm(libc::SIGUSR1);
        let start = Instant::now();
        assert!(port.get(Some(WAIT)).expect_err("nothing is queued").is_timeout());
        let once = start.elapsed();
        assert!(port.get_n(8, Some(WAIT)).expect("nothing is queued").is_empty());
        assert_eq!(port.get_into(&mut events, Some(WAIT)).expect("nothing is queued"), Outcome::TimedOut);
        drop(storm);
        assert!(once >= WAIT, "{once:?}");
        assert!(start.elapsed() >= 3 * WAIT);
        assert!(once < 20 * WAIT, "each interruption does not start the wait anew: {once:?}");
    });
}

#[test]
fn a_wait_goes_on_after_a_signal_and_ends_with_the_event() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, libc::SA_RESTART);
        let port = port();
        let waiter = blocked({
            let port = port.clone();
            move || port.get(None).map(|event| event.user)
        });
        for _ in 0..5 {
            signal_thread(waiter.thread(), libc::SIGUSR1);
            assert!(waiter.is_still_blocked());
        }
        port.send(1, 7).expect("sent");
        assert_eq!(waiter.join().expect("an event"), 7);
    });
}

/// GETN-9.
#[test]
fn an_interruptible_batch_returns_on_a_signal_and_loses_nothing() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, libc::SA_RESTART);
        let port = port();
        port.send(1, 7).expect("sent");
        let waiter = blocked({
            let port = port.clone();
            move || {
                let mut events = Events::with_capacity(8);
                let outcome = port.batch(&mut events).min(3).interruptible(true).get();
                (outcome, users(&events))
            }
        });
        signal_thread(waiter.thread(), libc::SIGUSR1);
        let (outcome, taken) = waiter.join();
        assert_eq!(outcome.expect("no error"), Outcome::Interrupted);
        let left = port.get_n(8, POLL).expect("a poll");
        let all: Vec<usize> = taken.into_iter().chain(left.iter().map(|event| event.user)).collect();
        assert_eq!(all, [7], "in the batch or in the port, once");
    });
}

#[test]
fn a_batch_interrupted_all_the_time_fills_up_to_its_minimum() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, 0);
        let port = port();
        let sender = std::thread::spawn({
            let port = port.clone();
            move || {
                for user in 0..500 {
                    port.send(1, user).expect("sent");
                    std::thread::yield_now();
                }
            }
        });
        let storm = signal_storm(libc::SIGUSR1);
        let mut events = Events::with_capacity(500);
        assert_eq!(port.batch(&mut events).min(500).get().expect("no error"), Outcome::Filled);
        drop(storm);
        sender.join().expect("no panic");
        assert_eq!(users(&events), (0..500).collect::<Vec<_>>());
    });
}

/// GETN-8.
#[test]
fn what_was_taken_before_the_timeout_is_in_the_batch() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            port.send(1, 7).expect("sent");
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 8).expect("associated");
            pending.place(&port);
            let mut events = Events::with_capacity(8);
            let outcome = port.batch(&mut events).min(5).timeout(TICK).get().expect("no error");
            assert_eq!(outcome, Outcome::TimedOut);
            assert_eq!(users(&events), [7, 8]);
            assert!(port.get(POLL).is_err(), "they are taken");
        }
    });
}

#[test]
fn minimum_and_maximum_are_checked() {
    case(|| {
        let port = port();
        port.send(1, 7).expect("sent");
        let mut events = Events::with_capacity(4);
        for (min, max) in [(0, 4), (3, 2), (1, 5), (5, 5), (1, 0), (usize::MAX, usize::MAX)] {
            let error = port.batch(&mut events).min(min).max(max).timeout(POLL).get().expect_err("a bad range");
            assert!(error.is_invalid_range(), "min {min}, max {max}");
            assert_eq!((error.min, error.max), (min, max));
            assert!(events.is_empty());
        }
        let mut none = Events::with_capacity(0);
        assert!(port.get_into(&mut none, POLL).expect_err("no room").is_invalid_range());
        assert_eq!(port.pending().expect("a count"), 1, "nothing was taken");
    });
}

#[test]
fn a_batch_takes_at_most_its_maximum_and_holds_only_the_last_filling() {
    case(|| {
        let port = port();
        for user in 0..10 {
            port.send(1, user).expect("sent");
        }
        let mut events = Events::with_capacity(8);
        assert_eq!(port.batch(&mut events).max(3).get().expect("events"), Outcome::Filled);
        assert_eq!(users(&events), [0, 1, 2]);
        assert_eq!(port.get_into(&mut events, None).expect("events"), Outcome::Filled);
        assert_eq!(users(&events), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(events.iter().rev().map(|event| event.user).next(), Some(9));
        assert_eq!(port.get_into(&mut events, POLL).expect("a poll"), Outcome::TimedOut);
        assert!(events.is_empty(), "what an earlier call brought is gone");
        assert_eq!(events.capacity(), 8);
    });
}

#[test]
fn get_n_takes_what_there_is_up_to_its_maximum() {
    case(|| {
        let port = port();
        for user in 0..1000 {
            port.send(1, user).expect("sent");
        }
        assert!(port.get_n(0, None).expect("nothing asked for").is_empty());
        let events = port.get_n(300, None).expect("events");
        assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
        let events = port.get_n(usize::MAX, None).expect("events");
        assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), (300..1000).collect::<Vec<_>>());
    });
}

#[test]
fn a_wait_for_several_returns_when_they_are_there() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
        let waiter = blocked({
            let port = port.clone();
            move || {
                let mut events = Events::with_capacity(8);
                let outcome = port.batch(&mut events).min(3).timeout(Some(Duration::MAX)).get();
                (outcome.expect("no error"), users(&events))
            }
        });
        write(&pipe.write);
        assert!(waiter.is_still_blocked());
        port.send(0, 2).expect("sent");
        assert!(waiter.is_still_blocked());
        port.send(0, 3).expect("sent");
        assert_eq!(waiter.join(), (Outcome::Filled, vec![1, 2, 3]));
    });
}

/// GETN-13.
#[test]
fn in_alert_mode_a_batch_has_one_event_whatever_its_minimum() {
    case(|| {
        let port = port();
        port.send(1, 7).expect("sent");
        let guard = port.alert(NonZeroI32::new(9).expect("not zero"), 5).expect("entered");
        let mut events = Events::with_capacity(8);
        assert_eq!(port.batch(&mut events).min(4).get().expect("no error"), Outcome::Filled);
        assert_eq!(events.len(), 1);
        let event = events.get(0).expect("one event");
        assert!(matches!(event.view(), Event::Alert { events: 9 }));
        assert_eq!((event.source, event.user), (EventSource::Alert, 5));
        drop(guard);
        assert_eq!(port.get(POLL).expect("an event").user, 7);
    });
}

#[test]
fn one_shot_again_and_again_through_the_safe_calls() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            for user in 0..50 {
                port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, user).expect("associated");
                assert!(port.get(POLL).is_err());
                write(&pipe.write);
                pending.place(&port);
                let event = port.get(None).expect("an event");
                assert_eq!((event.object, event.user), (pipe.read.as_raw_fd() as usize, user));
                assert_eq!(event.poll_events(), Some(PollEvents::IN));
                assert!(port.get(POLL).is_err(), "spent");
                assert_eq!(read_all(&pipe.read), 1);
            }
        }
    });
}
