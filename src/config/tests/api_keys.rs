//! API keys: the section, its files, and the methods that a server accepts.

use super::*;
use crate::config::{Auth, key_files};

const PEPPER: &str = "KJbeZ8Pg5S1mN0yQvTzW4hRkUoXaB7cdLtFi9sGH2wE=\n";

/// No issuer, and API keys with these further lines of the section.
fn keys(lines: &str, server: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\napi_keys:\n  file: keys.jsonl\n  pepper: {{ file: pepper.key }}\n{lines}\
         servers:\n  - name: notes\n    public_url: https://notes.example.com/mcp\n    \
         upstream: http://127.0.0.1:8080/mcp\n{server}"
    )
}

fn line(id: &str, servers: &str) -> String {
    let hash = "0123456789abcdef".repeat(4);
    format!(
        r#"{{"id":"{id}","name":"ci","hash":"{hash}","scopes":["a"],"servers":{servers},"created_at":"2026-01-01T00:00:00Z","expires_at":null}}"#
    ) + "\n"
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("pepper.key", PEPPER);
    folder.write("keys.jsonl", line("abcdefghijkm", "\"all\""));
    folder
}

fn in_folder(text: &str) -> Checked {
    check_in(&folder(), text, Strictness::Strict).unwrap_or_else(|why| panic!("{why}"))
}

fn auth(text: &str) -> Auth {
    in_folder(text).config.servers[0].auth.clone()
}

#[test]
fn api_keys_are_read_and_their_file_is_watched() {
    let checked = in_folder(&keys("  header: X-API-Key\n", "    auth: api_keys\n"));
    let auth = checked.config.servers[0].auth.clone();
    let keys = auth.api_keys().unwrap();
    assert_eq!(keys.header.as_ref().unwrap(), "x-api-key");
    assert_eq!(keys.keys.entries()[0].name, "ci");
    assert!(auth.issuers().is_none());
    for name in ["keys.jsonl", "pepper.key"] {
        assert!(checked.config.files.iter().any(|path| path.ends_with(name)), "{name}");
    }
}

#[test]
fn several_methods_have_one_order_whatever_the_file_says() {
    let issuers = "issuers: [ { issuer: https://idp.example.com } ]\n";
    for any in ["[tokens, api_keys]", "[api_keys, tokens]"] {
        let text = issuers.to_owned() + &keys("", &format!("    auth: {{ any: {any} }}\n"));
        let auth = auth(&text);
        assert!(matches!(auth.methods(), [Auth::ApiKeys(_), Auth::Tokens(_)]), "{auth:?}");
        assert_eq!(auth.issuers().unwrap().len(), 1);
    }
    let named = "    auth: { any: [api_keys, tokens], issuers: [https://idp.example.com] }\n";
    assert!(auth(&(issuers.to_owned() + &keys("", named))).issuers().is_some());
    assert!(matches!(auth(&keys("", "    auth: { any: [api_keys] }\n")), Auth::ApiKeys(_)));
}

#[test]
fn lists_of_methods_that_have_no_effect_are_refused() {
    for (auth, message, help) in [
        ("{ any: [api_keys, «none»] }", "accepts everybody", "auth: none"),
        ("{ any: [api_keys, «api_keys»] }", "listed already", "remove it"),
        ("{ «any»: [] }", "accepts nobody", "auth: tokens"),
        ("{ any: [api_keys], «issuers»: [https://idp.example.com] }", "no effect", "add `tokens`"),
        ("{ any: [api_keys, «tokens»] }", "no issuer of tokens is trusted", "issuers:"),
        ("{ any: [api_keys, «certificate»] }", "no listener asks", "client_ca"),
        ("{ any: [api_keys, «apikeys»] }", "is not accepted here", "did you mean `api_keys`?"),
    ] {
        let text = keys("", &format!("    auth: {auth}\n"));
        refused_in(&folder(), &text, message, help);
    }
    let text = keys("", "    auth: {}\n");
    let problems = check_in(&folder(), &text, Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("accepts nobody"), "{problems}");
}

#[test]
fn api_keys_without_a_section_and_a_section_without_a_server_are_refused() {
    refused_server("    auth: «api_keys»\n", "has no `api_keys`", "pepper");
    let text = keys("", "").replace("api_keys:", "«api_keys»:");
    let text = format!("issuers: [ {{ issuer: https://idp.example.com }} ]\n{text}");
    refused_in(&folder(), &text, "no server accepts API keys", "auth: api_keys");
    let text = keys("", "    auth: api_keys\n").replace("  pepper: { file: pepper.key }\n", "");
    let problems = check_in(&folder(), &text, Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("`api_keys` lacks the key `pepper`"), "{problems}");
}

