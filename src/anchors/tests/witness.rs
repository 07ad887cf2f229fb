//! A witness that knows its specification, and what becomes of logs that it does not believe.

use std::sync::{Arc, Mutex};

use super::strict;
use super::*;
use crate::audit::{AnchorFiles, Finding};
use crate::limits::{ANCHOR_ANSWER_BYTES_MAX, ANCHOR_CONFLICTS_MAX};
use crate::sinks::tests::stub::{Do, Request, Stub};
use crate::vkey::WitnessKey;

type Strict = Arc<Mutex<strict::Witness>>;

/// What becomes of the answer on its way.
type Way = dyn FnMut(&Request, strict::Answer) -> Do + Send;

struct Scene {
    dir: Folder,
    strict: Strict,
    stub: Stub,
    key: WitnessKey,
}

impl Scene {
    /// A log of so many records, and a witness that knows its key.
    async fn new(records: u64) -> Self {
        Self::with(records, |_, answer| arrives(answer)).await
    }

    async fn with(
        records: u64,
        way: impl FnMut(&Request, strict::Answer) -> Do + Send + 'static,
    ) -> Self {
        let dir = Folder::new();
        grow(dir.path(), records).await;
        let mut witness = strict::Witness::new("witness.example/w1", 7);
        witness.serve(&std::fs::read_to_string(dir.path().join("verifier.pub")).unwrap());
        let key = witness.vkey().parse().unwrap();
        let strict = Arc::new(Mutex::new(witness));
        let stub = serve(&strict, Box::new(way)).await;
        Self { dir, strict, stub, key }
    }

    fn anchor(&self) -> RemoteAnchor {
        let http = self.stub.http("/sub");
        remote(AnchorTarget::Witness { http, key: self.key.clone() })
    }

    fn start(&self) -> Anchors {
        start(self.dir.path(), &self.anchor())
    }

    fn asked(&self) -> Vec<u64> {
        self.strict.lock().unwrap().asked.clone()
    }

    fn files(&self) -> AnchorFiles {
        AnchorFiles::new(self.dir.path(), "w1")
    }

    /// Verifies with the keys of log and witness.
    fn verify(&self, dir: &Path) -> crate::audit::Report {
        let keys = crate::audit::read_verifiers(self.dir.path()).unwrap();
        let trust = Trust { keys, witnesses: vec![self.key.clone()], ..Trust::default() };
        verify(dir, &trust, |_| {}).unwrap()
    }
}

fn arrives((status, _, body): strict::Answer) -> Do {
    let line = match status {
        200 => "200 OK",
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        409 => "409 Conflict",
        422 => "422 Unprocessable Entity",
        other => panic!("{other}"),
    };
    Do::Answer(line, "", body)
}

async fn serve(strict: &Strict, mut way: Box<Way>) -> Stub {
    let strict = Arc::clone(strict);
    Stub::with_tls(move |request| {
        assert_eq!(request.target, "/sub/add-checkpoint");
        let answer = strict.lock().unwrap().answer(&request.body);
        way(request, answer)
    })
    .await
}

#[tokio::test]
async fn log_is_cosigned_as_it_grows_and_whoever_has_the_keys_can_check_it() {
    let scene = Scene::new(3).await;
    let anchors = scene.start();
    has(&anchors, 3).await;
    let log = open(scene.dir.path());
    let mut size = 3;
    for more in [1, 4, 9, 1, 2] {
        write(&log, more).await;
        size += more;
        let status = has(&anchors, size).await;
        assert_eq!((status.failures, status.contradicted, status.lag_s), (0, false, 0.0));
        assert_eq!(anchors.status(size + 5)[0].lag_records, 5);
    }
    log.close().await;
    anchors.close(Duration::from_secs(10)).await;
    let asked = scene.asked();
    assert!(asked.is_sorted() && asked[0] == 0 && asked.len() >= 6, "{asked:?}");
    let report = scene.verify(scene.dir.path());
    assert_eq!(report.exit_code(), 0, "{report}");
    let cosigned = &report.cosigned[0];
    assert_eq!((cosigned.witness.as_str(), cosigned.seq), ("witness.example/w1", size));
    assert!(report.to_string().contains("saw records 1 to 20 as they are"), "{report}");
    assert!(!report.to_string().contains("the key of the witness"), "{report}");
    // Without the witness's key from elsewhere, the one beside the log is named as what it is.
    let alone = verify(scene.dir.path(), &Trust::default(), |_| {}).unwrap();
    assert_eq!((alone.exit_code(), alone.cosigned.len()), (0, 1));
    assert!(alone.not_checked.iter().any(|line| line.contains("the key of the witness")));
}

