//! The documents are run: every configuration is checked, every command is parsed or executed,
//! every named test, metric and file exists.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

#[path = "docs/alerts.rs"]
mod alerts;
#[path = "docs/cli.rs"]
mod cli;
#[path = "docs/clients.rs"]
mod clients;
#[path = "docs/dashboard.rs"]
mod dashboard;
#[path = "docs/demo.rs"]
mod demo;
#[path = "docs/keys.rs"]
mod keys;
#[path = "docs/promql.rs"]
mod promql;
#[path = "docs/redact.rs"]
mod redact;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use regex::Regex;
use sallyport::config::{self, Source, Strictness};

/// Documents that people read; the generated chapters are tested where they are made.
const DOCUMENTS: [&str; 16] = [
    "README.md",
    "SECURITY.md",
    "policies/README.md",
    "certs-example/README.md",
    "src/manual/architecture.md",
    "src/manual/threats.md",
    "src/manual/quickstart.md",
    "src/manual/audit.md",
    "src/manual/operations.md",
    "src/manual/doctor.md",
    "src/manual/alerts.md",
    "src/manual/redaction.md",
    "src/manual/protocol.md",
    "src/manual/policy.md",
    "src/manual/tracing.md",
    "src/manual/kubernetes.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!("(?ms)^```{language}\n(.*?)^```")).unwrap();
    fence.captures_iter(text).map(|block| block[1].to_owned()).collect()
}

fn sallyport(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(arguments)
        .env_remove("SALLYPORT_CONFIG")
        .output()
        .unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn data(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder that goes away with its test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("sallyport-docs-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A certificate, its key, a secret, and the files of API keys under the names that the
    /// documents use.
    fn certificates(&self) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        self.write("server.pem", &made.cert.pem());
        let key = self.write("server.key", &made.signing_key.serialize_pem());
        let secret = self.write("client.secret", "a client's secret");
        let session = self.write("session.key", &"5e".repeat(32));
        let redis = self.write("redis.password", "the password of Redis");
        let pepper = self.write("api-keys.pepper", "KJbeZ8Pg5S1mN0yQvTzW4hRkUoXaB7cdLtFi9sGH2wE=");
        self.write("api-keys.jsonl", "");
        let made = rcgen::KeyPair::generate().unwrap();
        let assertion = self.write("assertion.key", &made.serialize_pem());
        for path in [key, secret, session, redis, pepper, assertion] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        self.authority();
        self
    }

    /// An authority of clients and its revocation list.
    fn authority(&self) {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
        let list = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(2099, 1, 1),
            crl_number: rcgen::SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        self.write("clients.pem", &authority.pem());
        self.write("clients.crl", &list.signed_by(&authority).unwrap().pem().unwrap());
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files that a document shows beside its configurations: their first line is a comment with
/// the name.
fn companions(text: &str) -> Vec<(String, String)> {
    let shown = ["cedar", "entities"].iter().flat_map(|language| blocks(text, language));
    let named = shown.map(|block| {
        let name = block.lines().next().unwrap().trim_start_matches(['/', '#', ' ']).to_owned();
        (name, block)
    });
    let tools = r#"{"tools": [{"name": "refund", "inputSchema": {"type": "object",
        "required": ["amount"], "properties": {"amount": {"type": "integer"}}}},
        {"name": "find_customer", "inputSchema": {"type": "object"}}]}"#;
    named.chain([("crm-tools.json".to_owned(), tools.to_owned())]).collect()
}

/// Checks a configuration as if it stood in a folder with its certificates.
fn checked(name: &str, yaml: &str, files: &[(String, String)]) {
    let dir = Dir::new();
    dir.certificates();
    for (file, text) in files {
        dir.write(file, text);
    }
    let text = yaml.replace("../certs-example/out/", "");
    let source = Source { path: Some(dir.0.join("sallyport.yaml")), text };
    let result = config::check(&source, &|_: &str| None, Strictness::Strict);
    assert!(result.is_ok(), "{name}: {}\n{yaml}", result.unwrap_err());
}

#[test]
fn every_configuration_of_the_documents_passes_the_strict_check() {
    let mut seen = 0;
    for name in DOCUMENTS {
        let files = companions(&read(name));
        for yaml in blocks(&read(name), "yaml") {
            checked(name, &yaml, &files);
            seen += 1;
        }
    }
    checked("policies/quickstart.yaml", &read("policies/quickstart.yaml"), &[]);
    assert!(seen >= 4, "{seen} configurations");
}

