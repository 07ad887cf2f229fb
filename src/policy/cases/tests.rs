//! The promises of files of cases.

use std::sync::Arc;

use proptest::prelude::*;

use super::{CaseFile, Coverage, Opened, run};
use crate::limits::{CASES_BYTES_MAX, CASES_MAX};
use crate::policy::Policies;
use crate::policy::text::Source;

fn source(text: &str) -> Source {
    Source { name: "a.test.yaml".into(), text: text.into() }
}

fn opened(name: &str, _: usize) -> Result<Opened, String> {
    let text = match name {
        "a.cedar" => POLICIES,
        "tools.json" => TOOLS,
        "entities.yaml" => "roles: { manager: [support] }",
        other => return Err(format!("`{other}` cannot be read")),
    };
    Ok(Opened { name: Arc::from(name), bytes: text.as_bytes().to_vec() })
}

fn compiled(file: &CaseFile) -> Result<Policies, String> {
    let text = |problems: Vec<crate::policy::problem::Problem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let parts = file.parts(&opened).map_err(text)?;
    Policies::compile(parts).map(|(policies, _)| policies).map_err(text)
}

/// The failures of each case, or the problems of the file.
fn result(text: &str) -> Result<Vec<String>, String> {
    let text_of = |problems: Vec<crate::policy::problem::Problem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let file = CaseFile::read(&source(text)).map_err(text_of)?;
    let policies = compiled(&file)?;
    let cases = file.cases(&policies).map_err(text_of)?;
    let shown = |outcome: &super::Outcome<'_>| {
        let failures = outcome.failures.iter();
        let each = failures.map(|one| format!("{}: {} != {}", one.member, one.expected, one.found));
        each.collect::<Vec<_>>().join("; ")
    };
    Ok(run(&cases, &policies).iter().map(shown).collect())
}

const POLICIES: &str = r#"
@id("small") @rate("slow") @alert("refund")
permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.args.amount <= 100 };
@id("late") forbid (principal, action, resource) when { context.time.hour >= 18 };
"#;
const TOOLS: &str = r#"{"tools": [{"name": "refund", "inputSchema": {"type": "object",
    "required": ["amount"], "properties": {"amount": {"type": "integer"}}}}]}"#;
const HEAD: &str = "policies: [a.cedar]\nentities: entities.yaml\ntool_schemas: { crm: tools.json }\nservers: [crm]\ndefaults: { server: crm, action: tools.invoke, on: refund, who: { roles: [manager] } }\ncases:\n";

#[test]
fn cases_pass_or_say_what_came() {
    let text = format!(
        "{HEAD}  - {{ name: a, args: {{ amount: 100 }}, expect: permit, policies: [small], \
         obligations: [rate=slow], alerts: [refund], listed: true }}\n  - name: b\n    args: '{{\"amount\": 101}}'\n    expect: permit\n    listed: false\n  - {{ name: c, at: '2026-01-05T19:00:00Z', args: {{ amount: 1 }}, expect: deny, why: policy_forbids, policies: [late] }}\n"
    );
    let found = result(&text).unwrap();
    assert_eq!(found, ["", "expect: permit != deny; listed: false != true", ""]);
}

#[test]
fn coverage_names_policies_that_decide_no_case() {
    let file = CaseFile::read(&source(&format!(
        "{HEAD}  - {{ name: a, args: {{ amount: 1 }}, expect: permit }}\n"
    )))
    .unwrap();
    let policies = compiled(&file).unwrap();
    let cases = file.cases(&policies).unwrap();
    let mut coverage = Coverage::default();
    coverage.add(&run(&cases, &policies));
    assert_eq!(coverage.never(&policies), ["late"]);
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    for (text, place, says) in [
        ("cases: []", ":1:1", "no case"),
        ("casses: []", ":1:1", "casses"),
        ("policies: [b.cedar]\ncases: [{name: a, expect: deny}]", ":1:12", "cannot be read"),
        ("cases: [{name: a, expect: deny}]", ":1:1", "no policies"),
        (
            "policies: [a.cedar]\ntime_zone: X\ncases: [{name: a, expect: deny}]",
            ":2:1",
            "no time zone",
        ),
        (
            "policies: [a.cedar]\nnetworks: {o: [x]}\ncases: [{name: a, expect: deny}]",
            ":2:1",
            "no network",
        ),
        ("  - {name: a, expect: deny, exspect: x}\n", ":7:29", "exspect"),
        ("  - {name: a, expect: maybe}\n", ":7:15", "no decision"),
        ("  - name: a\n    expect: deny\n    why: late\n", ":9:5", "never the reason"),
        ("  - name: a\n    expect: permit\n    why: no_policy\n", ":9:5", "never the reason"),
        ("  - name: a\n    expect: deny\n    from: x\n", ":9:5", "no address"),
        ("  - name: a\n    expect: deny\n    policies: [x]\n", ":9:5", "no policy `x`"),
        ("  - name: a\n    expect: deny\n    who: {proof: x}\n", ":9:11", "no proof"),
        ("  - name: a\n    expect: deny\n  - name: a\n    expect: deny\n", ":9:5", "two cases"),
        ("  - {name: a, expect: deny, server: x}\n", ":7:29", "no server `x`"),
        ("  - {name: a, expect: deny, action: reveal, on: x}\n", ":7:45", "no class `x`"),
    ] {
        let head = if text.starts_with(' ') { HEAD } else { "" };
        let text = format!("{head}{text}");
        let found = result(&text).unwrap_err();
        let head = found.lines().nth(1).unwrap_or_default();
        assert!(
            found.contains(says) && head.contains(&format!("a.test.yaml{place}")),
            "{text}\n{found}"
        );
    }
}

#[test]
fn words_that_other_yaml_takes_for_truth_are_texts() {
    let text = format!(
        "{HEAD}  - {{ name: a, on: refund, who: {{ subject: off }}, args: {{ amount: 1, note: no }}, expect: permit }}\n"
    );
    assert_eq!(result(&text).unwrap(), [""]);
}

#[test]
fn file_beyond_cases_max_or_cases_bytes_max_is_refused() {
    let many = |count: usize| {
        let cases = (0..count).map(|n| format!("- {{name: c{n}, expect: deny}}\n"));
        format!("cases:\n{}", cases.collect::<String>())
    };
    assert!(CaseFile::read(&source(&many(CASES_MAX))).is_ok());
    let error = CaseFile::read(&source(&many(CASES_MAX + 1))).unwrap_err();
    assert!(error[0].message.contains(&CASES_MAX.to_string()));
    assert!(CaseFile::read(&source(&" ".repeat(CASES_BYTES_MAX + 1))).is_err());
}

proptest! {
    #[test]
    fn arbitrary_text_is_no_harm(text in "\\PC{0,200}") {
        let _ = result(&text);
    }

    #[test]
    fn arbitrary_keys_and_values_are_no_harm(
        key in "(name|who|on|args|at|session|expect|policies|x)",
        value in "[ -~\n]{0,40}",
    ) {
        let _ = result(&format!("{HEAD}  - name: a\n    expect: deny\n    {key}: {value}\n"));
        let _ = result(&format!("{HEAD}  - {{ {key}: {value} }}\n"));
    }
}
