//! The `Mcp-*` request headers: claims of the caller that are checked, and facts for the upstream
//! that are made from the body.
//!
//! Guarantees (S-29): no decision is taken from these headers, a header that contradicts the body
//! refuses the request in every revision, and what goes upstream is made anew from the message.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::URI_BYTES_MAX;
use crate::reject::{Code, Rejection};

use super::message::{Kind, Message};
use super::version::Revision;

/// `MCP-Protocol-Version`, since 2025-06-18.
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Session-Id`, 2025-03-26 to 2025-11-25.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Mcp-Method`, since 2026-07-28; some clients send it in the legacy era too.
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`, since 2026-07-28.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Why a claim is refused; all of them answer −32020.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Sent more than once: readers differ on which one counts.
    #[error("`{name}` is repeated")]
    Repeated {
        /// The header.
        name: &'static str,
    },
    /// Missing although this revision requires it.
    #[error("`{name}` is missing")]
    Missing {
        /// The header.
        name: &'static str,
    },
    /// Not visible ASCII, or a sentinel around something that is not base64 of UTF-8.
    #[error("`{name}` cannot be decoded")]
    Undecodable {
        /// The header.
        name: &'static str,
    },
    /// Says something else than the body.
    #[error("`{name}` contradicts the body")]
    Mismatch {
        /// The header.
        name: &'static str,
    },
}

impl From<HeaderError> for Rejection {
    fn from(error: HeaderError) -> Self {
        Self::new(Code::HeaderMismatch, error.to_string())
    }
}

/// The one `MCP-Protocol-Version` of a request, where it has one.
///
/// # Errors
/// Repeated or not visible ASCII.
pub fn claimed_version(headers: &HeaderMap) -> Result<Option<&str>, HeaderError> {
    single(headers, &PROTOCOL_VERSION, "mcp-protocol-version")
}

/// Refuses a request whose `Mcp-Method` or `Mcp-Name` contradicts its body.
///
/// MCP 2026-07-28, Streamable HTTP, "Server Validation": `Mcp-Method` is required on all requests
/// and notifications of a modern revision, `Mcp-Name` on requests that name a tool, a prompt or a
/// resource. In legacy revisions both are optional; what is sent must be true all the same.
///
/// # Errors
/// See [`HeaderError`]; −32020.
pub fn verify_claims(
    headers: &HeaderMap,
    message: &Message,
    revision: Revision,
) -> Result<(), HeaderError> {
    let name = "mcp-method";
    match single(headers, &METHOD, name)? {
        Some(claim) if claim != message.method() => return Err(HeaderError::Mismatch { name }),
        Some(_) => {}
        None if revision.is_modern() => return Err(HeaderError::Missing { name }),
        None => {}
    }
    let name = "mcp-name";
    // A method that this revision has not names nothing, whatever its parameters say.
    let row = message.row().filter(|row| row.exists_in(revision));
    let Some(claim) = single(headers, &NAME, name)? else {
        let required = revision.is_modern() && message.kind() == Kind::Request;
        // A body that names nothing is refused for its parameters, with a better word.
        return match message.name() {
            Some(_) if required && row.is_some() => Err(HeaderError::Missing { name }),
            Some(_) | None => Ok(()),
        };
    };
    let claim = decode(claim).ok_or(HeaderError::Undecodable { name })?;
    if row.is_some() && message.name() != Some(&*claim) {
        return Err(HeaderError::Mismatch { name });
    }
    Ok(())
}

/// The `MCP-Protocol-Version` and `Mcp-*` headers of a modern message, made from its body alone.
///
/// None for the legacy eras: whether there is a version header then depends on the handshake,
/// which only the sender knows.
#[must_use]
pub fn upstream_headers(message: &Message, revision: Revision) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(4);
    if revision.is_modern() {
        headers.push((PROTOCOL_VERSION, HeaderValue::from_static(revision.date())));
        headers.push((METHOD, value(message.method())));
        if let Some(name) = message.name() {
            headers.push((NAME, value(name)));
        }
    }
    headers
}

/// Writes a text as the value of `Mcp-Name` or `Mcp-Param-*`: as it is when it is printable ASCII
/// without white space around it and does not look like the sentinel, else as
/// `=?base64?…?=` (MCP 2026-07-28, Streamable HTTP, "Value Encoding").
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    let printable = text.bytes().all(|b| (0x20..0x7F).contains(&b));
    if printable && !text.is_empty() && text.trim() == text && sentinel(text).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{OPEN}{}{CLOSE}", STANDARD.encode(text)))
}

/// Reads the value of `Mcp-Name` or `Mcp-Param-*`; `None` when it is neither plain nor base64 of
/// UTF-8 between lower-case markers.
#[must_use]
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().all(|b| (0x20..0x7F).contains(&b) || b == b'\t') {
        return None;
    }
    let Some(inner) = sentinel(value) else {
        return Some(Cow::Borrowed(value));
    };
    if inner.len() > ENCODED_BYTES_MAX {
        return None;
    }
    String::from_utf8(STANDARD.decode(inner).ok()?).ok().map(Cow::Owned)
}

fn sentinel(value: &str) -> Option<&str> {
    value.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
    name: &'static str,
) -> Result<Option<&'h str>, HeaderError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(HeaderError::Repeated { name });
    }
    let text = value.to_str().map_err(|_| HeaderError::Undecodable { name })?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

fn value(text: &str) -> HeaderValue {
    // What `encode` writes is printable ASCII, so the fallback is never taken; it would be
    // refused upstream.
    HeaderValue::from_str(&encode(text)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// Base64 of the longest name: a resource URI.
const ENCODED_BYTES_MAX: usize = URI_BYTES_MAX.div_ceil(3) * 4;

#[cfg(test)]
mod tests;
