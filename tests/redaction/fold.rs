//! What a text says to somebody who reads through its writing.

use crate::values::canonical;

/// Letters and digits as everybody would write them: percent and character references decoded,
/// other scripts' digits and full-width forms as ASCII.
pub fn folded(text: &str) -> String {
    let text = unreferenced(&unpercented(text));
    let one = |c: char| match u32::from(c) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
        code @ (0x660..=0x669 | 0x6f0..=0x6f9 | 0x966..=0x96f) => {
            let zero = if code < 0x6f0 {
                0x660
            } else if code < 0x966 {
                0x6f0
            } else {
                0x966
            };
            char::from_digit(code - zero, 10).unwrap_or(c)
        }
        _ => c,
    };
    canonical(&text.chars().map(one).collect::<String>())
}

fn unpercented(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn unreferenced(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        out.push_str(before);
        let Some((code, tail)) = after.split_once(';') else { break };
        let hex = code.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
        let value = hex.unwrap_or_else(|| code.parse::<u32>()).ok();
        out.extend(value.and_then(char::from_u32));
        rest = tail;
    }
    out + rest
}

#[test]
fn other_writings_of_a_value_read_the_same() {
    let others =
        ["4111%201111", "4111&#32;1111", "\u{ff14}\u{ff11}11-1111", "\u{664}111\u{200b}1111"];
    assert!(others.iter().all(|text| folded(text) == "41111111"), "{others:?}");
}
