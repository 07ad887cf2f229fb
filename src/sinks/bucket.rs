//! A bucket of S3, or of what speaks its language.
//!
//! Guarantees: an object is made under a name that is free, or not at all, where the service knows
//! `If-None-Match`; its bytes are under a checksum; and where a retention is asked for, it is asked
//! for in the mode that nobody may shorten (Object Lock, COMPLIANCE).

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::SinkError;
use super::http::{Answer, Http};
use super::sigv4::{Signer, encoded_path};
use crate::config::S3;

pub(crate) struct Bucket {
    http: Http,
    name: String,
    prefix: String,
    retention: Option<Duration>,
    signer: Signer,
}

/// What became of an object.
#[derive(Debug)]
pub(crate) enum Put {
    /// It was made.
    Made,
    /// There was one of this name before.
    Exists,
    /// Not now: why, and how long the service wants to be left alone.
    Again(String, Option<Duration>),
}

impl Bucket {
    pub(crate) fn new(config: &S3, timeout: Duration) -> Result<Self, SinkError> {
        let S3 { http, bucket, prefix, region, retention, credentials } = config;
        let signer = Signer {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
            session_token: credentials.session_token.clone(),
            region: region.clone(),
            service: "s3",
        };
        let (name, prefix) = (bucket.clone(), prefix.clone());
        Ok(Self { http: Http::new(http, timeout)?, name, prefix, retention: *retention, signer })
    }

    /// The whole key of an object.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Makes an object.
    pub(crate) async fn put(&self, name: &str, media_type: &'static str, body: Bytes) -> Put {
        let now = SystemTime::now();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        // S3 takes an object with a lock under a checksum alone.
        headers.insert("x-amz-sdk-checksum-algorithm", HeaderValue::from_static("SHA256"));
        let checksum = STANDARD.encode(digest::digest(&digest::SHA256, &body));
        let mut fields = vec![("x-amz-checksum-sha256", checksum)];
        if let Some(until) = self.retention.and_then(|retention| now.checked_add(retention)) {
            let until = humantime::format_rfc3339_seconds(until).to_string();
            fields.push(("x-amz-object-lock-mode", "COMPLIANCE".to_owned()));
            fields.push(("x-amz-object-lock-retain-until-date", until));
        }
        for (name, value) in fields {
            let Ok(value) = HeaderValue::from_str(&value) else { continue };
            headers.insert(name, value);
        }
        let answer = self.send(Method::PUT, &self.key(name), None, headers, body, now).await;
        match answer {
            Ok(answer) if answer.status.is_success() => Put::Made,
            Ok(answer) if answer.status == StatusCode::PRECONDITION_FAILED => Put::Exists,
            Ok(answer) => Put::Again(told(&answer), answer.retry_after()),
            Err(reason) => Put::Again(reason, None),
        }
    }

    /// The bytes of an object.
    pub(crate) async fn get(&self, name: &str) -> Result<Bytes, String> {
        let (key, now) = (self.key(name), SystemTime::now());
        let answer =
            self.send(Method::GET, &key, None, HeaderMap::new(), Bytes::new(), now).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(told(&answer)) }
    }

    /// The name of the first object behind `name`, in the order of names; none where there is none.
    pub(crate) async fn after(&self, name: &str) -> Result<Option<String>, String> {
        let query = [
            ("list-type", "2"),
            ("max-keys", "1"),
            ("prefix", &self.prefix),
            ("start-after", &self.key(name)),
        ];
        let (headers, now) = (HeaderMap::new(), SystemTime::now());
        let answer = self.send(Method::GET, "", Some(&query), headers, Bytes::new(), now).await?;
        if !answer.status.is_success() {
            return Err(told(&answer));
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let key = text.split_once("<Key>").and_then(|(_, rest)| rest.split_once("</Key>"));
        // What may be written otherwise in XML is in the prefix alone, which we know.
        Ok(key.map(|(key, _)| key.rsplit('/').next().unwrap_or(key).to_owned()))
    }

    async fn send(
        &self,
        method: Method,
        key: &str,
        query: Option<&[(&str, &str)]>,
        mut headers: HeaderMap,
        body: Bytes,
        now: SystemTime,
    ) -> Result<Answer, String> {
        let path = match key {
            "" => format!("/{}", self.name),
            key => format!("/{}/{key}", self.name),
        };
        let mut url = self.http.url(&encoded_path(&path));
        if let Some(query) = query {
            // Spelled as it is signed: the query of a URL may write a space as a plus.
            let pairs: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={}", encoded_path(value).replace('/', "%2F")))
                .collect();
            url.set_query(Some(&pairs.join("&")));
        }
        let signed = self.signer.sign(&method, &url, &mut headers, &body, now);
        signed.map_err(|error| error.to_string())?;
        self.http.send(method, &url, headers, body).await
    }
}

/// Status and code of an error, which S3 writes in XML; no more of it.
fn told(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let text = String::from_utf8_lossy(&answer.body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let plain = |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    match code.map(|(code, _)| code).filter(plain) {
        Some(code) => format!("status {status}: {code}"),
        None => format!("status {status}"),
    }
}
