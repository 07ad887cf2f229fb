//! The log intake of Datadog.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::SinkError;
use super::delivery::{Deliver, Delivery, Item};
use super::http::{Http, Reply, refusal};
use super::splunk::credential;
use crate::config::SinkHttp;
use crate::secret::Secret;

pub(super) struct Datadog {
    http: Http,
    headers: HeaderMap,
    labels: Map<String, Value>,
}

impl Datadog {
    pub(super) fn new(
        http: &SinkHttp,
        api_key: &Secret,
        labels: &[(&'static str, String)],
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let mut headers = HeaderMap::new();
        headers.insert("dd-api-key", credential(b"", api_key)?);
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
        let labels = labels.chain([("ddsource".to_owned(), "sallyport".into())]).collect();
        Ok(Self { http: Http::new(http, timeout)?, headers, labels })
    }
}

impl Deliver for Datadog {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let logs = items.iter().map(|item| {
            let mut log = self.labels.clone();
            log.insert("message".to_owned(), String::from_utf8_lossy(&item.text).into());
            Value::from(log)
        });
        let body = Value::from_iter(logs).to_string();
        let url = self.http.url("");
        match self.http.post(&url, "application/json", self.headers.clone(), body.into()).await {
            Reply::Good(_) => Delivery::taken(items),
            Reply::Refused(status, said) => Delivery::Refused { reason: refusal(status, &said) },
            Reply::Again(delivery) => delivery,
        }
    }
}
