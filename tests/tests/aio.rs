//! Asynchronous I/O whose completions are events (AIO).

use event_ports_tests::aio::{List, Operation, Request, blocking_pipe, cancel_all, suspend};
use event_ports_tests::prelude::*;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

fn open(dir: &TempDir, content: &[u8]) -> File {
    let path = dir.file("file", content);
    OpenOptions::new().read(true).write(true).open(path).expect("the file opens")
}

fn read(port: &OwnedFd, user: usize, fd: &impl AsRawFd, len: usize, offset: i64) -> Request {
    Request::new(Operation::Read, fd, vec![0; len], offset).to(port, user)
}

fn write_request(port: &OwnedFd, user: usize, fd: &impl AsRawFd, data: &[u8], offset: i64) -> Request {
    Request::new(Operation::Write, fd, data.to_vec(), offset).to(port, user)
}

fn sync(port: &OwnedFd, user: usize, fd: &impl AsRawFd) -> Request {
    Request::new(Operation::Sync, fd, Vec::new(), 0).to(port, user)
}

/// Waits for one event.
fn next(port: &OwnedFd) -> Event {
    get(port, ms(30_000)).expect("an event comes").expect("it is written")
}

/// Waits for so many events, in the order in which they come.
fn next_n(port: &OwnedFd, count: usize) -> Vec<Event> {
    (0..count).map(|_| next(port)).collect()
}

#[test]
fn aio_01_what_describes_the_notification_is_read_during_the_call_only() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        // The helper overwrites and frees it when the call returns.
        let request = read(&port, 3, &reader, 4, 0).started();
        event_ports_tests::write(&writer);
        assert_eq!(next(&port), request.event());
    });
}

/// AIO-9.
#[test]
fn aio_02_each_operation_says_what_it_was() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let request = write_request(&port, 1, &file, b"abc", 2).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.event().events, 12);
        assert_eq!(request.result(), Ok(3));
        let request = read(&port, 2, &file, 6, 1).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.event().events, 11);
        assert_eq!((request.result(), request.buffer()), (Ok(6), &b"1abc56"[..]));
        let request = sync(&port, 3, &file).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.event().events, 20);
        assert_eq!(request.result(), Ok(0));
        assert_eq!(drain(&port), []);
    });
}

#[test]
fn aio_03_a_list_that_is_complete_sends_an_event_too() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let (reader, writer) = blocking_pipe();
        let requests = [
            read(&port, 1, &file, 4, 0),
            Request::new(Operation::Read, &file, vec![0; 4], 2),
            read(&port, 3, &reader, 1, 0),
        ];
        let mut list = List::to(&port, 9);
        let entries = [Some(&requests[0]), None, Some(&requests[1]), Some(&requests[2])];
        assert_eq!(list.submit(sys::LIO_NOWAIT, &entries), Ok(()));
        assert_eq!(next(&port), requests[0].event());
        assert_eq!(get(&port, ms(50)), Err(ETIME), "one request waits");
        event_ports_tests::write(&writer);
        let events = next_n(&port, 2);
        assert_eq!(events, [requests[2].event(), list.event()]);
        assert_eq!(events[1].events, 7);
        assert_eq!(requests[1].result(), Ok(4), "one that tells nobody counts as well");
        assert_eq!(drain(&port), []);
    });
}

#[test]
fn aio_03_a_list_of_requests_without_events_of_their_own() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"");
        let requests: Vec<_> =
            (0..20_u8).map(|i| Request::new(Operation::Write, &file, vec![b'a' + i; 10], i64::from(i) * 10)).collect();
        let mut list = List::to(&port, 9);
        assert_eq!(list.submit(sys::LIO_NOWAIT, &requests.iter().map(Some).collect::<Vec<_>>()), Ok(()));
        assert_eq!(next(&port), list.event());
        assert!(requests.iter().all(|request| request.result() == Ok(10)));
        assert_eq!(drain(&port), []);
    });
}

