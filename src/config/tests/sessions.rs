//! Keys of sessions, the old transport's address, and where servers may send people.

use super::SERVER;
use super::{Folder, Strictness, accepted, check_in, refused, refused_in, server, warned_in};
use crate::limits::{
    SESSION_IDLE_S, SESSION_KEYS_MAX, SESSIONS_PER_PRINCIPAL, SESSIONS_PER_PRINCIPAL_MAX,
    URL_HOSTS_MAX,
};

/// The usual file with more lines at its beginning.
fn with(lines: &str) -> String {
    format!("{lines}{SERVER}")
}

#[test]
fn several_keys_are_read_in_order_and_one_way_is_enough() {
    let folder = Folder::new();
    folder.write("a", "aa".repeat(32));
    folder.write("b", "bb".repeat(32));
    let text = with("sessions: { keys: [{ file: b }, { file: a }] }\n");
    let keys = check_in(&folder, &text, Strictness::Strict).unwrap().config.sessions.keys;
    let first: Vec<u8> = keys.iter().map(|key| key.expose()[0]).collect();
    assert_eq!(first, [0xBB, 0xAA]);
    let both = "sessions: { key: { file: a }, keys: [{ file: b }] }\n";
    refused_in(&folder, &with(&both.replacen("key:", "«key»:", 1)), "both name", "first in `keys`");
    let twice = "sessions: { keys: [{ file: a }, { «file»: a }] }\n";
    refused_in(&folder, &with(twice), "the same key twice", "remove one");
    refused(&with("sessions: { «keys»: [] }\n"), "0 keys", "the first seals");
    let many = "    - { file: a }\n".repeat(SESSION_KEYS_MAX + 1);
    let many = with(&format!("sessions:\n  «keys»:\n{many}"));
    refused_in(&folder, &many, "9 keys", "1 to 8");
}

#[test]
fn idle_time_and_count_have_defaults_and_bounds() {
    let sessions = accepted(SERVER).config.sessions;
    assert_eq!(sessions.idle.as_secs(), SESSION_IDLE_S);
    assert_eq!(sessions.per_principal, usize::try_from(SESSIONS_PER_PRINCIPAL).unwrap());
    let text = with("sessions: { lifetime: 1h, idle: «2h» }\n");
    refused(&text, "has no effect", "less than `lifetime`");
    refused(&with("sessions: { per_principal: «0» }\n"), "not a possible number", "write 1");
    let over = SESSIONS_PER_PRINCIPAL_MAX + 1;
    let text = with(&format!("sessions: {{ per_principal: «{over}» }}\n"));
    refused(&text, "not a possible number", "to 4096");
}

#[test]
fn batches_are_refused_unless_the_server_says_each() {
    assert!(!server("").config.servers[0].batches);
    assert!(!server("    batches: refuse\n").config.servers[0].batches);
    assert!(server("    batches: each\n").config.servers[0].batches);
    let rest = format!("{SERVER}    profile: rest\n    batches: «each»\n");
    refused(&rest, "has no effect", "remove it");
}

#[test]
fn address_of_old_clients_is_a_path_of_its_own() {
    let config = server("    http_sse: { path: /sse }\n").config;
    assert_eq!(config.servers[0].http_sse.as_deref(), Some("/sse"));
    for bad in ["sse", "/", "/a/../b", "/a//b", "/a?b", "/mcp", "/.well-known/x", "/%61"] {
        let text = format!("{SERVER}    http_sse: {{ path: «\"{bad}\"» }}\n");
        refused(&text, "path", "/sse");
    }
    let rest = format!("{SERVER}    profile: rest\n    «http_sse»: {{ path: /sse }}\n");
    refused(&rest, "has no effect", "remove it");
    let second = "  - { name: b, public_url: «https://notes.example.com/sse», upstream: http://127.0.0.1:1/ }\n";
    let text = format!("{SERVER}    http_sse: {{ path: /sse }}\n{second}");
    refused(&text, "served by another server", "its own path");
}

#[test]
fn hosts_for_people_are_host_names() {
    let asks = "    server_requests: [elicitation]\n";
    let text =
        format!("{asks}    elicitation: {{ url_hosts: [login.example.com, \"*.b.example\"] }}\n");
    assert_eq!(server(&text).config.servers[0].url_hosts.len(), 2);
    for bad in ["https://a.example", "A.example", "a.example/x", ""] {
        let text = format!("{SERVER}{asks}    elicitation: {{ url_hosts: [«\"{bad}\"»] }}\n");
        refused(&text, "is not a host", "no scheme");
    }
    let text = format!("{SERVER}{asks}    elicitation: {{ url_hosts: [«\"*\"»] }}\n");
    warned_in(&Folder::new(), &text, "anywhere", "name the hosts");
    let text = format!("{SERVER}    «elicitation»: {{ url_hosts: [a.example] }}\n");
    refused(&text, "has no effect", "server_requests");
    let many = "        - a.example\n".repeat(URL_HOSTS_MAX + 1);
    let text = format!("{SERVER}{asks}    elicitation:\n      «url_hosts»:\n{many}");
    refused(&text, "too many hosts", "at most");
}
