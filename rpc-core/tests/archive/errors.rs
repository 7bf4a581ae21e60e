//! Every refusal beside its accepted neighbour: kind, offset, path and text.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroU8;

use rpc_core::archive::{
    DecodeError, DecodeErrorKind as Kind, DecodeLimits, Decoder, EncodeError, EncodeErrorKind,
    from_slice, to_vec,
};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Serialize, ser};

use super::decode;

fn accepted<T: DeserializeOwned>(bytes: &[u8]) {
    decode::<T>(bytes).map(drop).unwrap();
}

fn refused<T: DeserializeOwned>(bytes: &[u8], kind: Kind, offset: u64, path: &str) -> String {
    told(decode::<T>(bytes).map(drop), kind, offset, path)
}

fn told<T: Debug>(result: Result<T, DecodeError>, kind: Kind, offset: u64, path: &str) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.path()), (kind, offset, path), "{error}");
    error.to_string()
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    id: u8,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    qty: u16,
    gift: bool,
}

#[test]
fn bytes_that_end_early() {
    accepted::<(u8, u32)>(&[1, 0, 0, 0, 2]);
    assert_eq!(
        refused::<(u8, u32)>(&[1, 0, 0, 0], Kind::Eof, 1, ".1"),
        "the bytes end inside a value: 4 are needed and 3 left at byte 1 in `.1`: \
         the message was cut, or its writer used another type"
    );
    refused::<u8>(&[], Kind::Eof, 0, "");
    refused::<char>(&[0xf0, 0x9f], Kind::Eof, 1, "");
    refused::<Vec<u8>>(&[0; 7], Kind::Eof, 0, "");
    refused::<Option<u8>>(&[1], Kind::Eof, 1, "");
    refused::<Result<u8, u8>>(&[0, 0, 0], Kind::Eof, 0, "");
}

#[test]
fn bytes_that_are_left_over() {
    accepted::<u8>(&[1]);
    assert_eq!(
        refused::<u8>(&[1, 2, 3], Kind::Trailing, 1, ""),
        "2 bytes are left after the value, which ends at byte 1: \
         its writer used another type; compare the two declarations"
    );
    accepted::<()>(&[]);
    refused::<()>(&[0], Kind::Trailing, 0, "");
}

#[test]
fn counts_beyond_the_bytes() {
    accepted::<(u8, Vec<u8>)>(&[9, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2]);
    assert_eq!(
        refused::<(u8, Vec<u8>)>(&[9, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2], Kind::Length, 1, ".1"),
        "a count of 3 is larger than the 2 bytes after it, at byte 1 in `.1`: \
         the bytes are damaged, or their writer used another type"
    );
    accepted::<String>(&[0, 0, 0, 0, 0, 0, 0, 1, b'a']);
    refused::<String>(&[0, 0, 0, 0, 0, 0, 0, 2, b'a'], Kind::Length, 0, "");
    accepted::<BTreeMap<u8, ()>>(&[0, 0, 0, 0, 0, 0, 0, 1, 5]);
    refused::<BTreeMap<u8, ()>>(&[0, 0, 0, 0, 0, 0, 0, 2, 5], Kind::Length, 0, "");
}

#[test]
fn text_that_is_not_utf_8() {
    accepted::<String>(&[0, 0, 0, 0, 0, 0, 0, 2, 0xc3, 0xa9]);
    assert_eq!(
        refused::<String>(&[0, 0, 0, 0, 0, 0, 0, 3, b'a', 0xc3, b'b'], Kind::Utf8, 9, ""),
        "a string is not UTF-8 at byte 9: send what may hold other bytes as bytes, not as text"
    );
    accepted::<char>(&[0xc3, 0xa9]);
    assert_eq!(
        refused::<(u8, char)>(&[0, 0xc3, 0x28], Kind::Char, 1, ".1"),
        "the bytes [c3, 28] are no UTF-8 character at byte 1 in `.1`: \
         send what may hold other bytes as bytes, not as text"
    );
    for lead in [0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff] {
        refused::<char>(&[lead, 0x80, 0x80, 0x80], Kind::Char, 0, "");
    }
    accepted::<char>(&[0xed, 0x9f, 0xbf]);
    refused::<char>(&[0xed, 0xa0, 0x80], Kind::Char, 0, "");
    accepted::<char>(&[0xf4, 0x8f, 0xbf, 0xbf]);
    refused::<char>(&[0xf4, 0x90, 0x80, 0x80], Kind::Char, 0, "");
}

