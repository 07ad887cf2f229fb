//! Sinks: one kind each, names apart, nothing in plain text, secrets that can be sent.

mod more;
mod names;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

pub(super) use names::Seals;
use names::{opened, subjects_of};

use super::super::model::{Sink, SinkFormat, SinkHttp, SinkTarget, SinkTls};
use super::super::{raw, secrets};
use super::{At, Context, certificates, duration, name_key, size, urls};
use crate::limits::{
    FILE_BYTES_MAX, SINK_BATCH_BYTES, SINK_BATCH_BYTES_MAX, SINK_BATCH_RECORDS,
    SINK_BATCH_RECORDS_MAX, SINK_TIMEOUT_MS, SINK_TIMEOUT_MS_MAX, SINKS_MAX,
};
use crate::secret::Secret;

/// The outer `None`: one of them could not be read.
pub(super) fn sinks(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<Vec<raw::Sink>>,
    log: Option<&Path>,
    seals: Seals,
) -> Option<Vec<Sink>> {
    let raw = raw.unwrap_or_default();
    if raw.len() > SINKS_MAX {
        cx.error(at, "too many sinks", format!("name at most {SINKS_MAX}"));
        return None;
    }
    let mut names = BTreeMap::new();
    let mut all = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = at.item(i);
        let name_at = at.key("name");
        if let Some(line) = names.insert(raw.name.clone(), name_at.line()) {
            let message = format!("the name `{}` is taken in line {line}", name_at.shown());
            cx.error(&name_at, message, "names are unique: each sink has a cursor of its own");
        }
        all.push(sink(cx, &at, raw));
        if let Some(Some(sink)) = all.last() {
            opened(cx, &at, sink, seals);
        }
        file_apart(cx, &at.key("file"), all.last(), log);
    }
    all.into_iter().collect()
}

/// A copy within the folder of the log would be read as a part of it.
fn file_apart(cx: &mut Context<'_>, at: &At<'_>, sink: Option<&Option<Sink>>, log: Option<&Path>) {
    if let Some(Some(Sink { target: SinkTarget::File(path), .. })) = sink
        && log.is_some_and(|log| path.starts_with(log))
    {
        let message = format!("`{}` is in the folder of the log itself", at.shown());
        cx.error(at, message, "name a file in another folder");
    }
}

/// What any kind may use.
struct Common<'a, 't> {
    at: &'a At<'t>,
    tls: SinkTls,
    plain: bool,
}

/// The kinds as they were typed.
struct Kinds {
    file: Option<raw::FilePath>,
    stdout: Option<raw::On>,
    webhook: Option<raw::WebhookSink>,
    splunk_hec: Option<raw::SplunkSink>,
    elasticsearch: Option<raw::ElasticsearchSink>,
    syslog: Option<raw::SyslogSink>,
    otlp: Option<raw::OtlpSink>,
    datadog: Option<raw::DatadogSink>,
    s3: Option<raw::S3>,
}

