//! Mistakes of upstreams that are processes, and of what fits no transport.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, refused, refused_in, unmarked, warned_in,
};
use crate::config::{Command, EraPin, Transport};
use crate::limits::{
    SOCKET_PATH_BYTES_MAX, STDIO_ARGUMENTS_MAX, STDIO_PROCESSES_BOUND, STDIO_PROCESSES_MAX,
};

fn upstream(text: &str) -> String {
    SERVER.replace("upstream: http://127.0.0.1:8080/mcp", &format!("upstream: {{ {text} }}"))
}

fn command_in(folder: &Folder, text: &str) -> Command {
    let config = check_in(folder, &upstream(text), Strictness::Strict).unwrap().config;
    let Transport::Stdio(command) = config.servers[0].upstream.transport.clone() else { panic!() };
    command
}

/// Refused; the line is too long to be shown whole.
fn says(text: &str, message: &str) {
    let problems = check_in(&Folder::new(), text, Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains(message), "{problems}");
}

fn env(command: &Command) -> Vec<(&str, &[u8])> {
    command.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

#[test]
fn command_is_a_program_by_its_whole_path_and_words() {
    let folder = Folder::new();
    let command = command_in(&folder, "command: [sh, -c, 'echo $$HOME; x'], processes_max: 3");
    assert!(command.program.is_absolute() && command.program.ends_with("sh"));
    assert_eq!(command.args, ["-c", "echo $HOME; x"]);
    assert_eq!(command.processes_max, 3);
    assert_eq!(command_in(&folder, "command: [sh]").processes_max, STDIO_PROCESSES_MAX);
    let own = folder.write("server", "#!/bin/sh\n");
    std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(own.with_file_name("data")).unwrap();
    let command = command_in(&folder, "command: [./server], dir: data, transport: stdio");
    assert!(command.program.is_absolute() && command.program.ends_with("server"));
    assert!(command.dir.is_absolute() && command.dir.ends_with("data"));
}

#[test]
fn environment_holds_the_basics_and_what_is_named() {
    let folder = Folder::new();
    folder.write("token", "t0ken\n");
    let command = command_in(
        &folder,
        "command: [sh], env: { A_TOKEN: { file: token }, B: plain, HOST: mine }, env_pass: [TOKEN, HOST]",
    );
    let expected: [(&str, &[u8]); 5] = [
        ("PATH", b"/usr/bin:/bin"),
        ("TOKEN", b"Bearer s3cr3t-value"),
        ("A_TOKEN", b"t0ken"),
        ("B", b"plain"),
        ("HOST", b"mine"),
    ];
    assert_eq!(env(&command), expected);
    assert!(!format!("{command:?}").contains("t0ken"));
}

#[test]
fn upstream_is_either_a_url_or_a_command() {
    refused(
        &upstream("url: http://127.0.0.1/x, command: «[sh]»")
            .replace("command: «[sh]»", "«command»: [sh]"),
        "exclude each other",
        "remove",
    );
    refused(
        &SERVER.replace("upstream: http://127.0.0.1:8080/mcp", "«upstream»: { era: legacy }"),
        "neither a `url` nor a `command`",
        "command: [program, argument]",
    );
    refused(
        &upstream("url: http://127.0.0.1/x, transport: «stdio»"),
        "this is a `url`",
        "command:",
    );
    refused(
        &upstream("command: [sh], transport: «http-sse»"),
        "does not speak `http-sse`",
        "stdio",
    );
    refused(&upstream("url: http://127.0.0.1/x, transport: «sse»"), "not accepted", "`http-sse`");
}

#[test]
fn what_has_no_effect_beside_the_transport_is_refused() {
    for key in ["env: { A: b }", "env_pass: [TOKEN]", "dir: .", "processes_max: 2"] {
        let (name, value) = key.split_once(':').unwrap();
        let mark = if value.contains(['[', '{']) {
            format!("«{name}»:{value}")
        } else {
            format!("{name}: «{}»", value.trim())
        };
        refused(
            &upstream(&format!("url: http://127.0.0.1/x, {mark}")),
            "no effect without a `command`",
            "remove",
        );
    }
    for mark in ["socket: «/run/x.sock»", "connect_timeout: «1s»"] {
        refused(&upstream(&format!("command: [sh], {mark}")), "no effect on a process", "remove");
    }
}

#[test]
fn commands_that_start_nothing_are_refused() {
    refused(&upstream("«command»: []"), "starts nothing", "[program, argument]");
    refused(&upstream("command: [«no-such-program»]"), "in no folder of `PATH`", "whole path");
    refused(
        &upstream("command: ['«sh -c x»']").replace("'«", "«'").replace("»'", "'»"),
        "in no folder",
        "there is no shell",
    );
    refused(&upstream("command: [«./gone»]"), "not a program", "executable");
    refused(&upstream("command: [«/etc/passwd»]"), "not a program", "executable");
    let many = vec!["x"; STDIO_ARGUMENTS_MAX].join(", ");
    says(&upstream(&format!("command: [sh, {many}]")), "no process can be started");
    refused(&upstream("command: [sh], dir: «gone»"), "not a folder", "relative");
    for number in [0, STDIO_PROCESSES_BOUND + 1] {
        refused(
            &upstream(&format!("command: [sh], processes_max: «{number}»")),
            "not a possible number of processes",
            &format!("from 1 to {STDIO_PROCESSES_BOUND}"),
        );
    }
}

#[test]
fn variables_are_named_set_and_no_literal_secrets() {
    refused(&upstream("command: [sh], env_pass: [«GONE»]"), "`GONE` is not set", "set it");
    refused(&upstream("command: [sh], env: { «A-B»: c }"), "not the name of a variable", "letters");
    refused_in(
        &Folder::new(),
        &upstream("command: [sh], env: { A: { file: «gone» } }"),
        "does not exist",
        "folder",
    );
    let literal = upstream("command: [sh], env: { GITHUB_TOKEN: hunter2 }");
    let folder = Folder::new();
    let warned = check_in(&folder, &literal, Strictness::Normal).unwrap();
    assert!(warned.warnings[0].message.contains("looks like a secret"), "{:?}", warned.warnings);
    let refused = check_in(&folder, &literal, Strictness::Strict).unwrap_err().to_string();
    assert!(!refused.contains("hunter2") && refused.contains("{ env: NAME }"), "{refused}");
}

#[test]
fn socket_is_an_absolute_path_of_possible_length() {
    let folder = Folder::new();
    let text = upstream("url: http://localhost/mcp, socket: /run/mcp.sock");
    let config = check_in(&folder, &text, Strictness::Strict).unwrap().config;
    let endpoint = config.servers[0].upstream.endpoint().unwrap();
    assert_eq!(endpoint.socket.as_deref(), Some(std::path::Path::new("/run/mcp.sock")));
    let with = |path: &str| upstream(&format!("url: http://localhost/mcp, socket: «{path}»"));
    refused(&with("run/mcp.sock"), "not an absolute path", "/run/mcp.sock");
    let long = with(&format!("/{}", "x".repeat(SOCKET_PATH_BYTES_MAX)));
    says(&unmarked(&long), "no socket can have this path");
}

#[test]
fn credential_through_a_socket_is_not_sent_in_plain_text() {
    let folder = Folder::new();
    folder.write("token", "Bearer abc");
    let text = |socket: &str| {
        upstream(&format!(
            "url: http://mcp.internal/x, {socket}«credential»: {{ value: {{ file: token }} }}"
        ))
    };
    warned_in(&folder, &text(""), "plain text", "https");
    let text = unmarked(&text("socket: /run/mcp.sock, "));
    let checked = check_in(&folder, &text, Strictness::Normal).unwrap();
    assert!(checked.warnings.iter().all(|warning| !warning.message.contains("plain text")));
}

#[test]
fn era_is_pinned_where_it_can_be() {
    let era = |text: &str| accepted(&upstream(text)).config.servers[0].upstream.era;
    assert_eq!(era("url: http://127.0.0.1/x"), EraPin::Auto);
    assert_eq!(era("url: http://127.0.0.1/x, era: modern"), EraPin::Modern);
    assert_eq!(era("command: [sh], era: legacy"), EraPin::Legacy);
    assert_eq!(era("url: http://127.0.0.1/x, transport: http-sse"), EraPin::Legacy);
    refused(
        &upstream("url: http://127.0.0.1/x, transport: http-sse, era: «modern»"),
        "2024-11-05",
        "streamable-http",
    );
}

#[test]
fn rest_servers_speak_plain_http() {
    let rest = |text: &str| upstream(text) + "    profile: rest\n";
    refused(
        &rest("url: http://127.0.0.1/x, era: «legacy»"),
        "no effect on a REST server",
        "remove",
    );
    refused(&rest("url: http://127.0.0.1/x, transport: «http-sse»"), "does not speak", "remove");
    refused(&rest("«command»: [sh]"), "reached by `url`", "profile: mcp");
    let text = rest("url: http://localhost/x, transport: streamable-http, socket: /run/x.sock");
    assert!(accepted(&text).config.servers[0].upstream.endpoint().is_some());
}
