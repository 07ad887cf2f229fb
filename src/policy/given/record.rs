//! The question behind a record of the audit trail, so that it can be asked again.
//!
//! Pure. Guarantees: what a record does not tell, or tells otherwise than it was, is said together
//! with the question; a member that is not what the gateway writes is an error, never a guess.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Given, On, confirmation, unnamed_certificate};
use crate::call::Action;
use crate::limits::AUDIT_TEXT_BYTES_MAX;
use crate::policy::facts::{Act, Circumstances};
use crate::principal::{AuthMethod, Confirmation, Principal, PrincipalKey, Scopes};

/// Why a record has no question that could be asked again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// It is about no call: a document, a batch, or a request that nobody understood.
    #[error("it is about no call")]
    NoCall,
    /// Nobody was authenticated.
    #[error("it names no caller")]
    NoCaller,
    /// A member is not what the gateway writes.
    #[error("its `{0}` is not what the gateway writes")]
    Malformed(&'static str),
}

/// What a record tells otherwise than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// Personal data in the arguments is masked, or they were cut.
    Arguments,
    /// The name of the resource may be masked.
    Name,
    /// A text is as long as records let it be, so more of it may have been there.
    Cut,
    /// The record was written before policies governed the server: scopes, groups and claims are
    /// not in it.
    Circumstances,
}

/// What is in doubt about a question; nothing, where it is what was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exactness(BTreeSet<Doubt>);

impl Exactness {
    /// Whether the question is the one that was asked.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.0.is_empty()
    }

    /// What is in doubt.
    pub fn doubts(&self) -> impl Iterator<Item = Doubt> {
        self.0.iter().copied()
    }
}

impl Doubt {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Name => "name",
            Self::Cut => "cut",
            Self::Circumstances => "circumstances",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arguments => "arguments are masked or cut in the record",
            Self::Name => "the name of the resource may be masked in the record",
            Self::Cut => "a text may be cut in the record",
            Self::Circumstances => "the record does not tell scopes, groups and claims",
        })
    }
}

impl Given {
    /// The question of a record, and how exact it is.
    ///
    /// Numbers are those that the parser of the record kept: of decimals with more digits than a
    /// float holds, the nearest.
    ///
    /// # Errors
    /// [`GivenError`].
    pub fn of_record(record: &Value) -> Result<(Self, Exactness), GivenError> {
        let record = Reader { members: record.as_object().ok_or(GivenError::NoCall)? };
        let action = record.text("action")?.ok_or(GivenError::NoCall)?;
        let action = Action::from_name(action).ok_or(GivenError::Malformed("action"))?;
        let server = record.text("server")?.ok_or(GivenError::NoCall)?;
        let resource = record.text("resource")?.unwrap_or_default();
        let subject = record.text("user_id")?.ok_or(GivenError::NoCaller)?;
        let issuer = record.text("issuer")?.unwrap_or_default();
        let owner = record.text("subject")?;
        let mut doubts = BTreeSet::new();
        // A text is cut between characters, which have at most four bytes.
        let long = |text: &str| text.len() + 4 > AUDIT_TEXT_BYTES_MAX;
        if [resource, subject, issuer, owner.unwrap_or_default()].into_iter().any(long) {
            doubts.insert(Doubt::Cut);
        }
        // What masking leaves of a value: `****` or `[EMAIL]`.
        if resource.contains(['*', '[']) {
            doubts.insert(Doubt::Name);
        }
        if record.truth("params_masked")? {
            doubts.insert(Doubt::Arguments);
        }
        let method = method(record.text("auth_method")?.ok_or(GivenError::NoCaller)?)?;
        let mut principal = Principal::new(method, issuer.into(), subject.into());
        let mut around = match record.members.get("policy_input") {
            Some(input) => {
                let input = input.as_object().ok_or(GivenError::Malformed("policy_input"))?;
                Reader { members: input }.input(&mut principal)?
            }
            None => {
                doubts.insert(Doubt::Circumstances);
                record.without_input(&mut principal)?
            }
        };
        around.subject = owner.map(Arc::from);
        principal.key = PrincipalKey::of(issuer, subject, principal.client_id.as_deref());
        let arguments = match record.members.get("params") {
            None => None,
            Some(params) => {
                let bytes =
                    serde_json::to_vec(params).map_err(|_| GivenError::Malformed("params"))?;
                Some(bytes.into())
            }
        };
        let act = Act::Call(action);
        let (principal, on) = (Arc::new(principal), On::of(act, resource));
        let given = Self { principal, act, server: server.into(), on, around, arguments };
        Ok((given, Exactness(doubts)))
    }
}

