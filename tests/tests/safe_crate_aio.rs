//! The safe crate: asynchronous I/O that owns its buffers and descriptors (S9).

use event_ports::{
    AioCancel, AioCompletion, AioFd, AioId, AioList, AioListCompletion, AioOperation, AioSync, Event, EventPort,
    PortEvent,
};
use event_ports_tests::aio::{Operation, Request, blocking_pipe};
use event_ports_tests::prelude::{AsRawFd, EAGAIN, EBADF, ECANCELED, TempDir, case, fork, getn, limit_events, ms};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(30));
const POLL: Option<Duration> = Some(Duration::ZERO);

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

fn open(dir: &TempDir, content: &[u8]) -> Arc<File> {
    let path = dir.file("file", content);
    Arc::new(OpenOptions::new().read(true).write(true).open(path).expect("the file opens"))
}

fn completion(event: &PortEvent) -> AioCompletion {
    match event.view() {
        Event::Aio { completion } => completion.clone(),
        other => panic!("{other:?}"),
    }
}

fn list_completion(event: &PortEvent) -> AioListCompletion {
    match event.view() {
        Event::AioList { list } => list.clone(),
        other => panic!("{other:?}"),
    }
}

fn next(port: &EventPort) -> (AioCompletion, usize) {
    let event = port.get(LONG).expect("an event");
    (completion(&event), event.user)
}

fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error()
}

/// A descriptor that tells when it is let go: it can be upgraded no more.
struct Watched(OwnedFd);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn watched(fd: impl Into<OwnedFd>) -> (Arc<Watched>, Weak<Watched>) {
    let held = Arc::new(Watched(fd.into()));
    let weak = Arc::downgrade(&held);
    (held, weak)
}

fn is_gone(watched: &Weak<Watched>) -> bool {
    watched.upgrade().is_none()
}

/// AIO-2.
#[test]
fn an_event_brings_the_result_and_gives_everything_back() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let request = port.aio_write(Arc::clone(&file), b"abc".to_vec(), 2, 1).expect("submitted");
        let (done, user) = next(&port);
        assert_eq!((done.id(), done.operation(), user), (request.id(), AioOperation::Write, 1));
        assert_eq!(done.result().expect("written"), 3);
        assert_eq!(done.take_buffer().as_deref(), Some(&b"abc"[..]));
        assert_eq!(done.take_buffer(), None, "once");
        let fd: AioFd = done.take_fd().expect("the file");
        assert_eq!(fd.as_fd().as_raw_fd(), file.as_raw_fd());
        assert!(done.take_fd().is_none());

        let request = port.aio_read(Arc::clone(&file), vec![b'-'; 8], 4, 2).expect("submitted");
        let (done, user) = next(&port);
        assert_eq!((done.id(), done.operation(), user), (request.id(), AioOperation::Read, 2));
        assert_eq!(done.result().expect("read"), 6);
        assert_eq!(done.take_buffer().as_deref(), Some(&b"c56789--"[..]), "as long as it was given");

        for sync in [AioSync::All, AioSync::Data] {
            let request = port.aio_fsync(Arc::clone(&file), sync, 3).expect("submitted");
            let (done, user) = next(&port);
            assert_eq!((done.id(), done.operation(), user), (request.id(), AioOperation::Sync, 3));
            assert_eq!((done.result().expect("synchronised"), done.take_buffer()), (0, Some(Vec::new())));
        }
        assert!(port.get(POLL).is_err_and(|error| error.is_timeout()));
        assert_eq!(AioOperation::Sync.to_string(), "fsync");
    });
}

