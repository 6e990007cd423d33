use crate::program::{Directory, End, Program, example};
use crate::{assert_misuse, run};
use std::fs;
use std::io::Write;
use std::process::Command;

fn aio_read(directory: &Directory, arguments: &[&str]) -> End {
    Program::start(Command::new(example("aio_read")).args(arguments).current_dir(directory.path())).end()
}

#[test]
fn the_beginning_of_a_file_is_printed() {
    let directory = Directory::new("aio-read");
    let text: String = (0..1000).map(|number| format!("{number}\n")).collect();
    fs::write(directory.path().join("file"), &text).expect("the directory is writable");
    fs::write(directory.path().join("empty"), "").expect("the directory is writable");
    for (arguments, wanted) in [
        (&["file"][..], &text[..512]),
        (&["file", "7"], &text[..7]),
        (&["file", "0"], ""),
        (&["file", "100000"], &text),
        (&["empty"], ""),
    ] {
        let end = aio_read(&directory, arguments);
        assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, wanted, ""), "{arguments:?}");
    }
}

#[test]
fn a_pipe_is_waited_for() {
    let mut program = Program::start(Command::new(example("aio_read")).args(["/dev/stdin", "3"]));
    program.stdin.as_ref().expect("it is open").write_all(b"abcdef").expect("somebody reads it");
    let stdin = program.stdin.take();
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "abc", ""));
    drop(stdin);
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = Directory::new("aio-read-missing");
    for (name, wanted) in [("missing", "aio_read: missing: No such file"), (".", "aio_read: .: Is a directory")] {
        let end = aio_read(&directory, &[name]);
        assert_eq!((end.code(), end.stdout.as_str()), (1, ""));
        assert!(end.stderr.starts_with(wanted), "{end:?}");
    }
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let cases =
        [&[][..], &["-x"], &["file", "many"], &["file", "-1"], &["file", "1", "2"], &["file", &usize::MAX.to_string()]];
    assert_misuse("aio_read", &cases, "aio_read FILE [BYTES]");
    assert_eq!(run("aio_read", &["-h"]).code(), 0);
}
