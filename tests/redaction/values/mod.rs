//! Values of every class, as their issuers give them and as people write them.

mod americas;
mod asia;
pub mod contact;
pub mod device;
mod europe;
mod europe_east;
mod finance;
pub mod issuers;
mod keyed;
pub mod people;
mod secrets;

use crate::rng::Rng;

/// A value before it is written somewhere.
#[derive(Clone, Debug)]
pub struct Made {
    pub class: &'static str,
    /// The usual spelling.
    pub value: String,
    /// What stands around it and goes with it: `Bearer `, a host after a password.
    pub before: String,
    pub after: String,
    /// The spelling without separators, which only a name beside it can tell from any number.
    pub bare: Option<String>,
    /// Whether shape and check digits speak for it where no name does.
    pub free: bool,
    pub style: Style,
    pub tags: Vec<&'static str>,
}

/// Which writings people and machines give a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Digits in groups: any separator, any digits.
    Digits,
    /// Letters and digits.
    Word,
    Mail,
    /// Names and addresses.
    Prose,
    /// Copied by machines only.
    Exact,
    /// Copied by machines only, and known by its form alone.
    FixedSecret,
}

impl Made {
    pub fn new(class: &'static str, style: Style, value: impl Into<String>) -> Made {
        Made {
            class,
            value: value.into(),
            before: String::new(),
            after: String::new(),
            bare: None,
            free: false,
            style,
            tags: Vec::new(),
        }
    }

    fn free(self) -> Made {
        Made { free: true, ..self }
    }

    fn free_if(self, free: bool) -> Made {
        Made { free, ..self }
    }

    /// The bare spelling is the value without anything but letters and digits.
    fn with_bare(self) -> Made {
        let bare = self.value.chars().filter(char::is_ascii_alphanumeric).collect();
        Made { bare: Some(bare), ..self }
    }

    fn tagged(mut self, tag: &'static str) -> Made {
        self.tags.push(tag);
        self
    }

    fn within(self, before: impl Into<String>, after: impl Into<String>) -> Made {
        Made { before: before.into(), after: after.into(), ..self }
    }

    pub fn canonical(&self) -> String {
        canonical(&self.value)
    }
}

/// Letters and digits only, in lower case.
pub fn canonical(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A value of the class. `None` for a class that the corpus does not know.
pub fn make(class: &'static str, rng: &mut Rng) -> Option<Made> {
    contact::make(class, rng)
        .or_else(|| device::make(class, rng))
        .or_else(|| finance::make(class, rng))
        .or_else(|| americas::make(class, rng))
        .or_else(|| europe::make(class, rng))
        .or_else(|| europe_east::make(class, rng))
        .or_else(|| asia::make(class, rng))
        .or_else(|| keyed::make(class, rng))
        .or_else(|| secrets::make(class, rng))
}

/// Tries until the issuer would give the number.
fn until(rng: &mut Rng, mut draw: impl FnMut(&mut Rng) -> Option<String>) -> String {
    loop {
        if let Some(value) = draw(rng) {
            return value;
        }
    }
}

/// Puts the characters of `bare` into the places of `#` in a pattern.
fn grouped(bare: &str, pattern: &str) -> String {
    let mut characters = bare.chars();
    let one = |c| if c == '#' { characters.next() } else { Some(c) };
    pattern.chars().filter_map(one).collect()
}

/// A day on which somebody living may have been born.
#[derive(Clone, Copy)]
struct Born {
    year: u64,
    month: u64,
    day: u64,
}

impl Born {
    fn draw(rng: &mut Rng) -> Born {
        Born { year: rng.range(1932, 2011), month: rng.range(1, 12), day: rng.range(1, 28) }
    }

    fn yy(self) -> u64 {
        self.year % 100
    }

    fn yymmdd(self) -> String {
        format!("{:02}{:02}{:02}", self.yy(), self.month, self.day)
    }

    fn ddmmyy(self) -> String {
        format!("{:02}{:02}{:02}", self.day, self.month, self.yy())
    }

    fn yyyymmdd(self) -> String {
        format!("{}{:02}{:02}", self.year, self.month, self.day)
    }
}
