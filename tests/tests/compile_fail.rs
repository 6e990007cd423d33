//! What the types of the safe crate refuse. What they refuse by lifetimes and privacy is in the documentation tests of
//! `tests/src/refused.rs`.
//!
//! Each assertion holds, or this does not compile. None goes by what a compiler says, since that changes.

use event_ports::{
    AioRequest, AlertGuard, EventPort, EventRef, Events, FileObj, MessageQueue, PortEvent, Timer, Waker,
};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

/// Types that have a trait.
macro_rules! implement {
    ($($type:ty),+ => $($bound:tt)+) => {
        {
            fn is<T: ?Sized + $($bound)+>() {}
            $(is::<$type>();)+
        }
    };
}

/// Types that have not: with it, there would be two ways to infer `_`.
macro_rules! do_not_implement {
    ($($type:ty),+ => $bound:path) => {
        $({
            trait Ambiguous<A> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $bound> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::item;
        })+
    };
}

/// S5: neither made of a number, nor turned into one.
#[test]
fn a_port_is_shared_and_its_number_is_not_for_the_taking() {
    implement!(EventPort => Clone + Send + Sync + AsFd + AsRawFd + 'static);
    do_not_implement!(EventPort => FromRawFd);
    do_not_implement!(EventPort => IntoRawFd);
    do_not_implement!(EventPort => From<OwnedFd>);
    do_not_implement!(EventPort => Copy);
    do_not_implement!(OwnedFd => From<EventPort>);
}

/// S2: an object comes from a path or from an event, not from an address.
#[test]
fn a_file_object_is_not_made_of_an_address() {
    implement!(FileObj => Clone + Send + Sync + 'static);
    do_not_implement!(FileObj => From<usize>);
    do_not_implement!(FileObj => From<*const event_ports::sys::file_obj>);
    do_not_implement!(FileObj => From<*mut event_ports::sys::file_obj>);
    do_not_implement!(FileObj => Copy);
    do_not_implement!(FileObj => Default);
}

#[test]
fn events_go_from_thread_to_thread_with_what_they_borrow() {
    implement!(Events, PortEvent, EventRef<'static> => Send + Sync);
    do_not_implement!(Events => Clone);
}

/// An alert is left once, and so is whatever deletes or cancels when dropped.
#[test]
fn what_ends_something_when_dropped_is_not_copied() {
    do_not_implement!(AlertGuard<'static>, Timer, AioRequest, MessageQueue => Clone);
    implement!(Timer, AioRequest, MessageQueue, Waker => Send + Sync + 'static);
}
