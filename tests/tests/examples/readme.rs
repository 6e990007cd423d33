//! What README.md says and shows.

use crate::program::{Directory, Program, example, root};
use std::collections::BTreeSet;
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
fn the_programs_are_examples_and_print_what_it_says() {
    let readme = readme();
    let programs = ["notes", "tutorial"].map(|name| {
        let path = root().join(format!("event-ports/examples/{name}.rs"));
        fs::read_to_string(path).expect("it is there").trim_end().to_owned()
    });
    assert_eq!(blocks(&readme, "rust"), programs);
    let end = Program::start(&mut Command::new(example("tutorial"))).end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert_eq!(blocks(&readme, "text")[1], end.stdout.trim_end());
}

#[test]
fn its_first_program_prints_what_happens_to_a_file() {
    let directory = Directory::new("readme-notes");
    let mut program = Program::start(Command::new(example("notes")).current_dir(directory.path()));
    assert_eq!(program.line(), "watching notes.txt");
    fs::write(directory.path().join("notes.txt"), "").expect("the directory is writable");
    assert_eq!(program.line(), r#""notes.txt": created"#);
    fs::remove_file(directory.path().join("notes.txt")).expect("removed");
    let end = program.end();
    assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "\"notes.txt\": deleted\n", ""));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "not every sed edits in place")]
fn what_is_done_to_a_file_is_printed_as_it_says() {
    let readme = readme();
    let directory = Directory::new("readme-watch");
    fs::create_dir(directory.path().join("docs")).expect("made");
    let shell = blocks(&readme, "sh");
    let arguments = shell[0].split_once(" -- ").expect("the first command runs the example watch").1;
    // With what it says on standard error among its lines.
    let mut watch = Command::new("sh");
    watch.args(["-c", &format!(r#"exec "$0" {arguments} 2>&1"#)]).arg(example("watch"));
    let mut program = Program::start(watch.current_dir(directory.path()));
    let (hello, lines): (Vec<_>, Vec<_>) =
        blocks(&readme, "text")[0].lines().partition(|line| line.starts_with("watch: "));
    for line in hello {
        assert_eq!(program.line(), line);
    }
    let commands: Vec<_> = shell[1].lines().collect();
    assert_eq!(commands.len(), lines.len(), "one line each");
    let mut last = String::new();
    for (command, line) in commands.into_iter().zip(lines) {
        let status = Command::new("sh").args(["-ec", command]).current_dir(directory.path()).status();
        assert!(status.expect("there is a shell").success(), "{command}");
        let mut printed = program.line();
        // It may be looked at before the command is done with it, and then the end of that is one more change.
        // And what a look has found, an event may tell once more.
        while ["modified   notes.txt", "attributes notes.txt", &last].contains(&printed.as_str()) {
            printed = program.line();
        }
        // Which keeps the watcher from hearing how it went, if it goes just then.
        if printed != "deleted    notes.txt" || !line.starts_with("renamed ") {
            assert_eq!(printed, line, "{command}");
        }
        last = printed;
    }
}

#[test]
fn the_examples_it_names_exist() {
    let readme = readme();
    let named: Vec<_> = readme.split("--example ").skip(1).map(|rest| rest.split(['\n', '`', ' ']).next()).collect();
    assert_eq!(named, [Some("watch"), Some("echo_server"), Some("tutorial")]);
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
    let printed = String::from_utf8_lossy(&output.stdout);
    // When a millisecond has gone by is for the machine to say.
    let sorted = |lines: &str| lines.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&printed), sorted(blocks(&readme, "text")[2]));
}
