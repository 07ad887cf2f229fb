//! What the name of a tool looks like.

use crate::inspect::hidden::is_unseen;
use crate::json::lookalike_form;

/// Names with the same form cannot be told apart by people, by models, or by lenient servers: case,
/// width and composition (NFKC), characters that are not seen, what separates words, and letters
/// of other scripts that look Latin do not count. A separator between two digits does: `1_1` is
/// not `11`.
pub(super) fn look_alike(name: &str) -> String {
    let folded: Vec<char> =
        lookalike_form(name).chars().filter(|c| !is_unseen(*c)).map(latin).collect();
    let mut form = String::with_capacity(name.len());
    let mut waits = false;
    for character in folded {
        if separates(character) {
            waits = true;
            continue;
        }
        if waits && character.is_numeric() && form.ends_with(char::is_numeric) {
            form.push('_');
        }
        waits = false;
        form.push(character);
    }
    form
}

fn separates(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '_' | '-' | '.' | '/' | ':' | '~' | '\u{AD}' | '\u{B7}')
        || matches!(character, '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{30FB}')
}

/// Lower-case letters of Cyrillic, Greek and Armenian that look like a Latin one.
fn latin(character: char) -> char {
    match character {
        'а' | 'α' => 'a',
        'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'ɡ' => 'g',
        'һ' | 'հ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' | 'ϳ' => 'j',
        'κ' | 'к' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'ո' | 'п' => 'n',
        'о' | 'ο' | 'օ' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'ս' | 'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ү' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::look_alike;

    #[test]
    fn s36_names_that_cannot_be_told_apart_have_one_form() {
        for name in [
            "read-file",
            "readFile",
            "READ_FILE",
            "read.file",
            "read/file",
            "ｒｅａｄ_file",
            "read\u{200B}_file",
            "rеad_filе",
            "read\u{2011}file",
            "read_ﬁle",
        ] {
            assert_eq!(look_alike(name), "readfile", "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_keep_their_difference() {
        for (one, other) in [
            ("read_file", "read_files"),
            ("get_1_1", "get_11"),
            ("v1", "v2"),
            ("поиск", "пояс"),
            ("検索", "検査"),
            ("list", "1ist"),
        ] {
            assert_ne!(look_alike(one), look_alike(other), "{one} {other}");
        }
    }
}
