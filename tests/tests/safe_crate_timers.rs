//! The safe crate: timers, whose events say which timer they are of.

use event_ports::{Clock, Event, EventPort, Events, PortEvent, Timer, TimerId, TimerSetting, When};
use event_ports_tests::prelude::{AsRawFd, POLLIN, Pending, case, fork, is_readable, limit_events, poll};
use event_ports_tests::timers;
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

const POLL: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(30));
const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(10);

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

fn timer(port: &EventPort, user: usize) -> Timer {
    Timer::new(port, Clock::Monotonic, user).expect("a timer")
}

/// A timer whose event waits.
fn expired(port: &EventPort, user: usize) -> Timer {
    let timer = timer(port, user);
    timer.set(When::At(Duration::ZERO), None).expect("set");
    // It may be that a clock has to interrupt somebody first.
    assert_ne!(poll(port, POLLIN, 30_000), 0);
    timer
}

fn expiration(event: &PortEvent) -> Option<(TimerId, u32, usize)> {
    match event.view() {
        Event::Timer { timer, expirations } => Some((timer, expirations, event.user)),
        _ => None,
    }
}

/// TIMER-4, TIMER-6.
#[test]
fn an_event_says_which_timer_and_how_often() {
    case(|| {
        let port = port();
        let timers = [timer(&port, 1), timer(&port, 2)];
        timers[0].once(TICK).expect("set");
        timers[1]
            .set(When::At(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("now")), None)
            .expect("set");
        let event = port.get(LONG).expect("an event");
        assert_eq!(expiration(&event), Some((timers[0].id(), 1, 1)));
        let start = Clock::Monotonic.now();
        timers[1].periodic(TICK).expect("set");
        std::thread::sleep(TICK * 5);
        let event = port.get(LONG).expect("an event");
        let (id, expirations, user) = expiration(&event).expect("a timer's");
        assert_eq!((id, user), (timers[1].id(), 2));
        let most = (Clock::Monotonic.now() - start).as_millis() / TICK.as_millis();
        assert!(expirations >= 5 && u128::from(expirations) <= most, "{expirations} of {most}");
        assert_eq!(event.events as u32, expirations);
        // In a batch as well.
        let mut events = Events::with_capacity(8);
        port.get_into(&mut events, LONG).expect("an event");
        let event = events.get(0).expect("there is one");
        assert!(matches!(event.view(), Event::Timer { timer, .. } if timer == timers[1].id()));
        assert_eq!((event.user, event.to_owned().user), (2, 2));
    });
}

/// TIMER-8.
#[test]
fn settings_come_back_as_they_were_made() {
    case(|| {
        for clock in [Clock::Monotonic, Clock::Realtime] {
            let port = port();
            let timer = Timer::new(&port, clock, 0).expect("a timer");
            assert_eq!(timer.clock(), clock);
            assert_eq!(timer.setting().expect("a setting"), TimerSetting::default());
            assert_eq!(timer.set(HOUR, Some(TICK)).expect("set"), TimerSetting::default());
            let before = timer.set(When::At(clock.now() + HOUR * 2), None).expect("set");
            assert_eq!(before.interval, Some(TICK));
            assert!(before.remaining.is_some_and(|left| left <= HOUR && left > HOUR / 2));
            let left = timer.remaining().expect("a setting").expect("armed");
            assert!(left <= HOUR * 2 && left > HOUR, "{left:?}");
            assert!(timer.disarm().expect("disarmed").remaining.is_some());
            assert_eq!(timer.remaining().expect("a setting"), None);
        }
    });
}

#[test]
fn no_time_is_too_long_and_none_is_too_short() {
    case(|| {
        let port = port();
        let timer = timer(&port, 7);
        for first in [When::After(Duration::MAX), When::At(Duration::MAX)] {
            timer.set(first, Some(Duration::MAX)).expect("set");
            assert!(timer.remaining().expect("a setting").is_some_and(|left| left > HOUR * 24 * 365));
            assert!(port.get(POLL).is_err_and(|error| error.is_timeout()));
        }
        // Zero is at once, not never.
        for first in [When::After(Duration::ZERO), When::At(Duration::ZERO)] {
            timer.set(first, None).expect("set");
            assert_eq!(expiration(&port.get(LONG).expect("an event")), Some((timer.id(), 1, 7)));
        }
        let error = timer.periodic(Duration::ZERO).expect_err("no interval");
        assert!(error.is_invalid());
        assert_eq!(When::from(SystemTime::UNIX_EPOCH - HOUR), When::At(Duration::ZERO));
    });
}

/// TIMER-9.
#[test]
fn dropping_a_timer_takes_its_event_along() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let timer = expired(&port, 1);
            let other = expired(&port, 2);
            pending.place(&port);
            drop(timer);
            assert_eq!(expiration(&port.get(LONG).expect("an event")), Some((other.id(), 1, 2)));
            assert!(port.get(POLL).is_err_and(|error| error.is_timeout()), "one");
        }
    });
}

