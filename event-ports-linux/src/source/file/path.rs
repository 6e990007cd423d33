//! From the path a caller gives to the file it means, and to the name by which that file will be watched.

use super::stamps::Look;
use crate::errno::{Errno, Result};
use crate::os::{self, Descriptor};
use core::ffi::CStr;
use libc::c_char;
use std::os::fd::AsFd as _;

/// File systems whose content the kernel makes up when it is read. It does not tell when that changes.
const UNTOLD: [u32; 9] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x6e73_6673, // nsfs
    0x5049_5045, // pipes without a name
    0x534f_434b, // sockets without a name
];

/// As for [`UNTOLD`], the one file behind eventfd, epoll and their like.
const ANONYMOUS: u32 = 0x0904_1934;

/// A path without symbolic links, with its last component apart. Empty where there is none.
#[derive(Debug, Default)]
pub(super) struct FilePath {
    /// Ends with a zero, unless empty.
    text: Box<[u8]>,
    name_at: usize,
}

impl FilePath {
    /// A copy of an absolute path.
    fn new(path: &[u8]) -> Result<Self> {
        Self::join(&[path])
    }

    /// The path of `name` in the directory of this one.
    pub(super) fn with_name(&self, name: &CStr) -> Result<Self> {
        let dir = self.text.get(..self.name_at).unwrap_or_default();
        Self::join(&[dir, name.to_bytes()])
    }

    fn join(parts: &[&[u8]]) -> Result<Self> {
        let mut text = Vec::new();
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        text.try_reserve_exact(len + 1).map_err(|_| Errno::NOMEM)?;
        for part in parts {
            text.extend_from_slice(part);
        }
        text.push(0);
        let name_at = text.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        Ok(Self { text: text.into_boxed_slice(), name_at })
    }

    /// All of it.
    pub(super) fn full(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(&self.text).ok()
    }

    /// The last component.
    pub(super) fn name(&self) -> &CStr {
        self.text.get(self.name_at..).and_then(|name| CStr::from_bytes_with_nul(name).ok()).unwrap_or_default()
    }

    /// Whether it is right below a directory.
    pub(super) fn is_in(&self, directory: &Self) -> bool {
        self.text.get(..self.name_at).is_some_and(|dir| directory.text.strip_suffix(b"\0") == Some(dir))
    }

    /// A copy of all before the last component.
    pub(super) fn directory(&self) -> Result<Self> {
        Self::new(self.text.get(..self.name_at).unwrap_or_default())
    }
}

/// A file that a caller wants to watch.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) file: Descriptor,
    pub(super) look: Look,
    pub(super) path: FilePath,
    /// The directory its name is in, unless deleting or renaming it cannot be told by a name (FILE-6).
    pub(super) parent: Option<Parent>,
    /// Its directory was not where the kernel had just said that it is.
    pub(super) astray: bool,
    /// The path ends in "..", whose name is not the directory's own (FILE-7).
    pub(super) by_dotdot: bool,
}

/// A directory with the name of a watched file.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) file: Descriptor,
    pub(super) look: Look,
    /// Its own path.
    pub(super) path: FilePath,
}

/// Finds the file.
///
/// # Safety
/// If `path` is the address of readable memory, that holds a terminated string.
pub(super) unsafe fn look_up(path: *const c_char, follow: bool) -> Result<Target> {
    let file = os::look_up(path, if follow { 0 } else { libc::O_NOFOLLOW })?;
    // SAFETY: the kernel has just read the string, so it is there; the rest is the caller's promise.
    let by_dotdot = ends_in_dotdot(unsafe { CStr::from_ptr(path) }.to_bytes());
    let look = Look::new(&os::stat_of(file.as_fd())?);
    let kind = os::file_system_kind(file.as_fd())?;
    if kind == ANONYMOUS || UNTOLD.contains(&kind) {
        return Err(Errno::NOTSUP);
    }
    let path = canonical(&file)?;
    let (parent, astray) = match parent(&path, &look) {
        _ if look.links == 0 => (None, false),
        Err(e) if e.is_absence() => (None, true),
        parent => (parent?, false),
    };
    Ok(Target { file, look, path, parent, astray, by_dotdot })
}

fn ends_in_dotdot(path: &[u8]) -> bool {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |last| last + 1);
    path[..end].rsplit(|&b| b == b'/').next() == Some(b"..")
}

fn canonical(file: &Descriptor) -> Result<FilePath> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(libc::PATH_MAX as usize).map_err(|_| Errno::NOMEM)?;
    buffer.resize(libc::PATH_MAX as usize, 0);
    let len = os::path_of(file.as_fd(), &mut buffer)?;
    // What is not below the root has no path that leads to it.
    if buffer.first() == Some(&b'/') { FilePath::new(&buffer[..len]) } else { Ok(FilePath::default()) }
}

fn parent(path: &FilePath, child: &Look) -> Result<Option<Parent>> {
    if path.name().is_empty() || child.mount_root == Some(true) {
        return Ok(None);
    }
    let directory = path.directory()?;
    let Some(full) = directory.full() else { return Ok(None) };
    let file = match os::look_up(full.as_ptr(), libc::O_DIRECTORY) {
        Ok(file) => file,
        Err(e) if e.is_shortage() || e.is_absence() => return Err(e),
        // The caller has come another way, and this one is closed to it.
        Err(_) => return Ok(None),
    };
    let look = Look::new(&os::stat_of(file.as_fd())?);
    Ok((!child.begins_mount_below(&look)).then_some(Parent { file, look, path: directory }))
}

#[cfg(test)]
mod tests {
    use super::{FilePath, ends_in_dotdot};

    #[test]
    fn the_last_component_is_apart() {
        let path = FilePath::new(b"/a/bc/def").unwrap();
        assert_eq!(path.full().unwrap(), c"/a/bc/def");
        assert_eq!(path.name(), c"def");
        assert_eq!(path.directory().unwrap().full().unwrap(), c"/a/bc/");
        assert!(path.is_in(&path.directory().unwrap()) && !path.is_in(&path) && !path.is_in(&FilePath::default()));
        assert_eq!(path.with_name(c"x").unwrap().full().unwrap(), c"/a/bc/x");
        let top = FilePath::new(b"/etc").unwrap();
        assert_eq!((top.name(), top.directory().unwrap().full()), (c"etc", Some(c"/")));
        let root = FilePath::new(b"/").unwrap();
        assert_eq!((root.name(), root.full()), (c"", Some(c"/")));
        assert_eq!((FilePath::default().name(), FilePath::default().full()), (c"", None));
    }

    #[test]
    fn file_7_only_a_last_component_of_two_dots_counts() {
        for path in ["..", "../", "a/..", "/..//"] {
            assert!(ends_in_dotdot(path.as_bytes()), "{path}");
        }
        for path in ["", "/", ".", "a..", "../a", "..a", "a/..b"] {
            assert!(!ends_in_dotdot(path.as_bytes()), "{path}");
        }
    }
}
