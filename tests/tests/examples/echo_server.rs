use crate::program::{End, PATIENCE, Program, example};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

struct Server {
    program: Program,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        Self::from(Command::new(example("echo_server")).arg("127.0.0.1:0"))
    }

    fn from(command: &mut Command) -> Self {
        let mut program = Program::start(command);
        let line = program.line();
        let address = line.strip_prefix("listening on ").expect("it says where it listens");
        Self { address: address.parse().expect("that is an address"), program }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("the server accepts");
        client.set_read_timeout(Some(PATIENCE)).expect("any time will do");
        client.set_write_timeout(Some(PATIENCE)).expect("any time will do");
        client
    }

    fn stop(self, signal: libc::c_int) -> End {
        self.program.signal(signal);
        self.program.end()
    }

    /// Stops it, when all has gone well and there are no clients any more. Returns how many turns the clients had.
    fn stop_in_peace(self, clients: usize, bytes: usize) -> usize {
        let end = self.stop(libc::SIGTERM);
        assert_eq!((end.code(), end.stderr.as_str()), (0, ""), "{end:?}");
        let (counted, turns) = counts(&end.stdout);
        assert_eq!(counted, (clients, bytes));
        turns
    }
}

/// The numbers of clients and bytes, and that of turns, in what the server says in the end.
fn counts(line: &str) -> ((usize, usize), usize) {
    let numbers: Vec<_> = line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let [clients, turns, bytes] = numbers[..] else { panic!("not what the server says: {line:?}") };
    assert_eq!(line.trim_end(), format!("stopped after {clients} clients, {turns} turns and {bytes} bytes"));
    ((clients, bytes), turns)
}

/// Some of an endless text without short periods.
fn text(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * at + seed * 31 + at / 251) % 253) as u8).collect()
}

/// Sends all of it, and expects it back.
fn exchange(client: &mut TcpStream, bytes: &[u8]) {
    client.write_all(bytes).expect("the server reads");
    let mut echo = vec![0; bytes.len()];
    client.read_exact(&mut echo).expect("the server writes");
    assert!(echo == bytes, "the echo is not what was sent");
}

/// Closes the client's side, after which the server closes its own.
fn take_leave(mut client: TcpStream) {
    client.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(client.read(&mut [0]).expect("the server answers"), 0, "there is more");
}

/// Closes the connection in the rudest way: the server learns of it by an error.
fn reset(client: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    let address = (&raw const linger).cast();
    // SAFETY: `address` is that of a structure of `size` bytes.
    let done = unsafe { libc::setsockopt(client.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, address, size) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_hundred_clients_at_once() {
    let server = Server::start();
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    // All are open in every round, and each piece is on its way while the others are.
    for round in 0..10 {
        let piece = |client| text(client * 10 + round, 5000 + 10 * client);
        for (at, client) in clients.iter_mut().enumerate() {
            client.write_all(&piece(at)).expect("the server reads");
        }
        for (at, client) in clients.iter_mut().enumerate() {
            let mut echo = vec![0; piece(at).len()];
            client.read_exact(&mut echo).expect("the server writes");
            assert!(echo == piece(at), "client {at} got what it has not sent");
        }
    }
    clients.into_iter().for_each(take_leave);
    server.stop_in_peace(100, 10 * (0..100).map(|at| 5000 + 10 * at).sum::<usize>());
}

#[test]
fn clients_that_come_one_by_one_and_leave_take_each_others_place() {
    let server = Server::start();
    for round in 0..200 {
        let mut client = server.connect();
        exchange(&mut client, &text(round, 10));
        take_leave(client);
    }
    server.stop_in_peace(200, 2000);
}

/// Sends until the server takes no more, and returns how many bytes it has taken.
fn fill(client: &mut TcpStream, text: &[u8]) -> usize {
    // Longer than the server, or the system, needs to move data on if it is going to.
    const STANDSTILL: libc::c_int = 500;
    client.set_nonblocking(true).expect("it is a socket");
    let mut sent = 0;
    loop {
        match client.write(&text[sent % text.len()..]) {
            Ok(length) => sent += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                let mut ready = libc::pollfd { fd: client.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
                // SAFETY: it is told of the one entry that there is.
                match unsafe { libc::poll(&raw mut ready, 1, STANDSTILL) } {
                    0 => break,
                    1 => {}
                    _ => panic!("{}", io::Error::last_os_error()),
                }
            }
        }
        assert!(sent < 256 << 20, "the server keeps what its client does not take");
    }
    client.set_nonblocking(false).expect("it is a socket");
    sent
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_loses_nothing() {
    let server = Server::start();
    let text = text(1, 100_003);
    let mut client = server.connect();
    let sent = fill(&mut client, &text);

    // It is in nobody's way.
    let mut other = server.connect();
    exchange(&mut other, b"hello");
    take_leave(other);

    let mut echo = vec![0; text.len()];
    let mut left = sent;
    while left > 0 {
        let piece = left.min(text.len());
        client.read_exact(&mut echo[..piece]).expect("the server writes");
        assert!(echo[..piece] == text[..piece], "the echo is not what was sent");
        left -= piece;
    }
    take_leave(client);
    let turns = server.stop_in_peace(2, sent + 5);
    assert!(turns < sent / 256, "{turns} turns for {sent} bytes: the server does not wait until it can write");
}

#[test]
fn clients_that_vanish_in_the_middle_are_forgotten() {
    let server = Server::start();
    let text = text(2, 100_003);
    for round in 0..3 {
        // While the server waits for room to write.
        let mut client = server.connect();
        fill(&mut client, &text);
        reset(client);
        // While it waits for something to read.
        let mut client = server.connect();
        exchange(&mut client, b"hello");
        reset(client);
        // Before it has seen them.
        for _ in 0..20 {
            reset(server.connect());
        }
        let mut client = server.connect();
        exchange(&mut client, &text[round..]);
        take_leave(client);
    }
    // Those that went before they were accepted may count as clients or not.
    let end = server.stop(libc::SIGTERM);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""), "{end:?}");
}

#[test]
fn a_signal_stops_it_and_the_clients_get_what_is_theirs() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut server = Server::start();
        let mut idle = server.connect();
        let mut client = server.connect();
        client.write_all(b"hello").expect("the server reads");
        // With the first byte back the server has them all.
        client.read_exact(&mut [0]).expect("the server writes");
        server.program.signal(signal);

        let mut rest = String::new();
        client.read_to_string(&mut rest).expect("the connection ends in order");
        assert_eq!(rest, "ello");
        assert_eq!(idle.read(&mut [0]).expect("the connection ends in order"), 0);
        // What comes now is not sent back any more, nor does it break the connection: the second write would tell.
        for _ in 0..2 {
            client.write_all(b"too late").expect("the server still reads");
        }
        drop((client, idle));
        assert_eq!(counts(&server.program.line()).0, (2, 5));
        let refused = TcpStream::connect(server.address).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let end = server.program.end();
        assert_eq!((end.code(), end.stderr.as_str()), (0, ""), "{end:?}");
    }
}

