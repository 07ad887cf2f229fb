//! What the reader of `X-Forwarded-Client-Cert` promises.

use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::{Element, XfccError, client, elements};
use crate::limits::FORWARDED_HOPS_MAX;
use crate::net::certificate::{IdentityError, fingerprint};
use crate::principal::CertificateSource;

const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

/// As Envoy writes it: everything in quotes that may need them.
fn written(element: &Element) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\\\""));
    let Element { by, hash, cert, chain, subject, uris, dns } = element;
    let mut pairs: Vec<String> = by.iter().map(|v| format!("By={}", quoted(v))).collect();
    pairs.extend(hash.iter().map(|v| format!("Hash={v}")));
    for (key, value) in [("Cert", cert), ("Chain", chain), ("Subject", subject)] {
        pairs.extend(value.iter().map(|v| format!("{key}={}", quoted(v))));
    }
    pairs.extend(uris.iter().map(|v| format!("URI={}", quoted(v))));
    pairs.extend(dns.iter().map(|v| format!("DNS={}", quoted(v))));
    pairs.join(";")
}

#[test]
fn s20_example_of_envoys_manual_is_read() {
    let field = format!(
        "By=http://frontend.lyft.com;Hash={HASH};\
         Subject=\"/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client\";URI=http://testclient.lyft.com"
    );
    let all = elements(&field).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].by, ["http://frontend.lyft.com"]);
    assert_eq!(
        all[0].subject.as_deref(),
        Some("/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client")
    );
    let found = client(&field).unwrap();
    assert_eq!(&*found.name, "http://testclient.lyft.com");
    assert_eq!((found.fingerprint.as_str(), found.source), (HASH, CertificateSource::Forwarded));
}

#[test]
fn s20_last_element_is_the_client_of_the_nearest_proxy() {
    let other = "0".repeat(64);
    let field = format!(
        "Hash={other};URI=spiffe://corp/admin, By=spiffe://corp/ingress;Hash={HASH};\
         Subject=\"\";URI=spiffe://corp/agent"
    );
    let found = client(&field).unwrap();
    assert_eq!((&*found.name, found.fingerprint.as_str()), ("spiffe://corp/agent", HASH));
}

#[test]
fn s20_keys_are_read_in_any_case_and_empty_names_are_none() {
    let found = client(&format!("BY=;hash={};URI=;uRi=;DNS=a.test", HASH.to_uppercase())).unwrap();
    assert_eq!((&*found.name, found.uris.len()), ("a.test", 0));
    assert_eq!(found.fingerprint, HASH);
    assert_eq!(*client(&format!("Hash={HASH}")).unwrap().name, format!("sha256:{HASH}"));
}