#[tokio::test]
async fn witness_that_was_down_is_found_again_and_gets_the_newest_checkpoint() {
    let mut down = 4;
    let scene = Scene::with(2, move |_, answer| {
        down -= i32::from(down > 0);
        match down {
            3 => Do::Answer("503 Service Unavailable", "retry-after: 0\r\n", String::new()),
            2 => Do::Silence,
            1 => Do::Garbage,
            _ => arrives(answer),
        }
    })
    .await;
    let anchors = scene.start();
    let status = has(&anchors, 2).await;
    assert!(status.failures >= 3, "{status:?}");
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.verify(scene.dir.path()).exit_code(), 0);
}

#[tokio::test]
async fn answer_that_was_lost_is_made_good_by_the_size_that_the_witness_names() {
    let mut cut = true;
    let scene = Scene::with(5, move |_, answer| match std::mem::take(&mut cut) {
        true => Do::CutAnswer,
        false => arrives(answer),
    })
    .await;
    let anchors = scene.start();
    // It knows 5 already; we ask from 0, hear 409, and ask from 5.
    has(&anchors, 5).await;
    assert_eq!(scene.asked(), [0, 0, 5]);
    anchors.close(Duration::from_secs(10)).await;
    // A state that was lost, and one that says less than the truth.
    grow(scene.dir.path(), 2).await;
    std::fs::remove_file(scene.dir.path().join("anchors/w1.state")).unwrap();
    let anchors = scene.start();
    has(&anchors, 7).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.asked()[3..], [0, 5]);
    // A witness that lost what it knew begins anew.
    scene.strict.lock().unwrap().forget();
    let anchors = scene.start();
    until(&anchors, "asked", |_| scene.asked().len() == 7).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.asked()[5..], [7, 0]);
    assert_eq!(scene.verify(scene.dir.path()).exit_code(), 0);
}

#[tokio::test]
async fn signature_of_another_key_is_not_kept_and_does_not_count() {
    let mut scene = Scene::new(2).await;
    let other = strict::Witness::new("witness.example/w1", 8);
    scene.key = other.vkey().parse().unwrap();
    let anchors = scene.start();
    let status = until(&anchors, "failures", |status| status.failures >= 2).await;
    assert_eq!((status.size, status.contradicted), (0, false));
    anchors.close(Duration::from_secs(10)).await;
    assert!(!scene.files().cosigned().exists());
    // Who expects a witness and finds nothing of it is told.
    assert_eq!(scene.verify(scene.dir.path()).exit_code(), 14);
}

