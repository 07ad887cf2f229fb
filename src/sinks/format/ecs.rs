//! Elastic Common Schema, with the whole record under `sallyport`.

use serde_json::{Map, Value, json};

use super::{number, text};
use crate::sinks::files::line_hash;

pub(super) fn document(record: &Value, line: &[u8]) -> Value {
    let mut out = Map::new();
    let timestamp = text(record, "timestamp").unwrap_or("1970-01-01T00:00:00Z");
    out.insert("@timestamp".to_owned(), timestamp.into());
    out.insert("ecs".to_owned(), json!({ "version": ECS_VERSION }));
    out.insert("event".to_owned(), event(record, line));
    let mut group = |name: &str, members: &[(&str, Option<Value>)]| {
        let members =
            members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        let members: Map<String, Value> = members.collect();
        if !members.is_empty() {
            out.insert(name.to_owned(), members.into());
        }
    };
    let of = |path: &str| text(record, path).map(Value::from);
    group(
        "observer",
        &[
            ("vendor", Some("Sallyport".into())),
            ("product", Some("Sallyport".into())),
            ("name", record.pointer("/gateway/id").cloned()),
            ("version", Some(env!("CARGO_PKG_VERSION").into())),
        ],
    );
    group("user", &[("id", of("user_id")), ("roles", record.get("roles").cloned())]);
    group("client", &[("ip", of("client_ip"))]);
    group("source", &[("ip", of("client_ip"))]);
    group("service", &[("target", of("server").map(|name| json!({ "name": name })))]);
    group("trace", &[("id", of("trace_id"))]);
    group("rule", &[("name", of("rule"))]);
    group("error", &[("code", of("code")), ("message", of("reason"))]);
    let bytes = number(record, "bytes_out").map(|bytes| json!({ "bytes": bytes }));
    let response =
        [("status_code", number(record, "status_code").map(Value::from)), ("body", bytes)];
    let response: Map<String, Value> =
        response.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let request = of("request_id").map(|id| json!({ "id": id }));
    let response = (!response.is_empty()).then(|| Value::from(response));
    group("http", &[("request", request), ("response", response)]);
    out.insert("sallyport".to_owned(), record.clone());
    out.into()
}

fn event(record: &Value, line: &[u8]) -> Value {
    let refused =
        text(record, "phase") == Some("refused") || text(record, "decision") == Some("deny");
    let failed = number(record, "status_code").is_some_and(|status| status >= 400);
    let outcome = match text(record, "phase") {
        Some("intent") => "unknown",
        _ if refused || failed => "failure",
        Some("completion") => "success",
        _ => "unknown",
    };
    let kind = match text(record, "kind") {
        Some("call") if refused => "denied",
        Some("call") => "allowed",
        Some("revocation") => "change",
        _ => "info",
    };
    let mut event = json!({
        "kind": "event",
        "category": ["api"],
        "type": [kind],
        "outcome": outcome,
        "module": "sallyport",
        "dataset": "sallyport.audit",
        "sequence": number(record, "seq"),
        "hash": line_hash(line),
    });
    if let Some(members) = event.as_object_mut() {
        for (name, path) in [("action", "operation"), ("reason", "reason"), ("id", "request_id")] {
            if let Some(value) = text(record, path) {
                members.insert(name.to_owned(), value.into());
            }
        }
        if let Some(ms) = record.get("latency_ms").and_then(Value::as_f64) {
            // ECS counts nanoseconds.
            members.insert("duration".to_owned(), json!(ms * 1e6));
        }
    }
    event
}

const ECS_VERSION: &str = "8.17.0";
