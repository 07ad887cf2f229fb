//! What one sink promises, against a receiver that does as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Pace, SINK_LINGER_MS, SINK_POLL_MS, State, Worker};
use crate::config::SinkFormat;
use crate::sinks::delivery::{Deliver, Delivery, Fate, Item};
use crate::sinks::files::Files;
use crate::sinks::source::Follower;
use crate::sinks::testing::{Dir, line};

/// Plays answers, then takes everything; notes what it was brought and what it took.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    brought: Arc<Mutex<Vec<Vec<u64>>>>,
    taken: Arc<Mutex<Vec<u64>>>,
    poison: Vec<u64>,
}

enum Answer {
    Fates(Vec<Fate>),
    Again(Option<Duration>),
    /// Never answers: as if it had died with the request.
    Silence,
}

impl Deliver for Receiver {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        let numbers: Vec<u64> = items.iter().map(|item| item.record.seq).collect();
        self.brought.lock().unwrap().push(numbers.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Again(after)) => Delivery::Again { reason: "busy".into(), after },
            Some(Answer::Silence) => std::future::pending().await,
            Some(Answer::Fates(fates)) => {
                let taken = numbers.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Taken);
                self.taken.lock().unwrap().extend(taken.map(|(seq, _)| *seq));
                Delivery::Settled { fates, after: None }
            }
            None if numbers.iter().any(|seq| self.poison.contains(seq)) => {
                Delivery::Refused { reason: "status 400: one of them".into() }
            }
            None => {
                self.taken.lock().unwrap().extend(&numbers);
                Delivery::taken(items)
            }
        }
    }
}

impl Receiver {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(answers);
        receiver
    }

    fn taken(&self) -> Vec<u64> {
        self.taken.lock().unwrap().clone()
    }

    fn brought(&self) -> Vec<Vec<u64>> {
        self.brought.lock().unwrap().clone()
    }
}

/// A log with `count` durable records.
struct Rig {
    dir: Dir,
    durable: watch::Sender<u64>,
    state: Arc<State>,
}

impl Rig {
    fn new(count: u64) -> Self {
        let dir = Dir::new();
        let text: String = (1..=count).map(|seq| format!("{}\n", line(seq))).collect();
        dir.write("audit.jsonl", &text);
        Self { dir, durable: watch::Sender::new(count), state: Arc::default() }
    }

    fn files(&self) -> Files {
        Files::new(self.dir.path(), "siem")
    }

    fn worker(&self, target: Receiver, drain: &CancellationToken) -> Worker<Follower, Receiver> {
        let ms = Duration::from_millis;
        Worker {
            name: "siem".into(),
            files: self.files(),
            source: Arc::new(Mutex::new(Follower::new(self.dir.path()))),
            target,
            format: SinkFormat::Json,
            opens: None,
            records_max: 8,
            bytes_max: 1 << 20,
            pace: Pace { linger: ms(1), poll: ms(5), backoff_min: ms(1), backoff_max: ms(4) },
            durable: self.durable.subscribe(),
            drain: drain.clone(),
            state: Arc::clone(&self.state),
        }
    }

    /// Runs until everything durable is settled.
    async fn drain(&self, target: &Receiver) {
        let drain = CancellationToken::new();
        drain.cancel();
        let run = self.worker(target.clone(), &drain).run();
        tokio::time::timeout(Duration::from_secs(20), run).await.unwrap();
    }

    fn seq(&self) -> u64 {
        self.files().cursor().unwrap().map_or(0, |cursor| cursor.seq)
    }

