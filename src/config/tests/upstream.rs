//! Mistakes of REST routes and of upstreams.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, public, refused, refused_in, refused_server,
    unmarked, warned_in,
};
use crate::config::{CredentialSource, Lookup, Profile};

fn upstream(lines: &str) -> String {
    SERVER.replace("upstream: http://127.0.0.1:8080/mcp", lines)
}

#[test]
fn built_in_rest_routes_stand_below_the_public_url() {
    let text = public("https://ctx.example.com/v1") + "    profile: rest\n";
    let config = accepted(&text).config;
    let Profile::Rest(routes) = &config.servers[0].profile else { panic!() };
    let found: Vec<String> =
        routes.iter().map(|r| format!("{} {} {}", r.method, r.template, r.action.name())).collect();
    assert_eq!(
        found,
        [
            "GET /v1/context context.read",
            "GET /v1/memory memory.read",
            "POST /v1/memory memory.write",
            "PUT /v1/memory memory.write",
            "DELETE /v1/memory memory.delete",
            "POST /v1/tools/{name} tools.invoke"
        ]
    );
    assert_eq!(routes[4].subject, Some(Lookup::Query("user_id".into())));
}

#[test]
fn rest_routes_are_checked() {
    let route = |line: &str| format!("    profile: {{ rest: [ {{ {line} }} ] }}\n");
    refused_server(
        &route("method: GET, path: «/other», action: memory.read"),
        "not below `public_url`",
        "`/mcp/`",
    );
    refused_server(
        &route("method: GET, path: «mcp», action: memory.read"),
        "not a path template",
        "/mcp/tools",
    );
    refused_server(
        &route("method: GET, path: «'/mcp/{a}/{a}'», action: memory.read"),
        "stands twice",
        "its own name",
    );
    refused_server(
        &route("method: GET, path: «'/mcp/x{a}'», action: memory.read"),
        "not allowed",
        "whole `{variable}`",
    );
    refused_server(
        &route("method: GET, path: /mcp/x, action: «memory.raed»"),
        "not an action",
        "`memory.read`",
    );
    refused_server(
        &route("method: GET, path: /mcp/x, action: «session.open»"),
        "cannot be",
        "memory.read",
    );
    refused_server(
        &route("method: GET, path: /mcp/x, action: memory.read, subject: «'body:/u'»"),
        "no body",
        "`query:`",
    );
}

#[test]
fn rest_lookups_and_methods_are_checked() {
    let route = |line: &str| format!("    profile: {{ rest: [ {{ {line} }} ] }}\n");
    refused_server(
        &route("method: POST, path: /mcp/x, action: memory.write, subject: «'body:u'»"),
        "JSON pointer",
        "`body:/u`",
    );
    refused_server(
        &route("method: POST, path: /mcp/x, action: memory.write, subject: «'path:u'»"),
        "not a variable",
        "none",
    );
    refused_server(
        &route("method: POST, path: /mcp/x, action: memory.write, subject: «user»"),
        "where to look",
        "query:name",
    );
    refused_server(
        &route("«method»: POST, path: /mcp/x, action: tools.invoke"),
        "name of the tool",
        "path:name",
    );
    refused_server(
        &route("method: «PATCH», path: /mcp/x, action: memory.read"),
        "not accepted",
        "`GET`",
    );
    refused_server(
        "    profile: { «rest»: [] }\n",
        "every request would be refused",
        "profile: rest",
    );
    refused_server(
        "    profile:
      rest:
        - { method: GET, path: '/mcp/{a}', action: memory.read }
        - { method: GET, path: «'/mcp/{b}'», action: memory.read }
",
        "can never match",
        "matches the same requests",
    );
    refused_server(
        "    profile: rest\n    «server_requests»: [elicitation]\n",
        "no effect",
        "remove",
    );
}

