//! Every system call and every allocation of every call fails once, in every way: the call reports what it may report,
//! loses no event, leaves associations as they were or as is documented, and leaks nothing (LIMIT-4).
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod faulty;

use event_ports_tests::aio::blocking_pipe;
use event_ports_tests::files::{FileObject, age, append, marks};
use event_ports_tests::prelude::*;
use event_ports_tests::queues::Queue;
use event_ports_tests::timers::{Timer, sigevent};
use faulty::{List, Sweep, World, adopt, as_status, exempt, first, is_interposed, sweep};
use std::fs::File;
use std::ptr;
use std::time::Duration;

const ENOMEM: Errno = Errno(libc::ENOMEM);
const ENFILE: Errno = Errno(libc::ENFILE);
const ENOSPC: Errno = Errno(libc::ENOSPC);
const ENOBUFS: Errno = Errno(libc::ENOBUFS);

/// What running out of something is to a call that knows of slots (FD-5, SEND-2, TIMER-2).
const SHORTAGE: &[Errno] = &[EAGAIN, ENOMEM];
/// What a retrieval may report.
const RETRIEVAL: &[Errno] = &[EINTR, ENOMEM];
/// What associating a file may report: what opening it may.
const OF_FILES: &[Errno] = &[EAGAIN, ENOMEM, ENOSPC, EMFILE, ENFILE, EACCES, EINTR, EIO];

fn plain(name: &'static str, allowed: &'static [Errno]) -> Sweep {
    Sweep { name, allowed, threads: false }
}

fn status(returned: c_int) -> Result<(), Errno> {
    if returned == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Every system call that the crate makes can fail here, but for those that cannot fail at all.
#[test]
fn every_system_call_is_under_fault() {
    /// They cannot fail, or belong to what is passed on to the C library.
    const SAFE: &[&str] = &[
        "__errno_location",
        "clock_gettime",
        "closedir",
        "getpid",
        "getuid",
        "pthread_attr_destroy",
        "pthread_attr_init",
        "pthread_attr_setdetachstate",
        "pthread_attr_setstacksize",
        "pthread_sigmask",
        "readdir",
        "munmap",
        "sigfillset",
    ];
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../event-ports-linux/src");
    let mut files = vec![source.join("os.rs")];
    files.extend(
        std::fs::read_dir(source.join("os")).expect("the directory is there").map(|e| e.expect("a file").path()),
    );
    let mut calls = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).expect("it can be read");
        for call in text.split("libc::").skip(1) {
            let name: String = call.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let by_number = name.starts_with("SYS_");
            let by_name = call[name.len()..].starts_with('(') && !name.starts_with(char::is_uppercase);
            if by_number || (by_name && name != "syscall") {
                calls += 1;
                assert!(
                    SAFE.contains(&&*name) || is_interposed(&name),
                    "{name} of {} cannot fail here",
                    file.display()
                );
            }
        }
    }
    assert!(calls > 50, "the calls are found");
}

#[test]
fn create_04_creating_a_port() {
    case(|| {
        sweep(
            plain("port_create", &[EAGAIN, EMFILE]),
            || (),
            |()| try_port(),
            |(), made| {
                let Ok(port) = made else { return };
                send(&port, 1, 2).expect("it is a port");
                assert_eq!(drain(&port), [Event::user(1, 2)]);
                close_port(port);
            },
        );
    });
}

/// The first port of a process makes what ports have in common. Not a case: each fault has a process of its own.
#[test]
fn create_04_creating_the_first_port() {
    first("create_04_creating_the_first_port", try_port, |made| {
        assert!(matches!(made, Ok(_) | Err(EAGAIN | EMFILE)), "{made:?}");
        // It works now, whatever was missing then.
        let port = port();
        send(&port, 1, 2).expect("it is a port");
        assert_eq!(drain(&port), [Event::user(1, 2)]);
    });
}

#[test]
fn limit_04_associating_a_descriptor() {
    case(|| {
        // One with a number that there was none like before.
        let high = Pipe::ready();
        // SAFETY: takes no pointer; the number is new.
        let high = unsafe { OwnedFd::from_raw_fd(libc::fcntl(high.read.as_raw_fd(), libc::F_DUPFD, 3000)) };
        sweep(
            plain("port_associate of the first descriptor", SHORTAGE),
            port,
            |port| associate_fd(port, &high, POLLIN, 5),
            |port, done| {
                assert_eq!(drain(&port).len(), usize::from(done.is_ok()));
                close_port(port);
            },
        );
        sweep(
            plain("port_associate of a descriptor", SHORTAGE),
            || (World::new(), Pipe::ready()),
            |(world, pipe)| associate_fd(&world.port, &pipe.read, POLLIN, 5),
            |(world, pipe), done| {
                let event = Event::fd(&pipe.read, POLLIN, 5);
                world.is_intact(&[], done.is_ok().then_some(event));
                world.holds(u32::from(done.is_ok()));
                if done.is_err() {
                    assert_eq!(dissociate_fd(&world.port, &pipe.read), Err(ENOENT), "FD-4: nothing is left of it");
                }
                world.close();
            },
        );
    });
}

