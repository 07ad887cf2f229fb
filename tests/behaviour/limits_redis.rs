//! Rates that replicas share in a real Redis: three gateways in one process, several clients that
//! call as fast as they can, and a Redis that is restarted empty and stopped under them.

mod losses;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use sallyport::clock::Clock;
use sallyport::config::Rate;
use sallyport::gateway::ReloadError;
use sallyport::limit::slice_max;
use tokio::task::JoinHandle;

use crate::issuer::NOW;
use crate::revocation::{TOKEN, pause};
use crate::revocation_redis::{Redis, tools};
use crate::support::{RESOURCE, Reply, Setup, World, call, post};
use crate::upstream::Upstream;

/// What a limit of these tests says, and what it means.
const RATE: &str = "50/s burst 160";
const MEANT: Rate = Rate { count: 50, window: Duration::from_secs(1), burst: 160 };
const REPLICAS: u64 = 3;

/// A clock that starts at the tokens' own time and goes as fast as the real one.
fn ticking() -> Clock {
    let clock = Clock::manual(NOW);
    let hands = clock.clone();
    tokio::spawn(async move {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = Instant::now();
            hands.advance(now - last);
            last = now;
        }
    });
    clock
}

/// A Redis that syncs nothing to the disk: what it holds lives for seconds.
fn in_memory() -> Redis {
    Redis::with(&["--appendonly", "no"])
}

/// Nothing but rates asks this Redis; addresses are not limited.
fn top(redis: &Redis, shared: &str) -> String {
    let redis = redis.yaml();
    format!(
        "{redis}revocation: {{ redis: false }}\nsessions: {{ key: {{ file: seal.key }} }}\n\
         limits: {{ per_address: off, shared: {shared} }}\n"
    )
}

/// Replicas: one issuer, one server behind, one Redis.
struct Replicas {
    worlds: Vec<Arc<World>>,
    upstream: Upstream,
}

impl Replicas {
    async fn start(count: u64, top: &str, limits: &str) -> Self {
        Self::each((0..count).map(|_| top.to_owned()).collect(), limits).await
    }

    /// Each with its own lines.
    async fn each(tops: Vec<String>, limits: &str) -> Self {
        let (upstream, clock, count) = (tools().await, ticking(), tops.len() as u64);
        let mut worlds: Vec<Arc<World>> = Vec::new();
        for top in tops {
            let own = |world: &Arc<World>| {
                format!("  - issuer: {}\n    roles_claim: roles\n", world.issuer.url())
            };
            let setup = Setup {
                top,
                server: format!("    limits: {limits}\n"),
                issuers: worlds.first().map(own),
                clock: Some(clock.clone()),
                audit: ", durability: written".to_owned(),
                ..Setup::default()
            };
            worlds.push(Arc::new(World::with_key(upstream.clone(), setup, TOKEN).await));
        }
        let replicas = Self { worlds, upstream };
        // Each learns of those that came later by its next heartbeat.
        for world in &replicas.worlds {
            until(world, "sallyport_limit_store_replicas{store=\"redis\"}", count).await;
        }
        replicas
    }

    fn token(&self, subject: &str) -> String {
        let token = self.worlds[0].issuer.token().audience(RESOURCE).subject(subject);
        token.scope("mcp.tools.invoke").sign()
    }

    /// Clients that call without a pause until they are told to stop, two of each replica.
    fn load(&self) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let token = self.token("alice");
        let started = Instant::now();
        let clients =
            self.worlds.iter().flat_map(|world| [world, world]).map(|world| {
                tokio::spawn(calls(Arc::clone(world), token.clone(), Arc::clone(&stop)))
            });
        Load { clients: clients.collect(), stop, started }
    }

    /// Calls that reached the server.
    fn admitted(&self) -> u64 {
        self.upstream.calls("tools/call").len() as u64
    }

    /// Sum over all replicas.
    fn metric(&self, name: &str) -> u64 {
        self.worlds.iter().map(|world| metric(world, name)).sum()
    }
}

fn metric(world: &World, name: &str) -> u64 {
    let text = world.gateway().metrics_text();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_default()
}

/// Waits until a metric has a value.
async fn until(world: &World, name: &str, value: u64) {
    let started = Instant::now();
    while metric(world, name) != value {
        assert!(started.elapsed() < Duration::from_secs(20), "{name} is not {value}");
        pause().await;
    }
}

async fn until_shared(replicas: &Replicas, up: bool) -> Duration {
    let started = Instant::now();
    for world in &replicas.worlds {
        until(world, "sallyport_limit_store_up{store=\"redis\"}", up.into()).await;
    }
    started.elapsed()
}

struct Load {
    clients: Vec<JoinHandle<Vec<Call>>>,
    stop: Arc<AtomicBool>,
    started: Instant,
}

struct Call {
    status: u16,
    took: Duration,
}

