//! The messages: every place of the protocol where a server's text reaches a client.

use crate::cells::{Case, Gen, Room};
use crate::layouts::{self, json};
use crate::model::{Coding, Escapes, Layout, Mark, Node, Part, Seg, Text, What, percent};
use crate::values::canonical;
use crate::writing::{Place, write};

/// A message with its labels.
pub struct Message {
    pub kind: &'static str,
    pub node: Node,
    pub bytes: Vec<u8>,
}

/// `count` messages; the same seed gives the same ones.
pub fn corpus(seed: u64, count: usize) -> Vec<Message> {
    let mut g = Gen::new(seed);
    (0..count).map(|number| message(&mut g, number)).collect()
}

type Row = (&'static str, usize, fn(&mut Gen, usize) -> Node);

#[rustfmt::skip]
const KINDS: [Row; 19] = [
    ("tool-text", 32, tool_text),
    ("tool-structured", 18, tool_structured),
    ("tool-error", 3, tool_failed),
    ("embedded-resource", 5, embedded),
    ("resource-link", 4, linked),
    ("resource-text", 7, resource_text),
    ("resource-blob", 4, resource_blob),
    ("prompt", 4, prompt),
    ("tools-list", 3, tools_list),
    ("completion", 3, completion),
    ("error", 7, error),
    ("progress", 3, progress),
    ("log-message", 5, log_message),
    ("elicitation", 3, elicitation),
    ("sampling", 3, sampling),
    ("input-required", 3, input_required),
    ("task-result", 4, task),
    ("meta", 5, meta),
    ("data-uri", 3, data_uri),
];

fn message(g: &mut Gen, number: usize) -> Message {
    let total: usize = KINDS.iter().map(|row| row.1).sum();
    let mut point = g.rng.below(total);
    let (kind, _, make) = *KINDS
        .iter()
        .find(|row| {
            let hit = point < row.1;
            point = point.saturating_sub(row.1);
            hit
        })
        .unwrap();
    loop {
        let node = make(g, number).tagged(kind);
        let (escapes, tag) = *g.rng.pick(&[
            (Escapes::Least, ""),
            (Escapes::Least, ""),
            (Escapes::Least, ""),
            (Escapes::Least, ""),
            (Escapes::Least, ""),
            (Escapes::Ascii, "wire-ascii"),
            (Escapes::Ascii, "wire-ascii"),
            (Escapes::Php, "wire-php"),
            (Escapes::Html, "wire-html"),
            (Escapes::Symbols, "wire-symbols"),
        ]);
        let node = if tag.is_empty() { node } else { node.tagged(tag).escaped(escapes) };
        if is_unambiguous(&node) {
            let layout = if g.rng.chance(12) { Layout::Spaced } else { Layout::Compact };
            let mut segments = Vec::new();
            node.write(layout, 0, &mut segments);
            let bytes = segments.iter().map(Seg::text).collect::<String>().into_bytes();
            return Message { kind, node, bytes };
        }
    }
}

/// Every mark below, and every text that is none.
pub fn marks(node: &Node) -> Vec<Mark> {
    let mut segments = Vec::new();
    node.write(Layout::Compact, 0, &mut segments);
    marks_of(segments)
}

fn marks_of(segments: Vec<Seg>) -> Vec<Mark> {
    let one = |seg| match seg {
        Seg::Mark(mark) => vec![mark],
        Seg::Coded(text, _) => marks_of(text.segments()),
        _ => Vec::new(),
    };
    segments.into_iter().flat_map(one).collect()
}

/// A value that is labelled at one place must not stand unlabelled at another.
fn is_unambiguous(node: &Node) -> bool {
    let marks = marks(node);
    let is_label = |mark: &Mark| matches!(mark.what, What::Label { .. });
    let others: Vec<String> =
        marks.iter().filter(|m| !is_label(m)).map(|m| canonical(&m.spelling)).collect();
    marks.iter().all(|mark| match &mark.what {
        What::Label { canonical, .. } if canonical.len() > 4 => {
            others.iter().all(|other| !other.contains(canonical.as_str()))
        }
        _ => true,
    })
}

fn response(number: usize, result: Node) -> Node {
    Node::object([
        ("jsonrpc", Node::text("2.0")),
        ("id", Node::bare(number.to_string())),
        ("result", result),
    ])
}

fn notification(method: &str, params: Node) -> Node {
    Node::object([
        ("jsonrpc", Node::text("2.0")),
        ("method", Node::text(method)),
        ("params", params),
    ])
}

fn request(number: usize, method: &str, params: Node) -> Node {
    Node::object([
        ("jsonrpc", Node::text("2.0")),
        ("id", Node::bare(number.to_string())),
        ("method", Node::text(method)),
        ("params", params),
    ])
}

fn text_block(text: Text) -> Node {
    Node::object([("type", Node::text("text")), ("text", Node::Text(text))])
}

fn content(blocks: Vec<Node>) -> Node {
    Node::object([("content", Node::Array(blocks))])
}

fn tool_text(g: &mut Gen, number: usize) -> Node {
    let mut blocks = vec![text_block(layouts::text(g))];
    if g.rng.chance(18) {
        blocks.push(text_block(layouts::text(g)));
    }
    let again = if g.rng.chance(12) { repeated(&blocks) } else { None };
    blocks.extend(again.map(text_block));
    if g.rng.chance(10) {
        let image = crate::likes::another("base64-image", &mut g.rng).unwrap();
        let image = Text::of(vec![image.part])
            .mapped(&|text| text.trim_start_matches("data:image/png;base64,").to_owned());
        blocks.push(Node::object([
            ("type", Node::text("image")),
            ("data", Node::Text(image)),
            ("mimeType", Node::text("image/png")),
        ]));
    }
    response(number, content(blocks))
}

/// A number of the message once more, without anything beside it.
fn repeated(blocks: &[Node]) -> Option<Text> {
    let found = blocks.iter().flat_map(marks).find(|mark| match &mark.what {
        What::Label { class, canonical } => {
            !["ip", "geo", "date_of_birth"].contains(class)
                && canonical.len() >= 9
                && canonical.bytes().all(|b| b.is_ascii_digit())
                && canonical == &crate::values::canonical(&mark.spelling)
        }
        What::Like { .. } => false,
    })?;
    let What::Label { class, canonical } = found.what else { return None };
    let what = What::Label { class, canonical: canonical.clone() };
    let mut text = Text::plain("Wrote row ");
    text.parts.push(Part::Mark(Mark { what, spelling: canonical, tags: vec!["repeat", "hard"] }));
    text.push(" to the archive.");
    Some(text)
}

/// The same record as text and as structure.
fn tool_structured(g: &mut Gen, number: usize) -> Node {
    let node = json::node(g);
    let text = json::written(g, node.clone().tagged("beside-structured"));
    let structured = node.tagged("structured");
    let blocks = Node::Array(vec![text_block(text)]);
    response(number, Node::object([("content", blocks), ("structuredContent", structured)]))
}

fn tool_failed(g: &mut Gen, number: usize) -> Node {
    let block = text_block(layouts::text(g));
    response(
        number,
        Node::object([("content", Node::Array(vec![block])), ("isError", Node::bare("true"))]),
    )
}

/// A URI with a value in its path or its query.
fn uri(g: &mut Gen) -> Text {
    let mut text = Text::plain(*g.rng.pick(&[
        "file:///exports/",
        "crm://contacts/",
        "https://files.fabrikam.io/by/",
        "s3://nw-exports/users/",
    ]));
    if g.rng.chance(50) {
        let made = g.free(Room::Word);
        text.append(Text::of(write(&mut g.rng, &made, Place::Path)).mapped(&percent));
        text.push(*g.rng.pick(&["/orders.json", ".csv", "/profile"]));
    } else {
        text.push("records?");
        text.append(layouts::forms::query_of(g, 1));
    }
    text.each_mark(&mut |mark| mark.tags.push("uri"));
    text
}

fn embedded(g: &mut Gen, number: usize) -> Node {
    let (uri, text) = (uri(g), layouts::text(g));
    let resource = Node::object([
        ("uri", Node::Text(uri)),
        ("mimeType", Node::text("text/plain")),
        ("text", Node::Text(text)),
    ]);
    let block = Node::object([("type", Node::text("resource")), ("resource", resource)]);
    response(number, content(vec![block]))
}

fn linked(g: &mut Gen, number: usize) -> Node {
    let (uri, title) = (uri(g), layouts::prose::prose(g));
    let block = Node::object([
        ("type", Node::text("resource_link")),
        ("uri", Node::Text(uri)),
        ("name", Node::text("export.csv")),
        ("description", Node::Text(title)),
    ]);
    response(number, content(vec![block]))
}

fn resource_text(g: &mut Gen, number: usize) -> Node {
    let (uri, text) = (uri(g), layouts::text(g));
    let item = Node::object([
        ("uri", Node::Text(uri)),
        ("mimeType", Node::text("text/plain")),
        ("text", Node::Text(text)),
    ]);
    response(number, Node::object([("contents", Node::Array(vec![item]))]))
}

fn resource_blob(g: &mut Gen, number: usize) -> Node {
    let url_safe = g.rng.chance(10);
    let coding = if url_safe { Coding::Base64Url } else { Coding::Base64 };
    let mut blob = layouts::text(g).coded(coding);
    blob.each_mark(&mut |mark| mark.tags.extend(["blob", "base64", "hard"]));
    let item = Node::object([
        ("uri", Node::text("file:///srv/data/export.txt")),
        (
            "mimeType",
            Node::text(*g.rng.pick(&[
                "text/plain",
                "application/json",
                "application/octet-stream",
            ])),
        ),
        ("blob", Node::Text(blob)),
    ]);
    response(number, Node::object([("contents", Node::Array(vec![item]))]))
}

fn prompt(g: &mut Gen, number: usize) -> Node {
    let (text, description) = (layouts::text(g), layouts::prose::prose(g));
    let message = Node::object([("role", Node::text("user")), ("content", text_block(text))]);
    response(
        number,
        Node::object([
            ("description", Node::Text(description)),
            ("messages", Node::Array(vec![message])),
        ]),
    )
}

fn tools_list(g: &mut Gen, number: usize) -> Node {
    let description = layouts::prose::prose(g);
    let example = Text::of(g.free_parts(Room::Word));
    let schema = Node::object([
        ("type", Node::text("object")),
        (
            "properties",
            Node::object([(
                "query",
                Node::object([
                    ("type", Node::text("string")),
                    ("description", Node::Text(example)),
                ]),
            )]),
        ),
    ]);
    let tool = Node::object([
        ("name", Node::text("find_customer")),
        ("description", Node::Text(description)),
        ("inputSchema", schema),
    ]);
    response(number, Node::object([("tools", Node::Array(vec![tool]))]))
}

fn completion(g: &mut Gen, number: usize) -> Node {
    let mut values: Vec<Node> =
        (0..g.rng.range(2, 4)).map(|_| Node::Text(Text::of(g.free_parts(Room::Word)))).collect();
    for _ in 0..2 {
        let cell = g.like_cell();
        // Four numbers with dots and no word beside them are an address to every reader.
        let dotted = matches!(&*cell.key, "section" | "clause" | "chapter" | "version")
            || cell.key.ends_with("_version")
            || cell.key == "build";
        let like = cell.text();
        if !dotted && !like.rendered().contains('\n') {
            values.push(Node::Text(like));
        }
    }
    let inner = Node::object([("values", Node::Array(values)), ("hasMore", Node::bare("false"))]);
    response(number, Node::object([("completion", inner)]))
}

fn error(g: &mut Gen, number: usize) -> Node {
    let (message, data) = (layouts::prose::prose(g), json::node(g));
    let data = if g.rng.chance(30) { Node::Text(layouts::text(g)) } else { data };
    let error = Node::object([
        ("code", Node::bare("-32603")),
        ("message", Node::Text(message)),
        ("data", data),
    ]);
    Node::object([
        ("jsonrpc", Node::text("2.0")),
        ("id", Node::bare(number.to_string())),
        ("error", error),
    ])
}

fn progress(g: &mut Gen, number: usize) -> Node {
    let message = layouts::prose::prose(g);
    notification(
        "notifications/progress",
        Node::object([
            ("progressToken", Node::text(format!("job-{number}"))),
            ("progress", Node::bare("40")),
            ("total", Node::bare("100")),
            ("message", Node::Text(message)),
        ]),
    )
}

fn log_message(g: &mut Gen, _: usize) -> Node {
    let data = if g.rng.chance(50) { Node::Text(layouts::text(g)) } else { json::node(g) };
    notification(
        "notifications/message",
        Node::object([
            ("level", Node::text("warning")),
            ("logger", Node::text("importer")),
            ("data", data),
        ]),
    )
}

fn elicitation(g: &mut Gen, number: usize) -> Node {
    let message = layouts::prose::prose(g);
    let mut properties = Vec::new();
    for cell in g.record(2, Room::Line, Place::Named) {
        let default = Node::Text(cell.text());
        let schema = Node::object([
            ("type", Node::text("string")),
            ("title", Node::text(cell.label)),
            ("default", default),
        ]);
        properties
            .push((Text::plain(Case::Camel.write(&cell.key)), schema.tagged("schema-default")));
    }
    let schema =
        Node::object([("type", Node::text("object")), ("properties", Node::Object(properties))]);
    request(
        number,
        "elicitation/create",
        Node::object([
            ("mode", Node::text("form")),
            ("message", Node::Text(message)),
            ("requestedSchema", schema),
        ]),
    )
}

/// A result that asks for more (2026-07-28). Its state is the server's own, often signed.
fn input_required(g: &mut Gen, number: usize) -> Node {
    let message = layouts::prose::prose(g);
    let state: Vec<u8> = (0..96).map(|_| u8::try_from(g.rng.range(0, 255)).unwrap()).collect();
    let state = crate::hashes::base64(&state, crate::hashes::URL_SAFE64);
    let state = Text::of(vec![crate::likes::part("request-state", "secret", state)]);
    let ask = Node::object([
        ("method", Node::text("elicitation/create")),
        ("params", Node::object([("mode", Node::text("form")), ("message", Node::Text(message))])),
    ]);
    response(
        number,
        Node::object([
            ("resultType", Node::text("input_required")),
            ("inputRequests", Node::object([("confirm", ask)])),
            ("requestState", Node::Text(state)),
        ]),
    )
}

fn sampling(g: &mut Gen, number: usize) -> Node {
    let (system, text) = (layouts::prose::prose(g), layouts::text(g));
    let message = Node::object([("role", Node::text("user")), ("content", text_block(text))]);
    request(
        number,
        "sampling/createMessage",
        Node::object([
            ("messages", Node::Array(vec![message])),
            ("systemPrompt", Node::Text(system)),
            ("maxTokens", Node::bare("1024")),
        ]),
    )
}

fn task(g: &mut Gen, number: usize) -> Node {
    let (structured, text) = (json::node(g), layouts::text(g));
    let result = Node::object([
        ("content", Node::Array(vec![text_block(text)])),
        ("structuredContent", structured),
    ]);
    let task = crate::likes::another("uuid", &mut g.rng).unwrap();
    let task = Node::Text(Text::of(vec![task.part]));
    if g.rng.chance(40) {
        return notification(
            "notifications/tasks",
            Node::object([
                ("taskId", task),
                ("status", Node::text("completed")),
                ("result", result),
            ]),
        );
    }
    response(
        number,
        Node::object([("taskId", task), ("status", Node::text("completed")), ("result", result)]),
    )
}

fn meta(g: &mut Gen, number: usize) -> Node {
    let inner = json::node(g);
    let id = crate::likes::another("uuid", &mut g.rng).unwrap();
    let meta = Node::object([
        ("io.fabrikam/record", inner),
        ("io.fabrikam/requestId", Node::Text(Text::of(vec![id.part]))),
    ]);
    let blocks = Node::Array(vec![text_block(Text::plain("done"))]);
    response(number, Node::object([("_meta", meta), ("content", blocks)]))
}

/// `data:` URIs (RFC 2397) of text, in a text and by themselves.
fn data_uri(g: &mut Gen, number: usize) -> Node {
    let (kind, inner) = match g.rng.below(3) {
        0 => ("application/json", json::in_text(g)),
        1 => ("text/csv;charset=utf-8", layouts::tables::csv(g)),
        _ => ("text/plain", layouts::prose::prose(g)),
    };
    let mut text = Text::plain(if g.rng.chance(40) { "Download: " } else { "" });
    text.push(format!("data:{kind};base64,"));
    let mut coded = inner.coded(Coding::Base64);
    coded.each_mark(&mut |mark| mark.tags.extend(["data-uri", "base64", "hard"]));
    text.append(coded);
    response(number, content(vec![text_block(text)]))
}
