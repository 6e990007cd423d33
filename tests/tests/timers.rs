//! Timers whose expirations are events (TIMER, V-53, V-54).

use event_ports_tests::prelude::*;
use event_ports_tests::timers::{self, Timer, clock, delete, getoverrun, gettime, settime, sleep_until};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const NEVER: Duration = Duration::ZERO;
const TICK: Duration = Duration::from_millis(10);
const HOUR: Duration = Duration::from_secs(3600);
const MONOTONIC: sys::clockid_t = sys::CLOCK_MONOTONIC;
const REALTIME: sys::clockid_t = sys::CLOCK_REALTIME;

/// A timer that has expired exactly so many times and will not for an hour. Its event waits in the kernel on Linux.
fn expired(port: &OwnedFd, times: u32, user: usize) -> Timer {
    // On the clock that has shown enough hours already.
    let timer = Timer::on(REALTIME, port, user).expect("timer_create succeeds");
    timer.set_absolute(clock(REALTIME) - HOUR * (times - 1), HOUR);
    timer
}

/// A timer that has just expired once and will not for an hour. Nobody has looked at it yet.
fn just_expired(port: &OwnedFd, user: usize) -> Timer {
    let timer = Timer::new(port, user);
    timer.set(Duration::from_millis(1), HOUR);
    assert!(is_readable_within(port, 10_000));
    timer
}

/// The one event there is, which must be a timer's: how often it has expired.
fn expirations(port: &OwnedFd, timer: &Timer, user: usize) -> c_int {
    let events = drain(port);
    assert_eq!(events.len(), 1, "one event: {events:?}");
    assert_eq!(events[0], timer.event(events[0].events, user));
    events[0].events
}

/// TIMER-4, TIMER-5.
#[test]
fn v_53_what_is_missed_is_counted_in_one_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let timer = Timer::new(&port, 7);
            let before = clock(MONOTONIC);
            timer.set(TICK, TICK);
            let after = clock(MONOTONIC);
            sleep_until(MONOTONIC, after + TICK * 2);
            pending.place(&port);
            sleep_until(MONOTONIC, after + Duration::from_millis(55));
            let least = (clock(MONOTONIC) - after).as_millis() / TICK.as_millis();
            let count = expirations(&port, &timer, 7);
            let most = (clock(MONOTONIC) - before).as_millis() / TICK.as_millis();
            assert!((least..=most).contains(&(count as u128)), "{least} <= {count} <= {most}");
        }
    });
}

/// TIMER-9.
#[test]
fn v_54_deleting_a_timer_takes_its_event_along() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let timer = just_expired(&port, 7);
            pending.place(&port);
            timer.delete();
            assert_eq!(drain(&port), []);
            let timer = just_expired(&port, 7);
            assert_eq!(send(&port, 1, 1), Ok(()));
            let other = expired(&port, 2, 8);
            pending.place(&port);
            timer.delete();
            assert_eq!(drain(&port), [Event::user(1, 1), other.event(2, 8)]);
        }
    });
}

#[test]
fn timer_01_what_describes_the_notification_is_read_during_the_call_only() {
    case(|| {
        let port = port();
        // The helper overwrites both structures and frees them.
        let timer = Timer::new(&port, 3);
        timer.set(TICK, NEVER);
        assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 3))));
    });
}

#[test]
fn timer_02_what_is_no_port_gets_no_timer() {
    case(|| {
        let pipe = Pipe::new();
        assert_eq!(Timer::on(MONOTONIC, &9999, 0).err(), Some(EBADF));
        assert_eq!(Timer::on(MONOTONIC, &-1, 0).err(), Some(EBADF));
        assert_eq!(Timer::on(MONOTONIC, &pipe.read, 0).err(), Some(EBADFD));
        let mut event = timers::sigevent(std::ptr::null_mut());
        assert_eq!(Timer::create(MONOTONIC, &mut event).err(), Some(EFAULT));
        assert_eq!(Timer::on(9999, &port(), 0).err(), Some(EINVAL), "there is no such clock");
    });
}

