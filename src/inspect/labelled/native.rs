//! Names of persons in Chinese, Japanese and Korean writing, which has no capitals and hardly
//! any spaces.

/// The end of the name with which the text begins, if it begins in one of these scripts.
///
/// Names are short: two to four characters in Chinese and Korean, up to eight in Japanese
/// with its space; foreign names have a middle dot between their parts. A run that goes on
/// is a sentence.
pub(super) fn name(text: &str) -> Option<usize> {
    let first = run(text);
    let mut end = first.end;
    if first.symbols == 0 || NOT_NAMES.iter().any(|word| text.get(..end) == Some(word)) {
        return None;
    }
    let mut symbols = first.symbols;
    let rest = text.get(end..)?;
    if let Some(given) = rest.strip_prefix([' ', '\u{3000}']) {
        let second = run(given);
        if NOT_NAMES.iter().any(|word| given.get(..second.end) == Some(word)) {
            return None;
        }
        if (1..=4).contains(&second.symbols) {
            end = text.len() - given.len() + second.end;
            symbols += second.symbols;
        }
    }
    let named = text.get(..end)?;
    let bare = TITLES.iter().find_map(|title| named.strip_suffix(title)).unwrap_or(named);
    let title = named.chars().count() - bare.chars().count();
    let symbols = symbols - title.min(symbols);
    let max = match (first.dots, first.syllabic) {
        (0, false) => 5,
        (0, true) => 10,
        (_, _) => 24,
    };
    let next = text.get(end..)?.chars().next();
    let natural = next.is_none_or(|next| !next.is_alphanumeric() && next != '_' && next != '：');
    ((2..=max).contains(&symbols) && natural).then_some(end)
}

struct Run {
    end: usize,
    symbols: usize,
    dots: usize,
    /// Written in one of the syllabaries of Japan.
    syllabic: bool,
}

fn run(text: &str) -> Run {
    let mut run = Run { end: 0, symbols: 0, dots: 0, syllabic: false };
    for symbol in text.chars().take(RUN_MAX) {
        let kana = matches!(symbol, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | 'ー');
        let dot = matches!(symbol, '・' | '·' | '•') && run.symbols > 0;
        let ideograph = matches!(symbol,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' | '々');
        let hangul = matches!(symbol, '\u{ac00}'..='\u{d7a3}');
        if !(kana || dot || ideograph || hangul) {
            break;
        }
        run.end += symbol.len_utf8();
        run.symbols += usize::from(!dot);
        run.dots += usize::from(dot);
        run.syllabic |= kana;
    }
    run
}

/// Whether the symbol is one of the scripts of East Asia.
pub(super) fn is_native(symbol: char) -> bool {
    let mut bytes = [0; 4];
    run(symbol.encode_utf8(&mut bytes)).symbols == 1
}

/// Forms of address behind a name.
const TITLES: [&str; 14] = [
    "先生",
    "女士",
    "小姐",
    "様",
    "さま",
    "さん",
    "氏",
    "殿",
    "くん",
    "ちゃん",
    "님",
    "씨",
    "박사",
    "医生",
];

/// Nobody, unknown, none, and roles.
#[rustfmt::skip]
const NOT_NAMES: [&str; 39] = [
    "无", "無", "未知", "不明", "不详", "匿名", "暂无", "没有", "管理员", "管理員", "系统", "系統", "用户",
    "用戶", "客户", "客服", "测试", "測試", "管理者", "システム", "ユーザー", "ユーザ", "テスト", "なし", "未定",
    "未設定", "名無し", "없음", "미상", "관리자", "시스템", "사용자", "테스트", "이름",
    "姓名", "名前", "氏名", "名字", "성명",
];

/// Unit: characters.
const RUN_MAX: usize = 32;
