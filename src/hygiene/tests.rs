//! The promises of the second gate.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use proptest::prelude::{prop_assert, proptest};

use super::{Cors, Document, Edge, Judged, Shape, Target, fixture, metadata_url};
use crate::call::Action;
use crate::config::{Profile, RestRoute, Server};
use crate::reject::{Code, Rejection};

/// A request head that passes, to be spoilt one way at a time.
struct Ask {
    method: Method,
    uri: String,
    headers: Vec<(String, Vec<u8>)>,
    client: IpAddr,
}

impl Ask {
    fn new(method: Method, uri: &str) -> Self {
        let body = method == Method::POST;
        let ask = Self {
            method,
            uri: uri.to_owned(),
            headers: Vec::new(),
            client: "192.0.2.7".parse().unwrap(),
        }
        .with("host", "gw.example");
        match body {
            true => ask
                .with("content-type", "application/json")
                .with("accept", "application/json, text/event-stream")
                .with("content-length", "2"),
            false => ask.with("accept", "text/event-stream"),
        }
    }

    fn post() -> Self {
        Self::new(Method::POST, "/mcp")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    fn at(mut self, uri: &str) -> Self {
        self.uri = uri.to_owned();
        self
    }

    fn judged(&self, edge: &Edge) -> Result<Judged, Rejection> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        edge.judge(&self.method, &self.uri.parse::<Uri>().unwrap(), &headers, self.client)
    }

    fn target(&self, edge: &Edge) -> Target {
        self.judged(edge).unwrap().target
    }

    fn code(&self, edge: &Edge) -> Code {
        self.judged(edge).unwrap_err().code
    }
}

fn mcp() -> Server {
    fixture::server("crm", "https://gw.example/mcp")
}

fn edge() -> Edge {
    Edge::new(&fixture::config(vec![mcp()]))
}

fn edge_of(servers: Vec<Server>) -> Edge {
    Edge::new(&fixture::config(servers))
}

fn rest() -> Server {
    let route = |method: Method, template: &str| RestRoute {
        method,
        template: template.to_owned(),
        action: Action::ContextRead,
        resource: None,
        subject: None,
    };
    let mut server = fixture::server("memory", "https://gw.example/");
    server.profile = Profile::Rest(vec![
        route(Method::GET, "/mcp/context"),
        route(Method::POST, "/mcp/tools/{name}"),
    ]);
    server
}

#[test]
fn plain_mcp_requests_pass() {
    assert_eq!(Ask::post().target(&edge()), Target::Mcp);
    assert_eq!(Ask::new(Method::GET, "/mcp").target(&edge()), Target::Mcp);
    assert_eq!(Ask::new(Method::DELETE, "/mcp").target(&edge()), Target::Mcp);
    assert_eq!(Target::Mcp.shape(), Shape::JsonRpc);
}

// --- host ------------------------------------------------------------------------------

#[test]
fn s43_host_is_compared_in_lower_case_with_the_schemes_port_optional() {
    for host in ["gw.example", "GW.Example", "gw.example:443"] {
        assert_eq!(Ask::post().set("host", host).target(&edge()), Target::Mcp, "{host}");
    }
}

#[test]
fn s43_unknown_host_is_refused_with_421() {
    for host in [
        "evil.example",
        "gw.example.",
        "gw.example:",
        "gw.example:80",
        "gw.example:0443",
        "gw.example:8443",
        "gw.example.evil.example",
        "127.0.0.1",
        "gw.example,evil.example",
    ] {
        assert_eq!(Ask::post().set("host", host).code(&edge()), Code::HostRefused, "{host}");
    }
}

#[test]
fn s43_missing_empty_or_repeated_host_is_refused_with_400() {
    assert_eq!(Ask::post().without("host").code(&edge()), Code::HeaderInvalid);
    assert_eq!(Ask::post().set("host", "").code(&edge()), Code::HeaderInvalid);
    assert_eq!(Ask::post().with("host", "gw.example").code(&edge()), Code::HeaderInvalid);
    assert_eq!(Ask::post().set("host", "u@gw.example").code(&edge()), Code::HeaderInvalid);
}

