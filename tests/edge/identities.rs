//! Who is let in by a client certificate: chains, purposes, times, constraints, revocation.

use rcgen::{GeneralSubtree, NameConstraints};
use rustls::{HandshakeKind, SupportedProtocolVersion, version};
use sallyport::config::{ClientAuth, Listener, Tls};
use sallyport::server::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::edge::{Edge, listener, read_answer, tls};
use crate::pki::{Client, Identity, Pki, Use, valid};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const DAY: (i64, i64) = (-1, 24);
static VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&version::TLS12], &[&version::TLS13]];

/// A listener that asks for certificates of `pki`, with these revocation lists.
fn asking(pki: &Pki, crl: &[&str]) -> Listener {
    listener(Some(Tls {
        client_ca: Some(pki.ca_file()),
        crl: crl.iter().map(|name| pki.path(name)).collect(),
        client_auth: ClientAuth::Required,
        ..tls(vec![pki.server(&["gateway.test"])])
    }))
}

/// The identity that the listener saw, or nothing where the handshake was refused.
async fn seen_by(edge: &Edge, client: Client) -> Option<String> {
    let mut io = edge.try_tls(client.build(), "gateway.test").await.ok()?;
    io.write_all(GET).await.ok()?;
    // TLS 1.3: the client is done before the server says no; the alert comes on the first read.
    if io.read_u8().await.is_err() {
        return None;
    }
    let answer = read_answer(&mut io).await;
    let line = answer.lines().find(|line| line.starts_with("TLSv1."));
    line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
}

async fn seen(edge: &Edge, pki: &Pki, identity: &Identity) -> Option<String> {
    seen_by(edge, pki.client().identity(identity)).await
}

async fn lets_in(edge: &Edge, pki: &Pki, identity: &Identity) -> bool {
    seen(edge, pki, identity).await.is_some()
}

#[tokio::test]
async fn s20_chain_time_purpose_and_constraints_of_a_client_certificate_are_judged() {
    let pki = Pki::new();
    let edge = Edge::start(asking(&pki, &[]), Bounds::default()).await;
    let with = |from, until| pki.issue_with(&["a.test"], Use::Client, |p| valid(p, from, until));
    let inner = pki.intermediate(|_| {});
    let named = |domain: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: vec![],
    };
    let constrained = pki.intermediate(|p| p.name_constraints = Some(named("agents.test")));
    let no_authority = pki.intermediate(|p| p.is_ca = rcgen::IsCa::ExplicitNoCa);
    let ended = pki.intermediate(|p| valid(p, -48, -24));
    let mut without_chain = inner.issue(&["a.test"]);
    without_chain.chain.truncate(1);
    for (good, identity) in [
        ("issued by the authority", pki.issue(&["a.test"], Use::Client)),
        ("issued by an intermediate", inner.issue(&["a.test"])),
        (
            "for any purpose",
            pki.issue_with(&["a.test"], Use::Client, |p| p.extended_key_usages.clear()),
        ),
        ("within the constraint", constrained.issue(&["one.agents.test"])),
    ] {
        assert!(lets_in(&edge, &pki, &identity).await, "{good}");
    }
    let handled = edge.handled();
    for (bad, identity) in [
        ("expired", with(-48, -24)),
        ("not yet valid", with(24, 48)),
        ("for servers", pki.issue(&["a.test"], Use::Server)),
        ("another authority", Pki::new().issue(&["a.test"], Use::Client)),
        ("outside the constraint", constrained.issue(&["a.test"])),
        ("one name outside the constraint", constrained.issue(&["x.agents.test", "a.test"])),
        ("without its intermediate", without_chain),
        ("issued by a leaf", no_authority.issue(&["a.test"])),
        ("issued by an expired intermediate", ended.issue(&["a.test"])),
    ] {
        assert!(!lets_in(&edge, &pki, &identity).await, "{bad}");
    }
    assert_eq!(edge.handled(), handled);
}

#[tokio::test]
async fn s20_revoked_certificate_is_refused_and_others_are_not() {
    let pki = Pki::new();
    let revoked = pki.issue(&["bad.test"], Use::Client);
    let good = pki.issue(&["good.test"], Use::Client);
    pki.write_file("pem.crl", pki.crl(&[revoked.serial], DAY));
    pki.write_file("der.crl", pki.crl_der(&[revoked.serial], DAY));
    for file in ["pem.crl", "der.crl"] {
        let edge = Edge::start(asking(&pki, &[file]), Bounds::default()).await;
        for versions in VERSIONS {
            let client = |identity| pki.client().identity(identity).versions(versions);
            assert_eq!(seen_by(&edge, client(&good)).await.as_deref(), Some("good.test"));
            assert_eq!(seen_by(&edge, client(&revoked)).await, None);
        }
    }
}

#[tokio::test]
async fn s20_list_that_has_ended_or_is_missing_refuses_everybody() {
    let (pki, other) = (Pki::new(), Pki::new());
    let agent = pki.issue(&["a.test"], Use::Client);
    pki.write_file("ended.crl", pki.crl(&[], (-48, -1)));
    pki.write_file("other.crl", other.crl(&[], DAY));
    pki.write_file("good.crl", pki.crl(&[], DAY));
    for (files, good) in [
        (&["good.crl"][..], true),
        (&["other.crl", "good.crl"], true),
        (&["ended.crl"], false),
        (&["other.crl"], false),
    ] {
        let edge = Edge::start(asking(&pki, files), Bounds::default()).await;
        assert_eq!(lets_in(&edge, &pki, &agent).await, good, "{files:?}");
    }
}

