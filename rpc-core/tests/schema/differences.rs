//! What is said about two texts that differ.

use rpc_core::schema::{MethodTypes, Schema, diff};

/// The differences of two methods; what stands before `args` is the same in both.
fn differences(ours: &str, theirs: &str) -> Vec<String> {
    let text = |rest: &str| format!("hton-sig/1;Shop/place;args={rest}");
    diff(&text(ours), &text(theirs)).expect("both texts are canonical")
}

#[test]
fn a_field_is_named_with_its_path_and_both_types() {
    let ours = "{order:#0};ok=unit;#0={id:u64,items:[#1],note:?str};#1={sku:str,qty:u32}";
    let theirs = "{order:#0};ok=unit;#0={id:u64,items:[#1],hint:?str};#1={sku:str,qty:u64}";
    assert_eq!(
        differences(ours, theirs),
        [
            "order.note: missing there",
            "order.hint: missing here",
            "order.items[].qty: u32 here, u64 there"
        ]
    );
}

#[test]
fn each_kind_of_difference_has_its_line() {
    let same = "{a:u8};ok=unit";
    for (ours, theirs, line) in [
        (same, "{a:?u8};ok=unit", "a: u8 here, ?u8 there"),
        (same, "{b:u8};ok=unit", "a: missing there"),
        ("{a:u8,b:u8};ok=unit", "{b:u8,a:u8};ok=unit", "arguments: in another order there"),
        (same, "{a:u8};ok=i64", "result: unit here, i64 there"),
        (same, "{a:u8};oneway", "result: unit here, none there"),
        (same, "{a:u8};ok=unit;err=str", "error: none here, str there"),
        (same, "{a:u8};in=u8;ok=unit", "items in: none here, u8 there"),
        ("{a:u8};ok=unit;out=[u16]", same, "items out: [u16] here, none there"),
        ("{a:{str>u8}};ok=unit", "{a:{str>i8}};ok=unit", "a[value]: u8 here, i8 there"),
        ("{a:{u8>u8}};ok=unit", "{a:{i8>u8}};ok=unit", "a[key]: u8 here, i8 there"),
        ("{a:[u8;3]};ok=unit", "{a:[u8;4]};ok=unit", "a: [u8;3] here, [u8;4] there"),
        ("{a:[u8;3]};ok=unit", "{a:[i8;3]};ok=unit", "a[]: u8 here, i8 there"),
        ("{a:(u8,u8)};ok=unit", "{a:(u8,i8)};ok=unit", "a.1: u8 here, i8 there"),
        ("{a:(u8,u8)};ok=unit", "{a:(u8)};ok=unit", "a: 2 places here, 1 there"),
        ("{a:#0};ok=unit;#0={}", "{a:#0};ok=unit;#0=<>", "a: a struct here, an enum there"),
        ("{a:#0};ok=unit;#0=()", "{a:u8};ok=unit", "a: a tuple struct here, u8 there"),
        ("{a:#0};ok=unit;#0=<A|B>", "{a:#0};ok=unit;#0=<A>", "a::B: missing there"),
        ("{a:#0};ok=unit;#0=<A|B>", "{a:#0};ok=unit;#0=<B|A>", "a: in another order there"),
        ("{a:#0};ok=unit;#0=<A:u8>", "{a:#0};ok=unit;#0=<A:i8>", "a::A: u8 here, i8 there"),
        (
            "{a:#0};ok=unit;#0=<A:u8>",
            "{a:#0};ok=unit;#0=<A>",
            "a::A: one value here, nothing there",
        ),
        (
            "{a:#0};ok=unit;#0=<A(u8,u8)>",
            "{a:#0};ok=unit;#0=<A(u8,i8)>",
            "a::A.1: u8 here, i8 there",
        ),
        ("{a:#0};ok=unit;#0=<A{x:u8}>", "{a:#0};ok=unit;#0=<A{x:i8}>", "a::A.x: u8 here, i8 there"),
        (
            "{a:#0};ok=unit;#0=?#0",
            "{a:#0};ok=unit;#0=[#0]",
            "a: ?a newtype here, [a newtype] there",
        ),
    ] {
        let lines = differences(ours, theirs);
        assert_eq!(lines.first().map(String::as_str), Some(line), "{ours} and {theirs}: {lines:?}");
        assert_eq!(differences(ours, ours), Vec::<String>::new());
    }
    let lines = diff("hton-sig/1;S/m;args={};ok=unit", "hton-sig/1;S/n;args={};ok=unit");
    assert_eq!(lines.unwrap(), ["the method: S/m here, S/n there"]);
}

