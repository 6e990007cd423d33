//! Arguments of every kind for every call: nothing crashes, hangs, leaks, or answers what a call cannot answer.
//!
//! By default the same calls each time. `EVENT_PORTS_FUZZ_CALLS` says how many to make instead; then they are others
//! each time, unless `EVENT_PORTS_FUZZ_SEED` says which. With `EVENT_PORTS_FUZZ_TRACE` each call is printed before it is
//! made.
//!
//! Pointers are valid, misaligned, null, or such as no program can have. Others that are bad fault on Linux (SYS-6 in
//! `DEVIATIONS.md`), but for the name of a file.

use event_ports_tests::files::LONG_AGO;
use event_ports_tests::prelude::*;
use event_ports_tests::queues::Queue;
use event_ports_tests::timers::sigevent;
use libc::{c_uint, c_void};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

fn asked_for(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

/// A generator that is good enough for this (splitmix64).
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).expect("less than a usize")
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// A number that is small, extreme, or anything.
    fn int(&mut self) -> c_int {
        match self.below(4) {
            0 => self.of(&[c_int::MIN, c_int::MAX, -1, 0, 1, 1 << 30, 0xffff, 0x1_0000]),
            1 => self.next() as c_int,
            _ => self.below(32) as c_int - 4,
        }
    }

    fn object(&mut self) -> usize {
        let few = [0, usize::MAX, i32::MAX as usize, i32::MAX as usize + 1, u32::MAX as usize, 1 << 63];
        if self.one_in(3) { self.of(&few) } else { self.next() as usize }
    }

    /// An address that is no program's.
    fn nowhere<T>(&mut self) -> *mut T {
        let addresses = [0, 0, 1, 8, 4095, 1 << 63, usize::MAX - 4095, usize::MAX];
        std::ptr::without_provenance_mut(self.of(&addresses))
    }

    /// A time that is none, or one of at most a millisecond.
    fn short(&mut self) -> libc::timespec {
        let bad_seconds = [-1, i64::MIN, -4_000_000_000];
        let bad_nanoseconds = [-1, i64::MIN, i64::MAX, 1_000_000_000, 1 << 40];
        match self.below(6) {
            0 => timespec(self.of(&bad_seconds), self.next() as i64),
            1 => timespec(0, self.of(&bad_nanoseconds)),
            2 => timespec(0, self.of(&[1, 1000, 100_000])),
            _ => timespec(0, 0),
        }
    }

    /// A time of any length: somebody sends events.
    fn any(&mut self) -> libc::timespec {
        let seconds = [1, 100, i64::MAX, i64::MAX / 1_000_000_000, 1 << 40];
        if self.one_in(4) { timespec(self.of(&seconds), self.of(&[0, 999_999_999])) } else { self.short() }
    }
}

/// Room for so many, at any alignment, with something before it and after it that must stay.
struct Room(Vec<u8>);

const MARGIN: usize = 64;
const GUARD: u8 = 0xa5;

impl Room {
    fn of(bytes: usize) -> Self {
        Self(vec![GUARD; bytes + 2 * MARGIN])
    }

    fn at<T>(&mut self, misaligned: usize) -> *mut T {
        self.0[MARGIN + misaligned..].as_mut_ptr().cast()
    }

    /// That nothing was written outside of so many bytes.
    fn check(&self, misaligned: usize, bytes: usize) {
        let (from, to) = (MARGIN + misaligned, MARGIN + misaligned + bytes);
        let outside = self.0[..from].iter().chain(&self.0[to..]);
        assert!(outside.into_iter().all(|&byte| byte == GUARD), "something was written beside the room");
    }
}

/// How many events a list has room for.
const LIST: usize = 6;

struct Fuzz {
    choices: Choices,
    trace: bool,
    ports: Vec<OwnedFd>,
    others: Vec<OwnedFd>,
    /// They stay where they are: events may carry their addresses.
    objects: Vec<sys::file_obj>,
    names: Vec<std::ffi::CString>,
    unreadable: Page,
    timers: Vec<sys::timer_t>,
    queue: Queue,
    /// The ports that are being kept supplied with events, so that no wait is for ever.
    supplied: &'static Mutex<Vec<c_int>>,
}

