//! Microseconds of values: a text and a hundred records, to bytes and back.
#![allow(missing_docs, reason = "the macros of criterion write items of their own")]

use criterion::{Criterion, criterion_group, criterion_main};
use hton_bench_gates::{arrived, decode, decode_texts, encode, encode_texts, records};

fn archive(c: &mut Criterion) {
    let mut group = c.benchmark_group("archive");
    let text = encode_texts(1);
    let records = records();
    let bytes = arrived(&encode(&records, Vec::new()));
    assert_eq!(decode(&bytes), records);
    group.bench_function("encode/a text", |b| b.iter(|| encode_texts(1)));
    group.bench_function("decode/a text", |b| b.iter(|| decode_texts(&text, 1)));
    group.bench_function("encode/a hundred records", |b| {
        let mut buffer = Vec::new();
        b.iter(|| {
            buffer.clear();
            buffer = encode(&records, std::mem::take(&mut buffer)).into_buffer();
        });
    });
    group.bench_function("decode/a hundred records", |b| b.iter(|| decode(&bytes)));
    group.finish();
}

criterion_group!(benches, archive);
criterion_main!(benches);
