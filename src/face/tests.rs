//! Streams without a network: bounds, ownership, and what stands on them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::{Carried, Ended, Hub, Hubs, Media};
use crate::body::ReplyBody;
use crate::clock::Clock;
use crate::limits::{
    KEEPALIVE_MS, SESSION_S, STREAM_QUEUE_BYTES_MAX, STREAM_STALL_MS, STREAMS_MAX,
    STREAMS_PER_PRINCIPAL_MAX,
};
use crate::peer::Peer;
use crate::principal::{AuthMethod, Principal, PrincipalKey};
use crate::reject::Code;
use crate::revocation::Wake;
use crate::session::{Book, Caller, Policy, Sealer, Sessions};

struct Someone {
    principal: Arc<Principal>,
    peer: Arc<Peer>,
    server: Arc<str>,
}

impl Someone {
    fn new(n: u16) -> Self {
        let mut key = [0; 16];
        key[..2].copy_from_slice(&n.to_be_bytes());
        let principal = Principal {
            key: PrincipalKey(key),
            ..Principal::new(AuthMethod::Bearer, Arc::from("i"), Arc::from("s"))
        };
        let address = "127.0.0.1:1".parse().unwrap();
        Self {
            principal: Arc::new(principal),
            peer: Arc::new(Peer { listener: Arc::from("l"), address, tls: None }),
            server: Arc::from("crm"),
        }
    }

    fn caller(&self) -> Caller<'_> {
        let client = IpAddr::from([127, 0, 0, 1]);
        Caller { principal: &self.principal, client, peer: &self.peer, server: &self.server }
    }
}

fn sessions() -> Sessions {
    let (book, _runner) = Book::new(Clock::manual(1_000));
    let policy = Policy { idle_s: SESSION_S, per_principal: 8 };
    let sealer = Arc::new(Sealer::new(&[]).unwrap());
    Sessions::new(sealer, policy, Duration::from_secs(SESSION_S), book)
}

fn hub() -> (Hubs, Arc<Hub>) {
    let hubs = Hubs::default();
    let hub = hubs.open("/sse", &sessions(), Someone::new(1).caller()).unwrap();
    (hubs, hub)
}

fn events(parts: &[&'static str]) -> ReplyBody {
    let parts: Vec<_> = parts.iter().map(|p| Ok(Bytes::from_static(p.as_bytes()))).collect();
    ReplyBody::stream(Box::pin(futures_util::stream::iter(parts)))
}

#[tokio::test]
async fn s18_stream_is_found_by_its_caller_alone_and_not_after_its_end() {
    let (hubs, sessions) = (Hubs::default(), sessions());
    let (owner, thief) = (Someone::new(1), Someone::new(2));
    let hub = hubs.open("/sse", &sessions, owner.caller()).unwrap();
    assert!(hubs.find(&hub.sealed, &sessions, owner.caller()).is_ok());
    let stolen = hubs.find(&hub.sealed, &sessions, thief.caller()).unwrap_err();
    assert_eq!(stolen.code, Code::SessionUnknown);
    assert!(sessions.open(&hub.sealed, owner.caller()).is_err(), "no id of a session");
    hubs.close(&hub);
    let ended = hubs.find(&hub.sealed, &sessions, owner.caller()).unwrap_err();
    assert_eq!(ended.code, Code::SessionUnknown);
}

#[tokio::test]
async fn streams_max_and_streams_per_principal_max_hold() {
    let (hubs, sessions) = (Hubs::default(), sessions());
    for n in 0..u16::try_from(STREAMS_MAX / STREAMS_PER_PRINCIPAL_MAX).unwrap() {
        let own = Someone::new(n);
        for _ in 0..STREAMS_PER_PRINCIPAL_MAX {
            hubs.open("/sse", &sessions, own.caller()).unwrap();
        }
        let error = hubs.open("/sse", &sessions, own.caller()).unwrap_err();
        assert_eq!(error.code, Code::Busy);
    }
    assert!(hubs.open("/sse", &sessions, Someone::new(9_999).caller()).is_err());
    assert_eq!(hubs.len(), STREAMS_MAX);
}

#[tokio::test]
async fn first_event_names_the_address_and_messages_follow_in_order() {
    let (_hubs, hub) = hub();
    let mut bytes = hub.bytes(|| Ok(()), Wake::never());
    let first = bytes.next().await.unwrap().unwrap();
    assert_eq!(first, format!("event: endpoint\ndata: /sse?session={}\n\n", hub.sealed));
    let answer = ReplyBody::whole(Bytes::from_static(b"{\"a\":1}"));
    assert_eq!(hub.carry(answer, Media::Json).await, Ok(Carried::Whole));
    let stream = events(&["id: 1\nretry: 5\ndata:\n\n: c\n\nid: 2\nda", "ta: {\"b\":2}\n\n"]);
    assert_eq!(hub.carry(stream, Media::Events).await, Ok(Carried::Whole));
    for expected in ["{\"a\":1}", "{\"b\":2}"] {
        let event = bytes.next().await.unwrap().unwrap();
        assert_eq!(event, format!("event: message\ndata: {expected}\n\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_nothing_loses_its_stream_after_stream_stall_ms() {
    let (_hubs, hub) = hub();
    let message = vec![b' '; STREAM_QUEUE_BYTES_MAX / 2];
    let started = tokio::time::Instant::now();
    while hub.say(&message).await.is_ok() {}
    assert_eq!(started.elapsed(), Duration::from_millis(STREAM_STALL_MS));
    assert_eq!(hub.say(b"{}").await, Err(Ended));
    assert!(hub.bytes(|| Ok(()), Wake::never()).next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn p45_silent_stream_is_kept_open_by_comments_and_cut_when_it_may_not_go_on() {
    let (_hubs, hub) = hub();
    let started = tokio::time::Instant::now();
    let mut bytes = hub.bytes(
        move || {
            let late = started.elapsed() > Duration::from_millis(KEEPALIVE_MS * 2);
            if late { Err(Bytes::from_static(b"data: no\n\n")) } else { Ok(()) }
        },
        Wake::never(),
    );
    assert!(bytes.next().await.unwrap().unwrap().starts_with(b"event: endpoint"));
    assert_eq!(bytes.next().await.unwrap().unwrap(), ": keepalive\n\n");
    assert_eq!(bytes.next().await.unwrap().unwrap(), ": keepalive\n\n");
    assert_eq!(bytes.next().await.unwrap().unwrap(), "data: no\n\n");
    assert!(bytes.next().await.is_none());
}

#[tokio::test]
async fn answer_that_breaks_off_says_so() {
    let (_hubs, hub) = hub();
    let cut = futures_util::stream::iter([Err(crate::body::StreamCut)]);
    let body = ReplyBody::stream(Box::pin(cut));
    assert_eq!(hub.carry(body, Media::Events).await, Ok(Carried::Cut));
}
