//! Real, foreign peers: official SDK clients talk through the compiled gateway, over TLS and with
//! tokens of a certified authorization server, to official MCP servers that know no security.
//!
//! Everything foreign is installed by `tests/peers/install`; `tests/run` does that and runs these.

#[cfg(test)]
#[path = "peers/support/mod.rs"]
mod support;

#[cfg(test)]
#[path = "peers/policies.rs"]
mod policies;

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a slice that is not there fails the test")]
#[path = "peers/redaction.rs"]
mod redaction;

use serde_json::{Value, json};

use support::{Sdk, Site, Upstream, Visit};

// --- the peers themselves ---------------------------------------------------------------------

/// If this fails, no other failure here says anything about the gateway.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn every_client_works_with_every_server_without_a_gateway() {
    let site = Site::new(&[]);
    let everything = Upstream::everything(&site.dir);
    let records = Upstream::records(&site.dir);
    let time = Upstream::time(&site.dir);
    for sdk in Sdk::ALL {
        let visit = sdk.visit(&everything.url, None, None, &echo_steps());
        assert!(visit.tools(0).len() >= EVERYTHING_TOOLS_MIN, "{sdk:?}");
        assert_eq!(visit.text(1), "Echo: through the gate", "{sdk:?}");

        let visit = sdk.visit(&records.url, None, None, &record_steps());
        assert_eq!(visit.result(1)["structuredContent"]["email"], EMAIL, "{sdk:?}");

        let visit = sdk.visit(&time.url, None, None, &json!([{ "op": "list_tools" }]));
        assert!(visit.tools(0).contains(&"convert_time"), "{sdk:?}");
    }
}

