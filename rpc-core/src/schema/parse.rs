//! From a canonical text back to the structures that it describes. The text may come from a stranger.
//!
//! Facing side: `text`. Nothing here recurses deeper, or gathers more, than the limits below.

use super::error::SchemaError;
use super::registry::{Declared, Registry};
use super::signature::{MethodTypes, is_full_name};
use super::text::{VERSION, is_name_char};
use super::types::{Definition, Field, Payload, Type, Variant};

/// The longest text that is read, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// How deeply types may nest without a declared type between.
const DEPTH_MAX: u16 = 128;
/// How many types a text may declare.
const TYPES_MAX: usize = 1024;

type Parsed<T> = Result<T, SchemaError>;

/// What a text describes.
pub(super) fn method(text: &str) -> Parsed<MethodTypes> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SchemaError::new(format!("it has more than {TEXT_BYTES_MAX} bytes")));
    }
    let mut parser = Parser { text, at: 0, depth_left: DEPTH_MAX, references: 0 };
    let method = parser.method()?;
    match parser.rest() {
        "" => Ok(method),
        _ => Err(parser.fault("its end")),
    }
}

/// The hash in the short form of a signature, `hton-sig/1;Service/method;hash=…`.
pub(super) fn told_hash(text: &str) -> Option<u64> {
    let rest = text.strip_prefix(VERSION)?.strip_prefix(';')?;
    let (full_name, digits) = rest.split_once(";hash=")?;
    let fits = is_full_name(full_name)
        && digits.len() == 16
        && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if fits { u64::from_str_radix(digits, 16).ok() } else { None }
}

