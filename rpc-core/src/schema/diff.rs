//! How the types of a method here differ from those at the peer, field by field.

use super::error::SchemaError;
use super::parse;
use super::registry::{Declared, Registry};
use super::signature::MethodTypes;
use super::types::{Definition, Field, Payload, Type, Variant};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

/// Lines beyond which nobody reads on.
const LINES_MAX: usize = 8;
/// Comparisons of types after which the rest is not looked at: both texts may be of a stranger.
const STEPS_MAX: usize = 16 * 1024;
/// The longest path that is followed, in bytes.
const PATH_BYTES_MAX: usize = 256;
/// The longest type or name that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Says in one line each where two canonical texts of a method differ: `order.items[].qty: u32 here,
/// u64 there`. Empty when everything has the same name and the same bytes.
///
/// Total: no text makes it panic, or work for long. At most eight differences are listed.
///
/// # Errors
///
/// [`SchemaError`] when a text is not a canonical one, or beyond 64 KiB, 1024 declared types or 128
/// levels.
///
/// ```
/// let lines = rpc_core::schema::diff(
///     "hton-sig/1;Shop/place;args={order:#0};ok=unit;#0={qty:u32,note:str}",
///     "hton-sig/1;Shop/place;args={order:#0};ok=unit;#0={qty:u64}",
/// )?;
/// assert_eq!(lines, ["order.note: missing there", "order.qty: u32 here, u64 there"]);
/// # Ok::<(), rpc_core::schema::SchemaError>(())
/// ```
pub fn diff(ours: &str, theirs: &str) -> Result<Vec<String>, SchemaError> {
    let [ours, theirs] = [parse::method(ours)?, parse::method(theirs)?];
    let mut comparison = Comparison {
        ours: &ours.registry,
        theirs: &theirs.registry,
        ahead: VecDeque::new(),
        seen: HashSet::new(),
        lines: Vec::new(),
    };
    comparison.methods(&ours, &theirs);
    comparison.run();
    Ok(comparison.lines)
}

struct Comparison<'m> {
    ours: &'m Registry,
    theirs: &'m Registry,
    /// Types at the same place that are still to be compared.
    ahead: VecDeque<(String, &'m Type, &'m Type)>,
    /// Pairs of declared types that have been compared.
    seen: HashSet<(Declared, Declared)>,
    lines: Vec<String>,
}

impl<'m> Comparison<'m> {
    fn methods(&mut self, ours: &'m MethodTypes, theirs: &'m MethodTypes) {
        if ours.full_name != theirs.full_name {
            let [ours, theirs] = [&ours.full_name, &theirs.full_name].map(|name| cut(name));
            let line = format!("the method: {ours} here, {theirs} there");
            self.lines.push(line);
        }
        self.fields("", "arguments", &ours.arguments, &theirs.arguments);
        self.parts("items in", ours.items_in.as_ref(), theirs.items_in.as_ref());
        self.parts("result", ours.result.as_ref(), theirs.result.as_ref());
        self.parts("items out", ours.items_out.as_ref(), theirs.items_out.as_ref());
        self.parts("error", ours.error.as_ref(), theirs.error.as_ref());
    }

