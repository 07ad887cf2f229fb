//! Mistakes of servers: names and URLs, rules, limits, guards, redaction.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, public, refused, refused_in, refused_server,
    server, warned_server,
};
use crate::call::Action;
use crate::class::{CUSTOM_CLASSES_MAX, Class, Form};
use crate::config::{FoundBy, GuardMode};
use crate::limits;

fn second(name: &str, url: &str) -> String {
    format!("{SERVER}  - name: {name}\n    public_url: {url}\n    upstream: http://127.0.0.1:1\n")
}

#[test]
fn public_url_is_https_and_in_one_spelling() {
    refused(&public("«http://notes.example.com/mcp»"), "must be `https`", "write `https://");
    refused(
        &public("«https://notes.example.com/mcp/»"),
        "no slash",
        "`https://notes.example.com/mcp`",
    );
    refused(&public("«https://notes.example.com/»"), "no slash", "`https://notes.example.com`");
    refused(&public("«https://notes.example.com/mcp?a=b»"), "has no query", "remove the `?`");
    refused(&public("«https://notes.example.com/mcp#a»"), "no fragment", "remove the `#`");
    refused(
        &public("«https://NOTES.example.com:443/a/../mcp»"),
        "normal form",
        "`https://notes.example.com/mcp`",
    );
    refused(&public("«https://notes.example.com/.well-known/x»"), "metadata", "another path");
    let config = accepted(&public("http://localhost:8080/mcp")).config;
    assert_eq!(
        (&*config.servers[0].resource, config.servers[0].path.as_str()),
        ("http://localhost:8080/mcp", "/mcp")
    );
    let root = accepted(&public("https://notes.example.com")).config;
    assert_eq!(
        (&*root.servers[0].resource, root.servers[0].path.as_str()),
        ("https://notes.example.com", "/")
    );
}

#[test]
fn http_public_url_behind_tls_is_refused() {
    let folder = super::with_certificate();
    let text = public("«http://localhost:8443/mcp»").replace(
        "listen: 127.0.0.1:0",
        "listen: 127.0.0.1:8443\ntls: { cert: tls.crt, key: tls.key }",
    );
    refused_in(&folder, &text, "every listener speaks TLS", "`https://localhost:8443/mcp`");
}

#[test]
fn some_server_is_protected() {
    refused(
        "listen: 127.0.0.1:0\n«servers»: []\n",
        "no server is protected",
        "add one with `name`",
    );
}

#[test]
fn names_and_paths_of_servers_differ() {
    refused(
        &second("«notes»", "https://notes.example.com/two"),
        "the name `notes` is taken",
        "line 6",
    );
    refused(
        &second("two", "«https://notes.example.com/mcp»"),
        "`/mcp` is served by another server",
        "its own path",
    );
    refused(&SERVER.replace("name: notes", "name: «My Notes»"), "is not a name", "lower-case");
    assert_eq!(accepted(&second("two", "https://notes.example.com/two")).config.servers.len(), 2);
}

#[test]
fn hosts_are_public_configured_and_on_loopback_local() {
    let hosts = |text: &str| accepted(text).config.servers[0].hosts.clone();
    let text =
        SERVER.replace("127.0.0.1:0", "127.0.0.1:8443") + "    hosts: [\"Notes.Internal:8443\"]\n";
    assert_eq!(
        hosts(&text),
        [
            "notes.example.com",
            "notes.internal:8443",
            "localhost:8443",
            "127.0.0.1:8443",
            "[::1]:8443",
            "localhost",
            "127.0.0.1",
            "[::1]"
        ]
    );
    let open = SERVER.replace("127.0.0.1:0", "0.0.0.0:8443\nplain_http: allowed");
    assert_eq!(hosts(&open), ["notes.example.com"]);
    assert_eq!(
        hosts(&format!("{open}    hosts: [\"x:443\", \"y:80\"]\n")),
        ["notes.example.com", "x", "y:80"]
    );
    for bad in ["*", "a/b", "http://x", "a b", "me@x", ""] {
        let line = format!("    hosts: [«\"{bad}\"»]\n");
        refused_server(&line, "is not a host", "no `*`");
    }
}

