//! The audit trail as the configuration wants it.

use crate::audit;
use crate::config;

/// How the log is opened.
pub(super) fn options(config: &config::Audit) -> audit::Options {
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
        sinks: _,
    } = config.clone();
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
        ..audit::Options::new(dir)
    }
}

/// Whether two configurations have the same log. Who gets copies of it may change while it goes on.
pub(super) fn is_same(one: &config::Audit, other: &config::Audit) -> bool {
    let log = |audit: &config::Audit| config::Audit { sinks: Vec::new(), ..audit.clone() };
    log(one) == log(other)
}