    fn parts(&mut self, what: &str, ours: Option<&'m Type>, theirs: Option<&'m Type>) {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.push((what.to_owned(), ours, theirs)),
            (None, None) => {}
            (Some(ours), None) => {
                self.lines.push(format!("{what}: {} here, none there", shown(self.ours, ours)));
            }
            (None, Some(theirs)) => {
                self.lines.push(format!("{what}: none here, {} there", shown(self.theirs, theirs)));
            }
        }
    }

    fn push(&mut self, pair: (String, &'m Type, &'m Type)) {
        if self.ahead.len() < STEPS_MAX && pair.0.len() <= PATH_BYTES_MAX {
            self.ahead.push_back(pair);
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some((path, ours, theirs)) = self.ahead.pop_front() else { break };
            self.types(path, ours, theirs);
            if self.lines.len() > LINES_MAX {
                self.lines.truncate(LINES_MAX);
                self.lines.push("and more".to_owned());
                break;
            }
        }
    }

    fn types(&mut self, path: String, ours: &'m Type, theirs: &'m Type) {
        if let (Type::Declared(our), Type::Declared(their)) = (ours, theirs) {
            if !self.seen.insert((*our, *their)) {
                return;
            }
        }
        let [ours, theirs] = [self.ours.behind(ours), self.theirs.behind(theirs)];
        match (ours, theirs) {
            (Type::Option(ours), Type::Option(theirs)) => {
                self.push((path, ours, theirs));
            }
            (Type::Seq(ours), Type::Seq(theirs)) => {
                self.push((format!("{path}[]"), ours, theirs));
            }
            (Type::Array(our, n), Type::Array(their, m)) if n == m => {
                self.push((format!("{path}[]"), our, their));
            }
            (Type::Map(our_key, our_value), Type::Map(their_key, their_value)) => {
                self.push((format!("{path}[key]"), our_key, their_key));
                self.push((format!("{path}[value]"), our_value, their_value));
            }
            (Type::Tuple(ours), Type::Tuple(theirs)) => self.places(&path, ours, theirs),
            (Type::Declared(our), Type::Declared(their)) => {
                match (self.ours.definition(*our), self.theirs.definition(*their)) {
                    (Some(our), Some(their)) => self.definitions(path, our, their),
                    _ => self.differ(&path, ours, theirs),
                }
            }
            (ours, theirs) if ours == theirs => {}
            _ => self.differ(&path, ours, theirs),
        }
    }

    fn differ(&mut self, path: &str, ours: &Type, theirs: &Type) {
        let [ours, theirs] = [shown(self.ours, ours), shown(self.theirs, theirs)];
        self.lines.push(format!("{path}: {ours} here, {theirs} there"));
    }

    fn definitions(&mut self, path: String, ours: &'m Definition, theirs: &'m Definition) {
        match (ours, theirs) {
            (Definition::Struct(ours), Definition::Struct(theirs)) => {
                self.fields(&path, &path, ours, theirs);
            }
            (Definition::Tuple(ours), Definition::Tuple(theirs)) => {
                self.places(&path, ours, theirs);
            }
            (Definition::Enum(ours), Definition::Enum(theirs)) => {
                self.variants(&path, ours, theirs);
            }
            _ => {
                let [ours, theirs] = [kind(ours), kind(theirs)];
                self.lines.push(format!("{path}: {ours} here, {theirs} there"));
            }
        }
    }

    fn places(&mut self, path: &str, ours: &'m [Type], theirs: &'m [Type]) {
        if ours.len() != theirs.len() {
            let line = format!("{path}: {} places here, {} there", ours.len(), theirs.len());
            return self.lines.push(line);
        }
        for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            self.push((format!("{path}.{index}"), ours, theirs));
        }
    }

    /// `whole` names the struct or the arguments when their order is wrong.
    fn fields(&mut self, path: &str, whole: &str, ours: &'m [Field], theirs: &'m [Field]) {
        let at = |name: &str| match path {
            "" => cut(name).into_owned(),
            path => format!("{path}.{}", cut(name)),
        };
        let names = |fields: &'m [Field]| fields.iter().map(|field| field.name.as_str()).collect();
        for (our, their) in self.named(names(ours), names(theirs), whole, &at) {
            if let (Some(our), Some(their)) = (ours.get(our), theirs.get(their)) {
                self.push((at(&our.name), &our.ty, &their.ty));
            }
        }
    }

    fn variants(&mut self, path: &str, ours: &'m [Variant], theirs: &'m [Variant]) {
        let at = |name: &str| format!("{path}::{}", cut(name));
        let names = |variants: &'m [Variant]| {
            variants.iter().map(|variant| variant.name.as_str()).collect()
        };
        for (our, their) in self.named(names(ours), names(theirs), path, &at) {
            let (Some(our), Some(their)) = (ours.get(our), theirs.get(their)) else { continue };
            let path = at(&our.name);
            match (&our.payload, &their.payload) {
                (Payload::Unit, Payload::Unit) => {}
                (Payload::Newtype(our), Payload::Newtype(their)) => {
                    self.push((path, our, their));
                }
                (Payload::Tuple(our), Payload::Tuple(their)) => self.places(&path, our, their),
                (Payload::Struct(our), Payload::Struct(their)) => {
                    self.fields(&path, &path, our, their);
                }
                (our, their) => {
                    let [our, their] = [payload_kind(our), payload_kind(their)];
                    self.lines.push(format!("{path}: {our} here, {their} there"));
                }
            }
        }
    }

    /// Reports what only one end has, and another order; gives the places of what both have.
    fn named(
        &mut self,
        ours: Vec<&str>,
        theirs: Vec<&str>,
        whole: &str,
        at: &dyn Fn(&str) -> String,
    ) -> Vec<(usize, usize)> {
        let their_places: HashMap<&str, usize> =
            theirs.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        let our_names: HashSet<&str> = ours.iter().copied().collect();
        let mut common = Vec::new();
        for (place, name) in ours.iter().enumerate() {
            match their_places.get(name) {
                Some(their) => common.push((place, *their)),
                None => self.lines.push(format!("{}: missing there", at(name))),
            }
            if self.lines.len() > LINES_MAX {
                return common;
            }
        }
        for name in theirs.iter().filter(|name| !our_names.contains(*name)) {
            self.lines.push(format!("{}: missing here", at(name)));
            if self.lines.len() > LINES_MAX {
                return common;
            }
        }
        if !common.is_sorted_by_key(|(_, their)| their) {
            self.lines.push(format!("{whole}: in another order there"));
        }
        common
    }
}

