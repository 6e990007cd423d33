//! The timeouts of `port_get` and `port_getn` (GET-8 to GET-11).

use event_ports_tests::prelude::*;
use std::ptr::null_mut;
use std::time::{Duration, Instant};
use sys::port_event_t;

const INVALID: [libc::timespec; 7] = [
    timespec(-1, 0),
    timespec(0, -1),
    timespec(0, 1_000_000_000),
    timespec(1, 1_000_000_000),
    timespec(-1, 999_999_999),
    timespec(i64::MIN, 0),
    timespec(0, i64::MAX),
];

/// GET-8.
#[test]
fn v_09_a_billion_nanoseconds_is_einval() {
    case(|| {
        let port = port();
        assert_eq!(get(&port, Some(timespec(0, 1_000_000_000))), Err(EINVAL));
    });
}

#[test]
fn get_08_invalid_timeouts_are_einval_to_both_calls() {
    case(|| {
        let port = port();
        for timeout in INVALID {
            assert_eq!(get(&port, Some(timeout)), Err(EINVAL), "port_get");
            assert_eq!(getn(&port, 4, 2, Some(timeout)), Got::failed(EINVAL, 2), "port_getn");
        }
        assert_eq!(send(&port, 1, 0), Ok(()));
        for timeout in INVALID {
            assert_eq!(getn(&port, 4, 2, Some(timeout)), Got::failed(EINVAL, 2), "one of two is queued");
        }
        assert_eq!(drain(&port), [Event::user(1, 0)], "and stays");
    });
}

#[test]
fn get_08_only_zero_is_zero() {
    case(|| {
        let port = port();
        assert_eq!(get(&port, Some(timespec(0, 1))), Err(ETIME), "one nanosecond waits and expires");
        assert_eq!(getn(&port, 1, 1, Some(timespec(0, 1))), Got::failed(ETIME, 0));
        assert_eq!(get(&port, Some(timespec(0, 999_999_999))), Err(ETIME), "the largest fraction is valid");
    });
}

#[test]
fn get_08_a_wait_is_never_shorter_than_asked_for() {
    case(|| {
        let port = port();
        for nanoseconds in [1, 999, 1_000, 100_001, 999_999, 1_000_000, 1_000_001, 5_500_000, 20_000_000] {
            let start = Instant::now();
            assert_eq!(get(&port, Some(timespec(0, nanoseconds))), Err(ETIME));
            assert!(start.elapsed() >= Duration::from_nanos(nanoseconds.unsigned_abs()), "{nanoseconds} ns");
        }
    });
}

/// GET-9.
#[test]
fn v_08_an_invalid_timeout_goes_unnoticed_when_an_event_is_queued() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(get(&port, Some(timespec(-1, 0))), Ok(Some(Event::user(1, 2))));
    });
}

#[test]
fn get_09_an_invalid_timeout_goes_unnoticed_whenever_there_is_no_wait() {
    case(|| {
        let port = port();
        let pipe = Pipe::ready();
        for timeout in INVALID {
            assert_eq!(getn(&port, 0, 1, Some(timeout)).result, Ok(()), "a query");
            assert_eq!(getn(&port, 1, 0, Some(timeout)), Got::ok(&[]), "none wanted");
            for pending in Pending::BOTH {
                assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
                pending.place(&port);
                let expected = Got::ok(&[Event::fd(&pipe.read, POLLIN, 3)]);
                assert_eq!(getn(&port, 4, 1, Some(timeout)), expected, "a descriptor is ready");
            }
            assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
            assert_eq!(get(&port, Some(timeout)), Ok(Some(Event::alert(7, 0))), "alert mode");
            assert_eq!(getn(&port, 4, 2, Some(timeout)), Got::ok(&[Event::alert(7, 0)]), "alert mode");
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        }
    });
}

#[test]
fn get_09_port_getn_does_not_read_a_timeout_it_does_not_need() {
    case(|| {
        let port = port();
        let page = Page::new(Protection::None);
        assert_eq!(send(&port, 1, 2), Ok(()));
        let mut list = [const { std::mem::MaybeUninit::<port_event_t>::uninit() }; 4];
        for (max, nget, expected) in [(0, 1, 1), (4, 0, 0), (4, 1, 1)] {
            let mut count = nget;
            // SAFETY: the list has room for four; the timeout cannot be read, which is the case.
            let returned = unsafe {
                sys::port_getn(port.as_raw_fd(), list.as_mut_ptr().cast(), max, &raw mut count, page.address())
            };
            assert_eq!((returned, count), (0, expected), "capacity {max}, wanted {nget}");
        }
    });
}

#[test]
fn get_11_a_huge_timeout_is_as_good_as_none() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        for seconds in [1 << 31, 1 << 32, 9_300_000_000, i64::MAX / 1_000_000_000, i64::MAX / 1000, i64::MAX] {
            for nanoseconds in [0, 999_999_999] {
                let timeout = Some(timespec(seconds, nanoseconds));
                let one = blocked(move || get(&number, timeout));
                assert_eq!(send(&port, 1, 2), Ok(()));
                assert_eq!(one.join(), Ok(Some(Event::user(1, 2))), "{seconds} s");
                let many = blocked(move || getn(&number, 2, 2, timeout));
                assert_eq!(send(&port, 1, 2), Ok(()));
                assert_eq!(send(&port, 1, 3), Ok(()));
                assert_eq!(many.join(), Got::ok(&[Event::user(1, 2), Event::user(1, 3)]), "{seconds} s");
            }
        }
    });
}

#[test]
fn get_the_timeout_is_not_written() {
    case(|| {
        let port = port();
        let mut timeout = timespec(0, 1_000_000);
        let mut event = std::mem::MaybeUninit::<port_event_t>::uninit();
        // SAFETY: there is room for an event; the timeout is valid.
        unsafe { sys::port_get(port.as_raw_fd(), event.as_mut_ptr(), &raw mut timeout) };
        assert_eq!((timeout.tv_sec, timeout.tv_nsec), (0, 1_000_000));
        // A null timeout waits for ever, so there is an event first.
        assert_eq!(send(&port, 1, 0), Ok(()));
        // SAFETY: there is room for an event.
        let returned = unsafe { sys::port_get(port.as_raw_fd(), event.as_mut_ptr(), null_mut()) };
        assert_eq!(returned, 0);
    });
}
