//! The token endpoint: passes requests of clients on to the provider's, and its answers back.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::json;

use super::authorize::is_pkce;
use super::parameters::Parameters;
use super::redirect::permits;
use super::{Facade, Reply, refused, scopes, unreached};
use crate::config::{OauthEndpoint, ResourceShim};
use crate::decode;
use crate::exchange::Exchange;
use crate::hygiene::Wellformed;
use crate::json::{self, Document, Kind};
use crate::limits::{
    JSON_NUMBER_BYTES_MAX, OAUTH_BODY_BYTES_MAX, OAUTH_DESCRIPTION_BYTES_MAX, POST_ANSWER_BYTES_MAX,
};
use crate::outbound::{Answer, Form, Post};
use crate::reject::{Code, Rejection};

/// A way to a token (RFC 6749 section 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Code,
    Refresh,
    Client,
}

impl Facade {
    /// RFC 6749 section 3.2.
    pub(super) async fn token(&self, mut ex: Exchange<Wellformed>) -> Result<Reply, Rejection> {
        let budget = &self.services.budget;
        let (body, _lease) = decode::whole(&mut ex, OAUTH_BODY_BYTES_MAX, budget).await?;
        let asked = Parameters::read(&body)?;
        let proof = proof(ex.headers(), &asked)?;
        let form = self.form(&asked)?;
        let client = asked.client()?.map(Box::from);
        let provider = self.provider.current().await?;
        let mut post = Post::form(form);
        if let Some(proof) = proof {
            post.headers.insert(AUTHORIZATION, proof.clone());
        }
        let _slot = self.slot()?;
        let answer = self.services.outbound.post(&provider.token, post).await;
        said(&answer.map_err(|error| unreached(&error))?, client)
    }

    /// The form for the provider, written anew out of what was judged.
    fn form(&self, asked: &Parameters) -> Result<Form, Rejection> {
        if asked.get("resource").is_some_and(|resource| !self.is_own(resource)) {
            return Err(refused("invalid_target", "`resource` is another server"));
        }
        let grant = match asked.needed("grant_type", "no `grant_type`")? {
            "authorization_code" => Grant::Code,
            "refresh_token" => Grant::Refresh,
            "client_credentials" if self.settings.client_credentials => Grant::Client,
            _ => return Err(refused("unsupported_grant_type", "another grant type")),
        };
        let mut form = Form::default();
        let mut pass = |name: &str| {
            if let Some(value) = asked.get(name) {
                form.add(name, value);
            }
        };
        for name in ["grant_type", "client_id", "client_secret"] {
            pass(name);
        }
        match grant {
            Grant::Code => {
                asked.needed("code", "no `code`")?;
                if !asked.get("code_verifier").is_some_and(is_pkce) {
                    return Err(refused("invalid_request", "no PKCE verifier"));
                }
                pass("code");
                pass("code_verifier");
                if let Some(address) = self.answered_at(asked)? {
                    form.add("redirect_uri", &address);
                }
            }
            Grant::Refresh => {
                asked.needed("refresh_token", "no `refresh_token`")?;
                pass("refresh_token");
            }
            Grant::Client => {}
        }
        let scope = asked.get("scope");
        if (scope.is_some() || grant == Grant::Client)
            && let Some(scope) = scopes::mapped(&self.settings, scope)
        {
            form.add("scope", &scope);
        }
        match (&self.settings.resource, asked.get("resource")) {
            (ResourceShim::Keep, Some(resource)) => form.add("resource", resource),
            (ResourceShim::Audience(audience), _) if grant == Grant::Client => {
                form.add("audience", audience);
            }
            _ => {}
        }
        Ok(form)
    }

    /// The `redirect_uri` as the provider knows it (RFC 6749 section 4.1.3).
    fn answered_at(&self, asked: &Parameters) -> Result<Option<String>, Rejection> {
        let typed = asked.get("redirect_uri");
        let listed = &self.settings.redirect_uris;
        if typed.is_some_and(|typed| !listed.is_empty() && !permits(listed, typed)) {
            return Err(refused("invalid_grant", "`redirect_uri` is not listed"));
        }
        if self.settings.proxies_responses {
            return Ok(Some(self.address(OauthEndpoint::Callback)));
        }
        Ok(typed.map(str::to_owned))
    }
}

