//! How records are written: their own lines, a table for people, or CSV.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::ops::ControlFlow;

use clap::ValueEnum;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The records' own lines
    Jsonl,
    /// For people
    Table,
    /// For spreadsheets
    Csv,
}

impl Format {
    /// A table on a terminal, lines for programs.
    pub(super) fn or_usual(format: Option<Self>) -> Self {
        let usual = if io::stdout().is_terminal() { Self::Table } else { Self::Jsonl };
        format.unwrap_or(usual)
    }
}

/// Writes records until the reader goes away.
pub(super) struct Show<W = BufWriter<Stdout>> {
    out: W,
    format: Format,
    begun: bool,
    /// Why it ended; a closed pipe is no error.
    pub(super) error: Option<io::Error>,
}

impl Show {
    pub(super) fn stdout(format: Format) -> Self {
        Self::new(BufWriter::new(io::stdout()), format)
    }
}

impl<W: Write> Show<W> {
    pub(super) fn new(out: W, format: Format) -> Self {
        Self { out, format, begun: false, error: None }
    }

    pub(super) fn record(&mut self, line: &[u8]) -> ControlFlow<()> {
        let written = self.write(line);
        self.ended(written)
    }

    /// Also the head of a table in which nothing stands.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let written = self.begin().and_then(|()| self.out.flush());
        let _ = self.ended(written);
        self.error.take().map_or(Ok(self.out), Err)
    }

    /// What was written so far is seen.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        let written = self.out.flush();
        self.ended(written)
    }

    fn ended(&mut self, written: io::Result<()>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    self.error = Some(error);
                }
                ControlFlow::Break(())
            }
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Table => {
                let head = WIDTHS.iter().map(|(name, _, width)| format!("{name:<width$}"));
                writeln!(self.out, "{}", head.collect::<Vec<_>>().join(" ").trim_end())
            }
            Format::Csv => write!(self.out, "{}\r\n", COLUMNS.join(",")),
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.begin()?;
        if self.format == Format::Jsonl {
            self.out.write_all(line)?;
            return self.out.write_all(b"\n");
        }
        let record: Value = serde_json::from_slice(line)?;
        if self.format == Format::Csv {
            let cells = COLUMNS.iter().map(|name| csv_cell(&value(&record, name)));
            return write!(self.out, "{}\r\n", cells.collect::<Vec<_>>().join(","));
        }
        let cells = WIDTHS.iter().map(|(_, names, width)| {
            let text = names.iter().map(|name| value(&record, name)).find(|text| !text.is_empty());
            let text = cell(&text.unwrap_or_default(), *width);
            format!("{text:<width$}")
        });
        writeln!(self.out, "{}", cells.collect::<Vec<_>>().join(" ").trim_end())
    }
}

/// A field as a text: objects and lists as JSON.
fn value(record: &Value, name: &str) -> String {
    match record.get(name) {
        None if name == "user_id" => shut(record).to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// What stands for a caller whose name is not there to be shown.
fn shut(record: &Value) -> &'static str {
    let Some(parts) = record.get("sealed").and_then(Value::as_array) else { return "" };
    let erased = |part: &Value| part.get("state").is_some_and(|state| state == "erased");
    if parts.iter().any(erased) { "(erased)" } else { "(sealed)" }
}

/// A text as a terminal may show it: callers chose some of it. What controls a terminal, turns the
/// direction of writing or is not seen is replaced; what is too long is cut.
pub(super) fn cell(text: &str, width: usize) -> String {
    let seen = |c: char| match c {
        c if c.is_control() => '\u{fffd}',
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => '\u{fffd}',
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c => c,
    };
    let mut out: String = text.chars().take(width).map(seen).collect();
    if text.chars().nth(width).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// Quoted as RFC 4180 says, and never a formula for the spreadsheet that opens it.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// The columns of a table: head, the fields of which the first that is there stands, width.
const WIDTHS: &[(&str, &[&str], usize)] = &[
    ("seq", &["seq"], 8),
    ("timestamp", &["timestamp"], 27),
    ("phase", &["phase", "kind"], 10),
    ("status", &["status_code", "decision"], 6),
    ("code", &["code", "end"], 18),
    ("user", &["user_id"], 20),
    ("server", &["server"], 12),
    ("action", &["action", "operation"], 16),
    ("resource", &["resource"], 24),
    ("ms", &["latency_ms"], 9),
    ("request", &["request_id", "batch"], 36),
];

/// The columns of CSV: what says who, what, when and how it ended.
const COLUMNS: &[&str] = &[
    "seq",
    "timestamp",
    "kind",
    "phase",
    "request_id",
    "trace_id",
    "server",
    "client",
    "user_id",
    "operation",
    "action",
    "resource",
    "session_id",
    "client_ip",
    "auth_method",
    "issuer",
    "subject",
    "decision",
    "rule",
    "code",
    "reason",
    "limit",
    "guard_hits",
    "status_code",
    "latency_ms",
    "bytes_in",
    "bytes_out",
    "end",
    "redactions",
    "revealed",
    "params",
    "config",
    "generation",
    "mac",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_quoted_and_never_formulas() {
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("=1+2"), "'=1+2");
        assert_eq!(csv_cell("plain"), "plain");
    }

    #[test]
    fn cells_hold_nothing_that_controls_a_terminal() {
        assert_eq!(cell("a\u{1b}[31m\u{202e}b", 20), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(cell("abcdef", 4), "abc…");
    }
}
