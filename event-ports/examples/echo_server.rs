//! A TCP server that sends back what its clients send: one port, one thread, any number of clients.
//!
//! `cargo run --example echo_server`, and from other terminals `nc 127.0.0.1 7777`. Ctrl-C stops it.
//!
//! All that happens comes by the port: connections, data, room for data, and the signal to stop. The rest of the program
//! follows from three properties of ports.
//!
//! - An association brings one event. So each client has exactly one interest at a time, reading or writing, and the
//!   port is told of it anew after each turn. A client that does not take its echo is not read from: that is all there
//!   is to back-pressure.
//! - An association belongs to a descriptor and ends with it. Closing a client needs no other cleaning up; but an event
//!   that was already retrieved may be about a client that is gone, hence the keys of [`Slab`].
//! - Whatever is still ready when it is associated again brings the next event at once, at the end of the queue. So a
//!   turn may be short, and clients with much to say cannot starve the others.

#[path = "helpers/cli.rs"]
mod cli;
#[path = "helpers/client.rs"]
mod client;
#[path = "helpers/signals.rs"]
mod signals;
#[path = "helpers/slab.rs"]
mod slab;

use cli::Stop;
use client::{Client, Turn};
use event_ports::{EventPort, Events, Outcome, PollEvents};
use slab::{Key, Slab};
use std::env;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "\
usage: echo_server [ADDRESS:PORT]

Sends back what its clients send, until it gets SIGINT (Ctrl-C) or SIGTERM. It listens on 127.0.0.1:7777 unless told
otherwise; with port 0 the system chooses one.
";

const DEFAULT_ADDRESS: &str = "127.0.0.1:7777";

/// How many clients are served at once. A port has room for 65,536 associations and events unless its limit was changed.
/// There must always be some left for the event that stops the server.
const MOST_CLIENTS: usize = 50_000;

/// How many connections are accepted before others get their turn.
const MOST_ACCEPTED: usize = 64;

/// How long to wait for room when there is none for another client.
const CROWDED: Duration = Duration::from_millis(500);

/// How long clients have for their last bytes when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    cli::exit(HELP, address().and_then(|address| serve(&address)))
}

/// What the command line asks for.
fn address() -> Result<String, Stop> {
    let mut arguments = env::args_os().skip(1);
    let Some(first) = arguments.next() else { return Ok(DEFAULT_ADDRESS.into()) };
    if first == "--help" || first == "-h" {
        return Err(Stop::Help);
    }
    let misuse = || Stop::Misuse(format!("not an address and a port: {}", first.to_string_lossy()));
    let address = first.to_str().ok_or_else(misuse)?;
    if address.starts_with('-') {
        return Err(Stop::Misuse(format!("unknown option: {address}")));
    }
    if let Some(second) = arguments.next() {
        return Err(Stop::Misuse(format!("one argument too many: {}", second.to_string_lossy())));
    }
    match address.to_socket_addrs() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(misuse()),
        _ => Ok(address.into()),
    }
}

fn serve(address: &str) -> Result<ExitCode, Stop> {
    let cannot_listen = |error: io::Error| Stop::failure(format_args!("cannot listen on {address}"), &error);
    let listener = TcpListener::bind(address).map_err(cannot_listen)?;
    listener.set_nonblocking(true)?;
    let local_address = listener.local_addr()?;

    let port = EventPort::new()?;
    let stop = port.waker(0, Token::Stop.to_cookie());
    signals::wake_on_termination(stop.clone())?;
    let mut server = Server {
        port,
        listener: Some(listener),
        clients: Slab::new(),
        crowded: None,
        complained: false,
        served: 0,
        turns: 0,
        echoed: 0,
    };
    server.listen()?;
    println!("listening on {local_address}");

    // Asked after each retrieval, whatever came: the waker's event serves to end the wait.
    let mut events = Events::with_capacity(256);
    while !stop.take() {
        server.port.get_into(&mut events, server.crowded.as_ref().map(Crowded::left))?;
        server.handle(&events)?;
        server.listen_if_there_may_be_room()?;
    }

    server.begin_to_stop();
    let deadline = Instant::now() + FAREWELL;
    // A second signal ends this, too.
    while server.clients.len() > 0 && !stop.take() {
        let left = deadline.saturating_duration_since(Instant::now());
        if server.port.get_into(&mut events, Some(left))? == Outcome::TimedOut {
            break;
        }
        server.handle(&events)?;
    }
    let Server { served, turns, echoed, .. } = server;
    println!("stopped after {served} clients, {turns} turns and {echoed} bytes");
    Ok(ExitCode::SUCCESS)
}

