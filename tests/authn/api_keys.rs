//! API keys through the front door: who is let in, who is not, and what is told to whom.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use sallyport::api_key::{ApiKey, Entry, Pepper, Previous, Servers};
use sallyport::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::issuer::NOW;
use crate::route::{Process, tokens, trust};
use crate::support::{Reply, Setup, World, call, plain, post, with_header};
use crate::upstream::{Upstream, events};

const SECTION: &str =
    "api_keys: { file: keys.jsonl, pepper: { file: pepper.key }, header: x-api-key }\n";
const ONLY_KEYS: &str = "    auth: api_keys\n";
const BOTH: &str = "    auth: { any: [tokens, api_keys] }\n";
/// The same 32 bytes as [`pepper`].
const PEPPER: &str = "KJbeZ8Pg5S1mN0yQvTzW4hRkUoXaB7cdLtFi9sGH2wE=";

fn pepper() -> Pepper {
    use base64::Engine as _;
    Pepper::new(&base64::engine::general_purpose::STANDARD.decode(PEPPER).unwrap()).unwrap()
}

/// A key that may call tools, for two days.
fn made() -> (ApiKey, Entry) {
    let key = ApiKey::draw().unwrap();
    let entry = Entry {
        id: key.id(),
        name: "nightly-job".to_owned(),
        hash: key.hash(&pepper()),
        previous: None,
        scopes: vec!["mcp.tools.invoke".to_owned()],
        roles: vec!["support".to_owned()],
        tenant: Some("acme".to_owned()),
        servers: Servers::All,
        networks: Vec::new(),
        created_at_s: NOW - 100,
        expires_at_s: Some(NOW + 2 * 86_400),
        disabled: false,
        comment: None,
    };
    (key, entry)
}

fn file(entries: &[&Entry]) -> String {
    entries.iter().map(|entry| entry.to_line().unwrap() + "\n").collect()
}

async fn world_of(upstream: Upstream, entries: &[&Entry], lines: &str, clock: &Clock) -> World {
    let setup = Setup {
        top: SECTION.to_owned(),
        server: lines.to_owned(),
        clock: Some(clock.clone()),
        ..Setup::default()
    };
    let files = [("pepper.key", PEPPER), ("keys.jsonl", &file(entries))];
    World::with_files(upstream, setup, &files).await
}

async fn world(entries: &[&Entry], lines: &str) -> World {
    world_of(Upstream::tool(plain()).await, entries, lines, &Clock::manual(NOW)).await
}

fn asked(key: &str) -> Request<Full<Bytes>> {
    post(Some(key), call("echo").to_string())
}

fn in_header(key: &str) -> Request<Full<Bytes>> {
    with_header(post(None, call("echo").to_string()), "x-api-key", key)
}

/// Reads the file of keys again, as the watcher would have it.
fn reload(world: &World, entries: &[&Entry], lines: &str) {
    world.dir.write("keys.jsonl", &file(entries));
    world.gateway().reload(world.check(&world.yaml(lines)).unwrap()).unwrap();
}

/// What a caller can tell a refusal by: everything but the id of the request.
fn told(reply: &Reply) -> (u16, String, String) {
    let mut body = reply.json();
    body["error"]["data"]["request_id"] = Value::Null;
    (reply.status.as_u16(), reply.header("www-authenticate").to_owned(), body.to_string())
}

async fn refused_records(world: &World, count: usize) -> Vec<Value> {
    let mut records = world.closed_records(count).await;
    records.retain(|record| record["phase"] == "refused");
    records
}

