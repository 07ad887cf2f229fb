//! Decoys: a telling word beside a harmless value.

use crate::likes::part;
use crate::model::Part;
use crate::rng::Rng;

/// Member name, class that the name speaks of, values; a value is a literal if JSON can write it
/// as one.
#[rustfmt::skip]
const DECOYS: [(&str, &str, &[&str]); 70] = [
    ("phone_verified_at", "phone", &["17########"]),
    ("phone_verified", "phone", &["true", "false"]),
    ("phone_type", "phone", &["mobile", "landline"]),
    ("phone_model", "phone", &["Pixel 8 Pro", "Galaxy S24", "iPhone 15"]),
    ("phone_calls_total", "phone", &["^####"]),
    ("tel_extension_enabled", "phone", &["true"]),
    ("mobile_os_version", "phone", &["17.4.1", "14.0.0"]),
    ("email_verified", "email", &["true", "false"]),
    ("email_count", "email", &["^###", "^#####"]),
    ("email_template", "email", &["welcome_v2", "password-reset"]),
    ("email_opt_in", "email", &["false"]),
    ("email_last_sent", "email", &["17########"]),
    ("card_last4", "card", &["####"]),
    ("card_type", "card", &["visa", "mastercard", "amex"]),
    ("card_brand", "card", &["VISA", "Maestro"]),
    ("card_count", "card", &["^"]),
    ("card_expiry_reminder_days", "card", &["30"]),
    ("credit_card_fee", "card", &["2.9", "1.45"]),
    ("cvv_check", "card_code", &["pass", "unavailable"]),
    ("cvc_required", "card_code", &["true"]),
    ("security_code_attempts", "card_code", &["^"]),
    ("ssn_required", "us_ssn", &["true", "false"]),
    ("ssn_verified_on", "us_ssn", &["2024-0^-1^"]),
    ("ssn_last_checked", "us_ssn", &["17########"]),
    ("ssn_format", "us_ssn", &["9 digits", "masked"]),
    ("iban_validation", "iban", &["enabled", "strict"]),
    ("iban_country", "iban", &["DE", "FR"]),
    ("ip_version", "ip", &["4", "6"]),
    ("ip_range_count", "ip", &["^##"]),
    ("ip_allowlist_enabled", "ip", &["true"]),
    ("mac_address_count", "mac", &["^##"]),
    ("mac_os_version", "mac", &["14.2.1", "13.6"]),
    ("account_type", "bank_account", &["savings", "checking"]),
    ("account_status", "bank_account", &["active", "closed"]),
    ("account_balance", "bank_account", &["^###.^^"]),
    ("account_age_days", "bank_account", &["^###"]),
    ("routing_key", "us_routing", &["orders.created", "users.updated"]),
    ("routing_table", "us_routing", &["main", "local"]),
    ("address_type", "postal_address", &["billing", "shipping"]),
    ("address_id", "postal_address", &["^####"]),
    ("address_verified", "postal_address", &["true"]),
    ("street_view_enabled", "postal_address", &["false"]),
    ("name_length_max", "person_name", &["64", "255"]),
    ("file_name", "person_name", &["report_final.pdf", "invoice.docx"]),
    ("event_name", "person_name", &["user.created", "order.paid"]),
    ("display_name_visible", "person_name", &["true"]),
    ("birth_rate", "date_of_birth", &["1.46", "2.1"]),
    ("dob_source", "date_of_birth", &["self-reported", "registry"]),
    ("birthday_campaign", "date_of_birth", &["enabled"]),
    ("passport_required", "passport", &["true"]),
    ("passport_status", "passport", &["valid", "expired"]),
    ("license", "driver_licence", &["Apache-2.0", "MIT", "BSD-3-Clause"]),
    ("license_count", "driver_licence", &["^##"]),
    ("driver_version", "driver_licence", &["535.104.05", "8.0.33"]),
    ("plate_tectonics_module", "licence_plate", &["off"]),
    ("tax_rate", "tax_id", &["19", "8.875", "21"]),
    ("tax_year", "tax_id", &["2024", "2023"]),
    ("vin_decoder_version", "vin", &["2.1.0"]),
    ("npi_lookup", "us_npi", &["disabled"]),
    ("patient_count", "medical_record", &["^###"]),
    ("mrn_format", "medical_record", &["8 digits"]),
    ("member_since", "health_plan", &["2019-04-01", "2021-11-15"]),
    ("plan", "health_plan", &["gold", "free", "enterprise"]),
    ("password_policy", "password", &["min 12 characters", "12 characters"]),
    ("password_changed_at", "password", &["2024-0^-1^", "17########"]),
    ("password_strength", "password", &["strong", "3"]),
    ("max_tokens", "jwt", &["4096", "128000"]),
    ("token_type", "jwt", &["Bearer", "refresh"]),
    ("secret_name", "secret", &["prod/db", "projects/1/secrets/db"]),
    ("cookie_consent", "cookie", &["accepted", "necessary"]),
];

/// Member name, value, and whether JSON can write the value without quotes.
pub fn draw(rng: &mut Rng) -> (&'static str, Part, bool) {
    let (key, apes, values) = rng.pick(&DECOYS);
    let pattern = *rng.pick(values);
    let spelling =
        if pattern.contains(['#', '^']) { rng.fill(pattern) } else { pattern.to_owned() };
    let literal = matches!(spelling.as_str(), "true" | "false") || spelling.parse::<f64>().is_ok();
    let zero = spelling.starts_with('0') && spelling.len() > 1;
    (key, part("decoy", apes, spelling), literal && !zero)
}

/// Sentences with a telling word and a harmless number.
#[rustfmt::skip]
const SENTENCES: [(&str, &str, &str, &str); 16] = [
    ("Password policy: ", "12 characters", ", rotated every 90 days.", "password"),
    ("The phone queue answered ", "1523468790", " calls since launch.", "phone"),
    ("Card terminals sold: ", "4815162342", ".", "card"),
    ("SSN collection was switched off in release ", "2024.11.2", ".", "us_ssn"),
    ("Call rate limit is ", "2000000000", " per day.", "phone"),
    ("Email open rate rose by ", "12.75", " percent.", "email"),
    ("Your IP quota is ", "256", " addresses.", "ip"),
    ("Passport scans are kept for ", "30 days", ".", "passport"),
    ("IBAN checks run in ", "14.2 ms", ".", "iban"),
    ("Account limit: ", "250000", " EUR.", "bank_account"),
    ("Token usage: ", "18234", " of 128000.", "jwt"),
    ("Tax rate ", "19", " percent applies.", "tax_id"),
    ("The MAC layer retried ", "3", " times.", "mac"),
    ("Address book sync took ", "00:01:37", ".", "mac"),
    ("The name must be at most ", "64", " characters.", "person_name"),
    ("Born-digital records: ", "48213907", ".", "date_of_birth"),
];

pub fn sentence(rng: &mut Rng) -> Vec<Part> {
    let (before, value, after, apes) = *rng.pick(&SENTENCES);
    let plain = |text: &str| Part::Plain(text.to_owned());
    vec![plain(before), part("decoy", apes, value.to_owned()), plain(after)]
}
