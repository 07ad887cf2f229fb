//! Where a request body ends: by length or by chunks (RFC 9112 sections 6 and 7.1).

use super::{Fault, Framing};
use crate::limits::CHUNK_EXTENSION_BYTES_MAX;
use crate::limits::CHUNK_SIZE_DIGITS_MAX;

/// A body under way.
#[derive(Debug)]
pub(super) struct Body {
    at: At,
    extension_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// Bytes that remain of a body with Content-Length.
    Length(u64),
    /// In a chunk's size.
    Size {
        value: u64,
        digits: u8,
    },
    /// In a chunk's extension.
    Extension {
        value: u64,
    },
    /// Behind the CR of a chunk's size line.
    SizeEnd {
        value: u64,
    },
    /// Bytes that remain of a chunk.
    Data(u64),
    /// Behind a chunk's last byte.
    DataCr,
    /// Behind the CR that follows it.
    DataEnd,
    /// Behind the line of the last chunk.
    LastCr,
    /// Behind the CR that follows it.
    LastEnd,
    Done,
}

impl Body {
    pub(super) fn of(framing: Framing) -> Option<Self> {
        let at = match framing {
            Framing::None | Framing::Length(0) => return None,
            Framing::Length(bytes) => At::Length(bytes),
            Framing::Chunked => At::SIZE,
        };
        Some(Self { at, extension_bytes: 0 })
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// Moves at least one byte forward; `bytes` is not empty.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let (used, next) = match self.at {
            At::Length(left) => take(left, bytes, At::Length, At::Done),
            At::Data(left) => take(left, bytes, At::Data, At::DataCr),
            At::Extension { value } => self.extension(value, bytes)?,
            At::Size { .. }
            | At::SizeEnd { .. }
            | At::DataCr
            | At::DataEnd
            | At::LastCr
            | At::LastEnd
            | At::Done => (1, self.byte(bytes.first().copied().unwrap_or_default())?),
        };
        self.at = next;
        Ok(used)
    }

    /// The states that look at one byte.
    fn byte(&self, byte: u8) -> Result<At, Fault> {
        let fault = |detail| Err(Fault::framing(detail, 0));
        match (self.at, byte) {
            (At::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                grow(value, digits, byte).ok_or_else(|| Fault::framing("chunk size too large", 0))
            }
            (At::Size { digits: 0, .. }, _) => fault("chunk size is not hexadecimal"),
            (At::Size { value, .. }, b'\r') => Ok(At::SizeEnd { value }),
            (At::Size { value, .. }, b';') => Ok(At::Extension { value }),
            (At::Size { .. }, _) => fault("chunk size is not hexadecimal"),
            (At::SizeEnd { value: 0 }, b'\n') => Ok(At::LastCr),
            (At::SizeEnd { value }, b'\n') => Ok(At::Data(value)),
            (At::SizeEnd { .. }, _) => fault("bare CR in a chunk size line"),
            (At::DataCr, b'\r') => Ok(At::DataEnd),
            (At::DataEnd, b'\n') => Ok(At::SIZE),
            (At::DataCr | At::DataEnd, _) => fault("chunk does not end in CRLF"),
            (At::LastCr, b'\r') => Ok(At::LastEnd),
            (At::LastCr, _) => fault("trailer fields are not accepted"),
            (At::LastEnd, b'\n') => Ok(At::Done),
            (At::LastEnd, _) => fault("bare CR behind the last chunk"),
            (At::Length(_) | At::Data(_) | At::Extension { .. } | At::Done, _) => Ok(self.at),
        }
    }

    /// Extensions have no meaning here and are not handed to anybody; they are only bounded.
    fn extension(&mut self, value: u64, bytes: &[u8]) -> Result<(usize, At), Fault> {
        let run = super::bytes::value_run(bytes);
        let room = CHUNK_EXTENSION_BYTES_MAX.saturating_sub(self.extension_bytes);
        if run > room {
            return Err(Fault::framing("chunk extensions too long", room));
        }
        self.extension_bytes = self.extension_bytes.saturating_add(run);
        match bytes.get(run) {
            None => Ok((run, At::Extension { value })),
            Some(b'\r') => Ok((run.saturating_add(1), At::SizeEnd { value })),
            Some(_) => Err(Fault::framing("control character in a chunk extension", run)),
        }
    }
}

impl At {
    const SIZE: Self = Self::Size { value: 0, digits: 0 };
}

fn take(left: u64, bytes: &[u8], more: impl Fn(u64) -> At, done: At) -> (usize, At) {
    let used = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    match left.saturating_sub(used as u64) {
        0 => (used, done),
        left => (used, more(left)),
    }
}

/// Adds a digit, within 63 bits and [`CHUNK_SIZE_DIGITS_MAX`].
fn grow(value: u64, digits: u8, byte: u8) -> Option<At> {
    let digit = char::from(byte).to_digit(16)?;
    let value = value.checked_mul(16)?.checked_add(u64::from(digit))?;
    let digits = digits.checked_add(1)?;
    let fits = i64::try_from(value).is_ok() && digits <= CHUNK_SIZE_DIGITS_MAX;
    fits.then_some(At::Size { value, digits })
}
