//! Where the threads of a hung case are.

use std::fmt::Write as _;
use std::process::Command;

/// Describes every thread of every process in a process group.
pub(crate) fn of_group(leader: u32) -> String {
    let mut text = String::new();
    for pid in members(leader) {
        let _ = writeln!(text, "process {pid}:");
        text.push_str(&of_process(pid));
    }
    text
}

#[cfg(target_os = "linux")]
fn members(leader: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![leader] };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|&pid| group_of(pid) == Some(leader)).collect()
}

/// The fifth field of `/proc/PID/stat`; the second, a name in parentheses, may hold spaces.
#[cfg(target_os = "linux")]
fn group_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn members(leader: u32) -> Vec<u32> {
    vec![leader]
}

/// What the kernel says of each thread, and the debugger's stacks where there is one.
#[cfg(target_os = "linux")]
fn of_process(pid: u32) -> String {
    let mut text = String::new();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let read =
            |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_else(|error| error.to_string());
        let _ = writeln!(
            text,
            "  thread {} {}: wchan {}, syscall {}",
            task.file_name().to_string_lossy(),
            read("comm").trim(),
            read("wchan").trim(),
            read("syscall").trim()
        );
        for line in read("stack").lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text + &output_of("gdb", &["-p", &pid.to_string(), "-batch", "-nx", "-ex", "thread apply all bt"])
}

#[cfg(not(target_os = "linux"))]
fn of_process(pid: u32) -> String {
    output_of("pstack", &[&pid.to_string()])
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => format!("  ({program}: {error})\n"),
    }
}
