//! serde's attributes, each as serde reads it.

use crate::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::marker::PhantomData;

#[hton::data]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[derive(Default)]
struct Named {
    first_name: u8,
    #[serde(rename = "last")]
    last_name: u8,
    #[serde(default, alias = "other")]
    r#type: u8,
    #[serde(skip)]
    #[allow(dead_code, reason = "it does not travel")]
    kept_here: u8,
}

#[test]
fn names_are_those_that_serde_writes() {
    assert_eq!(text(&[Named::default()]), "#0;#0={firstName:u8,last:u8,type:u8}");
}

#[hton::data]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "UPPERCASE")]
enum Kinds {
    VeryPlain,
    One(u8),
    Two(u8, u16),
    None(),
    Named {
        field: u8,
    },
    #[serde(rename = "others", rename_all = "PascalCase")]
    Others {
        a_field: u8,
        #[serde(rename = "same")]
        b: u8,
    },
    Braces {},
    Hollow(#[serde(skip)] u8),
    Half(u8, #[serde(skip)] u8),
    #[serde(skip)]
    #[allow(dead_code, reason = "it does not travel")]
    Secret,
}

#[test]
fn variants_are_numbered_named_and_filled_as_serde_does_it() {
    let values = [
        Kinds::VeryPlain,
        Kinds::One(1),
        Kinds::Two(1, 2),
        Kinds::None(),
        Kinds::Named { field: 1 },
        Kinds::Others { a_field: 1, b: 1 },
        Kinds::Braces {},
        Kinds::Hollow(1),
        Kinds::Half(1, 2),
    ];
    assert_eq!(
        text(&values),
        "#0;#0=<VERY_PLAIN|ONE:u8|TWO(u8,u16)|NONE()|NAMED{FIELD:u8}|others{AField:u8,same:u8}|BRACES{}|HOLLOW|HALF(u8)>"
    );
}

#[hton::data]
struct Unit;

#[hton::data]
struct Empty {}

#[hton::data]
struct Hollow();

#[hton::data]
struct Meters(f64);

#[hton::data]
#[serde(transparent)]
struct Marked {
    #[serde(default)]
    marker: PhantomData<u8>,
    inner: Meters,
}

#[hton::data]
struct Point(
    u8,
    Meters,
    #[serde(skip)]
    #[allow(dead_code, reason = "it does not travel")]
    u8,
);

// Verifies: schema.text.transparent
#[test]
fn structs_of_every_form_have_their_texts() {
    assert_eq!(text(&[Unit]), "unit");
    assert_eq!(text(&[Empty {}]), "#0;#0={}");
    assert_eq!(text(&[Hollow()]), "#0;#0=()");
    assert_eq!(text(&[Meters(1.0)]), "f64");
    assert_eq!(text(&[Marked { marker: PhantomData, inner: Meters(1.0) }]), "f64");
    assert_eq!(text(&[Point(1, Meters(1.0), 2)]), "#0;#0=(u8,f64)");
}

#[hton::data]
#[derive(Clone)]
#[serde(try_from = "u16", into = "u16")]
struct Port(u16);

impl TryFrom<u16> for Port {
    type Error = String;
    fn try_from(port: u16) -> Result<Self, String> {
        if port == 0 { Err("0 is no port".into()) } else { Ok(Self(port)) }
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.0
    }
}

/// Travels as its text, by a serde implementation that was written by hand.
#[derive(hton::Schema)]
#[schema(as = "str")]
struct Version {
    major: u8,
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.major)
    }
}

mod as_text {
    use super::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[hton::data]
struct Foreign {
    #[serde(with = "as_text")]
    #[schema(as = "String")]
    number: u32,
    port: Port,
}

#[test]
fn what_other_code_writes_is_said_by_the_user() {
    assert_eq!(text(&[Port(1)]), "u16");
    assert_eq!(text(&[Version { major: 1 }]), "str");
    assert_eq!(text(&[Foreign { number: 1, port: Port(1) }]), "#0;#0={number:str,port:u16}");
}

#[test]
fn a_schema_that_is_wrong_about_serde_is_found_out() {
    #[derive(Serialize, hton::Schema)]
    struct Wrong {
        #[serde(serialize_with = "as_text::serialize")]
        #[schema(as = "u32")]
        number: u32,
    }
    let error = hton::schema::verify(&Wrong { number: 1 }).unwrap_err();
    assert_eq!(error.to_string(), "`number`: the schema has u32, serde writes str");
}

/// serde, as a program has it that depends on hton only.
mod without_serde {
    mod serde {}

    #[hton::data]
    #[derive(Debug, PartialEq)]
    pub(super) enum Answer {
        Yes { sure: bool },
    }
}

#[test]
fn data_needs_no_serde_of_the_users() {
    let answer = without_serde::Answer::Yes { sure: true };
    assert_eq!(text(&[answer]), "#0;#0=<Yes{sure:bool}>");
}
