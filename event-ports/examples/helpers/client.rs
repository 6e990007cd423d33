//! One client of the echo server: a socket, and what is still to be sent back.

use event_ports::PollEvents;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};

/// How much is read from a client before it is sent back.
const BUFFER: usize = 16 * 1024;

/// How often a client is read from before others get their turn.
const MOST_READS: usize = 16;

/// A client and its unsent echo.
pub(crate) struct Client {
    socket: TcpStream,
    buffer: Box<[u8]>,
    /// The part of the buffer that is to be sent. While there is any, nothing is read.
    unsent: Range<usize>,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    /// Everything is sent back.
    Echoing,
    /// What is unsent is sent; what else comes is thrown away.
    Leaving,
    /// All was sent and the client knows that no more will come.
    Left,
}

/// How a client's turn ended.
pub(crate) enum Turn {
    /// It goes on when the socket is ready for this.
    Waits(PollEvents),
    /// There is nothing to do for this client any more.
    IsDone,
}

impl Client {
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Small answers go out at once. A client that has already gone may refuse that, which its first turn will show.
        let _ = socket.set_nodelay(true);
        Ok(Self { socket, buffer: vec![0; BUFFER].into(), unsent: 0..0, stage: Stage::Echoing })
    }

    /// Reads and writes until the socket is not ready, or the turn has been long enough. Adds to `echoed` what was sent.
    pub(crate) fn turn(&mut self, echoed: &mut u64) -> io::Result<Turn> {
        for _ in 0..MOST_READS {
            self.write(echoed)?;
            if !self.unsent.is_empty() {
                break;
            }
            match self.socket.read(&mut self.buffer) {
                // It has said all it wanted to say, and got it back.
                Ok(0) => return Ok(Turn::IsDone),
                Ok(length) if self.stage == Stage::Echoing => self.unsent = 0..length,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Waits(if self.unsent.is_empty() { PollEvents::IN } else { PollEvents::OUT }))
    }

    /// Sends what is unsent, as much of it as can be sent now.
    fn write(&mut self, echoed: &mut u64) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.buffer[self.unsent.clone()]) {
                Ok(length) => {
                    self.unsent.start += length;
                    *echoed += length as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.stage == Stage::Leaving {
            self.socket.shutdown(Shutdown::Write)?;
            self.stage = Stage::Left;
        }
        Ok(())
    }

    /// From the next turn on nothing new is sent back. The client is done when it closes its side: to close ours while it
    /// still sends would reset the connection, and it might lose what is on its way.
    pub(crate) fn say_farewell(&mut self) {
        self.stage = Stage::Leaving;
    }
}

impl AsRawFd for Client {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
