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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Doubt, GivenError};
    use crate::call::Action;
    use crate::limits::AUDIT_TEXT_BYTES_MAX;
    use crate::policy::facts::{Act, Circumstances, written};
    use crate::policy::given::{Given, On, confirmation, unnamed_certificate};
    use crate::policy::tests::compile;
    use crate::principal::{AuthMethod, Principal, PrincipalKey, Scopes};

    /// The members that the gateway writes of a call, beside many others.
    fn record(given: &Given) -> Value {
        let (principal, around) = (&given.principal, &given.around);
        let input: Value = serde_json::from_slice(&written(principal, around)).unwrap();
        let name = match &given.on {
            On::Server => "",
            On::Tool(name) | On::Uri(name) | On::Prompt(name) | On::Namespace(name) => name,
            On::Class(..) => panic!("records are of calls"),
        };
        let mut record = json!({
            "phase": "intent", "server": &*given.server, "action": given.act.name(),
            "resource": name, "user_id": &*principal.subject,
            "auth_method": principal.method.name(), "policy_input": input,
        });
        let mut put = |name: &str, value: Value| record[name] = value;
        if !principal.issuer.is_empty() {
            put("issuer", (*principal.issuer).into());
        }
        if let Some(subject) = &around.subject {
            put("subject", (**subject).into());
        }
        if let Some(arguments) = &given.arguments {
            put("params", serde_json::from_slice(arguments).unwrap());
        }
        record
    }

    fn word() -> impl Strategy<Value = Arc<str>> {
        prop::sample::select(vec!["a", "b", "é\"", "manager", "support"]).prop_map(Arc::from)
    }

    fn words() -> impl Strategy<Value = Vec<Arc<str>>> {
        prop::collection::vec(word(), 0..3)
    }

    fn principals() -> impl Strategy<Value = Principal> {
        let method = prop::sample::select(vec![
            AuthMethod::Bearer,
            AuthMethod::ApiKey,
            AuthMethod::Certificate,
            AuthMethod::Anonymous,
        ]);
        let proof = prop::sample::select(vec!["none", "dpop", "certificate", "dpop+certificate"]);
        let names = (method, proof, word(), prop::option::of(word()), any::<bool>());
        let lists = (words(), words(), words(), words(), prop::option::of(word()));
        let rest = (
            prop::option::of(word()),
            prop::option::of(0_u64..2_000_000_000),
            prop::option::of(0_u64..2_000_000_000),
        );
        (names, lists, rest).prop_map(|(names, lists, rest)| {
            let (method, proof, subject, client_id, certified) = names;
            let (roles, groups, scopes, department, tenant) = lists;
            let (risk, issued_at_s, authenticated_at_s) = rest;
            let issuer: Arc<str> =
                if method == AuthMethod::Bearer { "https://idp" } else { "" }.into();
            Principal {
                key: PrincipalKey::of(&issuer, &subject, client_id.as_deref()),
                client_id,
                roles,
                groups,
                scopes: Scopes::from_names(scopes.iter().map(AsRef::as_ref)),
                attributes: vec![("department".into(), department)],
                tenant,
                risk,
                confirmation: confirmation(proof).unwrap(),
                certificate: certified.then(unnamed_certificate),
                issued_at_s,
                authenticated_at_s,
                ..Principal::new(method, issuer, subject)
            }
        })
    }

    fn circumstances() -> impl Strategy<Value = Circumstances> {
        let address = prop::sample::select(vec!["10.1.2.3", "2001:db8::1"]);
        let when = (0_u64..2_000_000_000, prop::option::of(0_u64..2_000_000_000));
        let who = (prop::option::of(address), any::<bool>(), prop::option::of(word()));
        let risk = (prop::option::of(word()), prop::option::of(0_u8..6));
        (when, who, risk).prop_map(|(when, who, risk)| Circumstances {
            now_s: when.0,
            session_opened_s: when.1,
            client: who.0.map(|address| address.parse().unwrap()),
            tls: who.1.then(|| "TLSv1.3".into()),
            subject: who.2,
            header_risk: risk.0,
            own_risk: risk.1,
        })
    }

    const LOOKS_AT_EVERYTHING: &str = r#"