#[test]
fn origins_are_exact_pages() {
    let config =
        server("    origins: [\"https://app.example.com\", \"vscode-webview://abc1\"]\n").config;
    assert_eq!(config.servers[0].origins.len(), 2);
    refused_server("    origins: [«\"*\"»]\n", "every web page", "pages that may call");
    refused_server("    origins: [«\"null\"»]\n", "sandboxed page", "pages that may call");
    refused_server(
        "    origins: [«https://app.example.com/»]\n",
        "not an origin",
        "`https://app.example.com`?",
    );
    refused_server(
        "    origins: [«app.example.com»]\n",
        "not an origin",
        "https://app.example.com",
    );
}

#[test]
fn actions_and_scopes_are_checked() {
    refused_server(
        "    scopes: { «tools.invok»: [a] }\n",
        "`tools.invok` is not an action",
        "did you mean `tools.invoke`?",
    );
    refused_server(
        "    scopes: { «memory.read»: [a] }\n",
        "no request to this server is a `memory.read`",
        "change `profile`",
    );
    refused_server(
        "    scopes: { tools.invoke: [«\"a b\"»] }\n",
        "is not a scope",
        "one scope an item",
    );
    let config = server("    scopes: { tools.invoke: [x, y], resources.read: [] }\n").config;
    let scopes = &config.servers[0].access.scopes;
    assert_eq!(scopes[0].0, Action::ToolsInvoke);
    assert_eq!((scopes[0].1.len(), scopes[1].1.len()), (2, 0));
}

#[test]
fn rule_that_can_never_match_is_refused() {
    refused_server(
        "    tools:\n      - match: \"*\"\n      - match: «\"crm.*\"»\n",
        "this rule can never match: an earlier rule for `*` decides first",
        "move it before",
    );
    refused_server(
        "    tools: [ { match: \"crm.*\", deny: true }, { match: «crm.read» }, { match: \"*\" } ]\n",
        "an earlier rule for `crm.*`",
        "move it before",
    );
    let config =
        server("    tools: [ { match: crm.read }, { match: \"crm.*\" }, { match: \"*\" } ]\n")
            .config;
    assert_eq!(config.servers[0].access.tools.len(), 3);
}

#[test]
fn empty_patterns_lists_and_useless_keys_are_refused() {
    refused_server("    tools: [ { match: «\"\"» } ]\n", "matches no name", "`crm.*`");
    refused_server("    tools: [ { match: «\" a\"» } ]\n", "space", "glob");
    refused_server("    «tools»: []\n", "allows nothing and denies nothing", "deny: true");
    refused_server(
        "    tools: [ { match: a, deny: true, «scopes»: [x] }, { match: b } ]\n",
        "no effect beside `deny",
        "remove one",
    );
    refused_server("    tools: [ { match: a, «roles»: [] } ]\n", "asks for none", "name a role");
    refused_server(
        "    tools: [ { match: a, roles: [«\"\"»] } ]\n",
        "is not a role",
        "as the claim",
    );
    warned_server(
        "    «tools»: [ { match: \"admin.*\", deny: true } ]\n",
        "no rule allows anything",
        "match: \"*\"",
    );
    refused_server(
        "    «namespaces»: [ { match: a } ]\n",
        "`namespaces` has no effect",
        "`profile`",
    );
}

#[test]
fn role_that_nobody_can_have_is_refused() {
    let text = SERVER.replace("    roles_claim: roles\n", "");
    refused(
        &format!("{text}    tools: [ {{ match: a, «roles»: [support] }} ]\n"),
        "no caller of this server can have a role",
        "roles_claim: roles",
    );
    assert_eq!(
        &*server("    tools: [ { match: a, roles: [support] } ]\n").config.servers[0].access.tools
            [0]
        .roles[0],
        "support"
    );
}

