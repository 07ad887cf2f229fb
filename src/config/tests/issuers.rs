//! Mistakes of issuers and of who may authenticate.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, refused, refused_in, refused_server, server,
    unmarked, warned_in, with_certificate,
};
use crate::config::{Auth, KeySource, TokenType};

/// The usual file with more lines for its issuer.
fn issuer(lines: &str) -> String {
    SERVER.replace("servers:", &format!("{lines}servers:"))
}

fn identified(text: &str) -> String {
    SERVER.replace("https://idp.example.com", text)
}

#[test]
fn issuer_is_https_unless_on_loopback() {
    refused(
        &identified("«http://idp.example.com»"),
        "an issuer must be `https`",
        "write `https://",
    );
    refused(&identified("«https://idp.example.com/?a=b»"), "has no query", "metadata");
    refused(&identified("«https://idp.example.com/#a»"), "no fragment", "remove the `#`");
    refused(&identified("«https://me:pw@idp.example.com»"), "password", "credential");
    refused(&identified("«idp.example.com»"), "is not a URL", "https://host");
    for good in ["http://127.0.0.1:9000", "http://localhost:1/realm", "http://[::1]:1"] {
        assert_eq!(&*accepted(&identified(good)).config.issuers[0].issuer, good);
    }
}

#[test]
fn issuer_stands_once_and_is_used() {
    refused(&issuer("  - issuer: «https://idp.example.com»\n"), "stands twice", "line 3");
    let other = issuer("  - issuer: «https://other.example»\n");
    warned_in(
        &Folder::new(),
        &format!("{other}    auth: {{ issuers: [https://idp.example.com] }}\n"),
        "no server accepts tokens of `https://other.example`",
        "name it in the `auth` of a server",
    );
}

#[test]
fn algorithms_are_asymmetric_and_known() {
    refused(
        &issuer("    algorithms: [«HS256»]\n"),
        "whoever can verify a token can mint one",
        "ES256",
    );
    refused(&issuer("    algorithms: [«none»]\n"), "tokens without a signature", "use ES256");
    refused(&issuer("    algorithms: [«ES265»]\n"), "not a known algorithm", "mean `ES256`?");
    refused(&issuer("    «algorithms»: []\n"), "every token would be refused", "ES256");
    let default = accepted(SERVER).config.issuers[0].algorithms.clone();
    assert_eq!(default, ["RS256", "PS256", "ES256", "ES384", "EdDSA"]);
    assert_eq!(
        accepted(&issuer("    algorithms: [PS512]\n")).config.issuers[0].algorithms,
        ["PS512"]
    );
}

#[test]
fn keys_are_discovered_or_at_a_url_or_in_a_file() {
    assert_eq!(accepted(SERVER).config.issuers[0].keys, KeySource::Discover);
    let url = accepted(&issuer("    keys: http://127.0.0.1:1/jwks\n"));
    assert!(matches!(&url.config.issuers[0].keys, KeySource::Url(url) if url.path() == "/jwks"));
    refused(
        &issuer("    keys: «http://idp.example.com/jwks»\n"),
        "a key set must be `https`",
        "https",
    );
    refused(&issuer("    keys: «discovery»\n"), "not `discover` and not a URL", "write `discover`");
    refused(&issuer("    keys: { file: «gone.json» }\n"), "does not exist", "folder of this file");
}

