//! What the audit trail need not keep, and the file of what it must.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{Retention, raw};
use super::{At, Context, duration};
use crate::limits::{AUDIT_NAME_BYTES_MAX, AUDIT_RETENTION_AGE_MS_MAX, AUDIT_RULES_MAX};

/// The rules that are right; of the others it was told.
pub(super) fn rules(
    cx: &mut Context<'_>,
    at: &At<'_>,
    typed: Vec<raw::Retention>,
) -> Vec<Retention> {
    if typed.len() > AUDIT_RULES_MAX {
        cx.error(at, "too many rules of retention", format!("keep at most {AUDIT_RULES_MAX}"));
        return Vec::new();
    }
    let mut rules: Vec<Retention> = Vec::new();
    for (position, raw) in typed.into_iter().enumerate() {
        let at = at.item(position);
        let Some(rule) = rule(cx, &at, raw) else { continue };
        if rules.iter().any(|known| known.name == rule.name) {
            let message = format!("two rules of retention are called `{}`", rule.name);
            cx.error(&at.key("name"), message, "give each its own name: records tell it");
        } else {
            rules.push(rule);
        }
    }
    rules
}

fn rule(cx: &mut Context<'_>, at: &At<'_>, raw: raw::Retention) -> Option<Retention> {
    let raw::Retention { name, older_than, kind, server, phase } = raw;
    let bound = Duration::from_millis(AUDIT_RETENTION_AGE_MS_MAX);
    let older_than = duration(cx, &at.key("older_than"), Some(older_than), Duration::ZERO, bound);
    let fit = |c: char| !c.is_control();
    let named = (1..=AUDIT_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(fit);
    if !named {
        let message = "this cannot name a rule of retention";
        cx.error(&at.key("name"), message, "write a short name: `calls-90d`");
    }
    let known = kind.as_deref().is_none_or(|kind| KINDS.contains(&kind));
    if !known {
        let at = at.key("kind");
        let message = format!("`{}` is not a kind of records that can go", at.shown());
        cx.error(&at, message, "write `call` or `revocation`; the log's own records stay");
    }
    (named && known).then_some(Retention { name, older_than: older_than?, kind, server, phase })
}

/// The file of legal holds. It must be there: without it nothing would be purged.
pub(super) fn holds(
    cx: &mut Context<'_>,
    at: &At<'_>,
    file: &raw::FilePath,
    used: bool,
) -> PathBuf {
    let path = cx.resolve(&file.0);
    if used && !path.is_file() {
        let message = format!("`{}` is not there: nothing would be purged", path.display());
        cx.warn(at, message, "make it, empty or with `sallyport audit hold add`");
    }
    path
}

const KINDS: [&str; 2] = ["call", "revocation"];
