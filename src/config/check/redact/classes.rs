//! Classes, presets and countries, each with what becomes of its values.
//!
//! Guarantees: of two keys that speak of a class, the one that says more counts, whatever their
//! order: the class, its country, a narrow preset, a wide one. Form, confidence and `keep` are
//! looked up each for itself, so that a key may say one of them and leave the others.

use super::super::super::model::Choice;
use super::super::super::raw::{self, Pairs, Treatment};
use super::super::{At, Context};
use super::{form, unknown_group};
use crate::class::{Class, Confidence, Form, Group};
use crate::limits::KEEP_SYMBOLS_MAX;

/// What one key says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Of which classes.
    pub(super) group: Group,
    form: Option<Put>,
    least: Option<Confidence>,
    keep: Option<usize>,
}

/// What is put in the place of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    /// Nothing: they are not looked for.
    Off,
    Form(Form),
}

/// Every built-in class, masked.
pub(super) fn every(least: Option<Confidence>) -> Choice {
    let mut choice = Choice::default();
    for class in Class::BUILTIN {
        choice.forms.push((class, Form::Mask));
        set_least(&mut choice, class, least);
    }
    choice
}

/// These, each with its usual form.
pub(super) fn listed(cx: &mut Context<'_>, at: &At<'_>, list: &[String]) -> Option<Choice> {
    if list.is_empty() {
        cx.absent(at, "an empty list masks nothing", "name classes, or write `off`");
        return None;
    }
    let mut all: Vec<Option<Said>> = Vec::new();
    for (i, name) in list.iter().enumerate() {
        let at = at.item(i);
        if list.iter().take(i).any(|other| other == name) {
            cx.error(&at, format!("`{name}` stands twice"), "remove one of them");
        }
        let group = group(cx, &at, name);
        all.push(group.map(|group| Said { form: None, least: None, keep: None, group }));
    }
    let all: Vec<Said> = all.into_iter().collect::<Option<_>>()?;
    Some(resolved(&all, None, Choice::default()))
}

/// What a mapping says.
pub(super) fn choice(
    cx: &mut Context<'_>,
    at: &At<'_>,
    pairs: &Pairs<Treatment>,
    least: Option<Confidence>,
) -> Option<Choice> {
    let all: Vec<Option<Said>> =
        pairs.0.iter().map(|(name, raw)| named(cx, &at.key(name), name, raw)).collect();
    let all: Vec<Said> = all.into_iter().collect::<Option<_>>()?;
    without_effect(cx, at, pairs, &all, &Choice::default());
    Some(resolved(&all, least, Choice::default()))
}

/// What one key of a mapping says, where it is a class, preset or country.
fn named(cx: &mut Context<'_>, at: &At<'_>, name: &str, raw: &Treatment) -> Option<Said> {
    let group = group(cx, &at.named(), name)?;
    said(cx, at, group, name, raw)
}

fn group(cx: &mut Context<'_>, at: &At<'_>, name: &str) -> Option<Group> {
    let group = Group::from_name(name);
    if group.is_none() {
        unknown_group(cx, at, name, &[]);
    }
    group
}

/// What one key says of a group.
pub(super) fn said(
    cx: &mut Context<'_>,
    at: &At<'_>,
    group: Group,
    name: &str,
    raw: &Treatment,
) -> Option<Said> {
    let keys = match raw {
        Treatment::Off(raw::Off::Off) => {
            return Some(Said { group, form: Some(Put::Off), least: None, keep: None });
        }
        Treatment::Form(own) => {
            let form = reported(cx, at, name, *own);
            return Some(Said { group, form: Some(Put::Form(form)), least: None, keep: None });
        }
        Treatment::Keys(keys) => keys,
    };
    let raw::TreatmentKeys { form: own, confidence: least, keep } = keys;
    if own.is_none() && least.is_none() && keep.is_none() {
        let help = "write a form such as `mask`, or remove the key";
        cx.error(at, format!("nothing is said of `{name}`"), help);
        return None;
    }
    let own = own.map(|own| reported(cx, &at.key("form"), name, own));
    let mut group_classes = Class::BUILTIN.into_iter().filter(|class| group.has(*class));
    let kept = keep.map(|symbols| {
        let no_number = !matches!(group, Group::Class(Class::Custom(_)))
            && !group_classes.any(|class| class.keeps().is_some());
        kept(cx, &at.key("keep"), symbols, (name, own, no_number, group))
    });
    let keep = match kept {
        Some(kept) => Some(kept?),
        None => None,
    };
    Some(Said { group, form: own.map(Put::Form), least: least.map(confidence), keep })
}