impl Kinds {
    fn typed(&self) -> [(&'static str, bool); 9] {
        [
            ("file", self.file.is_some()),
            ("stdout", self.stdout.is_some()),
            ("webhook", self.webhook.is_some()),
            ("splunk_hec", self.splunk_hec.is_some()),
            ("elasticsearch", self.elasticsearch.is_some()),
            ("syslog", self.syslog.is_some()),
            ("otlp", self.otlp.is_some()),
            ("datadog", self.datadog.is_some()),
            ("s3", self.s3.is_some()),
        ]
    }

    /// The one that is there.
    fn target(self, cx: &mut Context<'_>, common: Common<'_, '_>) -> Option<SinkTarget> {
        match self {
            Self { file: Some(path), .. } => Some(SinkTarget::File(cx.resolve(&path.0))),
            Self { webhook: Some(raw), .. } => webhook_of(cx, common, raw),
            Self { splunk_hec: Some(raw), .. } => splunk_of(cx, common, raw),
            Self { elasticsearch: Some(raw), .. } => elasticsearch_of(cx, common, raw),
            Self { syslog: Some(raw), .. } => syslog_of(cx, common, raw),
            Self { otlp: Some(raw), .. } => otlp_of(cx, common, raw),
            Self { datadog: Some(raw), .. } => datadog_of(cx, common, raw),
            Self { s3: Some(raw), .. } => more::s3(cx, common, raw),
            Self { stdout: _, .. } => Some(SinkTarget::Stdout),
        }
    }
}

fn sink(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Sink) -> Option<Sink> {
    let raw::Sink {
        name,
        format,
        subjects,
        batch_records,
        batch_bytes,
        batch_wait,
        timeout,
        ca,
        client_certificate,
        plain_http,
        file,
        stdout,
        webhook,
        splunk_hec,
        elasticsearch,
        syslog,
        otlp,
        datadog,
        s3,
    } = raw;
    name_key(cx, &at.key("name"), &name);
    let local = file.is_some() || stdout.is_some();
    let without = [
        ("ca", local && ca.is_some()),
        ("client_certificate", local && client_certificate.is_some()),
        ("plain_http", (local || syslog.is_some()) && plain_http.is_some()),
        ("timeout", local && timeout.is_some()),
    ];
    for (key, _) in without.into_iter().filter(|(_, typed)| *typed) {
        let message = format!("`{key}` has no effect on a sink of this kind");
        cx.error(&at.key(key), message, "remove it");
    }
    let kinds =
        Kinds { file, stdout, webhook, splunk_hec, elasticsearch, syslog, otlp, datadog, s3 };
    let kind = one_kind(cx, at, &kinds.typed())?;
    let plain = matches!(plain_http, Some(raw::PlainHttp::Allowed));
    let tls = tls(cx, at, ca, client_certificate)?;
    let target = kinds.target(cx, Common { at: &at.key(kind), tls, plain });
    let format = format_of(cx, &at.key("format"), format, kind);
    let records = records(cx, &at.key("batch_records"), batch_records, kind);
    let (default, bound) = (SINK_BATCH_BYTES, SINK_BATCH_BYTES_MAX);
    let bytes = size(cx, &at.key("batch_bytes"), batch_bytes, default, bound);
    let timeout = timeout_of(cx, &at.key("timeout"), timeout);
    Some(Sink {
        name: name.into(),
        format: format?,
        subjects: subjects_of(subjects),
        batch_records: records?,
        batch_bytes: bytes?,
        batch_wait: more::batch_wait(cx, &at.key("batch_wait"), batch_wait, kind)?,
        timeout: timeout?,
        target: target?,
    })
}

fn timeout_of(
    cx: &mut Context<'_>,
    at: &At<'_>,
    timeout: Option<raw::Duration>,
) -> Option<Duration> {
    let ms = Duration::from_millis;
    duration(cx, at, timeout, ms(SINK_TIMEOUT_MS), ms(SINK_TIMEOUT_MS_MAX))
}

fn one_kind(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: &[(&'static str, bool)],
) -> Option<&'static str> {
    let mut kinds = typed.iter().filter(|(_, typed)| *typed).map(|(kind, _)| *kind);
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Some(kind),
        (None, _) => {
            let all: Vec<String> = typed.iter().map(|(kind, _)| format!("`{kind}`")).collect();
            let help = format!("add one of {}", all.join(", "));
            cx.absent(at, "the sink does not say where its records go", help);
            None
        }
        (Some(_), Some(second)) => {
            cx.error(&at.key(second).named(), "a sink has one kind", "make it a sink of its own");
            None
        }
    }
}

fn format_of(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::SinkFormat>,
    kind: &str,
) -> Option<SinkFormat> {
    match raw {
        None if kind == "elasticsearch" => Some(SinkFormat::Ecs),
        None | Some(raw::SinkFormat::Json) => Some(SinkFormat::Json),
        Some(raw::SinkFormat::Ocsf) => Some(SinkFormat::Ocsf),
        Some(raw::SinkFormat::Ecs) => Some(SinkFormat::Ecs),
        Some(raw::SinkFormat::Cef) if kind == "elasticsearch" => {
            cx.error(at, "a bulk interface takes JSON, which `cef` is not", "write `ecs`");
            None
        }
        Some(raw::SinkFormat::Cef) => Some(SinkFormat::Cef),
    }
}

fn records(cx: &mut Context<'_>, at: &At<'_>, raw: Option<u32>, kind: &str) -> Option<usize> {
    // Datadog's intake takes no more in one request.
    let bound = if kind == "datadog" { DATADOG_RECORDS_MAX } else { SINK_BATCH_RECORDS_MAX };
    let Some(typed) = raw else { return Some(SINK_BATCH_RECORDS) };
    match usize::try_from(typed) {
        Ok(records) if (1..=bound).contains(&records) => Some(records),
        _ => {
            let message = format!("`{typed}` is not a possible number of records here");
            cx.error(at, message, format!("write a number from 1 to {bound}"));
            None
        }
    }
}

pub(super) fn tls(
    cx: &mut Context<'_>,
    at: &At<'_>,
    ca: Option<raw::FilePath>,
    client: Option<raw::CertificateFiles>,
) -> Option<SinkTls> {
    let ca_pem = match ca {
        None => None,
        Some(path) => {
            let at = at.key("ca");
            let (path, _) = certificates::authorities(cx, &at, &path)?;
            Some(Arc::from(cx.read(&at, &path, FILE_BYTES_MAX)?))
        }
    };
    let identity = match client {
        None => None,
        Some(raw::CertificateFiles { cert, key }) => {
            let at = at.key("client_certificate");
            let files = certificates::pair(cx, &at, &cert, &key)?;
            let chain = cx.read(&at.key("cert"), &files.cert, FILE_BYTES_MAX)?;
            // Its users and its mode were judged just now.
            let key = cx.files.read_secret(&files.key).ok()?;
            Some((Arc::from(chain), Secret::new(key)))
        }
    };
    Some(SinkTls { ca_pem, identity })
}

fn http(cx: &mut Context<'_>, common: Common<'_, '_>, text: &str) -> Option<SinkHttp> {
    let Common { at, tls, plain } = common;
    let at = at.key("url");
    let message = "records and the credential of the receiver would travel in plain text";
    Some(SinkHttp { url: guarded(cx, &at, text, plain, message)?, tls })
}

/// A URL over which what `message` says may go: with TLS, on this machine, or where `plain` was said.
pub(super) fn guarded(
    cx: &mut Context<'_>,
    at: &At<'_>,
    text: &str,
    plain: bool,
    message: &str,
) -> Option<Url> {
    let url = urls::http_url(cx, at, text)?;
    if url.scheme() == "http" && !urls::is_loopback(&url) {
        if plain {
            cx.weak(at, message, "write `https://…`, and name its authority in `ca`");
        } else {
            let help = "write `https://…`; `plain_http: allowed` takes the risk";
            cx.error(at, message, help);
            return None;
        }
    }
    Some(url)
}

/// A secret that a header field can carry.
fn header_secret(cx: &mut Context<'_>, at: &At<'_>, raw: &raw::SecretRef) -> Option<Secret> {
    let secret = secrets::secret(cx, at, raw)?;
    if ::http::HeaderValue::from_bytes(secret.expose()).is_err() {
        cx.error(at, "the secret cannot stand in a header field", "is it the right file?");
        return None;
    }
    Some(secret)
}

fn webhook_of(
    cx: &mut Context<'_>,
    common: Common<'_, '_>,
    raw: raw::WebhookSink,
) -> Option<SinkTarget> {
    let raw::WebhookSink { url, secret } = raw;
    let secret_at = common.at.key("secret");
    let http = http(cx, common, &url.0);
    let secret = webhook_secret(cx, &secret_at, &secret)?;
    Some(SinkTarget::Webhook { http: http?, secret })
}

/// The key of a webhook's signature.
pub(super) fn webhook_secret(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: &raw::SecretRef,
) -> Option<Secret> {
    let secret = secrets::secret(cx, at, raw)?;
    let text = secret.expose();
    let decoded =
        text.strip_prefix(b"whsec_").map(|text| STANDARD.decode(text).map(Zeroizing::new));
    let long_enough = match decoded {
        None => text.len() >= WEBHOOK_KEY_BYTES_MIN,
        Some(Ok(key)) => key.len() >= WEBHOOK_KEY_BYTES_MIN,
        Some(Err(_)) => false,
    };
    if !long_enough {
        let message = format!("the key has fewer than {WEBHOOK_KEY_BYTES_MIN} bytes");
        cx.error(at, message, "make one with `openssl rand -base64 32`");
        return None;
    }
    Some(secret)
}

fn splunk_of(
    cx: &mut Context<'_>,
    common: Common<'_, '_>,
    raw: raw::SplunkSink,
) -> Option<SinkTarget> {
    let raw::SplunkSink { url, token, index, source, sourcetype, host } = raw;
    let token = header_secret(cx, &common.at.key("token"), &token);
    let http = http(cx, common, &url.0);
    let labels = [("index", index), ("source", source), ("sourcetype", sourcetype), ("host", host)];
    Some(SinkTarget::Splunk { http: http?, token: token?, labels: typed_labels(labels) })
}

fn elasticsearch_of(
    cx: &mut Context<'_>,
    common: Common<'_, '_>,
    raw: raw::ElasticsearchSink,
) -> Option<SinkTarget> {
    let raw::ElasticsearchSink { url, index, api_key, basic } = raw;
    let at = common.at.clone();
    let http = http(cx, common, &url.0);
    let is_index = !index.is_empty()
        && index
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
        && !index.starts_with(['-', '_', '.']);
    if !is_index {
        let help = "use lower-case letters, digits, `-`, `_` and `.`";
        cx.error(&at.key("index"), "this is not the name of an index", help);
        return None;
    }
    let authorization = match (api_key, basic) {
        (Some(_), Some(_)) => {
            cx.error(&at.key("basic"), "two ways to log in", "keep one of them");
            return None;
        }
        (Some(key), None) => {
            let key = header_secret(cx, &at.key("api_key"), &key)?;
            Some(Secret::new([b"ApiKey ", key.expose()].concat()))
        }
        (None, Some(pair)) => {
            let at = at.key("basic");
            let pair = secrets::secret(cx, &at, &pair)?;
            if !pair.expose().contains(&b':') {
                cx.error(&at, "the secret has no colon", "write `user:password` into it");
                return None;
            }
            let text = Zeroizing::new(STANDARD.encode(pair.expose()));
            Some(Secret::new(format!("Basic {}", *text).into_bytes()))
        }
        (None, None) => None,
    };
    Some(SinkTarget::Elasticsearch { http: http?, index, authorization })
}

fn syslog_of(
    cx: &mut Context<'_>,
    common: Common<'_, '_>,
    raw: raw::SyslogSink,
) -> Option<SinkTarget> {
    let raw::SyslogSink { address, facility } = raw;
    let Common { at, tls, plain: _ } = common;
    // Read as the authority of a URL, so that brackets and ports mean what they mean there.
    let url = url::Url::parse(&format!("syslog://{address}")).ok();
    let url = url.filter(|url| url.path().is_empty() && url.username().is_empty());
    let host =
        url.as_ref().and_then(|url| url.host_str()).map(|host| host.trim_matches(['[', ']']));
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        let help = "write `host:port`, such as `syslog.example.com:6514`";
        cx.error(&at.key("address"), "this is not a host with a port", help);
        return None;
    };
    let facility = facility.unwrap_or(SYSLOG_FACILITY);
    if facility > SYSLOG_FACILITY_MAX {
        let help = "write a number from 0 to 23; 13 is the log audit";
        cx.error(&at.key("facility"), "there is no such facility", help);
        return None;
    }
    let port = url.as_ref().and_then(url::Url::port).unwrap_or(SYSLOG_PORT);
    Some(SinkTarget::Syslog { host: host.to_owned(), port, tls, facility })
}

