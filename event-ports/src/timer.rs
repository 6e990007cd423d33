//! Timers as a source of events.

use crate::event::{Extra, Slot};
use crate::keys::{Entry, Keys, new_key};
use crate::port::Shared;
use crate::{EventPort, TimerCreateError, TimerError, sys};
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fmt, io, process};

/// The longest time a timer is set for, a hundred years. A system may add it to its clock, which must not overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The latest time of a clock that a timer is set for: in the year 2242, by the time of day.
const LATEST: Duration = Duration::from_secs(1 << 33);

/// The timers of a port, by their keys.
pub(crate) type Timers = Keys<()>;

/// A clock that timers run on.
///
/// ```
/// use event_ports::Clock;
///
/// let start = Clock::Monotonic.now();
/// assert!(Clock::Monotonic.now() >= start);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// A clock that nobody sets (`CLOCK_MONOTONIC`, which illumos also calls `CLOCK_HIGHRES`). On illumos intervals
    /// below 200 µs take a privilege.
    Monotonic,
    /// The time of day (`CLOCK_REALTIME`). Setting it moves [`When::At`] with it, and leaves [`When::After`] alone.
    Realtime,
}

impl Clock {
    fn id(self) -> sys::clockid_t {
        match self {
            Self::Monotonic => sys::CLOCK_MONOTONIC,
            Self::Realtime => sys::CLOCK_REALTIME,
        }
    }

    /// What the clock shows: the time since its zero, which for [`Clock::Realtime`] is the beginning of 1970.
    #[must_use]
    pub fn now(self) -> Duration {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is valid for the call. Both clocks always exist, so it cannot fail.
        unsafe { libc::clock_gettime(self.id(), &raw mut now) };
        from_timespec(&now)
    }
}

/// When a timer expires first.
///
/// ```
/// use event_ports::When;
/// use std::time::{Duration, SystemTime};
///
/// assert_eq!(When::from(Duration::from_secs(1)), When::After(Duration::from_secs(1)));
/// assert_eq!(When::from(SystemTime::UNIX_EPOCH + Duration::from_secs(5)), When::At(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// After this time. Zero is at once.
    After(Duration),
    /// When the timer's clock shows this time ([`Clock::now`]). A time that has passed is at once.
    At(Duration),
}

impl From<Duration> for When {
    fn from(after: Duration) -> Self {
        Self::After(after)
    }
}

/// For timers on [`Clock::Realtime`]. A time before 1970 has passed.
impl From<SystemTime> for When {
    fn from(time: SystemTime) -> Self {
        Self::At(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }
}

/// How a timer is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TimerSetting {
    /// The time until it expires next; `None` if it will not.
    pub remaining: Option<Duration>,
    /// The time from one expiration to the next; `None` if there is but one.
    pub interval: Option<Duration>,
}

/// Which timer an event is of ([`Event::Timer`](crate::Event::Timer)).
///
/// No two timers of a process have the same, at whatever time they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(usize);

/// A timer whose expirations are events of a port (`timer_create` with `SIGEV_PORT`).
///
/// It is made disarmed. An event says how often the timer has expired since its last event, so a loop that is late gets
/// one event and the count ([`Event::Timer`](crate::Event::Timer)). A timer with an interval goes on by itself:
/// this is the one source that is not one-shot.
///
/// Dropping it deletes the timer, and takes along an event that was not retrieved. It keeps the port open. It may be
/// used from any number of threads.
///
/// ```
/// use event_ports::{Clock, Event, EventPort, Timer};
/// use std::time::Duration;
///
/// let port = EventPort::new()?;
/// let timer = Timer::new(&port, Clock::Monotonic, 7)?;
/// timer.periodic(Duration::from_millis(10))?;
/// std::thread::sleep(Duration::from_millis(35));
///
/// let event = port.get(None)?;
/// assert_eq!(event.user, 7);
/// match event.view() {
///     Event::Timer { timer: id, expirations } => {
///         assert_eq!(id, timer.id());
///         assert!(expirations >= 3);
///     }
///     other => panic!("unexpected {other:?}"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "timer_create")]
#[doc(alias = "timer_delete")]
pub struct Timer {
    timer: RawTimer,
    key: usize,
    clock: Clock,
    port: Arc<Shared>,
    /// Whose timer it is: a child of `fork` has none of its parent's (TIMER-11), and may have another by that id.
    process: u32,
}

/// The system's id of a timer.
#[derive(Debug, Clone, Copy)]
struct RawTimer(sys::timer_t);

