//! What timers and asynchronous reads cost, in time and in memory, many of them at once.
//!
//! `cargo bench -p event-ports --bench asynchronous`; with a word behind `--`, only what has it in its name: `timers`,
//! `requests`.
//!
//! On Linux timers are measured against those of the kernel, which are descriptors or send signals; everywhere, reads
//! against pread(2), and reads that have to wait against read(2) of what is there.
#![allow(missing_docs, reason = "nothing is public")]

#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "parts/runner.rs"]
mod runner;

use event_ports::{AioCompletion, Clock, Event, EventPort, Events, Timer, When};
use runner::{Clock as Measure, Lane, Options, measure};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

const TURN: Duration = Duration::from_millis(5);
const SAFE: &str = "event-ports";

/// How many timers there are. illumos allows a process a few dozen.
const TIMERS: usize = if cfg!(target_os = "linux") { 10_000 } else { 30 };
/// How many requests wait at once.
const REQUESTS: usize = 10_000;
/// How much each reads.
const BLOCK: usize = 4096;

/// Something to measure, which prints what comes of it.
type Section = fn(&Options);

fn main() {
    let Some(options) = Options::from_arguments() else { return };
    println!("{}. Ratios of processor time, the median of rounds (and the middle half).", std::env::consts::OS);
    let sections: [(&str, Section); 2] = [("timers", timers), ("requests", requests)];
    for (name, section) in sections {
        if options.wants(name) {
            section(&options);
        }
    }
}

/// What a process uses of memory and descriptors; nothing where the system does not say.
#[derive(Clone, Copy)]
struct Usage {
    bytes: usize,
    descriptors: usize,
}

impl Usage {
    fn now() -> Self {
        // The second number is the resident set, in pages.
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0);
        let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self { bytes: pages * 4096, descriptors }
    }

    /// Prints what has been added, for each of so many.
    fn print_since(self, what: &str, count: usize) {
        let now = Self::now();
        let bytes = now.bytes.saturating_sub(self.bytes) / count;
        let descriptors = now.descriptors.saturating_sub(self.descriptors);
        if cfg!(target_os = "linux") {
            println!("  {what:50} {bytes} bytes each, {descriptors} descriptors for all {count}");
        }
    }
}

/// Timers of one kind, of which one at a time is to expire at once, and is waited for.
trait Ticker {
    fn expire(&mut self, at: usize);
}

struct Ports {
    port: EventPort,
    timers: Vec<Timer>,
}

impl Ports {
    fn new(count: usize) -> Self {
        let port = EventPort::new().expect("a port");
        let timer = |user| {
            let timer = Timer::new(&port, Clock::Monotonic, user).expect("a timer");
            // Armed, and not due for long.
            timer.once(Duration::from_secs(3600 + user as u64)).expect("set");
            timer
        };
        let timers = (0..count).map(timer).collect();
        Self { port, timers }
    }
}

