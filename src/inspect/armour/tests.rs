//! Text is found in runs, written back as it was, and nothing else is taken for text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{Run, run_around};

const RECORD: &str = r#"{"name":"Jane Roe","mail":"jane@example.com","ssn":"078-05-1120"}"#;

/// The text in the run around the first place where `mark` stands.
fn text_at(text: &str, mark: &str) -> Option<String> {
    let run = run_around(text.as_bytes(), text.find(mark).unwrap(), 0)?;
    run.decode(text.as_bytes(), 1 << 20).map(|text| String::from_utf8(text).unwrap())
}

fn run_of(text: &str, mark: &str) -> Run {
    run_around(text.as_bytes(), text.find(mark).unwrap(), 0).unwrap()
}

/// Breaks symbols into lines.
fn wrapped(symbols: &str, width: usize, ending: &str) -> String {
    let lines: Vec<_> = symbols.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
    lines.join(ending)
}

#[test]
fn text_in_base64_is_read_from_any_place_in_it() {
    let symbols = STANDARD.encode(RECORD);
    let text = format!("blob: {symbols}, end");
    for at in 6..6 + symbols.trim_end_matches('=').len() {
        let run = run_around(text.as_bytes(), at, 0).unwrap();
        assert_eq!(&text[run.start()..run.end()], symbols);
        assert_eq!(run.decode(text.as_bytes(), 1000).unwrap(), RECORD.as_bytes());
    }
}

#[test]
fn all_the_places_of_base64_are_known() {
    let symbols = STANDARD.encode("jane@example.com");
    for text in [
        format!("data:text/plain;base64,{symbols}"),
        format!("=?utf-8?B?{symbols}?="),
        format!("Authorization: Basic {symbols}"),
        format!("\"{symbols}\""),
        format!("https://x.de/raw/{symbols}"),
        format!("id-{}", URL_SAFE_NO_PAD.encode("jane@example.com")),
        format!("<b>{symbols}</b>"),
        format!("k={symbols}&l=1"),
    ] {
        assert_eq!(text_at(&text, "ZUBleG").as_deref(), Some("jane@example.com"), "{text}");
    }
    assert_eq!(text_at("Basic YTpiY2RlZg==", "pi").as_deref(), Some("a:bcdef"));
    assert_eq!(text_at("x YTpiY2RlZg==", "pi"), None);
}

#[test]
fn lines_of_mail_and_of_keys_are_one_run() {
    let long = RECORD.repeat(5);
    for (width, ending) in [(76, "\r\n"), (64, "\n"), (72, "\n"), (60, "\n")] {
        let symbols = wrapped(&STANDARD.encode(&long), width, ending);
        let text = format!("head: x{ending}{ending}{symbols}{ending}{ending}behind it");
        let from = text.find(&symbols).unwrap();
        for at in (from..from + symbols.len() - 2).step_by(31) {
            if matches!(text.as_bytes()[at], b'\r' | b'\n') {
                continue;
            }
            let run = run_around(text.as_bytes(), at, 0).unwrap();
            assert_eq!(&text[run.start()..run.end()], symbols, "{at}");
            assert_eq!(run.decode(text.as_bytes(), 1000).unwrap(), long.as_bytes());
            assert_eq!(run.encode_like(long.as_bytes()), symbols.as_bytes());
        }
    }
}

#[test]
fn a_line_of_words_behind_a_run_is_none_of_it() {
    let symbols = wrapped(&STANDARD.encode(RECORD.repeat(3).get(..144).unwrap()), 64, "\n");
    assert_eq!(symbols.lines().last().map(str::len), Some(64));
    let text = format!("{symbols}\nThe end of it");
    assert_eq!(run_of(&text, "J").end(), symbols.len());
}

#[test]
fn what_is_written_back_has_the_alphabet_padding_and_lines_it_had() {
    let other = "{\"mail\":\"[EMAIL]\",\"b\":\"ÿþ??>>\"}";
    for (symbols, expected) in [
        (STANDARD.encode(RECORD), STANDARD.encode(other)),
        (STANDARD_NO_PAD.encode(RECORD), STANDARD_NO_PAD.encode(other)),
    ] {
        assert_eq!(run_of(&symbols, "J").encode_like(other.as_bytes()), expected.as_bytes());
    }
    let symbols = URL_SAFE_NO_PAD.encode("{\"a\":\"???>>>\",\"mail\":\"jane@example.com\"}");
    assert!(symbols.contains(['-', '_']));
    assert_eq!(
        run_of(&symbols, "ey").encode_like(other.as_bytes()),
        URL_SAFE_NO_PAD.encode(other).as_bytes()
    );
}

