//! `port_alert` (ALERT).

use event_ports_tests::prelude::*;

/// Flags that are neither SET nor UPDATE nor both.
const UNKNOWN: c_int = 0x10;

/// ALERT-6.
#[test]
fn v_15_an_alert_is_returned_again_and_again() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        for _ in 0..5 {
            assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 8))));
            assert_eq!(getn(&port, 4, 1, None), Got::ok(&[Event::alert(7, 8)]));
        }
    });
}

/// ALERT-7.
#[test]
fn v_16_what_is_queued_waits_for_the_end_of_alert_mode() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 0))));
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(get(&port, None), Ok(Some(Event::user(1, 2))));
    });
}

/// ALERT-3.
#[test]
fn v_17_updating_an_alert_is_ebusy() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        assert_eq!(alert(&port, PORT_ALERT_UPDATE, 9, 10), Err(EBUSY));
        assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 8))), "unchanged");
    });
}

/// ALERT-1, ALERT-2.
#[test]
fn v_18_both_flags_are_einval_but_nothing_matters_without_events() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET | PORT_ALERT_UPDATE, 1, 0), Err(EINVAL));
        assert_eq!(alert(&port, PORT_ALERT_SET | PORT_ALERT_UPDATE, 0, 0), Ok(()));
        assert_eq!(get(&port, POLL), Ok(None), "not in alert mode");
    });
}

#[test]
fn alert_01_leaving_looks_at_no_flags_and_always_succeeds() {
    case(|| {
        let port = port();
        for flags in [0, PORT_ALERT_SET, PORT_ALERT_UPDATE, PORT_ALERT_SET | PORT_ALERT_UPDATE, UNKNOWN, -1] {
            assert_eq!(alert(&port, flags, 0, 0), Ok(()), "flags {flags:#x}, not in alert mode");
            assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
            assert_eq!(alert(&port, flags, 0, 0), Ok(()), "flags {flags:#x}, in alert mode");
            assert_eq!(get(&port, POLL), Ok(None));
        }
    });
}

#[test]
fn alert_02_both_flags_are_einval_with_unknown_bits_and_in_alert_mode_too() {
    case(|| {
        let port = port();
        let both = PORT_ALERT_SET | PORT_ALERT_UPDATE;
        assert_eq!(alert(&port, both | UNKNOWN, 1, 0), Err(EINVAL));
        assert_eq!(alert(&port, -1, 1, 0), Err(EINVAL), "every bit");
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        assert_eq!(alert(&port, both, 1, 0), Err(EINVAL));
        assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 8))), "unchanged");
    });
}

#[test]
fn alert_03_update_enters_alert_mode() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_UPDATE, 7, 8), Ok(()));
        assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 8))));
        assert_eq!(alert(&port, PORT_ALERT_UPDATE, 9, 0), Err(EBUSY));
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(alert(&port, PORT_ALERT_UPDATE, 9, 0), Ok(()), "after it was left");
        assert_eq!(get(&port, None), Ok(Some(Event::alert(9, 0))));
    });
}

#[test]
fn alert_04_all_other_flags_set_or_overwrite() {
    case(|| {
        let port = port();
        for flags in [PORT_ALERT_SET, 0, UNKNOWN, PORT_ALERT_SET | UNKNOWN, PORT_ALERT_UPDATE | UNKNOWN, i32::MIN] {
            assert_eq!(alert(&port, flags, 7, 1), Ok(()), "flags {flags:#x} enter");
            assert_eq!(alert(&port, flags, 9, 2), Ok(()), "flags {flags:#x} overwrite");
            assert_eq!(get(&port, None), Ok(Some(Event::alert(9, 2))), "flags {flags:#x}");
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        }
    });
}

#[test]
fn alert_05_every_waiting_thread_wakes() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let ones: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
        let many = blocked(move || getn(&number, 8, 3, None));
        let timed = blocked(move || getn(&number, 8, 5, ms(3_600_000)));
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 8), Ok(()));
        for one in ones {
            assert_eq!(one.join(), Ok(Some(Event::alert(7, 8))));
        }
        assert_eq!(many.join(), Got::ok(&[Event::alert(7, 8)]));
        assert_eq!(timed.join(), Got::ok(&[Event::alert(7, 8)]));
    });
}

