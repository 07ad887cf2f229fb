//! Two principals at one bridged server: what one said, the other never sees.
//!
//! The servers remember what they were told in a session, and say it again as progress, in the log
//! and unasked. A gateway that let two principals share a session, a process or a stream would carry
//! a canary of one to the other. The clients look into the bytes of every answer, because an SDK
//! drops in silence what it cannot place.

use std::thread;

use serde_json::{Value, json};

use super::stage::{Server, Stage};
use super::support::{Sdk, Visit};

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn two_principals_hammering_one_bridged_server_never_see_each_other() {
    let stage = Stage::shared();
    for (client, server) in BRIDGED {
        let visits = thread::scope(|scope| {
            let visitors =
                PRINCIPALS.map(|name| scope.spawn(|| hammer(&stage, client, server, name)));
            visitors.map(|visitor| visitor.join().unwrap())
        });
        for (visit, name) in visits.iter().zip(PRINCIPALS) {
            saw_only_its_own(visit, name, client, server);
        }
    }
}

/// What the test above would see if principals shared a session: one principal, who has one session
/// with the server from wherever it calls, does see what it said before.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn canaries_are_seen_where_a_session_is_shared() {
    let stage = Stage::shared();
    let (client, server) = (Sdk::Ts2Modern, Server::StatefulTs);
    let token = stage.token("carol", server);
    hammer_as(&stage, client, server, &token, "one");
    let visit = hammer_as(&stage, client, server, &token, "two");
    assert!(visit.canaries["one"].is_u64(), "{:#}", visit.canaries);
    assert!(visit.canaries["two"].is_u64(), "{:#}", visit.canaries);
}

fn hammer(stage: &Stage, client: Sdk, server: Server, name: &str) -> Visit {
    hammer_as(stage, client, server, &stage.token(name, server), name)
}

fn hammer_as(stage: &Stage, client: Sdk, server: Server, token: &str, canary: &str) -> Visit {
    let steps = json!([{
        "op": "hammer", "name": "remember", "value": format!("canary-{canary}"),
        "count": CALLS, "parallel": PARALLEL,
    }]);
    client.visit(&stage.url(client, server), Some(&stage.gateway().ca), Some(token), &steps)
}

#[track_caller]
fn saw_only_its_own(visit: &Visit, name: &str, client: Sdk, server: Server) {
    let place = format!("{name}, {client:?} before {server:?}");
    let answers = visit.result(0).as_array().unwrap();
    assert_eq!(answers.len(), CALLS, "{place}");
    for answer in answers {
        let asked = answer["asked"].as_str().unwrap();
        let remembered: Vec<String> =
            serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
        assert!(remembered.iter().any(|value| value == asked), "{place}: {answer}");
        assert!(
            remembered.iter().all(|value| value.starts_with(&format!("canary-{name}-"))),
            "{place}: {answer}"
        );
    }
    let seen: Vec<_> = visit.canaries.as_object().unwrap().keys().collect();
    assert_eq!(seen, [name], "{place}: {:#}", visit.canaries);
    // At least the answer, the progress and the log of each call: the eyes are open.
    let seen = visit.canaries[name].as_u64().unwrap();
    assert!(seen >= 3 * CALLS as u64, "{place}: only {seen}");
    assert!(visit.heard.as_array().is_some_and(|heard| heard.iter().any(is_log)), "{place}");
}

fn is_log(notification: &Value) -> bool {
    notification["method"] == "notifications/message"
}

/// Where the gateway holds the conversation with the server itself.
const BRIDGED: [(Sdk, Server); 5] = [
    (Sdk::Ts1, Server::StdioTs),
    (Sdk::Ts2Modern, Server::StdioTs),
    (Sdk::Ts2Modern, Server::StatefulTs),
    (Sdk::Ts2Modern, Server::StatefulPy),
    (Sdk::Ts1Sse, Server::SseTs),
];
const PRINCIPALS: [&str; 2] = ["alice", "bob"];
const CALLS: usize = 100;
const PARALLEL: usize = 8;
