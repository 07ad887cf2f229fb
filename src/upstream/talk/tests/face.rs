//! What legacy clients get, message by message.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use super::super::Lifetimes;
use super::super::face::{Asked, Face, Setup};
use super::{
    INITIALIZE, SOON, Server, answer, document, link, notification, request, roots, settle, text,
};
use crate::clock::Clock;
use crate::config::ServerRequest;
use crate::decode::Expect;
use crate::limits::{TALK_ALONE_MS, TALK_LEFT_S, TALK_QUEUE_MESSAGES_MAX};
use crate::mcp::headers::SESSION_ID;
use crate::mcp::message::{Kind, Message};
use crate::principal::{AuthMethod, Principal};
use crate::reject::{Code, Rejection};
use crate::upstream::answer::Raw;
use crate::upstream::link::LinkError;
use crate::upstream::link::{Dial, Dialing};

/// Each link that is opened comes out at the other end.
#[derive(Debug)]
struct Dialer(mpsc::UnboundedSender<Server>);

impl Dial for Dialer {
    fn dial<'d>(&'d self, _who: &'d Principal) -> Dialing<'d> {
        let (link, server) = link();
        let sent = self.0.send(server);
        Box::pin(async move {
            sent.map(|()| link).map_err(|_| LinkError::Unreachable("the process does not start"))
        })
    }
}

pub(super) fn face() -> (Arc<Face>, mpsc::UnboundedReceiver<Server>) {
    let (sender, servers) = mpsc::unbounded_channel();
    let setup = Setup {
        dial: Arc::new(Dialer(sender)),
        deadline: SOON,
        lifetimes: Lifetimes::default(),
        clock: Clock::manual(1_000),
    };
    (Arc::new(Face::new(setup)), servers)
}

/// A legacy client in front of a face.
#[derive(Debug, Clone)]
pub(super) struct Client {
    face: Arc<Face>,
    who: Principal,
    session: Option<String>,
    allowed: Vec<ServerRequest>,
}

impl Client {
    pub(super) fn new(face: &Arc<Face>, name: &str) -> Self {
        let who = Principal::new(AuthMethod::Bearer, "iss".into(), name.into());
        Self { face: Arc::clone(face), who, session: None, allowed: vec![ServerRequest::Roots] }
    }

    pub(super) async fn post(&self, body: &str) -> Result<Raw, Rejection> {
        let document = document(body);
        let message = Message::read(&document).unwrap();
        let expect = match (message.kind(), message.id()) {
            (Kind::Request, Some(id)) => Expect::Response { id: id.clone() },
            _ => Expect::Accepted,
        };
        let session = self.session.as_deref();
        self.face
            .serve(Asked {
                who: &self.who,
                expect: &expect,
                method: message.method(),
                message: Some(&document),
                session,
                allowed: &self.allowed,
            })
            .await
    }

    async fn bodyless(&self, expect: Expect) -> Result<Raw, Rejection> {
        let session = self.session.as_deref();
        let asked = Asked {
            who: &self.who,
            expect: &expect,
            method: "",
            message: None,
            session,
            allowed: &self.allowed,
        };
        self.face.serve(asked).await
    }

    pub(super) async fn get(&self) -> Result<Raw, Rejection> {
        self.bodyless(Expect::Stream).await
    }

    async fn delete(&self) -> Result<Raw, Rejection> {
        self.bodyless(Expect::Ended).await
    }

    /// Opens a session as far as its id.
    pub(super) async fn initialize(&mut self) -> Raw {
        let raw = self.post(INITIALIZE).await.unwrap();
        self.session = Some(raw.headers.get(SESSION_ID).unwrap().to_str().unwrap().into());
        raw
    }
}

