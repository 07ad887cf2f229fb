//! Whole files: the smallest, one with everything, and any text at all.

use proptest::prelude::*;

use super::{Folder, Strictness, accepted, check_in, env, with_certificate};
use crate::config::{Source, check_at, structure, tree};
use crate::limits;

const SMALLEST: &str = "\
listen: 0.0.0.0:8443
tls: { cert: tls.crt, key: tls.key }
issuers:
  - issuer: https://idp.example.com
servers:
  - name: notes
    public_url: https://notes.example.com/mcp
    upstream: http://127.0.0.1:8080/mcp
";

const EVERYTHING: &str = "\
version: 1
listen: 0.0.0.0:8443
tls: { cert: tls.crt, key: tls.key, client_ca: ca.crt, client_auth: optional, crl: [ca.crl], more: [ { cert: tls.crt, key: tls.key } ] }
admin: { listen: 127.0.0.1:9464 }
trusted_proxies: [10.0.0.0/8]
trusted_mesh: { networks: [10.0.0.0/8], identities: ['spiffe://corp.example/ingress'] }
limits: { per_address: { rate: 100/s, burst: 200 } }
sessions: { key: { file: session.key }, lifetime: 24h }
log: { filter: info, format: json }
audit: { dir: audit, durability: durable, origin: gw.example.com/audit, checkpoint: { records: 1000, interval: 5s }, segment: { size: 1GiB, age: 7d }, anchors: [log] }
issuers:
  - { issuer: https://idp.example.com, keys: discover, algorithms: [ES256, RS256], roles_claim: roles, tenant_claim: tenant }
servers:
  - name: notes
    public_url: https://notes.example.com/mcp
    upstream: { url: http://127.0.0.1:8080/mcp, credential: { header: x-api-key, value: { file: session.key } }, head_timeout: 30s }
    hosts: [notes.internal:8443]
    origins: [https://app.example.com]
    auth: { issuers: [https://idp.example.com] }
    client_identities: ['spiffe://corp.example/ns/agents/*', 'dns:*.agents.example']
    scopes: { tools.invoke: [mcp.tools.invoke], resources.read: [] }
    tools: [ { match: crm.*, scopes: [crm:read], roles: [support] }, { match: admin.*, deny: true }, { match: \"*\" } ]
    resources: [ { match: \"file:///*\" } ]
    prompts: [ { match: \"*\" } ]
    server_requests: [elicitation]
    limits: { per_principal: 60/m, per_tool: { \"export*\": 5/m burst 2 }, per_route: 1000/s, concurrency: 256 }
    guard: { path: block, sql: block, shell: monitor }
    redact: { classes: { email: mask, us_ssn: label }, custom: [ { name: employee, pattern: 'EMP-\\d{6}' } ], reveal: { email: [pii:email.read] } }
    allow_networks: [10.0.0.0/8, 192.0.2.0/24]
    body_max: 4MiB
";

fn folder() -> Folder {
    let folder = with_certificate();
    super::with_authority(&folder);
    folder.write("session.key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    folder
}

#[test]
fn smallest_useful_file_has_at_most_12_lines_and_no_warning() {
    assert!(SMALLEST.lines().count() <= 12);
    let checked = check_in(&folder(), SMALLEST, Strictness::Strict).unwrap();
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    let config = checked.config;
    assert_eq!(config.hash.len(), 64);
    let server = &config.servers[0];
    assert_eq!(server.body_bytes_max, limits::BODY_BYTES_MAX);
    assert_eq!(server.upstream.answer_bytes_max, limits::ANSWER_BYTES_MAX);
    assert_eq!(config.sessions.lifetime.as_secs(), limits::SESSION_S);
}

#[test]
fn file_with_everything_for_one_server_has_at_most_30_lines_and_no_warning() {
    assert!(EVERYTHING.lines().count() <= 30);
    let folder = folder();
    let checked =
        check_in(&folder, EVERYTHING, Strictness::Strict).unwrap_or_else(|why| panic!("{why}"));
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    for name in ["s.yaml", "tls.crt", "tls.key", "session.key", "ca.crl"] {
        assert!(checked.config.files.contains(&folder.path().join(name)), "{name}");
    }
}

#[test]
fn strict_check_refuses_what_gives_protection_away() {
    let base = super::SERVER;
    let plain = base.replace("127.0.0.1:0", "0.0.0.0:1\nplain_http: allowed");
    let weak = [
        plain,
        format!("audit: {{ durability: written }}\n{base}"),
        format!("{base}    redact: off\n"),
        format!("{base}    redact: {{ classes: {{ card: report }} }}\n"),
        format!("{base}    guard: off\n"),
    ];
    for text in weak {
        assert_eq!(accepted(&text).warnings.len(), 1, "{text}");
        let problems = check_in(&folder(), &text, Strictness::Strict).unwrap_err();
        assert_eq!(problems.errors(), 1, "{problems}");
    }
}

#[test]
fn good_files_have_the_shape_of_the_schema() {
    for text in [SMALLEST, EVERYTHING] {
        let root = tree::parse(text, &mut Vec::new()).unwrap();
        assert!(structure::compare(&root).problems.is_empty());
    }
}

#[test]
fn hash_changes_with_the_text_a_file_a_secret_and_a_variable() {
    let folder = folder();
    let hash = |text: &str| check_in(&folder, text, Strictness::Normal).unwrap().config.hash;
    let first = hash(EVERYTHING);
    assert_eq!(hash(EVERYTHING), first);
    assert_ne!(hash(&format!("{EVERYTHING}# new\n")), first);
    folder.write("session.key", "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    let second = hash(EVERYTHING);
    assert_ne!(second, first);
    let (cert, key) = super::certificate(super::today() - 1, super::today() + 300);
    folder.write("tls.crt", cert);
    folder.write("tls.key", key);
    assert_ne!(hash(EVERYTHING), second);
}

#[test]
fn fingerprint_of_a_check_sees_what_a_reload_must_see() {
    let folder = folder();
    let checked = check_in(&folder, SMALLEST, Strictness::Normal).unwrap();
    assert_eq!(checked.files.now(), checked.files);
    folder.write("tls.key", "x");
    assert_ne!(checked.files.now(), checked.files);
    // A refused file is followed too, with the files that it misses.
    let text = SMALLEST.replace("tls.key", "late.key");
    let problems = check_in(&folder, &text, Strictness::Normal).unwrap_err();
    folder.write("late.key", "x");
    assert_ne!(problems.files.now(), problems.files);
}

#[test]
fn defaults_in_the_reference_are_those_of_the_code() {
    let text = crate::config::reference_markdown();
    let row = |key: &str, default: &str| {
        let start = format!("| `{key}` |");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        assert!(line.contains(&format!("| {default} |")), "{line}");
    };
    let server = accepted(super::SERVER).config.servers[0].clone();
    row("servers[].body_max", &format!("`{}MiB`", server.body_bytes_max >> 20));
    row(
        "servers[].upstream.answer_bytes_max",
        &format!("`{}MiB`", server.upstream.answer_bytes_max >> 20),
    );
    row(
        "servers[].upstream.connect_timeout",
        &format!("`{}s`", server.upstream.connect_timeout.as_secs()),
    );
    row(
        "servers[].upstream.head_timeout",
        &format!("`{}s`", server.upstream.head_timeout.as_secs()),
    );
    row(
        "servers[].upstream.idle_timeout",
        &format!("`{}s`", server.upstream.idle_timeout.as_secs()),
    );
    row(
        "servers[].upstream.stream_idle_timeout",
        &format!("`{}m`", server.upstream.stream_idle_timeout.as_secs() / 60),
    );
    row("servers[].limits.concurrency", &format!("`{}`", server.limits.concurrency.unwrap()));
    row(
        "servers[].limits.concurrency_per_principal",
        &format!("`{}`", server.limits.concurrency_per_principal.unwrap()),
    );
    row("issuers[].clock_skew", &format!("`{}s`", limits::CLOCK_SKEW_S));
    row("sessions.lifetime", &format!("`{}h`", limits::SESSION_S / 3600));
}

fn outcome(text: String) -> bool {
    let source = Source { path: None, text };
    match check_at(&source, &env, Strictness::Normal, Some(super::NOW_S)) {
        Ok(checked) => !checked.config.listeners.is_empty(),
        // The words of the last resort: the schema admitted what the types do not.
        Err(problems) => {
            let shown = problems.to_string();
            problems.errors() > 0 && shown.contains("help: ") && !shown.contains("please report")
        }
    }
}

/// The file with everything, one character range replaced.
fn mutated() -> impl Strategy<Value = String> {
    (0..EVERYTHING.len(), 0..12_usize, "[-a-z:{}\\[\\], \n'\"*$0-9]{0,6}").prop_map(
        |(at, cut, new)| {
            let chars: Vec<char> = EVERYTHING.chars().collect();
            let end = (at + cut).min(chars.len());
            let mut text: String = chars[..at.min(chars.len())].iter().collect();
            text += &new;
            text.extend(&chars[end.max(at.min(chars.len()))..]);
            text
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_accepted_or_explained(text in "\\PC{0,300}") {
        prop_assert!(outcome(text));
    }

    #[test]
    fn any_edit_of_a_good_file_is_accepted_or_explained(text in mutated()) {
        prop_assert!(outcome(text));
    }
}
