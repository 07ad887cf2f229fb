//! Nothing waits for ever: a scripted server behind the bridge, and time that passes at will.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::call::Call;
use super::super::hello::Offers;
use super::super::listen::Listener;
use super::super::sessions::Reply;
use super::super::ticket::Abilities;
use super::super::{Lines, Up, Wire};
use super::{parsed, value};
use crate::clock::Clock;
use crate::config::{Command, EraPin, Transport as Kind, Upstream};
use crate::limits::{
    ACKNOWLEDGE_MS, BRIDGED_PIECES_MAX, DETACHED_CALL_MS, ERA_SILENCE_MS, INPUT_WAIT_MS,
    LINE_CALLERS_MAX, LIST_PAGES_MAX, RETRY_PAUSE_MS,
};
use crate::mcp::message::Message;
use crate::principal::{AuthMethod, Principal, PrincipalKey};
use crate::reject::{Code, Rejection};
use crate::upstream::answer::Raw;
use crate::upstream::link::{Dial, Dialing, Heard, Link, LinkError, Said, Sending, Transport};
use crate::upstream::up::wire::Question;

/// What the server says to a message.
type Script = fn(&Value) -> Vec<Value>;

/// A server that answers by its script and remembers what it was told, and when.
#[derive(Debug, Clone)]
struct Server {
    script: Script,
    told: Arc<Mutex<Vec<(Value, Instant)>>>,
}

#[derive(Debug)]
struct Pipe {
    server: Server,
    out: mpsc::UnboundedSender<Heard>,
}

impl Transport for Pipe {
    fn say(&self, message: Said) -> Sending<'_> {
        let message = value(&message.message);
        for said in (self.server.script)(&message) {
            let message = Bytes::from(said.to_string());
            let _ = self.out.send(Heard::Message { tag: None, message });
        }
        self.server.told.lock().unwrap().push((message, Instant::now()));
        Box::pin(async { Ok(()) })
    }

    fn listen(&self) {}

    fn forget(&self, _: u64) {}

    fn close(&self) {}

    fn why_closed(&self) -> LinkError {
        LinkError::Closed("test")
    }
}

impl Dial for Server {
    fn dial<'d>(&'d self, _: &'d Principal) -> Dialing<'d> {
        let (out, mut said) = mpsc::unbounded_channel();
        let (inbox, heard) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(message) = said.recv().await {
                let _ = inbox.send(message).await;
            }
        });
        let transport = Arc::new(Pipe { server: self.clone(), out });
        Box::pin(async move { Ok(Link { transport, heard }) })
    }
}

impl Server {
    fn new(script: Script) -> Self {
        Self { script, told: Arc::default() }
    }

    fn told(&self, method: &str) -> Vec<(Value, Instant)> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(message, _)| message["method"] == method).cloned().collect()
    }

    fn wire(&self) -> Wire {
        let lines = Lines::new(Arc::new(self.clone()), Clock::manual(1_000));
        Wire::lines(Arc::new(lines), &upstream())
    }
}

fn upstream() -> Upstream {
    let long = Duration::from_secs(86_400);
    let command = Command {
        program: "/bin/true".into(),
        args: Vec::new(),
        env: Vec::new(),
        dir: "/".into(),
        processes_max: 1,
    };
    Upstream {
        transport: Kind::Stdio(command),
        era: EraPin::Auto,
        credential: None,
        identity: None,
        ca: None,
        connect_timeout: long,
        head_timeout: long,
        idle_timeout: long,
        stream_idle_timeout: long,
        answer_bytes_max: 1 << 20,
    }
}

fn principal(n: u64) -> Arc<Principal> {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&n.to_be_bytes());
    Arc::new(Principal {
        key: PrincipalKey(key),
        ..Principal::new(AuthMethod::Anonymous, "".into(), "s".into())
    })
}

fn call(up: &Up) -> Call {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":1}}}"#;
    let document = parsed(text);
    Call {
        inner: Arc::clone(&up.inner),
        who: principal(1),
        session: up.inner.sessions.of((principal(1).key, [0; 16]), 0).unwrap(),
        able: Abilities::ROOTS,
        operation: "tools/call".into(),
        id: Message::read(&document).unwrap().id().unwrap().clone(),
        first: Question { message: text.into(), headers: Vec::new() },
        message: text.into(),
        meta: Vec::new(),
        headers: Vec::new(),
        first_page: false,
    }
}

fn result(to: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": to["id"], "result": result})
}

/// The rest of a composed answer, message by message.
async fn rest(mut raw: Raw) -> Vec<Value> {
    let mut text = String::new();
    while let Some(Ok(bytes)) = raw.body.data().await {
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| value(data.as_bytes())).collect()
}

fn asks(message: &Value) -> Vec<Value> {
    let needs =
        json!({"resultType": "input_required", "inputRequests": {"r": {"method": "roots/list"}}});
    if message["params"]["inputResponses"].is_null() {
        vec![result(message, needs)]
    } else {
        vec![result(message, json!({}))]
    }
}

