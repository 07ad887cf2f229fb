//! Host, path, documents, networks, origins.

use http::{HeaderMap, HeaderValue, Method, Uri};
use proptest::prelude::{prop_assert, proptest};

use super::{Ask, edge, edge_of, mcp, rest};
use crate::hygiene::{Cors, Document, Edge, Shape, Target, metadata_url, testing};
use crate::reject::Code;

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
    let edge = edge_of(vec![testing::server("dev", "https://localhost:8443/mcp")]);
    assert_eq!(Ask::post().set("host", "localhost:8443").target(&edge), Target::Mcp);
    assert_eq!(Ask::post().set("host", "localhost").code(&edge), Code::HostRefused);
    let v6 = edge_of(vec![testing::server("v6", "https://[::1]/mcp")]);
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
        testing::server("files", "https://gw.example/files"),
        testing::server("other", "https://other.example/mcp"),
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
    let files = testing::server("files", "https://gw.example/files");
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
    let document = Target::Metadata(Document::AuthorizationServer);
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/files",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    ] {
        assert_eq!((at(path).target, at(path).cors), (document, Cors::Any), "{path}");
    }
    let nobodys = Ask::new(Method::GET, "/.well-known/oauth-authorization-server/other");
    assert_eq!(nobodys.code(&edge), Code::RouteUnknown);
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
        metadata_url(&testing::server("a", "https://gw.example:8443/a/mcp")),
        "https://gw.example:8443/.well-known/oauth-protected-resource/a/mcp"
    );
    assert_eq!(
        metadata_url(&testing::server("b", "https://gw.example")),
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
fn s44_p03_origin_must_be_absent_or_listed() {
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
fn p03_preflight_is_answered_for_listed_origins_only() {
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
        let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
        if Ask::post().at(&path).judged(&edge_of(vec![rest()])).is_ok() {
            // As the judge sees it: the parser of the request line keeps no fragment.
            let raw = uri.path().strip_prefix("/mcp/tools/").unwrap();
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
