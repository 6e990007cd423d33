//! What may happen to a file.

use crate::{flags, sys};
use bitflags::bitflags;
use std::fmt;

bitflags! {
    /// What happened to a watched file, or what to watch it for.
    ///
    /// [`REQUESTABLE`](Self::REQUESTABLE) is what [`EventPort::associate_file`](crate::EventPort::associate_file)
    /// accepts. The rest are exceptions: they are always reported and end the watch, and to ask for one is an error.
    ///
    /// ```
    /// use event_ports::FileEvents;
    ///
    /// assert_eq!((FileEvents::ACCESS | FileEvents::MODIFIED).to_string(), "Access | Modified");
    /// assert!(FileEvents::DELETE.is_exception());
    /// assert!(!FileEvents::REQUESTABLE.contains(FileEvents::DELETE));
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct FileEvents: i32 {
        /// The file was read (`FILE_ACCESS`).
        const ACCESS = sys::FILE_ACCESS;
        /// The file's content, or the directory's entries, changed (`FILE_MODIFIED`).
        const MODIFIED = sys::FILE_MODIFIED;
        /// The file's attributes changed: mode, owner, times, number of links (`FILE_ATTRIB`).
        const ATTRIB = sys::FILE_ATTRIB;
        /// The file was truncated (`FILE_TRUNC`). Unlike the three above it has no timestamp to be compared.
        const TRUNC = sys::FILE_TRUNC;
        /// Watch a symbolic link itself (`FILE_NOFOLLOW`). Never reported. Better use
        /// [`FileObj::new_nofollow`](crate::FileObj::new_nofollow), which also reads the link's own times.
        const NOFOLLOW = sys::FILE_NOFOLLOW;
        /// Exception: the watched name was removed (`FILE_DELETE`).
        const DELETE = sys::FILE_DELETE;
        /// Exception: *another* file was renamed to the watched name and replaced it (`FILE_RENAME_TO`).
        const RENAME_TO = sys::FILE_RENAME_TO;
        /// Exception: the watched file was renamed (`FILE_RENAME_FROM`).
        const RENAME_FROM = sys::FILE_RENAME_FROM;
        /// Exception: the file system is being unmounted (`UNMOUNTED`).
        const UNMOUNTED = sys::UNMOUNTED;
        /// Exception: something is being mounted over the file (`MOUNTEDOVER`).
        const MOUNTEDOVER = sys::MOUNTEDOVER;

        // Bits this crate has no name for are valid: the system may know more.
        const _ = !0;
    }
}

impl FileEvents {
    /// What may be asked for. The empty set may, too: it means "exceptions only".
    pub const REQUESTABLE: Self =
        Self::ACCESS.union(Self::MODIFIED).union(Self::ATTRIB).union(Self::TRUNC).union(Self::NOFOLLOW);

    /// The exceptions: always reported, and the watch is gone when one comes (`FILE_EXCEPTION`).
    pub const EXCEPTIONS: Self = Self::from_bits_retain(sys::FILE_EXCEPTION);

    /// Whether an exception is among these: the watch has ended, and the path may mean another file now, or none.
    #[must_use]
    pub const fn is_exception(self) -> bool {
        self.intersects(Self::EXCEPTIONS)
    }
}

impl fmt::Display for FileEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: &[(i32, &str)] = &[
            (sys::FILE_ACCESS, "Access"),
            (sys::FILE_MODIFIED, "Modified"),
            (sys::FILE_ATTRIB, "Attrib"),
            (sys::FILE_TRUNC, "Trunc"),
            (sys::FILE_NOFOLLOW, "NoFollow"),
            (sys::FILE_DELETE, "Delete"),
            (sys::FILE_RENAME_TO, "RenameTo"),
            (sys::FILE_RENAME_FROM, "RenameFrom"),
            (sys::UNMOUNTED, "Unmounted"),
            (sys::MOUNTEDOVER, "MountedOver"),
        ];
        flags::write_names(f, self.bits(), NAMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_every_name() {
        let all = FileEvents::REQUESTABLE | FileEvents::EXCEPTIONS;
        assert_eq!(
            all.to_string(),
            "Access | Modified | Attrib | Trunc | NoFollow | Delete | RenameTo | RenameFrom | Unmounted | MountedOver"
        );
        assert_eq!(FileEvents::empty().to_string(), "(empty)");
    }

    #[test]
    fn requests_and_exceptions_are_disjoint_and_complete() {
        assert!((FileEvents::REQUESTABLE & FileEvents::EXCEPTIONS).is_empty());
        for exception in [
            FileEvents::DELETE,
            FileEvents::RENAME_TO,
            FileEvents::RENAME_FROM,
            FileEvents::UNMOUNTED,
            FileEvents::MOUNTEDOVER,
        ] {
            assert!(exception.is_exception(), "{exception}");
        }
        assert!(!FileEvents::REQUESTABLE.is_exception());
        // CONST-3: the mask the kernel accepts.
        assert_eq!(FileEvents::REQUESTABLE.bits(), 0x1010_0007);
    }

    #[test]
    fn s8_unknown_bits_are_kept_and_shown() {
        let odd = FileEvents::from_bits_retain(0x8) | FileEvents::MODIFIED;
        assert_eq!(odd.bits(), 0xa);
        assert_eq!(odd.to_string(), "Modified | 0x8");
    }
}
