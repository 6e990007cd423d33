//! What inotify tells, one notice after the other.

use core::ffi::CStr;
use libc::c_int;
use std::mem::offset_of;

/// A notice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notice<'a> {
    pub(super) wd: c_int,
    pub(super) mask: u32,
    /// Connects the two notices of a renaming.
    pub(super) cookie: u32,
    /// Of which file in the directory it is; empty where it is of the marked file itself.
    pub(super) name: &'a CStr,
    size: usize,
}

const HEADER: usize = size_of::<libc::inotify_event>();

fn word(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

/// The first notice.
fn first(bytes: &[u8]) -> Option<Notice<'_>> {
    let number = |at| word(bytes, at).map(u32::from_ne_bytes);
    let len = number(offset_of!(libc::inotify_event, len))? as usize;
    let name = bytes.get(HEADER..HEADER + len)?;
    Some(Notice {
        wd: word(bytes, offset_of!(libc::inotify_event, wd)).map(c_int::from_ne_bytes)?,
        mask: number(offset_of!(libc::inotify_event, mask))?,
        cookie: number(offset_of!(libc::inotify_event, cookie))?,
        // A name is filled up with zeros.
        name: CStr::from_bytes_until_nul(name).unwrap_or_default(),
        size: HEADER + len,
    })
}

/// Notices that are still to be looked at, in order.
#[derive(Debug)]
pub(super) struct Notices<'a> {
    bytes: &'a mut [u8],
}

impl<'a> Notices<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// Takes the first one.
    pub(super) fn split_first(self) -> Option<(Notice<'a>, Self)> {
        let size = first(self.bytes)?.size;
        let (head, rest) = self.bytes.split_at_mut(size);
        Some((first(head)?, Self { bytes: rest }))
    }

    /// Whether one is to come that `which` describes.
    pub(super) fn any(&self, which: impl Fn(&Notice<'_>) -> bool) -> bool {
        self.position(which).is_some()
    }

    fn position(&self, which: impl Fn(&Notice<'_>) -> bool) -> Option<usize> {
        let mut at = 0;
        while let Some(notice) = first(self.bytes.get(at..)?) {
            if which(&notice) {
                return Some(at);
            }
            at += notice.size;
        }
        None
    }

    /// Takes the first one that `which` describes out of its turn.
    pub(super) fn take(&mut self, which: impl Fn(&Notice<'_>) -> bool) -> Option<Notice<'_>> {
        let at = self.position(which)?;
        // What it was is read before it is made void, but for the name, which stays.
        let notice = first(self.bytes.get(at..)?)?;
        let (wd, mask, cookie, size) = (notice.wd, notice.mask, notice.cookie, notice.size);
        let mask_at = at + offset_of!(libc::inotify_event, mask);
        self.bytes.get_mut(mask_at..mask_at + 4)?.fill(0);
        let name = first(self.bytes.get(at..)?)?.name;
        Some(Notice { wd, mask, cookie, name, size })
    }
}

#[cfg(test)]
mod tests {
    use super::Notices;

    fn write(to: &mut Vec<u8>, wd: i32, mask: u32, cookie: u32, name: &str) {
        let len = if name.is_empty() { 0 } else { (name.len() + 1).next_multiple_of(16) };
        to.extend(wd.to_ne_bytes());
        for word in [mask, cookie, u32::try_from(len).unwrap()] {
            to.extend(word.to_ne_bytes());
        }
        to.extend(name.bytes());
        to.resize(to.len() + len - name.len(), 0);
    }

    #[test]
    fn notices_come_in_order_and_what_was_taken_before_comes_void() {
        let mut bytes = Vec::new();
        write(&mut bytes, 1, 2, 0, "");
        write(&mut bytes, 3, 4, 5, "from");
        write(&mut bytes, 6, 7, 5, "a name of sixteen");
        let mut seen = Vec::new();
        let mut notices = Notices::new(&mut bytes);
        while let Some((notice, mut rest)) = notices.split_first() {
            if notice.wd == 1 {
                let taken = rest.take(|n| n.cookie == 5 && n.mask == 7).unwrap();
                assert_eq!((taken.wd, taken.mask, taken.name), (6, 7, c"a name of sixteen"));
                assert!(rest.take(|n| n.mask == 7).is_none());
                assert!(rest.any(|n| n.name == c"from") && !rest.any(|n| n.wd == 1));
            }
            seen.push((notice.wd, notice.mask, notice.name.to_owned()));
            notices = rest;
        }
        let expected = [(1, 2, c"".into()), (3, 4, c"from".into()), (6, 0, c"a name of sixteen".into())];
        assert_eq!(seen, expected);
    }

    #[test]
    fn half_a_notice_is_none() {
        let mut bytes = Vec::new();
        write(&mut bytes, 1, 2, 0, "name");
        for len in 0..bytes.len() {
            assert!(Notices::new(&mut bytes[..len]).split_first().is_none());
        }
    }
}
