//! Makes `bindings.rs` in `OUT_DIR`: generated from the system's headers or, where that cannot be, a copy of the
//! committed `src/bindings.rs`. The crate's documentation says how to steer it.

use std::env;
use std::fs;
use std::path::PathBuf;

const REQUIRE: &str = "EVENT_PORTS_SYS_REQUIRE_BINDGEN";

fn main() {
    for file in ["build.rs", "wrapper.h", "src/bindings.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rerun-if-env-changed={REQUIRE}");
    println!("cargo::rustc-check-cfg=cfg(event_ports_sys_generated)");

    let generated = generate();
    match &generated {
        Ok(_) => println!("cargo::rustc-cfg=event_ports_sys_generated"),
        Err(reason) if env::var(REQUIRE).is_ok_and(|value| value != "0") => {
            println!("cargo::error={REQUIRE} is set, but {reason}");
        }
        Err(reason) if cfg!(feature = "bindgen") => println!("cargo::warning=using the committed bindings: {reason}"),
        Err(_) => {}
    }
    let bindings =
        generated.or_else(|_| fs::read_to_string("src/bindings.rs")).expect("src/bindings.rs is part of the package");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("bindings.rs"), bindings).expect("OUT_DIR is writable");
}

#[cfg(not(feature = "bindgen"))]
fn generate() -> Result<String, String> {
    Err("the feature `bindgen` is off".into())
}

#[cfg(feature = "bindgen")]
use from_headers::generate;

#[cfg(feature = "bindgen")]
mod from_headers {
    use bindgen::callbacks::{DeriveTrait, ImplementsTrait, IntKind, ParseCallbacks};
    use bindgen::{Builder, Formatter, RustEdition};
    use std::{env, panic};

    const SYSROOT: &str = "EVENT_PORTS_SYS_SYSROOT";

    /// The bindings, or why there are none and what helps.
    pub(super) fn generate() -> Result<String, String> {
        load_libclang()?;
        let bindings = builder().clang_args(clang_args()?).generate().map_err(|error| {
            format!(
                "the headers cannot be read: install the C library's and clang's, on Debian `libc6-dev` and \
                 `libclang-dev` ({})",
                one_line(&error.to_string())
            )
        })?;
        Ok(bindings.to_string())
    }

    /// bindgen panics where it finds no libclang. That is no fault of this script: try it first, and quietly.
    fn load_libclang() -> Result<(), String> {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let loaded = panic::catch_unwind(bindgen::clang_version);
        panic::set_hook(hook);
        loaded.map(drop).map_err(|panic| {
            format!(
                "libclang cannot be loaded: install it, on Debian `libclang-dev`, or set LIBCLANG_PATH, or build without \
                 the feature `bindgen` ({})",
                one_line(panic.downcast_ref::<String>().map_or("no reason given", String::as_str))
            )
        })
    }

    /// What clang must know to find the headers of the target.
    fn clang_args() -> Result<Vec<String>, String> {
        println!("cargo::rerun-if-env-changed={SYSROOT}");
        let var = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
        if var("CARGO_CFG_TARGET_OS")? != "illumos" {
            // Without this variable the target is one that the crate refuses by a clear message.
            return Ok(env::var("DEP_EVENT_PORTS_INCLUDE").iter().map(|include| format!("-I{include}")).collect());
        }
        match env::var(SYSROOT) {
            Ok(sysroot) => Ok(vec![
                // clang knows no illumos, which to its preprocessor is Solaris.
                format!("--target={}-pc-solaris", var("CARGO_CFG_TARGET_ARCH")?),
                "-nostdinc".into(),
                "-isystem".into(),
                format!("{sysroot}/usr/include"),
            ]),
            Err(_) if var("HOST")? == var("TARGET")? => Ok(vec![]),
            Err(_) => Err(format!(
                "illumos's headers are not on this machine: set {SYSROOT} to a directory that holds its \
                 `usr/include`, or build without the feature `bindgen`"
            )),
        }
    }

    /// All that decides the bindings' text. It is the same for each system, so one committed copy serves all.
    fn builder() -> Builder {
        bindgen::builder()
            .header("wrapper.h")
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .parse_callbacks(Box::new(Types))
            .allowlist_function("port_(create|associate|dissociate|send|sendn|get|getn|alert)")
            .allowlist_type("(port_event|port_notify|file_obj)(_t)?")
            .allowlist_var("PORT_SOURCE_.*|PORT_ALERT_.*|UNMOUNTED|MOUNTEDOVER")
            .allowlist_var("FILE_(ACCESS|MODIFIED|ATTRIB|TRUNC|NOFOLLOW|DELETE|RENAME_TO|RENAME_FROM|EXCEPTION)")
            .allowlist_recursively(false)
            .raw_line("use libc::{c_uint as uint_t, c_ushort as ushort_t, timespec, timespec as timestruc_t};")
            .ctypes_prefix("libc")
            .use_core()
            .generate_comments(false)
            .merge_extern_blocks(true)
            .sort_semantically(true)
            .disable_header_comment()
            .formatter(Formatter::Prettyplease)
            .rust_edition(RustEdition::Edition2024)
            .rust_target(env!("CARGO_PKG_RUST_VERSION").parse().expect("rust-version is one that bindgen knows"))
    }

    #[derive(Debug)]
    struct Types;

    impl ParseCallbacks for Types {
        /// Constants have the type of the parameters and fields they are for.
        fn int_macro(&self, _name: &str, _value: i64) -> Option<IntKind> {
            Some(IntKind::Custom { name: "libc::c_int", is_signed: true })
        }

        /// The system's types come from `libc`, where each is `Copy` and `Debug`.
        fn blocklisted_type_implements_trait(&self, _name: &str, wanted: DeriveTrait) -> Option<ImplementsTrait> {
            matches!(wanted, DeriveTrait::Copy | DeriveTrait::Debug).then_some(ImplementsTrait::Yes)
        }
    }

    /// What follows a line's end would be lost to cargo.
    fn one_line(message: &str) -> String {
        message.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
