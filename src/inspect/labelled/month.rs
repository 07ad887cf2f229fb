//! Names of months.

/// The month of this name, or of the first letters of it (three at least): in English,
/// German, French, Spanish, Italian, Portuguese, Dutch, Polish and Swedish, in any case,
/// with or without the marks on letters.
pub(super) fn number(word: &str) -> Option<u32> {
    if word.len() > BYTES_MAX {
        return None;
    }
    let folded: String = word.chars().flat_map(char::to_lowercase).map(plain).collect();
    if folded.len() < 3 {
        return None;
    }
    let named = |names: &&str| names.split(' ').any(|name| name.starts_with(&folded));
    let month = MONTHS.iter().position(named)?;
    u32::try_from(month + 1).ok()
}

/// The letter without its mark.
fn plain(letter: char) -> char {
    match letter {
        'á' | 'ä' | 'à' => 'a',
        'é' | 'è' => 'e',
        'û' | 'ü' => 'u',
        'ç' => 'c',
        'ś' => 's',
        'ź' => 'z',
        other => other,
    }
}

/// Every name once; Polish in the case in which it stands beside a day. From the Unicode
/// CLDR, calendars, with Austria's January and February.
const MONTHS: [&str; 12] = [
    "january januar jaenner janner janvier enero gennaio janeiro januari stycznia styczen",
    "february februar feber fevrier febrero febbraio fevereiro februari lutego luty",
    "march marz maerz mars marzo marco maart marca marzec",
    "april avril abril aprile kwietnia kwiecien",
    "may mai mayo maggio maio mei maja maj",
    "june juni juin junio giugno junho czerwca czerwiec",
    "july juli juillet julio luglio julho lipca lipiec",
    "august aout agosto augustus augusti sierpnia sierpien",
    "september septembre septiembre setiembre settembre setembro wrzesnia wrzesien",
    "october oktober octobre octubre ottobre outubro pazdziernika pazdziernik",
    "november novembre noviembre novembro listopada listopad",
    "december dezember decembre diciembre dicembre dezembro grudnia grudzien",
];

/// Unit: bytes. Longer than any name.
const BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn months_are_known_by_name_and_by_three_letters() {
        for (word, month) in [
            ("January", 1),
            ("JAN", 1),
            ("Jänner", 1),
            ("févr", 2),
            ("März", 3),
            ("mrt", 0),
            ("août", 8),
            ("AOÛT", 8),
            ("Sept", 9),
            ("października", 10),
            ("dez", 12),
            ("Ja", 0),
            ("Janus", 0),
            ("", 0),
        ] {
            assert_eq!(number(word).unwrap_or(0), month, "{word}");
        }
    }
}
