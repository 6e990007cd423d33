//! illumos event ports on Linux: `port_create` and its family, behind the same C ABI, in user space.
//!
//! A port here is a real descriptor. It can be closed with `close`, waited for with `poll`, `select` and `epoll`, and put
//! into another port. The values of constants and the layout of structures are those of illumos; the bits of `poll` and
//! the structures of signals, timers and asynchronous I/O are those of the host.
//!
//! C programs include `<port.h>` from this crate's `include` directory and link the static or shared library. Rust
//! programs use `event-ports`, or `event-ports-sys` for the bare functions; on Linux both come here.
//!
//! What cannot be as on illumos is listed in `DEVIATIONS.md`.
//!
//! # Layers
//!
//! | module | what it does |
//! |---|---|
//! | [`abi`] | the exported functions: arguments, `errno` |
//! | `registry`, `number_table`, `fork` | from a descriptor number to its port; the life of ports |
//! | `retrieve`, `sink`, `waiters`, `timeout` | taking events, and waiting for them |
//! | `source` | one module for each source of events |
//! | `port`, `lock`, `inbox`, `queue`, `slab`, `fd_table` | a port: its slots, its queue, its readiness |
//! | `os` | the Linux system calls |
#![cfg(target_os = "linux")]

pub mod abi;
pub mod types;

mod errno;
mod fd_table;
mod forever;
mod fork;
mod hash;
mod inbox;
mod lock;
#[cfg(all(test, loom))]
mod models;
mod number_table;
mod os;
mod port;
mod queue;
mod registry;
mod retrieve;
#[cfg(c_library)]
mod silence;
mod sink;
mod slab;
mod source;
mod sync;
mod timeout;
mod waiters;
