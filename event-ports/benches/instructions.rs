//! How many instructions the safe crate adds to the raw calls, and whether it allocates memory for an event.
//!
//! `cargo bench -p event-ports --bench instructions`. It takes valgrind, whose callgrind counts the instructions of the
//! process, without the kernel's: on Linux those of `event-ports-linux` are among them, on illumos the raw calls are
//! little more than a jump into the kernel.
//!
//! The program runs itself below callgrind, each workload twice, for a number of events and for twice as many. The
//! difference is free of what happens once.
#![allow(missing_docs, reason = "nothing is public")]

#[path = "parts/contestant.rs"]
mod contestant;
#[path = "parts/descriptors.rs"]
mod descriptors;
#[path = "parts/ports.rs"]
mod ports;

use contestant::{BATCH, Contestant};
use descriptors::Ready;
use ports::{Promise, Raw, Safe};
use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Works for so many events, and returns how many allocations that took.
type Work = fn(u32) -> u64;

/// What is counted: by the raw calls, and by the safe crate.
const WORKLOADS: [(&str, Work, Work); 3] = [
    ("associate and retrieve one", one::<Raw>, one::<Safe>),
    ("associate and retrieve 64, for each", many::<Raw>, many::<Safe>),
    ("send and retrieve one", user::<Raw>, user::<Safe>),
];

/// What the safe crate may take, over the raw calls.
const TARGET: f64 = 1.05;

/// How many events callgrind watches; it takes its time.
const EVENTS: u32 = 64 * 200;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [word, name, layer, events] if word == "count" => {
            let (_, raw, safe) = WORKLOADS.into_iter().find(|(known, ..)| known == name).expect("a workload");
            let work = if layer == "raw" { raw } else { safe };
            println!("{}", work(events.parse().expect("a number")));
        }
        // `cargo test` looks whether it works, and a test runner wants a list of tests, of which there are none.
        arguments if !arguments.iter().any(|argument| argument == "--bench") => {
            if !arguments.iter().any(|argument| argument == "--list") {
                WORKLOADS.iter().for_each(|(_, raw, safe)| assert_eq!((raw(64), safe(64)), (0, 0)));
            }
        }
        _ => report(),
    }
}

fn report() {
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) => println!("\nInstructions for an event, by {}", String::from_utf8_lossy(&output.stdout).trim()),
        Err(error) if error.kind() == ErrorKind::NotFound => return println!("valgrind is not installed: not counted"),
        Err(error) => panic!("valgrind: {error}"),
    }
    for (name, ..) in WORKLOADS {
        let (raw, safe) = (count(name, "raw"), count(name, "safe"));
        let ratio = safe.instructions / raw.instructions;
        let met = if ratio < TARGET + 0.0005 { "met" } else { "MISSED" };
        println!(
            "  {name:46} {ratio:5.3}  raw {:.1}, safe {:.1}; allocations {}, {}  target {TARGET:.2}: {met}",
            raw.instructions, safe.instructions, raw.allocations, safe.allocations
        );
    }
}

/// What callgrind and the allocator counted, for an event.
struct Count {
    instructions: f64,
    allocations: f64,
}

fn count(name: &str, layer: &str) -> Count {
    let [(instructions, allocations), (more_instructions, more_allocations)] =
        [EVENTS, 2 * EVENTS].map(|events| run(name, layer, events));
    let for_an_event = |few: u64, many: u64| many.saturating_sub(few) as f64 / f64::from(EVENTS);
    Count {
        instructions: for_an_event(instructions, more_instructions),
        allocations: for_an_event(allocations, more_allocations),
    }
}

/// Runs a workload below callgrind. Returns the instructions of the whole run, and the allocations of the work.
fn run(name: &str, layer: &str, events: u32) -> (u64, u64) {
    let profile = env::temp_dir().join(format!("event-ports-instructions-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args(["count", name, layer, &events.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("valgrind starts");
    assert!(output.status.success(), "valgrind ended by {}", output.status);
    let text = fs::read_to_string(&profile).expect("callgrind has written what it counted");
    fs::remove_file(&profile).expect("the file is ours");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("callgrind counts");
    let allocations = String::from_utf8(output.stdout).expect("a number");
    (total.trim().parse().expect("a number"), allocations.trim().parse().expect("a number"))
}

/// A layer to be counted.
trait Layer: Contestant {
    fn new() -> Self;
    fn send_and_take(&self, cookie: usize);
}

impl Layer for Raw {
    fn new() -> Self {
        Self::new(Promise::Number)
    }

    #[inline]
    fn send_and_take(&self, cookie: usize) {
        self.send_and_take(cookie);
    }
}

impl Layer for Safe {
    fn new() -> Self {
        Self::new(Promise::Number)
    }

    #[inline]
    fn send_and_take(&self, cookie: usize) {
        self.send_and_take(cookie);
    }
}

/// Prepares for the work, then counts the allocations of the work.
fn counted<L: Layer>(descriptors: usize, work: impl FnOnce(&mut L, &Ready)) -> u64 {
    let ready = Ready::new(descriptors).expect("descriptors");
    let mut layer = <L as Layer>::new();
    for (cookie, &fd) in ready.fds.iter().enumerate() {
        layer.register(fd, cookie);
    }
    if descriptors > 0 {
        assert_eq!(layer.take_many().0, descriptors);
    }
    layer.send_and_take(0);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work(&mut layer, &ready);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn one<L: Layer>(events: u32) -> u64 {
    counted::<L>(1, |layer, ready| {
        for _ in 0..events {
            layer.arm(ready.fds[0], 0);
            assert_eq!(layer.take_one(), 0);
        }
    })
}

fn many<L: Layer>(events: u32) -> u64 {
    counted::<L>(BATCH, |layer, ready| {
        for _ in 0..events / BATCH as u32 {
            for (cookie, &fd) in ready.fds.iter().enumerate() {
                layer.arm(fd, cookie);
            }
            assert_eq!(layer.take_many(), (BATCH, (0..BATCH).sum()));
        }
    })
}

fn user<L: Layer>(events: u32) -> u64 {
    counted::<L>(0, |layer, _| (0..events as usize).for_each(|cookie| layer.send_and_take(cookie)))
}
