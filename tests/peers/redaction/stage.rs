//! One gateway in front of official servers, its callers, and everything that is left behind.
//!
//! The servers are what `npm` and PyPI have, started by the gateway itself over stdio. The
//! gateway writes the most talkative log it has, and nothing is set for redaction: what is hidden
//! is hidden by default.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::planted::{self, survivors};
use crate::support::{Gateway, Scratch, Sdk, Site, Visit, clean, installed};

/// Who asks. A caller is known by the name of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Sees everything masked.
    Plain,
    /// Sees e-mail addresses.
    Mail,
    /// Sees e-mail addresses, phone numbers and cards.
    Desk,
}

impl Caller {
    pub fn client(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mail => "mail",
            Self::Desk => "desk",
        }
    }

    /// The classes that it may see.
    pub fn may_see(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Mail => &["email"],
            Self::Desk => &["email", "phone", "card"],
        }
    }
}

/// A gateway, and what its clients received.
pub struct Stage {
    pub site: Site,
    pub gateway: Gateway,
}

impl Stage {
    /// Starts a gateway with what `servers` writes under `servers:`.
    pub fn new(servers: impl FnOnce(&Site) -> String) -> Self {
        let clients = [
            (Caller::Plain.client(), "mcp.tools.list mcp.tools.invoke mcp.prompts.get tools:all"),
            (Caller::Mail.client(), "mcp.tools.list mcp.tools.invoke tools:all pii:email.read"),
            (
                Caller::Desk.client(),
                "mcp.tools.list mcp.tools.invoke tools:all pii:email.read pii:phone.read \
                 pii:card.read",
            ),
        ];
        let claims = json!({
            "email": planted::EMAIL,
            "name": planted::NAME,
            "phone_number": planted::PHONE,
            "ssn": planted::SSN,
        });
        let site = Site::with_claims(&clients, &claims);
        let servers = servers(&site) + "log: { filter: trace }\n";
        let gateway = site.gateway(&servers);
        Self { site, gateway }
    }

    /// A token of a caller for the server at `path`.
    pub fn token(&self, path: &str, caller: Caller) -> String {
        self.site.idp.token(caller.client(), &self.site.url(path))
    }

    /// Lets a client do these steps, and looks through every byte that it received.
    #[track_caller]
    pub fn visit(&self, path: &str, sdk: Sdk, caller: Caller, steps: &Value) -> Visit {
        self.visit_at(path, path, sdk, caller, steps)
    }

    /// As [`Self::visit`], at another path than the one that tokens are for.
    #[track_caller]
    pub fn visit_at(&self, at: &str, path: &str, sdk: Sdk, caller: Caller, steps: &Value) -> Visit {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let received = self.site.dir.path(&format!("received-{number}-{sdk:?}-{caller:?}"));
        let token = self.token(path, caller);
        let (url, ca) = (self.site.url(at), Some(self.gateway.ca.as_path()));
        let visit = sdk.visit_and_keep(&url, ca, Some(&token), steps, &received);
        let bytes = fs::read(&received).unwrap();
        let answers = String::from_utf8_lossy(&bytes).matches(r#""jsonrpc""#).count();
        assert!(answers > visit.steps(), "{sdk:?} as {caller:?}: {answers} answers were kept");
        let found = survivors(&bytes, caller.may_see());
        assert_eq!(found, BTreeSet::new(), "{sdk:?} as {caller:?} received what it may not see");
        visit
    }

    /// Asserts that no planted value stands in anything that the gateway wrote or shows: its log
    /// of every level, its audit trail and what the tools make of it, its metrics.
    #[track_caller]
    pub fn left_no_trace(&self) {
        let log = fs::read(self.site.dir.path("gateway.log")).unwrap();
        assert!(String::from_utf8_lossy(&log).contains(r#""level":"TRACE""#), "a talkative log");
        let audit = self.site.dir.path("audit");
        let records = fs::read_to_string(audit.join("000000000001.jsonl")).unwrap();
        assert!(records.contains(r#""phase":"completion""#), "{records}");
        let metrics = self.site.metrics();
        assert!(metrics.contains("sallyport_redactions_total"), "{metrics}");

        let mut all = vec![("log".to_owned(), log), ("metrics".to_owned(), metrics.into())];
        for file in fs::read_dir(&audit).unwrap().map(|entry| entry.unwrap().path()) {
            all.push((file.display().to_string(), fs::read(file).unwrap()));
        }
        let (config, audit) = (self.site.dir.path("sallyport.yaml"), audit.as_path());
        let config = config.as_path();
        for command in [
            &["check".as_ref(), config] as &[&Path],
            &["audit".as_ref(), "verify".as_ref(), audit],
            &["audit".as_ref(), "cat".as_ref(), audit],
        ] {
            all.push((format!("{command:?}"), said(&self.site.dir, command)));
        }
        let found: Vec<_> = all
            .iter()
            .map(|(place, bytes)| (place, survivors(bytes, &[])))
            .filter(|(_, found)| !found.is_empty())
            .collect();
        assert!(found.is_empty(), "planted values were found: {found:#?}");
    }
}

/// What a command of the gateway's own prints; it must succeed.
fn said(dir: &Scratch, arguments: &[&Path]) -> Vec<u8> {
    let mut command = Command::new("timeout");
    command.args(["30", env!("CARGO_BIN_EXE_sallyport")]).args(arguments);
    let output = clean(command, dir).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
    text
}

// --- the servers -------------------------------------------------------------------------------

/// An entry under `servers:` for a program that speaks over stdio.
pub fn behind(site: &Site, name: &str, command: &[PathBuf], env: &Value) -> String {
    format!(
        "  - name: {name}\n    public_url: {}\n    upstream: {{ command: {}, env: {env} }}\n\
         \x20   tools: [ {{ match: \"*\", scopes: [tools:all] }} ]\n",
        site.url(&format!("/{name}")),
        json!(command),
    )
}

/// npm `@modelcontextprotocol/server-filesystem`, on a folder.
pub fn files(site: &Site, folder: &Path) -> String {
    let script = installed("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    behind(site, "files", &["node".into(), script, folder.into()], &json!({}))
}

/// npm `@modelcontextprotocol/server-memory`, with a file to remember in.
pub fn memory(site: &Site) -> String {
    let script = installed("node_modules/@modelcontextprotocol/server-memory/dist/index.js");
    let file = site.dir.path("memory.jsonl");
    behind(site, "memory", &["node".into(), script], &json!({ "MEMORY_FILE_PATH": file }))
}

/// PyPI `mcp-server-fetch`.
pub fn fetch(site: &Site) -> String {
    let program = installed("py2/bin/mcp-server-fetch");
    // Where it finds a Node, it has npm install a page reader: it finds none.
    let path = program.parent().unwrap().to_owned();
    let command = [program, "--allow-private-ips".into(), "--ignore-robots-txt".into()];
    // The pages of the test are on this machine, which arguments may not name by default.
    behind(site, "fetch", &command, &json!({ "PATH": path })) + "    guard: { url: monitor }\n"
}

/// PyPI `mcp-server-git`, on a repository.
pub fn git(site: &Site, repository: &Path) -> String {
    let command = [installed("py2/bin/mcp-server-git"), "--repository".into(), repository.into()];
    behind(site, "git", &command, &json!({}))
}
