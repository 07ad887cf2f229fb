//! Child processes: what they get, what they may not do, and how they end.

use futures_util::FutureExt as _;
use sallyport::config::Transport;
use sallyport::limits::{
    LINK_INBOX_MAX, STDIO_EOF_MS, STDIO_NOISE_BYTES_MAX, STDIO_OUTBOX_MAX, STDIO_TERM_MS,
};
use sallyport::secret::Secret;
use sallyport::upstream::link::{Connector, Heard, LinkError};
use serde_json::json;

use crate::support::{
    Talk, caller, command, python, services, state, stdio, until, upstream, within, zombies,
};

#[tokio::test]
async fn messages_go_back_and_forth_byte_for_byte() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    assert!(!connector.is_http() && connector.shares_stream());
    let odd = r#"{"id":1,"jsonrpc":"2.0","method":"lines","big":123456789012345678901,"n":1.50}"#;
    talk.say(1, true, odd, &[]).await.unwrap();
    assert_eq!(talk.message().await.1["result"]["line"], format!("{odd}\n"));
    assert_eq!(talk.call("echo", json!({"ü": "\n\u{2028}"})).await, json!({"ü": "\n\u{2028}"}));
}

#[tokio::test]
async fn message_with_line_ends_takes_one_line() {
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    let message = "{\r\n\"jsonrpc\":\"2.0\",\n\"id\":7,\"method\":\"lines\"}\n";
    talk.say(1, true, message, &[]).await.unwrap();
    let line = talk.message().await.1["result"]["line"].as_str().unwrap().to_owned();
    assert_eq!(line, "{  \"jsonrpc\":\"2.0\", \"id\":7,\"method\":\"lines\"} \n");
}

#[tokio::test]
async fn s39_process_gets_its_command_and_environment_and_nothing_else() {
    let mut command = python(&["a b", "$HOME", ";", "`id`"]);
    command.env.push(("TOKEN".into(), Secret::new(b"t0ken".to_vec())));
    command.dir = "/".into();
    let mut talk = Talk::open(&stdio(command)).await;
    let seen = talk.call("process", json!(null)).await;
    assert_eq!(seen["argv"], json!(["a b", "$HOME", ";", "`id`"]));
    assert_eq!(seen["cwd"], "/");
    assert_eq!(seen["env"]["TOKEN"], "t0ken");
    assert_eq!(seen["pid"], seen["group"], "it has a group of its own");
    let mut names: Vec<&String> = seen["env"].as_object().unwrap().keys().collect();
    // What Python's start itself sets where there is no locale.
    names.retain(|name| *name != "LC_CTYPE" && !name.starts_with("PYENV"));
    assert_eq!(names, ["PATH", "TOKEN"], "{seen}");
}

#[tokio::test]
async fn answer_split_at_every_byte_arrives_whole() {
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    assert_eq!(talk.call("split", json!(["a", {"b": "ü"}])).await, json!(["a", {"b": "ü"}]));
}

#[tokio::test]
async fn what_is_no_message_is_not_heard() {
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    assert_eq!(talk.call("garbage", json!(null)).await, "found");
}

#[tokio::test]
async fn endless_line_ends_the_process() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    let pid = talk.call("process", json!(null)).await["pid"].as_i64().unwrap();
    talk.request("endless line", json!(null)).await;
    assert_eq!(talk.closed().await, LinkError::Malformed("a line that is too long"));
    within(connector.stop()).await;
    assert_eq!(state(pid), None);
}

#[tokio::test]
async fn noise_of_more_than_stdio_noise_bytes_max_ends_the_process() {
    const { assert!(STDIO_NOISE_BYTES_MAX < 4 << 20, "no line is too long before it") };
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    talk.request("noise", json!(null)).await;
    assert_eq!(talk.closed().await, LinkError::Malformed("output that is no messages"));
}

#[tokio::test]
async fn stderr_flood_does_not_hold_up_the_answer() {
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    assert_eq!(talk.call("stderr", json!(200_000)).await, "done");
}

#[tokio::test]
async fn death_in_a_call_ends_the_conversation_and_leaves_no_zombie() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    let pid = talk.call("process", json!(null)).await["pid"].as_i64().unwrap();
    talk.request("die", json!(null)).await;
    assert_eq!(talk.heard().await.map(|_| ()), None, "half a line is no message");
    assert_eq!(talk.link.transport.why_closed(), LinkError::Closed("its process ended"));
    assert_eq!(talk.say(9, true, "{}", &[]).await, Err(LinkError::Closed("its process ended")));
    within(connector.stop()).await;
    assert_eq!(state(pid), None);
    assert!(!zombies().contains(&pid));
}

#[tokio::test]
async fn last_words_of_a_process_are_heard() {
    let mut talk = Talk::open(&stdio(python(&[]))).await;
    assert_eq!(talk.call("last words", json!(null)).await, "bye");
    assert_eq!(talk.closed().await, LinkError::Closed("its process ended"));
}

#[tokio::test]
async fn process_that_died_early_is_not_started_again_at_once() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    talk.call("last words", json!(null)).await;
    talk.closed().await;
    until("the pause begins", || {
        let who = caller(1);
        let refused = connector.open(&who).now_or_never().unwrap();
        matches!(refused, Err(LinkError::Unreachable(_)))
    })
    .await;
    // It had worked: what one caller's process died of keeps nobody else out.
    connector.open(&caller(2)).await.unwrap();
}

#[tokio::test]
async fn process_that_never_speaks_keeps_everybody_waiting() {
    let connector = stdio(command(&["/bin/sh", "-c", "exit 1"]));
    let mut talk = Talk::open(&connector).await;
    talk.closed().await;
    until("the pause begins", || {
        let who = caller(2);
        let refused = connector.open(&who).now_or_never().unwrap();
        matches!(refused, Err(LinkError::Unreachable(_)))
    })
    .await;
}

