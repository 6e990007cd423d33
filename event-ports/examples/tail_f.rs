//! Prints the last lines of files and what is appended to them, also when they are rotated.
//!
//! `cargo run --example tail_f -- -n 3 /var/log/messages`
//!
//! A [`Watcher`] says when to look. What there is to see, the open file says: it may have grown, or been cut, or not be the
//! one at the path any more. No line is lost when a file is renamed or removed, since it stays open and is read to its
//! end before the next one is. (One that comes and goes between two looks is never seen, though.)

#[path = "helpers/cli.rs"]
mod cli;
#[path = "helpers/signals.rs"]
mod signals;

use cli::Stop;
use event_ports::{Change, ChangeKind, Depth, FileId, WatchOptions, Watcher};
use std::env;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::mem;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::process::ExitCode;

const HELP: &str = "\
usage: tail_f [-n LINES] FILE...

Prints the last lines of the files, 10 unless -n says otherwise, and then what is appended to them, below a line with the
name where there are several. Follows them when they are truncated, replaced or rotated, or come into being later, until
it is interrupted.
";

/// How much is read at once.
const PIECE: usize = 64 * 1024;

fn main() -> ExitCode {
    cli::exit(HELP, arguments().and_then(|(lines, names)| follow(lines, names)))
}

/// How many lines, and of which files.
fn arguments() -> Result<(u64, Vec<OsString>), Stop> {
    let (mut lines, mut names) = (10, Vec::new());
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str().unwrap_or_default() {
            "--help" | "-h" => return Err(Stop::Help),
            "-n" => {
                let value = arguments.next().and_then(|value| value.to_str()?.parse().ok());
                lines = value.ok_or_else(|| Stop::Misuse("-n needs a number".into()))?;
            }
            "--" => names.extend(arguments.by_ref()),
            option if option.starts_with('-') => return Err(Stop::Misuse(format!("unknown option: {option}"))),
            _ => names.push(argument),
        }
    }
    if names.is_empty() { Err(Stop::Misuse("nothing to follow".into())) } else { Ok((lines, names)) }
}

