//! The bindings agree with what the host has under the same names: `libc` on illumos, the implementation on Linux.
//!
//! Nothing here is run. Each line is checked whenever the crate is compiled, also by a compiler on another system.

use super::bindings;
use core::mem::{align_of, offset_of, size_of};
use libc::{c_int, c_uint, c_void, timespec};

#[cfg(target_os = "linux")]
use event_ports_linux::{abi as functions, types};
#[cfg(target_os = "illumos")]
use libc::{self as functions, self as types};

/// Type and value: `==` takes both sides of one type only.
macro_rules! same_constants {
    ($($name:ident)*) => { $(const _: () = assert!(bindings::$name == types::$name, stringify!($name));)* };
}

/// Size, alignment, and offset and type of each field.
macro_rules! same_structure {
    ($name:ident { $($field:ident)* }) => {
        const _: () = {
            assert!(size_of::<bindings::$name>() == size_of::<types::$name>(), stringify!($name));
            assert!(align_of::<bindings::$name>() == align_of::<types::$name>(), stringify!($name));
            $(assert!(offset_of!(bindings::$name, $field) == offset_of!(types::$name, $field), stringify!($field));)*
            let _: fn(&bindings::$name, &types::$name) = |ours, theirs| {
                fn same_type<T>(_: &T, _: &T) {}
                $(same_type(&ours.$field, &theirs.$field);)*
            };
        };
    };
}

/// Signatures, but for the event, which is either side's own.
macro_rules! signatures {
    ($functions:ident, $port_event:ty) => {
        const _: unsafe extern "C" fn() -> c_int = $functions::port_create;
        const _: unsafe extern "C" fn(c_int, c_int, usize, c_int, *mut c_void) -> c_int = $functions::port_associate;
        const _: unsafe extern "C" fn(c_int, c_int, usize) -> c_int = $functions::port_dissociate;
        const _: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int = $functions::port_send;
        const _: unsafe extern "C" fn(*mut c_int, *mut c_int, c_uint, c_int, *mut c_void) -> c_int =
            $functions::port_sendn;
        const _: unsafe extern "C" fn(c_int, *mut $port_event, *mut timespec) -> c_int = $functions::port_get;
        const _: unsafe extern "C" fn(c_int, *mut $port_event, c_uint, *mut c_uint, *mut timespec) -> c_int =
            $functions::port_getn;
        const _: unsafe extern "C" fn(c_int, c_int, c_int, *mut c_void) -> c_int = $functions::port_alert;
    };
}

same_constants! {
    PORT_SOURCE_AIO PORT_SOURCE_TIMER PORT_SOURCE_USER PORT_SOURCE_FD PORT_SOURCE_ALERT PORT_SOURCE_MQ PORT_SOURCE_FILE
    PORT_ALERT_SET PORT_ALERT_UPDATE PORT_ALERT_INVALID
}

same_structure! { port_event { portev_events portev_source portev_pad portev_object portev_user } }
same_structure! { port_notify { portnfy_port portnfy_user } }

signatures!(bindings, bindings::port_event);
signatures!(functions, types::port_event);

/// The C headers have these values, too. bindgen does not read them, since illumos has none or another.
#[cfg(target_os = "linux")]
const _: () = {
    assert!(crate::SIGEV_PORT == 0x4550, "SIGEV_PORT");
    assert!(crate::linux::PORT_TRUST_NUMBER == 0x1, "PORT_TRUST_NUMBER");
    assert!(crate::linux::PORT_TRUST_DESCRIPTORS == 0x2, "PORT_TRUST_DESCRIPTORS");
};

/// `libc` lacks these names for illumos.
#[cfg(target_os = "linux")]
mod file {
    use super::{align_of, bindings, offset_of, size_of, types};

    same_constants! {
        FILE_ACCESS FILE_MODIFIED FILE_ATTRIB FILE_TRUNC FILE_NOFOLLOW
        FILE_DELETE FILE_RENAME_TO FILE_RENAME_FROM UNMOUNTED MOUNTEDOVER FILE_EXCEPTION
    }

    same_structure! { file_obj { fo_atime fo_mtime fo_ctime fo_pad fo_name } }
}

/// What illumos's headers say of the names that come from `libc`.
#[cfg(target_os = "illumos")]
mod from_libc {
    use super::{align_of, offset_of, size_of};
    use crate as sys;
    use libc::c_int;

    macro_rules! values {
        ($($name:ident: $type:ty = $value:expr;)*) => {
            $(const _: () = { let value: $type = $value; assert!(sys::$name == value, stringify!($name)); };)*
        };
    }

    macro_rules! layout {
        ($name:ident: $size:literal { $($field:ident $offset:literal)* }) => {
            const _: () = {
                assert!(size_of::<sys::$name>() == $size, stringify!($name));
                assert!(align_of::<sys::$name>() == 8, stringify!($name));
                $(assert!(offset_of!(sys::$name, $field) == $offset, stringify!($field));)*
            };
        };
    }

    values! {
        POLLIN: c_int = 0x0001;
        POLLPRI: c_int = 0x0002;
        POLLOUT: c_int = 0x0004;
        POLLWRNORM: c_int = 0x0004;
        POLLERR: c_int = 0x0008;
        POLLHUP: c_int = 0x0010;
        POLLNVAL: c_int = 0x0020;
        POLLRDNORM: c_int = 0x0040;
        POLLNORM: c_int = 0x0040;
        POLLRDBAND: c_int = 0x0080;
        POLLWRBAND: c_int = 0x0100;
        POLLRDHUP: c_int = 0x4000;
        SIGEV_NONE: c_int = 1;
        SIGEV_SIGNAL: c_int = 2;
        SIGEV_THREAD: c_int = 3;
        SIGEV_PORT: c_int = 4;
        CLOCK_REALTIME: sys::clockid_t = 3;
        CLOCK_MONOTONIC: sys::clockid_t = 4;
    }

    layout! { timespec: 16 { tv_sec 0 tv_nsec 8 } }
    layout! { sigevent: 40 { sigev_notify 0 sigev_signo 4 sigev_value 8 sigev_notify_attributes 24 } }
    layout! {
        aiocb: 112 {
            aio_fildes 0 aio_buf 8 aio_nbytes 16 aio_offset 24 aio_reqprio 32 aio_sigevent 40 aio_lio_opcode 80
            aio_resultp 88 aio_state 104
        }
    }
    const _: () = assert!(size_of::<sys::timer_t>() == size_of::<c_int>());
}