#[test]
fn limit_04_associating_a_file_by_its_descriptor() {
    case(|| {
        let dir = TempDir::new();
        let file = File::open(dir.file("file", b"")).expect("it opens");
        sweep(
            plain("port_associate of a regular file's descriptor", SHORTAGE),
            World::new,
            |world| associate_fd(&world.port, &file, POLLIN, 5),
            |world, done| {
                let event = Event::fd(&file, POLLIN, 5);
                world.is_intact(&[], done.is_ok().then_some(event));
                world.close();
            },
        );
    });
}

/// Where the event of an earlier association is.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Nothing has happened.
    Silent,
    InKernel,
    InQueue,
    /// It has been retrieved.
    Spent,
}

/// FD-4: a failure ends the association that was.
#[test]
fn fd_04_associating_a_descriptor_anew() {
    case(|| {
        for before in [Before::Silent, Before::InKernel, Before::InQueue, Before::Spent] {
            println!("{before:?}");
            let prepare = || {
                let world = World::new();
                let pipe = if matches!(before, Before::Silent) { Pipe::new() } else { Pipe::ready() };
                associate_fd(&world.port, &pipe.read, POLLIN, 4).expect("it is associated");
                match before {
                    Before::InQueue => Pending::InQueue.place(&world.port),
                    Before::Spent => assert_eq!(world.drain().len(), 3),
                    Before::Silent | Before::InKernel => {}
                }
                (world, pipe)
            };
            sweep(
                plain("port_associate of a descriptor anew", SHORTAGE),
                prepare,
                |(world, pipe)| associate_fd(&world.port, &pipe.read, POLLIN, 5),
                |(world, pipe), done| {
                    let taken = if matches!(before, Before::Spent) { world.events() } else { Vec::new() };
                    let event = Event::fd(&pipe.read, POLLIN, 5);
                    let comes = done.is_ok() && !matches!(before, Before::Silent);
                    world.is_intact(&taken, comes.then_some(event));
                    world.holds(u32::from(done.is_ok()));
                    if done.is_err() {
                        assert_eq!(dissociate_fd(&world.port, &pipe.read), Err(ENOENT), "nothing is left of it");
                    }
                    world.close();
                },
            );
        }
    });
}

#[test]
fn dissociating_a_descriptor() {
    case(|| {
        sweep(
            plain("port_dissociate of a descriptor", SHORTAGE),
            || {
                let (world, pipe) = (World::new(), Pipe::ready());
                associate_fd(&world.port, &pipe.read, POLLIN, 4).expect("it is associated");
                (world, pipe)
            },
            |(world, pipe)| dissociate_fd(&world.port, &pipe.read),
            |(world, pipe), done| {
                let event = Event::fd(&pipe.read, POLLIN, 4);
                world.is_intact(&[], done.is_err().then_some(event));
                world.holds(u32::from(done.is_err()));
                world.close();
            },
        );
    });
}

#[test]
fn sending() {
    case(|| {
        sweep(
            plain("port_send", SHORTAGE),
            World::new,
            |world| send(&world.port, 3, 4),
            |world, done| {
                world.is_intact(&[], done.is_ok().then_some(Event::user(3, 4)));
                world.close();
            },
        );
    });
}

#[test]
fn sending_to_several() {
    case(|| {
        sweep(
            plain("port_sendn", &[]),
            || [World::new(), World::new()],
            |worlds| {
                let mut ports = [worlds[0].number(), worlds[1].number()];
                let mut errors = [-1; 2];
                // SAFETY: both arrays have two entries.
                let sent = unsafe {
                    sys::port_sendn(ports.as_mut_ptr(), errors.as_mut_ptr(), 2, 3, ptr::without_provenance_mut(4))
                };
                assert!(sent >= 0);
                Ok((sent, errors))
            },
            |worlds, sent| {
                let (sent, errors) = sent.expect("it tells of each port");
                let failed = |at: usize| sent < 2 && errors[at] != 0;
                for (at, world) in worlds.into_iter().enumerate() {
                    world.is_intact(&[], (!failed(at)).then_some(Event::user(3, 4)));
                    if failed(at) {
                        assert!(SHORTAGE.contains(&Errno(errors[at])), "SENDN-3: {}", errors[at]);
                    }
                    world.close();
                }
            },
        );
    });
}

