//! The running gateway as its clients see it: readiness, certificate, metadata, challenge.
//!
//! Asks over the address that clients type. Where nobody listens nothing is wrong: the gateway may
//! not run yet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use url::Url;

use super::upstreams::bare_host;
use super::{Check, Finding, Task, Ward, listeners};
use crate::authn::metadata;
use crate::config::{ClientAuth, Config, Profile, Server};
use crate::hygiene::metadata_url;
use crate::limits::{DOCTOR_ANSWER_MS, DOCTOR_CONNECT_MS};
use crate::outbound::{Outbound, Post, ReachError, Settings, get_plain, reach};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let own = Arc::clone(ward);
    let mut tasks =
        vec![Task::new(Check::GatewayReady, "", async move { vec![ready(&own).await] })];
    for server in &ward.config.servers {
        let about = format!("server {}", server.name);
        let (own, server) = (Arc::clone(ward), Arc::clone(server));
        tasks.push(Task::new(Check::MetadataPath, &about.clone(), async move {
            seen(&own, &server, &about).await
        }));
    }
    tasks
}

async fn ready(ward: &Ward) -> Finding {
    let check = Check::GatewayReady;
    let Some(admin) = &ward.config.admin else {
        return Finding::skipped(check, "", "the admin listener is switched off");
    };
    if admin.bind.port() == 0 {
        return Finding::skipped(check, "", "the port of the admin listener is chosen at start");
    }
    let address = local(admin.bind);
    match get_plain(address, "/readyz", ANSWER).await {
        Err(why) if why.is_unreachable() => {
            Finding::skipped(check, "", format!("nothing listens at {address}"))
        }
        Err(why) => {
            let advice = "another program has the address of `admin.listen`";
            Finding::failed(check, "", why.to_string(), advice)
        }
        Ok((200, _)) => Finding::passed(check, "", format!("ready, says {address}")),
        Ok((status, body)) => {
            let body = String::from_utf8_lossy(&body);
            let reasons: Vec<&str> = body.lines().take(REASONS).collect();
            let message = format!("status {status}: {}", reasons.join("; "));
            let advice = "read the gateway's log; until then it should get no calls";
            Finding::failed(check, "", message, advice)
        }
    }
}

