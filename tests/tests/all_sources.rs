//! Every source on one port at the same time: each event comes exactly once (ORDER-4).

use event_ports::{
    Clock, Event, EventPort, EventRef, Events, FileEvents, FileObj, MessageQueue, PollEvents, Timer, When,
};
use event_ports_tests::prelude::{AsRawFd, Pipe, TempDir, case};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// How many things there are of each kind, and how many events each of them is to bring.
const THINGS: usize = 5;
const ROUNDS: usize = 40;
const SENDERS: usize = 2;
const SENT: usize = 300;
const ALERTS: usize = 8;
const TAKERS: usize = 3;

/// The kinds, as the first part of a cookie.
const FD: usize = 1;
const FILE: usize = 2;
const TIMER: usize = 3;
const AIO: usize = 4;
const MQ: usize = 5;
const USER: usize = 6;
const ALERT: usize = 7;
const PERIODIC: usize = 8;
const STOP: usize = 9;

/// No two events that are to come have the same.
fn cookie(kind: usize, index: usize, round: usize) -> usize {
    kind << 24 | index << 16 | round
}

fn parts(cookie: usize) -> (usize, usize, usize) {
    (cookie >> 24, cookie >> 16 & 0xff, cookie & 0xffff)
}

/// The cookies of all events that come once.
fn expected() -> BTreeSet<usize> {
    let rounds = |kind, things, rounds| {
        (0..things).flat_map(move |index| (0..rounds).map(move |round| cookie(kind, index, round)))
    };
    let each = [FD, FILE, TIMER, AIO, MQ].into_iter().flat_map(|kind| rounds(kind, THINGS, ROUNDS));
    each.chain(rounds(USER, SENDERS, SENT)).collect()
}

/// What there is to associate, arm, submit and ask for.
struct Things {
    port: EventPort,
    pipes: Vec<Pipe>,
    objects: Vec<Mutex<FileObj>>,
    files: Vec<File>,
    timers: Vec<Mutex<Option<Timer>>>,
    storage: Arc<File>,
    queues: Vec<MessageQueue>,
    period: AtomicU64,
    seen: Mutex<Seen>,
    news: Condvar,
}

#[derive(Default)]
struct Seen {
    once: BTreeSet<usize>,
    alerts: BTreeSet<usize>,
}

impl Things {
    fn new(dir: &TempDir) -> Self {
        let path = |index: usize| dir.path().join(format!("file-{index}"));
        let open =
            |index: usize| OpenOptions::new().write(true).create_new(true).open(path(index)).expect("a file is made");
        let files: Vec<_> = (0..THINGS).map(open).collect();
        let storage = File::open(dir.file("storage", &[7; 64 * 1024])).expect("it opens");
        let queue = |index| {
            let name = format!("/event-ports-all-{}-{index}", std::process::id());
            let options = MessageQueue::options().create_new(true).nonblocking(true).max_messages(2).message_size(8);
            let queue = options.open(&name).expect("a queue");
            MessageQueue::unlink(&name).expect("unlinked");
            queue
        };
        Self {
            port: EventPort::new().expect("a port"),
            pipes: (0..THINGS).map(|_| Pipe::new()).collect(),
            objects: (0..THINGS).map(|index| Mutex::new(FileObj::new(path(index)).expect("it is there"))).collect(),
            files,
            timers: (0..THINGS).map(|_| Mutex::new(None)).collect(),
            storage: Arc::new(storage),
            queues: (0..THINGS).map(queue).collect(),
            period: AtomicU64::new(0),
            seen: Mutex::default(),
            news: Condvar::new(),
        }
    }

    /// Does what brings the event of this round.
    fn begin(&self, kind: usize, index: usize, round: usize) {
        let user = cookie(kind, index, round);
        match kind {
            FD => {
                self.port.associate_fd(self.pipes[index].read.as_raw_fd(), PollEvents::IN, user).expect("associated");
                event_ports_tests::write(&self.pipes[index].write);
            }
            FILE => {
                let mut object = self.objects[index].lock().expect("no panic");
                object.refresh().expect("it is there");
                self.port.associate_file(&object, FileEvents::MODIFIED, user).expect("associated");
                // Freed first, since another thread may have the event before the call returns.
                drop(object);
                self.files[index].write_all_at(b"x", round as u64).expect("written");
            }
            TIMER => {
                // A new one each time, which may get the id of the one before.
                let timer = Timer::new(&self.port, Clock::Monotonic, user).expect("a timer");
                let mut place = self.timers[index].lock().expect("no panic");
                place.insert(timer).once(Duration::from_micros(50 * index as u64)).expect("set");
            }
            AIO => {
                let (len, offset) = (1 + round, 1000 * index as u64);
                self.port.aio_read(Arc::clone(&self.storage), vec![0; len], offset, user).expect("submitted");
            }
            MQ => {
                self.queues[index].notify(&self.port, user).expect("to be told");
                self.queues[index].send(b"x", 0).expect("sent");
            }
            _ => unreachable!("{kind} is not begun"),
        }
    }

