//! How often: rates and calls in flight of one route.
//!
//! Owns the [`Limiter`] and the witness [`Admitted`]. Assumes a permitted call, so that refused
//! calls cost a caller nothing here. Guarantees (S-56) that limits belong to the authenticated
//! principal, not to a session or an address that could be varied; only where nobody was asked, on
//! routes without authentication, does the address stand for the caller.
//!
//! The order is from the narrow to the wide: caller, tool, calls in flight, route. A caller that is
//! over its own limit takes nothing from what all share, and a caller with no free slot keeps the
//! route's budget whole.
//!
//! Rates are counted by this replica, or by all of them in Redis ([`Store`]); calls in flight always
//! by this one.

mod lease;
mod meter;
mod shared;
mod slots;
mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

pub use lease::slice_max;
pub use shared::Sharing;
pub use slots::{Caps, Full, Slot, Slots};
pub use store::{Store, StoreStatus};

use crate::authz::Permitted;
use crate::bucket::Wait;
use crate::call::{Action, Call, Resource};
use crate::clock::Clock;
use crate::config::{Allowance, RouteLimits, Server};
use crate::decode::Decoded;
use crate::exchange::Exchange;
use crate::glob::Glob;
use crate::limits::{IN_FLIGHT_RETRY_S, SHARED_LOST_RETRY_S};
use crate::net::AddressKey;
use crate::principal::{AuthMethod, Principal, PrincipalKey};
use crate::reject::{Code, RateLimitHeaders, Rejection};
use meter::{Made, Meter};
use shared::Refusal;

/// Proof that the call is within every limit. Holds the call's slot until it is dropped, which the
/// pipeline does when the answer's body has ended.
#[derive(Debug)]
pub struct Admitted {
    base: Permitted,
    _slot: Slot,
}

impl Deref for Admitted {
    type Target = Permitted;

    fn deref(&self) -> &Permitted {
        &self.base
    }
}

/// To whom a limit belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A proven identity: equal for every token and session of the same caller.
    Principal(PrincipalKey),
    /// Nobody was asked; the address has to do.
    Address(AddressKey),
}

impl Caller {
    fn of(principal: &Principal, client: IpAddr) -> Self {
        match principal.method {
            AuthMethod::Bearer | AuthMethod::Certificate | AuthMethod::ApiKey => {
                Self::Principal(principal.key)
            }
            AuthMethod::Anonymous => Self::Address(AddressKey::of(client)),
        }
    }
}

/// The limits of one route and what is left of them.
#[derive(Debug)]
pub struct Limiter {
    per_principal: Option<Meter>,
    per_tool: Vec<ToolLimit>,
    classes: Vec<(Arc<str>, Meter)>,
    per_route: Option<Meter>,
    caps: Caps,
    slots: Arc<Slots>,
}

#[derive(Debug)]
struct ToolLimit {
    glob: Glob,
    meter: Meter,
}

/// What a call is counted by, before it is known whether it may be made.
#[derive(Debug)]
pub struct Knock {
    caller: Caller,
    tool: Option<Box<str>>,
    awaits: bool,
}

