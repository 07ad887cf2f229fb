//! The authorization endpoint: sends a browser on to the provider's.

use super::parameters::Parameters;
use super::redirect::permits;
use super::{Facade, Reply, refused, scopes, see, with_query};
use crate::config::{OauthEndpoint, ResourceShim};
use crate::limits::OAUTH_STATE_BYTES_MAX;
use crate::reject::Rejection;

impl Facade {
    /// RFC 6749 section 4.1.1. A refused request goes nowhere: it is answered here, whatever
    /// address for answers it names.
    pub(super) async fn authorize(&self, query: &str) -> Result<Reply, Rejection> {
        let asked = Parameters::read(query.as_bytes())?;
        self.judge(&asked)?;
        let client = asked.client()?;
        let client = client.ok_or_else(|| refused("invalid_request", "no `client_id`"))?;
        let redirect_uri = asked.needed("redirect_uri", "no `redirect_uri`")?;
        let scope = scopes::mapped(&self.settings, asked.get("scope"));
        let (callback, sealed);
        let mut passed: Vec<(&str, &str)> = vec![("response_type", "code"), ("client_id", client)];
        if self.settings.proxies_responses {
            callback = self.address(OauthEndpoint::Callback);
            sealed = self.seal(redirect_uri, asked.get("state"))?;
            passed.push(("redirect_uri", &callback));
            passed.push(("state", &sealed));
        } else {
            passed.push(("redirect_uri", redirect_uri));
            passed.extend(asked.get("state").map(|state| ("state", state)));
        }
        passed.extend(scope.as_deref().map(|scope| ("scope", scope)));
        passed.extend(PASSED.iter().filter_map(|name| Some((*name, asked.get(name)?))));
        match &self.settings.resource {
            ResourceShim::Keep => {
                passed.extend(asked.get("resource").map(|resource| ("resource", resource)));
            }
            ResourceShim::Audience(audience) => passed.push(("audience", audience)),
            ResourceShim::Strip | ResourceShim::Scope(_) => {}
        }
        let provider = self.provider.current().await?;
        see(&with_query(&provider.authorization, passed), Some(client.into()))
    }

    fn judge(&self, asked: &Parameters) -> Result<(), Rejection> {
        // What is judged here must be what the provider reads (RFC 9101 puts it elsewhere).
        if asked.get("request").is_some() {
            return Err(refused("request_not_supported", "a request object"));
        }
        if asked.get("request_uri").is_some() {
            return Err(refused("request_uri_not_supported", "a request by reference"));
        }
        if asked.get("response_type") != Some("code") {
            return Err(refused("unsupported_response_type", "not a request for a code"));
        }
        if asked.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(refused("invalid_request", "another `response_mode` than `query`"));
        }
        // OAuth 2.1 section 4.1.1, MCP "Authorization Code Protection": MUST.
        let challenge = asked.get("code_challenge").is_some_and(is_pkce);
        if !challenge || asked.get("code_challenge_method") != Some("S256") {
            return Err(refused("invalid_request", "no PKCE challenge by S256"));
        }
        if asked.get("resource").is_some_and(|resource| !self.is_own(resource)) {
            return Err(refused("invalid_target", "`resource` is another server"));
        }
        let redirect_uri = asked.needed("redirect_uri", "no `redirect_uri`")?;
        let listed = &self.settings.redirect_uris;
        if !listed.is_empty() && !permits(listed, redirect_uri) {
            return Err(refused("invalid_request", "`redirect_uri` is not listed"));
        }
        let state = asked.get("state").unwrap_or_default();
        if self.settings.proxies_responses && state.len() > OAUTH_STATE_BYTES_MAX {
            return Err(refused("invalid_request", "`state` is too long"));
        }
        Ok(())
    }
}

/// RFC 7636 sections 4.1 and 4.2: 43 to 128 unreserved characters.
pub(super) fn is_pkce(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&value.len()) && value.bytes().all(plain)
}

/// What is passed on as it came, besides what is judged or mapped: RFC 7636 section 4.3, `OpenID`
/// Connect Core section 3.1.2.1, and the hint by which Entra finds a person's own provider.
/// Everything else stays here; RFC 6749 section 3.1 has servers ignore what they do not know.
const PASSED: [&str; 11] = [
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "login_hint",
    "max_age",
    "ui_locales",
    "acr_values",
    "id_token_hint",
    "display",
    "domain_hint",
];
