//! The SDK clients, each a process that does one job and reports what it saw.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::process::{Scratch, clean, installed, node, source};

/// The official SDKs, as clients use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// TypeScript 1.x: 2025-era only.
    Ts1,
    /// TypeScript 2.x as it comes: 2025-era.
    Ts2,
    /// TypeScript 2.x that asks for 2026-07-28 first.
    Ts2Auto,
    /// Python 1.x: 2025-era only.
    Py1,
    /// Python 2.x as it comes: asks for 2026-07-28 first.
    Py2,
    /// TypeScript 1.x over HTTP+SSE, the transport of 2024-11-05.
    Ts1Sse,
    /// Python 1.x over HTTP+SSE.
    Py1Sse,
    /// TypeScript 2.x that speaks 2026-07-28 and nothing else.
    Ts2Modern,
    /// Python 2.x that speaks 2026-07-28 and nothing else.
    Py2Modern,
}

/// What a client saw: the handshake, then each step.
#[derive(Debug)]
pub struct Visit {
    connected: Value,
    steps: Vec<Value>,
    /// Every notification: method and parameters.
    pub heard: Value,
    /// How often the bytes of all answers held each canary, by what follows `canary-` in it.
    pub canaries: Value,
}

impl Sdk {
    /// All that choose the transport and the revision by themselves.
    pub const ALL: [Self; 5] = [Self::Ts1, Self::Ts2, Self::Ts2Auto, Self::Py1, Self::Py2];

    /// Connects to `url`, does the steps, and leaves. `ca` is the only authority that is trusted
    /// besides the system's.
    ///
    /// # Panics
    /// When an answer never came, or the client could not leave in peace: a refusal is a result, a
    /// broken wire is not.
    pub fn visit(self, url: &str, ca: Option<&Path>, token: Option<&str>, steps: &Value) -> Visit {
        let job = json!({ "url": url, "token": token, "ca": ca, "steps": steps });
        self.work(job, ca)
    }

    /// As [`Self::visit`], with a user who gives `answer` whenever the server asks.
    pub fn visit_with_user(
        self,
        url: &str,
        ca: Option<&Path>,
        token: Option<&str>,
        steps: &Value,
        answer: &Value,
    ) -> Visit {
        let job = json!({ "url": url, "token": token, "ca": ca, "steps": steps, "answer": answer });
        self.work(job, ca)
    }

    /// As [`Self::visit`], and adds the bytes of every answer, heads included, to the file `keep`.
    pub fn visit_and_keep(
        self,
        url: &str,
        ca: Option<&Path>,
        token: Option<&str>,
        steps: &Value,
        keep: &Path,
    ) -> Visit {
        let job = json!({ "url": url, "token": token, "ca": ca, "steps": steps, "keep": keep });
        self.work(job, ca)
    }

    /// As [`Self::visit`], but talks to a program that is started for it: its standard input and
    /// output carry the messages.
    pub fn visit_program(self, command: &[&str], ca: Option<&Path>, steps: &Value) -> Visit {
        self.work(json!({ "command": command, "steps": steps }), ca)
    }

    fn work(self, mut job: Value, ca: Option<&Path>) -> Visit {
        match self {
            Self::Ts2Auto => job["era"] = json!("auto"),
            Self::Ts2Modern | Self::Py2Modern => job["era"] = json!("2026-07-28"),
            Self::Ts1Sse | Self::Py1Sse => job["transport"] = json!("sse"),
            Self::Ts1 | Self::Ts2 | Self::Py1 | Self::Py2 => {}
        }
        let python = |version: &str| {
            let python = format!("{version}/bin/python");
            vec![installed(&python).into(), source("py-client.py").into()]
        };
        let command = match self {
            Self::Ts1 | Self::Ts1Sse => node("ts1-client.mjs"),
            Self::Ts2 | Self::Ts2Auto | Self::Ts2Modern => node("ts2-client.mjs"),
            Self::Py1 | Self::Py1Sse => python("py1"),
            Self::Py2 | Self::Py2Modern => python("py2"),
        };
        Visit::of(&command, ca, &job)
    }
}