/// Which limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{policy}: {wait}")]
    Rate { policy: &'static str, wait: Wait },
    #[error("{policy}: the Redis of shared rates does not answer")]
    Unknown { policy: &'static str },
    #[error(transparent)]
    InFlight(#[from] Full),
}

impl Limiter {
    /// The limits of a route, shared with other replicas or not. What was left under the
    /// configuration `before` is left now, for every limit whose rate is the same; calls in flight
    /// stay counted in any case.
    #[must_use]
    pub fn new(
        server: &Server,
        clock: &Clock,
        sharing: Option<&Sharing>,
        before: Option<&Self>,
    ) -> Self {
        let RouteLimits {
            per_principal,
            per_tool,
            classes,
            per_route,
            concurrency_per_principal,
            concurrency,
        } = &server.limits;
        let made = Made { clock, sharing, server: [&server.resource, &server.name] };
        let tool = |(pattern, allowance): &(Box<str>, Allowance)| {
            let old =
                before.and_then(|b| b.per_tool.iter().find(|t| t.glob.pattern() == &**pattern));
            let meter = made.meter(("tool", pattern), *allowance, old.map(|limit| &limit.meter));
            ToolLimit { glob: Glob::new(pattern), meter }
        };
        let class = |(name, allowance): &(Arc<str>, Allowance)| {
            let old = before.and_then(|b| b.classes.iter().find(|(other, _)| other == name));
            (Arc::clone(name), made.meter(("class", name), *allowance, old.map(|(_, old)| old)))
        };
        let one = |kind, allowance: &Option<Allowance>, old: Option<&Meter>| {
            allowance.map(|allowance| made.meter((kind, ""), allowance, old))
        };
        let old_principal = before.and_then(|b| b.per_principal.as_ref());
        let old_route = before.and_then(|b| b.per_route.as_ref());
        Self {
            per_principal: one("principal", per_principal, old_principal),
            per_tool: per_tool.iter().map(tool).collect(),
            classes: classes.iter().map(class).collect(),
            per_route: one("route", per_route, old_route),
            caps: Caps { of_caller: *concurrency_per_principal, of_route: *concurrency },
            slots: before.map_or_else(Arc::default, |b| Arc::clone(&b.slots)),
        }
    }

    /// Counts the call of an exchange. Cancel-safe: at worst it is counted and not made.
    ///
    /// # Errors
    /// [`Code::RateLimited`] or [`Code::ConcurrencyLimited`], with `Retry-After` and the limit that
    /// refused: `principal`, `tool`, `class`, `concurrency` or `route`; [`Code::LimitUnavailable`]
    /// where a shared one is not known and its configuration says `deny`.
    pub async fn admit(&self, ex: Exchange<Permitted>) -> Result<Exchange<Admitted>, Rejection> {
        let caller = Caller::of(ex.principal(), ex.client_ip());
        // What the gateway asks of itself in a caller's name is not that caller's doing.
        let slot = if ex.vouched().is_some() {
            self.for_all().await?;
            Slot::free()
        } else {
            self.count(caller, ex.call(), ex.grant().rate.as_deref()).await?
        };
        Ok(ex.advance(|base| Admitted { base, _slot: slot }))
    }

    /// What a call would be counted by.
    #[must_use]
    pub fn knock(&self, ex: &Exchange<Decoded>) -> Knock {
        let tool = tool(ex.call()).map(Box::from);
        let caller = Caller::of(ex.principal(), ex.client_ip());
        Knock { caller, tool, awaits: awaits_answer(ex.call()) }
    }

    /// Counts a call that is refused all the same.
    ///
    /// # Errors
    /// As [`Limiter::admit`].
    pub async fn charge(&self, knock: &Knock) -> Result<(), Rejection> {
        // The slot is free again at once.
        drop(self.take(knock.caller, knock.tool.as_deref(), None, knock.awaits).await?);
        Ok(())
    }

    /// Forgets callers whose buckets are full again.
    pub fn sweep(&self) {
        self.per_principal.iter().for_each(Meter::sweep);
        self.per_tool.iter().for_each(|limit| limit.meter.sweep());
        self.classes.iter().for_each(|(_, meter)| meter.sweep());
        self.per_route.iter().for_each(Meter::sweep);
    }

    /// Calls in flight, for metrics. Zero where no cap counts them.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.slots.in_flight()
    }

    async fn count(
        &self,
        caller: Caller,
        call: &Call,
        class: Option<&str>,
    ) -> Result<Slot, Refused> {
        self.take(caller, tool(call), class, awaits_answer(call)).await
    }

    async fn take(
        &self,
        caller: Caller,
        tool: Option<&str>,
        class: Option<&str>,
        awaits: bool,
    ) -> Result<Slot, Refused> {
        if let Some(meter) = &self.per_principal {
            meter.take(Some(caller)).await.map_err(|why| why.of("principal"))?;
        }
        if let Some(tool) = tool
            && let Some(limit) = self.per_tool.iter().find(|limit| limit.glob.matches(tool))
        {
            limit.meter.take(Some(caller)).await.map_err(|why| why.of("tool"))?;
        }
        // A class that this server does not have is another server's.
        let named = |(name, _): &&(Arc<str>, _)| Some(&**name) == class;
        if let Some((_, meter)) = self.classes.iter().find(named) {
            meter.take(Some(caller)).await.map_err(|why| why.of("class"))?;
        }
        let slot = if is_capped(self.caps) && awaits {
            self.slots.take(caller, self.caps)?
        } else {
            Slot::free()
        };
        self.for_all().await?;
        Ok(slot)
    }

    async fn for_all(&self) -> Result<(), Refused> {
        let Some(meter) = &self.per_route else { return Ok(()) };
        meter.take(None).await.map_err(|why| why.of("route"))
    }
}

impl Refusal {
    fn of(self, policy: &'static str) -> Refused {
        match self {
            Self::Over(wait) => Refused::Rate { policy, wait },
            Self::Unknown => Refused::Unknown { policy },
        }
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        let story = refused.to_string();
        let (code, seconds, headers) = match refused {
            Refused::Rate { policy, wait } => {
                (Code::RateLimited, wait.seconds, wait.headers(policy))
            }
            Refused::InFlight(Full::Caller(cap) | Full::Route(cap)) => {
                (Code::ConcurrencyLimited, IN_FLIGHT_RETRY_S, in_flight(cap))
            }
            // Nobody knows what is left, so that no header says so.
            Refused::Unknown { policy: _ } => {
                return Self::new(Code::LimitUnavailable, story).retry_after(SHARED_LOST_RETRY_S);
            }
        };
        let mut rejection = Self::new(code, story).retry_after(seconds);
        rejection.reason = Some(headers.policy);
        rejection.rate_limit = Some(headers);
        rejection
    }
}

fn tool(call: &Call) -> Option<&str> {
    match (call.action, &call.resource) {
        (Action::ToolsInvoke, Resource::Tool(tool)) => Some(tool),
        (_, _) => None,
    }
}

fn is_capped(caps: Caps) -> bool {
    caps.of_caller.is_some() || caps.of_route.is_some()
}

/// Messages that wait for no answer take no slot: holding back a cancellation, an answer to the
/// server or the end of a session is what would keep slots taken. Their rate is limited all the same.
fn awaits_answer(call: &Call) -> bool {
    match call.action {
        Action::SessionAnswer | Action::SessionClose => false,
        Action::SessionOpen => !call.operation.starts_with("notifications/"),
        Action::ToolsList
        | Action::ToolsInvoke
        | Action::ResourcesList
        | Action::ResourcesRead
        | Action::ResourcesSubscribe
        | Action::PromptsList
        | Action::PromptsGet
        | Action::Completion
        | Action::ContextRead
        | Action::MemoryRead
        | Action::MemoryWrite
        | Action::MemoryDelete
        | Action::SessionListen => true,
    }
}

/// The window is the present second: a slot may be free in the next.
fn in_flight(cap: u32) -> RateLimitHeaders {
    RateLimitHeaders {
        policy: "concurrency",
        quota: cap,
        window_s: IN_FLIGHT_RETRY_S,
        reset_s: IN_FLIGHT_RETRY_S,
    }
}
