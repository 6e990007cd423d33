//! One operation, with each of its calls failing in turn.

use super::resources::Resources;
use super::switch::{Fault, Kind, arm, disarm};
use event_ports_tests::Errno;

/// The most rounds until what is kept for the next time has reached its size.
const ROUNDS: usize = 6;

/// No operation makes more calls.
const MOST_CALLS: usize = 2_000;

/// What a shortage of memory is, where the operation knows that.
const ENOMEM: Errno = Errno(libc::ENOMEM);

/// What to do, and what may come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweep {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// The errors it may fail with, besides the ones that stand for the caller's own mistakes.
    pub(crate) allowed: &'static [Errno],
    /// It starts threads, whose memory the C library keeps.
    pub(crate) threads: bool,
}

/// Makes the n-th system call and the n-th allocation of an operation fail, for every n and in every way.
///
/// Each time `prepare` makes what is needed, `run` makes one call, which is all that is under fault, and `check` sees
/// whether what is left is sound, and frees it.
///
/// # Panics
/// If the operation fails as it may not, if it leaves anything behind, or if it fails without a fault.
pub(crate) fn sweep<W, T>(
    what: Sweep,
    mut prepare: impl FnMut() -> W,
    mut run: impl FnMut(&mut W) -> Result<T, Errno>,
    mut check: impl FnMut(W, Result<T, Errno>),
) {
    let mut held = None;
    for round in 0..ROUNDS {
        let mut failed = [0; 2];
        let mut reported = 0;
        for kind in [Kind::SystemCall, Kind::Allocation] {
            for nth in 1.. {
                assert!(nth < MOST_CALLS, "{}: it never ends", what.name);
                let Some(count) = each_way(what, kind, nth, &mut prepare, &mut run, &mut check) else { break };
                failed[kind as usize - 1] += count.0;
                reported += count.1;
            }
        }
        let now = Resources::now();
        let now = if what.threads { now.without_pages() } else { now };
        if held == Some(now) {
            let [calls, allocations] = failed;
            println!(
                "{}: {calls} faults of system calls, {allocations} of allocations, {reported} reported",
                what.name
            );
            assert!(calls + allocations > 0, "{}: nothing could fail", what.name);
            return;
        }
        assert!(round + 1 < ROUNDS, "{}: it holds ever more: {held:?}, then {now:?}", what.name);
        held = Some(now);
    }
}

/// Makes one call fail in every way it can. Answers how many faults there were, and how many of them the operation has
/// reported. `None` if there is no such call.
fn each_way<W, T>(
    what: Sweep,
    kind: Kind,
    nth: usize,
    prepare: &mut impl FnMut() -> W,
    run: &mut impl FnMut(&mut W) -> Result<T, Errno>,
    check: &mut impl FnMut(W, Result<T, Errno>),
) -> Option<(usize, usize)> {
    let mut reported = 0;
    for choice in 0.. {
        let mut world = prepare();
        arm(kind, nth, choice);
        let result = run(&mut world);
        let fault = disarm();
        let context = Context { name: what.name, kind, nth, fault };
        if let Err(errno) = &result {
            assert!(fault.is_some(), "{}: fails with {errno:?} without a fault", what.name);
            assert!(what.allowed.contains(errno), "{}: {errno:?} is no error of it", what.name);
            if kind == Kind::Allocation && what.allowed.contains(&ENOMEM) {
                assert_eq!(*errno, ENOMEM, "{}: LIMIT-4", what.name);
            }
            reported += 1;
        }
        check(world, result);
        drop(context);
        match fault {
            None => return None,
            Some(Fault { has_more: true, .. }) => {}
            Some(_) => return Some((choice + 1, reported)),
        }
    }
    None
}

/// Tells, in a panic, what had failed.
struct Context {
    name: &'static str,
    kind: Kind,
    nth: usize,
    fault: Option<Fault>,
}

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {:?} {} of it had failed: {:?}", self.name, self.kind, self.nth, self.fault);
        }
    }
}
