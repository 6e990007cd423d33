//! Events as the program sees them.

use crate::port::Shared;
use crate::source;
use crate::{
    AioCompletion, AioListCompletion, EventSource, ExtractFileObjError, FileEvents, FileObj, PollEvents, QueueId,
    TimerId, sys,
};
use std::fmt;
use std::os::fd::RawFd;
use std::ptr;

/// A place for the kernel to write an event.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Slot(sys::port_event);

// SAFETY: the one pointer in it, the cookie, is a number to the crate and never dereferenced.
unsafe impl Send for Slot {}
// SAFETY: as above; a shared slot is only read.
unsafe impl Sync for Slot {}

impl Slot {
    /// A slot the kernel has not written: no source has the value 0 (CONST-1).
    pub(crate) const EMPTY: Self = Self(sys::port_event {
        portev_events: 0,
        portev_source: 0,
        portev_pad: 0,
        portev_object: 0,
        portev_user: ptr::null_mut(),
    });

    /// Makes the slot recognisable as not written.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.0.portev_source = 0;
    }

    #[inline]
    pub(crate) fn source(&self) -> u16 {
        self.0.portev_source
    }

    #[inline]
    pub(crate) fn events(&self) -> i32 {
        self.0.portev_events
    }

    #[inline]
    pub(crate) fn object(&self) -> usize {
        self.0.portev_object
    }

    #[inline]
    pub(crate) fn user(&self) -> usize {
        self.0.portev_user.addr()
    }

    /// Replaces the cookie.
    pub(crate) fn set_user(&mut self, user: usize) {
        self.0.portev_user = ptr::without_provenance_mut(user);
    }

    #[cfg(test)]
    pub(crate) fn written(events: i32, source: u16, object: usize, user: usize) -> Self {
        Self(sys::port_event {
            portev_events: events,
            portev_source: source,
            portev_pad: 0,
            portev_object: object,
            portev_user: ptr::without_provenance_mut(user),
        })
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the padding is whatever was in the kernel's memory (TYPE-2).
        f.debug_struct("Slot")
            .field("events", &self.events())
            .field("source", &self.source())
            .field("object", &self.object())
            .field("user", &self.user())
            .finish()
    }
}

/// What the crate knows about an event beyond the four numbers, looked up when the event is retrieved.
#[derive(Debug, Clone)]
pub(crate) enum Extra {
    /// Nothing: the source has no more to tell, or the object is none the port knows.
    None,
    /// The object whose association sent the event.
    File(FileObj),
    /// The timer that expired.
    Timer(TimerId),
    /// What a request has brought.
    Aio(AioCompletion),
    /// What the requests of a list have brought.
    AioList(AioListCompletion),
    /// The queue that got a message.
    Queue(QueueId),
}

impl Extra {
    /// The sources whose events may have more to them than their numbers, as a set of bits.
    pub(crate) const SOURCES: u32 =
        source::bit(source::AIO) | source::bit(source::TIMER) | source::bit(source::MQ) | source::bit(source::FILE);

    /// Whether an event of this source may have more to it.
    #[inline]
    pub(crate) fn may_belong_to(source: u16) -> bool {
        source < 32 && Self::SOURCES & source::bit(source) != 0
    }
}

impl Shared {
    /// What more there is to an event. It must be asked once for each, and before its cookie is looked at.
    #[inline]
    pub(crate) fn extra(&self, slot: &mut Slot) -> Extra {
        if Extra::may_belong_to(slot.source()) { self.look_up(slot) } else { Extra::None }
    }

    #[cold]
    fn look_up(&self, slot: &mut Slot) -> Extra {
        match slot.source() {
            source::FILE => self.file_extra(slot.object()),
            source::TIMER => self.timer_extra(slot),
            source::AIO => self.aio_extra(slot),
            source::MQ => self.queue_extra(slot),
            _ => Extra::None,
        }
    }
}

