//! Whether bytes are text, judged by the first of them, and in what they are written.

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8, or a superset of ASCII that is passed on as it is.
    Bytes,
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
}

impl Charset {
    /// What the first bytes of something are written in; nothing where they are no text.
    pub(super) fn of(head: &[u8]) -> Option<Charset> {
        if BINARY.iter().any(|magic| head.starts_with(magic)) {
            return None;
        }
        if is_utf16(head, u16::from_le_bytes) {
            return Some(Charset::Utf16Le);
        }
        if is_utf16(head, u16::from_be_bytes) {
            return Some(Charset::Utf16Be);
        }
        is_text(head).then_some(Charset::Bytes)
    }

    pub(super) fn decode(self, bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Charset::Bytes => bytes,
            Charset::Utf16Le => decoded(&bytes, u16::from_le_bytes),
            Charset::Utf16Be => decoded(&bytes, u16::from_be_bytes),
        }
    }

    pub(super) fn encode(self, text: &[u8]) -> Vec<u8> {
        let units = || String::from_utf8_lossy(text).encode_utf16().collect::<Vec<u16>>();
        match self {
            Charset::Bytes => text.to_vec(),
            Charset::Utf16Le => units().into_iter().flat_map(u16::to_le_bytes).collect(),
            Charset::Utf16Be => units().into_iter().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

fn decoded(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk()).map(|p| unit(*p));
    let characters = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.collect::<String>().into_bytes()
}

/// Whether most code units are printable ASCII, and none a control.
fn is_utf16(head: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let units = head.chunks_exact(2).filter_map(|pair| pair.first_chunk()).map(|p| unit(*p));
    let (mut plain, mut all) = (0, 0);
    for unit in units {
        match unit {
            0x20..=0x7E | 0x09 | 0x0A | 0x0D => plain += 1,
            0..=0x9F | 0xFFFE..=0xFFFF => return false,
            _ => {}
        }
        all += 1;
    }
    all >= UNITS_MIN && plain * 4 >= all * 3
}

/// Printable UTF-8 that may be cut at its end, or at least mostly printable ASCII.
fn is_text(head: &[u8]) -> bool {
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    // Names and passwords are set apart by NUL (RFC 4616 section 2).
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\0');
    if zeros > ZEROS_MAX || head.is_empty() {
        return false;
    }
    let mut chunks = head.utf8_chunks();
    let first = chunks.next();
    let cut = |chunk: &std::str::Utf8Chunk<'_>| {
        let rest = chunk.invalid().len();
        let may_be_cut = rest == 0 || head.len() >= CUT_MIN && rest < 4;
        chunk.valid().len() + rest == head.len() && may_be_cut
    };
    if let Some(chunk) = first.filter(cut) {
        return !chunk.valid().chars().any(control);
    }
    // Windows-1252 and ISO 8859: letters beyond ASCII are few, and stand alone.
    let printable = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let plain = head.iter().filter(printable).count();
    let controls = head.iter().any(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127));
    head.len() >= LATIN_MIN && plain * 8 >= head.len() * 7 && !controls
}

/// Formats whose first bytes are letters: PDF, GIF, RIFF, archives of `ar`.
const BINARY: [&[u8]; 4] = [b"%PDF-", b"GIF8", b"RIFF", b"!<arch>"];

/// Bytes of value zero in a head.
const ZEROS_MAX: usize = 2;

/// Fewer code units show nothing.
const UNITS_MIN: usize = 6;

/// Shorter heads are all there is: no character of theirs is cut off. Unit: bytes.
const CUT_MIN: usize = 44;

/// Fewer bytes show nothing about a text with letters beyond ASCII.
const LATIN_MIN: usize = 24;
