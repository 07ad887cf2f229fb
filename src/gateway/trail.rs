//! The audit trail as the configuration wants it.

use std::time::Duration;

use tokio::time::Instant;

use crate::audit::{self, Log, OpenError};
use crate::clock::Clock;
use crate::config;
use crate::limits::AUDIT_HANDOVER_POLL_MS;

/// Opens the log. One that another gateway still writes is waited for, at most for `wait`: the one
/// that ends writes its last record, and the next goes on behind it, in one sequence.
pub(super) async fn open(
    config: &config::Audit,
    clock: &Clock,
    wait: Duration,
) -> Result<Log, OpenError> {
    let until = Instant::now() + wait;
    let mut told = false;
    loop {
        match Log::open(&options(config, clock)) {
            Err(OpenError::Locked { dir }) if Instant::now() < until => {
                if !told {
                    told = true;
                    let dir = dir.display();
                    tracing::info!(%dir, "waiting for another gateway to let go of the audit trail");
                }
                tokio::time::sleep(Duration::from_millis(AUDIT_HANDOVER_POLL_MS)).await;
            }
            other => return other,
        }
    }
}

/// How the log is opened.
fn options(config: &config::Audit, clock: &Clock) -> audit::Options {
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
        subjects,
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
    let anchors = anchors.into_iter().filter_map(|anchor| match anchor {
        config::Anchor::Log => Some(audit::Destination::Log),
        config::Anchor::Stdout => Some(audit::Destination::Stdout),
        config::Anchor::File(path) => Some(audit::Destination::File(path)),
        // Follows the log beside it, from tasks of its own.
        config::Anchor::Remote(_) => None,
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
        subjects: subjects.map(|found| {
            let config::SubjectKeys { keys, master_key } = found;
            audit::Subjects { keys, master_key }
        }),
        ..audit::Options::new(dir)
    }
}

/// A rule of retention in the words of the trail.
fn rule(config: config::Retention) -> audit::Rule {
    let config::Retention { name, older_than, kind, server, phase } = config;
    audit::Rule { name, older_than, kind, server, phase }
}
