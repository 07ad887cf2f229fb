//! Methods and header fields.

use http::Method;

use super::{Ask, edge, edge_of, rest};
use crate::config::Auth;
use crate::hygiene::{Target, testing};
use crate::reject::Code;

// --- methods and fields ---------------------------------------------------------------------

#[test]
fn other_methods_are_refused_with_405_and_allow() {
    let edge = edge();
    for method in ["PUT", "PATCH", "HEAD", "TRACE", "OPTIONS", "PROPFIND", "post"] {
        let ask = Ask::new(Method::from_bytes(method.as_bytes()).unwrap(), "/mcp");
        let refused = ask.judged(&edge).unwrap_err();
        assert_eq!(refused.code, Code::MethodNotAllowed, "{method}");
        assert_eq!(refused.allow, Some("GET, POST, DELETE"));
    }
    let patch = Ask::new(Method::PATCH, "/mcp/context");
    assert_eq!(patch.code(&edge_of(vec![rest()])), Code::MethodNotAllowed);
}

#[test]
fn s42_upgrade_and_connect_are_refused() {
    let edge = edge();
    for (name, value) in
        [("upgrade", "websocket"), ("upgrade", "h2c"), ("connection", "keep-alive, Upgrade")]
    {
        assert_eq!(Ask::post().with(name, value).code(&edge), Code::UpgradeRefused, "{value}");
    }
    let connect = Ask::new(Method::CONNECT, "gw.example:443");
    assert_eq!(connect.code(&edge), Code::UpgradeRefused);
    assert_eq!(Ask::post().with("connection", "keep-alive").target(&edge), Target::Mcp);
}

#[test]
fn s46_repeated_security_fields_are_refused_even_when_equal() {
    for (name, value) in [
        ("authorization", "Bearer a"),
        ("host", "gw.example"),
        ("origin", "https://a.example"),
        ("content-type", "application/json"),
        ("content-length", "2"),
        ("content-encoding", "identity"),
        ("mcp-session-id", "s"),
        ("x-forwarded-for", "192.0.2.1"),
        ("last-event-id", "1"),
    ] {
        let twice = Ask::post().set(name, value).with(name, value);
        assert_eq!(twice.code(&edge()), Code::HeaderInvalid, "{name}");
    }
}

#[test]
fn p14_repeated_claims_about_the_message_are_answered_like_false_ones() {
    for (name, value) in [
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
        ("mcp-param-region", "eu"),
        ("mcp-protocol-version", "2026-07-28"),
    ] {
        let twice = Ask::post().set(name, value).with(name, value);
        assert_eq!(twice.code(&edge()), Code::HeaderMismatch, "{name}");
    }
}

#[test]
fn fields_that_are_lists_may_repeat() {
    let ask = Ask::post()
        .set("accept", "application/json")
        .with("accept", "text/event-stream")
        .with("cookie", "a=1")
        .with("cookie", "b=2");
    assert_eq!(ask.target(&edge()), Target::Mcp);
}

#[test]
fn body_must_be_declared_as_json_in_utf8() {
    let edge = edge();
    for good in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert_eq!(Ask::post().set("content-type", good).target(&edge), Target::Mcp, "{good}");
    }
    for bad in [
        "",
        "text/plain",
        "application/json, text/plain",
        "application/json;charset=utf-16",
        "application/json; charset",
        "application/jsonp",
        "application/json; boundary=x",
        "application/json;",
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
    ] {
        let ask = Ask::post().set("content-type", bad);
        assert_eq!(ask.code(&edge), Code::MediaTypeRefused, "{bad}");
    }
    assert_eq!(Ask::post().without("content-type").code(&edge), Code::MediaTypeRefused);
}

#[test]
fn s52_encoded_bodies_are_refused() {
    let edge = edge();
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "", "x-gzip"] {
        let ask = Ask::post().with("content-encoding", coding);
        assert_eq!(ask.code(&edge), Code::EncodingRefused, "{coding}");
    }
    let get = Ask::new(Method::GET, "/mcp").with("content-encoding", "gzip");
    assert_eq!(get.code(&edge), Code::EncodingRefused);
    assert_eq!(Ask::post().with("content-encoding", "identity").target(&edge), Target::Mcp);
}

#[test]
fn post_must_accept_both_kinds_of_answers() {
    let edge = edge();
    for good in [
        "application/json, text/event-stream",
        "text/event-stream;q=0.1,application/json",
        "*/*",
        "application/*, text/*",
        "APPLICATION/JSON,TEXT/EVENT-STREAM",
        "text/html, */*;q=0.8",
    ] {
        assert_eq!(Ask::post().set("accept", good).target(&edge), Target::Mcp, "{good}");
    }
    for bad in [
        "application/json",
        "text/event-stream",
        "text/html",
        "",
        "*/*, application/json;q=0",
        "*/*, text/*;q=0.0",
        "application/json;q=x, text/event-stream",
        "application/jsonx, text/*",
    ] {
        assert_eq!(Ask::post().set("accept", bad).code(&edge), Code::NotAcceptable, "{bad}");
    }
    assert_eq!(Ask::post().without("accept").target(&edge), Target::Mcp);
}

#[test]
fn get_must_accept_a_stream_unless_it_will_be_refused_for_want_of_a_token() {
    let get = |accept| Ask::new(Method::GET, "/mcp").set("accept", accept);
    let known = |accept| get(accept).with("authorization", "Bearer a");
    assert_eq!(known("text/event-stream").target(&edge()), Target::Mcp);
    assert_eq!(known("*/*").target(&edge()), Target::Mcp);
    assert_eq!(known("application/json").code(&edge()), Code::NotAcceptable);
    assert_eq!(get("application/json").target(&edge()), Target::Mcp);
    for auth in [Auth::None, Auth::Certificate] {
        let mut server = testing::server("crm", "https://gw.example/mcp");
        server.auth = auth;
        let edge = edge_of(vec![server]);
        assert_eq!(get("application/json").code(&edge), Code::NotAcceptable, "no token is missed");
    }
}

#[test]
fn body_with_get_or_delete_of_an_mcp_endpoint_is_refused() {
    for method in [Method::GET, Method::DELETE] {
        let ask = |name, value| Ask::new(method.clone(), "/mcp").with(name, value);
        assert_eq!(ask("content-length", "1").code(&edge()), Code::HeaderInvalid);
        assert_eq!(ask("transfer-encoding", "chunked").code(&edge()), Code::HeaderInvalid);
        assert_eq!(ask("content-length", "0").target(&edge()), Target::Mcp);
    }
}

#[test]
fn rest_body_needs_json_and_no_body_needs_nothing() {
    let edge = edge_of(vec![rest()]);
    let post = Ask::post().at("/mcp/tools/x");
    assert_eq!(post.target(&edge), Target::Rest);
    let empty = Ask::post().at("/mcp/tools/x").without("content-type").set("content-length", "0");
    assert_eq!(empty.target(&edge), Target::Rest);
    let untyped = Ask::post().at("/mcp/tools/x").without("content-type");
    assert_eq!(untyped.code(&edge), Code::MediaTypeRefused);
    let delete = Ask::new(Method::DELETE, "/mcp/context").with("content-length", "2");
    assert_eq!(delete.code(&edge), Code::MediaTypeRefused);
    let typed = delete.with("content-type", "application/json");
    assert_eq!(typed.target(&edge), Target::Rest);
}
