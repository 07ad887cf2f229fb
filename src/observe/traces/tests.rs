//! The queue is bounded, and what finds no room is counted.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use super::{Outcome, Telemetry};
use crate::config;
use crate::limits::{
    TRACE_BATCH_MAX, TRACE_DRAIN_MS, TRACE_LINGER_MS, TRACE_QUEUE_MAX, TRACE_TEXT_BYTES_MAX,
    TRACE_TIMEOUT_MS, TRACE_TIMEOUT_MS_MAX, TRACE_TRIES_MAX,
};

fn telemetry(sample: f64) -> config::Telemetry {
    let url = "http://127.0.0.1:1/v1/traces".parse().unwrap();
    let http = config::SinkHttp { url, tls: config::SinkTls::default() };
    let timeout = Duration::from_millis(TRACE_TIMEOUT_MS);
    let (headers, trusted_parents) = (Vec::new(), Vec::new());
    let traces = config::Traces { http, headers, sample, trusted_parents, timeout };
    config::Telemetry { traces: Some(traces), access_log: false }
}

fn outcome() -> Outcome<'static> {
    Outcome {
        request_id: "id",
        began: SystemTime::UNIX_EPOCH,
        lasted: Duration::from_millis(1),
        server: None,
        call: None,
        permitted: false,
        stages: &[],
        status: 200,
        refused: None,
        end: "complete",
        deeds: None,
    }
}

#[tokio::test]
async fn what_finds_no_room_in_the_queue_is_dropped_and_counted() {
    let all = Telemetry::default();
    all.install(all.prepare(&telemetry(1.0)).unwrap());
    // The one thread of this test never lets the exporter run.
    for _ in 0..TRACE_QUEUE_MAX + 5 {
        let traced = all.begin(None, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        traced.close(&outcome());
    }
    assert_eq!(all.figures().dropped.load(std::sync::atomic::Ordering::Relaxed), 5);
}

#[tokio::test]
async fn sampling_follows_its_ratio() {
    let all = Telemetry::default();
    all.install(all.prepare(&telemetry(0.25)).unwrap());
    let begin = || all.begin(None, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    let sampled = (0..4_000).filter(|_| begin().towards().sampled).count();
    assert!((800..1_200).contains(&sampled), "{sampled}");
}

#[test]
fn bounds_fit_each_other() {
    const { assert!(TRACE_BATCH_MAX <= TRACE_QUEUE_MAX && TRACE_TRIES_MAX > 0) }
    const { assert!(TRACE_LINGER_MS < TRACE_DRAIN_MS && TRACE_TIMEOUT_MS <= TRACE_TIMEOUT_MS_MAX) }
    const { assert!(TRACE_TEXT_BYTES_MAX >= 64) }
}
