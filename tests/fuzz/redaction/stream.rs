//! Streams, cut anywhere.

use sallyport::class::{ClassSet, Form};
use sallyport::inspect::Detector;
use sallyport::inspect::stream::{Kind, Stream, StreamError, Summary};
use sallyport::limits::{STREAM_HELD_BYTES_MAX, STREAM_STATE_BYTES_MAX};

use super::making::expanded;
use super::{NOBODY, assert_settled, detector, parsed, same_shape, shown};

/// A byte for kind and form, eight that say where to cut, then the stream, with what is
/// written short in it.
pub fn stream(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let (cuts, rest) = rest.split_at(rest.len().min(8));
    let kind = if setup % 2 == 0 { Kind::Json } else { Kind::Text };
    let (form, detector) = detector(setup / 2);
    let text = expanded(rest);
    let whole = drive(detector, NOBODY, kind, &[&text]);
    let parts = drive(detector, NOBODY, kind, &pieces(&text, cuts));
    same(&whole, &parts);
    let size = usize::from(cuts.first().copied().unwrap_or(0)) % 5 + 1;
    let chunks: Vec<&[u8]> = text.chunks(size).collect();
    same(&whole, &drive(detector, NOBODY, kind, &chunks));

    let (shown_out, ended) = drive(detector, ClassSet::all(), kind, &[&text]);
    if ended.is_ok() {
        assert!(shown_out == text, "what the reader may see was changed");
    }
    let (out, ended) = whole;
    let summary = match (ended, kind) {
        (Ok(summary), _) => summary,
        (Err(error), Kind::Json) => {
            assert!(unreadable(&text, &error), "given up though it is JSON: {error}");
            return;
        }
        (Err(error), Kind::Text) => panic!("text was given up: {error}"),
    };
    // What is found of a value that is then not replaced is a report's.
    if form == Form::Report || summary.counts.is_empty() {
        assert!(out == text, "changed without a find");
        return;
    }
    as_a_whole(detector, kind, &text, &out);
    if kind == Kind::Json {
        stays_json(&text, &out);
    } else {
        in_order(&text, &out);
    }
    let (_, ended) = drive(detector, NOBODY, kind, &[&out]);
    assert!(ended.is_ok(), "what was redacted is not read again: {}", shown(&out));
    if kind == Kind::Text && text.len() <= STREAM_HELD_BYTES_MAX {
        assert_settled(detector, &detector.report_text(&out, NOBODY), &out);
    }
}

type Outcome = (Vec<u8>, Result<Summary, StreamError>);

fn drive(detector: &Detector, reveal: ClassSet, kind: Kind, chunks: &[&[u8]]) -> Outcome {
    let mut stream = Stream::new(detector, reveal, kind);
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(error) = stream.push(chunk, &mut out) {
            return (out, Err(error));
        }
        assert!(stream.state_bytes() <= STREAM_STATE_BYTES_MAX, "{}", stream.state_bytes());
    }
    let ended = stream.finish(&mut out);
    (out, ended)
}

fn same(one: &Outcome, other: &Outcome) {
    assert_eq!(shown(&one.0), shown(&other.0), "the cut changes what leaves");
    match (&one.1, &other.1) {
        (Ok(one), Ok(other)) => assert_eq!(one.counts, other.counts, "the cut changes the counts"),
        (Err(one), Err(other)) => assert_eq!(one, other, "the cut changes the error"),
        (one, other) => panic!("the cut changes the end: {one:?} {other:?}"),
    }
}

/// Whether a stream may be given up: it is no JSON to another reader, or too much for ours.
fn unreadable(text: &[u8], error: &StreamError) -> bool {
    match error {
        StreamError::Syntax { .. }
        | StreamError::Utf8 { .. }
        | StreamError::LoneSurrogate { .. } => {
            let mut values =
                serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
            // The other reader takes `1"a"` for two values.
            !values.all(|value| value.is_ok()) || parsed(text.to_vec()).is_none()
        }
        StreamError::Depth { .. }
        | StreamError::NumberLength { .. }
        | StreamError::NameLength { .. }
        | StreamError::Names { .. } => true,
    }
}

/// What fits the window leaves as if it had not been a stream.
fn as_a_whole(detector: &Detector, kind: Kind, text: &[u8], out: &[u8]) {
    if text.len() > STREAM_HELD_BYTES_MAX {
        return;
    }
    if kind == Kind::Text {
        let mut expected = Vec::new();
        let plan = detector.report_text(text, NOBODY);
        let mut at = 0;
        for (range, with) in plan.edits() {
            expected.extend_from_slice(&text[at..range.start]);
            expected.extend_from_slice(with);
            at = range.end;
        }
        expected.extend_from_slice(&text[at..]);
        assert_eq!(shown(&expected), shown(out), "a short text leaves otherwise");
    } else if let Some(document) = parsed(text.to_vec()) {
        let plan = detector.plan(document.root(), NOBODY);
        let expected = plan.apply(document.bytes());
        assert_eq!(shown(&expected), shown(out), "a short message leaves otherwise");
    }
}

fn stays_json(text: &[u8], out: &[u8]) {
    if let Some(before) = parsed(text.to_vec()) {
        let after = parsed(out.to_vec()).unwrap_or_else(|| panic!("no JSON: {}", shown(out)));
        assert!(same_shape(before.root(), after.root()), "another shape: {}", shown(out));
    } else {
        let values = |text| serde_json::Deserializer::from_slice(text).into_iter();
        let read = |value: Result<serde_json::Value, _>| value.is_ok();
        if values(text).all(read) {
            assert!(values(out).all(read), "no JSON: {}", shown(out));
            assert_eq!(values(text).count(), values(out).count(), "values were lost");
        }
    }
}

/// What is left of a text stands in it in the same order. Labels, masks, zeros in the place of
/// numbers, and what was encoded anew are no part of it, so that only words without them count.
fn in_order(text: &[u8], out: &[u8]) {
    let made = |byte: &u8| byte.is_ascii_alphanumeric() || b"[]#_*@.+/=- ,:".contains(byte);
    let mut rest = text;
    for piece in out.split(made).filter(|piece| !piece.is_empty()) {
        let at = rest.windows(piece.len()).position(|part| part == piece);
        let at = at.unwrap_or_else(|| panic!("{:?} was not there: {}", shown(piece), shown(out)));
        rest = &rest[at + piece.len()..];
    }
}

fn pieces<'s>(stream: &'s [u8], cuts: &[u8]) -> Vec<&'s [u8]> {
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| usize::from(*cut) * (stream.len() + 1) / 256).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        pieces.push(&stream[from..place]);
        from = place;
    }
    pieces.push(&stream[from..]);
    pieces
}
