//! The table of sessions: who finds what, and how much fits.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::sessions::{Reply, Sessions, Subscription};
use super::parsed;
use crate::limits::{
    BRIDGED_CALLS_MAX, BRIDGED_SESSION_IDLE_S, BRIDGED_SESSIONS_MAX, INPUT_REQUESTS_MAX,
    SUBSCRIPTIONS_MAX,
};
use crate::mcp::message::{Id, Message};
use crate::principal::PrincipalKey;

fn key(who: u8, session: u64) -> (PrincipalKey, [u8; 16]) {
    let mut number = [0; 16];
    number[..8].copy_from_slice(&session.to_be_bytes());
    (PrincipalKey([who; 16]), number)
}

fn id(raw: impl std::fmt::Display) -> Id {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{raw},"method":"ping"}}"#);
    Message::read(&parsed(text)).unwrap().id().unwrap().clone()
}

#[tokio::test]
async fn p26_answer_is_accepted_once_and_only_in_the_session_that_was_asked() {
    let sessions = Sessions::default();
    let (mine, other) = (sessions.of(key(1, 1), 0).unwrap(), sessions.of(key(2, 1), 0).unwrap());
    let question = sessions.question_id();
    let answer = mine.wait_for(question.clone()).unwrap();
    let said = || Reply::Result(Bytes::from_static(b"{}"));
    assert!(!other.answer(&question, said()));
    assert!(!mine.answer("sallyport-999", said()));
    assert!(mine.answer(&question, said()));
    assert!(!mine.answer(&question, said()));
    assert_eq!(answer.await, Ok(said()));
    assert_ne!(sessions.question_id(), question);
}

#[test]
fn cancellation_reaches_only_the_named_call_of_the_session() {
    let sessions = Sessions::default();
    let (mine, other) = (sessions.of(key(1, 1), 0).unwrap(), sessions.of(key(1, 2), 0).unwrap());
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let running = mine.begin(&id(1), &first).unwrap();
    let _other = other.begin(&id(1), &second).unwrap();
    assert!(mine.begin(&id(1), &first).is_err(), "two calls of one id");
    assert!(mine.begin(&id("\"1\""), &CancellationToken::new()).is_ok());
    assert!(mine.cancel(|it| it.matches(&id(1))));
    assert!(first.is_cancelled() && !second.is_cancelled());
    drop(running);
    assert!(!mine.cancel(|it| it.matches(&id(1))));
    assert!(mine.begin(&id(1), &first).is_ok());
}

#[test]
fn lists_of_one_session_are_bounded() {
    let session = Sessions::default().of(key(1, 1), 0).unwrap();
    let token = CancellationToken::new();
    let calls: Vec<_> =
        (0..BRIDGED_CALLS_MAX).map(|n| session.begin(&id(n), &token).unwrap()).collect();
    assert!(session.begin(&id(-1), &token).is_err());
    drop(calls);
    assert!(session.begin(&id(-1), &token).is_ok());
    let subscription = |n: usize| Subscription { uri: format!("a:{n}").into(), raw: Bytes::new() };
    for n in 0..SUBSCRIPTIONS_MAX {
        assert!(session.subscribe(subscription(n)).unwrap());
    }
    assert!(!session.subscribe(subscription(0)).unwrap(), "known already");
    assert!(session.subscribe(subscription(SUBSCRIPTIONS_MAX)).is_err());
    assert!(session.unsubscribe("a:0") && !session.unsubscribe("a:0"));
    let waiting = BRIDGED_CALLS_MAX * INPUT_REQUESTS_MAX;
    let open: Vec<_> =
        (0..waiting).map(|n| session.wait_for(n.to_string().into()).unwrap()).collect();
    assert!(session.wait_for("one more".into()).is_err());
    drop(open);
    assert!(session.wait_for("one more".into()).is_ok(), "what nobody waits for has gone");
}

#[test]
fn idle_sessions_go_and_used_ones_stay_within_bridged_sessions_max() {
    let sessions = Sessions::default();
    let busy = sessions.of(key(1, 0), 0).unwrap();
    let _running = busy.begin(&id(1), &CancellationToken::new()).unwrap();
    let listening = sessions.of(key(1, 1), 0).unwrap();
    let (changes, _changed) = mpsc::channel(1);
    listening.listen(changes);
    sessions.of(key(1, 2), 0).unwrap();
    sessions.of(key(1, 3), 5).unwrap();
    sessions.sweep(BRIDGED_SESSION_IDLE_S);
    assert_eq!(sessions.len(), 3);
    assert!(Arc::ptr_eq(&busy, &sessions.of(key(1, 0), 0).unwrap()));
    sessions.of(key(1, 3), 9).unwrap();
    for n in 10..BRIDGED_SESSIONS_MAX as u64 + 7 {
        sessions.of(key(1, n), 9).unwrap();
    }
    assert_eq!(sessions.len(), BRIDGED_SESSIONS_MAX);
    assert!(sessions.of(key(2, 0), 9).is_err(), "all were used just now");
    assert!(sessions.of(key(2, 0), 10).is_ok());
    assert_eq!(sessions.len(), 3, "the two in use and the new one");
}

#[test]
fn ended_session_cancels_its_calls_and_forgets_what_it_knew() {
    let sessions = Sessions::default();
    let session = sessions.of(key(1, 1), 0).unwrap();
    let token = CancellationToken::new();
    let _running = session.begin(&id(1), &token).unwrap();
    session.set_level("debug");
    sessions.end(key(2, 1));
    assert!(!token.is_cancelled());
    sessions.end(key(1, 1));
    assert!(token.is_cancelled());
    assert_eq!(sessions.of(key(1, 1), 0).unwrap().level(), None);
}
