//! Watched files, and what one does to them.

use crate::errno::{Errno, check};
use crate::process::{Child, fork};
use crate::raw::{Event, associate, dissociate};
use event_ports_sys as sys;
use libc::{c_int, timespec};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A `file_obj` with its path. Its address is its identity.
#[derive(Debug)]
pub struct FileObject {
    record: Box<sys::file_obj>,
    name: CString,
}

// SAFETY: the pointer in the record is to the object's own name, which is not changed.
unsafe impl Send for FileObject {}
// SAFETY: as above.
unsafe impl Sync for FileObject {}

const NO_TIME: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

/// A path as the calls take it.
///
/// # Panics
/// If it has a zero in it.
#[must_use]
pub fn c_path(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).expect("a path has no zero in it")
}

impl FileObject {
    /// An object whose times are all zero, so that none is compared (FILE-21).
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        let name = c_path(path);
        let record = Box::new(sys::file_obj {
            fo_atime: NO_TIME,
            fo_mtime: NO_TIME,
            fo_ctime: NO_TIME,
            fo_pad: [0; 3],
            fo_name: name.as_ptr().cast_mut(),
        });
        Self { record, name }
    }

    /// An object with the file's present times.
    ///
    /// # Panics
    /// If there is no such file.
    #[must_use]
    pub fn stated(path: impl AsRef<Path>) -> Self {
        let mut object = Self::new(path);
        object.refresh();
        object
    }

    /// Takes the file's present times.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn refresh(&mut self) {
        let st = std::fs::metadata(self.path()).expect("the file is there");
        let time = |tv_sec, tv_nsec| timespec { tv_sec, tv_nsec };
        self.record.fo_atime = time(st.atime(), st.atime_nsec());
        self.record.fo_mtime = time(st.mtime(), st.mtime_nsec());
        self.record.fo_ctime = time(st.ctime(), st.ctime_nsec());
    }

    /// Gives the object another path, and keeps its address and its times.
    pub fn rename(&mut self, path: impl AsRef<Path>) {
        self.name = c_path(path);
        self.record.fo_name = self.name.as_ptr().cast_mut();
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(self.name.to_bytes()))
    }

    /// Its record, to be changed.
    pub const fn record(&mut self) -> &mut sys::file_obj {
        &mut self.record
    }

    /// Its address: `portev_object` of its events.
    #[must_use]
    pub fn address(&self) -> usize {
        (&raw const *self.record).expose_provenance()
    }
}

impl Event {
    /// The event of a file.
    #[must_use]
    pub fn file(object: &FileObject, events: c_int, user: usize) -> Self {
        Self { source: sys::PORT_SOURCE_FILE, object: object.address(), events, user }
    }
}

/// `port_associate` of a file.
///
/// # Errors
/// Its errno.
pub fn associate_file(port: &impl AsRawFd, object: &FileObject, events: c_int, user: usize) -> Result<(), Errno> {
    associate(port, sys::PORT_SOURCE_FILE, object.address(), events, user)
}

/// `port_dissociate` of a file.
///
/// # Errors
/// Its errno.
pub fn dissociate_file(port: &impl AsRawFd, object: &FileObject) -> Result<(), Errno> {
    dissociate(port, sys::PORT_SOURCE_FILE, object.address())
}

/// A time long past, so that a present one differs whatever the clock of the file system.
pub const LONG_AGO: i64 = 1_000_000_000;

/// Sets the access time, the modification time, or both.
///
/// # Panics
/// If the system refuses it.
pub fn set_times(path: &Path, access: Option<i64>, modification: Option<i64>) {
    let time = |seconds: Option<i64>| timespec {
        tv_sec: seconds.unwrap_or(0),
        tv_nsec: if seconds.is_some() { 0 } else { libc::UTIME_OMIT },
    };
    let times = [time(access), time(modification)];
    let path = c_path(path);
    // SAFETY: the path is a string, and the array holds two times.
    let set =
        check(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) });
    assert_eq!(set, Ok(0), "times can be set");
}

/// Makes a file look as if nothing had happened to it for a long time, but for its change time.
pub fn age(path: &Path) {
    set_times(path, Some(LONG_AGO), Some(LONG_AGO));
}

/// Writes a byte at the end.
///
/// # Panics
/// If that fails.
pub fn append(path: &Path) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file can be opened");
    file.write_all(b"+").expect("the file can be written");
}

/// Reads a byte.
///
/// # Panics
/// If that fails.
pub fn read_byte(path: &Path) {
    let mut file = File::open(path).expect("the file can be opened");
    assert_eq!(file.read(&mut [0]).expect("the file can be read"), 1);
}

/// Changes permissions: to owner-only, and back at the next call.
///
/// # Panics
/// If the system refuses it.
pub fn chmod(path: &Path, mode: libc::mode_t) {
    let path = c_path(path);
    // SAFETY: the path is a string.
    assert_eq!(check(unsafe { libc::chmod(path.as_ptr(), mode) }), Ok(0), "chmod succeeds");
}

/// Makes a FIFO.
///
/// # Panics
/// If the system refuses it.
#[must_use]
pub fn fifo(path: PathBuf) -> PathBuf {
    let name = c_path(&path);
    // SAFETY: the path is a string.
    assert_eq!(check(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }), Ok(0), "mkfifo succeeds");
    path
}

/// Runs the body in a child without a superuser's privileges.
///
/// # Panics
/// If the system refuses to take them away.
#[must_use]
pub fn without_privileges(body: impl FnOnce()) -> Child {
    /// An id that nobody has.
    const NOBODY: libc::uid_t = 65534;
    fork(|| {
        // SAFETY: no conditions.
        if unsafe { libc::geteuid() } == 0 {
            // SAFETY: no conditions, and no memory is touched.
            let given_up = unsafe { libc::setgid(NOBODY) == 0 && libc::setuid(NOBODY) == 0 };
            assert!(given_up, "privileges can be given up");
        }
        body();
    })
}

