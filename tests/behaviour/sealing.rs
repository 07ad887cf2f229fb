//! Names in the trail, sealed under a key of each person, and the end of such a key.

use std::fs;
use std::path::Path;

use sallyport::audit::{self, Options, Sealer, Subjects};
use serde_json::{Value, json};

use crate::support::{RESOURCE, Setup, World, call, call_with, plain, post};
use crate::upstream::Upstream;

const ALICE: &str = "alice.arden@corp.example";
const BOB: &str = "bob.baker@corp.example";

async fn sealing() -> World {
    let setup = Setup {
        audit: ", subjects: { keys: persons, master_key: { file: master.key } }".to_owned(),
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
    let order = (ALICE, "asked, case 17", "officer");
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
