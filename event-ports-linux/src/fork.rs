//! Noticing that this process is a forked child.
//!
//! A child inherits our memory and the descriptors, but it must not touch the parent's registrations, and locks may
//! have been held by threads that it does not have. A word in memory that the kernel wipes on fork tells, without a
//! system call and without a handler that a raw clone(2) would miss.

use crate::errno::Result;
use crate::os;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

const PAGE: usize = 4096;

const WIPED: u32 = 0;
const WATCHING: u32 = 1;
const STARTING_ANEW: u32 = 2;

static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// Begins to watch. Does nothing if that has happened already.
pub(crate) fn watch() -> Result<()> {
    if !WORD.load(Ordering::Acquire).is_null() {
        return Ok(());
    }
    let page = os::reserve_pages(PAGE)?;
    // SAFETY: the range was mapped just above.
    if let Err(e) = unsafe { os::wipe_on_fork(page, PAGE) } {
        // SAFETY: as above, and nobody has seen it.
        unsafe { os::return_pages(page, PAGE) };
        return Err(e);
    }
    let word = page.cast::<AtomicU32>();
    // SAFETY: the page is mapped, aligned and zero, which is a valid atomic, and it is never unmapped.
    unsafe { &*word }.store(WATCHING, Ordering::Relaxed);
    // Of two threads that get here at once one loses its page, which is never used.
    let _ = WORD.compare_exchange(ptr::null_mut(), word, Ordering::Release, Ordering::Relaxed);
    Ok(())
}

/// In a child that has not been here yet, calls `start_anew` once, and returns after it is done.
#[inline]
pub(crate) fn check(start_anew: impl FnOnce()) {
    let word = WORD.load(Ordering::Acquire);
    if word.is_null() {
        return;
    }
    // SAFETY: set by `watch` alone, to a page that is never unmapped.
    let word = unsafe { &*word };
    if word.load(Ordering::Acquire) != WATCHING {
        check_slowly(word, start_anew);
    }
}

#[cold]
fn check_slowly(word: &AtomicU32, start_anew: impl FnOnce()) {
    if word.compare_exchange(WIPED, STARTING_ANEW, Ordering::Acquire, Ordering::Acquire).is_ok() {
        start_anew();
        word.store(WATCHING, Ordering::Release);
    }
    while word.load(Ordering::Acquire) != WATCHING {
        std::thread::yield_now();
    }
}
