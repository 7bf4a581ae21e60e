//! Instructions of each room, counted by valgrind: figures that do not depend on the clock.
//!
//! Those of the group `once` are of the whole; those of the group `ten_thousand` of so many calls or values.
#![allow(missing_docs, reason = "the macros of gungraun write items of their own")]
#![allow(unused_qualifications, missing_debug_implementations, reason = "as above")]

use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use hton_bench_gates::{
    Calls, Pair, Record, arrived, decode, decode_texts, encode, encode_texts, heads, records,
};
use rpc_core::Payload;
use std::hint::black_box;

#[library_benchmark]
#[bench::a_hundred_records(records(), Vec::with_capacity(8192))]
fn encoding(records: Vec<Record>, buffer: Vec<u8>) -> Payload {
    black_box(encode(&records, buffer))
}

#[library_benchmark]
#[bench::a_hundred_records(arrived(&encode(&records(), Vec::new())))]
fn decoding(bytes: hton::Bytes) -> Vec<Record> {
    black_box(decode(&bytes))
}

#[library_benchmark]
#[bench::a_text(10_000)]
fn encoding_small(n: usize) -> hton::Bytes {
    black_box(encode_texts(n))
}

#[library_benchmark]
#[bench::a_text(encode_texts(1), 10_000)]
fn decoding_small(bytes: hton::Bytes, n: usize) -> hton::Bytes {
    decode_texts(&bytes, n);
    bytes
}

#[library_benchmark]
#[bench::there_and_back(10_000)]
fn frame_head(n: u32) -> u64 {
    black_box(heads(n))
}

#[library_benchmark]
#[bench::one_at_a_time(Pair::warm(1), 10_000, 1)]
#[bench::a_hundred_at_a_time(Pair::warm(100), 100, 100)]
fn machine(mut pair: Pair, batches: usize, calls: usize) -> Pair {
    pair.calls(batches, calls);
    black_box(pair)
}

/// A connection in memory, in a world that other load does not change.
fn connected(callers: usize) -> Calls {
    still::assert_still();
    Calls::in_memory(callers)
}

#[library_benchmark]
#[bench::one_at_a_time(connected(1), 1, 10_000)]
#[bench::a_hundred_at_a_time(connected(100), 100, 100)]
#[bench::a_thousand_at_a_time(connected(1000), 1000, 10)]
fn call(calls: Calls, callers: usize, each: usize) -> Calls {
    calls.run(callers, each);
    black_box(calls)
}

#[library_benchmark]
#[bench::a_hundred_at_a_time(connected(100), 100, 100)]
fn batch(calls: Calls, batches: usize, each: usize) -> Calls {
    calls.batches(batches, each);
    black_box(calls)
}

#[library_benchmark]
#[bench::from_the_server(connected(1), 10_000, Calls::items)]
#[bench::from_the_client(connected(1), 10_000, Calls::items_up)]
fn stream_item(calls: Calls, items: u64, carry: fn(&Calls, u64)) -> Calls {
    carry(&calls, items);
    black_box(calls)
}

library_benchmark_group!(name = once, benchmarks = [encoding, decoding]);
library_benchmark_group!(
    name = ten_thousand,
    benchmarks = [encoding_small, decoding_small, frame_head, machine, call, batch, stream_item]
);
/// The C library copies bytes in another way on each kind of processor; here in the one that all have.
const COPIES: &str =
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load";

main!(
    config = LibraryBenchmarkConfig::default()
        .env("GLIBC_TUNABLES", COPIES)
        .tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [once, ten_thousand]
);
