//! The handshake of a legacy server, made for a modern client, and `server/discover` out of it.
//!
//! Pure. Guarantees that a server is told of no client capability that the route does not let it
//! use, and that a client is told of no server capability that the gateway cannot carry over and
//! police: tasks, experimental ones and extensions are hidden.

use bytes::Bytes;

use super::request::Client;
use super::splice::read;
use crate::config::ServerRequest;
use crate::json::{Kind, Value};
use crate::mcp::version::Revision;
use crate::upstream::link::one_line;

/// What a server said of itself in its handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The negotiated revision, a legacy one.
    pub(super) revision: Revision,
    /// Which of its capabilities matter to the bridge.
    pub(super) can: Can,
    /// `serverInfo`, an object.
    pub(super) server_info: Option<Bytes>,
    instructions: Option<Bytes>,
    /// The members of `capabilities` that are shown, each with its value.
    shown: Vec<(&'static str, Bytes)>,
}

/// Capabilities that decide what the bridge does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Can {
    pub(super) log: bool,
    pub(super) subscribe: bool,
    pub(super) tools_changed: bool,
    pub(super) prompts_changed: bool,
    pub(super) resources_changed: bool,
}

/// Why a handshake's answer is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GreetingError {
    #[error("the server's answer to the handshake is not acceptable JSON")]
    Json,
    #[error("the server refused the handshake")]
    Refused,
    #[error("the server's answer to the handshake has no `{0}`")]
    Missing(&'static str),
    #[error("the server speaks a revision that no handshake leads to")]
    Version,
}

