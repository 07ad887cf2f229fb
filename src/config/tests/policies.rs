//! Mistakes of policies, roles, views and what goes with them.

use super::{Folder, SERVER, Strictness, check_in, refused, refused_in, refused_server, warned_in};
use crate::limits::{ATTRIBUTES_MAX, ENTITIES_MAX, POLICY_FILES_MAX};

fn with(folder: &Folder, policy: &str) -> String {
    folder.write("p.cedar", "permit (principal, action, resource);");
    format!("{SERVER}policy: {policy}\n")
}

fn message(folder: &Folder, text: &str) -> String {
    check_in(folder, text, Strictness::Normal).unwrap_err().to_string()
}

#[test]
fn policies_are_compiled_watched_and_part_of_the_hash() {
    let folder = Folder::new();
    let text = with(&folder, "{ files: [p.cedar], time_zone: europe/berlin }");
    let checked = check_in(&folder, &text, Strictness::Normal).unwrap();
    let governance = checked.config.servers[0].policy.as_ref().unwrap();
    assert_eq!(governance.live.world().zone.name(), "Europe/Berlin");
    assert!(checked.config.files.contains(&folder.path().join("p.cedar")));
    folder.write("p.cedar", "forbid (principal, action, resource);");
    let again = check_in(&folder, &text, Strictness::Normal).unwrap().config;
    assert_ne!(again.hash, checked.config.hash);
    assert_ne!(again.servers[0].policy.as_ref().unwrap().live.hash(), governance.live.hash());
}

#[test]
fn mistakes_of_the_section_are_told_at_their_place() {
    let folder = Folder::new();
    for (policy, why, help) in [
        ("{ files: [«q.cedar»] }", "q.cedar", "relative to the folder"),
        ("{ files: [p.cedar, «p.cedar»] }", "named twice", "remove"),
        ("{ time_zone: «Europe/Atlantis» }", "no time zone", "Europe/Berlin"),
        ("{ networks: { «Office»: [10.0.0.0/8] } }", "not a name", "lower-case"),
        ("{ networks: { office: [«ten»] } }", "ten", "10.0.0.0/8"),
        ("{ risk_header: «x-risk» }", "nobody's header is believed", "trusted_proxies"),
        ("{ entities: «none.yaml» }", "none.yaml", "relative"),
    ] {
        refused_in(&folder, &with(&folder, policy), why, help);
    }
    let proxied =
        format!("trusted_proxies: [10.0.0.1]\n{}", with(&folder, "{ risk_header: «host» }"));
    refused_in(&folder, &proxied, "cannot be this header", "x-");
}

#[test]
fn mistakes_of_policy_and_entities_files_name_these_files() {
    let folder = Folder::new();
    let text = with(&folder, "{ files: [p.cedar], entities: e.yaml }");
    folder.write("e.yaml", "roles: { a: [a] }");
    let shown = message(&folder, &text);
    assert!(shown.contains("e.yaml:1:1") && shown.contains("stands in itself"), "{shown}");
    let many: String = (0..100_000).map(|n| format!("  r{n}: [a]\n")).collect();
    folder.write("e.yaml", format!("roles:\n{many}"));
    let shown = message(&folder, &text);
    assert!(shown.contains("e.yaml:") && shown.contains(&ENTITIES_MAX.to_string()), "{shown}");
    folder.write("e.yaml", "roles: {}");
    folder.write("p.cedar", "permit (principal, action == Action::\"tools.call\", resource);");
    let shown = message(&folder, &text);
    assert!(shown.contains("p.cedar:1:") && shown.contains("tools.call"), "{shown}");
    folder.write(
        "p.cedar",
        "@rate(\"slow\") @redact(\"none\") permit (principal, action, resource);",
    );
    let shown = message(&folder, &text);
    assert!(shown.contains("limits.classes") && shown.contains("redact.profiles"), "{shown}");
    folder.write("p.cedar", [0xff, 0xfe]);
    assert!(message(&folder, &text).contains("not UTF-8"));
}

