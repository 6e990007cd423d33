//! The programs in `tests/c`: what programs written in C for illumos do with event ports.
//!
//! On Linux they are linked with the C library, which is built, and installed in a directory of the build, for this. On
//! illumos they use the system's. Without a C compiler, or without make on Linux, they are not run, and it is said so.
//! `.ci/c` compiles them in many ways more.

use event_ports_tests::{TempDir, run};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// Locks an open file or directory for as long as it stays open here.
fn lock(file: &File, how: i32) -> io::Result<()> {
    // SAFETY: no memory is touched.
    if unsafe { libc::flock(file.as_raw_fd(), how) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Where the tests of several processes build at the same time, since some test runners give each test a process of its
/// own.
struct Workshop {
    /// The programs of this process, and the library as they use it.
    own: PathBuf,
    /// Says that somebody uses that.
    _in_use: File,
}

impl Workshop {
    /// Opens a part of it for this process, and removes those of processes that have ended.
    fn open() -> Self {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_programs");
        let processes = all.join("processes");
        fs::create_dir_all(&processes).expect("the directory can be made");
        // One at a time: builds the library, installs it, looks after what others have left.
        let door = File::create(all.join("lock")).expect("the lock can be made");
        lock(&door, libc::LOCK_EX).expect("it can be waited for");
        for entry in fs::read_dir(&processes).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let directory = File::open(&path).expect("it is there");
            if lock(&directory, libc::LOCK_EX | libc::LOCK_NB).is_ok() {
                fs::remove_dir_all(&path).expect("it can be removed");
            }
        }
        let own = processes.join(std::process::id().to_string());
        fs::create_dir(&own).expect("no other process has this number");
        let in_use = File::open(&own).expect("it is there");
        lock(&in_use, libc::LOCK_SH).expect("nobody else has it");
        if cfg!(target_os = "linux") {
            install(&all.join("library"), &own);
        }
        Self { own, _in_use: in_use }
    }
}

/// Where this process keeps what it builds, and has the library installed.
fn build() -> &'static Path {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    &WORKSHOP.get_or_init(Workshop::open).own
}

/// Makes sure that this test can be run, or says that it is not.
fn ready(test: &str) -> bool {
    static MISSING: OnceLock<Option<&str>> = OnceLock::new();
    let is_there = |tool: &str| {
        let version = Command::new(tool).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success())
    };
    let tools: &[&str] = if cfg!(target_os = "linux") { &["cc", "make", "ar", "objcopy", "nm"] } else { &["cc"] };
    match MISSING.get_or_init(|| tools.iter().find(|tool| !is_there(tool)).copied()) {
        None => true,
        Some(tool) => {
            // Straight to the descriptor: the harness hides what a passing test prints.
            let line = format!("not run here: c_programs::{test}: there is no {tool}\n");
            std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
            false
        }
    }
}

/// Runs a command that has nothing to say.
fn quietly(command: &mut Command) {
    let Output { status, stdout, stderr } = run(command);
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && text.is_empty(), "{command:?}: {status}\n{text}");
}

/// Builds the C library, with debug assertions, and installs it in a directory as `make install` does it.
fn install(build: &Path, prefix: &Path) {
    let mut make = Command::new("make");
    make.args(["-s", "-C", "event-ports-linux", "install", "PROFILE=dev", "STRIP=", "CARGOFLAGS=--quiet"]);
    make.arg(format!("BUILD={}", build.display()));
    make.arg(format!("PREFIX={}", prefix.display()));
    make.arg(format!("CARGO={}", std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned())));
    // What the make or the cargo that runs the tests has told its children does not concern this one.
    make.env_remove("MAKEFLAGS").env_remove("CARGO_TARGET_DIR").current_dir(root());
    let output = make.output().expect("make starts");
    assert!(output.status.success(), "make: {}", String::from_utf8_lossy(&output.stderr));
}

enum Library {
    Static,
    #[cfg(target_os = "linux")]
    Shared,
    /// The program finds it by itself.
    #[cfg(target_os = "linux")]
    None,
}

