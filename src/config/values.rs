//! Values that are typed as text: durations, sizes, rates, addresses, networks.
//!
//! Pure. Guarantees: a value that is accepted has one reading; what other formats would read
//! otherwise (a number without a unit, `MB`, `1.5h`) is refused with the right spelling.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::model::Rate;

/// Why a text is not such a value. `Display` is the message, [`ValueError::help`] the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("this is not a duration")]
    Duration,
    #[error("this is not a size")]
    Size,
    #[error("`{unit}` means 1,000 to some and 1,024 to others")]
    DecimalUnit { unit: String },
    #[error("this is not a rate")]
    Rate,
    #[error("a rate of 0 would refuse every call")]
    RateZero,
    #[error("a burst of 0 would refuse every call")]
    BurstZero,
    #[error("the value is too large")]
    TooLarge,
    #[error("this is not an address with a port")]
    Address,
    #[error("this address has no IP address before its port")]
    AddressName { port: String },
    #[error("this is not a network")]
    Network,
    #[error("the address has bits beyond its prefix")]
    NetworkBits { network: IpNet },
}

impl ValueError {
    /// What to write instead.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Duration => {
                "write a whole number and a unit without a space: `500ms`, `30s`, `5m`, `24h`, `7d`"
                    .into()
            }
            Self::Size => {
                "write a whole number and a unit without a space: `64KiB`, `4MiB`, `1GiB`".into()
            }
            Self::DecimalUnit { unit } => {
                format!("write `{}iB`", unit.chars().next().unwrap_or('K').to_ascii_uppercase())
            }
            Self::Rate => "write calls per `s`, `m`, `h` or `d`: `60/m`, or `5/s burst 20`".into(),
            Self::RateZero => "write `off` for no limit, or deny what nobody may call".into(),
            Self::BurstZero => "write a burst of at least 1, or leave it out".into(),
            Self::TooLarge => "write a smaller number".into(),
            Self::Address => "write `127.0.0.1:8443`, `0.0.0.0:8443` or `[::1]:8443`".into(),
            Self::AddressName { port } => {
                format!("write `127.0.0.1:{port}` for this machine alone, `0.0.0.0:{port}` for all")
            }
            Self::Network => "write `10.0.0.0/8`, `fd00::/8` or one IP address".into(),
            Self::NetworkBits { network } => format!("did you mean `{network}`?"),
        }
    }
}

/// `500ms`, `30s`, `5m`, `24h`, `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, ValueError> {
    let (number, unit) = split(text).ok_or(ValueError::Duration)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(ValueError::Duration),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or(ValueError::TooLarge)
}

/// `512B`, `64KiB`, `4MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<usize, ValueError> {
    let (number, unit) = split(text).ok_or(ValueError::Size)?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "k" | "K" | "M" | "G" | "kB" | "KB" | "MB" | "GB" => {
            return Err(ValueError::DecimalUnit { unit: unit.into() });
        }
        _ => return Err(ValueError::Size),
    };
    let bytes = number.checked_mul(1 << shift).ok_or(ValueError::TooLarge)?;
    usize::try_from(bytes).map_err(|_| ValueError::TooLarge)
}

/// `60/m`, `5/s burst 20`; `None` for `off`.
pub(super) fn rate(text: &str) -> Result<Option<Rate>, ValueError> {
    if text == "off" {
        return Ok(None);
    }
    let mut words = text.split(' ');
    let first = words.next().ok_or(ValueError::Rate)?;
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some("burst"), Some(number), None) => Some(count(number).ok_or(ValueError::Rate)?),
        _ => return Err(ValueError::Rate),
    };
    let (number, unit) = first.split_once('/').ok_or(ValueError::Rate)?;
    let count = count(number).ok_or(ValueError::Rate)?;
    let window_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(ValueError::Rate),
    };
    let burst = burst.unwrap_or(count);
    match (count, burst) {
        (0, _) => Err(ValueError::RateZero),
        (_, 0) => Err(ValueError::BurstZero),
        _ => Ok(Some(Rate { count, window: Duration::from_secs(window_s), burst })),
    }
}

