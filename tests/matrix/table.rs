//! The table in the manual, made from what ran.

use std::fmt::Write as _;
use std::path::Path;

use super::CELLS;
use super::cell::{Wish, row};
use super::stage::Server;
use super::support::Sdk;

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn the_table_in_the_manual_is_what_ran() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHAPTER);
    let chapter = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = chapter.split_once(BEGIN).expect(BEGIN);
    let (_, after) = rest.split_once(END).expect(END);
    let made = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table());
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        std::fs::write(&path, made).unwrap();
    } else {
        assert!(
            made == chapter,
            "{CHAPTER} is not what ran; look at what changed, and make it again with\n  \
             UPDATE_MANUAL=1 cargo test --test matrix -- --ignored the_table\n{made}"
        );
    }
}

#[test]
fn the_table_has_every_client_before_every_server() {
    let expected: Vec<_> =
        CLIENTS.into_iter().flat_map(|client| Server::ALL.map(|server| (client, server))).collect();
    assert_eq!(CELLS, expected);
}

fn table() -> String {
    let mut notes = Vec::new();
    let mut text = String::from("| client");
    for server in Server::ALL {
        write!(text, " | {}", title(server)).unwrap();
    }
    text.push_str(" |\n|---");
    text.push_str(&"|---".repeat(Server::ALL.len()));
    text.push_str("|\n");
    for client in CLIENTS {
        write!(text, "| {}", client_title(client)).unwrap();
        for server in Server::ALL {
            write!(text, " | {}", entry(client, server, &mut notes)).unwrap();
        }
        text.push_str(" |\n");
    }
    text.push('\n');
    let wishes: Vec<_> = Wish::ALL.iter().map(|wish| wish.name()).collect();
    writeln!(text, "All: {}.", wishes.join(", ")).unwrap();
    for (number, note) in notes.iter().enumerate() {
        writeln!(text, "\n{}. {note}", number + 1).unwrap();
    }
    text
}

/// `all`, or all but those for which a note says why.
fn entry(client: Sdk, server: Server, notes: &mut Vec<String>) -> String {
    let mut missing = Vec::new();
    for (wish, outcome) in row(client, server).iter() {
        if outcome.is_ok() {
            continue;
        }
        let reason = wish.impossible(client, server).unwrap_or("FAILS, and should not");
        let note = format!("No {}: {reason}.", wish.name());
        let number = notes.iter().position(|each| *each == note).unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        });
        missing.push(format!("{} ({})", wish.name(), number + 1));
    }
    if missing.is_empty() { "all".into() } else { format!("all but {}", missing.join(", ")) }
}

fn title(server: Server) -> &'static str {
    match server {
        Server::StdioTs => "stdio, TypeScript 1.32",
        Server::StdioPy => "stdio, Python 1.30",
        Server::SseTs => "HTTP+SSE, TypeScript 1.32",
        Server::SsePy => "HTTP+SSE, Python 1.30",
        Server::StatefulTs => "stateful, TypeScript 1.32",
        Server::StatefulPy => "stateful, Python 1.30",
        Server::ModernTs => "2026-07-28, TypeScript 2.4",
        Server::ModernPy => "2026-07-28, Python 2.3",
    }
}

fn client_title(client: Sdk) -> &'static str {
    match client {
        Sdk::Ts1 => "2025-11-25, TypeScript 1.32",
        Sdk::Py1 => "2025-11-25, Python 1.30",
        Sdk::Ts2 | Sdk::Ts2Auto | Sdk::Ts2Modern => "2026-07-28, TypeScript 2.4",
        Sdk::Py2 | Sdk::Py2Modern => "2026-07-28, Python 2.3",
        Sdk::Ts1Sse => "HTTP+SSE, TypeScript 1.32",
        Sdk::Py1Sse => "HTTP+SSE, Python 1.30",
    }
}

const CLIENTS: [Sdk; 6] =
    [Sdk::Ts1, Sdk::Py1, Sdk::Ts2Modern, Sdk::Py2Modern, Sdk::Ts1Sse, Sdk::Py1Sse];
const CHAPTER: &str = "src/manual/protocol.md";
const BEGIN: &str = "<!-- The bridge matrix, made by tests/matrix.rs -->";
const END: &str = "<!-- End of the bridge matrix -->";
