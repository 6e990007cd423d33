//! The example `tail_f`, used as its readers would use it.
#![allow(missing_docs, reason = "tests say by their names what they show")]

#[allow(dead_code, reason = "shared with the tests of other examples")]
#[path = "examples/program.rs"]
mod program;

use program::{Directory, End, Program, example};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

struct Logs {
    directory: Directory,
}

impl Logs {
    fn new(name: &str) -> Self {
        Self { directory: Directory::new(name) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("the directory is writable");
    }

    fn append(&self, name: &str, content: &str) {
        open(&self.path(name)).write_all(content.as_bytes()).expect("written");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    fn tail(&self, arguments: &[&str]) -> Program {
        Program::start(Command::new(example("tail_f")).args(arguments).current_dir(self.directory.path()))
    }

    fn run(&self, arguments: &[&str]) -> End {
        self.tail(arguments).end()
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("opened")
}

/// Ends it, which it does cleanly, and returns what it has printed beyond what was asked for.
fn interrupt(program: Program) -> (String, String) {
    program.signal(libc::SIGINT);
    let end = program.end();
    assert_eq!(end.code(), 0, "{end:?}");
    (end.stdout, end.stderr)
}

#[test]
fn the_last_lines_come_first() {
    let logs = Logs::new("tail-last");
    let numbers: String = (1..=5000).map(|number| format!("{number}\n")).collect();
    logs.write("log", &numbers);
    for (option, first) in [("3", 4998), ("1", 5000), ("2000", 3001), ("5000", 1), ("6000", 1)] {
        let mut program = logs.tail(&["-n", option, "log"]);
        for number in first..=5000 {
            assert_eq!(program.line(), number.to_string());
        }
        assert_eq!(interrupt(program), (String::new(), String::new()));
    }
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "4991");
    drop(program);

    logs.write("log", "one\ntwo\nno end");
    let mut program = logs.tail(&["-n", "2", "log"]);
    assert_eq!(program.line(), "two");
    logs.append("log", " of line\n");
    assert_eq!(program.line(), "no end of line");
}

#[test]
fn nothing_that_was_there_if_no_lines_are_asked_for() {
    let logs = Logs::new("tail-none");
    logs.write("log", "one\ntwo\n");
    logs.write("sign", "begun\n");
    let mut program = logs.tail(&["-n", "0", "log", "sign"]);
    // What is appended before it follows is not printed, so one of many must tell that it does.
    let follows = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !follows.load(Ordering::SeqCst) {
                logs.append("sign", "sign\n");
                thread::yield_now();
            }
        });
        assert_eq!([program.line(), program.line()], ["==> sign <==", "sign"]);
        follows.store(true, Ordering::SeqCst);
    });
    logs.append("log", "three\n");
    let mut line = program.line();
    while line == "sign" {
        line = program.line();
    }
    assert_eq!([line, program.line()], ["==> log <==", "three"]);
}

