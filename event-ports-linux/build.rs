//! Tells dependents' build scripts where this crate's C headers lie.

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo::metadata=include={root}/include");
    println!("cargo::rerun-if-changed=include");
}
