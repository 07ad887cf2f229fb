//! Bounds of searches, each at its edge.

use std::ops::ControlFlow;

use serde_json::json;

use super::{
    AUDIT_FOLLOW_MS, AUDIT_QUERY_OPEN_CALLS_MAX, AUDIT_STATS_GROUPS_MAX, By, Calls, Field, OTHER,
    Query, Summary, Taker,
};

fn intent(n: usize) -> String {
    let record = json!({
        "timestamp": "2026-11-23T06:25:57.123456Z", "kind": "call", "phase": "intent",
        "request_id": format!("{n:08}"), "server": format!("srv-{n}"),
    });
    record.to_string()
}

#[test]
fn groups_beyond_audit_stats_groups_max_are_counted_together() {
    let query = Query::default();
    let mut summary = Summary::new(&query, By::Field(Field::Server));
    for n in 0..AUDIT_STATS_GROUPS_MAX + 5 {
        assert!(summary.take(intent(n).as_bytes()).unwrap().is_continue());
    }
    let groups = summary.groups();
    assert_eq!(groups.len(), AUDIT_STATS_GROUPS_MAX + 1);
    assert_eq!((groups[0].0, groups[0].1.calls), (OTHER, 5));
    assert_eq!(summary.total().calls, AUDIT_STATS_GROUPS_MAX as u64 + 5);
}

#[test]
fn intents_beyond_audit_query_open_calls_max_are_given_without_completion_the_oldest_first() {
    let query = Query::default();
    let mut given = Vec::new();
    let mut calls = Calls::new(&query, |call: &[u8]| {
        given.push(serde_json::from_slice::<serde_json::Value>(call).unwrap());
        ControlFlow::Continue(())
    });
    for n in 0..AUDIT_QUERY_OPEN_CALLS_MAX + 2 {
        assert!(calls.take(intent(n).as_bytes()).unwrap().is_continue());
    }
    drop(calls);
    let ids: Vec<_> = given.iter().map(|call| call["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["00000000", "00000001"]);
}

#[test]
fn log_is_looked_at_several_times_a_second_and_no_more() {
    assert!((100..=1_000).contains(&AUDIT_FOLLOW_MS));
}
