//! Tables: the head of a column says what its values are.

use crate::cells::{Case, Gen, Room};
use crate::model::{Mark, Part, Text, What, markup};
use crate::names;
use crate::writing::{Place, entities, write};
use crate::{decoys, likes};

struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<Text>>,
}

/// A table of two to five rows; `words` asks for heads that programs would use.
fn table(g: &mut Gen, words: bool) -> Table {
    let labels = g.rng.range(1, 3);
    let columns = g.columns(labels);
    let count = usize::try_from(g.rng.range(2, 4)).unwrap();
    let case = *g.rng.pick(&[Case::Snake, Case::Title, Case::Camel, Case::Upper]);
    let case = if words { Case::Snake } else { case };
    let mut table = Table { heads: vec![], rows: vec![Vec::new(); count] };
    for column in columns {
        let (head, cells) = match column {
            Some(class) => labelled(g, class, words, case, count),
            None => harmless(g, case, count),
        };
        if table.heads.contains(&head) {
            continue;
        }
        table.heads.push(head);
        table.rows.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
    }
    table
}

fn labelled(
    g: &mut Gen,
    class: &'static str,
    words: bool,
    case: Case,
    count: usize,
) -> (String, Vec<Text>) {
    let names = names::of(class);
    let label = !words && g.rng.chance(45);
    let key = g.rng.word(names.keys);
    let head = if label { g.rng.word(names.labels).to_owned() } else { case.write(key) };
    let mut cells = Vec::new();
    for _ in 0..count {
        // Somebody always leaves a cell empty.
        if g.rng.chance(8) {
            cells.push(Text::default());
            continue;
        }
        let made = g.made(class);
        let made = if label { made } else { g.fitted(made, key) };
        let mut cell = Text::of(write(&mut g.rng, &made, Place::Named));
        cell.each_mark(&mut |mark| mark.tags.push("column"));
        cells.push(cell);
    }
    (head, cells)
}

fn harmless(g: &mut Gen, case: Case, count: usize) -> (String, Vec<Text>) {
    loop {
        if g.rng.chance(20) {
            let (key, part, _) = decoys::draw(&mut g.rng);
            return (case.write(key), vec![Text::of(vec![part]); count]);
        }
        let first = likes::draw(&mut g.rng);
        let Part::Mark(Mark { what: What::Like { kind, .. }, spelling, .. }) = &first.part else {
            continue;
        };
        if spelling.contains('\n') || spelling.len() > 100 {
            continue;
        }
        let head = case.write(first.key);
        let more = (1..count).filter_map(|_| likes::another(kind, &mut g.rng));
        let parts: Vec<Part> =
            std::iter::once(first.part.clone()).chain(more.map(|l| l.part)).collect();
        return (head, parts.into_iter().map(|part| Text::of(vec![part])).collect());
    }
}

/// Cells of one line joined by a separator.
fn line(cells: impl IntoIterator<Item = Text>, before: &str, between: &str, after: &str) -> Text {
    let mut text = Text::plain(before);
    for (i, cell) in cells.into_iter().enumerate() {
        text.push(if i == 0 { "" } else { between });
        text.append(cell);
    }
    text.push(after);
    text
}

fn heads(table: &Table) -> Vec<Text> {
    table.heads.iter().map(|head| Text::plain(head.as_str())).collect()
}

/// RFC 4180, with the separators that spreadsheets of other countries use.
pub fn csv(g: &mut Gen) -> Text {
    let separator = *g.rng.pick(&[",", ",", ";", "|"]);
    let always = g.rng.chance(20);
    let quoted = |cell: Text| {
        let rendered = cell.rendered();
        if !always && !rendered.contains(separator) && !rendered.contains(['"', '\n']) {
            return cell;
        }
        line([cell.mapped(&|text| text.replace('"', "\"\""))], "\"", "", "\"")
    };
    let table = table(g, false);
    let end = *g.rng.pick(&["\n", "\r\n"]);
    let mut text = Text::default();
    for row in std::iter::once(heads(&table)).chain(table.rows.iter().cloned()) {
        text.append(line(row.into_iter().map(quoted), "", separator, end));
    }
    text
}

