//! Pieces of SQL in values that are none.

use std::sync::LazyLock;

use regex::bytes::RegexSet;

use super::decode::unfold;
use super::{Check, Parameter, Probe, Signs};

/// SQL injection in everything but free text, which may well speak of SQL.
pub(super) struct Sql;

impl Check for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn needs(&self) -> Signs {
        let apart = Signs::SPACE.and(Signs::CONTROL).and(Signs::PERCENT).and(Signs::OPERATOR);
        apart.and(Signs::QUOTE).and(Signs::SHELL).and(Signs::WIDE)
    }

    fn hits(&self, probe: &Probe<'_>) -> bool {
        match probe.parameter {
            Parameter::Free => false,
            Parameter::Path
            | Parameter::Url
            | Parameter::Uri
            | Parameter::Word
            | Parameter::Name
            | Parameter::Other => !is_clean(probe.text) && injects(probe),
        }
    }
}

/// One word of letters, digits and the punctuation of ids, paths and dates injects nothing.
fn is_clean(text: &str) -> bool {
    let plain = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b':' | b'@' | b'-' | b',')
    };
    text.bytes().all(plain) && !text.contains("--") && !text.contains("@@")
}

fn injects(probe: &Probe<'_>) -> bool {
    let plain = normalised(&unfold(probe.text));
    if SURE.is_match(&plain) {
        return true;
    }
    if probe.is_text() {
        return false;
    }
    let quotes = |quote: u8| plain.iter().filter(|b| **b == quote).count();
    let unbalanced = quotes(b'\'') % 2 == 1 || quotes(b'"') % 2 == 1;
    let cut_off = COMMENT_ENDS.iter().any(|end| plain.trim_ascii_end().ends_with(end));
    ((unbalanced || cut_off) && BREAKOUT.is_match(&plain)) || is_quote_play(&plain)
}

/// Comments become spaces, or what MySQL runs of them; `+` and white space become one space.
fn normalised(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let byte = match first {
            b'/' if after.starts_with(b"*") => {
                let body = after.get(1..).unwrap_or_default();
                let end = memchr::memmem::find(body, b"*/");
                match (body.strip_prefix(b"!"), end) {
                    // MySQL runs `/*!50000 ... */`.
                    (Some(run), _) => {
                        let digits = run.iter().take_while(|b| b.is_ascii_digit()).count();
                        rest = run.get(digits..).unwrap_or_default();
                        b' '
                    }
                    (None, Some(end)) => {
                        rest = body.get(end + 2..).unwrap_or_default();
                        b' '
                    }
                    (None, None) => {
                        out.extend_from_slice(b"/*");
                        break;
                    }
                }
            }
            b'*' if after.first() == Some(&b'/') => {
                rest = after.get(1..).unwrap_or_default();
                b' '
            }
            b'+' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0 | 0xA0 => b' ',
            other => *other,
        };
        if byte != b' ' || out.last() != Some(&b' ') {
            out.push(byte);
        }
    }
    out
}

/// Nothing but quotes, operators and brackets: `'='`, `' || '`, `'-'`.
fn is_quote_play(plain: &[u8]) -> bool {
    let operator = |b: &u8| {
        matches!(
            b,
            b'=' | b'-'
                | b'&'
                | b'|'
                | b'^'
                | b'*'
                | b'('
                | b')'
                | b';'
                | b'#'
                | b'%'
                | b'<'
                | b'>'
        )
    };
    let quote = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b'\\');
    plain.len() >= 2
        && plain.iter().all(|b| operator(b) || quote(b) || *b == b' ')
        && plain.iter().any(quote)
        && plain.iter().any(operator)
}

const COMMENT_ENDS: &[&[u8]] = &[b"--", b"-- -", b"#", b"/*", b";"];

/// Compiles patterns that are part of the program; a test compiles them all.
#[expect(clippy::expect_used, reason = "constant patterns; `patterns_compile` runs them all")]
fn set(patterns: &[&str]) -> RegexSet {
    RegexSet::new(patterns.iter().map(|pattern| format!("(?-u){pattern}")))
        .expect("constant pattern")
}

