//! Makes FIFOs and prints what is written to them, until all have been closed: the first program of the manual page,
//! in Rust. `tests/c/fifos.c` is the same in C.
//!
//! `cargo run --example fifos -- a b`, and from another terminal `echo hello > a; echo there > b`.
//!
//! The steps are those of every program with event ports: make a port, associate objects with it, wait, look at what
//! came, and associate again, since an event ends the association.

#[path = "helpers/cli.rs"]
mod cli;

use cli::Stop;
use event_ports::{EventPort, PollEvents};
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;

const HELP: &str = "\
usage: fifos NAME...

Makes FIFOs of these names and prints what is written to them, each piece with the name it came by. A FIFO is removed
when all that wrote to it have closed it, and with the last one the program ends.
";

fn main() -> ExitCode {
    cli::exit(HELP, names().and_then(|names| run(&names)))
}

/// What the command line asks for.
fn names() -> Result<Vec<OsString>, Stop> {
    let names: Vec<_> = env::args_os().skip(1).collect();
    match names.first().map(|name| name.to_str().unwrap_or_default()) {
        None => Err(Stop::Misuse("no name given".into())),
        Some("--help" | "-h") => Err(Stop::Help),
        Some(option) if option.starts_with('-') => Err(Stop::Misuse(format!("unknown option: {option}"))),
        Some(_) => Ok(names),
    }
}

fn run(names: &[OsString]) -> Result<ExitCode, Stop> {
    let port = EventPort::new()?;

    // A FIFO's cookie is its index.
    let mut fifos = Vec::new();
    for name in names {
        let fifo = Fifo::make(name).map_err(|error| Stop::failure(name.to_string_lossy(), &error))?;
        port.associate_fd(fifo.file.as_raw_fd(), PollEvents::IN, fifos.len())?;
        fifos.push(Some(fifo));
    }

    while fifos.iter().any(Option::is_some) {
        let event = port.get(None)?;
        let Some(fifo) = &mut fifos[event.user] else { continue };
        fifo.print().map_err(|error| Stop::failure(fifo.name.to_string_lossy(), &error))?;
        if event.poll_events().is_some_and(|events| events.contains(PollEvents::HUP)) {
            // Closing would end an association, if there were one.
            fifos[event.user] = None;
        } else {
            port.associate_fd(fifo.file.as_raw_fd(), PollEvents::IN, event.user)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A FIFO of our own making, removed when dropped.
struct Fifo<'a> {
    name: &'a OsStr,
    file: File,
}

impl<'a> Fifo<'a> {
    fn make(name: &'a OsStr) -> io::Result<Self> {
        let path = CString::new(name.as_bytes())?;
        // SAFETY: `path` is a string in C's sense, and the call keeps no pointer to it.
        if unsafe { libc::mkfifo(path.as_ptr(), 0o600) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // Non-blocking also for opening, which otherwise waits for somebody to write.
        match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(name) {
            Ok(file) => Ok(Self { name, file }),
            Err(error) => fs::remove_file(name).and(Err(error)),
        }
    }

    /// Prints what is there, with the name before each piece.
    fn print(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let mut text = [0; 512];
        loop {
            match self.file.read(&mut text) {
                Ok(0) => return out.flush(),
                Ok(length) => {
                    write!(out, "{}: ", self.name.to_string_lossy())?;
                    out.write_all(&text[..length])?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return out.flush(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Fifo<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(self.name) {
            cli::complain(format_args!("{}: {error}", self.name.to_string_lossy()));
        }
    }
}
