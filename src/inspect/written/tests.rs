//! What is written in another way is read, leads back to its bytes, and costs nothing elsewhere.

use proptest::prelude::*;

use super::marks::Marks;
use crate::inspect::view::{Layer, View};

fn read(text: &str) -> Option<String> {
    View::written(text.as_bytes()).map(|view| String::from_utf8(view.text).unwrap())
}

fn reads(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read(text).as_deref(), Some(*expected), "{text}");
    }
}

fn stays(texts: &[&str]) {
    for text in texts {
        assert_eq!(read(text), None, "{text}");
    }
}

/// The source text that a part of the view came from.
fn back<'s>(source: &'s str, part: &str) -> &'s str {
    let view = View::written(source.as_bytes()).unwrap();
    let start = String::from_utf8(view.text.clone()).unwrap().find(part).unwrap();
    let range = Layer::wire(0).viewed(&view).range(start, start + part.len());
    &source[range]
}

#[test]
fn percent_encoding_is_read() {
    reads(&[
        ("jane%40example.com", "jane@example.com"),
        ("jane%2Broe%40example%2ecom", "jane+roe@example.com"),
        ("caf%C3%A9 caf%e9 %E2%82%AC", "café café €"),
        ("078%E2%80%9105%C2%A01120", "078-05 1120"),
        ("a%u0040b", "a@b"),
    ]);
    stays(&["100% of", "%zz %4", "50 %", "%", "%u00", "5 %2"]);
}

#[test]
fn a_plus_is_a_blank_in_a_query_only() {
    reads(&[
        ("https://x.de/?q=078+05+1120", "https://x.de/?q=078 05 1120"),
        ("/s?a=1+2 3+4 b+c", "/s?a=1 2 3+4 b+c"),
        ("/s?a=%2B1+212", "/s?a=+1 212"),
    ]);
    stays(&["1+2", "a=1+2", "what?1+2", "jane+roe@example.com", "x?a=1#2+3"]);
}

#[test]
fn references_of_html_are_read() {
    reads(&[
        ("jane&#64;example&#46;com", "jane@example.com"),
        ("jane&#x40;example&#X2e;com", "jane@example.com"),
        ("jane&#0000064example.com", "jane@example.com"),
        ("jane&commat;example&period;com", "jane@example.com"),
        ("078&nbsp;05&hyphen;1120", "078 05-1120"),
        ("078&#150;05&#8209;1120", "078-05-1120"),
        ("07&shy;8&ZeroWidthSpace;05&#8203;1120", "078051120"),
        ("&lpar;212&rpar; 555&ndash;0147", "(212) 555-0147"),
        ("a&lowbar;b&colon;c", "a_b:c"),
        ("J&uuml;rgen &Aopf;", "Jürgen A"),
        ("{&quot;ssn&quot;:&apos;1&apos;}", "{\"ssn\":'1'}"),
    ]);
    stays(&[
        "AT&T",
        "a & b",
        "?a=1&b=2",
        "&unknown;",
        "&#;",
        "&#x;",
        "&#xD800;",
        "&#1114112;",
        "&amp",
    ]);
}

#[test]
fn escapes_of_source_code_and_markdown_are_read() {
    reads(&[
        (r"jane\u0040example.com", "jane@example.com"),
        (r"jane\u{40}example\x2ecom", "jane@example.com"),
        (r"jane\U00000040example", "jane@example"),
        (r"caf\xc3\xa9 caf\xe9 \ud83d\ude00", "café café 😀"),
        (r"bj\303\266rn \343\201\202 \360\237\230\200", "björn あ 😀"),
        (r"jane\_roe@example\.com 078\-05", "jane_roe@example.com 078-05"),
    ]);
    stays(&[r"C:\new\temp", r"\u00", r"\xg0", r"\ud83d", r"\u{110000}", r"a\\b", "\\", r"\u{"]);
    stays(&[r"D:\303\12", r"\303", r"\303\303", r"\266\303", r"\343\201", r"a\1b", r"\389\266"]);
}

#[test]
fn quoted_printable_is_read() {
    reads(&[
        ("jane=40example.com", "jane@example.com"),
        ("jane=2Eroe@exam=\r\nple.com", "jane.roe@example.com"),
        ("078-05-=\n1120", "078-05-1120"),
        ("=30=37=38=2D05", "078-05"),
        ("J=C3=BCrgen J=FCrgen", "Jürgen Jürgen"),
    ]);
    stays(&[
        "limit=40",
        "a=20&b=30",
        "x=3",
        "color=FF0000",
        "a =\n b",
        "id=12ab",
        "a==\n",
        "size=25",
    ]);
}

