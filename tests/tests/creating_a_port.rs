//! `port_create` (CREATE).

use event_ports_tests::prelude::*;

/// The lowest free number.
fn lowest_free() -> RawFd {
    let probe = dup(&0);
    probe.as_raw_fd()
}

fn descriptor_flags(fd: &impl AsRawFd) -> c_int {
    // SAFETY: F_GETFD takes no argument.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) }
}

#[test]
fn create_01_the_number_is_the_lowest_free_one() {
    case(|| {
        let first = port();
        let low = dup(&0);
        let high = port();
        close(low);
        let expected = lowest_free();
        assert!(expected < high.as_raw_fd(), "there is a gap");
        let second = port();
        assert_eq!(second.as_raw_fd(), expected);
        assert_ne!(second.as_raw_fd(), first.as_raw_fd());
    });
}

#[test]
fn create_02_close_on_exec_is_off_and_can_be_set() {
    case(|| {
        let port = port();
        assert_eq!(descriptor_flags(&port), 0);
        // SAFETY: F_SETFD takes an int.
        assert_eq!(unsafe { libc::fcntl(port.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) }, 0);
        assert_eq!(descriptor_flags(&port), libc::FD_CLOEXEC);
        assert_eq!(send(&port, 1, 2), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 2)]);
    });
}

#[test]
fn create_03_only_so_many_ports() {
    case(|| {
        const PORTS: usize = 8_192;
        // An implementation may need a second descriptor for each.
        let room = raise_descriptor_limit() > 2 * PORTS as u64 + 100;
        let mut ports = Vec::new();
        let errno = loop {
            match try_port() {
                Ok(port) => ports.push(port),
                Err(errno) => break errno,
            }
        };
        if room {
            assert_eq!((errno, ports.len()), (EAGAIN, PORTS));
        } else {
            assert_eq!(errno, EMFILE, "the process may not have as many descriptors");
        }
        ports.pop().into_iter().for_each(close_port);
        ports.push(try_port().expect("one was closed"));
        ports.into_iter().for_each(close_port);
    });
}

#[test]
fn create_04_a_full_descriptor_table_is_emfile_and_nothing_is_left_behind() {
    case(|| {
        limit_descriptors(64);
        let mut fillers = Vec::new();
        while let Ok(filler) = std::fs::File::open("/dev/null") {
            fillers.push(filler);
        }
        for _ in 0..3 {
            assert_eq!(try_port().map(drop), Err(EMFILE));
        }
        // Room for one descriptor at a time: whatever the implementation needs beyond the port, it fails as a whole or
        // works as a whole.
        while let Some(filler) = fillers.pop() {
            drop(filler);
            match try_port() {
                Err(errno) => assert_eq!(errno, EMFILE),
                Ok(port) => {
                    assert_eq!(send(&port, 1, 2), Ok(()));
                    assert_eq!(drain(&port), [Event::user(1, 2)]);
                    return;
                }
            }
        }
        panic!("no port even with the whole table free");
    });
}

#[test]
fn create_05_the_limit_is_that_of_the_moment_of_creation() {
    case(|| {
        limit_events(6);
        let six = port();
        limit_events(3);
        let three = port();
        for (port, limit) in [(&six, 6), (&three, 3)] {
            for _ in 0..limit {
                assert_eq!(send(port, 1, 0), Ok(()));
            }
            assert_eq!(send(port, 1, 0), Err(EAGAIN));
            assert_eq!(pending(port), limit);
        }
    });
}

#[test]
fn create_ports_are_independent() {
    case(|| {
        let ports: Vec<OwnedFd> = (0..50).map(|_| port()).collect();
        for (index, port) in ports.iter().enumerate() {
            assert_eq!(send(port, 1, index), Ok(()));
        }
        for (index, port) in ports.iter().enumerate() {
            assert_eq!(drain(port), [Event::user(1, index)]);
        }
    });
}
