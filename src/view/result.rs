//! The copies of the data in the result of a tool.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::json::ANSWER;
use crate::json::{Document, Kind, Piece, Pieces, Value};
use crate::json::{Edit, keep_items, keep_members};

use super::walk::is_container;
use super::{View, ViewError, sift};

/// See [`View::cut_result`]. What is neither data nor known to the protocol does not pass, nor what
/// has another kind than the protocol says.
pub(super) fn cut(view: &View<'_>, result: Value<'_>) -> Result<Vec<Edit>, ViewError> {
    if result.kind() != Kind::Object {
        return Err(ViewError::Unreadable);
    }
    let mut edits = Vec::new();
    sift::members(result, &mut edits, |name, value, edits| match name {
        "structuredContent" => view.pass(view.root(value), value, edits),
        "content" if value.kind() == Kind::Array => {
            sift::items(value, edits, |block, edits| self::block(view, block, edits));
            true
        }
        "isError" => value.as_bool().is_some(),
        "resultType" | "cacheScope" | "taskId" => value.kind() == Kind::String,
        "ttlMs" => value.kind() == Kind::Number,
        "_meta" => meta(value, edits),
        _unknown => false,
    });
    Ok(edits)
}

/// A block of the content: only text can be told apart (MCP 2026-07-28, Tools, "Tool Result").
fn block(view: &View<'_>, block: Value<'_>, edits: &mut Vec<Edit>) -> bool {
    let is = |kind: &str| block.get("type").is_some_and(|it| it.is_str(kind));
    let data = if is("text") && has_text(block) {
        "text"
    } else if is("resource") && block.get("resource").is_some_and(has_text) {
        "resource"
    } else {
        return false;
    };
    sift::members(block, edits, |name, value, edits| match name {
        "type" => true,
        "text" if data == name => text(view, value, edits),
        "resource" if data == name => resource(view, value, edits),
        "annotations" => annotations(value, edits),
        "_meta" => meta(value, edits),
        _unknown => false,
    });
    true
}

fn has_text(holder: Value<'_>) -> bool {
    let text = holder.get("text").is_some_and(|text| text.kind() == Kind::String);
    text && holder.get("blob").is_none()
}

/// An embedded resource. Its address is required and may itself hold data, so another one stands
/// in its place; a media type stays where it is the one of what is left.
fn resource(view: &View<'_>, resource: Value<'_>, edits: &mut Vec<Edit>) -> bool {
    sift::members(resource, edits, |name, value, edits| match name {
        "text" => text(view, value, edits),
        "uri" => put(value, WITHHELD_URI, edits),
        "mimeType" => value.is_str("application/json"),
        "_meta" => meta(value, edits),
        _unknown => false,
    });
    true
}

/// JSON in a text is cut where it stands; any other text is withheld. A string within that JSON
/// is a value like any other, whatever it holds.
fn text(view: &View<'_>, string: Value<'_>, edits: &mut Vec<Edit>) -> bool {
    let text = string.as_str().map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let document = text.and_then(|text| Document::parse(text, &ANSWER).ok());
    let Some(document) = document.filter(|document| is_container(document.root())) else {
        return put(string, WITHHELD, edits);
    };
    let (mut removed, root) = (Vec::new(), document.root());
    if !view.pass(view.root(root), root, &mut removed) {
        return put(string, WITHHELD, edits);
    }
    // Below a container there are removals only, so no text has to be written anew: every other
    // byte stays, and the redaction still finds what it has planned for the rest of the string.
    let mut written = Written::new(string);
    for Edit { span, with } in removed {
        let span = written.offset(span.start)..written.offset(span.end);
        edits.push(Edit { span, with });
    }
    true
}

/// Where the parts of a decoded text stand in the string as it is written.
struct Written<'d> {
    pieces: Pieces<'d>,
    /// Where the present piece stands in the text.
    text: Range<usize>,
    /// Where it stands in the document.
    document: Range<usize>,
}

impl<'d> Written<'d> {
    fn new(string: Value<'d>) -> Self {
        let start = string.span().start + 1;
        let pieces = Pieces::new(string.string_inner().unwrap_or_default());
        Self { pieces, text: 0..0, document: start..start }
    }

    /// The place in the document of a place in the text; asked for in order.
    fn offset(&mut self, at: usize) -> usize {
        while at >= self.text.end {
            let (decoded, written) = match self.pieces.next() {
                Some(Piece::Plain(bytes)) => (bytes.len(), bytes.len()),
                Some(Piece::Escape(length, character)) => (character.len_utf8(), length),
                None => return self.document.end,
            };
            self.text = self.text.end..self.text.end + decoded;
            self.document = self.document.end..self.document.end + written;
        }
        // Values begin and end between characters, so only plain text is ever cut within.
        self.document.start + (at - self.text.start)
    }
}

/// Who a block is for and how much it matters, which holds no data of the tool.
fn annotations(annotations: Value<'_>, edits: &mut Vec<Edit>) -> bool {
    if annotations.kind() != Kind::Object {
        return false;
    }
    sift::members(annotations, edits, |name, value, edits| match name {
        "audience" if value.kind() == Kind::Array => {
            keep_items(value, |role| role.is_str("user") || role.is_str("assistant"), edits);
            true
        }
        "priority" => value.kind() == Kind::Number,
        _unknown => false,
    });
    true
}

/// What the protocol itself says beside the data (MCP 2026-07-28, "General fields", `_meta`).
fn meta(meta: Value<'_>, edits: &mut Vec<Edit>) -> bool {
    let of_protocol = |name: &str| name.starts_with(PROTOCOL_PREFIX);
    let any = meta.members().any(|(key, _)| key.as_str().is_some_and(|name| of_protocol(&name)));
    if any {
        keep_members(meta, of_protocol, edits);
    }
    any
}

fn put(value: Value<'_>, with: &'static [u8], edits: &mut Vec<Edit>) -> bool {
    edits.push(Edit { span: value.span(), with: Cow::Borrowed(with) });
    true
}

const WITHHELD: &[u8] = b"\"[withheld]\"";

const WITHHELD_URI: &[u8] = b"\"sallyport:withheld\"";

const PROTOCOL_PREFIX: &str = "io.modelcontextprotocol/";