/// AIO-3.
#[test]
fn aio_04_waiting_for_a_list_sends_no_event_of_the_list() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let requests = [read(&port, 1, &file, 4, 0), read(&port, 2, &file, 4, 4)];
        let mut list = List::to(&port, 9);
        assert_eq!(list.submit(sys::LIO_WAIT, &[Some(&requests[0]), Some(&requests[1])]), Ok(()));
        assert!(requests.iter().all(|request| request.result() == Ok(4)));
        let events: HashSet<usize> = drain(&port).iter().map(|event| event.user).collect();
        assert_eq!(events, [1, 2].into());
    });
}

#[test]
fn aio_04_a_list_that_is_waited_for_says_that_a_request_failed() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let directory = File::open(dir.path()).expect("a directory opens");
        let request = read(&port, 1, &directory, 4, 0);
        assert_eq!(List::silent().submit(sys::LIO_WAIT, &[Some(&request)]), Err(EIO));
        assert!(request.result().is_err(), "reading a directory fails");
        assert_eq!(drain(&port), [request.event()]);
    });
}

#[test]
fn aio_05_a_list_that_starts_nothing_sends_nothing() {
    case(|| {
        limit_events(2);
        let (port, dir) = (port(), TempDir::new());
        let mut list = List::to(&port, 9);
        assert_eq!(list.submit(sys::LIO_NOWAIT, &[]), Ok(()));
        assert_eq!(list.submit(sys::LIO_NOWAIT, &[None, None]), Ok(()));
        let mut request = read(&port, 1, &open(&dir, b""), 4, 0);
        request.tweak(|block| block.aio_lio_opcode = sys::LIO_NOP);
        assert_eq!(list.submit(sys::LIO_NOWAIT, &[Some(&request)]), Ok(()));
        let mut failing = read(&port, 1, &9999, 4, 0);
        failing.tweak(|block| block.aio_lio_opcode = sys::LIO_READ);
        assert!(list.submit(sys::LIO_NOWAIT, &[Some(&failing)]).is_err());
        assert_eq!(get(&port, ms(50)), Err(ETIME));
        assert_eq!((send(&port, 1, 1), send(&port, 1, 2)), (Ok(()), Ok(())), "nothing holds a slot");
    });
}

#[test]
fn aio_07_the_port_is_checked_when_a_request_is_submitted() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        for (number, why) in [(9999, "not open"), (-1, "no descriptor"), (file.as_raw_fd(), "not a port")] {
            let request = Request::new(Operation::Read, &file, vec![0; 4], 0).to(&number, 1);
            assert_eq!(request.submit(), Err(EINVAL), "{why}");
            assert!(!request.is_in_progress());
        }
        let mut request = Request::new(Operation::Read, &file, vec![0; 4], 0);
        request.tweak(|block| block.aio_sigevent = event_ports_tests::timers::sigevent(std::ptr::null_mut()));
        assert_eq!(request.submit(), Err(EFAULT));
        assert_eq!(drain(&port), []);
    });
}

/// AIO-7, LIMIT-2.
#[test]
fn aio_07_a_request_holds_a_slot_until_its_event_is_retrieved() {
    case(|| {
        limit_events(2);
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let (reader, writer) = blocking_pipe();
        let waiting = read(&port, 1, &reader, 1, 0).started();
        let done = read(&port, 2, &file, 4, 0).started();
        let refused = read(&port, 3, &file, 4, 0);
        assert_eq!(refused.submit(), Err(EAGAIN));
        assert_eq!(send(&port, 1, 0), Err(EAGAIN));
        assert_eq!(next(&port), done.event());
        assert_eq!(refused.submit(), Ok(()));
        assert_eq!(next(&port), refused.event());
        event_ports_tests::write(&writer);
        assert_eq!(next(&port), waiting.event());
        // A list has a slot, and each of its requests that wants an event.
        let requests = [read(&port, 1, &file, 4, 0), read(&port, 2, &file, 4, 0)];
        let mut list = List::to(&port, 9);
        assert_eq!(list.submit(sys::LIO_NOWAIT, &[Some(&requests[0]), Some(&requests[1])]), Err(EAGAIN));
        let events: HashSet<_> = next_n(&port, 2).iter().map(|event| event.user).collect();
        assert_eq!(events, [1, 9].into(), "what was started is told, and so is the list");
        assert_eq!((send(&port, 1, 1), send(&port, 1, 2)), (Ok(()), Ok(())), "no slot is lost");
        assert_eq!(send(&port, 1, 3), Err(EAGAIN));
    });
}