struct Parser<'t> {
    text: &'t str,
    /// Bytes that are read.
    at: usize,
    depth_left: u16,
    /// One more than the highest number that types refer to.
    references: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, expected: &str) -> SchemaError {
        SchemaError::new(format!("at byte {} it should have {expected}", self.at))
    }

    /// Reads this if it comes next.
    fn skip(&mut self, token: &str) -> bool {
        let comes = self.rest().starts_with(token);
        if comes {
            self.at = self.at.saturating_add(token.len());
        }
        comes
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.skip(token) { Ok(()) } else { Err(self.fault(&format!("`{token}`"))) }
    }

    /// Reads as long as the letters fit.
    fn letters(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        let (letters, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
        self.at = self.at.saturating_add(letters.len());
        letters
    }

    fn name(&mut self) -> Parsed<&'t str> {
        if self.rest().starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.fault("a name"));
        }
        match self.letters(is_name_char) {
            "" => Err(self.fault("a name")),
            name => Ok(name),
        }
    }

    fn number(&mut self) -> Parsed<usize> {
        let digits = self.letters(|letter| letter.is_ascii_digit());
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.fault("a number without leading zeros"));
        }
        digits.parse().map_err(|_| self.fault("a number"))
    }

    fn method(&mut self) -> Parsed<MethodTypes> {
        self.expect(VERSION)?;
        self.expect(";")?;
        let full_name = self.letters(|letter| letter != ';');
        if !is_full_name(full_name) {
            return Err(self.fault("the name of a service and a method before"));
        }
        let mut method = MethodTypes::new(full_name);
        self.expect(";args=")?;
        method.arguments = self.fields()?;
        if !self.skip(";oneway") {
            method.items_in = self.part(";in=")?;
            self.expect(";ok=")?;
            method.result = Some(self.ty()?);
            method.items_out = self.part(";out=")?;
            method.error = self.part(";err=")?;
        }
        let mut definitions = Vec::new();
        while self.skip(";#") {
            if definitions.len() == TYPES_MAX {
                return Err(SchemaError::new(format!("it declares more than {TYPES_MAX} types")));
            }
            if self.number()? != definitions.len() {
                return Err(self.fault("the types in the order of their numbers"));
            }
            self.expect("=")?;
            definitions.push(self.definition()?);
        }
        if self.references > definitions.len() {
            return Err(SchemaError::new("it refers to a type that it does not define"));
        }
        Ok(method.with_registry(Registry::of_numbered(definitions)))
    }

    fn part(&mut self, label: &str) -> Parsed<Option<Type>> {
        if self.skip(label) { self.ty().map(Some) } else { Ok(None) }
    }

    fn definition(&mut self) -> Parsed<Definition> {
        if self.rest().starts_with('(') {
            return self.places().map(Definition::Tuple);
        }
        if self.skip("<") {
            return self.variants().map(Definition::Enum);
        }
        if self.rest().starts_with('{') && !self.is_map() {
            return self.fields().map(Definition::Struct);
        }
        self.ty().map(Definition::Newtype)
    }

    /// Whether the braces that come next are those of a map: `{K>V}`, not `{a:T}`.
    fn is_map(&self) -> bool {
        let inside = self.rest().strip_prefix('{').unwrap_or_default();
        let after = inside.trim_start_matches(is_name_char);
        after.len() == inside.len() && !after.starts_with('}') || after.starts_with('>')
    }

    fn fields(&mut self) -> Parsed<Vec<Field>> {
        self.list("{", "}", ",", |parser| {
            let name = parser.name()?;
            parser.expect(":")?;
            Ok(Field::new(name, parser.ty()?))
        })
    }

    fn places(&mut self) -> Parsed<Vec<Type>> {
        self.list("(", ")", ",", Self::ty)
    }

    fn variants(&mut self) -> Parsed<Vec<Variant>> {
        self.list("", ">", "|", |parser| {
            let name = parser.name()?;
            let payload = if parser.skip(":") {
                Payload::Newtype(parser.ty()?)
            } else if parser.rest().starts_with('(') {
                Payload::Tuple(parser.places()?)
            } else if parser.rest().starts_with('{') {
                Payload::Struct(parser.fields()?)
            } else {
                Payload::Unit
            };
            Ok(Variant::new(name, payload))
        })
    }

    fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        between: &str,
        mut part: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect(open)?;
        let mut parts = Vec::new();
        if self.skip(close) {
            return Ok(parts);
        }
        loop {
            parts.push(part(self)?);
            if self.skip(close) {
                return Ok(parts);
            }
            self.expect(between)?;
        }
    }

    fn ty(&mut self) -> Parsed<Type> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(SchemaError::new(format!("its types nest deeper than {DEPTH_MAX} levels")));
        };
        self.depth_left = left;
        let ty = self.ty_within();
        self.depth_left = self.depth_left.saturating_add(1);
        ty
    }

    fn ty_within(&mut self) -> Parsed<Type> {
        if self.skip("?") {
            return Ok(Type::Option(Box::new(self.ty()?)));
        }
        if self.skip("#") {
            let number = self.number()?;
            self.references = self.references.max(number.saturating_add(1));
            return Ok(Type::Declared(Declared(number)));
        }
        if self.skip("[") {
            return self.sequence();
        }
        if self.skip("{") {
            let key = self.ty()?;
            self.expect(">")?;
            let value = self.ty()?;
            self.expect("}")?;
            return Ok(Type::Map(Box::new(key), Box::new(value)));
        }
        if self.rest().starts_with('(') {
            return match self.places()? {
                places if places.is_empty() => Err(self.fault("a type before")),
                places => Ok(Type::Tuple(places)),
            };
        }
        let word = self.letters(is_name_char);
        Type::of_word(word).ok_or_else(|| self.fault("a type before"))
    }

    /// `T]` or `T;n]`.
    fn sequence(&mut self) -> Parsed<Type> {
        let inner = Box::new(self.ty()?);
        let ty = match self.skip(";") {
            true => Type::Array(inner, self.number()?),
            false => Type::Seq(inner),
        };
        self.expect("]")?;
        Ok(ty)
    }
}
