//! `sallyport pins`: what servers say of their tools, what was approved, and what changed.
//!
//! Reads the configuration, the file of approvals that it names, and the file that the gateway
//! writes beside it. Everything that a server chose is printed with its unseen characters spelled
//! out: a terminal must not obey it, and a reviewer must not miss it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};

use super::{ConfigFile, USAGE, print, say};
use crate::clock::Clock;
use crate::config::pins::{Pin, Waiting};
use crate::config::{NewTools, Server, ToolPins};
use crate::inspect::hidden::spelled_out;
use crate::json::{Document, pretty};
use crate::pins::{load_pins, load_waiting, write_pins};

#[derive(Debug, Args)]
pub(super) struct Pins {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print which tool definitions are approved, and which wait and why
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// Only this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
    },
    /// Print what waits, as a change of what is approved (exit 1 when something waits)
    Diff {
        #[command(flatten)]
        config: ConfigFile,
        /// Only this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Only this tool
        tool: Option<String>,
    },
    /// Approve definitions that wait; a running gateway takes them over by itself
    Approve(Approve),
}

#[derive(Debug, Args)]
struct Approve {
    #[command(flatten)]
    config: ConfigFile,
    /// Whose tools; may be left out where one server alone has `tool_pins`
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Tools to approve
    #[arg(required_unless_present = "all")]
    tools: Vec<String>,
    /// Approve everything that waits
    #[arg(long, conflicts_with_all = ["tools", "hash"])]
    all: bool,
    /// Which definition of the tool, where several wait: the beginning of its hash
    #[arg(long, value_name = "sha256:HEX")]
    hash: Option<String>,
    /// Keep what was approved of the same tools before: for servers that are replaced step by step,
    /// or that show different definitions to different callers
    #[arg(long)]
    keep: bool,
    /// Approve definitions that hold text which people do not see
    #[arg(long)]
    accept_hidden_text: bool,
    /// Who approves
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "")]
    by: String,
    /// Why, or what was looked at
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
}

/// One server with pins, and its files as they are.
struct Pinned {
    server: Arc<Server>,
    pins: ToolPins,
    approved: Vec<Pin>,
    /// What the approvals do not cover.
    waiting: Vec<Waiting>,
}

impl Pins {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List { config, server } => {
                let Some(all) = pinned(&config, server.as_deref())? else { return usage() };
                print(&all.iter().map(listed).collect::<String>())
            }
            Command::Diff { config, server, tool } => {
                let Some(all) = pinned(&config, server.as_deref())? else { return usage() };
                let mut text = String::new();
                for one in &all {
                    let wanted = |waiting: &&Waiting| {
                        tool.as_deref().is_none_or(|tool| *waiting.name == *tool)
                    };
                    for waiting in one.waiting.iter().filter(wanted) {
                        text.push_str(&difference(one, waiting));
                    }
                }
                let waits = !text.is_empty();
                print(&text)?;
                Ok(if waits { ExitCode::FAILURE } else { ExitCode::SUCCESS })
            }
            Command::Approve(approve) => approve.execute(),
        }
    }
}

