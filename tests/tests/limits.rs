//! Event slots: what holds one, and what happens without (LIMIT).

use event_ports_tests::prelude::*;

/// How many user events still fit. They are taken out again.
fn free_slots(port: &OwnedFd) -> usize {
    let marker = 0x51_07;
    let mut free = 0;
    while send(port, 1, marker) == Ok(()) {
        free += 1;
    }
    assert_eq!(send(port, 1, marker), Err(EAGAIN));
    // Only for ports that hold nothing else that is ready.
    assert_eq!(drain(port), vec![Event::user(1, marker); free]);
    free
}

#[test]
fn limit_01_exactly_as_many_slots_as_the_limit_says() {
    case(|| {
        for limit in [1, 2, 3, 10, 63] {
            limit_events(limit);
            let port = port();
            assert_eq!(free_slots(&port), limit as usize);
            assert_eq!(free_slots(&port), limit as usize, "they come back");
        }
    });
}

#[test]
fn limit_01_the_limit_is_one_for_all_sources() {
    case(|| {
        limit_events(5);
        let port = port();
        let (one, other, third) = (Pipe::new(), Pipe::new(), Pipe::new());
        assert_eq!(associate_fd(&port, &one.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &other.read, POLLIN, 2), Ok(()));
        assert_eq!(free_slots(&port), 3);
        for _ in 0..3 {
            assert_eq!(send(&port, 1, 0), Ok(()));
        }
        assert_eq!(associate_fd(&port, &third.read, POLLIN, 3), Err(EAGAIN));
        assert_eq!(drain(&port).len(), 3);
        assert_eq!(associate_fd(&port, &third.read, POLLIN, 3), Ok(()));
    });
}

#[test]
fn limit_02_a_descriptor_holds_its_slot_while_it_is_associated() {
    case(|| {
        for pending in Pending::BOTH {
            limit_events(2);
            let port = port();
            let pipe = Pipe::new();
            assert_eq!(free_slots(&port), 2);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            assert_eq!(free_slots(&port), 1, "armed");
            write(&pipe.write);
            pending.place(&port);
            assert_eq!(send(&port, 1, 0), Ok(()));
            assert_eq!(send(&port, 1, 0), Err(EAGAIN), "queued");
            assert_eq!(drain(&port).len(), 2);
            assert_eq!(free_slots(&port), 1, "delivered");
            assert_eq!(read_all(&pipe.read), 1);
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            assert_eq!(free_slots(&port), 1, "armed again");
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
            assert_eq!(free_slots(&port), 2, "dissociated while armed");
        }
    });
}

#[test]
fn limit_02_dissociation_frees_the_slot_of_a_queued_event() {
    case(|| {
        for pending in Pending::BOTH {
            limit_events(2);
            let port = port();
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
            pending.place(&port);
            assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
            assert_eq!(free_slots(&port), 2);
        }
    });
}

#[test]
fn limit_02_closing_a_descriptor_frees_its_slot() {
    case(|| {
        limit_events(2);
        let port = port();
        let (armed, queued) = (Pipe::new(), Pipe::ready());
        let kept = dup(&queued.read);
        assert_eq!(associate_fd(&port, &armed.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &queued.read, POLLIN, 2), Ok(()));
        assert_eq!(send(&port, 1, 0), Err(EAGAIN));
        close(armed.read);
        assert_eq!(send(&port, 1, 0), Ok(()), "armed");
        close(queued.read);
        assert_eq!(send(&port, 1, 0), Ok(()), "queued");
        assert_eq!(drain(&port), [Event::user(1, 0); 2]);
        assert_eq!(free_slots(&port), 2);
        drop(kept);
    });
}

#[test]
fn limit_02_closed_descriptors_do_not_use_up_the_port() {
    case(|| {
        limit_events(4);
        let port = port();
        for user in 0..100 {
            let pipe = Pipe::ready();
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, user), Ok(()), "round {user}");
            if user % 2 == 0 {
                assert_eq!(drain(&port), [Event::fd(&pipe.read, POLLIN, user)]);
            }
        }
        assert_eq!(free_slots(&port), 4);
    });
}

#[test]
fn limit_02_an_association_gets_the_slot_of_a_closed_descriptor() {
    case(|| {
        for pending in Pending::BOTH {
            limit_events(2);
            let port = port();
            let (armed, queued, other, third) = (Pipe::new(), Pipe::ready(), Pipe::ready(), Pipe::ready());
            let kept = [dup(&armed.read), dup(&queued.read)];
            assert_eq!(associate_fd(&port, &armed.read, POLLIN, 1), Ok(()));
            assert_eq!(associate_fd(&port, &queued.read, POLLIN, 2), Ok(()));
            pending.place(&port);
            assert_eq!(associate_fd(&port, &other.read, POLLIN, 3), Err(EAGAIN));
            close(armed.read);
            assert_eq!(associate_fd(&port, &other.read, POLLIN, 4), Ok(()), "that of an armed one");
            assert_eq!(associate_fd(&port, &third.read, POLLIN, 5), Err(EAGAIN));
            close(queued.read);
            assert_eq!(associate_fd(&port, &third.read, POLLIN, 6), Ok(()), "that of a queued one");
            assert_eq!(drain(&port), [Event::fd(&other.read, POLLIN, 4), Event::fd(&third.read, POLLIN, 6)]);
            drop(kept);
        }
    });
}

#[test]
fn limit_02_an_alert_holds_no_slot() {
    case(|| {
        limit_events(2);
        let port = port();
        assert_eq!(alert(&port, PORT_ALERT_SET, 7, 0), Ok(()));
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(send(&port, 1, 0), Err(EAGAIN));
    });
}

#[test]
fn limit_02_a_failed_association_holds_no_slot() {
    case(|| {
        limit_events(2);
        let port = port();
        let closed = dup(&port).as_raw_fd();
        for _ in 0..5 {
            assert_eq!(associate_fd(&port, &closed, POLLIN, 1), Err(EBADFD));
        }
        assert_eq!(free_slots(&port), 2);
    });
}

#[test]
fn limit_03_descriptors_and_user_events_are_eagain_and_recover() {
    case(|| {
        limit_events(1);
        let port = port();
        let (one, other) = (Pipe::ready(), Pipe::ready());
        assert_eq!(associate_fd(&port, &one.read, POLLIN, 1), Ok(()));
        assert_eq!(associate_fd(&port, &other.read, POLLIN, 2), Err(EAGAIN));
        assert_eq!(send(&port, 1, 0), Err(EAGAIN));
        assert_eq!(dissociate_fd(&port, &other.read), Err(ENOENT), "nothing of it remains");
        assert_eq!(drain(&port), [Event::fd(&one.read, POLLIN, 1)]);
        assert_eq!(dissociate_fd(&port, &one.read), Err(ENOENT));
        assert_eq!(associate_fd(&port, &other.read, POLLIN, 2), Ok(()));
        assert_eq!(drain(&port), [Event::fd(&other.read, POLLIN, 2)]);
    });
}
