//! The whole corpus through the front door: real TLS, real sockets, the audit trail, an upstream.

use std::collections::HashSet;

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;

use crate::corpus::{Trap, everything};
use crate::families::Families;
use crate::issuer::{AUDIENCE, NOW};
use crate::kinds::KINDS;
use crate::support::{Setup, World, call, plain, post};
use crate::upstream::Upstream;

/// A gateway whose issuer has a key of every family, and answers to the corpus' audience.
async fn world(token_type: &str) -> (World, Families) {
    let issuer = format!(
        "    audience: ['{AUDIENCE}']\n    token_type: {token_type}\n    algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA]\n"
    );
    let top = "limits: { per_address: off }\n".to_owned();
    let setup = Setup { issuer, top, ..Setup::default() };
    let mut world = World::with(Upstream::tool(plain()).await, setup).await;
    let other = crate::issuer::Issuer::start_at(NOW).await;
    let families = Families::at(std::mem::replace(&mut world.issuer, other));
    (world, families)
}

/// One connection for many posts: what is measured here is not the handshake.
struct Caller(hyper::client::conn::http1::SendRequest<http_body_util::Full<bytes::Bytes>>);

struct Answer {
    status: u16,
    challenge: String,
    body: String,
}

impl Caller {
    async fn connect(world: &World) -> Self {
        let io = TokioIo::new(world.connect().await);
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn post(&mut self, world: &World, token: &str) -> Answer {
        if self.0.ready().await.is_err() {
            *self = Self::connect(world).await;
        }
        let request = post(Some(token), call("echo").to_string());
        let (head, body) = self.0.send_request(request).await.unwrap().into_parts();
        let challenge = head.headers.get("www-authenticate");
        Answer {
            status: head.status.as_u16(),
            challenge: challenge.map_or("", |v| v.to_str().unwrap()).to_owned(),
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }
}

/// Posts every forged token, then the good ones; looks at answers, trail and upstream.
async fn no_forged_token_passes(token_type: &str, least: usize) {
    let (world, families) = world(token_type).await;
    let trap = Trap::set();
    let mut forged: Vec<(String, String)> = everything(&families, &trap)
        .into_iter()
        // Other values of `typ` than these are what `any` lets pass, if they say nothing.
        .filter(|(name, ..)| token_type != "any" || !accepted_by_any(name))
        .map(|(name, _, token)| (name, token))
        .collect();
    let kinds = KINDS.iter().map(|(name, make)| (name.to_string(), make(&families.issuer).sign()));
    forged.extend(kinds);
    assert!(forged.len() >= least, "{}", forged.len());
    let mut caller = Caller::connect(&world).await;
    for (name, token) in &forged {
        let answer = caller.post(&world, token).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert!(answer.body.contains("token_invalid"), "{name}: {}", answer.body);
        assert!(answer.challenge.starts_with("Bearer "), "{name}: {}", answer.challenge);
        assert!(answer.challenge.contains("error=\"invalid_token\""), "{name}");
        assert!(answer.challenge.contains("resource_metadata="), "{name}");
    }
    assert!(world.upstream.seen().is_empty(), "a forged token reached the upstream");
    trap.untouched();
    every_refusal_is_recorded(&world, &forged).await;
    let twins = families.twins();
    for (name, token) in &twins {
        let answer = caller.post(&world, token).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    assert_eq!(world.upstream.calls("tools/call").len(), twins.len());
    println!("{} forged tokens refused, {} good ones served", forged.len(), twins.len());
    assert_eq!(world.finish().await.exit_code(), 0);
}

async fn every_refusal_is_recorded(world: &World, forged: &[(String, String)]) {
    let records = world.closed_records(forged.len()).await;
    assert_eq!(records.len(), forged.len());
    let ids: HashSet<&str> = records.iter().map(|r| r["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), forged.len(), "one record each");
    for (record, (name, token)) in records.iter().zip(forged) {
        assert_eq!(record["decision"], "deny", "{name}");
        assert_eq!(record["phase"], "refused", "{name}");
        assert_eq!(record["code"], "token_invalid", "{name}");
        let text = record.to_string();
        assert!(!record["reason"].as_str().unwrap().is_empty(), "{name}: {text}");
        let secret = token.rsplit('.').next().filter(|s| s.len() > 20);
        assert!(secret.is_none_or(|s| !text.contains(s)), "{name}: the token is in its record");
    }
}

/// The usual good token, with a `typ` that `any` is there to accept.
fn accepted_by_any(name: &str) -> bool {
    matches!(name, "typ `JWT`" | "typ `jwt`" | "typ `application/jwt`" | "typ is missing")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s01_to_s08_no_forged_token_of_the_corpus_passes_the_front_door() {
    no_forged_token_passes("at+jwt", 450).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s06_nor_where_any_type_of_token_is_accepted() {
    no_forged_token_passes("any", 450).await;
}
