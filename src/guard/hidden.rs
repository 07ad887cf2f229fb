//! Characters that people do not see and models read.

use super::{Check, Probe, Signs};

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
        hides(probe.text)
    }
}

fn hides(text: &str) -> bool {
    let mut invisible_run = 0_usize;
    let mut selector_run = 0_usize;
    let mut in_flag = false;
    for character in text.chars() {
        match character {
            // Embeddings, overrides and isolates, and the interlinear annotation characters.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFF9}'..='\u{FFFB}' => {
                return true;
            }
            // A black flag begins the flags of England, Scotland and Wales, the only use of tags.
            '\u{1F3F4}' => in_flag = true,
            '\u{E0020}'..='\u{E007E}' if in_flag => {}
            '\u{E007F}' if in_flag => in_flag = false,
            '\u{E0000}'..='\u{E007F}' => return true,
            _ => in_flag = false,
        }
        invisible_run = if is_invisible(character) { invisible_run + 1 } else { 0 };
        selector_run = if is_selector(character) { selector_run + 1 } else { 0 };
        if invisible_run >= INVISIBLE_RUN || selector_run >= SELECTOR_RUN {
            return true;
        }
    }
    false
}

/// Zero-width characters. One or two in a row join emoji and letters of many scripts.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00AD}' | '\u{034F}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}'
            | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{3164}' | '\u{115F}' | '\u{1160}'
    )
}

fn is_selector(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// That many zero-width characters in a row carry a message.
const INVISIBLE_RUN: usize = 3;

/// A character has at most one variation selector (Unicode, section 23.4).
const SELECTOR_RUN: usize = 2;
