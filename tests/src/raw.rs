//! The eight calls, with Rust types for what they take and return.
//!
//! A wrapper adds nothing a test could miss: it fills the output with a pattern, makes the one call, and reports all of
//! its outcome.

use crate::errno::{Errno, check};
use event_ports_sys as sys;
use libc::{c_int, c_uint, c_void};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::ptr;

/// An event, without the padding that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// One of `PORT_SOURCE_*`.
    pub source: c_int,
    /// What the event is about.
    pub object: usize,
    /// What happened.
    pub events: c_int,
    /// The cookie.
    pub user: usize,
}

impl Event {
    /// The event of a `port_send`.
    #[must_use]
    pub const fn user(events: c_int, user: usize) -> Self {
        Self { source: sys::PORT_SOURCE_USER, object: 0, events, user }
    }

    /// The event of a descriptor.
    #[must_use]
    pub fn fd(fd: &impl AsRawFd, events: c_int, user: usize) -> Self {
        Self { source: sys::PORT_SOURCE_FD, object: object_of(fd), events, user }
    }

    /// What a retrieval in alert mode gives.
    #[must_use]
    pub const fn alert(events: c_int, user: usize) -> Self {
        Self { source: sys::PORT_SOURCE_ALERT, object: 0, events, user }
    }
}

impl From<sys::port_event_t> for Event {
    fn from(event: sys::port_event_t) -> Self {
        Self {
            source: c_int::from(event.portev_source),
            object: event.portev_object,
            events: event.portev_events,
            user: event.portev_user.addr(),
        }
    }
}

/// What a `port_getn` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// What it returned.
    pub result: Result<(), Errno>,
    /// The count it left in `*nget`.
    pub nget: c_uint,
    /// The entries it wrote, recognised by their source.
    pub events: Vec<Event>,
}

impl Got {
    /// A success with these events.
    #[must_use]
    pub fn ok(events: &[Event]) -> Self {
        Self::with(Ok(()), events)
    }

    /// A failure with an untouched list.
    #[must_use]
    pub const fn failed(errno: Errno, nget: c_uint) -> Self {
        Self { result: Err(errno), nget, events: Vec::new() }
    }

    /// An outcome whose count is that of the events.
    ///
    /// # Panics
    /// If there are more events than a count can say.
    #[must_use]
    pub fn with(result: Result<(), Errno>, events: &[Event]) -> Self {
        Self { result, nget: events.len().try_into().expect("few events"), events: events.to_vec() }
    }
}

/// The timeout that does not wait.
pub const POLL: Option<libc::timespec> = Some(timespec(0, 0));

/// A timeout of so many milliseconds.
#[must_use]
pub const fn ms(milliseconds: i64) -> Option<libc::timespec> {
    Some(timespec(milliseconds / 1000, milliseconds % 1000 * 1_000_000))
}

/// A timeout, valid or not.
#[must_use]
pub const fn timespec(seconds: i64, nanoseconds: i64) -> libc::timespec {
    libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}

fn cookie(user: usize) -> *mut c_void {
    ptr::without_provenance_mut(user)
}

fn object_of(fd: &impl AsRawFd) -> usize {
    // As a C program does: a negative number becomes a huge one.
    fd.as_raw_fd() as usize
}

/// `port_create`, which must succeed.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn port() -> OwnedFd {
    try_port().expect("port_create succeeds")
}

/// `port_create`.
///
/// # Errors
/// Its errno.
pub fn try_port() -> Result<OwnedFd, Errno> {
    // SAFETY: no arguments.
    let port = check(unsafe { sys::port_create() })?;
    // SAFETY: the call returned a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(port) })
}

/// `port_associate`.
///
/// # Errors
/// Its errno.
pub fn associate(port: &impl AsRawFd, source: c_int, object: usize, events: c_int, user: usize) -> Result<(), Errno> {
    // SAFETY: the callers pass descriptor numbers, or sources that are refused before the object is looked at.
    check(unsafe { sys::port_associate(port.as_raw_fd(), source, object, events, cookie(user)) }).map(drop)
}

/// `port_associate` of a descriptor.
///
/// # Errors
/// Its errno.
pub fn associate_fd(port: &impl AsRawFd, fd: &impl AsRawFd, events: c_int, user: usize) -> Result<(), Errno> {
    associate(port, sys::PORT_SOURCE_FD, object_of(fd), events, user)
}

/// `port_dissociate`.
///
/// # Errors
/// Its errno.
pub fn dissociate(port: &impl AsRawFd, source: c_int, object: usize) -> Result<(), Errno> {
    // SAFETY: the object is a number that is never dereferenced.
    check(unsafe { sys::port_dissociate(port.as_raw_fd(), source, object) }).map(drop)
}

/// `port_dissociate` of a descriptor.
///
/// # Errors
/// Its errno.
pub fn dissociate_fd(port: &impl AsRawFd, fd: &impl AsRawFd) -> Result<(), Errno> {
    dissociate(port, sys::PORT_SOURCE_FD, object_of(fd))
}

