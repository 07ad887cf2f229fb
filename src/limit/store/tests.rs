//! The scripts, in a real Redis.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::lease::{Answer, Id, Question};
use super::{Store, period_us, read};
use crate::config::{Rate, SharedLimits};
use crate::limits::{
    SHARED_HEARTBEAT_MS, SHARED_LIMIT_WAIT_MS, SHARED_REPLICA_MS, SHARED_REPLICAS_MAX,
};
use crate::shared_state::SharedState;

/// A Redis of this test's own.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    async fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--dir", &std::env::temp_dir().display().to_string()])
            .stdout(Stdio::null())
            .spawn();
        let redis = Self { port, child: child.expect("needs redis-server") };
        let started = Instant::now();
        while redis.store().beat().await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "redis-server does not answer");
        }
        redis
    }

    fn store(&self) -> Arc<Store> {
        let url = format!("redis://127.0.0.1:{}", self.port).parse().unwrap();
        let settings = crate::config::Redis { url, username: None, password: None, ca: None };
        Store::new(SharedState::new(&settings).unwrap(), SharedLimits { replicas: None })
    }

    fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        client.get_connection().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ask(store: &Store, id: Id, rate: Rate, want: u32) -> Option<Answer> {
    store.ask(id, rate, Question { want, owed: 0 }).await
}

const RATE: Rate = Rate { count: 10, window: Duration::from_secs(10), burst: 5 };

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn script_grants_the_burst_then_names_the_wait_and_keys_end_when_they_mean_nothing() {
    let redis = Redis::start().await;
    let store = redis.store();
    let id = [7; 16];
    assert_eq!(ask(&store, id, RATE, 3).await, Some(Answer::Granted(3)));
    assert_eq!(ask(&store, id, RATE, 3).await, Some(Answer::Granted(2)), "as many as fit");
    let Some(Answer::Over(wait)) = ask(&store, id, RATE, 3).await else { panic!() };
    assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(500), "{wait:?}");
    assert_eq!(ask(&store, [8; 16], RATE, 1).await, Some(Answer::Granted(1)), "another caller");
    let mut connection = redis.connection();
    let key = format!("sallyport:limit:{}", "07".repeat(16));
    let lives: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
    assert!((1..=5_001).contains(&lives), "until the bucket is full: {lives}");
    // Waiting by the clock of Redis itself: the call fits when the script said.
    let started = Instant::now();
    while ask(&store, id, RATE, 1).await != Some(Answer::Granted(1)) {
        assert!(started.elapsed() < wait + Duration::from_secs(1));
    }
    assert!(started.elapsed() + Duration::from_millis(50) >= wait);
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert!(keys.iter().all(|key| key.starts_with("sallyport:limit:")), "{keys:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn calls_that_are_owed_are_charged_and_do_no_more_than_empty_the_bucket() {
    let redis = Redis::start().await;
    let store = redis.store();
    let owing = |id: Id, owed: u32| {
        let store = Arc::clone(&store);
        async move { store.ask(id, RATE, Question { want: 9, owed }).await }
    };
    assert_eq!(owing([1; 16], 3).await, Some(Answer::Granted(2)), "five less three");
    let Some(Answer::Over(wait)) = owing([2; 16], 1_000).await else { panic!() };
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    let Some(Answer::Over(_)) = owing([2; 16], 0).await else { panic!("it was forgotten") };
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn clock_of_redis_that_went_back_empties_a_bucket_and_locks_nobody_out_for_longer() {
    let redis = Redis::start().await;
    let store = redis.store();
    let key = format!("sallyport:limit:{}", "07".repeat(16));
    let year_3000_us = 32_503_680_000_000_000_u64;
    let mut connection = redis.connection();
    let _: () = redis::cmd("SET").arg(&key).arg(year_3000_us).query(&mut connection).unwrap();
    let Some(Answer::Over(wait)) = ask(&store, [7; 16], RATE, 1).await else { panic!() };
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn extreme_rates_neither_fail_nor_admit_without_end() {
    let redis = Redis::start().await;
    let store = redis.store();
    let day = Duration::from_secs(86_400);
    let slow = Rate { count: 1, window: day, burst: u32::MAX };
    assert_eq!(ask(&store, [1; 16], slow, 64).await, Some(Answer::Granted(64)));
    let fast = Rate { count: u32::MAX, window: Duration::from_secs(1), burst: 1 };
    assert!((period_us(fast) - 1.0).abs() < f64::EPSILON, "a million calls a second");
    assert_eq!(ask(&store, [2; 16], fast, 64).await, Some(Answer::Granted(1)));
    assert_eq!(
        ask(&store, [3; 16], Rate { count: 0, burst: 0, window: day }, 1).await,
        Some(Answer::Granted(1))
    );
    let Some(Answer::Over(wait)) =
        ask(&store, [3; 16], Rate { count: 0, burst: 0, window: day }, 1).await
    else {
        panic!()
    };
    assert!(wait <= day && wait > day / 2, "{wait:?}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn replicas_count_each_other_until_shared_replica_ms_after_the_last_beat() {
    let redis = Redis::start().await;
    // The one that waited for Redis beat too.
    let mut connection = redis.connection();
    let _: () = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    let stores = [redis.store(), redis.store(), redis.store()];
    for store in &stores {
        assert_eq!(store.parts(), None, "nobody knows before the first beat");
        store.start().await;
    }
    assert_eq!(stores[2].status().replicas, 3);
    assert!(stores.iter().all(|store| store.is_up()));
    let started = Instant::now();
    stores[0].beat().await.unwrap();
    assert_eq!(stores[0].status().replicas, 3);
    while stores[0].status().replicas != 1 {
        stores[0].beat().await.unwrap();
        tokio::time::sleep(Duration::from_millis(SHARED_HEARTBEAT_MS)).await;
        assert!(started.elapsed() < Duration::from_millis(2 * SHARED_REPLICA_MS));
    }
    assert!(
        started.elapsed() + Duration::from_millis(500) > Duration::from_millis(SHARED_REPLICA_MS)
    );
    // However many ever beat, only so many are kept.
    let now = i64::MAX / 2;
    let mut many = redis::cmd("ZADD");
    many.arg("sallyport:limit:replicas");
    for n in 0..2 * SHARED_REPLICAS_MAX {
        many.arg(now).arg(n);
    }
    let _: () = many.query(&mut connection).unwrap();
    stores[0].beat().await.unwrap();
    assert_eq!(stores[0].status().replicas, SHARED_REPLICAS_MAX);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run installs it"]
async fn question_to_a_redis_that_stopped_ends_within_shared_limit_wait_ms() {
    let redis = Redis::start().await;
    let store = redis.store();
    store.start().await;
    let pid = redis.child.id().to_string();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-STOP");
    let started = Instant::now();
    assert_eq!(ask(&store, [7; 16], RATE, 1).await, None);
    let took = started.elapsed();
    println!("a question to a stopped Redis ends after {took:?}");
    assert!(took < Duration::from_millis(SHARED_LIMIT_WAIT_MS + 100) && !store.is_up());
    signal("-CONT");
    store.start().await;
    assert!(store.is_up());
}

#[test]
fn what_the_script_never_says_is_no_answer() {
    assert_eq!(read((2, 0), 3), Some(Answer::Granted(2)));
    assert_eq!(read((0, 5), 3), Some(Answer::Over(Duration::from_micros(5))));
    for odd in [(0, 0), (-1, 0), (0, -1), (4, 0)] {
        assert_eq!(read(odd, 3), None, "{odd:?}");
    }
}
