//! `mq_notify`.

use super::{fail, status};
use crate::errno::Errno;
use crate::os;
use crate::source::mq;
use crate::types::{SIGEV_PORT, port_notify};
use libc::{c_int, mqd_t, sigevent};

unsafe extern "C" {
    /// The C library's, whose declaration the `libc` crate does not have for each of them.
    fn mq_notify(queue: mqd_t, event: *const sigevent) -> c_int;
}

/// `mq_notify`: with `SIGEV_PORT`, asks for one event when a message comes to the empty queue and nobody waits for it.
///
/// Everything else, null included, is passed on to the C library. Fails with `EBUSY` if somebody is registered with the
/// queue, `EBADF` for what is no queue or no port, and `EAGAIN` when the port is full.
///
/// # Safety
/// `event` is null or points to a `sigevent` whose `sival_ptr`, with `SIGEV_PORT`, is null or points to a
/// `port_notify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn port_linux_mq_notify(queue: mqd_t, event: *const sigevent) -> c_int {
    if !event.is_null() && !os::may_be_memory(event) {
        return fail(Errno::FAULT);
    }
    // SAFETY: the caller's promise.
    let Some(wanted) = unsafe { event.as_ref() }.filter(|e| e.sigev_notify == SIGEV_PORT) else {
        // SAFETY: the caller's promise is what the C library asks for.
        return unsafe { mq_notify(queue, event) };
    };
    status(|| {
        let notify = wanted.sigev_value.sival_ptr.cast_const().cast::<port_notify>();
        if !os::may_be_memory(notify) {
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's promise.
        mq::register(queue, unsafe { notify.read_unaligned() })
    })
}
