//! What redaction changes, as a unified diff.
//!
//! The changes are known: lines are not compared, and time is linear in the text.

use std::ops::Range;

/// The diff of a text and its redacted form; empty where nothing is changed.
pub(super) fn unified(
    name: &str,
    text: &[u8],
    edits: &[(Range<usize>, Vec<u8>)],
    colour: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    if edits.is_empty() {
        return out;
    }
    let paint = Paint { colour };
    paint.line(&mut out, BOLD, b"", format!("--- {name}\n+++ {name} (redacted)").as_bytes());
    let lines = Lines::of(text);
    let mut rest = edits;
    // How many lines the hunks before this one have more than their originals.
    let mut shift = 0_i64;
    while let Some((first, _)) = rest.first() {
        let begin = lines.at(first.start).saturating_sub(CONTEXT);
        let mut end = lines.behind(first) + CONTEXT;
        let mut count = 1;
        while let Some((next, _)) =
            rest.get(count).filter(|next| lines.at(next.0.start) <= end + CONTEXT)
        {
            end = lines.behind(next) + CONTEXT;
            count += 1;
        }
        let (hunk, later) = rest.split_at(count);
        rest = later;
        shift += lines.hunk(&mut out, begin..end.min(lines.count()), hunk, shift, &paint);
    }
    out
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t [u8],
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t [u8]) -> Self {
        let behind = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
        let starts = std::iter::once(0).chain(behind.filter(|at| *at < text.len())).collect();
        Lines { text, starts }
    }

    fn count(&self) -> usize {
        self.starts.len()
    }

    /// The line, counted from 0, in which a byte stands.
    fn at(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// The line behind the last one of an edit.
    fn behind(&self, edit: &Range<usize>) -> usize {
        self.at(edit.end.saturating_sub(1).max(edit.start)) + 1
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    fn bytes(&self, lines: Range<usize>) -> &'t [u8] {
        self.text.get(self.start(lines.start)..self.start(lines.end)).unwrap_or_default()
    }

    /// Writes one hunk; returns how many lines it adds.
    fn hunk(
        &self,
        out: &mut Vec<u8>,
        within: Range<usize>,
        edits: &[(Range<usize>, Vec<u8>)],
        shift: i64,
        paint: &Paint,
    ) -> i64 {
        let mut body = Vec::new();
        let (mut line, mut new) = (within.start, 0);
        let mut rest = edits;
        while let Some((first, _)) = rest.first() {
            let begin = self.at(first.start);
            new += paint.lines(&mut body, "", b" ", self.bytes(line..begin));
            let mut end = self.behind(first);
            let mut count = 1;
            while let Some((next, _)) = rest.get(count).filter(|next| self.at(next.0.start) < end) {
                end = end.max(self.behind(next));
                count += 1;
            }
            let (together, later) = rest.split_at(count);
            rest = later;
            paint.lines(&mut body, RED, b"-", self.bytes(begin..end));
            new += paint.lines(&mut body, GREEN, b"+", &self.redacted(begin..end, together));
            line = end;
        }
        new += paint.lines(&mut body, "", b" ", self.bytes(line..within.end));
        let old = within.len();
        let from = i64::try_from(within.start).unwrap_or(i64::MAX).saturating_add(1);
        let head = format!("@@ -{from},{old} +{},{new} @@", from.saturating_add(shift));
        paint.line(out, CYAN, b"", head.as_bytes());
        out.extend_from_slice(&body);
        i64::try_from(new).unwrap_or(0) - i64::try_from(old).unwrap_or(0)
    }

    fn redacted(&self, lines: Range<usize>, edits: &[(Range<usize>, Vec<u8>)]) -> Vec<u8> {
        let (mut at, end) = (self.start(lines.start), self.start(lines.end));
        let mut out = Vec::new();
        for (range, text) in edits {
            out.extend_from_slice(self.text.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(text);
            at = range.end;
        }
        out.extend_from_slice(self.text.get(at..end.max(at)).unwrap_or_default());
        out
    }
}

/// How lines are written.
struct Paint {
    colour: bool,
}

impl Paint {
    /// Writes each line of a text behind a mark; returns how many.
    fn lines(&self, out: &mut Vec<u8>, colour: &str, mark: &[u8], text: &[u8]) -> usize {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .map(|line| {
                let whole = line.strip_suffix(b"\n");
                self.line(out, colour, mark, whole.unwrap_or(line));
                if whole.is_none() {
                    out.extend_from_slice(b"\\ No newline at end of file\n");
                }
            })
            .count()
    }

    fn line(&self, out: &mut Vec<u8>, colour: &str, mark: &[u8], line: &[u8]) {
        if !self.colour {
            out.extend_from_slice(mark);
            out.extend_from_slice(line);
            out.push(b'\n');
            return;
        }
        // A terminal obeys control characters; a text must not.
        let line: String = String::from_utf8_lossy(line)
            .chars()
            .flat_map(|c| {
                let obeyed = c.is_control() && !matches!(c, '\n' | '\t');
                let (plain, spelled) =
                    if obeyed { (None, Some(c.escape_default())) } else { (Some(c), None) };
                plain.into_iter().chain(spelled.into_iter().flatten())
            })
            .collect();
        out.extend_from_slice(colour.as_bytes());
        out.extend_from_slice(mark);
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\x1b[0m\n");
    }
}

/// Unchanged lines around a change, as `diff -u` shows them.
const CONTEXT: usize = 3;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";

#[cfg(test)]
mod tests {
    use super::unified;

    fn diff(text: &str, edits: &[(&str, &str)]) -> String {
        let place = |old: &str| text.find(old).map(|at| at..at + old.len()).unwrap();
        let edits: Vec<_> =
            edits.iter().map(|(old, new)| (place(old), new.as_bytes().to_vec())).collect();
        String::from_utf8(unified("x", text.as_bytes(), &edits, false)).unwrap()
    }

    #[test]
    fn changed_lines_stand_in_hunks_with_their_surroundings() {
        let text: String = (1..=20).map(|n| format!("line {n:02}\n")).collect();
        assert_eq!(
            diff(&text, &[("02", "TWO"), ("04", "FOUR"), ("15\nline 16", "X")]),
            "--- x\n+++ x (redacted)\n@@ -1,7 +1,7 @@\n line 01\n-line 02\n+line TWO\n line 03\n\
             -line 04\n+line FOUR\n line 05\n line 06\n line 07\n@@ -12,8 +12,7 @@\n line 12\n \
             line 13\n line 14\n-line 15\n-line 16\n+line X\n line 17\n line 18\n line 19\n"
        );
    }

    #[test]
    fn several_changes_of_one_line_are_one() {
        assert_eq!(
            diff("a b c", &[("a", "A"), ("c", "C")]),
            "--- x\n+++ x (redacted)\n@@ -1,1 +1,1 @@\n-a b c\n\\ No newline at end of file\n\
             +A b C\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn nothing_changed_is_no_diff() {
        assert_eq!(diff("a\n", &[]), "");
    }
}
