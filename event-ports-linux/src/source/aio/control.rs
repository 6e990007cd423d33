//! The program's `struct aiocb`.
//!
//! Results go where the C library keeps its own, so that its `aio_error` and `aio_return` find them, and nothing is left
//! to free when a program never asks. glibc and musl agree on the place.

use crate::errno::Errno;
use crate::os::io::Buffer;
use core::mem::offset_of;
use core::sync::atomic::{AtomicI32, AtomicIsize, Ordering};
use libc::{aiocb, c_int, c_void, off_t, sigevent};

/// A control block. The program keeps it valid and in its place until it has the event, or until the request is over
/// (AIO-11).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Control {
    pub(crate) fd: c_int,
    pub(crate) list_opcode: c_int,
    pub(crate) priority: c_int,
    pub(crate) buffer: *mut c_void,
    pub(crate) len: usize,
    pub(crate) event: sigevent,
    _library: [usize; 2],
    error: AtomicI32,
    result: AtomicIsize,
    pub(crate) offset: off_t,
    _reserved: [usize; 4],
}

const _: () = {
    assert!(size_of::<Control>() == size_of::<aiocb>() && align_of::<Control>() == align_of::<aiocb>());
    assert!(offset_of!(Control, fd) == offset_of!(aiocb, aio_fildes));
    assert!(offset_of!(Control, list_opcode) == offset_of!(aiocb, aio_lio_opcode));
    assert!(offset_of!(Control, priority) == offset_of!(aiocb, aio_reqprio));
    assert!(offset_of!(Control, buffer) == offset_of!(aiocb, aio_buf));
    assert!(offset_of!(Control, len) == offset_of!(aiocb, aio_nbytes));
    assert!(offset_of!(Control, event) == offset_of!(aiocb, aio_sigevent));
    assert!(offset_of!(Control, offset) == offset_of!(aiocb, aio_offset));
};

impl Control {
    /// Marks the request as in progress.
    pub(crate) fn begin(&self) {
        self.result.store(0, Ordering::Relaxed);
        self.error.store(libc::EINPROGRESS, Ordering::Release);
    }

    /// Stores the result. The program may free the block as soon as it sees it.
    pub(crate) fn finish(&self, result: Result<usize, Errno>) {
        let (result, error) = match result {
            Ok(n) => (isize::try_from(n).unwrap_or(isize::MAX), 0),
            Err(e) => (-1, e.0),
        };
        self.result.store(result, Ordering::Relaxed);
        self.error.store(error, Ordering::Release);
    }

    /// What `aio_error` says.
    pub(crate) fn error(&self) -> c_int {
        self.error.load(Ordering::Acquire)
    }

    pub(crate) fn buffer(&self) -> Buffer {
        Buffer { at: self.buffer, len: self.len }
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, Errno};

    #[test]
    fn the_c_library_finds_the_results() {
        // SAFETY: all zeros is a valid control block.
        let mut block: libc::aiocb = unsafe { std::mem::zeroed() };
        let at = &raw mut block;
        // SAFETY: a control block is an aiocb, as the assertions above say, and nobody else uses this one.
        let control = unsafe { &*at.cast::<Control>() };
        // SAFETY: `at` is a valid control block.
        let seen = || unsafe { (libc::aio_error(at), libc::aio_return(at)) };
        control.begin();
        assert_eq!(seen(), (libc::EINPROGRESS, 0));
        control.finish(Ok(0x1_2345_6789));
        assert_eq!(seen(), (0, 0x1_2345_6789));
        control.finish(Err(Errno(libc::ECANCELED)));
        assert_eq!(seen(), (libc::ECANCELED, -1));
    }
}
