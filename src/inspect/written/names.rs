//! Names of characters in HTML that matter to a detector.

/// The character of a name.
pub(super) fn named(name: &[u8]) -> Option<char> {
    let common = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" => '\u{A0}',
        _ => return rare(name),
    };
    Some(common)
}

fn rare(name: &[u8]) -> Option<char> {
    if let Ok(index) = NAMES.binary_search_by_key(&name, |entry| entry.0) {
        return NAMES.get(index).map(|entry| entry.1);
    }
    // Mathematical letters: `&ascr;`, `&afr;`, `&aopf;`.
    if let [letter, b's', b'c', b'r'] | [letter, b'f', b'r'] | [letter, b'o', b'p', b'f'] = name
        && letter.is_ascii_alphabetic()
    {
        return Some(char::from(*letter));
    }
    let place = LATIN_1.iter().position(|latin| *latin == name)?;
    u8::try_from(place).ok().and_then(|place| place.checked_add(0xA0)).map(char::from)
}

/// Sorted. HTML section 13.5: all names of ASCII characters, and of the spaces, dashes, dots and
/// unseen characters that [`super::super::lookalike`] reads as ASCII.
const NAMES: &[(&[u8], char)] = &[
    (b"AMP", '&'),
    (b"ApplyFunction", '\u{2061}'),
    (b"CenterDot", '\u{B7}'),
    (b"DiacriticalGrave", '`'),
    (b"GT", '>'),
    (b"Hat", '^'),
    (b"InvisibleComma", '\u{2063}'),
    (b"InvisibleTimes", '\u{2062}'),
    (b"LT", '<'),
    (b"MediumSpace", '\u{205F}'),
    (b"NegativeMediumSpace", '\u{200B}'),
    (b"NegativeThickSpace", '\u{200B}'),
    (b"NegativeThinSpace", '\u{200B}'),
    (b"NegativeVeryThinSpace", '\u{200B}'),
    (b"NewLine", '\n'),
    (b"NoBreak", '\u{2060}'),
    (b"NonBreakingSpace", '\u{A0}'),
    (b"QUOT", '"'),
    (b"Tab", '\t'),
    (b"ThinSpace", '\u{2009}'),
    (b"UnderBar", '_'),
    (b"VerticalLine", '|'),
    (b"VeryThinSpace", '\u{200A}'),
    (b"ZeroWidthSpace", '\u{200B}'),
    (b"af", '\u{2061}'),
    (b"amp", '&'),
    (b"apos", '\''),
    (b"ast", '*'),
    (b"bsol", '\\'),
    (b"bull", '\u{2022}'),
    (b"bullet", '\u{2022}'),
    (b"centerdot", '\u{B7}'),
    (b"colon", ':'),
    (b"comma", ','),
    (b"commat", '@'),
    (b"dash", '\u{2010}'),
    (b"dollar", '$'),
    (b"ell", '\u{2113}'),
    (b"emsp", '\u{2003}'),
    (b"emsp13", '\u{2004}'),
    (b"emsp14", '\u{2005}'),
    (b"ensp", '\u{2002}'),
    (b"equals", '='),
    (b"excl", '!'),
    (b"frasl", '\u{2044}'),
    (b"grave", '`'),
    (b"gt", '>'),
    (b"hairsp", '\u{200A}'),
    (b"horbar", '\u{2015}'),
    (b"hybull", '\u{2043}'),
    (b"hyphen", '\u{2010}'),
    (b"ic", '\u{2063}'),
    (b"it", '\u{2062}'),
    (b"lbrace", '{'),
    (b"lbrack", '['),
    (b"lcub", '{'),
    (b"lowbar", '_'),
    (b"lpar", '('),
    (b"lrm", '\u{200E}'),
    (b"lsqb", '['),
    (b"lt", '<'),
    (b"mdash", '\u{2014}'),
    (b"midast", '*'),
    (b"minus", '\u{2212}'),
    (b"ndash", '\u{2013}'),
    (b"num", '#'),
    (b"numsp", '\u{2007}'),
    (b"percnt", '%'),
    (b"period", '.'),
    (b"plus", '+'),
    (b"puncsp", '\u{2008}'),
    (b"quest", '?'),
    (b"quot", '"'),
    (b"ratio", '\u{2236}'),
    (b"rbrace", '}'),
    (b"rbrack", ']'),
    (b"rcub", '}'),
    (b"rlm", '\u{200F}'),
    (b"rpar", ')'),
    (b"rsqb", ']'),
    (b"sdot", '\u{22C5}'),
    (b"semi", ';'),
    (b"sol", '/'),
    (b"thinsp", '\u{2009}'),
    (b"verbar", '|'),
    (b"vert", '|'),
    (b"zwj", '\u{200D}'),
    (b"zwnj", '\u{200C}'),
];

/// The names of U+00A0 to U+00FF (HTML 4 section 24.2), in that order.
const LATIN_1: [&[u8]; 96] = [
    b"nbsp", b"iexcl", b"cent", b"pound", b"curren", b"yen", b"brvbar", b"sect", b"uml", b"copy",
    b"ordf", b"laquo", b"not", b"shy", b"reg", b"macr", b"deg", b"plusmn", b"sup2", b"sup3",
    b"acute", b"micro", b"para", b"middot", b"cedil", b"sup1", b"ordm", b"raquo", b"frac14",
    b"frac12", b"frac34", b"iquest", b"Agrave", b"Aacute", b"Acirc", b"Atilde", b"Auml", b"Aring",
    b"AElig", b"Ccedil", b"Egrave", b"Eacute", b"Ecirc", b"Euml", b"Igrave", b"Iacute", b"Icirc",
    b"Iuml", b"ETH", b"Ntilde", b"Ograve", b"Oacute", b"Ocirc", b"Otilde", b"Ouml", b"times",
    b"Oslash", b"Ugrave", b"Uacute", b"Ucirc", b"Uuml", b"Yacute", b"THORN", b"szlig", b"agrave",
    b"aacute", b"acirc", b"atilde", b"auml", b"aring", b"aelig", b"ccedil", b"egrave", b"eacute",
    b"ecirc", b"euml", b"igrave", b"iacute", b"icirc", b"iuml", b"eth", b"ntilde", b"ograve",
    b"oacute", b"ocirc", b"otilde", b"ouml", b"divide", b"oslash", b"ugrave", b"uacute", b"ucirc",
    b"uuml", b"yacute", b"thorn", b"yuml",
];