#[test]
fn alert_05_a_woken_thread_returns_the_first_alert_though_it_is_gone() {
    case(|| {
        for _ in 0..50 {
            let port = port();
            let number = port.as_raw_fd();
            let waiters: Vec<_> = (0..3).map(|_| blocked(move || get(&number, None))).collect();
            assert_eq!(alert(&port, PORT_ALERT_SET, 7, 1), Ok(()));
            assert_eq!(alert(&port, PORT_ALERT_SET, 9, 2), Ok(()));
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
            for waiter in waiters {
                assert_eq!(waiter.join(), Ok(Some(Event::alert(7, 1))));
            }
            assert_eq!(get(&port, POLL), Ok(None));
        }
    });
}

#[test]
fn alert_05_a_thread_that_wants_more_than_is_queued_leaves_it_queued() {
    case(|| {
        let port = port();
        let number = port.as_raw_fd();
        let pipe = Pipe::ready();
        let waiter = blocked(move || getn(&number, 8, 4, None));
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 3), Ok(()));
        assert!(waiter.is_still_blocked());
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(waiter.join(), Got::ok(&[Event::alert(7, 0)]));
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 2), Event::fd(&pipe.read, POLLIN, 3)]);
    });
}

#[test]
fn alert_06_every_thread_and_every_number_sees_the_alert() {
    case(|| {
        let port = port();
        let duplicate = dup(&port);
        assert_eq!(alert(&duplicate, PORT_ALERT_SET, -7, usize::MAX), Ok(()));
        let threads: Vec<_> = [port.as_raw_fd(), duplicate.as_raw_fd()]
            .into_iter()
            .map(|number| std::thread::spawn(move || get(&number, None)))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), Ok(Some(Event::alert(-7, usize::MAX))));
        }
        assert_eq!(get(&port, POLL), Ok(Some(Event::alert(-7, usize::MAX))));
    });
}

#[test]
fn alert_07_events_of_every_kind_are_kept_and_gathered() {
    case(|| {
        for pending_place in Pending::BOTH {
            let port = port();
            let (before, during) = (Pipe::ready(), Pipe::new());
            assert_eq!(associate_fd(&port, &before.read, POLLIN, 1), Ok(()));
            pending_place.place(&port);
            assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
            assert_eq!(associate_fd(&port, &during.read, POLLIN, 2), Ok(()), "associations go on");
            write(&during.write);
            pending_place.place(&port);
            assert_eq!(send(&port, 1, 3), Ok(()), "sending goes on");
            assert_eq!(pending(&port), 3, "the count sees them");
            assert!(is_readable(&port), "poll sees them");
            assert_eq!(drain(&port), [Event::alert(7, 0)], "retrieval does not");
            assert_eq!(dissociate_fd(&port, &before.read), Ok(()), "dissociation goes on");
            assert_eq!(alert(&port, 0, 0, 0), Ok(()));
            let mut events = drain(&port);
            events.sort_by_key(|event| event.user);
            assert_eq!(events, [Event::fd(&during.read, POLLIN, 2), Event::user(1, 3)]);
        }
    });
}

#[test]
fn alert_08_any_holder_can_clear_it() {
    case(|| {
        let port = port();
        let duplicate = dup(&port);
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(alert(&duplicate, 0, 0, 0), Ok(()));
        assert_eq!(get(&port, POLL), Ok(None));
    });
}

/// ALERT-8, CLOSE-2.
#[test]
fn alert_08_closing_a_duplicate_clears_it() {
    case(|| {
        let port = port();
        let duplicate = dup(&port);
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        close(duplicate);
        assert_eq!(get(&port, POLL), Ok(None));
    });
}

#[test]
fn alert_09_a_full_port_can_be_alerted() {
    case(|| {
        limit_events(1);
        let port = port();
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(send(&port, 1, 2), Err(EAGAIN));
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(get(&port, None), Ok(Some(Event::alert(7, 0))));
        assert_eq!(alert(&port, 0, 0, 0), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 2)]);
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(send(&port, 1, 2), Ok(()), "nor does an alert take a slot");
    });
}

#[test]
fn alert_a_thread_that_polls_the_port_in_alert_mode_is_not_spun() {
    case(|| {
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(poll(&port, POLLIN, 20), 0, "nothing is queued: poll waits and times out");
    });
}
