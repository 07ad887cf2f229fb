//! Names in the trail, sealed under a key of each person, and the end of such a key.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use sallyport::audit::{self, Options, Request, Sealer, Subjects};
use serde_json::{Value, json};

use crate::support::{Dir, RESOURCE, Setup, World, call, call_with, plain, post};
use crate::upstream::Upstream;

const ALICE: &str = "alice.arden@corp.example";
const BOB: &str = "bob.baker@corp.example";

async fn sealing() -> World {
    sealing_with("").await
}

/// With more settings of the trail.
async fn sealing_with(more: &str) -> World {
    let setup = Setup {
        audit: format!(", subjects: {{ keys: persons, master_key: {{ file: master.key }} }}{more}"),
        server: "    tools: [ { match: echo }, { match: other, scopes: [extra] } ]\n".to_owned(),
        ..Setup::default()
    };
    let key = "5c".repeat(32);
    World::with_files(Upstream::tool(plain()).await, setup, &[("master.key", &key)]).await
}

fn token(world: &World, subject: &str) -> String {
    let token = world.issuer.token().audience(RESOURCE).subject(subject).client(subject);
    token.scope("mcp.tools.invoke").sign()
}

/// A call that is allowed, one that is refused for its scopes, one for what stands in it, and one
/// that is nothing, all with the name in them.
async fn visit(world: &World, subject: &str) {
    let token = token(world, subject);
    let asked = world.post(&token, &call_with("echo", &json!({ "q": subject }))).await;
    assert_eq!(asked.status, 200);
    assert_eq!(world.post(&token, &call("other")).await.status, 403);
    let path = json!({ "path": format!("../../{subject}/../etc/passwd") });
    assert_eq!(world.post(&token, &call_with("echo", &path)).await.status, 403);
    world.send(post(Some(&token), format!("not json of {subject}"))).await;
}

fn subjects(world: &World) -> Subjects {
    let dir = world.dir.path();
    Subjects { keys: dir.join("persons"), master_key: dir.join("master.key") }
}

/// Files below a folder in which a text stands, in any case of letters.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
            continue;
        }
        let bytes = String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase();
        if bytes.contains(text) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn names_of_callers_stand_in_no_file_of_a_gateway_that_seals_them() {
    let world = sealing().await;
    visit(&world, ALICE).await;
    visit(&world, BOB).await;
    // Reading them holds each against the schema.
    let closed = world.closed_records(8).await;
    assert!(closed.iter().all(|record| record["sealed"].is_array()), "{closed:#?}");
    assert!(closed.iter().all(|record| record.get("user_id").is_none()), "{closed:#?}");
    let (folder, subjects) = (world.dir.path().to_owned(), subjects(&world));
    let sealer = Sealer::reader(&subjects).unwrap();
    let opened = |record: &Value| {
        serde_json::from_slice::<Value>(&sealer.open(record.to_string().as_bytes())).unwrap()
    };
    let users: Vec<Value> = closed.iter().map(|record| opened(record)["user_id"].clone()).collect();
    assert_eq!(users.iter().filter(|user| **user == ALICE).count(), 4, "{users:?}");
    for name in [ALICE, BOB] {
        let none: Vec<String> = Vec::new();
        assert_eq!(holding(&folder, name), none);
    }
    fs::write(folder.join("control"), BOB).unwrap();
    assert_eq!(holding(&folder, BOB).len(), 1, "the search finds what is there");
}

