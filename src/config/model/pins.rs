//! Which definitions of a server's tools were approved.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use aws_lc_rs::digest;

use crate::json::{Value, canonical};

/// SHA-256 over the canonical form of a tool's whole definition, as the server wrote it: every
/// member, `_meta`, icons and annotations among them. What is left out of a hash is where a change
/// would hide.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolHash(pub [u8; 32]);

impl ToolHash {
    /// Of a definition.
    #[must_use]
    pub fn of(definition: Value<'_>) -> Self {
        Self::of_canonical(&canonical(definition))
    }

    /// Of a definition's canonical form.
    #[must_use]
    pub fn of_canonical(bytes: &[u8]) -> Self {
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        let made = digest::digest(&digest::SHA256, bytes);
        hash.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
        Self(hash)
    }
}

impl fmt::Display for ToolHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ToolHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ToolHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let hex = text.strip_prefix(PREFIX).filter(|hex| hex.len() == 64).ok_or(NotAHash)?;
        let mut hash = [0; 32];
        let mut digits = hex.chars();
        for byte in &mut hash {
            for _ in 0..2 {
                // Upper case would be a second spelling of the same hash.
                let digit = digits.next().filter(|c| !c.is_ascii_uppercase());
                let digit = digit.and_then(|c| c.to_digit(16)).ok_or(NotAHash)?;
                *byte = *byte << 4 | u8::try_from(digit).map_err(|_| NotAHash)?;
            }
        }
        Ok(Self(hash))
    }
}

/// A text that is no [`ToolHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not `sha256:` and 64 lower-case hexadecimal digits")]
pub struct NotAHash;

/// The approvals of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolPins {
    /// The file in which they stand.
    pub file: PathBuf,
    /// What becomes of tools that it does not name.
    pub new: NewTools,
    /// What stands in it.
    pub approved: Approved,
}

impl ToolPins {
    /// The file in which the gateway writes what waits for approval.
    #[must_use]
    pub fn seen_file(&self) -> PathBuf {
        let mut path = self.file.clone().into_os_string();
        path.push(".seen");
        path.into()
    }
}

/// What becomes of a tool that nobody approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewTools {
    /// It is not listed and not called.
    Quarantine,
    /// It is used.
    Allow,
}

/// Approved definitions by the tool's name; several of one name where a server shows different
/// definitions to different callers, or is replaced step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approved(pub HashMap<Box<str>, Vec<Approval>>);

/// One approved definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Of which definition.
    pub hash: ToolHash,
    /// Whether the hidden text in it was seen and accepted.
    pub hidden_text: bool,
}

impl Approved {
    /// The approval of this very definition.
    #[must_use]
    pub fn of(&self, name: &str, hash: ToolHash) -> Option<Approval> {
        self.0.get(name)?.iter().copied().find(|approval| approval.hash == hash)
    }

    /// Whether any definition of this name was approved.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

const PREFIX: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::{NotAHash, ToolHash};

    #[test]
    fn hash_is_read_as_it_is_written_and_in_no_other_spelling() {
        let hash = ToolHash::of_canonical(b"{}");
        let text = hash.to_string();
        assert_eq!(text, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!(text.parse(), Ok(hash));
        for bad in
            [&text[7..], &text[..70], "sha256:", &format!("{text}0"), &text.replace('f', "F")]
        {
            assert_eq!(bad.parse::<ToolHash>(), Err(NotAHash), "{bad}");
        }
    }
}