fn known(errno: Errno) -> bool {
    let known = [
        EBADF,
        EBADFD,
        EINVAL,
        EFAULT,
        ENOENT,
        EAGAIN,
        EBUSY,
        ETIME,
        EACCES,
        EPERM,
        EMFILE,
        Errno(libc::ENAMETOOLONG),
        Errno(libc::ENOTSUP),
        Errno(libc::ELOOP),
        Errno(libc::ENOTDIR),
        Errno(libc::ENOSPC),
        Errno(libc::ENOMEM),
        Errno(libc::EOVERFLOW),
    ];
    known.contains(&errno)
}

impl Fuzz {
    fn say(&self, call: impl FnOnce() -> String) {
        if self.trace {
            println!("{}", call());
        }
    }

    /// A call that returns 0, or -1 and an errno that makes sense.
    fn status(&self, returned: c_int) {
        let errno = last_errno();
        assert!(returned == 0 || (returned == -1 && known(errno)), "a call returned {returned}, {errno:?}");
    }

    /// A port, most of the time.
    fn port(&mut self) -> c_int {
        match self.choices.below(8) {
            0 => self.number(),
            1 => self.choices.int(),
            _ => {
                let at = self.choices.below(self.ports.len());
                self.ports[at].as_raw_fd()
            }
        }
    }

    /// A number of a descriptor, most of the time.
    fn number(&mut self) -> c_int {
        if self.choices.one_in(6) {
            return self.choices.int();
        }
        // Ports that watch each other in circles are not for somebody's kernel.
        let ports = if cfg!(target_os = "linux") { self.ports.len() } else { 0 };
        let at = self.choices.below(self.others.len() + ports);
        self.others.get(at).unwrap_or_else(|| &self.ports[at - self.others.len()]).as_raw_fd()
    }

    fn source(&mut self) -> c_int {
        if self.choices.one_in(3) {
            self.choices.int()
        } else {
            self.choices.of(&[PORT_SOURCE_FD, sys::PORT_SOURCE_FILE])
        }
    }

    /// The address of a file object with anything in it, or no address.
    fn file(&mut self) -> usize {
        if self.choices.one_in(6) {
            return self.choices.nowhere::<u8>().addr();
        }
        let at = self.choices.below(self.objects.len());
        let name = match self.choices.below(8) {
            0 => self.choices.nowhere(),
            1 => self.unreadable.address(),
            _ => self.names[self.choices.below(self.names.len())].as_ptr().cast_mut(),
        };
        let seconds = self.choices.of(&[0, LONG_AGO, -1, i64::MIN, i64::MAX]);
        let nanoseconds = self.choices.of(&[0, 1, -1, i64::MIN, i64::MAX]);
        let object = &mut self.objects[at];
        object.fo_name = name;
        for time in [&mut object.fo_atime, &mut object.fo_mtime, &mut object.fo_ctime] {
            *time = timespec(seconds, nanoseconds);
        }
        (&raw const *object).expose_provenance()
    }

    fn events(&mut self) -> c_int {
        match self.choices.below(3) {
            0 => self.choices.int(),
            1 => self.choices.of(&[sys::FILE_ACCESS, sys::FILE_MODIFIED, sys::FILE_ATTRIB | sys::FILE_NOFOLLOW]),
            _ => self.choices.of(&[POLLIN, POLLOUT, POLLIN | POLLOUT]),
        }
    }