#[test]
fn aio_09_the_result_is_there_before_the_event() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, &vec![7; 1 << 20]);
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        for round in 0..200_usize {
            // One that is done at once, one for a worker, one that waits.
            let requests = [
                read(&port, 0, &file, 512, 0).started(),
                read(&port, 1, &file, 1 << 18, 0).started(),
                read(&port, 2, &reader, 8, 0).started(),
            ];
            writer.write_all(&round.to_ne_bytes()).expect("the socket takes it");
            for event in next_n(&port, 3) {
                let request = &requests[event.user];
                assert_eq!(event, request.event());
                assert_eq!(request.result(), Ok([512, 1 << 18, 8][event.user]));
            }
            assert_eq!(requests[2].buffer(), round.to_ne_bytes());
            assert!(requests[1].buffer().iter().all(|&byte| byte == 7));
        }
    });
}

#[test]
fn aio_12_a_child_does_not_get_the_event() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let request = read(&port, 1, &open(&dir, b"0123"), 4, 0).started();
        while request.is_in_progress() {
            std::thread::yield_now();
        }
        let number = port.as_raw_fd();
        fork(move || assert_eq!(get(&number, ms(30)), Err(ETIME))).join();
        assert_eq!(next(&port), request.event());
    });
}

#[test]
fn aio_13_a_cancelled_request_sends_its_event() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let request = read(&port, 1, &reader, 4, 0).started();
        let verdict = request.cancel();
        if cfg!(target_os = "linux") || verdict == Ok(sys::AIO_CANCELED) {
            assert_eq!(verdict, Ok(sys::AIO_CANCELED), "nothing has been read yet");
            assert_eq!(request.result(), Err(ECANCELED));
            assert_eq!(next(&port), request.event());
            assert_eq!(request.cancel(), Ok(sys::AIO_ALLDONE));
            assert_eq!(drain(&port), []);
        }
        event_ports_tests::write(&writer);
    });
}

#[test]
fn aio_13_all_requests_of_a_descriptor_are_cancelled() {
    case(|| {
        let port = port();
        let (reader, _writer) = blocking_pipe();
        let (other, mut peer) = UnixStream::pair().expect("a socket pair");
        let requests: Vec<_> = (0..50).map(|user| read(&port, user, &reader, 1, 0).started()).collect();
        let survivor = read(&port, 99, &other, 1, 0).started();
        assert_eq!(cancel_all(&reader), Ok(sys::AIO_CANCELED));
        let events = next_n(&port, 50);
        assert!(events.iter().all(|event| *event == requests[event.user].event()));
        assert_eq!(events.iter().map(|event| event.user).collect::<HashSet<_>>().len(), 50);
        assert!(requests.iter().all(|request| request.result() == Err(ECANCELED)));
        assert_eq!(cancel_all(&reader), Ok(sys::AIO_ALLDONE));
        assert!(survivor.is_in_progress());
        peer.write_all(b"x").expect("the socket takes it");
        assert_eq!(next(&port), survivor.event());
        assert_eq!(survivor.result(), Ok(1));
    });
}

#[test]
fn aio_13_what_cannot_be_cancelled() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        assert_eq!(cancel_all(&9999), Err(EBADF));
        let done = read(&port, 1, &file, 4, 0).started();
        assert_eq!(next(&port), done.event());
        assert_eq!(done.cancel(), Ok(sys::AIO_ALLDONE));
        assert_eq!(cancel_all(&file), Ok(sys::AIO_ALLDONE));
        assert_eq!(done.result(), Ok(4), "its result stays");
    });
}

