//! Promises of redaction in streams.

mod bounds;
mod properties;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Tree, json};

use super::{Kind, Stream, StreamError, Summary};
use crate::class::{ClassSet, Form};
use crate::inspect::tests::{detector, parse};
use crate::inspect::{Counts, Detector};
use crate::limits::{STREAM_HELD_BYTES_MAX, STREAM_KNOWN_MAX, STREAM_STATE_BYTES_MAX};

/// A stream with a smaller window, so that small documents are read in many pieces.
fn small(detector: &Detector, kind: Kind, window: usize) -> Stream<&Detector> {
    Stream { window_max: window, whole: false, ..Stream::new(detector, ClassSet::empty(), kind) }
}

fn drive<'c>(
    mut stream: Stream<&Detector>,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Result<(Vec<u8>, Summary), StreamError> {
    let mut out = Vec::new();
    for chunk in chunks {
        stream.push(chunk, &mut out)?;
        assert!(stream.held.len() <= STREAM_HELD_BYTES_MAX);
        assert!(stream.state_bytes() <= STREAM_STATE_BYTES_MAX, "{}", stream.state_bytes());
    }
    let summary = stream.finish(&mut out)?;
    Ok((out, summary))
}

fn streamed(detector: &Detector, kind: Kind, text: &str) -> String {
    let stream = Stream::new(detector, ClassSet::empty(), kind);
    let (out, _) = drive(stream, [text.as_bytes()]).unwrap();
    String::from_utf8(out).unwrap()
}

fn planned(detector: &Detector, text: &str) -> String {
    let document = parse(text);
    let plan = detector.plan(document.root(), ClassSet::empty());
    String::from_utf8(plan.apply(document.bytes()).to_vec()).unwrap()
}

/// A record with values in strings, numbers, names and texts, and look-alikes.
fn record(number: usize) -> Tree {
    json!({
        "id": number,
        "order": 4_000_000_000_u64 + number as u64,
        "customer": {"mail": format!("jane.roe{number}@example.com"), "phone": "+1 212 555 0147"},
        "ssn": 219_099_999,
        "note": "paid with 4111 1111 1111 1111, see logo@2x.png\nip 203.0.113.7",
        "a@b.de": [1, "é\u{a0}078-05-1120", null, {"x": "DE89 3704 0044 0532 0130 00"}],
        "inner": json!({"ssn": 219_099_999, "list": ["078-05-1120", 7]}).to_string(),
    })
}

/// What must not be seen after a record was redacted.
const SECRETS: [&str; 7] =
    ["jane.roe", "212 555", "219099999", "4111 1111", "203.0.113", "078-05", "3704 0044"];

fn records(count: usize) -> Tree {
    json!({"result": {"content": (0..count).map(record).collect::<Vec<_>>()}})
}

fn documents() -> Vec<String> {
    let prose: String =
        (0..40).map(|n| format!("Line {n} of jane{n}@example.com says hi. ")).collect();
    let deep = format!("{}\"a@b.de\"{}", "[".repeat(60), "]".repeat(60));
    vec![
        records(2).to_string(),
        serde_json::to_string_pretty(&records(2)).unwrap(),
        json!({"text": prose, "after": "jane@example.com"}).to_string(),
        json!({"text": records(2).to_string()}).to_string(),
        json!({"text": json!({"text": records(2).to_string()}).to_string()}).to_string(),
        json!({"text": format!("see [below] {prose}\n{}", prose.to_uppercase())}).to_string(),
        format!("{{\"a\":\"{}\"}}", "\\u0061\\\\\\\"\\n ".repeat(60)),
        deep,
        String::from("{\"key\":\"x\"}\n{\"mail\":\"a@b.de\"}\n17\n\"a@b.de\"\n"),
        String::from(" \n "),
    ]
}

#[test]
fn every_split_gives_the_same_result() {
    let detector = detector(Form::Label);
    for text in documents() {
        for (kind, window) in
            [(Kind::Json, 128), (Kind::Json, 512), (Kind::Text, 128), (Kind::Text, 700)]
        {
            let new = || small(&detector, kind, window);
            let (whole, summary) = drive(new(), [text.as_bytes()]).unwrap();
            // Every place of small documents, and many of larger ones.
            for at in (0..text.len()).step_by(1 + text.len() / 300) {
                let (left, right) = text.as_bytes().split_at(at);
                let (out, parts) = drive(new(), [left, right]).unwrap();
                assert!(out == whole && parts.counts == summary.counts, "{kind:?} {at} {text}");
            }
            let (out, _) = drive(new(), text.as_bytes().chunks(1)).unwrap();
            assert!(out == whole, "{text}");
        }
    }
}