#[test]
fn limits_are_positive_and_reach_something() {
    refused_server("    limits: { per_principal: «0/m» }\n", "rate of 0", "`off`");
    refused_server("    limits: { per_principal: «60 per minute» }\n", "not a rate", "`60/m`");
    refused_server("    limits: { concurrency: «0» }\n", "not possible", "from 1");
    refused_server(
        "    limits: { concurrency: 4, concurrency_per_principal: «5» }\n",
        "never fit",
        "at most 4",
    );
    refused_server("    limits: { per_tool: { a: «off» } }\n", "no effect", "remove");
    refused_server(
        "    tools: [ { match: \"crm.*\" } ]\n    limits: { per_tool: { «\"export*\"»: 5/m } }\n",
        "no rule of `tools` allows a tool that `export*` matches",
        "spelling",
    );
    refused_server(
        "    tools: [ { match: \"crm.*\", deny: true }, { match: \"*\" } ]\n    limits: { per_tool: { «crm.x»: 5/m } }\n",
        "no rule of `tools` allows a tool that `crm.x` matches",
        "allow the tool",
    );
    let limits = server(
        "    limits: { per_principal: 60/m, per_tool: { b: 1/s, a: 5/m burst 2 }, per_route: { rate: 9/s, burst: 1 } }\n",
    );
    let limits = &limits.config.servers[0].limits;
    assert_eq!(limits.per_principal.unwrap().rate.burst, 60);
    assert_eq!((&*limits.per_tool[0].0, &*limits.per_tool[1].0), ("b", "a"));
    assert_eq!(limits.per_route.unwrap().rate.burst, 1);
    assert_eq!((limits.concurrency, limits.concurrency_per_principal), (Some(256), Some(16)));
}

#[test]
fn guards_have_defaults_and_weaker_ones_are_warned_about() {
    let guard = server("").config.servers[0].guard;
    assert_eq!([guard.path, guard.url, guard.hidden_text], [GuardMode::Block; 3]);
    assert_eq!([guard.sql, guard.shell], [GuardMode::Monitor; 2]);
    assert_eq!(server("    guard: { sql: block }\n").config.servers[0].guard.sql, GuardMode::Block);
    assert_eq!(server("    guard: block\n").config.servers[0].guard.shell, GuardMode::Block);
    warned_server("    guard: «off»\n", "no argument is refused", "write `block`");
    warned_server(
        "    guard: { path: «monitor» }\n",
        "the guard `path` refuses nothing",
        "`block`",
    );
    refused_server("    guard: { «pth»: block }\n", "unknown key `pth`", "`path`");
}

#[test]
fn redaction_has_every_class_by_default_and_names_what_it_gives_away() {
    let redact = server("").config.servers[0].redact.clone();
    assert_eq!(redact.choice.forms.len(), Class::BUILTIN.len());
    assert!(redact.choice.forms.iter().all(|(_, form)| *form == Form::Mask));
    assert_eq!(&*redact.reveal[0].1[0], "pii:email.read");
    warned_server("    redact: «off»\n", "reach every caller", "mask them");
    warned_server(
        "    redact: { classes: { email: «report» } }\n",
        "shows every `email`",
        "`mask`",
    );
    let one = server("    redact: [us_ssn]\n").config.servers[0].redact.clone();
    assert_eq!(one.choice.forms, [(Class::UsSsn, Form::Mask)]);
}

