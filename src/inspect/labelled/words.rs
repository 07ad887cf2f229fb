//! Words that are no values, and words that begin the next label.

/// A word that is looked up in several lists.
#[derive(Clone, Copy)]
pub(super) struct Word<'t> {
    text: &'t str,
    /// In lower case. Zero where the word is longer than any of the lists.
    key: Key,
}

impl<'t> Word<'t> {
    /// Reads a word without the marks around it.
    pub(super) fn of(text: &'t str) -> Word<'t> {
        let mut bytes = [0; KEY_BYTES];
        if text.is_ascii() {
            if let Some(bytes) = bytes.get_mut(..text.len()) {
                bytes.copy_from_slice(text.as_bytes());
                bytes.make_ascii_lowercase();
            }
        } else {
            let mut length = 0;
            for letter in text.chars().flat_map(char::to_lowercase) {
                let end = length + letter.len_utf8();
                let Some(place) = bytes.get_mut(length..end) else {
                    bytes = [0; KEY_BYTES];
                    break;
                };
                letter.encode_utf8(place);
                length = end;
            }
        }
        Word { text, key: Key::from_be_bytes(bytes) }
    }

    /// Whether it is the name of an account, a role or a machine where a person's name would
    /// stand.
    pub(super) fn is_role(&self) -> bool {
        self.is_in(&ROLES)
    }

    /// Whether it belongs to the name of a company, a team or a thing.
    pub(super) fn is_organisation(&self) -> bool {
        self.is_in(&ORGANISATIONS)
    }

    /// Whether it begins a label: what stands before it is over.
    pub(super) fn is_label(&self) -> bool {
        self.is_in(&LABELS)
    }

    /// Whether it makes a sentence rather than a name.
    pub(super) fn is_prose(&self) -> bool {
        self.is_in(&PROSE)
    }

    /// Whether it is a form of address, or an academic degree before a name.
    pub(super) fn is_title(&self) -> bool {
        self.is_in(&TITLES)
    }

    /// Whether it is a small word inside addresses.
    pub(super) fn is_address_particle(&self) -> bool {
        self.is_in(&PARTICLES)
    }

    /// Whether it stands behind an address in records.
    pub(super) fn is_contact(&self) -> bool {
        self.is_in(&CONTACTS)
    }

    /// Whether it is a kind of street or a part of an address.
    pub(super) fn is_street(&self) -> bool {
        self.is_in(&STREETS) || STREET_ENDS.iter().any(|end| self.ends_with(end))
    }

    /// Whether it ends so with two letters at least before it.
    fn ends_with(&self, end: &str) -> bool {
        let at = self.text.len().checked_sub(end.len()).filter(|at| *at > 1);
        let tail = at.and_then(|at| self.text.as_bytes().get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    }

    /// Lists are sorted.
    fn is_in(&self, list: &[Key]) -> bool {
        self.key != 0 && list.binary_search(&self.key).is_ok()
    }
}

/// Whether a word, in its case, stands behind a name.
pub(super) fn is_suffix(text: &str) -> bool {
    is_exactly_in(text, &SUFFIXES)
}

/// Whether a word is a small one inside a name.
pub(super) fn is_name_particle(text: &str) -> bool {
    is_exactly_in(text, &NAME_PARTICLES)
}

fn is_exactly_in(text: &str, list: &[Key]) -> bool {
    let mut bytes = [0; KEY_BYTES];
    let Some(place) = bytes.get_mut(..text.len()) else { return false };
    place.copy_from_slice(text.as_bytes());
    list.binary_search(&Key::from_be_bytes(bytes)).is_ok()
}

/// Whether a value's place says that there is none: `unknown`, `N/A`, `true`.
pub(super) fn is_no_value(text: &str) -> bool {
    let bare = text.trim_end_matches(['.', '!']);
    Word::of(if bare.is_empty() { text } else { bare }).is_in(&NO_VALUES)
}

/// The bytes of a word as one number: comparing two of them is one step, and their order is
/// the words'.
type Key = u128;

/// Unit: bytes. No word of the lists is longer.
const KEY_BYTES: usize = 16;

#[expect(clippy::indexing_slicing, reason = "compile time")]
const fn keys<const N: usize>(words: [&str; N]) -> [Key; N] {
    let mut keys = [0; N];
    let mut at = 0;
    while at < N {
        let (word, mut bytes) = (words[at].as_bytes(), [0; KEY_BYTES]);
        let mut byte = 0;
        while byte < word.len() {
            bytes[byte] = word[byte];
            byte += 1;
        }
        keys[at] = Key::from_be_bytes(bytes);
        at += 1;
    }
    keys
}

/// All of a text that is no value.
#[rustfmt::skip]
const NO_VALUES: [Key; 83] = keys([
    "-", "--", "---", ".", "..", "...", "/", "absent", "anonymised", "anonymized", "anonymous",
    "blank", "brak", "confidential", "declined", "default", "desconocido", "do not contact",
    "empty", "example", "false", "fehlt", "geen", "hidden", "inconnu", "inget", "invalid", "keine",
    "leer", "masked", "missing", "n.a", "n/a", "n/d", "na", "nan", "nessuno", "ni",
    "nicht angegeben", "nieznany", "nil", "no", "no value", "none", "not applicable",
    "not available", "not given", "not known", "not provided", "not set", "not specified", "null",
    "ok", "okänd", "on file", "onbekend", "pending", "private", "prohibited", "protected",
    "redacted", "refused", "removed", "required", "restricted", "same", "same as above",
    "sconosciuto", "secret", "tba", "tbd", "test", "to be determined", "todo", "true",
    "unavailable", "unbekannt", "undefined", "unknown", "unset", "withheld", "yes", "不明",
]);

#[rustfmt::skip]
const ROLES: [Key; 92] = keys([
    "account", "admin", "administrator", "agent", "all", "anonymous", "any", "anybody", "anyone",
    "api", "app", "assistant", "auto", "backend", "billing", "bot", "build", "ci", "client", "cron",
    "customer", "daemon", "default", "demo", "deploy", "deployer", "dev", "developer", "devops",
    "dummy", "employee", "everybody", "everyone", "frontend", "git", "group", "guest", "helpdesk",
    "hr", "info", "internal", "invalid", "it", "legal", "main", "maintainer", "manager",
    "marketing", "me", "member", "mysql", "nginx", "nobody", "none", "noreply", "null",
    "operations", "operator", "ops", "other", "owner", "platform", "postgres", "primary", "public",
    "reader", "readonly", "root", "runner", "sales", "scheduler", "security", "self", "service",
    "someone", "staff", "sudo", "superuser", "support", "sysadmin", "system", "team", "tenant",
    "test", "tester", "unassigned", "undefined", "unknown", "user", "users", "viewer", "webmaster",
]);

#[rustfmt::skip]
const ORGANISATIONS: [Key; 91] = keys([
    "ab", "ag", "agency", "airport", "api", "app", "application", "association", "bank", "bot",
    "bv", "clinic", "cluster", "co", "college", "committee", "company", "consulting", "corp",
    "corporation", "council", "dashboard", "database", "department", "division", "e.v", "engine",
    "engineering", "extension", "foundation", "framework", "gateway", "gbr", "gmbh", "group",
    "holding", "holdings", "hospital", "hotel", "inc", "incorporated", "industries", "institute",
    "insurance", "international", "kft", "kg", "labs", "library", "limited", "llc", "llp", "ltd",
    "ltda", "ministry", "module", "museum", "network", "nv", "office", "ohg", "oy", "partners",
    "pipeline", "platform", "plc", "plugin", "portal", "project", "pty", "repository", "restaurant",
    "sa", "sarl", "school", "server", "service", "services", "software", "solutions", "spa", "srl",
    "studio", "system", "systems", "team", "technologies", "ug", "university", "website",
    "workflow",
]);

#[rustfmt::skip]
const LABELS: [Key; 131] = keys([
    "account", "acct", "address", "admitted", "adresse", "age", "allergies", "amount", "and",
    "apellido", "appointment", "attending", "attn", "balance", "billing", "birth", "birthdate",
    "born", "card", "case", "cell", "charge", "city", "company", "contact", "contract", "country",
    "created", "customer", "date", "department", "dept", "details", "diagnosis", "discharged", "dl",
    "dni", "dob", "doctor", "driver", "due", "ein", "email", "emergency", "employee", "exp",
    "expires", "expiry", "fax", "first", "fiscal", "full", "geb", "geboren", "geburtsdatum",
    "gender", "health", "home", "iban", "id", "identity", "info", "information", "insurance",
    "invoice", "ip", "is", "issued", "item", "kontakt", "last", "licence", "license", "medical",
    "medicare", "member", "mobile", "mrn", "nachnahme", "nachname", "name", "names", "nationality",
    "nhs", "nif", "nino", "no", "nom", "nombre", "note", "notes", "npi", "nr", "number",
    "occupation", "office", "order", "passport", "patient", "pesel", "phone", "plan", "policy",
    "provider", "prénom", "record", "ref", "reference", "role", "room", "security", "sex", "social",
    "ssn", "state", "status", "surname", "sv", "tax", "tel", "telefon", "telephone", "ticket",
    "tin", "title", "type", "vat", "vin", "visit", "vorname", "zip",
]);

#[rustfmt::skip]
const PROSE: [Key; 68] = keys([
    "a", "about", "after", "and", "any", "are", "as", "at", "auf", "be", "been", "before", "but",
    "by", "der", "die", "does", "ein", "eine", "et", "every", "for", "from", "get", "had", "has",
    "have", "he", "her", "his", "if", "in", "into", "is", "ist", "it", "its", "mit", "must", "my",
    "new", "nicht", "not", "of", "on", "or", "our", "para", "please", "por", "pour", "set", "she",
    "should", "that", "the", "their", "they", "this", "to", "und", "une", "was", "were", "when",
    "who", "with", "your",
]);

/// Without their dots.
#[rustfmt::skip]
const TITLES: [Key; 65] = keys([
    "avv", "capt", "captain", "col", "dame", "dhr", "dipl", "don", "dott", "doña", "dr", "drs",
    "father", "frau", "fru", "fröken", "gen", "h.c", "habil", "herr", "herrn", "hon", "ing",
    "judge", "jur", "lady", "lord", "lt", "madame", "mag", "maj", "maître", "med", "mevr",
    "mevrouw", "mgr", "miss", "mlle", "mme", "monsieur", "mr", "mrs", "ms", "mx", "nat", "pan",
    "pani", "phil", "prof", "professor", "rer", "rev", "senhor", "senhora", "señor", "señora",
    "señorita", "sgt", "sig", "signor", "signora", "sir", "sr", "sra", "srta",
]);

/// Kinds of streets and parts of addresses: USPS Publication 28, appendices C1 and C2, and
/// the same of other postal operators (Universal Postal Union, "Postal addressing systems").
#[rustfmt::skip]
const STREETS: [Key; 130] = keys([
    "al", "aleja", "allee", "alley", "allé", "allée", "apartado", "apartment", "apt", "av", "ave",
    "avenida", "avenue", "avinguda", "bd", "blvd", "boks", "boulevard", "box", "boîte", "bp",
    "building", "caixa", "calle", "camino", "carrer", "carrera", "carretera", "casilla", "cedex",
    "chaussée", "chemin", "cir", "circle", "close", "corso", "cottage", "cours", "court",
    "crescent", "ct", "damm", "dr", "drive", "esplanade", "estrada", "expressway", "farm", "flat",
    "floor", "freeway", "garden", "gardens", "gasse", "gata", "gatan", "gate", "green", "grove",
    "highway", "hill", "house", "hwy", "impasse", "katu", "lane", "largo", "lgh", "ln", "lot",
    "mews", "os", "parade", "park", "parkway", "paseo", "passage", "piazza", "piazzale", "pkwy",
    "pl", "place", "platz", "plaza", "plaça", "plein", "po", "postboks", "postbus", "postfach",
    "praceta", "praça", "promenade", "quai", "rd", "ring", "road", "route", "row", "rua", "rue",
    "ruelle", "rynek", "singel", "skrytka", "sq", "square", "st", "ste", "steeg", "str", "strada",
    "strasse", "straße", "street", "suite", "terrace", "tie", "torg", "travessa", "ul", "ulica",
    "unit", "vej", "via", "viale", "vicolo", "view", "vägen", "way",
]);

/// Ends of the names of streets in Germanic languages, where they are one word.
#[rustfmt::skip]
const STREET_ENDS: [&str; 22] = [
    "allee", "damm", "gade", "gasse", "gata", "gatan", "gracht", "kade", "laan", "platz", "plein",
    "stigen", "str", "straat", "strasse", "straße", "torget", "ufer", "veien", "vej", "vägen",
    "weg",
];

#[rustfmt::skip]
const PARTICLES: [Key; 61] = keys([
    "a", "al", "am", "an", "and", "at", "auf", "aux", "bei", "bis", "c/o", "d'", "da", "das", "de",
    "dei", "del", "della", "dem", "den", "der", "des", "di", "die", "do", "dos", "du", "e", "el",
    "en", "et", "im", "in", "la", "las", "le", "les", "los", "n", "nad", "near", "no", "nr", "nº",
    "núm", "of", "op", "pod", "s", "sous", "sur", "t", "the", "und", "upon", "van", "von", "y",
    "zu", "zum", "zur",
]);

/// Ways to reach somebody, and what else is said of him.
#[rustfmt::skip]
const CONTACTS: [Key; 26] = keys([
    "born", "cell", "contact", "dob", "e-mail", "email", "fax", "geb", "he", "iban", "id", "mail",
    "mobil", "mobile", "mrn", "passport", "phone", "please", "she", "ssn", "tel", "telefon",
    "telephone", "their", "vat", "website",
]);

/// Behind a name, in their case: `Do` and `Ma` are names.
#[rustfmt::skip]
const SUFFIXES: [Key; 34] = keys([
    "BA", "BSc", "CBE", "CPA", "DDS", "DMD", "DO", "DVM", "ESQ", "Esq", "II", "III", "IV", "J.D",
    "JD", "JR", "Jr", "KC", "LLM", "M.D", "MA", "MBA", "MD", "MSc", "NP", "OBE", "PHD", "Ph.D",
    "PhD", "RN", "SR", "Sr", "jr", "sr",
]);

/// Inside a name, in lower case only.
#[rustfmt::skip]
const NAME_PARTICLES: [Key; 44] = keys([
    "abu", "af", "al", "av", "bat", "ben", "bin", "bint", "binti", "da", "das", "de", "degli",
    "dei", "del", "della", "dello", "den", "der", "des", "di", "do", "dos", "du", "e", "el", "het",
    "i", "ibn", "la", "le", "op", "san", "te", "ten", "ter", "und", "van", "vom", "von", "y", "zu",
    "zum", "zur",
]);

#[cfg(test)]
mod tests {
    use super::{CONTACTS, LABELS, NAME_PARTICLES, NO_VALUES, ORGANISATIONS, PARTICLES, PROSE};
    use super::{ROLES, STREETS, SUFFIXES, TITLES, Word, is_no_value, is_suffix};

    #[test]
    fn lists_are_sorted() {
        let one = [&CONTACTS[..], &LABELS, &NAME_PARTICLES, &NO_VALUES, &ORGANISATIONS];
        let other = [&PARTICLES[..], &PROSE, &ROLES, &STREETS, &SUFFIXES, &TITLES];
        for list in one.into_iter().chain(other) {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn words_are_known_in_any_case() {
        assert!(is_no_value("N/A"));
        assert!(is_no_value("Unknown."));
        assert!(is_no_value("..."));
        assert!(!is_no_value("Jane"));
        assert!(!is_no_value(""));
        assert!(Word::of("Bürgermeister-Müller-Straße").is_street());
        assert!(Word::of("AVENUE").is_street());
        assert!(Word::of("CHAUSSÉE").is_street());
        assert!(!Word::of("Jane").is_street());
        assert!(!Word::of("Straß").is_street());
        assert!(!Word::of(&"street".repeat(9)).is_role());
        assert!(is_suffix("MD"));
        assert!(!is_suffix("Md"));
    }
}