#[test]
fn smallest_configuration_has_12_lines_at_most_and_the_quickstart_30() {
    let smallest = &blocks(&read("README.md"), "yaml")[0];
    assert!(smallest.lines().count() <= 12, "{smallest}");
    let quickstart = read("policies/quickstart.yaml").lines().count();
    assert!(quickstart <= 30, "{quickstart}");
    // The README says how many.
    assert!(read("README.md").contains(&format!("\n{quickstart} lines")), "{quickstart}");
}

#[test]
fn readme_is_short_and_names_the_two_commands() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 200);
    let commands = blocks(&readme, "sh").join("\n");
    for command in ["cargo run --release -- demo", "tests/run"] {
        assert!(commands.lines().any(|line| line == command), "{command}");
    }
}

#[test]
fn every_link_of_the_documents_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#]+)[^)]*\)").unwrap();
    for name in DOCUMENTS {
        let text = read(name);
        let targets = link.captures_iter(&text).map(|found| found[1].to_owned());
        for target in targets.filter(|target| !target.starts_with("https://")) {
            let path = root().join(name).parent().unwrap().join(&target);
            assert!(path.exists(), "{name} links to {target}");
        }
    }
}

#[test]
fn every_command_of_the_documents_is_one_that_the_program_knows() {
    let spans = Regex::new("`(sallyport [^`]+)`").unwrap();
    let mut seen = 0;
    for name in DOCUMENTS {
        let text = read(name);
        let inline = spans.captures_iter(&text).map(|found| found[1].to_owned());
        let lines: Vec<String> = blocks(&text, "sh")
            .iter()
            .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.contains("sallyport "))
            .chain(inline)
            .collect();
        for line in lines {
            known(name, &line);
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} commands");
}

/// Asks the program for the help of a command line's subcommand and looks its flags up there.
fn known(document: &str, line: &str) {
    let start = line.find("sallyport ").unwrap();
    let words: Vec<&str> =
        line[start..].split([' ', ')']).filter(|word| !word.is_empty()).collect();
    let names = |word: &&&str| {
        !word.starts_with('-') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    let depth = match words.get(1) {
        Some(&"audit") if words.get(2) == Some(&"hold") => 3,
        Some(&"audit" | &"config" | &"keys" | &"pins" | &"policy") => 2,
        _ => 1,
    };
    let mut arguments: Vec<&str> =
        words[1..].iter().take(depth).take_while(names).copied().collect();
    assert!(!arguments.is_empty(), "{document}: `{line}` names no command");
    arguments.push("--help");
    let output = sallyport(&arguments);
    let help = data(&output);
    assert!(output.status.success(), "{document}: `{line}`: {}", talk(&output));
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        let flag = flag.split('=').next().unwrap();
        assert!(help.contains(flag), "{document}: `{line}`: no {flag} in\n{help}");
    }
}

fn sources(dir: &Path, into: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_threat_chapter_names_exists() {
    let mut code = String::new();
    sources(&root().join("src"), &mut code);
    sources(&root().join("tests"), &mut code);
    // A test's own function, or a row of a macro that makes such functions.
    let defined = Regex::new(r"(?m)\bfn ([a-z0-9_]+)\(|^ +(s[0-9]{2}_[a-z0-9_]+) = ").unwrap();
    let tests: BTreeSet<String> = defined
        .captures_iter(&code)
        .map(|found| found.get(1).or_else(|| found.get(2)).unwrap().as_str().to_owned())
        .collect();
    let text = read("src/manual/threats.md");
    let word = Regex::new("`([a-z0-9_]+)`").unwrap();
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| S-")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 5, "{row}");
        let status = cells[2];
        let honest = ["held", "partly", "not yet"].iter().any(|word| status.starts_with(word));
        assert!(honest, "{row}");
        let named: Vec<String> = word.captures_iter(cells[4]).map(|n| n[1].to_owned()).collect();
        assert!(!named.is_empty() || cells[4].contains("none: "), "{row}");
        for name in named {
            assert!(tests.contains(&name), "{}: no test `{name}`", cells[0]);
        }
        rows += 1;
    }
    assert_eq!(rows, STATEMENTS, "one row for each statement");
}

