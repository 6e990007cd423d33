//! The safe crate: message queues, whose events say which queue they are of.

use event_ports::{Event, EventPort, MessageQueue, PortEvent, QueueId};
use event_ports_tests::prelude::{AsRawFd, Pending, case, fork, is_readable};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const POLL: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(30));

fn port() -> EventPort {
    EventPort::new().expect("a port")
}

fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/event-ports-safe-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Two handles of one queue that has no name any more.
fn pair() -> [MessageQueue; 2] {
    let name = name();
    let first = MessageQueue::options().create_new(true).max_messages(4).message_size(8).open(&name).expect("a queue");
    let second = MessageQueue::open(&name).expect("the same queue");
    MessageQueue::unlink(&name).expect("unlinked");
    [first, second]
}

fn arrival(event: &PortEvent) -> Option<(QueueId, usize)> {
    match event.view() {
        Event::Mq { queue } => Some((queue, event.user)),
        _ => None,
    }
}

/// MQ-3, MQ-4.
#[test]
fn an_event_says_which_queue() {
    case(|| {
        let port = port();
        let [[queue, sender], [other, _]] = [pair(), pair()];
        assert!(queue.id() != sender.id() && queue.id() != other.id());
        queue.notify(&port, 1).expect("to be told");
        other.notify(&port, 2).expect("to be told");
        sender.send(b"a", 1).expect("sent");
        sender.send(b"b", 2).expect("sent");
        assert_eq!(arrival(&port.get(LONG).expect("an event")), Some((queue.id(), 1)));
        assert!(port.get(POLL).is_err_and(|error| error.is_timeout()), "once");
        let mut buffer = [0; 8];
        let received = [queue.receive(&mut buffer).expect("received"), queue.receive(&mut buffer).expect("received")];
        assert_eq!(received, [(1, 2), (1, 1)], "by priority");
        queue.notify(&port, 3).expect("to be told again");
        sender.send(b"c", 0).expect("sent");
        assert_eq!(arrival(&port.get(LONG).expect("an event")), Some((queue.id(), 3)));
    });
}

#[test]
fn queues_and_what_cannot_be_done_with_them() {
    case(|| {
        let name = name();
        let error = MessageQueue::open(&name).expect_err("there is none");
        assert!(error.is_not_found() && error.name == *name);
        assert!(MessageQueue::unlink(&name).expect_err("there is none").is_not_found());
        let error = MessageQueue::open("/nul\0").expect_err("no name");
        assert_eq!(error.source.kind(), std::io::ErrorKind::InvalidInput);
        let options = MessageQueue::options().create_new(true).nonblocking(true).max_messages(2).message_size(4);
        let queue = options.open(&name).expect("a queue");
        assert!(options.open(&name).expect_err("it is there").is_already_there());
        MessageQueue::unlink(&name).expect("unlinked");
        let mut buffer = [0; 4];
        assert!(queue.receive(&mut buffer).expect_err("empty").is_would_block());
        assert!(queue.send(b"12345", 0).expect_err("too long").is_message_size());
        assert!(queue.receive(&mut buffer[..3]).expect_err("too short").is_message_size());
        queue.send(b"1234", 0).expect("sent");
        queue.send(b"", 0).expect("sent");
        assert!(queue.send(b"1", 0).expect_err("full").is_would_block());
        let attributes = queue.attributes().expect("attributes");
        assert_eq!((attributes.max_messages, attributes.message_size), (2, 4));
        assert_eq!((attributes.messages, attributes.nonblocking), (2, true));
        assert!(MessageQueue::options().read(false).write(false).open(&name).is_err());
    });
}

