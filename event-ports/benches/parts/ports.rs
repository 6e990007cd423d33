//! The port, by this crate and by the raw calls.

use crate::contestant::{BATCH, Contestant};
use event_ports::{EventPort, Events, PollEvents, sys};
use std::io::Error;
use std::os::fd::RawFd;
use std::ptr;

/// Which promises the program makes, each of which saves a system call on Linux. illumos needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only there does it matter which"))]
pub(crate) enum Promise {
    /// None.
    Nothing,
    /// The port's number stays the port's. `EventPort`, which owns the number, promises that by itself.
    Number,
    /// That, and descriptors that have duplicates are dissociated before they are closed.
    NumberAndDescriptors,
}

/// The safe crate.
pub(crate) struct Safe {
    port: EventPort,
    events: Events,
}

impl Safe {
    /// `promise` is more than nothing.
    pub(crate) fn new(promise: Promise) -> Self {
        assert_ne!(promise, Promise::Nothing);
        let port = EventPort::new().expect("a port");
        #[cfg(target_os = "linux")]
        event_ports::linux::trust_descriptors(&port, promise == Promise::NumberAndDescriptors).expect("an open port");
        Self { port, events: Events::with_capacity(BATCH) }
    }

    #[inline]
    pub(crate) fn send_and_take(&self, cookie: usize) {
        self.port.send(1, cookie).expect("there is room");
        assert_eq!(self.get(), cookie);
    }

    #[inline]
    pub(crate) fn associate(&self, fd: RawFd, cookie: usize) {
        self.port.associate_fd(fd, PollEvents::IN, cookie).expect("an open descriptor");
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.port.get(None).expect("an open port").user
    }
}

impl Contestant for Safe {
    fn register(&mut self, fd: RawFd, cookie: usize) {
        self.associate(fd, cookie);
    }

    fn arm(&mut self, fd: RawFd, cookie: usize) {
        self.associate(fd, cookie);
    }

    fn take_one(&mut self) -> usize {
        self.get()
    }

    fn take_many(&mut self) -> (usize, usize) {
        self.port.get_into(&mut self.events, None).expect("an open port");
        (self.events.len(), self.events.iter().map(|event| event.user).sum())
    }
}

/// The functions of `<port.h>`, as a careful C program uses them.
pub(crate) struct Raw {
    port: RawFd,
    list: [sys::port_event; BATCH],
}

/// A place for an event that was not written.
const EMPTY: sys::port_event = sys::port_event {
    portev_events: 0,
    portev_source: 0,
    portev_pad: 0,
    portev_object: 0,
    portev_user: ptr::null_mut(),
};

// SAFETY: the pointers in it are cookies, which are numbers to this program.
unsafe impl Sync for Raw {}

impl Raw {
    pub(crate) fn new(promise: Promise) -> Self {
        // SAFETY: the call has no arguments.
        let port = unsafe { sys::port_create() };
        assert!(port >= 0, "{}", Error::last_os_error());
        #[cfg(target_os = "linux")]
        {
            use sys::linux::{PORT_TRUST_DESCRIPTORS, PORT_TRUST_NUMBER, port_linux_trust};
            let flags = match promise {
                Promise::Nothing => 0,
                Promise::Number => PORT_TRUST_NUMBER,
                Promise::NumberAndDescriptors => PORT_TRUST_NUMBER | PORT_TRUST_DESCRIPTORS,
            };
            // SAFETY: the number is this value's own until it is dropped.
            let done = unsafe { port_linux_trust(port, flags) };
            assert_eq!(done, 0, "{}", Error::last_os_error());
        }
        #[cfg(not(target_os = "linux"))]
        let _ = promise;
        Self { port, list: [EMPTY; BATCH] }
    }

    #[inline]
    pub(crate) fn associate(&self, fd: RawFd, cookie: usize) {
        let cookie = ptr::without_provenance_mut(cookie);
        // SAFETY: for this source the object is a number, and the cookie is not followed.
        let done = unsafe { sys::port_associate(self.port, sys::PORT_SOURCE_FD, fd as usize, sys::POLLIN, cookie) };
        assert_eq!(done, 0);
    }

    #[inline]
    pub(crate) fn send_and_take(&self, cookie: usize) {
        // SAFETY: the cookie is not followed.
        assert_eq!(unsafe { sys::port_send(self.port, 1, ptr::without_provenance_mut(cookie)) }, 0);
        assert_eq!(self.get(), cookie);
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        let mut event = EMPTY;
        let mut count = 1;
        // SAFETY: there is room for one event; no timeout waits for ever.
        let done = unsafe { sys::port_getn(self.port, &raw mut event, 1, &raw mut count, ptr::null_mut()) };
        assert!(done == 0 && count == 1 && event.portev_source != 0);
        event.portev_user.addr()
    }
}

impl Contestant for Raw {
    fn register(&mut self, fd: RawFd, cookie: usize) {
        self.associate(fd, cookie);
    }

    fn arm(&mut self, fd: RawFd, cookie: usize) {
        self.associate(fd, cookie);
    }

    fn take_one(&mut self) -> usize {
        self.get()
    }

    fn take_many(&mut self) -> (usize, usize) {
        for event in &mut self.list {
            event.portev_source = 0;
        }
        let mut count = 1;
        let list = self.list.as_mut_ptr();
        // SAFETY: there is room for as many events; no timeout waits for ever.
        let done = unsafe { sys::port_getn(self.port, list, BATCH as u32, &raw mut count, ptr::null_mut()) };
        assert_eq!(done, 0);
        let written = self.list[..count as usize].iter().take_while(|event| event.portev_source != 0);
        written.fold((0, 0), |(count, sum), event| (count + 1, sum + event.portev_user.addr()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        // SAFETY: the port is ours and used no more.
        let closed = unsafe { sys::linux::port_linux_close(self.port) };
        #[cfg(not(target_os = "linux"))]
        // SAFETY: the port is ours and used no more.
        let closed = unsafe { libc::close(self.port) };
        assert_eq!(closed, 0);
    }
}
