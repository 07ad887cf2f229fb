//! Promises of the scanner, and the property that hyper never refuses what it lets through.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Place, Scan, Scanner, Violation};
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX};
use crate::reject::Code;

fn scan(bytes: &[u8]) -> Scan {
    Scanner::default().scan(bytes)
}

fn refused(text: &str) -> Violation {
    scan(text.as_bytes()).violation.unwrap_or_else(|| panic!("accepted: {text:?}"))
}

#[track_caller]
fn assert_detail(text: &str, detail: &str) {
    assert_eq!(refused(text).detail, detail, "{text:?}");
}

fn post(fields: &str, body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n{body}")
}

#[test]
fn requests_in_a_row_pass_and_are_counted() {
    let mut scanner = Scanner::default();
    let all = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        post("Content-Length: 5\r\n", "a\0\r\nb"),
        post("Transfer-Encoding: Chunked\r\n", "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
        post("Content-Length:\t007 \r\nExpect: 100-Continue\r\n", "1234567"),
        "GET http://A.test:80/x?y HTTP/1.1\r\nhost: a.TEST:80\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n".to_owned(),
    ];
    let text = all.concat();
    assert_eq!(scanner.scan(text.as_bytes()), Scan { pass: text.len(), violation: None });
    assert_eq!(scanner.heads(), 6);
}

