use crate::program::{Program, example};
use crate::{assert_misuse, run};
use std::process::Command;

/// The numbers of a summary's line: expirations, events, overruns.
fn numbers(line: &str) -> [u64; 3] {
    let words: Vec<_> = line.split_whitespace().collect();
    [1, 2, 3].map(|at| words[at].parse().unwrap_or_else(|_| panic!("no number: {line:?}")))
}

/// The time that a line begins with, in seconds.
fn time(line: &str) -> f64 {
    let word = line.split_whitespace().next().unwrap_or_default();
    let units = [("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0)];
    let parsed = units.iter().find_map(|&(unit, worth)| Some(word.strip_suffix(unit)?.parse::<f64>().ok()? * worth));
    parsed.unwrap_or_else(|| panic!("no time: {line:?}"))
}

#[test]
fn every_expiration_is_counted_once() {
    let end = run("timers", &["--for", "1", "20", "5.5"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    let (lines, summary) = end.stdout.split_once("\n\n").expect("a summary");
    let rows: Vec<_> = summary.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{summary}");
    for (row, (period, seconds)) in rows.iter().zip([("20ms", 0.02), ("5.5ms", 0.0055)]) {
        let [expirations, events, overruns] = numbers(row);
        assert!(row.trim_start().starts_with(period), "{row}");
        assert_eq!(expirations, events + overruns);
        let printed: Vec<_> = lines.lines().filter(|line| line.contains(&format!("every {period} "))).collect();
        assert_eq!(printed.len() as u64, events, "{lines}");
        // No more than there can have been until the last of them was retrieved, to the millisecond.
        let most = printed.last().map(|line| time(line) / seconds + 0.001 / seconds).expect("there was time for one");
        assert!(expirations > 0 && expirations as f64 <= most, "{most}: {row}");
        let counts = printed.iter().map(|line| line.split_once(" x").and_then(|(_, rest)| rest.split(' ').next()));
        let counted: u64 = counts.map(|count| count.and_then(|n| n.parse::<u64>().ok()).expect("a count")).sum();
        assert_eq!(counted, expirations);
    }
}

#[test]
fn a_busy_loop_gets_fewer_events_and_all_expirations() {
    let end = run("timers", &["--for", "1", "--busy", "50", "2"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    let [expirations, events, overruns] = numbers(end.stdout.lines().last().expect("a summary"));
    assert!(overruns > 0 && expirations == events + overruns && events <= 21, "{}", end.stdout);
}

#[test]
fn it_ends_when_nobody_reads_what_it_prints() {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"{ "$0" --for 50 1; echo "status $?" >&2; } | head -n 1"#]).arg(example("timers"));
    let end = Program::start(&mut shell).end();
    assert_eq!(end.stderr, "status 0\n");
    assert!(end.stdout.contains("every 1ms"), "{end:?}");
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let cases = [
        &[][..],
        &["0"],
        &["-5"],
        &["x"],
        &["nan"],
        &["inf"],
        &["1e30"],
        &["--for", "1"],
        &["--for"],
        &["--for", "x", "5"],
        &["--busy", "-1", "5"],
        &["--quick", "5"],
    ];
    assert_misuse("timers", &cases, "timers [--for SECONDS] [--busy MILLISECONDS] PERIOD...");
}