#[test]
fn aio_14_a_child_has_none_of_the_requests() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let request = read(&port, 1, &reader, 4, 0).started();
        let number = reader.as_raw_fd();
        fork(|| {
            assert_eq!(cancel_all(&number), Ok(sys::AIO_ALLDONE));
            // And it may have requests of its own.
            let (port, dir) = (event_ports_tests::port(), TempDir::new());
            let own = read(&port, 2, &open(&dir, b"0123"), 4, 0).started();
            assert_eq!(next(&port), own.event());
            let (other, mut peer) = UnixStream::pair().expect("a socket pair");
            let own = read(&port, 3, &other, 4, 0).started();
            peer.write_all(b"abcd").expect("the socket takes it");
            assert_eq!(next(&port), own.event());
            assert_eq!(own.buffer(), b"abcd");
        })
        .join();
        event_ports_tests::write(&writer);
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Ok(1));
    });
}

#[test]
fn aio_15_nothing_to_transfer_is_done_at_once() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let (reader, writer) = blocking_pipe();
        let (left, right) = UnixStream::pair().expect("a socket pair");
        let requests = [
            read(&port, 0, &file, 0, 0).started(),
            write_request(&port, 1, &file, b"", 0).started(),
            read(&port, 2, &reader, 0, 0).started(),
            write_request(&port, 3, &writer, b"", 0).started(),
            read(&port, 4, &left, 0, 0).started(),
            write_request(&port, 5, &right, b"", 0).started(),
        ];
        let events = next_n(&port, 6);
        assert!(events.iter().all(|event| *event == requests[event.user].event()));
        assert_eq!(events.iter().map(|event| event.user).collect::<HashSet<_>>().len(), 6);
        assert!(requests.iter().all(|request| request.result() == Ok(0)));
    });
}

/// CLOSE-1. Nor does an event reach a port that has got the number.
#[test]
fn aio_16_a_closed_port_gets_nothing_and_neither_does_the_next() {
    case(|| {
        limit_events(4);
        let first = port();
        let number = first.as_raw_fd();
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let request = read(&first, 1, &reader, 4, 0).started();
        drop(first);
        let second = port();
        assert_eq!(second.as_raw_fd(), number);
        writer.write_all(b"abcd").expect("the socket takes it");
        assert_eq!(request.suspend(ms(30_000)), Ok(()));
        assert_eq!(request.result(), Ok(4));
        assert_eq!(get(&second, ms(30)), Err(ETIME));
        // Nor has it lost or gained a slot.
        let sent: Vec<_> = (0..4).map(|user| Event::user(1, user)).collect();
        assert!(sent.iter().all(|event| send(&second, 1, event.user) == Ok(())));
        assert_eq!(send(&second, 1, 4), Err(EAGAIN));
        assert_eq!(drain(&second), sent);
    });
}

#[test]
fn a_stream_is_read_when_there_is_something() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let mut writer = File::from(writer);
        let requests: Vec<_> = (0..4).map(|user| read(&port, user, &reader, 3, 0).started()).collect();
        assert_eq!(get(&port, ms(50)), Err(ETIME));
        writer.write_all(b"abcdefgh").expect("the pipe takes it");
        // In the order of submission, each as much as there is.
        assert_eq!(next_n(&port, 3), [0, 1, 2].map(|user| requests[user].event()));
        let seen: Vec<_> = requests[..3].iter().map(|r| &r.buffer()[..r.result().expect("it was read")]).collect();
        assert_eq!(seen.concat(), b"abcdefgh");
        drop(writer);
        assert_eq!(next(&port), requests[3].event());
        assert_eq!(requests[3].result(), Ok(0), "the end");
    });
}

#[test]
fn a_stream_takes_a_write_as_it_is_read() {
    case(|| {
        let port = port();
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let (reader, writer) = blocking_pipe();
        let (left, right) = UnixStream::pair().expect("a socket pair");
        let ends: [(File, OwnedFd); 2] =
            [(File::from(reader), writer), (File::from(OwnedFd::from(left)), OwnedFd::from(right))];
        for (mut reader, writer) in ends {
            // More than it holds, in three parts that must not mix.
            let requests: Vec<_> =
                data.chunks(400_000).map(|part| write_request(&port, part.len(), &writer, part, 0).started()).collect();
            assert_eq!(get(&port, ms(50)), Err(ETIME));
            let mut seen = vec![0; data.len()];
            reader.read_exact(&mut seen).expect("all arrives");
            assert!(seen == data, "what arrives is what was sent");
            assert_eq!(next_n(&port, 3), [0, 1, 2].map(|at: usize| requests[at].event()));
            assert_eq!(
                requests.iter().map(Request::result).collect::<Vec<_>>(),
                [Ok(400_000), Ok(400_000), Ok(200_000)]
            );
        }
    });
}

