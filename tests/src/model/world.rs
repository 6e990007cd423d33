//! The system and the models, side by side.

use super::port::{Patience, PortModel, Target};
use super::step::{Closing, Kind, Sequence, Step, Times, limits};
use crate::errno::{EBADF, EBADFD, EINVAL, ENOENT, Errno};
use crate::files::{self, FileObject, LONG_AGO};
use crate::objects::{self, Pipe, TempDir};
use crate::timers::{self, Timer};
use crate::{process, raw};
use event_ports_sys as sys;
use libc::{c_int, c_uint};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The descriptors of the steps have numbers from here up: what is below is left to ports.
const FIRST_NUMBER: RawFd = 100;
/// A number that is never open.
const NEVER_OPEN: RawFd = 190;
/// The world's own descriptors have numbers from here up.
const FIRST_PRIVATE: RawFd = 200;

/// How long an event that is to come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a regular file is always ready for (FD-19).
const FILE_READY: c_int = sys::POLLIN | sys::POLLRDNORM | sys::POLLRDBAND | sys::POLLOUT | sys::POLLWRBAND;

/// An open file, and what makes it ready.
struct OpenFile {
    kind: Kind,
    peer: Option<OwnedFd>,
}

struct LivePort {
    /// Tells ports of one number apart.
    id: usize,
    model: PortModel,
    /// A descriptor was closed while its event was queued, or while the open file lives on: on Linux that may make the
    /// port readable for nothing (PORT-6).
    haunted: bool,
    /// A file has changed since the port was looked at: so may that, though nobody asked for it.
    restless: bool,
}

struct Alarm {
    timer: Timer,
    port: usize,
}

/// Ports, descriptors, files and timers, and what the rules say of them.
pub struct World<'a> {
    directory: &'a TempDir,
    limit: usize,
    eager: bool,
    /// The step, and the cookie of what it does.
    step: usize,
    calls: u64,
    slots: [RawFd; limits::PORTS as usize],
    ports: BTreeMap<RawFd, LivePort>,
    /// What has taken the numbers of closed ports.
    squatters: BTreeMap<RawFd, OwnedFd>,
    next_port: usize,
    open_files: Vec<OpenFile>,
    numbers: [Option<usize>; limits::NUMBERS as usize],
    /// Which number was which open file when it was associated.
    associated: BTreeSet<(u8, usize)>,
    paths: [Option<u64>; limits::PATHS as usize],
    next_inode: u64,
    objects: Vec<FileObject>,
    timers: [Option<Alarm>; limits::TIMERS as usize],
}

/// Compares what the system says with what the model says.
fn same<T: Debug + PartialEq>(call: &str, system: &T, model: &T) -> Result<(), String> {
    if system == model { Ok(()) } else { Err(format!("{call}: the system says {system:?}, the model {model:?}")) }
}

fn high(fd: OwnedFd) -> OwnedFd {
    // SAFETY: F_DUPFD takes a number.
    let moved = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, FIRST_PRIVATE) };
    assert!(moved >= FIRST_PRIVATE, "there are numbers left");
    // SAFETY: the call returned a new descriptor.
    unsafe { OwnedFd::from_raw_fd(moved) }
}

const fn fd(number: u8) -> RawFd {
    FIRST_NUMBER + number as RawFd
}

/// The descriptor that a step means by a number: one of its own, one that is never open, or what is none.
fn meant(number: u8) -> RawFd {
    match number.checked_sub(limits::NUMBERS) {
        None => fd(number),
        Some(0) => NEVER_OPEN,
        Some(_) => -1,
    }
}

impl<'a> World<'a> {
    /// A world with nothing in it, that keeps its files in a directory.
    #[must_use]
    pub fn new(directory: &'a TempDir, limit: u32, eager: bool) -> Self {
        process::limit_events(limit);
        let objects = (0..limits::OBJECTS).map(|object| FileObject::new(path_in(directory, object % limits::PATHS)));
        Self {
            directory,
            limit: limit as usize,
            eager,
            step: 0,
            calls: 0,
            slots: [NEVER_OPEN; limits::PORTS as usize],
            ports: BTreeMap::new(),
            squatters: BTreeMap::new(),
            next_port: 0,
            open_files: Vec::new(),
            numbers: [None; limits::NUMBERS as usize],
            associated: BTreeSet::new(),
            paths: [None; limits::PATHS as usize],
            next_inode: 0,
            objects: objects.collect(),
            timers: [const { None }; limits::TIMERS as usize],
        }
    }

