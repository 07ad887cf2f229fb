//! Judges the output of a redactor, whatever it is: the text that a client would read, not spans.
//!
//! Original and output are walked side by side as JSON, through JSON in strings and base64 down to
//! plain texts, which are aligned. A label counts as hidden if what stands in its place no longer
//! holds it and at most a third of its letters and digits stay (of a secret: four); the name of the
//! label that took its place does not matter. A look-alike must stay as it was, and so must every
//! other word: each replaced run of words without a label is one false hit.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::align::{Hunk, align, carried};
use crate::fold::folded;
use crate::json::{Value, parse};
use crate::messages::Message;
use crate::model::{Mark, Node, Part, Seg, Text, What, decoded};
use crate::names::NAMES;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub labels: usize,
    pub hidden: usize,
    pub false_hits: usize,
}

/// Something to look at.
#[derive(Clone, Debug)]
pub struct Note {
    pub class: String,
    pub message: usize,
    pub what: String,
    pub place: String,
}

#[derive(Debug, Default)]
pub struct Score {
    pub classes: BTreeMap<&'static str, Count>,
    pub tags: BTreeMap<&'static str, Count>,
    /// Look-alikes of each kind, and how many were altered.
    pub likes: BTreeMap<&'static str, Count>,
    /// Altered pieces that held neither label nor look-alike.
    pub other: usize,
    pub documents: usize,
    pub exact: usize,
    pub broken_messages: usize,
    pub broken_inner: usize,
    pub members_changed: usize,
    pub misses: Vec<Note>,
    pub false_hits: Vec<Note>,
    /// What is no longer JSON, or has other members.
    pub damage: Vec<Note>,
}

impl Count {
    pub fn recall(self) -> f64 {
        ratio(self.hidden, self.labels)
    }

    pub fn precision(self) -> f64 {
        ratio(self.hidden, self.hidden + self.false_hits)
    }

    pub fn f1(self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }

    pub fn plus(self, other: Count) -> Count {
        Count {
            labels: self.labels + other.labels,
            hidden: self.hidden + other.hidden,
            false_hits: self.false_hits + other.false_hits,
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |n: usize| f64::from(u32::try_from(n).unwrap());
    if whole == 0 { 1.0 } else { number(part) / number(whole) }
}

/// Runs the redactor over every message.
pub fn score(messages: &[Message], mut redactor: impl FnMut(usize, &[u8]) -> Vec<u8>) -> Score {
    let mut score = Score::default();
    for (number, message) in messages.iter().enumerate() {
        let output = redactor(number, &message.bytes);
        let mut judge = Judge { score: &mut score, number, clean: true };
        judge.message(message, &output);
        let clean = judge.clean;
        score.documents += 1;
        score.exact += usize::from(clean);
    }
    score
}

impl Score {
    pub fn all(&self) -> Count {
        self.classes.values().fold(Count::default(), |all, count| all.plus(*count))
    }

    pub fn of(&self, class: &str) -> Count {
        self.classes.get(class).copied().unwrap_or_default()
    }

    pub fn tag(&self, tag: &str) -> Count {
        self.tags.get(tag).copied().unwrap_or_default()
    }

    pub fn broken(&self) -> usize {
        self.broken_messages + self.broken_inner + self.members_changed
    }
}

struct Judge<'s> {
    score: &'s mut Score,
    number: usize,
    clean: bool,
}

/// A mark, or what else must be known of a piece of a rendered text.
enum Piece {
    Mark(Mark),
    Grace,
    Coded(Text),
    Json(Node),
}

impl Judge<'_> {
    fn message(&mut self, message: &Message, output: &[u8]) {
        let output = String::from_utf8_lossy(output);
        if let Some(value) = parse(&output) {
            return self.node(&message.node, &value);
        }
        self.score.broken_messages += 1;
        self.damaged("message", &output);
        let mut segments = Vec::new();
        message.node.write(crate::model::Layout::Compact, 0, &mut segments);
        self.flat(pieces_of(segments), &output);
    }

    fn node(&mut self, node: &Node, output: &Value) {
        match (node, output) {
            (Node::Text(text) | Node::Bare(text), Value::Text(out) | Value::Bare(out)) => {
                self.text(text, out);
            }
            (Node::Array(items), Value::Array(out)) => {
                self.members(items.len(), out.len(), &format!("{out:?}"));
                items.iter().zip(out).for_each(|(item, out)| self.node(item, out));
                items.iter().skip(out.len()).for_each(|item| self.lost(&node_text(item)));
            }
            (Node::Object(members), Value::Object(out)) => self.object(members, out),
            _ => {
                self.members(1, 0, &format!("{output:?}"));
                self.lost(&node_text(node));
            }
        }
    }

