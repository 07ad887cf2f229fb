//! The name of a person before an address in angle brackets: `Zoë Åkerlund <zoe@example.com>`, as
//! mail (RFC 5322 section 3.4) and version control write people.
//!
//! Pure; looks back a bounded way, and not beyond the line.

use super::labels;

/// Where the name before an address stands that begins at `start`, if there is one.
pub(super) fn name_before(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let before = text.get(..start)?;
    let bracket = [&b"<"[..], b"&lt;"].into_iter().find(|mark| before.ends_with(mark))?;
    let before = before.get(..before.len() - bracket.len())?.trim_ascii_end();
    let from = before.len().saturating_sub(NAME_BYTES_MAX);
    let near = before.get(from..)?;
    let (begin, end) = match near.split_last()? {
        (quote @ (b'"' | b'\''), inside) => {
            let open = memchr::memrchr(*quote, inside)?;
            (open + 1, inside.len())
        }
        _ => (words_begin(near), near.len()),
    };
    let name = near.get(begin..end)?;
    labels::is_name(name).then_some((from + begin, from + end))
}

/// Where the words of a name begin that ends a text: letters joined by single blanks and by what
/// stands within names. Words in small letters belong to it only between others.
fn words_begin(text: &[u8]) -> usize {
    let mut begin = text.len();
    let mut at = text.len();
    for _ in 0..WORDS_MAX {
        let head = text.get(..at).unwrap_or_default();
        let length = head.iter().rev().take_while(|byte| is_letter(**byte)).count();
        let word = at - length;
        match text.get(word) {
            Some(first) if length > 0 && (first.is_ascii_uppercase() || *first >= 0x80) => {
                begin = word;
            }
            // `van`, `de la`
            Some(_) if (1..=PARTICLE_BYTES_MAX).contains(&length) => {}
            Some(_) | None => break,
        }
        if text.get(word.wrapping_sub(1)) != Some(&b' ') {
            break;
        }
        at = word - 1;
    }
    begin
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80 || b".'-".contains(&byte)
}

/// Unit: bytes. Longer names are cut; five words of a dozen letters, which take two bytes each.
const NAME_BYTES_MAX: usize = 120;

/// Words of a name that are looked at.
const WORDS_MAX: usize = 6;

/// Unit: bytes. `della`
const PARTICLE_BYTES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::name_before;

    fn found(text: &str) -> Option<&str> {
        let start = text.find("ada@")?;
        name_before(text.as_bytes(), start).and_then(|(from, to)| text.get(from..to))
    }

    #[test]
    fn names_before_addresses_are_found_whatever_stands_before_them() {
        for (text, name) in [
            ("From: Ada Byron <ada@example.com>", "Ada Byron"),
            ("Author: Zoë Åkerlund <ada@example.com>", "Zoë Åkerlund"),
            ("<git.Actor \"Ada Byron <ada@example.com>\">", "Ada Byron"),
            ("\"Ada Byron\" <ada@example.com>", "Ada Byron"),
            ("'Byron, Ada' <ada@example.com>", "Byron, Ada"),
            ("cc Ludwig van Beethoven <ada@example.com>", "Ludwig van Beethoven"),
            ("Mary-Jane O'Neil&lt;ada@example.com&gt;", "Mary-Jane O'Neil"),
            ("x;J. R. Byron <ada@example.com>", "J. R. Byron"),
        ] {
            assert_eq!(found(text), Some(name), "{text}");
        }
    }

    #[test]
    fn words_that_are_no_name_stay() {
        for text in [
            "write to <ada@example.com>",
            "<ada@example.com>",
            "Contact <ada@example.com>",
            "Ada Byron ada@example.com",
            "\" <ada@example.com>",
            "a\nb <ada@example.com>",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
