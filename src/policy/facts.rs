//! A question in the words of the policy language: entities and context.
//!
//! Guarantees: who asks is a principal that authentication proved, by issuer and subject together;
//! names of servers and of what they offer never run together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use ipnet::IpNet;

use super::arguments::{self, Fields, Unrepresentable, Wanted};
use super::expr::{Facet, Uses};
use super::hierarchy::Hierarchy;
use super::time::{Zone, datetime};
use crate::call::{Action, Name};
use crate::json::Value;
use crate::principal::{AuthMethod, Principal};

/// One question to the policies.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Arc<Principal>,
    /// What for.
    pub act: Act,
    /// On which server.
    pub server: &'a str,
    /// On what.
    pub target: Target<'a>,
    /// Under which circumstances.
    pub circumstances: &'a Circumstances,
    /// With what.
    pub arguments: Arguments<'a>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// A call.
    Call(Action),
    /// To see values of a class as they are.
    Reveal,
}

impl Act {
    /// The name of the action in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call(action) => action.name(),
            Self::Reveal => "reveal",
        }
    }

    /// The act of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "reveal" { Some(Self::Reveal) } else { Action::from_name(name).map(Self::Call) }
    }

    /// Its place in tables.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Reveal => Action::ALL.len(),
            Self::Call(action) => {
                Action::ALL.iter().position(|one| *one == action).unwrap_or_default()
            }
        }
    }

    /// Every act.
    pub fn all() -> impl Iterator<Item = Self> {
        Action::ALL.into_iter().map(Self::Call).chain([Self::Reveal])
    }
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// What a call is about.
    Name(Name<'a>),
    /// A class of data, and the tool that answers, where it is one.
    Class {
        /// Name of the class.
        class: &'a str,
        /// The tool.
        tool: Option<&'a str>,
    },
}

/// What the arguments are.
#[derive(Debug, Clone, Copy)]
pub enum Arguments<'a> {
    /// There are none.
    None,
    /// A JSON object.
    Json(Value<'a>),
    /// The query of a REST request.
    Query(&'a [(String, String)]),
    /// These, already translated.
    Given(&'a [(String, RestrictedExpression)]),
}

/// What surrounds a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Seconds since the Unix epoch.
    pub now_s: u64,
    /// The client's own address.
    pub client: Option<IpAddr>,
    /// Version of TLS; `None` on plain HTTP.
    pub tls: Option<Cow<'static, str>>,
    /// When the session of the call was opened, in seconds since the Unix epoch.
    pub session_opened_s: Option<u64>,
    /// The risk level that a header of a trusted peer tells.
    pub header_risk: Option<Arc<str>>,
    /// The risk level that the gateway itself found.
    pub own_risk: Option<u8>,
    /// Whose data is asked for.
    pub subject: Option<Arc<str>>,
}

/// What is known of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`
    pub read_only: bool,
    /// `destructiveHint`
    pub destructive: bool,
    /// `idempotentHint`
    pub idempotent: bool,
    /// `openWorldHint`
    pub open_world: bool,
}

impl Default for Hints {
    /// What holds for a tool that says nothing of itself (MCP 2025-06-18 and later, schema,
    /// `ToolAnnotations`).
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

/// A tool whose definition is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolShape {
    /// Its annotations.
    pub hints: Hints,
    /// Its arguments.
    pub arguments: Fields,
}

/// What does not change from question to question.
#[derive(Debug, Clone)]
pub struct World {
    /// What stands in what.
    pub hierarchy: Hierarchy,
    /// Named networks.
    pub networks: Vec<(Arc<str>, Vec<IpNet>)>,
    /// Whose clocks count.
    pub zone: Zone,
    /// Tools by server and name.
    pub tools: HashMap<Box<str>, ToolShape>,
}

/// A principal as an entity.
#[derive(Debug)]
pub struct Subject {
    /// The entity.
    pub entity: Entity,
    /// What it is and all in which it stands.
    pub stands_in: Vec<EntityUid>,
}

/// What is asked about as an entity.
#[derive(Debug)]
pub struct Thing {
    /// The entity.
    pub entity: Entity,
    /// What it is and all in which it stands.
    pub stands_in: Vec<EntityUid>,
}