#[test]
fn s20_subject_cannot_leave_its_quotes() {
    // RFC 2253 writes a quote in a name as `\"`, and Envoy puts a backslash before it.
    let field = format!(r#"Hash={HASH};Subject="O=\\";URI=spiffe://corp/admin;X=\"";DNS=a.test"#);
    let all = elements(&field).unwrap();
    assert_eq!(all[0].subject.as_deref(), Some(r#"O=\";URI=spiffe://corp/admin;X=""#));
    assert_eq!(&*client(&field).unwrap().name, "a.test");
    assert_eq!(
        elements(&format!(r#"Hash={HASH};Subject="CN=a\, b""#)).unwrap()[0].subject.as_deref(),
        Some(r"CN=a\, b")
    );
}

#[test]
fn s20_malformed_fields_are_refused() {
    for form in [
        "",
        ",",
        "Hash",
        "=a",
        "Hash =a",
        "Hash= a",
        "Hash=a;",
        "Hash=a,",
        ",Hash=a",
        "Hash=a,,Hash=b",
        "Hash=\"a",
        "Hash=\"a\\\"",
        "Hash=\"a\"b",
        "Hash=a\"b\"",
        "Hash=a=b",
        "URI=a b",
        "Hash=a;;URI=b",
        "H\u{61}sh2=a",
    ] {
        assert_eq!(elements(form), Err(XfccError::Form), "{form:?}");
    }
    for bad in ["Hash=a\tb", "Hash=a\r\nURI=b", "Subject=\"\u{e9}\"", "Hash=\0"] {
        assert_eq!(elements(bad), Err(XfccError::Characters), "{bad:?}");
    }
    for twice in ["Hash=a;hash=b", "Subject=\"a\";Subject=\"a\"", "Cert=a;Cert=a", "Chain=;Chain="]
    {
        assert_eq!(elements(twice), Err(XfccError::Repeated), "{twice}");
    }
    for hash in ["URI=spiffe://corp/a", "Hash=", "Hash=abc", &format!("Hash={HASH}0")] {
        assert_eq!(client(hash), Err(XfccError::Hash), "{hash}");
    }
    // A broken element of an earlier hop makes the whole field ambiguous.
    assert_eq!(client(&format!("URI=\"a, Hash={HASH}")), Err(XfccError::Form));
    assert_eq!(
        client(&format!("Hash={HASH};DNS={}", "a".repeat(3000))),
        Err(XfccError::Names(IdentityError::Names))
    );
}

#[test]
fn s20_chain_longer_than_forwarded_hops_max_is_refused() {
    let longest = vec![format!("Hash={HASH}"); FORWARDED_HOPS_MAX].join(",");
    assert!(client(&longest).is_ok());
    assert_eq!(client(&format!("{longest},Hash={HASH}")), Err(XfccError::TooLong));
}

#[test]
fn s20_malformed_spiffe_id_of_a_proxy_is_no_identity() {
    let of = |uris: &str| client(&format!("Hash={HASH};{uris};DNS=a.test")).unwrap();
    for uris in ["URI=spiffe://Corp/a", "URI=SPIFFE://corp/a", "URI=spiffe://a/b;URI=spiffe://a/c"]
    {
        assert_eq!((of(uris).spiffe_id(), &*of(uris).name), (None, "a.test"), "{uris}");
    }
}

#[test]
fn s20_names_come_from_the_certificate_where_the_proxy_sends_it_and_the_hash_must_be_its() {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "agent");
    params.subject_alt_names = vec![SanType::URI("spiffe://corp/agent".try_into().unwrap())];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let encode = |pem: String| -> String { pem.bytes().map(|b| format!("%{b:02X}")).collect() };
    let pem = encode(certificate.pem());
    let hash = fingerprint(certificate.der());
    let found =
        client(&format!("Hash={hash};Cert=\"{pem}\";URI=spiffe://corp/admin;DNS=admin")).unwrap();
    assert_eq!(
        (&*found.name, found.common_name.as_deref()),
        ("spiffe://corp/agent", Some("agent"))
    );
    assert_eq!((found.fingerprint, found.dns.len()), (hash.clone(), 0));
    let with = |hash: &str, pem: &str| client(&format!("Hash={hash};Cert=\"{pem}\"")).unwrap_err();
    assert_eq!(with(HASH, &pem), XfccError::Contradiction);
    for bad in ["", "x", "%", "%4", "%zz", &format!("{pem}{pem}")] {
        assert_eq!(with(&hash, bad), XfccError::Certificate, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_field_is_read_without_a_panic(field in r#"([ -~]|(Hash|URI|Cert|Subject)="?|[\\";,=]){0,60}"#) {
        drop(client(&field));
    }

    #[test]
    fn what_is_written_is_read_again(
        texts in prop::collection::vec(r#"[ -\[\]-~]{0,20}"#, 4),
        uris in prop::collection::vec(r"[!#-+\--:<>-\[\]-~]{1,12}", 0..3),
        count in 1_usize..4,
    ) {
        let element = Element {
            by: uris.clone(),
            hash: Some(HASH.to_owned()),
            cert: Some(texts[0].clone()),
            chain: Some(texts[1].clone()),
            subject: Some(texts[2].clone()),
            uris: uris.clone(),
            dns: uris,
        };
        let field = vec![written(&element); count].join(",");
        prop_assert_eq!(elements(&field).unwrap(), vec![element; count]);
    }
}
