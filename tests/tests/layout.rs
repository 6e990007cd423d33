//! Structures and constants (TYPE, CONST).

use event_ports_tests::prelude::*;
use std::mem::offset_of;
use sys::{file_obj_t, port_event_t, port_notify_t};

#[test]
fn type_01_port_event() {
    assert_eq!((size_of::<port_event_t>(), align_of::<port_event_t>()), (24, 8));
    assert_eq!(offset_of!(port_event_t, portev_events), 0);
    assert_eq!(offset_of!(port_event_t, portev_source), 4);
    assert_eq!(offset_of!(port_event_t, portev_pad), 6);
    assert_eq!(offset_of!(port_event_t, portev_object), 8);
    assert_eq!(offset_of!(port_event_t, portev_user), 16);
}

#[test]
fn type_03_port_notify() {
    assert_eq!((size_of::<port_notify_t>(), align_of::<port_notify_t>()), (16, 8));
    assert_eq!(offset_of!(port_notify_t, portnfy_port), 0);
    assert_eq!(offset_of!(port_notify_t, portnfy_user), 8);
}

#[test]
fn type_04_file_obj() {
    assert_eq!((size_of::<file_obj_t>(), align_of::<file_obj_t>()), (80, 8));
    assert_eq!(offset_of!(file_obj_t, fo_atime), 0);
    assert_eq!(offset_of!(file_obj_t, fo_mtime), 16);
    assert_eq!(offset_of!(file_obj_t, fo_ctime), 32);
    assert_eq!(offset_of!(file_obj_t, fo_pad), 48);
    assert_eq!(offset_of!(file_obj_t, fo_name), 72);
}

/// On Linux it is the host's.
#[test]
#[cfg(target_os = "illumos")]
fn type_05_sigevent() {
    assert_eq!((size_of::<sys::sigevent>(), align_of::<sys::sigevent>()), (40, 8));
    assert_eq!(offset_of!(sys::sigevent, sigev_notify), 0);
    assert_eq!(offset_of!(sys::sigevent, sigev_signo), 4);
    assert_eq!(offset_of!(sys::sigevent, sigev_value), 8);
    assert_eq!(offset_of!(sys::sigevent, sigev_notify_attributes), 24);
}

/// On Linux it is the host's.
#[test]
#[cfg(target_os = "illumos")]
fn type_06_aiocb() {
    assert_eq!((size_of::<sys::aiocb>(), align_of::<sys::aiocb>()), (112, 8));
    assert_eq!(offset_of!(sys::aiocb, aio_fildes), 0);
    assert_eq!(offset_of!(sys::aiocb, aio_buf), 8);
    assert_eq!(offset_of!(sys::aiocb, aio_nbytes), 16);
    assert_eq!(offset_of!(sys::aiocb, aio_offset), 24);
    assert_eq!(offset_of!(sys::aiocb, aio_reqprio), 32);
    assert_eq!(offset_of!(sys::aiocb, aio_sigevent), 40);
    assert_eq!(offset_of!(sys::aiocb, aio_lio_opcode), 80);
}

/// On Linux they are the host's: a pointer and a number.
#[test]
#[cfg(target_os = "illumos")]
fn type_07_ids_of_timers_and_queues() {
    use std::any::TypeId;
    assert_eq!(TypeId::of::<sys::timer_t>(), TypeId::of::<c_int>());
    assert_eq!(size_of::<sys::mqd_t>(), size_of::<*const ()>());
}

#[test]
fn const_01_sources() {
    let sources = [
        sys::PORT_SOURCE_AIO,
        sys::PORT_SOURCE_TIMER,
        sys::PORT_SOURCE_USER,
        sys::PORT_SOURCE_FD,
        sys::PORT_SOURCE_ALERT,
        sys::PORT_SOURCE_MQ,
        sys::PORT_SOURCE_FILE,
    ];
    assert_eq!(sources, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn const_02_alert_flags() {
    assert_eq!([sys::PORT_ALERT_SET, sys::PORT_ALERT_UPDATE, sys::PORT_ALERT_INVALID], [1, 2, 3]);
}

#[test]
fn const_03_file_events() {
    assert_eq!([sys::FILE_ACCESS, sys::FILE_MODIFIED, sys::FILE_ATTRIB, sys::FILE_TRUNC], [1, 2, 4, 0x10_0000]);
    assert_eq!([sys::FILE_DELETE, sys::FILE_RENAME_TO, sys::FILE_RENAME_FROM], [0x10, 0x20, 0x40]);
    assert_eq!([sys::FILE_NOFOLLOW, sys::UNMOUNTED, sys::MOUNTEDOVER], [0x1000_0000, 0x2000_0000, 0x4000_0000]);
    assert_eq!(sys::FILE_EXCEPTION, 0x6000_0070);
}

#[test]
fn const_04_sigev_port_is_none_of_the_hosts_other_notifications() {
    let others = [libc::SIGEV_NONE, libc::SIGEV_SIGNAL, libc::SIGEV_THREAD];
    assert!(!others.contains(&sys::SIGEV_PORT));
    if cfg!(target_os = "illumos") {
        assert_eq!(others, [1, 2, 3]);
        assert_eq!(sys::SIGEV_PORT, 4);
    }
}

#[test]
fn const_05_poll_bits_are_those_of_the_systems_poll() {
    let bits = [
        (sys::POLLIN, libc::POLLIN),
        (sys::POLLPRI, libc::POLLPRI),
        (sys::POLLOUT, libc::POLLOUT),
        (sys::POLLRDNORM, libc::POLLRDNORM),
        (sys::POLLWRNORM, libc::POLLWRNORM),
        (sys::POLLRDBAND, libc::POLLRDBAND),
        (sys::POLLWRBAND, libc::POLLWRBAND),
        (sys::POLLRDHUP, libc::POLLRDHUP),
        (sys::POLLERR, libc::POLLERR),
        (sys::POLLHUP, libc::POLLHUP),
        (sys::POLLNVAL, libc::POLLNVAL),
    ];
    for (ours, hosts) in bits {
        assert_eq!(ours, c_int::from(hosts));
    }
}

#[test]
fn const_06_etime_and_ebadfd_are_not_their_namesakes() {
    assert_ne!(ETIME, Errno(libc::ETIMEDOUT));
    assert_ne!(EBADFD, EBADF);
    assert_eq!(
        [ENOENT, EINTR, EBADF, EAGAIN, EFAULT, EBUSY, EINVAL, EMFILE, ETIME].map(|errno| errno.0),
        [2, 4, 9, 11, 14, 16, 22, 24, 62]
    );
}