/// A client with a session that is ready, and its server.
async fn open(
    face: &Arc<Face>,
    servers: &mut mpsc::UnboundedReceiver<Server>,
    name: &str,
) -> (Client, Server) {
    let mut client = Client::new(face, name);
    let serving = async {
        let mut server = servers.recv().await.unwrap();
        server.greet().await;
        server
    };
    let (_, mut server) = tokio::join!(client.initialize(), serving);
    let initialized = notification("notifications/initialized", "{}");
    assert_eq!(client.post(&initialized).await.unwrap().status, 202);
    assert_eq!(server.text().await, initialized);
    (client, server)
}

/// The next piece of a body.
pub(super) async fn piece(raw: &mut Raw) -> Option<String> {
    Some(text(&raw.body.data().await?.unwrap()))
}

fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

fn media(raw: &Raw) -> &str {
    raw.headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap())
}

fn code<T: std::fmt::Debug>(of: Result<T, Rejection>) -> Code {
    of.unwrap_err().code
}

#[tokio::test(start_paused = true)]
async fn initialize_opens_a_session_under_an_id_of_ours() {
    let (face, mut servers) = face();
    let mut client = Client::new(&face, "alice");
    let serving = async {
        let mut server = servers.recv().await.unwrap();
        server.greet().await;
        server
    };
    let (mut raw, mut server) = tokio::join!(client.initialize(), serving);
    assert_eq!((raw.status.as_u16(), media(&raw)), (200, "application/json"));
    let result = r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#;
    assert_eq!(piece(&mut raw).await, Some(answer(r#""hello""#, result)));
    assert_eq!(client.session.as_ref().unwrap().len(), 32);
    // A server that would answer anyhow is not asked before the handshake is done.
    assert_eq!(code(client.post(&request("1", "{}")).await), Code::MessageInvalid);
    assert_eq!(code(client.post(INITIALIZE).await), Code::MessageInvalid, "within a session");
    assert!(server.is_silent().await);
    let pinging = client.post(r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#);
    let (pong, ()) = tokio::join!(pinging, async {
        let tag = server.next().await.tag;
        server.answer(tag, "{}").await;
    });
    assert_eq!(piece(&mut pong.unwrap()).await, Some(answer("2", "{}")));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_handshake_has_no_session() {
    let (face, mut servers) = face();
    let client = Client::new(&face, "alice");
    let serving = async {
        let mut server = servers.recv().await.unwrap();
        let tag = server.next().await.tag;
        server
            .say(format!(
                r#"{{"jsonrpc":"2.0","id":{tag},"error":{{"code":-32602,"message":"m"}}}}"#
            ))
            .await;
        server
    };
    let (raw, server) = tokio::join!(client.post(INITIALIZE), serving);
    let mut raw = raw.unwrap();
    assert!(raw.headers.get(SESSION_ID).is_none());
    assert!(piece(&mut raw).await.unwrap().contains(r#""id":"hello","error""#));
    assert!(server.transport.is_closed());
    assert_eq!(face.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_or_says_nothing_costs_no_place() {
    let (face, servers) = face();
    drop(servers);
    let client = Client::new(&face, "alice");
    assert_eq!(code(client.post(INITIALIZE).await), Code::UpstreamUnreachable);
    let (face, _servers) = self::face();
    let client = Client::new(&face, "alice");
    assert_eq!(code(client.post(INITIALIZE).await), Code::UpstreamTimeout);
    assert_eq!(face.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn s18_messages_without_a_session_get_400_and_with_a_foreign_one_404() {
    let (face, mut servers) = face();
    let (alice, mut server) = open(&face, &mut servers, "alice").await;
    let none = Client { session: None, ..alice.clone() };
    let mut thief = Client::new(&face, "mallory");
    thief.session.clone_from(&alice.session);
    let unknown = Client { session: Some("0".repeat(32)), ..alice.clone() };
    let odd = Client { session: Some("up-1".into()), ..alice.clone() };
    for (client, expected) in [
        (none, Code::SessionMissing),
        (thief, Code::SessionUnknown),
        (unknown, Code::SessionUnknown),
        (odd, Code::SessionUnknown),
    ] {
        for body in [request("1", "{}"), notification("notifications/x", "{}"), answer("1", "{}")] {
            assert_eq!(code(client.post(&body).await), expected);
        }
        assert_eq!(code(client.get().await), expected);
        assert_eq!(code(client.delete().await), expected);
    }
    assert!(server.is_silent().await);
    assert_eq!(Code::SessionMissing.row().status, 400);
    assert_eq!(Code::SessionUnknown.row().status, 404);
    assert_eq!(alice.delete().await.unwrap().status, 200);
    assert!(server.transport.is_closed());
    assert_eq!(code(alice.delete().await), Code::SessionUnknown);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_alone_is_json() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let body = request(r#""a\u0020""#, "{}");
    let (raw, ()) = tokio::join!(client.post(&body), async {
        let tag = server.next().await.tag;
        server.answer(tag, r#"{"x":1.0}"#).await;
    });
    let mut raw = raw.unwrap();
    assert_eq!((raw.status.as_u16(), media(&raw)), (200, "application/json"));
    assert_eq!(piece(&mut raw).await, Some(answer(r#""a\u0020""#, r#"{"x":1.0}"#)));
    assert_eq!(piece(&mut raw).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_company_is_a_stream_that_ends_after_it() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let body = request("1", r#"{"_meta":{"progressToken":"p"}}"#);
    let (raw, tag) = tokio::join!(client.post(&body), async {
        let tag = server.next().await.tag;
        let progress = format!(r#"{{"progressToken":{tag},"progress":1}}"#);
        server.say(notification("notifications/progress", &progress)).await;
        tag
    });
    let mut raw = raw.unwrap();
    assert_eq!((raw.status.as_u16(), media(&raw)), (200, "text/event-stream"));
    let progress = notification("notifications/progress", r#"{"progressToken":"p","progress":1}"#);
    assert_eq!(piece(&mut raw).await, Some(event(&progress)));
    server.say(roots("9")).await;
    assert_eq!(piece(&mut raw).await, Some(event(&roots("9"))), "asked on the call's own stream");
    assert_eq!(client.post(&answer("9", "{}")).await.unwrap().status, 202);
    assert_eq!(server.text().await, answer("9", "{}"));
    assert_eq!(code(client.post(&answer("9", "{}")).await), Code::Denied);
    server.answer(tag, "{}").await;
    assert_eq!(piece(&mut raw).await, Some(event(&answer("1", "{}"))));
    assert_eq!(piece(&mut raw).await, None);
    drop(raw);
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_later_than_talk_alone_ms_gets_a_stream() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let begun = tokio::time::Instant::now();
    let mut raw = client.post(&request("1", "{}")).await.unwrap();
    assert_eq!(begun.elapsed().as_millis(), u128::from(TALK_ALONE_MS));
    assert_eq!(media(&raw), "text/event-stream");
    let tag = server.next().await.tag;
    server.answer(tag, "{}").await;
    assert_eq!(piece(&mut raw).await, Some(event(&answer("1", "{}"))));
    assert_eq!(piece(&mut raw).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_a_route_does_not_allow_is_refused_to_the_server_and_never_shown() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let asks =
        |id: &str, method: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
    let body = request("1", "{}");
    let (raw, ()) = tokio::join!(client.post(&body), async {
        let tag = server.next().await.tag;
        for (id, method) in [("5", "sampling/createMessage"), ("6", "tools/call"), ("7", "x")] {
            server.say(asks(id, method)).await;
            let refused = server.text().await;
            assert!(
                refused.contains(&format!(r#""id":{id},"error":{{"code":-32601"#)),
                "{refused}"
            );
        }
        server.answer(tag, "{}").await;
    });
    assert_eq!(media(&raw.unwrap()), "application/json", "nothing of it was seen");
    assert_eq!(code(client.post(&answer("5", "{}")).await), Code::Denied);
    let mut stream = client.get().await.unwrap();
    server.say(asks("8", "elicitation/create")).await;
    server.say(roots("9")).await;
    assert_eq!(piece(&mut stream).await, Some(event(&roots("9"))));
    assert!(server.text().await.contains(r#""id":8,"error""#));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_nothing_and_its_call_ends_in_time() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    // Once while it waits for the first word, once with its stream open.
    let body = request("1", "{}");
    let left = tokio::time::timeout(Duration::from_millis(1), client.post(&body)).await;
    assert!(left.is_err());
    let first = server.next().await.tag;
    let raw = client.post(&request("2", "{}")).await.unwrap();
    drop(raw);
    let second = server.next().await.tag;
    server.answer(first, "{}").await;
    server.tell(Some(second), roots("9")).await;
    assert!(server.is_silent().await);
    let mut stream = client.get().await.unwrap();
    assert_eq!(piece(&mut stream).await, Some(event(&roots("9"))), "the server still asks");
    tokio::time::advance(Duration::from_secs(TALK_LEFT_S)).await;
    face.sweep();
    assert!(server.text().await.contains(&format!(r#""requestId":{second},"#)));
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn cancellation_reaches_the_server_and_ends_the_stream_in_order() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let mut raw = client.post(&request(r#""c""#, "{}")).await.unwrap();
    let tag = server.next().await.tag;
    let cancel = notification("notifications/cancelled", r#"{"requestId":"c"}"#);
    assert_eq!(client.post(&cancel).await.unwrap().status, 202);
    assert_eq!(server.text().await, cancel.replace(r#""c""#, &tag.to_string()));
    assert_eq!(piece(&mut raw).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_ends_the_stream_with_an_error_and_the_session() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    let mut raw = client.post(&request(r#""d""#, "{}")).await.unwrap();
    let mut stream = client.get().await.unwrap();
    let body = request("2", "{}");
    let (early, ()) = tokio::join!(client.post(&body), async {
        settle().await;
        server.die();
    });
    assert_eq!(code(early), Code::UpstreamInvalid);
    let last = piece(&mut raw).await.unwrap();
    assert!(last.contains(r#""id":"d","error":{"code":50202"#), "{last}");
    assert_eq!(piece(&mut raw).await, None);
    assert_eq!(piece(&mut stream).await, None);
    assert_eq!(code(client.post(&request("3", "{}")).await), Code::SessionUnknown);
    assert_eq!(face.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_get_takes_the_place_of_the_first() {
    let (face, mut servers) = face();
    let (client, server) = open(&face, &mut servers, "alice").await;
    let changed = notification("notifications/tools/list_changed", "{}");
    server.say(changed.clone()).await;
    let mut first = client.get().await.unwrap();
    assert_eq!((first.status.as_u16(), media(&first)), (200, "text/event-stream"));
    assert_eq!(piece(&mut first).await, Some(event(&changed)), "said before anybody listened");
    let mut second = client.get().await.unwrap();
    assert_eq!(piece(&mut first).await, None);
    server.say(changed.clone()).await;
    assert_eq!(piece(&mut second).await, Some(event(&changed)));
    drop(second);
    // Nobody listens, nothing is lost up to the bound.
    for _ in 0..TALK_QUEUE_MESSAGES_MAX {
        server.say(changed.clone()).await;
    }
    let mut third = client.get().await.unwrap();
    for _ in 0..TALK_QUEUE_MESSAGES_MAX {
        assert_eq!(piece(&mut third).await, Some(event(&changed)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_progress_token_of_no_usable_form_is_refused_before_the_server() {
    let (face, mut servers) = face();
    let (client, mut server) = open(&face, &mut servers, "alice").await;
    for token in ["{}", "1.5", "null", &format!("\"{}\"", "x".repeat(300))] {
        let body = request("1", &format!(r#"{{"_meta":{{"progressToken":{token}}}}}"#));
        assert_eq!(code(client.post(&body).await), Code::ParamsInvalid);
    }
    assert!(server.is_silent().await);
}
