//! Messages of known size and content, the same in every run. All people in them are invented.

#![allow(dead_code, reason = "each bench uses its own part of the samples")]

use std::fmt::Write;

/// Size of the larger samples.
pub const SIZE: usize = 8 * 1024;

/// A small `tools/call`, as clients send it: about 130 bytes.
pub const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_record","arguments":{"q":"customer 4711","limit":1}}}"#;

/// What stands in a sample's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Prose without a digit that could be anything.
    Clean,
    /// Prose with an e-mail address, a social security number or a card number every 300 bytes.
    Personal,
    /// Times, ids, versions, sizes and hashes: what looks like personal data and is none.
    Log,
}

/// Text of `size` bytes; ASCII, no character that JSON escapes.
pub fn text(kind: Text, size: usize) -> String {
    let mut out = String::with_capacity(size + 128);
    let mut n = 0_usize;
    while out.len() < size {
        n += 1;
        match kind {
            Text::Clean => prose(&mut out, n),
            Text::Personal => {
                for step in 0..5 {
                    prose(&mut out, n * 5 + step);
                }
                personal(&mut out, n);
            }
            Text::Log => log_line(&mut out, n),
        }
    }
    out.truncate(size);
    out
}

/// A tool's answer with `text` in its one content item.
pub fn answer(text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#
    )
}

/// A tool's answer of about `size` bytes with many short members.
pub fn rows(size: usize) -> String {
    let mut rows = String::with_capacity(size + 256);
    let mut n = 0_usize;
    while rows.len() < size {
        n += 1;
        let comma = if rows.is_empty() { "" } else { "," };
        let (city, state) = (pick(CITIES, n), pick(STATES, n));
        let _ = write!(
            rows,
            r#"{comma}{{"row":{n},"city":"{city}","state":"{state}","amount":{}.{:02},"open":{}}}"#,
            n * 37 % 9_000,
            n % 100,
            n.is_multiple_of(3)
        );
    }
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"rows":[{rows}]}},"content":[]}}}}"#
    )
}

/// An answer to `tools/list` with `count` tools.
pub fn tool_list(count: usize) -> String {
    let mut tools = String::with_capacity(count * 200);
    for n in 0..count {
        let comma = if n == 0 { "" } else { "," };
        let area = pick(&["crm", "notes", "admin", "search"], n);
        let _ = write!(
            tools,
            r#"{comma}{{"name":"{area}.tool_{n:04}","description":"Does what tool {n} does.","inputSchema":{{"type":"object","properties":{{"q":{{"type":"string"}}}}}}}}"#
        );
    }
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#)
}

/// An event stream of `count` progress messages of about half a kilobyte.
pub fn events(count: usize) -> String {
    let body = text(Text::Clean, 400);
    let mut out = String::new();
    for n in 0..count {
        let _ = write!(
            out,
            "event: message\nid: {n}\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{body}\"}}}}\n\n"
        );
    }
    out
}

fn prose(out: &mut String, n: usize) {
    let words =
        ["the", "record", "was", "read", "after", "review", "by", "support", "and", "closed"];
    for step in 0..8 {
        out.push_str(pick(&words, n * 7 + step * step));
        out.push(' ');
    }
    out.push_str(pick(CITIES, n));
    out.push_str(". ");
}

fn personal(out: &mut String, n: usize) {
    let _ = match n % 3 {
        0 => write!(out, "Mail jane.doe{n}@example.com about it. "),
        1 => write!(out, "SSN 219-09-{:04} on file. ", 1_000 + n % 9_000),
        _ => write!(out, "Card 4111 1111 1111 1111 was charged. "),
    };
}

fn log_line(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "2026-11-22T11:{:02}:{:02}.{:03}Z INFO req=018f3c2e-{:04x}-7abc-8def-{:012x} build 1.20.{n}-rc4 \
         took {}ms bytes={} sha={:016x} order 20261122-{:06} ",
        n % 60,
        n * 7 % 60,
        n * 13 % 1_000,
        n % 65_536,
        n * 1_000_003,
        n * 3 % 977,
        n * 8_191,
        n * 2_654_435_761,
        n
    );
}

fn pick<'a>(from: &[&'a str], n: usize) -> &'a str {
    from[n % from.len()]
}

const CITIES: &[&str] = &["Aurora", "Bergen", "Cadiz", "Dover", "Essen", "Faro", "Ghent"];
const STATES: &[&str] = &["open", "closed", "waiting", "draft"];
