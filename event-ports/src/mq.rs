//! Message queues as a source of events.

use crate::event::{Extra, Slot};
use crate::keys::{Entry, Keys, new_key};
use crate::port::Shared;
use crate::{EventPort, MqError, MqNotifyError, MqOpenError, sys};
use libc::{c_int, c_long, c_uint};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, io, mem, process, ptr};

/// The registrations of queues with a port, by their keys.
pub(crate) type Queues = Keys<Registered>;

/// Which queue a registration is of.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    id: QueueId,
    queue: Weak<Open>,
}

/// Which [`MessageQueue`] an event is of ([`Event::Mq`](crate::Event::Mq)).
///
/// No two of a process have the same, at whatever time they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(usize);

/// An open POSIX message queue, which can tell a port that a message has come.
///
/// ```
/// use event_ports::{Event, EventPort, MessageQueue};
///
/// let name = format!("/event-ports-doc-queue-{}", std::process::id());
/// let queue = MessageQueue::options().create(true).max_messages(4).message_size(64).open(&name)?;
/// MessageQueue::unlink(&name)?;
///
/// let port = EventPort::new()?;
/// queue.notify(&port, 7)?;
/// queue.send(b"hello", 0)?;
///
/// let event = port.get(None)?;
/// assert!(matches!(event.view(), Event::Mq { queue: id } if id == queue.id()));
/// assert_eq!(event.user, 7);
/// let mut message = [0; 64];
/// let (len, _priority) = queue.receive(&mut message)?;
/// assert_eq!(&message[..len], b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Dropping it takes back what [`notify`](Self::notify) has asked for, and closes the queue; the queue itself lives until
/// its name is [unlinked](Self::unlink) and everyone has closed it.
#[doc(alias = "mqd_t")]
pub struct MessageQueue {
    open: Arc<Open>,
}

/// What a queue and its registrations share.
#[derive(Debug)]
struct Open {
    queue: RawQueue,
    id: QueueId,
    /// The registration that has not fired, as far as is known. It keeps the port open: a system may be confused by a
    /// port that goes first (MQ-8).
    registration: Mutex<Option<Registration>>,
    /// Whose registrations they are: a child of `fork` has none of its parent's.
    process: u32,
}

struct Registration {
    key: usize,
    port: Arc<Shared>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The system's descriptor of a queue.
#[derive(Debug, Clone, Copy)]
struct RawQueue(sys::mqd_t);

// SAFETY: a handle, though a pointer on some systems, that only the system follows, and that any thread may use.
unsafe impl Send for RawQueue {}
// SAFETY: as above.
unsafe impl Sync for RawQueue {}

impl RawQueue {
    /// `portev_object` of its events.
    fn object(self) -> usize {
        #[cfg(target_os = "linux")]
        return self.0 as usize;
        #[cfg(not(target_os = "linux"))]
        return self.0.addr();
    }

    fn is_valid(self) -> bool {
        // What mq_open returns on failure is -1, as a number or as a pointer.
        self.object() != -1_isize as usize
    }
}

/// How to open a queue, in the manner of [`OpenOptions`](std::fs::OpenOptions).
///
/// ```
/// use event_ports::{MessageQueue, MessageQueueOptions};
///
/// let name = format!("/event-ports-doc-options-{}", std::process::id());
/// let queue = MessageQueueOptions::new().create_new(true).mode(0o600).message_size(16).open(&name)?;
/// assert_eq!(queue.attributes()?.message_size, 16);
/// assert!(MessageQueueOptions::new().create_new(true).open(&name).unwrap_err().is_already_there());
/// MessageQueue::unlink(&name)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct MessageQueueOptions {
    read: bool,
    write: bool,
    create: bool,
    exclusive: bool,
    nonblocking: bool,
    mode: u32,
    max_messages: Option<usize>,
    message_size: Option<usize>,
}

impl Default for MessageQueueOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageQueueOptions {
    /// To open a queue that exists, for sending and receiving.
    pub const fn new() -> Self {
        Self {
            read: true,
            write: true,
            create: false,
            exclusive: false,
            nonblocking: false,
            mode: 0o600,
            max_messages: None,
            message_size: None,
        }
    }

