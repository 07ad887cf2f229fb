//! Where credentials come from: an authorization server, or the gateway's own key.
//!
//! | source | RFC | stands for |
//! |---|---|---|
//! | client credentials | 6749 section 4.4, 8707 | the gateway |
//! | token exchange | 8693 | the caller, as the authorization server says |
//! | assertion | 7519 | the caller, as the gateway says |
//!
//! Guarantees that an answer of an authorization server is read strictly and that what it gives
//! lives no longer than it says, than the caller's own token, and than our bounds.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::Services;
use super::slot::{Caller, Slot, Subject};
use crate::clock::Clock;
use crate::config::{self, Assertion, CredentialSource as Source, TokenRequest};
use crate::json::{self, Document};
use crate::limits::{
    CREDENTIAL_S, CREDENTIAL_S_MAX, CREDENTIAL_SKEW_S, POST_ANSWER_BYTES_MAX, TOKEN_BYTES_MAX,
};
use crate::outbound::oauth::{OauthClient, SigningKey};
use crate::outbound::{Form, OutboundError};
use crate::upstream::UpstreamError;

/// Gets credentials from one source.
pub(super) struct Issuer {
    source: Way,
    /// What stands before the token in the header.
    prefix: &'static str,
    services: Services,
}

enum Way {
    Client(Request),
    Exchange(Request),
    Assertion(Box<Signer>),
}

struct Request {
    config: TokenRequest,
    client: OauthClient,
}

struct Signer {
    config: Assertion,
    key: SigningKey,
    kid: String,
}

/// A credential that was got.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) value: HeaderValue,
    pub(super) expires_at_s: u64,
    /// From when on a new one is asked for.
    pub(super) refresh_at_s: u64,
}

impl Issuer {
    /// # Errors
    /// When a key or certificate cannot be used.
    pub(super) fn new(
        source: &Source,
        header: &HeaderName,
        services: Services,
    ) -> Result<Self, OutboundError> {
        let request = |config: &TokenRequest| {
            let client = OauthClient::of(&config.client, config.endpoint.as_str())?;
            Ok::<_, OutboundError>(Request { config: config.clone(), client })
        };
        let source = match source {
            Source::ClientCredentials(config) => Way::Client(request(config)?),
            Source::TokenExchange(config) => Way::Exchange(request(config)?),
            Source::Assertion(config) => {
                let key = SigningKey::from_pem(config.key.expose())?;
                let kid = key.thumbprint().ok_or(OutboundError::SigningKey)?;
                Way::Assertion(Box::new(Signer { config: config.clone(), key, kid }))
            }
            // Nothing is got for a fixed value.
            Source::Static(_) => return Err(OutboundError::SigningKey),
        };
        let prefix = if *header == AUTHORIZATION { "Bearer " } else { "" };
        Ok(Self { source, prefix, services })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.services.clock
    }

    pub(super) fn exchanges(&self) -> bool {
        matches!(self.source, Way::Exchange(_))
    }

    /// Gets one for the caller of `slot`.
    pub(super) async fn issue(&self, slot: &Slot) -> Result<Issued, UpstreamError> {
        match &self.source {
            Way::Client(request) => {
                let form = Form::default().with("grant_type", "client_credentials");
                self.ask(request, form, None).await
            }
            Way::Exchange(request) => {
                let none = UpstreamError::Credential("the caller has no token to exchange");
                let subject = slot.subject().ok_or(none)?;
                let form = exchange_form(&subject)?;
                self.ask(request, form, subject.expires_at_s).await
            }
            Way::Assertion(signer) => {
                let none = UpstreamError::Credential("nobody whom it could stand for");
                let caller = slot.caller().ok_or(none)?;
                self.sign(signer, &caller)
            }
        }
    }

