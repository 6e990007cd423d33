//! Random calls of the safe crate, compared with the model of the rules: what `model` does with the raw calls.
//!
//! Ports are cloned and dropped, descriptors closed and made anew, alerts entered and left in every way; no sequence of
//! safe calls does harm, and each has the result that the rules give. The variables are those of `model`.

use event_ports::{AlertOutcome, Dissociated, EventPort, EventSource, Events, Outcome, PollEvents, PortEvent};
use event_ports_tests::model::{Patience, PortModel};
use event_ports_tests::prelude::*;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::fmt::Debug;
use std::num::NonZeroI32;
use std::time::{Duration, SystemTime};

const PIPES: usize = 4;
/// How many calls are compared by default.
const FEW: u64 = 5_000;

#[derive(Debug, Clone)]
enum Step {
    Send {
        events: i32,
    },
    SendMany {
        times: usize,
    },
    Get,
    GetMany {
        max: usize,
    },
    Batch {
        capacity: usize,
        min: usize,
        max: usize,
    },
    Pending,
    Alert {
        events: NonZeroI32,
        only_if_none: bool,
        keep: bool,
    },
    LeaveAlert,
    Associate {
        at: usize,
        events: PollEvents,
    },
    Dissociate {
        at: usize,
    },
    Fire {
        at: usize,
    },
    Quiet {
        at: usize,
    },
    /// Closes a pipe and makes another, which may get its number.
    Replace {
        at: usize,
    },
    CloneAndDrop,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..PIPES;
    let masks = vec![PollEvents::IN, PollEvents::OUT, PollEvents::IN | PollEvents::OUT, PollEvents::empty()];
    let events = select(vec![NonZeroI32::MIN, NonZeroI32::MAX]);
    prop_oneof![
        8 => select(vec![0, 1, -1]).prop_map(|events| Step::Send { events }),
        2 => (0..4usize).prop_map(|times| Step::SendMany { times }),
        6 => Just(Step::Get),
        4 => (0..6usize).prop_map(|max| Step::GetMany { max }),
        6 => (0..5usize, 0..5usize, 0..5usize).prop_map(|(capacity, min, max)| Step::Batch { capacity, min, max }),
        3 => Just(Step::Pending),
        2 => (events, any::<bool>(), any::<bool>())
            .prop_map(|(events, only_if_none, keep)| Step::Alert { events, only_if_none, keep }),
        2 => Just(Step::LeaveAlert),
        10 => (at(), select(masks)).prop_map(|(at, events)| Step::Associate { at, events }),
        3 => at().prop_map(|at| Step::Dissociate { at }),
        6 => at().prop_map(|at| Step::Fire { at }),
        4 => at().prop_map(|at| Step::Quiet { at }),
        2 => at().prop_map(|at| Step::Replace { at }),
        1 => Just(Step::CloneAndDrop),
    ]
}

/// An event without the object, which for a file would be more than a number.
fn plain(event: &PortEvent) -> Event {
    let source = match event.source {
        EventSource::User => PORT_SOURCE_USER,
        EventSource::Fd => PORT_SOURCE_FD,
        EventSource::Alert => PORT_SOURCE_ALERT,
        other => panic!("an event of {other:?}"),
    };
    Event { source, object: event.object, events: event.events, user: event.user }
}

fn errno(error: impl Into<std::io::Error>) -> Errno {
    Errno(error.into().raw_os_error().expect("the errno is kept"))
}

fn same<T: Debug + PartialEq>(crate_says: &T, model: &T) -> Result<(), String> {
    if crate_says == model { Ok(()) } else { Err(format!("the crate says {crate_says:?}, the model {model:?}")) }
}

struct World {
    port: EventPort,
    model: PortModel,
    pipes: Vec<Pipe>,
    calls: u64,
}

impl World {
    fn new(limit: u32) -> Self {
        event_ports_tests::limit_events(limit);
        Self {
            port: EventPort::new().expect("a port"),
            model: PortModel::new(limit as usize),
            pipes: (0..PIPES).map(|_| Pipe::new()).collect(),
            calls: 0,
        }
    }

    /// What has fired is in the queue from here on (FD-15, FD-17).
    fn look(&mut self) -> Result<(), String> {
        same(&self.port.pending().map_err(errno), &Ok(self.model.pending()))
    }

    fn take(&mut self, events: &[Event], max: usize, min: usize) -> Got {
        let [max, min] = [max, min].map(|count| u32::try_from(count).expect("few"));
        self.model.getn(true, max, min, Patience::None, events)
    }

