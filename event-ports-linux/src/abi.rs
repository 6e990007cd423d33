//! The functions C programs call: they check arguments, and turn errors into -1 and `errno`.

mod aio;
mod mq;
mod timer;

pub use aio::{
    port_linux_aio_cancel, port_linux_aio_error, port_linux_aio_fsync, port_linux_aio_read, port_linux_aio_return,
    port_linux_aio_suspend, port_linux_aio_write, port_linux_lio_listio,
};
pub use mq::port_linux_mq_notify;
pub use timer::{
    port_linux_timer_create, port_linux_timer_delete, port_linux_timer_getoverrun, port_linux_timer_gettime,
    port_linux_timer_settime,
};

use crate::errno::{Errno, Result};
use crate::os;
use crate::registry;
use crate::retrieve::{self, Outcome};
use crate::sink::Sink;
use crate::source::{alert, fd, file, user};
use crate::timeout::Timeout;
use crate::types::{PORT_SOURCE_FD, PORT_SOURCE_FILE, port_event};
use libc::{c_int, c_uint, c_void, timespec};

/// For [`port_linux_trust`]: this descriptor number stays the port until [`port_linux_close`] closes it, so calls need
/// not ask the kernel whether it still is.
pub const PORT_TRUST_NUMBER: c_int = 0x1;

/// For [`port_linux_trust`]: an associated descriptor that has duplicates, here or in a child, is dissociated before it
/// is closed, so retrieving its event need not ask the kernel whether it is still open.
pub const PORT_TRUST_DESCRIPTORS: c_int = 0x2;

/// Runs a call: its value, or -1 and `errno`. A call that succeeds leaves `errno` alone, whatever happened on its way:
/// the kernel's own calls do, and a signal handler that sends an event relies on it.
#[inline]
fn call<T>(run: impl FnOnce() -> Result<T>, value: impl FnOnce(T) -> c_int) -> c_int {
    let before = Errno::last();
    match run() {
        Ok(result) => {
            before.set();
            value(result)
        }
        Err(e) => fail(e),
    }
}

#[inline]
fn status(run: impl FnOnce() -> Result<()>) -> c_int {
    call(run, |()| 0)
}

#[inline]
fn outcome(run: impl FnOnce() -> Result<Outcome>) -> c_int {
    status(|| match run()? {
        Outcome::Done => Ok(()),
        Outcome::TimedOut => Err(Errno::TIME),
    })
}

#[inline]
fn fail(e: Errno) -> c_int {
    e.set();
    -1
}

/// Creates a port and returns its descriptor. It is not close-on-exec (CREATE-2).
///
/// Fails with `EAGAIN` when there are too many ports, and `EMFILE` when there is no descriptor left.
#[unsafe(no_mangle)]
pub extern "C" fn port_create() -> c_int {
    #[cfg(c_library)]
    crate::silence::keep();
    call(registry::create, |number| number)
}

/// Associates an object with a port, for one event; associates it anew where it is already.
///
/// # Safety
/// For `PORT_SOURCE_FILE`, `object` is null or the address of a `file_obj` whose `fo_name` is a path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_associate(
    port: c_int,
    source: c_int,
    object: usize,
    events: c_int,
    user: *mut c_void,
) -> c_int {
    status(|| {
        if source == PORT_SOURCE_FILE {
            // SAFETY: the caller's promise.
            return unsafe { file::associate(port, object, events, user as usize) };
        }
        let mut port = registry::enter(port)?;
        match source {
            PORT_SOURCE_FD => fd::associate(&mut port, object, events, user as usize),
            _ => Err(Errno::INVAL),
        }
    })
}

/// Ends an association, and takes back its event if that was not retrieved yet.
#[unsafe(no_mangle)]
pub extern "C" fn port_dissociate(port: c_int, source: c_int, object: usize) -> c_int {
    status(|| {
        let mut port = registry::enter(port)?;
        match source {
            PORT_SOURCE_FD => fd::dissociate(&mut port, object),
            PORT_SOURCE_FILE => file::dissociate(&mut port, object),
            _ => Err(Errno::INVAL),
        }
    })
}

/// Puts an event of the program's own into a port's queue. Async-signal-safe once the port has been used.
#[unsafe(no_mangle)]
pub extern "C" fn port_send(port: c_int, events: c_int, user: *mut c_void) -> c_int {
    status(|| user::send(port, events, user as usize))
}

/// Sends an event to each of `nent` ports. Returns how many got it; for the others `errors` tells why not.
///
/// # Safety
/// `ports` has `nent` entries. So has `errors`, which is written only if a port did not get the event (SENDN-2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_sendn(
    ports: *mut c_int,
    errors: *mut c_int,
    nent: c_uint,
    events: c_int,
    user: *mut c_void,
) -> c_int {
    if nent == 0 {
        return fail(Errno::INVAL);
    }
    if !os::may_be_memory(ports) {
        return fail(Errno::FAULT);
    }
    call(
        || {
            // SAFETY: the caller's promise.
            unsafe { sendn(ports, errors, nent as usize, events, user as usize) }
        },
        |sent| sent,
    )
}

