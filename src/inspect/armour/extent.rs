//! How far a run of base64 symbols reaches, over line ends too.

/// Where the symbols of a run stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: usize,
    /// Behind the last symbol; padding may follow.
    pub(super) end: usize,
    /// Symbols without line ends.
    pub(super) symbols: usize,
    /// Whether it has symbols of the alphabet for URIs and file names.
    pub(super) url: bool,
    pub(super) wrap: Option<Wrap>,
}

/// Lines of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrap {
    width: usize,
    /// Symbols of the first line, before which something else may stand.
    first: usize,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Lf,
    CrLf,
}

impl Ending {
    fn bytes(self) -> &'static [u8] {
        match self {
            Ending::Lf => b"\n",
            Ending::CrLf => b"\r\n",
        }
    }
}

impl Wrap {
    /// Breaks symbols into lines.
    pub(super) fn apply(self, symbols: &[u8]) -> Vec<u8> {
        let (first, rest) = symbols.split_at(self.first.min(symbols.len()));
        let mut out = Vec::with_capacity(symbols.len() + symbols.len() / 16 + 2);
        out.extend_from_slice(first);
        for line in rest.chunks(self.width.max(1)) {
            out.extend_from_slice(self.ending.bytes());
            out.extend_from_slice(line);
        }
        out
    }
}

/// The run around a place, which must hold a symbol, not before `floor`.
pub(super) fn around(text: &[u8], at: usize, floor: usize) -> Option<Extent> {
    if at < floor || !text.get(at).is_some_and(|byte| is_symbol(*byte)) {
        return None;
    }
    let (mut start, mut end) = (start_of(text, at, floor, is_symbol), end_of(text, at, is_symbol));
    let line = text.get(start..end).unwrap_or_default();
    let mut url = memchr::memchr2(b'-', b'_', line).is_some();
    if url && memchr::memchr2(b'+', b'/', line).is_some() {
        // Two alphabets meet: the one that reaches further counts.
        let standard = reach(text, at, start, is_standard);
        let other = reach(text, at, start, is_url);
        url = other.1 - other.0 > standard.1 - standard.0;
        (start, end) = if url { other } else { standard };
    }
    let mut extent = Extent { start, end, symbols: end - start, url, wrap: None };
    if url {
        lines(text, floor, is_url, &mut extent);
    } else {
        lines(text, floor, is_standard, &mut extent);
    }
    Some(extent)
}

/// Where the symbols around a place begin and end; an empty range where it holds none.
fn reach(text: &[u8], at: usize, floor: usize, accept: impl Fn(u8) -> bool) -> (usize, usize) {
    if text.get(at).is_some_and(|byte| accept(*byte)) {
        (start_of(text, at, floor, &accept), end_of(text, at, &accept))
    } else {
        (at, at)
    }
}

/// Takes in the lines around.
fn lines(text: &[u8], floor: usize, accept: impl Fn(u8) -> bool, extent: &mut Extent) {
    if let Some(ending) = ending_before(text, extent.start) {
        before(text, floor, &accept, ending, extent);
    }
    behind(text, &accept, extent);
}

/// Takes in the lines before.
fn before(
    text: &[u8],
    floor: usize,
    accept: impl Fn(u8) -> bool,
    ending: Ending,
    extent: &mut Extent,
) {
    let mut width = None;
    loop {
        let Some(line_end) = extent.start.checked_sub(ending.bytes().len()) else { return };
        let Some(line) = text.get(floor..line_end) else { return };
        if !text.get(line_end..).is_some_and(|rest| rest.starts_with(ending.bytes())) {
            return;
        }
        // One symbol more than a line has tells a first line that something stands before.
        let window = line.get(line.len().saturating_sub(WIDTH_MAX + 1)..).unwrap_or_default();
        let length = window.len() - start_of(window, window.len(), 0, &accept);
        let fits = match width {
            None => is_width(length) && extent.symbols <= length,
            Some(width) => length == width,
        };
        // What stands before the first line may have taken some of it.
        let is_first =
            width.is_some_and(|width| length < width && length > 0 && !ends_line(window, length));
        if !fits && !is_first {
            return;
        }
        let width = *width.get_or_insert(length);
        extent.wrap = Some(Wrap { width, first: length, ending });
        extent.start = line_end - length;
        extent.symbols += length;
        if is_first || !ends_line(window, length) {
            return;
        }
    }
}