#[test]
fn s41_two_ways_to_say_the_length_are_refused_in_either_order() {
    let detail = "both Content-Length and Transfer-Encoding";
    assert_detail(&post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", ""), detail);
    assert_detail(&post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", ""), detail);
    assert_detail(
        &post("Content-Length: 3\r\ncontent-length: 3\r\n", ""),
        "repeated Content-Length",
    );
}

#[test]
fn s41_lengths_that_parsers_read_differently_are_refused() {
    let detail = "Content-Length is not a decimal number of 63 bits";
    let values =
        ["", " ", "+3", "-3", "3,3", "3 3", "0x3", "3.0", "three", "9223372036854775808", "³"];
    for value in values {
        assert_detail(&post(&format!("Content-Length: {value}\r\n"), ""), detail);
    }
    assert!(
        scan(post("Content-Length: 9223372036854775807\r\n", "").as_bytes()).violation.is_none()
    );
}

#[test]
fn s41_every_transfer_coding_but_chunked_is_refused() {
    let detail = "Transfer-Encoding is not exactly `chunked`";
    for value in ["chunked, chunked", "gzip, chunked", "identity", "", "chunked;q=1", "xchunked"] {
        assert_detail(&post(&format!("Transfer-Encoding: {value}\r\n"), ""), detail);
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_detail(&post(twice, ""), "repeated Transfer-Encoding");
}

#[test]
fn s41_chunk_syntax_errors_are_refused_inside_the_body() {
    let cases = [
        ("x\r\n", "chunk size is not hexadecimal"),
        ("\r\n", "chunk size is not hexadecimal"),
        ("3 \r\n", "chunk size is not hexadecimal"),
        ("-3\r\n", "chunk size is not hexadecimal"),
        ("0x3\r\n", "chunk size is not hexadecimal"),
        ("3\n", "chunk size is not hexadecimal"),
        ("3\rabc", "bare CR in a chunk size line"),
        ("8000000000000000\r\n", "chunk size too large"),
        ("00000000000000003\r\n", "chunk size too large"),
        ("3\r\nabcd", "chunk does not end in CRLF"),
        ("3\r\nabc\n", "chunk does not end in CRLF"),
        ("3\r\nabc\rx", "chunk does not end in CRLF"),
        ("3;a\nb\r\n", "control character in a chunk extension"),
        ("0\r\nX: y\r\n\r\n", "trailer fields are not accepted"),
        ("0\r\n\rx", "bare CR behind the last chunk"),
    ];
    for (body, detail) in cases {
        let violation = refused(&post("Transfer-Encoding: chunked\r\n", body));
        assert_eq!((violation.detail, violation.place), (detail, Place::Body), "{body:?}");
    }
    let long = format!("1;{}\r\n", "e".repeat(129));
    assert_detail(&post("Transfer-Encoding: chunked\r\n", &long), "chunk extensions too long");
}

#[test]
fn s42_tunnels_and_upgrades_have_their_own_code() {
    let heads = [
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n".to_owned(),
        post("Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
        post("HTTP2-Settings: AAMAAABk\r\n", ""),
    ];
    for head in heads {
        assert_eq!(refused(&head).code, Code::UpgradeRefused, "{head:?}");
    }
}

#[test]
fn s43_exactly_one_valid_host_is_needed() {
    let with = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n");
    assert_detail(&with(""), "no Host");
    assert_detail(&with("Host: a\r\nHost: a\r\n"), "repeated Host");
    assert_detail(&with("Host:\r\n"), "Host is empty or not host and port");
    assert_detail(&with("Host: a, b\r\n"), "Host is empty or not host and port");
    let absolute = "GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n";
    assert_detail(absolute, "Host contradicts the request target");
}

#[test]
fn s46_expectations_are_read_or_refused() {
    assert_detail(&post("Expect: 200-ok\r\n", ""), "Expect is not `100-continue`");
    let twice = "Expect: 100-continue\r\nExpect: 100-continue\r\n";
    assert_detail(&post(twice, ""), "repeated Expect");
}

#[test]
fn line_ends_are_crlf_and_lines_are_not_folded() {
    let cases = [
        ("GET / HTTP/1.1\nHost: a\n\n", "request line does not end in HTTP/1.1 and CRLF"),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", "bare LF in the request head"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", "bare LF in the request head"),
        ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "bare CR in the request head"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\rG", "bare CR in the request head"),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "folded or indented field line"),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "folded or indented field line"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "empty line before the request line"),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "empty line before the request line"),
    ];
    for (head, detail) in cases {
        assert_detail(head, detail);
    }
}

#[test]
fn field_lines_have_one_shape() {
    let cases = [
        ("A : b\r\n", "blank before the colon"),
        ("A\t: b\r\n", "blank before the colon"),
        (": b\r\n", "empty field name"),
        ("A\r\n", "field line without colon"),
        ("A\0: b\r\n", "invalid character in a field name"),
        ("Ä: b\r\n", "invalid character in a field name"),
        ("(A): b\r\n", "invalid character in a field name"),
        ("A: b\0c\r\n", "control character in a field value"),
        ("A: b\x7fc\r\n", "control character in a field value"),
    ];
    for (field, detail) in cases {
        assert_detail(&post(field, ""), detail);
    }
}

#[test]
fn request_lines_have_one_shape() {
    let line = "request line does not end in HTTP/1.1 and CRLF";
    let cases = [
        ("GET / HTTP/1.0\r\n", line),
        ("GET / HTTP/2.0\r\n", line),
        ("GET / http/1.1\r\n", line),
        ("GET / HTTP/1.1 \r\n", line),
        ("GET /  HTTP/1.1\r\n", line),
        ("GET\t/ HTTP/1.1\r\n", "method is not a token and one blank"),
        ("GET  / HTTP/1.1\r\n", "empty request target"),
        (" GET / HTTP/1.1\r\n", "blank before the method"),
        ("GET /\r\n", "request line without HTTP version"),
        ("GET a.test HTTP/1.1\r\n", "request target is neither a path nor an http address"),
        ("GET ftp://a.test/ HTTP/1.1\r\n", "request target is neither a path nor an http address"),
        ("GET http:///x HTTP/1.1\r\n", "authority of the request target is not host and port"),
        ("GET http://u@a/ HTTP/1.1\r\n", "authority of the request target is not host and port"),
        ("GET * HTTP/1.1\r\n", "asterisk-form without OPTIONS"),
        ("PRI * HTTP/2.0\r\n", "asterisk-form without OPTIONS"),
        ("GET /a#b HTTP/1.1\r\n", "fragment in the request target"),
        ("GET /ä HTTP/1.1\r\n", "request target is not ASCII"),
        ("GET /a\\b HTTP/1.1\r\n", "character not allowed in a request target"),
        ("GET /a\0b HTTP/1.1\r\n", "character not allowed in a request target"),
        ("\x16\x03\x01\x02", "method is not a token and one blank"),
        ("AVERYLONGMETHODNAMEINDEED / HTTP/1.1\r\n", "method too long"),
    ];
    for (head, detail) in cases {
        assert_detail(head, detail);
    }
}

#[test]
fn heads_are_bounded_in_bytes_fields_and_target() {
    let at_bound = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
    };
    assert!(scan(at_bound(HEAD_BYTES_MAX).as_bytes()).violation.is_none());
    let violation = refused(&at_bound(HEAD_BYTES_MAX + 1));
    assert_eq!((violation.code, violation.offset), (Code::HeadTooLarge, HEAD_BYTES_MAX as u64));

    let fields = |n: usize| post(&"A: b\r\n".repeat(n - 1), "");
    assert!(scan(fields(HEADERS_MAX).as_bytes()).violation.is_none());
    assert_eq!(refused(&fields(HEADERS_MAX + 1)).code, Code::HeadTooLarge);

    let target = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(n - 1));
    assert!(scan(target(TARGET_BYTES_MAX).as_bytes()).violation.is_none());
    assert_eq!(refused(&target(TARGET_BYTES_MAX + 1)).code, Code::HeadTooLarge);
}

#[test]
fn nothing_of_a_refused_head_passes_and_all_before_it_does() {
    let good = post("Content-Length: 2\r\n", "ok");
    let both = format!("{good}GET / HTTP/1.1\r\nHost: a\nX");
    let found = scan(both.as_bytes());
    assert_eq!(found.pass, good.len());
    assert_eq!(found.violation.map(|v| v.offset), Some(good.len() as u64 + 23));
}

#[test]
fn refused_connection_stays_refused() {
    let mut scanner = Scanner::default();
    let first = scanner.scan(b"\n");
    let again = scanner.scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((again.pass, again.violation), (0, first.violation));
}

/// Feeds the bytes in pieces of the given sizes, then the rest.
fn scan_in_pieces(bytes: &[u8], sizes: &[usize]) -> (usize, Option<Violation>, u64) {
    let mut scanner = Scanner::default();
    let (mut at, mut passed) = (0_usize, 0);
    for size in sizes.iter().chain([&usize::MAX]) {
        let end = at.saturating_add(*size).min(bytes.len());
        let found = scanner.scan(&bytes[at..end]);
        passed += found.pass;
        if found.violation.is_some() {
            return (passed, found.violation, scanner.heads());
        }
        at = end;
    }
    (passed, None, scanner.heads())
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,16}"
}

