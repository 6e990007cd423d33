//! Ports that watch files.

use event_ports::{EventPort, FileEvents, FileObj, sys};
use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::time::Duration;

/// Something that watches files.
pub(crate) trait Watch {
    fn new() -> Self;
    /// Begins to wait for a modification of the file.
    fn begin(&mut self, path: &Path);
    /// Retrieves so many events that have come, and waits for the next modification of each file. Looks at the times of
    /// the file first, as one must who wants to miss nothing.
    fn renew(&mut self, count: usize);
}

/// Events to retrieve at once.
const BATCH: usize = 64;

/// By the safe crate.
pub(crate) struct Safe {
    port: EventPort,
}

impl Watch for Safe {
    fn new() -> Self {
        Self { port: EventPort::new().expect("a port can be made") }
    }

    fn begin(&mut self, path: &Path) {
        let object = FileObj::new(path).expect("the file is there");
        self.port.associate_file(&object, FileEvents::MODIFIED, 0).expect("it can be watched");
    }

    fn renew(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let events = self.port.get_n(BATCH, Some(Duration::ZERO)).expect("there are events");
            for event in &events {
                let mut object = event.as_file_obj().expect("its own").expect("a file's");
                object.refresh().expect("the file is there");
                self.port.associate_file(&object, FileEvents::MODIFIED, 0).expect("it can be watched");
            }
            left -= events.len();
        }
    }
}

/// By the raw calls.
pub(crate) struct Raw {
    port: RawFd,
    #[expect(clippy::vec_box, reason = "ports know them by their addresses")]
    objects: Vec<Box<(sys::file_obj, CString)>>,
}

impl Raw {
    fn associate(&self, object: *const sys::file_obj) {
        let (port, source) = (self.port, sys::PORT_SOURCE_FILE);
        let (object, events) = (object.expose_provenance(), FileEvents::MODIFIED.bits());
        // SAFETY: the object is one of ours, with its path.
        let done = unsafe { sys::port_associate(port, source, object, events, ptr::null_mut()) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
    }
}

/// Sets the times to those of the file now.
fn refresh(object: &mut sys::file_obj) {
    // SAFETY: all zero is a valid stat, the path is a string, and there is room for the structure.
    let st = unsafe {
        let mut st: libc::stat = mem::zeroed();
        assert_eq!(libc::stat(object.fo_name, &raw mut st), 0, "{}", io::Error::last_os_error());
        st
    };
    object.fo_atime = libc::timespec { tv_sec: st.st_atime, tv_nsec: st.st_atime_nsec };
    object.fo_mtime = libc::timespec { tv_sec: st.st_mtime, tv_nsec: st.st_mtime_nsec };
    object.fo_ctime = libc::timespec { tv_sec: st.st_ctime, tv_nsec: st.st_ctime_nsec };
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: the port is ours, and not used any more.
        #[cfg(target_os = "linux")]
        let closed = unsafe { sys::linux::port_linux_close(self.port) };
        // SAFETY: as above.
        #[cfg(not(target_os = "linux"))]
        let closed = unsafe { libc::close(self.port) };
        assert_eq!(closed, 0, "{}", io::Error::last_os_error());
    }
}

impl Watch for Raw {
    fn new() -> Self {
        // SAFETY: takes nothing.
        let port = unsafe { sys::port_create() };
        assert!(port >= 0, "{}", io::Error::last_os_error());
        Self { port, objects: Vec::new() }
    }

    fn begin(&mut self, path: &Path) {
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no zero in it");
        // SAFETY: all zero is a valid object.
        let mut object: Box<(sys::file_obj, CString)> = Box::new((unsafe { mem::zeroed() }, path));
        object.0.fo_name = object.1.as_ptr().cast_mut();
        refresh(&mut object.0);
        self.associate(&raw const object.0);
        self.objects.push(object);
    }

    fn renew(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            // SAFETY: all zero is a valid event.
            let mut events: [sys::port_event_t; BATCH] = unsafe { mem::zeroed() };
            let mut got = 1;
            let mut timeout = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let (port, room) = (self.port, BATCH as u32);
            // SAFETY: there is room for as many events.
            let done = unsafe { sys::port_getn(port, events.as_mut_ptr(), room, &raw mut got, &raw mut timeout) };
            assert_eq!(done, 0, "{}", io::Error::last_os_error());
            for event in &events[..got as usize] {
                let object = ptr::with_exposed_provenance_mut::<sys::file_obj>(event.portev_object);
                // SAFETY: all objects of this port are in our table, and nobody else uses them.
                refresh(unsafe { &mut *object });
                self.associate(object);
            }
            left -= got as usize;
        }
    }
}
