//! Mistakes of listeners, certificates, the admin listener, proxies, log and audit.

use super::{
    Folder, SERVER, Strictness, accepted, certificate, check_in, refused, refused_in, today,
    warned_in, with_certificate,
};
use crate::config::Confinement;

/// The usual file with other first lines in place of `listen`.
fn with(lines: &str) -> String {
    SERVER.replace("listen: 127.0.0.1:0\n", lines)
}

const TLS: &str = "tls: { cert: tls.crt, key: tls.key }\n";

#[test]
fn plain_http_for_other_machines_needs_its_name_said() {
    refused(
        &with("listen: «0.0.0.0:8443»\n"),
        "plain HTTP on `0.0.0.0:8443`",
        "plain_http: allowed",
    );
    warned_in(
        &Folder::new(),
        &with("listen: «0.0.0.0:8443»\nplain_http: allowed\n"),
        "speaks plain HTTP",
        "give it `tls`",
    );
    assert!(accepted(&with("listen: \"[::1]:0\"\n")).warnings.is_empty());
    assert!(
        check_in(
            &with_certificate(),
            &with(&format!("listen: 0.0.0.0:8443\n{TLS}")),
            Strictness::Strict
        )
        .is_ok()
    );
}

#[test]
fn confinement_is_on_and_its_end_is_a_weakness() {
    assert_eq!(accepted(SERVER).config.confinement, Confinement::On);
    assert_eq!(accepted(&format!("{SERVER}confinement: on\n")).config.confinement, Confinement::On);
    let off = format!("{SERVER}confinement: «off»\n");
    warned_in(
        &Folder::new(),
        &off,
        "may read, write and start what its user may",
        "remove the key",
    );
    let off = off.replace(['«', '»'], "");
    assert!(check_in(&Folder::new(), &off, Strictness::Strict).is_err());
    refused(&format!("{SERVER}confinement: «maybe»\n"), "maybe", "on");
}

#[test]
fn shared_port_must_be_a_port_that_others_know() {
    refused(
        &with("listen: [ { bind: 127.0.0.1:0, reuse_port: «true» } ]\n"),
        "no effect",
        "name a port",
    );
    let known = accepted(&with("listen: [ { bind: 127.0.0.1:8443, reuse_port: true } ]\n"));
    assert!(known.config.listeners[0].reuse_port);
}

#[test]
fn plain_http_that_changes_nothing_is_warned_about() {
    warned_in(&Folder::new(), &with("plain_http: «allowed»\n"), "no effect", "remove `plain_http`");
}

#[test]
fn certificate_files_are_read_and_must_exist() {
    let folder = with_certificate();
    let text = with("listen: 0.0.0.0:1\ntls: { cert: «tsl.crt», key: tls.key }\n");
    let missing = folder.path().join("tsl.crt").display().to_string();
    refused_in(&folder, &text, &missing, "relative to the folder of this file");
    refused_in(
        &folder,
        &with("listen: 0.0.0.0:1\ntls: { cert: tls.crt, key: «.» }\n"),
        "not a regular file",
        "name a file",
    );
    refused_in(
        &folder,
        &with("listen: 0.0.0.0:1\ntls: { cert: «tls.key», key: tls.key }\n"),
        "holds no PEM certificate",
        "BEGIN CERTIFICATE",
    );
    refused_in(
        &folder,
        &with("listen: 0.0.0.0:1\ntls: { cert: tls.crt, key: «tls.crt» }\n"),
        "holds no PEM private key",
        "BEGIN PRIVATE KEY",
    );
}

#[test]
fn key_of_another_certificate_is_refused() {
    let folder = with_certificate();
    folder.write("other.key", certificate(today() - 1, today() + 1).1);
    refused_in(
        &folder,
        &with("listen: 0.0.0.0:1\ntls: { cert: tls.crt, key: «other.key» }\n"),
        "the private key is not that of the certificate",
        "made together",
    );
}

