use bytes::Bytes;
use proptest::prelude::*;

use crate::limits::EVENT_BYTES_MAX;

use super::{Decoder, Event, SseError, message};

/// What a client makes of an event.
type Seen = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

fn decode(chunks: &[&[u8]]) -> (Vec<Event>, Bytes) {
    let mut decoder = Decoder::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event() {
            events.push(event.unwrap());
        }
    }
    (events, decoder.finish())
}

fn seen(events: &[Event]) -> Vec<Seen> {
    let own = |field: &Option<Bytes>| field.as_ref().map(|bytes| bytes.to_vec());
    let shown = events.iter().filter(|event| !event.comment_only);
    shown.map(|e| (own(&e.data), own(&e.id), own(&e.event), own(&e.retry))).collect()
}

fn only(bytes: &[u8]) -> Event {
    let (events, tail) = decode(&[bytes]);
    assert_eq!((events.len(), tail.len()), (1, 0), "{events:?}");
    events.into_iter().next().unwrap()
}

#[test]
fn lf_crlf_and_cr_mean_the_same() {
    let lf = b"id: 1\nevent: message\ndata: a\ndata: b\n\ndata: c\n\n".to_vec();
    let text = String::from_utf8(lf.clone()).unwrap();
    let (expected, _) = decode(&[&lf]);
    assert_eq!(expected[0].data.as_deref(), Some(&b"a\nb"[..]));
    assert_eq!(expected.len(), 2);
    for other in [text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
        let (events, tail) = decode(&[other.as_bytes()]);
        assert_eq!(seen(&events), seen(&expected), "{other:?}");
        assert!(tail.is_empty());
    }
}

#[test]
fn priming_event_has_empty_data_and_keeps_its_id() {
    let event = only(b"id: 0/0\nretry: 3000\ndata:\n\n");
    assert_eq!(event.data.as_deref(), Some(&b""[..]));
    assert_eq!(event.id.as_deref(), Some(&b"0/0"[..]));
    assert_eq!(event.retry.as_deref(), Some(&b"3000"[..]));
    assert!(!event.comment_only && !event.ignored_text);
}

#[test]
fn event_without_data_has_none() {
    assert_eq!(only(b"id: 7\n\n").data, None);
    assert_eq!(only(b"event\n\n").event.as_deref(), Some(&b""[..]));
}

#[test]
fn several_empty_data_lines_are_joined_by_line_ends() {
    assert_eq!(only(b"data\ndata\n\n").data.as_deref(), Some(&b"\n"[..]));
    assert_eq!(only(b"data:\ndata: x\ndata:\n\n").data.as_deref(), Some(&b"\nx\n"[..]));
}

#[test]
fn one_space_behind_the_colon_is_dropped_and_no_more() {
    assert_eq!(only(b"data:  x \n\n").data.as_deref(), Some(&b" x "[..]));
    assert_eq!(only(b"data:x:y\n\n").data.as_deref(), Some(&b"x:y"[..]));
}

#[test]
fn comments_and_unknown_fields_are_told_apart() {
    let comment = only(b": ping - 2026\n\n");
    assert!(comment.comment_only && comment.ignored_text && comment.data.is_none());
    let unknown = only(b"note: secret\ndata: x\n\n");
    assert!(!unknown.comment_only && unknown.ignored_text);
    assert_eq!(unknown.known_only(), &b"data: x\n\n"[..]);
    let blank = only(b"\n");
    assert!(blank.comment_only && !blank.ignored_text);
}

#[test]
fn ids_with_nul_and_retries_with_letters_are_ignored() {
    let event = only(b"id: a\0b\nretry: 5s\nretry:\ndata: x\n\n");
    assert_eq!((event.id, event.retry, event.ignored_text), (None, None, true));
}

#[test]
fn byte_order_mark_counts_once_at_the_start() {
    let (events, _) = decode(&[b"\xEF\xBB", b"\xBFdata: x\n\n\xEF\xBB\xBFdata: y\n\n"]);
    assert_eq!(events[0].data.as_deref(), Some(&b"x"[..]));
    assert_eq!(events[1].data, None);
    assert!(events[1].ignored_text);
}

#[test]
fn event_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b": c\n\ndata: {\"a\":1}\n\ndata: z\n\n");
    let range = chunk.as_ptr_range();
    let mut decoder = Decoder::new(1024);
    decoder.push(chunk);
    while let Some(event) = decoder.next_event() {
        let event = event.unwrap();
        assert!(range.contains(&event.raw.as_ptr()));
        assert!(event.data.is_none_or(|data| range.contains(&data.as_ptr())));
    }
}

