//! What `client-config` tells clients: entries that work, and no secret in them.

use std::fs;
use std::process::{Command, Output};

use sallyport::dev::issuer::DevKey;
use serde_json::{Value, json};

use super::{Dir, data, sallyport, talk};

const SERVER: &str = "servers:\n  - name: notes\n    public_url: https://localhost:8443/mcp\n    \
                      upstream: http://127.0.0.1:8080/mcp\n";
const TLS: &str = "listen: 127.0.0.1:8443\ntls: { cert: server.pem, key: server.key }\n";
const ISSUER: &str = "issuers:\n  - issuer: https://idp.example.com\n";
const KEYS: &str =
    "api_keys: { file: api-keys.jsonl, pepper: { file: api-keys.pepper }, header: x-api-key }\n";

/// A configuration beside its files.
fn configured(parts: &[&str]) -> (Dir, String) {
    let dir = Dir::new();
    dir.certificates();
    let path = dir.write("sallyport.yaml", &parts.concat());
    (dir, path)
}

fn entries(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", talk(output));
    serde_json::from_str(&data(output)).unwrap()
}

/// Runs the command where a project's files are.
fn in_project(dir: &Dir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(arguments).current_dir(&dir.0).env_remove("SALLYPORT_CONFIG").output().unwrap()
}

#[test]
fn client_that_can_sign_in_by_itself_is_told_the_url_alone() {
    let (_dir, config) = configured(&[TLS, ISSUER, SERVER]);
    let shown = entries(&sallyport(&["client-config", "json", "--config", &config]));
    let url = "https://localhost:8443/mcp";
    assert_eq!(shown, json!({ "mcpServers": { "notes": { "type": "http", "url": url } } }));
    let output = sallyport(&["client-config", "claude", "--config", &config]);
    let lines = data(&output);
    assert!(lines.contains("claude mcp add --transport http notes https://localhost:8443/mcp\n"));
    assert!(!lines.contains("--header"), "{lines}");
}

#[test]
fn authority_that_no_client_trusts_is_part_of_the_answer() {
    let (dir, config) = configured(&[TLS, ISSUER, SERVER]);
    let pem = dir.0.join("server.pem");
    let line = format!("export NODE_EXTRA_CA_CERTS={}", pem.display());
    for client in ["claude", "inspector"] {
        let output = sallyport(&["client-config", client, "--config", &config]);
        assert_eq!(data(&output).lines().next(), Some(line.as_str()), "{client}");
    }
    for client in ["cursor", "vscode", "json"] {
        let output = sallyport(&["client-config", client, "--config", &config]);
        assert!(talk(&output).contains(&line), "{client}: {}", talk(&output));
    }
    let ca = dir.write("it's a ca.pem", &fs::read_to_string(&pem).unwrap());
    let output = sallyport(&["client-config", "claude", "--config", &config, "--ca", &ca]);
    assert!(data(&output).contains(r"it'\''s a ca.pem'"), "{}", data(&output));
    let none = dir.write("none.pem", "no certificate");
    let output = sallyport(&["client-config", "claude", "--config", &config, "--ca", &none]);
    assert_eq!((output.status.code(), data(&output).as_str()), (Some(1), ""));
    assert!(talk(&output).contains("none.pem"));
}

