//! Many events at once, in a buffer that is reused.

use crate::event::{Extra, Slot};
use crate::retrieve::OnSignal;
use crate::{EventPort, EventRef, GetNError, Outcome};
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::ops::Range;
use std::time::Duration;

/// A batch of events, to be filled by [`EventPort::get_into`] or [`EventPort::batch`] again and again.
///
/// It is allocated once. Each filling replaces what it held.
///
/// ```
/// use event_ports::{EventPort, Events, Outcome};
/// use std::time::Duration;
///
/// let port = EventPort::new()?;
/// port.send(1, 10)?;
/// port.send(1, 11)?;
/// let mut events = Events::with_capacity(64);
/// assert_eq!(port.get_into(&mut events, None)?, Outcome::Filled);
/// assert_eq!(events.iter().map(|event| event.user).collect::<Vec<_>>(), [10, 11]);
/// assert_eq!(port.get_into(&mut events, Some(Duration::ZERO))?, Outcome::TimedOut);
/// assert!(events.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Events {
    /// No slot from `written` on says it was written.
    slots: Box<[Slot]>,
    /// How many events there are.
    len: usize,
    /// How many slots must be cleared before the kernel may have them again; at least `len`.
    written: usize,
    /// What more there is to some of the events, by their index, which grows.
    extras: Vec<(usize, Extra)>,
}

impl Events {
    /// An empty batch with room for `capacity` events.
    ///
    /// One without room cannot be filled: that is an error ([`GetNError::is_invalid_range`]).
    ///
    /// ```
    /// assert_eq!(event_ports::Events::with_capacity(64).capacity(), 64);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { slots: vec![Slot::EMPTY; capacity].into(), len: 0, written: 0, extras: Vec::new() }
    }

    /// How many events there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many events there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no event.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the events. Filling does that, too; this lets go of the objects they hold sooner.
    pub fn clear(&mut self) {
        self.len = 0;
        self.extras.clear();
    }

    /// The event at `index`, in the order in which the port delivered them.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        let slot = self.slots[..self.len].get(index)?;
        Some(EventRef::new(slot, self.extra(index, slot)))
    }

    /// The events, in the order in which the port delivered them.
    #[inline]
    pub fn iter(&self) -> EventsIter<'_> {
        EventsIter { events: self, range: 0..self.len }
    }

    #[inline]
    fn extra(&self, index: usize, slot: &Slot) -> Option<&Extra> {
        if Extra::may_belong_to(slot.source()) { self.find_extra(index) } else { None }
    }

    fn find_extra(&self, index: usize) -> Option<&Extra> {
        let at = self.extras.binary_search_by_key(&index, |&(index, _)| index).ok()?;
        self.extras.get(at).map(|(_, extra)| extra)
    }

    /// Takes events from the port into the first `max` slots.
    #[inline]
    fn fill(
        &mut self,
        port: &EventPort,
        min: usize,
        max: usize,
        timeout: Option<Duration>,
        on_signal: OnSignal,
    ) -> io::Result<Outcome> {
        self.len = 0;
        if !self.extras.is_empty() {
            self.extras.clear();
        }
        for slot in &mut self.slots[..self.written] {
            slot.clear();
        }
        self.written = 0;
        if min == 0 || min > max || max > self.slots.len() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let (filled, result) = port.shared.retrieve(&mut self.slots[..max], min, timeout, on_signal);
        self.len = filled;
        self.written = filled;
        for (index, slot) in self.slots[..filled].iter().enumerate() {
            if Extra::may_belong_to(slot.source()) {
                self.extras.push((index, port.shared.extra(slot)));
            }
        }
        result
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = EventRef<'a>;
    type IntoIter = EventsIter<'a>;

    #[inline]
    fn into_iter(self) -> EventsIter<'a> {
        self.iter()
    }
}

/// Iterator over a batch, made by [`Events::iter`].
#[derive(Debug, Clone)]
pub struct EventsIter<'a> {
    events: &'a Events,
    range: Range<usize>,
}

