//! Many events at once, in a buffer that is reused.

use crate::event::{Extra, Slot};
use crate::retrieve::{OnSignal, Retrieved, retrieve};
use crate::{EventPort, EventRef, GetNError, Outcome};
use std::fmt;
use std::io;
use std::iter::{Enumerate, FusedIterator};
use std::slice;
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
        EventsIter { events: self, slots: self.slots[..self.len].iter().enumerate() }
    }

    #[inline]
    fn extra(&self, index: usize, slot: &Slot) -> Option<&Extra> {
        if Extra::may_belong_to(slot.source()) { self.find_extra(index) } else { None }
    }

    #[cold]
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
    ) -> Result<Outcome, i32> {
        self.len = 0;
        if !self.extras.is_empty() {
            self.extras.clear();
        }
        for slot in &mut self.slots[..self.written] {
            slot.clear();
        }
        self.written = 0;
        if min == 0 || min > max || max > self.slots.len() {
            return Err(libc::EINVAL);
        }
        let Retrieved { filled, extras, end } =
            retrieve(&*port.shared, &mut self.slots[..max], min, timeout, on_signal);
        self.len = filled;
        self.written = filled;
        if extras {
            self.look_up(port);
        }
        end
    }

    #[cold]
    fn look_up(&mut self, port: &EventPort) {
        for (index, slot) in self.slots[..self.len].iter_mut().enumerate() {
            if Extra::may_belong_to(slot.source()) {
                self.extras.push((index, port.shared.extra(slot)));
            }
        }
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
    slots: Enumerate<slice::Iter<'a, Slot>>,
}

impl<'a> EventsIter<'a> {
    #[inline]
    fn event(&self, (index, slot): (usize, &Slot)) -> EventRef<'a> {
        EventRef::new(slot, self.events.extra(index, slot))
    }
}

impl<'a> Iterator for EventsIter<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        let slot = self.slots.next()?;
        Some(self.event(slot))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl DoubleEndedIterator for EventsIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let slot = self.slots.next_back()?;
        Some(self.event(slot))
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
        events.fill(port, min, max, timeout, on_signal).map_err(|errno| get_n_error(min, max, timeout, errno))
    }
}

#[cold]
fn get_n_error(min: usize, max: usize, timeout: Option<Duration>, errno: i32) -> GetNError {
    GetNError { min, max, timeout, source: io::Error::from_raw_os_error(errno) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, FileObj, source};

    #[test]
    fn an_event_has_its_own_extra() {
        let objects = [FileObj::new("/").unwrap(), FileObj::new("/dev").unwrap()];
        let slots = [
            Slot::written(1, source::FILE, objects[0].id(), 0),
            Slot::written(1, source::FD, 5, 1),
            // Of an object nobody knows: nothing is filed for it.
            Slot::written(1, source::FILE, 77, 2),
            Slot::written(1, source::FILE, objects[1].id(), 3),
        ];
        let mut events = Events::with_capacity(4);
        events.slots.copy_from_slice(&slots);
        events.len = 4;
        events.written = 4;
        events.extras =
            vec![(0, Extra::File(objects[0].clone())), (2, Extra::None), (3, Extra::File(objects[1].clone()))];
        let found: Vec<_> = events.iter().map(|event| event.as_file_obj().map_err(|error| error.object)).collect();
        let [first, second] = objects;
        assert_eq!(found, [Ok(Some(first)), Ok(None), Err(77), Ok(Some(second.clone()))]);
        assert!(matches!(events.iter().next_back().map(|event| event.view()),
            Some(Event::File { object, .. }) if *object == second));
        let kept = events.get(3).map(|event| event.to_owned()).unwrap();
        events.clear();
        assert_eq!(kept.as_file_obj().unwrap(), Some(second));
        assert!(events.is_empty() && events.get(0).is_none());
    }

    #[test]
    fn min_and_max_are_checked() {
        let port = EventPort::new().unwrap();
        port.send(1, 0).unwrap();
        let mut events = Events::with_capacity(4);
        for (min, max) in [(0, 4), (3, 2), (1, 5), (5, 5), (1, 0)] {
            let error = port.batch(&mut events).min(min).max(max).get().unwrap_err();
            assert!(error.is_invalid_range(), "{min} to {max}");
            assert_eq!((error.min, error.max), (min, max));
        }
        assert!(port.get_into(&mut Events::with_capacity(0), None).unwrap_err().is_invalid_range());
        // Nothing was taken by those.
        assert_eq!(port.get_into(&mut events, None).unwrap(), Outcome::Filled);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn s6_a_batch_used_again_shows_nothing_of_before() {
        let port = EventPort::new().unwrap();
        let mut events = Events::with_capacity(8);
        for count in [8, 3, 5, 0, 1] {
            (0..count).for_each(|user| port.send(count, user as usize).unwrap());
            let outcome = port.get_into(&mut events, Some(Duration::ZERO)).unwrap();
            assert_eq!(outcome, if count == 0 { Outcome::TimedOut } else { Outcome::Filled });
            assert_eq!(events.len(), count as usize);
            assert!(events.iter().all(|event| event.events == count));
            // What the kernel will be given next time is clean beyond what it wrote.
            assert!(events.slots[events.written..].iter().all(|slot| slot.source() == 0));
        }
    }

    #[test]
    fn max_leaves_the_rest_in_the_port() {
        let port = EventPort::new().unwrap();
        (0..5).for_each(|user| port.send(1, user).unwrap());
        let mut events = Events::with_capacity(8);
        assert_eq!(port.batch(&mut events).min(2).max(3).get().unwrap(), Outcome::Filled);
        assert!(events.iter().map(|event| event.user).eq(0..3));
        assert_eq!(port.pending().unwrap(), 2);
    }
}