/// What is SQL wherever it stands. The text is lower case with single spaces.
static SURE: LazyLock<RegexSet> = LazyLock::new(|| set(SURE_PATTERNS));

#[rustfmt::skip]
const SURE_PATTERNS: &[&str] = &[
    // A second result set.
    r#"union ?\(? ?(?:all |distinct )?\(? ?select ?\(? ?(?:[\d@'"(*~-]|null|char|concat|chr|version|user|database|current_user|load_file|group_concat|table_name|column_name|[a-z_0-9.`]+ ?(?:,|--|#|/\*|from [a-z_.`]+ ?(?:where|limit|--|#|;|$)))"#,
    r"union (?:all |distinct )select ",
    r#"['] ?(?:or|and) [a-z_.]{1,64} (?:like|=|<|>|<>|is) ?(?:['%(\d]|null)"#,
    r"\bload_file ?\(",
    // A second statement.
    r"[;'][ )]*(?:drop|truncate|alter|create) (?:table|database|schema|view|user|index|procedure|function|login)\b",
    r"[;'][ )]*(?:insert into [a-z_.`]+ ?(?:\(|values|select)|delete from [a-z_.`]+ ?(?:where|;|--|#|/\*|$)|update [a-z_.`]+ set [a-z_.`]+ ?=|replace into [a-z_.`]+ ?(?:\(|values|select)|desc(?:ribe)? [a-z_.`]+ ?(?:;|--|#|$))",
    r"[;'][ )]*(?:exec(?:ute)?[ (]|declare @|shutdown\b|waitfor delay|select |begin |copy [a-z_.]+ |vacuum|attach database|grant |backup database|dbcc |set @|if ?\(|while ?\()",
    // Constant conditions behind something that ends a value.
    r#"(?:^|[\d)'"` ])(?:or|and|xor|having|where|\|\||&&) ?(?:not )?[( ]*[!~-]?(?:\d+|0x[0-9a-f]+|'[^']{0,24}'?|"[^"]{0,24}"?) ?(?:=|<=>|<>|!=|<|>|like\b|rlike\b|regexp\b|is\b|sounds like\b|div\b) ?[( ]*[!~-]?(?:\d|0x|'|"|true|false|null|not|like)"#,
    r#"(?:^|[\d)'"` ])(?:or|and|xor|\|\||&&) ?(?:not )?[( ]*(?:true|false|null|1|0)[ )]*(?:--|#|/\*|;)"#,
    r#"['"`)] ?(?:or|and|xor) [( ]*(?:not )?(?:true|false|[a-z_.]+\(|exists ?\(|\(? ?select )"#,
    r"\b(?:or|and) (?:not )?(?:\d+|'[^']{0,24}') (?:between|in) ?\(?(?:\d|')",
    r"\b(?:or|and)[ (]+(?:select |ascii ?\(|substr(?:ing)? ?\(|mid ?\(|ord ?\(|length ?\(|exists ?\(|char_length ?\(|if ?\(|case when)",
    // Blind and timed.
    r#"\b(?:sleep|pg_sleep|randomblob|benchmark|dbms_lock\.sleep|dbms_session\.sleep) ?\( ?(?:[\d.]+ ?[),]|[('"@]|$)"#,
    r"\bwaitfor (?:delay|time) ",
    r"\bcase when .{1,80} then ",
    r"\b(?:iif|if|nvl|decode|elt) ?\( ?[^)]{0,40}[=<>][^)]{0,60}, ?[^)]{1,60}",
    // Functions, files and tables that only an attacker asks for.
    r"\b(?:extractvalue|updatexml|load_file|load_extension|xmltype|json_keys|gtid_subset|exp|name_const|group_concat|string_agg|ctxsys\.drithsx\.sn|sys_eval|sys_exec|makeset|make_set|hex|unhex|ascii|substring|substr|char|chr|nchar|concat|concat_ws|convert|cast) ?\( ?(?:\(? ?select\b|0x|~|@@|char ?\(|chr ?\(|\d+ ?,|version ?\(|user ?\(|database ?\(|\d{2,3} ?\))",
    r"\b(?:xp_cmdshell|xp_dirtree|xp_regread|xp_fileexist|sp_executesql|sp_password|sp_oacreate|sp_configure|openrowset|opendatasource|openquery|utl_http\.|utl_inaddr\.|utl_file\.|dbms_pipe\.|dbms_ldap\.|dbms_xmlgen|dbms_export_extension|httpuritype|lo_import|lo_export|pg_read_file|pg_ls_dir)",
    r"\binto (?:outfile|dumpfile) ?['(/0-9]",
    r"\bprocedure analyse ?\(",
    r"\b(?:information_schema\.|sqlite_(?:master|schema)\b|pg_catalog\.|pg_(?:shadow|user|authid)\b|mysql\.(?:user|db)\b|sys\.(?:objects|tables|columns|databases|user|server_principals)\b|sysobjects\b|syscolumns\b|msysaccessobjects\b|all_tables\b|user_tables\b|all_tab_columns\b|v\$version\b)",
    r"@@(?:version|hostname|datadir|basedir|servername|global|identity|rowcount|spid)\b",
    r#"[('"] ?select ?[( *'"@\d-]"#,
    r#"\( ?select\b.{1,120}\bfrom\b"#,
    r"^ ?select (?:\*|[a-z_0-9.`]+ ?(?:,|\()|@@|\d+ ?(?:,|$|--|#|;)).{0,120}",
    r"^ ?(?:or|and) \(?[a-z_.]{1,64}(?:\(\))? ?(?:=|<>|!=|like) ?['(a-z_\d]",
    // Tails.
    r#"(?:^|['")\d]) ?(?:order|group) by \d+ ?(?:,|--|#|/\*|;|$)"#,
    r"\bhaving \d+ ?[=<>] ?\d+",
    r"^-?\d+[ ')]* ?(?:--|#|/\*)[ -]*$",
    r"^-?\d+ ?(?:'|\)|;).{0,4}(?:--|#|/\*)",
    r#"^[a-z0-9_.@-]{1,64}['"][ );]*(?:--|#|/\*|;? ?$)[ -]*$"#,
    r"^-?\d+ (?:or|and) \d+ ?[=<>]",
    r"^(?:-?\d+|[a-z0-9_]*') ?(?:rlike|regexp|like|between|div|mod|xor|in|is) [('\d]",
];

