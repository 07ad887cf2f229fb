//! What a modern request says of itself, and what of it a legacy server is told.
//!
//! Assumes a document that `decode` accepted as a request of a modern revision. Pure. Guarantees
//! that the per-request `_meta` keys of the modern era, the answers of a retry and its state are
//! consumed here, and that everything else goes on byte for byte.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;

use super::splice::{Keep, rebuild};
use crate::json::{Document, Kind, Value};
use crate::limits::ROUND_REQUESTS_MAX;
use crate::upstream::link::one_line;

/// A modern request, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Who asks, in the words of a handshake.
    pub(super) client: Client,
    /// From which level on the caller wants to be told log messages; `None`: not at all.
    pub(super) log_level: Option<Level>,
    /// The progress token as it was spelled.
    pub(super) progress_token: Option<Bytes>,
    /// The state of an earlier round; `Some(None)` when it is not a string.
    pub(super) state: Option<Option<Box<str>>>,
    /// The answers of a retry, by key; only objects can be answers.
    pub(super) responses: Vec<(Box<str>, Bytes)>,
    /// The message for the server.
    pub(super) forward: Bytes,
}

/// What a handshake would have said of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    /// `_meta` `clientCapabilities`, an object.
    pub(super) capabilities: Bytes,
    /// `_meta` `clientInfo`, where there is one.
    pub(super) info: Option<Bytes>,
}

/// The levels of RFC 5424 that MCP names, from the most to the least verbose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Notice, "notice"),
        (Self::Warning, "warning"),
        (Self::Error, "error"),
        (Self::Critical, "critical"),
        (Self::Alert, "alert"),
        (Self::Emergency, "emergency"),
    ];

    pub(super) fn from_value(value: Value<'_>) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| value.is_str(name)).map(|(level, _)| *level)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(level, _)| *level == self).map_or("debug", |(_, name)| name)
    }
}

impl Request {
    /// Takes a request apart.
    pub(super) fn read(document: &Document) -> Self {
        let slice = |value: Value<'_>| document.bytes().slice(value.span());
        let params = document.root().get("params");
        let member = |name: &str| params.and_then(|params| params.get(name));
        let meta = |name: &str| member("_meta").and_then(|meta| meta.get(name));
        let state = member("requestState").map(|state| state.as_str().map(|s| s.into()));
        let responses = match (&state, member("inputResponses")) {
            (Some(_), Some(responses)) => responses
                .members()
                .filter(|(_, response)| response.kind() == Kind::Object)
                // Keys beyond those that were asked for are ignored, wherever they stand.
                .take(RESPONSES_READ_MAX)
                .filter_map(|(key, response)| Some((key.as_str()?.into(), slice(response))))
                .collect(),
            (Some(_) | None, _) => Vec::new(),
        };
        Self {
            client: Client {
                capabilities: meta(META_CAPABILITIES)
                    .filter(|value| value.kind() == Kind::Object)
                    .map_or(EMPTY, slice),
                info: meta(META_CLIENT_INFO)
                    .filter(|value| value.kind() == Kind::Object)
                    .map(slice),
            },
            log_level: meta(META_LOG_LEVEL).and_then(Level::from_value),
            progress_token: meta("progressToken").map(slice),
            state,
            responses,
            forward: forward(document),
        }
    }
}

/// The message without what only the modern era knows. A task can be neither asked for nor owned
/// over this bridge, so the wish for one goes too.
fn forward(document: &Document) -> Bytes {
    let mut out = Vec::with_capacity(document.bytes().len());
    rebuild(&mut out, document.root(), |name, value| match name {
        "params" if value.kind() == Kind::Object => params(value),
        _other => Keep::AsIs,
    });
    one_line(out.into())
}

fn params(params: Value<'_>) -> Keep {
    let mut out = Vec::with_capacity(params.raw().len());
    rebuild(&mut out, params, |name, value| match name {
        "inputResponses" | "requestState" | "task" => Keep::Drop,
        "_meta" if value.kind() == Kind::Object => meta(value),
        _other => Keep::AsIs,
    });
    Keep::With(out)
}

