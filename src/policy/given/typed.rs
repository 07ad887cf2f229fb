//! A question as people type it: in the cases of a test file, and as flags.
//!
//! Pure. Guarantees: a word that means nothing is a mistake with the name of its member; the answer
//! does not depend on when it is asked, so that a test that passes today passes tomorrow.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Given, LIMITS, On, confirmation, unnamed_certificate};
use crate::json::{Document, Kind};
use crate::policy::facts::{Act, Circumstances};
use crate::policy::time::Zone;
use crate::principal::{AuthMethod, Principal, PrincipalKey, Scopes};

/// A question; what is left out is not there, or what the member says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// Name of the server.
    pub server: Option<String>,
    /// Who asks.
    pub who: Who,
    /// `tools.invoke` and the like, or `reveal`.
    pub action: Option<String>,
    /// Tool, URI, prompt, namespace or class. Left out: the server.
    pub on: Option<String>,
    /// For `reveal`: the tool that answers.
    pub tool: Option<String>,
    /// Arguments: a mapping, or JSON as text.
    pub args: Option<Value>,
    /// The client's address.
    pub from: Option<String>,
    /// `TLSv1.3` or `TLSv1.2`. Left out: plain HTTP.
    pub tls: Option<String>,
    /// How long ago the session was opened.
    pub session: Option<String>,
    /// Risk level as a header tells it.
    pub risk: Option<String>,
    /// Whose data.
    pub subject: Option<String>,
    /// When: with a zone, or by the clocks of the policies. Left out: a Monday at noon.
    pub at: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Who {
    /// Left out: `somebody`.
    pub subject: Option<String>,
    /// Of the token. Left out: `https://issuer.example`.
    pub issuer: Option<String>,
    /// Client of the token.
    pub client: Option<String>,
    /// `bearer`, `api_key`, `certificate` or `anonymous`. Left out: `bearer`.
    pub method: Option<String>,
    /// Roles of the token.
    pub roles: Option<Vec<String>>,
    /// Groups of the token.
    pub groups: Option<Vec<String>>,
    /// Scopes of the token.
    pub scopes: Option<Vec<String>>,
    /// Tenant of the token.
    pub tenant: Option<String>,
    /// Mapped claims.
    pub claims: Option<BTreeMap<String, Vec<String>>>,
    /// Risk level as a claim tells it.
    pub risk: Option<String>,
    /// `none`, `dpop`, `certificate` or `dpop+certificate`.
    pub proof: Option<String>,
    /// Whether a client certificate was verified.
    pub certificate: Option<bool>,
    /// How long ago the token was issued.
    pub issued: Option<String>,
    /// How long ago the user signed in.
    pub authenticated: Option<String>,
}

/// Something in a question that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Where: the last name of the member.
    pub member: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

