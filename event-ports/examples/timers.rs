//! Runs several periodic timers on one port, and prints how well they keep their time.
//!
//! `cargo run --example timers -- --for 2 100 250 33.3`
//!
//! Timers are the one source that is not one-shot: an event ends nothing, and one that is retrieved late says how often
//! its timer has expired meanwhile. So the program counts on no clock of its own: the expirations say which one the event
//! tells of, and the difference to when that was due is the drift.

#[path = "helpers/cli.rs"]
mod cli;

use cli::Stop;
use event_ports::{Clock, Event, EventPort, Timer, When};
use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const HELP: &str = "\
usage: timers [--for SECONDS] [--busy MILLISECONDS] PERIOD...

Runs a timer for each PERIOD, in milliseconds and perhaps a fraction, on one port. Each event is a line: when it was
retrieved, the period, how often the timer has expired since the one before, and how late that is. A summary has, for
each timer, its expirations, its events, its overruns (expirations that shared an event with others) and the least, mean
and greatest lateness.

  --for SECONDS         how long; 5 unless said otherwise
  --busy MILLISECONDS   sleep after each event, to see overruns: nothing is lost, the count tells
";

struct Options {
    run_for: Duration,
    busy: Duration,
    periods: Vec<Duration>,
}

fn main() -> ExitCode {
    cli::exit(HELP, options().and_then(|options| run(&options)))
}

/// What the command line asks for.
fn options() -> Result<Options, Stop> {
    let mut options = Options { run_for: Duration::from_secs(5), busy: Duration::ZERO, periods: Vec::new() };
    let mut arguments = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Stop::Misuse(format!("{argument} needs a number")));
        match argument.as_str() {
            "--help" | "-h" => return Err(Stop::Help),
            "--for" => options.run_for = duration(&value()?, 1.0)?,
            "--busy" => options.busy = duration(&value()?, 1000.0)?,
            option if option.starts_with('-') => return Err(Stop::Misuse(format!("unknown option: {option}"))),
            period => match duration(period, 1000.0)? {
                Duration::ZERO => return Err(Stop::Misuse("a period of zero has no end".into())),
                period => options.periods.push(period),
            },
        }
    }
    if options.periods.is_empty() { Err(Stop::Misuse("no period given".into())) } else { Ok(options) }
}

/// A time, given in parts of a second; a year at most, which the sums below can do with.
fn duration(text: &str, parts: f64) -> Result<Duration, Stop> {
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);
    let seconds = text.parse::<f64>().ok().map(|number| number / parts);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|&d| d <= LONGEST).ok_or_else(|| Stop::Misuse(format!("not a time: {text}")))
}

/// What has come of a timer.
#[derive(Default)]
struct Record {
    events: u32,
    expirations: u64,
    least: Option<Duration>,
    total: Duration,
    greatest: Duration,
}

impl Record {
    fn add(&mut self, expirations: u32, late: Duration) {
        self.events += 1;
        self.expirations += u64::from(expirations);
        self.least = Some(self.least.map_or(late, |least| least.min(late)));
        self.total += late;
        self.greatest = self.greatest.max(late);
    }
}

/// The time from the start to the `n`-th expiration.
fn due(period: Duration, n: u64) -> Duration {
    let nanos = period.as_nanos().saturating_mul(u128::from(n));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn run(options: &Options) -> Result<ExitCode, Stop> {
    let port = EventPort::new()?;
    let start = Clock::Monotonic.now();
    // A timer's cookie is its index. They live as long as this list.
    let mut timers = Vec::new();
    for (cookie, &period) in options.periods.iter().enumerate() {
        let timer = Timer::new(&port, Clock::Monotonic, cookie)?;
        // All from the same moment, so that what is printed as late is late.
        timer.set(When::At(start + period), Some(period))?;
        timers.push(timer);
    }

    let mut records: Vec<Record> = options.periods.iter().map(|_| Record::default()).collect();
    loop {
        let left = options.run_for.saturating_sub(Clock::Monotonic.now() - start);
        if left.is_zero() {
            break;
        }
        let event = match port.get(Some(left)) {
            Ok(event) => event,
            Err(error) if error.is_timeout() => break,
            Err(error) => return Err(error.into()),
        };
        let Event::Timer { expirations, .. } = event.view() else { continue };
        let now = Clock::Monotonic.now() - start;
        let (period, record) = (options.periods[event.user], &mut records[event.user]);
        let late = now.saturating_sub(due(period, record.expirations + u64::from(expirations)));
        record.add(expirations, late);
        let line = format!("{now:>12.3?}  every {period:<8?} x{expirations:<4} {late:.3?} late\n");
        if !print(&line)? {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(options.busy);
    }
    print(&summary(options, &records)).map(|_| ExitCode::SUCCESS)
}

fn summary(options: &Options, records: &[Record]) -> String {
    let mut text = String::from("\n    period expirations   events overruns  lateness: least, mean, greatest\n");
    for (period, record) in options.periods.iter().zip(records) {
        let [least, greatest] = [record.least.unwrap_or_default(), record.greatest];
        let mean = record.total.checked_div(record.events).unwrap_or_default();
        let Record { expirations, events, .. } = record;
        let (overruns, period) = (expirations - u64::from(*events), format!("{period:?}"));
        text.push_str(&format!(
            "{period:>10} {expirations:>11} {events:>8} {overruns:>8}  {least:.3?}, {mean:.3?}, {greatest:.3?}\n"
        ));
    }
    text
}

/// Whether anybody reads it.
fn print(text: &str) -> Result<bool, Stop> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Stop::failure("standard output", &error)),
    }
}
