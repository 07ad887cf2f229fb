//! OCSF API Activity (class 6003), with the profiles `security_control` and `record_integrity`.
//!
//! `raw_data` is the line of the log, byte for byte, and `attestation_list` holds its SHA-256 and
//! its number: what a SIEM has can be compared with the log, which alone carries the proof. The
//! fingerprint is over the line and not over this event; `serialization_id` 99 says so.

use serde_json::{Map, Value, json};

use super::{number, text, unix_ms};
use crate::sinks::files::line_hash;

pub(super) fn event(record: &Value, line: &[u8]) -> Value {
    let activity = activity(record);
    let refused =
        text(record, "phase") == Some("refused") || text(record, "decision") == Some("deny");
    let failed = refused || number(record, "status_code").is_some_and(|status| status >= 400);
    let mut event = json!({
        "category_uid": 6,
        "class_uid": 6003,
        "activity_id": activity,
        "type_uid": 600_300 + activity,
        "severity_id": if failed { 3 } else { 1 },
        "time": unix_ms(line).unwrap_or(0),
        "metadata": {
            "version": SCHEMA_VERSION,
            "profiles": ["security_control", "record_integrity"],
            "product": {
                "name": "Sallyport",
                "vendor_name": "Sallyport",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "log_name": "audit",
            "sequence": number(record, "seq"),
        },
        "api": api(record),
        "actor": actor(record),
        "raw_data": String::from_utf8_lossy(line),
        "attestation_list": [integrity(record, line)],
    });
    let Some(members) = event.as_object_mut() else { return event };
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("status_id", status(record, failed).map(Value::from));
    put("status_code", text(record, "code").map(Value::from));
    put("status_detail", text(record, "reason").map(Value::from));
    put("duration", whole_ms(record).map(Value::from));
    // Required by the class; a completion names no address.
    let source = text(record, "client_ip").map_or_else(|| json!({}), |ip| json!({ "ip": ip }));
    put("src_endpoint", Some(source));
    put("resources", text(record, "resource").map(|name| json!([{ "name": name }])));
    put("http_response", number(record, "status_code").map(|code| json!({ "code": code })));
    put("policy", text(record, "policy.set").map(|set| json!({ "uid": set })));
    put("firewall_rule", text(record, "rule").map(|rule| json!({ "name": rule })));
    for (name, value) in disposition(record, refused) {
        put(name, Some(Value::from(value)));
    }
    event
}

/// Create, read, update, delete, or other.
fn activity(record: &Value) -> u64 {
    match text(record, "action").unwrap_or_default() {
        "memory.write" | "session.open" => 1,
        "memory.read" | "context.read" | "tools.list" | "resources.list" | "resources.read"
        | "prompts.list" | "prompts.get" | "completion" => 2,
        "memory.delete" | "session.close" => 4,
        _ => 99,
    }
}

/// Success or failure, once it is known: an intent is neither.
fn status(record: &Value, failed: bool) -> Option<u64> {
    match text(record, "phase") {
        Some("intent") => None,
        _ if failed => Some(2),
        Some("completion") => Some(1),
        _ => Some(99),
    }
}

/// What the gateway did (`security_control`): allowed, denied, or changed the answer.
fn disposition(record: &Value, refused: bool) -> Vec<(&'static str, u64)> {
    let masked = record.get("redactions").is_some();
    let (action, disposition) = match text(record, "kind") {
        Some("call") if refused => (2, 2),
        Some("call") if masked => (4, 11),
        Some("call") => (1, 1),
        _ => return Vec::new(),
    };
    vec![("action_id", action), ("disposition_id", disposition)]
}

fn api(record: &Value) -> Value {
    let name = text(record, "operation").or_else(|| text(record, "kind")).unwrap_or("unknown");
    let mut api = Map::from_iter([("operation".to_owned(), Value::from(name))]);
    if let Some(server) = text(record, "server") {
        api.insert("service".to_owned(), json!({ "name": server }));
    }
    if let Some(id) = text(record, "request_id") {
        api.insert("request".to_owned(), json!({ "uid": id }));
    }
    if let Some(code) = number(record, "status_code") {
        let error = text(record, "code");
        api.insert("response".to_owned(), json!({ "code": code, "error": error }));
    }
    api.into()
}

fn actor(record: &Value) -> Value {
    let mut actor = Map::new();
    if let Some(uid) = text(record, "user_id") {
        let mut user = json!({ "uid": uid });
        if let (Some(roles), Some(user)) = (record.get("roles"), user.as_object_mut()) {
            let groups = roles.as_array().into_iter().flatten();
            user.insert("groups".to_owned(), groups.map(|name| json!({ "name": name })).collect());
        }
        actor.insert("user".to_owned(), user);
    }
    if let Some(client) = text(record, "client") {
        actor.insert("app_uid".to_owned(), client.into());
    }
    if let Some(session) = text(record, "session_id") {
        actor.insert("session".to_owned(), json!({ "uid": session }));
    }
    if actor.is_empty() {
        actor.insert("app_name".to_owned(), "sallyport".into());
    }
    actor.into()
}

/// The place of the record in the log, and its hash.
fn integrity(record: &Value, line: &[u8]) -> Value {
    let seq = number(record, "seq").unwrap_or(0);
    json!({
        "uid": seq.to_string(),
        "prev_event": { "uid": seq.saturating_sub(1).to_string() },
        "fingerprint": {
            "algorithm_id": 3,
            "algorithm": "SHA-256",
            "encoding_id": 1,
            "encoding": "Hex",
            "serialization_id": 99,
            "serialization": "raw_data: the line of the log, without its line end",
            "value": line_hash(line),
        },
    })
}

fn whole_ms(record: &Value) -> Option<u64> {
    // Written with three decimals: what stands before the point is whole.
    let text = record.get("latency_ms")?.to_string();
    text.split('.').next()?.parse().ok()
}

/// The schema whose names are used; `record_integrity` came with it.
const SCHEMA_VERSION: &str = "1.9.0";
