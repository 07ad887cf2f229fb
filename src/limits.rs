//! Every bound of the gateway in one table: name, value, unit and where the number comes from.
//!
//! Owns the numbers, nothing else. A queue, cache, buffer, loop or wait that has no row here is a
//! defect; `tests/tidy.rs` checks that each row is used by the code and named by a test. The bounds
//! towards servers stand in a file of their own.

/// One row of the table, for the manual and for tests.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The constant's name.
    pub name: &'static str,
    /// The value.
    pub value: u64,
    /// The unit of the value.
    pub unit: &'static str,
    /// Where the number comes from.
    pub source: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident : $kind:ty = $value:expr, $unit:literal, $source:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: $kind = $value;)+

        /// The rows of this file, in order.
        pub(crate) const ROWS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            value: $name as u64,
            unit: $unit,
            source: $source,
        }),+];
    };
}

mod anchors;
mod audit;
mod claims;
mod doctor;
mod facade;
mod policy;
mod redact;
mod revocation;
mod schema;
mod shared;
mod sinks;
mod stream;
mod telemetry;
mod upstream;
mod view;

pub use anchors::*;
pub use audit::*;
pub use claims::*;
pub use doctor::*;
pub use facade::*;
pub use policy::*;
pub use redact::*;
pub use revocation::*;
pub use schema::*;
pub use shared::*;
pub use sinks::*;
pub use stream::*;
pub use telemetry::*;
pub use upstream::*;
pub use view::*;

/// Every row: those of this file, then those of the files beside it.
pub fn all() -> impl Iterator<Item = &'static Limit> {
    let more =
        facade::ROWS.iter().chain(upstream::ROWS).chain(revocation::ROWS).chain(shared::ROWS);
    let more = more
        .chain(policy::ROWS)
        .chain(view::ROWS)
        .chain(schema::ROWS)
        .chain(redact::ROWS)
        .chain(stream::ROWS)
        .chain(sinks::ROWS)
        .chain(telemetry::ROWS)
        .chain(doctor::ROWS)
        .chain(anchors::ROWS);
    ROWS.iter().chain(audit::ROWS).chain(claims::ROWS).chain(more)
}