/// An event taken from a port (`port_event_t`).
///
/// The four fields are what the system delivered; what `events` and `object` mean depends on `source`. The methods
/// decode them, and [`view`](Self::view) does it for every source at once:
///
/// ```
/// use event_ports::{Event, EventPort, EventSource};
///
/// let port = EventPort::new()?;
/// port.send(5, 42)?;
/// let event = port.get(None)?;
/// assert_eq!((event.source, event.events, event.user), (EventSource::User, 5, 42));
/// match event.view() {
///     Event::User { events } => assert_eq!(events, 5),
///     other => panic!("unexpected {other:?}"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "port_event")]
#[doc(alias = "port_event_t")]
pub struct PortEvent {
    /// What happened (`portev_events`): poll bits, file events, a count, an operation, or what the sender gave.
    pub events: i32,
    /// Where the event comes from (`portev_source`).
    pub source: EventSource,
    /// What the event is about (`portev_object`): a descriptor's number, a file object's address, an id, or 0.
    pub object: usize,
    /// The cookie given with the association or the sending (`portev_user`).
    pub user: usize,
    extra: Extra,
}

impl PortEvent {
    #[inline]
    pub(crate) fn new(slot: &Slot, extra: Extra) -> Self {
        Self {
            events: slot.events(),
            source: EventSource::from(slot.source()),
            object: slot.object(),
            user: slot.user(),
            extra,
        }
    }

    fn as_ref(&self) -> EventRef<'_> {
        EventRef {
            events: self.events,
            source: self.source,
            object: self.object,
            user: self.user,
            extra: Some(&self.extra),
        }
    }

    /// The readiness of the descriptor; `None` if the event is of another source.
    ///
    /// ```
    /// use event_ports::{EventPort, PollEvents};
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let port = EventPort::new()?;
    /// let (socket, mut other_end) = UnixStream::pair()?;
    /// port.associate_fd(&socket, PollEvents::IN, 0)?;
    /// other_end.write_all(b"x")?;
    /// assert_eq!(port.get(None)?.poll_events(), Some(PollEvents::IN));
    /// port.send(1, 0)?;
    /// assert_eq!(port.get(None)?.poll_events(), None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn poll_events(&self) -> Option<PollEvents> {
        self.as_ref().poll_events()
    }

    /// What happened to the file; `None` if the event is of another source.
    ///
    /// ```
    /// use event_ports::{EventPort, FileEvents, FileObj};
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-file-events-{}", std::process::id()));
    /// std::fs::write(&path, "one")?;
    /// let port = EventPort::new()?;
    /// let object = FileObj::new(&path)?;
    /// port.associate_file(&object, FileEvents::MODIFIED, 0)?;
    /// std::fs::remove_file(&path)?;
    /// assert_eq!(port.get(None)?.file_events(), Some(FileEvents::DELETE));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn file_events(&self) -> Option<FileEvents> {
        self.as_ref().file_events()
    }

    /// The file object the event is about: the very object that was associated, not a copy. `None` if the event is of
    /// another source.
    ///
    /// # Errors
    /// The event is about a file, but its object is none that this crate associated with the port.
    ///
    /// ```
    /// use event_ports::{EventPort, FileEvents, FileObj};
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-file-obj-{}", std::process::id()));
    /// std::fs::write(&path, "one")?;
    /// let port = EventPort::new()?;
    /// let object = FileObj::new(&path)?;
    /// port.associate_file(&object, FileEvents::MODIFIED, 0)?;
    /// std::fs::remove_file(&path)?;
    /// assert_eq!(port.get(None)?.as_file_obj()?, Some(object));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn as_file_obj(&self) -> Result<Option<FileObj>, ExtractFileObjError> {
        self.as_ref().as_file_obj()
    }

    /// The event decoded by its source.
    #[must_use]
    pub fn view(&self) -> Event<'_> {
        self.as_ref().view()
    }
}

