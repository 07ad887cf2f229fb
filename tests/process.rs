//! The gateway as a process: signals, files that change under it, and its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

#[path = "support/process.rs"]
mod process;

#[path = "process/confined.rs"]
mod confined;

use process::Process;

impl Process {
    fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
        command.args(["run", "--config"]).arg(config).stdout(Stdio::null());
        Self::spawn(&mut command, Duration::from_secs(10))
    }

    fn admin(&mut self) -> SocketAddr {
        let line = self.wait_for("admin listening");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        value["address"].as_str().unwrap().parse().unwrap()
    }

    /// Where it serves clients.
    fn listener(&mut self) -> SocketAddr {
        let line = self.wait_for("\"listening\"");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        value["address"].as_str().unwrap().parse().unwrap()
    }
}

/// A folder like a mounted ConfigMap: `sallyport.yaml` -> `..data/sallyport.yaml`, and `..data`
/// -> the folder of one version, swapped by renaming a new link over it.
struct ConfigMap {
    dir: PathBuf,
    versions: u32,
}

impl ConfigMap {
    fn new(name: &str, text: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("sallyport-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut map = Self { dir, versions: 0 };
        map.swap(text);
        symlink("..data/sallyport.yaml", map.file()).unwrap();
        map
    }

    fn file(&self) -> PathBuf {
        self.dir.join("sallyport.yaml")
    }

    fn swap(&mut self, text: &str) {
        self.versions += 1;
        let version = format!("..version-{}", self.versions);
        fs::create_dir(self.dir.join(&version)).unwrap();
        fs::write(self.dir.join(&version).join("sallyport.yaml"), text).unwrap();
        symlink(&version, self.dir.join("..data_tmp")).unwrap();
        fs::rename(self.dir.join("..data_tmp"), self.dir.join("..data")).unwrap();
    }
}

impl Drop for ConfigMap {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn yaml(dir: &Path, tool: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\n\
         issuers: [ {{ issuer: 'http://127.0.0.1:9' }} ]\n\
         servers:\n  - name: notes\n    public_url: http://127.0.0.1/mcp\n    upstream: http://127.0.0.1:9/mcp\n    \
         tools: [ {{ match: '{tool}' }} ]\naudit: {{ dir: '{}' }}\n",
        dir.join("audit").display()
    )
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut out = String::new();
    stream.read_to_string(&mut out).unwrap();
    out
}

#[test]
fn a_config_map_swap_reloads_and_a_broken_one_keeps_the_old_configuration() {
    let mut map = ConfigMap::new("swap", "");
    let dir = map.dir.clone();
    map.swap(&yaml(&dir, "a"));
    let mut gateway = Process::start(&map.file());
    let admin = gateway.admin();
    assert!(get(admin, "/metrics").contains("sallyport_config_generation 1"));
    map.swap(&yaml(&dir, "b"));
    gateway.wait_for("reloaded");
    assert!(get(admin, "/metrics").contains("sallyport_config_generation 2"));
    map.swap("listen: [\n");
    gateway.wait_for("reload refused");
    let metrics = get(admin, "/metrics");
    assert!(metrics.contains("sallyport_config_generation 2"), "{metrics}");
    assert!(metrics.contains("sallyport_config_last_reload_successful 0"), "{metrics}");
    map.swap(&yaml(&dir, "c"));
    gateway.wait_for("reloaded");
    assert!(get(admin, "/metrics").contains("sallyport_config_last_reload_successful 1"));
}

#[test]
fn crash_leaves_no_image_of_the_memory() {
    let map = {
        let mut map = ConfigMap::new("core", "");
        let text = yaml(&map.dir.clone(), "a");
        map.swap(&text);
        map
    };
    let mut crashing = Command::new("sh");
    crashing.current_dir(&map.dir).stdout(Stdio::null()).stderr(Stdio::null());
    // Whoever starts it may well have switched core dumps on.
    let line = format!(
        "ulimit -S -c unlimited; exec {} run --config sallyport.yaml",
        env!("CARGO_BIN_EXE_sallyport")
    );
    let mut child = crashing.args(["-c", &line]).spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let end = Instant::now() + Duration::from_secs(10);
    let core = loop {
        let text = fs::read_to_string(&limits).unwrap_or_default();
        let core = text.lines().find(|line| line.starts_with("Max core file size"));
        let words: Vec<String> =
            core.unwrap_or_default().split_whitespace().skip(4).map(str::to_owned).collect();
        let low = |word: &String| word == "0" || word == "1";
        if words.iter().take(2).filter(|word| low(word)).count() == 2 || Instant::now() > end {
            break words;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(core.iter().take(2).all(|word| word == "0" || word == "1"), "{core:?}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-ABRT", &pid]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    let left = fs::read_dir(&map.dir).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.starts_with("core")), "{left:?}");
}

#[test]
fn hangup_reloads_and_terminate_drains_and_ends_with_zero() {
    let mut map = ConfigMap::new("signals", "");
    let dir = map.dir.clone();
    map.swap(&yaml(&dir, "a"));
    let mut gateway = Process::start(&map.file());
    let admin = gateway.admin();
    assert!(get(admin, "/readyz").starts_with("HTTP/1.1 200"));
    gateway.signal("-HUP");
    gateway.wait_for("reloaded");
    gateway.signal("-TERM");
    gateway.wait_for("stopped");
    assert!(gateway.child.wait().unwrap().success());
    let verified = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["audit", "verify"])
        .arg(dir.join("audit"))
        .status()
        .unwrap();
    assert!(verified.success());
}

