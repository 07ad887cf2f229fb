//! The numbers of `limits.rs` fit together: a bound that contradicts another one protects nothing.

#![allow(clippy::assertions_on_constants, reason = "relations of constants are what is tested")]

use std::time::Duration;

use sallyport::limits::{
    ACCEPT_PAUSE_MS, ADMIN_CONNECTIONS_MAX, ANSWER_BYTES_BOUND, ANSWER_BYTES_MAX,
    AUDIT_PARAMS_BYTES_MAX, AUDIT_QUEUE_BYTES_MAX, AUDIT_QUEUE_RECORDS_MAX, AUDIT_TEXT_BYTES_MAX,
    AUDIT_WAIT_MS, BACKLOG, BODY_BYTES_MAX, BODY_MS, CERTIFICATE_NAME_BYTES_MAX,
    CERTIFICATE_NAMES_MAX, CHUNK_EXTENSION_BYTES_MAX, CHUNK_SIZE_DIGITS_MAX, CONCURRENCY,
    CONCURRENCY_PER_PRINCIPAL, CONNECT_MS, CONNECTIONS_MAX, DRAIN_MS, ERROR_DEPTH_MAX,
    EVENT_BYTES_MAX, EXCERPT_CHARS_MAX, FETCH_MS, H1_BUFFER_BYTES, H2_CONNECTION_WINDOW_BYTES,
    H2_HEADER_LIST_BYTES, H2_IDLE_MS, H2_LOCAL_RESETS_MAX, H2_PENDING_RESETS_MAX,
    H2_PING_ANSWER_MS, H2_PING_MS, H2_SEND_BUFFER_BYTES_MAX, H2_STREAM_WINDOW_BYTES,
    H2_STREAMS_MAX, HANDSHAKE_MS, HEAD_BYTES_MAX, HEAD_MS, IN_FLIGHT_BODY_BYTES_MAX, IN_FLIGHT_MAX,
    IN_FLIGHT_RETRY_S, JWKS_FRESH_S, KEEPALIVE_MS, LIMITER_SWEEP_MS, LINGER_BYTES_MAX, LINGER_MS,
    METHOD_BYTES_MAX, METRIC_TOOLS_MAX, NAME_BYTES_MAX, NAME_CHARS_MAX, PATTERN_BYTES_MAX,
    PATTERN_PROGRAM_BYTES_MAX, PIECE_BYTES_MAX, PLACES_MAX, PREFACE_MS, PROXY_HEADER_BYTES_MAX,
    PROXY_HEADER_MS, PROXY_LINE_BYTES_MAX, RECHECK_MS, REFERENCES_MAX, RETRY_AFTER_S_MAX,
    ROUNDS_MAX, ROUTES_MAX, RPC_ID_BYTES_MAX, RULES_MAX, SECRET_STRETCH_ROUNDS, SESSION_S,
    SESSION_S_MAX, SHOWN_CHARS_MAX, STREAM_IDLE_MS, TCP_KEEPALIVE_MS, TIMEOUT_S_MAX,
    TOKEN_CACHE_MAX, TOKEN_CACHE_S, UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_HEAD_MS,
    UPSTREAM_IDLE_CONNECTION_MS, UPSTREAM_IDLE_CONNECTIONS_MAX, UPSTREAM_IDLE_MS, URI_BYTES_MAX,
    VALUE_BYTES_MAX, WRITE_STALL_MS,
};
use sallyport::limits::{
    MIRROR_ASK_MS, MIRROR_WAIT_MS, STDIO_EOF_MS, STDIO_KILL_MS, STDIO_TERM_MS,
};
use sallyport::server::Bounds;

