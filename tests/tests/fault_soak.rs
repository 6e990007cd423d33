//! Everything at once for a long time, in one process: each event comes once, and nothing grows.
//!
//! `EVENT_PORTS_SOAK` says for how many seconds; by default it is one. `.ci/soak` runs it for long.
#![cfg(target_os = "linux")]

use event_ports_tests::aio::{Operation, Request, blocking_pipe};
use event_ports_tests::files::{FileObject, append, associate_file, dissociate_file, marks};
use event_ports_tests::prelude::*;
use event_ports_tests::queues::Queue;
use event_ports_tests::timers::Timer;
use std::fs::{self, File};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes.
const LONG: Option<libc::timespec> = Some(timespec(60, 0));

/// What has been done, and what came of it.
#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    events: AtomicU64,
}

impl Counts {
    fn add(&self, calls: usize, events: usize) {
        self.calls.fetch_add(calls as u64, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }
}

/// Takes so many events, in however many retrievals.
fn take(port: &OwnedFd, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    while all.len() < count {
        let got = getn(port, 32, 1, LONG);
        assert_eq!(got.result, Ok(()), "{} of {count} events have come", all.len());
        all.extend(got.events);
    }
    assert_eq!(drain(port), [], "no event comes twice");
    all
}

fn descriptors(counts: &Counts) {
    const MANY: usize = 20;
    let (port, pipes) = (port(), [(); MANY].map(|()| Pipe::new()));
    for pipe in &pipes {
        associate_fd(&port, &pipe.read, POLLIN, 1).expect("it is associated");
        write(&pipe.write);
    }
    assert_eq!(take(&port, MANY).len(), MANY);
    for pipe in &pipes {
        read_all(&pipe.read);
        associate_fd(&port, &pipe.read, POLLIN, 2).expect("it is associated");
    }
    // Half are dissociated, the others closed.
    for pipe in &pipes[..MANY / 2] {
        dissociate_fd(&port, &pipe.read).expect("it was associated");
    }
    drop(pipes);
    assert_eq!(drain(&port), []);
    close_port(port);
    counts.add(MANY * 3 + 5, MANY);
}

/// A file that is written to, and replaced again and again.
fn files(counts: &Counts, dir: &TempDir) {
    const ROTATIONS: usize = 5;
    let port = port();
    let path = dir.file("log", b"");
    let object = FileObject::new(&path);
    for _ in 0..ROTATIONS {
        associate_file(&port, &object, event_ports_sys::FILE_MODIFIED, 3).expect("it is associated");
        append(&path);
        assert_eq!(take(&port, 1), [Event::file(&object, event_ports_sys::FILE_MODIFIED, 3)]);
        associate_file(&port, &object, event_ports_sys::FILE_MODIFIED, 4).expect("it is associated anew");
        fs::rename(&path, dir.path().join("log.1")).expect("it is renamed");
        assert_eq!(take(&port, 1), [Event::file(&object, event_ports_sys::FILE_RENAME_FROM, 4)]);
        dir.file("log", b"");
    }
    associate_file(&port, &object, event_ports_sys::FILE_MODIFIED, 5).expect("it is associated");
    dissociate_file(&port, &object).expect("it was associated");
    close_port(port);
    counts.add(ROTATIONS * 4 + 4, ROTATIONS * 2);
}

fn timers(counts: &Counts) {
    const MANY: usize = 20;
    let port = port();
    let timers: Vec<Timer> = (0..MANY).map(|i| Timer::new(&port, i)).collect();
    for (timer, micros) in timers.iter().zip(1..) {
        timer.set(Duration::from_micros(micros * 50), Duration::ZERO);
    }
    let mut users: Vec<usize> = take(&port, MANY).iter().map(|event| event.user).collect();
    users.sort_unstable();
    assert!(users.into_iter().eq(0..MANY));
    // One that goes on, deleted with its event queued or not.
    timers[0].set(Duration::from_micros(100), Duration::from_micros(100));
    assert_eq!(get(&port, LONG).map(|event| event.map(|event| event.user)), Ok(Some(0)));
    drop(timers);
    assert_eq!(drain(&port), []);
    close_port(port);
    counts.add(MANY * 3 + 5, MANY + 1);
}

fn requests(counts: &Counts, dir: &TempDir) {
    let port = port();
    let file = File::options().read(true).write(true).open(dir.file("data", &[1; 100_000])).expect("it opens");
    let (reader, writer) = blocking_pipe();
    let started = [
        Request::new(Operation::Read, &file, vec![0; 100], 5).to(&port, 1).started(),
        Request::new(Operation::Read, &file, vec![0; 90_000], 0).to(&port, 2).started(),
        Request::new(Operation::Write, &file, vec![2; 100], 200_000).to(&port, 3).started(),
        Request::new(Operation::Read, &reader, vec![0; 1], 0).to(&port, 4).started(),
        Request::new(Operation::Read, &reader, vec![0; 1], 0).to(&port, 5).started(),
    ];
    write(&writer);
    started[4].cancel().expect("it can be asked for");
    if started[4].is_in_progress() {
        write(&writer);
    }
    let mut users: Vec<usize> = take(&port, started.len()).iter().map(|event| event.user).collect();
    users.sort_unstable();
    assert_eq!(users, [1, 2, 3, 4, 5]);
    close_port(port);
    counts.add(started.len() + 4, started.len());
}

fn queues(counts: &Counts) {
    let (port, queue) = (port(), Queue::new());
    for user in 0..3 {
        queue.notify(&port, user).expect("it is registered");
        queue.send();
        assert_eq!(take(&port, 1), [queue.event(user)]);
        queue.receive();
    }
    queue.notify(&port, 9).expect("it is registered");
    close_port(port);
    counts.add(9, 3);
}

/// Ports with something in each place, closed in either way.
fn ports(counts: &Counts, dir: &TempDir) {
    let (plain, other) = (port(), port());
    let pipe = Pipe::ready();
    let object = FileObject::new(dir.file("watched", b""));
    for port in [&plain, &other] {
        associate_fd(port, &pipe.read, POLLIN, 1).expect("it is associated");
        associate_file(port, &object, event_ports_sys::FILE_MODIFIED, 1).expect("it is associated");
        send(port, 1, 1).expect("it is sent");
    }
    associate_fd(&plain, &other, POLLIN, 2).expect("a port can be in a port");
    assert_eq!(pending(&other), 2);
    drop(plain);
    close_port(other);
    counts.add(12, 0);
}

/// Threads that wait on one port, served by sending, and sent home by an alert.
fn waiting(counts: &Counts) {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let port = port();
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let event = get(&port, LONG).expect("something comes").expect("an event");
                    if event.source == PORT_SOURCE_ALERT {
                        break;
                    }
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let senders: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|user| send(&port, 1, user).expect("it is sent"))))
            .collect();
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
        alert(&port, PORT_ALERT_SET, 1, 0).expect("it is set");
    });
    alert(&port, PORT_ALERT_SET, 0, 0).expect("it is cleared");
    let left = getn(&port, (THREADS * EACH) as u32, 1, POLL).events.len();
    assert_eq!(taken.into_inner() + left, THREADS * EACH, "each event comes once");
    close_port(port);
    counts.add(THREADS * EACH * 2 + 4, THREADS * EACH);
}

