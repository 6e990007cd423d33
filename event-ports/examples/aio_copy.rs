//! Copies a file with many requests in flight, and verifies the copy.
//!
//! `cargo run --release --example aio_copy -- --requests 64 from to`
//!
//! The content goes to a file beside TO, which gets that name when it is complete, on the device and verified. If
//! anything fails, be it that the disk is full, TO is as it was and nothing is left beside it.
//!
//! Each request owns its buffer: a read's event gives it back, it goes out with a write, and comes back for the next
//! read. So there are as many buffers as requests, however large the file.

#[path = "helpers/cli.rs"]
mod cli;
#[path = "helpers/signals.rs"]
mod signals;

use cli::Stop;
use event_ports::{AioCompletion, AioOperation, AioSync, Event, EventPort};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

const HELP: &str = "\
usage: aio_copy [--requests N] [--block BYTES] [--quiet] FROM TO

Copies a file by asynchronous reads and writes, compares the copy with it, and gives that the name TO only then. Shows
its progress on a terminal.

  --requests N   how many requests are in flight at most; 32 unless said otherwise
  --block BYTES  how much each transfers; 131072 unless said otherwise
  --quiet        show no progress
";

struct Options {
    requests: usize,
    block: usize,
    quiet: bool,
    from: PathBuf,
    to: PathBuf,
}

/// The cookie of what a signal sends. Those of requests are indices.
const STOP: usize = usize::MAX;

fn main() -> ExitCode {
    cli::exit(HELP, options().and_then(|options| run(&options)))
}

/// What the command line asks for.
fn options() -> Result<Options, Stop> {
    let (mut requests, mut block, mut quiet, mut paths) = (32, 128 * 1024, false, Vec::new());
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str().unwrap_or_default() {
            "--help" | "-h" => return Err(Stop::Help),
            "--requests" => requests = number(arguments.next(), 1 << 16)?,
            "--block" => block = number(arguments.next(), 1 << 30)?,
            "--quiet" => quiet = true,
            "--" => paths.extend(arguments.by_ref().map(PathBuf::from)),
            option if option.starts_with('-') => return Err(Stop::Misuse(format!("unknown option: {option}"))),
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    let [from, to] = paths.try_into().map_err(|_| Stop::Misuse("two files are needed".into()))?;
    Ok(Options { requests, block, quiet, from, to })
}

fn number(text: Option<OsString>, most: usize) -> Result<usize, Stop> {
    let number = text.and_then(|text| text.to_str()?.parse().ok());
    number
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| Stop::Misuse(format!("a number from 1 to {most} is needed")))
}

fn run(options: &Options) -> Result<ExitCode, Stop> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| Stop::failure(path, &error)
    };
    let port = EventPort::new()?;
    // So that what is half done is removed before the program ends.
    signals::wake_on_termination(port.waker(0, STOP)).map_err(|error| Stop::failure("signals", &error))?;
    // What is too large for the process's limit is an error, too, and not its end.
    // SAFETY: to ignore a signal runs nothing.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };

    let from = File::open(&options.from).map_err(failed(&options.from))?;
    let metadata = from.metadata().map_err(failed(&options.from))?;
    if !metadata.is_file() {
        return Err(Stop::Failure(format!("{}: not a regular file", options.from.display())));
    }
    let (partial, to) = Partial::create(&options.to).map_err(failed(&options.to))?;
    let mut copy = Copy {
        port,
        from: Arc::new(from),
        to: Arc::new(to),
        size: metadata.len(),
        block: options.block,
        bar: Bar { shown: !options.quiet && io::stderr().is_terminal(), percent: None },
    };
    let done = copy.transfer(options.requests).and_then(|()| copy.verify());
    copy.bar.end();
    done.map_err(failed(&options.to))?;
    fs::set_permissions(&partial.path, metadata.permissions()).map_err(failed(&options.to))?;
    partial.name(&options.to).map_err(failed(&options.to))?;
    Ok(ExitCode::SUCCESS)
}

/// The file beside TO, removed unless it has got its name.
struct Partial {
    path: PathBuf,
    named: bool,
}

impl Partial {
    fn create(to: &Path) -> io::Result<(Self, File)> {
        let mut hidden = OsString::from(".");
        hidden.push(to.file_name().ok_or(ErrorKind::InvalidInput)?);
        hidden.push(format!(".{}.part", std::process::id()));
        let path = to.with_file_name(hidden);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok((Self { path, named: false }, file))
    }

