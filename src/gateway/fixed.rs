//! What of a configuration only a restart can change.
//!
//! Owns the list. Guarantees: every such part that differs is named, not just the first, by the key
//! that an operator typed. Everything else can change while the gateway runs.

use crate::config::{Audit, Config};

/// The parts that differ, in the order of the file; empty where a reload can take over all.
pub(super) fn changed(old: &Config, new: &Config) -> Vec<String> {
    let mut names = listeners(old, new);
    let address = |config: &Config| config.admin.as_ref().map(|admin| admin.bind);
    let rest = [
        ("admin.listen", address(old) != address(new)),
        ("revocation", old.revocation != new.revocation),
        ("redis", old.redis != new.redis),
        ("limits.shared", old.shared_limits != new.shared_limits),
        ("log", old.log != new.log),
        ("confinement", old.confinement != new.confinement),
    ];
    let rest = rest.into_iter().chain(audit(&old.audit, &new.audit));
    names.extend(rest.filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()));
    names
}

/// Listeners that came, went or moved.
fn listeners(old: &Config, new: &Config) -> Vec<String> {
    let missing = |of: &Config, from: &Config| -> Vec<String> {
        let gone = of.listeners.iter().filter(|listener| {
            let same = |other: &&crate::config::Listener| {
                other.name == listener.name
                    && other.bind == listener.bind
                    && other.reuse_port == listener.reuse_port
            };
            !from.listeners.iter().any(|other| same(&other))
        });
        gone.map(|listener| format!("listen ({})", listener.name)).collect()
    };
    let mut names = missing(old, new);
    for name in missing(new, old) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Without `..`: a new key of the trail does not compile until it is placed.
fn audit(old: &Audit, new: &Audit) -> [(&'static str, bool); 10] {
    let Audit {
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
        // Who gets copies may change while the trail goes on.
        sinks: _,
    } = old;
    let checkpoint = (checkpoint_records, checkpoint_interval)
        != (&new.checkpoint_records, &new.checkpoint_interval);
    let segment = (segment_bytes, segment_age) != (&new.segment_bytes, &new.segment_age);
    [
        ("audit.dir", *dir != new.dir),
        ("audit.durability", *durability != new.durability),
        ("audit.origin", *origin != new.origin),
        ("audit.signing_key", *signing_key != new.signing_key),
        ("audit.checkpoint", checkpoint),
        ("audit.segment", segment),
        ("audit.anchors", *anchors != new.anchors),
        ("audit.retention", *retention != new.retention),
        ("audit.legal_holds", *legal_holds != new.legal_holds),
        ("audit.subjects", *subjects != new.subjects),
    ]
}
