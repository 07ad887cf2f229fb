//! The audit trail: its folder, name, key, rhythm and anchors.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::model::{Audit, Durability, SubjectKeys};
use super::super::raw;
use super::retention;
use super::{At, Context, anchors, duration, sinks, size};
use crate::limits::{
    AUDIT_CHECKPOINT_MS, AUDIT_CHECKPOINT_MS_MAX, AUDIT_CHECKPOINT_RECORDS,
    AUDIT_CHECKPOINT_RECORDS_MAX, AUDIT_NAME_BYTES_MAX, AUDIT_SEGMENT_BYTES,
    AUDIT_SEGMENT_BYTES_MAX, AUDIT_SEGMENT_BYTES_MIN, AUDIT_SEGMENT_MS, AUDIT_SEGMENT_MS_MAX,
};

pub(super) fn audit(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Audit>) -> Option<Audit> {
    let raw::Audit {
        dir,
        durability,
        origin,
        signing_key,
        checkpoint,
        segment,
        anchors,
        sinks,
        retention,
        legal_holds,
        subjects,
    } = raw.unwrap_or_default();
    let dir = folder(cx, at, dir);
    let durability = durability_of(cx, at, durability);
    let origin = origin.map(|origin| name(cx, &at.key("origin"), origin));
    let signing_key = signing_key.map(|key| key_file(cx, &at.key("signing_key"), &key));
    let rhythm = checkpoints(cx, &at.key("checkpoint"), checkpoint);
    let segments = segments(cx, &at.key("segment"), segment);
    let anchors = anchors::anchors(cx, &at.key("anchors"), anchors);
    let seals = if subjects.is_some() { sinks::Seals::Yes } else { sinks::Seals::No };
    let sinks = sinks::sinks(cx, &at.key("sinks"), sinks, dir.as_deref(), seals);
    let retention = retention::rules(cx, &at.key("retention"), retention.unwrap_or_default());
    let legal_holds = legal_holds
        .map(|file| retention::holds(cx, &at.key("legal_holds"), &file, !retention.is_empty()));
    let subjects = subjects.map(|raw| subject_keys(cx, &at.key("subjects"), &raw));
    let ((checkpoint_records, checkpoint_interval), (segment_bytes, segment_age)) =
        (rhythm?, segments?);
    Some(Audit {
        dir: dir?,
        durability,
        origin: optional(origin)?,
        signing_key: optional(signing_key)?,
        checkpoint_records,
        checkpoint_interval,
        segment_bytes,
        segment_age,
        anchors: anchors?,
        sinks: sinks?,
        retention,
        legal_holds,
        subjects: optional(subjects)?,
    })
}

/// What was typed and is right, or was not typed; nothing if it is wrong.
fn optional<T>(typed: Option<Option<T>>) -> Option<Option<T>> {
    match typed {
        None => Some(None),
        Some(right) => right.map(Some),
    }
}

fn folder(cx: &mut Context<'_>, at: &At<'_>, dir: Option<raw::FilePath>) -> Option<PathBuf> {
    let dir = cx.resolve(dir.as_ref().map_or("audit", |dir| &dir.0));
    if std::fs::metadata(&dir).is_ok_and(|facts| !facts.is_dir()) {
        let message = format!("`{}` is not a folder", dir.display());
        cx.error(&at.key("dir"), message, "name a folder; it is made if it does not exist");
        return None;
    }
    Some(dir)
}

fn durability_of(cx: &mut Context<'_>, at: &At<'_>, typed: Option<raw::Durability>) -> Durability {
    match typed {
        None | Some(raw::Durability::Durable) => Durability::Durable,
        Some(raw::Durability::Written) => {
            cx.weak(
                &at.key("durability"),
                "a power loss may take the last audit records",
                "write `durable`, or accept it",
            );
            Durability::Written
        }
    }
}