/// # Safety
/// As for [`port_sendn`], and `ports` is not null.
unsafe fn sendn(ports: *const c_int, errors: *mut c_int, nent: usize, events: c_int, user: usize) -> Result<c_int> {
    let writable = os::may_be_memory(errors);
    let (mut sent, mut failed) = (0, false);
    for at in 0..nent {
        // SAFETY: `at` is below `nent`.
        let result = user::send(unsafe { ports.add(at).read_unaligned() }, events, user);
        sent += c_int::from(result.is_ok());
        if result.is_err() && !failed {
            failed = true;
            for earlier in (0..at).filter(|_| writable) {
                // SAFETY: `earlier` is below `nent`, and a port has failed, so the array is there.
                unsafe { errors.add(earlier).write_unaligned(0) };
            }
        }
        if failed && writable {
            // SAFETY: as above.
            unsafe { errors.add(at).write_unaligned(result.map_or_else(|e| e.0, |()| 0)) };
        }
    }
    if failed && !writable { Err(Errno::FAULT) } else { Ok(sent) }
}

/// Retrieves one event.
///
/// With a timeout of zero and no event it returns 0 and writes nothing (GET-3): set `portev_source` to 0 before.
///
/// # Safety
/// `event` is null or has room for an event; `timeout` is null or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_get(port: c_int, event: *mut port_event, timeout: *mut timespec) -> c_int {
    let timeout = if timeout.is_null() {
        Timeout::Forever
    } else {
        // SAFETY: the caller's promise.
        Timeout::Value(unsafe { timeout.read_unaligned() })
    };
    outcome(|| {
        if !os::may_be_memory(event) {
            drop(registry::enter(port)?);
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's promise.
        let mut sink = unsafe { Sink::new(event, 1) };
        retrieve::retrieve(port, &mut sink, 1, timeout, false)
    })
}

/// Waits for at least `*nget` events, retrieves up to `max`, and stores their number in `*nget`.
///
/// With `ETIME` `*nget` events have been retrieved nevertheless (GETN-8); with any other error none, and `*nget` is as
/// it was. With `max` 0 it stores how many events are pending.
///
/// # Safety
/// `list` has room for `max` events, `nget` is null or points to a count, `timeout` is null or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_getn(
    port: c_int,
    list: *mut port_event,
    max: c_uint,
    nget: *mut c_uint,
    timeout: *mut timespec,
) -> c_int {
    if nget.is_null() {
        return fail(Errno::INVAL);
    }
    // SAFETY: the caller's promise.
    let min = unsafe { nget.read_unaligned() };
    let timeout = if timeout.is_null() { Timeout::Forever } else { Timeout::Pointer(timeout) };
    // SAFETY: the caller's promise. The sink is used only if `list` is not null.
    let mut sink = unsafe { Sink::new(list, max as usize) };
    outcome(|| {
        let (count, outcome) = getn(port, &mut sink, !os::may_be_memory(list), max, min, timeout)?;
        // SAFETY: the caller's promise.
        unsafe { nget.write_unaligned(count) };
        Ok(outcome)
    })
}

fn getn(
    port: c_int,
    sink: &mut Sink,
    no_list: bool,
    max: c_uint,
    min: c_uint,
    timeout: Timeout,
) -> Result<(c_uint, Outcome)> {
    if max == 0 {
        let count = retrieve::count(port)?;
        return Ok((c_uint::try_from(count).unwrap_or(c_uint::MAX), Outcome::Done));
    }
    if min > max || no_list || min == 0 {
        drop(registry::enter(port)?);
        return match (min > max, no_list) {
            (true, _) => Err(Errno::INVAL),
            (false, true) => Err(Errno::FAULT),
            (false, false) => Ok((0, Outcome::Done)),
        };
    }
    let outcome = retrieve::retrieve(port, sink, min as usize, timeout, true)?;
    Ok((sink.filled() as c_uint, outcome))
}

/// Enters alert mode, in which every retrieval returns this alert at once, or leaves it (`events` 0).
#[unsafe(no_mangle)]
pub extern "C" fn port_alert(port: c_int, flags: c_int, events: c_int, user: *mut c_void) -> c_int {
    status(|| alert::alert(&mut registry::enter(port)?, flags, events, user as usize))
}

/// Tells a port which promises the program keeps (`PORT_TRUST_*`), so that it need not ask the kernel. Linux only.
///
/// Without promises every rule holds whatever the program does, at the price of a system call or two for each event.
///
/// # Safety
/// The promises are kept. One that is not costs events, and may disturb whatever a number has become; never memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_trust(port: c_int, flags: c_int) -> c_int {
    status(|| {
        let mut held = registry::enter(port)?;
        if flags & !(PORT_TRUST_NUMBER | PORT_TRUST_DESCRIPTORS) != 0 {
            return Err(Errno::INVAL);
        }
        held.port.set_trusted_number((flags & PORT_TRUST_NUMBER != 0).then_some(port));
        held.descriptors_are_trusted = flags & PORT_TRUST_DESCRIPTORS != 0;
        Ok(())
    })
}

/// Closes a port's descriptor, frees what the port holds at once, and wakes its waiting threads with `EBADF`. Linux only.
///
/// After a plain `close` the same happens later: when a waiting thread notices, or when another port is created.
///
/// # Safety
/// The caller owns the descriptor, as for `close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_close(port: c_int) -> c_int {
    status(|| registry::close(port))
}

/// Sets how many events each port created from now on can hold: what the resource control `process.max-port-events` is
/// on illumos. Linux only.
///
/// Fails with `EINVAL` for 0 and for more than 16,777,216.
#[unsafe(no_mangle)]
pub extern "C" fn port_linux_set_max_events(max: c_uint) -> c_int {
    status(|| registry::set_event_limit(max))
}
