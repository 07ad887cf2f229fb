//! Checkpoints of a running gateway reach a witness, and no call waits for it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Setup, World, call, plain};
use crate::upstream::Upstream;
use crate::witness::Witness;

/// A witness on a socket. While it is deaf it reads and never answers.
struct Served {
    url: String,
    witness: Arc<Mutex<Witness>>,
    deaf: Arc<Mutex<bool>>,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w", listener.local_addr().unwrap());
        let witness = Arc::new(Mutex::new(Witness::new("witness.example/w1", 7)));
        let served = Self { url, witness, deaf: Arc::default() };
        let (witness, deaf) = (Arc::clone(&served.witness), Arc::clone(&served.deaf));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (witness, deaf) = (Arc::clone(&witness), Arc::clone(&deaf));
                tokio::spawn(async move {
                    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 65536]);
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
                            assert!(text.starts_with("POST /w/add-checkpoint HTTP/1.1\r\n"));
                            let (status, kind, body) = witness.lock().unwrap().answer(body);
                            let answer = format!(
                                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                                body.len()
                            );
                            if stream.write_all(answer.as_bytes()).await.is_err() {
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
        served
    }

    /// A gateway that signs after each commit, and has it cosigned.
    async fn world(&self) -> World {
        let (url, key) = (&self.url, self.witness.lock().unwrap().vkey());
        let audit = format!(
            ", checkpoint: {{ records: 1 }}, anchors: [ {{ name: w1, timeout: 300ms, \
             witness: {{ url: '{url}', key: '{key}' }} }} ]"
        );
        let setup = Setup { audit, ..Setup::default() };
        let world = World::with(Upstream::tool(plain()).await, setup).await;
        let key = std::fs::read_to_string(world.dir.path().join("audit/verifier.pub")).unwrap();
        self.witness.lock().unwrap().serve(&key);
        world
    }

    /// Waits until the witness knows so many records.
    async fn knows(&self, size: u64) {
        let began = Instant::now();
        while self.witness.lock().unwrap().size() < size {
            assert!(began.elapsed() < Duration::from_secs(30), "{size} records");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn every_record_is_cosigned_soon_and_at_the_latest_when_the_gateway_stops() {
    let served = Served::start().await;
    let world = served.world().await;
    let token = world.token("mcp.tools.invoke");
    world.post(&token, &call("echo")).await;
    world.closed_records(1).await;
    served.knows(2).await;
    world.post(&token, &call("echo")).await;
    let (_, metrics) = world.admin("/metrics").await;
    for name in ["anchor_size", "anchor_lag_records", "anchor_last_success_timestamp_seconds"] {
        let line = format!("sallyport_{name}{{anchor=\"w1\"}} ");
        assert!(metrics.contains(&line), "{name} in {metrics}");
    }
    assert!(metrics.contains("sallyport_anchor_contradicted{anchor=\"w1\"} 0"), "{metrics}");
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    let last = report.head.unwrap().seq;
    assert_eq!((report.cosigned[0].seq, served.witness.lock().unwrap().size()), (last, last));
}

#[tokio::test]
async fn dead_witness_slows_no_call_and_vouches_for_everything_when_it_is_back() {
    let served = Served::start().await;
    *served.deaf.lock().unwrap() = true;
    let world = served.world().await;
    let token = world.token("mcp.tools.invoke");
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let call_began = Instant::now();
        assert_eq!(world.post(&token, &call("echo")).await.status, 200);
        slowest = slowest.max(call_began.elapsed());
    }
    // Each request to the witness takes its whole time, and more of them than one went out.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    world.closed_records(20).await;
    assert_eq!(world.admin("/readyz").await.0, 200);
    let (began, line) = (Instant::now(), "sallyport_anchor_failures_total{anchor=\"w1\"} ");
    loop {
        let (_, metrics) = world.admin("/metrics").await;
        let failures = metrics.lines().find_map(|found| found.strip_prefix(line));
        if failures.is_some_and(|failures| failures != "0") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    *served.deaf.lock().unwrap() = false;
    served.knows(40).await;
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!((report.intents, report.completions), (20, 20));
}