    /// Whether messages are to be received. On unless said otherwise.
    pub const fn read(mut self, read: bool) -> Self {
        self.read = read;
        self
    }

    /// Whether messages are to be sent. On unless said otherwise.
    pub const fn write(mut self, write: bool) -> Self {
        self.write = write;
        self
    }

    /// Whether to make the queue if there is none.
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to make the queue, which must not be there.
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.create = create_new;
        self.exclusive = create_new;
        self
    }

    /// Whether sending to a full queue and receiving from an empty one fail instead of waiting
    /// ([`MqError::is_would_block`]).
    pub const fn nonblocking(mut self, nonblocking: bool) -> Self {
        self.nonblocking = nonblocking;
        self
    }

    /// The permissions of a queue that is made. `0o600` unless said otherwise.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// How many messages a queue that is made holds. The system has a default.
    pub const fn max_messages(mut self, messages: usize) -> Self {
        self.max_messages = Some(messages);
        self
    }

    /// How many bytes a message of a queue that is made has at most. The system has a default.
    pub const fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = Some(bytes);
        self
    }

    /// `mq_open`: opens the queue. Its name begins with a slash and has no other.
    ///
    /// # Errors
    /// There is no such queue ([`MqOpenError::is_not_found`]), it is there already
    /// ([`MqOpenError::is_already_there`]), or what the system reports.
    ///
    /// See [mq_open(3C)](https://illumos.org/man/3C/mq_open).
    #[doc(alias = "mq_open")]
    pub fn open(&self, name: impl AsRef<OsStr>) -> Result<MessageQueue, MqOpenError> {
        let name = name.as_ref();
        self.open_raw(name).map_err(|source| MqOpenError { name: name.into(), source })
    }

    fn open_raw(&self, name: &OsStr) -> io::Result<MessageQueue> {
        let name = CString::new(name.as_bytes())?;
        let mut flags = match (self.read, self.write) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            (true, false) => libc::O_RDONLY,
            (false, false) => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        };
        for (wanted, flag) in
            [(self.create, libc::O_CREAT), (self.exclusive, libc::O_EXCL), (self.nonblocking, libc::O_NONBLOCK)]
        {
            flags |= if wanted { flag } else { 0 };
        }
        let mut attributes = self.attributes()?;
        let attributes = attributes.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: the name is a terminated string, and the other arguments are those that O_CREAT asks for. They are
        // read during the call only.
        let queue = RawQueue(unsafe { sys::mq_open(name.as_ptr(), flags, self.mode as c_uint, attributes) });
        if !queue.is_valid() {
            return Err(io::Error::last_os_error());
        }
        let id = QueueId(new_key());
        let open = Open { queue, id, registration: Mutex::new(None), process: process::id() };
        Ok(MessageQueue { open: Arc::new(open) })
    }

    /// The attributes of a queue that is made, unless they are the system's defaults. The system wants both or none.
    fn attributes(&self) -> io::Result<Option<sys::mq_attr>> {
        const MESSAGES: usize = 10;
        const SIZE: usize = 8192;
        if self.max_messages.is_none() && self.message_size.is_none() {
            return Ok(None);
        }
        let number = |n| c_long::try_from(n).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
        // SAFETY: all zeros is a valid mq_attr, which consists of numbers.
        let mut attributes: sys::mq_attr = unsafe { mem::zeroed() };
        attributes.mq_maxmsg = number(self.max_messages.unwrap_or(MESSAGES))?;
        attributes.mq_msgsize = number(self.message_size.unwrap_or(SIZE))?;
        Ok(Some(attributes))
    }
}

/// What a queue is and holds ([`MessageQueue::attributes`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MqAttributes {
    /// How many messages it can hold.
    pub max_messages: usize,
    /// How many bytes a message has at most.
    pub message_size: usize,
    /// How many messages it holds.
    pub messages: usize,
    /// Whether calls fail instead of waiting.
    pub nonblocking: bool,
}

impl MessageQueue {
    /// `mq_open`: opens a queue that exists, for sending and receiving.
    ///
    /// # Errors
    /// As [`MessageQueueOptions::open`].
    ///
    /// See [mq_open(3C)](https://illumos.org/man/3C/mq_open).
    #[doc(alias = "mq_open")]
    pub fn open(name: impl AsRef<OsStr>) -> Result<Self, MqOpenError> {
        Self::options().open(name)
    }