/// Whether the last `length` bytes of a window are a line of their own.
fn ends_line(window: &[u8], length: usize) -> bool {
    window.len().checked_sub(length + 1).and_then(|at| window.get(at)).is_none_or(|b| *b == b'\n')
}

/// Takes in the lines behind.
fn behind(text: &[u8], accept: impl Fn(u8) -> bool, extent: &mut Extent) {
    let mut last = extent
        .wrap
        .map_or(extent.symbols, |wrap| extent.end - line_start(text, extent.end, wrap.width));
    loop {
        let rest = text.get(extent.end..).unwrap_or_default();
        let ending = match rest {
            [b'\n', ..] => Ending::Lf,
            [b'\r', b'\n', ..] => Ending::CrLf,
            _ => return,
        };
        let fits = match extent.wrap {
            // A first line may be shorter than the others, but which is the width?
            None => is_width(last),
            Some(wrap) => last == wrap.width && wrap.ending == ending,
        };
        let width = extent.wrap.map_or(last, |wrap| wrap.width);
        let line = rest.get(ending.bytes().len()..).unwrap_or_default();
        let length = end_of(line.get(..=width).unwrap_or(line), 0, &accept);
        let stops = matches!(
            line.get(length),
            None | Some(b'\r' | b'\n' | b'=' | b'"' | b'\'' | b'<' | b',' | b')' | b'?' | b'\\')
        );
        if !fits || length == 0 || length > width || !stops {
            return;
        }
        let first = extent.wrap.map_or(last, |wrap| wrap.first);
        extent.wrap = Some(Wrap { width, first, ending });
        extent.end += ending.bytes().len() + length;
        extent.symbols += length;
        last = length;
    }
}

fn line_start(text: &[u8], end: usize, width: usize) -> usize {
    let from = end.saturating_sub(width + 1);
    let line = text.get(from..end).unwrap_or_default();
    memchr::memrchr(b'\n', line).map_or(from, |at| from + at + 1)
}

fn ending_before(text: &[u8], start: usize) -> Option<Ending> {
    match text.get(..start).unwrap_or_default() {
        [.., b'\r', b'\n'] => Some(Ending::CrLf),
        [.., b'\n'] => Some(Ending::Lf),
        _ => None,
    }
}

/// RFC 2045 section 6.8 allows 76 symbols, RFC 7468 section 2 writes 64; whole quanta.
fn is_width(length: usize) -> bool {
    (WIDTH_MIN..=WIDTH_MAX).contains(&length) && length.is_multiple_of(4)
}

/// Where symbols that end at or behind a place begin.
fn start_of(text: &[u8], at: usize, floor: usize, accept: impl Fn(u8) -> bool) -> usize {
    let mut rest = text.get(floor..at).unwrap_or_default();
    while let Some((before, block)) = rest.split_last_chunk::<BLOCK>() {
        if !all(block, &accept) {
            break;
        }
        rest = before;
    }
    let tail = rest.iter().rev().take_while(|byte| accept(**byte)).count();
    floor + rest.len() - tail
}

/// Where symbols that begin at a place end.
fn end_of(text: &[u8], at: usize, accept: impl Fn(u8) -> bool) -> usize {
    let whole = text.get(at..).unwrap_or_default();
    let mut rest = whole;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        if !all(block, &accept) {
            break;
        }
        rest = behind;
    }
    let head = rest.iter().take_while(|byte| accept(**byte)).count();
    at + (whole.len() - rest.len()) + head
}

/// Written without an early exit, so that it compiles to vector instructions.
#[inline]
fn all(block: &[u8; BLOCK], accept: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(true, |all, byte| all & accept(*byte))
}

#[inline]
fn is_letter_or_digit(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10)
}

#[inline]
fn is_standard(byte: u8) -> bool {
    is_letter_or_digit(byte) | (byte == b'+') | (byte == b'/')
}

#[inline]
fn is_url(byte: u8) -> bool {
    is_letter_or_digit(byte) | (byte == b'-') | (byte == b'_')
}

#[inline]
fn is_symbol(byte: u8) -> bool {
    is_standard(byte) | (byte == b'-') | (byte == b'_')
}

/// Bytes judged at once.
const BLOCK: usize = 64;

/// Unit: symbols.
const WIDTH_MIN: usize = 32;
const WIDTH_MAX: usize = 76;
