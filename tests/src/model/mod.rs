//! A model of ports, and a world in which the model and the system are given the same calls.
//!
//! [`PortModel`] says what the rules say, and nothing about how. [`World`] has a few ports, descriptors, files and
//! timers; each [`Step`] is made there for real, told to the models of the ports concerned, and what both say is
//! compared. Steps name things by small numbers, and one that makes no sense where it stands does nothing: so any part
//! of a sequence is a sequence, and a failing one can be made smaller.
//!
//! Two things are the system's own business, and are asked of it: what `poll(2)` says a descriptor is ready for, and the
//! order among descriptors that one operation makes ready.

mod port;
mod step;
mod world;

pub use port::{Patience, PortModel, Target};
pub use step::{Closing, Kind, Sequence, Step, Times, limits};
pub use world::World;
