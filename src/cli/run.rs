//! `sallyport run`: serve, reload, drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::supervisor::{self, Heart};
use super::{USAGE, say};
use crate::config::{self, Behind, Checked, Flags, Problems, Trigger, Watch};
use crate::confine::Confined;
use crate::gateway::{Gateway, Options};
use crate::limits::AUDIT_HANDOVER_MS;
use crate::server::Inherited;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "SALLYPORT_CONFIG", conflicts_with_all = FLAGS_ALONE)]
    config: Option<PathBuf>,
    /// MCP server to stand in front of, without a configuration file
    #[arg(long, value_name = "URL", requires = "issuer", conflicts_with = "command")]
    upstream: Option<Url>,
    /// MCP server to start and to stand in front of, without a configuration file: a program that
    /// speaks over its standard input and output, and its arguments, such as `-- npx some-server`.
    /// Each caller has a process of its own
    #[arg(last = true, value_name = "COMMAND", requires = "issuer")]
    command: Vec<String>,
    /// Variable of this environment that the command is given, besides PATH, HOME, LANG, LC_ALL,
    /// TZ and TMPDIR; may be repeated
    #[arg(long, value_name = "NAME", requires = "command")]
    env_pass: Vec<String>,
    /// Issuer whose tokens are accepted
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Address to listen on, without a configuration file
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// What clients type; default: the listen address and /mcp
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Certificate chain, PEM; without it plain HTTP is served, on loopback only
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Directory of the audit trail, without a configuration file
    #[arg(long, value_name = "DIR", default_value = "audit")]
    audit_dir: PathBuf,
    /// Address of health, readiness and metrics, without a configuration file
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    admin: SocketAddr,
    /// Do not reload when files change; SIGHUP still reloads
    #[arg(long)]
    no_watch: bool,
}

/// What ends the gateway.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn handled() -> std::io::Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        // Before there is any thread: it changes the environment.
        let inherited = Inherited::from_environment()?;
        // Before anything else: the first process of a container that has no handler for a signal
        // never gets it, and with one it is kept until the gateway can stop.
        let early = without_threads()?;
        let signals = {
            let _inside = early.enter();
            Signals::handled()?
        };
        let checked = match self.load() {
            Ok(Ok(checked)) => checked,
            Ok(Err(problems)) => {
                say(&problems.to_string());
                return Ok(ExitCode::from(USAGE));
            }
            Err(usage) => {
                say(&usage.to_string());
                return Ok(ExitCode::from(USAGE));
            }
        };
        start_log(&checked.config.log)?;
        // Asked before, since the answer stands in files.
        let cores = cores();
        // Still the one thread, whose confinement all others inherit.
        let confined = Confined::enter(&checked.config);
        let options = options(&checked.config, inherited, confined);
        runtime_of(cores)?.block_on(self.serve(checked, options, signals))
    }

    fn load(&self) -> anyhow::Result<Result<Checked, Problems>> {
        match (&self.config, self.behind(), &self.issuer) {
            (Some(file), _, _) => Ok(config::load(file)),
            (None, Some(upstream), Some(issuer)) => Ok(config::from_flags(&Flags {
                upstream,
                issuer: issuer.clone(),
                listen: Some(self.listen),
                public_url: self.public_url.clone(),
                tls: self.tls_cert.clone().zip(self.tls_key.clone()),
                audit_dir: Some(self.audit_dir.clone()),
                admin: Some(self.admin),
            })),
            (None, _, _) => anyhow::bail!(
                "name a configuration with --config FILE, or an issuer and a server with \
                 --issuer URL --upstream URL or --issuer URL -- COMMAND"
            ),
        }
    }

    fn behind(&self) -> Option<Behind> {
        match &self.upstream {
            Some(url) => Some(Behind::Url(url.clone())),
            None if self.command.is_empty() => None,
            None => Some(Behind::Command {
                words: self.command.clone(),
                env_pass: self.env_pass.clone(),
            }),
        }
    }

    async fn serve(
        &self,
        checked: Checked,
        options: Options,
        signals: Signals,
    ) -> anyhow::Result<ExitCode> {
        let Signals { mut terminate, mut interrupt } = signals;
        let mut watch = Watch::start(checked.files).context("watching the configuration")?;
        supervisor::starting("starting, or waiting for the audit trail of its predecessor");
        let confined = options.confined.clone();
        let gateway = Gateway::start(checked.config, options).await?;
        announce(&gateway);
        supervisor::ready("serving");
        let mut heart = Heart::new();
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = heart.beat() => {}
                trigger = watch.changed() => {
                    supervisor::reloading();
                    supervisor::ready(self.reload(&gateway, &confined, &mut watch, trigger));
                }
            }
        }
        supervisor::stopping();
        tracing::info!("stopping: no new connections, open exchanges may finish");
        gateway.stop();
        tokio::select! {
            () = heart.beat() => {}
            () = gateway.stopped() => {}
        }
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    /// Reads, checks and swaps; a configuration that is refused changes nothing. Returns in words
    /// what serves now.
    fn reload(
        &self,
        gateway: &Gateway,
        confined: &Confined,
        watch: &mut Watch,
        trigger: Trigger,
    ) -> &'static str {
        if self.no_watch && trigger == Trigger::Files {
            return "serving";
        }
        let cause = trigger.name();
        let checked = match self.load() {
            Ok(Ok(checked)) => checked,
            Ok(Err(problems)) => {
                gateway.reload_failed();
                for problem in &problems.list {
                    // Without the source line: it may hold what belongs in no log.
                    tracing::error!(
                        line = problem.line,
                        key = problem.path.as_str(),
                        problem = problem.message.as_str(),
                        "configuration"
                    );
                }
                for file in problems.files.paths().filter(|file| confined.hides(file)) {
                    let file = file.display();
                    tracing::error!(
                        %file,
                        "outside of the folders to which the process confined itself at its start: \
                         restart it, or move the file"
                    );
                }
                tracing::error!(cause, "reload refused, the old configuration keeps serving");
                watch.follow(problems.files);
                return REFUSED;
            }
            Err(error) => {
                tracing::error!(cause, %error, "reload refused, the old configuration keeps serving");
                return REFUSED;
            }
        };
        let status = match gateway.reload(checked.config) {
            Ok(()) => {
                tracing::info!(cause, generation = gateway.generation(), "reloaded");
                "serving"
            }
            Err(error) => {
                tracing::error!(cause, %error, "reload refused, the old configuration keeps serving");
                REFUSED
            }
        };
        watch.follow(checked.files);
        status
    }
}

