//! Whoever is revoked is out: at the next request, on open streams, while a call waits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use sallyport::revocation::{self, Change, Entry};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Reply, Setup, World, call, initialize, list_tools, plain, post, with_header};
use crate::upstream::{Upstream, events};

/// The admin token, and the password of Redis.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const FILE: &str = "revocation: { file: revoked.jsonl }\n";

/// A world whose revocations can be ordered at the admin listener.
pub async fn world(upstream: Upstream, top: &str) -> World {
    let setup = Setup {
        top: top.to_owned(),
        admin: ", token: { file: seal.key }".to_owned(),
        ..Setup::default()
    };
    World::with_key(upstream, setup, TOKEN).await
}

/// Orders at the admin listener.
pub async fn admin(world: &World, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap();
    let (status, text) = world.ask_admin(request).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Revokes, and gives the id of the entry.
pub async fn revoke(world: &World, order: Value) -> String {
    let (status, entry) = admin(world, Method::POST, "/revocations", &order).await;
    assert_eq!(status, 201, "{entry}");
    entry["id"].as_str().unwrap().to_owned()
}

/// An upstream that answers every request with a silent stream.
pub async fn silent() -> (Upstream, Arc<Mutex<Vec<mpsc::UnboundedSender<Bytes>>>>) {
    let senders = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&senders);
    let upstream = Upstream::answering(move |_| {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(Bytes::from_static(b": hello\n\n")).unwrap();
        kept.lock().unwrap().push(sender);
        events(receiver)
    })
    .await;
    (upstream, senders)
}

/// Opens a stream that says nothing.
pub async fn stream(world: &World) -> hyper::body::Incoming {
    let token = world.token("mcp.tools.invoke");
    let response = world.open(post(Some(&token), call("echo").to_string())).await;
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// What a stream says until it ends, and how long that took.
pub async fn until_cut(body: hyper::body::Incoming) -> (String, Duration) {
    let started = Instant::now();
    let rest = tokio::time::timeout(Duration::from_secs(10), body.collect()).await;
    let rest = rest.expect("the stream ends").unwrap().to_bytes();
    (String::from_utf8_lossy(&rest).into_owned(), started.elapsed())
}

/// A revocation takes effect within this.
pub const PROMISE: Duration = Duration::from_secs(1);

/// Refused at the door, or while the call was under way.
pub fn is_out(reply: &Reply) {
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(matches!(reply.code().as_str(), "token_invalid" | "stream_revoked"));
    assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
}

fn is_refused_as_revoked(reply: &Reply) {
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert_eq!(reply.code(), "token_invalid");
    assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
}

/// Between two looks; callers that ask all the time meet their rate limits.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The next answer that is not 200, asked for again and again.
pub async fn first_refusal(world: &World, token: &str) -> (Reply, Duration) {
    let started = Instant::now();
    loop {
        let reply = world.post(token, &list_tools()).await;
        if reply.status != 200 || started.elapsed() > Duration::from_secs(10) {
            return (reply, started.elapsed());
        }
        pause().await;
    }
}

#[tokio::test]
async fn s62_revoked_caller_is_refused_at_the_next_request_by_every_name_it_has() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let token = world.issuer.token().audience(crate::support::RESOURCE).claim("jti", "one").sign();
    let issuer = world.issuer.url();
    for order in [
        json!({"kind": "token", "jti": "one"}),
        json!({"kind": "token", "value": revocation::token_value("one"), "issuer": issuer}),
        json!({"kind": "subject", "value": "alice", "reason": "left"}),
        json!({"kind": "client", "value": crate::issuer::CLIENT}),
        json!({"kind": "issuer", "value": issuer}),
    ] {
        assert_eq!(world.post(&token, &list_tools()).await.status, 200, "{order}");
        let id = revoke(&world, order).await;
        is_refused_as_revoked(&world.post(&token, &list_tools()).await);
        let path = format!("/revocations/{id}?by=ann");
        assert_eq!(admin(&world, Method::DELETE, &path, &Value::Null).await.0, 204);
    }
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    let metrics = world.gateway().metrics_text();
    assert!(metrics.contains("sallyport_authn_total{result=\"revoked\",server=\"crm\"} 5"));
    assert!(metrics.contains("sallyport_revocations{kind=\"subject\"} 0"), "{metrics}");
    let text = std::fs::read_to_string(world.dir.path().join("revoked.jsonl")).unwrap();
    assert!(!text.contains("\"one\""), "the jti is kept as its hash only: {text}");
}