    fn step(&mut self, user: usize, step: &Step) -> Result<(), String> {
        self.calls += 1;
        match *step {
            Step::Send { events } => same(&self.port.send(events, user).map_err(errno), &self.model.send(events, user)),
            Step::SendMany { times } => {
                let sent = EventPort::send_n((0..times).map(|_| &self.port), 1, user);
                let expected: Vec<_> = (0..times).map(|_| self.model.send(1, user)).collect();
                same(&sent.into_iter().map(|sent| sent.map_err(errno)).collect(), &expected)
            }
            Step::Get => {
                let got = self.port.get(Some(Duration::ZERO));
                let seen = got.as_ref().ok().map(plain);
                let expected = self.model.get(Patience::None, seen.as_ref());
                if let Err(error) = &got {
                    same(&error.is_timeout(), &true)?;
                }
                same(&seen, &expected.ok().flatten())
            }
            Step::GetMany { max } => {
                let got = self.port.get_n(max, Some(Duration::ZERO)).map_err(errno);
                let events: Vec<Event> = got.iter().flatten().map(plain).collect();
                same(&got.map(drop), &Ok(()))?;
                let expected = if max == 0 { Vec::new() } else { self.take(&events, max, 1).events };
                same(&events, &expected)
            }
            Step::Batch { capacity, min, max } => {
                let mut events = Events::with_capacity(capacity);
                let got = self.port.batch(&mut events).min(min).max(max).timeout(Some(Duration::ZERO)).get();
                let seen: Vec<Event> = events.iter().map(|event| plain(&event.to_owned())).collect();
                if min == 0 || min > max || max > capacity {
                    same(&got.is_err_and(|error| error.is_invalid_range()), &true)?;
                    return same(&seen, &Vec::new());
                }
                let expected = self.take(&seen, max, min);
                same(&seen, &expected.events)?;
                let alerted = seen.first().is_some_and(|event| event.source == PORT_SOURCE_ALERT);
                let outcome = if alerted || seen.len() >= min { Outcome::Filled } else { Outcome::TimedOut };
                same(&got.map_err(errno), &Ok(outcome))
            }
            Step::Pending => self.look(),
            Step::Alert { events, only_if_none, keep } => {
                let flags = if only_if_none { PORT_ALERT_UPDATE } else { PORT_ALERT_SET };
                let expected = self.model.alert(flags, events.get(), user);
                let entered = if only_if_none {
                    match self.port.try_alert(events, user).map_err(errno) {
                        Ok(AlertOutcome::Entered(guard)) => Ok(guard),
                        Ok(AlertOutcome::AlreadyAlerted) => Err(EBUSY),
                        Err(errno) => Err(errno),
                    }
                } else {
                    self.port.alert(events, user).map_err(errno)
                };
                let result = entered.as_ref().map(drop).map_err(|&errno| errno);
                match entered {
                    Ok(guard) if keep => std::mem::forget(guard),
                    Ok(guard) => {
                        drop(guard);
                        let _ = self.model.alert(0, 0, 0);
                    }
                    Err(_) => {}
                }
                same(&result, &expected)
            }
            Step::LeaveAlert => same(&self.port.leave_alert().map_err(errno), &self.model.alert(0, 0, 0)),
            Step::Associate { at, events } => {
                let fd = &self.pipes[at].read;
                let ready = poll(fd, events.bits(), 0);
                let associated = self.port.associate_fd(fd.as_raw_fd(), events, user).map_err(errno);
                same(&associated, &self.model.associate(fd.as_raw_fd(), Some(ready), events.bits(), user))
            }
            Step::Dissociate { at } => {
                let fd = self.pipes[at].read.as_raw_fd();
                let dissociated = self.port.dissociate_fd(fd).map_err(errno);
                let expected = match self.model.dissociate(fd, true) {
                    Ok(()) => Ok(Dissociated::Removed),
                    Err(ENOENT) => Ok(Dissociated::NotAssociated),
                    Err(errno) => Err(errno),
                };
                same(&dissociated, &expected)
            }
            Step::Fire { at } => {
                self.look()?;
                write(&self.pipes[at].write);
                self.wake(at)
            }
            Step::Quiet { at } => {
                self.look()?;
                let _ = read_all(&self.pipes[at].read);
                Ok(())
            }
            Step::Replace { at } => {
                let number = self.pipes[at].read.as_raw_fd();
                // The old one goes first: so its number is free.
                self.pipes.remove(at);
                self.model.closed(number);
                self.pipes.insert(at, Pipe::new());
                Ok(())
            }
            Step::CloneAndDrop => {
                let clone = self.port.clone();
                same(&clone, &self.port)?;
                let old = std::mem::replace(&mut self.port, clone);
                drop(old);
                self.look()
            }
        }
    }

    fn wake(&mut self, at: usize) -> Result<(), String> {
        let fd = &self.pipes[at].read;
        let mask = self.model.armed(fd.as_raw_fd());
        let ready: Vec<_> = mask.map(|mask| (fd.as_raw_fd(), poll(fd, mask, 0))).into_iter().collect();
        self.model.woken(&ready);
        Ok(())
    }
}

fn run(limit: u32, steps: &[Step]) -> Result<u64, String> {
    let mut world = World::new(limit);
    for (at, step) in steps.iter().enumerate() {
        world.step(at, step).map_err(|difference| format!("step {at}, {step:?}: {difference}"))?;
    }
    Ok(world.calls)
}

#[test]
fn the_safe_crate_and_the_model_say_the_same() {
    case_within(Duration::from_secs(3600), || {
        let asked_for = |variable: &str| -> Option<u64> {
            let text = std::env::var(variable).ok()?;
            Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
        };
        let wanted = asked_for("EVENT_PORTS_MODEL_CALLS");
        let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs() << 20);
        let first = asked_for("EVENT_PORTS_MODEL_SEED").unwrap_or_else(|| if wanted.is_some() { now() } else { 1 });
        let limits = prop_oneof![2 => Just(65536), 1 => 1..10u32];
        let sequences = (limits, prop::collection::vec(step(), 1..100));
        let calls = Cell::new(0);
        for seed in first.. {
            if calls.get() >= wanted.unwrap_or(FEW) {
                break;
            }
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            let config = Config { cases: 16, failure_persistence: None, max_shrink_iters: 50_000, ..Config::default() };
            let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
            let compared = runner.run(&sequences, |(limit, steps)| {
                calls.set(calls.get() + run(limit, &steps).map_err(TestCaseError::fail)?);
                Ok(())
            });
            match compared {
                Ok(()) => {}
                Err(TestError::Fail(difference, smallest)) => panic!("seed {seed}: {difference}\n{smallest:#?}"),
                Err(TestError::Abort(reason)) => panic!("seed {seed}: {reason}"),
            }
        }
        println!("{} calls compared", calls.get());
    });
}
