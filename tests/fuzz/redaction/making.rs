//! Makes documents of the bytes of an input, with values in them of which it is known that they
//! must not be seen.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::Dice;

/// A document on its way.
pub struct Making<'d> {
    pub dice: Dice<'d>,
    /// What was put in it.
    pub planted: Vec<&'static str>,
}

impl Making<'_> {
    pub fn tree(&mut self, depth: usize) -> Value {
        let kinds = if depth == 0 { 4 } else { 8 };
        match self.dice.below(kinds) {
            0 => Value::from(self.prose()),
            1 => Value::from(self.plant()),
            2 => Value::from(u64::from(self.dice.byte()) << self.dice.below(50)),
            3 => [Value::Null, Value::Bool(true), Value::from(0.5)][self.dice.below(3)].clone(),
            4 => (0..self.dice.below(5)).map(|_| self.tree(depth - 1)).collect(),
            5 | 6 => {
                let mut members = Map::new();
                for _ in 0..self.dice.below(6) {
                    let name = self.name();
                    members.insert(name, self.tree(depth - 1));
                }
                Value::Object(members)
            }
            _ => Value::from(self.wrapped(depth - 1)),
        }
    }

    /// A text that holds another one.
    fn wrapped(&mut self, depth: usize) -> String {
        match self.dice.below(6) {
            0 => self.tree(depth).to_string(),
            1 => serde_json::to_string_pretty(&self.tree(depth)).unwrap(),
            2 => self.encoded(depth),
            3 => format!("2026-01-02 INFO answered {}\n", self.tree(depth)),
            _ => self.table(),
        }
    }

    fn encoded(&mut self, depth: usize) -> String {
        let inner = match self.dice.below(3) {
            0 => self.tree(depth.min(1)).to_string(),
            1 => format!("The record, as it was read: {}", self.prose()),
            _ => self.table(),
        };
        // Bytes that no text has are no text.
        let inner: String =
            inner.chars().filter(|c| !c.is_control() || "\r\n\t".contains(*c)).collect();
        // Fifteen bytes and less are not decoded: names look like that.
        let inner = if inner.len() < 16 { format!("The record: {inner}") } else { inner };
        match self.dice.below(4) {
            0 => STANDARD.encode(inner),
            1 => URL_SAFE_NO_PAD.encode(inner),
            2 => inner.bytes().map(|byte| format!("{byte:02x}")).collect(),
            _ => {
                let symbols = STANDARD.encode(inner);
                let lines: Vec<&str> = (0..symbols.len())
                    .step_by(76)
                    .map(|at| &symbols[at..symbols.len().min(at + 76)])
                    .collect();
                lines.join("\r\n")
            }
        }
    }

    /// Rows and columns, in one of the ways in which they are written.
    fn table(&mut self) -> String {
        let columns = self.dice.below(4) + 2;
        let way = self.dice.below(6);
        let mut rows: Vec<Vec<String>> = Vec::new();
        rows.push((0..columns).map(|_| String::from(self.dice.pick(HEADS))).collect());
        for _ in 0..self.dice.below(4) + 1 {
            rows.push((0..columns).map(|_| self.cell()).collect());
        }
        let joined = |between: &str| {
            let lines = rows.iter().map(|row| row.join(between));
            lines.collect::<Vec<_>>().join("\n")
        };
        match way {
            0 => joined(","),
            1 => joined("\t"),
            2 => joined(";"),
            3 => {
                let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
                let rule = format!("|{}\n", "---|".repeat(columns));
                let rest: String = rows[1..].iter().map(line).collect();
                format!("{}{rule}{rest}", line(&rows[0]))
            }
            4 => {
                let list = |row: &Vec<String>| format!("('{}')", row.join("', '"));
                let values: Vec<String> = rows[1..].iter().map(list).collect();
                format!("INSERT INTO t ({}) VALUES {};", rows[0].join(", "), values.join(", "))
            }
            _ => {
                let cells = |row: &Vec<String>, name: &str| {
                    let cells = row.iter().map(|cell| format!("<{name}>{cell}</{name}>"));
                    format!("<tr>{}</tr>", cells.collect::<String>())
                };
                let rest: String = rows[1..].iter().map(|row| cells(row, "td")).collect();
                format!("<table>{}{rest}</table>", cells(&rows[0], "th"))
            }
        }
    }

    fn cell(&mut self) -> String {
        match self.dice.below(3) {
            0 => String::from(self.dice.pick(WORDS)),
            1 => self.dice.byte().to_string(),
            _ => String::from(self.plant()),
        }
    }

    /// Words, marks, values and whatever bytes come.
    pub fn prose(&mut self) -> String {
        let mut out = String::new();
        for _ in 0..self.dice.below(7) {
            match self.dice.below(4) {
                0 => out.push_str(self.dice.pick(WORDS)),
                1 => out.push_str(&String::from_utf8_lossy(self.dice.raw(12))),
                2 => {
                    out.push_str(self.dice.pick(BEFORE));
                    out.push_str(self.plant());
                    out.push_str(self.dice.pick(BEHIND));
                }
                _ => out.push_str(self.dice.pick(MARKS)),
            }
        }
        out
    }

    fn plant(&mut self) -> &'static str {
        let value = self.dice.pick(PLANTED);
        self.planted.push(value);
        value
    }

    fn name(&mut self) -> String {
        match self.dice.below(8) {
            0 => format!("to {}", self.plant()),
            1 => String::from_utf8_lossy(self.dice.raw(6)).into_owned(),
            _ => String::from(self.dice.pick(HEADS)),
        }
    }
}

