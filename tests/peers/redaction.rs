//! Official servers full of planted personal data and secrets, real clients that check what they
//! get, callers who may see different things; and the search for what was planted, in every byte
//! that a client received and in everything that the gateway wrote.

#[path = "redaction/hostile.rs"]
mod hostile;
#[path = "redaction/planted.rs"]
mod planted;
#[path = "../redaction/canary/readers.rs"]
mod readers;
#[path = "redaction/stage.rs"]
mod stage;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Peer, Sdk, Upstream, Visit, clean, free_port, installed};
use planted::{CARD, DUMP, EMAIL, FILES, IMAGE, NAME, PHONE, filled, planted, template};
use stage::{Caller, Stage};

// --- filesystem --------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn filesystem_server_shows_each_caller_its_classes_and_leaves_the_rest_as_it_is() {
    let mut folder = PathBuf::new();
    let stage = Stage::new(|site| {
        folder = site.dir.path("files");
        planted::plant(&folder);
        stage::files(site, &folder)
    });
    let steps = file_steps(&folder);
    for sdk in Sdk::ALL {
        let visit = stage.visit("/files", sdk, Caller::Plain, &steps);
        shows_files(&visit, Caller::Plain);
        passes_what_is_clean(&visit, &folder);
    }
    for (sdk, caller) in [(Sdk::Ts2, Caller::Mail), (Sdk::Py2, Caller::Desk)] {
        let visit = stage.visit("/files", sdk, caller, &steps);
        shows_files(&visit, caller);
        passes_what_is_clean(&visit, &folder);
    }
    stage.left_no_trace();
}

/// The same server over Streamable HTTP, which answers with event streams; and a client of 2024.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn filesystem_server_over_http_shows_each_caller_its_classes_on_event_streams() {
    let mut server = None;
    let stage = Stage::new(|site| {
        planted::plant(&site.dir.path("files"));
        let url = &server.insert(Upstream::files(&site.dir)).url;
        format!(
            "  - name: files\n    public_url: {}\n    upstream: {url}\n    http_sse: {{ path: /sse }}\n\
             \x20   tools: [ {{ match: \"*\", scopes: [tools:all] }} ]\n",
            site.url("/files")
        )
    });
    let folder = stage.site.dir.path("files");
    let steps = file_steps(&folder);
    for (at, sdk, caller) in [
        ("/files", Sdk::Ts2Auto, Caller::Plain),
        ("/files", Sdk::Py1, Caller::Desk),
        ("/sse", Sdk::Ts1Sse, Caller::Plain),
    ] {
        let visit = stage.visit_at(at, "/files", sdk, caller, &steps);
        shows_files(&visit, caller);
        passes_what_is_clean(&visit, &folder);
    }
    stage.left_no_trace();
}

/// Step 0 lists, so that the clients know the schemas; then every file alone, and what shows many.
fn file_steps(folder: &Path) -> Value {
    let call = |name: &str, arguments: Value| json!({ "op": "call", "name": name, "arguments": arguments });
    let mut steps = vec![json!({ "op": "list_tools" })];
    steps.extend(FILES.map(|name| call("read_text_file", json!({ "path": folder.join(name) }))));
    let all: Vec<_> = FILES.iter().map(|name| folder.join(name)).collect();
    steps.extend([
        call("read_text_file", json!({ "path": folder.join("clean.txt") })),
        call("read_media_file", json!({ "path": folder.join(IMAGE) })),
        call("read_text_file", json!({ "path": folder.join(DUMP) })),
        call("read_multiple_files", json!({ "paths": all })),
        call("list_directory", json!({ "path": folder })),
        call("directory_tree", json!({ "path": folder })),
        call("search_files", json!({ "path": folder, "pattern": "*fjord*" })),
        call("get_file_info", json!({ "path": folder.join(format!("{EMAIL}.txt")) })),
        // The error names the file that is not there.
        call("read_text_file", json!({ "path": folder.join(format!("{EMAIL}.gone")) })),
    ]);
    json!(steps)
}

const CLEAN: usize = FILES.len() + 1;