#[test]
fn entering_and_leaving_alert_mode() {
    case(|| {
        sweep(
            plain("port_alert", &[]),
            World::new,
            |world| alert(&world.port, PORT_ALERT_SET, 6, 7),
            |world, _| {
                assert_eq!(get(&world.port, POLL), Ok(Some(Event::alert(6, 7))));
                alert(&world.port, PORT_ALERT_SET, 0, 0).expect("it is left");
                world.is_intact(&[], None);
                world.close();
            },
        );
    });
}

/// Nothing that was retrieved is lost, whatever fails afterwards.
#[test]
fn retrieving_without_waiting() {
    case(|| {
        let prepare = || (World::new(), List::new());
        let check = |(world, list): (World, List), got: Result<(), Errno>| {
            let taken = list.events();
            assert!(got.is_ok() || taken.is_empty(), "GETN-9: an error, and events: {taken:?}");
            world.is_intact(&taken, None);
            world.close();
        };
        for min in 1..=4 {
            let getn = |(world, list): &mut (World, List)| list.getn(world.number(), 10, min, POLL).map(drop);
            sweep(plain("port_getn", RETRIEVAL), prepare, getn, check);
        }
        sweep(plain("port_get", RETRIEVAL), prepare, |(world, list)| list.get(world.number(), POLL), check);
        let count = |(world, list): &mut (World, List)| list.getn(world.number(), 0, 0, POLL).map(drop);
        sweep(plain("port_getn for the count", RETRIEVAL), prepare, count, check);
    });
}

/// The event of a descriptor that epoll does not take.
#[test]
fn retrieving_the_event_of_a_regular_file() {
    case(|| {
        let dir = TempDir::new();
        let file = File::open(dir.file("file", b"")).expect("it opens");
        sweep(
            plain("port_getn of a regular file's descriptor", RETRIEVAL),
            || {
                let world = World::new();
                associate_fd(&world.port, &file, POLLIN, 5).expect("it is associated");
                (world, List::new())
            },
            |(world, list)| list.getn(world.number(), 16, 1, POLL).map(drop),
            |(world, list), got| {
                assert!(got.is_ok() || list.events().is_empty(), "{got:?}");
                world.is_intact(&list.events(), [Event::fd(&file, POLLIN, 5)]);
                world.holds(1);
                world.close();
            },
        );
    });
}

/// The same with nothing in the queue, so that events come straight from the kernel, in more than one answer.
#[test]
fn getn_09_retrieving_straight_from_the_kernel() {
    const MANY: usize = 70;
    case(|| {
        let pipes: Vec<Pipe> = (0..MANY).map(|_| Pipe::ready()).collect();
        let make = |user| {
            let port = port();
            for pipe in &pipes {
                associate_fd(&port, &pipe.read, POLLIN, user).expect("it is associated");
            }
            port
        };
        for min in [1, MANY as u32] {
            sweep(
                plain("port_getn of many", RETRIEVAL),
                || (make(1), [const { unwritten() }; MANY + 10]),
                |(port, list)| {
                    let (mut nget, mut now) = (min, libc::timespec { tv_sec: 0, tv_nsec: 0 });
                    let (max, list) = (list.len() as u32, list.as_mut_ptr());
                    // SAFETY: the list has `max` entries; the other pointers are valid.
                    status(unsafe { sys::port_getn(port.as_raw_fd(), list, max, &raw mut nget, &raw mut now) })
                },
                |(port, list), got| {
                    let taken = list.iter().filter(|event| event.portev_source != 0).count();
                    assert!(got.is_ok() || taken == 0, "GETN-9: an error, and {taken} events");
                    let rest = getn(&port, MANY as u32 + 1, 1, POLL);
                    assert_eq!((rest.result, rest.events.len()), (Ok(()), MANY - taken), "each event comes once");
                    close_port(port);
                },
            );
        }
    });
}

const fn unwritten() -> sys::port_event_t {
    sys::port_event_t {
        portev_events: -1,
        portev_source: 0,
        portev_pad: 0,
        portev_object: 0,
        portev_user: ptr::null_mut(),
    }
}

/// Running out of time is no fault.
fn or_time(result: Result<(), Errno>) -> Result<(), Errno> {
    if result == Err(ETIME) { Ok(()) } else { result }
}

