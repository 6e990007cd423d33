//! The memory that the system uses while a request is in progress.

use super::request::AioCompletion;
use super::{AioFd, AioId, AioOperation};
use crate::keys::new_key;
use crate::sys;
use libc::{c_int, c_void};
use std::cell::UnsafeCell;
use std::mem::{self, ManuallyDrop};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, process};

/// What a request uses of the program's, and gives back.
pub(crate) struct Parts {
    fd: AioFd,
    /// The number that `fd` has lent. Asked for once: what it would say next time is its own affair.
    number: RawFd,
    buffer: Buffer,
}

/// A buffer that the system may be using. So nothing but its address is asked of it until it is given back.
struct Buffer {
    vec: ManuallyDrop<Vec<u8>>,
    at: *mut u8,
}

// SAFETY: the pointer is into the vector, which may go to any thread, and is followed by the system alone.
unsafe impl Send for Buffer {}

impl Parts {
    pub(crate) fn new<F: AsFd + Send + Sync + 'static>(fd: Arc<F>, buffer: Vec<u8>) -> Self {
        // It stays open, since what lends it is shared and not dropped before this is.
        let number = fd.as_fd().as_raw_fd();
        let mut vec = ManuallyDrop::new(buffer);
        let at = vec.as_mut_ptr();
        Self { fd, number, buffer: Buffer { vec, at } }
    }

    /// The descriptor's number.
    pub(crate) fn number(&self) -> RawFd {
        self.number
    }

    /// The buffer. The system must not be using it any more.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        ManuallyDrop::into_inner(self.buffer.take())
    }

    /// Both parts. The system must not be using the buffer any more.
    pub(crate) fn into_parts(self) -> (AioFd, Vec<u8>) {
        let Self { fd, buffer, .. } = self;
        (fd, ManuallyDrop::into_inner(buffer.take()))
    }
}

impl Buffer {
    fn take(mut self) -> ManuallyDrop<Vec<u8>> {
        mem::take(&mut self.vec)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the vector is not used again. `take` has left an empty one.
        unsafe { ManuallyDrop::drop(&mut self.vec) };
    }
}

/// A request with its control block, at one place for as long as it lives.
///
/// The promise to the system: from a successful submission until [`complete`](Self::complete) the block stays where it
/// is, and the buffer and the descriptor it names stay valid and unused by anyone else. Whoever submits a request puts
/// it into the port's table first, which lets it go only when it is over.
pub(crate) struct Pinned {
    block: UnsafeCell<sys::aiocb>,
    id: AioId,
    operation: AioOperation,
    /// What is given back when the request is over; then there is none.
    parts: Mutex<Option<Parts>>,
    /// Whose request it is: a child of `fork` has none of its parent's (AIO-14).
    process: u32,
}

// SAFETY: the control block is used by the system, in whatever thread, and by this module through pointers to it, in
// calls that the system allows at any time.
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

impl Pinned {
    pub(crate) fn new(operation: AioOperation, parts: Parts, offset: u64) -> Self {
        // SAFETY: all zeros is a valid aiocb, whose members are numbers and pointers that may be null.
        let mut block: sys::aiocb = unsafe { mem::zeroed() };
        block.aio_fildes = parts.number();
        block.aio_buf = parts.buffer.at.cast::<c_void>();
        block.aio_nbytes = parts.buffer.vec.len();
        // An offset that the type cannot hold becomes negative, which the system refuses.
        block.aio_offset = offset as libc::off_t;
        block.aio_sigevent.sigev_notify = sys::SIGEV_NONE;
        Self {
            block: UnsafeCell::new(block),
            id: AioId(new_key()),
            operation,
            parts: Mutex::new(Some(parts)),
            process: process::id(),
        }
    }

    /// The same, for a list, which says in the block what to do.
    pub(crate) fn for_list(operation: AioOperation, parts: Parts, offset: u64) -> Self {
        let mut pinned = Self::new(operation, parts, offset);
        pinned.block.get_mut().aio_lio_opcode = match operation {
            AioOperation::Read => sys::LIO_READ,
            AioOperation::Write => sys::LIO_WRITE,
            AioOperation::Sync => sys::LIO_NOP,
        };
        pinned
    }

