//! Signals without end, and no memory.
#![cfg(target_os = "linux")]

use event_ports_tests::aio::{Operation, Request};
use event_ports_tests::files::{FileObject, append, associate_file, dissociate_file};
use event_ports_tests::prelude::*;
use event_ports_tests::queues::Queue;
use event_ports_tests::timers::Timer;
use std::fs::File;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

/// The port that the handler sends to, and how many events it has sent.
static PORT: AtomicI32 = AtomicI32::new(-1);
static SENT: AtomicUsize = AtomicUsize::new(0);
/// How many signals have come.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// As many as the port is given room for besides what the calls need.
const MOST_SENT: usize = 1000;

extern "C" fn send_one(_signal: c_int) {
    let before = last_errno();
    SIGNALS.fetch_add(1, Ordering::Relaxed);
    if SENT.load(Ordering::Relaxed) < MOST_SENT && send(&PORT.load(Ordering::Relaxed), 0x77, 1).is_ok() {
        SENT.fetch_add(1, Ordering::Relaxed);
    }
    set_errno(before);
}

/// Retrieves until an event comes that is not the handler's, and counts those that are.
fn next(port: &OwnedFd, taken: &mut usize) -> Event {
    loop {
        match get(port, ms(30_000)) {
            Ok(Some(event)) if event == Event::user(0x77, 1) => *taken += 1,
            Ok(Some(event)) => return event,
            Err(EINTR) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Signals interrupt every call, again and again, and their handler sends to the very port. Only waiting is ever
/// interrupted (SYS-7), and each event comes once.
#[test]
fn sys_07_every_call_in_a_storm_of_signals() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let path = dir.file("file", &[1; 1000]);
        let (file, object) = (File::open(&path).expect("it opens"), FileObject::new(&path));
        let (pipe, queue) = (Pipe::new(), Queue::new());
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        send(&port, 0, 0).expect("the number is known from now on");
        assert_eq!(get(&port, POLL), Ok(Some(Event::user(0, 0))));
        on_signal(libc::SIGUSR1, send_one, libc::SA_RESTART);
        let storm = signal_storm(libc::SIGUSR1);
        let mut taken = 0;
        let mut rounds = 0;
        // Until signals have come in numbers, however slow the machine.
        while rounds < 20 || SIGNALS.load(Ordering::Relaxed) < 200 {
            rounds += 1;
            let other = try_port().expect("port_create");
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            write(&pipe.write);
            assert_eq!(next(&port, &mut taken), Event::fd(&pipe.read, POLLIN, 2));
            read_all(&pipe.read);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 2), Ok(()));
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));

            assert_eq!(associate_file(&port, &object, sys::FILE_MODIFIED, 3), Ok(()));
            append(&path);
            assert_eq!(next(&port, &mut taken), Event::file(&object, sys::FILE_MODIFIED, 3));
            assert_eq!(associate_file(&port, &object, sys::FILE_MODIFIED, 3), Ok(()));
            assert_eq!(dissociate_file(&port, &object), Ok(()));

            let timer = Timer::new(&port, 4);
            timer.set(Duration::from_micros(100), Duration::ZERO);
            assert_eq!(next(&port, &mut taken), timer.event(1, 4));
            timer.delete();

            let request = Request::new(Operation::Read, &file, vec![0; 100], 0).to(&port, 5).started();
            assert_eq!(next(&port, &mut taken), request.event());
            assert_eq!(request.result(), Ok(100));

            assert_eq!(queue.notify(&port, 6), Ok(()));
            queue.send();
            assert_eq!(next(&port, &mut taken), queue.event(6));
            queue.receive();

            assert_eq!(alert(&other, PORT_ALERT_SET, 7, 7), Ok(()));
            assert_eq!(get(&other, POLL), Ok(Some(Event::alert(7, 7))));
            close_port(other);
        }
        drop(storm);
        taken += drain_all(&port);
        assert_eq!(taken, SENT.load(Ordering::Relaxed), "each event of the handler comes once");
    });
}

fn drain_all(port: &OwnedFd) -> usize {
    let mut count = 0;
    loop {
        let got = getn(port, 64, 1, POLL);
        assert_eq!(got.result, Ok(()));
        if got.events.is_empty() {
            return count;
        }
        assert!(got.events.iter().all(|event| *event == Event::user(0x77, 1)), "{:?}", got.events);
        count += got.events.len();
    }
}

/// With no more address space no port can be made, and the ones there are go on.
#[test]
fn create_04_without_memory_for_another_port() {
    case(|| {
        let (old, pipe) = (port(), Pipe::new());
        associate_fd(&old, &pipe.read, POLLIN, 1).expect("it is associated");
        // One of these reserves far more than there is going to be.
        limit_events(1 << 20);
        let before = limit_memory(|limit| limit.rlim_cur = (address_space() + (16 << 20)) as _);
        for _ in 0..100 {
            assert_eq!(try_port().map(drop), Err(EAGAIN));
        }
        write(&pipe.write);
        assert_eq!(drain(&old), [Event::fd(&pipe.read, POLLIN, 1)]);
        send(&old, 1, 2).expect("an event can be sent");
        assert_eq!(drain(&old), [Event::user(1, 2)]);
        // A smaller one fits, and so does the large one where there is room.
        limit_events(1000);
        close_port(port());
        limit_memory(|limit| *limit = before);
        limit_events(1 << 20);
        close_port(port());
        limit_events(65_536);
    });
}

fn address_space() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").expect("/proc tells of this process");
    let pages: u64 = sizes.split(' ').next().and_then(|n| n.parse().ok()).expect("it begins with a number");
    // SAFETY: no conditions.
    pages * u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a size")
}

/// Changes how much address space this process may have, and returns what it was.
fn limit_memory(change: impl FnOnce(&mut libc::rlimit)) -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: there is room for the limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    let before = limit;
    change(&mut limit);
    // SAFETY: the limit is initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    before
}
