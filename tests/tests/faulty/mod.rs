//! Makes system calls and allocations fail, one at a time.
//!
//! The functions of the C library that `event-ports-linux` calls are defined in this program as well, and a program's
//! own definition is the one that is linked. So the library that is tested is the one that is shipped. Likewise its
//! memory comes from this program's allocator.

mod allocator;
mod first;
mod interpose;
mod resources;
mod sweep;
mod switch;
mod world;

pub(crate) use first::first;
pub(crate) use interpose::is_interposed;
pub(crate) use sweep::{Sweep, sweep};
pub(crate) use switch::{adopt, as_status, exempt};
pub(crate) use world::{List, World};
