//! Texts of strangers: none makes the reader panic, recurse deeply or work for long.

use proptest::prelude::*;
use rpc_core::schema::{Signature, diff};

const OURS: &str = "hton-sig/1;S/m;args={a:#0};ok=unit;#0={v:u8,kids:[#0]}";

fn refused(theirs: &str) -> bool {
    diff(OURS, theirs).is_err()
}

// Verifies: schema.text.grammar
#[test]
fn what_is_not_in_the_grammar_is_refused() {
    for theirs in [
        "",
        "hton-sig/1",
        "hton-sig/2;S/m;args={};ok=unit",
        "hton-sig/1;S/m;args={};ok=unit;",
        "hton-sig/1;S/m;args={};ok=unit ",
        "hton-sig/1;S/m;args={a};ok=unit",
        "hton-sig/1;S/m;args={a:u8,};ok=unit",
        "hton-sig/1;S/m;args={9:u8};ok=unit",
        "hton-sig/1;S/m;args={};ok=u7",
        "hton-sig/1;S/m;args={};ok=()",
        "hton-sig/1;S/m;args={};ok=#0",
        "hton-sig/1;S/m;args={};ok=#00;#0={}",
        "hton-sig/1;S/m;args={};ok=#0;#1={}",
        "hton-sig/1;S/m;args={};ok=[u8;01]",
        "hton-sig/1;S/m;args={};ok=[u8;99999999999999999999]",
        "hton-sig/1;S/m;args={};oneway;err=u8",
        "hton-sig/1;S/m;args={};out=u8;ok=unit",
        "hton-sig/1;S;args={};ok=unit",
        "hton-sig/1;S/m;args={é:u8};ok=unit",
    ] {
        assert!(refused(theirs), "{theirs}");
    }
    for theirs in [
        "hton-sig/1;S/m;args={};ok=unit",
        "hton-sig/1;S/m;args={};ok=[u8;0]",
        "hton-sig/1;S/m;args={};oneway",
        "hton-sig/1;S/m;args={};ok=#0;#0={{str>u8}>#0}",
        "hton-sig/1;S/m;args={};ok=#0;#0={#0>u8}",
        "hton-sig/1;S/m;args={};ok=#0;#0=#0",
    ] {
        assert!(!refused(theirs), "{theirs}");
    }
}

#[test]
fn depth_length_and_number_of_types_are_bounded() {
    let nested = |levels: usize| format!("hton-sig/1;S/m;args={{}};ok={}u8", "?".repeat(levels));
    assert!(!refused(&nested(127)) && refused(&nested(128)) && refused(&nested(60_000)));
    let tuples = |levels: usize| {
        format!("hton-sig/1;S/m;args={{}};ok={}u8{}", "(".repeat(levels), ")".repeat(levels))
    };
    assert!(!refused(&tuples(127)) && refused(&tuples(30_000)));
    let types = |count: usize| {
        let definitions: String = (0..count).map(|n| format!(";#{n}={{}}")).collect();
        format!("hton-sig/1;S/m;args={{}};ok=unit{definitions}")
    };
    assert!(!refused(&types(1024)) && refused(&types(1025)));
    let long = |name: usize| format!("hton-sig/1;S/m;args={{{}:u8}};ok=unit", "a".repeat(name));
    assert!(!refused(&long(60_000)) && refused(&long(65_536)));
}

#[test]
fn a_chain_of_types_against_a_loop_ends() {
    let chain: String = (0..1023).map(|n| format!(";#{n}={{v:u8,kids:[#{}]}}", n + 1)).collect();
    let theirs = format!("hton-sig/1;S/m;args={{a:#0}};ok=unit{chain};#1023={{v:u8,kids:[#0]}}");
    assert!(diff(OURS, &theirs).is_ok());
    let many: String = (0..4000).map(|n| format!(",f{n}:#0")).collect();
    let wide = format!("hton-sig/1;S/m;args={{a:#0}};ok=unit;#0={{v:u8{many}}}");
    assert!(diff(&wide, &wide).unwrap().is_empty());
    assert_eq!(diff(OURS, &wide).unwrap().len(), 9);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(theirs in "[a-z#0-9{}()<>\\[\\];:,|?/=.-]{0,60}") {
        let _ = diff(OURS, &theirs);
        let _ = diff(OURS, &format!("hton-sig/1;S/m;args={theirs}"));
        let _ = diff(OURS, &format!("hton-sig/1;S/m;args={{}};ok={theirs}"));
    }

    #[test]
    fn no_damaged_text_makes_it_panic(at in 0..OURS.len(), with in any::<char>()) {
        let mut theirs = OURS.to_owned();
        theirs.replace_range(at..=at, with.encode_utf8(&mut [0; 4]));
        let _ = diff(OURS, &theirs);
        let _ = Signature::unchecked().explain(&theirs);
    }
}
