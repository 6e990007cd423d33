//! Sixteen threads on one port: every event is accounted for, and no wakeup is lost.
//!
//! `EVENT_PORTS_STRESS` says how many times as long it takes as by default. A thread that waits for an event that does
//! not come hangs the case, whose watchdog then prints what every thread is doing.

use event_ports_tests::prelude::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The cookie of the alert that ends it.
const STOP: usize = usize::MAX;
/// The cookie of those that come in between.
const DISTURBANCE: usize = usize::MAX - 1;

fn times_as_long() -> usize {
    std::env::var("EVENT_PORTS_STRESS").map_or(1, |text| text.parse().expect("EVENT_PORTS_STRESS is a number"))
}

fn time_limit() -> Duration {
    Duration::from_secs(120) * u32::try_from(times_as_long()).expect("a reasonable number")
}

/// A generator that is good enough for choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

/// How often an event has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Once,
    Never,
    /// It is taken back, or its descriptor closed, while somebody may be retrieving it.
    AtMostOnce,
}

/// What becomes of each event. A cookie is the number of an entry.
struct Ledger {
    next: AtomicUsize,
    due: Vec<AtomicU8>,
    seen: Vec<AtomicU8>,
}

impl Ledger {
    fn with_room_for(events: usize) -> Self {
        let zeros = || (0..events).map(|_| AtomicU8::new(0)).collect();
        Self { next: AtomicUsize::new(0), due: zeros(), seen: zeros() }
    }

    fn cookie(&self, due: Due) -> usize {
        let cookie = self.next.fetch_add(1, Ordering::Relaxed);
        self.decide(cookie, due);
        cookie
    }

    fn decide(&self, cookie: usize, due: Due) {
        self.due[cookie].store(due as u8, Ordering::Relaxed);
    }

    fn enter(&self, cookie: usize) {
        assert!(cookie < self.next.load(Ordering::Relaxed), "an event that nobody caused: {cookie:#x}");
        let before = self.seen[cookie].fetch_add(1, Ordering::Release);
        assert_eq!(before, 0, "event {cookie} comes again");
    }

    fn has(&self, cookie: usize) -> bool {
        self.seen[cookie].load(Ordering::Acquire) > 0
    }

    fn wait_for(&self, cookie: usize) {
        while !self.has(cookie) {
            thread::yield_now();
        }
    }

    fn check(&self) -> usize {
        let events = self.next.load(Ordering::Relaxed);
        for cookie in 0..events {
            let (due, seen) = (self.due[cookie].load(Ordering::Relaxed), self.has(cookie));
            let wrong = (due == Due::Once as u8 && !seen) || (due == Due::Never as u8 && seen);
            assert!(!wrong, "event {cookie}: due {due} (0 once, 1 never, 2 at most once), seen {seen}");
        }
        events
    }
}

fn send_events(port: &OwnedFd, ledger: &Ledger, events: usize, mut choices: Choices) {
    let mut sent = Vec::new();
    for _ in 0..events {
        let cookie = ledger.cookie(Due::Once);
        assert_eq!(send(port, 1, cookie), Ok(()));
        sent.push(cookie);
        if choices.below(16) == 0 {
            sent.drain(..).for_each(|cookie| ledger.wait_for(cookie));
        }
    }
    sent.into_iter().for_each(|cookie| ledger.wait_for(cookie));
}

