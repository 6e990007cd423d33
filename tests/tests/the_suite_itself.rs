//! The watchdog, the leak check and the helpers: what they are there to catch, they catch.

use event_ports_tests::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What a case that must fail says.
fn failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("the case fails");
    *payload.downcast::<String>().expect("the watchdog says why")
}

#[test]
fn a_case_that_panics_fails_with_its_message() {
    let text = failure(|| case(|| panic!("a message of its own")));
    assert!(text.contains("a_case_that_panics_fails_with_its_message failed"), "{text}");
    assert!(text.contains("a message of its own"), "{text}");
}

#[test]
fn a_case_that_crashes_fails_with_the_signal() {
    let text = failure(|| {
        case(|| {
            // SAFETY: none; the case is to crash.
            unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
        });
    });
    assert!(text.contains("SIGSEGV"), "{text}");
}

#[test]
fn a_case_that_leaves_a_descriptor_open_fails() {
    let text = failure(|| case(|| std::mem::forget(Pipe::new())));
    assert!(text.contains("left descriptors open"), "{text}");
    assert!(text.contains("pipe") || cfg!(not(target_os = "linux")), "it says which: {text}");
}

#[test]
fn a_case_that_leaves_a_port_open_fails() {
    let text = failure(|| case(|| std::mem::forget(port())));
    assert!(text.contains("left descriptors open"), "{text}");
}

#[test]
fn a_case_that_closes_its_ports_leaves_nothing_open() {
    case(|| {
        for _ in 0..10 {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
            assert_eq!(send(&port, 1, 0), Ok(()));
        }
    });
}

#[test]
fn a_case_that_hangs_is_killed_and_its_threads_are_shown() {
    let text = failure(|| {
        case_within(Duration::from_secs(2), || {
            println!("output before the hang");
            fork(|| assert_eq!(get(&port(), None), Ok(None))).join();
        });
    });
    assert!(text.contains("hung and was killed after 2s"), "{text}");
    assert!(text.contains("output before the hang"), "{text}");
    if cfg!(target_os = "linux") {
        let processes = text.lines().filter(|line| line.starts_with("process ")).count();
        assert_eq!(processes, 2, "the case and its child: {text}");
        assert!(text.contains("syscall"), "{text}");
    }
}

#[test]
fn a_case_under_a_name_of_its_own_is_found() {
    // The closure's type names the test, wherever in it the closure is.
    let nested = || case(|| assert_eq!(drain(&port()), []));
    nested();
}

#[test]
fn a_childs_panic_reaches_its_parent() {
    let text = failure(|| case(|| fork(|| panic!("in the child")).join()));
    assert!(text.contains("in the child"), "{text}");
}

#[test]
fn a_thread_that_does_not_block_is_noticed() {
    case(|| {
        let panic = catch_unwind(|| blocked(|| 5));
        assert!(panic.is_err());
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        assert!(waiter.is_still_blocked());
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert!(!waiter.is_still_blocked());
        assert_eq!(waiter.join(), Ok(Some(Event::user(1, 2))));
    });
}

#[test]
fn a_passed_descriptor_is_the_same_open_file() {
    case(|| {
        let pipe = Pipe::new();
        let passed = pass_over_socket(&pipe.read);
        assert_ne!(passed.as_raw_fd(), pipe.read.as_raw_fd());
        write(&pipe.write);
        assert_eq!(read_all(&passed), 1);
        assert_eq!(read_all(&pipe.read), 0);
    });
}