/// MQ-2.
#[test]
fn one_is_told_at_a_time() {
    case(|| {
        let (port, [queue, other]) = (port(), pair());
        queue.notify(&port, 1).expect("to be told");
        assert!(queue.notify(&port, 2).expect_err("already").is_busy());
        assert!(other.notify(&port, 3).expect_err("already").is_busy());
        queue.cancel_notify();
        queue.cancel_notify();
        other.notify(&port, 4).expect("free");
        queue.send(b"x", 0).expect("sent");
        assert_eq!(arrival(&port.get(LONG).expect("an event")), Some((other.id(), 4)));
        assert!(port.get(POLL).is_err());
    });
}

/// MQ-6.
#[test]
fn a_queued_event_outlives_its_queue() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, [queue, sender]) = (port(), pair());
            let id = queue.id();
            queue.notify(&port, 1).expect("to be told");
            sender.send(b"x", 0).expect("sent");
            pending.place(&port);
            drop(queue);
            // Another queue that may have got its descriptor.
            let [newer, to_newer] = pair();
            newer.notify(&port, 2).expect("to be told");
            to_newer.send(b"x", 0).expect("sent");
            let events = port.get_n(8, POLL).expect("a poll");
            assert_eq!(events.iter().map(arrival).collect::<Vec<_>>(), [Some((id, 1)), Some((newer.id(), 2))]);
        }
    });
}

/// MQ-8.
#[test]
fn a_queue_keeps_the_port_open_until_it_has_told() {
    case(|| {
        let [queue, sender] = pair();
        let number = {
            let port = port();
            queue.notify(&port, 1).expect("to be told");
            port.as_raw_fd()
        };
        sender.send(b"x", 0).expect("sent");
        assert!(is_readable(&number));
        drop(queue);
        assert!(!is_open(number), "and then it is closed");
        let port = port();
        let number = port.as_raw_fd();
        let mut buffer = [0; 8];
        sender.receive(&mut buffer).expect("received");
        // Retrieving lets go as well.
        let clone = port.clone();
        sender.notify(&clone, 2).expect("to be told");
        sender.send(b"x", 0).expect("sent");
        assert_eq!(arrival(&clone.get(LONG).expect("an event")), Some((sender.id(), 2)));
        drop((port, clone));
        assert!(!is_open(number));
    });
}

fn is_open(fd: i32) -> bool {
    // SAFETY: F_GETFD takes no argument.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// MQ-7.
#[test]
fn a_child_leaves_its_parents_registration_alone() {
    case(|| {
        let (port, [queue, sender]) = (port(), pair());
        queue.notify(&port, 1).expect("to be told");
        fork(|| {
            // SAFETY: a copy of the value that the parent owns, in a process that ends without dropping that.
            drop(unsafe { std::ptr::read(&raw const queue) });
        })
        .join();
        sender.send(b"x", 0).expect("sent");
        assert_eq!(arrival(&port.get(LONG).expect("an event")), Some((queue.id(), 1)));
    });
}

/// No message is missed by asking again before receiving, however fast they come.
#[test]
fn asking_again_first_misses_nothing() {
    case(|| {
        const MESSAGES: usize = 3000;
        let name = name();
        let options = MessageQueue::options().create_new(true).max_messages(4).message_size(8);
        let receiver = options.nonblocking(true).open(&name).expect("a queue");
        let sender = MessageQueue::open(&name).expect("the same queue");
        MessageQueue::unlink(&name).expect("unlinked");
        let port = port();
        receiver.notify(&port, 0).expect("to be told");
        std::thread::scope(|scope| {
            scope.spawn(|| (0..MESSAGES).for_each(|i| sender.send(&i.to_ne_bytes(), 0).expect("sent")));
            let mut received = 0;
            while received < MESSAGES {
                port.get(LONG).expect("an event");
                receiver.notify(&port, 0).expect("to be told again");
                let mut buffer = [0; 8];
                loop {
                    match receiver.receive(&mut buffer) {
                        Ok((8, 0)) => assert_eq!(usize::from_ne_bytes(buffer), received),
                        Err(error) if error.is_would_block() => break,
                        other => panic!("{other:?}"),
                    }
                    received += 1;
                }
            }
        });
    });
}
