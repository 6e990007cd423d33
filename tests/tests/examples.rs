//! The examples of `event-ports`, used as a reader would use them.
#![allow(missing_docs, reason = "tests say by their names what they show")]

#[path = "examples/cat_fds.rs"]
mod cat_fds;
#[path = "examples/echo_server.rs"]
mod echo_server;
#[path = "examples/fifos.rs"]
mod fifos;
#[path = "examples/keys.rs"]
mod keys;
#[path = "examples/program.rs"]
mod program;
#[path = "examples/readme.rs"]
mod readme;
#[path = "../../event-ports/examples/helpers/slab.rs"]
mod slab;
