//! Cells are found under their heads, running text is none, and nothing is lost.

use proptest::prelude::*;

use super::{Part, looks_like_table, parts};

/// Cells with what is at their head: `head=cell`, heads as `head:`, text as it is.
fn read(text: &str) -> Vec<String> {
    let shown = |part| match part {
        Part::Cell { start, end, head, .. } => format!("{}={}", &text[head], &text[start..end]),
        Part::Head { start, end } => format!("{}:", &text[start..end]),
        Part::Text { start, end } => text[start..end].trim().to_owned(),
    };
    parts(text.as_bytes()).map(shown).collect()
}

fn cells(text: &str) -> Vec<String> {
    read(text).into_iter().filter(|part| part.contains('=')).collect()
}

const RECORD: [&str; 4] = ["name=Jane", "ssn=078051120", "name=Joe", "ssn=219099999"];

#[test]
fn separated_values_are_read_whatever_separates_them() {
    for separator in [",", "\t", ";", "|", ", ", " | "] {
        let text = "name,ssn\nJane,078051120\nJoe,219099999\n".replace(',', separator);
        assert!(looks_like_table(text.as_bytes()), "{text}");
        assert_eq!(cells(&text), RECORD, "{text}");
        let text = text.replace('\n', "\r\n");
        assert_eq!(cells(&text), RECORD, "{text}");
    }
}

#[test]
fn quoted_cells_hold_separators_line_ends_and_quotes() {
    let text =
        "\"name\",note,ssn\n\"Roe, Jane\",\"two\nlines\",\"078051120\"\n\"a \"\"b\"\"\",,1\nx,y,z";
    assert!(looks_like_table(text.as_bytes()));
    assert_eq!(
        cells(text),
        [
            "name=Roe, Jane",
            "note=two\nlines",
            "ssn=078051120",
            "name=a \"\"b\"\"",
            "ssn=1",
            "name=x",
            "note=y",
            "ssn=z"
        ]
    );
}

#[test]
fn tables_in_diffs_are_read() {
    let hunk = "diff --git a/people.csv b/people.csv\n@@ -1,3 +1,2 @@ people, all\n";
    for mark in ["-", "+", " "] {
        let text = format!("{hunk}{mark}name,ssn\n-Jane,078051120\n+Joe,219099999\n");
        assert!(looks_like_table(text.as_bytes()), "{text}");
        assert_eq!(cells(&text), RECORD, "{text}");
        let text = format!(
            "{hunk}{mark}| name | ssn |\n{mark}|---|---|\n{mark}| Jane | 078051120 |\n\
             {mark}| Joe | 219099999 |\n"
        );
        assert_eq!(cells(&text), RECORD, "{text}");
    }
    // A mark belongs to what it stands before where no diff is.
    assert_eq!(cells("sum,name\n-5,Jane\n+7,Joe\n")[..2], ["sum=-5", "name=Jane"]);
    for text in ["-a, b\n-c, d\n", "- tea, milk\n- rum, rye\n", "--all,-x\n--any,-y\n"] {
        assert!(!looks_like_table(text.as_bytes()), "{text}");
    }
}

#[test]
fn tables_of_markdown_are_read() {
    let text = "Result:\n\n| Name | SSN |\n|:-----|----:|\n| Jane | 078051120 |\n\
             | Joe | 219099999 |\n\nDone, all of it.";
    assert!(looks_like_table(text.as_bytes()));
    assert_eq!(
        read(text),
        [
            "Result:",
            "Name:",
            "SSN:",
            "Name=Jane",
            "SSN=078051120",
            "Name=Joe",
            "SSN=219099999",
            "Done, all of it."
        ]
    );
    assert_eq!(cells("a | ssn\n--- | ---\nx \\| y | 1"), ["a=x \\| y", "ssn=1"]);
    assert_eq!(cells("| ssn |\n|---|\n| 078051120 |\n| 1 |"), ["ssn=078051120", "ssn=1"]);
}

