//! Whether some call could be allowed, whatever its arguments: what lists show.
//!
//! The arguments that policies look at are tried out: for each comparison with a value, arguments
//! on either side of it; for each pattern, texts that fit it and texts that do not; and none. That
//! is exact for policies that compare each argument with values. For policies that compare one
//! argument with another, or whose combinations are more than [`POLICY_TRIALS_MAX`], a name may be
//! shown of which no call is allowed; a name of which one is allowed is never hidden by it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy::RestrictedExpression;
use serde_json::Value;

use super::Policies;
use super::decide::{About, Known, Prepared};
use super::expr::{Facet, Uses, argument, each, literal, of_principal, of_resource, pattern};
use super::facts::{Act, Arguments, Question, risk};
use super::text::Rule;
use super::verdict::Ruling;
use crate::limits::{POLICY_TRIAL_VALUES_MAX, POLICY_TRIALS_MAX};
use crate::principal::Principal;

/// By what a trial is remembered: who asks for what, and all else that its policies looked at.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(Known, Act, Box<str>, Box<str>, u8, Option<Moment>);

/// Circumstances that stay the same for a while. Clocks of all zones show whole minutes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moment {
    minute: u64,
    client: Option<IpAddr>,
    tls: Option<Cow<'static, str>>,
    risk: Option<(u8, &'static str)>,
}

impl Moment {
    /// `None` where seconds count: ages, and the very moment.
    fn of(question: &Question<'_>, uses: &Uses) -> Option<Self> {
        let lasts = |facet: &Facet| match facet {
            Facet::Args
            | Facet::Client
            | Facet::Connection
            | Facet::Risk
            | Facet::Server
            | Facet::Tool => true,
            Facet::Time => !uses.whole_time && !uses.time.contains("now"),
            Facet::Token | Facet::Session | Facet::Subject => false,
        };
        let around = question.circumstances;
        uses.facets.iter().all(lasts).then(|| Self {
            minute: around.now_s / 60,
            client: around.client,
            tls: around.tls.clone(),
            risk: risk(question.principal, around),
        })
    }
}

/// A value that is tried.
#[derive(Debug, Clone, PartialEq)]
enum Trial {
    Absent,
    Long(i64),
    Text(String),
    Truth(bool),
    Decimal(i64),
    Set(Vec<Trial>),
    /// A record, so that `has` below it can hold.
    Empty,
}

impl Policies {
    /// Whether some call of this kind is allowed now, whatever its arguments. A call for which a
    /// new sign-in or more scopes are needed counts as one that is.
    #[must_use]
    pub fn could(&self, question: &Question<'_>) -> bool {
        let Some(prepared) = self.prepare(question) else { return false };
        let uses = &prepared.slice.uses;
        if !uses.looks_at_arguments() {
            return possible(&self.decide(question).ruling);
        }
        let only_arguments = uses.facets.len() == 1;
        let moment = Moment::of(question, uses).filter(|_| !only_arguments);
        if moment.is_none() && !only_arguments {
            return self.try_out(question);
        }
        let About { kind, name, tool: _ } = About::of(question.target);
        let who = Known(Arc::clone(question.principal));
        let key = Key(who, question.act, question.server.into(), name.into(), kind, moment);
        self.possible.of(key, || self.try_out(question))
    }

    fn try_out(&self, question: &Question<'_>) -> bool {
        let Some(prepared) = self.prepare(question) else { return false };
        let at = |number: &u32| usize::try_from(*number).unwrap_or(usize::MAX);
        let rule = |number: &u32| self.rules.get(at(number));
        let permits = |number: &&u32| rule(number).is_some_and(Rule::permits);
        let permitting: Vec<u32> = prepared.slice.rules.iter().filter(permits).copied().collect();
        if permitting.is_empty() {
            return false;
        }
        let mut tried: BTreeMap<Vec<String>, Vec<Trial>> = BTreeMap::new();
        let (mut unsure_permit, mut unsure_forbid) = (false, prepared.slice.uses.all_arguments);
        for rule in prepared.slice.rules.iter().filter_map(rule) {
            let unsure = collect(&rule.tree, question.principal, &mut tried);
            *(if rule.permits() { &mut unsure_permit } else { &mut unsure_forbid }) |= unsure;
        }
        tried.values_mut().for_each(widen);
        match self.some_choice(question, &prepared, &tried) {
            Found::Yes => true,
            Found::Unsure => true,
            Found::No if unsure_permit => true,
            // Without the forbids of which nothing can be told: does any permit hold at all?
            Found::No if unsure_forbid => {
                let slice = self.index.slice(permitting, &self.rules);
                let alone = prepared.with(slice);
                !matches!(self.some_choice(question, &alone, &tried), Found::No)
            }
            Found::No => false,
        }
    }