/// A thread that waits in vain, behind an empty queue or behind one with too little in it.
#[test]
fn running_out_of_time() {
    case(|| {
        let check = |(world, list): (World, List), got: Result<(), Errno>| {
            let taken = list.events();
            assert!(got.is_ok() || taken.is_empty(), "{got:?} and {taken:?}");
            world.is_intact(&taken, None);
            world.close();
        };
        let getn = |(world, list): &mut (World, List)| or_time(list.getn(world.number(), 10, 4, ms(1)).map(drop));
        sweep(plain("port_getn with a timeout", RETRIEVAL), || (World::new(), List::new()), getn, check);

        let empty = || {
            let world = World::new();
            let taken = world.drain();
            (world, List::new(), taken)
        };
        sweep(
            plain("port_get with a timeout", RETRIEVAL),
            empty,
            |(world, list, _)| or_time(list.get(world.number(), ms(1))),
            |(world, list, taken), _| {
                assert_eq!(list.events(), []);
                world.is_intact(&taken, None);
                world.close();
            },
        );
    });
}

/// A thread that waits, and another that wakes it, by an event of the kernel's or by one of its own.
#[test]
fn being_woken() {
    case(|| {
        for by_sending in [false, true] {
            sweep(
                Sweep { threads: true, ..plain("port_getn that is woken", RETRIEVAL) },
                || {
                    let (port, pipe) = (port(), Pipe::new());
                    associate_fd(&port, &pipe.read, POLLIN, 1).expect("it is associated");
                    let (number, end) = (port.as_raw_fd(), pipe.write.as_raw_fd());
                    let (go, begin) = std::sync::mpsc::channel();
                    let waker = std::thread::spawn(move || {
                        begin.recv().expect("it is told to");
                        if by_sending { send(&number, 1, 1).expect("it is sent") } else { write(&end) }
                    });
                    go.send(()).expect("it listens");
                    (port, List::new(), pipe, waker)
                },
                |(port, list, ..)| list.getn(port.as_raw_fd(), 4, 1, None).map(drop),
                |(port, list, pipe, waker), got| {
                    waker.join().expect("it does not panic");
                    let mut taken = list.events();
                    assert_eq!(got.is_ok(), !taken.is_empty(), "{got:?} and {taken:?}");
                    taken.extend(drain(&port));
                    let event = if by_sending { Event::user(1, 1) } else { Event::fd(&pipe.read, POLLIN, 1) };
                    assert_eq!(taken, [event], "it comes once");
                    close_port(port);
                },
            );
        }
    });
}

#[test]
fn closing_a_port() {
    case(|| {
        sweep(
            plain("port_linux_close", &[EINTR, EIO]),
            World::new,
            |world| {
                // SAFETY: nobody else uses the number, and it is forgotten below.
                status(unsafe { sys::linux::port_linux_close(world.number()) })
            },
            |world, _| {
                // Whatever close(2) says, the number is closed.
                assert_eq!(send(&world.port, 1, 1), Err(EBADF));
                std::mem::forget(world.into_port());
            },
        );
        sweep(
            plain("port_create after close", &[EAGAIN, EMFILE]),
            || drop(World::new()),
            |()| try_port(),
            |(), made| drop(made),
        );
    });
}

#[test]
fn trusting_a_number() {
    case(|| {
        sweep(
            plain("port_linux_trust", &[]),
            World::new,
            // SAFETY: the promises are kept.
            |world| status(unsafe { sys::linux::port_linux_trust(world.number(), 3) }),
            |world, _| {
                world.is_intact(&[], None);
                world.close();
            },
        );
    });
}

#[test]
fn file_11_associating_a_file() {
    case(|| {
        let dir = TempDir::new();
        let path = dir.file("file", b"1");
        for others in [false, true] {
            let prepare = || {
                let (world, other) = (World::new(), FileObject::new(dir.file("other", b"1")));
                if others {
                    associate_file(&world, &other).expect("it is associated");
                }
                (marks(), world, FileObject::new(&path), other)
            };
            sweep(
                plain("port_associate of a file", OF_FILES),
                prepare,
                |(_, world, object, _)| associate_file(world, object),
                |(before, world, object, other), done| {
                    if done.is_err() {
                        assert_eq!(marks(), before, "nothing of it is watched");
                        // Nothing of it is associated either (EINVAL: no file ever was).
                        let left = dissociate(&world.port, sys::PORT_SOURCE_FILE, object.address());
                        assert!(matches!(left, Err(ENOENT | EINVAL)), "{left:?}");
                    }
                    append(&path);
                    append(other.path());
                    let mut events = Vec::new();
                    if done.is_ok() {
                        events.push(Event::file(&object, sys::FILE_MODIFIED, 6));
                    }
                    if others {
                        events.push(Event::file(&other, sys::FILE_MODIFIED, 6));
                    }
                    let associated = u32::try_from(events.len()).expect("two at most");
                    world.is_intact(&[], events);
                    world.holds(associated);
                    world.close();
                },
            );
        }
        assert_eq!(marks(), 0);
    });
}

