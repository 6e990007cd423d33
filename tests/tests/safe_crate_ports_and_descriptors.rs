//! The safe crate: ports, descriptors, sending, and what their errors say.

use event_ports::{Dissociated, EventPort, EventSource, PollEvents};
use event_ports_tests::prelude::{
    AsRawFd, EBADFD, EMFILE, Pending, Pipe, TempDir, case, close, dup, dup_onto, fork, is_readable, limit_descriptors,
    limit_events, write,
};
use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

const POLL: Option<Duration> = Some(Duration::ZERO);

fn users(port: &EventPort) -> Vec<usize> {
    port.get_n(64, POLL).expect("a poll").iter().map(|event| event.user).collect()
}

/// CREATE-2, S5.
#[test]
fn close_on_exec_is_set() {
    case(|| {
        let port = port();
        // SAFETY: F_GETFD takes no argument.
        assert_eq!(unsafe { libc::fcntl(port.as_raw_fd(), libc::F_GETFD) }, libc::FD_CLOEXEC);
        assert_eq!(port.as_fd().as_raw_fd(), port.as_raw_fd());
    });
}

/// CREATE-4.
#[test]
fn a_full_descriptor_table_is_a_limit() {
    case(|| {
        limit_descriptors(32);
        let mut fillers = Vec::new();
        while let Ok(filler) = std::fs::File::open("/dev/null") {
            fillers.push(filler);
        }
        let error = EventPort::new().expect_err("no descriptor is free");
        assert!(error.is_limit());
        assert_eq!(io::Error::from(error).raw_os_error(), Some(EMFILE.0));
    });
}

/// FD-1, FD-2.
#[test]
fn a_descriptor_that_is_not_open_is_told() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let closed = dup(&pipe.read).as_raw_fd();
        for fd in [closed, -1, i32::MIN, i32::MAX] {
            let error = port.associate_fd(fd, PollEvents::IN, 0).expect_err("not open");
            assert!(error.is_closed() && !error.is_limit(), "{error}");
            assert_eq!((error.fd, error.source.raw_os_error()), (fd, Some(EBADFD.0)));
        }
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 0).expect("associated");
        let error = port.dissociate_fd(closed).expect_err("not open");
        assert!(error.is_closed() && !error.is_not_owner());
    });
}

/// FD-28.
#[test]
fn dissociation_tells_removed_from_not_associated() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            let dissociate = || port.dissociate_fd(pipe.read.as_raw_fd()).expect("no error");
            assert_eq!(dissociate(), Dissociated::NotAssociated, "never associated");
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
            assert_eq!(dissociate(), Dissociated::Removed, "armed");
            write(&pipe.write);
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
            pending.place(&port);
            assert_eq!(dissociate(), Dissociated::Removed, "queued");
            assert!(users(&port).is_empty());
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 3).expect("associated");
            pending.place(&port);
            assert_eq!(users(&port), [3]);
            assert_eq!(dissociate(), Dissociated::NotAssociated, "spent");
        }
    });
}

/// LIMIT-3.
#[test]
fn a_full_port_is_a_limit_and_says_which() {
    case(|| {
        limit_events(1);
        let port = port();
        let pipe = Pipe::new();
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
        let error = port.send(1, 2).expect_err("full");
        assert!(error.is_limit());
        assert!(error.to_string().contains("process.max-port-events"), "{error}");
        let error = port.associate_fd(pipe.write.as_raw_fd(), PollEvents::OUT, 2).expect_err("full");
        assert!(error.is_limit() && !error.is_closed());
        assert!(error.to_string().contains("process.max-port-events"), "{error}");
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 3).expect("again needs no room");
    });
}

/// SENDN-1, SENDN-2, SENDN-3, SENDN-6.
#[test]
fn sending_to_many_tells_of_each() {
    case(|| {
        limit_events(1);
        let (full, free) = (port(), port());
        full.send(1, 1).expect("sent");
        let results = EventPort::send_n([&full, &free, &free], 5, 6);
        let limits: Vec<bool> = results.iter().map(|result| result.as_ref().is_err_and(|e| e.is_limit())).collect();
        assert_eq!(limits, [true, false, true], "full before, room for one, full by now");
        assert!(results[1].is_ok());
        assert_eq!(users(&free), [6]);
        assert_eq!(users(&full), [1]);
        assert!(EventPort::send_n([], 5, 6).is_empty());
    });
}

#[test]
fn sending_to_more_than_8192_at_once() {
    case(|| {
        let ports = [port(), port()];
        let many = ports.iter().cycle().take(20_001);
        assert!(EventPort::send_n(many, 5, 6).iter().all(Result::is_ok));
        assert_eq!(ports.each_ref().map(|port| port.pending().expect("a count")), [10_001, 10_000]);
    });
}

