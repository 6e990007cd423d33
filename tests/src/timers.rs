//! Timers with `SIGEV_PORT`.

use crate::errno::{Errno, check};
use crate::raw::Event;
use event_ports_sys as sys;
use libc::{c_int, timespec};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

/// A timer, deleted when dropped.
#[derive(Debug)]
pub struct Timer(Option<Id>);

/// The id of a timer, which may have been deleted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(sys::timer_t);

/// What `timer_settime` sets, or `timer_gettime` gets: the time to the next expiration and the one between two.
pub type Setting = (Duration, Duration);

impl Timer {
    /// A disarmed timer on the monotonic clock.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn new(port: &impl AsRawFd, user: usize) -> Self {
        Self::on(sys::CLOCK_MONOTONIC, port, user).expect("timer_create succeeds")
    }

    /// `timer_create` with `SIGEV_PORT`.
    ///
    /// # Errors
    /// Its errno.
    pub fn on(clock: sys::clockid_t, port: &impl AsRawFd, user: usize) -> Result<Self, Errno> {
        // Both are read during the call only (TIMER-1), and then are gone.
        let user = ptr::without_provenance_mut(user);
        let mut notify = Box::new(sys::port_notify { portnfy_port: port.as_raw_fd(), portnfy_user: user });
        let mut event = Box::new(sigevent(&raw mut *notify));
        let timer = Self::create(clock, &mut event);
        notify.portnfy_port = -1;
        event.sigev_notify = -1;
        timer
    }

    /// `timer_create`.
    ///
    /// # Errors
    /// Its errno.
    pub fn create(clock: sys::clockid_t, event: &mut sys::sigevent) -> Result<Self, Errno> {
        // SAFETY: all zeros is a valid id, be it a number or a pointer.
        let mut id = unsafe { std::mem::zeroed() };
        // SAFETY: the pointers are valid, and tests give events that are complete.
        check(unsafe { sys::timer_create(clock, event, &raw mut id) })?;
        Ok(Self(Some(Id(id))))
    }

    /// The timer's id.
    ///
    /// # Panics
    /// Never: the id goes with the timer.
    #[must_use]
    pub fn id(&self) -> Id {
        self.0.expect("the timer lives")
    }

    /// The event of so many expirations.
    #[must_use]
    pub fn event(&self, expirations: c_int, user: usize) -> Event {
        Event { source: sys::PORT_SOURCE_TIMER, object: object_of(self.id()), events: expirations, user }
    }

    /// Arms the timer relative to now. An interval of zero is none; so is a first time of zero, which disarms.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn set(&self, first: Duration, interval: Duration) -> Setting {
        settime(self.id(), 0, to_timespec(first), to_timespec(interval)).expect("timer_settime succeeds")
    }

    /// Arms the timer for a time of its clock.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn set_absolute(&self, first: Duration, interval: Duration) -> Setting {
        settime(self.id(), sys::TIMER_ABSTIME, to_timespec(first), to_timespec(interval))
            .expect("timer_settime succeeds")
    }

    /// `timer_gettime`.
    ///
    /// # Panics
    /// If the system refuses it.
    #[must_use]
    pub fn setting(&self) -> Setting {
        gettime(self.id()).expect("timer_gettime succeeds")
    }

    /// `timer_delete`.
    ///
    /// # Panics
    /// If the system refuses it.
    pub fn delete(mut self) {
        delete(self.0.take().expect("the timer lives")).expect("timer_delete succeeds");
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            delete(id).expect("timer_delete succeeds");
        }
    }
}

/// A `sigevent` for a port.
#[must_use]
pub fn sigevent(notify: *mut sys::port_notify) -> sys::sigevent {
    // SAFETY: all zeros is a valid sigevent.
    let mut event: sys::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = sys::SIGEV_PORT;
    event.sigev_value.sival_ptr = notify.cast();
    event
}

/// `timer_settime`: what was set before.
///
/// # Errors
/// Its errno.
pub fn settime(id: Id, flags: c_int, first: timespec, interval: timespec) -> Result<Setting, Errno> {
    let new = sys::itimerspec { it_value: first, it_interval: interval };
    let mut old = new;
    // SAFETY: the pointers are valid; tests give ids that were timers at some time.
    check(unsafe { sys::timer_settime(id.0, flags, &raw const new, &raw mut old) })?;
    Ok(from_itimerspec(&old))
}

/// `timer_gettime`.
///
/// # Errors
/// Its errno.
pub fn gettime(id: Id) -> Result<Setting, Errno> {
    let zero = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut setting = sys::itimerspec { it_value: zero, it_interval: zero };
    // SAFETY: the pointer is valid; tests give ids that were timers at some time.
    check(unsafe { sys::timer_gettime(id.0, &raw mut setting) })?;
    Ok(from_itimerspec(&setting))
}

/// `timer_getoverrun`.
///
/// # Errors
/// Its errno.
pub fn getoverrun(id: Id) -> Result<c_int, Errno> {
    // SAFETY: tests give ids that were timers at some time.
    check(unsafe { sys::timer_getoverrun(id.0) })
}

/// `timer_delete`.
///
/// # Errors
/// Its errno.
pub fn delete(id: Id) -> Result<(), Errno> {
    // SAFETY: tests give ids that were timers at some time.
    check(unsafe { sys::timer_delete(id.0) }).map(drop)
}

/// What a clock shows.
#[must_use]
pub fn clock(clock: sys::clockid_t) -> Duration {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut now) }, 0, "the clock exists");
    from_timespec(&now)
}

/// Sleeps until a clock shows a time.
pub fn sleep_until(id: sys::clockid_t, time: Duration) {
    while let Some(left) = time.checked_sub(clock(id)).filter(|left| !left.is_zero()) {
        std::thread::sleep(left);
    }
}

/// The `portev_object` of a timer.
#[cfg(target_os = "linux")]
#[must_use]
pub fn object_of(id: Id) -> usize {
    id.0.addr()
}

/// The `portev_object` of a timer.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn object_of(id: Id) -> usize {
    id.0 as usize
}

fn to_timespec(time: Duration) -> timespec {
    timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos().into() }
}

fn from_timespec(time: &timespec) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn from_itimerspec(setting: &sys::itimerspec) -> Setting {
    (from_timespec(&setting.it_value), from_timespec(&setting.it_interval))
}
