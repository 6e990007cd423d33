//! Many descriptors that are never ready.

use crate::descriptors::pipe;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Descriptors of one pipe with nothing in it.
pub(crate) struct Idle {
    pub(crate) fds: Vec<OwnedFd>,
    _writer: OwnedFd,
}

impl Idle {
    /// As many as there may be, up to `most`.
    pub(crate) fn new(most: usize) -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        let mut fds = Vec::with_capacity(most);
        while fds.len() < most {
            match reader.as_fd().try_clone_to_owned() {
                Ok(fd) => fds.push(fd),
                Err(_) => break,
            }
        }
        Ok(Self { fds, _writer: writer })
    }
}

/// Lets the process have as many descriptors as it may, if possible `wanted`, and returns how many that are.
pub(crate) fn raise_limit(wanted: usize) -> io::Result<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = wanted as libc::rlim_t;
    // To raise the hard limit takes a privilege; then what it is must do.
    for (soft, hard) in [(wanted, limit.rlim_max.max(wanted)), (limit.rlim_max.min(wanted), limit.rlim_max)] {
        let raised = libc::rlimit { rlim_cur: soft.max(limit.rlim_cur), rlim_max: hard };
        // SAFETY: `raised` outlives the call, which only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            return Ok(raised.rlim_cur as usize);
        }
    }
    Ok(limit.rlim_cur as usize)
}
