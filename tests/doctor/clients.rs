//! The running gateway, as its clients see it.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};

use crate::process::Process;
use crate::support::{World, doctor, issuing, mcp};
use crate::upstream::{Upstream, json_answer, status};

/// A port that was free a moment ago.
fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A world whose gateway has ports that can be asked.
async fn world() -> World {
    let mut world = World::healthy().await;
    let (port, admin) = (free(), free());
    world.listen = format!("listen: 127.0.0.1:{port}\n");
    world.more = format!("admin: {{ listen: 127.0.0.1:{admin} }}\n");
    world.server = world.server.replace("localhost/mcp", &format!("localhost:{port}/mcp"));
    world
}

/// The gateway of a world, serving.
fn gateway(world: &World) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(["run", "--config"]).arg(world.write()).stdout(Stdio::null());
    let mut process = Process::spawn(&mut command, Duration::from_secs(20));
    process.wait_for("admin listening");
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_that_does_not_run_is_no_failure() {
    let world = world().await;
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(seen.line('-', "gateway-ready").contains("skipped: nothing listens"));
    assert!(seen.line('-', "metadata-path").contains("skipped: nothing listens"));
    assert!(!world.pki.path("audit").exists(), "nothing was made");
}

/// The whole text of a run in which nothing is wrong; `UPDATE_MANUAL=1` writes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn healthy_gateway_passes_every_check() {
    let mut world = world().await;
    let collector = Upstream::answering(|_| status(200)).await;
    world.more.push_str(&format!(
        "telemetry: {{ traces: {{ otlp: 'http://{}/v1/traces' }} }}\n",
        collector.address
    ));
    let _gateway = gateway(&world);
    let seen = world.doctor(&["--strict"]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    assert!(collector.seen().is_empty(), "something was sent to the collector");
    let mut text = seen.text;
    for (what, name) in [
        (r"/[^ ]*/pki-[0-9-]+/", "/etc/sallyport/"),
        (r"(127\.0\.0\.1|localhost):[0-9]+", "$1:PORT"),
        (r"port [0-9]+", "port PORT"),
        (r"none of [0-9]+ other", "none of N other"),
        (r"the last [0-9]+ of [0-9]+ record", "the last N of N record"),
        (r"signed up to record [0-9]+|no checkpoint yet", "signed up to record N"),
        (r"process [0-9]+", "process PID"),
        (r"[0-9]+ MiB", "N MiB"),
        (r"valid for [0-9]+", "valid for N"),
    ] {
        text = Regex::new(what).unwrap().replace_all(&text, name).into_owned();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctor/healthy.txt");
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_that_does_not_know_the_authority_goes_on_with_a_warning() {
    let world = world().await;
    let _gateway = gateway(&world);
    let seen = doctor(&world.write(), &[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    seen.says('!', "gateway-tls", "does not know its authority", "client-config");
    assert!(seen.line('-', "metadata-path").contains("--ca FILE"));
    // Behind its own authority the chain says enough to go on.
    let chain = ["server.pem", "ca.pem"].map(|it| std::fs::read_to_string(world.pki.path(it)));
    world.pki.write_file("server.pem", chain.map(Result::unwrap).concat());
    let seen = doctor(&world.write(), &[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    seen.says('!', "gateway-tls", "does not know its authority", "client-config");
    seen.line('✓', "metadata-path");
    seen.line('✓', "metadata-challenge");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_stable_names_and_the_verdict_of_the_text() {
    let world = World::with(Upstream::dead().await, issuing(None, 0).await).await;
    let seen = world.doctor(&["--output", "json"]).await;
    assert_eq!(seen.code, 1);
    let report: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(report["schema"], "sallyport.doctor/v1");
    assert_eq!(report["failed"], 1);
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["section"], "upstreams");
    assert_eq!(failed[0]["check"], "upstream-connect");
    assert_eq!(failed[0]["about"], "server notes");
    assert!(failed[0]["advice"].as_str().unwrap().contains("start the server"));
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_that_cannot_be_used_is_said_as_check_says_it() {
    let mut world = World::healthy().await;
    world.more.push_str("listn: 1\n");
    let seen = world.doctor(&[]).await;
    assert_eq!((seen.code, seen.text.as_str()), (2, ""));
    assert!(seen.talk.contains("did you mean `listen`"), "{}", seen.talk);
    let seen = world.doctor(&["-o", "json"]).await;
    assert_eq!(seen.code, 2);
    let report: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(report["checks"][0]["check"], "config-loads");
    assert_eq!(report["checks"][0]["outcome"], "failed");
    assert_eq!(doctor(&world.pki.path("none.yaml"), &[]).await.code, 2);
    assert_eq!(world.doctor(&["--nonsense"]).await.code, 2);
}

/// Somebody else answers where clients go.
async fn instead(
    answer: impl Fn(&crate::upstream::Seen, &str) -> crate::upstream::Answer + Send + Sync + 'static,
) -> World {
    let other = Upstream::answering(move |seen| {
        let own = format!("http://{}", seen.headers["host"].to_str().unwrap());
        answer(seen, &own)
    })
    .await;
    let mut world = World::with(Upstream::answering(mcp).await, issuing(None, 0).await).await;
    world.tls.clear();
    let url = format!("http://127.0.0.1:{}/mcp", other.address.port());
    world.server = world.server.replace("https://localhost/mcp", &url);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_another_configuration_fails() {
    let world = instead(|seen, own| match seen.target.as_str() {
        path if path.starts_with("/.well-known") => {
            json_answer(&json!({"resource": format!("{own}/other"), "authorization_servers": []}))
        }
        _ => status(401),
    });
    let seen = world.await.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "metadata-path", "`resource` is \"http://127.0.0.1", "reload the gateway");
    seen.says('✗', "metadata-root", "`resource` is", "reload the gateway");
    seen.says('✗', "metadata-challenge", "does not name", "WWW-Authenticate");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_swallows_the_metadata_and_a_server_without_a_gate_fail() {
    let world = instead(|seen, _| match seen.target.as_str() {
        "/mcp" => json_answer(&json!({"jsonrpc": "2.0", "id": "doctor", "result": {}})),
        _ => status(404),
    });
    let seen = world.await.doctor(&[]).await;
    assert_eq!(seen.code, 1);
    seen.says('✗', "metadata-path", "status 404", "let a proxy in front pass");
    seen.says('!', "metadata-root", "status 404", "let a proxy in front pass");
    seen.says('✗', "metadata-challenge", "a call without a token is answered", "lets everybody in");
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_that_clients_do_not_get_to_is_warned_about() {
    let mut world = world().await;
    let nowhere = format!("https://localhost:{}/mcp", free());
    let own = world.server.split_whitespace().find(|it| it.starts_with("https://")).unwrap();
    world.server = world.server.replace(own, &nowhere);
    let _gateway = gateway(&world);
    let seen = world.doctor(&[]).await;
    assert_eq!(seen.code, 0, "{}\n{}", seen.text, seen.talk);
    seen.says('!', "metadata-path", "clients do not get there", "DNS, Service, proxy");
}

/// Behind the gateway another one, over TLS: there is no other server with a certificate here.
#[tokio::test(flavor = "multi_thread")]
async fn server_with_a_certificate_that_nobody_vouches_for_fails_until_its_authority_is_named() {
    let behind = world().await;
    let _gateway = gateway(&behind);
    let at = behind.server.split_whitespace().find(|it| it.starts_with("https://")).unwrap();
    let mut front = World::healthy().await;
    let upstream = format!("upstream: http://{}/mcp", front.upstream.address);
    front.server = front.server.replace(&upstream, &format!("upstream: {{ url: '{at}' }}"));
    let seen = front.doctor(&[]).await;
    assert_eq!(seen.code, 1, "{}\n{}", seen.text, seen.talk);
    seen.line('✓', "upstream-connect");
    seen.says('✗', "upstream-tls", "UnknownIssuer", "`upstream.ca`");
    let ca = behind.pki.ca_file();
    let with_ca = format!("upstream: {{ url: '{at}', ca: '{}' }}", ca.display());
    front.server = front.server.replace(&format!("upstream: {{ url: '{at}' }}"), &with_ca);
    let seen = front.doctor(&[]).await;
    seen.line('✓', "upstream-tls");
    seen.says('✗', "upstream-handshake", "status 401", "`upstream.credential`");
}
