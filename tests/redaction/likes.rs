//! Look-alikes: what stands in real messages, has the shape of a value, and is none.
//!
//! Decided here: loopback addresses, `0.0.0.0`, `::1` and network masks are nobody's, and must
//! stay. Private addresses are labels where a name beside them says that they are somebody's, and
//! do not occur elsewhere; nor do addresses and numbers that are kept for documentation.

use crate::check::is_valid_somewhere;
use crate::hashes::{STANDARD64, base64};
use crate::model::{Mark, Part, What};
use crate::rng::{BASE36, BASE62, HEX, Rng};

/// A kind: what it looks like, whether it is a JSON number, how programs and people name it.
struct Kind(&'static str, &'static str, bool, &'static [&'static str], &'static [&'static str]);

/// A drawn look-alike.
pub struct Like {
    pub key: &'static str,
    pub phrase: &'static str,
    pub number: bool,
    pub part: Part,
}

#[rustfmt::skip]
const KINDS: [Kind; 66] = [
    Kind("epoch-seconds", "phone", true, &["created_at", "updated_at", "timestamp", "exp", "iat", "last_seen"], &["at epoch {}", "ts={}", "since {}"]),
    Kind("epoch-milliseconds", "phone", true, &["created", "ts", "modified_ms", "start_time"], &["at {} ms", "timestamp {}"]),
    Kind("epoch-microseconds", "card", true, &["ts_us", "trace_start"], &["tick {}"]),
    Kind("order-number", "bank_account", true, &["order_id", "order_number", "order_no", "bestellnummer"], &["order {}", "Bestellung {}", "pedido {}"]),
    Kind("invoice-number", "us_ssn", false, &["invoice", "invoice_number", "rechnung"], &["invoice {}", "Rechnung {}", "facture {}"]),
    Kind("ups-tracking", "vin", false, &["tracking_number", "tracking"], &["tracking {}", "parcel {}"]),
    Kind("postal-tracking", "card", true, &["tracking_number", "shipment_id"], &["shipped as {}", "Sendung {}"]),
    Kind("oid", "ip", false, &["oid", "policy_oid", "algorithm"], &["OID {}", "object identifier {}"]),
    Kind("version-of-four", "ip", false, &["version", "product_version", "build", "firmware_version"], &["version {}", "build {}", "upgraded to v{}"]),
    Kind("section", "ip", false, &["section", "clause", "chapter"], &["section {}", "see § {}", "clause {}"]),
    Kind("md5", "api_key", false, &["md5", "etag", "checksum", "content_md5"], &["md5 {}", "etag \"{}\""]),
    Kind("sha1", "api_key", false, &["sha1", "commit", "commit_sha", "tree"], &["commit {}", "at {}"]),
    Kind("sha256", "secret", false, &["sha256", "digest", "content_hash", "image_digest"], &["sha256:{}", "digest {}"]),
    Kind("uuid", "api_key", false, &["id", "uuid", "request_id", "correlation_id", "trace_id"], &["request {}", "({})"]),
    Kind("short-commit", "password", false, &["short_sha", "rev"], &["rev {}", "commit {}"]),
    Kind("luhn-failing", "card", true, &["reference", "transaction_ref", "batch_no"], &["reference {}", "batch {}"]),
    Kind("luhn-failing-groups", "card", false, &["voucher", "coupon"], &["voucher {}", "coupon code {}"]),
    Kind("ean", "card", true, &["ean", "gtin", "barcode"], &["EAN {}", "barcode {}"]),
    Kind("isbn", "phone", false, &["isbn", "isbn_13"], &["ISBN {}", "(ISBN {})"]),
    Kind("issn", "us_ssn", false, &["issn"], &["ISSN {}"]),
    Kind("hex-dump", "mac", false, &["dump", "raw"], &["dump: {}", "bytes {}"]),
    Kind("image-file", "email", false, &["asset", "icon", "src"], &["see {}", "asset {}"]),
    Kind("package", "email", false, &["package", "dependency", "resolved"], &["installed {}", "requires {}"]),
    Kind("mention", "email", false, &["assignee_handle", "author_handle"], &["cc {}", "thanks {}"]),
    Kind("systemd-unit", "email", false, &["unit", "service"], &["restarted {}"]),
    Kind("git-remote", "email", false, &["remote_url", "clone_url"], &["git clone {}", "pushed to {}"]),
    Kind("cron", "date_of_birth", false, &["schedule", "cron"], &["runs at \"{}\""]),
    Kind("price", "phone", true, &["total", "amount", "price", "subtotal"], &["total {}", "costs {}"]),
    Kind("thousands", "phone", false, &["revenue", "population"], &["revenue of {}", "{} rows"]),
    Kind("vector", "geo", false, &["scale", "offset", "padding"], &["offset ({})", "vec2({})"]),
    Kind("time", "mac", false, &["duration", "elapsed", "starts"], &["took {}", "from {}"]),
    Kind("fingerprint", "mac", false, &["fingerprint", "key_fingerprint", "cert_fingerprint"], &["fingerprint {}", "MD5:{}"]),
    Kind("ssh-fingerprint", "secret", false, &["host_key_fingerprint"], &["host key {}"]),
    Kind("loopback", "ip", false, &["bind", "listen", "listen_addr"], &["listening on {}", "bound to {}"]),
    Kind("netmask", "ip", false, &["netmask", "subnet_mask"], &["netmask {}"]),
    Kind("iso-date", "date_of_birth", false, &["created_at", "due_date", "expires_on", "invoice_date", "released"], &["due {}", "on {}", "until {}"]),
    Kind("iso-time", "phone", false, &["created_at", "updated_at", "logged_at"], &["at {}", "{}"]),
    Kind("product-name", "person_name", false, &["name", "product_name", "title"], &["the {}"]),
    Kind("service-name", "person_name", false, &["name", "service_name", "hostname", "event_name"], &["service {}", "job {}"]),
    Kind("host-name", "email", false, &["host", "hostname", "node"], &["on {}", "host {}"]),
    Kind("base64-image", "secret", false, &["thumbnail", "icon_data", "logo"], &["{}"]),
    Kind("certificate", "private_key", false, &["certificate", "public_key", "ca_bundle"], &["{}"]),
    Kind("ssh-public-key", "private_key", false, &["ssh_public_key", "authorized_key"], &["added {}"]),
    Kind("part-number", "us_ssn", false, &["part_number", "sku", "mpn"], &["part {}", "SKU {}"]),
    Kind("ssn-never-given", "us_ssn", false, &["batch", "lot"], &["lot {}", "bin {}"]),
    Kind("ticket", "passport", false, &["ticket", "issue", "jira_key"], &["ticket {}", "fixed in {}"]),
    Kind("container-image", "email", false, &["image", "container_image"], &["image {}", "pulled {}"]),
    Kind("iban-failing", "iban", false, &["contract", "container"], &["contract {}", "file {}"]),
    Kind("rfc", "uk_utr", false, &["spec", "standard"], &["{}", "per {}"]),
    Kind("doi", "ip", false, &["doi"], &["doi:{}"]),
    Kind("byte-count", "phone", true, &["size_bytes", "content_length", "rss_bytes"], &["{} bytes"]),
    Kind("numeric-id", "us_ssn", true, &["id", "row_id", "parent_id", "shard"], &["id {}", "#{}"]),
    Kind("snowflake", "card", true, &["message_id", "tweet_id", "snowflake"], &["message {}"]),
    Kind("port-map", "mac", false, &["ports", "port_mapping"], &["ports {}"]),
    Kind("cpp-name", "ip", false, &["symbol", "frame"], &["in {}", "at {}"]),
    Kind("colour", "api_key", false, &["color", "background"], &["colour {}"]),
    Kind("memory-address", "crypto_wallet", false, &["address", "pc", "ptr"], &["segfault at {}", "pc {}"]),
    Kind("placeholder-secret", "api_key", false, &["api_key", "password", "token", "secret"], &["export API_KEY={}", "password={}"]),
    Kind("public-key-id", "api_key", false, &["kid", "key_id", "thumbprint"], &["kid {}"]),
    Kind("ratio", "geo", true, &["ratio", "score", "confidence", "progress"], &["score {}"]),
    Kind("pod", "mac", false, &["pod", "pod_name", "instance"], &["pod {}", "on {}"]),
    Kind("path-of-year", "uk_nhs", false, &["path", "key", "file"], &["wrote {}"]),
    Kind("user-agent", "ip", false, &["user_agent"], &["UA {}"]),
    Kind("css-class", "phone", false, &["class_name", "selector"], &["selector {}"]),
    Kind("spreadsheet", "passport", false, &["range", "cells"], &["cells {}"]),
    Kind("sql-type", "us_ssn", false, &["type", "column_type"], &["declared {}"]),
];