fn associate_file(world: &World, object: &FileObject) -> Result<(), Errno> {
    associate(&world.port, sys::PORT_SOURCE_FILE, object.address(), sys::FILE_MODIFIED, 6)
}

/// FILE-19: a failure leaves the association as it was.
#[test]
fn file_19_associating_a_file_anew() {
    case(|| {
        let dir = TempDir::new();
        let (path, second) = (dir.file("file", b"1"), dir.file("second", b"1"));
        for (queued, renamed) in [(false, false), (true, false), (false, true), (true, true)] {
            sweep(
                plain("port_associate of a file anew", OF_FILES),
                || {
                    let (world, mut object) = (World::new(), FileObject::new(&path));
                    associate_file(&world, &object).expect("it is associated");
                    if queued {
                        append(&path);
                        Pending::InQueue.place(&world.port);
                    }
                    if renamed {
                        object.rename(&second);
                    }
                    (world, object)
                },
                |(world, object)| {
                    associate(&world.port, sys::PORT_SOURCE_FILE, object.address(), sys::FILE_MODIFIED, 7)
                },
                |(world, object), done| {
                    let user = if done.is_ok() { 7 } else { 6 };
                    append(if done.is_ok() && renamed { &second } else { &path });
                    world.is_intact(&[], [Event::file(&object, sys::FILE_MODIFIED, user)]);
                    world.close();
                },
            );
        }
    });
}

#[test]
fn dissociating_a_file() {
    case(|| {
        let dir = TempDir::new();
        let path = dir.file("file", b"1");
        sweep(
            plain("port_dissociate of a file", &[]),
            || {
                let (world, object) = (World::new(), FileObject::new(&path));
                associate_file(&world, &object).expect("it is associated");
                (world, object)
            },
            |(world, object)| dissociate(&world.port, sys::PORT_SOURCE_FILE, object.address()),
            |(world, _object), _| {
                assert_eq!(marks(), 0);
                append(&path);
                world.is_intact(&[], None);
                world.close();
            },
        );
    });
}

/// Events of files, which take system calls to find out.
#[test]
fn retrieving_events_of_files() {
    case(|| {
        let dir = TempDir::new();
        sweep(
            plain("port_getn of files", RETRIEVAL),
            || {
                let (path, gone) = (dir.file("file", b"1"), dir.file("gone", b"1"));
                age(&path);
                let (world, objects) = (World::new(), [FileObject::new(&path), FileObject::new(&gone)]);
                let asked = sys::FILE_MODIFIED | sys::FILE_ATTRIB | sys::FILE_ACCESS | sys::FILE_TRUNC;
                for object in &objects {
                    associate(&world.port, sys::PORT_SOURCE_FILE, object.address(), asked, 6)
                        .expect("it is associated");
                }
                append(&path);
                std::fs::remove_file(&gone).expect("it is removed");
                (world, objects, List::new())
            },
            |(world, _, list)| list.getn(world.number(), 16, 1, POLL).map(drop),
            |(world, objects, list), got| {
                let mut taken = list.events();
                assert!(got.is_ok() || taken.is_empty(), "{got:?} and {taken:?}");
                taken.extend(world.drain());
                let of_file = |object: &FileObject| {
                    let of: Vec<_> = taken.iter().filter(|event| event.object == object.address()).collect();
                    assert_eq!(of.len(), 1, "{of:?}");
                    of[0].events
                };
                assert_ne!(of_file(&objects[0]) & sys::FILE_MODIFIED, 0);
                assert_ne!(of_file(&objects[1]), 0);
                taken.retain(|event| event.source != sys::PORT_SOURCE_FILE);
                world.is_intact(&taken, None);
                world.close();
            },
        );
    });
}

const OF_AIO: &[Errno] = &[EAGAIN];

/// A request of asynchronous I/O whose parts take no memory when it is submitted.
struct Aio {
    control: Box<sys::aiocb>,
    _buffer: Vec<u8>,
    _notify: Box<sys::port_notify>,
}

impl Aio {
    fn new(world: &World, operation: c_int, fd: &impl AsRawFd, size: usize) -> Self {
        let user = ptr::without_provenance_mut(9);
        let mut notify = Box::new(sys::port_notify { portnfy_port: world.number(), portnfy_user: user });
        let mut buffer = vec![7; size];
        // SAFETY: all zeros is a valid control block.
        let mut control: Box<sys::aiocb> = Box::new(unsafe { std::mem::zeroed() });
        control.aio_fildes = fd.as_raw_fd();
        control.aio_buf = buffer.as_mut_ptr().cast();
        control.aio_nbytes = size;
        control.aio_lio_opcode = operation;
        control.aio_sigevent = sigevent(&raw mut *notify);
        Self { control, _buffer: buffer, _notify: notify }
    }

