//! Proofs of possession that replicas share in a real Redis (S-08): one that was used at one of
//! them counts at none.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::join_all;
use sallyport::limits;
use serde_json::json;

use super::{Redis, pause, tools};
use crate::issuer::{NOW, SigningKey, b64};
use crate::revocation::TOKEN;
use crate::support::{RESOURCE, Reply, Setup, World, list_tools, post};

/// Revocations stay out of it, so that nothing but used proofs asks this Redis.
const PROOFS_ALONE: &str = "revocation: { redis: false }\n";

/// A client with a key, and a token that is bound to it.
struct Client {
    key: SigningKey,
    token: String,
}

impl Client {
    fn of(world: &World) -> Self {
        let key = SigningKey::es256("client");
        // RFC 7638 section 3.2: the members in this order.
        let jwk = key.jwk();
        let thumbed = format!(
            "{{\"crv\":{},\"kty\":{},\"x\":{},\"y\":{}}}",
            jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]
        );
        let bound = json!({"jkt": b64(digest(&SHA256, thumbed.as_bytes()))});
        let token = world.issuer.token().audience(RESOURCE).claim("cnf", bound).sign();
        Self { key, token }
    }

    fn proof(&self) -> String {
        self.proof_at(NOW)
    }

    fn proof_at(&self, issued_s: u64) -> String {
        let jwk = self.key.jwk();
        let jwk = json!({"kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]});
        let header = json!({"typ": "dpop+jwt", "alg": self.key.alg, "jwk": jwk});
        let claims = json!({
            "jti": uuid::Uuid::now_v7().to_string(), "htm": "POST", "htu": RESOURCE,
            "iat": issued_s, "ath": b64(digest(&SHA256, self.token.as_bytes())),
        });
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        format!("{message}.{}", b64(self.key.sign(message.as_bytes())))
    }

    async fn call(&self, world: &World, proof: &str) -> Reply {
        let mut request = post(None, list_tools().to_string());
        let headers = request.headers_mut();
        headers.insert("authorization", format!("DPoP {}", self.token).parse().unwrap());
        headers.insert("dpop", proof.parse().unwrap());
        world.send(request).await
    }
}

/// A replica: `issuers` are those of another one.
async fn replica(top: String, issuers: Option<String>) -> World {
    let setup = Setup { top, issuers, ..Setup::default() };
    World::with_key(tools().await, setup, TOKEN).await
}

/// Two replicas with the same issuer and the same Redis.
async fn two(top: &str) -> (World, World) {
    let one = replica(top.to_owned(), None).await;
    let issuers = format!("  - issuer: {}\n    roles_claim: roles\n", one.issuer.url());
    let other = replica(top.to_owned(), Some(issuers)).await;
    (one, other)
}

fn is_replayed(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "proof_invalid"));
    // One field for each scheme.
    let mut challenges = reply.headers.get_all("www-authenticate").iter();
    let told = "error=\"invalid_dpop_proof\"";
    assert!(challenges.any(|field| field.to_str().unwrap().contains(told)), "{:?}", reply.headers);
}

