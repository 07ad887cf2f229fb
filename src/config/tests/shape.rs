//! Mistakes of shape: keys, types, words, syntax, variables, secrets.

use super::{Folder, SERVER, Strictness, check_in, env, refused, refused_server, server};
use crate::config::{Source, check_at};

#[test]
fn unknown_key_is_named_with_the_key_that_was_meant() {
    refused_server("    «bodymax»: 4MiB\n", "unknown key `bodymax`", "did you mean `body_max`?");
    refused_server("    «tool»: []\n", "unknown key `tool`", "did you mean `tools`?");
    refused(&format!("«lisen»: 127.0.0.1:1\n{SERVER}"), "unknown key `lisen`", "`listen`");
}

#[test]
fn key_in_the_wrong_place_is_sent_to_its_place() {
    refused(
        &format!("«client_ca»: ca.pem\n{SERVER}"),
        "unknown key `client_ca`",
        "is a key of `tls`",
    );
}

#[test]
fn unknown_key_without_likeness_lists_the_keys() {
    refused(
        &format!("log: {{ «zzzzzz»: info }}\n{SERVER}"),
        "unknown key `zzzzzz`",
        "the keys here are filter, format",
    );
}

#[test]
fn missing_key_is_named_with_its_parent() {
    let text = "listen: 127.0.0.1:0\nissuers: [ { issuer: https://i.example } ]\nservers:\n  - «name»: a\n    upstream: http://127.0.0.1:1\n";
    refused(
        text,
        "`servers[0]` lacks the key `public_url`",
        "add `public_url: https://notes.example.com/mcp`",
    );
    refused("«l»isten: 127.0.0.1:0\n", "the file lacks the key `servers`", "add `servers:`");
}

#[test]
fn wrong_type_says_what_was_expected_and_found() {
    refused(
        &format!("trusted_proxies: «10.0.0.0/8»\n{SERVER}"),
        "expected a list, found the text `10.0.0.0/8`",
        "write a list",
    );
    refused_server("    body_max: «4096»\n", "expected a size, found the number 4096", "`4MiB`");
    refused_server(
        "    limits: { concurrency: «many» }\n",
        "expected a whole number",
        "whole number",
    );
    refused_server("    limits: { concurrency: «-1» }\n", "`-1` is not accepted", "from 0");
    refused_server(
        "    redact: { «classes»: [email] }\n",
        "expected a mapping, found a list",
        "write a mapping",
    );
    refused(
        &format!("audit: {{ dir: «5» }}\n{SERVER}"),
        "expected a path, found the number 5",
        "write it like",
    );
    refused_server("    hosts: [«8443»]\n", "expected a text, found the number 8443", "in quotes");
}

#[test]
fn yes_is_no_boolean() {
    refused_server(
        "    tools: [ { match: \"x\", deny: «yes» } ]\n",
        "expected `true` or `false`, found the text `yes`",
        "write `true` or `false`",
    );
}

#[test]
fn unknown_word_lists_the_known_ones() {
    refused(
        &format!("plain_http: «allow»\n{SERVER}"),
        "`allow` is not accepted here",
        "did you mean `allowed`? (one of `loopback`, `allowed`)",
    );
    refused_server(
        "    auth: «basic»\n",
        "`basic` is not accepted here",
        "write one of `tokens`, `certificate`, `api_keys`, `none`, or a mapping",
    );
    refused(&format!("version: «2»\n{SERVER}"), "`2` is not accepted", "write one of `1`");
}

#[test]
fn key_without_value_is_no_default() {
    refused_server("    «redact»:\n", "`servers[0].redact` has no value", "or remove the key");
    refused("«#» nothing here\n", "the file is empty", "servers");
}

#[test]
fn key_that_stands_twice_is_refused_at_its_second_place() {
    refused_server(
        "    body_max: 1MiB\n    «body_max»: 2MiB\n",
        "the key `body_max` stands here for the second time",
        "line 9",
    );
}

#[test]
fn broken_syntax_is_drawn_like_everything_else() {
    refused(&format!("{SERVER}«\t»body_max: 1MiB\n"), "tab", "indent with spaces");
    refused("a: [1, 2\nb«:» }\n", "not valid YAML", "brackets");
}

#[test]
fn five_independent_mistakes_are_found_in_one_run() {
    let text = "\
listn: 127.0.0.1:0
issuers:
  - issuer: http://idp.example.com
    algorithms: [HS256]
servers:
  - name: Notes
    public_url: https://notes.example.com/mcp/
    upstream: ftp://127.0.0.1/mcp
    body_max: 4MB
    tools: [ { match: \"*\" }, { match: \"crm.*\" } ]
    guard: { sqll: block }
";
    let problems = check_in(&Folder::new(), text, Strictness::Normal).unwrap_err();
    let lines: Vec<usize> = problems.list.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, 3, 4, 6, 7, 8, 9, 10, 11], "{problems}");
    assert!(problems.to_string().ends_with("9 errors, 0 warnings"), "{problems}");
}

