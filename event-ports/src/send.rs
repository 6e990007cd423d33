//! Events sent by the program itself.

use crate::{EventPort, SendError, sys};
use std::io;
use std::ptr;

/// How many ports the kernel takes in one call (SENDN-5).
const MOST: usize = 8192;

impl EventPort {
    /// `port_send`: queues an event of source [`User`](crate::EventSource::User) with the given `events` and `user`.
    ///
    /// Both may be anything. Never blocks. The system call is async-signal-safe; to send from a signal handler see
    /// [`Waker`](crate::Waker).
    ///
    /// # Errors
    /// The port is full ([`SendError::is_limit`]).
    ///
    /// See [port_send(3C)](https://illumos.org/man/3C/port_send).
    ///
    /// ```
    /// use event_ports::{EventPort, EventSource};
    ///
    /// let port = EventPort::new()?;
    /// port.send(-1, usize::MAX)?;
    /// let event = port.get(None)?;
    /// assert_eq!((event.source, event.events, event.user), (EventSource::User, -1, usize::MAX));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_send")]
    #[inline]
    pub fn send(&self, events: i32, user: usize) -> Result<(), SendError> {
        // SAFETY: the cookie is never dereferenced.
        let result = unsafe { sys::port_send(self.fd(), events, ptr::without_provenance_mut(user)) };
        if result == 0 { Ok(()) } else { Err(send_error(events, user)) }
    }

    /// `port_sendn`: sends the same event to several ports, and tells for each whether it arrived.
    ///
    /// The results are in the order of the ports. A port that occurs twice gets the event twice.
    ///
    /// See [port_send(3C)](https://illumos.org/man/3C/port_send).
    ///
    /// ```
    /// use event_ports::EventPort;
    ///
    /// let ports = [EventPort::new()?, EventPort::new()?];
    /// for result in EventPort::send_n(&ports, 1, 7) {
    ///     result?;
    /// }
    /// for port in &ports {
    ///     assert_eq!(port.get(None)?.user, 7);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_sendn")]
    #[must_use = "an event may have reached some of the ports and not others"]
    pub fn send_n<'a>(
        ports: impl IntoIterator<Item = &'a Self>,
        events: i32,
        user: usize,
    ) -> Vec<Result<(), SendError>> {
        let mut fds: Vec<_> = ports.into_iter().map(Self::fd).collect();
        let mut errors = vec![0; fds.len()];
        // In pieces the kernel takes at once: of a longer list that fails in the middle it would not say which part
        // was sent (SENDN-5).
        for (fds, errors) in fds.chunks_mut(MOST).zip(errors.chunks_mut(MOST)) {
            // SAFETY: both arrays have as many entries as the call is told (the chunks are no longer than `MOST`), and
            // the cookie is never dereferenced.
            let sent = unsafe {
                sys::port_sendn(
                    fds.as_mut_ptr(),
                    errors.as_mut_ptr(),
                    fds.len() as _,
                    events,
                    ptr::without_provenance_mut(user),
                )
            };
            if sent < 0 {
                // Nothing of this piece was sent (SENDN-4: our arrays can be read and written).
                let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
                errors.fill(errno);
            }
        }
        // Entries the kernel did not write are still zero, which is what it means by success (SENDN-2).
        errors
            .into_iter()
            .map(|errno| match errno {
                0 => Ok(()),
                errno => Err(SendError { events, user, source: io::Error::from_raw_os_error(errno) }),
            })
            .collect()
    }
}

#[cold]
fn send_error(events: i32, user: usize) -> SendError {
    SendError { events, user, source: io::Error::last_os_error() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendn_6_a_list_of_many_pieces_reaches_every_port_as_often_as_it_is_named() {
        let ports = [EventPort::new().unwrap(), EventPort::new().unwrap()];
        let results = EventPort::send_n((0..2 * MOST + 3).map(|index| &ports[index % 2]), 1, 2);
        assert_eq!(results.len(), 2 * MOST + 3);
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(ports[0].pending().unwrap(), MOST + 2);
        assert_eq!(ports[1].pending().unwrap(), MOST + 1);
        assert!(EventPort::send_n([], 1, 2).is_empty());
    }

    #[test]
    fn sendn_2_each_port_has_its_own_result() {
        let ports = [EventPort::new().unwrap(), EventPort::new().unwrap()];
        while ports[1].send(0, 0).is_ok() {}
        let results = EventPort::send_n(&ports, 5, 6);
        assert!(results[0].is_ok());
        let error = results[1].as_ref().unwrap_err();
        assert!(error.is_limit());
        assert_eq!((error.events, error.user), (5, 6));
        assert_eq!(ports[0].get(None).unwrap().events, 5);
    }
}
