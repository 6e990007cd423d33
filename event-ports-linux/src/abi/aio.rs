//! `aio_read` and its family.
//!
//! Requests with `SIGEV_PORT` are this crate's; all others are passed on to the C library. Results lie where that keeps
//! its own.

use super::{call, status};
use crate::errno::Errno;
use crate::registry::check_fork;
use crate::source::aio;
use crate::timeout::Timeout;
use crate::types::SIGEV_PORT;
use core::sync::atomic::{Ordering, fence};
use libc::{aiocb, c_int, sigevent, ssize_t, timespec};

/// Whether a request is for this crate.
///
/// # Safety
/// `control` is null or points to a control block.
unsafe fn wants_event(control: *const aiocb) -> bool {
    // SAFETY: the caller's promise.
    unsafe { control.as_ref() }.is_some_and(aio::wants_event)
}

/// `aio_read`: with `SIGEV_PORT`, reads and sends an event to the port that `sigev_value.sival_ptr` names by a
/// `port_notify`.
///
/// The event's object is the address of the control block. Fails with `EBADF` for a descriptor that cannot be read from,
/// `EINVAL` for a control block that is in use and for what is no port, and `EAGAIN` when the port is full or there are
/// too few resources.
///
/// # Safety
/// `control` is null or points to a control block. With `SIGEV_PORT` that and the buffer it names stay valid, in their
/// place and unused by others until the event has been retrieved, or the request is over and the port closed (AIO-11);
/// and `sival_ptr` is null or points to a `port_notify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_read(control: *mut aiocb) -> c_int {
    // SAFETY: the caller's promise.
    if !unsafe { wants_event(control) } {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::aio_read(control) };
    }
    status(|| {
        check_fork();
        // SAFETY: the caller's promise.
        unsafe { aio::read(control) }
    })
}

/// `aio_write`: with `SIGEV_PORT`, writes and sends an event.
///
/// # Safety
/// As for [`port_linux_aio_read`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_write(control: *mut aiocb) -> c_int {
    // SAFETY: the caller's promise.
    if !unsafe { wants_event(control) } {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::aio_write(control) };
    }
    status(|| {
        check_fork();
        // SAFETY: the caller's promise.
        unsafe { aio::write(control) }
    })
}

/// `aio_fsync`: with `SIGEV_PORT`, brings what requests submitted before have written to the device, and sends an event.
///
/// # Safety
/// As for [`port_linux_aio_read`]; there is no buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_fsync(how: c_int, control: *mut aiocb) -> c_int {
    // SAFETY: the caller's promise.
    if !unsafe { wants_event(control) } {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::aio_fsync(how, control) };
    }
    status(|| {
        check_fork();
        // SAFETY: the caller's promise.
        unsafe { aio::fsync(how, control) }
    })
}

/// `aio_error`: `EINPROGRESS`, or the request's `errno`, or 0.
///
/// # Safety
/// `control` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_error(control: *const aiocb) -> c_int {
    if control.is_null() {
        return status(|| Err(Errno::INVAL));
    }
    // SAFETY: the caller's promise.
    let error = unsafe { libc::aio_error(control) };
    // The C library orders what it has written itself. Whoever sees the result sees the buffer, too.
    fence(Ordering::Acquire);
    error
}

/// `aio_return`: what read(2), write(2) or fsync(2) would have returned, once the request is complete.
///
/// # Safety
/// `control` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_return(control: *mut aiocb) -> ssize_t {
    if control.is_null() {
        return status(|| Err(Errno::INVAL)) as ssize_t;
    }
    // SAFETY: the caller's promise.
    unsafe { libc::aio_return(control) }
}

/// `aio_cancel`: cancels a request, or all on a descriptor if `control` is null. Their events come, with `ECANCELED`
/// (AIO-13).
///
/// # Safety
/// `control` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_cancel(fd: c_int, control: *mut aiocb) -> c_int {
    let mut ours = None;
    let asked = status(|| {
        check_fork();
        ours = aio::cancel(fd, control)?;
        Ok(())
    });
    match ours {
        _ if asked != 0 => asked,
        Some(verdict) if !control.is_null() => verdict,
        // SAFETY: the caller's promise is what the C library asks for.
        ours => match (ours, unsafe { libc::aio_cancel(fd, control) }) {
            (_, libc::AIO_NOTCANCELED) | (Some(libc::AIO_NOTCANCELED), _) => libc::AIO_NOTCANCELED,
            (Some(libc::AIO_CANCELED), _) => libc::AIO_CANCELED,
            (_, theirs) => theirs,
        },
    }
}

/// `aio_suspend`: waits until one of the requests is complete. Null entries are passed over.
///
/// # Safety
/// `list` has `count` entries, each null or a control block; `timeout` is null or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_aio_suspend(
    list: *const *const aiocb,
    count: c_int,
    timeout: *const timespec,
) -> c_int {
    let mut ours = false;
    let waited = status(|| {
        check_fork();
        let count = usize::try_from(count).map_err(|_| Errno::INVAL)?;
        let timeout = if timeout.is_null() { Timeout::Forever } else { Timeout::Pointer(timeout) };
        // SAFETY: the caller's promise.
        ours = unsafe { aio::suspend(list, count, timeout) }?;
        Ok(())
    });
    if waited != 0 || ours {
        return waited;
    }
    // SAFETY: the caller's promise is what the C library asks for.
    unsafe { libc::aio_suspend(list, count, timeout) }
}

/// `lio_listio`: submits a list of requests. With `LIO_NOWAIT` and a `SIGEV_PORT` in `event`, an event comes when all of
/// them are complete; its object is the address `event`.
///
/// The list is the C library's if neither it nor any of its requests asks for an event. Otherwise none may ask for
/// `SIGEV_THREAD` (`EINVAL`).
///
/// # Safety
/// `list` has `count` entries, each null or a control block as for [`port_linux_aio_read`]; `event` is null or points to
/// a `sigevent`, whose `sival_ptr`, with `SIGEV_PORT`, is null or points to a `port_notify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_lio_listio(
    mode: c_int,
    list: *const *mut aiocb,
    count: c_int,
    event: *mut sigevent,
) -> c_int {
    let entries = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller's promise.
    let is_ours = unsafe {
        (mode == libc::LIO_NOWAIT && event.as_ref().is_some_and(|e| e.sigev_notify == SIGEV_PORT))
            || (0..entries).any(|at| wants_event(list.add(at).read()))
    };
    if !is_ours || count < 0 {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::lio_listio(mode, list, count, event) };
    }
    call(
        || {
            check_fork();
            // SAFETY: the caller's promise.
            unsafe { aio::submit_list(mode, list, entries, event) }
        },
        |()| 0,
    )
}
