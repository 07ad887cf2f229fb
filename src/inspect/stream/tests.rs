//! Promises of redaction in streams.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value as Tree, json};

use super::{Kind, Stream, StreamError, Summary};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::tests::{detector, parse};
use crate::inspect::{Counts, Detector};
use crate::limits::{
    STREAM_DEPTH_MAX, STREAM_HELD_BYTES_MAX, STREAM_KNOWN_MAX, STREAM_NAMES_BYTES_MAX,
    STREAM_PATHS_BYTES_MAX, STREAM_STATE_BYTES_MAX, STREAM_TEXTS_BYTES_MAX, STREAM_TEXTS_MAX,
};

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
            for at in 0..text.len() {
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

#[test]
fn broken_json_is_an_error_and_what_was_held_stays_back() {
    let detector = detector(Form::Label);
    let cases: [(&str, &str); 12] = [
        ("{\"a\":1", "expected the rest of the value at byte 6"),
        ("[1,]", "expected a value at byte 3"),
        ("[1 2]", "expected `,` or `]` at byte 3"),
        ("{\"a\" 1}", "expected `:` at byte 5"),
        ("{1:2}", "expected a member name or `}` at byte 1"),
        ("[\"a\u{1}\"]", "expected an escaped control character at byte 3"),
        ("[\"\\x\"]", "expected an escape at byte 2"),
        ("[\"\\ud800x\"]", "lone surrogate escape at byte 2"),
        ("[01]", "expected the end of the number at byte 2"),
        ("[1.]", "expected a digit at byte 1"),
        ("[\"abc", "expected `\"` at byte 5"),
        ("[tru]", "expected a value at byte 1"),
    ];
    for (text, error) in cases {
        let stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
        let found = drive(stream, [text.as_bytes()]).unwrap_err().to_string();
        assert_eq!(found, error, "{text}");
        // The same behind a megabyte that is fine.
        let before = records(2_000).to_string();
        let text = format!("{before}\n{text} a@b.de");
        let mut stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
        let mut out = Vec::new();
        let pushed = stream.push(text.as_bytes(), &mut out);
        let found = pushed.and_then(|()| stream.finish(&mut out).map(drop)).unwrap_err();
        assert!(found.to_string().ends_with(|last: char| last.is_ascii_digit()), "{found}");
        assert!(!String::from_utf8(out).unwrap().contains("a@b.de"));
    }
    let mut stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
    let bytes = [b"[\"", &[0xFF][..], b"\"]"].concat();
    let mut out = Vec::new();
    stream.push(&bytes, &mut out).unwrap();
    assert_eq!(stream.finish(&mut out).unwrap_err(), StreamError::Utf8 { offset: 2 });
    assert!(out.is_empty());
}

#[test]
fn what_is_too_deep_or_too_long_is_an_error() {
    let detector = detector(Form::Label);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let run = |text: &str| {
        drive(Stream::new(&detector, ClassSet::empty(), Kind::Json), [text.as_bytes()])
    };
    assert!(run(&deep(STREAM_DEPTH_MAX)).is_ok());
    let offset = u64::try_from(STREAM_DEPTH_MAX).unwrap();
    assert_eq!(run(&deep(STREAM_DEPTH_MAX + 1)).unwrap_err(), StreamError::Depth { offset });
    let name = "n".repeat(STREAM_HELD_BYTES_MAX);
    assert_eq!(
        run(&format!("{{\"{name}\":1}}")).unwrap_err(),
        StreamError::NameLength { offset: 1 }
    );
    let name = "n".repeat(STREAM_NAMES_BYTES_MAX + 1);
    let value = "v ".repeat(STREAM_HELD_BYTES_MAX);
    let found = run(&format!("{{\"{name}\":\"{value}\"}}")).unwrap_err();
    assert!(matches!(found, StreamError::Names { .. }), "{found}");
}

/// As much state as there can be: every level named, every memory full, every place another.
#[test]
fn state_has_a_bound_whatever_the_stream() {
    let detector = detector(Form::Label);
    let level = |n: usize| format!("{{\"customer_{n}\":");
    let open: String = (0..STREAM_DEPTH_MAX - 2).map(level).collect();
    let member = |n: usize| {
        format!(
            "\"some_longer_name_{}\":{{\"phone\":\"2125{:06}\",\"password\":\"hunter{n}x%k\"}},",
            ["a", "b", "c", "d"].map(|letter| letter.repeat(n % 11)).concat(),
            550_000 + n,
        )
    };
    let members: String = (0..3_000).map(member).collect();
    let long = "word ".repeat(4_000);
    let close = "}".repeat(STREAM_DEPTH_MAX - 2);
    let text = format!("{open}{{{members}\"text\":\"{long}\"}}{close}");
    let mut stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
    let mut out = Vec::new();
    let mut most = 0;
    for chunk in text.as_bytes().chunks(1_000) {
        stream.push(chunk, &mut out).unwrap();
        most = most.max(stream.state_bytes());
        let paths = stream.summary().places.iter().map(|seen| seen.path.len()).sum::<usize>();
        assert!(paths <= STREAM_PATHS_BYTES_MAX);
    }
    assert!(most <= STREAM_STATE_BYTES_MAX, "{most}");
    assert!(most >= STREAM_HELD_BYTES_MAX + STREAM_DEPTH_MAX * 32, "{most}");
    assert!(stream.finish(&mut out).unwrap().counts.of(Class::Phone) >= 3_000);
    assert!(STREAM_TEXTS_MAX * 32 + STREAM_TEXTS_BYTES_MAX < 1024);
}

/// Redacts so much of an endless message, and asserts the size of the state on the way.
fn redact_much(bytes: usize, text: &str, kind: Kind) {
    let detector = detector(Form::Label);
    let mut stream = Stream::new(&detector, ClassSet::empty(), kind);
    let (mut out, mut given, mut taken) = (Vec::new(), 0, 0);
    stream.push(b"[", &mut out).unwrap();
    while taken < bytes {
        stream.push(text.as_bytes(), &mut out).unwrap();
        taken += text.len();
        assert!(stream.state_bytes() <= STREAM_STATE_BYTES_MAX, "{}", stream.state_bytes());
        assert!(!out.windows(8).any(|window| window == b"jane.roe"));
        given += out.len();
        out.clear();
        assert!(taken.abs_diff(given) < taken);
    }
    stream.push(b"0]", &mut out).unwrap();
    let summary = stream.finish(&mut out).unwrap();
    assert!(summary.counts.of(Class::Email) > 0);
}

fn much() -> String {
    (0..500).map(|number| format!("{},\n", record(number))).collect()
}

#[test]
fn message_of_64_mib_takes_no_more_state_than_a_small_one() {
    redact_much(64 << 20, &much(), Kind::Json);
}

#[test]
#[ignore = "takes seconds in release and minutes without"]
fn message_of_1_gib_takes_no_more_state_than_a_small_one() {
    redact_much(1 << 30, &much(), Kind::Json);
    redact_much(1 << 30, &much(), Kind::Text);
}

/// Quadratic work on any of these would take minutes, which a test run does not survive.
#[test]
fn hostile_streams_are_answered_in_linear_time() {
    let detector = detector(Form::Label);
    let pieces = [
        "1",
        "1 ",
        "1\n",
        "[",
        "[]",
        "[],",
        "{\"a\":",
        "{}",
        "\"",
        "\"\",",
        "\\",
        "\\\\",
        "\\u0041",
        "a@",
        "@",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9.",
        "AKIA",
        "\n{\"",
        "[\"",
        "data: {\"",
        "\u{200b}",
        "4111 1111 1111 111",
        "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ssn ",
        "{\\\"a\\\":",
        "[\\\"",
        "x",
        "é",
        " ",
    ];
    for piece in pieces {
        for begin in ["", "[\"", "[\"{\\\"a\\\":\\\"", "{\"a\":\"[\\\"[\\\\\\\""] {
            for kind in [Kind::Json, Kind::Text] {
                let text = format!("{begin}{}", piece.repeat(100_000 / piece.len()));
                let mut stream = Stream::new(&detector, ClassSet::empty(), kind);
                let mut out = Vec::new();
                let pushed = stream.push(text.as_bytes(), &mut out);
                let ended = pushed.and_then(|()| stream.finish(&mut out).map(drop));
                assert!(kind == Kind::Json || ended.is_ok(), "{piece} {begin} {ended:?}");
            }
        }
    }
}

#[test]
fn flush_gives_out_what_is_complete() {
    let detector = detector(Form::Label);
    let mut out = Vec::new();
    let mut stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
    stream.push(b"{\"a\":\"a@b.de\"}\n{\"a\":", &mut out).unwrap();
    assert!(out.is_empty());
    stream.flush(&mut out).unwrap();
    assert_eq!(out, b"{\"a\":\"[EMAIL]\"}\n");
    let mut out = Vec::new();
    let mut stream = Stream::new(&detector, ClassSet::empty(), Kind::Text);
    stream.push(b"to a@b.de\nto a@", &mut out).unwrap();
    stream.flush(&mut out).unwrap();
    assert_eq!(out, b"to [EMAIL]\n");
    stream.push(b"b.de\n", &mut out).unwrap();
    stream.finish(&mut out).unwrap();
    assert_eq!(out, b"to [EMAIL]\nto [EMAIL]\n");
}

/// JSON with long and short strings, in which strings are JSON again.
fn trees() -> impl Strategy<Value = Tree> {
    let word = prop::sample::select(vec![
        "jane.roe@example.com",
        "078-05-1120",
        "4111111111111111",
        "ssn: ",
        "\n",
        " ",
        "\"",
        "\\",
        "é",
        "\u{200b}",
        "７８",
        "[",
        "{\"a\":",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "]",
        "}",
        ",",
        "x",
        "12",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "ghp_",
        "@",
        "😀",
    ]);
    let text = prop::collection::vec(word, 0..40).prop_map(|words| words.concat());
    let leaf = prop_oneof![
        text.clone().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        Just(Tree::from(219_099_999)),
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
    ];
    let name =
        prop_oneof![Just(String::from("ssn")), Just(String::from("text")), "[a-c]{1,3}", text];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            prop::collection::vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
            inner.prop_map(|tree| Tree::from(tree.to_string())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Json, Kind::Text])
}

