//! The tables that a run prints.

use std::fmt::Write;

use crate::names::NAMES;
use crate::score::{Count, Note, Score};

/// Figures of all classes, of each, and of each layout and writing.
pub fn table(title: &str, score: &Score) -> String {
    let mut out = String::new();
    let mut row = |name: &str, count: Count| {
        let (r, p, f) = (count.recall(), count.precision(), count.f1());
        let _ = writeln!(out, "{name:<24}{:>7}{r:>9.4}{p:>11.4}{f:>9.4}", count.labels);
    };
    let secrets = score.tag("fixed-secret");
    let core = CORE.iter().fold(Count::default(), |all, class| all.plus(score.of(class)));
    row("ALL", score.all());
    row("core six", core);
    CORE.iter().for_each(|class| row(class, score.of(class)));
    for names in NAMES.iter().filter(|names| !CORE.contains(&names.class)) {
        row(names.class, score.of(names.class));
    }
    let head = format!(
        "{title}\n{:<24}{:>7}{:>9}{:>11}{:>9}\n",
        "class", "labels", "recall", "precision", "F1"
    );
    let mut out = head + &out;
    let _ = writeln!(
        out,
        "\nsecrets of fixed form: recall {:.4} of {}",
        secrets.recall(),
        secrets.labels
    );
    let likes = score.likes.values().fold(Count::default(), |all, count| all.plus(*count));
    let _ = writeln!(
        out,
        "look-alikes {}, altered {} ({:.2} %); other text altered {}",
        likes.labels,
        likes.hidden,
        100.0 * likes.recall(),
        score.other
    );
    let _ = writeln!(
        out,
        "documents {}, exactly right {}; broken messages {}, inner JSON {}, members changed {}",
        score.documents,
        score.exact,
        score.broken_messages,
        score.broken_inner,
        score.members_changed
    );
    out + &tags(score)
}

fn tags(score: &Score) -> String {
    let mut out = String::from("\nrecall by layout and writing\n");
    for (tag, count) in score.tags.iter().filter(|(_, count)| count.labels >= 15) {
        let _ = writeln!(out, "{tag:<24}{:>7}{:>9.4}", count.labels, count.recall());
    }
    out.push_str("\naltered look-alikes by kind\n");
    for (kind, count) in score.likes.iter().filter(|(_, count)| count.hidden > 0) {
        let _ = writeln!(out, "{kind:<24}{:>7}{:>9.4}", count.labels, count.recall());
    }
    out
}

/// Up to twenty misses and twenty false hits of a class, or of all.
pub fn notes(class: &str, score: &Score) -> String {
    let mut out = String::new();
    for Note { message, what, place, .. } in score.damage.iter().take(20) {
        let _ = writeln!(out, "damage #{message}: {what}\n      {place}");
    }
    for (title, notes) in [("misses", &score.misses), ("false hits", &score.false_hits)] {
        for names in NAMES.iter().map(|n| n.class).chain(["unknown"]) {
            let wanted = |note: &&Note| note.class == names && (class == "all" || class == names);
            for note in notes.iter().filter(wanted).take(20) {
                let Note { class, message, what, place } = note;
                let _ = writeln!(out, "{title} {class} #{message}: {what}\n      {place}");
            }
        }
    }
    out
}

pub const CORE: [&str; 6] = ["email", "phone", "card", "ip", "iban", "us_ssn"];
