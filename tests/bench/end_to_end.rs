//! What the gateway adds to an exchange: `cargo bench --bench end_to_end`.
//!
//! One run on loopback: the same client and the same upstream, first without a gateway over plain
//! HTTP, then through a Sallyport process with every gate on, over TLS on kept-alive connections.
//! Rounds are interleaved, medians are shown. Counts are fixed, so the run takes about a minute.
//!
//! Three figures. *CPU* is what the gateway process spent per exchange, from the scheduler's own
//! account; it hardly depends on other work on the machine. *p50* and *p99* are those of one
//! connection that sends its next request after the answer, so that nothing waits in a queue;
//! *added* is the difference to the run without a gateway. The durable audit trail waits for the
//! disk twice in the latter case, which is the price of the disk; the rows `written` show the
//! gateway without it. *Bridged* is a client of 2026-07-28 in front of the same server, which keeps
//! sessions: what the bridge costs beside the straight way.
//!
//! A second table shows what the audit trail costs at 1, 16 and 64 connections: on the disk, handed
//! to the system only, and handed to a file system in memory, which leaves no more than the writing
//! of the records.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement may fail loudly, and prints its result"
)]

mod keys;
mod samples;
mod end_to_end {
    pub mod client;
    pub mod gateway;
    pub mod trail;
    pub mod upstream;
}

use std::sync::Arc;
use std::time::Duration;

use end_to_end::client::{Client, Measured};
use end_to_end::gateway::{Gateway, Pki};
use end_to_end::upstream;
use samples::{SIZE, Text};

fn main() {
    // `cargo test --benches` starts this too, and wants no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, run());
}

async fn run() {
    let upstream = upstream::start(answer).await;
    let pki = Pki::new();
    let durable = Gateway::start(&pki, upstream, "durable", CONCURRENCY);
    let written = Gateway::start(&pki, upstream, "written", CONCURRENCY);
    let targets = [
        Target { name: "no gateway", client: Client::plain(upstream), pid: None },
        Target { name: "Sallyport", client: durable.client(&pki), pid: Some(durable.pid()) },
        Target {
            name: "Sallyport, audit written",
            client: written.client(&pki),
            pid: Some(written.pid()),
        },
        // The same server, asked by a client of the other era.
        Target {
            name: "Sallyport, bridged",
            client: durable.client(&pki).modern(),
            pid: Some(durable.pid()),
        },
    ];
    println!(
        "\n| answer | target | CPU us per exchange | of client and upstream's | p50 us | p99 us | p50 added | p99 added |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for (name, tool) in
        [("small", "small"), ("8 KiB with personal data", "personal"), ("8 KiB without", "clean")]
    {
        let mut rows: Vec<Vec<Measured>> = targets.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            for (target, row) in targets.iter().zip(&mut rows) {
                row.push(target.client.measure(tool, target.pid, &PLAN).await);
            }
        }
        table(name, &targets, &rows);
    }
    drop(targets);
    drop((durable, written));
    end_to_end::trail::run(&pki, upstream).await;
}

struct Target {
    name: &'static str,
    client: Client,
    pid: Option<u32>,
}

/// How much is measured in one round.
pub struct Plan {
    /// Exchanges of all connections together, for the CPU.
    pub busy: usize,
    /// Connections of these.
    pub connections: usize,
    /// Exchanges of one connection, for the latency.
    pub alone: usize,
    /// Not measured, before each.
    pub warm: usize,
}

const PLAN: Plan = Plan { busy: 6_000, connections: 16, alone: 600, warm: 200 };
const ROUNDS: usize = 3;
const CONCURRENCY: &str = "concurrency_per_principal: 64";

fn answer(tool: &str) -> Arc<str> {
    let text = match tool {
        "personal" => samples::text(Text::Personal, SIZE),
        "clean" => samples::text(Text::Clean, SIZE),
        _ => samples::text(Text::Clean, 300),
    };
    samples::answer(&text).into()
}

fn table(answer: &str, targets: &[Target], rows: &[Vec<Measured>]) {
    let base = Medians::of(&rows[0]);
    for (target, row) in targets.iter().zip(rows) {
        let Medians { cpu, own, p50, p99 } = Medians::of(row);
        match target.pid {
            None => println!("| {answer} | {} | | | {p50:.0} | {p99:.0} | | |", target.name),
            Some(_) => println!(
                "| {answer} | {} | {cpu:.1} | {:.2} | {p50:.0} | {p99:.0} | {:.0} ({:.1}x) | {:.0} ({:.1}x) |",
                target.name,
                cpu / own,
                p50 - base.p50,
                p50 / base.p50,
                p99 - base.p99,
                p99 / base.p99,
            ),
        }
    }
}

/// Medians over the rounds, in microseconds.
struct Medians {
    cpu: f64,
    own: f64,
    p50: f64,
    p99: f64,
}

impl Medians {
    fn of(row: &[Measured]) -> Self {
        let median = |of: &dyn Fn(&Measured) -> Duration| {
            let mut all: Vec<Duration> = row.iter().map(of).collect();
            all.sort_unstable();
            all[all.len() / 2].as_secs_f64() * 1e6
        };
        Self {
            cpu: median(&|m| m.cpu),
            own: median(&|m| m.own_cpu),
            p50: median(&|m| m.p50),
            p99: median(&|m| m.p99),
        }
    }
}
