//! What reaches a port by way of a `sigevent`: timers, asynchronous I/O and message queues. Their types and constants are
//! the host's, and so are their values.

pub use libc::{
    AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED, CLOCK_MONOTONIC, CLOCK_REALTIME, LIO_NOP, LIO_NOWAIT, LIO_READ,
    LIO_WAIT, LIO_WRITE, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, TIMER_ABSTIME, aiocb, clockid_t, itimerspec, mq_attr,
    mqd_t, sigevent, sigval, timer_t,
};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: libc::c_int = $value;
            #[cfg(target_os = "linux")]
            const _: () = assert!($name == event_ports_linux::types::$name, stringify!($name));
        )*
    };
}

operations! {
    /// The `portev_events` of a completed read.
    AIOAREAD = 11;
    /// The `portev_events` of a completed write.
    AIOAWRITE = 12;
    /// The `portev_events` of a completed `aio_fsync`.
    AIOFSYNC = 20;
    /// The `portev_events` of a list that is complete.
    AIOLIO = 7;
}

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
        port_linux_aio_cancel as aio_cancel, port_linux_aio_error as aio_error, port_linux_aio_fsync as aio_fsync,
        port_linux_aio_read as aio_read, port_linux_aio_return as aio_return, port_linux_aio_suspend as aio_suspend,
        port_linux_aio_write as aio_write, port_linux_lio_listio as lio_listio, port_linux_mq_notify as mq_notify,
        port_linux_timer_create as timer_create, port_linux_timer_delete as timer_delete,
        port_linux_timer_getoverrun as timer_getoverrun, port_linux_timer_gettime as timer_gettime,
        port_linux_timer_settime as timer_settime,
    };
}

pub use libc::{
    mq_close, mq_getattr, mq_open, mq_receive, mq_send, mq_setattr, mq_timedreceive, mq_timedsend, mq_unlink,
};

/// The same signatures on both systems.
mod signatures {
    use super::{
        aio_cancel, aio_error, aio_fsync, aio_read, aio_return, aio_suspend, aio_write, aiocb, clockid_t, itimerspec,
        lio_listio, mq_notify, mqd_t, sigevent, timer_create, timer_delete, timer_getoverrun, timer_gettime,
        timer_settime, timer_t,
    };
    use libc::{c_int, ssize_t, timespec};

    const _: unsafe extern "C" fn(clockid_t, *mut sigevent, *mut timer_t) -> c_int = timer_create;
    const _: unsafe extern "C" fn(timer_t, c_int, *const itimerspec, *mut itimerspec) -> c_int = timer_settime;
    const _: unsafe extern "C" fn(timer_t, *mut itimerspec) -> c_int = timer_gettime;
    const _: unsafe extern "C" fn(timer_t) -> c_int = timer_getoverrun;
    const _: unsafe extern "C" fn(timer_t) -> c_int = timer_delete;

    const _: unsafe extern "C" fn(*mut aiocb) -> c_int = aio_read;
    const _: unsafe extern "C" fn(*mut aiocb) -> c_int = aio_write;
    const _: unsafe extern "C" fn(c_int, *mut aiocb) -> c_int = aio_fsync;
    const _: unsafe extern "C" fn(*const aiocb) -> c_int = aio_error;
    const _: unsafe extern "C" fn(*mut aiocb) -> ssize_t = aio_return;
    const _: unsafe extern "C" fn(c_int, *mut aiocb) -> c_int = aio_cancel;
    const _: unsafe extern "C" fn(*const *const aiocb, c_int, *const timespec) -> c_int = aio_suspend;
    const _: unsafe extern "C" fn(c_int, *const *mut aiocb, c_int, *mut sigevent) -> c_int = lio_listio;

    const _: unsafe extern "C" fn(mqd_t, *const sigevent) -> c_int = mq_notify;
}

/// illumos's own functions know [`SIGEV_PORT`].
#[cfg(target_os = "illumos")]
mod illumos {
    pub use libc::{
        SIGEV_PORT, aio_cancel, aio_error, aio_fsync, aio_read, aio_return, aio_suspend, aio_write, lio_listio,
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
