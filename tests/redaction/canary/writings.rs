//! The ways in which a value is written into a message.
//!
//! Guarantees: each gives a part of a JSON text, ready for the wire, that a reader who decodes
//! it finds the value in.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::values::{Canary, Kind};

/// Where a writing can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// In the place of a string.
    Text,
    /// In the place of a number.
    Number,
    /// As one more member of an object.
    Member,
}

/// A way to write a value; nothing where the value cannot be written so.
pub struct Writing {
    pub name: &'static str,
    pub at: At,
    pub write: fn(&Canary) -> Option<String>,
}

pub const WRITINGS: &[Writing] = &[
    text("plain", |c| Some(quoted(&said(c, &c.value)))),
    text("bare", |c| (c.kind != Kind::Password).then(|| quoted(&c.value))),
    text("\\u escapes", |c| Some(escaped(&said(c, &c.value)))),
    text("escaped solidus", |c| {
        let address = format!("https://desk.example/at/{}", said(c, &c.value));
        Some(quoted(&address).replace('/', "\\/"))
    }),
    text("JSON in a string", |c| Some(quoted(&nested(c, 1)))),
    text("JSON in a string, 2 deep", |c| Some(quoted(&nested(c, 2)))),
    text("JSON in a string, 3 deep", |c| Some(quoted(&nested(c, 3)))),
    text("JSON behind words", |c| Some(quoted(&format!("got {} back", nested(c, 1))))),
    text("percent", |c| Some(quoted(&query(c, |byte| byte.is_ascii_alphanumeric())))),
    text("percent, every byte", |c| Some(quoted(&query(c, |_| false)))),
    text("entities, decimal", |c| {
        Some(quoted(&said(c, &each(&c.value, |c| format!("&#{};", u32::from(c))))))
    }),
    text("entities, hexadecimal", |c| {
        Some(quoted(&said(c, &each(&c.value, |c| format!("&#x{:X};", u32::from(c))))))
    }),
    text("entities, named", |c| {
        let named = each(&c.value, entity);
        (named != c.value).then(|| quoted(&said(c, &named)))
    }),
    text("base64", |c| Some(quoted(&STANDARD.encode(said(c, &c.value))))),
    text("base64 of a record", |c| Some(quoted(&STANDARD.encode(record(c))))),
    text("base64url", |c| Some(quoted(&URL_SAFE_NO_PAD.encode(said(c, &c.value))))),
    text("data URI", |c| {
        Some(quoted(&format!("data:application/json;base64,{}", STANDARD.encode(record(c)))))
    }),
    text("data URI, percent", |c| {
        let body = each(&record(c), |c| percent(c, |byte| byte.is_ascii_alphanumeric()));
        Some(quoted(&format!("data:application/json,{body}")))
    }),
    text("quoted-printable", |c| Some(quoted(&said(c, &each(&c.value, printable))))),
    text("quoted-printable, broken line", |c| {
        let (left, right) = c.value.split_at(c.value.len() / 2);
        let value = format!("{}=\r\n{}", each(left, printable), each(right, printable));
        Some(quoted(&said(c, &value)))
    }),
    text("full-width", |c| Some(quoted(&said(c, &each(&c.value, wide))))),
    text("zero-width inside", |c| {
        let (left, right) = c.value.split_at(c.value.len() / 2);
        Some(quoted(&said(c, &format!("{left}\u{200b}{right}"))))
    }),
    text("zero-width everywhere", |c| {
        Some(quoted(&said(c, &each(&c.value, |c| format!("{c}\u{2060}")))))
    }),
    text("no-break space", |c| {
        let grouped = matches!(c.kind, Kind::Ssn | Kind::Card | Kind::Iban);
        let value = c.value.replace([' ', '-'], "\u{a0}");
        grouped.then(|| quoted(&format!("{}: {value}", c.kind.key())))
    }),
    text("CSV", |c| {
        Some(quoted(&format!("id,{},city\n1,{},Oslo\n2,,Rome\n", c.kind.key(), c.value)))
    }),
    text("Markdown table", |c| {
        let key = c.kind.key();
        Some(quoted(&format!("| id | {key} |\n|---|---|\n| 1 | {} |\n", c.value)))
    }),
    number("number", |c| c.digits().filter(|_| c.kind == Kind::Card)),
    member("member", |c| Some(format!("\"{}\":{}", c.kind.key(), quoted(&c.value)))),
    member("member, number", |c| Some(format!("\"{}\":{}", c.kind.key(), c.digits()?))),
    member("member, digits", |c| Some(format!("\"{}\":\"{}\"", c.kind.key(), c.digits()?))),
    member("member in lists", |c| Some(format!("\"{}\":[[{}]]", c.kind.key(), quoted(&c.value)))),
    member("member name", |c| {
        (c.kind != Kind::Password).then(|| format!("{}:true", quoted(&c.value)))
    }),
    member("member name, \\u escapes", |c| {
        (c.kind != Kind::Password).then(|| format!("{}:true", escaped(&c.value)))
    }),
    member("member name, full-width", |c| {
        (c.kind != Kind::Password).then(|| format!("{}:true", quoted(&each(&c.value, wide))))
    }),
];

