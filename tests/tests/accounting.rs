//! Every event that was sent arrives once, whatever threads and signal handlers do at the same time (ORDER-4, SEND-2).

use event_ports_tests::prelude::*;
use event_ports_tests::{set_errno, signal_storm};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;

/// Shared with the handler, which cannot be a closure.
static PORT: AtomicI32 = AtomicI32::new(-1);
static SENT: AtomicUsize = AtomicUsize::new(0);

fn send_one() {
    if send(&PORT.load(Ordering::Relaxed), 1, 0) == Ok(()) {
        SENT.fetch_add(1, Ordering::Relaxed);
    }
}

extern "C" fn send_from_handler(_signal: libc::c_int) {
    let errno = last_errno();
    send_one();
    set_errno(errno);
}

/// A simple generator: the test needs variety, not randomness.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

fn users(got: &Got) -> usize {
    got.events.iter().filter(|event| event.source == PORT_SOURCE_USER).count()
}

/// Retrieves with changing counts and timeouts, keeps a descriptor going, and sends now and then. How many user events
/// it got.
fn work(port: &impl AsRawFd, stop: &AtomicBool, mut seed: u64) -> usize {
    let (ready, silent) = (Pipe::ready(), Pipe::new());
    assert_eq!(associate_fd(port, &silent.read, POLLIN, 1), Ok(()));
    let mut users_got = 0;
    loop {
        let last = stop.load(Ordering::Acquire);
        let wanted = 1 + (next(&mut seed) % 3) as u32;
        let got = getn(port, 8, wanted, ms((next(&mut seed) % 3) as i64));
        assert!(matches!(got.result, Ok(()) | Err(ETIME | EINTR)), "{got:?}");
        users_got += users(&got);
        if last {
            return users_got;
        }
        if next(&mut seed) % 16 == 0 {
            assert_eq!(associate_fd(port, &ready.read, POLLIN, 1), Ok(()));
        }
        (0..next(&mut seed) % 3).for_each(|_| send_one());
    }
}

#[test]
fn order_04_send_02_threads_and_signal_handlers_lose_and_double_nothing() {
    case(|| {
        let port = port();
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        on_signal(libc::SIGUSR1, send_from_handler, 0);
        let stop = AtomicBool::new(false);
        let got: usize = thread::scope(|scope| {
            let workers: Vec<_> = (1..=5)
                .map(|seed| {
                    let (port, stop) = (&port, &stop);
                    scope.spawn(move || work(port, stop, seed))
                })
                .collect();
            let storm = signal_storm(libc::SIGUSR1);
            for round in 0.. {
                if SENT.load(Ordering::Relaxed) >= 200_000 {
                    break;
                }
                // Now and then every thread is woken at once.
                if round % 64 == 0 {
                    assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
                }
                assert_eq!(alert(&port, PORT_ALERT_SET, 0, 0), Ok(()));
                (0..50).for_each(|_| send_one());
                thread::yield_now();
            }
            drop(storm);
            stop.store(true, Ordering::Release);
            workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
        });
        let rest: usize = std::iter::repeat_with(|| getn(&port, 64, 1, POLL))
            .take_while(|got| !got.events.is_empty())
            .map(|got| users(&got))
            .sum();
        assert_eq!(got + rest, SENT.load(Ordering::Relaxed));
    });
}