/// What no reader may see, wherever it stands alone.
pub const PLANTED: &[&str] = &[
    "jane.roe@example.com",
    "219-09-9999",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "203.0.113.7",
    "+1 212 555 0147",
    concat!(
        "eyJhbGciOiJIUzI1NiJ9",
        ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"
    ),
    concat!("ghp_", "IqIMNOZH6z0wIEB4T9A2g4EHMy8Ji42q4HA4"),
    "EMP-004217",
    "Blue Heron",
];

/// What has a fixed form, and what frames a secret: written so that nobody takes this file for one.
const TOKENS: &[&str] = &[
    concat!("-----BEGIN ", "PRIVATE KEY-----"),
    concat!("-----END ", "PRIVATE KEY-----"),
    concat!("AKIA", "IOSFODNN7", "QWERTY2"),
    concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("xoxb-", "17653672481-19874698323-", "pdFZKVeTuE8sk7oOcHrzqqgy"),
];

/// `\xFE N` stands for one of the values above, `\xFF N L` repeats the last L bytes 8 N times.
pub fn expanded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            0xFE => {
                let at = usize::from(bytes.next().unwrap_or(0)) % (PLANTED.len() + TOKENS.len());
                let token = PLANTED.iter().chain(TOKENS).nth(at);
                out.extend(token.into_iter().flat_map(|token| token.bytes()));
            }
            0xFF => {
                let (Some(times), Some(length)) = (bytes.next(), bytes.next()) else { break };
                let last = out[out.len() - usize::from(length).min(out.len())..].to_vec();
                if out.len() + last.len() * usize::from(times) * 8 <= EXPANDED_MAX {
                    out.extend(last.repeat(usize::from(times) * 8));
                }
            }
            byte => out.push(byte),
        }
    }
    out
}

/// Unit: bytes.
const EXPANDED_MAX: usize = 24 * 1024;

const BEFORE: &[&str] = &[" ", "\n", " is ", " -> ", ": ", " (", " \"", "\nssn: ", "\t"];
const BEHIND: &[&str] = &[" ", "\n", ", ", "; ", ") ", "\" ", ".\n"];
const HEADS: &[&str] = &[
    "id",
    "name",
    "note",
    "text",
    "ssn",
    "phone",
    "email",
    "card",
    "city",
    "password",
    "address",
    "date_of_birth",
    "items",
    "content",
    "data",
    "amount",
    "created_at",
    "a",
    "b",
    "iban",
];
const WORDS: &[&str] = &[
    "order",
    "shipped on Tuesday",
    "Jane",
    "Roe",
    "1200",
    "2026-01-02",
    "€ 12.50",
    "x",
    "é",
    "ok",
    "SELECT 1",
    "https://example.com/a?b=c",
    "[EMAIL]",
    "***",
    "0",
];
const MARKS: &[&str] = &[
    "{\"",
    "\":",
    "}",
    "[",
    "]",
    "\\",
    "\"",
    "|",
    "<td>",
    "'",
    "@",
    "-",
    "\u{200b}",
    "\u{a0}",
    "７",
    "%40",
    "\\u0040",
    "-----BEGIN ",
    "eyJ",
    "\r\n",
    "data: ",
    "+",
    "1",
    "&#64;",
    ",",
    "=\r\n",
];