#[test]
fn what_goes_wrong_is_told_at_once_or_with_the_event() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = Arc::new(File::create(dir.path().join("file")).expect("the file opens"));
        let error = port.aio_read(Arc::clone(&file), vec![7; 5], 0, 1).expect_err("for writing only");
        assert_eq!((error.operation, error.fd), (AioOperation::Read, file.as_raw_fd()));
        assert_eq!((errno(&error.source), error.buffer.as_slice()), (Some(EBADF.0), &[7; 5][..]));
        assert!(!error.is_limit() && error.to_string().contains("read"));
        assert_eq!(io::Error::from(error).raw_os_error(), Some(EBADF.0));
        let directory = Arc::new(File::open(dir.path()).expect("a directory opens"));
        port.aio_read(directory, vec![0; 5], 0, 2).expect("submitted");
        let (done, user) = next(&port);
        assert!(user == 2 && done.result().is_err() && !done.is_canceled());
        assert_eq!(done.take_buffer().map(|buffer| buffer.len()), Some(5));
        // An offset that no file has.
        port.aio_write(file, vec![0; 5], u64::MAX, 3).expect("submitted");
        assert!(next(&port).0.result().is_err());
    });
}

/// AIO-7.
#[test]
fn a_full_port_gives_the_buffer_back() {
    case(|| {
        limit_events(1);
        let (port, dir) = (port(), TempDir::new());
        let (file, weak) = watched(File::open(dir.file("file", b"0123")).expect("the file opens"));
        port.aio_read(Arc::clone(&file), vec![0; 4], 0, 1).expect("submitted");
        let error = port.aio_read(file, vec![1; 4], 0, 2).expect_err("full");
        assert!(error.is_limit() && error.to_string().contains("process.max-port-events"));
        assert_eq!(errno(&error.source), Some(EAGAIN.0));
        assert_eq!(error.buffer, [1; 4]);
        assert_eq!(next(&port).1, 1);
        assert!(is_gone(&weak), "nothing holds the file");
    });
}

/// AIO-13.
#[test]
fn a_cancelled_request_gives_everything_back() {
    case(|| {
        let port = port();
        let (reader, writer) = blocking_pipe();
        let (reader, weak) = watched(reader);
        let request = port.aio_read(reader, vec![7; 5], 0, 1).expect("submitted");
        let verdict = request.cancel().expect("a verdict");
        if verdict == AioCancel::InProgress {
            // A thread of illumos's library reads already.
            File::from(writer).write_all(b"x").expect("the pipe takes it");
        } else {
            assert_eq!(verdict, AioCancel::Canceled);
        }
        let (done, user) = next(&port);
        assert_eq!((done.id(), user), (request.id(), 1));
        assert_eq!(done.is_canceled(), verdict == AioCancel::Canceled);
        assert_eq!(done.result().err().as_ref().and_then(errno), done.is_canceled().then_some(ECANCELED.0));
        assert_eq!(done.take_buffer().map(|buffer| buffer.len()), Some(5));
        assert_eq!(request.cancel().expect("a verdict"), AioCancel::Done);
        drop(done);
        assert!(is_gone(&weak), "the request's handle holds nothing");
        drop(request);
    });
}

/// AIO-13: a thread that is at a request may find that it has to wait after all. It does not go on waiting then.
#[test]
fn what_cannot_be_cancelled_and_finds_nothing_is_over() {
    case(|| {
        let port = port();
        let mut verdicts = [0; 3];
        for i in 0..1500 {
            let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
            let reader = Arc::new(reader);
            let request = port.aio_read(Arc::clone(&reader), vec![0; 1], 0, i).expect("submitted");
            writer.write_all(b"x").expect("the socket takes it");
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros((i % 100) as u64) {
                std::hint::spin_loop();
            }
            // Perhaps what it was about to read.
            let mut byte = 0_u8;
            // SAFETY: there is room for the one byte.
            let _ = unsafe { libc::recv(reader.as_raw_fd(), (&raw mut byte).cast(), 1, libc::MSG_DONTWAIT) };
            let verdict = request.cancel().expect("a verdict");
            if verdict == AioCancel::InProgress && cfg!(not(target_os = "linux")) {
                // A thread of illumos's library waits for what it does not find.
                writer.write_all(b"y").expect("the socket takes it");
            }
            verdicts[verdict as usize] += 1;
            assert_eq!(next(&port).0.id(), request.id());
        }
        println!("cancelled, in progress, done: {verdicts:?}");
    });
}

