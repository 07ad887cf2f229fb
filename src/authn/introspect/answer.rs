//! Judges what an issuer says of a token (RFC 7662 section 2.2).
//!
//! Pure: time is an argument. Guarantees that a principal exists only if the answer is strict JSON
//! with `active` true, and issuer, audience, time, kind and subject held as they must in a token;
//! and that what an answer binds the token to becomes part of the principal, to be proven (S-08).

use std::sync::Arc;

use bytes::Bytes;

use super::super::claims::{self, Rules, SUBJECT};
use super::super::error::TokenError;
use super::Verified;
use crate::json::{self, Document, JsonError, Kind, Value};
use crate::limits::{POST_ANSWER_BYTES_MAX, TOKEN_CACHE_S};
use crate::principal::{Principal, Scopes};

/// Why an answer is none. It says nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the answer is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    #[error("the answer is not an object whose `active` is true or false")]
    Shape,
}

/// What an issuer says of a token.
#[derive(Debug)]
pub(super) enum Said {
    Inactive,
    Active(Document),
}

/// Whether an answer about an opaque token may lack `aud`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Required,
    Optional,
}

/// Reads an answer.
///
/// # Errors
/// [`AnswerError`] where it is not clear what is said: `"true"` and 1 are not true.
pub(super) fn read(body: Bytes) -> Result<Said, AnswerError> {
    let document = Document::parse(body, &ANSWER_JSON)?;
    match document.root().get("active").map(|active| active.kind()) {
        Some(Kind::True) => Ok(Said::Active(document)),
        Some(Kind::False) => Ok(Said::Inactive),
        Some(Kind::Object | Kind::Array | Kind::String | Kind::Number | Kind::Null) | None => {
            Err(AnswerError::Shape)
        }
    }
}

/// The caller behind an opaque token of which `said` is true.
///
/// # Errors
/// The first rule that does not hold.
pub(super) fn opaque(
    rules: &Rules,
    said: Value<'_>,
    audience: Audience,
    now_s: u64,
) -> Result<Principal, TokenError> {
    let expires_at_s = common(rules, said, audience, now_s)?;
    // Client credentials: the client acts for itself (RFC 9068 section 2.2 names it the same way).
    let subject = match claims::subject(said)? {
        Some(subject) => Some(subject),
        None => rules.client_id(said)?.filter(|id| !id.is_empty()),
    };
    let subject = subject.ok_or(TokenError::Claim { name: "sub", expected: SUBJECT })?;
    // A token without an end is one until it is asked about again; streams end with it.
    let expires_at_s = expires_at_s.unwrap_or_else(|| now_s.saturating_add(TOKEN_CACHE_S));
    rules.principal(said, subject, expires_at_s)
}

/// The caller of a JWT that was verified, with no more rights and no longer life than the issuer
/// still gives it.
///
/// # Errors
/// The first rule that does not hold; [`TokenError::Contradicted`] where the issuer speaks of
/// somebody else.
pub(super) fn confirmed(
    rules: &Rules,
    said: Value<'_>,
    verified: &Verified,
    now_s: u64,
) -> Result<Principal, TokenError> {
    // The audience that the signature covers was checked.
    let expires_at_s = common(rules, said, Audience::Optional, now_s)?;
    let own = &verified.principal;
    if claims::subject(said)?.is_some_and(|subject| subject != own.subject) {
        return Err(TokenError::Contradicted("sub"));
    }
    let client = rules.client_id(said)?;
    if client.is_some() && own.client_id.is_some() && client != own.client_id {
        return Err(TokenError::Contradicted("client_id"));
    }
    let mut principal = Principal::clone(own);
    // What either of them binds the token to counts; they must not say two things (S-08).
    if let Some(bound) = claims::confirmation(said)? {
        if own.confirmation.is_some_and(|own| own != bound) {
            return Err(TokenError::Contradicted("cnf"));
        }
        principal.confirmation = Some(bound);
    }
    if said.get("scope").or_else(|| said.get("scp")).is_some() {
        let left = rules.scopes(said)?;
        principal.scopes =
            Scopes::from_names(own.scopes.iter().filter(|scope| left.contains(scope)));
    }
    principal.expires_at_s = match (own.expires_at_s, expires_at_s) {
        (Some(own), Some(said)) => Some(own.min(said)),
        (own, said) => own.or(said),
    };
    Ok(principal)
}

/// What must hold of every answer. Gives `exp`, if there is one.
fn common(
    rules: &Rules,
    said: Value<'_>,
    audience: Audience,
    now_s: u64,
) -> Result<Option<u64>, TokenError> {
    if said.get("iss").is_some_and(|iss| !iss.is_str(rules.issuer())) {
        return Err(TokenError::Issuer);
    }
    kind(said)?;
    if audience == Audience::Required || said.get("aud").is_some() {
        rules.check_audience(said)?;
    }
    rules.check_times(said, now_s)
}

/// Issuers answer about refresh and ID tokens too; only an access token is one. `token_type` is of
/// RFC 7662; `token_use` (Ory Hydra, Amazon Cognito) and `typ` (Keycloak) are what issuers add.
fn kind(said: Value<'_>) -> Result<(), TokenError> {
    claims::check_kind(said)?;
    for (name, accepted) in KINDS {
        let Some(found) = claims::text(said, name)? else { continue };
        let found: Arc<str> = found.to_ascii_lowercase().into();
        if name == "token_type" && *found == *"dpop" {
            // RFC 9449 section 6.2: then it says to which key, too.
            let bound = claims::confirmation(said)?.and_then(|bound| bound.dpop_key);
            bound.ok_or(TokenError::Bound)?;
            continue;
        }
        if !accepted.contains(&&*found) {
            return Err(TokenError::Type("the issuer says that it is of another kind"));
        }
    }
    Ok(())
}

/// Members that name the kind of a token, and what they may say of an access token.
const KINDS: [(&str, &[&str]); 3] = [
    ("token_type", &["bearer", "access_token"]),
    ("token_use", &["access_token", "access"]),
    ("typ", &["bearer", "at+jwt", "application/at+jwt", "jwt"]),
];

/// What an answer may cost its reader.
const ANSWER_JSON: json::Limits = json::Limits::of_issuer(POST_ANSWER_BYTES_MAX);
