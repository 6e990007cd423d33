//! What the safe crate's types refuse by lifetimes, ownership and privacy, each beside what they allow. The two differ in
//! what is refused and in nothing else, so the one that compiles shows that the other fails for that reason.
//!
//! # Events are gone when the batch is filled again
//!
//! ```no_run
//! let port = event_ports::EventPort::new().unwrap();
//! let mut events = event_ports::Events::with_capacity(4);
//! port.get_into(&mut events, None).unwrap();
//! let first = events.iter().next();
//! println!("{first:?}");
//! port.get_into(&mut events, None).unwrap();
//! ```
//! ```compile_fail,E0502
//! let port = event_ports::EventPort::new().unwrap();
//! let mut events = event_ports::Events::with_capacity(4);
//! port.get_into(&mut events, None).unwrap();
//! let first = events.iter().next();
//! port.get_into(&mut events, None).unwrap();
//! println!("{first:?}");
//! ```
//!
//! # … and when the batch is gone
//!
//! ```no_run
//! let events = event_ports::Events::with_capacity(4);
//! println!("{:?}", events.get(0).map(|event| event.to_owned()));
//! let kept = events.get(0).map(|event| event.to_owned());
//! drop(events);
//! println!("{kept:?}");
//! ```
//! ```compile_fail,E0505
//! let events = event_ports::Events::with_capacity(4);
//! println!("{:?}", events.get(0).map(|event| event.to_owned()));
//! let kept = events.get(0);
//! drop(events);
//! println!("{kept:?}");
//! ```
//!
//! # An alert is not left after its port
//!
//! ```no_run
//! let port = event_ports::EventPort::new().unwrap();
//! let guard = port.alert(std::num::NonZeroI32::MIN, 0).unwrap();
//! drop(guard);
//! drop(port);
//! ```
//! ```compile_fail,E0505
//! let port = event_ports::EventPort::new().unwrap();
//! let guard = port.alert(std::num::NonZeroI32::MIN, 0).unwrap();
//! drop(port);
//! drop(guard);
//! ```
//!
//! # A lent descriptor does not outlive the port
//!
//! ```no_run
//! use std::os::fd::AsFd;
//! let port = event_ports::EventPort::new().unwrap();
//! let fd = port.as_fd();
//! println!("{fd:?}");
//! drop(port);
//! ```
//! ```compile_fail,E0505
//! use std::os::fd::AsFd;
//! let port = event_ports::EventPort::new().unwrap();
//! let fd = port.as_fd();
//! drop(port);
//! println!("{fd:?}");
//! ```
//!
//! # A buffer is the request's until its event comes
//!
//! ```no_run
//! use std::sync::Arc;
//! let port = event_ports::EventPort::new().unwrap();
//! let file = Arc::new(std::fs::File::open("/dev/null").unwrap());
//! let buffer = vec![0; 16];
//! println!("{}", buffer[0]);
//! let request = port.aio_read(file, buffer, 0, 1).unwrap();
//! ```
//! ```compile_fail,E0382
//! use std::sync::Arc;
//! let port = event_ports::EventPort::new().unwrap();
//! let file = Arc::new(std::fs::File::open("/dev/null").unwrap());
//! let buffer = vec![0; 16];
//! let request = port.aio_read(file, buffer, 0, 1).unwrap();
//! println!("{}", buffer[0]);
//! ```
//!
//! # A request's descriptor is not borrowed
//!
//! ```no_run
//! use std::sync::Arc;
//! let port = event_ports::EventPort::new().unwrap();
//! let file = std::fs::File::open("/dev/null").unwrap();
//! let request = port.aio_read(Arc::new(file), vec![0; 16], 0, 1).unwrap();
//! ```
//! ```compile_fail,E0597
//! use std::sync::Arc;
//! let port = event_ports::EventPort::new().unwrap();
//! let file = std::fs::File::open("/dev/null").unwrap();
//! let request = port.aio_read(Arc::new(&file), vec![0; 16], 0, 1).unwrap();
//! ```
//!
//! # An object's times and path are not the caller's to write
//!
//! ```no_run
//! let mut object = event_ports::FileObj::new("/etc/passwd").unwrap();
//! object.refresh().unwrap();
//! println!("{}", object.path().display());
//! ```
//! ```compile_fail,E0616
//! let mut object = event_ports::FileObj::new("/etc/passwd").unwrap();
//! object.refresh().unwrap();
//! println!("{}", object.inner.path.display());
//! ```
//!
//! # The raw calls are unsafe
//!
//! ```no_run
//! use event_ports::sys;
//! // SAFETY: nothing is there to be violated by a port that is none.
//! unsafe { sys::port_associate(-1, sys::PORT_SOURCE_FILE, 0, 0, std::ptr::null_mut()) };
//! ```
//! ```compile_fail,E0133
//! use event_ports::sys;
//! sys::port_associate(-1, sys::PORT_SOURCE_FILE, 0, 0, std::ptr::null_mut());
//! ```
