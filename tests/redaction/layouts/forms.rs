//! Forms: one name and one value in a line, element or parameter.

use crate::cells::{Case, Gen, Room};
use crate::layouts::tables::{referenced, single};
use crate::model::{Text, markup, percent};
use crate::writing::Place;

/// A record as lines of `name`, `between`, value; names and values written by the format.
fn each(
    g: &mut Gen,
    (labels, room, place): (u64, Room, Place),
    line: &mut dyn FnMut(&mut Gen, &str, &str, Text) -> Text,
) -> Text {
    let mut text = Text::default();
    for (key, label, value) in single(g, labels, room, place) {
        text.append(line(g, &key, &label, value));
    }
    text
}

fn count(g: &mut Gen) -> u64 {
    g.rng.range(1, 4)
}

fn around(before: impl Into<String>, value: Text, after: &str) -> Text {
    let mut text = Text::plain(before);
    text.append(value);
    text.push(after);
    text
}

pub fn yaml(g: &mut Gen) -> Text {
    let (labels, case) = (count(g), *g.rng.pick(&[Case::Snake, Case::Camel, Case::Kebab]));
    let nested = g.rng.chance(40);
    let indent = if nested { "  " } else { "" };
    let mut text = Text::plain(if nested { "---\nrecord:\n" } else { "---\n" });
    text.append(each(g, (labels, Room::Wide, Place::Named), &mut |g, key, _, value| {
        let (key, rendered) = (case.write(key), value.rendered());
        if rendered.contains('\n') {
            let block = value.mapped(&|text| text.replace('\n', &format!("\n{indent}    ")));
            return around(format!("{indent}{key}: |\n{indent}    "), block, "\n");
        }
        let special = rendered
            .starts_with(['@', '[', '{', '*', '%', '#', '"', '\'', '&', '!', '<', '-', '`'])
            || rendered.contains([':', '#']);
        match g.rng.below(4) {
            0 => around(format!("{indent}{key}: \""), value.mapped(&double_quoted), "\"\n"),
            1 if special || rendered.contains('\'') => {
                let value = value.mapped(&|text| text.replace('\'', "''"));
                around(format!("{indent}{key}: '"), value, "'\n")
            }
            _ if special => {
                around(format!("{indent}{key}: \""), value.mapped(&double_quoted), "\"\n")
            }
            _ => around(format!("{indent}{key}: "), value, "\n"),
        }
    }));
    text
}

fn double_quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

pub fn env(g: &mut Gen) -> Text {
    let labels = count(g);
    let export = if g.rng.chance(20) { "export " } else { "" };
    let mut text = Text::plain("# generated, do not edit\n");
    text.append(each(g, (labels, Room::Wide, Place::Plain), &mut |g, key, _, value| {
        let name = format!("{export}{}=", Case::Upper.write(key).replace('-', "_"));
        let rendered = value.rendered();
        if rendered.contains([' ', '#', '\n', '"', ';', '&']) || g.rng.chance(30) {
            let value = value.mapped(&|text| double_quoted(text).replace('\n', "\\n"));
            return around(name + "\"", value, "\"\n");
        }
        around(name, value, "\n")
    }));
    text
}

pub fn ini(g: &mut Gen) -> Text {
    let labels = count(g);
    let equals = *g.rng.pick(&[" = ", "=", ": "]);
    let mut text = Text::plain(format!("[{}]\n", g.rng.pick(&["account", "database", "contact"])));
    text.append(each(g, (labels, Room::Line, Place::Plain), &mut |_, key, _, value| {
        let value = value.mapped(&|text| text.replace('\n', "\\n"));
        around(format!("{key}{equals}"), value, "\n")
    }));
    text
}

pub fn toml(g: &mut Gen) -> Text {
    let labels = count(g);
    let mut text = Text::plain("[customer]\n");
    text.append(each(g, (labels, Room::Line, Place::Plain), &mut |_, key, _, value| {
        let value = value.mapped(&|text| double_quoted(text).replace('\n', "\\n"));
        around(format!("{} = \"", Case::Kebab.write(key)), value, "\"\n")
    }));
    text
}

pub fn logfmt(g: &mut Gen) -> Text {
    let labels = g.rng.range(1, 3);
    let mut text = Text::plain("level=info msg=\"record loaded\" ");
    text.append(each(g, (labels, Room::Line, Place::Plain), &mut |_, key, _, value| {
        let rendered = value.rendered();
        if rendered.contains([' ', '"', '=', '\n']) {
            let value = value.mapped(&|text| double_quoted(text).replace('\n', "\\n"));
            return around(format!("{key}=\""), value, "\" ");
        }
        around(format!("{key}="), value, " ")
    }));
    text.push("ok=true\n");
    text
}

/// Only what XML allows in a name.
fn element(case: Case, key: &str) -> String {
    case.write(key).replace([' ', '.'], "_")
}