/// The handshake's request. Capabilities go in the words of the legacy era, and only those that
/// the route lets a server use; `listChanged` of roots goes, because a modern client never tells.
pub(super) fn initialize(client: &Client, allowed: &[ServerRequest]) -> Bytes {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(
        br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":""#,
    );
    out.extend_from_slice(Revision::HANDSHAKE.date().as_bytes());
    out.extend_from_slice(br#"","capabilities":"#);
    capabilities(&mut out, client, allowed);
    out.extend_from_slice(br#","clientInfo":"#);
    match &client.info {
        Some(info) => out.extend_from_slice(info),
        None => {
            let version = env!("CARGO_PKG_VERSION");
            out.extend_from_slice(
                format!(r#"{{"name":"sallyport","version":"{version}"}}"#).as_bytes(),
            );
        }
    }
    out.extend_from_slice(b"}}");
    one_line(out.into())
}

fn capabilities(out: &mut Vec<u8>, client: &Client, allowed: &[ServerRequest]) {
    let document = read(client.capabilities.clone()).ok();
    let root = document.as_ref().map(crate::json::Document::root);
    let declared = |name: &str| {
        root.and_then(|root| root.get(name)).filter(|value| value.kind() == Kind::Object)
    };
    let mut members = Members::begin(out);
    for (kind, name) in [
        (ServerRequest::Roots, "roots"),
        (ServerRequest::Sampling, "sampling"),
        (ServerRequest::Elicitation, "elicitation"),
    ] {
        match declared(name).filter(|_| allowed.contains(&kind)) {
            Some(_) if kind == ServerRequest::Roots => members.add(name, b"{}"),
            Some(value) => members.add(name, value.raw()),
            None => {}
        }
    }
    members.end();
}

impl Greeting {
    /// Reads the whole answer to the handshake.
    pub(super) fn read(answer: Bytes) -> Result<Self, GreetingError> {
        let document = read(answer).map_err(|_| GreetingError::Json)?;
        let root = document.root();
        if root.get("error").is_some() {
            return Err(GreetingError::Refused);
        }
        let result = root.get("result").ok_or(GreetingError::Missing("result"))?;
        let version = result.get("protocolVersion").and_then(|version| version.as_str());
        let version = version.ok_or(GreetingError::Missing("protocolVersion"))?;
        let revision = Revision::from_date(&version)
            .filter(|revision| !revision.is_modern())
            .ok_or(GreetingError::Version)?;
        let capabilities = result
            .get("capabilities")
            .filter(|value| value.kind() == Kind::Object)
            .ok_or(GreetingError::Missing("capabilities"))?;
        let slice = |value: Value<'_>| document.bytes().slice(value.span());
        let object =
            |name: &str| capabilities.get(name).filter(|value| value.kind() == Kind::Object);
        let flag = |name: &str, member: &str| {
            object(name).and_then(|it| it.get(member)?.as_bool()).unwrap_or(false)
        };
        Ok(Self {
            revision,
            can: Can {
                log: object("logging").is_some(),
                subscribe: flag("resources", "subscribe"),
                tools_changed: flag("tools", "listChanged"),
                prompts_changed: flag("prompts", "listChanged"),
                resources_changed: flag("resources", "listChanged"),
            },
            server_info: result
                .get("serverInfo")
                .filter(|value| value.kind() == Kind::Object)
                .map(slice),
            instructions: result
                .get("instructions")
                .filter(|value| value.kind() == Kind::String)
                .map(slice),
            shown: SHOWN.iter().filter_map(|name| Some((*name, slice(object(name)?)))).collect(),
        })
    }

    /// The answer to `server/discover`, for the request with this id.
    ///
    /// It is the caller's own, because who may do what decides what is worth telling, and stale
    /// at once, because another conversation may find another server.
    pub(super) fn discover(&self, id: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        out.extend_from_slice(id);
        out.extend_from_slice(br#","result":{"resultType":"complete","supportedVersions":["#);
        for (nth, revision) in Revision::ALL.iter().rev().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(revision.date().as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(br#"],"capabilities":"#);
        let mut members = Members::begin(&mut out);
        for (name, value) in &self.shown {
            members.add(name, value);
        }
        members.end();
        if let Some(instructions) = &self.instructions {
            out.extend_from_slice(br#","instructions":"#);
            out.extend_from_slice(instructions);
        }
        out.extend_from_slice(br#","ttlMs":0,"cacheScope":"private""#);
        if let Some(info) = &self.server_info {
            out.extend_from_slice(br#","_meta":{"#);
            out.extend_from_slice(SERVER_INFO_MEMBER);
            out.extend_from_slice(info);
            out.push(b'}');
        }
        out.extend_from_slice(b"}}");
        out.into()
    }
}

/// The members of an object that is being written.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Members<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out.extend_from_slice(value);
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// `_meta` key of every modern answer, with its colon (MCP 2026-07-28, `ResultMetaObject`).
pub(super) const SERVER_INFO_MEMBER: &[u8] = br#""io.modelcontextprotocol/serverInfo":"#;

/// What the gateway can carry over and police.
const SHOWN: [&str; 5] = ["tools", "resources", "prompts", "completions", "logging"];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::{Client, Greeting, GreetingError, initialize};
    use crate::config::ServerRequest;
    use crate::mcp::version::Revision;

    fn client(capabilities: &'static str, info: Option<&'static str>) -> Client {
        Client {
            capabilities: Bytes::from_static(capabilities.as_bytes()),
            info: info.map(|info| Bytes::from_static(info.as_bytes())),
        }
    }

    fn greeting(result: &Value) -> Result<Greeting, GreetingError> {
        let answer = json!({"jsonrpc": "2.0", "id": 0, "result": result});
        Greeting::read(Bytes::from(answer.to_string()))
    }

    #[test]
    fn handshake_names_only_capabilities_that_the_route_lets_a_server_use() {
        let everything = client(
            r#"{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"extensions":{"x/y":{}},"experimental":{"z":{}}}"#,
            None,
        );
        let all = [ServerRequest::Roots, ServerRequest::Sampling, ServerRequest::Elicitation];
        let said: Value = serde_json::from_slice(&initialize(&everything, &all)).unwrap();
        assert_eq!(
            said["params"]["capabilities"],
            json!({"roots": {}, "sampling": {"tools": {}}, "elicitation": {"form": {}, "url": {}}})
        );
        assert_eq!(said["params"]["protocolVersion"], "2025-11-25");
        assert_eq!(said["params"]["clientInfo"]["name"], "sallyport");
        let said: Value =
            serde_json::from_slice(&initialize(&everything, &[ServerRequest::Roots])).unwrap();
        assert_eq!(said["params"]["capabilities"], json!({"roots": {}}));
        let said: Value = serde_json::from_slice(&initialize(&everything, &[])).unwrap();
        assert_eq!(said["params"]["capabilities"], json!({}));
    }

    #[test]
    fn handshake_repeats_the_client_s_own_name_in_one_line() {
        let said = initialize(&client("{}", Some("{\"name\":\"c\",\n\"version\":\"9\"}")), &[]);
        assert!(!said.contains(&b'\n'));
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(said["params"]["clientInfo"], json!({"name": "c", "version": "9"}));
    }

    #[test]
    fn p16_discover_shows_what_the_gateway_can_carry_over_and_nothing_else() {
        let greeting = greeting(&json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true},
                "logging": {}, "tasks": {"list": {}}, "experimental": {"x": {}}, "prompts": true},
            "serverInfo": {"name": "s", "version": "1", "x": false},
            "instructions": "be \"kind\"",
        }))
        .unwrap();
        assert_eq!(greeting.revision, Revision::V2025_06_18);
        assert!(greeting.can.log && greeting.can.subscribe && greeting.can.tools_changed);
        assert!(!greeting.can.prompts_changed && !greeting.can.resources_changed);
        let said: Value = serde_json::from_slice(&greeting.discover(b"\"q\"")).unwrap();
        assert_eq!(
            said,
            json!({"jsonrpc": "2.0", "id": "q", "result": {
                "resultType": "complete",
                "supportedVersions":
                    ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
                "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true},
                    "logging": {}},
                "instructions": "be \"kind\"",
                "ttlMs": 0, "cacheScope": "private",
                "_meta": {"io.modelcontextprotocol/serverInfo":
                    {"name": "s", "version": "1", "x": false}},
            }})
        );
    }

    #[test]
    fn handshake_that_leads_nowhere_is_an_error() {
        let version = |version: &str| json!({"protocolVersion": version, "capabilities": {}});
        assert_eq!(greeting(&version("2026-07-28")), Err(GreetingError::Version));
        assert_eq!(greeting(&version("1999-01-01")), Err(GreetingError::Version));
        assert_eq!(greeting(&json!({})), Err(GreetingError::Missing("protocolVersion")));
        assert_eq!(
            greeting(&json!({"protocolVersion": "2025-11-25"})),
            Err(GreetingError::Missing("capabilities"))
        );
        let refused = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}"#;
        assert_eq!(Greeting::read(Bytes::from(refused)), Err(GreetingError::Refused));
        assert_eq!(Greeting::read(Bytes::from("{")), Err(GreetingError::Json));
    }
}
