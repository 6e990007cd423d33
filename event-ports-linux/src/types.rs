//! The structures and constants of `<port.h>`, with illumos's layout and values.

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