impl Approve {
    fn execute(&self) -> anyhow::Result<ExitCode> {
        let Some(mut all) = pinned(&self.config, self.server.as_deref())? else { return usage() };
        let (Some(mut one), None) = (all.pop(), all.pop()) else {
            bail!("several servers have `tool_pins`: name one with --server");
        };
        let chosen = self.choose(&one)?;
        let at = humantime::format_rfc3339_seconds(Clock::system().wall()).to_string();
        let names: BTreeSet<&str> = chosen.iter().map(|waiting| &*waiting.name).collect();
        if !self.keep {
            one.approved.retain(|pin| !names.contains(&*pin.name));
        }
        // An approval of the same definition that did not cover its hidden text.
        one.approved
            .retain(|pin| !chosen.iter().any(|it| it.hash == pin.hash && it.name == pin.name));
        for waiting in &chosen {
            one.approved.push(Pin {
                name: waiting.name.clone(),
                summary: summary(waiting.definition.as_deref()).into(),
                hash: waiting.hash,
                approved_at: at.as_str().into(),
                approved_by: self.by.as_str().into(),
                comment: self.comment.as_str().into(),
                hidden_text: hides(waiting),
                definition: waiting.definition.clone(),
            });
        }
        let file = &one.pins.file;
        write_pins(file, &one.approved)
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
        for waiting in &chosen {
            say(&format!("approved {} {}", name(&waiting.name), waiting.hash));
            if &*waiting.reason == "duplicate" {
                say("  it stays in quarantine while the server lists this name more than once");
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is meant; one definition a tool, so that nothing is approved that nobody looked at.
    fn choose(&self, one: &Pinned) -> anyhow::Result<Vec<Waiting>> {
        let mut chosen: Vec<Waiting> = Vec::new();
        if self.all {
            chosen.clone_from(&one.waiting);
        }
        for tool in &self.tools {
            let prefix = self.hash.as_deref().unwrap_or_default();
            let fits =
                |it: &&Waiting| *it.name == **tool && it.hash.to_string().starts_with(prefix);
            let found: Vec<&Waiting> = one.waiting.iter().filter(fits).collect();
            match found.as_slice() {
                [] => bail!("no definition of `{}` waits", name(tool)),
                [found] => chosen.push(Waiting::clone(found)),
                several => {
                    let hashes: Vec<String> =
                        several.iter().map(|it| it.hash.to_string()).collect();
                    let hashes = hashes.join(" ");
                    bail!(
                        "several definitions of `{}` wait, say which: --hash {hashes}",
                        name(tool)
                    );
                }
            }
        }
        if chosen.is_empty() {
            bail!("nothing waits for approval");
        }
        match chosen.iter().find(|it| hides(it) && !self.accept_hidden_text) {
            None => Ok(chosen),
            Some(waiting) => bail!(
                "the definition of `{}` holds text that people do not see: look at it with \
                 `sallyport pins diff`; if it is harmless, approve it with --accept-hidden-text",
                name(&waiting.name)
            ),
        }
    }
}

/// The servers with pins; `None` when the configuration is wrong, which was said then.
fn pinned(file: &ConfigFile, wanted: Option<&str>) -> anyhow::Result<Option<Vec<Pinned>>> {
    let Some(checked) = file.load() else { return Ok(None) };
    let mut all = Vec::new();
    for server in &checked.config.servers {
        let Some(pins) = &server.tool_pins else { continue };
        if wanted.is_some_and(|wanted| wanted != &*server.name) {
            continue;
        }
        let read = |path: &std::path::Path| format!("`{}` cannot be read", path.display());
        let approved = load_pins(&pins.file).with_context(|| read(&pins.file))?;
        let seen = pins.seen_file();
        let mut waiting = load_waiting(&seen).with_context(|| read(&seen))?;
        waiting.retain(|it| match pins.approved.of(&it.name, it.hash) {
            Some(approval) => hides(it) && !approval.hidden_text,
            None => true,
        });
        all.push(Pinned { server: Arc::clone(server), pins: pins.clone(), approved, waiting });
    }
    match (all.is_empty(), wanted) {
        (false, _) => Ok(Some(all)),
        (true, Some(wanted)) => bail!("no server `{wanted}` has `tool_pins`"),
        (true, None) => bail!("no server of this configuration has `tool_pins`"),
    }
}

fn usage() -> anyhow::Result<ExitCode> {
    Ok(ExitCode::from(USAGE))
}

fn listed(one: &Pinned) -> String {
    let mut text = String::new();
    let new = match one.pins.new {
        NewTools::Quarantine => "quarantine",
        NewTools::Allow => "allow",
    };
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{}: {}, new tools: {new}", one.server.name, one.pins.file.display());
    for pin in &one.approved {
        let by = spelled_out(&pin.approved_by, NAME_CHARS);
        let _ = writeln!(
            text,
            "  approved  {}  {}  {} {by}\n            {}",
            name(&pin.name),
            pin.hash,
            spelled_out(&pin.approved_at, NAME_CHARS),
            spelled_out(&pin.summary, LINE_CHARS),
        );
    }
    for waiting in &one.waiting {
        let _ = writeln!(
            text,
            "  waits     {}  {}  {} since {}\n            {}",
            name(&waiting.name),
            waiting.hash,
            spelled_out(&waiting.reason, NAME_CHARS),
            spelled_out(&waiting.first_seen, NAME_CHARS),
            summary(waiting.definition.as_deref()),
        );
    }
    text
}

/// A waiting definition against the one that was approved last under its name.
fn difference(one: &Pinned, waiting: &Waiting) -> String {
    let same = one.approved.iter().filter(|pin| pin.name == waiting.name);
    let old = same.max_by(|a, b| a.approved_at.cmp(&b.approved_at));
    let old_lines = old.map_or_else(Vec::new, |pin| lines(pin.definition.as_deref()));
    let mut text = String::new();
    let before = old.map_or_else(|| "(not approved)".to_owned(), |pin| pin.hash.to_string());
    let _ = writeln!(
        text,
        "{} {}: {}\n--- {before}\n+++ {}",
        one.server.name,
        name(&waiting.name),
        spelled_out(&waiting.reason, NAME_CHARS),
        waiting.hash
    );
    if waiting.definition.is_none() {
        text.push_str("(the definition is too long to be kept)\n");
    }
    for (sign, line) in compare(&old_lines, &lines(waiting.definition.as_deref())) {
        let _ = writeln!(text, "{sign}{}", spelled_out(line, DIFF_CHARS));
    }
    text
}

fn lines(definition: Option<&str>) -> Vec<String> {
    let Some(document) = definition.and_then(parse) else { return Vec::new() };
    let mut out = Vec::new();
    pretty(document.root(), 0, &mut out);
    String::from_utf8_lossy(&out).lines().map(str::to_owned).collect()
}

/// The beginning of a description, on one line.
fn summary(definition: Option<&str>) -> String {
    let Some(document) = definition.and_then(parse) else { return String::new() };
    let description = document.root().get("description").and_then(|it| it.as_str());
    let first =
        description.as_deref().and_then(|text| text.lines().find(|it| !it.trim().is_empty()));
    spelled_out(first.unwrap_or_default().trim(), LINE_CHARS)
}

fn parse(definition: &str) -> Option<Document> {
    Document::parse(Bytes::copy_from_slice(definition.as_bytes()), &crate::mcp::ANSWER).ok()
}

fn hides(waiting: &Waiting) -> bool {
    &*waiting.reason == "hidden_text"
}

fn name(tool: &str) -> String {
    spelled_out(tool, NAME_CHARS)
}

/// Lines of both with ` `, `-` or `+`, by their longest common subsequence; where that would cost
/// too much, all old lines and then all new ones.
fn compare<'l>(old: &'l [String], new: &'l [String]) -> Vec<(char, &'l str)> {
    let same = |sign| move |line: &'l String| (sign, line.as_str());
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or(&[]), new.get(head..).unwrap_or(&[]));
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = |rest: &'l [String]| rest.get(..rest.len() - tail).unwrap_or(&[]);
    let (old_middle, new_middle) = (middle(old_rest), middle(new_rest));
    let mut out: Vec<(char, &str)> = old.iter().take(head).map(same(' ')).collect();
    if old_middle.len().saturating_mul(new_middle.len()) > DIFF_CELLS_MAX {
        out.extend(old_middle.iter().map(same('-')));
        out.extend(new_middle.iter().map(same('+')));
    } else {
        out.extend(subsequence(old_middle, new_middle));
    }
    out.extend(old.iter().skip(old.len() - tail).map(same(' ')));
    out
}

fn subsequence<'l>(old: &'l [String], new: &'l [String]) -> Vec<(char, &'l str)> {
    let width = new.len() + 1;
    // How long the common subsequence of what follows is, row by row.
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let cell =
        |longest: &[u32], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let value = if a == b {
                cell(&longest, i + 1, j + 1) + 1
            } else {
                cell(&longest, i + 1, j).max(cell(&longest, i, j + 1))
            };
            if let Some(slot) = longest.get_mut(i * width + j) {
                *slot = value;
            }
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                out.push((' ', a.as_str()));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || cell(&longest, i + 1, j) >= cell(&longest, i, j + 1) => {
                out.push(('-', a.as_str()));
                i += 1;
            }
            (_, Some(b)) => {
                out.push(('+', b.as_str()));
                j += 1;
            }
            (Some(_) | None, None) => return out,
        }
    }
}

const NAME_CHARS: usize = 128;
const LINE_CHARS: usize = 100;
const DIFF_CHARS: usize = 2000;
/// Cells of the table of a comparison; 4 bytes each.
const DIFF_CELLS_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::compare;

    fn diff(old: &str, new: &str) -> String {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(old), lines(new));
        compare(&old, &new).iter().map(|(sign, line)| format!("{sign}{line}")).collect()
    }

    #[test]
    fn a_change_is_shown_where_it_is() {
        assert_eq!(diff("a b c d", "a b c d"), " a b c d");
        assert_eq!(diff("a b c d", "a x c d"), " a-b+x c d");
        assert_eq!(diff("a b c", "a c"), " a-b c");
        assert_eq!(diff("a c", "a b c"), " a+b c");
        assert_eq!(diff("a b c d e", "x b y d z"), "-a+x b-c+y d-e+z");
        assert_eq!(diff("a a", "a"), " a-a");
    }
}