/// What clients saw.
struct Seen {
    lasted: Duration,
    admitted: u64,
    refused: u64,
    slowest: Duration,
    /// Of a hundred calls the slowest one.
    p99: Duration,
}

impl Load {
    async fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let lasted = self.started.elapsed();
        let mut all: Vec<Call> = Vec::new();
        for calls in join_all(self.clients).await {
            all.extend(calls.unwrap());
        }
        all.sort_by_key(|call| call.took);
        let count = |status| all.iter().filter(|call| call.status == status).count() as u64;
        let seen = Seen {
            lasted,
            admitted: count(200),
            refused: count(429),
            slowest: all.last().unwrap().took,
            p99: all[all.len() * 99 / 100].took,
        };
        assert_eq!(seen.admitted + seen.refused, all.len() as u64, "nothing but 200 and 429");
        seen
    }
}

/// Calls on one connection until told to stop.
async fn calls(world: Arc<World>, token: String, stop: Arc<AtomicBool>) -> Vec<Call> {
    let stream = TokioIo::new(world.connect().await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut calls = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        sender.ready().await.unwrap();
        let request: http::Request<Full<bytes::Bytes>> =
            post(Some(&token), call("echo").to_string());
        let started = Instant::now();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        calls.push(Call { status, took: started.elapsed() });
    }
    calls
}

/// Calls that a rate gives over a time, without its burst.
fn refill(lasted: Duration) -> u64 {
    u64::try_from(lasted.as_millis()).unwrap() * u64::from(MEANT.count) / 1_000 + 1
}

