//! Files as a source of events.

mod events;
mod obj;
mod table;

pub use events::FileEvents;
pub use obj::FileObj;

use crate::event::{Extra, Slot};
use crate::port::Shared;
use crate::{AssociateFileError, DissociateFileError, Dissociated, EventPort, source, sys};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{io, mem, process, ptr};
use table::{Before, Table};

/// The objects of a port.
///
/// Its lock is held for a look-up, never across a system call.
pub(crate) struct Watches {
    owned: Mutex<Owned>,
}

/// The table, and whose it is: a child of `fork` hears nothing of what its parent watches (FILE-45).
struct Owned {
    process: u32,
    table: Table,
}

impl Default for Watches {
    fn default() -> Self {
        Self { owned: Mutex::new(Owned { process: process::id(), table: Table::default() }) }
    }
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Owned> {
        // Nothing panics while it is held.
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a child of `fork`, lets go of what the parent's table held: its events never come here.
    fn disown_after_fork(&self) {
        let process = process::id();
        let mut owned = self.lock();
        if owned.process != process {
            owned.process = process;
            let inherited = mem::take(&mut owned.table);
            drop(owned);
            drop(inherited);
        }
    }
}

impl Shared {
    /// What more there is to an event. Counts an event of a file as retrieved, so it must be asked once for each.
    #[inline]
    pub(crate) fn extra(&self, slot: &Slot) -> Extra {
        if slot.source() == source::FILE { self.file_extra(slot.object()) } else { Extra::None }
    }

    #[cold]
    fn file_extra(&self, key: usize) -> Extra {
        // Looked up, never taken for a pointer: anyone may have put it there (MEM-3).
        self.watches.lock().table.retrieved(key).map_or(Extra::None, Extra::File)
    }

    /// The object is about to be freed. The system must not keep a watch by an address that may come to mean another
    /// object (MEM-2), nor the disk space of a deleted file (FILE-47).
    pub(crate) fn release_file(&self, key: usize) {
        let kept = self.watches.lock().table.remove(key);
        if kept {
            // There is nobody to tell: either it was there, or it was not.
            let _ = self.port_dissociate_file(key);
        }
    }

    /// Whether the system removed an association; if not, it holds none.
    fn port_dissociate_file(&self, key: usize) -> io::Result<Dissociated> {
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

    /// Takes back the association of an object whose record the caller has locked, and keeps the count.
    fn take_back_file(&self, object: &FileObj) -> io::Result<Dissociated> {
        let dissociated = self.port_dissociate_file(object.id())?;
        if dissociated == Dissociated::Removed {
            self.retract_file(object);
        }
        Ok(dissociated)
    }

    /// One event of the object less is to come.
    fn retract_file(&self, object: &FileObj) {
        // What the table lets go is never the last handle, whose drop would want the lock: the caller has one.
        drop(self.watches.lock().table.retract(object.id()));
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
    /// ```no_run
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
        let port = &*self.shared;
        port.watches.disown_after_fork();
        let mut record = object.lock_record();
        object.remember(&self.shared);

        let before = port.watches.lock().table.expect(object, user);
        let associated = match before {
            Before::Nothing => Ok(()),
            Before::Dissociate => port.take_back_file(object).map(drop),
        }
        .and_then(|()| {
            // SAFETY: the record is valid and, being locked, nobody writes it; its name is a C string that lives as
            // long as the object. Neither is kept beyond the call (MEM-1). The cookie is never dereferenced.
            let result = unsafe {
                sys::port_associate(
                    self.fd(),
                    sys::PORT_SOURCE_FILE,
                    record.as_object(object.c_path()),
                    (events | object.implied_events()).bits(),
                    ptr::without_provenance_mut(user),
                )
            };
            if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        });
        associated.map_err(|source| {
            port.retract_file(object);
            failed(source)
        })
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
    /// ```no_run
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
        let record = object.lock_record();
        let dissociated = self
            .shared
            .take_back_file(object)
            .map_err(|source| DissociateFileError { path: object.path().into(), source })?;
        self.shared.watches.lock().table.forgotten(object.id());
        drop(record);
        Ok(dissociated)
    }
}