#[tokio::test]
async fn a_key_is_accepted_in_either_header_and_recorded_by_its_id() {
    let (key, entry) = made();
    let world = world(&[&entry], ONLY_KEYS).await;
    for request in [asked(&key.reveal()), in_header(&key.reveal())] {
        let reply = world.send(request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let records = world.records();
    let intent = records.iter().find(|record| record["phase"] == "intent").unwrap();
    assert_eq!(intent["auth_method"], "api_key");
    assert_eq!(
        (&intent["user_id"], &intent["client"]),
        (&json!("nightly-job"), &json!(entry.id.as_str()))
    );
    assert_eq!(intent["roles"], json!(["support"]));
    assert_eq!(intent["token_id"], json!(entry.hash.fingerprint()));
}

#[tokio::test]
async fn s12_a_key_reaches_neither_the_upstream_nor_the_trail_nor_the_metrics() {
    let (key, entry) = made();
    let (stranger, _) = made();
    let world = world(&[&entry], ONLY_KEYS).await;
    let arguments = json!({"note": format!("my key is {}", *key.reveal())});
    let message = crate::support::call_with("echo", &arguments);
    for text in [key.reveal(), stranger.reveal()] {
        world.send(post(Some(&text), message.to_string())).await;
        world.send(in_header(&text)).await;
        world.send(with_header(asked(&text), "x-api-key", &text)).await;
    }
    for seen in world.upstream.calls("tools/call") {
        let heads: Vec<&HeaderValue> = seen.headers.values().collect();
        assert!(heads.iter().all(|v| !v.as_bytes().windows(4).any(|w| w == b"spk_")), "{heads:?}");
        assert!(!seen.headers.contains_key("x-api-key"));
        assert!(!seen.headers.contains_key("authorization"));
    }
    world.closed_records(6).await;
    let trail: String = world.records().iter().map(Value::to_string).collect();
    let (_, metrics) = world.admin("/metrics").await;
    for text in [key.reveal(), stranger.reveal()] {
        for part in [&text[..], &text[17..40]] {
            assert!(!trail.contains(part) && !metrics.contains(part));
        }
    }
    assert!(!trail.contains(&entry.hash.to_hex()[..16]), "nor its hash");
}

#[tokio::test]
async fn all_keys_that_do_not_count_are_answered_alike_and_told_apart_in_the_trail() {
    let (key, entry) = made();
    let (disabled, mut off) = made();
    off.disabled = true;
    let (expired, mut over) = made();
    over.expires_at_s = Some(NOW);
    let (elsewhere, mut other) = made();
    other.servers = Servers::Named(vec!["files".to_owned()]);
    let (far, mut network) = made();
    network.networks = vec!["10.0.0.0/8".parse().unwrap()];
    let (stranger, _) = made();
    let wrong = ApiKey::draw_for(entry.id).unwrap();
    let world = world(&[&entry, &off, &over, &other, &network], ONLY_KEYS).await;
    let cases = [
        (&stranger, "unknown_key", "no API key has this id"),
        (&wrong, "unknown_key", "the secret of the API key is wrong"),
        (&disabled, "disabled_key", "is disabled"),
        (&expired, "expired_key", "expired 0 s ago"),
        (&elsewhere, "key_elsewhere", "is not for this server"),
        (&far, "key_elsewhere", "does not count from this address"),
    ];
    let mut answers = Vec::new();
    for (case, ..) in &cases {
        answers.push(told(&world.send(asked(&case.reveal())).await));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers[0].1.contains("error=\"invalid_token\""), "{}", answers[0].1);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let records = refused_records(&world, cases.len()).await;
    for ((_, reason, story), record) in cases.iter().zip(&records) {
        assert_eq!(record["code"], "token_invalid");
        assert!(record["reason"].as_str().unwrap().contains(story), "{record}");
        let metrics = world.gateway().metrics_text();
        assert!(metrics.contains(&format!("result=\"{reason}\"")), "{reason} in\n{metrics}");
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.send(asked(&key.reveal())).await.status, 200);
}

#[tokio::test]
async fn s17_without_an_authorization_server_no_challenge_points_to_one() {
    let (key, mut entry) = made();
    entry.scopes = vec!["other".to_owned()];
    let world = world(&[&entry], ONLY_KEYS).await;
    let none = world.send(post(None, call("echo").to_string())).await;
    assert_eq!((none.status.as_u16(), none.code().as_str()), (401, "token_missing"));
    assert_eq!(
        none.header("www-authenticate"),
        "Bearer realm=\"api-key\", scope=\"mcp.tools.invoke\""
    );
    let lacking = world.send(asked(&key.reveal())).await;
    assert_eq!((lacking.status.as_u16(), lacking.code().as_str()), (403, "insufficient_scope"));
    let challenge = lacking.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"mcp.tools.invoke"), "{challenge}");
    assert!(!challenge.contains("resource_metadata"), "{challenge}");
    let request = Request::get("/.well-known/oauth-protected-resource/mcp")
        .header("host", crate::support::HOST)
        .body(Full::default())
        .unwrap();
    assert_eq!(world.send(request).await.status, 404);
}