/// C2SP signed-note: the name of a key has no space and no plus.
fn name(cx: &mut Context<'_>, at: &At<'_>, origin: String) -> Option<String> {
    let fit = |c: char| c != '+' && !c.is_whitespace() && !c.is_control();
    if !(1..=AUDIT_NAME_BYTES_MAX).contains(&origin.len()) || !origin.chars().all(fit) {
        let message = format!("`{}` cannot name a log", at.shown());
        cx.error(at, message, "write a name without spaces and `+`: `gw-1.example.com/audit`");
        return None;
    }
    Some(origin)
}

fn key_file(cx: &mut Context<'_>, at: &At<'_>, raw: &raw::SigningKey) -> Option<PathBuf> {
    let at = at.key("file");
    let path = cx.resolve(&raw.file.0);
    let pem = cx.read_secret(&at, &path)?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).ok();
    let fits = |der: &PrivatePkcs8KeyDer<'_>| {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).is_ok()
    };
    if !der.as_ref().is_some_and(fits) {
        let help = "make one with `openssl genpkey -algorithm ed25519`";
        cx.error(&at, "the file holds no Ed25519 key in PKCS#8 PEM", help);
        return None;
    }
    owners_alone(cx, &at, &path).then_some(path)
}

fn subject_keys(cx: &mut Context<'_>, at: &At<'_>, raw: &raw::Subjects) -> Option<SubjectKeys> {
    let keys = cx.resolve(&raw.keys.0);
    let at = at.key("master_key").key("file");
    let master_key = cx.resolve(&raw.master_key.file.0);
    let text = cx.read_secret(&at, &master_key)?;
    let digits = text.trim_ascii();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        let help = "make one with `openssl rand -hex 32`";
        cx.error(&at, "the file does not hold 64 hexadecimal digits", help);
        return None;
    }
    owners_alone(cx, &at, &master_key).then_some(SubjectKeys { keys, master_key })
}

fn owners_alone(cx: &mut Context<'_>, at: &At<'_>, path: &Path) -> bool {
    let mode = std::fs::metadata(path).map_or(0, |facts| facts.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let message = format!("others than the owner may use the key (mode {mode:o})");
        cx.error(at, message, format!("chmod 600 {}", path.display()));
    }
    mode & 0o077 == 0
}

fn checkpoints(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Checkpoint>,
) -> Option<(u64, Duration)> {
    let (records, interval) = raw.map_or((None, None), |raw| (raw.records, raw.interval));
    let records = records.unwrap_or(AUDIT_CHECKPOINT_RECORDS);
    let known = (1..=AUDIT_CHECKPOINT_RECORDS_MAX).contains(&records);
    if !known {
        let at = at.key("records");
        let message = format!("`{}` is not a possible number of records", at.shown());
        cx.error(&at, message, format!("write 1 to {AUDIT_CHECKPOINT_RECORDS_MAX}"));
    }
    let default = Duration::from_millis(AUDIT_CHECKPOINT_MS);
    let bound = Duration::from_millis(AUDIT_CHECKPOINT_MS_MAX);
    let interval = duration(cx, &at.key("interval"), interval, default, bound)?;
    known.then_some((records, interval))
}

fn segments(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Segment>,
) -> Option<(u64, Duration)> {
    let (typed, age) = raw.map_or((None, None), |raw| (raw.size, raw.age));
    let size_at = at.key("size");
    let bytes = size(cx, &size_at, typed, AUDIT_SEGMENT_BYTES, AUDIT_SEGMENT_BYTES_MAX);
    let default = Duration::from_millis(AUDIT_SEGMENT_MS);
    let age =
        duration(cx, &at.key("age"), age, default, Duration::from_millis(AUDIT_SEGMENT_MS_MAX));
    let bytes = bytes?;
    if bytes < AUDIT_SEGMENT_BYTES_MIN {
        let message = format!("`{}` is too small a segment", size_at.shown());
        cx.error(
            &size_at,
            message,
            format!("write at least `{}KiB`", AUDIT_SEGMENT_BYTES_MIN >> 10),
        );
        return None;
    }
    Some((u64::try_from(bytes).unwrap_or(u64::MAX), age?))
}
