//! Prints what arrives on standard input, FIFOs and files, from all of them at once.
//!
//! `cargo run --example cat_fds -- some-fifo some-file -`
//!
//! cat(1) reads one thing to its end before it begins with the next. This program waits for all of them on one port, and
//! prints each piece when it comes. After a piece an input is associated again, and if it still is ready its next event
//! stands at the end of the queue; so none keeps the others from being heard, not even a file, which is always ready.

#[path = "helpers/cli.rs"]
mod cli;

use cli::Stop;
use event_ports::{EventPort, Events, PollEvents};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;

const HELP: &str = "\
usage: cat_fds FILE|FIFO|- ...

Prints what arrives from all of them at once, below a line with the name where there are several, until each has come
to its end. `-` is standard input. A FIFO ends when all that wrote to it have closed it.
";

/// How much is read at once.
const PIECE: usize = 64 * 1024;

fn main() -> ExitCode {
    cli::exit(HELP, names().and_then(|names| cat(&names)))
}

/// What the command line asks for.
fn names() -> Result<Vec<OsString>, Stop> {
    let mut names = Vec::new();
    let mut options = true;
    for argument in env::args_os().skip(1) {
        match argument.to_str().unwrap_or_default() {
            "--help" | "-h" if options => return Err(Stop::Help),
            "--" if options => options = false,
            // Two descriptors of it would both be told of data that only one can read.
            "-" if names.contains(&argument) => return Err(Stop::Misuse("there is one standard input".into())),
            option if options && option.starts_with('-') && option != "-" => {
                return Err(Stop::Misuse(format!("unknown option: {option}")));
            }
            _ => names.push(argument),
        }
    }
    if names.is_empty() { Err(Stop::Misuse("nothing to read from".into())) } else { Ok(names) }
}

fn cat(names: &[OsString]) -> Result<ExitCode, Stop> {
    let port = EventPort::new()?;
    let mut status = ExitCode::SUCCESS;

    // An input's cookie is its index, which stays its own when the input has ended.
    let mut inputs = Vec::new();
    for name in names {
        match open(name) {
            Ok(file) => {
                port.associate_fd(file.as_raw_fd(), PollEvents::IN, inputs.len())?;
                inputs.push(Some(file));
            }
            Err(error) => {
                cli::complain(format_args!("{}: {error}", name.to_string_lossy()));
                status = ExitCode::FAILURE;
                inputs.push(None);
            }
        }
    }

    let mut output = Output { with_names: names.len() > 1, last: None };
    let mut piece = vec![0; PIECE];
    let mut events = Events::with_capacity(64);
    while inputs.iter().any(Option::is_some) {
        port.get_into(&mut events, None)?;
        for event in &events {
            let (input, name) = (&mut inputs[event.user], &names[event.user]);
            let Some(file) = input else { continue };
            match file.read(&mut piece) {
                // Closing it leaves nothing behind in the port.
                Ok(0) => *input = None,
                Ok(length) => {
                    match output.print(name, &piece[..length]) {
                        // Like cat(1), which dies of it without a word: nobody is listening any more.
                        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(status),
                        result => result.map_err(|error| Stop::failure("standard output", &error))?,
                    }
                    port.associate_fd(file.as_raw_fd(), PollEvents::IN, event.user)?;
                }
                // An event is a hint: somebody else may have read what it was about.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    port.associate_fd(file.as_raw_fd(), PollEvents::IN, event.user)?;
                }
                Err(error) => {
                    cli::complain(format_args!("{}: {error}", name.to_string_lossy()));
                    status = ExitCode::FAILURE;
                    *input = None;
                }
            }
        }
    }
    Ok(status)
}

fn open(name: &OsStr) -> io::Result<File> {
    if name == "-" {
        // Not made non-blocking, since that would reach everyone who shares it, the shell for one. A single read after an
        // event does not block.
        return Ok(io::stdin().as_fd().try_clone_to_owned()?.into());
    }
    // Non-blocking also for opening: otherwise a FIFO is open only when somebody writes to it.
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(name)
}

/// Standard output, with headings.
struct Output<'a> {
    with_names: bool,
    /// Whose piece was the last one, and whether it ended a line.
    last: Option<(&'a OsStr, bool)>,
}

impl<'a> Output<'a> {
    fn print(&mut self, name: &'a OsStr, piece: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.with_names && self.last.is_none_or(|(last, _)| last != name) {
            if let Some((_, false)) = self.last {
                out.write_all(b"\n")?;
            }
            writeln!(out, "==> {} <==", name.to_string_lossy())?;
        }
        self.last = Some((name, piece.ends_with(b"\n")));
        out.write_all(piece)?;
        // Who waits for pieces wants to see them when they come.
        out.flush()
    }
}
