//! Which characters of a text were replaced, and by what.
//!
//! Words are matched by the longest common subsequence, weighted by length, with a preference
//! for matches that follow on from one another or have the same neighbours; what lies between matched words is compared
//! character by character from both ends. No label's form is assumed.

use std::ops::Range;

/// A replaced piece: bytes of the original, and of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub from: Range<usize>,
    pub to: Range<usize>,
}

/// The replaced pieces, in order.
pub fn align(original: &str, output: &str) -> Vec<Hunk> {
    if original == output {
        return Vec::new();
    }
    let (a, b) = (words(original), words(output));
    let mut hunks = Vec::new();
    let (mut from, mut to) = (0, 0);
    let ends = (original.len()..original.len(), output.len()..output.len());
    for (left, right) in matched(original, &a, output, &b).into_iter().chain([ends]) {
        let gap = trimmed(original, from..left.start, output, to..right.start);
        hunks.extend(gap);
        (from, to) = (left.end, right.end);
    }
    hunks
}

/// Runs of letters and digits.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices() {
        if !c.is_alphanumeric() {
            continue;
        }
        let end = at + c.len_utf8();
        match words.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end = end,
            None => words.push(at..end),
        }
    }
    words
}

type Pair = (Range<usize>, Range<usize>);

fn matched(left: &str, a: &[Range<usize>], right: &str, b: &[Range<usize>]) -> Vec<Pair> {
    let same = |i: usize, j: usize| left[a[i].clone()] == right[b[j].clone()];
    let shorter = a.len().min(b.len());
    let head = (0..shorter).take_while(|i| same(*i, *i)).count();
    let tail = (0..shorter - head).take_while(|i| same(a.len() - 1 - i, b.len() - 1 - i)).count();
    let pair = |i: usize, j: usize| (a[i].clone(), b[j].clone());
    let mut pairs: Vec<Pair> = (0..head).map(|i| pair(i, i)).collect();
    let (rows, columns) = (a.len() - head - tail, b.len() - head - tail);
    if rows * columns <= CELLS_MAX {
        let joined = |i: usize, j: usize| {
            // Whether the text between this pair and the one before is the same on both sides.
            i > 0 && j > 0 && left[a[i - 1].end..a[i].start] == right[b[j - 1].end..b[j].start]
        };
        let weight = |i: usize, j: usize| {
            let (x, y) = (&a[head + i], &b[head + j]);
            let size = u32::try_from(x.len().min(10_000)).unwrap_or_default();
            let before =
                left[..x.start].chars().next_back() == right[..y.start].chars().next_back();
            let after = left[x.end..].chars().next() == right[y.end..].chars().next();
            same(head + i, head + j).then_some(8 + 8 * size + u32::from(before) + u32::from(after))
        };
        let chosen = common(rows, columns, &weight, &|i, j| joined(head + i, head + j));
        pairs.extend(chosen.into_iter().map(|(i, j)| pair(head + i, head + j)));
    }
    pairs.extend((0..tail).rev().map(|i| pair(a.len() - 1 - i, b.len() - 1 - i)));
    pairs
}

/// The heaviest common subsequence; a match that follows on from the one before counts a little more.
fn common(
    rows: usize,
    columns: usize,
    weight: &dyn Fn(usize, usize) -> Option<u32>,
    joined: &dyn Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let width = columns + 1;
    // The best sum of what begins here, and the best of those that begin with a match.
    let mut best = vec![0_u32; (rows + 1) * width];
    let mut first = vec![0_u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let at = i * width + j;
            if let Some(weight) = weight(i, j) {
                let next = at + width + 1;
                let on = i + 1 < rows && j + 1 < columns && joined(i + 1, j + 1) && first[next] > 0;
                first[at] = weight + best[next].max(if on { first[next] + 2 } else { 0 });
            }
            best[at] = first[at].max(best[at + 1]).max(best[at + width]);
        }
    }
    let (mut i, mut j, mut chosen) = (0, 0, Vec::new());
    let mut must = false;
    while i < rows && j < columns && best[i * width + j] > 0 {
        let at = i * width + j;
        if must || first[at] == best[at] {
            chosen.push((i, j));
            let next = at + width + 1;
            let on = i + 1 < rows && j + 1 < columns && joined(i + 1, j + 1) && first[next] > 0;
            must = on && first[next] + 2 >= best[next];
            (i, j) = (i + 1, j + 1);
        } else if best[at] == best[at + 1] {
            j += 1;
        } else {
            i += 1;
        }
    }
    chosen
}

/// The differing middle of two pieces of text.
fn trimmed(left: &str, from: Range<usize>, right: &str, to: Range<usize>) -> Option<Hunk> {
    let (a, b) = (&left[from.clone()], &right[to.clone()]);
    if a == b {
        return None;
    }
    let prefix: usize =
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(c, _)| c.len_utf8()).sum();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let ends = a.chars().rev().zip(b.chars().rev());
    let suffix: usize = ends.take_while(|(x, y)| x == y).map(|(c, _)| c.len_utf8()).sum();
    Some(Hunk {
        from: from.start + prefix..from.end - suffix,
        to: to.start + prefix..to.end - suffix,
    })
}

/// Where an offset of the original lies in the output. Inside a hunk it is the hunk's near end;
/// what was inserted at the offset is behind a beginning and before an end.
pub fn carried(hunks: &[Hunk], offset: usize, end: bool) -> usize {
    let mut passed = (0, 0);
    for Hunk { from, to } in hunks {
        let before = from.end < offset || from.end == offset && (end || !from.is_empty());
        if before {
            passed = (from.end, to.end);
        } else if from.start < offset {
            return if end { to.end } else { to.start };
        } else {
            break;
        }
    }
    passed.1 + (offset - passed.0)
}

/// Above this, two texts have nothing to do with each other.
const CELLS_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(original: &str, output: &str) -> Vec<(String, String)> {
        let pair = |h: Hunk| (original[h.from].to_owned(), output[h.to].to_owned());
        align(original, output).into_iter().map(pair).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn replaced_pieces_are_found_exactly() {
        let original = "to jane@a.org, id 12, to bob@b.org.";
        let output = "to [EMAIL], id 12, to [EMAIL].";
        let expected = pairs(&[("jane@a.org", "[EMAIL]"), ("bob@b.org", "[EMAIL]")]);
        assert_eq!(replaced(original, output), expected);
        assert_eq!(replaced("same", "same"), []);
        assert_eq!(replaced("a 1 b", "a  b"), pairs(&[("1", "")]));
    }

    #[test]
    fn words_of_a_label_do_not_pull_the_rest_out_of_place() {
        let expected = pairs(&[("x@y.io", "[EMAIL]")]);
        assert_eq!(replaced("EMAIL=x@y.io", "EMAIL=[EMAIL]"), expected);
        let expected = pairs(&[("12 High Street", "[ADDRESS]")]);
        assert_eq!(replaced("12 High Street 12 items", "[ADDRESS] 12 items"), expected);
        let expected = pairs(&[("AB1", "[NIR]"), ("MRN-79", "[X]")]);
        assert_eq!(replaced("AB1. MRN (MRN-79)", "[NIR]. MRN ([X])"), expected);
    }

    #[test]
    fn offsets_are_carried_over_replacements() {
        let hunks = align("a=jane@b.io;c=1", "a=[EMAIL];c=1");
        assert_eq!(carried(&hunks, 2, false), 2);
        assert_eq!(carried(&hunks, 11, true), 9);
        assert_eq!(carried(&hunks, 14, false), 12);
        assert_eq!(carried(&hunks, 15, true), 13);
    }
}
