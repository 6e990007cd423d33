//! All that the crate has, under the names it has there. A module, so that other targets get one error instead of many.

mod agreement;
mod poll;
mod sigev;

/// The generated part.
mod bindings {
    #![allow(missing_docs, non_camel_case_types, reason = "the names are C's; their documentation is where they leave")]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

#[cfg(target_os = "linux")]
pub mod linux;

pub use libc::timespec;
pub use poll::*;
pub use sigev::*;

/// [`port_create(3C)`](https://illumos.org/man/3C/port_create) returns the descriptor of a new port.
///
/// Close-on-exec is not set. `close(2)` ends the port.
///
/// # Safety
///
/// None needed: the call has no arguments.
pub use bindings::port_create;

/// [`port_associate(3C)`](https://illumos.org/man/3C/port_associate)`(port, source, object, events, user)` asks for one
/// event of a descriptor or a file.
///
/// With [`PORT_SOURCE_FD`], `object` is the descriptor and `events` are [`POLLIN`] and its like. With
/// [`PORT_SOURCE_FILE`], `object` is the address of a [`file_obj`] and `events` are [`FILE_ACCESS`],
/// [`FILE_MODIFIED`], [`FILE_ATTRIB`], [`FILE_TRUNC`] and [`FILE_NOFOLLOW`]. An object that is associated already gets
/// the new events and cookie.
///
/// # Safety
///
/// With [`PORT_SOURCE_FILE`], `object` points to a valid `file_obj` whose `fo_name` is a string in C's sense. Both are
/// read during the call only.
pub use bindings::port_associate;

/// [`port_dissociate(3C)`](https://illumos.org/man/3C/port_associate)`(port, source, object)` ends an association.
///
/// `ENOENT` when there is none, such as after its event. That does not prove that no event of a file will come.
///
/// # Safety
///
/// None needed: `object` is compared, not followed.
pub use bindings::port_dissociate;

/// [`port_send(3C)`](https://illumos.org/man/3C/port_send)`(port, events, user)` queues an event of
/// [`PORT_SOURCE_USER`].
///
/// A signal handler may call it.
///
/// # Safety
///
/// None needed: `user` is not followed.
pub use bindings::port_send;

/// [`port_sendn(3C)`](https://illumos.org/man/3C/port_send)`(ports, errors, nent, events, user)` queues an event on each
/// of several ports.
///
/// Returns how many got it. When that is fewer than `nent`, `errors` holds an `errno`, or 0, for each port.
///
/// # Safety
///
/// `ports` and `errors` both point to `nent` numbers.
pub use bindings::port_sendn;

/// [`port_get(3C)`](https://illumos.org/man/3C/port_get)`(port, event, timeout)` waits for one event and takes it.
///
/// Prefer [`port_getn`]: this call cannot tell an event from none when the timeout is zero.
///
/// # Safety
///
/// `event` points to room for an event; `timeout` is null, to wait for ever, or points to a `timespec`.
pub use bindings::port_get;

/// [`port_getn(3C)`](https://illumos.org/man/3C/port_get)`(port, list, max, nget, timeout)` waits for `*nget` events,
/// takes up to `max` and stores in `*nget` how many it took.
///
/// A `max` of 0 takes none and stores how many wait.
///
/// # Safety
///
/// `list` points to room for `max` events, `nget` to a number; `timeout` is null, to wait for ever, or points to a
/// `timespec`.
pub use bindings::port_getn;

/// [`port_alert(3C)`](https://illumos.org/man/3C/port_alert)`(port, flags, events, user)` enters alert mode or, with
/// events of 0, leaves it.
///
/// While it lasts, all that anyone retrieves is the alert. It is not used up.
///
/// # Safety
///
/// None needed: `user` is not followed.
pub use bindings::port_alert;

/// An event: what happened, to what, and the cookie it was asked for with.
///
/// | `portev_source` | `portev_object` | `portev_events` |
/// |---|---|---|
/// | [`PORT_SOURCE_AIO`] | address of the `aiocb`, or of the `sigevent` of a list | the operation |
/// | [`PORT_SOURCE_TIMER`] | the `timer_t` | expirations since the last event |
/// | [`PORT_SOURCE_USER`] | 0 | what the sender gave |
/// | [`PORT_SOURCE_FD`] | the descriptor | [`POLLIN`] and its like |
/// | [`PORT_SOURCE_ALERT`] | 0 | what [`port_alert`] was given |
/// | [`PORT_SOURCE_MQ`] | the `mqd_t` | 0 |
/// | [`PORT_SOURCE_FILE`] | address of the [`file_obj`] | [`FILE_ACCESS`] and its like |
///
/// No source is 0: zero `portev_source` before a call to see whether an event was written. `portev_pad` never means
/// anything.
pub use bindings::port_event;
/// [`port_event`], by its other C name.
pub use bindings::port_event_t;

/// Which port gets an event, and with which cookie: where `sigev_value` of a `sigevent` points when its `sigev_notify`
/// is [`SIGEV_PORT`].
pub use bindings::port_notify;
/// [`port_notify`], by its other C name.
pub use bindings::port_notify_t;

/// A file to watch.
///
/// `fo_name` is its path. `fo_atime`, `fo_mtime` and `fo_ctime` are the times last seen: where one differs from the
/// file's now, the event comes at once; one that is zero is not compared. `fo_pad` is zero.
pub use bindings::file_obj;
/// [`file_obj`], by its other C name.
pub use bindings::file_obj_t;

/// Source of an event: asynchronous I/O that asked for [`SIGEV_PORT`] is complete.
pub use bindings::PORT_SOURCE_AIO;
/// Source of an event: a call of [`port_alert`].
pub use bindings::PORT_SOURCE_ALERT;
/// Source of an event: a descriptor.
pub use bindings::PORT_SOURCE_FD;
/// Source of an event: a file.
pub use bindings::PORT_SOURCE_FILE;
/// Source of an event: a message queue that asked for [`SIGEV_PORT`] is no longer empty.
pub use bindings::PORT_SOURCE_MQ;
/// Source of an event: a timer made with [`SIGEV_PORT`] expired.
pub use bindings::PORT_SOURCE_TIMER;
/// Source of an event: a call of [`port_send`] or [`port_sendn`].
pub use bindings::PORT_SOURCE_USER;

/// Both flags of [`port_alert`], which together are an error.
pub use bindings::PORT_ALERT_INVALID;
/// Flag of [`port_alert`]: enter alert mode, or replace the alert.
pub use bindings::PORT_ALERT_SET;
/// Flag of [`port_alert`]: enter alert mode; `EBUSY` when it is on.
pub use bindings::PORT_ALERT_UPDATE;

/// File event: the file was read.
pub use bindings::FILE_ACCESS;
/// File event: attributes of the file changed.
pub use bindings::FILE_ATTRIB;
/// File event: the file was deleted. Comes unasked; asking for it is an error.
pub use bindings::FILE_DELETE;
/// All file events that come unasked.
pub use bindings::FILE_EXCEPTION;
/// File event: the content of the file changed.
pub use bindings::FILE_MODIFIED;
/// Asked for with file events, never returned: watch a symbolic link itself.
pub use bindings::FILE_NOFOLLOW;
/// File event: the file has another name now. Comes unasked; asking for it is an error.
pub use bindings::FILE_RENAME_FROM;
/// File event: another file took the name. Comes unasked; asking for it is an error.
pub use bindings::FILE_RENAME_TO;
/// File event: the file was truncated.
pub use bindings::FILE_TRUNC;
/// File event: something was mounted over the file. Comes unasked; asking for it is an error.
pub use bindings::MOUNTEDOVER;
/// File event: the file system was unmounted. Comes unasked; asking for it is an error.
pub use bindings::UNMOUNTED;