#[test]
fn tags_that_are_neither_0_nor_1() {
    accepted::<[bool; 2]>(&[0, 1]);
    assert_eq!(
        refused::<[bool; 2]>(&[1, 2], Kind::Bool, 1, ".1"),
        "a bool is 0 or 1, not 2, at byte 1 in `.1`: \
         the bytes are damaged, or their writer used another type"
    );
    accepted::<Option<()>>(&[1]);
    assert_eq!(
        refused::<Option<()>>(&[2], Kind::OptionTag, 0, ""),
        "an option begins with 0 or 1, not 2, at byte 0: \
         the bytes are damaged, or their writer used another type"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(u8),
    Line(u8, bool),
    Box { width: u8, solid: bool },
}

#[test]
fn variants_that_the_type_does_not_have() {
    accepted::<Shape>(&[0, 0, 0, 0]);
    assert_eq!(
        refused::<(u8, Shape)>(&[7, 0, 0, 0, 4], Kind::Variant, 1, ".1"),
        "invalid value: integer `4`, expected variant index 0 <= i < 4 at byte 1 in `.1`: \
         the writer's enum has other variants; bring both sides to one version"
    );
    refused::<Shape>(&[0, 0, 0, 1], Kind::Eof, 4, "::Circle");
    refused::<Shape>(&[0, 0, 0, 2, 1, 2], Kind::Bool, 5, "::Line.1");
    refused::<Shape>(&[0, 0, 0, 3, 1, 2], Kind::Bool, 5, "::Box.solid");
}

#[test]
fn levels_beyond_the_limit() {
    let bytes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 7];
    let decode = |depth| from_slice::<Vec<Option<u8>>>(&bytes, DecodeLimits::new(100, depth));
    assert_eq!(decode(2).unwrap(), [Some(7)]);
    assert_eq!(
        told(decode(1), Kind::Depth, 8, "[0]"),
        "values nest deeper than 1 levels at byte 8 in `[0]`: \
         make the value flatter, for instance a list in place of a chain"
    );
}

#[test]
fn memory_beyond_the_budget() {
    let bytes = to_vec(&(1_u8, "text")).unwrap();
    let decode = |budget| from_slice::<(u8, String)>(&bytes, DecodeLimits::new(budget, 8));
    assert!(decode(4).is_ok());
    assert_eq!(
        told(decode(3), Kind::Budget, 9, ".1"),
        "decoding needs 4 bytes of memory, and 3 of the budget of 3 are left, at byte 9 in `.1`: \
         send less in one message, or raise `DecodeLimits::budget_bytes`"
    );
}

#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    first: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Point { x: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
enum Adjacent {
    Number(u8),
}

#[test]
fn attributes_of_serde_that_need_self_describing_bytes_are_named() {
    let flat = Flat { first: 1, rest: BTreeMap::new() };
    let error = to_vec(&flat).unwrap_err();
    assert_eq!(error.kind(), EncodeErrorKind::UnknownLength);
    assert!(error.to_string().contains("#[serde(flatten)]"), "{error}");

    // These encode as nothing special, and are found when they are decoded.
    let untagged = to_vec(&Untagged::Number(1)).unwrap();
    assert_eq!(
        refused::<Untagged>(&untagged, Kind::Unsupported, 0, ""),
        "the type asks for `deserialize_any`, but the bytes do not tell types, at byte 0: \
         remove `#[serde(flatten)]`, `#[serde(untagged)]` or `#[serde(tag = \"…\")]` from the type"
    );
    let tagged = to_vec(&Tagged::Point { x: 1 }).unwrap();
    refused::<Tagged>(&tagged, Kind::Unsupported, 0, "");
    let adjacent = to_vec(&Adjacent::Number(1)).unwrap();
    refused::<Adjacent>(&adjacent, Kind::Unsupported, 0, "kind");
    let mut map = 1_u64.to_be_bytes().to_vec();
    map.extend(to_vec(&("first", 1_u8)).unwrap());
    let text = refused::<Flat>(&map, Kind::Unsupported, 8, "[key 0]");
    assert!(text.contains("`deserialize_identifier`"), "{text}");
    let text = refused::<de::IgnoredAny>(&[1], Kind::Unsupported, 0, "");
    assert!(text.contains("`deserialize_ignored_any`"), "{text}");
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "(u8, u8)")]
struct Ascending;

