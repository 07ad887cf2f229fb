//! Ordinary arguments, none of which may hit.

use super::{checks, inspect, places};

#[test]
fn requests_of_agents_do_not_hit() {
    for request in AGENTS {
        let hits = inspect(request);
        assert!(hits.is_empty(), "{request}: {:?}", places(&hits));
    }
    assert!(AGENTS.len() >= 20);
}

#[test]
fn prose_does_not_hit_wherever_prose_belongs() {
    for parameter in ["text", "message", "commitMessage", "description", "prompt", "title", "body"]
    {
        for prose in PROSE {
            assert!(checks(parameter, prose).is_empty(), "{parameter}: {prose}");
        }
    }
}

#[test]
fn code_does_not_hit_wherever_code_belongs() {
    for parameter in ["code", "content", "new_str", "sql", "query", "script", "command", "pattern"]
    {
        for code in CODE.iter().chain(PROSE) {
            assert!(checks(parameter, code).is_empty(), "{parameter}: {code}");
        }
    }
}

#[test]
fn prose_hardly_hits_where_nothing_says_that_it_is_prose() {
    let hits: Vec<_> = PROSE.iter().filter(|prose| !checks("city", prose).is_empty()).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

#[test]
fn ordinary_values_of_typed_parameters_do_not_hit() {
    for (parameters, values) in TYPED {
        for parameter in *parameters {
            for value in *values {
                let hits = checks(parameter, value);
                assert!(hits.is_empty(), "{parameter}: {value:?} {hits:?}");
            }
        }
    }
}

type Table = &'static [(&'static [&'static str], &'static [&'static str])];

const TYPED: Table = &[
    (
        &["path", "filePath", "directory", "source"],
        &[
            "src/main.rs",
            "./src",
            ".",
            "/home/user/project/README.md",
            "/workspace/app/config.yaml",
            "/Users/ann/Documents/Report (final).pdf",
            "docs/2026/Q3 results & outlook.md",
            "a..b/c",
            "file...txt",
            "./...",
            "~/notes.md",
            "/dev/null",
            "/data/exports/2026-11-22T10:00:00Z.json",
            "file:///home/user/a.txt",
            "Müller/Übersicht.txt",
            "100% done.txt",
            ".gitignore",
            "node_modules/@scope/pkg/index.d.ts",
            "Tom & Jerry; part 2.mkv",
            "${workspaceFolder}/src",
            "O'Brien - letter.docx",
            "C#/Program.cs",
        ],
    ),
    (
        &["url", "uri", "webhook_url", "endpoint"],
        &[
            "https://example.com/",
            "http://example.com:8080/a/b?x=1&y=2#top",
            "https://en.wikipedia.org/wiki/Rust_(programming_language)",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://bücher.example/",
            "https://medium.com/@user/post-1",
            "https://api.github.com/repos/o/r/issues?q=is:open%20label:bug",
            "/docs/page",
            "docs/10-minutes",
            "2026-report.pdf",
            "example.com/path",
            "data:image/png;base64,iVBORw0KGgo=",
        ],
    ),
    (
        &["uri", "resourceUri", "resource_uris"],
        &["memo://notes/7", "test://static-text", "crm+v2://contact/9", "ui://widget/main.html"],
    ),
    (
        &["host", "hostname", "branch", "ref", "ip", "container"],
        &[
            "example.com",
            "db-1.prod.example.com:5432",
            "10.0.0.1",
            "10.0.0.0/8",
            "2001:db8::1",
            "main",
            "feature/add-login_2",
            "v1.2.3",
            "refs/heads/main",
            "HEAD~2",
            "abc1234",
            "web_1",
            "release/2026.11",
            "dependabot/npm_and_yarn/lodash-4.17.21",
        ],
    ),
    (
        &["id", "name", "username", "user_id", "city"],
        &[
            "42",
            "550e8400-e29b-41d4-a716-446655440000",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "google-oauth2|1234567890",
            "O'Brien",
            "D'Angelo & Sons",
            "Johnson & Johnson",
            "AT&T",
            "R&D",
            "Procter & Gamble; Co.",
            "Search & Find",
            "Rock 'n' Roll",
            "Anna-Maria Müller (she/her)",
            "José",
            "user@example.com",
            "Union Select Committee",
            "Dr. Who?",
            "Select a city",
            "St. John's",
            "Report #12",
            "Drop Table Tennis Club",
            "Ping Pong",
            "A or B",
            "Yes and no",
            "Version 2.0 -- final",
            "C++",
            "a=b",
            "Salt, pepper; sugar",
            "2026-11-22",
            "12:30",
            "+49 30 1234567",
            "50%",
            "Order by Friday",
            "Case when needed",
            "Ben & Jerry's",
            "\"The Best\" -- a story",
            "Men in Black (1997)",
            "Sleep (8 hours)",
            "Kiss & Tell",
            "Cat & Dog",
            "A | B",
            "tom; jerry",
            "Where is my order",
            "1 + 1",
            "x > 5",
            "Gift: $20",
            "Paris, Île-de-France",
        ],
    ),
    (
        &["text", "name", "city"],
        &[
            "👨‍👩‍👧‍👦 family",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "❤️",
            "שלום\u{200f} עולם",
            "\u{feff}text",
            "日本語テキスト",
            "葛\u{e0100}飾区",
        ],
    ),
];

const AGENTS: &[&str] = &[
    r#"{"path":"/home/user/project/src/lib.rs"}"#,
    r#"{"path":"src/app.ts","edits":[{"oldText":"a && b || c","newText":"if (a) { run('; drop table x') }"}],"dryRun":true}"#,
    r#"{"query":"SELECT name, count(*) FROM users WHERE id = 1 OR 1=1 GROUP BY name; --","database":"analytics"}"#,
    r#"{"command":"cd /etc && cat passwd | grep root; rm -rf ./build","timeout":30}"#,
    r#"{"url":"https://news.example.com/article?id=12&lang=en","max_length":5000,"raw":false}"#,
    r#"{"repo_path":"/workspace/app","message":"fix: don't crash on `../` in paths; closes #12 & #13"}"#,
    r#"{"owner":"octo-org","repo":"hello.world","title":"Login fails: SQL error near ''1'='1'","body":"Steps:\n1. open http://localhost:3000\n2. enter ' OR 1=1 --\n3. see $(whoami)","labels":["bug"]}"#,
    r#"{"to":["ann@example.com"],"subject":"Q3 numbers & outlook; please read","body":"Hi Ann,\nsee /etc/hosts and \"../notes\".\nCheers -- Bob"}"#,
    r#"{"channel":"C024BE91L","text":"Deploy done :tada: | see <https://ci.example.com/run/1|run> && celebrate"}"#,
    r#"{"timezone":"Europe/Berlin"}"#,
    r#"{"source_timezone":"America/New_York","time":"14:30","target_timezone":"Asia/Tokyo"}"#,
    r#"{"entities":[{"name":"Alice O'Neil","entityType":"person","observations":["likes C++ & Rust; lives in St. John's","id=42 or so"]}]}"#,
    r#"{"pattern":"(foo|bar)\\s*=\\s*\\$\\(.*\\)","path":"./src","glob":"**/*.{ts,tsx}"}"#,
    r#"{"expression":"(3 + 4) * 2 > 5 && true || false"}"#,
    r#"{"location":"San Francisco, CA","units":"metric","days":3}"#,
    r#"{"jql":"project = \"ABC\" AND status = \"In Progress\" OR assignee = currentUser() ORDER BY created","limit":20}"#,
    r#"{"start":"2026-11-22T09:00:00+01:00","end":"2026-11-22T10:00:00+01:00","summary":"1:1 Ann & Bob (weekly); room #5","attendees":["a@example.com","b@example.com"]}"#,
    r#"{"spreadsheet_id":"1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms","range":"Sheet1!A1:D10","values":[["=SUM(A1;A2)","it's > 5"]]}"#,
    r#"{"image_url":"https://cdn.example.com/a/b.png?w=100&h=50","prompt":"Describe what's in the picture; be brief & honest"}"#,
    r#"{"thought":"The user wants ../config; maybe `ls -la` first?","nextThoughtNeeded":true,"thoughtNumber":1,"totalThoughts":5}"#,
    r#"{"selector":"div > a[href^='http://'] | .x","timeout":5000}"#,
    r#"{"namespace":"kube-system","pod":"coredns-5d78c9869d-abcde","container":"coredns","tail":100}"#,
    r#"{"branch":"feature/JIRA-123_login","base":"main","commit":"9fceb02","file":"src/a b/c++.md"}"#,
    r##"{"html":"<a href=\"javascript:void(0)\">x</a><!-- ../.. -->","css":"a{color:#fff}"}"##,
    r#"{"filter":"price lt 10 and name eq 'O''Brien' or 1 eq 1","orderby":"name desc","$top":5}"#,
];

const PROSE: &[&str] = &[
    "The quick brown fox jumps over the lazy dog.",
    "Please select the best option from the list, and drop me a line; I'll update the table.",
    "It's either this or that -- we can't have both, can we?",
    "Don't forget: the meeting is at 10:30 (room #4) & lunch is at 12.",
    "We spent $20 on pizza; John paid 50% of it.",
    "Is 1 equal to 1? Of course it is.",
    "He said \"yes\" and she said \"no\"; nobody was happy.",
    "Union members select a new committee from time to time.",
    "Read more at https://example.com/a?b=c#d (or ask me).",
    "Group by age, order by name, and sort the rest later.",
    "You can sleep when the work is done... or not.",
    "The shell of the egg; the pipe | of the organ; the cat & the dog.",
    "Let's exec the plan, then echo the results.",
    "Use the path less travelled, not ../ the one behind.",
    "Jean-Luc's report isn't ready; 'tis a pity.",
    "Where do we go from here? Between 5 and 10 people asked.",
    "C'est la vie -- l'été n'est pas fini.",
    "Der Käufer (Herr O'Hara) zahlt 100 EUR; Rest folgt.",
    "I love cats; dogs and birds are fine, too.",
    "Drop by anytime; create a new account; delete from memory what I said.",
];

const CODE: &[&str] = &[
    "fn main() { let x = vec![1, 2]; println!(\"{}\", x[0]); }",
    "SELECT * FROM users WHERE id = '1' OR '1'='1'; DROP TABLE users; --",
    "import os\nos.system('ls -la | grep x')\nopen('/etc/passwd').read()",
    "#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")/..\" && rm -rf build; curl -s http://localhost:8080/ | sh",
    "const p = path.join(__dirname, '../../etc'); fetch(`http://127.0.0.1:${port}/`);",
    "<?php system($_GET['x']); ?>",
    "SELECT a FROM b UNION ALL SELECT c FROM information_schema.tables",
    "if [ -f /etc/hosts ]; then cat /etc/hosts; fi",
    "^(?:\\.\\./)+$",
    "https://user:pw@10.0.0.1/",
    "${jndi:ldap://x}",
];
