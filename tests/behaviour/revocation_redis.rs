//! Revocations that replicas share in a real Redis: two gateways in one process, one Redis that is
//! stopped, restarted and emptied under them. Used proofs of possession are beside them.

mod proofs;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use sallyport::config;
use sallyport::limits;
use sallyport::shared_state::SharedState;
use serde_json::{Value, json};

use crate::revocation::{
    PROMISE, TOKEN, admin, first_refusal, is_out, pause, revoke, silent, stream, until_cut, world,
};
use crate::support::{Dir, World, list_tools, plain};
use crate::upstream::Upstream;

const WHY: &str = "needs redis-server";

/// A Redis of this test's own, on a port of its own. Ends with it.
pub struct Redis {
    pub dir: Dir,
    pub port: u16,
    more: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(more: &[&str]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let more = more.iter().map(|word| (*word).to_owned()).collect();
        let mut redis = Self { dir: Dir::new(), port, more, child: None };
        redis.run();
        redis
    }

    /// With TLS alone, by a certificate for `localhost`.
    pub fn with_tls(dir: Dir, cert: &str, key: &str, more: &[&str]) -> Self {
        let mut redis = Self::with(&[]);
        redis.stop();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let port = redis.port.to_string();
        redis.more = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        redis.more.extend(["--tls-cert-file".to_owned(), path(cert)]);
        redis.more.extend(["--tls-key-file".to_owned(), path(key)]);
        redis.more.extend(["--tls-ca-cert-file".to_owned(), path(cert)]);
        redis.more.extend(more.iter().map(|word| (*word).to_owned()));
        redis.dir = dir;
        redis.run();
        redis
    }

