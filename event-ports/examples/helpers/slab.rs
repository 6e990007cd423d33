//! A table whose keys are never mistaken: the key of a value that is gone finds nothing, though its place be taken again.
//!
//! That makes keys good cookies. An event that was retrieved before its object was closed, by another thread or earlier
//! in the same batch, still carries the old key. With bare indices, or descriptor numbers, it would reach whoever has
//! the place now.

/// A place, and which of the values that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    /// Never 0.
    generation: u32,
}

// Event ports have a cookie of 64 bits on all systems they are implemented for.
const _: () = assert!(size_of::<usize>() == size_of::<u64>());

impl Key {
    /// No number up to `u32::MAX` is a key, so these are free for other uses.
    pub(crate) fn to_cookie(self) -> usize {
        (self.generation as usize) << 32 | self.index as usize
    }

    pub(crate) fn from_cookie(cookie: usize) -> Self {
        Self { index: cookie as u32, generation: (cookie >> 32) as u32 }
    }
}

/// Values by their keys.
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, value: None });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[index as usize];
        place.generation = place.generation.checked_add(1).unwrap_or(1);
        place.value = Some(value);
        Key { index, generation: place.generation }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        place.value.as_mut().filter(|_| place.generation == key.generation)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        self.free.push(key.index);
        self.places[key.index as usize].value.take()
    }

    /// The keys of all values.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let keys = self.places.iter().zip(0..).filter(|(place, _)| place.value.is_some());
        keys.map(|(place, index)| Key { index, generation: place.generation }).collect()
    }
}