/// S9: the event comes, whatever is dropped before.
#[test]
fn a_request_lives_without_its_handle() {
    case(|| {
        let port = port();
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let (reader, weak) = watched(reader);
        let id = port.aio_read(reader, vec![0; 4], 0, 1).expect("submitted").id();
        assert!(!is_gone(&weak), "the request holds the socket");
        writer.write_all(b"abcd").expect("the socket takes it");
        let event = port.get(LONG).expect("an event");
        assert_eq!(completion(&event).id(), id);
        let clone = event.clone();
        drop(event);
        assert!(!is_gone(&weak), "a clone of the event holds it");
        assert_eq!(completion(&clone).take_buffer().as_deref(), Some(&b"abcd"[..]));
        drop(clone);
        assert!(is_gone(&weak));
    });
}

/// S9: closing a port cancels its requests and frees what they hold, at whatever stage they are.
#[test]
fn a_port_that_is_dropped_leaves_nothing_behind() {
    case(|| {
        for alert in [false, true] {
            let (port, dir) = (port(), TempDir::new());
            let file = open(&dir, &vec![1; 1 << 20]);
            let (reader, _writer) = blocking_pipe();
            let (left, _right) = UnixStream::pair().expect("a socket pair");
            let (reader, pipe) = watched(reader);
            let (left, socket) = watched(left);
            let (storage, stored) = watched(file.try_clone().expect("a duplicate"));
            let requests: Vec<_> = (0..20)
                .flat_map(|user| {
                    [
                        port.aio_read(Arc::clone(&reader), vec![0; 10], 0, user).expect("submitted"),
                        port.aio_read(Arc::clone(&left), vec![0; 10], 0, user).expect("submitted"),
                        port.aio_write(Arc::clone(&left), vec![0; 1 << 20], 0, user).expect("submitted"),
                        port.aio_write(Arc::clone(&storage), vec![0; 1 << 18], 0, user).expect("submitted"),
                        port.aio_fsync(Arc::clone(&storage), AioSync::Data, user).expect("submitted"),
                    ]
                })
                .collect();
            let mut list = AioList::new();
            list.read(Arc::clone(&reader), vec![0; 10], 0).read(Arc::clone(&storage), vec![0; 10], 0);
            port.aio_list(list, 0).expect("submitted");
            drop((reader, left, storage));
            // Some of the events are in the queue, and one has been retrieved.
            let event = port.get(LONG).expect("an event");
            port.send(1, 1).expect("sent");
            if alert {
                std::mem::forget(port.alert(std::num::NonZero::new(5).expect("not zero"), 0));
            }
            let start = Instant::now();
            drop(port);
            assert!(start.elapsed() < Duration::from_secs(20));
            drop(event);
            assert!(is_gone(&pipe) && is_gone(&socket) && is_gone(&stored));
            assert!(requests.iter().all(|request| request.cancel().expect("a verdict") == AioCancel::Done));
        }
    });
}

/// AIO-11: an address comes back once its event has been retrieved, mostly in the next request; what it is known by does
/// not.
#[test]
fn no_two_requests_have_one_id() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let mut ids: HashSet<AioId> = HashSet::new();
        for user in 0..2000 {
            let request = port.aio_read(Arc::clone(&file), vec![0; 4], 0, user).expect("submitted");
            let event = port.get(LONG).expect("an event");
            assert_eq!((completion(&event).id(), event.user), (request.id(), user));
            assert!(ids.insert(request.id()));
        }
    });
}

