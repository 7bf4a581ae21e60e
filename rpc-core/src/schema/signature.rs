//! What a method takes and gives, as one text, and the hash of it that requests carry.

use super::diff::diff;
use super::error::SchemaError;
use super::parse;
use super::registry::Registry;
use super::text::{VERSION, Writer, is_name};
use super::types::{Field, Type};
use sha2::{Digest, Sha256};

/// The longest text that is told to a peer, in bytes. Of a longer one only the hash is.
///
/// Spec: `schema.mismatch.text`.
const TOLD_BYTES_MAX: usize = 4096;

/// The types of one method, from which its [`Signature`] is made.
///
/// ```
/// use rpc_core::schema::{MethodTypes, Schema};
///
/// let signature = MethodTypes::new("Calc/add")
///     .argument("a", |types| i64::schema(types))
///     .argument("b", |types| i64::schema(types))
///     .result(|types| i64::schema(types))
///     .signature()?;
/// assert_eq!(signature.text(), "hton-sig/1;Calc/add;args={a:i64,b:i64};ok=i64");
/// # Ok::<(), rpc_core::schema::SchemaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MethodTypes {
    pub(super) full_name: String,
    pub(super) arguments: Vec<Field>,
    /// `None` for a one-way method.
    pub(super) result: Option<Type>,
    pub(super) items_in: Option<Type>,
    pub(super) items_out: Option<Type>,
    pub(super) error: Option<Type>,
    pub(super) registry: Registry,
    /// Whether the schema of each type was known.
    known: bool,
}

impl MethodTypes {
    /// A one-way method without arguments, until more is said. Its name is `Service/method`.
    pub fn new(full_name: impl Into<String>) -> Self {
        Self {
            full_name: full_name.into(),
            arguments: Vec::new(),
            result: None,
            items_in: None,
            items_out: None,
            error: None,
            registry: Registry::new(),
            known: true,
        }
    }

    pub(super) fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    fn known<T: Into<Option<Type>>>(&mut self, ty: impl FnOnce(&mut Registry) -> T) -> Type {
        let ty = ty(&mut self.registry).into();
        self.known &= ty.is_some();
        ty.unwrap_or(Type::Unit)
    }

    /// One more argument. A type that is `None` makes the method unchecked, here and below.
    #[must_use]
    pub fn argument<T: Into<Option<Type>>>(
        mut self,
        name: &str,
        ty: impl FnOnce(&mut Registry) -> T,
    ) -> Self {
        let ty = self.known(ty);
        self.arguments.push(Field::new(name, ty));
        self
    }

    /// What it answers; without this, it is a one-way method.
    #[must_use]
    pub fn result<T: Into<Option<Type>>>(mut self, ty: impl FnOnce(&mut Registry) -> T) -> Self {
        self.result = Some(self.known(ty));
        self
    }

    /// The items that the caller streams.
    #[must_use]
    pub fn items_in<T: Into<Option<Type>>>(mut self, ty: impl FnOnce(&mut Registry) -> T) -> Self {
        self.items_in = Some(self.known(ty));
        self
    }

    /// The items that the callee streams.
    #[must_use]
    pub fn items_out<T: Into<Option<Type>>>(mut self, ty: impl FnOnce(&mut Registry) -> T) -> Self {
        self.items_out = Some(self.known(ty));
        self
    }

    /// The method's own error.
    #[must_use]
    pub fn error<T: Into<Option<Type>>>(mut self, ty: impl FnOnce(&mut Registry) -> T) -> Self {
        self.error = Some(self.known(ty));
        self
    }

    /// The text of these types and its hash, or the unchecked signature if a type was not known.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when a type cannot travel or has names that the text cannot carry.
    pub fn signature(&self) -> Result<Signature, SchemaError> {
        if !self.known {
            return Ok(Signature::unchecked());
        }
        let text = self.text()?;
        Ok(Signature { hash: hash(&text), text, problem: None })
    }