#[test]
fn operations_chapter_lists_every_metric_with_its_labels() {
    let text = read("src/manual/operations.md");
    let row = Regex::new(r"(?m)^\| `((?:sallyport|process)_[a-z_]+)` \|([^|]*)\|").unwrap();
    let documented: BTreeSet<(String, String)> = row
        .captures_iter(&text)
        .map(|found| (found[1].to_owned(), found[2].replace(['`', ' '], "")))
        .collect();
    // The registry shows a family only once it has a value, so its rows are read from the code.
    let code = read("src/observe/metrics.rs");
    let metric = Regex::new(r#""([a-z_]+)" "[^"]+" \[([^\]]*)\];"#).unwrap();
    let mut real: BTreeSet<(String, String)> = metric
        .captures_iter(&code)
        .map(|found| (format!("sallyport_{}", &found[1]), found[2].replace(['"', ' '], "")))
        .collect();
    real.insert(("sallyport_build_info".to_owned(), "version".to_owned()));
    let scraped = sallyport::observe::Metrics::new().unwrap().text();
    let families = scraped.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for family in families.map(|line| line.split(' ').next().unwrap()) {
        if family.starts_with("process_") {
            real.insert((family.to_owned(), String::new()));
        }
        assert!(real.iter().any(|(name, _)| name == family), "{family} is in no row of the code");
    }
    assert_eq!(documented, real);
}

/// Records of calls are held against the schema wherever a test reads them; here the other way
/// round, so that the schema names no field that nothing writes.
#[test]
fn every_field_of_a_call_in_the_schema_is_one_that_the_code_writes() {
    let mut code = String::new();
    for entry in fs::read_dir(root().join("src/observe/record")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let field = Regex::new(
        r#"(?s)line\.(?:text|word|words|number|millis|times|counts|places|raw)\(\s*"([a-z_]+)""#,
    );
    let written: BTreeSet<String> =
        field.unwrap().captures_iter(&code).map(|found| found[1].to_owned()).collect();
    let schema: serde_json::Value = serde_json::from_str(sallyport::observe::SCHEMA).unwrap();
    let logs_own = ["v", "seq", "prev", "mac", "remembered_head", "cut_bytes", "lost_with_file"];
    let of_keys = ["mac_key", "mac_restarted", "old", "new", "signature"];
    let of_gaps_and_revocations = ["refused", "since", "via", "revocation", "by", "kind_revoked"];
    let of_revocations = ["value", "expires_at", "revoked", "undone"];
    let of_purges =
        ["asked_by", "before", "segment", "count", "ranges", "leaves", "torn", "purged", "leaf"];
    let of_sealing = ["sealed", "key"];
    let others: Vec<&str> = [
        &logs_own[..],
        &of_keys,
        &of_gaps_and_revocations,
        &of_revocations,
        &of_purges,
        &of_sealing,
    ]
    .concat();
    let named: BTreeSet<String> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !others.contains(&name.as_str()))
        .cloned()
        .collect();
    assert_eq!(named, written);
}

#[test]
fn redaction_chapter_has_a_row_for_every_class_form_and_preset() {
    use sallyport::class::{Class, Form, Preset};
    let text = read("src/manual/redaction.md");
    let section = |name: &str| {
        let from = text.find(&format!("\n## {name}\n")).unwrap() + 1;
        text[from..].split("\n## ").next().unwrap().to_owned()
    };
    let rows: Vec<Vec<String>> = section("Classes")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect())
        .collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(names, Class::BUILTIN.map(Class::name), "one row a class, in the order of the code");
    for (row, class) in rows.iter().zip(Class::BUILTIN) {
        assert!(row.len() == 6 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let kept = match class.keeps() {
            None => "`".to_owned(),
            Some(0) => "stars".to_owned(),
            Some(kept) => format!("last {kept}"),
        };
        assert!(row[5].contains(&kept), "the mask of {row:?}");
        let sure = ["possible", "likely", "certain"];
        assert!(sure.iter().any(|word| row[2].starts_with(word)), "{row:?}");
    }
    let forms = section("Forms");
    let presets = section("Presets");
    let named =
        |text: &str, name: &str| assert!(text.contains(&format!("\n| `{name}` |")), "{name}");
    Form::ALL.iter().for_each(|form| named(&forms, form.name()));
    Preset::ALL.iter().for_each(|preset| named(&presets, preset.name()));
}

/// S-01 to S-66 without S-28, which the catalogue does not have.
const STATEMENTS: usize = 65;
