//! What the words around a number say about it: member names and the words beside a
//! value. Bare digits are a phone number only when something calls them one.

use std::borrow::Cow;
use std::ops::BitOr;

use crate::json::{Piece, Pieces};

/// What the surroundings of a value suggest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Hints(u8);

impl Hints {
    pub(super) const NONE: Hints = Hints(0);
    /// A United States social security number.
    pub(super) const SSN: Hints = Hints(1);
    /// A telephone number.
    pub(super) const PHONE: Hints = Hints(2);
    /// A payment card number.
    pub(super) const CARD: Hints = Hints(4);
    /// A number about something else, such as an order or a device.
    pub(super) const SERIAL: Hints = Hints(8);
    /// Dotted numbers that are no addresses.
    pub(super) const VERSION: Hints = Hints(16);
    /// Says something about a value (`phone_verified`), and so is not the value.
    const ABOUT: Hints = Hints(32);
    /// Says nothing by itself (`number`): the name around it counts.
    const GENERIC: Hints = Hints(64);

    pub(super) fn has(self, other: Hints) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Hints {
    type Output = Hints;

    fn bitor(self, other: Hints) -> Hints {
        Hints(self.0 | other.0)
    }
}

/// The member names over a value: the nearest one, and the one around that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keys<'k> {
    /// As written between the quotes, escapes included.
    pub(super) own: &'k [u8],
    /// The name of the object around, which counts when `own` says nothing.
    pub(super) outer: &'k [u8],
}

impl<'k> Keys<'k> {
    /// No names: free text.
    pub(super) const NONE: Keys<'static> = Keys { own: b"", outer: b"" };

    /// The names over a member of an object that itself has these names.
    pub(super) fn member<'n>(self, name: &'n [u8]) -> Keys<'n>
    where
        'k: 'n,
    {
        Keys { own: name, outer: self.own }
    }

    /// What the names suggest. Computed on demand: most values never ask.
    pub(super) fn hints(self) -> Hints {
        let own = of_name(self.own);
        if own == Hints::GENERIC { of_name(self.outer) } else { own }
    }
}

/// What a member name or identifier suggests; splits at case, digits and punctuation.
pub(super) fn of_name(name: &[u8]) -> Hints {
    if name.len() > NAME_BYTES_MAX {
        return Hints::NONE;
    }
    let name = unescaped(name);
    let mut hints = Hints::NONE;
    let mut previous: &[u8] = b"";
    for word in (Words { rest: &name }) {
        let mut lower = [0; WORD_BYTES_MAX];
        let word_hints = match lower.get_mut(..word.len()) {
            Some(lower) => {
                lower.copy_from_slice(word);
                lower.make_ascii_lowercase();
                of_word(previous, lower)
            }
            None => Hints::NONE,
        };
        hints = hints | word_hints;
        previous = word;
    }
    if hints.has(Hints::ABOUT) {
        return Hints(hints.0 & (Hints::ABOUT.0 | Hints::SERIAL.0 | Hints::VERSION.0));
    }
    if hints == Hints::GENERIC { hints } else { Hints(hints.0 & !Hints::GENERIC.0) }
}

/// What the words directly before `start` suggest: `SSN: 123…`, `"homePhone":"212…`.
/// Only what is joined to the value by punctuation and filler words counts.
pub(super) fn before(text: &[u8], start: usize) -> Hints {
    let from = start.saturating_sub(BEFORE_BYTES);
    let mut rest = text.get(from..start).unwrap_or_default();
    for _ in 0..BEFORE_WORDS {
        let joined = rest.iter().rev().take_while(|b| JOINING.contains(b)).count();
        rest = rest.get(..rest.len() - joined).unwrap_or_default();
        let length = rest.iter().rev().take_while(|b| is_identifier(**b)).count();
        let (before, word) = rest.split_at(rest.len() - length);
        if word.is_empty() {
            return Hints::NONE;
        }
        if is(word, b"security") {
            let social = before.trim_ascii_end();
            let found = social.len().checked_sub(6).and_then(|at| social.get(at..));
            return found.filter(|w| is(w, b"social")).map_or(Hints::NONE, |_| Hints::SSN);
        }
        if !FILLERS.iter().any(|filler| is(word, filler)) {
            return of_name(word);
        }
        rest = before;
    }
    Hints::NONE
}