    /// How to open a queue otherwise.
    pub const fn options() -> MessageQueueOptions {
        MessageQueueOptions::new()
    }

    /// `mq_unlink`: takes away a queue's name. The queue goes when everyone has closed it.
    ///
    /// # Errors
    /// There is no such queue ([`MqOpenError::is_not_found`]), or what the system reports.
    ///
    /// See [mq_unlink(3C)](https://illumos.org/man/3C/mq_unlink).
    #[doc(alias = "mq_unlink")]
    pub fn unlink(name: impl AsRef<OsStr>) -> Result<(), MqOpenError> {
        let name = name.as_ref();
        let failed = |source| MqOpenError { name: name.into(), source };
        let path = CString::new(name.as_bytes()).map_err(|error| failed(error.into()))?;
        // SAFETY: the name is a terminated string.
        if unsafe { sys::mq_unlink(path.as_ptr()) } == 0 { Ok(()) } else { Err(failed(io::Error::last_os_error())) }
    }

    /// `mq_send`: sends a message. Those with a higher priority are received first. Waits while the queue is full,
    /// signals or not.
    ///
    /// # Errors
    /// A message that is too long ([`MqError::is_message_size`]), a full queue that is not to be waited for
    /// ([`MqError::is_would_block`]), or what the system reports.
    ///
    /// See [mq_send(3C)](https://illumos.org/man/3C/mq_send).
    #[doc(alias = "mq_send")]
    pub fn send(&self, message: &[u8], priority: u32) -> Result<(), MqError> {
        // SAFETY: the message has as many bytes as are said, which are read during the call only.
        retry(|| unsafe { sys::mq_send(self.raw(), message.as_ptr().cast(), message.len(), priority) } as isize)
            .map(drop)
    }

