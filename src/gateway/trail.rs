//! The audit trail as the configuration wants it.

use crate::audit;
use crate::clock::Clock;
use crate::config;

/// How the log is opened.
pub(super) fn options(config: &config::Audit, clock: &Clock) -> audit::Options {
    let config::Audit {
        dir,
        durability,
        origin,
        signing_key,
        checkpoint_records,
        checkpoint_interval,
        segment_bytes,
        segment_age,
        anchors,
        retention,
        legal_holds,
        sinks: _,
    } = config.clone();
    let clock = clock.clone();
    let holds_may_be_missing = legal_holds.is_none();
    let retention = audit::Retention {
        rules: retention.into_iter().map(rule).collect(),
        holds: legal_holds.unwrap_or_else(|| dir.join(audit::HOLDS_FILE)),
        holds_may_be_missing,
        now: audit::Now::new(move || clock.wall()),
    };
    let anchors = anchors.into_iter().map(|anchor| match anchor {
        config::Anchor::Log => audit::Destination::Log,
        config::Anchor::Stdout => audit::Destination::Stdout,
        config::Anchor::File(path) => audit::Destination::File(path),
    });
    audit::Options {
        durability,
        origin,
        signing_key,
        rhythm: audit::Rhythm {
            checkpoint_records,
            checkpoint_interval,
            segment_bytes,
            segment_age,
        },
        anchors: anchors.collect(),
        retention: Some(retention),
        ..audit::Options::new(dir)
    }
}

/// Whether two configurations have the same log. Who gets copies of it may change while it goes on.
pub(super) fn is_same(one: &config::Audit, other: &config::Audit) -> bool {
    let log = |audit: &config::Audit| config::Audit { sinks: Vec::new(), ..audit.clone() };
    log(one) == log(other)
}

/// A rule of retention in the words of the trail.
fn rule(config: config::Retention) -> audit::Rule {
    let config::Retention { name, older_than, kind, server, phase } = config;
    audit::Rule { name, older_than, kind, server, phase }
}