/// The names of entity types, read once.
#[derive(Debug)]
pub struct Types(HashMap<&'static str, EntityTypeName>);

impl Types {
    /// Every type of the schema.
    #[must_use]
    pub fn new() -> Self {
        let read = |name: &&'static str| Some((*name, EntityTypeName::from_str(name).ok()?));
        Self(TYPES.iter().filter_map(read).collect())
    }

    /// The entity of a type and a name. `None` for a type that the schema does not have.
    #[must_use]
    pub fn uid(&self, kind: &str, name: impl AsRef<str>) -> Option<EntityUid> {
        let kind = self.0.get(kind)?.clone();
        Some(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A caller as an entity; `None` where it cannot be written, which is a deny.
    #[must_use]
    pub fn subject(&self, types: &Types, principal: &Principal) -> Option<Subject> {
        let kind = kind(principal);
        let name = match kind {
            "Anonymous" => "anonymous".to_owned(),
            _named if principal.issuer.is_empty() => {
                format!("{}#{}", principal.method.name(), principal.subject)
            }
            _named => format!("{}#{}", principal.issuer, principal.subject),
        };
        let uid = types.uid(kind, name)?;
        let mut above = Vec::new();
        for role in self.hierarchy.roles(&principal.roles, &principal.groups) {
            above.push(types.uid("Role", role)?);
        }
        for group in &principal.groups {
            above.push(types.uid("Group", group)?);
        }
        if let Some(tenant) = &principal.tenant {
            above.push(types.uid("Tenant", tenant)?);
        }
        let attributes = attributes(principal)?;
        let parents: HashSet<EntityUid> = above.iter().cloned().collect();
        let entity = Entity::new(uid.clone(), attributes, parents).ok()?;
        above.push(uid);
        Some(Subject { entity, stands_in: above })
    }

    /// What is asked about as an entity.
    #[must_use]
    pub fn thing(&self, types: &Types, server: &str, target: Target<'_>) -> Option<Thing> {
        let home = types.uid("Server", server)?;
        let full = |name: &str| format!("{server}/{name}");
        let text = |name: &str, value: &str| {
            HashMap::from([(name.to_owned(), RestrictedExpression::new_string(value.to_owned()))])
        };
        let mut above = vec![home.clone()];
        let (uid, attributes) = match target {
            Target::Name(Name::Server) => (home, HashMap::new()),
            Target::Name(Name::Tool(name)) => {
                let full = full(name);
                for set in self.hierarchy.tool_sets(&full) {
                    above.push(types.uid("ToolSet", set)?);
                }
                let hints = self.tools.get(full.as_str()).map(|tool| tool.hints);
                let mut attributes = text("name", name);
                attributes.extend(hints.unwrap_or_default().attributes());
                (types.uid("Tool", full)?, attributes)
            }
            Target::Name(Name::Uri(uri)) => (types.uid("Resource", full(uri))?, text("uri", uri)),
            Target::Name(Name::Prompt(name)) => {
                (types.uid("Prompt", full(name))?, text("name", name))
            }
            Target::Name(Name::Namespace(name)) => {
                for (at, _) in name.match_indices('.') {
                    let outer = name.get(..at).unwrap_or_default();
                    above.push(types.uid("Namespace", full(outer))?);
                }
                (types.uid("Namespace", full(name))?, text("name", name))
            }
            Target::Class { class, .. } => {
                above.clear();
                for set in self.hierarchy.class_sets(class) {
                    above.push(types.uid("ClassSet", set)?);
                }
                (types.uid("Class", class)?, HashMap::new())
            }
        };
        above.retain(|one| *one != uid);
        let entity = Entity::new(uid.clone(), attributes, above.iter().cloned().collect()).ok()?;
        above.push(uid);
        Some(Thing { entity, stands_in: above })
    }

    /// The members of `context` that policies look at.
    ///
    /// # Errors
    /// [`Unrepresentable`] for arguments that cannot be judged.
    pub fn context(
        &self,
        types: &Types,
        question: &Question<'_>,
        uses: &Uses,
    ) -> Result<Option<Context>, Unrepresentable> {
        let mut members = Vec::with_capacity(uses.facets.len());
        for facet in &uses.facets {
            let value = if *facet == Facet::Args {
                let arguments = self.arguments(question, uses)?;
                Known::Is(record(arguments))
            } else {
                self.facet(types, question, *facet)
            };
            match value {
                Known::Absent => {}
                Known::Is(Some(value)) => members.push((facet.name().to_owned(), value)),
                // What should be there and cannot be written must not look absent.
                Known::Is(None) => return Ok(None),
            }
        }
        Ok(Context::from_pairs(members).ok())
    }

    fn arguments(
        &self,
        question: &Question<'_>,
        uses: &Uses,
    ) -> Result<Vec<(String, RestrictedExpression)>, Unrepresentable> {
        match question.arguments {
            Arguments::None => Ok(Vec::new()),
            Arguments::Given(all) => Ok(all.to_vec()),
            Arguments::Query(pairs) => Ok(arguments::of_query(pairs)),
            Arguments::Json(value) => {
                let wanted =
                    if uses.all_arguments { Wanted::All } else { Wanted::Named(&uses.arguments) };
                arguments::of_json(value, self.types_of(question), wanted)
            }
        }
    }

    fn types_of(&self, question: &Question<'_>) -> Option<&Fields> {
        match question.target {
            Target::Name(Name::Tool(name)) => {
                let tool = self.tools.get(format!("{}/{name}", question.server).as_str());
                tool.map(|tool| &tool.arguments)
            }
            Target::Name(_) | Target::Class { .. } => None,
        }
    }

    /// A member of `context`.
    #[must_use]
    pub fn facet(&self, types: &Types, question: &Question<'_>, facet: Facet) -> Known {
        let around = question.circumstances;
        let principal = question.principal;
        match facet {
            Facet::Time => Known::Is(self.time(around.now_s)),
            Facet::Client => match around.client {
                Some(client) => Known::Is(self.client(client)),
                None => Known::Absent,
            },
            Facet::Connection => {
                let mut all = vec![
                    pair("tls", RestrictedExpression::new_bool(around.tls.is_some())),
                    pair(
                        "certificate",
                        RestrictedExpression::new_bool(principal.certificate.is_some()),
                    ),
                ];
                all.extend(around.tls.as_ref().map(|version| pair("version", string(version))));
                Known::Is(record(all))
            }
            Facet::Token => {
                let proof = principal.confirmation.map_or("none", |proof| proof.name());
                let mut all = vec![pair("proof", string(proof))];
                let since = |then: u64| seconds(around.now_s.saturating_sub(then));
                all.extend(principal.issued_at_s.map(|then| pair("age", since(then))));
                all.extend(
                    principal.authenticated_at_s.map(|then| pair("authenticated", since(then))),
                );
                Known::Is(record(all))
            }
            Facet::Session => {
                let opened = around.session_opened_s;
                let mut all = vec![pair("open", RestrictedExpression::new_bool(opened.is_some()))];
                let since = |then: u64| seconds(around.now_s.saturating_sub(then));
                all.extend(opened.map(|then| pair("age", since(then))));
                Known::Is(record(all))
            }
            Facet::Risk => match risk(principal, around) {
                Some((level, source)) => {
                    let level = RestrictedExpression::new_long(i64::from(level));
                    Known::Is(record([pair("level", level), pair("source", string(source))]))
                }
                None => Known::Absent,
            },
            Facet::Subject => match &around.subject {
                Some(subject) => Known::Is(Some(string(subject))),
                None => Known::Absent,
            },
            // Made from the call; see `World::arguments`.
            Facet::Args => Known::Absent,
            Facet::Server => {
                let server = types.uid("Server", question.server);
                Known::Is(server.map(RestrictedExpression::new_entity_uid))
            }
            Facet::Tool => {
                let tool = match question.target {
                    Target::Class { tool, .. } => tool,
                    Target::Name(Name::Tool(name)) => Some(name),
                    Target::Name(_) => None,
                };
                match tool {
                    Some(tool) => {
                        let tool = types.uid("Tool", format!("{}/{tool}", question.server));
                        Known::Is(tool.map(RestrictedExpression::new_entity_uid))
                    }
                    None => Known::Absent,
                }
            }
        }
    }

    fn time(&self, now_s: u64) -> Option<RestrictedExpression> {
        let local = self.zone.at(now_s)?;
        record([
            pair("now", RestrictedExpression::new_datetime(datetime(now_s)?)),
            pair("zone", string(self.zone.name())),
            pair("weekday", RestrictedExpression::new_long(local.weekday)),
            pair("hour", RestrictedExpression::new_long(local.hour)),
            pair("minute", RestrictedExpression::new_long(local.minute)),
            pair("date", RestrictedExpression::new_string(local.date)),
        ])
    }

    fn client(&self, address: IpAddr) -> Option<RestrictedExpression> {
        let holds = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        let names =
            self.networks.iter().filter(|(_, nets)| holds(nets)).map(|(name, _)| string(name));
        record([
            pair("address", RestrictedExpression::new_ip(address.to_string())),
            pair("networks", RestrictedExpression::new_set(names)),
        ])
    }
}

/// A member of `context`, if there is one. `Is(None)` could not be written.
#[derive(Debug, Clone)]
pub enum Known {
    /// There is none.
    Absent,
    /// It is this.
    Is(Option<RestrictedExpression>),
}

impl Hints {
    fn attributes(self) -> [(String, RestrictedExpression); 4] {
        let truth = |name, value| pair(name, RestrictedExpression::new_bool(value));
        [
            truth("readOnly", self.read_only),
            truth("destructive", self.destructive),
            truth("idempotent", self.idempotent),
            truth("openWorld", self.open_world),
        ]
    }
}

/// Which kind of principal somebody is.
#[must_use]
pub fn kind(principal: &Principal) -> &'static str {
    match principal.method {
        AuthMethod::Anonymous => "Anonymous",
        AuthMethod::Certificate | AuthMethod::ApiKey => "Service",
        // A client that acts for itself is its own subject (RFC 9068 section 5).
        AuthMethod::Bearer if principal.client_id.as_ref() == Some(&principal.subject) => "Service",
        AuthMethod::Bearer => "User",
    }
}

/// Who asks and under which circumstances, as one JSON object: what has to be known to ask again.
/// Arguments are not among it.
#[must_use]
pub fn written(principal: &Principal, around: &Circumstances) -> Vec<u8> {
    let list = |of: &[Arc<str>]| of.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    let claims: BTreeMap<&str, Vec<String>> =
        principal.attributes.iter().map(|(name, values)| (&**name, list(values))).collect();
    let scopes: Vec<&str> = principal.scopes.iter().collect();
    let mut all = serde_json::json!({
        "now": around.now_s,
        "scopes": scopes,
        "roles": list(&principal.roles),
        "groups": list(&principal.groups),
        "proof": principal.confirmation.map_or("none", |proof| proof.name()),
        "certificate": principal.certificate.is_some(),
    });
    let mut put = |name: &str, value: Option<serde_json::Value>| {
        if let (Some(value), Some(members)) = (value, all.as_object_mut()) {
            members.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<Arc<str>>| text.as_ref().map(|text| (&**text).into());
    put("claims", (!claims.is_empty()).then(|| serde_json::json!(claims)));
    put("client", text(&principal.client_id));
    put("tenant", text(&principal.tenant));
    put("risk_claim", text(&principal.risk));
    put("issued_at", principal.issued_at_s.map(Into::into));
    put("authenticated_at", principal.authenticated_at_s.map(Into::into));
    put("address", around.client.map(|ip| ip.to_string().into()));
    put("tls", around.tls.as_deref().map(Into::into));
    put("session_opened", around.session_opened_s.map(Into::into));
    put("risk_header", text(&around.header_risk));
    put("risk_own", around.own_risk.map(Into::into));
    all.to_string().into_bytes()
}

/// The highest level that anybody tells, and who.
#[must_use]
pub fn risk(principal: &Principal, around: &Circumstances) -> Option<(u8, &'static str)> {
    let claim = principal.risk.as_deref().map(|word| (level(word), "claim"));
    let header = around.header_risk.as_deref().map(|word| (level(word), "header"));
    let own = around.own_risk.map(|level| (level, "gateway"));
    [claim, header, own].into_iter().flatten().max_by_key(|(level, _)| *level)
}

/// What is none of the known words counts as the worst of them.
fn level(word: &str) -> u8 {
    match word.trim().to_ascii_lowercase().as_str() {
        "none" | "low" | "1" => 1,
        "medium" | "moderate" | "2" => 2,
        "high" | "3" => 3,
        _other => 4,
    }
}

fn attributes(principal: &Principal) -> Option<HashMap<String, RestrictedExpression>> {
    let set = |of: &[Arc<str>]| RestrictedExpression::new_set(of.iter().map(|one| string(one)));
    let scopes = RestrictedExpression::new_set(principal.scopes.iter().map(string));
    let mut all = HashMap::from([
        pair("subject", string(&principal.subject)),
        pair("issuer", string(&principal.issuer)),
        pair("method", string(principal.method.name())),
        pair("roles", set(&principal.roles)),
        pair("groups", set(&principal.groups)),
        pair("scopes", scopes),
    ]);
    all.extend(principal.client_id.as_ref().map(|client| pair("client", string(client))));
    all.extend(principal.tenant.as_ref().map(|tenant| pair("tenant", string(tenant))));
    let mut claims = BTreeMap::new();
    for (name, values) in &principal.attributes {
        claims.insert(name.to_string(), set(values));
    }
    all.insert("claims".to_owned(), record(claims)?);
    Some(all)
}

fn record(
    members: impl IntoIterator<Item = (String, RestrictedExpression)>,
) -> Option<RestrictedExpression> {
    RestrictedExpression::new_record(members).ok()
}

fn pair(name: &str, value: RestrictedExpression) -> (String, RestrictedExpression) {
    (name.to_owned(), value)
}

fn string(text: impl AsRef<str>) -> RestrictedExpression {
    RestrictedExpression::new_string(text.as_ref().to_owned())
}

fn seconds(count: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(count).unwrap_or(i64::MAX))
}

const TYPES: &[&str] = &[
    "Role",
    "Group",
    "Tenant",
    "User",
    "Service",
    "Anonymous",
    "Server",
    "ToolSet",
    "Tool",
    "Resource",
    "Prompt",
    "Namespace",
    "Class",
    "ClassSet",
    "Action",
];
