//! From a descriptor number to its port, and the life of ports.
//!
//! A program may close, duplicate and reuse descriptors without our being told. So a number is a hint that is verified
//! against the kernel on every call, unless the program has promised that it holds (`PORT_TRUST_NUMBER`). A port whose
//! numbers have all gone is found when another port is created or when a call stumbles over it, and freed.

use crate::errno::{Errno, Result};
use crate::forever;
use crate::fork;
use crate::number_table as table;
use crate::os;
use crate::port::{Locked, Port};
use crate::source::{self, fd};
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use libc::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `process.max-port-events` as illumos sets it (CONST-7).
const MAX_EVENTS: u32 = 65_536;

/// The ceiling of that limit here: it bounds the address space a port reserves.
const MAX_EVENTS_CEILING: u32 = 1 << 24;

/// How many ports are looked after each time one is created.
const FEW_PORTS: usize = 64;

/// `project.max-port-ids` as illumos sets it (CONST-7).
const MAX_PORTS: usize = 8_192;

static EVENT_LIMIT: AtomicU32 = AtomicU32::new(MAX_EVENTS);

/// All ports of the process. Locked only to create, close or find a port, never on the way of an event.
#[derive(Debug, Default)]
struct Registry {
    alive: Vec<&'static Port>,
    idle: Vec<&'static Port>,
    next_to_sweep: usize,
    /// The parent's, which is not used, but can be found by who looks for leaks.
    _inherited: AtomicPtr<Mutex<Self>>,
}

/// The registry of this process. A forked child makes one of its own and leaves the inherited one, whose lock may have
/// been held.
static REGISTRY: AtomicPtr<Mutex<Registry>> = AtomicPtr::new(ptr::null_mut());

/// The registry that a forked child has inherited.
static INHERITED: AtomicPtr<Mutex<Registry>> = AtomicPtr::new(ptr::null_mut());

fn registry() -> Result<MutexGuard<'static, Registry>> {
    // SAFETY: a registry that can be found here is never freed.
    let registry = match unsafe { REGISTRY.load(Ordering::Acquire).as_ref() } {
        Some(registry) => registry,
        None => first_registry()?,
    };
    Ok(registry.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cold]
fn first_registry() -> Result<&'static Mutex<Registry>> {
    // Before its lock can be held: a child that is forked then must notice.
    fork::watch()?;
    let inherited = AtomicPtr::new(INHERITED.load(Ordering::Relaxed));
    let fresh = forever::allocate(|| Ok(Mutex::new(Registry { _inherited: inherited, ..Registry::default() })))?;
    match REGISTRY.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made.
        Ok(_) => Ok(unsafe { &*fresh }),
        Err(theirs) => {
            // Another thread was first.
            // SAFETY: made by `allocate`, and known to nobody else.
            unsafe { forever::free(fresh) };
            // SAFETY: as in `registry`.
            Ok(unsafe { &*theirs })
        }
    }
}

/// Sets how many events ports created from now on can hold.
pub(crate) fn set_event_limit(max: u32) -> Result<()> {
    if max == 0 || max > MAX_EVENTS_CEILING {
        return Err(Errno::INVAL);
    }
    EVENT_LIMIT.store(max, Ordering::Relaxed);
    Ok(())
}

/// Creates a port and returns its descriptor (CREATE-1 … CREATE-6).
pub(crate) fn create() -> Result<c_int> {
    check_fork();
    let mut registry = registry().map_err(|_| Errno::AGAIN)?;
    registry.sweep(FEW_PORTS);
    if registry.alive.len() >= MAX_PORTS {
        registry.sweep(MAX_PORTS);
        if registry.alive.len() >= MAX_PORTS {
            return Err(Errno::AGAIN);
        }
    }
    let number = match os::epoll_create() {
        Err(Errno::MFILE) => {
            // Ports that were closed hold a descriptor each until they are noticed.
            registry.sweep(MAX_PORTS);
            os::epoll_create()
        }
        other => other,
    };
    let number = number.map_err(|e| if e == Errno::NOMEM { Errno::AGAIN } else { Errno::MFILE })?;
    if let Some(port) = table::get(number) {
        registry.drop_stale_numbers(port);
    }
    let limit = EVENT_LIMIT.load(Ordering::Relaxed);
    let started = match registry.start(number, limit) {
        Err(Errno::MFILE) => {
            registry.sweep(MAX_PORTS);
            registry.start(number, limit)
        }
        other => other,
    };
    match started {
        Ok(()) => Ok(number),
        Err(e) => {
            os::close(number);
            Err(if e == Errno::MFILE { e } else { Errno::AGAIN })
        }
    }
}