/// AIO-3.
#[test]
fn a_list_brings_one_event_for_all() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let mut list = AioList::new();
        assert!(list.is_empty());
        list.read(Arc::clone(&file), vec![0; 4], 0).read(Arc::new(reader), vec![0; 8], 0).write(
            Arc::clone(&file),
            b"xyz".to_vec(),
            7,
        );
        assert_eq!(list.len(), 3);
        let request = port.aio_list(list, 42).expect("submitted");
        assert!(port.get(Some(Duration::from_millis(30))).is_err_and(|error| error.is_timeout()));
        writer.write_all(b"hello").expect("the socket takes it");
        let event = port.get(LONG).expect("an event");
        let list = list_completion(&event);
        assert_eq!((list.id(), event.user), (request.id(), 42));
        let results: Vec<_> = list.completions().iter().map(|c| c.result().expect("no error")).collect();
        assert_eq!(results, [4, 5, 3]);
        let operations: Vec<_> = list.completions().iter().map(AioCompletion::operation).collect();
        assert_eq!(operations, [AioOperation::Read, AioOperation::Read, AioOperation::Write]);
        assert_eq!(list.completions()[1].take_buffer().map(|b| b[..5].to_vec()), Some(b"hello".to_vec()));
        assert!(port.get(POLL).is_err(), "one");
    });
}

/// AIO-5.
#[test]
fn a_list_that_is_refused_gives_everything_back() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let error = port.aio_list(AioList::new(), 1).expect_err("nothing to do");
        assert!(error.completions.is_empty() && !error.is_limit());
        let writable = Arc::new(File::create(dir.path().join("file")).expect("the file opens"));
        let mut list = AioList::new();
        list.read(Arc::clone(&writable), vec![1; 4], 0).read(Arc::clone(&writable), vec![2; 4], 0);
        let error = port.aio_list(list, 2).expect_err("for writing only");
        assert!(error.completions.iter().all(|completion| completion.result().is_err()));
        let buffers: Vec<_> = error.completions.iter().map(AioCompletion::take_buffer).collect();
        assert_eq!(buffers, [Some(vec![1; 4]), Some(vec![2; 4])]);
        assert!(port.get(Some(Duration::from_millis(30))).is_err(), "no event");
        // One that can be done, one that cannot, and one that would wait.
        let (reader, _writer) = blocking_pipe();
        let (reader, weak) = watched(reader);
        let mut list = AioList::new();
        list.write(Arc::clone(&writable), b"ok".to_vec(), 0).read(Arc::clone(&writable), vec![2; 4], 0).read(
            reader,
            vec![3; 4],
            0,
        );
        if cfg!(target_os = "linux") {
            let error = port.aio_list(list, 3).expect_err("one of them is for writing only");
            let results: Vec<_> = error.completions.iter().map(|c| c.result().map_err(|e| errno(&e))).collect();
            // The first is done at once, or cancelled before its turn has come.
            assert!(matches!(results[0], Ok(2) | Err(Some(libc::ECANCELED))), "{results:?}");
            assert_eq!(results[1..], [Err(Some(EBADF.0)), Err(Some(ECANCELED.0))]);
            drop(error);
            assert!(is_gone(&weak));
            // Some were started, so the list's event comes. There is nothing more to it.
            let event = port.get(LONG).expect("an event");
            assert!(event.user == 3 && matches!(event.view(), Event::Other { .. }), "{event:?}");
        }
    });
}

/// S2: what somebody does with the raw crate is passed on as it is.
#[test]
fn a_request_of_the_raw_crate_is_another() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let file = open(&dir, b"0123456789");
        let foreign = |user| {
            let raw = Request::new(Operation::Read, &*file, vec![0; 4], 0).to(&port, user).started();
            let event = port.get(LONG).expect("an event");
            assert_eq!((event.user, event.object, event.events), (user, raw.event().object, raw.event().events));
            assert!(matches!(event.view(), Event::Other { object, .. } if object == event.object));
        };
        foreign(42);
        // Even with the cookie that the event of one of the crate's will have, be that in progress or over.
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let request = port.aio_read(Arc::new(reader), vec![0; 4], 0, 7).expect("submitted");
        let key: String = format!("{:?}", request.id()).chars().filter(char::is_ascii_digit).collect();
        let key = key.parse().expect("a number");
        foreign(key);
        writer.write_all(b"abcd").expect("the socket takes it");
        let (done, user) = next(&port);
        assert_eq!((done.id(), user, done.result().expect("read")), (request.id(), 7, 4));
        foreign(key);
    });
}

