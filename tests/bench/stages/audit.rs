//! The audit log: append and wait until the record is on the disk, alone and in company.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use sallyport::audit::search::{Field, Plan, Query, Records, search};
use sallyport::audit::{self, Log, Options, Trust, read_first_key};
use sallyport::config::Durability;
use tokio::runtime::Runtime;

use super::directory;

pub fn measure(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let record = record();
    let mut group = criterion.benchmark_group("audit::Log append and wait");
    group.throughput(Throughput::Elements(1));
    for (name, durability) in [("on disk", Durability::Durable), ("written", Durability::Written)] {
        let dir = directory(&format!("audit-{}", name.replace(' ', "-")));
        let options = Options { durability, ..Options::new(&dir) };
        let log = Log::open(&options).unwrap();
        for waiters in [1_u64, 16, 64] {
            group.bench_function(format!("{name}, {waiters} waiters"), |b| {
                b.iter_custom(|records| runtime.block_on(append(&log, record, waiters, records)));
            });
        }
        runtime.block_on(log.close());
        let _ = std::fs::remove_dir_all(&dir);
    }
}

/// A log of some thousand records, verified with the public key beside it, then with all MACs.
pub fn verify(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = directory("audit-verify");
    let log =
        Log::open(&Options { durability: Durability::Written, ..Options::new(&dir) }).unwrap();
    runtime.block_on(async {
        append(&log, record(), 64, RECORDS).await;
        log.close().await;
    });
    let key = std::fs::read_to_string(dir.join("first-mac-key-1")).unwrap();
    let with_macs = Trust { first_keys: vec![read_first_key(&key).unwrap()], ..Trust::default() };
    let mut group = criterion.benchmark_group("audit::verify, a record");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    for (name, trust) in [("public key", Trust::default()), ("and first MAC key", with_macs)] {
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(audit::verify(&dir, &trust, |_| {}).unwrap().exit_code(), 0));
        });
    }
    group.finish();
    let _ = std::fs::remove_dir_all(&dir);
}

/// Where the calls of one person are in a log of many: the first question makes the indexes, the
/// later ones use them. `SALLYPORT_BENCH_RECORDS` says how many records, by default a million.
pub fn query() {
    // Nothing that criterion could repeat; asked for by its name, as groups are.
    if !std::env::args().any(|arg| arg == "query") {
        return;
    }
    let wanted = std::env::var("SALLYPORT_BENCH_RECORDS").ok();
    let records: u64 = wanted.map_or(1_000_000, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let dir = directory("audit-query");
    let log =
        Log::open(&Options { durability: Durability::Written, ..Options::new(&dir) }).unwrap();
    let started = Instant::now();
    runtime.block_on(async {
        let mut last = None;
        for n in 0..records {
            // Ten calls of each person, far apart from each other.
            let person = format!("user-{:08}", n % (records / 10).max(1));
            let line = RECORD.replace("user-00001", &person);
            last = Some(log.append_wait(line, Duration::from_secs(60)).await.unwrap());
        }
        last.unwrap().durable().await.unwrap();
        log.close().await;
    });
    let bytes: u64 = std::fs::read_dir(&dir).unwrap().map(|f| size(&f.unwrap().path())).sum();
    println!(
        "query: {records} records of {} bytes, written in {:.0} s",
        bytes / records,
        started.elapsed().as_secs_f64()
    );
    let mut query = Query::default();
    query.add(Field::Principal, &format!("user-{:08}", 7));
    for round in ["the first time, with the making of indexes", "again", "and again"] {
        let mut found = 0;
        let started = Instant::now();
        let mut taker = Records::new(&query, |_| {
            found += 1;
            ControlFlow::Continue(())
        });
        let plan = Plan { indexed: true, newest_first: false };
        search(&dir, plan, &mut taker, &mut |_| {}).unwrap();
        assert_eq!(found, 10);
        println!(
            "query: 10 records of one person, {round}: {:.0} ms",
            started.elapsed().as_secs_f64() * 1e3
        );
    }
    let _ = std::fs::remove_dir_all(&dir);
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

const RECORDS: u64 = 50_000;

/// `records` records by `waiters` tasks, each of which waits for one before it appends the next.
async fn append(log: &Log, record: &'static [u8], waiters: u64, records: u64) -> Duration {
    let started = Instant::now();
    let mut tasks = Vec::new();
    for waiter in 0..waiters {
        let share = records / waiters + u64::from(waiter < records % waiters);
        let log = log.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..share {
                log.append_durable(record, Duration::from_secs(10)).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    started.elapsed()
}

/// An intent of the usual size: about 500 bytes.
fn record() -> &'static [u8] {
    RECORD.as_bytes()
}

const RECORD: &str = r#"{"timestamp":"2026-11-22T11:38:17.123456Z","kind":"call","phase":"intent","request_id":"019aab7e-5c1f-7d3a-9a70-2f6f1c8e9b00","server":"crm","client":"client-1","user_id":"user-00001","operation":"tools/call","action":"tools.invoke","resource":"get_record","listener":"https","client_ip":"127.0.0.1","auth_method":"bearer","issuer":"https://idp.example.com","token_id":"0123456789abcdef","roles":["analyst","support"],"params":{"q":"customer 4711","limit":1},"decision":"allow","config":"0123456789abcdef"}"#;
