//! Base 58 as addresses of crypto currencies are written with it.

use aws_lc_rs::digest::{SHA256, digest};

use super::keccak::keccak256;

/// Whether the text is a version, the hash of a key or script and its check sum, after the
/// Bitcoin developer reference, "Address Conversion". 32 bits of check sum leave no doubt,
/// so that any version counts: Bitcoin, Litecoin, Dogecoin, Dash, Tron, their test networks;
/// with two bytes of version the transparent addresses of Zcash (protocol, 5.6.1.1).
pub(super) fn is_address(text: &[u8]) -> bool {
    (MIN..=MAX).contains(&text.len())
        && (is_checked::<25>(text, BITCOIN) || is_checked::<26>(text, BITCOIN))
}

/// The same in the alphabet of the XRP Ledger ("Base58 Encodings"), accounts only.
pub(super) fn is_ripple(text: &[u8]) -> bool {
    text.starts_with(b"r") && (MIN..=MAX).contains(&text.len()) && is_checked::<25>(text, RIPPLE)
}

/// Whether these are the 32 bytes of a public key, as Solana writes them: no check sum.
pub(super) fn is_key(text: &[u8]) -> bool {
    (32..=44).contains(&text.len()) && decode::<32>(text, BITCOIN).is_some()
}

/// Whether the text has only symbols of base 58.
pub(super) fn is_written(text: &[u8]) -> bool {
    text.iter().all(|symbol| BITCOIN.contains(symbol))
}

/// Whether the text is a Monero address: a network byte, two keys and a check sum, in blocks
/// of eight bytes (CryptoNote Standard 007; subaddresses since 2017 have the same form).
pub(super) fn is_monero(text: &[u8]) -> bool {
    if text.len() != MONERO || !matches!(text.first(), Some(b'4' | b'8')) {
        return false;
    }
    let mut bytes = Vec::with_capacity(69);
    for block in text.chunks(11) {
        let decoded = match block.len() {
            11 => decode_block::<8>(block).map(|block| bytes.extend(block)),
            _ => decode_block::<5>(block).map(|block| bytes.extend(block)),
        };
        if decoded.is_none() {
            return false;
        }
    }
    let Some((payload, check)) = bytes.split_last_chunk::<4>() else { return false };
    keccak256(payload).is_some_and(|hash| hash.starts_with(check))
}

fn is_checked<const N: usize>(text: &[u8], alphabet: &[u8; 58]) -> bool {
    let Some(bytes) = decode::<N>(text, alphabet) else { return false };
    let Some((payload, check)) = bytes.split_last_chunk::<4>() else { return false };
    digest(&SHA256, digest(&SHA256, payload).as_ref()).as_ref().starts_with(check)
}

/// Exactly `N` bytes: a zero in front is written as the first symbol of the alphabet.
fn decode<const N: usize>(text: &[u8], alphabet: &[u8; 58]) -> Option<[u8; N]> {
    let bytes = number::<N>(text, alphabet)?;
    let zero = alphabet.first()?;
    let written = text.iter().take_while(|symbol| *symbol == zero).count();
    (bytes.iter().take_while(|byte| **byte == 0).count() == written).then_some(bytes)
}

/// Blocks have a fixed length, and so no zeros to count.
fn decode_block<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    number::<N>(text, BITCOIN)
}

/// The number in `N` bytes, if it fits.
fn number<const N: usize>(text: &[u8], alphabet: &[u8; 58]) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    for symbol in text {
        let digit = alphabet.iter().position(|other| other == symbol)?;
        let mut carry = u32::try_from(digit).ok()?;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            let [low, ..] = carry.to_le_bytes();
            *byte = low;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// How short and how long 25 or 26 bytes can be.
const MIN: usize = 25;
const MAX: usize = 36;

/// 69 bytes in eight blocks of 11 symbols and one of 7.
const MONERO: usize = 95;
