//! Servers that break every rule: each costs its own conversation at most.

use super::super::{Conversation, Reply, Told};
use super::{
    INITIALIZE, SOON, answer, call, document, link, notification, ready, request, roots, settle,
    told,
};
use crate::limits::{
    TALK_ERRANDS_MAX, TALK_QUEUE_BYTES_MAX, TALK_QUEUE_MESSAGES_MAX, TALK_SERVER_REQUEST_S,
    TALK_SERVER_REQUESTS_MAX,
};
use crate::upstream::link::{Heard, LinkError};

#[tokio::test(start_paused = true)]
async fn s37_answers_under_wrong_ids_are_dropped_and_counted() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (mut two, second) = call(&conversation, &mut server, "2").await;
    for id in [format!("{}", second + 1), format!("\"{first}\""), "0".into(), format!("-{first}")] {
        server.say(answer(&id, r#""wrong""#)).await;
    }
    // On another call's stream, and an error that names nobody on the stream that all share.
    server.tell(Some(first), answer(&second.to_string(), r#""wrong""#)).await;
    server.say(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#).await;
    server.answer(first, r#""one""#).await;
    server.answer(second, r#""two""#).await;
    // And once more.
    server.answer(first, r#""again""#).await;
    assert_eq!(told(&mut one).await, format!("answer {}", answer("1", r#""one""#)));
    assert_eq!(told(&mut two).await, format!("answer {}", answer("2", r#""two""#)));
    settle().await;
    assert_eq!(conversation.dropped().answers, 7);
    assert!(one.next().await.is_none() && two.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_error_without_an_id_answers_the_request_on_whose_stream_it_comes() {
    let (conversation, mut server) = ready().await;
    for error in [
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
    ] {
        let (mut one, tag) = call(&conversation, &mut server, r#""x""#).await;
        server.tell(Some(tag), error).await;
        let answer = told(&mut one).await;
        assert!(answer.contains(r#""id":"x""#) && !answer.contains("null"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_is_counted_and_does_not_end_the_calls_it_is_not_about() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (mut two, second) = call(&conversation, &mut server, "2").await;
    for noise in ["listening on port 80", "", "{", "[]", "null", r#"{"jsonrpc":"1.0","id":1}"#] {
        server.say(noise).await;
    }
    // A duplicate member: no two readers agree on what this says, so it answers nothing.
    server.say(format!(r#"{{"jsonrpc":"2.0","id":{first},"result":{{"a":1,"a":2}}}}"#)).await;
    assert_eq!(one.next().await, Some(Err(LinkError::Malformed("it cannot be read"))));
    server.answer(second, "{}").await;
    assert!(told(&mut two).await.starts_with("answer"));
    assert_eq!(conversation.dropped().unreadable, 7);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_on_a_calls_own_stream_fails_that_call() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (mut two, second) = call(&conversation, &mut server, "2").await;
    let (mut three, third) = call(&conversation, &mut server, "3").await;
    server.tell(Some(first), r#"{"jsonrpc":"2.0","#).await;
    server.hear(Heard::Ended { tag: first, error: None }).await;
    server.hear(Heard::Ended { tag: second, error: None }).await;
    server.hear(Heard::Ended { tag: third, error: Some(LinkError::Timeout) }).await;
    assert!(matches!(one.next().await, Some(Err(LinkError::Malformed(_)))));
    assert!(matches!(two.next().await, Some(Err(LinkError::Closed(_)))));
    assert_eq!(three.next().await, Some(Err(LinkError::Timeout)));
    assert!(!conversation.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_flood_fails_the_call_that_does_not_read_and_no_other() {
    let (conversation, mut server) = ready().await;
    let (mut slow, first) = call(&conversation, &mut server, "1").await;
    let (mut good, second) = call(&conversation, &mut server, "2").await;
    let log = notification("notifications/message", r#"{"data":1}"#);
    for _ in 0..=TALK_QUEUE_MESSAGES_MAX {
        server.tell(Some(first), log.clone()).await;
    }
    server.answer(second, "{}").await;
    assert!(told(&mut good).await.starts_with("answer"));
    assert!(matches!(slow.next().await, Some(Err(LinkError::Full(_)))));
    assert_eq!(conversation.dropped().slow_calls, 1);
    assert!(server.text().await.contains(&format!(r#""requestId":{first},"#)));
    assert_eq!(server.transport.forgotten(), [first]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_reads_hears_a_flood_to_its_end() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let reading = tokio::spawn(async move {
        let mut heard = 0;
        while !told(&mut one).await.starts_with("answer") {
            heard += 1;
        }
        heard
    });
    let log = notification("notifications/message", r#"{"data":1}"#);
    for _ in 0..10 * TALK_QUEUE_MESSAGES_MAX {
        server.tell(Some(first), log.clone()).await;
        tokio::task::yield_now().await;
    }
    server.answer(first, "{}").await;
    assert_eq!(reading.await.unwrap(), 10 * TALK_QUEUE_MESSAGES_MAX);
}

#[tokio::test(start_paused = true)]
async fn talk_queue_bytes_max_bytes_wait_at_most_unless_it_is_one_message() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let large = format!(r#"{{"data":"{}"}}"#, "x".repeat(TALK_QUEUE_BYTES_MAX));
    let large = notification("notifications/message", &large);
    server.tell(Some(first), large.clone()).await;
    assert!(told(&mut one).await.starts_with("notification"));
    server.tell(Some(first), large).await;
    server.tell(Some(first), notification("notifications/message", "{}")).await;
    settle().await;
    assert!(matches!(one.next().await, Some(Err(LinkError::Full(_)))));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_listens_to_is_kept_in_bounds_and_the_oldest_goes() {
    let (conversation, mut server) = ready().await;
    server.say(roots("1")).await;
    for n in 0..TALK_QUEUE_MESSAGES_MAX + 2 {
        let params = format!(r#"{{"uri":"n:{n}"}}"#);
        server.say(notification("notifications/resources/updated", &params)).await;
    }
    let refused = server.text().await;
    assert!(refused.contains(r#""id":1,"error":"#), "who asked is told: {refused}");
    let mut unasked = conversation.listen().unwrap();
    let Some(Told::Notification(first)) = unasked.next().await else { panic!() };
    assert!(super::text(&first).contains("n:2\""));
    assert_eq!(conversation.dropped().unasked, 3);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_talk_server_requests_max_are_refused_until_old_ones_age() {
    let (conversation, mut server) = ready().await;
    let mut unasked = conversation.listen().unwrap();
    for id in 0..TALK_SERVER_REQUESTS_MAX {
        server.say(roots(&id.to_string())).await;
        assert!(matches!(unasked.next().await, Some(Told::Request { .. })));
    }
    server.say(roots("0")).await;
    assert!(server.is_silent().await, "a repeated request is not answered twice");
    assert_eq!(conversation.dropped().strays, 1);
    server.say(roots("900")).await;
    assert!(server.text().await.contains(r#""id":900,"error":"#));
    tokio::time::advance(std::time::Duration::from_secs(TALK_SERVER_REQUEST_S)).await;
    server.say(roots("901")).await;
    assert!(server.text().await.contains(r#""id":0,"error":"#));
    let Some(Told::Request { id, .. }) = unasked.next().await else { panic!() };
    conversation.answer(&id, Reply::Result(b"{}")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_here_and_a_flood_of_them_is_bounded() {
    let (conversation, mut server) = ready().await;
    let ping = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    server.say(ping(r#""p""#)).await;
    assert_eq!(server.text().await, r#"{"jsonrpc":"2.0","id":"p","result":{}}"#);
    server.transport.get_stuck();
    for _ in 0..TALK_ERRANDS_MAX + 10 {
        server.say(ping("1")).await;
    }
    settle().await;
    // One is being said, the queue is full, the rest is lost.
    assert_eq!(conversation.dropped().errands, 9);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_fails_every_call_with_its_reason() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (mut two, _) = call(&conversation, &mut server, "2").await;
    let mut unasked = conversation.listen().unwrap();
    server.tell(Some(first), notification("notifications/message", "{}")).await;
    server.die();
    conversation.closed().await;
    assert!(told(&mut one).await.starts_with("notification"), "what was said before stays said");
    assert_eq!(one.next().await, Some(Err(LinkError::Closed("it died"))));
    assert_eq!(two.next().await, Some(Err(LinkError::Closed("it died"))));
    assert_eq!(unasked.next().await, None);
    let more = conversation.call(&document(&request("3", "{}"))).await;
    assert_eq!(more.unwrap_err(), LinkError::Closed("it died"));
    assert!(conversation.is_closed() && server.transport.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_in_the_handshake_fails_it() {
    let (link, mut server) = link();
    server.die();
    let opened = Conversation::open(link, INITIALIZE.into(), SOON).await;
    assert_eq!(opened.unwrap_err(), LinkError::Closed("it died"));
}

#[tokio::test(start_paused = true)]
async fn answers_to_the_handshake_under_another_id_do_not_complete_it() {
    let (link, mut server) = link();
    let serving = async {
        let tag = server.next().await.tag;
        server.answer(tag + 1, "{}").await;
        server.say(answer(r#""hello""#, "{}")).await;
    };
    let (opened, ()) = tokio::join!(Conversation::open(link, INITIALIZE.into(), SOON), serving);
    assert_eq!(opened.unwrap_err(), LinkError::Timeout);
}
