//! The servers behind the gateway: reachable, verified, of which era, with how many tools, and by
//! nobody but the gateway.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Host;

use super::{Check, Finding, Task, Ward, clock, exposure, listeners};
use crate::config::{Command, Endpoint, EraPin, Profile, Server, Transport};
use crate::limits::{DOCTOR_ANSWER_MS, DOCTOR_CONNECT_MS};
use crate::outbound::{ReachError, reach, reach_socket};
use crate::upstream::Services;
use crate::upstream::link::LinkError;
use crate::upstream::probe::{self, ProbeError, Probed};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for server in &ward.config.servers {
        let about = format!("server {}", server.name);
        let (own, server) = (Arc::clone(ward), Arc::clone(server));
        tasks.push(Task::new(Check::UpstreamHandshake, &about.clone(), async move {
            match &server.upstream.transport {
                Transport::Streamable(endpoint) | Transport::HttpSse(endpoint) => {
                    over_http(&own, &server, endpoint, &about).await
                }
                Transport::Stdio(command) => process(&own, &server, command, &about).await,
            }
        }));
    }
    tasks
}

async fn over_http(ward: &Ward, server: &Server, endpoint: &Endpoint, about: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_there = match &endpoint.socket {
        Some(path) => socket(path, about, &mut found).await,
        None => {
            let is_there = connection(server, endpoint, about, &mut found).await;
            found.push(exposure::judged(ward, endpoint, about).await);
            is_there
        }
    };
    if !is_there {
        let why = "there is no connection";
        found.push(Finding::skipped(Check::UpstreamHandshake, about, why));
        return found;
    }
    let services = Services { clock: ward.clock.clone(), outbound: Arc::clone(&ward.outbound) };
    let (date_s, spoken) = tokio::join!(
        probe::date_s(&server.upstream, &services, patience(server)),
        speak(server, &services, about)
    );
    found.extend(spoken);
    let now_s = ward.clock.unix_s();
    found.push(clock::judged(Check::UpstreamClock, about, date_s, now_s, None));
    found
}

/// TCP, then TLS where it is spoken. Whether one can go on.
async fn connection(
    server: &Server,
    endpoint: &Endpoint,
    about: &str,
    found: &mut Vec<Finding>,
) -> bool {
    let url = &endpoint.url;
    let host = bare_host(url.host());
    let port = url.port_or_known_default().unwrap_or(80);
    let within = server.upstream.connect_timeout.min(Duration::from_millis(DOCTOR_CONNECT_MS));
    let secured = if url.scheme() == "https" {
        let config = probe::tls(&server.upstream, endpoint);
        let name = listeners::server_name(url.host());
        match (config, name) {
            (Ok(config), Some(name)) => Some((Arc::new(config), name)),
            (Err(why), _) => {
                let advice = "check `upstream.ca` and `upstream.client_certificate`";
                found.push(Finding::failed(Check::UpstreamTls, about, why.to_string(), advice));
                return false;
            }
            (_, None) => None,
        }
    } else {
        None
    };
    let https = secured.is_some();
    match reach(&host, port, secured, within).await {
        Ok(reached) => {
            let message = format!("{} accepts", reached.address);
            found.push(Finding::passed(Check::UpstreamConnect, about, message));
            if https {
                let message = "its certificate is verified";
                found.push(Finding::passed(Check::UpstreamTls, about, message));
            }
            true
        }
        Err(why @ ReachError::Tls(address, _)) => {
            let message = format!("{address} accepts");
            found.push(Finding::passed(Check::UpstreamConnect, about, message));
            let advice = "name the authority that signed its certificate in `upstream.ca`, and the \
                          host as the certificate does in `upstream.url`; an expired one must be \
                          renewed there";
            found.push(Finding::failed(Check::UpstreamTls, about, why.to_string(), advice));
            false
        }
        Err(why) => {
            let advice = match why {
                ReachError::Resolve(_) => "check the host in `upstream.url`, and DNS here",
                ReachError::Connect(..)
                | ReachError::Late(_)
                | ReachError::Http(_)
                | ReachError::Tls(..) => {
                    "start the server, or correct host and port in `upstream.url`; a firewall or \
                     network policy may stand between"
                }
            };
            found.push(Finding::failed(Check::UpstreamConnect, about, why.to_string(), advice));
            false
        }
    }
}

async fn socket(path: &Path, about: &str, found: &mut Vec<Finding>) -> bool {
    let shown = path.display();
    let reached = reach_socket(path, Duration::from_millis(DOCTOR_CONNECT_MS)).await;
    if let Err(why) = reached {
        let advice = "start the server, or name its socket as it does; the gateway's user must be \
                      allowed to write to it";
        found.push(Finding::failed(Check::UpstreamConnect, about, why.to_string(), advice));
        return false;
    }
    found.push(Finding::passed(Check::UpstreamConnect, about, format!("`{shown}` accepts")));
    let mode = std::fs::metadata(path).map_or(0, |about| about.permissions().mode() & 0o777);
    found.push(if mode & 0o002 == 0 {
        Finding::passed(Check::UpstreamClosed, about, "a socket that not every user may use")
    } else {
        let message = format!("every user of this machine may use `{shown}` (mode {mode:o})");
        let advice =
            format!("chmod o-w {shown}, or keep it in a folder that only the gateway enters");
        Finding::warning(Check::UpstreamClosed, about, message, advice)
    });
    true
}

