//! Every way in which the gateway says no, in one exhaustive table.
//!
//! Owns [`Code`] and [`Rejection`]. Guarantees: each refusal has a stable string code, an HTTP
//! status, a JSON-RPC code and a public text that helps the honest caller and tells a dishonest
//! one nothing; what happened inside travels beside it, to the log and the audit trail only.
//!
//! JSON-RPC codes: the standard ones where they fit; −32020 to −32022 only in the sense that MCP
//! 2026-07-28 gives them; our own are HTTP status × 100 + n, outside −32768…−32000, because the
//! specification forbids inventing codes there.

use std::borrow::Cow;
use std::sync::Arc;

use crate::policy::Judgement;

/// How loudly a refusal is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// An everyday refusal.
    Info,
    /// Somebody tried something.
    Warn,
    /// The gateway or something it needs is broken.
    Error,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Stable name, public API.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// JSON-RPC error code.
    pub rpc: i32,
    /// What the caller reads.
    pub public: &'static str,
    /// How loudly it is logged.
    pub severity: Severity,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $rpc:literal, $severity:ident, $public:literal;)+) => {
        /// Every refusal. Closed; a new one is a new row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The row of this code.
            #[must_use]
            pub fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        code: $code, status: $status, rpc: $rpc, public: $public, severity: Severity::$severity,
                    },)+
                }
            }

            /// What the manual says about this code.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    // --- net, hygiene ------------------------------------------------------------------
    #[doc = "The client's address is not in the route's allow-list."]
    AddressRefused = "address_refused", 403, 40300, Warn, "this network may not call";
    #[doc = "HTTP framing that two parsers could read differently (RFC 9112 section 6); the connection is closed."]
    FramingInvalid = "framing_invalid", 400, 40001, Warn, "the HTTP message is malformed";
    #[doc = "The request head is larger than the limit, or has too many fields."]
    HeadTooLarge = "head_too_large", 431, 43100, Info, "the request head is too large";
    #[doc = "A header that matters for security is repeated or malformed."]
    HeaderInvalid = "header_invalid", 400, 40002, Warn, "a request header is repeated or malformed";
    #[doc = "Host or :authority is not one of this gateway's names (RFC 9110 section 7.4)."]
    HostRefused = "host_refused", 421, 42100, Warn, "this host name is not served here";
    #[doc = "Origin is present and not allowed (MCP 2026-07-28, Streamable HTTP: MUST, against DNS rebinding)."]
    OriginRefused = "origin_refused", 403, 40301, Warn, "this origin may not call";
    #[doc = "No route has exactly this path."]
    RouteUnknown = "route_unknown", 404, 40400, Info, "nothing is served at this path";
    #[doc = "The path exists, the method does not."]
    MethodNotAllowed = "method_not_allowed", 405, 40500, Info, "this HTTP method is not allowed here";
    #[doc = "Upgrade, CONNECT and h2c are never tunnelled."]
    UpgradeRefused = "upgrade_refused", 400, 40003, Warn, "protocol upgrades are not supported";
    #[doc = "The body is not JSON."]
    MediaTypeRefused = "media_type_refused", 415, 41500, Info, "send the body as application/json";
    #[doc = "Encoded bodies are refused, because what cannot be read cannot be judged."]
    EncodingRefused = "encoding_refused", 415, 41501, Info, "send the body without Content-Encoding";
    #[doc = "Accept allows none of the answers that this endpoint can give."]
    NotAcceptable = "not_acceptable", 406, 40600, Info, "accept application/json and text/event-stream";

    // --- authn ---------------------------------------------------------------------------
    #[doc = "No token was sent (RFC 6750 section 3)."]
    TokenMissing = "token_missing", 401, 40100, Info, "a bearer token is required";
    #[doc = "The token was refused: signature, issuer, audience, time, type or form; or it, or its caller, was revoked."]
    TokenInvalid = "token_invalid", 401, 40101, Warn, "the token is invalid or has expired";
    #[doc = "The client certificate is required and missing, or not accepted on this route."]
    CertificateRequired = "certificate_required", 401, 40102, Warn, "a client certificate is required";
    #[doc = "The proof of possession was refused: form, key, signature, method, address, time, token or replay (RFC 9449 section 4.3)."]
    ProofInvalid = "proof_invalid", 401, 40104, Warn, "the proof of possession is missing or invalid";
    #[doc = "The proof of possession has no nonce of this server, or an old one; `DPoP-Nonce` of this answer is to be used (RFC 9449 section 9)."]
    ProofNonce = "proof_nonce", 401, 40105, Info, "use the nonce of this answer in the proof";
    #[doc = "A store of revocations cannot be read, so that nobody knows who is revoked; `revocation.on_unreadable` says what happens then."]
    RevocationUnavailable = "revocation_unavailable", 503, 50303, Error, "callers cannot be checked at the moment; retry later";
    #[doc = "The issuer's keys cannot be had; nobody is let in."]
    KeysUnavailable = "keys_unavailable", 503, 50301, Error, "tokens cannot be verified at the moment";
    #[doc = "The issuer cannot be asked about the token, and the token is not one that passes meanwhile."]
    IntrospectionUnavailable = "introspection_unavailable", 503, 50304, Error, "tokens cannot be verified at the moment";

    // --- decode ---------------------------------------------------------------------------
    #[doc = "The body is larger than the limit."]
    BodyTooLarge = "body_too_large", 413, 41300, Info, "the body is too large";
    #[doc = "The body did not arrive in time."]
    BodyTimeout = "body_timeout", 408, 40800, Info, "the body did not arrive in time";
    #[doc = "The body ended early or was malformed in transfer."]
    BodyInterrupted = "body_interrupted", 400, 40004, Info, "the body was not received completely";
    #[doc = "The body is not strict JSON: syntax, encoding, duplicate or look-alike keys, depth, size."]
    JsonInvalid = "json_invalid", 400, -32700, Warn, "the body is not acceptable JSON";
    #[doc = "The body is JSON, but not one JSON-RPC 2.0 message."]
    MessageInvalid = "message_invalid", 400, -32600, Warn, "the body is not one JSON-RPC 2.0 message";
    #[doc = "The method is unknown, or not allowed in this protocol revision."]
    MethodUnknown = "method_unknown", 404, -32601, Info, "this method is not known";
    #[doc = "A parameter that the gateway must understand is missing or of the wrong type."]
    ParamsInvalid = "params_invalid", 400, -32602, Info, "a parameter is missing or malformed";
    #[doc = "An MCP header contradicts the body (MCP 2026-07-28: MUST refuse)."]
    HeaderMismatch = "header_mismatch", 400, -32020, Warn, "an MCP header contradicts the body";
    #[doc = "The task is unknown, or somebody else's: the same answer for both."]
    TaskUnknown = "task_unknown", 400, -32602, Info, "this task does not exist";
    #[doc = "The request state was not given to this caller for this request, or was changed."]
    StateUnknown = "state_unknown", 400, -32602, Warn, "this request state is not valid";
    #[doc = "The protocol version is not supported."]
    VersionUnsupported = "version_unsupported", 400, -32022, Info, "this protocol version is not supported";
    #[doc = "The server needs a client capability that the request does not declare; `data.requiredCapabilities` names it (MCP 2026-07-28)."]
    CapabilityMissing = "capability_missing", 400, -32021, Info, "the server needs a client capability that was not declared";
    #[doc = "The `requestState` of a retry is changed, expired, used before, or belongs to another caller, server or request: the same answer for all."]
    StateInvalid = "request_state_invalid", 400, -32602, Warn, "this request state continues nothing; send the request anew";
    #[doc = "The person declined what the server asks for before it goes on."]
    AnswerDeclined = "answer_declined", 400, 40005, Info, "what the server asked for was declined";
    #[doc = "The session is unknown, expired, or somebody else's: the same answer for all."]
    SessionUnknown = "session_unknown", 404, 40401, Info, "this session does not exist";
    #[doc = "The request names another protocol version than the one that its session agreed on (MCP 2025-11-25, Transports, \"Protocol Version Header\")."]
    SessionVersion = "session_version", 400, 40013, Warn, "this session speaks another protocol version";
    #[doc = "A stream is to be resumed without the session that it belongs to."]
    ResumeRefused = "resume_refused", 400, 40006, Warn, "a stream is resumed in its own session only";
    #[doc = "A client's answer to a request that the server did not send to it, or that was answered already."]
    AnswerUnexpected = "answer_unexpected", 400, 40007, Warn, "no request of the server waits for this answer";

    #[doc = "A message that needs a session came without one (MCP 2025-11-25, Session Management: SHOULD answer 400)."]
    SessionMissing = "session_missing", 400, 40012, Info, "open a session first, and name it in each request";

    // --- authz, limit, guard ------------------------------------------------------------------
    #[doc = "The token lacks scopes; the challenge names all of them (RFC 6750 section 3.1)."]
    ScopeInsufficient = "insufficient_scope", 403, 40303, Info, "the token lacks a required scope";
    #[doc = "No rule allows this call. Unknown and forbidden names get the same answer."]
    Denied = "denied", 403, 40304, Info, "this call is not allowed, or does not exist";
    #[doc = "There is no such tool, resource or prompt, or none for this caller, on servers where denials are hidden: the same answer for both."]
    NameUnknown = "name_unknown", 400, -32602, Info, "there is no such tool, resource or prompt";
    #[doc = "A policy asks for a newer sign-in; the challenge says how old it may be (RFC 9470)."]
    AuthenticationStale = "authentication_stale", 401, 40106, Info, "sign in again for this call";
    #[doc = "A rate limit is used up."]
    RateLimited = "rate_limited", 429, 42900, Info, "too many calls; retry later";
    #[doc = "Too many calls of this caller or route are in flight."]
    ConcurrencyLimited = "concurrency_limited", 429, 42901, Info, "too many calls at once; retry later";
    #[doc = "The Redis of shared rates does not answer, and the limit says `on_store_loss: deny`, or nobody knows how many replicas share it."]
    LimitUnavailable = "limit_unavailable", 503, 50305, Error, "calls cannot be counted at the moment; retry later";
    #[doc = "An argument looks like an attack on what stands behind the tool."]
    GuardBlocked = "guard_blocked", 403, 40305, Warn, "an argument was refused by a guard rule";

    // --- record, upstream, screen ----------------------------------------------------------------
    #[doc = "The audit record cannot be made durable; nothing is forwarded."]
    AuditUnavailable = "audit_unavailable", 503, 50302, Error, "the call cannot be recorded; retry later";
    #[doc = "The upstream cannot be reached."]
    UpstreamUnreachable = "upstream_unreachable", 502, 50201, Error, "the server behind this gateway cannot be reached";
    #[doc = "The gateway has no credential towards the upstream: the authorization server that gives it refuses or cannot be reached."]
    CredentialUnavailable = "credential_unavailable", 503, 50310, Error, "the gateway cannot prove itself to the server at the moment";
    #[doc = "The upstream did not answer in time."]
    UpstreamTimeout = "upstream_timeout", 504, 50400, Error, "the server behind this gateway did not answer in time";
    #[doc = "The upstream's answer is malformed, contradictory, redirecting or too large."]
    UpstreamInvalid = "upstream_invalid", 502, 50202, Error, "the server behind this gateway gave an unusable answer";
    #[doc = "The client did not give the input that the server needs: it was gone, or too late."]
    InputMissing = "input_missing", 400, 40011, Info, "this call needs input that was not given";
    #[doc = "The server lost the conversation in which the gateway spoke for this caller, and what it remembered of it; the next call opens a new one."]
    ConversationLost = "conversation_lost", 502, 50203, Error, "the server lost its conversation and what it remembered; call again";
    #[doc = "The session has a listening stream already, and the server allows one."]
    StreamConflict = "stream_conflict", 409, 40900, Info, "this session has a stream already";
    #[doc = "The server asks for input (sampling, elicitation, roots) that it may not ask for on this route."]
    InputRefused = "input_refused", 403, 40307, Warn, "the server asked for input that it may not ask for";
    #[doc = "The answer holds data of a class that this route blocks."]
    AnswerBlocked = "answer_blocked", 403, 40306, Warn, "the answer holds data that may not leave";
    #[doc = "Something in the structured result must be hidden, and the tool's output schema allows no value in its place."]
    AnswerUnfit = "answer_unfit", 403, 40309, Warn, "the answer holds data that may not leave, and cannot do without it";
    #[doc = "The server sends people to an address that is not on its list (`elicitation.url_hosts`)."]
    ElicitationRefused = "elicitation_refused", 403, 40308, Warn, "the server asks for a visit to an address that is not allowed";
    #[doc = "The caller's token expired, the caller was revoked or the policy changed while a stream or a call was open."]
    StreamRevoked = "stream_revoked", 401, 40103, Info, "this stream may not go on; authenticate again";

    // --- server ----------------------------------------------------------------------------
    #[doc = "A global bound of the process is reached, or the Redis of used DPoP proofs does not answer."]
    Busy = "busy", 503, 50300, Warn, "the gateway is busy; retry later";
    #[doc = "A defect of the gateway; the call was refused."]
    Internal = "internal", 500, 50000, Error, "the gateway failed; the call was refused";
}

