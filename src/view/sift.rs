//! Goes through a container and removes what is not kept, in wire order.
//!
//! As [`crate::json::keep_members`], for cuts that go on below what they keep: edits come
//! in order without a sort, and whoever decides sees name and value at once.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::Edit;
use crate::json::Value;

/// Removes the members that `keep` does not keep. It adds the edits below what it keeps, and none
/// for what it drops.
pub(super) fn members(
    object: Value<'_>,
    edits: &mut Vec<Edit>,
    mut keep: impl FnMut(&str, Value<'_>, &mut Vec<Edit>) -> bool,
) {
    let mut seam = Seam::default();
    let mut members = object.members().peekable();
    while let Some((key, value)) = members.next() {
        let kept = key.as_str().is_some_and(|name| keep(&name, value, edits));
        let next = members.peek().map(|(key, _)| key.span().start);
        seam.pass(key.span().start..value.span().end, kept, next, edits);
    }
}

/// Removes the items that `keep` does not keep; see [`members`].
pub(super) fn items(
    array: Value<'_>,
    edits: &mut Vec<Edit>,
    mut keep: impl FnMut(Value<'_>, &mut Vec<Edit>) -> bool,
) {
    let mut seam = Seam::default();
    let mut items = array.items().peekable();
    while let Some(item) = items.next() {
        let kept = keep(item, edits);
        let next = items.peek().map(|next| next.span().start);
        seam.pass(item.span(), kept, next, edits);
    }
}

/// What went by in a container: where commas go depends on it.
#[derive(Default)]
struct Seam {
    kept: bool,
    /// The end of the one before.
    before: Option<usize>,
}

impl Seam {
    /// Behind what was kept the comma before goes with what is removed, else the comma after.
    fn pass(&mut self, span: Range<usize>, kept: bool, next: Option<usize>, edits: &mut Vec<Edit>) {
        let end = span.end;
        if kept {
            self.kept = true;
        } else {
            let gone = match self.before {
                Some(before) if self.kept => before..end,
                Some(_) | None => span.start..next.unwrap_or(end),
            };
            match edits.last_mut() {
                Some(last) if last.span.end == gone.start && last.with.is_empty() => {
                    last.span.end = gone.end;
                }
                Some(_) | None => edits.push(Edit { span: gone, with: Cow::Borrowed(b"") }),
            }
        }
        self.before = Some(end);
    }
}
