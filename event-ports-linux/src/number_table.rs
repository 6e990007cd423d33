//! Which port a descriptor number was last known to be. Reading it takes no lock. An entry is a hint: descriptors are
//! closed and numbers reused without our being told, so whoever relies on an entry verifies it.

use crate::errno::{Errno, Result};
use crate::os;
use crate::port::Port;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use libc::c_int;

const CHUNK: usize = 4096;
const CHUNKS: usize = 4096;

type Entry = AtomicPtr<Port>;

/// Each chunk is made when a number in it is first used, and never unmapped.
static TABLE: [AtomicPtr<Entry>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];

#[inline]
fn chunk(at: usize) -> Option<&'static [Entry]> {
    let chunk = TABLE.get(at)?.load(Ordering::Acquire);
    if chunk.is_null() {
        return None;
    }
    // SAFETY: a chunk is a mapping of CHUNK entries that is never unmapped; zero is a valid entry.
    Some(unsafe { core::slice::from_raw_parts(chunk, CHUNK) })
}

#[inline]
fn entry(number: c_int) -> Option<&'static Entry> {
    let number = usize::try_from(number).ok()?;
    chunk(number / CHUNK).map(|c| &c[number % CHUNK])
}

/// The port `number` was last known to be.
#[inline]
pub(crate) fn get(number: c_int) -> Option<&'static Port> {
    let port = entry(number)?.load(Ordering::Acquire);
    // SAFETY: only `set` stores anything but null, and ports live for ever.
    unsafe { port.as_ref() }
}

/// Makes sure that [`set`] works for `number`.
pub(crate) fn reserve(number: c_int) -> Result<()> {
    let at = usize::try_from(number).map_err(|_| Errno::BADF)? / CHUNK;
    let place = TABLE.get(at).ok_or(Errno::MFILE)?;
    if place.load(Ordering::Acquire).is_null() {
        let fresh = os::reserve_pages(CHUNK * size_of::<Entry>())?.cast::<Entry>();
        // Of two threads that get here at once one loses its pages, which are never touched.
        let _ = place.compare_exchange(ptr::null_mut(), fresh, Ordering::Release, Ordering::Relaxed);
    }
    Ok(())
}

/// Records that `number` is `port`. Without room for it, which [`reserve`] makes, nothing is recorded.
pub(crate) fn set(number: c_int, port: &'static Port) {
    if let Some(entry) = entry(number) {
        entry.store(ptr::from_ref(port).cast_mut(), Ordering::Release);
    }
}

/// Records that `number` is not `port` any more.
pub(crate) fn clear(number: c_int, port: &'static Port) {
    if let Some(entry) = entry(number) {
        let port = ptr::from_ref(port).cast_mut();
        let _ = entry.compare_exchange(port, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Empties the table, and hands each number and the port it was to `each`.
pub(crate) fn clear_all(mut each: impl FnMut(c_int, &'static Port)) {
    for at in 0..CHUNKS {
        let Some(chunk) = chunk(at) else { continue };
        for (place, entry) in chunk.iter().enumerate() {
            let port = entry.swap(ptr::null_mut(), Ordering::Relaxed);
            // SAFETY: as in `get`.
            if let Some(port) = unsafe { port.as_ref() } {
                each((at * CHUNK + place) as c_int, port);
            }
        }
    }
}
