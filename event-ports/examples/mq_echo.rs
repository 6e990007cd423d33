//! Answers the messages of one queue on another, woken by a port.
//!
//! `cargo run --example mq_echo -- serve /requests /replies`, and from another terminal
//! `cargo run --example mq_echo -- ask /requests /replies hello`.
//!
//! The server shows how a queue is emptied without missing a message: it asks to be told again *before* it receives what
//! there is. A message that comes meanwhile is either received with the others, or comes to an empty queue and brings an
//! event.

#[path = "helpers/cli.rs"]
mod cli;
#[path = "helpers/signals.rs"]
mod signals;

use cli::Stop;
use event_ports::{Event, EventPort, MessageQueue};
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
usage: mq_echo serve|ask REQUESTS REPLIES [MESSAGE...]

`serve` makes both queues, answers on REPLIES what comes on REQUESTS, and takes both away when SIGINT, SIGTERM or the
message `quit` ends it. `ask` sends messages, one at a time, and prints the answers. The name of a queue begins with a
slash and has no other.
";

/// The longest message, and how many a queue holds.
const SIZE: usize = 256;
const MESSAGES: usize = 8;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

const ARRIVED: usize = 1;
const STOP: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let misuse = |what: &str| Err(Stop::Misuse(what.into()));
    let result = match words[..] {
        ["--help" | "-h", ..] => Err(Stop::Help),
        ["serve", requests, replies] => serve(requests, replies),
        ["serve", ..] => misuse("serve needs the names of two queues"),
        ["ask", requests, replies, ref messages @ ..] if !messages.is_empty() => ask(requests, replies, messages),
        ["ask", ..] => misuse("ask needs the names of two queues, and messages"),
        _ => misuse("serve or ask?"),
    };
    cli::exit(HELP, result)
}

/// A queue of our own making, whose name is taken away in the end.
struct Made<'a> {
    queue: MessageQueue,
    name: &'a str,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        // Somebody may have done it.
        let _ = MessageQueue::unlink(self.name);
    }
}

fn serve(requests: &str, replies: &str) -> Result<ExitCode, Stop> {
    let port = EventPort::new()?;
    signals::wake_on_termination(port.waker(0, STOP)).map_err(|error| Stop::failure("signals", &error))?;

    // Not to wait in a call on a queue: to wait is what the port is for.
    let options = MessageQueue::options().create_new(true).nonblocking(true).max_messages(MESSAGES).message_size(SIZE);
    let input = Made { queue: options.write(false).open(requests)?, name: requests };
    let output = Made { queue: options.read(false).open(replies)?, name: replies };
    input.queue.notify(&port, ARRIVED)?;
    println!("answering on {replies} what comes on {requests}");
    loop {
        let event = port.get(None)?;
        match event.view() {
            Event::Mq { queue } if queue == input.queue.id() => {
                input.queue.notify(&port, ARRIVED)?;
                if !answer(&input.queue, &output.queue)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            _ if event.user == STOP => return Ok(ExitCode::SUCCESS),
            other => cli::complain(format_args!("an event that nobody asked for: {other:?}")),
        }
    }
}

/// Answers all there is. `false` once a message says that there will be no more.
fn answer(input: &MessageQueue, output: &MessageQueue) -> Result<bool, Stop> {
    let mut message = [0; SIZE];
    loop {
        let (len, priority) = match input.receive(&mut message) {
            Err(error) if error.is_would_block() => return Ok(true),
            received => received?,
        };
        match output.send(&message[..len], priority) {
            // Whoever asks and does not listen gets no answer, and keeps nobody from getting one.
            Err(error) if error.is_would_block() => cli::complain("an answer is dropped: nobody takes the others"),
            sent => sent?,
        }
        if &message[..len] == b"quit" {
            return Ok(false);
        }
    }
}

fn ask(requests: &str, replies: &str, messages: &[&str]) -> Result<ExitCode, Stop> {
    let output = MessageQueue::options().read(false).open(requests)?;
    let input = MessageQueue::options().write(false).nonblocking(true).open(replies)?;
    let port = EventPort::new()?;
    for message in messages {
        input.notify(&port, ARRIVED)?;
        output.send(message.as_bytes(), 0)?;
        let mut answer = [0; SIZE];
        let (len, _) = loop {
            match input.receive(&mut answer) {
                // Not there yet. The event says when.
                Err(error) if error.is_would_block() => drop(port.get(Some(PATIENCE))?),
                received => break received?,
            }
        };
        // It may have been there before anybody had to be told.
        input.cancel_notify();
        let mut out = io::stdout().lock();
        let printed = out.write_all(&answer[..len]).and_then(|()| out.write_all(b"\n"));
        printed.map_err(|error| Stop::failure("standard output", &error))?;
    }
    Ok(ExitCode::SUCCESS)
}
