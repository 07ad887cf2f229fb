//! A server in a child process, one JSON-RPC message in a line.
//!
//! Owns the process and its three pipes. Guarantees: the command comes from the configuration
//! alone; processes are bounded in number; what is no message goes into our log and nowhere else;
//! a process that does not take a message in time, writes endless lines or nothing but noise is
//! ended; after one died early the next one waits. See [`process`] for how it ends.

mod backoff;
mod chatter;
mod lines;
mod process;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::inbox::{DROPPED, Inbox};
use super::one_line;
use super::{Heard, Link, LinkError, Said, Sending, Transport};
use crate::clock::Clock;
use crate::config::{self, Command};
use crate::inspect::{Detector, DetectorError};
use crate::limits::{
    EVENT_BYTES_MAX, STDIO_NOISE_BYTES_MAX, STDIO_OUTBOX_MAX, STDIO_REST_MS, STDIO_STEADY_MS,
};
use crate::principal::PrincipalKey;
use backoff::{Backoff, Blame};
use chatter::Chatter;
use lines::{Lines, TooLong, is_message};
use process::{Pipes, Process};

/// Starts the processes of one server.
#[derive(Debug)]
pub(super) struct Spawner {
    command: Command,
    /// The program's name, for people.
    program: Arc<str>,
    line_bytes_max: usize,
    /// Time that a process has to take a message.
    take_timeout: Duration,
    slots: Arc<Semaphore>,
    backoff: Mutex<Backoff>,
    scrub: Arc<Detector>,
    clock: Clock,
}

impl Spawner {
    pub(super) fn new(
        upstream: &config::Upstream,
        command: &Command,
        clock: Clock,
    ) -> Result<Self, DetectorError> {
        let program = command.program.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            command: command.clone(),
            program: program.into(),
            line_bytes_max: upstream.answer_bytes_max.min(EVENT_BYTES_MAX),
            take_timeout: upstream.head_timeout,
            slots: Arc::new(Semaphore::new(command.processes_max)),
            backoff: Mutex::default(),
            scrub: Arc::new(chatter::scrubber()?),
            clock,
        })
    }

    /// Starts a process for a caller.
    ///
    /// # Errors
    /// When as many run as may, when the last one died early a short while ago, and when it does
    /// not start.
    pub(super) fn open(
        self: &Arc<Self>,
        who: PrincipalKey,
        tasks: &TaskTracker,
        all: &CancellationToken,
    ) -> Result<Link, LinkError> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| LinkError::Full("too many processes"))?;
        let started_at = self.clock.monotonic();
        if !self.backoff().allows(who, started_at) {
            return Err(LinkError::Unreachable("its process died early and is not started yet"));
        }
        let (process, pipes) = Process::start(&self.command).map_err(|error| {
            let program = &*self.program;
            tracing::error!(program, %error, "a server's process does not start");
            self.backoff().died(Blame::Server, started_at);
            LinkError::Unreachable("its process does not start")
        })?;
        let (inbox, heard) = Inbox::new(all);
        let (outbox, outgoing) = mpsc::channel(STDIO_OUTBOX_MAX);
        let spoke = Arc::new(AtomicBool::new(false));
        let run = Run { spawner: Arc::clone(self), inbox: inbox.clone(), spoke, who, started_at };
        tasks.spawn(run.supervise(process, pipes, outgoing, tasks.clone(), slot));
        let take_timeout = self.take_timeout;
        Ok(Link { transport: Arc::new(Stdio { inbox, outbox, take_timeout }), heard })
    }

    fn backoff(&self) -> std::sync::MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transport; dropping it ends the process.
#[derive(Debug)]
struct Stdio {
    inbox: Inbox,
    outbox: mpsc::Sender<Bytes>,
    take_timeout: Duration,
}

impl Transport for Stdio {
    fn say(&self, message: Said) -> Sending<'_> {
        Box::pin(async move {
            self.inbox.check()?;
            let sending = self.outbox.send(one_line(message.message));
            match tokio::time::timeout(self.take_timeout, sending).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(self.inbox.why()),
                Err(_) => Err(LinkError::Timeout),
            }
        })
    }

    /// There is one stream, and it is open.
    fn listen(&self) {}

    /// All messages share the one stream.
    fn forget(&self, _tag: u64) {}

    fn close(&self) {
        self.inbox.end(DROPPED);
    }

    fn why_closed(&self) -> LinkError {
        self.inbox.why()
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        self.close();
    }
}

/// One running process.
#[derive(Debug)]
struct Run {
    spawner: Arc<Spawner>,
    inbox: Inbox,
    /// Whether it said anything that may be a message.
    spoke: Arc<AtomicBool>,
    who: PrincipalKey,
    started_at: Duration,
}

