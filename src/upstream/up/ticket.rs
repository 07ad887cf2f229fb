//! What a legacy session holds: the handshake, written into the session id itself.
//!
//! A modern server keeps no session, so the gateway must know on each request what the client
//! said in its handshake. The id carries it, sealed by the response gate like any other id, so
//! that every replica with the key can serve the session and none keeps a store. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::ServerRequest;
use crate::json::{Document, Kind, Value, write_string};
use crate::limits::{CLIENT_NAME_BYTES_MAX, CLIENT_VERSION_BYTES_MAX};
use crate::mcp::version::Revision;

/// One session, as its client opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Sets this session apart from every other one.
    pub(super) number: [u8; NUMBER_BYTES],
    /// The revision that the handshake settled.
    pub(super) revision: Revision,
    /// What the client can do.
    pub(super) able: Abilities,
    /// The client's own name for itself, clipped.
    pub(super) name: Box<str>,
    /// Its version, clipped.
    pub(super) version: Box<str>,
}

/// What a client can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Abilities(u8);

impl Abilities {
    /// `roots/list`.
    pub(super) const ROOTS: Self = Self(1);
    /// `sampling/createMessage`.
    pub(super) const SAMPLING: Self = Self(1 << 1);
    /// Sampling with `includeContext`.
    pub(super) const SAMPLING_CONTEXT: Self = Self(1 << 2);
    /// Sampling with tools.
    pub(super) const SAMPLING_TOOLS: Self = Self(1 << 3);
    /// `elicitation/create` with a form.
    pub(super) const FORM: Self = Self(1 << 4);
    /// `elicitation/create` with an address to visit.
    pub(super) const URL: Self = Self(1 << 5);

    /// Whether all of `other` are among these.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads `capabilities` of an `initialize`; what the revision does not know is not taken.
    pub(super) fn read(capabilities: Option<Value<'_>>, revision: Revision) -> Self {
        let Some(capabilities) = capabilities.filter(|it| it.kind() == Kind::Object) else {
            return Self::default();
        };
        let at = |pointer: &str| capabilities.pointer(pointer).is_some_and(|it| !it.is_null());
        let mut able = 0;
        for (pointer, ability, since) in ABILITIES {
            if revision >= since && at(pointer) {
                able |= ability.0;
            }
        }
        // An empty `elicitation` means forms (MCP 2025-11-25, Elicitation, "Capabilities").
        let elicits = revision >= Revision::V2025_06_18 && at("/elicitation");
        if elicits && able & Self::URL.0 == 0 {
            able |= Self::FORM.0;
        }
        Self(able)
    }

    /// Only what a route lets servers ask for, and what the revision of the request has.
    pub(super) fn limited_to(self, allowed: &[ServerRequest], revision: Revision) -> Self {
        let mut able = 0;
        for kind in allowed {
            able |= match kind {
                ServerRequest::Roots => Self::ROOTS.0,
                ServerRequest::Sampling => {
                    Self::SAMPLING.0 | Self::SAMPLING_CONTEXT.0 | Self::SAMPLING_TOOLS.0
                }
                ServerRequest::Elicitation => Self::FORM.0 | Self::URL.0,
                ServerRequest::Ping => 0,
            };
        }
        if revision < Revision::V2025_06_18 {
            able &= !(Self::FORM.0 | Self::URL.0);
        }
        Self(self.0 & able)
    }

    /// `ClientCapabilities` of MCP 2026-07-28.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let mut parts: Vec<Vec<u8>> = Vec::with_capacity(3);
        if self.has(Self::ROOTS) {
            parts.push(b"\"roots\":{}".to_vec());
        }
        let object = |name: &str, inner: &[(Self, &str)]| {
            let inner: Vec<String> = inner
                .iter()
                .filter(|(ability, _)| self.has(*ability))
                .map(|(_, name)| format!("\"{name}\":{{}}"))
                .collect();
            format!("\"{name}\":{{{}}}", inner.join(",")).into_bytes()
        };
        if self.has(Self::SAMPLING) {
            let inner = [(Self::SAMPLING_CONTEXT, "context"), (Self::SAMPLING_TOOLS, "tools")];
            parts.push(object("sampling", &inner));
        }
        if self.has(Self::FORM) || self.has(Self::URL) {
            parts.push(object("elicitation", &[(Self::FORM, "form"), (Self::URL, "url")]));
        }
        out.push(b'{');
        out.extend_from_slice(&parts.join(&b","[..]));
        out.push(b'}');
    }
}