/// What the word directly after `end` suggests: `123456789 (SSN)`.
pub(super) fn after(text: &[u8], end: usize) -> Hints {
    let rest = text.get(end..text.len().min(end + AFTER_BYTES)).unwrap_or_default();
    let Some(rest) = rest.strip_prefix(b" (").or_else(|| rest.strip_prefix(b"(")) else {
        return Hints::NONE;
    };
    let length = rest.iter().take_while(|b| is_identifier(**b)).count();
    of_name(rest.get(..length).unwrap_or_default())
}

fn is(word: &[u8], lower: &[u8]) -> bool {
    word.eq_ignore_ascii_case(lower)
}

fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A name may be written with escapes; those that carry none are used as they are.
fn unescaped(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.contains(&b'\\') {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::with_capacity(name.len());
    for piece in Pieces::new(name) {
        match piece {
            Piece::Plain(bytes) => out.extend_from_slice(bytes),
            Piece::Escape(_, character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Cow::Owned(out)
}

/// The words of an identifier: `homePhoneNumber_2` is home, Phone, Number, 2.
struct Words<'n> {
    rest: &'n [u8],
}

impl<'n> Iterator for Words<'n> {
    type Item = &'n [u8];

    fn next(&mut self) -> Option<&'n [u8]> {
        // What stands in brackets is an index, or one of our labels.
        let mut bracket = false;
        let skip = self.rest.iter().take_while(|byte| {
            bracket = (bracket && **byte != b']') || **byte == b'[';
            bracket || !byte.is_ascii_alphanumeric()
        });
        let rest = self.rest.get(skip.count()..).filter(|rest| !rest.is_empty())?;
        let mut length = 1;
        while let Some([before, here]) = rest.get(length - 1..=length) {
            let after = rest.get(length + 1).copied().unwrap_or(0);
            if ends_word(*before, *here, after) {
                break;
            }
            length += 1;
        }
        let (word, rest) = rest.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

fn ends_word(before: u8, here: u8, after: u8) -> bool {
    !here.is_ascii_alphanumeric()
        || before.is_ascii_digit() != here.is_ascii_digit()
        || (before.is_ascii_lowercase() && here.is_ascii_uppercase())
        || (before.is_ascii_uppercase() && here.is_ascii_uppercase() && after.is_ascii_lowercase())
}

/// The meaning of one word in lower case, given the word before it.
fn of_word(previous: &[u8], word: &[u8]) -> Hints {
    match word {
        b"ssn" | b"ssns" | b"socialsecurity" | b"socialsecuritynumber" | b"ssnumber" => Hints::SSN,
        b"security" if is(previous, b"social") => Hints::SSN,
        b"tel" | b"telephone" | b"telefon" | b"telefono" | b"telefone" | b"mobile" | b"mobil"
        | b"mob" | b"cell" | b"cellular" | b"fax" | b"msisdn" | b"sms" | b"whatsapp" | b"handy"
        | b"celular" | b"movil" | b"rufnummer" | b"telefonnummer" | b"mobilenumber"
        | b"mobileno" | b"telno" | b"callback" | b"dial" | b"call" => Hints::PHONE,
        b"microphone" | b"headphone" | b"headphones" => Hints::NONE,
        b"card" | b"cards" | b"cc" | b"creditcard" | b"debitcard" | b"cardnumber" | b"cardno"
        | b"ccnumber" | b"ccnum" | b"pan" | b"visa" | b"mastercard" | b"amex" => Hints::CARD,
        b"order" | b"orders" | b"invoice" | b"tracking" | b"sku" | b"ean" | b"isbn" | b"upc"
        | b"gtin" | b"imei" | b"imsi" | b"iccid" | b"serial" | b"ticket" | b"epoch" | b"ts"
        | b"parcel" | b"shipment" | b"barcode" | b"batch" | b"lot" => Hints::SERIAL,
        b"timestamp" => Hints::SERIAL | Hints::ABOUT,
        b"version" | b"ver" | b"v" | b"release" | b"build" | b"oid" | b"section" | b"chapter"
        | b"firmware" | b"revision" | b"rev" | b"semver" | b"kernel" | b"driver" => {
            Hints::VERSION | Hints::ABOUT
        }
        b"verified" | b"type" | b"count" | b"policy" | b"required" | b"format" | b"model"
        | b"brand" | b"provider" | b"enabled" | b"valid" | b"validated" | b"status" | b"hash"
        | b"length" | b"size" | b"id" | b"ids" | b"at" | b"time" | b"date" | b"code" | b"ext"
        | b"extension" | b"prefix" | b"exp" | b"expiry" | b"expires" | b"cvv" | b"cvc"
        | b"index" | b"total" | b"amount" | b"limit" | b"four" => Hints::ABOUT,
        b"number" | b"numbers" | b"value" | b"values" | b"no" | b"num" | b"nr" | b"home"
        | b"work" | b"primary" | b"secondary" | b"main" | b"personal" | b"office" | b"day"
        | b"evening" | b"emergency" | b"other" | b"default" | b"raw" | b"text" | b"full"
        | b"digits" => Hints::GENERIC,
        _ if word.starts_with(b"phone") || word.ends_with(b"phone") => Hints::PHONE,
        _ if word.iter().all(u8::is_ascii_digit) => {
            if is(previous, b"last") {
                Hints::ABOUT
            } else {
                Hints::GENERIC
            }
        }
        _ => Hints::NONE,
    }
}

/// Words that may stand between a telling word and the value.
const FILLERS: [&[u8]; 14] = [
    b"number", b"no", b"nr", b"num", b"is", b"was", b"nummer", b"at", b"on", b"me", b"us",
    b"numero", b"the", b"my",
];

/// Punctuation that joins a telling word to its value.
const JOINING: &[u8] = b" \t\"'`:=#([{\\*+.";

/// Unit: bytes. Longer names are sentences, not names.
const NAME_BYTES_MAX: usize = 128;

/// Unit: bytes. Longer than any word of the tables.
const WORD_BYTES_MAX: usize = 24;

/// How far before a value its telling word may begin. Unit: bytes.
const BEFORE_BYTES: usize = 48;

/// How many words before a value are looked at.
const BEFORE_WORDS: usize = 3;

/// How far after a value its telling word may end. Unit: bytes.
const AFTER_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Hints, Keys, before, of_name};

    #[test]
    fn names_are_split_and_understood() {
        let cases: [(&str, Hints); 26] = [
            ("ssn", Hints::SSN),
            ("customerSSN", Hints::SSN),
            ("SSNNumber", Hints::SSN),
            ("social_security_number", Hints::SSN),
            ("socialSecurity", Hints::SSN),
            ("s\\u0073n", Hints::SSN),
            ("phone", Hints::PHONE),
            ("homePhone_2", Hints::PHONE),
            ("PHONE-NUMBER", Hints::PHONE),
            ("phonenumber", Hints::PHONE),
            ("workphone", Hints::PHONE),
            ("mobile", Hints::PHONE),
            ("creditCard", Hints::CARD),
            ("phone_verified", Hints::ABOUT),
            ("phoneType", Hints::ABOUT),
            ("ssnLast4", Hints::ABOUT),
            ("card_last_four", Hints::ABOUT),
            ("phoneId", Hints::ABOUT),
            ("order", Hints::SERIAL),
            ("number", Hints::GENERIC),
            ("name", Hints::NONE),
            ("microphone", Hints::NONE),
            ("x[phone].y", Hints::NONE),
            ("phone[0]", Hints::PHONE),
            ("", Hints::NONE),
            ("é\u{1F600}", Hints::NONE),
        ];
        for (name, hints) in cases {
            assert_eq!(of_name(name.as_bytes()), hints, "{name}");
        }
    }

    #[test]
    fn generic_name_takes_the_meaning_of_the_name_around_it() {
        let keys = Keys { own: b"number", outer: b"phone" };
        assert_eq!(keys.hints(), Hints::PHONE);
        assert_eq!(Keys { own: b"customer", outer: b"phone" }.hints(), Hints::NONE);
        assert_eq!(Keys { own: b"type", outer: b"phone" }.hints(), Hints::ABOUT);
    }

    #[test]
    fn words_joined_to_the_value_count() {
        let cases = [
            ("SSN: ", Hints::SSN),
            ("ssn=", Hints::SSN),
            ("my SSN is ", Hints::SSN),
            ("social security number: ", Hints::SSN),
            ("\"homePhone\":\"", Hints::PHONE),
            ("{\\\"phone\\\": \\\"", Hints::PHONE),
            ("call me at ", Hints::PHONE),
            ("Tel. no ", Hints::PHONE),
            ("Tel.: ", Hints::PHONE),
            ("phone model XR ", Hints::NONE),
            ("phone_verified_at: ", Hints::ABOUT),
            ("the ssn field, then ", Hints::NONE),
            ("security ", Hints::NONE),
            ("", Hints::NONE),
        ];
        for (text, hints) in cases {
            assert_eq!(before(text.as_bytes(), text.len()), hints, "{text:?}");
        }
    }
}