/// `port_send`.
///
/// # Errors
/// Its errno.
pub fn send(port: &impl AsRawFd, events: c_int, user: usize) -> Result<(), Errno> {
    // SAFETY: the cookie is a number that is never dereferenced.
    check(unsafe { sys::port_send(port.as_raw_fd(), events, cookie(user)) }).map(drop)
}

/// `port_sendn`: what it returned, and the errors it wrote (`-1` where it wrote none).
pub fn sendn(ports: &[c_int], events: c_int, user: usize) -> (Result<c_int, Errno>, Vec<c_int>) {
    let mut ports = ports.to_vec();
    let mut errors = vec![-1; ports.len()];
    let entries = ports.len().try_into().expect("few ports");
    // SAFETY: both arrays hold that many entries.
    let returned = unsafe { sys::port_sendn(ports.as_mut_ptr(), errors.as_mut_ptr(), entries, events, cookie(user)) };
    (check(returned), errors)
}

/// `port_get`: the event, or none if the call succeeded without writing one.
///
/// # Errors
/// Its errno.
pub fn get(port: &impl AsRawFd, mut timeout: Option<libc::timespec>) -> Result<Option<Event>, Errno> {
    let mut event = unwritten();
    // SAFETY: the pointers are valid or null.
    check(unsafe { sys::port_get(port.as_raw_fd(), &raw mut event, pointer_to(&mut timeout)) })?;
    Ok((event.portev_source != 0).then(|| event.into()))
}

/// `port_getn` into a list of `max` entries.
pub fn getn(port: &impl AsRawFd, max: c_uint, nget: c_uint, mut timeout: Option<libc::timespec>) -> Got {
    let mut list = vec![unwritten(); max as usize];
    let mut count = nget;
    let timeout = pointer_to(&mut timeout);
    // SAFETY: the list holds `max` entries; the other pointers are valid or null.
    let returned = unsafe { sys::port_getn(port.as_raw_fd(), list.as_mut_ptr(), max, &raw mut count, timeout) };
    let result = check(returned).map(drop);
    let written = list.into_iter().filter(|event| event.portev_source != 0).map(Event::from);
    Got { result, nget: count, events: written.collect() }
}

/// `port_alert`.
///
/// # Errors
/// Its errno.
pub fn alert(port: &impl AsRawFd, flags: c_int, events: c_int, user: usize) -> Result<(), Errno> {
    // SAFETY: the cookie is a number that is never dereferenced.
    check(unsafe { sys::port_alert(port.as_raw_fd(), flags, events, cookie(user)) }).map(drop)
}

/// How many events are queued: the count query of `port_getn`.
///
/// # Panics
/// If it fails.
#[must_use]
pub fn pending(port: &impl AsRawFd) -> c_uint {
    let got = getn(port, 0, 0, POLL);
    assert_eq!(got.result, Ok(()), "the count query succeeds");
    got.nget
}

/// Takes every event there is, without waiting.
///
/// # Panics
/// If that fails, or if there are more than 64.
pub fn drain(port: &impl AsRawFd) -> Vec<Event> {
    let got = getn(port, 64, 1, POLL);
    assert_eq!(got.result, Ok(()), "a zero timeout is never an error");
    assert_eq!(got.nget as usize, got.events.len(), "the count is that of the entries written");
    assert!(got.events.len() < 64, "more events than this expects");
    got.events
}

/// Where an event waits. On illumos there is one queue; on Linux an event may still be in the kernel, or already in the
/// port's own queue, and every rule must hold in both places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing has been done since it fired.
    InKernel,
    /// A count query has looked at it.
    InQueue,
}

impl Pending {
    /// Both places.
    pub const BOTH: [Self; 2] = [Self::InKernel, Self::InQueue];

    /// Puts what has fired in this place. Prints it, so that a failure tells.
    ///
    /// # Panics
    /// If the count query fails.
    pub fn place(self, port: &impl AsRawFd) {
        if self == Self::InQueue {
            let _ = pending(port);
        }
        println!("events pending: {self:?}");
    }
}

/// Closes a port in the way in which everything it holds is freed at once: by `close(2)`, and on Linux by the call that
/// stands for it.
///
/// # Panics
/// If it fails.
pub fn close_port(port: OwnedFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: the number was owned and no one uses it after this.
    let closed = check(unsafe { sys::linux::port_linux_close(port.into_raw_fd()) });
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the number was owned and no one uses it after this.
    let closed = check(unsafe { libc::close(port.into_raw_fd()) });
    assert_eq!(closed.map(drop), Ok(()), "the port closes");
}

/// Lets an implementation free what it keeps for ports that are closed, so that open descriptors can be counted.
pub(crate) fn settle() {
    close_port(port());
}

fn pointer_to(timeout: &mut Option<libc::timespec>) -> *mut libc::timespec {
    timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut)
}

fn unwritten() -> sys::port_event_t {
    sys::port_event_t {
        portev_events: -1,
        portev_source: 0,
        portev_pad: 0,
        portev_object: usize::MAX,
        portev_user: ptr::null_mut(),
    }
}
