//! Member names: which of one object count as the same, and which only look like
//! names we know.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization;

use super::{JsonError, KeyRule, Node, text, widen};

/// Whether `key` is none of the `known` names but a lenient parser would take it for
/// one: equal after cutting at NUL, NFKC, full case folding and trimming white space (S-22).
pub fn matches_known_member(key: &str, known: &[&str]) -> bool {
    if known.contains(&key) {
        return false;
    }
    if is_plain(key.as_bytes()) {
        return known.iter().any(|name| name.eq_ignore_ascii_case(key));
    }
    let folded = fold(key);
    known.iter().any(|name| fold(name) == folded)
}

/// Refuses an object in which two names count as the same.
///
/// `members` is the tape from the object's first member on, `first` that member's index
/// on the whole tape.
pub(super) fn refuse_duplicates(
    bytes: &[u8],
    members: &[Node],
    first: u32,
    rule: KeyRule,
) -> Result<(), JsonError> {
    let names = Names { members, first, at: 0 };
    let mut signatures = 0_u64;
    for (count, name) in names.clone().enumerate() {
        let key = NodeKey::new(bytes, name);
        let plain = match rule {
            KeyRule::Exact => !name.escaped,
            KeyRule::Folded => !name.escaped && is_plain(key.inner),
        };
        if count >= LINEAR_MAX || !plain {
            return refuse_duplicates_hashed(bytes, names, rule);
        }
        // One bit per (length, first, last byte): while it is new, no earlier name is equal.
        let bit = key.signature();
        if signatures & bit != 0 {
            let earlier = names.clone().take(count).map(|name| NodeKey::new(bytes, name));
            refuse_plain(earlier, key, rule)?;
        }
        signatures |= bit;
    }
    Ok(())
}

/// Equality of names without escapes; where they are folded they are plain ASCII, and
/// case is all that folding can change in them.
fn refuse_plain<'b>(
    earlier: impl Iterator<Item = NodeKey<'b>> + Clone,
    key: NodeKey<'_>,
    rule: KeyRule,
) -> Result<(), JsonError> {
    if earlier.clone().any(|other| other.inner == key.inner) {
        return Err(JsonError::DuplicateKey { offset: key.offset });
    }
    let mut earlier = earlier;
    match rule {
        KeyRule::Folded if earlier.any(|other| other.inner.eq_ignore_ascii_case(key.inner)) => {
            Err(JsonError::LookalikeKey { offset: key.offset })
        }
        KeyRule::Folded | KeyRule::Exact => Ok(()),
    }
}

/// The same for objects that are large or have names beyond plain ASCII. The map's
/// hasher is keyed at random, so that nobody can prepare colliding names.
fn refuse_duplicates_hashed(
    bytes: &[u8],
    names: Names<'_>,
    rule: KeyRule,
) -> Result<(), JsonError> {
    let mut seen: HashMap<Cow<'_, str>, Node> = HashMap::new();
    for name in names {
        let decoded = decoded(bytes, name);
        let folded = match rule {
            KeyRule::Exact => decoded.clone(),
            KeyRule::Folded => fold_cow(decoded.clone()),
        };
        let earlier = match seen.entry(folded) {
            Entry::Vacant(place) => {
                place.insert(name);
                continue;
            }
            Entry::Occupied(place) => *place.get(),
        };
        let offset = widen(name.start);
        return Err(if self::decoded(bytes, earlier) == decoded {
            JsonError::DuplicateKey { offset }
        } else {
            JsonError::LookalikeKey { offset }
        });
    }
    Ok(())
}

/// The names of one object in wire order.
#[derive(Clone)]
struct Names<'t> {
    members: &'t [Node],
    first: u32,
    at: usize,
}

impl Iterator for Names<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        let name = *self.members.get(self.at)?;
        let value = self.members.get(self.at + 1)?;
        self.at = widen(value.next.saturating_sub(self.first));
        Some(name)
    }
}

/// A name as it stands between its quotes.
#[derive(Clone, Copy)]
struct NodeKey<'b> {
    inner: &'b [u8],
    offset: usize,
}

impl<'b> NodeKey<'b> {
    fn new(bytes: &'b [u8], name: Node) -> Self {
        NodeKey { inner: inner(bytes, name), offset: widen(name.start) }
    }

    /// Equal names, and names that differ in case only, have the same bit.
    fn signature(&self) -> u64 {
        let letter = |byte: Option<&u8>| u64::from(byte.copied().unwrap_or(0) | 0x20);
        let ends = letter(self.inner.first()) << 8 | letter(self.inner.last());
        let length = u64::from(self.inner.len().to_le_bytes()[0]);
        // The high bits of a product depend on all bits of its factors.
        1 << ((ends << 8 | length).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
    }
}

fn inner(bytes: &[u8], name: Node) -> &[u8] {
    let (start, end) = (widen(name.start), widen(name.end));
    bytes.get(start + 1..end.saturating_sub(1)).unwrap_or_default()
}

fn decoded(bytes: &[u8], name: Node) -> Cow<'_, str> {
    let inner = inner(bytes, name);
    if name.escaped {
        return Cow::Owned(text::decode(inner));
    }
    Cow::Borrowed(std::str::from_utf8(inner).unwrap_or_default())
}

/// Printable ASCII without white space at the ends: folding changes nothing but case.
fn is_plain(name: &[u8]) -> bool {
    let printable = name.iter().fold(true, |all, byte| all & (0x20..0x7F).contains(byte));
    printable && name.first() != Some(&b' ') && name.last() != Some(&b' ')
}

fn fold_cow(name: Cow<'_, str>) -> Cow<'_, str> {
    if is_plain(name.as_bytes()) && !name.bytes().any(|b| b.is_ascii_uppercase()) {
        return name;
    }
    Cow::Owned(fold(&name))
}

/// The form in which names count as the same for lenient parsers: cut at NUL, NFKC, full case
/// folding, trimmed.
pub fn lookalike_form(name: &str) -> String {
    fold(name)
}

/// What lenient parsers do to a name, all of it at once.
///
/// Case folding is lower case of upper case, which takes in the full foldings (`ß`,
/// U+017F, U+212A, final sigma) and, stricter, the dotless `ı`.
fn fold(name: &str) -> String {
    let cut = name.split('\0').next().unwrap_or_default();
    let folded: String =
        cut.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
    folded.trim_matches(|c: char| c.is_whitespace() || c <= ' ' || c == '\u{FEFF}').to_owned()
}

/// Up to this many plain names are compared with each other directly; more are hashed.
const LINEAR_MAX: usize = 16;