pub fn xml(g: &mut Gen) -> Text {
    let (labels, case) = (count(g), *g.rng.pick(&[Case::Camel, Case::Pascal, Case::Snake]));
    let prefix = *g.rng.pick(&["", "", "ns:", "soap:"]);
    let mut text = Text::plain("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Record>\n");
    text.append(each(g, (labels, Room::Wide, Place::Named), &mut |g, key, _, value| {
        let name = element(case, key);
        let close = format!("</{prefix}{name}>\n");
        if g.rng.chance(10) {
            return around(format!("  <{prefix}{name}><![CDATA["), value, &format!("]]>{close}"));
        }
        let value = referenced(g, &value);
        around(format!("  <{prefix}{name}>"), value, &close)
    }));
    text.push("</Record>\n");
    text
}

pub fn xml_attributes(g: &mut Gen) -> Text {
    let (labels, case) = (count(g), *g.rng.pick(&[Case::Camel, Case::Kebab]));
    let mut text = Text::plain("<person ");
    text.append(each(g, (labels, Room::Line, Place::Named), &mut |g, key, _, value| {
        let value = referenced(g, &value).mapped(&|text| text.replace('\n', "&#10;"));
        around(format!("{}=\"", element(case, key)), value, "\" ")
    }));
    text.push("/>\n");
    text
}

pub fn html(g: &mut Gen) -> Text {
    let (labels, style) = (count(g), g.rng.below(4));
    let mut text = Text::plain("<!doctype html><html><body>\n");
    text.append(each(g, (labels, Room::Line, Place::Named), &mut |g, key, label, value| {
        let value = referenced(g, &value);
        let label = markup(label);
        match style {
            0 => around(format!("<dt>{label}</dt><dd>"), value, "</dd>\n"),
            1 => {
                let value = value.mapped(&|text| text.replace('\n', "&#10;"));
                around(format!("<input type=\"text\" name=\"{key}\" value=\""), value, "\">\n")
            }
            2 => around(format!("<p><b>{label}:</b> "), value, "</p>\n"),
            _ => around(format!("<tr><th scope=\"row\">{label}</th><td>"), value, "</td></tr>\n"),
        }
    }));
    text.push("</body></html>");
    text
}

/// A form as somebody types it off.
pub fn lines(g: &mut Gen) -> Text {
    let labels = count(g);
    let colon = *g.rng.pick(&[": ", ":", " : ", "： ", " - ", ":\t"]);
    let mut text = Text::default();
    text.append(each(g, (labels, Room::Wide, Place::Named), &mut |_, _, label, value| {
        around(format!("{label}{colon}"), value, "\n")
    }));
    text
}

pub fn markdown_list(g: &mut Gen) -> Text {
    let (labels, style) = (count(g), g.rng.below(3));
    let mut text = Text::plain("## Record\n\n");
    text.append(each(
        g,
        (labels, Room::Line, Place::Named),
        &mut |_, _, label, value| match style {
            0 => around(format!("- **{label}:** "), value, "\n"),
            1 => around(format!("* {label}: `"), value, "`\n"),
            _ => around(format!("- **{label}**: "), value, "\n"),
        },
    ));
    text
}

pub fn http_head(g: &mut Gen) -> Text {
    let class =
        *g.rng.pick(&["auth_header", "auth_header", "cookie", "cookie", "api_key", "ip", "jwt"]);
    let made = g.made(class);
    let name = match class {
        "auth_header" => *g.rng.pick(&["Authorization", "Proxy-Authorization", "authorization"]),
        "cookie" => *g.rng.pick(&["Cookie", "Set-Cookie", "cookie"]),
        "api_key" => "X-Api-Key",
        "ip" => "X-Forwarded-For",
        _ => *g.rng.pick(&["X-Auth-Token", "Authorization: Bearer", "Authorization: Bearer"]),
    };
    let between = if name.ends_with("Bearer") { " " } else { ": " };
    let value = Text::of(crate::writing::write(&mut g.rng, &made, Place::Plain));
    let mut text = Text::plain("POST /v1/records HTTP/1.1\nHost: api.fabrikam.io\n");
    text.append(around(format!("{name}{between}"), value, "\n"));
    text.push("Accept: application/json\nX-Request-Id: ");
    let like = crate::likes::another("uuid", &mut g.rng).unwrap();
    text.parts.push(like.part);
    text.push("\n\n");
    text.append(query_of(g, 1));
    text
}

/// A URI or a form body.
pub fn query(g: &mut Gen) -> Text {
    let paths = [
        "https://crm.contoso.co.nz/people?",
        "/api/v2/search?",
        "GET /callback?",
        "https://pay.fabrikam.io/checkout?locale=de&",
    ];
    let mut text = Text::plain(*g.rng.pick(&paths));
    let labels = g.rng.range(1, 3);
    text.append(query_of(g, labels));
    text
}

pub fn query_of(g: &mut Gen, labels: u64) -> Text {
    let plus = g.rng.chance(40);
    let coded =
        move |text: &str| if plus { percent(text).replace("%20", "+") } else { percent(text) };
    let mut text = Text::default();
    let cells = single(g, labels, Room::Line, Place::Plain);
    for (i, (key, _, value)) in cells.into_iter().enumerate() {
        text.push(if i == 0 { "" } else { "&" });
        let mut value = value.mapped(&coded);
        value.each_mark(&mut |mark| mark.tags.push("percent"));
        text.append(around(percent(&key) + "=", value, ""));
    }
    text
}
