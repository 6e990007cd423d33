//! What is made once and then lives as long as the process.
//!
//! It comes from the allocator and not from the kernel, so that a program's leak checker follows it to what it holds.

use crate::errno::{Errno, Result};
use std::alloc::{Layout, alloc, dealloc};

/// Makes a value in a place where it stays. Nothing is made without the place.
pub(crate) fn allocate<T>(make: impl FnOnce() -> Result<T>) -> Result<*mut T> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the layout has a size.
    let at = unsafe { alloc(Layout::new::<T>()) }.cast::<T>();
    if at.is_null() {
        return Err(Errno::NOMEM);
    }
    match make() {
        Ok(value) => {
            // SAFETY: the memory has just been allocated for a `T`.
            unsafe { at.write(value) };
            Ok(at)
        }
        Err(e) => {
            // SAFETY: allocated above with this layout, and known to nobody else.
            unsafe { dealloc(at.cast(), Layout::new::<T>()) };
            Err(e)
        }
    }
}

/// Takes back what turned out not to be needed.
///
/// # Safety
/// `at` comes from [`allocate`], and nobody else has it.
pub(crate) unsafe fn free<T>(at: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        at.drop_in_place();
        dealloc(at.cast(), Layout::new::<T>());
    }
}
