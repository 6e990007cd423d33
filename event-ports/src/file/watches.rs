//! Associating, dissociating and retrieving objects, with the count of events to come kept right all along.

use super::obj::Record;
use super::table::{Before, Table};
use super::{FileEvents, FileObj};
use crate::Dissociated;
use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, mem, process};

/// The system calls for files, or what a test puts in their place.
pub(super) trait FileCalls {
    /// Associates the object whose record and path these are.
    fn associate(&self, record: &mut Record, path: &CStr, events: FileEvents, user: usize) -> io::Result<()>;
    /// Ends the association of the object with that address, and lets go of a spent watch.
    fn dissociate(&self, key: usize) -> io::Result<Dissociated>;
}

/// The objects of a port.
///
/// There are two kinds of lock. That of the table is held for a look-up, never across a system call; retrieval takes no
/// other. That of an object, its record's, is held while the object is associated or dissociated, by two calls at most
/// that do not wait for events; so what the system says about the object and what the table says of it stay in step.
#[derive(Default)]
pub(crate) struct Watches {
    owned: Mutex<Owned>,
}

/// The table, and whose it is: a child of `fork` hears nothing of what its parent watches (FILE-45).
struct Owned {
    process: u32,
    table: Table,
}

impl Default for Owned {
    fn default() -> Self {
        Self { process: process::id(), table: Table::default() }
    }
}

impl Watches {
    /// Associates the object, after taking back an association whose event is still to come.
    pub(super) fn associate(
        &self,
        system: &impl FileCalls,
        object: &FileObj,
        events: FileEvents,
        user: usize,
    ) -> io::Result<()> {
        self.disown_after_fork();
        let mut record = object.lock_record();
        // Counted first: another thread may retrieve the event before the call returns.
        let before = self.lock().table.expect(object, user);
        let associated = match before {
            Before::Nothing => Ok(()),
            Before::Dissociate => self.take_back(system, object).map(drop),
        }
        .and_then(|()| system.associate(&mut record, object.c_path(), events, user));
        if associated.is_err() {
            self.retract(object);
        }
        associated
    }

    /// Ends the association of the object.
    pub(super) fn dissociate(&self, system: &impl FileCalls, object: &FileObj) -> io::Result<Dissociated> {
        let record = object.lock_record();
        let dissociated = self.take_back(system, object)?;
        self.lock().table.forgotten(object.id());
        drop(record);
        Ok(dissociated)
    }

    /// The object of an event, which is counted as retrieved. Looked up, never taken for a pointer: anyone may have put
    /// the number there (MEM-3).
    pub(super) fn retrieved(&self, key: usize) -> Option<FileObj> {
        self.lock().table.retrieved(key)
    }

    /// The object is about to be freed. The system must not keep a watch by an address that may come to mean another
    /// object (MEM-2), nor the disk space of a deleted file (FILE-47).
    pub(super) fn release(&self, system: &impl FileCalls, key: usize) {
        let kept = self.lock().table.remove(key);
        if kept {
            // There is nobody to tell: either it was there, or it was not.
            let _ = system.dissociate(key);
        }
    }

    /// Takes back the association of an object whose record the caller has locked.
    fn take_back(&self, system: &impl FileCalls, object: &FileObj) -> io::Result<Dissociated> {
        let dissociated = system.dissociate(object.id())?;
        if dissociated == Dissociated::Removed {
            self.retract(object);
        }
        Ok(dissociated)
    }

    /// One event of the object less is to come.
    fn retract(&self, object: &FileObj) {
        // What the table lets go is never the last handle, whose drop would want the lock: the caller has one.
        drop(self.lock().table.retract(object.id()));
    }