/// A server that is a program: it is started only where that was asked for.
async fn process(ward: &Ward, server: &Server, command: &Command, about: &str) -> Vec<Finding> {
    let program = command.program.display();
    let executable = std::fs::metadata(&command.program)
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    if !executable {
        let message = format!("`{program}` is no program that could be started");
        let advice = "install it, or correct `upstream.command`";
        return vec![Finding::failed(Check::UpstreamConnect, about, message, advice)];
    }
    if !command.dir.is_dir() {
        let message = format!("its folder `{}` is not there", command.dir.display());
        let advice = "make the folder, or correct `upstream.dir`";
        return vec![Finding::failed(Check::UpstreamConnect, about, message, advice)];
    }
    let mut found =
        vec![Finding::passed(Check::UpstreamConnect, about, format!("`{program}` is there"))];
    if !ward.options.start_processes {
        let why = "the program is not started; --start does, and ends it again";
        found.push(Finding::skipped(Check::UpstreamHandshake, about, why));
        return found;
    }
    let services = Services { clock: ward.clock.clone(), outbound: Arc::clone(&ward.outbound) };
    found.extend(speak(server, &services, about).await);
    found
}

async fn speak(server: &Server, services: &Services, about: &str) -> Vec<Finding> {
    let check = Check::UpstreamHandshake;
    if matches!(server.profile, Profile::Rest(_)) {
        return vec![Finding::skipped(check, about, "a REST server has no handshake")];
    }
    if probe::needs_caller(&server.upstream) {
        let why = "calls go there in the name of their callers, and there is none here";
        return vec![Finding::skipped(check, about, why)];
    }
    match probe::probe(&server.upstream, services, patience(server)).await {
        Ok(probed) => spoken(server, &probed, about),
        Err(why) => {
            let advice = advice(&why);
            vec![Finding::failed(check, about, why.to_string(), advice)]
        }
    }
}

fn spoken(server: &Server, probed: &Probed, about: &str) -> Vec<Finding> {
    let Probed { revision, tools } = probed;
    let era = if revision.is_modern() { "modern" } else { "legacy" };
    let how = match (&server.upstream.transport, server.upstream.era) {
        (Transport::HttpSse(_), _) => ", over HTTP+SSE",
        (Transport::Stdio(_), _) => ", as a process",
        (Transport::Streamable(_), EraPin::Auto) => ", found out",
        (Transport::Streamable(_), EraPin::Legacy | EraPin::Modern) => ", as configured",
    };
    let message = format!("MCP {}, {era} era{how}", revision.date());
    let shaken = Finding::passed(Check::UpstreamHandshake, about, message);
    let check = Check::UpstreamTools;
    let listed = match tools {
        Ok(Some(0)) => {
            let advice = "its list is empty for the gateway's own credential: may it see any?";
            Finding::warning(check, about, "it lists no tool", advice)
        }
        Ok(Some(count)) => Finding::passed(check, about, format!("{count} tool(s)")),
        Ok(None) => Finding::passed(check, about, "it says that it has no tools"),
        Err(why) => Finding::failed(check, about, why.to_string(), advice(why)),
    };
    vec![shaken, listed]
}

fn advice(why: &ProbeError) -> &'static str {
    match why {
        ProbeError::Link(LinkError::Credential(_)) => {
            "check `upstream.credential`: the gateway gets nothing to prove itself with"
        }
        ProbeError::Link(LinkError::Status(status)) => match status.as_u16() {
            401 | 403 | 407 => "the server refuses the gateway itself: check `upstream.credential`",
            404 | 405 => "check the path in `upstream.url`: the MCP endpoint stands elsewhere",
            500.. => "read the server's own log: it fails",
            _ => "read the server's own log; is this the address of its MCP endpoint?",
        },
        ProbeError::Link(LinkError::Timeout) => {
            "the server takes connections and does not answer: is it an MCP server, and over this \
             transport (`upstream.transport`)?"
        }
        ProbeError::Link(_) | ProbeError::Foreign(_) => {
            "is this the address of an MCP endpoint, and `upstream.transport` the right one?"
        }
        ProbeError::Refused(..) => "read the server's own log: it refuses what every client asks",
        ProbeError::Revision => "let `upstream.era` be found out (`auto`), or update the server",
        ProbeError::Client(_) => {
            "check `upstream.ca`, `upstream.client_certificate`, `upstream.credential`"
        }
    }
}

/// Time for one answer: what calls get, and no longer than people wait.
fn patience(server: &Server) -> Duration {
    server.upstream.head_timeout.min(Duration::from_millis(DOCTOR_ANSWER_MS))
}

/// A host as it is looked up: addresses without their brackets.
pub(super) fn bare_host(host: Option<Host<&str>>) -> String {
    match host {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(v4)) => v4.to_string(),
        Some(Host::Ipv6(v6)) => v6.to_string(),
        None => String::new(),
    }
}
