//! What is hidden still fits what the tool says of its results, or the answer does not leave.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::straight;
use crate::support::{Setup, World, call, list_tools};
use crate::upstream::{Upstream, events, rpc};

const MAIL: &str = "ada.byron@example.com";
const SSN: &str = "219-09-9999";
const SURROGATE: &str = "redacted-1@redacted.invalid";

fn tool(schema: &Value) -> Value {
    json!({"name": "echo", "inputSchema": {"type": "object"}, "outputSchema": schema})
}

fn record(result: &Value) -> Value {
    json!({"content": [{"type": "text", "text": result.to_string()}],
        "structuredContent": result})
}

/// A server with one tool, which says this of its results and gives this one.
async fn server(schema: Value, result: Value) -> Upstream {
    Upstream::answering(move |seen| {
        let id = seen.json()["id"].clone();
        match seen.json()["method"].as_str() {
            Some("tools/list") => rpc(&id, &json!({"tools": [tool(&schema)]})),
            _other => rpc(&id, &record(&result)),
        }
    })
    .await
}

fn people() -> (Value, Value) {
    let schema = json!({"type": "object", "additionalProperties": false,
        "required": ["mail", "ssn", "code", "serial"], "properties": {
            "mail": {"type": "string", "format": "email"},
            "ssn": {"type": "string", "pattern": r"^\d{3}-\d{2}-\d{4}$"},
            "code": {"type": "string", "maxLength": 6},
            "serial": {"type": "integer", "minimum": 1},
            "ssn_number": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}});
    let result = json!({"mail": MAIL, "ssn": SSN, "code": "a@b.co", "serial": 4_217,
        "ssn_number": 219_099_999});
    (schema, result)
}

/// What a client that knows the schema finds wrong.
fn fits(schema: &Value, result: &Value) -> bool {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap().is_valid(result)
}

#[tokio::test]
async fn p43_a_masked_result_still_fits_the_output_schema_of_its_tool() {
    let (schema, result) = people();
    let world = World::new(server(schema.clone(), result).await).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &list_tools()).await;
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!(reply.status, 200);
    let out = reply.json()["result"]["structuredContent"].clone();
    assert!(fits(&schema, &out), "{out}");
    assert_eq!(
        out,
        json!({"mail": SURROGATE, "ssn": "000-00-0000", "code": "*".repeat(6), "serial": 4_217,
            "ssn_number": 1})
    );
    // What no client checks is masked as everywhere.
    let text = reply.json()["result"]["content"][0]["text"].clone();
    assert!(text.as_str().unwrap().contains("a***@***.com"), "{text}");
    assert!(!reply.text().contains(MAIL) && !reply.text().contains("219"), "{}", reply.text());
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    let closed = world.closed_records(2).await;
    assert_eq!(closed[1]["structured"]["chosen"], 1, "{closed:#?}");
    let metrics = world.gateway().metrics_text();
    assert!(metrics.contains("sallyport_structured_results_total{fit=\"chosen\""), "{metrics}");
}

#[tokio::test]
async fn a_result_of_a_tool_that_no_list_named_keeps_its_types() {
    let (schema, result) = people();
    let world = World::new(server(schema, result).await).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    let out = reply.json()["result"]["structuredContent"].clone();
    assert_eq!((&out["mail"], &out["ssn_number"]), (&json!("a***@***.com"), &json!(0)));
    let closed = world.closed_records(1).await;
    assert_eq!(closed[0]["structured"]["unseen"], 1, "{closed:#?}");
}

#[tokio::test]
async fn a_file_of_definitions_stands_in_for_a_list() {
    let (schema, result) = people();
    let upstream = server(schema.clone(), result).await;
    let list = json!({"tools": [tool(&schema)]}).to_string();
    let setup = Setup { server: "    tool_schemas: tools.json\n".into(), ..Setup::default() };
    let world = World::with_files(upstream, setup, &[("tools.json", &list)]).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("echo")).await;
    assert_eq!(reply.json()["result"]["structuredContent"]["mail"], SURROGATE);
}

#[tokio::test]
async fn a_list_that_changes_counts_from_then_on() {
    let lists = std::sync::atomic::AtomicUsize::new(0);
    let upstream = Upstream::answering(move |seen| {
        let id = seen.json()["id"].clone();
        if seen.json()["method"] != "tools/list" {
            return rpc(&id, &record(&json!({"mail": MAIL})));
        }
        let first = lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let mail = if first {
            json!({"format": "email"})
        } else {
            json!({"minLength": 21, "maxLength": 21})
        };
        rpc(&id, &json!({"tools": [tool(&json!({"properties": {"mail": mail}}))]}))
    })
    .await;
    let world = World::new(upstream).await;
    let token = world.token("mcp.tools.invoke");
    for (mail, length) in [(SURROGATE, SURROGATE.len()), ("[REDACTED]***********", 21)] {
        world.post(&token, &list_tools()).await;
        let reply = world.post(&token, &call("echo")).await;
        let out = reply.json()["result"]["structuredContent"]["mail"].clone();
        assert_eq!(out.as_str().map(|text| (text, text.len())), Some((mail, length)));
    }
}

