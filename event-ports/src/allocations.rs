//! Proof that the way of an event allocates nothing.

use crate::{EventPort, Events, Outcome, PollEvents};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is passed on to the system's allocator; counting does not allocate, the counter being a constant at first
// and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this thread allocates meanwhile.
fn allocations(run: impl FnOnce()) -> usize {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

#[test]
fn s10_descriptors_and_user_events_allocate_nothing() {
    let port = EventPort::new().unwrap();
    let waker = port.waker(1, 2);
    let mut events = Events::with_capacity(64);
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let fd = reader.as_raw_fd();
    let mut round = || {
        for user in 0..32 {
            port.associate_fd(fd, PollEvents::IN, user).unwrap();
            assert_eq!(port.get(None).unwrap().user, user);
            port.send(1, user).unwrap();
            assert_eq!(port.get(Some(Duration::from_secs(1))).unwrap().user, user);
        }
        (0..32).for_each(|user| port.send(1, user).unwrap());
        port.associate_fd(fd, PollEvents::IN, 0).unwrap();
        waker.wake().unwrap();
        assert!(waker.take());
        assert_eq!(port.get_into(&mut events, None).unwrap(), Outcome::Filled);
        assert_eq!(events.iter().count(), 34);
        assert!(port.get(Some(Duration::ZERO)).unwrap_err().is_timeout());
        assert_eq!(port.get_into(&mut events, Some(Duration::ZERO)).unwrap(), Outcome::TimedOut);
        port.dissociate_fd(fd).unwrap();
    };
    // What is under the port may grow with its first use.
    round();
    assert_eq!(allocations(round), 0);
    assert_ne!(allocations(|| drop(black_box(Vec::<u8>::with_capacity(1)))), 0);
}