    /// `portev_object` of its event.
    pub(crate) fn address(&self) -> usize {
        self.block.get().addr()
    }

    pub(crate) fn block(&self) -> *mut sys::aiocb {
        self.block.get()
    }

    pub(crate) fn id(&self) -> AioId {
        self.id
    }

    pub(crate) fn operation(&self) -> AioOperation {
        self.operation
    }

    /// Submits the request, which has not been yet, to send its event, with its id for a cookie, to a port.
    pub(crate) fn submit(&self, port: RawFd, call: impl FnOnce(*mut sys::aiocb) -> c_int) -> io::Result<()> {
        let mut notify = self.id.notify(port);
        let block = self.block.get();
        // SAFETY: the request has not been submitted, and whoever made it does not submit it twice, so nobody else uses
        // the block.
        unsafe {
            (*block).aio_sigevent.sigev_notify = sys::SIGEV_PORT;
            (*block).aio_sigevent.sigev_value.sival_ptr = (&raw mut notify).cast();
        }
        // The sigevent and what it points to are read during the call only (AIO-1).
        if call(block) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Whether the system may still use the memory.
    pub(crate) fn is_in_progress(&self) -> bool {
        // SAFETY: the block is valid.
        self.is_own() && unsafe { sys::aio_error(self.block.get()) == libc::EINPROGRESS }
    }

    /// Whether it is this process's, and not its parent's.
    pub(crate) fn is_own(&self) -> bool {
        self.process == process::id()
    }

    /// Takes what a request that is over gives back. `None` if it is not over, or that has been done.
    pub(crate) fn complete(&self) -> Option<AioCompletion> {
        // SAFETY: the block is valid.
        let error = unsafe { sys::aio_error(self.block.get()) };
        if error == libc::EINPROGRESS {
            return None;
        }
        let parts = self.take_parts()?;
        // SAFETY: the block is valid, and its request is over; the parts, taken once, see to it that this is asked once.
        let returned = unsafe { sys::aio_return(self.block.get()) };
        let result = match (error, usize::try_from(returned)) {
            (0, Ok(n)) => Ok(n),
            (0, Err(_)) => Err(libc::EIO),
            (errno, _) => Err(errno),
        };
        Some(AioCompletion::new(self.id, self.operation, result, parts))
    }

    /// [`complete`](Self::complete), for a list that was refused with `errno`: what has no result of its own has that.
    pub(crate) fn complete_refused(&self, errno: i32) -> Option<AioCompletion> {
        let completion = self.complete()?;
        // Nothing was asked for to be transferred that is nothing, or the system knows of no request.
        Some(if matches!(completion.raw_result(), Ok(0) | Err(..1)) { completion.failed(errno) } else { completion })
    }

    /// Whether there is nothing left to give back.
    pub(crate) fn is_taken(&self) -> bool {
        self.lock().is_none()
    }

    /// The parts of a request that is over, or was not submitted.
    pub(crate) fn take_parts(&self) -> Option<Parts> {
        self.lock().take()
    }

    /// `aio_cancel`: what that returned; `None` if the request is over or not this process's.
    pub(crate) fn cancel(&self) -> Option<io::Result<c_int>> {
        if !self.is_own() {
            return None;
        }
        // Held, so that the number cannot become another descriptor's before the call.
        let (_held, number) = self.lock().as_ref().map(|parts| (Arc::clone(&parts.fd), parts.number))?;
        // SAFETY: the block is valid, and of that descriptor.
        let verdict = unsafe { sys::aio_cancel(number, self.block.get()) };
        Some(if verdict == -1 { Err(io::Error::last_os_error()) } else { Ok(verdict) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Parts>> {
        // Nothing panics while it is held.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("id", &self.id).field("operation", &self.operation).finish_non_exhaustive()
    }
}