/// A number of symbols that a mask can keep.
fn kept(
    cx: &mut Context<'_>,
    at: &At<'_>,
    symbols: u32,
    (name, form, no_number, group): (&str, Option<Form>, bool, Group),
) -> Option<usize> {
    let symbols = usize::try_from(symbols).ok()?;
    let most = if group == Group::Class(Class::Card) { 4 } else { KEEP_SYMBOLS_MAX };
    if let Some(form) = form.filter(|form| *form != Form::Mask) {
        let message = format!("`keep` has no effect: the form is `{}`", form.name());
        cx.error(at, message, "write `form: mask`, or remove it");
    } else if no_number {
        let message = format!("`keep` has no effect: masks of `{name}` keep no symbols at the end");
        cx.error(at, message, "remove it");
    } else if symbols > most {
        let message = format!("a mask of `{name}` keeps at most {most} symbols");
        cx.error(at, message, format!("write a number from 0 to {most}"));
    } else {
        return Some(symbols);
    }
    None
}

/// `report` is a way to show values.
fn reported(cx: &mut Context<'_>, at: &At<'_>, name: &str, raw: raw::Form) -> Form {
    let form = form(raw);
    if form == Form::Report {
        let message = format!("`report` shows every `{name}` to every caller");
        cx.weak(at, message, "write `mask` once the counts are as expected");
    }
    form
}

/// Reports `off` of what nothing else looks for.
pub(super) fn without_effect(
    cx: &mut Context<'_>,
    at: &At<'_>,
    pairs: &Pairs<Treatment>,
    all: &[Said],
    base: &Choice,
) {
    let off = pairs.0.iter().zip(all).filter(|(_, said)| said.form == Some(Put::Off));
    for ((name, _), said) in off {
        let others: Vec<Said> =
            all.iter().filter(|other| other.group != said.group).copied().collect();
        let without = resolved(&others, None, base.clone());
        if !without.forms.iter().any(|(class, _)| said.group.has(*class)) {
            let message = format!("`{name}` is not looked for anyway");
            cx.absent(&at.key(name), message, "remove it");
        }
    }
}

/// What all keys say together, over what holds without them.
pub(super) fn resolved(all: &[Said], least: Option<Confidence>, base: Choice) -> Choice {
    let mut choice = base;
    let own = choice.forms.iter().map(|(class, _)| *class);
    let own: Vec<Class> = own.filter(|class| matches!(class, Class::Custom(_))).collect();
    for class in Class::BUILTIN.into_iter().chain(own) {
        let mut of: Vec<&Said> = all.iter().filter(|said| said.group.has(class)).collect();
        of.sort_by_key(|said| std::cmp::Reverse(said.group));
        if of.is_empty() {
            continue;
        }
        let form = match of.iter().find_map(|said| said.form) {
            Some(Put::Off) => {
                choice.forget(class);
                continue;
            }
            Some(Put::Form(form)) => form,
            None => choice.form(class).unwrap_or_else(|| usual(&of)),
        };
        // Where a key says nothing of it, what held before it does.
        let before = choice.least.iter().find(|(own, _)| *own == class).map(|(_, least)| *least);
        let kept = choice.keep.iter().find(|(own, _)| *own == class).map(|(_, kept)| *kept);
        choice.set(class, form);
        let said = of.iter().find_map(|said| said.least.or_else(|| said.group.least()));
        set_least(&mut choice, class, said.or(before).or(least));
        let keep = of.iter().find_map(|said| said.keep).or(kept);
        let keeps = form == Form::Mask && class.keeps().is_some();
        choice.keep.extend(keep.filter(|_| keeps).map(|keep| (class, keep)));
    }
    choice
}

/// The form where no key says one: a label where some preset allows no more.
fn usual(of: &[&Said]) -> Form {
    let label = of.iter().any(|said| match said.group {
        Group::Preset(preset) => preset.form() == Form::Label,
        Group::Country(_) | Group::Class(_) => false,
    });
    if label { Form::Label } else { Form::Mask }
}

fn set_least(choice: &mut Choice, class: Class, least: Option<Confidence>) {
    let built_in = !matches!(class, Class::Custom(_));
    let said = least.filter(|least| *least != Confidence::Likely && built_in);
    choice.least.extend(said.map(|least| (class, least)));
}

pub(super) fn confidence(raw: raw::Confidence) -> Confidence {
    match raw {
        raw::Confidence::Possible => Confidence::Possible,
        raw::Confidence::Likely => Confidence::Likely,
        raw::Confidence::Certain => Confidence::Certain,
    }
}