/// The files with and without what the caller may see; every line that holds nothing stays.
#[track_caller]
fn shows_files(visit: &Visit, caller: Caller) {
    let shows_mail = caller != Caller::Plain;
    for (index, name) in FILES.iter().enumerate() {
        let text = read_twice(visit, index + 1);
        let template = template(name);
        let mut rest = text;
        for line in template.lines().filter(|line| !line.contains("{{") && line.len() > 3) {
            let at = rest.find(line).unwrap_or_else(|| panic!("{name} lost `{line}`: {text}"));
            rest = &rest[at + line.len()..];
        }
        assert_eq!(text.contains(EMAIL), shows_mail && template.contains("{{email}}"), "{name}");
        let shows_card = caller == Caller::Desk && template.contains("{{card}}");
        assert_eq!(text.contains(CARD), shows_card, "{name}");
    }
    for step in [CLEAN + 3, CLEAN + 4, CLEAN + 5, CLEAN + 6] {
        assert_eq!(read_twice(visit, step).contains(EMAIL), shows_mail, "step {step}");
    }
    let lines = read_twice(visit, CLEAN + 2).split_whitespace().collect::<String>();
    let dump = String::from_utf8(STANDARD.decode(lines).unwrap()).unwrap();
    assert!(dump.starts_with("id,full_name,email"), "{dump}");
    assert_eq!(dump.contains(EMAIL), shows_mail, "{dump}");
    let gone = visit.result(CLEAN + 8);
    assert_eq!(gone["isError"], true, "{gone}");
}

#[track_caller]
fn passes_what_is_clean(visit: &Visit, folder: &Path) {
    let clean = fs::read_to_string(folder.join("clean.txt")).unwrap();
    assert_eq!(read_twice(visit, CLEAN), clean);
    let image = STANDARD.encode(fs::read(folder.join(IMAGE)).unwrap());
    let result = visit.result(CLEAN + 1);
    for place in ["/content/0/data", "/structuredContent/content/0/data"] {
        assert_eq!(result.pointer(place), Some(&json!(image)), "{place}");
    }
}

/// The text of a step, which stands in `content` and in `structuredContent`.
#[track_caller]
fn read_twice(visit: &Visit, step: usize) -> &str {
    let text = visit.text(step);
    assert_eq!(visit.result(step)["structuredContent"]["content"], text, "step {step}");
    text
}

// --- memory ------------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn memory_server_keeps_what_was_written_and_shows_each_caller_its_classes() {
    let stage = Stage::new(stage::memory);
    let steps = memory_steps();
    for sdk in Sdk::ALL {
        let visit = stage.visit("/memory", sdk, Caller::Plain, &steps);
        shows_graph(&visit, Caller::Plain);
    }
    for (sdk, caller) in [(Sdk::Ts1, Caller::Mail), (Sdk::Py1, Caller::Desk)] {
        shows_graph(&stage.visit("/memory", sdk, caller, &steps), caller);
    }
    // The gateway masks answers, not what is written: the server has it all.
    let kept = fs::read_to_string(stage.site.dir.path("memory.jsonl")).unwrap();
    assert!([EMAIL, PHONE, NAME, planted("github")].iter().all(|value| kept.contains(value)));
    stage.left_no_trace();
}

