//! What `sallyport keys` promises: one key on stdout, everything else on stderr, files that are
//! their owner's alone, and a running gateway that follows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use regex::Regex;

use super::{Dir, data, read, sallyport, talk};

const PATTERN: &str = r"\bspk_[a-km-np-z2-9]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b";

/// A folder with a pepper and a configuration, without any key yet.
fn ready() -> (Dir, String) {
    let dir = Dir::new();
    let pepper = dir.0.join("api-keys.pepper");
    let made = sallyport(&["keys", "pepper", pepper.to_str().unwrap()]);
    assert!(made.status.success(), "{}", talk(&made));
    assert!(made.stdout.is_empty());
    let config = dir.write(
        "sallyport.yaml",
        &format!(
            "listen: 127.0.0.1:0\nadmin: off\naudit: {{ dir: '{}' }}\n\
             api_keys: {{ file: api-keys.jsonl, pepper: {{ file: api-keys.pepper }} }}\n\
             servers:\n  - name: notes\n    public_url: http://127.0.0.1/mcp\n    \
             upstream: http://127.0.0.1:9/mcp\n    auth: api_keys\n",
            dir.0.join("audit").display()
        ),
    );
    (dir, config)
}

fn keys(config: &str, arguments: &[&str]) -> Output {
    let mut all = vec!["keys"];
    all.extend(arguments);
    all.extend(["--config", config]);
    sallyport(&all)
}

/// A new key and its id.
fn created(config: &str, more: &[&str]) -> (String, String) {
    let mut arguments = vec!["create", "--name", "nightly", "--scope", "mcp.tools.invoke a:b"];
    arguments.extend(more);
    let output = keys(config, &arguments);
    assert!(output.status.success(), "{}", talk(&output));
    let key = data(&output).trim_end().to_owned();
    let id = key.split('_').nth(1).unwrap().to_owned();
    assert!(!talk(&output).contains(&key[20..]), "the key stands on stdout alone");
    (key, id)
}

fn list(config: &str) -> String {
    let output = keys(config, &["list"]);
    assert!(output.status.success(), "{}", talk(&output));
    data(&output)
}