fn follow(lines: u64, names: Vec<OsString>) -> Result<ExitCode, Stop> {
    let mut watcher = Watcher::new()?;
    signals::wake_on_termination(watcher.waker()).map_err(|error| Stop::failure("signals", &error))?;
    let options = WatchOptions::new().depth(Depth::Itself).attributes(false);
    let mut output = Output { with_names: names.len() > 1, last: None };
    let mut tails: Vec<Tail> = names.into_iter().map(Tail::new).collect();

    for (index, tail) in tails.iter_mut().enumerate() {
        // Watched first and read then: what is appended meanwhile is either read now, or reported.
        watcher.watch_with(&tail.name, options, index)?;
        tail.open(&watcher, Begin::LastLines(lines));
        if output.print(index, tail)? == Listener::Gone {
            return Ok(ExitCode::SUCCESS);
        }
    }
    while let Some(change) = watcher.next(None)? {
        let (index, tail) = (change.user, &mut tails[change.user]);
        tail.changed(&change);
        // All of the old file before the new one.
        let mut listener = output.print(index, tail)?;
        if listener == Listener::There && tail.open(&watcher, Begin::Start) {
            listener = output.print(index, tail)?;
        }
        if listener == Listener::Gone {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where to begin to read.
enum Begin {
    Start,
    LastLines(u64),
}

/// A file that is followed.
struct Tail {
    name: OsString,
    /// The one that was at the path when it was looked at last, and which it was.
    current: Option<(File, FileId)>,
    /// The one before. Who wrote to it may do so a little longer.
    previous: Option<File>,
    /// Whether it was found to be cut before that was reported.
    was_rewound: bool,
    /// What was complained of last, so as not to say it again.
    complaint: Option<String>,
}

impl Tail {
    fn new(name: OsString) -> Self {
        Self { name, current: None, previous: None, was_rewound: false, complaint: None }
    }

    /// Opens what is at the path, if that is not open already. Whether there is something new to read.
    fn open(&mut self, watcher: &Watcher, begin: Begin) -> bool {
        match self.try_open(watcher, begin) {
            Ok(is_new) => is_new,
            Err(error) => {
                self.complain(&error);
                false
            }
        }
    }

    fn try_open(&mut self, watcher: &Watcher, begin: Begin) -> io::Result<bool> {
        // Opening a FIFO would wait for somebody who writes to it.
        let mut file =
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&self.name)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        // Where the watcher has not seen any file yet it will report this one; but not if that is gone by then, and who had
        // begun to read it would never hear of its last lines.
        if watcher.file_at(&self.name).is_none() {
            return Ok(false);
        }
        // As long as a file is open, no other gets its identity.
        if self.current.as_ref().is_some_and(|&(_, current)| current == id) {
            return Ok(false);
        }
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if let Begin::LastLines(lines) = begin {
            let start = last_lines(&file, metadata.len(), lines)?;
            file.seek(SeekFrom::Start(start))?;
        }
        self.complaint = None;
        self.previous = self.current.replace((file, id)).map(|(file, _)| file);
        Ok(true)
    }

    /// Something was reported. What there is to read then is read in any case.
    fn changed(&mut self, change: &Change) {
        let is_known = mem::take(&mut self.was_rewound);
        match (change.kind, &mut self.current) {
            (ChangeKind::Failed(failure), _) => self.complain(&failure),
            // It may have grown beyond what was read of it, so that its length tells nothing.
            (ChangeKind::Truncated, Some((file, id))) if !is_known && change.id == Some(*id) => {
                if let Err(error) = file.rewind() {
                    self.complain(&error);
                }
            }
            _ => {}
        }
    }

    /// Reads the next piece, of the former file first.
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let current = self.current.as_mut().map(|(file, _)| file);
        for file in self.previous.as_mut().into_iter().chain(current) {
            if file.metadata()?.len() < file.stream_position()? {
                file.rewind()?;
                self.was_rewound = true;
            }
            match file.read(piece)? {
                0 => {}
                length => return Ok(length),
            }
        }
        Ok(0)
    }

    fn complain(&mut self, what: &dyn std::error::Error) {
        let complaint = format!("{}: {what}", self.name.to_string_lossy());
        if self.complaint.as_ref() != Some(&complaint) {
            cli::complain(&complaint);
            self.complaint = Some(complaint);
        }
    }
}

/// Where the last lines of a file begin.
fn last_lines(file: &File, length: u64, lines: u64) -> io::Result<u64> {
    let (mut end, mut left) = (length, lines);
    let mut piece = [0; 4096];
    while left > 0 && end > 0 {
        let start = end.saturating_sub(piece.len() as u64);
        let part = &mut piece[..(end - start) as usize];
        match file.read_exact_at(part, start) {
            // It was cut meanwhile.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
            result => result?,
        }
        for (offset, _) in part.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'\n') {
            let next = start + offset as u64 + 1;
            // The end of the last line begins no other.
            left -= u64::from(next < length);
            if left == 0 {
                return Ok(next);
            }
        }
        end = start;
    }
    Ok(end)
}

/// Whether anybody reads what is printed.
#[derive(PartialEq)]
enum Listener {
    There,
    Gone,
}

/// Standard output, with headings.
struct Output {
    with_names: bool,
    /// Whose piece was the last one, and whether it ended a line.
    last: Option<(usize, bool)>,
}

impl Output {
    /// Prints all there is to read of a file.
    fn print(&mut self, index: usize, tail: &mut Tail) -> Result<Listener, Stop> {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match tail.read(&mut piece) {
                Ok(0) => return Ok(Listener::There),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tail.complain(&error);
                    return Ok(Listener::There);
                }
            };
            match self.print_piece(index, tail, &piece[..length]) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Listener::Gone),
                result => result.map_err(|error| Stop::failure("standard output", &error))?,
            }
        }
    }

    fn print_piece(&mut self, index: usize, tail: &Tail, piece: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.with_names && self.last.is_none_or(|(last, _)| last != index) {
            if let Some((_, false)) = self.last {
                out.write_all(b"\n")?;
            }
            writeln!(out, "==> {} <==", tail.name.to_string_lossy())?;
        }
        self.last = Some((index, piece.ends_with(b"\n")));
        out.write_all(piece)?;
        // Who follows a file wants to see what is appended when it is.
        out.flush()
    }
}
