//! Objects under hard use on real ports: every event has its object, and nothing is left in the end.

use super::directory::Directory;
use crate::{Dissociated, EventPort, EventSource, FileEvents, FileObj};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

/// How often each thread does something; many more are worth a try by hand.
const ROUNDS: usize = 4_000;

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

/// Takes what is queued. Each event of a file must be of an object the port knows.
fn drain(port: &EventPort) -> usize {
    let events = port.get_n(usize::MAX, Some(Duration::ZERO)).unwrap();
    for event in &events {
        assert_eq!(event.source, EventSource::File);
        let object = event.as_file_obj().unwrap().unwrap();
        assert_eq!(object.id(), event.object);
    }
    events.len()
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

/// S1 to S3, FILE-34: objects shared by threads that do everything at once, on two ports.
#[test]
fn s3_in_the_end_nothing_is_to_come() {
    let directory = Directory::new();
    let ports = [EventPort::new().unwrap(), EventPort::new().unwrap()];
    let paths: Vec<_> = (0..4).map(|number| directory.file(format!("file-{number}"))).collect();
    let objects: Vec<_> = paths.iter().chain(&paths).map(|path| FileObj::new(path).unwrap()).collect();
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 1..=3 {
            let (ports, paths, objects, taken) = (&ports, &paths, &objects, &taken);
            scope.spawn(move || {
                let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
                for user in 0..ROUNDS {
                    let port = &ports[dice.roll(2)];
                    let mut object = objects[dice.roll(objects.len())].clone();
                    match dice.roll(8) {
                        // The file may be gone; what matters is that the count stays right.
                        0..3 => drop(port.associate_file(&object, FileEvents::MODIFIED | FileEvents::ATTRIB, user)),
                        3 => drop(object.refresh()),
                        4 => drop(port.dissociate_file(&object).unwrap()),
                        5 => disturb(&paths[dice.roll(paths.len())], &mut dice),
                        _ => drop(taken.fetch_add(drain(port), Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
    for port in &ports {
        for object in &objects {
            port.dissociate_file(object).unwrap();
        }
        drain(port);
        for object in &objects {
            assert!(matches!(port.shared.watches.to_come(object.id()), None | Some(0)), "{object:?}");
        }
    }
    let ids: Vec<_> = objects.iter().map(FileObj::id).collect();
    drop(objects);
    for port in &ports {
        assert!(ids.iter().all(|&id| port.shared.watches.to_come(id).is_none()));
    }
}

/// S2: handles that are forgotten by the program while an event is to come, and come back with it.
#[test]
fn s2_dropped_while_armed_and_while_queued_objects_come_back() {
    let directory = Directory::new();
    let port = EventPort::new().unwrap();
    for round in 0..200 {
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
    thread::scope(|scope| {
        let armers: Vec<_> = (0..2)
            .map(|thread| {
                let (port, mut object, last) = (&port, object.clone(), &last);
                scope.spawn(move || {
                    for round in 1..=ROUNDS {
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
    drain(&port);
    assert_eq!(port.shared.watches.to_come(object.id()), Some(0));
    assert_eq!(port.dissociate_file(&object).unwrap(), Dissociated::NotAssociated);
}

/// S2: the address of an object that is gone may come back with another; nothing of the first comes with it.
#[test]
fn s4_an_address_used_again_hears_nothing_of_before() {
    let directory = Directory::new();
    let port = EventPort::new().unwrap();
    let (first, second) = (directory.file("first"), directory.file("second"));
    for round in 0..200 {
        let object = FileObj::new(&first).unwrap();
        port.associate_file(&object, FileEvents::MODIFIED, 0).unwrap();
        fs::write(&first, format!("{round}")).unwrap();
        drop(port.get(None).unwrap());
        drop(object);
        // Often at the same address.
        let other = FileObj::new(&second).unwrap();
        port.associate_file(&other, FileEvents::MODIFIED, 1).unwrap();
        fs::write(&first, format!("{round} again")).unwrap();
        assert_eq!(drain(&port), 0);
        assert_eq!(port.dissociate_file(&other).unwrap(), Dissociated::Removed);
    }
}