    /// The same for generated code, which has nobody to give an error to: the signature keeps it.
    #[must_use]
    pub fn signature_or_problem(&self) -> Signature {
        let kept = |problem| Signature { problem: Some(problem), ..Signature::unchecked() };
        self.signature().unwrap_or_else(kept)
    }

    /// Spec: `schema.text.method`.
    fn text(&self) -> Result<String, SchemaError> {
        if !is_full_name(&self.full_name) {
            let what = format!("{:?} is not `Service/method`", self.full_name);
            return Err(SchemaError::new(what));
        }
        let mut writer = Writer::new(&self.registry);
        for part in [VERSION, ";", &self.full_name, ";args="] {
            writer.push(part);
        }
        writer.fields(&self.arguments)?;
        match &self.result {
            Some(result) => {
                let parts = [
                    (";in=", "the caller's items", self.items_in.as_ref()),
                    (";ok=", "the result", Some(result)),
                    (";out=", "the callee's items", self.items_out.as_ref()),
                    (";err=", "the error", self.error.as_ref()),
                ];
                for (label, what, part) in parts {
                    if let Some(ty) = part {
                        writer.push(label);
                        writer.ty(ty).map_err(|error| error.within(what))?;
                    }
                }
            }
            None => writer.push(";oneway"),
        }
        writer.finish()
    }
}

/// The first eight bytes of SHA-256, big-endian.
///
/// Spec: `schema.hash`.
fn hash(text: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Whether this is a service's name in parts joined by `.`, a `/`, and a method's name.
pub(super) fn is_full_name(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(service, method)| service.split('.').all(is_name) && is_name(method))
}

/// The canonical text of a method's types, and the hash of it that stands in requests.
///
/// Two ends whose signatures of a method are equal mean the same bytes by the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    text: String,
    hash: u64,
    problem: Option<SchemaError>,
}

impl Signature {
    /// The signature of a method whose types are not all known: it agrees with every other.
    #[must_use]
    pub const fn unchecked() -> Self {
        Self { text: String::new(), hash: 0, problem: None }
    }

    /// The canonical text; empty when it is unchecked.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands in a request; 0 = unchecked.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Why it is unchecked although every type has a schema: one of them cannot travel.
    #[must_use]
    pub const fn problem(&self) -> Option<&SchemaError> {
        self.problem.as_ref()
    }

    /// Whether a request with this hash means the same types, or does not say.
    ///
    /// Spec: `call.signature.unchecked`.
    #[must_use]
    pub const fn agrees_with(&self, hash: u64) -> bool {
        self.hash == 0 || hash == 0 || self.hash == hash
    }

    /// What a callee tells a caller that means other types: the text, or only the hash of a text
    /// that has more than `bytes_max` bytes or 4 KiB.
    ///
    /// Spec: `schema.mismatch.text`.
    #[must_use]
    pub fn told(&self, full_name: &str, bytes_max: usize) -> String {
        if self.text.len() <= bytes_max.min(TOLD_BYTES_MAX) {
            return self.text.clone();
        }
        format!("{VERSION};{full_name};hash={:016x}", self.hash)
    }

    /// A sentence about how these types differ from what a callee told. `theirs` may be any text.
    #[must_use]
    pub fn explain(&self, theirs: &str) -> String {
        if let Some(hash) = parse::told_hash(theirs) {
            return format!(
                "the types of the method differ: signature {:016x} here, {hash:016x} there, where its description is too long to be told",
                self.hash
            );
        }
        match diff(&self.text, theirs) {
            Ok(lines) if lines.is_empty() => {
                "the types of the method have the same bytes and names, but are declared apart in one place and shared in the other".to_owned()
            }
            Ok(lines) => format!("the types of the method differ: {}", lines.join("; ")),
            Err(_) => {
                const SHOWN_CHARS_MAX: usize = 400;
                let shown: String =
                    theirs.escape_debug().take(SHOWN_CHARS_MAX).collect();
                format!("the types of the method differ; the peer says: {shown}")
            }
        }
    }
}
