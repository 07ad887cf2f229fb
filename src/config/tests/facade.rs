//! The authorization-server facade.

use std::time::Duration;

use super::{SERVER, accepted, refused, refused_server, server, warned_server};
use crate::config::{Facade, OauthEndpoint, RedirectUri, ResourceShim};
use crate::limits::{FACADE_BURST, FACADE_REQUESTS_PER_MINUTE, REDIRECT_URIS_MAX};

fn facade(lines: &str) -> Facade {
    server(&format!("    authorization_server: {{ {lines} }}\n")).config.servers[0]
        .facade
        .clone()
        .unwrap()
}

/// Asserts what is said about the marked text inside the section.
#[track_caller]
fn refused_facade(lines: &str, message: &str, help: &str) {
    refused_server(&format!("    authorization_server: {{ {lines} }}\n"), message, help);
}

#[test]
fn there_is_no_facade_unless_the_server_says_so() {
    assert_eq!(accepted(SERVER).config.servers[0].facade, None);
}

#[test]
fn empty_section_mirrors_the_metadata_of_the_only_issuer() {
    let facade = facade("");
    assert_eq!(&*facade.issuer, "https://idp.example.com");
    assert!(!facade.forwards() && facade.client_id.is_none() && !facade.assume_pkce);
    let rate = facade.per_address.unwrap();
    assert_eq!((rate.count, rate.burst), (FACADE_REQUESTS_PER_MINUTE, FACADE_BURST));
    assert_eq!(rate.window, Duration::from_secs(60));
}

#[test]
fn each_shim_brings_its_own_endpoints() {
    for (lines, paths) in [
        ("", vec![]),
        ("resource: strip", vec!["/mcp/oauth/authorize", "/mcp/oauth/token"]),
        ("scope_prefix: \"api://n/\"", vec!["/mcp/oauth/authorize", "/mcp/oauth/token"]),
        (
            "responses: proxy, redirect_uris: [loopback]",
            vec!["/mcp/oauth/authorize", "/mcp/oauth/callback", "/mcp/oauth/token"],
        ),
        ("registration: { client_id: a }, redirect_uris: [loopback]", vec!["/mcp/oauth/register"]),
    ] {
        let checked = server(&format!("    authorization_server: {{ {lines} }}\n"));
        let server = &checked.config.servers[0];
        let found: Vec<String> =
            OauthEndpoint::ALL.iter().filter_map(|e| e.path_on(server)).collect();
        assert_eq!(found, paths, "{lines}");
    }
}

#[test]
fn something_may_stand_in_the_place_of_the_resource() {
    let scope = facade("resource: { scope: notes-audience }").resource;
    assert_eq!(scope, ResourceShim::Scope("notes-audience".to_owned()));
    let own = facade("resource: { audience: \"https://notes.example.com/mcp\" }").resource;
    assert_eq!(own, ResourceShim::Audience("https://notes.example.com/mcp".to_owned()));
    let neither = "exactly one thing";
    refused_facade("«resource»: {}", neither, "`strip`");
    refused_facade("«resource»: { audience: a, scope: b }", neither, "{ audience: … }");
    refused_facade("resource: { scope: «\"a b\"» }", "cannot be sent", "no space");
    refused_facade("«resource»: { audience: other }", "`other` are refused", "audience: [other]");
}

#[test]
fn provider_that_does_not_learn_the_resource_needs_an_audience_of_its_own() {
    let lines = "    authorization_server: { resource: «strip» }\n";
    warned_server(lines, "does not learn", "what stands in `aud`");
    let listed = SERVER.replace("    roles_claim", "    audience: [a]\n    roles_claim");
    let text = format!("{listed}    authorization_server: {{ resource: strip }}\n");
    assert!(accepted(&text).warnings.is_empty());
}

