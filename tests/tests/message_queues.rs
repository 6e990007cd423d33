//! Message queues whose first message is an event (MQ).

use event_ports_tests::prelude::*;
use event_ports_tests::queues::{Queue, no_queue};
use event_ports_tests::timers::sigevent;

fn next(port: &OwnedFd) -> Event {
    get(port, ms(30_000)).expect("an event comes").expect("it is written")
}

#[test]
fn mq_01_what_describes_the_notification_is_read_during_the_call_only() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        // The helper overwrites both structures and frees them.
        assert_eq!(queue.notify(&port, 3), Ok(()));
        queue.send();
        assert_eq!(next(&port), queue.event(3));
    });
}

#[test]
fn mq_01_what_is_no_port_or_no_queue_is_refused() {
    case(|| {
        let (port, queue, pipe) = (port(), Queue::new(), Pipe::new());
        assert_eq!(queue.notify(&9999, 1), Err(EBADF), "not open");
        assert_eq!(queue.notify(&-1, 1), Err(EBADF), "no descriptor");
        assert_eq!(queue.notify(&pipe.read, 1), Err(EBADF), "no port");
        assert_eq!(no_queue().notify(&port, 1), Err(EBADF));
        // And leaves the queue free.
        assert_eq!(queue.notify(&port, 1), Ok(()));
    });
}

#[test]
fn mq_02_one_registration_for_each_queue() {
    case(|| {
        let [queue, same] = Queue::several();
        let (port, other) = (port(), event_ports_tests::port());
        assert_eq!(queue.notify(&port, 1), Ok(()));
        assert_eq!(queue.notify(&port, 2), Err(EBUSY));
        assert_eq!(same.notify(&other, 3), Err(EBUSY));
        let descriptor = queue.descriptor();
        fork(move || assert_eq!(descriptor.notify(&event_ports_tests::port(), 4), Err(EBUSY))).join();
        queue.send();
        assert_eq!(next(&port), queue.event(1));
        queue.receive();
        assert_eq!(same.notify(&other, 3), Ok(()), "fired, and so free");
        queue.send();
        assert_eq!(next(&other), same.event(3));
        assert_eq!(drain(&port), []);
    });
}

#[test]
fn mq_03_it_fires_once_when_the_queue_is_no_longer_empty() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, queue) = (port(), Queue::new());
            assert_eq!(queue.notify(&port, 1), Ok(()));
            assert_eq!(drain(&port), []);
            assert!(!is_readable(&port));
            queue.send();
            assert!(is_readable(&port));
            queue.send();
            pending.place(&port);
            assert_eq!(drain(&port), [queue.event(1)]);
            queue.receive();
            queue.receive();
            queue.send();
            assert_eq!(get(&port, ms(30)), Err(ETIME), "once");
            assert_eq!(queue.notify(&port, 2), Ok(()));
            queue.send();
            assert_eq!(get(&port, ms(30)), Err(ETIME), "the queue was not empty");
            queue.receive();
            queue.receive();
            queue.send();
            pending.place(&port);
            assert_eq!(drain(&port), [queue.event(2)]);
        }
    });
}

#[test]
fn mq_03_a_waiting_receiver_gets_the_message_and_the_registration_stays() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        assert_eq!(queue.notify(&port, 1), Ok(()));
        let descriptor = queue.descriptor();
        let receiver = blocked(move || descriptor.receive());
        queue.send();
        let () = receiver.join();
        assert_eq!(get(&port, ms(30)), Err(ETIME));
        queue.send();
        assert_eq!(next(&port), queue.event(1));
    });
}

#[test]
fn mq_04_what_the_event_says() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        assert_eq!(queue.notify(&port, 0xdead), Ok(()));
        queue.send();
        let event = next(&port);
        assert_eq!((event.source, event.events, event.user), (6, 0, 0xdead));
        assert_eq!(event.object, queue.event(0).object);
    });
}

#[test]
fn mq_05_a_registration_finds_a_full_port_full() {
    case(|| {
        limit_events(1);
        let (port, queue) = (port(), Queue::new());
        assert_eq!(send(&port, 1, 1), Ok(()));
        assert_eq!(queue.notify(&port, 1), Err(EAGAIN));
        assert_eq!(drain(&port), [Event::user(1, 1)]);
        assert_eq!(queue.notify(&port, 2), Ok(()), "the queue is free");
        assert_eq!(send(&port, 1, 1), Err(EAGAIN), "the registration holds the slot");
        assert_eq!(queue.cancel(), Ok(()));
        assert_eq!(send(&port, 1, 1), Ok(()), "and gives it back");
        assert_eq!(drain(&port), [Event::user(1, 1)]);
        assert_eq!(queue.notify(&port, 3), Ok(()));
        queue.send();
        assert_eq!(send(&port, 1, 1), Err(EAGAIN), "the event has it now");
        assert_eq!(drain(&port), [queue.event(3)]);
        assert_eq!(send(&port, 1, 1), Ok(()));
    });
}

