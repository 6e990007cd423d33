//! The safe crate: the alert guard and the waker.

use event_ports::{AlertOutcome, Event, EventPort, EventSource, Events, Outcome, PollEvents, Wake, Waker};
use event_ports_tests::prelude::{AsRawFd, Pipe, blocked, c_int, case, limit_events, on_signal, signal_storm};
use std::num::NonZeroI32;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

const POLL: Option<Duration> = Some(Duration::ZERO);
const SEVEN: NonZeroI32 = NonZeroI32::new(7).expect("not zero");

fn is_alerted(port: &EventPort) -> bool {
    port.get(POLL).is_ok_and(|event| event.source == EventSource::Alert)
}

/// ALERT-5.
#[test]
fn a_guard_wakes_every_thread_and_leaves_when_dropped() {
    case(|| {
        let port = port();
        let waiters: Vec<_> = (0..5)
            .map(|_| {
                let port = port.clone();
                blocked(move || {
                    let event = port.get(None).expect("no error");
                    (event.source, event.events, event.user)
                })
            })
            .collect();
        let guard = port.alert(SEVEN, 8).expect("entered");
        for waiter in waiters {
            assert_eq!(waiter.join(), (EventSource::Alert, 7, 8));
        }
        assert!(is_alerted(&port));
        drop(guard);
        assert!(!is_alerted(&port));
        assert!(port.get(POLL).expect_err("nothing is queued").is_timeout());
    });
}

#[test]
fn a_guard_can_be_left_or_forgotten() {
    case(|| {
        let port = port();
        port.alert(SEVEN, 0).expect("entered").leave().expect("left");
        assert!(!is_alerted(&port));
        std::mem::forget(port.alert(SEVEN, 0).expect("entered"));
        assert!(is_alerted(&port), "forgetting keeps the mode");
        port.leave_alert().expect("left");
        assert!(!is_alerted(&port));
        port.leave_alert().expect("leaving twice is no error");
    });
}

#[test]
fn a_guard_is_dropped_by_a_panic() {
    case(|| {
        let port = port();
        let clone = port.clone();
        let thread = thread::spawn(move || {
            let _guard = clone.alert(SEVEN, 0).expect("entered");
            panic!("with the guard held");
        });
        assert!(thread.join().is_err());
        assert!(!is_alerted(&port));
    });
}

/// ALERT-3.
#[test]
fn of_many_threads_that_try_one_enters() {
    case(|| {
        for _ in 0..50 {
            let port = port();
            let barrier = Barrier::new(8);
            let entered = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        barrier.wait();
                        let outcome = port.try_alert(SEVEN, 0).expect("no error");
                        if matches!(outcome, AlertOutcome::Entered(_)) {
                            entered.fetch_add(1, Ordering::SeqCst);
                        }
                        // No guard may be dropped before everyone has tried.
                        barrier.wait();
                    });
                }
            });
            assert_eq!(entered.into_inner(), 1);
            assert!(!is_alerted(&port), "its guard is gone");
        }
    });
}

/// ALERT-4, ALERT-7.
#[test]
fn a_second_alert_replaces_the_first_and_events_wait() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        port.send(1, 1).expect("sent");
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
        let first = port.alert(SEVEN, 10).expect("entered");
        let second = port.alert(NonZeroI32::MAX, 11).expect("replaced");
        let event = port.get(None).expect("no error");
        assert_eq!((event.events, event.user), (i32::MAX, 11));
        assert_eq!(port.pending().expect("a count"), 2);
        drop(second);
        let events = port.get_n(8, None).expect("events");
        assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), [1, 2]);
        drop(first);
    });
}

/// SEND-2.
#[test]
fn a_waker_sends_one_event_until_it_is_taken() {
    case(|| {
        let port = port();
        let waker = port.waker(3, 4);
        assert!(!waker.take());
        assert_eq!(waker.wake().expect("no error"), Wake::Sent);
        for _ in 0..10 {
            assert_eq!(waker.clone().wake().expect("no error"), Wake::Coalesced);
        }
        let event = port.get(None).expect("no error");
        assert!(matches!(event.view(), Event::User { events: 3 }));
        assert_eq!(event.user, 4);
        assert_eq!(port.pending().expect("a count"), 0);
        assert!(waker.take());
        assert!(!waker.take());
        assert_eq!(waker.wake().expect("no error"), Wake::Sent, "and again");
    });
}