fn otlp_of(cx: &mut Context<'_>, common: Common<'_, '_>, raw: raw::OtlpSink) -> Option<SinkTarget> {
    let raw::OtlpSink { url, headers } = raw;
    let headers_at = common.at.key("headers");
    let http = http(cx, common, &url.0);
    let headers = header_fields(cx, &headers_at, headers)?;
    Some(SinkTarget::Otlp { http: http?, headers })
}

/// Header fields by name, their values by reference.
pub(super) fn header_fields(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Pairs<raw::SecretRef>>,
) -> Option<Vec<(String, Secret)>> {
    let mut all = Vec::new();
    for (name, secret) in raw.map(|raw::Pairs(pairs)| pairs).unwrap_or_default() {
        let at = at.key(&name);
        if ::http::HeaderName::try_from(&name).is_err() {
            cx.error(&at.named(), "this is not the name of a header field", "correct it");
            return None;
        }
        all.push((name, header_secret(cx, &at, &secret)?));
    }
    Some(all)
}

fn datadog_of(
    cx: &mut Context<'_>,
    common: Common<'_, '_>,
    raw: raw::DatadogSink,
) -> Option<SinkTarget> {
    let raw::DatadogSink { url, api_key, service, tags, host } = raw;
    let api_key = header_secret(cx, &common.at.key("api_key"), &api_key);
    let http = http(cx, common, url.as_ref().map_or(DATADOG_URL, |url| &url.0));
    let labels = [("service", service), ("ddtags", tags), ("hostname", host)];
    Some(SinkTarget::Datadog { http: http?, api_key: api_key?, labels: typed_labels(labels) })
}

fn typed_labels<const N: usize>(
    labels: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    labels.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

const DATADOG_URL: &str = "https://http-intake.logs.datadoghq.com/api/v2/logs";
const DATADOG_RECORDS_MAX: usize = 1_000;
/// Standard Webhooks: 24 to 64 bytes.
const WEBHOOK_KEY_BYTES_MIN: usize = 24;
const SYSLOG_PORT: u16 = 6514;
const SYSLOG_FACILITY: u8 = 13;
const SYSLOG_FACILITY_MAX: u8 = 23;