#[test]
fn tables_of_database_shells_are_read() {
    let mysql = "+------+-----------+\n| name | ssn       |\n+------+-----------+\n\
             | Jane | 078051120 |\n| Joe  | 219099999 |\n+------+-----------+\n2 rows in set";
    let psql =
        " name |    ssn    \n------+-----------\n Jane | 078051120\n Joe  | 219099999\n(2 rows)\n";
    let sqlite = "name   ssn      \n-----  ---------\nJane   078051120\nJoe    219099999\n\nend";
    let boxed = "┏━━━━━━┳━━━━━━━━━━━┓\n┃ name ┃ ssn       ┃\n┡━━━━━━╇━━━━━━━━━━━┩\n\
             │ Jane │ 078051120 │\n│ Joe  │ 219099999 │\n└──────┴───────────┘\n";
    let copy = "COPY public.t (name, ssn) FROM stdin;\nJane\t078051120\nJoe\t219099999\n\\.\n";
    for text in [mysql, psql, sqlite, boxed, copy] {
        assert!(looks_like_table(text.as_bytes()), "{text}");
        assert_eq!(cells(text), RECORD, "{text}");
    }
    let records =
        "-[ RECORD 1 ]---\nname | Jane\nssn  | 078051120\n-[ RECORD 2 ]---\nssn  | 219099999\n";
    assert_eq!(cells(records).join(" "), "=name name=Jane =ssn ssn=078051120 =ssn ssn=219099999");
}

#[test]
fn rows_of_sql_are_read() {
    let text = "Run: INSERT INTO public.\"users\" (`name`, ssn) VALUES ('Jane', '078051120'),\n\
             \x20(N'Joe', 219099999); done, (1, 2)";
    assert!(looks_like_table(text.as_bytes()));
    assert_eq!(cells(text), RECORD);
    assert_eq!(read(text).last().unwrap(), "; done, (1, 2)");
    let text = "insert into t (a, b, c) values (now(), 'it''s, ok', f(1, 2)), ('x\\'y', null, '')";
    assert_eq!(cells(text), ["a=now()", "b=it''s, ok", "c=f(1, 2)", "a=x\\'y", "b=null"]);
    for text in ["insert into t values (1, 2)", "insert into the (form, here) now", "insert (a)"] {
        assert!(!looks_like_table(text.as_bytes()), "{text}");
    }
}

#[test]
fn tables_of_html_are_read() {
    let text = "<p>All</p><table class=\"x\"><tr><th>name</th><th>ssn</th></tr>\n\
             <tr><td>Jane</td><td class=\"a\">078051120</td></tr>\n\
             <TR><TD>Joe<TD>219099999</TR></table><p>end</p>";
    assert!(looks_like_table(text.as_bytes()));
    assert_eq!(cells(text).into_iter().filter(|c| !c.contains('<')).collect::<Vec<_>>(), RECORD);
    let beside =
        "<table><tr><th>SSN</th><td>078051120</td></tr><tr><th>Name</th><td>Jane</td></tr></table>";
    assert_eq!(cells(beside), ["SSN=078051120", "Name=Jane"]);
    let plain =
        "<table><tr><td>name</td><td>ssn</td></tr><tr><td>Jane</td><td>078051120</td></tr></table>";
    assert_eq!(cells(plain), ["=name", "=ssn", "name=Jane", "ssn=078051120"]);
}

#[test]
fn a_table_of_names_and_values_has_its_heads_in_the_rows() {
    let text = "| Field | Value |\n|---|---|\n| SSN | 078051120 |\n| **Phone** | 2125550147 |\n";
    assert_eq!(cells(text).join(" "), "=SSN SSN=078051120 =**Phone** **Phone**=2125550147");
    let text = "key,value\nssn,078051120\nphone,2125550147\n";
    assert_eq!(cells(text).join(" "), "=ssn ssn=078051120 =phone phone=2125550147");
}

