//! Answers that are made to be hard to read: each is answered, with the right code, and shows no
//! more than an easy one.
//!
//! Nothing here is timed. Work that grew with the square of an answer's size would take hours,
//! which no test run survives.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::{World, call, post};
use crate::upstream::{Upstream, bytes_answer};

const MAIL: &str = "ada.byron@example.com";
const SSN: &str = "219-09-9999";

/// What must not be seen of any answer.
const PERSONAL: [&str; 5] = [MAIL, SSN, "219099999", "hunter2xK9", "hunter4999xK"];

const MIB: usize = 1 << 20;

/// Bodies of answers, by the tool that gives them.
type Bodies = BTreeMap<String, String>;

fn body(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#)
}

fn texts(texts: &[&str]) -> String {
    let content: Vec<Value> =
        texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
    body(&json!({ "content": content }).to_string())
}

async fn world(bodies: &Bodies) -> World {
    let bodies = Arc::new(bodies.clone());
    let upstream = Upstream::answering(move |seen| {
        let message = seen.json();
        let tool = message["params"]["name"].as_str().unwrap_or_default().to_owned();
        bytes_answer("application/json", Bytes::from(bodies[&tool].clone()))
    });
    World::new(upstream.await).await
}

/// Asks for every answer; each is JSON of nearly the same size without anything personal.
async fn assert_hidden(bodies: &Bodies) {
    let world = world(bodies).await;
    let token = world.token("mcp.tools.invoke");
    for (tool, body) in bodies {
        let reply = world.post(&token, &call(tool)).await;
        assert_eq!(reply.status, 200, "{tool}: {:.300}", reply.text());
        let text = reply.text();
        for value in PERSONAL {
            assert!(!text.contains(value), "{tool}: {value} is seen");
        }
        assert!(reply.json()["result"].is_object(), "{tool}");
        // Labels are longer than some of what they hide, but not by much.
        assert!(text.len() <= 2 * body.len() + 1024, "{tool}: {} bytes", text.len());
    }
}

#[tokio::test]
async fn one_sign_for_a_mebibyte_hides_nothing_that_stands_behind_it() {
    let pieces = [
        ("digits", "1"),
        ("quotes", "\""),
        ("ats", "@"),
        ("dashes", "-"),
        ("stops", "."),
        ("backslashes", "\\"),
        ("brackets", "["),
        ("braces", "{\""),
        ("blanks", " "),
        ("percents", "%"),
        ("commas", ","),
        ("bars", "|"),
        ("tags", "<td>"),
        ("zero-width", "\u{200b}"),
        ("line-ends", "\n"),
        ("equals", "="),
        ("underscores", "_"),
        ("letters", "a"),
    ];
    let text = |piece: &str| {
        let half = piece.repeat(MIB / 2 / piece.len());
        texts(&[&format!("{half}\nto {MAIL} with SSN {SSN} \n{half}")])
    };
    let bodies = pieces.map(|(name, piece)| (name.to_owned(), text(piece)));
    assert_hidden(&bodies.into()).await;
}

#[tokio::test]
async fn texts_inside_each_other_are_read_to_the_bottom_that_is_promised() {
    let encoded = |levels: usize| {
        let text = format!("The address of the customer is {MAIL}, and no other.");
        (0..levels).fold(text, |text, _| STANDARD.encode(text))
    };
    let nested = |levels: usize| {
        let value = json!({"ssn": 219_099_999, "mail": MAIL, "note": SSN});
        (0..levels).fold(value, |value, _| json!({"data": value.to_string()})).to_string()
    };
    let mut bodies = Bodies::new();
    for levels in 1..=3 {
        bodies.insert(format!("base64-{levels}"), texts(&[&encoded(levels)]));
        bodies.insert(format!("json-{levels}"), texts(&[&nested(levels)]));
    }
    let world = world(&bodies).await;
    let token = world.token("mcp.tools.invoke");
    for (tool, before) in &bodies {
        let reply = world.post(&token, &call(tool)).await;
        assert_eq!(reply.status, 200, "{tool}");
        assert_ne!(&reply.text(), before, "{tool}: nothing is hidden");
        assert_eq!(
            bare(&reply.json()["result"]["content"][0]["text"]),
            Vec::<&str>::new(),
            "{tool}"
        );
    }
    // Deeper ones are answered, whatever is read of them.
    let deep: Bodies = [("deep".to_owned(), texts(&[&encoded(12), &nested(9)]))].into();
    let world = self::world(&deep).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("deep")).await;
    assert_eq!(reply.status, 200);
}