fn field() -> impl Strategy<Value = String> {
    (token(), "[ \t]{0,2}[!-~]{0,60}( [!-~]{1,9})?[ \t]?").prop_filter_map(
        "fields that decide about framing are generated apart",
        |(name, value)| {
            let lower = name.to_ascii_lowercase();
            let known = [
                "host",
                "expect",
                "upgrade",
                "content-length",
                "http2-settings",
                "transfer-encoding",
                "connection",
            ];
            (!known.contains(&lower.as_str())).then(|| format!("{name}:{value}\r\n"))
        },
    )
}

fn framed_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
    let chunk = (proptest::collection::vec(any::<u8>(), 1..40), "(;[a-z]{1,5}=[a-z]{1,5})?");
    prop_oneof![
        Just((String::new(), Vec::new())),
        bytes().prop_map(|b| (format!("Content-Length: {}\r\n", b.len()), b)),
        proptest::collection::vec(chunk, 0..4).prop_map(|chunks| {
            let mut body = Vec::new();
            for (bytes, extension) in chunks {
                body.extend_from_slice(format!("{:x}{extension}\r\n", bytes.len()).as_bytes());
                body.extend_from_slice(&bytes);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            ("transfer-encoding:chunked\r\n".to_owned(), body)
        }),
    ]
}

