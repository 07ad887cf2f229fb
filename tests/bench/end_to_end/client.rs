//! A client with kept-alive HTTP/1.1 connections, plain or TLS, and its stopwatch.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::gateway::HOST;
use crate::Plan;

/// One way to the upstream.
pub struct Client {
    address: SocketAddr,
    tls: Option<(TlsConnector, String)>,
    /// Speaks 2026-07-28.
    modern: bool,
}

/// One round; every figure is per exchange.
pub struct Measured {
    /// CPU of the gateway process.
    pub cpu: Duration,
    /// CPU of this process: client and upstream.
    pub own_cpu: Duration,
    /// Median latency of a connection on its own.
    pub p50: Duration,
    /// 99th percentile of the same.
    pub p99: Duration,
}

impl Client {
    /// Straight to the upstream.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, modern: false }
    }

    /// Over TLS, with a token.
    pub fn tls(address: SocketAddr, config: Arc<ClientConfig>, token: String) -> Self {
        Self { address, tls: Some((TlsConnector::from(config), token)), modern: false }
    }

    /// The same in the words of 2026-07-28.
    pub fn modern(self) -> Self {
        Self { modern: true, ..self }
    }

    /// One round of calls of `tool`. `pid` is the gateway's.
    pub async fn measure(&self, tool: &str, pid: Option<u32>, plan: &Plan) -> Measured {
        let mut connections = Vec::new();
        for _ in 0..plan.connections {
            connections.push(self.connect().await);
        }
        for connection in &mut connections {
            self.calls(connection, tool, plan.warm / plan.connections).await;
        }
        let (gateway, own) = (pid.map(cpu), cpu(std::process::id()));
        let each = plan.busy / plan.connections;
        let busy = connections.iter_mut().map(|c| self.calls(c, tool, each));
        futures_util::future::join_all(busy).await;
        let count = u32::try_from(each * plan.connections).unwrap();
        let spent = pid.zip(gateway).map_or(Duration::ZERO, |(pid, before)| cpu(pid) - before);
        let own_spent = cpu(std::process::id()) - own;

        let mut one = self.connect().await;
        self.calls(&mut one, tool, plan.warm).await;
        let mut times = self.calls(&mut one, tool, plan.alone).await;
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        Measured { cpu: spent / count, own_cpu: own_spent / count, p50: at(50), p99: at(99) }
    }

    /// `count` calls of `tool` over so many connections at once: how many a second, and how long
    /// each took, the shortest first.
    pub async fn load(&self, tool: &str, connections: usize, count: usize) -> (f64, Vec<Duration>) {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(self.connect().await);
        }
        let each = count / connections;
        let started = Instant::now();
        let calls = open.iter_mut().map(|c| self.calls(c, tool, each));
        let mut times = futures_util::future::join_all(calls).await.concat();
        times.sort_unstable();
        (times.len() as f64 / started.elapsed().as_secs_f64(), times)
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match &self.tls {
            None => {
                let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
                tokio::task::spawn_local(connection);
                sender
            }
            Some((tls, _)) => {
                let name = ServerName::try_from(HOST).unwrap();
                let stream = tls.connect(name, stream).await.unwrap();
                let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
                tokio::task::spawn_local(connection);
                sender
            }
        }
    }

    /// `count` calls one after the other; how long each took.
    async fn calls(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        tool: &str,
        count: usize,
    ) -> Vec<Duration> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let request = self.request(tool);
            let started = Instant::now();
            connection.ready().await.unwrap();
            let response = connection.send_request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            times.push(started.elapsed());
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            // Through the gateway no address may be left; a bench of a gateway that does
            // nothing would be a lie.
            let leaks = memchr::memmem::find(&body, b"@example.com").is_some();
            assert_eq!(leaks, tool == "personal" && self.tls.is_none());
        }
        times
    }

    fn request(&self, tool: &str) -> Request<Full<Bytes>> {
        let (meta, version) = if self.modern { (META, "2026-07-28") } else { ("", "2025-06-18") };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"q":"customer 4711","limit":1}}{meta}}}}}"#
        );
        let mut request = Request::post("/mcp")
            .header("host", HOST)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", version);
        if self.modern {
            request = request.header("mcp-method", "tools/call").header("mcp-name", tool);
        }
        if let Some((_, token)) = &self.tls {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Full::new(body.into())).unwrap()
    }
}

const META: &str = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}"#;

/// CPU time of a process, all its threads, from the scheduler's account in nanoseconds.
fn cpu(pid: u32) -> Duration {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).expect("Linux").flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    Duration::from_nanos(nanos)
}