impl Registry {
    fn start(&mut self, number: c_int, limit: u32) -> Result<()> {
        self.alive.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        // Room for every port that is alive to become idle, so that ending one cannot fail.
        self.idle.try_reserve(self.alive.len() + 1).map_err(|_| Errno::NOMEM)?;
        table::reserve(number)?;
        let port = match self.idle.iter().position(|p| p.slab.capacity() >= limit) {
            Some(at) => self.idle.swap_remove(at),
            None => new_port(limit)?,
        };
        if let Err(e) = port.begin(number, limit) {
            self.idle.push(port);
            return Err(e);
        }
        self.alive.push(port);
        table::set(number, port);
        Ok(())
    }

    /// Frees ports whose descriptors have all been closed: of few ports all, of many some at a time, so that making many
    /// does not take ever longer.
    fn sweep(&mut self, most: usize) {
        for _ in 0..most.min(self.alive.len()) {
            if self.next_to_sweep >= self.alive.len() {
                self.next_to_sweep = 0;
            }
            // A port that ends gives its place to another.
            let Some(&port) = self.alive.get(self.next_to_sweep) else { return };
            if self.drop_stale_numbers(port) {
                self.next_to_sweep += 1;
            }
        }
    }

    /// Forgets the numbers that are not `port` any more, and frees it if none is left. Answers whether it is alive.
    fn drop_stale_numbers(&mut self, port: &'static Port) -> bool {
        let mut locked = port.lock(-1);
        let mut numbers = core::mem::take(&mut locked.numbers);
        numbers.retain(|&number| {
            let valid = locked.is_at(number);
            if !valid {
                table::clear(number, port);
                locked.turn_away(|waiter| waiter.number == number);
            }
            valid
        });
        locked.numbers = numbers;
        if let Some(&number) = locked.numbers.first() {
            locked.number = number;
            return true;
        }
        // The program may have duplicated the descriptor before it closed this one.
        match find_duplicate(&locked) {
            Ok(None) => {
                self.end(locked);
                false
            }
            Ok(Some(number)) => {
                locked.number = number;
                // Unrecorded it stays alive all the same, and is searched for again.
                let _ = bind(&mut locked, number);
                true
            }
            // Without /proc nobody can tell that it is dead.
            Err(_) => true,
        }
    }

    fn end(&mut self, locked: Locked) {
        let port = locked.port;
        for &number in &locked.numbers {
            table::clear(number, port);
        }
        locked.end();
        self.alive.retain(|p| !ptr::eq(*p, port));
        self.idle.push(port);
    }
}

fn new_port(limit: u32) -> Result<&'static Port> {
    let port = forever::allocate(|| Port::new(limit))?;
    // SAFETY: just made, and never freed.
    Ok(unsafe { &*port })
}

fn find_duplicate(port: &Locked) -> Result<Option<c_int>> {
    let mut found = None;
    os::each_open_fd(|fd| {
        if port.is_at(fd) {
            found = Some(fd);
        }
        found.is_none()
    })?;
    Ok(found)
}

fn bind(port: &mut Locked, number: c_int) -> Result<()> {
    table::reserve(number)?;
    port.numbers.try_reserve(1).map_err(|_| Errno::NOMEM)?;
    if !port.numbers.contains(&number) {
        port.numbers.push(number);
    }
    table::set(number, port.port);
    Ok(())
}

/// The port that a number denotes, locked (SYS-5).
#[inline]
pub(crate) fn enter(number: c_int) -> Result<Locked> {
    check_fork();
    if let Some(port) = table::get(number) {
        let locked = port.lock(number);
        if verified(&locked) {
            return Ok(locked);
        }
    }
    enter_slowly(number)
}

#[cold]
fn enter_slowly(number: c_int) -> Result<Locked> {
    loop {
        identify(number)?;
        let Some(port) = table::get(number) else { continue };
        let locked = port.lock(number);
        if verified(&locked) {
            return Ok(locked);
        }
    }
}

/// Whether the number that a port was locked by is that port.
#[inline]
fn verified(locked: &Locked) -> bool {
    locked.alive()
        && table::get(locked.number).is_some_and(|p| ptr::eq(p, locked.port))
        && (locked.port.trusts(locked.number) || locked.is_at(locked.number))
}

