//! What a port is, in as few words as possible: rules, and no mechanism.

use crate::errno::{EAGAIN, EBADFD, EBUSY, EFAULT, EINVAL, ENOENT, ETIME, Errno};
use crate::raw::{Event, Got};
use event_ports_sys as sys;
use libc::{c_int, c_uint};
use std::collections::BTreeMap;

/// The number of an operation. What it fires has its number, so numbers order what is queued.
type Moment = u64;

/// How far an association or a timer has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It waits for something to happen.
    Armed,
    /// Its event is queued.
    Queued,
    /// Its event has been retrieved.
    Spent,
}

#[derive(Debug, Clone)]
struct Descriptor {
    state: State,
    mask: c_int,
    bits: c_int,
    user: usize,
    /// The event came with a wakeup, and not with the association.
    woken: bool,
}

#[derive(Debug, Clone)]
struct File {
    state: State,
    /// Which file the path meant, as a number of the caller's.
    inode: u64,
    /// Which name it had, as a number of the caller's.
    name: usize,
    mask: c_int,
    /// What is to be reported. It outlives an event that is taken back (FILE-20).
    bits: c_int,
    user: usize,
    /// When it was armed, or when it was spent.
    since: Moment,
}

#[derive(Debug, Clone)]
struct Timer {
    queued: bool,
    expirations: c_int,
    user: usize,
}

/// What lies in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    User(Event),
    Descriptor(c_int),
    File(usize),
    Exception(Event),
    Timer(usize),
}

/// How long a retrieval may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A timeout of zero.
    None,
    /// A timeout so short that nothing happens meanwhile.
    Little,
    /// A timeout that is no time.
    Invalid,
}

/// What a path means when a file is associated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Which file.
    pub inode: u64,
    /// By which name.
    pub name: usize,
    /// What has changed since the times in the object: `FILE_*`.
    pub changed: c_int,
}

/// A port.
#[derive(Debug, Clone)]
pub struct PortModel {
    limit: usize,
    now: Moment,
    queue: Vec<(Moment, What)>,
    alert: Option<Event>,
    descriptors: BTreeMap<c_int, Descriptor>,
    any_descriptor_yet: bool,
    files: BTreeMap<usize, File>,
    any_file_yet: bool,
    timers: BTreeMap<usize, Timer>,
}

/// Bits that are reported whether asked for or not (FD-13).
const ALWAYS: c_int = sys::POLLERR | sys::POLLHUP;

/// What a comparison of times can tell (FILE-22).
const BY_TIMES: c_int = sys::FILE_ACCESS | sys::FILE_MODIFIED | sys::FILE_ATTRIB;

/// What may be asked for, but for the flag of the lookup (FILE-1).
const ORDINARY: c_int = BY_TIMES | sys::FILE_TRUNC;

/// LIMIT-3, FILE-36, FILE-46: on Linux a file that finds the port full says so, spent associations make room for it, and
/// an exception takes the place of its association.
const FILES_ARE_LINUX: bool = cfg!(target_os = "linux");

