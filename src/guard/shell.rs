//! Commands in values that name things.

use std::sync::LazyLock;

use regex::bytes::RegexSet;

use super::decode::unfold;
use super::{Check, Parameter, Probe, Signs};

/// Command injection: in words (hosts, branches, ports) any character of a shell, in names and
/// paths such a character with a command behind it. Free text may hold commands.
pub(super) struct Shell;

impl Check for Shell {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn needs(&self) -> Signs {
        let odd = Signs::SPACE.and(Signs::CONTROL).and(Signs::PERCENT).and(Signs::QUOTE);
        odd.and(Signs::SHELL).and(Signs::SLASH).and(Signs::OPERATOR).and(Signs::WIDE)
    }

    fn hits(&self, probe: &Probe<'_>) -> bool {
        match probe.parameter {
            Parameter::Free => false,
            Parameter::Word => is_no_word(probe.text),
            Parameter::Path | Parameter::Name => commands(probe),
            // Addresses have `&` and `;` of their own.
            Parameter::Url | Parameter::Uri => false,
            Parameter::Other => !probe.is_text() && commands(probe),
        }
    }
}

/// A word is one argument to whatever runs behind the tool, and no option.
fn is_no_word(text: &str) -> bool {
    let text = text.trim_matches(' ');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'/');
    if text.bytes().all(plain) {
        return text.starts_with('-') || text.contains("../");
    }
    let text = unfold(text);
    let shell = |c: char| {
        matches!(
            c,
            ';' | '|'
                | '&'
                | '$'
                | '`'
                | '('
                | ')'
                | '<'
                | '>'
                | '\\'
                | '\''
                | '"'
                | '!'
                | '*'
                | '?'
        ) || c.is_control()
    };
    text.starts_with('-') || text.contains(shell) || is_command(&text)
}

fn is_command(text: &str) -> bool {
    STARTS.is_match(text.as_bytes()) || text.contains("../")
}

fn commands(probe: &Probe<'_>) -> bool {
    let links = Signs::SHELL.and(Signs::CONTROL).and(Signs::PERCENT).and(Signs::QUOTE);
    let chained = probe.signs.meets(links.and(Signs::WIDE));
    // A command line has a blank, and an argument that looks like one.
    let arguments = Signs::SLASH.and(Signs::OPERATOR).and(Signs::COLON);
    let starts = chained || (probe.signs.meets(Signs::SPACE) && probe.signs.meets(arguments));
    if !starts {
        return false;
    }
    let plain = unobscured(&unfold(probe.text));
    STARTS.is_match(&plain) || (chained && CHAINED.is_match(&plain))
}

/// Without what a shell drops on its way to the command: quotes, backslashes, carets, empty
/// expansions; with spaces where it would split.
fn unobscured(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'$' {
            let empty = EMPTY.iter().find_map(|name| after.strip_prefix(*name));
            if let Some(after) = empty {
                rest = after;
                continue;
            }
            let space = SPACES.iter().find_map(|name| after.strip_prefix(*name));
            if let Some(after) = space {
                rest = after.strip_prefix(b"$9").unwrap_or(after);
                out.push(b' ');
                continue;
            }
        }
        match first {
            b'\'' | b'"' | b'\\' | b'^' => {}
            b'\t' => out.push(b' '),
            b'\r' => out.push(b'\n'),
            other => out.push(*other),
        }
    }
    out
}

const EMPTY: &[&[u8]] = &[b"@", b"*", b"{@}", b"{*}", b"1", b"{1}", b"()"];
const SPACES: &[&[u8]] = &[b"{ifs}", b"ifs", b"{ifs:0:1}", b"{ifs%?}", b"{ifs%%?}"];

#[expect(clippy::expect_used, reason = "constant patterns; `patterns_compile` runs them all")]
fn set(patterns: &[String]) -> RegexSet {
    RegexSet::new(patterns.iter().map(|pattern| format!("(?-u){pattern}")))
        .expect("constant pattern")
}