    /// Does all of a sequence, and then empties every port. Returns how many calls were compared.
    ///
    /// # Errors
    /// The first step at which the system and the model disagree, and in what.
    pub fn run(directory: &'a TempDir, sequence: &Sequence) -> Result<u64, String> {
        let mut world = Self::new(directory, sequence.limit, sequence.eager);
        for port in 0..limits::PORTS {
            world.create_port(port)?;
        }
        for (at, step) in sequence.steps.iter().enumerate() {
            world.step = at;
            world.run_step(step).map_err(|difference| format!("step {at}, {step:?}: {difference}"))?;
        }
        for port in 0..limits::PORTS {
            world.empty(port).map_err(|difference| format!("emptying port {port}: {difference}"))?;
        }
        Ok(world.calls)
    }

    fn run_step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::CreatePort { port } => self.create_port(port)?,
            Step::ClosePort { port, how } => self.close_port(port, how),
            Step::Send { port, events } => self.send(port, events)?,
            Step::SendMany { ref ports, events } => self.send_many(ports, events)?,
            Step::Alert { port, flags, events } => {
                let (number, user) = (self.slot(port), self.step);
                let system = raw::alert(&number, flags, events, user);
                let model = self.model(number).and_then(|model| model.alert(flags, events, user));
                self.compare("port_alert", &system, &model)?;
            }
            Step::Get { port, patience } => self.get(port, patience)?,
            Step::GetMany { port, list, max, nget, patience } => self.get_many(port, list, max, nget, patience)?,
            Step::Count { port } => self.look(self.slot(port))?,
            Step::Poll { port } => self.poll_port(port)?,
            Step::Open { number, kind } => self.open(number, kind)?,
            Step::Duplicate { from, to } => self.duplicate(from, to),
            Step::Close { number } => self.close(number),
            Step::Fire { number } => self.change(number, Self::fire)?,
            Step::Quiet { number } => self.change(number, Self::quiet)?,
            Step::HangUp { number } => self.change(number, |file, _| file.peer = None)?,
            Step::Associate { port, number, mask } => self.associate(port, number, mask)?,
            Step::Dissociate { port, number } => self.dissociate(port, number)?,
            Step::AssociateFile { port, object, mask, times } => self.associate_file(port, object, mask, times)?,
            Step::DissociateFile { port, object } => {
                let number = self.slot(port);
                let object = &self.objects[usize::from(object)];
                let (system, address) = (files::dissociate_file(&number, object), object.address());
                let model = self.model(number).and_then(|model| model.dissociate_file(address));
                self.compare("port_dissociate", &system, &model)?;
            }
            Step::CreateFile { .. }
            | Step::WriteFile { .. }
            | Step::ReadFile { .. }
            | Step::ChangeMode { .. }
            | Step::Unlink { .. }
            | Step::Rename { .. } => {
                // On Linux several changes that nobody has looked at in between may be one (FILE-28, FILE-37).
                self.look_where(PortModel::has_files)?;
                self.change_file(step);
                self.ports.values_mut().for_each(|port| port.restless |= port.model.has_files());
            }
            Step::CreateTimer { timer, port } => self.create_timer(timer, port)?,
            Step::Expire { timer } => self.set_timer(timer, Duration::from_nanos(1))?,
            Step::Postpone { timer } => self.set_timer(timer, Duration::from_secs(1 << 32))?,
            Step::Disarm { timer } => self.set_timer(timer, Duration::ZERO)?,
            Step::DeleteTimer { timer } => self.delete_timer(timer),
        }
        if self.eager { self.look_where(|_| true) } else { Ok(()) }
    }

    fn compare<T: Debug + PartialEq>(&mut self, call: &str, system: &T, model: &T) -> Result<(), String> {
        self.calls += 1;
        same(call, system, model)
    }

    fn slot(&self, port: u8) -> RawFd {
        self.slots[usize::from(port)]
    }

    /// The model of the port that has a number now (SYS-5).
    fn model(&mut self, number: RawFd) -> Result<&mut PortModel, Errno> {
        let error = if self.squatters.contains_key(&number) { EBADFD } else { EBADF };
        self.ports.get_mut(&number).map(|port| &mut port.model).ok_or(error)
    }

    /// The count query: it moves what has fired into the queue.
    fn look(&mut self, number: RawFd) -> Result<(), String> {
        let system = raw::getn(&number, 0, 0, None);
        if let Some(port) = self.ports.get_mut(&number) {
            port.restless = false;
        }
        let model = self.model(number).map(|model| model.pending());
        self.compare("the count query", &system.result.map(|()| system.nget as usize), &model)
    }

    fn look_where(&mut self, which: impl Fn(&PortModel) -> bool) -> Result<(), String> {
        let ports = self.ports.iter().filter(|(_, port)| which(&port.model));
        let numbers: Vec<RawFd> = ports.map(|(&number, _)| number).collect();
        numbers.into_iter().try_for_each(|number| self.look(number))
    }

    // Ports

    fn create_port(&mut self, port: u8) -> Result<(), String> {
        let slot = self.slot(port);
        if self.ports.contains_key(&slot) {
            return Ok(());
        }
        self.squatters.remove(&slot);
        let created = raw::try_port().map(OwnedFd::into_raw_fd);
        // SAFETY: F_GETFD takes no argument. What the lowest free number was is known from what is open below it now.
        let lowest = created.is_ok_and(|number| (0..number).all(|n| unsafe { libc::fcntl(n, libc::F_GETFD) } != -1));
        self.compare("port_create gives the lowest free number", &lowest, &true)?;
        let number = created.map_err(|error| format!("port_create: {error:?}"))?;
        let port_model =
            LivePort { id: self.next_port, model: PortModel::new(self.limit), haunted: false, restless: false };
        self.next_port += 1;
        self.slots[usize::from(port)] = number;
        self.ports.insert(number, port_model);
        Ok(())
    }

    fn close_port(&mut self, port: u8, how: Closing) {
        let number = self.slot(port);
        if self.ports.remove(&number).is_none() {
            return;
        }
        // SAFETY: the number is that of the port, which nobody else owns.
        let owned = unsafe { OwnedFd::from_raw_fd(number) };
        match how {
            Closing::AtOnce => raw::close_port(owned),
            Closing::Plain => objects::close(owned),
            Closing::Over => {
                objects::dup_onto(&high(Pipe::new().read), &owned);
                self.squatters.insert(number, owned);
            }
        }
    }

    fn poll_port(&mut self, port: u8) -> Result<(), String> {
        let number = self.slot(port);
        let Some(port) = self.ports.get(&number) else { return Ok(()) };
        let (pending, haunted) = (port.model.pending() > 0, port.haunted || port.restless);
        let readable = objects::is_readable(&number);
        let expected = if haunted && !pending { readable } else { pending };
        self.compare("poll", &readable, &expected)
    }

    fn empty(&mut self, port: u8) -> Result<(), String> {
        let number = self.slot(port);
        if !self.ports.contains_key(&number) {
            return Ok(());
        }
        let off = raw::alert(&number, 0, 0, 0);
        self.compare("port_alert", &off, &Ok(()))?;
        let model = self.model(number).and_then(|model| model.alert(0, 0, 0));
        self.compare("port_alert", &off, &model)?;
        self.get_many(port, true, 128, 1, Patience::None)?;
        let left = self.model(number).map(|model| model.pending());
        self.compare("the port is empty", &left, &Ok(0))?;
        self.look(number)
    }

    // User events and retrieval

    fn send(&mut self, port: u8, events: c_int) -> Result<(), String> {
        let (number, user) = (self.slot(port), self.step);
        let system = raw::send(&number, events, user);
        let model = self.model(number).and_then(|model| model.send(events, user));
        self.compare("port_send", &system, &model)
    }

    fn send_many(&mut self, ports: &[u8], events: c_int) -> Result<(), String> {
        let numbers: Vec<RawFd> = ports.iter().map(|&port| self.slot(port)).collect();
        let user = self.step;
        let system = raw::sendn(&numbers, events, user);
        let mut errors = Vec::new();
        for number in numbers {
            let sent = self.model(number).and_then(|model| model.send(events, user));
            errors.push(sent.err().map_or(0, |errno| errno.0));
        }
        let sent = errors.iter().filter(|&&error| error == 0).count();
        let model = match (errors.len(), sent) {
            (0, _) => (Err(EINVAL), errors),
            // SENDN-2.
            (all, sent) if all == sent => (Ok(sent), vec![-1; all]),
            _ => (Ok(sent), errors),
        };
        let system = (system.0.map(|sent| sent as usize), system.1);
        self.compare("port_sendn", &system, &model)
    }

    fn get(&mut self, port: u8, patience: Patience) -> Result<(), String> {
        let number = self.slot(port);
        let system = raw::get(&number, timeout(patience));
        let seen = system.ok().flatten();
        let model = self.model(number).and_then(|model| model.get(patience, seen.as_ref()));
        self.compare("port_get", &system, &model)
    }

    fn get_many(&mut self, port: u8, list: bool, max: c_uint, nget: c_uint, patience: Patience) -> Result<(), String> {
        let number = self.slot(port);
        let timeout = timeout(patience);
        let system = if list { raw::getn(&number, max, nget, timeout) } else { without_list(number, max, nget) };
        let seen = &system.events;
        let model = self.model(number).map(|model| model.getn(list, max, nget, patience, seen));
        let model = model.unwrap_or_else(|errno| raw::Got::failed(errno, nget));
        self.compare("port_getn", &system, &model)
    }

    // Descriptors

    fn file_of(&self, number: u8) -> Option<usize> {
        *self.numbers.get(usize::from(number))?
    }

    fn numbers_of(&self, file: usize) -> Vec<u8> {
        (0..limits::NUMBERS).filter(|&number| self.file_of(number) == Some(file)).collect()
    }

    /// Makes a number another file, or none.
    fn assign(&mut self, number: u8, file: Option<usize>) {
        let Some(place) = self.numbers.get_mut(usize::from(number)) else { return };
        let before = std::mem::replace(place, file);
        let lives_on = before.is_some_and(|file| !self.numbers_of(file).is_empty());
        for port in self.ports.values_mut() {
            port.haunted |= lives_on || port.model.is_queued(fd(number));
            port.model.closed(fd(number));
        }
        if let (Some(file), false) = (before, lives_on) {
            self.open_files[file].peer = None;
        }
    }

    fn open(&mut self, number: u8, kind: Kind) -> Result<(), String> {
        if number >= limits::NUMBERS {
            return Ok(());
        }
        let (end, peer) = match kind {
            Kind::PipeRead | Kind::PipeWrite => {
                let pipe = Pipe::new();
                let ends = (high(pipe.read), high(pipe.write));
                if kind == Kind::PipeRead { (ends.0, Some(ends.1)) } else { (ends.1, Some(ends.0)) }
            }
            Kind::Socket => {
                let (end, peer) = UnixStream::pair().map_err(|error| format!("socketpair: {error}"))?;
                for socket in [&end, &peer] {
                    socket.set_nonblocking(true).map_err(|error| format!("socket: {error}"))?;
                }
                (high(end.into()), Some(high(peer.into())))
            }
            Kind::Regular => {
                let path = self.directory.file(&format!("open-{}", self.open_files.len()), b"content");
                let file = std::fs::File::open(path).map_err(|error| format!("open: {error}"))?;
                (high(file.into()), None)
            }
        };
        dup2(end.as_raw_fd(), fd(number));
        self.assign(number, Some(self.open_files.len()));
        self.open_files.push(OpenFile { kind, peer });
        Ok(())
    }

    fn duplicate(&mut self, from: u8, to: u8) {
        let Some(file) = self.file_of(from) else { return };
        // A number that becomes the same open file again looks on Linux as if it had never been closed.
        if to >= limits::NUMBERS || self.file_of(to) == Some(file) || self.associated.contains(&(to, file)) {
            return;
        }
        dup2(fd(from), fd(to));
        self.assign(to, Some(file));
    }

    fn close(&mut self, number: u8) {
        if self.file_of(number).is_some() {
            // SAFETY: the number is the world's, and is not used again before it is something else.
            unsafe { libc::close(fd(number)) };
            self.assign(number, None);
        }
    }

    fn fire(file: &mut OpenFile, _number: RawFd) {
        match (&file.peer, file.kind) {
            (Some(peer), Kind::PipeRead | Kind::Socket) => objects::write(peer),
            (Some(peer), Kind::PipeWrite) => drop(objects::read_all(peer)),
            _ => {}
        }
    }

    fn quiet(file: &mut OpenFile, number: RawFd) {
        match (&file.peer, file.kind) {
            (_, Kind::PipeRead | Kind::Socket) => drop(objects::read_all(&number)),
            (Some(_), Kind::PipeWrite) => objects::fill(&number),
            _ => {}
        }
    }

    /// Does something to the open file of a number. What it had fired before is looked at first: on Linux an event that
    /// nobody has looked at shows the conditions of later (FD-15, FD-17).
    fn change(&mut self, number: u8, what: impl FnOnce(&mut OpenFile, RawFd)) -> Result<(), String> {
        let Some(file) = self.file_of(number) else { return Ok(()) };
        let numbers = self.numbers_of(file);
        self.look_where(|port| numbers.iter().any(|&number| port.is_queued(fd(number))))?;
        what(&mut self.open_files[file], fd(number));
        for port in self.ports.values_mut() {
            let armed = numbers.iter().filter_map(|&number| Some((fd(number), port.model.armed(fd(number))?)));
            let ready: Vec<_> =
                armed.map(|(number, mask)| (number, objects::poll(&number, mask & 0x7fff, 0))).collect();
            port.model.woken(&ready);
        }
        Ok(())
    }

    fn associate(&mut self, port: u8, number: u8, mask: c_int) -> Result<(), String> {
        let (port, meant, user) = (self.slot(port), meant(number), self.step);
        let file = self.file_of(number);
        let ready = file.map(|file| match self.open_files[file].kind {
            Kind::Regular => mask & FILE_READY,
            _ => objects::poll(&meant, mask & 0x7fff, 0),
        });
        let system = raw::associate_fd(&port, &meant, mask, user);
        let model = self.model(port).and_then(|model| model.associate(meant, ready, mask, user));
        self.associated.extend(file.map(|file| (number, file)));
        self.compare("port_associate", &system, &model)
    }

    fn dissociate(&mut self, port: u8, number: u8) -> Result<(), String> {
        let (port, meant) = (self.slot(port), meant(number));
        let is_open = self.file_of(number).is_some();
        let system = raw::dissociate_fd(&port, &meant);
        let model = match self.model(port) {
            // FD-28.
            Ok(_) if meant < 0 => Err(EBADFD),
            Ok(model) => model.dissociate(meant, is_open),
            Err(errno) => Err(errno),
        };
        self.compare("port_dissociate", &system, &model)
    }

    // Files

    fn path(&self, path: u8) -> PathBuf {
        path_in(self.directory, path)
    }

    fn associate_file(&mut self, port: u8, object: u8, mask: c_int, times: Times) -> Result<(), String> {
        let (number, user) = (self.slot(port), self.step);
        let name = usize::from(object % limits::PATHS);
        let inode = self.paths[name];
        let object = &mut self.objects[usize::from(object)];
        let (seconds, changed) = match times {
            Times::Old => (LONG_AGO, sys::FILE_ACCESS | sys::FILE_MODIFIED | sys::FILE_ATTRIB),
            Times::Zero | Times::Present => (0, 0),
        };
        let record = object.record();
        for time in [&mut record.fo_atime, &mut record.fo_mtime, &mut record.fo_ctime] {
            *time = raw::timespec(seconds, 0);
        }
        if times == Times::Present && inode.is_some() {
            object.refresh();
        }
        let system = files::associate_file(&number, object, mask, user);
        let address = object.address();
        let target = inode.map(|inode| Target { inode, name, changed }).ok_or(ENOENT);
        let model = self.model(number).and_then(|model| model.associate_file(address, target, mask, user));
        self.compare("port_associate", &system, &model)
    }

    fn change_file(&mut self, step: &Step) {
        match *step {
            Step::CreateFile { path } if self.paths[usize::from(path)].is_none() => {
                std::fs::write(self.path(path), b"content").expect("a file can be made");
                self.next_inode += 1;
                self.paths[usize::from(path)] = Some(self.next_inode);
            }
            Step::WriteFile { path } => self.touch(path, files::append, sys::FILE_MODIFIED | sys::FILE_ATTRIB),
            Step::ReadFile { path } => self.touch(path, files::read_byte, sys::FILE_ACCESS),
            Step::ChangeMode { path } => {
                let mode = if self.step % 2 == 0 { 0o600 } else { 0o644 };
                self.touch(path, |path| files::chmod(path, mode), sys::FILE_ATTRIB);
            }
            Step::Unlink { path } => {
                let Some(inode) = self.paths[usize::from(path)].take() else { return };
                std::fs::remove_file(self.path(path)).expect("the file is there");
                self.gone(inode, path, sys::FILE_DELETE);
            }
            Step::Rename { from, to } if from != to => {
                let Some(inode) = self.paths[usize::from(from)].take() else { return };
                std::fs::rename(self.path(from), self.path(to)).expect("the file is there");
                // FILE-42.
                if let Some(replaced) = self.paths[usize::from(to)].replace(inode) {
                    self.gone(replaced, to, sys::FILE_RENAME_TO);
                }
                self.gone(inode, from, sys::FILE_RENAME_FROM);
            }
            _ => {}
        }
    }

    fn touch(&mut self, path: u8, what: impl FnOnce(&std::path::Path), bits: c_int) {
        if let Some(inode) = self.paths[usize::from(path)] {
            what(&self.path(path));
            self.ports.values_mut().for_each(|port| port.model.file_changed(inode, bits));
        }
    }

    fn gone(&mut self, inode: u64, path: u8, bit: c_int) {
        self.ports.values_mut().for_each(|port| port.model.file_gone(inode, usize::from(path), bit));
    }

    // Timers

    fn create_timer(&mut self, timer: u8, port: u8) -> Result<(), String> {
        let (number, user) = (self.slot(port), self.step);
        if self.timers[usize::from(timer)].is_some() {
            return Ok(());
        }
        let model = self.model(number).and_then(|model| model.may_create_timer());
        let timer_made = Timer::on(sys::CLOCK_MONOTONIC, &number, user);
        let system = timer_made.as_ref().map(drop).map_err(|&errno| errno);
        self.compare("timer_create", &system, &model)?;
        if let (Ok(made), Some(port)) = (timer_made, self.ports.get_mut(&number)) {
            port.model.timer_created(timers::object_of(made.id()), user);
            self.timers[usize::from(timer)] = Some(Alarm { timer: made, port: port.id });
        }
        Ok(())
    }

    fn set_timer(&mut self, timer: u8, at: Duration) -> Result<(), String> {
        let Some(Alarm { timer, port }) = &self.timers[usize::from(timer)] else { return Ok(()) };
        let (id, port) = (timer.id(), *port);
        let expires = at == Duration::from_nanos(1);
        let set = timers::settime(
            id,
            sys::TIMER_ABSTIME,
            raw::timespec(at.as_secs() as i64, at.subsec_nanos().into()),
            raw::timespec(0, 0),
        );
        self.compare("timer_settime", &set.map(drop), &Ok(()))?;
        let found = self.ports.iter_mut().find(|(_, live)| live.id == port);
        let Some((&number, live)) = found.filter(|_| expires) else { return Ok(()) };
        live.model.timer_expired(timers::object_of(id));
        let expected = live.model.pending();
        // What expires at once may do so in its own time. A timer that has expired is disarmed.
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let disarmed = timers::gettime(id).is_ok_and(|(left, _)| left.is_zero());
            if disarmed && raw::getn(&number, 0, 0, None).nget as usize == expected {
                break;
            }
            std::thread::yield_now();
        }
        self.look(number)
    }

    fn delete_timer(&mut self, timer: u8) {
        let Some(Alarm { timer, port }) = self.timers[usize::from(timer)].take() else { return };
        let object = timers::object_of(timer.id());
        timer.delete();
        if let Some(live) = self.ports.values_mut().find(|live| live.id == port) {
            live.model.timer_deleted(object);
        }
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        for number in 0..limits::NUMBERS {
            self.close(number);
        }
        for port in 0..limits::PORTS {
            self.close_port(port, Closing::AtOnce);
        }
        for entry in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

impl Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("step", &self.step).field("calls", &self.calls).finish_non_exhaustive()
    }
}

fn path_in(directory: &TempDir, path: u8) -> PathBuf {
    directory.path().join(format!("path-{path}"))
}

fn dup2(from: RawFd, to: RawFd) {
    // SAFETY: the number is the world's.
    assert_eq!(unsafe { libc::dup2(from, to) }, to, "dup2 succeeds");
}

const fn timeout(patience: Patience) -> Option<libc::timespec> {
    match patience {
        Patience::None => raw::POLL,
        Patience::Little => Some(raw::timespec(0, 1000)),
        Patience::Invalid => Some(raw::timespec(0, 1_000_000_000)),
    }
}

/// `port_getn` with a null list.
fn without_list(number: RawFd, max: c_uint, nget: c_uint) -> raw::Got {
    let mut count = nget;
    let mut timeout = raw::timespec(0, 0);
    // SAFETY: a null list is an error, if it is looked at.
    let returned = unsafe { sys::port_getn(number, std::ptr::null_mut(), max, &raw mut count, &raw mut timeout) };
    raw::Got { result: crate::errno::check(returned).map(drop), nget: count, events: Vec::new() }
}