fn is_unknown(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "busy"), "{}", reply.text());
    assert_eq!(reply.header("retry-after"), "2");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn s08_proof_that_was_used_at_one_replica_is_refused_at_the_other() {
    let redis = Redis::start();
    let (one, other) = two(&redis.yaml()).await;
    let client = Client::of(&one);
    let proof = client.proof();
    assert_eq!(client.call(&one, &proof).await.status, 200);
    is_replayed(&client.call(&other, &proof).await);
    is_replayed(&client.call(&one, &proof).await);
    let metrics = other.gateway().metrics_text();
    let counted = "sallyport_authn_total{result=\"proof_replayed\",server=\"crm\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(client.call(&other, &client.proof()).await.status, 200, "another proof");
    // However many arrive at once, and wherever: one of them is the first.
    for _ in 0..5 {
        let proof = client.proof();
        let calls = (0..10).map(|n| client.call(if n % 2 == 0 { &one } else { &other }, &proof));
        let replies = join_all(calls).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
        replies.iter().filter(|reply| reply.status != 200).for_each(is_replayed);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn s13_lost_redis_refuses_proofs_and_recovers_by_itself() {
    let mut redis = Redis::start();
    let (one, other) = two(&format!("{}{PROOFS_ALONE}", redis.yaml())).await;
    let client = Client::of(&one);
    let used = client.proof();
    assert_eq!(client.call(&one, &used).await.status, 200);
    redis.stop();
    let started = Instant::now();
    let lost = client.proof();
    is_unknown(&client.call(&one, &lost).await);
    let bound = limits::SHARED_STATE_CONNECT_MS + limits::SHARED_STATE_ANSWER_MS;
    println!("refusal without Redis: {:?}, bound {bound} ms", started.elapsed());
    is_unknown(&client.call(&other, &client.proof()).await);
    // What this replica knows by itself, it says.
    is_replayed(&client.call(&one, &used).await);
    is_replayed(&client.call(&one, &lost).await);
    // Tokens that are bound to nothing need no proof.
    assert_eq!(one.post(&one.token(""), &list_tools()).await.status, 200);
    redis.run();
    let started = Instant::now();
    for world in [&one, &other] {
        while client.call(world, &client.proof()).await.status != 200 {
            assert!(started.elapsed() < Duration::from_secs(10));
            pause().await;
        }
    }
    println!("Redis back to a proof that counts at both: {:?}", started.elapsed());
    is_replayed(&client.call(&other, &used).await);
    // A Redis that forgot everything frees nothing at the replica that saw it.
    redis.stop();
    redis.forget();
    redis.run();
    while client.call(&one, &client.proof()).await.status != 200 {
        pause().await;
    }
    is_replayed(&client.call(&one, &used).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn s08_restarted_replica_knows_which_proofs_were_used_before() {
    let redis = Redis::start();
    let mut world = replica(redis.yaml(), None).await;
    let client = Client::of(&world);
    let (used, unused) = (client.proof_at(NOW - 20), client.proof_at(NOW - 20));
    assert_eq!(client.call(&world, &used).await.status, 200);
    world.restart().await;
    is_replayed(&client.call(&world, &used).await);
    assert_eq!(client.call(&world, &unused).await.status, 200, "made before the start");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn used_proofs_have_a_prefix_a_time_to_live_and_need_no_more_rights_than_the_manual_names() {
    let rights = "~sallyport:dpop:* +set +@connection";
    let user = format!("--user gateway on >{TOKEN} {rights}");
    let redis = Redis::with(&user.split(' ').collect::<Vec<_>>());
    let login = "username: gateway, password: { file: seal.key }";
    let top = redis.yaml().replace(" }", &format!(", {login} }}"));
    let world = replica(format!("{top}{PROOFS_ALONE}"), None).await;
    let client = Client::of(&world);
    let proof = client.proof();
    assert_eq!(client.call(&world, &proof).await.status, 200);
    let asking = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut connection = asking.get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert!(key.starts_with("sallyport:dpop:") && key.len() == 37, "{key}");
    let lives: u64 = redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
    let whole = limits::DPOP_SHARED_S * 1_000;
    assert!((whole - 10_000..=whole).contains(&lives), "{lives}");
}

#[tokio::test]
async fn s13_redis_that_was_never_there_refuses_every_proof() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let redis = format!("redis: {{ url: \"redis://127.0.0.1:{port}\" }}\n");
    let world = replica(format!("{redis}{PROOFS_ALONE}"), None).await;
    let client = Client::of(&world);
    is_unknown(&client.call(&world, &client.proof()).await);
    assert!(world.upstream.seen().is_empty(), "nothing reached the server");
    let records = world.closed_records(1).await;
    let reason = records[0]["reason"].as_str().unwrap();
    assert!(reason.contains("Redis does not answer"), "{reason}");
    assert!(!reason.contains(&port.to_string()), "no address: {reason}");
}
