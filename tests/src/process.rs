//! Children, signals and limits of the process.

use crate::errno::{check, last_errno};
use libc::{c_int, pid_t};
use std::os::unix::thread::JoinHandleExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A forked child, killed if it is not waited for.
#[derive(Debug)]
pub struct Child(Option<pid_t>);

/// Forks and runs the body in the child, which then ends without running anything else.
///
/// The body shares nothing with the parent but descriptors; it tells its verdict by panicking or not. No other thread
/// may be at work: the harness's own does nothing but wait.
///
/// # Panics
/// If fork fails.
#[must_use]
pub fn fork(body: impl FnOnce()) -> Child {
    // SAFETY: no other thread is at work, so none holds a lock, and the child may do whatever the parent may.
    let pid = check(unsafe { libc::fork() }).expect("fork succeeds");
    if pid == 0 {
        let passed = catch_unwind(AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends the child without the parent's exit handlers.
        unsafe { libc::_exit(c_int::from(!passed)) };
    }
    Child(Some(pid))
}

impl Child {
    /// Waits for the child's end.
    ///
    /// # Panics
    /// If its body panicked or a signal ended it.
    pub fn join(mut self) {
        let pid = self.0.take().expect("a child is waited for once");
        assert_eq!(reap(pid), 0, "the child's body ran to its end (status of wait)");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // SAFETY: the child is not reaped yet, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            reap(pid);
        }
    }
}

fn reap(pid: pid_t) -> c_int {
    let mut status = 0;
    // SAFETY: the status is a valid place.
    let reaped = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(reaped, pid, "waitpid: {:?}", last_errno());
    status
}

/// Installs a handler, with flags such as `SA_RESTART`.
///
/// # Panics
/// If the system refuses it.
pub fn on_signal(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) {
    // SAFETY: all zero is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags;
    // SAFETY: the action is initialised; the handlers of the tests are async-signal-safe.
    let installed = check(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) });
    assert_eq!(installed, Ok(0), "sigaction succeeds");
}

/// A handler that does nothing, so that a signal interrupts and no more.
pub extern "C" fn interrupt(_signal: c_int) {}

/// Sends a signal to a thread that has not been joined.
///
/// # Panics
/// If the system refuses it.
pub fn signal_thread<T>(thread: &JoinHandle<T>, signal: c_int) {
    // SAFETY: an unjoined thread's id is valid.
    assert_eq!(unsafe { libc::pthread_kill(thread.as_pthread_t(), signal) }, 0, "pthread_kill succeeds");
}

/// Signals that keep coming to one thread until this is dropped.
#[derive(Debug)]
pub struct SignalStorm {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

/// How many signals of a storm come without a pause between them.
const GUST: usize = 16;

/// How long a pause is. It is for the thread that is hit: a handler that takes longer than the next signal needs to
/// arrive would leave it no time for anything else, and a handler that sends events would fill the port.
const LULL: Duration = Duration::from_micros(50);

/// Keeps sending a signal to the calling thread.
#[must_use]
pub fn signal_storm(signal: c_int) -> SignalStorm {
    let stop = Arc::new(AtomicBool::new(false));
    // SAFETY: no conditions.
    let target = unsafe { libc::pthread_self() };
    let sender = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..GUST {
                    // SAFETY: the target outlives this thread: it joins it when it drops the storm.
                    unsafe { libc::pthread_kill(target, signal) };
                    thread::yield_now();
                }
                thread::sleep(LULL);
            }
        }
    });
    SignalStorm { stop, sender: Some(sender) }
}

impl Drop for SignalStorm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            sender.join().expect("the sending thread does not panic");
        }
    }
}

/// Sets how many descriptors this process may have.
///
/// # Panics
/// If the system refuses it.
pub fn limit_descriptors(count: u64) {
    set_descriptor_limit(libc::rlimit { rlim_cur: count as _, rlim_max: count as _ });
}

/// Lets this process have as many descriptors as it may ask for, and tells how many.
///
/// # Panics
/// If the system refuses it.
pub fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: there is room for the limit.
    assert_eq!(check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }), Ok(0), "getrlimit succeeds");
    limit.rlim_cur = limit.rlim_max;
    set_descriptor_limit(limit);
    limit.rlim_cur
}

fn set_descriptor_limit(limit: libc::rlimit) {
    // SAFETY: the limit is initialised.
    assert_eq!(check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }), Ok(0), "setrlimit succeeds");
}

/// Sets how many events the ports hold that are created from now on (`process.max-port-events`).
///
/// # Panics
/// If the system refuses it.
#[cfg(target_os = "linux")]
pub fn limit_events(count: u32) {
    let set = check(event_ports_sys::linux::port_linux_set_max_events(count));
    assert_eq!(set, Ok(0), "the limit can be set");
}

/// Sets how many events the ports hold that are created from now on (`process.max-port-events`).
///
/// # Panics
/// If the system refuses it.
#[cfg(target_os = "illumos")]
pub fn limit_events(count: u32) {
    let control = |verb: &[&str]| {
        let mut command = std::process::Command::new("/usr/bin/prctl");
        command.args(["-n", "process.max-port-events", "-t", "basic"]).args(verb);
        command.args(["-i", "process", &std::process::id().to_string()]);
        command.status().expect("prctl can be started").success()
    };
    // The first use sets a basic value, later ones replace it.
    let count = count.to_string();
    assert!(control(&["-r", "-v", &count]) || control(&["-s", "-v", &count, "-e", "deny"]), "prctl succeeds");
}