/// What one server's clients meet.
async fn seen(ward: &Ward, server: &Server, about: &str) -> Vec<Finding> {
    let url = &server.public_url;
    let (host, port) = (bare_host(url.host()), url.port_or_known_default().unwrap_or(443));
    if let Err(why) = reach(&host, port, None, CONNECT).await {
        return vec![unreachable(ward, server, &why, about).await];
    }
    let mut found = Vec::new();
    let Some(trusted) = certificate(ward, server, (&host, port), about, &mut found).await else {
        return found;
    };
    if server.auth.issuers().is_none() {
        let why = "it takes no tokens, and has no metadata";
        found.push(Finding::skipped(Check::MetadataPath, about, why));
        return found;
    }
    if asks_for_certificates(&ward.config) {
        let why = "the gateway asks for a client certificate, and there is none here";
        found.push(Finding::skipped(Check::MetadataPath, about, why));
        return found;
    }
    // The gateway's own address, wherever it is: nothing of it comes from somebody else.
    let everywhere = ["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse().ok()).collect();
    let client = match Settings::new(trusted.as_deref(), everywhere, ANSWER) {
        Ok(settings) => Outbound::with(settings),
        Err(why) => {
            let advice = "name certificates, PEM, with --ca";
            found.push(Finding::failed(Check::MetadataPath, about, why.to_string(), advice));
            return found;
        }
    };
    let own = metadata_url(server);
    found.push(document(&client, Check::MetadataPath, &own, server, about).await);
    found.extend(root(&client, ward, server, &own, about).await);
    found.push(challenge(&client, server, &own, about).await);
    found
}

/// Whether the gateway does not run, or runs where this machine does not find it.
async fn unreachable(ward: &Ward, server: &Server, why: &ReachError, about: &str) -> Finding {
    let check = Check::MetadataPath;
    let binds = ward.config.listeners.iter().map(|listener| local(listener.bind));
    for bind in binds.filter(|bind| bind.port() != 0) {
        if reach(&bind.ip().to_string(), bind.port(), None, CONNECT).await.is_ok() {
            let host = server.public_url.host_str().unwrap_or_default();
            let message =
                format!("the gateway listens at {bind}, and clients do not get there: {why}");
            let advice = format!(
                "let `{host}` lead to the gateway (DNS, Service, proxy), or write into public_url \
                 what clients type"
            );
            return Finding::warning(check, about, message, advice);
        }
    }
    Finding::skipped(check, about, format!("nothing listens: {why}"))
}

/// Whether this machine trusts what it meets. Gives what else has to be trusted to go on; `None`
/// where one cannot.
async fn certificate(
    ward: &Ward,
    server: &Server,
    (host, port): (&str, u16),
    about: &str,
    found: &mut Vec<Finding>,
) -> Option<Option<Vec<u8>>> {
    let check = Check::GatewayTls;
    let given = ward.options.ca_pem.clone();
    if server.public_url.scheme() != "https" {
        return Some(given);
    }
    let name = listeners::server_name(server.public_url.host())?;
    let config = Arc::new(client(given.as_deref())?);
    let why = match reach(host, port, Some((config, name.clone())), CONNECT).await {
        Ok(reached) => {
            let message = format!("this machine trusts what {} shows", reached.address);
            found.push(Finding::passed(check, about, message));
            return Some(given);
        }
        Err(why) => why,
    };
    // Trusting what the configuration names tells an unknown authority from a wrong certificate.
    let own = own_chains(&ward.config, given);
    let known = Arc::new(client(Some(&own))?);
    let goes_on = reach(host, port, Some((known, name)), CONNECT).await.is_ok();
    // Path building comes before names, dates before it: nothing else is known to be wrong.
    if goes_on || why.to_string().contains("UnknownIssuer") {
        let message = format!("this machine does not know its authority: {why}");
        let advice = "clients need the authority too: `sallyport client-config` says how; here, \
                      name it with --ca FILE";
        found.push(Finding::warning(check, about, message, advice));
        if !goes_on {
            let message = "its authority has to be named (--ca FILE) to go on";
            found.push(Finding::skipped(Check::MetadataPath, about, message));
        }
        return goes_on.then_some(Some(own));
    }
    let advice = "see `tls-dates` and `tls-names`; where another program or a proxy answers, give \
                  it the right certificate";
    found.push(Finding::failed(check, about, why.to_string(), advice));
    None
}

fn client(extra_pem: Option<&[u8]>) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = extra_pem {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates that the listeners show, PEM, behind what was given.
fn own_chains(config: &Config, given: Option<Vec<u8>>) -> Vec<u8> {
    let mut pem = given.unwrap_or_default();
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    for files in tls.flat_map(|tls| &tls.certificates) {
        if listeners::chain(&files.cert).is_ok() {
            pem.push(b'\n');
            pem.extend(std::fs::read(&files.cert).unwrap_or_default());
        }
    }
    pem
}

fn asks_for_certificates(config: &Config) -> bool {
    let mut tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref()).peekable();
    tls.peek().is_some() && tls.all(|tls| tls.client_auth == ClientAuth::Required)
}

/// One metadata document against the configuration.
async fn document(
    client: &Outbound,
    check: Check,
    at: &str,
    server: &Server,
    about: &str,
) -> Finding {
    let Ok(url) = Url::parse(at) else {
        return Finding::skipped(check, about, "its address is none");
    };
    let fetched = match client.get_json(&url).await {
        Ok(fetched) => fetched,
        Err(why) => {
            let message = format!("{at}: {why}");
            let advice = "let a proxy in front pass `/.well-known/oauth-protected-resource` and all \
                          below it to the gateway, unchanged";
            return match check {
                Check::MetadataRoot => Finding::warning(check, about, message, advice),
                _ => Finding::failed(check, about, message, advice),
            };
        }
    };
    let found: Value = serde_json::from_slice(&fetched.body).unwrap_or_default();
    let wanted = metadata::document(server).unwrap_or_default();
    let wanted: Value = serde_json::from_slice(&wanted).unwrap_or_default();
    for member in ["resource", "authorization_servers"] {
        if found.get(member) != wanted.get(member) {
            let shown =
                |value: &Value| value.get(member).map_or("nothing".into(), Value::to_string);
            let message = format!(
                "{at}: `{member}` is {}, the configuration says {}",
                shown(&found),
                shown(&wanted)
            );
            let advice = "another configuration serves there: reload the gateway (SIGHUP), or look \
                          at what stands in front of it";
            return Finding::failed(check, about, message, advice);
        }
    }
    Finding::passed(check, about, format!("{at} says what the configuration says"))
}

/// The root form belongs to the first server of a host; another server has nothing there.
async fn root(
    client: &Outbound,
    ward: &Ward,
    server: &Server,
    own: &str,
    about: &str,
) -> Option<Finding> {
    let origin = server.public_url.origin();
    let first = ward.config.servers.iter().find(|other| other.public_url.origin() == origin)?;
    let at = format!("{}/.well-known/oauth-protected-resource", origin.ascii_serialization());
    if first.name != server.name || at == own {
        return None;
    }
    Some(document(client, Check::MetadataRoot, &at, server, about).await)
}

/// What a client without a token is told.
async fn challenge(client: &Outbound, server: &Server, metadata: &str, about: &str) -> Finding {
    let check = Check::MetadataChallenge;
    if matches!(server.profile, Profile::Rest(_)) {
        return Finding::skipped(check, about, "a REST server has no endpoint to ask");
    }
    let ping = Bytes::from_static(br#"{"jsonrpc":"2.0","id":"doctor","method":"ping"}"#);
    let answer = match client.post(&server.public_url, Post::json(ping).accepting(MCP)).await {
        Ok(answer) => answer,
        Err(why) => {
            let advice = "let a proxy in front pass the path of public_url to the gateway";
            return Finding::failed(check, about, why.to_string(), advice);
        }
    };
    let status = answer.status;
    if status == StatusCode::OK {
        let advice = "whoever answers there is not this gateway, or lets everybody in: look at what \
                      public_url leads to";
        return Finding::failed(check, about, "a call without a token is answered", advice);
    }
    let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    let named = format!("resource_metadata=\"{metadata}\"");
    let mut challenges = challenges.filter_map(|value| value.to_str().ok());
    if status == StatusCode::UNAUTHORIZED && challenges.any(|value| value.contains(&named)) {
        return Finding::passed(check, about, format!("401 names {metadata}"));
    }
    let message = if status == StatusCode::UNAUTHORIZED {
        format!("the challenge does not name {metadata}")
    } else {
        format!("status {} in place of 401", status.as_u16())
    };
    let advice = "let a proxy in front keep `Host` and `WWW-Authenticate` as they are; else another \
                  configuration serves there: reload the gateway (SIGHUP)";
    Finding::failed(check, about, message, advice)
}

/// Where a listener of this machine can be asked.
fn local(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

const CONNECT: Duration = Duration::from_millis(DOCTOR_CONNECT_MS);
const ANSWER: Duration = Duration::from_millis(DOCTOR_ANSWER_MS);
/// What every MCP client accepts (MCP 2025-03-26 and later, Streamable HTTP).
const MCP: &str = "application/json, text/event-stream";
/// Lines of an answer of `/readyz` that are shown.
const REASONS: usize = 8;
