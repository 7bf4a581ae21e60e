//! The tables in `examples/README.md` that stand beside the classic ones: the code is in the program, and the
//! bytes are those that archives store and load.

use hton::archive::{Load, Shared, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

/// The cells of each line of the table with this head.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let page = include_str!("../../examples/README.md");
    let (_, lines) = page.split_once(head).unwrap();
    let lines = lines.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn the_code_beside_the_classic_steps_is_that_of_the_program() {
    let source = include_str!("../../examples/sequence.rs");
    let rest = "hton's server | hton's client |";
    let lines: Vec<_> = table(rest).into_iter().map(|cells| cells.join(" | ")).collect();
    assert_eq!(lines.len(), 12);
    let mut found = 0;
    for code in lines.iter().flat_map(|line| line.split('`').skip(1).step_by(2)) {
        if !code.ends_with(';') {
            assert!(source.contains(code), "{code}");
            found += 1;
        }
    }
    assert_eq!(found, 13);
}

/// Says the type, and the bytes that a raw archive stores; they load as what was stored, also from a message.
fn line<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) -> [String; 2] {
    let mut raw = Store::raw(Vec::new());
    raw.store(value).unwrap();
    let bytes = raw.close().unwrap();
    assert_eq!(&Load::raw(&bytes[..]).load::<T>().unwrap(), value);
    let mut message = Store::new(Vec::new());
    message.store(value).unwrap();
    let message = message.close().unwrap();
    assert_eq!(message[4..], bytes);
    assert_eq!(&Load::new(&message[..]).load::<T>().unwrap(), value);
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    [name.to_owned(), format!("`{}`", hex.join(" "))]
}

/// What a variant of the classic kind may hold.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Variant {
    Number(i32),
    Real(f64),
    Text(String),
}

#[test]
fn every_classic_type_has_the_bytes_that_the_page_shows() {
    let shared = Shared::new(7_u8);
    let lines = [
        line("`u8`", &7_u8),
        line("`u16`", &513_u16),
        line("`i16`", &-2_i16),
        line("`i32`", &-2_i32),
        line("`u32`", &0x1234_5678_u32),
        line("`i64`", &-2_i64),
        line("`u64`", &1_u64),
        line("`f32`", &1.5_f32),
        line("`f64`", &1.5_f64),
        line("`bool`", &true),
        line("`char`", &'é'),
        line("`String`", &"hé".to_owned()),
        line("`(i32, i32)`", &(1, -1)),
        line("`[i32; 4]`", &[0, 0, 3, 4]),
        line("`i64`", &25_000_i64),
        line("`Duration`", &Duration::from_millis(1500)),
        line("`SystemTime`", &(SystemTime::UNIX_EPOCH + Duration::from_secs(1))),
        line("an enum", &Variant::Real(1.5)),
        line("`Vec<u16>`", &vec![1_u16, 2]),
        line("`BTreeMap<u16, bool>`", &BTreeMap::from([(1_u16, true)])),
        line("`Option<u8>`", &None::<u8>),
        line("`Option<u8>`", &Some(7_u8)),
        line("`Shared<u8>` twice", &(shared.clone(), shared)),
    ];
    let shown = table("| classic | hton | value | bytes |");
    let shown: Vec<_> =
        shown.iter().map(|cells| [cells[1].to_owned(), cells[3].to_owned()]).collect();
    assert_eq!(shown, lines);
    for other in [Variant::Number(1), Variant::Text("hi".to_owned())] {
        line("an enum", &other);
    }
}
