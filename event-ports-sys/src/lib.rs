//! Raw bindings to [event ports](https://illumos.org/man/3C/port_create), illumos's one queue for readiness of
//! descriptors, changes of files, timers, completed asynchronous I/O, message queues, alerts and a program's own events.
//!
//! This crate has what `<port.h>` has, under the same names and with nothing around it. The crate `event-ports` puts
//! types and ownership on top; use that one unless you write such a layer yourself.
//!
//! # In one screen
//!
//! ```
//! use event_ports_sys::{PORT_SOURCE_FD, POLLIN, port_associate, port_create, port_event, port_getn};
//! use std::io::{Error, Write};
//! use std::os::fd::AsRawFd;
//! use std::os::unix::net::UnixStream;
//! use std::{mem, ptr};
//!
//! let (reader, mut writer) = UnixStream::pair()?;
//!
//! // SAFETY: the call has no arguments.
//! let port = unsafe { port_create() };
//! assert!(port >= 0, "{}", Error::last_os_error());
//!
//! // For one event the port now watches the descriptor. The cookie, 7, comes back with the event.
//! let cookie = ptr::without_provenance_mut(7);
//! // SAFETY: a descriptor's number is no pointer, and the cookie is never followed.
//! let done = unsafe { port_associate(port, PORT_SOURCE_FD, reader.as_raw_fd() as usize, POLLIN, cookie) };
//! assert_eq!(done, 0, "{}", Error::last_os_error());
//! writer.write_all(b"x")?;
//!
//! // SAFETY: all zeros is a valid `port_event`.
//! let mut events: [port_event; 8] = unsafe { mem::zeroed() };
//! let mut count = 1; // wait until there is one
//! // SAFETY: there is room for eight events; no timeout waits for ever.
//! let done = unsafe { port_getn(port, events.as_mut_ptr(), 8, &mut count, ptr::null_mut()) };
//! assert_eq!(done, 0, "{}", Error::last_os_error());
//! assert_eq!(count, 1);
//! assert_eq!(events[0].portev_source, PORT_SOURCE_FD as u16);
//! assert_eq!(events[0].portev_events & POLLIN, POLLIN);
//! assert_eq!(events[0].portev_user, cookie);
//!
//! // SAFETY: the port is ours and used no more.
//! unsafe { libc::close(port) };
//! # Ok::<(), Error>(())
//! ```
//!
//! # What a caller must know
//!
//! - A call that fails returns -1 and sets `errno`; its manual page lists the values. [`port_sendn`] may also do part of
//!   its work, and returns how much.
//! - Associations with descriptors and files are *one-shot*: an event ends them, and only another [`port_associate`]
//!   brings the next. Timers go on by themselves.
//! - The `portev_object` of a file's event is the address of the [`file_obj`] of the association. The kernel keeps no
//!   pointer to that structure, only the number; whether memory is still there is for the caller to know.
//! - [`port_get`] with a timeout of zero and nothing to return succeeds on illumos and writes no event. Use
//!   [`port_getn`].
//! - [`port_getn`] takes in `nget` how many events to *wait* for and in `max` how many to *take*. When it fails with
//!   `ETIME` it may have taken events all the same: `nget` says how many. After other errors `nget` means nothing.
//! - `close(2)` on a duplicate of a port's descriptor, too, takes away all associations of the process. Do not duplicate
//!   it.
//!
//! # Systems
//!
//! | `target_os` | implementation |
//! |---|---|
//! | `illumos` | the system's own, in libc; nothing is linked |
//! | `linux` | the crate [`event-ports-linux`](https://docs.rs/event-ports-linux), which this crate brings along |
//!
//! Structures, constants and signatures are the same on both, with three exceptions, whose values are the host's:
//! the [`POLLIN`] family, the types of timers, asynchronous I/O and message queues, and [`SIGEV_PORT`]. Module `linux`,
//! there only on Linux, has what Linux adds.
//!
//! The crate is `no_std`. On Linux the implementation behind it is not.
//!
//! # Where the bindings come from
//!
//! With the feature `bindgen`, on by default, the build script makes them from the system's headers: it needs
//! libclang and those headers. Without either, a warning says so, and the copy in the package is used; it is what bindgen
//! makes on both systems, to the byte, and a test holds it to that. Without the feature nothing is generated or needed.
//!
//! Variables of the environment steer this:
//!
//! - `EVENT_PORTS_SYS_REQUIRE_BINDGEN`, set and not `0`: it is an error, not a warning, when bindings cannot be made.
//! - `EVENT_PORTS_SYS_SYSROOT`: where a build for illumos finds the headers, in `usr/include` below it. A build on
//!   illumos itself needs it only for other headers than the system's; a build on another system always.
//! - `LIBCLANG_PATH`, `BINDGEN_EXTRA_CLANG_ARGS` and others are bindgen's, which documents them.
#![no_std]

#[cfg(all(any(target_os = "illumos", target_os = "linux"), target_pointer_width = "64"))]
mod items;
#[cfg(all(any(target_os = "illumos", target_os = "linux"), target_pointer_width = "64"))]
pub use items::*;

#[cfg(not(all(any(target_os = "illumos", target_os = "linux"), target_pointer_width = "64")))]
compile_error!("event-ports-sys supports 64-bit targets whose target_os is \"illumos\" or \"linux\", and no others");
