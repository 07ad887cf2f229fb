//! Text that a server sends piece by piece: log messages and progress, whose values may be cut
//! between two events.
//!
//! Owns the events that wait for what follows them. Pure: the time comes from outside. Guarantees:
//! events leave in their order; one waits for at most [`DELTA_HOLD_MS`], and only while its text may
//! go on; what waits is bounded in number, and so is what is remembered of texts that have left.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use crate::class::{Class, ClassSet};
use crate::inspect::Detector;
use crate::json::{self, Document, Edit, Value};
use crate::limits::{DELTA_EVENTS_MAX, DELTA_HOLD_MS, DELTA_SOURCES_MAX};
use crate::mcp::sse::Event;

/// Events on their way out.
#[derive(Debug)]
pub struct Deltas {
    detector: Arc<Detector>,
    reveal: ClassSet,
    waiting: VecDeque<Waiting>,
    /// The last text of each source that has left.
    left: VecDeque<(u64, Document)>,
}

#[derive(Debug)]
struct Waiting {
    event: Event,
    /// The message as it may leave.
    document: Document,
    changed: bool,
    /// Of whom it is the text, if it is text that may go on.
    source: Option<u64>,
    open: bool,
    since: Instant,
}

impl Deltas {
    /// For a stream whose reader may see the classes in `reveal`.
    #[must_use]
    pub fn new(detector: Arc<Detector>, reveal: ClassSet) -> Self {
        Self { detector, reveal, waiting: VecDeque::new(), left: VecDeque::new() }
    }

    /// Whether a message must go through here: it may be a piece of text. Whatever else comes,
    /// what waits is let go before it: nobody's answer waits for a log line.
    #[must_use]
    pub fn concerns(message: &[u8]) -> bool {
        METHODS.iter().any(|method| memchr::memmem::find(message, method.as_bytes()).is_some())
    }

    /// Takes an event that was judged. Returns the classes of values that turned out to be cut
    /// between it and the one before it.
    pub fn push(
        &mut self,
        event: Event,
        document: Document,
        changed: bool,
        now: Instant,
    ) -> Vec<Class> {
        let source = source(document.root());
        let mut next = Waiting { event, document, changed, source, open: false, since: now };
        let mut found = Vec::new();
        if let Some(source) = source {
            let before = self.waiting.iter_mut().rev().find(|w| w.source == Some(source));
            if let Some(before) = before {
                found = join(&self.detector, self.reveal, before, &mut next);
                before.open = false;
            } else if let Some((_, left)) = self.left.iter().find(|(other, _)| *other == source) {
                found = behind(&self.detector, self.reveal, left, &mut next);
            }
            let text = text_of(next.document.root()).and_then(|text| text.as_str());
            next.open = text.is_some_and(|text| Detector::is_open_ended(&text).0);
        }
        self.waiting.push_back(next);
        found
    }

    /// What may leave now, in order.
    pub fn ready(&mut self, now: Instant) -> Option<Bytes> {
        let full = self.waiting.len() > DELTA_EVENTS_MAX;
        let first = self.waiting.front()?;
        let held = first.open && now.duration_since(first.since) < HOLD && !full;
        if held { None } else { self.release() }
    }

    /// All that waits, at the end of the stream.
    pub fn release(&mut self) -> Option<Bytes> {
        let mut first = self.waiting.pop_front()?;
        if first.open {
            first.cut_off();
        }
        let out = first.encode();
        if let Some(source) = first.source {
            self.left.retain(|(other, _)| *other != source);
            if self.left.len() >= DELTA_SOURCES_MAX {
                self.left.pop_front();
            }
            self.left.push_back((source, first.document));
        }
        Some(out)
    }

    /// When the first event that waits must leave.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|first| first.since + HOLD)
    }
}

impl Waiting {
    fn encode(&self) -> Bytes {
        if self.changed || self.event.ignored_text {
            self.event.encode(self.document.bytes())
        } else {
            self.event.raw.clone()
        }
    }