/// A look-alike that is, by accident, no valid number of anybody.
pub fn draw(rng: &mut Rng) -> Like {
    let row = rng.below(KINDS.len());
    of_row(row, rng)
}

/// Another one of the same kind, for the next row of a column.
pub fn another(kind: &str, rng: &mut Rng) -> Option<Like> {
    let row = KINDS.iter().position(|row| row.0 == kind)?;
    Some(of_row(row, rng))
}

fn of_row(row: usize, rng: &mut Rng) -> Like {
    let Kind(kind, apes, number, keys, phrases) = &KINDS[row];
    loop {
        let spelling = spell(kind, rng);
        if is_innocent(&spelling) {
            let (key, phrase) = (*rng.pick(keys), *rng.pick(phrases));
            return Like { key, phrase, number: *number, part: part(kind, apes, spelling) };
        }
    }
}

pub fn part(kind: &'static str, apes: &'static str, spelling: String) -> Part {
    Part::Mark(Mark { what: What::Like { kind, apes }, spelling, tags: Vec::new() })
}

fn is_innocent(spelling: &str) -> bool {
    let all: String = spelling.chars().filter(char::is_ascii_digit).collect();
    let runs = spelling.split(|c: char| !c.is_ascii_digit());
    !is_valid_somewhere(&all)
        && runs.filter(|run| run.len() > 8).all(|run| !is_valid_somewhere(run))
}

