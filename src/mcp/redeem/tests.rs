use serde_json::json;

use super::{Purse, Task};
use crate::call::{Action, Resource};
use crate::limits::FILTER_NAMES_MAX;
use crate::mcp::tests::{document, header_map};
use crate::mcp::{Inbound, read};
use crate::reject::{Code, Rejection};

/// Opens tickets that begin with `ticket-` and no others.
struct Tests;

impl Purse for Tests {
    fn task(&self, ticket: &str) -> Option<Task> {
        let id = ticket.strip_prefix("ticket-")?;
        Some(Task { tool: "slow".into(), id: id.into() })
    }

    fn state(&self, method: &str, name: &str, ticket: &str) -> Option<String> {
        ticket.strip_prefix("ticket-").map(|state| format!("{method} {name} {state}\u{1}\""))
    }

    fn cursor(&self, method: &str, ticket: &str) -> Option<String> {
        ticket.strip_prefix("ticket-").map(|cursor| format!("{method} {cursor}"))
    }
}

fn send(
    method: &str,
    name: Option<&'static str>,
    tasks: bool,
    params: &str,
) -> Result<Inbound, Rejection> {
    let extensions =
        if tasks { r#""extensions":{"io.modelcontextprotocol/tasks":{}}"# } else { "" };
    let body = format!(
        r#"{{"id":1,"jsonrpc":"2.0","method":"{method}","params":{{{params},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{{extensions}}}}}}}}}"#
    );
    let mut headers = header_map(&[("mcp-protocol-version", "2026-07-28")]);
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = name {
        headers.insert("mcp-name", name.parse().unwrap());
    }
    read(&headers, document(&body), &Tests)
}

#[test]
fn s19_p20_task_ticket_becomes_the_servers_own_id_and_the_tool_is_judged() {
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let inbound = send(method, Some("ticket-7"), true, r#""taskId":"ticket-7""#).unwrap();
        assert_eq!(inbound.call.action, Action::ToolsInvoke, "{method}");
        assert_eq!(inbound.call.resource, Resource::Tool("slow".into()));
        assert_eq!(inbound.message.name(), Some("7"));
        let sent = String::from_utf8(inbound.body.to_vec()).unwrap();
        assert!(sent.contains(r#""taskId":"7""#) && !sent.contains("ticket"), "{sent}");
        assert_eq!(inbound.call.message.unwrap().bytes(), &inbound.body);
    }
}

#[test]
fn s19_unknown_and_foreign_task_ids_get_the_same_answer() {
    let refused = send("tasks/get", Some("8"), true, r#""taskId":"8""#).unwrap_err();
    assert_eq!(refused.code, Code::TaskUnknown);
    assert_eq!(refused.code.row().rpc, -32602);
    let refused = send("tasks/get", None, true, r#""taskId":8"#).unwrap_err();
    assert_eq!(refused.code, Code::ParamsInvalid);
}

#[test]
fn p11_task_methods_without_the_extension_miss_a_capability() {
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let refused = send(method, Some("x"), false, r#""taskId":"x""#).unwrap_err();
        assert_eq!(refused.code, Code::CapabilityMissing, "{method}");
        let expected =
            json!({"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
        assert_eq!(refused.data.as_deref(), Some(&expected));
    }
    let filter = r#""notifications":{"taskIds":["ticket-1"]}"#;
    let refused = send("subscriptions/listen", None, false, filter).unwrap_err();
    assert_eq!(refused.code, Code::CapabilityMissing);
}

#[test]
fn p17_request_state_reaches_the_server_byte_for_byte() {
    for (method, name, params) in [
        ("tools/call", "t", r#""name":"t","requestState":"ticket-\u00e9""#),
        ("prompts/get", "p", r#""name":"p","requestState":"ticket-\u00e9""#),
        ("resources/read", "x:y", r#""uri":"x:y","requestState":"ticket-\u00e9""#),
    ] {
        let inbound = send(method, Some(name), false, params).unwrap();
        let document = inbound.call.message.unwrap();
        let state = document.root().pointer("/params/requestState").unwrap();
        assert_eq!(state.as_str().unwrap(), format!("{method} {name} é\u{1}\""));
    }
    let foreign = r#""name":"t","requestState":"other""#;
    let refused = send("tools/call", Some("t"), false, foreign).unwrap_err();
    assert_eq!((refused.code, refused.code.row().rpc), (Code::StateUnknown, -32602));
    let number = r#""name":"t","requestState":7"#;
    let refused = send("tools/call", Some("t"), false, number).unwrap_err();
    assert_eq!(refused.code, Code::ParamsInvalid);
}

#[test]
fn p18_a_filter_names_every_resource_and_task_for_judgement() {
    let filter = r#""notifications":{"resourceSubscriptions":["x:a","x:b"],"taskIds":["ticket-1","ticket-2"]}"#;
    let call = send("subscriptions/listen", None, true, filter).unwrap().call;
    assert_eq!(
        (call.action, call.resource),
        (Action::ResourcesSubscribe, Resource::Uri("x:a".into()))
    );
    assert_eq!(
        call.also,
        [
            (Action::ResourcesSubscribe, Resource::Uri("x:b".into())),
            (Action::ToolsInvoke, Resource::Tool("slow".into())),
            (Action::ToolsInvoke, Resource::Tool("slow".into())),
        ]
    );
    for filter in [
        r#""notifications":{"taskIds":"ticket-1"}"#.to_owned(),
        r#""notifications":{"taskIds":[7]}"#.to_owned(),
        format!(
            r#""notifications":{{"taskIds":[{}]}}"#,
            vec![r#""ticket-1""#; FILTER_NAMES_MAX + 1].join(",")
        ),
        format!(
            r#""notifications":{{"resourceSubscriptions":[{}]}}"#,
            vec![r#""x:a""#; FILTER_NAMES_MAX + 1].join(",")
        ),
    ] {
        let refused = send("subscriptions/listen", None, true, &filter).unwrap_err();
        assert_eq!(refused.code, Code::ParamsInvalid, "{filter}");
    }
}