#[tokio::test]
async fn revocation_of_somebody_else_changes_nothing() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let token = world.token("");
    for order in [
        json!({"kind": "subject", "value": "bob"}),
        json!({"kind": "subject", "value": "alice", "issuer": "https://other.example"}),
        json!({"kind": "subject", "value": "alice", "issued_before": "2027-01-15T08:00:00Z"}),
        json!({"kind": "issuer", "value": "https://other.example"}),
    ] {
        revoke(&world, order).await;
    }
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    revoke(
        &world,
        json!({"kind": "subject", "value": "alice", "issued_before": "2027-01-15T08:00:01Z"}),
    )
    .await;
    is_refused_as_revoked(&world.post(&token, &list_tools()).await);
}

#[tokio::test]
async fn s62_silent_stream_of_a_revoked_caller_is_cut_within_a_second() {
    let (upstream, _senders) = silent().await;
    let world = world(upstream, FILE).await;
    let body = stream(&world).await;
    let cut = tokio::spawn(until_cut(body));
    let started = Instant::now();
    revoke(&world, json!({"kind": "subject", "value": "alice"})).await;
    let (text, _) = cut.await.unwrap();
    println!("admin listener to the cut of a silent stream: {:?}", started.elapsed());
    assert!(started.elapsed() < PROMISE);
    assert!(text.contains("stream_revoked") && !text.contains("alice"), "{text}");
    assert_eq!(world.closed_records(1).await[0]["end"], "revoked");
}

#[tokio::test]
async fn s62_call_that_waits_for_its_server_gets_no_answer_once_its_caller_is_revoked() {
    let upstream = Upstream::raw(b"", crate::upstream::After::Hang).await;
    let world = world(upstream, FILE).await;
    let token = world.token("mcp.tools.invoke");
    let message = call("echo");
    let waiting = world.post(&token, &message);
    let revoking = async {
        // The intent is on the disk before the server is asked.
        while world.records().is_empty() {
            pause().await;
        }
        let started = Instant::now();
        revoke(&world, json!({"kind": "client", "value": crate::issuer::CLIENT})).await;
        started
    };
    let (reply, started) = tokio::join!(waiting, revoking);
    println!("admin listener to the end of a waiting call: {:?}", started.elapsed());
    assert!(started.elapsed() < PROMISE);
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "stream_revoked"));
    assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn line_that_is_appended_to_the_file_counts_within_a_second_and_survives_a_restart() {
    let mut world = world(Upstream::tool(plain()).await, FILE).await;
    let token = world.token("");
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    let path = world.dir.path().join("revoked.jsonl");
    let order = json!({"kind": "subject", "value": "alice"}).to_string();
    let entry = Entry::ordered(order.as_bytes(), crate::issuer::NOW).unwrap();
    revocation::append(&path, &Change::Add(Box::new(entry.clone()))).unwrap();
    let (reply, took) = first_refusal(&world, &token).await;
    println!("file to the refusal: {took:?}");
    is_out(&reply);
    assert!(took < PROMISE);
    world.restart().await;
    is_refused_as_revoked(&world.post(&token, &list_tools()).await);
    revocation::append(&path, &Change::Undo { id: entry.id, by: None }).unwrap();
    world.restart().await;
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
}

#[tokio::test]
async fn s13_file_that_cannot_be_read_refuses_everybody_and_recovers() {
    let (upstream, _senders) = silent().await;
    let world = world(upstream, FILE).await;
    let body = stream(&world).await;
    let path = world.dir.path().join("revoked.jsonl");
    std::fs::write(&path, "{\"kind\":\"subject\"}\n").unwrap();
    let (text, took) = until_cut(body).await;
    println!("broken file to the cut of a stream: {took:?}");
    assert!(text.contains("revocation_unavailable"), "{text}");
    let reply = world.post(&world.token(""), &list_tools()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "revocation_unavailable"));
    assert_eq!(reply.header("retry-after"), "2");
    let (status, ready) = world.admin("/readyz").await;
    assert_eq!(status, 503);
    assert!(ready.contains("revocations (file): line 1"), "{ready}");
    std::fs::write(&path, "").unwrap();
    let started = Instant::now();
    while world.admin("/readyz").await.0 != 200 {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    drop(stream(&world).await);
}