impl TryFrom<(u8, u8)> for Ascending {
    type Error = String;

    fn try_from((low, high): (u8, u8)) -> Result<Self, String> {
        if low < high { Ok(Self) } else { Err(format!("{low} is not below {high}")) }
    }
}

#[test]
fn values_that_their_type_refuses() {
    accepted::<(u8, NonZeroU8)>(&[0, 1]);
    assert_eq!(
        refused::<(u8, NonZeroU8)>(&[0, 0], Kind::Custom, 1, ".1"),
        "invalid value: integer `0`, expected a nonzero u8 at byte 1 in `.1`: \
         the type itself refuses this value"
    );
    accepted::<Vec<Ascending>>(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 2]);
    let text = refused::<Vec<Ascending>>(&[0, 0, 0, 0, 0, 0, 0, 1, 2, 1], Kind::Custom, 10, "[0]");
    assert!(text.starts_with("2 is not below 1 at byte 10 in `[0]`"), "{text}");
}

#[test]
fn a_type_that_takes_fewer_elements_than_there_are() {
    #[derive(Debug)]
    struct First;
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> de::Visitor<'de> for Visitor {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("one element")
                }
                fn visit_seq<A: de::SeqAccess<'de>>(self, mut from: A) -> Result<First, A::Error> {
                    from.next_element::<u8>().map(|_| First)
                }
            }
            from.deserialize_seq(Visitor)
        }
    }
    accepted::<First>(&[0, 0, 0, 0, 0, 0, 0, 1, 7]);
    let text = refused::<First>(&[0, 0, 0, 0, 0, 0, 0, 2, 7, 7], Kind::Length, 9, "");
    assert!(text.starts_with("the type takes 1 of 2 elements at byte 9"), "{text}");
}

#[test]
fn the_path_leads_through_arguments_fields_elements_and_entries() {
    let order = Order { id: 1, items: vec![Item { qty: 1, gift: true }; 4] };
    let mut bytes = to_vec(&order).unwrap();
    *bytes.last_mut().unwrap() = 9;
    let mut decoder = Decoder::new(&bytes, DecodeLimits::default());
    told(decoder.value::<Order>("order"), Kind::Bool, 20, "order.items[3].gift");

    type Map = BTreeMap<bool, (u8, bool)>;
    let good = to_vec(&BTreeMap::from([(false, (1_u8, false)), (true, (2, true))])).unwrap();
    accepted::<Map>(&good);
    let with = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] = 2;
        bytes
    };
    refused::<Map>(&with(11), Kind::Bool, 11, "[key 1]");
    refused::<Map>(&with(13), Kind::Bool, 13, "[value 1].1");
}

impl Clone for Item {
    fn clone(&self) -> Self {
        Self { qty: self.qty, gift: self.gift }
    }
}

fn unencodable<T: Serialize + ?Sized>(value: &T, kind: EncodeErrorKind, path: &str) -> String {
    let mut out = vec![1, 2];
    let error: EncodeError = rpc_core::archive::encode_into(value, &mut out).unwrap_err();
    assert_eq!((error.kind(), error.path(), &out[..]), (kind, path, &[1, 2][..]), "{error}");
    error.to_string()
}

/// A sequence that says one thing of its length and does another.
struct Liar(Option<usize>, usize);

impl Serialize for Liar {
    fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(self.0)?;
        for _ in 0..self.1 {
            ser::SerializeSeq::serialize_element(&mut seq, &0_u8)?;
        }
        ser::SerializeSeq::end(seq)
    }
}

#[derive(Serialize)]
struct Holder<T> {
    held: T,
}