// --- every SDK, through the gateway --------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts1_client_lists_and_calls_everything_server_through_the_gateway() {
    lists_and_calls_everything_server(Sdk::Ts1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts2_client_lists_and_calls_everything_server_through_the_gateway() {
    lists_and_calls_everything_server(Sdk::Ts2);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts2_client_that_asks_for_2026_07_28_falls_back_through_the_gateway() {
    lists_and_calls_everything_server(Sdk::Ts2Auto);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py1_client_lists_and_calls_everything_server_through_the_gateway() {
    lists_and_calls_everything_server(Sdk::Py1);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py2_client_lists_and_calls_everything_server_through_the_gateway() {
    lists_and_calls_everything_server(Sdk::Py2);
}

fn lists_and_calls_everything_server(sdk: Sdk) {
    let site = Site::new(&[("admin", ADMIN)]);
    let everything = Upstream::everything(&site.dir);
    let gateway = site.gateway(&everything_behind(&site, &everything));

    let visit = gateway.visit(sdk, &site.token("admin"), &echo_steps());

    assert!(visit.tools(0).len() >= EVERYTHING_TOOLS_MIN);
    assert_eq!(visit.text(1), "Echo: through the gate");
    let conditions = visit.result(2).pointer("/structuredContent/conditions");
    assert_eq!(conditions, Some(&json!("Cloudy")));
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn ts1_client_over_http_sse_lists_calls_and_is_refused_through_the_gateway() {
    old_client_lists_calls_and_is_refused(Sdk::Ts1Sse);
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn py1_client_over_http_sse_lists_calls_and_is_refused_through_the_gateway() {
    old_client_lists_calls_and_is_refused(Sdk::Py1Sse);
}

/// A client of the transport of 2024 in front of a Streamable HTTP server. The refused call in the
/// middle must not end its session.
fn old_client_lists_calls_and_is_refused(sdk: Sdk) {
    let site = Site::new(&[("reader", READER)]);
    let everything = Upstream::everything(&site.dir);
    let server = everything_behind(&site, &everything) + "    http_sse: { path: /sse }\n";
    let gateway = site.gateway(&server);
    let steps = json!([
        { "op": "list_tools" },
        { "op": "call", "name": "get-sum", "arguments": { "a": 2, "b": 3 } },
        { "op": "call", "name": "echo", "arguments": { "message": "through the gate" } },
    ]);
    // The audience is the server's public URL, whatever the transport's own path.
    let token = site.token("reader");
    let visit = gateway.visit_at(sdk, &site.url("/sse"), Some(&token), &steps);
    assert_eq!(visit.tools(0), ["echo"]);
    assert_eq!(visit.error(1)["code"], 40303);
    assert_eq!(visit.text(2), "Echo: through the gate");
}

// --- who may what --------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn two_callers_see_different_tool_lists_and_the_hidden_tool_is_refused() {
    let site = Site::new(&[("reader", READER), ("admin", ADMIN)]);
    let everything = Upstream::everything(&site.dir);
    let gateway = site.gateway(&everything_behind(&site, &everything));
    let (reader, admin) = (site.token("reader"), site.token("admin"));
    let steps = json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": "mine" } },
        { "op": "call", "name": "get-sum", "arguments": { "a": 2, "b": 3 } },
    ]);
    for sdk in Sdk::ALL {
        let visit = gateway.visit(sdk, &reader, &steps);
        assert_eq!(visit.tools(0), ["echo"], "{sdk:?}");
        assert_eq!(visit.text(1), "Echo: mine", "{sdk:?}");
        let (status, challenge) = visit.refusal(2);
        assert_eq!(status, 403, "{sdk:?}");
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{sdk:?}: {challenge}");
        assert!(challenge.contains("tools:all"), "{sdk:?}: {challenge}");

        let visit = gateway.visit(sdk, &admin, &steps);
        assert!(visit.tools(0).contains(&"get-sum"), "{sdk:?}");
        assert_eq!(visit.text(2), "The sum of 2 and 3 is 5.", "{sdk:?}");
    }
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn token_for_another_resource_is_refused() {
    let site = Site::new(&[("admin", ADMIN)]);
    let everything = Upstream::everything(&site.dir);
    let gateway = site.gateway(&everything_behind(&site, &everything));
    let elsewhere = site.idp.token("admin", "https://elsewhere.example/mcp");
    for sdk in Sdk::ALL {
        let visit = gateway.visit(sdk, &elsewhere, &json!([]));
        let (status, challenge) = visit.refused_connection();
        assert_eq!(status, 401, "{sdk:?}");
        assert!(challenge.contains(r#"error="invalid_token""#), "{sdk:?}: {challenge}");
    }
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn no_token_is_401_with_resource_metadata() {
    let site = Site::new(&[]);
    let everything = Upstream::everything(&site.dir);
    let gateway = site.gateway(&everything_behind(&site, &everything));
    let metadata = site.url("/.well-known/oauth-protected-resource/mcp");
    for sdk in Sdk::ALL {
        let visit = gateway.visit_at(sdk, &site.url("/mcp"), None, &json!([]));
        let (status, challenge) = visit.refused_connection();
        assert_eq!(status, 401, "{sdk:?}");
        let expected = format!(r#"resource_metadata="{metadata}""#);
        assert!(challenge.contains(&expected), "{sdk:?}: {challenge}");
        assert!(!challenge.contains("error="), "no token, no error: {sdk:?}: {challenge}");
    }
    let document = gateway.document(&metadata);
    assert_eq!(document["resource"], site.url("/mcp"));
    assert_eq!(document["authorization_servers"], json!([site.idp.issuer()]));
}

// --- what leaves ----------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn records_are_masked_for_the_reader_and_clear_for_the_revealing_scope() {
    let site = Site::new(&[("reader", READER), ("support", SUPPORT)]);
    let records = Upstream::records(&site.dir);
    let gateway = site.gateway(&records_behind(&site, &records));
    let (reader, support) = (site.token("reader"), site.token("support"));
    for sdk in Sdk::ALL {
        // The SDKs check structured content against the schema that `list_tools` gave them: a
        // replacement that does not fit would fail the step.
        let masked = gateway.visit(sdk, &reader, &record_steps());
        for step in 1..=4 {
            holds_none_of(&PERSONAL, masked.result(step), sdk);
        }
        assert_eq!(masked.result(1)["structuredContent"]["name"], NAME, "{sdk:?}");
        assert_eq!(masked.result(1)["structuredContent"]["balance"], 1204.5, "{sdk:?}");
        // The clients have the schema from the list, and refuse what does not fit it.
        let ssn = &masked.result(1)["structuredContent"]["ssn"];
        assert_eq!(ssn, "000-00-0000", "{sdk:?}");

        let revealed = gateway.visit(sdk, &support, &record_steps());
        assert_eq!(revealed.result(1)["structuredContent"]["email"], EMAIL, "{sdk:?}");
        for step in 1..=4 {
            assert!(revealed.result(step).to_string().contains(EMAIL), "{sdk:?}, step {step}");
            holds_none_of(&[SSN, CARD], revealed.result(step), sdk);
        }
    }
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn records_do_not_leave_by_resources_or_prompts() {
    let site = Site::new(&[("reader", READER)]);
    let records = Upstream::records(&site.dir);
    let gateway = site.gateway(&records_behind(&site, &records));
    let token = site.token("reader");
    let steps = json!([
        { "op": "read_resource", "uri": "records://customers/1" },
        { "op": "get_prompt", "name": "letter", "arguments": { "id": "1" } },
    ]);
    for sdk in Sdk::ALL {
        let visit = gateway.visit(sdk, &token, &steps);
        for step in 0..=1 {
            assert!(visit.result(step).to_string().contains(NAME), "{sdk:?}, step {step}");
            holds_none_of(&[EMAIL, CARD], visit.result(step), sdk);
        }
    }
}

// --- other servers -----------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn time_server_and_memory_server_work_behind_the_gateway() {
    let site = Site::new(&[("admin", ADMIN)]);
    let (time, memory) = (Upstream::time(&site.dir), Upstream::memory(&site.dir));
    let files = Upstream::files(&site.dir);
    std::fs::write(site.dir.path("files/note.txt"), format!("ask {EMAIL}")).unwrap();
    let gateway = site.gateway(&format!(
        "{}{}{}",
        behind("time", &site.url("/time"), &time),
        behind("memory", &site.url("/memory"), &memory),
        behind("files", &site.url("/files"), &files),
    ));
    let visit = |sdk, path: &str, steps: &Value| -> Visit {
        let url = site.url(path);
        let token = site.idp.token("admin", &url);
        gateway.visit_at(sdk, &url, Some(&token), steps)
    };

    let noon =
        json!({ "source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo" });
    let steps = json!([{ "op": "call", "name": "convert_time", "arguments": noon }]);
    assert!(visit(Sdk::Py2, "/time", &steps).text(0).contains("21:00:00+09:00"));

    let entity =
        json!({ "name": "gate", "entityType": "door", "observations": [EMAIL, "is shut"] });
    let steps = json!([
        { "op": "list_tools" },
        { "op": "call", "name": "create_entities", "arguments": { "entities": [entity] } },
        { "op": "call", "name": "read_graph", "arguments": {} },
    ]);
    let seen = visit(Sdk::Ts1, "/memory", &steps);
    assert!(seen.text(2).contains("is shut"));
    holds_none_of(&[EMAIL], seen.result(2), Sdk::Ts1);

    let path = site.dir.path("files/note.txt");
    let steps = json!([{ "op": "call", "name": "read_text_file", "arguments": { "path": path } }]);
    let seen = visit(Sdk::Ts2, "/files", &steps);
    assert!(seen.text(0).starts_with("ask "));
    holds_none_of(&[EMAIL], seen.result(0), Sdk::Ts2);
}

// --- configurations and jobs that several scenarios share -------------------------------------------

fn everything_behind(site: &Site, upstream: &Upstream) -> String {
    format!(
        r#"
  - name: everything
    public_url: {}
    upstream: {}
    tools: [ {{ match: "echo", scopes: [tools:basic] }}, {{ match: "*", scopes: [tools:all] }} ]
"#,
        site.url("/mcp"),
        upstream.url
    )
}

fn records_behind(site: &Site, upstream: &Upstream) -> String {
    format!(
        r#"
  - name: records
    public_url: {}
    upstream: {}
    tools:
      - {{ match: "customer_delete", scopes: [tools:all] }}
      - {{ match: "*", scopes: [tools:basic] }}
    redact:
      classes: {{ email: mask, us_ssn: mask, card: mask, phone: mask }}
      reveal: {{ email: [pii:email.read] }}
"#,
        site.url("/mcp"),
        upstream.url
    )
}

fn behind(name: &str, public_url: &str, upstream: &Upstream) -> String {
    format!(
        r#"
  - name: {name}
    public_url: {public_url}
    upstream: {}
    tools: [ {{ match: "*", scopes: [tools:all] }} ]
    redact: {{ classes: {{ email: mask }} }}
"#,
        upstream.url
    )
}

fn echo_steps() -> Value {
    json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": "through the gate" } },
        { "op": "call", "name": "get-structured-content", "arguments": { "location": "New York" } },
    ])
}

/// Steps 1 to 4 all answer with the first customer's data, by different doors.
fn record_steps() -> Value {
    json!([
        { "op": "list_tools" },
        { "op": "call", "name": "customer_get", "arguments": { "id": 1 } },
        { "op": "call", "name": "customer_list", "arguments": {} },
        { "op": "call", "name": "customer_note", "arguments": { "id": 1 } },
        { "op": "call", "name": "customer_get", "arguments": { "id": 404 } },
    ])
}

#[track_caller]
fn holds_none_of(values: &[&str], result: &Value, sdk: Sdk) {
    let text = result.to_string();
    for value in values {
        assert!(!text.contains(value), "{sdk:?} got `{value}` in {result:#}");
    }
}

const READER: &str = "mcp.tools.list mcp.tools.invoke mcp.resources.list mcp.resources.read \
                      mcp.prompts.list mcp.prompts.get tools:basic";
const SUPPORT: &str = "mcp.tools.list mcp.tools.invoke tools:basic pii:email.read";
const ADMIN: &str = "mcp.tools.list mcp.tools.invoke tools:basic tools:all";
const EVERYTHING_TOOLS_MIN: usize = 10;

// The first customer of records-server.py.
const NAME: &str = "Maria Silva";
const EMAIL: &str = "maria.silva@example.com";
const SSN: &str = "536-22-8726";
const CARD: &str = "4111 1111 1111 1111";
const PERSONAL: [&str; 4] = [EMAIL, SSN, CARD, "415-555-0132"];
