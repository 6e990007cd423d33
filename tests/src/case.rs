//! Runs each test in a process of its own, under a watchdog.

use crate::descriptors::OpenDescriptors;
use crate::{gates, stacks};
use std::any::type_name;
use std::env;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Names the case that a process is to run itself, as `file::function`.
const CASE: &str = "EVENT_PORTS_CASE";
/// The case ran to its end. Not 0: the harness ends so too when it ran nothing.
const PASSED: i32 = 40;
/// The case panicked, or left a descriptor open.
const FAILED: i32 = 41;

/// How long a case may take, a loaded machine included. `EVENT_PORTS_TIME_LIMIT`, in seconds, replaces it.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Runs a test's body in a process of its own.
///
/// The body must be a closure written in the test function itself: its type names the test.
///
/// # Panics
/// If the body panics, ends its process, leaves a descriptor open or takes too long.
pub fn case<F: FnOnce()>(body: F) {
    let seconds = env::var("EVENT_PORTS_TIME_LIMIT").ok().and_then(|text| text.parse().ok());
    case_within(seconds.map_or(TIME_LIMIT, Duration::from_secs), body);
}

/// [`case`] with a time limit of its own.
///
/// # Panics
/// As [`case`].
pub fn case_within<F: FnOnce()>(limit: Duration, body: F) {
    let name = type_name::<F>().trim_end_matches("::{{closure}}");
    if env::var(CASE).is_ok_and(|wanted| wanted == name) {
        run_here(limit, body);
    }
    let gate = gates::on_this_system(name);
    match (&gate, env::var("EVENT_PORTS_GATED").as_deref()) {
        (None, _) => supervise(name, limit),
        (Some(_), Ok("run")) => {
            let passed = catch_unwind(|| supervise(name, limit)).is_ok();
            assert!(!passed, "{name} passes here: its gate in tests/gates.tsv is no longer needed");
        }
        (Some(gate), _) => {
            // Straight to the descriptor: the harness hides what a passing test prints.
            let line = format!("not run here: {name} ({}): {}\n", gate.rules, gate.reason);
            std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
        }
    }
}

/// The child's side: never returns.
fn run_here(limit: Duration, body: impl FnOnce()) -> ! {
    // The watchdog may be killed before it can kill this process, which must not outlive it for long.
    let end = limit.as_secs().saturating_mul(2).saturating_add(10).try_into().unwrap_or(u32::MAX);
    // SAFETY: alarm touches no memory of ours.
    unsafe { libc::alarm(end) };
    let before = OpenDescriptors::now();
    let outcome = catch_unwind(AssertUnwindSafe(body));
    if outcome.is_err() {
        std::process::exit(FAILED);
    }
    let left = before.opened_since();
    if !left.is_empty() {
        eprintln!("the case left descriptors open: {}", left.join(", "));
        std::process::exit(FAILED);
    }
    std::process::exit(PASSED);
}

/// The watchdog's side.
fn supervise(name: &str, limit: Duration) {
    let function = name.split_once("::").map_or(name, |(_file, function)| function);
    let mut command = Command::new(env::current_exe().expect("the test binary has a path"));
    command.args(["--exact", function, "--include-ignored", "--nocapture", "--test-threads=1"]).env(CASE, name);
    let (output, stacks) = watch(&mut command, limit);
    report(name, &output, stacks);
}

/// Runs a program to its end. One that takes too long is killed; then there are the stacks it was found with, too.
fn watch(command: &mut Command, limit: Duration) -> (Output, Option<String>) {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that the processes it forks can be killed with it.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || sender.send(child.wait_with_output()));
    let (output, stacks) = match receiver.recv_timeout(limit) {
        Ok(output) => (output, None),
        Err(_) => {
            let stacks = format!("hung and was killed after {limit:?}\n{}", stacks::of_group(pid));
            kill_group(pid);
            (receiver.recv().expect("the waiting thread reports"), Some(stacks))
        }
    };
    waiter.join().expect("the waiting thread does not panic").expect("the report was taken");
    (output.expect("the program's output can be read"), stacks)
}

/// Runs a program to its end, for [`TIME_LIMIT`] at most, and returns what it has said.
///
/// # Panics
/// If it cannot be started, or takes too long: with the stack of every thread.
pub fn run(command: &mut Command) -> Output {
    let (output, stacks) = watch(command, TIME_LIMIT);
    if let Some(stacks) = stacks {
        panic!("{command:?} {stacks}\nits output:\n{}", said(&output));
    }
    output
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn report(name: &str, output: &Output, stacks: Option<String>) {
    let text = said(output);
    if let Some(stacks) = stacks {
        panic!("{name} {stacks}\nits output:\n{text}");
    }
    match output.status.code() {
        Some(PASSED) => print!("{text}"),
        Some(FAILED) => panic!("{name} failed in its own process:\n{text}"),
        Some(0) => panic!("{name} did not run: the harness does not know it by this name\n{text}"),
        _ => panic!("{name} ended its process: {}\n{text}", describe(output.status)),
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(libc::SIGSEGV) => "SIGSEGV".to_owned(),
        Some(libc::SIGABRT) => "SIGABRT".to_owned(),
        _ => status.to_string(),
    }
}

fn kill_group(pid: u32) {
    let group = libc::pid_t::try_from(pid).expect("a process id fits pid_t");
    // SAFETY: kill touches no memory. The group is the child's own, and it has not been reaped or the group would not
    // have kept its output open.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}
