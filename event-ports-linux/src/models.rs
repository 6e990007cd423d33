//! The parts at which threads meet, under the model checker: it runs every order in which threads can take their steps,
//! up to a number of switches between them, and every value that a load may see.
//!
//! `.ci/models` runs these. It is the code of the crate that runs; of the system there is only what sleeping on a word
//! means. Sleeps have no end here, so a wakeup that is lost is a deadlock, which the checker reports.

use crate::errno::Result;
use crate::inbox::Inbox;
use crate::lock::Lock;
use crate::queue::Queue;
use crate::slab::{NIL, Slab};
use crate::waiters::{WaitList, Waiter, sign};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicUsize};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;
use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize as Counter, Ordering};
use std::time::{Duration, Instant};

/// Those who sleep, by the address of their word.
type Sleepers = HashMap<usize, std::sync::Arc<Condvar>>;

loom::lazy_static! {
    static ref SLEEPERS: Mutex<Sleepers> = Mutex::new(HashMap::new());
}

fn sleepers() -> MutexGuard<'static, Sleepers> {
    SLEEPERS.lock().unwrap()
}

/// Sleeps while the word holds what is expected, as the kernel sees to it: looking and lying down is one step.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, _nanos: u64) -> Result<()> {
    let mut all = sleepers();
    if word.load(Ordering::SeqCst) == expected {
        let bell = std::sync::Arc::clone(all.entry(ptr::from_ref(word).addr()).or_default());
        drop(bell.wait(all).unwrap());
    }
    Ok(())
}

/// Wakes one who sleeps on the word.
pub(crate) fn futex_wake(word: *const AtomicU32) {
    if let Some(bell) = sleepers().get(&word.addr()) {
        bell.notify_one();
    }
}

/// How long a model is checked.
const TIME: Duration = Duration::from_secs(10);

/// Checks a model in every order with one, two and three switches that no thread asked for, as far as time allows.
fn check(model: impl Fn() + Sync + Send + Clone + 'static) {
    let began = Instant::now();
    for switches in 1..=3 {
        let orders = std::sync::Arc::new(Counter::new(0));
        let (seen, model) = (std::sync::Arc::clone(&orders), model.clone());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(switches);
        builder.checkpoint_interval = 500;
        builder.max_duration = Some(TIME.saturating_sub(began.elapsed()));
        builder.check(move || {
            seen.fetch_add(1, Ordering::Relaxed);
            model();
        });
        let orders = orders.load(Ordering::Relaxed);
        let all = if began.elapsed() < TIME { "all" } else { "not all," };
        println!("{}: {switches} switches: {all} {orders} orders", thread_name());
        assert!(orders > 1, "there is only one order");
    }
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("a model").to_owned()
}

/// Something that is wrong to use from two threads at once, which the checker sees.
struct Careful(UnsafeCell<usize>);

impl Careful {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&self, more: usize) {
        // SAFETY: that nobody else uses it is what is checked.
        self.0.with_mut(|value| unsafe { *value += more });
    }

    fn get(&self) -> usize {
        // SAFETY: as above.
        self.0.with(|value| unsafe { *value })
    }
}

// SAFETY: whoever uses it from two threads at once is found out.
unsafe impl Sync for Careful {}
// SAFETY: a number may be used by any thread.
unsafe impl Send for Careful {}

#[test]
fn a_lock_is_held_by_one_and_nobody_sleeps_for_ever() {
    check(|| {
        let lock = Arc::new(Lock::new(Careful::new()));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    let held = lock.lock();
                    held.add(1);
                    held.unlock();
                })
            })
            .collect();
        if let Some(held) = lock.try_lock() {
            held.add(10);
        }
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!([2, 12].contains(&lock.lock().get()));
    });
}