/// Members of an object, each of its kind or an error.
struct Reader<'r> {
    members: &'r Map<String, Value>,
}

impl<'r> Reader<'r> {
    /// Fills in what [`crate::policy::facts::written`] wrote.
    fn input(&self, principal: &mut Principal) -> Result<Circumstances, GivenError> {
        principal.scopes = Scopes::from_names(self.texts("scopes")?);
        principal.roles = self.list("roles")?;
        principal.groups = self.list("groups")?;
        principal.confirmation = proof(self.text("proof")?)?;
        principal.certificate = self.truth("certificate")?.then(unnamed_certificate);
        if let Some(claims) = self.members.get("claims") {
            let claims = claims.as_object().ok_or(GivenError::Malformed("claims"))?;
            for name in claims.keys() {
                let values = texts_of(claims.get(name), "claims")?;
                let values = values.into_iter().map(Arc::from).collect();
                principal.attributes.push((name.as_str().into(), values));
            }
        }
        principal.client_id = self.shared("client")?;
        principal.tenant = self.shared("tenant")?;
        principal.risk = self.shared("risk_claim")?;
        principal.issued_at_s = self.number("issued_at")?;
        principal.authenticated_at_s = self.number("authenticated_at")?;
        let own_risk = match self.number("risk_own")? {
            None => None,
            Some(level) => {
                Some(u8::try_from(level).map_err(|_| GivenError::Malformed("risk_own"))?)
            }
        };
        Ok(Circumstances {
            now_s: self.number("now")?.ok_or(GivenError::Malformed("now"))?,
            client: self.address("address")?,
            tls: self.text("tls")?.map(|version| Cow::Owned(version.to_owned())),
            session_opened_s: self.number("session_opened")?,
            header_risk: self.shared("risk_header")?,
            own_risk,
            subject: None,
        })
    }

    /// The little that every record tells.
    fn without_input(&self, principal: &mut Principal) -> Result<Circumstances, GivenError> {
        principal.roles = self.list("roles")?;
        principal.confirmation = proof(self.text("proof")?)?;
        principal.certificate = self.members.contains_key("certificate").then(unnamed_certificate);
        // `client` is the subject where the token names no client.
        let client = self.text("client")?.filter(|client| **client != *principal.subject);
        principal.client_id = client.map(Arc::from);
        let wrong = GivenError::Malformed("timestamp");
        let at = self.text("timestamp")?.ok_or(wrong.clone())?;
        let at: jiff::Timestamp = at.parse().map_err(|_| wrong.clone())?;
        let now_s = u64::try_from(at.as_second()).map_err(|_| wrong)?;
        let client = self.address("client_ip")?;
        Ok(Circumstances { now_s, client, ..Circumstances::default() })
    }

    fn text(&self, name: &'static str) -> Result<Option<&'r str>, GivenError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(GivenError::Malformed(name)),
        }
    }

    fn shared(&self, name: &'static str) -> Result<Option<Arc<str>>, GivenError> {
        Ok(self.text(name)?.map(Arc::from))
    }

    fn texts(&self, name: &'static str) -> Result<Vec<&'r str>, GivenError> {
        texts_of(self.members.get(name), name)
    }

    fn list(&self, name: &'static str) -> Result<Vec<Arc<str>>, GivenError> {
        Ok(self.texts(name)?.into_iter().map(Arc::from).collect())
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, GivenError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(number) => Ok(Some(number.as_u64().ok_or(GivenError::Malformed(name))?)),
        }
    }

    fn truth(&self, name: &'static str) -> Result<bool, GivenError> {
        match self.members.get(name) {
            None => Ok(false),
            Some(truth) => truth.as_bool().ok_or(GivenError::Malformed(name)),
        }
    }

    fn address(&self, name: &'static str) -> Result<Option<IpAddr>, GivenError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| GivenError::Malformed(name))
    }
}

fn texts_of<'v>(value: Option<&'v Value>, name: &'static str) -> Result<Vec<&'v str>, GivenError> {
    let wrong = GivenError::Malformed(name);
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or(wrong.clone())?;
    items.iter().map(|item| item.as_str().ok_or(wrong.clone())).collect()
}

fn method(name: &str) -> Result<AuthMethod, GivenError> {
    AuthMethod::from_name(name).ok_or(GivenError::Malformed("auth_method"))
}

fn proof(name: Option<&str>) -> Result<Option<Confirmation>, GivenError> {
    confirmation(name.unwrap_or("none")).ok_or(GivenError::Malformed("proof"))
}
