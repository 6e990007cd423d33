//! Prints what another thread writes to a socket.

use event_ports::{Event, EventPort, Events, PollEvents};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

// Cookies: what an event is about, in the program's own terms.
const SOCKET: usize = 1;
const COUNT: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let port = EventPort::new()?;

    // "Tell me once when there is something to read, and say SOCKET."
    let (mut socket, mut other_end) = UnixStream::pair()?;
    socket.set_nonblocking(true)?;
    port.associate_fd(&socket, PollEvents::IN, SOCKET)?;

    // A clone is another handle of the same port. Any thread may use it.
    let sender = port.clone();
    let writer = thread::spawn(move || -> io::Result<()> {
        let lines = ["one\n", "two\n", "three\n"];
        sender.send(lines.len() as i32, COUNT)?;
        for line in lines {
            other_end.write_all(line.as_bytes())?;
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    });

    let mut events = Events::with_capacity(16); // allocated once, filled again and again
    'waiting: loop {
        port.get_into(&mut events, None)?; // sleeps until there is at least one
        for event in &events {
            match (event.user, event.view()) {
                (COUNT, Event::User { events: count }) => println!("{count} lines will come"),
                (SOCKET, Event::Fd { .. }) => {
                    let mut text = [0; 64];
                    match socket.read(&mut text) {
                        Ok(0) => break 'waiting,
                        Ok(length) => print!("{}", String::from_utf8_lossy(&text[..length])),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error.into()),
                    }
                    // The event has ended the association. Ask for the next one.
                    port.associate_fd(&socket, PollEvents::IN, SOCKET)?;
                }
                (_, other) => println!("unexpected: {other:?}"),
            }
        }
    }
    println!("that was all");
    writer.join().expect("the thread does not panic")?;
    Ok(())
}