const fn text(name: &'static str, write: fn(&Canary) -> Option<String>) -> Writing {
    Writing { name, at: At::Text, write }
}

const fn number(name: &'static str, write: fn(&Canary) -> Option<String>) -> Writing {
    Writing { name, at: At::Number, write }
}

const fn member(name: &'static str, write: fn(&Canary) -> Option<String>) -> Writing {
    Writing { name, at: At::Member, write }
}

/// A value as somebody says it. Only its name tells a password from any other word.
fn said(canary: &Canary, value: &str) -> String {
    match canary.kind {
        Kind::Password => format!("password: {value}"),
        Kind::Email | Kind::Ssn | Kind::Card | Kind::Iban | Kind::AwsKey | Kind::GitHubToken => {
            format!("noted {value} today")
        }
    }
}

fn record(canary: &Canary) -> String {
    format!("{{\"id\":7,\"{}\":{}}}", canary.kind.key(), quoted(&canary.value))
}

/// JSON in so many strings; only a password needs a telling name.
fn nested(canary: &Canary, levels: usize) -> String {
    let key = if canary.kind == Kind::Password { "password" } else { "note" };
    let first = format!("{{\"{key}\":{},\"n\":1}}", quoted(&canary.value));
    (1..levels).fold(first, |inner, _| format!("{{\"inner\":[{}]}}", quoted(&inner)))
}

fn query(canary: &Canary, plain: fn(u8) -> bool) -> String {
    let name = if canary.kind == Kind::Password { "password" } else { "q" };
    let value = each(&canary.value, |c| percent(c, plain));
    format!("https://desk.example/find?{name}={value}&page=2")
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

fn each(text: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(write).collect()
}

fn percent(c: char, plain: fn(u8) -> bool) -> String {
    let mut bytes = [0; 4];
    let bytes = c.encode_utf8(&mut bytes).bytes();
    bytes.map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The named reference of HTML, section 13.5, where there is one.
fn entity(c: char) -> String {
    match c {
        '@' => String::from("&commat;"),
        '.' => String::from("&period;"),
        '-' => String::from("&hyphen;"),
        '_' => String::from("&lowbar;"),
        '!' => String::from("&excl;"),
        ' ' => String::from("&nbsp;"),
        c => c.to_string(),
    }
}

/// RFC 2045 section 6.7, with all that is no letter or digit encoded.
fn printable(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { format!("={:02X}", u32::from(c)) }
}

fn wide(c: char) -> String {
    let full = char::from_u32(u32::from(c) + 0xfee0).filter(|_| c.is_ascii_graphic());
    full.unwrap_or(c).to_string()
}
