//! The Redis that replicas share, a real one.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{World, close};
use crate::upstream::Upstream;

struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    fn start(more: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(more.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("needs redis-server");
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::yield_now();
        }
        Self { port, child }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn world(port: u16, login: &str) -> World {
    let mut world = World::healthy().await;
    world.pki.write_file("redis.secret", "right");
    close(&world.pki.path("redis.secret"));
    world.more.push_str(&format!(
        "redis: {{ url: 'redis://127.0.0.1:{port}'{login} }}\nrevocation: {{ redis: true }}\n"
    ));
    world
}

const LOGIN: &str = ", username: gateway, password: { file: redis.secret }";

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_is_absent_fails() {
    let gone = Upstream::dead().await.address.port();
    let seen = world(gone, "").await.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    seen.says('✗', "redis-connect", "Redis does not answer", "start Redis");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn redis_that_may_throw_away_what_it_holds_is_warned_about() {
    let redis = Redis::start("--maxmemory-policy allkeys-lru");
    let seen = world(redis.port, "").await.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    seen.line('✓', "redis-connect");
    seen.line('✓', "redis-commands");
    seen.line('✓', "redis-latency");
    seen.says('!', "redis-eviction", "`allkeys-lru`", "noeviction");
    let redis = Redis::start("");
    world(redis.port, "").await.doctor(&[]).await.line('✓', "redis-eviction");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn login_without_a_command_or_a_key_that_is_needed_fails_and_nothing_is_written() {
    let all = "on >right ~sallyport:* &sallyport:* +@all";
    let redis = Redis::start(&format!("--user gateway {all} -zadd"));
    let seen = world(redis.port, LOGIN).await.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    seen.says('✗', "redis-commands", "may not use ZADD", "ACL SETUSER <user> +zadd ~sallyport:*");
    assert!(!seen.text.contains("right"), "{}", seen.text);
    let redis = Redis::start("--user gateway on >right ~other:* &* +@all");
    let seen = world(redis.port, LOGIN).await.doctor(&[]).await;
    seen.says('✗', "redis-commands", "may not use DEL, EVALSHA, EXISTS", "~sallyport:*");
    let redis = Redis::start(&format!("--user gateway {all}"));
    let seen = world(redis.port, LOGIN).await.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    let port = redis.port.to_string();
    let keys = Command::new("redis-cli").args(["-p", &port, "dbsize"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&keys.stdout).trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn clock_of_redis_is_asked_for_only_where_rates_are_shared() {
    let redis = Redis::start("--user gateway on >right ~sallyport:* &sallyport:* +@all -time");
    let mut world = world(redis.port, LOGIN).await;
    world.doctor(&[]).await.line('✓', "redis-commands");
    world.more.push_str("limits: { shared: true }\n");
    let seen = world.doctor(&[]).await;
    seen.says('✗', "redis-commands", "may not use TIME", "+time");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn login_that_redis_refuses_fails() {
    let redis = Redis::start("--user gateway on >other ~* +@all");
    let seen = world(redis.port, LOGIN).await.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "redis-connect", "Redis does not answer", "ACL of Redis");
}
