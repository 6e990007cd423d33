//! The examples of timers, asynchronous I/O and message queues, used as their readers would use them.
#![allow(missing_docs, reason = "tests say by their names what they show")]

#[allow(dead_code, reason = "shared with the tests of other examples")]
#[path = "examples/program.rs"]
mod program;

#[path = "examples/aio_copy.rs"]
mod aio_copy;
#[path = "examples/aio_read.rs"]
mod aio_read;
#[path = "examples/mq_echo.rs"]
mod mq_echo;
#[path = "examples/timers.rs"]
mod timers;

use program::{End, Program, example};
use std::process::Command;

fn run(name: &str, arguments: &[&str]) -> End {
    Program::start(Command::new(example(name)).args(arguments)).end()
}

/// Each of these must be refused with the usage line and status 2.
fn assert_misuse(name: &str, cases: &[&[&str]], usage: &str) {
    for arguments in cases {
        let end = run(name, arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.starts_with(&format!("{name}: ")), "{arguments:?}: {end:?}");
        assert!(end.stderr.ends_with(&format!("\nusage: {usage}\n")), "{arguments:?}: {end:?}");
    }
    let end = run(name, &["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with(&format!("usage: {usage}\n")), "{end:?}");
}
