//! The example `watch`, used as its readers would use it.
#![allow(missing_docs, reason = "tests say by their names what they show")]

#[allow(dead_code, reason = "shared with the tests of other examples")]
#[path = "examples/program.rs"]
mod program;

use program::{Directory, End, Program, example};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

fn run(directory: &Directory, arguments: &[&str]) -> End {
    Program::start(Command::new(example("watch")).args(arguments).current_dir(directory.path())).end()
}

/// Starts it, with what it says on standard error among its lines, and returns when it watches.
fn watch(directory: &Directory, arguments: &[&str]) -> Program {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" 2>&1"#]).arg(example("watch")).args(arguments);
    let mut program = Program::start(shell.current_dir(directory.path()));
    while !program.line().starts_with("watch: watching ") {}
    program
}

fn write(path: &Path, content: &str) {
    fs::write(path, content).expect("the directory is writable");
}

#[test]
fn one_line_per_change() {
    let directory = Directory::new("watch-lines");
    let path = directory.path();
    write(&path.join("file"), "");
    let mut program = watch(&directory, &["."]);
    write(&path.join("new"), "");
    assert_eq!(program.line(), "created    ./new");
    fs::rename(path.join("new"), path.join("file")).expect("renamed");
    let mut lines = [program.line(), program.line()];
    lines.sort();
    assert_eq!(lines, ["renamed    ./new", "replaced   ./file"]);
    fs::create_dir(path.join("directory")).expect("made");
    assert_eq!(program.line(), "created    ./directory/");
    fs::remove_file(path.join("file")).expect("removed");
    assert_eq!(program.line(), "deleted    ./file");
    program.signal(libc::SIGINT);
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "", ""));
}

#[test]
fn files_that_editors_save_and_paths_that_are_not_there_yet() {
    let directory = Directory::new("watch-saves");
    let path = directory.path();
    let mut program = watch(&directory, &["a/file", "other"]);
    fs::create_dir(path.join("a")).expect("made");
    write(&path.join("a/file"), "one");
    let first = program.line();
    assert_eq!(first, "created    a/file");
    // It may have been looked at while it was still being written.
    write(&path.join("a/.swp"), "two");
    fs::rename(path.join("a/.swp"), path.join("a/file")).expect("renamed");
    while program.line() != "replaced   a/file" {}
    fs::rename(path.join("a/file"), path.join("a/file~")).expect("renamed");
    // That it was replaced may be told twice: by a look, and by the event.
    let mut line = program.line();
    while line == "replaced   a/file" {
        line = program.line();
    }
    assert!(["renamed    a/file", "deleted    a/file"].contains(&line.as_str()), "{line}");
    write(&path.join("a/file"), "");
    assert_eq!(program.line(), "created    a/file");
    program.signal(libc::SIGTERM);
    assert_eq!(program.end().code(), 0);
}

/// What programs do to a file that is there, and how that ends: with another file, or with other content. `new`, `file~`
/// and the like are theirs.
const SAVES: [(&str, bool); 14] = [
    // In place.
    ("echo more >> file", false),
    ("printf xy | dd of=file bs=1 conv=notrunc 2> /dev/null", false),
    // Truncated and written.
    ("echo other > file", false),
    ("echo another > new; cp new file; rm new", false),
    ("echo another | tee file > /dev/null", false),
    // Written anew and renamed.
    ("echo new > new; mv new file", true),
    ("sed s/n/m/ file > new; chmod 600 new; mv new file", true),
    // As vim does, by way of a backup, or so that links and owners stay.
    ("> 4913; rm 4913; mv file file~; echo vim > file; chmod 644 file; rm file~", true),
    ("> 4913; rm 4913; cp -p file file~; echo vim again > file; rm file~", false),
    // Removed and made anew.
    ("rm file; echo anew > file", true),
    // As logrotate does: `create`, `copytruncate`, and both with what was there before.
    ("mv file file.1; (umask 077; > file); chmod 644 file; echo line >> file", true),
    ("cp file file.1; : > file", false),
    ("mv -f file.1 file.2; mv file file.1; > file; echo line >> file", true),
    // Another link in its place, in one go.
    ("ln file.1 new; mv -f new file", true),
];

#[test]
fn what_programs_do_when_they_save_and_rotate() {
    let directory = Directory::new("watch-programs");
    let path = directory.path();
    write(&path.join("file"), "one");
    let mut program = watch(&directory, &["--events", "created,modified,truncated,replaced,renamed,deleted", "file"]);
    for round in 0..3 {
        for (save, is_new) in SAVES {
            let status = Command::new("sh").args(["-ec", save]).current_dir(path).status().expect("there is a shell");
            assert!(status.success(), "{save}");
            loop {
                let line = program.line();
                let (kind, name) = line.split_once(' ').unwrap_or_default();
                assert_eq!(name.trim(), "file", "round {round}, {save}");
                // What came before may be told once more: by an event, after a look had found it.
                match kind {
                    "created" | "replaced" if is_new => break,
                    "modified" | "truncated" if !is_new => break,
                    "created" | "replaced" | "renamed" | "deleted" | "modified" | "truncated" => {}
                    _ => panic!("round {round}, {save}: {line}"),
                }
            }
        }
    }
    program.signal(libc::SIGINT);
    let end = program.end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.lines().all(|line| line.ends_with(" file")), "{end:?}");
}