#[test]
fn timer_02_a_full_port_gets_no_timer() {
    case(|| {
        limit_events(2);
        let port = port();
        let timer = Timer::new(&port, 1);
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(Timer::on(MONOTONIC, &port, 2).err(), Some(EAGAIN));
        assert_eq!(drain(&port), [Event::user(1, 1)]);
        let other = Timer::new(&port, 2);
        assert_eq!(send(&port, 1, 1), Err(EAGAIN));
        drop((timer, other));
    });
}

/// TIMER-3, LIMIT-2.
#[test]
fn timer_03_a_timer_holds_its_slot_for_life() {
    case(|| {
        limit_events(2);
        let port = port();
        let one_slot_is_left = |state| {
            assert_eq!(send(&port, 1, 1), Ok(()), "{state}");
            assert_eq!(send(&port, 1, 2), Err(EAGAIN), "{state}");
            drain(&port).len()
        };
        let timer = Timer::new(&port, 1);
        assert_eq!(one_slot_is_left("never armed"), 1);
        timer.set(HOUR, HOUR);
        assert_eq!(one_slot_is_left("armed"), 1);
        timer.set(Duration::from_millis(1), NEVER);
        assert!(is_readable_within(&port, 10_000));
        assert_eq!(one_slot_is_left("expired"), 2);
        assert_eq!(one_slot_is_left("retrieved"), 1);
        timer.delete();
        assert_eq!((send(&port, 1, 1), send(&port, 1, 2)), (Ok(()), Ok(())));
        assert_eq!(drain(&port).len(), 2);
    });
}

fn is_readable_within(port: &OwnedFd, milliseconds: c_int) -> bool {
    let mut entry = libc::pollfd { fd: port.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&raw mut entry, 1, milliseconds) == 1 }
}

#[test]
fn timer_04_the_count_stops_at_the_largest_number() {
    case(|| {
        let port = port();
        let timer = Timer::on(REALTIME, &port, 5).expect("timer_create succeeds");
        // Since 1970, twice a second.
        timer.set_absolute(Duration::from_millis(500), Duration::from_millis(500));
        assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(c_int::MAX, 5))));
    });
}

#[test]
fn timer_05_the_count_is_that_of_the_moment_of_retrieval() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let timer = expired(&port, 1, 7);
            pending.place(&port);
            // Expirations while the event is queued: two more, of another setting.
            timer.set_absolute(clock(REALTIME) - HOUR, HOUR);
            pending.place(&port);
            assert_eq!(drain(&port), [timer.event(3, 7)]);
            assert_eq!(drain(&port), [], "and starts at zero again");
        }
    });
}

#[test]
fn timer_05_one_event_for_each_timer_is_queued() {
    case(|| {
        let port = port();
        let timers: Vec<_> = (0..3).map(|user| expired(&port, 2, user)).collect();
        assert_eq!(pending(&port), 3);
        for timer in &timers {
            timer.set_absolute(clock(REALTIME) - HOUR, HOUR);
        }
        assert_eq!(pending(&port), 3);
        assert_eq!(drain(&port), [0, 1, 2].map(|user| timers[user].event(4, user)));
    });
}

#[test]
fn timer_06_a_periodic_timer_goes_on() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        let start = Instant::now();
        timer.set(TICK, TICK);
        let mut count = 0;
        for _ in 0..5 {
            let event = get(&port, ms(10_000)).expect("the timer expires").expect("an event");
            assert_eq!(event, timer.event(event.events, 7));
            assert!(event.events > 0);
            count += event.events as u32;
        }
        assert!(start.elapsed() >= TICK * count, "{count} expirations in {:?}", start.elapsed());
        timer.set(NEVER, NEVER);
        drain(&port);
        assert_eq!(get(&port, ms(50)), Err(ETIME), "disarmed");
    });
}

#[test]
fn timer_06_a_timer_without_an_interval_expires_once() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        for _ in 0..3 {
            timer.set(Duration::from_millis(1), NEVER);
            assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 7))));
            assert_eq!(get(&port, ms(20)), Err(ETIME));
            assert_eq!(timer.setting().0, NEVER);
        }
    });
}

