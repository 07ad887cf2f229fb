//! What the tools for reading an audit trail promise, through the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sallyport::audit::{Log, Options, Rhythm};
use serde_json::{Value, json};

#[path = "audit_tools/bundle.rs"]
mod bundle;
#[path = "audit_tools/purge.rs"]
mod purge;
#[path = "audit_tools/query.rs"]
mod query;
#[path = "audit_tools/shred.rs"]
mod shred;
#[path = "audit_tools/tail.rs"]
mod tail;

/// A log in a directory of its own, with many segments, removed at the end.
struct Trail(PathBuf);

impl Trail {
    /// Call `n` has the request id `n` and is refused where `n` divides by ten.
    fn of_calls(calls: u64) -> Self {
        let trail = Self::empty();
        trail.grow(0..calls);
        trail
    }

    fn empty() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("sallyport-tools-{}-{n}", std::process::id())))
    }

    fn grow(&self, calls: std::ops::Range<u64>) {
        self.write(calls.flat_map(records).collect());
    }

    fn write(&self, bodies: Vec<String>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let log = Log::open(&self.options()).unwrap();
            let wait = Duration::from_secs(60);
            // In small portions: a segment ends between two commits only.
            for portion in bodies.chunks(50) {
                let mut pending = Vec::new();
                for body in portion {
                    pending.push(log.append_wait(body, wait).await.unwrap());
                }
                for one in pending {
                    one.durable().await.unwrap();
                }
            }
            log.close().await;
        });
    }

    fn options(&self) -> Options {
        let rhythm = Rhythm { segment_bytes: 64 * 1024, ..Rhythm::default() };
        Options { rhythm, ..Options::new(self.0.join("audit")) }
    }

    fn dir(&self) -> String {
        self.0.join("audit").to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("audit").join(name)
    }

    /// Names of the files in a folder of the log, in order.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.file(folder)) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn segments(&self) -> Vec<String> {
        let mut names = self.names("");
        names.retain(|name| name.ends_with(".jsonl"));
        names
    }

    /// Runs `sallyport audit COMMAND DIR ...`.
    fn run(&self, command: &str, more: &[&str]) -> Output {
        sallyport(&[&["audit", command, &self.dir()], more].concat())
    }

    /// The records that a command prints.
    fn records(&self, command: &str, more: &[&str]) -> Vec<Value> {
        let output = self.run(command, &[&["--format", "jsonl"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        lines(&data(&output))
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a gateway writes of call `n`: one call a second.
fn records(n: u64) -> Vec<String> {
    let at = stamp(n);
    let names = json!({
        "timestamp": at, "kind": "call", "request_id": id(n), "server": format!("srv-{}", n % 3),
        "client": format!("client-{}", n % 7), "user_id": format!("user-{}", n % 50),
        "operation": "tools/call", "action": "tools.invoke", "resource": format!("tool-{}", n % 5),
        "session_id": format!("session-{}", n / 10),
    });
    let with = |more: Value| {
        let mut record = names.clone();
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record.to_string()
    };
    if n.is_multiple_of(10) {
        let refused = json!({
            "phase": "refused", "decision": "deny", "code": "limit_reached", "reason": "=rate, \"all\"",
            "status_code": 429, "latency_ms": 0.5,
        });
        return vec![with(refused)];
    }
    let intent =
        json!({ "phase": "intent", "subject": format!("person-{n}"), "decision": "allow" });
    let mut end = json!({
        "phase": "completion", "timestamp": stamp(n + 1), "status_code": 200,
        "latency_ms": n as f64, "end": "complete",
    });
    if n % 4 == 1 {
        end["redactions"] = json!({ "email": 2 });
    }
    vec![with(intent), with(end)]
}

fn id(n: u64) -> String {
    format!("018bcfe5-0000-7000-8000-{n:012x}")
}

/// `n` seconds behind the start of the log.
fn stamp(n: u64) -> String {
    format!("2026-11-23T{:02}:{:02}:{:02}.000000Z", n / 3600, n / 60 % 60, n % 60)
}

fn sallyport(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sallyport")).args(arguments).output().unwrap()
}

fn data(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The command, whose reader reads one line and goes away.
fn read_one_line(arguments: &[&str]) -> Output {
    use std::io::{BufRead as _, BufReader};
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let mut output = child.wait_with_output().unwrap();
    output.stdout = line.into_bytes();
    output
}