/// S1: a descriptor's holder is asked for the number once, and may say whatever it likes later.
#[test]
fn a_holder_that_changes_its_mind_confuses_nobody() {
    struct Fickle {
        fds: [OwnedFd; 2],
        asked: AtomicUsize,
    }
    impl AsFd for Fickle {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.fds[self.asked.fetch_add(1, Ordering::Relaxed) % 2].as_fd()
        }
    }
    case(|| {
        let port = port();
        let ((reader, writer), (other, _other_writer)) = (blocking_pipe(), blocking_pipe());
        let holder = Arc::new(Fickle { fds: [reader, other], asked: AtomicUsize::new(0) });
        let request = port.aio_read(Arc::clone(&holder), vec![0; 4], 0, 1).expect("submitted");
        let verdict = request.cancel().expect("of the descriptor that was lent first");
        if verdict == AioCancel::InProgress {
            File::from(writer).write_all(b"x").expect("the pipe takes it");
        }
        assert_eq!(next(&port).0.id(), request.id());
        assert_eq!(holder.asked.load(Ordering::Relaxed), 1);
    });
}

/// S1: what a request holds is the program's, and may panic when it is dropped. Nothing that the system still uses is
/// freed by that.
#[test]
fn a_holder_that_panics_frees_nothing_that_is_in_use() {
    struct Bomb(OwnedFd);
    impl AsFd for Bomb {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !thread::panicking() {
                std::panic::resume_unwind(Box::new("dropped"));
            }
        }
    }
    case(|| {
        let dir = TempDir::new();
        let file = open(&dir, &vec![1; 1 << 20]);
        for _ in 0..20 {
            let port = port();
            let bomb = Arc::new(Bomb(file.try_clone().expect("a duplicate").into()));
            let (storage, weak) = watched(file.try_clone().expect("a duplicate"));
            let mut requests = vec![port.aio_read(bomb, vec![0; 8], 0, 0).expect("submitted")];
            requests.extend((0..20).map(|i| {
                let request = match i % 3 {
                    0 => port.aio_write(Arc::clone(&storage), vec![0; 1 << 19], 0, i),
                    1 => port.aio_read(Arc::clone(&storage), vec![0; 1 << 19], 0, i),
                    _ => port.aio_fsync(Arc::clone(&storage), AioSync::Data, i),
                };
                request.expect("submitted")
            }));
            drop(storage);
            assert!(catch_unwind(AssertUnwindSafe(|| drop(port))).is_err(), "the holder was dropped with the port");
            assert!(requests.iter().all(|request| request.cancel().expect("a verdict") == AioCancel::Done));
            drop(requests);
            assert!(is_gone(&weak));
        }
    });
}

/// Somebody takes events by the raw calls: closing the port does not wait for them for ever.
#[test]
fn a_port_whose_events_were_taken_can_be_closed() {
    case(|| {
        let (port, dir) = (port(), TempDir::new());
        let (file, weak) = watched(File::open(dir.file("file", b"0123")).expect("the file opens"));
        let request = port.aio_read(file, vec![0; 4], 0, 1).expect("submitted");
        assert_eq!(getn(&port, 1, 1, ms(30_000)).events.len(), 1);
        assert!(!is_gone(&weak));
        let start = Instant::now();
        drop(port);
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(is_gone(&weak));
        drop(request);
    });
}