#[test]
fn connections_are_bounded_by_what_the_table_says() {
    let bounds = Bounds::default();
    assert_eq!(bounds.connections_max, CONNECTIONS_MAX);
    for (found, row) in [
        (bounds.handshake, HANDSHAKE_MS),
        (bounds.head, HEAD_MS),
        (bounds.preface, PREFACE_MS),
        (bounds.proxy_header, PROXY_HEADER_MS),
        (bounds.h2_ping, H2_PING_MS),
        (bounds.h2_ping_answer, H2_PING_ANSWER_MS),
        (bounds.write_stall, WRITE_STALL_MS),
        (bounds.drain, DRAIN_MS),
    ] {
        assert_eq!(found, Duration::from_millis(row));
    }
    assert!(ADMIN_CONNECTIONS_MAX < CONNECTIONS_MAX);
}

#[test]
fn a_question_about_tools_ends_before_the_call_that_caused_it_and_before_the_next_one() {
    assert!(MIRROR_WAIT_MS < UPSTREAM_HEAD_MS && MIRROR_WAIT_MS < MIRROR_ASK_MS);
}

#[test]
fn a_drain_ends_before_its_supervisor_loses_patience() {
    // Kubernetes' default grace period, and TimeoutStopSec of the systemd unit.
    assert!(DRAIN_MS < 30_000);
    let unit = include_str!("../deploy/sallyport.service");
    let line = unit.lines().find_map(|l| l.strip_prefix("TimeoutStopSec=")).unwrap_or_default();
    let stop_s: u64 = line.parse().unwrap_or_default();
    assert!(stop_s * 1000 > DRAIN_MS, "TimeoutStopSec={line}");
}

#[test]
fn one_http2_connection_cannot_take_the_process() {
    assert!(H2_STREAMS_MAX >= 100, "RFC 9113 section 6.5.2");
    assert!(H2_STREAMS_MAX as usize * 8 <= IN_FLIGHT_MAX);
    assert!(H2_PENDING_RESETS_MAX < H2_STREAMS_MAX as usize);
    assert!(H2_LOCAL_RESETS_MAX <= 1024);
    assert!(H2_SEND_BUFFER_BYTES_MAX * H2_STREAMS_MAX as usize <= 16 << 20);
}

#[test]
fn bodies_in_flight_fit_the_memory_budget() {
    assert!(BODY_BYTES_MAX * 16 <= IN_FLIGHT_BODY_BYTES_MAX);
    assert!(BODY_MS <= 60_000);
    assert!(RPC_ID_BYTES_MAX < BODY_BYTES_MAX && URI_BYTES_MAX >= NAME_BYTES_MAX);
}

#[test]
fn every_exchange_in_flight_finds_room_in_the_audit_queue() {
    assert!(AUDIT_QUEUE_RECORDS_MAX >= 2 * IN_FLIGHT_MAX);
    let record = AUDIT_PARAMS_BYTES_MAX + 16 * AUDIT_TEXT_BYTES_MAX;
    assert!(AUDIT_QUEUE_BYTES_MAX >= record * AUDIT_QUEUE_RECORDS_MAX / 2);
    assert!(AUDIT_WAIT_MS < UPSTREAM_HEAD_MS);
}

#[test]
fn idle_upstream_connections_are_closed_by_us_first() {
    // Node's server closes after five seconds.
    assert!(UPSTREAM_IDLE_CONNECTION_MS < 5_000);
    assert!(UPSTREAM_IDLE_CONNECTIONS_MAX <= IN_FLIGHT_MAX);
    assert!(CONNECT_MS < UPSTREAM_HEAD_MS);
    assert!(UPSTREAM_HEAD_BYTES_MAX >= 8 * 1024);
}

#[test]
fn a_silent_stream_is_kept_alive_and_a_dead_one_is_given_up() {
    assert!(KEEPALIVE_MS * 4 <= 60_000, "proxies give up after 60 s of silence");
    assert!(KEEPALIVE_MS < UPSTREAM_IDLE_MS && UPSTREAM_IDLE_MS < STREAM_IDLE_MS);
    assert!(RECHECK_MS <= 1_000, "S-62: containment bites within a second");
    assert!(EVENT_BYTES_MAX >= ANSWER_BYTES_MAX, "an event carries a whole answer");
}