    fn rejected(&self) -> Vec<serde_json::Value> {
        let path = self.dir.path().join("sinks/siem.rejected.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

#[tokio::test]
async fn every_record_arrives_once_and_in_order_where_nothing_fails() {
    let rig = Rig::new(30);
    let receiver = Receiver::default();
    rig.drain(&receiver).await;
    assert_eq!(receiver.taken(), numbers(1..=30));
    assert!(receiver.brought().iter().all(|batch| batch.len() <= 8));
    assert_eq!(rig.seq(), 30);
    let status = rig.state.status(&"siem".into(), 30);
    assert_eq!((status.delivered, status.lag_records, status.retries), (30, 0, 0));
}

#[tokio::test]
async fn sink_that_died_with_a_batch_in_the_air_sends_it_again() {
    let rig = Rig::new(20);
    let first = Receiver::answering([Answer::Fates(vec![Fate::Taken; 8]), Answer::Silence]);
    let drain = CancellationToken::new();
    let run = tokio::spawn(rig.worker(first.clone(), &drain).run());
    while first.brought().len() < 2 {
        tokio::task::yield_now().await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert_eq!(rig.seq(), 8);
    let second = Receiver::default();
    rig.drain(&second).await;
    assert_eq!([first.taken(), second.taken()].concat(), numbers(1..=20));
}

#[tokio::test]
async fn receiver_that_is_busy_is_tried_until_it_takes_all() {
    let rig = Rig::new(3);
    let receiver = Receiver::answering((0..7).map(|_| Answer::Again(None)));
    rig.drain(&receiver).await;
    assert_eq!(receiver.taken(), [1, 2, 3]);
    assert_eq!(rig.state.status(&"siem".into(), 3).retries, 7);
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_asks_for_is_waited() {
    let rig = Rig::new(1);
    let asked = Duration::from_secs(7);
    let receiver = Receiver::answering([Answer::Again(Some(asked))]);
    let began = tokio::time::Instant::now();
    rig.drain(&receiver).await;
    assert!(began.elapsed() >= asked);
    assert_eq!(receiver.taken(), [1]);
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again() {
    let rig = Rig::new(4);
    let again = || Fate::Again("429".into());
    let fates = vec![Fate::Taken, again(), Fate::Rejected("bad field".into()), again()];
    let receiver = Receiver::answering([Answer::Fates(fates)]);
    rig.drain(&receiver).await;
    assert_eq!(receiver.brought(), [vec![1, 2, 3, 4], vec![2, 4]]);
    assert_eq!(receiver.taken(), [1, 2, 4]);
    let rejected = rig.rejected();
    assert_eq!((rejected.len(), &rejected[0]["seq"]), (1, &3.into()));
    assert_eq!(rejected[0]["reason"], "bad field");
    let status = rig.state.status(&"siem".into(), 4);
    assert_eq!((status.delivered, status.rejected, status.lag_records), (3, 1, 0));
}

#[tokio::test]
async fn cursor_does_not_pass_a_record_that_is_open() {
    let rig = Rig::new(4);
    let fates = vec![Fate::Taken, Fate::Again("x".into()), Fate::Taken, Fate::Taken];
    let receiver = Receiver::answering([Answer::Fates(fates), Answer::Silence]);
    let drain = CancellationToken::new();
    let run = tokio::spawn(rig.worker(receiver.clone(), &drain).run());
    while receiver.brought().len() < 2 {
        tokio::task::yield_now().await;
    }
    run.abort();
    assert_eq!(rig.seq(), 1);
}

#[tokio::test]
async fn record_that_a_receiver_refuses_is_found_among_its_neighbours_and_put_aside() {
    let rig = Rig::new(40);
    let receiver = Receiver { poison: vec![5, 6, 23, 40], ..Receiver::default() };
    rig.drain(&receiver).await;
    let wanted: Vec<u64> = (1..=40).filter(|seq| ![5, 6, 23, 40].contains(seq)).collect();
    assert_eq!(receiver.taken(), wanted);
    let rejected: Vec<u64> = rig.rejected().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [5, 6, 23, 40]);
    assert_eq!(rig.seq(), 40);
}

#[tokio::test]
async fn rejection_that_cannot_be_kept_lets_nothing_pass() {
    let rig = Rig::new(2);
    let receiver = Receiver { poison: vec![1], ..Receiver::default() };
    // Where the file should be stands a folder.
    let path = rig.dir.path().join("sinks/siem.rejected.jsonl");
    std::fs::create_dir_all(&path).unwrap();
    let drain = CancellationToken::new();
    let run = tokio::spawn(rig.worker(receiver.clone(), &drain).run());
    while receiver.brought().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.seq(), 0);
    std::fs::remove_dir(&path).unwrap();
    drain.cancel();
    tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!((rig.seq(), rig.rejected().len(), receiver.taken()), (2, 1, vec![2]));
}

#[tokio::test]
async fn record_that_cannot_be_turned_into_the_format_is_put_aside() {
    let rig = Rig::new(2);
    rig.dir.write("audit.jsonl", &format!("{{\"v\":1,\"seq\":1,broken\n{}\n", line(2)));
    let receiver = Receiver::default();
    let drain = CancellationToken::new();
    drain.cancel();
    let worker = Worker { format: SinkFormat::Ecs, ..rig.worker(receiver.clone(), &drain) };
    worker.run().await;
    assert_eq!(receiver.taken(), [2]);
    assert_eq!(rig.state.status(&"siem".into(), 2).rejected, 1);
}

#[tokio::test]
async fn cursor_of_another_log_is_noticed_and_nothing_of_this_one_is_left_out() {
    let rig = Rig::new(5);
    rig.drain(&Receiver::default()).await;
    // A new log under the same numbers, and one that is shorter.
    for count in [6, 3] {
        let other: String =
            (1..=count).map(|seq| format!("{}\n", line(seq).replace("call", "other"))).collect();
        rig.dir.write("audit.jsonl", &other.replace("other", &format!("other{count}")));
        rig.durable.send_replace(count);
        let receiver = Receiver::default();
        rig.drain(&receiver).await;
        assert_eq!(receiver.taken(), numbers(1..=count));
    }
}

#[tokio::test]
async fn unreadable_cursor_means_from_the_beginning() {
    let rig = Rig::new(3);
    rig.drain(&Receiver::default()).await;
    rig.dir.write("sinks/siem.cursor", "?");
    let receiver = Receiver::default();
    rig.drain(&receiver).await;
    assert_eq!(receiver.taken(), [1, 2, 3]);
}

#[tokio::test]
async fn order_sends_again_from_a_record_on_and_never_skips_one() {
    let rig = Rig::new(6);
    rig.drain(&Receiver::default()).await;
    rig.files().order_again(4).unwrap();
    let receiver = Receiver::default();
    rig.drain(&receiver).await;
    assert_eq!(receiver.taken(), [4, 5, 6]);
    // An order that would go forward is none.
    rig.files().order_again(99).unwrap();
    let receiver = Receiver::default();
    rig.drain(&receiver).await;
    assert_eq!((receiver.taken(), rig.seq()), (vec![], 6));
}

#[tokio::test]
async fn running_sink_carries_out_an_order_and_wakes_for_new_records() {
    let rig = Rig::new(2);
    let receiver = Receiver::default();
    let drain = CancellationToken::new();
    let run = tokio::spawn(rig.worker(receiver.clone(), &drain).run());
    while receiver.taken().len() < 2 {
        tokio::task::yield_now().await;
    }
    rig.files().order_again(2).unwrap();
    while receiver.taken().len() < 3 {
        tokio::task::yield_now().await;
    }
    let text: String = (1..=3).map(|seq| format!("{}\n", line(seq))).collect();
    rig.dir.write("audit.jsonl", &text);
    rig.durable.send_replace(3);
    while receiver.taken().len() < 4 {
        tokio::task::yield_now().await;
    }
    drain.cancel();
    run.await.unwrap();
    assert_eq!(receiver.taken(), [1, 2, 2, 3]);
}

#[tokio::test]
async fn lag_is_told_in_records_and_in_seconds() {
    let rig = Rig::new(9);
    let receiver = Receiver::answering([Answer::Silence]);
    let drain = CancellationToken::new();
    let run = tokio::spawn(rig.worker(receiver.clone(), &drain).run());
    while receiver.brought().is_empty() {
        tokio::task::yield_now().await;
    }
    let status = rig.state.status(&"siem".into(), 9);
    assert_eq!(status.lag_records, 9);
    assert!(status.lag_s >= 0.0);
    run.abort();
}

#[test]
fn default_pace_is_that_of_the_bounds() {
    let pace = Pace::default();
    assert_eq!(pace.linger, Duration::from_millis(SINK_LINGER_MS));
    assert_eq!(pace.poll, Duration::from_millis(SINK_POLL_MS));
}
