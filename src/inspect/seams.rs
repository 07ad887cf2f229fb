//! Values that are cut in two by the pieces in which a text is delivered: the first half ends one
//! content block, the second begins the next.
//!
//! Owns what is read across such a seam. Guarantees: a bounded window on either side is
//! read a second time, and only where a value can be cut at all.

use std::ops::Range;

use super::Detector;
use super::paths::Trail;
use super::redact::Find;
use super::scan::{Findings, Found, Subject};
use super::seam::{may_be_cut, window};
use super::view::{Escapes, Layer, View};
use super::walk::Walk;
use crate::class::{Class, ClassSet, Form};
use crate::json::Value;

/// A value that reaches over a seam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Across {
    /// What it is.
    pub class: Class,
    /// What of it ends the text before the seam, in bytes of that text.
    pub before: Range<usize>,
    /// What of it begins the text behind the seam.
    pub after: Range<usize>,
}

/// A text block whose end may be the first half of a value.
#[derive(Clone, Copy)]
pub(super) struct Ended<'m> {
    value: Value<'m>,
    /// The way to it, items of arrays not counted.
    way: u64,
}

impl Detector {
    /// The values that reach from the end of one text into the begin of the next, with what is
    /// hidden from a reader who may see the classes in `reveal`.
    pub fn across(&self, before: &[u8], after: &[u8], reveal: ClassSet) -> Vec<Across> {
        if !may_be_cut(before, after) {
            return Vec::new();
        }
        let (tail, head) = window(before, after);
        let from = tail.start;
        let (tail, head) =
            (before.get(tail).unwrap_or_default(), after.get(head).unwrap_or_default());
        let joined = [tail, head].concat();
        let mut findings = Findings::default();
        let named = super::context::Hints::NONE;
        self.find(Subject { text: &joined, named, numeric: false, is_name: false }, &mut findings);
        let seam = tail.len();
        let crosses = |found: &&Found| found.start < seam && found.end > seam;
        let hidden = |found: &&Found| {
            !reveal.contains(found.class) && self.form(found.class) != Form::Report
        };
        // What took the place of a value is whole, whatever follows it. Of digits one half may be
        // zeros by itself.
        let own =
            |class, half: &[u8]| half.iter().any(u8::is_ascii_alphabetic) && self.made(class, half);
        let made = |found: &&Found| {
            let halves = [found.start..seam, seam..found.end];
            halves.into_iter().any(|half| joined.get(half).is_some_and(|h| own(found.class, h)))
        };
        let across = |found: &Found| Across {
            class: found.class,
            before: from + found.start..before.len(),
            after: 0..found.end - seam,
        };
        let found = findings.found.iter().filter(crosses).filter(hidden);
        found.filter(|found| !made(found)).map(across).collect()
    }
}

impl Detector {
    /// The values that reach from the end of one JSON string into the begin of the next, by
    /// where their halves stand in the documents of the strings.
    pub fn across_values(
        &self,
        before: Value<'_>,
        after: Value<'_>,
        reveal: ClassSet,
    ) -> Vec<Across> {
        let (first, second) = (Block::of(before), Block::of(after));
        if !may_be_cut(first.source, second.source) && !first.escaped && !second.escaped {
            return Vec::new();
        }
        let (first_view, second_view) = (first.view(), second.view());
        let (left, right) = (first.layer.viewed(&first_view), second.layer.viewed(&second_view));
        let found = self.across(&first_view.text, &second_view.text, reveal);
        let on_the_wire = |across: Across| Across {
            class: across.class,
            before: left.range(across.before.start, across.before.end),
            after: right.range(across.after.start, across.after.end),
        };
        found.into_iter().map(on_the_wire).collect()
    }

