//! How many series a configuration can make at most.
//!
//! Owns the sizes of the sets from which labels come. Pure: the table of metrics and a
//! configuration in, numbers out. Guarantees that no metric is forgotten (a test asks for each of
//! the table's labels), and that no gateway shows more than was said; a test counts what a gateway
//! shows under load.

use std::collections::BTreeSet;

use super::metrics::{Metrics, Row};
use super::process;
use super::record::Stage;
use crate::authn::Reason;
use crate::call::Action;
use crate::class::Class;
use crate::config::{Config, Server};
use crate::limits::METRIC_TOOLS_MAX;
use crate::reject::Code;
use crate::revocation::Kind;

/// What a configuration can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Each metric with its prefix, and its series at most.
    pub metrics: Vec<(String, usize)>,
}

impl Budget {
    /// All of them together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.metrics.iter().fold(0, |all, (_, series)| all.saturating_add(*series))
    }
}

/// Counts: for each metric the product of the sets of its labels, and of a histogram's buckets.
///
/// # Errors
/// As [`Metrics::new`].
pub fn budget(config: &Config) -> Result<Budget, prometheus::Error> {
    let rows = Metrics::new()?.rows.iter();
    let mut metrics: Vec<(String, usize)> =
        rows.map(|row| (format!("sallyport_{}", row.name), series(row, config))).collect();
    metrics.push(("sallyport_build_info".to_owned(), 1));
    metrics.push(("process".to_owned(), process::series()));
    Ok(Budget { metrics })
}

fn series(row: &Row, config: &Config) -> usize {
    let each = if row.labels.contains(&"server") {
        let servers = config.servers.iter();
        servers.map(|server| product(row, config, Some(server))).fold(0, usize::saturating_add)
    } else {
        product(row, config, None)
    };
    each.saturating_mul(row.lines)
}

fn product(row: &Row, config: &Config, server: Option<&Server>) -> usize {
    let sizes = row.labels.iter().map(|label| {
        // A label that nobody counted would hide a metric: it counts as the largest set there is.
        size(row.name, label, config, server).unwrap_or(usize::MAX)
    });
    sizes.fold(1, usize::saturating_mul)
}

/// How many values a label has; `None` for one that nobody counted.
fn size(metric: &str, label: &str, config: &Config, server: Option<&Server>) -> Option<usize> {
    Some(match (metric, label) {
        (_, "server") => 1,
        (_, "code") => Code::ALL.len(),
        (_, "stage") => Stage::ALL.len(),
        (_, "hash") => 1,
        (_, "part") => CONFINED,
        (_, "answered") => ANSWERED,
        (_, "anchor") => config.audit.anchors.len(),
        (_, "sink") => config.audit.sinks.len(),
        (_, "issuer") => config.issuers.len(),
        (_, "listener") => config.listeners.len(),
        (_, "kind") => Kind::ALL.len(),
        (_, "store") => STORES,
        (_, "event") => EVENTS,
        // Without one, where none was known yet.
        (_, "action") => Action::ALL.len().saturating_add(1),
        ("requests_total", "decision") => Code::ALL.len().saturating_add(1),
        (_, "decision" | "live" | "shadow") => VERDICTS,
        (_, "policy") => server
            .and_then(|server| server.policy.as_ref())
            .map_or(0, |governance| governance.live.rules().len()),
        ("authn_total", "result") => Reason::ALL.len().saturating_add(ACCEPTED),
        (_, "result") => RESULTS,
        (_, "phase") => PHASES,
        (_, "limit") => LIMITS,
        (_, "guard") => GUARDS,
        (_, "mode") => MODES,
        (_, "class") => server.map_or(0, classes),
        (_, "change") => CHANGES,
        (_, "fit") => FITS,
        ("tools_quarantined_total", "reason") => QUARANTINES,
        ("dropped_messages_total", "reason") => DROPS,
        (_, "tool") => server.map_or(0, tools),
        _ => return None,
    })
}

