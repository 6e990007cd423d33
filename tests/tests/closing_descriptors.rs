//! Closing an associated descriptor (FD-21 to FD-23).

use event_ports_tests::prelude::*;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// FD-21.
#[test]
fn v_28_closing_a_descriptor_removes_its_event() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            close(pipe.read);
            assert_eq!(getn(&port, 8, 1, POLL), Got::ok(&[]));
        }
    });
}

#[test]
fn fd_21_closing_removes_the_event_though_the_open_file_lives_on() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            let kept = dup(&pipe.read);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            close(pipe.read);
            assert_eq!(drain(&port), [], "queued at the close");
            write(&pipe.write);
            assert_eq!(get(&port, ms(20)), Err(ETIME), "and nothing later");
            drop(kept);
        }
    });
}

#[test]
fn fd_21_closing_an_armed_descriptor_ends_its_association() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let kept = dup(&pipe.read);
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        close(pipe.read);
        write(&pipe.write);
        assert_eq!(get(&port, ms(20)), Err(ETIME));
        assert_eq!(getn(&port, 8, 1, ms(20)), Got::failed(ETIME, 0));
        drop(kept);
    });
}

#[test]
fn fd_21_dup2_over_a_descriptor_closes_it() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (old, new) = (Pipe::ready(), Pipe::ready());
            let kept = dup(&old.read);
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            dup_onto(&new.read, &old.read);
            assert_eq!(drain(&port), [], "the number is open and ready, but another file");
            write(&old.write);
            assert_eq!(drain(&port), []);
            drop(kept);
        }
    });
}

#[test]
fn fd_21_a_stdio_stream_that_closes_its_descriptor_counts() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            let kept = dup(&pipe.read);
            let number = pipe.read.into_raw_fd();
            // SAFETY: the descriptor is open for reading and now the stream's.
            let stream = unsafe { libc::fdopen(number, c"r".as_ptr()) };
            assert!(!stream.is_null());
            assert_eq!(associate_fd(&port, &number, POLLIN, 1), Ok(()));
            pending.place(&port);
            // SAFETY: the stream is open and not used after this.
            assert_eq!(unsafe { libc::fclose(stream) }, 0);
            assert_eq!(drain(&port), []);
            drop(kept);
        }
    });
}

#[test]
fn fd_21_a_close_is_felt_on_every_port() {
    case(|| {
        for pending in Pending::BOTH {
            let ports = [port(), port()];
            let pipe = Pipe::ready();
            let kept = dup(&pipe.read);
            for port in &ports {
                assert_eq!(associate_fd(port, &pipe.read, POLLIN, 1), Ok(()));
                pending.place(port);
            }
            close(pipe.read);
            for port in &ports {
                assert_eq!(drain(port), []);
            }
            drop(kept);
        }
    });
}

#[test]
fn fd_21_other_events_pass_the_removed_one() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (gone, stays) = (Pipe::ready(), Pipe::ready());
            let kept = dup(&gone.read);
            assert_eq!(associate_fd(&port, &gone.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &stays.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            close(gone.read);
            assert_eq!(get(&port, None), Ok(Some(Event::fd(&stays.read, POLLIN, 2))));
            assert_eq!(drain(&port), []);
            drop(kept);
        }
    });
}

#[test]
fn fd_21_a_closed_descriptor_does_not_satisfy_a_waiting_thread() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let kept = dup(&pipe.read);
        assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        close(pipe.read);
        write(&pipe.write);
        assert!(waiter.is_still_blocked(), "the event died with the number");
        assert_eq!(send(&port, 3, 4), Ok(()));
        assert_eq!(waiter.join(), Ok(Some(Event::user(3, 4))));
        drop(kept);
    });
}

#[test]
fn fd_21_the_count_query_does_not_count_a_removed_event() {
    case(|| {
        for pending_place in Pending::BOTH {
            let port = port();
            let (gone, stays) = (Pipe::ready(), Pipe::ready());
            let kept = dup(&gone.read);
            assert_eq!(associate_fd(&port, &gone.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &stays.read, POLLIN, 2), Ok(()));
            pending_place.place(&port);
            close(gone.read);
            assert_eq!(pending(&port), 1);
            drop(kept);
        }
    });
}

#[test]
fn fd_22_a_reused_number_starts_afresh() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let old = Pipe::ready();
            let kept = dup(&old.read);
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            let number = old.read.as_raw_fd();
            close(old.read);
            let new = Pipe::new();
            let reused = [&new.read, &new.write].map(AsRawFd::as_raw_fd).contains(&number);
            assert!(reused, "the lowest free number is handed out");
            assert_eq!(dissociate_fd(&port, &number), Err(ENOENT), "not associated under the new file");
            assert_eq!(associate_fd(&port, &new.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            assert_eq!(drain(&port), []);
            write(&old.write);
            assert_eq!(drain(&port), [], "the old file means nothing any more");
            write(&new.write);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&new.read, POLLIN, 2)]);
            drop(kept);
        }
    });
}

#[test]
fn fd_22_the_old_file_of_a_reused_number_is_not_taken_for_the_new_one() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let (old, new) = (Pipe::new(), Pipe::new());
            let kept = dup(&old.read);
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 1), Ok(()));
            dup_onto(&new.read, &old.read);
            // Nothing has told the port that the number is another file by now.
            assert_eq!(associate_fd(&port, &old.read, POLLIN, 2), Ok(()));
            write(&old.write);
            pending.place(&port);
            assert_eq!(drain(&port), [], "the old file is ready, the new one is not");
            write(&new.write);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&old.read, POLLIN, 2)]);
            drop(kept);
        }
    });
}

#[test]
fn fd_22_a_number_reused_many_times() {
    case(|| {
        let port = port();
        let mut kept = Vec::new();
        for user in 0..200 {
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()));
            if user % 3 == 0 {
                Pending::InQueue.place(&port);
            }
            if user % 2 == 0 {
                kept.push(dup(&pipe.read));
            }
        }
        assert_eq!(drain(&port), []);
        let last = Pipe::ready();
        assert_eq!(associate_fd(&port, &last.read, POLLIN, 1000), Ok(()));
        assert_eq!(drain(&port), [Event::fd(&last.read, POLLIN, 1000)]);
    });
}

#[test]
fn fd_23_closing_a_duplicate_changes_nothing() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            let duplicate = dup(&pipe.read);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            close(duplicate);
            write(&pipe.write);
            pending.place(&port);
            close(dup(&pipe.read));
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
        }
    });
}

/// FD-23, FORK-2.
#[test]
fn fd_23_another_process_closing_its_copy_changes_nothing() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            let number = pipe.read.as_raw_fd();
            let child = fork(move || {
                // SAFETY: the child's copy is closed here, and the child ends without using it again.
                assert_eq!(unsafe { libc::close(number) }, 0);
            });
            child.join();
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, 1)]);
        }
    });
}

/// FD-23, FD-26.
#[test]
fn fd_26_the_owners_close_ends_the_association_though_a_child_has_the_file() {
    case(|| {
        for pending in Pending::BOTH {
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            // The child keeps its copy until the socket says that the parent is done.
            let (mut parents, mut childs) = UnixStream::pair().expect("a socket pair");
            let child = fork(move || {
                assert_eq!(childs.read(&mut [0]).expect("the parent says when"), 1);
            });
            close(pipe.read);
            assert_eq!(drain(&port), []);
            write(&pipe.write);
            assert_eq!(drain(&port), []);
            parents.write_all(&[0]).expect("the child waits");
            child.join();
        }
    });
}
