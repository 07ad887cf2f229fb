//! What must hold for any bytes: one function for each codec that reads what strangers write.
//!
//! Called by the fuzz targets with whatever the engine invents, and by `tests/fuzz.rs` with the
//! corpus and with mutations of it. Each panics when its promise is broken.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use sallyport::json::{self, Document, KeyRule, Kind, Limits, Value};
use sallyport::limits;
use sallyport::mcp::message::Message;
use sallyport::mcp::{self, headers, sse};
use sallyport::policy::text::{self, Source};
use sallyport::principal::PrincipalKey;
use sallyport::secret::Secret;
use sallyport::session::{Facts, Purpose, Sealer};
use sallyport::view::{Projection, View};

/// JSON-RPC: what we accept, another reader accepts too and reads alike; and what is taken for a
/// call in one spelling of the headers is never another call.
pub fn message(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    for keys in [KeyRule::Folded, KeyRule::Exact] {
        let limits = Limits {
            depth_max: limits::JSON_DEPTH_MAX,
            nodes_max: limits::JSON_NODES_MAX,
            number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
            keys,
        };
        let Ok(document) = Document::parse(bytes.clone(), &limits) else { continue };
        assert_eq!(document.bytes(), &bytes, "a parsed document keeps its bytes");
        match serde_json::from_slice::<serde_json::Value>(data) {
            Ok(other) => same(document.root(), &other),
            // The one thing that another reader may refuse: a number that fits no type of its.
            Err(error) => assert!(error.to_string().contains("number out of range"), "{error}"),
        }
        if let Ok(answer) = Message::read_answer(&document) {
            let method = document.root().get("method").and_then(|m| m.as_str());
            assert_eq!(method.as_deref().unwrap_or_default(), answer.method());
        }
        if keys == KeyRule::Folded {
            call(document);
        }
    }
}

/// A call reads the same with the headers that we would send ourselves, and only with those.
fn call(document: Document) {
    let Ok(message) = Message::read(&document) else { return };
    let mut claims = HeaderMap::new();
    if let Some(version) = message.meta_version()
        && let Ok(value) = HeaderValue::from_str(version)
    {
        claims.insert(headers::PROTOCOL_VERSION, value);
    }
    let again = Document::parse(document.bytes().clone(), &ANY).ok();
    let Ok(inbound) = mcp::read(&claims, document, &mcp::redeem::Empty) else {
        // Modern messages need their names mirrored.
        let (Some(document), Some(revision)) = (again, modern(&message)) else { return };
        for (name, value) in headers::upstream_headers(&message, revision) {
            claims.insert(name, value);
        }
        if let Ok(inbound) = mcp::read(&claims, document, &mcp::redeem::Empty) {
            assert_eq!(inbound.revision, revision, "the revision is the one that both places name");
        }
        return;
    };
    assert!(!inbound.revision.is_modern(), "a modern message without its headers was accepted");
    assert_eq!(inbound.message.method(), message.method());
}

fn modern(message: &Message) -> Option<mcp::version::Revision> {
    mcp::version::Revision::from_date(message.meta_version()?).filter(|r| r.is_modern())
}

/// Both readers see the same members, texts and truth values. Numbers are compared by spelling
/// only as far as the other reader keeps it.
fn same(ours: Value<'_>, theirs: &serde_json::Value) {
    match (ours.kind(), theirs) {
        (Kind::Object, serde_json::Value::Object(map)) => {
            assert_eq!(ours.members().count(), map.len(), "a member was lost or doubled");
            for ((key, value), (name, other)) in ours.members().zip(map) {
                assert_eq!(key.as_str().as_deref(), Some(name.as_str()));
                same(value, other);
            }
        }
        (Kind::Array, serde_json::Value::Array(items)) => {
            assert_eq!(ours.items().count(), items.len());
            ours.items().zip(items).for_each(|(value, other)| same(value, other));
        }
        (Kind::String, serde_json::Value::String(text)) => {
            assert_eq!(ours.as_str().as_deref(), Some(text.as_str()));
        }
        (Kind::Number, serde_json::Value::Number(number)) => {
            if let (true, Some(value)) = (ours.is_integer(), number.as_i64()) {
                assert_eq!(ours.as_i64(), Some(value));
            }
        }
        (Kind::True, serde_json::Value::Bool(true))
        | (Kind::False, serde_json::Value::Bool(false))
        | (Kind::Null, serde_json::Value::Null) => {}
        (kind, other) => panic!("{kind:?} was read as {other}"),
    }
}

