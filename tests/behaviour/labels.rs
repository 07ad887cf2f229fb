//! Who may name a metric's series: the code and the configuration, nobody else.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::support::{Setup, World, call, initialize, plain, post, with_header};
use crate::upstream::Upstream;

type Sent = Request<Full<Bytes>>;

/// What stands in every invented word, so that it is found wherever it leaks.
const MARK: &str = "zqx";
/// Connections at once; more share one sync of the audit trail.
const LANES: usize = 32;
/// Requests of each kind that make the series which belong to it.
const WARM: usize = 3;
/// Tools that do not exist, and tools that do: each of these waits for its record on the disk.
const REFUSED_TOOLS: usize = 8_000;
const ALLOWED_TOOLS: usize = 2_000;
/// Requests of each other kind.
const OTHERS: usize = 200;

const RULES: &str = "    tools: [ { match: named }, { match: 'open.*' } ]\n    prompts: [ { match: 'open.*' } ]\n    resources: [ { match: 'open:*' } ]\n    limits: { concurrency_per_principal: 64 }\n";

/// A kind of request: what a caller invents in it, and how it is answered.
struct Kind {
    name: &'static str,
    count: usize,
    answer: (u16, &'static str),
    make: fn(&World, &str, &mut Words) -> Sent,
}

const fn kind(
    name: &'static str,
    count: usize,
    answer: (u16, &'static str),
    make: fn(&World, &str, &mut Words) -> Sent,
) -> Kind {
    Kind { name, count, answer, make }
}

fn kinds() -> Vec<Kind> {
    vec![
        kind("allowed tool", ALLOWED_TOOLS, (200, ""), |_, token, words| {
            body(token, &call(&format!("open.{}", words.word())))
        }),
        kind("refused tool", REFUSED_TOOLS, (403, "denied"), |_, token, words| {
            body(token, &call(&words.word()))
        }),
        kind("tool with marks of the text format", OTHERS, (403, "denied"), |_, token, words| {
            body(token, &call(&format!("{}\"}} 1\n# {{é,\\", words.word())))
        }),
        kind("allowed prompt", OTHERS, (200, ""), |_, token, words| {
            body(token, &rpc("prompts/get", &json!({"name": format!("open.{}", words.word())})))
        }),
        kind("refused prompt", OTHERS, (403, "denied"), |_, token, words| {
            body(token, &rpc("prompts/get", &json!({"name": words.word()})))
        }),
        kind("allowed resource", OTHERS, (200, ""), |_, token, words| {
            body(token, &rpc("resources/read", &json!({"uri": format!("open:{}", words.word())})))
        }),
        kind("refused resource", OTHERS, (403, "denied"), |_, token, words| {
            body(token, &rpc("resources/read", &json!({"uri": format!("x:{}", words.word())})))
        }),
        kind("arguments", OTHERS, (200, ""), |_, token, words| {
            let mut call = call("named");
            call["params"]["arguments"] = json!({words.word(): words.word()});
            body(token, &call)
        }),
        kind("method", OTHERS, (404, "method_unknown"), |_, token, words| {
            body(token, &rpc(&words.word(), &json!({})))
        }),
        kind("client", OTHERS, (200, ""), |_, token, words| {
            let mut hello = initialize();
            hello["params"]["clientInfo"] = json!({"name": words.word(), "version": words.word()});
            body(token, &hello)
        }),
        kind("header", OTHERS, (200, ""), |_, token, words| {
            let mut request = body(token, &call("named"));
            let name = http::HeaderName::try_from(words.word()).unwrap();
            request.headers_mut().insert(name, words.word().parse().unwrap());
            let request = with_header(request, "user-agent", &words.word());
            with_header(request, "x-request-id", &words.word())
        }),
        kind("origin", OTHERS, (403, "origin_refused"), |_, token, words| {
            let origin = format!("https://{}.example", words.word());
            with_header(body(token, &call("named")), "origin", &origin)
        }),
        kind("session", OTHERS, (404, "session_unknown"), |_, token, words| {
            with_header(body(token, &call("named")), "mcp-session-id", &words.word())
        }),
        kind("version", OTHERS, (400, "version_unsupported"), |_, token, words| {
            with_header(body(token, &call("named")), "mcp-protocol-version", &words.word())
        }),
        kind("path", OTHERS, (404, "route_unknown"), |_, token, words| {
            let mut request = body(token, &call("named"));
            *request.uri_mut() = format!("/{}", words.word()).parse().unwrap();
            request
        }),
        kind("host", OTHERS, (421, "host_refused"), |_, token, words| {
            let host = format!("{}.example", words.word());
            with_header(body(token, &call("named")), "host", &host)
        }),
        kind("token", OTHERS, (401, "token_invalid"), |_, _, words| {
            body(&words.word(), &call("named"))
        }),
        kind("issuer", OTHERS, (401, "token_invalid"), |world, _, words| {
            let token = world.issuer.token().claim("iss", format!("https://{}", words.word()));
            body(&token.sign(), &call("named"))
        }),
    ]
}

#[tokio::test]
async fn caller_cannot_make_a_metric_series() {
    let setup = Setup {
        server: RULES.to_owned(),
        top: "limits: { per_address: off }\n".to_owned(),
        ..Setup::default()
    };
    let world = World::with(Upstream::tool(plain()).await, setup).await;
    let kinds = kinds();
    let mut words = Words::new();
    send_all(&world, &kinds, |_| WARM, &mut words).await;
    let before = settled(&world).await;
    let (names, answered) = (series(&before), total(&before));
    assert!(names.len() > 100 && answered > 0.0, "{before}");

    let sent = send_all(&world, &kinds, |kind| kind.count, &mut words).await;
    let after = settled(&world).await;
    let made: Vec<String> = series(&after).difference(&names).cloned().collect();
    assert!(made.is_empty(), "a caller made {} series: {made:#?}", made.len());
    assert_eq!(series(&after).len(), names.len());
    assert!(!after.contains(MARK), "{after}");
    // All of them were counted: the text is of after the flood, and of this gateway.
    assert!(sent > 10_000);
    assert_eq!(total(&after) - answered, f64::from(u32::try_from(sent).unwrap()));
    within_budget(&world, &after);
}

/// What `check` said that there can be at most, for each metric and for all of them.
fn within_budget(world: &World, text: &str) {
    let config = world.check(&world.yaml(RULES)).unwrap();
    let budget = sallyport::observe::budget(&config).unwrap();
    let mut shown = std::collections::BTreeMap::<String, usize>::new();
    for series in series(text) {
        let name = series.split('{').next().unwrap();
        let own = |known: &&(String, usize)| {
            let rest = name.strip_prefix(known.0.as_str());
            rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
        };
        let metric = budget.metrics.iter().find(own).map_or("process", |(metric, _)| metric);
        assert!(metric != "process" || name.starts_with("process_"), "{name} is in no budget");
        *shown.entry(metric.to_owned()).or_default() += 1;
    }
    for (metric, at_most) in &budget.metrics {
        let shown = shown.get(metric).copied().unwrap_or_default();
        assert!(shown <= *at_most, "{metric}: {shown} series, {at_most} were said");
    }
    assert!(shown.values().sum::<usize>() <= budget.total());
    // Neither a limit nor a promise that anything keeps.
    assert!(budget.total() < sallyport::limits::METRIC_SERIES_WARN, "{}", budget.total());
}

/// Sends so many requests of each kind over lanes that stay open; returns how many.
async fn send_all(
    world: &World,
    kinds: &[Kind],
    count: impl Fn(&Kind) -> usize,
    words: &mut Words,
) -> usize {
    let token = world.token("mcp.tools.invoke mcp.prompts.get mcp.resources.read");
    let mut lanes: Vec<Vec<(&Kind, Sent)>> = (0..LANES).map(|_| Vec::new()).collect();
    let mut sent = 0;
    for kind in kinds {
        for _ in 0..count(kind) {
            lanes[sent % LANES].push((kind, (kind.make)(world, &token, words)));
            sent += 1;
        }
    }
    futures_util::future::join_all(lanes.into_iter().map(|lane| send(world, lane))).await;
    sent
}

/// Sends these one after the other, on one connection as long as the gateway keeps it.
async fn send(world: &World, lane: Vec<(&Kind, Sent)>) {
    let mut open = None;
    for (kind, request) in lane {
        let mut sender = match open.take() {
            Some(sender) => sender,
            None => connect(world).await,
        };
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        let (status, code) = kind.answer;
        assert_eq!(head.status.as_u16(), status, "{}: {text}", kind.name);
        assert!(text.contains(code), "{}: {text}", kind.name);
        let closes = head.headers.get("connection").is_some_and(|value| value == "close");
        open = (!closes && sender.ready().await.is_ok()).then_some(sender);
    }
}

async fn connect(world: &World) -> hyper::client::conn::http1::SendRequest<Full<Bytes>> {
    let stream = TokioIo::new(world.connect().await);
    let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The metrics once nothing is in flight and every connection is closed.
async fn settled(world: &World) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (_, text) = world.admin("/metrics").await;
        let sum = |name: &str| values(&text, name).sum::<f64>();
        let opened = sum("sallyport_connections_total{event=\"opened\"");
        let closed = sum("sallyport_connections_total{event=\"closed\"");
        if opened <= closed && sum("sallyport_requests_in_flight") <= 0.0 {
            return text;
        }
        assert!(Instant::now() < deadline, "{opened} opened, {closed} closed:\n{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Names and labels of all series.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// The values of the series that begin like this.
fn values<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = f64> + 't {
    let lines = text.lines().filter(move |line| line.starts_with(start));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// Requests that were answered, with a route or without one. The gateway itself ends the oldest
/// sessions of a caller who opens too many.
fn total(text: &str) -> f64 {
    let own = "sallyport_requests_total{action=\"session.close\"";
    let of_routes: f64 = values(text, "sallyport_requests_total{").sum();
    let of_routes = of_routes - values(text, own).sum::<f64>();
    of_routes + values(text, "sallyport_refused_early_total{").sum::<f64>()
}

fn body(token: &str, message: &Value) -> Sent {
    post(Some(token), message.to_string())
}

fn rpc(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params})
}

/// Words that never come twice, the same in each run (xorshift64*).
struct Words(u64);

impl Words {
    fn new() -> Self {
        Self(0x5eed_0fac_a11e_4ed1)
    }

    fn word(&mut self) -> String {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mut word = MARK.to_owned();
        write!(word, "{:016x}", self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)).unwrap();
        word
    }
}
