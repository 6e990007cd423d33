//! From a number to what is known about it: pages that are made when they are first needed.

use crate::errno::{Errno, Result};
use crate::slab::{NIL, Slot};

const PAGE: usize = 256;

/// The slot of each associated descriptor of a port.
#[derive(Debug, Default)]
pub(crate) struct FdTable {
    pages: Vec<Option<Box<[Slot]>>>,
}

impl FdTable {
    /// The slot of `fd`, or [`NIL`].
    pub(crate) fn get(&self, fd: usize) -> Slot {
        match self.pages.get(fd / PAGE) {
            Some(Some(page)) => page[fd % PAGE],
            _ => NIL,
        }
    }

    /// Makes sure that [`set`](Self::set) works for `fd`.
    pub(crate) fn reserve(&mut self, fd: usize) -> Result<()> {
        let at = fd / PAGE;
        if at >= self.pages.len() {
            self.pages.try_reserve(at + 1 - self.pages.len()).map_err(|_| Errno::NOMEM)?;
            self.pages.resize_with(at + 1, || None);
        }
        if self.pages[at].is_none() {
            let mut page = Vec::new();
            page.try_reserve_exact(PAGE).map_err(|_| Errno::NOMEM)?;
            page.resize(PAGE, NIL);
            self.pages[at] = Some(page.into_boxed_slice());
        }
        Ok(())
    }

    /// Records the slot of `fd`. Without a page for it there is nothing to forget, and nothing is recorded.
    pub(crate) fn set(&mut self, fd: usize, slot: Slot) {
        if let Some(Some(page)) = self.pages.get_mut(fd / PAGE) {
            page[fd % PAGE] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FdTable;
    use crate::slab::NIL;

    #[test]
    fn numbers_far_apart_do_not_meet() {
        let mut table = FdTable::default();
        for fd in [0, 255, 256, 1_000_000] {
            assert_eq!(table.get(fd), NIL);
            table.reserve(fd).unwrap();
            table.set(fd, fd as u32 + 1);
        }
        for fd in [0, 255, 256, 1_000_000] {
            assert_eq!(table.get(fd), fd as u32 + 1);
        }
        table.set(255, NIL);
        assert_eq!(table.get(255), NIL);
        assert_eq!(table.get(257), NIL);
    }
}