    pub fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--dir", &self.dir.path().display().to_string()])
            .args(&self.more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect(WHY));
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        let started = Instant::now();
        while std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::yield_now();
        }
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// `-STOP` makes it hang, `-CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Everything that it held is gone.
    pub fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.dir.path().join("appendonlydir"));
    }

    pub fn yaml(&self) -> String {
        format!("redis: {{ url: \"redis://127.0.0.1:{}\" }}\n", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

pub async fn tools() -> Upstream {
    Upstream::tool(plain()).await
}

/// Waits until a gateway says that it is ready, or not.
async fn until_ready(world: &World, ready: bool) -> Duration {
    let started = Instant::now();
    while (world.admin("/readyz").await.0 == 200) != ready {
        assert!(started.elapsed() < Duration::from_secs(20), "readiness is not {ready}");
        pause().await;
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn s62_revocation_at_one_replica_cuts_streams_and_requests_at_the_other_within_a_second() {
    let redis = Redis::start();
    let one = world(tools().await, &redis.yaml()).await;
    let (upstream, _senders) = silent().await;
    let other = world(upstream, &redis.yaml()).await;
    for turn in 0..5 {
        let cut = tokio::spawn(until_cut(stream(&other).await));
        let started = Instant::now();
        let id = revoke(&one, json!({"kind": "subject", "value": "alice"})).await;
        let (text, _) = cut.await.unwrap();
        let took = started.elapsed();
        println!("turn {turn}: one replica to the cut of a stream of the other: {took:?}");
        assert!(took < PROMISE);
        assert!(text.contains("stream_revoked"), "{text}");
        let reply = other.post(&other.token(""), &list_tools()).await;
        assert_eq!(reply.code(), "token_invalid");
        // Undone at the other one, and so at both.
        let path = format!("/revocations/{id}");
        assert_eq!(admin(&other, Method::DELETE, &path, &Value::Null).await.0, 204);
        let (started, token) = (Instant::now(), one.token(""));
        while one.post(&token, &list_tools()).await.status != 200 {
            assert!(started.elapsed() < PROMISE, "undone at both");
            pause().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn lost_redis_refuses_everybody_after_its_bound_and_recovers_by_itself() {
    let mut redis = Redis::start();
    let world = world(tools().await, &redis.yaml()).await;
    let (upstream, _senders) = silent().await;
    let streaming = crate::revocation::world(upstream, &redis.yaml()).await;
    revoke(&world, json!({"kind": "subject", "value": "bob"})).await;
    let token = world.token("");
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    let cut = tokio::spawn(until_cut(stream(&streaming).await));
    redis.stop();
    let (reply, took) = first_refusal(&world, &token).await;
    println!("Redis lost to the refusal of everybody: {took:?}");
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "revocation_unavailable"));
    assert!(took >= Duration::from_millis(limits::REVOCATION_STALE_MS) / 2);
    let (text, _) = cut.await.unwrap();
    assert!(text.contains("revocation_unavailable"), "{text}");
    let (_, ready) = world.admin("/readyz").await;
    assert!(ready.contains("revocations (redis)"), "{ready}");
    // What is revoked meanwhile is in force here, and the answer says that it is not stored.
    let order = json!({"kind": "subject", "value": "carol"});
    let (status, answer) = admin(&world, Method::POST, "/revocations", &order).await;
    assert_eq!(status, 503);
    assert!(answer["error"].as_str().unwrap().contains("not stored"), "{answer}");
    redis.run();
    println!("Redis back to ready: {:?}", until_ready(&world, true).await);
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    let bob = world.issuer.token().audience(crate::support::RESOURCE).subject("bob").sign();
    assert_eq!(world.post(&bob, &list_tools()).await.code(), "token_invalid");
    let carol = world.issuer.token().audience(crate::support::RESOURCE).subject("carol").sign();
    assert_eq!(world.post(&carol, &list_tools()).await.code(), "token_invalid");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn redis_that_comes_back_empty_frees_nobody_and_what_was_undone_stays_undone() {
    let mut redis = Redis::start();
    let one = world(tools().await, &redis.yaml()).await;
    let undone = revoke(&one, json!({"kind": "subject", "value": "alice"})).await;
    revoke(&one, json!({"kind": "subject", "value": "bob"})).await;
    let path = format!("/revocations/{undone}");
    assert_eq!(admin(&one, Method::DELETE, &path, &Value::Null).await.0, 204);
    redis.stop();
    redis.forget();
    until_ready(&one, false).await;
    redis.run();
    until_ready(&one, true).await;
    // A replica that never saw them finds them in Redis again.
    let new = world(tools().await, &redis.yaml()).await;
    for world in [&one, &new] {
        let bob = world.issuer.token().audience(crate::support::RESOURCE).subject("bob").sign();
        assert_eq!(world.post(&bob, &list_tools()).await.code(), "token_invalid");
        assert_eq!(world.post(&world.token(""), &list_tools()).await.status, 200);
    }
    // With a future jti: the entry expires in Redis with what it revokes.
    let order = json!({"kind": "token", "jti": "x"});
    let (_, entry) = admin(&one, Method::POST, "/revocations", &order).await;
    assert!(entry["expires_at"].is_string() && entry["store"] == "redis", "{entry}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn gateway_that_never_reached_its_redis_refuses_and_serves_once_it_is_there() {
    let mut redis = Redis::start();
    redis.stop();
    let top = format!("{}revocation: {{ on_unreadable: last_known }}\n", redis.yaml());
    let world = world(tools().await, &top).await;
    let token = world.token("");
    assert_eq!(world.post(&token, &list_tools()).await.code(), "revocation_unavailable");
    redis.run();
    until_ready(&world, true).await;
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    redis.stop();
    until_ready(&world, false).await;
    assert_eq!(world.post(&token, &list_tools()).await.status, 200, "what is known counts");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn more_entries_than_a_page_are_read_at_the_start_and_as_they_come() {
    let redis = Redis::start();
    let one = world(tools().await, &redis.yaml()).await;
    let count = limits::REVOCATION_PAGE + 7;
    for n in 0..count {
        revoke(&one, json!({"kind": "subject", "value": format!("user-{n}")})).await;
    }
    let new = world(tools().await, &redis.yaml()).await;
    let (_, list) = admin(&new, Method::GET, "/revocations", &Value::Null).await;
    assert_eq!(list["count"], count);
    let first = new.issuer.token().audience(crate::support::RESOURCE).subject("user-0").sign();
    assert_eq!(new.post(&first, &list_tools()).await.code(), "token_invalid");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn redis_with_tls_and_an_acl_user_is_used_and_a_foreign_certificate_is_not() {
    let dir = Dir::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    dir.write("redis.pem", &params.self_signed(&key).unwrap().pem());
    dir.write("redis.key", &key.serialize_pem());
    let ca = std::fs::read(dir.path().join("redis.pem")).unwrap();
    // The rights that the manual names, and no more.
    let rights = "~sallyport:* &sallyport:* +@read +@write +@pubsub +@scripting +@connection +time";
    assert!(include_str!("../../src/manual/operations.md").contains(rights));
    let user = format!("--user default off --user gateway on >{TOKEN} {rights}");
    let user: Vec<&str> = user.split(' ').collect();
    let redis = Redis::with_tls(dir, "redis.pem", "redis.key", &user);
    let settings = |ca: Option<Vec<u8>>, password: &str| config::Redis {
        url: format!("rediss://localhost:{}", redis.port).parse().unwrap(),
        username: Some("gateway".to_owned()),
        password: Some(sallyport::secret::Secret::new(password.as_bytes().to_vec())),
        ca,
    };
    let good = SharedState::new(&settings(Some(ca.clone()), TOKEN)).unwrap();
    let lives = Duration::from_secs(60);
    assert_eq!(good.set_new("sallyport:test", "1", lives).await, Ok(true));
    assert_eq!(good.set_new("sallyport:test", "2", lives).await, Ok(false));
    assert_eq!(good.get("sallyport:test").await, Ok(Some("1".to_owned())));
    assert!(good.get::<String>("other").await.is_err(), "the ACL holds");
    let wrong = SharedState::new(&settings(Some(ca), "wrong")).unwrap();
    let refused = wrong.get::<String>("sallyport:test").await.unwrap_err();
    assert!(!refused.to_string().contains("wrong"), "{refused}");
    let foreign = SharedState::new(&settings(None, TOKEN)).unwrap();
    assert!(foreign.get::<String>("sallyport:test").await.is_err());
    let ca = redis.dir.path().join("redis.pem").display().to_string();
    let top = format!(
        "redis: {{ url: \"rediss://localhost:{}\", username: gateway, password: {{ file: seal.key }}, ca: \"{ca}\" }}\n\
         limits: {{ shared: true }}\n",
        redis.port
    );
    let world = world(tools().await, &top).await;
    let metrics = world.gateway().metrics_text();
    assert!(metrics.contains("sallyport_limit_store_up{store=\"redis\"} 1"), "{metrics}");
    let token = world.token("");
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
    let id = revoke(&world, json!({"kind": "subject", "value": "alice"})).await;
    assert_eq!(world.post(&token, &list_tools()).await.code(), "token_invalid");
    let path = format!("/revocations/{id}");
    assert_eq!(admin(&world, Method::DELETE, &path, &Value::Null).await.0, 204);
    assert_eq!(world.post(&token, &list_tools()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn lost_notification_delays_a_revocation_by_revocation_sync_ms_and_no_more() {
    let redis = Redis::start();
    let one = world(tools().await, &redis.yaml()).await;
    let other = world(tools().await, &redis.yaml()).await;
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut listeners = move |kill: bool| -> usize {
        if kill {
            let _: usize = redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", "pubsub"])
                .query(&mut connection)
                .unwrap();
        }
        let channel = "sallyport:{revocation}:changes";
        let (_, count): (String, usize) =
            redis::cmd("PUBSUB").arg("NUMSUB").arg(channel).query(&mut connection).unwrap();
        count
    };
    let started = Instant::now();
    while listeners(false) < 2 {
        assert!(started.elapsed() < Duration::from_secs(10));
        pause().await;
    }
    assert_eq!(listeners(true), 0, "nobody is subscribed now");
    let token = other.token("");
    revoke(&one, json!({"kind": "subject", "value": "alice"})).await;
    let (reply, took) = first_refusal(&other, &token).await;
    println!("without a notification (asked every {} ms): {took:?}", limits::REVOCATION_SYNC_MS);
    is_out(&reply);
    assert!(took < PROMISE);
    // They subscribe again by themselves, after SHARED_STATE_RETRY_MS.
    let started = Instant::now();
    while listeners(false) < 2 {
        assert!(started.elapsed() < Duration::from_millis(20 * limits::SHARED_STATE_RETRY_MS));
        pause().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn entries_live_in_redis_as_long_as_they_count_and_undoing_is_remembered_for_a_day() {
    let redis = Redis::start();
    let world = world(tools().await, &redis.yaml()).await;
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut lives = |name: &str, id: &str| -> i64 {
        let key = format!("sallyport:{{revocation}}:{name}:{id}");
        redis::cmd("TTL").arg(key).query(&mut connection).unwrap()
    };
    let kept = i64::try_from(limits::REVOCATION_S).unwrap();
    let token = revoke(&world, json!({"kind": "token", "jti": "x"})).await;
    assert!((kept - 60..=kept).contains(&lives("entry", &token)));
    let alice = revoke(&world, json!({"kind": "subject", "value": "alice"})).await;
    assert_eq!(lives("entry", &alice), -1, "until it is undone");
    let path = format!("/revocations/{alice}");
    assert_eq!(admin(&world, Method::DELETE, &path, &Value::Null).await.0, 204);
    assert_eq!(lives("entry", &alice), -2, "gone");
    let day = i64::try_from(limits::REVOCATION_UNDONE_S).unwrap();
    assert!((day - 60..=day).contains(&lives("undone", &alice)));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_accepts_and_says_nothing_keeps_nobody_waiting_for_long() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let settings = config::Redis {
        url: format!("redis://127.0.0.1:{port}").parse().unwrap(),
        username: None,
        password: None,
        ca: None,
    };
    let shared = SharedState::new(&settings).unwrap();
    let started = Instant::now();
    assert!(shared.get::<String>("a").await.is_err());
    let bound = limits::SHARED_STATE_CONNECT_MS + limits::SHARED_STATE_ANSWER_MS;
    println!("a question to a silent Redis ends after {:?}, bound {bound} ms", started.elapsed());
    assert!(started.elapsed() < Duration::from_millis(bound + 1_000));
    let started = Instant::now();
    let top = format!("redis: {{ url: \"redis://127.0.0.1:{port}\" }}\n");
    let world = world(tools().await, &top).await;
    println!("start with a silent Redis: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_millis(limits::REVOCATION_START_MS + 3_000));
    let reply = world.post(&world.token(""), &list_tools()).await;
    assert_eq!(reply.code(), "revocation_unavailable");
}
