//! E-mails (RFC 5322, RFC 2045) and address cards (RFC 6350).

use crate::cells::Gen;
use crate::layouts::prose;
use crate::likes;
use crate::model::{Coding, Part, Text, quoted_printable};
use crate::rng::BASE62;
use crate::values::people::{COMPANIES, Person};
use crate::writing::{Place, write};

fn head(g: &mut Gen, encoding: &str) -> Text {
    let mut text = Text::plain("Return-Path: <>\nReceived: from mail.fabrikam.io (");
    let ip = g.public_ip("[", "])");
    text.parts.extend(write(&mut g.rng, &ip, Place::Plain));
    text.push("\n\tby mx.contoso.co.nz with ESMTPS\n");
    for field in ["From", "To"] {
        // The name before an address is not judged: it may go with it.
        let name = Person::draw(&mut g.rng).first;
        let made = g.made("email");
        text.push(format!("{field}: "));
        if name.is_ascii() && g.rng.chance(60) {
            text.parts.push(Part::Grace(name.to_owned()));
            text.push(" ");
        }
        text.push("<");
        text.parts.extend(write(&mut g.rng, &made, Place::Plain));
        text.push(">\n");
    }
    text.push("Subject: Your request\nDate: Tue, 14 Oct 2025 09:12:44 +0200\nMessage-ID: <");
    let id = format!("{}@mail.fabrikam.io", g.rng.text(BASE62, 20));
    text.parts.push(Part::Grace(id));
    text.push(">\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n");
    text.push(format!("Content-Transfer-Encoding: {encoding}\n\n"));
    text
}

pub fn plain(g: &mut Gen) -> Text {
    let mut text = head(g, "8bit");
    text.append(prose::letter(g));
    text
}

pub fn quoted(g: &mut Gen) -> Text {
    let mut text = head(g, "quoted-printable");
    let mut body = prose::letter(g).mapped(&quoted_printable);
    let soft = g.rng.chance(40);
    body.each_mark(&mut |mark| {
        mark.tags.push("quoted-printable");
        // A soft line break falls where the line is full, also inside a value.
        let ascii = mark.spelling.is_ascii() && !mark.spelling.contains(['=', '\n']);
        if soft && ascii && mark.spelling.len() > 8 && !mark.tags.contains(&"fixed-secret") {
            mark.spelling.insert_str(5, "=\n");
            mark.tags.push("soft-break");
        }
    });
    text.append(body);
    text
}

pub fn coded(g: &mut Gen) -> Text {
    let mut text = head(g, "base64");
    let mut body = prose::letter(g).coded(Coding::Base64Lines);
    body.each_mark(&mut |mark| mark.tags.extend(["mime-base64", "hard"]));
    text.append(body);
    text.push("\n");
    text
}

pub fn vcard(g: &mut Gen) -> Text {
    let person = Person::draw(&mut g.rng);
    let mut text = Text::plain("BEGIN:VCARD\nVERSION:4.0\n");
    let mut field = |g: &mut Gen, name: &str, class: &str, value: Option<String>| {
        let made = g.made(class);
        let made = crate::values::Made { value: value.unwrap_or(made.value.clone()), ..made };
        text.push(format!("{name}:"));
        text.parts.extend(write(&mut g.rng, &made, Place::Plain));
        text.push("\n");
    };
    field(g, "FN", "person_name", Some(format!("{} {}", person.first, person.last)));
    field(g, "TEL;TYPE=cell", "phone", None);
    field(g, "EMAIL;TYPE=work", "email", None);
    if g.rng.chance(60) {
        let street = person.street(&mut g.rng);
        field(g, "ADR;TYPE=home:;", "postal_address", Some(street));
    }
    if g.rng.chance(60) {
        let day =
            format!("19{}-0{}-1{}", g.rng.range(50, 99), g.rng.range(1, 9), g.rng.range(0, 9));
        field(g, "BDAY", "date_of_birth", Some(day));
    }
    text.push(format!("ORG:{}\nREV:", g.rng.pick(&COMPANIES)));
    text.parts.push(likes::another("iso-time", &mut g.rng).unwrap().part);
    text.push("\nUID:urn:uuid:");
    text.parts.push(likes::another("uuid", &mut g.rng).unwrap().part);
    text.push("\nEND:VCARD\n");
    text
}
