//! The demo, and the calls of the README against it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::{Dir, blocks, data, read, sallyport, talk};

#[test]
fn demo_keeps_every_promise_of_its_tour_and_leaves_a_trail_that_verifies() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = Dir::new();
    let folder = dir.0.join("demo");
    let output = sallyport(&["demo", "--once", "--dir", folder.to_str().unwrap()]);
    let text = talk(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in ["401", "crm:read", "***-**-9999", "ada.byron@example.com", "retry-after"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let trail = folder.join("audit");
    let trail = trail.to_str().unwrap();
    let verified = sallyport(&["audit", "verify", trail]);
    assert_eq!(verified.status.code(), Some(0), "{}", data(&verified));
    assert!(data(&verified).contains("NOT checked"), "{}", data(&verified));
    let head = data(&verified);
    let head = head.lines().find_map(|line| line.strip_prefix("head ")).unwrap();
    let again = sallyport(&["audit", "verify", trail, "--expect-head", head]);
    assert_eq!(again.status.code(), Some(0));
    let refused = sallyport(&["audit", "cat", trail, "--phase", "refused"]);
    assert_eq!(data(&refused).lines().count(), 4);
    changed_and_cut_trails_have_their_exit_codes(&dir, &folder.join("audit"), head);
}

fn changed_and_cut_trails_have_their_exit_codes(dir: &Dir, trail: &Path, head: &str) {
    let text = std::fs::read_to_string(trail.join("000000000001.jsonl")).unwrap();
    let verify = |text: &str, more: &[&str]| {
        let file = dir.write("copy.jsonl", text);
        sallyport(&[&["audit", "verify", &file], more].concat()).status.code()
    };
    let lines: Vec<&str> = text.lines().collect();
    let without = |n: usize| {
        let kept = lines.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, line)| *line);
        kept.collect::<Vec<_>>().join("\n") + "\n"
    };
    assert_eq!(verify(&text, &[]), Some(0));
    assert_eq!(verify(&text.replacen("crm.lookup", "crm.lookUp", 1), &[]), Some(10));
    assert_eq!(verify(&without(5), &[]), Some(12));
    assert_eq!(verify(&without(lines.len() - 1), &["--expect-head", head]), Some(12));
    let last = lines.len();
    let other = format!("{last}:{}", "0".repeat(64));
    assert_eq!(verify(&text, &["--expect-head", &other]), Some(13));
}

/// One demo at a time: each looks for the usual port and takes another when it is taken, but two
/// that look at the same moment would both find it free.
pub(super) static ONE: Mutex<()> = Mutex::new(());

/// A demo that serves until it is dropped.
pub(super) struct Demo {
    child: Child,
    talk: BufReader<ChildStdout>,
}

impl Demo {
    pub(super) fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(["demo", "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let talk = BufReader::new(child.stdout.take().unwrap());
        Self { child, talk }
    }

    /// Where it serves: the usual port may be taken.
    pub(super) fn url(&mut self) -> String {
        let line = self.line("https://localhost:");
        let url = line.split(' ').find(|word| word.starts_with("https://localhost:"));
        url.expect("an address").to_owned()
    }

    /// The next line that it says with `part` in it.
    pub(super) fn line(&mut self, part: &str) -> String {
        let mut lines = self.talk.by_ref().lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("the demo says `{part}`"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn calls_of_the_readme_are_denied_and_allowed_as_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("NOT RUN: there is no curl on this machine");
        return;
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = Dir::new();
    let folder = dir.0.join("demo");
    let mut demo = Demo::start(&folder);
    let url = demo.url();
    let readme = read("README.md");
    let block = blocks(&readme, "sh").into_iter().find(|block| block.contains("mcp()")).unwrap();
    let script = block
        .replace("https://localhost:8443/mcp", &url)
        .replace(".sallyport/demo", folder.to_str().unwrap())
        .replace("sallyport ", concat!(env!("CARGO_BIN_EXE_sallyport"), " "));
    let output = Command::new("sh").args(["-ec", &script]).output().unwrap();
    let answers = data(&output);
    assert!(output.status.success(), "{answers}\n{}", talk(&output));
    for part in ["insufficient_scope", "a***@***.com", "**** **** **** 1111", "structuredContent"] {
        assert!(answers.contains(part), "no `{part}` in\n{answers}");
    }
    assert!(!answers.contains("ada.byron"), "{answers}");
    assert!(answers.contains("result: nothing wrong"), "{answers}");
}
