//! How fast the redaction engine reads: `cargo bench --bench redaction`.
//!
//! One core, everything in this process. For each document: planning and splicing, which is what
//! the response gate does to an answer, in MB/s and microseconds; parsing and copying the same
//! bytes, which is the least that a gateway does which reads JSON and redacts nothing, and the
//! ratio of the two; and the redactor of streams on the same bytes in chunks of 16 KiB. Rounds are
//! interleaved and the best one counts, because what else the machine does can only add.
//!
//! `cargo bench --bench redaction -- hostile` measures the documents with that word in their name.
//! With `SALLYPORT_PEERS_PYTHON` naming a Python that has the packages of
//! `tests/redaction/peers/requirements.txt`, Presidio and pii_filter read the same documents in the
//! same run. With `SALLYPORT_CORPUS` naming what `tests/redaction` writes under
//! `SALLYPORT_CORPUS_DUMP`, the labelled corpus is one more document.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement may fail loudly, and prints its result"
)]

mod samples;
mod redaction {
    pub mod documents;
    pub mod peers;
}

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redaction::documents::{Sample, all};
use redaction::peers;
use sallyport::class::{Class, ClassSet, Form};
use sallyport::inspect::stream::{Kind, Stream};
use sallyport::inspect::{Detector, Settings};
use sallyport::json::{ANSWER, Document};

fn main() {
    // `cargo test --benches` starts this too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    let forms = Class::BUILTIN.iter().map(|class| (*class, Form::Label)).collect();
    let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
    let samples: Vec<Sample> =
        all().into_iter().filter(|sample| sample.name.contains(&wanted)).collect();
    let mut best: Vec<Row> = samples.iter().map(|_| Row::WORST).collect();
    for _ in 0..ROUNDS {
        for (sample, row) in samples.iter().zip(&mut best) {
            row.improve(&measure(&detector, sample));
        }
    }
    println!(
        "\n| document | bytes | edits | plan and splice, MB/s | us | parse and copy, MB/s | \
         plan / parse | stream, MB/s |\n|---|---|---|---|---|---|---|---|"
    );
    for (sample, row) in samples.iter().zip(&best) {
        row.print(sample);
    }
    peers::measure(&samples, &best.iter().map(|row| row.plan).collect::<Vec<_>>());
}

/// What one document cost.
struct Row {
    edits: usize,
    plan: Duration,
    parse: Duration,
    stream: Option<Duration>,
}

impl Row {
    const WORST: Row =
        Row { edits: 0, plan: Duration::MAX, parse: Duration::MAX, stream: Some(Duration::MAX) };

    fn improve(&mut self, other: &Row) {
        self.edits = other.edits;
        self.plan = self.plan.min(other.plan);
        self.parse = self.parse.min(other.parse);
        self.stream = self.stream.zip(other.stream).map(|(a, b)| a.min(b));
    }

    fn print(&self, sample: &Sample) {
        let bytes = sample.bytes();
        let rate =
            |time: Duration| f64::from(u32::try_from(bytes).unwrap()) / 1e6 / time.as_secs_f64();
        let stream =
            self.stream.map_or_else(|| String::from("-"), |time| format!("{:.0}", rate(time)));
        println!(
            "| {} | {bytes} | {} | {:.0} | {:.1} | {:.0} | {:.2} | {stream} |",
            sample.name,
            self.edits,
            rate(self.plan),
            self.plan.as_secs_f64() * 1e6,
            rate(self.parse),
            self.plan.as_secs_f64() / self.parse.as_secs_f64(),
        );
    }
}

fn measure(detector: &Detector, sample: &Sample) -> Row {
    let texts: Vec<Bytes> =
        sample.messages.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
    let read = |text: &Bytes| Document::parse(text.clone(), &ANSWER).unwrap();
    let documents: Vec<Document> = texts.iter().map(read).collect();
    let mut edits = 0;
    let plan = timed(|| {
        edits = 0;
        for (document, text) in documents.iter().zip(&texts) {
            let plan = detector.plan(black_box(document.root()), ClassSet::empty());
            black_box(plan.apply(text));
            edits += plan.edits().count();
        }
    });
    let mut copy = Vec::new();
    let parse = timed(|| {
        for text in &texts {
            black_box(read(black_box(text)));
            copy.clear();
            copy.extend_from_slice(text);
            black_box(&copy);
        }
    });
    let stream = sample.streams.then(|| timed(|| streamed(detector, &texts)));
    Row { edits, plan, parse, stream }
}

fn streamed(detector: &Detector, texts: &[Bytes]) {
    let mut out = Vec::new();
    for text in texts {
        out.clear();
        let mut stream = Stream::new(detector, ClassSet::empty(), Kind::Json);
        for chunk in text.chunks(CHUNK_BYTES) {
            stream.push(chunk, &mut out).unwrap();
        }
        black_box(stream.finish(&mut out).unwrap());
        black_box(&out);
    }
}

/// The best time of some calls in a row, or what the processor spent on them on average where that
/// is less: then something else had the core in the meantime.
fn timed(mut work: impl FnMut()) -> Duration {
    let (begun, spent) = (Instant::now(), on_the_processor());
    let mut best = Duration::MAX;
    let mut calls = 0;
    while calls < CALLS_MIN || begun.elapsed() < ROUND {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        calls += 1;
    }
    let spent = on_the_processor().zip(spent).map(|(after, before)| after - before);
    // The account lags by up to a tick.
    spent.filter(|spent| *spent >= ROUND / 4).map_or(best, |spent| best.min(spent / calls))
}

/// What this thread has spent on a processor, by the scheduler's account, where there is one.
fn on_the_processor() -> Option<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = account.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Rounds over all documents.
const ROUNDS: usize = 3;

/// How long one figure of one document is measured in a round, and how many calls at least.
const ROUND: Duration = Duration::from_millis(80);
const CALLS_MIN: u32 = 3;

/// As much as the gateway reads of a connection at once.
const CHUNK_BYTES: usize = 16 * 1024;
