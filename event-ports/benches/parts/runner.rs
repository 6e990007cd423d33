//! Measuring contestants against each other.
//!
//! Times differ between machines, and on a shared machine from one second to the next. So the contestants take turns,
//! for a few milliseconds each, and what counts is the ratio of their times within one round; of many rounds, the median.
//! Where one thread does the work and never waits, its processor time is what counts: others may use the machine as well.

use std::env;
use std::io;
use std::time::Duration;

/// What the command line asks for.
pub(crate) struct Options {
    /// Look whether everything works, and measure nothing.
    quick: bool,
    /// Do only what has one of these in its name.
    filters: Vec<String>,
}

impl Options {
    /// `None` if a test runner wants a list of tests, of which there are none here.
    pub(crate) fn from_arguments() -> Option<Self> {
        let arguments: Vec<_> = env::args().skip(1).collect();
        let has = |option: &str| arguments.iter().any(|argument| argument == option);
        let filters = arguments.iter().filter(|argument| !argument.starts_with('-')).cloned().collect();
        // `cargo bench` says --bench; `cargo test` runs the same program without it.
        (!has("--list")).then(|| Self { quick: !has("--bench"), filters })
    }

    /// Whether nothing is to be measured.
    #[allow(dead_code, reason = "not every benchmark asks")]
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}

/// What time is measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// The processor time of the thread that measures.
    Thread,
    /// The processor time of all threads.
    Process,
    /// The time that passes. It takes a machine that does nothing else.
    Wall,
}

impl Clock {
    fn now(self) -> Duration {
        let clock = match self {
            Self::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
            Self::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
            Self::Wall => libc::CLOCK_MONOTONIC,
        };
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` outlives the call.
        assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut now) }, 0, "{}", io::Error::last_os_error());
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }
}

/// One contestant with its work.
pub(crate) struct Lane<'a> {
    name: String,
    /// Does the work so many times.
    work: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(name: impl Into<String>, work: impl FnMut(u32) + 'a) -> Self {
        Self { name: name.into(), work: Box::new(work) }
    }
}

/// What came of it.
pub(crate) struct Times {
    /// There is nothing to be learnt from them.
    quick: bool,
    names: Vec<String>,
    /// Nanoseconds for doing the work once, of each lane in each round.
    rounds: Vec<Vec<f64>>,
}

/// Lets the lanes take turns. A turn is about as long as `turn`.
pub(crate) fn measure(options: &Options, clock: Clock, turn: Duration, mut lanes: Vec<Lane<'_>>) -> Times {
    const ROUNDS: usize = 41;
    let rounds = if options.quick { 1 } else { ROUNDS };
    let count = if options.quick { 128 } else { calibrate(clock, turn, &mut lanes) };
    let names = lanes.iter().map(|lane| lane.name.clone()).collect();
    let mut times = Times { quick: options.quick, names, rounds: Vec::new() };
    for round in 0..rounds {
        let mut nanos = vec![0.0; lanes.len()];
        // Not always the same one after the same other.
        for at in 0..lanes.len() {
            let at = (at + round) % lanes.len();
            let start = clock.now();
            (lanes[at].work)(count);
            nanos[at] = (clock.now() - start).as_nanos() as f64 / f64::from(count);
        }
        times.rounds.push(nanos);
    }
    times
}

/// How often the first lane can do its work in about this time. All lanes have been warmed up then.
fn calibrate(clock: Clock, turn: Duration, lanes: &mut [Lane<'_>]) -> u32 {
    let mut count = 128;
    loop {
        let start = clock.now();
        (lanes[0].work)(count);
        let elapsed = clock.now() - start;
        if elapsed * 2 >= turn {
            lanes.iter_mut().skip(1).for_each(|lane| (lane.work)(count));
            return (f64::from(count) * turn.as_secs_f64() / elapsed.as_secs_f64()) as u32;
        }
        count *= 2;
    }
}

impl Times {
    fn at(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).expect("a lane's name")
    }

    pub(crate) fn print_title(&self, title: &str) {
        if self.quick { println!("{title}: works") } else { println!("\n{title}") }
    }

    /// Prints a title, and a line for each lane but the base, with its target if it has one.
    pub(crate) fn print(&self, title: &str, base: &str, targets: &[(&str, f64)]) {
        self.print_title(title);
        if self.quick {
            return;
        }
        let mut nanos: Vec<_> = self.rounds.iter().map(|nanos| nanos[self.at(base)]).collect();
        nanos.sort_by(f64::total_cmp);
        println!("  {base:50} 1.00  {:.0} ns", nanos[nanos.len() / 2]);
        for name in self.names.iter().filter(|name| *name != base) {
            let target = targets.iter().find(|(target, _)| target == name).map(|&(_, most)| most);
            self.print_ratio(name, name, base, target);
        }
    }

    /// Prints how much longer one lane took than another: the middle of all rounds, and the middle half.
    pub(crate) fn print_ratio(&self, title: &str, name: &str, base: &str, target: Option<f64>) {
        if self.quick {
            return;
        }
        let (lane, base) = (self.at(name), self.at(base));
        let mut ratios: Vec<_> = self.rounds.iter().map(|nanos| nanos[lane] / nanos[base]).collect();
        ratios.sort_by(f64::total_cmp);
        let [low, median, high] = [1, 2, 3].map(|quarters| ratios[(ratios.len() - 1) * quarters / 4]);
        print!("  {title:50} {median:4.2}  ({low:.2} to {high:.2})");
        match target {
            // What is printed to two places is judged by them.
            Some(most) if median < most + 0.005 => println!("  target {most:.2}: met"),
            Some(most) => println!("  target {most:.2}: MISSED"),
            None => println!(),
        }
    }
}
