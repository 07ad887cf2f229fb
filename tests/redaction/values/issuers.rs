//! Keys and tokens of known issuers, in the forms that the issuers' documentation and secret
//! scanning pages give.
//!
//! In a pattern `{x20}` is twenty characters of the alphabet `x`: `h` hexadecimal, `w` letters and
//! digits, `u` letters, digits, `-` and `_`, `a` lower case and digits, `A` upper case and
//! digits, `k` A-Z and 2-7 (base32), `d` digits, `l` letters, `c` bech32's upper case.

use crate::hashes::crc32;
use crate::rng::{BASE36, BASE62, DIGITS, HEX, Rng, URL64};

/// Issuer, patterns. Every one is known by its form alone.
pub const ISSUERS: [(&str, &[&str]); 72] = [
    ("aws", &["AKIA{k16}", "ASIA{k16}"]),
    ("github", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]),
    ("github-fine-grained", &["github_pat_11{A20}_{w59}"]),
    ("gitlab", &["glpat-{u20}", "gldt-{u20}", "glrt-{u20}", "glptt-{h40}", "glcbt-5_{u20}"]),
    (
        "slack",
        &["xoxb-{d12}-{d13}-{w24}", "xoxp-{d12}-{d12}-{d13}-{h32}", "xapp-1-A{A10}-{d13}-{h64}"],
    ),
    ("slack-webhook", &["https://hooks.slack.com/services/T{A10}/B{A10}/{w24}"]),
    (
        "stripe",
        &["sk_live_{w24}", "rk_live_{w24}", "sk_live_51{w97}", "whsec_{w32}", "sk_test_{w24}"],
    ),
    ("google", &["AIza{u35}"]),
    ("google-oauth", &["GOCSPX-{u28}", "ya29.a0A{u150}"]),
    (
        "openai",
        &["sk-{w20}T3BlbkFJ{w20}", "sk-proj-{u74}T3BlbkFJ{u74}", "sk-svcacct-{u74}T3BlbkFJ{u74}"],
    ),
    ("anthropic", &["sk-ant-api03-{u93}AA", "sk-ant-admin01-{u93}AA", "sk-ant-oat01-{u93}AA"]),
    ("npm", &["npm_"]),
    ("pypi", &["pypi-AgEIcHlwaS5vcmc{u140}"]),
    ("sendgrid", &["SG.{u22}.{u43}"]),
    ("twilio", &["SK{h32}"]),
    ("telegram", &["{d10}:AA{u33}"]),
    ("vault", &["hvs.{u91}", "hvb.{u138}"]),
    ("hugging-face", &["hf_{l34}"]),
    ("digitalocean", &["dop_v1_{h64}", "doo_v1_{h64}", "dor_v1_{h64}"]),
    ("shopify", &["shpat_{h32}", "shpss_{h32}", "shpca_{h32}", "shppa_{h32}"]),
    ("square", &["sq0atp-{u22}", "sq0csp-{u43}", "EAAA{u60}"]),
    ("mailgun", &["key-{h32}"]),
    ("mailchimp", &["{h32}-us12", "{h32}-us21"]),
    ("databricks", &["dapi{h32}", "dapi{h32}-2"]),
    ("atlassian", &["ATATT3xFfGF0{u171}={H8}"]),
    ("linear", &["lin_api_{w40}"]),
    ("notion", &["ntn_{d11}{w35}", "secret_{w43}"]),
    ("figma", &["figd_{u40}"]),
    ("airtable", &["pat{w14}.{h64}"]),
    ("postman", &["PMAK-{h24}-{h34}"]),
    ("grafana", &["glsa_{w32}_{h8}", "glc_eyJvIjoi{w60}"]),
    ("new-relic", &["NRAK-{A27}"]),
    ("sentry", &["sntryu_{h64}"]),
    ("doppler", &["dp.pt.{w43}"]),
    ("pulumi", &["pul-{h40}"]),
    ("terraform-cloud", &["{w14}.atlasv1.{u67}"]),
    ("planetscale", &["pscale_tkn_{u43}", "pscale_pw_{u43}"]),
    ("fly", &["fo1_{u43}"]),
    ("supabase", &["sbp_{h40}"]),
    ("cloudflare-origin", &["v1.0-{h24}-{h146}"]),
    ("dropbox", &["sl.u.AF{u130}"]),
    ("rubygems", &["rubygems_{h48}"]),
    ("crates-io", &["cio{w32}"]),
    ("docker-hub", &["dckr_pat_{u27}", "dckr_oat_{u32}"]),
    ("groq", &["gsk_{w52}"]),
    ("perplexity", &["pplx-{w48}"]),
    ("replicate", &["r8_{w37}"]),
    ("xai", &["xai-{w80}"]),
    ("alibaba", &["LTAI5t{w18}"]),
    ("contentful", &["CFPAT-{u43}"]),
    ("dynatrace", &["dt0c01.{A24}.{A64}"]),
    ("easypost", &["EZAK{w54}", "EZTK{w54}"]),
    ("plaid", &["access-production-{h8}-{h4}-{h4}-{h4}-{h12}"]),
    ("razorpay", &["rzp_live_{w14}"]),
    ("brevo", &["xkeysib-{h64}-{w16}"]),
    ("shippo", &["shippo_live_{h40}"]),
    ("typeform", &["tfp_{w44}_{w14}"]),
    ("heroku", &["HRKU-AA{u58}"]),
    ("age", &["AGE-SECRET-KEY-1{c58}"]),
    ("langsmith", &["lsv2_pt_{h32}_{h10}"]),
    ("mapbox", &["sk.eyJ1Ijoi{w80}.{u22}"]),
    ("tailscale", &["tskey-auth-{w12}CNTRL-{w32}", "tskey-api-{w12}CNTRL-{w32}"]),
    ("hubspot", &["pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}"]),
    ("netlify", &["nfp_{w40}"]),
    ("readme", &["rdme_{a70}"]),
    ("adafruit", &["aio_{w28}"]),
    ("clojars", &["CLOJARS_{a60}"]),
    ("duffel", &["duffel_live_{u43}"]),
    ("frame-io", &["fio-u-{u64}"]),
    ("prefect", &["pnu_{a36}"]),
    ("scalingo", &["tk-us-{u48}"]),
    ("discord-webhook", &["https://discord.com/api/webhooks/{d18}/{u68}"]),
];