/// What an event is about, as a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Stop,
    Listener,
    Client(Key),
}

impl Token {
    fn to_cookie(self) -> usize {
        match self {
            Self::Stop => 0,
            Self::Listener => 1,
            Self::Client(key) => key.to_cookie(),
        }
    }

    fn from_cookie(cookie: usize) -> Self {
        match cookie {
            0 => Self::Stop,
            1 => Self::Listener,
            _ => Self::Client(Key::from_cookie(cookie)),
        }
    }
}

/// There was no room for another client.
struct Crowded {
    /// When to look again, since room may also come from outside.
    until: Instant,
    /// How many clients there were.
    clients: usize,
}

impl Crowded {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

struct Server {
    port: EventPort,
    /// None when the server is stopping.
    listener: Option<TcpListener>,
    clients: Slab<Client>,
    /// Set while the listener is not associated.
    crowded: Option<Crowded>,
    /// Standard error has been told of it.
    complained: bool,
    served: u64,
    turns: u64,
    echoed: u64,
}

impl Server {
    fn handle(&mut self, events: &Events) -> Result<(), Stop> {
        for event in events {
            match Token::from_cookie(event.user) {
                Token::Client(key) => self.turn(key),
                Token::Listener => self.accept()?,
                // It has done its work by coming.
                Token::Stop => {}
            }
        }
        Ok(())
    }

    fn listen(&mut self) -> Result<(), Stop> {
        if let Some(listener) = &self.listener {
            self.port.associate_fd(listener.as_raw_fd(), PollEvents::IN, Token::Listener.to_cookie())?;
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), Stop> {
        for _ in 0..MOST_ACCEPTED {
            // The listener's last event may have been retrieved together with the one that stopped the server.
            let Some(listener) = &self.listener else { return Ok(()) };
            if self.clients.len() >= MOST_CLIENTS {
                self.wait_for_room("this is the most the server takes");
                return Ok(());
            }
            match listener.accept().and_then(|(socket, _)| self.admit(socket)) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.complained = false;
                        break;
                    }
                    // That client has gone already. Others may have come.
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    // No descriptor, no memory, no room in the port. The connection keeps waiting, so the listener stays
                    // ready: to associate it now would bring its event at once, and again, and keep a processor busy.
                    _ => {
                        self.wait_for_room(error);
                        return Ok(());
                    }
                },
            }
        }
        self.listen()
    }

    /// Takes a client in. If that fails the client is closed.
    fn admit(&mut self, socket: TcpStream) -> io::Result<()> {
        let client = Client::new(socket)?;
        let fd = client.as_raw_fd();
        let key = self.clients.insert(client);
        if let Err(error) = self.port.associate_fd(fd, PollEvents::IN, Token::Client(key).to_cookie()) {
            self.clients.remove(key);
            return Err(error.into());
        }
        self.served += 1;
        Ok(())
    }

    fn wait_for_room(&mut self, why: impl fmt::Display) {
        // Once, until nobody is waiting any more.
        if !std::mem::replace(&mut self.complained, true) {
            cli::complain(format_args!("no room beside {} clients: {why}", self.clients.len()));
        }
        self.crowded = Some(Crowded { until: Instant::now() + CROWDED, clients: self.clients.len() });
    }

    fn listen_if_there_may_be_room(&mut self) -> Result<(), Stop> {
        match &self.crowded {
            Some(crowded) if self.clients.len() < crowded.clients || crowded.left().is_zero() => {
                self.crowded = None;
                self.listen()
            }
            _ => Ok(()),
        }
    }

    /// Gives a client its turn, and associates it for the next one.
    fn turn(&mut self, key: Key) {
        // None if the client has gone since the event was retrieved.
        let Some(client) = self.clients.get_mut(key) else { return };
        self.turns += 1;
        let goes_on = match client.turn(&mut self.echoed) {
            Ok(Turn::Waits(interest)) => {
                self.port.associate_fd(client.as_raw_fd(), interest, Token::Client(key).to_cookie()).is_ok()
            }
            // A client that dies or resets the connection is no error of the server's.
            Ok(Turn::IsDone) | Err(_) => false,
        };
        if !goes_on {
            self.clients.remove(key);
        }
    }

    /// Lets nobody in any more, and gives the clients what is left for them.
    fn begin_to_stop(&mut self) {
        // Closing the listener ends its association.
        self.listener = None;
        for key in self.clients.keys() {
            if let Some(client) = self.clients.get_mut(key) {
                client.say_farewell();
            }
            // Whatever the client is waiting for, there is something to do for it now. Associating it again replaces the
            // association that it has.
            self.turn(key);
        }
    }
}
