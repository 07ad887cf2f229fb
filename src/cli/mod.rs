//! The commands: one file each. Data goes to stdout, talk to stderr.
//!
//! Exit codes: 0 fine, 1 negative verdict, 2 bad usage or configuration, 3 some of the input was left
//! out, 4 something remote failed, 10 to 14 the audit trail's findings, 70 a defect of ours.

mod audit;
mod check;
mod client_config;
mod demo;
mod doctor;
mod keys;
mod pins;
mod policy;
mod progress;
mod redact;
mod revoke;
mod run;
mod supervisor;
mod token;
mod tour;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{self, Checked};

#[derive(Debug, Parser)]
#[command(
    name = "sallyport",
    version,
    about = "Security gateway for MCP servers",
    long_about = "Sallyport stands in front of an MCP server that has no security of its own: it \
                  authenticates every caller, checks what they may do, limits how often, masks \
                  personal data in the answers and records everything in a tamper-evident trail.",
    after_help = "Start here:\n  \
                  sallyport demo                                  see every gate at work, on this machine\n  \
                  sallyport run --upstream URL --issuer URL       put the gateway in front of a server\n  \
                  sallyport run --issuer URL -- npx SERVER        start a server and put it in front\n  \
                  sallyport check FILE                            find every mistake in a configuration\n  \
                  sallyport doctor --config FILE                  find what is wrong around it\n  \
                  sallyport run --config FILE                     serve it"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: stand in front of one or more MCP servers
    Run(Box<run::Run>),
    /// Check a configuration and report every problem at once (exit 0 or 2)
    Check(check::Check),
    /// Look at everything around a gateway: certificates, issuers, servers, clients' view, stores
    Doctor(doctor::Doctor),
    /// Show every gate at work against a sample server, on loopback
    Demo(demo::Demo),
    /// Mint a token from a local development key
    Token(token::Token),
    /// Print what an MCP client has to be told to reach the gateway, or write it into its file
    ClientConfig(client_config::ClientConfig),
    /// Make and end API keys
    Keys(Box<keys::Keys>),
    /// Say who may no longer call: a token, subject, client, session, issuer or key
    Revoke(Box<revoke::Revoke>),
    /// Work with the audit trail
    Audit(audit::Audit),
    /// Review and approve what servers say of their tools
    Pins(pins::Pins),
    /// Write, test and understand policies
    Policy(policy::Policy),
    /// Hide personal data and secrets in files and streams, and say what was found
    Redact(Box<redact::Redact>),
    /// Work with the configuration format
    Config(ConfigArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print the reference of every key as Markdown
    Reference,
}

/// The file that most commands take.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "SALLYPORT_CONFIG")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Option<Checked> {
        load(&self.config)
    }
}

/// A configuration; `None` where it has mistakes, each of which was said then.
fn load(path: &Path) -> Option<Checked> {
    config::load(path).map_err(|problems| say(&problems.to_string())).ok()
}

/// Parses the command line, runs the command, and turns its end into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is wrong usage; both may meet a
            // closed pipe, which changes nothing.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    leave_no_core();
    let result = match cli.command {
        Command::Run(run) => run.execute(),
        Command::Check(check) => check.execute(),
        Command::Doctor(doctor) => doctor.execute(),
        Command::Demo(demo) => demo.execute(),
        Command::Token(token) => token.execute(),
        Command::ClientConfig(wanted) => wanted.execute(),
        Command::Keys(keys) => keys.execute(),
        Command::Revoke(revoke) => revoke.execute(),
        Command::Audit(audit) => audit.execute(),
        Command::Pins(pins) => pins.execute(),
        Command::Policy(policy) => policy.execute(),
        Command::Redact(redact) => redact.execute(),
        Command::Config(args) => match args.command {
            ConfigCommand::Schema => print(&format!("{:#}\n", config::schema())),
            ConfigCommand::Reference => print(&config::reference_markdown()),
        },
        Command::Completions { shell } => completions(shell),
    };
    result.unwrap_or_else(|error| {
        say(&format!("sallyport: {}", whole(&error)));
        ExitCode::from(FAILED)
    })
}

/// A crash leaves no image of the memory, which holds keys, tokens and personal data; servers that
/// the gateway starts inherit that. One byte rather than none, because it is the one limit that
/// Linux minds also where dumps are piped to a program (core(5), fs/coredump.c).
fn leave_no_core() {
    let most = getrlimit(Resource::Core).maximum;
    let one = Some(most.map_or(1, |most| most.min(1)));
    if setrlimit(Resource::Core, Rlimit { current: one, maximum: one }).is_err() {
        say("sallyport: core dumps cannot be switched off: a crash may leave secrets on the disk");
    }
}

/// Written to memory first: the generator panics where the reader closes the pipe.
fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sallyport", &mut script);
    print(&String::from_utf8(script)?)
}

/// An error and its causes, each said once: some errors name their cause in their own text.
fn whole(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Writes an answer to stdout; a reader that closed the pipe has what it wanted.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Talk, to stderr.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    #[test]
    fn cause_that_an_error_names_itself_is_not_said_again() {
        let error = anyhow!("no such file").context("`x` cannot be read: no such file");
        assert_eq!(super::whole(&error), "`x` cannot be read: no such file");
    }

    #[test]
    fn cause_that_an_error_does_not_name_is_added() {
        let error = anyhow!("no such file").context("reading the trail");
        assert_eq!(super::whole(&error), "reading the trail: no such file");
    }
}
