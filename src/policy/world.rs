//! The world of policies: entities and context out of questions.
//!
//! Guarantees: names of servers and of what they offer never run together; what cannot be written
//! exactly is never left out as if it were not there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use ipnet::IpNet;

use super::arguments::{self, Fields, Unrepresentable, Wanted};
use super::expr::{Facet, Uses};
use super::facts::{Arguments, Hints, Question, Target, ToolShape, kind, risk};
use super::hierarchy::Hierarchy;
use super::time::{Local, Zone, datetime};
use crate::call::Name;
use crate::principal::Principal;

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
            } else if *facet == Facet::Time && !uses.whole_time {
                // Calendars are the dearest of all facts.
                let now_s = question.circumstances.now_s;
                Known::Is(self.time(now_s, |name| uses.time.contains(name)))
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
            Facet::Time => Known::Is(self.time(around.now_s, |_| true)),
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

    fn time(&self, now_s: u64, wants: impl Fn(&str) -> bool) -> Option<RestrictedExpression> {
        let mut all = Vec::with_capacity(4);
        if wants("now") {
            all.push(pair("now", RestrictedExpression::new_datetime(datetime(now_s)?)));
        }
        if wants("zone") {
            all.push(pair("zone", string(self.zone.name())));
        }
        let Local { weekday, hour, minute, date } = self.zone.at(now_s)?;
        for (name, value) in [("weekday", weekday), ("hour", hour), ("minute", minute)] {
            if wants(name) {
                all.push(pair(name, RestrictedExpression::new_long(value)));
            }
        }
        if wants("date") {
            all.push(pair("date", RestrictedExpression::new_string(date)));
        }
        record(all)
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

fn attributes(principal: &Principal) -> Option<HashMap<String, RestrictedExpression>> {
    let set = |of: &[Arc<str>]| RestrictedExpression::new_set(of.iter().map(string));
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
