//! Requests on one shared stream: who hears what.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver};

use super::super::lines::Table;
use super::value;
use crate::limits::{LINE_CALLS_MAX, LINE_MESSAGES_MAX};

fn ask(table: &mut Table, message: &Value) -> (u64, Value, Receiver<Bytes>) {
    let (sender, receiver) = mpsc::channel(LINE_MESSAGES_MAX);
    let (number, sent) = table.begin(Bytes::from(message.to_string()), sender).unwrap();
    (number, value(&sent), receiver)
}

fn say(table: &mut Table, message: &Value) {
    table.hear(Bytes::from(message.to_string()));
}

fn heard(receiver: &mut Receiver<Bytes>) -> Option<Value> {
    receiver.try_recv().ok().map(|message| value(&message))
}

fn call(id: &Value, meta: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t", "_meta": meta}})
}

#[test]
fn id_and_token_leave_as_numbers_and_come_back_as_they_were() {
    let mut table = Table::default();
    let (first, sent, mut one) =
        ask(&mut table, &call(&json!("same"), json!({"progressToken": "p"})));
    let (second, _, mut two) =
        ask(&mut table, &call(&json!("same"), json!({"progressToken": "p"})));
    assert_ne!(first, second);
    assert_eq!(
        (&sent["id"], &sent["params"]["_meta"]["progressToken"]),
        (&json!(first), &json!(first))
    );
    say(
        &mut table,
        &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": second, "progress": 1}}),
    );
    say(&mut table, &json!({"jsonrpc": "2.0", "id": second, "result": {"n": 2}}));
    assert_eq!(heard(&mut two).unwrap()["params"]["progressToken"], "p");
    assert_eq!(
        heard(&mut two).unwrap(),
        json!({"jsonrpc": "2.0", "id": "same", "result": {"n": 2}})
    );
    assert_eq!(heard(&mut one), None);
}

#[test]
fn s37_answer_without_a_request_and_a_second_one_reach_nobody() {
    let mut table = Table::default();
    let (number, _, mut messages) = ask(&mut table, &call(&json!(1), json!({})));
    for stray in [json!(number + 1), json!(number.to_string()), json!(-1), json!(1.5), Value::Null]
    {
        say(&mut table, &json!({"jsonrpc": "2.0", "id": stray, "result": {}}));
    }
    say(&mut table, &json!({"jsonrpc": "2.0", "id": number, "method": "roots/list"}));
    say(
        &mut table,
        &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": number, "progress": 1}}),
    );
    table.hear(Bytes::from_static(b"not json"));
    assert_eq!(heard(&mut messages), None);
    say(&mut table, &json!({"jsonrpc": "2.0", "id": number, "result": {"first": 1}}));
    say(&mut table, &json!({"jsonrpc": "2.0", "id": number, "result": {"second": 1}}));
    assert_eq!(heard(&mut messages).unwrap()["result"], json!({"first": 1}));
    assert_eq!(heard(&mut messages), None);
    assert!(!table.forget(number));
}

#[test]
fn subscription_is_told_apart_by_its_tag_and_ended_by_the_server_s_cancellation() {
    let mut table = Table::default();
    let listen = json!({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": {"_meta": {}, "notifications": {}}});
    let (first, _, mut one) = ask(&mut table, &listen);
    let (second, _, mut two) = ask(&mut table, &listen);
    let tag = "io.modelcontextprotocol/subscriptionId";
    say(
        &mut table,
        &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": {tag: second}}}),
    );
    assert_eq!(heard(&mut two).unwrap()["params"]["_meta"][tag], "l");
    assert_eq!(heard(&mut one), None);
    say(
        &mut table,
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": first}}),
    );
    assert!(one.is_closed());
    say(&mut table, &json!({"jsonrpc": "2.0", "id": second, "result": {"_meta": {tag: second}}}));
    let last = heard(&mut two).unwrap();
    assert_eq!((&last["id"], &last["result"]["_meta"][tag]), (&json!("l"), &json!("l")));
}

#[test]
fn log_goes_to_the_newest_request_that_wants_some() {
    let mut table = Table::default();
    let level = "io.modelcontextprotocol/logLevel";
    let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}});
    let (_, _, mut plain) = ask(&mut table, &call(&json!(1), json!({})));
    say(&mut table, &log);
    let (_, _, mut wants) = ask(&mut table, &call(&json!(2), json!({level: "info"})));
    let (_, _, mut later) = ask(&mut table, &call(&json!(3), json!({})));
    say(&mut table, &log);
    assert_eq!(heard(&mut wants), Some(log));
    assert_eq!((heard(&mut plain), heard(&mut later)), (None, None));
}

#[test]
fn reader_that_does_not_read_loses_its_request_and_holds_up_nobody() {
    let mut table = Table::default();
    let (slow, _, mut unread) = ask(&mut table, &call(&json!(1), json!({"progressToken": 1})));
    let (quick, _, mut read) = ask(&mut table, &call(&json!(2), json!({})));
    for n in 0..=LINE_MESSAGES_MAX {
        say(
            &mut table,
            &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": slow, "progress": n}}),
        );
    }
    assert!(!table.forget(slow));
    say(&mut table, &json!({"jsonrpc": "2.0", "id": quick, "result": {}}));
    assert!(heard(&mut read).is_some());
    let mut left = 0;
    while heard(&mut unread).is_some() {
        left += 1;
    }
    assert_eq!(left, LINE_MESSAGES_MAX);
}

#[test]
fn requests_under_way_stay_within_line_calls_max_and_leave_in_one_line() {
    let mut table = Table::default();
    let text = "{\"jsonrpc\":\"2.0\",\n\"id\":1,\r\n\"method\":\"m\"}";
    let (sender, _receiver) = mpsc::channel(1);
    let (_, sent) = table.begin(Bytes::from_static(text.as_bytes()), sender).unwrap();
    assert!(!sent.contains(&b'\n') && !sent.contains(&b'\r'));
    let mut open = Vec::new();
    for n in 1..LINE_CALLS_MAX {
        open.push(ask(&mut table, &call(&json!(n), json!({}))));
    }
    let (sender, _receiver) = mpsc::channel(1);
    assert!(table.begin(Bytes::from_static(text.as_bytes()), sender).is_err());
}