    /// Looks at an event, and at what it is about.
    fn check(&self, event: &EventRef<'_>) {
        let (kind, index, round) = parts(event.user);
        match (kind, event.view()) {
            (FD, Event::Fd { fd, events }) => {
                assert_eq!((fd, events), (self.pipes[index].read.as_raw_fd(), PollEvents::IN));
                assert_eq!(event_ports_tests::read_all(&self.pipes[index].read), 1);
            }
            (FILE, Event::File { object, events }) => {
                assert!(*object == *self.objects[index].lock().expect("no panic") && events == FileEvents::MODIFIED);
            }
            (TIMER, Event::Timer { timer, expirations }) => {
                let place = self.timers[index].lock().expect("no panic");
                assert_eq!((Some(timer), expirations), (place.as_ref().map(Timer::id), 1));
            }
            (AIO, Event::Aio { completion }) => {
                assert_eq!(completion.result().expect("read"), 1 + round);
                assert_eq!(completion.take_buffer(), Some(vec![7; 1 + round]));
            }
            (MQ, Event::Mq { queue }) => {
                assert_eq!(queue, self.queues[index].id());
                let mut message = [0; 8];
                assert_eq!(self.queues[index].receive(&mut message).expect("a message"), (1, 0));
            }
            (USER, Event::User { events }) => assert_eq!(events as usize, round + 1),
            other => panic!("{other:?}: {event:?}"),
        }
    }

    /// Takes events, and begins what follows each, until it is told to stop.
    fn take(&self) {
        let mut events = Events::with_capacity(7);
        let mut stopped = false;
        while !stopped {
            self.port.get_into(&mut events, None).expect("events");
            for event in &events {
                let (kind, index, round) = parts(event.user);
                match event.view() {
                    Event::User { .. } if kind == STOP => {
                        assert!(!std::mem::replace(&mut stopped, true), "what was for another thread");
                    }
                    Event::Timer { expirations, .. } if kind == PERIODIC => {
                        self.period.fetch_add(expirations.into(), Ordering::Relaxed);
                    }
                    Event::Alert { events } => {
                        assert_eq!((events, kind), (5, ALERT));
                        self.seen.lock().expect("no panic").alerts.insert(event.user);
                    }
                    _ => {
                        self.check(&event);
                        let new = self.seen.lock().expect("no panic").once.insert(event.user);
                        assert!(new, "{event:?} came twice");
                        if kind != USER && round + 1 < ROUNDS {
                            self.begin(kind, index, round + 1);
                        }
                    }
                }
                self.news.notify_all();
            }
        }
    }

    /// Waits until the events seen are such. Not without end, so that it can be told which are missing.
    fn wait(&self, enough: impl Fn(&Seen) -> bool) {
        let seen = self.seen.lock().expect("no panic");
        drop(self.news.wait_timeout_while(seen, Duration::from_secs(40), |seen| !enough(seen)).expect("no panic"));
    }
}

#[test]
fn order_04_nothing_is_lost_or_doubled_whatever_the_source() {
    case(|| {
        const PERIOD: Duration = Duration::from_millis(2);
        let dir = TempDir::new();
        let things = Things::new(&dir);
        let port = &things.port;
        let periodic = Timer::new(port, Clock::Monotonic, cookie(PERIODIC, 0, 0)).expect("a timer");
        let start = Clock::Monotonic.now();
        periodic.set(When::At(start + PERIOD), Some(PERIOD)).expect("set");

        let all = expected();
        thread::scope(|scope| {
            for _ in 0..TAKERS {
                scope.spawn(|| things.take());
            }
            for sender in 0..SENDERS {
                scope.spawn(move || {
                    for round in 0..SENT {
                        port.send(round as i32 + 1, cookie(USER, sender, round)).expect("sent");
                    }
                });
            }
            for kind in [FD, FILE, TIMER, AIO, MQ] {
                (0..THINGS).for_each(|index| things.begin(kind, index, 0));
            }
            for round in 0..ALERTS {
                let user = cookie(ALERT, 0, round);
                let alert = port.alert(NonZero::new(5).expect("not zero"), user).expect("alerted");
                things.wait(|seen| seen.alerts.contains(&user));
                drop(alert);
            }
            things.wait(|seen| seen.once.len() == all.len());
            for taker in 0..TAKERS {
                // One at a time: with two in its batch a thread would take what is for another.
                port.send(1, cookie(STOP, taker, 0)).expect("sent");
                while taker + 1 < TAKERS && port.pending().expect("a count") > 0 {
                    thread::yield_now();
                }
            }
        });
        let Seen { once, alerts } = things.seen.into_inner().expect("no panic");
        assert_eq!(all.difference(&once).collect::<Vec<_>>(), Vec::<&usize>::new(), "what is missing");
        assert_eq!((once.len(), alerts.len()), (all.len(), ALERTS));

        // What a period has brought is counted to the last expiration.
        let before = Clock::Monotonic.now();
        let event = things.port.get(None).expect("the period goes on");
        let Event::Timer { timer, expirations } = event.view() else { panic!("{event:?}") };
        assert_eq!(timer, periodic.id());
        let counted = u128::from(things.period.load(Ordering::Relaxed) + u64::from(expirations));
        let since = |time: Duration| (time - start).as_nanos() / PERIOD.as_nanos();
        assert!((since(before)..=since(Clock::Monotonic.now())).contains(&counted), "{counted}");
        drop(periodic);
        assert!(things.port.get_n(8, Some(Duration::ZERO)).expect("a look").is_empty(), "nothing more");
    });
}