/// A refusal on its way to the caller.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Which row of the table.
    pub code: Code,
    /// What happened, for log and audit only: no token, no body, no personal data.
    pub internal: Cow<'static, str>,
    /// The `WWW-Authenticate` challenge of 401 and 403.
    pub challenge: Option<Challenge>,
    /// Seconds for `Retry-After`.
    pub retry_after_s: Option<u64>,
    /// `RateLimit` and `RateLimit-Policy` values.
    pub rate_limit: Option<RateLimitHeaders>,
    /// `data` of a JSON-RPC error that the specification prescribes.
    pub data: Option<Box<serde_json::Value>>,
    /// `Allow` of a 405.
    pub allow: Option<&'static str>,
    /// A finer reason out of a closed set, such as `expired`; a metric label.
    pub reason: Option<&'static str>,
    /// `error` of an OAuth answer, where the status does not say it already.
    pub oauth: Option<&'static str>,
    /// What the policies said, where they refused.
    pub judgement: Option<Box<Judgement>>,
    /// The raw JSON-RPC id, where the message was read far enough to know it.
    pub rpc_id: Option<bytes::Bytes>,
}

/// An RFC 6750 challenge, an RFC 9449 one, or both; MCP adds `resource_metadata` (RFC 9728
/// section 5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The schemes that the route takes.
    pub schemes: Schemes,
    /// The scheme that was used, which `error` is about.
    pub used: Scheme,
    /// `error`; absent when no token was sent.
    pub error: Option<&'static str>,
    /// All scopes that the operation needs, in one challenge.
    pub scope: Option<String>,
    /// Absolute URL of the protected resource's metadata; none where no authorization server has
    /// anything to give, so that clients do not look for one.
    pub resource_metadata: Option<String>,
    /// The nonce that the next proof has to hold: the header field `DPoP-Nonce`.
    pub nonce: Option<Box<str>>,
    /// Most seconds since the user signed in (RFC 9470 section 3).
    pub max_age_s: Option<u64>,
}

