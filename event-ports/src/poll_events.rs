//! The readiness bits of descriptors.

use crate::{flags, sys};
use bitflags::bitflags;
use std::fmt;

bitflags! {
    /// What a descriptor is ready for: the bits of [poll(2)](https://illumos.org/man/2/poll), with the values of the
    /// system the program runs on.
    ///
    /// An association asks for some of them; the event carries those that came true. [`ERR`](Self::ERR) and
    /// [`HUP`](Self::HUP) are reported whether or not they were asked for. Bits without a name here are kept as they
    /// are.
    ///
    /// ```
    /// use event_ports::PollEvents;
    ///
    /// let both = PollEvents::IN | PollEvents::OUT;
    /// assert_eq!(both.to_string(), "In | Out");
    /// assert!(both.contains(PollEvents::IN));
    /// assert_eq!(PollEvents::from_bits_retain(both.bits() | 0x4000_0000).to_string(), "In | Out | 0x40000000");
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct PollEvents: i32 {
        /// Data other than urgent data can be read without blocking (`POLLIN`).
        const IN = sys::POLLIN;
        /// Data can be written without blocking (`POLLOUT`).
        const OUT = sys::POLLOUT;
        /// Urgent data can be read (`POLLPRI`).
        const PRI = sys::POLLPRI;
        /// An error is pending (`POLLERR`). Always reported.
        const ERR = sys::POLLERR;
        /// The other side hung up (`POLLHUP`). Always reported.
        const HUP = sys::POLLHUP;
        /// The descriptor is not usable (`POLLNVAL`). Reported only if asked for.
        const NVAL = sys::POLLNVAL;
        /// Ordinary data can be read (`POLLRDNORM`).
        const RDNORM = sys::POLLRDNORM;
        /// Ordinary data can be written (`POLLWRNORM`). On illumos this is [`OUT`](Self::OUT) itself.
        const WRNORM = sys::POLLWRNORM;
        /// Out-of-band data can be read (`POLLRDBAND`).
        const RDBAND = sys::POLLRDBAND;
        /// Out-of-band data can be written (`POLLWRBAND`).
        const WRBAND = sys::POLLWRBAND;
        /// The other side of a stream will send no more (`POLLRDHUP`).
        const RDHUP = sys::POLLRDHUP;

        // Bits this crate has no name for are valid: the system may know more.
        const _ = !0;
    }
}

impl fmt::Display for PollEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: &[(i32, &str)] = &[
            (sys::POLLIN, "In"),
            (sys::POLLOUT, "Out"),
            (sys::POLLPRI, "Pri"),
            (sys::POLLERR, "Err"),
            (sys::POLLHUP, "Hup"),
            (sys::POLLNVAL, "Nval"),
            (sys::POLLRDNORM, "RdNorm"),
            (sys::POLLWRNORM, "WrNorm"),
            (sys::POLLRDBAND, "RdBand"),
            (sys::POLLWRBAND, "WrBand"),
            (sys::POLLRDHUP, "RdHup"),
        ];
        flags::write_names(f, self.bits(), NAMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_names_in_a_fixed_order() {
        assert_eq!((PollEvents::HUP | PollEvents::IN).to_string(), "In | Hup");
        assert_eq!(PollEvents::RDHUP.to_string(), "RdHup");
        assert_eq!(PollEvents::empty().to_string(), "(empty)");
    }

    #[test]
    fn a_value_with_two_names_prints_once() {
        // POLLWRNORM is POLLOUT on illumos.
        assert_eq!(PollEvents::OUT.to_string(), "Out");
    }

    #[test]
    fn s8_unknown_bits_are_kept_and_shown() {
        let odd = PollEvents::from_bits_retain(i32::MIN) | PollEvents::OUT;
        assert_eq!(odd.bits(), i32::MIN | sys::POLLOUT);
        assert_eq!(odd.to_string(), "Out | 0x80000000");
        assert_eq!(PollEvents::from_bits_retain(-1).bits(), -1);
    }
}
