//! What a request does, and doing it.

use crate::errno::{Errno, Result};
use crate::os::io::{self, At, Buffer};
use libc::{c_int, off_t};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    Sync { content_alone: bool },
}

/// One transfer. Whoever submits it has promised that the buffer stays valid and in its place until the request is over,
/// and that nobody else uses it meanwhile (AIO-11).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) fd: c_int,
    pub(crate) operation: Operation,
    pub(crate) buffer: Buffer,
    pub(crate) offset: off_t,
}

/// The largest transfer that the submitting thread does itself. Copying more would keep it too long.
const LARGEST_AT_ONCE: usize = 64 * 1024;

/// The largest write that a pipe takes whole as soon as it takes anything.
const PIPE_BUF: usize = libc::PIPE_BUF;

impl Job {
    /// Does the transfer on a file if that needs no waiting, as with a page that is cached. `None` if it does.
    pub(crate) fn try_at_once(&self, flags: c_int) -> Option<Result<usize>> {
        let waits = match self.operation {
            Operation::Read => libc::O_DIRECT,
            // What is to be appended, or to be on the device at once, takes its turn.
            Operation::Write => libc::O_DIRECT | libc::O_APPEND | libc::O_SYNC | libc::O_DSYNC,
            Operation::Sync { .. } => return None,
        };
        // To the calls below an offset of -1 means the file's own position; the one who waits gets the error.
        if flags & waits != 0 || self.buffer.len > LARGEST_AT_ONCE || self.offset < 0 {
            return None;
        }
        let at = At::Offset(self.offset);
        // SAFETY: the promise made for the job.
        match unsafe {
            match self.operation {
                Operation::Read => io::read_now(self.fd, self.buffer, at),
                _ => io::write_now(self.fd, self.buffer, at),
            }
        } {
            // Less than asked for may be all there is, or all that is at hand. The one who waits finds out.
            Ok(n) if n < self.buffer.len && n > 0 => None,
            // What an older kernel or another file system cannot do, and what is a stream.
            Err(Errno::AGAIN | Errno::INVAL | Errno::NOTSUP | Errno::SPIPE | Errno::NOSYS) => None,
            result => Some(result),
        }
    }

    /// Does the whole, waiting for the device.
    pub(crate) fn perform(&self) -> Result<usize> {
        // SAFETY: the promise made for the job.
        let transfer = |at| unsafe {
            match self.operation {
                Operation::Read => io::read(self.fd, self.buffer, at),
                Operation::Write => io::write(self.fd, self.buffer, at),
                Operation::Sync { content_alone } => io::sync(self.fd, content_alone).map(|()| 0),
            }
        };
        match transfer(At::Offset(self.offset)) {
            // A device that knows no places, and never lets wait or could not be polled.
            Err(Errno::SPIPE) => transfer(At::Here),
            result => result,
        }
    }

    /// Reads what a stream holds, or sends what a socket takes, on the submitting thread. `None` if that is nothing.
    pub(crate) fn try_stream_at_once(&self, is_socket: bool) -> Option<Result<usize>> {
        // SAFETY: the promise made for the job.
        match unsafe {
            match self.operation {
                Operation::Read => self.read_stream(is_socket),
                // Writing to a pipe may raise SIGPIPE, which is not for this thread.
                Operation::Write if is_socket => io::send_now(self.fd, self.buffer),
                _ => return None,
            }
        } {
            Err(Errno::AGAIN | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => None,
            result => Some(result),
        }
    }

    /// Reads what a stream holds, or writes what it takes, on a thread that blocks signals. `EAGAIN` if that is nothing.
    pub(crate) fn perform_on_stream(&self, is_socket: bool) -> Result<usize> {
        // SAFETY: the promise made for the job.
        match unsafe {
            match self.operation {
                Operation::Read => self.read_stream(is_socket),
                _ if is_socket => io::send_now(self.fd, self.buffer),
                _ => io::write_now(self.fd, self.buffer, At::Here),
            }
        } {
            // A terminal, or an older kernel.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) if !is_socket => self.perform_if_ready(),
            result => result,
        }
    }

    /// # Safety
    /// The operation is to read; the promise made for the job.
    unsafe fn read_stream(&self, is_socket: bool) -> Result<usize> {
        // SAFETY: the caller's promise.
        unsafe {
            match self.buffer.len {
                // Nothing to wait for.
                0 => io::read(self.fd, self.buffer, At::Here),
                _ if is_socket => io::receive_now(self.fd, self.buffer),
                _ => io::read_now(self.fd, self.buffer, At::Here),
            }
        }
    }

    /// If somebody else takes what there is between the two calls, the second one waits.
    fn perform_if_ready(&self) -> Result<usize> {
        let Buffer { at, len } = self.buffer;
        let writes = self.operation == Operation::Write;
        if io::poll_now(self.fd, if writes { libc::POLLOUT } else { libc::POLLIN }) == 0 {
            return Err(Errno::AGAIN);
        }
        // SAFETY: the promise made for the job.
        unsafe {
            if writes {
                io::write(self.fd, Buffer { at, len: len.min(PIPE_BUF) }, At::Here)
            } else {
                io::read(self.fd, self.buffer, At::Here)
            }
        }
    }

    /// What is left of it after `n` bytes.
    pub(crate) fn rest(&self, n: usize) -> Self {
        let Buffer { at, len } = self.buffer;
        Self { buffer: Buffer { at: at.wrapping_byte_add(n), len: len.saturating_sub(n) }, ..*self }
    }
}