/// A scheme of `Authorization` that carries a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `Bearer`, RFC 6750.
    #[default]
    Bearer,
    /// `DPoP`, RFC 9449 section 7.1.
    Dpop,
}

/// The schemes that a route takes; those of DPoP with their algorithms, JWA names and spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Schemes {
    /// `Bearer` alone.
    #[default]
    Bearer,
    /// `DPoP` alone.
    Dpop(Arc<str>),
    /// Both: how a token must be sent depends on the token.
    Both(Arc<str>),
}

/// What the `RateLimit` header fields say of the limit that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitHeaders {
    /// The policy's name: `principal`, `tool`, `route`, `address`.
    pub policy: &'static str,
    /// Calls allowed per window.
    pub quota: u32,
    /// The window in seconds.
    pub window_s: u64,
    /// Seconds until a call fits again.
    pub reset_s: u64,
}

impl Rejection {
    /// A refusal with its inside story.
    pub fn new(code: Code, internal: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            internal: internal.into(),
            challenge: None,
            retry_after_s: None,
            rate_limit: None,
            data: None,
            allow: None,
            reason: None,
            oauth: None,
            judgement: None,
            rpc_id: None,
        }
    }

    /// Adds the challenge.
    #[must_use]
    pub fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.clamp(1, crate::limits::RETRY_AFTER_S_MAX));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Code;

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let mut names = HashSet::new();
        for code in Code::ALL {
            let row = code.row();
            assert!(names.insert(row.code), "{} twice", row.code);
            assert!((400..600).contains(&row.status), "{}", row.code);
            assert!(!row.public.is_empty() && row.public.len() < 80, "{}", row.code);
        }
    }

    #[test]
    fn no_json_rpc_code_is_invented_in_the_reserved_range() {
        let standard = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];
        for code in Code::ALL {
            let rpc = code.row().rpc;
            let reserved = (-32768..=-32000).contains(&rpc);
            assert!(!reserved || standard.contains(&rpc), "{rpc}");
            assert!(reserved || rpc / 100 == i32::from(code.row().status), "{rpc}");
        }
    }
}