    /// Whether the last value of a text may go on in the text behind it, and the place from which
    /// on it is certainly cut: digits that a separator follows, an address without its domain.
    pub fn is_open_ended(text: &str) -> (bool, Option<usize>) {
        let bytes = text.as_bytes();
        let run = bytes.iter().rev().take(RUN_BYTES_MAX);
        let run = run.take_while(|b| b.is_ascii_alphanumeric() || b"@.-_+/".contains(b)).count();
        let spaced = matches!(bytes, [.., b'0'..=b'9', b' ']);
        let from = bytes.len() - run;
        let tail = bytes.get(from..).unwrap_or_default();
        // A full stop ends a sentence, unless it stands in an address or a number.
        let word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'.';
        let sentence = tail.ends_with(b".") && tail.iter().all(word);
        let open = (run > 0 && !sentence) || spaced;
        let digits = tail.iter().filter(|byte| byte.is_ascii_digit()).count();
        let numbers = tail.iter().all(|byte| byte.is_ascii_digit() || b".-+/".contains(byte));
        let cut_number = numbers && digits >= 3 && matches!(tail.last(), Some(b'-' | b'/'));
        let cut_address = tail
            .iter()
            .position(|byte| *byte == b'@')
            .is_some_and(|sign| sign > 0 && !tail.get(sign..).unwrap_or_default().contains(&b'.'));
        (open, (cut_number || cut_address).then_some(from))
    }
}

impl<'m> Walk<'m> {
    /// Looks at the seam between a text block and the one before it.
    pub(super) fn seam(&mut self, value: Value<'m>) {
        let is_block = self.steps.last().is_some_and(|step| step.name == Some(BLOCK));
        if !is_block || self.seeker.is_some() {
            return;
        }
        let way = Trail::Wire.hash(&self.steps);
        let ended = self.ended.replace(Ended { value, way });
        let Some(before) = ended.filter(|ended| ended.way == way).map(|ended| ended.value) else {
            return;
        };
        for Across { class, before: left, after: right } in
            self.detector.across_values(before, value, self.reveal)
        {
            // What a name explained ended with its text; the next one is none of it.
            let named = super::labels::LABELLED.contains(&class);
            if self.plan.replaces(0, &left) && (named || self.plan.replaces(0, &right)) {
                continue;
            }
            let confidence = crate::class::Confidence::Likely;
            let find = Find { class, confidence, range: left.clone(), copy: false };
            if let Some(form) = self.count(find, &Trail::Wire) {
                // A half shows nothing of what it is half of.
                let form = if form == Form::Mask { Form::Label } else { form };
                self.replace(left, class, form, b"");
                self.plan.replace(right, class, |_| {});
            }
        }
    }
}

/// The text of a block as it stands on the wire.
struct Block<'m> {
    source: &'m [u8],
    escaped: bool,
    layer: Layer<'static>,
}

impl<'m> Block<'m> {
    fn of(value: Value<'m>) -> Block<'m> {
        let source = value.string_inner().unwrap_or_default();
        let layer = Layer::wire(value.span().start + 1);
        Block { source, escaped: value.is_escaped(), layer }
    }

    fn view(&self) -> View {
        View::new(self.source, if self.escaped { Escapes::Decode } else { Escapes::Keep })
    }
}

/// The member of a content block that holds its text (MCP, "Content Types").
const BLOCK: &[u8] = b"text";

/// Unit: bytes. The longest run at the end of a text that is looked at.
const RUN_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::tests::redacted;
    use crate::class::Form;

    #[test]
    fn value_that_is_cut_between_two_blocks_is_hidden_in_both() {
        for (left, right) in [
            ("My SSN is 219-09-", "9999, thanks"),
            ("write to jane.roe@exam", "ple.com"),
            ("card 4111 1111 ", "1111 1111 was charged"),
        ] {
            let content = format!(
                r#"{{"content":[{{"type":"text","text":"{left}"}},{{"type":"text","text":"{right}"}}]}}"#
            );
            let out = redacted(Form::Label, &content);
            assert!(!out.contains("219-09") && !out.contains("9999"), "{out}");
            assert!(!out.contains("jane") && !out.contains("4111"), "{out}");
        }
    }

    #[test]
    fn what_took_the_place_of_a_value_is_not_put_together_with_what_follows() {
        let text = "redacted@redacted.invalid";
        let content = format!(
            r#"{{"content":[{{"type":"text","text":"to {text}"}},{{"type":"text","text":"{text}"}}]}}"#
        );
        assert_eq!(redacted(Form::Surrogate, &content), content);
    }

    #[test]
    fn texts_that_do_not_go_on_stay() {
        let content =
            r#"{"content":[{"type":"text","text":"room 219"},{"type":"text","text":"09 people"}]}"#;
        assert_eq!(redacted(Form::Label, content), content);
    }
}
