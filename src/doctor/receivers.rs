//! Who gets copies of records, and who gets traces: reachable, and nothing is sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::upstreams::bare_host;
use super::{Check, Finding, Task, Ward};
use crate::config::{Anchor, AnchorTarget, SinkHttp, SinkTarget, SinkTls};
use crate::limits::DOCTOR_CONNECT_MS;
use crate::outbound::{ReachError, reach};
use crate::sinks;

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for sink in &ward.config.audit.sinks {
        let (check, about) = (Check::SinkReachable, format!("sink {}", sink.name));
        let target = sink.target.clone();
        tasks.push(Task::new(check, &about.clone(), async move {
            vec![receiver(&target, &about).await]
        }));
    }
    for anchor in &ward.config.audit.anchors {
        let (check, http, about) = match anchor {
            Anchor::Log | Anchor::Stdout | Anchor::File(_) => continue,
            Anchor::Remote(anchor) => {
                let about = format!("anchor {}", anchor.name);
                (Check::AnchorReachable, http_of(&anchor.target).clone(), about)
            }
        };
        tasks.push(Task::new(check, &about.clone(), async move {
            vec![over_http(check, &http, &about).await]
        }));
    }
    if let Some(traces) = &ward.config.telemetry.traces {
        let (check, about) = (Check::TracesReachable, "collector".to_owned());
        let http = traces.http.clone();
        tasks.push(Task::new(check, &about.clone(), async move {
            vec![over_http(check, &http, &about).await]
        }));
    }
    tasks
}

async fn receiver(target: &SinkTarget, about: &str) -> Finding {
    let check = Check::SinkReachable;
    match target {
        SinkTarget::File(path) => file(path, about),
        SinkTarget::Stdout => Finding::passed(check, about, "the gateway's own standard output"),
        SinkTarget::Syslog { host, port, tls, facility: _ } => {
            secured(check, host, *port, tls, about).await
        }
        SinkTarget::Webhook { http, .. }
        | SinkTarget::Splunk { http, .. }
        | SinkTarget::Elasticsearch { http, .. }
        | SinkTarget::Otlp { http, .. }
        | SinkTarget::Datadog { http, .. } => over_http(check, http, about).await,
        SinkTarget::S3(bucket) => over_http(check, &bucket.http, about).await,
    }
}

fn http_of(target: &AnchorTarget) -> &SinkHttp {
    match target {
        AnchorTarget::Witness { http, .. } | AnchorTarget::Webhook { http, .. } => http,
        AnchorTarget::S3(bucket) => &bucket.http,
    }
}

fn file(path: &Path, about: &str) -> Finding {
    let check = Check::SinkReachable;
    let shown = path.display();
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let (place, right) = if path.exists() {
        (path, Access::WRITE_OK)
    } else {
        (above.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)
    };
    match access(place, right) {
        Ok(()) => Finding::passed(check, about, format!("`{shown}` can be written to")),
        Err(error) => {
            let message = format!("`{shown}` cannot be written to: {error}");
            let advice = "give the gateway's user the right to write there, or name another file";
            Finding::failed(check, about, message, advice)
        }
    }
}

async fn over_http(check: Check, http: &SinkHttp, about: &str) -> Finding {
    let SinkHttp { url, tls } = http;
    let host = bare_host(url.host());
    let port = url.port_or_known_default().unwrap_or(443);
    if url.scheme() == "https" {
        return secured(check, &host, port, tls, about).await;
    }
    told(check, reach(&host, port, None, PATIENCE).await.map(|reached| reached.address), about)
}

async fn secured(check: Check, host: &str, port: u16, tls: &SinkTls, about: &str) -> Finding {
    let advice = "check its `ca` and its client certificate in the configuration";
    let config = match sinks::http::tls(tls) {
        Ok(config) => Arc::new(config),
        Err(why) => return Finding::failed(check, about, why.to_string(), advice),
    };
    let Ok(name) = rustls::pki_types::ServerName::try_from(host.to_owned()) else {
        let message = format!("no certificate can be for `{host}`");
        return Finding::failed(check, about, message, "name its host as its certificate does");
    };
    let reached = reach(host, port, Some((config, name)), PATIENCE).await;
    told(check, reached.map(|reached| reached.address), about)
}

fn told(check: Check, reached: Result<std::net::SocketAddr, ReachError>, about: &str) -> Finding {
    match reached {
        Ok(address) => {
            Finding::passed(check, about, format!("{address} accepts; nothing was sent"))
        }
        Err(why @ ReachError::Tls(..)) => {
            let advice = "name the authority that signed its certificate in its `ca`, and its host \
                          as the certificate does";
            Finding::failed(check, about, why.to_string(), advice)
        }
        Err(why) => {
            let advice = "start it, or correct its address; records wait for it and are not lost, \
                          of checkpoints the next one covers all, traces are dropped";
            Finding::failed(check, about, why.to_string(), advice)
        }
    }
}

const PATIENCE: Duration = Duration::from_millis(DOCTOR_CONNECT_MS);
