//! A value that `Serialize` and `Deserialize` of types may ask for while something is stored or loaded.
//!
//! A name table, a registry, the document that everything belongs to: what the types need and the bytes do not hold.
//!
//! ```
//! use rpc_core::archive::{Store, context};
//! use serde::{Serialize, Serializer};
//!
//! struct Unit(&'static str);
//! struct Length(f64);
//!
//! impl Serialize for Length {
//!     fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
//!         let inches = context::get::<Unit>().is_some_and(|unit| unit.0 == "inch");
//!         (if inches { self.0 / 25.4 } else { self.0 }).serialize(serializer)
//!     }
//! }
//!
//! let mut out = Store::raw(Vec::new());
//! context::with(Unit("inch"), || out.store(&Length(50.8)).map(drop))?;
//! assert_eq!(out.close()?, 2.0_f64.to_be_bytes());
//! assert!(context::get::<Unit>().is_none());
//! # Ok::<(), rpc_core::archive::StoreError>(())
//! ```

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// The innermost last.
    static VALUES: RefCell<Vec<Rc<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `act` while `value` is there for who asks on this thread. A value of the same type that was there before is
/// hidden until `act` ends.
pub fn with<C: 'static, T>(value: C, act: impl FnOnce() -> T) -> T {
    struct Ends;

    impl Drop for Ends {
        fn drop(&mut self) {
            // Outside of the cell: the value's own drop may ask.
            let value = VALUES.with_borrow_mut(Vec::pop);
            drop(value);
        }
    }

    VALUES.with_borrow_mut(|values| values.push(Rc::new(value)));
    let _ends = Ends;
    act()
}

/// The innermost value of this type on this thread.
#[must_use]
pub fn get<C: 'static>() -> Option<Rc<C>> {
    let of_type = |value: &Rc<dyn Any>| Rc::clone(value).downcast().ok();
    VALUES.with_borrow(|values| values.iter().rev().find_map(of_type))
}
