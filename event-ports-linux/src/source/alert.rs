//! Alert mode: a state of the port that every retrieval returns at once (`port_alert`).

use crate::errno::{Errno, Result};
use crate::port::{Alert, Locked};
use crate::types::{PORT_ALERT_INVALID, PORT_ALERT_UPDATE};
use crate::waiters::sign;
use libc::c_int;

/// Enters or leaves alert mode (ALERT-1 … ALERT-5).
pub(crate) fn alert(port: &mut Locked, flags: c_int, events: c_int, user: usize) -> Result<()> {
    if events == 0 {
        port.alert = None;
        return Ok(());
    }
    if flags & PORT_ALERT_INVALID == PORT_ALERT_INVALID {
        return Err(Errno::INVAL);
    }
    if flags == PORT_ALERT_UPDATE && port.alert.is_some() {
        return Err(Errno::BUSY);
    }
    let alert = Alert { events, user };
    port.alert = Some(alert);
    port.last_alert = Some(alert);
    port.alerts += 1;
    // Each thread that waits now returns this alert, whatever becomes of the stored one.
    while let Some(first) = port.waiters.first() {
        port.waiters.remove_first();
        first.get().leave_alert(alert);
        port.kick_if_leader(first);
        first.give(sign::ALERT);
    }
    Ok(())
}
