//! The `_bulk` interface of Elasticsearch and OpenSearch.
//!
//! Every record is a `create` under an id made of its number and its hash: what is there already
//! (409) is taken, nothing is ever overwritten, and two logs in one index do not meet.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;

use super::SinkError;
use super::delivery::{Deliver, Delivery, Fate, Item};
use super::files::line_hash;
use super::http::{Http, Reply, refusal};
use super::splunk::credential;
use crate::config::SinkHttp;
use crate::secret::Secret;

pub(super) struct Elasticsearch {
    http: Http,
    path: String,
    headers: HeaderMap,
}

#[derive(Debug, Deserialize)]
struct Answer {
    items: Vec<Outcome>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    create: Created,
}

#[derive(Debug, Deserialize)]
struct Created {
    status: u16,
    error: Option<Fault>,
}

#[derive(Debug, Deserialize)]
struct Fault {
    #[serde(rename = "type")]
    kind: Option<String>,
    reason: Option<String>,
}

impl Elasticsearch {
    pub(super) fn new(
        http: &SinkHttp,
        index: &str,
        authorization: Option<&Secret>,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let mut headers = HeaderMap::new();
        if let Some(secret) = authorization {
            headers.insert(AUTHORIZATION, credential(b"", secret)?);
        }
        Ok(Self { http: Http::new(http, timeout)?, path: format!("/{index}/_bulk"), headers })
    }
}

impl Deliver for Elasticsearch {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let mut url = self.http.url(&self.path);
        url.set_query(Some(ANSWER));
        let body = body(items);
        match self.http.post(&url, "application/x-ndjson", self.headers.clone(), body).await {
            Reply::Good(said) => match serde_json::from_slice::<Answer>(&said) {
                Ok(answer) if answer.items.len() == items.len() => {
                    let fates = answer.items.into_iter().map(|item| fate(item.create)).collect();
                    Delivery::Settled { fates, after: None }
                }
                Ok(_) => Delivery::again("the answer names another number of records"),
                Err(_) => Delivery::again("the answer is none of a bulk interface"),
            },
            Reply::Refused(status, said) => Delivery::Refused { reason: refusal(status, &said) },
            Reply::Again(delivery) => delivery,
        }
    }
}

fn body(items: &[Item]) -> Bytes {
    let mut out = Vec::new();
    for item in items {
        let hash = line_hash(&item.record.line);
        let id = format!("{}-{}", item.record.seq, hash.get(..ID_DIGITS).unwrap_or(&hash));
        out.extend_from_slice(json!({ "create": { "_id": id } }).to_string().as_bytes());
        out.push(b'\n');
        out.extend_from_slice(&item.text);
        out.push(b'\n');
    }
    out.into()
}

fn fate(created: Created) -> Fate {
    let Created { status, error } = created;
    let said =
        error.map(|Fault { kind, reason }| (kind.unwrap_or_default(), reason.unwrap_or_default()));
    let (kind, reason) = said.unwrap_or_default();
    match status {
        // 409: this very record was created by an earlier try.
        200..=299 | 409 => Fate::Taken,
        400 | 413 | 422 => Fate::Rejected(format!("status {status}: {kind}: {reason}")),
        // Overload, a missing index, missing rights: not the record's fault.
        _ => Fate::Again(format!("status {status} {kind}")),
    }
}

/// Only what is read of the answer.
const ANSWER: &str =
    "filter_path=items.create.status,items.create.error.type,items.create.error.reason";
/// Hex digits of the hash in an id: 128 bits.
const ID_DIGITS: usize = 32;