limits! {
    #[doc = "Messages of one batch (MCP 2025-03-26), where batches are served one by one."]
    BATCH_MESSAGES_MAX: usize = 32, "messages", "no client of that revision is known to send more than a handful";
    // --- connections and request heads ------------------------------------------------
    #[doc = "Open client connections of one process."]
    CONNECTIONS_MAX: usize = 16_384, "connections", "below the usual 20,000 open files, with room for upstream sockets";
    #[doc = "Time for a TLS handshake, from accept to finished."]
    HANDSHAKE_MS: u64 = 10_000, "milliseconds", "slow handshakes hold a socket each; ten seconds serve a bad mobile link";
    #[doc = "Time for a complete request head, and the idle limit of a kept-alive HTTP/1.1 connection."]
    HEAD_MS: u64 = 30_000, "milliseconds", "slow-head attacks; nginx and HAProxy use 10 to 60 s";
    #[doc = "Time to the first bytes of the HTTP/2 preface."]
    PREFACE_MS: u64 = 10_000, "milliseconds", "hyper waits for ever for a preface (crates.md, silent-client hole)";
    #[doc = "Bytes of one request head."]
    HEAD_BYTES_MAX: usize = 32 * 1024, "bytes", "tokens reach 8 KiB, cookies are refused; RFC 9110 section 5.4 leaves it to us";
    #[doc = "Header fields of one request."]
    HEADERS_MAX: usize = 96, "fields", "real MCP clients send 8 to 20";
    #[doc = "Bytes of a request target."]
    TARGET_BYTES_MAX: usize = 4 * 1024, "bytes", "RFC 9112 section 3 recommends at least 8,000 for general servers; MCP endpoints are short";
    #[doc = "Streams of one HTTP/2 connection."]
    H2_STREAMS_MAX: u32 = 128, "streams", "RFC 9113 section 6.5.2 recommends at least 100";
    #[doc = "Reset streams waiting to be accepted on one HTTP/2 connection before GOAWAY."]
    H2_PENDING_RESETS_MAX: usize = 20, "streams", "rapid reset, RUSTSEC-2024-0003";
    #[doc = "Streams that we reset because of the peer's errors before GOAWAY."]
    H2_LOCAL_RESETS_MAX: usize = 128, "streams", "MadeYouReset, CVE-2025-8671";
    #[doc = "Bytes buffered towards one HTTP/2 stream."]
    H2_SEND_BUFFER_BYTES_MAX: usize = 64 * 1024, "bytes", "a reader that stops reading holds this much, no more";
    #[doc = "Interval of HTTP/2 keep-alive pings."]
    H2_PING_MS: u64 = 20_000, "milliseconds", "finds dead peers of open streams";
    #[doc = "Time for the answer to an HTTP/2 keep-alive ping."]
    H2_PING_ANSWER_MS: u64 = 10_000, "milliseconds", "finds dead peers of open streams";
    #[doc = "Time for a complete request body."]
    BODY_MS: u64 = 30_000, "milliseconds", "slow-body attacks";
    #[doc = "Bytes of a request body, by default."]
    BODY_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "the SDK servers' own limit of 4 MiB";
    #[doc = "Time for the PROXY protocol header of a trusted peer."]
    PROXY_HEADER_MS: u64 = 5_000, "milliseconds", "a load balancer sends it at once";
    #[doc = "Hops of X-Forwarded-For that are looked at."]
    FORWARDED_HOPS_MAX: usize = 16, "hops", "longer chains are not built by trusted proxies";
    #[doc = "Time that open exchanges get to finish after SIGTERM."]
    DRAIN_MS: u64 = 25_000, "milliseconds", "below Kubernetes' default grace period of 30 s";
    #[doc = "Time in which an idle HTTP/1.1 connection, or one in its TLS handshake, may still begin its last exchange after SIGTERM."]
    FAREWELL_MS: u64 = 1_000, "milliseconds", "a request that crosses the close on the way is lost to its client; round trips take up to 300 ms";
    #[doc = "Time that a starting gateway waits for its predecessor to let go of the audit trail."]
    AUDIT_HANDOVER_MS: u64 = 40_000, "milliseconds", "DRAIN_MS, then the last records and cut connections";
    #[doc = "Interval at which it looks."]
    AUDIT_HANDOVER_POLL_MS: u64 = 20, "milliseconds", "new connections wait meanwhile";
    #[doc = "Time without progress after which a client that does not read loses its connection."]
    WRITE_STALL_MS: u64 = 60_000, "milliseconds", "slow readers hold upstream streams";

    // --- messages -------------------------------------------------------------------
    #[doc = "Nesting depth of a JSON message."]
    JSON_DEPTH_MAX: usize = 64, "levels", "S-24 of the threat catalogue";
    #[doc = "Values in one JSON request."]
    JSON_NODES_MAX: usize = 200_000, "values", "S-24: answered within 100 ms";
    #[doc = "Values in one JSON answer."]
    JSON_ANSWER_NODES_MAX: usize = 2_000_000, "values", "answers are larger than requests; 16 bytes each";
    #[doc = "Digits of one number."]
    JSON_NUMBER_BYTES_MAX: usize = 1024, "bytes", "S-24: 200,000-digit numbers stall big-integer parsers behind us";
    #[doc = "Bytes of a JSON-RPC id."]
    RPC_ID_BYTES_MAX: usize = 256, "bytes", "S-27 of the threat catalogue";
    #[doc = "Bytes of a method, tool, prompt or argument name."]
    NAME_BYTES_MAX: usize = 256, "bytes", "MCP tool names are at most 128 characters";
    #[doc = "Bytes of a task id or request state of a server, which clients carry around sealed."]
    TICKET_BYTES_MAX: usize = 256 * 1024, "bytes", "states hold whole conversations; a sixteenth of the largest default body";
    #[doc = "Resources, and tasks, that one `subscriptions/listen` may name."]
    FILTER_NAMES_MAX: usize = 256, "names", "each is judged, now and whenever the policy changes";
    #[doc = "Tools of one server whose mirrored arguments are remembered."]
    MIRRORED_TOOLS_MAX: usize = 4096, "tools", "large servers have hundreds";
    #[doc = "Mirrored arguments of one tool."]
    MIRRORED_ARGUMENTS_MAX: usize = 32, "arguments", "each is a header field, and a request head has at most 100";
    #[doc = "Least time between two questions of the gateway's own for a server's tools."]
    MIRROR_ASK_MS: u64 = 10_000, "milliseconds", "a call of a tool that no list names must not double the server's load";
    #[doc = "Longest wait of a call for the answer to such a question."]
    MIRROR_WAIT_MS: u64 = 5_000, "milliseconds", "servers list their tools in milliseconds";
    #[doc = "Pages of tools that the gateway asks for."]
    MIRROR_PAGES_MAX: usize = 16, "pages", "servers page by tens to hundreds";
    #[doc = "Tools of one server whose last definition is remembered."]
    PINNED_TOOLS_MAX: usize = 4096, "tools", "as MIRRORED_TOOLS_MAX";
    #[doc = "Tools of one list, all its pages together; what follows is left out."]
    LISTED_TOOLS_MAX: usize = 1024, "tools", "models are lost among far fewer; servers with more are not used";
    #[doc = "Lists of one server, one for each caller, whose pages are compared with each other."]
    PIN_LISTS_MAX: usize = 64, "lists", "a client reads its pages one after the other, within a second";
    #[doc = "Definitions of one tool that were seen and are told apart."]
    TOOL_VARIANTS_MAX: usize = 16, "definitions", "by revision of the protocol, by kind of caller";
    #[doc = "Tool definitions of one server that wait for approval."]
    PINS_WAITING_MAX: usize = 1024, "definitions", "as LISTED_TOOLS_MAX";
    #[doc = "Bytes of a tool definition that is kept for review; of a longer one only the hash is."]
    PIN_DEFINITION_BYTES_MAX: usize = 64 * 1024, "bytes", "large ones have 10 KiB, with schemas";
    #[doc = "Bytes of an MCP client's file to which `client-config --write` adds."]
    CLIENT_CONFIG_BYTES_MAX: usize = 1024 * 1024, "bytes", "such files have a few KiB";
    #[doc = "Interval at which new waiting definitions are written to their file."]
    PINS_SAVE_MS: u64 = 1_000, "milliseconds", "people look for them when they were told of them";
    #[doc = "Callers for whom the gateway asked a server for its tools lately."]
    PIN_ASKERS_MAX: usize = 4096, "callers", "some ten bytes each; whoever is forgotten may ask again";
    #[doc = "Characters of a tool's name in a log line."]
    LOGGED_NAME_CHARS_MAX: usize = 64, "characters", "names of real tools have 10 to 40";
    #[doc = "Calls of one session whose stream ended before their answer came, and which may be resumed."]
    UNFINISHED_PER_SESSION_MAX: usize = 32, "calls", "twice the calls that one caller may have in flight";
    #[doc = "Such calls of one server in all."]
    UNFINISHED_MAX: usize = 8192, "calls", "some hundred bytes each";
    #[doc = "How long such a call may be resumed."]
    UNFINISHED_S: u64 = 3600, "seconds", "servers keep events for minutes; tools run for as long as an hour";
    #[doc = "Bytes of a refusal in which a lost session is looked for."]
    LOST_SESSION_BYTES_MAX: usize = 4096, "bytes", "such refusals are one sentence";
    #[doc = "Bytes of a resource URI."]
    URI_BYTES_MAX: usize = 4 * 1024, "bytes", "the request target's limit";

    // --- tokens and keys ---------------------------------------------------------------
    #[doc = "Bytes of a bearer token."]
    TOKEN_BYTES_MAX: usize = 16 * 1024, "bytes", "larger tokens come from group claims gone wrong; half a request head";
    #[doc = "Verified tokens kept in the cache."]
    TOKEN_CACHE_MAX: u64 = 100_000, "tokens", "about 1 KiB each";
    #[doc = "Longest time that a verified token is trusted without a new check."]
    TOKEN_CACHE_S: u64 = 300, "seconds", "bounds what a key removal leaves behind; never beyond exp";
    #[doc = "Clock skew tolerated in exp, nbf and iat, at most."]
    CLOCK_SKEW_S_MAX: u64 = 300, "seconds", "RFC 7519 section 4.1.4: usually no more than a few minutes";
    #[doc = "Clock skew tolerated by default."]
    CLOCK_SKEW_S: u64 = 30, "seconds", "NTP-kept hosts stay within one";
    #[doc = "API keys of one file."]
    API_KEYS_MAX: usize = 2048, "keys", "as many as fit into the file with a few scopes each; more callers want an issuer";
    #[doc = "Bytes of a file of API keys."]
    API_KEYS_BYTES_MAX: usize = 1024 * 1024, "bytes", "FILE_BYTES_MAX: beyond it no change of a watched file is seen";
    #[doc = "Longest time that a replaced API key may still count."]
    API_KEY_OVERLAP_S_MAX: u64 = 30 * 24 * 3600, "seconds", "a month to roll a new key out; an old secret is a risk as long as it counts";
    #[doc = "Time that `sallyport keys` waits for another that writes the same file."]
    API_KEYS_LOCK_MS: u64 = 5_000, "milliseconds", "a change takes milliseconds";
    #[doc = "Bytes of a key set or metadata document."]
    JWKS_BYTES_MAX: usize = 256 * 1024, "bytes", "real key sets have 1 to 10 keys";
    #[doc = "Keys taken from one key set."]
    JWKS_KEYS_MAX: usize = 64, "keys", "real key sets have 1 to 10 keys";
    #[doc = "Least time between two fetches of one key set because of unknown key ids."]
    JWKS_REFRESH_MIN_S: u64 = 10, "seconds", "S-09: a flood of unknown kids causes few fetches";
    #[doc = "Age at which a key set is fetched again in the background."]
    JWKS_FRESH_S: u64 = 300, "seconds", "providers rotate with days of overlap";
    #[doc = "Age at which a key set that cannot be refreshed is no longer used."]
    JWKS_STALE_S: u64 = 24 * 3600, "seconds", "outage of the provider must not outlive a day of trust";
    #[doc = "Time for one outbound fetch of keys or metadata."]
    FETCH_MS: u64 = 5_000, "milliseconds", "callers wait for it";

    // --- limits, sessions ---------------------------------------------------------------
    #[doc = "Keys of one keyed rate limiter before it is swept at once."]
    LIMITER_KEYS_MAX: usize = 100_000, "keys", "about 100 bytes each; governor's maps grow for ever by themselves";
    #[doc = "Interval of sweeping idle keys from rate limiters."]
    LIMITER_SWEEP_MS: u64 = 30_000, "milliseconds", "well below the time in which 100,000 keys gather";
    #[doc = "Longest Retry-After that a limit answer names."]
    RETRY_AFTER_S_MAX: u64 = 3600, "seconds", "longer waits are not retried by clients";
    #[doc = "Exchanges in flight in one process."]
    IN_FLIGHT_MAX: usize = 16_384, "exchanges", "one for each connection, since an open stream is one; bodies are bounded by IN_FLIGHT_BODY_BYTES_MAX";
    #[doc = "Request bodies held in memory at once."]
    IN_FLIGHT_BODY_BYTES_MAX: usize = 256 * 1024 * 1024, "bytes", "hard memory budget of request bodies";
    #[doc = "Absolute lifetime of a sealed session id."]
    SESSION_S: u64 = 24 * 3600, "seconds", "a working day; clients re-initialise on 404";
    #[doc = "Time without use after which a session ends, by default. An open stream is use."]
    SESSION_IDLE_S: u64 = 4 * 3600, "seconds", "half a working day; clients re-initialise on 404";
    #[doc = "Sessions of one caller on one server, by default."]
    SESSIONS_PER_PRINCIPAL: u32 = 64, "sessions", "SDK clients of TypeScript never end theirs; a host runs a handful at once";
    #[doc = "Largest `sessions.per_principal`."]
    SESSIONS_PER_PRINCIPAL_MAX: u32 = 4096, "sessions", "a quarter of the table";
    #[doc = "Sessions that one process keeps count of, ended ones among them."]
    SESSIONS_MAX: usize = 16_384, "sessions", "one for each connection; about 600 bytes each";
    #[doc = "Keys that open session ids."]
    SESSION_KEYS_MAX: usize = 8, "keys", "a rotation needs two";
    #[doc = "Requests of a server that wait for the answer of one session."]
    OUTSTANDING_PER_SESSION_MAX: usize = 64, "requests", "four for each call that a caller may have in flight";
    #[doc = "Requests of servers that wait for an answer in one process."]
    OUTSTANDING_MAX: usize = 16_384, "requests", "one for each connection; about 150 bytes each";
    #[doc = "Time that a request of a server waits for the client's answer."]
    OUTSTANDING_S: u64 = 3600, "seconds", "people fill in forms";
    #[doc = "Errands towards servers that wait to be run: ends of sessions, refusals of requests."]
    ERRANDS_MAX: usize = 1024, "errands", "a sweep ends hundreds at once; about 1 KiB each";
    #[doc = "Errands towards servers that are run at once."]
    ERRANDS_AT_ONCE_MAX: usize = 8, "errands", "a server that does not answer holds one, not all";
    #[doc = "Streams of HTTP+SSE clients of one process."]
    STREAMS_MAX: usize = 4096, "streams", "as many as exchanges in flight";
    #[doc = "Streams of HTTP+SSE clients of one caller on one server."]
    STREAMS_PER_PRINCIPAL_MAX: usize = 64, "streams", "as many as sessions";
    #[doc = "Bytes that wait for one HTTP+SSE client; a single larger event waits alone."]
    STREAM_QUEUE_BYTES_MAX: usize = 1024 * 1024, "bytes", "many small events; what produces them waits meanwhile";
    #[doc = "Time after which an HTTP+SSE client that takes nothing loses its stream."]
    STREAM_STALL_MS: u64 = 60_000, "milliseconds", "as WRITE_STALL_MS";
    #[doc = "First wait before the stream on which a server speaks unasked is opened again for an HTTP+SSE client, doubled each time."]
    RELISTEN_MS: u64 = 1_000, "milliseconds", "servers close long streams now and then";
    #[doc = "Longest such wait."]
    RELISTEN_MS_MAX: u64 = 60_000, "milliseconds", "a server that closes at once is asked once a minute";
    #[doc = "Patterns of hosts to which a server may send people."]
    URL_HOSTS_MAX: usize = 64, "patterns", "each is tried in turn";
    #[doc = "Bytes of an upstream session id."]
    SESSION_ID_BYTES_MAX: usize = 512, "bytes", "SDK servers use 36";

    // --- config, admin ------------------------------------------------------------
    #[doc = "Bytes of a configuration file."]
    CONFIG_BYTES_MAX: usize = 1024 * 1024, "bytes", "a thousand servers fit";
    #[doc = "Bytes of a secret, certificate, key or key-set file."]
    FILE_BYTES_MAX: usize = 1024 * 1024, "bytes", "certificate bundles are the largest";
    #[doc = "Bytes of a file of approved tool definitions, and of the file of those that wait beside it."]
    PINS_FILE_BYTES_MAX: usize = 4 * 1024 * 1024, "bytes", "a thousand tools of 3 KiB each";
    #[doc = "Quiet time after a file event before a reload."]
    RELOAD_DEBOUNCE_MS: u64 = 300, "milliseconds", "a ConfigMap swap causes several events";
    #[doc = "Interval at which watched files are compared although no event came."]
    RELOAD_POLL_MS: u64 = 30_000, "milliseconds", "inotify is silent on some mounts";
    #[doc = "Connections of the admin listener."]
    ADMIN_CONNECTIONS_MAX: usize = 64, "connections", "one scraper, some probes";
    #[doc = "Distinct tool names that may become metric labels."]
    METRIC_TOOLS_MAX: usize = 512, "names", "only names from the configuration become labels";

    // --- rest ------------------------------------------------------------------
    #[doc = "Query parameters of one request."]
    QUERY_PARAMETERS_MAX: usize = 32, "parameters", "the REST context API has one or two, hand-made clients a handful.";

    // --- server ----------------------------------------------------------------
    #[doc = "Connections that wait in the kernel to be accepted."]
    BACKLOG: u32 = 1024, "connections", "the kernel caps it at net.core.somaxconn, 4096 by default";
    #[doc = "Pause after the system refused to hand over a connection."]
    ACCEPT_PAUSE_MS: u64 = 100, "milliseconds", "short for clients, long for a spinning loop";
    #[doc = "hyper's buffer: a head that the guard accepted always fits, and hyper never refuses one itself."]
    H1_BUFFER_BYTES: usize = 2 * HEAD_BYTES_MAX, "bytes", "twice the largest head";
    #[doc = "Header list that crate h2 still hands over. Twice our bound, so that a head that is too large is refused by us, with a record; what is larger still is answered by h2 alone."]
    H2_HEADER_LIST_BYTES: u32 = 64 * 1024, "bytes", "twice HEAD_BYTES_MAX";
    #[doc = "Idle time before TCP asks whether the peer is still there, and between two questions."]
    TCP_KEEPALIVE_MS: u64 = 20_000, "milliseconds", "as the HTTP/2 pings";
    #[doc = "Bytes that a client may send on one HTTP/2 stream before they are read."]
    H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024, "bytes", "a 4 MiB body in 16 round trips";
    #[doc = "Bytes that a client may send on one HTTP/2 connection before they are read."]
    H2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024, "bytes", "memory of one connection's unread bodies";
    #[doc = "Bytes that are read and dropped when a connection closes."]
    LINGER_BYTES_MAX: usize = 8 * 1024 * 1024, "bytes", "twice the largest default body";
    #[doc = "Bytes of a refused HTTP/2 request's body that are read and dropped."]
    UNREAD_BODY_BYTES_MAX: u64 = 64 * 1024, "bytes", "nearly every MCP request, and what a client may send before it hears anything (RFC 9113 section 6.9.2)";
    #[doc = "Time for which they are waited for; the answer does not wait."]
    UNREAD_BODY_MS: u64 = 1_000, "milliseconds", "the body of a live client is on its way already";
    #[doc = "Time after which an HTTP/2 connection without streams is closed."]
    H2_IDLE_MS: u64 = 180_000, "milliseconds", "agents pause between calls; nginx's own former default";
    #[doc = "Time that a closed connection is still read from, so that the last answer arrives."]
    LINGER_MS: u64 = 5_000, "milliseconds", "unread bytes make the kernel reset the connection and destroy the answer";
    #[doc = "Bytes of all chunk extensions of one body together."]
    CHUNK_EXTENSION_BYTES_MAX: usize = 128, "bytes", "real clients send none; CVE-2023-39326 class";
    #[doc = "Digits of one chunk size, leading zeros among them."]
    CHUNK_SIZE_DIGITS_MAX: u8 = 16, "digits", "64 bits in hexadecimal";
    #[doc = "Errors that are looked through for a violation."]
    ERROR_DEPTH_MAX: usize = 8, "errors", "hyper wraps once";
    #[doc = "Bytes of a method."]
    METHOD_BYTES_MAX: usize = 24, "bytes", "the longest registered method has 17";
    #[doc = "Bytes of the value of Host, Content-Length, Transfer-Encoding or Expect."]
    VALUE_BYTES_MAX: usize = 272, "bytes", "a host name of 253, a port and blanks";
    #[doc = "Files of revocation lists of one listener."]
    CRL_FILES_MAX: usize = 64, "files", "one for each authority in the chains of clients; one file may hold several";
    #[doc = "Time after which the certificate of an open connection is verified again, also when nothing was reloaded."]
    CERTIFICATE_RECHECK_S: u64 = 60, "seconds", "lists and certificates end by the minute; a verification costs a tenth of a millisecond";
    #[doc = "Alternative names of one certificate."]
    CERTIFICATE_NAMES_MAX: usize = 100, "names", "public authorities allow 100";
    #[doc = "Bytes of one name in a certificate."]
    CERTIFICATE_NAME_BYTES_MAX: usize = 2048, "bytes", "a SPIFFE id is at most 2048 (SPIFFE-ID section 2.3)";
    #[doc = "Bytes behind the fixed part of a version 2 header."]
    PROXY_HEADER_BYTES_MAX: usize = 4096, "bytes", "addresses are 36, a certificate as TLV 2 to 3 KiB";
    #[doc = "Bytes of a version 1 line."]
    PROXY_LINE_BYTES_MAX: usize = 107, "bytes", "PROXY protocol section 2.1";

    // --- config ----------------------------------------------------------------
    #[doc = "Nesting depth of the configuration."]
    CONFIG_DEPTH_MAX: usize = 24, "levels", "the deepest key stands on level six.";
    #[doc = "Values in one configuration, each use of an alias counted."]
    CONFIG_NODES_MAX: usize = 50_000, "values", "a thousand servers with fifty values each; against alias bombs.";
    #[doc = "Rounds of PBKDF2 over a secret before it enters the public hash."]
    SECRET_STRETCH_ROUNDS: u32 = 100_000, "rounds", "about 10 ms of one core per secret, a factor of 100,000 for who guesses.";
    #[doc = "Problems shown of one configuration."]
    PROBLEMS_MAX: usize = 100, "problems", "more is not read; one edit usually repairs many.";
    #[doc = "Characters of a source line in an excerpt."]
    EXCERPT_CHARS_MAX: usize = 120, "characters", "a wide terminal.";
    #[doc = "Routes of one server of the REST profile."]
    ROUTES_MAX: usize = 256, "routes", "each is tried in turn.";
    #[doc = "Longest `sessions.lifetime`."]
    SESSION_S_MAX: u64 = 30 * 86_400, "seconds", "30 days; longer ones are accounts.";
    #[doc = "Characters of the name of a server, a listener or a pattern."]
    NAME_CHARS_MAX: usize = 64, "characters", "they become metric labels.";
    #[doc = "Calls in flight on one server by default."]
    CONCURRENCY: u32 = 256, "calls", "sixteen servers fill the process's own bound, `IN_FLIGHT_MAX`.";
    #[doc = "Calls in flight of one caller on one server by default."]
    CONCURRENCY_PER_PRINCIPAL: u32 = 16, "calls", "MCP clients run a handful at once; one caller holds a sixteenth of a server.";
    #[doc = "Rules of one kind of one server."]
    RULES_MAX: usize = 1_000, "rules", "each is compared with each at load.";
    #[doc = "Longest timeout towards an upstream."]
    TIMEOUT_S_MAX: u64 = 86_400, "seconds", "a day; what waits longer is dead.";
    #[doc = "Largest `answer_bytes_max`."]
    ANSWER_BYTES_BOUND: usize = 256 * 1024 * 1024, "bytes", "one answer is held in memory while it is screened.";
    #[doc = "Bytes of a user's pattern."]
    PATTERN_BYTES_MAX: usize = 1024, "bytes", "longer ones are lists that belong elsewhere.";
    #[doc = "Bytes of a user's pattern when compiled."]
    PATTERN_PROGRAM_BYTES_MAX: usize = 1024 * 1024, "bytes", "48 patterns stay below 50 MiB.";
    #[doc = "Longest delay of a comparison while events keep coming."]
    RELOAD_DELAY_MS_MAX: u64 = 3_000, "milliseconds", "a log that is written into the same folder must not keep a change out.";

    // --- authz -----------------------------------------------------------------
    #[doc = "Bytes up to which a challenge repeats scopes that the caller already has; those that it needs are always named whole."]
    CHALLENGE_SCOPE_BYTES_MAX: usize = 4 * 1024, "bytes", "Node clients take 16 KiB of head.";

    // --- class -----------------------------------------------------------------
    #[doc = "Custom patterns one detector may hold."]
    CUSTOM_CLASSES_MAX: usize = 48, "classes", "with the built-in ones they make the labels of the metrics.";

    // --- screen: text in pieces --------------------------------------------------
    #[doc = "Time that an event waits for the next one, where its text may go on there."]
    DELTA_HOLD_MS: u64 = 50, "ms", "People do not notice it; servers that cut text send the pieces at once.";
    #[doc = "Events of one stream that wait so."]
    DELTA_EVENTS_MAX: usize = 16, "events", "More come only when none is read.";
    #[doc = "Sources of text of one stream whose last piece is remembered."]
    DELTA_SOURCES_MAX: usize = 32, "sources", "Loggers and calls that speak at once.";

    // --- inspect ---------------------------------------------------------------
    #[doc = "Places of one message that a record names, by class and path; values at others are counted by class."]
    FOUND_PLACES_MAX: usize = 32, "places", "A record stays readable; a message has seldom more kinds of places.";
    #[doc = "Unit: bytes. Names are labels and metric values."]
    CUSTOM_NAME_BYTES_MAX: usize = 32, "bytes", "Names are labels and metric values.";
    #[doc = "Unit: bytes of one compiled pattern. Source: the default of `regex` is ten times this; a pattern for one kind of value needs a hundredth."]
    CUSTOM_PATTERN_BYTES_MAX: usize = 1 << 20, "bytes of one compiled pattern", "the default of `regex` is ten times this; a pattern for one kind of value needs a hundredth.";
    #[doc = "Unit: bytes of the lazy automaton of one pattern. Source: measured; the default of 2 MiB thrashes on texts with many look-alikes."]
    CUSTOM_CACHE_BYTES_MAX: usize = 4 << 20, "bytes of the lazy automaton of one pattern", "measured; the default of 2 MiB thrashes on texts with many look-alikes.";
    #[doc = "Numbers without an explanation that are remembered for one message. What explains itself is always hidden; only copies beyond this many others go unnoticed."]
    PENDING_MAX: usize = 1 << 18, "numbers", "about 80 bytes each, so at most 20 MiB.";

    // --- guard -----------------------------------------------------------------
    #[doc = "Rounds of percent-decoding."]
    ROUNDS_MAX: usize = 3, "rounds", "double encoding is common, a third round shows who tries.";
    #[doc = "A longer value in a parameter that says nothing of itself is a text."]
    WORD_BYTES_MAX: usize = 512, "bytes", "the longest command lines of the hostile table have some 120.";
    #[doc = "Hits that are kept of one call."]
    HITS_MAX: usize = 16, "hits", "a record names them all; more of them tell nothing new.";

    // --- limit -----------------------------------------------------------------
    #[doc = "When a caller without a free slot may ask again."]
    IN_FLIGHT_RETRY_S: u64 = 1, "seconds", "the least that `Retry-After` can say; calls take milliseconds to seconds.";

    // --- config, more ----------------------------------------------------------------
    #[doc = "Places that a help text names for a misplaced key."]
    PLACES_MAX: usize = 3, "places", "a help text that names more helps nobody";
    #[doc = "Characters of a typed value that a message repeats."]
    SHOWN_CHARS_MAX: usize = 80, "characters", "a message of one line";
    #[doc = "Longest chain of `$ref`: the types of `raw` do not alias each other."]
    REFERENCES_MAX: usize = 8, "references", "types of the schema do not alias each other";

    // --- authn, more -----------------------------------------------------------------
    #[doc = "Least time between two attempts while there are no usable keys at all. Callers are refused meanwhile, so it is shorter than the interval for unknown key ids."]
    JWKS_RETRY_S: u64 = 2, "seconds", "a provider that failed is left in peace that long";
    #[doc = "Bytes of `kid`. Thumbprints have 43 characters."]
    KID_BYTES_MAX: usize = 256, "bytes", "real key ids are thumbprints or short names";
    #[doc = "Age in seconds at which a key file is read again: a removed key ends about as fast as the sweep that looks for it comes by."]
    KEY_FILE_FRESH_S: u64 = 5, "seconds", "reading a local file costs microseconds";
    #[doc = "Keys of one id that are tried on a token. Rotation leaves two; more is a mistake."]
    KEYS_TRIED_MAX: usize = 4, "keys", "rotation leaves two of one id; more is a mistake";
    #[doc = "Interval at which key rings are looked at; a ring decides itself whether it is due."]
    KEYS_SWEEP_MS: u64 = 5_000, "milliseconds", "well below JWKS_REFRESH_MIN_S";

    // --- introspection ---------------------------------------------------------------
    #[doc = "Tokens about which issuers are asked at one time, of all routes together; over it callers get `busy`."]
    INTROSPECTIONS_MAX: usize = 64, "tokens", "at 20 ms an answer, 3,000 new tokens a second; what a flood of made-up tokens may cost an issuer";
    #[doc = "Tokens that are remembered as refused."]
    INTROSPECTION_REFUSED_MAX: usize = 16_384, "tokens", "what INTROSPECTIONS_MAX can bring within ten seconds, about 100 bytes each";
    #[doc = "Time for which an issuer's answer about a token counts, by default; TOKEN_CACHE_S at most."]
    INTROSPECTION_CACHE_S: u64 = 60, "seconds", "what a revocation waits for; RFC 7662 section 4 leaves the balance to us";
    #[doc = "Time for which a refused token is refused without asking, by default."]
    INTROSPECTION_NEGATIVE_S: u64 = 10, "seconds", "a refused token does not come back to life";
    #[doc = "Time for which a refused token is refused without asking, at most."]
    INTROSPECTION_NEGATIVE_S_MAX: u64 = 60, "seconds", "tokens may be known to one replica of an issuer before another";
    #[doc = "Time by which a token that was accepted may outlive its check while the issuer cannot be asked, at most."]
    INTROSPECTION_GRACE_S_MAX: u64 = 3600, "seconds", "an outage that takes longer is not to be slept through";
    // --- proofs of possession ----------------------------------------------------------
    #[doc = "Bytes of a DPoP proof."]
    DPOP_PROOF_BYTES_MAX: usize = 8 * 1024, "bytes", "a key and a signature of RSA with 8192 bits fill half of it";
    #[doc = "Bytes of the `jti` of a DPoP proof."]
    DPOP_JTI_BYTES_MAX: usize = 256, "bytes", "96 random bits or a UUID are usual (RFC 9449 section 4.2)";
    #[doc = "Age up to which a DPoP proof is accepted, by default."]
    DPOP_AGE_S: u64 = 60, "seconds", "a proof is made for one request and sent at once";
    #[doc = "Largest `dpop.max_age`."]
    DPOP_AGE_S_MAX: u64 = 300, "seconds", "RFC 9449 section 11.1: seconds or minutes";
    #[doc = "Time by which the clock of a proof's maker may be ahead."]
    DPOP_AHEAD_S: u64 = 30, "seconds", "as CLOCK_SKEW_S";
    #[doc = "DPoP proofs that one process remembers, so that none is used twice; when it is full, further ones are refused."]
    DPOP_REPLAY_MAX: usize = 1 << 20, "proofs", "some 20 bytes each; 10,000 proofs a second with the default age";
    #[doc = "Parts of that memory, each for its own share of the keys: who floods it fills one."]
    DPOP_REPLAY_SHARDS: usize = 32, "parts", "one key may make 300 proofs a second with the default age";
    #[doc = "Time for which remembered proofs are forgotten together."]
    DPOP_REPLAY_BUCKET_S: u64 = 30, "seconds", "a dozen buckets hold the longest age";
    #[doc = "Time for which replicas remember a used DPoP proof in Redis."]
    DPOP_SHARED_S: u64 = DPOP_AGE_S_MAX + 2 * DPOP_AHEAD_S, "seconds", "a proof may be dated ahead by DPOP_AHEAD_S, and the clocks of replicas may differ by as much";
    #[doc = "Time for which a DPoP nonce is given out; it is accepted as long again."]
    DPOP_NONCE_S: u64 = 60, "seconds", "RFC 9449 section 8.2: short, and a client learns of the next one in any answer";

    // --- outbound, more --------------------------------------------------------------
    #[doc = "Addresses of one name that are tried. Names of providers give 2 to 8; a fetch has five seconds for all of them."]
    ADDRESSES_MAX: usize = 4, "addresses", "providers publish two to four";
    #[doc = "Time for one outbound request, at most."]
    FETCH_MS_MAX: u64 = 30_000, "milliseconds", "callers wait for it; MCP clients give up after 60 s";
    #[doc = "Bytes of the answer to what the gateway posts: introspection, tokens."]
    POST_ANSWER_BYTES_MAX: usize = 64 * 1024, "bytes", "real answers have 200 to 4,000; the longest token has 16 KiB";
    #[doc = "Life of an assertion by which the gateway proves itself to an authorization server."]
    CLIENT_ASSERTION_S: u64 = 60, "seconds", "used once and at once; RFC 7523 section 3 asks for a short one";

    // --- screen, more ----------------------------------------------------------------
    #[doc = "Bytes of events that leave together."]
    PIECE_BYTES_MAX: usize = 16 * 1024 - 32, "bytes", "a TLS record holds 16 KiB (RFC 8446 section 5.1), less the frame of an HTTP/1.1 chunk.";

    // --- inspect, more ---------------------------------------------------------------
    #[doc = "Unit: matches of one pattern in one text."]
    CUSTOM_MATCHES_MAX: usize = 1024, "matches", "what is beyond counts as one value";
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn every_row_has_a_value_a_unit_and_a_source() {
        for row in all() {
            assert!(row.value > 0 && !row.unit.is_empty() && row.source.len() > 8, "{}", row.name);
        }
    }
}
