//! The policy language: who may do what, when, on whose data.
//!
//! Owns everything that is Cedar: texts, schema, validation, entities, decisions, and what can be
//! said about policies. Pure: texts and questions in, answers out. Assumes that principals were
//! authenticated and that calls were read unambiguously. Guarantees default deny; that a policy
//! which fails denies; and that a set exists only if all of it fits the schema, the arguments of
//! known tools included.
//!
//! | file | what |
//! |---|---|
//! | `text` `expr` | policies and their annotations; what a condition looks at |
//! | `hierarchy` `roles` | what stands in what; roles in YAML |
//! | `facts` `world` `arguments` `tools` `time` | a question as entities and context |
//! | `given` | a question that stands alone |
//! | `check` | validation against the schema |
//! | `slices` `decide` `could` | which policies count, what they say, what they could say |
//! | `lint` `explain` `cases` `learn` `replay` | tools for people |

pub mod arguments;
pub mod cases;
mod check;
mod could;
mod decide;
pub mod explain;
pub mod expr;
pub mod facts;
pub mod given;
pub mod hierarchy;
pub mod learn;
pub mod lint;
mod memo;
pub mod problem;
pub mod replay;
pub mod reveal;
pub mod roles;
pub mod show;
mod slices;
pub mod text;
pub mod time;
pub mod tools;
pub mod verdict;
mod world;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use cedar_policy::{Authorizer, Entity, Schema, SchemaFragment};

pub use check::Known;
use decide::{Key, Prepared};
use facts::{Act, Subject, Types, World};
use memo::Memo;
use problem::{Place, Problem};
use slices::{ActGroups, Index};
use text::{Rule, Source};
pub use verdict::{Judgement, Tried};

use crate::limits::{POLICIES_MAX, POLICY_ANSWERS_MAX, POLICY_SUBJECTS_MAX, POLICY_THINGS_MAX};

/// A set of policies that fits its schema, ready to decide.
#[derive(Debug)]
pub struct Policies {
    hash: Arc<str>,
    rules: Vec<Rule>,
    /// How many of them are the base's.
    base: usize,
    known: Known,
    world: World,
    types: Types,
    index: Index,
    acts: Vec<Entity>,
    authorizer: Authorizer,
    subjects: Memo<decide::Known, Option<Arc<Subject>>>,
    things: Memo<decide::ThingKey, Option<Arc<facts::Thing>>>,
    questions: Memo<Key, Option<Arc<Prepared>>>,
    possible: Memo<could::Key, bool>,
    /// Places of permits that could show a class, but for those of `redact.reveal`.
    reveals: Vec<usize>,
    showable: Memo<(decide::Known, Box<str>), Arc<[usize]>>,
}

/// What a set is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Policies: of files, and generated ones.
    pub sources: Vec<Source>,
    /// What they are about.
    pub world: World,
    /// What is known beyond the base schema.
    pub known: Known,
}

impl Policies {
    /// Compiles and validates a set.
    ///
    /// # Errors
    /// Every problem. With `Ok`, what is probably not meant.
    pub fn compile(parts: Parts) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let Parts { sources, world, known } = parts;
        let mut problems = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        let own = Source { name: BASE_NAME.into(), text: BASE.into() };
        let mut base = 0;
        for source in std::iter::once(&own).chain(&sources) {
            match text::read(source) {
                Ok(more) => {
                    let more = unsaid(&rules, more);
                    rules.extend(more);
                }
                Err(more) => problems.extend(more),
            }
            base = if base == 0 { rules.len() } else { base };
        }
        problems.extend(repeated(&rules));
        if rules.len() > POLICIES_MAX
            && let Some(rule) = rules.last()
        {
            let message = format!("more than {POLICIES_MAX} policies");
            let help = "use sets of tools and roles instead of single names";
            problems.push(Problem::error(rule.place.clone(), message, help));
        }
        let types = Types::new();
        let actions = match actions(&types) {
            Ok(actions) => actions,
            Err(problem) => {
                problems.push(*problem);
                return Err(problems);
            }
        };
        if problems.is_empty() {
            problems.extend(check::check(&rules, &known, &world));
        }
        if problems.iter().any(|problem| !problem.warning) {
            return Err(problems);
        }
        let hash = hash(&sources);
        let Actions { acts, groups } = actions;
        let index = Index::new(&rules, &groups);
        let policies = Self {
            hash,
            reveals: reveal::of_others(&rules, &index),
            index,
            rules,
            base,
            known,
            world,
            types,
            acts,
            authorizer: Authorizer::new(),
            subjects: Memo::new(POLICY_SUBJECTS_MAX),
            things: Memo::new(POLICY_THINGS_MAX),
            questions: Memo::new(POLICY_ANSWERS_MAX),
            possible: Memo::new(POLICY_ANSWERS_MAX),
            showable: Memo::new(POLICY_SUBJECTS_MAX),
        };
        Ok((policies, problems))
    }

    /// First 16 hex digits of SHA-256 over the policies: what records call the set.
    #[must_use]
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// The policies, in order: the base, files, generated ones.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The policies without the base: those that somebody here wrote, or generated.
    #[must_use]
    pub fn own_rules(&self) -> &[Rule] {
        self.rules.get(self.base..).unwrap_or_default()
    }

    /// What is known beyond the base schema.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The policy of an id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.id == *id)
    }

    /// What the policies are about.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// The schema of policies, completed with claims and the arguments of one tool.
