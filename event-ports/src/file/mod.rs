//! Files as a source of events.

#[cfg(test)]
mod directory;
mod events;
mod obj;
#[cfg(test)]
mod stress;
mod table;
mod watches;

pub use events::FileEvents;
pub use obj::FileObj;
pub(crate) use watches::Watches;

use crate::event::Extra;
use crate::port::Shared;
use crate::{AssociateFileError, DissociateFileError, Dissociated, EventPort, sys};
use obj::Record;
use std::ffi::CStr;
use std::{io, ptr};
use watches::FileCalls;

impl FileCalls for Shared {
    fn associate(&self, record: &mut Record, path: &CStr, events: FileEvents, user: usize) -> io::Result<()> {
        // SAFETY: the record is valid and, being borrowed mutably, nobody else's; its path is a C string that lives as
        // long as this call. Neither is kept beyond it (MEM-1). The cookie is never dereferenced.
        let result = unsafe {
            sys::port_associate(
                self.fd(),
                sys::PORT_SOURCE_FILE,
                record.as_object(path),
                events.bits(),
                ptr::without_provenance_mut(user),
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn dissociate(&self, key: usize) -> io::Result<Dissociated> {
        // SAFETY: the object is a number here; nothing is read from it (FILE-49).
        if unsafe { sys::port_dissociate(self.fd(), sys::PORT_SOURCE_FILE, key) } == 0 {
            return Ok(Dissociated::Removed);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // EINVAL: no file was ever associated with the port (FILE-48).
            Some(libc::ENOENT | libc::EINVAL) => Ok(Dissociated::NotAssociated),
            _ => Err(error),
        }
    }
}

impl Shared {
    /// What more there is to the event of a file. Counts it as retrieved, so it must be asked once for each.
    pub(crate) fn file_extra(&self, key: usize) -> Extra {
        self.watches.retrieved(key).map_or(Extra::None, Extra::File)
    }

    /// The last handle of an object is gone.
    fn release_file(&self, key: usize) {
        self.watches.release(self, key);
    }
}

impl EventPort {
    /// `port_associate` with `PORT_SOURCE_FILE`: asks for one event when one of `events` happens to the file, or an
    /// exception.
    ///
    /// `events` may hold what is in [`FileEvents::REQUESTABLE`], or nothing, to hear of exceptions alone. The event
    /// comes at once if the file's times are no longer those of the object; see [`FileObj`].
    ///
    /// **One-shot**: the association is spent by its event. To hear again,
    /// [`refresh`](FileObj::refresh) the object and associate it again. After an exception
    /// ([`FileEvents::is_exception`]) the watch is gone, and the path may mean another file or none.
    ///
    /// Associating an object whose event is still to come takes that association back first; so there is one event,
    /// with the bits asked for and the cookie given last. If the association then fails, the earlier one is gone, too.
    /// An exception that is queued already is not taken back and comes as well, with its own cookie.
    ///
    /// The same file may be watched through several objects, and an object on several ports, independently.
    ///
    /// # Errors
    /// `events` holds what may not be asked for ([`AssociateFileError::is_invalid_events`]), the path leads nowhere
    /// ([`AssociateFileError::is_not_found`]) or through something forbidden, or the file system does not tell of
    /// changes ([`AssociateFileError::is_unsupported`]). A port that is full is not reported: illumos then makes no
    /// association and says nothing (FILE-12).
    ///
    /// See [port_associate(3C)](https://illumos.org/man/3C/port_associate).
    ///
    /// ```
    /// use event_ports::{EventPort, FileEvents, FileObj};
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-associate-{}", std::process::id()));
    /// std::fs::write(&path, "one")?;
    ///
    /// let port = EventPort::new()?;
    /// let mut object = FileObj::new(&path)?;
    /// port.associate_file(&object, FileEvents::MODIFIED, 7)?;
    /// std::fs::write(&path, "two, longer")?;
    /// let event = port.get(None)?;
    /// assert!(event.file_events().is_some_and(|events| events.contains(FileEvents::MODIFIED)));
    /// assert_eq!(event.user, 7);
    ///
    /// object.refresh()?;
    /// port.associate_file(&object, FileEvents::MODIFIED, 7)?; // armed again
    /// std::fs::remove_file(&path)?;
    /// assert_eq!(port.get(None)?.file_events(), Some(FileEvents::DELETE));
    ///
    /// let error = port.associate_file(&object, FileEvents::DELETE, 7).unwrap_err();
    /// assert!(error.is_invalid_events());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_associate")]
    pub fn associate_file(&self, object: &FileObj, events: FileEvents, user: usize) -> Result<(), AssociateFileError> {
        let failed = |source| AssociateFileError { path: object.path().into(), source };
        if !FileEvents::REQUESTABLE.contains(events) {
            // As the kernel does (FILE-1), but before an association that may exist is given up.
            return Err(failed(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        object.remember(&self.shared);
        let port = &*self.shared;
        port.watches.associate(port, object, events | object.implied_events(), user).map_err(failed)
    }

    /// `port_dissociate` with `PORT_SOURCE_FILE`: ends the association of a file.
    ///
    /// [`Dissociated::Removed`] means that no event of that association will come: one that was queued is taken back.
    /// [`Dissociated::NotAssociated`] means that there was none, or that it is spent. **An exception that is queued
    /// comes nevertheless**, after either answer.
    ///
    /// The watch that the system keeps of a file after its event is released.
    ///
    /// # Errors
    /// What the system reports; none is known for an open port.
    ///
    /// See [port_dissociate(3C)](https://illumos.org/man/3C/port_dissociate).
    ///
    /// ```
    /// use event_ports::{Dissociated, EventPort, FileEvents, FileObj};
    ///
    /// let port = EventPort::new()?;
    /// let object = FileObj::new(std::env::temp_dir())?;
    /// assert_eq!(port.dissociate_file(&object)?, Dissociated::NotAssociated);
    /// port.associate_file(&object, FileEvents::empty(), 0)?;
    /// assert_eq!(port.dissociate_file(&object)?, Dissociated::Removed);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "port_dissociate")]
    pub fn dissociate_file(&self, object: &FileObj) -> Result<Dissociated, DissociateFileError> {
        let port = &*self.shared;
        port.watches
            .dissociate(port, object)
            .map_err(|source| DissociateFileError { path: object.path().into(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::directory::Directory;
    use super::*;
    use std::ffi::OsStr;
    use std::fs::{File, FileTimes};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};
    use std::{fs, thread};

    /// What is queued for the port.
    fn look(port: &EventPort) -> Vec<FileEvents> {
        let events = port.get_n(8, Some(Duration::ZERO)).unwrap();
        events.iter().map(|event| event.file_events().unwrap()).collect()
    }

    #[test]
    fn s4_a_dropped_object_leaves_nothing_behind() {
        let port = EventPort::new().unwrap();
        let object = FileObj::new("/").unwrap();
        let key = object.id();
        port.associate_file(&object, FileEvents::empty(), 0).unwrap();
        assert_eq!(port.dissociate_file(&object).unwrap(), Dissociated::Removed);
        assert_eq!(port.shared.watches.to_come(key), Some(0));
        drop(object);
        assert_eq!(port.shared.watches.to_come(key), None);
    }

    #[test]
    fn s2_a_port_holds_what_it_hears_of_and_another_may_go() {
        let object = FileObj::new("/").unwrap();
        let key = object.id();
        let first = EventPort::new().unwrap();
        let second = EventPort::new().unwrap();
        for port in [&first, &second] {
            port.associate_file(&object, FileEvents::empty(), 0).unwrap();
        }
        drop(first);
        second.associate_file(&object.clone(), FileEvents::empty(), 1).unwrap();
        drop(object);
        assert_eq!(second.shared.watches.to_come(key), Some(1));
    }

    #[test]
    fn an_object_is_heard_of_on_every_port_it_is_associated_with() {
        let directory = Directory::new();
        let path = directory.file("file");
        let ports = [EventPort::new().unwrap(), EventPort::new().unwrap()];
        let object = FileObj::new(&path).unwrap();
        for (port, user) in ports.iter().zip(5..) {
            port.associate_file(&object, FileEvents::MODIFIED, user).unwrap();
        }
        fs::write(&path, "more").unwrap();
        let heard = thread::scope(|scope| {
            let heard = ports.each_ref().map(|port| scope.spawn(|| port.get(None).unwrap()));
            heard.map(|event| event.join().unwrap())
        });
        for (event, user) in heard.into_iter().zip(5..) {
            assert_eq!((event.user, event.as_file_obj().unwrap()), (user, Some(object.clone())));
        }
    }

    #[test]
    fn file_23_only_what_changed_since_the_times_were_read_is_told_at_once() {
        let directory = Directory::new();
        let path = directory.file("file");
        let all = FileEvents::ACCESS | FileEvents::MODIFIED;
        let long_ago = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 7);
        for (times, what) in [
            (FileTimes::new().set_accessed(long_ago), FileEvents::ACCESS),
            (FileTimes::new().set_modified(long_ago), FileEvents::MODIFIED),
        ] {
            let port = EventPort::new().unwrap();
            let mut object = FileObj::new(&path).unwrap();
            File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
            port.associate_file(&object, all, 0).unwrap();
            assert_eq!(look(&port), [what]);
            object.refresh().unwrap();
            port.associate_file(&object, all | FileEvents::ATTRIB, 0).unwrap();
            assert_eq!(look(&port), []);
        }
        // What the program read the times from, it has seen.
        let port = EventPort::new().unwrap();
        let mut object = FileObj::new(&path).unwrap();
        fs::write(&path, "more").unwrap();
        object.set_times(&File::open(&path).unwrap().metadata().unwrap());
        port.associate_file(&object, FileEvents::MODIFIED | FileEvents::ATTRIB, 0).unwrap();
        assert_eq!(look(&port), []);
    }

    #[test]
    fn a_link_that_is_not_followed_stays_so() {
        let directory = Directory::new();
        let link = directory.path("link");
        symlink("nowhere", &link).unwrap();
        let error = FileObj::new(&link).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.path(), link);
        let mut object = FileObj::new_nofollow(&link).unwrap();
        let port = EventPort::new().unwrap();
        for _ in 0..2 {
            object.refresh().unwrap();
            port.associate_file(&object, FileEvents::ATTRIB, 0).unwrap();
            assert_eq!(look(&port), []);
        }
        fs::remove_file(&link).unwrap();
        assert_eq!(look(&port), [FileEvents::DELETE]);
        assert!(object.refresh().unwrap_err().is_not_found());
        let error = port.associate_file(&object, FileEvents::ATTRIB, 0).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.path, link);
    }

    #[test]
    fn a_path_need_not_be_utf_8() {
        let directory = Directory::new();
        let path = directory.file(OsStr::from_bytes(b"\xff\xfe"));
        let port = EventPort::new().unwrap();
        let object = FileObj::new(&path).unwrap();
        assert_eq!(object.path(), path);
        port.associate_file(&object, FileEvents::MODIFIED, 0).unwrap();
        fs::write(&path, "more").unwrap();
        assert_eq!(port.get(None).unwrap().as_file_obj().unwrap().unwrap().path(), path);
    }

    #[test]
    fn v_48_exceptions_cannot_be_asked_for() {
        let port = EventPort::new().unwrap();
        let object = FileObj::new("/").unwrap();
        for events in [FileEvents::DELETE, FileEvents::UNMOUNTED | FileEvents::ACCESS, FileEvents::from_bits_retain(8)]
        {
            let error = port.associate_file(&object, events, 0).unwrap_err();
            assert!(error.is_invalid_events());
            assert_eq!(error.path, object.path());
        }
        // Refused before anything is counted.
        assert_eq!(port.shared.watches.to_come(object.id()), None);
    }
}
