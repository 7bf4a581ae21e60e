//! Where in a value an error happened, as text such as `order.items[3].qty`.
//!
//! Costs nothing until something fails: each level puts its own segment in front while the error
//! passes through it on its way out.

use std::fmt;

/// One step from a value to a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Segment {
    /// A field of a struct, or an argument of a call.
    Field(&'static str),
    /// A place in a tuple.
    Place(usize),
    /// An element of a sequence.
    Index(u64),
    /// The key of a map's entry.
    Key(u64),
    /// The value of a map's entry.
    Value(u64),
    /// The payload of an enum's variant.
    Variant(&'static str),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Place(index) => write!(f, ".{index}"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(index) => write!(f, "[key {index}]"),
            Self::Value(index) => write!(f, "[value {index}]"),
            Self::Variant(name) => write!(f, "::{name}"),
        }
    }
}

/// The steps from the outermost value to the place of the error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn prepend(&mut self, segment: Segment) {
        let starts_with_name = !self.0.is_empty() && !self.0.starts_with(['.', '[', ':']);
        let dot = if starts_with_name { "." } else { "" };
        self.0 = format!("{segment}{dot}{}", self.0);
    }
}

impl fmt::Display for Path {
    /// ` in `a.b``, or nothing for the outermost value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " in `{}`", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, Segment};

    fn path(outermost_first: &[Segment]) -> String {
        let mut path = Path::default();
        for segment in outermost_first.iter().rev() {
            path.prepend(*segment);
        }
        path.as_str().to_owned()
    }

    #[test]
    fn a_path_reads_as_the_expression_that_reaches_the_part() {
        use Segment::{Field, Index, Key, Place, Value, Variant};
        assert_eq!(path(&[]), "");
        assert_eq!(
            path(&[Field("order"), Field("items"), Index(3), Field("qty")]),
            "order.items[3].qty"
        );
        assert_eq!(path(&[Field("pair"), Place(1), Place(0)]), "pair.1.0");
        assert_eq!(path(&[Place(1), Field("x")]), ".1.x");
        assert_eq!(path(&[Field("m"), Key(0)]), "m[key 0]");
        assert_eq!(path(&[Value(2), Variant("C"), Field("y")]), "[value 2]::C.y");
    }
}
