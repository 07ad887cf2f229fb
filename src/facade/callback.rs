//! Answers of the provider on their way through the gateway.
//!
//! A client that asked the facade expects the facade's `iss` in the answer (RFC 9207), and the
//! provider puts its own there. So the provider answers to the gateway, which checks that the
//! answer is that provider's, and sends it on under its own name. Where it goes stands in the
//! `state`, sealed: what this gateway did not write there opens for nobody.

use url::Url;

use super::parameters::Parameters;
use super::redirect::permits;
use super::token::{description, is_error};
use super::{Facade, Reply, refused, see, with_query};
use crate::limits::OAUTH_STATE_S;
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};
use crate::ticket::{Bound, Purpose};

impl Facade {
    /// RFC 6749 section 4.1.2, RFC 9207 section 2.
    pub(super) async fn callback(&self, query: &str) -> Result<Reply, Rejection> {
        let answer = Parameters::read(query.as_bytes())?;
        let sealed = answer.needed("state", "an answer without `state`")?;
        let (redirect_uri, state) = self.open(sealed)?;
        // The list may have become shorter since.
        if !permits(&self.settings.redirect_uris, &redirect_uri) {
            return Err(refused("invalid_request", "`redirect_uri` is no longer listed"));
        }
        let provider = self.provider.current().await?;
        match answer.get("iss") {
            Some(iss) if *iss == *self.settings.issuer => {}
            Some(_) => return Err(refused("invalid_request", "an answer of another issuer")),
            None if provider.names_itself => {
                return Err(refused("invalid_request", "an answer without its issuer"));
            }
            None => {}
        }
        let mut passed: Vec<(&str, &str)> = Vec::new();
        let said;
        match (answer.get("code"), answer.get("error")) {
            (Some(code), None) => passed.push(("code", code)),
            (None, Some(error)) => {
                passed.push(("error", if is_error(error) { error } else { "server_error" }));
                said = answer.get("error_description").map(description);
                passed.extend(said.as_deref().map(|text| ("error_description", text)));
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(refused("invalid_request", "neither a code nor an error"));
            }
        }
        passed.extend(state.as_deref().map(|state| ("state", state)));
        passed.push(("iss", &self.server.resource));
        let address = Url::parse(&redirect_uri);
        let address = address.map_err(|_| refused("invalid_request", "no address for answers"))?;
        see(&with_query(&address, passed), None)
    }

    /// Where the answer is to go and what the client wants to hear back, in a text that nobody
    /// else can read or write.
    pub(super) fn seal(
        &self,
        redirect_uri: &str,
        state: Option<&str>,
    ) -> Result<String, Rejection> {
        let until_s = self.services.clock.unix_s().saturating_add(OAUTH_STATE_S);
        // Neither part has a control character in it.
        let mut text = format!("{until_s}\n{redirect_uri}");
        if let Some(state) = state {
            text.push('\n');
            text.push_str(state);
        }
        let sealed = self.services.tickets.seal(Purpose::Callback, &self.bound(), &text);
        sealed.map_err(|error| Rejection::new(Code::Internal, error.to_string()))
    }

    fn open(&self, sealed: &str) -> Result<(String, Option<String>), Rejection> {
        let unknown =
            || refused("invalid_request", "a `state` that was not sealed here, or is old");
        let text = self.services.tickets.open(Purpose::Callback, &self.bound(), sealed);
        let text = text.ok_or_else(unknown)?;
        let mut parts = text.splitn(3, '\n');
        let until_s: u64 = parts.next().and_then(|n| n.parse().ok()).ok_or_else(unknown)?;
        let redirect_uri = parts.next().ok_or_else(unknown)?.to_owned();
        if until_s <= self.services.clock.unix_s() {
            return Err(unknown());
        }
        Ok((redirect_uri, parts.next().map(str::to_owned)))
    }

    fn bound(&self) -> Bound<'_> {
        // No issuer's name begins with NUL: this is no caller's key.
        let caller = PrincipalKey::of("\0oauth", &self.settings.issuer, None);
        Bound { caller, server: &self.server.name, with: ("oauth", "callback") }
    }
}