#[test]
fn timer_07_overruns_are_in_the_event_alone() {
    case(|| {
        let port = port();
        let timer = expired(&port, 5, 7);
        assert_eq!(getoverrun(timer.id()), Ok(0));
        assert_eq!(drain(&port), [timer.event(5, 7)]);
        assert_eq!(getoverrun(timer.id()), Ok(0));
    });
}

#[test]
fn timer_08_a_queued_event_outlives_a_new_setting() {
    case(|| {
        for pending in Pending::BOTH {
            for (first, interval) in [(NEVER, NEVER), (HOUR, NEVER), (HOUR, HOUR)] {
                let port = port();
                let timer = expired(&port, 3, 7);
                pending.place(&port);
                timer.set(first, interval);
                assert_eq!(drain(&port), [timer.event(3, 7)]);
                assert_eq!(drain(&port), []);
                let timer = just_expired(&port, 7);
                pending.place(&port);
                timer.set(first, interval);
                assert_eq!(drain(&port), [timer.event(1, 7)]);
                assert_eq!(drain(&port), []);
                let (left, every) = timer.setting();
                assert!(left <= first && left + TICK * 100 > first, "{left:?} of {first:?}");
                assert_eq!(every, interval);
            }
        }
    });
}

#[test]
fn timer_08_a_new_setting_returns_the_old_one() {
    case(|| {
        for id in [MONOTONIC, REALTIME] {
            let port = port();
            let timer = Timer::on(id, &port, 7).expect("timer_create succeeds");
            assert_eq!(timer.setting(), (NEVER, NEVER));
            assert_eq!(timer.set(HOUR, TICK), (NEVER, NEVER));
            let (left, every) = timer.set_absolute(clock(id) + HOUR * 2, HOUR);
            assert!(left <= HOUR && left > HOUR - TICK * 500, "{left:?}");
            assert_eq!(every, TICK);
            let (left, every) = timer.setting();
            assert!(left <= HOUR * 2 && left > HOUR * 2 - TICK * 500, "{left:?}");
            assert_eq!(every, HOUR);
        }
    });
}

#[test]
fn timer_08_what_is_no_time_is_refused() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        timer.set(HOUR, HOUR);
        for (sec, nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            for bad_interval in [false, true] {
                let (bad, good) = (timespec(sec, nsec), timespec(1, 0));
                let (first, interval) = if bad_interval { (good, bad) } else { (bad, good) };
                assert_eq!(settime(timer.id(), 0, first, interval), Err(EINVAL), "{sec}.{nsec}");
            }
        }
        assert_eq!(timer.setting().1, HOUR, "and changes nothing");
    });
}

#[test]
fn timer_09_a_deleted_timer_is_unknown() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        let id = timer.id();
        timer.delete();
        let hour = timespec(3600, 0);
        assert_eq!(settime(id, 0, hour, hour), Err(EINVAL));
        assert_eq!(gettime(id), Err(EINVAL));
        assert_eq!(getoverrun(id), Err(EINVAL));
        assert_eq!(delete(id), Err(EINVAL));
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 1)]);
    });
}

/// On illumos ids are small numbers that come back at once. Here a stale one is never a newer timer's.
#[test]
#[cfg(target_os = "linux")]
fn timer_09_an_id_does_not_come_back() {
    case(|| {
        let port = port();
        let stale: Vec<_> = (0..1000)
            .map(|user| {
                let timer = Timer::new(&port, user);
                let id = timer.id();
                timer.delete();
                id
            })
            .collect();
        let timer = Timer::new(&port, 7);
        timer.set(HOUR, HOUR);
        for &id in &stale {
            assert_eq!(settime(id, 0, timespec(0, 0), timespec(0, 0)), Err(EINVAL));
            assert_eq!(delete(id), Err(EINVAL));
        }
        assert_eq!(stale.iter().collect::<HashSet<_>>().len(), stale.len());
        assert!(timer.setting().0 > NEVER);
    });
}