impl Ticket {
    /// Reads an `initialize`; the number is drawn by the caller.
    pub(super) fn of(document: &Document, number: [u8; NUMBER_BYTES]) -> Self {
        let params = document.root().get("params");
        let at = |pointer: &str| params.and_then(|params| params.pointer(pointer));
        let text = |pointer: &str| at(pointer).and_then(|it| it.as_str()).unwrap_or_default();
        // A version that is not ours is answered with our newest (MCP 2025-11-25, Lifecycle,
        // "Version Negotiation"); the client leaves if it cannot speak that.
        let revision = Revision::from_date(&text("/protocolVersion"))
            .filter(|revision| !revision.is_modern())
            .unwrap_or(Revision::HANDSHAKE);
        Self {
            number,
            revision,
            able: Abilities::read(at("/capabilities"), revision),
            name: clipped(&text("/clientInfo/name"), CLIENT_NAME_BYTES_MAX),
            version: clipped(&text("/clientInfo/version"), CLIENT_VERSION_BYTES_MAX),
        }
    }

    /// The id that is sealed: visible ASCII.
    pub(super) fn encode(&self) -> String {
        let revision = Revision::ALL.iter().position(|it| *it == self.revision);
        let revision = u8::try_from(revision.unwrap_or_default()).unwrap_or_default();
        let mut bytes = vec![revision, self.able.0];
        bytes.extend_from_slice(&self.number);
        for text in [&self.name, &self.version] {
            // Clipped texts are shorter than 256 bytes.
            bytes.push(u8::try_from(text.len()).unwrap_or_default());
            bytes.extend_from_slice(text.as_bytes());
        }
        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an opened id; `None` when it is no session of this bridge.
    pub(super) fn decode(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id.strip_prefix(MARK)?).ok()?;
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (number, rest) = rest.split_first_chunk::<NUMBER_BYTES>()?;
        let [revision, able] = *head;
        let revision = *Revision::ALL.get(usize::from(revision))?;
        let (name, rest) = text(rest)?;
        let (version, rest) = text(rest)?;
        let sound = rest.is_empty() && !revision.is_modern();
        sound.then_some(Self { number: *number, revision, able: Abilities(able), name, version })
    }

    /// The members of `_meta` that each modern request must have (MCP 2026-07-28, "General
    /// fields", `_meta`): what this client can be asked for here, and which log messages it wants.
    pub(super) fn meta(&self, able: Abilities, level: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"\"io.modelcontextprotocol/protocolVersion\":");
        write_string(&mut out, Revision::V2026_07_28.date());
        if !self.name.is_empty() {
            out.extend_from_slice(b",\"io.modelcontextprotocol/clientInfo\":{\"name\":");
            write_string(&mut out, &self.name);
            out.extend_from_slice(b",\"version\":");
            write_string(&mut out, &self.version);
            out.push(b'}');
        }
        out.extend_from_slice(b",\"io.modelcontextprotocol/clientCapabilities\":");
        able.write(&mut out);
        if let Some(level) = level {
            out.extend_from_slice(b",\"io.modelcontextprotocol/logLevel\":");
            write_string(&mut out, level);
        }
        out
    }
}

/// Whether an opened session id is one of this bridge, without reading it whole.
pub(in crate::upstream) fn is_ours(id: &str) -> bool {
    id.starts_with(MARK)
}

fn text(bytes: &[u8]) -> Option<(Box<str>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?.into(), rest))
}

fn clipped(text: &str, bytes_max: usize) -> Box<str> {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().into()
}

/// Bytes of a session's number: nobody else's is guessed or drawn twice.
pub(super) const NUMBER_BYTES: usize = 16;

/// How the ids of this bridge begin. A server's own id that began so would open nothing: it does
/// not decode.
const MARK: &str = "sallyport-up-1.";

/// Where a legacy client says what it can do, and since when that means something.
const ABILITIES: [(&str, Abilities, Revision); 6] = [
    ("/roots", Abilities::ROOTS, Revision::V2024_11_05),
    ("/sampling", Abilities::SAMPLING, Revision::V2024_11_05),
    ("/sampling/context", Abilities::SAMPLING_CONTEXT, Revision::V2025_11_25),
    ("/sampling/tools", Abilities::SAMPLING_TOOLS, Revision::V2025_11_25),
    ("/elicitation/form", Abilities::FORM, Revision::V2025_11_25),
    ("/elicitation/url", Abilities::URL, Revision::V2025_11_25),
];
