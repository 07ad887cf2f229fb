//! The gateway's own credential towards a server.

use http::{HeaderName, HeaderValue, header};

use super::super::model::{Credential, Endpoint};
use super::super::{raw, secrets};
use super::{At, Context, urls};

pub(super) fn credential(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Credential,
    endpoint: Option<&Endpoint>,
) -> Option<Credential> {
    // A socket of this machine shows nothing to others.
    let url = endpoint.filter(|endpoint| endpoint.socket.is_none()).map(|endpoint| &endpoint.url);
    if let Some(url) = url.filter(|url| url.scheme() == "http" && !urls::is_loopback(url)) {
        let message = format!("the credential is sent in plain text to `{}`", urls::authority(url));
        cx.weak(at, message, "use `https`, or a network that nobody else is on");
    }
    let raw::Credential { header, value } = raw;
    let header_at = at.key("header");
    let name = header.as_deref().unwrap_or(header::AUTHORIZATION.as_str());
    let parsed = HeaderName::try_from(name.to_ascii_lowercase()).ok();
    let header =
        parsed.filter(|name| !FRAMING.contains(name) && !name.as_str().starts_with("mcp-"));
    if header.is_none() {
        let message = format!("`{}` cannot carry a credential", header_at.shown());
        cx.error(
            &header_at,
            message,
            "write `authorization`, `x-api-key` or the server's own name",
        );
    }
    let value_at = at.key("value");
    let value = secrets::secret(cx, &value_at, &value)?;
    if HeaderValue::from_bytes(value.expose()).is_err() {
        let message = "the secret has characters that no header can carry";
        cx.error(&value_at, message, "is it one line of text?");
        return None;
    }
    // RFC 9110 section 11.6.2: a scheme, a space, the credentials.
    let has_scheme = value.expose().contains(&b' ');
    if header == Some(header::AUTHORIZATION) && !has_scheme {
        let message = "an `authorization` value begins with its scheme, and this one has none";
        cx.warn(&value_at, message, "put `Bearer ` before the token, or name another `header`");
    }
    Some(Credential { header: header?, value })
}

/// Headers that frame or route a message; they are never set from a configuration.
const FRAMING: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::ACCEPT,
];
