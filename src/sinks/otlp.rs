//! OTLP logs over HTTP, in their JSON encoding.

use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SinkError;
use super::delivery::{Deliver, Delivery, Item};
use super::format;
use super::http::{Http, Reply, refusal};
use super::splunk::credential;
use crate::config::SinkHttp;
use crate::secret::Secret;

pub(super) struct Otlp {
    http: Http,
    headers: HeaderMap,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: Partial,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Partial {
    /// A number, or a text with one: both encodings of a 64-bit integer are in use.
    rejected_log_records: Value,
    error_message: String,
}

impl Otlp {
    pub(super) fn new(
        http: &SinkHttp,
        headers: &[(String, Secret)],
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let mut all = HeaderMap::new();
        for (name, secret) in headers {
            let name: HeaderName = name.parse().map_err(|_| SinkError::Credential)?;
            let value: HeaderValue = credential(b"", secret)?;
            all.insert(name, value);
        }
        Ok(Self { http: Http::new(http, timeout)?, headers: all })
    }
}

impl Deliver for Otlp {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let body = request(items).to_string();
        let url = self.http.url("");
        match self.http.post(&url, "application/json", self.headers.clone(), body.into()).await {
            Reply::Good(said) => match rejected(&said) {
                None => Delivery::taken(items),
                // Which of them is not said: they are sent in halves until it is known.
                Some(why) => Delivery::Refused { reason: format!("partial success: {why}") },
            },
            Reply::Refused(status, said) => Delivery::Refused { reason: refusal(status, &said) },
            Reply::Again(delivery) => delivery,
        }
    }
}

/// Why some were rejected, if any were. An empty answer, or one in another encoding, rejects none.
fn rejected(said: &[u8]) -> Option<String> {
    let Partial { rejected_log_records, error_message } =
        serde_json::from_slice::<Answer>(said).unwrap_or_default().partial_success;
    let count = match &rejected_log_records {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    count.filter(|count| *count > 0).map(|_| error_message)
}

fn request(items: &[Item]) -> Value {
    let records: Vec<Value> = items.iter().map(record).collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": [text("service.name", "sallyport")] },
        "scopeLogs": [{
            "scope": { "name": "sallyport.audit", "version": env!("CARGO_PKG_VERSION") },
            "logRecords": records,
        }],
    }]})
}

fn record(item: &Item) -> Value {
    let nanos = format::unix_ms(&item.record.line).unwrap_or(0).saturating_mul(1_000_000);
    // 64-bit integers are texts in the JSON encoding of OTLP.
    json!({
        "timeUnixNano": nanos.to_string(),
        "observedTimeUnixNano": nanos.to_string(),
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": "sallyport.audit",
        "body": { "stringValue": String::from_utf8_lossy(&item.text) },
        "attributes": [
            { "key": "sallyport.seq", "value": { "intValue": item.record.seq.to_string() } },
            text("log.record.uid", &super::files::line_hash(&item.record.line)),
        ],
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}
