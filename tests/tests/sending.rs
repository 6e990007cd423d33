//! `port_send` and `port_sendn` (SEND, SENDN).

use event_ports_tests::prelude::*;
use libc::c_uint;
use std::ptr::null_mut;

/// SEND-1.
#[test]
fn v_11_the_fields_of_a_user_event() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 5, 0xBEEF), Ok(()));
        let expected = Event { source: 3, object: 0, events: 5, user: 0xBEEF };
        assert_eq!(get(&port, None), Ok(Some(expected)));
    });
}

#[test]
fn send_01_events_and_cookie_are_unrestricted() {
    case(|| {
        let port = port();
        for events in [0, 1, -1, i32::MIN, i32::MAX] {
            for user in [0, 1, usize::MAX] {
                assert_eq!(send(&port, events, user), Ok(()));
                assert_eq!(get(&port, None), Ok(Some(Event::user(events, user))));
            }
        }
    });
}

#[test]
fn send_02_equal_events_are_separate_events() {
    case(|| {
        let port = port();
        for _ in 0..10 {
            assert_eq!(send(&port, 1, 2), Ok(()));
        }
        assert_eq!(drain(&port), [Event::user(1, 2); 10]);
    });
}

#[test]
fn send_02_a_full_port_is_eagain_until_an_event_is_taken() {
    case(|| {
        limit_events(2);
        let port = port();
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(send(&port, 1, 3), Err(EAGAIN));
        assert_eq!(get(&port, None), Ok(Some(Event::user(1, 1))));
        assert_eq!(send(&port, 1, 4), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 2), Event::user(1, 4)]);
    });
}

#[test]
fn send_02_the_default_limit_is_65536() {
    case(|| {
        let port = port();
        for user in 0..65_536 {
            assert_eq!(send(&port, 1, user), Ok(()));
        }
        assert_eq!(send(&port, 1, 0), Err(EAGAIN));
        assert_eq!(pending(&port), 65_536);
    });
}

/// SENDN-1, SENDN-2, SENDN-3.
#[test]
fn v_12_a_bad_port_fails_alone() {
    case(|| {
        let port = port();
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        let ports = [port.as_raw_fd(), 999, file.as_raw_fd()];
        assert_eq!(sendn(&ports, 5, 6), (Ok(1), vec![0, EBADF.0, EBADFD.0]));
        assert_eq!(drain(&port), [Event::user(5, 6)]);
    });
}

/// SENDN-1.
#[test]
fn v_13_all_failing_is_zero_and_no_error() {
    case(|| {
        set_errno(Errno(4711));
        assert_eq!(sendn(&[999], 5, 6), (Ok(0), vec![EBADF.0]));
        assert_eq!(last_errno(), Errno(4711), "errno is untouched");
    });
}

/// SENDN-4.
#[test]
fn v_14_no_entries_are_einval() {
    case(|| {
        let port = port();
        let (mut number, mut error) = (port.as_raw_fd(), -1);
        // SAFETY: no entry is read or written.
        let returned = unsafe { sys::port_sendn(&raw mut number, &raw mut error, 0, 5, null_mut()) };
        assert_eq!((returned, last_errno(), error), (-1, EINVAL, -1));
        // SAFETY: no entry is read or written.
        let returned = unsafe { sys::port_sendn(null_mut(), null_mut(), 0, 5, null_mut()) };
        assert_eq!((returned, last_errno()), (-1, EINVAL));
    });
}

#[test]
fn sendn_02_the_errors_are_untouched_when_all_succeed() {
    case(|| {
        let ports = [port(), port()];
        let numbers = ports.each_ref().map(AsRawFd::as_raw_fd);
        assert_eq!(sendn(&numbers, 5, 6), (Ok(2), vec![-1, -1]));
        for port in &ports {
            assert_eq!(drain(port), [Event::user(5, 6)]);
        }
        let page = Page::new(Protection::None);
        for errors in [null_mut(), page.address()] {
            let mut numbers = numbers;
            // SAFETY: there are two ports; the errors cannot be written, which is the case.
            let returned = unsafe { sys::port_sendn(numbers.as_mut_ptr(), errors, 2, 5, null_mut()) };
            assert_eq!(returned, 2, "not even looked at");
        }
    });
}

#[test]
fn sendn_02_one_failure_makes_all_entries_written() {
    case(|| {
        let ports = [port(), port()];
        let [one, other] = ports.each_ref().map(AsRawFd::as_raw_fd);
        for (position, expected) in [[EBADF.0, 0, 0], [0, EBADF.0, 0], [0, 0, EBADF.0]].into_iter().enumerate() {
            let mut numbers = vec![one, other];
            numbers.insert(position, 999);
            assert_eq!(sendn(&numbers, 5, 6), (Ok(2), expected.to_vec()));
        }
    });
}