// SAFETY: an id, though a pointer on some systems, is never followed, and any thread may use it.
unsafe impl Send for RawTimer {}
// SAFETY: as above.
unsafe impl Sync for RawTimer {}

impl RawTimer {
    /// `portev_object` of its events.
    fn object(self) -> usize {
        #[cfg(target_os = "linux")]
        return self.0.addr();
        #[cfg(not(target_os = "linux"))]
        return self.0 as usize;
    }
}

impl Timer {
    /// `timer_create` with `SIGEV_PORT`: makes a timer whose events go to `port` with the cookie `user`.
    ///
    /// # Errors
    /// Too many timers, or a port that is full ([`TimerCreateError::is_limit`]): a timer holds a place in it for life.
    /// illumos allows a process a few dozen timers only.
    ///
    /// See [timer_create(3C)](https://illumos.org/man/3C/timer_create).
    ///
    /// ```
    /// use event_ports::{Clock, EventPort, Timer};
    ///
    /// let port = EventPort::new()?;
    /// let timer = Timer::new(&port, Clock::Realtime, 0)?;
    /// assert_eq!(timer.remaining()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "timer_create")]
    pub fn new(port: &EventPort, clock: Clock, user: usize) -> Result<Self, TimerCreateError> {
        let key = new_key();
        let mut notify = sys::port_notify { portnfy_port: port.fd(), portnfy_user: ptr::without_provenance_mut(key) };
        // SAFETY: all zeros is a valid sigevent, whose members are numbers and pointers that may be null.
        let mut event: sys::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = sys::SIGEV_PORT;
        event.sigev_value.sival_ptr = (&raw mut notify).cast();
        // SAFETY: all zeros is a valid id, be it a number or a pointer.
        let mut timer = RawTimer(unsafe { mem::zeroed() });
        // SAFETY: both structures are valid and complete, and read during the call only (TIMER-1).
        let made = unsafe { sys::timer_create(clock.id(), &raw mut event, &raw mut timer.0) };
        if made != 0 {
            return Err(TimerCreateError { clock, source: io::Error::last_os_error() });
        }
        // No event can come before the timer is set.
        port.shared.timers.add(key, Entry { object: timer.object(), user, subject: () });
        Ok(Self { timer, key, clock, port: Arc::clone(&port.shared), process: process::id() })
    }

    /// `timer_settime`: sets when the timer expires first, and the time from each expiration to the next if it is to
    /// expire again. Returns how it was set.
    ///
    /// An event that waits to be retrieved stays, with its count (TIMER-8).
    ///
    /// # Errors
    /// An interval of zero ([`TimerError::is_invalid`]).
    ///
    /// See [timer_settime(3C)](https://illumos.org/man/3C/timer_settime).
    ///
    /// ```
    /// use event_ports::{Clock, EventPort, Timer, When};
    /// use std::time::{Duration, SystemTime};
    ///
    /// let port = EventPort::new()?;
    /// let timer = Timer::new(&port, Clock::Realtime, 0)?;
    /// timer.set(SystemTime::now() + Duration::from_secs(3600), Some(Duration::from_secs(60)))?;
    /// let before = timer.set(When::After(Duration::from_millis(1)), None)?;
    /// assert_eq!(before.interval, Some(Duration::from_secs(60)));
    /// assert_eq!(port.get(None)?.events, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "timer_settime")]
    pub fn set(&self, first: impl Into<When>, interval: Option<Duration>) -> Result<TimerSetting, TimerError> {
        if interval == Some(Duration::ZERO) {
            return Err(TimerError { source: io::Error::from_raw_os_error(libc::EINVAL) });
        }
        // Zero would disarm it.
        let soonest = Duration::from_nanos(1);
        let (flags, first) = match first.into() {
            When::After(time) => (0, time.clamp(soonest, LONGEST)),
            When::At(time) => (sys::TIMER_ABSTIME, time.clamp(soonest, LATEST)),
        };
        self.settime(flags, first, interval.unwrap_or_default().min(LONGEST))
    }

    /// [`set`](Self::set) to expire once, after a time.
    ///
    /// # Errors
    /// What the system reports; none is known.
    pub fn once(&self, after: Duration) -> Result<TimerSetting, TimerError> {
        self.set(When::After(after), None)
    }

    /// [`set`](Self::set) to expire again and again, for the first time after one interval.
    ///
    /// # Errors
    /// An interval of zero ([`TimerError::is_invalid`]).
    pub fn periodic(&self, interval: Duration) -> Result<TimerSetting, TimerError> {
        self.set(When::After(interval), Some(interval))
    }

