//! Things that are known by small numbers.

use crate::errno::{Errno, Result};

/// A table whose free places are used again.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    places: Vec<Option<T>>,
    /// Has room for every place, so that removing never allocates.
    free: Vec<u32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Pool<T> {
    /// Makes room for one thing more.
    pub(crate) fn reserve(&mut self) -> Result<()> {
        if self.free.is_empty() {
            self.places.try_reserve(1).map_err(|_| Errno::AGAIN)?;
            self.free.try_reserve(self.places.len() + 1).map_err(|_| Errno::AGAIN)?;
        }
        Ok(())
    }

    /// Adds a thing, for which [`reserve`](Self::reserve) has made room.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.places[at as usize] = Some(value);
            return at;
        }
        self.places.push(Some(value));
        (self.places.len() - 1) as u32
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.places.get_mut(at as usize)?.take()?;
        self.free.push(at);
        Some(value)
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.places.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.places.get_mut(at as usize)?.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The first thing at `from` or behind it.
    pub(crate) fn next(&self, from: u32) -> Option<(u32, &T)> {
        let rest = self.places.iter().enumerate().skip(from as usize);
        rest.filter_map(|(at, value)| Some((at as u32, value.as_ref()?))).next()
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    fn insert(pool: &mut Pool<i32>, value: i32) -> u32 {
        pool.reserve().unwrap();
        pool.insert(value)
    }

    #[test]
    fn numbers_come_back_and_what_was_removed_does_not() {
        let mut pool = Pool::default();
        let numbers: Vec<u32> = (0..5).map(|i| insert(&mut pool, i * 10)).collect();
        assert_eq!(pool.remove(numbers[1]), Some(10));
        assert_eq!(pool.remove(numbers[1]), None);
        assert_eq!((pool.len(), pool.get(numbers[1])), (4, None));
        assert_eq!(pool.next(1), Some((2, &20)));
        assert_eq!(insert(&mut pool, 7), numbers[1]);
        assert_eq!((pool.next(1), pool.next(5)), (Some((1, &7)), None));
    }
}
