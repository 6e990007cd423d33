//! How much a port costs, as ratios.
//!
//! `cargo bench -p event-ports --bench compare`; with a word behind `--`, only what has it in its name: `single`, `batch`,
//! `threads`, `associations`, `user`.
//!
//! On Linux a port is measured against bare epoll, with `EPOLLONESHOT`: what a program would have to use there, and what
//! ports are made of. On illumos, where ports are the kernel's own, against the raw calls. Contestants do the same work,
//! system call by system call, on the same descriptors, in the same process and in turns.
#![allow(missing_docs, reason = "nothing is public")]

#[path = "parts/contestant.rs"]
mod contestant;
#[path = "parts/descriptors.rs"]
mod descriptors;
#[cfg(target_os = "linux")]
#[path = "parts/epoll.rs"]
mod epoll;
#[path = "parts/idle.rs"]
mod idle;
#[path = "parts/peers.rs"]
mod peers;
#[path = "parts/ports.rs"]
mod ports;
#[path = "parts/runner.rs"]
mod runner;
#[path = "parts/shared.rs"]
mod shared;

use contestant::{BATCH, Contestant};
use descriptors::Ready;
#[cfg(target_os = "linux")]
use epoll::Epoll;
use idle::{Idle, raise_limit};
use peers::{Mio, Polling};
use ports::{Promise, Raw, Safe};
use runner::{Clock, Lane, Options, measure};
use shared::Shared;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

const TURN: Duration = Duration::from_millis(5);
/// Threads take a while to start.
const THREADS_TURN: Duration = Duration::from_millis(20);

const EPOLL: &str = "bare epoll";
const RAW: &str = "raw calls";
const RAW_NUMBER: &str = "raw calls, number promised";
const RAW_ALL: &str = "raw calls, all promised";
const SAFE: &str = "event-ports";
const SAFE_ALL: &str = "event-ports, all promised";
const POLLING: &str = "polling";
const MIO: &str = "mio";
const EVENTFD: &str = "eventfd in an epoll, without a cookie";

/// What everything is measured by.
const BASE: &str = if cfg!(target_os = "linux") { EPOLL } else { RAW_NUMBER };

/// Something to measure, which prints what comes of it.
type Section = fn(&Options);

fn main() {
    let Some(options) = Options::from_arguments() else { return };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{}, {processors} processors. Ratios of time, the median of rounds (and the middle half).",
        std::env::consts::OS
    );
    let sections: [(&str, Section); 5] =
        [("single", single), ("batch", batch), ("threads", threads), ("associations", associations), ("user", user)];
    for (name, section) in sections {
        if options.wants(name) {
            section(&options);
        }
    }
}

type Make = fn() -> Box<dyn Contestant>;

/// All that can do what one thread needs.
fn contestants() -> Vec<(&'static str, Box<dyn Contestant>)> {
    vec![
        #[cfg(target_os = "linux")]
        (EPOLL, Box::new(Epoll::new())),
        (SAFE, Box::new(Safe::new(Promise::Number))),
        (SAFE_ALL, Box::new(Safe::new(Promise::NumberAndDescriptors))),
        (RAW, Box::new(Raw::new(Promise::Nothing))),
        (RAW_NUMBER, Box::new(Raw::new(Promise::Number))),
        (RAW_ALL, Box::new(Raw::new(Promise::NumberAndDescriptors))),
        (POLLING, Box::new(Polling::new())),
        (MIO, Box::new(Mio::new())),
    ]
}

/// Tells a contestant of the descriptors, and takes what it has to say of them.
fn introduce(contestant: &mut dyn Contestant, fds: &[RawFd]) {
    for (cookie, &fd) in fds.iter().enumerate() {
        contestant.register(fd, cookie);
    }
    let mut left = fds.len();
    while left > 0 {
        left -= contestant.take_many().0;
    }
}

/// Lanes in which each contestant does the same work on the same descriptors.
fn lanes<'a>(fds: &'a [RawFd], work: impl Fn(&mut dyn Contestant, u32) + Copy + 'a) -> Vec<Lane<'a>> {
    let lane = |(name, mut contestant): (&str, Box<dyn Contestant>)| {
        introduce(&mut *contestant, fds);
        Lane::new(name, move |count| work(&mut *contestant, count))
    };
    contestants().into_iter().map(lane).collect()
}

/// The targets on Linux: with every rule kept, and without those that cost a system call.
fn targets(every_rule: f64, promised: f64) -> Vec<(&'static str, f64)> {
    if cfg!(target_os = "linux") { vec![(SAFE, every_rule), (SAFE_ALL, promised)] } else { vec![] }
}

fn single(options: &Options) {
    let ready = Ready::new(1).expect("descriptors");
    let fds = &ready.fds;
    let lanes = lanes(fds, |contestant, count| {
        for _ in 0..count {
            contestant.arm(fds[0], 0);
            assert_eq!(contestant.take_one(), 0);
        }
    });
    let times = measure(options, Clock::Thread, TURN, lanes);
    times.print("A ready descriptor is associated and retrieved", BASE, &targets(1.5, 1.15));
    times.print_ratio("event-ports over the raw calls", SAFE, RAW_NUMBER, None);
}

