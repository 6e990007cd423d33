//! Threads that wait in a call.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that was seen asleep in its call.
#[derive(Debug)]
pub struct Blocked<T> {
    handle: JoinHandle<T>,
    id: ThreadId,
}

/// Starts a thread and returns when it sleeps in the call its body makes.
///
/// # Panics
/// If the body returns instead.
pub fn blocked<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Blocked<T> {
    let (sender, receiver) = mpsc::channel();
    let handle = thread::spawn(move || {
        sender.send(ThreadId::of_this_thread()).expect("the starter waits for it");
        body()
    });
    let id = receiver.recv().expect("the thread starts");
    let thread = Blocked { handle, id };
    assert!(thread.is_still_blocked(), "the call waits");
    thread
}

impl<T> Blocked<T> {
    /// Waits until the thread is asleep again or has ended, and tells which: whatever woke it has had its effect then.
    #[must_use]
    pub fn is_still_blocked(&self) -> bool {
        self.id.settle(&self.handle);
        !self.handle.is_finished()
    }

    /// What the body returned.
    ///
    /// # Panics
    /// If it panicked.
    #[must_use]
    pub fn join(self) -> T {
        self.handle.join().expect("the thread does not panic")
    }

    /// The thread.
    #[must_use]
    pub const fn thread(&self) -> &JoinHandle<T> {
        &self.handle
    }
}

/// A thread as the kernel knows it.
#[derive(Debug, Clone, Copy)]
#[cfg(target_os = "linux")]
struct ThreadId(libc::pid_t);

#[cfg(target_os = "linux")]
impl ThreadId {
    fn of_this_thread() -> Self {
        // SAFETY: no conditions.
        Self(unsafe { libc::gettid() })
    }

    /// Returns when the thread has ended, or has been asleep without a switch for a moment.
    fn settle<T>(self, handle: &JoinHandle<T>) {
        let mut last = None;
        let mut since = Instant::now();
        while !handle.is_finished() {
            let now = self.asleep();
            if now.is_none() || now != last {
                last = now;
                since = Instant::now();
            } else if since.elapsed() > Duration::from_millis(10) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// If the thread sleeps: how often it has been switched away from.
    fn asleep(self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/self/task/{}/status", self.0)).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim)
        };
        let switches = |name: &str| field(name)?.parse::<u64>().ok();
        field("State")?.starts_with('S').then_some(())?;
        Some(switches("voluntary_ctxt_switches")? + switches("nonvoluntary_ctxt_switches")?)
    }
}

/// Elsewhere nothing tells that a thread is asleep: only time does.
#[derive(Debug, Clone, Copy)]
#[cfg(not(target_os = "linux"))]
struct ThreadId;

#[cfg(not(target_os = "linux"))]
impl ThreadId {
    const fn of_this_thread() -> Self {
        Self
    }

    fn settle<T>(self, handle: &JoinHandle<T>) {
        let since = Instant::now();
        while !handle.is_finished() && since.elapsed() < Duration::from_millis(100) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