    /// Whether some combination of the values is permitted.
    fn some_choice(
        &self,
        question: &Question<'_>,
        prepared: &Prepared,
        tried: &BTreeMap<Vec<String>, Vec<Trial>>,
    ) -> Found {
        let mut choice = vec![0_usize; tried.len()];
        for _ in 0..POLICY_TRIALS_MAX {
            let chosen: Vec<(&[String], &Trial)> = tried
                .iter()
                .zip(&choice)
                .filter_map(|((path, values), at)| Some((path.as_slice(), values.get(*at)?)))
                .collect();
            if let Some(arguments) = record(&chosen) {
                let question = Question { arguments: Arguments::Given(&arguments), ..*question };
                if possible(&self.evaluate(prepared, &question).ruling) {
                    return Found::Yes;
                }
            }
            if !next(&mut choice, tried.values().map(Vec::len)) {
                return Found::No;
            }
        }
        Found::Unsure
    }
}

/// What trying out yields.
enum Found {
    Yes,
    No,
    /// There were more combinations than are tried.
    Unsure,
}

impl Policies {
    /// URIs of which one stands for each way in which the policies tell resources of a server
    /// apart, for templates: what they name, and what fits each of their patterns.
    #[must_use]
    pub fn uri_samples(&self, server: &str) -> Vec<String> {
        self.samples(server, "Resource", "uri", ["", "x", "x/x"])
    }

    /// The same for namespaces.
    #[must_use]
    pub fn namespace_samples(&self, server: &str) -> Vec<String> {
        self.samples(server, "Namespace", "name", ["", "x", "x.x"])
    }

    /// Whether a policy tells names apart by how they end.
    #[must_use]
    pub fn tells_by_end(&self) -> bool {
        self.rules.iter().any(|rule| {
            let mut found = false;
            each(&rule.tree, &mut |node| {
                let like = node.get("like");
                let of_name = like.and_then(|like| like.get("left")).and_then(of_resource);
                let text = like.and_then(|like| like.get("pattern")).and_then(pattern);
                found |= of_name == Some("name")
                    && text.is_some_and(|text| text.trim_end_matches('\0').contains('\0'));
            });
            found
        })
    }