    /// One to read that has been refused once, so that its error tells whether it was accepted since.
    fn refused(world: &World, fd: &impl AsRawFd, size: usize) -> Self {
        let mut request = Self::new(world, sys::LIO_READ, &-1, size);
        assert_eq!(request.submit(), Err(EBADF));
        request.control.aio_fildes = fd.as_raw_fd();
        request
    }

    fn submit(&mut self) -> Result<(), Errno> {
        let control = &raw mut *self.control;
        // SAFETY: the request lives until it is over: `over` is called before it is dropped.
        status(unsafe {
            match self.control.aio_lio_opcode {
                sys::LIO_READ => sys::aio_read(control),
                sys::LIO_WRITE => sys::aio_write(control),
                _ => sys::aio_fsync(libc::O_SYNC, control),
            }
        })
    }

    fn event(&self) -> Event {
        let events = match self.control.aio_lio_opcode {
            sys::LIO_READ => sys::AIOAREAD,
            sys::LIO_WRITE => sys::AIOAWRITE,
            _ => sys::AIOFSYNC,
        };
        Event { source: sys::PORT_SOURCE_AIO, object: (&raw const *self.control).addr(), events, user: 9 }
    }

    fn error(&self) -> c_int {
        // SAFETY: the control block is valid.
        unsafe { sys::aio_error(&raw const *self.control) }
    }
}

/// Waits until the events are there, all of which come.
fn wait_for(world: &World, mut taken: Vec<Event>, events: &[Event]) -> Vec<Event> {
    while !events.iter().all(|event| taken.contains(event)) {
        match get(&world.port, ms(30_000)) {
            Ok(Some(event)) => taken.push(event),
            other => panic!("{other:?}, and {taken:?} of {events:?}"),
        }
    }
    taken
}

/// What a request is about.
#[derive(Debug, Clone, Copy)]
enum On {
    File,
    Pipe,
    Socket,
}

/// The descriptor for a request, and where what it reads comes from.
struct Transfer {
    fd: OwnedFd,
    other: Option<OwnedFd>,
}

impl Transfer {
    fn new(on: On, dir: &TempDir) -> Self {
        match on {
            On::File => {
                let path = dir.path().join("file");
                let file = File::options().read(true).write(true).open(path).expect("it opens");
                Self { fd: file.into(), other: None }
            }
            On::Pipe => Self::of_pipe(),
            On::Socket => {
                let (fd, other) = std::os::unix::net::UnixStream::pair().expect("there is one");
                Self { fd: fd.into(), other: Some(other.into()) }
            }
        }
    }

    fn of_pipe() -> Self {
        let (fd, other) = blocking_pipe();
        Self { fd, other: Some(other) }
    }

    /// Lets a request that waits go on.
    fn go(&self) {
        if let Some(other) = &self.other {
            exempt(|| write(other));
        }
    }
}

/// What is accepted brings its event, whatever fails in the threads that work on it.
#[test]
fn requests_of_asynchronous_io() {
    case(|| {
        let dir = TempDir::new();
        dir.file("file", &[1; 200_000]);
        let kinds = [
            ("aio_read", sys::LIO_READ, On::File, 100),
            ("aio_read of much", sys::LIO_READ, On::File, 150_000),
            ("aio_write", sys::LIO_WRITE, On::File, 100),
            ("aio_write of much", sys::LIO_WRITE, On::File, 150_000),
            ("aio_fsync", sys::LIO_NOP, On::File, 0),
            ("aio_read of a pipe", sys::LIO_READ, On::Pipe, 1),
            ("aio_read of a socket", sys::LIO_READ, On::Socket, 1),
            ("aio_write to a socket", sys::LIO_WRITE, On::Socket, 100),
        ];
        for (name, operation, on, size) in kinds {
            sweep(
                Sweep { threads: true, ..plain(name, OF_AIO) },
                || {
                    let (world, transfer) = (World::new(), Transfer::new(on, &dir));
                    let request = Aio::new(&world, operation, &transfer.fd, size);
                    (world, request, transfer, List::new())
                },
                |(world, request, transfer, list)| {
                    request.submit()?;
                    transfer.go();
                    // What it fails with is seen below.
                    let _ = list.getn(world.number(), 16, 3, ms(30_000));
                    Ok(())
                },
                |(world, request, transfer, list), done| {
                    let mut taken = list.events();
                    if done.is_ok() {
                        taken = wait_for(&world, taken, &[request.event()]);
                    }
                    assert_ne!(request.error(), libc::EINPROGRESS);
                    world.is_intact(&taken, done.is_ok().then(|| request.event()));
                    world.holds(0);
                    world.close();
                    drop((request, transfer));
                },
            );
        }
    });
}

