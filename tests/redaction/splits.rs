//! Values that are cut in two by the pieces in which a text is delivered, and messages that are
//! redacted twice.

use sallyport::class::{Class, ClassSet};

use super::canary::{detector, planted, redacted};

/// Made-up values of the six classes that matter most.
const VALUES_PER_CLASS: usize = 60;

/// Of all values and all places to cut them, so many are hidden in both halves.
const RECALL_MIN: f64 = 0.98;

#[test]
fn value_that_is_cut_between_two_blocks_is_hidden_wherever_it_is_cut() {
    let detector = detector();
    let mut missed = Vec::new();
    let mut cuts = 0;
    for (class, value) in values() {
        for at in (1..value.len()).filter(|at| value.is_char_boundary(*at)) {
            let (left, right) = value.split_at(at);
            let message = format!(
                r#"{{"content":[{{"type":"text","text":"It is {left}"}},{{"type":"text","text":"{right} as noted"}}]}}"#
            );
            let out = redacted(&detector, &message, ClassSet::empty());
            let out = String::from_utf8_lossy(&out);
            cuts += 1;
            if survives(&out, left, right) {
                missed.push(format!("{class:?}: {left}|{right} became {out}"));
            }
        }
    }
    assert_recall(cuts, &missed);
}

#[test]
fn value_that_is_cut_between_two_notifications_is_found_wherever_it_is_cut() {
    let detector = detector();
    let mut missed = Vec::new();
    let mut cuts = 0;
    for (class, value) in values() {
        for at in (1..value.len()).filter(|at| value.is_char_boundary(*at)) {
            let (left, right) = value.split_at(at);
            let (before, after) = (format!("It is {left}"), format!("{right} as noted"));
            let across = detector.across(before.as_bytes(), after.as_bytes(), ClassSet::empty());
            cuts += 1;
            let whole = across.iter().any(|across| {
                across.before.start <= before.len() - left.len() && across.after.end >= right.len()
            });
            // What is a value without its other half is hidden in its own text.
            let halves = {
                let mut counts = sallyport::inspect::Counts::default();
                let mut hide =
                    |text| detector.redact_text(text, ClassSet::empty(), &mut counts).into_owned();
                !survives(&format!("{}\n{}", hide(&before), hide(&after)), left, right)
            };
            if !whole && !halves {
                missed.push(format!("{class:?}: {left}|{right} gave {across:?}"));
            }
        }
    }
    assert_recall(cuts, &missed);
}

#[test]
fn value_that_is_cut_is_seen_by_a_reader_with_the_scope() {
    let detector = detector();
    for (class, value) in values() {
        let (left, right) = value.split_at(value.len() / 2);
        let all = ClassSet::from_iter(Class::BUILTIN);
        assert!(detector.across(left.as_bytes(), right.as_bytes(), all).is_empty(), "{class:?}");
    }
}

#[test]
fn message_that_is_redacted_twice_is_the_same_as_once() {
    let detector = detector();
    let mut differing = Vec::new();
    for message in planted() {
        let once = redacted(&detector, &message, ClassSet::empty());
        let once = String::from_utf8(once.to_vec()).expect("text");
        let twice = redacted(&detector, &once, ClassSet::empty());
        if once.as_bytes() != twice {
            differing.push(format!("{once}\nbecame\n{}", String::from_utf8_lossy(&twice)));
        }
    }
    let some: Vec<&str> = differing.iter().take(3).map(String::as_str).collect();
    assert!(differing.is_empty(), "{} messages differ:\n{}", differing.len(), some.join("\n\n"));
}

fn assert_recall(cuts: usize, missed: &[String]) {
    let recall = 1.0 - missed.len() as f64 / cuts as f64;
    println!("recall {recall:.4}, {} of {cuts} missed\n{}", missed.len(), missed.join("\n"));
    assert!(recall >= RECALL_MIN, "recall {recall:.4}:\n{}", missed.join("\n"));
}

/// Whether the longer half of a value, or both, can still be read.
fn survives(out: &str, left: &str, right: &str) -> bool {
    let said = |half: &str| half.len() >= TELLING_MIN && out.contains(half);
    let both = out.contains(&format!("It is {left}")) && out.contains(&format!("{right} as noted"));
    both || said(left) || said(right)
}

/// Of a shorter part nobody learns much. Unit: characters.
const TELLING_MIN: usize = 6;

/// Values of the core six, valid by their rules, in the writings that are usual for them.
fn values() -> impl Iterator<Item = (Class, String)> {
    use super::canary::values::Kind;
    let kinds = [Kind::Email, Kind::Ssn, Kind::Card, Kind::Iban];
    let made = kinds.into_iter().flat_map(|kind| {
        (0..VALUES_PER_CLASS).map(move |number| {
            let value = kind.number(number * 3 + 1).value;
            let joined = matches!(kind, Kind::Card | Kind::Iban) && number % 2 == 1;
            (kind.class(), if joined { value.replace(' ', "") } else { value })
        })
    });
    let phones = (0..VALUES_PER_CLASS).map(|number| {
        let (area, line) = (201 + number % 9, 100 + number * 7);
        let value = match number % 3 {
            0 => format!("+1 {area} 555 0{line:03}"),
            1 => format!("({area}) 555-0{line:03}"),
            _ => format!("+44 20 7946 0{line:03}"),
        };
        (Class::Phone, value)
    });
    let addresses = (0..VALUES_PER_CLASS).map(|number| {
        let value = match number % 3 {
            0 => format!("2001:db8:85a3::8a2e:370:{:04x}", 0x7334 + number),
            1 => format!("203.0.113.{}", 100 + number),
            _ => format!("198.51.100.{}", 130 + number),
        };
        (Class::Ip, value)
    });
    made.chain(phones).chain(addresses)
}
