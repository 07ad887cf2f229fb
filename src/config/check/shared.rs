//! The limits of the whole gateway, and rates that replicas share: the switch, its settings, and
//! what a rate says of itself.

use super::super::model::{
    Allowance, OnStoreLoss, Rate, Redis, Revocation, RouteLimits, Server, SharedLimits,
};
use super::super::raw;
use super::{At, Context, limits, revocation};
use crate::limits::SHARED_REPLICAS_MAX;

/// What the rest of the file has to know of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sharing {
    /// Nothing is shared.
    Off,
    /// Rates are, and do this without Redis unless they say otherwise.
    On(OnStoreLoss),
    /// The section has mistakes.
    Unknown,
}

/// The limits of the whole gateway; `None` where one could not be read.
pub(super) struct OfAll {
    pub(super) per_address: Option<Option<Rate>>,
    pub(super) shared: Option<Option<SharedLimits>>,
    pub(super) sharing: Sharing,
}

pub(super) fn of_all(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::GlobalLimits>,
    has_redis: bool,
) -> OfAll {
    let none = raw::GlobalLimits { per_address: None, shared: None };
    let raw::GlobalLimits { per_address, shared } = raw.unwrap_or(none);
    let per_address = limits::per_address(cx, &at.key("per_address"), per_address);
    let (shared, sharing) = self::shared(cx, &at.key("shared"), shared, has_redis);
    OfAll { per_address, shared, sharing }
}

/// `limits.shared`. The outer `None`: it could not be read.
fn shared(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::SharedLimits>,
    has_redis: bool,
) -> (Option<Option<SharedLimits>>, Sharing) {
    let (replicas, on_store_loss) = match raw {
        None | Some(raw::SharedLimits::Switch(false)) => return (Some(None), Sharing::Off),
        Some(raw::SharedLimits::Switch(true)) => (None, None),
        Some(raw::SharedLimits::Keys(keys)) => {
            let raw::SharedLimitsKeys { replicas, on_store_loss } = keys;
            (replicas, on_store_loss)
        }
    };
    if !has_redis {
        let help = "add `redis: { url: … }` to the file, or remove it";
        cx.absent(at, "there is no `redis` in this file", help);
    }
    let replicas_at = at.key("replicas");
    if replicas.is_some_and(|number| number == 0 || number > SHARED_REPLICAS_MAX) {
        let message = format!("`{}` replicas are not possible", replicas_at.shown());
        cx.error(&replicas_at, message, format!("write a number from 1 to {SHARED_REPLICAS_MAX}"));
        return (None, Sharing::Unknown);
    }
    let on_store_loss = on_loss(cx, &at.key("on_store_loss"), on_store_loss).unwrap_or_default();
    (Some(Some(SharedLimits { replicas })), Sharing::On(on_store_loss))
}

/// A rate of a server with what it does without Redis.
pub(super) fn allowance(
    cx: &mut Context<'_>,
    at: &At<'_>,
    rate: Rate,
    typed: Option<raw::OnStoreLoss>,
    sharing: Sharing,
) -> Allowance {
    let at = at.key("on_store_loss");
    let own = on_loss(cx, &at, typed);
    let on_store_loss = match sharing {
        Sharing::On(usual) => own.unwrap_or(usual),
        Sharing::Off | Sharing::Unknown => own.unwrap_or_default(),
    };
    if typed.is_some() && matches!(sharing, Sharing::Off) {
        let message = "`on_store_loss` has no effect: each replica counts for itself";
        cx.absent(&at, message, "add `limits: { shared: true }` to the file, or remove it");
    }
    Allowance { rate, on_store_loss }
}

/// Sharing without anything that is shared, and a Redis without any use.
pub(super) fn unused(
    cx: &mut Context<'_>,
    at: &At<'_>,
    stores: (Option<&Option<Redis>>, Option<&Revocation>),
    sharing: Sharing,
    servers: &[Option<Server>],
) {
    let other_use = !matches!(sharing, Sharing::Off);
    revocation::unused(cx, &at.key("redis"), stores, servers, other_use);
    let rates = |server: &Option<Server>| server.as_ref().is_none_or(|it| has_rates(&it.limits));
    if matches!(sharing, Sharing::On(_)) && !servers.iter().any(rates) {
        let message = "nothing is shared: no server has a rate";
        let at = at.key("limits").key("shared");
        cx.warn(&at, message, "add `limits: { per_principal: 60/m }` to a server, or remove it");
    }
}

fn has_rates(limits: &RouteLimits) -> bool {
    let RouteLimits {
        per_principal,
        per_tool,
        per_route,
        classes,
        concurrency_per_principal: _,
        concurrency: _,
    } = limits;
    per_principal.is_some() || per_route.is_some() || !per_tool.is_empty() || !classes.is_empty()
}

fn on_loss(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::OnStoreLoss>,
) -> Option<OnStoreLoss> {
    Some(match raw? {
        raw::OnStoreLoss::LocalShare => OnStoreLoss::LocalShare,
        raw::OnStoreLoss::Deny => OnStoreLoss::Deny,
        raw::OnStoreLoss::Local => {
            let message = "while Redis is away every replica admits the whole rate";
            cx.weak(at, message, "write `local_share`, or accept it");
            OnStoreLoss::Local
        }
    })
}