#[tokio::test]
async fn last_known_goes_on_with_what_was_read_and_never_without_a_reading() {
    let top = "revocation: { file: revoked.jsonl, on_unreadable: last_known }\n";
    let mut world = world(Upstream::tool(plain()).await, top).await;
    let path = world.dir.path().join("revoked.jsonl");
    std::fs::write(&path, "{\"kind\":\"subject\",\"value\":\"bob\"}\nbroken\n").unwrap();
    while world.admin("/readyz").await.0 == 200 {
        pause().await;
    }
    let token = world.token("");
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    world.restart().await;
    assert_eq!(world.post(&token, &list_tools()).await.code(), "revocation_unavailable");
}

#[tokio::test]
async fn s18_session_ends_by_the_hash_that_its_records_show() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let token = world.token("mcp.tools.invoke");
    let opened = world.post(&token, &initialize()).await;
    let sealed = opened.header("mcp-session-id").to_owned();
    let in_session =
        || with_header(post(Some(&token), call("echo").to_string()), "mcp-session-id", &sealed);
    assert_eq!(world.send(in_session()).await.status, 200);
    let hash = world.closed_records(2).await[1]["session_id"].as_str().unwrap().to_owned();
    revoke(&world, json!({"kind": "session", "value": hash})).await;
    let reply = world.send(in_session()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "session_unknown"));
    // The caller itself is not revoked, and the server learns that its session is over.
    assert_eq!(world.post(&token, &initialize()).await.status, 200);
    let started = Instant::now();
    while !world.upstream.seen().iter().any(|seen| seen.method == "DELETE") {
        assert!(started.elapsed() < Duration::from_secs(10));
        pause().await;
    }
}

#[tokio::test]
async fn revocations_are_ordered_with_the_token_only_and_read_strictly() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let order = json!({"kind": "subject", "value": "alice"}).to_string();
    let ask = |change: fn(http::request::Builder) -> http::request::Builder, body: &str| {
        let request = change(Request::post("/revocations"));
        request.body(Full::from(body.to_owned())).unwrap()
    };
    let good = |r: http::request::Builder| {
        r.header("content-type", "application/json")
            .header("authorization", format!("Bearer {TOKEN}"))
    };
    let refused: [(u16, Request<Full<Bytes>>); 7] = [
        (401, ask(|r| r.header("content-type", "application/json"), &order)),
        (401, ask(|r| r.header("authorization", format!("Bearer {TOKEN}x")), &order)),
        (403, ask(|r| r.header("origin", "http://localhost"), &order)),
        (415, ask(|r| r.header("authorization", format!("bearer {TOKEN}")), &order)),
        (400, ask(good, r#"{"kind":"subject","value":"alice","kind":"client"}"#)),
        (400, ask(good, r#"{"kind":"subject","value":"alice","until":"x"}"#)),
        (413, ask(good, &" ".repeat(sallyport::limits::REVOCATION_BODY_BYTES_MAX + 1))),
    ];
    for (status, request) in refused {
        let shown = format!("{request:?}");
        let (found, text) = world.ask_admin(request).await;
        assert_eq!(found, status, "{shown}: {text}");
        assert!(!text.contains("alice"), "{text}");
    }
    assert_eq!(world.post(&world.token(""), &list_tools()).await.status, 200);
    let (_, list) = admin(&world, Method::GET, "/revocations", &Value::Null).await;
    assert_eq!(list["count"], 0);
    let none = admin(&world, Method::DELETE, "/revocations/none", &Value::Null).await;
    assert_eq!(none.0, 404);
    // Without a token in the configuration there is no such place.
    let closed = World::new(Upstream::tool(plain()).await).await;
    assert_eq!(closed.admin("/revocations").await.0, 404);
}

#[tokio::test]
async fn every_change_is_a_record_of_its_own_and_made_once() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let order = json!({"kind": "subject", "value": "bob", "reason": "lost laptop", "by": "ann"});
    let id = revoke(&world, order).await;
    let path = format!("/revocations/{id}?by=eve");
    assert_eq!(admin(&world, Method::DELETE, &path, &Value::Null).await.0, 204);
    let order = json!({"kind": "client", "value": "web"}).to_string();
    let entry = Entry::ordered(order.as_bytes(), crate::issuer::NOW).unwrap();
    let file = world.dir.path().join("revoked.jsonl");
    revocation::append(&file, &Change::Add(Box::new(entry))).unwrap();
    let mut records = Vec::new();
    let started = Instant::now();
    while records.len() < 3 && started.elapsed() < Duration::from_secs(10) {
        records = world.records();
        records.retain(|record| record["kind"] == "revocation");
        pause().await;
    }
    let facts: Vec<_> = records
        .iter()
        .map(|r| json!([r["phase"], r["via"], r["kind_revoked"], r["value"], r["by"]]))
        .collect();
    let expected = json!([
        ["revoked", "admin", "subject", "bob", "ann"],
        ["undone", "admin", "subject", "bob", "eve"],
        ["revoked", "file", "client", "web", null],
    ]);
    assert_eq!(Value::from(facts), expected);
    assert_eq!(records[0]["reason"], "lost laptop");
    assert_eq!(world.finish().await.exit_code(), 0);
}

#[tokio::test]
async fn bulk_change_of_the_file_is_one_record_and_not_a_flood() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    let count = sallyport::limits::REVOCATION_RECORDS_MAX + 1;
    let lines: String =
        (0..count).map(|n| format!("{{\"kind\":\"subject\",\"value\":\"user-{n}\"}}\n")).collect();
    let new = world.dir.path().join("new.jsonl");
    std::fs::write(&new, lines).unwrap();
    std::fs::rename(new, world.dir.path().join("revoked.jsonl")).unwrap();
    let started = Instant::now();
    let records = loop {
        let mut records = world.records();
        records.retain(|record| record["kind"] == "revocation");
        if !records.is_empty() || started.elapsed() > Duration::from_secs(10) {
            break records;
        }
        pause().await;
    };
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["phase"], &records[0]["revoked"]), (&json!("changed"), &json!(count)));
    let token = world.issuer.token().audience(crate::support::RESOURCE).subject("user-7").sign();
    is_refused_as_revoked(&world.post(&token, &list_tools()).await);
}

