//! The declared types of a schema, each entered once, so that they may contain one another.

use super::types::{Definition, Type};
use std::any::{TypeId, type_name};
use std::collections::HashMap;

/// The place of a declared type in its [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Declared(pub(super) usize);

/// The structs, enums and newtypes that a schema reaches.
///
/// A type is entered before its definition is known, so that a type which contains itself finds
/// itself there.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    known: HashMap<Key, Declared>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Rust(TypeId),
    Name(String),
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    /// Missing while it is being found out.
    definition: Option<Definition>,
}

impl Registry {
    /// A registry without types.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters the Rust type `T`, unless it is there. `define` says what it is.
    pub fn declare<T: ?Sized + 'static>(
        &mut self,
        define: impl FnOnce(&mut Self) -> Definition,
    ) -> Type {
        self.enter(Key::Rust(TypeId::of::<T>()), type_name::<T>(), define)
    }

    /// Enters a type that has a name and no Rust type, unless it is there.
    pub fn declare_named(
        &mut self,
        name: &str,
        define: impl FnOnce(&mut Self) -> Definition,
    ) -> Type {
        self.enter(Key::Name(name.to_owned()), name, define)
    }

    fn enter(
        &mut self,
        key: Key,
        name: &str,
        define: impl FnOnce(&mut Self) -> Definition,
    ) -> Type {
        if let Some(declared) = self.known.get(&key) {
            return Type::Declared(*declared);
        }
        let declared = Declared(self.entries.len());
        self.entries.push(Entry { name: name.to_owned(), definition: None });
        self.known.insert(key, declared);
        let definition = define(self);
        if let Some(entry) = self.entries.get_mut(declared.0) {
            entry.definition = Some(definition);
        }
        Type::Declared(declared)
    }

    /// What a declared type is; `None` for a type of another registry.
    #[must_use]
    pub fn definition(&self, declared: Declared) -> Option<&Definition> {
        self.entries.get(declared.0)?.definition.as_ref()
    }

    /// The type's name in its own language. It does not travel.
    #[must_use]
    pub fn name(&self, declared: Declared) -> Option<&str> {
        self.entries.get(declared.0).map(|entry| entry.name.as_str())
    }

    /// How many types there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The type behind every newtype, or a newtype that is nothing but itself.
    pub(super) fn behind<'r>(&'r self, mut ty: &'r Type) -> &'r Type {
        // A chain of newtypes has at most every one of them in it.
        for _ in 0..=self.entries.len() {
            match ty {
                Type::Declared(declared) => match self.definition(*declared) {
                    Some(Definition::Newtype(inner)) => ty = inner,
                    _ => return ty,
                },
                _ => return ty,
            }
        }
        ty
    }

    /// The registry of types that a text defines, by number.
    pub(super) fn of_numbered(definitions: Vec<Definition>) -> Self {
        let entries = definitions.into_iter().enumerate();
        let entries = entries.map(|(number, definition)| Entry {
            name: format!("#{number}"),
            definition: Some(definition),
        });
        Self { known: HashMap::new(), entries: entries.collect() }
    }
}
