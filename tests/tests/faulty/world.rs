//! A port with something in every place, to see that nothing of it is lost.

use event_ports_sys as sys;
use event_ports_tests::{
    EAGAIN, Errno, Event, POLL, Pipe, associate_fd, close_port, getn, last_errno, limit_events, send, write,
};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use sys::POLLIN;

/// Events in the order of what they are, since which of two comes first may differ after a failure.
pub(crate) type Events = Vec<Event>;

/// The most events a retrieval takes here.
const MOST: usize = 16;

/// How many events a port here can hold.
const LIMIT: u32 = 16;

/// The user event that is queued.
const QUEUED: Event = Event::user(0x51, 0x1001);

/// A port with a queued event, an event in the kernel, and an association that waits.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) port: OwnedFd,
    ready: Pipe,
    silent: Pipe,
}

impl World {
    /// A new one.
    pub(crate) fn new() -> Self {
        limit_events(LIMIT);
        let world = Self { port: event_ports_tests::port(), ready: Pipe::new(), silent: Pipe::new() };
        associate_fd(&world.port, &world.ready.read, POLLIN, 0x1002).expect("it is associated");
        associate_fd(&world.port, &world.silent.read, POLLIN, 0x1003).expect("it is associated");
        send(&world.port, 0x51, 0x1001).expect("it is sent");
        write(&world.ready.write);
        world
    }

    /// The port's number.
    pub(crate) fn number(&self) -> RawFd {
        self.port.as_raw_fd()
    }

    /// The events that are there from the beginning.
    pub(crate) fn events(&self) -> Events {
        vec![QUEUED, Event::fd(&self.ready.read, POLLIN, 0x1002)]
    }

    /// Takes every event.
    pub(crate) fn drain(&self) -> Events {
        let mut all = Vec::new();
        loop {
            let got = getn(&self.port, 16, 1, POLL);
            assert_eq!(got.result, Ok(()), "nothing fails any more");
            if got.events.is_empty() {
                return all;
            }
            all.extend(got.events);
        }
    }

    /// Checks that all that was there from the beginning is there, with `more` events and no others, and that the port
    /// goes on working. `taken` have been retrieved before.
    pub(crate) fn is_intact(&self, taken: &[Event], more: impl IntoIterator<Item = Event>) {
        let mut expected = self.events();
        expected.extend(more);
        let mut all = taken.to_vec();
        all.extend(self.drain());
        assert_eq!(sorted(all), sorted(expected), "each event comes once");
        write(&self.silent.write);
        assert_eq!(self.drain(), [Event::fd(&self.silent.read, POLLIN, 0x1003)], "what was armed stays armed");
        send(&self.port, 7, 8).expect("an event can be sent");
        assert_eq!(self.drain(), [Event::user(7, 8)]);
    }

    /// Checks that the operation holds so many slots now that no event is queued.
    pub(crate) fn holds(&self, slots: u32) {
        let mut free = 0;
        while send(&self.port, 1, 1).is_ok() {
            free += 1;
        }
        assert_eq!(send(&self.port, 1, 1), Err(EAGAIN));
        // Two are held by the associations that there are from the beginning.
        assert_eq!(LIMIT - 2 - free, slots, "slots that are held");
        self.drain();
    }

    /// The port alone.
    pub(crate) fn into_port(self) -> OwnedFd {
        self.port
    }

    /// Closes the port.
    pub(crate) fn close(self) {
        close_port(self.port);
    }
}

/// In an order that does not depend on when they came.
fn sorted(mut events: Events) -> Events {
    events.sort_by_key(|event| (event.source, event.user, event.object, event.events));
    events
}

/// A list for events that takes no memory from the allocator.
#[derive(Debug)]
pub(crate) struct List {
    entries: [sys::port_event_t; MOST],
}

impl List {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let none = sys::port_event_t {
            portev_events: -1,
            portev_source: 0,
            portev_pad: 0,
            portev_object: 0,
            portev_user: ptr::null_mut(),
        };
        Self { entries: [none; MOST] }
    }

    /// `port_getn`, for at least `min` events. What it has stored is an event whatever the call returns.
    pub(crate) fn getn(
        &mut self,
        port: RawFd,
        max: u32,
        min: u32,
        mut timeout: Option<libc::timespec>,
    ) -> Result<u32, Errno> {
        assert!(max as usize <= MOST);
        let mut count = min;
        let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: there is room for MOST events, and the other pointers are valid.
        let returned = unsafe { sys::port_getn(port, self.entries.as_mut_ptr(), max, &raw mut count, timeout) };
        if returned == 0 { Ok(count) } else { Err(last_errno()) }
    }

    /// `port_get`.
    pub(crate) fn get(&mut self, port: RawFd, mut timeout: Option<libc::timespec>) -> Result<(), Errno> {
        let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: there is room for an event, and the timeout is valid or null.
        let returned = unsafe { sys::port_get(port, self.entries.as_mut_ptr(), timeout) };
        if returned == 0 { Ok(()) } else { Err(last_errno()) }
    }

    /// What has been stored.
    pub(crate) fn events(&self) -> Events {
        self.entries.iter().filter(|entry| entry.portev_source != 0).map(|&entry| entry.into()).collect()
    }
}
