//! Turns the pipeline's outcome into the one kind of response that leaves.
//!
//! Owns the wire shape of refusals: a JSON-RPC error on an MCP endpoint, RFC 9457 problem details
//! elsewhere, `WWW-Authenticate` on 401 and 403. Guarantees that a caller reads the public text of
//! the table and the request id, nothing else, and that every answer says `no-store` and
//! `nosniff`.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName,
    HeaderValue, PRAGMA, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Response, StatusCode};

use crate::body::ReplyBody;
use crate::hygiene::{Cors, Shape};
use crate::json;
use crate::reject::{Challenge, Code, RateLimitHeaders, Rejection, Row, Scheme, Schemes};

/// Facts of the request that every response answers to.
#[derive(Debug, Clone)]
pub struct Context {
    /// How a refusal looks.
    pub shape: Shape,
    /// Whether the connection is TLS (HSTS makes no sense elsewhere, RFC 6797 section 7.2).
    pub tls: bool,
    /// Which page may read the answer.
    pub cors: Cors,
    /// The nonce for the caller's next proof of possession.
    pub dpop_nonce: Option<Box<str>>,
    /// Whether the request's body was not read: the connection closes with this answer, and has
    /// to say so (RFC 9112 section 9.6), or the client's next request is lost on it.
    pub leaves_body: bool,
}

impl Context {
    /// Before a route is known.
    #[must_use]
    pub fn new(tls: bool) -> Self {
        Self { shape: Shape::Problem, tls, cors: Cors::Off, dpop_nonce: None, leaves_body: false }
    }
}

/// The response of a refusal.
#[must_use]
pub fn refusal(
    rejection: &Rejection,
    request_id: &str,
    rpc_id: Option<&Bytes>,
    cx: &Context,
) -> Response<ReplyBody> {
    let row = rejection.code.row();
    let (media, body) = match cx.shape {
        Shape::JsonRpc => ("application/json", rpc_error(rejection, &row, request_id, rpc_id)),
        Shape::Problem => ("application/problem+json", problem(rejection, &row, request_id)),
        Shape::Oauth => ("application/json", oauth_error(rejection, &row, request_id)),
    };
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(challenge) = &rejection.challenge {
        challenges(headers, challenge);
    } else if rejection.code == Code::CertificateRequired {
        headers.insert(WWW_AUTHENTICATE, CLIENT_CERTIFICATE);
    }
    if let Some(seconds) = rejection.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(limit) = &rejection.rate_limit {
        rate_limit_headers(headers, limit);
    }
    if let Some(allow) = rejection.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if cx.leaves_body {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    common_headers(headers, cx);
    response
}

/// The response to a message that never became a request: the connection layer writes it itself.
#[must_use]
pub fn wire_refusal(rejection: &Rejection, request_id: &str, cx: &Context) -> Response<Bytes> {
    let row = rejection.code.row();
    let mut response = Response::new(problem(rejection, &row, request_id));
    *response.status_mut() =
        StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    common_headers(headers, cx);
    response
}

/// The response of a discovery document or a CORS preflight.
#[must_use]
pub fn document(media: Option<&'static str>, body: Bytes, cx: &Context) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    let headers = response.headers_mut();
    match media {
        Some(media) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        None => {
            cx.cors.apply_preflight(headers);
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
    }
    common_headers(response.headers_mut(), cx);
    response
}

/// The response of an endpoint of the authorization-server facade.
#[must_use]
pub fn oauth(status: StatusCode, own: HeaderMap, body: Bytes, cx: &Context) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = own;
    let headers = response.headers_mut();
    // RFC 6749 section 5.1; and addresses with codes in them are nobody else's business.
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    common_headers(headers, cx);
    response
}

/// The response of an event stream that the gateway writes itself.
#[must_use]
pub fn events(body: ReplyBody, cx: &Context) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that buffer would keep events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    common_headers(headers, cx);
    response
}

/// Adds what every response says.
pub fn common_headers(headers: &mut HeaderMap, cx: &Context) {
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if cx.tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if let Some(nonce) = &cx.dpop_nonce {
        insert(headers, DPOP_NONCE, nonce);
    }
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        cx.cors.apply(headers);
    }
}

/// The error event with which a stream is cut.
#[must_use]
pub fn error_event(rejection: &Rejection, request_id: &str, rpc_id: Option<&Bytes>) -> Bytes {
    let row = rejection.code.row();
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"event: message\ndata: ");
    out.extend_from_slice(&rpc_error(rejection, &row, request_id, rpc_id));
    out.extend_from_slice(b"\n\n");
    out.into()
}