#[test]
fn faulty_part_causes_no_second_problem_elsewhere() {
    // The certificate, the issuer and the claim are there, only spelled wrongly.
    let text = "\
listen: 0.0.0.0:8443
tls: { certificate: a.crt, key: a.key }
issuers:
  - isuer: https://idp.example.com
    rolesclaim: roles
servers:
  - name: notes
    public_url: https://notes.example.com/mcp
    upstream: http://127.0.0.1:8080/mcp
    auth: { issuers: [https://idp.example.com] }
    tools: [ { match: \"*\", roles: [support] } ]
";
    let problems = check_in(&Folder::new(), text, Strictness::Normal).unwrap_err();
    let found: Vec<&str> = problems.list.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        found,
        ["tls.certificate", "issuers[0].isuer", "issuers[0].rolesclaim"],
        "{problems}"
    );
}

#[test]
fn numbers_of_items_are_those_of_the_file() {
    let text = format!("{SERVER}    tools: [ {{ mach: a }}, {{ match: \"\" }} ]\n");
    let problems = check_in(&Folder::new(), &text, Strictness::Normal).unwrap_err();
    let found: Vec<&str> = problems.list.iter().map(|problem| problem.path.as_str()).collect();
    assert!(found.contains(&"servers[0].tools[1].match"), "{problems}");
}

#[test]
fn variables_are_replaced_and_unset_ones_refused() {
    let checked = server("    hosts: [\"${HOST}:8443\", \"${NONE:-other}:1\"]\n");
    assert!(checked.config.servers[0].hosts.contains(&"notes.internal:8443".to_owned()));
    assert!(checked.config.servers[0].hosts.contains(&"other:1".to_owned()));
    refused_server(
        "    hosts: [«\"${NOHOST}\"»]\n",
        "the environment variable `NOHOST` is not set",
        "${NOHOST:-default}",
    );
}

#[test]
fn replaced_text_is_shown_as_it_was_typed() {
    let folder = Folder::new();
    let text = format!("{SERVER}    origins: [\"${{TOKEN}}\"]\n");
    let shown = check_in(&folder, &text, Strictness::Normal).unwrap_err().to_string();
    assert!(shown.contains("`${TOKEN}` is not an origin"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn literal_secret_is_refused_and_not_repeated() {
    let folder = Folder::new();
    let text = SERVER.replace(
        "upstream: http://127.0.0.1:8080/mcp",
        "upstream: { url: http://127.0.0.1:1/mcp, credential: { value: hunter2, x: 1 } }",
    );
    let problems = check_in(&folder, &text, Strictness::Normal).unwrap_err();
    let shown = problems.to_string();
    assert!(
        shown.contains("`servers[0].upstream.credential.value` must not hold the secret itself")
    );
    assert!(shown.contains("write `{ file: path }` or `{ env: NAME }`"), "{shown}");
    assert!(shown.contains("unknown key `x`"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn secret_of_several_lines_is_not_repeated() {
    let text = SERVER.replace(
        "upstream: http://127.0.0.1:8080/mcp",
        "upstream: { url: http://127.0.0.1:1/mcp, credential: { value: 'hun\n      ter2', x: 1 } }",
    );
    let block = SERVER.replace(
        "upstream: http://127.0.0.1:8080/mcp",
        "upstream:\n      url: http://127.0.0.1:1/mcp\n      credential:\n        value: |\n          hunter2\n        headr: x\n",
    );
    for text in [&text, &block] {
        let problems = check_in(&Folder::new(), text, Strictness::Normal).unwrap_err();
        let shown = problems.to_string();
        assert!(shown.contains("must not hold the secret itself"), "{shown}");
        assert!(!shown.contains("hun") && !shown.contains("ter2"), "{shown}");
    }
    let shown = check_in(&Folder::new(), &block, Strictness::Normal).unwrap_err().to_string();
    assert!(shown.contains("|         headr: x"), "the next line is shown: {shown}");
}

#[test]
fn secret_under_a_wrong_key_is_not_repeated() {
    let text = SERVER.replace(
        "upstream: http://127.0.0.1:8080/mcp",
        "upstream: { url: http://127.0.0.1:1/mcp, credential: { value: { literal: hunter2 } } }",
    );
    let shown = check_in(&Folder::new(), &text, Strictness::Normal).unwrap_err().to_string();
    assert!(shown.contains("unknown key `literal`") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn json_form_has_every_fact_and_no_excerpt() {
    let text = format!("{SERVER}    body_max: 4MB\n");
    let problems = check_in(&Folder::new(), &text, Strictness::Normal).unwrap_err();
    let json = crate::config::Problems::json(&problems.list);
    let problem = &json["problems"][0];
    assert_eq!(problem["path"], "servers[0].body_max");
    assert_eq!((&problem["line"], &problem["column"]), (&9.into(), &15.into()));
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["help"], "write `MiB`");
    assert_eq!(problem.as_object().unwrap().len(), 7, "{problem}");
}

#[test]
fn text_beyond_config_bytes_max_is_refused() {
    let text = format!("#{}\n{SERVER}", "x".repeat(crate::limits::CONFIG_BYTES_MAX));
    let why =
        check_at(&Source { path: None, text }, &env, Strictness::Normal, Some(0)).unwrap_err();
    assert!(why.to_string().contains("larger than"), "{why}");
}
