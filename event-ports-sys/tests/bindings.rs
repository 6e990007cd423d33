//! The committed bindings are what bindgen makes of the system's headers.

const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/bindings.rs"));
const COMMITTED: &str = include_str!("../src/bindings.rs");

/// The build script has generated the bindings anew. With `EVENT_PORTS_SYS_UPDATE=1` they become the committed ones.
#[test]
#[cfg_attr(
    not(event_ports_sys_generated),
    ignore = "the build generated no bindings: no libclang, no headers or no feature `bindgen`"
)]
fn committed_bindings_are_what_the_headers_give() {
    if !cfg!(event_ports_sys_generated) {
        panic!("the build generated no bindings");
    }
    if std::env::var_os("EVENT_PORTS_SYS_UPDATE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/bindings.rs"), GENERATED).unwrap();
    } else if COMMITTED != GENERATED {
        let same = COMMITTED.lines().zip(GENERATED.lines()).take_while(|(committed, generated)| committed == generated);
        let first = same.count();
        panic!(
            "src/bindings.rs is not what the headers give, from line {} on:\n  committed: {}\n  generated: {}\n\
             If the headers or bindgen were meant to change, update it by\n  \
             EVENT_PORTS_SYS_UPDATE=1 cargo test -p event-ports-sys --test bindings",
            first + 1,
            COMMITTED.lines().nth(first).unwrap_or("(its end)"),
            GENERATED.lines().nth(first).unwrap_or("(its end)"),
        );
    }
}
