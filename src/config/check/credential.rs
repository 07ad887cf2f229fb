//! What authenticates the gateway, or its caller, to a server.

use std::time::Duration;

use aws_lc_rs::signature::RsaKeyPair;
use http::{HeaderName, HeaderValue, header};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::model::{
    Assertion, ClientIdentity, Credential, CredentialSource as Source, Endpoint, OauthClient,
    TokenRequest,
};
use super::super::{raw, secrets};
use super::{At, Context, certificates, duration, outbound, urls};
use crate::limits::{ASSERTION_S, ASSERTION_S_MAX, FILE_BYTES_MAX};
use crate::principal::is_scope;
use crate::secret::Secret;

/// The credential of a server whose callers know it as `issuer`.
pub(super) fn credential(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Credential>,
    endpoint: Option<&Endpoint>,
    issuer: &str,
) -> Option<Option<Credential>> {
    let Some(raw) = raw else { return Some(None) };
    let at = &at.key("credential");
    // A socket of this machine shows nothing to others.
    let url = endpoint.filter(|endpoint| endpoint.socket.is_none()).map(|endpoint| &endpoint.url);
    if let Some(url) = url.filter(|url| url.scheme() == "http" && !urls::is_loopback(url)) {
        let message = format!("the credential is sent in plain text to `{}`", urls::authority(url));
        cx.weak(at, message, "use `https`, or a network that nobody else is on");
    }
    let raw::Credential { header, value, client_credentials, token_exchange, assertion } = raw;
    let header = self::header(cx, &at.key("header"), header.as_deref());
    let source = match (value, client_credentials, token_exchange, assertion) {
        (Some(value), None, None, None) => {
            fixed(cx, &at.key("value"), &value, header.as_ref()).map(Source::Static)
        }
        (None, Some(raw), None, None) => {
            let at = at.key("client_credentials");
            request(cx, &at, raw).map(Source::ClientCredentials)
        }
        (None, None, Some(raw), None) => {
            request(cx, &at.key("token_exchange"), raw).map(Source::TokenExchange)
        }
        (None, None, None, Some(raw)) => {
            self::assertion(cx, &at.key("assertion"), raw, endpoint, issuer).map(Source::Assertion)
        }
        (None, None, None, None) => {
            cx.absent(at, "a credential without a value", "add `value: { file: secrets/server }`");
            None
        }
        _ => {
            cx.error(at, "several values for one credential", "keep one of them");
            None
        }
    };
    Some(Some(Credential { header: header?, source: source? }))
}

fn header(cx: &mut Context<'_>, at: &At<'_>, raw: Option<&str>) -> Option<HeaderName> {
    let name = raw.unwrap_or(header::AUTHORIZATION.as_str());
    let parsed = HeaderName::try_from(name.to_ascii_lowercase()).ok();
    let header =
        parsed.filter(|name| !FRAMING.contains(name) && !name.as_str().starts_with("mcp-"));
    if header.is_none() {
        let message = format!("`{}` cannot carry a credential", at.shown());
        cx.error(at, message, "write `authorization`, `x-api-key` or the server's own name");
    }
    header
}

fn fixed(
    cx: &mut Context<'_>,
    at: &At<'_>,
    value: &raw::SecretRef,
    header: Option<&HeaderName>,
) -> Option<Secret> {
    let value = secrets::secret(cx, at, value)?;
    if HeaderValue::from_bytes(value.expose()).is_err() {
        let message = "the secret has characters that no header can carry";
        cx.error(at, message, "is it one line of text?");
        return None;
    }
    // RFC 9110 section 11.6.2: a scheme, a space, the credentials.
    let has_scheme = value.expose().contains(&b' ');
    if header == Some(&header::AUTHORIZATION) && !has_scheme {
        let message = "an `authorization` value begins with its scheme, and this one has none";
        cx.warn(at, message, "put `Bearer ` before the token, or name another `header`");
    }
    Some(value)
}

fn request(cx: &mut Context<'_>, at: &At<'_>, raw: raw::TokenRequest) -> Option<TokenRequest> {
    let raw::TokenRequest { token_endpoint, client_id, client, scopes, resource, audience } = raw;
    let endpoint_at = at.key("token_endpoint");
    let endpoint = urls::http_url(cx, &endpoint_at, &token_endpoint.0);
    if let Some(url) = &endpoint {
        urls::require_https(cx, &endpoint_at, url, "`token_endpoint`")?;
    }
    for (key, value) in [
        ("client_id", Some(&client_id)),
        ("resource", resource.as_ref()),
        ("audience", audience.as_ref()),
    ] {
        if value.is_some_and(|text| text.trim().is_empty()) {
            cx.error(&at.key(key), format!("`{key}` is empty"), "fill it, or remove it");
            return None;
        }
    }
    let scopes = scopes.unwrap_or_default();
    for (i, scope) in scopes.iter().enumerate() {
        if !is_scope(scope) {
            let at = at.key("scopes").item(i);
            cx.error(&at, format!("`{}` is not a scope", at.shown()), "one word each");
            return None;
        }
    }
    let proof = outbound::client(cx, &at.key("client"), client)?;
    let client = OauthClient { id: client_id.into(), proof };
    Some(TokenRequest { endpoint: endpoint?, client, scopes, resource, audience })
}

fn assertion(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Assertion,
    endpoint: Option<&Endpoint>,
    issuer: &str,
) -> Option<Assertion> {
    let raw::Assertion { key, audience, lifetime } = raw;
    let key_at = at.key("key");
    let key = outbound::signing_key(cx, &key_at, &key)?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.expose()).ok();
    if der.is_some_and(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).is_ok()) {
        let message = "an RSA key makes assertions that are too long for many servers";
        cx.error(&key_at, message, "use a P-256, P-384 or Ed25519 key");
        return None;
    }
    let (default, bound) = (Duration::from_secs(ASSERTION_S), Duration::from_secs(ASSERTION_S_MAX));
    let lifetime = duration(cx, &at.key("lifetime"), lifetime, default, bound)?;
    if lifetime.as_secs() == 0 {
        let message = "an assertion that ends at once proves nothing";
        cx.error(&at.key("lifetime"), message, "write `60s`");
        return None;
    }
    let audience = match audience.filter(|text| !text.trim().is_empty()) {
        Some(audience) => audience,
        None => endpoint?.url.as_str().trim_end_matches('/').to_owned(),
    };
    Some(Assertion { key, issuer: issuer.into(), audience: audience.into(), lifetime })
}

/// The certificate that is shown to a server.
pub(super) fn identity(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::CertificateFiles>,
    endpoint: Option<&Endpoint>,
) -> Option<Option<ClientIdentity>> {
    let Some(raw) = raw else { return Some(None) };
    let at = &at.key("client_certificate");
    if endpoint.is_some_and(|endpoint| endpoint.url.scheme() != "https") {
        let message = "`client_certificate` has no effect: the upstream is not `https`";
        cx.absent(at, message, "remove it, or write `https`");
        return None;
    }
    let files = certificates::pair(cx, at, &raw.cert, &raw.key)?;
    let chain = cx.read(&at.key("cert"), &files.cert, FILE_BYTES_MAX)?;
    // Its users and its mode were judged just now.
    let key = cx.files.read_secret(&files.key).ok()?;
    Some(Some(ClientIdentity { chain: chain.into(), key: Secret::new(key) }))
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
