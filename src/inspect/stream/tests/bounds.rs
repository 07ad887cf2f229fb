//! What a stream refuses, and what it may cost.

use super::{drive, record, records};
use crate::class::{Class, ClassSet, Form};
use crate::inspect::stream::{Kind, Stream, StreamError};
use crate::inspect::tests::detector;
use crate::limits::{
    STREAM_DEPTH_MAX, STREAM_HELD_BYTES_MAX, STREAM_NAMES_BYTES_MAX, STREAM_PATHS_BYTES_MAX,
    STREAM_STATE_BYTES_MAX, STREAM_TEXTS_BYTES_MAX, STREAM_TEXTS_MAX,
};

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
fn texts_that_a_name_explained_are_remembered_up_to_a_bound() {
    let detector = detector(Form::Label);
    let texts_max = STREAM_TEXTS_MAX.min(STREAM_TEXTS_BYTES_MAX / 20);
    let password = |n: usize| format!("kX9-vq{n:03}-Zt7pL");
    let record = |n: usize| format!("{{\"password\":\"{}\"}},", password(n));
    let records: String = (0..=texts_max).map(record).collect();
    let filler = "\"some words\",".repeat(1_000);
    let text = format!("[{records}{filler}\"{}\",\"{}\"]", password(0), password(texts_max));
    let stream = Stream::new(&detector, ClassSet::empty(), Kind::Json);
    let (out, _) = drive(stream, [text.as_bytes()]).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(&password(0)) && !out.contains(&password(texts_max)), "{out}");
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
        assert!(memchr::memmem::find(&out, b"jane.roe").is_none());
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
    redact_much(if cfg!(debug_assertions) { 4 << 20 } else { 64 << 20 }, &much(), Kind::Json);
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
