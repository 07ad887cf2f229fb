//! Callers side by side: nothing of one is ever seen by another.

use super::face::{Client, face, piece};
use super::{Server, answer, notification, request, roots, text};

/// A server that plants what it heard into everything that it says.
async fn canary(mut server: Server) {
    let (mut asked, mut own) = (0, String::new());
    while let Some(said) = server.said.recv().await {
        let message = text(&said.message);
        if message.contains("initialize\"") {
            server.answer(said.tag, r#"{"protocolVersion":"2025-06-18"}"#).await;
        }
        let Some((_, rest)) = message.split_once("canary-") else { continue };
        let name = rest.split(['"', '-']).next().unwrap();
        assert!(own.is_empty() || own == name, "{own} and {name} on one server");
        own = name.into();
        if !said.wants_answer {
            continue;
        }
        asked += 1;
        let data = format!(r#"{{"level":"info","data":"canary-{name}"}}"#);
        server.say(notification("notifications/message", &data)).await;
        server
            .say(notification(
                "notifications/resources/updated",
                &format!(r#"{{"uri":"canary-{name}"}}"#),
            ))
            .await;
        server.say(roots(&format!("\"canary-{name}-{asked}\""))).await;
        server.answer(said.tag, &format!(r#"{{"text":"canary-{name}"}}"#)).await;
    }
}

/// S-18: who calls with the same ids at the same time sees its own things and nothing else.
#[tokio::test(start_paused = true)]
async fn s18_callers_hammering_one_server_never_see_each_other() {
    let (face, mut servers) = face();
    tokio::spawn(async move {
        while let Some(server) = servers.recv().await {
            tokio::spawn(canary(server));
        }
    });
    let mut hammering = tokio::task::JoinSet::new();
    for name in ["alice", "bob", "carol"] {
        // Each has two sessions of its own, too.
        for session in ["1", "2"] {
            let mut client = Client::new(&face, name);
            hammering.spawn(async move {
                client.initialize().await;
                client.post(&notification("notifications/initialized", "{}")).await.unwrap();
                hammer(client, &format!("{name}{session}")).await
            });
        }
    }
    let mut seen = 0;
    while let Some(count) = hammering.join_next().await {
        seen += count.unwrap();
    }
    // Per session and call: a log message, a request, an answer; the updates come unasked.
    assert_eq!(seen, 6 * 50 * 4);
}

async fn hammer(client: Client, name: &str) -> usize {
    let mut stream = client.get().await.unwrap();
    let mut seen = 0;
    let check = |text: &str| {
        for (at, _) in text.match_indices("canary-") {
            assert!(text[at + 7..].starts_with(name), "{name} sees {text}");
        }
    };
    for n in 0..50 {
        let body =
            request(&(n % 7).to_string(), &format!(r#"{{"arguments":{{"x":"canary-{name}"}}}}"#));
        let mut raw = client.post(&body).await.unwrap();
        while let Some(text) = piece(&mut raw).await {
            check(&text);
            seen += 1;
        }
        let reply = answer(&format!("\"canary-{name}-{}\"", n + 1), "{}");
        assert_eq!(client.post(&reply).await.unwrap().status, 202);
        let update = piece(&mut stream).await.unwrap();
        check(&update);
        seen += 1;
    }
    seen
}