#[tokio::test]
async fn s11_a_key_counts_in_one_place_only() {
    let (key, entry) = made();
    let world = world(&[&entry], ONLY_KEYS).await;
    let text = key.reveal();
    let both = with_header(asked(&text), "x-api-key", &text);
    assert_eq!(world.send(both).await.status, 401);
    let basic = with_header(in_header(&text), "authorization", "Basic YTpi");
    assert_eq!(world.send(basic).await.status, 401);
    let mut twice = in_header(&text);
    twice.headers_mut().append("x-api-key", text.parse().unwrap());
    assert_eq!(world.send(twice).await.status, 401);
    let mut query = post(None, call("echo").to_string());
    *query.uri_mut() = format!("/mcp?api_key={}", *text).parse().unwrap();
    assert!(world.send(query).await.status.is_client_error());
    for (name, value) in [
        ("cookie", format!("key={}", *text)),
        ("authorization", format!("Basic {}", *text)),
        ("authorization", text.to_string()),
        ("x-auth-token", text.to_string()),
    ] {
        let request = with_header(post(None, call("echo").to_string()), name, &value);
        assert_eq!(world.send(request).await.status, 401, "{name}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn typos_are_told_from_wrong_keys_in_the_trail() {
    let (key, entry) = made();
    let world = world(&[&entry], ONLY_KEYS).await;
    let mut typo = key.reveal().as_bytes().to_vec();
    typo[30] = if typo[30] == b'x' { b'y' } else { b'x' };
    let typo = String::from_utf8(typo).unwrap();
    for text in [typo.as_str(), "spk_", &key.reveal()[..40]] {
        assert_eq!(world.send(asked(text)).await.status, 401);
    }
    let records = refused_records(&world, 3).await;
    assert!(records[0]["reason"].as_str().unwrap().contains("checksum"), "{}", records[0]);
    for record in &records[1..] {
        assert!(record["reason"].as_str().unwrap().contains("malformed"), "{record}");
    }
}

#[tokio::test]
async fn token_and_key_are_accepted_on_one_route_and_neither_is_taken_for_the_other() {
    let (key, entry) = made();
    let (stranger, _) = made();
    let world = world(&[&entry], BOTH).await;
    let token = world.token("mcp.tools.invoke");
    assert_eq!(world.send(asked(&key.reveal())).await.status, 200);
    assert_eq!(world.send(asked(&token)).await.status, 200);
    // A credential that is refused is not made good by another one.
    let both = with_header(asked(&token), "x-api-key", &stranger.reveal());
    assert_eq!(world.send(both).await.status, 401);
    assert_eq!(world.send(in_header(&token)).await.status, 401, "a token is no key");
    let none = world.send(post(None, call("echo").to_string())).await;
    assert!(none.header("www-authenticate").contains("resource_metadata="));
}

#[tokio::test]
async fn a_key_is_never_tried_as_a_token_also_where_no_key_is_accepted() {
    let world = World::new(Upstream::tool(plain()).await).await;
    let (key, _) = made();
    let jwt = format!("spk_{}", world.token("mcp.tools.invoke"));
    for text in [key.reveal().as_str(), &jwt] {
        let reply = world.send(asked(text)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "token_invalid"));
    }
    let records = refused_records(&world, 2).await;
    for record in records {
        assert!(record["reason"].as_str().unwrap().contains("not accepted on this route"));
    }
    let reply = world.send(in_header(&key.reveal())).await;
    assert_eq!(reply.code(), "token_missing", "without a section the header is any header");
    let route = Process::start().route(tokens([trust(&world.issuer)]));
    let before = world.issuer.fetches();
    assert_eq!(route.reason(&key.reveal()).await, Some("key_elsewhere"));
    assert_eq!(world.issuer.fetches(), before, "no issuer is asked about a key");
}

#[tokio::test]
async fn a_rotated_key_has_two_secrets_until_the_overlap_ends() {
    let (old, mut entry) = made();
    let new = ApiKey::draw_for(entry.id).unwrap();
    entry.previous = Some(Previous { hash: entry.hash, until_s: NOW + 3600 });
    entry.hash = new.hash(&pepper());
    let clock = Clock::manual(NOW);
    let lines = "    auth: api_keys\n    limits: { per_principal: { rate: 2/d, burst: 2 } }\n";
    let world = world_of(Upstream::tool(plain()).await, &[&entry], lines, &clock).await;
    for key in [&old, &new] {
        assert_eq!(world.send(asked(&key.reveal())).await.status, 200);
    }
    let limited = world.send(asked(&new.reveal())).await;
    assert_eq!(limited.status, 429, "both secrets are one caller");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(world.send(asked(&old.reveal())).await.status, 401);
    assert_ne!(world.send(asked(&new.reveal())).await.status, 401);
    let records = refused_records(&world, 5).await;
    assert!(records.iter().any(|r| r["reason"].as_str().unwrap_or("").contains("was replaced")));
}

#[tokio::test]
async fn a_reload_picks_up_a_new_key_and_drops_a_removed_one() {
    let (first, one) = made();
    let (second, two) = made();
    let world = world(&[&one], ONLY_KEYS).await;
    assert_eq!(world.send(asked(&first.reveal())).await.status, 200);
    assert_eq!(world.send(asked(&second.reveal())).await.status, 401);
    reload(&world, &[&two], ONLY_KEYS);
    assert_eq!(world.send(asked(&first.reveal())).await.status, 401);
    assert_eq!(world.send(asked(&second.reveal())).await.status, 200);
    world.dir.write("keys.jsonl", &(file(&[&two]) + "{}\n"));
    let problems = world.check(&world.yaml(ONLY_KEYS)).unwrap_err();
    assert!(problems.contains("line 2: missing member"), "{problems}");
    assert_eq!(world.send(asked(&second.reveal())).await.status, 200, "the old file serves");
}

#[tokio::test]
async fn the_holder_behind_a_proxy_is_judged_by_its_own_address() {
    let (key, mut entry) = made();
    entry.networks = vec!["10.0.0.0/8".parse().unwrap()];
    let setup = Setup {
        top: format!("{SECTION}trusted_proxies: [127.0.0.0/8]\n"),
        server: ONLY_KEYS.to_owned(),
        ..Setup::default()
    };
    let files = [("pepper.key", PEPPER), ("keys.jsonl", &file(&[&entry]))];
    let world = World::with_files(Upstream::tool(plain()).await, setup, &files).await;
    for (address, status) in [("10.1.2.3", 200), ("192.0.2.1", 401)] {
        let request = with_header(asked(&key.reveal()), "x-forwarded-for", address);
        assert_eq!(world.send(request).await.status, status, "{address}");
    }
}

type Sender = mpsc::UnboundedSender<Bytes>;

/// A stream that goes on, opened with a key; what is sent to it; and its beginning.
async fn streaming(
    entry: &Entry,
    key: &ApiKey,
    clock: &Clock,
) -> (World, Sender, hyper::body::Incoming) {
    let senders: Arc<Mutex<Vec<Sender>>> = Arc::default();
    let kept = Arc::clone(&senders);
    let upstream = Upstream::answering(move |_| {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(Bytes::from_static(b"id: 0\ndata: \n\n")).unwrap();
        kept.lock().unwrap().push(sender);
        events(receiver)
    })
    .await;
    let world = world_of(upstream, &[entry], ONLY_KEYS, clock).await;
    let body = world.open(asked(&key.reveal())).await.into_body();
    let sender = senders.lock().unwrap()[0].clone();
    (world, sender, body)
}

/// The next message on a stream after the server sent one.
async fn next(sender: &Sender, body: &mut hyper::body::Incoming) -> String {
    let message = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}});
    sender.send(Bytes::from(format!("data: {message}\n\n"))).unwrap();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let frame = frame.expect("an event in time").expect("an open stream").expect("no cut");
        let text = String::from_utf8_lossy(frame.data_ref().unwrap()).into_owned();
        if text.contains("jsonrpc") {
            return text;
        }
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_key_expires() {
    let (key, entry) = made();
    let clock = Clock::manual(NOW);
    let (_world, sender, mut body) = streaming(&entry, &key, &clock).await;
    assert!(next(&sender, &mut body).await.contains("notifications/progress"));
    clock.advance(Duration::from_secs(2 * 86_400));
    assert!(next(&sender, &mut body).await.contains("stream_revoked"));
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_removed_disabled_replaced_or_changed() {
    for change in ["removed", "disabled", "replaced", "changed", "moved"] {
        let (key, entry) = made();
        let clock = Clock::manual(NOW);
        let (world, sender, mut body) = streaming(&entry, &key, &clock).await;
        let (_, other) = made();
        reload(&world, &[&other, &entry], ONLY_KEYS);
        assert!(next(&sender, &mut body).await.contains("notifications/progress"), "{change}");
        let changed = match change {
            "removed" => other.clone(),
            "disabled" => Entry { disabled: true, ..entry.clone() },
            "replaced" => Entry { hash: other.hash, ..entry.clone() },
            "changed" => Entry { scopes: vec!["mcp.tools.list".to_owned()], ..entry.clone() },
            _ => Entry { servers: Servers::Named(vec!["files".to_owned()]), ..entry.clone() },
        };
        reload(&world, &[&changed], ONLY_KEYS);
        assert!(next(&sender, &mut body).await.contains("stream_revoked"), "{change}");
    }
}

#[tokio::test]
async fn sessions_of_one_key_are_closed_to_another_of_the_same_name() {
    let (key, entry) = made();
    let (other, twin) = made();
    let world = world(&[&entry, &twin], ONLY_KEYS).await;
    let opened = world.post(&key.reveal(), &crate::support::initialize()).await;
    let session = opened.header("mcp-session-id").to_owned();
    assert!(!session.is_empty(), "{}", opened.text());
    for (key, status) in [(&key, 200), (&other, 404)] {
        let request = with_header(asked(&key.reveal()), "mcp-session-id", &session);
        assert_eq!(world.send(request).await.status, status);
    }
}