#[test]
fn timer_09_a_timer_that_is_deleted_while_others_run() {
    case(|| {
        let port = port();
        let mut timers: Vec<_> = (0..20).map(|user| Timer::new(&port, user)).collect();
        let now = clock(MONOTONIC);
        for (user, timer) in timers.iter().enumerate() {
            timer.set_absolute(now + TICK * (1 + user as u32 * 7 % 20), NEVER);
        }
        // Among them the one that would be the first.
        let deleted: HashSet<usize> = [0, 3, 5, 19].into();
        let kept = |user: &usize| !deleted.contains(user);
        let mut user = 0..;
        timers.retain(|_| user.next().is_some_and(|user| kept(&user)));
        let mut expected: Vec<usize> = (0..20).filter(kept).collect();
        expected.sort_by_key(|user| user * 7 % 20);
        let order: Vec<usize> =
            expected.iter().map(|_| get(&port, ms(10_000)).expect("a timer").expect("an event").user).collect();
        assert_eq!(order, expected);
    });
}

/// TIMER-10, TIMER-11, FORK-1.
#[test]
fn timer_10_a_child_neither_gets_the_events_nor_has_the_timer() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let timer = expired(&port, 2, 7);
            pending.place(&port);
            let (number, id) = (port.as_raw_fd(), timer.id());
            fork(move || {
                assert_eq!(get(&number, ms(30)), Err(ETIME));
                let hour = timespec(3600, 0);
                assert_eq!(settime(id, 0, hour, hour), Err(EINVAL));
                assert_eq!(delete(id), Err(EINVAL));
            })
            .join();
            assert_eq!(drain(&port), [timer.event(2, 7)]);
        }
    });
}

#[test]
fn timer_11_a_child_may_have_timers_of_its_own() {
    case(|| {
        let outer = port();
        let timer = Timer::new(&outer, 7);
        timer.set(HOUR, HOUR);
        fork(|| {
            let port = port();
            let timer = Timer::new(&port, 8);
            timer.set(TICK, NEVER);
            assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 8))));
        })
        .join();
        timer.set(TICK, NEVER);
        assert_eq!(get(&outer, ms(10_000)), Ok(Some(timer.event(1, 7))));
    });
}

/// TIMER-12, CLOSE-1.
#[test]
fn timer_12_a_timer_outlives_its_port_in_silence() {
    case(|| {
        for pending in Pending::BOTH {
            let first = port();
            let number = first.as_raw_fd();
            let (running, due) = (Timer::new(&first, 1), expired(&first, 1, 2));
            running.set(TICK, TICK);
            pending.place(&first);
            drop(first);
            let second = port();
            assert_eq!(second.as_raw_fd(), number, "the next port has its number");
            let (left, every) = running.setting();
            assert!(left <= TICK && left > NEVER, "{left:?}");
            assert_eq!(every, TICK);
            running.set(Duration::from_millis(1), Duration::from_millis(1));
            assert_eq!(get(&second, ms(30)), Err(ETIME));
            due.delete();
            let third = Timer::new(&second, 3);
            third.set(TICK, NEVER);
            assert_eq!(get(&second, ms(10_000)), Ok(Some(third.event(1, 3))));
        }
    });
}

#[test]
fn timer_12_no_event_of_a_closed_port_reaches_the_next() {
    case(|| {
        for _ in 0..100 {
            let first = port();
            let timers: Vec<_> = (0..10).map(|user| Timer::new(&first, user)).collect();
            for timer in &timers {
                timer.set(Duration::from_micros(250), Duration::from_micros(250));
            }
            drop(first);
            let second = port();
            assert_eq!(get(&second, ms(1)), Err(ETIME));
            drop(timers);
        }
    });
}