#[test]
fn wakers_of_one_port_are_independent() {
    case(|| {
        let port = port();
        let (one, other) = (port.waker(0, 1), port.waker(0, 2));
        assert_eq!(one.wake().expect("no error"), Wake::Sent);
        assert_eq!(other.wake().expect("no error"), Wake::Sent);
        assert!(one.take());
        assert!(other.take());
        assert_eq!(port.get_n(8, POLL).expect("a poll").len(), 2);
    });
}

#[test]
fn a_waker_ends_a_wait() {
    case(|| {
        let port = port();
        let waker = port.waker(0, 4);
        for _ in 0..20 {
            let waiter = blocked({
                let port = port.clone();
                move || port.get(None).map(|event| event.user)
            });
            assert_eq!(waker.wake().expect("no error"), Wake::Sent);
            assert_eq!(waiter.join().expect("no error"), 4);
            assert!(waker.take());
        }
    });
}

/// SEND-2, LIMIT-3.
#[test]
fn a_full_port_is_awake_already() {
    case(|| {
        limit_events(2);
        let port = port();
        let waker = port.waker(0, 4);
        port.send(1, 1).expect("sent");
        port.send(1, 2).expect("sent");
        assert_eq!(waker.wake().expect("a full port is no error"), Wake::Full);
        assert_eq!(port.get(None).expect("no error").user, 1);
        assert!(waker.take(), "the loop sees it with the events it gets");
        assert_eq!(waker.wake().expect("no error"), Wake::Sent, "there is room again");
        assert_eq!(port.get_n(8, POLL).expect("a poll").len(), 2);
    });
}

#[test]
fn no_wakeup_is_lost_between_many_producers_and_a_loop() {
    case(|| {
        const ITEMS: usize = 30_000;
        let port = port();
        let waker = port.waker(0, 0);
        let made = AtomicUsize::new(0);
        let mut used = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                let (waker, made) = (waker.clone(), &made);
                scope.spawn(move || {
                    for _ in 0..ITEMS / 3 {
                        made.fetch_add(1, Ordering::SeqCst);
                        waker.wake().expect("no error");
                    }
                });
            }
            let mut events = Events::with_capacity(4);
            while used < ITEMS {
                // A lost wake-up would be a wait that never ends.
                assert_eq!(port.get_into(&mut events, None).expect("no error"), Outcome::Filled);
                if waker.take() {
                    used = made.load(Ordering::SeqCst);
                }
            }
        });
        assert_eq!(used, ITEMS);
    });
}

/// The case's waker while it lives.
static WAKER: AtomicPtr<Waker> = AtomicPtr::new(std::ptr::null_mut());
static SIGNALS: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicBool = AtomicBool::new(false);

extern "C" fn wake_from_handler(_signal: c_int) {
    SIGNALS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: null, or the waker of the case, which outlives the signals.
    let waker = unsafe { WAKER.load(Ordering::SeqCst).as_ref() };
    if waker.is_none_or(|waker| waker.wake().is_err()) {
        FAILED.store(true, Ordering::SeqCst);
    }
}

/// SYS-7.
#[test]
fn a_waker_may_be_used_in_a_signal_handler() {
    case(|| {
        let port = port();
        let mut waker = port.waker(0, 4);
        WAKER.store(&raw mut waker, Ordering::SeqCst);
        on_signal(libc::SIGUSR1, wake_from_handler, libc::SA_RESTART);
        let storm = signal_storm(libc::SIGUSR1);
        let mut events = Events::with_capacity(4);
        let mut woken = 0;
        let mut sent = 0;
        while woken < 200 {
            // Whatever the handler interrupts, it finds the port usable.
            port.send(1, 5).expect("sent");
            sent += 1;
            port.get_into(&mut events, None).expect("no error");
            sent -= events.iter().filter(|event| event.user == 5).count();
            woken += usize::from(waker.take());
        }
        drop(storm);
        while port.get_into(&mut events, POLL).expect("a poll") == Outcome::Filled {
            sent -= events.iter().filter(|event| event.user == 5).count();
        }
        assert_eq!(sent, 0, "every event arrived once");
        assert!(SIGNALS.load(Ordering::SeqCst) > 0);
        assert!(!FAILED.load(Ordering::SeqCst));
    });
}
