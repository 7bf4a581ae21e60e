//! Why a type has no schema that can travel, or why a value is not what its schema says.

use std::fmt::{self, Display};

/// A schema that cannot be, or a value that does not keep to one, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    path: String,
    what: String,
}

impl SchemaError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { path: String::new(), what: what.into() }
    }

    /// The fields that lead to it, such as `order.items[3].qty`; empty for the value as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same error, one step further out.
    pub(super) fn within(mut self, segment: impl Display) -> Self {
        let starts_with_name = !self.path.is_empty() && !self.path.starts_with(['.', '[', ':']);
        let dot = if starts_with_name { "." } else { "" };
        self.path = format!("{segment}{dot}{}", self.path);
        self
    }
}

impl Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for SchemaError {}

impl serde::ser::Error for SchemaError {
    fn custom<T: Display>(what: T) -> Self {
        Self::new(what.to_string())
    }
}
