//! The watcher's port: arming objects, hearing events, and staying readable as long as there is something to do.

use crate::{Event, EventPort, Events, FileEvents, FileObj, GetNError, Outcome, PortCreateError, Waker};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// The cookies of objects are their places in a table. These are none.
const WAKE: usize = usize::MAX;
const NOTE: usize = usize::MAX - 1;

/// How many events are taken at once.
const BATCH: usize = 64;

/// How many notes may be in the queue. Each takes a slot of the port.
const MOST_NOTES: usize = 32;

/// An event of an object.
#[derive(Debug)]
pub(super) struct Heard {
    /// The place given with the object.
    pub(super) place: usize,
    pub(super) object: FileObj,
    pub(super) events: FileEvents,
}

/// The port and what was taken from it.
pub(super) struct Post {
    port: EventPort,
    waker: Waker,
    events: Events,
    inbox: VecDeque<Heard>,
    /// How many notes, which mean nothing themselves, are in the port's queue.
    notes: usize,
}

impl Post {
    pub(super) fn new() -> Result<Self, PortCreateError> {
        let port = EventPort::new()?;
        let waker = port.waker(0, WAKE);
        Ok(Self { port, waker, events: Events::with_capacity(BATCH), inbox: VecDeque::new(), notes: 0 })
    }

    pub(super) fn port(&self) -> &EventPort {
        &self.port
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Associates an object. `is_new` says that the system may need room for it that it has not needed before.
    pub(super) fn arm(&mut self, object: &FileObj, events: FileEvents, place: usize, is_new: bool) -> io::Result<()> {
        let armed = self.try_arm(object, events, place, is_new);
        if armed.is_err() && self.notes > 0 {
            // Room that notes take up is room.
            self.take_notes();
            return self.try_arm(object, events, place, is_new);
        }
        armed
    }

    fn try_arm(&mut self, object: &FileObj, events: FileEvents, place: usize, is_new: bool) -> io::Result<()> {
        self.port.associate_file(object, events, place)?;
        if is_new {
            // A full port makes no association and says nothing (FILE-12). Sending does say so. A port that is full
            // with this very association would lose the exceptions of all (FILE-36), so that is no good either.
            if let Err(error) = self.send_note() {
                self.disarm(object);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends the association of an object, if it has one.
    pub(super) fn disarm(&self, object: &FileObj) {
        // There is nobody to tell, and nothing that could be done: an event that comes nevertheless finds no object.
        let _ = self.port.dissociate_file(object);
    }

    /// Takes what comes within the time, and tells how that ended.
    pub(super) fn listen(&mut self, timeout: Option<Duration>) -> Result<Outcome, GetNError> {
        let outcome = self.port.get_into(&mut self.events, timeout);
        for event in &self.events {
            match event.view() {
                Event::File { object, events } => {
                    self.inbox.push_back(Heard { place: event.user, object: object.clone(), events });
                }
                Event::User { .. } if event.user == NOTE => self.notes = self.notes.saturating_sub(1),
                // The waker is asked anyway, and nothing else is known to come.
                _ => {}
            }
        }
        outcome
    }

    /// The next event that was taken.
    pub(super) fn next(&mut self) -> Option<Heard> {
        self.inbox.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Makes the port readable until the next time it is listened to.
    pub(super) fn stay_readable(&mut self) {
        if self.notes == 0 {
            // A port without room holds events, and is readable by them.
            let _ = self.send_note();
        }
    }

    /// Takes the notes that lie around, with what comes before them, so that they neither wake anyone nor take up room.
    pub(super) fn take_notes(&mut self) {
        while self.notes > 0 {
            // An error will show again when the program waits.
            if self.listen(Some(Duration::ZERO)).is_err() || self.events.is_empty() {
                return;
            }
        }
    }

    fn send_note(&mut self) -> io::Result<()> {
        if self.notes >= MOST_NOTES {
            self.take_notes();
        }
        self.port.send(0, NOTE)?;
        self.notes += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, PollEvents};
    use std::os::fd::AsFd;

    fn is_readable(post: &Post) -> bool {
        let outer = EventPort::new().unwrap();
        outer.associate_fd(post.port().as_fd(), PollEvents::IN, 0).unwrap();
        !outer.get_n(1, Some(Duration::ZERO)).unwrap().is_empty()
    }

    #[test]
    fn it_stays_readable_by_one_note() {
        let mut post = Post::new().unwrap();
        assert!(!is_readable(&post));
        post.stay_readable();
        post.stay_readable();
        assert!(is_readable(&post));
        assert_eq!(post.port().pending().unwrap(), 1);
        post.listen(None).unwrap();
        assert!(!is_readable(&post));
        post.stay_readable();
        assert!(is_readable(&post));
    }

    #[test]
    fn notes_do_not_pile_up() {
        let mut post = Post::new().unwrap();
        for _ in 0..1000 {
            post.send_note().unwrap();
        }
        assert!(post.port().pending().unwrap() <= MOST_NOTES);
    }

    #[test]
    fn a_wake_up_is_not_taken_for_a_note() {
        let mut post = Post::new().unwrap();
        post.stay_readable();
        post.waker().wake().unwrap();
        let mut events = Events::with_capacity(4);
        let batch: Batch<'_> = post.port.batch(&mut events);
        assert_eq!(batch.min(2).get().unwrap(), Outcome::Filled);
        let users: Vec<_> = events.iter().map(|event| event.user).collect();
        assert_eq!(users, [NOTE, WAKE]);
    }
}