#[test]
fn what_the_reader_may_see_stays_byte_for_byte() {
    let detector = detector(Form::Label);
    for text in documents() {
        for (kind, window) in
            [(Kind::Json, 128), (Kind::Json, 512), (Kind::Text, 128), (Kind::Text, 700)]
        {
            let stream = Stream { reveal: ClassSet::all(), ..small(&detector, kind, window) };
            let (out, summary) = drive(stream, [text.as_bytes()]).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert!(summary.counts.is_empty());
        }
    }
}

#[test]
fn message_that_fits_is_redacted_as_a_whole_one() {
    let detector = detector(Form::Label);
    for text in documents() {
        if text.trim().is_empty() || text.contains("}\n{") {
            continue;
        }
        assert!(text.len() <= STREAM_HELD_BYTES_MAX, "{}", text.len());
        assert_eq!(streamed(&detector, Kind::Json, &text), planned(&detector, &text));
        let mut counts = Counts::default();
        let expected = detector.redact_text(&text, ClassSet::empty(), &mut counts);
        assert_eq!(streamed(&detector, Kind::Text, &text), expected);
    }
}

#[test]
fn long_message_is_redacted_as_a_whole_one_where_nothing_depends_on_what_follows() {
    for form in [Form::Label, Form::Mask, Form::Drop] {
        let detector = detector(form);
        let text = records(200).to_string();
        assert_eq!(streamed(&detector, Kind::Json, &text), planned(&detector, &text));
        let pretty = serde_json::to_string_pretty(&records(100)).unwrap();
        assert_eq!(streamed(&detector, Kind::Json, &pretty), planned(&detector, &pretty));
    }
}

#[test]
fn lines_of_json_are_messages_of_their_own() {
    let detector = detector(Form::Label);
    let lines: Vec<String> = (0..100).map(|n| record(n).to_string()).collect();
    let expected: Vec<String> = lines.iter().map(|line| planned(&detector, line)).collect();
    assert_eq!(streamed(&detector, Kind::Json, &lines.join("\n")), expected.join("\n"));
    assert_eq!(streamed(&detector, Kind::Json, &lines.join("\r\n")), expected.join("\r\n"));
}

#[test]
fn long_text_in_a_string_is_redacted_and_stays_what_it_was() {
    let detector = detector(Form::Label);
    let nested = records(100).to_string();
    let twice = json!({"page": nested, "next": 2}).to_string();
    for inner in [nested.clone(), twice] {
        let text = json!({"content": [{"type": "text", "text": inner}], "ssn": 219_099_999});
        let out = streamed(&detector, Kind::Json, &text.to_string());
        for secret in SECRETS {
            assert!(!out.contains(secret), "{secret}");
        }
        let out: Tree = serde_json::from_str(&out).unwrap();
        let text = out["content"][0]["text"].as_str().unwrap();
        let mut inner: Tree = serde_json::from_str(text).unwrap();
        if let Some(page) = inner["page"].as_str() {
            inner = serde_json::from_str(page).unwrap();
        }
        assert_eq!(inner["result"]["content"][99]["id"], 99);
        assert_eq!(inner["result"]["content"][99]["order"], 4_000_000_099_u64);
        assert_eq!(inner["result"]["content"][99]["customer"]["mail"], "[EMAIL]");
        assert_eq!(inner["result"]["content"][99]["ssn"], 0);
    }
}

#[test]
fn value_anywhere_in_a_long_text_is_found() {
    let detector = detector(Form::Label);
    for filler in ["lorem ipsum, ", "x", "x\\n", "\\u0041 ", "{\\\"a\\\": 1} ", "é "] {
        for kind in [Kind::Json, Kind::Text] {
            for place in (2_500..8_000).step_by(61) {
                let before = filler.repeat(place / filler.len());
                let after = filler.repeat(600);
                let text = format!("[\"{before} SSN: 078051120 or 4111 1111 1111 1111 {after}\"]");
                let text = if kind == Kind::Text { text.replace('\\', "") } else { text };
                let out = streamed(&detector, kind, &text);
                let expected =
                    text.replace("078051120", "[US_SSN]").replace("4111 1111 1111 1111", "[CARD]");
                assert_eq!(out, expected, "{filler} {place}");
            }
        }
    }
}

#[test]
fn secret_that_is_longer_than_the_window_is_swallowed_to_its_end() {
    let detector = detector(Form::Label);
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\\n".repeat(300);
    let key = format!("-----BEGIN PRIVATE KEY-----\\n{body}-----END PRIVATE KEY-----");
    let payload = "eyJzdWIiOiIxMjM0NTY3ODkwIn0".repeat(400);
    let token =
        format!("eyJhbGciOiJIUzI1NiJ9.{payload}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJVadQssw5c");
    for before in [0, 10, 1000, 3000, 4000, 5000] {
        let filler = "ab ".repeat(before / 3);
        let text = format!("[\"{filler}{key} then a@b.de {token}, {filler} a@b.de\", \"a@b.de\"]");
        let expected = format!(
            "[\"{filler}[PRIVATE_KEY] then [EMAIL] [JWT], {filler} [EMAIL]\", \"[EMAIL]\"]"
        );
        assert_eq!(streamed(&detector, Kind::Json, &text), expected);
        assert_eq!(
            streamed(&detector, Kind::Text, &text.replace("\\n", "\n").replace('"', "")),
            expected.replace('"', "")
        );
    }
}

