use super::{TranslateError, to_call};
use crate::call::{Action, Arguments, Call, Resource};
use crate::mcp::message::Message;
use crate::mcp::tests::document;
use crate::mcp::version::Revision;

fn translate(method: &str, params: &str, revision: Revision) -> Result<Call, TranslateError> {
    let id = if method.starts_with("notifications/") { "" } else { r#""id":1,"# };
    let text = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{params}}}"#);
    let document = document(&text);
    to_call(&Message::read(&document).unwrap(), revision, document.into())
}

fn legacy(method: &str, params: &str) -> Result<(Action, Resource), TranslateError> {
    translate(method, params, Revision::V2025_11_25).map(|call| (call.action, call.resource))
}

fn modern(method: &str, params: &str) -> Result<(Action, Resource), TranslateError> {
    translate(method, params, Revision::V2026_07_28).map(|call| (call.action, call.resource))
}

fn uri(uri: &str) -> Resource {
    Resource::Uri(uri.into())
}

#[test]
fn methods_become_actions_on_resources() {
    for (method, params, action, resource) in [
        ("tools/list", "{}", Action::ToolsList, Resource::Server),
        ("tools/call", r#"{"name":"t"}"#, Action::ToolsInvoke, Resource::Tool("t".into())),
        ("resources/list", "{}", Action::ResourcesList, Resource::Server),
        ("resources/templates/list", "{}", Action::ResourcesList, Resource::Server),
        ("resources/read", r#"{"uri":"X:y"}"#, Action::ResourcesRead, uri("x:y")),
        ("resources/unsubscribe", r#"{"uri":"x:y"}"#, Action::ResourcesSubscribe, uri("x:y")),
        ("prompts/list", "{}", Action::PromptsList, Resource::Server),
        ("prompts/get", r#"{"name":"p"}"#, Action::PromptsGet, Resource::Prompt("p".into())),
        ("initialize", "{}", Action::SessionOpen, Resource::Server),
        ("notifications/cancelled", r#"{"requestId":1}"#, Action::SessionOpen, Resource::Server),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}"#,
            Action::Completion,
            Resource::Prompt("p".into()),
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"file:///{path}"}}"#,
            Action::Completion,
            uri("file:///{path}"),
        ),
    ] {
        assert_eq!(legacy(method, params), Ok((action, resource)), "{method}");
    }
}

#[test]
fn s25_document_moves_into_the_call_unchanged() {
    let call = translate(
        "tools/call",
        r#"{"name":"t","arguments":{"n":9007199254740993}}"#,
        Revision::V2026_07_28,
    )
    .unwrap();
    assert_eq!(call.arguments, Arguments::Rpc);
    assert_eq!(call.json_arguments().unwrap().raw(), br#"{"n":9007199254740993}"#);
    assert_eq!(&*call.operation, "tools/call");
}

#[test]
fn s26_tool_names_are_taken_byte_for_byte() {
    for name in ["Echo", "echo ", "ec\u{200b}ho", "ｅcho", "e%63ho"] {
        let params = format!(r#"{{"name":"{name}"}}"#);
        assert_eq!(legacy("tools/call", &params).unwrap().1, Resource::Tool(name.into()));
    }
}

#[test]
fn names_that_cannot_be_read_are_refused() {
    for params in ["{}", r#"{"name":7}"#, r#"{"name":""}"#, r#"{"name":null}"#, r#"{"name":["t"]}"#]
    {
        assert_eq!(legacy("tools/call", params), Err(TranslateError::Param("name")), "{params}");
    }
    let long = format!(r#"{{"name":"{}"}}"#, "n".repeat(257));
    assert_eq!(legacy("prompts/get", &long), Err(TranslateError::Param("name")));
    assert_eq!(legacy("resources/read", "{}"), Err(TranslateError::Param("uri")));
    assert_eq!(legacy("completion/complete", "{}"), Err(TranslateError::Param("ref")));
    let other = r#"{"ref":{"type":"ref/tool","name":"t"}}"#;
    assert_eq!(legacy("completion/complete", other), Err(TranslateError::Param("ref")));
}

#[test]
fn s32_resource_outside_its_canonical_form_is_refused() {
    for bad in [
        "file:///a/../b",
        "file:///a/%2e%2e/b",
        "file:///a\\\\b",
        "https://u@h/",
        "rel/path",
        "file:///é",
    ] {
        let params = format!(r#"{{"uri":"{bad}"}}"#);
        let error = legacy("resources/read", &params).unwrap_err();
        assert!(matches!(error, TranslateError::Uri { member: "uri", .. }), "{bad}");
    }
}

#[test]
fn s33_methods_outside_the_revision_or_the_table_are_unknown() {
    for method in ["tools/delete", "initialize ", "notifications/anything", "rpc.discover"] {
        assert_eq!(legacy(method, "{}"), Err(TranslateError::MethodUnknown), "{method}");
    }
    assert_eq!(modern("initialize", "{}"), Err(TranslateError::MethodUnknown));
    assert_eq!(legacy("server/discover", "{}"), Err(TranslateError::MethodUnknown));
}

#[test]
fn s19_task_without_a_redeemed_ticket_is_refused() {
    let task = r#"{"taskId":"t"}"#;
    assert_eq!(modern("tasks/get", task), Err(TranslateError::Param("taskId")));
    assert_eq!(modern("tasks/result", task), Err(TranslateError::MethodUnknown));
    assert_eq!(modern("tasks/list", "{}"), Err(TranslateError::MethodUnknown));
}

#[test]
fn experimental_tasks_of_2025_11_25_are_not_offered() {
    for method in ["tasks/get", "tasks/cancel", "tasks/result", "tasks/list"] {
        let task = r#"{"taskId":"t"}"#;
        assert_eq!(legacy(method, task), Err(TranslateError::MethodUnknown), "{method}");
    }
    let call = r#"{"name":"t","task":{"ttl":1}}"#;
    assert_eq!(legacy("tools/call", call), Err(TranslateError::ExperimentalTask));
    assert!(legacy("tools/call", r#"{"name":"t","task":null}"#).is_ok());
    // Modern servers ignore it (extension `io.modelcontextprotocol/tasks`, "Task Creation").
    assert!(modern("tools/call", call).is_ok());
}

#[test]
fn s27_request_without_id_and_notification_with_id_are_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
    ] {
        let document = document(text);
        let message = Message::read(&document).unwrap();
        let error = to_call(&message, Revision::V2025_11_25, document.into()).unwrap_err();
        assert_eq!(error, TranslateError::Form);
    }
}

#[test]
fn arguments_must_be_an_object() {
    for (given, expected) in [
        ("{}", Ok(Arguments::Rpc)),
        ("null", Ok(Arguments::None)),
        ("[]", Err(TranslateError::Param("arguments"))),
        ("\"x\"", Err(TranslateError::Param("arguments"))),
    ] {
        let params = format!(r#"{{"name":"t","arguments":{given}}}"#);
        let call = translate("tools/call", &params, Revision::V2025_11_25);
        assert_eq!(call.map(|call| call.arguments), expected, "{given}");
    }
}

#[test]
fn client_answers_are_calls_in_the_legacy_era_only() {
    for text in
        [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"error":{}}"#]
    {
        let answer = Message::read(&document(text)).unwrap();
        let call = to_call(&answer, Revision::V2025_06_18, document(text).into()).unwrap();
        assert_eq!((call.action, &*call.operation), (Action::SessionAnswer, "response"));
        let error = to_call(&answer, Revision::V2026_07_28, document(text).into()).unwrap_err();
        assert_eq!(error, TranslateError::Response);
    }
}

#[test]
fn listening_to_one_resource_is_a_subscription_to_it() {
    let listen =
        |filter: &str| modern("subscriptions/listen", &format!(r#"{{"notifications":{filter}}}"#));
    assert_eq!(listen(r#"{"toolsListChanged":true}"#).unwrap().0, Action::SessionListen);
    assert_eq!(listen(r#"{"resourceSubscriptions":[]}"#).unwrap().0, Action::SessionListen);
    assert_eq!(modern("subscriptions/listen", "{}").unwrap().0, Action::SessionListen);
    assert_eq!(
        listen(r#"{"resourceSubscriptions":["x:y"]}"#).unwrap(),
        (Action::ResourcesSubscribe, uri("x:y"))
    );
    let two = listen(r#"{"resourceSubscriptions":["x:y","x:z"]}"#).unwrap();
    assert_eq!(two, (Action::ResourcesSubscribe, uri("x:y")));
    assert!(listen(r#"{"resourceSubscriptions":["x:../y"]}"#).is_err());
    assert!(listen(r#"{"resourceSubscriptions":"x:y"}"#).is_err());
    assert!(listen("[]").is_err());
}
