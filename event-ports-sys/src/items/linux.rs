//! What the implementation on Linux has beyond `<port.h>`: `<port_linux.h>`.

pub use event_ports_linux::abi::{
    PORT_TRUST_DESCRIPTORS, PORT_TRUST_NUMBER, port_linux_close, port_linux_set_max_events, port_linux_trust,
};
