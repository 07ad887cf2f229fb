//! The places of an answer at which its data begins.

use crate::limits::{JSON_DEPTH_MAX, PROJECTION_PATTERN_BYTES_MAX, PROJECTION_PATTERNS_MAX};

use super::error::{Fault, ViewError, shown};
use super::pattern::unescaped;

/// JSON pointers (RFC 6901), none of which leads into another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    paths: Vec<Box<[Box<str>]>>,
}

impl Places {
    /// Reads pointers: `/data/context`, `/results/0`; the empty one is the root.
    ///
    /// # Errors
    /// [`ViewError::Place`] with the offending one, [`ViewError::Within`] for one that stands in
    /// another, [`ViewError::Empty`] and [`ViewError::TooMany`] for the list.
    pub fn parse(pointers: &[String]) -> Result<Self, ViewError> {
        if pointers.is_empty() {
            return Err(ViewError::Empty);
        }
        if pointers.len() > PROJECTION_PATTERNS_MAX {
            return Err(ViewError::TooMany);
        }
        let mut paths: Vec<Box<[Box<str>]>> = Vec::new();
        for pointer in pointers {
            let path = read(pointer).map_err(|(at, fault)| ViewError::Place {
                place: shown(pointer),
                at,
                fault,
            })?;
            if paths.iter().any(|other| path.starts_with(other) || other.starts_with(&path)) {
                return Err(ViewError::Within { place: shown(pointer) });
            }
            paths.push(path);
        }
        Ok(Self { paths })
    }

    /// The segments of each place.
    pub(super) fn paths(&self) -> impl Iterator<Item = &[Box<str>]> {
        self.paths.iter().map(|path| &**path)
    }
}

fn read(pointer: &str) -> Result<Box<[Box<str>]>, (usize, Fault)> {
    if pointer.is_empty() {
        return Ok(Box::default());
    }
    if pointer.len() > PROJECTION_PATTERN_BYTES_MAX {
        return Err((PROJECTION_PATTERN_BYTES_MAX, Fault::Long));
    }
    let segments = pointer.strip_prefix('/').ok_or((0, Fault::NoSlash))?;
    let mut path = Vec::new();
    let mut at = 1;
    for segment in segments.split('/') {
        if path.len() >= JSON_DEPTH_MAX {
            return Err((at, Fault::Deep));
        }
        path.push(unescaped(segment).map_err(|tilde| (at + tilde, Fault::Escape))?);
        at += segment.len() + 1;
    }
    Ok(path.into())
}
