//! Writes the files of approved and of waiting definitions.
//!
//! Guarantees: a reader finds the old file or the new one, whole; no file is larger than its bound;
//! characters that people do not see are spelled out, so that a diff shows them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::config::ToolHash;
use crate::config::pins::{Pin, PinsError, Waiting, read_pins, read_waiting};
use crate::inspect::hidden::is_unseen;
use crate::json::{Document, pretty, write_string};
use crate::limits::{PINS_FILE_BYTES_MAX, PINS_WAITING_MAX};

/// A file of approvals as text: one tool after the other by name, definitions on several lines.
fn render_pins(pins: &[Pin]) -> String {
    let mut order: Vec<&Pin> = pins.iter().collect();
    order.sort_by(|a, b| (&a.name, a.hash).cmp(&(&b.name, b.hash)));
    let tools = order.into_iter().map(|pin| {
        let mut tool = Members::default();
        tool.text("name", &pin.name);
        tool.some("summary", &pin.summary);
        tool.text("hash", &pin.hash.to_string());
        tool.some("approved_at", &pin.approved_at);
        tool.some("approved_by", &pin.approved_by);
        tool.some("comment", &pin.comment);
        if pin.hidden_text {
            tool.text("hidden_text", "accepted");
        }
        if let Some(definition) = &pin.definition {
            tool.definition(definition);
        }
        tool.finish()
    });
    whole(tools)
}

/// Writes a file of approvals.
///
/// # Errors
/// When the disk does not take it, or it would be too large to be read again.
pub fn write_pins(path: &Path, pins: &[Pin]) -> io::Result<()> {
    let text = render_pins(pins);
    if text.len() > PINS_FILE_BYTES_MAX {
        let why = format!("it would be larger than {PINS_FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    replace(path, text.as_bytes())
}

/// The approvals of a file; none where it does not exist.
///
/// # Errors
/// When it cannot be read, or is none of ours.
pub fn load_pins(path: &Path) -> io::Result<Vec<Pin>> {
    load(path, read_pins)
}

/// What waits, from a file that the gateway wrote; nothing where it does not exist.
///
/// # Errors
/// As [`load_pins`].
pub fn load_waiting(path: &Path) -> io::Result<Vec<Waiting>> {
    load(path, read_waiting)
}

fn load<T>(path: &Path, read: impl Fn(Vec<u8>) -> Result<Vec<T>, PinsError>) -> io::Result<Vec<T>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?.take(BOUND + 1).read_to_end(&mut bytes)?,
    };
    if bytes.len() > PINS_FILE_BYTES_MAX {
        let why = format!("it is larger than {PINS_FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    read(bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

/// Writes what waits, together with what another process left there; what no longer `waits` goes.
pub(super) fn write_waiting(
    path: &Path,
    own: Vec<Waiting>,
    waits: impl Fn(&str, ToolHash, bool) -> bool,
) -> io::Result<()> {
    let mut known: HashSet<(Box<str>, ToolHash)> =
        own.iter().map(|one| (one.name.clone(), one.hash)).collect();
    let mut all = own;
    // What cannot be read is written anew.
    for other in load_waiting(path).unwrap_or_default() {
        if known.insert((other.name.clone(), other.hash)) && all.len() < PINS_WAITING_MAX {
            all.push(other);
        }
    }
    all.retain(|one| waits(&one.name, one.hash, &*one.reason == "hidden_text"));
    all.sort_by(|a, b| (&a.name, &a.first_seen, a.hash).cmp(&(&b.name, &b.first_seen, b.hash)));
    let mut bytes = 0;
    let tools = all.iter().map(|one| {
        let write = |definition: Option<&str>| {
            let mut tool = Members::default();
            tool.text("name", &one.name);
            tool.text("reason", &one.reason);
            tool.text("first_seen", &one.first_seen);
            tool.text("hash", &one.hash.to_string());
            if let Some(definition) = definition {
                tool.definition(definition);
            }
            tool.finish()
        };
        let tool = write(one.definition.as_deref());
        // Names are short, so that room for all of them is left.
        let tool = if bytes + tool.len() > DEFINITIONS_BYTES_MAX { write(None) } else { tool };
        bytes += tool.len();
        tool
    });
    let text = whole(tools);
    if text.len() > PINS_FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too much waits for approval"));
    }
    replace(path, text.as_bytes())
}

fn whole(tools: impl Iterator<Item = String>) -> String {
    let mut text = "{\n  \"version\": 1,\n  \"tools\": [".to_owned();
    for (at, tool) in tools.enumerate() {
        text.push_str(if at == 0 { "\n    " } else { ",\n    " });
        text.push_str(&tool);
    }
    text.push_str(if text.ends_with('[') { "]\n}\n" } else { "\n  ]\n}\n" });
    text
}

/// The members of one tool, on lines of their own.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_string(&mut self.0, text);
    }

    /// Nothing where there is nothing to say.
    fn some(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn definition(&mut self, canonical: &str) {
        let bytes = Bytes::copy_from_slice(canonical.as_bytes());
        if let Ok(document) = Document::parse(bytes, &crate::mcp::ANSWER) {
            self.name("definition");
            pretty(document.root(), INDENT, &mut self.0);
        }
    }

    fn name(&mut self, name: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        self.0.extend_from_slice(comma.as_bytes());
        self.0.extend_from_slice(b"\n      ");
        write_string(&mut self.0, name);
        self.0.extend_from_slice(b": ");
    }

    fn finish(self) -> String {
        let members = String::from_utf8(self.0).unwrap_or_default();
        format!("{{{}\n    }}", spelled(&members))
    }
}

/// JSON in which unseen characters are written as escapes; outside of strings there are none.
fn spelled(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if !is_unseen(character) {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // Writing into a text cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// Puts a new file in the place of an old one, at once.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", uuid::Uuid::now_v7()));
    let beside = PathBuf::from(beside);
    let written = write_new(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // It may not have been made at all.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// [`PINS_FILE_BYTES_MAX`] as files count.
const BOUND: u64 = PINS_FILE_BYTES_MAX as u64;

/// Of the members of a tool.
const INDENT: usize = 6;

/// Definitions in a file of what waits; the rest of its bound is for names and hashes.
const DEFINITIONS_BYTES_MAX: usize = PINS_FILE_BYTES_MAX / 4 * 3;