/// Classes that answers or arguments are looked at for.
fn classes(server: &Server) -> usize {
    let redact = &server.redact;
    let placed = redact.fields.iter().map(|(_, class)| *class);
    let arguments =
        redact.arguments.iter().flat_map(|choice| &choice.forms).map(|(class, _)| *class);
    let all: BTreeSet<usize> =
        redact.classes().chain(placed).chain(arguments).map(Class::index).collect();
    all.len()
}

/// Names that stand in the configuration as they are, and all others together.
fn tools(server: &Server) -> usize {
    let plain = server.access.tools.iter().filter(|rule| !rule.pattern.contains(['*', '?']));
    plain.take(METRIC_TOOLS_MAX).count().saturating_add(1)
}

/// File, Redis, memory.
const STORES: usize = 3;
/// What happens to connections ([`crate::server::Event`], which stands above).
const EVENTS: usize = 7;
/// Leased, asked, degraded.
const ANSWERED: usize = 3;
/// Parts of the confinement ([`crate::confine`], which stands above).
const CONFINED: usize = 4;
/// Permit, step up, stale, deny.
const VERDICTS: usize = 4;
/// Accepted, and accepted by grace.
const ACCEPTED: usize = 2;
/// Durable, queued, lost.
const RESULTS: usize = 3;
/// Intent, completion, refusal, batch.
const PHASES: usize = 4;
/// Principal, tool, class, route, concurrency, address.
const LIMITS: usize = 6;
/// Path, URL, SQL, shell, hidden text, arguments.
const GUARDS: usize = 6;
/// Monitor, block.
const MODES: usize = 2;
/// Masked, revealed.
const CHANGES: usize = 2;
/// How a structured result fits its schema; planned, chosen, unfit, unchecked, unseen.
const FITS: usize = 5;
/// Why a tool is quarantined ([`crate::pins::Reason`]).
const QUARANTINES: usize = 6;
/// Why a message is dropped.
const DROPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Metrics, budget, size};
    use crate::config::{Source, Strictness, check};
    use crate::limits::METRIC_TOOLS_MAX;

    fn config(servers: &str) -> crate::config::Config {
        let text = format!(
            "listen: 127.0.0.1:8443\nissuers: [ {{ issuer: 'https://idp.example.com' }} ]\n\
             servers:\n{servers}"
        );
        let source = Source { path: None, text };
        check(&source, &|_: &str| None, Strictness::Normal).unwrap().config
    }

    fn server(name: &str, tools: &str) -> String {
        format!(
            "  - name: {name}\n    public_url: http://localhost:8443/{name}\n    \
             upstream: http://127.0.0.1:8080/mcp\n    tools: [ {tools} ]\n"
        )
    }

    #[test]
    fn every_label_of_the_table_is_counted() {
        let config = config(&server("a", "{ match: x }"));
        for row in Metrics::new().unwrap().rows {
            for label in row.labels {
                let counted = size(row.name, label, &config, config.servers.first().map(|s| &**s));
                assert!(counted.is_some(), "{} {label}", row.name);
            }
        }
    }

    #[test]
    fn servers_and_their_named_tools_are_counted_up_to_metric_tools_max() {
        let of = |config: &crate::config::Config| {
            let budget = budget(config).unwrap();
            let tools =
                budget.metrics.iter().find(|(name, _)| name == "sallyport_tool_calls_total");
            (budget.total(), tools.unwrap().1)
        };
        let (one, named) = of(&config(&server("a", "{ match: x }, { match: y }, { match: 'z*' }")));
        assert_eq!(named, 3);
        let two = format!("{}{}", server("a", "{ match: x }"), server("b", "{ match: x }"));
        let (both, named) = of(&config(&two));
        assert_eq!(named, 4);
        assert!(both > one && both < 2 * one);
        let many: Vec<String> = (0..600).map(|n| format!("{{ match: t{n} }}")).collect();
        let (_, named) = of(&config(&server("a", &many.join(", "))));
        assert_eq!(named, METRIC_TOOLS_MAX + 1);
    }
}
