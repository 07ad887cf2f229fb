//! Values in pieces: between content blocks, between events; and phrases of a list.

use bytes::Bytes;
use sallyport::class::Form;
use sallyport::dictionary::{Case, Dictionary};
use sallyport::limits::{DELTA_EVENTS_MAX, DELTA_HOLD_MS};
use sallyport::mcp::sse::Decoder;
use sallyport::screen::deltas::Deltas;
use serde_json::json;
use tokio::time::{Duration, Instant};

use super::making::PLANTED;
use super::{Dice, NOBODY, detector, parsed, planned, shown};

/// A value cut between two content blocks, with text around it: form, value, place, text before,
/// text behind.
pub fn seams(data: &[u8]) {
    let mut dice = Dice(data);
    let (form, detector) = detector(dice.byte());
    let value = dice.pick(PLANTED);
    // Halves of words that no detector tells from words are no value: a secret's prefix alone.
    let at = dice.below(value.len() - 1) + 1;
    let text = String::from_utf8_lossy(dice.0).into_owned();
    let (before, behind) = text.split_once('\n').unwrap_or((&text, ""));
    let (left, right) = value.split_at(at);
    let (first, second) = (format!("{before} {left}"), format!("{right} {behind}"));
    for across in detector.across(first.as_bytes(), second.as_bytes(), NOBODY) {
        assert_eq!((across.before.end, across.after.start), (first.len(), 0));
        assert!(across.before.start < across.before.end, "{across:?}");
        assert!(!across.after.is_empty() && across.after.end <= second.len(), "{across:?}");
    }
    let content = [json!({"type": "text", "text": first}), json!({"type": "text", "text": second})];
    let message = json!({"result": {"content": content}}).to_string();
    let Some(document) = parsed(message) else { return };
    if form == Form::Report {
        return;
    }
    let out = planned(form, detector, &document);
    let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let part = |at: usize| out["result"]["content"][at]["text"].as_str().unwrap_or("").to_owned();
    let joined = part(0) + &part(1);
    // Words that a blank parts are whole ones on either side of it.
    let parted = value[at - 1..=at].contains(' ') && value.chars().all(|c| !c.is_ascii_digit());
    if parted {
        return;
    }
    // Whatever else the texts hold, the value stands alone between blanks.
    assert!(!joined.contains(value), "{value} at {at}: {joined:?}");
}

/// Events of a log, one line each; a value that is cut between two of them. The events that leave
/// are in order and say nothing new, and none waits longer than it may.
pub fn deltas(data: &[u8]) {
    let mut dice = Dice(data);
    let detector = detector(1).1;
    let (start, mut now) = (Instant::now(), Instant::now());
    let mut deltas = Deltas::new(detector.clone(), NOBODY);
    let (mut out, mut sent) = (Vec::new(), 0);
    while !dice.is_empty() && sent < 40 {
        let (logger, step) = (dice.below(4), dice.byte());
        let text = String::from_utf8_lossy(dice.raw(24)).into_owned();
        let message = match logger {
            0 => json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": 1, "progress": sent, "message": text}}),
            1 => json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": {"text": text}}}),
            2 => json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "logger": "a", "data": text}}),
            _ => json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
        };
        // As they come here: each is judged by itself.
        let document = parsed(message.to_string()).expect("JSON");
        let plan = detector.plan(document.root(), NOBODY);
        let judged = parsed(plan.apply(document.bytes())).expect("JSON");
        let mut decoder = Decoder::new(1 << 16);
        decoder.push(Bytes::from(format!("data: {message}\n\n")));
        let event = decoder.next_event().expect("an event").expect("below the bound");
        deltas.push(event, judged, !plan.is_clean(), now);
        sent += 1;
        if step > 0xC0 {
            now += Duration::from_millis(u64::from(step));
        }
        out.extend(std::iter::from_fn(|| deltas.ready(now)));
        let late = deltas.deadline().is_some_and(|deadline| deadline <= now);
        assert!(!late, "an event waits longer than it may");
        assert!(sent - out.len() <= DELTA_EVENTS_MAX, "{} events wait", sent - out.len());
    }
    now += Duration::from_millis(DELTA_HOLD_MS);
    out.extend(std::iter::from_fn(|| deltas.ready(now)));
    assert!(deltas.release().is_none() && start <= now);
    assert_eq!(out.len(), sent, "events were lost");
    for event in out {
        let mut decoder = Decoder::new(1 << 16);
        decoder.push(event.clone());
        let again = decoder.next_event().expect("an event").expect("below the bound");
        assert!(parsed(again.data.expect("data")).is_some(), "no JSON: {}", shown(&event));
        assert!(decoder.next_event().is_none(), "one event became two");
    }
}

/// A byte for the case, a list, an empty line, a text: what is found is what a plain reader finds.
pub fn dictionary(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let case = if setup % 2 == 0 { Case::Exact } else { Case::Ignored };
    let cut = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let (list, text) = rest.split_at(cut);
    let Ok(list) = std::str::from_utf8(list) else { return };
    let Ok(dictionary) = Dictionary::new(list, case) else { return };
    assert!(!dictionary.is_empty() && dictionary.len() <= list.lines().count());
    let (mut found, mut last) = (Vec::new(), 0);
    dictionary.find(text, |start, end| {
        assert!(start >= last && end > start && end <= text.len(), "{start} {end} after {last}");
        last = end;
        found.push((start, end));
    });
    let listed =
        list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in listed.clone() {
        let mut whole = false;
        dictionary.find(line.as_bytes(), |_, _| whole = true);
        assert!(whole, "a phrase is not found in itself: {line:?}");
    }
    if !list.is_ascii() || !text.is_ascii() {
        return;
    }
    // In ASCII phrases are words; what is found has the words of a phrase.
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        let folded = |w: &str| if case == Case::Ignored { w.to_lowercase() } else { w.to_owned() };
        words.map(folded).collect()
    };
    let phrases: Vec<Vec<String>> = listed.map(words).collect();
    for (start, end) in found {
        let part = std::str::from_utf8(&text[start..end]).unwrap();
        assert!(phrases.contains(&words(part)), "{part:?} is none of {list:?}");
    }
}
