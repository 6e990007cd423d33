//! Objects under hard use on real ports: every event has its object, and nothing is left in the end.

use super::directory::Directory;
use crate::{Dissociated, EventPort, EventSource, FileEvents, FileObj, sys};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, mem, ptr, thread};

/// How often a test does what it does: a million times in the long mode, which `EVENT_PORTS_LONG=1` asks for.
fn rounds(usual: usize) -> usize {
    if env::var_os("EVENT_PORTS_LONG").is_some() { 1_000_000 } else { usual }
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// An object that somebody associates by the raw calls, behind the crate's back.
struct Foreign {
    record: Box<sys::file_obj>,
    _path: CString,
}

// SAFETY: the pointer in the record is to its own path, and neither changes.
unsafe impl Sync for Foreign {}

impl Foreign {
    fn new(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: all zero is a valid record.
        let mut record: Box<sys::file_obj> = Box::new(unsafe { mem::zeroed() });
        record.fo_name = path.as_ptr().cast_mut();
        Self { record, _path: path }
    }

    fn id(&self) -> usize {
        ptr::from_ref(&*self.record).expose_provenance()
    }

    /// The file may be gone, and then there is no association.
    fn associate(&self, port: &EventPort) {
        let (events, user) = (FileEvents::MODIFIED.bits(), ptr::null_mut());
        // SAFETY: the record is valid, and so is its path; both outlive the call.
        unsafe { sys::port_associate(port.shared.fd(), sys::PORT_SOURCE_FILE, self.id(), events, user) };
    }
}

/// Takes what is queued. Each event is of an object the port knows, or of a foreign one, which it never takes for one
/// of its own.
fn drain(port: &EventPort, foreign: &[Foreign]) -> usize {
    let events = port.get_n(usize::MAX, Some(Duration::ZERO)).unwrap();
    for event in &events {
        assert_eq!(event.source, EventSource::File);
        let is_foreign = foreign.iter().any(|foreign| foreign.id() == event.object);
        match event.as_file_obj() {
            Ok(Some(object)) => assert_eq!((object.id(), is_foreign), (event.object, false)),
            found => assert!(found.is_err() && is_foreign, "{event:?}"),
        }
    }
    events.len()
}

fn count(counter: &AtomicUsize, more: usize) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn disturb(path: &Path, dice: &mut Dice) {
    let aside = path.with_extension("aside");
    // Another thread may have moved it away; then it is made anew.
    let _ = match dice.roll(5) {
        0 => fs::remove_file(path),
        1 => fs::rename(path, &aside),
        2 => fs::write(&aside, "other").and_then(|()| fs::rename(&aside, path)),
        _ => fs::write(path, format!("{}", dice.roll(1000))),
    };
}

/// S1 to S4, FILE-34: objects shared by threads that do everything at once, on two ports: with handles that go while
/// their object is armed or queued, addresses that come again, and associations behind the crate's back.
#[test]
fn s3_in_the_end_nothing_is_to_come() {
    const THREADS: usize = 3;
    let began = Instant::now();
    let directory = Directory::new();
    let ports = [EventPort::new().unwrap(), EventPort::new().unwrap()];
    let paths: Vec<_> = (0..4).map(|number| directory.file(format!("file-{number}"))).collect();
    let objects: Vec<_> = paths.iter().chain(&paths).map(|path| Mutex::new(FileObj::new(path).unwrap())).collect();
    let foreign: Vec<_> = paths.iter().map(|path| Foreign::new(path)).collect();
    let [taken, armed, replaced] = [const { AtomicUsize::new(0) }; 3];
    let rounds = rounds(12_000);
    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let (ports, paths, objects, foreign) = (&ports, &paths, &objects, &foreign);
            let (taken, armed, replaced) = (&taken, &armed, &replaced);
            scope.spawn(move || {
                let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed as u64);
                for user in 0..rounds.div_ceil(THREADS) {
                    let port = &ports[dice.roll(2)];
                    let slot = &objects[dice.roll(objects.len())];
                    let mut object = slot.lock().unwrap().clone();
                    match dice.roll(10) {
                        // The file may be gone; what matters is that the count stays right.
                        0..3 => {
                            let associated =
                                port.associate_file(&object, FileEvents::MODIFIED | FileEvents::ATTRIB, user);
                            count(armed, usize::from(associated.is_ok()));
                        }
                        3 => drop(object.refresh()),
                        4 => drop(port.dissociate_file(&object).unwrap()),
                        5 => disturb(&paths[dice.roll(paths.len())], &mut dice),
                        6 => foreign[dice.roll(foreign.len())].associate(port),
                        7 => {
                            drop(object);
                            if let Ok(new) = FileObj::new(&paths[dice.roll(paths.len())]) {
                                let old = mem::replace(&mut *slot.lock().unwrap(), new);
                                drop(old);
                                count(replaced, 1);
                            }
                        }
                        _ => count(taken, drain(port, foreign)),
                    }
                }
            });
        }
    });
    let [taken, armed, replaced] = [taken, armed, replaced].map(AtomicUsize::into_inner);
    assert!(taken > 0 && replaced > 0);
    let objects: Vec<_> = objects.into_iter().map(|object| object.into_inner().unwrap()).collect();
    for port in &ports {
        for object in &objects {
            port.dissociate_file(object).unwrap();
        }
        drain(port, &foreign);
        for object in &objects {
            assert!(matches!(port.shared.watches.to_come(object.id()), None | Some(0)), "{object:?}");
        }
    }
    let ids: Vec<_> = objects.iter().map(FileObj::id).collect();
    drop(objects);
    for port in &ports {
        assert!(ids.iter().all(|&id| port.shared.watches.to_come(id).is_none()));
    }
    println!(
        "{rounds} operations: {armed} associations, {taken} events, {replaced} objects replaced, {:?}",
        began.elapsed()
    );
}