#[test]
fn both_directions_of_a_socket_at_once() {
    case(|| {
        let port = port();
        let (left, mut right) = UnixStream::pair().expect("a socket pair");
        let incoming = read(&port, 1, &left, 5, 0).started();
        let outgoing = write_request(&port, 2, &left, b"hello", 0).started();
        assert_eq!(next(&port), outgoing.event());
        let mut seen = [0; 5];
        right.read_exact(&mut seen).expect("it arrives");
        assert_eq!(&seen, b"hello");
        assert!(incoming.is_in_progress());
        right.write_all(b"world").expect("the socket takes it");
        assert_eq!(next(&port), incoming.event());
        assert_eq!(incoming.buffer(), b"world");
    });
}

#[test]
fn writing_where_nobody_reads_is_an_error_and_no_signal() {
    case(|| {
        // Rust programs ignore SIGPIPE; this one is not to.
        on_signal(libc::SIGPIPE, die, 0);
        extern "C" fn die(_signal: c_int) {
            // SAFETY: ends the process.
            unsafe { libc::_exit(99) }
        }
        let port = port();
        let (reader, writer) = blocking_pipe();
        drop(reader);
        let request = write_request(&port, 1, &writer, b"x", 0).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Err(EPIPE));
        let (left, right) = UnixStream::pair().expect("a socket pair");
        drop(left);
        let request = write_request(&port, 2, &right, b"x", 0).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Err(EPIPE));
        // Also if the reader goes while the write waits.
        let (reader, writer) = blocking_pipe();
        let request = write_request(&port, 3, &writer, &vec![0; 1 << 20], 0).started();
        assert_eq!(get(&port, ms(50)), Err(ETIME));
        drop(reader);
        assert_eq!(next(&port), request.event());
        assert!(matches!(request.result(), Ok(1..0x10_0000)), "what the pipe took: {:?}", request.result());
    });
}

#[test]
fn streams_that_say_nothing_do_not_keep_files_waiting() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, &vec![1; 1 << 20]);
        let pipes: Vec<_> = (0..100).map(|_| blocking_pipe()).collect();
        let waiting: Vec<_> = pipes.iter().map(|(reader, _)| read(&port, 0, reader, 1, 0).started()).collect();
        for _ in 0..20 {
            // Too large to be done at once.
            let request = read(&port, 1, &file, 1 << 20, 0).started();
            assert_eq!(next(&port), request.event());
            assert_eq!(request.result(), Ok(1 << 20));
        }
        assert!(waiting.iter().all(Request::is_in_progress));
    });
}

#[test]
fn a_descriptor_that_does_not_block_is_asked_once() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let request = read(&port, 1, &pipe.read, 4, 0).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Err(EAGAIN));
        write(&pipe.write);
        let request = read(&port, 2, &pipe.read, 4, 0).started();
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Ok(1));
    });
}

