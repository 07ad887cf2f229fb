//! Values that are left alone.

use super::super::super::model::AllowRule;
use super::super::super::raw;
use super::super::access::Callers;
use super::super::{At, Context};
use super::profiles::{globs, of_tools};
use super::{Known, unknown_class};
use crate::limits::{ALLOW_RULES_MAX, ALLOW_VALUES_MAX, NAME_BYTES_MAX};

pub(super) fn allow(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Allow>>,
    known: Known<'_>,
    callers: &Callers<'_>,
) -> Option<Vec<AllowRule>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() || raw.len() > ALLOW_RULES_MAX {
        let help = "write `- { class: email, values: [support@example.com] }`, or remove the key";
        cx.absent(at, format!("a list of 1 to {ALLOW_RULES_MAX} rules is expected"), help);
        return None;
    }
    let mut all: Vec<Option<AllowRule>> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        all.push(rule(cx, &at.item(i), raw, known, callers));
    }
    all.into_iter().collect()
}

fn rule(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Allow,
    known: Known<'_>,
    callers: &Callers<'_>,
) -> Option<AllowRule> {
    let raw::Allow { class, values, tools } = raw;
    let class_at = at.key("class");
    let found = class.as_ref().map(|name| (name, known.class(name)));
    let class = match found {
        None => None,
        Some((name, None)) => {
            unknown_class(cx, &class_at, name, known.custom);
            return None;
        }
        Some((name, Some(class))) => {
            if !known.finds(class) {
                let message = format!("`{name}` is not looked for, so all its values are left");
                cx.absent(&class_at, message, "remove the rule, or add the class to `classes`");
            }
            Some(class)
        }
    };
    let values = self::values(cx, &at.key("values"), &values);
    let tools = match tools {
        None => None,
        Some(tools) => {
            of_tools(cx, &at.key("tools"), callers);
            Some(globs(cx, &at.key("tools"), &tools)?)
        }
    };
    Some(AllowRule { class, values: values?, tools })
}

fn values(cx: &mut Context<'_>, at: &At<'_>, values: &[String]) -> Option<Vec<Box<str>>> {
    if values.is_empty() || values.len() > ALLOW_VALUES_MAX {
        let help = "name the values, with `*` for any run of characters";
        cx.absent(at, format!("a list of 1 to {ALLOW_VALUES_MAX} values is expected"), help);
        return None;
    }
    for (i, value) in values.iter().enumerate() {
        let at = at.item(i);
        let blank = value.trim() != value || value.chars().any(char::is_control);
        if value.chars().all(|c| matches!(c, '*' | '?')) {
            let help = "write `off` for the class in `classes`, or more of the value";
            cx.error(&at, "this leaves every value alone", help);
            return None;
        }
        if blank || value.len() > NAME_BYTES_MAX {
            let help = format!("write it as it stands in answers, at most {NAME_BYTES_MAX} bytes");
            cx.error(&at, "no value looks like this", help);
            return None;
        }
    }
    Some(values.iter().map(|value| value.as_str().into()).collect())
}
