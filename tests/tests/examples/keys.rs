//! The table that the examples' cookies lead into.

use crate::slab::{Key, Slab};
use std::collections::HashSet;

#[test]
fn a_key_finds_its_value_alone() {
    let mut slab = Slab::new();
    let [a, b] = ["a", "b"].map(|value| slab.insert(value));
    assert_eq!(slab.remove(a), Some("a"));
    assert_eq!(slab.get_mut(a), None);
    assert_eq!(slab.remove(a), None);
    let c = slab.insert("c");
    // It has the place of the first one, whose key still leads nowhere.
    assert_eq!(slab.get_mut(a), None);
    assert_eq!(slab.remove(a), None);
    assert_eq!(slab.get_mut(b), Some(&mut "b"));
    assert_eq!(slab.get_mut(c), Some(&mut "c"));
    assert_eq!((slab.len(), slab.keys().len()), (2, 2));
    assert!(slab.keys().contains(&b) && slab.keys().contains(&c));
}

#[test]
fn a_cookie_is_the_key_again_and_no_small_number() {
    let mut slab = Slab::new();
    let mut seen = HashSet::new();
    for round in 0..3 {
        let keys: Vec<_> = (0..10).map(|at| slab.insert(round * 10 + at)).collect();
        for key in keys {
            let cookie = key.to_cookie();
            assert!(cookie > u32::MAX as usize);
            assert!(seen.insert(cookie), "a cookie was used twice");
            assert_eq!(Key::from_cookie(cookie), key);
            assert!(slab.remove(key).is_some());
        }
    }
    for forged in [0, 1, usize::MAX, 1 << 32 | 99] {
        assert_eq!(slab.get_mut(Key::from_cookie(forged)), None);
    }
}