#[test]
fn blob_that_is_no_secret_passes() {
    let detector = detector(Form::Label);
    let blob = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk".repeat(1000);
    let text = format!("[{{\"type\":\"image\",\"data\":\"{blob}\"}}]");
    assert_eq!(streamed(&detector, Kind::Json, &text), text);
}

#[test]
fn encoded_text_that_is_too_long_to_be_decoded_is_hidden() {
    let detector = detector(Form::Label);
    let text = "Nobody but jane.roe@example.com reads this. ".repeat(300);
    let blob = STANDARD.encode(text);
    let text = format!("[{{\"mimeType\":\"text/plain\",\"blob\":\"{blob}\"}},\"a@b.de\"]");
    let out = streamed(&detector, Kind::Json, &text);
    assert_eq!(out, "[{\"mimeType\":\"text/plain\",\"blob\":\"[SECRET]\"},\"[EMAIL]\"]");
}

#[test]
fn json_in_a_long_log_is_read_as_json() {
    let detector = detector(Form::Label);
    let line = |n: usize| {
        format!("2026-01-02T03:04:05Z INFO took {n} ms\n{}\ndata: {}\n\n", record(n), record(n))
    };
    let text: String = (0..50).map(line).collect();
    let out = streamed(&detector, Kind::Text, &text);
    for secret in SECRETS {
        assert!(!out.contains(secret), "{secret} in {out}");
    }
    let read = |line: &str| serde_json::from_str::<Tree>(line).unwrap();
    for lines in out.split("\n\n").filter(|lines| !lines.is_empty()) {
        let mut lines = lines.lines();
        assert!(lines.next().unwrap().starts_with("2026-01-02T03:04:05Z INFO took "));
        assert_eq!(read(lines.next().unwrap())["ssn"], 0);
        assert_eq!(read(lines.next().unwrap().strip_prefix("data: ").unwrap())["ssn"], 0);
    }
}

#[test]
fn head_of_a_table_explains_its_cells_to_the_end() {
    let detector = detector(Form::Label);
    let tables = [
        ("id,ssn,note\n", ",", "", ""),
        ("id\tssn\tnote\n", "\t", "", ""),
        ("| id | ssn | note |\n|---|---|---|\n", " | ", "| ", " |"),
    ];
    for (head, between, begin, end) in tables {
        let row = |n: usize| {
            let cells = [n.to_string(), String::from("219099999"), format!("order 4111{n:05}")];
            format!("{begin}{}{end}\n", cells.join(between))
        };
        let rows: String = (1000..2000).map(row).collect();
        let text = format!("{head}{rows}\nAll of them, 219-09-9999 as well.\n");
        let expected = text.replace("219099999", "[US_SSN]").replace("219-09-9999", "[US_SSN]");
        assert_eq!(streamed(&detector, Kind::Text, &text), expected);
        let json = json!({ "text": text }).to_string();
        assert_eq!(streamed(&detector, Kind::Json, &json), json!({ "text": expected }).to_string());
    }
}

#[test]
fn value_found_once_is_hidden_from_there_on() {
    let detector = detector(Form::Label);
    let filler: Vec<String> = (0..2_000).map(|n| format!("item {n}")).collect();
    let text = json!([{"phone": "2125550147"}, filler, {"x": 2_125_550_147_u64}]).to_string();
    let out = streamed(&detector, Kind::Json, &text);
    assert!(!out.contains("2125550147"));
    // Beyond the bound the latest count.
    let phones: Vec<Tree> =
        (0..=STREAM_KNOWN_MAX).map(|n| json!({"phone": format!("21255501{n:02}")})).collect();
    let text = json!([phones, filler, {"x": 2_125_550_100_u64, "y": 2_125_550_101_u64}]);
    let out = streamed(&detector, Kind::Json, &text.to_string());
    assert!(out.contains("2125550100") && !out.contains("2125550101"));
}

#[test]
fn redacted_names_stay_distinct_over_pieces() {
    let detector = detector(Form::Label);
    let names: Vec<String> = (0..2_000).map(|n| format!("\"a{n}@b.de\":{n}")).collect();
    let text = format!("{{\"[EMAIL_7]\":0,{}}}", names.join(","));
    let out = streamed(&detector, Kind::Json, &text);
    let out: Tree = serde_json::from_str(&out).unwrap();
    assert_eq!(out.as_object().unwrap().len(), 2_001);
}
