//! What README.md says and shows.

use crate::program::{Program, example, root};
use std::fs;
use std::process::Command;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("it is there")
}

/// The contents of the code blocks in a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let mut parts = text.split("\n```");
    parts.next();
    // What begins a block, and what follows it, in turns.
    let openings = parts.step_by(2);
    let blocks = openings.filter_map(|part| part.split_once('\n')).filter(|(name, _)| *name == language);
    blocks.map(|(_, block)| block).collect()
}

#[test]
fn the_program_is_the_example_and_prints_what_it_says() {
    let readme = readme();
    let program = fs::read_to_string(root().join("event-ports/examples/tutorial.rs")).expect("it is there");
    assert_eq!(blocks(&readme, "rust"), [program.trim_end()]);
    let end = Program::start(&mut Command::new(example("tutorial"))).end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert_eq!(blocks(&readme, "text"), [end.stdout.trim_end()]);
}

#[test]
fn the_examples_it_names_exist() {
    let readme = readme();
    let named: Vec<_> = readme.split("--example ").skip(1).map(|rest| rest.split(['\n', '`']).next()).collect();
    assert_eq!(named, [Some("echo_server"), Some("tutorial")]);
    for name in named.into_iter().flatten() {
        example(name);
    }
    let files = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    for file in files.filter(|target| !target.starts_with("http")) {
        assert!(root().join(file).exists(), "README.md links {file}");
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the C library is for Linux")]
fn its_commands_make_a_c_program() {
    let readme = readme();
    let shell = blocks(&readme, "sh");
    let commands = shell.iter().find(|block| block.contains("--crate-type")).expect("it tells how");
    // The commands name the directory that cargo uses unless told otherwise.
    let mut sh = Command::new("sh");
    sh.args(["-e", "-c", commands]).current_dir(root()).env_remove("CARGO_TARGET_DIR");
    let output = sh.output().expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let end = Program::start(&mut Command::new(root().join("target/fifos"))).end();
    assert_eq!((end.code(), end.stderr.as_str()), (2, "usage: fifos NAME...\n"));
}