#[test]
fn log_that_nobody_reads_any_more_ends_no_gateway() {
    let mut map = ConfigMap::new("unread", "");
    let dir = map.dir.clone();
    map.swap(&yaml(&dir, "a"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["run", "--config"])
        .arg(map.file())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut listener, mut admin) = (None, None);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    while admin.is_none() {
        let line: serde_json::Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        let address = || line["address"].as_str().and_then(|text| text.parse().ok());
        match line["message"].as_str().unwrap() {
            "listening" => listener = address(),
            text if text.starts_with("admin listening") => admin = address(),
            _ => {}
        }
    }
    drop(log);
    let (listener, admin): (SocketAddr, SocketAddr) = (listener.unwrap(), admin.unwrap());
    // Each refusal is a line that cannot be written.
    for _ in 0..3 {
        assert!(get(listener, "/nothing").starts_with("HTTP/1.1 4"));
    }
    assert!(get(admin, "/healthz").starts_with("HTTP/1.1 200"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_configuration_with_mistakes_does_not_start_and_exits_with_two() {
    let map = ConfigMap::new("mistakes", "listn: 127.0.0.1:0\n");
    let output = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["run", "--config"])
        .arg(map.file())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("listn") && talk.contains("did you mean `listen`"), "{talk}");
}

/// Sends a message to the endpoint and returns the status line; nothing if the gateway is gone.
fn post(address: SocketAddr, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let bytes = body.len();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {bytes}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .ok()?;
    let mut out = String::new();
    stream.read_to_string(&mut out).ok()?;
    out.lines().next().map(str::to_owned)
}

fn sallyport(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sallyport")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

#[test]
fn trail_of_a_gateway_is_verified_with_its_own_log_and_proven_record_by_record() {
    let mut map = ConfigMap::new("proofs", "");
    let dir = map.dir.clone();
    map.swap(&yaml(&dir, "a"));
    let mut gateway = Process::start(&map.file());
    gateway.wait_for("a new audit log was made");
    let listener = gateway.listener();
    for _ in 0..3 {
        let status = post(listener, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).unwrap();
        assert!(status.contains("401"), "{status}");
    }
    gateway.signal("-TERM");
    gateway.wait_for("stopped");
    assert!(gateway.child.wait().unwrap().success());
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (trail, anchor, proof) = (path("audit"), path("gateway.log"), path("proof.json"));
    let (key, mac_key) = (path("audit/verifier.pub"), path("first-mac-key"));
    fs::write(&anchor, gateway.seen.join("\n") + "\n").unwrap();
    let (code, keys) = sallyport(&["audit", "key", &trail, "--take"]);
    assert_eq!(code, 0, "{keys}");
    fs::write(&mac_key, keys).unwrap();
    assert!(sallyport(&["audit", "key", &trail]).1.contains("was taken away"));

    let all =
        ["audit", "verify", &trail, "--key", &key, "--anchor", &anchor, "--mac-key", &mac_key];
    let (code, text) = sallyport(&all);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("gateway.log`") && !text.contains("NOT checked"), "{text}");

    let (code, record) = sallyport(&["audit", "prove", &trail, "2"]);
    assert_eq!(code, 0, "{record}");
    fs::write(&proof, &record).unwrap();
    let check = ["audit", "check-proof", &proof, "--key", &key];
    let (code, text) = sallyport(&check);
    assert!(code == 0 && text.contains("this is record 2 of"), "{text}");
    fs::write(&proof, record.replacen("token_missing", "token_massing", 1)).unwrap();
    assert_eq!(sallyport(&check).0, 13);
    fs::write(&proof, "{}").unwrap();
    assert_eq!(sallyport(&check).0, 10);
    assert_eq!(sallyport(&["audit", "prove", &trail, "9"]).0, 1);

    let (code, text) = sallyport(&["audit", "rotate", &trail]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = sallyport(&all);
    assert_eq!(code, 0, "{text}");
    let (code, growth) = sallyport(&["audit", "prove-growth", &trail, &anchor]);
    assert_eq!(code, 0, "{growth}");
    fs::write(&proof, growth).unwrap();
    let (code, text) = sallyport(&check);
    assert!(code == 0 && text.contains("continues its first 3"), "{text}");
    // The gateway goes on with the new key; without the old one in its anchor nothing is missing.
    let mut again = Process::start(&map.file());
    again.admin();
    again.signal("-TERM");
    again.wait_for("stopped");
    assert_eq!(sallyport(&all).0, 0);
    let segment = dir.join("audit/000000000001.jsonl");
    let lines = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, lines.lines().take(1).collect::<String>() + "\n").unwrap();
    assert_eq!(sallyport(&all).0, 12);
}

/// A server behind the gateway that answers every call and says what it saw.
fn upstream() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || answer(stream, &sender));
        }
    });
    (address, seen)
}

