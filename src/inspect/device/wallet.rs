//! Addresses of crypto currencies. Case matters in most of them, so that they are judged as
//! they were written.

use super::keccak::keccak256;
use super::{Named, base58, bech32, is_one_symbol};
use crate::class::{Class, Confidence};
use crate::inspect::candidate::{Around, Judged};

/// Judges a whole run of letters and digits as written.
pub(in crate::inspect) fn wallet(raw: &[u8], around: Around) -> Option<Judged> {
    let class = Class::CryptoWallet;
    if !around.on.contains(class) || !(LENGTH_MIN..=LENGTH_MAX).contains(&raw.len()) {
        return None;
    }
    let named = Named::of(class, around);
    let confidence = match (raw, named) {
        ([b'0', b'x' | b'X', address @ ..], _) => ethereum(address, named),
        _ if is_checked(raw) => Some(Confidence::Certain),
        (_, Named::Yes) => named_wallet(raw),
        (_, Named::No) => None,
    }?;
    Some((class, confidence))
}

/// Addresses with a check sum.
fn is_checked(raw: &[u8]) -> bool {
    base58::is_address(raw)
        || bech32::is_address(raw)
        || base58::is_ripple(raw)
        || bech32::is_cash_address(raw)
        || base58::is_monero(raw)
}

/// 20 bytes of Ethereum and the networks that took its form over. The case of the letters
/// is the check sum (EIP-55) where both cases are used.
fn ethereum(address: &[u8], named: Named) -> Option<Confidence> {
    let address: &[u8; 40] = address.try_into().ok()?;
    if !address.iter().all(u8::is_ascii_hexdigit) || is_one_symbol(address) {
        return None;
    }
    let lower = address.iter().any(u8::is_ascii_lowercase);
    let upper = address.iter().any(u8::is_ascii_uppercase);
    match (lower && upper, named) {
        (true, _) if is_cased(address)? => Some(Confidence::Certain),
        // Somebody changed the case by hand, or it is of a network with another sum (EIP-1191).
        (true, Named::Yes) => Some(Confidence::Likely),
        (true, Named::No) => Some(Confidence::Possible),
        (false, _) => Some(Confidence::Likely),
    }
}

/// EIP-55: a letter is in upper case where the same place of the hash is 8 or more.
fn is_cased(address: &[u8; 40]) -> Option<bool> {
    let hash = keccak256(&address.to_ascii_lowercase())?;
    let places = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Some(address.iter().zip(places).all(|(symbol, place)| {
        !symbol.is_ascii_alphabetic() || symbol.is_ascii_uppercase() == (place >= 8)
    }))
}

/// What a name must speak for: keys of Solana, addresses of networks that are not known
/// here, and Ethereum without `0x`.
fn named_wallet(raw: &[u8]) -> Option<Confidence> {
    if raw.len() == 40 && raw.iter().all(u8::is_ascii_hexdigit) {
        return ethereum(raw, Named::Yes).map(|sure| sure.min(Confidence::Likely));
    }
    let both = raw.iter().any(u8::is_ascii_lowercase) && raw.iter().any(u8::is_ascii_uppercase);
    let digits = raw.iter().any(u8::is_ascii_digit);
    // Stellar: StrKey of SEP-0023, base 32.
    let stellar = || raw.iter().all(|symbol| matches!(symbol, b'A'..=b'Z' | b'2'..=b'7'));
    if base58::is_key(raw) || (raw.len() == 56 && raw.starts_with(b"G") && stellar()) {
        return Some(Confidence::Likely);
    }
    (both && digits && base58::is_written(raw)).then_some(Confidence::Possible)
}

/// 25 bytes in base 58 that begin with many zeros.
const LENGTH_MIN: usize = 25;

/// A Cardano address with two keys has 103.
const LENGTH_MAX: usize = 128;
