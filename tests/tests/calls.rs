//! The eight calls as such: their names and shapes, and what they check first (SYS).

use event_ports_tests::prelude::*;
use libc::{c_uint, c_void, timespec as Timespec};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use sys::port_event_t;

/// A number that no test opens.
const CLOSED: RawFd = 999;

/// Every call that takes a port, with arguments that are wrong in every other way too.
fn refusals(port: &impl AsRawFd) -> [(&'static str, Result<(), Errno>); 8] {
    [
        ("port_associate", associate(port, 99, usize::MAX, -1, 0)),
        ("port_associate of a descriptor", associate_fd(port, &CLOSED, POLLIN, 0)),
        ("port_dissociate", dissociate(port, 99, usize::MAX)),
        ("port_send", send(port, 1, 0)),
        ("port_get", get(port, Some(timespec(-1, -1))).map(drop)),
        ("port_getn", getn(port, 1, 1, Some(timespec(-1, -1))).result),
        ("port_getn as a query", getn(port, 0, 0, None).result),
        ("port_alert", alert(port, PORT_ALERT_SET | PORT_ALERT_UPDATE, 1, 0)),
    ]
}

#[test]
fn sys_01_and_02_the_eight_calls_have_their_names_and_shapes() {
    case(|| {
        let _: unsafe extern "C" fn() -> c_int = sys::port_create;
        let _: unsafe extern "C" fn(c_int, c_int, usize, c_int, *mut c_void) -> c_int = sys::port_associate;
        let _: unsafe extern "C" fn(c_int, c_int, usize) -> c_int = sys::port_dissociate;
        let _: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int = sys::port_send;
        let _: unsafe extern "C" fn(*mut c_int, *mut c_int, c_uint, c_int, *mut c_void) -> c_int = sys::port_sendn;
        let _: unsafe extern "C" fn(c_int, *mut port_event_t, *mut Timespec) -> c_int = sys::port_get;
        let _: unsafe extern "C" fn(c_int, *mut port_event_t, c_uint, *mut c_uint, *mut Timespec) -> c_int =
            sys::port_getn;
        let _: unsafe extern "C" fn(c_int, c_int, c_int, *mut c_void) -> c_int = sys::port_alert;
        // SAFETY: no arguments.
        let port = unsafe { sys::port_create() };
        assert!(port >= 0, "port_create is there: {:?}", last_errno());
        // SAFETY: the number is new and owned by nobody else.
        close(unsafe { OwnedFd::from_raw_fd(port) });
    });
}

/// SYS-5.
#[test]
fn v_31_a_closed_number_is_ebadf_and_a_pipe_is_ebadfd_to_every_call() {
    case(|| {
        let pipe = Pipe::new();
        for (call, result) in refusals(&CLOSED) {
            assert_eq!(result, Err(EBADF), "{call} on a closed number");
        }
        for (call, result) in refusals(&-1) {
            assert_eq!(result, Err(EBADF), "{call} on -1");
        }
        for (call, result) in refusals(&pipe.read) {
            assert_eq!(result, Err(EBADFD), "{call} on a pipe");
        }
    });
}

#[test]
fn sys_05_other_kinds_of_files_are_not_ports() {
    case(|| {
        let directory = TempDir::new();
        let file = std::fs::File::open(directory.file("file", b"content")).expect("the file opens");
        let folder = std::fs::File::open(directory.path()).expect("the directory opens");
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
        let null = std::fs::File::open("/dev/null").expect("/dev/null opens");
        for (call, result) in refusals(&file) {
            assert_eq!(result, Err(EBADFD), "{call} on a regular file");
        }
        for (call, result) in refusals(&folder) {
            assert_eq!(result, Err(EBADFD), "{call} on a directory");
        }
        for (call, result) in refusals(&socket) {
            assert_eq!(result, Err(EBADFD), "{call} on a socket");
        }
        for (call, result) in refusals(&null) {
            assert_eq!(result, Err(EBADFD), "{call} on a device");
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn sys_05_an_epoll_instance_of_the_program_is_not_a_port() {
    case(|| {
        // SAFETY: no pointers; what it returns is new.
        let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(0)) };
        let _port = port();
        for (call, result) in refusals(&epoll) {
            assert_eq!(result, Err(EBADFD), "{call} on an epoll instance");
        }
    });
}

#[test]
fn v_30_only_descriptors_and_files_can_be_associated() {
    case(|| {
        let port = port();
        let pipe = Pipe::new();
        let fd = pipe.read.as_raw_fd() as usize;
        for source in [PORT_SOURCE_USER, sys::PORT_SOURCE_AIO, sys::PORT_SOURCE_TIMER, PORT_SOURCE_ALERT, 0, -1, 99] {
            assert_eq!(associate(&port, source, fd, POLLIN, 0), Err(EINVAL), "associate with source {source}");
            assert_eq!(dissociate(&port, source, fd), Err(EINVAL), "dissociate with source {source}");
        }
    });
}

#[test]
fn sys_06_a_null_nget_is_einval() {
    case(|| {
        let port = port();
        assert_eq!(send(&port, 1, 0), Ok(()));
        let mut event = std::mem::MaybeUninit::<port_event_t>::uninit();
        let mut zero = timespec(0, 0);
        for number in [port.as_raw_fd(), CLOSED] {
            // SAFETY: there is room for one event; a null count is the case.
            let returned = unsafe { sys::port_getn(number, event.as_mut_ptr(), 1, null_mut(), &raw mut zero) };
            assert_eq!((returned, last_errno()), (-1, EINVAL), "descriptor {number}");
        }
        assert_eq!(pending(&port), 1, "nothing was taken");
    });
}

/// Shared with the handlers, which cannot be closures.
static PORT: AtomicI32 = AtomicI32::new(-1);
static SENT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn send_from_handler(_signal: c_int) {
    // The interrupted code must find its errno as it was.
    let errno = last_errno();
    if send(&PORT.load(Ordering::Relaxed), 1, 0) == Ok(()) {
        SENT.fetch_add(1, Ordering::Relaxed);
    }
    set_errno(errno);
}

#[test]
fn sys_07_a_signal_handler_may_send_whatever_call_it_interrupts() {
    case(|| {
        const CALLS: usize = 4_000;
        let port = port();
        let pipe = Pipe::ready();
        PORT.store(port.as_raw_fd(), Ordering::Relaxed);
        on_signal(libc::SIGUSR1, send_from_handler, libc::SA_RESTART);
        let storm = signal_storm(libc::SIGUSR1);
        let mut own = 0;
        let (mut got, mut descriptors) = (0, 0);
        for _ in 0..CALLS {
            match send(&port, 2, 0) {
                Ok(()) => own += 1,
                // The handler can be faster than this loop.
                full => assert_eq!((full, pending(&port) > 65_000), (Err(EAGAIN), true), "only a full port refuses"),
            }
            assert_eq!(associate_fd(&port, &pipe.read, POLLIN, 0), Ok(()));
            for event in getn(&port, 64, 1, POLL).events {
                got += usize::from(event.source == PORT_SOURCE_USER);
                descriptors += usize::from(event.source == PORT_SOURCE_FD);
            }
        }
        drop(storm);
        loop {
            let events = getn(&port, 64, 1, POLL).events;
            if events.is_empty() {
                break;
            }
            got += events.iter().filter(|event| event.source == PORT_SOURCE_USER).count();
            descriptors += events.iter().filter(|event| event.source == PORT_SOURCE_FD).count();
        }
        assert_eq!(got, own + SENT.load(Ordering::Relaxed), "every event arrives once");
        assert!(SENT.load(Ordering::Relaxed) > 0, "the handler ran");
        assert!(descriptors > 0 && descriptors <= CALLS, "one event per association at most: {descriptors}");
    });
}

#[test]
fn v_58_a_signal_interrupts_port_get_despite_sa_restart() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, libc::SA_RESTART);
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || get(&number, None));
        signal_thread(waiter.thread(), libc::SIGUSR1);
        assert_eq!(waiter.join(), Err(EINTR));
        assert_eq!(send(&port, 1, 0), Ok(()));
        assert_eq!(drain(&port), [Event::user(1, 0)], "the port goes on working");
    });
}

#[test]
fn sys_07_a_signal_interrupts_port_getn_despite_sa_restart() {
    case(|| {
        on_signal(libc::SIGUSR1, interrupt, libc::SA_RESTART);
        let port = port();
        let number = port.as_raw_fd();
        let waiter = blocked(move || getn(&number, 4, 2, ms(60_000)));
        signal_thread(waiter.thread(), libc::SIGUSR1);
        assert_eq!(waiter.join(), Got::failed(EINTR, 2));
    });
}
