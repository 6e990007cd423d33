//! What several threads see of one port at once, they could have seen one after another: for each history there is an
//! order of its calls in which the model gives every result that was seen, and in which no call comes before one that
//! had ended when it began.
//!
//! `EVENT_PORTS_MODEL_CALLS` says how many calls to make, `EVENT_PORTS_MODEL_SEED` which.

use event_ports_tests::model::{Patience, PortModel};
use event_ports_tests::prelude::*;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

const THREADS: usize = 3;
const CALLS: usize = 5;
/// How many calls are made by default.
const FEW: u64 = 6_000;

/// What a descriptor is ready for does not change during a history: one always is, one never, one is a file.
const DESCRIPTORS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Call {
    Send,
    Alert {
        flags: c_int,
        events: c_int,
    },
    Get,
    /// Waits for as long as it takes.
    Wait,
    GetMany {
        max: u32,
        nget: u32,
    },
    Count,
    Associate {
        at: usize,
        mask: c_int,
    },
    Dissociate {
        at: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Result {
    Status(std::result::Result<(), Errno>),
    Event(std::result::Result<Option<Event>, Errno>),
    Events(Got),
}

/// A call that was made.
#[derive(Debug, Clone)]
struct Made {
    call: Call,
    user: usize,
    result: Result,
    began: usize,
    ended: usize,
}

fn call() -> impl Strategy<Value = Call> {
    let flags = select(vec![PORT_ALERT_SET, PORT_ALERT_UPDATE]);
    let at = || 0..DESCRIPTORS;
    prop_oneof![
        6 => Just(Call::Send),
        1 => (flags, 0..2).prop_map(|(flags, events)| Call::Alert { flags, events }),
        2 => Just(Call::Alert { flags: PORT_ALERT_SET, events: 0 }),
        4 => Just(Call::Get),
        4 => (1..4u32, 1..3u32).prop_map(|(max, nget)| Call::GetMany { max, nget: nget.min(max) }),
        2 => Just(Call::Count),
        5 => (at(), select(vec![POLLIN, POLLOUT])).prop_map(|(at, mask)| Call::Associate { at, mask }),
        3 => at().prop_map(|at| Call::Dissociate { at }),
    ]
}

struct World {
    port: OwnedFd,
    descriptors: [OwnedFd; DESCRIPTORS],
    _ends: [OwnedFd; 2],
    clock: AtomicUsize,
}

impl World {
    fn new(directory: &TempDir) -> Self {
        let (ready, silent) = (Pipe::ready(), Pipe::new());
        let file = std::fs::File::open(directory.path().join("file")).expect("the file is there");
        let descriptors = [ready.read, silent.read, file.into()];
        Self { port: port(), descriptors, _ends: [ready.write, silent.write], clock: AtomicUsize::new(0) }
    }

    fn ready(&self, at: usize, mask: c_int) -> c_int {
        match at {
            0 => mask & POLLIN,
            1 => 0,
            _ => mask,
        }
    }

    fn make(&self, call: Call, user: usize) -> Made {
        let port = &self.port;
        let began = self.clock.fetch_add(1, Ordering::SeqCst);
        let result = match call {
            Call::Send => Result::Status(send(port, 1, user)),
            Call::Alert { flags, events } => Result::Status(alert(port, flags, events, user)),
            Call::Get => Result::Event(get(port, POLL)),
            Call::Wait => Result::Event(get(port, None)),
            Call::GetMany { max, nget } => Result::Events(getn(port, max, nget, POLL)),
            Call::Count => Result::Events(getn(port, 0, 0, None)),
            Call::Associate { at, mask } => Result::Status(associate_fd(port, &self.descriptors[at], mask, user)),
            Call::Dissociate { at } => Result::Status(dissociate_fd(port, &self.descriptors[at])),
        };
        let ended = self.clock.fetch_add(1, Ordering::SeqCst);
        Made { call, user, result, began, ended }
    }

    /// Whether the model, made to do the same, gives the same.
    fn agrees(&self, model: &mut PortModel, made: &Made) -> bool {
        let number = |at: usize| self.descriptors[at].as_raw_fd();
        let expected = match (made.call, &made.result) {
            (Call::Send, _) => Result::Status(model.send(1, made.user)),
            (Call::Alert { flags, events }, _) => Result::Status(model.alert(flags, events, made.user)),
            (Call::Associate { at, mask }, _) => {
                Result::Status(model.associate(number(at), Some(self.ready(at, mask)), mask, made.user))
            }
            (Call::Dissociate { at }, _) => Result::Status(model.dissociate(number(at), true)),
            (Call::Get | Call::Wait, Result::Event(seen)) => {
                let seen = seen.ok().flatten();
                Result::Event(model.get(Patience::None, seen.as_ref()))
            }
            (Call::GetMany { max, nget }, Result::Events(got)) => {
                Result::Events(model.getn(true, max, nget, Patience::None, &got.events))
            }
            (_, _) => Result::Events(model.getn(true, 0, 0, Patience::None, &[])),
        };
        expected == made.result
    }

    /// Whether the calls can be put in an order: `next` tells how many of each thread's have been.
    fn can_be_ordered(&self, model: &PortModel, threads: &[Vec<Made>], next: &mut [usize]) -> bool {
        let left: Vec<(usize, &Made)> =
            threads.iter().enumerate().filter_map(|(thread, calls)| Some((thread, calls.get(next[thread])?))).collect();
        let Some(first_end) = left.iter().map(|(_, made)| made.ended).min() else { return true };
        left.into_iter().filter(|(_, made)| made.began < first_end).any(|(thread, made)| {
            let mut model = model.clone();
            if !self.agrees(&mut model, made) {
                return false;
            }
            next[thread] += 1;
            let can = self.can_be_ordered(&model, threads, next);
            next[thread] -= 1;
            can
        })
    }
}

/// Runs what each thread is to do; one more thread waits for `waits` events. Returns how many calls were made.
fn run(directory: &TempDir, plan: &[Vec<Call>], waits: usize) -> u64 {
    let world = World::new(directory);
    let start = Barrier::new(plan.len() + 1);
    let threads: Vec<Vec<Made>> = thread::scope(|scope| {
        let (world, start) = (&world, &start);
        let waiter = scope.spawn(move || {
            start.wait();
            (0..waits).map(|at| world.make(Call::Wait, at)).collect()
        });
        let workers: Vec<_> = plan
            .iter()
            .enumerate()
            .map(|(thread, calls)| {
                scope.spawn(move || {
                    start.wait();
                    let user = |at| (thread + 1) * 100 + at;
                    calls.iter().enumerate().map(|(at, &call)| world.make(call, user(at))).collect()
                })
            })
            .collect();
        let mut made: Vec<Vec<Made>> = workers.into_iter().map(|worker| worker.join().expect("no panic")).collect();
        // Enough for whoever still waits, and nobody else takes any.
        made.push((0..waits).map(|at| world.make(Call::Send, 1000 + at)).collect());
        made.push(waiter.join().expect("no panic"));
        made
    });
    let mut next = vec![0; threads.len()];
    let ordered = world.can_be_ordered(&PortModel::new(65536), &threads, &mut next);
    assert!(ordered, "there is no order of these calls:\n{}", told(&threads));
    threads.iter().map(|calls| calls.len() as u64).sum()
}

fn told(threads: &[Vec<Made>]) -> String {
    let line = |(thread, made): (usize, &Made)| {
        format!(
            "{:3} to {:3}, thread {thread}: {:?} {} {:?}\n",
            made.began, made.ended, made.call, made.user, made.result
        )
    };
    let mut calls: Vec<_> =
        threads.iter().enumerate().flat_map(|(at, calls)| calls.iter().map(move |made| (at, made))).collect();
    calls.sort_by_key(|(_, made)| made.began);
    calls.into_iter().map(line).collect()
}

#[test]
fn order_04_what_threads_see_at_once_could_have_been_seen_in_turn() {
    case_within(Duration::from_secs(3600), || {
        let asked_for = |variable: &str| -> Option<u64> {
            let text = std::env::var(variable).ok()?;
            Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
        };
        let wanted = asked_for("EVENT_PORTS_MODEL_CALLS");
        let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        let seed = asked_for("EVENT_PORTS_MODEL_SEED").unwrap_or_else(|| if wanted.is_some() { now() } else { 1 });
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let plans = (prop::collection::vec(prop::collection::vec(call(), CALLS), THREADS), 0..3usize);
        let directory = TempDir::new();
        directory.file("file", b"content");
        let mut calls = 0;
        while calls < wanted.unwrap_or(FEW) {
            let plan = plans.new_tree(&mut runner).expect("nothing is rejected").current();
            calls += run(&directory, &plan.0, plan.1);
        }
        println!("{calls} calls put in order, seed {seed}");
    });
}
