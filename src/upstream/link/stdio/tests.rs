//! When another process may be started, with a clock that is moved by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Spawner;
use crate::clock::Clock;
use crate::config::{Command, EraPin, Transport, Upstream};
use crate::limits::{STDIO_BACKOFF_MAX_MS, STDIO_BACKOFF_MIN_MS, STDIO_REST_MS, STDIO_STEADY_MS};
use crate::principal::PrincipalKey;
use crate::upstream::link::{Link, LinkError, Said};

const ADA: PrincipalKey = PrincipalKey([1; 16]);

struct Rig {
    spawner: Arc<Spawner>,
    clock: Clock,
    tasks: TaskTracker,
    all: CancellationToken,
}

impl Rig {
    fn new(script: &str) -> Self {
        let command = Command {
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".into(), script.into()],
            env: Vec::new(),
            dir: PathBuf::from("/"),
            processes_max: 1,
        };
        let second = Duration::from_secs(1);
        let upstream = Upstream {
            transport: Transport::Stdio(command.clone()),
            era: EraPin::Auto,
            credential: None,
            identity: None,
            ca: None,
            connect_timeout: second,
            head_timeout: second,
            idle_timeout: second,
            stream_idle_timeout: second,
            answer_bytes_max: 1024,
        };
        let clock = Clock::manual(1_000);
        let spawner = Spawner::new(&upstream, &command, clock.clone()).unwrap();
        Self {
            spawner: Arc::new(spawner),
            clock,
            tasks: TaskTracker::new(),
            all: CancellationToken::new(),
        }
    }

    fn open(&self) -> Result<Link, LinkError> {
        self.spawner.open(ADA, &self.tasks, &self.all)
    }

    /// Opens, waits for the end of the process, and for its place to be free again.
    async fn dies_after(&self, lived: Duration) {
        let mut link = self.open().unwrap();
        link.heard.recv().await.unwrap();
        self.clock.advance(lived);
        // A line is what it waits for.
        let said = Said {
            message: Bytes::from_static(b"{}"),
            tag: 1,
            wants_answer: false,
            headers: Vec::new(),
        };
        link.transport.say(said).await.unwrap();
        while link.heard.recv().await.is_some() {}
        drop(self.spawner.slots.acquire().await.unwrap());
    }
}

#[tokio::test]
async fn process_that_lived_for_stdio_steady_ms_did_not_die_early() {
    let rig = Rig::new("echo '{}'; read line");
    rig.dies_after(Duration::from_millis(STDIO_STEADY_MS)).await;
    rig.dies_after(Duration::ZERO).await;
    let waits = LinkError::Unreachable("its process died early and is not started yet");
    assert_eq!(rig.open().unwrap_err(), waits);
    rig.clock.advance(Duration::from_millis(STDIO_BACKOFF_MIN_MS - 1));
    assert_eq!(rig.open().unwrap_err(), waits);
    rig.clock.advance(Duration::from_millis(1));
    rig.dies_after(Duration::ZERO).await;
    rig.clock.advance(Duration::from_millis(STDIO_BACKOFF_MIN_MS));
    assert_eq!(rig.open().unwrap_err(), waits, "the pause has doubled");
    rig.clock.advance(Duration::from_millis(STDIO_BACKOFF_MAX_MS));
    rig.dies_after(Duration::from_millis(STDIO_STEADY_MS)).await;
    assert!(rig.open().is_ok());
}

#[tokio::test]
async fn process_that_is_closed_after_it_spoke_did_not_die_early() {
    let rig = Rig::new("echo '{}'; read line");
    for _ in 0..3 {
        let mut link = rig.open().unwrap();
        link.heard.recv().await.unwrap();
        drop(link);
        drop(rig.spawner.slots.acquire().await.unwrap());
    }
}

#[tokio::test]
async fn pipe_that_a_stranger_holds_open_keeps_us_for_stdio_rest_ms_and_no_longer() {
    // It has left the group, with our pipes in its hands, before the process ends.
    let stranger = "echo '{}'; exec /bin/sleep 8";
    let rig = Rig::new(&format!("/usr/bin/setsid /bin/sh -c \"{stranger}\" & read line"));
    let before = std::time::Instant::now();
    rig.dies_after(Duration::ZERO).await;
    let waited = before.elapsed();
    assert!(waited >= Duration::from_millis(STDIO_REST_MS) && waited < Duration::from_secs(7));
}
