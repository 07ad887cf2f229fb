//! Cells and records: a value or look-alike with the names that it goes by.

use crate::model::{Mark, Node, Part, Text, What};
use crate::names::{self, NAMES};
use crate::rng::Rng;
use crate::values::contact::name_for;
use crate::values::{Made, device, make};
use crate::writing::{Place, write};
use crate::{decoys, likes};

/// Draws classes so that each comes as often as its weight says, whatever the layouts take.
pub struct Gen {
    pub rng: Rng,
    drawn: Vec<u32>,
}

/// One field of a record.
#[derive(Clone)]
pub struct Cell {
    /// Words joined by `_`, as programs name it.
    pub key: String,
    /// As people name it.
    pub label: String,
    pub parts: Vec<Part>,
    /// Whether JSON may write it without quotes.
    pub bare: bool,
    /// What JSON writes instead, where it has more structure than a text.
    pub node: Option<Node>,
}

/// What a layout can hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Anything.
    Wide,
    /// One line.
    Line,
    /// A short word, such as a member name.
    Word,
}

/// How member names are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Snake,
    Camel,
    Pascal,
    Kebab,
    Upper,
    Title,
}

impl Case {
    pub fn draw(rng: &mut Rng) -> Case {
        *rng.pick(&[
            Case::Snake,
            Case::Snake,
            Case::Camel,
            Case::Camel,
            Case::Pascal,
            Case::Kebab,
            Case::Upper,
        ])
    }

    pub fn write(self, words: &str) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            first + letters.as_str()
        };
        let each =
            |separator: &str| words.split('_').map(capital).collect::<Vec<_>>().join(separator);
        match self {
            Case::Snake => words.to_owned(),
            Case::Kebab => words.replace('_', "-"),
            Case::Upper => words.to_uppercase(),
            Case::Pascal => each(""),
            Case::Title => each(" "),
            Case::Camel => {
                let (first, rest) = words.split_once('_').unwrap_or((words, ""));
                let rest: String = rest.split('_').map(capital).collect();
                first.to_owned() + &rest
            }
        }
    }
}

impl Gen {
    pub fn new(seed: u64) -> Gen {
        Gen { rng: Rng::new(seed), drawn: vec![0; NAMES.len()] }
    }