    /// `timer_settime` with a time of zero: the timer expires no more. Returns how it was set.
    ///
    /// An event that waits to be retrieved stays (TIMER-8).
    ///
    /// # Errors
    /// What the system reports; none is known.
    ///
    /// ```
    /// use event_ports::{Clock, EventPort, Timer};
    /// use std::time::Duration;
    ///
    /// let port = EventPort::new()?;
    /// let timer = Timer::new(&port, Clock::Monotonic, 0)?;
    /// timer.once(Duration::from_secs(3600))?;
    /// assert!(timer.disarm()?.remaining.is_some());
    /// assert_eq!(timer.remaining()?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "timer_settime")]
    pub fn disarm(&self) -> Result<TimerSetting, TimerError> {
        self.settime(0, Duration::ZERO, Duration::ZERO)
    }

    /// `timer_gettime`: how the timer is set.
    ///
    /// # Errors
    /// What the system reports; none is known.
    ///
    /// See [timer_gettime(3C)](https://illumos.org/man/3C/timer_gettime).
    #[doc(alias = "timer_gettime")]
    pub fn setting(&self) -> Result<TimerSetting, TimerError> {
        self.check_process()?;
        let mut setting = itimerspec(Duration::ZERO, Duration::ZERO);
        // SAFETY: the pointer is valid for the call, and the timer is deleted only when this value goes.
        if unsafe { sys::timer_gettime(self.timer.0, &raw mut setting) } == 0 {
            Ok(from_itimerspec(&setting))
        } else {
            Err(TimerError { source: io::Error::last_os_error() })
        }
    }

    /// The time until the timer expires next; `None` if it will not.
    ///
    /// # Errors
    /// What the system reports; none is known.
    #[doc(alias = "timer_gettime")]
    pub fn remaining(&self) -> Result<Option<Duration>, TimerError> {
        Ok(self.setting()?.remaining)
    }

    /// What the timer's events say they are of.
    #[must_use]
    pub fn id(&self) -> TimerId {
        TimerId(self.key)
    }

    /// The clock the timer was made with.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    fn settime(&self, flags: libc::c_int, first: Duration, interval: Duration) -> Result<TimerSetting, TimerError> {
        self.check_process()?;
        let new = itimerspec(first, interval);
        let mut old = itimerspec(Duration::ZERO, Duration::ZERO);
        // SAFETY: the pointers are valid for the call, and the timer is deleted only when this value goes.
        if unsafe { sys::timer_settime(self.timer.0, flags, &raw const new, &raw mut old) } == 0 {
            Ok(from_itimerspec(&old))
        } else {
            Err(TimerError { source: io::Error::last_os_error() })
        }
    }

    /// Another process's timer may have the same id.
    fn check_process(&self) -> Result<(), TimerError> {
        if self.process == process::id() {
            Ok(())
        } else {
            Err(TimerError { source: io::Error::from_raw_os_error(libc::EINVAL) })
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.process == process::id() {
            // SAFETY: the timer was made with this value and is not used again. There is nothing to be done if the
            // call fails, and no reason why it should.
            unsafe { sys::timer_delete(self.timer.0) };
            self.port.timers.end(self.key);
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("id", &self.id()).field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Shared {
    /// What more there is to a timer's event; puts the program's cookie in its place.
    pub(crate) fn timer_extra(&self, slot: &mut Slot) -> Extra {
        let key = slot.user();
        match self.timers.find(key, slot.object()) {
            Some(entry) => {
                slot.set_user(entry.user);
                Extra::Timer(TimerId(key))
            }
            None => Extra::None,
        }
    }
}

fn itimerspec(first: Duration, interval: Duration) -> sys::itimerspec {
    sys::itimerspec { it_value: to_timespec(first), it_interval: to_timespec(interval) }
}

fn from_itimerspec(setting: &sys::itimerspec) -> TimerSetting {
    let some = |time| Some(from_timespec(time)).filter(|time| !time.is_zero());
    TimerSetting { remaining: some(&setting.it_value), interval: some(&setting.it_interval) }
}

fn to_timespec(time: Duration) -> libc::timespec {
    // Some centuries are too long for a time of 32 bits; the nanoseconds, less than 10^9, fit any width.
    let tv_sec = time.as_secs().try_into().unwrap_or(libc::time_t::MAX);
    libc::timespec { tv_sec, tv_nsec: (time.subsec_nanos() as i32).into() }
}

fn from_timespec(time: &libc::timespec) -> Duration {
    // The system gives times that are valid and not negative, unless the time of day is set to before 1970.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