#[tokio::test(start_paused = true)]
async fn client_has_input_wait_ms_to_answer_and_shows_life_meanwhile() {
    let server = Server::new(asks);
    let up = Up::new(server.wire(), Clock::manual(1_000));
    let began = Instant::now();
    let said = rest(call(&up).answer().await.unwrap()).await;
    assert_eq!(began.elapsed(), Duration::from_millis(INPUT_WAIT_MS));
    assert_eq!(said[0]["method"], "roots/list");
    assert_eq!(said[1]["error"]["data"]["code"], "input_missing");
    let late = said[0]["id"].as_str().unwrap();
    let session = up.inner.sessions.of((principal(1).key, [0; 16]), 0).unwrap();
    assert!(!session.answer(late, Reply::Refused), "too late");
    assert_eq!(server.told("tools/call").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn call_goes_on_without_its_client_for_detached_call_ms_and_is_cancelled_then() {
    let server = Server::new(|message| match message["method"].as_str() {
        Some("tools/call") => vec![
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": message["id"], "progress": 1}}),
        ],
        _ => vec![],
    });
    let up = Up::new(server.wire(), Clock::manual(1_000));
    let began = Instant::now();
    drop(call(&up).answer().await.unwrap());
    tokio::time::sleep(Duration::from_millis(DETACHED_CALL_MS - 1)).await;
    assert!(server.told("notifications/cancelled").is_empty());
    tokio::time::sleep(Duration::from_millis(2)).await;
    let told = server.told("notifications/cancelled");
    assert_eq!(told[0].1 - began, Duration::from_millis(DETACHED_CALL_MS));
    assert_eq!(told[0].0["params"]["requestId"], server.told("tools/call")[0].0["id"]);
}

#[tokio::test(start_paused = true)]
async fn server_that_sheds_load_is_asked_again_after_retry_pause_ms() {
    let server = Server::new(|message| {
        let busy = json!({"resultType": "input_required", "requestState": "s"});
        if message["params"]["requestState"].is_null() {
            vec![result(message, busy)]
        } else {
            vec![result(message, json!({"done": 1}))]
        }
    });
    let up = Up::new(server.wire(), Clock::manual(1_000));
    let mut raw = call(&up).answer().await.unwrap();
    assert_eq!(
        value(&raw.body.data().await.unwrap().unwrap()),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"done": 1}})
    );
    let told = server.told("tools/call");
    assert_eq!(told[1].1 - told[0].1, Duration::from_millis(RETRY_PAUSE_MS));
}

#[tokio::test(start_paused = true)]
async fn server_has_acknowledge_ms_to_take_note_of_a_listener() {
    let server = Server::new(|_| vec![]);
    let up = Up::new(server.wire(), Clock::manual(1_000));
    let session = up.inner.sessions.of((principal(1).key, [0; 16]), 0).unwrap();
    let listener = Listener {
        inner: Arc::clone(&up.inner),
        who: principal(1),
        session,
        meta: Vec::new(),
        offers: Offers::default(),
    };
    let began = Instant::now();
    let refused: Rejection = listener.open().await.unwrap_err();
    assert_eq!(
        (refused.code, began.elapsed()),
        (Code::UpstreamTimeout, Duration::from_millis(ACKNOWLEDGE_MS))
    );
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_late_gets_more_than_bridged_pieces_max_in_order() {
    let server = Server::new(|message| {
        let progress = |n| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": message["id"], "progress": n}});
        (0..BRIDGED_PIECES_MAX * 2).map(progress).chain([result(message, json!({}))]).collect()
    });
    let up = Up::new(server.wire(), Clock::manual(1_000));
    let raw = call(&up).answer().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = rest(raw).await;
    assert_eq!(said.len(), BRIDGED_PIECES_MAX * 2 + 1);
    let steps: Vec<u64> = said.iter().filter_map(|it| it["params"]["progress"].as_u64()).collect();
    assert_eq!(steps, (0..BRIDGED_PIECES_MAX as u64 * 2).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn list_without_an_end_is_left_after_list_pages_max() {
    let server = Server::new(|message| match message["method"].as_str() {
        Some("tools/list") => vec![result(message, json!({"tools": [], "nextCursor": "more"}))],
        _ => vec![
            json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32020, "message": "headers"}}),
        ],
    });
    let up = Up::new(server.wire(), Clock::manual(1_000));
    assert_eq!(call(&up).answer().await.unwrap_err().code, Code::UpstreamInvalid);
    let pages = server.told("tools/list");
    assert_eq!(pages.len(), LIST_PAGES_MAX);
    assert_eq!(pages[1].0["params"]["cursor"], "more");
    assert_eq!(server.told("tools/call").len(), 2, "once more, and no more");
}

#[tokio::test(start_paused = true)]
async fn server_that_is_silent_for_era_silence_ms_is_a_legacy_one() {
    let server = Server::new(|_| vec![]);
    let began = Instant::now();
    assert_eq!(server.wire().is_modern(&principal(1), b"").await.ok(), Some(false));
    assert_eq!(began.elapsed(), Duration::from_millis(ERA_SILENCE_MS));
    let refuses = Server::new(|message| {
        vec![
            json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "x"}}),
        ]
    });
    assert_eq!(refuses.wire().is_modern(&principal(1), b"").await.ok(), Some(false));
    let modern = Server::new(|message| {
        vec![result(message, json!({"supportedVersions": [], "capabilities": {}}))]
    });
    assert_eq!(modern.wire().is_modern(&principal(1), b"").await.ok(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_process_server_stay_within_line_callers_max() {
    let lines = Lines::new(Arc::new(Server::new(|_| vec![])), Clock::manual(1_000));
    let ping = || Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"m"}"#);
    let mut open = Vec::new();
    for n in 0..LINE_CALLERS_MAX as u64 {
        open.push(lines.ask(&principal(n), ping()).await.unwrap());
    }
    let one_more = principal(LINE_CALLERS_MAX as u64);
    assert!(matches!(lines.ask(&one_more, ping()).await, Err(LinkError::Full(_))));
    assert!(lines.ask(&principal(0), ping()).await.is_ok());
}