#[test]
fn s15_weak_missing_and_literal_peppers_are_refused() {
    let good = keys("", "    auth: api_keys\n");
    let marked = good.replace("{ file: pepper.key }", "«{ file: pepper.key }»");
    let marked = marked.replace("pepper: «{ file: pepper.key }»", "«pepper»: { file: pepper.key }");
    let zeros = "A".repeat(43) + "=";
    let text = "changeme-changeme-changeme-chang";
    for (pepper, why) in [(zeros.as_str(), "pattern"), (text, "text"), ("c2hvcnQ=", "32 bytes")] {
        let folder = folder();
        folder.write("pepper.key", pepper);
        let help = if why == "32 bytes" { "openssl" } else { "sallyport keys pepper" };
        refused_in(&folder, &marked, why, help);
    }
    let literal = good.replace("{ file: pepper.key }", PEPPER.trim());
    let problems = check_in(&folder(), &literal, Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains("must not hold the secret itself"), "{problems}");
    assert!(!problems.contains(&PEPPER[..12]), "{problems}");
}

#[test]
fn file_of_keys_is_read_strictly_and_named_with_its_line() {
    let text = keys("", "    auth: api_keys\n").replace("keys.jsonl", "«keys.jsonl»");
    let one = line("abcdefghijkm", "\"all\"");
    for (content, why) in [
        (one.clone() + &one, "line 2: the id `abcdefghijkm` stands on line 1 already"),
        (one.replace("scopes", "scope"), "line 1: unknown member `scope`"),
        (one + "{\n", "line 2: the JSON of a key is expected"),
    ] {
        let folder = folder();
        folder.write("keys.jsonl", content);
        refused_in(&folder, &text, why, "sallyport keys");
    }
    let folder = folder();
    std::fs::remove_file(folder.path().join("keys.jsonl")).unwrap();
    refused_in(&folder, &text, "does not exist", "sallyport keys create");
    let problems = check_in(&folder, &unmarked(&text), Strictness::Normal).unwrap_err();
    assert!(problems.files.paths().any(|path| path.ends_with("keys.jsonl")), "watched");
}

#[test]
fn key_for_a_server_that_takes_none_is_told_of() {
    let folder = folder();
    folder.write("keys.jsonl", line("abcdefghijkm", "[\"notes\",\"note\"]"));
    let text = keys("", "    auth: api_keys\n").replace("keys.jsonl", "«keys.jsonl»");
    warned_in(&folder, &text, "key `abcdefghijkm` is for `note`", "correct the name");
}

#[test]
fn header_of_keys_means_nothing_else() {
    for name in ["cookie", "MCP-Session-Id", "x-forwarded-for", "host", "content-type", "a b"] {
        let text = keys(&format!("  header: «{name}»\n"), "    auth: api_keys\n");
        refused_in(&folder(), &text, "cannot carry an API key", "x-api-key");
    }
    let text = keys("  header: «Authorization»\n", "    auth: api_keys\n");
    refused_in(&folder(), &text, "carries keys anyway", "remove it");
}

#[test]
fn api_keys_carry_scopes_and_roles() {
    let lines = "    auth: api_keys\n    tools: [ { match: a, scopes: [x], roles: [support] } ]\n";
    in_folder(&keys("", lines));
}

#[test]
fn keys_are_managed_without_the_rest_of_the_configuration() {
    let folder = folder();
    std::fs::remove_file(folder.path().join("keys.jsonl")).unwrap();
    let text = "tls: { cert: none.pem, key: none.key }\n".to_owned()
        + &keys("", "    auth: { any: [api_keys] }\n    redakt: off\n");
    let source = Source { path: Some(folder.write("s.yaml", &text)), text };
    let files = key_files(&source, &env).unwrap();
    assert!(files.file.ends_with("keys.jsonl"));
    assert_eq!(files.servers, ["notes"]);
    let without = Source { text: SERVER.into(), ..source.clone() };
    let problems = key_files(&without, &env).unwrap_err().to_string();
    assert!(problems.contains("has no `api_keys`"), "{problems}");
    let wrong = Source { text: source.text.replace("pepper:", "peper:"), ..source };
    let problems = key_files(&wrong, &env).unwrap_err().to_string();
    assert!(problems.contains("did you mean `pepper`"), "{problems}");
}

#[test]
fn keys_are_not_managed_with_a_pepper_that_everybody_reads() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("pepper.key");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = keys("", "    auth: api_keys\n");
    let source = Source { path: Some(folder.write("s.yaml", &text)), text };
    let problems = key_files(&source, &env).unwrap_err().to_string();
    assert!(problems.contains("every user of this machine may read"), "{problems}");
}
