//! Requests that fail, each with planted values in another part of it; and a server that fails and
//! says why. Nothing of it stands in the answers, nor in anything that the gateway writes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::planted::{self, CARD, EMAIL, NAME, PHONE, SSN, filled, planted, survivors, written};
use super::stage::{self, Caller, Stage};
use crate::support::{Sdk, loopback, node, run};

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn requests_that_fail_leave_nothing_of_what_they_held() {
    let stage = Stage::new(|site| {
        let folder = site.dir.path("files");
        planted::plant(&folder);
        let noise = site.dir.path("noise.txt");
        let said = ["shop.log", "production.env"].map(planted::template).concat();
        fs::write(&noise, filled(&said)).unwrap();
        let script = site.dir.path("noisy.sh");
        fs::write(&script, format!("cat '{0}' >&2; cat '{0}'; exit 1\n", noise.display())).unwrap();
        let noisy = stage::behind(site, "noisy", &["sh".into(), script], &json!({}));
        stage::files(site, &folder) + &noisy
    });
    let token = stage.token("/files", Caller::Plain);
    let session = open_session(&stage, &token);

    let requests = [
        refused_before_the_body(&stage),
        unusable_heads(&stage, &token, &session),
        unusable_bodies(&stage, &token, &session),
        unusable_calls(&stage, &token, &session),
    ]
    .concat();
    let jobs: Vec<_> = requests.iter().map(|(_, request)| request.clone()).collect();
    let Value::Array(answers) = ask(&stage, &json!(jobs)) else { panic!("no answers") };
    assert_eq!(answers.len(), requests.len());
    let mut told = survivors(&plain_http_answer(&stage), &[]);
    for ((what, _), answer) in requests.iter().zip(&answers) {
        assert!(has_failed(answer), "{what} did not fail: {answer:#}");
        told.extend(survivors(answer.to_string().as_bytes(), &[]));
    }
    assert_eq!(told, BTreeSet::new(), "answers hold what was sent");
    let noisy = json!([{ "op": "list_tools" }]);
    let url = stage.site.url("/noisy");
    let token = stage.token("/noisy", Caller::Plain);
    let visit = stage.gateway.visit_at(Sdk::Ts1, &url, Some(&token), &noisy);
    assert!(visit.outcome(0).is_err(), "a server that only makes noise: {visit:#?}");

    let log = fs::read_to_string(stage.site.dir.path("gateway.log")).unwrap();
    assert!(log.contains("a server writes"), "the noise is in the log, without what is planted");
    let refused = fs::read_to_string(stage.site.dir.path("audit/000000000001.jsonl")).unwrap();
    let refused = refused.matches(r#""phase":"refused""#).count();
    assert!(refused >= requests.len() / 2, "only {refused} refusals are recorded");
    // One that succeeds, so that nothing of the trail is missing.
    let path = stage.site.dir.path("files/customers.json");
    let read = json!([{ "op": "call", "name": "read_text_file", "arguments": { "path": path } }]);
    stage.visit("/files", Sdk::Ts1, Caller::Desk, &read).result(0);
    stage.left_no_trace();
}

/// What is wrong with a request, and the request.
type Wrong = (&'static str, Value);

fn ask(stage: &Stage, requests: &Value) -> Value {
    let fetch: Vec<OsString> = node("fetch.mjs");
    run(&fetch, Some(&stage.gateway.ca), requests)
}

fn has_failed(answer: &Value) -> bool {
    let status = answer["status"].as_u64().unwrap_or_default();
    let body = answer["body"].as_str().unwrap_or_default();
    // A notification is taken, whatever is in it: nothing comes back.
    let silent = status == 202 && body.is_empty();
    status >= 400 || silent || body.contains(r#""error":"#) || body.contains(r#""isError":true"#)
}

/// All planted values that a head can carry, as one query.
fn query() -> String {
    let pair = |name: &str| format!("{name}={}", written(planted(name), "percent"));
    ["email", "phone", "ssn", "card", "iban", "name", "github", "password"].map(pair).join("&")
}

fn post(url: &str, token: &str, session: &str, body: &str) -> Value {
    json!({
        "url": url,
        "method": "POST",
        "body": body,
        "headers": {
            "authorization": format!("Bearer {token}"),
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
            "mcp-session-id": session,
        },
    })
}

/// Opens a session, as a client does.
fn open_session(stage: &Stage, token: &str) -> String {
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "hostile", "version": "1" } } });
    let url = stage.site.url("/files");
    let mut request = post(&url, token, "", &hello.to_string());
    let headers = request["headers"].as_object_mut().unwrap();
    headers.retain(|name, _| !name.starts_with("mcp-"));
    let answer = ask(stage, &request);
    let session = answer["headers"]["mcp-session-id"].as_str();
    let session = session.unwrap_or_else(|| panic!("{answer:#}")).to_owned();
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = ask(stage, &post(&url, token, &session, &ready.to_string()));
    assert_eq!(answer["status"], 202, "{answer:#}");
    session
}

