//! Typed, sound access to [illumos event ports](https://illumos.org/man/3C/port_create).
//!
//! An event port is one kernel queue for events of many kinds. A program tells the port what it wants to hear of, by
//! associating descriptors and files with it; then its threads take events from the port, one by one or in batches.
//!
//! ```
//! use event_ports::{Event, EventPort, PollEvents};
//! use std::io::Write;
//! use std::os::unix::net::UnixStream;
//! use std::time::Duration;
//!
//! let port = EventPort::new()?;
//! let (socket, mut other_end) = UnixStream::pair()?;
//! port.associate_fd(&socket, PollEvents::IN, 7)?;
//! port.send(1, 8)?;
//! other_end.write_all(b"hello")?;
//!
//! for event in port.get_n(10, Some(Duration::from_secs(1)))? {
//!     match event.view() {
//!         Event::Fd { fd, events } => println!("descriptor {fd}: {events}, cookie {}", event.user),
//!         Event::User { events } => println!("sent: {events}, cookie {}", event.user),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | what happens | is asked for by | and comes as |
//! |---|---|---|
//! | a descriptor is ready | [`EventPort::associate_fd`] | [`Event::Fd`] |
//! | a file changes, moves, or goes | [`EventPort::associate_file`] | [`Event::File`] |
//! | time passes | [`Timer`] | [`Event::Timer`] |
//! | a read, write or fsync is done, or a list | [`EventPort::aio_read`] and its like | [`Event::Aio`], [`Event::AioList`] |
//! | a message queue gets a message | [`MessageQueue::notify`] | [`Event::Mq`] |
//! | a program has something to say | [`EventPort::send`], [`EventPort::send_n`], [`Waker`] | [`Event::User`] |
//! | every thread shall look up at once | [`EventPort::alert`] | [`Event::Alert`] |
//!
//! Events are taken by [`EventPort::get`], [`EventPort::get_n`], and without an allocation per call by
//! [`EventPort::get_into`] into [`Events`]. The raw calls are in [`sys`].
//!
//! On top of that, [`Watcher`] keeps any number of paths watched: files that are replaced or rotated, directories with
//! what is in them.
//!
//! # One-shot
//! An association brings *one* event. Then it is spent, for every kind of readiness at once, and the program associates
//! again when it has dealt with the event. That is the point of the design: an object is with one thread at a time, and
//! a loop that is slow is not flooded. Two rules follow:
//! - After an event, associate again with *all* that is wanted, not merely with what came.
//! - An object that is associated again while ready brings the next event at once; so reading only part of what is
//!   there loses nothing.
//!
//! An event says that something *was* so. Make descriptors non-blocking, and look again at files.
//!
//! # Files
//! A [`FileObj`] names a file and remembers its times; a change since then is reported at once. So refresh it *before*
//! looking at the file, and nothing is missed:
//!
//! ```no_run
//! use event_ports::{EventPort, FileEvents, FileObj};
//!
//! let port = EventPort::new()?;
//! let mut log = FileObj::new("/var/log/app.log")?;
//! loop {
//!     log.refresh()?;
//!     println!("{} bytes", std::fs::metadata(log.path())?.len());
//!     port.associate_file(&log, FileEvents::MODIFIED | FileEvents::ATTRIB, 7)?;
//!
//!     let event = port.get(None)?;
//!     println!("{}: {}", log.path().display(), event.file_events().unwrap_or_default());
//!     assert_eq!(event.as_file_obj()?.as_ref(), Some(&log)); // the same object, not a copy
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Cookies
//! Each association carries a `usize` that comes back in the event's `user`. Use an index into a table rather than a
//! pointer: an event already retrieved may be about something that another thread has just closed, and an association
//! that ends by itself never gives its cookie back.
//!
//! # Threads
//! An [`EventPort`] can be used by any number of threads at once, by reference or by clone. Each event goes to exactly
//! one of them, alerts excepted. The calls take no lock while they wait. Let all threads wait for one event at a time
//! ([`Batch::min`]). Closing is by dropping the last handle, so no thread can be waiting; to make threads stop, send
//! each an event, or use [`EventPort::alert`].
//!
//! # Time
//! A timeout is measured on the monotonic clock. Setting the time of day neither ends nor prolongs it, any
//! [`Duration`](std::time::Duration) is good, `None` waits without end, and zero only looks. Signals do not end a wait
//! unless a batch asks for it ([`Batch::interruptible`]).
//!
//! # Limits
//! A port holds a number of associations and queued events, 65,536 unless the resource control
//! `process.max-port-events` said otherwise when it was created; a spent association counts until it is dissociated or
//! its descriptor closed. Beyond that, associating and sending fail, and the errors say so (`is_limit`).
//!
//! # Processes
//! A port has close-on-exec set. After `fork` the child should make its own: it cannot retrieve the events of files its
//! parent watches, nor end its associations, but it would take events meant for the parent. Drop the port in the child,
//! which leaves the parent's associations alone, or leave it unused.
//!
//! # Linux
//! Linux has no event ports; there the crate `event-ports-linux` implements them, so that a program can be written and
//! tested there. The values of poll bits are the system's own ([`PollEvents`] hides that). A few things cannot be as on
//! illumos; its `DEVIATIONS.md` lists them. The most visible: readiness that ended before anyone looked gives no event,
//! in a forked child an inherited port begins anew and empty, and watching a file takes the permission to read it. What
//! only Linux has is in the module `linux`.
//!
//! # Gotchas
//! - Closing a descriptor ends its association and discards its event, silently.
//! - Two descriptors of one open file are two things to a port.
//! - Never duplicate a port's descriptor; clone the [`EventPort`].
//! - A loop that ignores [`Event::Alert`] spins.
//! - A directory's event says that entries changed, not which; and watching is not recursive. A [`Watcher`] finds out,
//!   and reaches below.
//! - After a file's exception ([`FileEvents::is_exception`]) the path may mean another file.