#[test]
fn caches_and_limiters_are_bounded_and_swept() {
    assert!(TOKEN_CACHE_MAX <= 100_000 && TOKEN_CACHE_S <= JWKS_FRESH_S);
    assert!(LIMITER_SWEEP_MS <= 60_000);
    assert!(FETCH_MS < BODY_MS, "a caller that waits for keys is not cut by its own body");
    assert!(METRIC_TOOLS_MAX <= 1_000, "series are tools times servers");
}

#[test]
fn a_head_that_the_guard_accepts_fits_every_buffer_behind_it() {
    assert!(H1_BUFFER_BYTES >= HEAD_BYTES_MAX);
    assert!(H2_HEADER_LIST_BYTES as usize >= HEAD_BYTES_MAX);
    assert!(METHOD_BYTES_MAX + VALUE_BYTES_MAX < HEAD_BYTES_MAX);
    assert!(CHUNK_SIZE_DIGITS_MAX == 16, "64 bits in hexadecimal");
    assert!(CHUNK_EXTENSION_BYTES_MAX < HEAD_BYTES_MAX);
    assert!(PROXY_LINE_BYTES_MAX == 107, "PROXY protocol section 2.1");
    assert!(PROXY_HEADER_BYTES_MAX > PROXY_LINE_BYTES_MAX);
}

#[test]
fn a_connection_is_opened_kept_and_closed_within_bounds() {
    assert!(BACKLOG as usize <= CONNECTIONS_MAX && ACCEPT_PAUSE_MS < 1_000);
    assert!(TCP_KEEPALIVE_MS <= WRITE_STALL_MS && H2_IDLE_MS >= HEAD_MS);
    assert!(H2_STREAM_WINDOW_BYTES < H2_CONNECTION_WINDOW_BYTES);
    assert!(LINGER_MS < DRAIN_MS, "a refused client must not outlive the drain");
    assert!(LINGER_BYTES_MAX >= BODY_BYTES_MAX, "a refused body is read to its end");
    assert!(PIECE_BYTES_MAX <= 16 * 1024, "one TLS record, RFC 8446 section 5.1");
    assert!(CERTIFICATE_NAMES_MAX * CERTIFICATE_NAME_BYTES_MAX <= 1 << 20);
    assert!(ERROR_DEPTH_MAX > 1 && ROUNDS_MAX > 1);
}

#[test]
fn what_a_configuration_may_ask_for_stays_within_the_process() {
    assert!(CONCURRENCY_PER_PRINCIPAL < CONCURRENCY && CONCURRENCY as usize <= IN_FLIGHT_MAX);
    assert!(ANSWER_BYTES_BOUND >= ANSWER_BYTES_MAX && SESSION_S_MAX >= SESSION_S);
    assert!(TIMEOUT_S_MAX * 1_000 >= STREAM_IDLE_MS);
    assert!(RULES_MAX >= METRIC_TOOLS_MAX && ROUTES_MAX <= RULES_MAX);
    assert!(PATTERN_BYTES_MAX < PATTERN_PROGRAM_BYTES_MAX && NAME_CHARS_MAX <= NAME_BYTES_MAX);
    assert!(SECRET_STRETCH_ROUNDS >= 100_000, "a published hash must cost who guesses");
    assert!(IN_FLIGHT_RETRY_S <= RETRY_AFTER_S_MAX);
}

#[test]
fn messages_of_the_check_stay_readable() {
    assert!(SHOWN_CHARS_MAX < EXCERPT_CHARS_MAX && PLACES_MAX <= 5 && REFERENCES_MAX <= 16);
}

#[test]
fn child_processes_end_within_the_time_of_a_drain() {
    assert!(STDIO_EOF_MS + STDIO_TERM_MS + STDIO_KILL_MS < DRAIN_MS);
}