#[test]
fn pem_files_hold_what_they_say() {
    let folder = with_certificate();
    let pem = |what: &str| format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n");
    folder.write("bad.crt", pem("CERTIFICATE"));
    folder.write("bad.key", pem("PRIVATE KEY"));
    let tls = |lines: &str| with(&format!("listen: 0.0.0.0:1\ntls: {{ {lines} }}\n"));
    refused_in(&folder, &tls("cert: «bad.crt», key: tls.key"), "cannot be read", "make it again");
    refused_in(&folder, &tls("cert: tls.crt, key: «bad.key»"), "not supported", "ECDSA");
    refused_in(
        &folder,
        &tls("cert: tls.crt, key: tls.key, client_ca: «bad.crt»"),
        "cannot be an authority",
        "version 3",
    );
}

#[test]
fn certificate_must_be_in_time() {
    let folder = with_certificate();
    let text = with("listen: 0.0.0.0:1\ntls: { cert: «c.crt», key: c.key }\n");
    let put = |from: i64, until: i64| {
        let (cert, key) = certificate(today() + from, today() + until);
        folder.write("c.crt", cert);
        folder.write("c.key", key);
    };
    put(-30, -3);
    refused_in(&folder, &text, "expired 3 days ago", "renew it");
    put(5, 90);
    refused_in(&folder, &text, "becomes valid in 5 days", "clock");
    put(-300, 6);
    warned_in(&folder, &text, "expires in 6 days", "renew it");
}

#[test]
fn private_key_that_everybody_may_read_is_a_warning_and_a_strict_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = with_certificate();
    let key = folder.path().join("tls.key");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = with("listen: 0.0.0.0:1\ntls: { cert: tls.crt, key: «tls.key» }\n");
    warned_in(&folder, &text, "every user of this machine may read", "chmod 600");
    assert!(check_in(&folder, &super::unmarked(&text), Strictness::Strict).is_err());
}

#[test]
fn client_certificates_need_an_authority_and_an_authority_needs_a_use() {
    let folder = with_certificate();
    let tls = |more: &str| {
        with(&format!("listen: 0.0.0.0:1\ntls: {{ cert: tls.crt, key: tls.key, {more} }}\n"))
    };
    refused_in(&folder, &tls("client_auth: «required»"), "without `client_ca`", "add `client_ca");
    refused_in(
        &folder,
        &tls("client_ca: tls.crt, client_auth: «off»"),
        "`client_ca` has no effect",
        "write `optional` or `required`",
    );
    refused_in(&folder, &tls("client_ca: «tls.key»"), "holds no PEM certificate", "BEGIN");
    assert!(check_in(&folder, &tls("client_ca: tls.crt"), Strictness::Strict).is_ok());
}

#[test]
fn certificate_that_no_listener_uses_is_refused() {
    refused_in(
        &with_certificate(),
        &with(
            "listen: [ { bind: 127.0.0.1:1, tls: off } ]\n«tls»: { cert: tls.crt, key: tls.key }\n",
        ),
        "no listener uses this certificate",
        "remove it",
    );
}

#[test]
fn address_is_used_once() {
    refused(
        &with("listen: [ { bind: 127.0.0.1:8443 }, { bind: «127.0.0.1:8443» } ]\n"),
        "`127.0.0.1:8443` is taken by another listener",
        "change one port",
    );
    refused(
        &with("listen: 127.0.0.1:9000\nadmin: { listen: «127.0.0.1:9000» }\n"),
        "`127.0.0.1:9000` is taken",
        "`127.0.0.1:9000` is used on line 1",
    );
    assert!(
        accepted(&with("listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\n"))
            .warnings
            .is_empty()
    );
}

#[test]
fn address_needs_an_ip_address_and_a_port() {
    refused(&with("listen: «:8443»\n"), "no IP address", "`0.0.0.0:8443` for all");
    refused(&with("listen: «localhost:8443»\n"), "no IP address", "`127.0.0.1:8443`");
    refused(
        &with("listen: [ { bind: «1.2.3» } ]\n"),
        "not an address with a port",
        "127.0.0.1:8443",
    );
}

#[test]
fn listener_names_are_names_and_differ() {
    refused(
        &with("listen: [ { name: «\"a b\"», bind: 127.0.0.1:1 } ]\n"),
        "is not a name",
        "lower-case letters",
    );
    refused(
        &with("listen: [ { name: a, bind: 127.0.0.1:1 }, { name: «a», bind: 127.0.0.1:2 } ]\n"),
        "two listeners have the name `a`",
        "rename one",
    );
    refused(&with("«listen»: []\n"), "no client can connect", "add a `bind");
}

