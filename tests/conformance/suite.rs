//! One run of the suite against one address, and what came of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A frozen set of requirements, the scenarios that it does not score included.
#[derive(Debug, Clone, Copy)]
pub enum Revision {
    Legacy,
    Modern,
}

impl Revision {
    fn date(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }

    /// Scenarios and checks that a complete run has, so that a run which skips some is seen.
    fn least(self) -> (usize, usize) {
        match self {
            Self::Legacy => (33, 83),
            Self::Modern => (50, 197),
        }
    }
}

/// The figures of one run.
#[derive(Debug)]
pub struct Run {
    passed: usize,
    revision: Revision,
    scenarios: BTreeSet<String>,
    failed: Vec<String>,
    warned: Vec<String>,
    log: String,
    finished: bool,
}

/// Nothing failed, nothing was left out.
#[track_caller]
pub fn assert_whole(target: &str, runs: &[Run]) {
    let mut wrong = Vec::new();
    for run in runs {
        let Run { passed, revision, failed, warned, scenarios, log, finished } = run;
        let (date, scenarios) = (revision.date(), scenarios.len());
        println!(
            "conformance {date}, {target}: {scenarios} scenarios, {passed} checks passed, {} failed, {} warnings",
            failed.len(),
            warned.len()
        );
        for line in warned {
            println!("  warning: {line}");
        }
        wrong.extend(failed.iter().map(|line| format!("{date}, {target}: {line}")));
        if failed.is_empty() && !finished {
            wrong.push(format!("{date}, {target}: the suite did not end well\n{log}"));
        }
        if scenarios < revision.least().0 || *passed < revision.least().1 {
            wrong.push(format!("{date}, {target}: fewer than {:?}", revision.least()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the set against `url`, with a token on every request.
pub async fn run(revision: Revision, url: &str, token: &str) -> Run {
    let (url, token) = (url.to_owned(), token.to_owned());
    tokio::task::spawn_blocking(move || run_blocking(revision, &url, &token)).await.unwrap()
}

fn run_blocking(revision: Revision, url: &str, token: &str) -> Run {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("conformance-{}-{number}", std::process::id()));
    let home = installed("conformance");
    let expected =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/expected-failures.yml");
    // `timeout` bounds the wait for a suite that hangs.
    let output = Command::new("timeout")
        .args(["--kill-after=5", SUITE_SECONDS_MAX])
        .arg(home.join("node"))
        .args(["--preserve-symlinks", "--import", "./preload.mjs"])
        .arg("node_modules/@modelcontextprotocol/conformance/dist/index.js")
        .args(["server", "--url", url, "--requirements", revision.date(), "--output-dir"])
        .arg(&out)
        .arg("--expected-failures")
        .arg(expected)
        .env("MCP_TOKEN", token)
        .current_dir(&home)
        .output()
        .unwrap();
    let log = [output.stdout, output.stderr].concat();
    let mut run = Run {
        passed: 0,
        revision,
        scenarios: BTreeSet::new(),
        failed: Vec::new(),
        warned: Vec::new(),
        log: String::from_utf8_lossy(&log).into_owned(),
        finished: output.status.success(),
    };
    for entry in std::fs::read_dir(&out).into_iter().flatten() {
        read_checks(&entry.unwrap().path(), &mut run);
    }
    let _ = std::fs::remove_dir_all(&out);
    run
}

/// One scenario: its directory is called `server-` and its name and the time.
fn read_checks(scenario: &Path, run: &mut Run) {
    let name = scenario.file_name().unwrap().to_string_lossy();
    let name = name.strip_prefix("server-").unwrap_or(&name);
    let name = name.find("-20").map_or(name, |at| name.split_at(at).0).to_owned();
    let text = std::fs::read_to_string(scenario.join("checks.json")).unwrap_or_default();
    let checks: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
    for check in &checks {
        let why = check["errorMessage"].as_str().unwrap_or_default();
        let line = format!("{name}: {} ({}): {why}", check["id"], check["name"]);
        match check["status"].as_str() {
            Some("SUCCESS") => run.passed += 1,
            Some("FAILURE") => run.failed.push(line),
            Some("WARNING") => run.warned.push(line),
            _ => {}
        }
    }
    run.scenarios.insert(name);
}

/// What `tests/peers/install` put into place.
fn installed(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("peers").join(name);
    assert!(path.exists(), "{} is missing: run tests/peers/install", path.display());
    path
}

const SUITE_SECONDS_MAX: &str = "110";