#[test]
fn s43_absolute_form_must_agree_with_host() {
    let edge = edge();
    assert_eq!(Ask::post().at("https://gw.example/mcp").target(&edge), Target::Mcp);
    assert_eq!(Ask::post().at("https://GW.example/mcp").target(&edge), Target::Mcp);
    assert_eq!(Ask::post().at("https://evil.example/mcp").code(&edge), Code::HeaderInvalid);
    let both_evil = Ask::post().at("https://evil.example/mcp").set("host", "evil.example");
    assert_eq!(both_evil.code(&edge), Code::HostRefused);
    let user = Ask::post().at("https://u@gw.example/mcp").set("host", "u@gw.example");
    assert_eq!(user.code(&edge), Code::HeaderInvalid);
}

#[test]
fn authority_of_http2_stands_for_host() {
    let ask = Ask::post().without("host").at("https://gw.example/mcp");
    assert_eq!(ask.target(&edge()), Target::Mcp);
}

#[test]
fn configured_port_is_part_of_the_name() {
    let edge = edge_of(vec![fixture::server("dev", "https://localhost:8443/mcp")]);
    assert_eq!(Ask::post().set("host", "localhost:8443").target(&edge), Target::Mcp);
    assert_eq!(Ask::post().set("host", "localhost").code(&edge), Code::HostRefused);
    let v6 = edge_of(vec![fixture::server("v6", "https://[::1]/mcp")]);
    assert_eq!(Ask::post().set("host", "[::1]:443").target(&v6), Target::Mcp);
    assert_eq!(Ask::post().set("host", "[::1]:444").code(&v6), Code::HostRefused);
}

// --- path ------------------------------------------------------------------------------

#[test]
fn s45_every_other_spelling_of_the_path_is_unknown() {
    let edge = edge();
    for path in [
        "/",
        "/mcp/",
        "//mcp",
        "/mcp//",
        "/MCP",
        "/Mcp",
        "/mcp;x",
        "/mcp;",
        "/mcp%2f",
        "/mcp%2F",
        "/%6dcp",
        "/./mcp",
        "/x/../mcp",
        "/x/..;/mcp",
        "/mcp/.",
        "/mcp/..",
        "/mcp%00",
        "/mcp%20",
        "/mcp?",
        "/mcp?x",
        "/mcp?access_token=a",
        "/mcp/tools",
        "/mc",
        "/%2e/mcp",
        "*",
    ] {
        assert_eq!(Ask::post().at(path).code(&edge), Code::RouteUnknown, "{path}");
    }
}

#[test]
fn servers_on_one_host_are_told_apart_by_path_and_on_one_path_by_host() {
    let edge = edge_of(vec![
        mcp(),
        fixture::server("files", "https://gw.example/files"),
        fixture::server("other", "https://other.example/mcp"),
    ]);
    assert_eq!(Ask::post().judged(&edge).unwrap().server, 0);
    assert_eq!(Ask::post().at("/files").judged(&edge).unwrap().server, 1);
    assert_eq!(Ask::post().set("host", "other.example").judged(&edge).unwrap().server, 2);
    let crossed = Ask::post().at("/files").set("host", "other.example");
    assert_eq!(crossed.code(&edge), Code::RouteUnknown);
}

#[test]
fn rest_paths_are_matched_by_template_and_may_have_a_query() {
    let edge = edge_of(vec![rest()]);
    let get = |uri| Ask::new(Method::GET, uri);
    assert_eq!(get("/mcp/context").target(&edge), Target::Rest);
    assert_eq!(get("/mcp/context?user_id=7").target(&edge), Target::Rest);
    assert_eq!(Ask::post().at("/mcp/tools/search").target(&edge), Target::Rest);
    assert_eq!(Ask::post().at("/mcp/tools/caf%C3%A9").target(&edge), Target::Rest);
    assert_eq!(Target::Rest.shape(), Shape::Problem);
    for path in ["/mcp/tools", "/mcp/tools/a/b", "/mcp/contexts", "/mcp/context/"] {
        assert_eq!(get(path).code(&edge), Code::RouteUnknown, "{path}");
    }
}