#[test]
fn each_clock_works_relative_and_absolute() {
    case(|| {
        for id in [MONOTONIC, REALTIME] {
            let port = port();
            let timer = Timer::on(id, &port, 7).expect("timer_create succeeds");
            let start = Instant::now();
            timer.set(TICK, NEVER);
            assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 7))));
            assert!(start.elapsed() >= TICK);
            let deadline = clock(id) + TICK;
            timer.set_absolute(deadline, NEVER);
            assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 7))));
            assert!(clock(id) >= deadline);
            timer.set_absolute(clock(id) - HOUR, NEVER);
            assert_eq!(get(&port, ms(10_000)), Ok(Some(timer.event(1, 7))));
        }
    });
}

#[test]
fn a_port_is_readable_exactly_while_a_timer_is_due() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        assert!(!is_readable(&port));
        timer.set(TICK, NEVER);
        assert!(!is_readable(&port));
        assert!(is_readable_within(&port, 10_000));
        assert_eq!(drain(&port), [timer.event(1, 7)]);
        assert!(!is_readable(&port));
        // What is put off or taken back leaves no trace.
        for (first, interval) in [(NEVER, NEVER), (HOUR, NEVER)] {
            timer.set(TICK, TICK);
            timer.set(first, interval);
            assert!(!is_readable_within(&port, 30));
        }
        timer.set(TICK, TICK);
        timer.delete();
        assert!(!is_readable_within(&port, 30));
    });
}

#[test]
fn a_waiting_thread_is_woken() {
    case(|| {
        let port = port();
        let timer = Timer::new(&port, 7);
        let number = port.as_raw_fd();
        let thread = blocked(move || get(&number, None));
        timer.set(TICK, NEVER);
        assert_eq!(thread.join(), Ok(Some(timer.event(1, 7))));
        // Also if it waits for more than one.
        let other = Timer::new(&port, 8);
        let thread = blocked(move || getn(&number, 4, 2, None));
        timer.set(TICK, NEVER);
        other.set(TICK * 3, NEVER);
        assert_eq!(thread.join(), Got::ok(&[timer.event(1, 7), other.event(1, 8)]));
    });
}

/// ORDER-1.
#[test]
fn events_come_in_the_order_of_expiration() {
    case(|| {
        let port = port();
        let timers: Vec<_> = (0..30).map(|user| Timer::new(&port, user)).collect();
        let now = clock(MONOTONIC);
        let order: Vec<usize> = (0..30).map(|i| i * 17 % 30).collect();
        for (rank, &user) in order.iter().enumerate() {
            timers[user].set_absolute(now + TICK + Duration::from_micros(100) * rank as u32, NEVER);
        }
        sleep_until(MONOTONIC, now + TICK * 2);
        let users: Vec<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(users, order);
    });
}

#[test]
fn timers_of_other_kinds_work_by_the_same_names() {
    case(|| {
        // SAFETY: all zeros is a valid sigevent.
        let mut event: sys::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = sys::SIGEV_NONE;
        let timer = Timer::create(MONOTONIC, &mut event).expect("timer_create succeeds");
        timer.set(HOUR, TICK);
        let (left, every) = timer.setting();
        assert!(left <= HOUR && left > HOUR - TICK * 500, "{left:?}");
        assert_eq!(every, TICK);
        assert_eq!(getoverrun(timer.id()), Ok(0));
        timer.delete();
    });
}