#[test]
fn mq_06_what_is_queued_outlives_a_cancellation() {
    case(|| {
        for pending in Pending::BOTH {
            let (port, queue, closed) = (port(), Queue::new(), Queue::new());
            let object = closed.event(2);
            assert_eq!((queue.notify(&port, 1), closed.notify(&port, 2)), (Ok(()), Ok(())));
            queue.send();
            closed.send();
            pending.place(&port);
            assert_eq!(queue.cancel(), Ok(()));
            drop(closed);
            assert_eq!(drain(&port), [queue.event(1), object]);
        }
    });
}

#[test]
fn mq_06_a_registration_that_is_taken_back_sends_nothing() {
    case(|| {
        let (port, [queue, same]) = (port(), Queue::several());
        assert_eq!(queue.notify(&port, 1), Ok(()));
        assert_eq!(queue.cancel(), Ok(()));
        queue.send();
        assert_eq!(get(&port, ms(30)), Err(ETIME));
        queue.receive();
        assert_eq!(queue.notify(&port, 2), Ok(()));
        drop(queue);
        same.send();
        assert_eq!(get(&port, ms(30)), Err(ETIME), "closing takes it back");
        same.receive();
        assert_eq!(same.notify(&port, 3), Ok(()), "and leaves the queue free");
        same.send();
        assert_eq!(next(&port), same.event(3));
    });
}

/// MQ-7, CLOSE-1.
#[test]
fn mq_07_closing_the_port_frees_the_queue() {
    case(|| {
        for pending in Pending::BOTH {
            let (first, armed, fired) = (port(), Queue::new(), Queue::new());
            assert_eq!((armed.notify(&first, 1), fired.notify(&first, 2)), (Ok(()), Ok(())));
            fired.send();
            pending.place(&first);
            // Registered anew, with another port, which the end of the first must not undo.
            let second = port();
            assert_eq!(fired.notify(&second, 3), Ok(()));
            close_port(first);
            assert_eq!(armed.notify(&second, 4), Ok(()));
            fired.receive();
            fired.send();
            assert_eq!(next(&second), fired.event(3));
            armed.send();
            assert_eq!(next(&second), armed.event(4));
            assert_eq!(drain(&second), []);
        }
    });
}

/// MQ-7, SHARE-1.
#[test]
fn mq_07_a_child_does_not_get_the_event() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        assert_eq!(queue.notify(&port, 1), Ok(()));
        queue.send();
        let number = port.as_raw_fd();
        fork(move || assert_eq!(get(&number, ms(30)), Err(ETIME))).join();
        assert_eq!(next(&port), queue.event(1));
    });
}

#[test]
fn notifications_of_other_kinds_work_by_the_same_name() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        let mut event = sigevent(std::ptr::null_mut());
        event.sigev_notify = sys::SIGEV_NONE;
        assert_eq!(queue.notify_by(&event), Ok(()));
        assert_eq!(queue.notify(&port, 1), Err(EBUSY));
        assert_eq!(queue.cancel(), Ok(()));
        assert_eq!(queue.notify(&port, 1), Ok(()));
        assert_eq!(queue.notify_by(&event), Err(EBUSY));
    });
}

#[test]
fn a_waiting_thread_is_woken() {
    case(|| {
        let (port, queue) = (port(), Queue::new());
        assert_eq!(queue.notify(&port, 1), Ok(()));
        let number = port.as_raw_fd();
        let thread = blocked(move || get(&number, None));
        queue.send();
        assert_eq!(thread.join(), Ok(Some(queue.event(1))));
    });
}

#[test]
fn many_queues_and_many_rounds_on_one_port() {
    case(|| {
        let port = port();
        let queues: Vec<_> = (0..30).map(|_| Queue::new()).collect();
        for round in 0..50 {
            for (user, queue) in queues.iter().enumerate() {
                assert_eq!(queue.notify(&port, user), Ok(()), "round {round}");
            }
            for queue in &queues {
                queue.send();
            }
            let expected: Vec<_> = queues.iter().enumerate().map(|(user, queue)| queue.event(user)).collect();
            assert_eq!(drain(&port), expected, "round {round}");
            queues.iter().for_each(Queue::receive);
        }
    });
}