fn kind(definition: &Definition) -> &'static str {
    match definition {
        Definition::Struct(_) => "a struct",
        Definition::Tuple(_) => "a tuple struct",
        Definition::Enum(_) => "an enum",
        Definition::Newtype(_) => "a newtype",
    }
}

fn payload_kind(payload: &Payload) -> &'static str {
    match payload {
        Payload::Unit => "nothing",
        Payload::Newtype(_) => "one value",
        Payload::Tuple(_) => "places",
        Payload::Struct(_) => "named fields",
    }
}

/// A type in the notation of the canonical text, with a word for each declared type.
fn shown(registry: &Registry, ty: &Type) -> String {
    let mut out = String::new();
    show(registry, ty, &mut out);
    cut(&out).into_owned()
}

/// What is shown of a type or a name, which may be of a stranger.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

fn show(registry: &Registry, ty: &Type, out: &mut String) {
    if out.len() > SHOWN_CHARS_MAX {
        return;
    }
    if let Some(word) = ty.primitive() {
        return out.push_str(word);
    }
    match ty {
        Type::Option(inner) => {
            out.push('?');
            show(registry, inner, out);
        }
        Type::Seq(inner) => {
            out.push('[');
            show(registry, inner, out);
            out.push(']');
        }
        Type::Array(inner, count) => {
            out.push('[');
            show(registry, inner, out);
            out.push_str(&format!(";{count}]"));
        }
        Type::Map(key, value) => {
            out.push('{');
            show(registry, key, out);
            out.push('>');
            show(registry, value, out);
            out.push('}');
        }
        Type::Tuple(places) => {
            out.push('(');
            for (index, place) in places.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                show(registry, place, out);
            }
            out.push(')');
        }
        Type::Declared(declared) => {
            out.push_str(registry.definition(*declared).map_or("an unknown type", kind));
        }
        // The primitives stand above.
        _ => {}
    }
}