/// A list with requests of each kind.
#[test]
fn lists_of_requests() {
    case(|| {
        let dir = TempDir::new();
        dir.file("file", &[1; 200_000]);
        for mode in [sys::LIO_NOWAIT, sys::LIO_WAIT] {
            let name = if mode == sys::LIO_WAIT { "lio_listio that waits" } else { "lio_listio" };
            sweep(
                Sweep { threads: true, ..plain(name, &[EAGAIN, EIO, EINTR]) },
                || {
                    let (world, transfers) = (World::new(), [On::File, On::Pipe].map(|on| Transfer::new(on, &dir)));
                    let sizes = [150_000, 1];
                    let requests = [0, 1].map(|at| Aio::refused(&world, &transfers[at].fd, sizes[at]));
                    // The list's own event.
                    let whole = Aio::new(&world, sys::LIO_NOP, &-1, 0);
                    (world, requests, whole, transfers, List::new())
                },
                |(world, requests, whole, transfers, list)| {
                    // Were it to wait for the pipe, nobody else would write to it.
                    transfers.iter().for_each(Transfer::go);
                    let blocks = requests.each_mut().map(|request| &raw mut *request.control);
                    let event = &raw mut whole.control.aio_sigevent;
                    // SAFETY: the list has two entries, and the requests live until they are over.
                    let result = status(unsafe { sys::lio_listio(mode, blocks.as_ptr(), 2, event) });
                    let _ = list.getn(world.number(), 16, 4, ms(if result.is_ok() { 30_000 } else { 1 }));
                    result
                },
                |(world, requests, whole, transfers, list), _| {
                    // One that was refused says so by an error that no transfer has here.
                    let refusals = [libc::EAGAIN, libc::EBADF];
                    let accepted = requests.iter().filter(|request| !refusals.contains(&request.error()));
                    let mut expected: Vec<Event> = accepted.map(Aio::event).collect();
                    let object = (&raw const whole.control.aio_sigevent).addr();
                    let all = Event { source: sys::PORT_SOURCE_AIO, object, events: sys::AIOLIO, user: 9 };
                    if mode == sys::LIO_NOWAIT && !expected.is_empty() {
                        expected.push(all);
                    }
                    let taken = wait_for(&world, list.events(), &expected);
                    drop(transfers);
                    assert!(requests.iter().all(|request| request.error() != libc::EINPROGRESS));
                    world.is_intact(&taken, expected);
                    world.holds(0);
                    world.close();
                },
            );
        }
    });
}

#[test]
fn limit_04_timers() {
    case(|| {
        for clock in [sys::CLOCK_MONOTONIC, sys::CLOCK_REALTIME] {
            sweep(
                plain("timer_create", SHORTAGE),
                || {
                    let world = World::new();
                    let user = ptr::without_provenance_mut(9);
                    let mut notify = Box::new(sys::port_notify { portnfy_port: world.number(), portnfy_user: user });
                    let event = sigevent(&raw mut *notify);
                    (world, notify, event)
                },
                |(_, _, event)| Timer::create(clock, event),
                |(world, ..), made| {
                    let held = u32::from(made.is_ok());
                    world.is_intact(&[], None);
                    world.holds(held);
                    drop(made);
                    world.holds(0);
                    world.close();
                },
            );
        }
        sweep(
            plain("a retrieval that waits for a timer", RETRIEVAL),
            || {
                let world = World::new();
                let timer = Timer::new(&world.port, 9);
                (world, timer, List::new())
            },
            |(world, timer, list)| {
                timer.set(Duration::from_millis(1), Duration::ZERO);
                list.getn(world.number(), 16, 3, ms(30_000)).map(drop)
            },
            |(world, timer, list), _| {
                let event = timer.event(1, 9);
                let taken = wait_for(&world, list.events(), &[event]);
                world.is_intact(&taken, [event]);
                world.holds(1);
                timer.delete();
                world.holds(0);
                world.close();
            },
        );
    });
}