    /// Hides a value that nothing followed in time, where it was certainly cut.
    fn cut_off(&mut self) {
        let Some(value) = text_of(self.document.root()) else { return };
        let Some(text) = value.as_str() else { return };
        if let (_, Some(from)) = Detector::is_open_ended(&text) {
            let mut with = Vec::with_capacity(value.span().len());
            json::write_string(&mut with, &format!("{}[CUT]", text.get(..from).unwrap_or("")));
            let edit = Edit { span: value.span(), with: with.into() };
            self.edit(&[edit]);
        }
    }

    fn edit(&mut self, edits: &[Edit]) {
        let bytes = json::apply(self.document.bytes(), edits);
        if let Ok(document) = Document::parse(bytes, &crate::mcp::ANSWER) {
            self.document = document;
            self.changed = true;
        }
    }
}

/// Hides values that are cut between two events that both wait.
fn join(
    detector: &Detector,
    reveal: ClassSet,
    before: &mut Waiting,
    next: &mut Waiting,
) -> Vec<Class> {
    let (Some(first), Some(second)) =
        (text_of(before.document.root()), text_of(next.document.root()))
    else {
        return Vec::new();
    };
    let (mut left, mut right, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    for across in detector.across_values(first, second, reveal) {
        let label = format!("[{}]", detector.custom_name(across.class).to_ascii_uppercase());
        left.push(Edit { span: across.before, with: label.into_bytes().into() });
        right.push(Edit { span: across.after, with: Vec::new().into() });
        classes.push(across.class);
    }
    before.edit(&left);
    next.edit(&right);
    classes
}

/// Hides the second half of values whose first half has left.
fn behind(
    detector: &Detector,
    reveal: ClassSet,
    left: &Document,
    next: &mut Waiting,
) -> Vec<Class> {
    let (Some(first), Some(second)) = (text_of(left.root()), text_of(next.document.root())) else {
        return Vec::new();
    };
    let found = detector.across_values(first, second, reveal);
    let edits = found.iter().map(|across| {
        let label = format!("[{}]", detector.custom_name(across.class).to_ascii_uppercase());
        Edit { span: across.after.clone(), with: label.into_bytes().into() }
    });
    let edits: Vec<Edit> = edits.collect();
    next.edit(&edits);
    found.iter().map(|across| across.class).collect()
}

/// Of whom a message is a piece of text: its method with what tells one text from another.
fn source(message: Value<'_>) -> Option<u64> {
    let method = message.get("method")?.as_str()?;
    METHODS.contains(&&*method).then_some(())?;
    text_of(message)?;
    let params = message.get("params")?;
    let mut hash = blake3::Hasher::new();
    hash.update(method.as_bytes());
    for name in ["logger", "progressToken"] {
        hash.update(params.get(name).map(|value| value.raw()).unwrap_or_default());
    }
    let bytes = *hash.finalize().as_bytes();
    bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The text that people read of a log message or of progress.
fn text_of(message: Value<'_>) -> Option<Value<'_>> {
    let params = message.get("params")?;
    let text = params.get("data").or_else(|| params.get("message"))?;
    let inner = TEXTS.iter().find_map(|name| text.get(name));
    let text = inner.unwrap_or(text);
    text.as_str().is_some().then_some(text)
}

const HOLD: Duration = Duration::from_millis(DELTA_HOLD_MS);

/// Methods whose messages carry free text one after the other (MCP, "Logging", "Progress").
const METHODS: [&str; 2] = ["notifications/message", "notifications/progress"];

/// Members of a log message's data that hold its text.
const TEXTS: [&str; 4] = ["text", "message", "delta", "content"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::time::{Duration, Instant};

    use super::{DELTA_EVENTS_MAX, DELTA_HOLD_MS, DELTA_SOURCES_MAX, Deltas};
    use crate::class::{Class, ClassSet, Form};
    use crate::inspect::{Detector, Settings};
    use crate::json::Document;
    use crate::mcp::sse::{Decoder, Event};

    fn deltas() -> Deltas {
        let forms = Class::BUILTIN.into_iter().map(|class| (class, Form::Label)).collect();
        let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
        Deltas::new(Arc::new(detector), ClassSet::empty())
    }

    fn log(text: &str) -> (Event, Document) {
        let message = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":"{text}"}}}}"#
        );
        let mut decoder = Decoder::new(1 << 16);
        decoder.push(Bytes::from(format!("data: {message}\n\n")));
        let event = decoder.next_event().unwrap().unwrap();
        (event, Document::parse(Bytes::from(message), &crate::mcp::ANSWER).unwrap())
    }

    fn texts(out: &[Bytes]) -> String {
        let text = |bytes: &Bytes| {
            let text = std::str::from_utf8(bytes).unwrap().to_owned();
            let (_, after) = text.split_once("\"data\":\"").unwrap();
            after.split('"').next().unwrap().to_owned()
        };
        out.iter().map(text).collect::<Vec<_>>().join("|")
    }

    /// Sends all pieces at once, then waits for as long as anything is held.
    fn relayed(pieces: &[&str]) -> String {
        let (mut deltas, now, mut out) = (deltas(), Instant::now(), Vec::new());
        for piece in pieces {
            let (event, document) = log(piece);
            deltas.push(event, document, false, now);
            out.extend(std::iter::from_fn(|| deltas.ready(now)));
        }
        let late = now + Duration::from_millis(DELTA_HOLD_MS);
        out.extend(std::iter::from_fn(|| deltas.ready(late)));
        assert!(deltas.release().is_none());
        texts(&out)
    }

    #[test]
    fn value_that_is_cut_between_two_events_is_hidden_in_both() {
        let cases = [
            (&["SSN 219-09-", "9999 on file."][..], "SSN [US_SSN]| on file."),
            (&["to jane.roe", "@example.com!"], "to [EMAIL]|!"),
            (&["to jane.roe@exam", "ple.com!"], "to [EMAIL]|!"),
            (&["card 4111 1111 ", "1111 1111 was"], "card [CARD]| was"),
            (&["done", "and done"], "done|and done"),
        ];
        for (pieces, expected) in cases {
            assert_eq!(relayed(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn text_that_nothing_follows_leaves_in_time_and_without_what_is_certainly_half_a_value() {
        assert_eq!(relayed(&["to jane.roe@exam"]), "to [CUT]");
        assert_eq!(relayed(&["step 3 of 12 done"]), "step 3 of 12 done");
    }

    #[test]
    fn text_that_is_at_its_end_does_not_wait() {
        let mut deltas = deltas();
        let (event, document) = log("All records were read.");
        let now = Instant::now();
        deltas.push(event, document, false, now);
        assert!(deltas.ready(now).is_some());
    }

    #[test]
    fn second_half_is_hidden_although_the_first_has_left() {
        let (mut deltas, now) = (deltas(), Instant::now());
        let (event, document) = log("number 219-09");
        deltas.push(event, document, false, now);
        let late = now + Duration::from_millis(DELTA_HOLD_MS);
        assert!(deltas.ready(late).is_some());
        let (event, document) = log("-9999");
        assert_eq!(deltas.push(event, document, false, late), [Class::UsSsn]);
        assert_eq!(texts(&[deltas.release().unwrap()]), "[US_SSN]");
    }

    #[test]
    fn events_that_wait_and_sources_that_are_remembered_are_bounded() {
        let (mut deltas, now) = (deltas(), Instant::now());
        for number in 0..DELTA_EVENTS_MAX * 2 {
            let (event, document) = log(&format!("part{number}"));
            deltas.push(event, document, false, now);
            while deltas.ready(now).is_some() {}
            assert!(deltas.waiting.len() <= DELTA_EVENTS_MAX + 1);
        }
        while deltas.release().is_some() {}
        assert!(deltas.left.len() <= DELTA_SOURCES_MAX);
    }
}