    /// The next class: of five drawn by weight, the one that is furthest behind.
    pub fn class(&mut self, room: Room) -> &'static str {
        let total: u32 = NAMES.iter().map(|n| n.weight).sum();
        let behind = |at: usize| f64::from(self.drawn[at] + 1) / f64::from(NAMES[at].weight);
        let mut best: Option<usize> = None;
        let mut tries = 0;
        while tries < 5 {
            let mut point = self.rng.next() % u64::from(total);
            let at = NAMES.iter().position(|n| {
                let weight = u64::from(n.weight);
                let hit = point < weight;
                point = point.saturating_sub(weight);
                hit
            });
            let at = at.unwrap();
            if fits(NAMES[at].class, room) {
                tries += 1;
                best = best.filter(|b| behind(*b) <= behind(at)).or(Some(at));
            }
        }
        NAMES[best.unwrap()].class
    }

    /// A value of the class, counted.
    pub fn made(&mut self, class: &str) -> Made {
        let at = NAMES.iter().position(|n| n.class == class).unwrap();
        self.drawn[at] += 1;
        make(NAMES[at].class, &mut self.rng).unwrap()
    }

    /// An address that is somebody's whatever stands beside it.
    pub fn public_ip(&mut self, before: &str, after: &str) -> Made {
        loop {
            let made = self.made("ip");
            if made.free {
                return Made { before: before.to_owned(), after: after.to_owned(), ..made };
            }
        }
    }

    /// A value that needs no name beside it.
    pub fn free(&mut self, room: Room) -> Made {
        loop {
            let class = self.class(room);
            let made = make(class, &mut self.rng).unwrap();
            if made.free {
                let at = NAMES.iter().position(|n| n.class == class).unwrap();
                self.drawn[at] += 1;
                return made;
            }
        }
    }

    pub fn free_parts(&mut self, room: Room) -> Vec<Part> {
        let made = self.free(room);
        write(&mut self.rng, &made, Place::Alone)
    }

    /// A labelled field; two where a class comes as a pair.
    pub fn labelled(&mut self, class: &'static str, place: Place) -> Vec<Cell> {
        let made = self.made(class);
        let names = names::of(class);
        if class == "geo" && self.rng.chance(55) {
            return self.coordinates();
        }
        let key = self.key_of(class, &made);
        let made = self.fitted(made, &key);
        let label = self.label_of(class, &made);
        let parts = write(&mut self.rng, &made, place);
        let bare = matches!(parts.as_slice(), [Part::Mark(mark)] if is_number(&mark.spelling));
        debug_assert!(!names.keys.is_empty());
        vec![Cell { key, label, parts, bare, node: None }]
    }

    /// A first name under `first_name`, and so on.
    pub fn fitted(&mut self, made: Made, key: &str) -> Made {
        let part = (made.class == "person_name").then(|| name_for(key, &mut self.rng)).flatten();
        Made { value: part.unwrap_or_else(|| made.value.clone()), ..made }
    }

    fn key_of(&mut self, class: &str, made: &Made) -> String {
        const OWNERS: [&str; 8] = [
            "customer",
            "user",
            "patient",
            "employee",
            "primary",
            "billing",
            "applicant",
            "previous",
        ];
        let by_tag = made.tags.first().and_then(|tag| match *tag {
            "aws" | "keyed-key" if self.rng.chance(40) => Some("aws_secret_access_key"),
            "github" | "github-fine-grained" => Some("github_token"),
            "openai" => Some("openai_api_key"),
            "stripe" => Some("stripe_key"),
            "slack" => Some("slack_bot_token"),
            "private-ip" => Some("client_ip"),
            _ => None,
        });
        let key = by_tag.unwrap_or(*self.rng.pick(names::of(class).keys));
        let ascii =
            key.is_ascii() && !["auth_header", "cookie", "connection_string"].contains(&class);
        if ascii && self.rng.chance(18) {
            return format!("{}_{key}", self.rng.pick(&OWNERS));
        }
        key.to_owned()
    }

    fn label_of(&mut self, class: &str, made: &Made) -> String {
        if made.tags.contains(&"private-ip") {
            return "Client IP".to_owned();
        }
        (*self.rng.pick(names::of(class).labels)).to_owned()
    }

    /// Latitude and longitude as two members.
    fn coordinates(&mut self) -> Vec<Cell> {
        let (lat, lon) = device::pair(&mut self.rng);
        let names = *self.rng.pick(&[
            ("lat", "lng", "Lat", "Lng"),
            ("latitude", "longitude", "Latitude", "Longitude"),
            ("lat", "lon", "Latitude", "Longitude"),
        ]);
        let cell = |key: &str, label: &str, value: String| {
            let canonical = crate::values::canonical(&value);
            let what = What::Label { class: "geo", canonical };
            let mark = Mark { what, spelling: value, tags: vec!["named", "pair"] };
            Cell {
                key: key.to_owned(),
                label: label.to_owned(),
                parts: vec![Part::Mark(mark)],
                bare: true,
                node: None,
            }
        };
        vec![cell(names.0, names.2, lat), cell(names.1, names.3, lon)]
    }

    pub fn like_cell(&mut self) -> Cell {
        if self.rng.chance(22) {
            let (key, part, bare) = decoys::draw(&mut self.rng);
            let label = Case::Title.write(key);
            return Cell { key: key.to_owned(), label, parts: vec![part], bare, node: None };
        }
        let like = likes::draw(&mut self.rng);
        let label = Case::Title.write(like.key);
        let bare =
            matches!(&like.part, Part::Mark(mark) if like.number && is_number(&mark.spelling));
        Cell { key: like.key.to_owned(), label, parts: vec![like.part], bare, node: None }
    }

    /// A field that nobody could mistake.
    pub fn plain_cell(&mut self) -> Cell {
        const FIELDS: [(&str, &str); 12] = [
            ("status", "active"),
            ("tier", "gold"),
            ("currency", "EUR"),
            ("locale", "en-GB"),
            ("channel", "web"),
            ("priority", "high"),
            ("notes", "called back twice, no answer"),
            ("enabled", "true"),
            ("retries", "3"),
            ("role", "editor"),
            ("department", "Accounting"),
            ("source", "import"),
        ];
        let (key, value) = *self.rng.pick(&FIELDS);
        let bare = ["true", "3"].contains(&value);
        let parts = vec![Part::Plain(value.to_owned())];
        Cell { key: key.to_owned(), label: Case::Title.write(key), parts, bare, node: None }
    }

    /// A record with this many labelled fields, and look-alikes and plain fields among them.
    pub fn record(&mut self, labels: u64, room: Room, place: Place) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for _ in 0..labels {
            let class = self.class(room);
            cells.extend(self.labelled(class, place));
        }
        let likes = labels + self.rng.range(0, 2);
        for _ in 0..likes {
            let cell = self.like_cell();
            if room == Room::Wide || !cell.text().rendered().contains('\n') {
                cells.push(cell);
            }
        }
        for _ in 0..self.rng.range(0, 2) {
            cells.push(self.plain_cell());
        }
        self.rng.shuffle(&mut cells);
        distinct(cells)
    }

    /// Columns for a table: the classes of labelled ones, nothing for the others.
    pub fn columns(&mut self, labels: u64) -> Vec<Option<&'static str>> {
        let mut columns: Vec<Option<&'static str>> =
            (0..labels).map(|_| Some(self.class(Room::Line))).collect();
        columns.dedup();
        let others = labels + self.rng.range(0, 2);
        columns.extend((0..others).map(|_| None));
        self.rng.shuffle(&mut columns);
        columns
    }
}

impl Cell {
    pub fn text(&self) -> Text {
        Text::of(self.parts.clone())
    }

    pub fn value(&self, rng: &mut Rng) -> Node {
        if let Some(node) = &self.node {
            return node.clone();
        }
        if self.bare && rng.chance(70) {
            let mut node = Node::Bare(self.text());
            node.each_mark(&mut |mark| mark.tags.push("number"));
            return node;
        }
        Node::Text(self.text())
    }
}

fn fits(class: &str, room: Room) -> bool {
    const LONG: [&str; 6] =
        ["jwt", "connection_string", "auth_header", "cookie", "person_name", "postal_address"];
    match room {
        Room::Wide => true,
        Room::Line => class != "private_key",
        Room::Word => class != "private_key" && !LONG.contains(&class),
    }
}

/// The first cell of each name.
fn distinct(cells: Vec<Cell>) -> Vec<Cell> {
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for cell in cells {
        if !seen.contains(&cell.key) && !seen.contains(&cell.label) {
            seen.extend([cell.key.clone(), cell.label.clone()]);
            kept.push(cell);
        }
    }
    kept
}

/// Whether JSON can write it as a number that every reader keeps exact.
pub fn is_number(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    let plain = !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let zero = body.starts_with('0') && !body.starts_with("0.");
    plain
        && !zero
        && body.len() <= 16
        && text.parse::<f64>().is_ok()
        && !body.ends_with('.')
        && !body.starts_with('.')
}
