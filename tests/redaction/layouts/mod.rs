//! The layouts that texts of MCP messages come in.

pub mod code;
pub mod forms;
pub mod json;
pub mod mail;
pub mod prose;
pub mod tables;

use crate::cells::Gen;
use crate::model::Text;

/// Name of a layout, weight, and what makes a text of it.
type Row = (&'static str, usize, fn(&mut Gen) -> Text);

#[rustfmt::skip]
const LAYOUTS: [Row; 35] = [
    ("json-in-text", 14, json::in_text),
    ("json-in-json", 7, json::in_json),
    ("jsonl", 3, json::lines),
    ("csv", 5, tables::csv),
    ("tsv", 3, tables::tsv),
    ("markdown-table", 5, tables::markdown),
    ("psql", 2, tables::psql),
    ("html-table", 3, tables::html),
    ("sql-insert", 3, tables::sql_insert),
    ("sql-copy", 2, tables::sql_copy),
    ("yaml", 5, forms::yaml),
    ("env", 4, forms::env),
    ("ini", 2, forms::ini),
    ("toml", 2, forms::toml),
    ("logfmt", 4, forms::logfmt),
    ("xml", 5, forms::xml),
    ("xml-attributes", 2, forms::xml_attributes),
    ("html", 4, forms::html),
    ("lines", 6, forms::lines),
    ("markdown-list", 3, forms::markdown_list),
    ("http-head", 3, forms::http_head),
    ("query", 4, forms::query),
    ("prose", 12, prose::prose),
    ("letter", 4, prose::letter),
    ("chat", 3, prose::chat),
    ("log", 8, prose::log),
    ("access-log", 4, prose::access_log),
    ("syslog", 3, prose::syslog),
    ("source", 5, code::source),
    ("stack-trace", 3, code::stack_trace),
    ("shell", 3, code::shell),
    ("e-mail", 4, mail::plain),
    ("e-mail-quoted", 3, mail::quoted),
    ("e-mail-base64", 3, mail::coded),
    ("vcard", 3, mail::vcard),
];

/// A text in some layout; its marks carry the layout's name.
pub fn text(g: &mut Gen) -> Text {
    let total: usize = LAYOUTS.iter().map(|row| row.1).sum();
    let mut point = g.rng.below(total);
    let chosen = LAYOUTS.iter().find(|row| {
        let hit = point < row.1;
        point = point.saturating_sub(row.1);
        hit
    });
    let (tag, _, make) = chosen.unwrap();
    let mut text = make(g);
    text.each_mark(&mut |mark| mark.tags.push(tag));
    text
}
