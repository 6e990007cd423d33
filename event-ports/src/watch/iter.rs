//! Changes as an iterator.

use super::{Change, Watcher};
use crate::GetNError;
use crate::time::Deadline;
use std::iter::FusedIterator;
use std::time::Duration;

/// The changes a [`Watcher`] finds, one by one. Made by [`Watcher::changes`] and [`Watcher::changes_within`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct Changes<'a> {
    watcher: &'a mut Watcher,
    deadline: Deadline,
    is_done: bool,
}

impl<'a> Changes<'a> {
    pub(super) fn new(watcher: &'a mut Watcher, timeout: Option<Duration>) -> Self {
        Self { watcher, deadline: Deadline::after(timeout), is_done: false }
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Change, GetNError>;

    /// Waits for the next change.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.watcher.next(self.deadline.remaining()).transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl FusedIterator for Changes<'_> {}
