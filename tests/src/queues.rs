//! Message queues with `SIGEV_PORT`.

use crate::errno::{Errno, check, last_errno};
use crate::raw::Event;
use crate::timers::sigevent;
use event_ports_sys as sys;
use std::ffi::CString;
use std::mem;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The longest message of a test.
const SIZE: usize = 16;

/// An open queue of a test's own, whose name is gone already. Closed when dropped.
#[derive(Debug)]
pub struct Queue(Descriptor);

/// A queue's descriptor, which may have been closed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor(sys::mqd_t);

// SAFETY: the descriptor is a handle that any thread may use.
unsafe impl Send for Descriptor {}

impl Queue {
    /// An empty queue.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn new() -> Self {
        let [queue] = Self::several();
        queue
    }

    /// Several descriptors of one empty queue.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn several<const N: usize>() -> [Self; N] {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("/event-ports-{}-{number}", std::process::id())).expect("no zero in it");
        // SAFETY: all zeros is a valid mq_attr.
        let mut attributes: sys::mq_attr = unsafe { mem::zeroed() };
        attributes.mq_maxmsg = 4;
        attributes.mq_msgsize = SIZE as _;
        let flags = libc::O_CREAT | libc::O_RDWR;
        let mode: libc::c_uint = 0o600;
        let queues = [(); N].map(|()| {
            // SAFETY: the name is a terminated string, and the other arguments are those that O_CREAT asks for.
            let queue = Descriptor(unsafe { sys::mq_open(name.as_ptr(), flags, mode, &raw mut attributes) });
            assert!(queue.is_open(), "mq_open: {:?}", last_errno());
            Self(queue)
        });
        // SAFETY: the name is a terminated string.
        assert_eq!(unsafe { sys::mq_unlink(name.as_ptr()) }, 0, "mq_unlink: {:?}", last_errno());
        queues
    }

    /// Its descriptor.
    #[must_use]
    pub const fn descriptor(&self) -> Descriptor {
        self.0
    }

    /// `mq_notify` with `SIGEV_PORT`.
    ///
    /// # Errors
    /// Its errno.
    pub fn notify(&self, port: &impl AsRawFd, user: usize) -> Result<(), Errno> {
        self.0.notify(port, user)
    }

    /// `mq_notify` with null.
    ///
    /// # Errors
    /// Its errno.
    pub fn cancel(&self) -> Result<(), Errno> {
        // SAFETY: a null event is allowed.
        check(unsafe { sys::mq_notify(self.0.0, ptr::null()) }).map(drop)
    }

    /// `mq_notify` with an event of any kind.
    ///
    /// # Errors
    /// Its errno.
    pub fn notify_by(&self, event: &sys::sigevent) -> Result<(), Errno> {
        // SAFETY: tests give events that are complete.
        check(unsafe { sys::mq_notify(self.0.0, event) }).map(drop)
    }

    /// The event of this queue.
    #[must_use]
    pub fn event(&self, user: usize) -> Event {
        Event { source: sys::PORT_SOURCE_MQ, object: self.0.object(), events: 0, user }
    }

    /// Sends a message.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn send(&self) {
        self.0.send();
    }

    /// Receives a message; waits for one.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn receive(&self) {
        self.0.receive();
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the descriptor is this queue's own.
        assert_eq!(unsafe { sys::mq_close(self.0.0) }, 0, "mq_close: {:?}", last_errno());
    }
}

impl Descriptor {
    /// `mq_notify` with `SIGEV_PORT`.
    ///
    /// # Errors
    /// Its errno.
    pub fn notify(self, port: &impl AsRawFd, user: usize) -> Result<(), Errno> {
        // Both are read during the call only (MQ-1), and then are gone.
        let user = ptr::without_provenance_mut(user);
        let mut notify = Box::new(sys::port_notify { portnfy_port: port.as_raw_fd(), portnfy_user: user });
        let mut event = Box::new(sigevent(&raw mut *notify));
        // SAFETY: the event is complete.
        let result = check(unsafe { sys::mq_notify(self.0, &raw const *event) }).map(drop);
        notify.portnfy_port = -1;
        event.sigev_notify = -1;
        result
    }

    /// Sends a message.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn send(self) {
        // SAFETY: one byte is read.
        assert_eq!(unsafe { sys::mq_send(self.0, c"x".as_ptr(), 1, 0) }, 0, "mq_send: {:?}", last_errno());
    }

    /// Receives a message; waits for one.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn receive(self) {
        let mut message = [0; SIZE];
        // SAFETY: the array has room for the longest message.
        let length = unsafe { sys::mq_receive(self.0, message.as_mut_ptr(), SIZE, ptr::null_mut()) };
        assert_eq!(length, 1, "mq_receive: {:?}", last_errno());
    }

    #[cfg(target_os = "linux")]
    fn is_open(self) -> bool {
        self.0 >= 0
    }

    #[cfg(target_os = "linux")]
    fn object(self) -> usize {
        self.0 as usize
    }

    #[cfg(not(target_os = "linux"))]
    fn is_open(self) -> bool {
        self.0.addr() != usize::MAX
    }

    #[cfg(not(target_os = "linux"))]
    fn object(self) -> usize {
        self.0.addr()
    }
}

/// A descriptor that is no queue's.
#[must_use]
pub fn no_queue() -> Descriptor {
    #[cfg(target_os = "linux")]
    let number: libc::c_int = 9999;
    #[cfg(not(target_os = "linux"))]
    let number: sys::mqd_t = ptr::without_provenance_mut(usize::MAX);
    Descriptor(number)
}