/// Commands behind something that ends another one, and code where a name should be.
static CHAINED: LazyLock<RegexSet> = LazyLock::new(|| {
    let link = r"(?:\|\|?|&&?|;|\n|\$\(|<\(|>\(|\$\{)\s*";
    // Prose puts names between back-ticks, too: only the opening one counts.
    let tick = r"(?:^|[\s=:/.;|&])`";
    let before = r"(?:[({!]\s*)*(?:(?:sudo|exec|nohup|env|command|time|busybox|start /b|cmd(?:\.exe)? /[ck])\s+)?(?:(?:/|\./|[a-z]:/)?(?:[\w.?*-]+/)*)?";
    let end = r"(?:\s|[;|&<>)`,}]|$)";
    let argument = r"(?:\s+(?:[-/.~$<>0-9*]|[\w-]+[./=:@]|\S+\s*[|;&`)]|&)|\s*[;|&<>)`])";
    set(&[
        format!("(?:{link}|{tick}){before}(?:{UNMISTAKABLE}){end}"),
        format!("{link}{before}(?:{EVERYDAY}){argument}"),
        format!(r"{tick}{before}(?:{EVERYDAY})\s+[-/.~$<>]"),
        format!(r"(?:;|\||&&|&|\n)\s*\{{?(?:{UNMISTAKABLE}|{EVERYDAY}),"),
        // A program or a system file by its place; PowerShell's verbs.
        r"(?:\|\|?|&&?|;|\n|\$\(|`)\s*/(?:[\w.-]+/)*(?:s?bin|etc|dev|proc)/\w".to_owned(),
        r"(?:\|\|?|&&?|;|\n|\$\(|`)\s*(?:add|clear|convert(?:to|from)?|copy|disable|enable|export|find|foreach|format|get|import|install|invoke|measure|move|new|out|read|register|remove|rename|resolve|restart|resume|save|select|send|set|show|sort|start|stop|suspend|tee|test|trace|unblock|uninstall|update|wait|where|write)-[a-z]{3,}".to_owned(),
        // A command spelled with wild cards.
        r"(?:\|\|?|&&?|;|\n|\$\(|`)\s*/[\w/]*\?".to_owned(),
        // Substitution of anything in something that names a file or an id.
        r"\$\(\(?[^)]*\)".to_owned(),
        r"\$\{[^}]*[:;|/(%#]".to_owned(),
        r"\(\)\s*\{\s*[:\w]".to_owned(),
        r"(?:;|\||&)\s*(?:\w+=\S*\s*;|\$\w+|\{\s*\w+)".to_owned(),
        // Redirection to and from files.
        r"\S\s*\d?>{1,2}\s*(?:/[a-z]|\.\./|~/|&\d|[a-z]\w*\.[a-z]{1,4}\s*$)".to_owned(),
        r"\S\s*<\s*(?:/(?:etc|proc|dev|home|root|var|tmp|usr)/|\.\./|~/|&\d)".to_owned(),
        // Interpreters and template engines.
        r"<\?(?:php|=)|<%[=@ ]|<!--#(?:exec|include|echo)".to_owned(),
        r"\b(?:system|passthru|shell_exec|popen|proc_open|pcntl_exec|exec|eval|assert|phpinfo|preg_replace|create_function|file_get_contents|fopen|readfile|execsync|spawnsync|spawn|execfile|import_module|getruntime|setattribute)\s*\(\s*[)\w$/.\[]".to_owned(),
        r"\b(?:__import__|os\.(?:system|popen|exec\w*)|subprocess\.\w+|child_process|process\.(?:env|mainmodule|binding)|runtime\.getruntime|java\.lang\.|processbuilder|require\s*\(|#_memberaccess|ognl|freemarker\.template|class\.classloader|constructor\.constructor|__proto__|__class__|__globals__|__builtins__)".to_owned(),
    ])
});

