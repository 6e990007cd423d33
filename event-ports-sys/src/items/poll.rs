//! What descriptors are watched for. The values are the host's, since the same program hands them to `poll(2)`.

use libc::c_int;

macro_rules! from_libc {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])* pub const $name: c_int = libc::$name as c_int;)*
    };
}

from_libc! {
    /// Event of a descriptor: there is data to read, or the end of it.
    POLLIN;
    /// Event of a descriptor: there is urgent data to read.
    POLLPRI;
    /// Event of a descriptor: there is room to write.
    POLLOUT;
    /// Event of a descriptor: there is normal data to read.
    POLLRDNORM;
    /// Event of a descriptor: there is room to write normal data. On illumos the same as [`POLLOUT`].
    POLLWRNORM;
    /// Event of a descriptor: there is priority data to read.
    POLLRDBAND;
    /// Event of a descriptor: there is room to write priority data.
    POLLWRBAND;
    /// Event of a descriptor: the peer will write no more.
    POLLRDHUP;
    /// Event of a descriptor: it is in error. Comes unasked.
    POLLERR;
    /// Event of a descriptor: the peer is gone. Comes unasked.
    POLLHUP;
    /// What `poll(2)` says of a number that is no descriptor. Ports never do.
    POLLNVAL;
}

#[cfg(target_os = "illumos")]
from_libc! {
    /// Event of a descriptor: [`POLLRDNORM`] by its other name, which only illumos has.
    POLLNORM;
}