impl Setting {
    /// The same, with what it leaves out taken from `below`.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        let Self { server, who, action, on, tool, args, from, tls, session, risk, subject, at } =
            self;
        Self {
            server: or(server, &below.server),
            who: who.over(&below.who),
            action: or(action, &below.action),
            on: or(on, &below.on),
            tool: or(tool, &below.tool),
            args: or(args, &below.args),
            from: or(from, &below.from),
            tls: or(tls, &below.tls),
            session: or(session, &below.session),
            risk: or(risk, &below.risk),
            subject: or(subject, &below.subject),
            at: or(at, &below.at),
        }
    }

    /// The question; `zone` tells what a time without a zone means.
    ///
    /// # Errors
    /// The first mistake.
    pub fn given(&self, zone: &Zone) -> Result<Given, Mistake> {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let Some(server) = &self.server else {
            let help = "write `server:` here or in `defaults`";
            return Err(mistake("server", "no server is named", help));
        };
        let Some(action) = &self.action else {
            let help = "write `action:` here or in `defaults`";
            return Err(mistake("action", "no action is named", help));
        };
        let Some(act) = Act::from_name(action) else {
            let message = format!("`{action}` is no action");
            return Err(mistake("action", message, "see `sallyport policy schema`"));
        };
        let at = self.at.as_deref().unwrap_or(MONDAY_NOON);
        let Some(now_s) = zone.moment(at) else {
            let message = format!("`{at}` is no time");
            return Err(mistake("at", message, "write `2026-11-23T09:30:00Z`, or without the `Z`"));
        };
        let client = match self.from.as_deref().map(str::parse) {
            None => None,
            Some(Ok(address)) => Some(address),
            Some(Err(_)) => {
                let message = format!("`{}` is no address", self.from.as_deref().unwrap_or(""));
                return Err(mistake("from", message, "write one such as `10.1.2.3`"));
            }
        };
        let tls = match self.tls.as_deref() {
            None => None,
            Some(version @ ("TLSv1.2" | "TLSv1.3")) => Some(Cow::Owned(version.to_owned())),
            Some(other) => {
                let message = format!("`{other}` is no version of TLS");
                return Err(mistake("tls", message, "write `TLSv1.3` or `TLSv1.2`"));
            }
        };
        let around = Circumstances {
            now_s,
            client,
            tls,
            session_opened_s: ago("session", self.session.as_deref(), now_s)?,
            header_risk: text(&self.risk),
            own_risk: None,
            subject: text(&self.subject),
        };
        let principal = Arc::new(self.who.principal(now_s)?);
        let (on, arguments) = (self.on(act)?, self.arguments()?);
        Ok(Given { principal, act, server: server.as_str().into(), on, around, arguments })
    }

    fn on(&self, act: Act) -> Result<On, Mistake> {
        let name = self.on.as_deref().unwrap_or_default();
        match (act, &self.tool) {
            (Act::Reveal, _) if name.is_empty() => {
                Err(mistake("on", "no class is named", "write one such as `on: email`"))
            }
            (Act::Reveal, Some(tool)) => Ok(On::Class(name.into(), Some(tool.as_str().into()))),
            (Act::Call(_), Some(_)) => {
                let message = "`tool` belongs to `reveal`: it is the tool that answers";
                Err(mistake("tool", message, "name the tool of a call with `on`"))
            }
            (Act::Reveal | Act::Call(_), None) => match On::of(act, name) {
                On::Server if !name.is_empty() => {
                    let message = format!("`{}` is about the server alone", act.name());
                    Err(mistake("on", message, "leave `on` out"))
                }
                on => Ok(on),
            },
        }
    }

    fn arguments(&self) -> Result<Option<Bytes>, Mistake> {
        let bytes: Bytes = match &self.args {
            None => return Ok(None),
            // As it is typed: numbers that no reader of YAML keeps can be written this way.
            Some(Value::String(json)) => json.clone().into(),
            Some(other) => other.to_string().into(),
        };
        match Document::parse(bytes.clone(), &LIMITS) {
            Ok(document) if document.root().kind() == Kind::Object => Ok(Some(bytes)),
            Ok(_) => {
                let message = "arguments are a mapping of names to values";
                Err(mistake("args", message, "write such as `args: { amount: 100 }`"))
            }
            Err(error) => {
                let message = format!("no JSON that the gateway accepts: {error}");
                Err(mistake("args", message, "write such as `args: { amount: 100 }`"))
            }
        }
    }
}

impl Who {
    fn over(self, below: &Self) -> Self {
        let Self { subject, issuer, client, method, roles, groups, scopes, tenant, claims, .. } =
            self;
        Self {
            subject: or(subject, &below.subject),
            issuer: or(issuer, &below.issuer),
            client: or(client, &below.client),
            method: or(method, &below.method),
            roles: or(roles, &below.roles),
            groups: or(groups, &below.groups),
            scopes: or(scopes, &below.scopes),
            tenant: or(tenant, &below.tenant),
            claims: or(claims, &below.claims),
            risk: or(self.risk, &below.risk),
            proof: or(self.proof, &below.proof),
            certificate: or(self.certificate, &below.certificate),
            issued: or(self.issued, &below.issued),
            authenticated: or(self.authenticated, &below.authenticated),
        }
    }

    fn principal(&self, now_s: u64) -> Result<Principal, Mistake> {
        let name = self.method.as_deref().unwrap_or("bearer");
        let Some(method) = AuthMethod::from_name(name) else {
            let help = "write `bearer`, `api_key`, `certificate` or `anonymous`";
            return Err(mistake("method", format!("`{name}` is no way to authenticate"), help));
        };
        let (issuer, subject) = match method {
            AuthMethod::Bearer => ("https://issuer.example", "somebody"),
            AuthMethod::Anonymous => ("", "anonymous"),
            AuthMethod::ApiKey | AuthMethod::Certificate => ("", "somebody"),
        };
        let issuer: Arc<str> = self.issuer.as_deref().unwrap_or(issuer).into();
        let subject: Arc<str> = self.subject.as_deref().unwrap_or(subject).into();
        let proof = self.proof.as_deref().unwrap_or("none");
        let Some(confirmation) = confirmation(proof) else {
            let help = "write `none`, `dpop`, `certificate` or `dpop+certificate`";
            return Err(mistake("proof", format!("`{proof}` is no proof"), help));
        };
        // Who proves with a certificate has one.
        let proves = confirmation.is_some_and(|proof| proof.certificate.is_some());
        let certified = proves || method == AuthMethod::Certificate;
        let list = |of: &Option<Vec<String>>| of.iter().flatten().map(|one| shared(one)).collect();
        let claims = self.claims.iter().flatten();
        let claims = claims
            .map(|(name, values)| (shared(name), values.iter().map(|one| shared(one)).collect()));
        Ok(Principal {
            client_id: self.client.as_deref().map(Arc::from),
            scopes: Scopes::from_names(self.scopes.iter().flatten().map(String::as_str)),
            roles: list(&self.roles),
            groups: list(&self.groups),
            tenant: self.tenant.as_deref().map(Arc::from),
            risk: self.risk.as_deref().map(Arc::from),
            attributes: claims.collect(),
            confirmation,
            certificate: self.certificate.unwrap_or(certified).then(unnamed_certificate),
            issued_at_s: ago("issued", self.issued.as_deref(), now_s)?,
            authenticated_at_s: ago("authenticated", self.authenticated.as_deref(), now_s)?,
            key: PrincipalKey::of(&issuer, &subject, self.client.as_deref()),
            ..Principal::new(method, issuer, subject)
        })
    }
}

