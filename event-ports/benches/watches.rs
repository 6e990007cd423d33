//! What it costs to watch files, as ratios: ten thousand of them, watched, written and watched again.
//!
//! `cargo bench -p event-ports --bench watches`.
//!
//! On Linux a port is measured against bare inotify, used as far as possible as one uses a port: with `IN_ONESHOT`, so
//! that each event is retrieved and its file watched again, and with a table from its numbers to the paths. (Nothing else
//! is like it: bare inotify does not compare times, so a change between an event and the next watch is lost; nor does it
//! tell of a file that is replaced while somebody has it open.) On illumos the typed layer is measured against the raw
//! calls.
#![allow(missing_docs, reason = "nothing is public")]

#[cfg(target_os = "linux")]
#[path = "parts/inotify.rs"]
mod inotify;
#[path = "parts/watchers.rs"]
mod watchers;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io, process};
use watchers::{Raw, Safe, Watch};

const COUNT: usize = 10_000;
const ROUNDS: usize = 11;

/// The first is what the others are measured by.
const LANES: &[Lane] = &[
    #[cfg(target_os = "linux")]
    Lane { name: "bare inotify", round: round::<inotify::Inotify>, memory: memory::<inotify::Inotify> },
    Lane { name: "raw calls", round: round::<Raw>, memory: memory::<Raw> },
    Lane { name: "event-ports", round: round::<Safe>, memory: memory::<Safe> },
];

struct Lane {
    name: &'static str,
    round: fn(&Files) -> [Duration; 3],
    memory: fn(&Files) -> usize,
}

const PHASES: [&str; 3] = ["begin to watch a file", "retrieve its event and watch it again", "cease to watch it"];

/// The files, gone with this.
struct Files {
    directory: PathBuf,
    paths: Vec<PathBuf>,
}

impl Files {
    fn new(count: usize) -> Self {
        let directory = env::temp_dir().join(format!("event-ports-watches-{}", process::id()));
        fs::create_dir(&directory).expect("a directory can be made");
        let paths: Vec<_> = (0..count).map(|number| directory.join(number.to_string())).collect();
        for path in &paths {
            fs::write(path, "1").expect("a file can be written");
        }
        Self { directory, paths }
    }

    fn change(paths: &[PathBuf]) {
        for path in paths {
            let mut file = OpenOptions::new().append(true).open(path).expect("a file can be opened");
            file.write_all(b"+").expect("a file can be written");
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("{} is left: {error}", self.directory.display());
        }
    }
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [word, name] = &arguments[..] {
        if let Some(lane) = LANES.iter().find(|lane| word == "memory" && lane.name == name) {
            return println!("{}", (lane.memory)(&Files::new(COUNT)));
        }
    }
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    // `cargo test` looks whether it works, and a test runner wants a list of tests, of which there are none.
    if !has("--bench") {
        if !has("--list") {
            let files = Files::new(100);
            LANES.iter().for_each(|lane| assert_eq!((lane.round)(&files).len(), PHASES.len()));
            println!("watching files: works");
        }
        return;
    }
    println!("\nWatching {COUNT} files, for each of them");
    let files = Files::new(COUNT);
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut times = vec![[0.0; PHASES.len()]; LANES.len()];
        // Not always the same one after the same other.
        for at in 0..LANES.len() {
            let at = (at + round) % LANES.len();
            times[at] = (LANES[at].round)(&files).map(|time| time.as_nanos() as f64 / COUNT as f64);
        }
        rounds.push(times);
    }
    drop(files);
    for (phase, title) in PHASES.into_iter().enumerate() {
        println!("{title}");
        for (at, lane) in LANES.iter().enumerate() {
            let nanos = median(rounds.iter().map(|times| times[at][phase]));
            let ratio = median(rounds.iter().map(|times| times[at][phase] / times[0][phase]));
            println!("  {:50} {ratio:4.2}  {nanos:.0} ns", lane.name);
        }
    }
    if cfg!(not(target_os = "linux")) {
        return;
    }
    println!("memory of the process, with the paths");
    let bytes: Vec<_> = LANES.iter().map(|lane| memory_of(lane.name)).collect();
    for (lane, &taken) in LANES.iter().zip(&bytes) {
        println!("  {:50} {:4.2}  {:.0} bytes", lane.name, taken / bytes[0], taken / COUNT as f64);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn round<W: Watch>(files: &Files) -> [Duration; 3] {
    let start = now();
    let mut watch = W::new();
    for path in &files.paths {
        watch.begin(path);
    }
    let begun = now();
    let mut renewing = Duration::ZERO;
    // The kernel keeps no more than so many thousand notices.
    for paths in files.paths.chunks(1000) {
        Files::change(paths);
        let changed = now();
        watch.renew(paths.len());
        renewing += now() - changed;
    }
    let renewed = now();
    drop(watch);
    [begun - start, renewing, now() - renewed]
}

/// Runs this program again, since memory that was used before is used again.
fn memory_of(name: &str) -> f64 {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    let output = command.args(["memory", name]).stderr(Stdio::inherit()).output().expect("this program starts");
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).ok().and_then(|text| text.trim().parse().ok()).expect("a number")
}

/// How many bytes it takes to watch the files.
fn memory<W: Watch>(files: &Files) -> usize {
    let mut watch = W::new();
    // What is there once and for all comes with the first one.
    watch.begin(&files.directory);
    let before = resident();
    for path in &files.paths {
        watch.begin(path);
    }
    resident() - before
}

/// The memory of this process.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    let pages: usize = text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    // SAFETY: takes no pointer.
    pages * usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a size")
}

/// The processor time of this thread: other processes use the machine as well.
fn now() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` outlives the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
