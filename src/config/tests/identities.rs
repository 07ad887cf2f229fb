//! Mistakes of revocation lists, identity lists and the mesh.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, refused_in, revocation_list, unmarked,
    warned_in, with_authority, with_certificate,
};
use crate::config::IdentityKind;
use crate::limits::{CRL_FILES_MAX, RULES_MAX};

/// The usual file with TLS that asks for certificates, and these keys beside it.
fn asking(tls: &str, top: &str, server: &str) -> String {
    let tls = format!("tls: {{ cert: tls.crt, key: tls.key, client_ca: ca.crt{tls} }}\n");
    format!("{}{server}", SERVER.replace("issuers:\n", &format!("{tls}{top}issuers:\n")))
}

fn folder() -> Folder {
    let folder = with_certificate();
    let _ca = with_authority(&folder);
    folder
}

#[test]
fn s20_revocation_lists_are_read_and_watched() {
    let folder = folder();
    let ca = with_authority(&folder);
    folder.write("der.crl", revocation_list(&ca, -1, 7).der());
    let text = asking(", crl: [ca.crl, der.crl]", "", "");
    let checked = check_in(&folder, &text, Strictness::Strict).unwrap();
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    for name in ["ca.crl", "der.crl"] {
        let path = folder.path().join(name);
        assert!(checked.config.files.contains(&path));
        assert!(checked.config.listeners[0].tls.as_ref().unwrap().crl.contains(&path));
    }
    folder.write("der.crl", revocation_list(&ca, -1, 8).der());
    assert_ne!(checked.files.now(), checked.files, "a new list is a reason to reload");
}

#[test]
fn s20_list_that_proves_nothing_is_refused_at_check_time() {
    let folder = folder();
    let ca = with_authority(&folder);
    folder.write("old.crl", revocation_list(&ca, -9, -2).pem().unwrap());
    folder.write("new.crl", revocation_list(&ca, 2, 9).pem().unwrap());
    folder.write("half.crl", &revocation_list(&ca, -1, 9).der()[..40]);
    let with = |file: &str| asking(&format!(", crl: [{file}]"), "", "");
    refused_in(&folder, &with("«old.crl»"), "expired 48 hours ago", "fetch the current one");
    refused_in(&folder, &with("«new.crl»"), "from the future", "clock");
    refused_in(&folder, &with("«half.crl»"), "cannot be read", "make it again");
    refused_in(&folder, &with("«ca.crt»"), "holds no certificate revocation list", "X509 CRL");
    refused_in(&folder, &with("«none.crl»"), "does not exist", "relative");
    refused_in(&folder, &asking(", «crl»: []", "", ""), "revokes nothing", "remove the key");
    let many = vec!["ca.crl"; CRL_FILES_MAX + 1].join(", ");
    let text = asking(&format!(", crl: [{many}]"), "", "");
    let problems = check_in(&folder, &text, Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains(&format!("more than {CRL_FILES_MAX} files")), "{problems}");
}

#[test]
fn s20_list_of_another_authority_is_said_to_refuse_everybody() {
    let (folder, other) = (folder(), Folder::new());
    let foreign = with_authority(&other);
    folder.write("other.crl", revocation_list(&foreign, -1, 7).pem().unwrap());
    refused_in(
        &folder,
        &asking(", «crl»: [other.crl]", "", ""),
        "every client is refused",
        "add its list",
    );
    let own = std::fs::read_to_string(folder.path().join("ca.crt")).unwrap();
    folder.write("ca.crt", own + &foreign.pem());
    let text = asking(", «crl»: [other.crl]", "", "");
    warned_in(&folder, &text, "1 of 2 authorities", "add its list");
}

#[test]
fn s20_revocation_lists_without_an_authority_have_no_effect() {
    let text = SERVER
        .replace("issuers:\n", "tls: { cert: tls.crt, key: tls.key, «crl»: [ca.crl] }\nissuers:\n");
    refused_in(&folder(), &text, "no effect without `client_ca`", "add `client_ca");
}

#[test]
fn s20_identities_are_read_by_their_kind() {
    let hex = "AB:".repeat(31) + "AB";
    let list = format!(
        "    client_identities: [\"spiffe://corp.example/ns/agents/*\", \"dns:*.Agents.example\", \
         \"uri:urn:agent:?\", \"email:*@corp.example\", \"cn:batch *\", \"sha256:{hex}\"]\n"
    );
    let checked = check_in(&folder(), &asking("", "", &list), Strictness::Strict).unwrap();
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    let rules = &checked.config.servers[0].client_identities;
    let found: Vec<_> = rules.iter().map(|rule| (rule.kind, &*rule.pattern)).collect();
    let hex = "ab".repeat(32);
    assert_eq!(
        found,
        [
            (IdentityKind::Spiffe, "spiffe://corp.example/ns/agents/*"),
            (IdentityKind::Dns, "*.agents.example"),
            (IdentityKind::Uri, "urn:agent:?"),
            (IdentityKind::Email, "*@corp.example"),
            (IdentityKind::CommonName, "batch *"),
            (IdentityKind::Fingerprint, &hex),
        ]
    );
    assert!(accepted(SERVER).config.servers[0].client_identities.is_empty());
}

