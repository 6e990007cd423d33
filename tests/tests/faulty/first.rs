//! What happens once in the life of a process, under fault: each fault takes a process of its own.

use super::resources::pages;
use super::switch::{Fault, Kind, arm, arm_function, disarm};
use event_ports_tests::Errno;
use std::env;
use std::process::Command;

/// In a process for one fault: the kind, which one, and how.
const FAULT: &str = "EVENT_PORTS_FAULT";

/// How such a process ends: the call might have failed in another way as well; that was the last way; there is no such
/// call.
const MORE: i32 = 50;
const LAST: i32 = 51;
const NONE: i32 = 52;

/// No first call makes more calls.
const MOST_CALLS: usize = 200;

/// Makes each call that `run` makes fail in each way it can, in a process that has not used this library before.
///
/// `test` is the name of the test that calls this, and does nothing else.
///
/// # Panics
/// If one of the processes does, or ends in another way.
pub(crate) fn first<T>(test: &str, run: impl Fn() -> Result<T, Errno>, check: impl FnOnce(Result<T, Errno>)) {
    if let Ok(fault) = env::var(FAULT) {
        run_here(&fault, run, check);
    }
    for kind in [Kind::SystemCall, Kind::Allocation] {
        let mut faults = 0;
        'calls: for nth in 1..MOST_CALLS {
            for choice in 0.. {
                let program = env::current_exe().expect("the test binary has a path");
                let mut command = Command::new(program);
                command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
                command.env(FAULT, format!("{} {nth} {choice}", kind as u32));
                let output = event_ports_tests::run(&mut command);
                let said = String::from_utf8_lossy(&output.stderr);
                match output.status.code() {
                    Some(MORE) => faults += 1,
                    Some(LAST) => {
                        faults += 1;
                        break;
                    }
                    Some(NONE) => break 'calls,
                    _ => panic!("{kind:?} {nth}, choice {choice}: {}\n{said}", output.status),
                }
            }
        }
        println!("{test}: {faults} faults ({kind:?})");
        assert!(faults > 0, "nothing could fail");
    }
}

/// How often something fails in the same way.
const REPEATS: usize = 4;

fn run_here<T>(fault: &str, run: impl Fn() -> Result<T, Errno>, check: impl FnOnce(Result<T, Errno>)) -> ! {
    let numbers: Vec<usize> = fault.split(' ').map(|n| n.parse().expect("a number")).collect();
    let [kind, nth, choice] = numbers[..] else { panic!("three numbers") };
    let kind = if kind == Kind::SystemCall as usize { Kind::SystemCall } else { Kind::Allocation };
    arm(kind, nth, choice);
    let made = run();
    let fault = disarm();
    eprintln!("failed: {fault:?}");
    if let (Err(_), Some(fault)) = (&made, fault) {
        // To fail again and again must not take ever more, once there is what a failure leaves for the next time.
        let again = || {
            arm_function(kind, fault.function, choice);
            let made = run();
            disarm();
            made.is_err().then(pages)
        };
        let held: Vec<usize> = (0..REPEATS).map_while(|_| again()).collect();
        assert!(held.len() < REPEATS || held[1] == held[REPEATS - 1], "it holds ever more: {held:?}");
    }
    check(made);
    std::process::exit(match fault {
        Some(Fault { has_more: true, .. }) => MORE,
        Some(_) => LAST,
        None => NONE,
    });
}