fn answer(stream: TcpStream, sender: &Sender<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut line, mut bytes) = (String::new(), 0);
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(length) = lower.strip_prefix("content-length:") {
                bytes = length.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; bytes];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(&body) else { return };
        if let Some(name) = message["params"]["arguments"]["name"].as_str() {
            let _ = sender.send(name.to_owned());
        }
        let id = &message["id"];
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"ok"}}]}}}}"#
        );
        let bytes = text.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        if write!(stream, "{head} {bytes}\r\n\r\n{text}").is_err() {
            return;
        }
    }
}

/// Calls until the gateway is gone.
fn caller(listener: SocketAddr, round: usize, caller: usize) {
    for n in 0..200 {
        let name = format!("call-{round}-{caller}-{n}");
        let message = serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "a", "arguments": {"name": name}}});
        if post(listener, &message.to_string()).is_none() {
            return;
        }
    }
}

#[test]
fn every_call_that_a_server_saw_before_its_gateway_was_killed_has_its_intent() {
    let (address, seen) = upstream();
    let mut map = ConfigMap::new("killed", "");
    let dir = map.dir.clone();
    map.swap(&format!(
        "listen: 127.0.0.1:0\nadmin: off\naudit: {{ dir: '{}', checkpoint: {{ records: 7 }} }}\n\
         limits: {{ per_address: off }}\n\
         servers:\n  - name: notes\n    public_url: http://127.0.0.1/mcp\n    \
         upstream: http://{address}/mcp\n    auth: none\n    scopes: {{ tools.invoke: [] }}\n    \
         limits: {{ per_principal: off }}\n    tools: [ {{ match: 'a' }} ]\n",
        dir.join("audit").display()
    ));
    let mut names = Vec::new();
    for round in 0..ROUNDS {
        let mut gateway = Process::start(&map.file());
        let listener = gateway.listener();
        let callers: Vec<_> = (0..4)
            .map(|number| std::thread::spawn(move || caller(listener, round, number)))
            .collect();
        // Somewhere in the middle, another place each time.
        for _ in 0..(5 + 7 * round) {
            names.push(seen.recv_timeout(Duration::from_secs(10)).unwrap());
        }
        gateway.signal("-KILL");
        for caller in callers {
            caller.join().unwrap();
        }
        names.extend(seen.try_iter());
    }
    let trail = dir.join("audit");
    // One more start repairs what the last kill left.
    let mut last = Process::start(&map.file());
    last.listener();
    last.signal("-TERM");
    last.wait_for("stopped");
    let (code, text) = sallyport(&["audit", "verify", trail.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    let (_, records) = sallyport(&["audit", "cat", trail.to_str().unwrap(), "--phase", "intent"]);
    for name in &names {
        assert!(records.contains(&format!("\"{name}\"")), "{name} was forwarded without intent");
    }
    assert!(names.len() >= ROUNDS * 5);
}

const ROUNDS: usize = 6;