/// A key of one issuer and the issuer's name.
pub fn draw(rng: &mut Rng) -> (&'static str, String) {
    // The ones that leak most (reports of the scanning services) come more often.
    let common = if rng.chance(40) { 12 } else { ISSUERS.len() };
    let (issuer, patterns) = ISSUERS[rng.below(common)];
    let pattern = *rng.pick(patterns);
    let key = match issuer {
        "github" | "npm" => checked(pattern, rng),
        _ => fill(pattern, rng),
    };
    (issuer, key)
}

/// Thirty characters, and their CRC-32 in six digits of base 62 (GitHub 2021, npm 2021).
pub fn checked(prefix: &str, rng: &mut Rng) -> String {
    let body = rng.text(BASE62, 30);
    format!("{prefix}{body}{}", checksum(&body))
}

pub fn checksum(body: &str) -> String {
    let mut rest = crc32(body.as_bytes());
    let mut digits: Vec<char> = Vec::new();
    for _ in 0..6 {
        let at = usize::try_from(rest % 62).unwrap();
        digits.push(char::from(BASE62.as_bytes()[at]));
        rest /= 62;
    }
    digits.iter().rev().collect()
}

pub fn fill(pattern: &str, rng: &mut Rng) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, tail) = after.split_once('}').unwrap();
        let (alphabet, length) = field.split_at(1);
        let alphabet = match alphabet {
            "h" => HEX,
            "H" => "0123456789ABCDEF",
            "w" => BASE62,
            "u" => URL64,
            "a" => BASE36,
            "A" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "k" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "l" => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "c" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
            _ => DIGITS,
        };
        out.push_str(before);
        // Neither the first nor the last character is a sign: where a token ends stays clear.
        let length: usize = length.parse().unwrap();
        let signs = |c: char| !c.is_ascii_alphanumeric();
        let body = rng.text(alphabet, length);
        let ends = [body.starts_with(signs), body.ends_with(signs)];
        let mut body: Vec<char> = body.chars().collect();
        if ends[0] {
            body[0] = 'x';
        }
        if ends[1] {
            body[length - 1] = '7';
        }
        out.extend(body);
        rest = tail;
    }
    if out.starts_with('0') { out.replacen('0', "6", 1) + rest } else { out + rest }
}

#[test]
fn checksums_agree_with_the_issuers_examples() {
    // The CRC of GitHub's own explanation: zlib's CRC-32 over the random part, base 62, 0-9A-Za-z.
    assert_eq!(checksum("").as_str(), "000000");
    let token = checked("ghp_", &mut Rng::new(3));
    assert_eq!(token.len(), 40);
    assert_eq!(checksum(&token[4..34]), token[34..]);
}

#[test]
fn issuers_are_distinct() {
    let mut names: Vec<&str> = ISSUERS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ISSUERS.len());
}