#[test]
fn utf_16_is_read_and_written() {
    let le: Vec<u8> = RECORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = RECORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [le, be] {
        let symbols = STANDARD.encode(&bytes);
        assert_eq!(text_at(&symbols, "A").as_deref(), Some(RECORD));
        let run = run_of(&symbols, "A");
        assert_eq!(STANDARD.decode(run.encode_like(RECORD.as_bytes())).unwrap(), bytes);
    }
}

#[test]
fn text_in_hexadecimal_digits_is_read_and_written() {
    let lower: String = RECORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    for digits in [lower.clone(), lower.to_uppercase()] {
        for text in [digits.clone(), format!("x'{digits}'"), format!("0x{digits}")] {
            assert_eq!(text_at(&text, "22").as_deref(), Some(RECORD), "{text}");
            let run = run_of(&text, "22");
            assert_eq!(&text[run.start()..run.end()], digits);
            assert_eq!(run.encode_like(RECORD.as_bytes()), digits.as_bytes());
        }
    }
}

#[test]
fn words_digests_and_paths_are_no_text() {
    for text in [
        "internationalization",
        "Donaudampfschifffahrtsgesellschaft",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "D41D8CD98F00B204E9800998ECF8427E",
        "550e8400-e29b-41d4-a716-446655440000",
        "src/inspect/armour/extent/widths",
        "com_example_gateway_RequestHandler",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0000000000000000000000000000000000000000",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
        "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQ",
        "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBS",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo",
        "AAAAB3NzaC1yc2EAAAADAQABAAABAQC7VJTUt9Us8cKjMzEfYyjiWA4R4",
    ] {
        let run = run_around(text.as_bytes(), 3, 0);
        assert!(run.is_none_or(|run| run.decode(text.as_bytes(), 1 << 20).is_none()), "{text}");
    }
}

#[test]
fn a_run_of_random_bytes_is_passed_over_as_a_whole() {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()[5]
    })
    .take(100_000)
    .collect();
    let symbols = STANDARD.encode(noise);
    let run = run_around(symbols.as_bytes(), 50_000, 0).unwrap();
    assert_eq!((run.start(), run.end(), run.is_text()), (0, symbols.len(), false));
}

#[test]
fn a_text_beyond_the_budget_is_known_and_not_decoded() {
    let symbols = STANDARD.encode(RECORD);
    let run = run_of(&symbols, "J");
    assert!(run.is_text());
    assert_eq!(run.decode(symbols.as_bytes(), RECORD.len() - 10), None);
    assert!(run.decode(symbols.as_bytes(), RECORD.len()).is_some());
}

#[test]
fn nothing_before_the_floor_is_taken() {
    let symbols = STANDARD.encode(RECORD);
    let text = symbols.as_str();
    let run = run_around(text.as_bytes(), 40, 20).unwrap();
    assert_eq!(run.start(), 20);
    assert!(run_around(text.as_bytes(), 10, 20).is_none());
    assert!(run_around(text.as_bytes(), text.len(), 0).is_none());
    assert!(run_around(b"", 0, 0).is_none());
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_back(
        text in "[ -~]{12,200}",
        width in prop::sample::select(vec![0, 64, 76]),
        before in prop::sample::select(vec!["", "data:text/plain;base64,", "blob=\"", "x\n\n"]),
        place in 0..1000_usize,
    ) {
        let symbols = STANDARD.encode(&text);
        let symbols = if width == 0 { symbols } else { wrapped(&symbols, width, "\n") };
        let whole = format!("{before}{symbols}\"");
        let place = place * symbols.trim_end_matches('=').len() / 1000;
        let at = before.len() + place;
        prop_assume!(whole.as_bytes()[at] != b'\n');
        let run = run_around(whole.as_bytes(), at, 0).unwrap();
        prop_assume!(run.is_text());
        prop_assert_eq!(&whole[run.start()..run.end()], &symbols);
        prop_assert_eq!(run.decode(whole.as_bytes(), 1000).unwrap(), text.as_bytes());
        prop_assert_eq!(run.encode_like(text.as_bytes()), symbols.as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(
        text in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(b"abcXYZ019+/-_=\r\n ".to_vec()),
            1 => any::<u8>(),
        ], 0..400),
        at in 0..400_usize,
        floor in 0..400_usize,
    ) {
        if let Some(run) = run_around(&text, at, floor) {
            prop_assert!(floor <= run.start() && run.start() < run.end());
            prop_assert!(run.end() <= text.len());
            if let Some(decoded) = run.decode(&text, 1 << 20) {
                run.encode_like(&decoded);
            }
        }
    }

    #[test]
    fn a_run_reaches_beyond_the_place_that_was_asked(
        text in "[a-zA-Z0-9+/_-]{16,300}",
        place in 0..1000_usize,
    ) {
        let at = place * text.len() / 1000;
        if let Some(run) = run_around(text.as_bytes(), at, 0) {
            prop_assert!(run.start() <= at && at <= run.end());
        }
    }
}