/// A line of /proc/self/status, in kilobytes.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc tells of this process");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("it is there");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).expect("a number")
}

fn open_descriptors() -> usize {
    close_port(port());
    fs::read_dir("/proc/self/fd").expect("/proc tells of this process").count()
}

#[test]
fn everything_at_once_for_a_long_time() {
    case_within(Duration::from_secs(1_000_000), || {
        let seconds = std::env::var("EVENT_PORTS_SOAK").map_or(1, |text| text.parse().expect("a number of seconds"));
        let counts = Counts::default();
        let dirs = [(); 3].map(|()| TempDir::new());
        let parts: [&(dyn Fn() + Sync); 7] = [
            &|| descriptors(&counts),
            &|| files(&counts, &dirs[0]),
            &|| timers(&counts),
            &|| requests(&counts, &dirs[1]),
            &|| queues(&counts),
            &|| ports(&counts, &dirs[2]),
            &|| waiting(&counts),
        ];
        // What is kept for the next time is made by the first rounds.
        parts.iter().for_each(|part| part());
        let before = open_descriptors();
        let end = Instant::now() + Duration::from_secs(seconds);
        let (early, late) = thread::scope(|scope| {
            let (done, all_done) = mpsc::channel::<()>();
            for part in parts {
                let done = done.clone();
                scope.spawn(move || {
                    while Instant::now() < end {
                        part();
                    }
                    drop(done);
                });
            }
            drop(done);
            // In the first fifth it may grow.
            let warm = Duration::from_secs(seconds) / 5;
            assert_eq!(all_done.recv_timeout(warm), Err(mpsc::RecvTimeoutError::Timeout), "the parts go on");
            let early = memory("VmRSS:");
            assert_eq!(all_done.recv(), Err(mpsc::RecvError), "until all have ended");
            (early, memory("VmRSS:"))
        });
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "{seconds} s: {} calls, {} events; descriptors left: {}, inotify watches left: {}; memory {early} kB, in the \
             end {late} kB, at most {} kB",
            count(&counts.calls),
            count(&counts.events),
            open_descriptors() - before,
            marks(),
            memory("VmHWM:"),
        );
        assert_eq!((open_descriptors(), marks()), (before, 0), "descriptors, and watches of inotify");
        assert!(late < early + early / 4 + 8192, "it grows: from {early} kB to {late} kB");
    });
}