#[test]
fn credential_is_named_by_its_variable_in_the_words_of_each_client() {
    let (_dir, config) = configured(&[TLS, KEYS, ISSUER, SERVER, "    auth: api_keys\n"]);
    for (client, key, value) in [
        ("json", "mcpServers", "${SALLYPORT_API_KEY}"),
        ("cursor", "mcpServers", "${env:SALLYPORT_API_KEY}"),
        ("vscode", "servers", "${input:SALLYPORT_API_KEY}"),
    ] {
        let shown = entries(&sallyport(&["client-config", client, "--config", &config]));
        assert_eq!(shown[key]["notes"]["headers"], json!({ "x-api-key": value }), "{client}");
    }
    let vscode = entries(&sallyport(&["client-config", "vscode", "--config", &config]));
    assert_eq!(vscode["inputs"][0]["id"], "SALLYPORT_API_KEY");
    assert_eq!(vscode["inputs"][0]["password"], true);
    let claude = sallyport(&["client-config", "claude", "--config", &config, "--env", "MINE"]);
    assert!(data(&claude).contains("--header 'x-api-key: ${MINE}'"), "{}", data(&claude));
    let inspector = sallyport(&["client-config", "inspector", "--config", &config]);
    assert!(data(&inspector).contains("--header \"x-api-key: $SALLYPORT_API_KEY\""));
    let bad = sallyport(&["client-config", "json", "--config", &config, "--env", "A;reboot"]);
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn token_of_a_real_issuer_is_sent_where_that_is_asked_for() {
    let (_dir, config) = configured(&[TLS, ISSUER, SERVER]);
    let shown = entries(&sallyport(&["client-config", "json", "--config", &config, "--token"]));
    let headers = &shown["mcpServers"]["notes"]["headers"];
    assert_eq!(*headers, json!({ "Authorization": "Bearer ${SALLYPORT_TOKEN}" }));
}

#[test]
fn nobody_is_told_to_sign_in_at_a_development_issuer() {
    let issuer = "issuers:\n  - { issuer: 'http://127.0.0.1:9', development_key: dev.key, \
                  algorithms: [ES256] }\n";
    for auth in ["", "    auth: { any: [tokens, api_keys] }\n"] {
        let keys = if auth.is_empty() { "" } else { KEYS };
        let (dir, config) = configured(&[TLS, keys, issuer, SERVER, auth]);
        DevKey::load_or_create(&dir.0.join("dev.key")).unwrap();
        let output = sallyport(&["client-config", "json", "--config", &config]);
        let headers = &entries(&output)["mcpServers"]["notes"]["headers"];
        assert_eq!(*headers, json!({ "Authorization": "Bearer ${SALLYPORT_TOKEN}" }), "{auth}");
        assert!(talk(&output).contains("sallyport token --config"), "{}", talk(&output));
    }
}

#[test]
fn entries_are_added_to_a_file_and_all_else_in_it_stays() {
    let (dir, config) = configured(&[TLS, ISSUER, SERVER]);
    let write = ["client-config", "cursor", "--config", config.as_str(), "--write"];
    assert_eq!(in_project(&dir, &write).status.code(), Some(0));
    let path = dir.0.join(".cursor/mcp.json");
    let first: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(first["mcpServers"]["notes"]["url"], "https://localhost:8443/mcp");
    let theirs = r#"{"theirs":[1,2],"mcpServers":{"other":{"command":"x"}}}"#;
    fs::write(&path, theirs).unwrap();
    assert_eq!(in_project(&dir, &write).status.code(), Some(0));
    let merged: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(merged["theirs"], json!([1, 2]));
    assert_eq!(merged["mcpServers"]["other"], json!({ "command": "x" }));
    assert_eq!(merged["mcpServers"]["notes"], first["mcpServers"]["notes"]);
    let again = in_project(&dir, &write);
    assert!(talk(&again).contains("has it all already"), "{}", talk(&again));
}

#[test]
fn file_that_cannot_be_added_to_is_left_as_it_is() {
    let (dir, config) = configured(&[TLS, ISSUER, SERVER]);
    let path = dir.0.join(".mcp.json");
    let write = ["client-config", "claude", "--config", config.as_str(), "--write"];
    for (text, says) in [
        ("{ // mine\n}", "no plain JSON"),
        ("[]", "one JSON object"),
        (r#"{"mcpServers":[]}"#, "is no object"),
        (r#"{"mcpServers":{"notes":{"command":"x"}}}"#, "another entry `notes`"),
    ] {
        fs::write(&path, text).unwrap();
        let output = in_project(&dir, &write);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(talk(&output).contains(says), "{text}: {}", talk(&output));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let large = " ".repeat(sallyport::limits::CLIENT_CONFIG_BYTES_MAX + 1);
    fs::write(&path, large).unwrap();
    assert!(talk(&in_project(&dir, &write)).contains("is larger than"));
}

#[test]
fn server_that_no_mcp_client_can_use_is_named_and_left_out() {
    let rest = "  - name: old\n    public_url: https://localhost:8443/old\n    \
                upstream: http://127.0.0.1:8081\n    profile: rest\n";
    let (_dir, config) = configured(&[TLS, ISSUER, SERVER, rest]);
    let output = sallyport(&["client-config", "json", "--config", &config]);
    assert!(entries(&output)["mcpServers"].get("old").is_none());
    assert!(talk(&output).contains("`old` speaks the REST profile"), "{}", talk(&output));
    for server in ["old", "nobody"] {
        let only = ["client-config", "json", "--config", config.as_str(), "--server", server];
        let output = sallyport(&only);
        assert_eq!((output.status.code(), data(&output).as_str()), (Some(1), ""), "{server}");
        assert!(talk(&output).contains(server));
    }
}
