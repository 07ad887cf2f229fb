//! What callers see of answers.

use super::super::model::{Profile, View, ViewNamespaces, ViewOf};
use super::super::raw;
use super::access::{self, Callers};
use super::{At, Context};
use crate::call::Action;
use crate::limits::{NAME_BYTES_MAX, RULES_MAX};
use crate::view::{Places, Projection, ViewError};

pub(super) fn views(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::View>>,
    (profile, callers): (Option<&Profile>, &Callers<'_>),
) -> Option<Vec<View>> {
    let raw = raw.unwrap_or_default();
    if raw.len() > RULES_MAX {
        cx.error(at, format!("more than {RULES_MAX} views"), "use globs");
        return None;
    }
    let mut all: Vec<Option<View>> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let view = view(cx, &at, raw, profile, callers);
        let first = all
            .iter()
            .flatten()
            .find(|first: &&View| view.as_ref().is_some_and(|view| covers(first, view)));
        if first.is_some() {
            let message = "this view is never used: an earlier one fits the same calls and callers";
            cx.error(&at, message, "move it before that one, or remove it");
        }
        all.push(view);
    }
    all.into_iter().collect()
}

fn covers(first: &View, later: &View) -> bool {
    let calls = match (&first.of, &later.of) {
        (ViewOf::Tool(first), ViewOf::Tool(later)) => super::glob::covers(first, later),
        (ViewOf::Action(first), ViewOf::Action(later)) => first == later,
        (ViewOf::Tool(_), ViewOf::Action(_)) | (ViewOf::Action(_), ViewOf::Tool(_)) => false,
    };
    calls
        && (first.roles.is_empty()
            || (!later.roles.is_empty()
                && later.roles.iter().all(|role| first.roles.contains(role))))
}

fn view(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::View,
    profile: Option<&Profile>,
    callers: &Callers<'_>,
) -> Option<View> {
    let raw::View { tool, action, roles, allow, items_max, namespaces, at: places, beside } = raw;
    let of = self::of(cx, at, tool, action, (profile, callers));
    let roles = access::roles(cx, &at.key("roles"), roles, callers);
    let nothing = allow.is_none() && items_max.is_none() && namespaces.is_none();
    if nothing {
        let message = "this view shows everything";
        cx.absent(at, message, "name fields in `allow`, `items_max`, or `namespaces`");
    }
    if beside.is_some() && places.is_none() {
        let message = "`beside` has no effect without `at`: nothing stands beside the whole";
        cx.absent(&at.key("beside"), message, "name the fields in `allow`");
    }
    let allow = match (allow, items_max) {
        (None, None) => Some(None),
        (allow, items_max) => {
            let all = || vec!["/**".to_owned()];
            let parsed = Projection::parse(&allow.unwrap_or_else(all));
            let parsed = sound(cx, &at.key("allow"), parsed);
            let cut = |projection: Projection| match items_max {
                Some(max) => projection.with_items_max(usize::try_from(max).unwrap_or(usize::MAX)),
                None => projection,
            };
            parsed.map(|projection| Some(cut(projection)))
        }
    };
    let namespaces = match namespaces {
        None => Some(None),
        Some(raw) => self::namespaces(cx, &at.key("namespaces"), raw, of.as_ref()).map(Some),
    };
    let places = match places {
        None => Some(None),
        Some(list) => sound(cx, &at.key("at"), Places::parse(&list)).map(Some),
    };
    let beside = match beside {
        None => Some(None),
        Some(list) => sound(cx, &at.key("beside"), Projection::parse(&list)).map(Some),
    };
    Some(View {
        of: of?,
        roles: roles?,
        projection: allow?,
        namespaces: namespaces?,
        at: places?,
        beside: beside?,
    })
}

fn of(
    cx: &mut Context<'_>,
    at: &At<'_>,
    tool: Option<String>,
    action: Option<String>,
    (profile, callers): (Option<&Profile>, &Callers<'_>),
) -> Option<ViewOf> {
    match (tool, action) {
        (Some(tool), None) => {
            let at = at.key("tool");
            if !callers.can(&[Action::ToolsInvoke]) {
                cx.absent(&at, "no request to this server calls a tool", "remove it");
            }
            access::pattern(cx, &at, &tool, NAME_BYTES_MAX).map(ViewOf::Tool)
        }
        (None, Some(action)) => {
            let at = at.key("action");
            let action = access::action(cx, &at, &action)?;
            if profile.is_some_and(|profile| *profile == Profile::Mcp) {
                let message = "`action` is for REST servers";
                cx.absent(&at, message, "write `tool`, or `profile: rest`");
            } else if !callers.can(&[action]) {
                let message = format!("no request to this server is a `{}`", action.name());
                cx.absent(&at, message, "remove the view");
            }
            Some(ViewOf::Action(action))
        }
        (Some(_), Some(_)) => {
            cx.error(at, "a view is about a `tool` or an `action`, not both", "write two views");
            None
        }
        (None, None) => {
            cx.absent(at, "this view is about nothing", "add `tool` or `action`");
            None
        }
    }
}

fn namespaces(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::ViewNamespaces,
    of: Option<&ViewOf>,
) -> Option<ViewNamespaces> {
    let raw::ViewNamespaces { wanted, member } = raw;
    let wanted_at = at.key("wanted");
    if wanted.is_some() && matches!(of, Some(ViewOf::Action(_))) {
        let message = "on a REST server the namespace of the call is what is wanted";
        cx.absent(&wanted_at, message, "remove it; the route says where the namespace stands");
    }
    let actions = [Action::ContextRead, Action::MemoryRead];
    if let Some(ViewOf::Action(action)) = of
        && !actions.contains(action)
    {
        let message = format!("the answer to `{}` holds no namespaces", action.name());
        cx.absent(at, message, "remove it, or write `action: context.read`");
    }
    let pointer = wanted.as_deref().is_none_or(|text| text.starts_with('/'));
    if !pointer {
        let message = format!("`{}` is no JSON pointer", wanted_at.shown());
        cx.error(&wanted_at, message, "write such as `/namespaces`");
    }
    let member = member.unwrap_or_else(|| "namespace".to_owned());
    if member.is_empty() || member.len() > NAME_BYTES_MAX {
        cx.error(&at.key("member"), "this is no name of a member", "write such as `namespace`");
    }
    pointer.then(|| ViewNamespaces { wanted: wanted.map(Box::from), member: member.into() })
}

fn sound<T>(cx: &mut Context<'_>, at: &At<'_>, parsed: Result<T, ViewError>) -> Option<T> {
    match parsed {
        Ok(value) => Some(value),
        Err(error) => {
            cx.error(at, error.to_string(), "the manual's chapter on policies shows the patterns");
            None
        }
    }
}
