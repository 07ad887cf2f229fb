//! What becomes of values in the arguments of tools.

use super::super::super::model::Choice;
use super::super::super::raw::{self, ArgumentForm};
use super::super::access::Callers;
use super::super::{At, Context};
use super::profiles::{named, of_tools};
use super::{Known, unknown_group};
use crate::class::{Class, Form, Group};

/// `None` where they are passed on as they are.
pub(super) fn arguments(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Arguments>,
    known: Known<'_>,
    callers: &Callers<'_>,
) -> Option<Option<Choice>> {
    let pairs = match raw {
        None | Some(raw::Arguments::Off(raw::Off::Off)) => return Some(None),
        Some(raw::Arguments::Classes(pairs)) => pairs.0,
    };
    of_tools(cx, at, callers);
    if pairs.is_empty() {
        cx.absent(at, "nothing is looked for in arguments", "name classes, or write `off`");
        return None;
    }
    let mut all: Vec<Option<(Group, Form)>> = Vec::new();
    for (name, raw) in &pairs {
        let group = named(name, known);
        if group.is_none() {
            unknown_group(cx, &at.key(name).named(), name, known.custom);
        }
        all.push(group.zip(Some(form(*raw))));
    }
    let mut all: Vec<(Group, Form)> = all.into_iter().collect::<Option<_>>()?;
    all.sort_by_key(|(group, _)| *group);
    let mut choice = Choice::default();
    let own = (0_u8..).zip(known.custom).map(|(i, _)| Class::Custom(i));
    for class in Class::BUILTIN.into_iter().chain(own) {
        if let Some((_, form)) = all.iter().rev().find(|(group, _)| group.has(class)) {
            choice.forms.push((class, *form));
        }
    }
    let on = |class: Class| choice.forms.iter().any(|(own, _)| *own == class);
    choice.least = known.choice.least.iter().filter(|(class, _)| on(*class)).copied().collect();
    choice.keep = known.choice.keep.iter().filter(|(class, _)| on(*class)).copied().collect();
    Some(Some(choice))
}

fn form(raw: ArgumentForm) -> Form {
    match raw {
        ArgumentForm::Report => Form::Report,
        ArgumentForm::Mask => Form::Mask,
        ArgumentForm::Label => Form::Label,
        ArgumentForm::Block => Form::Block,
    }
}