    async fn ask(
        &self,
        request: &Request,
        mut form: Form,
        ends_s: Option<u64>,
    ) -> Result<Issued, UpstreamError> {
        let Request { config, client } = request;
        for (name, value) in [
            ("scope", (!config.scopes.is_empty()).then(|| config.scopes.join(" "))),
            ("resource", config.resource.clone()),
            ("audience", config.audience.clone()),
        ] {
            if let Some(value) = value {
                form.add(name, &value);
            }
        }
        let now_s = self.services.clock.unix_s();
        let answer = client.post(&self.services.outbound, &config.endpoint, form, now_s).await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "an authorization server gave no token");
            UpstreamError::Credential("the authorization server cannot be reached")
        })?;
        if answer.status != StatusCode::OK {
            return Err(UpstreamError::Credential("the authorization server refused"));
        }
        if !answer.is("application/json") {
            return Err(UpstreamError::Credential("the token answer is not JSON"));
        }
        let exchanged = matches!(self.source, Way::Exchange(_));
        let (token, lifetime_s) = read(answer.body, exchanged)?;
        let expires_at_s = now_s.saturating_add(lifetime_s).min(ends_s.unwrap_or(u64::MAX));
        self.issued(&token, now_s, expires_at_s)
    }

    /// A short-lived statement of the gateway about who calls.
    fn sign(&self, signer: &Signer, caller: &Caller) -> Result<Issued, UpstreamError> {
        let failed = || UpstreamError::Credential("it cannot be signed");
        let Signer { config, key, kid } = signer;
        let mut jti = [0_u8; 16];
        rand::fill(&mut jti).map_err(|_| failed())?;
        let now_s = self.services.clock.unix_s();
        let expires_at_s = now_s.saturating_add(config.lifetime.as_secs());
        let header = json!({"typ": "JWT", "alg": key.alg(), "kid": kid});
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", config.issuer.as_ref().into());
        put("sub", caller.subject.as_ref().into());
        put("aud", config.audience.as_ref().into());
        put("iat", now_s.into());
        put("exp", expires_at_s.into());
        put("jti", URL_SAFE_NO_PAD.encode(jti).into());
        put("auth_method", caller.method.into());
        for (name, value) in [("client_id", &caller.client_id), ("tenant", &caller.tenant)] {
            if let Some(value) = value {
                put(name, value.as_ref().into());
            }
        }
        if !caller.issuer.is_empty() {
            // A subject is unique only beside the one who named it.
            put("sub_iss", caller.issuer.as_ref().into());
        }
        let token = key.jws(&header, &Value::Object(claims)).ok_or_else(failed)?;
        self.issued(&token, now_s, expires_at_s)
    }

    fn issued(&self, token: &str, now_s: u64, expires_at_s: u64) -> Result<Issued, UpstreamError> {
        let lifetime_s = expires_at_s.saturating_sub(now_s);
        if lifetime_s == 0 {
            return Err(UpstreamError::Credential("it ended before it was here"));
        }
        let text = Zeroizing::new(format!("{}{token}", self.prefix));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| UpstreamError::Credential("it cannot stand in a header"))?;
        value.set_sensitive(true);
        // A fifth of its life, at most a minute, is left for getting the next one.
        let margin_s = (lifetime_s / 5).min(CREDENTIAL_SKEW_S);
        Ok(Issued { value, expires_at_s, refresh_at_s: expires_at_s.saturating_sub(margin_s) })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            Way::Client(_) => "Issuer(client credentials)",
            Way::Exchange(_) => "Issuer(token exchange)",
            Way::Assertion(_) => "Issuer(assertion)",
        })
    }
}

/// The public keys with which a server checks assertions (RFC 7517), or `None` where the gateway
/// signs none.
#[must_use]
pub fn key_set(server: &config::Server) -> Option<bytes::Bytes> {
    let credential = server.upstream.credential.as_ref()?;
    let Source::Assertion(config) = &credential.source else { return None };
    let key = SigningKey::from_pem(config.key.expose()).ok()?;
    let mut jwk = key.public_jwk()?;
    let members = jwk.as_object_mut()?;
    members.insert("kid".to_owned(), key.thumbprint()?.into());
    members.insert("alg".to_owned(), key.alg().into());
    members.insert("use".to_owned(), "sig".into());
    Some(json!({"keys": [jwk]}).to_string().into())
}

/// RFC 8693 section 2.1.
fn exchange_form(subject: &Subject) -> Result<Form, UpstreamError> {
    let token = std::str::from_utf8(subject.token.expose());
    let token = token.map_err(|_| UpstreamError::Credential("the caller's token is not text"))?;
    Ok(Form::default()
        .with("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        .with("subject_token", token)
        .with("subject_token_type", ACCESS_TOKEN)
        .with("requested_token_type", ACCESS_TOKEN))
}

/// The token and how long it lives in seconds (RFC 6749 section 5.1, RFC 8693 section 2.2.1).
fn read(body: bytes::Bytes, exchanged: bool) -> Result<(Zeroizing<String>, u64), UpstreamError> {
    let wrong = UpstreamError::Credential;
    let document =
        Document::parse(body, &TOKEN_ANSWER).map_err(|_| wrong("the token answer is not JSON"))?;
    let root = document.root();
    let text = |name: &str| root.get(name).and_then(|value| value.as_str());
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(wrong("the token is of a kind that cannot be sent on"));
    }
    if exchanged && text("issued_token_type").is_none_or(|kind| !TOKENS.contains(&&*kind)) {
        return Err(wrong("the exchange gave something else than an access token"));
    }
    let token = text("access_token").filter(|token| !token.is_empty());
    let token = token.ok_or(wrong("the token answer has no token"))?;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(wrong("the token is too long"));
    }
    let lifetime_s = match root.get("expires_in") {
        None => CREDENTIAL_S,
        Some(value) => {
            let seconds = value.as_i64().and_then(|seconds| u64::try_from(seconds).ok());
            seconds.filter(|seconds| *seconds > 0).ok_or(wrong("`expires_in` is no time"))?
        }
    };
    Ok((Zeroizing::new(token.into_owned()), lifetime_s.min(CREDENTIAL_S_MAX)))
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Kinds of tokens that an exchange may give (RFC 8693 section 3).
const TOKENS: [&str; 2] = [ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"];

/// What a token answer may cost its reader.
const TOKEN_ANSWER: json::Limits = json::Limits::of_issuer(POST_ANSWER_BYTES_MAX);