fn spell(kind: &str, rng: &mut Rng) -> String {
    serials(kind, rng)
        .or_else(|| measures(kind, rng))
        .or_else(|| technical(kind, rng))
        .or_else(|| words(kind, rng))
        .unwrap_or_else(|| panic!("{kind} has no spelling"))
}

fn serials(kind: &str, rng: &mut Rng) -> Option<String> {
    let seconds = rng.range(1_500_000_000, 1_799_999_999);
    Some(match kind {
        "epoch-seconds" => seconds.to_string(),
        "epoch-milliseconds" => format!("{seconds}{}", rng.digits(3)),
        "epoch-microseconds" => format!("{seconds}{}", rng.digits(6)),
        "order-number" => {
            let length = 6 + rng.below(7);
            rng.number(length)
        }
        "invoice-number" => rng.fill("INV-202#-0#####"),
        "ups-tracking" => format!("1Z{}{}", rng.text("0123456789ABCDEFHRTVWXY", 6), rng.digits(10)),
        "postal-tracking" => format!(
            "{}{}",
            rng.pick(&["00340", "9400", "003400"]).trim_start_matches('0'),
            rng.digits(16)
        ),
        "oid" => format!(
            "{}.{}.{}",
            rng.pick(&["1.3.6.1.4.1", "2.16.840.1", "1.2.840.113549.1", "2.5.29"]),
            rng.range(1, 311),
            rng.range(1, 30)
        ),
        "version-of-four" => format!(
            "{}.{}.{}.{}",
            rng.range(1, 24),
            rng.range(0, 19),
            rng.range(0, 255),
            rng.range(0, 255)
        ),
        "section" => format!(
            "{}.{}.{}.{}",
            rng.range(1, 12),
            rng.range(1, 9),
            rng.range(1, 9),
            rng.range(1, 9)
        ),
        "luhn-failing" => rng.fill("4###############"),
        "luhn-failing-groups" => rng.fill("5^## #### #### ####"),
        "ean" => crate::check::ean(&format!("40{}", rng.digits(10)))?,
        "isbn" => {
            let isbn = crate::check::ean(&format!("978{}", rng.digits(9)))?;
            let mut digits = isbn.chars();
            "###-#-##-######-#"
                .chars()
                .filter_map(|c| if c == '#' { digits.next() } else { Some(c) })
                .collect()
        }
        "issn" => rng.fill("^###-###X"),
        _ => return None,
    })
}

