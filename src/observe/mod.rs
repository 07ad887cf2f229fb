//! What the gateway tells about itself: one record per exchange, metrics, log lines.
//!
//! Owns every metric name and every field of the audit record. No stage imports this module; the
//! pipeline books what stages return. Guarantees that no value a caller chose becomes a metric
//! label, and that no token, body or personal datum becomes text.

mod budget;
mod line;
mod masked;
pub mod metrics;
mod process;
mod record;
pub mod traces;

pub use budget::{Budget, budget};
pub use masked::masked_arguments;
pub use metrics::{Metrics, RouteMetrics};
pub use record::{CallFacts, Configured, Record, SCHEMA, Stage};
pub use traces::Telemetry;
