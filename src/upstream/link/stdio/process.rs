//! One child process from its start to the moment when nothing of it is left.
//!
//! Guarantees: no shell; an environment that was named; a process group of its own, so that what
//! it started ends with it; the process is always reaped, and only after its group was killed, so
//! that no signal reaches a stranger that was given the same number.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{self, SignalKind};

use crate::config::Command;
use crate::limits::{STDIO_EOF_MS, STDIO_KILL_MS, STDIO_TERM_MS};

/// A process that was started and not reaped.
#[derive(Debug)]
pub(super) struct Process {
    // First, so that it is dropped first: the number belongs to the child until it is reaped.
    group: Group,
    child: Child,
    /// Tells that some child of ours changed.
    changed: unix::Signal,
}

/// Its three pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Process {
    /// Starts the command. `None` where the system does not let us.
    pub(super) fn start(command: &Command) -> std::io::Result<(Self, Pipes)> {
        let Command { program, args, env, dir, processes_max: _ } = command;
        // Before the process exists, so that none of its changes is missed.
        let changed = unix::signal(SignalKind::child())?;
        let mut start = tokio::process::Command::new(program);
        start.args(args).current_dir(dir).env_clear();
        for (name, value) in env {
            use std::os::unix::ffi::OsStrExt as _;
            start.env(name, std::ffi::OsStr::from_bytes(value.expose()));
        }
        start.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Zero: a new group with the number of the process.
        start.process_group(0).kill_on_drop(true);
        let mut child = start.spawn()?;
        let gone = || std::io::Error::other("the process has no number or no pipes");
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = Group(Some(pid.ok_or_else(gone)?));
        let pipes = Pipes {
            stdin: child.stdin.take().ok_or_else(gone)?,
            stdout: child.stdout.take().ok_or_else(gone)?,
            stderr: child.stderr.take().ok_or_else(gone)?,
        };
        Ok((Self { group, child, changed }, pipes))
    }

    /// Its number, for people.
    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until it has exited; it is not reaped. Cancel-safe.
    pub(super) async fn exited(&mut self) {
        while !self.group.has_exited() {
            if self.changed.recv().await.is_none() {
                return;
            }
        }
    }

    /// Ends it: its input has ended already, then SIGTERM, then SIGKILL. Afterwards nothing of its
    /// group is left.
    ///
    /// MCP 2025-11-25, Lifecycle, "Shutdown", stdio.
    pub(super) async fn end(mut self) {
        if self.exits_within(STDIO_EOF_MS).await {
            return self.reap().await;
        }
        self.group.signal(Signal::TERM);
        if self.exits_within(STDIO_TERM_MS).await {
            return self.reap().await;
        }
        tracing::warn!(
            pid = self.id(),
            "a server's process is killed: it ended neither at the end of its input nor at SIGTERM"
        );
        self.reap().await;
    }

    /// Kills what is left of the group and reaps the process.
    pub(super) async fn reap(mut self) {
        self.group.signal(Signal::KILL);
        if self.exits_within(STDIO_KILL_MS).await {
            self.group.0 = None;
            let _ = self.child.wait().await;
        } else {
            tracing::error!(pid = self.id(), "a killed process does not end");
        }
    }

    async fn exits_within(&mut self, ms: u64) -> bool {
        tokio::time::timeout(Duration::from_millis(ms), self.exited()).await.is_ok()
    }
}

/// The group of a process that is not reaped yet; killed when dropped, as at the end of the
/// runtime.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // Fails where nobody is left, which is as good.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Looks without reaping.
    fn has_exited(&self) -> bool {
        let Some(pid) = self.0 else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(pid), look), Ok(None))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