/// An IP address and a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| match text.rsplit_once(':') {
        Some((host, port))
            if !host.contains(':') && port.parse::<u16>().is_ok() && !host.starts_with('[') =>
        {
            ValueError::AddressName { port: port.into() }
        }
        _ => ValueError::Address,
    })
}

/// A network in CIDR notation, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, ValueError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| ValueError::Network)?;
    let trunc = network.trunc();
    if trunc == network { Ok(network) } else { Err(ValueError::NetworkBits { network: trunc }) }
}

/// Digits, then a unit, nothing between.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

fn count(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Duration, Rate, ValueError, address, duration, network, rate, size};

    #[test]
    fn durations_need_a_whole_number_and_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("24h"), duration("1d"));
        for text in ["30", "s", "", "1.5h", "-3s", "30 s", "3 0s", "5min", "1h30m", "+3s"] {
            assert_eq!(duration(text), Err(ValueError::Duration), "{text}");
        }
        assert_eq!(duration("18446744073709551615d"), Err(ValueError::TooLarge));
    }

    #[test]
    fn sizes_are_binary_and_say_so() {
        assert_eq!(size("4MiB"), Ok(4 * 1024 * 1024));
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("4MB").unwrap_err().help(), "write `MiB`");
        assert_eq!(size("4kB").unwrap_err().help(), "write `KiB`");
        for text in ["4", "MiB", "4mib", "4 MiB", "1e3B"] {
            assert_eq!(size(text), Err(ValueError::Size), "{text}");
        }
        assert_eq!(size("99999999999GiB"), Err(ValueError::TooLarge));
    }

    #[test]
    fn rates_have_a_window_and_a_burst() {
        let expected = |count, window_s, burst| {
            Ok(Some(Rate { count, window: Duration::from_secs(window_s), burst }))
        };
        assert_eq!(rate("60/m"), expected(60, 60, 60));
        assert_eq!(rate("5/s burst 20"), expected(5, 1, 20));
        assert_eq!(rate("off"), Ok(None));
        assert_eq!(rate("0/s"), Err(ValueError::RateZero));
        assert_eq!(rate("1/s burst 0"), Err(ValueError::BurstZero));
        for text in [
            "60",
            "60/",
            "/m",
            "60/x",
            "60/m burst",
            "60/m burst x",
            "60/m burst 1 2",
            "-1/s",
            "+1/s",
            "60 / m",
        ] {
            assert_eq!(rate(text), Err(ValueError::Rate), "{text}");
        }
    }

    #[test]
    fn addresses_are_ip_addresses_with_a_port() {
        assert!(address("127.0.0.1:8443").is_ok() && address("[::1]:0").is_ok());
        assert!(address(":8443").unwrap_err().help().contains("0.0.0.0:8443"));
        assert!(address("localhost:8443").unwrap_err().help().contains("127.0.0.1:8443"));
        for text in ["8443", "127.0.0.1", "::1:8443", "[::1]", "1.2.3.4:99999", "[x]:1"] {
            assert_eq!(address(text), Err(ValueError::Address), "{text}");
        }
    }

    #[test]
    fn network_with_host_bits_is_refused_with_the_network() {
        assert!(network("10.0.0.0/8").is_ok() && network("fd00::/8").is_ok());
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("10.1.2.3/8").unwrap_err().help(), "did you mean `10.0.0.0/8`?");
        assert_eq!(network("10.0.0/8"), Err(ValueError::Network));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = (duration(&text), size(&text), rate(&text), address(&text), network(&text));
        }

        #[test]
        fn accepted_rate_is_never_zero(count in 0u32.., burst in 0u32..) {
            let result = rate(&format!("{count}/h burst {burst}"));
            prop_assert_eq!(result.is_ok(), count > 0 && burst > 0);
        }
    }
}