fn batch(options: &Options) {
    let ready = Ready::new(BATCH).expect("descriptors");
    let fds = &ready.fds;
    let lanes = lanes(fds, |contestant, count| {
        for _ in 0..count.div_ceil(BATCH as u32) {
            for (cookie, &fd) in fds.iter().enumerate() {
                contestant.arm(fd, cookie);
            }
            assert_eq!(contestant.take_many(), (BATCH, (0..BATCH).sum()));
        }
    });
    let times = measure(options, Clock::Thread, TURN, lanes);
    times.print("64 ready descriptors are associated and retrieved, per event", BASE, &targets(1.6, 1.1));
    times.print_ratio("event-ports over the raw calls", SAFE, RAW_NUMBER, None);
}

/// Several threads retrieve one event each, and associate its descriptor again.
fn threads(options: &Options) {
    let ready = Ready::new(BATCH).expect("descriptors");
    let fds = &ready.fds;
    for threads in [1, 2, 4] {
        let lane = |name, mut contestant: Box<dyn Shared>| {
            for (cookie, &fd) in fds.iter().enumerate() {
                contestant.register(fd, cookie);
            }
            Lane::new(name, move |count: u32| {
                let contestant = &*contestant;
                thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(move || (0..count.div_ceil(threads)).for_each(|_| contestant.turn(fds)));
                    }
                });
            })
        };
        let lanes = || {
            vec![
                #[cfg(target_os = "linux")]
                lane(EPOLL, Box::new(Epoll::new())),
                lane(SAFE, Box::new(Safe::new(Promise::Number))),
                lane(SAFE_ALL, Box::new(Safe::new(Promise::NumberAndDescriptors))),
                lane(RAW_NUMBER, Box::new(Raw::new(Promise::Number))),
            ]
        };
        // What a processor does for an event, and how long it takes until it is done, which is the target.
        for (clock, time) in [(Clock::Process, "processor time"), (Clock::Wall, "time that passes")] {
            let times = measure(options, clock, THREADS_TURN, lanes());
            let targets = if matches!(clock, Clock::Wall) && threads > 1 { targets(1.0, 1.0) } else { vec![] };
            times.print(&format!("Retrieved and associated again by threads: {threads}; {time}"), BASE, &targets);
        }
    }
}

/// One of a few ready descriptors is associated and retrieved, among many that are not ready.
fn associations(options: &Options) {
    /// A port holds 65,536 unless it was told otherwise, which on illumos is not up to the program.
    const MOST: usize = if cfg!(target_os = "linux") { 100_000 } else { 60_000 };
    let descriptors = raise_limit(MOST + 1000).expect("limits");
    let most = MOST.min(descriptors.saturating_sub(1000));
    #[cfg(target_os = "linux")]
    event_ports::linux::set_max_events((MOST as u32 + 1000).try_into().expect("not 0")).expect("a limit");
    let ready = Ready::new(BATCH).expect("descriptors");
    let fds = &ready.fds;
    let idle = Idle::new(most - BATCH).expect("descriptors");

    let sizes: Vec<_> = [100, 1000, 10_000, most].into_iter().filter(|&size| size <= most).collect();
    let kinds: Vec<(&str, Make)> = vec![
        #[cfg(target_os = "linux")]
        (EPOLL, || Box::new(Epoll::new())),
        (SAFE, || Box::new(Safe::new(Promise::Number))),
        (SAFE_ALL, || Box::new(Safe::new(Promise::NumberAndDescriptors))),
    ];
    let name = |kind: &str, size: usize| format!("{kind}, among {size}");
    let mut lanes = Vec::new();
    for &size in &sizes {
        for &(kind, make) in &kinds {
            let mut contestant = make();
            introduce(&mut *contestant, fds);
            for (cookie, fd) in idle.fds[..size - BATCH].iter().enumerate() {
                contestant.register(fd.as_raw_fd(), BATCH + cookie);
            }
            lanes.push(Lane::new(name(kind, size), move |count| {
                for cookie in (0..BATCH).cycle().take(count as usize) {
                    contestant.arm(fds[cookie], cookie);
                    assert_eq!(contestant.take_one(), cookie);
                }
            }));
        }
    }
    let times = measure(options, Clock::Thread, TURN, lanes);
    times.print_title("A ready descriptor is associated and retrieved among many, over the same among 100");
    for (kind, _) in kinds {
        for &size in &sizes[1..] {
            times.print_ratio(&name(kind, size), &name(kind, size), &name(kind, 100), None);
        }
    }
    if most < MOST {
        println!("  not among {MOST}: there may be {descriptors} descriptors");
    }
}

/// An event is sent and retrieved. The nearest to that on Linux is an eventfd in an epoll.
fn user(options: &Options) {
    let safe = Safe::new(Promise::Number);
    let (raw, raw_number) = (Raw::new(Promise::Nothing), Raw::new(Promise::Number));
    let lanes = vec![
        #[cfg(target_os = "linux")]
        {
            let eventfd = epoll::EventFd::new();
            Lane::new(EVENTFD, move |count| (0..count).for_each(|_| eventfd.send_and_take()))
        },
        Lane::new(SAFE, move |count| (0..count as usize).for_each(|cookie| safe.send_and_take(cookie))),
        Lane::new(RAW, move |count| (0..count as usize).for_each(|cookie| raw.send_and_take(cookie))),
        Lane::new(RAW_NUMBER, move |count| (0..count as usize).for_each(|cookie| raw_number.send_and_take(cookie))),
    ];
    let times = measure(options, Clock::Thread, TURN, lanes);
    times.print("An event is sent and retrieved", if cfg!(target_os = "linux") { EVENTFD } else { RAW_NUMBER }, &[]);
    times.print_ratio("event-ports over the raw calls", SAFE, RAW_NUMBER, None);
}