/// Event streams: however the bytes are cut, the events are the same, no byte is lost, the bound
/// holds, and a plain reader of the standard sees the same data.
pub fn sse(data: &[u8]) {
    let (cuts, stream) = data.split_at(data.len().min(4));
    let whole = decode(&[stream]);
    assert_eq!(whole, decode(&pieces(stream, cuts)), "the cut changes the events");
    let raws: Vec<u8> = whole.0.iter().flat_map(|event| event.raw.to_vec()).collect();
    assert!(stream.starts_with(&raws), "events are not the input");
    let data = whole.0.iter().filter_map(|event| event.data.clone()).filter(|d| !d.is_empty());
    assert_eq!(data.map(|d| d.to_vec()).collect::<Vec<_>>(), by_the_standard(stream));
    for event in &whole.0 {
        let text = event.data.clone().unwrap_or_default();
        let again = decode(&[&event.encode(&text)]);
        let flat: Vec<u8> =
            text.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect();
        assert_eq!(again.0.len(), 1, "an event that we write is one event");
        let expected = event.id.clone().filter(|_| again.0[0].id.is_some());
        assert_eq!((&again.0[0].id, again.0[0].data.as_deref()), (&expected, Some(&*flat)));
    }
    let mut narrow = sse::Decoder::new(64);
    narrow.push(Bytes::copy_from_slice(stream));
    while let Some(event) = narrow.next_event() {
        match event {
            Ok(event) => assert!(event.raw.len() <= 64, "an event beyond the bound"),
            Err(_) => assert!(narrow.next_event().is_none(), "a decoder that failed goes on"),
        }
    }
}

fn decode(chunks: &[&[u8]]) -> (Vec<sse::Event>, Bytes) {
    let mut decoder = sse::Decoder::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event() {
            events.push(event.expect("below the bound"));
        }
    }
    (join_line_ends(events), decoder.finish())
}

/// The LF of a CRLF that was cut in two is an event of its own, of nothing; joined it is none.
fn join_line_ends(events: Vec<sse::Event>) -> Vec<sse::Event> {
    let mut joined: Vec<sse::Event> = Vec::new();
    for event in events {
        match joined.last_mut() {
            Some(before) if &*event.raw == b"\n" && before.raw.ends_with(b"\r") => {
                before.raw = [&before.raw[..], b"\n"].concat().into();
            }
            Some(_) | None => joined.push(event),
        }
    }
    joined
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

/// WHATWG HTML, section 9.2.6, as plainly as it can be written.
fn by_the_standard(stream: &[u8]) -> Vec<Vec<u8>> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut bytes = stream.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if *byte == b'\r' && bytes.peek() == Some(&&b'\n') {
                    bytes.next();
                }
                lines.push(std::mem::take(&mut line));
            }
            other => line.push(*other),
        }
    }
    let mut seen = Vec::new();
    let mut data: Option<Vec<u8>> = None;
    for line in lines {
        if line.is_empty() {
            seen.extend(data.take().filter(|d| !d.is_empty()));
            continue;
        }
        let value = match line.strip_prefix(b"data") {
            Some(b"") => b"",
            Some([b':', b' ', rest @ ..] | [b':', rest @ ..]) => rest,
            Some(_) | None => continue,
        };
        match &mut data {
            None => data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
    }
    seen
}

/// The values of `Mcp-Name` and `Mcp-Param-*`: any text survives, and nothing reads as two texts.
pub fn header(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let written = headers::encode(text);
        assert!(HeaderValue::from_str(&written).is_ok(), "not a header value: {written}");
        let trimmed = written.trim_matches([' ', '\t']);
        assert_eq!(headers::decode(trimmed).as_deref(), Some(text), "a text does not survive");
        if let Some(read) = headers::decode(text) {
            assert_eq!(headers::decode(&headers::encode(&read)).as_deref(), Some(&*read));
        }
    }
    let mut claims = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        claims.append(headers::PROTOCOL_VERSION, value.clone());
        let _ = headers::claimed_version(&claims);
        claims.append(headers::PROTOCOL_VERSION, value);
        assert!(headers::claimed_version(&claims).is_err(), "a repeated header was accepted");
    }
}

