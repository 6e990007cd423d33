//! Files to watch.

use crate::port::Shared;
use crate::{FileEvents, FileObjError, RefreshError, sys};
use libc::timespec;
use std::ffi::{CStr, CString, OsStr};
use std::fs::{Metadata, metadata, symlink_metadata};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, mem, ptr};

/// A file or directory to watch, by path, with the times the program last saw it with.
///
/// When it is associated with a port, the system compares the times with those of the file and sends the event at once
/// if they differ. So nothing is missed between two watches, if the times are read *before* the content:
/// [`refresh`](Self::refresh), read the file, [`associate_file`](crate::EventPort::associate_file).
///
/// A clone is another handle of the same object. Handles may be moved to other threads, associated with several ports at
/// once, and dropped at any time: a port keeps the object as long as an event of it may come. When the last handle goes
/// and no event is to come, the watch the system keeps for re-association is released.
///
/// A relative path means the directory that is current at each use.
///
/// ```
/// use event_ports::FileObj;
///
/// let object = FileObj::new("/")?;
/// assert_eq!(object.path().to_str(), Some("/"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[doc(alias = "file_obj")]
#[doc(alias = "file_obj_t")]
pub struct FileObj {
    inner: Arc<Inner>,
}

struct Inner {
    path: CString,
    nofollow: bool,
    /// The address of what `record` holds: the name by which every port knows the object (FILE-14).
    key: usize,
    /// What the system reads during an association. Boxed, so that its address never changes; the lock also keeps two
    /// threads from associating and dissociating the object at once.
    record: Mutex<Box<Record>>,
    /// The ports that may hold a spent watch of the object.
    ports: Mutex<Vec<Weak<Shared>>>,
}

/// The structure of `<port.h>`.
#[repr(transparent)]
pub(super) struct Record(sys::file_obj);

// SAFETY: its one pointer is set anew for each association and read in no other.
unsafe impl Send for Record {}

impl Record {
    /// What to pass to `port_associate`, for the length of the call: the address of the record, with the path in it.
    pub(super) fn as_object(&mut self, path: &CStr) -> usize {
        // Read, never written, although the type says otherwise.
        self.0.fo_name = path.as_ptr().cast_mut();
        // The kernel, or on Linux the library, makes a pointer of the number again.
        (&raw mut self.0).expose_provenance()
    }

    fn set_times(&mut self, times: &Metadata) {
        // Each field has the width of what the file system reports.
        let time = |seconds: i64, nanoseconds: i64| timespec { tv_sec: seconds as _, tv_nsec: nanoseconds as _ };
        self.0.fo_atime = time(times.atime(), times.atime_nsec());
        self.0.fo_mtime = time(times.mtime(), times.mtime_nsec());
        self.0.fo_ctime = time(times.ctime(), times.ctime_nsec());
    }
}

impl FileObj {
    /// Names a file to watch and reads its times (`stat`). A symbolic link stands for what it points to.
    ///
    /// The path need not be UTF-8.
    ///
    /// # Errors
    /// The path holds a NUL byte ([`FileObjError::InvalidPath`]), or the times cannot be read
    /// ([`FileObjError::Stat`]).
    ///
    /// ```
    /// use event_ports::{FileObj, FileObjError};
    ///
    /// assert!(FileObj::new("/no/such/file").is_err_and(|error| error.is_not_found()));
    /// assert!(matches!(FileObj::new("a\0b"), Err(FileObjError::InvalidPath { .. })));
    /// ```
    pub fn new(path: impl AsRef<Path>) -> Result<Self, FileObjError> {
        Self::with_links(path.as_ref(), false)
    }

