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
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running gateway and what it logs.
struct Process {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(["run", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, log, seen: Vec::new() }
    }

    /// The first log line that holds `text`, within ten seconds.
    fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(10);
        while let Ok(line) = self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("no `{text}` in {:#?}", self.seen);
    }

    fn admin(&mut self) -> SocketAddr {
        let line = self.wait_for("admin listening");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        value["address"].as_str().unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
