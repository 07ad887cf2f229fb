//! The task that carries spans to the collector.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Figures, wire};
use crate::config::Traces;
use crate::limits::{
    SINK_BACKOFF_MAX_MS, SINK_BACKOFF_MIN_MS, TRACE_BATCH_MAX, TRACE_LINGER_MS, TRACE_TRIES_MAX,
};
use crate::sinks::SinkError;
use crate::sinks::backoff::Backoff;
use crate::sinks::delivery::Delivery;
use crate::sinks::http::{Http, Reply};

pub(super) struct Exporter {
    http: Http,
    headers: HeaderMap,
}

impl Exporter {
    pub(super) fn new(config: &Traces) -> Result<Self, SinkError> {
        let mut headers = HeaderMap::new();
        for (name, secret) in &config.headers {
            let name: HeaderName = name.parse().map_err(|_| SinkError::Credential)?;
            let value = HeaderValue::from_bytes(secret.expose());
            let mut value = value.map_err(|_| SinkError::Credential)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { http: Http::new(&config.http, config.timeout)?, headers })
    }

    /// Until nobody can queue any more, or until `drain` and the queue is empty.
    pub(super) async fn run(
        self,
        mut spans: mpsc::Receiver<Bytes>,
        figures: Arc<Figures>,
        drain: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(TRACE_BATCH_MAX);
        loop {
            // An exchange that is still open keeps the queue open, but not the gateway.
            tokio::select! {
                biased;
                taken = spans.recv_many(&mut batch, TRACE_BATCH_MAX) => if taken == 0 { return },
                () = drain.cancelled() => return,
            }
            if batch.len() < TRACE_BATCH_MAX && !drain.is_cancelled() {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(TRACE_LINGER_MS)) => {}
                    () = drain.cancelled() => {}
                }
                while let Some(room) = TRACE_BATCH_MAX.checked_sub(batch.len()) {
                    if room == 0 || spans.is_empty() {
                        break;
                    }
                    spans.recv_many(&mut batch, room).await;
                }
            }
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let counter = match self.send(&batch).await {
                Ok(()) => &figures.exported,
                Err(reason) => {
                    tracing::warn!(exchanges = count, %reason, "spans were not taken");
                    &figures.failed
                }
            };
            counter.fetch_add(count, Ordering::Relaxed);
            batch.clear();
        }
    }

    async fn send(&self, batch: &[Bytes]) -> Result<(), String> {
        let body = wire::request(batch);
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(SINK_BACKOFF_MIN_MS), ms(SINK_BACKOFF_MAX_MS));
        let mut last = String::new();
        for at in 1..=TRACE_TRIES_MAX {
            let url = self.http.url("");
            let headers = self.headers.clone();
            let reply = self.http.post(&url, "application/x-protobuf", headers, body.clone());
            match reply.await {
                Reply::Good(_) => return Ok(()),
                // What a collector says may hold what it was sent.
                Reply::Refused(status, _) => return Err(format!("status {}", status.as_u16())),
                Reply::Again(Delivery::Again { reason, after }) => {
                    last = reason;
                    if at < TRACE_TRIES_MAX {
                        tokio::time::sleep(backoff.wait(after)).await;
                    }
                }
                Reply::Again(_) => return Err("the answer cannot be read".to_owned()),
            }
        }
        Err(last)
    }
}