/// Compiles `tests/c/{name}.c`, and returns the path of the program.
fn compile(name: &str, library: &Library) -> PathBuf {
    let program = build().join(name.replace('/', "-")).with_extension(match library {
        Library::Static => "static",
        #[cfg(target_os = "linux")]
        Library::Shared => "shared",
        #[cfg(target_os = "linux")]
        Library::None => "alone",
    });
    let mut cc = Command::new("cc");
    cc.args(["-g", "-Wall", "-Wextra", "-o"]).arg(&program).arg(root().join("tests/c").join(name).with_extension("c"));
    if cfg!(target_os = "linux") {
        cc.arg("-I").arg(build().join("include/event-ports"));
        match library {
            Library::Static => cc.arg(build().join("lib/libevent-ports.a")),
            #[cfg(target_os = "linux")]
            Library::Shared => cc.arg("-L").arg(build().join("lib")).arg("-levent-ports"),
            #[cfg(target_os = "linux")]
            Library::None => &mut cc,
        };
        cc.arg("-ldl");
    } else {
        cc.arg("-lsocket");
    }
    quietly(cc.args(["-pthread", "-lrt"]));
    program
}

/// Runs a program that checks what it does, in a directory of its own.
fn check(name: &str) {
    if ready(name) {
        let directory = TempDir::new();
        quietly(Command::new(compile(name, &Library::Static)).current_dir(directory.path()));
    }
}