impl Ticker for Ports {
    fn expire(&mut self, at: usize) {
        self.timers[at].set(When::At(Duration::ZERO), None).expect("set");
        assert_eq!(self.port.get(None).expect("an event").user, at);
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    //! What Linux has by itself.

    use super::Ticker;
    use std::io::{Error, ErrorKind};
    use std::mem::{self, MaybeUninit};
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::ptr;

    const fn at(seconds: i64, nanos: i64) -> libc::itimerspec {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        libc::itimerspec { it_interval: zero, it_value: libc::timespec { tv_sec: seconds, tv_nsec: nanos } }
    }

    fn check(result: libc::c_int) -> libc::c_int {
        assert!(result >= 0, "{}", Error::last_os_error());
        result
    }

    /// Descriptors, in an epoll.
    pub(super) struct TimerFds {
        epoll: OwnedFd,
        timers: Vec<OwnedFd>,
    }

    impl TimerFds {
        pub(super) fn new(count: usize) -> Self {
            // SAFETY: the calls give descriptors that are nobody else's, and keep no pointer.
            unsafe {
                let epoll = OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC)));
                let timer = |cookie| {
                    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
                    let timer = OwnedFd::from_raw_fd(check(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags)));
                    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: cookie as u64 };
                    let fd = timer.as_raw_fd();
                    check(libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event));
                    let setting = at(3600 + cookie as i64, 0);
                    check(libc::timerfd_settime(fd, 0, &raw const setting, ptr::null_mut()));
                    timer
                };
                let timers = (0..count).map(timer).collect();
                Self { epoll, timers }
            }
        }
    }

    impl Ticker for TimerFds {
        fn expire(&mut self, which: usize) {
            let (fd, setting) = (self.timers[which].as_raw_fd(), at(0, 1));
            let mut event = libc::epoll_event { events: 0, u64: 0 };
            let mut expirations = 0_u64;
            // SAFETY: what the calls are given outlives them, and is as large as they are told.
            unsafe {
                check(libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &raw const setting, ptr::null_mut()));
                assert_eq!(libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, -1), 1);
                assert_eq!(libc::read(fd, (&raw mut expirations).cast(), 8), 8);
            }
            assert_eq!((event.u64, expirations), (which as u64, 1));
        }
    }

    /// POSIX timers, whose signals are waited for.
    pub(super) struct Signals {
        timers: Vec<libc::timer_t>,
        signals: libc::sigset_t,
    }

    impl Signals {
        /// `None` if there may not be so many.
        pub(super) fn new(count: usize) -> Option<Self> {
            let mut all = Self { timers: Vec::with_capacity(count), signals: Self::block() };
            for cookie in 0..count {
                // SAFETY: all zeros is a valid sigevent.
                let mut event: libc::sigevent = unsafe { mem::zeroed() };
                event.sigev_notify = libc::SIGEV_SIGNAL;
                event.sigev_signo = libc::SIGRTMIN();
                event.sigev_value.sival_ptr = ptr::without_provenance_mut(cookie);
                let mut timer: libc::timer_t = ptr::null_mut();
                // SAFETY: the pointers are valid for the call.
                if unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) } < 0 {
                    assert_eq!(Error::last_os_error().kind(), ErrorKind::WouldBlock);
                    return None;
                }
                all.timers.push(timer);
                let setting = at(3600 + cookie as i64, 0);
                // SAFETY: the timer was made above, and the pointer is valid for the call.
                check(unsafe { libc::timer_settime(timer, 0, &raw const setting, ptr::null_mut()) });
            }
            Some(all)
        }

        /// Keeps the signal pending, to be waited for.
        fn block() -> libc::sigset_t {
            let mut signals = MaybeUninit::uninit();
            // SAFETY: the set is made by the first call, and the others only use it.
            unsafe {
                check(libc::sigemptyset(signals.as_mut_ptr()));
                check(libc::sigaddset(signals.as_mut_ptr(), libc::SIGRTMIN()));
                assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), ptr::null_mut()), 0);
                signals.assume_init()
            }
        }
    }

    impl Ticker for Signals {
        fn expire(&mut self, which: usize) {
            let setting = at(0, 1);
            // SAFETY: all zeros is a valid siginfo.
            let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
            // SAFETY: the timer lives, and the pointers are valid for the calls.
            let cookie = unsafe {
                let timer = self.timers[which];
                check(libc::timer_settime(timer, libc::TIMER_ABSTIME, &raw const setting, ptr::null_mut()));
                check(libc::sigwaitinfo(&raw const self.signals, &raw mut info));
                info.si_value().sival_ptr.addr()
            };
            assert_eq!(cookie, which);
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            for &timer in &self.timers {
                // SAFETY: the timer was made with this value and is not used again.
                unsafe { libc::timer_delete(timer) };
            }
        }
    }

    /// Lets the process have as many descriptors as it may.
    pub(super) fn raise_limit() -> usize {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the structure outlives the calls.
        unsafe {
            check(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit));
            limit.rlim_cur = limit.rlim_max;
            check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit));
        }
        limit.rlim_cur as usize
    }
}

type Make = Box<dyn Fn(usize) -> Option<Box<dyn Ticker>>>;

fn tickers() -> Vec<(&'static str, Make)> {
    #[cfg(target_os = "linux")]
    let descriptors = kernel::raise_limit();
    vec![
        #[cfg(target_os = "linux")]
        (
            "bare timerfd in an epoll",
            Box::new(move |count| (count + 100 < descriptors).then(|| Box::new(kernel::TimerFds::new(count)) as _)),
        ),
        (SAFE, Box::new(|count| Some(Box::new(Ports::new(count))))),
        #[cfg(target_os = "linux")]
        ("POSIX timers and sigwaitinfo", Box::new(|count| kernel::Signals::new(count).map(|all| Box::new(all) as _))),
    ]
}

fn timers(options: &Options) {
    println!(
        "\nMemory of the process for armed timers (what the kernel needs for descriptors and signals is not in it)"
    );
    let (mut among, mut made, mut base) = (Vec::new(), Vec::new(), None);
    for (name, make) in tickers() {
        let before = Usage::now();
        let Some(mut ticker) = make(TIMERS) else {
            println!("  {name:50} not measured: there may not be so many");
            continue;
        };
        before.print_since(name, TIMERS);
        // The first that there may be.
        let _ = base.get_or_insert(name);
        among.push(Lane::new(name, move |count| {
            for at in (0..TIMERS).cycle().step_by(7).take(count as usize) {
                ticker.expire(at);
            }
        }));
        made.push(Lane::new(name, move |count| {
            for _ in 0..count.div_ceil(20) {
                drop(make(20).expect("there were more"));
            }
        }));
    }
    let base = base.unwrap_or(SAFE);
    let title = format!("A timer is set to expire at once, and retrieved, among {TIMERS}");
    measure(options, Measure::Thread, TURN, among).print(&title, base, &[]);
    let title = "A timer is made, armed and deleted, with a twentieth of what it needs to be waited for";
    measure(options, Measure::Thread, TURN, made).print(title, base, &[]);
}

