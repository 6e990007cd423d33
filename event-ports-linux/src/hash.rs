//! Hash maps that are made without a cancellation point (SYS-7), which the random keys of the standard library's are.

use crate::os;
use core::hash::{BuildHasher, Hasher as _};
use std::hash::DefaultHasher;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, Seed>;

/// What hashes begin with, so that nobody can tell in advance which names have the same.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        static PLACE: u8 = 0;
        Self(os::monotonic_nanos().rotate_left(32) ^ (&raw const PLACE).addr() as u64)
    }
}

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}