#[test]
fn closing_a_descriptor_cancels_what_waits_for_it() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let requests: Vec<_> = (0..3).map(|user| read(&port, user, &reader, 1, 0).started()).collect();
        let number = reader.as_raw_fd();
        drop(reader);
        let (other, mut peer) = UnixStream::pair().expect("a socket pair");
        assert_eq!(other.as_raw_fd(), number, "the next descriptor has its number");
        let own = read(&port, 9, &other, 1, 0).started();
        assert_eq!(next_n(&port, 3), [0, 1, 2].map(|user| requests[user].event()));
        assert!(requests.iter().all(|request| request.result() == Err(ECANCELED)));
        assert!(own.is_in_progress());
        peer.write_all(b"x").expect("the socket takes it");
        assert_eq!(next(&port), own.event());
        drop(writer);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn closing_a_file_does_not_let_its_writes_into_the_next() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let path = dir.file("log", b"");
        // Each goes to the device, one after the other, so most are waiting when the file is closed.
        let file = OpenOptions::new().append(true).custom_flags(libc::O_DSYNC).open(path).expect("the file opens");
        let number = file.as_raw_fd();
        let requests: Vec<_> = (0..300).map(|user| write_request(&port, user, &file, b"x", 0).started()).collect();
        drop(file);
        let next_file = open(&dir, b"untouched");
        assert_eq!(next_file.as_raw_fd(), number, "the next file has its number");
        next_n(&port, requests.len());
        let cancelled = requests.iter().filter(|request| request.result() == Err(ECANCELED)).count();
        let written = requests.iter().filter(|request| request.result() == Ok(1)).count();
        assert_eq!(cancelled + written, requests.len());
        assert!(cancelled > 0, "the file was closed too late for this test");
        assert_eq!(std::fs::read(dir.path().join("file")).expect("the file reads"), b"untouched");
    });
}

#[test]
fn what_is_appended_keeps_its_order() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let path = dir.file("log", b"");
        let file = OpenOptions::new().append(true).open(&path).expect("the file opens");
        // Some too large to be written at once, so that those behind could overtake them.
        let line = |i| format!("{i}{}\n", "-".repeat(if i % 50 == 0 { 100_000 } else { 1 }));
        let lines: Vec<String> = (0..5000).map(line).collect();
        let requests: Vec<_> =
            lines.iter().map(|line| write_request(&port, 0, &file, line.as_bytes(), 0).started()).collect();
        next_n(&port, lines.len());
        assert!(requests.iter().zip(&lines).all(|(request, line)| request.result() == Ok(line.len())));
        assert!(std::fs::read_to_string(&path).expect("the file reads") == lines.concat(), "the lines are mixed up");
    });
}

#[test]
fn synchronising_waits_for_what_was_submitted_before() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        // Each write goes to the device, so none is done at once.
        let path = dir.file("file", b"");
        let file = OpenOptions::new().write(true).custom_flags(libc::O_DSYNC).open(&path).expect("the file opens");
        for round in 0..5 {
            let write = |user| write_request(&port, user, &file, &[b'a'; 4096], user as i64 * 4096).started();
            let before: Vec<_> = (0..20).map(write).collect();
            let first = sync(&port, 100, &file).started();
            let between: Vec<_> = (20..25).map(write).collect();
            let second = sync(&port, 101, &file).started();
            let order: Vec<usize> = next_n(&port, 27).iter().map(|event| event.user).collect();
            let place = |user| order.iter().position(|&other| other == user).expect("the event came");
            assert!((0..20).all(|user| place(user) < place(100)), "{round}: {order:?}");
            assert!((0..25).all(|user| place(user) < place(101)), "{round}: {order:?}");
            assert_eq!((first.result(), second.result()), (Ok(0), Ok(0)));
            assert!(before.iter().chain(&between).all(|request| request.result() == Ok(4096)));
        }
    });
}

#[test]
fn what_cannot_be_done_is_refused() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let path = dir.file("file", b"0123456789");
        let (readable, writable) = (
            File::open(&path).expect("the file opens"),
            OpenOptions::new().write(true).open(&path).expect("the file opens"),
        );
        assert_eq!(read(&port, 1, &9999, 4, 0).submit(), Err(EBADF));
        assert_eq!(read(&port, 1, &writable, 4, 0).submit(), Err(EBADF));
        assert_eq!(write_request(&port, 1, &readable, b"x", 0).submit(), Err(EBADF));
        for priority in [-1, 100_000] {
            let mut request = read(&port, 1, &readable, 4, 0);
            request.tweak(|block| block.aio_reqprio = priority);
            assert_eq!(request.submit(), Err(EINVAL), "priority {priority}");
        }
        assert_eq!(drain(&port), []);
        // What the transfer itself finds wrong comes with the event.
        let request = read(&port, 1, &readable, 4, -1);
        if request.submit().is_ok() {
            assert_eq!(next(&port), request.event());
            assert_eq!(request.result(), Err(EINVAL));
        }
        let directory = File::open(dir.path()).expect("a directory opens");
        let request = read(&port, 2, &directory, 4, 0).started();
        assert_eq!(next(&port), request.event());
        assert!(request.result().is_err());
    });
}

