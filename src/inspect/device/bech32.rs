//! Bech32 (BIP 173), Bech32m (BIP 350) and `CashAddr` as addresses are written with them.

/// Whether the text is an address of a network that writes them in Bech32.
pub(super) fn is_address(text: &[u8]) -> bool {
    let Some(lower) = one_case(text) else { return false };
    let Some(separator) = lower.iter().rposition(|symbol| *symbol == b'1') else { return false };
    let (prefix, rest) = lower.split_at(separator);
    if !PREFIXES.contains(&prefix) {
        return false;
    }
    let Some(data) = values(rest.get(1..).unwrap_or_default()) else { return false };
    let high = prefix.iter().map(|symbol| symbol >> 5);
    let low = prefix.iter().map(|symbol| symbol & 31);
    let remainder = high.chain([0]).chain(low).chain(data.iter().copied()).fold(1, step);
    let Some((data, _check)) = data.split_last_chunk::<6>() else { return false };
    if SEGWIT.contains(&prefix) {
        is_program(data, remainder)
    } else {
        // The hash of a key at least.
        remainder == BECH32 && data.len() >= 32
    }
}

/// A witness program: its version decides over the check sum (BIP 350), and over how long it
/// may be (BIP 141).
fn is_program(data: &[u8], remainder: u32) -> bool {
    let Some((version, program)) = data.split_first() else { return false };
    let bytes = program.len() * 5 / 8;
    match version {
        0 => remainder == BECH32 && matches!(bytes, 20 | 32),
        1..=16 => remainder == BECH32M && (2..=40).contains(&bytes),
        _ => false,
    }
}

/// Whether the text is an address of Bitcoin Cash without its prefix (`CashAddr`
/// specification): 160 bits of hash, for a key (`q`) or a script (`p`).
pub(super) fn is_cash_address(text: &[u8]) -> bool {
    let Some(lower) = one_case(text) else { return false };
    if lower.len() != 42 || !matches!(lower.first(), Some(b'q' | b'p')) {
        return false;
    }
    let Some(data) = values(&lower) else { return false };
    let prefix = b"bitcoincash".iter().map(|symbol| symbol & 31);
    prefix.chain([0]).chain(data).fold(1, cash_step) == 1
}

/// In lower case; nothing if both cases are used.
fn one_case(text: &[u8]) -> Option<Vec<u8>> {
    let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
    (!mixed && text.len() <= LENGTH_MAX).then(|| text.to_ascii_lowercase())
}

fn values(text: &[u8]) -> Option<Vec<u8>> {
    let value = |symbol: &u8| CHARSET.iter().position(|other| other == symbol);
    text.iter().map(|symbol| value(symbol).and_then(|at| u8::try_from(at).ok())).collect()
}

/// One step of the division of BIP 173, "Checksum".
fn step(remainder: u32, value: u8) -> u32 {
    let top = remainder >> 25;
    let shifted = ((remainder & 0x01ff_ffff) << 5) ^ u32::from(value);
    let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
    terms.fold(shifted, |remainder, (_, term)| remainder ^ term)
}

/// The same with the 40 bits of `CashAddr`.
fn cash_step(remainder: u64, value: u8) -> u64 {
    let top = remainder >> 35;
    let shifted = ((remainder & 0x07_ffff_ffff) << 5) ^ u64::from(value);
    let terms = CASH_GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
    terms.fold(shifted, |remainder, (_, term)| remainder ^ term)
}

const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const CASH_GENERATOR: [u64; 5] =
    [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];

/// What the division leaves: BIP 173 and BIP 350.
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;

/// The longest: a Cardano address with two keys, or one of a test network with a script.
const LENGTH_MAX: usize = 128;

/// Prefixes whose data are a witness program, from SLIP-0173.
const SEGWIT: [&[u8]; 9] =
    [b"bc", b"tb", b"bcrt", b"ltc", b"tltc", b"rltc", b"vtc", b"dgb", b"grs"];

/// SLIP-0173, "Registered human-readable parts for BIP-0173": those of addresses.
#[rustfmt::skip]
const PREFIXES: [&[u8]; 32] = [
    b"bc", b"tb", b"bcrt", b"ltc", b"tltc", b"rltc", b"vtc", b"dgb", b"grs",
    b"addr", b"stake", b"akash", b"axelar", b"bnb", b"celestia", b"cosmos", b"cro", b"dydx",
    b"erd", b"evmos", b"inj", b"juno", b"kava", b"one", b"osmo", b"secret", b"sei", b"stars",
    b"terra", b"thor", b"zil", b"zs",
];