#[tokio::test]
async fn unknown_log_and_unknown_key_are_told_apart_and_end_when_the_operator_adds_them() {
    let scene = Scene::new(2).await;
    *scene.strict.lock().unwrap() = strict::Witness::new("witness.example/w1", 7);
    let anchors = scene.start();
    until(&anchors, "failures", |status| status.failures >= 2).await;
    let stranger = crate::audit::read_verifiers(scene.dir.path()).unwrap()[0].to_string();
    scene.strict.lock().unwrap().serve(&stranger);
    has(&anchors, 2).await;
    anchors.close(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn log_that_was_rolled_back_is_refused_by_the_witness_and_found_by_verify() {
    let scene = Scene::new(4).await;
    let anchors = scene.start();
    has(&anchors, 4).await;
    anchors.close(Duration::from_secs(10)).await;
    // An older copy of everything, also of what lies beside the log.
    let older = Folder::new();
    copy(scene.dir.path(), &older.path().join("log"));
    grow(scene.dir.path(), 5).await;
    let anchors = scene.start();
    has(&anchors, 9).await;
    anchors.close(Duration::from_secs(10)).await;

    let rolled = older.path().join("log");
    assert_eq!(scene.verify(&rolled).exit_code(), 0, "nothing in it shows that it is old");
    let anchors = start(&rolled, &scene.anchor());
    let status = until(&anchors, "contradicted", |status| status.contradicted).await;
    assert!(status.failures >= 1);
    anchors.close(Duration::from_secs(10)).await;
    let report = scene.verify(&rolled);
    assert_eq!(report.exit_code(), 13, "{report}");
    let known = Finding::Refused {
        anchor: "w1".into(),
        time: AnchorFiles::new(&rolled, "w1").refusal().unwrap().unwrap().time,
        size: 4,
        known: Some(9),
        reason: "it knows more records".into(),
    };
    assert_eq!(report.findings, [known]);

    // It goes on until it has more records than the witness knows: then they are others.
    grow(&rolled, 8).await;
    let before = scene.strict.lock().unwrap().size();
    let anchors = start(&rolled, &scene.anchor());
    until(&anchors, "asked", |status| status.failures >= 1).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.strict.lock().unwrap().size(), before, "the witness took none of it");
    assert_eq!(scene.verify(&rolled).exit_code(), 13);

    // And what the witness signed, kept elsewhere, shows it without asking anybody.
    std::fs::remove_file(rolled.join("anchors/w1.refused")).unwrap();
    std::fs::copy(scene.files().cosigned(), older.path().join("kept")).unwrap();
    let keys = crate::audit::read_verifiers(scene.dir.path()).unwrap();
    let anchors = vec![older.path().join("kept")];
    let trust = Trust { keys, anchors, witnesses: vec![scene.key.clone()], ..Trust::default() };
    assert_eq!(verify(&rolled, &trust, |_| {}).unwrap().exit_code(), 13);
}

#[tokio::test]
async fn state_of_an_anchor_that_is_ahead_of_the_log_is_a_contradiction_without_being_asked() {
    let scene = Scene::new(6).await;
    let older = Folder::new();
    let rolled = older.path().join("log");
    copy(scene.dir.path(), &rolled);
    grow(scene.dir.path(), 3).await;
    let anchors = scene.start();
    has(&anchors, 9).await;
    anchors.close(Duration::from_secs(10)).await;
    copy(&scene.dir.path().join("anchors"), &rolled.join("anchors"));
    let asked = scene.asked().len();
    let anchors = start(&rolled, &scene.anchor());
    until(&anchors, "contradicted", |status| status.contradicted).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.asked().len(), asked);
    // Also its cosigned checkpoints say more than the log has.
    assert_eq!(scene.verify(&rolled).exit_code(), 12);
}

#[tokio::test]
async fn log_that_was_rewritten_with_its_own_keys_is_refused_under_the_same_numbers() {
    let scene = Scene::new(3).await;
    let anchors = scene.start();
    has(&anchors, 3).await;
    anchors.close(Duration::from_secs(10)).await;
    for file in ["000000000001.jsonl", "checkpoints", "state"] {
        std::fs::remove_file(scene.dir.path().join(file)).unwrap();
    }
    std::fs::remove_file(scene.dir.path().join("first-mac-key-1")).unwrap();
    std::fs::remove_dir_all(scene.dir.path().join("anchors")).unwrap();
    grow(scene.dir.path(), 3).await;
    let anchors = scene.start();
    until(&anchors, "contradicted", |status| status.contradicted).await;
    anchors.close(Duration::from_secs(10)).await;
    let refusal = scene.files().refusal().unwrap().unwrap();
    assert_eq!(refusal.reason, "it knows other records under the same numbers");
    let keys = crate::audit::read_verifiers(scene.dir.path()).unwrap();
    let trust = Trust { keys, ..Trust::default() };
    assert_eq!(verify(scene.dir.path(), &trust, |_| {}).unwrap().exit_code(), 13);
}

#[tokio::test]
async fn idle_log_asks_once_at_the_start_and_then_no_more() {
    let scene = Scene::new(3).await;
    for starts in 1..=3 {
        let anchors = scene.start();
        until(&anchors, "asked", |status| status.size == 3 && scene.asked().len() == starts).await;
        // Twenty looks at the checkpoints.
        tokio::time::sleep(20 * quick().poll).await;
        anchors.close(Duration::from_secs(10)).await;
        assert_eq!(scene.asked().len(), starts);
    }
    assert_eq!(scene.asked(), [0, 3, 3]);
}