    fn cookie(&mut self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.choices.object())
    }

    /// Any call with any arguments.
    fn call(&mut self) {
        match self.choices.below(32) {
            0 => self.replace_port(),
            1 => self.replace_descriptor(),
            2..=7 => self.associate(),
            8..=10 => self.dissociate(),
            11..=14 => {
                let (port, events, user) = (self.port(), self.choices.int(), self.cookie());
                self.say(|| format!("port_send({port}, {events}, {user:?})"));
                // SAFETY: the cookie is a number.
                self.status(unsafe { sys::port_send(port, events, user) });
            }
            15..=16 => self.send_many(),
            17..=20 => self.get(),
            21..=24 => self.get_many(),
            25 => self.alert(),
            26..=28 => self.timer(),
            29 => self.registration(),
            30 => self.request(),
            _ => self.touch(),
        }
    }

    fn replace_port(&mut self) {
        let at = self.choices.below(self.ports.len());
        if self.choices.one_in(2) {
            // Not before the old one is closed: so the number comes again.
            self.supplied.lock().expect("nobody panics").retain(|&port| port != self.ports[at].as_raw_fd());
            let old = std::mem::replace(&mut self.ports[at], dup(&self.others[0]));
            if self.choices.one_in(2) {
                close_port(old);
            } else {
                close(old);
            }
            self.ports[at] = port();
            self.supplied.lock().expect("nobody panics").push(self.ports[at].as_raw_fd());
        }
    }

    fn replace_descriptor(&mut self) {
        let at = self.choices.below(self.others.len());
        let pipe = Pipe::ready();
        let new = match self.choices.below(3) {
            0 => pipe.read,
            1 => pipe.write,
            _ => dup(&self.others[self.choices.below(self.others.len())]),
        };
        if self.choices.one_in(2) { dup_onto(&new, &self.others[at]) } else { self.others[at] = new }
    }

    fn associate(&mut self) {
        let (port, source, events, user) = (self.port(), self.source(), self.events(), self.cookie());
        let object = match source {
            sys::PORT_SOURCE_FILE => self.file(),
            _ if self.choices.one_in(5) => self.choices.object(),
            _ => self.number() as usize,
        };
        self.say(|| format!("port_associate({port}, {source}, {object:#x}, {events:#x}, {user:?})"));
        // SAFETY: where the source is FILE the object is one, or no address.
        let returned = unsafe { sys::port_associate(port, source, object, events, user) };
        self.status(returned);
    }

    fn dissociate(&mut self) {
        let (port, source) = (self.port(), self.source());
        let object = match self.choices.below(4) {
            0 => self.choices.object(),
            1 => self.file(),
            _ => self.number() as usize,
        };
        self.say(|| format!("port_dissociate({port}, {source}, {object:#x})"));
        // SAFETY: the object is a number.
        self.status(unsafe { sys::port_dissociate(port, source, object) });
    }

    fn send_many(&mut self) {
        let count = self.choices.below(9);
        let (ports_off, errors_off) = (self.choices.below(4), self.choices.below(4));
        let (mut ports, mut errors) = (Room::of(64), Room::of(64));
        let list: *mut c_int = ports.at(ports_off);
        for at in 0..count {
            let port = self.port();
            // SAFETY: the room is larger than the list.
            unsafe { list.add(at).write_unaligned(port) };
        }
        let no_list = self.choices.one_in(10);
        let list = if no_list { self.choices.nowhere() } else { list };
        let no_errors = self.choices.one_in(10);
        let into = if no_errors { self.choices.nowhere() } else { errors.at(errors_off) };
        let entries = if no_list && self.choices.one_in(2) { c_uint::MAX } else { count as c_uint };
        let (events, user) = (self.choices.int(), self.cookie());
        self.say(|| format!("port_sendn({list:?}, {into:?}, {entries}, {events}, {user:?})"));
        // SAFETY: the lists have room for as many entries, or are no addresses.
        let returned = unsafe { sys::port_sendn(list, into, entries, events, user) };
        assert!((-1..=count as c_int).contains(&returned), "port_sendn returned {returned} of {count}");
        assert!(returned != -1 || known(last_errno()), "port_sendn: {:?}", last_errno());
        errors.check(errors_off, 4 * count);
        ports.check(ports_off, 4 * count);
    }

    /// A timeout at any alignment; null only for who may wait.
    fn timeout(&mut self, room: &mut Room, misaligned: usize) -> *mut libc::timespec {
        if self.choices.one_in(8) {
            return std::ptr::null_mut();
        }
        let timeout = room.at::<libc::timespec>(misaligned);
        // SAFETY: the room is large enough.
        unsafe { timeout.write_unaligned(self.choices.any()) };
        timeout
    }

    fn get(&mut self) {
        let port = self.port();
        let (mut time, mut room) = (Room::of(32), Room::of(64));
        let (time_off, room_off) = (self.choices.below(8), self.choices.below(8));
        let timeout = self.timeout(&mut time, time_off);
        let nowhere = self.choices.one_in(10);
        let event = if nowhere { self.choices.nowhere() } else { room.at(room_off) };
        self.say(|| format!("port_get({port}, {event:?}, {timeout:?})"));
        // SAFETY: the event is one or no address; the timeout is one or null.
        let returned = unsafe { sys::port_get(port, event, timeout) };
        self.status(returned);
        room.check(room_off, size_of::<sys::port_event_t>());
    }

    fn get_many(&mut self) {
        let port = self.port();
        let (mut time, mut room, mut count) = (Room::of(32), Room::of(256), Room::of(16));
        let (time_off, room_off, count_off) = (self.choices.below(8), self.choices.below(8), self.choices.below(4));
        let timeout = self.timeout(&mut time, time_off);
        let nowhere = self.choices.one_in(10);
        let list: *mut sys::port_event_t = if nowhere { self.choices.nowhere() } else { room.at(room_off) };
        let max = if nowhere && self.choices.one_in(2) { c_uint::MAX } else { self.choices.below(LIST + 1) as c_uint };
        let wanted = match self.choices.below(8) {
            0 => self.choices.of(&[c_uint::MAX, c_uint::MAX / 2, 1 << 31]),
            _ => self.choices.below(LIST + 2) as c_uint,
        };
        // With room for everything and no list the count is not looked at.
        let wanted = if max == c_uint::MAX { wanted.min(4) } else { wanted };
        let nget = if self.choices.one_in(16) { std::ptr::null_mut() } else { count.at::<c_uint>(count_off) };
        if !nget.is_null() {
            // SAFETY: the room is large enough.
            unsafe { nget.write_unaligned(wanted) };
        }
        self.say(|| format!("port_getn({port}, {list:?}, {max}, {wanted} at {nget:?}, {timeout:?})"));
        // SAFETY: the list has room for as many, or is no address; the count and the timeout are there or null.
        let returned = unsafe { sys::port_getn(port, list, max, nget, timeout) };
        self.status(returned);
        let errno = last_errno();
        let written = if nget.is_null() || max == 0 || (returned == -1 && errno != ETIME) {
            0
        } else {
            // SAFETY: as above.
            unsafe { nget.read_unaligned() }
        };
        assert!(written <= max, "{written} events in a list of {max}");
        room.check(room_off, size_of::<sys::port_event_t>() * written as usize);
        count.check(count_off, 4);
    }

    fn alert(&mut self) {
        let (port, flags, user) = (self.port(), self.choices.int(), self.cookie());
        let events = self.choices.int();
        self.say(|| format!("port_alert({port}, {flags}, {events}, {user:?}), and off"));
        // SAFETY: the cookie is a number.
        self.status(unsafe { sys::port_alert(port, flags, events, user) });
        if !self.choices.one_in(4) {
            // SAFETY: as above.
            self.status(unsafe { sys::port_alert(port, flags, 0, user) });
        }
    }

    /// The port may be none, and so may its address, where the call makes sure of it.
    fn notification(&mut self, notify: &mut sys::port_notify, may_be_nowhere: bool) -> sys::sigevent {
        notify.portnfy_port = self.port();
        notify.portnfy_user = self.cookie();
        let nowhere = may_be_nowhere && self.choices.one_in(8);
        let mut event = sigevent(if nowhere { self.choices.nowhere() } else { notify });
        if self.choices.one_in(8) {
            event.sigev_notify = self.choices.of(&[sys::SIGEV_NONE, -1, c_int::MAX]);
        }
        event
    }

    fn timer(&mut self) {
        let mut notify = sys::port_notify { portnfy_port: 0, portnfy_user: std::ptr::null_mut() };
        if self.timers.is_empty() || (self.timers.len() < 16 && self.choices.one_in(3)) {
            let mut event = self.notification(&mut notify, true);
            let clock = if self.choices.one_in(4) { self.choices.int() } else { sys::CLOCK_MONOTONIC };
            // SAFETY: all zeros is a valid id, be it a number or a pointer.
            let mut id = unsafe { std::mem::zeroed() };
            self.say(|| format!("timer_create({clock}, {} {})", event.sigev_notify, notify.portnfy_port));
            // SAFETY: the pointers are valid, but for what the sigevent points to, which is no address then.
            let returned = unsafe { sys::timer_create(clock, &raw mut event, &raw mut id) };
            self.status(returned);
            self.timers.extend((returned == 0).then_some(id));
            return;
        }
        let at = self.choices.below(self.timers.len());
        let id = self.timers[at];
        let value = if self.choices.one_in(2) { self.choices.any() } else { self.choices.short() };
        let setting = sys::itimerspec { it_value: value, it_interval: self.choices.any() };
        let mut old = setting;
        let flags = if self.choices.one_in(2) { sys::TIMER_ABSTIME } else { 0 };
        let what = self.choices.below(5);
        self.say(|| format!("timer {at}: call {what}, flags {flags}"));
        // SAFETY: the id is that of a timer, and the pointers are valid.
        let returned = unsafe {
            match what {
                0 => sys::timer_gettime(id, &raw mut old),
                1 => sys::timer_getoverrun(id),
                2 => {
                    self.timers.remove(at);
                    sys::timer_delete(id)
                }
                _ => sys::timer_settime(id, flags, &raw const setting, &raw mut old),
            }
        };
        self.status(returned);
    }

    fn registration(&mut self) {
        let mut notify = sys::port_notify { portnfy_port: 0, portnfy_user: std::ptr::null_mut() };
        // illumos reads it in the library (MQ-1).
        let event = self.notification(&mut notify, cfg!(target_os = "linux"));
        self.say(|| format!("mq_notify({}, {})", event.sigev_notify, notify.portnfy_port));
        let registered = self.queue.notify_by(&event);
        assert!(registered.is_ok() || registered.is_err_and(known), "mq_notify: {registered:?}");
        if self.choices.one_in(2) {
            self.queue.send();
            self.queue.receive();
        }
        let _ = self.queue.cancel();
    }

    /// A request that is done, or refused: of a file that is there, with any offset.
    fn request(&mut self) {
        use event_ports_tests::aio::{Operation, Request};
        let operation = self.choices.of(&[Operation::Read, Operation::Write, Operation::Sync]);
        let offset = self.choices.of(&[0, 1, -1, i64::MIN, i64::MAX]);
        let length = self.choices.below(64);
        let (port, user) = (self.port(), self.choices.object());
        let fd = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").expect("it is there");
        let request = Request::new(operation, &fd, vec![0; length], offset).to(&port, user);
        self.say(|| format!("aio {operation:?}, offset {offset}, length {length}, port {port}"));
        if request.submit().is_ok() {
            while request.is_in_progress() {
                thread::yield_now();
            }
            let _ = request.result();
        }
    }

    /// What happens to descriptors and files.
    fn touch(&mut self) {
        // Not the others: a superuser may delete more than he wants.
        let name = &self.names[self.choices.below(2)];
        let Ok(path) = name.to_str() else { return };
        match self.choices.below(3) {
            0 => drop(std::fs::write(path, b"content")),
            1 => drop(std::fs::read(path)),
            _ => drop(std::fs::remove_file(path)),
        }
    }
}