/// Sealed session ids: nothing opens that was not sealed, and a sealed one for nobody else and
/// for nothing else.
pub fn seal(data: &[u8]) {
    const NOW_S: u64 = 1_800_000_000;
    let sealer = Sealer::new(&[Secret::new(vec![7; 32])]).expect("a key of 32 bytes");
    let (alice, bob) = (PrincipalKey([1; 16]), PrincipalKey([2; 16]));
    let text = String::from_utf8_lossy(data);
    let invented = sealer.open(Purpose::Session, &text, alice, "crm", 0);
    assert!(invented.is_err(), "an invented id was opened");
    let facts = Facts {
        purpose: Purpose::Session,
        upstream_id: &text,
        revision: None,
        caller: alice,
        server: "crm",
    };
    let Ok(sealed) = sealer.seal(&facts, NOW_S, std::time::Duration::from_secs(3600)) else {
        return;
    };
    let open = |purpose, id: &str, who, server| sealer.open(purpose, id, who, server, NOW_S + 1);
    let opened = open(Purpose::Session, &sealed.id, alice, "crm").expect("its own id");
    assert_eq!(&*opened.upstream_id, &*text);
    assert!(open(Purpose::Session, &sealed.id, bob, "crm").is_err());
    assert!(open(Purpose::Session, &sealed.id, alice, "erp").is_err());
    assert!(open(Purpose::Stream, &sealed.id, alice, "crm").is_err());
    let at = data.iter().map(|b| usize::from(*b)).sum::<usize>() % sealed.id.len();
    let mut forged = sealed.id.into_bytes();
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    assert!(open(Purpose::Session, &forged, alice, "crm").is_err(), "a forged id was opened");
}

const ANY: Limits = Limits {
    depth_max: limits::JSON_DEPTH_MAX,
    nodes_max: limits::JSON_NODES_MAX,
    number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Folded,
};

/// Policy files: whatever is written, each policy is the text that it is shown with, and each
/// mistake stands at a place of the file.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source { name: "fuzz.cedar".into(), text: text.into() };
    match text::read(&source) {
        Ok(rules) => {
            for rule in &rules {
                let alone = Source { name: "fuzz.cedar".into(), text: rule.text().into() };
                let again = text::read(&alone).expect("a policy alone is a policy");
                assert_eq!(again.len(), 1, "{}", rule.text());
                assert_eq!((again[0].effect, &again[0].tree), (rule.effect, &rule.tree));
                assert!(text.contains(rule.text()));
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.place.line <= text.lines().count().max(1) + 1, "{problem}");
                assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem}");
            }
        }
    }
}

/// Views: a line with a pattern, then an answer. What is left is JSON, and nothing that was not
/// there.
pub fn view(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, answer) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(projection) = Projection::parse(&[pattern.to_owned()]) else { return };
    let bytes = Bytes::copy_from_slice(answer.as_bytes());
    let Ok(document) = Document::parse(bytes, &json::ANSWER) else { return };
    let view = View::of_projection(&projection);
    let left = |edits: &[json::Edit]| {
        let out = json::apply(document.bytes(), edits);
        let again = Document::parse(out.clone(), &json::ANSWER);
        again.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    };
    let rest = left(&view.cut_rest(document.root()));
    assert!(part_of(rest.root(), document.root()), "{}", String::from_utf8_lossy(rest.bytes()));
    // Once cut, nothing is left to cut, unless items are named by their place, which has changed.
    let by_place = pattern.contains(|c: char| c.is_ascii_digit());
    assert!(by_place || rest.root().is_null() || view.cut_rest(rest.root()).is_empty());
    if let Ok(edits) = view.cut_result(document.root()) {
        left(&edits);
    }
}

/// Whether every member of `part` stands in `whole` with the same value, or a part of it; of arrays
/// some items may be missing. What was no container may have become `null`.
fn part_of(part: Value<'_>, whole: Value<'_>) -> bool {
    match part.kind() {
        Kind::Object => part.members().all(|(name, value)| {
            let name = name.as_str().unwrap_or_default();
            whole.get(&name).is_some_and(|other| part_of(value, other))
        }),
        Kind::Array => {
            let mut rest = whole.items();
            part.items().all(|item| rest.any(|other| part_of(item, other)))
        }
        Kind::Null => true,
        Kind::String | Kind::Number | Kind::True | Kind::False => part.raw() == whole.raw(),
    }
}
