//! How a value is spelled at its place: bare digits, other scripts' digits, other spaces and
//! dashes, invisible characters, signs spelled out.

use crate::model::{Mark, Part, What};
use crate::rng::Rng;
use crate::values::{Made, Style};

/// What stands around a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A name or label says what it is.
    Named,
    /// Nothing does.
    Alone,
    /// Named, and in a format where only ASCII is usual: code, configuration, URIs.
    Plain,
    /// Nothing names it, and only ASCII is usual: the path of a URI.
    Path,
}

/// The parts of a text that hold the value. The mark is the value itself; what belongs to it but
/// need not go (`Bearer `, a port) stands around it.
pub fn write(rng: &mut Rng, made: &Made, place: Place) -> Vec<Part> {
    let mut tags = made.tags.clone();
    let named = matches!(place, Place::Named | Place::Plain);
    tags.push(if named { "named" } else { "unnamed" });
    let mut spelling = made.value.clone();
    let bare = made.bare.as_ref().filter(|_| named && rng.chance(30));
    if let Some(bare) = bare.filter(|bare| **bare != spelling) {
        spelling.clone_from(bare);
        tags.push("bare");
    }
    // A small country's numbers are as often pasted from a document as the large ones'.
    let often = if made.style == Style::Mail { 28 } else { 20 };
    if matches!(place, Place::Named | Place::Alone) && rng.chance(often) {
        let written = match made.style {
            Style::Digits => digits(rng, &spelling, place, made.class),
            Style::Word => word(rng, &spelling, made.class),
            Style::Mail => mail(rng, &spelling),
            Style::Prose | Style::Exact | Style::FixedSecret => None,
        };
        if let Some((tag, written)) = written {
            tags.push(tag);
            tags.push("hard");
            spelling = written;
        }
    }
    if made.style == Style::FixedSecret {
        tags.push("fixed-secret");
    }
    let canonical = made.canonical();
    let what = What::Label { class: made.class, canonical };
    let mark = Part::Mark(Mark { what, spelling, tags });
    let around = [(&made.before, None), (&String::new(), Some(mark)), (&made.after, None)];
    let part = |(text, mark): (&String, Option<Part>)| {
        mark.or_else(|| (!text.is_empty()).then(|| Part::Grace(text.clone())))
    };
    around.into_iter().filter_map(part).collect()
}

type Written = Option<(&'static str, String)>;

fn digits(rng: &mut Rng, text: &str, place: Place, class: &str) -> Written {
    // A date keeps its signs, and so does a number that only its dashes tell from others.
    let dashes = place == Place::Named && class != "date_of_birth";
    let separators: &[char] = if dashes { &[' ', '-'] } else { &[' '] };
    let spaces = text.contains(separators) && class != "date_of_birth";
    let respaced = |by: &str| text.replace(separators, by);
    if !text.contains([' ', '-', '.', '/']) && rng.chance(60) {
        return None;
    }
    match rng.below(9) {
        0..=2 if spaces => Some(("nbsp", respaced("\u{a0}"))),
        3 if spaces => {
            let thin = *rng.pick(&["\u{2009}", "\u{202f}", "\u{2002}", "\u{3000}"]);
            Some(("thin-space", respaced(thin)))
        }
        4 if spaces && dashes => {
            Some(("double-space", respaced(rng.word(&["  ", " - ", " \u{a0}"]))))
        }
        0..=5 if text.contains('-') => {
            let dash = *rng.pick(&["\u{2011}", "\u{2013}", "\u{2010}", "\u{2212}", "\u{ff0d}"]);
            Some(("dash", text.replace('-', dash)))
        }
        6 => Some(("arabic-digits", other_digits(text, *rng.pick(&[0x660, 0x6f0, 0x966])))),
        // Outside the basic plane: surrogate pairs where JSON is ASCII.
        7 if rng.chance(30) => Some(("mathematical-digits", other_digits(text, 0x1d7ce))),
        7 => Some(("zero-width", zero_width(rng, text))),
        _ => Some(("full-width", full_width(text))),
    }
}

fn word(rng: &mut Rng, text: &str, class: &str) -> Written {
    match rng.below(4) {
        0 | 1 => Some(("zero-width", zero_width(rng, text))),
        2 => Some(("full-width", full_width(text))),
        // Analysts write addresses so that nobody clicks on them.
        _ if class == "ip" && text.contains('.') => Some(("defanged", text.replace('.', "[.]"))),
        _ => Some(("bidi", format!("\u{2068}{text}\u{2069}"))),
    }
}

fn mail(rng: &mut Rng, text: &str) -> Written {
    let (local, domain) = text.split_once('@')?;
    let dotted = |dot: &str| domain.replace('.', dot);
    Some(match rng.below(8) {
        0 => ("spelled-out", format!("{local} [at] {}", dotted(" [dot] "))),
        1 => ("spelled-out", format!("{local}[at]{}", dotted("[dot]"))),
        2 => ("spelled-out", format!("{local} (at) {domain}")),
        3 => ("spelled-out", format!("{local} AT {}", dotted(" DOT "))),
        4 => ("full-width", format!("{local}\u{ff20}{domain}")),
        5 => ("full-width", full_width(text)),
        _ => ("zero-width", zero_width(rng, text)),
    })
}

/// One to three invisible characters inside.
fn zero_width(rng: &mut Rng, text: &str) -> String {
    const INVISIBLE: [char; 7] =
        ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{200e}'];
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..rng.range(1, 3) {
        let at = 1 + rng.below(letters.len() - 1);
        letters.insert(at, *rng.pick(&INVISIBLE));
    }
    letters.into_iter().collect()
}

fn full_width(text: &str) -> String {
    let one = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
        other => other,
    };
    text.chars().map(one).collect()
}

fn other_digits(text: &str, zero: u32) -> String {
    let one = |c: char| c.to_digit(10).map_or(c, |d| char::from_u32(zero + d).unwrap());
    text.chars().map(one).collect()
}

/// Some signs and digits as character references (HTML Living Standard, 13.5).
pub fn entities(rng: &mut Rng, text: &str) -> String {
    let style = rng.below(3);
    let one = |c: char| match (c, style) {
        ('@', 0) => "&commat;".to_owned(),
        ('.', 0) => "&period;".to_owned(),
        ('-', 0) => "&#45;".to_owned(),
        ('@' | '.' | '-' | ':', 1) => format!("&#{};", u32::from(c)),
        (' ', _) => "&nbsp;".to_owned(),
        (c, 2) if c.is_ascii_digit() || c == '@' => format!("&#x{:x};", u32::from(c)),
        (c, _) => c.to_string(),
    };
    text.chars().map(one).collect()
}