    fn object(&mut self, members: &[(Text, Node)], out: &[(String, Value)]) {
        self.members(members.len(), out.len(), &format!("{out:?}"));
        let distinct = out
            .iter()
            .enumerate()
            .all(|(i, (key, _))| out.iter().take(i).all(|(other, _)| other != key));
        self.members(usize::from(distinct), 1, &format!("{out:?}"));
        if members.len() == out.len() {
            for ((key, value), (out_key, out_value)) in members.iter().zip(out) {
                self.text(key, out_key);
                self.node(value, out_value);
            }
            return;
        }
        for (key, value) in members {
            let name = key.rendered();
            match out.iter().find(|(out_key, _)| *out_key == name) {
                Some((_, out_value)) => self.node(value, out_value),
                None => {
                    self.lost(key);
                    self.lost(&node_text(value));
                }
            }
        }
    }

    fn members(&mut self, before: usize, after: usize, output: &str) {
        if before != after {
            self.score.members_changed += 1;
            self.damaged("members", output);
        }
    }

    fn damaged(&mut self, what: &str, output: &str) {
        self.clean = false;
        let (what, message) = (what.to_owned(), self.number);
        let place = output.chars().take(400).collect();
        self.score.damage.push(Note { class: "damage".to_owned(), message, what, place });
    }

    fn text(&mut self, text: &Text, output: &str) {
        match text.parts.as_slice() {
            [Part::Json(node, _)] => match parse(output) {
                Some(value) => return self.node(node, &value),
                None => {
                    self.inner_broken(output);
                    return self.flat(pieces_of(text.segments()), output);
                }
            },
            [Part::Coded(inner, _)] => {
                return match decoded(output) {
                    Some(out) => self.text(inner, &out),
                    None => self.lost(inner),
                };
            }
            _ => {}
        }
        self.flat(laid_out(text), output);
    }

    fn inner_broken(&mut self, output: &str) {
        self.score.broken_inner += 1;
        self.damaged("inner JSON", output);
    }

    /// Nothing of the text is left: labels are hidden, look-alikes altered.
    fn lost(&mut self, text: &Text) {
        for seg in text.segments() {
            match seg {
                Seg::Mark(mark) => match mark.what {
                    What::Label { .. } => self.label(&mark, true, ""),
                    What::Like { .. } => self.like(&mark, true, "", ""),
                },
                Seg::Coded(inner, _) => self.lost(&inner),
                Seg::Plain(_) | Seg::Grace(_) => {}
            }
        }
    }

    fn flat(&mut self, (original, pieces): LaidOut, output: &str) {
        let hunks = align(&original, output);
        for (range, piece) in &pieces {
            let place = snippet(&original, range);
            let touched = hunks.iter().filter(|hunk| touches(hunk, range));
            let put: String = touched.map(|hunk| &output[hunk.to.clone()]).collect();
            let is_touched = hunks.iter().any(|hunk| touches(hunk, range));
            match piece {
                Piece::Mark(mark) => match &mark.what {
                    What::Label { class, canonical } => {
                        let stays = staying(&original, range, &hunks);
                        let all = letters(&original[range.clone()]);
                        // Four: a word of the label may stand in the value by accident.
                        let few = stays * 3 <= all && (stays <= 4 || !is_secret(class));
                        let leaks = folded(&put).contains(canonical.as_str());
                        self.label(mark, is_touched && few && !leaks, &place);
                    }
                    What::Like { .. } => {
                        // Signs alone are no word to align by.
                        let signs = letters(&mark.spelling) == 0 && put.contains(&mark.spelling);
                        self.like(mark, is_touched && !signs, &place, &put);
                    }
                },
                Piece::Coded(_) | Piece::Json(_) => {
                    let from = carried(&hunks, range.start, false);
                    let to = carried(&hunks, range.end, true);
                    self.inner(piece, output.get(from..to).unwrap_or_default());
                }
                Piece::Grace => {}
            }
        }
        self.others(&original, output, &pieces, &hunks);
    }

    /// What stands in the place of a coded piece.
    fn inner(&mut self, piece: &Piece, output: &str) {
        match piece {
            Piece::Coded(inner) => match decoded(output) {
                Some(out) => self.text(inner, &out),
                None => self.lost(inner),
            },
            Piece::Json(node) => match parse(output) {
                Some(value) => self.node(node, &value),
                None => {
                    self.inner_broken(output);
                    self.flat(pieces_of(node_text(node).segments()), output);
                }
            },
            Piece::Mark(_) | Piece::Grace => {}
        }
    }

    /// Replaced words between the marks.
    fn others(
        &mut self,
        original: &str,
        output: &str,
        pieces: &[(Range<usize>, Piece)],
        hunks: &[Hunk],
    ) {
        for hunk in hunks {
            let mut start = hunk.from.start;
            let covering = pieces.iter().filter(|(range, _)| touches(hunk, range));
            let ends = std::iter::once(hunk.from.end..hunk.from.end);
            for range in covering.map(|(range, _)| range.clone()).chain(ends) {
                let piece = start..range.start.max(start);
                if letters(&original[piece.clone()]) > 0 {
                    let put = &output[hunk.to.clone()];
                    let class = class_of(put).unwrap_or("unknown");
                    self.score.other += 1;
                    self.false_hit(class, "text", &snippet(original, &piece), put);
                }
                start = start.max(range.end);
            }
        }
    }