#[test]
fn mistakes_of_roles_are_told_at_their_place() {
    refused_server("    «roles»: {}\n", "nobody may do anything", "name one");
    refused_server("    roles: { «a»: {} }\n", "may do nothing", "name what");
    refused_server("    roles: { a: { tools: [«b?»] } }\n", "only `*`", "`*`");
    refused_server("    roles: { a: { tools: [«''»] } }\n", "empty pattern", "crm");
    let without = SERVER.replace("    roles_claim: roles\n", "");
    refused(
        &format!("{without}    «roles»: {{ a: {{ tools: [b] }} }}\n"),
        "can have a role",
        "roles_claim",
    );
    let folder = Folder::new();
    let shown = message(&folder, &format!("{SERVER}    roles: {{ a: {{ reveal: [emial] }} }}\n"));
    assert!(shown.contains("there is no `Class::\"emial\"`"), "{shown}");
}

#[test]
fn mistakes_of_what_policies_choose_are_told_at_their_place() {
    refused_server(
        "    roles: { r: { tools: [t] } }\n    limits: { classes: { «A»: 1/m } }\n",
        "not a name",
        "lower-case",
    );
    refused_server(
        "    roles: { r: { tools: [t] } }\n    limits: { classes: { a: «off» } }\n",
        "no effect",
        "remove",
    );
    refused_server(
        "    roles: { r: { tools: [t] } }\n    redact: { profiles: { «a»: {} } }\n",
        "changes nothing",
        "name classes",
    );
    refused_server(
        "    roles: { r: { tools: [t] } }\n    redact: { profiles: { a: { classes: { «emial»: mask } } } }\n",
        "not a class",
        "email",
    );
    refused_server("    tool_schemas: «t.json»\n", "t.json", "relative");
    let folder = Folder::new();
    folder.write("t.json", "{\"tools\": 5}");
    refused_in(
        &folder,
        &format!("{SERVER}    tool_schemas: «t.json»\n"),
        "no list of tools",
        "tools/list",
    );
}

#[test]
fn attributes_have_names_that_policies_can_say() {
    let line = |attributes: &str| {
        SERVER.replace("    roles_claim: roles\n", &format!("    attributes: {attributes}\n"))
    };
    refused(&line("{ «a-b»: department }"), "no name for policies", "letters");
    refused(&line("{ a: «''» }"), "empty name", "roles");
    let many: String = (0..=ATTRIBUTES_MAX).map(|n| format!("\n      a{n}: b")).collect();
    let text = line(&many).replace("attributes:", "«attributes»:");
    refused(&text, &format!("more than {ATTRIBUTES_MAX}"), "keep");
}

#[test]
fn more_than_policy_files_max_files_are_refused() {
    let folder = Folder::new();
    let files = vec!["p.cedar"; POLICY_FILES_MAX + 1].join(", ");
    let text = with(&folder, &format!("{{ files: [{files}] }}"));
    assert!(message(&folder, &text).contains(&format!("more than {POLICY_FILES_MAX} files")));
}

#[test]
fn what_only_policies_use_is_refused_where_none_govern_and_told_where_none_chooses_it() {
    let folder = Folder::new();
    folder.write("t.json", "{\"tools\": []}");
    for lines in [
        "    tool_schemas: «t.json»\n".to_owned(),
        "    limits: { «classes»: { a: 1/m } }\n".to_owned(),
        "    redact: { «profiles»: { a: { reveal: false } } }\n".to_owned(),
    ] {
        refused_in(&folder, &format!("{SERVER}{lines}"), "no policies govern", "add `policy`");
    }
    folder.write("t.json", "{\"tools\": [{\"name\": \"a\", \"outputSchema\": {}}]}");
    let alone = format!("{SERVER}    tool_schemas: t.json\n");
    check_in(&folder, &alone, Strictness::Strict).unwrap();
    let governed = |lines: &str| format!("{SERVER}    roles: {{ a: {{ tools: [b] }} }}\n{lines}");
    warned_in(
        &folder,
        &governed("    limits: { classes: { a: «1/m» } }\n"),
        "no policy puts",
        "@rate",
    );
    let lines = "    redact: { profiles: { «a»: { reveal: false } } }\n";
    warned_in(&folder, &governed(lines), "no policy chooses", "@redact");
}
