//! illumos event ports on Linux.
#![allow(non_camel_case_types)]

pub mod abi;
pub mod types;