#[test]
fn several_tables_stand_in_one_text() {
    let text = "First, as asked:\na,b\n1,2\n3,4\n\nThen | this\n--- | ---\n5 | 6\n\n\
             INSERT INTO t (x) VALUES (7);";
    assert_eq!(
        read(text),
        [
            "First, as asked:",
            "a:",
            "b:",
            "a=1",
            "b=2",
            "a=3",
            "b=4",
            "Then:",
            "this:",
            "Then=5",
            "this=6",
            "INSERT INTO t (",
            "x:",
            ") VALUES",
            "x=7"
        ]
    );
    let rows: Vec<_> = parts(text.as_bytes())
        .filter_map(|part| match part {
            Part::Cell { row, .. } => Some(row),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [1, 1, 2, 2, 3, 3, 4]);
}

#[test]
fn ragged_rows_are_read() {
    let text = "a,b,c,d\n1,2,3,4\n1,2,3,4\n1,2\n1,2,3,4,5\n\n";
    assert_eq!(cells(text).len(), 15);
    assert!(cells(text).contains(&"=5".to_owned()));
}

#[test]
fn running_text_code_and_records_are_no_tables() {
    for text in [
        "Dear Jane,\nthank you for your letter, which arrived today.\nBest,\nJoe",
        "We came, we saw, we left.\nThey came, they saw, they stayed.\nAll came, all saw, all won.",
        "First, open the door.\nSecond, close it.\nThird, wait.",
        "name: Jane\nssn: 078051120\nphone: 2125550147\n",
        "Host: x.de\nAccept: text/html, text/plain\nCookie: a=b, c=d\n",
        "a=1, b=2\na=3, b=4\na=5, b=6\n",
        "[section]\nkey = value, other\nkey2 = value, more\n",
        "fn main(a: u8, b: u8) {\n    f(a, b);\n    g(a, b);\n}\n",
        "from a import b, c\nfrom d import e, f\nfrom g import h, i\n",
        "{\"a\": 1, \"b\": 2}\n{\"a\": 3, \"b\": 4}\n{\"a\": 5, \"b\": 6}\n",
        "1,2\n3,4\n5,6\n",
        "2026-01-02 10:00,INFO,x\n2026-01-02 10:01,INFO,y\n2026-01-02 10:02,INFO,z\n",
        "Title\n-----\ntext, more\n",
        "one line, with commas, only",
        "- a, b\n- c, d\n- e, f\n",
        "Smith, John; 212 555 0147.\n",
        "x\n\ny\n\nz",
        "\n\n\n\n\n\n\n\n\n\n\n\n\n",
    ] {
        assert!(!looks_like_table(text.as_bytes()), "{text} {:?}", read(text));
        assert_eq!(read(text).len(), 1, "{text}");
    }
}

/// What takes minutes where time is not linear.
#[test]
fn hostile_texts_are_read_to_the_end() {
    for piece in [
        "a,b\n",
        "a,\"\n",
        "a,\"\"\n",
        "\"\"",
        "a,b\n1,2\n\n",
        "insert into a (b) values (",
        "insert into a (b) values ('",
        "INSERT into a (",
        "nsert ",
        "<tr><td>",
        "<tr>",
        "<td>",
        "<table><tr><td>",
        "|a|\n---\n",
        "a|b\n-|-\n-\n",
        "\n",
        "a\tb\n",
        "a;b,c|d\te\n",
        "-- --\na b\n",
        "a,b,c\n\"x",
        "COPY (",
        "a,a,a,a,a,a,a,a,a,a,",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        looks_like_table(text.as_bytes());
        assert!(parts(text.as_bytes()).count() <= text.len(), "{piece}");
    }
}

/// Texts in which the parts of tables meet.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "a,b\n",
        "1,2\n",
        "\"",
        "\"\"",
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r\n",
        "---|---\n",
        "| a | b |\n",
        "|---|---|\n",
        "+--+--+\n",
        "name",
        " ",
        "078051120",
        "│",
        "┃ a ┃ b ┃\n",
        "━━━\n",
        "-- --\n",
        "INSERT INTO t (a, b) VALUES ",
        "insert ",
        "(1, 'x')",
        "(",
        ")",
        "'",
        "\\",
        ";\n",
        "<table>",
        "<tr>",
        "<th>",
        "</th>",
        "<td>",
        "</td>",
        "</tr>",
        "</table>",
        "<",
        ">",
        "COPY t (a, b) FROM stdin;\n",
        "\\.\n",
        "-[ RECORD 1 ]-\n",
        "a | b\n",
        "x",
        "é",
        ".",
    ];
    let piece = prop_oneof![
        12 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn parts_are_in_order_and_nothing_is_lost_between_them(text in texts()) {
        let mut told = 0;
        let mut rows = 0;
        // Tags without attributes may be missing, as may punctuation.
        let bare = regex::bytes::Regex::new("<[a-zA-Z/]*>").unwrap();
        let between = |from: usize, to: usize| {
            let gap = bare.replace_all(&text[from..to], &b""[..]);
            !gap.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
        };
        for part in parts(&text) {
            let (start, end) = match part {
                Part::Cell { start, end, head, row } => {
                    prop_assert!(head.start <= head.end && head.end <= text.len());
                    prop_assert!(row >= rows.max(1));
                    rows = row;
                    (start, end)
                }
                Part::Head { start, end } | Part::Text { start, end } => (start, end),
            };
            prop_assert!(told <= start && start < end && end <= text.len(), "{told} {start} {end}");
            prop_assert!(between(told, start), "{:?}", String::from_utf8_lossy(&text[told..start]));
            told = end;
        }
        prop_assert!(between(told, text.len()));
    }

    #[test]
    fn a_text_without_tables_is_one_part(text in texts()) {
        if !looks_like_table(&text) && !text.is_empty() && text.len() >= 12 {
            let all: Vec<_> = parts(&text).collect();
            prop_assert_eq!(all, vec![Part::Text { start: 0, end: text.len() }]);
        }
    }
}