/// The error response to a message, where it does not stand in a response of its own.
#[must_use]
pub fn error_message(rejection: &Rejection, request_id: &str, rpc_id: Option<&Bytes>) -> Bytes {
    rpc_error(rejection, &rejection.code.row(), request_id, rpc_id)
}

/// JSON-RPC 2.0 section 5.1; `data.origin` says that the gateway spoke, not the server.
fn rpc_error(rejection: &Rejection, row: &Row, request_id: &str, rpc_id: Option<&Bytes>) -> Bytes {
    let id = rpc_id.or(rejection.rpc_id.as_ref());
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id.map_or(b"null", |id| id.as_ref()));
    out.extend_from_slice(br#","error":{"code":"#);
    out.extend_from_slice(row.rpc.to_string().as_bytes());
    out.extend_from_slice(br#","message":"#);
    json::write_string(&mut out, row.public);
    out.extend_from_slice(br#","data":{"origin":"gateway","code":"#);
    json::write_string(&mut out, row.code);
    out.extend_from_slice(br#","request_id":"#);
    json::write_string(&mut out, request_id);
    if let Some(serde_json::Value::Object(data)) = rejection.data.as_deref() {
        for (key, value) in data {
            out.push(b',');
            json::write_string(&mut out, key);
            out.push(b':');
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
    out.extend_from_slice(b"}}}");
    out.into()
}

/// RFC 9457 section 3.
fn problem(rejection: &Rejection, row: &Row, request_id: &str) -> Bytes {
    let mut out = Vec::with_capacity(192);
    out.extend_from_slice(br#"{"type":"about:blank","title":"#);
    json::write_string(&mut out, row.public);
    out.extend_from_slice(br#","status":"#);
    out.extend_from_slice(row.status.to_string().as_bytes());
    out.extend_from_slice(br#","code":"#);
    json::write_string(&mut out, row.code);
    let reason = rejection.data.as_deref().and_then(|data| data.get("reason")?.as_str());
    if let Some(reason) = reason {
        out.extend_from_slice(br#","detail":"#);
        json::write_string(&mut out, reason);
    }
    out.extend_from_slice(br#","request_id":"#);
    json::write_string(&mut out, request_id);
    out.push(b'}');
    out.into()
}

/// RFC 6749 sections 4.1.2.1 and 5.2. The description has only characters that they allow.
fn oauth_error(rejection: &Rejection, row: &Row, request_id: &str) -> Bytes {
    let error = rejection.oauth.unwrap_or(match row.status {
        429 | 502..=504 => "temporarily_unavailable",
        500 => "server_error",
        _ => "invalid_request",
    });
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(br#"{"error":"#);
    json::write_string(&mut out, error);
    out.extend_from_slice(br#","error_description":"#);
    json::write_string(&mut out, &format!("{} (request {request_id})", row.public));
    out.push(b'}');
    out.into()
}

/// One field for each scheme. `Bearer` stands first: clients that know no other look no further.
fn challenges(headers: &mut HeaderMap, challenge: &Challenge) {
    let (bearer, algs) = match &challenge.schemes {
        Schemes::Bearer => (true, None),
        Schemes::Dpop(algs) => (false, Some(algs)),
        Schemes::Both(algs) => (true, Some(algs)),
    };
    // RFC 9449 section 7.2: the error stands with the scheme that was used. Where that one is not
    // taken at all, it stands with the one that is.
    let about_dpop = algs.is_some() && (challenge.used == Scheme::Dpop || !bearer);
    let mut add = |start: String, blamed: bool| {
        let value = challenge_value(challenge, start, challenge.error.filter(|_| blamed));
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    };
    if bearer {
        add("Bearer ".to_owned(), !about_dpop);
    }
    if let Some(algs) = algs {
        add(format!("DPoP algs=\"{algs}\", "), about_dpop);
    }
    if let Some(nonce) = &challenge.nonce {
        insert(headers, DPOP_NONCE, nonce);
    }
}

/// RFC 6750 section 3, RFC 9449 section 7.1 and RFC 9728 section 5.1. Scope names were checked to
/// be scope tokens.
fn challenge_value(challenge: &Challenge, start: String, error: Option<&'static str>) -> String {
    let mut out = start;
    match &challenge.resource_metadata {
        Some(url) => out.push_str(&format!("resource_metadata=\"{url}\"")),
        // RFC 6750 section 3: at least one parameter follows the scheme.
        None => out.push_str("realm=\"api-key\""),
    }
    if let Some(error) = error {
        out.push_str(&format!(", error=\"{error}\""));
    }
    if let Some(scope) = &challenge.scope {
        out.push_str(&format!(", scope=\"{scope}\""));
    }
    if let Some(max_age_s) = challenge.max_age_s {
        out.push_str(&format!(", max_age=\"{max_age_s}\""));
    }
    out
}

/// The `RateLimit` fields of the IETF draft "RateLimit header fields for HTTP".
fn rate_limit_headers(headers: &mut HeaderMap, limit: &RateLimitHeaders) {
    let policy = format!("\"{}\";q={};w={}", limit.policy, limit.quota, limit.window_s);
    let state = format!("\"{}\";r=0;t={}", limit.policy, limit.reset_s);
    insert(headers, HeaderName::from_static("ratelimit-policy"), &policy);
    insert(headers, HeaderName::from_static("ratelimit"), &state);
}

/// A value that is not one is left out rather than sent broken.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// RFC 9110 section 11.6.1: a 401 has a challenge. No scheme for certificates is registered; this
/// one is that of draft-thomson-httpbis-cant, and clients pass over a scheme that they do not know.
const CLIENT_CERTIFICATE: HeaderValue = HeaderValue::from_static("ClientCertificate");
/// RFC 9449 section 8.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::WWW_AUTHENTICATE;
    use http_body_util::BodyExt;

    use super::{Context, refusal};
    use crate::hygiene::{Cors, Shape};
    use crate::reject::{Challenge, Code, Rejection, Scheme, Schemes};

    const RPC: Context = Context {
        shape: Shape::JsonRpc,
        tls: true,
        cors: Cors::Off,
        dpop_nonce: None,
        leaves_body: false,
    };

    #[tokio::test]
    async fn refusal_keeps_the_id_and_hides_the_inside() {
        let rejection = Rejection::new(Code::TokenInvalid, "audience is not this resource");
        let id = Bytes::from_static(b"\"a-1\"");
        let response = refusal(&rejection, "rid", Some(&id), &RPC);
        assert_eq!(response.status(), 401);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["id"], "a-1");
        assert_eq!(value["error"]["code"], 40101);
        assert_eq!(value["error"]["data"]["origin"], "gateway");
        assert!(!String::from_utf8_lossy(&body).contains("audience"));
    }

    #[test]
    fn challenge_names_metadata_error_and_all_scopes() {
        let rejection = Rejection::new(Code::ScopeInsufficient, "").with_challenge(Challenge {
            error: Some("insufficient_scope"),
            scope: Some("a b".to_owned()),
            resource_metadata: Some("https://h/.well-known/oauth-protected-resource/mcp".into()),
            ..Challenge::default()
        });
        let response = refusal(&rejection, "rid", None, &RPC);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\", \
             error=\"insufficient_scope\", scope=\"a b\""
        );
    }

    fn fields(schemes: Schemes, used: Scheme) -> Vec<String> {
        let rejection = Rejection::new(Code::TokenInvalid, "").with_challenge(Challenge {
            schemes,
            used,
            error: Some("invalid_token"),
            scope: Some("a".to_owned()),
            resource_metadata: Some("https://h/m".into()),
            nonce: None,
            max_age_s: None,
        });
        let response = refusal(&rejection, "rid", None, &RPC);
        let all = response.headers().get_all(WWW_AUTHENTICATE).iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn error_stands_with_the_scheme_that_was_used_and_bearer_comes_first() {
        let (bearer, dpop) = ("Bearer resource_metadata=\"https://h/m\"", "DPoP algs=\"ES256\"");
        let error = ", error=\"invalid_token\"";
        let both = || Schemes::Both("ES256".into());
        let metadata = ", resource_metadata=\"https://h/m\"";
        let scope = ", scope=\"a\"";
        assert_eq!(
            fields(both(), Scheme::Bearer),
            [format!("{bearer}{error}{scope}"), format!("{dpop}{metadata}{scope}")]
        );
        let blamed = [format!("{dpop}{metadata}{error}{scope}")];
        assert_eq!(
            fields(both(), Scheme::Dpop),
            [&[format!("{bearer}{scope}")][..], &blamed].concat()
        );
        for used in [Scheme::Bearer, Scheme::Dpop] {
            assert_eq!(fields(Schemes::Dpop("ES256".into()), used), blamed);
            assert_eq!(fields(Schemes::Bearer, used), [format!("{bearer}{error}{scope}")]);
        }
    }

    #[test]
    fn challenge_without_an_authorization_server_points_to_none() {
        let challenge = |error| Challenge { error, ..Challenge::default() };
        let refused = |error| {
            let rejection = Rejection::new(Code::TokenMissing, "").with_challenge(challenge(error));
            refusal(&rejection, "rid", None, &RPC)
        };
        assert_eq!(refused(None).headers()[WWW_AUTHENTICATE], "Bearer realm=\"api-key\"");
        assert_eq!(
            refused(Some("invalid_token")).headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"api-key\", error=\"invalid_token\""
        );
    }
}
