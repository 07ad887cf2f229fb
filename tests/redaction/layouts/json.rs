//! Records as JSON: objects, lists, JSON inside strings, values as member names.

use crate::cells::{Case, Cell, Gen, Room};
use crate::model::{Coding, Escapes, Layout, Node, Part, Text};
use crate::values::people::{COMPANIES, Person};
use crate::writing::Place;

/// A value that may stand at `structuredContent`.
pub fn node(g: &mut Gen) -> Node {
    match g.rng.below(10) {
        0..=3 => object(g),
        4 | 5 => nested(g),
        6 | 7 => list(g),
        8 => keyed_by_values(g),
        _ => shapes(g),
    }
}

/// One record.
pub fn object(g: &mut Gen) -> Node {
    let case = Case::draw(&mut g.rng);
    let labels = g.rng.range(1, 3);
    let cells = g.record(labels, Room::Wide, Place::Named);
    members(g, cells, case)
}

pub fn members(g: &mut Gen, cells: Vec<Cell>, case: Case) -> Node {
    let member = |cell: Cell| (Text::plain(case.write(&cell.key)), cell.value(&mut g.rng));
    let mut members: Vec<(Text, Node)> = Vec::new();
    for (key, value) in cells.into_iter().map(member) {
        if members.iter().all(|(other, _)| other.rendered() != key.rendered()) {
            members.push((key, value));
        }
    }
    Node::Object(members)
}

fn nested(g: &mut Gen) -> Node {
    let inner =
        *g.rng.pick(&["profile", "contact", "details", "payload", "attributes", "customer"]);
    let id = format!("{}", g.rng.range(1000, 99_999));
    let record = object(g);
    let other = object(g);
    Node::object([
        ("id", Node::bare(id)),
        (inner, record),
        ("history", Node::Array(vec![other])),
        ("ok", Node::bare("true")),
    ])
}

/// Rows of the same members, and a list of plain values.
fn list(g: &mut Gen) -> Node {
    let case = Case::draw(&mut g.rng);
    let labels = g.rng.range(1, 2);
    let first = g.record(labels, Room::Line, Place::Named);
    let rows = (0..g.rng.range(1, 2)).map(|_| object(g)).collect::<Vec<_>>();
    let values = (0..g.rng.range(1, 3)).map(|_| Node::Text(Text::of(g.free_parts(Room::Word))));
    let values = Node::Array(values.collect()).tagged("in-array");
    let mut all = vec![members(g, first, case)];
    all.extend(rows);
    Node::object([
        ("items", Node::Array(all)),
        ("values", values),
        ("nextCursor", Node::bare("null")),
    ])
}

/// `{"jane@…": {…}}`
fn keyed_by_values(g: &mut Gen) -> Node {
    let mut entries = Vec::new();
    for _ in 0..g.rng.range(1, 2) {
        let mut key = Text::of(g.free_parts(Room::Word));
        key.each_mark(&mut |mark| mark.tags.push("member-name"));
        let visits = g.rng.range(1, 90).to_string();
        let like = g.like_cell();
        let value = like.value(&mut g.rng);
        let inner = Node::object([("visits", Node::bare(visits))]);
        let Node::Object(mut inner) = inner else { unreachable!() };
        inner.push((Text::plain(like.key), value));
        entries.push((key, Node::Object(inner)));
    }
    Node::object([("by_contact", Node::Object(entries))])
}

/// Structures that standards give: a GeoJSON point, an address in members, a list of strings
/// under one telling name.
fn shapes(g: &mut Gen) -> Node {
    match g.rng.below(4) {
        0 => {
            let pair = crate::values::device::pair(&mut g.rng);
            let number = |value: String| {
                let canonical = crate::values::canonical(&value);
                let what = crate::model::What::Label { class: "geo", canonical };
                let tags = vec!["geojson", "number"];
                Node::Bare(Text::of(vec![Part::Mark(crate::model::Mark {
                    what,
                    spelling: value,
                    tags,
                })]))
            };
            let point = Node::Array(vec![number(pair.1), number(pair.0)]);
            let geometry = Node::object([("type", Node::text("Point")), ("coordinates", point)]);
            let record = object(g);
            Node::object([
                ("type", Node::text("Feature")),
                ("geometry", geometry),
                ("properties", record),
            ])
        }
        1 => {
            let person = Person::draw(&mut g.rng);
            let street = g.made("postal_address");
            let street = crate::values::Made { value: person.street(&mut g.rng), ..street };
            let parts = crate::writing::write(&mut g.rng, &street, Place::Named);
            let place = (*g.rng.pick(person.land.places)).to_owned();
            let grace = Node::Text(Text::of(vec![Part::Grace(place)]));
            let address = Node::object([("street", Node::Text(Text::of(parts))), ("city", grace)]);
            let company = *g.rng.pick(&COMPANIES);
            Node::object([
                ("company", Node::text(company)),
                ("address", address.tagged("address-members")),
            ])
        }
        2 => person(g),
        _ => {
            let (key, class) = *g.rng.pick(&[
                ("emails", "email"),
                ("phoneNumbers", "phone"),
                ("ssns", "us_ssn"),
                ("ipAddresses", "ip"),
                ("ibans", "iban"),
                ("cardNumbers", "card"),
            ]);
            let values = (0..g.rng.range(1, 3)).map(|_| {
                let made = g.made(class);
                Node::Text(Text::of(crate::writing::write(&mut g.rng, &made, Place::Named)))
            });
            let values = Node::Array(values.collect()).tagged("plural-key");
            let like = g.like_cell();
            let value = like.value(&mut g.rng);
            Node::Object(vec![(key.into(), values), (Text::plain(like.key), value)])
        }
    }
}

