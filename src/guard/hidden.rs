//! Characters that people do not see and models read.

use super::{Check, Probe, Signs};
use crate::inspect::hidden;

/// Direction overrides and embeddings, tag characters, runs of zero-width characters and of
/// variation selectors (S-36; "Trojan Source", ASCII smuggling). Looked for in every text.
pub(super) struct HiddenText;

impl Check for HiddenText {
    fn name(&self) -> &'static str {
        "hidden_text"
    }

    fn needs(&self) -> Signs {
        Signs::WIDE
    }

    fn hits(&self, probe: &Probe<'_>) -> bool {
        hidden::hides(probe.text)
    }
}
