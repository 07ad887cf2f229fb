//! Where a text could hold characters that are written in another way: found at the speed of
//! memory, since almost no text holds any.

/// Reads a text block by block.
#[derive(Debug)]
pub(super) struct Marks {
    /// Where the block at hand begins; at first, beyond every text.
    block: usize,
    /// Which of its bytes are marks.
    marks: [u8; BLOCK],
}

impl Default for Marks {
    fn default() -> Self {
        Marks { block: usize::MAX, marks: [0; BLOCK] }
    }
}

impl Marks {
    /// Where the next byte stands, from a place on, that looks like the begin of a sequence.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let inside = at.checked_sub(self.block).filter(|inside| *inside < BLOCK);
            if inside.is_none() {
                let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
                let Some(window) = rest.first_chunk() else {
                    let bytes = rest.iter().enumerate().filter(|(_, byte)| is_mark(**byte));
                    return bytes.map(|(skip, _)| at + skip).find(|at| begins(text, *at));
                };
                self.block = at;
                self.marks = marks(window);
            }
            match self.mark_from(inside.unwrap_or(0)) {
                Some(mark) if begins(text, self.block + mark) => return Some(self.block + mark),
                Some(mark) => at = self.block + mark + 1,
                None => at = self.block + BLOCK,
            }
        }
    }

    /// The first mark of the block from a place in it on.
    fn mark_from(&self, from: usize) -> Option<usize> {
        let (words, _) = self.marks.as_chunks::<8>();
        let words = words.iter().enumerate().skip(from / 8);
        let mut dead = from % 8;
        for (index, word) in words {
            let alive = u64::from_le_bytes(*word) & (u64::MAX << (dead * 8));
            if alive != 0 {
                let byte = usize::try_from(alive.trailing_zeros() / 8).unwrap_or(0);
                return Some(index * 8 + byte);
            }
            dead = 0;
        }
        None
    }
}

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
        Some(b' ') => lower(1) == b'a' && lower(2) == b't' || lower(1) == b'd' && lower(2) == b'o',
        Some(b'[' | b'(' | b'{' | b'<') => {
            matches!(next, b'@' | b'.' | b':' | b'-' | b' ')
                || lower(1) == b'a' && lower(2) == b't'
                || lower(1) == b'd' && lower(2) == b'o' && lower(3) == b't'
        }
        Some(b'\\' | b'+') => true,
        _ => false,
    }
}

/// Which bytes of a block are marks: those of codes, and blanks before ` at ` and ` dot `.
/// Written without a branch, so that it compiles to vector instructions.
fn marks(window: &[u8; BLOCK + AHEAD]) -> [u8; BLOCK] {
    let from = |by: usize| window.get(by..by + BLOCK).unwrap_or_default().iter();
    let bytes = from(0).zip(from(1)).zip(from(2)).zip(from(3));
    let mut marks = [0; BLOCK];
    for (mark, (((here, next), second), third)) in marks.iter_mut().zip(bytes) {
        // From `%` to `+`; `<` and `=`; `[` and `{`.
        let percent_to_plus = u8::from(here.wrapping_sub(b'%') < 7);
        let less_or_equals = u8::from(*here & 0xFE == b'<');
        let bracket = u8::from(*here | 0x20 == b'{') | u8::from(*here == b'\\');
        let (first, second) = (*next | 0x20, *second | 0x20);
        let at = u8::from(first == b'a') & u8::from(second == b't') & u8::from(*third == b' ');
        let dot =
            u8::from(first == b'd') & u8::from(second == b'o') & u8::from(*third | 0x20 == b't');
        let word = u8::from(*here == b' ') & (at | dot);
        *mark = percent_to_plus | less_or_equals | bracket | word;
    }
    marks
}

/// Bytes judged at once: four vectors of the baseline of x86-64 and of AArch64.
const BLOCK: usize = 64;

/// Bytes behind a byte that decide about it.
const AHEAD: usize = 3;