#[test]
fn upstream_is_a_url_without_secrets() {
    refused(&upstream("upstream: «ftp://127.0.0.1/x»"), "not a scheme", "https://");
    refused(&upstream("upstream: «127.0.0.1:8080»"), "is not", "https://");
    refused(&upstream("upstream: «http://me:pw@127.0.0.1/x»"), "password", "credential");
    refused(
        &upstream("upstream: { url: http://127.0.0.1/x, connect_timeout: «2» }"),
        "duration",
        "`30s`",
    );
    refused(
        &upstream("upstream: { url: http://127.0.0.1/x, answer_bytes_max: «1GiB» }"),
        "not a possible size",
        "256MiB",
    );
    refused(
        &(upstream("upstream: «http://127.0.0.1/x?a=b»") + "    profile: rest\n"),
        "no query",
        "remove",
    );
}

#[test]
fn upstream_authorities_are_for_https() {
    let folder = super::with_certificate();
    refused_in(
        &folder,
        &upstream("upstream: { url: http://127.0.0.1/x, ca: «tls.crt» }"),
        "no effect on an `http` upstream",
        "use `https`",
    );
    let good = upstream("upstream: { url: https://notes.internal/x, ca: tls.crt }");
    assert!(
        check_in(&folder, &good, Strictness::Strict).unwrap().config.servers[0]
            .upstream
            .ca
            .is_some()
    );
}

#[test]
fn credential_comes_from_a_file_or_the_environment() {
    let folder = Folder::new();
    folder.write("token", "Bearer abc\n");
    folder.write("bare", "abc\n");
    folder.write("lines", "a\nb\n");
    folder.write("empty", "\n");
    let with = |value: &str| {
        upstream(&format!("upstream: {{ url: http://127.0.0.1/x, credential: {{ {value} }} }}"))
    };
    let from = |text: &str| {
        let config = check_in(&folder, text, Strictness::Strict).unwrap().config;
        let credential = config.servers[0].upstream.credential.clone().unwrap();
        let CredentialSource::Static(value) = credential.source else {
            panic!("not a fixed value")
        };
        (credential.header.to_string(), value.expose().to_vec())
    };
    assert_eq!(
        from(&with("value: { file: token }")),
        ("authorization".into(), b"Bearer abc".to_vec())
    );
    assert_eq!(
        from(&with("header: X-Api-Key, value: { file: bare }")),
        ("x-api-key".into(), b"abc".to_vec())
    );
    assert_eq!(from(&with("value: { env: TOKEN }")).1, b"Bearer s3cr3t-value");
    refused_in(&folder, &with("«value»: { file: empty }"), "secret is empty", "put the value");
    refused_in(&folder, &with("«value»: { file: lines }"), "no header can carry", "one line");
    refused_in(
        &folder,
        &with("header: «host», value: { file: token }"),
        "cannot carry",
        "x-api-key",
    );
    refused_in(&folder, &with("value: { file: «gone» }"), "does not exist", "folder");
    warned_in(&folder, &with("«value»: { file: bare }"), "begins with its scheme", "Bearer");
}

#[test]
fn credential_in_plain_text_to_another_machine_is_a_strict_error() {
    let folder = Folder::new();
    folder.write("token", "Bearer abc");
    let text =
        upstream("upstream: { url: http://10.0.0.1/x, «credential»: { value: { file: token } } }");
    warned_in(&folder, &text, "sent in plain text to `10.0.0.1`", "https");
    assert!(check_in(&folder, &unmarked(&text), Strictness::Strict).is_err());
}

#[test]
fn routes_without_tools_and_too_many_routes_are_refused() {
    refused_server(
        "    profile: { rest: [ { method: GET, path: /mcp/x, action: memory.read } ] }\n    limits: { «per_tool»: { a: 1/s } }\n",
        "no request to this server calls a tool",
        "remove it",
    );
    let many: String = (0..257)
        .map(|i| format!("        - {{ method: GET, path: /mcp/{i}, action: memory.read }}\n"))
        .collect();
    refused_server(
        &format!("    profile:\n      «rest»:\n{many}"),
        "more than 256 routes",
        "variables",
    );
}