/// A value that is itself a command line.
static STARTS: LazyLock<RegexSet> = LazyLock::new(|| {
    let argument = r"\s+(?:-\w|/\w|[a-z]:|\.\./|~/|\$|https?:|\S+\s*[|;&])";
    set(&[
        format!(r"^\s*(?:/(?:usr/)?(?:local/)?s?bin/)(?:{UNMISTAKABLE}|{EVERYDAY})\b"),
        format!(r"^\s*(?:{UNMISTAKABLE}|{EVERYDAY}){argument}"),
        r"(?:^|[\s;|&`(/])(?:ba|z|k|c|da|a)?sh\s+-[a-z]*[ci]\b".to_owned(),
        r"\b(?:python[\d.]*|perl|ruby|php|node|lua|osascript)\s+-[a-z]*[cer]\s".to_owned(),
        r"\b(?:cmd(?:\.exe)?|command\.com)\s*/[ckrs]\b".to_owned(),
        r"\b(?:powershell|pwsh)(?:\.exe)?(?:\s+-|\s+/|\s*$|\s+\S*(?:invoke|iex|get-|new-object))".to_owned(),
        r"\b(?:invoke-(?:expression|command|webrequest|restmethod|item)|iex\s*\(|new-object\s+(?:system\.)?net\.|start-process|downloadstring|frombase64string)".to_owned(),
        r"\b(?:nc|ncat|netcat)\s+(?:-\w+\s+)*[\w.-]+\s+\d{1,5}\b".to_owned(),
        r"/dev/(?:tcp|udp)/".to_owned(),
        r"\b(?:wget|curl|fetch|lwp-download)\s+(?:-\S+\s+)*(?:https?|ftp):".to_owned(),
    ])
});

/// Commands that are no words of a language.
const UNMISTAKABLE: &str = "net\\s+(?:user|localgroup|group|share|view|use|start|stop|accounts)|id|whoami|uname|ifconfig|ipconfig|netstat|nslookup|wget|curl|nc|ncat|netcat|socat|bash|sh|zsh|ksh|csh|dash|python[23]?(?:\\.\\d+)?|perl|ruby|php\\d?|nodejs|lua|telnet|ssh|scp|sftp|tftp|rsync|tracert|traceroute|printenv|chmod|chown|chgrp|mkdir|rmdir|sudo|useradd|adduser|usermod|usradd|systeminfo|tasklist|taskkill|wmic|certutil|bitsadmin|powershell|pwsh|cmd|cmd\\.exe|regsvr32|rundll32|mshta|cscript|wscript|crontab|xargs|base64|xxd|awk|gawk|sed|grep|egrep|pwd|ls|ps|df|du|lsof|getent|mknod|mkfifo|ping6?|phpinfo|busybox|openssl|tclsh|systemctl|kubectl|docker|apt-get|yum|pip3?|npm|vssadmin|schtasks|net1|setenv|lsb_release|hostnamectl|dir|arp|esxcli|xterm|fping|gcc|g\\+\\+|lsattr|nmap|tcpdump|htpasswd|rm|cp|mv|dd|od|nl|vi|vim|tcsh|getfacl|iptables|ip6tables|wevtutil|attrib|icacls|cacls|ver|winver|findstr|psexec|nohup|killall|pkill";

/// Commands that are words as well.
const EVERYDAY: &str = "cat|tac|echo|printf|sleep|timeout|touch|tee|tail|head|more|less|find|locate|which|file|strings|sort|uniq|cut|join|split|test|type|start|stop|kill|mail|at|export|source|eval|exec|set|env|w|who|last|history|host|hostname|dig|date|time|true|false|wait|watch|mount|make|git|node|reboot|shutdown|halt|net|reg|sc|route|su|passwd|finger|ftp|expect|ed|ex|nano|python|ip|cd|del|copy|move|ren|move|fetch|diff|read|print|call|for|if|while|do|then";

#[cfg(test)]
mod tests {
    use super::{CHAINED, STARTS, unobscured};

    #[test]
    fn patterns_compile() {
        assert!(CHAINED.len() > 10 && STARTS.len() > 5);
    }

    #[test]
    fn what_a_shell_drops_is_dropped() {
        for (text, plain) in [
            ("c\\at 'x'", "cat x"),
            ("w^h\"o\"am$@i", "whoami"),
            ("cat${ifs}/etc", "cat /etc"),
            ("cat$ifs$9/etc", "cat /etc"),
            ("a\r\nb", "a\n\nb"),
        ] {
            assert_eq!(unobscured(text), plain.as_bytes(), "{text}");
        }
    }
}
