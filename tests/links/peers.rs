//! The same promises against servers of others.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use sallyport::upstream::link::{Connector, Heard};
use serde_json::{Value, json};

use crate::support::{Talk, command, http_sse, parsed, stdio, streamable, until, within};

/// A file that `tests/peers/install` put into place.
fn installed(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("peers").join(name);
    assert!(path.exists(), "{} is missing: run tests/peers/install", path.display());
    path
}

fn everything() -> PathBuf {
    installed("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
}

/// A server that listens; ended when dropped.
struct Server(Child, u16);

impl Server {
    async fn everything(transport: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = std::process::Command::new("node")
            .arg(everything())
            .arg(transport)
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("it listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).await;
        Self(child, port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The result of a request, whatever else is said meanwhile.
async fn result(talk: &mut Talk, id: u64) -> Value {
    loop {
        match talk.heard().await.expect("the server went away") {
            Heard::Message { message, .. } => {
                let message = parsed(&message);
                if message["id"] == id && message.get("method").is_none() {
                    return message["result"].clone();
                }
            }
            Heard::Ended { tag, error } => {
                assert!(tag != id, "ended without an answer: {error:?}");
            }
        }
    }
}

/// Handshake, list, call with progress, and the end.
async fn conversation(connector: &Connector) {
    let mut talk = Talk::open(connector).await;
    let client = json!({"name": "links", "version": "1"});
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
    let id = talk.request("initialize", hello).await;
    assert_eq!(result(&mut talk, id).await["protocolVersion"], "2025-06-18");
    talk.notify("notifications/initialized").await;
    talk.link.transport.listen();
    let id = talk.request("tools/list", json!({})).await;
    assert!(result(&mut talk, id).await["tools"].as_array().unwrap().len() > 1);
    let id = talk.request("ping", json!({})).await;
    assert_eq!(result(&mut talk, id).await, json!({}));
    drop(talk);
    within(connector.stop()).await;
}

#[tokio::test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
async fn everything_server_talks_over_stdio() {
    let script = everything();
    conversation(&stdio(command(&["/usr/bin/env", "node", script.to_str().unwrap()]))).await;
}

#[tokio::test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
async fn python_server_talks_over_stdio() {
    let program = installed("py2/bin/mcp-server-time");
    conversation(&stdio(command(&[program.to_str().unwrap()]))).await;
}

#[tokio::test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
async fn everything_server_talks_over_http_sse() {
    let server = Server::everything("sse").await;
    conversation(&http_sse(&server.url("sse"))).await;
}

#[tokio::test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
async fn everything_server_talks_over_streamable_http() {
    let server = Server::everything("streamableHttp").await;
    conversation(&streamable(&server.url("mcp"))).await;
}
