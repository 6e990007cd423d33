//! `port_get` (GET-1 to GET-7).

use event_ports_tests::prelude::*;
use std::ptr::null_mut;
use std::thread;
use std::time::{Duration, Instant};
use sys::port_event_t;

/// A pattern no call would write.
const PATTERN: u8 = 0xA5;

/// GET-3.
#[test]
fn v_01_a_zero_timeout_and_no_event_is_success_and_writes_nothing() {
    case(|| {
        let port = port();
        let mut bytes = [PATTERN; size_of::<port_event_t>()];
        let mut zero = timespec(0, 0);
        // Through bytes, since padding and pointers cannot be compared as an event.
        let mut event = std::mem::MaybeUninit::<port_event_t>::uninit();
        // SAFETY: both are of the size of an event.
        unsafe { bytes.as_ptr().copy_to_nonoverlapping(event.as_mut_ptr().cast(), bytes.len()) };
        // SAFETY: there is room for an event; the timeout is valid.
        assert_eq!(unsafe { sys::port_get(port.as_raw_fd(), event.as_mut_ptr(), &raw mut zero) }, 0);
        // SAFETY: every byte was initialised above, and a call that wrote some initialised those.
        unsafe { event.as_ptr().cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        assert_eq!(bytes, [PATTERN; size_of::<port_event_t>()]);
    });
}

/// GET-2.
#[test]
fn v_04_a_timeout_that_expires_is_etime() {
    case(|| {
        let port = port();
        let start = Instant::now();
        assert_eq!(get(&port, ms(10)), Err(ETIME));
        assert!(start.elapsed() >= Duration::from_millis(10), "not before its time");
    });
}

#[test]
fn get_01_one_event_at_a_time() {
    case(|| {
        let port = port();
        for user in 0..3 {
            assert_eq!(send(&port, 1, user), Ok(()));
        }
        for user in 0..3 {
            assert_eq!(get(&port, None), Ok(Some(Event::user(1, user))));
            assert_eq!(pending(&port), 2 - u32::try_from(user).expect("small"));
        }
        assert_eq!(get(&port, POLL), Ok(None));
    });
}

#[test]
fn get_02_without_a_timeout_it_waits_for_an_event_of_each_kind() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let number = port.as_raw_fd();

        let waiter = blocked(move || get(&number, None));
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::user(1, 2))));

        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
        let waiter = blocked(move || get(&number, None));
        write(&pipe.write);
        assert_eq!(waiter.join(), Ok(Some(Event::fd(&pipe.read, POLLIN, 3))), "armed before the wait");

        let waiter = blocked(move || get(&number, None));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 4), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::fd(&pipe.read, POLLIN, 4))), "associated during the wait, ready");

        assert_eq!(read_all(&pipe.read), 1);
        let waiter = blocked(move || get(&number, None));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 5), Ok(()));
        assert!(waiter.is_still_blocked());
        write(&pipe.write);
        assert_eq!(waiter.join(), Ok(Some(Event::fd(&pipe.read, POLLIN, 5))), "associated during the wait, not ready");
    });
}

#[test]
fn get_02_a_wait_with_a_timeout_ends_with_the_event() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, ms(3_600_000)));
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::user(1, 2))));
    });
}

#[test]
fn get_04_a_null_event_is_efault() {
    case(|| {
        let port = port();
        let mut zero = timespec(0, 0);
        // SAFETY: a null event is the case; the timeout is valid.
        let empty = unsafe { sys::port_get(port.as_raw_fd(), null_mut(), &raw mut zero) };
        assert_eq!((empty, last_errno()), (-1, EFAULT), "empty");
        assert_eq!(send(&port, 1, 0), Ok(()));
        // SAFETY: a null event is the case; no timeout is given.
        let queued = unsafe { sys::port_get(port.as_raw_fd(), null_mut(), null_mut()) };
        assert_eq!((queued, last_errno()), (-1, EFAULT), "something is queued");
    });
}

#[test]
fn get_05_an_event_that_cannot_be_stored_is_lost() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(send(&port, 1, 2), Ok(()));
        let page = Page::new(Protection::ReadOnly);
        // SAFETY: the page cannot be written, which is the case.
        let returned = unsafe { sys::port_get(port.as_raw_fd(), page.address(), null_mut()) };
        assert_eq!((returned, last_errno()), (-1, EFAULT));
        assert_eq!(drain(&port), [Event::user(1, 2)]);
    });
}

#[test]
fn get_06_an_interrupted_wait_takes_nothing() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, 0);
        let port = port();
        let pipe = Pipe::new();
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        let number = port.as_raw_fd();
        for _ in 0..20 {
            let waiter = blocked(move || get(&number, None));
            signal_thread(waiter.thread(), libc::SIGUSR1);
            assert_eq!(waiter.join(), Err(EINTR));
        }
        write(&pipe.write);
        assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
    });
}

#[test]
fn get_07_a_timeout_takes_nothing_even_at_the_last_moment() {
    case(|| {
        const EVENTS: usize = 2_000;
        let port = port();
        let seen = thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut seen = Vec::new();
                while seen.len() < EVENTS {
                    match get(&port, Some(timespec(0, 100_000))) {
                        Ok(event) => seen.push(event.expect("a wait that succeeds has an event").user),
                        Err(errno) => assert_eq!(errno, ETIME),
                    }
                }
                seen
            });
            for user in 0..EVENTS {
                let start = Instant::now();
                assert_eq!(send(&port, 1, user), Ok(()));
                // Close to the timeout, so that events and expiry meet.
                while start.elapsed() < Duration::from_micros(100 + user as u64 % 20) {
                    std::hint::spin_loop();
                }
            }
            receiver.join().expect("the receiver does not panic")
        });
        assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>(), "every event, once, in order");
    });
}
