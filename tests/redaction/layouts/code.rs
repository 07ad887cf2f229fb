//! Source code, shell sessions, stack traces.

use crate::cells::{Case, Gen, Room};
use crate::layouts::tables::single;
use crate::likes;
use crate::model::{Part, Text};
use crate::writing::{Place, write};

/// A value as a literal of a language with C-like escapes.
fn literal(value: &Text) -> Text {
    let mut text = Text::plain("\"");
    text.append(
        value.mapped(&|text| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")),
    );
    text.push("\"");
    text
}

pub fn source(g: &mut Gen) -> Text {
    match g.rng.below(3) {
        0 => python(g),
        1 => script(g),
        _ => go(g),
    }
}

fn author(g: &mut Gen, before: &str, after: &str) -> Text {
    let mut text = Text::plain(before);
    let made = g.made("email");
    text.parts.extend(write(&mut g.rng, &made, Place::Plain));
    text.push(after);
    text
}

fn python(g: &mut Gen) -> Text {
    let mut text = Text::plain("import os\n\n# Ask ");
    text.append(author(g, "", " before you change this.\n\nFIXTURE = {\n"));
    let labels = g.rng.range(1, 3);
    for (key, _, value) in single(g, labels, Room::Wide, Place::Plain) {
        text.push(format!("    \"{key}\": "));
        text.append(literal(&value));
        text.push(",\n");
    }
    text.push("}\n\ndef total(rows):\n    return sum(row[\"amount\"] * 1.19 for row in rows)\n");
    text
}

fn script(g: &mut Gen) -> Text {
    let mut text = Text::plain("import { Client } from \"./client.js\";\n\n");
    let labels = g.rng.range(1, 3);
    for (key, _, value) in single(g, labels, Room::Line, Place::Plain) {
        let name = Case::Camel.write(&key);
        text.push(if g.rng.chance(50) {
            format!("const {name} = ")
        } else {
            format!("client.{name} = ")
        });
        text.append(literal(&value));
        text.push(";\n");
    }
    text.push("\nexport default new Client({ retries: 3, timeoutMs: 15000 });\n");
    text
}

fn go(g: &mut Gen) -> Text {
    let mut text = Text::plain("package main\n\n// Author: ");
    text.append(author(g, "", "\nvar record = Record{\n"));
    let labels = g.rng.range(1, 2);
    for (key, _, value) in single(g, labels, Room::Line, Place::Plain) {
        text.push(format!("\t{}: ", Case::Pascal.write(&key)));
        text.append(literal(&value));
        text.push(",\n");
    }
    text.push("}\n\nfunc main() { fmt.Println(len(record.Status)) }\n");
    text
}

pub fn stack_trace(g: &mut Gen) -> Text {
    let made = g.free(Room::Line);
    let value = Text::of(write(&mut g.rng, &made, Place::Alone));
    let quoted = |before: &str, value: Text, after: &str| {
        let mut text = Text::plain(before);
        text.append(value);
        text.push(after);
        text
    };
    let line = g.rng.range(10, 900);
    let mut text = if g.rng.chance(50) {
        let mut text = quoted("java.lang.IllegalArgumentException: invalid value '", value, "'\n");
        text.push(format!("\tat io.fabrikam.crm.Importer.check(Importer.java:{line})\n"));
        text.push("\tat java.base/java.lang.Thread.run(Thread.java:1583)\n");
        text
    } else {
        let mut text = Text::plain("Traceback (most recent call last):\n");
        text.push(format!(
            "  File \"/srv/app/importer.py\", line {line}, in check\n    validate(row)\n"
        ));
        text.append(quoted("ValueError: could not parse '", value, "'\n"));
        text
    };
    text.push("Locals:\n");
    for (key, _, value) in single(g, 1, Room::Line, Place::Plain) {
        text.push(format!("    {key} = "));
        text.append(literal(&value));
        text.push("\n");
    }
    text
}

pub fn shell(g: &mut Gen) -> Text {
    let mut text = Text::plain("$ ");
    match g.rng.below(5) {
        0 => {
            text.push("curl -H 'Authorization: ");
            let made = g.made("auth_header");
            text.parts.extend(write(&mut g.rng, &made, Place::Plain));
            text.push("' https://api.fabrikam.io/v1/me\n");
        }
        1 => {
            text.push("mysql -h db.internal -u app --password=");
            let made = g.made("password");
            text.parts.extend(write(&mut g.rng, &made, Place::Plain));
            text.push(" shop\n");
        }
        2 => {
            text.push("psql ");
            let made = g.made("connection_string");
            text.push("'");
            text.parts.extend(write(&mut g.rng, &made, Place::Plain));
            text.push("'\n");
        }
        3 => {
            text.push("ip neigh\n");
            let (ip, mac) = (g.public_ip("", ""), g.made("mac"));
            text.parts.extend(write(&mut g.rng, &ip, Place::Plain));
            text.push(" dev eth0 lladdr ");
            text.parts.extend(write(&mut g.rng, &mac, Place::Plain));
            text.push(" REACHABLE\n");
        }
        _ => {
            text.push("cat ~/.ssh/id_deploy\n");
            let made = g.made("private_key");
            text.parts.extend(write(&mut g.rng, &made, Place::Plain));
        }
    }
    text.push("$ git log -1 --format=%H\n");
    text.parts.push(likes::another("sha1", &mut g.rng).unwrap().part);
    text.push("\n$ ls -l\n-rw-r--r-- 1 deploy deploy ");
    let size: Part = likes::another("byte-count", &mut g.rng).unwrap().part;
    text.parts.push(size);
    text.push(" Oct 12 09:14 dump.sql\n");
    text
}