/// What is seen of a text by someone who decodes all of it.
fn bare(text: &Value) -> Vec<&'static str> {
    let mut text = text.as_str().unwrap().to_owned();
    let mut seen = Vec::new();
    loop {
        seen.extend(PERSONAL.iter().filter(|value| text.contains(**value)));
        let inner = serde_json::from_str::<Value>(&text).ok();
        let inner = inner.and_then(|value| Some(value["data"].as_str()?.to_owned()));
        let decoded = STANDARD.decode(&text).ok().and_then(|text| String::from_utf8(text).ok());
        match inner.or(decoded) {
            Some(inner) => text = inner,
            None => return seen,
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_levels_are_refused_as_json_and_answered_as_text() {
    let deep = "[".repeat(100_000);
    let closed = format!("{deep}\"{MAIL}\"{}", "]".repeat(100_000));
    let objects = format!("{}\"{MAIL}\"{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let bodies: Bodies = [
        ("arrays".to_owned(), body(&closed)),
        ("objects".to_owned(), body(&format!(r#"{{"structuredContent":{objects}}}"#))),
        ("open".to_owned(), deep.clone()),
        ("half".to_owned(), body(&deep)),
    ]
    .into();
    let world = world(&bodies).await;
    let token = world.token("mcp.tools.invoke");
    for tool in bodies.keys() {
        let reply = world.post(&token, &call(tool)).await;
        assert_eq!((reply.status.as_u16(), &*reply.code()), (502, "upstream_invalid"), "{tool}");
        assert!(!reply.text().contains(MAIL), "{tool}");
    }
    let request = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{closed}}}"#);
    let reply = world.send(post(Some(&token), request)).await;
    assert_eq!((reply.status.as_u16(), &*reply.code()), (400, "json_invalid"));
    let text = |text: &str| texts(&[text, &format!("{text} {MAIL}")]);
    let bodies = [("arrays".to_owned(), text(&closed)), ("objects".to_owned(), text(&objects))];
    assert_hidden(&bodies.into()).await;
}

#[tokio::test]
async fn many_cells_names_and_copies_are_all_judged() {
    let cells = "1,1,1,1\n".repeat(250_000);
    let csv = format!("id,ssn,b,c\n{cells}7,{},x,{MAIL}\n", &PERSONAL[2]);
    let names: Vec<String> = (0..20_000).map(|n| format!("\"ssn_{n}\":219099999")).collect();
    let names = body(&format!("{{\"structuredContent\":{{{}}}}}", names.join(",")));
    let same: Vec<Value> =
        (0..10_000).map(|_| json!({"ssn": 219_099_999, "password": "hunter2xK9"})).collect();
    let copies = format!("password: hunter2xK9\n{}", "login hunter2xK9 failed, ".repeat(20_000));
    let words: Vec<String> = (0..5_000).map(|n| format!("password: hunter{n}xK\n")).collect();
    let bodies: Bodies = [
        ("cells".to_owned(), texts(&[&csv])),
        ("names".to_owned(), names),
        ("same".to_owned(), body(&json!({"structuredContent": {"rows": same}}).to_string())),
        ("copies".to_owned(), texts(&[&copies])),
        ("passwords".to_owned(), texts(&[&words.concat()])),
    ]
    .into();
    assert_hidden(&bodies).await;
}

#[tokio::test]
async fn more_values_than_an_answer_may_have_are_refused() {
    let many = format!("{{\"content\":[{}\"{MAIL}\"]}}", "0,".repeat(2_000_000));
    let bodies: Bodies = [("many".to_owned(), body(&many))].into();
    let world = world(&bodies).await;
    let reply = world.post(&world.token("mcp.tools.invoke"), &call("many")).await;
    assert_eq!((reply.status.as_u16(), &*reply.code()), (502, "upstream_invalid"));
    assert!(!reply.text().contains(MAIL));
}