#[test]
fn padding_of_base64_is_no_soft_line_break() {
    // "mail jane@example.com today please", and what stands in the next line.
    let padded = "bWFpbCBqYW5lQGV4YW1wbGUuY29tIHRvZGF5IHBsZWFzZS4=";
    stays(&[&format!("{padded}\nhello\n"), &format!("key: {padded}\r\n--boundary--\r\n")]);
    // Quoted-printable cuts where its lines are full, within base64 too.
    let coded = padded[..44].repeat(3);
    let (line, rest) = coded.split_at(75);
    reads(&[(&format!("{line}=\n{rest}"), &coded)]);
    // A run that is no text says nothing.
    reads(&[("0123456789abcdef012=\nghi", "0123456789abcdef012ghi")]);
}

#[test]
fn encoded_words_are_read() {
    reads(&[
        ("=?utf-8?Q?jane=40example=2Ecom?=", "=?utf-8?Q?jane@example.com?="),
        ("=?iso-8859-1?q?J=FCrgen_Roe?= <x>", "=?iso-8859-1?q?Jürgen Roe?= <x>"),
        ("=?utf-8?Q?078-05?=\r\n =?utf-8?Q?-1120?= a_b", "=?utf-8?Q?078-05-1120?= a_b"),
        ("=?us-ascii?Q?=30=37_8?=", "=?us-ascii?Q?07 8?="),
    ]);
    stays(&["=?utf-8?B?aGVsbG8=?=", "=??Q?a_b?=", "x=?y"]);
}

#[test]
fn addresses_that_are_spelled_out_are_read() {
    reads(&[
        ("jane [at] example [dot] com", "jane@example.com"),
        ("jane(at)example(dot)com", "jane@example.com"),
        ("jane{AT}example.com", "jane@example.com"),
        ("jane <at> example.com", "jane@example.com"),
        ("jane at example dot com", "jane@example.com"),
        ("jane dot roe at mail dot example dot com", "jane.roe@mail.example.com"),
        ("Jane AT example DOT com", "Jane@example.com"),
        ("jane at example [dot] com", "jane@example.com"),
        ("jane[@]example[.]com, 203[.]0[.]113(.)7", "jane@example.com, 203.0.113.7"),
    ]);
    stays(&[
        "we met at noon",
        "find us at example.com",
        "the dot product",
        "look at the dot above",
        "a (attached) [data] <div> {at} x",
        "at dot at",
        "we met at a dot com party",
        "f(a) [1] (.)",
    ]);
}

#[test]
fn encodings_of_encodings_are_read() {
    reads(&[
        ("jane%2540example.com", "jane@example.com"),
        ("jane&amp;#64;example.com", "jane@example.com"),
        ("jane%26%2364%3Bexample.com", "jane@example.com"),
        ("jane%5Bat%5Dexample.com", "jane@example.com"),
        (r"jane\u0026#64;example.com", "jane@example.com"),
        ("jane%252540example.com", "jane@example.com"),
        ("jane%25252540example.com", "jane%40example.com"),
    ]);
}

#[test]
fn what_is_read_leads_back_to_whole_sequences() {
    assert_eq!(back("to jane%40example.com!", "jane@example.com"), "jane%40example.com");
    assert_eq!(back("x%20jane%2540example.com%20y", "jane@example.com"), "jane%2540example.com");
    assert_eq!(back("a&amp;#64;b&amp;#64;c", "@b@"), "&amp;#64;b&amp;#64;");
    assert_eq!(back("a %E2%82%AC%C3%A9 b", "é"), "%C3%A9");
    assert_eq!(
        back("a jane [at] example [dot] com b", "jane@example.com"),
        "jane [at] example [dot] com"
    );
    assert_eq!(back("=?utf-8?Q?jane=40example.com?=", "jane@example.com"), "jane=40example.com");
    assert_eq!(back("=?u?Q?078-05?= =?u?Q?-1120?=", "078-05-1120"), "078-05?= =?u?Q?-1120");
    assert_eq!(back("%26%2364%3Bx%25%340y", "x@y"), "x%25%340y");
}

#[test]
fn what_stands_there_plainly_is_told_from_what_was_decoded() {
    let view = View::written(b"a@b.de %40 c@d.de e%40f.de").unwrap();
    assert_eq!(view.text, b"a@b.de @ c@d.de e@f.de");
    let whole = [(0, 6), (9, 15), (16, 22), (7, 8), (16, 18)];
    let verbatim: Vec<_> = whole.into_iter().map(|(a, b)| view.is_verbatim(a, b)).collect();
    assert_eq!(verbatim, [true, true, false, false, false]);
}