#[test]
fn sendn_03_a_full_port_is_eagain_in_its_entry() {
    case(|| {
        limit_events(1);
        let (full, free) = (port(), port());
        assert_eq!(send(&full, 1, 0), Ok(()));
        assert_eq!(sendn(&[full.as_raw_fd(), free.as_raw_fd()], 5, 6), (Ok(1), vec![EAGAIN.0, 0]));
        assert_eq!(drain(&full), [Event::user(1, 0)]);
        assert_eq!(drain(&free), [Event::user(5, 6)]);
    });
}

#[test]
fn sendn_04_ports_that_cannot_be_read_are_efault() {
    case(|| {
        let mut error = -1;
        // SAFETY: null ports are the case.
        let returned = unsafe { sys::port_sendn(null_mut(), &raw mut error, 1, 5, null_mut()) };
        assert_eq!((returned, last_errno(), error), (-1, EFAULT, -1));
    });
}

#[test]
fn sendn_04_errors_that_are_needed_and_cannot_be_written_are_efault_after_the_sending() {
    case(|| {
        let port = port();
        let mut numbers = [port.as_raw_fd(), 999];
        // SAFETY: there are two ports; null errors are the case.
        let returned = unsafe { sys::port_sendn(numbers.as_mut_ptr(), null_mut(), 2, 5, null_mut()) };
        assert_eq!((returned, last_errno()), (-1, EFAULT));
        assert_eq!(drain(&port), [Event::user(5, 0)], "the event was sent all the same");
    });
}

#[test]
fn sendn_04_wild_pointers_are_efault() {
    case(|| {
        let port = port();
        let page = Page::new(Protection::None);
        let mut numbers = [port.as_raw_fd(), 999];
        let mut error = -1;
        // SAFETY: the ports cannot be read, which is the case.
        let returned = unsafe { sys::port_sendn(page.address(), &raw mut error, 1, 5, null_mut()) };
        assert_eq!((returned, last_errno(), error), (-1, EFAULT, -1));
        // SAFETY: there are two ports; the errors cannot be written, which is the case.
        let returned = unsafe { sys::port_sendn(numbers.as_mut_ptr(), page.address(), 2, 5, null_mut()) };
        assert_eq!((returned, last_errno()), (-1, EFAULT));
        assert_eq!(drain(&port), [Event::user(5, 0)]);
    });
}

#[test]
fn sendn_05_more_than_8192_entries() {
    case(|| {
        const ENTRIES: usize = 20_000;
        let port = port();
        let mut numbers = vec![port.as_raw_fd(); ENTRIES];
        let (sent, errors) = sendn(&numbers, 5, 6);
        assert_eq!(sent, Ok(20_000));
        assert_eq!(errors, vec![-1; ENTRIES]);
        assert_eq!(pending(&port) as usize, ENTRIES);

        // One bad entry in the last chunk.
        numbers[ENTRIES - 1] = 999;
        let (sent, errors) = sendn(&numbers, 5, 6);
        assert_eq!(sent, Ok(19_999));
        assert_eq!(errors[ENTRIES - 1], EBADF.0);
        assert_eq!(errors[ENTRIES - 2], 0, "its chunk is written");
    });
}

#[test]
fn sendn_06_one_event_per_occurrence() {
    case(|| {
        let ports = [port(), port()];
        let [one, other] = ports.each_ref().map(AsRawFd::as_raw_fd);
        assert_eq!(sendn(&[one, other, one, one], 5, 6).0, Ok(4));
        assert_eq!(drain(&ports[0]), [Event::user(5, 6); 3]);
        assert_eq!(drain(&ports[1]), [Event::user(5, 6)]);
    });
}

#[test]
fn sendn_wakes_the_waiters_of_every_port() {
    case(|| {
        let ports: Vec<OwnedFd> = (0..3).map(|_| port()).collect();
        let numbers: Vec<RawFd> = ports.iter().map(AsRawFd::as_raw_fd).collect();
        let waiters: Vec<_> = numbers.iter().map(|&number| blocked(move || get(&number, None))).collect();
        let count = c_uint::try_from(numbers.len()).expect("small");
        assert_eq!(sendn(&numbers, 5, 6).0.map(|sent| sent.unsigned_abs()), Ok(count));
        for waiter in waiters {
            assert_eq!(waiter.join(), Ok(Some(Event::user(5, 6))));
        }
    });
}