/// Many threads arm, disarm, delete and retrieve; each one-shot timer that is not deleted brings exactly one event.
#[test]
fn nothing_is_lost_or_doubled_between_threads() {
    case(|| {
        const THREADS: usize = 4;
        const EACH: usize = 300;
        let port = port();
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let port = &port;
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(move || {
                        let mut seen = Vec::new();
                        loop {
                            let event = get(port, ms(30_000)).expect("events come").expect("an event");
                            if event.source == PORT_SOURCE_USER {
                                return seen;
                            }
                            assert_eq!(event.events, 1);
                            seen.push(event.user);
                        }
                    })
                })
                .collect();
            let makers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut timers = Vec::new();
                        for i in 0..EACH {
                            let timer = Timer::new(port, thread * EACH + i);
                            timer.set(HOUR, HOUR);
                            timer.set(Duration::from_micros((i % 7 * 100 + 1) as u64), NEVER);
                            timers.push(timer);
                            if i % 3 == 0 {
                                // Never due, so nothing comes of it.
                                let other = Timer::new(port, usize::MAX);
                                other.set(HOUR, TICK);
                                other.delete();
                            }
                            if timers.len() == 8 {
                                while timers.iter().any(|timer| timer.setting().0 != NEVER) {
                                    std::thread::yield_now();
                                }
                                // Expired, but their events may still be queued: keep them until the end.
                                std::mem::take(&mut timers).into_iter().for_each(std::mem::forget);
                            }
                        }
                        timers.into_iter().for_each(std::mem::forget);
                    })
                })
                .collect();
            makers.into_iter().for_each(|maker| maker.join().expect("no panic"));
            sleep_until(MONOTONIC, clock(MONOTONIC) + TICK);
            takers.iter().for_each(|_| assert_eq!(send(port, 1, 0), Ok(())));
            takers.into_iter().flat_map(|taker| taker.join().expect("no panic")).collect()
        });
        assert_eq!(seen.len(), THREADS * EACH);
        assert_eq!(seen.iter().copied().collect::<HashSet<_>>(), (0..THREADS * EACH).collect());
    });
}

/// `port_send` may interrupt anything, and looks at the timers that are due on its way.
#[test]
fn a_signal_handler_may_send_while_timers_expire() {
    use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
    static PORT: AtomicI32 = AtomicI32::new(-1);
    static SENT: AtomicU32 = AtomicU32::new(0);
    extern "C" fn send_one(_signal: c_int) {
        let errno = last_errno();
        if send(&PORT.load(Ordering::Relaxed), 1, 0) == Ok(()) {
            SENT.fetch_add(1, Ordering::Relaxed);
        }
        set_errno(errno);
    }
    case(|| {
        let port = port();
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        let timers: Vec<_> = (1..=20).map(|user| Timer::new(&port, user)).collect();
        on_signal(libc::SIGUSR1, send_one, libc::SA_RESTART);
        let storm = signal_storm(libc::SIGUSR1);
        let (mut received, mut expired) = (0, 0);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) {
            for timer in &timers {
                timer.set(Duration::from_micros(250), Duration::from_micros(250));
            }
            for event in getn(&port, 256, 1, POLL).events {
                let timer = event.source == sys::PORT_SOURCE_TIMER;
                assert!(!timer || event == timers[event.user - 1].event(event.events, event.user));
                *(if timer { &mut expired } else { &mut received }) += 1;
            }
        }
        drop(storm);
        drop(timers);
        loop {
            let events = getn(&port, 256, 1, POLL).events;
            if events.is_empty() {
                break;
            }
            received += events.len() as u32;
        }
        assert!(received > 0 && expired > 0, "{received} {expired}");
        assert_eq!(received, SENT.load(Ordering::Relaxed));
    });
}

/// TIMER-2 limits a process of illumos to a few dozen.
#[test]
fn ten_thousand_timers_on_one_port() {
    case(|| {
        const MANY: usize = 10_000;
        let port = port();
        let timers: Vec<_> = (0..MANY).map(|user| Timer::new(&port, user)).collect();
        let descriptors = event_ports_tests::OpenDescriptors::now();
        // Late enough that all are armed by then.
        let start = clock(MONOTONIC) + Duration::from_secs(1);
        for (i, timer) in timers.iter().enumerate() {
            timer.set_absolute(start + Duration::from_micros((i * 7919 % MANY) as u64), NEVER);
        }
        let mut order = Vec::new();
        while order.len() < MANY {
            let got = getn(&port, 64, 1, ms(10_000));
            assert_eq!(got.result, Ok(()));
            assert!(got.events.iter().all(|event| *event == timers[event.user].event(1, event.user)));
            order.extend(got.events.iter().map(|event| event.user * 7919 % MANY));
        }
        assert!(order.is_sorted(), "they expired out of order");
        assert_eq!(event_ports_tests::OpenDescriptors::now().not_in(&descriptors), [""; 0]);
        assert!(timers.iter().all(|timer| timer.setting().0 == NEVER));
    });
}