    /// Names a file to watch and reads its times (`lstat`). A symbolic link stands for itself, now and in every
    /// [`refresh`](Self::refresh) and association (`FILE_NOFOLLOW`).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// let object = event_ports::FileObj::new_nofollow("/")?;
    /// assert!(object.is_nofollow());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new_nofollow(path: impl AsRef<Path>) -> Result<Self, FileObjError> {
        Self::with_links(path.as_ref(), true)
    }

    fn with_links(path: &Path, nofollow: bool) -> Result<Self, FileObjError> {
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|source| FileObjError::InvalidPath { path: path.into(), source })?;
        let times = read_times(path, nofollow).map_err(|source| FileObjError::Stat { path: path.into(), source })?;
        Ok(Self::from_parts(name, nofollow, &times))
    }

    fn from_parts(path: CString, nofollow: bool, times: &Metadata) -> Self {
        const ZERO: timespec = timespec { tv_sec: 0, tv_nsec: 0 };
        let mut record = Box::new(Record(sys::file_obj {
            fo_atime: ZERO,
            fo_mtime: ZERO,
            fo_ctime: ZERO,
            fo_pad: [0; 3],
            fo_name: ptr::null_mut(),
        }));
        record.set_times(times);
        let key = ptr::from_ref(&*record).addr();
        let record = Mutex::new(record);
        Self { inner: Arc::new(Inner { path, nofollow, key, record, ports: Mutex::default() }) }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.inner.path.as_bytes()))
    }

    /// Whether a symbolic link stands for itself.
    #[must_use]
    pub fn is_nofollow(&self) -> bool {
        self.inner.nofollow
    }

    /// The number by which ports know the object: what events of it have in the field
    /// [`object`](crate::PortEvent::object). It is unique as long as a handle lives, or an event of it is to come.
    #[must_use]
    pub fn id(&self) -> usize {
        self.inner.key
    }

    /// Reads the times anew, for the next association.
    ///
    /// Do it before reading the content, so that a change in between is noticed. All handles see the new times, so let
    /// one thread at a time refresh, read and associate.
    ///
    /// # Errors
    /// The times cannot be read, for instance since the file is gone ([`RefreshError::is_not_found`]). The old times
    /// stay.
    ///
    /// ```
    /// use event_ports::{EventPort, FileEvents, FileObj};
    /// use std::time::Duration;
    ///
    /// let path = std::env::temp_dir().join(format!("event-ports-doc-refresh-{}", std::process::id()));
    /// std::fs::write(&path, "one")?;
    /// let port = EventPort::new()?;
    /// let mut object = FileObj::new(&path)?;
    /// std::fs::write(&path, "two, longer")?;
    /// object.refresh()?;
    /// port.associate_file(&object, FileEvents::MODIFIED, 0)?; // nothing new since `refresh`
    /// assert!(port.get(Some(Duration::ZERO)).is_err_and(|error| error.is_timeout()));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn refresh(&mut self) -> Result<(), RefreshError> {
        // The lock is taken only when the times are there: reading them may take long, if the file is far away.
        let times = read_times(self.path(), self.inner.nofollow)
            .map_err(|source| RefreshError { path: self.path().into(), source })?;
        self.set_times(&times);
        Ok(())
    }

    /// Sets the times for the next association to those the program got with the content, for instance by
    /// [`File::metadata`](std::fs::File::metadata) of the file it reads.
    ///
    /// ```
    /// use event_ports::FileObj;
    ///
    /// let mut object = FileObj::new("/")?;
    /// let seen = std::fs::File::open("/")?.metadata()?;
    /// object.set_times(&seen);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_times(&mut self, times: &Metadata) {
        self.lock_record().set_times(times);
    }

    /// The path, as the system wants it.
    pub(super) fn c_path(&self) -> &CStr {
        &self.inner.path
    }

    /// The events that go with every association of the object.
    pub(super) fn implied_events(&self) -> FileEvents {
        if self.inner.nofollow { FileEvents::NOFOLLOW } else { FileEvents::empty() }
    }

    /// Locks the object against being associated, dissociated or refreshed by another thread.
    pub(super) fn lock_record(&self) -> MutexGuard<'_, Box<Record>> {
        // Nothing panics while it is held that leaves the record half written.
        self.inner.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the port may come to hold a watch, which must be released with the object.
    pub(super) fn remember(&self, port: &Arc<Shared>) {
        let mut ports = self.inner.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let port = Arc::downgrade(port);
        if !ports.iter().any(|known| known.ptr_eq(&port)) {
            // The watches of ports that are closed are gone with them.
            ports.retain(|known| known.strong_count() > 0);
            ports.push(port);
        }
    }
}

/// The last handle is gone, and no port has an event of the object to come: such a port would hold a handle.
impl Drop for Inner {
    fn drop(&mut self) {
        let ports = mem::take(self.ports.get_mut().unwrap_or_else(PoisonError::into_inner));
        for port in ports.iter().filter_map(Weak::upgrade) {
            port.release_file(self.key);
        }
    }
}

/// Two handles are equal if they are of the same object.
impl PartialEq for FileObj {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for FileObj {}

impl Hash for FileObj {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for FileObj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileObj")
            .field("path", &self.path())
            .field("nofollow", &self.is_nofollow())
            .finish_non_exhaustive()
    }
}

fn read_times(path: &Path, nofollow: bool) -> io::Result<Metadata> {
    if nofollow { symlink_metadata(path) } else { metadata(path) }
}