/// Credentials that are none, each with a body that nobody reads.
fn refused_before_the_body(stage: &Stage) -> Vec<Wrong> {
    let url = stage.site.url("/files");
    let body = json!({ "email": EMAIL, "ssn": SSN, "card": CARD, "name": NAME }).to_string();
    let basic = STANDARD.encode(format!("{EMAIL}:{}", planted("password")));
    let elsewhere = stage.site.idp.token("plain", "https://elsewhere.example/mcp");
    let with = |what, authorization: String| {
        let mut request = post(&url, "", "", &body);
        request["headers"]["authorization"] = json!(authorization);
        (what, request)
    };
    let mut nobody = post(&url, "", "", &body);
    nobody["headers"].as_object_mut().unwrap().remove("authorization");
    vec![
        ("no token", nobody),
        ("a query", post(&format!("{url}?{}", query()), &elsewhere, "", &body)),
        ("a password", with("", format!("Basic {basic}")).1),
        with("a token of somebody else", format!("Bearer {}", planted("jwt"))),
        with("a token for another server", format!("Bearer {elsewhere}")),
        with("a token that is none", format!("Bearer {}", planted("github"))),
        with("an address as a token", format!("Bearer {EMAIL}")),
        with("words in place of a token", format!("{EMAIL} {SSN}")),
    ]
}

/// Paths and header fields with planted values, over HTTP/1.1 and HTTP/2.
fn unusable_heads(stage: &Stage, token: &str, session: &str) -> Vec<Wrong> {
    let url = stage.site.url("/files");
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string();
    let all = format!("{EMAIL} {SSN} {CARD} {}", planted("github"));
    let mut wrong: Vec<Wrong> = Vec::new();
    for (field, value) in [
        ("mcp-session-id", format!("{EMAIL}.{SSN}")),
        ("mcp-protocol-version", all.clone()),
        ("origin", format!("https://{}@evil.example", planted("password"))),
        ("content-type", format!("text/plain; of=\"{all}\"")),
        ("accept", format!("text/plain; of=\"{all}\"")),
    ] {
        let mut request = post(&url, token, session, &list);
        request["headers"][field] = json!(value);
        wrong.push((field, request.clone()));
        request["h2"] = json!(true);
        wrong.push((field, request));
    }
    for path in [
        format!("/people/{}?{}", written(EMAIL, "percent"), query()),
        format!("/.well-known/oauth-protected-resource/{EMAIL}"),
    ] {
        // Fields that nobody judges, but somebody could write down.
        let headers = json!({ "user-agent": all, "referer": format!("https://x.example/?{}", query()),
            "x-forwarded-for": planted("ip"), "cookie": format!("sessionid={}", planted("cookie")),
            "traceparent": EMAIL, "x-customer": PHONE, "authorization": format!("Bearer {token}") });
        let url = stage.site.url(&path);
        wrong.push(("an unknown path", json!({ "url": url, "headers": headers })));
        wrong.push(("an unknown path", json!({ "url": url, "headers": headers, "h2": true })));
    }
    let method = json!({ "url": format!("{url}?{}", query()), "method": "PUT", "body": all });
    wrong.push(("an unknown method", method));
    let mut delete = post(&url, token, &format!("{EMAIL}.{SSN}"), "");
    (delete["method"], delete["body"]) = (json!("DELETE"), Value::Null);
    wrong.push(("a session to close that is none", delete));
    wrong
}

