//! Where a text could hold characters that are written in another way: found at the speed of
//! memory, since almost no text holds any.

/// Reads a text block by block.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Before it nothing is left that was not told, unless it is told again.
    clear: usize,
}

impl Marks {
    /// Where the next byte stands, from a place on, that looks like the begin of a sequence.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            // A block is looked at once as a whole, and byte by byte only if a mark is in it.
            if at >= self.clear {
                match rest.first_chunk() {
                    Some(window) if !has_mark(window) => {
                        at += BLOCK;
                        continue;
                    }
                    Some(_) | None => self.clear = at.saturating_add(BLOCK),
                }
            }
            let block = rest.get(..self.clear - at).unwrap_or(rest);
            let mut marks = block.iter().enumerate().filter(|(_, byte)| is_mark(**byte));
            if let Some((skip, _)) = marks.find(|(skip, _)| begins(text, at + skip)) {
                return Some(at + skip);
            }
            at += block.len();
        }
    }
}

/// The bytes with which sequences begin: those of codes, and the blank before a spelled-out sign.
pub(in super::super) const MARKS: [u8; 13] = *b"%&'()*+<=[{\\ ";

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'%' | b'&' | b'\\' | b'+' | b'=' | b'[' | b'(' | b'{' | b'<' | b' ')
}

/// Whether what follows a mark fits it.
fn begins(text: &[u8], at: usize) -> bool {
    let lower = |ahead: usize| text.get(at + ahead).map_or(0, |byte| byte | 0x20);
    let next = text.get(at + 1).copied().unwrap_or(0);
    match text.get(at) {
        Some(b'%') => next.is_ascii_hexdigit() || next == b'u',
        Some(b'&') => next.is_ascii_alphabetic() || next == b'#',
        Some(b'=') => matches!(next, b'0'..=b'9' | b'A'..=b'F' | b'\r' | b'\n' | b'?'),
        Some(b' ') => match lower(1) {
            b'a' => lower(2) == b't' && text.get(at + 3) == Some(&b' '),
            b'd' => lower(2) == b'o' && lower(3) == b't',
            _ => false,
        },
        Some(b'[' | b'(' | b'{' | b'<') => {
            matches!(next, b'@' | b'.' | b':' | b'-' | b' ')
                || lower(1) == b'a' && lower(2) == b't'
                || lower(1) == b'd' && lower(2) == b'o' && lower(3) == b't'
        }
        Some(b'\\' | b'+') => true,
        _ => false,
    }
}

/// Whether a mark is in a block: one of those of codes, or a blank before `at ` and `dot`.
/// Written without a branch, so that it compiles to vector instructions.
fn has_mark(window: &[u8; BLOCK + AHEAD]) -> bool {
    let from = |by: usize| window.get(by..).and_then(<[u8]>::first_chunk::<BLOCK>);
    let (Some(here), Some(next), Some(second), Some(third)) = (from(0), from(1), from(2), from(3))
    else {
        return true;
    };
    let mut any = 0;
    for (((here, next), second), third) in here.iter().zip(next).zip(second).zip(third) {
        // From `%` to `+`; `<` and `=`; `[` and `{`.
        let percent_to_plus = u8::from(here.wrapping_sub(b'%') < 7);
        let less_or_equals = u8::from(*here & 0xFE == b'<');
        let bracket = u8::from(*here | 0x20 == b'{') | u8::from(*here == b'\\');
        let (first, second) = (*next | 0x20, *second | 0x20);
        let at = u8::from(first == b'a') & u8::from(second == b't') & u8::from(*third == b' ');
        let dot =
            u8::from(first == b'd') & u8::from(second == b'o') & u8::from(*third | 0x20 == b't');
        let word = u8::from(*here == b' ') & (at | dot);
        any |= percent_to_plus | less_or_equals | bracket | word;
    }
    any != 0
}

/// Bytes judged at once: four vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 64;

/// Bytes behind a byte that decide about it.
const AHEAD: usize = 3;
