//! Other choices of what is masked, by name, and the tools that have them.

use super::super::super::model::{RedactProfile, RedactTool};
use super::super::super::raw;
use super::super::super::structure::{nearest, short};
use super::super::access::{self, Callers};
use super::super::{At, Context, glob, name_key};
use super::classes::{self, Said};
use super::{Known, unknown_group};
use crate::call::Action;
use crate::class::Group;
use crate::limits::{NAME_BYTES_MAX, RULES_MAX};

pub(super) fn profiles(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<raw::RedactProfile>>,
    known: Known<'_>,
) -> Option<Vec<RedactProfile>> {
    let mut all = Vec::new();
    for (name, raw) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        let raw::RedactProfile { classes, reveal } = raw;
        name_key(cx, &at, &name);
        let reveals = reveal.unwrap_or(true);
        let pairs = classes.unwrap_or(raw::Pairs(Vec::new()));
        if reveals && pairs.0.is_empty() {
            let help = "name classes, or write `reveal: false`";
            cx.absent(&at, "this profile changes nothing", help);
        }
        let at = at.key("classes");
        let said: Vec<Option<Said>> = pairs
            .0
            .iter()
            .map(|(class, raw)| {
                let at = at.key(class);
                let group = named(class, known);
                if group.is_none() {
                    unknown_group(cx, &at.named(), class, known.custom);
                }
                classes::said(cx, &at, group?, class, raw)
            })
            .collect();
        let said: Option<Vec<Said>> = said.into_iter().collect();
        all.push(said.map(|said| {
            classes::without_effect(cx, &at, &pairs, &said, known.choice);
            let choice = classes::resolved(&said, None, known.choice.clone());
            RedactProfile { name: name.into(), choice, reveals }
        }));
    }
    all.into_iter().collect()
}

/// A class of the file's own, or what [`Group::from_name`] knows.
pub(super) fn named(name: &str, known: Known<'_>) -> Option<Group> {
    known.class(name).map(Group::Class).or_else(|| Group::from_name(name))
}

/// Which tools have which profile.
pub(super) fn tools(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::RedactTool>>,
    profiles: Option<&[RedactProfile]>,
    callers: &Callers<'_>,
) -> Option<Vec<RedactTool>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    of_tools(cx, at, callers);
    if raw.is_empty() || raw.len() > RULES_MAX {
        let help = "write `- { names: [\"export_*\"], profile: strict }`, or remove the key";
        cx.absent(at, format!("a list of 1 to {RULES_MAX} rules is expected"), help);
        return None;
    }
    let mut all: Vec<Option<RedactTool>> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let raw::RedactTool { names, profile } = raw;
        let names = globs(cx, &at.key("names"), &names);
        let earlier: Vec<&str> =
            all.iter().flatten().flat_map(|rule| &rule.names).map(AsRef::as_ref).collect();
        for (i, name) in names.iter().flatten().enumerate() {
            if let Some(first) = earlier.iter().find(|first| glob::covers(first, name)) {
                let message = format!("an earlier rule for `{first}` decides first");
                let help = "move it before that rule, or remove it";
                cx.error(&at.key("names").item(i), message, help);
            }
        }
        let known = profiles.map(|all| all.iter().any(|one| *one.name == *profile));
        if known == Some(false) {
            let of: Vec<&str> = profiles.iter().copied().flatten().map(|one| &*one.name).collect();
            let help = match nearest(&profile, &of) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("add `{}` to `profiles`", short(&profile)),
            };
            cx.absent(&at.key("profile"), "there is no such profile", help);
        }
        let names = names.filter(|_| known != Some(false));
        all.push(names.map(|names| RedactTool { names, profile: profile.into() }));
    }
    all.into_iter().collect()
}

/// Says so where nothing that is asked of the server is a tool.
pub(super) fn of_tools(cx: &mut Context<'_>, at: &At<'_>, callers: &Callers<'_>) {
    if !callers.can(&[Action::ToolsInvoke]) {
        let message = "this has no effect: no request to this server is about tools";
        cx.absent(at, message, "remove it, or change `profile` of the server");
    }
}

/// Globs of tools.
pub(super) fn globs(cx: &mut Context<'_>, at: &At<'_>, names: &[String]) -> Option<Vec<Box<str>>> {
    if names.is_empty() || names.len() > RULES_MAX {
        let help = "name a tool, or a glob such as `crm_*`";
        cx.absent(at, format!("a list of 1 to {RULES_MAX} names is expected"), help);
        return None;
    }
    let one = |(i, name): (usize, &String)| access::pattern(cx, &at.item(i), name, NAME_BYTES_MAX);
    let all: Vec<Option<Box<str>>> = names.iter().enumerate().map(one).collect();
    all.into_iter().collect()
}