    fn name(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.named {
            // There is nobody left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What is left of the block that a request is about. The request's cookie is its index.
#[derive(Clone, Copy)]
struct Rest {
    offset: u64,
    len: usize,
}

struct Copy {
    port: EventPort,
    from: Arc<File>,
    to: Arc<File>,
    size: u64,
    block: usize,
    bar: Bar,
}

impl Copy {
    /// Copies all content. What is in flight when something fails is cancelled with the port.
    fn transfer(&mut self, requests: usize) -> io::Result<()> {
        let (mut next, mut written, mut in_flight) = (0, 0, 0);
        let mut rests: Vec<_> = (0..requests).map(|_| self.block_at(&mut next)).collect();
        for (at, &rest) in rests.iter().enumerate() {
            in_flight += usize::from(self.read_on(rest, at, Vec::new())?);
        }
        while in_flight > 0 {
            let (completion, at) = self.completion()?;
            let n = completion.result()?;
            let (rest, mut buffer) = (&mut rests[at], completion.take_buffer().unwrap_or_default());
            if completion.operation() == AioOperation::Read {
                // Files do not end before their size, unless somebody cuts them short meanwhile.
                not_nothing(n, ErrorKind::UnexpectedEof)?;
                buffer.truncate(n);
                self.port.aio_write(Arc::clone(&self.to), buffer, rest.offset, at)?;
                continue;
            }
            not_nothing(n, ErrorKind::WriteZero)?;
            written += n as u64;
            self.bar.show("copied", written, self.size);
            *rest = Rest { offset: rest.offset + n as u64, len: rest.len - n };
            if n < buffer.len() {
                // As on a disk that is nearly full. What is left goes by itself.
                buffer.drain(..n);
                self.port.aio_write(Arc::clone(&self.to), buffer, rest.offset, at)?;
                continue;
            }
            if rest.len == 0 {
                *rest = self.block_at(&mut next);
            }
            in_flight -= usize::from(!self.read_on(*rest, at, buffer)?);
        }
        self.port.aio_fsync(Arc::clone(&self.to), AioSync::All, 0)?;
        self.completion()?.0.result()?;
        Ok(())
    }

    /// The next block of the file, which begins at `next`; empty behind its end.
    fn block_at(&self, next: &mut u64) -> Rest {
        let offset = *next;
        let len = usize::try_from(self.size - offset).map_or(self.block, |left| left.min(self.block));
        *next += len as u64;
        Rest { offset, len }
    }

    /// Begins to read, unless there is nothing left. Answers whether.
    fn read_on(&self, rest: Rest, at: usize, mut buffer: Vec<u8>) -> io::Result<bool> {
        if rest.len > 0 {
            buffer.resize(rest.len, 0);
            self.port.aio_read(Arc::clone(&self.from), buffer, rest.offset, at)?;
        }
        Ok(rest.len > 0)
    }

    /// The next completion, with its cookie.
    fn completion(&self) -> io::Result<(AioCompletion, usize)> {
        let event = self.port.get(None)?;
        match event.view() {
            Event::Aio { completion } => Ok((completion.clone(), event.user)),
            _ if event.user == STOP => Err(io::Error::new(ErrorKind::Interrupted, "interrupted; nothing is copied")),
            other => Err(io::Error::other(format!("an event that nobody asked for: {other:?}"))),
        }
    }

    /// Compares the files by reading both, a block of each at a time.
    fn verify(&mut self) -> io::Result<()> {
        if self.to.metadata()?.len() != self.size {
            return Err(io::Error::other("the copy has another size"));
        }
        let mut next = 0;
        let mut blocks: [Vec<u8>; 2] = Default::default();
        loop {
            let Rest { offset, len } = self.block_at(&mut next);
            if len == 0 {
                return Ok(());
            }
            for (which, file) in [&self.from, &self.to].into_iter().enumerate() {
                let mut buffer = std::mem::take(&mut blocks[which]);
                buffer.resize(len, 0);
                self.port.aio_read(Arc::clone(file), buffer, offset, which)?;
            }
            for _ in 0..2 {
                let (completion, which) = self.completion()?;
                if completion.result()? != len {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                blocks[which] = completion.take_buffer().unwrap_or_default();
            }
            if blocks[0] != blocks[1] {
                return Err(io::Error::other(format!("the copy differs between bytes {offset} and {next}")));
            }
            self.bar.show("verified", next, self.size);
        }
    }
}

fn not_nothing(n: usize, otherwise: ErrorKind) -> io::Result<()> {
    if n == 0 { Err(otherwise.into()) } else { Ok(()) }
}

/// A line that shows how far it is, where somebody looks.
struct Bar {
    shown: bool,
    percent: Option<u64>,
}

impl Bar {
    const WIDTH: usize = 40;

    fn show(&mut self, what: &str, done: u64, of: u64) {
        let percent = (u128::from(done) * 100 / u128::from(of)) as u64;
        if self.shown && self.percent.replace(percent) != Some(percent) {
            let filled = "#".repeat(Self::WIDTH * percent as usize / 100);
            // It is for the eye only, as is what becomes of it.
            let _ = write!(io::stderr(), "\r{what:>8} [{filled:<width$}] {percent:>3} %", width = Self::WIDTH);
        }
    }

    fn end(&self) {
        if self.percent.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