/// Takes so many completions.
fn take(port: &EventPort, events: &mut Events, mut count: usize, mut each: impl FnMut(&AioCompletion)) {
    while count > 0 {
        port.get_into(events, None).expect("events");
        count -= events.len();
        for event in &*events {
            let Event::Aio { completion } = event.view() else { panic!("{event:?}") };
            each(completion);
        }
    }
}

fn requests(options: &Options) {
    cached(options);
    waiting(options);
}

/// Reads that need not wait, since the file is cached.
fn cached(options: &Options) {
    const BLOCKS: usize = 256;
    const IN_FLIGHT: usize = 64;
    let path = std::env::temp_dir().join(format!("event-ports-bench-{}", std::process::id()));
    std::fs::write(&path, vec![7; BLOCKS * BLOCK]).expect("a file");
    let file = Arc::new(File::open(&path).expect("the file opens"));
    std::fs::remove_file(&path).expect("it was there");
    let offset = |at: usize| (at % BLOCKS * BLOCK) as u64;

    let plain = {
        let (file, mut buffer) = (Arc::clone(&file), vec![0; BLOCK]);
        Lane::new("pread", move |count| {
            (0..count as usize).for_each(|at| file.read_exact_at(&mut buffer, offset(at)).expect("read"));
        })
    };
    let port = EventPort::new().expect("a port");
    let mut events = Events::with_capacity(IN_FLIGHT);
    let mut buffers = vec![vec![0; BLOCK]; IN_FLIGHT];
    let safe = Lane::new(SAFE, move |count| {
        for _ in 0..(count as usize).div_ceil(IN_FLIGHT) {
            for (at, buffer) in buffers.drain(..).enumerate() {
                port.aio_read(Arc::clone(&file), buffer, offset(at), at).expect("submitted");
            }
            take(&port, &mut events, IN_FLIGHT, |completion| {
                assert_eq!(completion.result().expect("read"), BLOCK);
                buffers.extend(completion.take_buffer());
            });
        }
    });
    let title = format!("{BLOCK} bytes of a cached file are read, {IN_FLIGHT} requests at a time");
    measure(options, Measure::Process, TURN, vec![plain, safe]).print(&title, "pread", &[]);
}

/// Reads from a socket, of which many wait until something is written.
fn waiting(options: &Options) {
    const SIZE: usize = 16;
    let requests = if options.is_quick() { 500 } else { REQUESTS };
    let port = EventPort::new().expect("a port");
    let mut events = Events::with_capacity(64);
    let (reader, mut writer) = UnixStream::pair().expect("a socket pair");
    let reader = Arc::new(reader);
    let submit = {
        let port = port.clone();
        move |count: usize, buffers: &mut Vec<Vec<u8>>| {
            for at in 0..count {
                let buffer = buffers.pop().unwrap_or_else(|| vec![0; SIZE]);
                port.aio_read(Arc::clone(&reader), buffer, 0, at).expect("submitted");
            }
        }
    };
    let mut buffers = Vec::new();
    let before = Usage::now();
    submit(requests, &mut buffers);
    println!("\nMemory of the process for reads of {SIZE} bytes that wait, buffers included");
    before.print_since(SAFE, requests);

    let mut round = move |count: usize, buffers: &mut Vec<Vec<u8>>| {
        for _ in 0..count {
            writer.write_all(&[7; SIZE]).expect("written");
        }
        take(&port, &mut events, count, |completion| {
            assert_eq!(completion.result().expect("read"), SIZE);
            buffers.extend(completion.take_buffer());
        });
    };
    let (plain_reader, mut plain_writer) = UnixStream::pair().expect("a socket pair");
    let plain = Lane::new("read of what is there", move |count| {
        let mut buffer = [0; SIZE];
        for _ in 0..count {
            plain_writer.write_all(&[7; SIZE]).expect("written");
            (&plain_reader).read_exact(&mut buffer).expect("read");
        }
    });
    let safe = Lane::new(SAFE, move |count| {
        round(count as usize, &mut buffers);
        submit(count as usize, &mut buffers);
    });
    let title = format!("{SIZE} bytes are written to a socket and read, {requests} reads waiting all the time");
    measure(options, Measure::Process, TURN, vec![plain, safe]).print(&title, "read of what is there", &[]);
}
