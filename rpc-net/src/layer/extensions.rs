//! Values that layers leave for each other and for the handler, found by their type.

use std::any::Any;
use std::fmt;

/// At most one value of each type. They are few, so the search is a walk.
#[derive(Default)]
pub(crate) struct Extensions {
    values: Vec<Box<dyn Any + Send + Sync>>,
}

impl Extensions {
    /// Puts a value in. Returns the one of its type that was there.
    pub(crate) fn put<T: Send + Sync + 'static>(&mut self, value: T) -> Option<T> {
        let there = self.values.iter_mut().find_map(|there| there.downcast_mut());
        if let Some(there) = there {
            return Some(std::mem::replace(there, value));
        }
        self.values.push(Box::new(value));
        None
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.values.iter().find_map(|value| value.downcast_ref())
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("len", &self.values.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_type() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.get::<u8>(), None);
        assert_eq!(extensions.put(1_u8), None);
        assert_eq!(extensions.put("one"), None);
        assert_eq!(extensions.put(2_u8), Some(1));
        assert_eq!((extensions.get::<u8>(), extensions.get::<&str>()), (Some(&2), Some(&"one")));
        assert_eq!(extensions.get::<u16>(), None);
    }
}
