//! Prints what happens to files and directories, one line per change.
//!
//! `cargo run --example watch -- --recursive src`
//!
//! The lines come from a [`Watcher`], which follows *paths*: a file may be replaced, rotated away, or not be there yet. Try
//! it on a file that an editor saves, or on a directory that is being built in.

#[path = "helpers/cli.rs"]
mod cli;
#[path = "helpers/signals.rs"]
mod signals;

use cli::Stop;
use event_ports::{Change, ChangeKind, Depth, WatchOptions, Watcher};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

const HELP: &str = "\
usage: watch [--recursive] [--events LIST] [--json] [--count N] [--timeout SECONDS] PATH...

Prints what happens to the paths, and in those that are directories, until it is interrupted. A path need not exist yet.

  -r, --recursive        also in directories below
  -e, --events LIST      only these, separated by commas: created, modified, truncated, attributes, accessed, replaced,
                         renamed, deleted, unmounted, mounted-over; without it, all but accessed
  -j, --json             one JSON object per line
  -n, --count N          end after N lines
  -t, --timeout SECONDS  end after this time; with status 1 if there are still lines to come of those to count
";

/// What the command line asks for.
struct Request {
    paths: Vec<OsString>,
    /// The names of the changes to print.
    names: Vec<String>,
    depth: Depth,
    json: bool,
    count: Option<u64>,
    timeout: Option<Duration>,
}

/// The changes that can be asked for.
const NAMES: [&str; 10] = [
    "created",
    "modified",
    "truncated",
    "attributes",
    "accessed",
    "replaced",
    "renamed",
    "deleted",
    "unmounted",
    "mounted-over",
];

fn main() -> ExitCode {
    cli::exit(HELP, request().and_then(|request| watch(&request)))
}

fn request() -> Result<Request, Stop> {
    let mut request = Request {
        paths: Vec::new(),
        names: NAMES.iter().filter(|&&name| name != "accessed").map(ToString::to_string).collect(),
        depth: Depth::Entries,
        json: false,
        count: None,
        timeout: None,
    };
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = |of: &str| {
            let value = arguments.next().and_then(|value| value.into_string().ok());
            value.ok_or_else(|| Stop::Misuse(format!("{of} needs a value")))
        };
        match argument.to_str().unwrap_or_default() {
            "--help" | "-h" => return Err(Stop::Help),
            "--recursive" | "-r" => request.depth = Depth::Tree,
            "--json" | "-j" => request.json = true,
            option @ ("--events" | "-e") => request.names = names(&value(option)?)?,
            option @ ("--count" | "-n") => request.count = Some(number(option, &value(option)?)?),
            option @ ("--timeout" | "-t") => {
                let seconds = number(option, &value(option)?)?;
                let timeout = Duration::try_from_secs_f64(seconds);
                request.timeout = Some(timeout.map_err(|error| Stop::Misuse(format!("{option}: {error}")))?);
            }
            "--" => request.paths.extend(arguments.by_ref()),
            option if option.starts_with('-') => return Err(Stop::Misuse(format!("unknown option: {option}"))),
            _ => request.paths.push(argument),
        }
    }
    if request.paths.is_empty() { Err(Stop::Misuse("nothing to watch".into())) } else { Ok(request) }
}

fn names(list: &str) -> Result<Vec<String>, Stop> {
    let name = |name: &str| {
        let is_known = NAMES.contains(&name);
        if is_known { Ok(name.to_owned()) } else { Err(Stop::Misuse(format!("there are no events {name:?}"))) }
    };
    list.split(',').map(name).collect()
}

fn number<T: FromStr>(option: &str, text: &str) -> Result<T, Stop> {
    text.parse().map_err(|_| Stop::Misuse(format!("{option}: {text:?} is not a number")))
}

fn watch(request: &Request) -> Result<ExitCode, Stop> {
    let wants = |names: &[&str]| names.iter().any(|&name| request.names.iter().any(|wanted| wanted == name));
    let options = WatchOptions::new()
        .depth(request.depth)
        .content(wants(&["modified", "truncated"]))
        .attributes(wants(&["attributes"]))
        .accessed(wants(&["accessed"]));
    let mut watcher = Watcher::new()?;
    signals::wake_on_termination(watcher.waker()).map_err(|error| Stop::failure("signals", &error))?;
    for path in &request.paths {
        watcher.watch_with(path, options, 0)?;
        if fs::symlink_metadata(path).is_err() {
            cli::complain(format_args!("{}: not there yet", path.to_string_lossy()));
        }
    }
    // Who changes files from here on will see it printed.
    cli::complain(format_args!("watching {} paths", watcher.len()));

    let deadline = request.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut left = request.count;
    while left != Some(0) {
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let Some(change) = watcher.next(timeout)? else {
            let has_timed_out = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            return Ok(ExitCode::from(u8::from(has_timed_out && left.is_some())));
        };
        match change.kind {
            ChangeKind::Failed(failure) => {
                cli::complain(format_args!("{}: cannot be watched: {failure}", change.path.display()));
            }
            kind if wants(&[name(kind)]) => {
                let line = if request.json { json(&change) } else { text(&change) };
                match print(&line) {
                    // Nobody is listening any more.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                    result => result.map_err(|error| Stop::failure("standard output", &error))?,
                }
                left = left.map(|left| left - 1);
            }
            _ => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Created => "created",
        ChangeKind::Modified => "modified",
        ChangeKind::Truncated => "truncated",
        ChangeKind::Attributes => "attributes",
        ChangeKind::Accessed => "accessed",
        ChangeKind::Replaced => "replaced",
        ChangeKind::RenamedAway => "renamed",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Unmounted => "unmounted",
        ChangeKind::MountedOver => "mounted-over",
        _ => "unknown",
    }
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    // Who waits for changes wants to see them when they come.
    out.flush()
}

/// A line to read. A path that would not fit on one, or is no text, is quoted.
fn text(change: &Change) -> String {
    let path = shown(&change.path);
    let slash = if change.is_dir && !path.ends_with('/') { "/" } else { "" };
    format!("{:<10} {path}{slash}", name(change.kind))
}

fn shown(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

/// A line for programs. A path that is no text comes with its bytes as well.
fn json(change: &Change) -> String {
    let (path, bytes) = (change.path.to_string_lossy(), change.path.as_os_str());
    let mut line =
        format!(r#"{{"event":"{}","directory":{},"path":{}"#, name(change.kind), change.is_dir, quoted(&path));
    if bytes != OsStr::new(path.as_ref()) {
        line.push_str(r#","hex":""#);
        for byte in bytes.as_bytes() {
            let _ = write!(line, "{byte:02x}");
        }
        line.push('"');
    }
    line.push('}');
    line
}

/// A string as JSON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