#[tokio::test]
async fn program_that_is_not_there_is_unreachable() {
    let connector = stdio(command(&["/nowhere/at/all"]));
    let refused = connector.open(&caller(1)).await.unwrap_err();
    assert_eq!(refused, LinkError::Unreachable("its process does not start"));
    let refused = connector.open(&caller(1)).await.unwrap_err();
    assert!(matches!(refused, LinkError::Unreachable(why) if why.contains("not started yet")));
}

#[tokio::test]
async fn end_of_input_ends_a_well_behaved_process() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    let pid = talk.call("process", json!(null)).await["pid"].as_i64().unwrap();
    let before = tokio::time::Instant::now();
    drop(talk);
    within(connector.stop()).await;
    assert!(before.elapsed().as_millis() < u128::from(STDIO_EOF_MS), "no signal was needed");
    assert_eq!(state(pid), None);
}

#[tokio::test]
async fn process_that_ignores_the_end_of_input_is_terminated() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    let pid = talk.call("hang", json!(null)).await["pid"].as_i64().unwrap();
    talk.link.transport.close();
    talk.link.transport.close();
    assert!(talk.heard().await.is_none());
    let before = tokio::time::Instant::now();
    within(connector.stop()).await;
    assert!(before.elapsed().as_millis() < u128::from(STDIO_EOF_MS + STDIO_TERM_MS));
    assert_eq!(state(pid), None);
}

#[tokio::test]
async fn process_that_ignores_sigterm_is_killed() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    let pid = talk.call("deaf", json!(null)).await["pid"].as_i64().unwrap();
    drop(talk);
    within(connector.stop()).await;
    assert_eq!(state(pid), None);
}

#[tokio::test]
async fn what_a_process_started_ends_with_it() {
    for method in ["echo", "die"] {
        let connector = stdio(python(&[]));
        let mut talk = Talk::open(&connector).await;
        let pids = talk.call("child", json!(null)).await;
        let child = pids["child"].as_i64().unwrap();
        assert!(state(child).is_some());
        talk.request(method, json!(null)).await;
        if method == "die" {
            talk.closed().await;
        }
        drop(talk);
        within(connector.stop()).await;
        // Whoever inherited it reaps it.
        until("the grandchild is gone", || state(child).is_none_or(|state| state == 'Z')).await;
    }
}

#[test]
fn end_of_the_runtime_leaves_no_process() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_talk, pid, child) = runtime.block_on(async {
        let mut talk = Talk::open(&stdio(python(&[]))).await;
        let pids = talk.call("child", json!(null)).await;
        (talk, pids["pid"].as_i64().unwrap(), pids["child"].as_i64().unwrap())
    });
    drop(runtime);
    let gone = |pid| state(pid).is_none_or(|state| state == 'Z');
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while !(gone(pid) && gone(child)) {
        assert!(std::time::Instant::now() < end);
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn process_that_takes_no_more_or_says_no_more_is_ended() {
    for (method, why) in
        [("stop writing", "it closed its output"), ("stop reading", "it closed its input")]
    {
        let connector = stdio(python(&[]));
        let mut talk = Talk::open(&connector).await;
        let pid = talk.call(method, json!(null)).await["pid"].as_i64().unwrap();
        // Nobody learns of a closed input before writing to it.
        until("it is noticed", || {
            let sent = talk.say(9, true, "{}", &[]).now_or_never();
            sent.is_none_or(|sent| sent.is_err())
        })
        .await;
        assert_eq!(talk.closed().await, LinkError::Closed(why));
        within(connector.stop()).await;
        assert_eq!(state(pid), None);
    }
}

#[tokio::test]
async fn process_that_does_not_read_makes_the_sender_wait_and_not_for_ever() {
    let mut settings = upstream(Transport::Stdio(python(&[])));
    settings.head_timeout = std::time::Duration::from_millis(200);
    let connector = Connector::new(&settings, &services()).unwrap();
    let mut talk = Talk::open(&connector).await;
    talk.call("hang", json!(null)).await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let mut taken = 0;
    let refused = loop {
        match talk.say(1, true, large.clone(), &[]).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, LinkError::Timeout);
    assert!(taken <= STDIO_OUTBOX_MAX + 1, "{taken}");
    assert_eq!(talk.closed().await, LinkError::Timeout);
}

#[tokio::test]
async fn server_that_is_not_listened_to_is_not_read() {
    let connector = stdio(python(&[]));
    let mut talk = Talk::open(&connector).await;
    talk.request("flood", json!(null)).await;
    until("the inbox is full", || talk.link.heard.len() == LINK_INBOX_MAX).await;
    assert!(matches!(talk.heard().await, Some(Heard::Message { .. })));
    drop(talk);
    within(connector.stop()).await;
}

#[tokio::test]
async fn processes_are_bounded_in_number() {
    let connector = stdio(python(&[]));
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(Talk::open(&connector).await);
    }
    let refused = connector.open(&caller(2)).await.unwrap_err();
    assert_eq!(refused, LinkError::Full("too many processes"));
    // It must have spoken, so that its end is no failure.
    open[0].call("echo", json!(1)).await;
    open.remove(0);
    let mut again = None;
    while again.is_none() {
        match connector.open(&caller(2)).await {
            Ok(link) => again = Some(link),
            Err(LinkError::Full(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn nothing_opens_once_the_connector_stops() {
    let connector = stdio(python(&[]));
    within(connector.stop()).await;
    assert!(matches!(connector.open(&caller(1)).await, Err(LinkError::Closed(_))));
}
