//! A signed HTTP POST of JSON lines.
//!
//! Signed as Standard Webhooks does: `webhook-signature: v1,BASE64` is the HMAC-SHA256 over
//! `webhook-id.webhook-timestamp.body`. The id names the sink and the records, so that a batch
//! that is sent twice has one id twice.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::SinkError;
use super::delivery::{Deliver, Delivery, Item};
use super::http::{Http, Reply, refusal};
use super::worker::joined;
use crate::config::SinkHttp;
use crate::secret::Secret;

pub(super) struct Webhook {
    http: Http,
    name: String,
    signer: Signer,
}

/// Signs what is posted.
pub(crate) struct Signer(hmac::Key);

impl Signer {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(secret)))
    }

    /// The fields over a body; none where the id cannot stand in one.
    pub(crate) fn headers(&self, id: &str, body: &[u8], now: SystemTime) -> Option<HeaderMap> {
        let at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let signature = format!("v1,{}", signature(&self.0, id, &at, body));
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", &signature)]
        {
            headers.insert(name, HeaderValue::from_str(value).ok()?);
        }
        Some(headers)
    }
}

impl Webhook {
    pub(super) fn new(
        name: &str,
        http: &SinkHttp,
        secret: &Secret,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let (http, signer) = (Http::new(http, timeout)?, Signer::new(secret));
        Ok(Self { http, name: name.to_owned(), signer })
    }

    fn headers(&self, items: &[Item], body: &[u8], now: SystemTime) -> Option<HeaderMap> {
        let (first, last) = (items.first()?.record.seq, items.last()?.record.seq);
        self.signer.headers(&format!("{}-{first}-{last}", self.name), body, now)
    }
}

impl Deliver for Webhook {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let body: Bytes = joined(items);
        let Some(headers) = self.headers(items, &body, SystemTime::now()) else {
            return Delivery::again("the batch cannot be signed");
        };
        match self.http.post(&self.http.url(""), "application/x-ndjson", headers, body).await {
            Reply::Good(_) => Delivery::taken(items),
            Reply::Refused(status, said) => Delivery::Refused { reason: refusal(status, &said) },
            Reply::Again(delivery) => delivery,
        }
    }
}

/// `whsec_` and base64, as Standard Webhooks writes secrets, or the bytes as they are.
fn key_bytes(secret: &Secret) -> zeroize::Zeroizing<Vec<u8>> {
    let decoded =
        secret.expose().strip_prefix(b"whsec_").and_then(|text| STANDARD.decode(text).ok());
    zeroize::Zeroizing::new(decoded.unwrap_or_else(|| secret.expose().to_vec()))
}

fn signature(key: &hmac::Key, id: &str, at: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        context.update(part);
    }
    STANDARD.encode(context.sign())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_that_of_the_standard_webhooks_example() {
        // The published example of the specification's libraries.
        let secret = concat!("whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key =
            hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(&Secret::new(secret.as_bytes().to_vec())));
        let body = br#"{"test": 2432232314}"#;
        let made = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(made, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