#[test]
fn s45_segment_with_two_readings_matches_no_template() {
    let edge = edge_of(vec![rest()]);
    for name in [
        "", ".", "..", "..;", "a;b", "a%2fb", "a%2Fb", "a%5cb", "%2e%2e", "%2E", "a%00", "a%0a",
        "a%0d", "a%7f", "a%c2%85", "a%25b", "%252f", "a%", "a%2", "a%zz", "%ff", "%c3", "a%3bb",
    ] {
        let path = format!("/mcp/tools/{name}");
        assert_eq!(Ask::post().at(&path).code(&edge), Code::RouteUnknown, "{path}");
    }
}

// --- metadata -------------------------------------------------------------------------------

#[test]
fn metadata_is_found_at_the_path_form_and_the_root_form_of_the_first_server() {
    let files = fixture::server("files", "https://gw.example/files");
    let edge = edge_of(vec![mcp(), files]);
    let at = |path: &str| Ask::new(Method::GET, path).judged(&edge).unwrap();
    let document = Target::Metadata(Document::ProtectedResource);
    for (path, server) in [
        ("/.well-known/oauth-protected-resource/mcp", 0),
        ("/.well-known/oauth-protected-resource/files", 1),
        ("/.well-known/oauth-protected-resource", 0),
    ] {
        let judged = at(path);
        assert_eq!((judged.target, judged.server, judged.cors), (document, server, Cors::Any));
    }
    let unknown = Ask::new(Method::GET, "/.well-known/oauth-authorization-server");
    assert_eq!(unknown.code(&edge), Code::RouteUnknown);
}