/// An event in a batch of [`Events`](crate::Events): the same fields and methods as [`PortEvent`], borrowed.
///
/// ```
/// use event_ports::{EventPort, Events};
///
/// let port = EventPort::new()?;
/// port.send(1, 7)?;
/// let mut events = Events::with_capacity(16);
/// port.get_into(&mut events, None)?;
/// for event in &events {
///     assert_eq!((event.events, event.user), (1, 7));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// It cannot outlive the batch's next use:
///
/// ```compile_fail,E0502
/// use event_ports::{EventPort, Events};
///
/// let port = EventPort::new().unwrap();
/// let mut events = Events::with_capacity(16);
/// let first = events.get(0);
/// port.get_into(&mut events, None).unwrap();
/// println!("{first:?}");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    /// What happened (`portev_events`): poll bits, file events, a count, an operation, or what the sender gave.
    pub events: i32,
    /// Where the event comes from (`portev_source`).
    pub source: EventSource,
    /// What the event is about (`portev_object`): a descriptor's number, a file object's address, an id, or 0.
    pub object: usize,
    /// The cookie given with the association or the sending (`portev_user`).
    pub user: usize,
    extra: Option<&'a Extra>,
}

impl<'a> EventRef<'a> {
    #[inline]
    pub(crate) fn new(slot: &Slot, extra: Option<&'a Extra>) -> Self {
        Self {
            events: slot.events(),
            source: EventSource::from(slot.source()),
            object: slot.object(),
            user: slot.user(),
            extra,
        }
    }

    /// The readiness of the descriptor; `None` if the event is of another source.
    #[inline]
    #[must_use]
    pub fn poll_events(&self) -> Option<PollEvents> {
        matches!(self.source, EventSource::Fd).then(|| PollEvents::from_bits_retain(self.events))
    }

    /// What happened to the file; `None` if the event is of another source.
    #[inline]
    #[must_use]
    pub fn file_events(&self) -> Option<FileEvents> {
        matches!(self.source, EventSource::File).then(|| FileEvents::from_bits_retain(self.events))
    }

    /// The file object the event is about: the very object that was associated, not a copy. `None` if the event is of
    /// another source.
    ///
    /// # Errors
    /// The event is about a file, but its object is none that this crate associated with the port.
    pub fn as_file_obj(&self) -> Result<Option<FileObj>, ExtractFileObjError> {
        match (self.source, self.extra) {
            (EventSource::File, Some(Extra::File(object))) => Ok(Some(object.clone())),
            (EventSource::File, _) => Err(ExtractFileObjError { event_source: self.source, object: self.object }),
            _ => Ok(None),
        }
    }

    /// The event decoded by its source.
    #[inline]
    #[must_use]
    pub fn view(&self) -> Event<'a> {
        match (self.source, self.extra) {
            // The object of a descriptor's event is its number (FD-20), which fits.
            (EventSource::Fd, _) => {
                Event::Fd { fd: self.object as RawFd, events: PollEvents::from_bits_retain(self.events) }
            }
            (EventSource::User, _) => Event::User { events: self.events },
            (EventSource::Alert, _) => Event::Alert { events: self.events },
            (EventSource::File, Some(Extra::File(object))) => {
                Event::File { object, events: FileEvents::from_bits_retain(self.events) }
            }
            (EventSource::Timer, Some(&Extra::Timer(timer))) => {
                Event::Timer { timer, expirations: self.events.unsigned_abs() }
            }
            (EventSource::Aio, Some(Extra::Aio(completion))) => Event::Aio { completion },
            (EventSource::Aio, Some(Extra::AioList(list))) => Event::AioList { list },
            (EventSource::Mq, Some(&Extra::Queue(queue))) => Event::Mq { queue },
            _ => Event::Other { source: self.source, object: self.object, events: self.events },
        }
    }

    /// The event on its own, to be kept.
    #[must_use]
    pub fn to_owned(&self) -> PortEvent {
        PortEvent {
            events: self.events,
            source: self.source,
            object: self.object,
            user: self.user,
            extra: self.extra.cloned().unwrap_or(Extra::None),
        }
    }
}

