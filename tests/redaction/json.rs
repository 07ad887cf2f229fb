//! A strict reader of JSON for the scorer: member names in order and doubled ones kept, numbers
//! as they are written. Own code, apart from the reader under test.

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, `true`, `false` or `null`, as written.
    Bare(String),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// The value of a text that is nothing but JSON (RFC 8259).
pub fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.rest.chars().next().filter(|_| depth < 100)? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' => self.string().map(Value::Text),
            _ => self.bare(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take("{")?;
        let mut members = Vec::new();
        while self.take("}").is_none() {
            if !members.is_empty() {
                self.take(",")?;
            }
            self.space();
            let key = self.string()?;
            self.take(":")?;
            members.push((key, self.value(depth + 1)?));
        }
        Some(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.take("[")?;
        let mut items = Vec::new();
        while self.take("]").is_none() {
            if !items.is_empty() {
                self.take(",")?;
            }
            items.push(self.value(depth + 1)?);
        }
        Some(Value::Array(items))
    }

    fn bare(&mut self) -> Option<Value> {
        let end = self.rest.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
        let (literal, rest) = self.rest.split_at(end);
        self.rest = rest;
        let known = ["true", "false", "null"].contains(&literal);
        (known || is_number(literal)).then(|| Value::Bare(literal.to_owned()))
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut out = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, rest) = self.rest.split_at(end);
            if plain.chars().any(|c| c < ' ') {
                return None;
            }
            out.push_str(plain);
            if let Some(rest) = rest.strip_prefix('"') {
                self.rest = rest;
                return Some(out);
            }
            self.rest = rest.strip_prefix('\\')?;
            out.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = self.rest.strip_prefix(letter)?;
        Some(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.unit()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first);
                }
                self.rest = self.rest.strip_prefix("\\u")?;
                let second = self.unit().filter(|u| (0xdc00..0xe000).contains(u))?;
                return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let hex = self.rest.get(..4)?;
        self.rest = self.rest.get(4..)?;
        hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())?
    }
}

fn is_number(text: &str) -> bool {
    let body = text.strip_prefix('-').unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) =
        body.split_once(['e', 'E']).map_or((body, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

#[test]
fn reader_agrees_with_serde_json() {
    let good =
        [r#"{"a":[1,-2.50,1e9,true,null,"\u00e9\/\ud83d\ude00"],"b":{}}"#, " [ ] ", "0", "\"\""];
    let bad =
        ["", "01", "{\"a\"}", "[1,]", "[1 2]", "\"\\ud83d\"", "\"\n\"", "{}x", "[", "nul", "1."];
    for text in good {
        assert!(parse(text).is_some() && serde_json::from_str::<serde_json::Value>(text).is_ok());
    }
    for text in bad {
        assert!(parse(text).is_none(), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
    assert_eq!(parse("\"\\ud83d\\ude00\""), Some(Value::Text("😀".into())));
}