proptest! {
    #[test]
    fn splits_of_any_message_give_the_same_result(
        tree in trees(),
        kind in kinds(),
        window in 64_usize..1024,
        sizes in prop::collection::vec(1_usize..300, 1..40),
    ) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        let whole = drive(small(&detector, kind, window), [text.as_bytes()]);
        let (mut rest, mut chunks) = (text.as_bytes(), Vec::new());
        for size in sizes.iter().cycle() {
            let (chunk, later) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let parts = drive(small(&detector, kind, window), chunks);
        match (whole, parts) {
            (Ok((whole, counts)), Ok((parts, same))) => {
                prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&parts));
                prop_assert_eq!(counts.counts, same.counts);
            }
            (whole, parts) => {
                // Only a name that is longer than the window.
                prop_assert!(whole.is_err() && parts.is_err(), "{:?} {:?}", whole, parts);
            }
        }
    }

    #[test]
    fn any_message_stays_json_and_what_may_be_seen_stays(tree in trees(), window in 256_usize..1024) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        if let Ok((out, _)) = drive(small(&detector, Kind::Json, window), [text.as_bytes()]) {
            prop_assert!(serde_json::from_slice::<Tree>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        }
        for kind in [Kind::Json, Kind::Text] {
            let stream = Stream { reveal: ClassSet::all(), ..small(&detector, kind, window) };
            if let Ok((out, _)) = drive(stream, [text.as_bytes()]) {
                prop_assert_eq!(String::from_utf8_lossy(&out), &text[..]);
            }
        }
    }

    #[test]
    fn message_that_fits_gives_what_a_whole_one_gives(tree in trees()) {
        let detector = detector(Form::Label);
        let text = tree.to_string();
        if text.len() < STREAM_HELD_BYTES_MAX {
            prop_assert_eq!(streamed(&detector, Kind::Json, &text), planned(&detector, &text));
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..3000), window in 64_usize..600) {
        let detector = detector(Form::Label);
        let stream = Stream { reveal: ClassSet::all(), ..small(&detector, Kind::Text, window) };
        let (out, _) = drive(stream, [&bytes[..]]).unwrap();
        prop_assert_eq!(out, bytes.clone());
        let _ = drive(small(&detector, Kind::Json, window), [&bytes[..]]);
    }
}
