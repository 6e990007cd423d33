//! How many events are queued.

use crate::{EventPort, PendingError, sys};
use libc::c_uint;
use std::io;
use std::ptr;

impl EventPort {
    /// `port_getn` with room for nothing: how many events are queued.
    ///
    /// **A hint**: another thread may take them a moment later, and the number includes events that this process cannot
    /// retrieve, like those of files another process watches. Use it for statistics, not to decide whether to wait.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_getn(3C)](https://illumos.org/man/3C/port_getn).
    ///
    /// ```
    /// let port = event_ports::EventPort::new()?;
    /// port.send(1, 0)?;
    /// port.send(1, 0)?;
    /// assert_eq!(port.pending()?, 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_getn")]
    pub fn pending(&self) -> Result<usize, PendingError> {
        let mut count: c_uint = 0;
        // SAFETY: with room for no event the list is not looked at (GETN-3), and `count` is valid for the call.
        let result = unsafe { sys::port_getn(self.fd(), ptr::null_mut(), 0, &raw mut count, ptr::null_mut()) };
        if result == 0 { Ok(count as usize) } else { Err(PendingError { source: io::Error::last_os_error() }) }
    }
}
