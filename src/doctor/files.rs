//! Files beside the configuration: private keys, policies, approved tools.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Check, Finding, Task, Ward};
use crate::config::{Config, Server, ToolPins};
use crate::pins::load_waiting;

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let (keys, rules) = (Arc::clone(ward), Arc::clone(ward));
    vec![
        Task::blocking(Check::KeyPermissions, "", move || permissions(&keys.config)),
        Task::blocking(Check::PolicyLoads, "", move || {
            rules.config.servers.iter().flat_map(|server| judged(server)).collect()
        }),
    ]
}

fn permissions(config: &Config) -> Vec<Finding> {
    let check = Check::KeyPermissions;
    let keys = key_files(config);
    if keys.is_empty() {
        return vec![Finding::skipped(check, "", "the configuration names no file of a key")];
    }
    let wrong: Vec<Finding> = keys.iter().filter_map(|path| too_open(path)).collect();
    if wrong.is_empty() {
        let message = format!("{} file(s), closed to other users", keys.len());
        return vec![Finding::passed(check, "", message)];
    }
    wrong
}

/// The audit trail's own key has a check of its own.
fn key_files(config: &Config) -> BTreeSet<PathBuf> {
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let tls = tls.flat_map(|tls| tls.certificates.iter().map(|files| files.key.clone()));
    let development = config.issuers.iter().filter_map(|issuer| issuer.development_key.clone());
    let master = config.audit.subjects.iter().map(|subjects| subjects.master_key.clone());
    tls.chain(development).chain(master).collect()
}

/// A group may read: that is how keys are mounted for a user that does not own them.
fn too_open(path: &Path) -> Option<Finding> {
    let check = Check::KeyPermissions;
    let about = format!("`{}`", path.display());
    let mode = match std::fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) => {
            let advice = "give the gateway's user the right to read it";
            return Some(Finding::failed(check, &about, error.to_string(), advice));
        }
    };
    let advice = format!("chmod 600 {}", path.display());
    if mode & 0o022 != 0 {
        let message = format!("other users may replace this key (mode {mode:o})");
        Some(Finding::failed(check, &about, message, advice))
    } else if mode & 0o004 != 0 {
        let message = format!("every user of this machine may read this key (mode {mode:o})");
        Some(Finding::failed(check, &about, message, advice))
    } else {
        None
    }
}

/// Policies and pins of one server. Both were read with the configuration.
fn judged(server: &Server) -> Vec<Finding> {
    let about = format!("server {}", server.name);
    let mut found = Vec::new();
    if let Some(governance) = &server.policy {
        let count = governance.live.rules().len();
        let shadow =
            if governance.shadow.is_some() { ", others are tried beside them" } else { "" };
        let message =
            format!("{count} polic{} in force{shadow}", if count == 1 { "y" } else { "ies" });
        found.push(Finding::passed(Check::PolicyLoads, &about, message));
    }
    found.extend(server.tool_pins.as_ref().map(|pins| pinned(pins, &about)));
    found
}

fn pinned(pins: &ToolPins, about: &str) -> Finding {
    let check = Check::PinsFile;
    let file = pins.file.display();
    if !pins.file.exists() {
        let advice = "call the tools once through the gateway, then `sallyport pins approve`";
        return Finding::warning(check, about, format!("`{file}` is not there"), advice);
    }
    let approved: usize = pins.approved.0.values().map(Vec::len).sum();
    match load_waiting(&pins.seen_file()).map(|waiting| waiting.len()) {
        Ok(0) => {
            let message = format!("{approved} definition(s) approved, none waits");
            Finding::passed(check, about, message)
        }
        Ok(waiting) => {
            let message = format!("{waiting} definition(s) wait for approval and are not used");
            let advice = "look at them with `sallyport pins diff`, then `sallyport pins approve`";
            Finding::warning(check, about, message, advice)
        }
        Err(why) => {
            let file = pins.seen_file();
            let message = format!("`{}` cannot be read: {why}", file.display());
            let advice = "remove it: a running gateway writes it anew";
            Finding::warning(check, about, message, advice)
        }
    }
}
