//! Foreign processes and where they live.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A directory for one test; kept when the test fails.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty directory below cargo's own for integration tests.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("peers-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of `name` inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("logs and files of this test are kept in {}", self.0.display());
        } else {
            // A file that cannot be removed is no reason to fail a test that held its promise.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A running process, ended with its whole group when dropped (see `leash`).
pub struct Peer {
    name: &'static str,
    child: Child,
    leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Peer {
    /// Starts `command` with a clean environment and its output in a log file.
    pub fn start(
        name: &'static str,
        command: &[&OsStr],
        dir: &Scratch,
        env: &[(&str, &str)],
    ) -> Self {
        Self::spawn(name, command, dir, env, Output::Logged)
    }

    /// As [`Self::start`], and returns the first line of its standard output.
    pub fn start_and_hear(name: &'static str, command: &[&OsStr], dir: &Scratch) -> (Self, String) {
        let mut peer = Self::spawn(name, command, dir, &[], Output::Heard);
        let stdout = peer.child.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // The receiver is gone when it waited too long: nobody is left to tell.
            let _ = sender.send(read.map(|_| line));
        });
        match receiver.recv_timeout(READY_MAX) {
            Ok(Ok(line)) if !line.is_empty() => (peer, line),
            other => peer.fail(&format!("said nothing: {other:?}")),
        }
    }

    fn spawn(
        name: &'static str,
        command: &[&OsStr],
        dir: &Scratch,
        env: &[(&str, &str)],
        output: Output,
    ) -> Self {
        let log = dir.path(&format!("{name}.log"));
        let stderr = File::create(&log).unwrap();
        let stdout = match output {
            Output::Logged => stderr.try_clone().unwrap().into(),
            Output::Heard => Stdio::piped(),
        };
        let mut child = clean(Command::new(source("leash")), dir)
            .args(command)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let leash = child.stdin.take();
        Self { name, child, leash, log }
    }

    /// Waits until `probe` says yes, at most [`READY_MAX`]; fails at once when the process ended.
    pub fn wait_until(&mut self, what: &str, mut probe: impl FnMut() -> bool) {
        let deadline = Instant::now() + READY_MAX;
        while !probe() {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.fail(&format!("ended before it was {what}: {status}"));
            }
            if Instant::now() > deadline {
                self.fail(&format!("was not {what} in time"));
            }
            // A foreign process gives no signal that could be waited for: ask again soon.
            std::thread::sleep(PROBE_INTERVAL);
        }
    }

    /// Waits until something listens on the port.
    pub fn wait_for_port(&mut self, port: u16) {
        self.wait_until("listening", || TcpStream::connect(loopback(port)).is_ok());
    }

    fn fail(&mut self, what: &str) -> ! {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        panic!("{} {what}\n--- its log:\n{log}", self.name);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.leash.take());
        // The leash has nothing left to wait for, so this ends.
        let _ = self.child.wait();
    }
}

/// Where a process writes its standard output.
enum Output {
    /// Into its log, with the errors.
    Logged,
    /// To the test.
    Heard,
}

/// Waits until `probe` says yes, for what no process tells by itself; no when it never did.
pub fn eventually(mut probe: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + READY_MAX / 4;
    while !probe() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(PROBE_INTERVAL);
    }
    true
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap().port()
}

/// The loopback address with this port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// `command` without the environment of whoever runs the tests: foreign code gets to see only
/// where programs are.
pub fn clean(mut command: Command, dir: &Scratch) -> Command {
    command.env_clear().env("HOME", &dir.0).env("NODE_NO_WARNINGS", "1");
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// A file of the source tree's `tests/peers`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// A file that `tests/peers/install` put into place.
pub fn installed(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("peers").join(name);
    assert!(path.exists(), "{} is missing: run tests/peers/install", path.display());
    path
}

/// How a script of ours, linked beside the installed packages, is run by Node.
pub fn node(script: &str) -> Vec<OsString> {
    let flags = ["node", "--preserve-symlinks", "--preserve-symlinks-main"];
    let mut command: Vec<OsString> = flags.iter().map(Into::into).collect();
    command.push(installed(script).into());
    command
}

/// Longest wait for a peer to become ready: generous, because a cold Python on a busy machine is
/// slow, and only failures ever wait this long.
const READY_MAX: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
