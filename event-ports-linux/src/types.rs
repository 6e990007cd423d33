//! The structures and constants of `<port.h>`, with illumos's layout and values.

#![allow(non_camel_case_types)]

use libc::{c_char, c_int, c_ushort, c_void, timespec};

/// An event as `port_get` and `port_getn` return it (`port_event_t`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct port_event {
    /// What happened; its meaning depends on the source.
    pub portev_events: c_int,
    /// Where the event comes from: one of `PORT_SOURCE_*`.
    pub portev_source: c_ushort,
    /// Never meaningful.
    pub portev_pad: c_ushort,
    /// What the event is about; its meaning depends on the source.
    pub portev_object: usize,
    /// The cookie given with the association.
    pub portev_user: *mut c_void,
}

/// Where a `SIGEV_PORT` notification goes (`port_notify_t`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct port_notify {
    /// The port.
    pub portnfy_port: c_int,
    /// The cookie of the event.
    pub portnfy_user: *mut c_void,
}

/// A file to watch (`file_obj_t`). Its address is what identifies the watch.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct file_obj {
    /// Access time the caller last saw.
    pub fo_atime: timespec,
    /// Modification time the caller last saw.
    pub fo_mtime: timespec,
    /// Status change time the caller last saw.
    pub fo_ctime: timespec,
    /// Never looked at; zero.
    pub fo_pad: [usize; 3],
    /// The path.
    pub fo_name: *mut c_char,
}

/// A completed asynchronous I/O request.
pub const PORT_SOURCE_AIO: c_int = 1;
/// A timer.
pub const PORT_SOURCE_TIMER: c_int = 2;
/// `port_send` or `port_sendn`.
pub const PORT_SOURCE_USER: c_int = 3;
/// A descriptor.
pub const PORT_SOURCE_FD: c_int = 4;
/// `port_alert`.
pub const PORT_SOURCE_ALERT: c_int = 5;
/// A message queue.
pub const PORT_SOURCE_MQ: c_int = 6;
/// A file.
pub const PORT_SOURCE_FILE: c_int = 7;

/// Enter alert mode, or replace the alert.
pub const PORT_ALERT_SET: c_int = 0x01;
/// Enter alert mode unless it is on (`EBUSY`).
pub const PORT_ALERT_UPDATE: c_int = 0x02;
/// Both at once, which is invalid.
pub const PORT_ALERT_INVALID: c_int = PORT_ALERT_SET | PORT_ALERT_UPDATE;

/// The file was read.
pub const FILE_ACCESS: c_int = 0x0000_0001;
/// The file's content changed.
pub const FILE_MODIFIED: c_int = 0x0000_0002;
/// The file's attributes changed.
pub const FILE_ATTRIB: c_int = 0x0000_0004;
/// The file was truncated.
pub const FILE_TRUNC: c_int = 0x0010_0000;
/// Watch a symbolic link itself. Asked for, never returned.
pub const FILE_NOFOLLOW: c_int = 0x1000_0000;
/// The file was deleted. Comes unasked.
pub const FILE_DELETE: c_int = 0x0000_0010;
/// Another file was renamed to the file's name. Comes unasked.
pub const FILE_RENAME_TO: c_int = 0x0000_0020;
/// The file was renamed. Comes unasked.
pub const FILE_RENAME_FROM: c_int = 0x0000_0040;
/// The file system was unmounted. Comes unasked.
pub const UNMOUNTED: c_int = 0x2000_0000;
/// A file system was mounted over the file. Comes unasked.
pub const MOUNTEDOVER: c_int = 0x4000_0000;
/// All events that come unasked.
pub const FILE_EXCEPTION: c_int = FILE_DELETE | FILE_RENAME_TO | FILE_RENAME_FROM | UNMOUNTED | MOUNTEDOVER;

/// The events of a read (`aio_read`, or `LIO_READ` in a list).
pub const AIOAREAD: c_int = 11;
/// The events of a write (`aio_write`, or `LIO_WRITE` in a list).
pub const AIOAWRITE: c_int = 12;
/// The events of `aio_fsync`.
pub const AIOFSYNC: c_int = 20;
/// The events of a list that is complete (`lio_listio`).
pub const AIOLIO: c_int = 7;

/// The value of `sigev_notify` that asks for an event.
///
/// illumos has 4 here, which is `SIGEV_THREAD_ID` on Linux; Linux and its C libraries know nothing of this value.
pub const SIGEV_PORT: c_int = 0x4550;