/// Bodies that are no message.
fn unusable_bodies(stage: &Stage, token: &str, session: &str) -> Vec<Wrong> {
    let bodies = [
        ("text", format!("write to {EMAIL}, card {CARD}")),
        ("JSON that breaks off", format!(r#"{{"jsonrpc":"2.0","id":3,"method":"{EMAIL}"#)),
        ("a name twice", format!(r#"{{"jsonrpc":"2.0","{EMAIL}":1,"{EMAIL}":"{SSN}","id":3}}"#)),
        ("an escape that is none", format!(r#"{{"email":"{EMAIL}\x","ssn":"{SSN}"}}"#)),
        ("a batch", format!(r#"[{{"email":"{EMAIL}"}},"{CARD}"]"#)),
        ("a list as a method", format!(r#"{{"jsonrpc":"2.0","id":3,"method":["{EMAIL}"]}}"#)),
        ("another version", format!(r#"{{"jsonrpc":"{SSN}","id":3,"method":"ping"}}"#)),
        ("a form", query()),
    ];
    let url = stage.site.url("/files");
    bodies.map(|(what, body)| (what, post(&url, token, session, &body))).into()
}

/// Messages that are well-formed and cannot be done.
fn unusable_calls(stage: &Stage, token: &str, session: &str) -> Vec<Wrong> {
    let folder = stage.site.dir.path("files");
    let call = |name: &str, arguments: Value| {
        ("tools/call", json!({ "name": name, "arguments": arguments }))
    };
    let record = json!({ "email": EMAIL, "ssn": SSN, "card": CARD, "phone": PHONE, "full_name": NAME,
        "note": filled("{{iban}}, {{jwt}}"), "password": planted("password"), EMAIL: SSN });
    let messages = [
        (EMAIL, record.clone()),
        call(EMAIL, record.clone()),
        call(&format!("read_{}", planted("github")), record.clone()),
        call("read_text_file", record.clone()),
        call("read_text_file", json!({ "path": folder.join(format!("{EMAIL}.gone")) })),
        call("read_text_file", json!({ "path": format!("../../{EMAIL}/{SSN}") })),
        call("read_text_file", json!({ "path": folder.join("x"), "head": EMAIL, "tail": CARD })),
        call("read_multiple_files", json!({ "paths": EMAIL })),
        ("resources/read", json!({ "uri": format!("crm://people/{EMAIL}?ssn={SSN}") })),
        ("prompts/get", json!({ "name": EMAIL, "arguments": { "card": CARD } })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": EMAIL },
            "argument": { "name": "ssn", "value": SSN } }),
        ),
        ("logging/setLevel", json!({ "level": EMAIL })),
        ("tools/list", json!({ "cursor": format!("{EMAIL} {SSN}") })),
        ("tasks/get", json!({ "taskId": EMAIL })),
    ];
    let url = stage.site.url("/files");
    let request = |method: &str, params: &Value| {
        let message = json!({ "jsonrpc": "2.0", "id": 4, "method": method, "params": params });
        post(&url, token, session, &message.to_string())
    };
    let mut wrong: Vec<Wrong> =
        messages.iter().map(|(method, params)| ("a message", request(method, params))).collect();
    for message in [
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": EMAIL, "reason": format!("{NAME} {SSN}: {CARD}") } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/progress",
            "params": { "progressToken": EMAIL, "progress": 1, "message": SSN } }),
        json!({ "jsonrpc": "2.0", "id": 77, "result": record }),
        json!({ "jsonrpc": "2.0", "id": 78, "error": { "code": 1, "message": EMAIL, "data": record } }),
    ] {
        wrong.push((
            "a notification or an answer",
            post(&url, token, session, &message.to_string()),
        ));
    }
    wrong
}

/// What comes back when somebody speaks plain HTTP to the port that speaks TLS.
fn plain_http_answer(stage: &Stage) -> Vec<u8> {
    let mut stream = TcpStream::connect(loopback(stage.site.port)).unwrap();
    stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
    let (query, body) = (query(), format!("{EMAIL} {CARD}"));
    let request = format!(
        "POST /files?{query} HTTP/1.1\r\nhost: {EMAIL}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    // The gateway may close before all is written: what counts is what came.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
    answer
}

const SILENCE_MAX: Duration = Duration::from_secs(10);
