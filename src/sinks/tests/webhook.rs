//! Signed batches over HTTP: every failure that a receiver or a network can have.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::stub::{Do, Request, Stub, good, log, numbers, quick, running, shipped, sink};
use crate::config::{Sink, SinkTarget};
use crate::secret::Secret;
use crate::sinks::http::{SINK_ANSWER_BYTES_MAX, SINK_CONNECT_MS};
use crate::sinks::{SINK_DRAIN_MS, SinkError, Sinks};

fn webhook(stub: &Stub) -> Sink {
    let secret = Secret::new(b"a key of the receiver".to_vec());
    sink(SinkTarget::Webhook { http: stub.http("/hook?team=1"), secret })
}

/// Records of the requests that were answered with success, by their place in the script.
fn taken(requests: &[Request], failed: usize) -> Vec<u64> {
    requests.iter().skip(failed).flat_map(|request| numbers(&request.body)).collect()
}

#[tokio::test]
async fn batches_are_signed_over_id_time_and_body() {
    let stub = Stub::playing([], good()).await;
    let dir = log(10);
    shipped(&dir, 10, webhook(&stub)).await;
    let requests = stub.requests();
    assert_eq!(requests[0].target, "/hook?team=1");
    assert_eq!(requests[0].header("content-type"), Some("application/x-ndjson"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of the receiver");
    for request in &requests {
        let (id, at) =
            (request.header("webhook-id").unwrap(), request.header("webhook-timestamp").unwrap());
        let signed = format!("{id}.{at}.{}", request.body);
        let signature = request.header("webhook-signature").unwrap().strip_prefix("v1,").unwrap();
        let tag = STANDARD.decode(signature).unwrap();
        hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
    }
    assert_eq!(taken(&requests, 0), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_failure_of_the_other_side_ends_in_every_record_in_order() {
    let failures = [
        Do::Answer("429 Too Many Requests", "retry-after: 0\r\n", "slow down".to_owned()),
        Do::Answer("503 Service Unavailable", "", String::new()),
        Do::Answer("500 Internal Server Error", "", "x".repeat(1000)),
        Do::Answer("401 Unauthorized", "", String::new()),
        Do::Answer("302 Found", "location: http://127.0.0.1:1/\r\n", String::new()),
        Do::CutAnswer,
        Do::CutRequest,
        Do::Garbage,
        Do::Silence,
    ];
    let failed = failures.len();
    let stub = Stub::playing(failures, good()).await;
    let dir = log(20);
    let status = shipped(&dir, 20, webhook(&stub)).await;
    let requests = stub.requests();
    assert_eq!(taken(&requests, failed), (1..=20).collect::<Vec<_>>());
    // The same batch has the same id each time.
    let ids: Vec<_> = requests[..=failed].iter().map(|r| r.header("webhook-id").unwrap()).collect();
    assert!(ids.iter().all(|id| *id == "siem-1-8"), "{ids:?}");
    assert_eq!((status.delivered, status.rejected), (20, 0));
    assert!(status.retries >= failed as u64, "{status:?}");
}

#[tokio::test]
async fn answer_without_end_is_cut_at_its_bound_and_the_batch_sent_again() {
    let huge = Do::Answer("200 OK", "", "x".repeat(SINK_ANSWER_BYTES_MAX + 1));
    let stub = Stub::playing([huge], good()).await;
    let mut sink = webhook(&stub);
    sink.timeout = Duration::from_secs(20);
    let dir = log(3);
    let status = shipped(&dir, 3, sink).await;
    assert_eq!((status.delivered, status.retries), (3, 1));
}

#[tokio::test]
async fn record_that_is_refused_stands_in_the_rejected_file_with_the_reason() {
    let stub = Stub::with(|request| {
        if numbers(&request.body).contains(&5) {
            Do::Answer("400 Bad Request", "", "record 5 is not liked".to_owned())
        } else {
            good()
        }
    })
    .await;
    let dir = log(16);
    let status = shipped(&dir, 16, webhook(&stub)).await;
    assert_eq!((status.delivered, status.rejected), (15, 1));
    let kept = std::fs::read_to_string(dir.path().join("sinks/siem.rejected.jsonl")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((&kept["seq"], &kept["record"]["seq"]), (&5.into(), &5.into()));
    assert_eq!(kept["reason"], "status 400: record 5 is not liked");
}

#[tokio::test]
async fn loss_of_all_memory_loses_no_record() {
    // Each life takes two batches, then hangs; the next one begins from the cursor.
    let dir = log(50);
    let mut seen = Vec::new();
    for life in 0..3 {
        let stub = Stub::playing([good(), good()], Do::Silence).await;
        let sinks = running(&dir, 50, &[webhook(&stub)]);
        while stub.requests().len() < 3 {
            tokio::task::yield_now().await;
        }
        drop(sinks);
        let requests = stub.requests();
        seen.extend(taken(&requests[..2], 0));
        assert_eq!(seen.last(), Some(&(16 * (life + 1))));
    }
    let stub = Stub::playing([], good()).await;
    shipped(&dir, 50, webhook(&stub)).await;
    seen.extend(taken(&stub.requests(), 0));
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn tls_is_verified_against_the_sinks_own_authority() {
    let stub = Stub::with_tls(|_| good()).await;
    let dir = log(3);
    let status = shipped(&dir, 3, webhook(&stub)).await;
    assert_eq!((status.delivered, status.retries), (3, 0));
}

#[tokio::test]
async fn receiver_with_a_certificate_of_somebody_else_gets_nothing() {
    let stub = Stub::with_tls(|_| good()).await;
    let other = Stub::with_tls(|_| good()).await;
    let mut sink = webhook(&stub);
    if let SinkTarget::Webhook { http, .. } = &mut sink.target {
        http.tls = other.http("/").tls;
    }
    let dir = log(3);
    let sinks = running(&dir, 3, &[sink]);
    while sinks.status()[0].retries < 2 {
        tokio::task::yield_now().await;
    }
    sinks.close(Duration::from_millis(1)).await;
    assert_eq!((stub.requests().len(), sinks.status()[0].delivered), (0, 0));
}

#[tokio::test]
async fn dead_receiver_holds_up_the_end_for_a_bounded_time_only() {
    // The wait that the gateway allows, and the time to connect, are shorter than orchestrators'.
    const { assert!(SINK_DRAIN_MS + SINK_CONNECT_MS < 30_000) };
    let stub = Stub::playing([], Do::Silence).await;
    let dir = log(3);
    let sinks = running(&dir, 3, &[webhook(&stub)]);
    let closing = sinks.close(Duration::from_millis(50));
    tokio::time::timeout(Duration::from_secs(10), closing).await.unwrap();
    assert_eq!(sinks.status()[0].lag_records, 3);
}

#[tokio::test]
async fn changed_sink_goes_on_from_its_cursor_and_an_unchanged_one_is_left_alone() {
    let (first, second) = (Stub::playing([], good()).await, Stub::playing([], good()).await);
    let dir = log(4);
    let sinks = running(&dir, 2, &[webhook(&first)]);
    while sinks.status()[0].lag_records > 0 {
        tokio::task::yield_now().await;
    }
    sinks.install(sinks.prepare(&[webhook(&first)]).unwrap());
    assert_eq!(sinks.status()[0].delivered, 2, "it is the same one");
    sinks.install(sinks.prepare(&[webhook(&second)]).unwrap());
    sinks.durable(4);
    sinks.close(Duration::from_secs(30)).await;
    assert_eq!(taken(&first.requests(), 0), [1, 2]);
    assert_eq!(taken(&second.requests(), 0), [3, 4]);
}

#[tokio::test]
async fn sink_that_cannot_be_built_leaves_the_running_ones_as_they_are() {
    let stub = Stub::playing([], good()).await;
    let dir = log(2);
    let sinks = Sinks::new(dir.path(), 2, quick());
    sinks.install(sinks.prepare(&[webhook(&stub)]).unwrap());
    let mut broken = webhook(&stub);
    if let SinkTarget::Webhook { http, .. } = &mut broken.target {
        http.tls.identity = Some((b"no PEM".to_vec().into(), Secret::new(b"none".to_vec())));
    }
    assert_eq!(sinks.prepare(&[broken]).unwrap_err(), SinkError::Identity);
    sinks.close(Duration::from_secs(30)).await;
    assert_eq!(taken(&stub.requests(), 0), [1, 2]);
}
