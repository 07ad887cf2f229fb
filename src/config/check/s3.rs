//! Buckets: names that requests can carry, keys that can sign, a lock that lasts.

use std::time::Duration;

use super::super::model::{AwsCredentials, S3, SinkHttp, SinkTls};
use super::super::{raw, secrets};
use super::{At, Context, duration, sinks};
use crate::limits::{AUDIT_RETENTION_AGE_MS_MAX, S3_PREFIX_BYTES_MAX};
use crate::secret::Secret;

/// The outer `None`: it could not be read. `what` would travel in plain text without TLS.
pub(super) fn bucket(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::S3,
    (tls, plain): (SinkTls, bool),
    what: &str,
) -> Option<S3> {
    let raw::S3 {
        bucket,
        region,
        prefix,
        endpoint,
        retention,
        access_key_id,
        secret_access_key,
        session_token,
    } = raw;
    let is_name = |text: &str, more: &[u8], bytes: std::ops::RangeInclusive<usize>| {
        let fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b);
        bytes.contains(&text.len()) && text.bytes().all(fit) && !text.starts_with(['.', '-'])
    };
    let mut whole = true;
    if !is_name(&bucket, b".-", 3..=63) {
        let help = "3 to 63 lower-case letters, digits, `-` and `.`";
        cx.error(&at.key("bucket"), "this is not the name of a bucket", help);
        whole = false;
    }
    if !is_name(&region, b"-", 1..=32) {
        cx.error(&at.key("region"), "this is not a region", "write it like `eu-central-1`");
        whole = false;
    }
    let prefix = prefix_of(cx, &at.key("prefix"), &prefix);
    let url = match endpoint {
        Some(url) => sinks::guarded(cx, &at.key("endpoint"), &url.0, plain, what),
        None => format!("https://s3.{region}.amazonaws.com").parse().ok(),
    };
    let (default, bound) = (Duration::ZERO, Duration::from_millis(AUDIT_RETENTION_AGE_MS_MAX));
    let retention = match retention {
        None => Some(None),
        typed => duration(cx, &at.key("retention"), typed, default, bound).map(Some),
    };
    let id_at = at.key("access_key_id");
    let id = header_secret(cx, &id_at, &access_key_id)
        .and_then(|id| Some(std::str::from_utf8(id.expose()).ok()?.to_owned()));
    let key = header_secret(cx, &at.key("secret_access_key"), &secret_access_key);
    let token = match session_token {
        None => Some(None),
        Some(token) => header_secret(cx, &at.key("session_token"), &token).map(Some),
    };
    let credentials =
        AwsCredentials { access_key_id: id?, secret_access_key: key?, session_token: token? };
    let http = SinkHttp { url: url?, tls };
    let (prefix, retention) = (prefix?, retention?);
    whole.then_some(S3 { http, bucket, prefix, region, retention, credentials })
}

/// With a slash at its end. S3 takes more, which tools read differently.
fn prefix_of(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> Option<String> {
    let prefix = text.trim_end_matches('/');
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let parts = prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if prefix.len() > S3_PREFIX_BYTES_MAX || !prefix.bytes().all(fit) || !parts {
        let help = "write letters, digits, `-`, `_` and `.`, with single slashes between: `gw-1`";
        cx.error(at, "this cannot stand before the names of objects", help);
        return None;
    }
    Some(format!("{prefix}/"))
}

/// A secret of printable characters: a line break in a file belongs to the file.
fn header_secret(cx: &mut Context<'_>, at: &At<'_>, raw: &raw::SecretRef) -> Option<Secret> {
    let secret = secrets::secret(cx, at, raw)?;
    if secret.expose().is_empty() || !secret.expose().iter().all(u8::is_ascii_graphic) {
        cx.error(at, "the secret is no key of AWS", "is it the right file or variable?");
        return None;
    }
    Some(secret)
}
