//! Invented people and secrets, the files they are planted in, and the search for them.
//!
//! Guarantees: [`survivors`] shares no code with the engine; it reads what it is given in every
//! decoding that a curious reader would try, and looks for each value in base64 and hexadecimal
//! besides, at every offset.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::readers::readings;
use crate::support::source;

/// A value that only those may see who may see its class.
pub struct Planted {
    /// As the files name it: `{{NAME}}`.
    pub name: &'static str,
    /// The class of the gateway that it belongs to.
    pub class: &'static str,
    pub value: String,
}

pub const EMAIL: &str = "zoe.akerlund@fjordbank.example";
pub const PHONE: &str = "+1 415-555-0132";
pub const CARD: &str = "4539 1488 0343 6467";
pub const SSN: &str = "536-22-8726";
pub const NAME: &str = "Zoë Åkerlund";

/// All of them. Keys with a fixed form are put together here, so that no scanner of sources barks.
pub static PLANTED: LazyLock<Vec<Planted>> = LazyLock::new(|| {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let body = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"ops","email":"{EMAIL}"}}"#));
    let key = STANDARD.encode(noise(138));
    let values: [(&str, &str, String); 19] = [
        ("name", "person_name", NAME.into()),
        ("email", "email", EMAIL.into()),
        ("email_utf8", "email", "björn@grünwald.example".into()),
        ("phone", "phone", PHONE.into()),
        ("ssn", "us_ssn", SSN.into()),
        ("born", "date_of_birth", "1984-03-07".into()),
        ("street", "postal_address", "Lindenstraße 14".into()),
        ("card", "card", CARD.into()),
        ("iban", "iban", "DE89 3704 0044 0532 0130 00".into()),
        ("passport", "passport", "C01X00T47".into()),
        ("ip", "ip", "203.0.113.77".into()),
        ("aws_key", "api_key", format!("AKIA{}", "Q3EGRIVNXZ7P4KLM")),
        ("aws_secret", "secret", format!("h7Rk2/PqLx9vWc0ZtYb4{}", "NmEs8Df1GjUa6QoIi3Hw")),
        ("github", "api_key", format!("ghp_{}", "wJ7kPz2LqN8vRt5XyB1cD4fG6hM9sA0eQ3uK")),
        ("db_password", "connection_string", "Fjell-Rype-88".into()),
        ("password", "password", "kr0n;Lunde!42".into()),
        ("cookie", "cookie", "5f0c9be2a7714d3b8e6612ac09d4f7e1".into()),
        ("jwt", "jwt", format!("{head}.{body}.bq2J9xkT0c7Yv5LrWmZ8sPfNdHgKtUeAoQiXwRyS1M4")),
        (
            "private_key",
            "private_key",
            format!(
                "-----BEGIN {0}-----\n{1}\n{2}\n{3}\n-----END {0}-----",
                "PRIVATE KEY",
                &key[..64],
                &key[64..128],
                &key[128..]
            ),
        ),
    ];
    values.map(|(name, class, value)| Planted { name, class, value }).into()
});

/// The value of this name.
pub fn planted(name: &str) -> &'static str {
    let found = PLANTED.iter().find(|each| each.name == name);
    &found.unwrap_or_else(|| panic!("nothing is planted as `{name}`")).value
}

// --- planting ----------------------------------------------------------------------------------

/// A text with `{{NAME}}` and `{{NAME|WRITING}}` filled in.
pub fn filled(template: &str) -> String {
    let mut out = String::new();
    let mut parts = template.split("{{");
    out.push_str(parts.next().unwrap());
    for part in parts {
        let (mark, rest) = part.split_once("}}").unwrap();
        match mark.split_once('|') {
            Some((name, writing)) => out.push_str(&written(planted(name), writing)),
            None => out.push_str(planted(mark)),
        }
        out.push_str(rest);
    }
    out
}

/// A file of `tests/peers/planted` with its marks.
pub fn template(name: &str) -> String {
    std::fs::read_to_string(source("planted").join(name)).unwrap()
}

/// The planted files.
pub const FILES: [&str; 9] = [
    "customers.csv",
    "customers.json",
    "customers.md",
    "kunden.txt",
    "letter.eml",
    "mailer.py",
    "page.html",
    "production.env",
    "shop.log",
];

/// Puts every planted file into a folder, and one more as base64.
pub fn plant(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for name in FILES.iter().chain(&["clean.txt"]) {
        let mut text = template(name);
        if *name == "letter.eml" {
            let html = STANDARD.encode(filled(&template("letter.html")));
            text = text.replace("{{html}}", &html);
        }
        std::fs::write(folder.join(name), filled(&text)).unwrap();
    }
    let dump = STANDARD.encode(filled(&template("customers.csv")));
    let lines: Vec<_> = dump.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    std::fs::write(folder.join(DUMP), lines.join("\n") + "\n").unwrap();
    std::fs::write(folder.join(format!("{EMAIL}.txt")), "her notes: none\n").unwrap();
    let mut image = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
    image.extend(noise(IMAGE_BYTES));
    std::fs::write(folder.join(IMAGE), image).unwrap();
}

pub const DUMP: &str = "customers.b64";
pub const IMAGE: &str = "logo.png";
const IMAGE_BYTES: usize = 20_000;

