//! Redacts one input: as a whole, or as a stream.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use clap::ValueEnum;

use super::Trouble;
use super::report::Left;
use crate::class::{Class, ClassSet};
use crate::inspect::stream::{Kind, Stream, Summary};
use crate::inspect::{Detector, Finding, Plan};
use crate::json::{ANSWER, Document};
use crate::limits::REDACT_READ_BYTES;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// By the file's name and by what stands in it
    Auto,
    /// One JSON text
    Json,
    /// A JSON text a line
    Ndjson,
    /// Any text: logs, CSV, Markdown; JSON in it is read as JSON
    Text,
    /// An event stream (Server-sent events)
    Sse,
}

impl Format {
    /// The format of a text; `Auto` where nothing says more than that it is one.
    pub(super) fn of(self, path: Option<&Path>, head: &[u8]) -> Format {
        let ending = path.and_then(Path::extension).and_then(|ending| ending.to_str());
        match (self, ending) {
            (Format::Auto, Some("jsonl" | "ndjson")) => Format::Ndjson,
            (Format::Auto, _) if matches!(head.trim_ascii_start(), [b'{' | b'[', ..]) => {
                Format::Auto
            }
            (Format::Auto, _) => Format::Text,
            (named, _) => named,
        }
    }

    /// The name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Auto => "auto",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Text => "text",
            Format::Sse => "sse",
        }
    }
}

/// What became of a text that was read as a whole.
#[derive(Debug)]
pub(super) struct Redacted {
    pub(super) format: Format,
    /// What is replaced by what, in the order of the text.
    pub(super) edits: Vec<(Range<usize>, Vec<u8>)>,
    pub(super) finds: Vec<Finding>,
    pub(super) blocked: Option<Class>,
}

impl Redacted {
    fn new(format: Format) -> Self {
        Redacted { format, edits: Vec::new(), finds: Vec::new(), blocked: None }
    }

    /// Takes the plan for what stands from `base` on.
    fn take(&mut self, plan: &Plan, base: usize) {
        let moved = |range: &Range<usize>| range.start + base..range.end + base;
        self.edits.extend(plan.edits().map(|(range, text)| (moved(&range), text.to_vec())));
        let finds = plan.found().iter();
        self.finds.extend(finds.map(|f| Finding { range: moved(&f.range), ..f.clone() }));
        self.blocked = self.blocked.or(plan.blocked);
    }

    /// The text with its edits.
    pub(super) fn spliced(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (range, text) in &self.edits {
            out.extend_from_slice(bytes.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(text);
            at = range.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        out
    }
}

/// Redacts a text as a whole; `None` where it is not in its format, which a stream tells more of.
pub(super) fn whole(
    detector: &Detector,
    reveal: ClassSet,
    format: Format,
    bytes: &Bytes,
) -> Option<Redacted> {
    let mut redacted = match format {
        Format::Auto => json(detector, reveal, bytes)
            .or_else(|| lines(detector, reveal, bytes))
            .unwrap_or_else(|| text(detector, reveal, bytes, Format::Text)),
        Format::Json => json(detector, reveal, bytes)?,
        Format::Ndjson => lines(detector, reveal, bytes)?,
        Format::Text | Format::Sse => text(detector, reveal, bytes, format),
    };
    redacted.finds.sort_by_key(|found| found.range.start);
    Some(redacted)
}

fn json(detector: &Detector, reveal: ClassSet, bytes: &Bytes) -> Option<Redacted> {
    let document = Document::parse(bytes.clone(), &ANSWER).ok()?;
    let mut redacted = Redacted::new(Format::Json);
    redacted.take(&detector.report(document.root(), reveal), 0);
    Some(redacted)
}

fn lines(detector: &Detector, reveal: ClassSet, bytes: &Bytes) -> Option<Redacted> {
    let mut redacted = Redacted::new(Format::Ndjson);
    let mut base = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.trim_ascii().is_empty() {
            let document = Document::parse(bytes.slice_ref(line), &ANSWER).ok()?;
            redacted.take(&detector.report(document.root(), reveal), base);
        }
        base += line.len();
    }
    Some(redacted)
}

fn text(detector: &Detector, reveal: ClassSet, bytes: &Bytes, format: Format) -> Redacted {
    let mut redacted = Redacted::new(format);
    redacted.take(&detector.report_text(bytes, reveal), 0);
    redacted
}

/// Redacts a text as it is read. `give` takes what may go out, and how much was read for it.
pub(super) fn stream(
    detector: &Detector,
    reveal: ClassSet,
    format: Format,
    paused: bool,
    source: &mut dyn Read,
    mut give: impl FnMut(&[u8], usize) -> Result<(), Trouble>,
) -> Result<Summary, Trouble> {
    let kind = match format {
        Format::Json | Format::Ndjson => Kind::Json,
        Format::Auto | Format::Text | Format::Sse => Kind::Text,
    };
    let mut stream = Stream::new(detector, reveal, kind);
    let mut chunk = vec![0; REDACT_READ_BYTES];
    let mut out = Vec::new();
    loop {
        let taken = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(taken) => taken,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Left::Read(error).into()),
        };
        let bytes = chunk.get(..taken).unwrap_or_default();
        let mut result = stream.push(bytes, &mut out);
        // A source that gives less than it could has no more at the moment.
        if paused && result.is_ok() && taken < REDACT_READ_BYTES {
            result = stream.flush(&mut out);
        }
        give(&out, taken)?;
        out.clear();
        result.map_err(Left::Broken)?;
    }
    let result = stream.finish(&mut out);
    give(&out, 0)?;
    Ok(result.map_err(Left::Broken)?)
}