#[test]
fn s20_mistyped_identities_are_refused() {
    for (bad, message, help) in [
        ("spiffe://*/ns/agents", "a trust domain is not a pattern", "in full"),
        ("spiffe://corp*/x", "a trust domain is not a pattern", "in full"),
        ("spiffe://Corp/x", "not a SPIFFE id", "spiffe://corp.example"),
        ("spiffe://corp", "not a SPIFFE id", "spiffe://corp.example"),
        ("spiffe://corp/a?b=c", "not a SPIFFE id", "spiffe://corp.example"),
        ("SPIFFE://corp/a", "not a SPIFFE id", "spiffe://corp.example"),
        ("uri:spiffe://corp/a", "without `uri:`", "write `spiffe://"),
        ("agents", "not an identity", "`dns:`"),
        ("ip:10.0.0.1", "not an identity", "`dns:`"),
        ("dns:", "printable ASCII", "`dns:`"),
        ("dns:a b", "not a DNS name", "`dns:*.example.com`"),
        ("email:ann", "not an e-mail address", "`email:*@example.com`"),
        ("sha256:abc", "not a SHA-256", "64 hex digits"),
        ("cn:caf\u{e9}", "printable ASCII", "`cn:`"),
    ] {
        let list = format!("    client_identities: [«\"{bad}\"»]\n");
        refused_in(&folder(), &asking("", "", &list), message, help);
    }
}

#[test]
fn s20_identities_that_change_nothing_are_said() {
    let list = |text: &str| asking("", "", &format!("    {text}\n"));
    warned_in(
        &folder(),
        &list("client_identities: [\"dns:*.example\", «\"dns:a.example\"»]"),
        "`*.example` accepts it already",
        "remove one",
    );
    refused_in(&folder(), &list("«client_identities»: []"), "accepts nobody", "remove the key");
    let many = (0..=RULES_MAX).map(|i| format!("\"dns:a{i}\"")).collect::<Vec<_>>().join(", ");
    let text = list(&format!("client_identities: [{many}]"));
    let problems = check_in(&folder(), &text, Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains(&format!("more than {RULES_MAX} identities")));
    let text = format!("{SERVER}    «client_identities»: [\"dns:a\"]\n");
    refused_in(&Folder::new(), &text, "nobody can call", "client_ca");
}

#[test]
fn s20_identities_and_auth_none_contradict_each_other() {
    let lines =
        "    auth: none\n    scopes: { tools.invoke: [] }\n    client_identities: [\"dns:a\"]\n";
    let problems =
        check_in(&folder(), &asking("", "", lines), Strictness::Normal).unwrap_err().to_string();
    assert!(problems.contains("this list asks everybody"), "{problems}");
}

#[test]
fn s20_mesh_is_some_networks_and_its_identities_can_be_met() {
    let mesh = |text: &str| asking("", &format!("trusted_mesh: {{ {text} }}\n"), "");
    let whole = "networks: [10.0.0.0/8], identities: [\"spiffe://corp.example/ingress\"]";
    let checked = check_in(&folder(), &mesh(whole), Strictness::Strict).unwrap();
    let mesh_of = checked.config.trusted_mesh.unwrap();
    assert_eq!((mesh_of.networks.len(), mesh_of.identities.len()), (1, 1));
    let sidecar =
        SERVER.replace("issuers:\n", "trusted_mesh: { networks: [127.0.0.1/32] }\nissuers:\n");
    assert!(accepted(&sidecar).warnings.is_empty());
    refused_in(&folder(), &mesh("«networks»: []"), "no proxy is trusted", "remove the key");
    refused_in(
        &folder(),
        &mesh("networks: [«0.0.0.0/0»]"),
        "lets every client choose its own certificate",
        "your proxies only",
    );
    refused_in(
        &folder(),
        &mesh("networks: [127.0.0.1], identities: [«\"x\"»]"),
        "not an identity",
        "spiffe://",
    );
    let open = mesh("networks: [«10.0.0.0/8»]");
    warned_in(&folder(), &open, "may say whose certificate he has", "identities");
    assert!(check_in(&folder(), &unmarked(&open), Strictness::Strict).is_err());
    let unmet = SERVER.replace(
        "issuers:\n",
        "trusted_mesh: { networks: [127.0.0.1], «identities»: [\"dns:ingress\"] }\nissuers:\n",
    );
    refused_in(&Folder::new(), &unmet, "no proxy can have one of these", "client_ca");
}

#[test]
fn s20_certificates_of_a_mesh_serve_routes_without_tokens() {
    let text = SERVER.replace("issuers:\n", "trusted_mesh: { networks: [127.0.0.1] }\nissuers:\n");
    let lines = "    auth: certificate\n    scopes: { tools.invoke: [] }\n    client_identities: [\"dns:a\"]\n";
    let result = check_in(&Folder::new(), &format!("{text}{lines}"), Strictness::Normal);
    if let Err(problems) = result {
        let problems = problems.to_string();
        assert!(!problems.contains("client certificates"), "{problems}");
    }
}
