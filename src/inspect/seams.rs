//! Values that are cut in two by the pieces in which a text is delivered: the first half ends one
//! content block, the second begins the next.
//!
//! Owns what is read across such a seam. Guarantees: at most [`WINDOW_BYTES`] on either side are
//! read a second time, and only where a value can be cut at all.

use std::ops::Range;

use super::Detector;
use super::paths::Trail;
use super::redact::Find;
use super::scan::{Findings, Found, Subject};
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
        let from = before.len().saturating_sub(WINDOW_BYTES);
        let tail = before.get(from..).unwrap_or_default();
        let head = after.get(..after.len().min(WINDOW_BYTES)).unwrap_or_default();
        let joined = [tail, head].concat();
        let mut findings = Findings::default();
        let named = super::context::Hints::NONE;
        self.find(Subject { text: &joined, named, numeric: false }, &mut findings);
        let seam = tail.len();
        let crosses = |found: &&Found| found.start < seam && found.end > seam;
        let hidden = |found: &&Found| {
            !reveal.contains(found.class) && self.form(found.class) != Form::Report
        };
        let across = |found: &Found| Across {
            class: found.class,
            before: from + found.start..before.len(),
            after: 0..found.end - seam,
        };
        findings.found.iter().filter(crosses).filter(hidden).map(across).collect()
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
        let (first, second) = (Block::of(before), Block::of(value));
        if !may_be_cut(first.source, second.source) && !first.escaped && !second.escaped {
            return;
        }
        let views = (first.view(), second.view());
        for across in self.detector.across(&views.0.text, &views.1.text, self.reveal) {
            let Across { class, before, after } = across;
            let left = first.layer.viewed(&views.0).range(before.start, before.end);
            let right = second.layer.viewed(&views.1).range(after.start, after.end);
            if self.plan.replaces(0, &left) && self.plan.replaces(0, &right) {
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

/// Whether a value may stand on both sides of a seam: nothing ends it on either.
fn may_be_cut(before: &[u8], after: &[u8]) -> bool {
    let goes_on =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"@.-_+/:(".contains(byte) || *byte >= 0x80;
    before.last().is_some_and(|byte| goes_on(byte) || *byte == b' ')
        && after.first().is_some_and(|byte| goes_on(byte) || *byte == b' ')
}

/// The member of a content block that holds its text (MCP, "Content Types").
const BLOCK: &[u8] = b"text";

/// Unit: bytes. Half of the longest value that is looked for across a seam, and what explains it.
const WINDOW_BYTES: usize = 256;

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
    fn texts_that_do_not_go_on_stay() {
        let content =
            r#"{"content":[{"type":"text","text":"room 219"},{"type":"text","text":"09 people"}]}"#;
        assert_eq!(redacted(Form::Label, content), content);
    }
}
