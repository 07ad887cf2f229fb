//! The corpus's own random numbers: xoshiro256** seeded by SplitMix64 (Blackman and Vigna, public
//! domain). The same seed gives the same corpus, byte for byte, on every machine.

pub struct Rng([u64; 4]);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Rng([next(), next(), next(), next()])
    }

    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let out = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        out
    }

    /// A number of `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    pub fn word<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    pub fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| *self.pick(&letters)).collect()
    }

    /// Digits; the first is not zero.
    pub fn number(&mut self, length: usize) -> String {
        self.text("123456789", 1) + &self.text(DIGITS, length - 1)
    }

    pub fn digits(&mut self, length: usize) -> String {
        self.text(DIGITS, length)
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    /// Replaces `#` by a digit, `@` by an upper-case letter, `?` by a lower-case one; `^` is a
    /// digit that is not zero.
    pub fn fill(&mut self, pattern: &str) -> String {
        let one = |c| match c {
            '#' => self.digits(1),
            '^' => self.number(1),
            '@' => self.text(UPPER, 1),
            '?' => self.text(LOWER, 1),
            other => String::from(other),
        };
        pattern.chars().map(one).collect()
    }
}

pub const DIGITS: &str = "0123456789";
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub const HEX: &str = "0123456789abcdef";
pub const BASE36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
pub const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[test]
fn same_seed_gives_the_same_numbers_and_another_seed_others() {
    let draw = |seed| Rng::new(seed).text(BASE62, 40);
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}
