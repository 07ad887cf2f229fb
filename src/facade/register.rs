//! Dynamic registration (RFC 7591) for a provider that has none: the answer names a client that
//! is registered already. Nothing is kept, so nothing can be filled up.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::redirect::permits;
use super::{Facade, Reply, refused};
use crate::decode;
use crate::exchange::Exchange;
use crate::hygiene::Wellformed;
use crate::json::{self, Document, Kind, Value};
use crate::limits::{JSON_NUMBER_BYTES_MAX, OAUTH_BODY_BYTES_MAX, REDIRECT_URIS_MAX};
use crate::reject::{Code, Rejection};

impl Facade {
    /// RFC 7591 sections 3.1 and 3.2.
    pub(super) async fn register(&self, mut ex: Exchange<Wellformed>) -> Result<Reply, Rejection> {
        let none = || Rejection::new(Code::Internal, "no client to answer with");
        let client_id = self.settings.client_id.as_deref().ok_or_else(none)?;
        let budget = &self.services.budget;
        let (body, _lease) = decode::whole(&mut ex, OAUTH_BODY_BYTES_MAX, budget).await?;
        let redirect_uris = self.wanted(body)?;
        let answer = json!({
            "client_id": client_id,
            "redirect_uris": redirect_uris,
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        });
        let body = Bytes::from(answer.to_string());
        Ok(super::json(StatusCode::CREATED, body, Some(client_id.into())))
    }

    /// The addresses for answers, each of them listed; everything else a client says of itself is
    /// replaced by what the answer says (RFC 7591 section 3.2.1).
    fn wanted(&self, body: Bytes) -> Result<Vec<String>, Rejection> {
        let document = Document::parse(body, &REGISTRATION).map_err(|error| {
            let mut rejection = Rejection::new(Code::JsonInvalid, error.to_string());
            rejection.oauth = Some("invalid_client_metadata");
            rejection
        })?;
        let root = document.root();
        let other = |name: &str, wanted: &str| {
            let said = root.get(name);
            said.is_some_and(|list| !list.items().any(|item| item.is_str(wanted)))
        };
        if root.kind() != Kind::Object
            || other("grant_types", "authorization_code")
            || other("response_types", "code")
        {
            let story = "a client that asks for no codes";
            return Err(refused("invalid_client_metadata", story));
        }
        let items = root.get("redirect_uris").into_iter().flat_map(|list| list.items());
        let addresses: Option<Vec<String>> = items
            .take(REDIRECT_URIS_MAX.saturating_add(1))
            .map(|item: Value<'_>| item.as_str().map(String::from))
            .collect();
        let listed = |address: &String| permits(&self.settings.redirect_uris, address);
        let sound = |all: &Vec<String>| {
            !all.is_empty() && all.len() <= REDIRECT_URIS_MAX && all.iter().all(listed)
        };
        let unlisted = || refused("invalid_redirect_uri", "an address for answers is not listed");
        addresses.filter(sound).ok_or_else(unlisted)
    }
}

/// What a registration may cost its reader.
const REGISTRATION: json::Limits = json::Limits {
    depth_max: 8,
    nodes_max: OAUTH_BODY_BYTES_MAX,
    number_bytes_max: JSON_NUMBER_BYTES_MAX,
    keys: json::KeyRule::Folded,
};