/// The first timer of a process makes what timers have in common, as does the first port. Not a case: see above.
#[test]
fn limit_04_the_first_timer() {
    // Made within each process, and before anything fails there.
    let port = std::cell::OnceCell::new();
    let make = || {
        let port: &OwnedFd = exempt(|| port.get_or_init(event_ports_tests::port));
        let user = ptr::without_provenance_mut(9);
        let mut notify = sys::port_notify { portnfy_port: port.as_raw_fd(), portnfy_user: user };
        Timer::create(sys::CLOCK_REALTIME, &mut sigevent(&raw mut notify))
    };
    first("limit_04_the_first_timer", make, |made| {
        assert!(matches!(made, Ok(_) | Err(EAGAIN | ENOMEM)), "{made:?}");
        let timer = make().expect("it works now");
        timer.set(Duration::from_nanos(1), Duration::ZERO);
        let port = port.get().expect("it has been made");
        assert_eq!(get(port, ms(30_000)), Ok(Some(timer.event(1, 9))));
    });
}

/// The first request of a process makes what requests have in common. Not a case: see above.
#[test]
fn the_first_request() {
    let parts = std::cell::OnceCell::new();
    let make = || {
        let (world, transfer) = exempt(|| parts.get_or_init(|| (World::new(), Transfer::of_pipe())));
        let mut request = exempt(|| Box::new(Aio::new(world, sys::LIO_READ, &transfer.fd, 1)));
        request.submit()?;
        Ok(request)
    };
    first("the_first_request", make, |made: Result<Box<Aio>, Errno>| {
        assert!(made.is_ok() || OF_AIO.contains(made.as_ref().err().expect("an error")), "{:?}", made.err());
        let request = made.unwrap_or_else(|_| make().expect("it works now"));
        let (world, transfer) = parts.get().expect("they have been made");
        transfer.go();
        let taken = wait_for(world, Vec::new(), &[request.event()]);
        world.is_intact(&taken, [request.event()]);
    });
}

/// A child that is short of something has no ports where it had its parent's, and its parent feels nothing.
#[test]
fn the_first_call_in_a_child() {
    case(|| {
        let allowed = [EBADFD, EAGAIN, EMFILE, ENOMEM];
        sweep(
            plain("the first call in a child", &[]),
            || (World::new(), List::new()),
            |(world, list)| {
                // The child's own calls are under fault, and its verdict is its exit status.
                // SAFETY: the harness's other thread does nothing but wait, and holds no lock.
                let pid = unsafe { libc::fork() };
                if pid == 0 {
                    let got = list.getn(world.number(), 16, 1, POLL);
                    let sent = exempt(|| send(&world.port, 1, 1));
                    let again = exempt(|| list.getn(world.number(), 16, 1, POLL));
                    let sound = match got {
                        Ok(0) => sent == Ok(()) && again == Ok(1),
                        Ok(_) => false,
                        Err(errno) => allowed.contains(&errno) && sent.is_err() == again.is_err(),
                    };
                    // SAFETY: ends the child without the parent's exit handlers.
                    unsafe { libc::_exit(if sound { as_status() } else { 1 }) };
                }
                let mut status = -1;
                // SAFETY: the status is a valid place.
                let reaped = unsafe { libc::waitpid(pid, &raw mut status, 0) };
                assert!(reaped == pid && libc::WIFEXITED(status), "the child ends: {status:#x}");
                adopt(libc::WEXITSTATUS(status));
                Ok(())
            },
            |(world, _), _| {
                world.is_intact(&[], None);
                world.close();
            },
        );
    });
}

#[test]
fn message_queues() {
    case(|| {
        let allowed = &[EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS, EACCES, EIO];
        sweep(
            plain("mq_notify", allowed),
            || {
                let (world, queue) = (World::new(), Queue::new());
                let user = ptr::without_provenance_mut(9);
                let mut notify = Box::new(sys::port_notify { portnfy_port: world.number(), portnfy_user: user });
                let event = sigevent(&raw mut *notify);
                (world, queue, notify, event)
            },
            |(_, queue, _, event)| queue.notify_by(event),
            |(world, queue, ..), done| {
                if done.is_err() {
                    // The queue is free for somebody else.
                    let other = port();
                    assert_eq!((queue.notify(&other, 1), queue.cancel()), (Ok(()), Ok(())));
                    close_port(other);
                }
                queue.send();
                world.is_intact(&[], done.is_ok().then(|| queue.event(9)));
                world.holds(0);
                world.close();
            },
        );
        sweep(
            plain("port_getn of message queues", RETRIEVAL),
            || {
                let (world, queue) = (World::new(), Queue::new());
                queue.notify(&world.port, 9).expect("it is registered");
                queue.send();
                (world, queue, List::new())
            },
            |(world, _, list)| list.getn(world.number(), 16, 1, POLL).map(drop),
            |(world, queue, list), got| {
                assert!(got.is_ok() || list.events().is_empty());
                world.is_intact(&list.events(), [queue.event(9)]);
                world.holds(0);
                world.close();
            },
        );
    });
}
