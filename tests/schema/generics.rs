//! Types with parameters: of types, lifetimes and constants.

use crate::text;
use hton::Schema;
use hton::schema::MethodTypes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

#[hton::data]
struct Pair<T, U = u8>
where
    T: Debug,
{
    first: T,
    second: Option<Box<Self>>,
    third: U,
}

// Verifies: schema.text.numbers
#[test]
fn a_type_with_its_arguments_is_one_type() {
    let pair = |second| Pair { first: 1_u16, second, third: 2_u8 };
    assert_eq!(
        text(&[(pair(Some(Box::new(pair(None)))), Pair { first: 1_u8, second: None, third: 'a' })]),
        "(#0,#1);#0={first:u16,second:?#0,third:u8};#1={first:u8,second:?#1,third:char}"
    );
}

#[hton::data]
struct Borrowed<'a, T> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    name: &'a str,
    values: [T; 2],
}

#[test]
fn a_borrowed_type_is_the_same_for_every_lifetime() {
    let text_of = String::from("a");
    let value = Borrowed { text: Cow::Borrowed(&text_of), name: &text_of, values: [1_u8, 2] };
    assert_eq!(text(&[value]), "#0;#0={text:str,name:str,values:[u8;2]}");
}

#[hton::data]
struct Id<T> {
    raw: u64,
    of: PhantomData<T>,
}

/// Has no schema, and needs none.
struct Marker;

#[hton::data]
struct Wide<const N: usize>(u8, u8);

#[test]
fn a_parameter_that_does_not_travel_needs_no_schema() {
    let ids = (Id::<Marker> { raw: 1, of: PhantomData }, Id::<u8> { raw: 1, of: PhantomData });
    assert_eq!(text(&[ids]), "(#0,#1);#0={raw:u64,of:unit};#1={raw:u64,of:unit}");
    assert_eq!(text(&[(Wide::<1>(1, 1), Wide::<2>(1, 1))]), "(#0,#1);#0=(u8,u8);#1=(u8,u8)");
}

trait Family {
    type Item;
}

impl Family for Marker {
    type Item = u16;
}

#[derive(Serialize, Deserialize, Schema)]
#[serde(bound = "F::Item: Serialize + serde::de::DeserializeOwned")]
struct Associated<F: Family> {
    item: F::Item,
    more: Vec<<F as Family>::Item>,
}

#[derive(Serialize, Schema)]
#[serde(bound = "F::Item: Serialize")]
#[schema(bound = "F: Family<Item = u16>")]
struct Given<F: Family> {
    item: F::Item,
}

#[test]
fn associated_types_and_bounds_of_the_users_are_possible() {
    let value = Associated::<Marker> { item: 1, more: vec![2] };
    assert_eq!(text(&[value]), "#0;#0={item:u16,more:[u16]}");
    assert_eq!(text(&[Given::<Marker> { item: 1 }]), "#0;#0={item:u16}");
}

#[hton::data]
struct Tree {
    kids: Vec<Self>,
    other: Option<Box<Forest>>,
}

#[hton::data]
enum Forest {
    Of(Vec<Tree>),
    Nobody,
}

#[test]
fn types_that_contain_one_another_end() {
    let forest = Forest::Of(vec![Tree { kids: vec![], other: Some(Box::new(Forest::Nobody)) }]);
    assert_eq!(text(&[forest]), "#0;#0=<Of:[#1]|Nobody>;#1={kids:[#1],other:?#0}");
    let two = MethodTypes::new("S/m").argument("a", Tree::schema).result(Forest::schema);
    assert_eq!(
        two.signature().unwrap().text(),
        "hton-sig/1;S/m;args={a:#0};ok=#1;#0={kids:[#0],other:?#1};#1=<Of:[#0]|Nobody>"
    );
}