fn memory_steps() -> Value {
    let call = |name: &str, arguments: Value| json!({ "op": "call", "name": name, "arguments": arguments });
    let observations = [
        "opened on 2026-11-02",
        &filled("write to {{email}}, call {{phone}}"),
        &filled("SSN {{ssn}}, date of birth: {{born}}, full name: {{name}}"),
        &filled(r#"{"card": "{{card|digits}}", "iban": "{{iban}}", "customerName": "{{name}}"}"#),
        &filled("deploys with {{github}}, password: {{password}}"),
    ];
    let entities = json!([
        { "name": "case 4411", "entityType": "case", "observations": observations },
        { "name": EMAIL, "entityType": "mailbox", "observations": [] },
    ]);
    let relation = json!({ "from": "case 4411", "to": EMAIL, "relationType": "belongs to" });
    json!([
        { "op": "list_tools" },
        call("create_entities", json!({ "entities": entities })),
        call("create_relations", json!({ "relations": [relation] })),
        call("read_graph", json!({})),
        call("search_nodes", json!({ "query": "fjordbank" })),
        call("open_nodes", json!({ "names": ["case 4411", EMAIL] })),
    ])
}

#[track_caller]
fn shows_graph(visit: &Visit, caller: Caller) {
    for step in 3..=5 {
        let result = visit.result(step);
        let graph = &result["structuredContent"];
        let inside: Value = serde_json::from_str(visit.text(step)).unwrap();
        assert_eq!(inside["entities"].as_array().unwrap().len(), 2, "{result:#}");
        let case = &graph["entities"][0];
        assert_eq!(case["name"], "case 4411", "{result:#}");
        assert_eq!(case["observations"][0], "opened on 2026-11-02", "{result:#}");
        assert_eq!(graph["relations"][0]["relationType"], "belongs to", "{result:#}");
        for (value, class) in [(EMAIL, "email"), (PHONE, "phone")] {
            let shows = caller.may_see().contains(&class);
            assert_eq!(graph.to_string().contains(value), shows, "{class}: {graph:#}");
            assert_eq!(inside.to_string().contains(value), shows, "{class}: {inside:#}");
        }
    }
}

// --- fetch -------------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn fetch_server_shows_each_caller_its_classes_of_a_page() {
    let stage = Stage::new(stage::fetch);
    let folder = stage.site.dir.path("files");
    planted::plant(&folder);
    let (_page, origin) = serve(&stage, &folder);
    let steps = fetch_steps(&origin);
    for (sdk, caller) in [
        (Sdk::Ts1, Caller::Plain),
        (Sdk::Ts2Auto, Caller::Plain),
        (Sdk::Py1, Caller::Plain),
        (Sdk::Py2, Caller::Plain),
        (Sdk::Ts2, Caller::Mail),
        (Sdk::Ts1, Caller::Desk),
    ] {
        shows_pages(&stage.visit("/fetch", sdk, caller, &steps), caller);
    }
    let steps = json!([
        { "op": "get_prompt", "name": "fetch", "arguments": { "url": format!("{origin}/page.html") } },
    ]);
    let visit = stage.visit("/fetch", Sdk::Ts2, Caller::Plain, &steps);
    let prompt = visit.result(0).to_string();
    assert!(prompt.contains("The branch opens at nine"), "{prompt}");
    stage.left_no_trace();
}

/// Serves a folder over HTTP. Returns its address.
fn serve(stage: &Stage, folder: &Path) -> (Peer, String) {
    let port = free_port();
    let python = installed("py2/bin/python");
    let number = port.to_string();
    let words = ["-m", "http.server", &number, "--bind", "127.0.0.1", "--directory"];
    let mut command = vec![python.as_os_str()];
    command.extend(words.map(OsStr::new));
    command.push(folder.as_os_str());
    let mut peer = Peer::start("page", &command, &stage.site.dir, &[]);
    peer.wait_for_port(port);
    (peer, format!("http://127.0.0.1:{port}"))
}

fn fetch_steps(origin: &str) -> Value {
    let call = |page: &str, raw: bool| {
        let arguments =
            json!({ "url": format!("{origin}/{page}"), "raw": raw, "max_length": 50_000 });
        json!({ "op": "call", "name": "fetch", "arguments": arguments })
    };
    json!([
        { "op": "list_tools" },
        call("page.html", false),
        call("page.html", true),
        call("customers.json", false),
        call("clean.txt", false),
    ])
}

#[track_caller]
fn shows_pages(visit: &Visit, caller: Caller) {
    for step in [1, 2] {
        let text = visit.text(step);
        for line in
            ["The branch opens at nine. Rooms 12 to 15", "Printed on 2 November, page 3 of 7."]
        {
            assert!(text.contains(line), "step {step} lost `{line}`: {text}");
        }
    }
    for step in [1, 3] {
        for (value, class) in [(EMAIL, "email"), (PHONE, "phone")] {
            let shows = caller.may_see().contains(&class);
            assert_eq!(visit.text(step).contains(value), shows, "{class}: {}", visit.text(step));
        }
    }
    assert!(visit.text(4).contains(&template("clean.txt")), "{}", visit.text(4));
}