/// A gateway that may overlap with its predecessor waits for the trail; where there cannot be one
/// that is about to end, a second writer is a mistake that is told at once.
fn options(config: &config::Config, inherited: Inherited, confined: Confined) -> Options {
    let overlaps = !inherited.is_empty() || config.listeners.iter().any(|l| l.reuse_port);
    let ms = if overlaps { AUDIT_HANDOVER_MS } else { 0 };
    let audit_wait = Duration::from_millis(ms);
    Options { inherited, audit_wait, confined, ..Options::default() }
}

fn announce(gateway: &Gateway) {
    for bound in gateway.addresses() {
        tracing::info!(listener = %bound.name, address = %bound.address, "listening");
    }
    if let Some(admin) = gateway.admin() {
        tracing::info!(address = %admin, "admin listening: /healthz /readyz /metrics");
    }
}

/// JSON lines or text, to stderr; `SALLYPORT_LOG` overrides the filter.
pub(super) fn start_log(log: &config::Log) -> anyhow::Result<()> {
    let filter = match std::env::var("SALLYPORT_LOG") {
        Ok(filter) => EnvFilter::try_new(filter)?,
        Err(_) => EnvFilter::try_new(&log.filter)?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would tell of a closed stderr on stderr, and panic.
        .log_internal_errors(false);
    let started =
        if log.json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// One worker per core.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    runtime_of(cores())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// On one core the scheduler without stealing is cheaper.
fn runtime_of(cores: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = if cores == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.worker_threads(cores).enable_all().build().context("starting the runtime")
}

/// For what needs a runtime while the process must not have threads yet. Nothing runs on it.
fn without_threads() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().context("starting the runtime")
}

const REFUSED: &str = "serving the old configuration: the last reload was refused, see the log";

/// What says nothing beside a file: the file would win without a word.
const FLAGS_ALONE: [&str; 10] = [
    "upstream",
    "command",
    "env_pass",
    "issuer",
    "listen",
    "public_url",
    "tls_cert",
    "tls_key",
    "audit_dir",
    "admin",
];

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use tokio::signal::unix::{SignalKind, signal};

    use super::{runtime_of, without_threads};

    #[test]
    fn signal_that_comes_before_the_runtime_that_serves_is_kept_for_it() {
        let early = without_threads().unwrap();
        let mut early_signal = {
            let _inside = early.enter();
            signal(SignalKind::user_defined2()).unwrap()
        };
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
        for cores in [1, 2] {
            let seen = runtime_of(cores).unwrap().block_on(async {
                tokio::time::timeout(Duration::from_secs(20), early_signal.recv()).await
            });
            assert_eq!(seen, Ok(Some(())), "{cores} cores");
            assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
        }
    }
}