#[test]
fn key_set_file_holds_public_keys() {
    let folder = Folder::new();
    folder.write("list.json", "[]");
    folder.write("empty.json", "{\"keys\": []}");
    folder.write("public.json", r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#);
    folder.write("private.json", r#"{"keys":[{"kty":"OKP","x":"AA","d":"AA"}]}"#);
    for bad in ["list", "empty"] {
        let text = issuer(&format!("    keys: {{ file: «{bad}.json» }}\n"));
        refused_in(&folder, &text, "not a key set", "RFC 7517");
    }
    let text = issuer("    keys: { file: «private.json» }\n");
    warned_in(&folder, &text, "private or symmetric key", "public keys only");
    assert!(check_in(&folder, &unmarked(&text), Strictness::Strict).is_err());
    folder.write("huge.json", " ".repeat(crate::limits::JWKS_BYTES_MAX + 1));
    let huge = issuer("    keys: { file: «huge.json» }\n");
    refused_in(&folder, &huge, "larger than 262144 bytes", "right file");
    let good = issuer("    keys: { file: public.json }\n");
    let checked = check_in(&folder, &good, Strictness::Strict).unwrap();
    assert!(checked.config.files.contains(&folder.path().join("public.json")));
}

#[test]
fn audience_and_claims_are_not_empty() {
    refused(&issuer("    «audience»: []\n"), "matches no token", "`public_url` alone");
    refused(&SERVER.replace("roles_claim: roles", "roles_claim: «\"\"»"), "no claim", "roles");
    let config = accepted(&issuer("    audience: [a, b]\n    token_type: any\n")).config;
    assert_eq!(config.issuers[0].audiences, ["a", "b"]);
    assert_eq!(config.issuers[0].token_type, TokenType::PlainJwt);
}

#[test]
fn clock_skew_is_bounded() {
    refused(&issuer("    clock_skew: «10m»\n"), "not a possible duration", "at most `300s`");
    refused(&issuer("    clock_skew: «30»\n"), "expected a duration", "`30s`");
    refused(&issuer("    clock_skew: «5min»\n"), "this is not a duration", "`5m`");
}

#[test]
fn development_issuer_is_for_loopback_alone_and_never_strict() {
    let folder = with_certificate();
    let text = issuer("    development_key: «tls.key»\n");
    warned_in(&folder, &text, "can mint any token", "never use it in production");
    let problems = check_in(&folder, &unmarked(&text), Strictness::Strict).unwrap_err();
    assert_eq!(problems.errors(), 1, "{problems}");
    let open = text
        .replace("listen: 127.0.0.1:0", "listen: 0.0.0.0:1\ntls: { cert: tls.crt, key: tls.key }");
    refused_in(&folder, &open, "refused where other machines reach a listener", "line 1");
    let gone = issuer("    development_key: «gone.key»\n");
    let problems = check_in(&folder, &unmarked(&gone), Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("does not exist"), "{problems}");
}

#[test]
fn development_key_is_the_only_key_and_signs_with_es256() {
    let folder = with_certificate();
    folder.write(
        "ed.key",
        rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem(),
    );
    refused_in(
        &folder,
        &issuer("    development_key: «ed.key»\n"),
        "a P-256 key in PKCS#8",
        "openssl genpkey",
    );
    refused_in(
        &folder,
        &issuer("    development_key: tls.key\n    keys: «discover»\n"),
        "`keys` has no effect",
        "remove one of the two",
    );
    refused_in(
        &folder,
        &issuer("    development_key: tls.key\n    «algorithms»: [EdDSA]\n"),
        "signed with ES256",
        "add `ES256`",
    );
}

#[test]
fn without_tokens_some_action_must_need_no_scope() {
    let base = SERVER
        .replace("issuers:\n  - issuer: https://idp.example.com\n    roles_claim: roles\n", "");
    refused(
        &format!("{base}    auth: «none»\n"),
        "nobody can call anything: with `auth: none` there are no scopes",
        "scopes: { tools.invoke: [] }",
    );
    refused(
        &format!(
            "{base}    auth: none\n    scopes: {{ tools.invoke: [] }}\n    tools: [ {{ match: a, «scopes»: [x] }} ]\n"
        ),
        "can hold a scope",
        "auth: tokens",
    );
}

#[test]
fn tokens_need_an_issuer() {
    let text = "listen: 127.0.0.1:0\nservers:\n  - name: a\n    public_url: https://a.example/mcp\n    upstream: http://127.0.0.1:1\n";
    let problems = check_in(&Folder::new(), text, Strictness::Normal).unwrap_err();
    assert!(problems.to_string().contains("no issuer of tokens is trusted"), "{problems}");
    assert!(problems.to_string().contains("issuers: [ { issuer: https://"), "{problems}");
}

#[test]
fn unknown_issuer_of_a_server_is_refused() {
    refused_server(
        "    auth: { issuers: [«https://idp.example.org»] }\n",
        "is not an issuer of this file",
        "did you mean `https://idp.example.com`?",
    );
    refused_server("    auth: { «issuers»: [] }\n", "trusts nobody", "auth: tokens");
    let config = server("    auth: { issuers: [https://idp.example.com] }\n").config;
    assert!(matches!(&config.servers[0].auth, Auth::Tokens(list) if list.len() == 1));
}

#[test]
fn no_authentication_is_a_warning_and_a_strict_error() {
    let text = format!("{SERVER}    auth: «none»\n    scopes: {{ tools.invoke: [] }}\n")
        .replace("    roles_claim: roles\n", "");
    let text = text.replace("issuers:\n  - issuer: https://idp.example.com\n", "");
    warned_in(&Folder::new(), &text, "everybody may call this server", "auth: tokens");
    assert!(check_in(&Folder::new(), &unmarked(&text), Strictness::Strict).is_err());
    let checked = accepted(&unmarked(&text));
    assert_eq!(checked.config.warnings.len(), 1);
}

#[test]
fn certificate_authentication_needs_a_listener_that_asks_for_one() {
    let base = SERVER
        .replace("issuers:\n  - issuer: https://idp.example.com\n    roles_claim: roles\n", "");
    refused(
        &format!("{base}    auth: «certificate»\n    scopes: {{ tools.invoke: [] }}\n"),
        "no listener asks for client certificates",
        "client_ca",
    );
    let folder = with_certificate();
    let tls = "tls: { cert: tls.crt, key: tls.key, client_ca: tls.crt }\n";
    let text = format!("{tls}{base}    auth: certificate\n    scopes: {{ tools.invoke: [] }}\n");
    let config = check_in(&folder, &text, Strictness::Strict).unwrap().config;
    assert!(matches!(config.servers[0].auth, Auth::Certificate));
}