#[test]
fn a_client_that_is_behind_gets_what_was_read_from_it() {
    let mut server = Server::start();
    let text = text(3, 100_003);
    let mut client = server.connect();
    let sent = fill(&mut client, &text);
    server.program.signal(libc::SIGINT);
    let mut echo = Vec::new();
    client.read_to_end(&mut echo).expect("the connection ends in order, though not all was read");
    assert!(!echo.is_empty() && echo.len() <= sent);
    assert!(echo.chunks(text.len()).all(|piece| text.starts_with(piece)), "the echo is not what was sent");
    drop(client);
    assert_eq!(counts(&server.program.line()).0, (1, echo.len()));
    let end = server.program.end();
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""), "{end:?}");
}

#[test]
fn a_client_that_stays_does_not_keep_it_from_stopping() {
    let server = Server::start();
    let mut client = server.connect();
    exchange(&mut client, b"hello");
    let end = server.stop(libc::SIGINT);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""), "{end:?}");
    assert_eq!(client.read(&mut [0]).expect("the connection ends in order"), 0);
}

#[test]
fn without_descriptors_it_lets_clients_wait_and_says_so_once_a_crowd() {
    let mut shell = Command::new("sh");
    let server = Server::from(shell.args(["-c", r#"ulimit -n 16; exec "$0" 127.0.0.1:0"#]).arg(example("echo_server")));
    for _ in 0..2 {
        let clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        // Whoever leaves makes room for the next one. That they are served in the order in which they came is the
        // system's doing.
        for (at, mut client) in clients.into_iter().enumerate() {
            exchange(&mut client, &text(at, 20));
            take_leave(client);
        }
        // Nobody waits behind this one.
        let mut client = server.connect();
        exchange(&mut client, b"hello");
        take_leave(client);
    }
    let end = server.stop(libc::SIGTERM);
    assert_eq!((end.code(), counts(&end.stdout).0), (0, (122, 2410)), "{end:?}");
    let complaints: Vec<_> = end.stderr.lines().collect();
    let complains = |line: &&str| line.starts_with("echo_server: no room beside ");
    assert!(complaints.len() == 2 && complaints.iter().all(complains), "{complaints:?}");
}

fn run(arguments: &[&str]) -> End {
    Program::start(Command::new(example("echo_server")).args(arguments)).end()
}

#[test]
fn bad_arguments_get_a_usage_line_and_status_2() {
    for arguments in [&["nonsense"][..], &["-x"], &["127.0.0.1:99999"], &["127.0.0.1"], &["127.0.0.1:0", "more"]] {
        let end = run(arguments);
        assert_eq!((end.code(), end.stdout.as_str()), (2, ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("\nusage: echo_server [ADDRESS:PORT]\n"), "{arguments:?}: {end:?}");
    }
}

#[test]
fn help_is_no_error() {
    let end = run(&["--help"]);
    assert_eq!((end.code(), end.stderr.as_str()), (0, ""));
    assert!(end.stdout.starts_with("usage: echo_server [ADDRESS:PORT]\n"), "{end:?}");
}

#[test]
fn an_address_in_use_is_named() {
    let server = Server::start();
    let end = run(&[&server.address.to_string()]);
    assert_eq!((end.code(), end.stdout.as_str()), (1, ""), "{end:?}");
    let expected = format!("echo_server: cannot listen on {}: ", server.address);
    assert!(end.stderr.starts_with(&expected) && end.stderr.lines().count() == 1, "{end:?}");
    server.stop_in_peace(0, 0);
}