    fn label(&mut self, mark: &Mark, hidden: bool, place: &str) {
        let What::Label { class, .. } = &mark.what else { return };
        let count = self.score.classes.entry(class).or_default();
        count.labels += 1;
        count.hidden += usize::from(hidden);
        for tag in &mark.tags {
            let count = self.score.tags.entry(tag).or_default();
            count.labels += 1;
            count.hidden += usize::from(hidden);
        }
        if !hidden {
            self.clean = false;
            let what = format!("{} ({})", mark.spelling, mark.tags.join(" "));
            let place = place.to_owned();
            self.score.misses.push(Note {
                class: (*class).to_owned(),
                message: self.number,
                what,
                place,
            });
        }
    }

    fn like(&mut self, mark: &Mark, altered: bool, place: &str, put: &str) {
        let What::Like { kind, apes } = &mark.what else { return };
        let count = self.score.likes.entry(kind).or_default();
        count.labels += 1;
        count.hidden += usize::from(altered);
        if altered {
            self.false_hit(class_of(put).unwrap_or(apes), kind, place, put);
        }
    }

    fn false_hit(&mut self, class: &str, kind: &str, place: &str, put: &str) {
        self.clean = false;
        let known = NAMES.iter().find(|names| names.class == class).map_or("unknown", |n| n.class);
        self.score.classes.entry(known).or_default().false_hits += 1;
        let what = format!("{kind} -> {put}");
        let place = place.to_owned();
        self.score.false_hits.push(Note {
            class: known.to_owned(),
            message: self.number,
            what,
            place,
        });
    }
}

fn node_text(node: &Node) -> Text {
    Text::json(node.clone(), crate::model::Layout::Compact)
}

/// A text, and where its pieces stand.
type LaidOut = (String, Vec<(Range<usize>, Piece)>);

fn laid_out(text: &Text) -> LaidOut {
    let piece = |part: &Part| {
        let rendered = Text::of(vec![part.clone()]).rendered();
        let piece = match part {
            Part::Plain(_) => None,
            Part::Grace(_) => Some(Piece::Grace),
            Part::Mark(mark) => Some(Piece::Mark(mark.clone())),
            Part::Coded(inner, _) => Some(Piece::Coded(inner.clone())),
            Part::Json(node, _) => Some(Piece::Json((**node).clone())),
        };
        (rendered, piece)
    };
    placed(text.parts.iter().map(piece))
}

/// The same where JSON is only text.
fn pieces_of(segments: Vec<Seg>) -> LaidOut {
    placed(segments.into_iter().map(|seg| match seg {
        Seg::Plain(text) => (text, None),
        Seg::Grace(text) => (text, Some(Piece::Grace)),
        Seg::Coded(inner, text) => (text, Some(Piece::Coded(inner))),
        Seg::Mark(mark) => (mark.spelling.clone(), Some(Piece::Mark(mark))),
    }))
}

fn placed(all: impl Iterator<Item = (String, Option<Piece>)>) -> LaidOut {
    let (mut whole, mut pieces) = (String::new(), Vec::new());
    for (text, piece) in all {
        let start = whole.len();
        whole.push_str(&text);
        pieces.extend(piece.map(|piece| (start..whole.len(), piece)));
    }
    (whole, pieces)
}

/// Whether the hunk replaces some of the range, or puts something inside it.
fn touches(hunk: &Hunk, range: &Range<usize>) -> bool {
    hunk.from.start < range.end && hunk.from.end > range.start
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// How many letters and digits of the range no hunk replaces.
fn staying(text: &str, range: &Range<usize>, hunks: &[Hunk]) -> usize {
    let inside = text[range.clone()].char_indices().filter(|(_, c)| c.is_alphanumeric());
    inside.filter(|(at, _)| !hunks.iter().any(|h| h.from.contains(&(range.start + at)))).count()
}

fn is_secret(class: &str) -> bool {
    [
        "jwt",
        "private_key",
        "api_key",
        "password",
        "connection_string",
        "auth_header",
        "cookie",
        "secret",
    ]
    .contains(&class)
}

/// The class that a label such as `[EMAIL]` or `[EMAIL_2]` names.
fn class_of(put: &str) -> Option<&'static str> {
    let name: String = put
        .chars()
        .skip_while(|c| !c.is_ascii_uppercase())
        .take_while(|c| c.is_ascii_uppercase() || *c == '_' || c.is_ascii_digit())
        .collect();
    let name = name.to_lowercase();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    NAMES.iter().find(|names| names.class == name).map(|names| names.class)
}

fn snippet(text: &str, range: &Range<usize>) -> String {
    let before: String = text[..range.start].chars().rev().take(50).collect();
    let before: String = before.chars().rev().collect();
    let after: String = text[range.end..].chars().take(25).collect();
    let middle: String = text[range.clone()].chars().take(60).collect();
    format!("{before}⟦{middle}⟧{after}").replace('\n', "⏎")
}
