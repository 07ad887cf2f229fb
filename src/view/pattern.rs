//! The language of patterns, and the tree of all that is allowed.
//!
//! ```text
//! pattern = 1*( "/" segment )
//! segment = name / "*" / "**" / "{" path *( "," path ) "}"
//! path    = segment *( "/" segment )
//! ```
//!
//! A name is any text without `/`, `*`, `{`, `}` and `,`, in which `~1` stands for `/` and `~0` for
//! `~` (RFC 6901 section 3). `**` ends its path.

use std::collections::BTreeMap;

use crate::limits::{JSON_DEPTH_MAX, PROJECTION_PATTERN_BYTES_MAX, PROJECTION_STEPS_MAX};

use super::error::Fault;

/// What the patterns allow, each alternative written out; the first one is the root.
#[derive(Debug)]
pub(super) struct Tree {
    drafts: Vec<Draft>,
    /// Counts repeated steps too, so that it bounds the work.
    steps: usize,
}

/// A place that patterns lead to.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) members: BTreeMap<Box<str>, usize>,
    /// Behind a `*`.
    pub(super) any: Option<usize>,
    /// A pattern ends here.
    pub(super) whole: bool,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { drafts: vec![Draft::default()], steps: 0 }
    }

    pub(super) fn draft(&self, at: usize) -> Option<&Draft> {
        self.drafts.get(at)
    }

    /// Adds what one pattern allows; an error tells where in the pattern it arose.
    pub(super) fn add(&mut self, pattern: &str) -> Result<(), (usize, Fault)> {
        if pattern.is_empty() {
            return Err((0, Fault::Empty));
        }
        if pattern.len() > PROJECTION_PATTERN_BYTES_MAX {
            return Err((PROJECTION_PATTERN_BYTES_MAX, Fault::Long));
        }
        let Some(rest) = pattern.strip_prefix('/') else { return Err((0, Fault::NoSlash)) };
        let mut reader = Reader { rest, tree: self };
        let root = Front { drafts: vec![0], depth: 0, closed: false };
        match reader.path(root, 0) {
            Ok(front) => {
                for at in front.drafts {
                    if let Some(draft) = self.drafts.get_mut(at) {
                        draft.whole = true;
                    }
                }
                Ok(())
            }
            Err(fault) => Err((pattern.len() - reader.rest.len(), fault)),
        }
    }

    /// The place one step on; without a name, behind a star.
    fn step(&mut self, from: usize, name: Option<&str>) -> Result<usize, Fault> {
        self.steps += 1;
        if self.steps > PROJECTION_STEPS_MAX {
            return Err(Fault::Steps);
        }
        let fresh = self.drafts.len();
        // Places come from the tree itself, so the fallback is never taken.
        let Some(draft) = self.drafts.get_mut(from) else { return Ok(from) };
        let to = match name {
            None => *draft.any.get_or_insert(fresh),
            Some(name) => *draft.members.entry(name.into()).or_insert(fresh),
        };
        if to == fresh {
            self.drafts.push(Draft::default());
        }
        Ok(to)
    }
}

/// Where the reading of a path has got to: in several places behind alternatives.
#[derive(Clone)]
struct Front {
    drafts: Vec<usize>,
    depth: usize,
    /// A `**` was read.
    closed: bool,
}

struct Reader<'p, 't> {
    rest: &'p str,
    tree: &'t mut Tree,
}

impl Reader<'_, '_> {
    /// Reads a path in so many braces, up to the comma or brace that ends it.
    fn path(&mut self, mut front: Front, braces: usize) -> Result<Front, Fault> {
        loop {
            front = match self.rest.chars().next() {
                Some('{') => self.group(&front, braces)?,
                Some('}') if braces == 0 => return Err(Fault::Unopened),
                Some(_) | None => self.name(&front)?,
            };
            match self.rest.chars().next() {
                Some('/') if front.closed => return Err(Fault::Behind),
                Some('/') => self.skip(),
                Some(',' | '}') if braces > 0 => return Ok(front),
                Some(',') => return Err(Fault::Comma),
                Some('}') => return Err(Fault::Unopened),
                Some(_) => return Err(Fault::Beside),
                None => return Ok(front),
            }
        }
    }

    /// Reads a group: its alternatives begin where it does, and what follows goes on from all.
    fn group(&mut self, from: &Front, braces: usize) -> Result<Front, Fault> {
        if braces >= JSON_DEPTH_MAX {
            return Err(Fault::Deep);
        }
        self.skip();
        if self.rest.starts_with('}') {
            return Err(Fault::Braces);
        }
        let mut merged = Front { drafts: Vec::new(), depth: from.depth, closed: false };
        loop {
            let end = self.path(from.clone(), braces + 1)?;
            merged.drafts.extend(end.drafts);
            merged.depth = merged.depth.max(end.depth);
            merged.closed |= end.closed;
            if self.rest.is_empty() {
                return Err(Fault::Unclosed);
            }
            let last = self.rest.starts_with('}');
            self.skip();
            if last {
                merged.drafts.sort_unstable();
                merged.drafts.dedup();
                return Ok(merged);
            }
        }
    }

    /// Reads a name or a star.
    fn name(&mut self, from: &Front) -> Result<Front, Fault> {
        let end = self.rest.find(['/', ',', '{', '}']).unwrap_or(self.rest.len());
        let (segment, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        if segment.is_empty() {
            return Err(Fault::Segment);
        }
        if from.depth >= JSON_DEPTH_MAX {
            return Err(Fault::Deep);
        }
        let name = match segment {
            "*" | "**" => None,
            _ if segment.contains('*') => return Err(Fault::Star),
            _ => Some(unescaped(segment).map_err(|_| Fault::Escape)?),
        };
        let steps = from.drafts.iter().map(|at| self.tree.step(*at, name.as_deref()));
        let drafts = steps.collect::<Result<_, _>>()?;
        self.rest = rest;
        Ok(Front { drafts, depth: from.depth + 1, closed: segment == "**" })
    }

    /// Skips the one ASCII character that was looked at.
    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

/// The name that a segment stands for, or where its bad escape is.
pub(super) fn unescaped(segment: &str) -> Result<Box<str>, usize> {
    let mut name = String::with_capacity(segment.len());
    let mut from = segment.split('~');
    name.push_str(from.next().unwrap_or_default());
    for piece in from {
        let (plain, rest) = match (piece.strip_prefix('0'), piece.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (None, Some(rest)) => ('/', rest),
            (None, None) => return Err(bad_escape(segment)),
        };
        name.push(plain);
        name.push_str(rest);
    }
    Ok(name.into())
}

fn bad_escape(segment: &str) -> usize {
    let tildes = segment.match_indices('~');
    let bad = |at: &usize| !matches!(segment.as_bytes().get(at + 1), Some(b'0' | b'1'));
    tildes.map(|(at, _)| at).find(bad).unwrap_or_default()
}