impl Run {
    /// Watches over the process until nothing of it is left.
    async fn supervise(
        self,
        mut process: Process,
        pipes: Pipes,
        outgoing: mpsc::Receiver<Bytes>,
        tasks: TaskTracker,
        slot: OwnedSemaphorePermit,
    ) {
        let Pipes { stdin, stdout, stderr } = pipes;
        let stderr = tasks.spawn(self.chatter(&process, "stderr").drain(stderr));
        let take_timeout = self.spawner.take_timeout;
        let mut writer = tasks.spawn(write(stdin, outgoing, self.inbox.clone(), take_timeout));
        let noise = self.chatter(&process, "stdout");
        let lines = Lines::new(self.spawner.line_bytes_max);
        let mut reader =
            tasks.spawn(read(stdout, lines, noise, self.inbox.clone(), Arc::clone(&self.spoke)));
        let sign = tokio::select! {
            () = self.inbox.over() => Sign::Over,
            () = process.exited() => Sign::Exited,
            _ = &mut reader => Sign::OutputEnded,
            _ = &mut writer => Sign::InputClosed,
        };
        let rest = Duration::from_millis(STDIO_REST_MS);
        // A process that ends lets go of its pipes first.
        let exited = match sign {
            Sign::Over => false,
            Sign::Exited => true,
            Sign::OutputEnded | Sign::InputClosed => {
                tokio::time::timeout(rest, process.exited()).await.is_ok()
            }
        };
        if exited {
            // Its group first: who inherited the pipes would keep them open.
            process.reap().await;
            if sign != Sign::OutputEnded {
                let _ = tokio::time::timeout(rest, &mut reader).await;
            }
            self.inbox.end(LinkError::Closed("its process ended"));
        } else {
            self.inbox.end(match sign {
                Sign::Over | Sign::Exited => DROPPED,
                Sign::OutputEnded => LinkError::Closed("it closed its output"),
                Sign::InputClosed => LinkError::Closed("it closed its input"),
            });
            // The writer lets go of the input, which tells the process to end.
            if sign != Sign::InputClosed {
                let _ = writer.await;
            }
            process.end().await;
        }
        reader.abort();
        stderr.abort();
        self.book();
        drop(slot);
    }

    /// Who waits now, if anybody.
    fn book(&self) {
        let now = self.spawner.clock.monotonic();
        let lived = now.saturating_sub(self.started_at);
        let closed_by_us = self.inbox.why() == DROPPED;
        let spoke = self.spoke.load(Ordering::SeqCst);
        let mut backoff = self.spawner.backoff();
        if lived >= Duration::from_millis(STDIO_STEADY_MS) || (closed_by_us && spoke) {
            backoff.worked(self.who);
        } else if !closed_by_us {
            let blame = if spoke { Blame::Caller(self.who) } else { Blame::Server };
            backoff.died(blame, now);
        }
    }

    fn chatter(&self, process: &Process, stream: &'static str) -> Chatter {
        let Spawner { program, scrub, clock, .. } = &*self.spawner;
        Chatter::new(Arc::clone(program), process.id(), stream, Arc::clone(scrub), clock.clone())
    }
}

/// What was noticed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// The conversation is over.
    Over,
    /// The process has exited.
    Exited,
    /// It wrote its last.
    OutputEnded,
    /// It takes no more.
    InputClosed,
}

/// Writes message by message until the conversation is over; then the input ends.
async fn write(
    mut stdin: ChildStdin,
    mut outgoing: mpsc::Receiver<Bytes>,
    inbox: Inbox,
    take_timeout: Duration,
) {
    let token = inbox.token().clone();
    let writing = async {
        while let Some(message) = outgoing.recv().await {
            let mut line = message.chain(&b"\n"[..]);
            match tokio::time::timeout(take_timeout, stdin.write_all_buf(&mut line)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return inbox.end(LinkError::Timeout),
            }
        }
    };
    token.run_until_cancelled(writing).await;
}

/// Reads line by line until the output ends or the conversation is over.
async fn read(
    mut stdout: ChildStdout,
    mut lines: Lines,
    mut chatter: Chatter,
    inbox: Inbox,
    spoke: Arc<AtomicBool>,
) {
    let mut noise = 0_usize;
    loop {
        match lines.next() {
            Ok(Some(line)) if is_message(&line) => {
                noise = 0;
                spoke.store(true, Ordering::SeqCst);
                if inbox.hear(Heard::Message { tag: None, message: line }).await.is_err() {
                    return;
                }
            }
            Ok(Some(line)) => {
                noise = noise.saturating_add(line.len() + 1);
                if noise > STDIO_NOISE_BYTES_MAX {
                    return inbox.end(LinkError::Malformed("output that is no messages"));
                }
                if !line.is_empty() {
                    chatter.line(&line);
                }
            }
            Ok(None) => match stdout.read_buf(lines.room()).await {
                // What is left of a line was never ended: no message.
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            Err(TooLong) => return inbox.end(LinkError::Malformed("a line that is too long")),
        }
    }
}