/// S2: handles that are forgotten by the program while an event is to come, and come back with it.
#[test]
fn s2_dropped_while_armed_and_while_queued_objects_come_back() {
    let directory = Directory::new();
    let port = EventPort::new().unwrap();
    for round in 0..rounds(200) {
        let path = directory.file("file");
        let object = FileObj::new(&path).unwrap();
        let id = object.id();
        port.associate_file(&object, FileEvents::MODIFIED, round).unwrap();
        if round % 2 == 0 {
            drop(object);
            fs::remove_file(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
            drop(object);
        }
        let event = port.get(None).unwrap();
        assert_eq!((event.user, event.object, event.file_events()), (round, id, Some(FileEvents::DELETE)));
        let back = event.as_file_obj().unwrap().unwrap();
        assert_eq!((back.id(), back.path()), (id, path.as_path()));
        drop(event);
        assert_eq!(port.shared.watches.to_come(id), Some(0));
        drop(back);
        assert_eq!(port.shared.watches.to_come(id), None);
    }
}

/// S1, S3: one object that two threads arm and two retrieve, while a third writes the file.
#[test]
fn s3_one_object_armed_and_retrieved_by_threads_at_once() {
    let directory = Directory::new();
    let path = directory.file("file");
    let port = EventPort::new().unwrap();
    let object = FileObj::new(&path).unwrap();
    let stop = AtomicBool::new(false);
    let last = Mutex::new([0; 2]);
    let rounds = rounds(8_000) / 2;
    thread::scope(|scope| {
        let armers: Vec<_> = (0..2)
            .map(|thread| {
                let (port, mut object, last) = (&port, object.clone(), &last);
                scope.spawn(move || {
                    for round in 1..=rounds {
                        last.lock().unwrap()[thread] = round;
                        object.refresh().unwrap();
                        port.associate_file(&object, FileEvents::MODIFIED, 2 * round + thread).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                fs::write(&path, "again").unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    match port.get(Some(Duration::from_millis(1))) {
                        Ok(event) => {
                            assert_eq!(event.as_file_obj().unwrap().as_ref(), Some(&object));
                            assert_eq!(event.file_events(), Some(FileEvents::MODIFIED));
                            // A cookie that some thread has given, and no other.
                            assert!(event.user / 2 <= last.lock().unwrap()[event.user % 2]);
                        }
                        Err(error) => assert!(error.is_timeout(), "{error}"),
                    }
                }
            });
        }
        for armer in armers {
            armer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    // Queued, armed, or spent: in any case it is over then.
    port.dissociate_file(&object).unwrap();
    drain(&port, &[]);
    assert_eq!(port.shared.watches.to_come(object.id()), Some(0));
    assert_eq!(port.dissociate_file(&object).unwrap(), Dissociated::NotAssociated);
}

/// S2: the address of an object that is gone may come back with another; nothing of the first comes with it.
#[test]
fn s4_an_address_used_again_hears_nothing_of_before() {
    let directory = Directory::new();
    let port = EventPort::new().unwrap();
    let (first, second) = (directory.file("first"), directory.file("second"));
    for round in 0..rounds(200) {
        let object = FileObj::new(&first).unwrap();
        port.associate_file(&object, FileEvents::MODIFIED, 0).unwrap();
        fs::write(&first, format!("{round}")).unwrap();
        drop(port.get(None).unwrap());
        drop(object);
        // Often at the same address.
        let other = FileObj::new(&second).unwrap();
        port.associate_file(&other, FileEvents::MODIFIED, 1).unwrap();
        fs::write(&first, format!("{round} again")).unwrap();
        assert_eq!(drain(&port, &[]), 0);
        assert_eq!(port.dissociate_file(&other).unwrap(), Dissociated::Removed);
    }
}