/// How the client proves itself: at most one way (RFC 6749 section 2.3), and none that is made for
/// another address than the provider's.
fn proof<'a>(
    headers: &'a HeaderMap,
    asked: &Parameters,
) -> Result<Option<&'a HeaderValue>, Rejection> {
    let assertion = ["client_assertion", "client_assertion_type", "assertion"];
    if assertion.iter().any(|name| asked.get(name).is_some()) {
        return Err(refused("invalid_client", "an assertion, made for another address"));
    }
    if headers.contains_key(DPOP) {
        return Err(refused("invalid_request", "a DPoP proof, made for another address"));
    }
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let basic = |value: &HeaderValue| {
        let (scheme, _) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(())
    };
    if basic(value).is_none() || asked.get("client_secret").is_some() {
        return Err(refused("invalid_request", "the client proves itself in an unknown way"));
    }
    Ok(Some(value))
}

/// What the provider said, in the form in which the client may hear it.
fn said(answer: &Answer, client: Option<Box<str>>) -> Result<Reply, Rejection> {
    let unusable = |story: &'static str| Rejection::new(Code::UpstreamInvalid, story);
    let document = Document::parse(answer.body.clone(), &ANSWER);
    let document = document
        .ok()
        .filter(|document| answer.is("application/json") && document.root().kind() == Kind::Object);
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        let mut busy = Rejection::new(Code::Busy, "the authorization server is asked too often");
        busy.retry_after_s = Some(RETRY_AFTER_S);
        return Err(busy);
    }
    let document = document.ok_or_else(|| unusable("the token answer is no JSON object"))?;
    let root = document.root();
    let text = |name: &str| root.get(name).and_then(|value| value.as_str());
    if answer.status == StatusCode::OK {
        let whole = ["access_token", "token_type"].map(|name| text(name).is_some());
        if whole != [true, true] {
            return Err(unusable("the token answer names no token"));
        }
        return Ok(super::json(StatusCode::OK, answer.body.clone(), client));
    }
    let error = text("error").filter(|error| is_error(error));
    let error = error.ok_or_else(|| unusable("the token answer names no error"))?;
    let mut members = json!({ "error": error });
    if let (Some(said), Some(all)) = (text("error_description"), members.as_object_mut()) {
        all.insert("error_description".to_owned(), description(&said).into());
    }
    let body = Bytes::from(members.to_string());
    // RFC 6749 section 5.2 knows 400, and 401 for a client that is not known.
    if answer.status == StatusCode::UNAUTHORIZED {
        let mut reply = super::json(StatusCode::UNAUTHORIZED, body, client);
        reply.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"oauth\""));
        return Ok(reply);
    }
    Ok(super::json(StatusCode::BAD_REQUEST, body, client))
}

/// A name out of a registry: letters, digits and joiners.
pub(super) fn is_error(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=ERROR_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// A description as RFC 6749 sections 4.1.2.1 and 5.2 allow it, up to its first line's end.
pub(super) fn description(text: &str) -> String {
    let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(allowed).take(OAUTH_DESCRIPTION_BYTES_MAX).collect()
}

const DPOP: HeaderName = HeaderName::from_static("dpop");
const ERROR_BYTES_MAX: usize = 64;
const RETRY_AFTER_S: u64 = 5;

/// What a token answer may cost its reader.
const ANSWER: json::Limits = json::Limits {
    depth_max: 8,
    nodes_max: POST_ANSWER_BYTES_MAX,
    number_bytes_max: JSON_NUMBER_BYTES_MAX,
    keys: json::KeyRule::Exact,
};

#[cfg(test)]
mod tests {
    use super::{OAUTH_DESCRIPTION_BYTES_MAX, description, is_error};

    #[test]
    fn description_has_only_what_oauth_allows_and_one_line() {
        assert_eq!(description("AADSTS9: \"no\\t\u{e9}\"\r\nTrace ID: 1"), "AADSTS9: not");
        let long = "x".repeat(OAUTH_DESCRIPTION_BYTES_MAX + 1);
        assert_eq!(description(&long).len(), OAUTH_DESCRIPTION_BYTES_MAX);
    }

    #[test]
    fn error_is_a_name() {
        assert!(is_error("invalid_grant") && is_error("use_dpop_nonce"));
        for other in ["", "Invalid Grant", "a\"b", "<b>", &"x".repeat(65)] {
            assert!(!is_error(other), "{other}");
        }
    }
}
