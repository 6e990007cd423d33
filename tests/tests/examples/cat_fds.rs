use crate::program::{Directory, End, Program, example};
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

fn cat_fds(directory: &Directory, names: &[&str]) -> Program {
    Program::start(Command::new(example("cat_fds")).args(names).current_dir(directory.path()))
}

fn make_fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL");
    // SAFETY: `path` is a string in C's sense, and the call keeps no pointer to it.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn standard_input_fifos_and_files_are_read_at_once() {
    let directory = Directory::new("at-once");
    make_fifo(&directory.path().join("fifo"));
    fs::write(directory.path().join("file"), "from a file\n").expect("the directory is writable");
    let mut program = cat_fds(&directory, &["-", "fifo", "file"]);
    assert_eq!([program.line(), program.line()], ["==> file <==", "from a file"]);

    // Each piece has been printed before the next one is written, though nothing has come to its end.
    let mut fifo = OpenOptions::new().write(true).open(directory.path().join("fifo")).expect("somebody reads it");
    for round in 0..3 {
        writeln!(program.stdin.as_ref().expect("it is open"), "typed {round}").expect("somebody reads it");
        assert_eq!([program.line(), program.line()], ["==> - <==".into(), format!("typed {round}")]);
        writeln!(fifo, "piped {round}").expect("somebody reads it");
        assert_eq!([program.line(), program.line()], ["==> fifo <==".into(), format!("piped {round}")]);
    }
    writeln!(fifo, "more of the same").expect("somebody reads it");
    assert_eq!(program.line(), "more of the same");

    // Standard input ends first.
    program.stdin = None;
    write!(fifo, "no end of line").expect("somebody reads it");
    drop(fifo);
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "no end of line", ""));
}

#[test]
fn one_name_is_printed_as_it_is() {
    let directory = Directory::new("one");
    let text: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    fs::write(directory.path().join("file"), &text).expect("the directory is writable");
    let end = cat_fds(&directory, &["file"]).end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout == text, "{} bytes of {}", end.stdout.len(), text.len());
    let end = cat_fds(&directory, &["-"]).end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "", ""));
}

#[test]
fn two_large_files_come_in_turns() {
    let directory = Directory::new("turns");
    for (name, line) in [("a", "aaaaaaaaa\n"), ("b", "bbbbbbbbb\n")] {
        fs::write(directory.path().join(name), line.repeat(100_000)).expect("the directory is writable");
    }
    let end = cat_fds(&directory, &["a", "b"]).end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    for line in ["aaaaaaaaa", "bbbbbbbbb"] {
        let bytes: usize = end.stdout.matches(&line[..1]).count();
        // The name in the headings counts, too.
        let headings = end.stdout.matches(&format!("==> {} <==", &line[..1])).count();
        assert_eq!(bytes, 900_000 + headings);
        assert!(headings > 5, "{line} came in {headings} pieces");
    }
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_read() {
    let directory = Directory::new("missing");
    fs::write(directory.path().join("file"), "text\n").expect("the directory is writable");
    let end = cat_fds(&directory, &["missing", "file", "."]).end();
    assert_eq!((end.code(), end.stdout.as_str()), (1, "==> file <==\ntext\n"), "{end:?}");
    let complaints: Vec<_> = end.stderr.lines().collect();
    assert!(
        matches!(complaints[..], [first, second] if first.starts_with("cat_fds: missing: ")
            && second.starts_with("cat_fds: .: ")),
        "{complaints:?}"
    );
}

#[test]
fn it_ends_when_nobody_reads_what_it_prints() {
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", r#"{ "$0" -; echo "status $?" >&2; } | head -n 1"#]).arg(example("cat_fds"));
    let mut program = Program::start(shell);
    let mut stdin = program.stdin.take().expect("it is open");
    // Until cat_fds, which alone reads it, is gone.
    while stdin.write_all(b"text\n").is_ok() {}
    let end = program.end();
    assert_eq!((end.stdout.as_str(), end.stderr.as_str()), ("text\n", "status 0\n"));
}

fn run(arguments: &[&str]) -> End {
    Program::start(Command::new(example("cat_fds")).args(arguments)).end()
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    for arguments in [&[][..], &["-x"], &["-", "-"], &["--"], &["file", "--option"]] {
        let end = run(arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("\nusage: cat_fds FILE|FIFO|- ...\n"), "{arguments:?}: {end:?}");
    }
}

#[test]
fn help_is_no_error_and_names_may_begin_with_a_dash() {
    let end = run(&["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with("usage: cat_fds FILE|FIFO|- ...\n"), "{end:?}");

    let directory = Directory::new("dash");
    fs::write(directory.path().join("--help"), "text\n").expect("the directory is writable");
    assert_eq!(cat_fds(&directory, &["--", "--help"]).end().stdout, "text\n");
}
