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
use std::io::{self, ErrorKind, Write};
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

/// How much of what was read is remembered, to see whether it still is there.
const MEMORY: usize = 1024;

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

/// A path that is followed.
struct Tail {
    name: OsString,
    /// The file that was there when it was looked at last.
    current: Option<Open>,
    /// The one before. Who wrote to it may do so a little longer.
    previous: Option<Open>,
    /// What was complained of last, so as not to say it again.
    complaint: Option<String>,
}

impl Tail {
    fn new(name: OsString) -> Self {
        Self { name, current: None, previous: None, complaint: None }
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
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&self.name)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        // Where the watcher has not seen any file yet it will report this one; but not if that is gone by then, and who had
        // begun to read it would never hear of its last lines.
        if watcher.file_at(&self.name).is_none() {
            return Ok(false);
        }
        // As long as a file is open, no other gets its identity.
        if self.current.as_ref().is_some_and(|current| current.id == id) {
            return Ok(false);
        }
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let start = match begin {
            Begin::Start => 0,
            Begin::LastLines(lines) => last_lines(&file, metadata.len(), lines)?,
        };
        let open = Open::new(file, id, start)?;
        self.complaint = None;
        self.previous = self.current.replace(open);
        Ok(true)
    }

    /// Something was reported. What there is to read then is read in any case.
    fn changed(&mut self, change: &Change) {
        if let ChangeKind::Failed(failure) = change.kind {
            self.complain(&failure);
        }
        if let Some(Err(error)) = self.current.as_mut().map(Open::rewind_if_rewritten) {
            self.complain(&error);
        }
    }

    /// Reads the next piece, of the former file first.
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        for open in self.previous.as_mut().into_iter().chain(&mut self.current) {
            match open.read(piece)? {
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

/// A file that is read.
struct Open {
    file: File,
    id: FileId,
    /// Where it is read next.
    position: u64,
    /// What is before that, as far back as is remembered.
    behind: Vec<u8>,
}

impl Open {
    fn new(file: File, id: FileId, position: u64) -> io::Result<Self> {
        let mut open = Self { file, id, position, behind: vec![0; position.min(MEMORY as u64) as usize] };
        match open.look_behind()? {
            Some(behind) => open.behind = behind,
            None => open.rewind(),
        }
        Ok(open)
    }

    /// What the file holds now where there was what is remembered; `None` if it is too short for that.
    fn look_behind(&self) -> io::Result<Option<Vec<u8>>> {
        let mut now = vec![0; self.behind.len()];
        let start = self.position - now.len() as u64;
        match self.file.read_exact_at(&mut now, start) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            result => result.map(|()| Some(now)),
        }
    }

    /// Begins anew if the file does not hold any more what was read. Its length does not tell: it may have been cut, and
    /// have grown since. Nor does a report: that it was cut may be told twice, or, where it has grown, not at all.
    fn rewind_if_rewritten(&mut self) -> io::Result<()> {
        if self.look_behind()?.as_ref() != Some(&self.behind) {
            self.rewind();
        }
        Ok(())
    }

    fn rewind(&mut self) {
        self.position = 0;
        self.behind.clear();
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let mut length = self.file.read_at(piece, self.position)?;
        // It may have been written anew just now, and then this is out of its middle. If it was cut, it was read before.
        if length > 0 && self.look_behind()?.is_some_and(|now| now != self.behind) {
            self.rewind();
            length = self.file.read_at(piece, 0)?;
        }
        self.position += length as u64;
        self.behind.extend_from_slice(&piece[..length]);
        self.behind.drain(..self.behind.len().saturating_sub(MEMORY));
        Ok(length)
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