#[tokio::test]
async fn ended_key_takes_one_person_out_of_the_trail_and_the_gateway_goes_on() {
    let mut world = sealing().await;
    visit(&world, ALICE).await;
    visit(&world, BOB).await;
    world.closed_records(8).await;
    let gateway = world.gateway.take().unwrap();
    gateway.stop();
    gateway.stopped().await;
    let (dir, subjects) = (world.audit_dir(), subjects(&world));
    let before = Sealer::reader(&subjects).unwrap().id_of(ALICE).unwrap();
    let options = Options::new(&dir);
    let order = Request { person: ALICE.into(), reason: "asked, case 17", by: "officer" };
    assert_eq!(audit::shred(&options, &subjects, order, &[]).unwrap().len(), 1);
    {
        let sealer = Sealer::reader(&subjects).unwrap();
        assert_eq!(sealer.id_of(ALICE).unwrap(), None);
        let opens = |record: &&Value| {
            let opened = sealer.open(record.to_string().as_bytes());
            String::from_utf8_lossy(&opened).contains(BOB)
        };
        assert_eq!(world.records().iter().filter(opens).count(), 5, "an intent and four ends");
    }
    world.restart_stopped().await;
    visit(&world, ALICE).await;
    world.closed_records(12).await;
    let after = Sealer::reader(&subjects).unwrap().id_of(ALICE).unwrap();
    assert!(after.is_some() && after != before);
    let report = world.finish().await;
    assert_eq!(report.exit_code(), 0, "{report}");
}

