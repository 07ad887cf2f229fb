//! What a conversation promises to callers and to well-behaved servers.

use std::time::Duration;

use super::super::{AnswerError, Conversation, Listened, Reply, ServerRequestId, Told};
use super::{
    INITIALIZE, SOON, answer, call, document, link, notification, ready, request, roots, settle,
    text, told,
};
use crate::limits::{TALK_CALLS_MAX, TALK_LEFT_CALLS_MAX, TALK_LEFT_S, TALK_SAY_MS};
use crate::mcp::headers::PROTOCOL_VERSION;
use crate::upstream::link::LinkError;

#[tokio::test(start_paused = true)]
async fn handshake_is_answered_whole_under_its_own_id_and_names_the_version_from_then_on() {
    let (link, mut server) = link();
    let opening = Conversation::open(link, INITIALIZE.into(), SOON);
    let serving = async {
        let said = server.next().await;
        assert!(said.wants_answer && said.headers.is_empty());
        assert_eq!(text(&said.message), INITIALIZE.replace(r#""hello""#, &said.tag.to_string()));
        let result = r#"{"protocolVersion":"2025-06-18","x":1e400}"#;
        server.answer(said.tag, result).await;
        answer(r#""hello""#, result)
    };
    let (opened, expected) = tokio::join!(opening, serving);
    let (conversation, greeting) = opened.unwrap();
    assert_eq!(text(&greeting), expected);
    assert!(!conversation.is_ready() && !server.transport.is_listening());
    let initialized = notification("notifications/initialized", r#"{"mine":true}"#);
    conversation.initialized(Some(initialized.clone().into())).await.unwrap();
    conversation.initialized(None).await.unwrap();
    let said = server.next().await;
    assert_eq!(text(&said.message), initialized);
    assert_eq!(said.headers, [(PROTOCOL_VERSION, "2025-06-18".parse().unwrap())]);
    assert!(conversation.is_ready() && server.transport.is_listening());
    assert!(server.is_silent().await, "the handshake is done once");
}

#[tokio::test(start_paused = true)]
async fn handshake_that_nobody_answers_ends_in_time_and_is_not_cancelled() {
    let (link, mut server) = link();
    let opened = Conversation::open(link, INITIALIZE.into(), SOON).await;
    assert_eq!(opened.unwrap_err(), LinkError::Timeout);
    server.next().await;
    assert!(server.is_silent().await);
    assert!(server.transport.is_closed());
}

#[tokio::test(start_paused = true)]
async fn before_the_handshake_is_answered_a_server_may_ask_nothing() {
    let (link, mut server) = link();
    let serving = async {
        let tag = server.next().await.tag;
        server.say(roots("1")).await;
        server.say(notification("notifications/message", r#"{"level":"info"}"#)).await;
        let refused = server.text().await;
        assert!(refused.contains(r#""id":1,"error":{"code":-32600"#), "{refused}");
        server.answer(tag, "{}").await;
    };
    let (opened, ()) = tokio::join!(Conversation::open(link, INITIALIZE.into(), SOON), serving);
    let mut unasked = opened.unwrap().0.listen().unwrap();
    assert!(matches!(unasked.next().await, Some(Told::Notification(_))));
}

#[tokio::test(start_paused = true)]
async fn p10_ids_come_back_as_they_were_written_and_nothing_else_changes() {
    let (conversation, mut server) = ready().await;
    for id in [
        "7",
        "-0",
        "123456789012345678901234567890",
        r#""7""#,
        r#""""#,
        r#""a\u00e9\/\"b""#,
        r#""é""#,
    ] {
        let body = format!(
            "{{ \"params\": {{\"name\":\"t\",\"arguments\":{{\"n\": 1.0e+2, \"big\":900719925474099312345}},\
             \"_meta\":{{\"x\":1}}}},\r\n\"method\":\"tools/call\" ,\n\"id\" : {id}, \"jsonrpc\":\"2.0\", \"later\":[ ]}}"
        );
        let mut call = conversation.call(&document(&body)).await.unwrap();
        let said = server.next().await;
        let number = format!("\"id\" : {},", said.tag);
        let expected = body.replace(&format!("\"id\" : {id},"), &number);
        assert_eq!(text(&said.message), expected.replace(['\r', '\n'], " "), "one line");
        let result = "{\"b\":1.50,\"a\":{\"id\":5},\"content\":[ ],\"x\":12345678901234567890.0}";
        server
            .say(format!("{{\"result\":{result}, \"id\":{},\"jsonrpc\":\"2.0\"}}", said.tag))
            .await;
        let expected = format!("answer {{\"result\":{result}, \"id\":{id},\"jsonrpc\":\"2.0\"}}");
        assert_eq!(told(&mut call).await, expected);
        assert!(call.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn progress_tokens_leave_as_numbers_and_come_back_as_they_were() {
    let (conversation, mut server) = ready().await;
    let mut calls = Vec::new();
    // The same token twice, and one that is another call's number: they never meet.
    for token in [r#""t\u0061""#, "1", "1", "4"] {
        let params = format!(r#"{{"_meta":{{"progressToken":{token},"k":1}},"name":"x"}}"#);
        let call = conversation.call(&document(&request("1", &params))).await.unwrap();
        let said = server.next().await;
        let sent = text(&said.message);
        let expected = params.replace(&format!("n\":{token}"), &format!("n\":{}", said.tag));
        assert_eq!(sent, request(&said.tag.to_string(), &expected));
        calls.push((call, said.tag, token));
    }
    for (_, tag, _) in calls.iter().rev() {
        let progress = format!(r#"{{"progress":{tag}.5,"progressToken":{tag},"total":9e9}}"#);
        server.say(notification("notifications/progress", &progress)).await;
    }
    for (call, tag, token) in &mut calls {
        let progress = format!(r#"{{"progress":{tag}.5,"progressToken":{token},"total":9e9}}"#);
        let expected = notification("notifications/progress", &progress);
        assert_eq!(told(call).await, format!("notification {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn p19_a_dropped_call_is_cancelled_and_forgotten_at_once() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (two, second) = call(&conversation, &mut server, "2").await;
    drop(two);
    let cancelled = server.text().await;
    assert!(cancelled.contains("notifications/cancelled"), "{cancelled}");
    assert!(cancelled.contains(&format!(r#""requestId":{second}"#)), "{cancelled}");
    assert_eq!(server.transport.forgotten(), [second]);
    server.answer(second, r#""too late""#).await;
    server.answer(first, r#""mine""#).await;
    assert_eq!(told(&mut one).await, format!("answer {}", answer("1", r#""mine""#)));
    drop(one);
    assert!(server.is_silent().await, "an answered call is not cancelled");
    assert_eq!(conversation.dropped().answers, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_dropped_while_it_was_said_is_cancelled_too() {
    let (conversation, mut server) = ready().await;
    server.transport.get_stuck();
    let request = document(&request("1", "{}"));
    let error = conversation.call(&request).await.unwrap_err();
    assert_eq!(error, LinkError::Timeout, "after TALK_SAY_MS, which is {TALK_SAY_MS}");
    assert_eq!(server.transport.forgotten().len(), 1);
    assert!(!conversation.is_busy());
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn cancellation_by_the_client_names_our_number_and_ends_the_call_without_an_answer() {
    let (conversation, mut server) = ready().await;
    let (mut one, number) = call(&conversation, &mut server, r#""a\u0062""#).await;
    let cancel = |id: &str| {
        let params = format!(r#"{{"reason":"no","requestId":{id}}}"#);
        document(&notification("notifications/cancelled", &params))
    };
    conversation.notify(&cancel(r#""other""#)).await.unwrap();
    conversation.notify(&cancel(r#""ab""#)).await.unwrap();
    let expected = cancel(&number.to_string());
    assert_eq!(server.text().await, text(expected.bytes()), "and the unknown one said nothing");
    assert!(one.next().await.is_none());
    conversation.notify(&cancel(r#""ab""#)).await.unwrap();
    assert!(server.is_silent().await, "a call is cancelled once");
}

#[tokio::test(start_paused = true)]
async fn other_notifications_pass_as_they_are_and_only_notifications_do() {
    let (conversation, mut server) = ready().await;
    let changed = notification("notifications/roots/list_changed", r#"{"x":[1.0]}"#);
    conversation.notify(&document(&changed)).await.unwrap();
    assert_eq!(server.text().await, changed);
    assert!(conversation.notify(&document(&request("1", "{}"))).await.is_err());
    assert!(conversation.call(&document(&changed)).await.is_err());
    let token = request("1", r#"{"_meta":{"progressToken":{}}}"#);
    assert!(conversation.call(&document(&token)).await.is_err());
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn p26_an_answer_passes_once_and_only_while_the_server_waits() {
    let (conversation, mut server) = ready().await;
    let (mut one, _) = call(&conversation, &mut server, "1").await;
    server.say(roots(r#""r\u0031""#)).await;
    let Told::Request { id, .. } = one.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(id.raw(), r#""r\u0031""#);
    let reply =
        |id: &str| document(&format!(r#"{{"id":{id},"result":{{"roots":[ ]}},"jsonrpc":"2.0"}}"#));
    let named = |document| {
        let message = crate::mcp::message::Message::read(document).unwrap();
        ServerRequestId::named_by(message.id().unwrap())
    };
    let unknown = reply("1");
    let refused = conversation.answer(&named(&unknown), Reply::Message(&unknown)).await;
    assert_eq!(refused, Err(AnswerError::NotOutstanding));
    let known = reply(r#""r1""#);
    conversation.answer(&named(&known), Reply::Message(&known)).await.unwrap();
    assert_eq!(server.text().await, text(reply(r#""r\u0031""#).bytes()));
    let again = conversation.answer(&id, Reply::Result(b"{}")).await;
    assert_eq!(again, Err(AnswerError::NotOutstanding));
    conversation.refuse(&id, -1, "too late");
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_request_is_answered_no_more() {
    let (conversation, mut server) = ready().await;
    let (mut one, _) = call(&conversation, &mut server, "1").await;
    server.say(roots("5")).await;
    server.say(notification("notifications/cancelled", r#"{"requestId":5}"#)).await;
    server.say(notification("notifications/cancelled", r#"{"requestId":1}"#)).await;
    let Told::Request { id, .. } = one.next().await.unwrap().unwrap() else { panic!() };
    assert!(told(&mut one).await.contains("notifications/cancelled"));
    let refused = conversation.answer(&id, Reply::Result(b"{}")).await;
    assert_eq!(refused, Err(AnswerError::NotOutstanding));
    assert_eq!(conversation.dropped().strays, 1, "who cancels what it never asked says nothing");
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn results_and_errors_of_our_own_are_whole_responses() {
    let (conversation, mut server) = ready().await;
    let (mut one, _) = call(&conversation, &mut server, "1").await;
    for (id, reply, expected) in [
        ("8", Reply::Result(b"{\"a\":\n1}"), r#"{"jsonrpc":"2.0","id":8,"result":{"a": 1}}"#),
        ("9", Reply::Error(br#"{"code":-1}"#), r#"{"jsonrpc":"2.0","id":9,"error":{"code":-1}}"#),
    ] {
        server.say(roots(id)).await;
        let Told::Request { id, .. } = one.next().await.unwrap().unwrap() else { panic!() };
        conversation.answer(&id, reply).await.unwrap();
        assert_eq!(server.text().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn progress_of_the_client_passes_while_the_server_waits_for_it() {
    let (conversation, mut server) = ready().await;
    let (mut one, _) = call(&conversation, &mut server, "1").await;
    let asks = r#"{"jsonrpc":"2.0","id":3,"method":"sampling/createMessage","params":{"_meta":{"progressToken":"p"}}}"#;
    server.say(asks).await;
    let Told::Request { id, .. } = one.next().await.unwrap().unwrap() else { panic!() };
    let progress = |token: &str| {
        notification(
            "notifications/progress",
            &format!(r#"{{"progressToken":{token},"progress":1}}"#),
        )
    };
    conversation.notify(&document(&progress(r#""q""#))).await.unwrap();
    conversation.notify(&document(&progress(r#""p""#))).await.unwrap();
    assert_eq!(server.text().await, progress(r#""p""#));
    conversation.refuse(&id, -32603, "no");
    server.next().await;
    conversation.notify(&document(&progress(r#""p""#))).await.unwrap();
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn one_listens_at_a_time_and_another_can_take_over() {
    let (conversation, server) = ready().await;
    let mut first = conversation.listen().unwrap();
    assert_eq!(conversation.listen().unwrap_err(), Listened);
    let waiting = tokio::spawn(async move { first.next().await });
    settle().await;
    let mut second = conversation.listen_instead();
    assert_eq!(waiting.await.unwrap(), None);
    server.say(notification("notifications/tools/list_changed", "{}")).await;
    assert!(matches!(second.next().await, Some(Told::Notification(_))));
    drop(second);
    assert!(!conversation.is_busy());
    conversation.listen().unwrap();
}

#[tokio::test(start_paused = true)]
async fn talk_calls_max_calls_are_under_way_and_no_more() {
    let (conversation, mut server) = ready().await;
    let mut open = Vec::new();
    for id in 0..TALK_CALLS_MAX {
        open.push(call(&conversation, &mut server, &id.to_string()).await);
    }
    let more = conversation.call(&document(&request("1", "{}"))).await;
    assert!(matches!(more, Err(LinkError::Full(_))));
    open.pop();
    server.next().await;
    call(&conversation, &mut server, "1").await;
}

#[tokio::test(start_paused = true)]
async fn a_left_call_goes_on_until_talk_left_s_and_its_messages_are_said_unasked() {
    let (conversation, mut server) = ready().await;
    let (one, first) = call(&conversation, &mut server, "1").await;
    let (two, second) = call(&conversation, &mut server, "2").await;
    one.leave(Duration::from_secs(TALK_LEFT_S));
    two.leave(Duration::from_secs(TALK_LEFT_S));
    server.tell(Some(first), roots("6")).await;
    let mut unasked = conversation.listen().unwrap();
    assert!(matches!(unasked.next().await, Some(Told::Request { .. })));
    server.answer(first, "{}").await;
    conversation.sweep();
    assert!(server.is_silent().await && conversation.is_busy());
    tokio::time::advance(Duration::from_secs(TALK_LEFT_S)).await;
    conversation.sweep();
    assert!(server.text().await.contains(&format!(r#""requestId":{second},"#)));
    drop(unasked);
    assert!(server.is_silent().await && !conversation.is_busy());
    assert_eq!(conversation.dropped().answers, 0, "the answer of a left call is no stranger's");
}

#[tokio::test(start_paused = true)]
async fn more_than_talk_left_calls_max_left_calls_cost_the_oldest() {
    let (conversation, mut server) = ready().await;
    for _ in 0..TALK_LEFT_CALLS_MAX {
        let (call, _) = call(&conversation, &mut server, "1").await;
        call.leave(Duration::from_secs(TALK_LEFT_S));
    }
    assert!(server.is_silent().await);
    let (last, _) = call(&conversation, &mut server, "1").await;
    last.leave(Duration::from_secs(TALK_LEFT_S));
    assert!(server.text().await.contains("notifications/cancelled"));
    assert!(server.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_conversation_and_its_calls() {
    let (conversation, mut server) = ready().await;
    let (mut one, _) = call(&conversation, &mut server, "1").await;
    let other = conversation.clone();
    drop(conversation);
    assert!(!other.is_closed());
    drop(other);
    assert!(matches!(one.next().await, Some(Err(LinkError::Closed(_)))));
    assert!(server.transport.is_closed());
}
