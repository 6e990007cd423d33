//! Message queues.
//!
//! The kernel can report the arrival of a message, once, through a netlink socket: the C library uses that for
//! notifications by a thread. It is exactly what a port needs, and a socket can be watched.

use super::{check, raise_fd, uncancelled};
use crate::errno::{Errno, Result};
use core::mem::MaybeUninit;
use core::ptr;
use libc::{c_int, mqd_t, sigevent};

/// What the kernel sends for a notification: bytes of ours, with what has happened in the last one.
pub(crate) const NOTE: usize = 32;

/// The last byte: a message has come.
const ARRIVED: u8 = 1;

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    /// What it was registered with.
    pub(crate) cookie: u64,
    /// A message has come; otherwise it was taken back.
    pub(crate) arrived: bool,
}

/// A socket that can take `count` notes.
pub(crate) fn note_socket(count: usize) -> Result<c_int> {
    /// What the kernel counts for a note, and some more.
    const WEIGHT: usize = 1024;
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes no pointer.
    let socket = check(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) }).map(raise_fd)?;
    let room = (count * WEIGHT) as c_int;
    // SAFETY: `room` outlives the call. The kernel may grant less than asked for, but not less than its default.
    unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const room).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    Ok(socket)
}

/// Registers for one note when a message comes to the empty queue. `EBUSY` if somebody else is registered.
pub(crate) fn register(queue: mqd_t, socket: c_int, cookie: u64) -> Result<()> {
    let mut note = [0_u8; NOTE];
    note[..8].copy_from_slice(&cookie.to_ne_bytes());
    // SAFETY: all zeros is a valid sigevent.
    let mut event: sigevent = unsafe { MaybeUninit::zeroed().assume_init() };
    event.sigev_notify = libc::SIGEV_THREAD;
    event.sigev_signo = socket;
    event.sigev_value.sival_ptr = note.as_mut_ptr().cast();
    // SAFETY: the kernel copies the structure and the bytes it names during the call.
    check(unsafe { libc::syscall(libc::SYS_mq_notify, queue, &raw const event) } as c_int).map(drop)
}

/// Takes this process's registration back, if it has one.
pub(crate) fn unregister(queue: mqd_t) {
    // SAFETY: a null event is allowed. The call fails only if the descriptor is no queue, which has no registration.
    unsafe { libc::syscall(libc::SYS_mq_notify, queue, ptr::null::<sigevent>()) };
}

/// The next note of a socket, without waiting.
pub(crate) fn take_note(socket: c_int) -> Result<Note> {
    let mut note = [0_u8; NOTE];
    loop {
        // SAFETY: the array has room for as many bytes as are asked for.
        let n =
            check(unsafe { uncancelled::recv(socket, note.as_mut_ptr().cast(), NOTE, libc::MSG_DONTWAIT) } as c_int);
        match n {
            Ok(n) if n as usize == NOTE => break,
            // Nobody sends anything else, and if so it is not for us.
            // And that there was no room is told once, ahead of what there is.
            Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => {}
            Err(e) => return Err(e),
        }
    }
    let mut cookie = [0; 8];
    cookie.copy_from_slice(&note[..8]);
    Ok(Note { cookie: u64::from_ne_bytes(cookie), arrived: note[NOTE - 1] == ARRIVED })
}