/// AIO-14.
#[test]
fn a_child_leaves_its_parents_requests_alone() {
    case(|| {
        let port = port();
        let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
        let request = port.aio_read(Arc::new(reader), vec![0; 4], 0, 1).expect("submitted");
        fork(|| {
            assert_eq!(request.cancel().expect("a verdict"), AioCancel::Done);
            // SAFETY: a copy of the value that the parent owns, in a process that ends without dropping that.
            drop(unsafe { std::ptr::read(&raw const port) });
        })
        .join();
        writer.write_all(b"abcd").expect("the socket takes it");
        let (done, _) = next(&port);
        assert_eq!(done.result().expect("read"), 4);
    });
}

/// S9, FORK-1: a child may use the port that it has inherited. Its requests are its own, and dropping the port waits for
/// them as anywhere.
#[test]
fn a_child_waits_for_its_own_requests() {
    case(|| {
        let port = port();
        let (parents, mut writer) = UnixStream::pair().expect("a socket pair");
        let request = port.aio_read(Arc::new(parents), vec![0; 4], 0, 1).expect("submitted");
        fork(|| {
            let (left, right) = UnixStream::pair().expect("a socket pair");
            let (left, weak) = watched(left);
            let own = port.aio_read(left, vec![0; 4], 0, 2).expect("submitted");
            if cfg!(not(target_os = "linux")) {
                // A thread of illumos's library reads already.
                (&right).write_all(b"abcd").expect("the socket takes it");
            }
            // SAFETY: a copy of the value that the parent owns, in a process that ends without dropping that.
            drop(unsafe { std::ptr::read(&raw const port) });
            assert_eq!(own.cancel().expect("a verdict"), AioCancel::Done);
            assert!(is_gone(&weak));
        })
        .join();
        writer.write_all(b"abcd").expect("the socket takes it");
        assert_eq!((next(&port).0.id(), port.get(POLL).is_err()), (request.id(), true));
    });
}

/// Threads submit, cancel, retrieve and drop whatever they have, and in the end the port goes while much is under way.
#[test]
fn drop_and_cancel_at_every_moment() {
    case(|| {
        let rounds = if std::env::var_os("EVENT_PORTS_LONG").is_some() { 60 } else { 12 };
        let dir = TempDir::new();
        let file = open(&dir, &vec![1; 1 << 18]);
        for round in 0..rounds {
            let port = port();
            let (left, mut right) = UnixStream::pair().expect("a socket pair");
            let (left, weak) = watched(left);
            thread::scope(|scope| {
                for worker in 0..3 {
                    let (port, file, left) = (port.clone(), Arc::clone(&file), Arc::clone(&left));
                    scope.spawn(move || {
                        let mut kept = Vec::new();
                        for i in 0..40 + round {
                            let user = worker * 1000 + i;
                            let request = match (i + worker) % 5 {
                                0 => port.aio_read(Arc::clone(&file), vec![0; 1 << (i % 18)], 0, user),
                                1 => port.aio_write(Arc::clone(&file), vec![0; 1 << (i % 18)], 0, user),
                                2 => port.aio_read(Arc::clone(&left), vec![0; 1 + i % 7], 0, user),
                                3 => port.aio_write(Arc::clone(&left), vec![0; 1 + i % 7], 0, user),
                                _ => port.aio_fsync(Arc::clone(&file), AioSync::Data, user),
                            };
                            let request = request.expect("submitted");
                            if i % 3 == 0 {
                                request.cancel().expect("a verdict");
                            }
                            if i % 2 == 0 {
                                kept.push(request);
                            }
                            if i % 4 == 0 {
                                drop(port.get(POLL));
                            }
                        }
                        if round % 2 == 0 {
                            drop(kept);
                        } else {
                            drop(port);
                            drop(kept);
                        }
                    });
                }
                right.set_nonblocking(true).expect("a socket can be non-blocking");
                for _ in 0..20 {
                    let _ = right.write(b"abc");
                    let _ = right.read(&mut [0; 64]);
                }
            });
            drop(left);
            drop(port);
            assert!(is_gone(&weak), "round {round}");
        }
        assert_eq!(Arc::strong_count(&file), 1);
    });
}
