//! Tells dependents' build scripts where this crate's C headers lie, and the compiler what it may be configured by.

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo::metadata=include={root}/include");
    println!("cargo::rerun-if-changed=include");
    // The Makefile sets it.
    println!("cargo::rustc-check-cfg=cfg(c_library)");
}
