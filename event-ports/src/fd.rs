//! Descriptors as a source of events.

use crate::{AssociateFdError, DissociateFdError, Dissociated, EventPort, PollEvents, sys};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

/// The object by which the kernel knows a descriptor. A negative number becomes one it refuses (FD-1).
#[inline]
fn object(fd: RawFd) -> usize {
    fd as usize
}

impl EventPort {
    /// `port_associate` with `PORT_SOURCE_FD`: asks for one event when the descriptor is ready.
    ///
    /// The event carries those of `events` that came true, and `user`. It comes at once if the descriptor is ready
    /// already.
    ///
    /// **One-shot**: an association is spent by its event, for reading and writing alike. To hear again, associate
    /// again. Associating a descriptor that still is associated replaces its events and cookie, takes back an event of
    /// it that was not yet retrieved, and looks at its readiness anew.
    ///
    /// An event is a hint: by the time it is handled the descriptor may not be ready any more, so make it non-blocking.
    /// Closing the descriptor ends the association and discards its event; an event already retrieved may then name a
    /// number that has been reused.
    ///
    /// The descriptor is only named, not kept: pass its number, `socket.as_raw_fd()`, or lend it, `socket.as_fd()`. To
    /// pass a socket itself gives it away, and so closes it. To close a descriptor while it is associated is safe;
    /// merely, nothing is heard of it any more.
    ///
    /// # Errors
    /// The descriptor is not open ([`AssociateFdError::is_closed`]), or the port is full
    /// ([`AssociateFdError::is_limit`]). An association is counted until the descriptor is dissociated or closed, even
    /// when it is spent.
    ///
    /// See [port_associate(3C)](https://illumos.org/man/3C/port_associate).
    ///
    /// ```
    /// use event_ports::{EventPort, PollEvents};
    /// use std::io::{Read, Write, pipe};
    /// use std::os::fd::AsRawFd;
    ///
    /// let port = EventPort::new()?;
    /// let (mut reader, mut writer) = pipe()?;
    /// port.associate_fd(reader.as_raw_fd(), PollEvents::IN, 42)?;
    ///
    /// writer.write_all(b"one")?;
    /// let event = port.get(None)?;
    /// assert_eq!((event.object, event.user), (reader.as_raw_fd() as usize, 42));
    /// reader.read(&mut [0; 8])?;
    ///
    /// port.associate_fd(reader.as_raw_fd(), PollEvents::IN, 42)?; // armed again
    /// writer.write_all(b"two")?;
    /// assert_eq!(port.get(None)?.poll_events(), Some(PollEvents::IN));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_associate")]
    #[inline]
    pub fn associate_fd(&self, fd: impl AsRawFd, events: PollEvents, user: usize) -> Result<(), AssociateFdError> {
        let fd = fd.as_raw_fd();
        // SAFETY: for this source the object is a number, and the cookie is never dereferenced.
        let result = unsafe {
            sys::port_associate(
                self.fd(),
                sys::PORT_SOURCE_FD,
                object(fd),
                events.bits(),
                ptr::without_provenance_mut(user),
            )
        };
        if result == 0 { Ok(()) } else { Err(associate_error(fd)) }
    }

    /// `port_dissociate` with `PORT_SOURCE_FD`: ends the association of a descriptor.
    ///
    /// [`Dissociated::Removed`] means that no event of it will come: one that was queued is taken back.
    /// [`Dissociated::NotAssociated`] means that there was none, or that it is spent: its event was retrieved, perhaps
    /// by another thread a moment ago. Either way the association no longer counts against the port's limit.
    ///
    /// # Errors
    /// The descriptor is not open, which also ended its association ([`DissociateFdError::is_closed`]), or the
    /// association was made by another process ([`DissociateFdError::is_not_owner`]).
    ///
    /// See [port_dissociate(3C)](https://illumos.org/man/3C/port_dissociate).
    ///
    /// ```
    /// use event_ports::{Dissociated, EventPort, PollEvents};
    /// use std::io::pipe;
    /// use std::os::fd::AsRawFd;
    ///
    /// let port = EventPort::new()?;
    /// let (reader, _writer) = pipe()?;
    /// port.associate_fd(reader.as_raw_fd(), PollEvents::IN, 0)?;
    /// assert_eq!(port.dissociate_fd(reader.as_raw_fd())?, Dissociated::Removed);
    /// assert_eq!(port.dissociate_fd(reader.as_raw_fd())?, Dissociated::NotAssociated);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_dissociate")]
    pub fn dissociate_fd(&self, fd: impl AsRawFd) -> Result<Dissociated, DissociateFdError> {
        let fd = fd.as_raw_fd();
        // SAFETY: for this source the object is a number.
        if unsafe { sys::port_dissociate(self.fd(), sys::PORT_SOURCE_FD, object(fd)) } == 0 {
            return Ok(Dissociated::Removed);
        }
        let source = io::Error::last_os_error();
        match source.raw_os_error() {
            Some(libc::ENOENT) => Ok(Dissociated::NotAssociated),
            _ => Err(DissociateFdError { fd, source }),
        }
    }
}

#[cold]
fn associate_error(fd: RawFd) -> AssociateFdError {
    AssociateFdError { fd, source: io::Error::last_os_error() }
}