#[test]
fn any_arguments_in_any_order() {
    case_within(Duration::from_secs(3600), || {
        let wanted = asked_for("EVENT_PORTS_FUZZ_CALLS");
        let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
        let seed = asked_for("EVENT_PORTS_FUZZ_SEED").unwrap_or_else(|| if wanted.is_some() { now() } else { 1 });
        println!("seed {seed}");
        static SUPPLIED: Mutex<Vec<c_int>> = Mutex::new(Vec::new());
        let directory = TempDir::new();
        let mut long = directory.path().display().to_string();
        while long.len() < 5000 {
            let _ = write!(long, "/{}", "x".repeat(100));
        }
        let name = |name: &str| directory.path().join(name).display().to_string();
        let names = [name("a"), name("b"), name("missing/c"), name("."), String::new(), "/".to_owned(), long];
        let ready = Pipe::ready();
        let mut fuzz = Fuzz {
            choices: Choices(seed),
            trace: std::env::var_os("EVENT_PORTS_FUZZ_TRACE").is_some(),
            ports: (0..4).map(|_| port()).collect(),
            others: vec![
                ready.read,
                ready.write,
                std::fs::File::open(directory.file("open", b"content")).expect("it opens").into(),
                std::fs::File::open(directory.path()).expect("it opens").into(),
            ],
            objects: (0..6)
                // SAFETY: all zeros is an object without times and without a name.
                .map(|_| unsafe { std::mem::zeroed() })
                .collect(),
            names: names.into_iter().map(|name| std::ffi::CString::new(name).expect("no zero in it")).collect(),
            unreadable: Page::new(Protection::None),
            timers: Vec::new(),
            queue: Queue::new(),
            supplied: &SUPPLIED,
        };
        SUPPLIED.lock().expect("nobody panics").extend(fuzz.ports.iter().map(AsRawFd::as_raw_fd));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            // Whoever waits gets something, now and then.
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    for port in SUPPLIED.lock().expect("nobody panics").iter() {
                        if pending(port) < 64 {
                            assert_eq!(send(port, 1, 2), Ok(()));
                        }
                    }
                    thread::sleep(Duration::from_micros(100));
                }
            });
            for _ in 0..wanted.unwrap_or(5_000) {
                fuzz.call();
            }
            done.store(true, Ordering::Release);
        });
        // SAFETY: these are timers, and are used no more.
        fuzz.timers.drain(..).for_each(|id| assert_eq!(unsafe { sys::timer_delete(id) }, 0));
        fuzz.ports.drain(..).for_each(close_port);
    });
}
