//! The functions C programs call.

use crate::types::port_event;
use libc::{c_int, c_uint, c_void, timespec};

fn enosys() -> c_int {
    // SAFETY: errno's location is valid for the calling thread.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

/// Creates a port.
#[unsafe(no_mangle)]
pub extern "C" fn port_create() -> c_int {
    enosys()
}

/// Associates an object with a port.
///
/// # Safety
/// `object` is valid for the source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_associate(
    _port: c_int,
    _source: c_int,
    _object: usize,
    _events: c_int,
    _user: *mut c_void,
) -> c_int {
    enosys()
}

/// Ends an association.
#[unsafe(no_mangle)]
pub extern "C" fn port_dissociate(_port: c_int, _source: c_int, _object: usize) -> c_int {
    enosys()
}

/// Sends an event.
#[unsafe(no_mangle)]
pub extern "C" fn port_send(_port: c_int, _events: c_int, _user: *mut c_void) -> c_int {
    enosys()
}

/// Sends an event to several ports.
///
/// # Safety
/// Both arrays hold `nent` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_sendn(
    _ports: *mut c_int,
    _errors: *mut c_int,
    _nent: c_uint,
    _events: c_int,
    _user: *mut c_void,
) -> c_int {
    enosys()
}

/// Retrieves one event.
///
/// # Safety
/// The pointers are valid or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_get(_port: c_int, _event: *mut port_event, _timeout: *mut timespec) -> c_int {
    enosys()
}

/// Retrieves several events.
///
/// # Safety
/// The pointers are valid or null; `list` has room for `max` events.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_getn(
    _port: c_int,
    _list: *mut port_event,
    _max: c_uint,
    _nget: *mut c_uint,
    _timeout: *mut timespec,
) -> c_int {
    enosys()
}

/// Enters or leaves alert mode.
#[unsafe(no_mangle)]
pub extern "C" fn port_alert(_port: c_int, _flags: c_int, _events: c_int, _user: *mut c_void) -> c_int {
    enosys()
}

/// The port's number is closed through [`port_linux_close`] alone.
pub const PORT_TRUST_NUMBER: c_int = 0x1;
/// Associated descriptors are dissociated before they are closed.
pub const PORT_TRUST_DESCRIPTORS: c_int = 0x2;

/// Tells a port which promises the program keeps.
#[unsafe(no_mangle)]
pub extern "C" fn port_linux_trust(_port: c_int, _flags: c_int) -> c_int {
    enosys()
}

/// Closes a port, frees what it holds at once and wakes its waiting threads.
#[unsafe(no_mangle)]
pub extern "C" fn port_linux_close(_port: c_int) -> c_int {
    enosys()
}

/// Sets how many events ports created from now on hold.
#[unsafe(no_mangle)]
pub extern "C" fn port_linux_set_max_events(_max: c_uint) -> c_int {
    enosys()
}
