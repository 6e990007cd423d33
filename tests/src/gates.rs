//! Which cases this system cannot run.

use crate::tables::{self, Gate};

/// The gate of a case on this system, if it has one.
pub(crate) fn on_this_system(test: &str) -> Option<Gate> {
    tables::gates().into_iter().find(|gate| gate.test == test && gate.system == std::env::consts::OS)
}
