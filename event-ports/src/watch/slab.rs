//! A table whose keys are never mistaken: the key of a value that is gone finds nothing, though its place be taken again.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// A place, and which of the values that had it.
pub(super) struct Key<T> {
    index: usize,
    generation: u64,
    of: PhantomData<fn() -> T>,
}

/// Values by their keys.
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
}

struct Place<T> {
    generation: u64,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> Key<T> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, value: None });
            self.places.len() - 1
        });
        let place = &mut self.places[index];
        place.generation += 1;
        place.value = Some(value);
        Key { index, generation: place.generation, of: PhantomData }
    }

    pub(super) fn get(&self, key: Key<T>) -> Option<&T> {
        let place = self.places.get(key.index)?;
        place.value.as_ref().filter(|_| place.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let place = self.places.get_mut(key.index)?;
        place.value.as_mut().filter(|_| place.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: Key<T>) -> Option<T> {
        self.get(key)?;
        self.free.push(key.index);
        self.places[key.index].value.take()
    }

    /// The key of the value that has a place now.
    pub(super) fn key_at(&self, index: usize) -> Option<Key<T>> {
        let place = self.places.get(index)?;
        place.value.as_ref()?;
        Some(Key { index, generation: place.generation, of: PhantomData })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key<T>> {
        (0..self.places.len()).filter_map(|index| self.key_at(index))
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Key<T> {
    /// The key of no value.
    pub(super) const NONE: Self = Self { index: 0, generation: 0, of: PhantomData };

    /// The place. Another value may have it later.
    pub(super) fn index(self) -> usize {
        self.index
    }
}

// Not derived: a key is a number, whatever it is the key of.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Key<T> {}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.index, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_value_alone() {
        let mut slab = Slab::default();
        let one = slab.insert("one");
        let two = slab.insert("two");
        assert_eq!(slab.remove(one), Some("one"));
        let three = slab.insert("three");
        assert_eq!(three.index(), one.index());
        assert_eq!(slab.get(one), None);
        assert_eq!(slab.get_mut(one), None);
        assert_eq!(slab.remove(one), None);
        assert_eq!(slab.get(three), Some(&"three"));
        assert_eq!(slab.key_at(three.index()), Some(three));
        assert_eq!(slab.keys().collect::<Vec<_>>(), [three, two]);
        assert_eq!(slab.len(), 2);
        slab.remove(two);
        assert_eq!(slab.key_at(two.index()), None);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.get(Key::NONE), None);
    }
}
