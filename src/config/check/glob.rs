//! What two globs have in common: `*` is any run of characters, `?` any one.
//!
//! Pure; used to find rules that can never match. Both answers take time of the product of the
//! two lengths.

/// Whether some name matches both.
pub(super) fn intersects(a: &str, b: &str) -> bool {
    compare(a, b, |a, b, stay, step| match (a, b) {
        ('*', _) | (_, '*') => stay,
        _ => step && (a == b || a == '?' || b == '?'),
    })
}

/// Whether `a` surely matches every name that `b` matches. Says no where it would take more than
/// one reading of `b` to know (`?*` against `*?`).
pub(super) fn covers(a: &str, b: &str) -> bool {
    compare(a, b, |a, b, stay, step| match (a, b) {
        ('*', _) => stay,
        (_, '*') => false,
        ('?', _) => step,
        (_, '?') => false,
        _ => step && a == b,
    })
}

/// Fills the table of all beginnings of `a` and `b`, row by row. `cell` gets one character of
/// each, whether one of the two alone may be left out (`stay`), and whether both may (`step`).
fn compare(a: &str, b: &str, cell: impl Fn(char, char, bool, bool) -> bool) -> bool {
    let empty_cell = |b: char, before: bool| cell('\0', b, before, false);
    let mut row = vec![true];
    for b in b.chars() {
        let before = row.last().copied().unwrap_or(false);
        row.push(empty_cell(b, before));
    }
    for a in a.chars() {
        let mut next = vec![row.first().copied().unwrap_or(false) && a == '*'];
        for ((b, above), diagonal) in b.chars().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(false);
            next.push(cell(a, b, *above || left, *diagonal));
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{covers, intersects};

    /// The plain meaning of a glob.
    fn matches(glob: &[char], name: &[char]) -> bool {
        match (glob.first(), name.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&glob[1..], name) || !name.is_empty() && matches(glob, &name[1..])
            }
            (Some('?'), Some(_)) => matches(&glob[1..], &name[1..]),
            (Some(g), Some(n)) if g == n => matches(&glob[1..], &name[1..]),
            _ => false,
        }
    }

    #[test]
    fn star_covers_everything_and_a_name_only_itself() {
        for glob in ["*", "crm.*", "a?c", "x", ""] {
            assert!(covers("*", glob), "{glob}");
            assert!(covers(glob, glob), "{glob}");
        }
        assert!(covers("crm.*", "crm.read.*") && covers("crm.?", "crm.x"));
        assert!(!covers("crm.*", "*") && !covers("crm.?", "crm.*") && !covers("a", "?"));
    }

    #[test]
    fn globs_meet_where_one_name_matches_both() {
        assert!(intersects("export*", "*_all") && intersects("a?c", "*b*") && intersects("*", ""));
        assert!(!intersects("crm.*", "admin.*") && !intersects("a?", "a") && !intersects("a", "b"));
    }

    fn all_names() -> Vec<Vec<char>> {
        let mut names = vec![vec![]];
        for length in 0..4 {
            let longer: Vec<Vec<char>> = names
                .iter()
                .filter(|name| name.len() == length)
                .flat_map(|name| ['a', 'b'].map(|c| [name.clone(), vec![c]].concat()))
                .collect();
            names.extend(longer);
        }
        names
    }

    proptest! {
        #[test]
        fn cover_and_intersection_agree_with_the_meaning(a in "[ab*?]{0,4}", b in "[ab*?]{0,4}") {
            let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let names = all_names();
            let both = names.iter().any(|name| matches(&x, name) && matches(&y, name));
            // Names of up to four letters decide every pair of such short globs, except those
            // whose shortest common name is longer.
            prop_assert!(!both || intersects(&a, &b));
            if covers(&a, &b) {
                prop_assert!(names.iter().all(|name| !matches(&y, name) || matches(&x, name)));
            }
            if !intersects(&a, &b) {
                prop_assert!(!both);
            }
        }
    }
}
