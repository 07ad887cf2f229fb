//! What the audit trail costs: the same gateway with the trail on the disk, and without a disk.

use std::net::SocketAddr;
use std::path::Path;

use super::gateway::{Gateway, Pki};
use crate::CONCURRENCY;

const CALLS: usize = 12_000;
/// One connection alone is bound by the disk.
const CALLS_ALONE: usize = 1_500;
const ROUNDS: usize = 3;
const MEMORY: &str = "/dev/shm";

pub async fn run(pki: &Pki, upstream: SocketAddr) {
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let durable = Gateway::start_in(disk, pki, upstream, "durable", CONCURRENCY);
    let written = Gateway::start_in(disk, pki, upstream, "written", CONCURRENCY);
    let memory = Path::new(MEMORY)
        .is_dir()
        .then(|| Gateway::start_in(Path::new(MEMORY), pki, upstream, "written", CONCURRENCY));
    let targets: Vec<_> = [("durable", Some(&durable)), ("written", Some(&written))]
        .into_iter()
        .chain([("in memory", memory.as_ref())])
        .filter_map(|(name, gateway)| Some((name, gateway?.client(pki))))
        .collect();
    println!(
        "\n| audit trail | connections | calls a second | p50 us | p99 us |\n|---|---|---|---|---|"
    );
    for connections in [1, 16, 64] {
        let calls = if connections == 1 { CALLS_ALONE } else { CALLS };
        let mut best: Vec<Option<Round>> = targets.iter().map(|_| None).collect();
        for _ in 0..ROUNDS {
            for ((_, client), best) in targets.iter().zip(&mut best) {
                let (rate, times) = client.load("small", connections, calls).await;
                let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
                let round = Round { rate, p50: at(50), p99: at(99) };
                if best.as_ref().is_none_or(|best| best.rate < round.rate) {
                    *best = Some(round);
                }
            }
        }
        for ((name, _), best) in targets.iter().zip(&best) {
            let Round { rate, p50, p99 } = best.as_ref().unwrap();
            println!("| {name} | {connections} | {rate:.0} | {p50} | {p99} |");
        }
    }
}

/// The best of several counts, because other work on the machine only takes away.
struct Round {
    rate: f64,
    p50: u128,
    p99: u128,
}