#[test]
fn addresses_for_answers_are_loopback_or_exact() {
    let listed = facade(
        "resource: strip, redirect_uris: [loopback, \"http://localhost/cb\", \
         \"https://a.example/cb?x=1\", \"cursor://x/cb\"]",
    );
    assert_eq!(
        listed.redirect_uris,
        [
            RedirectUri::Loopback,
            RedirectUri::LoopbackAt { host: "localhost", path: "/cb".to_owned() },
            RedirectUri::Exact("https://a.example/cb?x=1".to_owned()),
            RedirectUri::Exact("cursor://x/cb".to_owned()),
        ]
    );
    for bad in [
        "https://*.example/cb",
        "http://a.example/cb",
        "http://127.0.0.1:80/cb",
        "http://127.0.0.1.evil.example/",
        "https://a.example/#x",
        "https://user@a.example/",
        "https:a",
        "javascript:alert(1)",
        "data:text/html,x",
        "a",
        "",
    ] {
        let lines = format!("resource: strip, redirect_uris: [«\"{bad}\"»]");
        let marked = format!("{SERVER}    authorization_server: {{ {lines} }}\n");
        refused_only(&marked, "no address for answers");
    }
    let items = "        - loopback\n".repeat(REDIRECT_URIS_MAX + 1);
    let many = format!(
        "    authorization_server:\n      «redirect_uris»:\n{items}      resource: strip\n"
    );
    refused_server(&many, "nobody", "32");
    refused_facade("resource: strip, «redirect_uris»: []", "nobody", "`loopback`");
}

/// Warnings may stand beside the error.
#[track_caller]
fn refused_only(marked: &str, message: &str) {
    refused(marked, message, "`loopback`");
}

#[test]
fn keys_without_an_effect_are_refused() {
    let nothing = "has no effect";
    refused_facade("client_credentials: «true»", nothing, "remove it");
    refused_facade("per_address: «1/s»", nothing, "remove it");
    refused_facade("«redirect_uris»: [loopback]", nothing, "remove it");
    refused_server(
        "    auth: none\n    scopes: { tools.invoke: [] }\n    «authorization_server»: {}\n",
        nothing,
        "auth: tokens",
    );
    refused_server(
        "    profile: rest\n    «authorization_server»: {}\n",
        "does not speak MCP",
        "remove it",
    );
}

#[test]
fn codes_are_never_sent_to_anybody_who_asks() {
    let missing = "`redirect_uris` is missing";
    refused_facade("responses: «proxy»", missing, "[loopback]");
    refused_facade("«registration»: { client_id: a }", missing, "[loopback]");
    refused_facade(
        "registration: { client_id: «\"a b\"» }, redirect_uris: [loopback]",
        "cannot be sent",
        "visible",
    );
}

#[test]
fn facade_stands_before_one_issuer_whose_tokens_the_server_accepts() {
    refused_facade("issuer: «https://other.example»", "no issuer whose tokens", "byte for byte");
    let two = SERVER.replace("servers:", "  - issuer: https://b.example.com\nservers:");
    refused(&format!("{two}    «authorization_server»: {{}}\n"), "several issuers", "issuer:");
    let named = format!("{two}    authorization_server: {{ issuer: https://b.example.com }}\n");
    let facade = accepted(&named).config.servers[0].facade.clone().unwrap();
    assert_eq!(&*facade.issuer, "https://b.example.com");
}

#[test]
fn facade_does_not_take_the_path_of_another_server() {
    let second = "  - name: other\n    public_url: «https://notes.example.com/mcp/oauth/token»\n    \
                  upstream: http://127.0.0.1:8081/mcp\n";
    let lines = "    authorization_server: { scope_prefix: \"a/\" }\n";
    refused(&format!("{SERVER}{lines}{second}"), "served by another", "own path");
}

#[test]
fn facade_without_a_share_for_each_address_is_weak() {
    let lines = "    authorization_server: { scope_prefix: \"a/\", per_address: «off» }\n";
    warned_server(lines, "as often as anybody likes", "60/m");
}

#[test]
fn demand_for_bound_tokens_is_refused_where_the_facade_passes_tokens_on() {
    let with =
        |section: &str| format!("    proof: «dpop»\n    authorization_server: {{ {section} }}\n");
    refused_server(&with("responses: proxy, redirect_uris: [loopback]"), "bare", "issuer");
    let mirrored = with("").replace(['«', '»'], "");
    assert!(server(&mirrored).config.servers[0].facade.is_some());
}
