//! The process lets go of what it does not need, once it knows its configuration.
//!
//! Owns what is let go, and how the kernel is told: Landlock for files and ports, a seccomp filter
//! for system calls. Assumes that [`Confined::enter`] is called while the process has one thread:
//! Landlock binds the calling thread and those that it starts. Guarantees: what was let go cannot be
//! had back; nothing that the configuration names stops working, but for [`Confined::beyond`], which
//! a reload refuses by name; what the kernel cannot enforce is said, never passed over.
//!
//! Child processes inherit all of it, and nobody knows what they need. A gateway whose servers are
//! processes is therefore not confined at all.

#[cfg(target_os = "linux")]
mod kernel;
mod plan;
#[cfg(target_os = "linux")]
mod syscalls;

use std::path::{Path, PathBuf};

use crate::config::{Config, Confinement};
use plan::Plan;

/// What the kernel enforces of a confinement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Enforced {
    files: bool,
    bind: bool,
    signals: bool,
    syscalls: bool,
}

/// What this process has let go. By default nothing.
#[derive(Debug, Clone, Default)]
pub struct Confined {
    enforced: Enforced,
    /// Where a confined process may write. A reload that needs more is refused.
    writes: Vec<PathBuf>,
    /// Where it may read.
    reads: Vec<PathBuf>,
}

impl Confined {
    /// Confines this process for what the configuration needs, and says in the log what came of it.
    /// To be called while there is one thread.
    #[must_use]
    pub fn enter(config: &Config) -> Self {
        match config.confinement {
            Confinement::Off => {
                tracing::warn!("not confined: the configuration says `confinement: off`");
                return Self::default();
            }
            Confinement::On => {}
        }
        if let Some(server) = plan::started(config).next() {
            tracing::warn!(
                server,
                "not confined: this server is a process of the gateway's, which would be confined \
                 with it; run it by itself and reach it by a socket"
            );
            return Self::default();
        }
        let plan = Plan::of(config);
        let enforced = enforce(&plan);
        let Enforced { files, bind, signals, syscalls } = enforced;
        let writes: Vec<_> = plan.writes.iter().map(|path| path.display().to_string()).collect();
        let writes = writes.join(" ");
        if files && bind && signals && syscalls {
            tracing::info!(files, bind, signals, syscalls, writes, "confined");
        } else {
            tracing::warn!(
                files,
                bind,
                signals,
                syscalls,
                writes,
                "confined in part: a newer kernel, or one with Landlock and seccomp, does more"
            );
        }
        if files && plan.reads.iter().chain(&plan.writes).any(|path| path == Path::new("/")) {
            tracing::warn!(
                "a file of the configuration stands in `/`, so that all others are open"
            );
        }
        if !files {
            return Self { enforced, ..Self::default() };
        }
        let (writes, reads) = (plan.writes.into_iter().collect(), plan.reads.into_iter().collect());
        Self { enforced, writes, reads }
    }

    /// Each part, and whether the kernel enforces it: the labels of `sallyport_confined`.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, bool); 4] {
        let Enforced { files, bind, signals, syscalls } = self.enforced;
        [("files", files), ("bind", bind), ("signals", signals), ("syscalls", syscalls)]
    }

    /// What of a new configuration this process has let go, by the key that an operator typed.
    #[must_use]
    pub fn beyond(&self, config: &Config) -> Vec<String> {
        let Enforced { files, bind: _, signals: _, syscalls } = self.enforced;
        let mut names = Vec::new();
        if syscalls {
            let typed = |server| format!("servers ({server}) upstream.command");
            names.extend(plan::started(config).map(typed));
        }
        if files {
            let out = |folder: &Path| !plan::within(&self.writes, folder);
            let needs = plan::written(config).into_iter();
            names.extend(needs.filter(|(_, folder)| out(folder)).map(|(name, _)| name));
        }
        names
    }

    /// Whether a file cannot be read because this process has let it go.
    #[must_use]
    pub fn hides(&self, file: &Path) -> bool {
        self.enforced.files && file.exists() && !plan::within(&self.reads, file)
    }
}

#[cfg(target_os = "linux")]
fn enforce(plan: &Plan) -> Enforced {
    // The filter last: it forbids nothing that Landlock needs, but less runs without it this way.
    let kernel::Landlocked { files, bind, signals } = kernel::landlock(plan);
    Enforced { files, bind, signals, syscalls: syscalls::filter() }
}

#[cfg(not(target_os = "linux"))]
fn enforce(_: &Plan) -> Enforced {
    Enforced::default()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Confined, Enforced};
    use crate::config::{Behind, Config, Flags, from_flags};

    fn config(upstream: Behind) -> Config {
        let flags = Flags {
            upstream,
            issuer: "https://idp.example.com".into(),
            listen: None,
            public_url: None,
            tls: None,
            audit_dir: Some(std::env::temp_dir()),
            admin: None,
        };
        from_flags(&flags).unwrap().config
    }

    fn confined(writes: PathBuf) -> Confined {
        let enforced = Enforced { files: true, bind: true, signals: true, syscalls: true };
        Confined { enforced, writes: vec![writes.clone()], reads: vec![writes] }
    }

    #[test]
    fn process_that_let_nothing_go_refuses_nothing() {
        let command = Behind::Command { words: vec!["/bin/true".into()], env_pass: Vec::new() };
        assert!(Confined::default().beyond(&config(command)).is_empty());
        assert!(Confined::default().parts().iter().all(|(_, enforced)| !enforced));
        assert!(!Confined::default().hides("/etc/hostname".as_ref()));
    }

    #[test]
    fn server_to_be_started_is_beyond_a_confined_process() {
        let here = confined(std::env::temp_dir().canonicalize().unwrap());
        let command = Behind::Command { words: vec!["/bin/true".into()], env_pass: Vec::new() };
        assert_eq!(here.beyond(&config(command)), ["servers (default) upstream.command"]);
        let url = Behind::Url("http://127.0.0.1:1/mcp".parse().unwrap());
        assert!(here.beyond(&config(url)).is_empty());
    }

    #[test]
    fn trail_elsewhere_is_beyond_and_a_file_elsewhere_is_hidden() {
        let here = confined("/nowhere".into());
        let url = Behind::Url("http://127.0.0.1:1/mcp".parse().unwrap());
        assert_eq!(here.beyond(&config(url)), ["audit.dir"]);
        assert!(here.hides("/proc/version".as_ref()));
        assert!(!here.hides("/nowhere/s.yaml".as_ref()), "what is not there is not hidden");
    }
}
