//! Sentences, letters, chats, log lines.

use crate::cells::{Gen, Room};
use crate::layouts::forms;
use crate::model::{Part, Text, percent};
use crate::names;
use crate::values::{Made, Style};
use crate::writing::{Place, write};
use crate::{decoys, likes};

const FILLER: [&str; 26] = [
    "The shipment left the warehouse in the morning.",
    "Great work everybody 🎉🎉 see you on Monday 👋.",
    "Zażółć gęślą jaźń – “quoted”, naïve, 10 € ½.",
    "Please review the attached summary before the meeting.",
    "No further action is needed at this time.",
    "Die Lieferung wurde heute bestätigt.",
    "Bitte prüfen Sie die Angaben im Portal.",
    "Merci de confirmer la réception de ce message.",
    "Le dossier a été transmis au service compétent.",
    "El pedido se ha procesado correctamente.",
    "Quedamos a la espera de su respuesta.",
    "La pratica è stata aggiornata.",
    "A encomenda foi entregue com sucesso.",
    "De aanvraag is in behandeling genomen.",
    "Wniosek został przyjęty do realizacji.",
    "ご確認をお願いいたします。",
    "확인 부탁드립니다.",
    "请查收附件。",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "The build finished without warnings.",
    "Two reviewers approved the change.",
    "Latency went back to normal after the restart.",
    "We could not reproduce the problem on staging.",
    "The customer asked for a refund and a new appointment.",
    "See the runbook for details.",
    "Thanks for your patience while we looked into this.",
];

fn filler(g: &mut Gen) -> Text {
    Text::plain(format!("{} ", g.rng.pick(&FILLER)))
}

/// A sentence around a value that speaks for itself.
fn alone(g: &mut Gen, made: &Made) -> (&'static str, &'static str) {
    let choices: &[(&str, &str)] = match made.class {
        "ip" if made.value.contains('.') && made.before.is_empty() && g.rng.chance(20) => {
            &[("http://", "/health is slow."), ("telnet ", " 25: refused.")]
        }
        "email" => &[
            ("You can write to ", " at any time."),
            ("Forwarded to ", ", who answered the same day."),
            ("(cc ", ")"),
            ("Bitte an ", " senden."),
            ("contact:", ", thanks!"),
            ("mailto:", "?subject=Refund "),
        ],
        "phone" => &[
            ("Call ", " before noon."),
            ("Text me on ", ", please."),
            ("Rückruf unter ", " erbeten."),
            ("Appelez le ", " pour confirmer."),
            ("The caller was ", "."),
            ("<tel:", ">"),
        ],
        "card" => &[
            ("He paid with ", " and left."),
            ("The charge on ", " was declined."),
            ("Payment by ", "."),
            ("Visa ", " 12/27 approved, 49.90 EUR."),
        ],
        "ip" => &[
            ("The request came from ", "."),
            ("Blocked ", " after five attempts."),
            ("Login from ", " was refused."),
            ("ping ", ": no answer."),
        ],
        "iban" => &[
            ("Please transfer the amount to ", " by Friday."),
            ("Überweisung auf ", " veranlasst."),
            ("Virement vers ", " effectué."),
            ("To ", " 250,00 EUR, BIC COBADEFFXXX."),
        ],
        "us_ssn" => {
            &[("She gave ", " on the form."), ("Applicant ", " was approved."), ("for ", ",")]
        }
        _ => &[
            ("It says ", " on the form."),
            ("We received ", " yesterday."),
            ("Value: ", "."),
            ("> ", "\n"),
        ],
    };
    *g.rng.pick(choices)
}

fn free_sentence(g: &mut Gen) -> Text {
    let made = g.free(Room::Line);
    let (before, after) = alone(g, &made);
    let mut text = Text::plain(before);
    text.parts.extend(write(&mut g.rng, &made, Place::Alone));
    text.push(format!("{after} "));
    text
}

/// A sentence in which a label names the value.
fn named_sentence(g: &mut Gen) -> Text {
    let class = g.class(Room::Line);
    let made = g.made(class);
    let label = *g.rng.pick(names::of(class).labels);
    let label = if made.tags.contains(&"private-ip") { "Client IP" } else { label };
    // Where a name or an address ends, only the end of the line tells.
    let (between, after) = match (made.style, g.rng.below(6)) {
        (Style::Prose, _) => (": ", "\n"),
        (_, 0) if label.is_ascii() => (" is ", ". "),
        (_, 1) if class != "password" => (" ", ", "),
        (_, 2) => (" = ", "; "),
        (_, 3) => (" (", ") "),
        _ => (": ", "\n"),
    };
    let closing = if between == " is " && g.rng.chance(50) { "The " } else { "" };
    let mut text = Text::plain(format!("{closing}{label}{between}"));
    text.parts.extend(write(&mut g.rng, &made, Place::Named));
    text.push(after);
    text
}

fn like_phrase(g: &mut Gen) -> Text {
    if g.rng.chance(20) {
        let mut text = Text::of(decoys::sentence(&mut g.rng));
        text.push(" ");
        return text;
    }
    let like = likes::draw(&mut g.rng);
    let (before, after) = like.phrase.split_once("{}").unwrap();
    let mut text = Text::plain(before);
    text.parts.push(like.part);
    text.push(format!("{after}. "));
    text
}

