//! The kinds of sinks, in one table.

use super::SinkError;
use super::datadog::Datadog;
use super::delivery::{Deliver, Delivery, Item};
use super::elasticsearch::Elasticsearch;
use super::file::{FileTarget, StdoutTarget};
use super::otlp::Otlp;
use super::s3::Objects;
use super::splunk::Splunk;
use super::syslog::Syslog;
use super::webhook::Webhook;
use crate::config::{Sink, SinkTarget};

/// One receiver, of whatever kind.
pub(super) enum Target {
    File(FileTarget),
    Stdout(StdoutTarget),
    Webhook(Box<Webhook>),
    Splunk(Box<Splunk>),
    Elasticsearch(Box<Elasticsearch>),
    Syslog(Box<Syslog>),
    Otlp(Box<Otlp>),
    Datadog(Box<Datadog>),
    S3(Box<Objects>),
}

impl Target {
    /// Builds it; nothing is connected yet.
    pub(super) fn new(sink: &Sink) -> Result<Self, SinkError> {
        let Sink {
            name,
            format,
            subjects: _,
            batch_records: _,
            batch_bytes: _,
            batch_wait: _,
            timeout,
            target,
        } = sink;
        Ok(match target {
            SinkTarget::File(path) => Self::File(FileTarget::new(path)),
            SinkTarget::Stdout => {
                let target = StdoutTarget::new(std::io::stdout());
                Self::Stdout(target.map_err(|_| SinkError::Thread)?)
            }
            SinkTarget::Webhook { http, secret } => {
                Self::Webhook(Box::new(Webhook::new(name, http, secret, *timeout)?))
            }
            SinkTarget::Splunk { http, token, labels } => {
                Self::Splunk(Box::new(Splunk::new(http, token, labels, *format, *timeout)?))
            }
            SinkTarget::Elasticsearch { http, index, authorization } => {
                let authorization = authorization.as_ref();
                let target = Elasticsearch::new(http, index, authorization, *timeout)?;
                Self::Elasticsearch(Box::new(target))
            }
            SinkTarget::Syslog { host, port, tls, facility } => {
                Self::Syslog(Box::new(Syslog::new(host, *port, tls, *facility, *timeout)?))
            }
            SinkTarget::Otlp { http, headers } => {
                Self::Otlp(Box::new(Otlp::new(http, headers, *timeout)?))
            }
            SinkTarget::Datadog { http, api_key, labels } => {
                Self::Datadog(Box::new(Datadog::new(http, api_key, labels, *timeout)?))
            }
            SinkTarget::S3(config) => Self::S3(Box::new(Objects::new(config, *timeout)?)),
        })
    }
}

impl Deliver for Target {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        match self {
            Self::File(target) => target.deliver(items).await,
            Self::Stdout(target) => target.deliver(items).await,
            Self::Webhook(target) => target.deliver(items).await,
            Self::Splunk(target) => target.deliver(items).await,
            Self::Elasticsearch(target) => target.deliver(items).await,
            Self::Syslog(target) => target.deliver(items).await,
            Self::Otlp(target) => target.deliver(items).await,
            Self::Datadog(target) => target.deliver(items).await,
            Self::S3(target) => target.deliver(items).await,
        }
    }
}