/// Runs `sallyport audit shred` beside the gateway.
async fn shred_beside(world: &World, subject: &str) -> Output {
    let subjects = subjects(world);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(["audit", "shred"]).arg(world.audit_dir()).args(["--subject", subject]);
    command.arg("--subject-keys").arg(subjects.keys).arg("--master-key").arg(subjects.master_key);
    command.args(["--reason", "asked, case 17", "--by", "officer"]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn person_is_erased_beside_a_running_gateway_whose_calls_go_on() {
    let world = sealing().await;
    visit(&world, ALICE).await;
    visit(&world, BOB).await;
    let key_of = |name: &str| Sealer::reader(&subjects(&world)).unwrap().id_of(name).unwrap();
    let (before, bobs) = (key_of(ALICE).unwrap(), key_of(BOB));
    let calls = async {
        // Both go on calling, before, while and after.
        for _ in 0..20 {
            visit(&world, ALICE).await;
            visit(&world, BOB).await;
        }
    };
    let (done, ()) = tokio::join!(shred_beside(&world, ALICE), calls);
    assert_eq!(done.status.code(), Some(0), "{}", says(&done));
    assert!(says(&done).contains(&format!("the key {before} is destroyed")), "{}", says(&done));
    visit(&world, ALICE).await;
    world.closed_records(8 + 160 + 4).await;
    let after = key_of(ALICE);
    assert!(after.is_some_and(|after| after != before), "a later call has a key of its own");
    assert_eq!(key_of(BOB), bobs);
    let sealer = Sealer::reader(&subjects(&world)).unwrap();
    let (mut gone, mut left) = (0, 0);
    for record in world.records() {
        let (sealed, opened) = (record.to_string(), sealer.open(record.to_string().as_bytes()));
        if sealed.contains(&before) && record["kind"] == "call" {
            gone += 1;
            assert!(!String::from_utf8_lossy(&opened).contains(ALICE), "{sealed}");
        }
        left += usize::from(String::from_utf8_lossy(&opened).contains(BOB));
    }
    assert!(gone >= 5 && left == 5 * 21, "{gone} {left}");
    assert!(world.records().iter().any(|r| r["kind"] == "shred" && r["key"] == *before));
    for name in [ALICE, BOB] {
        assert_eq!(holding(world.dir.path(), name), Vec::<String>::new());
    }
    assert_eq!(world.finish().await.exit_code(), 0);
}

#[tokio::test]
async fn running_gateway_refuses_to_erase_whom_a_hold_needs_or_nobody_knows() {
    let world = sealing().await;
    visit(&world, ALICE).await;
    let key_of = |name: &str| Sealer::reader(&subjects(&world)).unwrap().id_of(name).unwrap();
    let before = key_of(ALICE);
    let unknown = shred_beside(&world, "carol").await;
    assert_eq!(unknown.status.code(), Some(1), "{}", says(&unknown));
    // Where the gateway looks for holds, and the command was told not to.
    let holds = world.audit_dir().join("holds");
    let hold = json!({ "id": "case-9", "who": "legal", "why": "suit", "principal": ALICE });
    fs::write(&holds, format!("{hold}\n")).unwrap();
    let mut elsewhere = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    fs::write(world.dir.path().join("none"), "").unwrap();
    let subjects = subjects(&world);
    elsewhere.args(["audit", "shred"]).arg(world.audit_dir()).args(["--subject", ALICE]);
    elsewhere.arg("--subject-keys").arg(subjects.keys).arg("--master-key").arg(subjects.master_key);
    elsewhere.args(["--reason", "asked", "--by", "officer", "--holds"]);
    elsewhere.arg(world.dir.path().join("none"));
    let held = tokio::task::spawn_blocking(move || elsewhere.output().unwrap()).await.unwrap();
    assert_eq!(held.status.code(), Some(4), "{}", says(&held));
    assert!(says(&held).contains("case-9"), "{}", says(&held));
    assert_eq!(key_of(ALICE), before, "nothing is destroyed");
    fs::remove_file(&holds).unwrap();
    let done = shred_beside(&world, ALICE).await;
    assert_eq!(done.status.code(), Some(0), "{}", says(&done));
    assert_eq!(key_of(ALICE), None);
}

#[tokio::test]
async fn sink_gets_names_sealed_unless_it_says_open_and_then_no_erased_ones() {
    let folder = Dir::new();
    let (open, shut) = (folder.path().join("open"), folder.path().join("shut"));
    let sinks = format!(
        ", sinks: [{{ name: open, file: {}, subjects: open }}, {{ name: shut, file: {} }}]",
        open.display(),
        shut.display()
    );
    let world = sealing_with(&sinks).await;
    let has = async |path: &Path, text: &str, count: usize| {
        for _ in 0..500 {
            let found = fs::read_to_string(path).unwrap_or_default();
            if found.lines().filter(|line| line.contains(text)).count() >= count {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("`{text}` is not {count} times in {}", path.display())
    };
    visit(&world, ALICE).await;
    visit(&world, BOB).await;
    has(&open, ALICE, 5).await;
    has(&open, BOB, 5).await;
    let key = Sealer::reader(&subjects(&world)).unwrap().id_of(ALICE).unwrap().unwrap();
    assert_eq!(shred_beside(&world, ALICE).await.status.code(), Some(0));
    let shut = has(&shut, "\"kind\":\"shred\"", 1).await;
    assert!(!shut.contains(ALICE) && !shut.contains(BOB) && shut.contains(&key));
    // Who begins anew reads what was erased meanwhile as everybody does.
    fs::remove_file(&open).unwrap();
    let mut resend = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    resend.args(["audit", "resend"]).arg(world.audit_dir()).args(["--sink", "open", "--from", "1"]);
    let resent = tokio::task::spawn_blocking(move || resend.output().unwrap()).await.unwrap();
    assert!(resent.status.success(), "{}", says(&resent));
    visit(&world, BOB).await;
    let again = has(&open, BOB, 10).await;
    assert!(!again.contains(ALICE) && again.contains("\"state\":\"erased\""), "{again}");
}

#[tokio::test]
async fn call_whose_names_cannot_be_sealed_is_refused_and_not_forwarded() {
    let world = sealing().await;
    visit(&world, ALICE).await;
    // A folder in which no key can be made, whoever tries.
    let keys = subjects(&world).keys;
    fs::rename(&keys, keys.with_extension("gone")).unwrap();
    fs::write(&keys, "no folder").unwrap();
    let before = world.upstream.calls("tools/call").len();
    let reply = world.post(&token(&world, BOB), &call("echo")).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "audit_unavailable"));
    assert_eq!(world.upstream.calls("tools/call").len(), before);
}
