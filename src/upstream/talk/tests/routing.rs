//! Who is told what, in any order of things.

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::queue::Item;
use super::super::table::{Found, Phase, Table};
use super::super::wire::{Incoming, Outgoing};
use super::{answer, call, document, notification, ready, request, roots, text, told};

#[tokio::test(start_paused = true)]
async fn without_a_stream_of_its_own_the_newest_call_is_told() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (mut two, second) = call(&conversation, &mut server, "2").await;
    server.say(roots("7")).await;
    server.say(notification("notifications/message", r#"{"data":"a"}"#)).await;
    assert!(told(&mut two).await.starts_with("request"));
    assert!(told(&mut two).await.starts_with("notification"));
    server.answer(second, "{}").await;
    assert!(told(&mut two).await.starts_with("answer"));
    server.say(notification("notifications/message", r#"{"data":"b"}"#)).await;
    assert!(told(&mut one).await.contains(r#""b""#));
    server.answer(first, "{}").await;
    assert!(told(&mut one).await.starts_with("answer"));
    server.say(notification("notifications/message", r#"{"data":"c"}"#)).await;
    let mut unasked = conversation.listen().unwrap();
    assert!(unasked.next().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_the_stream_of_a_call_belongs_to_it() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let (_two, _) = call(&conversation, &mut server, "2").await;
    server.tell(Some(first), roots("7")).await;
    for method in ["notifications/message", "notifications/tools/list_changed"] {
        server.tell(Some(first), notification(method, "{}")).await;
    }
    assert!(told(&mut one).await.starts_with("request"));
    assert!(told(&mut one).await.contains("notifications/message"));
    assert!(told(&mut one).await.contains("list_changed"));
}

#[tokio::test(start_paused = true)]
async fn changes_on_the_stream_that_all_share_are_said_unasked() {
    let (conversation, mut server) = ready().await;
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    let changed = notification("notifications/tools/list_changed", "{}");
    server.say(changed.clone()).await;
    let mut unasked = conversation.listen().unwrap();
    let heard = unasked.next().await.unwrap();
    assert_eq!(heard, super::super::Told::Notification(changed.into()));
    server.answer(first, "{}").await;
    assert!(told(&mut one).await.starts_with("answer"));
}

#[tokio::test(start_paused = true)]
async fn progress_under_a_token_that_nobody_gave_is_dropped() {
    let (conversation, mut server) = ready().await;
    // Its number is no token: it asked for no progress.
    let (mut one, first) = call(&conversation, &mut server, "1").await;
    for token in [first.to_string(), "999".into(), format!("\"{first}\""), "null".into()] {
        let params = format!(r#"{{"progressToken":{token},"progress":1}}"#);
        server.tell(Some(first), notification("notifications/progress", &params)).await;
    }
    server.answer(first, "{}").await;
    assert!(told(&mut one).await.starts_with("answer"));
    assert_eq!(conversation.dropped().strays, 4);
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A call under the id with this index.
    Call(usize),
    /// The server answers the call that was made so many calls ago, on its own stream or not; a
    /// call may be answered again and again.
    Answer(usize, bool),
    /// The server answers a number that is nobody's.
    Wrong(u64),
    /// Progress of a call.
    Progress(usize),
    /// A caller goes away.
    Drop(usize),
    /// A caller cancels what it called by this id.
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..IDS.len()).prop_map(Step::Call),
        3 => (0..8_usize, any::<bool>()).prop_map(|(ago, own)| Step::Answer(ago, own)),
        1 => (0..200_u64).prop_map(|n| Step::Wrong(n + 1_000)),
        2 => (0..8_usize).prop_map(Step::Progress),
        1 => (0..8_usize).prop_map(Step::Drop),
        1 => (0..IDS.len()).prop_map(Step::Cancel),
    ]
}

/// Spellings that lenient readers take for one another among them.
const IDS: [&str; 6] =
    ["1", r#""1""#, r#""\u0031""#, "123456789012345678901234567890", "-0", r#""""#];

/// A call as its caller sees it.
#[derive(Debug)]
struct Caller {
    tag: u64,
    id: &'static str,
    gone: bool,
    cancelled: bool,
    answered: bool,
    progress: usize,
}

/// Everything a call is told must be its own; returns how often it was answered and told.
fn read(table: &mut Table, caller: &Caller) -> (usize, usize) {
    let (mut answers, mut items) = (0, 0);
    loop {
        match table.next(caller.tag) {
            Found::Answer(message) => {
                answers += 1;
                assert_eq!(
                    text(&message),
                    answer(caller.id, &format!("{{\"for\":{}}}", caller.tag))
                );
            }
            Found::Item(Item::Notification(message)) => {
                items += 1;
                let own = format!("\"progressToken\":\"token of {}\"", caller.tag);
                assert!(text(&message).contains(&own), "{message:?}");
            }
            Found::Item(Item::Request { .. }) | Found::Failed(_) => {
                panic!("nobody asked or failed")
            }
            Found::Wait | Found::Over => return (answers, items),
        }
    }
}

fn hear(table: &mut Table, tag: Option<u64>, message: String) {
    let incoming = Incoming::read(Bytes::from(message)).unwrap();
    table.hear(tag, &incoming, Instant::now());
}

fn table() -> Table {
    let mut table = Table::default();
    table.phase = Phase::Ready;
    table
}

/// Begins a call whose token names the number that it gets.
fn begin(table: &mut Table, id: &'static str) -> Caller {
    let next = table.number().unwrap().0 + 1;
    let params = format!(r#"{{"_meta":{{"progressToken":"token of {next}"}}}}"#);
    let request = document(&request(id, &params));
    let tag = table.begin(Outgoing::read(&request).unwrap()).unwrap().tag;
    assert_eq!(tag, next);
    Caller { tag, id, gone: false, cancelled: false, answered: false, progress: 0 }
}

proptest! {
    /// S-37: whatever happens in whatever order, each answer reaches exactly its caller, once,
    /// under the id bytes of that caller.
    #[test]
    fn s37_every_answer_reaches_exactly_its_caller(steps in prop::collection::vec(step(), 1..120)) {
        let mut table = table();
        let mut callers: Vec<Caller> = Vec::new();
        let ago = |callers: &[Caller], n: usize| callers.len().checked_sub(n + 1);
        for step in steps {
            match step {
                Step::Call(id) if callers.len() < 100 => callers.push(begin(&mut table, IDS[id])),
                Step::Call(_) => {}
                Step::Answer(n, own) => {
                    let Some(at) = ago(&callers, n) else { continue };
                    let caller = &mut callers[at];
                    caller.answered |= !caller.cancelled;
                    let message = answer(&caller.tag.to_string(), &format!("{{\"for\":{}}}", caller.tag));
                    hear(&mut table, own.then_some(caller.tag), message);
                }
                Step::Wrong(number) => hear(&mut table, None, answer(&number.to_string(), "{}")),
                Step::Progress(n) => {
                    let Some(at) = ago(&callers, n) else { continue };
                    let caller = &mut callers[at];
                    caller.progress += usize::from(!caller.answered && !caller.cancelled && !caller.gone);
                    let params = format!(r#"{{"progressToken":{},"progress":1}}"#, caller.tag);
                    hear(&mut table, None, notification("notifications/progress", &params));
                }
                Step::Drop(n) => {
                    let Some(at) = ago(&callers, n) else { continue };
                    callers[at].gone = true;
                    table.abandon(callers[at].tag);
                }
                Step::Cancel(id) => {
                    let id = Outgoing::read(&document(&request(IDS[id], "{}"))).unwrap().id;
                    if let Some((tag, _)) = table.cancel(&id) {
                        let caller = callers.iter_mut().find(|caller| caller.tag == tag).unwrap();
                        prop_assert!(!caller.answered && !caller.gone && !caller.cancelled);
                        caller.cancelled = true;
                        caller.progress = 0;
                    }
                }
            }
        }
        for caller in &callers {
            let told = read(&mut table, caller);
            let answers = usize::from(caller.answered && !caller.gone);
            let items = if caller.gone { 0 } else { caller.progress };
            prop_assert_eq!(told, (answers, items), "{:?}", caller);
        }
    }

    /// Whatever bytes a server says, nothing panics and nobody is answered.
    #[test]
    fn no_bytes_of_a_server_panic_or_answer_another(noise in ".{0,80}", tagged in any::<bool>()) {
        let mut table = table();
        let caller = begin(&mut table, "1");
        let bytes = Bytes::from(noise);
        let tag = tagged.then_some(caller.tag);
        match Incoming::read(bytes.clone()) {
            Some(incoming) => drop(table.hear(tag, &incoming, Instant::now())),
            None => table.unreadable(tag, &bytes),
        }
        prop_assert!(!matches!(table.next(caller.tag), Found::Answer(_)));
    }
}