#[test]
fn key_is_printed_once_and_kept_as_a_hash() {
    let (dir, config) = ready();
    let (key, id) = created(&config, &["--role", "support", "--network", "10.0.0.0/8"]);
    assert!(Regex::new(PATTERN).unwrap().is_match(&key) && key.len() == 67, "{}", key.len());
    let file = std::fs::read_to_string(dir.0.join("api-keys.jsonl")).unwrap();
    assert!(!file.contains(&key[17..60]));
    let line: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!((&line["id"], &line["name"]), (&id.as_str().into(), &"nightly".into()));
    assert_eq!(line["scopes"], serde_json::json!(["mcp.tools.invoke", "a:b"]));
    assert_eq!((&line["servers"], &line["networks"][0]), (&"all".into(), &"10.0.0.0/8".into()));
    for name in ["api-keys.jsonl", "api-keys.pepper"] {
        let mode = std::fs::metadata(dir.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let listed = list(&config);
    assert!(listed.starts_with("active") && listed.contains(&id) && !listed.contains(&key[20..]));
    let checked = sallyport(&["check", "--strict", &config]);
    assert!(checked.status.success(), "{}", talk(&checked));
}

#[test]
fn key_lives_90_days_unless_said_otherwise_and_for_ever_with_a_warning() {
    let (dir, config) = ready();
    let expiry = |more: &[&str]| {
        created(&config, more);
        let file = std::fs::read_to_string(dir.0.join("api-keys.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(file.lines().last().unwrap()).unwrap();
        let time = |member: &str| {
            let text = line[member].as_str()?;
            Some(humantime::parse_rfc3339(text).unwrap())
        };
        Some(time("expires_at")?.duration_since(time("created_at").unwrap()).unwrap().as_secs())
    };
    assert_eq!(expiry(&[]), Some(90 * 86_400));
    assert_eq!(expiry(&["--expires", "1h"]), Some(3600));
    assert_eq!(expiry(&["--no-expiry"]), None);
    let output = keys(&config, &["create", "--name", "x", "--no-expiry"]);
    assert!(talk(&output).contains("never expires"), "{}", talk(&output));
    let both = keys(&config, &["create", "--name", "x", "--no-expiry", "--expires", "1d"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn key_is_disabled_enabled_rotated_and_removed_by_its_id() {
    let (_dir, config) = ready();
    let (key, id) = created(&config, &[]);
    let (_, other) = created(&config, &["--server", "notes"]);
    assert!(keys(&config, &["disable", &id]).status.success());
    assert!(list(&config).lines().any(|l| l.starts_with("disabled") && l.contains(&id)));
    let refused = keys(&config, &["rotate", &id]);
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(keys(&config, &["enable", &id]).status.success());
    let rotated = keys(&config, &["rotate", &id, "--overlap", "24h"]);
    assert!(rotated.status.success(), "{}", talk(&rotated));
    let new = data(&rotated).trim_end().to_owned();
    assert!(new != key && new.contains(&id));
    assert!(list(&config).lines().any(|l| l.starts_with("rotating") && l.contains(&id)));
    assert!(keys(&config, &["remove", &id]).status.success());
    let listed = list(&config);
    assert!(!listed.contains(&id) && listed.contains(&other));
    let gone = keys(&config, &["remove", &id]);
    assert!(!gone.status.success() && talk(&gone).contains("there is no key"));
}

#[test]
fn mistakes_are_refused_before_a_key_exists() {
    let (dir, config) = ready();
    let create = |more: &[&str]| {
        let mut arguments = vec!["create", "--name", "n"];
        arguments.extend(more);
        let output = keys(&config, &arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "{more:?}");
        talk(&output)
    };
    assert!(create(&["--server", "files"]).contains("notes"));
    assert!(create(&["--scope", "a\"b"]).contains("`scopes` must be"));
    assert!(create(&["--network", "10.1.2.3/8"]).contains("10.0.0.0/8"));
    assert!(create(&["--expires", "soon"]).contains("expires"));
    assert!(!dir.0.join("api-keys.jsonl").exists());
    let whole = keys(&config, &["remove", "spk_abcdefghijkm_secret"]);
    assert!(!whole.status.success() && !talk(&whole).contains("_secret"), "{}", talk(&whole));
}

#[test]
fn s15_pepper_that_everybody_reads_is_refused_and_none_is_replaced() {
    let (dir, config) = ready();
    let pepper = dir.0.join("api-keys.pepper");
    let again = sallyport(&["keys", "pepper", pepper.to_str().unwrap()]);
    assert!(!again.status.success());
    std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = keys(&config, &["create", "--name", "x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("every user of this machine may read"), "{}", talk(&output));
}

#[test]
fn s15_no_document_holds_a_key_that_works() {
    let pattern = Regex::new(PATTERN).unwrap();
    for name in super::DOCUMENTS {
        assert!(!pattern.is_match(&read(name)), "{name}");
    }
    assert!(read("src/manual/operations.md").contains(PATTERN), "scanners are told");
}

/// The status of a call with a key.
fn status(address: SocketAddr, key: &str) -> u16 {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{}}}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn running_gateway_follows_the_file_and_never_logs_a_key() {
    let (_dir, config) = ready();
    let (first, id) = created(&config, &[]);
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["run", "--config", &config])
        .env("SALLYPORT_LOG", "trace")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(gateway.stderr.take().unwrap());
    let (sender, log) = channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut seen = Vec::new();
    let mut wait_for = |text: &str| -> String {
        let end = Instant::now() + Duration::from_secs(20);
        while let Ok(line) = log.recv_timeout(end.saturating_duration_since(Instant::now())) {
            seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("no `{text}` in {seen:#?}");
    };
    let line: serde_json::Value = serde_json::from_str(&wait_for("listening")).unwrap();
    let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(status(address, &first), 502, "let in, and nothing is behind");
    let (second, _) = created(&config, &[]);
    wait_for("reloaded");
    assert_eq!(status(address, &second), 502);
    assert!(keys(&config, &["remove", &id]).status.success());
    wait_for("reloaded");
    assert_eq!((status(address, &first), status(address, &second)), (401, 502));
    let _ = gateway.kill();
    let _ = gateway.wait();
    while let Ok(line) = log.recv_timeout(Duration::from_secs(1)) {
        seen.push(line);
    }
    for key in [first, second] {
        assert!(seen.iter().all(|line| !line.contains(&key[17..60])));
    }
}
