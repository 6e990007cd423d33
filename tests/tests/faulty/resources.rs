//! What a process holds.

use super::allocator;
use event_ports_tests::{close_port, port};
use std::fs;

/// What there may not be ever more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resources {
    /// Allocations that were not freed.
    allocations: isize,
    /// Pages of address space.
    pages: usize,
    /// Open descriptors.
    descriptors: usize,
}

impl Resources {
    /// What there is now, after ports that were closed have been freed.
    pub(crate) fn now() -> Self {
        close_port(port());
        let descriptors = fs::read_dir("/proc/self/fd").expect("/proc tells of this process").count();
        let pages = pages();
        Self { allocations: allocator::live(), pages, descriptors }
    }

    /// Without what the C library keeps of threads that have ended.
    pub(crate) fn without_pages(self) -> Self {
        Self { pages: 0, ..self }
    }
}

/// The size of the address space, in pages.
pub(crate) fn pages() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc tells of this process");
    text.split(' ').next().and_then(|size| size.parse().ok()).expect("it begins with the size")
}
