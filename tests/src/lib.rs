//! What the behaviour tests of event ports share.
//!
//! The tests in `tests/tests/` use the public crates and libc alone, so that the same files run on illumos, where they
//! check the rules of `docs/behaviour.md` against the kernel, and on Linux, where they check `event-ports-linux`.
//!
//! # Writing a test
//!
//! One file per theme; a test's name starts with the rule or vector it shows (`fd_09_…`, `v_22_…`). Its body runs in a
//! [`case`]:
//!
//! ```no_run
//! use event_ports_tests::prelude::*;
//!
//! // #[test]
//! fn v_24_a_second_dissociation_finds_nothing() {
//!     case(|| {
//!         let port = port();
//!         let pipe = Pipe::new();
//!         assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 1), Ok(()));
//!         assert_eq!(dissociate_fd(&port, &pipe.read), Ok(()));
//!         assert_eq!(dissociate_fd(&port, &pipe.read), Err(ENOENT));
//!     });
//! }
//! ```
//!
//! [`case`] starts the test binary anew for this one test. So a test owns its process: it may count on descriptor
//! numbers, lower limits, install signal handlers, fork, or crash. The first process is the watchdog. It kills a case
//! that takes longer than [`TIME_LIMIT`] and fails the test with the stack of every thread. A case that leaves a
//! descriptor open fails as well.
//!
//! To see one case under a debugger, run it as the watchdog does:
//! `EVENT_PORTS_CASE=closing_a_port::v_57_… target/debug/deps/closing_a_port-… --exact v_57_… --nocapture`.
//!
//! # What one system cannot run
//!
//! `tests/gates.tsv` lists such cases: the test, the system, the rules concerned and the reason. A gated case is
//! reported on standard error and does not run. With `EVENT_PORTS_GATED=run` it runs and must fail: so a gate that is
//! no longer needed shows.
//!
//! # Which test shows which rule
//!
//! `tests/rules.tsv` lists every rule of `docs/behaviour.md` with its tests, or with the reason why there is none.
//! The test file `rules_table` checks that list against the document and against the test files.

pub mod aio;
mod case;
mod descriptors;
mod errno;
pub mod files;
mod gates;
pub mod model;
mod objects;
mod process;
pub mod queues;
mod raw;
mod refused;
mod stacks;
pub mod tables;
mod threads;
pub mod timers;

pub use case::{TIME_LIMIT, case, case_within, run};
pub use descriptors::OpenDescriptors;
pub use errno::{
    EACCES, EAGAIN, EBADF, EBADFD, EBUSY, ECANCELED, EFAULT, EINTR, EINVAL, EIO, ELOOP, EMFILE, ENAMETOOLONG, ENOENT,
    ENOSPC, ENOTDIR, ENOTSUP, EPERM, EPIPE, ETIME, Errno, last_errno, set_errno,
};
pub use objects::{
    Page, Pipe, Protection, TempDir, close, dup, dup_onto, fill, is_readable, pass_over_socket, poll, read_all, write,
};
pub use process::{
    Child, SignalStorm, fork, interrupt, limit_descriptors, limit_events, on_signal, raise_descriptor_limit,
    signal_storm, signal_thread,
};
pub use raw::{
    Event, Got, POLL, Pending, alert, associate, associate_fd, close_port, dissociate, dissociate_fd, drain, get, getn,
    ms, pending, port, send, sendn, timespec, try_port,
};
pub use threads::{Blocked, blocked};

/// Everything a test file uses, for one import.
pub mod prelude {
    pub use crate::{
        Blocked, Child, EACCES, EAGAIN, EBADF, EBADFD, EBUSY, ECANCELED, EFAULT, EINTR, EINVAL, EIO, EMFILE, ENOENT,
        EPERM, EPIPE, ETIME, Errno, Event, Got, POLL, Page, Pending, Pipe, Protection, SignalStorm, TempDir, alert,
        associate, associate_fd, blocked, case, case_within, close, close_port, dissociate, dissociate_fd, drain, dup,
        dup_onto, fill, fork, get, getn, interrupt, is_readable, last_errno, limit_descriptors, limit_events, ms,
        on_signal, pass_over_socket, pending, poll, port, raise_descriptor_limit, read_all, send, sendn, set_errno,
        signal_storm, signal_thread, timespec, try_port, write,
    };
    pub use event_ports_sys as sys;
    pub use event_ports_sys::{
        POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDBAND, POLLRDNORM, POLLWRBAND, PORT_ALERT_SET, PORT_ALERT_UPDATE,
        PORT_SOURCE_ALERT, PORT_SOURCE_FD, PORT_SOURCE_USER,
    };
    pub use libc::c_int;
    pub use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
}