permit (principal in Role::"support", action, resource) when { context.time.hour < 12 };
permit (principal is User, action, resource is Tool) when { context has risk && context.risk.level < 3 };
permit (principal is Service, action, resource) when { context.connection.certificate || context.connection.tls };
@fresh("5m") @step_up("a") permit (principal in Group::"a", action, resource) when { context.session.open };
forbid (principal, action, resource) when { context.token.proof == "dpop" && context.token has age && context.token.age > 300 };
forbid (principal, action, resource) when { context has subject && context.subject != principal.subject };
forbid (principal in Tenant::"b", action, resource) unless { context has client && context.client.networks.contains("office") };
forbid (principal, action == Action::"tools.invoke", resource == Tool::"crm/refund") when { context.args.amount > 100 };
permit (principal, action, resource) when { principal.claims has department && principal.claims.department.contains("manager") };
"#;

    proptest! {
        #[test]
        fn what_was_asked_is_asked_again_and_answered_alike(
            principal in principals(),
            around in circumstances(),
            tool in prop::sample::select(vec!["refund", "get_x"]),
            arguments in prop::sample::select(vec![r#"{"amount":99.5}"#, r#"{"amount":500}"#, "{}"]),
        ) {
            let policies = compile(LOOKS_AT_EVERYTHING);
            let given = Given {
                principal: Arc::new(principal),
                act: Act::Call(Action::ToolsInvoke),
                server: "crm".into(),
                on: On::Tool(tool.into()),
                around,
                arguments: Some(Bytes::from_static(arguments.as_bytes())),
            };
            let (again, exactness) = Given::of_record(&record(&given)).unwrap();
            prop_assert!(exactness.is_exact());
            prop_assert_eq!(again.ask(&policies), given.ask(&policies));
            let facts = |given: &Given| written(&given.principal, &given.around);
            prop_assert_eq!(facts(&again), facts(&given));
            prop_assert_eq!(&again.on, &given.on);
            prop_assert_eq!(again.principal.key, given.principal.key);
        }

        #[test]
        fn arbitrary_members_are_an_error_or_a_question(
            name in prop::sample::select(vec!["action", "user_id", "params", "policy_input", "auth_method", "resource"]),
            inside in any::<bool>(),
            value in prop::sample::select(vec![json!(null), json!(5), json!("x"), json!({"now": "x"}), json!([1])]),
        ) {
            let mut record = sample();
            let at = if inside { &mut record["policy_input"] } else { &mut record };
            at[name] = value;
            let _ = Given::of_record(&record);
        }
    }

    fn sample() -> Value {
        json!({
            "timestamp": "2026-11-23T09:30:00.000Z", "server": "crm", "action": "resources.read",
            "resource": "file:///a", "user_id": "alice", "client": "app", "roles": ["x"],
            "auth_method": "bearer", "client_ip": "10.0.0.1",
            "policy_input": {"now": 5, "scopes": [], "roles": [], "groups": [], "proof": "none"},
        })
    }

    fn doubts(change: impl Fn(&mut Value)) -> Vec<Doubt> {
        let mut record = sample();
        change(&mut record);
        Given::of_record(&record).unwrap().1.doubts().collect()
    }

    #[test]
    fn what_the_record_does_not_tell_as_it_was_is_said() {
        assert_eq!(doubts(|_| {}), []);
        assert_eq!(doubts(|r| r["params_masked"] = true.into()), [Doubt::Arguments]);
        assert_eq!(doubts(|r| r["resource"] = "file:///[EMAIL]".into()), [Doubt::Name]);
        let long = "x".repeat(AUDIT_TEXT_BYTES_MAX);
        assert_eq!(doubts(|r| r["user_id"] = long.clone().into()), [Doubt::Cut]);
    }

    #[test]
    fn record_from_before_there_were_policies_gives_what_it_has() {
        let mut record = sample();
        record.as_object_mut().unwrap().remove("policy_input");
        let (given, exactness) = Given::of_record(&record).unwrap();
        assert_eq!(exactness.doubts().collect::<Vec<_>>(), [Doubt::Circumstances]);
        assert_eq!(given.around.now_s, 1_795_426_200);
        assert_eq!(given.principal.client_id.as_deref(), Some("app"));
        assert_eq!(given.principal.roles.len(), 1);
    }

    #[test]
    fn record_without_a_call_or_a_caller_has_no_question() {
        let without = |name: &str| {
            let mut record = sample();
            record.as_object_mut().unwrap().remove(name);
            Given::of_record(&record).unwrap_err()
        };
        assert_eq!(without("action"), GivenError::NoCall);
        assert_eq!(without("user_id"), GivenError::NoCaller);
        assert_eq!(Given::of_record(&json!([])).unwrap_err(), GivenError::NoCall);
        let mut record = sample();
        record["policy_input"]["proof"] = "pinky".into();
        assert_eq!(Given::of_record(&record).unwrap_err(), GivenError::Malformed("proof"));
    }
}