#[test]
fn classes_patterns_and_reveals_are_checked() {
    refused_server("    redact: [«emial»]\n", "`emial` is not a class", "did you mean `email`?");
    refused_server("    «redact»: []\n", "masks nothing", "write `off`");
    refused_server("    redact: { «classes»: {} }\n", "nothing is looked for", "redact: off");
    refused_server("    redact: [email, «email»]\n", "stands twice", "remove");
    refused_server(
        "    redact: { classes: { email: mask }, reveal: { «card»: [x] } }\n",
        "nothing to reveal",
        "to `classes`",
    );
    refused_server(
        "    redact: { reveal: { «adress»: [x] } }\n",
        "is not a class",
        "the classes are",
    );
    let custom = |name: &str, pattern: &str| {
        format!("    redact: {{ custom: [ {{ name: {name}, pattern: {pattern} }} ] }}\n")
    };
    refused_server(&custom("a", "«'EMP-('»"), "not a regular expression", "no look-around");
    refused_server(&custom("a", "«'x*'»"), "matches the empty text", "`+`");
    refused_server(&custom("a", "«'\\w{900}{900}'»"), "too large", "smaller");
    refused_server(&custom("«email»", "'x'"), "is taken", "built-in");
    refused_server(&custom("«My-Name»", "'x'"), "is not a name", "lower-case");
}

#[test]
fn custom_patterns_are_classes_with_names_and_reveals() {
    let config = server("    redact: { classes: { email: drop }, custom: [ { name: employee, pattern: 'EMP-\\d{6}$' } ], reveal: { email: [a, b] } }\n").config;
    let redact = &config.servers[0].redact;
    assert_eq!(redact.choice.forms, [(Class::Email, Form::Drop), (Class::Custom(0), Form::Label)]);
    let found = &redact.custom[0].found;
    assert!(matches!(found, FoundBy::Pattern(pattern) if pattern == "EMP-\\d{6}$"), "{found:?}");
    let reveal = |class| {
        let (_, scopes) = redact.reveal.iter().find(|(c, _)| *c == class).unwrap();
        scopes.iter().map(AsRef::as_ref).collect::<Vec<_>>()
    };
    assert_eq!(reveal(Class::Email), ["a", "b"]);
    assert_eq!(reveal(Class::Custom(0)), ["pii:employee.read"]);
    assert_eq!(redact.reveal.len(), 2);
}

#[test]
fn body_max_and_networks_are_bounded() {
    refused_server("    body_max: «0B»\n", "not a possible size", "more than 0");
    refused_server("    body_max: «4MB»\n", "1,000 to some and 1,024 to others", "`MiB`");
    refused_server("    allow_networks: [10.0.0.0/8, «10.0.0/8»]\n", "not a network", "10.0.0.0/8");
    assert_eq!(server("    body_max: 1KiB\n").config.servers[0].body_bytes_max, 1024);
    assert_eq!(
        server("    allow_networks: [192.0.2.7]\n").config.servers[0].allow_networks.len(),
        1
    );
}

#[test]
fn lists_and_patterns_have_bounds() {
    let rules: String = (0..1_001).map(|i| format!("      - match: a{i}\n")).collect();
    refused_server(&format!("    «tools»:\n{rules}"), "more than 1000 rules", "use globs");
    let long = format!("    tools: [ {{ match: {} }} ]\n", "a".repeat(limits::NAME_BYTES_MAX + 1));
    let why = check_in(&Folder::new(), &format!("{SERVER}{long}"), Strictness::Normal).unwrap_err();
    assert!(why.list[0].message.contains("longer than"), "{why}");
    let pattern =
        format!("    redact: {{ custom: [ {{ name: a, pattern: {} }} ] }}\n", "a".repeat(1_025));
    let why = check_in(&Folder::new(), &format!("{SERVER}{pattern}"), Strictness::Normal);
    assert!(why.unwrap_err().list[0].message.contains("longer than 1024 bytes"));
    let many: String = (0..=CUSTOM_CLASSES_MAX)
        .map(|i| format!("        - {{ name: a{i}, pattern: x }}\n"))
        .collect();
    refused_server(
        &format!("    redact:\n      «custom»:\n{many}"),
        "more than 48 patterns",
        "`|`",
    );
}
