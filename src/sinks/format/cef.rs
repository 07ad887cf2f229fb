//! ArcSight Common Event Format, version 0: a header of seven fields and an extension.

use std::fmt::Write as _;

use serde_json::Value;

use super::{number, text, unix_ms};

pub(super) fn line(record: &Value) -> String {
    let phase = text(record, "phase").or_else(|| text(record, "kind")).unwrap_or("record");
    let refused = phase == "refused";
    let operation = text(record, "operation").unwrap_or(phase);
    let id = match text(record, "code") {
        Some(code) => format!("{phase}:{code}"),
        None => phase.to_owned(),
    };
    let severity = if refused { 6 } else { 3 };
    let mut out = format!(
        "CEF:0|Sallyport|Sallyport|{}|{}|{}|{severity}|",
        env!("CARGO_PKG_VERSION"),
        header(&id),
        header(operation),
    );
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            let space = if out.ends_with('|') { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(out, "{space}{key}={}", extension(value));
        }
    };
    // The timestamp as the record has it, read from a line of its own form.
    let stamp = format!("\"timestamp\":\"{}\"", text(record, "timestamp").unwrap_or_default());
    put("rt", &unix_ms(stamp.as_bytes()).map(|ms| ms.to_string()).unwrap_or_default());
    put("externalId", &number(record, "seq").map(|seq| seq.to_string()).unwrap_or_default());
    for (key, path) in [
        ("src", "client_ip"),
        ("suid", "user_id"),
        ("sourceServiceName", "client"),
        ("destinationServiceName", "server"),
        ("request", "resource"),
        ("act", "decision"),
        ("outcome", "end"),
        ("reason", "reason"),
    ] {
        put(key, text(record, path).unwrap_or_default());
    }
    let gateway = record.pointer("/gateway/id").and_then(Value::as_str);
    put("dvchost", gateway.unwrap_or_default());
    put("out", &number(record, "bytes_out").map(|n| n.to_string()).unwrap_or_default());
    put("in", &number(record, "bytes_in").map(|n| n.to_string()).unwrap_or_default());
    for (n, label, path) in
        [(1, "requestId", "request_id"), (2, "sessionId", "session_id"), (3, "rule", "rule")]
    {
        if let Some(value) = text(record, path) {
            put(&format!("cs{n}Label"), label);
            put(&format!("cs{n}"), value);
        }
    }
    if let Some(status) = number(record, "status_code") {
        put("cn1Label", "statusCode");
        put("cn1", &status.to_string());
    }
    out
}

/// A header field: `|` and `\` are escaped, line ends become spaces.
fn header(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '|' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A value of the extension: `=` and `\` are escaped, line ends are written as `\n`.
fn extension(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '=' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