    /// In a child of `fork`, lets go of what the parent's table held: its events never come here.
    fn disown_after_fork(&self) {
        let process = process::id();
        let mut owned = self.lock();
        if owned.process != process {
            owned.process = process;
            let inherited = mem::take(&mut owned.table);
            // Objects that go with it want the lock.
            drop(owned);
            drop(inherited);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Owned> {
        // Nothing panics while it is held.
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn to_come(&self, key: usize) -> Option<usize> {
        self.lock().table.to_come(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, VecDeque};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    /// The kernel's side as the rules have it, with what makes it hard: an exception outlives its association (FILE-34),
    /// bits of an event that is taken back leak into the next (FILE-20), and a watch that is used again keeps its first
    /// cookie, as it did before 2022 (FILE-17).
    #[derive(Default)]
    struct Kernel {
        state: Mutex<State>,
    }

    #[derive(Default)]
    struct State {
        watches: HashMap<usize, Watch>,
        queue: VecDeque<Fired>,
        refuse: bool,
        dissociations: usize,
    }

    struct Watch {
        user: usize,
        asked: FileEvents,
        leaked: FileEvents,
        stage: Stage,
    }

    #[derive(PartialEq)]
    enum Stage {
        Armed,
        Queued,
        Spent,
    }

    struct Fired {
        key: usize,
        user: usize,
        events: FileEvents,
    }

    impl FileCalls for Kernel {
        fn associate(&self, record: &mut Record, _: &CStr, events: FileEvents, user: usize) -> io::Result<()> {
            let key = ptr::from_mut(record).addr();
            let mut state = self.state.lock().unwrap();
            if state.refuse {
                return Err(io::Error::from_raw_os_error(libc::ENOENT));
            }
            let State { watches, queue, .. } = &mut *state;
            let watch = watches.entry(key).or_insert(Watch {
                user,
                asked: events,
                leaked: FileEvents::empty(),
                stage: Stage::Spent,
            });
            if watch.stage == Stage::Queued {
                queue.retain(|fired| {
                    let again = fired.key == key && !fired.events.is_exception();
                    if again {
                        watch.leaked |= fired.events;
                    }
                    !again
                });
            }
            watch.asked = events;
            watch.stage = Stage::Armed;
            Ok(())
        }

        fn dissociate(&self, key: usize) -> io::Result<Dissociated> {
            let mut state = self.state.lock().unwrap();
            state.dissociations += 1;
            match state.watches.remove(&key).map(|watch| watch.stage) {
                Some(Stage::Armed) => Ok(Dissociated::Removed),
                Some(Stage::Queued) => {
                    state.queue.retain(|fired| fired.key != key || fired.events.is_exception());
                    Ok(Dissociated::Removed)
                }
                Some(Stage::Spent) | None => Ok(Dissociated::NotAssociated),
            }
        }
    }

    impl Kernel {
        /// Something happens to the file; `false` if nobody is to hear of it.
        fn fire(&self, key: usize, what: FileEvents) -> bool {
            let mut state = self.state.lock().unwrap();
            let State { watches, queue, .. } = &mut *state;
            let Some(watch) = watches.get_mut(&key).filter(|watch| watch.stage == Stage::Armed) else {
                return false;
            };
            let events = if what.is_exception() { what } else { (what & watch.asked) | mem::take(&mut watch.leaked) };
            if events.is_empty() {
                return false;
            }
            queue.push_back(Fired { key, user: watch.user, events });
            if what.is_exception() {
                watches.remove(&key);
            } else {
                watch.stage = Stage::Queued;
            }
            true
        }

        fn get(&self) -> Option<Fired> {
            let mut state = self.state.lock().unwrap();
            let fired = state.queue.pop_front()?;
            if !fired.events.is_exception() {
                if let Some(watch) = state.watches.get_mut(&fired.key) {
                    watch.stage = Stage::Spent;
                }
            }
            Some(fired)
        }
    }

    fn object() -> FileObj {
        FileObj::new("/").expect("the root exists")
    }

    /// A port of which one object is used.
    struct Port {
        watches: Watches,
        kernel: Kernel,
        object: FileObj,
    }

    impl Port {
        fn new() -> Self {
            Self { watches: Watches::default(), kernel: Kernel::default(), object: object() }
        }

        fn associate(&self, events: FileEvents, user: usize) -> io::Result<()> {
            self.watches.associate(&self.kernel, &self.object, events, user)
        }

        fn dissociate(&self) -> Dissociated {
            self.watches.dissociate(&self.kernel, &self.object).expect("this kernel does not fail here")
        }

        fn fire(&self, what: FileEvents) -> bool {
            self.kernel.fire(self.object.id(), what)
        }

        /// The next event, which must be of an object the port knows.
        fn get(&self) -> Option<(FileEvents, usize)> {
            let fired = self.kernel.get()?;
            let object = self.watches.retrieved(fired.key).expect("the table lost an object");
            assert_eq!(object, self.object);
            Some((fired.events, fired.user))
        }

        fn to_come(&self) -> Option<usize> {
            self.watches.to_come(self.object.id())
        }
    }

    const MODIFIED: FileEvents = FileEvents::MODIFIED;
    const ATTRIB: FileEvents = FileEvents::ATTRIB;
    const DELETE: FileEvents = FileEvents::DELETE;

    #[test]
    fn s3_associated_again_while_armed_there_is_one_event_with_the_last_cookie() {
        let port = Port::new();
        port.associate(MODIFIED, 1).unwrap();
        port.associate(MODIFIED, 2).unwrap();
        assert_eq!(port.to_come(), Some(1));
        assert!(port.fire(MODIFIED));
        assert_eq!(port.get(), Some((MODIFIED, 2)));
        assert_eq!((port.get(), port.to_come()), (None, Some(0)));
    }

    #[test]
    fn s3_associated_again_while_queued_no_bits_leak() {
        // V-38, FILE-20.
        let port = Port::new();
        port.associate(MODIFIED, 1).unwrap();
        assert!(port.fire(MODIFIED));
        port.associate(ATTRIB, 2).unwrap();
        assert_eq!(port.to_come(), Some(1));
        assert!(port.fire(ATTRIB));
        assert_eq!(port.get(), Some((ATTRIB, 2)));
        assert_eq!(port.get(), None);
    }

    #[test]
    fn s3_a_queued_exception_and_the_next_association_both_count() {
        // V-47, FILE-34, FILE-35: dissociation says ENOENT, and the exception comes all the same.
        let port = Port::new();
        port.associate(MODIFIED, 1).unwrap();
        assert!(port.fire(DELETE));
        assert_eq!(port.dissociate(), Dissociated::NotAssociated);
        assert_eq!(port.to_come(), Some(1));
        port.associate(MODIFIED, 2).unwrap();
        assert_eq!(port.to_come(), Some(2));
        assert!(port.fire(DELETE));
        assert_eq!(port.get(), Some((DELETE, 1)));
        assert_eq!(port.get(), Some((DELETE, 2)));
        assert_eq!(port.to_come(), Some(0));
    }

    #[test]
    fn s3_a_spent_watch_has_the_new_cookie() {
        // FILE-17.
        let port = Port::new();
        for user in [1, 2, 1, 1] {
            port.associate(MODIFIED, user).unwrap();
            assert!(port.fire(MODIFIED));
            assert_eq!(port.get(), Some((MODIFIED, user)));
        }
        // Only where the cookie changed was the watch given up.
        assert_eq!(port.kernel.state.lock().unwrap().dissociations, 2);
    }

    #[test]
    fn a_failed_association_leaves_nothing_to_come() {
        let port = Port::new();
        port.kernel.state.lock().unwrap().refuse = true;
        assert!(port.associate(MODIFIED, 1).is_err());
        assert_eq!(port.to_come(), Some(0));
        port.kernel.state.lock().unwrap().refuse = false;
        port.associate(MODIFIED, 1).unwrap();
        port.kernel.state.lock().unwrap().refuse = true;
        // The earlier association is given up, and none takes its place.
        assert!(port.associate(MODIFIED, 2).is_err());
        assert!(!port.fire(MODIFIED));
        assert_eq!(port.to_come(), Some(0));
    }

    #[test]
    fn file_50_removed_means_that_no_event_comes() {
        let port = Port::new();
        port.associate(MODIFIED, 1).unwrap();
        assert!(port.fire(MODIFIED));
        assert_eq!(port.dissociate(), Dissociated::Removed);
        assert_eq!((port.get(), port.to_come()), (None, Some(0)));
        assert_eq!(port.dissociate(), Dissociated::NotAssociated);
    }

    #[test]
    fn s4_a_spent_watch_is_let_go_with_the_object() {
        let port = Port::new();
        let key = port.object.id();
        port.associate(MODIFIED, 1).unwrap();
        assert!(port.fire(MODIFIED));
        port.get();
        assert!(port.kernel.state.lock().unwrap().watches.contains_key(&key));
        port.watches.release(&port.kernel, key);
        assert!(port.kernel.state.lock().unwrap().watches.is_empty());
        assert_eq!(port.to_come(), None);
        // What the system has forgotten need not be let go.
        port.associate(MODIFIED, 1).unwrap();
        port.dissociate();
        let dissociations = port.kernel.state.lock().unwrap().dissociations;
        port.watches.release(&port.kernel, key);
        assert_eq!(port.kernel.state.lock().unwrap().dissociations, dissociations);
    }

    #[test]
    fn file_45_a_child_lets_go_of_what_its_parent_watches() {
        let port = Port::new();
        let other = object();
        let parents = other.id();
        port.watches.associate(&port.kernel, &other, MODIFIED, 1).unwrap();
        drop(other);
        port.watches.lock().process = 0;
        port.associate(MODIFIED, 2).unwrap();
        assert_eq!(port.watches.to_come(parents), None);
        assert_eq!(port.to_come(), Some(1));
        assert_eq!(port.watches.lock().process, process::id());
    }

    #[test]
    fn s3_the_count_is_exact_while_threads_arm_fire_and_retrieve() {
        const ROUNDS: usize = 30_000;
        let port = Port::new();
        let armed = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let armers: Vec<_> = (0..2)
                .map(|thread| {
                    let (port, armed) = (&port, &armed);
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let user = armed.fetch_add(1, Ordering::Relaxed);
                            let events = if round % 3 == 0 { ATTRIB } else { MODIFIED };
                            port.associate(events, user).unwrap();
                            if round % 5 == thread {
                                port.dissociate();
                            }
                        }
                    })
                })
                .collect();
            for what in [MODIFIED, ATTRIB, DELETE] {
                let (port, stop) = (&port, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        if !port.fire(what) {
                            thread::yield_now();
                        }
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        match port.get() {
                            Some((events, _)) => assert!(events == MODIFIED || events == ATTRIB || events == DELETE),
                            None => thread::yield_now(),
                        }
                    }
                });
            }
            for armer in armers {
                armer.join().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        // All that was counted was retrieved or taken back.
        port.dissociate();
        while port.get().is_some() {}
        assert_eq!(port.to_come(), Some(0));
    }
}
