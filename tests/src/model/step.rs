//! What can be done in a world.

use super::Patience;
use libc::{c_int, c_uint};

/// How many there are of each thing. Numbers beyond these name things that are not there, where that makes sense.
pub mod limits {
    /// Ports.
    pub const PORTS: u8 = 3;
    /// Descriptors.
    pub const NUMBERS: u8 = 6;
    /// Paths.
    pub const PATHS: u8 = 4;
    /// File objects.
    pub const OBJECTS: u8 = 6;
    /// Timers.
    pub const TIMERS: u8 = 3;
}

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The end of a pipe that is read from.
    PipeRead,
    /// The end of a pipe that is written to.
    PipeWrite,
    /// A socket.
    Socket,
    /// A regular file.
    Regular,
}

/// How a port is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// By the call that frees all at once.
    AtOnce,
    /// By `close(2)`.
    Plain,
    /// By `dup2(2)`, which makes its number something else.
    Over,
}

/// Which times a file object has when it is associated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// None.
    Zero,
    /// Those of the file.
    Present,
    /// Others.
    Old,
}

/// One thing to do. Cookies are not in it: each step has one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the parameters")]
pub enum Step {
    /// `port_create`, if there is no such port.
    CreatePort { port: u8 },
    /// Closes a port.
    ClosePort { port: u8, how: Closing },
    /// `port_send`.
    Send { port: u8, events: c_int },
    /// `port_sendn`.
    SendMany { ports: Vec<u8>, events: c_int },
    /// `port_alert`.
    Alert { port: u8, flags: c_int, events: c_int },
    /// `port_get`.
    Get { port: u8, patience: Patience },
    /// `port_getn`.
    GetMany { port: u8, list: bool, max: c_uint, nget: c_uint, patience: Patience },
    /// The count query.
    Count { port: u8 },
    /// `poll(2)` of a port.
    Poll { port: u8 },
    /// Makes a number another file.
    Open { number: u8, kind: Kind },
    /// `dup2(2)`.
    Duplicate { from: u8, to: u8 },
    /// `close(2)`.
    Close { number: u8 },
    /// Makes a descriptor ready.
    Fire { number: u8 },
    /// Makes it not ready.
    Quiet { number: u8 },
    /// Closes the other end.
    HangUp { number: u8 },
    /// `port_associate` of a descriptor.
    Associate { port: u8, number: u8, mask: c_int },
    /// `port_dissociate` of a descriptor.
    Dissociate { port: u8, number: u8 },
    /// `port_associate` of a file.
    AssociateFile { port: u8, object: u8, mask: c_int, times: Times },
    /// `port_dissociate` of a file.
    DissociateFile { port: u8, object: u8 },
    /// Makes a file, if there is none.
    CreateFile { path: u8 },
    /// Writes to a file.
    WriteFile { path: u8 },
    /// Reads a file.
    ReadFile { path: u8 },
    /// Changes a file's permissions.
    ChangeMode { path: u8 },
    /// Deletes a file.
    Unlink { path: u8 },
    /// Renames a file, over another perhaps.
    Rename { from: u8, to: u8 },
    /// `timer_create` for a port.
    CreateTimer { timer: u8, port: u8 },
    /// Sets a timer to a time long past.
    Expire { timer: u8 },
    /// Sets a timer to a time far in the future.
    Postpone { timer: u8 },
    /// Disarms a timer.
    Disarm { timer: u8 },
    /// `timer_delete`.
    DeleteTimer { timer: u8 },
}

/// What is done in one world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// How many events a port holds.
    pub limit: u32,
    /// Whether each port is looked at after each step, so that what has fired is in its queue. Otherwise it may be in
    /// the kernel still.
    pub eager: bool,
    /// The steps.
    pub steps: Vec<Step>,
}