/// A control block that is in use is refused, and the request it is in use for goes on.
#[test]
fn a_control_block_is_for_one_request_at_a_time() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let request = read(&port, 1, &reader, 4, 0).started();
        assert_eq!(request.submit(), Err(EINVAL));
        assert!(request.is_in_progress());
        event_ports_tests::write(&writer);
        assert_eq!(next(&port), request.event());
        assert_eq!(request.submit(), Ok(()), "then it may be used again");
        event_ports_tests::write(&writer);
        assert_eq!(next(&port), request.event());
        assert_eq!(request.result(), Ok(1));
    });
}

#[test]
fn waiting_for_one_of_several() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let (reader, writer) = blocking_pipe();
        let (other, mut peer) = UnixStream::pair().expect("a socket pair");
        let requests = [read(&port, 1, &reader, 1, 0).started(), read(&port, 2, &other, 1, 0).started()];
        let all = [&requests[0], &requests[1]];
        assert_eq!(suspend(&all, ms(50)), Err(EAGAIN));
        assert_eq!(suspend(&all, timespec(0, 0).into()), Err(EAGAIN));
        let start = Instant::now();
        let waker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            peer.write_all(b"x").expect("the socket takes it");
            peer
        });
        assert_eq!(suspend(&all, ms(30_000)), Ok(()));
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(requests[0].is_in_progress() && requests[1].result() == Ok(1));
        assert_eq!(suspend(&all, None), Ok(()), "what is over counts at once");
        drop(waker.join().expect("no panic"));
        // Together with one of the C library's own.
        let file = open(&dir, b"0123");
        let own = Request::new(Operation::Read, &file, vec![0; 4], 0).started();
        assert_eq!(suspend(&[&requests[0], &own], ms(30_000)), Ok(()));
        assert_eq!(own.suspend(None), Ok(()));
        assert_eq!(own.result(), Ok(4));
        event_ports_tests::write(&writer);
        assert_eq!(suspend(&[&requests[0]], None), Ok(()));
    });
}

#[test]
fn a_signal_ends_the_wait_for_a_request() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let request = read(&port, 1, &reader, 1, 0).started();
        on_signal(libc::SIGUSR1, interrupt, 0);
        let storm = signal_storm(libc::SIGUSR1);
        assert_eq!(request.suspend(None), Err(EINTR));
        let mut list = List::silent();
        let other = read(&port, 2, &reader, 1, 0);
        assert_eq!(list.submit(sys::LIO_WAIT, &[Some(&other)]), Err(EINTR));
        drop(storm);
        // The requests go on.
        File::from(writer).write_all(b"ab").expect("the pipe takes it");
        assert_eq!(next_n(&port, 2), [request.event(), other.event()]);
    });
}

#[test]
fn requests_of_other_kinds_work_by_the_same_names() {
    case(|| {
        let dir = TempDir::new();
        let file = open(&dir, b"0123456789");
        let write = Request::new(Operation::Write, &file, b"abc".to_vec(), 0).started();
        assert_eq!(write.suspend(None), Ok(()));
        assert_eq!(write.result(), Ok(3));
        let sync = Request::new(Operation::Sync, &file, Vec::new(), 0).started();
        assert_eq!(sync.suspend(None), Ok(()));
        let requests = [3, 5].map(|len| Request::new(Operation::Read, &file, vec![0; len], 0));
        assert_eq!(List::silent().submit(sys::LIO_WAIT, &[Some(&requests[0]), Some(&requests[1])]), Ok(()));
        assert_eq!(requests[1].buffer(), b"abc34");
        assert_eq!(cancel_all(&file), Ok(sys::AIO_ALLDONE));
    });
}