/// `name` alone tells nothing; beside an address it is a person's.
fn person(g: &mut Gen) -> Node {
    let name = g.made("person_name");
    let mail = g.made("email");
    let name = Text::of(crate::writing::write(&mut g.rng, &name, Place::Named));
    let mail = Text::of(crate::writing::write(&mut g.rng, &mail, Place::Named));
    let id = g.rng.range(100, 9_999).to_string();
    let person = Node::object([
        ("id", Node::bare(id)),
        ("name", Node::Text(name).tagged("name-beside-mail")),
        ("email", Node::Text(mail)),
    ]);
    let like = g.like_cell();
    let value = like.value(&mut g.rng);
    Node::Object(vec![("user".into(), person), (Text::plain(like.key), value)])
}

pub fn layout(g: &mut Gen) -> Layout {
    *g.rng.pick(&[Layout::Compact, Layout::Spaced, Layout::Pretty, Layout::Pretty])
}

pub fn escapes(g: &mut Gen) -> Escapes {
    *g.rng.pick(&[
        Escapes::Least,
        Escapes::Least,
        Escapes::Least,
        Escapes::Least,
        Escapes::Ascii,
        Escapes::Ascii,
        Escapes::Php,
        Escapes::Html,
        Escapes::Symbols,
        Escapes::All,
    ])
}

/// JSON with its writer's habits; marks say which.
pub fn written(g: &mut Gen, node: Node) -> Text {
    let escapes = escapes(g);
    let tag = match escapes {
        Escapes::Least => None,
        Escapes::Ascii => Some("escapes-ascii"),
        Escapes::Php => Some("escapes-php"),
        Escapes::Html => Some("escapes-html"),
        Escapes::Symbols => Some("escapes-symbols"),
        Escapes::All => Some("escapes-all"),
    };
    let node = tag.into_iter().fold(node, |node, tag| node.tagged(tag));
    Text::json(node.escaped(escapes), layout(g))
}

pub fn in_text(g: &mut Gen) -> Text {
    let node = node(g);
    let json = written(g, node);
    if g.rng.chance(25) {
        let lead = *g.rng.pick(&["Result: ", "Here is the record:\n", "Found 1 match.\n```json\n"]);
        let tail = if lead.contains("```") { "\n```" } else { "" };
        let mut text = Text::plain(lead);
        text.append(json);
        text.push(tail);
        return text;
    }
    json
}

/// JSON in a string of JSON in a string, or base64 of it.
pub fn in_json(g: &mut Gen) -> Text {
    let inner = node(g).tagged("json-twice");
    let inner = written(g, inner);
    let coded = g.rng.chance(35);
    let mut inner = if coded { inner.coded(Coding::Base64) } else { inner };
    if coded {
        inner.each_mark(&mut |mark| mark.tags.push("base64"));
    }
    let member = *g.rng.pick(&["body", "payload", "raw", "message", "data"]);
    let id = g.rng.range(1, 9999).to_string();
    let outer = Node::object([("id", Node::bare(id)), (member, Node::Text(inner))]);
    if g.rng.chance(30) {
        let more = written(g, outer.tagged("json-thrice"));
        return written(
            g,
            Node::object([("event", Node::text("sync")), ("record", Node::Text(more))]),
        );
    }
    written(g, outer)
}

pub fn lines(g: &mut Gen) -> Text {
    let mut text = Text::default();
    for _ in 0..g.rng.range(2, 3) {
        let node = object(g);
        text.append(Text::json(node, Layout::Compact));
        text.push("\n");
    }
    text
}
