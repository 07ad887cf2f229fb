//! What gives access by itself.

use super::people::Person;
use super::{Made, Style, issuers};
use crate::hashes::{STANDARD64, URL_SAFE64, base64};
use crate::rng::{BASE36, BASE62, HEX, Rng, URL64};

pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    let exact = |value: String| Made::new(class, Style::Exact, value);
    Some(match class {
        "jwt" => Made::new(class, Style::FixedSecret, jwt(rng)).free(),
        "private_key" => private_key(rng),
        "api_key" => api_key(rng),
        "password" => exact(password(rng)),
        "connection_string" => connection(rng),
        "auth_header" => auth_header(rng),
        "cookie" => cookie(rng),
        "secret" => exact(random_secret(rng)),
        _ => return None,
    })
}

fn jwt(rng: &mut Rng) -> String {
    let (algorithm, signature) = *rng.pick(&[("HS256", 43), ("RS256", 342), ("ES256", 86)]);
    let header = match rng.below(3) {
        0 => format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#),
        1 => format!(r#"{{"typ":"JWT","alg":"{algorithm}","kid":"{}"}}"#, rng.text(HEX, 8)),
        _ => format!(r#"{{"alg":"{algorithm}"}}"#),
    };
    let (subject, issued) = (rng.text(HEX, 24), rng.range(1_690_000_000, 1_770_000_000));
    let claims = format!(
        r#"{{"iss":"https://login.northwind-traders.com/","sub":"{subject}","iat":{issued},"exp":{}}}"#,
        issued + 3600
    );
    let coded = |text: &str| base64(text.as_bytes(), URL_SAFE64);
    let tail = rng.text(URL64, signature - 1);
    format!("{}.{}.{tail}Q", coded(&header), coded(&claims))
}

/// PEM (RFC 7468). The label is the body; the lines around it may go or stay.
fn private_key(rng: &mut Rng) -> Made {
    let kind = *rng.pick(&[
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ]);
    let (start, bytes) = match kind {
        "RSA PRIVATE KEY" => ("MIIEowIBAAKCAQEA", 900),
        "PRIVATE KEY" => ("MIGHAgEAMBMGByqG", 120),
        "EC PRIVATE KEY" => ("MHcCAQEEIP7R", 100),
        "OPENSSH PRIVATE KEY" => ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA", 300),
        _ => ("MIIFHDBOBgkqhkiG9w0BBQ0w", 640),
    };
    let raw: Vec<u8> = (0..bytes).map(|_| u8::try_from(rng.range(0, 255)).unwrap()).collect();
    let all = format!("{start}{}", base64(&raw, STANDARD64));
    let lines: Vec<_> = all.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let made = Made::new("private_key", Style::FixedSecret, lines.join("\n")).free();
    made.within(format!("-----BEGIN {kind}-----\n"), format!("\n-----END {kind}-----\n"))
}

fn api_key(rng: &mut Rng) -> Made {
    if rng.chance(88) {
        let (issuer, key) = issuers::draw(rng);
        return Made::new("api_key", Style::FixedSecret, key).free().tagged(issuer);
    }
    // Known only by the name beside them.
    let key = match rng.below(5) {
        0 => rng.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+", 39) + "k",
        1 | 2 => rng.text(HEX, 32),
        3 => rng.text(BASE62, 40),
        _ => format!("{}-{}-{}", rng.text(HEX, 8), rng.text(HEX, 4), rng.text(BASE36, 24)),
    };
    Made::new("api_key", Style::Exact, key).tagged("keyed-key")
}

pub fn password(rng: &mut Rng) -> String {
    const WORDS: [&str; 12] = [
        "Winter",
        "dragon",
        "Monkey",
        "sunshine",
        "Berlin",
        "Liverpool",
        "tiger",
        "Passwort",
        "shadow",
        "Azerty",
        "Football",
        "trustno",
    ];
    let word = *rng.pick(&WORDS);
    match rng.below(7) {
        0 => format!("{word}{}!", rng.range(2018, 2026)),
        1 => format!("{word}#{}", rng.number(3)),
        2 => format!("{}-{}-{}", word.to_lowercase(), rng.text(BASE36, 6), rng.text(BASE36, 5)),
        3 => rng.text("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#$%*?_", 16),
        4 => rng.text(BASE62, 20),
        5 => format!("{}{}{}", word.to_lowercase(), rng.pick(&["_", ".", "!"]), rng.number(4)),
        _ => format!("correct-{}-battery-{}", word.to_lowercase(), rng.pick(&["staple", "lamp"])),
    }
}

/// The password is the label; the rest of the address may go with it.
fn connection(rng: &mut Rng) -> Made {
    let password = rng.text(BASE62, 8) + &rng.text("abcdefghjkmnp!*_-", 6) + &rng.number(2);
    let user = *rng.pick(&["app", "svc_orders", "root", "readonly", "billing"]);
    let made = |before: String, after: &str| {
        Made::new("connection_string", Style::Exact, password.clone()).free().within(before, after)
    };
    match rng.below(9) {
        0 => made(format!("mysql://{user}:"), "@10.20.0.7:3306/shop"),
        1 => {
            made(format!("mongodb+srv://{user}:"), "@cluster0.ab1cd.mongodb.net/?retryWrites=true")
        }
        2 => made("redis://:".into(), "@cache.internal:6379/0"),
        3 => made(format!("amqps://{user}:"), "@mq.internal/vhost"),
        4 => made(
            format!("Server=tcp:sql1.internal,1433;Database=crm;User ID={user};Password="),
            ";Encrypt=True",
        ),
        5 => made(format!("host=db.internal port=5432 user={user} password="), " dbname=crm"),
        6 => made(format!("https://{user}:"), "@artifacts.contoso.co.nz/simple/"),
        7 => {
            let key = rng.text(BASE62, 86);
            let before = "DefaultEndpointsProtocol=https;AccountName=nwprod;AccountKey=";
            Made::new("connection_string", Style::Exact, key)
                .free()
                .within(before, "==;EndpointSuffix=core.windows.net")
        }
        _ => made(format!("postgresql://{user}:"), "@db.internal:5432/orders?sslmode=require"),
    }
}

fn auth_header(rng: &mut Rng) -> Made {
    let made = |value: String, scheme: &str| {
        Made::new("auth_header", Style::Exact, value).within(scheme, "")
    };
    match rng.below(5) {
        0 | 1 => {
            let pair = format!("{}:{}", Person::draw(rng).ascii().0, password(rng));
            made(base64(pair.as_bytes(), STANDARD64), "Basic ")
        }
        2 => made(rng.text(BASE62, 40), "Token "),
        _ => made(rng.text(URL64, 43) + "a", "Bearer "),
    }
}

fn cookie(rng: &mut Rng) -> Made {
    let name = *rng.pick(&[
        "sessionid",
        "JSESSIONID",
        "PHPSESSID",
        "connect.sid",
        "_app_session",
        "__Host-session",
        "auth_token",
        "ASP.NET_SessionId",
    ]);
    let value = match name {
        "JSESSIONID" => rng.text("0123456789ABCDEF", 32),
        "PHPSESSID" | "ASP.NET_SessionId" => rng.text(BASE36, 26),
        "connect.sid" => format!("s%3A{}.{}", rng.text(URL64, 32), rng.text(BASE62, 43)),
        _ => rng.text(BASE36, 32),
    };
    let after = *rng.pick(&["", "; Path=/; HttpOnly", "; Path=/; Secure; HttpOnly; SameSite=Lax"]);
    Made::new("cookie", Style::Exact, value).within(format!("{name}="), after)
}

fn random_secret(rng: &mut Rng) -> String {
    match rng.below(5) {
        0 => rng.text(HEX, 64),
        1 => rng.text(HEX, 32),
        2 => rng.text(BASE62, 43) + "=",
        3 => rng.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32),
        _ => rng.text(URL64, 39) + "a",
    }
}