/// What takes minutes where time is not linear.
#[test]
fn hostile_texts_are_read_to_the_end() {
    for piece in [
        "%",
        "%25",
        "%252525",
        "&a",
        "&#000000",
        " at a",
        "a at a dot ",
        "a=\n",
        "?a=1+",
        "a+",
        "[at]",
        "[at]a",
        "=?u?Q?_",
        "?= =?u?Q?",
        "\\u0041",
        "\\u{",
        "=41",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        if let Some(view) = View::written(text.as_bytes()) {
            assert!(view.text.len() <= text.len(), "{piece}");
        }
    }
}

/// Texts in which the parts of sequences meet.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "%",
        "%4",
        "%40",
        "%25",
        "%C3",
        "%A9",
        "%u0040",
        "&",
        "#",
        "64",
        ";",
        "&#64;",
        "&amp;",
        "&#x",
        "&commat;",
        "\\",
        "u0040",
        "\\u{",
        "40",
        "}",
        "\\x",
        "=",
        "=40",
        "=3D",
        "=\r\n",
        "=\n",
        "=?utf-8?Q?",
        "?=",
        " ",
        "_",
        " at ",
        " dot ",
        "[at]",
        "(dot)",
        "[",
        "at",
        "]",
        "?a=",
        "+",
        "1",
        "a",
        "jane",
        "example",
        ".",
        "com",
        "é",
        "\u{200b}",
        "７",
        "²",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_way_back_never_turns_round(text in texts()) {
        if let Some(view) = View::written(&text) {
            let layer = Layer::wire(0).viewed(&view);
            let mut last = 0;
            for at in 0..=view.text.len() {
                let here = layer.out(at);
                prop_assert!(here >= last && here <= text.len(), "{at} {here} {last}");
                last = here;
            }
            prop_assert_eq!(layer.out(view.text.len()), text.len());
        }
    }

    #[test]
    fn what_stands_plainly_is_the_same_in_the_source(text in texts()) {
        if let Some(view) = View::written(&text) {
            let layer = Layer::wire(0).viewed(&view);
            for start in 0..view.text.len() {
                for end in start + 1..=view.text.len().min(start + 12) {
                    let inside = |at: usize| view.text.get(at).is_some_and(|byte| *byte >= 0x80);
                    if !inside(start) && !inside(end) && view.is_verbatim(start, end) {
                        prop_assert_eq!(&view.text[start..end], &text[layer.range(start, end)]);
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_are_passed_over_only_where_no_sequence_begins(text in texts(), pad in 0..70_usize) {
        let alone = View::written(&text).map(|view| view.text);
        let mut padded = vec![b'.'; pad];
        padded.extend_from_slice(&text);
        padded.extend_from_slice(&[b'.'; 70]);
        let inside = View::written(&padded).map(|view| view.text);
        // What follows a text can complete a sequence, but never undoes one.
        if alone.is_some() {
            prop_assert!(inside.is_some());
        }
        let mut at = 0;
        let mut marks = Marks::default();
        while let Some(mark) = marks.next(&padded, at) {
            prop_assert!(mark >= at);
            at = mark + 1;
        }
    }

    #[test]
    fn a_percent_encoded_text_is_read_as_itself(text in "[a-z0-9@.+é-]{1,40}") {
        let written: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        prop_assert_eq!(read(&written), Some(text.clone()));
        let twice = written.replace('%', "%25");
        prop_assert_eq!(read(&twice), Some(text.clone()));
        let references: String = text.chars().map(|c| format!("&#{};", u32::from(c))).collect();
        prop_assert_eq!(read(&references), Some(text.clone()));
        let quoted: String = text.bytes().map(|byte| format!("={byte:02X}")).collect();
        if text.len() > 1 {
            prop_assert_eq!(read(&quoted), Some(text));
        }
    }
}

/// What a program writes of a text with line ends: the letter of the escape is no part of a label
/// or value behind it.
#[test]
fn escaped_line_ends_and_tabs_end_words() {
    reads(&[
        (r"name\nssn: 219099999", "name\nssn: 219099999"),
        (r"a\r\nb\tc", "a\r\nb\tc"),
        (r"note:\nssn", "note:\nssn"),
        (r"'one\\nDE89 3704'", "'one\\\nDE89 3704'"),
    ]);
    assert_eq!(
        back(r"x\nGB82WEST12345698765432", "GB82WEST12345698765432"),
        "GB82WEST12345698765432"
    );
}
