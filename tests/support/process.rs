//! A gateway as a process of its own, and what it logs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub struct Process {
    pub child: Child,
    log: Receiver<String>,
    pub seen: Vec<String>,
    /// How long a line of the log is waited for.
    patience: Duration,
}

impl Process {
    pub fn spawn(command: &mut Command, patience: Duration) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, log, seen: Vec::new(), patience }
    }

    /// The first log line from here on that holds `text`.
    pub fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + self.patience;
        while let Ok(line) = self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("no `{text}` in {:#?}", self.seen);
    }

    pub fn signal(&self, name: &str) {
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
