//! Copies of the audit records leave a running gateway, and no call waits for them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sallyport::limits::{SINK_LINGER_MS, SINK_TICK_MS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Setup, World, call, plain};
use crate::upstream::Upstream;

/// A receiver of webhooks: keeps bodies; while it is deaf it reads and never answers.
struct Receiver {
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
    deaf: Arc<Mutex<bool>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, lines: Arc::default(), deaf: Arc::default() };
        let (lines, deaf) = (Arc::clone(&receiver.lines), Arc::clone(&receiver.deaf));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (lines, deaf) = (Arc::clone(&lines), Arc::clone(&deaf));
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let mut chunk = vec![0; 65536];
                    loop {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        let length = text.lines().find_map(|line| {
                            line.strip_prefix("content-length: ")?.parse::<usize>().ok()
                        });
                        if let (Some((_, body)), Some(length)) =
                            (text.split_once("\r\n\r\n"), length)
                            && body.len() >= length
                        {
                            let is_deaf = *deaf.lock().unwrap();
                            if is_deaf {
                                return std::future::pending::<()>().await;
                            }
                            lines.lock().unwrap().extend(body.lines().map(str::to_owned));
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                            if stream.write_all(answer).await.is_err() {
                                return;
                            }
                            bytes.clear();
                        }
                        match stream.read(&mut chunk).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                        }
                    }
                });
            }
        });
        receiver
    }

    /// The lines, once there are `count`.
    async fn lines(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let lines = self.lines.lock().unwrap().clone();
            if lines.len() >= count {
                return lines;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{} of {count}", lines.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn sinks(&self) -> String {
        let url = &self.url;
        let hook = format!("{{ url: '{url}', secret: {{ file: hook.key }} }}");
        format!(", sinks: [ {{ name: hook, timeout: 300ms, webhook: {hook} }} ]")
    }
}

async fn world(receiver: &Receiver) -> World {
    let key = "0123456789abcdef0123456789abcdef";
    let setup = Setup { audit: receiver.sinks(), ..Setup::default() };
    World::with_files(Upstream::tool(plain()).await, setup, &[("hook.key", key)]).await
}

fn log_lines(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.dir.path().join("audit/000000000001.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_record_reaches_the_receiver_byte_for_byte_soon_and_over_a_restart() {
    let receiver = Receiver::start().await;
    let mut world = world(&receiver).await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call("echo")).await;
    world.closed_records(1).await;
    let began = Instant::now();
    assert_eq!(receiver.lines(2).await, log_lines(&world));
    // A tick and a wait for more; the rest is the slowness of a test machine.
    let usual = Duration::from_millis(SINK_TICK_MS + SINK_LINGER_MS);
    assert!(began.elapsed() < usual + Duration::from_secs(5));
    world.restart().await;
    world.post(&token, &call("echo")).await;
    world.closed_records(2).await;
    receiver.lines(4).await;
    let (_, metrics) = world.admin("/metrics").await;
    assert!(metrics.contains("sallyport_sink_lag_records{sink=\"hook\"}"), "{metrics}");
    assert!(metrics.contains("sallyport_sink_delivered_total{sink=\"hook\"} "), "{metrics}");
    let log = log_lines(&world);
    assert_eq!(receiver.lines(log.len()).await, log);
}

#[tokio::test]
async fn dead_receiver_slows_no_call_and_gets_everything_when_it_is_back() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    *receiver.deaf.lock().unwrap() = true;
    let token = world.token("mcp.tools.invoke");
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(world.post(&token, &call("echo")).await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let (ready, _) = world.admin("/readyz").await;
    assert_eq!(ready, 200);
    *receiver.deaf.lock().unwrap() = false;
    world.closed_records(20).await;
    let log = log_lines(&world);
    assert_eq!(receiver.lines(log.len()).await, log);
}

#[tokio::test]
async fn stopping_gateway_ships_what_is_left() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let token = world.token("mcp.tools.invoke");
    for _ in 0..3 {
        world.post(&token, &call("echo")).await;
    }
    let lines = Arc::clone(&receiver.lines);
    let report = world.finish().await;
    assert_eq!((report.intents, report.completions), (3, 3));
    assert_eq!(lines.lock().unwrap().len() as u64, report.head.unwrap().seq);
}