#[cfg(not(any(target_os = "illumos", target_os = "linux")))]
compile_error!("event-ports supports illumos, and Linux through event-ports-linux");

mod aio;
mod alert;
#[cfg(test)]
mod allocations;
mod batch;
mod dissociated;
mod error;
mod event;
mod fd;
mod file;
mod flags;
mod keys;
#[cfg(target_os = "linux")]
pub mod linux;
mod mq;
mod pending;
mod poll_events;
mod port;
mod retrieve;
mod send;
mod source;
mod time;
mod timer;
mod waker;
mod watch;

pub use aio::{
    AioCancel, AioCompletion, AioFd, AioId, AioList, AioListCompletion, AioListRequest, AioOperation, AioRequest,
    AioSync,
};
pub use alert::{AlertGuard, AlertOutcome};
pub use batch::{Batch, Events, EventsIter};
pub use dissociated::Dissociated;
pub use error::{
    AioError, AioListError, AlertError, AssociateFdError, AssociateFileError, DissociateFdError, DissociateFileError,
    ExtractFileObjError, FileObjError, GetError, GetNError, MqError, MqNotifyError, MqOpenError, PendingError,
    PortCreateError, RefreshError, SendError, TimerCreateError, TimerError,
};
pub use event::{Event, EventRef, PortEvent};
pub use event_ports_sys as sys;
pub use fd::Descriptor;
pub use file::{FileEvents, FileObj};
pub use mq::{MessageQueue, MessageQueueOptions, MqAttributes, QueueId};
pub use poll_events::PollEvents;
pub use port::EventPort;
pub use retrieve::Outcome;
pub use source::EventSource;
pub use timer::{Clock, Timer, TimerId, TimerSetting, When};
pub use waker::{Wake, Waker};
pub use watch::{Change, ChangeKind, Changes, Depth, FileId, WatchError, WatchFailure, WatchOptions, Watcher};

/// What may go to another thread, and be used from several: all of it.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<EventPort>();
    send_and_sync::<PortEvent>();
    send_and_sync::<EventRef<'_>>();
    send_and_sync::<Event<'_>>();
    send_and_sync::<Events>();
    send_and_sync::<FileObj>();
    send_and_sync::<Timer>();
    send_and_sync::<AioRequest>();
    send_and_sync::<AioCompletion>();
    send_and_sync::<AioList>();
    send_and_sync::<AioListRequest>();
    send_and_sync::<MessageQueue>();
    send_and_sync::<Waker>();
    send_and_sync::<Watcher>();
    send_and_sync::<AlertGuard<'_>>();
    send_and_sync::<GetError>();
};
