use crate::assert_misuse;
use crate::program::{Directory, End, Program, example};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(example("aio_copy"));
    command.args(arguments).current_dir(directory);
    command
}

fn aio_copy(directory: &Path, arguments: &[&str]) -> End {
    Program::start(&mut command(directory, arguments)).end()
}

/// Bytes of which no two blocks are alike.
fn content(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn names(directory: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(directory).expect("it is a directory");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("it can be read").file_name()).collect();
    names.sort();
    names
}

#[test]
fn the_copy_is_the_file() {
    let directory = Directory::new("copy");
    let path = directory.path();
    for (len, options) in [
        (0, &[][..]),
        (1, &[]),
        (3_000_001, &[]),
        (3_000_001, &["--requests", "1"]),
        (100_001, &["--requests", "300", "--block", "1000"]),
        (1000, &["--block", "1"]),
    ] {
        let content = content(len);
        fs::write(path.join("from"), &content).expect("the directory is writable");
        fs::set_permissions(path.join("from"), fs::Permissions::from_mode(0o640)).expect("it is ours");
        let end = aio_copy(path, &[options, &["from", "to"]].concat());
        assert_eq!((end.code(), end.stdout.as_str(), end.stderr.as_str()), (0, "", ""), "{len} {options:?}");
        assert!(fs::read(path.join("to")).expect("it is there") == content, "{len} {options:?}");
        let mode = fs::metadata(path.join("to")).expect("it is there").permissions().mode();
        assert_eq!((mode & 0o777, names(path)), (0o640, vec!["from".into(), "to".into()]));
    }
}

#[test]
fn its_progress_is_shown_on_a_terminal() {
    let directory = Directory::new("copy-progress");
    fs::write(directory.path().join("from"), content(2_000_000)).expect("the directory is writable");
    // `script` gives it a terminal for its standard error.
    let program = example("aio_copy");
    let line = format!("'{}' --block 65536 from to", program.display());
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(directory.path());
    if Command::new("script").arg("--version").output().is_err() || cfg!(not(target_os = "linux")) {
        eprintln!("not run here: there is no script(1) of util-linux");
        return;
    }
    let end = Program::start(&mut script).end();
    assert_eq!(end.code(), 0, "{end:?}");
    let full = format!("[{}] 100 %", "#".repeat(40));
    for what in ["copied", "verified"] {
        assert!(end.stdout.contains(&format!("{what} {full}")), "{what}: {:?}", end.stdout);
    }
    let end = aio_copy(directory.path(), &["from", "to"]);
    assert_eq!(end.stderr, "", "nobody looks");
    let line = line.replace("from to", "--quiet from to");
    let mut script = Command::new("script");
    let end = Program::start(script.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(directory.path())).end();
    assert_eq!((end.code(), end.stdout.trim()), (0, ""));
}

/// A copy that fails: TO is as it was, and there is nothing else.
fn assert_undone(end: &End, path: &Path, error: &str) {
    assert_eq!((end.code(), end.stdout.as_str()), (1, ""), "{end:?}");
    assert_eq!(end.stderr, format!("aio_copy: to: {error}\n"));
    assert_eq!(names(path), ["from", "to"]);
    assert_eq!(fs::read(path.join("to")).expect("it is there"), b"before");
}

fn prepare(path: &Path) {
    fs::write(path.join("from"), content(1_000_000)).expect("the directory is writable");
    fs::write(path.join("to"), "before").expect("the directory is writable");
}

#[test]
fn a_file_that_becomes_too_large_leaves_nothing_behind() {
    let directory = Directory::new("copy-large");
    prepare(directory.path());
    for options in [&[][..], &["--block", "512"], &["--block", "300001"]] {
        let mut command = command(directory.path(), &[options, &["from", "to"]].concat());
        let limit = || {
            let limit = libc::rlimit { rlim_cur: 200_000, rlim_max: 200_000 };
            // SAFETY: the structure outlives the call.
            let set = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
            if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes one system call.
        unsafe { command.pre_exec(limit) };
        let end = Program::start(&mut command).end();
        assert_undone(&end, directory.path(), "File too large (os error 27)");
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "about tmpfs and mount namespaces")]
fn a_full_disk_leaves_nothing_behind() {
    let directory = Directory::new("copy-full");
    let path = directory.path();
    fs::create_dir(path.join("disk")).expect("the directory is writable");
    prepare(path);
    // A small disk that is there for one shell and its children only.
    let script = r#"
        mount -t tmpfs -o size=256k none disk 2> /dev/null || { echo "not permitted"; exit; }
        cd disk
        printf before > to
        for block in 512 4096 131072 1000000; do
            "$0" --block $block ../from to
            echo "status $?: $(ls -A) $(cat to)"
        done
    "#;
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--map-root-user", "sh", "-c", script]).arg(example("aio_copy")).current_dir(path);
    if Command::new("unshare").args(["--mount", "--map-root-user", "true"]).status().is_ok_and(|s| s.success()) {
        let end = Program::start(&mut shell).end();
        if end.stdout == "not permitted\n" {
            eprintln!("not run here: mounting is not permitted");
            return;
        }
        assert_eq!(end.stdout, "status 1: to before\n".repeat(4), "{end:?}");
        assert_eq!(end.stderr, "aio_copy: to: No space left on device (os error 28)\n".repeat(4));
    } else {
        eprintln!("not run here: there are no mount namespaces to be had");
    }
}

#[test]
fn what_cannot_be_copied_is_named() {
    let directory = Directory::new("copy-errors");
    prepare(directory.path());
    fs::create_dir(directory.path().join("directory")).expect("the directory is writable");
    for (from, to, wanted) in [
        ("missing", "to", "missing: No such file or directory (os error 2)"),
        ("directory", "to", "directory: not a regular file"),
        ("from", "no/where", "no/where: No such file or directory (os error 2)"),
        ("from", "directory", "directory: Is a directory (os error 21)"),
    ] {
        let end = aio_copy(directory.path(), &[from, to]);
        assert_eq!((end.code(), end.stderr), (1, format!("aio_copy: {wanted}\n")));
    }
    assert_eq!(names(directory.path()), ["directory", "from", "to"]);
    assert_eq!(names(&directory.path().join("directory")).len(), 0);
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let directory = Directory::new("copy-signal");
    let path = directory.path();
    fs::write(path.join("to"), "before").expect("the directory is writable");
    // Without content on the device, and too much to be copied in the time that this takes.
    let from = fs::File::create(path.join("from")).expect("the directory is writable");
    from.set_len(1 << 32).expect("a hole takes no room");
    let program = Program::start(&mut command(path, &["--block", "512", "--requests", "1", "from", "to"]));
    // It is at work as soon as there is a third name, and notices signals before.
    while names(path).len() < 3 {
        std::thread::yield_now();
    }
    program.signal(libc::SIGTERM);
    let end = program.end();
    assert_undone(&end, path, "interrupted; nothing is copied");
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    let cases = [
        &[][..],
        &["from"],
        &["from", "to", "more"],
        &["--requests", "0", "from", "to"],
        &["--requests", "from", "to"],
        &["--requests"],
        &["--block", "-1", "from", "to"],
        &["--block", "99999999999999999999", "from", "to"],
        &["--slowly", "from", "to"],
    ];
    assert_misuse("aio_copy", &cases, "aio_copy [--requests N] [--block BYTES] [--quiet] FROM TO");
}
