//! What the gateway tells of single exchanges, besides its records.

use std::time::Duration;

use ipnet::IpNet;

use super::SinkHttp;
use crate::secret::Secret;

/// Traces and access lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Telemetry {
    /// Where traces go; none are made without.
    pub traces: Option<Traces>,
    /// Whether every exchange that closes writes a line to the log.
    pub access_log: bool,
}

/// Where traces go, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// The collector, with the path.
    pub http: SinkHttp,
    /// Header fields of every request.
    pub headers: Vec<(String, Secret)>,
    /// Part of the exchanges that is traced, 0 to 1.
    pub sample: f64,
    /// Peers whose `traceparent` decides instead.
    pub trusted_parents: Vec<IpNet>,
    /// Time for one request.
    pub timeout: Duration,
}