fn measures(kind: &str, rng: &mut Rng) -> Option<String> {
    Some(match kind {
        "price" => format!("{}.{}{}", rng.range(1, 9999), rng.digits(1), rng.number(1)),
        "thousands" => rng.fill("^##,###,###.##"),
        "vector" => {
            format!("{}.{}, {}.{}", rng.range(0, 9), rng.number(1), rng.range(0, 9), rng.number(2))
        }
        "time" => {
            format!("{:02}:{:02}:{:02}", rng.range(0, 23), rng.range(0, 59), rng.range(0, 59))
        }
        "iso-date" => {
            format!("20{}-{:02}-{:02}", rng.range(23, 27), rng.range(1, 12), rng.range(1, 28))
        }
        "iso-time" => format!(
            "20{}-{:02}-{:02}T{:02}:{:02}:{:02}.{}Z",
            rng.range(23, 27),
            rng.range(1, 12),
            rng.range(1, 28),
            rng.range(0, 23),
            rng.range(0, 59),
            rng.range(0, 59),
            rng.digits(3)
        ),
        "part-number" => {
            let pattern = *rng.pick(&["^##-####-##", "##-#####-##", "^###-##-###"]);
            rng.fill(pattern)
        }
        // Area 000 or 666: never issued.
        "ssn-never-given" => {
            format!("{}-{}-{}", rng.pick(&["000", "666"]), rng.number(2), rng.number(4))
        }
        "byte-count" => rng.number(9),
        "numeric-id" => {
            let length = 4 + rng.below(6);
            rng.number(length)
        }
        "snowflake" => format!("1{}", rng.digits(17)),
        "port-map" => format!("{}:{}", rng.range(1024, 65535), rng.range(80, 9090)),
        "ratio" => format!("0.{}{}", rng.digits(3), rng.number(1)),
        "spreadsheet" => format!(
            "{}{}:{}{}",
            rng.text("ABC", 1),
            rng.range(1, 99),
            rng.text("DEF", 1),
            rng.range(100, 999)
        ),
        _ => return None,
    })
}

fn technical(kind: &str, rng: &mut Rng) -> Option<String> {
    let bytes = |rng: &mut Rng, n: usize| -> Vec<u8> {
        (0..n).map(|_| u8::try_from(rng.range(0, 255)).unwrap()).collect()
    };
    let joined = |rng: &mut Rng, n: usize, sign: &str| {
        (0..n).map(|_| rng.text(HEX, 2)).collect::<Vec<_>>().join(sign)
    };
    Some(match kind {
        "md5" => rng.text(HEX, 32),
        "sha1" => rng.text(HEX, 40),
        "sha256" => rng.text(HEX, 64),
        "uuid" => format!(
            "{}-{}-4{}-a{}-{}",
            rng.text(HEX, 8),
            rng.text(HEX, 4),
            rng.text(HEX, 3),
            rng.text(HEX, 3),
            rng.text(HEX, 12)
        ),
        "short-commit" => rng.text(HEX, 6) + "e",
        "hex-dump" => format!("{} {}", joined(rng, 8, " "), joined(rng, 8, " ")),
        "fingerprint" => {
            let length = *rng.pick(&[16, 20, 32]);
            joined(rng, length, ":")
        }
        "ssh-fingerprint" => {
            format!("SHA256:{}", base64(&bytes(rng, 32), STANDARD64).trim_end_matches('='))
        }
        "base64-image" => {
            // The signature and the first chunk of a PNG, then compressed data.
            let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
            png.extend(bytes(rng, 152));
            format!("data:image/png;base64,{}", base64(&png, STANDARD64))
        }
        "certificate" => {
            let kind = *rng.pick(&["CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST"]);
            let body = format!("MIIDdzCCAl+gAwIBAgIE{}", base64(&bytes(rng, 240), STANDARD64));
            let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
            format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
        }
        "ssh-public-key" => {
            format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}", rng.text(BASE62, 43))
        }
        "container-image" => format!(
            "ghcr.io/fabrikam/{}@sha256:{}",
            rng.pick(&["api", "web", "worker"]),
            rng.text(HEX, 64)
        ),
        "memory-address" => format!("0x00007f{}", rng.text(HEX, 10)),
        "public-key-id" => rng.text(BASE62, 11),
        "colour" => format!("#{}", rng.text(HEX, 6)),
        "pod" => format!(
            "checkout-{}-{}",
            rng.text("0123456789bcdf", 9),
            rng.text("bcdfghjklmnpqrstvwxz2456789", 5)
        ),
        _ => return None,
    })
}

