//! The files of approved and of waiting tool definitions, as they are read.
//!
//! Owns their format; [`crate::pins`] writes it. Guarantees that a definition which stands beside
//! its hash has that hash: what a person reviews in a diff is what the gateway lets pass.

use bytes::Bytes;

use super::model::{Approval, Approved, ToolHash};
use crate::json::{Document, KeyRule, Kind, Limits, Value, canonical};
use crate::limits;

/// One approved definition, with what people want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The tool.
    pub name: Box<str>,
    /// The beginning of its description.
    pub summary: Box<str>,
    /// Of the definition.
    pub hash: ToolHash,
    /// When it was approved, RFC 3339.
    pub approved_at: Box<str>,
    /// By whom.
    pub approved_by: Box<str>,
    /// Why, or what was looked at.
    pub comment: Box<str>,
    /// Whether the hidden text in it was seen and accepted.
    pub hidden_text: bool,
    /// Canonical JSON.
    pub definition: Option<Box<str>>,
}

/// One definition that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The tool.
    pub name: Box<str>,
    /// Why it is not used.
    pub reason: Box<str>,
    /// When it was first seen, RFC 3339.
    pub first_seen: Box<str>,
    /// Of the definition.
    pub hash: ToolHash,
    /// Canonical JSON; `None` where it was too large to keep.
    pub definition: Option<Box<str>>,
}

/// Why a file of pins cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinsError {
    /// Not JSON, or not strictly.
    #[error("it is not JSON: {0}")]
    Json(#[from] crate::json::JsonError),
    /// Another shape.
    #[error("{0}")]
    Shape(&'static str),
    /// One of the tools.
    #[error("tool number {number}: {why}")]
    Tool {
        /// From 1.
        number: usize,
        /// What is wrong.
        why: &'static str,
    },
}

/// Reads a file of approvals.
///
/// # Errors
/// See [`PinsError`].
pub fn read_pins(bytes: Vec<u8>) -> Result<Vec<Pin>, PinsError> {
    tools(bytes, |tool| {
        for (key, _) in tool.members() {
            if !PIN_MEMBERS.iter().any(|known| key.is_str(known)) {
                return Err("an unknown member");
            }
        }
        let hidden_text = match tool.get("hidden_text") {
            None => false,
            Some(value) if value.is_str("accepted") => true,
            Some(_) => return Err("`hidden_text` can only be `accepted`"),
        };
        Ok(Pin {
            name: text(tool, "name")?.ok_or("`name` is missing")?,
            summary: text(tool, "summary")?.unwrap_or_default(),
            hash: hash(tool)?,
            approved_at: text(tool, "approved_at")?.unwrap_or_default(),
            approved_by: text(tool, "approved_by")?.unwrap_or_default(),
            comment: text(tool, "comment")?.unwrap_or_default(),
            hidden_text,
            definition: definition(tool)?,
        })
    })
}

/// Reads a file of waiting definitions.
///
/// # Errors
/// See [`PinsError`].
pub fn read_waiting(bytes: Vec<u8>) -> Result<Vec<Waiting>, PinsError> {
    tools(bytes, |tool| {
        Ok(Waiting {
            name: text(tool, "name")?.ok_or("`name` is missing")?,
            reason: text(tool, "reason")?.unwrap_or_default(),
            first_seen: text(tool, "first_seen")?.unwrap_or_default(),
            hash: hash(tool)?,
            definition: definition(tool)?,
        })
    })
}

/// What the gateway needs of the approvals.
#[must_use]
pub fn approved(pins: &[Pin]) -> Approved {
    let mut approved = Approved::default();
    for pin in pins {
        let approval = Approval { hash: pin.hash, hidden_text: pin.hidden_text };
        approved.0.entry(pin.name.clone()).or_default().push(approval);
    }
    approved
}

fn tools<T>(
    bytes: Vec<u8>,
    read: impl Fn(Value<'_>) -> Result<T, &'static str>,
) -> Result<Vec<T>, PinsError> {
    let document = Document::parse(Bytes::from(bytes), &LIMITS)?;
    let root = document.root();
    if root.get("version").and_then(|version| version.as_i64()) != Some(VERSION) {
        return Err(PinsError::Shape("`version` is not 1"));
    }
    let list = root.get("tools").filter(|list| list.kind() == Kind::Array);
    let list = list.ok_or(PinsError::Shape("`tools` is not a list"))?;
    if root.members().count() != 2 {
        return Err(PinsError::Shape("an unknown member beside `version` and `tools`"));
    }
    let one = |(at, tool)| read(tool).map_err(|why| PinsError::Tool { number: at + 1, why });
    list.items().enumerate().map(one).collect()
}

fn text(tool: Value<'_>, member: &'static str) -> Result<Option<Box<str>>, &'static str> {
    match tool.get(member) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text.into())),
            None => Err("a member is not a text"),
        },
    }
}

fn hash(tool: Value<'_>) -> Result<ToolHash, &'static str> {
    let text = tool.get("hash").and_then(|hash| hash.as_str()).ok_or("`hash` is missing")?;
    text.parse().map_err(|_| "`hash` is not `sha256:` and 64 lower-case hexadecimal digits")
}

fn definition(tool: Value<'_>) -> Result<Option<Box<str>>, &'static str> {
    let Some(definition) = tool.get("definition") else { return Ok(None) };
    let bytes = canonical(definition);
    if ToolHash::of_canonical(&bytes) != hash(tool)? {
        return Err("`definition` is not the one that `hash` names");
    }
    let named = definition.get("name").and_then(|name| name.as_str());
    if named != tool.get("name").and_then(|name| name.as_str()) {
        return Err("`definition` is of another tool than `name`");
    }
    Ok(String::from_utf8(bytes).ok().map(Into::into))
}

const PIN_MEMBERS: &[&str] = &[
    "name",
    "summary",
    "hash",
    "approved_at",
    "approved_by",
    "comment",
    "hidden_text",
    "definition",
];

const VERSION: i64 = 1;

/// As for answers, in which definitions came, and three levels more.
const LIMITS: Limits = Limits {
    depth_max: limits::JSON_DEPTH_MAX + 3,
    nodes_max: limits::JSON_ANSWER_NODES_MAX,
    number_bytes_max: limits::JSON_NUMBER_BYTES_MAX,
    keys: KeyRule::Exact,
};
