//! Waking a loop that waits on a port, from anywhere.

use crate::{EventPort, SendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// No wake-up is due.
const IDLE: u8 = 0;
/// A wake-up is due, and its event was sent or is being sent.
const SENT: u8 = 1;
/// A wake-up is due, but the port had no room for its event.
const UNSENT: u8 = 2;

/// Wakes a loop that waits on a port: from another thread, or from a signal handler.
///
/// Wake-ups coalesce: however often [`wake`](Self::wake) is called, one event is sent until the loop takes the wake-up
/// by [`take`](Self::take). The loop asks `take` after each retrieval, *whatever* events it got, and only then looks
/// for the work it was woken for. The event itself, of source [`User`](crate::EventSource::User) with the numbers given
/// to [`EventPort::waker`], serves to end the wait and needs no other handling.
///
/// ```
/// use event_ports::{EventPort, Events};
/// use std::sync::mpsc::channel;
///
/// let port = EventPort::new()?;
/// let waker = port.waker(0, 99);
/// let (sender, receiver) = channel();
///
/// let worker = std::thread::spawn({
///     let waker = waker.clone();
///     move || {
///         sender.send("work").unwrap();
///         waker.wake()
///     }
/// });
///
/// let mut events = Events::with_capacity(64);
/// port.get_into(&mut events, None)?;
/// if waker.take() {
///     assert_eq!(receiver.recv().unwrap(), "work");
/// }
/// worker.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Signal handlers
/// `wake` does nothing but atomic operations and the system call, which is async-signal-safe. If it fails it changes
/// `errno`, as system calls do; a handler that may interrupt code that looks at `errno` must put it back. Neither clone
/// nor drop a waker in a handler: dropping the last handle closes the port.
#[derive(Debug, Clone)]
pub struct Waker {
    port: EventPort,
    state: Arc<AtomicU8>,
    events: i32,
    user: usize,
}

/// What [`Waker::wake`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wake {
    /// It sent the event that ends the wait.
    Sent,
    /// A wake-up was due already.
    Coalesced,
    /// The port has no room. A port with events queued is not asleep, and its loop takes the wake-up with the events it
    /// gets. Only a port filled by *associations* alone, `process.max-port-events` of them, sleeps on; leave room for
    /// one event. The next `wake` tries again.
    Full,
}

impl EventPort {
    /// Makes a waker whose event carries `events` and `user`.
    ///
    /// See [`Waker`].
    ///
    /// ```
    /// use event_ports::{EventPort, Wake};
    ///
    /// let port = EventPort::new()?;
    /// let waker = port.waker(0, 99);
    /// assert_eq!(waker.wake()?, Wake::Sent);
    /// assert_eq!(waker.wake()?, Wake::Coalesced);
    /// assert_eq!(port.pending()?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn waker(&self, events: i32, user: usize) -> Waker {
        Waker { port: self.clone(), state: Arc::new(AtomicU8::new(IDLE)), events, user }
    }
}

impl Waker {
    /// `port_send`: makes the loop that waits on the port come back, unless a wake-up is due already.
    ///
    /// What was written before the call is seen by the loop after its [`take`](Self::take). It may be called in a
    /// signal handler.
    ///
    /// # Errors
    /// What the system reports, other than that the port is full ([`Wake::Full`]); none is known for an open port.
    ///
    /// See [port_send(3C)](https://illumos.org/man/3C/port_send).
    #[doc(alias = "port_send")]
    pub fn wake(&self) -> Result<Wake, SendError> {
        // Acquire and release: the due wake-up found here stands for the caller's writes, too.
        if self.state.swap(SENT, Ordering::AcqRel) == SENT {
            return Ok(Wake::Coalesced);
        }
        match self.port.send(self.events, self.user) {
            Ok(()) => Ok(Wake::Sent),
            Err(error) => {
                // Still due, but whoever wakes next must send; unless the loop has taken it meanwhile, being awake.
                let _ = self.state.compare_exchange(SENT, UNSENT, Ordering::AcqRel, Ordering::Relaxed);
                if error.is_limit() { Ok(Wake::Full) } else { Err(error) }
            }
        }
    }

    /// Takes the wake-up: whether one was due. From here on the next [`wake`](Self::wake) sends an event.
    ///
    /// Ask after each retrieval and before looking for work, so that work that arrives later wakes again.
    ///
    /// ```
    /// let port = event_ports::EventPort::new()?;
    /// let waker = port.waker(0, 99);
    /// assert!(!waker.take());
    /// waker.wake()?;
    /// assert!(waker.take());
    /// assert!(!waker.take());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use = "a wake-up that is taken and not acted on is lost"]
    pub fn take(&self) -> bool {
        self.state.swap(IDLE, Ordering::AcqRel) != IDLE
    }

    /// The port it wakes.
    #[must_use]
    pub fn port(&self) -> &EventPort {
        &self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Events, Outcome};
    use std::sync::atomic::AtomicUsize;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn send_2_a_full_port_keeps_the_wake_up_due_and_the_next_wake_sends() {
        let port = EventPort::new().unwrap();
        let waker = port.waker(7, 8);
        let full = (0..).find_map(|user| port.send(1, user).err()).unwrap();
        assert!(full.is_limit());
        assert_eq!(waker.wake().unwrap(), Wake::Full);
        assert_eq!(waker.wake().unwrap(), Wake::Full);
        // The loop comes round by the other events, and hears of it.
        port.get(None).unwrap();
        assert!(waker.take());
        assert!(!waker.take());
        assert_eq!(waker.wake().unwrap(), Wake::Sent);
        assert_eq!(waker.wake().unwrap(), Wake::Coalesced);
    }

    #[test]
    fn no_wake_up_is_lost_and_few_events_are_sent() {
        const WORK: usize = 20_000;
        let port = EventPort::new().unwrap();
        let waker = port.waker(7, 8);
        let work = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (work, waker) = (&work, waker.clone());
                scope.spawn(move || {
                    for _ in 0..WORK / 2 {
                        work.fetch_add(1, Ordering::Relaxed);
                        waker.wake().unwrap();
                    }
                });
            }
            let mut events = Events::with_capacity(64);
            let mut done = 0;
            while done < WORK {
                // A lost wake-up would leave it waiting for good.
                assert_eq!(port.get_into(&mut events, Some(Duration::from_secs(60))).unwrap(), Outcome::Filled);
                assert!(events.iter().all(|event| (event.events, event.user) == (7, 8)));
                if waker.take() {
                    done += work.swap(0, Ordering::Relaxed);
                }
            }
        });
    }
}
