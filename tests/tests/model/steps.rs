//! Random sequences.

use event_ports_tests::model::{Closing, Kind, Patience, Sequence, Step, Times, limits};
use event_ports_tests::prelude::*;
use proptest::prelude::*;
use proptest::sample::select;

/// Which sources a sequence uses. One that uses few finds more of what happens among them.
#[derive(Debug, Clone, Copy)]
struct Sources {
    descriptors: bool,
    files: bool,
    timers: bool,
}

fn port() -> impl Strategy<Value = u8> {
    // One port is used more than others, so that there is more on it.
    prop_oneof![3 => Just(0), 1 => 0..limits::PORTS]
}

fn patience() -> impl Strategy<Value = Patience> {
    prop_oneof![12 => Just(Patience::None), 1 => Just(Patience::Little), 2 => Just(Patience::Invalid)]
}

fn mask() -> impl Strategy<Value = c_int> {
    // Bits beyond those of poll(2) never match (FD-3).
    prop_oneof![
        6 => Just(POLLIN),
        3 => Just(POLLOUT),
        3 => Just(POLLIN | POLLOUT),
        1 => Just(POLLRDNORM),
        1 => Just(0),
        1 => Just(POLLHUP | POLLERR),
        1 => Just(0x7000_0000 | POLLIN),
    ]
}

fn number() -> impl Strategy<Value = u8> {
    0..limits::NUMBERS
}

fn file_mask() -> impl Strategy<Value = c_int> {
    let ordinary = [sys::FILE_ACCESS, sys::FILE_MODIFIED, sys::FILE_ATTRIB, sys::FILE_TRUNC];
    prop_oneof![
        4 => select(ordinary.to_vec()),
        4 => proptest::sample::subsequence(ordinary.to_vec(), 0..=4).prop_map(|bits| bits.iter().sum::<c_int>()),
        2 => Just(sys::FILE_MODIFIED | sys::FILE_NOFOLLOW),
        1 => select(vec![sys::FILE_DELETE, sys::MOUNTEDOVER, 0x100, -1]),
    ]
}

/// Sending, alerting, retrieving, and ports themselves.
fn on_ports() -> BoxedStrategy<Step> {
    let closing = select(vec![Closing::AtOnce, Closing::Plain, Closing::Over]);
    let flags = select(vec![0, PORT_ALERT_SET, PORT_ALERT_UPDATE, PORT_ALERT_SET | PORT_ALERT_UPDATE, 0x10]);
    prop_oneof![
        1 => port().prop_map(|port| Step::CreatePort { port }),
        1 => (port(), closing).prop_map(|(port, how)| Step::ClosePort { port, how }),
        8 => (port(), select(vec![0, 1, -1, 7])).prop_map(|(port, events)| Step::Send { port, events }),
        2 => (prop::collection::vec(port(), 1..5), 0..3).prop_map(|(ports, events)| Step::SendMany { ports, events }),
        1 => (port(), flags, 0..3).prop_map(|(port, flags, events)| Step::Alert { port, flags, events }),
        // An alert hides everything else, so there is more than one way out of it.
        2 => port().prop_map(|port| Step::Alert { port, flags: PORT_ALERT_SET, events: 0 }),
        8 => (port(), patience()).prop_map(|(port, patience)| Step::Get { port, patience }),
        8 => (port(), prop::bool::weighted(0.9), 0..6u32, 0..6u32, patience())
            .prop_map(|(port, list, max, nget, patience)| Step::GetMany { port, list, max, nget, patience }),
        2 => port().prop_map(|port| Step::Count { port }),
        2 => port().prop_map(|port| Step::Poll { port }),
    ]
    .boxed()
}

fn on_descriptors() -> BoxedStrategy<Step> {
    let kind = select(vec![Kind::PipeRead, Kind::PipeRead, Kind::PipeWrite, Kind::Socket, Kind::Regular]);
    // Beyond the numbers are one that is not open and one that is none.
    let any = || prop_oneof![15 => number(), 1 => 0..limits::NUMBERS + 2];
    prop_oneof![
        5 => (number(), kind).prop_map(|(number, kind)| Step::Open { number, kind }),
        2 => (number(), number()).prop_map(|(from, to)| Step::Duplicate { from, to }),
        2 => number().prop_map(|number| Step::Close { number }),
        10 => number().prop_map(|number| Step::Fire { number }),
        6 => number().prop_map(|number| Step::Quiet { number }),
        1 => number().prop_map(|number| Step::HangUp { number }),
        18 => (port(), any(), mask()).prop_map(|(port, number, mask)| Step::Associate { port, number, mask }),
        5 => (port(), any()).prop_map(|(port, number)| Step::Dissociate { port, number }),
    ]
    .boxed()
}

fn on_files() -> BoxedStrategy<Step> {
    let path = || 0..limits::PATHS;
    let object = || 0..limits::OBJECTS;
    let times = prop_oneof![2 => Just(Times::Zero), 2 => Just(Times::Present), 1 => Just(Times::Old)];
    prop_oneof![
        8 => path().prop_map(|path| Step::CreateFile { path }),
        6 => path().prop_map(|path| Step::WriteFile { path }),
        4 => path().prop_map(|path| Step::ReadFile { path }),
        3 => path().prop_map(|path| Step::ChangeMode { path }),
        3 => path().prop_map(|path| Step::Unlink { path }),
        3 => (path(), path()).prop_map(|(from, to)| Step::Rename { from, to }),
        18 => (port(), object(), file_mask(), times)
            .prop_map(|(port, object, mask, times)| Step::AssociateFile { port, object, mask, times }),
        4 => (port(), object()).prop_map(|(port, object)| Step::DissociateFile { port, object }),
    ]
    .boxed()
}

fn on_timers() -> BoxedStrategy<Step> {
    let timer = || 0..limits::TIMERS;
    prop_oneof![
        4 => (timer(), port()).prop_map(|(timer, port)| Step::CreateTimer { timer, port }),
        8 => timer().prop_map(|timer| Step::Expire { timer }),
        2 => timer().prop_map(|timer| Step::Postpone { timer }),
        1 => timer().prop_map(|timer| Step::Disarm { timer }),
        1 => timer().prop_map(|timer| Step::DeleteTimer { timer }),
    ]
    .boxed()
}

fn step(sources: Sources) -> BoxedStrategy<Step> {
    let mut kinds = vec![(4, on_ports())];
    if sources.descriptors {
        kinds.push((4, on_descriptors()));
    }
    if sources.files {
        kinds.push((4, on_files()));
    }
    if sources.timers {
        kinds.push((2, on_timers()));
    }
    prop::strategy::Union::new_weighted(kinds).boxed()
}

/// A sequence of up to so many steps.
pub(crate) fn sequence(longest: usize) -> impl Strategy<Value = Sequence> {
    let limit = prop_oneof![2 => Just(65536), 1 => 1..12u32];
    let [without, with] = [false, true];
    let weighted = [
        (1, without, without, without),
        (6, with, without, without),
        (2, without, with, without),
        (1, without, without, with),
        (2, with, with, without),
        (2, with, without, with),
        (3, with, with, with),
    ];
    let steps = weighted.map(|(weight, descriptors, files, timers)| {
        (weight, prop::collection::vec(step(Sources { descriptors, files, timers }), 1..longest))
    });
    (limit, any::<bool>(), prop::strategy::Union::new_weighted(steps.into()))
        .prop_map(|(limit, eager, steps)| Sequence { limit, eager, steps })
}
