//! Placeholder until the validators stand here.
use crate::class::{Class, Confidence};
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    Whole,
    Begin,
}
pub(super) struct Labelled {
    pub(super) length: usize,
    pub(super) confidence: Confidence,
}
pub(super) fn judge(_: Class, _: &[u8], _: Extent) -> Option<Labelled> {
    None
}
