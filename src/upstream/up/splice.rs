//! Changes a message by replacing stretches of it, and nothing else.
//!
//! Owns the edits that turn a legacy request into a modern one and a modern answer into a legacy
//! one. Pure. Guarantees that every byte outside the edits is the byte that came: unknown
//! members, big integers, key order and number spelling survive.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::json::{Document, Kind, Value};

/// Replacements in one document, in any order of making, apart from each other.
#[derive(Debug, Default)]
pub(super) struct Splices<'a>(Vec<(Range<usize>, Cow<'a, [u8]>)>);

impl<'a> Splices<'a> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Puts `with` in the place of `span`.
    pub(super) fn replace(&mut self, span: Range<usize>, with: impl Into<Cow<'a, [u8]>>) {
        self.0.push((span, with.into()));
    }

    /// Adds members in front of those of `object` and takes away the ones called `without`.
    ///
    /// `members` is their text, `"name":value` joined by commas; may be empty.
    pub(super) fn members(&mut self, object: Value<'_>, members: &[u8], without: &[&str]) {
        let kept = self.remove(object, without);
        if members.is_empty() {
            return;
        }
        let mut text = members.to_vec();
        if kept {
            text.push(b',');
        }
        let at = object.span().start + 1;
        self.0.push((at..at, text.into()));
    }

    /// Takes away the members called `without`; whether any member stays.
    pub(super) fn remove(&mut self, object: Value<'_>, without: &[&str]) -> bool {
        let mut members = object.members().peekable();
        let mut before = None;
        let mut kept = false;
        while let Some((key, value)) = members.next() {
            let end = value.span().end;
            if without.iter().any(|name| key.is_str(name)) {
                // Behind a kept member the comma before goes along, else the comma after.
                let next = members.peek().map(|(key, _)| key.span().start);
                let span = match before.filter(|_| kept) {
                    Some(before) => before..end,
                    None => key.span().start..next.unwrap_or(end),
                };
                self.0.push((span, Cow::Borrowed(b"")));
            } else {
                kept = true;
            }
            before = Some(end);
        }
        kept
    }

    /// The document after the edits; the same bytes, shared, where there are none.
    pub(super) fn apply(mut self, document: &Document) -> Bytes {
        let bytes = document.bytes();
        if self.0.is_empty() {
            return bytes.clone();
        }
        // An insertion stands before what begins at the same place.
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let added: usize = self.0.iter().map(|(_, with)| with.len()).sum();
        let mut out = BytesMut::with_capacity(bytes.len() + added);
        let mut at = 0;
        for (span, with) in &self.0 {
            out.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
            out.extend_from_slice(with);
            at = span.end.max(at);
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        out.freeze()
    }
}

/// Why a request cannot be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpliceError {
    /// `_meta` is not an object, so nothing can be added to it.
    #[error("`_meta` is not an object")]
    Meta,
    /// The parameters say what only a modern client may say; the server would believe it.
    #[error("`{0}` belongs to a revision that this request does not speak")]
    Foreign(&'static str),
}

/// The request as a modern server reads it: `meta` (members of `_meta`) takes the place of all
/// that the client said under those names, `answers` (members of `params`) are added, and the id
/// is replaced where one is given.
///
/// # Errors
/// See [`SpliceError`].
pub(super) fn request(
    document: &Document,
    id: Option<&[u8]>,
    meta: &[u8],
    answers: &[u8],
) -> Result<Bytes, SpliceError> {
    let root = document.root();
    let mut splices = Splices::new();
    if let (Some(id), Some(old)) = (id, root.get("id")) {
        splices.replace(old.span(), id);
    }
    let Some(params) = root.get("params") else {
        let mut text = b"\"params\":{\"_meta\":{".to_vec();
        text.extend_from_slice(meta);
        text.extend_from_slice(b"}}");
        splices.members(root, &text, &[]);
        return Ok(splices.apply(document));
    };
    for name in RETRY_MEMBERS {
        if params.get(name).is_some() {
            return Err(SpliceError::Foreign(name));
        }
    }
    let mut text = Vec::with_capacity(meta.len() + answers.len() + 16);
    match params.get("_meta") {
        Some(old) if old.kind() == Kind::Object => splices.members(old, meta, META_MEMBERS),
        Some(_) => return Err(SpliceError::Meta),
        None => {
            text.extend_from_slice(b"\"_meta\":{");
            text.extend_from_slice(meta);
            text.push(b'}');
        }
    }
    if !answers.is_empty() {
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(answers);
    }
    splices.members(params, &text, &[]);
    Ok(splices.apply(document))
}

/// The final answer as a legacy client reads it: its own id, no members of the modern revision,
/// and the error code that its revision knows.
///
/// `resultType`, `ttlMs` and `cacheScope` go although a legacy result may hold unknown members:
/// a client that reads both eras would take the answer for a modern one, and a promise that
/// others may share the answer must not outlive the filter that makes it one caller's own.
pub(super) fn answer(document: &Document, id: &[u8], code: Option<&'static str>) -> Bytes {
    let root = document.root();
    let mut splices = Splices::new();
    match root.get("id") {
        Some(old) if old.raw() == id => {}
        Some(old) => splices.replace(old.span(), id),
        None => {
            let mut text = b"\"id\":".to_vec();
            text.extend_from_slice(id);
            splices.members(root, &text, &[]);
        }
    }
    if let Some(result) = root.get("result") {
        splices.remove(result, RESULT_MEMBERS);
    }
    if let (Some(code), Some(old)) = (code, root.get("error").and_then(|error| error.get("code"))) {
        splices.replace(old.span(), code.as_bytes());
    }
    splices.apply(document)
}

/// A notification of a `subscriptions/listen` stream without the tag of its stream. A `_meta`
/// that held nothing else goes with it.
pub(super) fn untagged(document: &Document) -> Bytes {
    let mut splices = Splices::new();
    let params = document.root().get("params");
    let meta = params.and_then(|params| params.get("_meta"));
    if let (Some(params), Some(meta)) = (params, meta)
        && meta.get(SUBSCRIPTION_ID).is_some()
    {
        if meta.members().count() == 1 {
            splices.remove(params, &["_meta"]);
        } else {
            splices.remove(meta, &[SUBSCRIPTION_ID]);
        }
    }
    splices.apply(document)
}

/// `_meta` key that tags the messages of one `subscriptions/listen` stream.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What the gateway says of the client; what a client says itself under these names is dropped.
const META_MEMBERS: &[&str] = &[
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/logLevel",
    SUBSCRIPTION_ID,
];

/// Parameters of a retry: only the gateway sends them.
const RETRY_MEMBERS: [&str; 2] = ["inputResponses", "requestState"];

/// Members that every modern result has or that hint at caching.
const RESULT_MEMBERS: &[&str] = &["resultType", "ttlMs", "cacheScope"];