#[must_use]
pub fn schema_text(claims: &[Arc<str>], arguments: Option<&arguments::Fields>) -> String {
    let mut text = SCHEMA.to_owned();
    if !claims.is_empty() {
        let members = claims.iter().map(|name| format!("  {}?: Set<String>,\n", quoted(name)));
        let typed = format!("type Claims = {{\n{}}};", members.collect::<String>());
        text = text.replace("type Claims = {};", &typed);
    }
    if let Some(arguments) = arguments {
        let typed = format!("type Arguments = {};", arguments.to_cedar());
        text = text.replace("type Arguments = {};", &typed);
    }
    text
}

/// A Cedar string literal.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Policies without those that another source says word for word under the same id: what
/// `policy show` prints holds the base and what the configuration generates, and can be used as it
/// is.
fn unsaid(said: &[Rule], more: Vec<Rule>) -> Vec<Rule> {
    let by_id: HashMap<&str, &Rule> = said.iter().map(|rule| (&*rule.id, rule)).collect();
    let news = |rule: &Rule| by_id.get(&*rule.id).is_none_or(|other| other.tree != rule.tree);
    more.into_iter().filter(news).collect()
}

fn repeated(rules: &[Rule]) -> Vec<Problem> {
    let mut seen: HashMap<&str, &Place> = HashMap::new();
    let mut problems = Vec::new();
    for rule in rules {
        match seen.get(&*rule.id) {
            Some(first) => {
                let message = format!("the id `{}` is taken", rule.id);
                let help = format!("{}:{} has it already; choose another", first.file, first.line);
                problems.push(Problem::error(rule.place.clone(), message, help));
            }
            None => {
                seen.insert(&rule.id, &rule.place);
            }
        }
    }
    problems
}

fn hash(sources: &[Source]) -> Arc<str> {
    let mut hash = digest::Context::new(&digest::SHA256);
    for text in sources.iter().map(|source| &source.text) {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let hex: String = hash.finish().as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
    hex.into()
}

/// The actions of the schema as entities, in the order of [`Act::all`], and what stands in what.
struct Actions {
    acts: Vec<Entity>,
    groups: ActGroups,
}

fn actions(types: &Types) -> Result<Actions, Box<Problem>> {
    let ours = |why: String| {
        let place = Place::of(&"schema.cedarschema".into(), "", 0..0);
        Box::new(Problem::error(place, why, "this is a defect of the gateway; please report it"))
    };
    let (fragment, _) =
        SchemaFragment::from_cedarschema_str(SCHEMA).map_err(|error| ours(error.to_string()))?;
    let schema =
        Schema::from_schema_fragments([fragment]).map_err(|error| ours(error.to_string()))?;
    let entities = schema.action_entities().map_err(|error| ours(error.to_string()))?;
    let mut acts = Vec::new();
    let mut groups = ActGroups::new();
    for act in Act::all() {
        let uid = types.uid("Action", act.name());
        let entity = uid.as_ref().and_then(|uid| entities.get(uid));
        let (Some(uid), Some(entity)) = (uid, entity) else {
            return Err(ours(format!("action `{}` is not in the schema", act.name())));
        };
        let above: Vec<_> = entities.ancestors(&uid).into_iter().flatten().cloned().collect();
        for group in above.into_iter().chain([uid]) {
            *groups.entry(group).or_default() |= 1 << act.index();
        }
        acts.push(entity.clone());
    }
    Ok(Actions { acts, groups })
}

/// The schema as it is shipped.
pub const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");
/// The policies that are part of every set.
pub const BASE: &str = include_str!("../../policies/base.cedar");
const BASE_NAME: &str = "base.cedar";
