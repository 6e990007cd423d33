//! `timer_create` and its family.
//!
//! Timers with `SIGEV_PORT` are this crate's; all others are passed on to the C library.

use super::{call, fail, status};
use crate::errno::Errno;
use crate::os;
use crate::registry::check_fork;
use crate::source::timer;
use crate::types::{SIGEV_PORT, port_notify};
use libc::{c_int, clockid_t, itimerspec, sigevent, timer_t};

/// `timer_create`: with `SIGEV_PORT`, a timer whose expirations are events of the port that `sigev_value.sival_ptr`
/// names by a `port_notify`.
///
/// Fails with `EINVAL` for a clock other than `CLOCK_REALTIME`, `CLOCK_MONOTONIC` and `CLOCK_BOOTTIME`, `EBADF` or
/// `EBADFD` for what is no port, and `EAGAIN` when the port is full or there are too many timers.
///
/// # Safety
/// `event` is null or points to a `sigevent` whose `sival_ptr`, with `SIGEV_PORT`, is null or points to a
/// `port_notify`. `timer` is null or has room for an id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_timer_create(clock: clockid_t, event: *mut sigevent, timer: *mut timer_t) -> c_int {
    if !event.is_null() && !os::may_be_memory(event) {
        return fail(Errno::FAULT);
    }
    // SAFETY: the caller's promise.
    let Some(event) = unsafe { event.as_ref() }.filter(|e| e.sigev_notify == SIGEV_PORT) else {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::timer_create(clock, event, timer) };
    };
    status(|| {
        let notify = event.sigev_value.sival_ptr.cast_const().cast::<port_notify>();
        if !os::may_be_memory(notify) || !os::may_be_memory(timer) {
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's promise.
        let id = timer::create(clock, unsafe { notify.read_unaligned() })?;
        // SAFETY: the caller's promise.
        unsafe { timer.write(core::ptr::without_provenance_mut(id)) };
        Ok(())
    })
}

/// `timer_settime`: arms a timer, or disarms it. An event that is queued stays (TIMER-8).
///
/// # Safety
/// `new` is null or points to a setting; `old` is null or has room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_timer_settime(
    timer: timer_t,
    flags: c_int,
    new: *const itimerspec,
    old: *mut itimerspec,
) -> c_int {
    if !timer::is_ours(timer.addr()) {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::timer_settime(timer, flags, new, old) };
    }
    status(|| {
        check_fork();
        if new.is_null() {
            return Err(Errno::INVAL);
        }
        if !os::may_be_memory(new) || !(old.is_null() || os::may_be_memory(old)) {
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's promise.
        let new = unsafe { &*new };
        let before = timer::settime(timer.addr(), flags, new)?;
        if !old.is_null() {
            // SAFETY: the caller's promise.
            unsafe { old.write(before) };
        }
        Ok(())
    })
}

/// `timer_gettime`: how long it is until the timer expires, and its interval.
///
/// # Safety
/// `setting` is null or has room for a setting.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_timer_gettime(timer: timer_t, setting: *mut itimerspec) -> c_int {
    if !timer::is_ours(timer.addr()) {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::timer_gettime(timer, setting) };
    }
    status(|| {
        check_fork();
        let now = timer::gettime(timer.addr())?;
        if !os::may_be_memory(setting) {
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's promise.
        unsafe { setting.write(now) };
        Ok(())
    })
}

/// `timer_getoverrun`: always 0 for a timer with `SIGEV_PORT`, whose events say it (TIMER-7).
///
/// # Safety
/// None needed: the C library wants one for timers that are not this crate's, which it made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_timer_getoverrun(timer: timer_t) -> c_int {
    if !timer::is_ours(timer.addr()) {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::timer_getoverrun(timer) };
    }
    call(
        || {
            check_fork();
            timer::getoverrun(timer.addr())
        },
        |count| count,
    )
}

/// `timer_delete`: ends a timer, and takes back its event if that was not retrieved yet (TIMER-9).
///
/// # Safety
/// As for [`port_linux_timer_getoverrun`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_timer_delete(timer: timer_t) -> c_int {
    if !timer::is_ours(timer.addr()) {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { libc::timer_delete(timer) };
    }
    status(|| {
        check_fork();
        timer::delete(timer.addr())
    })
}
