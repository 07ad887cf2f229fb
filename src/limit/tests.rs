//! The promises of the limits.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::{Caller, Limiter, Slot};
use crate::call::{Action, Arguments, Call, Resource};
use crate::clock::Clock;
use crate::config::{Allowance, Rate, RouteLimits};
use crate::hygiene::testing;
use crate::net::AddressKey;
use crate::principal::{AuthMethod, Principal, PrincipalKey};
use crate::reject::{Code, Rejection};

fn limiter(limits: RouteLimits, clock: &Clock, before: Option<&Limiter>) -> Limiter {
    let mut server = testing::server("crm", "https://gw.example/mcp");
    server.limits = limits;
    Limiter::new(&server, clock, None, before)
}

fn rate(burst: u32) -> Allowance {
    Rate { count: 60, window: Duration::from_secs(60), burst }.into()
}

fn named(action: Action, resource: Resource, operation: &str) -> Call {
    Call {
        action,
        resource,
        also: Vec::new(),
        operation: operation.into(),
        subject: None,
        message: None,
        arguments: Arguments::None,
    }
}

fn tool(name: &str) -> Call {
    named(Action::ToolsInvoke, Resource::Tool(name.into()), "tools/call")
}

fn ping() -> Call {
    named(Action::SessionOpen, Resource::Server, "ping")
}

fn alice() -> Caller {
    Caller::Principal(PrincipalKey([1; 16]))
}

fn bob() -> Caller {
    Caller::Principal(PrincipalKey([2; 16]))
}

fn count(limiter: &Limiter, caller: Caller, call: &Call) -> Result<Slot, Rejection> {
    // What is counted here waits for nobody.
    let counted = limiter.count(caller, call, None).now_or_never().unwrap();
    counted.map_err(Rejection::from)
}

/// Which limit refuses now; `None` when the call is admitted.
fn refusing(limiter: &Limiter, caller: Caller, call: &Call) -> Option<&'static str> {
    count(limiter, caller, call).err().map(|refused| refused.rate_limit.unwrap().policy)
}

#[test]
fn s56_caller_over_its_rate_is_refused_with_429_and_another_is_not() {
    let limits = RouteLimits { per_principal: Some(rate(2)), ..RouteLimits::default() };
    let limiter = limiter(limits, &Clock::manual(0), None);
    assert_eq!(refusing(&limiter, alice(), &tool("a")), None);
    assert_eq!(refusing(&limiter, alice(), &ping()), None, "the handshake counts too");
    let refused = count(&limiter, alice(), &tool("b")).unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (Code::RateLimited, Some(1)));
    assert_eq!(refused.reason, Some("principal"));
    let headers = refused.rate_limit.unwrap();
    assert_eq!((headers.policy, headers.quota), ("principal", 60));
    assert_eq!((headers.window_s, headers.reset_s), (60, 1));
    assert_eq!(refusing(&limiter, bob(), &tool("a")), None);
}

#[test]
fn refused_caller_is_admitted_again_after_retry_after() {
    let clock = Clock::manual(0);
    let limits = RouteLimits { per_principal: Some(rate(1)), ..RouteLimits::default() };
    let limiter = limiter(limits, &clock, None);
    assert!(count(&limiter, alice(), &tool("a")).is_ok());
    let wait = count(&limiter, alice(), &tool("a")).unwrap_err().retry_after_s.unwrap();
    clock.advance(Duration::from_secs(wait));
    assert!(count(&limiter, alice(), &tool("a")).is_ok());
}

fn per_tool() -> RouteLimits {
    let per_tool = vec![("export_*".into(), rate(1)), ("*".into(), rate(2))];
    RouteLimits { per_tool, ..RouteLimits::default() }
}

#[test]
fn first_pattern_that_matches_limits_a_tool_for_each_caller() {
    let limiter = limiter(per_tool(), &Clock::manual(0), None);
    assert_eq!(refusing(&limiter, alice(), &tool("export_a")), None);
    assert_eq!(
        refusing(&limiter, alice(), &tool("export_b")),
        Some("tool"),
        "one pattern, one bucket"
    );
    assert_eq!(refusing(&limiter, alice(), &tool("read")), None, "another pattern's bucket");
    assert_eq!(refusing(&limiter, bob(), &tool("export_a")), None, "another caller's bucket");
}

#[test]
fn tool_limits_count_tool_calls_only() {
    let limiter = limiter(per_tool(), &Clock::manual(0), None);
    for _ in 0..10 {
        assert_eq!(refusing(&limiter, alice(), &ping()), None);
    }
    let list = named(Action::ToolsList, Resource::Server, "tools/list");
    assert_eq!(refusing(&limiter, alice(), &list), None);
}

#[test]
fn route_limit_is_shared_by_all_callers() {
    let limits = RouteLimits { per_route: Some(rate(2)), ..RouteLimits::default() };
    let limiter = limiter(limits, &Clock::manual(0), None);
    assert_eq!(refusing(&limiter, alice(), &tool("a")), None);
    assert_eq!(refusing(&limiter, bob(), &tool("a")), None);
    assert_eq!(refusing(&limiter, alice(), &tool("a")), Some("route"));
}

#[test]
fn s56_caller_over_its_own_limit_takes_nothing_from_the_route() {
    let limits = RouteLimits {
        per_principal: Some(rate(1)),
        per_route: Some(rate(2)),
        ..RouteLimits::default()
    };
    let limiter = limiter(limits, &Clock::manual(0), None);
    assert_eq!(refusing(&limiter, alice(), &tool("a")), None);
    for _ in 0..100 {
        assert_eq!(refusing(&limiter, alice(), &tool("a")), Some("principal"));
    }
    assert_eq!(refusing(&limiter, bob(), &tool("a")), None, "one token of two was left");
}

