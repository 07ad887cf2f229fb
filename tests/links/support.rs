//! Links to servers of a test, and what is heard on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use sallyport::clock::Clock;
use sallyport::config::{Command, Endpoint, EraPin, Transport, Upstream};
use sallyport::outbound::Outbound;
use sallyport::principal::{AuthMethod, Principal, PrincipalKey, Scopes};
use sallyport::secret::Secret;
use sallyport::upstream::Services;
use sallyport::upstream::link::{Connector, Heard, Link, LinkError, Said};
use serde_json::{Value, json};

/// Longer than anything here takes; reached only where a promise is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn upstream(transport: Transport) -> Upstream {
    let second = Duration::from_secs(1);
    Upstream {
        transport,
        era: EraPin::Auto,
        credential: None,
        identity: None,
        ca: None,
        connect_timeout: second,
        head_timeout: 5 * second,
        idle_timeout: 5 * second,
        stream_idle_timeout: 5 * second,
        answer_bytes_max: 4 << 20,
    }
}

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint { url: url.parse().unwrap(), socket: None }
}

pub fn streamable(url: &str) -> Connector {
    Connector::new(&upstream(Transport::Streamable(endpoint(url))), &services()).unwrap()
}

pub fn http_sse(url: &str) -> Connector {
    Connector::new(&upstream(Transport::HttpSse(endpoint(url))), &services()).unwrap()
}

pub fn command(words: &[&str]) -> Command {
    Command {
        program: PathBuf::from(words[0]),
        args: words[1..].iter().map(|word| (*word).to_owned()).collect(),
        env: vec![("PATH".into(), Secret::new(b"/usr/local/bin:/usr/bin:/bin".to_vec()))],
        dir: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        processes_max: 4,
    }
}

/// The server that misbehaves as it is asked.
pub fn python(args: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/links/server.py");
    let mut words = vec!["/usr/bin/env", "python3", "-u", script];
    words.extend(args);
    command(&words)
}

/// No credential is asked for by any test of links.
pub fn services() -> Services {
    Services {
        clock: Clock::system(),
        outbound: Arc::new(Outbound::new(None, Vec::new()).unwrap()),
    }
}

pub fn stdio(command: Command) -> Connector {
    Connector::new(&upstream(Transport::Stdio(command)), &services()).unwrap()
}

pub fn caller(name: u8) -> Principal {
    Principal {
        scopes: Scopes::from_names([]),
        key: PrincipalKey([name; 16]),
        ..Principal::new(
            AuthMethod::Bearer,
            Arc::from("https://idp.example.com"),
            Arc::from(format!("user-{name}")),
        )
    }
}

/// A link and the next tag.
pub struct Talk {
    pub link: Link,
    tag: u64,
}

impl Talk {
    pub async fn open(connector: &Connector) -> Self {
        Self { link: connector.open(&caller(1)).await.unwrap(), tag: 0 }
    }

    /// Sends a request; its tag is its id.
    pub async fn request(&mut self, method: &str, params: Value) -> u64 {
        let tag = self.next_tag();
        let message = json!({"jsonrpc": "2.0", "id": tag, "method": method, "params": params});
        self.say(tag, true, message.to_string(), &[]).await.unwrap();
        tag
    }

    /// The same with the version header of a revision.
    pub async fn request_as(&mut self, version: &'static str, method: &str) -> u64 {
        let tag = self.next_tag();
        let message = json!({"jsonrpc": "2.0", "id": tag, "method": method});
        let version = [("mcp-protocol-version", version)];
        self.say(tag, true, message.to_string(), &version).await.unwrap();
        tag
    }

    pub async fn notify(&mut self, method: &str) -> u64 {
        let tag = self.next_tag();
        let message = json!({"jsonrpc": "2.0", "method": method});
        self.say(tag, false, message.to_string(), &[]).await.unwrap();
        tag
    }

    pub fn next_tag(&mut self) -> u64 {
        self.tag += 1;
        self.tag
    }

    pub async fn say(
        &self,
        tag: u64,
        wants_answer: bool,
        message: impl Into<Bytes>,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(), LinkError> {
        let header = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers = headers.iter().map(header).collect();
        let message = message.into();
        let said = Said { message, tag, wants_answer, headers };
        within(self.link.transport.say(said)).await
    }

    /// The next thing heard; `None` when the conversation is over.
    pub async fn heard(&mut self) -> Option<Heard> {
        within(self.link.heard.recv()).await
    }

    /// The next thing heard, which must be a message.
    pub async fn message(&mut self) -> (Option<u64>, Value) {
        match self.heard().await {
            Some(Heard::Message { tag, message }) => (tag, parsed(&message)),
            other => panic!("no message but {other:?}, {:?}", self.link.transport.why_closed()),
        }
    }

    /// The next thing heard, which must be the end of a request.
    pub async fn ended(&mut self) -> (u64, Option<LinkError>) {
        match self.heard().await {
            Some(Heard::Ended { tag, error }) => (tag, error),
            other => panic!("no end but {other:?}"),
        }
    }

    /// Sends a request and returns its result, on a stream that all share.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        let (tag, message) = self.message().await;
        assert_eq!(tag, None);
        assert_eq!(message["id"], id, "{message}");
        message["result"].clone()
    }

    /// Waits for the end of the conversation; everything heard before it is thrown away.
    pub async fn closed(&mut self) -> LinkError {
        while self.heard().await.is_some() {}
        self.link.transport.why_closed()
    }
}

pub fn parsed(message: &Bytes) -> Value {
    serde_json::from_slice(message).unwrap()
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("something waits for ever")
}

/// Waits until something is so; for what another process does, of which nobody tells us.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The state letter of a process (proc_pid_stat(5)); `None` where there is none.
pub fn state(pid: i64) -> Option<char> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Children of this process that ended and were not reaped.
pub fn zombies() -> Vec<i64> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i64 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let (state, parent) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        (state == "Z" && parent == own).then_some(pid)
    });
    all.collect()
}