#[test]
fn several_files_have_headings() {
    let logs = Logs::new("tail-several");
    logs.write("a", "first of a\n");
    logs.write("b", "first of b\n");
    let mut program = logs.tail(&["a", "b", "missing"]);
    assert_eq!([program.line(), program.line()], ["==> a <==", "first of a"]);
    assert_eq!([program.line(), program.line()], ["==> b <==", "first of b"]);
    logs.append("b", "second of b\n");
    assert_eq!(program.line(), "second of b");
    logs.append("a", "no end");
    assert_eq!(program.line(), "==> a <==");
    logs.write("missing", "here\n");
    assert_eq!([program.line(), program.line(), program.line()], ["no end", "==> missing <==", "here"]);
    let (stdout, stderr) = interrupt(program);
    assert_eq!(stdout, "");
    assert!(stderr.starts_with("tail_f: missing: No such file or directory"), "{stderr}");
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let logs = Logs::new("tail-truncated");
    logs.write("log", "a long line to begin with\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "a long line to begin with");
    for round in 0..100 {
        open(&logs.path("log")).set_len(0).expect("truncated");
        logs.append("log", &format!("round {round}\n"));
        assert_eq!(program.line(), format!("round {round}"));
        logs.append("log", "more\n");
        assert_eq!(program.line(), "more");
    }
    let (stdout, stderr) = interrupt(program);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
}

#[test]
fn a_file_that_is_cut_and_longer_at_once_is_read_from_its_start() {
    let logs = Logs::new("tail-longer");
    logs.write("log", "round 0\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "round 0");
    for round in 1..100 {
        // One write, so that there is never a part of it to be read.
        logs.write("log", &format!("round {round}\n{}", "more\n".repeat(round)));
        assert_eq!(program.line(), format!("round {round}"));
        for _ in 0..round {
            assert_eq!(program.line(), "more");
        }
    }
    let (stdout, stderr) = interrupt(program);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
}

#[test]
fn a_replaced_file_is_read_from_its_start() {
    let logs = Logs::new("tail-replaced");
    logs.write("log", "old\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "old");
    for round in 0..100 {
        logs.write("new", &format!("round {round}\nsecond line\n"));
        logs.rename("new", "log");
        assert_eq!([program.line(), program.line()], [format!("round {round}"), "second line".into()]);
    }
    let (stdout, stderr) = interrupt(program);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
}

#[test]
fn a_removed_file_is_waited_for() {
    let logs = Logs::new("tail-removed");
    fs::create_dir(logs.path("d")).expect("made");
    logs.write("d/log", "one\n");
    let mut program = logs.tail(&["d/log"]);
    assert_eq!(program.line(), "one");
    for round in 0..20 {
        logs.append("d/log", "last words\n");
        fs::remove_dir_all(logs.path("d")).expect("removed");
        assert_eq!(program.line(), "last words");
        fs::create_dir(logs.path("d")).expect("made");
        logs.write("d/log", &format!("round {round}\n"));
        assert_eq!(program.line(), format!("round {round}"));
    }
    assert_eq!(interrupt(program).0, "");
}

#[test]
fn logs_that_are_rotated_by_commands_are_followed() {
    let logs = Logs::new("tail-commands");
    logs.write("log", "line 0\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "line 0");
    // As logrotate does: `create`, `copytruncate`, and by a link.
    let rotations = [
        "mv -f log log.1; (umask 077; > log); chmod 644 log",
        "cp log log.1; : > log",
        "ln -f log log.1; > new; mv -f new log",
    ];
    for round in 1..=30 {
        let script = format!("{}; echo line {round} >> log", rotations[round % rotations.len()]);
        let mut shell = Command::new("sh");
        let status =
            shell.args(["-ec", &script]).current_dir(logs.directory.path()).status().expect("there is a shell");
        assert!(status.success(), "{script}");
        assert_eq!(program.line(), format!("line {round}"), "{script}");
    }
    let (stdout, stderr) = interrupt(program);
    assert_eq!((stdout.as_str(), stderr.lines().find(|line| !line.contains("No such file"))), ("", None));
}

#[test]
fn lines_that_come_late_to_a_rotated_file_are_printed() {
    let logs = Logs::new("tail-late");
    logs.write("log", "one\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "one");
    let mut late = open(&logs.path("log"));
    logs.rename("log", "log.1");
    logs.write("log", "two\n");
    assert_eq!(program.line(), "two");
    late.write_all(b"late\n").expect("written");
    logs.append("log", "three\n");
    assert_eq!([program.line(), program.line()], ["late", "three"]);
}

const LINES: usize = 20;

/// Rotates as fast as `tail_f` opens what is new: it never is more than one file behind. Every line must arrive, once,
/// and in order.
fn rotate_at_full_speed(name: &str, generations: usize, rotate: impl Fn(&Logs, usize) + Send) {
    let logs = Logs::new(name);
    logs.write("log", "begun\n");
    let mut program = logs.tail(&["log"]);
    assert_eq!(program.line(), "begun");
    // The generation of which a line was printed last.
    let printed = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (logs, printed) = (&logs, &printed);
        scope.spawn(move || {
            for generation in 1..=generations {
                rotate(logs, generation);
                let mut log = open(&logs.path("log"));
                for line in 0..LINES {
                    writeln!(log, "{generation} {line}").expect("written");
                }
                while printed.load(Ordering::SeqCst) < generation {
                    thread::yield_now();
                }
            }
        });
        for generation in 1..=generations {
            for line in 0..LINES {
                assert_eq!(program.line(), format!("{generation} {line}"));
                printed.store(generation, Ordering::SeqCst);
            }
        }
    });
    assert_eq!(interrupt(program).0, "");
}

fn generations() -> usize {
    if std::env::var_os("EVENT_PORTS_LONG").is_some() { 5000 } else { 300 }
}

#[test]
fn no_line_is_lost_when_files_are_renamed_and_created_at_full_speed() {
    rotate_at_full_speed("tail-rotation", generations(), |logs, generation| {
        logs.rename("log", &format!("log.{generation}"));
    });
}

#[test]
fn no_line_is_lost_when_files_are_removed_and_created_at_full_speed() {
    rotate_at_full_speed("tail-removal", generations(), |logs, _| {
        fs::remove_file(logs.path("log")).expect("removed");
    });
}

#[test]
fn no_line_is_lost_when_files_are_renamed_over_at_full_speed() {
    rotate_at_full_speed("tail-replacement", generations(), |logs, _| {
        logs.write("new", "");
        logs.rename("new", "log");
    });
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let logs = Logs::new("tail-usage");
    for arguments in [&[][..], &["-x", "log"], &["-n"], &["-n", "many", "log"], &["--"]] {
        let end = logs.run(arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("\nusage: tail_f [-n LINES] FILE...\n"), "{arguments:?}: {end:?}");
    }
    let end = logs.run(&["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with("usage: tail_f "));
}
