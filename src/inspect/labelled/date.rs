//! Dates as dates of birth are written.

use super::Labelled;
use super::month;
use crate::class::Confidence;

/// The date with which the text begins, with its time if it has one.
///
/// Numbers in any order that gives a day between 1900 and 2030, months by name in nine
/// languages, and East Asian dates with their eras. Without a clock a fixed year has to
/// stand for "not in the future".
pub(super) fn judge(text: &str) -> Option<Labelled> {
    let (reader, confidence) = date(Reader { rest: text })?;
    let reader = reader.time();
    let over = match reader.rest.as_bytes() {
        [b'-' | b'/' | b'.' | b':', next, ..] => !next.is_ascii_alphanumeric(),
        [next, ..] => !next.is_ascii_alphanumeric() && *next != b'_',
        [] => true,
    };
    over.then_some(Labelled { length: text.len() - reader.rest.len(), confidence })
}

/// Whether the text is a date from beginning to end.
pub(super) fn is_date(text: &str) -> bool {
    judge(text).is_some_and(|date| date.length == text.len())
}

type Read<'t> = Option<(Reader<'t>, Confidence)>;

fn date(mut reader: Reader<'_>) -> Read<'_> {
    reader.word(&["le", "the", "den", "am", "il", "el"]);
    if let Some(end) = era(reader) {
        return Some((end, Confidence::Likely));
    }
    if let Some(month) = reader.month() {
        return month_first(reader, month);
    }
    let first = reader.number()?;
    if first.length == 8 {
        return compact(first.value).map(|sure| (reader, sure));
    }
    (first.length <= 4).then_some(())?;
    east_asian(reader, first.value)
        .or_else(|| numeric(reader, first))
        .or_else(|| day_first(reader, first))
        .or_else(|| year_first(reader, first))
}

/// `19870213`; with the year at the end it could be any number.
fn compact(value: u32) -> Option<Confidence> {
    if is_day(value / 10_000, value / 100 % 100, value % 100) {
        return Some(Confidence::Likely);
    }
    let (one, other, year) = (value / 1_000_000, value / 10_000 % 100, value % 10_000);
    (is_day(year, one, other) || is_day(year, other, one)).then_some(Confidence::Possible)
}

/// `1987-02-13`, `13.02.1987`, `2/13/87`, `13. 2. 1987`.
fn numeric(mut reader: Reader<'_>, first: Number) -> Read<'_> {
    let mark = reader.mark()?;
    let second = reader.number()?;
    (reader.mark()? == mark).then_some(())?;
    let third = reader.number()?;
    let (one, two, three) = (first.value, second.value, third.value);
    (second.length <= 2).then_some(())?;
    let sound = match (first.length, third.length) {
        (4, 1 | 2) => is_day(one, two, three),
        (1 | 2, 4) => is_day(three, one, two) || is_day(three, two, one),
        // Which of the centuries does not matter: both have the day, or one a leap day more.
        (1 | 2, 2) => is_day(2000 + three % 28, one, two) || is_day(2000 + three % 28, two, one),
        _ => false,
    };
    if !sound && (first.length, second.length, third.length) == (2, 2, 2) {
        // `87-02-13`.
        return is_day(2000 + one % 28, two, three).then_some((reader, Confidence::Possible));
    }
    sound.then_some((reader, Confidence::Likely))
}

/// `13 February 1987`, `13. Februar 1987`, `1er février 1987`, `13 de febrero de 1987`,
/// `13-Feb-87`.
fn day_first(mut reader: Reader<'_>, day: Number) -> Read<'_> {
    for ordinal in ["st", "nd", "rd", "th", "er", "º", "ª", "°"] {
        reader.eat(ordinal);
    }
    reader.gap();
    reader.word(&["of", "de", "do"]);
    let month = reader.month()?;
    reader.gap();
    reader.word(&["del", "de", "do"]);
    let year = reader.number()?;
    is_written_day(year, month, day).then_some((reader, Confidence::Likely))
}

/// `February 13, 1987`, `Feb 13th 1987`.
fn month_first(mut reader: Reader<'_>, month: u32) -> Read<'_> {
    reader.gap();
    let day = reader.number()?;
    for ordinal in ["st", "nd", "rd", "th"] {
        reader.eat(ordinal);
    }
    reader.gap();
    let year = reader.number()?;
    let sound = year.length == 4 && is_written_day(year, month, day);
    sound.then_some((reader, Confidence::Likely))
}

/// `1987 Feb 13`, `1987-Feb-13`.
fn year_first(mut reader: Reader<'_>, year: Number) -> Read<'_> {
    reader.gap();
    let month = reader.month()?;
    reader.gap();
    let day = reader.number()?;
    let sound = year.length == 4 && is_written_day(year, month, day);
    sound.then_some((reader, Confidence::Likely))
}

fn is_written_day(year: Number, month: u32, day: Number) -> bool {
    let full = match year.length {
        4 => year.value,
        2 => 2000 + year.value % 28,
        _ => return false,
    };
    day.length <= 2 && is_day(full, month, day.value)
}

/// `1987年2月13日`, `1987년 2월 13일`.
fn east_asian(mut reader: Reader<'_>, year: u32) -> Read<'_> {
    let unit = |reader: &mut Reader<'_>, units: [&str; 2]| {
        reader.eat(" ");
        let found = units.into_iter().any(|unit| reader.eat(unit));
        reader.eat(" ");
        found.then_some(())
    };
    unit(&mut reader, ["年", "년"])?;
    let month = reader.number()?.value;
    unit(&mut reader, ["月", "월"])?;
    let day = reader.number()?.value;
    let last = ["日", "일"].into_iter().any(|unit| reader.eat(unit));
    (last && is_day(year, month, day)).then_some((reader, Confidence::Likely))
}

/// Japanese eras and the calendar of the Republic of China: `昭和62年2月13日`.
fn era(mut reader: Reader<'_>) -> Option<Reader<'_>> {
    let (_, before) = ERAS.into_iter().find(|(name, _)| reader.eat(name))?;
    let year = if reader.eat("元") { 1 } else { reader.number()?.value };
    east_asian(reader, before + year.min(200)).map(|(reader, _)| reader)
}

/// Era and the year before its first one.
const ERAS: [(&str, u32); 7] = [
    ("明治", 1867),
    ("大正", 1911),
    ("昭和", 1925),
    ("平成", 1988),
    ("令和", 2018),
    ("民國", 1911),
    ("民国", 1911),
];

/// Whether the calendar has the day, in the years of people who are alive.
fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (YEAR_MIN..=YEAR_MAX).contains(&year) && (1..=days).contains(&day)
}

/// Digits as they were written.
#[derive(Clone, Copy)]
struct Number {
    value: u32,
    length: usize,
}

/// What has not been read yet.
#[derive(Clone, Copy)]
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        rest.inspect(|rest| self.rest = rest).is_some()
    }

    /// Up to eight digits.
    fn number(&mut self) -> Option<Number> {
        let length = self.rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let value = digits.parse().ok()?;
        (length <= 8).then_some(Number { value, length })
    }

    /// What separates numbers, with the space that may follow a dot.
    fn mark(&mut self) -> Option<char> {
        let mark = self.rest.chars().next()?;
        let mark = if matches!(mark, '\u{2010}'..='\u{2013}') { '-' } else { mark };
        if !matches!(mark, '-' | '/' | '.') {
            return None;
        }
        self.rest = self.rest.get(self.rest.chars().next()?.len_utf8()..)?;
        if mark == '.' {
            self.eat(" ");
        }
        Some(mark)
    }

    /// What stands around the name of a month.
    fn gap(&mut self) {
        for part in [".", ",", " ", "-", "/"] {
            self.eat(part);
        }
    }

    fn word(&mut self, words: &[&str]) {
        let mut reader = *self;
        if words.iter().any(|word| reader.eat(word)) && reader.eat(" ") {
            *self = reader;
        }
    }

    /// The name of a month, or three letters of it at least.
    fn month(&mut self) -> Option<u32> {
        let letters = self.rest.char_indices().find(|(_, symbol)| !symbol.is_alphabetic());
        let end = letters.map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at_checked(end)?;
        let number = month::number(word)?;
        self.rest = rest;
        Some(number)
    }

    /// Passes over a time of day: `T00:00:00.000Z`, ` 12:30 PM`.
    fn time(self) -> Self {
        let mut reader = self;
        let begins = reader.eat("T") || reader.eat(" ");
        let two = |reader: &mut Self| reader.number().filter(|number| number.length == 2);
        if !begins || two(&mut reader).is_none() {
            return self;
        }
        if !reader.eat(":") || two(&mut reader).is_none() {
            return self;
        }
        if reader.eat(":") && two(&mut reader).is_none() {
            return self;
        }
        if reader.eat(".") {
            let places = reader.rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
            reader.rest = reader.rest.get(places..).unwrap_or_default();
        }
        let end = reader;
        reader.eat(" ");
        if ["Z", "UTC", "AM", "PM", "am", "pm"].into_iter().any(|zone| reader.eat(zone)) {
            return reader;
        }
        let offset = reader.eat("+") || reader.eat("-");
        let hours = offset && reader.number().is_some_and(|n| matches!(n.length, 2 | 4));
        let minutes = !reader.eat(":") || two(&mut reader).is_some();
        if hours && minutes { reader } else { end }
    }
}

/// Before it hardly anybody was born who is alive.
const YEAR_MIN: u32 = 1900;

/// After it nobody who is named in a record today was born.
const YEAR_MAX: u32 = 2030;

#[cfg(test)]
mod tests {
    use super::{is_date, judge};
    use crate::class::Confidence;

    #[test]
    fn dates_are_read_in_every_common_writing() {
        for text in [
            "1987-02-13",
            "1987/02/13",
            "1987.2.13",
            "13.02.1987",
            "13. 2. 1987",
            "13/02/1987",
            "02/13/1987",
            "2/13/87",
            "29.02.88",
            "13-02-1987",
            "1987-02-13T00:00:00Z",
            "1987-02-13T00:00:00.000+01:00",
            "1987-02-13 00:00:00",
            "02/13/1987 12:30 PM",
            "19870213",
            "13 February 1987",
            "13th of February 1987",
            "February 13, 1987",
            "Feb. 13th, 1987",
            "13-Feb-1987",
            "13-FEB-87",
            "1987 Feb 13",
            "13. Februar 1987",
            "1. März 1987",
            "1er février 1987",
            "15 aout 1987",
            "13 de febrero de 1987",
            "1º de março de 1987",
            "13 febbraio 1987",
            "13 februari 1987",
            "3 mei 1987",
            "13 lutego 1987",
            "1 października 1987",
            "13 maj 1987",
            "1987年2月13日",
            "1987年 2月 13日",
            "1987년 2월 13일",
            "昭和62年2月13日",
            "平成元年5月1日",
            "民國76年2月13日",
        ] {
            let found = judge(text).map(|found| (found.length, found.confidence));
            assert_eq!(found, Some((text.len(), Confidence::Likely)), "{text}");
        }
        assert_eq!(judge("13021987").unwrap().confidence, Confidence::Possible);
    }

    #[test]
    fn what_follows_a_date_stays() {
        for (text, date) in [
            ("1987-02-13, MRN 12345", "1987-02-13"),
            ("13.02.1987.", "13.02.1987"),
            ("February 13, 1987 (37)", "February 13, 1987"),
            ("1987-02-13 at noon", "1987-02-13"),
            ("1987-02-13 10 mg", "1987-02-13"),
            ("1987-02-13T00:00:00Z;", "1987-02-13T00:00:00Z"),
            ("1987年2月13日生", "1987年2月13日"),
            ("13 May 1987\nnext", "13 May 1987"),
        ] {
            assert_eq!(judge(text).map(|found| found.length), Some(date.len()), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_of_a_living_person_is_refused() {
        for text in [
            "1987-02-30",
            "1987-13-01",
            "1900-02-29",
            "1899-12-31",
            "2031-01-01",
            "31.04.1987",
            "32/13/1987",
            "1987-02",
            "1987",
            "1987-02-13-01",
            "13.02.1987.5",
            "198702131",
            "19871340",
            "13 Foo 1987",
            "13 Fe 1987",
            "Feb 1987",
            "12:30",
            "10.0.0.1",
            "2-13/1987",
            "1987年13月1日",
            "",
        ] {
            assert!(judge(text).is_none(), "{text}");
        }
        assert!(!is_date("1987-02-13, next"));
    }
}
