//! What reaches a port by way of a `sigevent`: timers, asynchronous I/O and message queues. Their types and constants are
//! the host's, and so are their values.

pub use libc::{
    AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED, CLOCK_MONOTONIC, CLOCK_REALTIME, LIO_NOP, LIO_NOWAIT, LIO_READ,
    LIO_WAIT, LIO_WRITE, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, TIMER_ABSTIME, aiocb, clockid_t, itimerspec, mq_attr,
    mqd_t, sigevent, sigval, timer_t,
};

#[cfg(target_os = "illumos")]
pub use illumos::*;
#[cfg(target_os = "linux")]
pub use linux::*;

/// The `sigev_notify` of a `sigevent` whose event goes to a port; its `sigev_value` points to a
/// [`port_notify`](crate::port_notify).
///
/// On Linux the value is one that libc's functions know nothing of, since illumos's is taken there.
#[cfg(target_os = "linux")]
pub use event_ports_linux::types::SIGEV_PORT;

/// Linux's own functions do not know [`SIGEV_PORT`]. These do, and pass everything else on to them.
#[cfg(target_os = "linux")]
mod linux {
    pub use event_ports_linux::abi::{
        port_linux_timer_create as timer_create, port_linux_timer_delete as timer_delete,
        port_linux_timer_getoverrun as timer_getoverrun, port_linux_timer_gettime as timer_gettime,
        port_linux_timer_settime as timer_settime,
    };
}

/// The same signatures on both systems.
mod signatures {
    use super::{
        clockid_t, itimerspec, sigevent, timer_create, timer_delete, timer_getoverrun, timer_gettime, timer_settime,
        timer_t,
    };
    use libc::c_int;

    const _: unsafe extern "C" fn(clockid_t, *mut sigevent, *mut timer_t) -> c_int = timer_create;
    const _: unsafe extern "C" fn(timer_t, c_int, *const itimerspec, *mut itimerspec) -> c_int = timer_settime;
    const _: unsafe extern "C" fn(timer_t, *mut itimerspec) -> c_int = timer_gettime;
    const _: unsafe extern "C" fn(timer_t) -> c_int = timer_getoverrun;
    const _: unsafe extern "C" fn(timer_t) -> c_int = timer_delete;
}

/// illumos's own functions know [`SIGEV_PORT`].
#[cfg(target_os = "illumos")]
mod illumos {
    pub use libc::{
        SIGEV_PORT, aio_cancel, aio_error, aio_fsync, aio_read, aio_return, aio_suspend, aio_write, lio_listio,
        mq_close, mq_getattr, mq_open, mq_receive, mq_send, mq_setattr, mq_timedreceive, mq_timedsend, mq_unlink,
        timer_create, timer_delete, timer_getoverrun, timer_gettime, timer_settime,
    };

    unsafe extern "C" {
        /// [`mq_notify(3C)`](https://illumos.org/man/3C/mq_notify)`(mqdes, notification)` asks for one notification when
        /// a message reaches the empty queue. Null takes the request back.
        ///
        /// # Safety
        ///
        /// `notification` is null or points to a valid `sigevent`.
        pub fn mq_notify(mqdes: libc::mqd_t, notification: *const libc::sigevent) -> libc::c_int;
    }
}
