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

/// What names an open descriptor: [`EventPort::associate_fd`] and [`EventPort::dissociate_fd`] take it.
///
/// That is everything which implements [`AsRawFd`], a bare number included, and every reference to such a thing, so that
/// `&socket` is enough to lend a socket. The parameter tells the two ways apart. The compiler finds it, and there is no
/// reason to write it, nor to implement this trait.
///
/// ```
/// use event_ports::{Descriptor, EventPort, PollEvents};
/// use std::os::fd::{AsFd, AsRawFd};
/// use std::os::unix::net::UnixStream;
/// use std::sync::Arc;
///
/// let port = EventPort::new()?;
/// let (socket, other_end) = UnixStream::pair()?;
/// port.associate_fd(&socket, PollEvents::IN, 0)?;
/// port.associate_fd(socket.as_fd(), PollEvents::IN, 0)?;
/// port.associate_fd(socket.as_raw_fd(), PollEvents::IN, 0)?;
/// port.associate_fd(Arc::new(other_end), PollEvents::IN, 0)?;
/// port.associate_fd(std::io::stdin(), PollEvents::IN, 0)?;
///
/// fn listen<How>(port: &EventPort, fd: impl Descriptor<How>) -> bool {
///     port.associate_fd(fd, PollEvents::IN, 0).is_ok()
/// }
/// assert!(listen(&port, &socket));
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a descriptor",
    note = "pass something that implements `AsRawFd`, a reference to it, or a descriptor's number"
)]
pub trait Descriptor<How> {
    /// Its number.
    fn number(&self) -> RawFd;
}

/// How a thing names a descriptor. The compiler wants two traits rather than one, since the standard library might
/// implement [`AsRawFd`] for references some day. Then the second one has to go, which nobody would notice.
mod how {
    /// By itself.
    #[derive(Debug, Clone, Copy)]
    pub enum Itself {}

    /// By what it refers to.
    #[derive(Debug, Clone, Copy)]
    pub enum Referent {}
}

impl<T: AsRawFd> Descriptor<how::Itself> for T {
    #[inline]
    fn number(&self) -> RawFd {
        self.as_raw_fd()
    }
}

impl<T: AsRawFd + ?Sized> Descriptor<how::Referent> for &T {
    #[inline]
    fn number(&self) -> RawFd {
        (**self).as_raw_fd()
    }
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
    /// The descriptor is only named, not kept: lend it, `&socket` or `socket.as_fd()`, or pass its number,
    /// `socket.as_raw_fd()`. To pass a socket itself gives it away, and so closes it. To close a descriptor while it is
    /// associated is safe; merely, nothing is heard of it any more.
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
    /// use std::io::{Read, Write};
    /// use std::os::fd::AsRawFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let port = EventPort::new()?;
    /// let (mut socket, mut other_end) = UnixStream::pair()?;
    /// port.associate_fd(&socket, PollEvents::IN, 42)?;
    ///
    /// other_end.write_all(b"one")?;
    /// let event = port.get(None)?;
    /// assert_eq!((event.object, event.user), (socket.as_raw_fd() as usize, 42));
    /// socket.read(&mut [0; 8])?;
    ///
    /// port.associate_fd(&socket, PollEvents::IN, 42)?; // armed again
    /// other_end.write_all(b"two")?;
    /// assert_eq!(port.get(None)?.poll_events(), Some(PollEvents::IN));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_associate")]
    #[inline]
    pub fn associate_fd<How>(
        &self,
        fd: impl Descriptor<How>,
        events: PollEvents,
        user: usize,
    ) -> Result<(), AssociateFdError> {
        let fd = fd.number();
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
    /// use std::os::unix::net::UnixStream;
    ///
    /// let port = EventPort::new()?;
    /// let (socket, _other_end) = UnixStream::pair()?;
    /// port.associate_fd(&socket, PollEvents::IN, 0)?;
    /// assert_eq!(port.dissociate_fd(&socket)?, Dissociated::Removed);
    /// assert_eq!(port.dissociate_fd(&socket)?, Dissociated::NotAssociated);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_dissociate")]
    pub fn dissociate_fd<How>(&self, fd: impl Descriptor<How>) -> Result<Dissociated, DissociateFdError> {
        let fd = fd.number();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::stdin;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;

    #[test]
    fn a_descriptor_may_be_named_in_any_way() {
        fn number<How>(fd: impl Descriptor<How>) -> RawFd {
            fd.number()
        }
        fn of_generic<T: AsRawFd>(fd: T) -> [RawFd; 2] {
            [number(&fd), number(fd)]
        }
        let (socket, _other_end) = UnixStream::pair().unwrap();
        let fd = socket.as_raw_fd();
        assert_eq!(number(&socket), fd);
        assert_eq!(number(socket.as_fd()), fd);
        assert_eq!(number(&socket.as_fd()), fd);
        assert_eq!(number(fd), fd);
        assert_eq!(number(&socket as &dyn AsRawFd), fd);
        assert_eq!(of_generic(socket.as_fd()), [fd; 2]);
        let shared = Rc::new(socket);
        assert_eq!(number(&shared), fd);
        assert_eq!(number(&*shared), fd);
        assert_eq!(number(shared), fd);
        assert_eq!(number(stdin()), number(0));
        assert_eq!(number(stdin().lock()), number(&0));
        assert_eq!(number(-1), -1);
    }
}
