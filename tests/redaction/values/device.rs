//! Machines, SIM cards, vehicles, places.

use super::{Made, Style, until};
use crate::check;
use crate::rng::{HEX, Rng};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    Some(match class {
        "ip" => ip(rng),
        "mac" => Made::new(class, Style::Word, mac(rng)).free(),
        "geo" => geo(rng),
        "imei" => {
            // A type allocation code of a real reporting body, then a serial number.
            let start = *rng.pick(&["35", "86", "01", "99"]);
            let imei = until(rng, |rng| check::luhn(&format!("{start}{}", rng.digits(12))));
            let spelling = match rng.below(4) {
                0 => super::grouped(&imei, "##-######-######-#"),
                1 => super::grouped(&imei, "## ###### ###### #"),
                _ => imei,
            };
            Made::new(class, Style::Digits, spelling).with_bare()
        }
        "imsi" => {
            const NETWORKS: [&str; 7] =
                ["310260", "26201", "23415", "20801", "40410", "44010", "22210"];
            let network = *rng.pick(&NETWORKS);
            let serial = rng.digits(15 - network.len());
            Made::new(class, Style::Digits, format!("{network}{serial}"))
        }
        "iccid" => {
            const ISSUERS: [&str; 6] =
                ["891480", "894902", "894410", "893310", "8991100", "898600"];
            let issuer = *rng.pick(&ISSUERS);
            let length = rng.range(18, 19);
            let rest = usize::try_from(length).unwrap() - issuer.len();
            let iccid = until(rng, |rng| check::luhn(&format!("{issuer}{}", rng.digits(rest))));
            Made::new(class, Style::Digits, iccid)
        }
        "vin" => {
            const MAKERS: [&str; 8] = ["1HG", "1FT", "5YJ", "2T1", "3VW", "JTD", "WBA", "KMH"];
            let maker = *rng.pick(&MAKERS);
            let body = rng.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 5);
            let year = rng.text("ABCDEFGHJKLMNPRST", 1);
            let serial = rng.digits(6);
            let plant = rng.text("ABCDEFGHJK", 1);
            let vin = check::vin(&format!("{maker}{body}0{year}{plant}{serial}")).unwrap();
            Made::new(class, Style::Word, vin).free()
        }
        "licence_plate" => Made::new(class, Style::Word, plate(rng)),
        _ => return None,
    })
}

fn ip(rng: &mut Rng) -> Made {
    let made = |value| Made::new("ip", Style::Word, value).free();
    if rng.chance(30) {
        return made(v6(rng)).tagged("ipv6");
    }
    if rng.chance(12) {
        let private = match rng.below(3) {
            0 => format!("10.{}.{}.{}", rng.range(0, 255), rng.range(0, 255), rng.range(2, 254)),
            1 => format!("192.168.{}.{}", rng.range(0, 255), rng.range(2, 254)),
            _ => format!("172.{}.{}.{}", rng.range(16, 31), rng.range(0, 255), rng.range(2, 254)),
        };
        // Somebody's machine, but only a name beside it says that it is one.
        return made(private).free_if(false).tagged("private-ip");
    }
    // Public unicast: not 0, 10, 127, 169.254, 172.16, 192.0, 192.168, 198.18, 198.51.100, 203.0.113.
    let first = *rng.pick(&[5, 31, 46, 62, 77, 81, 84, 91, 109, 138, 145, 151, 178, 185, 212, 217]);
    let (second, third) = (rng.range(1, 250), rng.range(0, 255));
    let value = format!("{first}.{second}.{third}.{}", rng.range(2, 254));
    match rng.below(8) {
        0 => made(value).within("", format!(":{}", rng.range(1024, 65535))),
        1 => made(value).within("::ffff:", ""),
        _ => made(value),
    }
}

fn v6(rng: &mut Rng) -> String {
    const NETWORKS: [&str; 6] =
        ["2a02:908", "2003:c7", "2600:1700", "2a01:e0a", "2409:4072", "2804:14d"];
    let network = *rng.pick(&NETWORKS);
    let hex = |rng: &mut Rng| format!("{:x}", rng.range(0x100, 0xffff));
    let tail: Vec<String> = (0..4).map(|_| hex(rng)).collect();
    match rng.below(4) {
        0 => format!("{network}::{}", tail[0]),
        1 => format!("{network}:{}::{}:{}", tail[0], tail[1], tail[2]),
        2 => format!("{network}:{}:{}:{}", hex(rng), hex(rng), tail.join(":")).to_uppercase(),
        _ => format!("{network}:{}:{}:{}", hex(rng), hex(rng), tail.join(":")),
    }
}

fn mac(rng: &mut Rng) -> String {
    const MAKERS: [&str; 8] =
        ["001b63", "3c0754", "f4f5d8", "b827eb", "00155d", "ac1f6b", "9c5c8e", "d4619d"];
    let hex = format!("{}{}", rng.pick(&MAKERS), rng.text(HEX, 6));
    match rng.below(5) {
        0 => super::grouped(&hex, "##-##-##-##-##-##").to_uppercase(),
        1 => super::grouped(&hex, "####.####.####"),
        2 => super::grouped(&hex, "##:##:##:##:##:##").to_uppercase(),
        _ => super::grouped(&hex, "##:##:##:##:##:##"),
    }
}

/// A pair in one text. Pairs of numbers in two members are made by the records.
fn geo(rng: &mut Rng) -> Made {
    let (lat, lon) = pair(rng);
    let value = match rng.below(6) {
        0 => format!("{lat},{lon}"),
        1 => {
            let (n, e) = (rng.range(10, 59), rng.range(10, 59));
            format!("{}°{n}'{e}\"N {}°{e}'{n}\"E", rng.range(36, 60), rng.range(3, 30))
        }
        2 => format!("{}° N, {}° W", lat.trim_start_matches('-'), lon.trim_start_matches('-')),
        _ => format!("{lat}, {lon}"),
    };
    let made = Made::new("geo", Style::Exact, value);
    match rng.below(8) {
        0 => Made::new("geo", Style::Exact, format!("{lat},{lon}")).within("geo:", "").free(),
        1 => Made::new("geo", Style::Exact, format!("{lon} {lat}")).within("POINT(", ")").free(),
        _ => made,
    }
}

/// Latitude and longitude of a house.
pub fn pair(rng: &mut Rng) -> (String, String) {
    let (south, west) = (rng.chance(25), rng.chance(50));
    let tail = |rng: &mut Rng| format!("{}{}", rng.digits(5), rng.text("123456789", 1));
    let lat = format!("{}{}.{}", if south { "-" } else { "" }, rng.range(11, 64), tail(rng));
    let lon = format!("{}{}.{}", if west { "-" } else { "" }, rng.range(1, 150), tail(rng));
    (lat, lon)
}

fn plate(rng: &mut Rng) -> String {
    let pattern = *rng.pick(&[
        "@@ @@ ###",
        "B-@@ ####",
        "@@## @@@",
        "@@-###-@@",
        "#@@@###",
        "@@@ ####",
        "@@ #####",
        "#### @@@",
        "@@@-####",
        "@ ### @@",
    ]);
    rng.fill(&pattern.replace('@', "%"))
        .chars()
        .map(|c| match c {
            // Letters that plates of most countries use.
            '%' => rng.text("ABCDEFGHJKLMNPRSTVWXYZ", 1),
            other => other.into(),
        })
        .collect()
}