/// What is put into the inbox while the lock is taken is taken out by somebody: a sender that finds the lock free, or
/// its holder.
#[test]
fn what_is_left_in_the_inbox_is_found_and_keeps_its_order() {
    check(|| {
        let parts = Arc::new((Lock::new(Queue::default()), Inbox::new(), Slab::new(3).unwrap(), AtomicUsize::new(0)));
        let settle = |(_, inbox, slab, count): &(Lock<Queue>, Inbox, Slab, AtomicUsize), queue: &mut Queue| {
            let mut slot = inbox.take_all(slab);
            while slot != NIL {
                let next = slab.node(slot).next.get();
                queue.push_back(slab, slot);
                count.fetch_add(1, Ordering::Relaxed);
                slot = next;
            }
        };
        let send = move |parts: &(Lock<Queue>, Inbox, Slab, AtomicUsize), user: usize| {
            let slot = parts.2.allocate().unwrap();
            parts.2.node(slot).user.set(user);
            parts.1.put(&parts.2, slot);
            if let Some(mut held) = parts.0.leave_note() {
                settle(parts, &mut held);
                held.unlock_and(|mut held| {
                    settle(parts, &mut held);
                    held
                });
            }
        };
        let other = Arc::clone(&parts);
        let one = thread::spawn(move || send(&other, 1));
        let other = Arc::clone(&parts);
        let two = thread::spawn(move || {
            send(&other, 2);
            send(&other, 3);
        });
        // Holds the lock for its own sake.
        parts.0.lock().unlock_and(|mut held| {
            settle(&parts, &mut held);
            held
        });
        one.join().unwrap();
        two.join().unwrap();
        let (lock, inbox, slab, count) = &*parts;
        assert!(inbox.is_empty(), "nobody has looked");
        assert_eq!(count.load(Ordering::Relaxed), 3);
        let mut queue = lock.lock();
        let users: Vec<usize> =
            std::iter::from_fn(|| queue.pop_front(slab).map(|slot| slab.node(slot).user.get())).collect();
        let of_two: Vec<usize> = users.iter().copied().filter(|&user| user != 1).collect();
        assert_eq!((users.len(), of_two), (3, vec![2, 3]), "one thread's events keep their order");
    });
}

#[test]
fn a_slot_belongs_to_one_and_none_is_lost() {
    check(|| {
        let parts = Arc::new((Slab::new(2).unwrap(), [Careful::new(), Careful::new()]));
        let use_one = |parts: &(Slab, [Careful; 2])| {
            if let Some(slot) = parts.0.allocate() {
                parts.1[slot as usize - 1].add(1);
                parts.0.release(slot);
            }
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let parts = Arc::clone(&parts);
                thread::spawn(move || {
                    use_one(&parts);
                    use_one(&parts);
                })
            })
            .collect();
        use_one(&parts);
        others.into_iter().for_each(|other| other.join().unwrap());
        let mut all = [parts.0.allocate(), parts.0.allocate()];
        all.sort_unstable();
        assert_eq!((all, parts.0.allocate()), ([Some(1), Some(2)], None));
    });
}

/// A waiting thread is told of what is set aside for it, whenever it lies down. The event is seen by the one who was
/// told.
#[test]
fn a_waiter_that_is_served_wakes_and_sees_why() {
    struct Shared {
        list: Lock<WaitList>,
        events: Careful,
    }
    // SAFETY: a place in the list is that of a waiter that lives until it has been taken off.
    unsafe impl Sync for Shared {}

    check(|| {
        let shared = Arc::new(Shared { list: Lock::new(WaitList::default()), events: Careful::new() });
        let waiting: Vec<_> = (1..=2)
            .map(|want| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let waiter = Waiter::new(want, 0);
                    // SAFETY: the waiter stays until it was given a sign, before which it was taken off the list.
                    unsafe { shared.list.lock().insert(&waiter) }.unwrap();
                    let signs = loop {
                        let signs = waiter.take_signs();
                        if signs != 0 {
                            break signs;
                        }
                        waiter.sleep(u64::MAX).unwrap();
                    };
                    assert_eq!(signs, sign::CLAIM);
                    assert!(shared.events.get() >= want, "the events are there");
                })
            })
            .collect();
        // Serves both, as they come.
        let mut served = 0;
        while served < 2 {
            let mut list = shared.list.lock();
            let Some(first) = list.first() else {
                drop(list);
                thread::yield_now();
                continue;
            };
            list.remove_first();
            if served == 0 {
                shared.events.add(2);
            }
            first.give(sign::CLAIM);
            served += 1;
        }
        waiting.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
