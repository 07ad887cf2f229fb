//! How often: rates and calls in flight.

use crate::limits::CONCURRENCY;
use crate::limits::CONCURRENCY_PER_PRINCIPAL;
use std::sync::Arc;
use std::time::Duration;

use super::super::model::{Allowance, Rate, RouteLimits, Rule};
use super::super::raw;
use super::super::values::{self, ValueError};
use super::shared::{Sharing, allowance};
use super::{At, Context, access, glob, name_key};
use crate::limits::{IN_FLIGHT_MAX, NAME_BYTES_MAX};

/// The limit per client address. The outer `None`: it could not be read.
pub(super) fn per_address(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Rate>,
) -> Option<Option<Rate>> {
    match raw {
        None => Some(Some(PER_ADDRESS)),
        Some(raw) => rate(cx, at, raw),
    }
}

pub(super) fn route(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::RouteLimits>,
    tools: Tools<'_>,
    sharing: Sharing,
) -> Option<RouteLimits> {
    let raw::RouteLimits {
        per_principal,
        per_tool,
        classes,
        per_route,
        concurrency,
        concurrency_per_principal,
    } = raw.unwrap_or(raw::RouteLimits {
        per_principal: None,
        per_tool: None,
        classes: None,
        per_route: None,
        concurrency: None,
        concurrency_per_principal: None,
    });
    let mut optional = |key: &str, raw: Option<raw::Rate>| match raw {
        Some(raw) => shareable(cx, &at.key(key), raw, sharing),
        None => Some(None),
    };
    let per_principal = optional("per_principal", per_principal);
    let per_route = optional("per_route", per_route);
    let per_tool = self::per_tool(cx, &at.key("per_tool"), per_tool, tools, sharing);
    let classes = self::classes(cx, &at.key("classes"), classes, sharing);
    let typed = concurrency_per_principal.is_some();
    let total = in_flight(cx, &at.key("concurrency"), concurrency, CONCURRENCY);
    let each_at = at.key("concurrency_per_principal");
    let each = in_flight(cx, &each_at, concurrency_per_principal, CONCURRENCY_PER_PRINCIPAL);
    if let Some((total, each)) = total.zip(each).filter(|(total, each)| typed && each > total) {
        let message = format!("{each} calls of one caller never fit into `concurrency: {total}`");
        cx.error(&each_at, message, format!("write at most {total}, or raise `concurrency`"));
    }
    Some(RouteLimits {
        per_principal: per_principal?,
        per_tool: per_tool?,
        per_route: per_route?,
        classes: classes?,
        concurrency_per_principal: Some(each?.min(total?)),
        concurrency: total,
    })
}

/// What is known of a server's tools.
#[derive(Clone, Copy)]
pub(super) enum Tools<'a> {
    /// Requests are never about tools.
    Never,
    /// They may be, by these rules; empty allows all.
    By(&'a [Rule]),
    /// The rules could not be read.
    Unknown,
}

/// Rates by the names that policies give them.
fn classes(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<raw::Rate>>,
    sharing: Sharing,
) -> Option<Vec<(Arc<str>, Allowance)>> {
    let mut all = Vec::new();
    for (name, raw) in raw.map(|pairs| pairs.0).unwrap_or_default() {
        let at = at.key(&name);
        name_key(cx, &at, &name);
        let limit = match shareable(cx, &at, raw, sharing) {
            Some(None) => {
                cx.error(&at, "`off` has no effect here", "remove the line");
                None
            }
            limit => limit.flatten(),
        };
        all.push(limit.map(|limit| (Arc::from(name), limit)));
    }
    all.into_iter().collect()
}