/// A request that the guard must let through.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let target = prop_oneof![
        "/[a-zA-Z0-9._~:@!$&'()*+,;=%/\\[\\]-]{0,30}(\\?[a-z0-9=&%/?\\[\\]]{0,20})?"
            .prop_map(|t| (t, "a.test".to_owned())),
        ("[a-z0-9.-]{1,20}(:[0-9]{1,4})?", "(/[a-z0-9/]{0,20})?(\\?[a-z]{0,5})?")
            .prop_map(|(host, rest)| (format!("http://{host}{rest}"), host)),
    ];
    let method = prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), "[A-Z]{1,12}x"];
    let fields = || proptest::collection::vec(field(), 0..6);
    (method, target, fields(), fields(), framed_body()).prop_map(
        |(method, (target, host), before, after, (framing, body))| {
            let head = format!(
                "{method} {target} HTTP/1.1\r\n{}Host: {host}\r\n{framing}{}\r\n",
                before.concat(),
                after.concat()
            );
            [head.as_bytes(), body.as_slice()].concat()
        },
    )
}

/// How many requests hyper itself reads from these bytes, and whether every body was whole.
async fn read_by_hyper(bytes: Vec<u8>) -> Vec<bool> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let record = Arc::clone(&record);
        async move {
            let whole = request.into_body().collect().await.is_ok();
            record.lock().unwrap().push(whole);
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let builder = builder.half_close(true).header_read_timeout(None);
    let connection = builder.serve_connection(TokioIo::new(server), service);
    let write = async {
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
    };
    let (_ended, ()) = tokio::join!(connection, write);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

proptest! {
    #[test]
    fn valid_requests_of_many_shapes_pass_and_hyper_reads_the_same(
        requests in proptest::collection::vec(request(), 1..4)
    ) {
        let bytes = requests.concat();
        let found = scan_in_pieces(&bytes, &[]);
        prop_assert_eq!(found, (bytes.len(), None, requests.len() as u64));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(read_by_hyper(bytes));
        prop_assert_eq!(read, vec![true; requests.len()]);
    }

    #[test]
    fn verdict_does_not_depend_on_how_the_bytes_are_cut(
        requests in proptest::collection::vec(request(), 1..3),
        at in any::<prop::sample::Index>(),
        with in proptest::option::of(any::<u8>()),
        sizes in proptest::collection::vec(1_usize..40, 0..60),
    ) {
        let mut bytes = requests.concat();
        let at = at.index(bytes.len());
        if let Some(byte) = with {
            bytes[at] = byte;
        }
        let (_, whole, heads) = scan_in_pieces(&bytes, &[]);
        let (_, cut, cut_heads) = scan_in_pieces(&bytes, &sizes);
        prop_assert_eq!((whole, heads), (cut, cut_heads));
        let single = vec![1; bytes.len()];
        prop_assert_eq!((whole, heads), { let s = scan_in_pieces(&bytes, &single); (s.1, s.2) });
    }

    #[test]
    fn what_passes_is_a_prefix_before_the_violation(
        mut bytes in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (passed, violation, _) = scan_in_pieces(&bytes, &[]);
        match violation {
            None => prop_assert_eq!(passed, bytes.len()),
            Some(v) => prop_assert!(passed as u64 <= v.offset && v.offset < bytes.len() as u64),
        }
    }

    /// Whatever the guard accepts of damaged requests, hyper reads as many messages from it.
    #[test]
    fn damaged_requests_are_refused_or_read_alike(
        requests in proptest::collection::vec(request(), 1..3),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(b" \t\r\n:,;0%[]@\\\"#*".to_vec())],
    ) {
        let mut bytes = requests.concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (passed, violation, heads) = scan_in_pieces(&bytes, &[]);
        if violation.is_none_or(|v| v.place == Place::Head) {
            bytes.truncate(passed);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(read_by_hyper(bytes));
            prop_assert!(read.len() as u64 == heads, "guard saw {}, hyper {}", heads, read.len());
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400),
                                sizes in proptest::collection::vec(1_usize..40, 0..20)) {
        let (passed, _, _) = scan_in_pieces(&bytes, &sizes);
        prop_assert!(passed <= bytes.len());
    }
}
