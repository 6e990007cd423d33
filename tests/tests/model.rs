//! Random calls, made to the system and to a model of the rules: every result is the same.
//!
//! By default the same few sequences each time, for a few seconds. `EVENT_PORTS_MODEL_CALLS` says how many calls to make
//! instead (a million, say); then they are others each time, unless `EVENT_PORTS_MODEL_SEED` says which. A sequence at
//! which the system and the model disagree is made as small as possible and printed as Rust: it becomes a test in
//! `model_found.rs`.

#[path = "model/steps.rs"]
mod steps;

use event_ports_tests::model::{Sequence, World};
use event_ports_tests::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::time::{Duration, SystemTime};

/// How many calls are compared by default.
const FEW: u64 = 10_000;
/// How many steps a sequence has at most.
const LONGEST: usize = 120;
/// How many sequences are made of one seed.
const FROM_ONE_SEED: u32 = 16;

fn asked_for(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

/// Compares on sequences made of one seed, and returns how many calls were compared.
fn compare(directory: &TempDir, seed: u64) -> u64 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases: FROM_ONE_SEED, failure_persistence: None, max_shrink_iters: 50_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let calls = Cell::new(0);
    let compared = runner.run(&steps::sequence(LONGEST), |sequence| {
        calls.set(calls.get() + World::run(directory, &sequence).map_err(TestCaseError::fail)?);
        Ok(())
    });
    match compared {
        Ok(()) => calls.get(),
        Err(TestError::Fail(difference, sequence)) => panic!("seed {seed}: {difference}\n{}", as_rust(&sequence)),
        Err(TestError::Abort(reason)) => panic!("seed {seed}: {reason}"),
    }
}

/// A sequence as a test has it.
fn as_rust(sequence: &Sequence) -> String {
    let steps: Vec<String> = sequence.steps.iter().map(|step| format!("    Step::{step:?},\n")).collect();
    format!("limit: {}, eager: {}\n[\n{}]", sequence.limit, sequence.eager, steps.concat())
}

#[test]
fn the_system_and_the_model_say_the_same() {
    case_within(Duration::from_secs(3600), || {
        let wanted = asked_for("EVENT_PORTS_MODEL_CALLS");
        let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs() << 20);
        let first = asked_for("EVENT_PORTS_MODEL_SEED").unwrap_or_else(|| if wanted.is_some() { now() } else { 1 });
        let directory = TempDir::new();
        let mut calls = 0;
        for seed in first.. {
            if calls >= wanted.unwrap_or(FEW) {
                break;
            }
            // If it hangs, this is the last line.
            println!("{calls} calls compared; next is seed {seed}");
            calls += compare(&directory, seed);
        }
    });
}