#[test]
fn metadata_is_readable_from_any_origin_and_only_readable() {
    let edge = edge();
    let path = "/.well-known/oauth-protected-resource/mcp";
    let from_page = Ask::new(Method::GET, path).with("origin", "https://any.example");
    assert_eq!(from_page.judged(&edge).unwrap().cors, Cors::Any);
    assert_eq!(Ask::new(Method::HEAD, path).judged(&edge).unwrap().server, 0);
    assert_eq!(Ask::new(Method::OPTIONS, path).target(&edge), Target::Preflight);
    let refused = Ask::post().at(path).judged(&edge).unwrap_err();
    assert_eq!((refused.code, refused.allow), (Code::MethodNotAllowed, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn metadata_url_is_built_from_the_public_url() {
    assert_eq!(
        metadata_url(&fixture::server("a", "https://gw.example:8443/a/mcp")),
        "https://gw.example:8443/.well-known/oauth-protected-resource/a/mcp"
    );
    assert_eq!(
        metadata_url(&fixture::server("b", "https://gw.example")),
        "https://gw.example/.well-known/oauth-protected-resource"
    );
}

// --- network, origin, preflight --------------------------------------------------------------

#[test]
fn client_outside_the_allowed_networks_is_refused() {
    let mut server = mcp();
    server.allow_networks = vec!["192.0.2.0/24".parse().unwrap()];
    let edge = edge_of(vec![server]);
    assert_eq!(Ask::post().target(&edge), Target::Mcp);
    let mut outside = Ask::post();
    outside.client = "198.51.100.1".parse().unwrap();
    assert_eq!(outside.code(&edge), Code::AddressRefused);
}

fn edge_with_origin() -> Edge {
    let mut server = mcp();
    server.origins = vec!["https://app.example".to_owned()];
    edge_of(vec![server])
}

#[test]
fn s44_origin_must_be_absent_or_listed() {
    let edge = edge_with_origin();
    assert_eq!(Ask::post().judged(&edge).unwrap().cors, Cors::Off);
    let listed = Ask::post().with("origin", "https://app.example").judged(&edge).unwrap();
    assert_eq!(listed.cors, Cors::Origin(HeaderValue::from_static("https://app.example")));
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://app.example",
        "https://app.example:443",
        "https://app.example.evil.example",
        "https://app.example, https://evil.example",
        "HTTPS://APP.EXAMPLE",
    ] {
        let ask = Ask::post().with("origin", origin);
        assert_eq!(ask.code(&edge), Code::OriginRefused, "{origin}");
    }
}

#[test]
fn s44_origin_is_judged_before_method_and_media_type() {
    let ask = Ask::new(Method::PATCH, "/mcp").with("origin", "https://evil.example");
    assert_eq!(ask.code(&edge_with_origin()), Code::OriginRefused);
}

#[test]
fn preflight_is_answered_for_listed_origins_only() {
    let edge = edge_with_origin();
    let preflight = |origin| {
        Ask::new(Method::OPTIONS, "/mcp")
            .with("origin", origin)
            .with("access-control-request-method", "POST")
    };
    let judged = preflight("https://app.example").judged(&edge).unwrap();
    assert_eq!(judged.target, Target::Preflight);
    let mut answer = HeaderMap::new();
    judged.cors.apply_preflight(&mut answer);
    assert_eq!(answer["access-control-allow-origin"], "https://app.example");
    assert!(answer["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!answer.contains_key("access-control-allow-credentials"));
    assert_eq!(answer["vary"], "origin");
    assert_eq!(preflight("https://evil.example").code(&edge), Code::OriginRefused);
    assert_eq!(Ask::new(Method::OPTIONS, "/mcp").code(&edge), Code::MethodNotAllowed);
}

#[test]
fn page_may_read_the_challenge_and_the_session_id() {
    let mut answer = HeaderMap::new();
    Cors::Origin(HeaderValue::from_static("https://app.example")).apply(&mut answer);
    let exposed = answer["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("www-authenticate") && exposed.contains("mcp-session-id"));
    let mut none = HeaderMap::new();
    Cors::Off.apply_preflight(&mut none);
    assert!(none.is_empty());
}

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
        ("mcp-method", "tools/call"),
        ("mcp-param-region", "eu"),
        ("mcp-protocol-version", "2025-11-25"),
        ("x-forwarded-for", "192.0.2.1"),
        ("last-event-id", "1"),
    ] {
        let twice = Ask::post().set(name, value).with(name, value);
        assert_eq!(twice.code(&edge()), Code::HeaderInvalid, "{name}");
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
fn get_must_accept_a_stream() {
    let get = |accept| Ask::new(Method::GET, "/mcp").set("accept", accept);
    assert_eq!(get("text/event-stream").target(&edge()), Target::Mcp);
    assert_eq!(get("*/*").target(&edge()), Target::Mcp);
    assert_eq!(get("application/json").code(&edge()), Code::NotAcceptable);
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

#[test]
fn refusal_before_the_gate_knows_its_server_and_shape() {
    let edge = edge();
    let locate = |uri: &'static str, host: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(host));
        edge.locate(&Uri::from_static(uri), &headers)
            .map(|(server, shape)| (server.name.to_string(), shape))
    };
    assert_eq!(locate("/mcp", "gw.example"), Some(("crm".to_owned(), Shape::JsonRpc)));
    assert_eq!(locate("/x", "gw.example"), None);
    assert_eq!(locate("/mcp", "evil.example"), None);
}

proptest! {
    #[test]
    fn s45_no_other_path_reaches_the_endpoint(path in "/[!-~]{0,24}") {
        if let Ok(uri) = path.parse::<Uri>() {
            let judged = Ask::post().at(&path).judged(&edge());
            prop_assert!(judged.is_err() || uri == *"/mcp", "{path}");
        }
    }

    #[test]
    fn s45_rest_segment_that_passes_decodes_to_one_plain_name(name in "[ -~]{0,12}") {
        let path = format!("/mcp/tools/{name}");
        if path.parse::<Uri>().is_ok() && Ask::post().at(&path).judged(&edge_of(vec![rest()])).is_ok() {
            let raw = name.split('?').next().unwrap();
            prop_assert!(!raw.contains(['/', '\\', ';']) && raw != "." && raw != "..", "{name}");
            let lower = raw.to_ascii_lowercase();
            for escape in ["%2f", "%5c", "%2e", "%00", "%25", "%3b"] {
                prop_assert!(!lower.contains(escape), "{name}");
            }
        }
    }

    #[test]
    fn s43_only_the_configured_name_is_served(host in "[a-z.:0-9@]{1,16}") {
        let served = Ask::post().set("host", &host).judged(&edge()).is_ok();
        prop_assert!(!served || host == "gw.example" || host == "gw.example:443");
    }
}
