//! What becomes of a panic in the C library, which is none of its users' making.
//!
//! It ends the process by SIGABRT: the library is built so that nothing unwinds. But it writes nothing. A C program may
//! have anything open under the number of standard error, such as its database.

use std::sync::Once;

/// From now on panics of this library are silent. Its standard library is its own, so nobody else's are.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