fn per_tool(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<raw::Rate>>,
    tools: Tools<'_>,
    sharing: Sharing,
) -> Option<Vec<(Box<str>, Allowance)>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    let mut all = Vec::new();
    if matches!(tools, Tools::Never) {
        cx.absent(at, "this has no effect: no request to this server calls a tool", "remove it");
    }
    for (glob, raw) in raw.0 {
        let at = at.key(&glob);
        let pattern = access::pattern(cx, &at.named(), &glob, NAME_BYTES_MAX);
        if let Tools::By(rules) = tools
            && !reachable(&glob, rules)
        {
            let message = format!("no rule of `tools` allows a tool that `{glob}` matches");
            cx.absent(&at.named(), message, "check its spelling, or allow the tool");
        }
        let limit = match shareable(cx, &at, raw, sharing) {
            Some(None) => {
                cx.error(&at, "`off` has no effect here", "remove the line");
                None
            }
            limit => limit.flatten(),
        };
        all.push(pattern.zip(limit));
    }
    all.into_iter().collect()
}

/// Whether some tool that the glob matches may be called by somebody.
fn reachable(tool: &str, rules: &[Rule]) -> bool {
    let mut before: Vec<&Rule> = Vec::new();
    for rule in rules {
        let decided = |names: &str| {
            before.iter().any(|first| first.deny && glob::covers(&first.pattern, names))
        };
        if !rule.deny
            && glob::intersects(tool, &rule.pattern)
            && !decided(tool)
            && !decided(&rule.pattern)
        {
            return true;
        }
        before.push(rule);
    }
    rules.is_empty()
}

/// A rate that every replica counts for itself; `Some(None)` is `off`.
pub(super) fn rate(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Rate) -> Option<Option<Rate>> {
    if let raw::Rate::Keys(raw::RateKeys { on_store_loss: Some(_), .. }) = &raw {
        let message = "`on_store_loss` has no effect: each replica counts this for itself";
        cx.error(&at.key("on_store_loss"), message, "remove it");
    }
    plain(cx, at, raw)
}

/// A rate that replicas may share; `Some(None)` is `off`.
fn shareable(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::Rate,
    sharing: Sharing,
) -> Option<Option<Allowance>> {
    let on_store_loss = match &raw {
        raw::Rate::Text(_) => None,
        raw::Rate::Keys(keys) => keys.on_store_loss,
    };
    match plain(cx, at, raw)? {
        Some(rate) => Some(Some(allowance(cx, at, rate, on_store_loss, sharing))),
        None if on_store_loss.is_some() => {
            cx.error(at, "`on_store_loss` has no effect beside `rate: off`", "write `off` alone");
            None
        }
        None => Some(None),
    }
}

/// A rate in either form.
fn plain(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Rate) -> Option<Option<Rate>> {
    let (at, text, burst) = match raw {
        raw::Rate::Text(raw::RateText(text)) => (at.clone(), text, None),
        // Whoever asks knows what to make of it.
        raw::Rate::Keys(raw::RateKeys { rate: raw::RateText(text), burst, on_store_loss: _ }) => {
            (at.key("rate"), text, burst.map(|burst| (at.key("burst"), burst)))
        }
    };
    let rate = cx.take(&at, values::rate(&text))?;
    match (rate, burst) {
        (rate, None) => Some(rate),
        (Some(_), Some((at, 0))) => cx.take(&at, Err(ValueError::BurstZero)),
        (Some(rate), Some((_, burst))) => Some(Some(Rate { burst, ..rate })),
        (None, Some((at, _))) => {
            cx.error(&at, "`burst` has no effect beside `rate: off`", "write `off` alone");
            None
        }
    }
}

fn in_flight(cx: &mut Context<'_>, at: &At<'_>, raw: Option<u32>, default: u32) -> Option<u32> {
    let number = raw.unwrap_or(default);
    let max = u32::try_from(IN_FLIGHT_MAX).unwrap_or(u32::MAX);
    if number == 0 || number > max {
        let message = format!("`{number}` calls at once are not possible");
        cx.error(at, message, format!("write a number from 1 to {max}"));
        return None;
    }
    Some(number)
}

/// Requests of one client address by default. Source: a page of tools and their calls at once,
/// far below what a flood needs. // limits.rs
const PER_ADDRESS: Rate = Rate { count: 50, window: Duration::from_secs(1), burst: 200 };
