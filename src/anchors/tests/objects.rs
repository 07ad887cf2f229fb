//! Checkpoints as objects: before a bucket of our own, which refuses to write over anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::audit::{AnchorFiles, latest};
use crate::config::{AwsCredentials, S3, SinkHttp};
use crate::secret::Secret;
use crate::sinks::tests::stub::{Do, Request, Stub};

type Objects = Arc<Mutex<BTreeMap<String, String>>>;

pub(super) fn config(http: SinkHttp) -> S3 {
    S3 {
        http,
        bucket: "evidence".into(),
        prefix: "gw 1/".into(),
        region: "eu-central-1".into(),
        retention: Some(Duration::from_secs(86_400)),
        credentials: AwsCredentials {
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new(b"secret".to_vec()),
            session_token: None,
        },
    }
}

fn answer(objects: &Objects, request: &Request) -> Do {
    let mut objects = objects.lock().unwrap();
    let none = |status: &'static str| Do::Answer(status, "", String::new());
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let name = path.strip_prefix("/evidence").unwrap().trim_start_matches('/').to_owned();
    match request.method.as_str() {
        "PUT" => {
            for field in ["x-amz-checksum-sha256", "x-amz-object-lock-retain-until-date"] {
                assert!(request.header(field).is_some(), "{field}: {}", request.head);
            }
            assert_eq!(request.header("x-amz-object-lock-mode"), Some("COMPLIANCE"));
            assert_eq!(request.header("if-none-match"), Some("*"));
            if objects.contains_key(&name) {
                return none("412 Precondition Failed");
            }
            objects.insert(name, request.body.clone());
            none("200 OK")
        }
        "GET" if name.is_empty() => {
            let after = query.split('&').find_map(|pair| pair.strip_prefix("start-after="));
            let after = after.unwrap().replace("%2F", "/");
            let next = objects.keys().find(|key| **key > after);
            let contents = next.map(|key| format!("<Contents><Key>{key}</Key></Contents>"));
            let body =
                format!("<ListBucketResult>{}</ListBucketResult>", contents.unwrap_or_default());
            Do::Answer("200 OK", "", body)
        }
        "GET" => match objects.get(&name) {
            Some(text) => Do::Answer("200 OK", "", text.clone()),
            None => none("404 Not Found"),
        },
        other => panic!("{other}"),
    }
}

async fn bucket() -> (Stub, Objects) {
    let objects = Objects::default();
    let kept = Arc::clone(&objects);
    (Stub::with_tls(move |request| answer(&kept, request)).await, objects)
}

fn anchor(stub: &Stub) -> RemoteAnchor {
    remote(AnchorTarget::S3(Box::new(config(stub.http("")))))
}

/// Writes what the bucket has to a folder, as a download does.
fn downloaded(objects: &Objects, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (name, text) in objects.lock().unwrap().iter() {
        std::fs::write(to.join(name.rsplit('/').next().unwrap()), text).unwrap();
    }
}

#[tokio::test]
async fn each_checkpoint_becomes_an_object_under_a_lock_and_verify_reads_the_folder_of_them() {
    let (dir, (stub, objects)) = (Folder::new(), bucket().await);
    for more in [2, 3] {
        grow(dir.path(), more).await;
        let anchors = start(dir.path(), &anchor(&stub));
        until(&anchors, "size", |status| status.size >= 2 && status.lag_s == 0.0).await;
        anchors.close(Duration::from_secs(10)).await;
        // What is there is found to be ours.
        let again = start(dir.path(), &anchor(&stub));
        let before = stub.requests().len();
        until(&again, "asked", |_| stub.requests().len() >= before + 3).await;
        again.close(Duration::from_secs(10)).await;
        assert!(!again.status(0)[0].contradicted && again.status(0)[0].failures == 0);
    }
    let names: Vec<String> = objects.lock().unwrap().keys().cloned().collect();
    let name = |size| format!("gw%201/checkpoints/{size:020}.checkpoint");
    assert_eq!(names, [name(2), name(5)]);
    assert_eq!(objects.lock().unwrap()[&name(5)], latest(dir.path()).unwrap().unwrap().note);
    let kept = dir.path().join("kept");
    downloaded(&objects, &kept);
    let trust = Trust { anchors: vec![kept], ..Trust::default() };
    let report = verify(dir.path(), &trust, |_| {}).unwrap();
    assert_eq!((report.exit_code(), report.anchored, report.anchored_seq), (0, 2, 5), "{report}");
}

#[tokio::test]
async fn log_that_was_rolled_back_or_rewritten_meets_its_own_objects() {
    let (dir, (stub, objects)) = (Folder::new(), bucket().await);
    grow(dir.path(), 4).await;
    let older = Folder::new();
    let rolled = older.path().join("log");
    copy(dir.path(), &rolled);
    grow(dir.path(), 3).await;
    let anchors = start(dir.path(), &anchor(&stub));
    has(&anchors, 7).await;
    anchors.close(Duration::from_secs(10)).await;
    let reason = |dir: &Path| AnchorFiles::new(dir, "w1").refusal().unwrap().unwrap();

    let anchors = start(&rolled, &anchor(&stub));
    until(&anchors, "contradicted", |status| status.contradicted).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(reason(&rolled).known, Some(7));
    assert_eq!(verify(&rolled, &Trust::default(), |_| {}).unwrap().exit_code(), 13);
    // It goes on to the same number of records, which are others.
    std::fs::remove_dir_all(rolled.join("anchors")).unwrap();
    grow(&rolled, 3).await;
    let anchors = start(&rolled, &anchor(&stub));
    until(&anchors, "contradicted", |status| status.contradicted).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(reason(&rolled).reason, "it knows other records under the same numbers");
    // And the objects, downloaded, show it to whoever has the public key.
    std::fs::remove_dir_all(rolled.join("anchors")).unwrap();
    downloaded(&objects, &older.path().join("kept"));
    let keys = crate::audit::read_verifiers(dir.path()).unwrap();
    let trust = Trust { keys, anchors: vec![older.path().join("kept")], ..Trust::default() };
    assert_eq!(verify(&rolled, &trust, |_| {}).unwrap().exit_code(), 13);
}

#[tokio::test]
async fn bucket_that_may_not_be_listed_takes_objects_and_errors_are_told_by_their_code() {
    let dir = Folder::new();
    grow(dir.path(), 2).await;
    let (objects, mut puts) = (Objects::default(), 0);
    let kept = Arc::clone(&objects);
    let stub = Stub::with_tls(move |request| {
        if request.target.contains("list-type") {
            return Do::Answer("403 Forbidden", "", "<Code>AccessDenied</Code>".into());
        }
        puts += 1;
        match puts {
            1 => Do::Answer("503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>".into()),
            _ => answer(&kept, request),
        }
    })
    .await;
    let anchors = start(dir.path(), &anchor(&stub));
    let status = has(&anchors, 2).await;
    assert_eq!(status.failures, 1);
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(objects.lock().unwrap().len(), 1);
}