/// Threads submit and cancel at random, others retrieve: each request that was accepted brings one event.
#[test]
fn nothing_is_lost_or_doubled_between_threads() {
    case(|| {
        const THREADS: usize = 4;
        const EACH: usize = 500;
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, &vec![1; 1 << 18]);
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let seen: Vec<Event> = std::thread::scope(|scope| {
            let (port, file, reader) = (&port, &file, &reader);
            let taker = scope.spawn(move || {
                let mut seen = Vec::new();
                loop {
                    let event = next(port);
                    if event.source == PORT_SOURCE_USER {
                        return seen;
                    }
                    seen.push(event);
                }
            });
            let makers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut requests = Vec::new();
                        for i in 0..EACH {
                            let user = thread * EACH + i;
                            let request = match (i + thread) % 5 {
                                0 => read(port, user, file, 512, 0),
                                1 => read(port, user, file, 1 << 17, 0),
                                2 => write_request(port, user, file, &[2; 1 << 17], 0),
                                3 => sync(port, user, file),
                                _ => read(port, user, reader, 1, 0),
                            };
                            requests.push(request.started());
                            if i % 4 == 0 {
                                assert!(requests[i * 7919 % requests.len()].cancel().is_ok());
                            }
                        }
                        requests
                    })
                })
                .collect();
            // Enough for every read of the socket.
            writer.write_all(&vec![0; THREADS * EACH]).expect("the socket takes it");
            let requests: Vec<Request> = makers.into_iter().flat_map(|maker| maker.join().expect("no panic")).collect();
            for request in &requests {
                while request.is_in_progress() {
                    assert_eq!(request.suspend(ms(30_000)), Ok(()));
                }
                assert!(matches!(request.result(), Ok(_) | Err(ECANCELED)), "{:?}", request.result());
            }
            // Results come before their events, so some may still be on their way.
            while pending(port) > 0 {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(send(port, 1, 0), Ok(()));
            let seen = taker.join().expect("no panic");
            assert_eq!(seen.len(), requests.len());
            assert!(seen.iter().all(|event| *event == requests[event.user].event()));
            seen
        });
        assert_eq!(seen.iter().map(|event| event.user).collect::<HashSet<_>>().len(), THREADS * EACH);
    });
}

#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("the threads can be listed").count()
}

#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_requests_need_few_threads_and_descriptors() {
    case(|| {
        const MANY: usize = 10_000;
        let (port, dir) = (port(), TempDir::new());
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let before = event_ports_tests::OpenDescriptors::now();
        let threads_before = threads();
        let reads: Vec<_> = (0..MANY).map(|user| read(&port, user, &reader, 1, 0).started()).collect();
        assert!(reads.iter().all(Request::is_in_progress));
        assert!(threads() <= threads_before + 1, "{} threads", threads());
        assert!(event_ports_tests::OpenDescriptors::now().not_in(&before).len() <= 2);
        let sender = std::thread::spawn(move || {
            let bytes: Vec<u8> = (0..MANY).map(|i| (i % 251) as u8).collect();
            writer.write_all(&bytes).expect("the socket takes it");
        });
        for (user, request) in reads.iter().enumerate() {
            assert_eq!(next(&port), request.event());
            assert_eq!((request.result(), request.buffer()[0]), (Ok(1), (user % 251) as u8));
        }
        sender.join().expect("no panic");
        assert_eq!(event_ports_tests::OpenDescriptors::now().not_in(&before), [""; 0]);
        drop(reads);
        // For workers, too, since each goes to the device.
        let path = dir.file("file", b"");
        let file = OpenOptions::new().read(true).append(true).open(&path).expect("the file opens");
        let writes: Vec<_> =
            (0..MANY).map(|user| write_request(&port, user, &file, &user.to_le_bytes(), 0).started()).collect();
        assert!(threads() <= threads_before + 18, "{} threads", threads());
        let mut seen = 0;
        while seen < MANY {
            let got = getn(&port, 256, 1, ms(30_000));
            assert!(got.events.iter().all(|event| *event == writes[event.user].event()));
            seen += got.events.len();
        }
        assert!(writes.iter().all(|request| request.result() == Ok(8)));
        let content = std::fs::read(&path).expect("the file reads");
        assert!(content == (0..MANY).flat_map(|user| user.to_le_bytes()).collect::<Vec<u8>>(), "in order");
    });
}
