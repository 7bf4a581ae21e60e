//! What the byte order of the network costs on a machine of the other order.
//!
//! A field that is swapped once more before it is encoded is encoded without any swap: the compiler
//! drops both. So one and the same codec is timed with swaps and without.

use std::hint::black_box;
use std::time::Instant;

use rpc_core::archive::{encode_into, to_vec};
use serde::{Serialize, Serializer};

macro_rules! swapped {
    ($($name:ident($int:ty): $method:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name($int);

            impl Serialize for $name {
                #[inline]
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.$method(self.0.swap_bytes())
                }
            }
        )*
    };
}

swapped! {
    Swapped16(u16): serialize_u16;
    Swapped32(i32): serialize_i32;
    Swapped64(u64): serialize_u64;
}

/// 64 bytes of integers and nothing else.
#[derive(Clone, Serialize)]
struct Record<A, B, C> {
    counters: (C, C, C, C),
    places: (B, B, B, B, B),
    flags: (A, A, A, A, A, A),
}

fn record<A, B, C>(n: u64, a: fn(u16) -> A, b: fn(i32) -> B, c: fn(u64) -> C) -> Record<A, B, C> {
    let (small, middle) = (u16::try_from(n % 60_000).unwrap(), i32::try_from(n).unwrap());
    Record {
        counters: (c(n), c(n << 9), c(n << 20), c(!n)),
        places: (b(middle), b(-middle), b(middle + 1), b(middle + 2), b(middle + 3)),
        flags: (a(small), a(small + 1), a(small + 2), a(small + 3), a(small + 4), a(small + 5)),
    }
}

#[test]
fn a_field_that_is_swapped_once_more_lies_in_the_other_order() {
    let plain = record(0x0102_0304, |it| it, |it| it, |it| it);
    let swapped = record(0x0102_0304, Swapped16, Swapped32, Swapped64);
    let (plain, swapped) = (to_vec(&plain).unwrap(), to_vec(&swapped).unwrap());
    assert_eq!((plain.len(), swapped.len()), (64, 64));
    assert_eq!(plain[..8], [0, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(swapped[..8], [4, 3, 2, 1, 0, 0, 0, 0]);
    assert_eq!(plain[32..36], [1, 2, 3, 4]);
    assert_eq!(swapped[32..36], [4, 3, 2, 1]);
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn time<T: Serialize>(values: &[T], out: &mut Vec<u8>) -> f64 {
    let began = Instant::now();
    for _ in 0..20 {
        out.clear();
        encode_into(black_box(&values), out).unwrap();
        black_box(&out);
    }
    began.elapsed().as_secs_f64()
}

/// `HTON_ROUNDS` asks for so many rounds and holds their median to a tenth. Where this was written 400 rounds
/// had a median of 1.00 to 1.01, and half of them lay between 0.97 and 1.03.
#[test]
fn the_order_of_the_network_costs_little() {
    let plain: Vec<_> = (0..1000).map(|n| record(n, |it| it, |it| it, |it| it)).collect();
    let swapped: Vec<_> = (0..1000).map(|n| record(n, Swapped16, Swapped32, Swapped64)).collect();
    let rounds = std::env::var("HTON_ROUNDS").map_or(4, |n| n.parse().unwrap());
    let mut out = Vec::new();
    let mut ratios: Vec<f64> = Vec::new();
    for round in 0..rounds {
        // Whoever comes first finds a colder machine, so they take turns.
        ratios.push(if round % 2 == 0 {
            let with_swaps = time(&plain, &mut out);
            with_swaps / time(&swapped, &mut out)
        } else {
            time(&swapped, &mut out).recip() * time(&plain, &mut out)
        });
    }
    ratios.sort_by(f64::total_cmp);
    let [low, median, high] = [1, 2, 3].map(|quarter| ratios[ratios.len() * quarter / 4]);
    println!("with swaps / without: {median:.3}, half of {rounds} rounds {low:.3} to {high:.3}");
    // A few rounds beside other tests tell nothing. Without optimization both swap, and the one without swaps does
    // it twice.
    let is_judged = std::env::var_os("HTON_ROUNDS").is_some() && !cfg!(debug_assertions);
    assert!(!is_judged || median < 1.1);
}
