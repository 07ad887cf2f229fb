//! Traces: what the collector and the server are told of an exchange, and what nobody is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Setup, World, call_with, plain, post, with_header};
use crate::upstream::Upstream;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const EMAIL: &str = "jane.roe@example.com";

/// What a collector does with a request.
#[derive(Clone, Copy)]
enum Does {
    Takes,
    Hangs,
    Fails,
}

/// A collector of one behaviour, and the bodies that it was sent.
async fn collector(does: Does) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = Arc::clone(&bodies);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut all = Vec::new();
                loop {
                    let Some(end) = memchr::memmem::find(&all, b"\r\n\r\n") else {
                        if stream.read_buf(&mut all).await.unwrap_or(0) == 0 {
                            return;
                        }
                        continue;
                    };
                    let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
                    let length = head.split("content-length: ").nth(1).unwrap();
                    let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
                    while all.len() < end + 4 + length {
                        assert!(stream.read_buf(&mut all).await.unwrap() > 0);
                    }
                    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
                    let body = all[end + 4..end + 4 + length].to_vec();
                    all.drain(..end + 4 + length);
                    seen.lock().unwrap().push(body);
                    let status = match does {
                        Does::Takes => "200 OK",
                        Does::Fails => "500 No",
                        Does::Hangs => std::future::pending().await,
                    };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (url, bodies)
}

/// Fields of a message: number, and bytes or number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let take = match tag & 7 {
            0 => {
                out.push((tag >> 3, Vec::new(), varint(&mut bytes)));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        out.push((tag >> 3, bytes[..take].to_vec(), 0));
        bytes = &bytes[take..];
    }
    out
}

fn one(message: &[u8], field: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find(|(number, ..)| *number == field).map(|(_, bytes, _)| bytes)
}

#[derive(Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    links: Vec<String>,
    attributes: BTreeMap<String, Value>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn spans(request: &[u8]) -> Vec<Span> {
    let scope = one(&one(request, 1).unwrap(), 2).unwrap();
    let raw = fields(&scope).into_iter().filter(|(number, ..)| *number == 2);
    raw.map(|(_, span, _)| {
        let id = |field| hex(&one(&span, field).unwrap_or_default());
        let attributes = fields(&span).into_iter().filter(|(number, ..)| *number == 9);
        Span {
            trace: id(1),
            id: id(2),
            parent: id(4),
            name: String::from_utf8(one(&span, 5).unwrap()).unwrap(),
            kind: fields(&span).iter().find(|(number, ..)| *number == 6).unwrap().2,
            links: fields(&span)
                .iter()
                .filter(|(number, ..)| *number == 13)
                .map(|(_, link, _)| hex(&one(link, 1).unwrap()))
                .collect(),
            attributes: attributes
                .map(|(_, pair, _)| {
                    let any = fields(&one(&pair, 2).unwrap());
                    let (number, text, int) = &any[0];
                    let value = match number {
                        1 => json!(String::from_utf8_lossy(text)),
                        _ => json!(int),
                    };
                    (String::from_utf8(one(&pair, 1).unwrap()).unwrap(), value)
                })
                .collect(),
        }
    })
    .collect()
}

async fn world(url: &str, more: &str) -> World {
    let top = format!("telemetry: {{ traces: {{ otlp: \"{url}\"{more} }} }}\n");
    World::with(Upstream::tool(plain()).await, Setup { top, ..Setup::default() }).await
}

fn sent_header(world: &World) -> String {
    let calls = world.upstream.calls("tools/call");
    calls.last().unwrap().headers.get("traceparent").unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_exchange_is_two_spans_in_the_trace_of_its_message_and_holds_nothing_of_it() {
    let (url, bodies) = collector(Does::Takes).await;
    let world = world(&url, "").await;
    let token = world.token("mcp.tools.invoke");
    let mut message = call_with("echo", &json!({ "q": EMAIL }));
    message["params"]["_meta"] =
        json!({ "traceparent": OTHER, "tracestate": "a=b", "baggage": EMAIL, "kept": 1 });
    let request = post(Some(&token), message.to_string());
    assert_eq!(world.send(with_header(request, "traceparent", PARENT)).await.status, 200);
    let refused = post(None, call_with(EMAIL, &json!({})).to_string());
    world.send(refused).await;
    world.closed_records(2).await;
    let header = sent_header(&world);
    let sent = world.upstream.calls("tools/call").remove(0);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let meta = &body["params"]["_meta"];
    assert_eq!(*meta, json!({ "traceparent": header, "kept": 1 }));
    world.finish().await;

    let bodies = bodies.lock().unwrap();
    for secret in [EMAIL, token.as_str(), "a=b"] {
        let found =
            bodies.iter().any(|body| memchr::memmem::find(body, secret.as_bytes()).is_some());
        assert!(!found, "{secret}");
    }
    let all: Vec<Span> = bodies.iter().flat_map(|body| spans(body)).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    let (server, client, refused) = (&all[0], &all[1], &all[2]);
    assert_eq!((server.kind, client.kind), (2, 3));
    assert_eq!((&*server.name, &*client.name), ("tools/call echo", "tools/call echo"));
    assert_eq!(server.trace, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&*server.parent, &client.parent), ("b7ad6b7169203331", &server.id));
    assert_eq!(server.links, [TRACE]);
    assert_eq!(header, format!("00-{}-{}-01", server.trace, client.id));
    for (key, value) in [
        ("mcp.method.name", json!("tools/call")),
        ("gen_ai.tool.name", json!("echo")),
        ("gen_ai.operation.name", json!("execute_tool")),
        ("http.response.status_code", json!(200)),
        ("sallyport.decision", json!("allow")),
    ] {
        assert_eq!(server.attributes[key], value, "{key}");
    }
    assert_eq!(refused.attributes["error.type"], "token_missing");
    assert!(refused.parent.is_empty() && refused.trace.len() == 32, "{refused:?}");
}

#[tokio::test]
async fn a_caller_decides_no_sampling_and_a_trusted_peer_does() {
    let (url, bodies) = collector(Does::Takes).await;
    for (more, flag) in
        [(", sample: 0", "00"), (", sample: 0, trusted_parents: [127.0.0.0/8]", "01")]
    {
        let world = world(&url, more).await;
        let token = world.token("mcp.tools.invoke");
        let request = post(Some(&token), call_with("echo", &json!({})).to_string());
        assert_eq!(world.send(with_header(request, "traceparent", PARENT)).await.status, 200);
        world.closed_records(1).await;
        let header = sent_header(&world);
        assert!(header.starts_with(&format!("00-{TRACE}-")) && header.ends_with(flag), "{header}");
        world.finish().await;
        assert_eq!(bodies.lock().unwrap().is_empty(), flag == "00");
    }
}

#[tokio::test]
async fn a_collector_that_hangs_or_fails_costs_no_call_anything() {
    for does in [Does::Hangs, Does::Fails] {
        let (url, _bodies) = collector(does).await;
        let world = world(&url, ", timeout: 100ms").await;
        let token = world.token("mcp.tools.invoke");
        for _ in 0..20 {
            let message = call_with("echo", &json!({}));
            let reply = tokio::time::timeout(Duration::from_secs(5), world.post(&token, &message));
            assert_eq!(reply.await.expect("no call waits for a collector").status, 200);
        }
        let stopped = tokio::time::timeout(Duration::from_secs(15), world.finish()).await;
        assert_eq!(stopped.expect("nor does the end").completions, 20);
    }
}