/// An event decoded by its source, borrowed from a [`PortEvent`] or a batch of [`Events`](crate::Events).
///
/// The cookie is not repeated here: it is the field `user` of what this was made from.
///
/// ```
/// use event_ports::{Event, EventPort, Events, PollEvents};
/// use std::os::unix::net::UnixStream;
///
/// let port = EventPort::new()?;
/// let (socket, _other_end) = UnixStream::pair()?;
/// port.associate_fd(&socket, PollEvents::OUT, 0)?;
/// let mut events = Events::with_capacity(16);
/// port.get_into(&mut events, None)?;
/// for event in &events {
///     match event.view() {
///         Event::Fd { fd, events } => println!("descriptor {fd} is ready for {events}"),
///         Event::File { object, events } => println!("{}: {events}", object.path().display()),
///         Event::User { events } => println!("sent: {events}, {}", event.user),
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A descriptor became ready. Its association is spent until it is associated again.
    Fd {
        /// The descriptor's number. The descriptor may have been closed since.
        fd: RawFd,
        /// What it is ready for: a hint, since it may have changed since.
        events: PollEvents,
    },
    /// Something happened to a file. Its association is spent until it is associated again.
    File {
        /// The object that was associated.
        object: &'a FileObj,
        /// What happened.
        events: FileEvents,
    },
    /// A [`Timer`](crate::Timer) expired. If it has an interval it goes on by itself.
    Timer {
        /// Which timer. It may have been dropped since.
        timer: TimerId,
        /// How often it has expired since its last event: 1, or more if the loop was late.
        expirations: u32,
    },
    /// An asynchronous read, write or fsync is over ([`EventPort::aio_read`](crate::EventPort::aio_read) and its like).
    Aio {
        /// Its result, its buffer and what has kept its descriptor open.
        completion: &'a AioCompletion,
    },
    /// All requests of a list are over ([`EventPort::aio_list`](crate::EventPort::aio_list)).
    AioList {
        /// Their results, buffers and descriptors.
        list: &'a AioListCompletion,
    },
    /// A message came to an empty [`MessageQueue`](crate::MessageQueue). To hear again, ask again
    /// ([`MessageQueue::notify`](crate::MessageQueue::notify)).
    Mq {
        /// Which queue. It may have been dropped since.
        queue: QueueId,
    },
    /// A program sent an event ([`EventPort::send`](crate::EventPort::send)).
    User {
        /// What the sender gave.
        events: i32,
    },
    /// The port is in alert mode ([`EventPort::alert`](crate::EventPort::alert)). The event comes again with every
    /// retrieval until the mode is left.
    Alert {
        /// What was given with the alert.
        events: i32,
    },
    /// Anything else: a source this crate does not know, or an object the port does not.
    Other {
        /// Where the event comes from.
        source: EventSource,
        /// The object, as the system gave it.
        object: usize,
        /// The events, as the system gave them.
        events: i32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;

    fn event(source: u16, object: usize, events: i32) -> PortEvent {
        PortEvent::new(&Slot::written(events, source, object, 9), Extra::None)
    }

    #[test]
    fn views_follow_the_source() {
        let fd = event(source::FD, 7, sys::POLLIN);
        assert!(matches!(fd.view(), Event::Fd { fd: 7, events: PollEvents::IN }));
        assert_eq!(fd.poll_events(), Some(PollEvents::IN));
        assert_eq!(fd.file_events(), None);
        assert!(fd.as_file_obj().is_ok_and(|object| object.is_none()));
        assert!(matches!(event(source::ALERT, 0, 3).view(), Event::Alert { events: 3 }));
    }

    #[test]
    fn s2_an_unknown_object_is_an_error_with_the_raw_values_intact() {
        let file = event(source::FILE, 0xdead_beef, sys::FILE_DELETE);
        let error = file.as_file_obj().expect_err("nobody associated that");
        assert_eq!(error.object, 0xdead_beef);
        assert_eq!((file.object, file.user, file.events), (0xdead_beef, 9, sys::FILE_DELETE));
        assert_eq!(file.file_events(), Some(FileEvents::DELETE));
        assert!(matches!(
            file.view(),
            Event::Other { source: EventSource::File, object: 0xdead_beef, events: sys::FILE_DELETE }
        ));
    }

    #[test]
    fn s2_forged_fields_reach_nothing() {
        let mut forged = event(sys::PORT_SOURCE_USER as u16, 0, 1);
        forged.source = EventSource::File;
        forged.object = 8;
        assert!(forged.as_file_obj().is_err());
    }

    #[test]
    fn s8_an_unknown_source_is_kept() {
        let odd = event(77, 5, -1);
        assert_eq!(odd.source, EventSource::Unknown(77));
        assert!(matches!(odd.view(), Event::Other { source: EventSource::Unknown(77), object: 5, events: -1 }));
    }
}