pub fn prose(g: &mut Gen) -> Text {
    let mut pieces = Vec::new();
    for _ in 0..g.rng.range(1, 3) {
        let named = g.rng.chance(62);
        pieces.push(if named { named_sentence(g) } else { free_sentence(g) });
        pieces.push(like_phrase(g));
    }
    pieces.push(filler(g));
    pieces.push(like_phrase(g));
    g.rng.shuffle(&mut pieces);
    let mut text = filler(g);
    pieces.into_iter().for_each(|piece| text.append(piece));
    text
}

pub fn letter(g: &mut Gen) -> Text {
    let mut text = Text::plain(*g.rng.pick(&["Hello,\n\n", "Guten Tag,\n\n", "Bonjour,\n\n"]));
    text.append(filler(g));
    text.append(prose(g));
    text.push("\n\nKind regards\n");
    // A signature: telephone and mail under a company's name.
    text.push("Customer Care\nTel. ");
    let phone = g.made("phone");
    text.parts.extend(write(&mut g.rng, &phone, Place::Named));
    text.push("\n");
    let mail = g.made("email");
    text.parts.extend(write(&mut g.rng, &mail, Place::Alone));
    text.push("\n");
    text
}

pub fn chat(g: &mut Gen) -> Text {
    let mut text = Text::default();
    for turn in 0..g.rng.range(2, 4) {
        text.push(if turn % 2 == 0 { "user: " } else { "agent: " });
        text.append(if g.rng.chance(55) { named_sentence(g) } else { free_sentence(g) });
        text.append(like_phrase(g));
        text.push("\n");
    }
    text
}

fn moment(g: &mut Gen) -> Part {
    likes::another("iso-time", &mut g.rng).unwrap().part
}

pub fn log(g: &mut Gen) -> Text {
    let mut text = Text::default();
    for _ in 0..g.rng.range(2, 4) {
        text.parts.push(moment(g));
        text.push(format!(" {} ", g.rng.pick(&["INFO", "WARN", "ERROR", "DEBUG"])));
        text.push(format!("[{}] ", g.rng.pick(&["auth", "billing", "kyc", "gateway", "import"])));
        match g.rng.below(5) {
            0 => text.append(free_sentence(g)),
            1 => text.append(like_phrase(g)),
            2 => {
                text.push("payload=");
                let node = crate::layouts::json::object(g);
                text.append(Text::json(node.tagged("json-in-log"), crate::model::Layout::Compact));
            }
            _ => text.append(named_pairs(g)),
        }
        text.push("\n");
    }
    text
}

fn named_pairs(g: &mut Gen) -> Text {
    let mut text =
        Text::plain(*g.rng.pick(&["login failed ", "profile updated: ", "card declined, ", ""]));
    for cell in g.record(1, Room::Line, Place::Plain) {
        let value = cell.text();
        let rendered = value.rendered();
        if rendered.contains('\n') {
            continue;
        }
        let quote = if rendered.contains([' ', '=', ',']) { "\"" } else { "" };
        text.push(format!("{}={quote}", cell.key));
        text.append(value);
        text.push(format!("{quote} "));
    }
    text
}

/// The combined format of web servers.
pub fn access_log(g: &mut Gen) -> Text {
    let mut text = Text::default();
    for _ in 0..g.rng.range(2, 4) {
        let client = g.public_ip("", "");
        text.parts.extend(write(&mut g.rng, &client, Place::Plain));
        let (day, hour, minute) = (g.rng.range(10, 28), g.rng.range(10, 23), g.rng.range(10, 59));
        text.push(format!(" - - [{day}/Oct/2025:{hour}:{minute}:07 +0000] \"GET "));
        if g.rng.chance(50) {
            text.push("/search?");
            text.append(forms::query_of(g, 1));
        } else {
            text.push("/users/");
            let made = g.free(Room::Word);
            let mut path = Text::of(write(&mut g.rng, &made, Place::Path)).mapped(&percent);
            path.each_mark(&mut |mark| mark.tags.push("percent"));
            text.append(path);
        }
        text.push(format!(" HTTP/1.1\" 200 {} \"-\" \"", g.rng.range(100, 99_999)));
        text.parts.push(likes::another("user-agent", &mut g.rng).unwrap().part);
        text.push("\"\n");
    }
    text.append(like_phrase(g));
    text
}

pub fn syslog(g: &mut Gen) -> Text {
    let mut text = Text::default();
    for _ in 0..g.rng.range(2, 3) {
        let stamp = format!(
            "Oct {} 0{}:1{}:2{}",
            g.rng.range(10, 28),
            g.rng.range(1, 9),
            g.rng.range(0, 9),
            g.rng.range(0, 9)
        );
        let pid = g.rng.range(200, 32_000);
        match g.rng.below(4) {
            0 => {
                text.push(format!("{stamp} web1 sshd[{pid}]: Failed password for root from "));
                let made = g.public_ip("", "");
                text.parts.extend(write(&mut g.rng, &made, Place::Plain));
                text.push(" port 51244 ssh2\n");
            }
            1 => {
                text.push(format!("{stamp} gw dhcpd[{pid}]: DHCPACK to "));
                let made = g.made("mac");
                text.parts.extend(write(&mut g.rng, &made, Place::Plain));
                text.push(" via eth0\n");
            }
            2 => {
                text.push(format!("{stamp} mx1 postfix/smtp[{pid}]: 4F2A1: to=<"));
                let made = g.made("email");
                text.parts.extend(write(&mut g.rng, &made, Place::Plain));
                text.push(">, relay=mx.internal[::1]:25, delay=0.42, status=sent\n");
            }
            _ => {
                text.push(format!("{stamp} db1 systemd[1]: "));
                text.append(like_phrase(g));
                text.push("\n");
            }
        }
    }
    text.append(like_phrase(g));
    text
}
