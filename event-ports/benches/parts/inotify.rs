//! Bare inotify.

use crate::watchers::Watch;
use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(crate) struct Inotify {
    instance: File,
    paths: HashMap<i32, CString>,
    buffer: Vec<u8>,
}

impl Inotify {
    fn add(&self, path: &CString) -> i32 {
        const MASK: u32 = libc::IN_MODIFY | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_ONESHOT;
        // SAFETY: the path is a string.
        let wd = unsafe { libc::inotify_add_watch(self.instance.as_raw_fd(), path.as_ptr(), MASK) };
        assert!(wd >= 0, "{}", io::Error::last_os_error());
        wd
    }
}

impl Watch for Inotify {
    fn new() -> Self {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: it was made just now and is nobody else's.
        let instance = unsafe { File::from_raw_fd(fd) };
        Self { instance, paths: HashMap::new(), buffer: vec![0; 4096] }
    }

    fn begin(&mut self, path: &Path) {
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no zero in it");
        // The contestants look at the file, too.
        look(&path);
        let wd = self.add(&path);
        self.paths.insert(wd, path);
    }

    fn renew(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let read = self.instance.read(&mut self.buffer).expect("there are notices");
            let mut rest = &self.buffer[..read];
            let mut changed = Vec::new();
            while let Some((header, more)) = rest.split_first_chunk::<{ size_of::<libc::inotify_event>() }>() {
                // SAFETY: any bytes are a valid header.
                let header: libc::inotify_event = unsafe { mem::transmute_copy(header) };
                rest = &more[header.len as usize..];
                if header.mask & libc::IN_MODIFY != 0 {
                    changed.push(header.wd);
                }
            }
            for wd in changed {
                // A number that was one-shot is not used again.
                let path = self.paths.remove(&wd).expect("a watch of ours");
                look(&path);
                let wd = self.add(&path);
                self.paths.insert(wd, path);
                left -= 1;
            }
        }
    }
}

fn look(path: &CString) {
    // SAFETY: all zero is a valid stat, the path is a string, and there is room for the structure.
    let done = unsafe {
        let mut st: libc::stat = mem::zeroed();
        libc::stat(path.as_ptr(), &raw mut st)
    };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}
