//! Reads the beginning of a file through a port: the second example of the manual page, port_associate(3C), in Rust.
//! `tests/c/aio_read.c` is the same in C.
//!
//! `cargo run --example aio_read -- /etc/motd 80`
//!
//! The manual's program binds a control block to a port by a `port_notify`, and looks at the block when the event has
//! come. Here the port does the binding, and holds the buffer and the file until the event gives them back.

#[path = "helpers/cli.rs"]
mod cli;

use cli::Stop;
use event_ports::{AioOperation, Event, EventPort};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;

const HELP: &str = "\
usage: aio_read FILE [BYTES]

Prints the first BYTES of a file, 512 unless said otherwise, which an asynchronous read brings.
";

/// The program's own mark on the request, to be found in its event.
const COOKIE: usize = 0xa10;

fn main() -> ExitCode {
    cli::exit(HELP, arguments().and_then(|(name, bytes)| read(&name, bytes)))
}

/// What the command line asks for.
fn arguments() -> Result<(OsString, usize), Stop> {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().ok_or_else(|| Stop::Misuse("no file given".into()))?;
    match name.to_str().unwrap_or_default() {
        "--help" | "-h" => return Err(Stop::Help),
        option if option.starts_with('-') => return Err(Stop::Misuse(format!("unknown option: {option}"))),
        _ => {}
    }
    let bytes = match arguments.next() {
        None => 512,
        // More than a block of memory can have is more than can be read.
        Some(text) => match text.to_str().and_then(|text| text.parse().ok()).filter(|&n| n <= isize::MAX as usize) {
            Some(bytes) => bytes,
            None => return Err(Stop::Misuse(format!("not a number of bytes: {}", text.to_string_lossy()))),
        },
    };
    match arguments.next() {
        None => Ok((name, bytes)),
        Some(more) => Err(Stop::Misuse(format!("one file at a time, and then {}", more.to_string_lossy()))),
    }
}

fn read(name: &OsString, bytes: usize) -> Result<ExitCode, Stop> {
    let failed = |error: io::Error| Stop::failure(name.to_string_lossy(), &error);
    let file = File::open(name).map_err(failed)?;
    // No more than there is, where that is known.
    let size = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
    let bytes =
        size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0).map_or(bytes, |s| bytes.min(s));

    let port = EventPort::new()?;
    let request = port.aio_read(Arc::new(file), vec![0; bytes], 0, COOKIE)?;

    // Here a program would do something else.

    let event = port.get(None)?;
    let Event::Aio { completion } = event.view() else {
        return Err(Stop::Failure(format!("an event that nobody asked for: {event:?}")));
    };
    // One request, so the event is of that one. With several the cookie tells, or the id.
    assert_eq!((completion.id(), event.user), (request.id(), COOKIE));
    assert_eq!(completion.operation(), AioOperation::Read);
    let len = completion.result().map_err(failed)?;
    let buffer = completion.take_buffer().unwrap_or_default();
    match io::stdout().write_all(&buffer[..len]) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Stop::failure("standard output", &error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