// --- git ---------------------------------------------------------------------------------------

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn git_server_shows_each_caller_its_classes_of_a_history() {
    let mut repository = PathBuf::new();
    let stage = Stage::new(|site| {
        repository = site.dir.path("repository");
        fs::create_dir_all(&repository).unwrap();
        stage::git(site, &repository)
    });
    make_history(&stage, &repository);
    let steps = git_steps(&repository);
    for (sdk, caller) in [
        (Sdk::Ts1, Caller::Plain),
        (Sdk::Ts2, Caller::Plain),
        (Sdk::Py1, Caller::Plain),
        (Sdk::Py2, Caller::Plain),
        (Sdk::Ts2Auto, Caller::Mail),
        (Sdk::Ts1, Caller::Desk),
    ] {
        shows_history(&stage.visit("/git", sdk, caller, &steps), caller);
    }
    stage.left_no_trace();
}

/// Two commits by somebody whose address they hold, with planted files and messages, and a third
/// change that is not committed.
fn make_history(stage: &Stage, repository: &Path) {
    let git = |arguments: &[&str]| {
        let mut command = clean(Command::new("git"), &stage.site.dir);
        command.arg("-C").arg(repository).args(arguments);
        command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Build");
            command.env(format!("GIT_{who}_EMAIL"), EMAIL);
            command.env(format!("GIT_{who}_DATE"), "2026-11-02T09:14:22Z");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    };
    let commit = |message: &str| {
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", message]);
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    for name in ["mailer.py", "customers.csv"] {
        fs::write(repository.join(name), filled(&template(name))).unwrap();
    }
    commit("Import the customers");
    fs::write(repository.join("production.env"), filled(&template("production.env"))).unwrap();
    fs::write(repository.join("customers.csv"), "id,plan\n7,gold\n").unwrap();
    commit(&filled("Ask {{email}} or {{phone}}\n\nHer card {{card}} was refused, SSN {{ssn}}."));
    fs::write(repository.join("mailer.py"), filled("TO = '{{email}}'  # not {{phone}}\n")).unwrap();
    fs::write(repository.join(format!("{EMAIL}.txt")), "notes\n").unwrap();
    // Git writes its letters as octal numbers.
    fs::write(repository.join(planted("email_utf8")), "notes\n").unwrap();
}

fn git_steps(repository: &Path) -> Value {
    let call = |name: &str, mut arguments: Value| {
        arguments["repo_path"] = json!(repository);
        json!({ "op": "call", "name": name, "arguments": arguments })
    };
    json!([
        { "op": "list_tools" },
        call("git_status", json!({})),
        call("git_log", json!({})),
        call("git_show", json!({ "revision": "HEAD" })),
        call("git_diff", json!({ "target": "HEAD~1" })),
        call("git_diff_unstaged", json!({})),
    ])
}

#[track_caller]
fn shows_history(visit: &Visit, caller: Caller) {
    for step in 1..=5 {
        let text = visit.text(step);
        assert_eq!(
            text.contains(EMAIL),
            caller.may_see().contains(&"email"),
            "step {step}: {text}"
        );
    }
    for step in 2..=5 {
        let shows = caller.may_see().contains(&"phone");
        assert_eq!(visit.text(step).contains(PHONE), shows, "{}", visit.text(step));
    }
    assert!(visit.text(1).contains("mailer.py"), "{}", visit.text(1));
    assert!(visit.text(2).contains("Import the customers"), "{}", visit.text(2));
    for line in ["LOG_LEVEL=info", "# production, do not commit", "--- a/customers.csv", "+7,gold"]
    {
        assert!(visit.text(3).contains(line), "git_show lost `{line}`: {}", visit.text(3));
    }
}
