//! The keys of what the gateway tells of single exchanges, besides its records.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, FilePath, Network, Pairs, PlainHttp, SecretRef, Url};

/// What the gateway tells of single exchanges, besides its records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Traces for an OpenTelemetry collector. Default: none; then the trace of the caller is passed
    /// on as it came.
    pub traces: Option<Traces>,
    /// Whether every exchange that closes writes a line to the log. Default: `false`.
    pub access_log: Option<bool>,
}

/// Traces for an OpenTelemetry collector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Where, with the path; OTLP over HTTP in its binary encoding.
    #[schemars(example = "https://otel.example.com:4318/v1/traces")]
    pub otlp: Url,
    /// Header fields of every request. Default: none.
    pub headers: Option<Pairs<SecretRef>>,
    /// The only authorities that are trusted, PEM. Default: those of the system.
    pub ca: Option<FilePath>,
    /// Whether plain HTTP may leave this machine. Default: `loopback`.
    pub plain_http: Option<PlainHttp>,
    /// Part of the exchanges that is traced, `0` to `1`. Default: `1`.
    pub sample: Option<f64>,
    /// Networks of peers whose `traceparent` decides whether an exchange is traced, in place of
    /// `sample`: a proxy that samples. Default: none.
    pub trusted_parents: Option<Vec<Network>>,
    /// Time for one request. Default: `10s`.
    pub timeout: Option<Duration>,
}
