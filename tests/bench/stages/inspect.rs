//! Redaction: finding personal data in a message, and writing the message without it.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use sallyport::class::{Class, ClassSet, Form};
use sallyport::inspect::{Detector, Settings};
use sallyport::json::Document;

use super::messages::ANSWER;
use crate::samples::{self, SIZE, Text};

pub fn measure(criterion: &mut Criterion) {
    let forms = Class::BUILTIN.iter().map(|class| (*class, Form::Mask)).collect();
    let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
    let mut group = criterion.benchmark_group("inspect::Detector, every class, 8 KiB");
    for (name, text) in [
        ("clean", samples::answer(&samples::text(Text::Clean, SIZE))),
        ("log lines without personal data", samples::answer(&samples::text(Text::Log, SIZE))),
        ("rows without personal data", samples::rows(SIZE)),
        ("full of personal data", samples::answer(&samples::text(Text::Personal, SIZE))),
    ] {
        let document = Document::parse(Bytes::from(text), &ANSWER).unwrap();
        group.throughput(Throughput::Bytes(document.bytes().len() as u64));
        group.bench_function(format!("plan, {name}"), |b| {
            b.iter(|| detector.plan(black_box(document.root()), ClassSet::empty()));
        });
        let plan = detector.plan(document.root(), ClassSet::empty());
        assert_eq!(plan.is_clean(), !name.starts_with("full"), "{name}");
        if !plan.is_clean() {
            group.bench_function(format!("apply, {name}"), |b| {
                b.iter(|| plan.apply(black_box(document.bytes())));
            });
        }
    }
}
