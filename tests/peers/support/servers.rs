//! The authorization server, and the MCP servers that stand behind the gateway.

use std::ffi::{OsStr, OsString};

use serde_json::{Value, json};

use super::client::fetch;
use super::process::{Peer, Scratch, free_port, installed, node, source};

/// A running `oidc-provider`, with some clients.
pub struct Idp {
    metadata: Value,
    clients: Vec<(&'static str, &'static str)>,
    _peer: Peer,
}

impl Idp {
    /// Starts it with `clients`: names, and the scopes that each may have, as in a token request.
    /// Every token has `claims` besides its own.
    pub fn start(dir: &Scratch, clients: &[(&'static str, &'static str)], claims: &Value) -> Self {
        let known: serde_json::Map<_, _> = clients
            .iter()
            .map(|(name, scopes)| ((*name).into(), json!(scopes.split(' ').collect::<Vec<_>>())))
            .collect();
        let mut command = node("idp.mjs");
        command.push(json!({ "clients": known, "claims": claims }).to_string().into());
        let (peer, line) = Peer::start_and_hear("idp", &strs(&command), dir);
        let metadata = serde_json::from_str(&line).unwrap();
        Self { metadata, clients: clients.to_vec(), _peer: peer }
    }

    /// The issuer's identifier.
    pub fn issuer(&self) -> &str {
        self.metadata["issuer"].as_str().unwrap()
    }

    /// An access token for `client` with all its scopes, good at `resource` only.
    pub fn token(&self, client: &str, resource: &str) -> String {
        let scope = self.clients.iter().find(|(name, _)| *name == client).unwrap().1;
        let secret = self.metadata["secrets"][client].as_str().unwrap();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client)
            .append_pair("client_secret", secret)
            .append_pair("scope", scope)
            .append_pair("resource", resource)
            .finish();
        let answer = fetch(
            None,
            &json!({
                "url": self.metadata["token_endpoint"],
                "method": "POST",
                "headers": { "content-type": "application/x-www-form-urlencoded" },
                "body": form,
            }),
        );
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_owned()
    }
}

/// A running MCP server without any security: plain HTTP on loopback.
pub struct Upstream {
    /// Its endpoint.
    pub url: String,
    _peer: Peer,
}

impl Upstream {
    /// The reference server with one of everything: stateful Streamable HTTP, 2025-era.
    pub fn everything(dir: &Scratch) -> Self {
        let port = free_port();
        let script =
            installed("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let command = ["node".into(), script.into(), "streamableHttp".into()];
        Self::listening("everything", &command, dir, &[("PORT", &port.to_string())], port)
    }

    /// Our own small server whose answers are full of personal data: both eras.
    pub fn records(dir: &Scratch) -> Self {
        let port = free_port();
        let python = installed("py2/bin/python");
        let command = [python.into(), source("records-server.py").into(), port.to_string().into()];
        Self::listening("records", &command, dir, &[], port)
    }

    /// The official time server, a stdio program behind `mcp-proxy`.
    pub fn time(dir: &Scratch) -> Self {
        Self::stdio("time", &[installed("py2/bin/mcp-server-time").into()], dir, &[])
    }

    /// The official memory server, a stdio program behind `mcp-proxy`.
    pub fn memory(dir: &Scratch) -> Self {
        let script = installed("node_modules/@modelcontextprotocol/server-memory/dist/index.js");
        let file = dir.path("memory.jsonl").into_os_string();
        let env = ["--env".into(), "MEMORY_FILE_PATH".into(), file];
        Self::stdio("memory", &["node".into(), script.into()], dir, &env)
    }

    /// The official file server, a stdio program behind `mcp-proxy`; it serves `dir`'s `files`.
    pub fn files(dir: &Scratch) -> Self {
        let script =
            installed("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
        let root = dir.path("files");
        std::fs::create_dir_all(&root).unwrap();
        Self::stdio("files", &["node".into(), script.into(), root.into()], dir, &[])
    }

    fn stdio(name: &'static str, server: &[OsString], dir: &Scratch, options: &[OsString]) -> Self {
        let port = free_port();
        let mut command = vec![installed("py1/bin/mcp-proxy").into()];
        command.extend(["--port".into(), port.to_string().into()]);
        command.extend_from_slice(options);
        command.push("--".into());
        command.extend_from_slice(server);
        Self::listening(name, &command, dir, &[], port)
    }

    fn listening(
        name: &'static str,
        command: &[OsString],
        dir: &Scratch,
        env: &[(&str, &str)],
        port: u16,
    ) -> Self {
        let mut peer = Peer::start(name, &strs(command), dir, env);
        peer.wait_for_port(port);
        Self { url: format!("http://127.0.0.1:{port}/mcp"), _peer: peer }
    }
}

fn strs(command: &[OsString]) -> Vec<&OsStr> {
    command.iter().map(OsString::as_os_str).collect()
}
