//! Timers in the order of their deadlines.
//!
//! Adding and removing neither allocates nor frees, since a signal handler that sends an event may get here. The room is
//! made when a timer is created.

use super::record::Record;
use crate::errno::{Errno, Result};

/// A binary heap. Each timer in it knows its place, so that it can be taken out.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    timers: Vec<&'static Record>,
}

impl Heap {
    /// Makes sure that there is room for `count` timers.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<()> {
        self.timers.try_reserve(count.saturating_sub(self.timers.len())).map_err(|_| Errno::NOMEM)
    }

    /// The timer that expires first.
    pub(crate) fn first(&self) -> Option<&'static Record> {
        self.timers.first().copied()
    }

    /// Adds a timer that is in no heap. There is room for it.
    pub(crate) fn add(&mut self, timer: &'static Record) {
        let at = self.timers.len();
        self.timers.push(timer);
        self.rise(at);
    }

    /// Takes out a timer, if it is in this heap.
    pub(crate) fn remove(&mut self, timer: &Record) {
        let Some(at) = timer.place() else { return };
        timer.set_place(None);
        let Some(last) = self.timers.pop() else { return };
        if at < self.timers.len() {
            self.timers[at] = last;
            self.rise(at);
            self.sink(at);
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.timers[parent].deadline() <= self.timers[at].deadline() {
                break;
            }
            self.exchange(at, parent);
            at = parent;
        }
        self.timers[at].set_place(Some(at));
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let deadline = |i: usize| self.timers.get(i).map(|t| t.deadline());
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let Some(mut least) = deadline(left) else { break };
            let mut child = left;
            if let Some(other) = deadline(right).filter(|&d| d < least) {
                (least, child) = (other, right);
            }
            if self.timers[at].deadline() <= least {
                break;
            }
            self.exchange(at, child);
            at = child;
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.timers.swap(a, b);
        self.timers[a].set_place(Some(a));
        self.timers[b].set_place(Some(b));
    }
}

#[cfg(test)]
mod tests {
    use super::{Heap, Record};

    #[test]
    fn timers_come_out_by_deadline_wherever_others_are_taken_out() {
        let mut heap = Heap::default();
        // 37 and 101 have no common divisor, so this is every number below 101 in a mixed order.
        let timers: Vec<_> = (0..101_u64).map(|i| Record::leaked(i * 37 % 101 + 1)).collect();
        heap.reserve(timers.len()).unwrap();
        timers.iter().for_each(|timer| heap.add(timer));
        for timer in timers.iter().filter(|t| t.deadline() % 3 == 0) {
            heap.remove(timer);
            assert_eq!(timer.place(), None);
            heap.remove(timer);
        }
        let order: Vec<_> = std::iter::from_fn(|| {
            let first = heap.first()?;
            heap.remove(first);
            Some(first.deadline())
        })
        .collect();
        assert_eq!(order, (1..=101).filter(|d| d % 3 != 0).collect::<Vec<_>>());
    }
}