impl Visit {
    /// Runs `command`, which takes the job on its standard input and reports as `job.mjs` does.
    ///
    /// # Panics
    /// As [`Sdk::visit`].
    pub fn of(command: &[OsString], ca: Option<&Path>, job: &Value) -> Self {
        let mut report = run(command, ca, job);
        let closing = &report["closing"];
        assert!(closing.is_null(), "{command:?} could not leave: {closing:#}");
        let Value::Array(steps) = report["steps"].take() else { panic!("no steps: {report}") };
        let connected = report["connected"].take();
        Self {
            connected,
            steps,
            heard: report["heard"].take(),
            canaries: report["canaries"].take(),
        }
    }

    /// The result of step `index`, which must have succeeded.
    #[track_caller]
    pub fn result(&self, index: usize) -> &Value {
        let step = self.step(index);
        assert_eq!(step["ok"], true, "step {index} failed: {step:#}");
        &step["result"]
    }

    /// What became of step `index`: its result, or what went wrong with it or before it.
    pub fn outcome(&self, index: usize) -> Result<&Value, String> {
        if self.connected["ok"] != true {
            return Err(format!("not connected: {}", self.connected));
        }
        match self.steps.get(index) {
            Some(step) if step["ok"] == true => Ok(&step["result"]),
            Some(step) => Err(format!("step {index}: {step}")),
            None => Err(format!("the client ended before step {index}")),
        }
    }

    /// How many steps were done.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The error with which step `index` ended, as the SDK gave it.
    #[track_caller]
    pub fn error(&self, index: usize) -> &Value {
        let step = self.step(index);
        assert_eq!(step["ok"], false, "not refused: {step:#}");
        &step["error"]
    }

    /// Status and challenge with which step `index` was refused.
    #[track_caller]
    pub fn refusal(&self, index: usize) -> (u64, &str) {
        Self::refusal_in(self.step(index))
    }

    /// Every exchange of step `index`: method, status, challenge.
    #[track_caller]
    pub fn exchanges(&self, index: usize) -> &[Value] {
        self.step(index)["http"].as_array().unwrap()
    }

    /// Every exchange of the handshake.
    #[track_caller]
    pub fn handshake(&self) -> &[Value] {
        self.connected["http"].as_array().unwrap()
    }

    /// Status and challenge with which the handshake was refused.
    #[track_caller]
    pub fn refused_connection(&self) -> (u64, &str) {
        Self::refusal_in(&self.connected)
    }

    /// The tool names that step `index` listed.
    #[track_caller]
    pub fn tools(&self, index: usize) -> Vec<&str> {
        let tools = self.result(index)["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
    }

    /// The text of the first content block of step `index`.
    #[track_caller]
    pub fn text(&self, index: usize) -> &str {
        let result = self.result(index);
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result:#}"))
    }

    #[track_caller]
    fn step(&self, index: usize) -> &Value {
        assert_eq!(self.connected["ok"], true, "not connected: {:#}", self.connected);
        self.steps.get(index).unwrap_or_else(|| panic!("no step {index}: {self:#?}"))
    }

    #[track_caller]
    fn refusal_in(step: &Value) -> (u64, &str) {
        assert_eq!(step["ok"], false, "not refused: {step:#}");
        // The event stream (GET) and notifications (202) are exchanged beside the steps.
        let refused = |exchange: &&Value| {
            exchange["method"] == "POST" && exchange["status"].as_u64().is_some_and(|it| it >= 400)
        };
        let exchanges = step["http"].as_array().unwrap();
        let last = exchanges.iter().rfind(refused);
        let last = last.unwrap_or_else(|| panic!("not refused over HTTP: {step:#}"));
        (last["status"].as_u64().unwrap(), last["challenge"].as_str().unwrap_or_default())
    }
}

/// One plain request: `{url, method?, headers?, body?}` to `{status, headers, body}`.
pub fn fetch(ca: Option<&Path>, request: &Value) -> Value {
    run(&node("fetch.mjs"), ca, request)
}

/// Runs a program that reads one JSON job and prints one JSON result.
pub fn run(command: &[OsString], ca: Option<&Path>, job: &Value) -> Value {
    let scratch = Scratch::new();
    // `timeout` bounds the wait for a client that hangs.
    let mut child = clean(Command::new("timeout"), &scratch)
        .args(["--kill-after=5", CLIENT_SECONDS_MAX])
        .args(command)
        .envs(ca.map(|ca| ("NODE_EXTRA_CA_CERTS", ca)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A client that ended before it read its job says why, below.
    let _ = child.stdin.take().unwrap().write_all(job.to_string().as_bytes());
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout}"))
}

const CLIENT_SECONDS_MAX: &str = "90";