/// Associates descriptors in every way in which an event comes, is taken back, or is lost with its descriptor.
fn associate_pipes(port: &OwnedFd, ledger: &Ledger, rounds: usize, mut choices: Choices) {
    let mut pipes: Vec<Pipe> = (0..6).map(|_| Pipe::new()).collect();
    for _ in 0..rounds {
        let at = choices.below(pipes.len());
        let pipe = &pipes[at];
        let way = choices.below(6);
        if way != 1 {
            write(&pipe.write);
        }
        let first = ledger.cookie(Due::Once);
        assert_eq!(associate_fd(port, &pipe.read, POLLIN, first), Ok(()));
        match way {
            0 => ledger.wait_for(first),
            1 => {
                write(&pipe.write);
                ledger.wait_for(first);
            }
            // FD-29.
            2 => match dissociate_fd(port, &pipe.read) {
                Ok(()) => ledger.decide(first, Due::Never),
                Err(ENOENT) => ledger.wait_for(first),
                Err(errno) => panic!("port_dissociate: {errno:?}"),
            },
            // FD-9.
            3 => {
                ledger.decide(first, Due::AtMostOnce);
                let second = ledger.cookie(Due::Once);
                assert_eq!(associate_fd(port, &pipe.read, POLLIN, second), Ok(()));
                ledger.wait_for(second);
            }
            // FD-8.
            4 => {
                let duplicate = dup(&pipe.read);
                let second = ledger.cookie(Due::Once);
                assert_eq!(associate_fd(port, &duplicate, POLLIN, second), Ok(()));
                ledger.wait_for(first);
                ledger.wait_for(second);
            }
            // FD-21.
            _ => {
                ledger.decide(first, Due::AtMostOnce);
                pipes[at] = Pipe::new();
            }
        }
        let _ = read_all(&pipes[at].read);
    }
}

/// Retrieves in a way of its own until it is told to stop. How many alerts came in between.
fn retrieve(port: &OwnedFd, ledger: &Ledger, way: usize) -> usize {
    let mut alerts = 0;
    loop {
        let events = match way {
            // At least these two wait for one event for as long as it takes, so there is no need of the others.
            0 => get(port, None).expect("a wait for one event").into_iter().collect(),
            1 => getn(port, 8, 1, None).events,
            2 => match get(port, ms(1)) {
                Ok(event) => event.into_iter().collect(),
                Err(errno) => {
                    assert_eq!(errno, ETIME);
                    Vec::new()
                }
            },
            3 => getn(port, 4, 2, ms(1)).events,
            4 => getn(port, 16, 5, ms(2)).events,
            _ => {
                thread::yield_now();
                getn(port, 3, 1, POLL).events
            }
        };
        for event in events {
            match event.source {
                PORT_SOURCE_ALERT if event.user == STOP => return alerts,
                PORT_SOURCE_ALERT => {
                    assert_eq!(event.user, DISTURBANCE);
                    alerts += 1;
                }
                PORT_SOURCE_USER | PORT_SOURCE_FD => ledger.enter(event.user),
                source => panic!("an event of source {source}"),
            }
        }
    }
}