#[tokio::test]
async fn where_nothing_fits_the_answer_is_an_error_that_says_nothing() {
    let schema = json!({"properties": {"ssn": {"type": "integer", "minimum": 219_099_999,
        "maximum": 219_099_999}}});
    let world = World::new(server(schema, json!({"ssn": 219_099_999})).await).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &list_tools()).await;
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "answer_unfit"));
    assert_eq!(reply.json()["error"]["code"], 40309);
    assert_eq!(reply.json()["id"], 7);
    assert!(!reply.text().contains("219"), "{}", reply.text());
    let closed = world.closed_records(2).await;
    assert_eq!(
        (&closed[1]["phase"], &closed[1]["code"]),
        (&json!("completion"), &json!("answer_unfit"))
    );
    assert!(!closed[1].to_string().contains("219099999"), "{}", closed[1]);
    // With the scope there is nothing to hide.
    let token = world.token("mcp.tools.invoke pii:us_ssn.read");
    let reply = world.post(&token, &call("echo")).await;
    assert_eq!(reply.json()["result"]["structuredContent"]["ssn"], 219_099_999);
}

#[tokio::test]
async fn streams_give_the_same_result_and_end_with_the_same_error() {
    for (minimum, streamed) in [(1, json!(1)), (219_099_999, Value::Null)] {
        let schema = json!({"properties": {"ssn": {"type": "integer", "minimum": minimum,
            "maximum": 219_099_999}}});
        let upstream = Upstream::answering(move |seen| {
            let id = seen.json()["id"].clone();
            if seen.json()["method"] == "tools/list" {
                return rpc(&id, &json!({"tools": [tool(&schema)]}));
            }
            let result = record(&json!({"ssn": 219_099_999}));
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
            let (sender, receiver) = mpsc::unbounded_channel();
            for chunk in format!("data: {answer}\n\n").as_bytes().chunks(11) {
                sender.send(Bytes::copy_from_slice(chunk)).unwrap();
            }
            events(receiver)
        })
        .await;
        let world = World::new(upstream).await;
        let token = world.token("mcp.tools.invoke");
        world.post(&token, &list_tools()).await;
        let reply = world.post(&token, &call("echo")).await;
        let text = reply.text();
        assert!(!text.contains("219099999"), "{text}");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let answer: Value = serde_json::from_str(data).unwrap();
        assert_eq!(answer["result"]["structuredContent"]["ssn"], streamed);
        if streamed.is_null() {
            assert_eq!(answer["error"]["code"], 40309);
            let closed = world.closed_records(2).await;
            assert_eq!(closed[1]["end"], "unfit", "{closed:#?}");
            assert_eq!(closed[1]["structured"]["unfit"], 1, "{closed:#?}");
        }
    }
}

#[tokio::test]
async fn the_callers_own_copy_of_the_schema_is_what_counts() {
    // Values in a schema are masked like all others: the caller holds `0` and not the number.
    let ssn = json!({"type": "integer", "enum": [1, 219_099_999]});
    let schema = json!({"properties": {"ssn": {"properties": {"ssn": ssn}}},
        "description": format!("of {MAIL}")});
    let result = json!({"ssn": {"ssn": 219_099_999}});
    let world = World::new(server(schema, result).await).await;
    let token = world.token("mcp.tools.invoke");
    let list = world.post(&token, &list_tools()).await;
    let reply = world.post(&token, &call("echo")).await;
    let out = reply.json()["result"]["structuredContent"].clone();
    let held = list.json()["result"]["tools"][0]["outputSchema"].clone();
    assert!(fits(&held, &out), "{out} for {held}");
    assert!(!reply.text().contains("219"), "{}", reply.text());
}

#[tokio::test]
async fn results_of_finished_tasks_fit_too() {
    let (schema, result) = people();
    let upstream = straight::server(move |method, _| {
        let mut task = json!({"taskId": "task-1", "status": "working", "ttlMs": null,
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z"});
        match method {
            "tools/list" => json!({"resultType": "complete", "tools": [tool(&schema)]}),
            "tools/call" => {
                task["resultType"] = json!("task");
                task
            }
            _other => {
                task["resultType"] = json!("complete");
                task["status"] = json!("completed");
                task["result"] = record(&result);
                task
            }
        }
    })
    .await;
    let world = straight::world(upstream, "").await;
    let token = world.token("mcp.tools.invoke");
    let list = world.send(straight::ask(&token, "tools/list", json!({}))).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let made = world.send(straight::invoke(&token, "echo", json!({}))).await;
    let id = made.json()["result"]["taskId"].clone();
    let reply = world.send(straight::ask(&token, "tasks/get", json!({"taskId": id}))).await;
    let out = reply.json()["result"]["result"]["structuredContent"].clone();
    assert_eq!(out["mail"], SURROGATE, "{}", reply.text());
    assert_eq!(out["ssn"], "000-00-0000");
}