    /// `mq_receive`: receives the oldest message of the highest priority. Returns its length and its priority. Waits
    /// while the queue is empty, signals or not.
    ///
    /// # Errors
    /// A buffer that is shorter than the queue's messages may be ([`MqError::is_message_size`]), an empty queue that is
    /// not to be waited for ([`MqError::is_would_block`]), or what the system reports.
    ///
    /// See [mq_receive(3C)](https://illumos.org/man/3C/mq_receive).
    #[doc(alias = "mq_receive")]
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, u32), MqError> {
        let mut priority: c_uint = 0;
        // SAFETY: the buffer has room for as many bytes as are said, and the priority is valid for the call.
        let len = retry(|| unsafe {
            sys::mq_receive(self.raw(), buffer.as_mut_ptr().cast(), buffer.len(), &raw mut priority)
        })?;
        Ok((len, priority))
    }

    /// `mq_getattr`: what the queue is and holds.
    ///
    /// # Errors
    /// What the system reports; none is known for an open queue.
    ///
    /// See [mq_getattr(3C)](https://illumos.org/man/3C/mq_getattr).
    #[doc(alias = "mq_getattr")]
    pub fn attributes(&self) -> Result<MqAttributes, MqError> {
        // SAFETY: all zeros is a valid mq_attr, which consists of numbers.
        let mut attributes: sys::mq_attr = unsafe { mem::zeroed() };
        // SAFETY: the pointer is valid for the call.
        retry(|| unsafe { sys::mq_getattr(self.raw(), &raw mut attributes) } as isize)?;
        let number = |n: c_long| usize::try_from(n).unwrap_or(0);
        Ok(MqAttributes {
            max_messages: number(attributes.mq_maxmsg),
            message_size: number(attributes.mq_msgsize),
            messages: number(attributes.mq_curmsgs),
            nonblocking: attributes.mq_flags as c_int & libc::O_NONBLOCK != 0,
        })
    }

    /// `mq_notify` with `SIGEV_PORT`: asks for one event when a message comes to the empty queue and nobody waits for it
    /// ([`Event::Mq`](crate::Event::Mq)).
    ///
    /// **One-shot**: the event ends it. Ask again *before* receiving what there is, until the queue is empty: then no
    /// message is missed.
    ///
    /// A queue tells one at a time, of all processes. While this one is to be told, the port stays open.
    ///
    /// Linux counts registrations by process: one that was made by this value goes, without an event, when *another*
    /// [`MessageQueue`] of the process that is the same queue is cancelled or dropped. So open a queue once where it is to
    /// tell.
    ///
    /// # Errors
    /// Somebody is to be told already ([`MqNotifyError::is_busy`]), be it this very queue's port; on Linux also a port
    /// that is full ([`MqNotifyError::is_limit`]).
    ///
    /// See [mq_notify(3C)](https://illumos.org/man/3C/mq_notify).
    #[doc(alias = "mq_notify")]
    pub fn notify(&self, port: &EventPort, user: usize) -> Result<(), MqNotifyError> {
        let key = new_key();
        let mut notify = sys::port_notify { portnfy_port: port.fd(), portnfy_user: ptr::without_provenance_mut(key) };
        // SAFETY: all zeros is a valid sigevent, whose members are numbers and pointers that may be null.
        let mut event: sys::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = sys::SIGEV_PORT;
        event.sigev_value.sival_ptr = (&raw mut notify).cast();
        let mut registration = self.open.lock();
        // First, since another thread may retrieve the event before the call returns.
        let subject = Registered { id: self.open.id, queue: Arc::downgrade(&self.open) };
        port.shared.queues.add(key, Entry { object: self.open.queue.object(), user, subject });
        // SAFETY: both structures are valid and complete, and read during the call only (MQ-1).
        if unsafe { sys::mq_notify(self.raw(), &raw const event) } == 0 {
            let before = registration.replace(Registration { key, port: Arc::clone(&port.shared) });
            // One that has fired, and may have the last handle of a port: that does not end under the lock.
            drop(registration);
            drop(before);
            return Ok(());
        }
        let source = io::Error::last_os_error();
        port.shared.queues.remove(key);
        Err(MqNotifyError { source })
    }

    /// `mq_notify` with null: takes back what [`notify`](Self::notify) has asked for. An event that is queued already
    /// comes nevertheless (MQ-6).
    ///
    /// See [mq_notify(3C)](https://illumos.org/man/3C/mq_notify).
    #[doc(alias = "mq_notify")]
    pub fn cancel_notify(&self) {
        self.open.cancel();
    }

    /// What the queue's events say they are of.
    #[must_use]
    pub fn id(&self) -> QueueId {
        self.open.id
    }

    fn raw(&self) -> sys::mqd_t {
        self.open.queue.0
    }
}

/// Makes a call until no signal interrupts it. It returns -1 when it fails.
fn retry(mut call: impl FnMut() -> isize) -> Result<usize, MqError> {
    loop {
        if let Ok(n) = usize::try_from(call()) {
            return Ok(n);
        }
        let source = io::Error::last_os_error();
        if source.kind() != io::ErrorKind::Interrupted {
            return Err(MqError { source });
        }
    }
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, Option<Registration>> {
        // Nothing panics while it is held.
        self.registration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        let mut registration = self.lock();
        let Some(Registration { key, port }) = registration.take() else { return };
        // SAFETY: a null event is allowed. If the registration has fired meanwhile there is nothing to take back, and
        // nothing else can fail.
        unsafe { sys::mq_notify(self.queue.0, ptr::null()) };
        drop(registration);
        port.queues.end(key);
    }

    /// The event of a registration has been retrieved.
    fn fired(&self, key: usize) {
        let mut registration = self.lock();
        // The thread that retrieves has the port open, so this closes nothing.
        registration.take_if(|r| r.key == key);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.process == process::id() {
            self.cancel();
        }
        // SAFETY: the queue was opened with this value and is not used again.
        unsafe { sys::mq_close(self.queue.0) };
    }
}

impl Shared {
    /// What more there is to a queue's event; puts the program's cookie in its place.
    pub(crate) fn queue_extra(&self, slot: &mut Slot) -> Extra {
        let key = slot.user();
        let Some(entry) = self.queues.find(key, slot.object()) else { return Extra::None };
        self.queues.remove(key);
        slot.set_user(entry.user);
        if let Some(queue) = entry.subject.queue.upgrade() {
            queue.fired(key);
        }
        Extra::Queue(entry.subject.id)
    }
}