#[test]
fn below_and_only_what_is_asked_for() {
    let directory = Directory::new("watch-tree");
    let path = directory.path();
    fs::create_dir_all(path.join("d/e")).expect("made");
    write(&path.join("d/e/file"), "");
    let mut program = watch(&directory, &["--recursive", "--events", "modified,deleted", "--count", "2", "d"]);
    write(&path.join("d/e/other"), "");
    fs::remove_file(path.join("d/e/other")).expect("removed");
    write(&path.join("d/e/file"), "text");
    let mut lines = vec![program.line()];
    // Whether it was seen at all depends on who is faster.
    if lines[0] == "deleted    d/e/other" {
        lines.push(program.line());
    } else {
        fs::remove_file(path.join("d/e/file")).expect("removed");
        assert_eq!(program.line(), "deleted    d/e/file");
    }
    assert_eq!(lines.last().map(String::as_str), Some("modified   d/e/file"));
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str()), (0, ""));
}

#[test]
fn json_holds_any_name() {
    let directory = Directory::new("watch-json");
    let path = directory.path();
    let mut program = watch(&directory, &["-j", "-e", "created", "-n", "3", "."]);
    fs::create_dir(path.join("a \"b\"\n\\")).expect("made");
    assert_eq!(program.line(), r#"{"event":"created","directory":true,"path":"./a \"b\"\u000a\\"}"#);
    write(&path.join(OsStr::from_bytes(b"\xff.txt")), "");
    assert_eq!(
        program.line(),
        "{\"event\":\"created\",\"directory\":false,\"path\":\"./\u{fffd}.txt\",\"hex\":\"2e2fff2e747874\"}"
    );
    write(&path.join("é"), "");
    assert_eq!(program.line(), r#"{"event":"created","directory":false,"path":"./é"}"#);
    assert_eq!(program.end().code(), 0);
}

#[test]
fn names_that_do_not_fit_on_a_line_are_quoted() {
    let directory = Directory::new("watch-odd");
    let mut program = watch(&directory, &["-e", "created", "-n", "2", "."]);
    write(&directory.path().join("a\nb"), "");
    assert_eq!(program.line(), r#"created    "./a\nb""#);
    write(&directory.path().join(OsStr::from_bytes(b"\xff c")), "");
    assert_eq!(program.line(), r#"created    "./\xFF c""#);
    assert_eq!(program.end().code(), 0);
}

#[test]
fn a_timeout_ends_it_and_tells_whether_lines_are_missing() {
    let directory = Directory::new("watch-timeout");
    let end = run(&directory, &["--timeout", "0.02", "."]);
    assert_eq!((end.code(), end.stdout.as_str()), (0, ""), "{end:?}");
    let end = run(&directory, &["--timeout", "0.02", "--count", "1", "."]);
    assert_eq!((end.code(), end.stdout.as_str()), (1, ""), "{end:?}");
    let end = run(&directory, &["--count", "0", "."]);
    assert_eq!((end.code(), end.stdout.as_str()), (0, ""), "{end:?}");
}

#[test]
fn what_cannot_be_watched_is_a_failure() {
    let directory = Directory::new("watch-failure");
    std::os::unix::fs::symlink("loop", directory.path().join("loop")).expect("linked");
    let end = run(&directory, &["loop"]);
    assert_eq!((end.code(), end.stdout.as_str()), (1, ""));
    assert!(end.stderr.starts_with("watch: cannot watch \"loop\": "), "{end:?}");
}

#[test]
fn it_ends_when_nobody_reads_what_it_prints() {
    let directory = Directory::new("watch-pipe");
    let mut shell = Command::new("sh");
    let script = r#"{ "$0" -e created . ; echo "status $?" >&2; } | head -n 1"#;
    let shell = shell.args(["-c", script]).arg(example("watch")).current_dir(directory.path());
    let program = Program::start(shell);
    // Until it is gone, which one of them will be that it notices.
    let path = directory.path().to_owned();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        for number in 0.. {
            write(&path.join(number.to_string()), "");
            if stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
                break;
            }
            std::thread::yield_now();
        }
    });
    let end = program.end();
    drop(stop);
    writer.join().expect("no panic");
    assert!(end.stdout.starts_with("created "), "{end:?}");
    assert!(end.stderr.ends_with("status 0\n"), "{end:?}");
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let directory = Directory::new("watch-usage");
    for arguments in [
        &[][..],
        &["-x", "."],
        &["--events"],
        &["--events", "created,nonsense", "."],
        &["--count", "many", "."],
        &["--timeout", "-1", "."],
        &["--"],
    ] {
        let end = run(&directory, arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("\nusage: watch "), "{arguments:?}: {end:?}");
    }
    let end = run(&directory, &["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with("usage: watch "));
}