/// Runs the program, off the runtime that serves.
async fn sallyport(world: &World, words: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(words).env("USER", "ann").env_remove("SUDO_USER").current_dir(world.dir.path());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn command_revokes_lists_and_undoes_by_the_file_and_by_the_admin_listener() {
    let world = world(Upstream::tool(plain()).await, FILE).await;
    world.dir.write("sallyport.yaml", &world.yaml(""));
    let admin = format!("http://{}", world.gateway().admin().unwrap());
    let token = world.token("");
    let by_file = ["--config", "sallyport.yaml"];
    let by_admin = ["--admin", admin.as_str(), "--token-file", "seal.key"];
    for place in [&by_file[..], &by_admin[..]] {
        let with = |words: &[&'static str]| [&["revoke"], words, place].concat();
        let order =
            ["--subject", "alice", "--issued-before", "2027-02-01T00:00:00Z", "--reason", "gone"];
        let revoked = sallyport(&world, &with(&order)).await;
        assert!(revoked.status.success(), "{revoked:?}");
        let entry: Value = serde_json::from_slice(&revoked.stdout).unwrap();
        assert_eq!((&entry["by"], &entry["reason"]), (&json!("ann"), &json!("gone")));
        let (reply, took) = first_refusal(&world, &token).await;
        println!("end of the command to the refusal: {took:?}");
        is_out(&reply);
        let listed = sallyport(&world, &with(&["list"])).await;
        let id = entry["id"].as_str().unwrap();
        assert!(String::from_utf8_lossy(&listed.stdout).contains(id), "{listed:?}");
        let words = [&["revoke", "undo", id], place].concat();
        assert!(sallyport(&world, &words).await.status.success());
        let started = Instant::now();
        while world.post(&token, &list_tools()).await.status != 200 {
            assert!(started.elapsed() < PROMISE);
            pause().await;
        }
        assert_eq!(sallyport(&world, &words).await.status.code(), Some(1), "undone once");
    }
    for wrong in [
        &["revoke", "--config", "sallyport.yaml"][..],
        &["revoke", "--subject", "alice", "--admin", "http://127.0.0.1:1"],
        &["revoke", "--token-id", "short", "--config", "sallyport.yaml"],
    ] {
        assert_eq!(sallyport(&world, wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}
