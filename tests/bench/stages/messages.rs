//! Reading: JSON, MCP messages, event streams.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use http::{HeaderMap, HeaderValue};
use sallyport::json::{Document, KeyRule, Limits};
use sallyport::{limits, mcp};

use crate::samples::{self, SIZE, Text};

pub fn measure(criterion: &mut Criterion) {
    json(criterion);
    call(criterion);
    events(criterion);
}

/// As `decode` reads requests.
pub const REQUEST: Limits = Limits {
    depth_max: limits::JSON_DEPTH_MAX,
    nodes_max: limits::JSON_NODES_MAX,
    number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Folded,
};

/// As `screen` reads answers.
pub const ANSWER: Limits =
    Limits { nodes_max: limits::JSON_ANSWER_NODES_MAX, keys: KeyRule::Exact, ..REQUEST };

fn json(criterion: &mut Criterion) {
    let one_string = samples::answer(&samples::text(Text::Clean, SIZE));
    let mut group = criterion.benchmark_group("json::Document::parse");
    for (name, text, limits) in [
        ("request of 130 B", samples::CALL.to_owned(), REQUEST),
        ("answer of 8 KiB, one string", one_string, ANSWER),
        ("answer of 8 KiB, rows", samples::rows(SIZE), ANSWER),
    ] {
        let bytes = Bytes::from(text);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| Document::parse(black_box(bytes.clone()), &limits).unwrap());
        });
    }
}

/// From bytes to a call, as `decode` does it.
fn call(criterion: &mut Criterion) {
    let mut headers = HeaderMap::new();
    headers.insert("mcp-protocol-version", HeaderValue::from_static("2025-06-18"));
    let bytes = Bytes::from_static(samples::CALL.as_bytes());
    let mut group = criterion.benchmark_group("mcp::read");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("tools/call, parse included", |b| {
        b.iter(|| {
            let document = Document::parse(black_box(bytes.clone()), &REQUEST).unwrap();
            mcp::read(&headers, document, &mcp::redeem::Empty).unwrap()
        });
    });
}

fn events(criterion: &mut Criterion) {
    let stream = Bytes::from(samples::events(64));
    let mut group = criterion.benchmark_group("mcp::sse::Decoder");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for (name, chunk) in
        [("64 events, one chunk", stream.len()), ("64 events, chunks of 1,000 B", 1_000)]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut decoder = mcp::sse::Decoder::new(1 << 20);
                let mut seen = 0_usize;
                for start in (0..stream.len()).step_by(chunk) {
                    decoder.push(stream.slice(start..(start + chunk).min(stream.len())));
                    while let Some(event) = decoder.next_event() {
                        seen += event.unwrap().raw.len();
                    }
                }
                assert_eq!(seen, stream.len());
            });
        });
    }
}
