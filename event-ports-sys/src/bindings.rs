use libc::{c_uint as uint_t, c_ushort as ushort_t, timespec, timespec as timestruc_t};

pub type port_event_t = port_event;
pub type port_notify_t = port_notify;
pub type file_obj_t = file_obj;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct port_event {
    pub portev_events: libc::c_int,
    pub portev_source: ushort_t,
    pub portev_pad: ushort_t,
    pub portev_object: usize,
    pub portev_user: *mut libc::c_void,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct port_notify {
    pub portnfy_port: libc::c_int,
    pub portnfy_user: *mut libc::c_void,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct file_obj {
    pub fo_atime: timestruc_t,
    pub fo_mtime: timestruc_t,
    pub fo_ctime: timestruc_t,
    pub fo_pad: [usize; 3usize],
    pub fo_name: *mut libc::c_char,
}
pub const PORT_SOURCE_AIO: libc::c_int = 1;
pub const PORT_SOURCE_TIMER: libc::c_int = 2;
pub const PORT_SOURCE_USER: libc::c_int = 3;
pub const PORT_SOURCE_FD: libc::c_int = 4;
pub const PORT_SOURCE_ALERT: libc::c_int = 5;
pub const PORT_SOURCE_MQ: libc::c_int = 6;
pub const PORT_SOURCE_FILE: libc::c_int = 7;
pub const PORT_ALERT_SET: libc::c_int = 1;
pub const PORT_ALERT_UPDATE: libc::c_int = 2;
pub const PORT_ALERT_INVALID: libc::c_int = 3;
pub const FILE_ACCESS: libc::c_int = 1;
pub const FILE_MODIFIED: libc::c_int = 2;
pub const FILE_ATTRIB: libc::c_int = 4;
pub const FILE_TRUNC: libc::c_int = 1048576;
pub const FILE_NOFOLLOW: libc::c_int = 268435456;
pub const FILE_DELETE: libc::c_int = 16;
pub const FILE_RENAME_TO: libc::c_int = 32;
pub const FILE_RENAME_FROM: libc::c_int = 64;
pub const UNMOUNTED: libc::c_int = 536870912;
pub const MOUNTEDOVER: libc::c_int = 1073741824;
pub const FILE_EXCEPTION: libc::c_int = 1610612848;
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of port_event"][::core::mem::size_of::<port_event>() - 24usize];
    ["Alignment of port_event"][::core::mem::align_of::<port_event>() - 8usize];
    [
        "Offset of field: port_event::portev_events",
    ][::core::mem::offset_of!(port_event, portev_events) - 0usize];
    [
        "Offset of field: port_event::portev_source",
    ][::core::mem::offset_of!(port_event, portev_source) - 4usize];
    [
        "Offset of field: port_event::portev_pad",
    ][::core::mem::offset_of!(port_event, portev_pad) - 6usize];
    [
        "Offset of field: port_event::portev_object",
    ][::core::mem::offset_of!(port_event, portev_object) - 8usize];
    [
        "Offset of field: port_event::portev_user",
    ][::core::mem::offset_of!(port_event, portev_user) - 16usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of port_notify"][::core::mem::size_of::<port_notify>() - 16usize];
    ["Alignment of port_notify"][::core::mem::align_of::<port_notify>() - 8usize];
    [
        "Offset of field: port_notify::portnfy_port",
    ][::core::mem::offset_of!(port_notify, portnfy_port) - 0usize];
    [
        "Offset of field: port_notify::portnfy_user",
    ][::core::mem::offset_of!(port_notify, portnfy_user) - 8usize];
};
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of file_obj"][::core::mem::size_of::<file_obj>() - 80usize];
    ["Alignment of file_obj"][::core::mem::align_of::<file_obj>() - 8usize];
    [
        "Offset of field: file_obj::fo_atime",
    ][::core::mem::offset_of!(file_obj, fo_atime) - 0usize];
    [
        "Offset of field: file_obj::fo_mtime",
    ][::core::mem::offset_of!(file_obj, fo_mtime) - 16usize];
    [
        "Offset of field: file_obj::fo_ctime",
    ][::core::mem::offset_of!(file_obj, fo_ctime) - 32usize];
    [
        "Offset of field: file_obj::fo_pad",
    ][::core::mem::offset_of!(file_obj, fo_pad) - 48usize];
    [
        "Offset of field: file_obj::fo_name",
    ][::core::mem::offset_of!(file_obj, fo_name) - 72usize];
};
unsafe extern "C" {
    pub fn port_create() -> libc::c_int;
    pub fn port_associate(
        arg1: libc::c_int,
        arg2: libc::c_int,
        arg3: usize,
        arg4: libc::c_int,
        arg5: *mut libc::c_void,
    ) -> libc::c_int;
    pub fn port_dissociate(
        arg1: libc::c_int,
        arg2: libc::c_int,
        arg3: usize,
    ) -> libc::c_int;
    pub fn port_send(
        arg1: libc::c_int,
        arg2: libc::c_int,
        arg3: *mut libc::c_void,
    ) -> libc::c_int;
    pub fn port_sendn(
        arg1: *mut libc::c_int,
        arg2: *mut libc::c_int,
        arg3: uint_t,
        arg4: libc::c_int,
        arg5: *mut libc::c_void,
    ) -> libc::c_int;
    pub fn port_get(
        arg1: libc::c_int,
        arg2: *mut port_event_t,
        arg3: *mut timespec,
    ) -> libc::c_int;
    pub fn port_getn(
        arg1: libc::c_int,
        arg2: *mut port_event_t,
        arg3: uint_t,
        arg4: *mut uint_t,
        arg5: *mut timespec,
    ) -> libc::c_int;
    pub fn port_alert(
        arg1: libc::c_int,
        arg2: libc::c_int,
        arg3: libc::c_int,
        arg4: *mut libc::c_void,
    ) -> libc::c_int;
}