impl PortModel {
    /// A port that holds so many events.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            now: 0,
            queue: Vec::new(),
            alert: None,
            descriptors: BTreeMap::new(),
            any_descriptor_yet: false,
            files: BTreeMap::new(),
            any_file_yet: false,
            timers: BTreeMap::new(),
        }
    }

    /// How many events are queued (GETN-3).
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Whether any file is associated, armed or not.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The masks of the armed associations of a number: nothing, or one.
    #[must_use]
    pub fn armed(&self, number: c_int) -> Option<c_int> {
        self.descriptors.get(&number).filter(|watch| watch.state == State::Armed).map(|watch| watch.mask)
    }

    /// Whether an event of a number is queued.
    #[must_use]
    pub fn is_queued(&self, number: c_int) -> bool {
        self.descriptors.get(&number).is_some_and(|watch| watch.state == State::Queued)
    }

    /// LIMIT-2.
    fn slots(&self) -> usize {
        let own = |what: &What| matches!(what, What::User(_) | What::Exception(_));
        let queued = self.queue.iter().filter(|(_, what)| own(what)).count();
        self.descriptors.len() + self.files.len() + self.timers.len() + queued
    }

    fn has_room(&self) -> bool {
        self.slots() < self.limit
    }

    fn next_moment(&mut self) {
        self.now += 1;
    }

    fn push(&mut self, what: What) {
        self.queue.push((self.now, what));
    }

    fn unqueue(&mut self, what: What) {
        self.queue.retain(|&(_, other)| other != what);
    }

    /// `port_send`.
    ///
    /// # Errors
    /// As the call.
    pub fn send(&mut self, events: c_int, user: usize) -> Result<(), Errno> {
        self.next_moment();
        if !self.has_room() {
            return Err(EAGAIN);
        }
        self.push(What::User(Event::user(events, user)));
        Ok(())
    }

    /// `port_alert`.
    ///
    /// # Errors
    /// As the call.
    pub fn alert(&mut self, flags: c_int, events: c_int, user: usize) -> Result<(), Errno> {
        let both = sys::PORT_ALERT_SET | sys::PORT_ALERT_UPDATE;
        if events == 0 {
            self.alert = None;
            return Ok(());
        }
        if flags & both == both {
            return Err(EINVAL);
        }
        if flags == sys::PORT_ALERT_UPDATE && self.alert.is_some() {
            return Err(EBUSY);
        }
        self.alert = Some(Event::alert(events, user));
        Ok(())
    }

    /// `port_associate` of a descriptor that is ready for `ready`, if it is open.
    ///
    /// # Errors
    /// As the call.
    pub fn associate(&mut self, number: c_int, ready: Option<c_int>, mask: c_int, user: usize) -> Result<(), Errno> {
        self.next_moment();
        let ready = ready.ok_or(EBADFD)?;
        if !self.descriptors.contains_key(&number) && !self.has_room() {
            return Err(EAGAIN);
        }
        self.any_descriptor_yet = true;
        self.unqueue(What::Descriptor(number));
        let bits = ready & (mask | ALWAYS);
        let state = if bits == 0 { State::Armed } else { State::Queued };
        self.descriptors.insert(number, Descriptor { state, mask, bits, user, woken: false });
        if state == State::Queued {
            self.push(What::Descriptor(number));
        }
        Ok(())
    }

    /// `port_dissociate` of a number that is open, or not (FD-28).
    ///
    /// # Errors
    /// As the call.
    pub fn dissociate(&mut self, number: c_int, is_open: bool) -> Result<(), Errno> {
        if !self.any_descriptor_yet {
            return Err(ENOENT);
        }
        if !is_open {
            return Err(EBADFD);
        }
        self.unqueue(What::Descriptor(number));
        match self.descriptors.remove(&number).map(|watch| watch.state) {
            Some(State::Armed | State::Queued) => Ok(()),
            Some(State::Spent) | None => Err(ENOENT),
        }
    }

    /// A number has been closed, or made another file (FD-21).
    pub fn closed(&mut self, number: c_int) {
        self.unqueue(What::Descriptor(number));
        self.descriptors.remove(&number);
    }

    /// Something has happened to descriptors. What it makes each number ready for is told by `ready`; the order among
    /// them is not (ORDER-1).
    pub fn woken(&mut self, ready: &[(c_int, c_int)]) {
        self.next_moment();
        for &(number, ready) in ready {
            let Some(watch) = self.descriptors.get_mut(&number) else { continue };
            let bits = ready & (watch.mask | ALWAYS);
            if watch.state == State::Armed && bits != 0 {
                (watch.state, watch.bits, watch.woken) = (State::Queued, bits, true);
                self.push(What::Descriptor(number));
            }
        }
    }

    /// `port_associate` of a file whose path means `target`, or gives an error.
    ///
    /// # Errors
    /// As the call.
    pub fn associate_file(
        &mut self,
        object: usize,
        target: Result<Target, Errno>,
        mask: c_int,
        user: usize,
    ) -> Result<(), Errno> {
        self.next_moment();
        if mask & !(ORDINARY | sys::FILE_NOFOLLOW) != 0 {
            return Err(EINVAL);
        }
        let target = target?;
        self.any_file_yet = true;
        let known = self.files.get(&object).cloned();
        if known.is_none() && !self.has_room() {
            if !FILES_ARE_LINUX {
                return Ok(());
            }
            let spent = self.files.iter().filter(|(_, file)| file.state == State::Spent);
            let oldest = spent.min_by_key(|(_, file)| file.since).map(|(&object, _)| object);
            self.files.remove(&oldest.ok_or(EAGAIN)?);
        }
        self.unqueue(What::File(object));
        // FILE-16, FILE-18.
        let same = known.filter(|file| file.inode == target.inode);
        let mut file = File {
            state: State::Armed,
            inode: target.inode,
            name: same.as_ref().map_or(target.name, |file| file.name),
            mask: mask & ORDINARY,
            // FILE-20.
            bits: same.as_ref().map_or(0, |file| file.bits),
            user,
            // FILE-15.
            since: same.filter(|file| file.state == State::Armed).map_or(self.now, |file| file.since),
        };
        let changed = target.changed & mask & BY_TIMES;
        if changed != 0 {
            file.bits |= changed;
            file.state = State::Queued;
            self.push(What::File(object));
        }
        self.files.insert(object, file);
        Ok(())
    }

    /// `port_dissociate` of a file (FILE-48).
    ///
    /// # Errors
    /// As the call.
    pub fn dissociate_file(&mut self, object: usize) -> Result<(), Errno> {
        if !self.any_file_yet {
            return Err(EINVAL);
        }
        self.unqueue(What::File(object));
        match self.files.remove(&object).map(|file| file.state) {
            Some(State::Armed | State::Queued) => Ok(()),
            Some(State::Spent) | None => Err(ENOENT),
        }
    }

    /// The armed associations of a file, in the order in which they were armed (FILE-15).
    fn armed_files(&self, inode: u64) -> Vec<usize> {
        let armed = self.files.iter().filter(|(_, file)| file.inode == inode && file.state == State::Armed);
        let mut armed: Vec<_> = armed.map(|(&object, file)| (file.since, object)).collect();
        armed.sort_unstable();
        armed.into_iter().map(|(_, object)| object).collect()
    }

    /// An operation on a file that offers `bits` (FILE-27).
    pub fn file_changed(&mut self, inode: u64, bits: c_int) {
        for object in self.armed_files(inode) {
            let Some(file) = self.files.get_mut(&object) else { continue };
            if bits & file.mask != 0 {
                file.state = State::Queued;
                file.bits |= bits & file.mask;
                self.next_moment();
                self.push(What::File(object));
            }
        }
    }

    /// A file has lost a name (FILE-33 … FILE-37): `bit` says how.
    pub fn file_gone(&mut self, inode: u64, name: usize, bit: c_int) {
        for object in self.armed_files(inode) {
            let Some(file) = self.files.get(&object).filter(|file| file.name == name) else { continue };
            let event = Event { source: sys::PORT_SOURCE_FILE, object, events: bit, user: file.user };
            let has_slot = FILES_ARE_LINUX || self.has_room();
            self.files.remove(&object);
            if has_slot {
                self.next_moment();
                self.push(What::Exception(event));
            }
        }
    }

    /// `timer_create`: whether there is room for a timer.
    ///
    /// # Errors
    /// As the call.
    pub fn may_create_timer(&self) -> Result<(), Errno> {
        if self.has_room() { Ok(()) } else { Err(EAGAIN) }
    }

    /// A timer has been created.
    pub fn timer_created(&mut self, object: usize, user: usize) {
        self.timers.insert(object, Timer { queued: false, expirations: 0, user });
    }

    /// A timer expires once.
    pub fn timer_expired(&mut self, object: usize) {
        self.next_moment();
        let Some(timer) = self.timers.get_mut(&object) else { return };
        timer.expirations += 1;
        if !timer.queued {
            timer.queued = true;
            self.push(What::Timer(object));
        }
    }

    /// `timer_delete` (TIMER-9).
    pub fn timer_deleted(&mut self, object: usize) {
        self.timers.remove(&object);
        self.unqueue(What::Timer(object));
    }

    /// The event that an entry of the queue stands for.
    fn event(&self, what: What) -> Event {
        match what {
            What::User(event) | What::Exception(event) => event,
            What::Descriptor(number) => {
                let watch = &self.descriptors[&number];
                let object = usize::try_from(number).expect("what is associated is open");
                Event { source: sys::PORT_SOURCE_FD, object, events: watch.bits, user: watch.user }
            }
            What::File(object) => {
                let file = &self.files[&object];
                Event { source: sys::PORT_SOURCE_FILE, object, events: file.bits, user: file.user }
            }
            What::Timer(object) => {
                let timer = &self.timers[&object];
                Event { source: sys::PORT_SOURCE_TIMER, object, events: timer.expirations, user: timer.user }
            }
        }
    }

    /// Takes the next event. Where the rules leave it open which of several comes first, or which conditions a wakeup
    /// announced (FD-15), it goes by the one that was seen.
    fn take(&mut self, seen: Option<&Event>) -> Event {
        let first = self.queue[0].0;
        let candidates = self.queue.iter().take_while(|&&(moment, _)| moment == first);
        let chosen = candidates.clone().position(|&(_, what)| {
            seen.is_some_and(|seen| (self.event(what).object, self.event(what).source) == (seen.object, seen.source))
        });
        let (_, what) = self.queue.remove(chosen.unwrap_or(0));
        let mut event = self.event(what);
        match what {
            What::User(_) | What::Exception(_) => {}
            What::Descriptor(number) => {
                let watch = self.descriptors.get_mut(&number).expect("what is queued is associated");
                watch.state = State::Spent;
                let announced = seen.map_or(0, |seen| seen.events);
                if watch.woken && !cfg!(target_os = "linux") && announced != 0 && announced & !event.events == 0 {
                    event.events = announced;
                }
            }
            What::File(object) => {
                let file = self.files.get_mut(&object).expect("what is queued is associated");
                (file.state, file.bits, file.since) = (State::Spent, 0, self.now);
                self.now += 1;
            }
            What::Timer(object) => {
                let timer = self.timers.get_mut(&object).expect("what is queued is there");
                (timer.queued, timer.expirations) = (false, 0);
            }
        }
        event
    }

    /// `port_get`, and what it returned.
    ///
    /// # Errors
    /// As the call.
    pub fn get(&mut self, patience: Patience, seen: Option<&Event>) -> Result<Option<Event>, Errno> {
        if self.alert.is_some() {
            return Ok(self.alert);
        }
        if !self.queue.is_empty() {
            return Ok(Some(self.take(seen)));
        }
        match patience {
            Patience::None => Ok(None),
            Patience::Little => Err(ETIME),
            Patience::Invalid => Err(EINVAL),
        }
    }

    /// `port_getn`, and the events it returned. `list` says whether there is one.
    #[must_use]
    pub fn getn(&mut self, list: bool, max: c_uint, nget: c_uint, patience: Patience, seen: &[Event]) -> Got {
        if max == 0 {
            let nget = self.queue.len().try_into().expect("few events");
            return Got { result: Ok(()), nget, events: Vec::new() };
        }
        if nget > max {
            return Got::failed(EINVAL, nget);
        }
        if !list {
            return Got::failed(EFAULT, nget);
        }
        if nget == 0 {
            return Got::ok(&[]);
        }
        if let Some(alert) = self.alert {
            return Got::ok(&[alert]);
        }
        let enough = self.queue.len() >= nget as usize;
        if !enough && patience == Patience::Invalid {
            return Got::failed(EINVAL, nget);
        }
        let mut events = Vec::new();
        while !self.queue.is_empty() && events.len() < max as usize {
            events.push(self.take(seen.get(events.len())));
        }
        Got::with(if enough || patience == Patience::None { Ok(()) } else { Err(ETIME) }, &events)
    }
}
