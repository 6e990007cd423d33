//! Alert mode: the one way to reach every thread that waits on a port.

use crate::{AlertError, EventPort, sys};
use libc::c_int;
use std::io;
use std::num::NonZeroI32;
use std::ptr;

/// A port in alert mode; leaves it when dropped.
///
/// Forgetting the guard leaves the port in alert mode, which [`EventPort::leave_alert`] ends.
///
/// It does not outlive the handle it was made from:
///
/// ```compile_fail,E0505
/// let port = event_ports::EventPort::new().unwrap();
/// let guard = port.alert(std::num::NonZeroI32::MAX, 0).unwrap();
/// drop(port);
/// guard.leave().unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the port leaves alert mode when the guard is dropped"]
pub struct AlertGuard<'a> {
    port: &'a EventPort,
}

/// What [`EventPort::try_alert`] found.
#[derive(Debug)]
pub enum AlertOutcome<'a> {
    /// The port was not in alert mode and is now, until the guard is dropped.
    Entered(AlertGuard<'a>),
    /// The port is in alert mode already, with what was given then (`EBUSY`).
    AlreadyAlerted,
}

impl EventPort {
    /// `port_alert` with `PORT_ALERT_SET`: puts the port into alert mode until the guard is dropped.
    ///
    /// Alert mode is a state, not an event. Each thread that waits wakes up, and every retrieval, in any thread,
    /// returns one event of source [`Alert`](crate::EventSource::Alert) with the given `events` and `user`, as often as
    /// it is asked. Other events stay queued and come when the mode is left. A loop that ignores the event spins.
    ///
    /// In alert mode already, `events` and `user` are replaced, and whichever guard is dropped first ends the mode.
    ///
    /// It takes no room in the port and cannot fail for want of it.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_alert(3C)](https://illumos.org/man/3C/port_alert).
    ///
    /// ```
    /// use event_ports::{EventPort, EventSource};
    /// use std::num::NonZeroI32;
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// port.send(1, 1)?;
    /// let alert = port.alert(NonZeroI32::new(9).unwrap(), 3)?;
    /// for _ in 0..2 {
    ///     let event = port.get(None)?;
    ///     assert_eq!((event.source, event.events, event.user), (EventSource::Alert, 9, 3));
    /// }
    /// drop(alert);
    /// assert_eq!(port.get(None)?.source, EventSource::User);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// An alert without events would *leave* the mode, so it cannot be written:
    ///
    /// ```compile_fail,E0308
    /// # let port = event_ports::EventPort::new().unwrap();
    /// let alert = port.alert(0, 3);
    /// ```
    #[doc(alias = "port_alert")]
    pub fn alert(&self, events: NonZeroI32, user: usize) -> Result<AlertGuard<'_>, AlertError> {
        self.port_alert(sys::PORT_ALERT_SET, events.get(), user)?;
        Ok(AlertGuard { port: self })
    }

    /// `port_alert` with `PORT_ALERT_UPDATE`: puts the port into alert mode unless it is in it.
    ///
    /// Of several threads that try at once one enters. See [`alert`](Self::alert) for what the mode means.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_alert(3C)](https://illumos.org/man/3C/port_alert).
    ///
    /// ```
    /// use event_ports::{AlertOutcome, EventPort};
    /// use std::num::NonZeroI32;
    ///
    /// let port = EventPort::new()?;
    /// let one = NonZeroI32::new(1).unwrap();
    /// let AlertOutcome::Entered(_guard) = port.try_alert(one, 0)? else { panic!("it was not in alert mode") };
    /// assert!(matches!(port.try_alert(one, 0)?, AlertOutcome::AlreadyAlerted));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_alert")]
    pub fn try_alert(&self, events: NonZeroI32, user: usize) -> Result<AlertOutcome<'_>, AlertError> {
        match self.port_alert(sys::PORT_ALERT_UPDATE, events.get(), user) {
            Ok(()) => Ok(AlertOutcome::Entered(AlertGuard { port: self })),
            Err(error) if error.source.raw_os_error() == Some(libc::EBUSY) => Ok(AlertOutcome::AlreadyAlerted),
            Err(error) => Err(error),
        }
    }

    /// `port_alert` without events: leaves alert mode, whoever entered it. Does nothing otherwise.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_alert(3C)](https://illumos.org/man/3C/port_alert).
    ///
    /// ```
    /// use event_ports::EventPort;
    /// use std::num::NonZeroI32;
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// std::mem::forget(port.alert(NonZeroI32::MIN, 0)?);
    /// port.leave_alert()?;
    /// assert!(port.get(Some(Duration::ZERO)).is_err_and(|error| error.is_timeout()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_alert")]
    pub fn leave_alert(&self) -> Result<(), AlertError> {
        self.port_alert(sys::PORT_ALERT_SET, 0, 0)
    }

    fn port_alert(&self, flags: c_int, events: i32, user: usize) -> Result<(), AlertError> {
        // SAFETY: the cookie is never dereferenced.
        let result = unsafe { sys::port_alert(self.fd(), flags, events, ptr::without_provenance_mut(user)) };
        if result == 0 { Ok(()) } else { Err(AlertError { events, user, source: io::Error::last_os_error() }) }
    }
}

impl AlertGuard<'_> {
    /// Leaves alert mode and tells whether that worked, which dropping cannot.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    pub fn leave(self) -> Result<(), AlertError> {
        let port = self.port;
        std::mem::forget(self);
        port.leave_alert()
    }
}

impl Drop for AlertGuard<'_> {
    fn drop(&mut self) {
        // A drop cannot report; `leave` can.
        let _ = self.port.leave_alert();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventSource;
    use std::thread;
    use std::time::Duration;

    const MAX: NonZeroI32 = NonZeroI32::MAX;

    #[test]
    fn v_15_v_16_alert_mode_repeats_and_hides_until_the_guard_goes() {
        let port = EventPort::new().unwrap();
        port.send(1, 5).unwrap();
        let guard = port.alert(MAX, 3).unwrap();
        for _ in 0..3 {
            let event = port.get(Some(Duration::ZERO)).unwrap();
            assert_eq!((event.source, event.events, event.user), (EventSource::Alert, MAX.get(), 3));
        }
        guard.leave().unwrap();
        assert_eq!(port.get(Some(Duration::ZERO)).unwrap().user, 5);
        assert!(port.get(Some(Duration::ZERO)).unwrap_err().is_timeout());
    }

    #[test]
    fn v_17_one_of_those_who_try_enters() {
        let port = EventPort::new().unwrap();
        let first = port.try_alert(MAX, 1).unwrap();
        assert!(matches!(first, AlertOutcome::Entered(_)));
        assert!(matches!(port.try_alert(MAX, 2).unwrap(), AlertOutcome::AlreadyAlerted));
        assert_eq!(port.get(None).unwrap().user, 1);
        drop(first);
        assert!(matches!(port.try_alert(MAX, 3).unwrap(), AlertOutcome::Entered(_)));
    }

    #[test]
    fn alert_5_every_thread_that_waits_hears_it() {
        let port = EventPort::new().unwrap();
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| port.get(None).unwrap().source)).collect();
            // Those that have not come to wait yet hear it, too.
            let guard = port.alert(MAX, 0).unwrap();
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), EventSource::Alert);
            }
            drop(guard);
        });
    }
}