    fn samples(&self, server: &str, kind: &str, attribute: &str, fills: [&str; 3]) -> Vec<String> {
        let mut found = Vec::new();
        let prefix = format!("{server}/");
        for rule in &self.rules {
            for uid in rule.policy.entity_literals() {
                let id = uid.id().unescaped();
                if uid.type_name().basename() == kind
                    && let Some(uri) = id.strip_prefix(&prefix)
                {
                    found.push(uri.to_owned());
                }
            }
            each(&rule.tree, &mut |node| {
                if let Some(like) = node.get("like")
                    && like.get("left").and_then(of_resource) == Some(attribute)
                    && let Some(text) = like.get("pattern").and_then(pattern)
                {
                    found.extend(fills.map(|fill| text.replace('\0', fill)));
                }
                if let Some(equal) = node.get("==") {
                    let (left, right) = (equal.get("left"), equal.get("right"));
                    for (own, other) in [(left, right), (right, left)] {
                        if own.and_then(of_resource) == Some(attribute)
                            && let Some(uri) = other.and_then(literal).and_then(Value::as_str)
                        {
                            found.push(uri.to_owned());
                        }
                    }
                }
            });
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn possible(ruling: &Ruling) -> bool {
    match ruling {
        Ruling::Permit { .. } | Ruling::StepUp { .. } | Ruling::Stale { .. } => true,
        Ruling::Forbid { .. } => false,
    }
}

/// Counts on, the first digit fastest.
fn next(choice: &mut [usize], sizes: impl Iterator<Item = usize>) -> bool {
    for (digit, size) in choice.iter_mut().zip(sizes) {
        *digit += 1;
        if *digit < size {
            return true;
        }
        *digit = 0;
    }
    false
}

/// Finds the arguments that a policy looks at and the values with which it compares them. Whether
/// it compares arguments with something that cannot be tried out.
fn collect(
    tree: &Value,
    principal: &Principal,
    tried: &mut BTreeMap<Vec<String>, Vec<Trial>>,
) -> bool {
    let mut beyond = false;
    each(tree, &mut |node| {
        if let Some(path) = argument(node) {
            let owned: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            tried.entry(owned).or_default();
        }
        let Some((operator, inside)) = node.as_object().and_then(|node| node.iter().next()) else {
            return;
        };
        match operator.as_str() {
            "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "containsAll" | "containsAny"
            | "in" => {
                beyond |= sides(inside.get("left"), inside.get("right"), principal, tried);
            }
            "like" => {
                let path = inside.get("left").and_then(argument);
                let texts = inside.get("pattern").and_then(pattern);
                if let (Some(path), Some(text)) = (path, texts) {
                    let of = ["", "x", "/x."].map(|fill| Trial::Text(text.replace('\0', fill)));
                    add(tried, &path, of);
                }
            }
            "lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual" => {
                beyond |= sides(inside.get(0), inside.get(1), principal, tried);
            }
            "+" | "-" | "*" | "neg" => beyond |= mentions(inside),
            _other => {}
        }
    });
    beyond
}

fn mentions(node: &Value) -> bool {
    let mut found = false;
    each(node, &mut |node| found |= argument(node).is_some());
    found
}

fn sides(
    left: Option<&Value>,
    right: Option<&Value>,
    principal: &Principal,
    tried: &mut BTreeMap<Vec<String>, Vec<Trial>>,
) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    match (argument(left), argument(right)) {
        (None, None) => false,
        (Some(_), Some(_)) => true,
        (Some(path), None) => with(&path, right, principal, tried),
        (None, Some(path)) => with(&path, left, principal, tried),
    }
}

/// Notes the value of the other side; `true` where it has none that is known here.
fn with(
    path: &[&str],
    other: &Value,
    principal: &Principal,
    tried: &mut BTreeMap<Vec<String>, Vec<Trial>>,
) -> bool {
    let values = values(other, principal);
    let known = values.is_some();
    add(tried, path, values.unwrap_or_default());
    !known
}

fn add(
    tried: &mut BTreeMap<Vec<String>, Vec<Trial>>,
    path: &[&str],
    values: impl IntoIterator<Item = Trial>,
) {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    let list = tried.entry(path).or_default();
    for value in values {
        if !list.contains(&value) && list.len() < POLICY_TRIAL_VALUES_MAX {
            list.push(value);
        }
    }
}

/// What the other side of a comparison is, alone and, for sets, each of it.
fn values(node: &Value, principal: &Principal) -> Option<Vec<Trial>> {
    let text = |text: &str| Trial::Text(text.to_owned());
    let many = |of: &[Arc<str>]| {
        let all: Vec<Trial> = of.iter().map(|one| text(one)).collect();
        let mut each = all.clone();
        each.push(Trial::Set(all));
        each
    };
    if let Some(value) = literal(node) {
        return Some(match value {
            Value::Bool(truth) => vec![Trial::Truth(*truth)],
            Value::Number(number) => vec![Trial::Long(number.as_i64()?)],
            Value::String(one) => vec![text(one)],
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        });
    }
    if let Some(name) = of_principal(node) {
        return match name {
            "subject" => Some(vec![text(&principal.subject)]),
            "issuer" => Some(vec![text(&principal.issuer)]),
            "client" => Some(principal.client_id.iter().map(|id| text(id)).collect()),
            "tenant" => Some(principal.tenant.iter().map(|id| text(id)).collect()),
            "roles" => Some(many(&principal.roles)),
            "groups" => Some(many(&principal.groups)),
            "scopes" => {
                let scopes: Vec<Arc<str>> = principal.scopes.iter().map(Arc::from).collect();
                Some(many(&scopes))
            }
            _other => None,
        };
    }
    let (name, inside) = node.as_object()?.iter().next()?;
    match name.as_str() {
        "Set" => {
            let items: Option<Vec<Vec<Trial>>> =
                inside.as_array()?.iter().map(|item| values(item, principal)).collect();
            let items: Vec<Trial> = items?.into_iter().flatten().collect();
            let mut all = items.clone();
            all.push(Trial::Set(items));
            Some(all)
        }
        "decimal" => {
            let text = literal(inside.get(0)?)?.as_str()?.replace('.', "");
            // `1.5` and `1.5000` are one value: four digits behind the point.
            let digits = literal(inside.get(0)?)?.as_str()?.split_once('.')?.1.len();
            let scale = 10_i64.checked_pow(u32::try_from(4_usize.checked_sub(digits)?).ok()?)?;
            Some(vec![Trial::Decimal(text.parse::<i64>().ok()?.checked_mul(scale)?)])
        }
        _other => None,
    }
}

/// Adds what lies beside each value, and what is none of them.
fn widen(values: &mut Vec<Trial>) {
    let mut all = vec![Trial::Absent];
    // An argument that is only asked for may be anything.
    let given = if values.is_empty() { vec![Trial::Truth(true)] } else { std::mem::take(values) };
    let mut push = |trial: Trial| {
        if !all.contains(&trial) {
            all.push(trial);
        }
    };
    for value in given {
        match &value {
            Trial::Long(number) => {
                push(value.clone());
                push(Trial::Long(number.saturating_sub(1)));
                push(Trial::Long(number.saturating_add(1)));
            }
            Trial::Decimal(units) => {
                push(value.clone());
                push(Trial::Decimal(units.saturating_sub(1)));
                push(Trial::Decimal(units.saturating_add(1)));
            }
            Trial::Truth(truth) => {
                push(value.clone());
                push(Trial::Truth(!truth));
                push(Trial::Empty);
                push(Trial::Text(OTHER.to_owned()));
                push(Trial::Long(0));
            }
            Trial::Text(_) => {
                push(value.clone());
                push(Trial::Text(OTHER.to_owned()));
                push(Trial::Text(String::new()));
                push(Trial::Set(vec![value.clone()]));
                push(Trial::Set(Vec::new()));
            }
            Trial::Set(_) => {
                push(value.clone());
                push(Trial::Set(Vec::new()));
                push(Trial::Set(vec![Trial::Text(OTHER.to_owned())]));
            }
            Trial::Absent | Trial::Empty => push(value.clone()),
        }
    }
    all.truncate(POLICY_TRIAL_VALUES_MAX);
    *values = all;
}

/// Arguments with these values at these paths; `None` where one path runs through another's value.
fn record(chosen: &[(&[String], &Trial)]) -> Option<Vec<(String, RestrictedExpression)>> {
    let mut below: BTreeMap<&str, Vec<(&[String], &Trial)>> = BTreeMap::new();
    let mut own: BTreeMap<&str, &Trial> = BTreeMap::new();
    for (path, trial) in chosen {
        let (first, rest) = path.split_first()?;
        if rest.is_empty() {
            own.insert(first, trial);
        } else {
            below.entry(first).or_default().push((rest, trial));
        }
    }
    let mut members = Vec::new();
    for (name, trial) in &own {
        let nested = below.contains_key(name);
        match trial {
            Trial::Absent => {
                below.remove(name);
            }
            // With members of its own it is a record, and only that.
            Trial::Empty if nested => {}
            _other if nested => return None,
            trial => members.push(((*name).to_owned(), expression(trial)?)),
        }
    }
    for (name, inside) in below {
        let inside = record(&inside)?;
        let is_there = own.contains_key(name) || !inside.is_empty();
        if is_there {
            members.push((name.to_owned(), RestrictedExpression::new_record(inside).ok()?));
        }
    }
    Some(members)
}

fn expression(trial: &Trial) -> Option<RestrictedExpression> {
    match trial {
        Trial::Absent => None,
        Trial::Long(number) => Some(RestrictedExpression::new_long(*number)),
        Trial::Text(text) => Some(RestrictedExpression::new_string(text.clone())),
        Trial::Truth(truth) => Some(RestrictedExpression::new_bool(*truth)),
        Trial::Decimal(units) => {
            let sign = if *units < 0 { "-" } else { "" };
            let units = units.unsigned_abs();
            let text = format!("{sign}{}.{:04}", units / 10_000, units % 10_000);
            Some(RestrictedExpression::new_decimal(text))
        }
        Trial::Set(items) => {
            let items: Option<Vec<_>> = items.iter().map(expression).collect();
            Some(RestrictedExpression::new_set(items?))
        }
        Trial::Empty => RestrictedExpression::new_record([]).ok(),
    }
}

/// A text with which nobody compares.
const OTHER: &str = "\u{1}none of them\u{1}";
