//! Checkpoints to a receiver of webhooks.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::audit;
use crate::secret::Secret;
use crate::sinks::tests::stub::{Do, Stub, good};

#[tokio::test]
async fn newest_checkpoint_is_posted_as_it_stands_signed_and_again_until_it_is_taken() {
    let dir = Folder::new();
    grow(dir.path(), 3).await;
    let busy = || Do::Answer("429 Too Many Requests", "", String::new());
    let stub = Stub::playing([busy(), Do::CutAnswer], good()).await;
    let secret = Secret::new(b"a key of the receiver, long enough".to_vec());
    let anchor = remote(AnchorTarget::Webhook { http: stub.http("/hook"), secret });
    let anchors = start(dir.path(), &anchor);
    let status = has(&anchors, 3).await;
    assert_eq!(status.failures, 2);
    anchors.close(Duration::from_secs(10)).await;
    grow(dir.path(), 2).await;
    let anchors = start(dir.path(), &anchor);
    has(&anchors, 5).await;
    anchors.close(Duration::from_secs(10)).await;

    let requests = stub.requests();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of the receiver, long enough");
    let ids: Vec<&str> = requests.iter().map(|r| r.header("webhook-id").unwrap()).collect();
    assert_eq!(ids, ["w1-3", "w1-3", "w1-3", "w1-5"]);
    for request in &requests {
        let at = request.header("webhook-timestamp").unwrap();
        let signed = format!("{}.{at}.{}", request.header("webhook-id").unwrap(), request.body);
        let tag = request.header("webhook-signature").unwrap().strip_prefix("v1,").unwrap();
        hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(tag).unwrap()).unwrap();
    }
    assert_eq!(requests[3].body, audit::latest(dir.path()).unwrap().unwrap().note);
    // What was received, one behind the other, is a file for `verify --anchor`.
    let kept = dir.path().join("kept");
    std::fs::write(&kept, requests.iter().map(|r| r.body.as_str()).collect::<String>()).unwrap();
    let trust = Trust { anchors: vec![kept], ..Trust::default() };
    let report = verify(dir.path(), &trust, |_| {}).unwrap();
    assert_eq!((report.exit_code(), report.anchored, report.anchored_seq), (0, 4, 5), "{report}");
}