/// A value as it stands in some kinds of files.
pub fn written(value: &str, writing: &str) -> String {
    let each = |plain: fn(char) -> bool, code: &dyn Fn(char) -> String| -> String {
        value.chars().map(|c| if plain(c) { c.to_string() } else { code(c) }).collect()
    };
    let octets = |c: char, mark: char| {
        let mut buffer = [0; 4];
        c.encode_utf8(&mut buffer).bytes().fold(String::new(), |mut out, byte| {
            write!(out, "{mark}{byte:02X}").unwrap();
            out
        })
    };
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    match writing {
        "digits" => value.replace([' ', '-'], ""),
        "dashed" => value.replace(' ', "-"),
        "percent" => each(is_letter, &|c| octets(c, '%')),
        "qp" => each(is_letter, &|c| octets(c, '=')),
        "escaped" => each(is_letter, &|c| format!("\\u{:04x}", u32::from(c))),
        "entity" => each(is_letter, &|c| format!("&#{};", u32::from(c))),
        "base64" => STANDARD.encode(value),
        "base64url" => URL_SAFE_NO_PAD.encode(value),
        "octal" => each(is_letter, &|c| {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().fold(String::new(), |mut out, byte| {
                write!(out, r"\\{byte:03o}").unwrap();
                out
            })
        }),
        "hex" => value.bytes().fold(String::new(), |mut out, byte| {
            write!(out, "{byte:02x}").unwrap();
            out
        }),
        other => panic!("unknown writing `{other}`"),
    }
}

/// Bytes that look like nothing, the same ones each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

// --- searching ---------------------------------------------------------------------------------

/// The planted values that can be read out of these bytes, but for the classes that may be seen;
/// each with the line it was found in.
pub fn survivors(bytes: &[u8], may_see: &[&str]) -> BTreeSet<(&'static str, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let mut read = readings(&Value::String(line.to_owned()));
        let octets = [("%", 16), ("=", 16), (r"\\", 8)];
        for plain in octets.iter().filter_map(|(mark, radix)| octets_decoded(line, mark, *radix)) {
            read += &readings(&Value::String(plain));
        }
        let folded = line.to_lowercase();
        for sought in SOUGHT.iter().filter(|each| !may_see.contains(&each.class)) {
            let coded = sought.base64.iter().any(|needle| line.contains(needle));
            if coded || read.contains(&sought.letters) || folded.contains(&sought.hex) {
                found.insert((sought.name, line.chars().take(LINE_SHOWN_MAX).collect()));
            }
        }
    }
    found
}

/// The line with its `%C3%AB` or `=C3=AB` read as UTF-8, which [`readings`] takes for Latin-1; and
/// with the `\303\253` of git, of which each backslash is two in JSON.
fn octets_decoded(line: &str, mark: &str, radix: u32) -> Option<String> {
    let digits = if radix == 8 { 3 } else { 2 };
    let mut parts = line.split(mark);
    let mut out = parts.next()?.as_bytes().to_vec();
    for part in parts {
        match part.get(..digits).and_then(|code| u8::from_str_radix(code, radix).ok()) {
            Some(octet) => {
                out.push(octet);
                out.extend(&part.as_bytes()[digits..]);
            }
            None => out.extend([mark, part].concat().as_bytes()),
        }
    }
    (out != line.as_bytes()).then(|| String::from_utf8_lossy(&out).into_owned())
}

/// What one value is recognised by.
struct Sought {
    name: &'static str,
    class: &'static str,
    /// Letters and digits in small letters, as [`readings`] gives them.
    letters: String,
    hex: String,
    /// The middle of its base64, for each offset at which it may begin, in both alphabets.
    base64: Vec<String>,
}

static SOUGHT: LazyLock<Vec<Sought>> = LazyLock::new(|| {
    let sought = |each: &Planted| {
        // Of what has several parts, the one that is secret by itself.
        let part = match each.name {
            "jwt" => each.value.rsplit('.').next().unwrap(),
            "private_key" => each.value.lines().nth(1).unwrap(),
            _ => &each.value,
        };
        let letters = readings(&Value::String(part.to_owned()));
        Sought {
            name: each.name,
            class: each.class,
            letters: letters.lines().next().unwrap().to_owned(),
            hex: written(part, "hex"),
            base64: (0..3).flat_map(|offset| base64_at(part, offset)).collect(),
        }
    };
    PLANTED.iter().map(sought).collect()
});

/// The symbols that only the value decides, when `offset` bytes of a quantum stand before it.
fn base64_at(value: &str, offset: usize) -> [String; 2] {
    let bytes = [&vec![0; offset], value.as_bytes()].concat();
    [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|engine| {
        let symbols = engine.encode(&bytes);
        let shared_end = usize::from(bytes.len() % 3 != 0);
        symbols[(offset * 8).div_ceil(6)..symbols.len() - shared_end].to_owned()
    })
}

/// What a failure shows of a line. Unit: characters.
const LINE_SHOWN_MAX: usize = 2_000;

/// A search that finds nothing proves something only if it can find.
#[test]
fn every_planted_value_is_found_in_every_writing_and_in_nothing_else() {
    for each in PLANTED.iter().filter(|each| each.name != "private_key") {
        let plain = |code: &str| format!("x7 {} y", written(&each.value, code));
        let mut texts: Vec<_> =
            ["dashed", "percent", "qp", "octal", "escaped", "entity", "base64", "base64url", "hex"]
                .map(plain)
                .into();
        texts.push(format!("event: message\ndata: {}", serde_json::json!({ "a": each.value })));
        for offset in 0..3 {
            let around = format!("{}{} and more", &"xyz"[..offset], each.value);
            texts.push(format!("[{}]", STANDARD.encode(around)));
        }
        for text in texts {
            let found = survivors(text.as_bytes(), &[]);
            assert!(found.iter().any(|(name, _)| *name == each.name), "{}: {text}", each.name);
            let seen = survivors(text.as_bytes(), &[each.class]);
            assert!(seen.iter().all(|(name, _)| *name != each.name), "{}: {text}", each.name);
        }
    }
    assert!(survivors(planted("private_key").as_bytes(), &[]).len() == 1);
    assert_eq!(survivors(template("clean.txt").as_bytes(), &[]), BTreeSet::new());
}
