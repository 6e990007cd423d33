//! The port itself: its descriptor, and what lives as long as it.

use crate::aio::Requests;
use crate::file::Watches;
use crate::mq::Queues;
use crate::timer::Timers;
use crate::{PortCreateError, sys};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

/// An event port: one kernel queue that delivers events of many kinds.
///
/// A clone is another handle of the same port, and the port is closed when the last one goes. Handles may be used from
/// any number of threads at once; each event goes to exactly one of those that wait.
///
/// # The descriptor
/// It has close-on-exec set, and it is never duplicated, because a port does not survive that: closing *any* duplicate
/// ends every association the process made (CLOSE-2), and an association that comes first on a duplicate may fail
/// (PORT-10). [`AsFd`] and [`AsRawFd`] lend the number, to poll the port or to put it into another port. Do not call
/// [`try_clone_to_owned`](BorrowedFd::try_clone_to_owned) on what they lend.
///
/// ```
/// use event_ports::EventPort;
///
/// let port = EventPort::new()?;
/// let other = port.clone();
/// std::thread::spawn(move || other.send(1, 0)).join().unwrap()?;
/// assert_eq!(port.get(None)?.events, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[doc(alias = "port_create")]
pub struct EventPort {
    pub(crate) shared: Arc<Shared>,
}

/// What the handles of a port share, and what must not go before the port is closed.
pub(crate) struct Shared {
    // Closed first: fields are dropped in order, and once the port is closed nothing in the kernel names the watches.
    fd: PortFd,
    pub(crate) watches: Watches,
    pub(crate) timers: Timers,
    pub(crate) queues: Queues,
    pub(crate) requests: Requests,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // While the port is open, since what waits for it are events.
        self.requests.end(self);
    }
}

impl Shared {
    #[inline]
    pub(crate) fn fd(&self) -> RawFd {
        self.fd.0
    }
}

/// The port's descriptor, closed when dropped.
struct PortFd(RawFd);

impl Drop for PortFd {
    fn drop(&mut self) {
        // Nothing can be done about a port that does not close, and nothing is lost by it: it holds no data.
        // SAFETY: the number came from `port_create`, this value alone owns it, and nothing uses it after the drop.
        unsafe {
            #[cfg(target_os = "linux")]
            crate::linux::close(self.0);
            #[cfg(not(target_os = "linux"))]
            libc::close(self.0);
        }
    }
}

impl EventPort {
    /// `port_create`: makes a port, with close-on-exec set.
    ///
    /// # Errors
    /// Too many ports, or too many descriptors ([`PortCreateError::is_limit`]).
    ///
    /// See [port_create(3C)](https://illumos.org/man/3C/port_create).
    ///
    /// ```
    /// let port = event_ports::EventPort::new()?;
    /// assert_eq!(port.pending()?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_create")]
    pub fn new() -> Result<Self, PortCreateError> {
        // SAFETY: the call takes nothing.
        let fd = unsafe { sys::port_create() };
        if fd < 0 {
            return Err(PortCreateError { source: io::Error::last_os_error() });
        }
        // From here on the descriptor is owned, so an error below closes it.
        let fd = PortFd(fd);
        // There is no way to ask for it at creation (CREATE-2).
        // SAFETY: the call takes no pointer.
        if unsafe { libc::fcntl(fd.0, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
            return Err(PortCreateError { source: io::Error::last_os_error() });
        }
        #[cfg(target_os = "linux")]
        crate::linux::trust_number(fd.0).map_err(|source| PortCreateError { source })?;
        Ok(Self {
            shared: Arc::new(Shared {
                fd,
                watches: Watches::default(),
                timers: Timers::default(),
                queues: Queues::default(),
                requests: Requests::default(),
            }),
        })
    }

    #[inline]
    pub(crate) fn fd(&self) -> RawFd {
        self.shared.fd()
    }
}

impl AsRawFd for EventPort {
    /// The port's number, which stays the port's own. See the warning at [`EventPort`].
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
    }
}

impl AsFd for EventPort {
    /// The port's descriptor, which stays the port's own. See the warning at [`EventPort`].
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as a handle lives, and the result cannot outlive this one.
        unsafe { BorrowedFd::borrow_raw(self.fd()) }
    }
}

/// Two handles are equal if they are of the same port.
impl PartialEq for EventPort {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for EventPort {}

impl fmt::Debug for EventPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPort").field("fd", &self.fd()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dissociated, PollEvents};

    #[test]
    fn s5_close_on_exec_is_set() {
        let port = EventPort::new().unwrap();
        // SAFETY: the call takes no pointer.
        let flags = unsafe { libc::fcntl(port.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }

    #[test]
    fn s5_the_last_handle_closes_the_port() {
        let watcher = EventPort::new().unwrap();
        let port = EventPort::new().unwrap();
        let other = port.clone();
        assert_eq!(port, other);
        assert_ne!(port, watcher);
        let fd = port.as_raw_fd();
        watcher.associate_fd(fd, PollEvents::IN, 0).unwrap();
        drop(port);
        other.send(1, 0).unwrap();
        assert_eq!(watcher.get(None).unwrap().object, fd as usize);
        watcher.associate_fd(fd, PollEvents::PRI, 0).unwrap();
        drop(other);
        // Were it open, the association would be there to remove. The number may be in use again.
        match watcher.dissociate_fd(fd) {
            Ok(dissociated) => assert_eq!(dissociated, Dissociated::NotAssociated),
            Err(error) => assert!(error.is_closed()),
        }
    }

    #[test]
    fn port_8_a_port_in_a_port() {
        let outer = EventPort::new().unwrap();
        let inner = EventPort::new().unwrap();
        outer.associate_fd(inner.as_fd(), PollEvents::IN, 4).unwrap();
        inner.send(1, 0).unwrap();
        let event = outer.get(None).unwrap();
        assert_eq!((event.poll_events(), event.user), (Some(PollEvents::IN), 4));
        assert_eq!(event.object, inner.as_raw_fd() as usize);
    }
}
