//! Running an example: building and finding it, talking to it, and waiting for its end.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// The cargo that runs the tests, or the one that built them, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    command.args(arguments).current_dir(root());
    command
}

/// The path of an example, which is built if need be. `cargo test` has done that, but not for `-p`, and other runners
/// build no examples at all.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<String> = OnceLock::new();
    let messages = BUILT.get_or_init(build_examples);
    let executables = messages.lines().filter_map(|line| line.split_once(r#""executable":""#));
    let mut paths = executables.filter_map(|(_, rest)| rest.split_once('"')).map(|(path, _)| Path::new(path));
    let found = paths.find(|path| path.file_name() == Some(OsStr::new(name)));
    found.unwrap_or_else(|| panic!("no example is called {name}")).to_owned()
}

/// What cargo says when it builds them: one artifact is one line of JSON, which has the path of an executable where there
/// is one.
fn build_examples() -> String {
    let mut command =
        cargo(&["build", "--quiet", "--workspace", "--examples", "--message-format=json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("cargo starts");
    assert!(output.status.success(), "the examples do not build");
    String::from_utf8(output.stdout).expect("JSON is UTF-8")
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl End {
    /// The exit status of a program that no signal has ended.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }
}

/// A running program. It is killed when dropped, and when it takes too long.
pub(crate) struct Program {
    child: Running,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<io::Result<String>>,
    /// Ends the watchdog when dropped.
    watched: Sender<()>,
    watchdog: JoinHandle<()>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        // A group of its own, so that a shell's children can be killed with it.
        let command = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let stderr = child.stderr.take().expect("it is a pipe");
        let child = Arc::new(Mutex::new(child));
        let (watched, ended) = mpsc::channel();
        Self {
            stdin,
            stdout,
            stderr: thread::spawn(move || io::read_to_string(stderr)),
            watched,
            watchdog: thread::spawn({
                let child = child.clone();
                move || {
                    if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                        kill(&child);
                        panic!("the program hangs");
                    }
                }
            }),
            child: Running(child),
        }
    }

    /// The next line on standard output, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("standard output can be read");
        line.strip_suffix('\n').unwrap_or_else(|| panic!("standard output ended: {line:?}")).to_owned()
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        send(&self.child.0.lock().expect("no thread has panicked"), signal).expect("the process is there");
    }

    /// Closes standard input and waits for the end. What [`line`](Self::line) has returned is not repeated.
    pub(crate) fn end(mut self) -> End {
        self.stdin = None;
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("standard output is text");
        let stderr = self.stderr.join().expect("the thread does not panic").expect("standard error is text");
        drop(self.watched);
        self.watchdog.join().unwrap_or_else(|_| panic!("said until then: {stdout}{stderr}"));
        let status = self.child.0.lock().expect("no thread has panicked").wait().expect("it is our child");
        End { status, stdout, stderr }
    }
}

struct Running(Arc<Mutex<Child>>);

impl Drop for Running {
    fn drop(&mut self) {
        kill(&self.0);
    }
}

fn kill(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // Once it was waited for, its number may be another's. Where that cannot be told it is left alone.
    if let Ok(None) = child.try_wait() {
        // It may end just now, which is just as well.
        let _ = send(&child, libc::SIGKILL);
        let _ = child.wait();
    }
}

/// Sends a signal to the program and all that it has started. It was not waited for, so that its number is its own.
fn send(child: &Child, signal: libc::c_int) -> io::Result<()> {
    let group = libc::pid_t::try_from(child.id()).expect("a process's number is a pid_t");
    // SAFETY: takes no pointer.
    if unsafe { libc::kill(-group, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A directory of a test's own, removed when dropped.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        for number in 0.. {
            let name = format!("event-ports-examples-{name}-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // A process of the same number was killed before it could remove its own.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a directory cannot be made: {error}"),
            }
        }
        unreachable!("some number is unused")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is left over, and no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
