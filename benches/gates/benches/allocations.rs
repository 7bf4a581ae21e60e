//! Allocations and bytes asked for by one call, both ends together. Prints `name, allocations, bytes` of a
//! thousand.

use alloc_counter::{Cost, Counter, measure};
use hton_bench_gates::{Calls, arrived, decode, decode_texts, encode, encode_texts, records};
use std::hint::black_box;

#[global_allocator]
static COUNTER: Counter = Counter;

fn main() {
    still::assert_still();
    let alone = Calls::in_memory(1);
    let many = Calls::in_memory(128);
    let records = records();
    let bytes = arrived(&encode(&records, Vec::new()));
    let text = encode_texts(1);
    tell("call, a text", 1000, |n| alone.run(1, n));
    tell("call, a text, 128 in flight", 1000, |n| many.run(128, n / 128));
    tell("batch of 128 calls, a call", 1000, |n| alone.batches(n / 128, 128));
    tell("call, 1 MiB", 20, |n| alone.blobs(n));
    tell("item of a stream", 20_000, |n| alone.items(n as u64));
    tell("item of a stream, from the client", 20_000, |n| alone.items_up(n as u64));
    tell("encode, a text", 1000, |n| drop(encode_texts(n)));
    tell("decode, a text", 1000, |n| decode_texts(&text, n));
    tell("encode, a hundred records", 100, |n| {
        (0..n).for_each(|_| drop(black_box(encode(&records, Vec::new()))));
    });
    tell("decode, a hundred records", 100, |n| {
        (0..n).for_each(|_| drop(black_box(decode(&bytes))));
    });
}

/// Tells what `n` more cost, so that whatever is needed once is not counted.
fn tell(name: &str, n: usize, code: impl Fn(usize)) {
    let n = n.next_multiple_of(128);
    code(2 * n); // Buffers and tables grow to what is needed.
    let of = |n| -> Cost { measure(|| code(n)).1 };
    let (one, two) = (of(n), of(2 * n));
    let thousand = |two: usize, one: usize| two.abs_diff(one) as f64 * 1000.0 / n as f64;
    let allocations = thousand(two.allocations, one.allocations);
    let bytes = thousand(two.bytes, one.bytes);
    println!("{name}\t{allocations:.0}\t{bytes:.0}");
}
