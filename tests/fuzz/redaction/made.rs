//! Documents made for the purpose: values of which it is known that they must not be seen, in
//! JSON, tables and encodings inside each other.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sallyport::class::Form;
use sallyport::json::{Document, Kind, Value};

use super::making::Making;
use super::{Dice, detector, parsed, planned, shown};

/// The first byte is the form; the rest makes the document.
pub fn made(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let (form, detector) = detector(*setup);
    let mut making = Making { dice: Dice(rest), planted: Vec::new() };
    let tree = making.tree(4);
    let text = tree.to_string();
    let document = parsed(text.clone()).unwrap_or_else(|| panic!("made no JSON: {text}"));
    let out = planned(form, detector, &document);
    if form == Form::Report {
        return;
    }
    let mut seen = Vec::new();
    let after = parsed(out.clone()).expect("JSON");
    texts(after.root(), &mut seen, 0);
    for value in &making.planted {
        let shows = seen.iter().find(|text| text.contains(value));
        assert!(shows.is_none(), "{value} is seen in {shows:?}, made of {text}");
    }
}

/// Every text that a reader can see in a document: strings, names, what is JSON in them, and what
/// is encoded.
fn texts(value: Value<'_>, seen: &mut Vec<String>, depth: usize) {
    match value.kind() {
        Kind::Object => {
            for (name, value) in value.members() {
                texts(name, seen, depth);
                texts(value, seen, depth);
            }
        }
        Kind::Array => value.items().for_each(|item| texts(item, seen, depth)),
        Kind::String => {
            let text = value.as_str().unwrap_or_default();
            inside(&text, seen, depth);
        }
        Kind::Number | Kind::True | Kind::False | Kind::Null => seen.push(shown(value.raw())),
    }
}

fn inside(text: &str, seen: &mut Vec<String>, depth: usize) {
    seen.push(text.to_owned());
    if depth > DEPTH_MAX {
        return;
    }
    let json: Option<Document> = parsed(text.to_owned().into_bytes());
    if let Some(document) = json {
        texts(document.root(), seen, depth + 1);
    }
    let flat: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let is_symbol = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    for run in flat.split(|c| !is_symbol(c)).filter(|run| run.len() >= 16) {
        let standard = STANDARD.decode(run).or_else(|_| URL_SAFE_NO_PAD.decode(run)).ok();
        for decoded in standard.into_iter().chain(unhexed(run)) {
            if let Ok(decoded) = String::from_utf8(decoded) {
                inside(&decoded, seen, depth + 1);
            }
        }
    }
}

fn unhexed(run: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = run.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Texts in texts that are read.
const DEPTH_MAX: usize = 6;