#[test]
fn types_that_contain_themselves_are_compared_once() {
    let ours = "{a:#0};ok=unit;#0={v:u8,kids:[#0]}";
    assert_eq!(differences(ours, ours), Vec::<String>::new());
    // The same bytes, but one more level is written out.
    let unrolled = "{a:#0};ok=unit;#0={v:u8,kids:[#1]};#1={v:u8,kids:[#0]}";
    assert_eq!(differences(ours, unrolled), Vec::<String>::new());
    let other = "{a:#0};ok=unit;#0={v:u8,kids:[#1]};#1={v:i8,kids:[#0]}";
    assert_eq!(differences(ours, other), ["a.kids[].v: u8 here, i8 there"]);
}

#[test]
fn at_most_eight_differences_are_listed() {
    let fields = |ty: &str| {
        let fields: Vec<String> = (0..20).map(|n| format!("f{n}:{ty}")).collect();
        format!("{{{}}};ok=unit", fields.join(","))
    };
    let lines = differences(&fields("u8"), &fields("i8"));
    assert_eq!((lines.len(), lines[0].as_str()), (9, "f0: u8 here, i8 there"));
    assert_eq!(lines[8], "and more");
}

// Verifies: schema.mismatch.compare
#[test]
fn an_explanation_names_the_difference_or_shows_what_the_peer_said() {
    let ours = MethodTypes::new("Calc/add")
        .argument("a", i64::schema)
        .result(i64::schema)
        .signature()
        .unwrap();
    let explained = |theirs: &str| ours.explain(theirs);
    assert_eq!(
        explained("hton-sig/1;Calc/add;args={a:i32};ok=i64"),
        "the types of the method differ: a: i64 here, i32 there"
    );
    assert!(
        explained("hton-sig/1;Calc/add;hash=00000000000000ff").contains("00000000000000ff there")
    );
    assert_eq!(
        explained("no\u{1b}[31m"),
        "the types of the method differ; the peer says: no\\u{1b}[31m"
    );
    assert!(explained(&"x".repeat(100_000)).len() < 1000);
}

#[test]
fn no_name_of_a_stranger_makes_an_explanation_long() {
    let ours = MethodTypes::new("Calc/add").argument("a", i64::schema).result(i64::schema);
    let ours = ours.signature().unwrap();
    let long = "n".repeat(60_000);
    for theirs in [
        format!("hton-sig/1;Calc/{long};args={{a:i64}};ok=i64"),
        format!("hton-sig/1;Calc/add;args={{a:i64,{long}:u8}};ok=i64"),
        format!("hton-sig/1;Calc/add;args={{a:#0}};ok=#0;#0={{{long}:i64}}"),
    ] {
        let said = ours.explain(&theirs);
        assert!(said.len() < 2_000, "{}", said.len());
        assert!(said.contains("n…") || said.contains("a struct there"), "{said}");
    }
    let same = format!("{{a:#0}};ok=unit;#0=<{long}:u8|B>");
    let other = format!("{{a:#0}};ok=unit;#0=<{long}(u8)|C>");
    let lines = differences(&same, &other);
    assert!(lines.iter().all(|line| line.len() < 500) && lines.len() == 3, "{lines:?}");
}

// Verifies: schema.mismatch.text
#[test]
fn a_text_is_told_whole_up_to_4_kib_and_its_hash_beyond() {
    let with = |arguments: usize| {
        let mut method = MethodTypes::new("S/m").result(<()>::schema);
        for n in 0..arguments {
            method = method.argument(&format!("an_argument_with_a_long_name_{n:03}"), u8::schema);
        }
        method.signature().unwrap()
    };
    let (small, large) = (with(3), with(200));
    assert_eq!(small.told("S/m", 4096), small.text());
    let expected = format!("hton-sig/1;S/m;hash={:016x}", large.hash());
    assert!(large.text().len() > 4096);
    assert_eq!(large.told("S/m", 1 << 20), expected);
    assert_eq!(small.told("S/m", 10), format!("hton-sig/1;S/m;hash={:016x}", small.hash()));
}