impl<'a> EventsIter<'a> {
    #[inline]
    fn at(&self, index: usize) -> Option<EventRef<'a>> {
        self.events.get(index)
    }
}

impl<'a> Iterator for EventsIter<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        let index = self.range.next()?;
        self.at(index)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for EventsIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.range.next_back()?;
        self.at(index)
    }
}

impl ExactSizeIterator for EventsIter<'_> {}
impl FusedIterator for EventsIter<'_> {}

/// A retrieval with all its choices, made by [`EventPort::batch`].
///
/// ```
/// use event_ports::{EventPort, Events, Outcome};
/// use std::time::Duration;
///
/// let port = EventPort::new()?;
/// let mut events = Events::with_capacity(64);
/// port.send(1, 0)?;
/// let outcome = port.batch(&mut events).min(2).max(10).timeout(Some(Duration::from_millis(1))).get()?;
/// assert_eq!((outcome, events.len()), (Outcome::TimedOut, 1)); // the one that came is not lost
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is retrieved before `get`"]
pub struct Batch<'a> {
    port: &'a EventPort,
    events: &'a mut Events,
    min: usize,
    max: usize,
    timeout: Option<Duration>,
    on_signal: OnSignal,
}

impl Batch<'_> {
    /// How many events to wait for; 1 unless set.
    ///
    /// Threads that wait for different numbers get in each other's way: one that wants few may sleep although there are
    /// enough for it (WAIT-2). Where several threads wait, leave it at 1.
    pub fn min(mut self, min: usize) -> Self {
        self.min = min;
        self
    }

    /// How many events to take at most; what the batch has room for unless set.
    pub fn max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// How long to wait; without end unless set. See [`EventPort::get`].
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether to return when a signal arrives, with [`Outcome::Interrupted`]. Unless set, the wait goes on.
    pub fn interruptible(mut self, interruptible: bool) -> Self {
        self.on_signal = if interruptible { OnSignal::Return } else { OnSignal::WaitOn };
        self
    }

    /// `port_getn`: waits, and takes what there is.
    ///
    /// Whatever the result, an error included, the batch holds the events that were taken; none is lost.
    ///
    /// # Errors
    /// `min` is 0 or more than `max`, or `max` more than there is room for ([`GetNError::is_invalid_range`]).
    ///
    /// See [port_getn(3C)](https://illumos.org/man/3C/port_getn).
    #[doc(alias = "port_getn")]
    #[inline]
    pub fn get(self) -> Result<Outcome, GetNError> {
        let Self { port, events, min, max, timeout, on_signal } = self;
        events.fill(port, min, max, timeout, on_signal).map_err(|source| GetNError { min, max, timeout, source })
    }
}

impl EventPort {
    /// `port_getn`: waits until there is an event and takes as many as the batch has room for.
    ///
    /// It allocates nothing. See [`get`](Self::get) for the timeout, and [`batch`](Self::batch) for more choices.
    ///
    /// # Errors
    /// The batch has no room at all ([`GetNError::is_invalid_range`]).
    ///
    /// See [port_getn(3C)](https://illumos.org/man/3C/port_getn).
    ///
    /// ```
    /// use event_ports::{EventPort, Events, Outcome};
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// let mut events = Events::with_capacity(64);
    /// port.send(1, 0)?;
    /// while port.get_into(&mut events, Some(Duration::ZERO))? == Outcome::Filled {
    ///     for event in &events {
    ///         println!("{event:?}");
    ///     }
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_getn")]
    #[inline]
    pub fn get_into(&self, events: &mut Events, timeout: Option<Duration>) -> Result<Outcome, GetNError> {
        self.batch(events).timeout(timeout).get()
    }

    /// Prepares a retrieval into a batch: how many events to wait for and to take, for how long, and whether a signal
    /// ends it. [`Batch::get`] carries it out.
    #[doc(alias = "port_getn")]
    #[inline]
    pub fn batch<'a>(&'a self, events: &'a mut Events) -> Batch<'a> {
        let max = events.capacity();
        Batch { port: self, events, min: 1, max, timeout: None, on_signal: OnSignal::WaitOn }
    }
}