#[test]
fn sequences_that_do_not_know_their_length() {
    assert_eq!(to_vec(&Liar(Some(2), 2)).unwrap().len(), 10);
    assert_eq!(
        unencodable(&Holder { held: Liar(None, 2) }, EncodeErrorKind::UnknownLength, "held"),
        "a sequence or map does not know its length before it is walked in `held`: \
         collect it into a `Vec` first; in a struct, remove `#[serde(flatten)]`"
    );
    for gives in [1, 3] {
        assert_eq!(
            unencodable(&Liar(Some(2), gives), EncodeErrorKind::CountMismatch, ""),
            format!(
                "a sequence or map announced 2 elements and gave {gives}: \
                 its `Serialize` must announce the exact number"
            )
        );
    }
}

#[test]
fn sequences_of_elements_without_bytes() {
    assert_eq!(to_vec(&Vec::<()>::new()).unwrap(), [0; 8]);
    assert_eq!(
        unencodable(&[Holder { held: vec![(), ()] }], EncodeErrorKind::ZeroSize, ".0.held"),
        "2 elements take only 0 bytes, but every element must take at least one in `.0.held`: \
         send the number of elements as an integer instead"
    );
    unencodable(&vec![[0_u8; 0]; 1], EncodeErrorKind::ZeroSize, "");
    unencodable(&BTreeMap::from([((), ())]), EncodeErrorKind::ZeroSize, "");
    assert!(to_vec(&BTreeMap::from([((), 1_u8)])).is_ok());
}

#[test]
fn fields_that_are_left_out() {
    #[derive(Serialize)]
    enum Note {
        Text {
            #[serde(skip_serializing_if = "String::is_empty")]
            text: String,
        },
    }
    assert!(to_vec(&Note::Text { text: "a".into() }).is_ok());
    assert_eq!(
        unencodable(
            &Holder { held: Note::Text { text: String::new() } },
            EncodeErrorKind::SkippedField,
            "held::Text.text"
        ),
        "a field is left out, and the reader would take the next one for it in `held::Text.text`: \
         remove `#[serde(skip_serializing_if = \"…\")]`, \
         an `Option` takes one byte when it is `None`"
    );
}

#[test]
fn levels_beyond_what_is_encoded() {
    let deep = (0..127).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
    struct Nest<'a>(&'a serde_json::Value);
    impl Serialize for Nest<'_> {
        fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(self.0.as_array().into_iter().flatten().map(Nest).collect::<Vec<_>>())
        }
    }
    assert!(to_vec(&Nest(&deep)).is_ok());
    let text = unencodable(
        &Holder { held: Nest(&deep) },
        EncodeErrorKind::Depth,
        &format!("held{}", "[0]".repeat(127)),
    );
    assert!(text.starts_with("the value nests deeper than 128 levels in `held[0]"), "{text}");
}

#[test]
fn values_that_change_while_they_are_encoded() {
    struct Growing(std::cell::Cell<usize>);
    impl Serialize for Growing {
        fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get() + 1);
            to.serialize_bytes(&vec![0; self.0.get() % 3])
        }
    }
    // 1 then 2 bytes, and 2 then none.
    for start in [0, 1] {
        assert_eq!(
            unencodable(&Growing(start.into()), EncodeErrorKind::Changed, ""),
            "the value has another size when it is written than when it was measured: \
             do not change a value while it is encoded"
        );
    }
}

#[test]
fn values_that_cannot_serialize_themselves() {
    struct Never;
    impl Serialize for Never {
        fn serialize<S: ser::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("not today"))
        }
    }
    assert_eq!(
        unencodable(&BTreeMap::from([(1_u8, Never)]), EncodeErrorKind::Custom, "[value 0]"),
        "not today in `[value 0]`: the type itself cannot be encoded like this"
    );
    unencodable(&Shape2::Line(1, Never), EncodeErrorKind::Custom, "::Line.1");
    unencodable(&Shape2::Circle(Never), EncodeErrorKind::Custom, "::Circle");

    #[derive(Serialize)]
    enum Shape2 {
        Circle(Never),
        Line(u8, Never),
    }
}

#[test]
fn displayed_text_is_a_string() {
    struct Shown(&'static str);
    impl Serialize for Shown {
        fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(&format_args!("<{}>", self.0))
        }
    }
    assert_eq!(to_vec(&(Shown("é"), 7_u8)).unwrap(), to_vec(&("<é>", 7_u8)).unwrap());
}