#[tokio::test]
async fn answers_beyond_the_bounds_are_failures_and_end_no_loop_late() {
    let mut n = 0_u64;
    let scene = Scene::with(1, move |_, _| {
        n += 1;
        match n {
            1 => Do::Answer("200 OK", "", "x".repeat(ANCHOR_ANSWER_BYTES_MAX + 1)),
            2 => Do::Answer("409 Conflict", "", "07\n".into()),
            3 => Do::Answer("200 OK", "", String::new()),
            // From here on another size each time.
            n => Do::Answer("409 Conflict", "", format!("{}\n", n % 2)),
        }
    })
    .await;
    let anchors = scene.start();
    let status = until(&anchors, "failures", |status| status.failures >= 6).await;
    assert_eq!(status.size, 0);
    anchors.close(Duration::from_secs(10)).await;
    let requests = scene.stub.requests().len();
    let failures = usize::try_from(anchors.status(0)[0].failures).unwrap();
    assert!(requests <= failures * (1 + ANCHOR_CONFLICTS_MAX), "{requests} for {failures}");
    assert!(!scene.files().cosigned().exists());
}

#[tokio::test]
async fn stopping_offers_the_last_checkpoint_and_does_not_wait_for_a_dead_witness() {
    let scene = Scene::new(1).await;
    let anchors = scene.start();
    has(&anchors, 1).await;
    grow(scene.dir.path(), 4).await;
    anchors.close(Duration::from_secs(10)).await;
    assert_eq!(scene.strict.lock().unwrap().size(), 5);
    let silent = Scene::with(1, |_, _| Do::Silence).await;
    let anchors = silent.start();
    let began = Instant::now();
    anchors.close(Duration::from_millis(50)).await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn forged_signature_in_the_name_of_the_witness_is_found() {
    let scene = Scene::new(2).await;
    let anchors = scene.start();
    has(&anchors, 2).await;
    anchors.close(Duration::from_secs(10)).await;
    let path = scene.files().cosigned();
    let text = std::fs::read_to_string(&path).unwrap();
    // The last character of a signature before its padding.
    let at = text.trim_end().len() - 4;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&path, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    let report = scene.verify(scene.dir.path());
    assert_eq!(report.exit_code(), 11, "{report}");
    let witness = "witness.example/w1".to_owned();
    assert!(report.findings.contains(&Finding::CosignatureInvalid { size: 2, witness }));
}

#[tokio::test]
async fn bundle_carries_what_the_witness_signed_and_its_check_says_what_that_saw() {
    let scene = Scene::new(4).await;
    let anchors = scene.start();
    has(&anchors, 4).await;
    anchors.close(Duration::from_secs(10)).await;
    let out = scene.dir.path().join("bundle");
    crate::audit::bundle(scene.dir.path(), 2, None, &out, None, |_| {}).unwrap();
    let keys = crate::audit::read_verifiers(scene.dir.path()).unwrap();
    let check =
        |witnesses: &[WitnessKey]| crate::audit::check_bundle(&out, &keys, witnesses, |_| {});
    for witnesses in [vec![scene.key.clone()], Vec::new()] {
        let found = check(&witnesses).unwrap().cosigners;
        assert_eq!((found.len(), &found[0].key, found[0].size), (1, &scene.key, 4));
    }
    let other: WitnessKey = strict::Witness::new("other.example", 9).vkey().parse().unwrap();
    assert_eq!(check(&[scene.key.clone(), other]).unwrap_err().exit_code(), 14);
    // A signature that was changed, with a manifest to match.
    let path = out.join("cosigned");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.trim_end().len() - 4;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&path, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    assert_eq!(check(&[]).unwrap_err().exit_code(), 10, "the manifest finds it");
    let sum = |bytes: &[u8]| {
        crate::hex::hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
    };
    let manifest = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    let forged = manifest.replace(&sum(text.as_bytes()), &sum(&std::fs::read(&path).unwrap()));
    assert_ne!(forged, manifest);
    std::fs::write(out.join("manifest.json"), forged).unwrap();
    assert_eq!(check(std::slice::from_ref(&scene.key)).unwrap_err().exit_code(), 11);
    // Taken out of a bundle that names it.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(check(&[]).unwrap_err().exit_code(), 12);
}