fn capped() -> RouteLimits {
    RouteLimits {
        concurrency_per_principal: Some(1),
        concurrency: Some(2),
        ..RouteLimits::default()
    }
}

#[test]
fn calls_in_flight_are_capped_until_their_slot_is_dropped() {
    let limiter = limiter(capped(), &Clock::manual(0), None);
    let slot = count(&limiter, alice(), &tool("a")).unwrap();
    let refused = count(&limiter, alice(), &tool("a")).unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (Code::ConcurrencyLimited, Some(1)));
    assert_eq!(refused.rate_limit.unwrap().policy, "concurrency");
    assert_eq!(refused.code.row().status, 429);
    drop(slot);
    assert!(count(&limiter, alice(), &tool("a")).is_ok());
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn call_without_a_slot_takes_nothing_from_the_route() {
    let limits = RouteLimits { per_route: Some(rate(2)), ..capped() };
    let limiter = limiter(limits, &Clock::manual(0), None);
    let _slot = count(&limiter, alice(), &tool("a")).unwrap();
    for _ in 0..10 {
        assert_eq!(refusing(&limiter, alice(), &tool("a")), Some("concurrency"));
    }
    assert_eq!(refusing(&limiter, bob(), &tool("a")), None);
}

#[test]
fn call_that_the_route_refuses_gives_its_slot_back() {
    let limits = RouteLimits { per_route: Some(rate(1)), ..capped() };
    let limiter = limiter(limits, &Clock::manual(0), None);
    drop(count(&limiter, alice(), &tool("a")).unwrap());
    assert_eq!(refusing(&limiter, alice(), &tool("a")), Some("route"));
    assert_eq!(limiter.in_flight(), 0);
}

#[test]
fn cancellation_answer_and_end_of_session_pass_when_every_slot_is_taken() {
    let limiter = limiter(capped(), &Clock::manual(0), None);
    let _slot = count(&limiter, alice(), &tool("a")).unwrap();
    for (action, operation) in [
        (Action::SessionOpen, "notifications/cancelled"),
        (Action::SessionAnswer, "response"),
        (Action::SessionClose, "DELETE"),
    ] {
        let call = named(action, Resource::Server, operation);
        assert_eq!(refusing(&limiter, alice(), &call), None, "{operation}");
    }
    let stream = named(Action::SessionListen, Resource::Server, "GET");
    assert_eq!(refusing(&limiter, alice(), &stream), Some("concurrency"));
}

#[test]
fn reload_keeps_what_is_left_of_equal_limits_and_who_is_in_flight() {
    let clock = Clock::manual(0);
    let limits = |principal, route| RouteLimits {
        per_principal: Some(rate(principal)),
        per_route: Some(rate(route)),
        ..capped()
    };
    let before = limiter(limits(1, 5), &clock, None);
    let slot = count(&before, alice(), &tool("a")).unwrap();
    let same = limiter(limits(1, 9), &clock, Some(&before));
    assert_eq!(refusing(&same, alice(), &tool("a")), Some("principal"), "nothing was forgotten");
    let wider = limiter(limits(2, 9), &clock, Some(&same));
    assert_eq!(refusing(&wider, alice(), &tool("a")), Some("concurrency"), "still in flight");
    drop(slot);
    assert_eq!(refusing(&wider, alice(), &tool("a")), None);
}

#[test]
fn reload_keeps_the_buckets_of_a_tool_pattern_wherever_it_stands() {
    let clock = Clock::manual(0);
    let before = limiter(per_tool(), &clock, None);
    drop(count(&before, alice(), &tool("export_a")).unwrap());
    let mut limits = per_tool();
    limits.per_tool.insert(0, ("never".into(), rate(1)));
    let after = limiter(limits, &clock, Some(&before));
    assert_eq!(refusing(&after, alice(), &tool("export_a")), Some("tool"));
}

#[test]
fn without_limits_nobody_is_refused_and_nothing_is_held() {
    let limiter = limiter(RouteLimits::default(), &Clock::manual(0), None);
    let slots: Vec<Slot> =
        (0..1000).map(|_| count(&limiter, alice(), &tool("a")).unwrap()).collect();
    assert_eq!((slots.len(), limiter.in_flight()), (1000, 0));
}

#[test]
fn sweep_forgets_callers_whose_buckets_are_full_again() {
    let clock = Clock::manual(0);
    let limits = RouteLimits {
        per_principal: Some(rate(2)),
        per_tool: vec![("*".into(), rate(2))],
        ..RouteLimits::default()
    };
    let limiter = limiter(limits, &clock, None);
    drop(count(&limiter, alice(), &tool("a")).unwrap());
    let held = || limiter.per_principal.as_ref().unwrap().held() + limiter.per_tool[0].meter.held();
    limiter.sweep();
    assert_eq!(held(), 2);
    clock.advance(Duration::from_secs(10));
    limiter.sweep();
    assert_eq!(held(), 0);
}

#[test]
fn s56_limits_belong_to_the_identity_and_to_the_address_only_where_nobody_was_asked() {
    let client = "192.0.2.1".parse().unwrap();
    let mut principal = Principal {
        key: PrincipalKey([1; 16]),
        ..Principal::new(AuthMethod::Bearer, "i".into(), "s".into())
    };
    assert_eq!(Caller::of(&principal, client), alice());
    principal.method = AuthMethod::Anonymous;
    assert_eq!(Caller::of(&principal, client), Caller::Address(AddressKey::of(client)));
}
