//! Which namespaces of a context may pass.

use std::fmt;

use crate::json::{Kind, Value, matches_known_member};
use crate::limits::{NAMESPACE_BYTES_MAX, NAMESPACES_WANTED_BYTES_MAX, NAMESPACES_WANTED_MAX};

use super::error::{ViewError, shown};

/// What is said of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass with all below it.
    Whole,
    /// It may pass; where it is an object, each member is judged by its own name.
    Each,
    /// It may not pass as a whole, but something below it may.
    Descend,
    /// Neither it nor anything below it may pass.
    Nothing,
}

impl Verdict {
    /// What both let pass. Who is joined must also speak of what is below its own
    /// [`Verdict::Whole`]: the other one may lead there.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole, it) | (it, Self::Whole) => it,
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Descend, _) | (_, Self::Descend) => Self::Descend,
            (Self::Each, Self::Each) => Self::Each,
        }
    }
}

/// Which namespaces may pass, and how an answer names them.
///
/// Two layouts are told apart by what stands at the place of the cut:
///
/// - An object is a tree: the names on the way to a member are its namespace, joined with dots.
///   `{"session": {"prefs": 1}}` and `{"session.prefs": 1}` name `session.prefs` alike. A member
///   under [`Verdict::Descend`] is gone through if it is an object, else dropped; under
///   [`Verdict::Each`] it is gone through if it is an object, else it stays.
/// - An array is a list of records, objects that hold their namespace in a member. They stay or go
///   as they are; under [`Verdict::Descend`] and [`Verdict::Each`] they go, because nothing inside
///   of them can be told apart. So does a record that names no namespace, or
///   has a second member that lenient readers could take for the name.
///
/// What [`is_namespace`] refuses is no namespace and does not pass, unless it stands below one that
/// passes as a whole.
#[derive(Clone, Copy)]
pub struct Namespaces<'n> {
    /// The member of a record that holds its namespace.
    pub member: &'n str,
    /// What is said of a namespace. It is asked from the outermost name inwards and never below
    /// [`Verdict::Whole`] or [`Verdict::Nothing`], so that both spellings of a name, and both
    /// layouts, have the same answer. It is asked for each member and record anew: what is costly
    /// is remembered by whoever provides it.
    pub allowed: &'n dyn Fn(&str) -> Verdict,
}

impl fmt::Debug for Namespaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespaces").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Namespaces<'_> {
    /// What is said of the namespace `name` in a namespace that has to be gone through; that one
    /// is empty at the root.
    pub(super) fn below(&self, outer: &str, name: &str) -> (Verdict, String) {
        let full = if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") };
        if !is_namespace(&full) {
            return (Verdict::Nothing, full);
        }
        let ends = full.match_indices('.').map(|(at, _)| at).chain([full.len()]);
        let mut last = Verdict::Descend;
        for end in ends.filter(|end| *end > outer.len()) {
            match full.get(..end).map(self.allowed) {
                Some(verdict @ (Verdict::Descend | Verdict::Each)) => last = verdict,
                Some(verdict @ (Verdict::Whole | Verdict::Nothing)) => return (verdict, full),
                None => return (Verdict::Nothing, full),
            }
        }
        (last, full)
    }

    /// What is said of the namespace that a record names.
    pub(super) fn record(&self, record: Value<'_>) -> Verdict {
        let alike = |key: Value<'_>| {
            key.as_str().is_none_or(|key| matches_known_member(&key, &[self.member]))
        };
        let name = record.get(self.member).filter(|name| name.kind() == Kind::String);
        match name.and_then(|name| name.as_str()) {
            Some(name) if !record.members().any(|(key, _)| alike(key)) => self.below("", &name).0,
            Some(_) | None => Verdict::Nothing,
        }
    }
}

/// Whether a text is the dotted name of a namespace: 1 to [`NAMESPACE_BYTES_MAX`] bytes of ASCII
/// letters, digits, `_`, `-`, `:` and dots, none of which is doubled, first or last.
#[must_use]
pub fn is_namespace(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':');
    let segment = |segment: &str| !segment.is_empty() && segment.bytes().all(allowed);
    name.len() <= NAMESPACE_BYTES_MAX && name.split('.').all(segment)
}

/// The namespaces that a caller asks for; none is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    names: Vec<Box<str>>,
}

impl Wanted {
    /// Reads values as they came: each is one name or several with commas between, around which
    /// spaces and tabs may stand.
    ///
    /// # Errors
    /// [`ViewError::Namespace`] for a name that is none. An empty value is an error too: read as
    /// "none is all", it would turn a list that came out empty into everything.
    /// [`ViewError::Wanted`] for too many.
    pub fn parse<'t>(values: impl IntoIterator<Item = &'t str>) -> Result<Self, ViewError> {
        let mut names: Vec<Box<str>> = Vec::new();
        let (mut count, mut bytes) = (0_usize, 0_usize);
        for value in values {
            bytes = bytes.saturating_add(value.len());
            if bytes > NAMESPACES_WANTED_BYTES_MAX {
                return Err(ViewError::Wanted);
            }
            for name in value.split(',') {
                let name = name.trim_matches([' ', '\t']);
                count += 1;
                if count > NAMESPACES_WANTED_MAX {
                    return Err(ViewError::Wanted);
                }
                if !is_namespace(name) {
                    return Err(ViewError::Namespace { name: shown(name) });
                }
                names.push(name.into());
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(Self { names })
    }

    /// Whether everything is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, in order and once each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Whether a namespace is asked for: as it is, as part of a wider one, or for something below.
    #[must_use]
    pub fn meets(&self, namespace: &str) -> Verdict {
        if self.is_empty() || self.iter().any(|wanted| holds(wanted, namespace)) {
            Verdict::Whole
        } else if self.iter().any(|wanted| holds(namespace, wanted)) {
            Verdict::Descend
        } else {
            Verdict::Nothing
        }
    }
}

/// Whether `inner` is `outer` or below it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