#[tokio::test]
async fn s20_every_authority_of_a_chain_needs_its_list() {
    let pki = Pki::new();
    let (inner, bad) = (pki.intermediate(|_| {}), pki.intermediate(|_| {}));
    let (agent, of_bad) = (inner.issue(&["a.test"]), bad.issue(&["b.test"]));
    let revoked = inner.issue(&["c.test"]);
    pki.write_file("root.crl", pki.crl(&[bad.serial], DAY));
    let both = [inner.crl(&[revoked.serial], DAY), bad.crl(&[], DAY)].concat();
    pki.write_file("inner.crl", both);
    let edge = Edge::start(asking(&pki, &["root.crl", "inner.crl"]), Bounds::default()).await;
    assert!(lets_in(&edge, &pki, &agent).await);
    assert!(!lets_in(&edge, &pki, &revoked).await, "its own certificate is revoked");
    assert!(!lets_in(&edge, &pki, &of_bad).await, "its authority is revoked");
    for lone in ["root.crl", "inner.crl"] {
        let edge = Edge::start(asking(&pki, &[lone]), Bounds::default()).await;
        assert!(!lets_in(&edge, &pki, &agent).await, "{lone} alone");
    }
}

#[tokio::test]
async fn s20_new_list_counts_for_the_next_handshake_and_no_session_is_resumed() {
    let pki = Pki::new();
    let agent = pki.issue(&["a.test"], Use::Client);
    pki.write_file("live.crl", pki.crl(&[], DAY));
    let listener = asking(&pki, &["live.crl"]);
    let edge = Edge::start(listener.clone(), Bounds::default()).await;
    for versions in VERSIONS {
        // One configuration keeps what servers give it to resume with.
        let config = pki.client().identity(&agent).versions(versions).build();
        for _ in 0..3 {
            let mut io = edge.tls(config.clone(), "gateway.test").await;
            io.write_all(GET).await.unwrap();
            assert!(read_answer(&mut io).await.contains("a.test"));
            assert_eq!(io.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        }
        pki.write_file("live.crl", pki.crl(&[agent.serial], DAY));
        edge.reloader.prepare(std::slice::from_ref(&listener), &[]).unwrap().install();
        let refused = match edge.try_tls(config, "gateway.test").await {
            Ok(mut io) => io.read_u8().await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
        pki.write_file("live.crl", pki.crl(&[], DAY));
        edge.reloader.prepare(std::slice::from_ref(&listener), &[]).unwrap().install();
    }
}

#[tokio::test]
async fn s20_list_that_cannot_be_read_is_not_taken_over_and_the_old_one_goes_on() {
    let pki = Pki::new();
    let revoked = pki.issue(&["bad.test"], Use::Client);
    let good = pki.issue(&["good.test"], Use::Client);
    let file = pki.write_file("live.crl", pki.crl(&[revoked.serial], DAY));
    let listener = asking(&pki, &["live.crl"]);
    let edge = Edge::start(listener.clone(), Bounds::default()).await;
    let list = pki.crl_der(&[], DAY);
    let half = list.get(..list.len() / 2).unwrap();
    let pem_of_another = std::fs::read(pki.ca_file()).unwrap();
    for broken in [&b""[..], b"x", half, &pem_of_another] {
        std::fs::write(&file, broken).unwrap();
        assert!(edge.reloader.prepare(std::slice::from_ref(&listener), &[]).is_err());
    }
    std::fs::remove_file(&file).unwrap();
    assert!(edge.reloader.prepare(&[listener], &[]).is_err());
    assert!(lets_in(&edge, &pki, &good).await && !lets_in(&edge, &pki, &revoked).await);
    let ends = edge.reloader.crl_ends_s();
    assert!(ends.len() == 1 && &*ends[0].0 == "test" && ends[0].1 > 1_700_000_000);
}

#[tokio::test]
async fn s20_malformed_or_second_spiffe_id_is_no_identity() {
    let pki = Pki::new();
    let edge = Edge::start(asking(&pki, &[]), Bounds::default()).await;
    for (names, expected) in [
        (&["a.test", "spiffe://corp.example/agent"][..], "spiffe://corp.example/agent"),
        (&["a.test", "spiffe://Corp.example/agent"], "a.test"),
        (&["a.test", "SPIFFE://corp.example/agent"], "a.test"),
        (&["a.test", "spiffe://corp.example/a/../admin"], "a.test"),
        (&["a.test", "spiffe://corp.example/agent?x"], "a.test"),
        (&["a.test", "spiffe://corp.example"], "a.test"),
        (&["a.test", "spiffe://corp.example/a", "spiffe://corp.example/b"], "a.test"),
        (&["a.test", "spiffe://corp.example/a", "https://corp/x"], "https://corp/x"),
    ] {
        let identity = pki.issue(names, Use::Client);
        assert_eq!(seen(&edge, &pki, &identity).await.as_deref(), Some(expected), "{names:?}");
    }
}
