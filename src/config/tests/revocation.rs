//! Revocations, the shared Redis and the admin token.

use super::SERVER;
use super::{Folder, Strictness, accepted, check_in, refused, refused_in, warned_in};
use crate::config::OnUnreadable;
use crate::limits::ADMIN_TOKEN_BYTES_MIN;

fn with(lines: &str) -> String {
    format!("{lines}{SERVER}")
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("password", "s3cret\n");
    folder.write("token", "t".repeat(ADMIN_TOKEN_BYTES_MIN));
    folder
}

#[test]
fn nothing_is_revoked_without_a_store_and_unreadable_ones_deny() {
    let config = accepted(SERVER).config;
    assert!(config.revocation.file.is_none() && !config.revocation.redis);
    assert_eq!(config.revocation.on_unreadable, OnUnreadable::Deny);
    assert!(config.redis.is_none() && config.admin.unwrap().token.is_none());
}

#[test]
fn redis_is_used_for_revocations_unless_it_says_otherwise() {
    let folder = folder();
    let text = "redis: { url: \"rediss://r.example:6379/1\", username: gateway, password: { file: password } }\n";
    let config = check_in(&folder, &with(text), Strictness::Strict).unwrap().config;
    assert!(config.revocation.redis);
    let redis = config.redis.unwrap();
    assert_eq!(redis.password.unwrap().expose(), b"s3cret");
    let off = "redis: { url: \"redis://127.0.0.1\" }\nrevocation: { redis: false }\n";
    let config = check_in(&folder, &with(off), Strictness::Strict).unwrap().config;
    assert!(config.redis.is_some() && !config.revocation.redis, "used proofs go there");
    let tokens = "issuers:\n  - issuer: https://idp.example.com\n    roles_claim: roles\n";
    let open = SERVER.replace(tokens, "");
    let open = format!(
        "«redis»{}{open}    auth: none\n    scopes: {{ tools.invoke: [] }}\n",
        off.trim_start_matches("redis")
    );
    let checked = check_in(&folder, &super::unmarked(&open), Strictness::Normal).unwrap();
    // That nobody is asked who he is, is a warning too.
    let unused = checked.warnings.iter().filter(|w| w.message.contains("this Redis"));
    let unused: Vec<_> = unused.collect();
    assert_eq!(unused.len(), 1);
    super::shows(unused[0], &open, "nothing uses this Redis", "remove it");
    refused(&with("revocation: { redis: «true» }\n"), "no `redis`", "add `redis");
    let off = with("revocation: { file: r, redis: «false» }\n");
    warned_in(&folder, &off, "no effect", "remove it");
}

#[test]
fn address_of_redis_has_tls_or_is_near_and_holds_no_password() {
    let folder = folder();
    let plain = with("redis: { url: «\"redis://r.example\"» }\n");
    warned_in(&folder, &plain, "on the way", "rediss://");
    for bad in ["http://r.example", "rediss://r.example/x", "redis:", "rediss://r.example?a=b"] {
        refused(&with(&format!("redis: {{ url: «\"{bad}\"» }}\n")), "not the address", "rediss://");
    }
    let secret = with("redis: { url: \"rediss://a:s3cret@r.example\" }\n");
    let problems = check_in(&folder, &secret, Strictness::Normal).unwrap_err().to_string();
    assert!(
        problems.contains("a name or a password") && !problems.contains("s3cret"),
        "{problems}"
    );
    let alone = with("redis: { url: \"rediss://r.example\", username: «gateway» }\n");
    refused(&alone, "no effect", "add `password");
    let (cert, _) = super::certificate(0, 30_000);
    folder.write("ca.pem", cert);
    let ca = with("redis: { url: \"redis://127.0.0.1\", ca: «ca.pem» }\n");
    refused_in(&folder, &ca, "no effect without TLS", "rediss://");
}

#[test]
fn file_of_revocations_need_not_exist_but_its_folder_must() {
    let folder = folder();
    let text = with("revocation: { file: revoked.jsonl }\n");
    let config = check_in(&folder, &text, Strictness::Strict).unwrap().config;
    assert_eq!(config.revocation.file, Some(folder.path().join("revoked.jsonl")));
    refused(&with("revocation: { file: «none/revoked.jsonl» }\n"), "folder", "make it");
    let place = folder.path().display().to_string();
    let text = format!("revocation: {{ file: «\"{place}\"» }}\n");
    refused_in(&folder, &with(&text), "not a regular file", "name a file");
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.write("open.jsonl", "");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let text = with("revocation: { file: «open.jsonl» }\n");
    warned_in(&folder, &text, "other users of this machine may undo", "chmod go-w");
}

#[test]
fn last_known_gives_protection_away_and_needs_something_to_know() {
    let folder = folder();
    let text = with("revocation: { file: r.jsonl, on_unreadable: «last_known» }\n");
    warned_in(&folder, &text, "newly revoked callers go on", "write `deny`");
    refused(&with("revocation: { on_unreadable: «deny» }\n"), "no effect", "add `file`");
}

#[test]
fn admin_token_is_long_and_what_it_revokes_is_kept() {
    let folder = folder();
    let token = "admin: { token: { file: token } }\n";
    let text = with(&format!("{token}revocation: {{ file: r.jsonl }}\n"));
    let config = check_in(&folder, &text, Strictness::Strict).unwrap().config;
    assert!(config.admin.unwrap().token.is_some());
    let unstored = with(&token.replace("admin", "«admin»"));
    warned_in(&folder, &unstored, "forgotten when the gateway restarts", "revoked.jsonl");
    folder.write("short", "t".repeat(ADMIN_TOKEN_BYTES_MIN - 1));
    let text = with("admin: { «token»: { file: short } }\nrevocation: { file: r.jsonl }\n");
    refused_in(&folder, &text, "visible characters", "openssl rand");
}
