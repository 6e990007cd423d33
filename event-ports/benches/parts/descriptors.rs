//! Descriptors that are always ready to be read from.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The end to read from, and the end to write to.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: there is room for two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were made just now and are nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Pipes with something in them that nobody reads.
pub(crate) struct Ready {
    pub(crate) fds: Vec<RawFd>,
    _ends: Vec<(OwnedFd, File)>,
}

impl Ready {
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let mut ends = Vec::new();
        for _ in 0..count {
            let (reader, writer) = pipe()?;
            let mut writer = File::from(writer);
            writer.write_all(b"x")?;
            ends.push((reader, writer));
        }
        Ok(Self { fds: ends.iter().map(|(reader, _)| reader.as_raw_fd()).collect(), _ends: ends })
    }
}