#[test]
fn a_timer_keeps_its_port_open() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let timer = expired(&port, 1);
        drop(port);
        // SAFETY: F_GETFD takes no argument.
        let is_open = || unsafe { libc::fcntl(number, libc::F_GETFD) != -1 };
        assert!(is_open() && is_readable(&number));
        drop(timer);
        assert!(!is_open());
    });
}

/// The ids of the system may come back at once; those of the crate do not.
#[test]
fn no_two_timers_have_one_id() {
    case(|| {
        let port = port();
        let mut ids = HashSet::new();
        for user in 0..3000 {
            let timer = expired(&port, user);
            assert_eq!(expiration(&port.get(LONG).expect("an event")), Some((timer.id(), 1, user)));
            assert!(ids.insert(timer.id()));
        }
    });
}

/// Threads retrieve while others replace timers as fast as they can: no event is of a timer with another cookie.
#[test]
fn a_late_event_is_never_a_newer_timers() {
    case(|| {
        let port = port();
        std::thread::scope(|scope| {
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut seen = HashSet::new();
                        loop {
                            // However long: who waits longest is served last (WAIT-1), so the other may get it all.
                            let event = port.get(None).expect("events come");
                            match event.view() {
                                Event::Timer { timer, .. } => assert!(seen.insert((timer, event.user)), "twice"),
                                Event::User { .. } => return seen,
                                other => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            let makers: Vec<_> = (0..2)
                .map(|maker| {
                    let port = &port;
                    scope.spawn(move || {
                        let mut made = HashSet::new();
                        for i in 0..1500 {
                            let user = 8 + 2 * i + maker;
                            let timer = timer(port, user);
                            timer.set(When::At(Duration::ZERO), None).expect("set");
                            if i % 3 == 0 {
                                std::thread::yield_now();
                            }
                            made.insert((timer.id(), user));
                        }
                        made
                    })
                })
                .collect();
            let made: HashSet<_> = makers.into_iter().flat_map(|maker| maker.join().expect("no panic")).collect();
            takers.iter().for_each(|_| port.send(1, 0).expect("sent"));
            for taker in takers {
                let seen = taker.join().expect("no panic");
                assert!(seen.is_subset(&made), "an event with the cookie of another timer");
            }
        });
    });
}

/// S2, S8: what somebody does with the raw crate is passed on as it is.
#[test]
fn a_timer_of_the_raw_crate_is_another() {
    case(|| {
        let port = port();
        let raw = timers::Timer::new(&port, 42);
        raw.set(TICK, Duration::ZERO);
        let event = port.get(LONG).expect("an event");
        assert_eq!((event.user, event.events), (42, 1));
        assert!(matches!(event.view(), Event::Other { object, .. } if object == timers::object_of(raw.id())));
        // Even if it has the cookie of one of the crate's, which nobody can know.
        let own = timer(&port, 7);
        let key: usize = format!("{:?}", own.id())
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .expect("a number");
        let forged = timers::Timer::new(&port, key);
        forged.set(TICK, Duration::ZERO);
        let event = port.get(LONG).expect("an event");
        assert_eq!(event.user, key);
        assert!(matches!(event.view(), Event::Other { .. }));
    });
}

/// TIMER-3.
#[test]
fn a_full_port_is_a_limit() {
    case(|| {
        limit_events(1);
        let port = port();
        let timer = timer(&port, 1);
        let error = Timer::new(&port, Clock::Realtime, 2).expect_err("full");
        assert!(error.is_limit() && error.clock == Clock::Realtime);
        assert!(error.to_string().contains("process.max-port-events"));
        assert_eq!(std::io::Error::from(error).raw_os_error(), Some(libc::EAGAIN));
        drop(timer);
        Timer::new(&port, Clock::Realtime, 2).expect("its place is free");
    });
}

/// TIMER-11.
#[test]
fn a_child_leaves_its_parents_timers_alone() {
    case(|| {
        let port = port();
        let timer = timer(&port, 1);
        fork(|| {
            let own = EventPort::new().expect("a port");
            let first = Timer::new(&own, Clock::Monotonic, 2).expect("a timer");
            assert!(timer.once(TICK).expect_err("the parent's").is_invalid());
            assert!(timer.setting().is_err());
            // Its drop must not delete a timer of the child's that has the same id.
            // SAFETY: a copy of the value that the parent owns, in a process that ends without dropping that.
            drop(unsafe { std::ptr::read(&raw const timer) });
            first.once(TICK).expect("set");
            assert_eq!(own.get(LONG).expect("an event").user, 2);
        })
        .join();
        timer.once(TICK).expect("set");
        assert_eq!(port.get(LONG).expect("an event").user, 1);
    });
}
