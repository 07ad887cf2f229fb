//! Redis is lost under load: restarted empty, stopped, never there.

use sallyport::limits::{SHARED_LIMIT_WAIT_MS, SHARED_LOST_RETRY_S};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What a machine that is busy with other tests may add to a wait.
const BUSY: Duration = Duration::from_millis(900);

/// Clients call through what happens to Redis, and get one burst more than without it at most.
async fn through(replicas: &Replicas, what: &str, happens: impl Future) {
    let load = replicas.load();
    tokio::time::sleep(Duration::from_secs(2)).await;
    happens.await;
    let back = until_shared(replicas, true).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = load.end().await;
    let rate = u64::from(MEANT.burst) + refill(seen.lasted);
    let held = REPLICAS * u64::from(slice_max(MEANT));
    let bound = 2 * u64::from(MEANT.burst) + refill(seen.lasted) + held + REPLICAS;
    let degraded =
        replicas.metric("sallyport_limit_store_calls_total{answered=\"degraded\",store=\"redis\"}");
    println!(
        "{what}, {:?}: {} admitted of {} calls; the rate alone gives {rate}, the bound is {bound}; {degraded} judged without Redis, shared again {back:?} after it was back; p99 {:?}, slowest {:?}",
        seen.lasted,
        seen.admitted,
        seen.admitted + seen.refused,
        seen.p99,
        seen.slowest
    );
    assert!(degraded > 0 && seen.refused > 0);
    assert!(seen.admitted <= bound);
    assert!(seen.admitted * 10 >= rate * 8, "what fits is admitted");
    assert_eq!(seen.admitted, replicas.admitted());
    let longest = Duration::from_millis(SHARED_LIMIT_WAIT_MS) + BUSY;
    assert!(seen.slowest < longest, "no call waits for Redis for longer");
    let stage = "sallyport_stage_duration_seconds";
    let within = |le: &str| {
        replicas.metric(&format!("{stage}_bucket{{server=\"crm\",stage=\"limit\",le=\"{le}\"}}"))
    };
    assert!(within("1") > 0 && within("1") == within("+Inf"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p41_redis_that_is_restarted_empty_costs_a_burst_and_no_waiting() {
    let mut redis = in_memory();
    let limits = format!("{{ per_principal: \"{RATE}\" }}");
    let replicas = Replicas::start(REPLICAS, &top(&redis, "true"), &limits).await;
    through(&replicas, "restarted empty", async {
        redis.stop();
        until_shared(&replicas, false).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        redis.run();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p41_redis_that_hangs_keeps_nobody_waiting_and_the_rate_holds() {
    let redis = in_memory();
    let limits = format!("{{ per_principal: \"{RATE}\" }}");
    let replicas = Replicas::start(REPLICAS, &top(&redis, "true"), &limits).await;
    through(&replicas, "hung", async {
        redis.signal("-STOP");
        until_shared(&replicas, false).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        redis.signal("-CONT");
    })
    .await;
}

fn is_unknown(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "limit_unavailable"));
    assert_eq!(reply.header("retry-after"), SHARED_LOST_RETRY_S.to_string());
    assert_eq!(reply.header("ratelimit"), "", "nobody knows");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn limit_that_denies_answers_503_while_redis_is_lost_and_recovers_by_itself() {
    let mut redis = in_memory();
    let limits =
        "{ per_principal: 600/m, per_tool: { \"crm.*\": { rate: 600/m, on_store_loss: deny } } }";
    let replicas = Replicas::start(1, &top(&redis, "true"), limits).await;
    let (world, alice) = (&replicas.worlds[0], replicas.token("alice"));
    assert_eq!(world.post(&alice, &call("crm.read")).await.status, 200);
    redis.stop();
    until_shared(&replicas, false).await;
    is_unknown(&world.post(&alice, &call("crm.read")).await);
    assert_eq!(world.post(&alice, &call("echo")).await.status, 200, "another limit shares");
    let records = world.closed_records(3).await;
    let refused = records.iter().find(|record| record["phase"] == "refused").unwrap();
    assert_eq!(refused["code"], "limit_unavailable");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("tool: the Redis of shared rates"), "{reason}");
    assert!(!reason.contains(&redis.port.to_string()), "no address: {reason}");
    let counted = "sallyport_requests_total{action=\"tools.invoke\",decision=\"limit_unavailable\",server=\"crm\"}";
    assert_eq!(metric(world, counted), 1);
    redis.run();
    println!("Redis back to shared: {:?}", until_shared(&replicas, true).await);
    assert_eq!(world.post(&alice, &call("crm.read")).await.status, 200);
    assert_eq!(replicas.admitted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_that_never_reached_its_redis_admits_its_part_and_nobody_without_a_number() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for (shared, statuses) in [("{ replicas: 3 }", [200, 200, 429]), ("true", [503, 503, 503])] {
        let top = format!(
            "redis: {{ url: \"redis://127.0.0.1:{port}\" }}\nrevocation: {{ redis: false }}\n\
             limits: {{ shared: {shared} }}\n"
        );
        let server = "    limits: { per_principal: 6/h }\n".to_owned();
        let setup = Setup { top, server, ..Setup::default() };
        let world = World::with(tools().await, setup).await;
        let token = world.token("mcp.tools.invoke");
        for status in statuses {
            let reply = world.post(&token, &call("echo")).await;
            assert_eq!(reply.status, status, "{shared}: {}", reply.text());
            if status == 503 {
                is_unknown(&reply);
            }
        }
    }
}

/// What lies between one replica and Redis. Closed, it keeps what is sent.
struct Line {
    port: u16,
    closed: Arc<AtomicBool>,
}

impl Line {
    async fn to(redis: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&closed);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", redis)).await.unwrap();
                let (near, far) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near.0, far.1, Arc::clone(&gate)));
                tokio::spawn(carry(far.0, near.1, Arc::clone(&gate)));
            }
        });
        Self { port, closed }
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, closed: Arc<AtomicBool>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        while closed.load(Ordering::Relaxed) {
            pause().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run installs it"]
async fn p41_replica_that_is_cut_off_admits_its_part_and_the_others_go_on_sharing() {
    let redis = in_memory();
    let line = Line::to(redis.port).await;
    let own = top(&redis, "{ replicas: 3 }");
    let cut = own.replace(&format!(":{}", redis.port), &format!(":{}", line.port));
    let limits = format!("{{ per_principal: \"{RATE}\" }}");
    let replicas = Replicas::each(vec![cut, own.clone(), own], &limits).await;
    let up = "sallyport_limit_store_up{store=\"redis\"}";
    let load = replicas.load();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cut_at = Instant::now();
    line.closed.store(true, Ordering::Relaxed);
    until(&replicas.worlds[0], up, 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((metric(&replicas.worlds[1], up), metric(&replicas.worlds[2], up)), (1, 1));
    line.closed.store(false, Ordering::Relaxed);
    until(&replicas.worlds[0], up, 1).await;
    let cut_for = cut_at.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = load.end().await;
    let rate = u64::from(MEANT.burst) + refill(seen.lasted);
    let part = u64::from(MEANT.burst) / 3 + refill(cut_for) / 3 + 1;
    let bound = rate + REPLICAS * u64::from(slice_max(MEANT)) + part;
    println!(
        "one of three cut off for {cut_for:?} of {:?}: {} admitted of {} calls; the rate alone gives {rate}, the bound is {bound}; p99 {:?}, slowest {:?}",
        seen.lasted,
        seen.admitted,
        seen.admitted + seen.refused,
        seen.p99,
        seen.slowest
    );
    assert!(seen.refused > 0 && seen.admitted <= bound);
    assert!(seen.slowest < Duration::from_millis(SHARED_LIMIT_WAIT_MS) + BUSY);
}