macro_rules! programs {
    ($($(#[$attribute:meta])* $test:ident: $name:literal,)*) => {
        $(#[test] $(#[$attribute])* fn $test() { check($name); })*

        /// All of them, whatever the system.
        const PROGRAMS: &[&str] = &[$($name),*];
    };
}

programs! {
    calls: "calls",
    #[cfg_attr(not(target_os = "linux"), ignore = "about names that illumos has")]
    own_types: "own_types",
    #[cfg_attr(not(target_os = "linux"), ignore = "about names that illumos has")]
    own_names: "own_names",
    #[cfg_attr(not(target_os = "linux"), ignore = "about what Linux has beyond illumos")]
    linux: "linux",
    illumos_asynchronous_io: "illumos/async_io",
    illumos_thread_pool: "illumos/thread_pool",
    illumos_timers: "illumos/timers",
    illumos_files: "illumos/watch_files",
    manual_port_alert: "manual/port_alert",
    manual_port_associate_aio: "manual/port_associate_aio",
    manual_port_associate_fifos: "manual/port_associate_fifos",
    manual_port_associate_file: "manual/port_associate_file",
    manual_port_create: "manual/port_create",
    manual_port_get: "manual/port_get",
    manual_port_getn: "manual/port_getn",
    manual_port_send: "manual/port_send",
    misuse_fork_without_a_port: "misuse/fork_without_a_port",
    misuse_numbers_that_are_no_port: "misuse/numbers",
    misuse_pointers_that_cannot_be_right: "misuse/pointers",
    misuse_a_number_that_becomes_other_things: "misuse/reused_number",
    misuse_a_storm: "misuse/storm",
    exec_with_a_thread_that_waits: "patterns/exec",
    threads_that_are_cancelled: "patterns/cancelled_threads",
    descriptors_closed_without_dissociating_them: "patterns/closed_descriptors",
    asking_for_the_count_and_then_fetching_as_many: "patterns/count_then_fetch",
    duplicated_descriptors: "patterns/duplicates",
    fork_and_a_new_port_in_the_child: "patterns/fork",
    cookies_with_a_generation: "patterns/generations",
    batches_into_a_list_that_grows: "patterns/growing_batch",
    rearming_in_the_next_turn_of_the_loop: "patterns/rearm_each_turn",
    sentinels_and_interruptions: "patterns/sentinels",
    threads_that_wait_and_threads_that_add: "patterns/threads",
}

/// The C files below a directory, as they are named above.
fn sources(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("tests/c").join(directory)).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let name = |path: PathBuf| path.file_stem().expect("it has a name").to_string_lossy().into_owned();
    sources.map(|path| Path::new(directory).join(name(path)).to_string_lossy().into_owned()).collect()
}

/// It is in the readme as well, as what programs in C look like.
#[test]
fn the_documented_program_says_what_comes_from_four_sources() {
    let read = |file: &str| fs::read_to_string(root().join(file)).expect("it is there");
    assert!(read("README.md").contains(&format!("```c\n{}```\n", read("tests/c/sources.c"))), "both say the same");
    if !ready("the_documented_program_says_what_comes_from_four_sources") {
        return;
    }
    let directory = TempDir::new();
    let output = run(Command::new(compile("sources", &Library::Static)).current_dir(directory.path()));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("it is ASCII");
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, read("tests/c/sources.expected").lines().collect::<Vec<_>>());
}

#[test]
fn every_program_is_run() {
    let here: BTreeSet<_> = PROGRAMS.iter().map(ToString::to_string).collect();
    let mut there = BTreeSet::new();
    for directory in ["", "illumos", "manual", "misuse", "patterns"] {
        there.append(&mut sources(directory));
    }
    // Programs to talk to, which other tests do.
    assert!(there.remove("sources"));
    assert!(there.remove("fifos") && there.remove("aio_read"));
    assert_eq!(here, there);
}

#[test]
fn a_program_reads_a_file_asynchronously() {
    if !ready("a_program_reads_a_file_asynchronously") {
        return;
    }
    let program = compile("aio_read", &Library::Static);
    let directory = TempDir::new();
    directory.file("file", b"0123456789");
    let aio_read = |arguments: &[&str]| {
        let Output { status, stdout, stderr } =
            run(Command::new(&program).args(arguments).current_dir(directory.path()));
        (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
    };
    let read = |text: &str| (Some(0), text.to_owned(), String::new());
    assert_eq!(aio_read(&["file"]), read("0123456789"));
    assert_eq!(aio_read(&["file", "4"]), read("0123"));
    assert_eq!(aio_read(&["file", "0"]), read(""));
    let failed = |text: &str| (Some(1), String::new(), format!("aio_read: {text}\n"));
    assert_eq!(aio_read(&["missing"]), failed("missing: No such file or directory"));
    assert_eq!(aio_read(&["."]), failed(".: Is a directory"));
    for arguments in [&[][..], &["file", "many"], &["file", "-1"], &["file", "1", "2"]] {
        let usage = "usage: aio_read FILE [BYTES]\n".to_owned();
        assert_eq!(aio_read(arguments), (Some(2), String::new(), usage), "{arguments:?}");
    }
}

/// The functions that a header declares.
#[cfg(target_os = "linux")]
fn declared(header: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(build().join("include/event-ports").join(header)).expect("it is installed");
    let declarations = text.lines().filter_map(|line| line.split_once(' ')?.1.split_once('('));
    declarations.map(|(name, _)| name).filter(|name| name.starts_with("port_")).map(str::to_owned).collect()
}

/// The functions, and whatever else, that a library defines for others.
#[cfg(target_os = "linux")]
fn exported(library: &str, options: &[&str]) -> BTreeSet<String> {
    let output =
        run(Command::new("nm").args(["--defined-only", "--format=posix"]).args(options).arg(build().join(library)));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("names are ASCII");
    let symbols = text.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|words| words.len() > 1);
    // The first line names a member of the archive. A is the version itself.
    symbols.filter(|words| words[1] != "A").map(|words| words[0].to_owned()).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn the_libraries_export_what_the_headers_declare_and_nothing_else() {
    if !ready("the_libraries_export_what_the_headers_declare_and_nothing_else") {
        return;
    }
    let mut declared_names = declared("port.h");
    assert_eq!(declared_names.len(), 8, "as many calls as illumos has: {declared_names:?}");
    declared_names.append(&mut declared("port_linux.h"));
    assert_eq!(exported("lib/libevent-ports.a", &["--extern-only"]), declared_names);
    let versioned = declared_names.iter().map(|name| format!("{name}@@EVENT_PORTS_0.1")).collect();
    assert_eq!(exported("lib/libevent-ports.so", &["--dynamic", "--with-symbol-versions"]), versioned);
}

#[test]
#[cfg(target_os = "linux")]
fn the_shared_library_can_be_loaded_and_unloaded() {
    if !ready("the_shared_library_can_be_loaded_and_unloaded") {
        return;
    }
    let program = compile("shared/reload", &Library::None);
    quietly(Command::new(program).env("LD_LIBRARY_PATH", build().join("lib")));
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_with_the_shared_library_finds_it_by_its_soname() {
    if !ready("a_program_with_the_shared_library_finds_it_by_its_soname") {
        return;
    }
    let program = compile("calls", &Library::Shared);
    let directory = TempDir::new();
    fs::copy(build().join("lib/libevent-ports.so.0"), directory.path().join("libevent-ports.so.0"))
        .expect("it is there");
    quietly(Command::new(program).env("LD_LIBRARY_PATH", directory.path()).current_dir(directory.path()));
}