#[test]
fn admin_listener_is_for_this_machine_unless_exposed() {
    refused(
        &with("admin: { listen: «0.0.0.0:9464» }\n"),
        "the admin listener asks nobody who they are",
        "exposed: true",
    );
    warned_in(
        &Folder::new(),
        &with("admin: { listen: «0.0.0.0:9464», exposed: true }\n"),
        "without authentication",
        "bind `127.0.0.1`",
    );
    warned_in(&Folder::new(), &with("admin: { exposed: «true» }\n"), "no effect", "remove");
    assert!(accepted(&with("admin: off\n")).config.admin.is_none());
    let default = accepted(SERVER).config.admin.unwrap();
    assert_eq!(default.bind.to_string(), "127.0.0.1:9464");
}

#[test]
fn proxies_are_some_networks_not_all() {
    refused(
        &with("trusted_proxies: [10.0.0.0/8, «0.0.0.0/0»]\n"),
        "lets every client choose its own address",
        "load balancers only",
    );
    refused(&with("trusted_proxies: [«10.1.2.3/8»]\n"), "beyond its prefix", "`10.0.0.0/8`");
    refused(
        &with("listen: [ { bind: 127.0.0.1:1, proxy_protocol: «true» } ]\n"),
        "PROXY headers are believed from nobody",
        "load balancer",
    );
}

#[test]
fn rate_per_address_has_a_default_and_can_be_off() {
    let rate = accepted(SERVER).config.per_address.unwrap();
    assert_eq!((rate.count, rate.window.as_secs(), rate.burst), (50, 1, 200));
    assert!(accepted(&with("limits: { per_address: off }\n")).config.per_address.is_none());
    let text = with("limits: { per_address: { rate: 100/s, burst: 7 } }\n");
    assert_eq!(accepted(&text).config.per_address.unwrap().burst, 7);
    refused(&with("limits: { per_address: «0/s» }\n"), "rate of 0", "`off`");
    refused(
        &with("limits: { per_address: { rate: 1/s, burst: «0» } }\n"),
        "burst of 0",
        "at least 1",
    );
    refused(
        &with("limits: { per_address: { rate: off, burst: «1» } }\n"),
        "no effect",
        "`off` alone",
    );
}

#[test]
fn session_key_is_32_bytes_from_a_file_or_the_environment() {
    let folder = Folder::new();
    folder.write("good", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    folder.write("short", "0011\n");
    let good = check_in(&folder, &with("sessions: { key: { file: good } }\n"), Strictness::Strict);
    assert_eq!(good.unwrap().config.sessions.keys[0].expose().len(), 32);
    refused_in(
        &folder,
        &with("sessions: { «key»: { file: short } }\n"),
        "not 32 bytes",
        "openssl rand -base64 32",
    );
    refused(&with("sessions: { key: { env: «NOKEY» } }\n"), "`NOKEY` is not set", "set it");
    refused(&with("sessions: { lifetime: «0s» }\n"), "not a possible duration", "more than 0");
    refused(&with("sessions: { lifetime: «31d» }\n"), "not a possible duration", "at most");
}

#[test]
fn log_filter_is_read_at_check_time() {
    refused(&with("log: { filter: «\"sallyport=loud=x\"» }\n"), "is not a log filter", "`info`");
    assert!(!accepted(&with("log: { filter: debug, format: text }\n")).config.log.json);
}

#[test]
fn audit_that_may_lose_records_is_warned_about() {
    warned_in(
        &Folder::new(),
        &with("audit: { durability: «written» }\n"),
        "a power loss may take",
        "write `durable`",
    );
    let folder = Folder::new();
    folder.write("file", "x");
    refused_in(&folder, &with("audit: { dir: «file» }\n"), "is not a folder", "name a folder");
    let text = with("audit: { dir: trail }\n");
    let config = check_in(&folder, &text, Strictness::Strict).unwrap().config;
    assert_eq!(config.audit.dir, folder.path().join("trail"));
}
