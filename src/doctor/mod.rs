//! `sallyport doctor`: looks at everything around a gateway that it depends on, and at the gateway
//! as clients see it.
//!
//! Owns the checks. Asks through the gateway's own clients, so that what is seen is what the
//! gateway would see. Guarantees: nothing is changed (the audit trail is opened for reading, no
//! state is written; what servers and issuers are asked leaves no more than a line in their logs);
//! no secret is shown; each check, and the run as a whole, ends in bounded time; what does not pass
//! ends in what to do.

mod clients;
mod clock;
mod exposure;
mod files;
mod finding;
mod issuers;
mod listeners;
mod receivers;
mod shared;
pub mod show;
mod table;
mod trail;
mod upstreams;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

pub use finding::{Finding, Outcome, Report};
pub use table::{Check, Section};

use crate::clock::Clock;
use crate::config::{Config, Problem, Severity};
use crate::limits::{DOCTOR_ANSWER_MS, DOCTOR_AT_ONCE_MAX, DOCTOR_CHECK_MS, DOCTOR_RUN_MS};
use crate::outbound::{Outbound, OutboundError, Settings};

/// What a run may do, and what it knows besides the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether servers that are programs are started to speak with them.
    pub start_processes: bool,
    /// Whether ports that others could reach are closed to them in a way that cannot be seen from
    /// here: a firewall, a network policy.
    pub firewalled: bool,
    /// Authority of the gateway's certificate, PEM, where this system does not trust it.
    pub ca_pem: Option<Vec<u8>>,
}

/// What every check may use.
struct Ward {
    config: Arc<Config>,
    options: Options,
    clock: Clock,
    outbound: Arc<Outbound>,
}

/// One question, with what is to be said when it does not come to its end.
struct Task {
    check: Check,
    about: String,
    work: Pin<Box<dyn Future<Output = Vec<Finding>> + Send>>,
}

impl Task {
    fn new(
        check: Check,
        about: &str,
        work: impl Future<Output = Vec<Finding>> + Send + 'static,
    ) -> Self {
        Self { check, about: about.to_owned(), work: Box::pin(work) }
    }

    /// Work that blocks: files.
    fn blocking(
        check: Check,
        about: &str,
        work: impl FnOnce() -> Vec<Finding> + Send + 'static,
    ) -> Self {
        let about_work = about.to_owned();
        Self::new(check, about, async move {
            tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
                let advice = "please report this with the configuration";
                vec![Finding::failed(check, &about_work, "the check broke off", advice)]
            })
        })
    }
}

/// Looks at everything that a configuration names. `problems` are what its reading found.
///
/// # Errors
/// When the client for issuers cannot be set up.
pub async fn examine(
    config: Config,
    problems: &[Problem],
    options: Options,
) -> Result<Report, OutboundError> {
    let outbound = &config.outbound;
    let networks = outbound.networks.clone();
    let patience = outbound.timeout.min(Duration::from_millis(DOCTOR_ANSWER_MS));
    let settings = Settings::new(outbound.ca_pem.as_deref(), networks, patience)?;
    let ward = Arc::new(Ward {
        outbound: Arc::new(Outbound::with(settings)),
        config: Arc::new(config),
        options,
        clock: Clock::system(),
    });
    let mut findings = loaded(&ward.config, problems);
    let tasks = [
        files::tasks,
        listeners::tasks,
        issuers::tasks,
        upstreams::tasks,
        clients::tasks,
        trail::tasks,
        shared::tasks,
        receivers::tasks,
    ];
    let tasks: Vec<Task> = tasks.iter().flat_map(|of| of(&ward)).collect();
    findings.extend(all(tasks).await);
    // Stable: within one check the order of the configuration stays.
    findings.sort_by_key(|finding| finding.check);
    Ok(Report { findings })
}

/// A configuration that cannot be used: nothing else can be looked at.
#[must_use]
pub fn unusable(problems: &[Problem]) -> Report {
    Report { findings: problems.iter().map(problem).collect() }
}

fn loaded(config: &Config, problems: &[Problem]) -> Vec<Finding> {
    if problems.is_empty() {
        let (servers, issuers) = (config.servers.len(), config.issuers.len());
        let message = format!("{servers} server(s), {issuers} issuer(s)");
        return vec![Finding::passed(Check::ConfigLoads, "", message)];
    }
    problems.iter().map(problem).collect()
}

fn problem(problem: &Problem) -> Finding {
    let Problem { path, file, line, severity, message, help, .. } = problem;
    let about =
        if path.is_empty() { format!("{file}:{line}") } else { format!("{file}:{line} ({path})") };
    match severity {
        Severity::Error => Finding::failed(Check::ConfigLoads, &about, message, help),
        Severity::Warning => Finding::warning(Check::ConfigLoads, &about, message, help),
    }
}

/// Runs the checks, several at once, and gives what they found in their order.
async fn all(tasks: Vec<Task>) -> Vec<Finding> {
    let end = Instant::now() + Duration::from_millis(DOCTOR_RUN_MS);
    let found = stream::iter(tasks.into_iter().map(|task| bounded(task, end)));
    found.buffered(DOCTOR_AT_ONCE_MAX).concat().await
}

/// Ends a check that does not end by itself.
async fn bounded(task: Task, run_end: Instant) -> Vec<Finding> {
    let Task { check, about, work } = task;
    let end = Instant::now() + Duration::from_millis(DOCTOR_CHECK_MS);
    timeout_at(end.min(run_end), work).await.unwrap_or_else(|_| {
        let advice =
            "something answers neither yes nor no: look at what is between, then run again";
        vec![Finding::failed(check, &about, "no end in time", advice)]
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Check, Finding, Outcome, Task, all};
    use crate::limits::{DOCTOR_ANSWER_MS, DOCTOR_AT_ONCE_MAX, DOCTOR_CHECK_MS, DOCTOR_RUN_MS};

    fn silent(n: usize) -> Task {
        Task::new(Check::UpstreamHandshake, &n.to_string(), std::future::pending())
    }

    #[tokio::test(start_paused = true)]
    async fn check_that_does_not_end_fails_after_doctor_check_ms() {
        let begun = Instant::now();
        let found = all(vec![silent(1)]).await;
        assert_eq!(begun.elapsed(), Duration::from_millis(DOCTOR_CHECK_MS));
        assert_eq!((found.len(), found[0].outcome), (1, Outcome::Failed));
        assert!(!found[0].advice.is_empty());
        const { assert!(3 * DOCTOR_ANSWER_MS < DOCTOR_CHECK_MS) };
    }

    #[tokio::test(start_paused = true)]
    async fn run_ends_after_doctor_run_ms_whatever_is_left() {
        let begun = Instant::now();
        let found = all((0..1_000).map(silent).collect()).await;
        assert_eq!(begun.elapsed(), Duration::from_millis(DOCTOR_RUN_MS));
        assert_eq!(found.len(), 1_000);
        let order: Vec<usize> = found.iter().map(|one| one.about.parse().unwrap()).collect();
        assert!(order.is_sorted());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_doctor_at_once_max_are_asked_at_once() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            Task::new(Check::IssuerKeys, "", async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                vec![Finding::passed(Check::IssuerKeys, "", "")]
            })
        };
        assert_eq!(all((0..100).map(task).collect()).await.len(), 100);
        assert_eq!(most.load(Ordering::SeqCst), DOCTOR_AT_ONCE_MAX);
    }
}
