//! Review and approval on the command line.

use std::process::{Command, Output};
use std::time::Duration;

use sallyport::limits::PINS_SAVE_MS;

use super::{Era, PINNED, Shelf, denied, fine, hash, list, outcome, tool, world};
use crate::support::World;

fn sallyport(world: &World, arguments: &[&str]) -> Output {
    let config = world.dir.path().join("sallyport.yaml");
    Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .arg("pins")
        .args(arguments)
        .arg("--config")
        .arg(config)
        .env("USER", "ada")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What the gateway wrote beside the approvals, once it says this.
async fn waiting(world: &World, word: &str) -> String {
    for _ in 0..20 {
        let text = std::fs::read_to_string(world.dir.path().join("pins.json.seen"));
        if let Ok(text) = text.as_ref().map(String::as_str)
            && text.contains(word)
        {
            return text.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(PINS_SAVE_MS / 4)).await;
    }
    panic!("`{word}` was not written");
}

fn reread(world: &World) {
    world.gateway().reload(world.check(&world.yaml(PINNED)).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn s36_approval_on_the_command_line_lifts_the_quarantine() {
    let shelf =
        Shelf::of(&[tool("send", "Sends a mail.\nTo one."), tool("odd", "An\u{202E}y\u{202C}.")]);
    let world = world(&shelf, Era::Legacy, PINNED).await;
    world.dir.write("sallyport.yaml", &world.yaml(PINNED));
    assert_eq!(list(&world, Era::Legacy).await, Vec::<String>::new());
    let seen = waiting(&world, "send").await;
    assert!(seen.contains("\\u202e") && !seen.contains('\u{202E}'), "{seen}");

    let listed = said(&sallyport(&world, &["list"]));
    assert!(
        listed.contains("waits     send  sha256:") && listed.contains("Sends a mail."),
        "{listed}"
    );
    assert!(listed.contains("hidden_text") && listed.contains("An\\u{202e}y"), "{listed}");
    let refused = sallyport(&world, &["approve", "--all"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--accept-hidden-text"), "{}", said(&refused));
    let done = sallyport(&world, &["approve", "send", "--comment", "read it"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    reread(&world);
    assert_eq!(list(&world, Era::Legacy).await, ["send"]);
    assert_eq!(outcome(&world, Era::Legacy, "send").await, fine());
    assert_eq!(outcome(&world, Era::Legacy, "odd").await, denied());

    shelf.put(&[tool("send", "Sends a mail.\nTo eve."), tool("odd", "An\u{202E}y\u{202C}.")]);
    assert_eq!(list(&world, Era::Legacy).await, Vec::<String>::new());
    waiting(&world, "To eve").await;
    let diff = sallyport(&world, &["diff", "send"]);
    assert_eq!(diff.status.code(), Some(1), "something waits");
    let text = said(&diff);
    assert!(text.contains("send: changed"), "{text}");
    assert!(text.contains("-  \"description\": \"Sends a mail.\\nTo one.\""), "{text}");
    assert!(text.contains("+  \"description\": \"Sends a mail.\\nTo eve.\""), "{text}");
    let done = sallyport(&world, &["approve", "--all", "--accept-hidden-text"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    reread(&world);
    assert_eq!(list(&world, Era::Legacy).await, ["send", "odd"]);
    assert_eq!(outcome(&world, Era::Legacy, "odd").await, fine());
    let listed = said(&sallyport(&world, &["list"]));
    assert!(!listed.contains("waits") && listed.contains(" ada"), "{listed}");
    assert_eq!(sallyport(&world, &["diff"]).status.code(), Some(0));
    let pins = std::fs::read_to_string(world.dir.path().join("pins.json")).unwrap();
    assert!(pins.contains("\"hidden_text\": \"accepted\"") && !pins.contains('\u{202E}'), "{pins}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s36_several_waiting_definitions_of_one_tool_are_approved_by_hash_alone() {
    let (one, two) = (tool("send", "One."), tool("send", "Two."));
    let shelf = Shelf::of(&[one]);
    let world = world(&shelf, Era::Legacy, PINNED).await;
    world.dir.write("sallyport.yaml", &world.yaml(PINNED));
    list(&world, Era::Legacy).await;
    shelf.put(std::slice::from_ref(&two));
    list(&world, Era::Legacy).await;
    waiting(&world, &hash(&two)).await;
    let unclear = sallyport(&world, &["approve", "send"]);
    assert_eq!(unclear.status.code(), Some(1));
    assert!(said(&unclear).contains("say which"), "{}", said(&unclear));
    let done = sallyport(&world, &["approve", "send", "--hash", &hash(&two)[..20]]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    reread(&world);
    assert_eq!(outcome(&world, Era::Legacy, "send").await, fine());
}