#[test]
fn event_is_handed_out_at_its_last_byte_even_when_a_line_feed_may_follow() {
    let mut decoder = Decoder::new(1024);
    decoder.push(Bytes::from_static(b"data: x\r\n\r"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data.as_deref(), Some(&b"x"[..]));
    decoder.push(Bytes::from_static(b"\ndata: y\r\r"));
    let filler = decoder.next_event().unwrap().unwrap();
    assert!(filler.comment_only && filler.raw == "\n");
    assert_eq!(decoder.next_event().unwrap().unwrap().data.as_deref(), Some(&b"y"[..]));
    assert!(decoder.next_event().is_none());
}

#[test]
fn event_beyond_the_bound_ends_the_stream() {
    for cut in [1, 5, 11] {
        let mut decoder = Decoder::new(10);
        let bytes = b"data: abcdef\n\ndata: x\n\n";
        let mut results = Vec::new();
        for chunk in bytes.chunks(cut) {
            decoder.push(Bytes::copy_from_slice(chunk));
            results.extend(std::iter::from_fn(|| decoder.next_event()));
        }
        assert_eq!(results, [Err(SseError::TooLarge { limit: 10 })]);
    }
    let mut decoder = Decoder::new(9);
    decoder.push(Bytes::from_static(b"data: x\n\ndata: y\n\n"));
    assert!(decoder.next_event().unwrap().is_ok() && decoder.next_event().unwrap().is_ok());
}

#[test]
fn event_of_event_bytes_max_passes_and_a_larger_one_does_not() {
    for (bytes, passes) in [(EVENT_BYTES_MAX, true), (EVENT_BYTES_MAX + 1, false)] {
        let event = format!("data:{}\n\n", "x".repeat(bytes - 7));
        let mut decoder = Decoder::new(EVENT_BYTES_MAX);
        let (head, tail) = event.as_bytes().split_at(bytes / 2);
        decoder.push(Bytes::copy_from_slice(head));
        assert!(decoder.next_event().is_none());
        decoder.push(Bytes::copy_from_slice(tail));
        assert_eq!(decoder.next_event().unwrap().is_ok(), passes);
    }
}

#[test]
fn unfinished_event_is_left_over() {
    let (events, tail) = decode(&[b"data: x\n\ndata: y", b"\n"]);
    assert_eq!(events.len(), 1);
    assert_eq!(tail, "data: y\n");
}

#[test]
fn changed_event_keeps_id_type_and_retry() {
    let event = only(b"data: {\"old\":1}\nid: 5\n: c\nfoo: bar\nevent: message\nretry: 10\n\n");
    assert_eq!(event.encode(b"{}"), &b"id: 5\nevent: message\nretry: 10\ndata: {}\n\n"[..]);
    assert_eq!(only(&event.encode(b"{}")).id, event.id);
}

#[test]
fn s38_line_ends_in_data_cannot_create_events() {
    let event = only(b"data: x\n\n");
    for data in ["a\n\ndata: forged", "a\r\rdata: forged", "\r\nid: 9\r\n\r\n", "\n"] {
        for written in [event.encode(data.as_bytes()), message(data.as_bytes())] {
            let (events, tail) = decode(&[&written]);
            assert_eq!((events.len(), tail.len()), (1, 0));
            assert_eq!(events[0].data.as_ref().map(Bytes::len), Some(data.len()));
            assert_eq!(events[0].id, None);
        }
    }
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let line = prop_oneof![
        "data:? ?[a-z{}:]{0,4}",
        "(id|event|retry|x|): ?[0-9a-z]{0,3}",
        Just(String::new()),
        Just("data".to_owned()),
        Just("\u{FEFF}".to_owned()),
    ];
    prop::collection::vec((line, end), 0..16)
        .prop_map(|lines| lines.into_iter().flat_map(|(l, e)| (l + e).into_bytes()).collect())
}

proptest! {
    #[test]
    fn every_split_gives_the_same_events_and_the_input_back(
        bytes in stream(), cuts in prop::collection::vec(0_usize..200, 0..6),
    ) {
        let (whole, whole_tail) = decode(&[&bytes]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        for chunks in [chunks, single] {
            let (events, tail) = decode(&chunks);
            prop_assert_eq!(seen(&events), seen(&whole));
            let mut raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
            raw.extend_from_slice(&tail);
            prop_assert_eq!(&raw, &bytes);
        }
        let mut raw: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
        raw.extend_from_slice(&whole_tail);
        prop_assert_eq!(raw, bytes);
    }

    #[test]
    fn what_is_written_is_read_back(bytes in stream(), data in "[ -~é]{0,20}") {
        for event in decode(&[&bytes]).0 {
            let again = only(&event.encode(data.as_bytes()));
            prop_assert_eq!(again.data.as_deref(), Some(data.as_bytes()));
            prop_assert_eq!((&again.id, &again.event, &again.retry), (&event.id, &event.event, &event.retry));
            let (known, _) = decode(&[&event.known_only()]);
            prop_assert_eq!(seen(&known).pop().unwrap_or_default().0, event.data.map(|d| d.to_vec()));
        }
    }
}