#[test]
fn order_04_fd_29_each_event_among_sixteen_threads_is_accounted_for() {
    case_within(time_limit(), || {
        let rounds = 300 * times_as_long();
        let port = port();
        // Four threads send, each twice as often as the four that associate, which need two cookies at most.
        let ledger = Ledger::with_room_for(4 * 2 * rounds + 4 * 2 * rounds);
        let producing = AtomicBool::new(true);
        thread::scope(|scope| {
            let (port, ledger, producing) = (&port, &ledger, &producing);
            let retrievers: Vec<_> = (0..6).map(|way| scope.spawn(move || retrieve(port, ledger, way))).collect();
            let mut producers = Vec::new();
            for seed in 0..4 {
                producers.push(scope.spawn(move || send_events(port, ledger, 2 * rounds, Choices(seed))));
                producers.push(scope.spawn(move || associate_pipes(port, ledger, rounds, Choices(seed + 4))));
            }
            let alerter = scope.spawn(move || {
                while producing.load(Ordering::Acquire) {
                    assert_eq!(alert(port, PORT_ALERT_SET, 1, DISTURBANCE), Ok(()));
                    assert_eq!(alert(port, 0, 0, 0), Ok(()));
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let onlooker = scope.spawn(move || {
                while producing.load(Ordering::Acquire) {
                    let _ = (pending(port), is_readable(port));
                    thread::sleep(Duration::from_millis(1));
                }
            });
            for producer in producers {
                producer.join().expect("a producer does not panic");
            }
            producing.store(false, Ordering::Release);
            alerter.join().expect("the alerter does not panic");
            onlooker.join().expect("the onlooker does not panic");
            // Everything that is due has been seen, so the alert hides nothing.
            assert_eq!(alert(port, PORT_ALERT_SET, 1, STOP), Ok(()));
            let alerts: usize =
                retrievers.into_iter().map(|retriever| retriever.join().expect("a retriever does not panic")).sum();
            println!("{alerts} alerts seen");
        });
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(drain(&port), []);
        println!("{} events accounted for", ledger.check());
    });
}

/// Bursts with silence between them: nothing comes along to wake somebody who was forgotten.
#[test]
fn wait_03_no_wakeup_is_lost_when_a_burst_is_followed_by_silence() {
    case_within(time_limit(), || {
        const PRODUCERS: usize = 8;
        let rounds = 150 * times_as_long();
        let port = port();
        let ledger = Ledger::with_room_for(PRODUCERS * rounds * 3);
        let (begin, end) = (Barrier::new(PRODUCERS), Barrier::new(PRODUCERS));
        thread::scope(|scope| {
            let (port, ledger, begin, end) = (&port, &ledger, &begin, &end);
            // Two kinds that wait for ever, for one event.
            let retrievers: Vec<_> = (0..8).map(|at| scope.spawn(move || retrieve(port, ledger, at % 2))).collect();
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|seed| {
                    scope.spawn(move || {
                        let mut choices = Choices(seed as u64);
                        let pipe = Pipe::new();
                        for _ in 0..rounds {
                            begin.wait();
                            let due: Vec<usize> = (0..choices.below(4)).map(|_| ledger.cookie(Due::Once)).collect();
                            for (at, &cookie) in due.iter().enumerate() {
                                if at == 0 && choices.below(2) == 0 {
                                    let late = choices.below(2) == 0;
                                    if !late {
                                        write(&pipe.write);
                                    }
                                    assert_eq!(associate_fd(port, &pipe.read, POLLIN, cookie), Ok(()));
                                    if late {
                                        write(&pipe.write);
                                    }
                                } else {
                                    assert_eq!(send(port, 1, cookie), Ok(()));
                                }
                            }
                            due.into_iter().for_each(|cookie| ledger.wait_for(cookie));
                            let _ = read_all(&pipe.read);
                            end.wait();
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.join().expect("a producer does not panic");
            }
            assert_eq!(alert(port, PORT_ALERT_SET, 1, STOP), Ok(()));
            for retriever in retrievers {
                let _ = retriever.join().expect("a retriever does not panic");
            }
        });
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(drain(&port), []);
        println!("{} events accounted for", ledger.check());
    });
}

#[test]
fn wait_06_closing_a_port_among_sixteen_threads_ends_every_wait() {
    case_within(time_limit(), || {
        for round in 0..60 * times_as_long() {
            let port = port();
            let number = port.as_raw_fd();
            let ready = Barrier::new(16);
            let (sent, got) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                let (ready, sent, got) = (&ready, &sent, &got);
                for waiter in 0..10 {
                    scope.spawn(move || {
                        ready.wait();
                        let outcome = loop {
                            let outcome = getn(&number, 4, 1 + waiter % 2, None);
                            got.fetch_add(outcome.events.len(), Ordering::Relaxed);
                            if outcome.result != Ok(()) {
                                break outcome;
                            }
                        };
                        // Who was between two waits may find that the number has become something else for a moment: an
                        // implementation may need descriptors of its own (WAIT-7).
                        assert!(matches!(outcome.result, Err(EBADF | EBADFD)), "round {round}: {outcome:?}");
                        assert_eq!(outcome.events, [], "round {round}");
                    });
                }
                for _ in 0..3 {
                    scope.spawn(move || {
                        ready.wait();
                        while send(&number, 1, 7) == Ok(()) {
                            sent.fetch_add(1, Ordering::Relaxed);
                            thread::yield_now();
                        }
                    });
                }
                for _ in 0..2 {
                    scope.spawn(move || {
                        let pipe = Pipe::ready();
                        ready.wait();
                        while associate_fd(&number, &pipe.read, POLLIN, 7) == Ok(()) {
                            sent.fetch_add(1, Ordering::Relaxed);
                            thread::yield_now();
                        }
                    });
                }
                scope.spawn(move || {
                    ready.wait();
                    for _ in 0..round % 20 {
                        thread::yield_now();
                    }
                    close_port(port);
                });
            });
            let (sent, got) = (sent.into_inner(), got.into_inner());
            assert!(got <= sent, "round {round}: {got} events of {sent} sent or associated");
        }
    });
}