/// Kinds that are a choice of a few.
#[rustfmt::skip]
const CHOICES: [(&str, &[&str]); 7] = [
    ("mention", &["@platform-team", "@dependabot", "@octo-org/reviewers", "@here", "@channel"]),
    ("loopback", &["127.0.0.1", "127.0.0.1:8080", "0.0.0.0", "0.0.0.0:3000", "::1", "[::1]:9090", "[::]:443", "127.0.1.1"]),
    ("netmask", &["255.255.255.0", "255.255.0.0", "255.255.255.240", "0.0.0.0/0", "255.255.255.255"]),
    ("product-name", &["Trail Running Shoes", "Ergonomic Desk Chair", "Wireless Mouse", "Premium Plan", "Espresso Machine", "Quarterly Report", "Daily Backup", "Enterprise Support"]),
    ("cpp-name", &["std::vec::Vec", "a::b::cafe::f00d", "boost::asio::ip::tcp", "Foo::bar", "abc::def", "core::fmt::Debug::fmt"]),
    ("placeholder-secret", &["YOUR_API_KEY", "<your-token>", "${GITHUB_TOKEN}", "********", "{{ secrets.DEPLOY_KEY }}", "xxxxxxxxxxxxxxxx", "<redacted>", "null", "%env(DB_PASSWORD)%", "process.env.SECRET"]),
    ("word", &["logo", "hero", "avatar-default", "banner", "sprite", "cart"]),
];

fn choice(kind: &str, rng: &mut Rng) -> Option<String> {
    let (_, choices) = CHOICES.iter().find(|row| row.0 == kind)?;
    Some((*rng.pick(choices)).to_owned())
}

#[rustfmt::skip]
fn words(kind: &str, rng: &mut Rng) -> Option<String> {
    let word = choice("word", rng)?;
    Some(match kind {
        "image-file" => format!("{word}@{}x.{}", rng.range(2, 3), rng.pick(&["png", "jpg", "webp"])),
        "package" => {
            let name = *rng.pick(&["lodash", "@types/node", "react-dom", "left-pad", "@babel/core"]);
            format!("{name}@{}.{}.{}", rng.range(1, 18), rng.range(0, 30), rng.range(0, 12))
        }
        "systemd-unit" => {
            let name = *rng.pick(&["user", "getty", "postgresql", "openvpn"]);
            format!("{name}@{}.service", rng.range(1000, 1010))
        }
        "git-remote" => {
            let host = *rng.pick(&["github.com", "gitlab.com", "bitbucket.org"]);
            format!("git@{host}:{}/{word}.git", rng.pick(&["fabrikam", "contoso"]))
        }
        "cron" => format!("{} {} * * {}", rng.range(0, 59), rng.range(0, 23), rng.pick(&["1-5", "*", "0", "MON"])),
        "service-name" => {
            let what = *rng.pick(&["checkout", "payment", "email", "phone-verification", "password-reset", "address-lookup"]);
            format!("{what}-{}", rng.pick(&["service", "worker", "api", "queue"]))
        }
        "host-name" => {
            let role = *rng.pick(&["db", "web", "cache"]);
            format!("{role}-{}.eu-west-1.compute.internal", rng.text(BASE36, 6))
        }
        "ticket" => format!("{}-{}", rng.pick(&["PROJ", "OPS", "BILLING", "SEC"]), rng.range(100, 99999)),
        "iban-failing" => format!("DE00{}", rng.digits(18)),
        "rfc" => format!("RFC {}", rng.range(1000, 9700)),
        "doi" => rng.fill("10.^###/s^####-0##-#####-#"),
        "path-of-year" => {
            let (year, other) = (rng.range(2019, 2026), rng.range(2019, 2026));
            format!("exports/{year}/{:02}/report_{other}{:02}.csv", rng.range(1, 12), rng.range(1, 12))
        }
        "user-agent" => format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{}.0.{}.{} Safari/537.36",
            rng.range(90, 130), rng.range(4000, 6999), rng.range(1, 199)
        ),
        "css-class" => format!(".col-{}-{} > td:nth-child({})", rng.range(1, 12), rng.range(100, 999), rng.range(1, 9)),
        "sql-type" => format!("varchar({})", rng.range(10, 255)),
        _ => return choice(kind, rng),
    })
}