/// What is SQL behind a quote that closes a value: asked only when quotes do not match up or the
/// rest is cut off by a comment.
static BREAKOUT: LazyLock<RegexSet> = LazyLock::new(|| set(BREAKOUT_PATTERNS));

#[rustfmt::skip]
const BREAKOUT_PATTERNS: &[&str] = &[
    r#"['"][ )]*(?:or|and|xor|not|having|where|\|\||&&|&|\||\^|\*|/|%|-|<|>|=)[ (]*.{0,80}(?:=|<|>|\blike\b|\bbetween\b|\bin ?\(|\bis (?:not )?null|--|#|/\*|\bexists\b|\bselect\b|\btrue\b|\bfalse\b)"#,
    r#"['"][ )]*(?:\|\||&&|or\b|and\b|xor\b|=|like\b|<>|\+|&|\^|\||\*|-) ?['"]"#,
    r#"['"][ );]*(?:--|#(?: |$)|/\*|;?%00)"#,
    r#"['"][ );]*(?:order|group) by\b"#,
    r#"['"][ );]*(?:union|limit \d|offset \d|procedure|into (?:out|dump)file|rlike|regexp|div|mod|in ?\(|is (?:not )?null|between|sounds like|collate)\b"#,
];

#[cfg(test)]
mod tests {
    use super::{BREAKOUT, SURE, normalised};

    #[test]
    fn patterns_compile() {
        assert!(SURE.len() > 20 && BREAKOUT.len() > 3);
    }

    #[test]
    fn comments_and_white_space_are_folded() {
        for (text, plain) in [
            ("a/**/b", "a b"),
            ("a /*x*/\t\n b", "a b"),
            ("/*!50000union*/ select", " union select"),
            ("a+b", "a b"),
            ("a/*", "a/*"),
            ("a*/b", "a b"),
        ] {
            assert_eq!(normalised(text), plain.as_bytes(), "{text}");
        }
    }
}