fn meta(meta: Value<'_>) -> Keep {
    let mut out = Vec::with_capacity(meta.raw().len());
    rebuild(
        &mut out,
        meta,
        |name, _| {
            if META_CONSUMED.contains(&name) { Keep::Drop } else { Keep::AsIs }
        },
    );
    if out == b"{}" { Keep::Drop } else { Keep::With(out) }
}

/// What a retry must have in common with the request that it continues: method and parameters, but
/// for `_meta` and what belongs to the round. Two texts with the same meaning have the same
/// digest, whatever the order of their members.
pub(super) fn digest(document: &Document) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    let root = document.root();
    if let Some(method) = root.get("method") {
        absorb(&mut hash, method, &[]);
    }
    if let Some(params) = root.get("params") {
        absorb(&mut hash, params, &["_meta", "inputResponses", "requestState", "task"]);
    }
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    digest
}

/// Hashes a value; recursion is bounded by the reader's depth limit.
fn absorb(hash: &mut Context, value: Value<'_>, without: &[&str]) {
    let mut text = |tag: u8, bytes: &[u8]| {
        hash.update(&[tag]);
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value.kind() {
        Kind::String => text(b's', value.as_str().unwrap_or_default().as_bytes()),
        Kind::Number => text(b'n', value.raw()),
        Kind::True | Kind::False | Kind::Null => text(b'l', value.raw()),
        Kind::Array => {
            hash.update(b"[");
            for item in value.items() {
                absorb(hash, item, &[]);
            }
            hash.update(b"]");
        }
        Kind::Object => {
            let mut members: Vec<_> = value
                .members()
                .filter_map(|(name, value)| Some((name.as_str()?, value)))
                .filter(|(name, _)| !without.contains(&&**name))
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            hash.update(b"{");
            for (name, value) in members {
                hash.update(&(name.len() as u64).to_be_bytes());
                hash.update(name.as_bytes());
                absorb(hash, value, &[]);
            }
            hash.update(b"}");
        }
    }
}

/// The level that a server is asked for, as a request of our own.
pub(super) fn set_level(level: Level) -> Bytes {
    let name = level.name();
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"logging/setLevel","params":{{"level":"{name}"}}}}"#
    )
    .into()
}

const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The keys of `_meta` that take the place of a handshake (MCP 2026-07-28, "General fields").
const META_CONSUMED: [&str; 4] = [
    "io.modelcontextprotocol/protocolVersion",
    META_CAPABILITIES,
    META_CLIENT_INFO,
    META_LOG_LEVEL,
];

const EMPTY: Bytes = Bytes::from_static(b"{}");

