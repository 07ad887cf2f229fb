//! What a configuration file promises its author: every mistake is named at its place, with the
//! way out.
//!
//! Bad files are written with `«` and `»` around the text that must be underlined.

mod anchors;
mod api_keys;
mod audit;
mod claims;
mod command;
mod credential;
mod facade;
mod gateway;
mod identities;
mod introspection;
mod issuers;
mod listeners;
mod outbound;
mod pins;
mod policies;
mod proof;
mod redact;
mod revocation;
mod servers;
mod sessions;
mod shape;
mod shared;
mod sinks;
mod upstream;
mod whole;

use super::testing::Folder;
use super::{Checked, Problem, Problems, Severity, Source, Strictness, check_at};

/// 2026-11-22.
const NOW_S: u64 = 1_795_305_600;

/// Everything but the last lines of the only server.
const SERVER: &str = "\
listen: 127.0.0.1:0
issuers:
  - issuer: https://idp.example.com
    roles_claim: roles
servers:
  - name: notes
    public_url: https://notes.example.com/mcp
    upstream: http://127.0.0.1:8080/mcp
";

fn env(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("notes.internal".into()),
        "TOKEN" => Some("Bearer s3cr3t-value".into()),
        "PATH" => Some("/usr/bin:/bin".into()),
        _ => None,
    }
}

/// Checks a text as the file `s.yaml` of a folder.
fn check_in(folder: &Folder, text: &str, strictness: Strictness) -> Result<Checked, Problems> {
    let path = folder.write("s.yaml", text);
    check_at(&Source { path: Some(path), text: text.into() }, &env, strictness, Some(NOW_S))
}

fn accepted(text: &str) -> Checked {
    check_in(&Folder::new(), text, Strictness::Normal).unwrap_or_else(|why| panic!("{why}"))
}

/// The usual file with another `public_url`.
fn public(url: &str) -> String {
    SERVER.replace("https://notes.example.com/mcp", url)
}

/// With more lines for the only server.
fn server(lines: &str) -> Checked {
    accepted(&format!("{SERVER}{lines}"))
}

/// Asserts that the only error is at the marked place and says `message` and `help`.
#[track_caller]
fn refused(marked: &str, message: &str, help: &str) {
    refused_in(&Folder::new(), marked, message, help);
}

#[track_caller]
fn refused_server(lines: &str, message: &str, help: &str) {
    refused(&format!("{SERVER}{lines}"), message, help);
}

#[track_caller]
fn refused_in(folder: &Folder, marked: &str, message: &str, help: &str) {
    let problems = match check_in(folder, &unmarked(marked), Strictness::Normal) {
        Ok(_) => panic!("accepted:\n{marked}"),
        Err(problems) => problems,
    };
    let errors: Vec<&Problem> =
        problems.list.iter().filter(|p| p.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{problems}");
    shows(errors[0], marked, message, help);
}

/// Asserts that the only problem is a warning at the marked place.
#[track_caller]
fn warned_in(folder: &Folder, marked: &str, message: &str, help: &str) {
    let checked = check_in(folder, &unmarked(marked), Strictness::Normal);
    let warnings = checked.unwrap_or_else(|why| panic!("{why}")).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].severity, Severity::Warning);
    shows(&warnings[0], marked, message, help);
}

#[track_caller]
fn warned_server(lines: &str, message: &str, help: &str) {
    warned_in(&Folder::new(), &format!("{SERVER}{lines}"), message, help);
}

fn unmarked(marked: &str) -> String {
    marked.replace(['«', '»'], "")
}

/// Asserts line, column, carets, message and help of the rendered problem.
#[track_caller]
fn shows(problem: &Problem, marked: &str, message: &str, help: &str) {
    let shown = problem.to_string();
    let (before, rest) = marked.split_once('«').unwrap();
    let inside = rest.split_once('»').unwrap().0;
    let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
    let start = before.rsplit('\n').next().unwrap_or(before).chars().count();
    let source = unmarked(marked).lines().nth(line - 1).unwrap().replace('\t', " ");
    let place = format!("s.yaml:{line}:{}", start + 1);
    assert!(shown.contains(&place), "expected {place} in\n{shown}");
    let (indent, carets) = (" ".repeat(start), "^".repeat(inside.chars().count()));
    let width = line.to_string().len();
    let drawn = format!("{line} | {source}\n{:width$} | {indent}{carets}\n", "");
    assert!(shown.contains(&drawn), "expected\n{drawn}\nin\n{shown}");
    assert!(shown.starts_with(&format!(
        "{}: ",
        if problem.severity == Severity::Error { "error" } else { "warning" }
    )));
    assert!(problem.message.contains(message), "expected `{message}` in\n{shown}");
    assert!(!help.is_empty() && problem.help.contains(help), "expected `{help}` in\n{shown}");
    assert!(shown.contains(" = help: "));
}

/// A certificate for `localhost` and its key, PEM, valid between two days since the Unix epoch.
fn certificate(from_day: i64, until_day: i64) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    let day = |day: i64| {
        rcgen::date_time_ymd(1970, 1, 1)
            + std::time::Duration::from_secs(u64::try_from(day).unwrap() * 86_400)
    };
    params.not_before = day(from_day);
    params.not_after = day(until_day);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Today in days since the Unix epoch.
fn today() -> i64 {
    i64::try_from(NOW_S / 86_400).unwrap()
}

/// A folder with a good certificate `tls.crt` and its key `tls.key`.
fn with_certificate() -> Folder {
    let folder = Folder::new();
    let (cert, key) = certificate(today() - 10, today() + 300);
    folder.write("tls.crt", cert);
    folder.write("tls.key", key);
    folder
}

/// An authority `ca.crt` and its revocation list `ca.crl`, in time.
fn with_authority(folder: &Folder) -> rcgen::CertifiedIssuer<'static, rcgen::KeyPair> {
    let mut params = rcgen::CertificateParams::default();
    let name = folder.path().display().to_string();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign, rcgen::KeyUsagePurpose::KeyCertSign];
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    folder.write("ca.crt", authority.pem());
    folder.write("ca.crl", revocation_list(&authority, -1, 7).pem().unwrap());
    authority
}

/// An empty list, valid between two numbers of days from today.
fn revocation_list(
    authority: &rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    from: i64,
    until: i64,
) -> rcgen::CertificateRevocationList {
    let seconds =
        |day: i64| std::time::Duration::from_secs(u64::try_from(today() + day).unwrap() * 86_400);
    let params = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(1970, 1, 1) + seconds(from),
        next_update: rcgen::date_time_ymd(1970, 1, 1) + seconds(until),
        crl_number: rcgen::SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    params.signed_by(authority).unwrap()
}
