//! Refuses public keys under which signatures prove nothing, although libraries accept them.
//!
//! Pure. Points that are on no curve and moduli of the wrong size are refused where keys are read.

/// An RSA modulus without leading zeros that is odd and of a size between what RFC 7518 section 3.3
/// asks for and what would be a burden on us. An even one is no product of two primes.
pub(super) fn sound_modulus(n: &[u8]) -> bool {
    let odd = n.last().is_some_and(|b| b % 2 == 1);
    odd && RSA_MODULUS_BYTES.contains(&n.len())
}

/// An RSA exponent that is odd, above 2^16 and of at most 32 bits. Under 1 everybody could sign;
/// small ones are what forgeries of lax padding need, and FIPS 186-5 section 5.1 excludes them.
pub(super) fn sound_exponent(e: &[u8]) -> bool {
    let odd = e.last().is_some_and(|b| b % 2 == 1);
    odd && (3..=4).contains(&e.len()) && e.first() != Some(&0)
}

/// An Ed25519 key that is written canonically and is no point of small order (RFC 8032 section
/// 5.1.3, RFC 8725 section 3.4). Under a point of small order one signature fits many messages,
/// under the neutral one all, and nobody has to know a private key.
pub(super) fn sound_ed25519(x: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(x) else { return false };
    // The top bit is the sign of the other coordinate; small order does not depend on it.
    y[31] &= 0x7f;
    let canonical = y.iter().rev().lt(FIELD.iter().rev());
    canonical && !SMALL_ORDER.contains(&y)
}

/// RFC 7518 section 3.3: at least 2048 bits; more than 8192 are slow to verify with.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// 2^255 - 19, little-endian: the order of the field.
const FIELD: [u8; 32] = with_ends(0xed, 0x7f);

/// The second coordinates of the eight points whose order divides 8, little-endian.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    one(),
    with_ends(0xec, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn with_ends(first: u8, last: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

const fn one() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

    use super::{FIELD, SMALL_ORDER, sound_ed25519, sound_exponent};

    #[test]
    fn exponents_are_odd_and_above_two_to_the_sixteenth() {
        for good in [&[1, 0, 1][..], &[1, 0, 3], &[0x80, 0, 0, 1]] {
            assert!(sound_exponent(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[0],
            &[1],
            &[2],
            &[3],
            &[17],
            &[0xff, 0xff],
            &[1, 0, 0],
            &[0, 1, 0, 1],
            &[1, 0, 0, 0, 1],
        ] {
            assert!(!sound_exponent(bad), "{bad:?}");
        }
    }

    #[test]
    fn honest_keys_are_sound() {
        for _ in 0..64 {
            let key = Ed25519KeyPair::generate().unwrap();
            assert!(sound_ed25519(key.public_key().as_ref()));
        }
    }

    /// Some message is signed by (R, 0) for a point R of small order, without any private key:
    /// what the check is for, shown with the library's own verifier.
    #[test]
    fn points_of_small_order_let_anybody_sign_and_are_refused() {
        for y in SMALL_ORDER {
            let forged = (0..512_u32).any(|n| {
                SMALL_ORDER.iter().any(|r| {
                    let signature = [r.as_slice(), &[0; 32]].concat();
                    let key = UnparsedPublicKey::new(&ED25519, y);
                    key.verify(&n.to_be_bytes(), &signature).is_ok()
                })
            });
            assert!(forged, "{y:02x?}");
            assert!(!sound_ed25519(&y));
            let mut other_sign = y;
            other_sign[31] |= 0x80;
            assert!(!sound_ed25519(&other_sign));
        }
    }

    #[test]
    fn other_spellings_of_a_point_are_refused() {
        let mut above = FIELD;
        assert!(!sound_ed25519(&above));
        for low in 0xee..=0xff {
            above[0] = low;
            assert!(!sound_ed25519(&above));
        }
        assert!(!sound_ed25519(&[9; 31]) && !sound_ed25519(&[9; 33]));
        let mut below = FIELD;
        below[0] = 0xeb;
        assert!(sound_ed25519(&below), "two below the order of the field, of no small order");
    }
}
