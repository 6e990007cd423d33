use crate::program::{Directory, End, Program, example};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

fn fifos(directory: &Directory, names: &[&str]) -> Program {
    Program::start(Command::new(example("fifos")).args(names).current_dir(directory.path()))
}

#[test]
fn what_is_written_to_the_fifos_is_printed_with_their_names() {
    let directory = Directory::new("fifos");
    let mut program = fifos(&directory, &["a", "b"]);
    let open = |name| {
        let path = directory.path().join(name);
        loop {
            // The program makes them and tells nobody. Opening then waits until it reads.
            match OpenOptions::new().write(true).open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::thread::yield_now(),
                other => break other.expect("it is a FIFO"),
            }
        }
    };
    let (mut a, mut b) = (open("a"), open("b"));
    // In one piece each, since each piece is printed with the name.
    for text in ["one\n", "two\n", "three\n"] {
        a.write_all(text.as_bytes()).expect("somebody reads it");
        assert_eq!(program.line(), format!("a: {}", text.trim_end()));
        b.write_all(text.as_bytes()).expect("somebody reads it");
        assert_eq!(program.line(), format!("b: {}", text.trim_end()));
    }
    drop(a);
    b.write_all(b"last\n").expect("somebody reads it");
    drop(b);
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "b: last\n", ""));
    assert_eq!(fs::read_dir(directory.path()).expect("it is a directory").count(), 0, "a FIFO is left");
}

#[test]
fn a_name_that_is_taken_is_an_error_and_stays() {
    let directory = Directory::new("taken");
    fs::write(directory.path().join("taken"), "text").expect("the directory is writable");
    let end = fifos(&directory, &["new", "taken"]).end();
    assert_eq!((end.code(), end.stdout.as_str()), (1, ""));
    assert!(end.stderr.starts_with("fifos: taken: "), "{end:?}");
    assert_eq!(fs::read_to_string(directory.path().join("taken")).expect("it is there"), "text");
    assert!(!directory.path().join("new").exists(), "a FIFO is left");
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let run = |arguments: &[&str]| -> End { Program::start(Command::new(example("fifos")).args(arguments)).end() };
    for arguments in [&[][..], &["-x"]] {
        let end = run(arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("\nusage: fifos NAME...\n"), "{arguments:?}: {end:?}");
    }
    let end = run(&["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with("usage: fifos NAME...\n"), "{end:?}");
}