/// Room for surplus keys beside the answers; what stands behind them is asked for again.
const RESPONSES_READ_MAX: usize = 4 * ROUND_REQUESTS_MAX;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Level, Request, digest};
    use crate::json::Document;
    use crate::upstream::down::splice::read;

    fn document(text: &str) -> Document {
        read(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/logLevel":"warning""#;

    #[test]
    fn p10_what_is_not_consumed_is_forwarded_byte_for_byte() {
        let text = format!(
            "{{\"id\": 90071992547409931234,\n\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"x\":[1, 2],\"params\":{{\"name\":\"t\",\"arguments\":{{ \"n\" : 1.50e+007 }},\"_meta\":{{{META},\"progressToken\":\"p\",\"traceparent\":\"00-1\"}},\"requestState\":\"s\",\"inputResponses\":{{}}}}}}"
        );
        let request = Request::read(&document(&text));
        assert_eq!(
            request.forward,
            r#"{"id":90071992547409931234,"jsonrpc":"2.0","method":"tools/call","x":[1, 2],"params":{"name":"t","arguments":{ "n" : 1.50e+007 },"_meta":{"progressToken":"p","traceparent":"00-1"}}}"#
        );
        assert_eq!(request.log_level, Some(Level::Warning));
        assert_eq!(request.progress_token.unwrap(), r#""p""#);
        assert_eq!(request.state, Some(Some("s".into())));
        assert_eq!(request.client.capabilities, r#"{"roots":{}}"#);
        assert_eq!(request.client.info.unwrap(), r#"{"name":"c","version":"1"}"#);
    }

    #[test]
    fn meta_of_modern_keys_alone_goes_whole() {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{META}}}}}}}"#
        );
        let request = Request::read(&document(&text));
        assert_eq!(
            request.forward,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#
        );
        assert!(request.state.is_none() && request.responses.is_empty());
    }

    #[test]
    fn only_objects_are_answers_and_only_beside_a_state() {
        let text = r#"{"method":"tools/call","params":{"requestState":"s","inputResponses":{"a":{"action":"accept"},"b":7,"c":null}}}"#;
        let request = Request::read(&document(text));
        assert_eq!(request.responses.len(), 1);
        assert_eq!(&*request.responses[0].0, "a");
        let text = r#"{"method":"tools/call","params":{"inputResponses":{"a":{}}}}"#;
        assert!(Request::read(&document(text)).responses.is_empty());
        let text = r#"{"method":"tools/call","params":{"requestState":7}}"#;
        assert_eq!(Request::read(&document(text)).state, Some(None));
    }

    #[test]
    fn digest_ignores_order_escapes_and_the_round_and_nothing_else() {
        let of = |text: &str| digest(&document(text));
        let first = of(
            r#"{"id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":1,"b":["x"]},"_meta":{"p":1}}}"#,
        );
        let retry = of(
            r#"{"params":{"requestState":"s","inputResponses":{"k":{}},"arguments":{"b":["\u0078"],"a":1},"name":"t"},"method":"tools/call","id":2}"#,
        );
        assert_eq!(first, retry);
        for other in [
            r#"{"method":"tools/call","params":{"name":"u","arguments":{"a":1,"b":["x"]}}}"#,
            r#"{"method":"prompts/get","params":{"name":"t","arguments":{"a":1,"b":["x"]}}}"#,
            r#"{"method":"tools/call","params":{"name":"t","arguments":{"a":2,"b":["x"]}}}"#,
            r#"{"method":"tools/call","params":{"name":"t","arguments":{"a":1,"b":["x"],"c":null}}}"#,
            r#"{"method":"tools/call","params":{"name":"t","arguments":{"a":"1","b":["x"]}}}"#,
            r#"{"method":"tools/call","params":{"name":"t","arguments":{"a":1,"b":"x"}}}"#,
        ] {
            assert_ne!(first, of(other), "{other}");
        }
    }

    #[test]
    fn levels_are_in_order_of_weight() {
        assert!(Level::Debug < Level::Info && Level::Error < Level::Emergency);
        let names = document(r#"["debug","emergency","loud"]"#);
        let levels: Vec<_> = names.root().items().map(Level::from_value).collect();
        assert_eq!(levels, [Some(Level::Debug), Some(Level::Emergency), None]);
        assert_eq!(Level::Notice.name(), "notice");
    }

    proptest! {
        #[test]
        fn forwarded_arguments_keep_every_byte(
            key in "[a-z]{1,6}", number in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            text in "[ -!#-\\[\\]-~]{0,20}", space in "[ \t]{0,3}",
        ) {
            let arguments = format!("{{{space}\"{key}\":{space}{number},\"the-list\":[{space}\"{text}\"]}}");
            let message = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{arguments},\"_meta\":{{{META}}}}}}}");
            let forward = Request::read(&document(&message)).forward;
            let forward = std::str::from_utf8(&forward).unwrap();
            prop_assert!(forward.contains(&arguments));
            prop_assert!(!forward.contains("io.modelcontextprotocol"));
            prop_assert!(read(Bytes::copy_from_slice(forward.as_bytes())).is_ok());
        }
    }
}