fn is_rate_limited(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (429, "rate_limited"));
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(reply.header("ratelimit").contains("principal"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p41_three_replicas_admit_what_one_would_and_ask_seldom() {
    let redis = in_memory();
    let limits = format!("{{ per_principal: \"{RATE}\" }}");
    let replicas = Replicas::start(REPLICAS, &top(&redis, "true"), &limits).await;
    let load = replicas.load();
    // Somebody else, who stays within the rate, is never refused meanwhile.
    let bob = replicas.token("bob");
    for n in 0..40 {
        let world = &replicas.worlds[n % replicas.worlds.len()];
        assert_eq!(world.post(&bob, &call("echo")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = load.end().await;
    let held = REPLICAS * u64::from(slice_max(MEANT));
    let fits = u64::from(MEANT.burst) + refill(seen.lasted);
    let asked =
        replicas.metric("sallyport_limit_store_calls_total{answered=\"asked\",store=\"redis\"}");
    let leased =
        replicas.metric("sallyport_limit_store_calls_total{answered=\"leased\",store=\"redis\"}");
    println!(
        "{:?}: {} admitted of {} calls; the rate alone gives {fits}, the bound is {}; asked {asked}, not asked {leased}; p99 {:?}, slowest {:?}",
        seen.lasted,
        seen.admitted,
        seen.admitted + seen.refused,
        fits + held,
        seen.p99,
        seen.slowest
    );
    assert!(seen.refused > 0, "the clients were not fast enough for the test");
    assert!(seen.admitted <= fits + held);
    assert!(seen.admitted * 10 >= (fits - held) * 9, "what fits is admitted");
    assert_eq!(seen.admitted + 40, replicas.admitted());
    assert!(leased > 0, "not every call asks");
    assert_eq!(replicas.metric("sallyport_limit_store_failures_total{store=\"redis\"}"), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p41_small_bursts_are_shared_exactly_and_outlive_a_restart_of_a_replica() {
    let redis = in_memory();
    let limits = "{ per_principal: 5/h, per_tool: { \"crm.*\": 2/h } }";
    let mut replicas = Replicas::start(REPLICAS, &top(&redis, "true"), limits).await;
    let alice = replicas.token("alice");
    let everywhere = |tool: &'static str| {
        let alice = &alice;
        let one = move |world: &Arc<World>| {
            let world = Arc::clone(world);
            async move { world.post(alice, &call(tool)).await }
        };
        replicas.worlds.iter().chain(&replicas.worlds).map(one).collect::<Vec<_>>()
    };
    let replies = join_all(everywhere("crm.read")).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 2);
    let replies = join_all(everywhere("echo")).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 0, "six were counted");
    replies.iter().for_each(is_rate_limited);
    let bob = replicas.token("bob");
    assert_eq!(replicas.worlds[1].post(&bob, &call("echo")).await.status, 200);
    // One that begins anew knows what was used before.
    let mut world = Arc::into_inner(replicas.worlds.remove(0)).unwrap();
    world.restart().await;
    is_rate_limited(&world.post(&alice, &call("echo")).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn rates_change_by_reload_and_whether_they_are_shared_by_restart() {
    let redis = in_memory();
    let top = top(&redis, "{ replicas: 3 }");
    let replicas = Replicas::start(1, &top, "{ per_principal: 1/h }").await;
    let (world, alice) = (&replicas.worlds[0], replicas.token("alice"));
    assert_eq!(world.post(&alice, &call("echo")).await.status, 200);
    let same = world.yaml("    limits: { per_principal: 1/h }\n");
    world.gateway().reload(world.check(&same).unwrap()).unwrap();
    is_rate_limited(&world.post(&alice, &call("echo")).await);
    let more = world.yaml("    limits: { per_principal: 2/h }\n");
    world.gateway().reload(world.check(&more).unwrap()).unwrap();
    assert_eq!(world.post(&alice, &call("echo")).await.status, 200, "a changed rate begins anew");
    for other in ["{ replicas: 4 }", "false"] {
        let other = more.replace("{ replicas: 3 }", other);
        let refused = world.gateway().reload(world.check(&other).unwrap()).unwrap_err();
        let ReloadError::Fixed(names) = refused else { panic!("{refused}") };
        assert_eq!(names, ["limits.shared"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn redis_holds_no_names_and_needs_no_more_rights_than_the_manual_names() {
    let user = |rights: &str| -> Vec<String> {
        let user = format!("--appendonly no --user gateway on >{TOKEN} {rights}");
        user.split(' ').map(str::to_owned).collect()
    };
    let with = |rights: &str| {
        let user = user(rights);
        Redis::with(&user.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let login = |redis: &Redis, shared: &str| {
        let login = "username: gateway, password: { file: seal.key } }\n";
        top(redis, shared).replacen(" }\n", &format!(", {login}"), 1)
    };
    let rights = "~sallyport:limit:* +@connection +evalsha +script|load +time +get +set +zadd +zcard \
                  +zremrangebyscore +zremrangebyrank +pexpire";
    let manual = include_str!("../../src/manual/operations.md").replace('\n', " ");
    assert!(manual.contains(rights));
    let redis = with(rights);
    let limits = "{ per_principal: 2/h, per_route: 9/h }";
    let replicas = Replicas::start(1, &login(&redis, "true"), limits).await;
    let (world, alice) = (&replicas.worlds[0], replicas.token("alice"));
    for status in [200, 200, 429] {
        assert_eq!(world.post(&alice, &call("echo")).await.status, status);
    }
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut connection = client.get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        let name = key.strip_prefix("sallyport:limit:").unwrap();
        assert!(name == "replicas" || name.len() == 32, "{key}");
        let lives: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
        assert!(lives > 0, "{key} ends by itself");
    }
    // The rights of revocations alone: rates say that they are not shared, and are kept all the same.
    let redis = with("~sallyport:* &sallyport:* +@read +@write +@pubsub +@scripting +@connection");
    let text = login(&redis, "{ replicas: 2 }");
    let (upstream, setup) = (
        tools().await,
        Setup { top: text, server: format!("    limits: {limits}\n"), ..Setup::default() },
    );
    let world = World::with_key(upstream, setup, TOKEN).await;
    assert_eq!(metric(&world, "sallyport_limit_store_up{store=\"redis\"}"), 0);
    let token = world.token("mcp.tools.invoke");
    for status in [200, 429] {
        assert_eq!(world.post(&token, &call("echo")).await.status, status, "half of the rate");
    }
}

/// Mean time of the stage of limits, microseconds, over calls that came one after the other.
async fn stage_us(replicas: &Replicas, calls: u64) -> f64 {
    let (world, alice) = (&replicas.worlds[0], replicas.token("alice"));
    for _ in 0..calls {
        assert_eq!(world.post(&alice, &call("echo")).await.status, 200);
    }
    let text = world.gateway().metrics_text();
    let read = |end: &str| {
        let name =
            format!("sallyport_stage_duration_seconds_{end}{{server=\"crm\",stage=\"limit\"}}");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        value.trim().parse::<f64>().unwrap()
    };
    read("sum") / read("count") * 1e6
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn callers_in_demand_ask_once_for_many_calls_and_those_of_slow_rates_for_each() {
    let (redis, other) = (in_memory(), in_memory());
    let calls = 300;
    let counted = |how: &str| {
        format!("sallyport_limit_store_calls_total{{answered=\"{how}\",store=\"redis\"}}")
    };
    let asks = "{ per_principal: \"1/s burst 15000\" }";
    let asking = Replicas::start(1, &top(&redis, "true"), asks).await;
    let asked_us = stage_us(&asking, calls).await;
    assert_eq!((asking.metric(&counted("asked")), asking.metric(&counted("leased"))), (calls, 0));
    let lends = "{ per_principal: \"1000/s burst 15000\" }";
    let lending = Replicas::start(1, &top(&other, "true"), lends).await;
    let leased_us = stage_us(&lending, calls).await;
    assert!(
        lending.metric(&counted("asked")) <= 12 && lending.metric(&counted("leased")) >= calls - 12
    );
    println!(
        "mean time in the stage of limits: asked {asked_us:.0} us, mostly leased {leased_us:.0} us"
    );
}
