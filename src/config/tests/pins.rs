//! Mistakes of pinned tools.

use super::{Folder, SERVER, Strictness, check_in, refused_in, refused_server, warned_in};
use crate::config::NewTools;
use crate::limits::PINS_FILE_BYTES_MAX;

const PINNED: &str = "    tool_pins: { file: «pins.json» }\n";
const EMPTY: &str = r#"{"version":1,"tools":[]}"#;
const HASH: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn refuses(file: &str, why: &str) {
    let folder = Folder::new();
    folder.write("pins.json", file);
    refused_in(&folder, &format!("{SERVER}{PINNED}"), why, "sallyport pins approve");
}

#[test]
fn approvals_are_read_and_their_file_is_watched() {
    let folder = Folder::new();
    let file = folder.write(
        "pins.json",
        format!(r#"{{"version":1,"tools":[{{"name":"a","hash":"{HASH}","comment":"x"}}]}}"#),
    );
    let text = format!("{SERVER}    tool_pins: {{ file: pins.json, new: allow }}\n");
    let checked = check_in(&folder, &text, Strictness::Normal).unwrap();
    let pins = checked.config.servers[0].tool_pins.as_ref().unwrap();
    assert_eq!(pins.new, NewTools::Allow);
    assert!(pins.approved.of("a", HASH.parse().unwrap()).is_some_and(|it| !it.hidden_text));
    assert!(pins.approved.of("b", HASH.parse().unwrap()).is_none());
    assert_eq!(pins.seen_file(), folder.path().join("pins.json.seen"));
    assert!(checked.config.files.contains(&file));
    let hash = checked.config.hash;
    folder.write("pins.json", EMPTY);
    let again = check_in(&folder, &text, Strictness::Normal).unwrap();
    assert_ne!(again.config.hash, hash);
}

#[test]
fn missing_file_approves_nothing_and_is_told_and_where_new_tools_pass_it_is_refused() {
    warned_in(&Folder::new(), &format!("{SERVER}{PINNED}"), "no tool is approved", "pins approve");
    refused_server(
        "    tool_pins: { file: «pins.json», new: allow }\n",
        "does not exist",
        "to begin",
    );
}

#[test]
fn file_that_does_not_mean_what_it_says_is_refused() {
    refuses("{", "it is not JSON");
    refuses(r#"{"tools":[]}"#, "`version` is not 1");
    refuses(r#"{"version":1}"#, "`tools` is not a list");
    refuses(r#"{"version":1,"tools":[],"tool":[]}"#, "unknown member");
    let one = |members: &str| format!(r#"{{"version":1,"tools":[{{{members}}}]}}"#);
    refuses(&one(r#""hash":"x""#), "tool number 1: `name` is missing");
    refuses(&one(r#""name":"a""#), "`hash` is missing");
    refuses(
        &one(r#""name":"a","hash":"44136"#.to_owned().as_str()).replace("44136", "x\""),
        "`hash` is not",
    );
    refuses(&one(&format!(r#""name":"a","hash":"{HASH}","aproved_by":"x""#)), "an unknown member");
    refuses(&one(&format!(r#""name":"a","hash":"{HASH}","hidden_text":true"#)), "`accepted`");
    refuses(
        &one(&format!(r#""name":"a","hash":"{HASH}","definition":{{"name":"a"}}"#)),
        "is not the one that `hash` names",
    );
    refuses(
        &one(&format!(r#""name":"a","hash":"{HASH}","definition":{{}}"#)),
        "of another tool than `name`",
    );
    let folder = Folder::new();
    folder.write("pins.json", " ".repeat(PINS_FILE_BYTES_MAX + 1));
    refused_in(&folder, &format!("{SERVER}{PINNED}"), "larger than", "the right file");
}

#[test]
fn pins_of_two_servers_and_of_a_rest_server_are_refused() {
    let folder = Folder::new();
    folder.write("pins.json", EMPTY);
    let text = format!(
        "{SERVER}    tool_pins: {{ file: pins.json }}\n  - name: two\n    \
         public_url: https://notes.example.com/two\n    upstream: http://127.0.0.1:1\n{PINNED}"
    );
    refused_in(&folder, &text, "holds the tools of another server", "its own file");
    let rest = SERVER.replace("    upstream", "    profile: rest\n    upstream");
    let text = format!("{rest}    «tool_pins»: {{ file: pins.json }}\n");
    refused_in(&folder, &text, "no effect on a REST server", "profile: mcp");
}
