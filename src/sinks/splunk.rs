//! Splunk's HTTP Event Collector, with indexer acknowledgement.
//!
//! Splunk answers 200 before anything is safe; what it has indexed it says when it is asked by the
//! number it gave. So a batch is taken when its number is acknowledged, and sent again when that
//! does not happen in time. A token without acknowledgement is refused, in words.

pub use crate::limits::{SINK_ACK_MS, SINK_ACK_POLL_MS};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::SinkError;
use super::delivery::{Deliver, Delivery, Fate, Item};
use super::format;
use super::http::{Http, Reply, refusal};
use crate::config::{SinkFormat, SinkHttp};
use crate::secret::Secret;

pub(super) struct Splunk {
    http: Http,
    /// Acknowledgements belong to a channel, and a channel to one sender.
    channel: String,
    headers: HeaderMap,
    labels: Map<String, Value>,
    format: SinkFormat,
    pub(super) ack_within: Duration,
    pub(super) ack_every: Duration,
}

/// What the collector answers.
#[derive(Debug, Deserialize)]
struct Answer {
    code: Option<u64>,
    text: Option<String>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
}

/// What it says of acknowledgements.
#[derive(Debug, Deserialize)]
struct Acks {
    acks: Map<String, Value>,
}

impl Splunk {
    pub(super) fn new(
        http: &SinkHttp,
        token: &Secret,
        labels: &[(&'static str, String)],
        format: SinkFormat,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let channel = Uuid::now_v7().to_string();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, credential(b"Splunk ", token)?);
        let value = HeaderValue::from_str(&channel).map_err(|_| SinkError::Credential)?;
        headers.insert("x-splunk-request-channel", value);
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
        Ok(Self {
            http: Http::new(http, timeout)?,
            channel,
            headers,
            labels: labels.collect(),
            format,
            ack_within: Duration::from_millis(SINK_ACK_MS),
            ack_every: Duration::from_millis(SINK_ACK_POLL_MS),
        })
    }

    /// One JSON object after the other, as the collector reads them.
    fn body(&self, items: &[Item]) -> Bytes {
        let mut out = Vec::new();
        for item in items {
            let mut event = self.labels.clone();
            if let Some(ms) = format::unix_ms(&item.record.line) {
                event.insert("time".to_owned(), json!(format!("{}.{:03}", ms / 1000, ms % 1000)));
            }
            let head = Value::from(event).to_string();
            out.extend_from_slice(head.strip_suffix('}').unwrap_or("{").as_bytes());
            out.extend_from_slice(if head == "{}" { b"\"event\":" } else { b",\"event\":" });
            match self.format {
                SinkFormat::Json | SinkFormat::Ocsf | SinkFormat::Ecs => {
                    out.extend_from_slice(&item.text);
                }
                SinkFormat::Cef => {
                    crate::json::write_string(&mut out, &String::from_utf8_lossy(&item.text))
                }
            }
            out.extend_from_slice(b"}\n");
        }
        out.into()
    }

    /// Asks until the batch is indexed.
    async fn acknowledged(&self, ack_id: u64, items: &[Item]) -> Delivery {
        let until = Instant::now() + self.ack_within;
        let url = with_query(self.http.url("/services/collector/ack"), &self.channel);
        let ask = Bytes::from(json!({ "acks": [ack_id] }).to_string());
        let id = ack_id.to_string();
        while Instant::now() < until {
            let reply = self.http.post(&url, JSON, self.headers.clone(), ask.clone()).await;
            if let Reply::Good(said) = reply {
                let acks = serde_json::from_slice::<Acks>(&said).ok();
                if acks.is_some_and(|said| said.acks.get(&id) == Some(&Value::Bool(true))) {
                    return Delivery::taken(items);
                }
            }
            // An answer that failed is asked for again: what was sent may be indexed all the same.
            tokio::time::sleep(self.ack_every).await;
        }
        Delivery::again(format!("not acknowledged within {} ms", self.ack_within.as_millis()))
    }

    /// What a refusal is about: one event, the sink's settings, or the batch.
    fn refused(status: http::StatusCode, said: &[u8], items: &[Item]) -> Delivery {
        let answer = serde_json::from_slice::<Answer>(said).ok();
        let code = answer.as_ref().and_then(|answer| answer.code);
        let event = answer.as_ref().and_then(|answer| answer.invalid_event);
        match (code, event) {
            (Some(code @ (7 | 10 | 11 | 14)), _) => {
                let text = answer.and_then(|answer| answer.text).unwrap_or_default();
                Delivery::again(format!("code {code}: {text}"))
            }
            (_, Some(event)) if event < items.len() => {
                let mut fates =
                    vec![Fate::Again("another event was invalid".to_owned()); items.len()];
                if let Some(fate) = fates.get_mut(event) {
                    *fate = Fate::Rejected(refusal(status, said));
                }
                Delivery::Settled { fates, after: None }
            }
            _ => Delivery::Refused { reason: refusal(status, said) },
        }
    }
}

impl Deliver for Splunk {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let url = with_query(self.http.url("/services/collector/event"), &self.channel);
        match self.http.post(&url, JSON, self.headers.clone(), self.body(items)).await {
            Reply::Good(said) => match serde_json::from_slice::<Answer>(&said) {
                Ok(Answer { code: Some(0), ack_id: Some(id), .. }) => {
                    self.acknowledged(id, items).await
                }
                Ok(Answer { code: Some(0), ack_id: None, .. }) => Delivery::again(
                    "the token has no indexer acknowledgement: switch it on for the token in Splunk",
                ),
                Ok(_) | Err(_) => Delivery::again("the answer is none of an event collector"),
            },
            Reply::Refused(status, said) => Self::refused(status, &said, items),
            Reply::Again(delivery) => delivery,
        }
    }
}

fn with_query(mut url: url::Url, channel: &str) -> url::Url {
    url.set_query(Some(&format!("channel={channel}")));
    url
}

/// A header value that says a secret, and is not shown.
pub(super) fn credential(scheme: &[u8], secret: &Secret) -> Result<HeaderValue, SinkError> {
    let text = zeroize::Zeroizing::new([scheme, secret.expose()].concat());
    let mut value = HeaderValue::from_bytes(&text).map_err(|_| SinkError::Credential)?;
    value.set_sensitive(true);
    Ok(value)
}

const JSON: &str = "application/json";
