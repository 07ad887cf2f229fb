//! Batches as objects in a bucket that writes over nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::stub::{Do, Stub, log, numbers, quick, running, shipped, sink};
use crate::config::{AwsCredentials, S3, Sink, SinkHttp, SinkTarget};
use crate::limits::SINK_LINGER_MS;
use crate::secret::Secret;
use crate::sinks::testing::line;

pub(super) fn bucket_sink(http: SinkHttp, retention: Option<Duration>) -> Sink {
    let credentials = AwsCredentials {
        access_key_id: "AKID".into(),
        secret_access_key: Secret::new(b"secret".to_vec()),
        session_token: Some(Secret::new(b"session".to_vec())),
    };
    let (bucket, prefix, region) = ("evidence".into(), "gw/".into(), "eu-central-1".into());
    let s3 = S3 { http, bucket, prefix, region, retention, credentials };
    let mut sink = sink(SinkTarget::S3(Box::new(s3)));
    sink.timeout = Duration::from_secs(10);
    sink
}

#[tokio::test]
async fn batches_become_objects_named_by_their_records_each_once() {
    let objects: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
    let (kept, mut n) = (Arc::clone(&objects), 0);
    let stub = Stub::with_tls(move |request| {
        n += 1;
        assert_eq!(request.method, "PUT");
        assert_eq!(request.header("x-amz-security-token"), Some("session"));
        assert!(request.header("x-amz-object-lock-mode").is_none(), "nobody asked for a lock");
        let mut objects = kept.lock().unwrap();
        let there = objects.contains_key(&request.target);
        if n != 1 && !there {
            objects.insert(request.target.clone(), request.body.clone());
        }
        match (n, there) {
            (1, _) => Do::Answer("503 Slow Down", "", String::new()),
            // It was stored, and nobody learned of it.
            (2, _) => Do::CutAnswer,
            (_, true) => Do::Answer("412 Precondition Failed", "", String::new()),
            (_, false) => Do::Answer("200 OK", "", String::new()),
        }
    })
    .await;
    let dir = log(20);
    let status = shipped(&dir, 20, bucket_sink(stub.http(""), None)).await;
    assert_eq!((status.delivered, status.rejected), (20, 0));
    assert!(status.retries >= 2);
    let objects = objects.lock().unwrap();
    let all: Vec<u64> = objects.values().flat_map(|body| numbers(body)).collect();
    assert_eq!(all, (1..=20).collect::<Vec<u64>>());
    let first = objects.keys().next().unwrap();
    assert!(
        first.starts_with("/evidence/gw/records/00000000000000000001-00000000000000000008-"),
        "{first}"
    );
    assert_eq!(objects[first].lines().next().unwrap(), line(1));
}

#[tokio::test]
async fn batch_that_waits_long_leaves_when_it_is_full_or_when_the_gateway_stops() {
    let stub = Stub::playing([], Do::Answer("200 OK", "", String::new())).await;
    let dir = log(20);
    let mut sink = bucket_sink(stub.http(""), None);
    sink.batch_wait = Some(Duration::from_secs(3600));
    assert!(Duration::from_millis(SINK_LINGER_MS) < Duration::from_secs(3600));
    let sinks = running(&dir, 20, &[sink]);
    let began = std::time::Instant::now();
    // Two batches of eight are full; four records wait for more, or for the end.
    while sinks.status()[0].lag_records != 4 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", sinks.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(5 * quick().poll).await;
    assert_eq!(stub.requests().len(), 2);
    sinks.close(Duration::from_secs(30)).await;
    assert_eq!(stub.requests().len(), 3);
}
