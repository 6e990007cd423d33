//! Where events come from.

use crate::sys;
use std::fmt;

/// Where an event comes from (`portev_source`).
///
/// ```
/// use event_ports::EventSource;
///
/// assert_eq!(EventSource::from(4), EventSource::Fd);
/// assert_eq!(EventSource::from(99), EventSource::Unknown(99));
/// assert_eq!(u16::from(EventSource::Unknown(99)), 99);
/// assert_eq!(EventSource::File.to_string(), "File");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
// The values of the sources, so that the conversion is a comparison and not a table.
pub enum EventSource {
    /// A completed asynchronous I/O request (`PORT_SOURCE_AIO`).
    Aio = sys::PORT_SOURCE_AIO as u16,
    /// A timer (`PORT_SOURCE_TIMER`).
    Timer = sys::PORT_SOURCE_TIMER as u16,
    /// An event sent by a program (`PORT_SOURCE_USER`).
    User = sys::PORT_SOURCE_USER as u16,
    /// A descriptor (`PORT_SOURCE_FD`).
    Fd = sys::PORT_SOURCE_FD as u16,
    /// Alert mode (`PORT_SOURCE_ALERT`).
    Alert = sys::PORT_SOURCE_ALERT as u16,
    /// A message queue (`PORT_SOURCE_MQ`).
    Mq = sys::PORT_SOURCE_MQ as u16,
    /// A file (`PORT_SOURCE_FILE`).
    File = sys::PORT_SOURCE_FILE as u16,
    /// A source this crate has no name for.
    Unknown(u16) = 0,
}

/// The value of the `<port.h>` constant, in the type of the event's field.
pub(crate) const FD: u16 = sys::PORT_SOURCE_FD as u16;
pub(crate) const ALERT: u16 = sys::PORT_SOURCE_ALERT as u16;
pub(crate) const FILE: u16 = sys::PORT_SOURCE_FILE as u16;
pub(crate) const AIO: u16 = sys::PORT_SOURCE_AIO as u16;
pub(crate) const TIMER: u16 = sys::PORT_SOURCE_TIMER as u16;
pub(crate) const MQ: u16 = sys::PORT_SOURCE_MQ as u16;

/// A source as an element of a set. Those that are 32 apart share a bit.
#[inline(always)]
pub(crate) const fn bit(source: u16) -> u32 {
    1u32.wrapping_shl(source as u32)
}

impl From<u16> for EventSource {
    #[inline]
    fn from(source: u16) -> Self {
        const USER: u16 = sys::PORT_SOURCE_USER as u16;
        match source {
            AIO => Self::Aio,
            TIMER => Self::Timer,
            USER => Self::User,
            FD => Self::Fd,
            ALERT => Self::Alert,
            MQ => Self::Mq,
            FILE => Self::File,
            other => Self::Unknown(other),
        }
    }
}

impl From<EventSource> for u16 {
    #[inline]
    fn from(source: EventSource) -> Self {
        match source {
            EventSource::Aio => sys::PORT_SOURCE_AIO as Self,
            EventSource::Timer => sys::PORT_SOURCE_TIMER as Self,
            EventSource::User => sys::PORT_SOURCE_USER as Self,
            EventSource::Fd => FD,
            EventSource::Alert => ALERT,
            EventSource::Mq => sys::PORT_SOURCE_MQ as Self,
            EventSource::File => FILE,
            EventSource::Unknown(other) => other,
        }
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(source) => write!(f, "Unknown({source})"),
            known => fmt::Debug::fmt(known, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_every_value_survives_the_round_trip() {
        for value in 0..=u16::MAX {
            assert_eq!(u16::from(EventSource::from(value)), value);
        }
    }

    #[test]
    fn const_1_the_values() {
        let known = [
            EventSource::Aio,
            EventSource::Timer,
            EventSource::User,
            EventSource::Fd,
            EventSource::Alert,
            EventSource::Mq,
            EventSource::File,
        ];
        for (source, value) in known.into_iter().zip(1..) {
            assert_eq!(u16::from(source), value, "{source}");
        }
    }
}