/// FD-21, FD-22, S7: the default keeps the rule though a duplicate lives.
#[test]
fn a_closed_descriptor_is_never_heard_of_again() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (old, new) = (Pipe::ready(), Pipe::ready());
            let kept = [dup(&old.read), dup(&new.read)];
            port.associate_fd(old.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
            port.associate_fd(new.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
            pending.place(&port);
            let number = old.read.as_raw_fd();
            close(old.read);
            let reused = dup(&new.write);
            assert_eq!(reused.as_raw_fd(), number, "the number means another file now");
            dup_onto(&old.write, &new.read);
            assert!(users(&port).is_empty());
            drop(kept);
        }
    });
}

/// FD-19.
#[test]
fn regular_files_are_ready() {
    case(|| {
        let port = port();
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        port.associate_fd(file.as_raw_fd(), PollEvents::IN | PollEvents::OUT, 1).expect("associated");
        let event = port.get(None).expect("an event");
        assert_eq!(event.poll_events(), Some(PollEvents::IN | PollEvents::OUT));
        assert_eq!((event.source, event.object), (EventSource::Fd, file.as_raw_fd() as usize));
    });
}

/// FD-13.
#[test]
fn a_hang_up_comes_unasked() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::empty(), 1).expect("associated");
        assert!(users(&port).is_empty());
        close(pipe.write);
        assert_eq!(port.get(None).expect("an event").poll_events(), Some(PollEvents::HUP));
    });
}

/// PORT-5, PORT-8.
#[test]
fn a_port_can_be_watched() {
    case(|| {
        let (outer, inner) = (port(), port());
        let pipe = Pipe::new();
        outer.associate_fd(inner.as_raw_fd(), PollEvents::IN, 1).expect("associated");
        inner.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
        assert!(!is_readable(&inner));
        write(&pipe.write);
        assert!(is_readable(&inner));
        assert_eq!(outer.get(None).expect("an event").user, 1);
        assert_eq!(inner.get(None).expect("an event").user, 2);
        assert!(!is_readable(&inner));
    });
}

/// FORK-2: dropping the handle in a child is how a child gets rid of it.
#[test]
fn a_child_that_drops_its_handle_takes_nothing_from_its_parent() {
    case(|| {
        for pending in Pending::BOTH {
            let parents = port();
            let (queued, armed) = (Pipe::ready(), Pipe::new());
            parents.send(1, 1).expect("sent");
            parents.associate_fd(queued.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
            parents.associate_fd(armed.read.as_raw_fd(), PollEvents::IN, 3).expect("associated");
            pending.place(&parents);
            let number = parents.as_raw_fd();
            // What the child takes out of its copy of the cell stays in the parent's.
            let handle = Cell::new(Some(parents));
            fork(|| {
                drop(handle.take());
                // SAFETY: F_GETFD takes no argument.
                assert_eq!(unsafe { libc::fcntl(number, libc::F_GETFD) }, -1, "closed in the child");
                let own = port();
                own.send(1, 9).expect("sent");
                assert_eq!(users(&own), [9]);
            })
            .join();
            write(&armed.write);
            let parents = handle.take().expect("the parent's own");
            let mut users = users(&parents);
            users.sort_unstable();
            assert_eq!(users, [1, 2, 3]);
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_may_promise_to_dissociate_before_it_closes() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            event_ports::linux::trust_descriptors(&port, true).expect("the promise is taken");
            let pipe = Pipe::ready();
            let kept = dup(&pipe.read);
            port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 1).expect("associated");
            pending.place(&port);
            assert_eq!(port.dissociate_fd(pipe.read.as_raw_fd()).expect("no error"), Dissociated::Removed);
            close(pipe.read);
            assert!(users(&port).is_empty());
            port.associate_fd(kept.as_raw_fd(), PollEvents::IN, 2).expect("associated");
            pending.place(&port);
            assert_eq!(users(&port), [2]);
            event_ports::linux::trust_descriptors(&port, false).expect("the promise is taken back");
            let again = dup(&kept);
            port.associate_fd(kept.as_raw_fd(), PollEvents::IN, 3).expect("associated");
            pending.place(&port);
            close(kept);
            assert!(users(&port).is_empty(), "and the rule holds again");
            drop(again);
        }
    });
}

#[test]
fn the_count_is_that_of_the_queue() {
    case(|| {
        let port = port();
        assert_eq!(port.pending().expect("a count"), 0);
        let pipe = Pipe::ready();
        port.send(1, 1).expect("sent");
        port.associate_fd(pipe.read.as_raw_fd(), PollEvents::IN, 2).expect("associated");
        assert_eq!(port.pending().expect("a count"), 2);
        assert_eq!(users(&port).len(), 2);
        assert_eq!(port.pending().expect("a count"), 0);
    });
}