fn or<T: Clone>(own: Option<T>, below: &Option<T>) -> Option<T> {
    own.or_else(|| below.clone())
}

fn shared(text: &str) -> Arc<str> {
    text.into()
}

/// The moment that lies this long before.
fn ago(member: &'static str, text: Option<&str>, now_s: u64) -> Result<Option<u64>, Mistake> {
    let Some(text) = text else { return Ok(None) };
    match humantime::Duration::from_str(text) {
        Ok(time) => Ok(Some(now_s.saturating_sub(time.as_secs()))),
        Err(_) => Err(mistake(member, format!("`{text}` is no time"), "write such as `5m`")),
    }
}

fn mistake(member: &'static str, message: impl Into<String>, help: &'static str) -> Mistake {
    Mistake { member, message: message.into(), help }
}

const MONDAY_NOON: &str = "2026-01-05T12:00:00";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Mistake, Setting, Who};
    use crate::policy::given::On;
    use crate::policy::time::Zone;

    fn setting(value: serde_json::Value) -> Setting {
        serde_json::from_value(value).unwrap()
    }

    fn wrong(value: serde_json::Value) -> Mistake {
        let below = setting(json!({"server": "crm", "action": "tools.invoke", "on": "x"}));
        setting(value).over(&below).given(&Zone::utc()).unwrap_err()
    }

    #[test]
    fn what_is_left_out_comes_from_the_defaults_member_by_member() {
        let below = setting(json!({"server": "crm", "who": {"subject": "a", "roles": ["x"]}}));
        let own = setting(json!({"action": "memory.read", "who": {"roles": []}}));
        let given = own.over(&below).given(&Zone::utc()).unwrap();
        assert_eq!((&*given.principal.subject, given.principal.roles.len()), ("a", 0));
        assert_eq!(given.on, On::Server);
    }

    #[test]
    fn word_that_means_nothing_is_a_mistake_with_its_member() {
        for (value, member) in [
            (json!({"action": "tools.call"}), "action"),
            (json!({"action": "session.open"}), "on"),
            (json!({"action": "reveal", "on": ""}), "on"),
            (json!({"tool": "x"}), "tool"),
            (json!({"args": 5}), "args"),
            (json!({"args": "{\"a\":1,\"a\":2}"}), "args"),
            (json!({"from": "office"}), "from"),
            (json!({"tls": "1.3"}), "tls"),
            (json!({"session": "soon"}), "session"),
            (json!({"at": "tomorrow"}), "at"),
            (json!({"who": {"method": "password"}}), "method"),
            (json!({"who": {"proof": "pinky"}}), "proof"),
            (json!({"who": {"authenticated": "x"}}), "authenticated"),
        ] {
            assert_eq!(wrong(value.clone()).member, member, "{value}");
        }
        assert_eq!(Setting::default().given(&Zone::utc()).unwrap_err().member, "server");
    }

    #[test]
    fn time_without_a_zone_is_that_of_the_policies() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let at = |at: &str| {
            let typed = setting(json!({"server": "s", "action": "tools.list", "at": at}));
            typed.given(&berlin).unwrap().around.now_s
        };
        assert_eq!(at("2026-12-01T23:30:00"), at("2026-12-01T22:30:00Z"));
        assert_eq!(at("2026-07-02T00:30"), at("2026-07-01T22:30:00Z"));
    }

    #[test]
    fn whoever_proves_with_a_certificate_has_one() {
        for (who, has) in [
            (json!({}), false),
            (json!({"method": "certificate"}), true),
            (json!({"proof": "dpop"}), false),
            (json!({"proof": "dpop+certificate"}), true),
            (json!({"certificate": true}), true),
        ] {
            let who: Who = serde_json::from_value(who).unwrap();
            assert_eq!(who.principal(0).unwrap().certificate.is_some(), has, "{who:?}");
        }
    }
}