pub fn tsv(g: &mut Gen) -> Text {
    let table = table(g, false);
    let mut text = Text::default();
    for row in std::iter::once(heads(&table)).chain(table.rows.iter().cloned()) {
        text.append(line(row, "", "\t", "\n"));
    }
    text
}

pub fn markdown(g: &mut Gen) -> Text {
    let table = table(g, false);
    let escaped = |cell: Text| cell.mapped(&|text| text.replace('|', "\\|"));
    let mut text = line(heads(&table), "| ", " | ", " |\n");
    text.push(format!("|{}\n", " --- |".repeat(table.heads.len())));
    for row in table.rows {
        text.append(line(row.into_iter().map(escaped), "| ", " | ", " |\n"));
    }
    text
}

/// What a database's own client prints.
pub fn psql(g: &mut Gen) -> Text {
    let table = table(g, true);
    let rows = table.rows.len();
    let mut text = line(heads(&table), " ", " | ", "\n");
    text.push(format!("{}\n", vec!["-".repeat(14); table.heads.len()].join("+")));
    for row in table.rows {
        text.append(line(row, " ", " | ", "\n"));
    }
    text.push(format!("({rows} rows)\n"));
    text
}

pub fn html(g: &mut Gen) -> Text {
    let table = table(g, false);
    let mut text =
        line(heads(&table), "<table><thead><tr><th>", "</th><th>", "</th></tr></thead>\n");
    for row in table.rows {
        let cells: Vec<Text> = row.into_iter().map(|cell| referenced(g, &cell)).collect();
        text.append(line(cells, "<tr><td>", "</td><td>", "</td></tr>\n"));
    }
    text.push("</table>");
    text
}

/// The text as markup; sometimes a value's signs are character references.
pub fn referenced(g: &mut Gen, cell: &Text) -> Text {
    let spell = g.rng.chance(40);
    let mut text = cell.mapped(&markup);
    text.each_mark(&mut |mark| {
        let exact = mark.tags.contains(&"fixed-secret");
        let plain = mark.spelling.is_ascii() && !mark.spelling.contains('&');
        if spell && plain && !exact && matches!(mark.what, What::Label { .. }) {
            let spelling = entities(&mut g.rng, &mark.spelling);
            if spelling != mark.spelling {
                mark.spelling = spelling;
                mark.tags.extend(["entity", "hard"]);
            }
        }
    });
    text
}

pub fn sql_insert(g: &mut Gen) -> Text {
    let table = table(g, true);
    let name = *g.rng.pick(&["customers", "users", "patients", "employees", "payments"]);
    let mut text = Text::default();
    if g.rng.chance(50) {
        let columns = table.heads.iter().map(|head| format!("  `{head}` varchar(255) NOT NULL"));
        let columns = columns.collect::<Vec<_>>().join(",\n");
        text.push(format!("CREATE TABLE `{name}` (\n{columns}\n);\n"));
    }
    let names = table.heads.iter().map(|head| format!("`{head}`")).collect::<Vec<_>>().join(", ");
    text.push(format!("INSERT INTO `{name}` ({names}) VALUES\n"));
    let last = table.rows.len() - 1;
    for (i, row) in table.rows.into_iter().enumerate() {
        let doubled = row.into_iter().map(|cell| cell.mapped(&|text| text.replace('\'', "''")));
        let end = if i == last { "');\n" } else { "'),\n" };
        text.append(line(doubled, "('", "', '", end));
    }
    text
}

pub fn sql_copy(g: &mut Gen) -> Text {
    let table = table(g, true);
    let name = *g.rng.pick(&["public.customers", "crm.contacts", "public.accounts"]);
    let mut text = Text::plain(format!("COPY {name} ({}) FROM stdin;\n", table.heads.join(", ")));
    for row in table.rows {
        let empty = |cell: Text| if cell.parts.is_empty() { Text::plain("\\N") } else { cell };
        text.append(line(row.into_iter().map(empty), "", "\t", "\n"));
    }
    text.push("\\.\n");
    text
}

/// A text of one cell for each name, for forms that have no columns.
pub fn single(g: &mut Gen, labels: u64, room: Room, place: Place) -> Vec<(String, String, Text)> {
    let cells = g.record(labels, room, place);
    cells.into_iter().map(|cell| (cell.key.clone(), cell.label.clone(), cell.text())).collect()
}
