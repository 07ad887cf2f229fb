//! What 10,000 idle event streams cost: `cargo bench --bench streams`.
//!
//! One gateway process with every gate on, over TLS; 200 callers who listen on 50 streams each
//! (`GET` of the MCP endpoint) and hear nothing; a server behind in a process of its own. Shown are the
//! resident memory for each stream, the CPU that the process spends on streams that say nothing, and
//! p50 and p99 of one other connection that calls a tool, before and while the streams are open.
//!
//! Over HTTP/1.1 each stream is a connection of its own, and one to the server behind: two open
//! files. Where the system lets a process have fewer than that takes, fewer streams are opened, and
//! the table says how many. Over HTTP/2 a hundred streams share a connection.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement may fail loudly, and prints its result"
)]

#[allow(dead_code, reason = "its stopwatch is of the other bench")]
#[path = "end_to_end/client.rs"]
mod client;
#[path = "end_to_end/gateway.rs"]
mod gateway;
mod keys;
#[path = "streams/listeners.rs"]
mod listeners;
#[path = "streams/upstream.rs"]
mod upstream;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway::{Gateway, Pki};
use listeners::{Caller, Http};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the client of `end_to_end` is asked for, which is not asked here.
#[allow(dead_code, reason = "its stopwatch is of the other bench")]
struct Plan {
    connections: usize,
    warm: usize,
    busy: usize,
    alone: usize,
}

fn main() {
    if std::env::args().any(|arg| arg == "--upstream") {
        return runtime().block_on(upstream::serve());
    }
    // `cargo test --benches` starts this too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let files = raise_open_files();
    println!(
        "\n| streams over | open | memory each, KiB | idle CPU, % of a core | calls p50 us, before | during | p99 us, before | during |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for http in [Http::One, Http::Two] {
        let fit = usize::try_from(files).unwrap_or(STREAMS).saturating_sub(SPARE_FILES);
        let most = if http == Http::One { fit / 2 } else { fit };
        runtime().block_on(measure(http, STREAMS.min(most)));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn measure(http: Http, count: usize) {
    let upstream = Upstream::start();
    let pki = Pki::new();
    let concurrency = format!("concurrency: 16000\n      concurrency_per_principal: {}", EACH * 2);
    let gateway = Gateway::start(&pki, upstream.address, "written", &concurrency);
    let mut callers = Vec::new();
    for number in 0..count.div_ceil(EACH) {
        let token = pki.token(&format!("listener-{number}"));
        callers.push(Caller::begin(gateway.address(), pki.tls(), token).await);
    }
    let before = calls(&gateway, &pki).await;
    let empty_kib = resident_kib(gateway.pid());

    let mut open = Vec::new();
    for (number, caller) in callers.iter().enumerate() {
        open.extend(caller.listen(http, EACH.min(count - number * EACH)).await);
    }
    assert_eq!(open.iter().map(|listening| listening.count()).sum::<usize>(), count);
    // Until what opening them left behind is settled.
    tokio::time::sleep(SETTLE).await;
    let (spent, began) = (cpu(gateway.pid()), Instant::now());
    tokio::time::sleep(IDLE).await;
    let idle = (cpu(gateway.pid()) - spent).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let each_kib = (resident_kib(gateway.pid()) - empty_kib) / count as f64;
    let during = calls(&gateway, &pki).await;
    for listening in &mut open {
        listening.is_silent_and_open();
    }
    println!(
        "| {} | {count} | {each_kib:.1} | {idle:.1} | {} | {} | {} | {} |",
        http.name(),
        before.p50.as_micros(),
        during.p50.as_micros(),
        before.p99.as_micros(),
        during.p99.as_micros(),
    );
}

/// Of one connection that calls, warmed up.
async fn calls(gateway: &Gateway, pki: &Pki) -> Percentiles {
    let mut other = Caller::begin(gateway.address(), pki.tls(), pki.token("other")).await;
    other.calls(CALLS / 4).await;
    Percentiles::of(other.calls(CALLS).await)
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        Self { p50: at(50), p99: at(99) }
    }
}

/// The server behind, in a process of its own: its sockets count there.
struct Upstream {
    child: Child,
    address: SocketAddr,
}

impl Upstream {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("--upstream").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many open files as the system allows, for this process and those that it starts.
fn raise_open_files() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    most.unwrap_or(u64::MAX)
}

fn resident_kib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// CPU time of a process, all its threads, from the scheduler's account in nanoseconds.
fn cpu(pid: u32) -> Duration {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).expect("Linux").flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Duration::from_nanos(nanos)
}

const STREAMS: usize = 10_000;
/// Streams of one caller.
const EACH: usize = 50;
/// Open files of a gateway that are no streams, and then some.
const SPARE_FILES: usize = 400;
const CALLS: usize = 2_000;
const SETTLE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(10);
