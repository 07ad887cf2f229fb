//! Every bound of the gateway in one table: name, value, unit and where the number comes from.
//!
//! Owns the numbers, nothing else. A queue, cache, buffer, loop or wait that has no row here is a
//! defect; `tests/tidy.rs` checks that each row is used by the code and named by a test.

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

        /// All rows, in the order of the file.
        pub const ALL: &[Limit] = &[$(Limit {
            name: stringify!($name),
            value: $name as u64,
            unit: $unit,
            source: $source,
        }),+];
    };
}

limits! {
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
    IN_FLIGHT_MAX: usize = 4096, "exchanges", "with 4 MiB bodies bounded by IN_FLIGHT_BODY_BYTES_MAX";
    #[doc = "Request bodies held in memory at once."]
    IN_FLIGHT_BODY_BYTES_MAX: usize = 256 * 1024 * 1024, "bytes", "hard memory budget of request bodies";
    #[doc = "Absolute lifetime of a sealed session id."]
    SESSION_S: u64 = 24 * 3600, "seconds", "a working day; clients re-initialise on 404";
    #[doc = "Bytes of an upstream session id."]
    SESSION_ID_BYTES_MAX: usize = 512, "bytes", "SDK servers use 36";

    // --- upstream and answers --------------------------------------------------------------
    #[doc = "Time to connect to an upstream, by default."]
    CONNECT_MS: u64 = 3_000, "milliseconds", "upstreams are near";
    #[doc = "Time from the request to the head of the upstream's answer, by default."]
    UPSTREAM_HEAD_MS: u64 = 60_000, "milliseconds", "tools may work for a while; the MCP SDKs give up after 60 s";
    #[doc = "Silence in an upstream's JSON answer, by default."]
    UPSTREAM_IDLE_MS: u64 = 30_000, "milliseconds", "a body that has begun keeps coming";
    #[doc = "Silence in an upstream's event stream, by default."]
    STREAM_IDLE_MS: u64 = 15 * 60_000, "milliseconds", "keep-alive comments come every 15 s from real servers";
    #[doc = "Idle connections kept for one upstream."]
    UPSTREAM_IDLE_CONNECTIONS_MAX: usize = 256, "connections", "pool of one upstream";
    #[doc = "Time that an idle upstream connection is kept."]
    UPSTREAM_IDLE_CONNECTION_MS: u64 = 4_000, "milliseconds", "below the keep-alive limits of Node (5 s) and Python (75 s), so that we close first";
    #[doc = "Bytes of an upstream's answer head."]
    UPSTREAM_HEAD_BYTES_MAX: usize = 64 * 1024, "bytes", "real heads have 300 to 400 bytes";
    #[doc = "Bytes of one JSON answer, by default."]
    ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024, "bytes", "base64 images of a few MiB pass";
    #[doc = "Bytes of one server-sent event."]
    EVENT_BYTES_MAX: usize = 16 * 1024 * 1024, "bytes", "an event carries one whole answer";
    #[doc = "Interval of keep-alive comments while an upstream's stream is silent."]
    KEEPALIVE_MS: u64 = 15_000, "milliseconds", "undici gives up after 300 s of silence, proxies after 60";
    #[doc = "Interval at which an open stream asks whether it may go on."]
    RECHECK_MS: u64 = 500, "milliseconds", "S-62: containment bites within a second";

    // --- audit, config, admin ------------------------------------------------------------
    #[doc = "Records waiting for the audit writer."]
    AUDIT_QUEUE_RECORDS_MAX: usize = 8192, "records", "twice the exchanges in flight";
    #[doc = "Bytes waiting for the audit writer."]
    AUDIT_QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024, "bytes", "4 KiB a record";
    #[doc = "Time that an exchange waits for its record to be durable."]
    AUDIT_WAIT_MS: u64 = 5_000, "milliseconds", "a disk that takes longer is down for our purpose";
    #[doc = "Bytes of the redacted parameters in one record; the rest is cut and says so."]
    AUDIT_PARAMS_BYTES_MAX: usize = 4 * 1024, "bytes", "records stay readable and the log bounded";
    #[doc = "Bytes of any other text that a caller chose, in a record or log line."]
    AUDIT_TEXT_BYTES_MAX: usize = 256, "bytes", "names are bounded by NAME_BYTES_MAX";
    #[doc = "Bytes of a configuration file."]
    CONFIG_BYTES_MAX: usize = 1024 * 1024, "bytes", "a thousand servers fit";
    #[doc = "Bytes of a secret, certificate, key or key-set file."]
    FILE_BYTES_MAX: usize = 1024 * 1024, "bytes", "certificate bundles are the largest";
    #[doc = "Quiet time after a file event before a reload."]
    RELOAD_DEBOUNCE_MS: u64 = 300, "milliseconds", "a ConfigMap swap causes several events";
    #[doc = "Interval at which watched files are compared although no event came."]
    RELOAD_POLL_MS: u64 = 30_000, "milliseconds", "inotify is silent on some mounts";
    #[doc = "Connections of the admin listener."]
    ADMIN_CONNECTIONS_MAX: usize = 64, "connections", "one scraper, some probes";
    #[doc = "Distinct tool names that may become metric labels."]
    METRIC_TOOLS_MAX: usize = 512, "names", "only names from the configuration become labels";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_row_has_a_value_a_unit_and_a_source() {
        for row in ALL {
            assert!(row.value > 0 && !row.unit.is_empty() && row.source.len() > 8, "{}", row.name);
        }
    }
}