/// A port found for `port_send`.
#[derive(Debug)]
pub(crate) enum Entered {
    /// Nobody else had the lock.
    Locked(Locked),
    /// Somebody has the lock of this port, found in this life.
    Busy { port: &'static Port, life: usize },
}

/// The port that a number denotes, without waiting for its lock.
pub(crate) fn enter_to_send(number: c_int) -> Result<Entered> {
    check_fork();
    loop {
        let Some(port) = table::get(number) else {
            identify(number)?;
            continue;
        };
        let life = port.current_life();
        let Some(locked) = port.try_lock(number) else {
            if life % 2 == 1 && table::get(number).is_some_and(|p| ptr::eq(p, port)) {
                return Ok(Entered::Busy { port, life });
            }
            std::thread::yield_now();
            continue;
        };
        if verified(&locked) {
            return Ok(Entered::Locked(locked));
        }
        drop(locked);
        identify(number)?;
    }
}

/// Finds out anew what `number` is. `Ok` when it is a port, which the table then names.
#[cold]
fn identify(number: c_int) -> Result<()> {
    let mut registry = registry().map_err(|_| Errno::BADFD)?;
    if let Some(port) = table::get(number) {
        if port.lock(number).is_at(number) {
            return Ok(());
        }
        registry.drop_stale_numbers(port);
        table::clear(number, port);
    }
    if number < 0 || !os::is_open(number) {
        return Err(Errno::BADF);
    }
    for &port in &registry.alive {
        let mut locked = port.lock(number);
        if locked.is_at(number) {
            return bind(&mut locked, number);
        }
    }
    Err(Errno::BADFD)
}

/// What a thread does that found its descriptor gone while it waited: it tells the port's other waiters.
pub(crate) fn reconsider(number: c_int) {
    // The answer goes to the waiting threads, this one among them.
    let _ = identify(number);
}

/// Closes the port that `number` denotes and frees what it holds.
pub(crate) fn close(number: c_int) -> Result<()> {
    drop(enter(number)?);
    let mut registry = registry().map_err(|_| Errno::BADFD)?;
    let port = table::get(number).ok_or(Errno::BADF)?;
    let locked = port.lock(number);
    if !verified(&locked) {
        return Err(Errno::BADF);
    }
    registry.end(locked);
    drop(registry);
    os::close_checked(number)
}

/// In a forked child, lets every inherited port begin anew (FORK-1).
///
/// Its epoll is the parent's, too: what the child did to it, the parent would feel. So each number that still is the
/// port gets an epoll of its own. Whatever was associated or queued stays with the parent.
#[inline]
pub(crate) fn check_fork() {
    fork::check(begin_in_child);
}

fn begin_in_child() {
    source::forget_all();
    INHERITED.store(REGISTRY.swap(ptr::null_mut(), Ordering::AcqRel), Ordering::Relaxed);
    let mut inherited: Vec<(c_int, &'static Port)> = Vec::new();
    table::clear_all(|number, port| {
        if inherited.try_reserve(1).is_ok() {
            inherited.push((number, port));
        }
    });
    while let Some(&(_, port)) = inherited.last() {
        // Where that fails, for want of descriptors or memory, the numbers are no ports here (EBADFD).
        let _ = begin_anew(port, &inherited);
        inherited.retain(|(_, p)| !ptr::eq(*p, port));
    }
}

fn begin_anew(parents: &Port, inherited: &[(c_int, &Port)]) -> Result<()> {
    parents.close_helpers();
    let Some(bell) = parents.forget_bell() else { return Ok(()) };
    let numbers = inherited.iter().filter(|(_, p)| ptr::eq(*p, parents)).map(|&(number, _)| number);
    let mut numbers = numbers.filter(|&number| fd::is_registered(number, bell));
    let Some(first) = numbers.next() else {
        os::close(bell);
        return Ok(());
    };
    let epoll = os::epoll_create_hidden().inspect_err(|_| os::close(bell))?;
    let replaced = os::replace_fd(epoll, first).and_then(|()| registry()?.start(first, parents.slab.limit()));
    if let (Ok(()), Some(port)) = (replaced, table::get(first)) {
        if parents.trusts(first) {
            port.set_trusted_number(Some(first));
        }
        for number in numbers {
            if os::replace_fd(epoll, number).is_ok() {
                // Unrecorded it is looked for when it is used.
                let _ = bind(&mut port.lock(number), number);
            }
        }
    }
    os::close(epoll);
    os::close(bell);
    replaced
}
