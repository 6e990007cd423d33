//! Which call is to fail.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// What can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    SystemCall = 1,
    Allocation = 2,
}

/// A failure that was brought about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// The function that failed.
    pub(crate) function: &'static str,
    /// How.
    _errno: c_int,
    /// Whether it might as well have failed in another way, for a higher `choice`.
    pub(crate) has_more: bool,
}

/// The kind that is to fail, or 0.
static ARMED: AtomicU32 = AtomicU32::new(0);
/// Which one is to fail; 0 for each call of `FUNCTION`.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static CHOICE: AtomicUsize = AtomicUsize::new(0);
static SEEN: AtomicUsize = AtomicUsize::new(0);
static FUNCTION: Mutex<&str> = Mutex::new("");
static FAULT: Mutex<Option<Fault>> = Mutex::new(None);

thread_local! {
    /// Whether the calling thread's calls are the library's: those of a thread of the harness are not.
    static UNDER_FAULT: Cell<bool> = const { Cell::new(false) };
}

/// Says that the calling thread is the library's own.
pub(crate) fn belongs_to_library() {
    UNDER_FAULT.set(true);
}

/// Does something that is no part of the operation: its calls succeed, and are not counted.
pub(crate) fn exempt<T>(run: impl FnOnce() -> T) -> T {
    let before = UNDER_FAULT.replace(false);
    let result = run();
    UNDER_FAULT.set(before);
    result
}

fn set<T>(place: &Mutex<T>, value: T) -> T {
    std::mem::replace(&mut place.lock().expect("nobody panics with it"), value)
}

/// From now on the `nth` call of a kind that this thread makes, or one of the library's own, fails in the way that
/// `choice` says.
pub(crate) fn arm(kind: Kind, nth: usize, choice: usize) {
    UNDER_FAULT.set(true);
    set(&FAULT, None);
    SEEN.store(0, Ordering::Relaxed);
    WANTED.store(nth, Ordering::Relaxed);
    CHOICE.store(choice, Ordering::Relaxed);
    ARMED.store(kind as u32, Ordering::SeqCst);
}

/// The same for every call of a function.
pub(crate) fn arm_function(kind: Kind, function: &'static str, choice: usize) {
    set(&FUNCTION, function);
    arm(kind, 0, choice);
}

/// From now on nothing fails. What has failed?
pub(crate) fn disarm() -> Option<Fault> {
    ARMED.store(0, Ordering::SeqCst);
    UNDER_FAULT.set(false);
    set(&FAULT, None)
}

/// Asked by each function before it does its work: whether to fail, as one of `errnos`.
pub(crate) fn fails(kind: Kind, function: &'static str, errnos: &'static [c_int]) -> Option<c_int> {
    if ARMED.load(Ordering::Relaxed) != kind as u32 || errnos.is_empty() || !UNDER_FAULT.get() {
        return None;
    }
    let this_one = match WANTED.load(Ordering::Relaxed) {
        0 => *FUNCTION.lock().expect("nobody panics with it") == function,
        nth => SEEN.fetch_add(1, Ordering::Relaxed) + 1 == nth,
    };
    if !this_one {
        return None;
    }
    let choice = CHOICE.load(Ordering::Relaxed).min(errnos.len() - 1);
    let errno = errnos[choice];
    set(&FAULT, Some(Fault { function, _errno: errno, has_more: choice + 1 < errnos.len() }));
    Some(errno)
}

/// The exit status by which a forked child tells its parent, which calls [`adopt`], whether something has failed in it.
pub(crate) fn as_status() -> c_int {
    match disarm() {
        None => 0,
        Some(Fault { has_more: true, .. }) => MORE,
        Some(_) => LAST,
    }
}

const MORE: c_int = 60;
const LAST: c_int = 61;

/// Takes over what has failed in a child.
///
/// # Panics
/// If it has not ended by [`as_status`].
pub(crate) fn adopt(status: c_int) {
    assert!([0, MORE, LAST].contains(&status), "the child's verdict: {status}");
    if status != 0 {
        set(&FAULT, Some(Fault { function: "a child's", _errno: 0, has_more: status == MORE }));
    }
}