/// `truncate(2)`.
///
/// # Panics
/// If it fails.
pub fn truncate(path: &Path, length: libc::off_t) {
    let path = c_path(path);
    // SAFETY: the path is a string.
    assert_eq!(check(unsafe { libc::truncate(path.as_ptr(), length) }), Ok(0), "truncate succeeds");
}

/// Opens a file for writing with `O_TRUNC` and without `O_CREAT`, and closes it.
///
/// # Panics
/// If it fails.
pub fn open_truncating(path: &Path) {
    drop(OpenOptions::new().write(true).truncate(true).open(path).expect("the file can be opened"));
}

/// How many files the kernel watches for this process.
///
/// # Panics
/// If /proc does not tell.
#[cfg(target_os = "linux")]
#[must_use]
pub fn marks() -> usize {
    let open = std::fs::read_dir("/proc/self/fdinfo").expect("it can be listed");
    let infos = open.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    infos.map(|info| info.lines().filter(|line| line.starts_with("inotify wd:")).count()).sum()
}

/// Runs the body in a child that may mount file systems without anyone else seeing them. Where that is not permitted
/// nothing is run, and said so.
pub fn with_mounts(body: impl FnOnce()) {
    fork(|| {
        if own_mounts() {
            body();
        } else {
            eprintln!("not run: mounting is not permitted here");
        }
    })
    .join();
}

#[cfg(target_os = "linux")]
fn own_mounts() -> bool {
    // SAFETY: no conditions, and no memory is touched.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // Files can be made only by a user and a group that the namespace knows.
    let known = || {
        std::fs::write("/proc/self/uid_map", format!("{user} {user} 1")).is_ok()
            && std::fs::write("/proc/self/setgroups", "deny").is_ok()
            && std::fs::write("/proc/self/gid_map", format!("{group} {group} 1")).is_ok()
    };
    // SAFETY: no conditions, and no memory is touched.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0 || (unshare_user(libc::CLONE_NEWNS) && known());
    let none = std::ptr::null::<libc::c_char>();
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the target is a string, and the rest is not looked at.
    unshared && unsafe { libc::mount(none, c"/".as_ptr(), none, flags, none.cast()) } == 0
}

#[cfg(target_os = "illumos")]
fn own_mounts() -> bool {
    // SAFETY: no conditions.
    unsafe { libc::geteuid() == 0 }
}

/// Makes this process the superuser of a user namespace of its own, with other namespaces.
#[cfg(target_os = "linux")]
fn unshare_user(flags: c_int) -> bool {
    // SAFETY: no conditions, and no memory is touched.
    unsafe { libc::unshare(libc::CLONE_NEWUSER | flags) == 0 }
}

/// Runs the body in a child whose user may have so many inotify watches and instances. Where that cannot be set nothing
/// is run, and said so.
#[cfg(target_os = "linux")]
pub fn with_inotify_limits(watches: u32, instances: u32, body: impl FnOnce()) {
    fork(|| {
        let set = |limit: &str, value: u32| {
            std::fs::write(format!("/proc/sys/user/max_inotify_{limit}"), value.to_string()).is_ok()
        };
        if unshare_user(0) && set("watches", watches) && set("instances", instances) {
            body();
        } else {
            eprintln!("not run: limits of inotify cannot be set here");
        }
    })
    .join();
}

/// Mounts an empty file system.
///
/// # Panics
/// If the system refuses it.
#[cfg(target_os = "linux")]
pub fn mount(at: &Path) {
    let at = c_path(at);
    let kind = c"tmpfs".as_ptr();
    // SAFETY: all are strings, and there are no options.
    let mounted = check(unsafe { libc::mount(kind, at.as_ptr(), kind, 0, std::ptr::null()) });
    assert_eq!(mounted, Ok(0), "mount succeeds");
}

/// Mounts a file or a directory at another place.
///
/// # Panics
/// If the system refuses it.
#[cfg(target_os = "linux")]
pub fn bind_mount(from: &Path, at: &Path) {
    let (from, at) = (c_path(from), c_path(at));
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: both are strings, and the rest is not looked at.
    let mounted = check(unsafe { libc::mount(from.as_ptr(), at.as_ptr(), none, libc::MS_BIND, none.cast()) });
    assert_eq!(mounted, Ok(0), "mount succeeds");
}

/// `umount(2)`.
///
/// # Errors
/// Its errno.
#[cfg(target_os = "linux")]
pub fn unmount(at: &Path) -> Result<(), Errno> {
    let at = c_path(at);
    // SAFETY: it is a string.
    check(unsafe { libc::umount(at.as_ptr()) }).map(drop)
}

/// Mounts an empty file system.
///
/// # Panics
/// If the system refuses it.
#[cfg(target_os = "illumos")]
pub fn mount(at: &Path) {
    let status = std::process::Command::new("/usr/sbin/mount").args(["-F", "tmpfs", "swap"]).arg(at).status();
    assert!(status.expect("mount can be started").success(), "mount succeeds");
}

/// `umount(2)`.
///
/// # Errors
/// Its errno.
#[cfg(target_os = "illumos")]
pub fn unmount(at: &Path) -> Result<(), Errno> {
    unsafe extern "C" {
        fn umount(path: *const libc::c_char) -> libc::c_int;
    }
    let at = c_path(at);
    // SAFETY: it is a string.
    check(unsafe { umount(at.as_ptr()) }).map(drop)
}
