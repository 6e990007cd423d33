//! What threads meet at: atomics, and sleeping on a word. Under the model checker (`--cfg loom`) these are its own, so
//! that it sees what the code itself does.

#[cfg(not(loom))]
pub(crate) use crate::os::{futex_wait, futex_wake};
#[cfg(not(loom))]
pub(crate) use core::hint::spin_loop;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize};

#[cfg(loom)]
pub(crate) use crate::models::{futex_wait, futex_wake};
#[cfg(loom)]
pub(crate) use loom::hint::spin_loop;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize};
