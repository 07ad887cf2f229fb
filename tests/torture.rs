//! The audit log under `kill -9`: a process writes, is killed at any moment, and another goes on.
//! After some kills the end of the last segment is torn, as a power loss leaves it.
//!
//! What was acknowledged is there, whole, under its number; what a start repaired says so; the
//! chain, the tree, every signature and every MAC hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sallyport::audit::{
    self, Destination, Filter, Log, Options, Records, Rhythm, Trust, read_first_key, read_verifiers,
};

/// A seeded generator: the seed is printed, so that a failure can be had again.
struct Random(u64);

impl Random {
    /// A number below `bound`. (xorshift64*, Vigna 2016)
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("torture-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("audit")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So often that kills meet checkpoints, states and ends of segments.
fn options(dir: &Path) -> Options {
    let anchor = dir.parent().unwrap().join("anchor");
    Options {
        rhythm: Rhythm { checkpoint_records: 40, segment_bytes: 64 * 1024, ..Rhythm::default() },
        anchors: vec![Destination::File(anchor)],
        ..Options::new(dir)
    }
}

/// The process that is killed: eight callers that never stop, and say what was acknowledged.
#[test]
#[ignore = "run by the torture in a process of its own, which is killed"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { panic!("{DIR} names no directory") };
    let round = std::env::var(ROUND).unwrap();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Log::open(&options(Path::new(&dir))).unwrap();
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let (log, round) = (log.clone(), round.clone());
                tokio::spawn(async move {
                    for n in 0_u64.. {
                        let id = format!("{round}-{caller}-{n}");
                        let body = format!("{{\"kind\":\"call\",\"id\":\"{id}\"}}");
                        let wait = Duration::from_secs(60);
                        let seq = log.append_durable(body, wait).await.unwrap().seq();
                        // One write: a line that the parent reads to its end was written whole.
                        let line = format!("ack {seq} {id}\n");
                        std::io::stderr().write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    });
}

/// Lets a process write, kills it after `acks` acknowledgements, and returns all of them.
fn killed(dir: &Path, round: u64, acks: u64) -> BTreeMap<u64, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = BTreeMap::new();
    let mut talk = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let mut words = line.strip_suffix('\n').unwrap_or_default().split(' ');
        if let (Some("ack"), Some(seq), Some(id)) = (words.next(), words.next(), words.next()) {
            told.insert(seq.parse().unwrap(), id.to_owned());
            if told.len() as u64 == acks {
                // SIGKILL; what it said before is still read.
                child.kill().unwrap();
            }
        } else {
            talk.push_str(&line);
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(told.len() as u64 >= acks, "round {round} ended by itself: {talk}");
    told
}

/// Leaves what a power loss may leave behind the last synced record: half a line, or lost pages.
fn tear(log: &Path, random: &mut Random) {
    let entries = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    let last = entries.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).max().unwrap();
    let half = b"{\"v\":2,\"seq\":17,\"prev\":\"0011\"";
    let bytes: usize = 1 + usize::try_from(random.below(half.len() as u64)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(last).unwrap();
    match random.below(2) {
        0 => file.write_all(&half[..bytes]).unwrap(),
        _ => file.write_all(&[&vec![0; bytes][..], half, b"\n"].concat()).unwrap(),
    }
}

fn torture(name: &str, rounds: u64) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) | 1);
    eprintln!("SEED={seed}");
    let mut random = Random(seed);
    let dir = Dir::new(name);
    let log = dir.log();
    let mut told = BTreeMap::new();
    let mut trust = Trust::default();
    let mut repaired = 0;
    for round in 0..rounds {
        let acks = 1 + random.below(600);
        told.extend(killed(&log, round, acks));
        if round == 0 {
            let key = fs::read_to_string(log.join("first-mac-key-1")).unwrap();
            trust.first_keys.push(read_first_key(&key).unwrap());
            trust.keys = read_verifiers(&log).unwrap();
        }
        if random.below(3) == 0 {
            tear(&log, &mut random);
        }
        // Repaired by the next start, which is one of ours this time: it only opens and closes.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let log = Log::open(&options(&log)).unwrap();
            repaired += u64::from(log.opened().cut_bytes > 0);
            log.close().await;
        });
        trust.anchors = vec![dir.0.join("anchor")];
        let report = audit::verify(&log, &trust, |_| {}).unwrap();
        assert_eq!(report.findings, [], "SEED={seed}, round {round}: {report}");
        assert_eq!((report.macs, report.covered_seq), (report.records, report.records), "{report}");
        assert_eq!(report.recoveries, repaired, "SEED={seed}, round {round}: {report}");
        assert_eq!(report.head.map(|head| head.seq), Some(report.records));
    }
    let mut found = BTreeMap::new();
    for (record, seq) in Records::open(&log, Filter::default()).unwrap().zip(1_u64..) {
        let record = record.unwrap();
        assert_eq!(record["seq"], seq, "SEED={seed}: a hole");
        found.insert(seq, record["id"].as_str().unwrap_or_default().to_owned());
    }
    for (seq, id) in &told {
        assert_eq!(found.get(seq), Some(id), "SEED={seed}: record {seq} was acknowledged");
    }
    let segments = fs::read_dir(&log).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "jsonl")
    });
    let (told, found, segments) = (told.len(), found.len(), segments.count());
    eprintln!(
        "{rounds} rounds: {told} acknowledged, {found} records, {segments} segments, {repaired} repairs"
    );
    assert!(segments > 1 && told > 0 && repaired > 0, "it was no torture");
}

#[test]
fn what_was_acknowledged_survives_twenty_kills() {
    torture("twenty", 20);
}

#[test]
#[ignore = "some minutes: for the night"]
fn what_was_acknowledged_survives_two_hundred_kills() {
    torture("two-hundred", 200);
}

const DIR: &str = "SALLYPORT_TORTURE_DIR";
const ROUND: &str = "SALLYPORT_TORTURE_ROUND";
